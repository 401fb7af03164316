"""From words on the command line to numbers, strictly: anything unclear is a usage error."""

import re

from bench.errors import UsageError

_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?){unit})?" for unit in "hms"), re.ASCII)
_SCALE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,6})?", re.ASCII)
_SECONDS = (3600.0, 60.0, 1.0)


def parse_size(text: str) -> tuple[int, int]:
    """Return (height, width) in pixels of ``HEIGHTxWIDTH``, e.g. ``512x1024`` -> (512, 1024).

    Raises:
        UsageError: Anything else: another separator, spaces, a sign, a leading zero, above 99999 pixels.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"size '{text}': expected HEIGHTxWIDTH in pixels (1..99999 each), e.g. 512x1024")
    return int(match[1]), int(match[2])


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
