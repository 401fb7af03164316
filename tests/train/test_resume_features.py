"""A run that is cut in its middle gives the bits of one that is not, whatever the recipe asks for."""

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision

from bench.errors import RefusedInput
from bench.train import checkpoint

FEATURES = {
    "plain": {},
    "mean of weights": {"ema_decay": 0.9},
    "accumulation": {"accumulate": 3, "epochs": 6},
    "hard pixels": {"ohem_threshold": 0.7, "ohem_min_kept": 50},
    "best weights": {"selection": "best"},
    "best mean of weights": {"selection": "best", "ema_decay": 0.5},
    "early stop": {"epochs": 9, "stop_after": 2},
    "cosine with warm-up": {"schedule": "cosine", "warmup_steps": 4},
    "frozen batch norm": {"freeze_encoder_bn": True},
    "bf16": {"precision": "bf16-mixed"},
    "fp16": {"precision": "16-mixed"},
    "deterministic": {"deterministic": True},
    "least short side": {"short_side_least": 80},
}


class CutError(Exception):
    """Stands for a kill."""


@pytest.fixture
def fabric_of():
    """Fabric for a precision; fp16 on the CPU, which the bench refuses, with the loss scale of CUDA's."""

    def build(precision):
        if precision != "16-mixed":
            return None
        # so large at the start that the first steps overflow and are skipped
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24, growth_interval=3)
        return Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", "cpu", scaler)])

    return build


def score(network):
    """A number that moves with the weights, up and down."""
    network.eval()
    return float(network.classifier.weight.detach().abs().sum()) % 0.1


def everything(trainer):
    saved = checkpoint.load(checkpoint.latest(trainer.saved.folder))
    del saved["state"]["train_s"]
    return saved


def same(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return one == other


@pytest.mark.parametrize(
    ("cut", "changes"),
    [(2, {}), *((5, changes) for changes in FEATURES.values())],
    ids=["plain, early", *FEATURES],
)
def test_a_run_cut_in_its_middle_ends_as_if_it_had_not_been(small_trainer, fabric_of, tmp_path, cut, changes):
    def trainer(folder):
        fabric = fabric_of(changes.get("precision", "32-true"))
        return small_trainer(tmp_path / folder, fabric=fabric, **changes)

    whole = trainer("whole")
    whole.train(score)

    def stop_at(done, _total, _loss):
        if done == cut:
            raise CutError

    with pytest.raises(CutError):
        trainer("cut").train(score, stop_at)
    torch.manual_seed(99)  # another process starts with other random numbers
    resumed = trainer("cut")
    assert resumed.resume() == cut - 1
    resumed.train(score)

    expected = everything(whole)
    assert same(everything(resumed), expected)
    final = [each.final_network().state_dict() for each in (whole, resumed)]
    assert same(*final)
    if changes.get("precision") == "16-mixed":
        assert 0 < expected["state"]["skipped_updates"] < expected["state"]["step"]


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("mean", {"ema_decay": 0.9}),
        ("best", {"selection": "best"}),
        ("loss_scale", {"precision": "16-mixed"}),
    ],
)
def test_a_checkpoint_that_lacks_a_feature_s_part_is_not_resumed(
    small_trainer, fabric_of, tmp_path, key, changes
):
    def trainer(folder):
        fabric = fabric_of(changes.get("precision", "32-true"))
        return small_trainer(tmp_path / folder, fabric=fabric, epochs=1, **changes)

    trainer("whole").train(score)
    saved = checkpoint.load(checkpoint.latest(tmp_path / "whole"))
    del saved[key]
    checkpoint.save(tmp_path / "part", 3, saved)
    with pytest.raises(RefusedInput, match=f"no {key} in the checkpoint"):
        trainer("part").resume()


def test_what_ran_before_in_the_process_changes_nothing(small_trainer, tmp_path):
    # dropout draws from torch's global state
    ends = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        trainer = small_trainer(tmp_path / str(seed), epochs=1)
        ends.append(trainer.train(None).losses)
    assert ends[0] == ends[1]
