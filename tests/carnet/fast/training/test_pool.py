"""The pool for training finds torch's maxima at torch's places, and gradients go back to those places."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import max_pool2d

from carnet.fast.training.library import library, run
from carnet.fast.training.pool import chained_residual_pooling
from carnet.modules import CRP


def pooled(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return maxima, rows and columns of maps (b, h, w, c)."""
    out = torch.empty_like(maps)
    rows, columns = (torch.full(maps.shape, 9, dtype=torch.uint8) for _ in range(2))
    run("carnet_pool", maps, out, rows, columns, *maps.shape)
    return out, rows, columns


def places(rows: Tensor, columns: Tensor) -> Tensor:
    """Return torch's flat indices (b, c, h, w) from rows and columns (b, h, w, c)."""
    _, height, width, _ = rows.shape
    row = torch.arange(height)[:, None, None] + rows.long() - 2
    along = torch.arange(width)[:, None] + columns.long() - 2
    column = along.gather(1, row.clamp(0, height - 1))
    return (row * width + column).permute(0, 3, 1, 2)


@pytest.mark.usefixtures("with_c")
def test_one_channel_by_hand() -> None:
    row = torch.tensor([0.0, 3.0, 1.0, 3.0, 2.0, 5.0]).view(1, 1, 6, 1)
    out, rows, columns = pooled(row)
    assert out.flatten().tolist() == [3, 3, 3, 5, 5, 5]
    assert rows.flatten().tolist() == [2] * 6  # the middle one, for there is no other
    # where the maximum lies from two pixels to the left on; of the two 3s the first
    assert columns.flatten().tolist() == [3, 2, 1, 4, 3, 2]
    gradient = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0, 32.0]).view(1, 1, 6, 1)
    beside, total = torch.full_like(row, 100), torch.empty_like(row)
    run("carnet_pool_backward", gradient, rows, columns, beside, total, *row.shape)
    assert total.flatten().tolist() == [100, 107, 100, 100, 100, 156]


@settings(deadline=None, max_examples=80)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12), st.integers(1, 35)),
    threads=st.integers(1, 3),
    strange=st.lists(st.sampled_from([float("nan"), float("inf"), -float("inf")]), max_size=3),
    seed=st.integers(0, 2**16),
)
def test_maxima_places_and_gradients_are_torchs(
    shape: tuple[int, ...], threads: int, strange: list[float], seed: int
) -> None:
    if library() is None:
        pytest.skip("no C compiler here, or not Linux")
    generator = torch.Generator().manual_seed(seed)
    # whole numbers: many maxima are tied, and sums of gradients are exact in any order
    maps, gradient, beside = (torch.randint(-4, 5, shape, generator=generator).float() for _ in range(3))
    for value in strange:
        maps.view(-1)[int(torch.randint(maps.numel(), (1,), generator=generator))] = value
    x = maps.permute(0, 3, 1, 2).contiguous().requires_grad_()
    wanted, indices = max_pool2d(x, 5, stride=1, padding=2, return_indices=True)
    wanted.backward(gradient.permute(0, 3, 1, 2))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        out, rows, columns = pooled(maps)
        total = torch.empty_like(maps)
        run("carnet_pool_backward", gradient, rows, columns, beside, total, *shape)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(out.permute(0, 3, 1, 2), wanted, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(places(rows, columns), indices)
    assert x.grad is not None
    assert torch.equal(total.permute(0, 3, 1, 2), x.grad + beside.permute(0, 3, 1, 2))


@pytest.mark.usefixtures("with_c")
@pytest.mark.parametrize("shape", [(2, 256, 9, 7), (5, 256, 40, 50)])  # the second: two at a time, then one
def test_crp_is_crp_and_so_are_its_gradients(shape, drawn_map) -> None:
    torch.manual_seed(0)
    crp = CRP()
    with torch.no_grad():
        for conv in crp.convs:
            # whole numbers, mostly 0: exact in any order of sums, so that rounding decides no maximum
            conv.weight.copy_(
                torch.randint(-1, 2, conv.weight.shape) * (torch.rand(conv.weight.shape) < 1 / 32)
            )
    x = drawn_map(*shape, scale=4).round_().relu_().requires_grad_()
    gradient = drawn_map(*shape, seed=1)
    weights = [conv.weight for conv in crp.convs]
    wanted_y = crp(x)
    wanted = torch.autograd.grad(wanted_y, [x, *weights], gradient)
    y = chained_residual_pooling(x, weights)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, wanted_y, rtol=1e-5, atol=1e-5)
    for got, expected in zip(torch.autograd.grad(y, [x, *weights], gradient), wanted, strict=True):
        assert got.shape == expected.shape
        assert ((got - expected).norm() / expected.norm()).item() < 1e-5


@pytest.mark.usefixtures("with_c")
def test_its_gradient_is_not_differentiated_again(drawn_map) -> None:
    x = drawn_map(1, 8, 5, 5).requires_grad_()
    weight = torch.eye(8)[:, :, None, None].requires_grad_()
    y = chained_residual_pooling(x, [weight])
    direction = torch.ones_like(y).requires_grad_()
    (gradient,) = torch.autograd.grad(y, x, direction, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
