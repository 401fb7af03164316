"""``carnet-bench records``: the table of `rows`, and one file per subcommand."""

import typer

from bench.cli.records import merge, rows

group = typer.Typer(name="records", invoke_without_command=True, rich_markup_mode=None)
group.callback()(rows.records)
group.command("merge")(merge.merge_records)
