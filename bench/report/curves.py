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
from bench.results.provenance import current_sources
from bench.results.record import Record
from bench.results.store import read_records, why_not_tabulated

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


def training_records(data: str, home: Path) -> list[Record]:
    """Return the training records of a data set that may be shown, by recipe and seed."""
    methods = available()

    def shown(record: Record) -> bool:
        method = methods.get(record.identity["model"])
        sources = None if method is None else current_sources(method)
        return record.identity["data"]["name"] == data and why_not_tabulated(record, sources) is None

    found = [record for record in read_records(home, "training") if shown(record)]
    return sorted(found, key=lambda record: (_recipe(record)["name"], _recipe(record)["seed"], record.id))


def draw(records: Sequence[Record], made_by: Origin) -> dict[str, bytes]:
    """Return the two panels as ``png`` and ``svg``."""
    return render(_SIZE_IN, "Training curves", lambda figure: _fill(figure, records, made_by))


def _fill(figure: Any, records: Sequence[Record], made_by: Origin) -> None:
    scores, losses = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.08, right=0.98, top=0.9, bottom=0.36, wspace=0.22)
    notes: list[str] = []
    for index, record in enumerate(records):
        colour = _COLOURS[index % len(_COLOURS)]
        curve = record.values["curve"]
        validated = [entry for entry in curve if entry["val_miou"] is not None]
        scores.plot(
            [entry["epoch"] for entry in validated],
            [100 * entry["val_miou"] for entry in validated],
            color=colour,
            marker="o",
            markersize=4,
            label=_label(record),
        )
        losses.plot([entry["epoch"] for entry in curve], [entry["loss"] for entry in curve], color=colour)
        notes += [note for note in record.notes if note not in notes]
    data = records[0].identity["data"]["name"]
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


def _label(record: Record) -> str:
    recipe = _recipe(record)
    start = "from chance" if recipe["weights"] == "none" else f"from {recipe['weights']}"
    return f"{recipe['model']}, {recipe['name']}, seed {recipe['seed']}, {start}"


def _recipe(record: Record) -> dict[str, Any]:
    recipe: dict[str, Any] = record.identity["recipe"]
    return recipe
