"""The command line as a whole: exit codes, help, what it imports, what it prints when it fails."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pytest
import typer

import bench
import bench.cli
from bench.cli.output import print_json
from bench.errors import Interrupted, NotMeasured, RefusedInput, RegressionFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


class Outcome:
    """What a command line left behind: its exit code and its two streams."""

    def __init__(self, code: object, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """Run ``carnet-bench WORDS`` in this process."""

    def call(*words: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["carnet-bench", *words])
        with pytest.raises(SystemExit) as stop:
            bench.cli.main()
        captured = capsys.readouterr()
        return Outcome(stop.value.code or 0, captured.out, captured.err)

    return call


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> object:
    """Replace the commands by one, ``fail --json``, that raises what it is given."""

    def install(error: BaseException | None) -> None:
        app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

        @app.callback()
        def _options() -> None: ...

        @app.command()
        def fail(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
            if error is not None:
                raise error
            if as_json:
                print_json({"done": True})

        monkeypatch.setattr(bench.cli, "app", app)

    return install


def every_command() -> Iterator[tuple[str, ...]]:
    """Yield the words of every command, groups first, as ``("data", "check")``."""

    def walk(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield words
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, (*words, name))

    return walk(typer.main.get_command(bench.cli.app), ())


def test_help_imports_neither_torch_nor_what_pulls_it_in() -> None:
    code = (
        "import sys; sys.argv = ['carnet-bench', '--help']\n"
        "from bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    code = stop.code\n"
        "heavy = {'torch', 'torchvision', 'timm', 'numpy', 'pandas', 'matplotlib', 'PIL'}\n"
        "print(code, sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stderr == "0 []\n"
    assert "Usage:" in answer.stdout


def test_every_command_shows_an_example_in_its_help(run) -> None:
    commands = list(every_command())
    assert {("reproduce",), ("cost",), ("train",)} <= set(commands)
    shown = {words: run(*words, "--help") for words in commands}
    assert [words for words, outcome in shown.items() if outcome.code != 0] == []
    wanted = {words: " ".join(("carnet-bench", *words)) for words in commands}
    leaves = [
        words for words in commands if not any(o[: len(words)] == words and o != words for o in commands)
    ]
    assert [words for words in leaves if f"  {wanted[words]}" not in shown[words].out] == []
    assert "carnet-bench reproduce table1" in shown[()].out


@pytest.mark.parametrize(
    "words", [("retrain",), ("cost", "--no-such-option"), ("--no-such-option",), ("data", "retrain")]
)
def test_a_command_line_that_does_not_exist_exits_2_with_the_usage(run, words: tuple[str, ...]) -> None:
    outcome = run(*words)
    assert outcome.code == 2
    assert "Usage:" in outcome.err
    assert outcome.out == ""


def test_version_is_the_packages(run) -> None:
    assert run("--version").out == f"carnet-bench {bench.__version__}\n"


@pytest.mark.parametrize("module", ["bench", "bench.cli"])
def test_python_dash_m_runs_the_same_command_line(module: str) -> None:
    command = [sys.executable, "-m", module, "--version"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout == f"carnet-bench {bench.__version__}\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no model 'x'; have y", then="carnet-bench models"), 2),
        (RefusedInput("a.png: label 31, classes are 0..10 and 255", then="fix it"), 3),
        (NotMeasured("spread 0.3, expected 0.1", then="stop other programs"), 4),
        (RegressionFound("params 11, were 10", then="look at it"), 5),
        (Interrupted("stopped after step 7", signal.SIGINT, then="run it again"), 130),
        (Interrupted("stopped after step 7", signal.SIGTERM, then="run it again"), 143),
    ],
)
def test_an_error_names_what_is_wrong_and_what_is_next_and_leaves_stdout_empty(
    run, failing, error, code: int
) -> None:
    failing(error)
    outcome = run("fail", "--json")
    assert outcome.code == code
    assert outcome.err == f"error: {error}\nnext: {error.then}\n"
    assert outcome.out == ""


def test_an_error_without_a_next_step_is_one_line(run, failing) -> None:
    failing(UsageError("no table 'table9'; have table1"))
    assert run("fail").err == "error: no table 'table9'; have table1\n"


def test_success_with_json_is_one_document_and_nothing_else(run, failing) -> None:
    failing(None)
    outcome = run("fail", "--json")
    assert (outcome.code, json.loads(outcome.out), outcome.err) == (0, {"done": True}, "")


def test_an_interrupt_exits_130_without_a_traceback(run, failing) -> None:
    failing(KeyboardInterrupt())
    outcome = run("fail", "--json")
    assert outcome.code == 130
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


def test_an_unforeseen_error_exits_1_with_the_traceback_and_says_whose_bug_it_is(run, failing) -> None:
    failing(ZeroDivisionError("division by zero"))
    outcome = run("fail", "--json")
    assert outcome.code == 1
    assert "ZeroDivisionError: division by zero" in outcome.err
    assert "bug in carnet-bench" in outcome.err
    assert outcome.out == ""


def test_json_refuses_nan_and_writes_no_half_document(capsys) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"classes": 11, "miou": float("nan")})
    assert capsys.readouterr().out == ""


def test_a_process_that_ends_looks_through_no_object_once_more() -> None:
    code = (
        "import atexit, gc, sys; atexit.register(lambda: print(gc.get_freeze_count() > 0, file=sys.stderr))"
    )
    run = "import sys; sys.argv = ['carnet-bench', '--version']; from bench.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {run}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "True")
