"""What is timed against each other: rows of one input size, as many as the memory holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import psutil
import torch

from bench.experiments.time_budget import Candidate
from bench.models import available
from bench.paper.cells import load_table
from bench.paper.claims import partners

_MEMORY_SHARE = 0.5
"""Of the free memory that the networks of one group may take, as they were seen to take it alone."""
_MIB = 2**20


def rows_to_time(table: str) -> tuple[list[Candidate], list[Candidate]]:
    """Return the built methods of a table's time cells: the CARNets and what is claimed of them, the others.

    A table without times has none.
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


def groups_of(
    table: str, chosen: Iterable[Candidate], free_mib: Callable[[], float]
) -> list[list[Candidate]]:
    """Return the rows in groups to be timed interleaved: one input size and number of classes each.

    A group that the memory would not hold is divided; rows whose ratio is claimed stay together.

    Parameters
    ----------
    table
        Of ``bench.paper.TABLES``.
    chosen
        In the order in which they are to be timed.
    free_mib
        Says the memory that is free, see `free_mib_on`.
    """
    limit_mib = _MEMORY_SHARE * free_mib()
    groups: list[list[Candidate]] = []
    for knot in _knots(table, list(chosen)):
        need_mib = sum(one.memory_mib for one in knot)
        for group in groups:
            same = (group[0].size_hw, group[0].num_classes) == (knot[0].size_hw, knot[0].num_classes)
            if same and sum(one.memory_mib for one in group) + need_mib <= limit_mib:
                group.extend(knot)
                break
        else:
            groups.append(list(knot))
    return groups


def _knots(table: str, chosen: Sequence[Candidate]) -> list[list[Candidate]]:
    """Return the rows, those whose ratio is claimed tied together."""
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
    """Return the memory that is free on a device, MiB: a CUDA device's own, else the system's."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0]) / _MIB
    return float(psutil.virtual_memory().available) / _MIB
