"""``carnet-bench data``: one file per subcommand; `report` holds what they share."""

import typer

from bench.cli.data import check, fetch, prepare, show
from bench.cli.data import list as list_


def register(app: typer.Typer) -> None:
    """Add the group and its subcommands."""
    group = typer.Typer(
        name="data", help="List, check and show the data sets.", no_args_is_help=True, rich_markup_mode=None
    )
    for command in (list_, check, prepare, fetch, show):
        command.register(group)
    app.add_typer(group)
