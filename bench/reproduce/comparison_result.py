"""A judged comparison as data: one line per method, all pairs, and the frame that tables are written from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from baselines.method import Method
from bench.evaluate.differences import Interval
from bench.reproduce.verdict.groups import Pair
from bench.results.record import AccuracyRecord, SpeedRecord, TrainingRecord

if TYPE_CHECKING:
    import pandas as pd

SCRATCH = "from scratch"
OUTSIDE = "predictions from outside"
FILE = "an exported file"
_TEXTS = (
    "method", "title", "kind", "starting_weights", "seeds", "group", "front", "no_lead_over", "size",
    "timed_size", "note", "accuracy_records", "training_records", "speed_record",
)  # fmt: skip


@dataclass(frozen=True)
class Counted:
    """What was counted of a network; None is "not counted".

    Attributes:
        params_m: Learnable numbers that run at inference, in 1e6.
        gmacs: Multiply-adds of one image, in 1e9, at the size that the method takes.
        note: Why there is no number, or None.
    """

    params_m: float | None = None
    gmacs: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class Entry:
    """What is on record of one method.

    Attributes:
        method: The method.
        network: The method with the options that it was trained with, which is counted and timed.
        counted: Its costs.
        accuracy: {seed: score}.
        training: {seed: training}, failed ones too.
        speed: Its time; None without a valid one in the shared run.
    """

    method: Method
    network: Method
    counted: Counted
    accuracy: Mapping[int, AccuracyRecord] = field(default_factory=dict)
    training: Mapping[int, TrainingRecord] = field(default_factory=dict)
    speed: SpeedRecord | None = None

    @property
    def is_outside(self) -> bool:
        """Whether its predictions come from outside, so that nobody knows how they were made."""
        return any(record.identity.predictions is not None for record in self.accuracy.values())

    @property
    def is_file(self) -> bool:
        """Whether it is a network's file, whose training nobody knows."""
        return any(record.identity.file is not None for record in self.accuracy.values())

    @property
    def is_given(self) -> bool:
        """Whether it is scored as it stands and was not trained here."""
        return self.is_outside or self.is_file

    @property
    def kind(self) -> str:
        """The method's group, or ``outside`` or ``file``."""
        return "outside" if self.is_outside else "file" if self.is_file else self.method.group


def given_entry(record: AccuracyRecord, speed: SpeedRecord | None = None) -> Entry:
    """Return the entry of what is scored as it stands: predictions from outside, or a network's file.

    Args:
        record: Its score.
        speed: The file's time; predictions have none.
    """
    name = record.identity.model
    method = Method(name, name, OUTSIDE if record.identity.file is None else FILE, 0, "", group="own")
    return Entry(method, method, Counted(), {0: record}, speed=speed)


@dataclass(frozen=True)
class Standing:
    """One method's line.

    Attributes:
        entry: What it rests on.
        weights: ImageNet weights that its encoder starts from, by name, or `SCRATCH`; None without a run.
        interval: Mean mIoU and its 95 % interval, as fractions; None without an interval.
        miou: Mean mIoU over the seeds; None without a score.
        iou: Mean IoU of each class over the seeds.
        train_s: Mean training time of a run; None where it is not on record.
        to_best: The pair with the best method; None for the best itself or where nothing is judged.
        in_group: Whether it cannot be told apart from the best; None without a verdict.
        on_front: Whether its lead in mIoU or time is real over each other method; None without a verdict.
        rivals: The methods over which it has no real lead.
        notes: What must be known of its numbers.
    """

    entry: Entry
    weights: str | None
    interval: Interval | None
    miou: float | None
    iou: Mapping[str, float | None]
    train_s: float | None
    to_best: Pair | None = None
    in_group: bool | None = None
    on_front: bool | None = None
    rivals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the method."""
        return self.entry.method.name

    @property
    def seeds(self) -> tuple[int, ...]:
        """Finished seeds; none of what was not trained here."""
        return () if self.entry.is_given else tuple(self.entry.accuracy)

    @property
    def records(self) -> dict[str, list[str]]:
        """Ids by kind."""
        speed = self.entry.speed
        return {
            "accuracy": [record.id for record in self.entry.accuracy.values()],
            "training": [record.id for record in self.entry.training.values()],
            "speed": [] if speed is None else [speed.id],
        }


@dataclass(frozen=True)
class Comparison:
    """Methods under one protocol.

    Attributes:
        name: Its files are ``reports/compare-NAME.*``.
        protocol: Data, recipe and scoring, in words.
        standings: The highest mIoU first; those without a score last.
        accuracy_pairs, time_pairs: Every two methods.
        timed: Machine, engine and precision of the times, in words; None without times.
        size_hw: Input size of counts and times; a method that does not take it gets the smallest that holds
            it.
        synthetic, smoke: Whether the images are drawn; whether runs only show that the parts fit together.
        notes: Why there is no verdict, and what else holds for the whole comparison.
    """

    name: str
    protocol: str
    standings: tuple[Standing, ...]
    accuracy_pairs: tuple[Pair, ...]
    time_pairs: tuple[Pair, ...]
    timed: str | None
    size_hw: tuple[int, int]
    synthetic: bool
    smoke: bool
    notes: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """Name of its files without the ending."""
        return f"compare-{self.name}"

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the records."""
        return tuple(dict.fromkeys(name for one in self.standings for name in one.iou))

    def as_json(self) -> dict[str, Any]:
        """Return what ``compare --json`` adds to the runs."""
        lines = []
        for one, line in zip(self.standings, self.lines(), strict=True):
            shown = {key: value for key, value in line.items() if not key.startswith("iou_")}
            lines.append({**shown, "iou": dict(one.iou), "records": one.records, "notes": list(one.notes)})
        return {
            "name": self.name,
            "protocol": self.protocol,
            "timed": self.timed,
            "size": list(self.size_hw),
            "synthetic": self.synthetic,
            "smoke": self.smoke,
            "methods": lines,
            "accuracy_pairs": [pair.as_json() for pair in self.accuracy_pairs],
            "time_pairs": [pair.as_json() for pair in self.time_pairs],
            "notes": list(self.notes),
        }

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield each method's line by column, unrounded; None is "not measured" or "no verdict"."""
        for one in self.standings:
            values = None if one.entry.speed is None else one.entry.speed.values
            timed = None if one.entry.speed is None else one.entry.speed.identity.size
            pair, found = one.to_best, one.interval
            behind = None if pair is None else (pair.mean, pair.low, pair.high)
            if behind is not None and pair is not None and pair.first == one.name:
                behind = (-pair.mean, -pair.high, -pair.low)
            yield {
                "method": one.name,
                "title": one.entry.method.title,
                "kind": one.entry.kind,
                "starting_weights": one.weights,
                "seeds": " ".join(map(str, one.seeds)) or None,
                "miou": one.miou,
                "miou_low": None if found is None else found.low,
                "miou_high": None if found is None else found.high,
                "miou_std": None if found is None else found.std,
                "behind_best": None if behind is None else behind[0],
                "behind_best_low": None if behind is None else behind[1],
                "behind_best_high": None if behind is None else behind[2],
                "p_corrected": None if pair is None else pair.corrected,
                "group": _word(one.in_group, "best", "behind"),
                "front": _word(one.on_front, "yes", "no"),
                "no_lead_over": " ".join(one.rivals) or None,
                "params_m": one.entry.counted.params_m,
                "gmacs": one.entry.counted.gmacs,
                "size": f"{self.size_hw[0]}x{self.size_hw[1]}",
                "timed_size": None if timed is None else f"{timed[0]}x{timed[1]}",
                "median_ms": None if values is None else values.median_ms,
                "p90_ms": None if values is None else values.p90_ms,
                "p99_ms": None if values is None else values.p99_ms,
                "fps": None if values is None else values.fps,
                "peak_mib": None if values is None else values.peak_mib,
                "train_s": one.train_s,
                **{f"iou_{name}": one.iou.get(name) for name in self.classes},
                "note": "; ".join(one.notes) or None,
                **{
                    f"{kind}_record{'' if kind == 'speed' else 's'}": " ".join(ids) or None
                    for kind, ids in one.records.items()
                },
            }

    def frame(self) -> pd.DataFrame:
        """Return a row per method; a missing number is NaN, a missing word NA."""
        import pandas as pd  # noqa: PLC0415 - a second that most commands need not spend

        frame = pd.DataFrame(list(self.lines()))
        return frame.astype({name: "string" if name in _TEXTS else "float64" for name in frame.columns})


def _word(value: bool | None, yes: str, no: str) -> str | None:
    return None if value is None else yes if value else no
