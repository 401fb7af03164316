import pytest

from bench.cli.parsing import parse_duration, parse_size
from bench.errors import UsageError


def test_a_size_is_height_then_width() -> None:
    assert parse_size("512x1024") == (512, 1024)


def test_the_smallest_and_the_largest_size_are_accepted() -> None:
    assert parse_size("1x99999") == (1, 99999)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "512",
        "512X1024",
        "512*1024",
        "512 x 1024",
        "-1x2",
        "0x5",
        "5x0",
        "010x5",
        "5x5x5",
        "1e3x5",
        "100000x1",
        "٣x٣",
        "5x5\n",
    ],
)
def test_a_size_of_another_form_is_refused_with_what_was_found_and_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_size(text)
    assert f"'{text}'" in str(caught.value)
    assert "HEIGHTxWIDTH" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60.0), ("10m", 600.0), ("1.5h", 5400.0), ("0.5s", 0.5), ("1h30m", 5400.0), ("1h1m1s", 3661.0)],
)
def test_a_duration_is_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "10 m",
        "m",
        "0s",
        "0.0h",
        "-1m",
        "10min",
        "30m1h",
        "1h1h",
        "1h30",
        "nan",
        "infs",
        "1e3s",
        ".5s",
        "10m\n",
    ],
)
def test_a_duration_of_another_form_is_refused_with_what_was_found_and_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert f"'{text}'" in str(caught.value)
    assert "h, m or s" in str(caught.value)
