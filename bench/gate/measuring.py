"""Counts and golden outputs of a tree's methods, one method after the other.

This runs in the tree under test and, with the code of an older tree around it, in a worker process: next to
the gate's own modules it uses only what every tree has had, the registry and ``count_costs``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from baselines.method import Method
from bench.cost.count import count_costs
from bench.gate.golden import golden

COUNTS = {
    "params": "params_m",
    "macs": "gmacs",
    "thop2019_ops": "thop2019_gops",
    "ptflops_macs": "ptflops_gmacs",
}
"""The counts kept, as whole numbers, and what ``bench.cost`` calls them."""
KINDS = ("counts", "golden")

Measured = dict[str, Any]
"""Measurements of one method: ``counts`` and ``golden`` as wanted, or ``failed`` with the reason of each."""


def measurements(
    methods: Mapping[str, Method], names: Iterable[str], kinds: Iterable[str] = KINDS
) -> Iterator[tuple[str, Measured]]:
    """Yield each method's name and measurements; one that fails says why and does not stop the others."""
    wanted = tuple(kinds)
    for name in names:
        yield name, measure(methods[name], wanted)


def measure(method: Method, kinds: Iterable[str] = KINDS) -> Measured:
    """Return a method's counts at its own size and classes, and its golden output.

    ``failed`` holds the reason for each of ``kinds`` that could not be measured.
    """
    measured: Measured = {}
    failed: dict[str, str] = {}
    for kind in kinds:
        try:
            with _guarding(method):
                measured[kind] = counts_of(method) if kind == "counts" else golden(method).as_dict()
        # a network may raise anything, and that it now does is a finding
        except Exception as error:
            failed[kind] = f"{type(error).__name__}: {error}"
    return {**measured, **({"failed": failed} if failed else {})}


def _guarding(method: Method) -> AbstractContextManager[None]:
    """Return the guard of the user's own code, whose errors then name a file and a line."""
    if getattr(method, "group", None) != "own":
        return nullcontext()
    from bench.own.guard import user_code  # noqa: PLC0415 - an older tree has no such module

    return user_code("its check", method)


def counts_of(method: Method) -> dict[str, int | None]:
    """Return the counts of one forward pass as whole numbers, with the size and classes they are of.

    None is a count that is not available, as when two counters differ.
    """
    costs = count_costs(
        method, method.num_classes, method.size_hw, tuple(COUNTS.values()), components=False
    ).values()
    whole = {
        # giga and mega of whole numbers; below 2^53 rounding gives the number back
        name: None if costs[key] is None else round((costs[key] or 0.0) * (1e6 if key == "params_m" else 1e9))
        for name, key in COUNTS.items()
    }
    height, width = method.size_hw
    return {"height": height, "width": width, "classes": method.num_classes, **whole}


def serve(kinds: Iterable[str], names: Iterable[str], say: Callable[[dict[str, Any]], None]) -> None:
    """Send the names of the methods, then the measurements of those named; of all without names."""
    from baselines.registry import METHODS  # noqa: PLC0415 - a test may hand in methods of its own

    wanted = list(names)
    chosen = [name for name in METHODS if not wanted or name in wanted]
    say({"methods": chosen})
    for name, measured in measurements(METHODS, chosen, kinds):
        say({"name": name, **measured})
