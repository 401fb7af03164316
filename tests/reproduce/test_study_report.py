import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.paper.studies import STUDIES, table5_variants
from bench.report.csv_table import STUDY_COLUMNS as COLUMNS
from bench.report.csv_table import to_csv
from bench.report.origin import Origin
from bench.report.study_figure import draw_study
from bench.report.study_page import study_to_markdown
from bench.report.study_terminal import show_study
from bench.reproduce.frames import study_frame
from bench.reproduce.study import reproduce_study
from bench.reproduce.study_result import JudgedStudy

ORIGIN = Origin("commit 0123456789ab", "a machine")


@pytest.fixture
def study(tmp_path: Path, add: Callable[..., Any]) -> JudgedStudy:
    """Table 5 with three seeds of the first two rows of MobileNet: 25 ± 5 and 30 ± 6."""
    bs, car = (variant for _, variant in table5_variants("mobile")[:2])
    for seed, (low, high) in enumerate(((20.0, 24.0), (25.0, 30.0), (30.0, 36.0))):
        add(bs, seed, low, notes=["the weights were dequantised"])
        add(car, seed, high)
    return reproduce_study("table5", tmp_path)


def test_the_page_has_the_papers_layout_with_intervals_and_the_statement(study: JudgedStudy) -> None:
    page = study_to_markdown(study, ORIGIN, "table5.svg")
    # 5 +- 4.3027 / sqrt(3)
    line = next(line for line in page.splitlines() if line.startswith("| BS+CARModule | **34.6**"))
    fields = [field.strip() for field in line.strip("|").split("|")]
    assert fields[1:3] == ["**34.6**", "30.00 ± 6.00"]
    assert fields[6:9] == ["**+3.9**", "+5.00", "+2.52 to +7.48"]
    assert fields[9].startswith("reproduced <sup>")
    assert page.index("## ResNet50-based model") < page.index("## MobileNet-based model")
    assert "each component's gain is positive" in page
    assert "not measured (not measured: SCLoss, CRP" in page
    assert "The weights were dequantised." in page
    assert "8 printed cells: 2 other data, 6 not measured." in page
    assert "Made by commit 0123456789ab on a machine." in page
    assert "](table5.svg)" in page


def test_the_csv_has_a_line_for_each_score_and_each_improvement(study: JudgedStudy) -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv(study_frame(study, as_printed=True), ORIGIN))))
    assert tuple(lines[0]) == COLUMNS
    assert [line["column"] for line in lines] == 2 * (["miou"] * 4 + ["improvement"] * 3)
    score, change = lines[8], lines[11]
    assert (score["row"], score["printed"], score["seeds"]) == ("bs-carmodule-mobile", "34.6", "0 1 2")
    assert (float(score["measured"]), float(score["measured_std"])) == (pytest.approx(30), pytest.approx(6))
    assert len(score["record"].split()) == 3
    assert (change["row"], change["over"]) == ("bs-carmodule-mobile", "bs-mobile")
    assert change["printed"] == "3.9"  # a number, and no formula for a spreadsheet
    assert float(change["low"]) == pytest.approx(5 - 4.302653 / 3**0.5)
    assert change["verdict"] == "reproduced"


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_of_nothing_measured_says_so(tmp_path: Path, name: str) -> None:
    page = study_to_markdown(reproduce_study(name, tmp_path), ORIGIN, "x.svg")
    assert "Not measured here; the paper: " in page
    assert ("The figure's numbers are not in the paper's text" in page) == (name != "table5")


def test_the_same_study_gives_the_same_figure(study: JudgedStudy) -> None:
    first, second = draw_study(study, ORIGIN), draw_study(study, ORIGIN)
    assert first == second
    assert first["png"].startswith(b"\x89PNG")
    assert b"<svg" in first["svg"]


def test_a_figure_of_nothing_measured_can_be_drawn(tmp_path: Path) -> None:
    assert set(draw_study(reproduce_study("fig10", tmp_path), ORIGIN)) == {"png", "svg", "pdf", "caption.md"}


def test_the_command_prints_one_document_and_writes_the_files(
    study: JudgedStudy, tmp_path: Path, carnet_bench: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = carnet_bench("reproduce", "table5", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps(study.as_json()))
    for path in (
        "reports/table5.md",
        "reports/table5.png",
        "reports/table5.svg",
        "reports/table5.pdf",
        "reports/tex/table5.tex",
        "reports/table5.caption.md",
        "results/tables/table5.csv",
    ):
        assert f"wrote {tmp_path / path}" in err
        assert (tmp_path / path).stat().st_size


@pytest.mark.parametrize("name", STUDIES)
def test_80_columns_hold_the_study(tmp_path: Path, study: JudgedStudy, name: str) -> None:
    stream = io.StringIO()
    judged = reproduce_study(name, tmp_path)
    show_study(judged, Console(width=80, file=stream, force_terminal=True, color_system=None))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for panel in judged.panels:
        for level in panel.levels:
            assert any(line.strip().startswith(level.label) for line in lines)
    assert lines[-1].endswith(f"reports/{name}.md")


@pytest.mark.parametrize("options", [("--peers",), ("--data", "scenes", "--budget", "10m"), ("--time",)])
def test_an_option_that_a_study_does_not_take_is_a_usage_error(
    tmp_path: Path, carnet_bench: Callable[..., tuple[int, str, str]], options: tuple[str, ...]
) -> None:
    code, out, err = carnet_bench("reproduce", "fig8", *options)
    assert (code, out) == (2, "")
    assert f"fig8 takes no {options[0]}" in err
    assert not (tmp_path / "reports").exists()
