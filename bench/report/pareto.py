"""Parameters against mIoU as in the paper's Fig. 4: the printed points and those measured here."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from bench.paper import Row
from bench.report.labels import Label, write_labels
from bench.report.origin import Origin
from bench.report.page import title
from bench.report.picture import render
from bench.reproduce.tables import Reproduction

_CARNET, _OTHER, _MEASURED = "#c62828", "#1f5fa8", "#2e7d32"
_SIZE_IN = (9.0, 6.6)


@dataclass(frozen=True)
class Mark:
    """One point of the plot.

    Attributes
    ----------
    x_params_m, y_miou_percent
        Where; the printed "Params (M)" for a printed point, even where it is a file size.
    label
        Written beside it.
    kind
        ``carnet``, ``other`` (printed) or ``measured``.
    hollow
        Printed: the number is a file size; measured: on drawn images.
    true_params_m
        The counted parameters of a printed file size, when there is a count; else None.
    """

    x_params_m: float
    y_miou_percent: float
    label: str
    kind: str
    hollow: bool = False
    true_params_m: float | None = None


def marks(reproduction: Reproduction) -> list[Mark]:
    """Return the points of Table 1: the printed rows that have both numbers, then the measured ones."""
    found = []
    titles = {}
    for row in reproduction.rows:
        titles[row.name] = row.title
        if (mark := _printed(row, reproduction)) is not None:
            found.append(mark)
    found += [
        Mark(
            point.params_m,
            point.miou_percent,
            f"{titles[point.row]}, {point.data}{' (synthetic)' if point.synthetic else ''}",
            "measured",
            hollow=point.synthetic,
        )
        for point in reproduction.points
    ]
    return found


def without_both(reproduction: Reproduction) -> list[str]:
    """Return the titles of the rows that the plot cannot show, as the paper prints no parameters."""
    shown = ("params", "miou")
    return [row.title for row in reproduction.rows if any(row.cells[name] is None for name in shown)]


def draw(reproduction: Reproduction, origin: Origin) -> dict[str, bytes]:
    """Return the plot as ``png`` and ``svg``; the same input gives the same bytes."""
    return render(
        _SIZE_IN,
        "Table 1, params and mIoU",
        lambda figure: _fill(figure, marks(reproduction), _remarks(reproduction, origin)),
    )


def _printed(row: Row, reproduction: Reproduction) -> Mark | None:
    params, miou = row.cells["params"], row.cells["miou"]
    if params is None or miou is None:
        return None
    file_size = params.unit == "MiB"
    return Mark(
        float(params.value),
        float(miou.value),
        title(row) + (" (msc)" if "msc" in miou.marks else ""),
        "carnet" if row.name.startswith("carnet-") else "other",
        hollow=file_size,
        true_params_m=reproduction.params_m.get(row.name) if file_size else None,
    )


def _remarks(reproduction: Reproduction, origin: Origin) -> list[str]:
    """Return the lines below the plot: what is not shown, what the measured points rest on, who made it."""
    lines = []
    missing = without_both(reproduction)
    if missing:
        lines.append(f"Not shown, as the paper prints no Params: {', '.join(missing)}.")
    titles = {row.name: row.title for row in reproduction.rows}
    lines += [
        f"{titles[point.row]} on {point.data}: {note}."
        for point in reproduction.points
        for note in point.notes
    ]
    lines.append(f"† also trained with coarse annotations of Cityscapes. {_sentence(origin.line)}")
    return lines


def _fill(figure: Any, points: list[Mark], remarks: list[str]) -> None:
    axes = figure.add_axes((0.085, 0.27, 0.89, 0.67))
    axes.set_xscale("log")
    xs, ys = [point.x_params_m for point in points], [point.y_miou_percent for point in points]
    xs += [point.true_params_m for point in points if point.true_params_m is not None]
    left, right = min(xs) / 1.6, max(xs) * 2.4
    margin = 0.09 * (max(ys) - min(ys))
    axes.set_xlim(left, right)
    axes.set_ylim(min(ys) - margin, max(ys) + margin)
    axes.grid(visible=True, which="major", color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100, 200) if left <= tick <= right]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel('"Params (M)" as printed; for measured points the counted parameters (M). Log scale')
    axes.set_ylabel("mIoU (%)")
    axes.set_title("Table 1: parameters and mIoU, Cityscapes test as printed", fontsize=11, loc="left")
    for spine in ("top", "right"):
        axes.spines[spine].set_visible(False)

    line = sorted((p.x_params_m, p.y_miou_percent) for p in points if p.kind == "carnet")
    axes.plot(*zip(*line, strict=True), color=_CARNET, linewidth=1.0, linestyle="--", alpha=0.6, zorder=1)
    for point in points:
        _point(axes, point)
    figure.legend(
        handles=_legend(points),
        loc="upper left",
        bbox_to_anchor=(0.075, 0.18),
        ncols=2,
        fontsize=8,
        frameon=False,
    )
    lengths = [((p.x_params_m, p.y_miou_percent), _end(p)) for p in points if p.true_params_m is not None]
    labels = [
        Label(
            (point.x_params_m, point.y_miou_percent),
            point.label,
            {"carnet": _CARNET, "other": "#333333", "measured": _MEASURED}[point.kind],
            first=point.kind == "carnet",
        )
        for point in points
    ]
    write_labels(axes, labels, [*itertools.pairwise(line), *lengths])
    figure.text(0.085, 0.02, "\n".join(remarks), fontsize=6.5, color="#555555", linespacing=1.5)


def _point(axes: Any, point: Mark) -> None:
    colour = {"carnet": _CARNET, "other": _OTHER, "measured": _MEASURED}[point.kind]
    shape = {"carnet": "o", "other": "o", "measured": "D"}[point.kind]
    if point.true_params_m is not None:
        ends = (point.x_params_m, point.true_params_m)
        axes.plot(ends, (point.y_miou_percent,) * 2, color=colour, linewidth=0.8, alpha=0.6, zorder=1)
        axes.plot(*_end(point), marker="|", color=colour, markersize=9, zorder=2)
    axes.plot(
        point.x_params_m,
        point.y_miou_percent,
        marker=shape,
        markersize=7 if point.kind == "measured" else 8,
        linestyle="none",
        markerfacecolor="white" if point.hollow else colour,
        markeredgecolor=colour,
        markeredgewidth=1.6,
        zorder=3,
    )


def _end(point: Mark) -> tuple[float, float]:
    """Return where the line from a printed file size to the true count ends."""
    true = point.x_params_m if point.true_params_m is None else point.true_params_m
    return true, point.y_miou_percent


def _legend(points: list[Mark]) -> list[Any]:
    """Return an entry for each kind of point that there is."""
    from matplotlib.lines import Line2D  # noqa: PLC0415 - with the rest of matplotlib

    possible = {
        ("carnet", False): ("o", _CARNET, "CARNet, printed"),
        ("other", False): ("o", _OTHER, "other methods, printed"),
        ("other", True): ("o", _OTHER, 'other methods; printed "Params" are a file size (MiB or MB)'),
        ("measured", False): ("D", _MEASURED, "measured here, on the data named"),
        ("measured", True): ("D", _MEASURED, "measured here, on drawn (synthetic) images"),
    }
    shown = {(point.kind, point.hollow) for point in points}
    return [
        Line2D(
            [],
            [],
            marker=shape,
            color=colour,
            markerfacecolor="white" if hollow else colour,
            markeredgewidth=1.6,
            linestyle="none",
            label=label,
        )
        for (kind, hollow), (shape, colour, label) in possible.items()
        if (kind, hollow) in shown
    ]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
