"""Which rows of a table are timed, which keep the time they have, and which are timed against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

from bench.experiments.time_budget import Candidate
from bench.models import available
from bench.paper.cells import load_table
from bench.paper.claims import partners
from bench.results.record import SpeedRecord
from bench.results.select import Tabulated, in_one_run, newest_first
from bench.results.store import read_records
from bench.speed.device import Device
from bench.speed.identity import speed_identity
from bench.speed.variant import Variant

_MEMORY_SHARE = 0.5
"""Share of the free memory that the networks of one group may use, by what each used alone."""
_MIB = 2**20


def rows_to_time(table: str) -> tuple[list[Candidate], list[Candidate]]:
    """Return the methods of a table's time cells: the CARNets and their partners, and the others.

    Both are empty for a table without times.
    """
    methods = available()
    carnets: list[Candidate] = []
    others: list[Candidate] = []
    for cell in load_table(table):
        method = methods.get(cell.row)
        if cell.column != "time" or method is None:
            continue
        if cell.size_hw is not None and cell.classes is not None:
            first = method.family == "carnet" or bool(partners(table, cell.row))
            (carnets if first else others).append(Candidate(method, cell.size_hw, cell.classes))
    return carnets, others


def kept_times(
    table: str, rows: Iterable[Candidate], home: Path, *, device: Device, variant: Variant, threads: int
) -> dict[str, SpeedRecord]:
    """Return the valid record of each row that has one and need not be re-timed.

    A record fits when everything that defines it would be the same now: machine, versions, engine, precision,
    size, threads. A row whose ratio to another the paper claims is kept only when one run holds both.

    Args:
        table: A name of ``bench.paper.TABLES``.
        rows: The rows to be timed.
        home: Project folder with ``results/records``.
        device, variant, threads: Where and how they would be timed.
    """
    rows = list(rows)
    records = read_records(home, "speed", strict=False)
    fitting: dict[str, list[SpeedRecord]] = {}
    for row in rows:
        identity = speed_identity(
            row.method, variant, row.size_hw, device, num_classes=row.num_classes, batch=1, threads=threads
        )
        own = [record for record in records if _is_of(record, identity)]
        fitting[row.method.name], _ = Tabulated({row.method.name: row.method}).sort(own)
    return {name: found for name in fitting if (found := _kept(table, name, fitting)) is not None}


def _kept(table: str, name: str, fitting: Mapping[str, list[SpeedRecord]]) -> SpeedRecord | None:
    if not fitting[name]:
        return None
    latest = newest_first(fitting[name])[0]
    for other in partners(table, name):
        if other not in fitting:
            continue  # not built, so nothing can be timed against it
        pair = in_one_run(fitting[name], fitting[other])
        if pair is None:
            return None
        latest = pair[0]
    return latest


def _is_of(record: SpeedRecord, identity: Mapping[str, Any]) -> bool:
    found = dict(record.stored_identity)
    found.pop("take", None)
    versions = found.pop("engine_versions", {})
    return found == identity and all(_is_installed(name, number) for name, number in versions.items())


def _is_installed(package: str, number: str) -> bool:
    try:
        # a library may add its build to the number that its package has
        return number.startswith(version(package))
    except PackageNotFoundError:
        return False


def groups_of(
    table: str, chosen: Iterable[Candidate], free_mib: Callable[[], float]
) -> list[list[Candidate]]:
    """Return the rows in groups to be timed interleaved: one input size and number of classes each.

    A group that does not fit into memory is divided; rows whose ratio the paper claims stay together.

    Args:
        table: A name of ``bench.paper.TABLES``.
        chosen: The rows, in the order in which they are timed.
        free_mib: Returns the free memory, see `free_mib_on`.
    """
    limit_mib = _MEMORY_SHARE * free_mib()
    groups: list[list[Candidate]] = []
    for knot in knots_of(table, list(chosen)):
        need_mib = sum(one.memory_mib for one in knot)
        for group in groups:
            same = (group[0].size_hw, group[0].num_classes) == (knot[0].size_hw, knot[0].num_classes)
            if same and sum(one.memory_mib for one in group) + need_mib <= limit_mib:
                group.extend(knot)
                break
        else:
            groups.append(list(knot))
    return groups


def knots_of(table: str, chosen: Sequence[Candidate]) -> list[list[Candidate]]:
    """Return the rows, those whose ratio the paper claims tied together."""
    knots: list[list[Candidate]] = []
    for one in chosen:
        tied = partners(table, one.name)
        knot = next((knot for knot in knots if any(other.name in tied for other in knot)), None)
        if knot is None:
            knots.append([one])
        else:
            knot.append(one)
    return knots


def free_mib_on(device: torch.device) -> float:
    """Return the free memory of a device, MiB: a CUDA device's own, else the system's."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0]) / _MIB
    return float(psutil.virtual_memory().available) / _MIB
