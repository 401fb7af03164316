"""One process per run: a second one is refused by the name of the first; a dead one holds nothing."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from bench.errors import RefusedInput
from bench.train.lock import RunLockedError, is_held, run_lock
from bench.train.run_folder import describe

HOLDER = """
import sys, time
from pathlib import Path
from bench.train.lock import run_lock

with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of the folder ``run``."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_process_of_a_run_is_refused_with_the_process_and_host_of_the_first(holder, tmp_path):
    with pytest.raises(RunLockedError, match=rf"{holder.pid} on {socket.gethostname()}"):  # noqa: SIM117
        with run_lock(tmp_path / "run"):
            pytest.fail("both hold it")
    with run_lock(tmp_path / "another"):
        pass


def test_the_lock_of_a_stopped_process_holds_and_that_of_a_dead_one_is_free(holder, tmp_path):
    os.kill(holder.pid, signal.SIGSTOP)
    with pytest.raises(RunLockedError), run_lock(tmp_path / "run"):
        pytest.fail("both hold it")
    holder.kill()
    holder.wait()
    with run_lock(tmp_path / "run"):
        assert (tmp_path / "run" / "lock").read_text().split() == [str(os.getpid()), socket.gethostname()]


def test_a_run_is_held_while_its_process_lives(holder, tmp_path):
    assert not is_held(tmp_path / "another")
    assert is_held(tmp_path / "run")
    holder.kill()
    holder.wait()
    assert not is_held(tmp_path / "run")


def test_a_new_run_is_compared_with_one_that_was_left_and_not_with_one_at_work(holder, tmp_path):
    recipe = {"name": "tiny", "epochs": 2}
    (tmp_path / "run").rename(tmp_path / "tiny-1")  # the lock is on the file, so it goes along
    (tmp_path / "tiny-1" / "checkpoints").mkdir()
    (tmp_path / "tiny-1" / "run.json").write_text(json.dumps({"recipe": recipe}))
    said = []
    (tmp_path / "tiny-2").mkdir()
    describe(tmp_path / "tiny-2", {"recipe": recipe | {"epochs": 3}}, said.append)
    assert said == []
    holder.kill()
    holder.wait()
    (tmp_path / "tiny-3").mkdir()
    describe(tmp_path / "tiny-3", {"recipe": recipe | {"epochs": 4}}, said.append)
    assert len(said) == 1
    assert "recipe.epochs 2, now 4" in said[0]


def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedInput, match="file/run"), run_lock(tmp_path / "file" / "run"):
        pytest.fail("held")
