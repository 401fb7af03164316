"""What the training loop costs over a bare PyTorch loop, and how fast the loader feeds the network.

The two loops take turns in one run, a step each, on the same batches in memory, so that a machine that slows
slows both, and their losses must be equal; the ratio is the median over pairs. CARNET_DATA names the folder
of real data sets for the loader.

python tests/benchmarks/training_loop.py [--pairs 40] [--batch 2] [--crop 256] [--threads 1]
"""

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track

from baselines.registry import METHODS
from bench.data.catalogue import open_data
from bench.data.dataset import Sample, SegmentationData
from bench.data.loader import Batch, epoch_batches
from bench.data.statistics import IMAGENET, normalise
from bench.data.transforms import TrainTransform
from bench.errors import BenchError
from bench.fabric import launch_fabric
from bench.train.criterion import build_criterion
from bench.train.journals import open_journal
from bench.train.kernels import choose_kernels
from bench.train.loop import Trainer
from bench.train.recipe import Recipe, from_table
from bench.train.schedule import lr_scale

_WARM_UP = 3
_REAL = ("camvid", "nyudv2", "cityscapes")


class InMemory:
    """Drawn scenes, read once."""

    def __init__(self, data: SegmentationData) -> None:
        self.name, self.split, self.synthetic = data.name, data.split, data.synthetic
        self.classes, self.palette = data.classes, data.palette
        self._samples = [data.read(index) for index in range(len(data))]

    def __len__(self) -> int:
        return len(self._samples)

    def read(self, index: int) -> Sample:
        """Return the sample."""
        return self._samples[index]

    def manifest(self) -> dict[str, str]:
        """Return nothing: no run is named after it."""
        return {}


def bare_step(recipe: Recipe, epoch_steps: int) -> Callable[[Batch], float]:
    """Return a step as one writes it in a notebook: no Fabric, no check, no record."""
    torch.manual_seed(0)
    method = METHODS[recipe.model]
    network = method.build(19).to(memory_format=torch.channels_last).train()
    criterion = build_criterion(recipe, method)
    choose_kernels(network, criterion, "cpu")  # the arithmetic is the same on both sides
    encoder = list(network.encoder.parameters())  # type: ignore[union-attr]
    known = {id(parameter) for parameter in encoder}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in known]
    optimiser = torch.optim.SGD(
        [{"params": encoder, "lr": recipe.encoder_lr}, {"params": rest, "lr": recipe.decoder_lr}],
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: lr_scale(recipe, step, epoch_steps))

    def step(batch: Batch) -> float:
        image = normalise(batch.image, IMAGENET).contiguous(memory_format=torch.channels_last)
        loss = criterion(network(image), batch.label)["total"]
        optimiser.zero_grad()
        loss.backward()
        if recipe.clip_norm:
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
        optimiser.step()
        schedule.step()
        return float(loss.detach())

    return step


def bench_trainer(recipe: Recipe, data: SegmentationData, folder: Path) -> Trainer:
    """Return the bench's trainer, whose step holds journal and checks."""
    torch.manual_seed(0)
    method = METHODS[recipe.model]
    trainer = Trainer(
        recipe=recipe,
        network=method.build(19),
        criterion=build_criterion(recipe, method),
        data=data,
        statistics=IMAGENET,
        fabric=launch_fabric("cpu"),
        folder=folder / "checkpoints",
        run_key="benchmark",
    )
    trainer.journal = open_journal(folder, {"recipe": recipe.identity()}, "benchmark", (), iter(()))
    trainer.model.train()
    return trainer


@dataclass(frozen=True)
class Steps:
    """Seconds of steps: by the clock, and of processor time, which other processes do not lengthen."""

    wall_s: list[float]
    cpu_s: list[float]


def compare_loops(recipe: Recipe, data: SegmentationData, pairs: int) -> dict[str, Steps]:
    """Return the times of the ``bare`` and of the ``bench``'s steps, taken in turn on the same batches."""
    transform = TrainTransform(recipe.crop, recipe.scale, recipe.flip)
    batches = list(epoch_batches(data, transform, recipe.batch, seed=0, epoch=0))
    found = {"bare": Steps([], []), "bench": Steps([], [])}
    with tempfile.TemporaryDirectory() as folder:
        trainer = bench_trainer(recipe, data, Path(folder))
        steps = {"bare": bare_step(recipe, trainer.epoch_steps), "bench": trainer.one_step}
        console = Console(file=sys.stderr)
        for pair in track(range(-_WARM_UP, pairs), "steps", console=console, transient=True):
            batch = batches[pair % len(batches)]
            losses = {}
            # who goes first has the colder caches: they take turns
            for name in sorted(steps, reverse=bool(pair % 2)):
                wall, cpu = time.perf_counter(), time.process_time()
                losses[name] = steps[name](batch)
                if pair >= 0:
                    found[name].wall_s.append(time.perf_counter() - wall)
                    found[name].cpu_s.append(time.process_time() - cpu)
            if losses["bare"] != losses["bench"]:
                raise SystemExit(f"pair {pair}: the loops differ, {losses}")
        trainer.journal.close()
    return found


def ratio_line(name: str, bare: list[float], ours: list[float]) -> str:
    """Return one line: both medians, and the ratio of pairs with its quartiles."""
    low, middle, high = statistics.quantiles([b / a for a, b in zip(bare, ours, strict=True)], n=4)
    medians = f"{1000 * statistics.median(bare):8.1f} ms  {1000 * statistics.median(ours):8.1f} ms"
    return f"  {name:<14} {medians}   {middle:.4f} ({low:.4f} .. {high:.4f})"


def loader_ms(data: SegmentationData, crop: tuple[int, int], images: int) -> tuple[float, float]:
    """Return the processor's milliseconds an image, of reading and of everything up to the batch."""
    started = time.process_time()
    for index in range(images):
        data.read(index % len(data))
    read = time.process_time() - started
    transform = TrainTransform(crop)
    batch = min(2, len(data))
    epochs = (epoch_batches(data, transform, batch, seed=0, epoch=epoch) for epoch in itertools.count())
    started = time.process_time()
    done = [
        len(given.names) for given in itertools.islice(itertools.chain.from_iterable(epochs), images // batch)
    ]
    return 1000 * read / images, 1000 * (time.process_time() - started) / sum(done)


def available(name: str) -> SegmentationData | None:
    """Return the real training split, or a sample of it; None where there is none."""
    for split in ("train", "val"):
        try:
            return open_data(name, split)
        except BenchError:
            continue
    return None


def main() -> None:
    """Print the medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="carnet-mobile")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = from_table(
        {
            "name": "benchmark",
            "model": given.model,
            "data": "scenes",
            "crop": given.crop,
            "batch": given.batch,
            "epochs": 100,
            "encoder_lr": 1e-3,
            "decoder_lr": 1e-2,
            "clip_norm": 5.0,
        },
        "benchmark",
    )
    data = InMemory(open_data("scenes", "train", None, count=4 * given.batch, size_hw=(288, 384)))
    found = compare_loops(recipe, data, given.pairs)
    bare, ours = found["bare"], found["bench"]
    print(
        f"{given.model}, batch {given.batch} of {given.crop}x{given.crop}, {given.pairs} pairs of steps, "
        f"{given.threads} threads, load {os.getloadavg()[0]:.1f}"
    )
    print(f"  {'':<14} {'bare loop':>11}  {'bench loop':>11}   ratio of pairs (quartiles)")
    print(ratio_line("clock", bare.wall_s, ours.wall_s))
    print(ratio_line("processor time", bare.cpu_s, ours.cpu_s))
    used_ms = 1000 * statistics.median(ours.cpu_s) / given.batch
    print(f"loader, processor time; the network takes {used_ms:.1f} ms an image")
    sources: dict[str, SegmentationData | None] = {"scenes, in memory": data}
    sources |= {f"{name}, from disk": available(name) for name in _REAL}
    for name, source in sources.items():
        if source is None:
            print(f"  {name:<22} not there")
            continue
        read_ms, all_ms = loader_ms(source, recipe.crop, 24)
        print(
            f"  {name:<22} {all_ms:6.1f} ms an image, {read_ms:6.1f} of it reading; {used_ms / all_ms:6.1f} x"
        )


if __name__ == "__main__":
    main()
