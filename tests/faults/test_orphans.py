"""A process that another one started ends with it, however that one ends."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import fabric

ROOT = Path(__file__).parents[2]
WORKER = ROOT / "bench" / "gate" / "worker.py"
LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
ENDS_S = 20.0
STARTS_A_WORKER = """
import subprocess, sys, time
writing, script = int(sys.argv[1]), sys.argv[2]
worker = subprocess.Popen([sys.executable, "-P", script, "samples", "{}"], pass_fds=[writing])
print(worker.pid, flush=True)
time.sleep(600)
"""


def is_closed(reading: int) -> bool:
    """Whether every process that could write into a pipe is gone in time."""
    until_s = time.monotonic() + ENDS_S
    while time.monotonic() < until_s:
        if select.select([reading], [], [], 0.1)[0] and not os.read(reading, 4096):
            return True
    return False


@LINUX_ONLY
def test_the_gate_s_worker_ends_with_a_gate_that_is_killed(tmp_path: Path) -> None:
    # its stdin stays open, so that it does not end because there is nothing to read
    (stdin, keep), (reading, writing) = os.pipe(), os.pipe()
    (tmp_path / "baselines").mkdir()
    # a tree whose code says that it runs, and computes without an end
    (tmp_path / "baselines" / "__init__.py").write_text(
        f"import os, time\nos.write({writing}, b'ready')\ntime.sleep(600)\n"
    )
    gate = subprocess.Popen(
        [sys.executable, "-c", STARTS_A_WORKER, str(writing), WORKER],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=stdin,
        stdout=subprocess.PIPE,
        pass_fds=[writing],
        text=True,
    )
    os.close(writing)
    assert gate.stdout is not None
    worker = int(gate.stdout.readline())
    try:
        assert os.read(reading, 5) == b"ready"
        gate.kill()
        gate.communicate()
        assert is_closed(reading)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        for one in (stdin, keep, reading):
            os.close(one)


@LINUX_ONLY
def test_a_training_process_ends_with_the_one_that_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    (reading, writing), (told, tell) = os.pipe(), os.pipe()
    starter = os.fork()
    if starter == 0:  # it starts a process, waits until this one is ready, and is killed
        try:
            if os.fork() == 0:
                fabric._end_with_parent()
                os.write(writing, str(os.getpid()).encode())
                os.write(tell, b"ready")
                time.sleep(600)
            os.read(told, 5)
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    os.close(writing)
    os.waitpid(starter, 0)
    process = int(os.read(reading, 20))
    try:
        assert is_closed(reading)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        for one in (reading, told, tell):
            os.close(one)
