"""`carnet-bench cost`: what networks cost, four counts side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.output import log, print_json
from bench.cli.parsing import parse_size
from bench.errors import NotMeasured, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from bench.cost.costs import Costs

_COLUMNS = {
    "thop2019_gops": "thop-2019\n(Gop)",
    "gmacs": "MACs\n(GMAC)",
    "gflops": "2 x MACs\n(GFLOP)",
    "ptflops_gmacs": "ptflops\n(GMAC)",
    "params_m": "params\n(M)",
}


def register(app: typer.Typer) -> None:
    """Add `cost` to the command line."""
    app.command("cost")(cost)


def cost(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="A name of `models`, or path.py:build.")
    ] = None,
    own: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="FILE.py:FUNCTION", help="A network of your own; may be repeated."),
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="HEIGHTxWIDTH", help="Input size in pixels, height first.")
    ] = "512x1024",
    classes: Annotated[int, typer.Option(min=1, max=65535, help="Output classes.")] = 19,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Count operations and parameters of one forward pass of one image.

    Four counts stand side by side, since the word FLOPs means each of them somewhere: the paper's own rule
    (thop of 2019), multiply-adds on which two counters agree, twice that, and ptflops' default.
    Nothing is computed: no weights, no arithmetic. A CARNet is cut into the components of Table 4.
    Exit code 4 when a count could not be had; the note says why.

    \b
    Example:
      carnet-bench cost carnet-mobile carnet-resnet50 --size 512x1024 --classes 19
      carnet-bench cost mynet.py:build --size 360x480 --classes 11 --json
    """  # noqa: D301
    names = [*(models or []), *(own or [])]
    if not names:
        raise UsageError("cost needs a MODEL: a name of `carnet-bench models`, or path.py:build")
    size_hw = parse_size(size)
    counted = _count_all(names, classes, size_hw)
    if as_json:
        from bench.cost.costs import UNITS

        print_json({"units": UNITS, "models": [_as_document(costs) for costs in counted]})
    else:
        _show(counted)
    missing = [costs.method for costs in counted if None in costs.values().values()]
    if missing:
        raise NotMeasured(f"not every count could be had for {', '.join(missing)}; see the notes")


def _count_all(names: list[str], classes: int, size_hw: tuple[int, int]) -> list[Costs]:
    import sys

    from rich.console import Console
    from rich.progress import Progress

    from bench.cost.count import count_costs
    from bench.models import resolve

    methods = [resolve(name) for name in names]
    # this very stream: ptflops' words are kept from the terminal by exchanging sys.stderr
    with Progress(console=Console(file=sys.stderr), transient=True) as progress:
        return [
            count_costs(method, classes, size_hw)
            for method in progress.track(methods, description="counting operations")
        ]


def _as_document(costs: Costs) -> dict[str, Any]:
    return {
        "name": costs.method,
        "classes": costs.num_classes,
        "height": costs.size_hw[0],
        "width": costs.size_hw[1],
        "counts": costs.values(),
        "components": {name: counts.values() for name, counts in costs.components.items()},
        "notes": list(costs.notes),
    }


def _show(counted: list[Costs]) -> None:
    from rich.console import Console

    console = Console()
    for costs in counted:
        console.print(_table(costs))
        for note in costs.notes:
            log(f"note: {costs.method}: {note}")


def _table(costs: Costs) -> Table:
    from rich.table import Table

    height, width = costs.size_hw
    table = Table(title=f"{costs.method}: one image of {height}x{width}, {costs.num_classes} classes")
    table.add_column("component")
    for heading in _COLUMNS.values():
        table.add_column(heading, justify="right")
    for name, counts in costs.components.items():
        values = counts.values()
        table.add_row(name, *(_number(values[column]) for column in _COLUMNS))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
