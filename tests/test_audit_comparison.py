"""A published comparison is rebuilt from the records that its table names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from compared_methods import SIZE, make_entry, make_given

from baselines.registry import METHODS
from bench.audit import audit
from bench.report.compare_write import write_comparison
from bench.report.origin import Origin
from bench.reproduce.comparison import counted, judge_comparison

MADE_BY = Origin("commit 0123456789ab", "Some CPU, 2 cores, Linux")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A home with the comparison of two methods, as they were typed, an exported file and predictions."""
    entries = [
        make_entry(tmp_path, name, wrong, ms, counted=counted(METHODS[name], 2, SIZE))
        for name, wrong, ms in (("sq", (300, 310, 304), 9.0), ("enet", (100, 110, 106), 20.0))
    ]
    other = make_entry(tmp_path, "bisenet1", (400,))
    given = [
        make_given(tmp_path, other, "net.onnx", file="onnx", median_ms=5.0),
        make_given(tmp_path, other, "deeplab-tf"),
    ]
    write_comparison(judge_comparison("test", [*entries, *given], tmp_path, SIZE), tmp_path, MADE_BY)
    return tmp_path


def faults(home: Path) -> dict[str, str]:
    return {one.file: one.found for one in audit(home).damage}


def edited(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))


def test_what_was_written_is_rebuilt_byte_for_byte(published: Path) -> None:
    assert faults(published) == {}


@pytest.mark.parametrize("form", ["md", "csv", "tex"])
def test_a_changed_number_is_found_in_page_table_and_latex(published: Path, form: str) -> None:
    edited(
        published / f"reports/compare-test.{form}",
        lambda text: text.replace("80.9", "90.9").replace("0.80", "0.90"),
    )
    assert list(faults(published)) == [f"reports/compare-test.{form}"]


def test_a_figure_of_other_bytes_is_found(published: Path) -> None:
    edited(published / "reports/compare-test-macs.svg", lambda text: text.replace("ENet", "Enet"))
    assert list(faults(published)) == ["reports/compare-test-macs.svg"]


def test_a_table_that_names_no_record_of_its_method_is_refused(published: Path) -> None:
    table = published / "reports/compare-test.csv"
    first = table.read_text().splitlines()[1].split(",")
    record = next(field for field in first if len(field.split()) == 3 and len(field) > 100).split()[0]
    whole = {path.relative_to(published).as_posix() for path in (published / "reports").glob("compare-test*")}
    edited(table, lambda text: text.replace(record, "0" * 64))
    found = faults(published)
    assert "refers to the missing record" in found.pop("reports/compare-test.csv")
    # what cannot be rebuilt is not passed over in silence
    assert set(found) == whole - {"reports/compare-test.csv"}
    assert set(found.values()) == {"not compared: compare-test.csv cannot be rebuilt"}
    table.write_text("method\nenet\n")
    assert "no table of a comparison" in faults(published)["reports/compare-test.csv"]


def test_a_method_that_is_not_installed_has_its_numbers_compared(published: Path) -> None:
    home, table = published, published / "reports/compare-test.csv"
    for record in sorted(home.glob("results/records/*/*.*")):
        record.unlink()
    own = replace(METHODS["enet"], name="mynet", title="mynet", group="own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "mynet", own)
        entry = make_entry(home, "mynet", (100, 110, 106), 20.0)
    write_comparison(judge_comparison("test", [entry], home, SIZE), home, MADE_BY)
    found = audit(home)
    assert found.damage == ()
    assert any("mynet not installed here" in note for note in found.notes)
    edited(
        table,
        lambda text: text.replace(
            "mynet,mynet,own,from scratch,0 1 2,0.8", "mynet,mynet,own,from scratch,0 1 2,0.9"
        ),
    )
    assert "its records give" in faults(home)["reports/compare-test.csv"]
