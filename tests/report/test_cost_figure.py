"""Fig. 4: the front of each cost, printed and measured points apart, the same bytes each time."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from baselines.method import Method
from bench.report.cost_figure import as_json, draw, fig4_files, front_lines, panels_of, write_fig4
from bench.report.origin import Origin
from bench.reproduce.table import reproduce
from bench.reproduce.table_result import Beside, Measured, Point, Reproduction, Result

ORIGIN = Origin("commit 0", "a machine")
NONE: dict[str, Method] = {}


@pytest.fixture(scope="module")
def table1(tmp_path_factory: pytest.TempPathFactory) -> Reproduction:
    """Table 1 with two counts, a measured rate, and three scores on two sets; one of a method beside it."""
    found = reproduce("table1", tmp_path_factory.mktemp("home"), NONE)
    fps = found.results["carnet-mobile", "fps"].cell
    return replace(
        found,
        results={**found.results, ("carnet-mobile", "fps"): Result(fps, 2.5, "other machine")},
        params_m={"carnet-mobile": 3.9, "bisenet1": 1.8},
        gmacs={"carnet-mobile": 17.0, "bisenet1": 15.6},
        machine="Some CPU",
        points=(
            Point("carnet-mobile", "CARNet-Mobile", "camvid test", 3.9, 57.1, synthetic=False),
            Point("carnet-mobile", "CARNet-Mobile", "scenes test", 3.9, 41.0, synthetic=True),
            Point("mynet", "mynet", "camvid test", 3.0, 50.0, synthetic=False, in_table=False),
        ),
        beside=(Beside("mynet", "mynet", "your own", (Measured("mynet", "flops", "MAC G", 4.0),), 3.0),),
    )


def test_the_fronts_are_those_worked_by_hand(table1: Reproduction) -> None:
    fronts = {axis["name"]: axis["front"] for axis in as_json(table1)["axes"]}
    # of Table 1's pairs of frames per second and mIoU, from the fastest
    assert fronts["fps"] == [
        "enet", "carnet-mobile", "carnet-resnet50", "bisenet2", "carnet-resnet152", "pspnet-resnet101",
    ]  # fmt: skip
    # 1.8 M for 68.4 %, 3.9 M for 70.7 %
    assert fronts["params-true"] == ["bisenet1", "carnet-mobile"]
    assert any("Frames per second" in line and "BiSeNet2" in line for line in front_lines(table1))


def test_printed_and_measured_points_have_axes_of_their_own(table1: Reproduction) -> None:
    panels = {panel.axis.name: panel for panel in panels_of(table1)}
    for panel in panels.values():
        assert {mark.kind for mark in panel.printed} <= {"carnet", "other"}
        assert {mark.kind for mark in panel.measured} <= {"measured", "context"}
    measured = {
        name: [(one.x, one.y_miou_percent) for one in panel.measured] for name, panel in panels.items()
    }
    assert measured["params-true"] == [(3.9, 57.1), (3.9, 41.0), (3.0, 50.0)]
    assert measured["macs"] == [(17.0, 57.1), (17.0, 41.0), (4.0, 50.0)]
    assert measured["fps"] == [(2.5, 57.1), (2.5, 41.0)]  # mynet has no time
    # a staircase: from BiSeNet1 to CARNet-Mobile's cost, then up
    assert panels["params-true"].steps == ((1.8, 68.4), (3.9, 68.4), (3.9, 70.7))


def test_a_figure_is_as_wide_as_the_columns_it_is_for(table1: Reproduction) -> None:
    panels = panels_of(table1)
    for shown, width_cm in ((panels[1:2], 8.8), (panels[:2], 18.0)):
        files = draw(shown, table1, ORIGIN)
        content = files["png"]
        assert isinstance(content, bytes)
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.width == pytest.approx(width_cm / 2.54 * 400, abs=2)
        assert files == draw(shown, table1, ORIGIN)


def test_every_file_is_written_and_the_page_shows_each(
    table1: Reproduction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = {"caption.md": "caption", "png": b"p", "svg": b"s", "pdf": b"d"}
    monkeypatch.setattr("bench.report.cost_figure.render", lambda *_, **__: drawn)
    names = [path.relative_to(tmp_path).as_posix() for path in write_fig4(table1, tmp_path, ORIGIN)]
    assert names == list(fig4_files(table1, ORIGIN))
    page = (tmp_path / names[0]).read_text(encoding="utf-8")
    assert all(f"({Path(name).name})" in page for name in names if name.endswith(".svg"))
    assert "| CARNet-Mobile | **3.9** | **3.9** | **17** | **79.4** | 70.7 |" in page


def test_without_a_score_nothing_is_drawn_below_the_printed_points(table1: Reproduction) -> None:
    bare = replace(table1, points=(), beside=())
    one, with_measured = (draw(panels_of(table)[1:2], table, ORIGIN)["png"] for table in (bare, table1))
    heights = []
    for content in (one, with_measured):
        assert isinstance(content, bytes)
        with Image.open(io.BytesIO(content)) as picture:
            heights.append(picture.height)
    assert heights[0] < heights[1]
