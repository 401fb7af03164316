"""What SCLoss learns in a study's runs, as a section of its page."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from bench.report.markdown import escaped, sentence, table
from bench.report.study_rows import NOTHING
from bench.reproduce.study_result import JudgedStudy, Probed
from bench.results.value_types import SclossProbe

HEADING = "What SCLoss learns"
READING = (
    "probed at the ends of epochs on crops that no step trains on, the same each time; presence is the "
    "sigmoid of a module's semantics; the share is what lambda times SCLoss contributes to the length of the "
    "gradient, in its direction (clipping shortens all of it alike)"
)
CAUTION = (
    "a presence near 1 for absent classes, too, says that the loss is met by calling every class present; "
    "whether that is why a score is higher or lower, the probes alone do not show"
)
_HEADS = (
    "SCLoss",
    "seeds",
    "epoch",
    "loss, before lambda",
    "presence of present classes",
    "of absent classes",
    "share of the gradient",
    "clipped to",
)


def scloss_name(study: str) -> str:
    """Return the name of the files of a study's figure of SCLoss."""
    return f"{study}-scloss"


def scloss_section(study: JudgedStudy) -> list[str]:
    """Return the section's lines; none where no training record holds a probe."""
    if not study.probed:
        return []
    rows = [row for one in study.probed for row in _rows(one)]
    return [
        f"## {HEADING}",
        "",
        f"{sentence(study.probed[0].about)} {sentence(READING)}",
        "",
        "First and last probe, mean of seeds and modules:",
        "",
        *table(list(_HEADS), rows),
        f"{sentence(CAUTION)}",
        "",
        f"![{HEADING}: loss, presence and share of the gradient by epoch]({scloss_name(study.name)}.svg)",
        "",
    ]


def by_epoch(probed: Probed) -> dict[int, list[SclossProbe]]:
    """Return the probes of the seeds at each epoch, in the order of the epochs."""
    found: dict[int, list[SclossProbe]] = {}
    for points in probed.points.values():
        for point in points:
            if point.scloss is not None:
                found.setdefault(point.epoch, []).append(point.scloss)
    return dict(sorted(found.items()))


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that there are; None of none."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _rows(probed: Probed) -> list[list[str]]:
    epochs = by_epoch(probed)
    ends = dict.fromkeys((min(epochs), max(epochs)))
    return [[escaped(probed.label), str(len(probed.points)), str(one), *_fields(epochs[one])] for one in ends]


def _fields(probes: Sequence[SclossProbe]) -> list[str]:
    loss = mean(value for one in probes for value in one.semantic_loss)
    present = mean(value for one in probes for value in one.present)
    absent = mean(value for one in probes for value in one.absent)
    share, clip = mean(one.scloss_share for one in probes), mean(one.clip_factor for one in probes)
    return [
        *(NOTHING if value is None else f"{value:.3f}" for value in (loss, present, absent)),
        *(NOTHING if value is None else f"{100 * value:.1f} %" for value in (share, clip)),
    ]
