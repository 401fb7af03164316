"""Which times of a table need not be taken again: valid, of this machine and of this code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.experiments.time_budget import Candidate
from bench.paper.claims import partners
from bench.results.record import SpeedRecord
from bench.results.select import Tabulated, in_one_run, newest_first
from bench.results.store import read_records
from bench.speed.device import Device
from bench.speed.identity import speed_identity
from bench.speed.variant import Variant


def kept_times(
    table: str,
    rows: Iterable[Candidate],
    home: Path,
    *,
    device: Device,
    variant: Variant,
    threads: int,
) -> dict[str, SpeedRecord]:
    """Return the record of each row that has one which may be shown, so that it is not timed again.

    A record fits when everything that defines it is what would be measured now: machine, versions, engine,
    precision, size, threads. A row whose ratio to another is claimed is kept only when one run holds both.

    Parameters
    ----------
    table
        Of ``bench.paper.TABLES``.
    rows
        What would be timed.
    home
        Holds ``results/records``.
    device, variant, threads
        Where and how it would be timed.
    """
    rows = list(rows)
    records = read_records(home, "speed")
    fitting: dict[str, list[SpeedRecord]] = {}
    for row in rows:
        identity = speed_identity(
            row.method, variant, row.size_hw, device, num_classes=row.num_classes, batch=1, threads=threads
        )
        own = [record for record in records if _is_of(record, identity)]
        tabulated = Tabulated({row.method.name: row.method})
        fitting[row.method.name] = [record for record in own if record in tabulated]
    return {name: found for name in fitting if (found := _kept(table, name, fitting)) is not None}


def _kept(table: str, name: str, fitting: Mapping[str, list[SpeedRecord]]) -> SpeedRecord | None:
    if not fitting[name]:
        return None
    latest = newest_first(fitting[name])[0]
    for other in partners(table, name):
        if other not in fitting:
            continue  # it is not built, so nothing can be timed against it
        pair = in_one_run(fitting[name], fitting[other])
        if pair is None:
            return None
        latest = pair[0]
    return latest


def _is_of(record: SpeedRecord, identity: Mapping[str, Any]) -> bool:
    found = dict(record.stored["identity"])
    found.pop("take", None)
    versions = found.pop("engine_versions", {})
    return found == identity and all(_is_installed(name, number) for name, number in versions.items())


def _is_installed(package: str, number: str) -> bool:
    try:
        # a library may add its build to the number that its package has
        return number.startswith(version(package))
    except PackageNotFoundError:
        return False
