"""FCN-8s against the published description: stages, crops, fixed kernels, skips; costs worked by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines import fcn
from baselines.registry import METHODS
from bench.cost.count import count_costs
from bench.cost.meta import build_on_meta, on_meta
from bench.train.criterion import build_criterion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

METHOD = METHODS["fcn-8s"]

# at 384x384: side of the maps that the convolutions make, and their (channels in, channels out, kernel)
STAGES_AT_384 = [
    (582, [(3, 64, 3), (64, 64, 3)]),
    (291, [(64, 128, 3), (128, 128, 3)]),
    (146, [(128, 256, 3), (256, 256, 3), (256, 256, 3)]),
    (73, [(256, 512, 3), (512, 512, 3), (512, 512, 3)]),
    (37, [(512, 512, 3)] * 3),
    (13, [(512, 4096, 7), (4096, 4096, 1), (4096, 151, 1)]),
    (37, [(512, 151, 1)]),  # pool4
    (73, [(256, 151, 1)]),  # pool3
]


@pytest.fixture(scope="module")
def new_network() -> fcn.FCN8s:
    """Five classes on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return fcn.build(5)


@pytest.fixture
def network(new_network: fcn.FCN8s) -> Iterator[fcn.FCN8s]:
    """The same with random score layers, through which gradients reach the encoder."""
    scores = (new_network.score_fr, new_network.score_pool4, new_network.score_pool3)
    for index, score in enumerate(scores):
        nn.init.normal_(score.weight, std=0.01, generator=torch.Generator().manual_seed(index))
    yield new_network
    for score in scores:
        nn.init.zeros_(score.weight)


@pytest.fixture
def on_the_meta_device() -> fcn.FCN8s:
    built, notes = build_on_meta(METHOD, 151)
    assert notes == []
    assert isinstance(built, fcn.FCN8s)
    return built


def decode_alone(score: str, cell: tuple[int, int], size_hw: tuple[int, int], **options: object) -> Tensor:
    """Return the one logit map of an image whose maps are zero but for one cell, weight 1."""
    with torch.device("meta"):
        network = fcn.build(1, **options)
    height, width = (side + 198 for side in size_hw)
    maps = {}
    for name, channels, stride, cut in (("pool3", 256, 8, 0), ("pool4", 512, 16, 0), ("fr", 4096, 32, 6)):
        maps[name] = torch.zeros(1, channels, -(-height // stride) - cut, -(-width // stride) - cut)
    maps[score][0, 0, cell[0], cell[1]] = 1
    for name in maps:
        conv = nn.Conv2d(maps[name].shape[1], 1, 1)
        nn.init.ones_(conv.weight)
        nn.init.zeros_(conv.bias)
        setattr(network, f"score_{name}", conv)
    with torch.no_grad():
        return network.decode(maps["pool3"], maps["pool4"], maps["fr"], size_hw)[0, 0]


def centre(response: Tensor) -> tuple[float, float]:
    """Return the centre of mass in pixels, the first pixel's middle at 0."""
    rows, columns = (torch.arange(side, dtype=torch.float32) for side in response.shape)
    total = response.sum()
    return float((response.sum(1) * rows).sum() / total), float((response.sum(0) * columns).sum() / total)


def test_encoder_has_the_names_and_shapes_of_vgg16() -> None:
    with torch.device("meta"):
        vgg = torchvision.models.vgg16(weights=None)
        encoder = fcn.Encoder()
    convs = {name: layer for name, layer in encoder.named_children() if isinstance(layer, nn.Conv2d)}
    assert list(convs) == [
        *("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3"),
        *("conv4_1", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3", "fc6", "fc7"),
    ]
    theirs = [layer for layer in vgg.features if isinstance(layer, nn.Conv2d)]
    for ours, other in zip(list(convs.values())[:13], theirs, strict=True):
        assert ours.weight.shape == other.weight.shape
        assert ours.bias is not None
    for name, index in (("fc6", 0), ("fc7", 3)):
        ours = convs[name].weight
        assert vgg.classifier[index].weight.reshape(ours.shape).shape == ours.shape


def test_every_stage_has_the_published_size(on_the_meta_device: fcn.FCN8s) -> None:
    sides: dict[str, int] = {}

    def remember(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: object, output: Tensor) -> None:
            sides[name] = output.shape[-1]

        return hook

    for name, layer in on_the_meta_device.named_modules():
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            layer.register_forward_hook(remember(name))
    with on_meta():
        on_the_meta_device(torch.empty(1, 3, 384, 384))
    # 384 + 200 - 2 = 582; pools round up: 291, 145.5, 73, 36.5, 18.5; fc6 takes 6 away
    pools = [sides[f"encoder.pool{stage}"] for stage in range(1, 6)]
    assert (sides["encoder.conv1_1"], *pools) == (582, 291, 146, 73, 37, 19)
    scores = [sides[name] for name in ("encoder.fc6", "score_fr", "score_pool4", "score_pool3")]
    assert scores == [13, 13, 37, 73]


def test_multiply_adds_are_those_of_the_convolutions_alone() -> None:
    by_hand = sum(
        side**2 * wide_in * wide_out * kernel**2
        for side, layers in STAGES_AT_384
        for wide_in, wide_out, kernel in layers
    )
    counted = count_costs(METHOD, 151, (384, 384), ("gmacs",)).gmacs
    assert counted == pytest.approx(by_hand / 1e9, rel=1e-12)


def test_parameters_leave_the_fixed_enlargements_out() -> None:
    # 14,714,688 + fc6 102,764,544 + fc7 16,781,312, then (4096 + 512 + 256) weights and 3 biases a class
    encoder = 14_714_688 + 102_764_544 + 16_781_312
    counted = count_costs(METHOD, 151, (32, 32), ("params_m",)).params_m
    assert counted == pytest.approx((encoder + 151 * (4096 + 512 + 256 + 3)) / 1e6, abs=1e-9)


@pytest.mark.parametrize("factor", [2, 8])
def test_enlargement_is_the_transposed_convolution_with_a_bilinear_kernel(factor: int) -> None:
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    # the Caffe filler's tent over 2 f taps: for f = 2 it is 1/4, 3/4, 3/4, 1/4
    tent = 1 - (torch.arange(2 * factor, dtype=torch.float64) - (factor - 0.5)).abs() / factor
    kernel = (tent[:, None] * tent).expand(3, 1, -1, -1)
    expected = F.conv_transpose2d(x, kernel, stride=factor, groups=3)
    assert expected.shape[-2:] == (5 * factor, 6 * factor)
    torch.testing.assert_close(fcn.bilinear_deconvolution(x, factor), expected)


@pytest.mark.parametrize(
    ("score", "cell", "pixel"),
    [
        # conv1_1 writes the padded image's row r from the image's row r - 99; a pool3 cell i holds rows
        # 8 i ... 8 i + 7, so its middle is the image's 8 i - 95.5
        ("pool3", (16, 19), (32.5, 56.5)),
        ("pool4", (9, 10), (52.5, 68.5)),  # 16 i + 7.5 - 99
        ("fr", (1, 2), (44.5, 76.5)),  # fc6 reaches from pool5's i to i + 6: 32 (i + 3) + 15.5 - 99
    ],
)
def test_crops_put_a_score_over_the_pixels_that_it_was_pooled_from(
    score: str, cell: tuple[int, int], pixel: tuple[float, float]
) -> None:
    response = decode_alone(score, cell, (101, 143))
    assert centre(response) == pytest.approx(pixel, abs=1e-3)


def test_skips_are_scaled_by_a_hundredth_and_a_ten_thousandth() -> None:
    cells = {"pool3": (16, 19), "pool4": (9, 10)}
    for score, scale in (("pool4", 0.01), ("pool3", 0.0001)):
        scaled = decode_alone(score, cells[score], (101, 143))
        plain = decode_alone(score, cells[score], (101, 143), skip_scales=(1.0, 1.0))
        torch.testing.assert_close(scaled, scale * plain)
        assert float(plain.max()) > 0.5


def test_any_size_comes_back(on_the_meta_device: fcn.FCN8s) -> None:
    with on_meta():
        for height, width in [(1, 1), (31, 250), *((side, side + 1) for side in range(60, 96))]:
            assert on_the_meta_device(torch.empty(2, 3, height, width)).shape == (2, 151, height, width)


def test_score_layers_start_at_zero_and_the_encoder_does_not(new_network: fcn.FCN8s) -> None:
    largest = {name: float(p.detach().abs().max()) for name, p in new_network.named_parameters()}
    assert all(value == 0 for name, value in largest.items() if "score" in name or "bias" in name)
    assert all(value > 0 for name, value in largest.items() if "encoder" in name and "weight" in name)


def test_the_deepest_layers_have_a_gradient_once_the_scores_are_not_zero(
    network: fcn.FCN8s, tiny_recipe_of
) -> None:
    image = torch.randn(1, 3, 19, 26, generator=torch.Generator().manual_seed(1))
    label = torch.randint(0, 5, (1, 19, 26), generator=torch.Generator().manual_seed(2))
    label[:, :3] = 255
    network.train()
    build_criterion(tiny_recipe_of(METHOD), METHOD)(network(image), label)["total"].backward()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    network.zero_grad(set_to_none=True)
    assert float(gradients["encoder.conv1_1.weight"].abs().max()) > 0
    assert float(gradients["score_pool3.weight"].abs().max()) > 0


def test_dropout_is_of_training_only(network: fcn.FCN8s) -> None:
    image = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        network.eval()
        once, again = network(image), network(image)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            network.train()
            dropped = network(image)
    assert torch.equal(once, again)
    assert not torch.equal(once, dropped)
