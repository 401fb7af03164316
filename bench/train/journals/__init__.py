"""Where a run's curve can be watched: TensorBoard always, Weights & Biases and MLflow on request.

A journal holds nothing that a checkpoint does not: when a run is resumed it is rewritten from the run's
state, so that steps which a killed run did after its last checkpoint never appear twice. So a journal that
fails never ends a run: it is named in a warning and left out, and the same command fills it again.
"""

from __future__ import annotations

import functools
import logging
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from baselines.method import import_named
from bench.errors import Interrupted, UsageError, unknown
from bench.extras import import_extra
from bench.train.recipe import Recipe
from bench.train.schedule import lr_scale
from bench.train.state import State

_HERE = "bench.train.journals"
EXTRAS = {"wandb": f"{_HERE}.weights_and_biases:WandbRun", "mlflow": f"{_HERE}.mlflow_runs:MlflowRun"}
"""What ``--log`` takes; each is a package of the extra ``log``, with its journal's class."""

Ending = Literal["finished", "failed", "killed"]
"""How a run ended: by itself, by an error, by a signal."""

_log = logging.getLogger(__name__)

Row = tuple[int, dict[str, float]]
"""Steps done, and values by name: ``train/loss``, ``train/encoder_lr``, ``val/miou``, ..."""


class Journal(Protocol):
    """Takes rows in the order of steps."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Take the values after so many steps; cheap enough for every step."""

    def flush(self) -> None:
        """Make what was taken visible."""

    def close(self, ending: Ending) -> None:
        """Flush, tell how the run ended and let go; nothing may be written after it."""


class Journals:
    """Several journals that take the same rows; without any, one that keeps nothing.

    A journal that raises is left out from then on, with a warning (logger ``bench.train.journals``). As a
    context manager it closes them with the run's own ending.

    Args:
        journals: Journals by the name that a warning gives them.
    """

    def __init__(self, journals: Mapping[str, Journal] | None = None) -> None:
        self.journals = dict(journals or {})
        self._step = self._flushed = 0
        self._lacks: dict[str, int] = {}

    def add(self, name: str, build: Callable[[], Journal], rows: Sequence[Row]) -> None:
        """Add a journal with the rows so far.

        Raises:
            UsageError: A setting of the journal makes no sense, e.g. a mistyped mode.
        """

        def begin(_: object) -> None:
            self.journals[name] = journal = build()
            for step, values in rows:
                journal.write(step, values)
            journal.flush()

        self._guarded(name, begin, 0)
        self._step = self._flushed = rows[-1][0] if rows else 0

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write into each."""
        self._step = step
        self._each(lambda journal: journal.write(step, values))

    def flush(self) -> None:
        """Flush each."""
        self._each(lambda journal: journal.flush())
        self._flushed = self._step

    def close(self, ending: Ending = "finished") -> None:
        """Close each, and name what a journal that failed lacks."""
        self._each(lambda journal: journal.close(ending))
        self.journals = {}
        for name, step in self._lacks.items():
            _log.warning(
                "journal %s lacks the steps after %d of %d; rerun the command to add them",
                name,
                step,
                self._step,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        stopped = kind is not None and issubclass(kind, Interrupted | KeyboardInterrupt)
        self.close("finished" if kind is None else "killed" if stopped else "failed")

    def _each(self, call: Callable[[Journal], None]) -> None:
        for name in [*self.journals]:
            self._guarded(name, lambda name: call(self.journals[name]), self._flushed)

    def _guarded(self, name: str, call: Callable[[str], None], holds: int) -> None:
        try:
            call(name)
        except UsageError:
            raise
        except Exception as error:  # a journal's library raises what it likes, and none of it is the run's
            self.journals.pop(name, None)
            self._lacks[name] = holds
            said = textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" ...")
            _log.warning("journal %s: %s; the run continues without it", name, said)


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
) -> Journals:
    """Return TensorBoard's journal and the named ones, with the rows so far.

    Args:
        folder: Folder of the run; its event files lie in ``tensorboard/``.
        identity: Identity of the run; shown with the curve.
        run_key: The identity's digest, by which a resumed run finds its earlier journal.
        names: Names in `EXTRAS`.
        rows: Rows that the run has written so far.

    Raises:
        UsageError: A journal's own settings, in the environment, make no sense.
    """
    opened, known = Journals(), list(rows)
    places = {"tensorboard": f"{_HERE}.event_files:EventFile", **{name: EXTRAS[name] for name in names}}
    try:
        for name, place in places.items():
            opened.add(name, functools.partial(_build, place, folder, identity, run_key), known)
    except UsageError:
        opened.close("failed")
        raise
    return opened


def _build(place: str, folder: Path, identity: Mapping[str, Any], run_key: str) -> Journal:
    journal: Journal = import_named(place)(folder, identity, run_key)
    return journal


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
