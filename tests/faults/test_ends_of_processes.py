"""Whole commands that are killed, stopped or signalled: one line, its exit code, nothing half-written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
ENDS_S = 1800.0
"""Longest wait for what takes seconds; nothing is judged by how long it takes."""
DRAWN = (
    "data_options={count=6, size_hw=[32, 32]}",
    "crop=[32,32]",
    "batch=2",
    "encoder_lr=0.02",
    "smoke=true",
)
TRAIN = ("scenes-quick", "--model", "enet", "--device", "cpu", "--threads", "1", "--split", "none")
SETTINGS = (*DRAWN, "epochs=10", "validate_every=0", "checkpoint_every_s=0.1")


class Command:
    """A command in a session of its own, with its output in files, and the processes that it starts."""

    def __init__(self, home: Path, *words: str, program: tuple[str, ...] = ("-m", "bench")) -> None:
        home.mkdir(exist_ok=True)
        self.home, self.out, self.err = (
            home,
            home.parent / f"{home.name}.out",
            home.parent / f"{home.name}.err",
        )
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, *program, *words, "--home", str(home)],
                env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def started(self) -> list[psutil.Process]:
        """Return the processes that compute or read for the command, without the tracker of shared memory."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in found if is_alive(one) and "resource_tracker" not in " ".join(one.cmdline())]

    def until(self, happened: Callable[[], object]) -> None:
        """Wait until something happened while the command runs."""
        wait_until(lambda: happened() or self.process.poll() is not None)
        assert self.process.poll() is None, self.err.read_text()

    def end(self) -> tuple[int, str]:
        """Wait for the end; return exit code and stderr."""
        code = self.process.wait(ENDS_S)
        return code, self.err.read_text()


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that nobody has collected does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def wait_until(happened: Callable[[], object]) -> None:
    until_s = time.monotonic() + ENDS_S
    while not happened():
        assert time.monotonic() < until_s, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Start commands below one folder; what is left of them is ended."""
    started: list[Command] = []

    def start(name: str, *words: str, **options: tuple[str, ...]) -> Command:
        started.append(Command(tmp_path / name, *words, **options))
        return started[-1]

    yield start
    for one in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()


def checkpoints(home: Path) -> list[str]:
    return sorted(path.name for path in home.glob("runs/*/checkpoints/*.sha256"))


def half_written(home: Path) -> list[str]:
    return [str(path) for path in home.rglob("*") if path.name.startswith(".") or path.suffix == ".tmp"]


def digest(home: Path) -> str:
    (path,) = home.glob("runs/*/final.safetensors")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Digest of the weights of a run that nothing interrupted."""
    command = Command(tmp_path_factory.mktemp("whole") / "home", "train", *TRAIN, "--set", *SETTINGS)
    code, err = command.end()
    assert code == 0, err
    return digest(command.home)


def kill_workers(command: Command) -> None:
    """Kill data workers until one is missed: one that has sent its last batch of an epoch is not."""
    while command.process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            command.started()[0].kill()
        time.sleep(0.05)


ENDS: dict[str, tuple[Callable[[Command], object], int, str]] = {
    "SIGINT to the group": (lambda one: os.killpg(one.process.pid, signal.SIGINT), 130, "SIGINT"),
    "SIGTERM to the group": (lambda one: os.killpg(one.process.pid, signal.SIGTERM), 143, "SIGTERM"),
    "SIGHUP to the group": (lambda one: os.killpg(one.process.pid, signal.SIGHUP), 129, "SIGHUP"),
    "a worker killed": (kill_workers, 1, "worker"),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", ENDS)
def test_a_training_with_workers_that_is_ended_says_so_and_resumes_to_the_same_weights(
    command: Callable[..., Command], whole: str, how: str
) -> None:
    act, code, token = ENDS[how]
    words = ("train", *TRAIN, "--workers", "2", "--set", *SETTINGS)
    first = command("home", *words)
    first.until(lambda: checkpoints(first.home) and len(first.started()) >= 2)
    children = first.started()
    act(first)
    ended, err = first.end()
    assert (ended, "Traceback" in err) == (code, False), err
    assert len([line for line in err.splitlines() if line.startswith("error: ")]) == 1
    assert token in err
    assert half_written(first.home) == []
    wait_until(lambda: not any(is_alive(child) for child in children))
    ended, err = command("home", *words).end()
    assert ended == 0, err
    assert digest(first.home) == whole


@pytest.mark.slow
@pytest.mark.parametrize("how", [("--workers", "2"), ("--devices", "2", "--workers", "1")])
def test_no_process_outlives_a_training_that_is_killed(
    command: Callable[..., Command], how: tuple[str, ...]
) -> None:
    first = command("home", "train", *TRAIN, *how, "--set", *SETTINGS)
    first.until(lambda: checkpoints(first.home) and len(first.started()) >= 2)
    children = first.started()
    first.process.kill()
    first.process.wait()
    wait_until(lambda: not any(is_alive(child) for child in children))


LONG = {
    "time": ("time", "enet", "--size", "32x32", "--budget", "300s", "--samples", "100000", "--threads", "1"),
    "ablate": (
        *("ablate", "--recipe", "scenes-quick", "--lambda", "0", "0.2", "--seeds", "3", "--device", "cpu"),
        *("--threads", "1"),
    ),
    "reproduce": (
        *("reproduce", "table1", "--data", "scenes", "--budget", "900h", "--device", "cpu"),
        *("--threads", "1"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_sigterm_to_the_group_ends_a_long_command_with_one_line(
    command: Callable[..., Command], name: str
) -> None:
    one = command("home", *LONG[name])
    # it works once it has said something or written a file
    one.until(lambda: one.err.stat().st_size or any(path.is_file() for path in one.home.rglob("*")))
    os.killpg(one.process.pid, signal.SIGTERM)
    code, err = one.end()
    assert code == 128 + signal.SIGTERM, err
    assert "SIGTERM" in err
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.startswith("error: ")]) == 1
    assert half_written(one.home) == []
