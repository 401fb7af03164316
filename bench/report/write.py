"""Write what a reproduced table leaves behind: CSV, Markdown page and, for Table 1, the plot."""

from __future__ import annotations

from pathlib import Path

from bench.files import write_atomic
from bench.report.csv_table import to_csv
from bench.report.origin import Origin, origin
from bench.report.page import to_markdown
from bench.reproduce.table_result import Reproduction

_PLOTTED = "table1"


def write_report(reproduction: Reproduction, home: Path, made_by: Origin | None = None) -> list[Path]:
    """Write ``results/tables/NAME.csv``, ``reports/NAME.md`` and, for Table 1, ``reports/pareto.*``.

    A table with times of another form than eager fp32 has files of its own, ``table2-cudagraphs.md`` for
    example, and no plot.

    Parameters
    ----------
    reproduction
        The judged table.
    home
        Below which everything is written.
    made_by
        Commit and machine; None finds them out.

    Returns
    -------
    The files written, the page first.

    Raises
    ------
    RefusedInput
        The disk refuses; the message names the file.
    """
    made_by = made_by or origin()
    name = reproduction.stem
    reports = home / "reports"
    plotted = name == _PLOTTED
    contents: dict[Path, str | bytes] = {
        reports / f"{name}.md": to_markdown(reproduction, made_by, "pareto.svg" if plotted else None),
        home / "results" / "tables" / f"{name}.csv": to_csv(reproduction, made_by),
    }
    if plotted:
        from bench.report.pareto import draw  # noqa: PLC0415 - matplotlib, which Table 4 does not need

        for form, picture in draw(reproduction, made_by).items():
            contents[reports / f"pareto.{form}"] = picture
    for path, content in contents.items():
        write_atomic(path, content)
    return list(contents)
