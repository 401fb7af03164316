"""Runs on several devices: schedules worked by hand, and failures as Poisson's law has them."""

from __future__ import annotations

import math
import statistics

import pytest

from bench.errors import UsageError
from bench.experiments.list_schedule import Failures, Schedule, list_schedule
from bench.experiments.list_schedule import _with_failures as with_failures


class Drawn:
    """Gives these times to the next failure, in means."""

    def __init__(self, *times: float) -> None:
        self.times = [*times]

    def expovariate(self, rate: float) -> float:
        assert rate == 1.0
        return self.times.pop(0)


@pytest.mark.parametrize(
    ("devices", "makespan"),
    # two: 7, then 3 until 10; 5, 4, then 3 until 12 (the best would be 7 + 4 and 5 + 3 + 3)
    [(1, 22), (2, 12), (3, 8), (5, 7), (64, 7)],
)
@pytest.mark.parametrize("work", [(3, 5, 7, 3, 4), (7, 5, 4, 3, 3)])
def test_five_runs_are_scheduled_the_longest_first(
    work: tuple[int, ...], devices: int, makespan: int
) -> None:
    assert list_schedule(work, devices) == Schedule(makespan, 22, 0)


def test_devices_that_never_fail_are_those_without_failures() -> None:
    never = Failures(mean_between_s=math.inf, checkpoint_s=1, restart_s=9)
    assert list_schedule([7, 5, 4, 3, 3], 2, never, seed=5) == list_schedule([7, 5, 4, 3, 3], 2)


@pytest.mark.parametrize(
    ("checkpoint_s", "times", "expected"),
    [
        # 4 s in, 3 are saved and 1 is lost; 7 are left
        (3.0, (0.4, 0.8), (4 + 1 + 7, 1)),
        # then 6.5 s in, 9 are saved; 1 is left
        (3.0, (0.4, 0.65, 0.1), (4 + 1 + 6.5 + 1 + 1, 2)),
        (math.inf, (0.4, 0.65, 1.0), (4 + 1 + 6.5 + 1 + 10, 2)),
        (3.0, (1.0,), (10, 0)),
    ],
)
def test_a_failure_costs_the_work_since_the_last_checkpoint_and_a_restart(
    checkpoint_s: float, times: tuple[float, ...], expected: tuple[float, int]
) -> None:
    failures = Failures(mean_between_s=10, checkpoint_s=checkpoint_s, restart_s=1)
    taken, count = with_failures(10, failures, Drawn(*times))  # type: ignore[arg-type]
    assert taken == pytest.approx(expected[0])
    assert count == expected[1]


def test_the_mean_loss_is_that_of_a_poisson_process() -> None:
    # c seconds between checkpoints fail e^(c/m) - 1 times on average, taking m + restart each
    failures = Failures(mean_between_s=10, checkpoint_s=5, restart_s=2)
    found = [list_schedule([20], 1, failures, seed) for seed in range(2000)]
    expected_count = 4 * (math.exp(0.5) - 1)
    for values, expected in (
        ([one.busy_s for one in found], 12 * expected_count),
        ([float(one.failures) for one in found], expected_count),
    ):
        error = statistics.stdev(values) / math.sqrt(len(values))
        assert abs(statistics.mean(values) - expected) < 4 * error
        assert error < 0.02 * expected


def test_the_failures_of_a_run_follow_the_seed_and_not_the_number_of_devices() -> None:
    failures = Failures(mean_between_s=10, checkpoint_s=1, restart_s=1)
    one, three = (list_schedule([30, 20, 10], devices, failures, seed=1) for devices in (1, 3))
    assert one.makespan_s == pytest.approx(three.busy_s)
    assert one.failures == three.failures > 0
    assert list_schedule([30, 20, 10], 1, failures, seed=2) != one


@pytest.mark.parametrize("wrong", [(0, 1, 1), (1, 0, 1), (1, 1, -1), (math.nan, 1, 1), (1, 1, math.inf)])
def test_times_without_meaning_are_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="positive"):
        Failures(*wrong)


def test_no_device_is_refused() -> None:
    with pytest.raises(UsageError, match="0 devices"):
        list_schedule([1], 0)
