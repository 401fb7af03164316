"""A network in its fast form is the same network: weights, names, function and gradients."""

import copy
import shutil
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from carnet.fast import compiled_c
from carnet.fast.deploy import deploy
from carnet.fast.training import compiler_in_use, use_fast_training
from carnet.fast.training.library import library, run
from carnet.loss import CARNetLoss
from carnet.model import CARNet, build
from carnet.modules import CRP


def drawn(seed: int = 0, **options: object) -> CARNet:
    """Return a network whose gradients rounding does not move far: batch-norm's eps is 1, not 1e-5."""
    torch.manual_seed(seed)
    network = build(5, **options).train().to(memory_format=torch.channels_last)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1.0
    return network


def fast(network: CARNet, criterion: nn.Module | None = None) -> CARNet:
    own = copy.deepcopy(network)
    use_fast_training(own, *([] if criterion is None else [criterion]))
    return own


def batch(images: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(images, 3, height, width, generator=generator)
    label = torch.randint(5, (images, height, width), generator=generator)
    label[:, :3] = 255
    return image.contiguous(memory_format=torch.channels_last), label


def learned(network: CARNet, criterion: nn.Module, image: Tensor, label: Tensor) -> list[Tensor]:
    """Return losses, all gradients in a row and all statistics after one step, in 64 bits."""
    losses = criterion(network(image), label)
    losses["total"].backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    statistics = [buffer.flatten() for buffer in network.buffers()]
    return [
        torch.stack(list(losses.values())).detach().double(),
        torch.cat([gradient.flatten() for gradient in gradients]).double(),
        torch.cat(statistics).double(),
    ]


@pytest.mark.usefixtures("with_c")
@pytest.mark.parametrize("shape", [(3, 64, 96), (4, 97, 65)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": "same"},
        {"align_corners": True},
        {"scloss": 2},
        {"variant": "resnet50"},
        {"variant": "resnet50", "between_convs": "relu", "crp": False},
        {"modules": 2, "crp": False},
        {"modules": 0, "crp": False},
    ],
    ids=lambda options: ",".join(f"{key}={value}" for key, value in options.items()) or "carnet-mobile",
)
def test_losses_gradients_and_statistics_are_as_near_to_64_bits_as_torchs(options, shape) -> None:
    network, (image, label) = drawn(**options), batch(*shape)
    form = "bce" if "scloss" in options else "paper"
    criterion = CARNetLoss(0.3, form)
    in_c = fast(network, criterion)
    exact = learned(copy.deepcopy(network).double(), CARNetLoss(0.3, form), image.double(), label)
    plain = learned(network, CARNetLoss(0.3, form), image, label)
    found = learned(in_c, criterion, image, label)
    for got, torchs, wanted in zip(found, plain, exact, strict=True):
        error, usual = ((one - wanted).norm() / wanted.norm() for one in (got, torchs))
        assert error.item() < 3 * usual.item() + 1e-5


@pytest.mark.usefixtures("with_c")
def test_the_c_is_really_what_computes(monkeypatch) -> None:
    called: list[str] = []

    def noted(name: str, *arguments: Tensor | int | float) -> None:
        called.append(name)
        run(name, *arguments)

    for module in ("norm", "fusion", "pool"):
        monkeypatch.setattr(f"carnet.fast.training.{module}.run", noted)
    learned(fast(drawn()), CARNetLoss(), *batch(2, 64, 96))
    # MobileNetV2 has 52 batch norms; CARModule-1 takes a 1x1 feature; four CRPs of four pools
    counts = {name: called.count(name) for name in set(called)}
    assert counts == {
        "carnet_norm": 52,
        "carnet_norm_backward": 52,
        "carnet_fusion": 3,
        "carnet_fusion_sums": 3,
        "carnet_fusion_backward": 3,
        "carnet_pool": 16,
        "carnet_pool_backward": 16,
    }


def test_names_kinds_weights_and_evaluation_stay() -> None:
    network, (image, _) = drawn(), batch(2, 64, 96)
    in_c = fast(network)
    assert isinstance(in_c, CARNet)
    assert [isinstance(crp, CRP) for crp in in_c.crps] == [True] * 4
    assert list(in_c.state_dict()) == list(network.state_dict())
    network.load_state_dict(in_c.state_dict())
    assert torch.equal(in_c.eval()(image), network.eval()(image))
    assert torch.equal(deploy(in_c)(image), deploy(network)(image))
    assert torch.equal(copy.deepcopy(in_c)(image), network(image))


def as_double(network: CARNet, image: Tensor) -> tuple[CARNet, Tensor]:
    return network.double(), image.double()


def as_nchw(network: CARNet, image: Tensor) -> tuple[CARNet, Tensor]:
    return network.to(memory_format=torch.contiguous_format), image.contiguous()


@pytest.mark.parametrize("change", [as_double, as_nchw])
def test_what_is_not_for_the_c_is_torchs_to_the_last_bit(change) -> None:
    plain, (plain_image, label) = drawn(), batch(2, 64, 96)
    own = CARNetLoss()
    in_c, image = change(fast(plain, own), plain_image)
    network, _ = change(plain, plain_image)
    found, wanted = learned(in_c, own, image, label), learned(network, CARNetLoss(), image, label)
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.fixture
def without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    compiled_c.compiled_c.cache_clear()
    library.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    yield
    monkeypatch.undo()
    compiled_c.compiled_c.cache_clear()
    library.cache_clear()


@pytest.mark.usefixtures("without_a_compiler")
def test_without_a_compiler_torch_computes_and_nothing_is_said_to_have_compiled() -> None:
    network, (image, label) = drawn(), batch(2, 64, 96)
    in_c = fast(network)
    assert compiler_in_use(in_c) is None
    for one, other in zip(
        learned(in_c, CARNetLoss(), image, label), learned(network, CARNetLoss(), image, label), strict=True
    ):
        assert torch.equal(one, other)
    with pytest.raises(RuntimeError, match="carnet_norm: no C compiler here"):
        run("carnet_norm")


@pytest.mark.usefixtures("with_c")
def test_the_compiler_is_named_where_its_c_is_used() -> None:
    network = drawn()
    assert compiler_in_use(network) is None
    made = library()
    assert made is not None
    assert compiler_in_use(fast(network)) == made.compiler


@pytest.mark.usefixtures("with_c")
def test_autocast_is_left_to_torch() -> None:
    network, (image, label) = drawn(), batch(2, 64, 96)
    in_c = fast(network)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, plain = (learned(one, CARNetLoss(), image, label) for one in (in_c, network))
    assert all(torch.equal(one, other) for one, other in zip(found, plain, strict=True))


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
