"""Errors show what was found, whatever that is."""

import pickle

import pytest

from bench.errors import Interrupted, RefusedInput, UsageError


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ("a\x1b[31m.png", r"a\x1b[31m.png"),
        ("a\u202egnp.png", r"a\u202egnp.png"),
        ("a\udcff.png", r"a\udcff.png"),
        ("straße 1.png\nb", "straße 1.png\nb"),
    ],
)
def test_a_name_that_a_terminal_would_obey_is_shown_as_text(found: str, shown: str) -> None:
    assert str(UsageError(found)) == shown


def test_an_endless_message_is_cut_and_says_how_long_it_was() -> None:
    message = str(RefusedInput("x" * 1_000_000))
    assert len(message) < 30_000
    assert message.endswith("(1000000 characters)")


def test_an_error_of_a_worker_reaches_its_parent_as_it_was() -> None:
    error = pickle.loads(pickle.dumps(RefusedInput("a\tb", then="look")))  # noqa: S301
    assert (str(error), error.then) == (r"a\tb", "look")
    assert Interrupted("stopped", 15).exit_code == 143
