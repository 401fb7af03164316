"""A process that ends before its run is named, and the others end."""

import subprocess
import sys
import types

import pytest
import torch
from processes import alone_environment

from bench.train.peers import LostProcess, Peers

CLOSED = "[pair.cc:561] Connection closed by peer [127.0.0.1]:20893"


def fabric(*children, world_size=2, rank=0):
    launcher = types.SimpleNamespace(procs=[*children])
    strategy = types.SimpleNamespace(launcher=launcher)
    return types.SimpleNamespace(world_size=world_size, global_rank=rank, strategy=strategy)


def child(code):
    return subprocess.Popen([sys.executable, "-c", code])


KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize(
    ("code", "exit_code", "token"), [(KILLED, 1, "SIGKILL"), ("raise SystemExit(3)", 3, "exit code 3")]
)
def test_a_broken_connection_is_told_as_the_end_of_that_process(code, exit_code, token):
    one = child(code)
    told = rf"process 2 of 2 \(pid {one.pid}\) .*{token}"
    with pytest.raises(LostProcess, match=told) as caught, Peers(fabric(one)).named():
        raise RuntimeError(CLOSED)
    assert caught.value.exit_code == exit_code
    assert "checkpoint" in caught.value.then


def test_where_another_program_has_started_the_processes_the_loss_is_told_without_a_wait():
    with pytest.raises(LostProcess, match="one of the 8 processes"), Peers(fabric(world_size=8)).named():
        raise torch.distributed.DistBackendError("NCCL error")


def test_a_process_that_the_first_one_has_started_leaves_it_to_tell(monkeypatch):
    with pytest.raises(SystemExit) as caught, Peers(fabric(rank=1)).named():
        raise RuntimeError(CLOSED)
    assert caught.value.code == 1
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LostProcess), Peers(fabric(rank=1)).named():
        raise RuntimeError(CLOSED)


@pytest.mark.parametrize(("ranks", "message"), [(1, CLOSED), (2, "shapes cannot be multiplied")])
def test_other_errors_pass_as_they_are(ranks, message):
    with (
        pytest.raises(RuntimeError, match=r"closed|shapes") as caught,
        Peers(fabric(world_size=ranks)).named(),
    ):
        raise RuntimeError(message)
    assert type(caught.value) is RuntimeError


def test_the_watch_of_fabric_which_kills_without_a_word_has_nothing_to_watch():
    one = child("")
    there = fabric(one)
    Peers(there)
    assert there.strategy.launcher.procs == []
    one.wait()


HANGING = f"""
import subprocess, sys, threading, types
from bench.train import peers
peers._GRACE_S = 0.1
child = subprocess.Popen([sys.executable, "-c", {KILLED!r}])
strategy = types.SimpleNamespace(launcher=types.SimpleNamespace(procs=[child]))
fabric = types.SimpleNamespace(world_size=2, global_rank=0, strategy=strategy)
group = peers.Peers(fabric)
if sys.argv[1] == "left":
    torch = types.SimpleNamespace(distributed=types.SimpleNamespace(destroy_process_group=lambda: None))
    peers.torch = torch
    group.leave()
    child.wait()
    threading.Event().wait(1)
    raise SystemExit(0)
threading.Event().wait()  # as a computation on a GPU that awaits the dead process
"""


@pytest.mark.slow
@pytest.mark.parametrize(("how", "code", "lines"), [("hanging", 1, 2), ("left", 0, 0)])
def test_a_process_that_hangs_after_the_end_of_another_is_ended_unless_the_group_was_left(how, code, lines):
    done = subprocess.run(
        [sys.executable, "-c", HANGING, how],
        env=alone_environment(),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == lines
    assert ("SIGKILL" in done.stderr) == bool(lines)
