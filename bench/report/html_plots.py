"""Fig. 4 as interactive plots: printed accuracy against parameters, multiply-adds and frame rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from baselines.registry import METHODS
from bench.report.figure import COLOURS
from bench.report.page import title
from bench.report.trade_off import CostAxis, cost_axes, front, printed_places
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
    return [_plot(axis, table1) for axis in cost_axes(table1)]


def _plot(axis: CostAxis, table: Reproduction) -> Plot:
    titles = {row.name: title(row, table) for row in table.rows}
    points, label = printed_places(axis, table), axis.label
    best = front(points, more_is_better=axis.more_is_better)
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
    plot_id, heading = f"plot-{axis.name}", f"mIoU against {label[0].lower()}{label[1:]}"
    return Plot(plot_id, heading, {"id": plot_id, "data": traces, "layout": layout})
