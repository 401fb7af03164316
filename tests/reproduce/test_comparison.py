"""A comparison judged from its records: verdicts, partial grids, and what is written."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from compared_methods import SIZE, make_entry, make_given

from baselines.registry import METHODS
from bench.errors import NotMeasured
from bench.report.compare_write import comparison_files
from bench.report.origin import Origin
from bench.reproduce.comparison import counted, judge_comparison
from bench.reproduce.comparison_result import Comparison, Entry

MADE_BY = Origin("commit 0123456789ab", "Some CPU, 2 cores, Linux")


@pytest.fixture
def entry(tmp_path: Path) -> Callable[..., Entry]:
    """The function that records a method."""
    return functools.partial(make_entry, tmp_path)


def judged(entries: Sequence[Entry], home: Path) -> Comparison:
    return judge_comparison("test", entries, home, SIZE)


@pytest.fixture
def four(entry: Callable[..., Entry], tmp_path: Path) -> Comparison:
    """The two best alike and the second of them faster; a fast bad one, and a slow bad one."""
    entries = [
        entry("sq", (300, 310, 305), 9.0),
        entry("enet", (100, 110, 106), 20.0),
        entry("bs-mobile", (102, 110, 108), 15.0, weights="mobilenet_v2_imagenet_timm"),
        entry("bisenet1", (312, 302, 308), 30.0),
    ]
    return judged(entries, tmp_path)


def test_the_best_and_what_cannot_be_told_from_it_are_a_group_and_the_front_has_no_dominated_method(
    four: Comparison,
) -> None:
    assert [one.name for one in four.standings] == ["enet", "bs-mobile", "sq", "bisenet1"]
    assert [one.in_group for one in four.standings] == [True, True, False, False]
    # ENet is no better than BS and slower; SQ is the fastest
    assert [one.on_front for one in four.standings] == [False, True, True, False]
    assert four.standings[0].rivals == ("bs-mobile",)
    assert len(four.accuracy_pairs) == len(four.time_pairs) == 6
    assert any("do not start from the same weights" in note for note in four.notes)


def test_the_frame_has_a_row_per_method_and_every_number_with_its_unit(four: Comparison) -> None:
    frame = four.frame().set_index("method")
    assert list(frame.index) == ["enet", "bs-mobile", "sq", "bisenet1"]
    # 100, 110, 106 of 1000 pixels wrong, in both classes alike: IoU (1000 - w) / (1000 + w)
    expected = np.mean([(1000 - wrong) / (1000 + wrong) for wrong in (100, 110, 106)])
    assert frame.loc["enet", "miou"] == pytest.approx(expected)
    assert frame.loc["enet", "iou_road"] == pytest.approx(expected)
    assert frame.loc["enet", "miou_low"] < expected < frame.loc["enet", "miou_high"]
    assert frame.loc["enet", ["starting_weights", "seeds", "group", "front"]].tolist() == [
        *("from scratch", "0 1 2", "best", "no"),
    ]
    assert frame.loc["bs-mobile", "starting_weights"] == "mobilenet_v2_imagenet_timm"
    assert frame.loc["sq", ["median_ms", "fps", "train_s"]].tolist() == pytest.approx([9.0, 1000 / 9, 120.0])
    assert math.isnan(frame.loc["enet", "behind_best"])
    assert frame.loc["sq", "behind_best"] < -0.2
    assert frame.loc["sq", "p_corrected"] < 0.01
    assert len(frame.loc["enet", "accuracy_records"].split()) == 3


def test_one_seed_of_three_gives_numbers_and_no_verdicts_and_says_so(
    entry: Callable[..., Entry], tmp_path: Path
) -> None:
    found = judged([entry("enet", (100,), 20.0), entry("sq", (300,), 9.0), entry("bisenet1", ())], tmp_path)
    assert [one.miou is None for one in found.standings] == [False, False, True]
    assert {one.in_group for one in found.standings} == {one.on_front for one in found.standings} == {None}
    assert [note for note in found.notes if note.startswith("no verdicts")]
    assert found.standings[0].interval is not None  # of the images alone
    assert found.accuracy_pairs[0].leader is None
    assert "no finished run" in found.standings[2].notes


def test_a_method_with_a_failed_seed_is_left_out_of_the_verdicts_by_name(
    entry: Callable[..., Entry], tmp_path: Path
) -> None:
    entries = [
        entry("enet", (100, 110, 106), 20.0),
        entry("sq", (300, 310, 305)),
        entry("bisenet1", (10, 12), failed=[2]),
    ]
    found = judged(entries, tmp_path)
    best = found.standings[0]
    assert (best.name, best.in_group) == ("bisenet1", None)
    assert any("diverged: loss is nan" in note for note in best.notes)
    assert [one.in_group for one in found.standings[1:]] == [True, False]
    assert any("verdicts leave out bisenet1" in note for note in found.notes)
    assert any("front leaves out sq" in note for note in found.notes)


def test_without_any_score_there_is_nothing_to_compare(entry: Callable[..., Entry], tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="no method has a score"):
        judged([entry("enet", ())], tmp_path)


def test_smoke_runs_are_called_so(entry: Callable[..., Entry], tmp_path: Path) -> None:
    found = judged([entry("enet", (100, 110, 106), smoke=True)], tmp_path)
    assert found.smoke
    assert "smoke run" in found.standings[0].notes


def test_counts_are_of_what_runs_at_inference_at_the_size_that_the_method_takes() -> None:
    found = counted(METHODS["bisenet1"], 11, (90, 120))
    fitting = counted(METHODS["bisenet1"], 11, METHODS["bisenet1"].sizes.fitting((90, 120)))
    assert found == fitting
    assert found.params_m is not None
    assert found.gmacs is not None


def test_page_table_latex_and_figures_hold_the_comparison_and_equal_input_gives_equal_bytes(
    four: Comparison,
) -> None:
    files = comparison_files(four, MADE_BY)
    assert {Path(name).name for name in files} == {
        *(f"compare-test.{form}" for form in ("md", "csv", "tex")),
        *(
            f"compare-test-{axis}.{form}"
            for axis in ("latency", "macs", "params")
            for form in ("png", "svg", "pdf", "caption.md")
        ),
    }
    page, table, latex = (str(files[f"reports/compare-test.{form}"]) for form in ("md", "csv", "tex"))
    for text in (page, latex):
        assert "ENet" in text
        assert MADE_BY.line.replace("made by ", "") in text
    assert "compare-test-latency.svg" in page
    assert "| =F |" in page
    assert table.splitlines()[0].startswith("method,title,kind,starting_weights,")
    assert '"iou_sky, clouds"' in table
    assert "^{=F}" in latex
    assert "ENet" in files["reports/compare-test-latency.svg"].decode()  # type: ignore[union-attr]
    assert comparison_files(four, MADE_BY) == files


def test_a_figure_without_a_point_is_not_drawn_and_the_page_says_why(
    entry: Callable[..., Entry], tmp_path: Path
) -> None:
    files = comparison_files(judged([entry("enet", (100, 110, 106))], tmp_path), MADE_BY)
    assert not [name for name in files if "latency" in name]
    assert "no valid time" in str(files["reports/compare-test.md"])


def test_predictions_from_outside_have_a_score_and_no_verdict(
    entry: Callable[..., Entry], tmp_path: Path
) -> None:
    entries = [entry("enet", (100, 110, 106), 20.0), entry("sq", (300, 310, 304), 9.0)]
    outside = make_given(tmp_path, entry("bisenet1", (50,)), "deeplab-tf")
    found = judged([*entries, outside], tmp_path)
    assert [one.name for one in found.standings] == ["deeplab-tf", "enet", "sq"]
    first = found.standings[0]
    assert (first.weights, first.in_group, first.on_front, first.seeds) == (None, None, None, ())
    assert first.notes[0].startswith("predictions from outside")
    assert [one.in_group for one in found.standings[1:]] == [True, False]
    lines = list(found.lines())
    assert [line["kind"] for line in lines] == ["outside", "paper", "paper"]
    assert not any("verdicts leave out" in note for note in found.notes)


def test_an_exported_file_has_a_score_and_a_time_and_no_verdict(
    entry: Callable[..., Entry], tmp_path: Path
) -> None:
    entries = [entry("enet", (100, 110, 106), 20.0), entry("sq", (300, 310, 304), 9.0)]
    file = make_given(tmp_path, entry("bisenet1", (50,)), "net.onnx", file="onnx", median_ms=5.0)
    found = judged([*entries, file], tmp_path)
    first = found.standings[0]
    assert (first.name, first.in_group, first.on_front, first.seeds) == ("net.onnx", None, None, ())
    assert first.interval is not None
    assert first.interval.low < first.interval.mean < first.interval.high
    assert (first.notes[0], first.notes[1]) == (
        "an exported file: scored as it stands, so without seeds and without a verdict; its operations are "
        "not counted",
        "its time is that of onnxruntime",
    )
    # faster and better than both, it takes nobody's place
    assert [one.on_front for one in found.standings[1:]] == [True, True]
    line = next(found.lines())
    assert (line["kind"], line["median_ms"], line["params_m"], line["gmacs"]) == ("file", 5.0, None, None)
    files = comparison_files(found, MADE_BY)
    page = str(files["reports/compare-test.md"])
    assert "an exported file: scored as it stands" in page
    assert "exported file, not judged" in str(files["reports/compare-test-latency.svg"])
    assert "exported file" not in str(files["reports/compare-test-macs.svg"]).replace("not shown", "")
