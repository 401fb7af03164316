"""Training curves: validation mIoU and training loss over epochs, from the training records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import NotMeasured
from bench.files import write_atomic
from bench.models import available
from bench.report.figure import render
from bench.report.origin import Origin, origin
from bench.results.record import TrainingRecord
from bench.results.select import Tabulated
from bench.results.store import read_records

_SIZE_IN = (9.0, 4.8)
_COLOURS = ("#c62828", "#1f5fa8", "#2e7d32", "#8e5ea2", "#b26a00", "#00838f")


def write_curves(data: str, home: Path, made_by: Origin | None = None) -> list[Path]:
    """Write ``reports/curves-DATA.png`` and ``.svg`` from the training records of a data set.

    Raises
    ------
    NotMeasured
        No record of a finished run on this data set may be shown.
    """
    records = training_records(data, home)
    if not records:
        raise NotMeasured(
            f"no training record on {data} in {home / 'results' / 'records'}",
            then=f"carnet-bench train {data}-quick",
        )
    pictures = draw(records, made_by or origin())
    paths = []
    for form, picture in pictures.items():
        paths.append(home / "reports" / f"curves-{data}.{form}")
        write_atomic(paths[-1], picture)
    return paths


def training_records(data: str, home: Path) -> list[TrainingRecord]:
    """Return the training records of a data set that may be shown, by recipe and seed."""
    tabulated = Tabulated(available())
    found = [
        one for one in read_records(home, "training") if one.identity.data.name == data and one in tabulated
    ]
    return sorted(found, key=lambda one: (one.identity.recipe.name, one.identity.recipe.seed, one.id))


def draw(records: Sequence[TrainingRecord], made_by: Origin) -> dict[str, bytes]:
    """Return the two panels as ``png`` and ``svg``."""
    return render(_SIZE_IN, "Training curves", lambda figure: _fill(figure, records, made_by))


def _fill(figure: Any, records: Sequence[TrainingRecord], made_by: Origin) -> None:
    scores, losses = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.08, right=0.98, top=0.9, bottom=0.36, wspace=0.22)
    notes: list[str] = []
    for index, record in enumerate(records):
        colour = _COLOURS[index % len(_COLOURS)]
        curve = record.values.curve
        validated = [(entry.epoch, entry.val_miou) for entry in curve if entry.val_miou is not None]
        scores.plot(
            [epoch for epoch, _ in validated],
            [100 * miou for _, miou in validated],
            color=colour,
            marker="o",
            markersize=4,
            label=_label(record),
        )
        losses.plot([entry.epoch for entry in curve], [entry.loss for entry in curve], color=colour)
        notes += [note for note in record.notes if note not in notes]
    data = records[0].identity.data.name
    scores.set_title(f"{data}, validation split: mIoU (%)", fontsize=10, loc="left")
    losses.set_title("training: total loss (Eq. 3), mean of an epoch", fontsize=10, loc="left")
    for axes in (scores, losses):
        axes.set_xlabel("epoch")
        axes.grid(visible=True, color="#e3e3e3", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_xlim(left=0)
        for spine in ("top", "right"):
            axes.spines[spine].set_visible(False)
    figure.legend(
        *scores.get_legend_handles_labels(),
        loc="upper left",
        bbox_to_anchor=(0.07, 0.26),
        fontsize=8,
        frameon=False,
    )
    lines = [*notes, made_by.line]
    text = "\n".join(f"{line[0].upper()}{line[1:]}." for line in lines)
    figure.text(0.08, 0.02, text, fontsize=6.5, color="#555555", linespacing=1.5)


def _label(record: TrainingRecord) -> str:
    recipe = record.identity.recipe
    start = "from chance" if recipe.weights == "none" else f"from {recipe.weights}"
    return f"{recipe.model}, {recipe.name}, seed {recipe.seed}, {start}"
