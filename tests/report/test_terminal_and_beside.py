"""What a terminal of 80 columns shows, and what stands beside a table wherever the table is shown."""

import csv
import io
from dataclasses import replace

import pytest
from rich.console import Console

from baselines.method import Method
from baselines.registry import METHODS
from bench.report.csv_table import to_csv
from bench.report.origin import Origin
from bench.report.page import to_markdown
from bench.report.pareto import Mark, draw, marks
from bench.report.terminal import show_table
from bench.reproduce.frames import table_frame
from bench.reproduce.table import FITTED, reproduce
from bench.reproduce.table_result import Beside, Measured, Point, Reproduction, Result
from bench.reproduce.verdict import words as v

ORIGIN = Origin("commit 0123456789ab", "Some CPU, 2 cores, Linux")
NONE: dict[str, Method] = {}
MINE = Beside(
    "mynet",
    "mynet",
    "own model",
    (
        Measured("mynet", "flops", "thop2019 G", 12.5),
        Measured("mynet", "flops", "MAC G", 12.25),
        Measured("mynet", "params", "M", 3.0),
        Measured("mynet", "time", "ms", None, "no time of this machine yet"),
        Measured("mynet", "miou", "%", 61.5, "camvid test, 233 images", "ab12"),
    ),
    3.0,
)
TOO_ODD = Beside(
    "smp-fpn-mobilenetv2",
    "FPN (MobileNetV2)",
    "peer from a library",
    tuple(
        Measured("smp-fpn-mobilenetv2", "flops", unit, None, "odd | size") for unit in ("thop2019 G", "MAC G")
    ),
)


@pytest.fixture(scope="module")
def unmeasured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reproduction]:
    home = tmp_path_factory.mktemp("home")
    return {name: reproduce(name, home, NONE) for name in ("table1", "table2", "table3", "table4")}


@pytest.fixture
def beside(unmeasured: dict[str, Reproduction]) -> Reproduction:
    points = (Point("mynet", "mynet", "camvid test", 3.0, 61.5, synthetic=False, in_table=False),)
    return replace(unmeasured["table1"], beside=(MINE, TOO_ODD), points=points)


def with_verdict(judged: Reproduction, verdict: str) -> Reproduction:
    """Give every cell this verdict, a long number and a note."""
    results = {
        place: Result(result.cell, 123456.789, verdict, f"note {n}")
        for n, (place, result) in enumerate(judged.results.items(), start=100)
    }
    return replace(judged, results=results)


def shown(judged: Reproduction, width: int = 80, *, terminal: bool = True) -> str:
    stream = io.StringIO()
    show_table(judged, Console(width=width, file=stream, force_terminal=terminal, color_system=None))
    return stream.getvalue()


def words_of(judged: Reproduction) -> set[str]:
    """Return every name and every printed number of a table."""
    cells = [cell for row in judged.rows for cell in row.cells.values() if cell is not None]
    titles = [word for row in judged.rows for word in row.title.split()]
    return {*titles, *(cell.printed for cell in cells)}


def test_the_terminal_shows_every_row_and_leaves_the_notes_to_the_page(
    unmeasured: dict[str, Reproduction],
) -> None:
    judged = unmeasured["table1"]
    results = dict(judged.results)
    flops, time = (results["carnet-mobile", column].cell for column in ("flops", "time"))
    results["carnet-mobile", "flops"] = Result(flops, 17.623597472, "equal", fitted=True)
    results["carnet-mobile", "time"] = Result(time, 250.0, "other machine", "=1+1")
    text = shown(replace(judged, results=results, notes=(FITTED,)), width=140)
    assert words_of(judged) <= set(text.split())
    assert "17.6236" in text
    assert "other machine" in text
    assert "=1+1" not in text
    assert "architecture search" in text or FITTED[:40] in text
    assert "73 printed cells: 1 equal, 1 other machine, 71 not measured." in text
    assert text.splitlines()[-1].endswith("reports/table1.md")


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "table4"])
@pytest.mark.parametrize("verdict", v.ALL)
def test_80_columns_hold_every_name_number_and_verdict(
    unmeasured: dict[str, Reproduction], name: str, verdict: str
) -> None:
    text = shown(with_verdict(unmeasured[name], verdict))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert words_of(unmeasured[name]) <= set(text.split())
    assert text.count("123457") == len(unmeasured[name].results)  # 123456.789 in six digits
    assert verdict in " ".join(text.split())
    assert "…" not in text


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "table4"])
def test_into_a_pipe_every_cell_has_its_unit_and_the_words_of_its_verdict(
    unmeasured: dict[str, Reproduction], name: str
) -> None:
    judged = with_verdict(unmeasured[name], v.CONTRADICTED)
    text = shown(judged, width=20, terminal=False)
    assert words_of(judged) <= set(text.split())
    assert text.count(v.CONTRADICTED) >= len(judged.results)
    assert "…" not in text


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "table4"])
def test_the_summary_below_a_table_has_at_most_12_lines_of_80_columns(
    unmeasured: dict[str, Reproduction], name: str
) -> None:
    judged = unmeasured[name]
    names = sorted(judged.results)
    mixed = {
        place: Result(judged.results[place].cell, 1.0, v.ALL[at % len(v.ALL)])
        for at, place in enumerate(names)
    }
    below = shown(replace(judged, results=mixed, notes=(FITTED,))).rpartition("─")[2].strip()
    assert len(below.splitlines()) <= 12


def test_the_printed_deviation_of_a_time_is_shown_everywhere(unmeasured: dict[str, Reproduction]) -> None:
    judged = unmeasured["table2"]
    assert "19.56 ± 0.29" in shown(judged)
    assert "**19.56 ± 0.29**<br>" in to_markdown(judged, ORIGIN)
    lines = csv.DictReader(io.StringIO(to_csv(table_frame(judged, as_printed=True), ORIGIN)), strict=True)
    time = next(one for one in lines if (one["row"], one["column"]) == ("lwrf-resnet50", "time"))
    assert (time["printed"], time["std"]) == ("19.56", "0.29")


def test_a_page_whose_rows_share_their_conditions_names_them_once(
    unmeasured: dict[str, Reproduction],
) -> None:
    assert "All rows: 468x625, 40 classes." in to_markdown(unmeasured["table2"], ORIGIN)
    assert "All rows: 150 classes." in to_markdown(unmeasured["table3"], ORIGIN)
    assert "All rows" not in to_markdown(unmeasured["table1"], ORIGIN)


@pytest.fixture(scope="module")
def reconstructed(tmp_path_factory: pytest.TempPathFactory) -> Reproduction:
    """Table 1 with TwoColumn alone, which cannot be built here, so that nothing is counted."""
    method = replace(METHODS["twocolumn"], builder="no_such_module:build")
    return reproduce("table1", tmp_path_factory.mktemp("home"), {"twocolumn": method})


def test_a_reconstruction_says_so_on_the_page_and_on_the_terminal(reconstructed: Reproduction) -> None:
    judged = reconstructed
    assert "| TwoColumn (reconstruction) | 512x1024 |" in to_markdown(judged, ORIGIN)
    lines = [line.strip() for line in shown(judged).splitlines()]
    named = next(n for n, line in enumerate(lines) if line.startswith("TwoColumn"))
    assert lines[named + 1].startswith("(reconstruction)")


def test_the_page_has_a_section_of_its_own_for_what_is_not_in_the_paper(beside: Reproduction) -> None:
    page = to_markdown(beside, ORIGIN)
    section = page[page.index("## Not in the paper's Table 1") : page.index("## Notes")]
    lines = [line for line in section.splitlines() if line.startswith("| mynet")]
    assert len(lines) == 1
    fields = [field.strip() for field in lines[0].strip("|").split(" | ")]
    assert fields[:3] == ["mynet<br>_own model_", "12.5 thop2019 G<br>12.25 MAC G", "3 M"]
    assert fields[3].startswith("_not measured_ <sup>")
    assert fields[4] == "-"  # no number under this column
    assert fields[5].startswith("61.5 % <sup>")
    assert page.index("73 printed cells") < page.index("## Not in the paper's Table 1")
    assert page.count("odd \\| size") == 1
    assert (
        len([one for one in section.splitlines() if one.startswith("| FPN") and one.count("_not") == 1]) == 1
    )


def test_a_page_without_anything_beside_the_table_has_no_such_section(
    unmeasured: dict[str, Reproduction],
) -> None:
    assert "Not in the paper" not in to_markdown(unmeasured["table1"], ORIGIN)


def test_the_terminal_shows_what_is_not_in_the_paper_below_the_table(beside: Reproduction) -> None:
    text = shown(beside)
    below = text[text.index("Not in the paper's Table 1") :]
    assert "mynet" in below
    assert "12.25" in below
    assert "peer from a library" in below


def test_the_csv_has_what_is_beside_the_table_without_print_and_verdict(beside: Reproduction) -> None:
    lines = list(
        csv.DictReader(io.StringIO(to_csv(table_frame(beside, as_printed=True), ORIGIN)), strict=True)
    )
    assert len(lines) == 73 + 5 + 2
    mine = [line for line in lines if line["row"] == "mynet"]
    assert [(one["unit"], one["measured"]) for one in mine if one["column"] == "flops"] == [
        ("thop2019 G", "12.5"),
        ("MAC G", "12.25"),
    ]
    assert {(one["printed"], one["verdict"], one["table"]) for one in mine} == {("", "", "table1")}
    assert mine[-1]["record"] == "ab12"


def test_json_keeps_what_is_beside_the_table_out_of_the_cells(beside: Reproduction) -> None:
    document = beside.as_json()
    assert len(document["cells"]) == 73
    assert "mynet" not in {cell["row"] for cell in document["cells"]}
    assert document["beside"][0] == {
        "row": "mynet",
        "column": "flops",
        "measured": 12.5,
        "unit": "thop2019 G",
        "note": None,
        "record": None,
    }


def test_the_plot_shows_what_is_not_in_the_paper_as_context(beside: Reproduction) -> None:
    context = [mark for mark in marks(beside) if mark.kind == "context"]
    assert context == [Mark(3.0, 61.5, "mynet, camvid test", "context")]
    svg_with = draw(beside, ORIGIN)["svg"]
    assert svg_with != draw(replace(beside, points=()), ORIGIN)["svg"]


def test_the_legend_calls_context_not_in_the_paper(
    beside: Reproduction, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.report import pareto

    labels: list[str] = []
    real = pareto._legend

    def keep(points):  # type: ignore[no-untyped-def]
        handles = real(points)
        labels.extend(handle.get_label() for handle in handles)
        return handles

    monkeypatch.setattr(pareto, "_legend", keep)
    draw(beside, ORIGIN)
    assert [label for label in labels if "not in the paper" in label] == [
        "not in the paper, for context; measured here"
    ]


def test_a_measured_point_of_a_reconstruction_says_so(reconstructed: Reproduction) -> None:
    points = (Point("twocolumn", "TwoColumn", "camvid test", 25.0, 50.0, synthetic=False),)
    found = [mark.label for mark in marks(replace(reconstructed, points=points))]
    assert "TwoColumn (reconstruction), camvid test" in found
