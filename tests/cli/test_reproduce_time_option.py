"""``carnet-bench reproduce TABLE --time``: what it asks for, shows and says."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import bench.cli.reproduce as command
from bench.errors import UsageError
from bench.experiments import table_times as timed
from bench.reproduce import table as tables
from bench.results.repository import CodeState
from bench.speed.variant import Variant


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Nothing is built and nothing timed: what the command asks for is written down."""
    seen: dict[str, Any] = {}
    real = tables.reproduce

    def judge(name: str, home: Path, **options: Any) -> Any:
        seen["prefer"], seen["form"] = options["prefer"], options["form"]
        return real(name, home, {}, **options)

    def time_table(table: str, budget_s: float, settings: Any, show: Any, log: Any, **more: Any) -> Any:
        seen.update(table=table, budget_s=budget_s, threads=settings.threads, variant=more["variant"])
        show("enet: samples", 0.5)
        return timed.Timed(["ab12"], ["crf-rnn"])

    monkeypatch.setattr(tables, "reproduce", judge)
    monkeypatch.setattr(timed, "time_table", time_table)
    monkeypatch.setattr(timed, "code_state", lambda _root: CodeState("c0ffee", True))
    return seen


def run(home: Path, *arguments: str) -> Any:
    app = typer.Typer(rich_markup_mode=None)
    app.callback()(lambda: None)
    app.command("reproduce")(command.reproduce)
    return CliRunner().invoke(app, ["reproduce", *arguments, "--home", str(home)])


def test_it_takes_15_minutes_by_itself_and_shows_what_it_timed(asked: dict[str, Any], tmp_path: Path) -> None:
    done = run(tmp_path, "table1", "--time", "--threads", "2", "--json")
    assert done.exit_code == 0
    # 900 s less 20 s for the table
    assert (asked["table"], asked["budget_s"], asked["threads"]) == ("table1", 880.0, 2)
    assert (asked["variant"], asked["form"]) == (Variant(), "")
    assert list(asked["prefer"]) == ["ab12"]
    document = json.loads(done.stdout)
    assert document["ranks"]["verdict"] == "not measured"
    assert document["claims"] == []
    assert len(document["plausibility"]) == 15
    assert "uncommitted changes" in done.stderr
    assert "not timed: crf-rnn; rerun" in done.stderr


def test_another_engine_is_timed_and_shown(asked: dict[str, Any], tmp_path: Path) -> None:
    done = run(tmp_path, "table2", "--time", "--budget", "5m", "--engine", "compile", "--deploy")
    assert done.exit_code == 0
    assert asked["budget_s"] == 280.0
    assert (asked["variant"], asked["form"]) == (Variant("compile", "fp32", True), "compile deployed")


def test_without_time_an_engine_only_says_which_records_are_shown(
    asked: dict[str, Any], tmp_path: Path
) -> None:
    assert run(tmp_path, "table1", "--precision", "bf16").exit_code == 0
    assert (asked["form"], "budget_s" in asked) == ("bf16", False)


def test_times_of_an_engine_that_this_machine_has_not_can_be_shown(
    asked: dict[str, Any], tmp_path: Path
) -> None:
    assert run(tmp_path, "table2", "--engine", "cudagraphs").exit_code == 0
    assert asked["form"] == "cudagraphs"
    assert (tmp_path / "reports" / "table2-cudagraphs.md").is_file()
    assert run(tmp_path, "table2", "--engine", "channels_last", "--device", "cuda").exit_code == 0
    assert asked["form"] == "eager channels_last"


def test_what_is_worth_timing_here_is_not_said_of_another_machine(
    asked: dict[str, Any], tmp_path: Path
) -> None:
    assert "reproduce table2 --time" in run(tmp_path, "table2").stdout
    assert "reproduce table2 --time" not in run(tmp_path, "table2", "--machine", "H200").stdout


def test_a_table_without_times_says_so(asked: dict[str, Any], tmp_path: Path) -> None:
    done = run(tmp_path, "table3", "--time", "--json")
    assert done.exit_code == 0
    assert "table3 prints no times: nothing is timed" in done.stderr
    assert json.loads(done.stdout)["ranks"] is None
    assert "budget_s" not in asked


def test_the_page_has_order_ratios_and_the_card(asked: dict[str, Any], tmp_path: Path) -> None:
    assert run(tmp_path, "table2").exit_code == 0
    page = (tmp_path / "reports" / "table2.md").read_text()
    assert "Order of the times: not measured" in page
    assert page.count("* Time of lwrf-") == 3
    assert "## Are the printed times possible" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--time", "--data", "scenes"), "--time and --data scenes: give one of them"),
        (("--engine", "cudagraphs", "--device", "cpu"), "cudagraphs: runs on cuda, not on cpu"),
        (("--time", "--budget", "10"), "duration '10'"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(
    asked: dict[str, Any], tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(tmp_path, "table1", *arguments)
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)
    assert list(tmp_path.iterdir()) == []
