"""Rules that select records: the latest, a single pass, one run, what a table may hold.

Every reader of records uses these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from baselines.method import Method
from bench.results.provenance import current_sources
from bench.results.record import AccuracyRecord, Record, SpeedRecord
from bench.results.value_types import Provenance

if TYPE_CHECKING:
    from bench.results.listed import Listed

R = TypeVar("R", bound=Record)
T = TypeVar("T")
Measured = tuple[str, int, str, str]
"""When a measurement started, which take of it that is, the id of its first take, and its own."""


def started(record: Record) -> str:
    """Return when a measurement started (UTC), in text that sorts by time; empty where that is not known."""
    return record.provenance.started_utc or ""


def measured(record: Record) -> Measured:
    """Return what `newest_first` sorts a record by."""
    return started(record), record.identity.take, record.first_id, record.id


@overload
def newest_first(records: Iterable[R]) -> list[R]: ...
@overload
def newest_first(records: Iterable[T], by: Callable[[T], Measured]) -> list[T]: ...
def newest_first(records: Iterable[Any], by: Callable[[Any], Measured] = measured) -> list[Any]:
    """Return records with the latest first; of one second, the later take, then the larger id.

    A later take counts as measured after the earlier ones of its measurement, whatever the clock said then.
    """
    keyed: list[tuple[tuple[str, int, str], Any]] = []
    latest: dict[str, str] = {}
    for (began, take, first, name), one in sorted(((by(one), one) for one in records), key=_by_take):
        when = max(began, latest.get(first, "")) if take else began
        latest[first] = max(when, latest.get(first, ""))
        keyed.append(((when, take, name), one))
    return [one for _, one in sorted(keyed, key=lambda pair: pair[0], reverse=True)]


def _by_take(pair: tuple[Measured, Any]) -> int:
    return pair[0][1]


def newest(records: Iterable[R]) -> R | None:
    """Return the latest record, or None."""
    return next(iter(newest_first(records)), None)


def is_single_pass(record: AccuracyRecord) -> bool:
    """Say whether each image was shown once, whole and as it is: no scales, mirror images or windows.

    Of predictions from outside that is not known, so it is said of none of them.
    """
    protocol = record.identity.protocol
    return protocol.scales == (1.0,) and not protocol.flip and protocol.window is None


def of_runs(records: Iterable[AccuracyRecord]) -> list[AccuracyRecord]:
    """Return the scores of training runs, without those of predictions from outside and of exported files."""
    return [one for one in records if one.identity.trained is not None]


def is_synthetic(record: AccuracyRecord) -> bool:
    """Say whether a record was measured on synthetic images."""
    return record.identity.data.name == "scenes" or "synthetic data" in record.notes


def is_time_of(
    record: SpeedRecord,
    model: str,
    size_hw: tuple[int, int] | None,
    num_classes: int | None,
    *,
    form: str = "",
    options: Mapping[str, Any] | None = None,
) -> bool:
    """Say whether a record is the time of one image through a row's network alone.

    Args:
        record: Any time.
        model, size_hw, num_classes: The row, the height and width of its input in pixels, and its classes.
        form: Engine, layout, precision and folding, as `SpeedIdentity.form` names them; empty is plain eager.
        options: The builder's, where they matter; None for any.
    """
    found = record.identity
    return (
        (found.model, found.size, found.num_classes, found.batch) == (model, size_hw, num_classes, 1)
        and found.form == form
        and found.measured is None
        and (options is None or found.options == dict(options))
    )


def in_one_run(
    first: Iterable[SpeedRecord], second: Iterable[SpeedRecord]
) -> tuple[SpeedRecord, SpeedRecord] | None:
    """Return the latest two times of one interleaved run, one of each; None without such a run."""
    by_run = {one.provenance.run: one for one in second if one.provenance.run is not None}
    pairs = [(one, by_run[run]) for one in newest_first(first) if (run := one.provenance.run) in by_run]
    return pairs[0] if pairs else None


class Tabulated:
    """Whether records may stand in a table: valid, no smoke run, of committed code that is still the same.

    Args:
        methods: By registry name, or a function from a model's name to its method; the digests of a method's
            code are computed once, when they are first needed.
    """

    def __init__(self, methods: Mapping[str, Method] | Callable[[str], Method | None]) -> None:
        self._method = methods.get if isinstance(methods, Mapping) else methods
        self._sources: dict[tuple[str, bool], dict[str, str] | None] = {}
        self._judged: dict[int, tuple[Record, str | None]] = {}
        self._by_code: dict[tuple[str, str, bool], str | None] = {}

    def __contains__(self, record: object) -> bool:
        return isinstance(record, Record) and self.why_not(record) is None

    def why_not(self, record: Record) -> str | None:
        """Return why a record may not enter a table, or None when it may."""
        judged = self._judged.get(id(record))  # which the record beside it keeps from being another's
        if judged is None:
            judged = self._judged[id(record)] = record, why_not_tabulated(record, self.sources(record))
        return judged[1]

    def why_not_listed(self, one: Listed) -> str | None:
        """Return the same of a record of which no more than this is at hand."""
        if one.against is not None:
            return one.against
        key = (one.code, one.model, one.deployed)
        if key not in self._by_code:
            parts = [Provenance.model_validate(part) for part in json.loads(one.code)]
            self._by_code[key] = _why_not_by(parts, self._sources_of(one.model, one.deployed))
        return self._by_code[key]

    def is_stale(self, record: Record) -> bool:
        """Say whether code that had a known part in a record has changed since, or is gone."""
        known = [
            one.source for one in (record.provenance, *record.provenance.parts) if one.source is not None
        ]
        return any(source != self.sources(record) for source in known)

    def sort(self, records: Iterable[R]) -> tuple[list[R], tuple[str, ...]]:
        """Return the records that may enter a table, and the reasons of the others."""
        reasons = [(one, self.why_not(one)) for one in records]
        usable = [one for one, reason in reasons if reason is None]
        return usable, tuple(reason for _, reason in reasons if reason is not None)

    def sources(self, record: Record) -> dict[str, str] | None:
        """Return the digests of the code as it is now that decides a record; None without such a method."""
        deployed = isinstance(record, SpeedRecord) and record.identity.deploy
        return self._sources_of(record.identity.model, deployed)

    def _sources_of(self, model: str, deployed: bool) -> dict[str, str] | None:
        key = (model, deployed)
        if key not in self._sources:
            method = self._method(key[0])
            self._sources[key] = None if method is None else current_sources(method, deployed=deployed)
        return self._sources[key]


def why_not_tabulated(record: Record, sources: Mapping[str, str] | None) -> str | None:
    """Return why a record may not enter a table, or None when it may.

    Args:
        record: The measurement.
        sources: Digests of the code that decides it, as it is now
            (`bench.results.provenance.current_sources`); None when the method no longer exists.
    """
    parts = (record.provenance, *record.provenance.parts)
    return against(record) or _why_not_by(parts, sources)


def against(record: Record) -> str | None:
    """Return why no table may hold a record, whatever the code is now; None where the code decides."""
    if record.smoke:
        return "smoke run"
    if not record.valid:
        return f"not valid: {'; '.join(record.reasons)}"
    if isinstance(record, AccuracyRecord) and record.identity.predictions is not None:
        return "predictions from outside: how they were computed is not known"
    if isinstance(record, AccuracyRecord) and record.identity.file is not None:
        return "an exported file: its training is not known"
    return None


def _why_not_by(parts: Iterable[Provenance], sources: Mapping[str, str] | None) -> str | None:
    return next((reason for part in parts if (reason := _why_not_made_by(part, sources))), None)


def _why_not_made_by(part: Provenance, sources: Mapping[str, str] | None) -> str | None:
    """Return why nothing that this code had a part in may enter a table, or None."""
    measured, now = part.source or {}, sources or {}
    checks = (
        (part.dirty, "dirty tree"),
        (part.source is None, "no source digest"),
        (part.dirty is None, f"not known whether the code was committed: {part.unknown or 'no git'}"),
        (sources is None, "stale: the method is no longer there"),
    )
    if (reason := next((text for applies, text in checks if applies), None)) is not None:
        return reason
    changed = [name for name in sorted({*measured, *now}) if measured.get(name) != now.get(name)]
    return f"stale: changed since {', '.join(changed)}" if changed else None
