"""RefineNet: its blocks by hand, the size of each level, and where the printed cost comes from."""

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from baselines.refinenet import CRP, RCU, Encoder, RefineNet, build
from baselines.registry import METHODS
from bench.cost.count import count_costs
from bench.cost.counters import thop2019_ops
from bench.cost.meta import on_meta
from bench.train.weights import find, load_encoder

# 468x625 at strides 4, 8, 16, 32; every stride of 2 rounds up
PIXELS_NYU = (117 * 157, 59 * 79, 30 * 40, 15 * 20)
LEVELS = ("level1", "level2", "level3", "level4")


def on_meta_built(num_classes: int = 40, depth: int = 50) -> RefineNet:
    with torch.device("meta"):
        network = build(num_classes, depth).eval()
    assert isinstance(network, RefineNet)
    return network


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """RefineNet-ResNet50 with five classes, for real."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(5, depth=50)


def centre(conv: nn.Conv2d, weight: float, bias: float | None = None) -> None:
    """Make a 3x3 convolution of one channel multiply each pixel, and add ``bias``."""
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 1, 1] = weight
        if bias is not None:
            conv.bias.fill_(bias)


def test_a_residual_unit_has_a_relu_before_each_convolution_and_a_bias_in_the_first() -> None:
    unit = RCU(1)
    assert unit.conv_a.bias is not None
    assert unit.conv_b.bias is None
    centre(unit.conv_a, 2.0, bias=1.0)
    centre(unit.conv_b, 3.0)
    x = torch.tensor([[[[4.0, -1.0]]]])
    # 4 + 3 * (2 * 4 + 1) = 31; -1 + 3 * (2 * 0 + 1) = 2
    assert unit(x).flatten().tolist() == [31.0, 2.0]
    assert x.flatten().tolist() == [4.0, -1.0]


def test_chained_pooling_adds_four_pools_of_the_one_before() -> None:
    crp = CRP(1)
    for conv in crp.convs:
        centre(conv, 1.0)
    x = torch.zeros(1, 1, 21, 21)
    x[0, 0, 10, 10] = 1.0
    # a spike grows by two pixels a side with each pool: 5, 9, 13, 17 wide
    assert crp(x)[0, 0, 10, 10:].tolist() == [5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0]


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


def test_every_level_has_five_residual_units_and_one_chain_of_pools() -> None:
    network = on_meta_built()
    for name in LEVELS:
        modules = list(network.get_submodule(name).modules())
        assert sum(isinstance(module, RCU) for module in modules) == 5
        assert sum(isinstance(module, nn.MaxPool2d) for module in modules) == 1
    assert network.level4.adapt[0].conv_a.in_channels == 512
    # decoder at 40 classes: 9 weights each; a level of 256 has 5 units of 2 convolutions, 4 of the chain,
    # fusion and handing on; level 4 has no fusion, level 1 hands nothing on
    square, units = 9 * 256**2, 5 * 256
    level2 = 9 * 512 * 256 + 16 * square + units
    level3 = 9 * 1024 * 256 + 16 * square + units
    level1 = 9 * 256 * 256 + 15 * square + units
    level4 = 9 * 2048 * 512 + 14 * 9 * 512**2 + 9 * 512 * 256 + 5 * 512
    classifier = 9 * 256 * 40 + 40
    decoder = sum(p.numel() for p in network.parameters()) - sum(
        p.numel() for p in network.encoder.parameters()
    )
    assert decoder == level1 + level2 + level3 + level4 + classifier


def test_the_counted_biases_of_the_residual_units_are_8_33_giga() -> None:
    with_bias, without = on_meta_built(), on_meta_built()
    for module in without.modules():
        if isinstance(module, RCU):
            module.conv_a.bias = None
    image = torch.empty(1, 3, 468, 625, device="meta")
    extra = thop2019_ops(with_bias, [image]) - thop2019_ops(without, [image])
    # the rule multiplies a bias by the input channels: c * c * h * w for each of a level's five units
    assert extra == 5 * (256**2 * sum(PIXELS_NYU[:3]) + 512**2 * PIXELS_NYU[3])
    assert round(extra / 1e9, 2) == 8.33


def test_a_relu_module_at_the_stem_would_miss_the_printed_digits() -> None:
    costs = count_costs(METHODS["refinenet-resnet101"], 19, (512, 1024), ("thop2019_gops",))
    assert costs.thop2019_gops is not None
    assert f"{costs.thop2019_gops:.3f}" == "541.405"
    assert f"{costs.thop2019_gops + 64 * 256 * 512 / 1e9:.3f}" == "541.413"


def test_the_printed_118_1_m_parameters_need_20_classes() -> None:
    # Table 1 prints 118.1 M for Cityscapes, whose 19 classes give 118.0; a class costs 9 * 256 + 1
    params = [sum(p.numel() for p in on_meta_built(classes, 101).parameters()) for classes in (19, 20)]
    assert [round(count / 1e6, 1) for count in params] == [118.0, 118.1]
    assert params[1] - params[0] == 2305


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_the_encoder_has_torchvisions_tensors(depth: int) -> None:
    with torch.device("meta"):
        reference = getattr(models, f"resnet{depth}")(weights=None).state_dict()
        encoder = Encoder(depth).state_dict()
    shapes = {name: tensor.shape for name, tensor in reference.items() if not name.startswith("fc.")}
    assert {name: tensor.shape for name, tensor in encoder.items()} == shapes


def test_torchvisions_weights_give_torchvisions_maps() -> None:
    reference, encoder = models.resnet50(weights=None).eval(), Encoder(50).eval()
    load_encoder(encoder, find("torchvision-resnet50"), reference.state_dict())
    x = image = torch.randn(1, 3, 33, 49, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        maps = encoder(image)
        for layer in (reference.conv1, reference.bn1, reference.relu, reference.maxpool):
            x = layer(x)
        for ours, layer in zip(maps, ("layer1", "layer2", "layer3", "layer4"), strict=True):
            x = reference.get_submodule(layer)(x)
            assert torch.equal(ours, x)


def test_another_depth_is_refused_with_the_depths_there_are() -> None:
    with pytest.raises(ValueError, match="no ResNet-34 encoder; have 50, 101, 152"):
        build(5, depth=34)


def test_dropout_acts_in_training(network: nn.Module) -> None:
    image = torch.randn(2, 3, 33, 49, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        network.train()
        first = network(image)
        assert isinstance(first, Tensor)
        assert not torch.equal(first, network(image))


def test_every_level_reaches_the_logits(network: nn.Module) -> None:
    network.eval()
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    network.zero_grad()
    network(image).square().sum().backward()
    for name in LEVELS:
        for key, parameter in network.get_submodule(name).named_parameters():
            assert parameter.grad is not None, key
            assert float(parameter.grad.abs().sum()) > 0, f"{name}.{key}"
