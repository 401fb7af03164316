"""PSPNet: the dilated encoder, the pyramid, where an output pixel stands, and the pieces of the cost."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from baselines.pspnet import PSPNet, build
from baselines.registry import METHODS
from bench.cost.components import training_only
from bench.cost.count import count_costs, params
from bench.cost.meta import on_meta
from bench.train.criterion import PixelLoss

PSPNET101 = METHODS["pspnet-resnet101"]


def on_meta_built(num_classes: int = 19, depth: int = 101) -> PSPNet:
    with torch.device("meta"):
        network = build(num_classes, depth).eval()
    assert isinstance(network, PSPNet)
    return network


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """PSPNet-ResNet50 with five classes, for real."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(5, depth=50)


def image(batch: int, height: int, width: int) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_713_pixels_become_90_points_and_no_stage_after_the_second_halves_them() -> None:
    network = on_meta_built()
    seen: dict[str, tuple[int, ...]] = {}
    parts = ["stem.0", "stem.2", "stem", "layer1", "layer2", "layer3", "layer4"]
    for name in parts:
        network.encoder.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: seen.update({name: tuple(output.shape[1:])})
        )
    with on_meta():
        logits = network(torch.empty(1, 3, 713, 713))
    assert seen == {
        "stem.0": (64, 357, 357),
        "stem.2": (128, 357, 357),
        "stem": (128, 179, 179),
        "layer1": (256, 179, 179),
        "layer2": (512, 90, 90),
        "layer3": (1024, 90, 90),
        "layer4": (2048, 90, 90),
    }
    assert logits.shape == (1, 19, 713, 713)


@pytest.mark.parametrize(
    ("stage", "dilation", "stride"), [("layer1", 1, 1), ("layer2", 1, 2), ("layer3", 2, 1), ("layer4", 4, 1)]
)
def test_every_3x3_of_a_stage_is_dilated_and_the_first_has_the_stride(
    stage: str, dilation: int, stride: int
) -> None:
    blocks = on_meta_built().encoder.get_submodule(stage)
    assert isinstance(blocks, nn.Sequential)
    assert {block.conv2.dilation for block in blocks} == {(dilation, dilation)}
    assert {block.conv2.padding for block in blocks} == {(dilation, dilation)}
    assert [block.conv2.stride[0] for block in blocks] == [stride] + [1] * (len(blocks) - 1)
    assert {conv.stride for block in blocks for conv in (block.conv1, block.conv3)} == {(1, 1)}


def test_the_pyramid_averages_over_1_4_9_and_36_windows() -> None:
    pyramid = on_meta_built().pyramid
    pools = [branch[0] for branch in pyramid.branches]
    x = torch.arange(36.0).reshape(1, 1, 6, 6)
    assert [tuple(pool(x).shape[-2:]) for pool in pools] == [(1, 1), (2, 2), (3, 3), (6, 6)]
    # rows of 0..2 and 0..2 of a 6x6 count: (0 + 1 + 2 + 6 + 7 + 8 + 12 + 13 + 14) / 9 = 7
    assert [float(pool(x)[0, 0, 0, 0]) for pool in pools] == [17.5, 7.0, 3.5, 0.0]
    with on_meta():
        assert pyramid(torch.empty(1, 2048, 5, 7)).shape == (1, 4096, 5, 7)


def test_point_i_of_the_map_stands_on_pixel_8i_of_the_output(network: nn.Module) -> None:
    network.eval()
    head: list[Tensor] = []
    handle = network.get_submodule("head").register_forward_hook(lambda _, __, output: head.append(output))
    with torch.inference_mode():
        logits = network(image(1, 33, 49))
    handle.remove()
    assert head[0].shape == (1, 5, 5, 7)  # 33 = 8 * (5 - 1) + 1, 49 = 8 * (7 - 1) + 1
    assert logits.shape == (1, 5, 33, 49)
    assert torch.allclose(logits[..., ::8, ::8], head[0], rtol=1e-5, atol=1e-6)
    halfway = (head[0][..., 0, 0] + head[0][..., 0, 1]) / 2
    assert torch.allclose(logits[..., 0, 4], halfway, rtol=1e-5, atol=1e-6)


def test_another_depth_is_refused_with_the_depths_there_are() -> None:
    with pytest.raises(ValueError, match="no ResNet-34 encoder; have 50, 101, 152"):
        build(5, depth=34)


def test_training_gives_both_logits_at_full_size_and_the_auxiliary_loss_stops_at_the_third_stage(
    network: nn.Module,
) -> None:
    network.train()
    network.zero_grad(set_to_none=True)
    output = network(image(2, 33, 41))
    assert isinstance(output, tuple)
    assert [tuple(logits.shape) for logits in output] == [(2, 5, 33, 41)] * 2
    output[1].square().sum().backward()
    reached = {name.split(".")[0] if not name.startswith("encoder.") else name.split(".")[1]
               for name, p in network.named_parameters() if p.grad is not None}  # fmt: skip
    assert reached == {"stem", "layer1", "layer2", "layer3", "auxiliary"}


def test_the_auxiliary_loss_counts_four_tenths() -> None:
    # two classes, all pixels of class 0: ln 2 each where the logits are equal
    equal, label = torch.zeros(2, 2, 9, 9), torch.zeros(2, 9, 9, dtype=torch.int64)
    losses = PixelLoss(PSPNET101.auxiliary)((equal, equal), label)
    assert float(losses["total"]) == pytest.approx(1.4 * 0.693147, rel=1e-5)


def test_a_batch_of_one_is_refused_in_training_unless_batch_norm_is_frozen(network: nn.Module) -> None:
    network.train()
    with pytest.raises(ValueError, match="PSPNet in training mode got a batch of 1 image"):
        network(image(1, 17, 17))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    logits, auxiliary = network(image(1, 17, 17))
    assert logits.shape == auxiliary.shape == (1, 5, 17, 17)


def test_the_auxiliary_head_has_2_365_m_parameters_that_the_printed_count_leaves_out() -> None:
    network = on_meta_built()
    head = 9 * 1024 * 256 + 2 * 256 + 256 * 19 + 19
    assert params([network.auxiliary]) == head == 2_364_691
    assert params([network]) == 65_707_475 + head
    assert [one.numel() for one in training_only(network)] == [
        one.numel() for one in network.auxiliary.parameters()
    ]


def test_the_printed_250_8_and_250_9_m_parameters_are_mebibytes_of_float32() -> None:
    networks = [on_meta_built(classes) for classes in (19, 150)]
    sizes = [(params([one]) - sum(p.numel() for p in training_only(one))) * 4 / 2**20 for one in networks]
    assert [f"{size:.2f}" for size in sizes] == ["250.65", "250.91"]


def test_the_pieces_of_the_cost_at_713x713() -> None:
    network = on_meta_built()
    seen: dict[str, int] = {}

    def count(name: str) -> None:
        def hook(conv: nn.Conv2d, _: object, output: Tensor) -> None:
            seen[name] = output[0].numel() * conv.weight[0].numel()

        network.get_submodule(name).register_forward_hook(hook)

    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            count(name)
    with on_meta():
        network(torch.empty(1, 3, 713, 713))

    def part(*starts: str) -> int:
        return sum(macs for name, macs in seen.items() if name.startswith(starts))

    assert part("encoder.stem") == 357**2 * 9 * (3 * 64 + 64 * 64 + 64 * 128)
    assert part("pyramid") == (1 + 4 + 9 + 36) * 2048 * 512
    assert part("head") == 90**2 * (9 * 4096 * 512 + 512 * 19)
    assert part("encoder.layer4") == 90**2 * (
        1024 * 2048 + (1024 + 2 * 2048) * 512 + 3 * (9 * 512**2 + 512 * 2048)
    )
    total = part("")
    assert f"{total / 1e9:.3f}" == "517.190"
    # with a 7x7 stem of 64 channels, and 64 channels into the first block's two 1x1
    plain = total - part("encoder.stem") + 357**2 * 49 * 3 * 64 - 179**2 * 64 * (64 + 256)
    assert f"{plain / 1e9:.1f}" == "503.4"


def test_resnet50_at_713x713_costs_17_blocks_of_stage_3_less() -> None:
    fifty = replace(PSPNET101, name="pspnet-resnet50", options={"depth": 50})
    block = 90**2 * (2 * 1024 * 256 + 9 * 256 * 256)
    gmacs = [count_costs(method, 19, (713, 713), ("gmacs",)).gmacs for method in (fifty, PSPNET101)]
    assert f"{gmacs[0]:.1f}" == "363.8"
    assert round(1e9 * (gmacs[1] - gmacs[0])) == 17 * block
