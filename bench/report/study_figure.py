"""A judged study as a figure: each variant's mIoU with its interval, each seed, and what the paper prints."""

from __future__ import annotations

import textwrap
from typing import Any

from bench.paper import TABLES
from bench.report.figure import render
from bench.report.origin import Origin
from bench.reproduce.study_result import JudgedStudy, Level, Panel

_MEASURED, _PRINTED, _TEXT = "#2e7d32", "#1f5fa8", "#333333"
_PANEL_WIDTH_IN, _MARGIN_IN, _AXES_IN, _TITLE_IN, _LINE_IN = 4.6, 0.75, 3.2, 0.62, 0.137
_REMARK_CHARACTERS_AN_INCH = 20
_LABEL_CHARACTERS = 12


def draw_study(study: JudgedStudy, origin: Origin) -> dict[str, bytes]:
    """Return the figure as ``png`` and ``svg``; the same input gives the same bytes."""
    width_in = _MARGIN_IN + _PANEL_WIDTH_IN * max(len(study.panels), 1.5)
    remarks = _remarks(study, origin, width_in)
    labels = [_wrapped(level.label) for panel in study.panels for level in panel.levels]
    label_lines = 1 + max(label.count("\n") for label in labels)
    height_in = _TITLE_IN + _AXES_IN + 0.35 + _LINE_IN * (label_lines + len(remarks))
    return render(
        (width_in, height_in),
        f"{study.heading}, mIoU with intervals",
        lambda figure: _fill(figure, study, remarks),
    )


def _fill(figure: Any, study: JudgedStudy, remarks: list[str]) -> None:
    width_in, height_in = figure.get_size_inches()
    bottom = 1 - (_TITLE_IN + _AXES_IN) / height_in
    share = (width_in - 0.15) / len(study.panels)
    table = TABLES.get(study.name)
    paper = "" if table is None else f"{table.dataset} {table.split}"
    for index, panel in enumerate(study.panels):
        left_in = _MARGIN_IN + index * share
        place = (left_in / width_in, bottom, (share - _MARGIN_IN) / width_in, _AXES_IN / height_in)
        _panel(figure.add_axes(place), panel, paper)
    left = _MARGIN_IN / width_in
    heading = f"{study.heading}: {study.caption}"
    figure.text(left, 1 - 0.24 / height_in, heading, fontsize=11, color=_TEXT)
    text = "\n".join(remarks)
    figure.text(left, 0.13 / height_in, text, fontsize=6.5, color="#555555", linespacing=1.5)


def _panel(axes: Any, panel: Panel, paper: str) -> None:
    places = range(len(panel.levels))
    axes.set_xlim(-0.6, len(panel.levels) - 0.4)
    axes.set_xticks(list(places), [_wrapped(level.label) for level in panel.levels], fontsize=7.5)
    heading = f"{panel.title}. The statement: {panel.statement.verdict}"
    axes.set_title(heading, fontsize=9, loc="left", color=_TEXT)
    axes.set_ylabel("mIoU (%)")
    axes.grid(visible=True, axis="y", color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in ("top", "right"):
        axes.spines[spine].set_visible(False)
    printed = [
        (place, float(level.cell.value))
        for place, level in zip(places, panel.levels, strict=True)
        if level.cell is not None
    ]
    if printed:
        axes.plot(*zip(*printed, strict=True), "o--", color=_PRINTED, linewidth=1, label=f"printed: {paper}")
    for place, level in zip(places, panel.levels, strict=True):
        _level(axes, place, level)
    if not axes.lines and not axes.containers:
        axes.set_yticks([])
    handles, labels = axes.get_legend_handles_labels()
    kept = {label: handle for handle, label in zip(handles, labels, strict=True)}
    if kept:
        # "not measured" stands at the foot: no point may lie there
        axes.margins(y=0.12 if all(level.interval for level in panel.levels) else 0.22)
        axes.legend(list(kept.values()), list(kept), fontsize=7.5, frameon=False, loc="best")


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
            fontsize=7,
            color="#888888",
        )
        return
    mean, low, high = (100 * value for value in (found.mean, found.low, found.high))
    axes.errorbar(
        [place],
        [mean],
        yerr=[[mean - low], [high - mean]],
        fmt="D",
        color=_MEASURED,
        markersize=6,
        capsize=4,
        linewidth=1.6,
        label="measured, 95 % interval",
    )
    axes.plot(
        [place + 0.16] * len(level.by_seed),
        [100 * miou for miou in level.by_seed],
        "o",
        markersize=4,
        markerfacecolor="white",
        markeredgecolor=_MEASURED,
        linestyle="none",
        label="each seed",
    )


def _wrapped(label: str) -> str:
    if "+" not in label:
        return "\n".join(textwrap.wrap(label, _LABEL_CHARACTERS))
    return "\n".join(("+" if place else "") + part for place, part in enumerate(label.split("+")))


def _remarks(study: JudgedStudy, origin: Origin, width_in: float) -> list[str]:
    """Return the lines below: on what each panel was measured, what its records say, who made it."""
    lines = []
    for panel in study.panels:
        lines.append(f"{panel.title}: {panel.about}.")
        statement = panel.statement
        note = f" ({statement.note})" if statement.note else ""
        lines.append(f"The paper: {statement.text}; here: {statement.verdict}{note}.")
        lines += [f"{note[0].upper()}{note[1:]}." for note in panel.notes]
    lines.append(f"{origin.line[0].upper()}{origin.line[1:]}.")
    characters = int((width_in - _MARGIN_IN) * _REMARK_CHARACTERS_AN_INCH)
    return [part for line in dict.fromkeys(lines) for part in textwrap.wrap(line, characters)]
