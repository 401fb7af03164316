"""SegNet against its published definition, by hand."""

import pytest
import torch
from torch import nn

from baselines.registry import METHODS
from baselines.segnet import Decoder, Encoder, build
from bench.cost.counters import flop_counter_macs
from bench.cost.meta import build_on_meta, on_meta


@pytest.fixture
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(5)


@pytest.fixture
def image():
    return torch.randn(2, 3, 65, 97, generator=torch.Generator().manual_seed(0))


def on_meta_at_paper_size(classes):
    network, _ = build_on_meta(METHODS["segnet"], classes)
    return network, torch.empty(1, 3, 360, 640, device="meta")


def test_the_encoder_is_vgg16_with_a_batch_norm_beside_every_convolution():
    names = {name.rsplit(".", 1)[0] for name, _ in Encoder().named_parameters()}
    places = [
        f"{stage}_{index}" for stage, last in enumerate((2, 2, 3, 3, 3), 1) for index in range(1, last + 1)
    ]
    assert names == {f"{kind}{place}" for kind in ("conv", "bn") for place in places}
    shapes = [m.weight.shape[:2] for m in Encoder().modules() if isinstance(m, nn.Conv2d)]
    widths = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    assert shapes == list(zip(widths, [3, *widths[:-1]], strict=True))


def test_a_decoder_stage_drops_its_channels_in_its_last_convolution_and_the_26th_is_the_classifier():
    convs = [m for m in Decoder(19).modules() if isinstance(m, nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [
        512,
        512,
        512,
        512,
        512,
        256,
        256,
        256,
        128,
        128,
        64,
        64,
        19,
    ]
    assert convs[-1].in_channels == 64
    assert convs[-1].kernel_size == (3, 3)
    with torch.device("meta"):
        every = list(build(19).modules())
    assert sum(isinstance(m, nn.Conv2d) for m in every) == 26
    assert sum(isinstance(m, nn.BatchNorm2d) for m in every) == 25
    assert all(m.bias is not None for m in every if isinstance(m, nn.Conv2d))


def test_parameters_grow_by_577_with_each_class():
    # 3 * 3 * 64 weights and one bias
    counts = {}
    for classes in (19, 20):
        with torch.device("meta"):
            counts[classes] = sum(p.numel() for p in build(classes).parameters())
    assert counts[20] - counts[19] == 577
    assert counts[19] == 29_453_971


def test_weights_of_the_convolutions_alone_are_29_430_m():
    with torch.device("meta"):
        network = build(19)
    weights = sum(m.weight.numel() for m in network.modules() if isinstance(m, nn.Conv2d))
    statistics = sum(m.running_mean.numel() * 2 for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    assert round(weights / 1e6, 3) == 29.430
    assert round(statistics / 1e3, 1) == 15.9


def test_pools_round_down_and_the_way_up_returns_to_the_sizes_before_them():
    network, image = on_meta_at_paper_size(19)
    seen = []
    for stage in network.decoder.stages:
        stage.register_forward_hook(lambda _m, inputs, _o: seen.append(tuple(inputs[0].shape[1:])))
    with on_meta():
        deepest, kept = network.encoder(image)
        network(image)
    assert deepest.shape == (1, 512, 11, 20)
    assert [one.size_hw for one in kept] == [(360, 640), (180, 320), (90, 160), (45, 80), (22, 40)]
    assert seen == [(512, 22, 40), (512, 45, 80), (256, 90, 160), (128, 180, 320), (64, 360, 640)]


def test_the_printed_286_g_is_twice_the_multiply_adds_for_19_to_21_classes_only():
    # a class more is 9 * 64 multiply-adds at each of 360 * 640 pixels
    network, image = on_meta_at_paper_size(19)
    macs = flop_counter_macs(network, (image,)).total()
    assert round(2 * macs / 1e9, 3) == 285.557
    per_class = 9 * 64 * 360 * 640
    printed = {
        classes: round(2 * (macs + (classes - 19) * per_class) / 1e9) for classes in (11, 12, 19, 20, 21)
    }
    assert printed == {11: 283, 12: 284, 19: 286, 20: 286, 21: 286}


def test_the_last_stage_of_the_decoder_costs_64_channels_at_full_size():
    network, _ = on_meta_at_paper_size(19)
    wide = torch.empty(1, 64, 360, 640, device="meta")
    assert flop_counter_macs(network.decoder.stages[-1], (wide,)).total() == 9 * 64 * 64 * 360 * 640
    assert flop_counter_macs(network.decoder.classifier, (wide,)).total() == 9 * 64 * 19 * 360 * 640


def test_a_value_and_its_gradient_go_by_the_pixel_that_the_pool_took_it_from():
    decoder = Decoder(1).eval()
    _, kept = Encoder().eval()(torch.zeros(1, 3, 32, 32))
    deepest = torch.ones(1, 512, 1, 1, requires_grad=True)
    indices = torch.zeros_like(kept[4].indices)
    indices[0, 7] = 3  # channel 7 of the last pool took the lower right of its 2x2 pixels
    kept[4] = kept[4]._replace(indices=indices)
    seen = []
    decoder.stages[0].register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0]))
    decoder(deepest, kept)
    assert seen[0][0, 7].tolist() == [[0, 0], [0, 1]]
    assert seen[0][0, 6].tolist() == [[1, 0], [0, 0]]
    (gradient,) = torch.autograd.grad(seen[0][0, 7, 1, 1] + 2 * seen[0][0, 6, 1, 1], deepest)
    assert gradient.flatten().nonzero().tolist() == [[7]]
    assert gradient[0, 7].item() == 1
