"""Write what a judged comparison leaves behind: page, CSV, LaTeX and figures."""

from __future__ import annotations

from pathlib import Path

from bench.files import write_below
from bench.report.compare_figure import draw_comparison
from bench.report.compare_page import comparison_to_latex, comparison_to_markdown
from bench.report.csv_table import to_csv
from bench.report.origin import Origin, origin
from bench.reproduce.comparison_result import Comparison


def write_comparison(comparison: Comparison, home: Path, made_by: Origin | None = None) -> list[Path]:
    """Write ``reports/compare-NAME.*`` and return the files, the page first.

    Raises:
        RefusedInput: The disk refuses; the message names the file.
    """
    return write_below(home, comparison_files(comparison, made_by or origin()))


def comparison_files(comparison: Comparison, made_by: Origin) -> dict[str, str | bytes]:
    """Return what `write_comparison` writes, by path below the home folder; equal input gives equal bytes."""
    stem = f"reports/{comparison.stem}"
    figures = draw_comparison(comparison, made_by)
    plots = [f"{comparison.stem}-{name}.svg" for name in figures]
    drawn = {
        f"{stem}-{name}.{form}": content for name, forms in figures.items() for form, content in forms.items()
    }
    return {
        f"{stem}.md": comparison_to_markdown(comparison, made_by, plots),
        f"{stem}.csv": to_csv(comparison.frame(), made_by),
        f"{stem}.tex": comparison_to_latex(comparison, made_by),
        **drawn,
    }
