"""Two processes on one CPU: their shares make the batch, they decide alike, and one of them writes."""

import dataclasses
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from processes import TORCHRUN, alone_environment

from bench.errors import RefusedInput, UsageError
from bench.train import run as runs
from bench.train.ranks import agreed, require_alike, set_random_states
from bench.train.validation import EveryNth

ROOT = Path(__file__).parents[2]
TINY = """
model = "carnet-mobile"
data = "scenes"
crop = [64, 96]
batch = 4
epochs = 3
encoder_lr = 0.01
decoder_lr = 0.02
clip_norm = 5.0
smoke = true

[data_options]
count = 8
size_hw = [64, 96]
"""


def test_one_process_agrees_with_itself(small_trainer, tmp_path):
    fabric = small_trainer(tmp_path).fabric
    assert agreed(fabric, 3.5) == agreed(fabric, 3.5, "max") == 3.5


def test_the_shares_of_a_split_are_the_split(toy_data):
    shares = [EveryNth(toy_data, rank, 4) for rank in range(4)]
    names = [[share.read(index).name for index in range(len(share))] for share in shares]
    assert names == [["toy_0", "toy_4"], ["toy_1", "toy_5"], ["toy_2"], ["toy_3"]]


def test_each_process_takes_its_own_random_state():
    class SecondOfTwo:
        world_size, global_rank, device = 2, 1, torch.device("cpu")

    states = [torch.Generator().manual_seed(seed).get_state() for seed in (1, 2)]
    with torch.random.fork_rng(devices=[]):
        set_random_states(SecondOfTwo(), {"rng": torch.stack(states)})
        drawn = torch.rand(3)
    assert torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(2)))


def test_a_batch_that_does_not_divide_is_refused_before_a_process_is_started(
    tiny_recipe, settings_in, tmp_path, monkeypatch
):
    monkeypatch.setattr(runs, "launch_fabric", lambda *_: pytest.fail("processes were started"))
    with pytest.raises(UsageError, match="batch 4 on 3 devices"):
        runs.prepare(tiny_recipe, dataclasses.replace(settings_in(tmp_path), devices=3))


def test_processes_that_find_other_checkpoints_are_refused():
    class SecondOfTwo:
        world_size, device = 2, torch.device("cpu")

        def all_reduce(self, number, reduce_op):
            # this process is at step 3, the other one at 7
            other = 7.0 if number > 0 else -7.0
            return torch.maximum(number, torch.tensor(other, dtype=number.dtype))

    require_alike(SecondOfTwo(), 7, "steps differ", "share --home")
    with pytest.raises(RefusedInput, match="steps differ") as caught:
        require_alike(SecondOfTwo(), 3, "steps differ", "share --home")
    assert "--home" in caught.value.then


def start(tmp_path, *words, by=("-m", "bench"), **variables):
    """Start ``train`` on two processes, by ``--devices 2`` or torchrun, or one of them by variables."""
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY)
    options = ["--device", "cpu", "--threads", "1", "--split", "none", "--json"]
    return subprocess.Popen(
        [sys.executable, *by, "train", str(recipe), "--home", str(tmp_path), *options, *words],
        cwd=ROOT,
        env=alone_environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def losses_of(document):
    return (Path(document["run"]) / "losses.csv").read_text()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Train without a stop; return the folder and the answer."""
    folder = tmp_path_factory.mktemp("whole")
    process = start(folder, "--devices", "2")
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    return folder, json.loads(out)


@pytest.mark.slow
def test_two_processes_train_count_steps_and_leave_one_record(whole):
    tmp_path, document = whole
    values = document["values"]
    assert (values["steps"], values["epochs"]) == (6, 3)
    (record,) = (tmp_path / "results" / "records" / "training").glob("*.json")
    identity = json.loads(record.read_text())["identity"]
    assert (identity["devices"], identity["strategy"], identity["batch"]) == (2, "ddp", 4)
    assert "batch-norm over the 2 images of each of 2 devices" in record.read_text()
    # a second command finds the run finished
    again = start(tmp_path, "--devices", "2")
    out, err = again.communicate(timeout=500)
    assert json.loads(out)["training_record"] == document["training_record"], err


@pytest.mark.slow
def test_two_processes_that_are_stopped_resume_to_the_same_end(whole, tmp_path):
    (tmp_path / "cut").mkdir()
    expected = losses_of(whole[1])

    stopped = start(tmp_path / "cut", "--devices", "2", "--set", "checkpoint_every_s=0")
    deadline = time.monotonic() + 400
    while not list(tmp_path.glob("cut/runs/*/checkpoints/*.sha256")) and time.monotonic() < deadline:
        time.sleep(0.02)
    stopped.send_signal(signal.SIGTERM)
    _, err = stopped.communicate(timeout=500)
    assert stopped.returncode == 143, err
    resumed = start(tmp_path / "cut", "--devices", "2", "--set", "checkpoint_every_s=0")
    out, err = resumed.communicate(timeout=500)
    assert resumed.returncode == 0, err
    assert losses_of(json.loads(out)) == expected


@pytest.mark.slow
def test_torchrun_trains_the_same_run_and_finds_it_finished(whole, tmp_path):
    process = start(tmp_path, by=(*TORCHRUN, "--nproc-per-node", "2", "-m", "bench"))
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    document = json.loads(out)
    assert document["training_record"] == whole[1]["training_record"]
    assert losses_of(document) == losses_of(whole[1])


@pytest.mark.slow
def test_processes_with_slurm_s_variables_find_each_other_and_train_the_same_run(whole, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "job", "SLURM_NODELIST": "localhost", "SLURM_NODEID": "0"}
    job |= dict.fromkeys(("SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS_PER_NODE"), "2")
    job |= dict.fromkeys(("SLURM_NNODES", "SLURM_STEP_NUM_NODES"), "1")
    places = [{"SLURM_PROCID": rank, "SLURM_LOCALID": rank, "MASTER_PORT": port} for rank in ("0", "1")]
    first, second = (start(tmp_path, **job, **place) for place in places)
    out, err = first.communicate(timeout=900)
    assert first.returncode == 0, err
    assert second.communicate(timeout=900)[0] == ""
    assert second.returncode == 0
    assert json.loads(out)["training_record"] == whole[1]["training_record"]


@pytest.mark.slow
@pytest.mark.parametrize("by", [("-m", "bench"), (*TORCHRUN, "--nproc-per-node", "2", "-m", "bench")])
def test_the_end_of_one_process_ends_the_run_with_a_line_and_the_checkpoint_resumes(whole, tmp_path, by):
    words = ("--devices", "2", "--set", "checkpoint_every_s=0")
    killed = start(tmp_path, *words, by=by)
    deadline = time.monotonic() + 900
    while not list(tmp_path.glob("runs/*/checkpoints/*.sha256")) and time.monotonic() < deadline:
        time.sleep(0.02)
    (second,) = [
        one for one in psutil.Process(killed.pid).children() if one.environ().get("LOCAL_RANK") == "1"
    ]
    second.kill()
    _, err = killed.communicate(timeout=900)  # 30 s on a quiet machine
    assert killed.returncode == 1, err
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, err
    assert "of 2" in lines[0] or "of the 2 processes" in lines[0]
    assert ("SIGKILL" in lines[0]) == (by == ("-m", "bench"))
    resumed = start(tmp_path, *words)
    out, err = resumed.communicate(timeout=900)
    assert resumed.returncode == 0, err
    assert "resuming" in err
    assert losses_of(json.loads(out)) == losses_of(whole[1])
