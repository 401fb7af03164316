"""Labels of a plot stand where they cover nothing, also where marks crowd."""

import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

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


def test_labels_of_one_width_are_written_in_the_order_given_whatever_the_last_bit_of_their_width() -> None:
    # a width is a difference of places, whose last bits processors do not agree on
    figure = Figure(figsize=(3.4, 3.0), dpi=400)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.1234, 0.1357, 0.7913, 0.8111))
    axes.set_xscale("log")
    axes.set_xlim(0.1, 1000)
    axes.set_ylim(0, 10)
    places = [(0.3 * 1.7**index, 1 + 0.7 * index) for index in range(12)]
    write_labels(axes, [Label(at, "CARNet", "black") for at in places], [])
    assert [text.xy for text in axes.texts if isinstance(text, Annotation)] == places
