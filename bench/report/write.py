"""Write what a judged table or study leaves behind: page, CSV, LaTeX and, where it has one, the figure."""

from __future__ import annotations

from pathlib import Path

from bench.files import write_below
from bench.report.csv_table import to_csv
from bench.report.latex import to_latex
from bench.report.origin import Origin, origin
from bench.report.page import heading, title, to_markdown
from bench.report.scloss_rows import scloss_name
from bench.report.study_page import study_to_markdown
from bench.reproduce.frames import study_frame, table_frame
from bench.reproduce.study_result import JudgedStudy
from bench.reproduce.table_result import Reproduction

_PLOTTED = "table1"


def write_report(judged: Reproduction | JudgedStudy, home: Path, made_by: Origin | None = None) -> list[Path]:
    """Write ``reports/NAME.md``, ``reports/tex/NAME.tex``, ``results/tables/NAME.csv``, and the figure.

    A study's figure bears its name, that of its probes of SCLoss is ``reports/NAME-scloss.*``, Table 1's is
    ``reports/pareto.*``. A table with times of another form than eager fp32 has files of its own,
    ``table2-cudagraphs.md`` for example, and no figure.

    Args:
        judged: A judged table or study.
        home: Folder of ``reports/`` and ``results/``.
        made_by: Commit and machine; None finds them out.

    Returns:
        The files written, the page first.

    Raises:
        RefusedInput: The disk refuses; the message names the file.
    """
    return write_below(home, report_files(judged, made_by or origin()))


def report_files(judged: Reproduction | JudgedStudy, made_by: Origin) -> dict[str, str | bytes]:
    """Return what `write_report` writes, by path below the home folder; equal input gives equal bytes."""
    beside: dict[str, str | bytes] = {}
    # matplotlib, which a table without a figure does not need, is imported late
    if isinstance(judged, JudgedStudy):
        from bench.report.study_figure import draw_study  # noqa: PLC0415

        name, plot, caption = judged.name, judged.name, f"{judged.heading}: {judged.caption}"
        page, frame = study_to_markdown(judged, made_by, f"{plot}.svg"), study_frame(judged, as_printed=True)
        levels = [level for panel in judged.panels for level in panel.levels]
        titles = {level.label if level.cell is None else level.cell.row: level.label for level in levels}
        figure = draw_study(judged, made_by)
        if judged.probed:
            from bench.report.scloss_figure import draw_scloss  # noqa: PLC0415

            drawn = draw_scloss(judged, made_by)
            beside = {f"reports/{scloss_name(name)}.{form}": content for form, content in drawn.items()}
    else:
        from bench.report.pareto import draw  # noqa: PLC0415

        name, plot, caption = judged.stem, "pareto", heading(judged)
        plotted = name == _PLOTTED
        page = to_markdown(judged, made_by, f"{plot}.svg" if plotted else None)
        frame = table_frame(judged, as_printed=True)
        titles = {row.name: title(row, judged) for row in judged.rows}
        figure = draw(judged, made_by) if plotted else {}
    return {
        f"reports/{name}.md": page,
        f"reports/tex/{name}.tex": to_latex(frame, titles, caption, made_by),
        f"results/tables/{name}.csv": to_csv(frame, made_by),
        **{f"reports/{plot}.{form}": content for form, content in figure.items()},
        **beside,
    }
