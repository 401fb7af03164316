"""Fig. 4 as interactive plots: printed accuracy against parameters, multiply-adds and frame rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baselines.registry import METHODS
from bench.report.figure import COLOURS
from bench.report.page import title
from bench.reproduce.table_result import Reproduction

_OTHER, _CARNET = COLOURS[0], COLOURS[1]


@dataclass(frozen=True)
class Plot:
    """One plot: its element, its title, and Plotly's data and layout."""

    id: str
    title: str
    data: dict[str, Any]


def plots_of(table1: Reproduction) -> list[Plot]:
    """Return the plots of Table 1; a row takes part where it has both numbers."""
    printed = {
        column: {
            row.name: float(cell.value) for row in table1.rows if (cell := row.cells[column]) is not None
        }
        for column in ("params", "fps")
    }
    axes = (
        ("params-printed", "Parameters as printed (M)", printed["params"], False),
        ("params-true", "True parameters (M)", dict(table1.params_m), False),
        ("macs", "Multiply-adds at the printed input size (G)", dict(table1.gmacs), False),
        ("fps", "Frames per second as printed", printed["fps"], True),
    )
    return [
        _plot(name, label, xs, table1, more_is_better=more_is_better)
        for name, label, xs, more_is_better in axes
    ]


def front(points: dict[str, tuple[float, float]], *, more_is_better: bool) -> list[str]:
    """Return the rows that no other beats in both numbers, from the cheapest to the dearest.

    Args:
        points: Cost and accuracy of each row.
        more_is_better: A larger first number is the better one, as for frames per second.
    """
    sign = -1 if more_is_better else 1
    ordered = sorted(points, key=lambda row: (sign * points[row][0], -points[row][1]))
    found: list[str] = []
    for row in ordered:
        if not found or points[row][1] > points[found[-1]][1]:
            found.append(row)
    return found


def _plot(
    name: str, label: str, xs: Mapping[str, float], table: Reproduction, *, more_is_better: bool
) -> Plot:
    cells = {row.name: row.cells["miou"] for row in table.rows}
    titles = {row.name: title(row, table) for row in table.rows}
    points = {row: (x, float(cell.value)) for row, x in xs.items() if (cell := cells[row]) is not None}
    best = front(points, more_is_better=more_is_better)
    traces = []
    for group, colour, symbol, place in (
        ("CARNet", _CARNET, "circle", "bottom right"),
        ("other methods", _OTHER, "triangle-up", "top center"),
    ):
        rows = [row for row in points if (METHODS[row].family == "carnet") == (group == "CARNet")]
        traces.append({
            "type": "scatter", "mode": "markers+text", "name": group,
            "x": [points[row][0] for row in rows], "y": [points[row][1] for row in rows],
            "text": [titles[row].removeprefix("CARNet-") for row in rows],
            "textposition": place, "textfont": {"size": 10}, "cliponaxis": False,
            "marker": {
                "color": colour, "size": 9,
                "symbol": [symbol if row in best else f"{symbol}-open" for row in rows],
            },
            "hovertemplate": f"%{{text}}<br>{label}: %{{x}}<br>mIoU: %{{y}} %<extra></extra>",
        })  # fmt: skip
    traces.append({
        "type": "scatter", "mode": "lines", "name": "front",
        "x": [points[row][0] for row in best], "y": [points[row][1] for row in best],
        "line": {"color": COLOURS[2], "dash": "dot", "width": 1.5}, "hoverinfo": "skip",
    })  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": label}, "type": "log", "dtick": "D2"},
        "yaxis": {"title": {"text": "mIoU as printed (%)"}},
        "legend": {"orientation": "h", "y": -0.25},
        "margin": {"l": 55, "r": 15, "t": 15, "b": 50},
    }
    plot_id, heading = f"plot-{name}", f"mIoU against {label[0].lower()}{label[1:]}"
    return Plot(plot_id, heading, {"id": plot_id, "data": traces, "layout": layout})
