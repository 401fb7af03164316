"""SQ against the definition of its public port, by hand."""

import pytest
import torch
from torch import nn

from baselines.registry import METHODS
from baselines.sq import Fire, ParallelDilated, build
from bench.cost.counters import flop_counter_macs
from bench.cost.meta import build_on_meta, on_meta


@pytest.fixture
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(5)


@pytest.fixture
def image():
    return torch.randn(2, 3, 48, 80, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def macs_by_layer():
    """Each convolution's multiply-adds in one forward at 1024x2048, 19 classes."""
    network, _ = build_on_meta(METHODS["sq"], 19)
    shapes = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):

            def note(module, inputs, output, name=name):
                # a transposed convolution works once for each input pixel
                place = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
                shapes[name] = module.weight.numel() * place.shape[-2] * place.shape[-1]

            module.register_forward_hook(note)
    image = torch.empty(1, 3, 1024, 2048, device="meta")
    with on_meta():
        network(image)
    return shapes, flop_counter_macs(network, (image,)).total()


def test_the_encoder_is_squeezenet_1_1():
    network = build(19)
    fires = [m for m in network.encoder.modules() if isinstance(m, Fire)]
    layout = [(m.squeeze.in_channels, m.squeeze.out_channels, m.expand3x3.out_channels) for m in fires]
    assert layout == [
        (64, 16, 64),
        (128, 16, 64),
        (128, 32, 128),
        (256, 32, 128),
        (256, 48, 192),
        (384, 48, 192),
        (384, 64, 256),
        (512, 64, 256),
    ]
    assert all(m.expand1x1.out_channels == m.expand3x3.out_channels for m in fires)


def test_the_encoder_s_maps_have_the_definition_s_channels_and_sizes():
    network, _ = build_on_meta(METHODS["sq"], 19)
    with on_meta():
        maps = network.encoder(torch.empty(1, 3, 1024, 2048))
    assert [tuple(one.shape[1:]) for one in maps] == [
        (64, 512, 1024),
        (128, 256, 512),
        (256, 128, 256),
        (512, 64, 128),
    ]


def test_no_batch_norm_and_a_bias_everywhere():
    network = build(19)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    assert all(m.bias is not None for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))
    assert sum(p.numel() for p in network.parameters()) == 4_804_183


def test_the_largest_terms_are_those_of_the_definition(macs_by_layer):
    layers, _ = macs_by_layer
    skip8 = 9 * 256 * 256 * 128 * 256  # 19.3 G, and so the three others at their sizes
    assert [round(layers[name] / 1e9, 1) for name in ("refine8.skip", "refine4.skip", "refine2.skip")] == [
        19.3
    ] * 3
    assert layers["refine8.skip"] == layers["refine4.skip"] == layers["refine2.skip"] == skip8
    assert layers["refine4.merge"] == 9 * (128 + 128) * 64 * 256 * 512 == skip8
    assert round(layers["refine8.merge"] / 1e9, 1) == 14.5
    assert round(layers["refine2.merge"] / 1e9, 1) == 11.5
    assert [round(layers[f"dilated.convs.{index}"] / 1e9, 2) for index in range(4)] == [4.83] * 4


def test_the_layers_add_up_to_the_counter_s_total_and_no_unit_gives_the_printed_270(macs_by_layer):
    layers, total = macs_by_layer
    assert sum(layers.values()) == total
    assert round(total / 1e9, 2) == 147.18
    assert round(2 * total / 1e9, 2) == 294.36
    assert round(2 * total / 2**30, 1) == 274.1


def test_dilations_are_1_2_4_8_and_their_outputs_are_summed_after_elu():
    block = ParallelDilated(1, 1)
    assert [(conv.dilation, conv.padding) for conv in block.convs] == [((d, d), (d, d)) for d in (1, 2, 4, 8)]
    for bias, conv in zip((1.0, 2.0, -1.0, -2.0), block.convs, strict=True):
        nn.init.zeros_(conv.weight)
        nn.init.constant_(conv.bias, bias)
    # 1 + 2 + (1/e - 1) + (1/e^2 - 1)
    torch.testing.assert_close(block(torch.rand(1, 1, 9, 9)), torch.full((1, 1, 9, 9), 1.5032147))


def test_logits_have_no_elu_which_would_end_at_minus_one(network, image):
    with torch.no_grad():
        network.up1.bias.fill_(-9.0)
    assert network(image).min() < -1


def test_a_map_neither_fades_nor_blows_up_on_its_way_through_twenty_layers(image):
    torch.manual_seed(0)
    with torch.inference_mode():
        spread = build(5)(image).std()
    assert 0.1 < spread < 10


def test_logits_do_not_depend_on_the_mode(network, image):
    with torch.inference_mode():
        assert torch.equal(network.train()(image), network.eval()(image))
