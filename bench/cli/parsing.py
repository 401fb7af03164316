"""From words on the command line to numbers, strictly: what is not understood is a usage error."""

import re

from bench.errors import UsageError

_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(s|m|h)", re.ASCII)
_SCALE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,6})?", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_size(text: str) -> tuple[int, int]:
    """Return (height, width) in pixels of ``HEIGHTxWIDTH``, e.g. ``512x1024`` -> (512, 1024).

    Raises
    ------
    UsageError
        Anything else: another separator, spaces, a sign, a leading zero, above 99999 pixels.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"size '{text}': allowed is HEIGHTxWIDTH in pixels (1..99999 each), e.g. 512x1024")
    return int(match[1]), int(match[2])


def parse_duration(text: str) -> float:
    """Return the seconds of a number with its unit s, m or h, e.g. ``10m`` -> 600.0.

    Raises
    ------
    UsageError
        No unit, another unit, a sign, a space, or nothing at all (``0s``).
    """
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if seconds <= 0.0:
        raise UsageError(
            f"duration '{text}': allowed is a number above 0 with s, m or h, e.g. 90s, 10m, 1.5h"
        )
    return seconds


def parse_scales(texts: list[str]) -> tuple[float, ...]:
    """Return the factors of an option given as ``0.5,0.75,1``, or several times, or both.

    Raises
    ------
    UsageError
        Anything else than plain decimal numbers with commas between them.
    """
    words = [word for text in texts for word in text.split(",")]
    for word in words:
        if _SCALE.fullmatch(word) is None:
            raise UsageError(f"scale '{word}': allowed are numbers with commas between them, e.g. 0.5,1,1.5")
    return tuple(float(word) for word in words)
