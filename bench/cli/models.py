"""`carnet-bench models`: the methods by name."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.output import log, print_json

if TYPE_CHECKING:
    from baselines.registry import Method


def register(app: typer.Typer) -> None:
    """Add `models` to the command line."""
    app.command("models")(models)


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the methods: name, paper, year, parameters at 19 classes, and whether each is built.

    A name listed here is what `train`, `cost` and `reproduce` take as MODEL.

    \b
    Example:
      carnet-bench models
      carnet-bench models --json
    """  # noqa: D301
    rows = [_row(method) for method in _available()]
    if as_json:
        print_json({"models": rows})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    table.add_column("name", no_wrap=True)
    table.add_column("paper")
    table.add_column("year", justify="right")
    table.add_column("params (M)", justify="right")
    table.add_column("built")
    for row in rows:
        params_m = row["params_m"]
        table.add_row(
            row["name"],
            shorten(row["paper"], 50, placeholder=" ..."),
            "-" if row["year"] is None else str(row["year"]),
            "-" if params_m is None else f"{params_m:.3f}",
            "yes" if row["built"] else "no",
        )
    Console().print(table)


def _available() -> list[Method]:
    from bench.models import available

    return list(available().values())


def _row(method: Method) -> dict[str, Any]:
    return {
        "name": method.name,
        "title": method.title,
        "paper": method.citation,
        "year": method.year or None,
        "params_m": _params_m(method),
        "built": method.builder is not None,
    }


def _params_m(method: Method) -> float | None:
    if method.builder is None:
        return None
    from bench.cost.count import count_costs
    from bench.errors import BenchError

    try:
        return count_costs(method, 19, which=("params_m",), components=False).params_m
    except BenchError as error:
        # an installed entry point that does not build must not hide the list
        log(f"note: {error}")
        return None
