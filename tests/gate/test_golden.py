"""What a golden output is of: fixed weights that no layer hides behind, a fixed image, one thread."""

import torch
from torch import nn

from bench.gate.golden import golden_logits, one_thread, stir


def test_it_is_the_same_whatever_was_drawn_before_and_draws_nothing_itself(toy) -> None:
    method = toy(a="")["a"]
    torch.manual_seed(1)
    first = golden_logits(method)
    after_first = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(after_first, torch.rand(3))
    assert torch.equal(golden_logits(method), first)


def test_threads_are_one_inside_and_as_before_outside() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_stirring_leaves_no_batch_norm_an_identity_and_no_layer_zero() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    nn.init.zeros_(network[0].weight)
    drawn = network[0].bias.clone()
    stir(network)
    norm = network[1]
    for tensor in (network[0].weight, norm.weight, norm.bias, norm.running_mean, norm.running_var):
        assert len(tensor.unique()) == tensor.numel()
    assert (norm.running_var > 0).all()
    assert torch.equal(network[0].bias, drawn)  # it was not one number throughout
    assert int(norm.num_batches_tracked) == 0
