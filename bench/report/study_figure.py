"""A judged study as a figure: each variant's mIoU with its interval, each seed, and what the paper prints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from bench.paper import TABLES
from bench.report.figure import COLOURS, render
from bench.report.origin import Origin
from bench.report.study_rows import statement_line
from bench.reproduce.study_result import JudgedStudy, Level, Panel

_PRINTED, _, _MEASURED = COLOURS[:3]
_PANEL_IN, _LINE_IN, _LEGEND_IN = 1.35, 0.1, 0.25
_LABEL_CHARACTERS = 9


def draw_study(study: JudgedStudy, origin: Origin) -> dict[str, str | bytes]:
    """Return the figure in every form, and its caption; the same input gives the same bytes."""
    labels = [_wrapped(level.label) for panel in study.panels for level in panel.levels]
    lines = 1 + max(label.count("\n") for label in labels)
    return render(
        _LEGEND_IN + len(study.panels) * (_PANEL_IN + _LINE_IN * lines),
        f"{study.heading}: {study.caption}",
        [*_remarks(study), origin.line],
        lambda figure: _fill(figure, study),
        shows=(study, TABLES.get(study.name)),
    )


def _fill(figure: Any, study: JudgedStudy) -> None:
    table = TABLES.get(study.name)
    paper = "" if table is None else f"{table.dataset} {table.split}"
    kept: dict[str, Any] = {}
    for panel, axes in zip(
        study.panels, figure.subplots(len(study.panels), squeeze=False)[:, 0], strict=True
    ):
        _panel(axes, panel, paper)
        handles, labels = axes.get_legend_handles_labels()
        kept |= dict(zip(labels, handles, strict=True))
    if kept:
        figure.legend(list(kept.values()), list(kept), loc="outside lower left", ncols=2, columnspacing=1.0)


def _panel(axes: Any, panel: Panel, paper: str) -> None:
    places = range(len(panel.levels))
    axes.set_xlim(-0.6, len(panel.levels) - 0.4)
    axes.set_xticks(list(places), [_wrapped(level.label) for level in panel.levels])
    axes.set_title(f"{panel.title}; claim: {panel.statement.verdict}")
    axes.set_ylabel("mIoU (%)")
    axes.grid(visible=False, axis="x")
    printed = [
        (place, float(level.cell.value))
        for place, level in zip(places, panel.levels, strict=True)
        if level.cell is not None
    ]
    if printed:
        axes.plot(
            *zip(*printed, strict=True), "o--", color=_PRINTED, linewidth=0.7, label=f"printed: {paper}"
        )
    for place, level in zip(places, panel.levels, strict=True):
        _level(axes, place, level)
    if not axes.lines and not axes.containers:
        axes.set_yticks([])
    elif not all(level.interval for level in panel.levels):
        low, high = axes.get_ylim()
        axes.set_ylim(bottom=low - 0.3 * (high - low))  # "not measured" stands at the foot


def _level(axes: Any, place: int, level: Level) -> None:
    found = level.interval
    if found is None:
        # in axes' height, so that it stands at the foot whatever the scale
        axes.annotate(
            "not\nmeasured",
            (place, 0.02),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            color="#666666",
        )
        return
    mean, low, high = (100 * value for value in (found.mean, found.low, found.high))
    axes.errorbar(
        [place],
        [mean],
        yerr=[[mean - low], [high - mean]],
        fmt="D",
        color=_MEASURED,
        capsize=2,
        label="measured, 95 % interval",
    )
    axes.plot(
        [place + 0.16] * len(level.by_seed),
        [100 * miou for miou in level.by_seed],
        "o",
        markersize=2.5,
        markerfacecolor="white",
        markeredgecolor=_MEASURED,
        markeredgewidth=0.6,
        linestyle="none",
        label="each seed",
    )


def _wrapped(label: str) -> str:
    if "+" not in label:
        return "\n".join(textwrap.wrap(label, _LABEL_CHARACTERS))
    return label.replace("+", "\n+")


def _remarks(study: JudgedStudy) -> Iterator[str]:
    """Yield on what each panel was measured and what its records say."""
    for panel in study.panels:
        yield f"{panel.title}: {panel.about}"
        yield statement_line(panel)
        yield from panel.notes
