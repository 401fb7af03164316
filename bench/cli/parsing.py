"""From words on the command line to numbers, strictly: anything unclear is a usage error."""

import re
from pathlib import Path
from typing import Any

import typer

from bench.errors import UsageError

_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?){unit})?" for unit in "hms"), re.ASCII)
_SCALE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,6})?", re.ASCII)
_MOST_PIXELS = 2**27  # 8192x16384; a map of 64 channels at half its size takes 8 GB
_SECONDS = (3600.0, 60.0, 1.0)
_WHOLE = re.compile(r"[-+]?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,19}\.?[0-9]{0,19}|\.[0-9]{1,19})(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)


def whole_number(least: int, most: int) -> dict[str, Any]:
    """Return what makes a ``typer.Option`` a whole number of this range, both bounds included.

    Python's own ``int`` reads ``1_0`` as 10, which is a slip of the finger, and takes every size.
    """

    def whole(text: str) -> int:
        if _WHOLE.fullmatch(str(text)) and least <= int(text) <= most:
            return int(text)
        raise typer.BadParameter(f"'{text}'; expected a whole number from {least} to {most}")

    return {"parser": whole, "metavar": f"{least}..{most}"}


def number(least: float, most: float) -> dict[str, Any]:
    """Return what makes a ``typer.Option`` a decimal number of this range, both bounds included."""

    def decimal(text: str) -> float:
        return parse_number(str(text), least, most)

    return {"parser": decimal, "metavar": f"{least}..{most}"}


def parse_number(text: str, least: float, most: float) -> float:
    """Return a plain decimal number of a range, e.g. ``0.2`` or ``1e-3``.

    Raises:
        typer.BadParameter: Digits grouped as in ``1_0``, no number, NaN, infinity, or out of range.
    """
    if _NUMBER.fullmatch(text) and least <= float(text) <= most:
        return float(text) + 0.0  # -0 is 0
    raise typer.BadParameter(f"'{text}'; expected a number from {least} to {most}")


def stored_home(text: str) -> Path:
    """Return the folder of a home, of one named by a URL its local copy; see `bench.mirror.home_of`."""
    from bench.mirror import home_of

    return home_of(text)


def stored_reports(text: str) -> Path:
    """Return what `stored_home` returns, with all that tables and pages are made of."""
    from bench.mirror import fetch_reports

    home = stored_home(text)
    fetch_reports(home)
    return home


def folder_home(text: str) -> Path:
    """Return the folder of a home.

    Raises:
        UsageError: A URL.
    """
    from bench.mirror import is_url

    if is_url(str(text)):
        raise UsageError(
            f"--home {text}: this command takes a folder; a URL of shared storage is for ablate, compare, "
            "curves, evaluate, records, reproduce, score, time and train",
            then="--home FOLDER",
        )
    return Path(text)


def stored_source(text: str) -> Path:
    """Return the path of a run or weights, of one named by a URL its local copy."""
    from bench.mirror import source_of

    return source_of(text)


def parse_size(text: str) -> tuple[int, int]:
    """Return (height, width) in pixels of ``HEIGHTxWIDTH``, e.g. ``512x1024`` -> (512, 1024).

    Raises:
        UsageError: Anything else: another separator, spaces, a sign, a leading zero, above 99999 pixels a
            side; or more pixels in all than a machine holds.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"size '{text}': expected HEIGHTxWIDTH in pixels (1..99999 each), e.g. 512x1024")
    height, width = int(match[1]), int(match[2])
    if height * width > _MOST_PIXELS:
        raise UsageError(f"size '{text}': {height * width} pixels, expected at most {_MOST_PIXELS}")
    return height, width


def parse_duration(text: str) -> float:
    """Return the seconds of numbers with units, e.g. ``10m`` -> 600.0, ``1h30m`` -> 5400.0.

    Raises:
        UsageError: A missing or unknown unit, units in another order than h, m, s, a sign, a space, or zero.
    """
    match = _DURATION.fullmatch(text)
    numbers = match.groups() if match else ()
    seconds = sum(float(number or 0) * unit for number, unit in zip(numbers, _SECONDS, strict=False))
    if seconds <= 0.0:
        raise UsageError(
            f"duration '{text}': expected numbers with h, m or s, e.g. 90s, 10m, 1h30m, above zero"
        )
    return seconds


def parse_scales(texts: list[str]) -> tuple[float, ...]:
    """Return the factors of an option given as ``0.5,0.75,1``, repeatedly, or both.

    Raises:
        UsageError: Anything but plain decimal numbers separated by commas.
    """
    words = [word for text in texts for word in text.split(",")]
    for word in words:
        if _SCALE.fullmatch(word) is None:
            raise UsageError(f"scale '{word}': expected numbers separated by commas, e.g. 0.5,1,1.5")
    return tuple(float(word) for word in words)
