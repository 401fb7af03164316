"""Durations in words, and as one types them."""

import pytest

from bench.cli.parsing import parse_duration
from bench.experiments.duration import about, budget_for


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "duration unknown"), (42.0, "about 42 s"), (600.0, "about 10 min"), (7500.0, "about 2 h 05 min")],
)
def test_a_duration_for_a_reader(seconds, words):
    assert about(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "typed"),
    [
        (1.0, "1m"),
        (60.0, "1m"),
        (61.0, "2m"),
        (363.0, "7m"),
        (3600.0, "1h"),
        (3601.0, "1h5m"),
        (7000.0, "2h"),
    ],
)
def test_a_budget_is_rounded_up_to_what_one_types(seconds, typed):
    assert budget_for(seconds) == typed
    assert parse_duration(typed) >= seconds
