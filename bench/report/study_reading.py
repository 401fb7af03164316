"""Figs. 8 to 10 read side by side: the claimed best against every other variant, and how long SCLoss acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.paper.studies import SCLOSS_FORMS
from bench.report.scloss_rows import LITTLE, at_end, mean, settled_epoch, shares
from bench.report.study_rows import NOTHING
from bench.reproduce.study_result import JudgedStudy, Panel, Probed
from bench.reproduce.verdict import words as v


@dataclass(frozen=True)
class FigureReading:
    """One figure's row; lists of variants are joined by commas.

    Attributes:
        name, heading, claim, verdict: Of the study and of the paper's statement on it.
        measured: Mean mIoU in percent of each variant, with its number of seeds.
        above, level, below: Variants that the claimed best scores higher than, is not distinguishable from,
            and scores lower than, each difference taken alone.
    """

    name: str
    heading: str
    claim: str
    verdict: str
    measured: str
    above: str
    level: str
    below: str


def figure_readings(studies: Iterable[JudgedStudy]) -> list[FigureReading]:
    """Return a row for each study that claims one variant to be the best, and has a run."""
    return [
        _read(study, study.panels[0])
        for study in studies
        if not study.improves and any(level.interval for level in study.panels[0].levels)
    ]


def scloss_duration(studies: Iterable[JudgedStudy]) -> list[str]:
    """Return a sentence for each study with two scored variants or more that differ in Eq. 5 as printed.

    It says how far their scores lie apart, and until when SCLoss takes a part of the gradient.
    """
    found = []
    for study in studies:
        probed = [one for one in study.probed if one.label != SCLOSS_FORMS["bce"]]
        scored = [level for level in study.panels[0].levels[1:] if level.interval is not None]
        if len(probed) > 1 and len(scored) > 1:
            scores = _span((100 * level.interval.mean for level in scored if level.interval), ".1f")
            labels = f"{scored[0].label} to {scored[-1].label}"
            found.append(f"{study.heading}, {labels}: mean scores of {scores} %. {_duration(probed)}")
    return found


def _read(study: JudgedStudy, panel: Panel) -> FigureReading:
    def those(verdict: str) -> str:
        return ", ".join(gain.over for gain in panel.gains if gain.verdict == verdict) or NOTHING

    levels = [
        f"{level.label}: {NOTHING if level.interval is None else f'{100 * level.interval.mean:.1f}'}"
        f" ({len(level.seeds)})"
        for level in panel.levels
    ]
    return FigureReading(
        study.name,
        study.heading,
        panel.statement.text,
        panel.statement.verdict,
        ", ".join(levels),
        those(v.REPRODUCED),
        those(v.NOT_DISTINGUISHABLE),
        those(v.CONTRADICTED),
    )


def _duration(probed: Sequence[Probed]) -> str:
    by_share = [shares(one) for one in probed]
    of_all = [share for of in by_share if (share := mean(of.values())) is not None]
    absent = [
        value
        for one in probed
        if (value := mean(each for probe in at_end(one) for each in probe.absent)) is not None
    ]
    settled = [settled_epoch(of) for of in by_share]
    said = f"Over all probes SCLoss takes {_span(of_all, '.2f')} of the gradient"
    known = [epoch for epoch in settled if epoch is not None]
    if len(known) < len(settled):
        longer = [one.label for one, epoch in zip(probed, settled, strict=True) if epoch is None]
        return f"{said}, and still {LITTLE:.2f} or more of it at the end with {', '.join(longer)}."
    last = max(max(of) for of in by_share)
    said += (
        f", and less than {LITTLE:.2f} of it from epoch {_span(known, 'd')} of {last} on; at the end absent "
        f"classes are called present with {_span(absent, '.2f')}."
    )
    return f"{said} In all of them SCLoss acts in the first epochs alone." if max(known) <= last / 2 else said


def _span(values: Iterable[float], form: str) -> str:
    """Return the lowest and the highest value, or the one that both are; `NOTHING` where there is none."""
    known = sorted(values)
    if not known:
        return NOTHING
    low, high = f"{known[0]:{form}}", f"{known[-1]:{form}}"
    return low if low == high else f"{low} to {high}"
