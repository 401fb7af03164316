import pytest

from bench.clock.machine_state import CpuReading, cpu_mhz, foreign_share, read_cpu

BEFORE = CpuReading(busy_s=100.0, idle_s=500.0, own_s=7.0, wall_s=1000.0, cores=2)


def after(busy_s: float, own_s: float, wall_s: float) -> CpuReading:
    """Return the reading ``wall_s`` later."""
    idle_s = 2 * wall_s - busy_s
    return CpuReading(100.0 + busy_s, 500.0 + idle_s, 7.0 + own_s, 1000.0 + wall_s, 2)


def test_our_own_work_is_not_foreign() -> None:
    assert foreign_share(BEFORE, after(busy_s=20.0, own_s=20.0, wall_s=10.0)) == 0.0


def test_one_core_of_two_taken_by_others_is_a_half() -> None:
    # all busy 20 s, ours 10 s, so theirs 10 s of 10 s x 2 cores
    assert foreign_share(BEFORE, after(busy_s=20.0, own_s=10.0, wall_s=10.0)) == pytest.approx(0.5)


def test_counters_that_tick_apart_do_not_make_a_negative_share() -> None:
    assert foreign_share(BEFORE, after(busy_s=9.99, own_s=10.0, wall_s=10.0)) == 0.0


def test_counters_that_stand_still_are_not_measured_rather_than_zero() -> None:
    still = CpuReading(BEFORE.busy_s, BEFORE.idle_s, 9.0, 1010.0, 2)
    assert foreign_share(BEFORE, still) is None


def test_no_time_gives_no_share() -> None:
    assert foreign_share(BEFORE, BEFORE) is None


def test_the_systems_counters_only_go_up() -> None:
    first = read_cpu()
    sum(range(100_000))
    second = read_cpu()
    assert second.own_s > first.own_s
    assert second.busy_s >= first.busy_s
    assert second.wall_s > first.wall_s
    assert second.cores >= 1


def test_a_system_without_a_readable_clock_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NotImplementedError

    monkeypatch.setattr("bench.clock.machine_state.psutil.cpu_freq", refuse)
    assert cpu_mhz() is None
