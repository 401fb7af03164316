"""``carnet-bench report``: the whole paper on one page."""

from pathlib import Path

import typer

from bench.cli.options import Home, Json
from bench.cli.output import print_json
from bench.cli.progress import showing


def report(home: Home = Path(), as_json: Json = False) -> None:
    """Write the whole paper on one HTML page, HOME/reports/index.html.

    The page holds a summary, Tables 1 to 5 with every cell's note, record and command, the figures, the
    ablations and the claims ledger. It opens from disk and needs no network. It shows the times of the
    machines whose times the tables in HOME/results/tables show; `reproduce all` writes those first.

    \b
    Example:
      carnet-bench report
    """  # noqa: D301
    from bench.report.html_page import write_html

    with showing() as tell:
        path = write_html(home, progress=lambda part, done, parts: tell("page", done, parts, note=part))
    if as_json:
        print_json({"written": [str(path)]})
    else:
        typer.echo(str(path))
