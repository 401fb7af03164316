"""Write what a reproduced study leaves behind: CSV, Markdown page and figure."""

from __future__ import annotations

from pathlib import Path

from bench.files import write_atomic
from bench.report.origin import Origin, origin
from bench.report.study_figure import draw_study
from bench.report.study_page import study_to_csv, study_to_markdown
from bench.reproduce.study_result import JudgedStudy


def write_study(study: JudgedStudy, home: Path, made_by: Origin | None = None) -> list[Path]:
    """Write ``reports/NAME.md``, ``.png`` and ``.svg``, and ``results/tables/NAME.csv``.

    Parameters
    ----------
    study
        Judged.
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
    reports = home / "reports"
    contents: dict[Path, str | bytes] = {
        reports / f"{study.name}.md": study_to_markdown(study, made_by, f"{study.name}.svg"),
        home / "results" / "tables" / f"{study.name}.csv": study_to_csv(study, made_by),
    }
    for form, picture in draw_study(study, made_by).items():
        contents[reports / f"{study.name}.{form}"] = picture
    for path, content in contents.items():
        write_atomic(path, content)
    return list(contents)
