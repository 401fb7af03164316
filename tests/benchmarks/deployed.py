"""How much faster CARNet runs deployed, in what share of the GEMM-rate bound, and where the time goes.

Everything compared is interleaved in one run, with the heap that ``carnet-bench`` has (bench/heap.py);
``--heap system`` shows what the page faults of the system's own cost.

python tests/benchmarks/deployed.py [--size 512 1024] [--threads 2] [--heap system] [--only pool]
"""

import argparse
import os
import resource
import shutil
from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from bench.clock.clock import time_models
from bench.clock.protocol import Protocol
from bench.cost.counters import flop_counter_macs
from bench.heap import VARIABLE, keep_heap
from bench.speed.device import measuring_conditions, open_device
from bench.speed.engines import onnx_runtime, open_vino
from bench.speed.engines.engine import Conditions
from bench.speed.roofline import gemm_bound_ms, measure_rates
from carnet.fast.deploy import deploy
from carnet.fast.exact_forms import separable_pool
from carnet.fast.one_pass_pool import code, one_pass_pool
from carnet.fast.training import use_fast_training
from carnet.loss import CARNetLoss
from carnet.model import CARNet, build

PARTS = ("inference", "labels", "pool", "training", "profile")
LAYOUTS = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
Calls = dict[str, Callable[[], object]]


def compare(title: str, calls: Calls, baseline: str, asked: argparse.Namespace) -> dict[str, float]:
    """Time calls in turn and print medians, ratios to the baseline and page faults; return the medians."""
    protocol = Protocol(samples=asked.rounds, budget_s=asked.budget)
    timed = time_models(
        {name: lambda call=call: void(call) for name, call in calls.items()}, lambda: None, protocol=protocol
    )
    medians = {name: samples.summary.median_ms for name, samples in timed.items()}
    print(f"\n{title}; median, ratio to {baseline}, page faults a call, validity")
    for name, samples in timed.items():
        reasons = "valid" if samples.valid else "NOT VALID: " + "; ".join(samples.chosen.reasons)
        ratio = medians[baseline] / medians[name]
        print(f"  {name:34} {medians[name]:9.1f} ms {ratio:6.2f} x {faults(calls[name]):8d}  {reasons}")
    return medians


def void(call: Callable[[], object]) -> None:
    call()


def faults(call: Callable[[], object]) -> int:
    """Return the pages that one call made the system map."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    call()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def drawn(variant: str, layout: torch.memory_format = torch.contiguous_format) -> CARNet:
    """Return a network of 19 classes, the same weights at each call."""
    torch.manual_seed(0)
    return build(19, variant=variant).eval().to(memory_format=layout)


def compiled(network: nn.Module, image: torch.Tensor) -> Callable[[], object] | str:
    """Return the call of the network under `torch.compile` with frozen weights, or why there is none."""
    import torch._inductor.config as inductor

    if not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        return "no C++ compiler"
    try:
        fast = torch.compile(network)
        with inductor.patch(
            freezing=True
        ):  # weights are constants: laid out once, and fused with what follows
            fast(image)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return lambda: fast(image)


def inference(variant: str, asked: argparse.Namespace) -> None:
    """Compare the plain network with the deployed one, and both with the bound of the unfolded graph."""
    size_hw = tuple(asked.size)
    plain = torch.randn(1, 3, *size_hw)
    last = plain.contiguous(memory_format=torch.channels_last)
    nchw, nhwc = drawn(variant), drawn(variant, torch.channels_last)
    calls: Calls = {"eager NCHW": lambda: nchw(plain), "eager channels_last": lambda: nhwc(last)}
    for pool in ("whole", "separable", "one_pass"):
        deployed = deploy(nchw, size_hw, pool=pool)
        calls[f"deployed, pool {pool}"] = lambda deployed=deployed: deployed(last)
    for pool in () if asked.no_compile else ("whole", "separable", "one_pass"):
        name = f"deployed + compile, pool {pool}"
        call = compiled(deploy(nchw, size_hw, pool=pool), last)
        if isinstance(call, str):
            print(f"{name}: skipped ({call})")
        else:
            calls[name] = call
    before = measure_rates(open_device("cpu"), seconds=1.0, gemm_side=asked.gemm_side)
    title = f"carnet-{variant} {size_hw[0]}x{size_hw[1]}"
    medians = compare(title, calls, "eager NCHW", asked)
    after = measure_rates(open_device("cpu"), seconds=1.0, gemm_side=asked.gemm_side)
    rates = max(before, after, key=lambda rates: rates.gemm_gmacs_per_s)
    with torch.device("meta"):
        unfolded = build(19, variant=variant).eval()
        gmacs = [
            flop_counter_macs(network, [torch.empty(1, 3, *size_hw)]).total() / 1e9
            for network in (unfolded, deploy(unfolded, size_hw))
        ]
    bounds_ms = [gemm_bound_ms(count, rates) for count in gmacs]
    rate = f"{rates.gemm_gmacs_per_s:.1f} GMAC/s"
    print(f"  GEMM {asked.gemm_side}^3: {rate}; {gmacs[0]:.3f} GMAC, folded {gmacs[1]:.3f}")
    for name, median_ms in medians.items():
        shares = [f"{bound_ms / median_ms:4.0%}" for bound_ms in bounds_ms]
        print(f"  {name:34} {shares[0]} of the bound of the unfolded graph, {shares[1]} of the folded one's")


class Labels(nn.Module):
    """A network with its arg-max; ``in_one`` takes a deployed network's own, which enlarges no logits."""

    def __init__(self, network: nn.Module, *, in_one: bool = False) -> None:
        super().__init__()
        self.network, self.in_one = network, in_one

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if self.in_one:
            return self.network.labels(image)  # type: ignore[operator, no-any-return]
        return self.network(image).argmax(1)  # type: ignore[no-any-return]


def labels(variant: str, asked: argparse.Namespace) -> None:
    """Compare an image's way to its labels: enlarged logits and arg-max, of graphs too, and both in one."""
    size_hw = tuple(asked.size)
    last = torch.randn(1, 3, *size_hw).contiguous(memory_format=torch.channels_last)
    plain = drawn(variant, torch.channels_last)
    deployed = deploy(plain, size_hw)
    networks = {
        "channels_last, arg-max": Labels(plain),
        "deployed, arg-max": Labels(deployed),
        "deployed, labels": Labels(deployed, in_one=True),
    }
    calls: Calls = {name: lambda network=network: network(last) for name, network in networks.items()}
    for name, network in () if asked.no_compile else networks.items():
        call = compiled(network, last)
        if isinstance(call, str):
            print(f"{name} + compile: skipped ({call})")
        else:
            calls[f"{name} + compile"] = call
    conditions = Conditions(torch.device("cpu"), asked.threads or torch.get_num_threads())
    for engine in (onnx_runtime, open_vino):
        for name in ("channels_last, arg-max", "deployed, arg-max"):
            # what an engine returns is bound to float32
            network = nn.Sequential(networks[name], Function(torch.Tensor.float))
            graph = engine.prepare(network, last, conditions).infer
            calls[f"{name}, {engine.__name__.rpartition('.')[2]}"] = partial(graph, last)
    compare(f"labels of carnet-{variant}", calls, "channels_last, arg-max", asked)


def pool(asked: argparse.Namespace) -> None:
    """Compare CRP's pool at L1 with the 1x1 convolution beside it."""
    plain = torch.randn(1, 256, -(-asked.size[0] // 4), -(-asked.size[1] // 4))
    last = plain.contiguous(memory_format=torch.channels_last)
    conv = nn.Conv2d(256, 256, 1, bias=False).to(memory_format=torch.channels_last)
    calls: Calls = {
        "1x1 convolution": lambda: conv(last),
        "pool, whole, NCHW": lambda: nn.functional.max_pool2d(plain, 5, stride=1, padding=2),
        "pool, whole": lambda: nn.functional.max_pool2d(last, 5, stride=1, padding=2),
        "pool, separable": lambda: separable_pool(last),
    }
    if code() is not None:
        calls["pool, one pass in C"] = lambda: one_pass_pool(last)
    if not asked.no_compile:
        for name, function in (
            ("compiled whole", lambda x: nn.functional.max_pool2d(x, 5, stride=1, padding=2)),
            ("compiled separable", separable_pool),
        ):
            call = compiled(Function(function), last)
            if isinstance(call, str):
                print(f"pool, {name}: skipped ({call})")
            else:
                calls[f"pool, {name}"] = call
    compare(f"CRP at L1, {tuple(last.shape)}", calls, "1x1 convolution", asked)


class Function(nn.Module):
    """A function as a module, which is what ``compiled`` takes."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def training(asked: argparse.Namespace) -> None:
    """Compare a training step of CARNet-Mobile in both layouts and in its fast form; show where time goes."""
    calls = {f"step {name}": training_step(layout, asked) for name, layout in LAYOUTS.items()}
    calls["step fast"] = training_step(torch.channels_last, asked, use_fast_training)
    compare(f"training carnet-mobile, {asked.training_shape}", calls, "step NCHW", asked)
    for name, call in calls.items():
        print_operators(name, call)


def training_step(
    layout: torch.memory_format, asked: argparse.Namespace, prepare: Callable[..., None] = lambda *_: None
) -> Callable[[], object]:
    """Return one step of SGD on a drawn batch, the network and its loss prepared first."""
    batch, height, width = asked.training_shape
    network = drawn("mobile", layout).train()
    image = torch.randn(batch, 3, height, width).contiguous(memory_format=layout)
    label = torch.randint(19, (batch, height, width))
    criterion = CARNetLoss()
    prepare(network, criterion)
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-6, momentum=0.9)

    def step() -> None:
        optimiser.zero_grad()
        criterion(network(image), label)["total"].backward()
        optimiser.step()

    return step


def print_operators(title: str, call: Callable[[], object], rows: int = 16) -> None:
    """Print the operators that take the most time of one call, after one to warm up."""
    call()
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiled:
        call()
    events = sorted(profiled.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total_us = sum(event.self_cpu_time_total for event in events)
    print(f"\n{title}: {total_us / 1000:.0f} ms under the profiler")
    for event in events[:rows]:
        share = event.self_cpu_time_total / total_us
        print(
            f"  {event.key:44} {event.self_cpu_time_total / 1000:9.1f} ms {share:6.1%} {event.count:6d} calls"
        )


def profiles(asked: argparse.Namespace) -> None:
    """Print where the time of one image goes, eager and deployed."""
    last = torch.randn(1, 3, *asked.size).contiguous(memory_format=torch.channels_last)
    for variant in asked.variants:
        model = drawn(variant, torch.channels_last)
        networks = {"eager channels_last": model, "deployed": deploy(model, tuple(asked.size))}
        for name, network in networks.items():
            print_operators(f"carnet-{variant}, {name}", lambda network=network: network(last))
        call = "left out" if asked.no_compile else compiled(networks["deployed"], last)
        if isinstance(call, str):
            print(f"deployed + compile: skipped ({call})")
        else:
            print_operators(f"carnet-{variant}, deployed + compile", call)


def main() -> None:
    """Run the requested parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, nargs=2, default=(512, 1024), metavar=("H", "W"))
    parser.add_argument("--training-shape", type=int, nargs=3, default=(6, 240, 320), metavar=("B", "H", "W"))
    parser.add_argument("--variants", nargs="*", default=["mobile", "resnet50"])
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--heap", choices=("kept", "system"), default="kept")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--budget", type=float, default=300.0, help="seconds for one comparison")
    parser.add_argument("--gemm-side", type=int, default=4096)
    parser.add_argument("--no-compile", action="store_true")
    asked = parser.parse_args()
    os.environ[VARIABLE] = asked.heap
    heap = keep_heap()
    with measuring_conditions(asked.threads) as threads, torch.no_grad():
        print(f"torch {torch.__version__}, {threads} threads, heap {heap}")
        if "inference" in asked.only:
            for variant in asked.variants:
                inference(variant, asked)
        if "labels" in asked.only:
            for variant in asked.variants:
                labels(variant, asked)
        if "pool" in asked.only:
            pool(asked)
        if "training" in asked.only:
            with torch.inference_mode(False), torch.enable_grad():
                training(asked)
        if "profile" in asked.only:
            profiles(asked)


if __name__ == "__main__":
    main()
