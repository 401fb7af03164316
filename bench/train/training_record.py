"""The record of a training run: curve, losses, which weights were kept and why."""

from __future__ import annotations

import csv
import io
from typing import Any

from bench.results.record import TrainingRecord
from bench.train.loop import Trainer
from bench.train.state import State, best_entry, has_stopped_gaining


def record_of(trainer: Trainer, identity: dict[str, Any], notes: tuple[str, ...]) -> TrainingRecord:
    """Return the training record of the run so far; the caller adds what is known at its end."""
    state, recipe = trainer.state, trainer.recipe
    last = state.curve[-1] if state.curve else None
    kept = best_entry(state.curve) if recipe.selection == "best" else last
    values = {
        "steps": state.step,
        "epochs": len(state.curve),
        "train_s": state.train_s,
        "mean_step_s": state.train_s / state.step if state.step else None,
        "empty_batches": state.empty_batches,
        "skipped_updates": state.skipped_updates,
        "curve": state.curve,
        "stopped_early": has_stopped_gaining(state.curve, recipe.stop_after),
        "selection": {
            "rule": recipe.selection,
            "epoch": kept["epoch"] if kept else None,
            "val_miou": kept["val_miou"] if kept else None,
        },
        "final_weights_sha256": None,
    }
    *earlier, last = trainer.saved.parts
    provenance = {**last, **({"parts": earlier} if earlier else {})}
    return TrainingRecord.make(identity, values, provenance, smoke=recipe.smoke, notes=notes)


def losses_csv(state: State) -> str:
    """Return every step's loss as CSV, in full precision."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["step", "loss"])
    writer.writerows((step, repr(loss)) for step, loss in enumerate(state.losses, start=1))
    return stream.getvalue()
