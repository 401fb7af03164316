"""How much faster counting on `meta` is than one real forward under ptflops, method by method in one run.

python tests/benchmarks/counting.py [--only segnet enet]
"""

import argparse
import gc
import os
import sys
import time
from typing import Any

import torch
from ptflops import get_model_complexity_info
from rich.console import Console
from rich.progress import track

from baselines.method import Method
from baselines.registry import METHODS
from bench.cost.costs import ALL
from bench.cost.count import count_costs
from bench.cost.meta import build_on_meta


def meta_s(method: Method, which: tuple[str, ...]) -> float:
    """Return the seconds that some counts take, building on `meta` included."""
    start = time.perf_counter()
    count_costs(method, method.num_classes, method.size_hw, which, components=False)
    return time.perf_counter() - start


def build_s(method: Method) -> float:
    """Return the seconds that building on `meta` takes: they are in ``meta_s``, and not in ``real_s``."""
    start = time.perf_counter()
    build_on_meta(method, method.num_classes)
    return time.perf_counter() - start


def real_s(method: Method) -> float:
    """Return the seconds of one ptflops count with a real forward; building is not in it."""
    network: Any = method.build(method.num_classes).eval()
    gc.collect()
    start = time.perf_counter()
    with torch.inference_mode():
        get_model_complexity_info(
            network, (3, *method.size_hw), as_strings=False, print_per_layer_stat=False, verbose=False
        )
    return time.perf_counter() - start


def main() -> None:
    """Print the sums over all methods and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(METHODS))
    methods = [METHODS[name] for name in parser.parse_args().only]
    # what is imported on first use is not the count's
    count_costs(methods[0], methods[0].num_classes, methods[0].size_hw)
    build, two, four, real = 0.0, 0.0, 0.0, 0.0
    console = Console(file=sys.stderr)
    for method in track(methods, "counting", console=console, transient=True):
        build += build_s(method)
        two += meta_s(method, ("thop2019_gops", "gmacs"))
        four += meta_s(method, ALL)
        real += real_s(method)
    threads, load = torch.get_num_threads(), os.getloadavg()[0]
    print(f"counts of {len(methods)} methods at the paper's sizes ({threads} threads, load {load:.1f})")
    print(f"  one real forward under ptflops    {real:8.2f} s")
    print(f"  thop-2019 and MACs on meta        {two:8.2f} s  {real / two:6.1f} x faster")
    print(f"    without building the networks   {two - build:8.2f} s  {real / (two - build):6.1f} x faster")
    print(f"  all four counts on meta           {four:8.2f} s  {real / four:6.1f} x faster")


if __name__ == "__main__":
    main()
