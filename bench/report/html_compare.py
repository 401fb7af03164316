"""What the HTML page shows of comparisons: the files that ``carnet-bench compare`` has written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import RefusedInput
from bench.files import read_regular
from bench.results.store import APPENDIX

COMMAND = "carnet-bench compare enet bisenet1 carnet-mobile --data camvid"
"""What measures a comparison where there is none."""

_PREFIX = "compare-"
_HEADS = {
    "title": "Method",
    "miou": "mIoU (%)",
    "seeds": "Seeds",
    "group": "Group",
    "front": "On the front",
    "params_m": "Parameters (M)",
    "gmacs": "Multiply-adds (G)",
    "median_ms": "Median (ms)",
    "p99_ms": "p99 (ms)",
    "fps": "Frames per second",
    "starting_weights": "Starting weights",
    "train_s": "Training (min)",
    "note": "Note",
}
_SCALE = {"miou": 100.0, "train_s": 1 / 60}


@dataclass(frozen=True)
class ComparisonView:
    """One comparison: the name of its files, the headings, and a row of text and sort key per method."""

    name: str
    heads: tuple[str, ...]
    rows: tuple[tuple[tuple[str, str], ...], ...]


def comparisons(home: Path) -> list[ComparisonView]:
    """Return the comparisons in ``reports/``, by name.

    Args:
        home: Folder of ``reports/``.

    Raises:
        RefusedInput: A file that is no comparison; the message names it.
    """
    paths = sorted((home / "reports").glob(f"{_PREFIX}*.csv"))
    return [_view(path) for path in paths if not path.name.startswith(APPENDIX)]


def figures_of(home: Path) -> Iterator[str]:
    """Yield the names, without ending, of the comparisons' figures."""
    for path in sorted((home / "reports").glob(f"{_PREFIX}*.svg")):
        if not path.name.startswith(APPENDIX):
            yield path.stem


def _view(path: Path) -> ComparisonView:
    try:
        lines = list(csv.DictReader(io.StringIO(read_regular(path).decode(), newline=""), strict=True))
        columns = [name for name in _HEADS if lines and name in lines[0]]
        if "title" not in columns:
            raise RefusedInput(f"{path}: no column 'title'", then="carnet-bench compare --help")
        rows = tuple(tuple(_field(name, line) for name in columns) for line in lines)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise RefusedInput(f"{path}: no comparison ({error})", then="carnet-bench compare --help") from error
    return ComparisonView(path.stem.removeprefix(_PREFIX), tuple(_HEADS[name] for name in columns), rows)


def _field(name: str, line: Mapping[str, str]) -> tuple[str, str]:
    """Return a field as text, and what its column is sorted by."""
    text = line[name] or ""
    if name in ("title", "seeds", "group", "front", "starting_weights", "note") or not text:
        return text, text
    value = float(text) * _SCALE.get(name, 1.0)
    if name != "miou":
        return f"{value:.4g}", repr(value)
    ends = [f"{100 * float(end):.2f}" for end in (line.get("miou_low"), line.get("miou_high")) if end]
    return f"{value:.2f}" + (f" ({' to '.join(ends)})" if len(ends) == 2 else ""), repr(value)
