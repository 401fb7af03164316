"""The deployed network computes what the model does; in 64 bits too, where only a true fold survives."""

import copy

import pytest
import torch
from torch import Tensor, nn

from carnet.fast.deploy import deploy
from carnet.fast.exact_forms import separable_pool, shares_in_mean, sum_by_taps
from carnet.model import CARNet, build

SINGLE, DOUBLE = 1e-4, 1e-11  # of the largest logit


def trained(num_classes: int = 5, seed: int = 0, **options: object) -> CARNet:
    """Return a network in eval mode whose BNs and activations are not those of a fresh one."""
    torch.manual_seed(seed)
    model = build(num_classes, **options).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.3, 0.9)
            nn.init.normal_(module.bias, 0, 0.2)
    return model


def difference(model: nn.Module, deployed: nn.Module, image: Tensor) -> float:
    """Return the largest difference of the logits, relative to the largest logit."""
    with torch.inference_mode():
        wanted, got = model(image), deployed(image)
    assert got.shape == wanted.shape
    return ((got - wanted).abs().max() / wanted.abs().max()).item()


def image(height: int = 65, width: int = 97, batch: int = 1) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("variant", ["mobile", "resnet50", "resnet101", "resnet152"])
@pytest.mark.parametrize(("height", "width", "batch"), [(64, 96, 1), (65, 97, 2)])
def test_every_variant_gives_the_same_logits(variant, height, width, batch):
    model = trained(variant=variant)
    assert difference(model, deploy(model), image(height, width, batch)) < SINGLE


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_small_variances_magnify_rounding_the_difference_is_of_the_size_of_the_models_own_error(seed):
    model = trained(seed=seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 5e-5, 5e-3)
    shown = image()
    exact = copy.deepcopy(model).double()(shown.double())
    own, deployed = ((net(shown) - exact).abs().max() / exact.abs().max() for net in (model, deploy(model)))
    assert own.item() > 100 * SINGLE
    assert deployed.item() < 4 * own.item()


@pytest.mark.parametrize("variant", ["mobile", "resnet50"])
@pytest.mark.parametrize(
    ("modules", "crp"), [(0, False), *((n, crp) for n in (1, 2, 3, 4) for crp in (False, True))]
)
def test_every_degraded_network_gives_the_same_logits_in_64_bits(variant, modules, crp):
    model = trained(variant=variant, modules=modules, crp=crp).double()
    assert difference(model, deploy(model), image(33, 70, 2).double()) < DOUBLE


@pytest.mark.parametrize(
    "options",
    [
        {"variant": "resnet50", "between_convs": "relu"},
        {"padding": "same"},
        {"padding": "same", "align_corners": True},
        {"variant": "resnet50", "align_corners": True},
    ],
)
@pytest.mark.parametrize("size_hw", [(64, 96), (65, 97), (66, 35)])
def test_every_option_gives_the_same_logits_in_64_bits(options, size_hw):
    model = trained(**options).double()
    assert difference(model, deploy(model, size_hw), image(*size_hw).double()) < DOUBLE


@pytest.mark.parametrize("pool", ["one_pass", "separable", "whole"])
@pytest.mark.parametrize("compose", [False, True, None])
@pytest.mark.parametrize("num_classes", [2, 40])
def test_every_form_gives_the_same_logits_in_64_bits(pool, compose, num_classes):
    model = trained(num_classes).double()
    deployed = deploy(model, pool=pool, compose_classifier=compose)
    assert difference(model, deployed, image(150, 64).double()) < DOUBLE


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"variant": "resnet50"}])
def test_the_comparison_sees_a_change_of_one_percent_in_any_weight(options):
    # a part that does not reach the logits would hide a wrong fold
    deployed = deploy(trained(**options).double())
    names = [name for name, _ in deployed.named_parameters()]
    of_encoder = [name for name in names if name.startswith("encoder.")]
    shown = image(33, 40).double()
    unseen = []
    with torch.inference_mode():
        wanted = deployed(shown)
        for name in {*names} - {*of_encoder} | {*of_encoder[::9]}:
            parameter = deployed.get_parameter(name)
            kept = parameter.clone()
            parameter.mul_(1.01)
            if (deployed(shown) - wanted).abs().max() < 100 * DOUBLE * wanted.abs().max():
                unseen.append(name)
            parameter.copy_(kept)
    assert unseen == []


def test_only_linear_cascades_are_folded():
    def layers(between: str) -> list[int]:
        deployed = deploy(trained(variant="resnet50", between_convs=between))
        return [sum(isinstance(m, nn.Conv2d) for m in level.adjust.modules()) for level in deployed.levels]

    assert layers("linear") == [1, 1, 1, 1]
    assert layers("relu") == [2, 2, 2, 2]


def test_no_batch_norm_and_no_semantic_branch_is_left():
    with torch.device("meta"):
        deployed = deploy(build(19))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in deployed.modules())
    # attention has two matrices a module: 512 (or what is averaged for the low half) to 128, 128 to 256
    shapes = [(level.squeeze.weight.shape[:2], level.attend.weight.shape[:2]) for level in deployed.levels]
    assert shapes == [((128, 256 + low), (256, 128)) for low in (256, 64 + 96, 32, 24)]


def test_the_model_is_left_as_it_was_and_shares_nothing():
    model = trained().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    deployed = deploy(model)
    for parameter in deployed.parameters():
        parameter.fill_(7.0)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_train_mode_changes_nothing_after_deployment():
    model = trained()
    deployed = deploy(model).train()
    assert difference(model, deployed, image()) < SINGLE


def test_the_image_is_not_written_over():
    shown = image()
    deploy(trained())(shown)
    assert torch.equal(shown, image())


def test_a_network_for_one_size_refuses_another():
    with pytest.raises(ValueError, match=r"\(65, 97\).*\(64, 96\) only"):
        deploy(trained(), (64, 96))(image())


def test_choices_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="CRP"):
        deploy(trained(crp=False), compose_classifier=True)


def test_the_classifier_is_composed_while_that_saves_operations():
    def composes(num_classes: int) -> bool:
        with torch.device("meta"):
            return deploy(build(num_classes)).classifier_of_pooled is not None

    assert composes(28)  # 9 * 28 = 252 < 256
    assert not composes(29)


@pytest.mark.parametrize("height", [1, 2, 16, 35])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_separable_pool_is_the_whole_one_to_the_last_bit(height, batch):
    x = torch.randn(batch, 3, height, 9).contiguous(memory_format=torch.channels_last)
    whole = nn.functional.max_pool2d(x, 5, stride=1, padding=2)
    assert torch.equal(separable_pool(x), whole)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("before", "after"), [((2, 3), (4, 6)), ((4, 5), (7, 10)), ((1, 1), (2, 3)), ((3, 3), (3, 3))]
)
def test_the_mean_of_an_enlarged_map_is_had_from_the_small_one(before, after, align_corners):
    x = torch.randn(2, 3, *before, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    enlarged = nn.functional.interpolate(x, size=after, mode="bilinear", align_corners=align_corners)
    shares = shares_in_mean(before, after, align_corners=align_corners)
    torch.testing.assert_close((x * shares).sum((2, 3)), enlarged.mean((2, 3)), rtol=0, atol=1e-14)


def test_the_shares_are_worked_by_hand():
    # of a line a b c to five pixels with aligned corners: a, (a + b) / 2, b, (b + c) / 2, c
    shares = shares_in_mean((1, 3), (1, 5), align_corners=True)
    assert shares.flatten().tolist() == pytest.approx([0.3, 0.4, 0.3])


def test_all_maps_are_channels_last():
    deployed = deploy(trained(variant="resnet50"))
    other = []

    def look(module: nn.Module, _: object, output: Tensor) -> None:
        if not output.is_contiguous(memory_format=torch.channels_last):
            other.append(module)

    for module in deployed.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(look)
    deployed(image(64, 96, 2))
    assert other == []


@pytest.mark.parametrize("variant", ["mobile", "resnet50"])
def test_the_exported_program_gives_the_same_logits(variant):
    model = trained(variant=variant)
    shown = image(64, 96)
    program = torch.export.export(deploy(model, (64, 96)), (shown,))
    pools = [node for node in program.graph.nodes if "max_pool2d" in str(node.target)]
    # 16 of CRP, each in its two halves; a ResNet has one more of its own
    assert len(pools) == 2 * 16 + (variant == "resnet50")
    assert difference(model, program.module(), shown) < SINGLE


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5), (4, 1), (6, 7)])
def test_a_classifier_by_its_taps_is_the_convolution_borders_included(height, width):
    torch.manual_seed(0)
    first = nn.Conv2d(256, 5, 3, padding=1).double()
    second = nn.Conv2d(256, 5, 3, padding=1, bias=False).double()
    x, y = torch.randn(2, 2, 256, height, width, dtype=torch.float64)
    with torch.inference_mode():
        wanted = first(x) + second(y)
        assert (sum_by_taps([first, second], [x, y]) - wanted).abs().max() < 1e-12
        assert (sum_by_taps([first], [x]) - first(x)).abs().max() < 1e-12
