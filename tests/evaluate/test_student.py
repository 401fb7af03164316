import math

import pytest
from scipy import stats

from bench.evaluate.student import student_quantile
from bench.reproduce.verdict.words import interval_95


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 12.706), (2, 4.303), (4, 2.776), (28, 2.048)])
def test_the_quantile_is_that_of_the_printed_tables(degrees, quantile):
    assert student_quantile(0.975, degrees) == pytest.approx(quantile, abs=5e-4)


@pytest.mark.parametrize("probability", [0.025, 0.5, 0.6, 0.9, 0.975, 0.9995])
@pytest.mark.parametrize("degrees", [0.7, 1, 1.01, 2, 3.55, 22, 231.5, 1e6])
def test_fractional_degrees_agree_with_scipy(probability, degrees):
    expected = stats.t.ppf(probability, degrees)
    assert student_quantile(probability, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_whole_degrees_give_the_interval_of_the_verdicts():
    low, high = interval_95([1.0, 2.0, 4.0])  # mean 7/3, variance 7/3
    half = student_quantile(0.975, 2) * math.sqrt(7 / 9)
    assert (low, high) == (pytest.approx(7 / 3 - half, abs=1e-3), pytest.approx(7 / 3 + half, abs=1e-3))


@pytest.mark.parametrize(("probability", "degrees"), [(0, 2), (1, 2), (0.5, 0), (0.5, math.inf)])
def test_what_is_no_quantile_is_refused(probability, degrees):
    with pytest.raises(ValueError, match="must be in"):
        student_quantile(probability, degrees)
