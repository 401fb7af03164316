"""What keeping decoded images saves of a step, and what a grid costs over the sum of its steps and scores.

python tests/benchmarks/grid_overhead.py [--pairs 30] [--epochs 1] [--threads 1] [--subjects bs crp]

Steps: each pair is of the same batch, read from files and read from kept samples, and one step on each, one
pair after the other in one run; printed are the medians and the median of the ratios of the pairs.

Grid: one process trains and scores each subject; its overhead is all time outside the runs' own steps (as
their records have it) and scored images: start-up, measured steps, reading, augmentation, checkpoints,
journals, records. A run of a study has a dozen or more epochs and pays the same start-up.

CamVid where CARNET_DATA has it, else synthetic scenes in CamVid's size, written as such a folder.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from bench.data.catalogue import open_data
from bench.data.dataset import Sample, SegmentationData
from bench.data.kept import keep_samples
from bench.data.loader import Batch, epoch_batches
from bench.errors import BenchError
from bench.experiments.grid import experiment_of
from bench.experiments.grid_axes import axes_of
from bench.experiments.grid_execution import execute, look
from bench.experiments.grid_state import Ledger
from bench.train import recipe as recipes
from bench.train.loop import Trainer
from bench.train.run import prepare, trainer_of
from bench.train.settings import Settings

WARM_UP = 3
COUNTS = {"train": 48, "val": 12, "test": 12}
RECIPE = """
model = "carnet-mobile"
data = "camvid"
crop = [180, 240]
batch = 6
epochs = {epochs}
encoder_lr = 2e-3
decoder_lr = 1e-2
clip_norm = 5.0
validate_every = 0
"""


class FromFiles:
    """The same split, decoded each time that it is read."""

    def __init__(self, data: SegmentationData) -> None:
        self.data = data
        self.name, self.split, self.synthetic = data.name, data.split, data.synthetic
        self.classes, self.palette = data.classes, data.palette

    def __len__(self) -> int:
        return len(self.data)

    def read(self, index: int) -> Sample:
        """Return the sample, decoded."""
        return self.data.read(index)

    def manifest(self) -> dict[str, str]:
        """Return the split's own."""
        return self.data.manifest()


def drawn(root: Path) -> Path:
    """Write synthetic scenes of 360x480 as a folder of CamVid."""
    for split, count in COUNTS.items():
        scenes = open_data("scenes", split, count=count, size_hw=(360, 480))
        lines = []
        for index in range(count):
            sample = scenes.read(index)
            image, label = f"{split}/{index:04d}.jpg", f"{split}annot/{index:04d}.png"
            for name in (image, label):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(sample.image.permute(1, 2, 0).numpy()).save(root / image, quality=95)
            Image.fromarray(sample.label.clamp(max=11).numpy()).save(root / label)
            lines.append(f"{image} {label}\n")
        (root / f"{split}.txt").write_text("".join(lines))
    return root


def batches(data: SegmentationData, trainer: Trainer) -> Iterator[Batch]:
    """Yield the batches of epoch after epoch."""
    epoch = 0
    while True:
        yield from epoch_batches(data, trainer.transform, trainer.step_images, seed=0, epoch=epoch)
        epoch += 1


def compare_steps(trainer: Trainer, data: SegmentationData, pairs: int) -> None:
    """Print the times of steps from files and from kept samples, and their ratio."""
    keep_samples(data)
    sources = {"from files": batches(FromFiles(data), trainer), "kept": batches(data, trainer)}
    read_s: dict[str, list[float]] = {name: [] for name in sources}
    step_s: dict[str, list[float]] = {name: [] for name in sources}
    trainer.model.train()
    for pair in range(-WARM_UP, pairs):
        given = {}
        for name in sorted(sources, reverse=bool(pair % 2)):
            started = time.perf_counter()
            given[name] = next(sources[name])
            read = time.perf_counter()
            trainer.one_step(given[name])
            if pair >= 0:
                read_s[name].append(read - started)
                step_s[name].append(time.perf_counter() - started)
        if not torch.equal(given["from files"].image, given["kept"].image):
            raise SystemExit(f"pair {pair}: the batches differ")
    before, after = step_s["from files"], step_s["kept"]
    low, middle, high = statistics.quantiles([b / a for a, b in zip(before, after, strict=True)], n=4)
    for name in sources:
        read_ms, step_ms = (1000 * statistics.median(found[name]) for found in (read_s, step_s))
        print(f"  {name:<10} {step_ms:8.1f} ms a step, {read_ms:6.1f} of it reading and augmenting")
    print(f"  ratio of pairs {middle:.4f} ({low:.4f} .. {high:.4f})")


def grid_overhead(path: Path, settings: Settings, subjects: list[str]) -> None:
    """Print the overhead of a grid of these subjects."""
    started = time.perf_counter()
    experiment = experiment_of(axes_of(components=subjects), name_or_path=str(path), seeds=1)
    ledger = Ledger(settings, experiment.scored)
    progress = look(experiment, ledger)
    execute(progress, ledger)
    wall_s = time.perf_counter() - started
    states = list(progress.states.values())
    runs = [(one.training, one.accuracy) for one in states if one.training and one.accuracy]
    if len(runs) < len(states):
        raise SystemExit(f"not finished: {', '.join(map(str, states))}")
    train_s = sum(training.values.train_s for training, _ in runs)
    score_s = sum(accuracy.values.wall_s for _, accuracy in runs)
    over_s = wall_s - train_s - score_s
    steps = sum(training.values.steps for training, _ in runs)
    print(
        f"  {len(runs)} runs, {steps} steps: {train_s:.1f} s of steps, {score_s:.1f} s of scoring, "
        f"{wall_s:.1f} s in all"
    )
    print(f"  overhead {over_s:.1f} s ({over_s / len(runs):.1f} s a run), {over_s / (train_s + score_s):.1%}")


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--subjects", nargs="+", default=["bs", "crp"])
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "grid.toml").write_text(RECIPE.format(epochs=given.epochs))
        try:
            open_data("camvid", "train"), open_data("camvid", "test")
            root, what = None, "camvid"
        except BenchError:
            root, what = drawn(home / "CamVid"), "synthetic scenes in CamVid's size"
        settings = Settings(home, data_root=root, device="cpu", threads=given.threads)
        print(f"{what}, crops of 180x240, {given.threads} threads, load {os.getloadavg()[0]:.1f}")
        recipe = recipes.load(str(home / "grid.toml"), data_root=root)
        prepared = prepare(replace(recipe, name="steps"), settings)
        compare_steps(trainer_of(prepared, home / "steps", "benchmark"), prepared.data, given.pairs)
        sys.stdout.flush()
        grid_overhead(home / "grid.toml", settings, given.subjects)


if __name__ == "__main__":
    main()
