"""Best rates of this device, measured in the same run: matrix product and copy.

The roofline model (Williams, Waterman, Patterson: Roofline. CACM 52(4), 2009), thin: a network's operations
at the rate of a large matrix product are a time that it cannot beat without doing fewer operations.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from bench.clock.clock import Clock
from bench.speed.device import Device

MOST_OF_BOUND = 4.0
"""Largest ratio of the GEMM bound to a time: Winograd's F(4x4, 3x3) does 36 products for 144."""
_MOST_REPETITIONS = 1000


@dataclass(frozen=True)
class Rates:
    """The best rates seen on a device.

    Attributes:
        gemm_gmacs_per_s: Multiply-accumulates of a square fp32 matrix product, in 10^9 per second.
        copy_gb_per_s: Bytes read and written by a copy, in 10^9 per second.
        gemm_side, copy_mib: The sizes used.
    """

    gemm_gmacs_per_s: float
    copy_gb_per_s: float
    gemm_side: int
    copy_mib: int


def measure_rates(
    device: Device,
    *,
    seconds: float = 0.5,
    gemm_side: int | None = None,
    copy_mib: int | None = None,
    clock: Clock = time.perf_counter_ns,
) -> Rates:
    """Measure the rate of `torch.mm` and of a copy on this device, with the threads in force.

    The best of the repetitions counts, not the median: a bound is what the device can do, and an
    interruption only ever makes it slower.

    Args:
        device: Device to measure.
        seconds: Time for each of the two; at least three repetitions after one for warm-up in any case.
        gemm_side: Rows and columns of the matrices.
        copy_mib: Size of the copied block, MiB.
        clock: Monotonic nanoseconds.
    """
    # 64 MiB are well above the last cache of most CPUs
    usual_side, usual_mib = (1024, 64) if device.kind == "cpu" else (8192, 1024)
    side, mib = gemm_side or usual_side, copy_mib or usual_mib
    left = torch.ones(side, side, device=device.torch_device)
    right, product = torch.ones_like(left), torch.empty_like(left)
    gemm_s = _shortest_s(lambda: torch.mm(left, right, out=product), device, seconds, clock)
    source = torch.ones(mib * 2**20 // 4, device=device.torch_device)
    target = torch.empty_like(source)
    copy_s = _shortest_s(lambda: target.copy_(source), device, seconds, clock)
    return Rates(
        gemm_gmacs_per_s=side**3 / gemm_s / 1e9,
        copy_gb_per_s=2 * source.numel() * 4 / copy_s / 1e9,  # each byte is read once and written once
        gemm_side=side,
        copy_mib=mib,
    )


def gemm_bound_ms(gmacs: float, rates: Rates) -> float:
    """Return the time of so many operations at the GEMM rate, ms.

    A bound for what is computed as counted: an algorithm with fewer multiplications (Winograd) may pass it.
    """
    return gmacs / rates.gemm_gmacs_per_s * 1000.0


def too_fast(bound: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a reason where a time is so far below its bound that not all was computed.

    Args:
        bound: ``gemm_bound_ms``, and ``gemm_fraction``, that over the median; None where unknown.
    """
    fraction = bound["gemm_fraction"]
    if fraction is None or fraction <= MOST_OF_BOUND:
        return ()
    return (
        f"the median is {1 / fraction:.3g} of the GEMM bound of {bound['gemm_bound_ms']:.4g} ms, allowed is "
        f"{1 / MOST_OF_BOUND:g} or more: less was computed than was counted",
    )


def _shortest_s(call: Callable[[], object], device: Device, seconds: float, clock: Clock) -> float:
    call()
    device.synchronise()
    times_ns: list[int] = []
    began_ns = clock()
    # bounded in number too, so that a clock that stands still does not keep us here
    while len(times_ns) < 3 or (len(times_ns) < _MOST_REPETITIONS and clock() - began_ns < seconds * 1e9):
        start_ns = clock()
        call()
        device.synchronise()
        times_ns.append(clock() - start_ns)
    return max(1, min(times_ns)) / 1e9
