"""The LaTeX files in a thesis: every table and every macro compiles, and nothing hangs over the margin."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.report.latex_numbers import PREFIX

ROOT = Path(__file__).parents[2]
TEX = ROOT / "reports" / "tex"
NUMBERS = TEX / "numbers.tex"
MACRO = re.compile(rf"^\\newcommand{{\\({PREFIX}\w+)}}{{(.*)}} % .+$", re.MULTILINE)
THESIS = r"""\documentclass[11pt,a4paper]{report}
\usepackage{booktabs,graphicx}
\input{numbers}
\begin{document}
\chapter{Results}
%s
%s
\end{document}
"""


def tables() -> list[Path]:
    """Return every published LaTeX file but the macros."""
    return sorted(path for path in (ROOT / "reports").rglob("*.tex") if path != NUMBERS)


def thesis() -> str:
    """Return a document that holds every table and prints every macro."""
    shown = [
        f"\\begin{{table}}[p]\\centering\\input{{{path.stem}}}\\caption{{{path.stem}}}\\end{{table}}\\clearpage"
        for path in tables()
    ]
    macros = [f"\\{name}{{}}\\par" for name, _ in MACRO.findall(NUMBERS.read_text(encoding="utf-8"))]
    return THESIS % ("\n".join(macros), "\n".join(shown))


def test_every_line_of_the_numbers_is_a_macro_of_its_own_name() -> None:
    lines = NUMBERS.read_text(encoding="utf-8").splitlines()
    names = [name for name, _ in MACRO.findall("\n".join(lines))]
    assert len(names) == len(set(names)) == len([line for line in lines if not line.startswith("%")])
    assert all(name.isalpha() for name in names)  # TeX allows no digit in a name


def test_the_macros_are_the_numbers_of_the_tables() -> None:
    found = dict(MACRO.findall(NUMBERS.read_text(encoding="utf-8")))
    assert found[f"{PREFIX}Cells"] == "147"
    assert found[f"{PREFIX}Claims"] == "237"
    counted = (ROOT / "results" / "tables" / "table1.csv").read_text(encoding="utf-8")
    assert f",{found[f'{PREFIX}MobileParams']}" in counted  # 3.87, the first digits of 3.873...


@pytest.mark.slow
def test_every_table_and_macro_compiles_in_a_thesis(tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("LaTeX is missing: apt-get install texlive-latex-base texlive-latex-recommended")
    for path in (NUMBERS, *tables()):
        shutil.copy(path, tmp_path)
    (tmp_path / "thesis.tex").write_text(thesis(), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "thesis.tex"]
    done = subprocess.run(
        command, check=False, cwd=tmp_path, capture_output=True, text=True, errors="replace"
    )
    assert done.returncode == 0, done.stdout[-3000:]
    log = (tmp_path / "thesis.log").read_text(encoding="utf-8", errors="replace")
    pages = re.search(r"Output written on thesis\.pdf \((\d+) pages", log)
    assert pages is not None
    assert int(pages[1]) > len(tables())
    assert "undefined" not in log
    # TeX names each box that is wider than the text, and by how much
    assert re.findall(r"Overfull \\hbox \((.*?) too wide", log) == []
