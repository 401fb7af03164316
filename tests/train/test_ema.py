"""The moving mean of the weights, by hand and in a run."""

import pytest
import torch
from torch import nn

from bench.errors import RefusedInput
from bench.train.ema import WeightsMean
from bench.train.run import prepare, train, trainer_of
from bench.train.weight_file import load_weights


def test_the_mean_by_hand():
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(8.0)
    mean = WeightsMean(network, 0.75)
    seen = []
    for weight in (0.0, 4.0):
        network.weight.data.fill_(weight)
        mean.update(network)
        seen.append(float(mean.network.weight.detach()))
    # 0.75 x 8 + 0.25 x 0 = 6; 0.75 x 6 + 0.25 x 4 = 5.5
    assert seen == [6.0, 5.5]


def test_running_statistics_are_averaged_and_counts_are_copied():
    network = nn.BatchNorm2d(1)
    mean = WeightsMean(network, 0.5)
    network.running_mean.fill_(4.0)
    network.num_batches_tracked.fill_(7)
    mean.update(network)
    assert float(mean.network.running_mean) == 2.0
    assert int(mean.network.num_batches_tracked) == 7


class Tied(nn.Module):
    """One number under several names: a shared module, a tied weight, and two views of one buffer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(1, 1, bias=False)
        self.again = self.first
        self.tied = nn.Linear(1, 1, bias=False)
        self.tied.weight = self.first.weight
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("view", self.mean.view(1, 1))
        self.register_buffer("unsaved", torch.zeros(1), persistent=False)


def test_a_tensor_of_several_names_is_averaged_once():
    network = Tied()
    network.first.weight.data.zero_()
    mean = WeightsMean(network, 0.9)
    for tensor in (network.first.weight.data, network.mean, network.unsaved):
        tensor.fill_(1.0)
    mean.update(network)
    # 0.9 x 0 + 0.1 x 1; averaged once per name it would be 0.271 and 0.19
    assert float(mean.network.first.weight) == pytest.approx(0.1)
    assert mean.network.tied.weight is mean.network.first.weight
    assert float(mean.network.mean) == pytest.approx(0.1)
    assert float(mean.network.unsaved) == pytest.approx(0.1)


def test_complex_weights_are_averaged_too():
    network = nn.Module()
    network.weight = nn.Parameter(torch.zeros(1, dtype=torch.complex64))
    mean = WeightsMean(network, 0.75)
    network.weight.data.fill_(4 + 8j)
    mean.update(network)
    assert complex(mean.network.weight) == 1 + 2j


def test_an_integer_that_is_one_value_of_a_module_is_copied_and_an_empty_tensor_does_not_hide_another():
    network = nn.Module()
    network.empty = nn.Parameter(torch.zeros(0))
    network.none = nn.Parameter(torch.zeros(0))
    network.weight = nn.Parameter(torch.zeros(1))
    mean = WeightsMean(network, 0.5)
    network.weight.data.fill_(1.0)
    mean.update(network)
    assert float(mean.network.weight) == 0.5


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
def test_a_network_that_cannot_be_copied_is_refused_with_its_name():
    network = nn.Sequential(torch.nn.utils.weight_norm(nn.Conv2d(3, 4, 3)))
    network(torch.zeros(1, 3, 8, 8))
    with pytest.raises(RefusedInput, match="ema_decay: Sequential"):
        WeightsMean(network, 0.5)


def test_the_mean_is_what_is_validated_and_the_network_goes_on_with_its_own_weights(small_trainer, tmp_path):
    seen = []
    trainer = small_trainer(tmp_path / "mean", ema_decay=0.5, epochs=1)
    by_hand = [weight.clone() for weight in trainer.network.parameters()]

    def follow(_done, _total, _loss):
        for mean, weight in zip(by_hand, trainer.network.parameters(), strict=True):
            mean.mul_(0.5).add_(weight.detach(), alpha=0.5)

    trainer.train(lambda network: seen.append(network) or 0.5, follow)
    assert seen == [trainer.mean.network]
    assert trainer.final_network() is trainer.mean.network
    for mean, weight in zip(by_hand, trainer.final_network().parameters(), strict=True):
        torch.testing.assert_close(weight, mean, rtol=0, atol=1e-7)
    # the losses are those of a run without a mean
    assert trainer.state.losses == small_trainer(tmp_path / "plain", epochs=1).train(None).losses


def test_the_weights_that_a_run_saves_are_the_mean(tiny_recipe, settings_in, tmp_path):
    import dataclasses

    recipe = dataclasses.replace(tiny_recipe, epochs=1, ema_decay=0.5, validate_every=0)
    run = train(recipe, settings_in(tmp_path / "run"))
    trainer = trainer_of(prepare(recipe, settings_in(tmp_path / "by-hand")), tmp_path / "checkpoints", "key")
    trainer.train(None)
    saved = load_weights(run.folder / "final.safetensors")
    mean, last = trainer.mean.network.state_dict(), trainer.network.state_dict()
    assert all(torch.equal(saved[name], mean[name]) for name in mean)
    assert not torch.equal(saved["classifier.weight"], last["classifier.weight"])


@pytest.mark.parametrize("decay", [0.0])
def test_without_a_decay_there_is_no_mean(small_trainer, tmp_path, decay):
    trainer = small_trainer(tmp_path, ema_decay=decay)
    assert trainer.mean is None
    assert trainer.evaluated is trainer.network
