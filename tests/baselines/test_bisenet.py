"""BiSeNet: its stages, the pieces of its cost, and what training gets from it."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet18

from baselines.bisenet import AttentionRefinement, FeatureFusion, build
from baselines.registry import METHODS
from bench.cost.count import count_costs, params
from bench.cost.meta import build_on_meta, on_meta


def shapes_of_bisenet(name: str, size_hw: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """Return the shape of what each submodule returns for one image."""
    network, _ = build_on_meta(METHODS[name], 19)
    shapes: dict[str, tuple[int, ...]] = {}
    for part, module in network.named_modules():
        module.register_forward_hook(
            lambda _, __, output, part=part: shapes.update(
                {part: tuple(output.shape[1:])} if isinstance(output, torch.Tensor) else {}
            )
        )
    with on_meta():
        network(torch.empty(1, 3, *size_hw))
    return shapes


def gmacs_by_part(name: str, size_hw: tuple[int, int]) -> dict[str, float]:
    """Return the multiply-adds in 1e9 of each direct submodule that has any."""
    network, _ = build_on_meta(METHODS[name], 19)
    counter = FlopCounterMode(display=False)
    with on_meta(), counter:
        network(torch.empty(1, 3, *size_hw))
    return {
        part.removeprefix("BiSeNet."): sum(flops.values()) / 2e9
        for part, flops in counter.get_flop_counts().items()
        if part.count(".") == 1
    }


@pytest.fixture(scope="module", params=["xception39", "resnet18"])
def small_bisenet(request: pytest.FixtureRequest) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(4, backbone=request.param)


@pytest.mark.parametrize(("name", "c16", "c32"), [("bisenet1", 128, 256), ("bisenet2", 256, 512)])
def test_at_360x640_each_stride_rounds_up_and_maps_meet_at_recorded_sizes(
    name: str, c16: int, c32: int
) -> None:
    shapes = shapes_of_bisenet(name, (360, 640))
    assert [shapes[f"spatial_path.{i}"] for i in range(4)] == [
        (64, 180, 320),
        (64, 90, 160),
        (64, 45, 80),
        (128, 45, 80),
    ]
    stage16, stage32 = ("layer2", "layer3") if name == "bisenet1" else ("layer3", "layer4")
    assert shapes[f"encoder.{stage16}"] == (c16, 23, 40)  # 45 / 2 rounded up
    assert shapes[f"encoder.{stage32}"] == (c32, 12, 20)
    assert shapes["global_context"] == (128, 1, 1)
    assert shapes["arm32"] == (128, 12, 20)
    assert shapes["refine32"] == shapes["arm16"] == (128, 23, 40)
    assert shapes["refine16"] == (128, 45, 80)
    assert shapes["fusion"] == (256, 45, 80)
    assert shapes["head"] == (19, 45, 80)
    assert shapes[""] == (19, 360, 640)


def test_xception39_has_stages_of_4_8_and_4_blocks_which_halve_in_the_first() -> None:
    shapes = shapes_of_bisenet("bisenet1", (64, 96))
    assert shapes["encoder.stem.0"] == (8, 32, 48)
    assert shapes["encoder.stem"] == (8, 16, 24)
    for stage, blocks, shape in (
        ("layer1", 4, (64, 8, 12)),
        ("layer2", 8, (128, 4, 6)),
        ("layer3", 4, (256, 2, 3)),
    ):
        assert [shapes[f"encoder.{stage}.{i}"] for i in range(blocks)] == [shape] * blocks
        assert f"encoder.{stage}.{blocks}" not in shapes


@pytest.mark.parametrize(
    ("name", "backbone", "arms"), [("bisenet1", 0.186, 0.207), ("bisenet2", 8.495, 0.413)]
)
def test_the_cost_at_360x640_splits_as_the_definition_s(name: str, backbone: float, arms: float) -> None:
    gmacs = gmacs_by_part(name, (360, 640))
    split = {
        "spatial": gmacs["spatial_path"],
        "backbone": gmacs["encoder"],
        # the definition's two ARMs hold the global context too, 0.00003 and 0.00007 G
        "arms": gmacs["arm32"] + gmacs["arm16"] + gmacs["global_context"],
        "refines": gmacs["refine32"] + gmacs["refine16"],
        "ffm": gmacs["fusion"],
        "head": gmacs["head"],
    }
    assert {part: round(value, 3) for part, value in split.items()} == {
        "spatial": 1.235,
        "backbone": backbone,
        "arms": arms,
        "refines": 0.667,
        "ffm": 0.236,
        "head": 0.535,
    }
    assert sum(split.values()) == pytest.approx(sum(gmacs.values()), abs=1e-12)


def test_the_spatial_path_costs_what_its_layers_cost_by_hand() -> None:
    # pixels * kernel^2 * in * out, at 180x320, 90x160, 45x80 and 45x80
    by_hand = (
        57_600 * 49 * 3 * 64 + 14_400 * 9 * 64 * 64 + 3_600 * 9 * 64 * 64 + 3_600 * 64 * 128
    )  # fmt: skip
    assert gmacs_by_part("bisenet2", (360, 640))["spatial_path"] == by_hand / 1e9


@pytest.mark.parametrize(
    ("name", "size_hw", "gmacs", "gi"),
    [
        ("bisenet1", (360, 640), "3.065", "2.855"),
        ("bisenet1", (768, 1536), "15.616", "14.54"),
        ("bisenet2", (360, 640), "11.581", "10.786"),
        ("bisenet2", (768, 1536), "58.344", "54.34"),
    ],
)
def test_two_counters_agree_on_the_definition_s_cost(
    name: str, size_hw: tuple[int, int], gmacs: str, gi: str
) -> None:
    counted = count_costs(METHODS[name], 19, size_hw, ["gmacs"]).gmacs
    assert counted is not None
    assert f"{counted:.3f}" == gmacs
    assert f"{counted * 1e9 / 2**30:.{len(gi.partition('.')[2])}f}" == gi


def test_the_printed_costs_are_those_of_360x640_in_2_to_the_30_scaled_by_the_area() -> None:
    area_ratio = 768 * 1536 / (360 * 640)
    assert area_ratio == 5.12
    for name, printed in (("bisenet1", 14.8), ("bisenet2", 55.3)):
        gmacs = count_costs(METHODS[name], 19, (360, 640), ["gmacs"]).gmacs
        assert gmacs is not None
        assert round(round(gmacs * 1e9 / 2**30, 1) * area_ratio, 1) == printed


@pytest.mark.parametrize(
    ("name", "encoder", "inference", "with_auxiliary"),
    [("bisenet1", 299_448, 1_541_963, 1.84), ("bisenet2", 11_176_512, 12_894_163, 13.49)],
)
def test_parameters(name: str, encoder: int, inference: int, with_auxiliary: float) -> None:
    network, _ = build_on_meta(METHODS[name], 19)
    assert params([network.get_submodule("spatial_path")]) == 91_968
    assert params([network.get_submodule("encoder")]) == encoder
    everything = sum(p.numel() for p in network.parameters())
    assert everything - sum(p.numel() for p in network.get_submodule("auxiliary").parameters()) == inference
    assert f"{everything / 1e6:.3f}".startswith(str(with_auxiliary))


def test_resnet18_s_encoder_has_the_names_and_shapes_of_torchvision_s_weights() -> None:
    with torch.device("meta"):
        ours = build(19, backbone="resnet18").get_submodule("encoder").state_dict()
        theirs = resnet18(weights=None).state_dict()
    wanted = {name: tensor.shape for name, tensor in theirs.items() if not name.startswith("fc.")}
    assert {name: tensor.shape for name, tensor in ours.items()} == wanted


@torch.no_grad()
def test_gates_of_zero_weights_halve_a_refined_map_and_add_half_to_a_fused_one() -> None:
    for module, inputs, factor in (
        (AttentionRefinement(8), (torch.randn(1, 8, 3, 4),), 0.5),  # f * sigmoid(0)
        (FeatureFusion(), (torch.randn(1, 128, 3, 4), torch.randn(1, 128, 3, 4)), 1.5),  # f + f * sigmoid(0)
    ):
        module.eval()
        for part in module.gate:  # type: ignore[attr-defined]
            if isinstance(part, nn.Conv2d):
                part.weight.zero_()
        f = module.conv(torch.cat(inputs, dim=1))
        assert torch.allclose(module(*inputs), factor * f)


def test_any_size_gives_logits_of_that_size(small_bisenet: nn.Module) -> None:
    small_bisenet.eval()
    with torch.inference_mode():
        for size_hw in ((37, 61), (1, 1), (64, 96)):
            logits = small_bisenet(torch.randn(1, 3, *size_hw))
            assert logits.shape == (1, 4, *size_hw)
            assert bool(torch.isfinite(logits).all())


def test_in_training_the_auxiliary_logits_of_the_1_8_and_then_the_1_16_map_come_at_full_size(
    small_bisenet: nn.Module,
) -> None:
    seen: list[tuple[int, ...]] = []
    handles = [
        head.register_forward_hook(lambda _, args, __: seen.append(tuple(args[0].shape[1:])))
        for head in small_bisenet.get_submodule("auxiliary").children()
    ]
    small_bisenet.train()
    output = small_bisenet(torch.randn(2, 3, 64, 96))
    for handle in handles:
        handle.remove()
    assert [tuple(one.shape) for one in output] == [(2, 4, 64, 96)] * 3
    assert seen == [(128, 8, 12), (128, 4, 6)]


def test_a_training_batch_of_one_and_an_unknown_backbone_are_refused(small_bisenet: nn.Module) -> None:
    small_bisenet.train()
    with pytest.raises(ValueError, match="batch of 1 image"):
        small_bisenet(torch.randn(1, 3, 32, 32))
    with pytest.raises(ValueError, match="no backbone 'resnet50'; have xception39, resnet18"):
        METHODS["bisenet2"].build(4, backbone="resnet50")
