"""The classifier's gradients by two products of matrices are the convolution's."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from carnet.fast.training.classifier import convolve_to_few


def test_a_tap_by_hand() -> None:
    """The output at (0, 0) has the input at (0, 1) through tap (1, 2), right of the middle."""
    x = torch.zeros(1, 1, 2, 3)
    x[0, 0, 0, 1] = 5.0
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 2] = 2.0
    x, weight, bias = x.requires_grad_(), weight.requires_grad_(), torch.zeros(1, requires_grad=True)
    y = convolve_to_few(x, weight, bias)
    assert y[0, 0].tolist() == [[10, 0, 0], [0, 0, 0]]
    gradient = torch.zeros(1, 1, 2, 3)
    gradient[0, 0, 0, 0] = 7.0
    y.backward(gradient)
    assert x.grad[0, 0].tolist() == [[0, 14, 0], [0, 0, 0]]
    assert weight.grad[0, 0].tolist() == [[0, 0, 0], [0, 0, 35], [0, 0, 0]]
    assert bias.grad.tolist() == [7]


@pytest.mark.parametrize("shape", [(2, 16, 1, 1), (3, 8, 5, 7), (1, 256, 12, 9)])
def test_output_and_gradients_are_the_convolutions(shape, drawn_map) -> None:
    classes = 5
    x, gradient = drawn_map(*shape), drawn_map(shape[0], classes, *shape[2:], seed=1)
    weight, bias = drawn_map(classes, shape[1], 3, 3, seed=2), drawn_map(1, classes, 1, 1, seed=3).flatten()
    inputs = [one.double().requires_grad_() for one in (x, weight, bias)]
    y, wanted_y = convolve_to_few(*inputs), F.conv2d(*inputs, padding=1)
    assert torch.equal(y, wanted_y)
    found = torch.autograd.grad(y, inputs, gradient.double())
    for got, wanted in zip(found, torch.autograd.grad(wanted_y, inputs, gradient.double()), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)
