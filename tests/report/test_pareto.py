"""The plot of parameters against accuracy."""

import re
from dataclasses import replace

import pytest

from bench.report.origin import Origin
from bench.report.pareto import Mark, draw, marks, without_both
from bench.reproduce.table_result import Reproduction

ORIGIN = Origin("commit 0123456789ab", "Some CPU, 2 cores, Linux")


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
