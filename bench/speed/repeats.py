"""What is timed with the input of its next call, and whether it answers a repeated input from memory."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from bench.clock.clock import Clock, Counters, time_models
from bench.clock.protocol import Protocol
from bench.clock.statistics import quantile
from bench.speed.answers import MOST_CHECKED, thinned
from bench.speed.device import Device
from bench.speed.inputs import FreshInputs

REPEATED_AT_LEAST = 0.90
"""Least share of a fresh input's time that a repeated one may take (MLPerf inference, TEST04)."""
_REPEAT_PAIRS = 9


class Subject:
    """A network, or what runs it, the input of its next call, and some of its answers.

    After `keep_some`, of the fresh calls 1, 2 to 3, 4 to 7, 8 to 15, ... one each is chosen at random, and
    its image and answer are kept; at last those of the latest `MOST_CHECKED`.

    Args:
        network: What is timed.
        inputs: Source of its images.
        reference: A copy of the eager network that was never called, on the CPU.
        allowed: Most by which its answers may differ from the reference's, see `bench.speed.parity.LIMITS`.
    """

    def __init__(
        self, network: Callable[[Tensor], object], inputs: FreshInputs, reference: nn.Module, allowed: float
    ) -> None:
        self.network = network
        self.inputs = inputs
        self.reference = reference
        self.allowed = allowed
        self.kept: deque[tuple[Tensor, list[Tensor]]] = deque(maxlen=MOST_CHECKED)
        self.image = self._first = inputs.take()
        self._first_values = self._first.clone()
        self._calls, self._next_kept = 0, 0
        self._shown: Tensor | None = None
        self._answer: object = None

    def refresh(self) -> None:
        """Give the next call an input that the network has not seen."""
        self.keep()
        self.image = self.inputs.take()
        self._calls += 1
        if 0 < self._next_kept <= self._calls:
            self._shown = self.image.clone()
            first_of_next = 2 ** self._calls.bit_length()
            self._next_kept = first_of_next + secrets.randbelow(first_of_next)

    def repeat(self) -> None:
        """Give the next call the first input, which was answered before: the same tensor, as it was then."""
        self.keep()
        if self._first.shape == self._first_values.shape:
            self._first.copy_(self._first_values)
        else:  # its shape was changed in place
            self._first = self._first_values.clone()
        self.image = self._first

    def call(self) -> None:
        """Run the network on the current input."""
        answer = self.network(self.image)
        if self._shown is not None:
            self._answer = answer

    def keep_some(self) -> None:
        """Keep some answers from the next call on; not before, as they take memory."""
        self._calls, self._next_kept = 0, 1

    def keep(self) -> None:
        """Keep the answer of the latest call if it was chosen; the next call may overwrite it."""
        if self._shown is not None and self._answer is not None:
            self.kept.append((self._shown, thinned(self._answer)))
        self._shown = self._answer = None


@dataclass(frozen=True)
class Repeat:
    """Whether a network answers a repeated input sooner than a fresh one.

    Attributes:
        over_fresh: Median over pairs of (time with the repeated input / time with a fresh one).
        pairs: Number of pairs.
        fresh_ms: Median time with a fresh input, ms.
    """

    over_fresh: float
    pairs: int
    fresh_ms: float

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
    # one call of warm-up is enough: both see the same warmth, and only their ratio is wanted
    subject.refresh()
    subject.call()
    timed = time_models(
        {"fresh": subject.call, "repeated": subject.call},
        device.synchronise,
        protocol=Protocol(
            samples=_REPEAT_PAIRS, budget_s=budget_s, least_window_s=0.0, warmup_calls=0, attempts=1
        ),
        prepare=lambda name: subject.refresh() if name == "fresh" else subject.repeat(),
        clock=clock,
        counters=counters,
    )
    fresh_ms, repeated_ms = (timed[name].chosen.times_ms for name in ("fresh", "repeated"))
    pairs = zip(repeated_ms, fresh_ms, strict=True)
    ratios = [again / fresh if fresh > 0 else 1.0 for again, fresh in pairs]
    return Repeat(quantile(ratios, 0.5), len(ratios), quantile(fresh_ms, 0.5))
