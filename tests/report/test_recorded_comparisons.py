"""What `reproduce all` makes of the comparisons on record."""

from __future__ import annotations

from pathlib import Path

from compared_methods import SIZE, make_entry, make_given

from bench.audit import audit
from bench.report.compare_write import write_comparison
from bench.report.origin import Origin
from bench.report.recorded_comparisons import recorded_comparisons, write_recorded_comparisons
from bench.reproduce.comparison import judge_comparison

MADE_BY = Origin("commit 0123456789ab", "Some CPU, 2 cores, Linux")


def test_the_methods_of_one_protocol_are_compared_with_all_their_seeds(tmp_path: Path) -> None:
    for name, wrong in (("sq", (300, 310, 304)), ("enet", (100, 110, 106))):
        make_entry(tmp_path, name, wrong)
    (found,) = recorded_comparisons(tmp_path)
    assert [(one.name, one.seeds) for one in found.standings] == [("enet", (0, 1, 2)), ("sq", (0, 1, 2))]
    assert [len(one.entry.training) for one in found.standings] == [3, 3]


def test_what_is_written_depends_on_the_records_alone(tmp_path: Path) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    for home, names in zip(homes, (("sq", "enet"), ("enet", "sq")), strict=True):
        for name in names:
            make_entry(home, name, (100 if name == "enet" else 300,) * 3)
    first, second = (write_recorded_comparisons(home, MADE_BY) for home in homes)
    assert [path.relative_to(homes[0]) for path in first] == [path.relative_to(homes[1]) for path in second]
    assert "reports/compare-" in first[0].as_posix()
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_method_alone_is_no_comparison_and_one_of_another_protocol_does_not_count(tmp_path: Path) -> None:
    make_entry(tmp_path, "sq", (300, 310))
    assert list(recorded_comparisons(tmp_path)) == []
    make_entry(tmp_path, "enet", (100, 110), recipe_name="other")
    assert list(recorded_comparisons(tmp_path)) == []


def test_a_file_and_predictions_from_outside_stay_in_a_comparison_that_is_rebuilt(tmp_path: Path) -> None:
    entries = [make_entry(tmp_path, name, (wrong,) * 3, 9.0) for name, wrong in (("sq", 300), ("enet", 100))]
    given = [
        make_given(tmp_path, entries[0], "net.onnx", file="onnx", median_ms=5.0),
        make_given(tmp_path, entries[0], "deeplab-tf"),
    ]
    (found,) = recorded_comparisons(tmp_path)
    written = write_comparison(
        judge_comparison(found.name, [*entries, *given], tmp_path, SIZE), tmp_path, MADE_BY
    )
    names = ["enet", "net.onnx", "sq", "deeplab-tf"]
    (rebuilt,) = recorded_comparisons(tmp_path)
    assert sorted(one.name for one in rebuilt.standings) == sorted(names)
    write_recorded_comparisons(tmp_path, MADE_BY)
    assert audit(tmp_path).damage == ()
    # a trained line that names a record which is not here leaves the given ones
    training = entries[0].training[0].id
    written[1].write_text(written[1].read_text().replace(training, "0" * len(training)))
    (rebuilt,) = recorded_comparisons(tmp_path)
    assert sorted(one.name for one in rebuilt.standings) == sorted(names)
    # a table that cannot be read is rebuilt from the records of the trained methods
    written[1].write_text("no table\n")
    (rebuilt,) = recorded_comparisons(tmp_path)
    assert [one.name for one in rebuilt.standings] == ["enet", "sq"]
