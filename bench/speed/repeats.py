"""Inputs that never repeat, and the check that a network does not answer a repeated one from memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.clock.clock import Clock, Counters, time_models
from bench.clock.protocol import Protocol
from bench.clock.statistics import quantile
from bench.speed.device import Device

REPEATED_AT_LEAST = 0.90
"""Least share of a fresh input's time that a repeated one may take (MLPerf inference, TEST04)."""
_REPEAT_PAIRS = 9
_INPUTS = 4


class FreshInputs:
    """Random normalised images, never the same tensor nor the same values twice.

    Args:
        batch, size_hw: The shape (batch, 3, height, width).
        device: Device and memory format of the images.
    """

    def __init__(self, batch: int, size_hw: tuple[int, int], device: Device) -> None:
        self._generator = torch.Generator().manual_seed(0)
        self._pool = [
            torch.randn(batch, 3, *size_hw, generator=self._generator).to(
                device.torch_device, memory_format=device.memory_format
            )
            for _ in range(_INPUTS)
        ]
        self._made = 0

    def take(self) -> Tensor:
        """Return the next one; a new tensor, so that no cache can know it by its identity or its values."""
        shift = 0.1 * torch.rand((), generator=self._generator, dtype=torch.float64).item()
        self._made += 1
        return self._pool[self._made % len(self._pool)] + shift


class Subject:
    """A network, or what runs it, and the input of its next call."""

    def __init__(self, network: Callable[[Tensor], object], inputs: FreshInputs) -> None:
        self.network = network
        self.inputs = inputs
        self.image = self.first = inputs.take()

    def refresh(self) -> None:
        """Give the next call an input it has not seen."""
        self.image = self.inputs.take()

    def call(self) -> None:
        """Run the network on the current input."""
        self.network(self.image)

    def call_again(self) -> None:
        """Run the network on the first input, which it has answered before."""
        self.network(self.first)


@dataclass(frozen=True)
class Repeat:
    """Whether a network answers a repeated input sooner than a fresh one.

    Attributes:
        over_fresh: Median over pairs of (time with the repeated input / time with a fresh one).
        pairs: Number of pairs.
    """

    over_fresh: float
    pairs: int

    def reasons(self) -> tuple[str, ...]:
        """Return why it is not valid, if so."""
        if self.over_fresh >= REPEATED_AT_LEAST:
            return ()
        return (
            f"a repeated input took {self.over_fresh:.2f} of the time of a fresh one ({self.pairs} pairs), "
            f"allowed is {REPEATED_AT_LEAST:.2f} or more: as if the answer were remembered",
        )


def time_repeats(
    subject: Subject, device: Device, budget_s: float, clock: Clock, counters: Counters
) -> Repeat:
    """Time fresh and repeated inputs in turn; the input repeated has been answered once before."""
    timed = time_models(
        {"fresh": subject.call, "repeated": subject.call_again},
        device.synchronise,
        # one call each is enough here: both see the same warmth, and only their ratio is wanted
        protocol=Protocol(
            samples=_REPEAT_PAIRS, budget_s=budget_s, least_window_s=0.0, warmup_calls=1, attempts=1
        ),
        prepare=lambda name: subject.refresh() if name == "fresh" else None,
        clock=clock,
        counters=counters,
    )
    pairs = zip(timed["repeated"].chosen.times_ms, timed["fresh"].chosen.times_ms, strict=True)
    ratios = [again_ms / fresh_ms if fresh_ms > 0 else 1.0 for again_ms, fresh_ms in pairs]
    return Repeat(quantile(ratios, 0.5), len(ratios))
