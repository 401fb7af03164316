"""The training curves: every entry of a legend lies on the page, and no two lines of a panel look alike."""

from pathlib import Path
from typing import Any

import pytest

from bench.report import curves
from bench.report.origin import Origin

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recorded() -> Any:
    """The figure of the recorded runs on CamVid."""
    figures = []
    real = curves._fill

    def keep(figure, rows) -> None:
        real(figure, rows)
        figures.append(figure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curves, "_fill", keep)
        curves.draw(curves.training_records("camvid", ROOT), Origin("commit 0123456789ab", "a machine"))
    (figure,) = figures
    return figure


def test_no_entry_of_the_legends_of_the_recorded_runs_hangs_over_the_page(recorded: Any) -> None:
    boxes = [legend.get_window_extent() for row in recorded.subfigs for legend in row.legends]
    assert len(boxes) == len(recorded.subfigs)
    assert max(box.x1 for box in boxes) <= recorded.bbox.x1


def test_no_two_lines_of_a_panel_have_one_colour_or_one_marker(recorded: Any) -> None:
    panels = [axes.lines for row in recorded.subfigs for axes in row.axes]
    assert max(map(len, panels)) > 4
    for lines in panels:
        assert len({line.get_color() for line in lines}) == len(lines)
        assert len({line.get_marker() for line in lines}) == len(lines)


def test_the_scores_of_a_recipe_have_one_scale_in_all_its_rows_and_reach_every_line(recorded: Any) -> None:
    study = [row.axes[0] for row in recorded.subfigs if "camvid-study" in row.axes[0].get_title("left")]
    assert [axes.get_title("left") for axes in study[:2]] == ["camvid-study", "camvid-study, continued"]
    assert len({axes.get_ylim() for axes in study}) == 1
    low, high = study[0].get_ylim()
    shown = [value for axes in study for line in axes.lines for value in line.get_ydata()]
    assert low <= min(shown)
    assert max(shown) <= high


@pytest.mark.parametrize(("longest", "abreast"), [(8, 3), (40, 3), (41, 2), (60, 2), (61, 1), (200, 1)])
def test_the_longest_label_decides_how_many_columns_fit(longest: int, abreast: int) -> None:
    assert curves._abreast(["a", "b" * longest]) == abreast


@pytest.mark.parametrize(
    ("curve_count", "rows"), [(1, [1]), (7, [7]), (8, [4, 4]), (15, [5, 5, 5]), (20, [6, 7, 7])]
)
def test_curves_are_spread_over_rows_of_seven_at_most(curve_count: int, rows: list[int]) -> None:
    labels = [f"run {index}" for index in range(curve_count)]
    spread = curves._rows({"quick": {label: [] for label in labels}})
    assert [len(groups) for _, groups in spread] == rows
    assert [label for _, groups in spread for label in groups] == labels
    assert {recipe for recipe, _ in spread} == {"quick"}


def test_the_panels_lie_where_their_margins_say_so_that_a_rebuilt_figure_has_the_same_bytes(
    recorded: Any,
) -> None:
    # 18 cm are 7.0866 in; less 0.34 left, 0.05 right and 0.45 between, each panel is 3.1233 in wide
    for row in recorded.subfigs:
        for axes, left in zip(row.axes, (0.34, 3.9133), strict=True):
            box = axes.get_position()
            assert (box.x0 * 7.0866, box.width * 7.0866) == pytest.approx((left, 3.1233), abs=1e-3)
