"""``carnet-bench records``: a row per record; nothing that fits is exit code 4."""

import json

import pandas as pd
import pytest
import typer
from made_records import make_record
from typer.testing import CliRunner

from bench.cli import records as command
from bench.errors import NotMeasured
from bench.results.store import add_record

EIGHTY = {"force_terminal": True, "width": 80, "color_system": None}


@pytest.fixture
def home(tmp_path):
    for record in (
        make_record("accuracy", {}, {"miou": 0.5}, {}),
        make_record("training", {}, {"selection": {"rule": "last", "epoch": 12, "val_miou": 0.25}}, {}),
        make_record("speed", {}, {"median_ms": 12.5}, {}, reasons=["drift +40 %"]),
    ):
        add_record(record, tmp_path)
    return tmp_path


def run(home, *arguments):
    app = typer.Typer(rich_markup_mode=None)
    app.callback()(lambda: None)
    app.add_typer(command.group)
    return CliRunner().invoke(app, ["records", "--home", str(home), *arguments])


def test_into_a_pipe_every_row_is_whole(home):
    lines = run(home).output.splitlines()
    assert len(lines) == 4
    assert all(len(line.split()[0]) == 64 for line in lines[1:])
    assert [value in line for value, line in zip(("50", "25", "12.5"), lines[1:], strict=True)] == [True] * 3


def test_a_terminal_of_80_columns_loses_no_column(home, monkeypatch):
    from rich.console import Console

    monkeypatch.setattr("rich.console.Console", lambda: Console(**EIGHTY))
    output = run(home).output
    assert max(map(len, output.splitlines())) <= 80
    assert "12.5 ms" in output
    assert "not valid: drift" in output
    assert output.rstrip().endswith("3 records")


def test_json_and_csv_hold_the_same_rows(home, tmp_path):
    file = tmp_path / "out.csv"
    result = run(home, "--kind", "accuracy", "--json", "--csv", str(file))
    (row,) = json.loads(result.stdout)["records"]
    assert (row["value"], row["unit"], row["tabulated"]) == (50.0, "% mIoU", False)
    (read,) = pd.read_csv(file).to_dict("records")
    assert read["id"] == row["id"]
    assert read["value"] == 50.0


def test_nothing_that_fits_is_nothing_measured(home):
    error = run(home, "--data", "cityscapes").exception
    assert isinstance(error, NotMeasured)
    assert error.exit_code == 4
    assert "--data cityscapes" in str(error)
    assert run(home, "--kind", "cost").exit_code == 2
