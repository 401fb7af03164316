"""What SCLoss learns, as a figure over the epochs: loss and presence by module, share of the gradient."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from bench.report.figure import COLOURS, PAGE_IN, WIDTH_IN, render
from bench.report.origin import Origin
from bench.report.scloss_rows import CAUTION, HEADING, READING, by_epoch, mean
from bench.reproduce.study_result import JudgedStudy, Probed
from bench.results.value_types import SclossProbe

_HEIGHT_IN = 4.6
_TITLE_CHARS = 90
"""Characters in a line of all titles side by side."""
_MARKERS, _MARKER_PT, _MARKED = "osD^", 2.0, 6
_ABSENT = {"linestyle": "--", "markerfacecolor": "white"}
_SHARE, _CLIP = COLOURS[6], COLOURS[5]


def draw_scloss(study: JudgedStudy, origin: Origin) -> dict[str, str | bytes]:
    """Return the figure in every form, and its caption: a column per form of SCLoss that was probed."""
    seeds = "; ".join(f"{one.label}: seeds {', '.join(map(str, one.points))}" for one in study.probed)
    return render(
        _HEIGHT_IN,
        f"{HEADING}: {study.heading}, the full network",
        [
            *(one.about for one in study.probed),
            f"lines are means over the seeds ({seeds}), bands go from the lowest to the highest",
            READING,
            CAUTION,
            origin.line,
        ],
        lambda figure: _fill(figure, study.probed),
        width_in=WIDTH_IN if len(study.probed) == 1 else PAGE_IN,
        shows=study.probed,
    )


def _fill(figure: Any, probed: Sequence[Probed]) -> None:
    grid = figure.subplots(3, len(probed), squeeze=False, sharex="col", sharey="row")
    for column, one in enumerate(probed):
        losses, presence, gradient = grid[:, column]
        epochs = by_epoch(one)
        modules = range(max(len(probe.semantic_loss) for probes in epochs.values() for probe in probes))
        for module in modules:
            marker = {"marker": _MARKERS[module % len(_MARKERS)], "markersize": _MARKER_PT}
            style = {"color": COLOURS[module], **marker}
            _line(losses, epochs, _of(module, "semantic_loss"), {**style, "label": f"module {module + 1}"})
            _line(presence, epochs, _of(module, "present"), style)
            _line(presence, epochs, _of(module, "absent"), {**style, **_ABSENT})
        share = {"color": _SHARE, "label": "share of SCLoss"}
        _line(gradient, epochs, lambda probe: probe.scloss_share, share)
        clipped = {"color": _CLIP, "linestyle": ":", "label": "length left by clipping"}
        _line(gradient, epochs, lambda probe: probe.clip_factor, clipped)
        losses.set_title(textwrap.fill(one.label, _TITLE_CHARS // len(probed)))
        gradient.set_xlabel("epoch")
        gradient.set_xlim(left=0)
        presence.set_ylim(-0.03, 1.03)
    losses, presence, gradient = grid[:, 0]
    for axes, label in (
        (losses, "loss, before lambda"),
        (presence, "mean predicted presence"),
        (gradient, "fraction of the gradient"),
    ):
        axes.set_ylabel(label)
    losses.set_ylim(bottom=0)
    # a form on fewer modules has fewer lines
    most = max(range(len(probed)), key=lambda column: len(grid[0, column].lines))
    losses, presence, gradient = grid[:, most]
    presence.plot([], [], color="#666666", marker="o", label="classes present")
    presence.plot([], [], color="#666666", marker="o", label="classes absent", **_ABSENT)
    handles = [axes.get_legend_handles_labels() for axes in (losses, presence, gradient)]
    figure.legend(
        [handle for found, _ in handles for handle in found],
        [label for _, found in handles for label in found],
        loc="outside lower left",
        ncols=2 if len(probed) == 1 else 4,
        handlelength=3.0,
        columnspacing=1.0,
    )


def _of(module: int, key: str) -> Callable[[SclossProbe], float | None]:
    """Return what takes one module's value from a probe; None where it has none."""

    def value(probe: SclossProbe) -> float | None:
        values: Sequence[float | None] = getattr(probe, key)
        return values[module] if module < len(values) else None

    return value


def _line(
    axes: Any,
    epochs: dict[int, list[SclossProbe]],
    value: Callable[[SclossProbe], float | None],
    style: dict[str, Any],
) -> None:
    """Draw the mean over the seeds, and a band from the lowest to the highest of them."""
    known = {
        epoch: found
        for epoch, probes in epochs.items()
        if (found := [one for probe in probes if (one := value(probe)) is not None])
    }
    means = [mean(found) for found in known.values()]
    axes.plot(list(known), means, markevery=max(1, len(means) // _MARKED), **style)
    if any(len(found) > 1 for found in known.values()):
        low, high = ([of(found) for found in known.values()] for of in (min, max))
        axes.fill_between(list(known), low, high, color=style["color"], alpha=0.15, linewidth=0)
