"""CARNet as published and as deployed in every engine of this machine, interleaved, as ratios within one run.

python tests/benchmarks/engines.py [--models carnet-mobile carnet-resnet50] [--size 512x1024] [--bf16]

The bound is the multiply-adds of the network as published at the rate of torch.mm, fp32, 4096^3, taken in the
same run. Needs a quiet machine: what is not valid is printed with its reasons and proves nothing.
"""

import argparse
import os

import torch

from baselines.registry import METHODS
from bench.cli.parsing import parse_size
from bench.clock.protocol import Protocol
from bench.results.record import Record
from bench.speed.device import measuring_conditions, open_device
from bench.speed.measure import measure_speed
from bench.speed.roofline import measure_rates
from bench.speed.variant import Variant

GRAPHS = ("onnxruntime", "openvino")
"""Both, from the graph as published, are what the deployed one is to beat."""
DEPLOYED = ("onnxruntime", "openvino", "compile", "eager")
BF16 = (("openvino", False), ("openvino", True), ("compile", True), ("eager", True))
"""Engines that compute in bf16, and whether the network is deployed; only a processor made for bf16 gains."""


def gemm_rate(side: int, threads: int) -> float:
    """Return 10^9 multiply-adds a second of a product of square matrices."""
    device = open_device("cpu")
    with measuring_conditions(threads):
        return measure_rates(device, seconds=3.0, gemm_side=side).gemm_gmacs_per_s


def show(name: str, records: list[Record], rate: float) -> None:
    """Print one network's times, ratios and shares of the bound."""
    median_ms = {record.identity.title: record.values.median_ms for record in records}

    def of(engine: str, deployed: bool, precision: str = "") -> float:
        engine = "" if engine == "eager" else engine
        words = f"{engine} {precision} {'deployed' if deployed else ''}".split()
        return float(median_ms[f"{name} ({' '.join(words)})" if words else name])

    published_ms = min(of(engine, False) for engine in GRAPHS)
    gmacs = records[0].values.gmacs
    bound_ms = None if gmacs is None else gmacs / rate * 1000.0
    print(f"\n{name}: bound {'-' if bound_ms is None else f'{bound_ms:.1f} ms'}")
    for record in records:
        label, time_ms = record.identity.title, record.values.median_ms
        share = "-" if bound_ms is None else f"{bound_ms / time_ms:5.0%}"
        spread = record.values.spread
        print(
            f"  {label:42} {time_ms:9.1f} ms  spread {'-' if spread is None else f'{spread:4.0%}'}  of the "
            f"bound {share}  {published_ms / time_ms:5.2f} x faster than the better published graph"
        )
        for reason in record.reasons:
            print(f"    not valid: {reason}")
    best_ms = min(of(engine, True) for engine in DEPLOYED)
    torch_ms = min(of("compile", True), of("eager", True))
    plain_ms = median_ms[f"{name} (eager nchw)"]
    print(f"  deployed in its best engine : published in its best  {published_ms / best_ms:5.2f} x faster")
    if len(records) > len(DEPLOYED) + len(GRAPHS) + 2:
        half_ms = {
            deployed: min(of(engine, one, "bf16") for engine, one in BF16 if one == deployed)
            for deployed in (False, True)
        }
        print(
            f"  deployed in bf16 : published in its best, fp32  {published_ms / half_ms[True]:5.2f} x faster"
        )
        print(f"  deployed in bf16 : published in bf16  {half_ms[False] / half_ms[True]:5.2f} x faster")
    print(f"  deployed in PyTorch : deployed in OpenVINO  {torch_ms / of('openvino', True):5.2f} x its time")
    print(f"  deployed in PyTorch : eager NCHW  {plain_ms / torch_ms:5.2f} x faster")


def main() -> None:
    """Time the networks one after the other, the variants of each against each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", nargs="*", default=["carnet-mobile", "carnet-resnet50"])
    parser.add_argument("--size", default="512x1024")
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--threads", type=int, default=min(2, len(os.sched_getaffinity(0))))
    parser.add_argument("--gemm-side", type=int, default=4096)
    parser.add_argument("--budget-s", type=float, default=600.0)
    parser.add_argument("--bf16", action="store_true", help="time bf16, too")
    given = parser.parse_args()
    rate = gemm_rate(given.gemm_side, given.threads)
    print(
        f"engines at {given.size}, batch 1, {given.threads} threads, torch {torch.__version__}, load "
        f"{os.getloadavg()[0]:.1f}; torch.mm of {given.gemm_side}^3: {rate:.1f} GMAC/s"
    )
    variants = [
        Variant("nchw"),
        Variant("eager"),
        *(Variant(engine) for engine in GRAPHS),
        *(Variant(engine, deploy=True) for engine in DEPLOYED),
        *(Variant(engine, "bf16", deploy) for engine, deploy in (BF16 if given.bf16 else ())),
    ]
    for name in given.models:
        records = measure_speed(
            [METHODS[name]],
            parse_size(given.size),
            threads=given.threads,
            device="cpu",
            variants=variants,
            protocol=Protocol(samples=given.samples, budget_s=given.budget_s),
        )
        show(name, records, rate)
    rate_after = gemm_rate(given.gemm_side, given.threads)
    print(f"\ntorch.mm of {given.gemm_side}^3 after all: {rate_after / rate:.2f} x its rate before")


if __name__ == "__main__":
    main()
