"""A network that its user froze, hooked or changed trains in its fast form as it does in plain torch."""

from __future__ import annotations

import pytest
import torch
from drawn_networks import batch, drawn, fast, learned
from torch import nn

from carnet.loss import CARNetLoss
from carnet.model import CARNet


def parts(network: CARNet, name: str) -> list[nn.Module]:
    """Return the modules whose name ends so."""
    return [module for path, module in network.named_modules() if f".{path}".endswith(f".{name}")]


FROZEN = {
    "attention": lambda name: "car_modules" in name,
    "one weight of it": lambda name: name == "car_modules.2.w1.weight",
    "batch-norms": lambda name: "bn" in name,
    "crp": lambda name: "crps" in name,
    "one weight of a crp": lambda name: name == "crps.1.convs.2.weight",
    "encoder": lambda name: name.startswith("encoder"),
    "all but the classifier": lambda name: not name.startswith("classifier"),
    "the classifier's bias": lambda name: name == "classifier.bias",
}


@pytest.mark.usefixtures("with_c")
@pytest.mark.parametrize("which", FROZEN)
def test_frozen_parameters_get_no_gradient_and_the_others_get_theirs(which: str) -> None:
    network, (image, label) = drawn(), batch(3, 64, 96)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not FROZEN[which](name))
    in_c = fast(network)
    for one in (in_c, network):
        learned(one, CARNetLoss(0.3), image, label)
    for (name, got), wanted in zip(in_c.named_parameters(), network.parameters(), strict=True):
        assert (got.grad is None) == (wanted.grad is None) == FROZEN[which](name), name
        if wanted.grad is not None:
            error, size = (got.grad - wanted.grad).norm(), wanted.grad.norm()
            assert error.item() < 1e-3 * size.item() + 1e-5, name


@pytest.mark.usefixtures("with_c")
def test_hooks_of_every_module_fire_as_often_as_in_the_plain_network() -> None:
    network, (image, label) = drawn(), batch(2, 64, 96)
    fired: dict[str, list[str]] = {}
    for kind, one in (("plain", network), ("fast", fast(network))):
        fired[kind] = []
        for name, module in one.named_modules():
            module.register_forward_hook(lambda *_, kind=kind, name=name: fired[kind].append(name))
        learned(one, CARNetLoss(), image, label)
    assert len(fired["plain"]) > 200
    assert sorted(fired["fast"]) == sorted(fired["plain"])


BEFORE = ("bn1", "act2", "w", "w_bn", "sigmoid", "pool_high", "pool", "convs.3", "classifier")
AFTER = ("w", "sigmoid", "pool_high", "convs.3", "classifier")  # torch allows none before a change in place
HOOKS = [("forward_pre", name) for name in BEFORE]
HOOKS += [(kind, name) for kind in ("full_backward", "full_backward_pre") for name in AFTER]


@pytest.mark.usefixtures("with_c")
@pytest.mark.parametrize(("kind", "name"), HOOKS)
def test_one_hook_of_any_kind_fires(kind: str, name: str) -> None:
    network, (image, label) = fast(drawn()), batch(2, 64, 96)
    module, fired = parts(network, name)[-1], []
    getattr(module, f"register_{kind}_hook")(lambda *_: fired.append(kind))
    learned(network, CARNetLoss(), image, label)
    assert fired == [kind] * (4 if name == "pool" else 1)


@pytest.mark.usefixtures("with_c")
def test_a_hook_of_all_modules_fires_for_each() -> None:
    network, (image, _) = fast(drawn()), batch(2, 64, 96)
    seen: set[int] = set()
    hook = nn.modules.module.register_module_forward_hook(lambda module, *_: seen.add(id(module)))
    try:
        network(image)
    finally:
        hook.remove()
    kinds = (nn.BatchNorm2d, nn.MaxPool2d, nn.Sigmoid, nn.Conv2d)
    called = [one for one in network.modules() if isinstance(one, kinds)]
    assert [one for one in called if id(one) not in seen] == []


@pytest.mark.usefixtures("with_c")
def test_the_hook_of_a_parameter_fires_once_a_step() -> None:
    network, (image, label) = fast(drawn()), batch(2, 64, 96)
    fired = []
    for name, parameter in network.named_parameters():
        parameter.register_hook(lambda _, name=name: fired.append(name))
    learned(network, CARNetLoss(), image, label)
    assert sorted(fired) == sorted(name for name, one in network.named_parameters() if one.grad is not None)


def halve_pool(network: CARNet) -> None:
    for crp in network.crps:
        crp.pool = nn.MaxPool2d(3, stride=1, padding=1)


def bias_crp(network: CARNet) -> None:
    conv = nn.Conv2d(256, 256, 1)
    nn.init.constant_(conv.bias, 5.0)
    network.crps[2].convs[1] = conv


def drop_crp(network: CARNet) -> None:
    network.crps[3].convs = nn.ModuleList()


def other_forward(network: CARNet) -> None:
    bn = parts(network, "bn3")[4]
    bn.forward = lambda x: x


def largest_means(network: CARNet) -> None:
    network.car_modules[2].pool_low = nn.AdaptiveMaxPool2d(1)


def dilated_classifier(network: CARNet) -> None:
    network.classifier.dilation = network.classifier.padding = (2, 2)


def scaled_weight(network: CARNet) -> None:
    nn.utils.parametrizations.weight_norm(network.car_modules[1].w1)


CHANGES = [halve_pool, bias_crp, drop_crp, other_forward, largest_means, dilated_classifier, scaled_weight]


@pytest.mark.usefixtures("with_c")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_part_that_the_user_changed_computes_as_changed(change) -> None:
    network, (image, label) = drawn(), batch(3, 64, 96)
    in_c = fast(network)
    for one in (network, in_c):
        torch.manual_seed(3)
        change(one)
    found, plain = (learned(one, CARNetLoss(0.3), image, label) for one in (in_c, network))
    for got, wanted in zip(found, plain, strict=True):
        assert ((got - wanted).norm() / wanted.norm()).item() < 1e-4
