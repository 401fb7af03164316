"""``carnet-bench models``: the methods by name."""

from __future__ import annotations

import shutil
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from bench.cli.options import Json
from bench.cli.output import log, print_json
from bench.cli.progress import showing

if TYPE_CHECKING:
    from baselines.method import Method

GROUPS = {
    "paper": "Methods of the paper's tables, and their variants",
    "peer": "Modern peers that libraries ship; not in the paper",
    "own": "Your own",
}
"""Groups of methods in the order of every list, with their headings."""


def models(as_json: Json = False) -> None:
    """List the methods.

    Shown are paper, parameters, multiply-adds, input sizes, auxiliary losses and ImageNet weights; counts are
    at each method's own input size and classes. `train`, `cost`, `time` and `reproduce` take these names as
    MODEL.

    \b
    Example:
      carnet-bench models
      carnet-bench models --json
    """  # noqa: D301
    rows = _rows()
    if as_json:
        print_json({"models": rows})
        return
    width = shutil.get_terminal_size((100, 24)).columns
    for group, title in GROUPS.items():
        members = [row for row in rows if row["group"] == group]
        if members:
            print("\n".join([title, *_lines(members, width), ""]))
    print("\n".join(_legend(rows)))


def _rows() -> list[dict[str, Any]]:
    from bench.models import available

    rows = []
    methods = available().values()
    with showing() as tell:
        for method in methods:
            rows.append(_row(method))
            tell("counting operations", len(rows), len(methods))
    return rows


def _row(method: Method) -> dict[str, Any]:
    from bench.cost.brief import brief
    from bench.train.weights import fitting

    counted = brief(method)
    if counted.note is not None:
        log(f"note: {counted.note}")
    height, width = method.size_hw
    return {
        "name": method.name,
        "title": method.title,
        "paper": method.citation,
        "year": method.year or None,
        "group": method.group,
        "built": counted.params_m is not None,
        "params_m": counted.params_m,
        "gmacs": counted.gmacs,
        "height": height,
        "width": width,
        "classes": method.num_classes,
        "sizes": str(method.sizes),
        "auxiliary": list(method.auxiliary),
        "loss": method.loss,
        "encoder": method.encoder,
        "pretrained": fitting(method.encoder),
        "reconstruction": method.reconstruction,
    }


def _lines(rows: list[dict[str, Any]], width: int) -> list[str]:
    """Return a heading, then two or three lines per method: its numbers and, below, its paper."""
    columns = {
        "name": [row["name"] for row in rows],
        "params": [_number(row["params_m"]) for row in rows],
        "GMAC": [_number(row["gmacs"]) for row in rows],
        "counted at": [_at(row) for row in rows],
        "sizes taken": [row["sizes"] for row in rows],
        "auxiliary": [_weights(row["auxiliary"]) for row in rows],
        "encoder": [row["encoder"] or "-" for row in rows],
    }
    shared = []
    for heading in ("counted at", "auxiliary"):
        # what all methods share is printed once
        if len(rows) > 1 and len(set(columns[heading])) == 1:
            (value,) = set(columns.pop(heading))
            shared += [] if value == "-" else [f"{heading} {value}"]
    lines = [f"({'; '.join(shared)})"] if shared else []
    widths = {heading: max(map(len, [heading, *cells])) for heading, cells in columns.items()}
    # what a narrow terminal has no room for stands below the numbers, which are never broken
    below = []
    while sum(widths.values()) + 2 * len(widths) - 2 > width and len(columns) > 3:
        below.append(columns.popitem())
        del widths[below[-1][0]]
    lines.append(_line(list(columns), widths))
    for at, (row, *cells) in enumerate(zip(rows, *columns.values(), strict=True)):
        made = "RECONSTRUCTION, no public definition. " if row["reconstruction"] else ""
        lines.append(_line(cells, widths))
        if rest := "; ".join(f"{head} {found[at]}" for head, found in below if found[at] != "-"):
            lines.append(f"  {rest}")
        title = f"{row['title']} ({row['year'] or 'no year'})"
        paper = shorten(
            f"{title}: {made}{row['paper']}", width - 2, placeholder=" ...", break_on_hyphens=False
        )
        lines.append(f"  {paper}")
    return lines


def _line(cells: list[str], widths: dict[str, int]) -> str:
    right = ("params", "GMAC")
    padded = (
        cell.rjust(width) if heading in right else cell.ljust(width)
        for cell, (heading, width) in zip(cells, widths.items(), strict=True)
    )
    return "  ".join(padded).rstrip()


def _legend(rows: list[dict[str, Any]]) -> list[str]:
    fitting = {row["encoder"]: row["pretrained"] for row in rows if row["pretrained"]}
    return [
        "ImageNet weights (`--set weights=NAME`) by encoder:",
        *(f"  {encoder}: {', '.join(names)}" for encoder, names in sorted(fitting.items())),
        "params in M; counted at HEIGHTxWIDTH, and with 19 classes unless another number follows",
        "auxiliary: weights of the auxiliary losses in training; whole citations: --json",
    ]


def _at(row: dict[str, Any]) -> str:
    classes = "" if row["classes"] == 19 else f", {row['classes']}"
    return f"{row['height']}x{row['width']}{classes}"


def _weights(auxiliary: list[float]) -> str:
    return ", ".join(f"{weight:g}" for weight in auxiliary) or "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
