"""``carnet-bench records``: what has been measured, as a table."""

from __future__ import annotations

import math
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import typer

from bench.cli.options import CsvFile, Home, Json, OfData, OfKind, OfModel
from bench.cli.output import log, print_json
from bench.errors import NotMeasured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def records(
    context: typer.Context,
    *,
    kind: OfKind = None,
    model: OfModel = None,
    data: OfData = None,
    as_json: Json = False,
    csv: CsvFile = None,
    home: Home = Path(),
) -> None:
    """List the records: one row per measurement, the latest first.

    Shown are the main value with its unit (mIoU, validation mIoU, median time) and whether a table may hold
    the record, or why not. Into a pipe the rows are written whole.

    \b
    Example:
      carnet-bench records --kind accuracy --data camvid
      carnet-bench records --kind speed --model carnet-mobile --csv times.csv
      carnet-bench records merge ../other-machine
    """  # noqa: D301
    if context.invoked_subcommand is not None:
        return
    from bench.heap import few_collections
    from bench.models import available
    from bench.results.frame import record_rows

    with few_collections():
        rows = record_rows(home, available(), kind=kind, model=model, data=data)
    if not rows:
        filters = {"kind": kind, "model": model, "data": data}
        wanted = " ".join(f"--{name} {value}" for name, value in filters.items() if value)
        raise NotMeasured(
            f"no record in {home / 'results' / 'records'}{wanted and f' with {wanted}'}",
            then="carnet-bench records" if wanted else "carnet-bench train camvid-quick",
        )
    if csv is not None:
        import pandas as pd

        from bench.files import write_atomic

        write_atomic(csv, pd.DataFrame(rows).to_csv(index=False))
        log(f"{len(rows)} records: {csv}")
    rows = [{**row, "value": None if math.isnan(row["value"]) else row["value"]} for row in rows]
    if as_json:
        print_json({"records": rows})
    elif csv is None:
        _print_table(rows)


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        typer.echo(_aligned([list(rows[0]), *([_cell(one) for one in row.values()] for row in rows)]))
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("id", no_wrap=True)
    table.add_column("model, data or size", overflow="fold", ratio=3)
    table.add_column("value", no_wrap=True, justify="right")
    table.add_column("how, where", overflow="fold", ratio=3)
    table.add_column("in tables", overflow="fold", ratio=2)
    for row in rows:
        value = "-" if row["value"] is None else f"{row['value']:.4g} {row['unit'].split()[0]}"
        status = "yes" if row["tabulated"] else shorten(row["why_not"], 48, placeholder=" ...")
        of, how = f"{row['model']}\n{row['data']}", f"{row['detail']}\n{row['where']}"
        table.add_row(row["id"][:8], of, value, how, status)
    console.print(table)
    console.print(f"{len(rows)} records", highlight=False)


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells whose columns end below each other."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(" ".join(map(str.rjust, line, widths)) for line in lines)
