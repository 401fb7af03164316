"""Shared options: declared once, and their choices are those that the code takes."""

import re
from pathlib import Path
from typing import get_args

import pytest

from bench.cli import options

FOLDER = Path(options.__file__).parent
SHARED = ("home", "json", "device", "threads", "data-root", "weights-file", "budget", "size", "overwrite")


def test_the_choices_in_help_are_those_that_the_code_takes():
    from bench.cli.reproduce_figures import FROM_DATA
    from bench.cli.reproduce_study import FROM_RECORDS
    from bench.cli.train import Journal
    from bench.fabric import DEVICES, PRECISIONS
    from bench.paper.cells import TABLES
    from bench.results.record_types import PRECISIONS as TIMED
    from bench.speed import export
    from bench.speed.engines.calibration import CALIBRATION_METHODS
    from bench.speed.engines.engine import ENGINES
    from bench.train.journals import EXTRAS

    assert get_args(options.DeviceName) == DEVICES
    assert get_args(options.TrainingPrecision) == tuple(PRECISIONS)
    assert get_args(options.ExportPrecision) == export.PRECISIONS
    assert get_args(options.TimingPrecision) == tuple(TIMED)
    assert list(options.EngineName) == list(ENGINES)
    assert get_args(options.Calibrator) == CALIBRATION_METHODS
    names = {*TABLES, *FROM_RECORDS, *FROM_DATA, "summary", "all"} - {"text"}
    assert set(get_args(options.TableName)) == names
    assert set(Journal) == set(EXTRAS)


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_option_is_declared_in_options_alone(name):
    declared = [
        path.name for path in FOLDER.rglob("*.py") if re.search(rf'Option\(\s*"--{name}"', path.read_text())
    ]
    assert declared == ["options.py"]


def test_no_summary_of_a_command_is_cut_and_choices_are_listed():
    from typer.testing import CliRunner

    from bench.cli import app

    help_text = CliRunner().invoke(app, ["--help"], terminal_width=80).output
    assert "..." not in help_text.split("Commands:")[1]
    assert "--install-completion" in help_text
    assert "auto|cpu|cuda|mps" in CliRunner().invoke(app, ["train", "--help"], terminal_width=80).output


def test_the_commands_that_take_a_url_as_home_are_those_that_the_refusal_names():
    from typer.main import get_command

    from bench.cli import app, parsing
    from bench.errors import UsageError

    with pytest.raises(UsageError) as refused:
        parsing.folder_home("s3://bucket/home")
    named = set(re.findall(r"\w+", str(refused.value).partition(" is for ")[2])) - {"and"}
    taking = {
        name
        for name, command in get_command(app).commands.items()
        for option in command.params
        if option.name == "home" and option.metavar == "FOLDER|URL"
    }
    assert taking == named
