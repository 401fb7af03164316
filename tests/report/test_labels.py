"""Labels of a plot stand where they cover nothing, also where marks crowd."""

import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench.report.labels import Label, write_labels


@pytest.mark.parametrize("count", [2, 4])
def test_labels_of_a_crowd_overlap_neither_each_other_nor_a_mark(count: int) -> None:
    figure = Figure(figsize=(3.4, 3.0), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    places = [(5 + 0.5 * index, 5 + 0.6 * index) for index in range(count)]
    write_labels(axes, [Label(at, f"method {index}", "black") for index, at in enumerate(places)], [])
    figure.canvas.draw()  # puts the texts in place
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    words = [Text.get_window_extent(text, renderer).padded(-1) for text in axes.texts]  # without their lines
    assert len(words) == count
    marks = axes.transData.transform(places)
    assert not any(box.contains(*mark) for box in words for mark in marks)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(words, 2))
