"""Two processes on one CPU: their shares make the batch, they decide alike, and one of them writes."""

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from bench.errors import UsageError
from bench.train import run as runs
from bench.train.ranks import agreed, set_random_states
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


def test_a_batch_that_does_not_divide_is_refused(tiny_recipe, settings_in, tmp_path, monkeypatch):
    class Three:
        world_size = 3

    monkeypatch.setattr(runs, "launch_fabric", lambda *_: Three())
    with pytest.raises(UsageError, match="batch 4 on 3 devices"):
        runs.prepare(tiny_recipe, settings_in(tmp_path))


def start(tmp_path, *words):
    """Start ``carnet-bench train`` on two processes; Lightning Fabric starts the second."""
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY)
    named = ("LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
    environment = {name: value for name, value in os.environ.items() if name not in named}
    command = [sys.executable, "-m", "bench.cli", "train", str(recipe), "--home", str(tmp_path)]
    options = ["--device", "cpu", "--threads", "1", "--split", "none", "--json"]
    return subprocess.Popen(
        [*command, *options, *words],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
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


PROGRAM = """
import sys
import torch
from torch import nn
from pathlib import Path
from baselines.method import Method
from baselines.sizes import ANY
from bench.data.catalogue import open_data
from bench.data.statistics import HALF
from bench.fabric import launch_fabric
from bench.train.criterion import build_criterion
from bench.train.loop import Trainer
from bench.train.recipe import from_table
from bench.train.validation import validation_on

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.classifier = nn.Conv2d(8, 19, 1)
    def forward(self, image):
        return self.classifier(self.encoder(image))

torch.manual_seed(0)
torch.set_num_threads(1)
recipe = from_table({
    "name": "x", "model": "x", "data": "scenes", "crop": [48, 64], "batch": 4, "accumulate": 2, "epochs": 3,
    "encoder_lr": 0.05, "decoder_lr": 0.05, "freeze_encoder_bn": True,
}, "x")
options = {"count": 9, "size_hw": [64, 96]}
fabric = launch_fabric("cpu", devices=int(sys.argv[1]))
trainer = Trainer(
    recipe=recipe, network=Net(), criterion=build_criterion(recipe, Method("x", "", "", 0, "x:x")),
    data=open_data("scenes", "train", None, **options), statistics=HALF, fabric=fabric,
    folder=Path(sys.argv[2]) / "checkpoints", run_key="key",
)
validate = validation_on(open_data("scenes", "val", None, **options), HALF, fabric, ANY, lambda *_: None)
state = trainer.train(validate)
if fabric.is_global_zero:
    numbers = torch.cat([p.detach().flatten() for p in trainer.network.parameters()]).tolist()
    scores = [entry["val_miou"] for entry in state.curve]
    print({"losses": state.losses, "scores": scores, "numbers": numbers})
"""


def trained_by(ranks, folder):
    """Run the program in so many processes, and return what the first one prints."""
    named = ("LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
    environment = {name: value for name, value in os.environ.items() if name not in named}
    program = folder / "program.py"
    program.parent.mkdir(exist_ok=True)
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), str(ranks), str(folder)],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout)


@pytest.mark.slow
def test_two_processes_make_the_steps_of_one_with_frozen_batch_norm(tmp_path):
    # 9 images, steps of 2 x 4: each process has 2 of each 4, and validates 5 and 4 of 9
    one, two = trained_by(1, tmp_path / "one"), trained_by(2, tmp_path / "two")
    assert len(one["losses"]) == 3
    assert two["losses"] == pytest.approx(one["losses"], abs=1e-6)
    assert two["numbers"] == pytest.approx(one["numbers"], abs=1e-6)
    assert two["scores"] == pytest.approx(one["scores"], abs=1e-4)
    assert len(list((tmp_path / "two" / "checkpoints").glob("*.ckpt"))) == 2
