"""Compare the figures that no table stands behind with what they are made from."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from bench.audit.pages import origin_in
from bench.errors import BenchError, RefusedInput
from bench.files import read_regular, sha256_of_file
from bench.report.data_figures import NAMES, data_figure_files, made_from
from bench.report.figure_inputs import Inputs
from bench.report.origin import is_sealed
from bench.results.feature_ranges import FOLDER, read_ranges

_DIGESTS = re.compile(r"; sha256: (.*) -->$", re.MULTILINE)
_COMMENTS = re.compile(r"^<!-- .* -->\n", re.MULTILINE)
_LEVELS = 32
"""Levels of 255 by which a pixel may differ before it counts as another one."""
_OTHER_PIXELS = 0.01
"""Share of pixels that may be others: on other processors classes flip at borders."""


class Finding(NamedTuple):
    """A file, what was found, and whether that is damage or only could not be compared."""

    file: Path
    found: str
    damage: bool = True


def figures_of_data(home: Path) -> Iterator[Finding]:
    """Yield what is wrong with Figs. 1, 5, 6, 11 and 12, and with the value ranges of feature maps.

    The files must have the digests that their caption names. Where the data and the weights are, each is
    drawn again: the caption must be the same, and the picture but for few pixels.
    """
    for name in NAMES:
        caption = home / "reports" / f"{name}.caption.md"
        if caption.exists():
            try:
                yield from _figure(name, caption, home)
            except BenchError as error:
                yield Finding(caption, str(error))
    for path in sorted((home / FOLDER).glob("[!.]*.json")):
        try:
            ranges = read_ranges(path)
        except RefusedInput as error:
            yield Finding(path, str(error))
            continue
        stem = path.stem.removesuffix(f"-{ranges.data}-{ranges.split}")
        weights = home / "results" / "weights" / f"{stem}.safetensors"
        if weights.is_file() and (found := sha256_of_file(weights)) != ranges.weights_sha256:
            yield Finding(path, f"of weights {ranges.weights_sha256}; {weights.name} has {found}")


def _figure(name: str, caption: Path, home: Path) -> Iterator[Finding]:
    text = read_regular(caption).decode(errors="replace")
    if not (whole := is_sealed(text, "<!--", " -->")):
        yield Finding(caption, f"not as it was written; redraw it with carnet-bench reproduce {name}")
    digests = _DIGESTS.search(text)
    if digests is None:
        raise RefusedInput(f"{caption}: names no digests; redraw it with carnet-bench reproduce {name}")
    for form, expected in (part.split(" ", 1) for part in digests[1].split(", ") if " " in part):
        path = caption.with_name(f"{name}.{form}")
        if path.exists() and (found := sha256_of_file(path)) != expected:
            yield Finding(path, f"SHA-256 {found}, {caption.name} says {expected}")
    if not whole:  # what it names may be wrong
        return
    data, weights = made_from(text)
    files = tuple(home / "results" / "weights" / one for one in weights)
    if missing := [one.name for one in files if not one.is_file()]:
        yield Finding(caption, f"not redrawn: {', '.join(missing)} is not in results/weights", damage=False)
        return
    made_by = origin_in(text)
    try:
        drawn = data_figure_files(name, Inputs(home, files, data, threads=1), made_by)
    except RefusedInput as error:
        yield Finding(caption, f"not redrawn: {error}", damage=False)
        return
    again = str(drawn[f"reports/{caption.name}"])
    if _COMMENTS.sub("", again) != _COMMENTS.sub("", text):
        yield Finding(caption, f"other words than redrawn; redraw it with carnet-bench reproduce {name}")
    png = caption.with_name(f"{name}.png")
    expected_png = drawn[f"reports/{png.name}"]
    if png.exists() and isinstance(expected_png, bytes):
        share = other_pixels(read_regular(png), expected_png)
        if share > _OTHER_PIXELS:
            yield Finding(png, f"{share:.1%} of its pixels are others than redrawn")


def other_pixels(one: bytes, other: bytes) -> float:
    """Return the share of pixels in which two PNG files differ; 1 where their sizes do.

    Raises:
        RefusedInput: No picture.
    """
    try:
        pictures = [
            np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), int) for content in (one, other)
        ]
    except (OSError, ValueError) as error:
        raise RefusedInput(f"not a picture ({error})") from error
    if pictures[0].shape != pictures[1].shape:
        return 1.0
    return float((np.abs(pictures[0] - pictures[1]).max(-1) > _LEVELS).mean())
