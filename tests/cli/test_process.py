"""Signals end every command alike, and a stream that refuses is said and costs no work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
PROGRAM = """
import os, sys, time
import typer
import bench.cli
from bench.cli.output import log, print_json
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

@app.callback()
def _options() -> None: ...

@app.command("do")
def do(json: bool = typer.Option(False, "--json")) -> None:
{body}

bench.cli.app = app
sys.argv = ["carnet-bench", "do", *sys.argv[1:]]
bench.cli.main()
"""
WAIT = "log('ready'); time.sleep(60); print('end')"


def program(body: str) -> list[str]:
    """Return the words that start the command line with one command, ``do``, of this body."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return [sys.executable, "-c", PROGRAM.format(body=lines)]


def start(body: str, **options: object) -> subprocess.Popen[str]:
    """Start it and wait until it logs its first line."""
    process = subprocess.Popen(
        program(body),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )
    assert process.stderr.readline() == "ready\n"
    return process


def run(body: str, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run([*program(body), *words], cwd=ROOT, text=True, check=False, **given)


@pytest.mark.parametrize("number", STOPS)
@pytest.mark.parametrize("to_group", [False, True])
def test_a_signal_ends_a_command_with_a_line_and_its_code(number: int, to_group: bool) -> None:
    process = start(WAIT)
    (os.killpg if to_group else os.kill)(process.pid, number)
    out, err = process.communicate()
    assert process.returncode == 128 + number
    assert signal.Signals(number).name in err.splitlines()[0]
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_a_command_must_clean_up_is_cleaned_up(number: int, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    body = f"""
import tempfile
with tempfile.TemporaryDirectory(dir={str(tmp_path)!r}):
    {WAIT}"""
    process = start(body)
    process.send_signal(number)
    process.communicate()
    assert list(tmp_path.iterdir()) == []
    assert not folder.exists()


def test_a_second_signal_ends_a_command_that_does_not_end() -> None:
    process = start("try:\n    log('ready'); time.sleep(60)\nfinally:\n    log('slow'); time.sleep(60)")
    process.terminate()
    assert process.stderr.readline() == "slow\n"
    process.terminate()  # the same stop, sent to the group as well
    time.sleep(1.2)
    assert process.poll() is None
    process.terminate()
    process.communicate()
    assert process.returncode == -signal.SIGTERM


def test_a_stop_that_was_swallowed_is_still_reported_at_the_end() -> None:
    process = start("try:\n    log('ready'); time.sleep(60)\nexcept BaseException:\n    print('table')")
    process.terminate()
    out, err = process.communicate()
    assert (process.returncode, out) == (143, "table\n")
    assert "SIGTERM" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_is_ignored_from_the_start_stays_so(number: int) -> None:
    process = start(
        "log('ready'); time.sleep(0.5); print('end')",
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    process.send_signal(number)
    out, _ = process.communicate()
    assert (process.returncode, out) == (0, "end\n")


@pytest.mark.slow
def test_a_real_command_is_ended_by_its_group(tmp_path: Path) -> None:
    words = ["time", "enet", "--size", "64x96", "--budget", "60s", "--threads", "1", "--home", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.cli", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    process.stderr.readline()
    os.killpg(process.pid, signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 143
    assert "SIGTERM" in err
    assert "Traceback" not in err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


PRINTS = {"lines": "print('line ' * 20_000)", "json": "print_json({'a': 1})", "typer": "typer.echo('x')"}


@pytest.mark.parametrize("how", PRINTS)
def test_a_full_stdout_is_one_line_and_exit_3(how: str) -> None:
    words = ["--json"] if how == "json" else []
    with Path("/dev/full").open("w") as full:
        answer = run(f"{PRINTS[how]}\nlog('went on')", *words, stdout=full)
    first, error, then = answer.stderr.splitlines()
    assert answer.returncode == 3
    assert first == "went on"  # what is left of the work is done
    assert "stdout" in error
    assert then.startswith("next: ")


@pytest.mark.parametrize("how", PRINTS)
def test_a_reader_that_leaves_is_one_line_and_exit_3(how: str) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    answer = run(PRINTS[how], *(["--json"] if how == "json" else []), stdout=write_end)
    os.close(write_end)
    assert answer.returncode == 3
    assert "stdout" in answer.stderr
    assert len(answer.stderr.splitlines()) == 2


def test_a_closed_stdout_is_said_before_any_work(tmp_path: Path) -> None:
    body = f"open({str(tmp_path / 'made')!r}, 'w')"
    answer = run(body, stdout=None, preexec_fn=lambda: os.close(1))
    assert answer.returncode == 3
    assert "stdout is closed" in answer.stderr
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("stderr", ["closed", "full"])
def test_a_stderr_that_takes_nothing_changes_nothing_else(stderr: str) -> None:
    body = "log('a line')\nprint_json({'a': 1})"
    with Path("/dev/full").open("w") as full:
        closes = {"preexec_fn": lambda: os.close(2)} if stderr == "closed" else {}
        answer = run(body, "--json", stderr=None if stderr == "closed" else full, **closes)
    assert answer.returncode == 0
    assert json.loads(answer.stdout) == {"a": 1}


def test_an_exit_code_of_the_result_outlasts_a_full_stdout() -> None:
    body = "print('table')\nfrom bench.errors import RegressionFound\nraise RegressionFound('params 11')"
    with Path("/dev/full").open("w") as full:
        answer = run(body, stdout=full)
    assert answer.returncode == 5
    assert "params 11" in answer.stderr


def test_a_name_that_is_no_text_is_printed_with_escapes() -> None:
    answer = run(r"print(os.fsdecode(b'caf\xe9.png'))")
    assert (answer.returncode, answer.stdout) == (0, "caf\\udce9.png\n")


@pytest.mark.parametrize(
    ("error", "token"),
    [
        ("PermissionError(13, 'Permission denied', '/data/a.png')", "/data/a.png"),
        ("OSError(36, 'File name too long', 'x' * 5000)", "5000 characters"),
        ("OSError(28, 'No space left on device')", "No space left"),
        ("OSError(24, 'Too many open files')", "Too many open files"),
    ],
)
def test_what_the_system_refuses_is_one_line_and_no_bug(error: str, token: str) -> None:
    answer = run(f"raise {error}")
    assert answer.returncode == 3
    assert token in answer.stderr
    assert "Traceback" not in answer.stderr
    assert max(map(len, answer.stderr.splitlines())) < 300


@pytest.mark.parametrize("error", ["MemoryError()", "RuntimeError('DefaultCPUAllocator: cannot allocate')"])
def test_too_little_memory_is_nothing_measured(error: str) -> None:
    answer = run(f"raise {error}")
    assert answer.returncode == 4
    assert "memory" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_working_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    words = [sys.executable, "-m", "bench.cli", "models"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    shell = ["sh", "-c", 'cd "$1" && rmdir "$1" && shift && exec "$@"', "sh", str(folder), *words]
    answer = subprocess.run(shell, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 3
    assert "working folder" in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("next: cd")


def test_a_user_whom_the_system_does_not_know_has_a_home_that_is_not_there() -> None:
    body = """
import pathlib, pwd
print(pathlib.Path.home())"""
    unknown = "import pwd, sys\npwd.getpwuid = lambda _: {}['nobody']\n"
    words = program(body)
    words[2] = unknown + words[2]
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    answer = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, "/nonexistent\n")


def test_an_error_of_ours_without_a_file_stays_a_bug() -> None:
    answer = run("raise OSError('no number')")
    assert answer.returncode == 1
    assert "Traceback" in answer.stderr


def test_no_escape_codes_under_json_whatever_the_environment_forces() -> None:
    words = [sys.executable, "-m", "bench.cli", "cost", "enet", "--size", "64x96", "--json"]
    colour = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(words, cwd=ROOT, env=colour, capture_output=True, check=True)
    assert b"\x1b" not in answer.stdout
    assert json.loads(answer.stdout)
