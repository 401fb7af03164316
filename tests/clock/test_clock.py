"""No sleeping and no real time here: a fake device, whose work is queued and done only when waited for."""

import gc
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest

from bench.clock.clock import Samples, time_models
from bench.clock.machine_state import CpuReading
from bench.clock.protocol import Protocol


class FakeDevice:
    """Time moves when the device is waited for; ``foreign`` is what other processes take of two cores."""

    def __init__(self, foreign: float = 0.0) -> None:
        self.now_ns = 0
        self.queued_ns = 0
        self.events: list[str] = []
        self.foreign = foreign
        self.foreign_s = 0.0

    def clock(self) -> int:
        self.events.append("clock")
        return self.now_ns

    def synchronise(self) -> None:
        self.events.append("synchronise")
        self.now_ns += self.queued_ns
        self.foreign_s += self.queued_ns / 1e9 * 2 * self.foreign
        self.queued_ns = 0

    def network(self, name: str, *times_ms: float) -> Callable[[], None]:
        """Return a call that queues these times one after the other, the last for ever."""
        times: Iterator[float] = chain(times_ms, repeat(times_ms[-1]))

        def call() -> None:
            self.events.append(name)
            self.queued_ns += round(next(times) * 1e6)

        return call

    def counters(self) -> CpuReading:
        wall_s = self.now_ns / 1e9
        busy_s = wall_s + self.foreign_s
        return CpuReading(busy_s, 2 * wall_s - busy_s, wall_s, wall_s, cores=2)

    def time(
        self, calls: dict[str, Callable[[], None]], protocol: Protocol, **more: object
    ) -> dict[str, Samples]:
        return time_models(
            calls,
            self.synchronise,
            protocol=protocol,
            clock=self.clock,
            counters=self.counters,
            **more,  # type: ignore[arg-type]
        )


WARMUP = 6  # the fewest calls that show two groups of three
SHORT = Protocol(samples=9, least_window_s=0.0)


def only(times_ms: list[float], protocol: Protocol = SHORT, foreign: float = 0.0) -> Samples:
    """Time one network that is warm at the first of these times and then takes them in turn."""
    device = FakeDevice(foreign)
    network = device.network("A", *[times_ms[0]] * WARMUP, *times_ms)
    return device.time({"A": network}, protocol)["A"]


def test_samples_are_the_devices_time_and_not_that_of_queueing() -> None:
    samples = only([10.0, 11.0, 10.0, 11.0, 10.0, 11.0, 10.0, 11.0, 10.0])
    assert samples.chosen.times_ms == (10.0, 11.0, 10.0, 11.0, 10.0, 11.0, 10.0, 11.0, 10.0)


def test_the_device_is_waited_for_before_both_readings_of_the_clock() -> None:
    device = FakeDevice()
    device.time({"A": device.network("A", 10.0), "B": device.network("B", 20.0)}, SHORT)
    at = [index for index, event in enumerate(device.events) if event in ("A", "B")]
    assert len(at) == 2 * (WARMUP + 9)
    for index in at:
        around = device.events[index - 2 : index + 3]
        assert around == ["synchronise", "clock", device.events[index], "synchronise", "clock"]


def test_a_clock_that_does_not_wait_for_the_device_is_not_valid() -> None:
    # what the device's queue hides from a missing synchronisation: every call seems to take no time
    device = FakeDevice()
    device.counters = lambda: CpuReading(0.0, 1.0, 0.0, 0.0, 2)  # type: ignore[method-assign]
    samples = time_models(
        {"A": device.network("A", 10.0)},
        lambda: None,
        protocol=SHORT,
        clock=device.clock,
        counters=device.counters,
    )["A"]
    assert samples.chosen.reasons == ("median 0 ms: the clock cannot resolve this call",)


def test_models_take_turns() -> None:
    device = FakeDevice()
    names = ["A", "B", "C"]
    device.time({name: device.network(name, 10.0) for name in names}, SHORT)
    calls = [event for event in device.events if event in names]
    assert calls[: 3 * WARMUP] == ["A"] * WARMUP + ["B"] * WARMUP + ["C"] * WARMUP
    assert calls[3 * WARMUP :] == ["A", "B", "C"] * 9


def test_the_input_is_prepared_outside_the_time_of_a_sample() -> None:
    device = FakeDevice()

    def prepare(name: str) -> None:
        device.events.append(f"prepare {name}")
        device.queued_ns += 5_000_000

    samples = device.time({"A": device.network("A", 10.0)}, SHORT, prepare=prepare)["A"]
    assert set(samples.chosen.times_ms) == {10.0}
    index = device.events.index("A")
    assert device.events[index - 3 : index] == ["prepare A", "synchronise", "clock"]


def test_warm_up_goes_on_until_the_time_is_stable() -> None:
    device = FakeDevice()
    samples = device.time({"A": device.network("A", 90, 60, 30, 30, 30, 10)}, SHORT)["A"]
    # medians of calls 1-3 and 4-6: 60, 30; 2-4 and 5-7: 30, 10; then 30, 10 twice; 5-7 and 8-10: 10, 10
    assert samples.warmup_ms == (90.0, 60.0, 30.0, 30.0, 30.0, *[10.0] * 5)
    assert samples.warmup_stable
    assert set(samples.chosen.times_ms) == {10.0}


def test_warm_up_that_never_becomes_stable_is_bounded_in_calls() -> None:
    device = FakeDevice()
    times_ms = [1000.0 * 0.8**n for n in range(100)]
    samples = device.time({"A": device.network("A", *times_ms)}, SHORT)["A"]
    assert len(samples.warmup_ms) == 30
    assert not samples.warmup_stable


def test_warm_up_is_bounded_in_time() -> None:
    device = FakeDevice()
    # 20 % of 100 s for two models: 10 s each, passed after three calls of 4 s
    calls = {"A": device.network("A", 4000.0), "B": device.network("B", 4000.0)}
    timed = device.time(calls, Protocol(samples=2, budget_s=100.0))
    assert [len(samples.warmup_ms) for samples in timed.values()] == [3, 3]


def test_steady_samples_are_valid_at_the_first_attempt() -> None:
    samples = only([10.0] * 9)
    assert samples.valid
    assert samples.discarded == ()
    assert samples.chosen.foreign_share == 0.0


def test_drift_is_not_valid_and_says_how_much() -> None:
    once = Protocol(samples=9, least_window_s=0.0, attempts=1)
    samples = only([10.0, 10.0, 10.0, 10.3, 10.3, 10.3, 10.6, 10.6, 10.6], once)
    assert not samples.valid
    (reason,) = samples.chosen.reasons
    assert "drift +6.0%" in reason
    assert "allowed 5%" in reason


def test_getting_faster_is_drift_too() -> None:
    once = Protocol(samples=9, least_window_s=0.0, attempts=1)
    (reason,) = only([10.0, 10.0, 10.0, 9.7, 9.7, 9.7, 9.4, 9.4, 9.4], once).chosen.reasons
    assert "drift -6.0%" in reason


def test_drift_of_just_what_is_allowed_is_valid() -> None:
    once = Protocol(samples=9, least_window_s=0.0, attempts=1)
    assert only([100.0, 100.0, 100.0, 102.0, 102.0, 102.0, 104.9, 104.9, 104.9], once).valid


def test_spread_is_not_valid_and_says_how_much() -> None:
    once = Protocol(samples=9, least_window_s=0.0, attempts=1)
    # sorted 9 9 9 10 10 10 11 11 11: quartiles at ranks 2 and 6, 9 and 11, over 10; each third has median 10
    (reason,) = only([9.0, 10.0, 11.0] * 3, once).chosen.reasons
    assert "spread 20.0%" in reason
    assert "allowed 10%" in reason


def test_a_foreign_load_is_not_valid_however_steady_the_samples() -> None:
    samples = only([10.0] * 9, foreign=0.3)
    assert samples.chosen.foreign_share == pytest.approx(0.3)
    (reason,) = samples.chosen.reasons
    assert "other processes took 30% of the cores" in reason
    assert "allowed 25%" in reason


def test_a_foreign_load_below_the_limit_is_valid() -> None:
    assert only([10.0] * 9, foreign=0.24).valid


def test_a_load_that_is_not_known_is_not_valid() -> None:
    device = FakeDevice()
    device.counters = lambda: CpuReading(0.0, 0.0, 0.0, device.now_ns / 1e9, 2)  # type: ignore[method-assign]
    samples = device.time({"A": device.network("A", 10.0)}, SHORT)["A"]
    assert samples.chosen.foreign_share is None
    assert "not known" in samples.chosen.reasons[0]


def test_attempts_are_bounded_and_all_kept() -> None:
    samples = only([10.0] * 9, foreign=0.9)
    assert not samples.valid
    assert len(samples.discarded) == 2
    assert all(attempt.reasons for attempt in samples.discarded)


def test_the_first_valid_attempt_counts_and_the_one_before_it_is_kept() -> None:
    samples = only([9.0, 10.0, 11.0] * 3 + [10.0] * 9)
    assert samples.valid
    assert samples.chosen.times_ms == (10.0,) * 9
    (before,) = samples.discarded
    assert before.times_ms == (9.0, 10.0, 11.0) * 3
    assert "spread" in before.reasons[0]


def test_an_attempt_is_chosen_by_validity_and_never_by_speed() -> None:
    # two noisy attempts, the second three times as fast, and no valid one: the first counts
    two = Protocol(samples=9, least_window_s=0.0, attempts=2)
    samples = only([9.0, 10.0, 11.0] * 3 + [3.0, 4.0, 5.0] * 3, two)
    assert samples.chosen.times_ms == (9.0, 10.0, 11.0) * 3


def test_all_models_count_from_the_same_attempt() -> None:
    device = FakeDevice()
    calls = {
        "A": device.network("A", 10.0),
        "B": device.network("B", *[9.0] * WARMUP, *[9.0, 10.0, 11.0] * 3, 20.0),
    }
    timed = device.time(calls, SHORT)
    # A was valid at once, but against B only the second attempt is a comparison
    assert timed["A"].valid
    assert timed["B"].valid
    assert [len(samples.discarded) for samples in timed.values()] == [1, 1]
    assert timed["A"].discarded[0].reasons == ()


def test_no_further_attempt_when_the_budget_leaves_no_time_for_a_valid_one() -> None:
    # 6 + 9 calls of 1 s of 20 s; the next attempt would need 9 s
    samples = only([1000.0] * 9, Protocol(samples=9, budget_s=20.0, warmup_share=0.5), foreign=0.9)
    assert samples.discarded == ()


def test_sampling_ends_with_the_budget_and_says_that_it_was_too_little() -> None:
    # 20 % of 10 s is two calls of warm-up, eight are left
    samples = only([1000.0] * 8, Protocol(samples=100, budget_s=10.0))
    assert len(samples.chosen.times_ms) == 8
    assert samples.chosen.reasons == ("8 samples before the time was up, at least 9 needed",)


@pytest.mark.parametrize("budget_s", [0.5, 0.0])
def test_a_budget_that_is_used_up_still_gives_one_sample(budget_s: float) -> None:
    samples = only([1000.0], Protocol(budget_s=budget_s))
    assert samples.chosen.times_ms == (1000.0,)
    assert samples.chosen.reasons == ("1 sample before the time was up, at least 9 needed",)


def test_short_calls_are_sampled_until_the_load_can_be_told() -> None:
    # 0.5 s of 10 ms calls
    samples = only([10.0], Protocol(samples=9, least_window_s=0.5))
    assert len(samples.chosen.times_ms) == 50


def test_progress_ends_at_one_and_names_further_attempts() -> None:
    device = FakeDevice(foreign=0.9)
    told: list[tuple[str, float]] = []
    device.time(
        {"A": device.network("A", 10.0)}, SHORT, progress=lambda stage, share: told.append((stage, share))
    )
    assert told[0] == ("warm-up", 0.0)
    assert told[-1] == ("samples, attempt 3", 1.0)


def test_the_garbage_collector_is_off_while_sampling_and_back_on_after() -> None:
    device = FakeDevice()
    seen: list[bool] = []
    device.time({"A": device.network("A", 10.0)}, SHORT, prepare=lambda _: seen.append(gc.isenabled()))
    assert set(seen) == {False}
    assert gc.isenabled()


def test_the_garbage_collector_is_back_on_after_a_failure() -> None:
    def fail() -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        FakeDevice().time({"A": fail}, SHORT)
    assert gc.isenabled()


def test_nothing_to_time_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to time"):
        FakeDevice().time({}, SHORT)
