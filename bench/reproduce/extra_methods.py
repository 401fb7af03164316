"""What is not in the paper's table: own models and modern peers, measured as the table's rows are."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from baselines.method import Method
from baselines.registry import METHODS
from bench.errors import UsageError
from bench.paper import Table, rows
from bench.reproduce.cost_cells import count_beside
from bench.reproduce.record_cells import Found, found_miou, found_speed, own_notes
from bench.reproduce.record_choice import Records
from bench.reproduce.table_result import Beside, Measured, Point
from bench.reproduce.time_choice import Times
from bench.results.select import is_synthetic

_UNITS = {"time": "ms", "fps": "fps", "miou": "%"}
_KINDS = {"peer": "peer from a library", "own": "own model", "paper": "another method of the paper"}


def methods_beside(table: str, named: Sequence[str], *, peers: bool) -> list[Method]:
    """Return the methods to add below a table: those named, installed ones, and the modern peers.

    Installed networks (entry points) are always among them.

    Args:
        table: Of ``bench.paper.TABLES``.
        named: Names of ``carnet-bench models``, or ``path/to/file.py:build``.
        peers: Whether all modern peers of the registry are wanted.

    Raises:
        UsageError: An unknown name, one that the table has a row of, or two networks under one name.
        RefusedInput: A named file does not exist, cannot be run, or does not have what is named.
    """
    from bench.models import available, resolve  # noqa: PLC0415 - only a command line has names to resolve

    chosen = [resolve(name) for name in named]
    printed = {row.name for row in rows(table)}
    for name, method in zip(named, chosen, strict=True):
        if method.name in printed:
            raise UsageError(f"model '{name}': {table} has a row '{method.name}' already; give another name")
    names = [method.name for method in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"model '{twice[0]}': two networks of this name; give each once, in files of their own"
        )
    for name, method in available().items():
        installed = name not in METHODS
        if (installed or (peers and method.group == "peer")) and name not in names and method.builder:
            chosen.append(method)
    return chosen


def set_beside(method: Method, table: Table, records: Records, times: Times) -> Beside:
    """Return a method's numbers under a table's columns, at the table's size and classes.

    A size that the method does not take leaves a note in place of the number.
    """
    counts, params_m = count_beside(method, table)
    numbers: list[Measured] = []
    for column in table.columns:
        numbers += [number for number in counts if number.column == column]
        if column == "miou":
            found = found_miou(records.accuracy(method.name, table))
        elif column in _UNITS:
            found = found_speed(column, times.choose(method.name, table.size_hw, table.num_classes))
        else:
            continue
        numbers.append(_measured(method, column, found))
    return Beside(
        method.name,
        method.title,
        _KINDS[method.group],
        tuple(numbers),
        params_m,
    )


def points_of(
    method: Method, params_m: float, table: Table, records: Records, *, in_table: bool
) -> list[Point]:
    """Return the accuracies of a method to plot, one for each data set and split."""
    return [
        Point(
            method.name,
            method.title,
            data,
            params_m,
            100 * statistics.fmean(record.values.miou for record in chosen),
            is_synthetic(chosen[0]),
            tuple(own_notes(chosen)),
            in_table,
        )
        for data, chosen in records.accuracy_by_split(method.name, table).items()
    ]


def with_these(methods: Mapping[str, Method], beside: Sequence[Method]) -> dict[str, Method]:
    """Return the methods by name, with those added below the table."""
    return {**methods, **{method.name: method for method in beside}}


def _measured(method: Method, column: str, found: Found) -> Measured:
    return Measured(method.name, column, _UNITS[column], found.value, found.note, found.record)
