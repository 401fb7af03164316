"""Batch-norm with its clamp in C: torch's values, gradients and running statistics."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from carnet.fast.training.library import library
from carnet.fast.training.norm import norm_and_clamp, takes

BOUNDS = {"none": (-math.inf, math.inf), "relu": (0.0, math.inf), "relu6": (0.0, 6.0)}


def step(bn: nn.BatchNorm2d, x: Tensor, gradient: Tensor, bounds: tuple[float, float] | None) -> list[Tensor]:
    """Return output, gradients and statistics of one step: torch's, or with bounds the C's."""
    x = x.detach().requires_grad_()
    y = bn(x) if bounds is None else norm_and_clamp(bn, x, *bounds)
    grads = torch.autograd.grad(y, [x, bn.weight, bn.bias], gradient)
    return [y, *grads, *bn.buffers()]


@pytest.mark.usefixtures("with_c")
def test_one_channel_by_hand() -> None:
    bn = nn.BatchNorm2d(1, eps=3.0, momentum=0.5)
    nn.init.constant_(bn.weight, 4.0)
    nn.init.constant_(bn.bias, 1.0)
    x = (
        torch.tensor([2.0, 4.0])
        .view(1, 1, 1, 2)
        .contiguous(memory_format=torch.channels_last)
        .requires_grad_()
    )
    # mean 3, variance 1 (of the sample 2), so y = 4 (x - 3) / sqrt(1 + 3) + 1 = -1 and 3, and 0 and 3 clamped
    y = norm_and_clamp(bn, x, 0.0, math.inf)
    assert y.flatten().tolist() == [0, 3]
    assert (bn.running_mean.item(), bn.running_var.item(), bn.num_batches_tracked.item()) == (1.5, 1.5, 1)
    y.backward(torch.tensor([8.0, 8.0]).view(1, 1, 1, 2))
    # let through: 0 and 8; their sum 8, times (x - 3) / 2 summed 4
    assert (bn.bias.grad.item(), bn.weight.grad.item()) == (8, 4)
    # scale 2 of (g - 8/2 - (x - 3) (8 / 4) / 2)
    assert x.grad.flatten().tolist() == [2 * (0 - 4 + 1), 2 * (8 - 4 - 1)]


@settings(deadline=None, max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(2, 9), st.integers(1, 9)),
    bounds=st.sampled_from(sorted(BOUNDS)),
    threads=st.integers(1, 3),
    offset=st.sampled_from([0.0, 3.0, -1000.0]),
    seed=st.integers(0, 2**16),
)
def test_values_gradients_and_statistics_are_torchs_in_64_bits(shape, bounds, threads, offset, seed) -> None:
    if library() is None:
        pytest.skip("no C compiler here, or not Linux")
    generator = torch.Generator().manual_seed(seed)
    x = (torch.randn(shape, generator=generator) * 3 + offset).contiguous(memory_format=torch.channels_last)
    gradient = torch.randn(shape, generator=generator).contiguous(memory_format=torch.channels_last)
    bn = nn.BatchNorm2d(shape[1], eps=0.1)
    with torch.no_grad():
        bn.weight.copy_(torch.rand(shape[1], generator=generator) + 0.5)
        bn.bias.copy_(torch.rand(shape[1], generator=generator) * 3)
    exact = copy.deepcopy(bn).double()
    clamp = {"none": nn.Identity(), "relu": nn.ReLU(), "relu6": nn.ReLU6()}[bounds]
    wide = x.double()
    plain = exact(wide.detach())
    exact.load_state_dict(bn.state_dict())
    # values at a bound are let through or not by their rounding: leave them out of the gradient
    near = ((plain - BOUNDS[bounds][0]).abs() < 1e-2) | ((plain - BOUNDS[bounds][1]).abs() < 1e-2)
    gradient[near] = 0
    wide = wide.requires_grad_()
    y = clamp(exact(wide))
    grads = torch.autograd.grad(y, [wide, exact.weight, exact.bias], gradient.double())
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = step(bn, x, gradient, BOUNDS[bounds])
    finally:
        torch.set_num_threads(before)
    tolerance = 2e-5 if abs(offset) < 1000 else 2e-3  # at 1000 a 32-bit float has steps of 6e-5
    for got, wanted in zip(found, [y, *grads, *exact.buffers()], strict=True):
        torch.testing.assert_close(got.double(), wanted.double(), rtol=tolerance, atol=tolerance)


@pytest.mark.usefixtures("with_c")
def test_two_steps_give_the_same_bits(drawn_map) -> None:
    x, gradient = drawn_map(3, 24, 17, 19), drawn_map(3, 24, 17, 19, seed=1)
    first, second = (step(nn.BatchNorm2d(24), x, gradient, (0.0, 6.0)) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.usefixtures("with_c")
def test_a_nan_is_passed_on(drawn_map) -> None:
    x = drawn_map(2, 3, 4, 5)
    x[0, 1, 2, 3] = float("nan")
    y = norm_and_clamp(nn.BatchNorm2d(3), x, 0.0, 6.0)
    assert y[:, 1].isnan().all()
    assert not y[:, [0, 2]].isnan().any()


@pytest.mark.usefixtures("with_c")
@pytest.mark.parametrize("strange", [[math.inf], [-math.inf], [math.inf, -math.inf], [math.nan]])
def test_running_statistics_of_infinities_are_torchs_in_every_step(strange, drawn_map) -> None:
    x = drawn_map(2, 3, 9, 7)
    for n, value in enumerate(strange):
        x[n, 1, 4, 4] = value
    in_c, plain = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    for _ in range(2):
        norm_and_clamp(in_c, x)
        plain(x)
    for one, other in zip(in_c.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)
    # one infinity is a mean of infinity; two that oppose each other, or no number, are none
    assert plain.running_mean[1].isinf().item() == (len(strange) == 1 and math.isinf(strange[0]))


@pytest.mark.usefixtures("with_c")
def test_numbers_whose_sum_32_bits_do_not_hold_have_their_mean(drawn_map) -> None:
    x = drawn_map(1, 1, 8, 8, scale=0.0, offset=3e37)  # 32 of them exceed the largest number, 3.4e38
    bn = nn.BatchNorm2d(1, momentum=1.0)
    norm_and_clamp(bn, x)
    assert bn.running_mean.item() == pytest.approx(3e37)
    assert bn.running_var.item() == 0.0


@pytest.mark.usefixtures("with_c")
def test_what_is_not_for_the_c_is_not_taken(drawn_map) -> None:
    x = drawn_map(2, 3, 4, 5)
    assert takes(nn.BatchNorm2d(3), x)
    without = [
        (nn.BatchNorm2d(3).eval(), x),
        (nn.BatchNorm2d(3, affine=False), x),
        (nn.BatchNorm2d(3, track_running_stats=False), x),
        (nn.BatchNorm2d(3, momentum=None), x),
        (nn.SyncBatchNorm(3), x),
        (nn.Identity(), x),
        (nn.BatchNorm2d(3), x.double()),
        (nn.BatchNorm2d(3), x.to("meta")),
        (nn.BatchNorm2d(3), x.contiguous()),
        (nn.BatchNorm2d(3), x[:1, :, :1, :1]),  # one value a channel
    ]
    assert [takes(bn, other) for bn, other in without] == [False] * len(without)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not takes(nn.BatchNorm2d(3), x)
