"""Labels of a plot stand where they cover nothing, also where marks crowd."""

import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

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


def test_a_line_that_joins_a_label_to_its_mark_crosses_no_other_mark_and_no_other_such_line() -> None:
    figure = Figure(figsize=(3.15, 2.2), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.1, 0.1, 0.87, 0.87))
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    # of nine networks six crowd at the upper right, as in a comparison of good ones
    places = [(1, 7), (4.4, 7), (7, 9), (7.3, 8.5), (8, 8.8), (7.4, 6.6), (1.9, 3.2), (1.7, 1), (9, 2)]
    names = ["BS (MobileNet)", "DeepLabV3+ (MobileNetV2)", "FPN (MobileNetV2)", "FPN (EfficientNet-Lite0)"]
    names += ["SegFormer head (MobileNetV2)", "CARNet-Mobile", "BiSeNet1", "ENet", "SQ"]
    labels = [Label(at, name, "black") for at, name in zip(places, names, strict=True)]
    bars = [((x, y - 0.7), (x, y + 0.7)) for x, y in places]
    write_labels(axes, labels, [*bars, ((1, 7), (7, 9))])

    marks = axes.transData.transform(places)
    joins = {
        index: Path([marks[index], marks[index] + [offset * 100 / 72 for offset in text.xyann]])
        for text in axes.texts
        if isinstance(text, Annotation) and text.arrow_patch is not None
        for index in [names.index(text.get_text())]
    }
    assert len(joins) >= 2
    assert not any(one.intersects_path(other) for one, other in itertools.combinations(joins.values(), 2))
    for index, join in joins.items():
        for other, (x, y) in enumerate(marks):
            if other != index:
                assert not join.intersects_bbox(Bbox.from_extents(x - 3, y - 3, x + 3, y + 3), filled=False)
