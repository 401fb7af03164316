"""Everything that needs a GPU, in at most eight minutes: tests, times of a training step, one run on CamVid.

python tests/gpu/run_gpu.py [--home FOLDER] [--only tests step run] [--device cpu --samples 9 --epochs 1]

Times of a step are taken in turn in one run: plain PyTorch as one writes it first, and the bench's own loop
in the forms that it has. The bound is three forward passes of the counted multiply-adds (a backward pass
takes two) at the fp32 rate of torch.mm on this device. The run trains and scores CARNet-Mobile on CamVid, or
on synthetic scenes where CARNET_DATA has none, and leaves its records in the folder. Ends with 1 if a part
fails.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch

from baselines.registry import METHODS
from bench.clock.clock import time_models
from bench.clock.protocol import Protocol
from bench.cost.counters import flop_counter_macs
from bench.data.catalogue import open_data
from bench.data.loader import Batch, epoch_batches
from bench.data.statistics import IMAGENET, normalise
from bench.data.transforms import TrainTransform
from bench.errors import BenchError
from bench.fabric import launch_fabric
from bench.speed.device import Device, open_device
from bench.speed.roofline import gemm_bound_ms, measure_rates
from bench.train.criterion import build_criterion
from bench.train.kernels import VARIABLE
from bench.train.loop import Trainer
from bench.train.recipe import Recipe, from_table

HERE = Path(__file__).resolve().parent
PARTS = ("tests", "step", "run")
MINUTES = 8
"""All parts together; what is left goes to the next part."""
STEP_SHARE = 0.3
"""Most of the time that the times of steps may take."""
MODELS = ("carnet-mobile", "smp-fpn-mobilenetv2")
BATCH, CROP_HW, CLASSES = 6, (256, 320), 19
Step = Callable[[], None]


def recipe_of(model: str, precision: str) -> Recipe:
    """Return the recipe that both loops follow."""
    table = {"name": "gpu", "model": model, "data": "scenes", "crop": list(CROP_HW), "batch": BATCH}
    rates = {"encoder_lr": 1e-4, "decoder_lr": 1e-3, "schedule": "step"}
    return from_table({**table, **rates, "epochs": 1_000_000, "precision": precision}, "gpu")


def plain_step(model: str, batch: Batch, device: torch.device) -> Step:
    """Return a step as one writes it first: default layout, no graph, 32 bits."""
    torch.manual_seed(0)
    method = METHODS[model]
    network = method.build(CLASSES).to(device).train()
    criterion = build_criterion(recipe_of(model, "32-true"), method)
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        optimiser.zero_grad()
        image = normalise(batch.image.to(device), IMAGENET)
        loss = criterion(network(image), batch.label.to(device))["total"]
        loss.backward()
        optimiser.step()
        loss.item()

    return step


def bench_step(recipe: Recipe, batch: Batch, device: str, form: str, folder: Path) -> Step:
    """Return the bench's own step, which has been called once: its form is chosen by then."""
    torch.manual_seed(0)
    method = METHODS[recipe.model]
    with mock.patch.dict(os.environ, {VARIABLE: form}):  # until the first step, which chooses the form
        trainer = Trainer(
            recipe=recipe,
            network=method.build(CLASSES),
            criterion=build_criterion(recipe, method),
            data=open_data("scenes", "train", count=2 * BATCH, size_hw=CROP_HW),
            statistics=IMAGENET,
            fabric=launch_fabric(device, recipe.precision),
            folder=folder,
            run_key="gpu",
        )
        trainer.model.train()
        trainer.one_step(batch)
    return lambda: void(trainer.one_step(batch))


def void(_: object) -> None:
    pass


def time_steps(model: str, device: Device, given: argparse.Namespace, budget_s: float, folder: Path) -> None:
    """Print the times of one network's training step."""
    data = open_data("scenes", "train", count=2 * BATCH, size_hw=CROP_HW)
    batch = next(epoch_batches(data, TrainTransform(CROP_HW), BATCH, 0, 0, device=device.torch_device))
    forms = [("32-true", "fast"), ("bf16-mixed", "fast")]
    if device.kind == "cuda":
        forms += [("32-true", "graph"), ("bf16-mixed", "graph")]
    calls = {"plain PyTorch, fp32": plain_step(model, batch, device.torch_device)}
    for precision, form in forms:
        name = f"bench, {precision}{', CUDA graph' if form == 'graph' else ''}"
        calls[name] = bench_step(recipe_of(model, precision), batch, device.kind, form, folder / name)
    rates = measure_rates(device)
    protocol = Protocol(samples=given.samples, budget_s=budget_s)
    timed = time_models(calls, device.synchronise, protocol=protocol)
    with torch.device("meta"):
        network = METHODS[model].build(CLASSES).eval()
        macs = flop_counter_macs(network, [torch.empty(BATCH, 3, *CROP_HW)]).total()
    bound_ms = gemm_bound_ms(3 * macs / 1e9, rates)
    plain_ms = timed["plain PyTorch, fp32"].summary.median_ms
    print(f"\n{model}, {BATCH} x {CROP_HW[0]}x{CROP_HW[1]}: bound {bound_ms:.2f} ms, fp32")
    for name, samples in timed.items():
        median_ms = samples.summary.median_ms
        reasons = "valid" if samples.valid else "NOT VALID: " + "; ".join(samples.chosen.reasons)
        ratio, share = plain_ms / median_ms, bound_ms / median_ms
        print(f"  {name:32} {median_ms:9.2f} ms {ratio:6.2f} x, bound/time {share:5.0%}  {reasons}")


def run_tests(left_s: float) -> bool:
    """Run the tests that need a GPU."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE)]
    return subprocess.run(command, timeout=left_s, check=False).returncode == 0


def run_camvid(given: argparse.Namespace, left_s: float) -> bool:
    """Train and score one run."""
    try:
        open_data("camvid", "train")
        recipe = "camvid-compare"
    except BenchError:
        recipe = "scenes-compare"
    changes = ["--set", f"epochs={given.epochs}"] if given.epochs else []
    command = [sys.executable, "-m", "bench", "train", recipe, "--model", "carnet-mobile", *changes]
    command += ["--device", given.device, "--home", str(given.home)]
    print(f"\n{' '.join(command[2:])}", flush=True)
    started = time.monotonic()
    code = subprocess.run(command, timeout=left_s, check=False).returncode
    print(f"  {time.monotonic() - started:.0f} s, exit code {code}")
    return code == 0


def main() -> int:
    """Run the parts; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--home", type=Path, default=Path("runs/gpu"), help="folder of the run and its records"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu tries the script")
    parser.add_argument("--samples", type=int, default=50, help="timed steps of each form")
    parser.add_argument("--epochs", type=int, help="of the run; the recipe's by default")
    given = parser.parse_args()
    ends = time.monotonic() + 60 * MINUTES
    failed = []
    try:
        device = open_device(given.device)
        where = torch.cuda.get_device_name() if device.kind == "cuda" else "CPU"
        print(f"torch {torch.__version__}, {where}", flush=True)
        if "tests" in given.only and not run_tests(ends - time.monotonic()):
            failed.append("tests")
        if "step" in given.only:
            with tempfile.TemporaryDirectory() as folder:
                for model in MODELS:
                    time_steps(model, device, given, 60 * MINUTES * STEP_SHARE / len(MODELS), Path(folder))
        if "run" in given.only and not run_camvid(given, ends - time.monotonic()):
            failed.append("run")
    except (BenchError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
