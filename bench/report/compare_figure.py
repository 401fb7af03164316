"""A judged comparison as figures: mIoU with its interval against time, multiply-adds and parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.compare_rows import conditions, heading
from bench.report.figure import COLOURS, render
from bench.report.labels import Label, write_labels
from bench.report.origin import Origin
from bench.reproduce.comparison_result import SCRATCH, Comparison, Standing

_PRETRAINED, _SCRATCH, _FRONT, _FILE = COLOURS[:4]
_AXES_IN, _ENTRY_IN = 2.5, 0.12
_FEWEST_TICKS = 3
_WIDER = 1.25
"""Room beside the outermost points of the logarithmic axis, as a factor."""


@dataclass(frozen=True)
class Axis:
    """What mIoU is drawn against.

    Attributes:
        name: Part of the file's name.
        label: Quantity and unit.
        value: Returns a method's; None is not measured.
    """

    name: str
    label: str
    value: Callable[[Standing], float | None]


def _median_ms(one: Standing) -> float | None:
    return None if one.entry.speed is None else one.entry.speed.values.median_ms


AXES = (
    Axis("latency", "time of one image (ms, median)", _median_ms),
    Axis("macs", "multiply-adds of one image (1e9)", lambda one: one.entry.counted.gmacs),
    Axis("params", "parameters (1e6)", lambda one: one.entry.counted.params_m),
)


def draw_comparison(comparison: Comparison, origin: Origin) -> dict[str, dict[str, str | bytes]]:
    """Return each figure in every form with its caption, by name; one without a point is left out.

    The same input gives the same bytes.
    """
    return {
        axis.name: render(
            _AXES_IN + _ENTRY_IN * (len(_kinds(shown)) + _has_front(shown, axis)),
            f"{heading(comparison)}: mIoU against {axis.label}",
            [*_remarks(comparison, axis), *conditions(comparison), origin.line],
            lambda figure, axis=axis, shown=shown: _fill(figure, shown, axis),  # type: ignore[misc]
        )
        for axis in AXES
        if (shown := [one for one in comparison.standings if _place(one, axis) is not None])
    }


def _place(one: Standing, axis: Axis) -> tuple[float, float] | None:
    """Return a method's point: the quantity and mIoU in percent."""
    value = axis.value(one)
    return None if value is None or value <= 0 or one.miou is None else (value, 100 * one.miou)


def _has_front(shown: Sequence[Standing], axis: Axis) -> bool:
    return axis is AXES[0] and any(one.on_front for one in shown)


def _remarks(comparison: Comparison, axis: Axis) -> list[str]:
    missing = [one.entry.method.title for one in comparison.standings if _place(one, axis) is None]
    front = "rings: the methods whose lead in mIoU or time is real over each other one"
    return [
        "bars: 95 % intervals over seeds and images",
        *([front] if _has_front(comparison.standings, axis) else []),
        *([f"not shown, as a number is missing: {', '.join(missing)}"] if missing else []),
    ]


def _fill(figure: Any, shown: list[Standing], axis: Axis) -> None:
    axes = figure.add_subplot()
    axes.set_xscale("log")
    places = {one.name: place for one in shown if (place := _place(one, axis)) is not None}
    bars = {one.name: (100 * one.interval.low, 100 * one.interval.high) for one in shown if one.interval}
    xs = [x for x, _ in places.values()]
    ends = [y for _, y in places.values()] + [end for bar in bars.values() for end in bar]
    left, right = min(xs) / _WIDER, max(xs) * _WIDER
    margin = 0.08 * (max(ends) - min(ends)) or 1.0
    axes.set_xlim(left, right)
    axes.set_ylim(min(ends) - margin, max(ends) + margin)
    ticks = _ticks(left, right)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(f"{axis.label}, logarithmic")
    axes.set_ylabel("mIoU (%)")
    front = sorted(places[one.name] for one in shown if one.on_front) if _has_front(shown, axis) else []
    if front:
        axes.plot(*zip(*front, strict=True), zorder=1, **_ON_FRONT)
    for one in shown:
        x, y = places[one.name]
        style = _style(_kind(one))
        if one.name in bars:
            low, high = bars[one.name]
            axes.plot((x, x), (low, high), color=style["color"], linewidth=0.7, zorder=2)
            axes.plot((x, x), (low, high), "_", color=style["color"], markersize=3, zorder=2)
        axes.plot(x, y, **style, zorder=3)
    figure.legend(handles=_legend(shown, front=bool(front)), loc="outside lower left")
    pieces = [((places[name][0], low), (places[name][0], high)) for name, (low, high) in bars.items()]
    labels = [Label(places[one.name], one.entry.method.title, "#333333") for one in shown]
    write_labels(axes, labels, [*pieces, *itertools.pairwise(front)])


def _ticks(left: float, right: float) -> list[float]:
    """Return 1, 2 and 5 of each power of ten within the limits, or more where these are few."""
    powers = range(math.floor(math.log10(left)), math.ceil(math.log10(right)) + 1)
    found: list[float] = []
    for steps in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        found = [step * 10.0**power for power in powers for step in steps]
        found = [tick for tick in found if left <= tick <= right]
        if len(found) >= _FEWEST_TICKS:
            break
    return found


Kind = tuple[str, bool | None]
"""What a method starts from, a key of `_STARTS`, and whether it is in the group of the best; None is not
judged."""
_STARTS = {
    "encoder from ImageNet": ("o", _PRETRAINED),
    "from scratch": ("^", _SCRATCH),
    "exported file": ("s", _FILE),
}
"""Words of the legend with marker and colour."""
_ON_FRONT: dict[str, Any] = {
    "color": _FRONT,
    "linestyle": ":",
    "marker": "o",
    "markersize": 7.5,
    "markerfacecolor": "none",
    "markeredgewidth": 0.8,
}
"""A ring around each method on the front, and a line from one to the next."""
_WORDS = {True: "not told apart from the best", None: "not judged", False: "behind the best"}
_FILLS = {True: None, None: "#c8c8c8", False: "white"}


def _kind(one: Standing) -> Kind:
    pretrained, scratch, file = _STARTS
    return file if one.entry.is_file else scratch if one.weights == SCRATCH else pretrained, one.in_group


def _kinds(shown: list[Standing]) -> list[Kind]:
    return sorted(
        {_kind(one) for one in shown},
        key=lambda kind: ([*_STARTS].index(kind[0]), [*_FILLS].index(kind[1])),
    )


def _style(kind: Kind) -> dict[str, Any]:
    start, grouped = kind
    marker, colour = _STARTS[start]
    return {
        "marker": marker,
        "color": colour,
        "markerfacecolor": _FILLS[grouped] or colour,
        "linestyle": "none",
    }


def _legend(shown: list[Standing], *, front: bool) -> list[Any]:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - with the rest of matplotlib

    judged = any(one.in_group is not None for one in shown)
    entries = []
    for start, grouped in _kinds(shown):
        words = [start, *([_WORDS[grouped]] if judged else [])]
        entries.append(Line2D([], [], label=", ".join(words), **_style((start, grouped))))
    if front:
        entries.append(Line2D([], [], label="front of mIoU against time", **_ON_FRONT))
    return entries
