"""Comparisons on the HTML page: what the files of ``compare`` hold, and what to run where there are none."""

from pathlib import Path

import pytest

from bench.errors import RefusedInput
from bench.report.html_compare import comparisons, figures_of

CSV = (
    "method,title,seeds,miou,miou_low,miou_high,group,params_m,median_ms,train_s,note,commit,machine\n"
    "enet,ENet,0 1 2,0.4567,0.44,0.47,best,0.364311,12.3456,90.0,,commit 0,a machine\n"
    "sq,SQ,,,,,,,,,not trained,commit 0,a machine\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "compare-camvid.csv").write_text(CSV)
    return tmp_path


def test_a_comparison_is_shown_in_percent_with_its_interval_and_sorted_by_the_numbers(home: Path) -> None:
    (home / "reports" / "._compare-camvid.csv").write_bytes(b"\0")  # of macOS
    (one,) = comparisons(home)
    assert one.name == "camvid"
    best, untrained = (dict(zip(one.heads, row, strict=True)) for row in one.rows)
    assert best["mIoU (%)"] == ("45.67 (44.00 to 47.00)", "45.67")
    assert best["Parameters (M)"] == ("0.3643", "0.364311")
    assert best["Training (min)"][0] == "1.5"
    assert untrained["mIoU (%)"] == ("", "")
    assert untrained["Note"][0] == "not trained"


def test_its_figures_are_found_by_name(home: Path) -> None:
    (home / "reports" / "compare-camvid-times.svg").write_text("<svg/>")
    assert list(figures_of(home)) == ["compare-camvid-times"]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", CSV.replace("0.4567", "high"), ""])
def test_what_is_no_comparison_is_refused_by_name(home: Path, text: str) -> None:
    path = home / "reports" / "compare-camvid.csv"
    path.write_text(text)
    with pytest.raises(RefusedInput, match=r"compare-camvid\.csv"):
        comparisons(home)
