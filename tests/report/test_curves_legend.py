"""The legend of the training curves lies on the page."""

from pathlib import Path

import pytest

from bench.report import curves
from bench.report.origin import Origin

ROOT = Path(__file__).parents[2]


def test_no_entry_of_the_legends_of_the_recorded_runs_hangs_over_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figures = []
    real = curves._fill

    def keep(figure, recipes) -> None:
        real(figure, recipes)
        figures.append(figure)

    monkeypatch.setattr(curves, "_fill", keep)
    curves.draw(curves.training_records("camvid", ROOT), Origin("commit 0123456789ab", "a machine"))
    (figure,) = figures
    boxes = [legend.get_window_extent() for row in figure.subfigs for legend in row.legends]
    assert len(boxes) == len(figure.subfigs)
    assert max(box.x1 for box in boxes) <= figure.bbox.x1


@pytest.mark.parametrize(("longest", "abreast"), [(8, 3), (40, 3), (41, 2), (60, 2), (61, 1), (200, 1)])
def test_the_longest_label_decides_how_many_columns_fit(longest: int, abreast: int) -> None:
    assert curves._abreast(["a", "b" * longest]) == abreast
