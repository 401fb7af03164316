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
from bench.report.origin import Origin
from bench.report.page import to_markdown
from bench.report.pareto import Mark, draw, marks, without_both
from bench.report.write import write_report
from bench.reproduce.frames import table_frame
from bench.reproduce.table import FITTED, reproduce
from bench.reproduce.table_result import OtherTimes, Point, Reproduction, Result
from bench.reproduce.verdict.order import judge_ranks

ORIGIN = Origin("commit 0123456789ab", "Some CPU, 2 cores, Linux")
NONE: dict[str, Method] = {}


@pytest.fixture(scope="module")
def unmeasured(tmp_path_factory: pytest.TempPathFactory) -> Reproduction:
    return reproduce("table1", tmp_path_factory.mktemp("home"), NONE)


@pytest.fixture
def judged(unmeasured: Reproduction) -> Reproduction:
    """Table 1 with one cost that matches, one accuracy on other data and a note that looks like a formula."""
    results = dict(unmeasured.results)
    flops, miou, time = (results["carnet-mobile", column].cell for column in ("flops", "miou", "time"))
    results["carnet-mobile", "flops"] = Result(flops, 17.623597472, "equal", fitted=True)
    results["carnet-mobile", "miou"] = Result(miou, 57.12, "other data", "camvid | test", "ab12")
    results["carnet-mobile", "time"] = Result(time, 250.0, "other machine", "=1+1")
    points = (
        Point("carnet-mobile", "CARNet-Mobile", "camvid test", 3.873, 57.12, synthetic=False),
        Point("carnet-mobile", "CARNet-Mobile", "scenes test", 3.873, 41.0, synthetic=True),
    )
    return replace(unmeasured, results=results, notes=(FITTED,), points=points)


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
    order = ["\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}}%"]
    assert [lines.index(one) for one in order] == sorted(lines.index(one) for one in order)
    assert text.count("$") % 2 == 0
    assert text.count("{") == text.count("}")


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


def test_the_plot_shows_the_printed_rows_that_have_both_numbers(judged: Reproduction) -> None:
    found = {mark.label: mark for mark in marks(judged)}
    assert len(found) == 12 + 2  # 16 rows less SQ, CRF-RNN, FRRN, TwoColumn; two measured points
    assert without_both(judged) == ["SQ", "CRF-RNN", "FRRN", "TwoColumn"]
    assert found["CARNet-Mobile"] == Mark(3.9, 70.7, "CARNet-Mobile", "carnet")
    assert found["ENet"] == Mark(0.4, 57.0, "ENet", "other")


def test_the_plot_marks_daggers_multi_scale_and_file_sizes(judged: Reproduction) -> None:
    found = {mark.label: mark for mark in marks(replace(judged, params_m={"bisenet1": 1.542, "enet": 0.364}))}
    assert {label for label in found if label.endswith("†")} == {
        "DeepLab-CRF-LargeFOV †",
        "ICNet †",
        "PSPNet-ResNet101 †",
    }
    assert "RefineNet-ResNet101 (msc)" in found
    assert {label for label, mark in found.items() if mark.hollow and mark.kind == "other"} == {
        "BiSeNet1",
        "BiSeNet2",
        "ICNet †",
        "PSPNet-ResNet101 †",
    }
    assert found["BiSeNet1"].true_params_m == 1.542
    assert found["ENet"].true_params_m is None  # its print is a true count


def test_measured_points_name_their_data_and_drawn_images_are_called_synthetic(judged: Reproduction) -> None:
    measured = [mark for mark in marks(judged) if mark.kind == "measured"]
    assert measured == [
        Mark(3.873, 57.12, "CARNet-Mobile, camvid test", "measured"),
        Mark(3.873, 41.0, "CARNet-Mobile, scenes test (synthetic)", "measured", hollow=True),
    ]


def test_the_plot_is_the_same_to_the_byte_each_time_and_has_no_date(judged: Reproduction) -> None:
    first, second = draw(judged, ORIGIN), draw(judged, ORIGIN)
    assert first == second
    assert first["png"].startswith(b"\x89PNG")  # type: ignore[union-attr]
    assert b"dc:date" not in first["svg"]  # type: ignore[operator]
    assert b"CreationDate" not in first["pdf"]  # type: ignore[operator]


def test_the_plot_is_one_column_wide_and_its_words_are_words(judged: Reproduction) -> None:
    files = draw(judged, ORIGIN)
    svg = files["svg"].decode()  # type: ignore[union-attr]
    assert 'width="226.8pt"' in svg  # 3.15 in of 72 pt
    sizes = {float(size) for size in re.findall(r"font(?:-size)?: (?:[a-z0-9]+ )*?([.0-9]+)px", svg)}
    assert sizes
    assert min(sizes) >= 6
    assert ">DeepLab-CRF-LargeFOV †<" in svg
    width = int.from_bytes(files["png"][16:20], "big")  # type: ignore[arg-type]
    assert width >= 3.15 * 300
    assert "commit 0123456789ab" in str(files["caption.md"])
    assert "0123456789ab" not in svg


def test_no_label_of_the_plot_covers_another(judged: Reproduction, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.text import Text

    from bench.report import pareto

    figures = []
    monkeypatch.setattr(pareto, "_legend", lambda points: figures.append(points) or [])
    written = []
    real = pareto.write_labels

    def keep(axes, labels, lines):  # type: ignore[no-untyped-def]
        real(axes, labels, lines)
        renderer = axes.figure.canvas.get_renderer()
        for text in axes.texts:
            text.update_positions(renderer)
            written.append((text.get_text(), Text.get_window_extent(text, renderer)))

    monkeypatch.setattr(pareto, "write_labels", keep)
    draw(judged, ORIGIN)
    assert len(written) == 14
    overlapping = [
        (a, b)
        for index, (a, box_a) in enumerate(written)
        for b, box_b in written[index + 1 :]
        if box_a.overlaps(box_b)
    ]
    assert overlapping == []


def test_table_1_leaves_a_page_a_csv_and_the_plot_twice(judged: Reproduction, tmp_path: Path) -> None:
    written = write_report(judged, tmp_path, ORIGIN)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "reports/table1.md",
        "reports/tex/table1.tex",
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
