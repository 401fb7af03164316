"""Which networks fit into a time budget: judged by their operations first, then by one call of each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch

from baselines.method import Method
from bench.cost.meta import build_checked
from bench.evaluate.peak import PeakMemory
from bench.own.guard import user_code
from bench.speed.device import Device

CALLS = 15
"""Fewest calls of a network in a valid measurement: one trial, three against remembered answers, one of
warm-up, nine samples, one of an unused copy."""
_SECOND_CALL_SHARE = 0.2
"""Largest share of the time left for a second call, when by the first, which pays for kernels and memory, the
network does not fit."""

_CPU = torch.device("cpu")

Clock = Callable[[], float]


@dataclass(frozen=True)
class Candidate:
    """A network whose time a table prints.

    Attributes:
        method: What to time.
        size_hw, num_classes: Input size in pixels, and output classes.
        gmacs: 1e9 multiply-adds of one image; None when they cannot be counted.
        calls: Fewest calls of a valid measurement; an engine adds those that compare it with eager.
        need_s: Seconds of the shortest valid measurement; 0 before a call was timed.
        memory_mib: Rise of the memory in use by building and calling it; 0 where unknown.
    """

    method: Method
    size_hw: tuple[int, int]
    num_classes: int
    gmacs: float | None = None
    calls: int = CALLS
    need_s: float = 0.0
    memory_mib: float = 0.0

    @property
    def name(self) -> str:
        """Name of its row."""
        return self.method.name


def affordable(
    candidates: Iterable[Candidate],
    left_s: Callable[[], float],
    gmacs_per_s: float,
    build: Callable[[Candidate], Callable[[], float]],
    clock: Clock = time.monotonic,
    *,
    device: torch.device = _CPU,
) -> tuple[list[Candidate], dict[str, str]]:
    """Choose what fits, those with fewer operations first.

    A network whose operations would not fit even at the rate of a matrix product is never called, as one call
    could exceed the budget. One call of each other network is timed.

    Args:
        candidates: In any order.
        left_s: Returns the seconds left.
        gmacs_per_s: 1e9 multiply-adds per second of a large matrix product.
        build: Builds a candidate and returns a function that times one call, in seconds; see `network_on`.
        clock: Monotonic seconds.
        device: Device whose memory is watched.

    Returns:
        The candidates to time, with what each needs; and for the others the reason, by name.
    """
    chosen: list[Candidate] = []
    refused: dict[str, str] = {}
    for one in sorted(candidates, key=lambda one: math.inf if one.gmacs is None else one.gmacs):
        name = one.method.name
        if one.gmacs is None:
            refused[name] = "its operations cannot be counted, so its duration is unknown"
            continue
        free_s = left_s() - sum(other.need_s for other in chosen)
        bound_s = one.calls * one.gmacs / gmacs_per_s
        if bound_s > free_s:
            refused[name] = f"needs at least {_seconds(bound_s)}, {_seconds(free_s)} left"
            continue
        try:
            with PeakMemory(device) as peak:
                need_s = _need_s(build, one, free_s, clock)
        except Exception as error:
            # it does not run at this size, or needs more memory than is free
            refused[name] = f"{type(error).__name__}: {error}"
            continue
        free_s = left_s() - sum(other.need_s for other in chosen)
        if need_s > free_s:
            refused[name] = f"needs about {_seconds(need_s)}, {_seconds(free_s)} left"
        else:
            chosen.append(replace(one, need_s=need_s, memory_mib=peak.mib or 0.0))
    return chosen, refused


def _need_s(
    build: Callable[[Candidate], Callable[[], float]], one: Candidate, free_s: float, clock: Clock
) -> float:
    """Return the seconds that a valid measurement needs: rebuilding the network, and its calls."""
    began_s = clock()
    call = build(one)
    built_s = clock() - began_s
    call_s = call()
    if built_s + one.calls * call_s > free_s and call_s <= _SECOND_CALL_SHARE * free_s:
        call_s = min(call_s, call())
    return built_s + one.calls * call_s


def network_on(device: Device) -> Callable[[Candidate], Callable[[], float]]:
    """Return a function that builds a candidate on a device, ready for timed calls."""

    def build(one: Candidate) -> Callable[[], float]:
        network = build_checked(one.method, one.num_classes).eval()
        network = network.to(device.torch_device).to(memory_format=device.memory_format)
        image = torch.randn(1, 3, *one.size_hw).to(device.torch_device, memory_format=device.memory_format)

        def call_s() -> float:
            device.synchronise()
            began_s = time.perf_counter()
            with user_code("its forward", one.method):
                network(image)
                device.synchronise()
            return time.perf_counter() - began_s

        return call_s

    return build


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
