import csv
import io
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from baselines.method import Method
from bench.paper import rows
from bench.report.csv_table import COLUMNS, as_text, to_csv
from bench.report.latex import to_latex
from bench.report.markdown import Footnotes
from bench.report.origin import Origin, origin
from bench.report.page import number, to_markdown
from bench.report.write import write_report
from bench.reproduce.frames import table_frame
from bench.reproduce.table import FITTED, reproduce
from bench.reproduce.table_result import OtherTimes, Reproduction, Result
from bench.reproduce.verdict.order import judge_ranks

ORIGIN = Origin("commit 0123456789ab", "Some CPU, 2 cores, Linux")
NONE: dict[str, Method] = {}


def csv_of(judged: Reproduction) -> str:
    return to_csv(table_frame(judged, as_printed=True), ORIGIN)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), strict=True))


def test_the_csv_has_a_line_for_each_printed_cell_with_all_digits_of_the_measured_one(
    judged: Reproduction,
) -> None:
    lines = read(csv_of(judged))
    assert len(lines) == 73
    assert tuple(lines[0]) == COLUMNS
    flops = next(one for one in lines if (one["row"], one["column"]) == ("carnet-mobile", "flops"))
    assert flops["printed"] == "17.6"
    assert flops["measured"] == "17.623597472"
    assert flops["commit"] == "commit 0123456789ab"
    assert flops["machine"] == "Some CPU, 2 cores, Linux"


def test_not_measured_is_an_empty_csv_field_and_no_nan_is_written(judged: Reproduction) -> None:
    text = csv_of(judged)
    enet = next(one for one in read(text) if one["row"] == "enet")
    assert (enet["measured"], enet["record"]) == ("", "")
    assert "nan" not in text.lower().split(",")


def test_a_csv_field_that_a_spreadsheet_would_run_is_quoted(judged: Reproduction) -> None:
    lines = read(csv_of(judged))
    time = next(one for one in lines if (one["row"], one["column"]) == ("carnet-mobile", "time"))
    assert time["note"] == "'=1+1"
    for text in ("=1", "+x", "-x", "@x", "\t=1"):
        assert as_text(text) == f"'{text}"
    assert as_text("a=1") == "a=1"


def test_an_infinite_number_is_refused(judged: Reproduction) -> None:
    frame = table_frame(judged, as_printed=True)
    with pytest.raises(ValueError, match="measured"):
        to_csv(frame.assign(measured=math.inf), ORIGIN)


def test_a_zero_is_not_an_empty_field_and_a_signed_number_stays_a_number(judged: Reproduction) -> None:
    frame = table_frame(judged, as_printed=True).assign(measured=0.0, printed="-5.1")
    (first, *_) = read(to_csv(frame, ORIGIN))
    assert (first["measured"], first["printed"]) == ("0.0", "-5.1")


def test_the_latex_table_is_booktabs_with_every_row_and_no_bare_sign_of_tex(judged: Reproduction) -> None:
    titles = {row.name: row.title for row in judged.rows} | {"enet": "E_Net & 100 % ± # †"}
    text = to_latex(table_frame(judged, as_printed=True), titles, "Table 1", ORIGIN)
    lines = text.splitlines()
    body = [line for line in lines if line.endswith("\\\\")]
    assert [line.split(" & ")[0] for line in body[2:3]] == ["SegNet"]
    assert len(body) == 2 + 16
    # one place for the method, a pair for each of five columns
    assert {line.replace("\\&", "").count("&") for line in body[1:]} == {10}
    assert "E\\_Net \\& 100 \\% $\\pm$ \\# \\textdagger{}" in text
    order = ["\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}"]
    assert [lines.index(one) for one in order] == sorted(lines.index(one) for one in order)
    assert text.count("$") % 2 == 0
    assert text.count("{") == text.count("}")


def test_notes_that_share_a_part_and_differ_in_numbers_are_one_note() -> None:
    notes = [("A", "CPU; mean 1.5 ms"), ("B", "CPU; mean 2e+03 ms"), ("C", "off by 2"), ("D", "off by 3")]
    found = Footnotes(notes)
    assert [found.mark(note) for _, note in notes] == [f" <sup>{n}</sup>" for n in (1, 1, 2, 3)]
    assert found.section[2:-1] == ["1. CPU. A: mean 1.5 ms. B: mean 2e+03 ms", "2. off by 2", "3. off by 3"]
    assert found.mark(None) == ""


def test_a_frame_rate_has_the_note_of_its_time(judged: Reproduction) -> None:
    results = dict(judged.results)
    for column, note in (("time", "bound 5 ms"), ("fps", "bound 200 fps")):
        results["enet", column] = Result(results["enet", column].cell, 1.0, "other machine", note, "ab12")
    page = to_markdown(replace(judged, results=results), ORIGIN)
    assert "bound 5 ms" in page
    assert "bound 200 fps" not in page


def test_times_of_other_machines_stand_apart_with_their_order(judged: Reproduction) -> None:
    cell = judged.results["enet", "time"].cell
    other = OtherTimes(
        "Fast GPU", {("enet", "time"): Result(cell, 2.5, "other machine")}, judge_ranks({}, {})
    )
    page = to_markdown(replace(judged, elsewhere=(other,)), ORIGIN)
    section = page.split("## Times of other machines")[1].split("\n## ")[0]
    assert "| Method | Printed | Fast GPU |" in section
    assert "| ENet | **7** | 2.5 |" in section
    assert "* Fast GPU: " in section
    assert "SegNet" not in section


def test_the_readme_of_the_results_defines_every_column() -> None:
    readme = (Path(__file__).parents[2] / "results" / "README.md").read_text(encoding="utf-8")
    defined = set(re.findall(r"`([a-z_]+)`", readme))
    assert set(COLUMNS) <= defined


def test_the_page_has_the_papers_columns_and_a_line_for_each_row(judged: Reproduction) -> None:
    page = to_markdown(judged, ORIGIN, "pareto.svg")
    table = [line for line in page.partition("\n## ")[0].splitlines() if line.startswith("|")]
    assert table[0] == (
        "| Method | Input size | FLOPs (G) | Params (M) | Time (ms) | Frame (fps) | MIoU (%) |"
    )
    assert len(table) == 2 + 16
    assert [
        line.split(" | ")[0].removeprefix("| ").removesuffix(" †").removesuffix(" (reconstruction)")
        for line in table[2:]
    ] == [row.title for row in rows("table1")]


def test_a_cell_of_the_page_shows_printed_measured_unit_and_verdict(judged: Reproduction) -> None:
    page = to_markdown(judged, ORIGIN)
    assert "| **17.6**<br>17.6236 thop2019 G<br>equal |" in page
    assert "**73.6** (msc)<br>_not measured <sup>" in page
    assert "ICNet † |" in page


def test_a_dash_of_the_paper_stays_a_dash(judged: Reproduction) -> None:
    crf_rnn = next(line for line in to_markdown(judged, ORIGIN).splitlines() if line.startswith("| CRF-RNN"))
    assert crf_rnn.startswith("| CRF-RNN | 512x1024 | - | - | **700**<br>")


def test_the_page_says_once_that_the_matches_confirm_nothing_and_who_made_it(judged: Reproduction) -> None:
    page = to_markdown(judged, ORIGIN)
    assert page.count(FITTED) == 1
    assert "Made by commit 0123456789ab on Some CPU, 2 cores, Linux." in page


def test_a_note_of_the_page_cannot_break_the_table(judged: Reproduction) -> None:
    assert ". camvid \\| test\n" in to_markdown(judged, ORIGIN)


def test_the_same_note_has_one_number(judged: Reproduction) -> None:
    page = to_markdown(judged, ORIGIN)
    assert page.count("no such network") == 1
    notes = page[page.index("## Notes") :]
    assert notes.count("\n1. ") == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (17.623597472, "17.6236"),
        (121.378963456, "121.379"),
        (0.00001, "0.00001"),
        (4000.0, "4000"),
        (1e7, "10000000"),
    ],
)
def test_a_shown_number_has_six_digits_and_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


def test_table_1_leaves_a_page_a_csv_and_the_plot_twice(judged: Reproduction, tmp_path: Path) -> None:
    written = write_report(judged, tmp_path, ORIGIN)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "reports/table1.md",
        "reports/table1.tex",
        "results/tables/table1.csv",
        *(f"reports/pareto.{end}" for end in ("caption.md", "png", "svg", "pdf")),
    ]
    assert all(path.stat().st_size > 0 for path in written)
    assert "](pareto.svg)" in written[0].read_text(encoding="utf-8")


def test_table_4_has_no_plot(tmp_path: Path) -> None:
    written = write_report(reproduce("table4", tmp_path, NONE), tmp_path, ORIGIN)
    assert [path.name for path in written] == ["table4.md", "table4.tex", "table4.csv"]
    assert "| Method | BS | CARModule | CRP | Others |" in written[0].read_text(encoding="utf-8")


def test_times_of_another_engine_have_files_and_a_heading_of_their_own(
    judged: Reproduction, tmp_path: Path
) -> None:
    written = write_report(replace(judged, form="openvino bf16 deployed"), tmp_path, ORIGIN)
    assert [path.name for path in written] == [
        f"table1-openvino-bf16-deployed.{end}" for end in ("md", "tex", "csv")
    ]
    head = written[0].read_text(encoding="utf-8").partition("\n")[0]
    assert head.startswith("# Table 1: ")
    assert head.endswith(", times: openvino bf16 deployed")


def test_the_origin_names_commit_or_version_and_machine_but_no_host() -> None:
    import getpass
    import platform

    found = origin()
    assert re.match(r"commit [0-9a-f]{12}\+?$|carnet-bench ", found.commit)
    assert "cores" in found.machine
    assert platform.node() not in found.machine
    assert getpass.getuser() not in found.machine.split()
