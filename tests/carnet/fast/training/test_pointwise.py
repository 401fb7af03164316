"""A 1x1 convolution of the rows of a map is that of the map, and so are its gradients."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from carnet.fast.training import pointwise, use_fast_training

Draw = Callable[..., Tensor]


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def fast(conv: nn.Conv2d) -> nn.Conv2d:
    use_fast_training(conv)
    assert type(conv) is pointwise.FastPointwise
    return conv


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes of the maps that are convolved as rows."""
    found: list[tuple[int, ...]] = []
    real = pointwise.convolved

    def convolved(maps: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        found.append(tuple(maps.shape))
        return real(maps, weight, bias)

    monkeypatch.setattr(pointwise, "convolved", convolved)
    return found


@pytest.mark.usefixtures("with_c", "one_thread")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(6, 24, 5, 7), (1, 3, 16, 1), (15, 8, 9, 2), (2, 65, 45, 61)])
def test_values_and_gradients_are_those_in_64_bits(shape, bias, drawn_map: Draw, shapes) -> None:
    torch.manual_seed(0)
    conv = fast(nn.Conv2d(shape[1], 10, 1, bias=bias))
    x, gradient = drawn_map(*shape).requires_grad_(), drawn_map(shape[0], 10, *shape[2:], seed=1)
    y = conv(x)
    assert len(shapes) == 1
    assert y.is_contiguous(memory_format=torch.channels_last)
    parameters = list(conv.parameters())
    found = torch.autograd.grad(y, [x, *parameters], gradient)
    exact = [one.detach().double().requires_grad_() for one in (x, *parameters)]
    wanted_y = nn.functional.conv2d(*exact)
    wanted = torch.autograd.grad(wanted_y, exact, gradient.double())
    for got, expected in zip((y, *found), (wanted_y, *wanted), strict=True):
        assert got.shape == expected.shape
        assert ((got - expected).norm() / expected.norm()).item() < 5e-6


@pytest.mark.usefixtures("with_c", "one_thread")
@pytest.mark.parametrize(
    ("shape", "threads", "training"),
    [
        ((6, 24, 5, 7), 2, True),  # with more threads torch asks oneDNN anyway
        ((16, 24, 5, 7), 1, True),  # and so for 16 images
        ((3, 24, 5, 7), 1, True),  # 15 rows are too few
        ((6, 24, 5, 7), 1, False),
    ],
)
def test_what_gains_nothing_is_left_to_torch(shape, threads, training, drawn_map: Draw, shapes) -> None:
    torch.set_num_threads(threads)
    conv = fast(nn.Conv2d(24, 10, 1)).train(training)
    x = drawn_map(*shape)
    assert torch.equal(conv(x), nn.functional.conv2d(x, conv.weight, conv.bias))
    assert shapes == []


@pytest.mark.parametrize(
    "other",
    [
        nn.Conv2d(8, 8, 3),
        nn.Conv2d(8, 8, 1, stride=2),
        nn.Conv2d(8, 8, 1, padding=1),
        nn.Conv2d(8, 8, 1, groups=2),
    ],
)
def test_other_convolutions_stay_as_they_are(other: nn.Conv2d) -> None:
    use_fast_training(other)
    assert type(other) is nn.Conv2d


@pytest.mark.usefixtures("with_c", "one_thread")
def test_gradients_of_a_product_are_those_that_autograd_finds(drawn_map: Draw) -> None:
    maps = drawn_map(2, 5, 9, 4).permute(0, 2, 3, 1).requires_grad_()
    weight = torch.randn(7, 5, 1, 1).requires_grad_()
    gradient = torch.randn(2, 9, 4, 7)
    found = pointwise.gradients(gradient, maps.detach(), weight.detach())
    wanted = torch.autograd.grad(maps @ weight.flatten(1).t(), [maps, weight], gradient)
    for got, expected in zip(found, wanted, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
