import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.clock.statistics import drift, quantile, spread, summarise


def test_a_quantile_lies_between_its_two_ranks() -> None:
    # rank 0.9 x (5 - 1) = 3.6: 40 + 0.6 x (50 - 40)
    assert quantile([50.0, 10.0, 30.0, 20.0, 40.0], 0.9) == pytest.approx(46.0)


def test_the_median_of_an_even_number_of_samples_is_the_mean_of_the_middle_two() -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5


def test_the_outer_quantiles_are_the_extremes() -> None:
    assert (quantile([3.0, 1.0, 2.0], 0.0), quantile([3.0, 1.0, 2.0], 1.0)) == (1.0, 3.0)


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=50), st.floats(0.0, 1.0))
def test_quantiles_are_those_of_numpy(values: list[float], share: float) -> None:
    assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)), rel=1e-9)


def test_no_quantile_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least one"):
        quantile([], 0.5)


def test_no_quantile_above_one() -> None:
    with pytest.raises(ValueError, match=r"99.*0\.\.1"):
        quantile([1.0], 99)


def test_a_summary_of_five_samples() -> None:
    summary = summarise([10.0, 20.0, 30.0, 40.0, 50.0])
    assert (summary.median_ms, summary.mean_ms, summary.p90_ms) == pytest.approx((30.0, 30.0, 46.0))
    # squares of -20 -10 0 10 20 sum to 1000; 1000 / (5 - 1) = 250
    assert summary.std_ms == pytest.approx(math.sqrt(250.0))
    assert summary.calls_per_s == pytest.approx(1000.0 / 30.0)


def test_p99_is_not_measured_below_a_hundred_samples() -> None:
    assert summarise([float(n) for n in range(1, 100)]).p99_ms is None


def test_p99_is_measured_from_a_hundred_samples() -> None:
    # rank 0.99 x 99 = 98.01 between the samples 99 and 100
    assert summarise([float(n) for n in range(1, 101)]).p99_ms == pytest.approx(99.01)


def test_one_sample_has_no_standard_deviation() -> None:
    assert summarise([5.0]).std_ms is None


def test_a_call_the_clock_cannot_resolve_has_no_rate() -> None:
    assert summarise([0.0, 0.0]).calls_per_s is None


def test_drift_compares_the_medians_of_the_first_and_the_last_third() -> None:
    # seven samples: thirds of two, medians 10 and 12
    assert drift([9.0, 11.0, 500.0, 500.0, 500.0, 12.0, 12.0]) == pytest.approx(0.2)


def test_drift_is_negative_when_it_gets_faster() -> None:
    assert drift([10.0, 9.0, 8.0]) == pytest.approx(-0.2)


def test_two_samples_show_no_drift() -> None:
    assert drift([1.0, 9.0]) == 0.0


def test_spread_is_the_interquartile_range_over_the_median() -> None:
    # quartiles 20 and 40 of 10..50, median 30
    assert spread([10.0, 20.0, 30.0, 40.0, 50.0]) == pytest.approx(20.0 / 30.0)


def test_one_stray_sample_does_not_widen_the_spread() -> None:
    assert spread([10.0] * 9 + [1000.0]) == 0.0


def test_the_clock_needs_no_torch() -> None:
    names = ", ".join(f"bench.clock.{name}" for name in ("clock", "machine_state", "protocol", "statistics"))
    command = [sys.executable, "-c", f"import sys, {names}; sys.exit('torch' in sys.modules)"]
    assert subprocess.run(command, check=False).returncode == 0
