"""Where a run's curve can be watched: TensorBoard always, Weights & Biases and MLflow on request.

A journal holds nothing that a checkpoint does not: when a run is resumed it is rewritten from the run's
state, so that steps which a killed run did after its last checkpoint never appear twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from baselines.method import import_named
from bench.errors import unknown
from bench.extras import import_extra
from bench.train.recipe import Recipe
from bench.train.schedule import lr_scale
from bench.train.state import State

_HERE = "bench.train.journals"
EXTRAS = {"wandb": f"{_HERE}.weights_and_biases:WandbRun", "mlflow": f"{_HERE}.mlflow_runs:MlflowRun"}
"""What ``--log`` takes; each is a package of the extra ``log``, with its journal's class."""

Row = tuple[int, dict[str, float]]
"""Steps done, and values by name: ``train/loss``, ``train/encoder_lr``, ``val/miou``, ..."""


class Journal(Protocol):
    """Takes rows in the order of steps."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Take the values after so many steps; cheap enough for every step."""

    def flush(self) -> None:
        """Make what was taken visible."""

    def close(self) -> None:
        """Flush and let go; nothing may be written after it."""


class Journals:
    """Several journals that take the same rows; without any, one that keeps nothing."""

    def __init__(self, journals: Sequence[Journal]) -> None:
        self.journals = journals

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write into each."""
        for journal in self.journals:
            journal.write(step, values)

    def flush(self) -> None:
        """Flush each."""
        for journal in self.journals:
            journal.flush()

    def close(self) -> None:
        """Close each."""
        for journal in self.journals:
            journal.close()


def require_journals(names: Sequence[str]) -> None:
    """Refuse a journal that is unknown or whose package is not installed, before anything is trained.

    Raises:
        UsageError: Naming the extra that installs the package.
    """
    for name in names:
        if name not in EXTRAS:
            raise unknown("journal", name, list(EXTRAS))
        import_extra(name, "log")


def open_journal(
    folder: Path, identity: Mapping[str, Any], run_key: str, names: Sequence[str], rows: Iterator[Row]
) -> Journal:
    """Return TensorBoard's journal and the named ones, with the rows so far.

    Args:
        folder: Folder of the run; its event files lie in ``tensorboard/``.
        identity: Identity of the run; shown with the curve.
        run_key: The identity's digest, by which a resumed run finds its earlier journal.
        names: Names in `EXTRAS`.
        rows: Rows that the run has written so far.
    """
    classes = [f"{_HERE}.event_files:EventFile", *(EXTRAS[name] for name in names)]
    opened = Journals([import_named(one)(folder, identity, run_key) for one in classes])
    for step, values in rows:
        opened.write(step, values)
    opened.flush()
    return opened


def rows_of(state: State, recipe: Recipe, epoch_steps: int) -> Iterator[Row]:
    """Yield every row that a run in this state has written."""
    ends = {entry["step"]: entry for entry in state.curve}
    for step, loss in enumerate(state.losses, start=1):
        yield step_row(recipe, step, loss, epoch_steps)
        if step in ends:
            yield epoch_row(ends[step])


def step_row(recipe: Recipe, step: int, loss: float, epoch_steps: int) -> Row:
    """Return the row after so many steps: the last step's loss and rates."""
    scale = lr_scale(recipe, step - 1, epoch_steps)
    rates = {"train/encoder_lr": recipe.encoder_lr * scale, "train/decoder_lr": recipe.decoder_lr * scale}
    return step, {"train/loss": loss, **rates}


def epoch_row(entry: Mapping[str, Any]) -> Row:
    """Return the row at an epoch's end: its mean loss, and the validation mIoU (0..1) if any."""
    values = {"epoch": float(entry["epoch"]), "train/epoch_loss": entry["loss"]}
    if entry["val_miou"] is not None:
        values["val/miou"] = entry["val_miou"]
    return entry["step"], values
