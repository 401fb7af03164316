"""Two processes make the run of one: the steps, the batch norm over both, the evaluation."""

import ast
import subprocess
import sys

import pytest
import torch
from processes import alone_environment

from baselines.sizes import ANY
from bench.data.statistics import HALF
from bench.errors import UsageError
from bench.evaluate.evaluate import evaluate
from bench.evaluate.views import SINGLE
from bench.train.shared_evaluation import evaluate_shared, merged
from bench.train.validation import EveryNth

PROGRAM = """
import os
import sys
from pathlib import Path

import torch
from torch import distributed, nn

from baselines.method import Method
from baselines.sizes import ANY
from bench.data.catalogue import open_data
from bench.data.statistics import HALF
from bench.evaluate.views import SINGLE
from bench.fabric import launch_fabric
from bench.train import loop
from bench.train.criterion import build_criterion
from bench.train.recipe import from_table
from bench.train.shared_evaluation import evaluate_shared
from bench.train.validation import validation_on

ranks, folder, norm = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.classifier = nn.Conv2d(8, 19, 1)

    def forward(self, image):
        return self.classifier(self.encoder(image))


class SumOfProcesses(torch.autograd.Function):
    @staticmethod
    def forward(_, numbers):
        return summed(numbers)

    @staticmethod
    def backward(_, gradient):
        return summed(gradient)


def summed(numbers):
    numbers = numbers.clone()
    distributed.all_reduce(numbers)
    return numbers


class SyncedNorm(nn.BatchNorm2d):
    # what SyncBatchNorm computes on CUDA: mean and variance over the images of all processes, in float64
    def forward(self, image):
        if not self.training:
            return super().forward(image)
        x = image.double()
        count = x[:, :1].numel() * ranks
        sums = SumOfProcesses.apply(torch.stack([x.sum((0, 2, 3)), (x * x).sum((0, 2, 3))]))
        mean = sums[0] / count
        variance = sums[1] / count - mean * mean
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean.float(), self.momentum)
            self.running_var.lerp_((variance * count / (count - 1)).float(), self.momentum)
        scale = self.weight / torch.sqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (x * scale[:, None, None] + shift[:, None, None]).float()


def synchronised(network, _ranks, _device):
    if ranks > 1:
        plain, found = network.encoder[1], SyncedNorm(8)
        found.load_state_dict(plain.state_dict())
        network.encoder[1] = found
    return network


loop.synchronised = synchronised  # torch's own refuses CPU tensors
torch.manual_seed(0)
torch.set_num_threads(1)
recipe = from_table({
    "name": "x", "model": "x", "data": "scenes", "crop": [48, 64], "batch": 4, "accumulate": 2, "epochs": 10,
    "encoder_lr": 0.05, "decoder_lr": 0.05, "freeze_encoder_bn": norm == "frozen", "sync_bn": norm == "sync",
}, "x")
options = {"count": 9, "size_hw": [64, 96]}
fabric = launch_fabric("cpu", devices=ranks)
trainer = loop.Trainer(
    recipe=recipe, network=Net(), criterion=build_criterion(recipe, Method("x", "", "", 0, "x:x")),
    data=open_data("scenes", "train", None, **options), statistics=HALF, fabric=fabric,
    folder=folder / "checkpoints", run_key="key",
)
val = open_data("scenes", "val", None, **options)
scored = evaluate_shared(trainer.network, val, HALF, fabric, lambda *_: None, sizes=ANY, views=SINGLE)
state = trainer.train(validation_on(val, HALF, fabric, ANY, lambda *_: None))
if fabric.is_global_zero:
    numbers = torch.cat([t.detach().double().flatten() for t in trainer.network.state_dict().values()])
    scores = [entry["val_miou"] for entry in state.curve]
    print({
        "losses": state.losses, "scores": scores, "numbers": numbers.tolist(), "names": scored.names,
        "matrix": scored.confusion.matrix.tolist(), "images": scored.per_image.tolist(),
    }, flush=True)
if ranks > 1:
    distributed.destroy_process_group()
# at once: here the trainer is the module's own and would go after gloo's threads, which now and then aborts
os._exit(0)
"""


def trained_by(ranks, folder, norm):
    """Run the program in so many processes, and return what the first one prints."""
    program = folder / "program.py"
    program.parent.mkdir(exist_ok=True)
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), str(ranks), str(folder), norm],
        env=alone_environment(),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "within"), [("frozen", 1e-6), ("sync", 1e-5)])
def test_two_processes_make_the_ten_steps_and_the_evaluation_of_one(tmp_path, norm, within):
    # 9 images, a step of 2 x 4: each process has 2 of each 4, and scores 5 and 4 of 9
    one, two = (trained_by(ranks, tmp_path / str(ranks), norm) for ranks in (1, 2))
    assert len(one["losses"]) == 10
    assert two["losses"] == pytest.approx(one["losses"], abs=within)
    assert two["numbers"] == pytest.approx(one["numbers"], abs=within)
    # the same weights: to the pixel; after ten steps the weights differ by rounding
    for exact in ("names", "matrix", "images"):
        assert two[exact] == one[exact]
    assert two["scores"] == pytest.approx(one["scores"], abs=1e-3)
    assert len(list((tmp_path / "2" / "checkpoints").glob("*.ckpt"))) == 2


@pytest.mark.slow
def test_the_program_finds_batch_norms_that_are_not_synchronised(tmp_path):
    one, two = (trained_by(ranks, tmp_path / str(ranks), "each its own") for ranks in (1, 2))
    assert two["numbers"] != pytest.approx(one["numbers"], abs=1e-5)


@pytest.mark.parametrize("ranks", [2, 4, 6])
def test_the_evaluations_of_the_shares_are_that_of_the_split(toy_data, toy_model, ranks):
    device = torch.device("cpu")
    whole = evaluate(toy_model, toy_data, HALF, device, repeat=True)
    shares = [EveryNth(toy_data, rank, ranks) for rank in range(ranks)]
    found = merged([evaluate(toy_model, share, HALF, device, repeat=True) for share in shares])
    assert found.names == whole.names
    assert (found.per_image == whole.per_image).all()
    assert (found.confusion.matrix == whole.confusion.matrix).all()
    assert found.confusion.ignored_pixels == whole.confusion.ignored_pixels > 0
    assert found.notes == (f"images shared out over {ranks} processes",)


def test_more_processes_than_images_are_refused_with_both_numbers(toy_data, toy_model):
    class Seven:
        world_size, global_rank, device = 7, 6, torch.device("cpu")

    with pytest.raises(UsageError, match="7 devices for the 6 images"):
        evaluate_shared(toy_model, toy_data, HALF, Seven(), lambda *_: None, sizes=ANY, views=SINGLE)
