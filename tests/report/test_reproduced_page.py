"""``reports/reproduced.md`` and the results on the pages: each number is that of the tables and records."""

import csv
import re
from pathlib import Path

import pytest

from bench.errors import NotMeasured
from bench.report.reproduced import reproduced_page
from bench.results.store import read_records

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page() -> str:
    return reproduced_page(ROOT)


def test_the_committed_page_is_what_the_tables_and_records_give(page: str) -> None:
    assert (ROOT / "reports" / "reproduced.md").read_text(encoding="utf-8") == page


def test_every_ratio_that_a_table_calls_measured_is_on_the_page(page: str) -> None:
    tables = [(ROOT / "reports" / f"{name}.md").read_text(encoding="utf-8") for name in TABLES_OF_RATIOS]
    ratios = [ratio for text in tables for ratio in re.findall(r"lwrf-.* measured ([.0-9]+) on", text)]
    assert len(ratios) == 7  # the H200's eager one included
    assert all(f"| {ratio} |" in page for ratio in ratios)
    assert f"{min(map(float, ratios)):.2f} to {max(map(float, ratios)):.2f} times" in page


TABLES_OF_RATIOS = ("table2", "table2-cudagraphs")


def test_the_degrees_of_freedom_and_the_command_are_those_of_the_runs_shown(page: str) -> None:
    with (ROOT / "results" / "tables" / "table5.csv").open(encoding="utf-8", newline="") as stream:
        rows = {(one["row"], one["column"]): one for one in csv.DictReader(stream)}
    row = rows["bs-carmodule-mobile", "miou"]
    first = row["record"].split()[0]
    (shown,) = [one for one in read_records(ROOT, "accuracy") if one.id == first]
    recipe = shown.identity.run.recipe
    words = " ".join(page.split())
    assert len(row["seeds"].split()) == 3
    assert "has 2 degrees of freedom" in words
    command = f"--recipe {recipe.name} --threads 1`"
    assert f"{command}; measured on camvid test, 233 images, 11 classes, {recipe.epochs} epochs" in words


def test_a_table_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match=r"table1\.csv"):
        reproduced_page(tmp_path)


def test_the_results_on_the_page_on_training_are_those_of_the_records() -> None:
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `carnet-bench train (camvid-\w+) --threads 1` \|(.*)\|$", page, re.MULTILINE)
    assert [name for name, _ in rows] == ["camvid-quick", "camvid-scratch"]
    for name, row in rows:
        _, epochs, val, test, minutes = [cell.strip(" *") for cell in row.split("|")]
        (trained,) = [one for one in read_records(ROOT, "training") if one.identity.recipe.name == name]
        (scored,) = [one for one in read_records(ROOT, "accuracy") if one.identity.run.recipe.name == name]
        curve = trained.values.curve
        assert int(epochs) == trained.values.epochs == curve[-1].epoch
        assert val == f"{curve[-1].val_miou:.3f}"
        assert test == f"{scored.values.miou:.3f}"
        assert minutes == f"{trained.values.train_s / 60:.0f} min"
