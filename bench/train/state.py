"""Progress of a run, and what its curve says: the best validation, and whether it has stopped gaining."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Curve = Sequence[dict[str, Any]]
"""One entry per epoch: ``epoch`` (from 1), ``step``, ``loss``, ``encoder_lr``, ``val_miou`` (or None)."""


@dataclass
class State:
    """Progress of a run; what a checkpoint holds besides weights and momentum.

    Attributes:
        step: Optimiser steps done.
        losses: Total loss of every step so far.
        curve: Curve so far, see `Curve`.
        train_s: Seconds spent in steps, validation and checkpoints aside.
        empty_batches: Steps whose crops had no labelled pixel.
        skipped_updates: Steps whose gradients overflowed in 16-bit floats, so that the loss scale fell and
            nothing updated.
        changed: Files of the data that were written while the run read them; None as long as none was.
    """

    step: int = 0
    losses: list[float] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    train_s: float = 0.0
    empty_batches: int = 0
    skipped_updates: int = 0
    changed: str | None = None


def best_entry(curve: Curve) -> dict[str, Any] | None:
    """Return the entry of the best validation, the first of equals; None before any validation."""
    best = None
    for entry in curve:
        if entry["val_miou"] is not None and (best is None or entry["val_miou"] > best["val_miou"]):
            best = entry
    return best


def has_stopped_gaining(curve: Curve, stop_after: int) -> bool:
    """Say whether the last ``stop_after`` validations brought no new best; never when it is 0."""
    best = best_entry(curve)
    if stop_after == 0 or best is None:
        return False
    later = [entry for entry in curve if entry["epoch"] > best["epoch"] and entry["val_miou"] is not None]
    return len(later) >= stop_after
