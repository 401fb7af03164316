"""DilatedNet's front end against the published description; costs worked by hand."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F  # noqa: N812

from baselines import dilatednet
from baselines.registry import METHODS
from bench.cost.count import count_costs
from bench.cost.meta import on_meta

METHOD = METHODS["dilatednet"]

# at 384x384: side of the maps that the convolutions make, and their (channels in, channels out, kernel)
STAGES_AT_384 = [
    (384, [(3, 64, 3), (64, 64, 3)]),
    (192, [(64, 128, 3), (128, 128, 3)]),
    (96, [(128, 256, 3), (256, 256, 3), (256, 256, 3)]),
    (48, [(256, 512, 3), (512, 512, 3), (512, 512, 3)]),
    (48, [(512, 512, 3)] * 3),
    (48, [(512, 4096, 7), (4096, 4096, 1), (4096, 151, 1)]),
]


def test_encoder_has_the_names_and_shapes_of_vgg16() -> None:
    with torch.device("meta"):
        vgg = torchvision.models.vgg16(weights=None)
        encoder = dilatednet.Trunk()
    convs = {name: layer for name, layer in encoder.named_children() if isinstance(layer, nn.Conv2d)}
    assert list(convs) == [
        *("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3"),
        *("conv4_1", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3", "fc6", "fc7"),
    ]
    theirs = [layer for layer in vgg.features if isinstance(layer, nn.Conv2d)]
    for ours, other in zip(list(convs.values())[:13], theirs, strict=True):
        assert ours.weight.shape == other.weight.shape
    for name, index in (("fc6", 0), ("fc7", 3)):
        ours = convs[name].weight
        assert vgg.classifier[index].weight.reshape(ours.shape).shape == ours.shape


def test_dilation_stands_in_for_the_two_pools_that_are_not_there() -> None:
    with torch.device("meta"):
        encoder = dilatednet.Trunk()
    layers = dict(encoder.named_children())
    assert [name for name in layers if "pool" in name] == ["pool1", "pool2", "pool3"]
    dilation = {name: layer.dilation[0] for name, layer in layers.items() if isinstance(layer, nn.Conv2d)}
    assert {name for name, value in dilation.items() if value == 2} == {"conv5_1", "conv5_2", "conv5_3"}
    assert {name for name, value in dilation.items() if value > 2} == {"fc6"}
    assert (dilation["fc6"], layers["fc6"].padding) == (4, (12, 12))  # 3 taps x 4 to each side
    with on_meta():
        assert encoder(torch.empty(1, 3, 64, 96)).shape == (1, 4096, 8, 12)


def test_costs_are_those_of_the_convolutions_alone() -> None:
    macs = sum(
        side**2 * wide_in * wide_out * kernel**2
        for side, layers in STAGES_AT_384
        for wide_in, wide_out, kernel in layers
    )
    # VGG's 13 convolutions 14,714,688, fc6 102,764,544, fc7 16,781,312, 4097 a class
    parameters = 14_714_688 + 102_764_544 + 16_781_312 + 151 * 4097
    counted = count_costs(METHOD, 151, (384, 384), ("gmacs", "params_m"))
    assert counted.gmacs == pytest.approx(macs / 1e9, rel=1e-12)
    assert counted.params_m == pytest.approx(parameters / 1e6, abs=1e-9)


def test_enlargement_is_the_published_transposed_convolution() -> None:
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    tent = 1 - (torch.arange(16, dtype=torch.float64) - 7.5).abs() / 8
    kernel = (tent[:, None] * tent).expand(3, 1, 16, 16)
    expected = F.conv_transpose2d(x, kernel, stride=8, padding=4, groups=3)
    assert expected.shape[-2:] == (32, 40)
    torch.testing.assert_close(dilatednet.enlarge(x), expected)


def test_both_layers_of_4096_channels_drop_half() -> None:
    with torch.device("meta"):
        dropped = [m.p for m in dilatednet.build(2).modules() if isinstance(m, torch.nn.Dropout)]
    assert dropped == [0.5, 0.5]
