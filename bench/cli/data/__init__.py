"""``carnet-bench data``: one file per subcommand; `report` holds what they share."""

import typer

from bench.cli.data import check, fetch, init, prepare, show
from bench.cli.data import list as list_

group = typer.Typer(
    name="data",
    help="List, check and show data sets; describe your own.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
group.command("list")(list_.list_data)
group.command("check")(check.check)
group.command("init")(init.init)
group.command("prepare")(prepare.prepare)
group.command("fetch")(fetch.fetch)
group.command("show")(show.show)
