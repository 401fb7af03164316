from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from bench.cli import parsing
from bench.cli.parsing import number, parse_duration, parse_size, whole_number
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_size_is_height_then_width() -> None:
    assert parse_size("512x1024") == (512, 1024)


def test_the_smallest_and_the_largest_size_are_accepted() -> None:
    assert parse_size("1x99999") == (1, 99999)


def test_more_pixels_than_a_machine_holds_are_refused_with_their_number() -> None:
    assert parse_size("8192x16384") == (8192, 16384)
    with pytest.raises(UsageError, match=str(99999**2)):
        parse_size("99999x99999")


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


@pytest.mark.parametrize("text", ["1_0", "\u0661", "", " 1", "1.0", "1e1", "0x1", "11", "-1", "9" * 5000])
def test_a_whole_number_of_another_form_or_range_is_refused_with_the_range(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="from 0 to 10"):
        whole_number(0, 10)["parser"](text)


@pytest.mark.parametrize(
    "text", ["1_0", "0_1.5", "nan", "inf", "1e999", "", "2,5", "0x1p3", "10.5", "-0.1", "e3"]
)
def test_a_number_of_another_form_or_range_is_refused_with_the_range(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="from 0 to 10"):
        number(0, 10)["parser"](text)


@pytest.mark.parametrize(
    ("text", "value"), [("0.2", 0.2), ("1", 1.0), ("1e-3", 0.001), (".5", 0.5), ("10.", 10.0)]
)
def test_a_plain_number_is_read(text: str, value: float) -> None:
    assert number(0, 10)["parser"](text) == value


def test_no_option_reads_grouped_digits_and_the_range_stands_in_help(
    carnet_bench: Callable[..., tuple[int, str, str]],
) -> None:
    for words in (["--lambda", "1_0"], ["--seed", "1_0"], ["--threads", "1_0"], ["--workers", "100000"]):
        code, out, err = carnet_bench("train", "scenes-quick", *words)
        assert (code, out) == (2, "")
        assert words[0] in err
        assert f"'{words[1]}'" in err


def test_every_option_with_a_number_has_a_range() -> None:
    """An option of typer's own numbers would read 1_0 as 10 and have no upper bound."""
    found = [
        f"{path.name}: {line.strip()}"
        for path in (Path(parsing.__file__).parent).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\b(min|max)=\d", line)
    ]
    assert found == []
