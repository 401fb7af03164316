"""Ratios of times under a clock that is made up: what is found, what passes, what is not valid."""

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.clock.machine_state import CpuReading
from bench.gate.ratios import Rules, interval, interval_between, take_pair, take_pairs, valid_logs
from bench.gate.speed import Asked, judged


class Machine:
    """Processes that keep a bias of their own for life, samples with noise, and other programs."""

    def __init__(self, seed: int, slowdown: float, bias: float = 0.007, noise: float = 0.02) -> None:
        self.rng = random.Random(seed)
        self.factors = (1.0, 1.0 + slowdown)
        self.bias, self.noise = bias, noise
        self.now_s = self.foreign_s = 0.0
        self.foreign = 0.0
        self.pairs = 0
        self.order: list[str] = []

    @contextmanager
    def open_pair(self) -> Iterator[tuple]:
        self.pairs += 1
        own = [factor * math.exp(self.rng.gauss(0, self.bias)) for factor in self.factors]
        yield tuple(self.sampler(name, factor) for name, factor in zip("AB", own, strict=True))

    def sampler(self, name: str, factor: float):
        def sample() -> float:
            time_ms = 20.0 * factor * math.exp(self.rng.gauss(0, self.noise))
            self.order.append(name)
            self.now_s += time_ms / 1e3
            self.foreign_s += self.foreign * 2 * time_ms / 1e3
            return time_ms

        return sample

    def counters(self) -> CpuReading:
        busy_s = self.now_s + self.foreign_s
        return CpuReading(busy_s, 2 * self.now_s - busy_s + 1e3, self.now_s, self.now_s, 2)


def finding(machine: Machine, asked: Asked = Asked()):  # noqa: B008 - frozen
    taken = take_pairs(machine.open_pair, machine.counters, asked.rules)
    return judged("net", taken, asked, interval)


def test_five_percent_are_found_in_20_of_20() -> None:
    assert [finding(Machine(seed, 0.05)).verdict for seed in range(20)] == ["regression"] * 20


def test_an_unchanged_tree_passes_in_20_of_20() -> None:
    verdicts = [finding(Machine(seed, 0.0)).verdict for seed in range(20)]
    assert set(verdicts) <= {"passed", "not distinguishable"}


def test_what_became_faster_passes() -> None:
    assert finding(Machine(0, -0.10)).verdict == "passed"


def test_a_slowdown_within_the_margin_is_no_regression() -> None:
    assert not finding(Machine(3, 0.05), Asked(max_slowdown=0.10)).is_regression


def test_the_sides_take_turns_and_the_lead() -> None:
    machine = Machine(0, 0.0)
    take_pairs(machine.open_pair, machine.counters, Rules(rounds=4, most_pairs=2))
    assert "".join(machine.order) == "ABBAABBA" + "BAABBAAB"


def test_other_programs_make_every_pair_not_valid_and_the_tries_are_bounded() -> None:
    machine = Machine(0, 0.05)
    machine.foreign = 0.5
    one = finding(machine)
    assert one.verdict == "not valid"
    assert one.note.startswith("0 of 8 pairs of processes valid; other processes took 50% of the cores")
    assert machine.pairs == 8


def test_a_pair_that_is_not_valid_is_replaced_by_another() -> None:
    machine = Machine(0, 0.0)

    @contextmanager
    def open_pair() -> Iterator[tuple]:
        machine.foreign = 0.5 if machine.pairs == 1 else 0.0
        with machine.open_pair() as samplers:
            yield samplers

    taken = take_pairs(open_pair, machine.counters, Rules(half_width=1.0))
    assert (len(taken), len(valid_logs(taken))) == (6, 5)


def test_a_wide_interval_is_narrowed_by_more_pairs_within_bounds() -> None:
    machine = Machine(0, 0.0, bias=0.05)
    taken = take_pairs(machine.open_pair, machine.counters, Rules())
    assert len(taken) == 24


def test_noise_between_processes_is_not_taken_for_a_slowdown() -> None:
    # a fixed bias of 3 % a process: rounds of one pair alone would be certain of a difference
    regressions = [finding(Machine(seed, 0.0, bias=0.03, noise=0.001)).is_regression for seed in range(40)]
    assert sum(regressions) <= 2


def test_the_median_of_the_rounds_is_worked_by_hand() -> None:
    firsts, seconds = iter([10.0, 10.0, 10.0]), iter([11.0, 30.0, 10.5])
    machine = Machine(0, 0.0)
    pair = take_pair(
        lambda: next(firsts), lambda: next(seconds), machine.counters, Rules(rounds=3), first_leads=True
    )
    assert math.exp(pair.log_ratio) == pytest.approx(1.1)


def test_the_interval_is_student_s_over_the_pairs() -> None:
    # mean 0.02, standard deviation 0.01, three pairs: t(0.975, 2) = 4.3027
    ratio = interval([0.01, 0.02, 0.03])
    half = 4.302653 * 0.01 / math.sqrt(3)
    assert math.log(ratio.low) == pytest.approx(0.02 - half, abs=1e-7)
    assert math.log(ratio.high) == pytest.approx(0.02 + half, abs=1e-7)
    assert interval([0.05]).low == 0.0


def test_two_days_are_compared_with_welch_s_interval() -> None:
    # variances 1e-4 and 1e-4 over 3 pairs each: 4 degrees of freedom, t(0.975, 4) = 2.7764
    ratio = interval_between([0.50, 0.51, 0.52], [0.55, 0.56, 0.57])
    half = 2.776445 * math.sqrt(2 * 1e-4 / 3)
    assert math.log(ratio.mean) == pytest.approx(0.05)
    assert math.log(ratio.low) == pytest.approx(0.05 - half, abs=1e-7)
