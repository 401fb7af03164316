"""What SCLoss learns in a study's runs, as a section of its page."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

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
LITTLE = 0.05
"""Share of the gradient below which SCLoss leaves the step to the pixels' loss."""

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
_RUN_HEADS = (
    "SCLoss",
    "seeds",
    "share of the gradient, mean of all probes",
    f"below {100 * LITTLE:g} % from epoch",
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
        "Over the whole run, mean of seeds:",
        "",
        *table(list(_RUN_HEADS), [_run(one) for one in study.probed]),
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


def at_end(probed: Probed) -> list[SclossProbe]:
    """Return the probes of the seeds at the last epoch."""
    return list(by_epoch(probed).values())[-1]


def shares(probed: Probed) -> dict[int, float | None]:
    """Return SCLoss's share of the gradient at each epoch, mean over the seeds; None without a gradient."""
    return {epoch: mean(one.scloss_share for one in probes) for epoch, probes in by_epoch(probed).items()}


def settled_epoch(shares: Mapping[int, float | None]) -> int | None:
    """Return the first epoch from which on the share stays below `LITTLE`; None where it does not."""
    first = None
    for epoch, share in reversed(list(shares.items())):
        if share is None or share >= LITTLE:
            break
        first = epoch
    return first


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that there are; None of none."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _rows(probed: Probed) -> list[list[str]]:
    epochs = by_epoch(probed)
    ends = dict.fromkeys((min(epochs), max(epochs)))
    return [[escaped(probed.label), str(len(probed.points)), str(one), *_fields(epochs[one])] for one in ends]


def _run(probed: Probed) -> list[str]:
    by_share = shares(probed)
    of_all = mean(by_share.values())
    share = NOTHING if of_all is None else f"{100 * of_all:.1f} %"
    return [escaped(probed.label), str(len(probed.points)), share, str(settled_epoch(by_share) or NOTHING)]


def _fields(probes: Sequence[SclossProbe]) -> list[str]:
    loss = mean(value for one in probes for value in one.semantic_loss)
    present = mean(value for one in probes for value in one.present)
    absent = mean(value for one in probes for value in one.absent)
    share, clip = mean(one.scloss_share for one in probes), mean(one.clip_factor for one in probes)
    return [
        *(NOTHING if value is None else f"{value:.3f}" for value in (loss, present, absent)),
        *(NOTHING if value is None else f"{100 * value:.1f} %" for value in (share, clip)),
    ]
