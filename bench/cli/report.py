"""``carnet-bench report``: the whole paper on one page."""

from pathlib import Path

import typer

from bench.cli.options import FolderHome, Json
from bench.cli.output import print_json
from bench.cli.progress import showing


def report(home: FolderHome = Path(), as_json: Json = False) -> None:
    """Write the whole paper on one HTML page.

    The page, HOME/reports/index.html, holds a summary, Tables 1 to 5 with every cell's note, record and
    command, the figures, the ablations and the claims ledger. It opens from disk and needs no network. It
    shows the times of the machines whose times the tables in HOME/results/tables show; `reproduce all` writes
    those first. The headline numbers are written to HOME/reports/tex/numbers.tex as macros.

    \b
    Example:
      carnet-bench report
    """  # noqa: D301
    from bench.report.html_page import judge_paper, write_html
    from bench.report.latex_numbers import write_numbers
    from bench.report.origin import origin

    made_by = origin()
    with showing() as tell:
        paper = judge_paper(home, lambda part, done, parts: tell("page", done, parts, note=part))
        written = [write_html(home, made_by, paper=paper), write_numbers(paper, home, made_by)]
    if as_json:
        print_json({"written": [str(path) for path in written]})
    else:
        for path in written:
            typer.echo(str(path))
