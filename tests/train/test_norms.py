"""Batch norm in training: frozen, or over all devices."""

import pytest
import torch
from torch import nn

from bench.errors import RefusedInput
from bench.train.norms import freeze_encoder, synchronised
from bench.train.schedule import build_optimiser
from carnet.model import build


def test_every_batch_norm_is_synchronised_and_keeps_its_numbers_and_names():
    network = build(3)
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = synchronised(network, ranks=2, device="cuda")
    kinds = [type(module) for module in found.modules()]
    assert kinds.count(nn.SyncBatchNorm) == norms > 50
    assert nn.BatchNorm2d not in kinds
    after = found.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in after)


def test_a_synchronised_network_computes_the_same_where_it_is_alone(small_net):
    image = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    plain, converted = small_net(dropout=0.0), synchronised(small_net(dropout=0.0), 2, "cuda")
    torch.testing.assert_close(converted(image), plain(image))
    torch.testing.assert_close(converted.encoder[1].running_mean, plain.encoder[1].running_mean)


def test_one_device_needs_no_conversion(small_net):
    network = small_net()
    assert synchronised(network, ranks=1, device="cpu") is network
    assert isinstance(network.encoder[1], nn.BatchNorm2d)


def test_several_cpus_are_refused(small_net):
    with pytest.raises(RefusedInput, match="sync_bn on 2 cpu devices: torch synchronises"):
        synchronised(small_net(), ranks=2, device="cpu")


@pytest.mark.parametrize("sync", [False, True])
def test_a_frozen_encoder_s_batch_norm_is_neither_moved_nor_trained(small_net, tiny_recipe, sync):
    network = synchronised(small_net(), 2, "cuda") if sync else small_net()
    network.train()
    freeze_encoder(network)
    norm = network.encoder[1]
    network(torch.randn(2, 3, 8, 8))
    assert not norm.running_mean.any()
    assert not norm.training
    assert network.dropout.training
    given = {id(p) for group in build_optimiser(network, tiny_recipe).param_groups for p in group["params"]}
    assert {id(norm.weight), id(norm.bias)} & given == set()
    assert id(network.encoder[0].weight) in given


def test_a_network_without_an_encoder_has_nothing_to_freeze():
    with pytest.raises(RefusedInput, match="Conv2d has no part named 'encoder'"):
        freeze_encoder(nn.Conv2d(3, 3, 1))
