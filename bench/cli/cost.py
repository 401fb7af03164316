"""``carnet-bench cost``: what networks cost, in four counts side by side."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.models import GROUPS
from bench.cli.options import RANDOM_CLASSES, Classes, Json, SizeOrOwn
from bench.cli.output import log, print_json
from bench.cli.parsing import parse_size
from bench.cli.progress import showing
from bench.errors import NotMeasured, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baselines.method import Method
    from bench.cost.costs import Costs, Counts

_SIZE_HW = (512, 1024)

_COLUMNS = {
    "thop2019_gops": "thop\n2019\n(Gop)",
    "thop0022_gops": "thop\n0.0.22\n(Gop)",
    "gmacs": "MACs\n(GMAC)",
    "gflops": "2 x\nMACs\n(GFLOP)",
    "ptflops_gmacs": "ptflops\n(GMAC)",
    "params_m": "params\n(M)",
}


def cost(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL", help="Name of `models`, or FILE.py:FUNCTION.")
    ] = None,
    own: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="FILE.py:FUNCTION", help="A network of your own; may be repeated."),
    ] = None,
    size: SizeOrOwn = None,
    classes: Classes = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Count every method, each at its own size and classes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Count operations and parameters of networks.

    One forward pass of one image is counted in four ways, as each is called FLOPs somewhere: the paper's own
    rule (thop of 2019), multiply-adds on which two counters agree, twice that, and ptflops' default. No
    weights are needed. A CARNet is split into the components of Table 4. Exit code 4 when a count is missing;
    the note says why. With --all, a method that does not take the size is shown with its size rule, and is
    not counted as missing.

    \b
    Example:
      carnet-bench cost carnet-mobile carnet-resnet50 --size 512x1024 --classes 19
      carnet-bench cost mynet.py:build --size 360x480 --classes 11 --json
      carnet-bench cost --all
    """  # noqa: D301
    names = [*(models or []), *(own or [])]
    size_hw = None if size is None else parse_size(size)
    if all_:
        _cost_of_all(names, size_hw, classes, as_json)
        return
    if not names:
        raise UsageError("cost needs a MODEL: a name of `carnet-bench models`, path.py:build, or --all")
    from bench.cost.kept import kept_costs
    from bench.models import resolve

    methods = [resolve(name) for name in names]
    with _tracked(methods) as each:
        counted = [kept_costs(method, classes or RANDOM_CLASSES, size_hw or _SIZE_HW) for method in each]
    if as_json:
        _print_document(counted)
    else:
        _show(counted)
    _require_every_count(counted)


def _cost_of_all(
    names: list[str], size_hw: tuple[int, int] | None, classes: int | None, as_json: bool
) -> None:
    """Count every method, and others by name; one that cannot be counted is shown with the reason."""
    from bench.cost.costs import Costs
    from bench.cost.kept import kept_costs
    from bench.errors import BenchError
    from bench.models import available, resolve

    listed = available()
    methods = [*listed.values(), *(resolve(name) for name in names if name not in listed)]
    counted, refused = [], []
    with _tracked(methods) as each:
        for method in each:
            at, number = size_hw or method.size_hw, classes or method.num_classes
            try:
                counted.append(kept_costs(method, number, at))
            except BenchError as error:
                counted.append(Costs(method=method.name, num_classes=number, size_hw=at, notes=(str(error),)))
            if not method.sizes.admits(at):
                refused.append(method.name)
    if as_json:
        _print_document(counted)
    else:
        _show_together(counted, {method.name: method.group for method in methods})
    _require_every_count([costs for costs in counted if costs.method not in refused])


@contextmanager
def _tracked(methods: list[Method]) -> Iterator[Iterable[Method]]:
    """Show progress while the methods are counted."""

    def each() -> Iterator[Method]:
        for done, method in enumerate(methods):
            tell("counting operations", done, len(methods))
            yield method

    with showing() as tell:
        yield each()


def _require_every_count(counted: list[Costs]) -> None:
    missing = [costs.method for costs in counted if None in costs.values().values()]
    if missing:
        raise NotMeasured(f"not every count could be had for {', '.join(missing)}; see the notes")


def _print_document(counted: list[Costs]) -> None:
    from bench.cost.costs import UNITS

    models = [
        {
            "name": costs.method,
            "classes": costs.num_classes,
            "height": costs.size_hw[0],
            "width": costs.size_hw[1],
            "counts": costs.values(),
            "components": {name: counts.values() for name, counts in costs.components.items()},
            "notes": list(costs.notes),
        }
        for costs in counted
    ]
    print_json({"units": UNITS, "models": models})


def _show(counted: list[Costs]) -> None:
    from rich.console import Console
    from rich.table import Table

    from bench.report.terminal import print_whole

    console = Console()
    for costs in counted:
        height, width = costs.size_hw
        table = Table(title=f"{costs.method}: one image of {height}x{width}, {costs.num_classes} classes")
        table.add_column("component")
        for heading in _COLUMNS.values():
            table.add_column(heading, justify="right")
        for name, counts in costs.components.items():
            table.add_row(name, *_cells(counts, digits=4))
        print_whole(console, table)
        for note in costs.notes:
            log(f"note: {costs.method}: {note}")


def _show_together(counted: list[Costs], groups: dict[str, str]) -> None:
    """Print one table per group, with a line per method, and below it why numbers are missing."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from bench.report.terminal import print_whole

    console = Console()
    for group, title in GROUPS.items():
        members = [costs for costs in counted if groups[costs.method] == group]
        if not members:
            continue
        # size and classes stand above the methods that share them, so that 80 columns hold every digit
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
        for heading in ("\ninput, classes\n method", *_COLUMNS.values()):
            table.add_column(heading, justify="right" if table.columns else "left", no_wrap=True)
        above = ""
        for costs in members:
            at = f"{costs.size_hw[0]}x{costs.size_hw[1]}, {costs.num_classes}"
            if at != above:
                table.add_row(above := at)
            table.add_row(f" {costs.method}", *_cells(costs))
            # what a table prints of such a method is the network without its field
            if "crf" in costs.components:
                for part in ("network", "crf"):
                    table.add_row(f"   {part}", *_cells(costs.components[part]))
        print_whole(console, table)
        for costs in members:
            if None in costs.values().values():
                print("\n".join(f"{costs.method}: {note}" for note in costs.notes))
    for costs in counted:
        for note in costs.notes:
            if None not in costs.values().values():
                log(f"note: {costs.method}: {note}")


def _cells(counts: Counts, digits: int = 3) -> list[str]:
    values = counts.values()
    return ["-" if values[column] is None else f"{values[column]:.{digits}f}" for column in _COLUMNS]
