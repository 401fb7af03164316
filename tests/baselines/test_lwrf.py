"""Light-Weight RefineNet: what is left of RefineNet's decoder, its sizes, and the pieces of its cost."""

import pytest
import torch
from torch import nn

from baselines import refinenet
from baselines.lwrf import CRP, build
from baselines.registry import METHODS
from bench.cost.count import count_costs
from bench.cost.meta import on_meta

LEVELS = ("level1", "level2", "level3", "level4")


def on_meta_built(num_classes: int = 40, depth: int = 50) -> nn.Module:
    with torch.device("meta"):
        return build(num_classes, depth).eval()


def decoder_convs(network: nn.Module) -> list[nn.Conv2d]:
    return [
        module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and not name.startswith("encoder.")
    ]


def test_every_decoder_convolution_is_1x1_without_bias_but_the_classifier() -> None:
    *convs, classifier = decoder_convs(on_meta_built())
    # reduce, fuse, four of the chain, hand on; level 1 hands nothing on, level 4 fuses nothing
    assert len(convs) == 6 + 7 + 7 + 6
    assert {(conv.kernel_size, conv.bias) for conv in convs} == {((1, 1), None)}
    assert classifier.kernel_size == (3, 3)
    assert classifier.bias is not None


def test_the_decoder_has_no_batch_norm_and_3_9_m_parameters() -> None:
    network = on_meta_built()
    own = {name: p for name, p in network.named_parameters() if not name.startswith("encoder.")}
    square = 256**2
    fine = (256 + 512 + 1024) * 256 + (5 + 6 + 6) * square
    coarse = 2048 * 512 + 4 * 512**2 + 512 * 256
    assert sum(p.numel() for p in own.values()) == fine + coarse + 9 * 256 * 40 + 40 == 3_893_288
    assert not any(
        isinstance(m, nn.BatchNorm2d) for name in LEVELS for m in network.get_submodule(name).modules()
    )


def test_chained_pooling_adds_four_pools_of_the_one_before() -> None:
    crp = CRP(1)
    with torch.no_grad():
        for conv, weight in zip(crp.convs, (1.0, 10.0, 1.0, 1.0), strict=True):
            conv.weight.fill_(weight)
        x = torch.zeros(1, 1, 21, 21)
        x[0, 0, 10, 10] = 1.0
        # x itself, then windows of 5, 9, 13, 17 pixels with 1, 10, 10, 10: 32 at the centre
        assert crp(x)[0, 0, 10, 10:].tolist() == [32, 31, 31, 30, 30, 20, 20, 10, 10, 0, 0]


def test_every_level_works_at_its_encoder_map_s_size_and_hands_on_256_channels() -> None:
    network = on_meta_built()
    seen: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    for name in LEVELS:
        network.get_submodule(name).register_forward_hook(
            lambda _, inputs, output, name=name: seen.update(
                {name: (tuple(inputs[0].shape[1:]), tuple(output.shape[1:]))}
            )
        )
    with on_meta():
        logits = network(torch.empty(1, 3, 468, 625))
    assert seen == {
        "level1": ((256, 117, 157), (256, 117, 157)),
        "level2": ((512, 59, 79), (256, 59, 79)),
        "level3": ((1024, 30, 40), (256, 30, 40)),
        "level4": ((2048, 15, 20), (256, 15, 20)),
    }
    assert logits.shape == (1, 40, 468, 625)


@pytest.fixture(scope="module")
def macs_at_512() -> dict[int, float]:
    """Multiply-adds in giga at 512x512 with 40 classes, by depth."""
    return {
        depth: count_costs(METHODS[f"lwrf-resnet{depth}"], 40, (512, 512), ("gmacs",)).gmacs or 0.0
        for depth in (50, 101)
    }


def test_the_authors_own_costs_are_multiply_adds_at_512x512(macs_at_512: dict[int, float]) -> None:
    assert [round(macs) for macs in macs_at_512.values()] == [33, 52]


def test_resnet101_costs_17_blocks_of_stage_3_more_than_resnet50(macs_at_512: dict[int, float]) -> None:
    # at 32x32: 1x1 from 1024 to 256, 3x3, 1x1 back. 52.09 less 19.39 is 32.69: a 32.70 for ResNet-50 is wrong
    block = 32 * 32 * (1024 * 256 + 9 * 256 * 256 + 256 * 1024)
    assert round(1e9 * (macs_at_512[101] - macs_at_512[50])) == 17 * block
    assert f"{macs_at_512[101]:.2f} {macs_at_512[50]:.2f}" == "52.09 32.69"


def test_a_relu_module_at_the_stem_would_miss_the_printed_digits() -> None:
    costs = count_costs(METHODS["lwrf-resnet50"], 40, (468, 625), ("thop2019_gops",))
    assert costs.thop2019_gops is not None
    assert f"{costs.thop2019_gops:.3f}" == "37.938"
    assert f"{costs.thop2019_gops + 64 * 234 * 313 / 1e9:.3f}" == "37.943"


def test_the_encoder_is_refinenets() -> None:
    assert isinstance(on_meta_built().encoder, refinenet.Encoder)


def test_another_depth_is_refused_with_the_depths_there_are() -> None:
    with pytest.raises(ValueError, match="no ResNet-18 encoder; have 50, 101, 152"):
        build(5, depth=18)
