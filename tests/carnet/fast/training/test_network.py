"""A network in its fast form is the same network: weights, names, function and gradients."""

import copy
import shutil
from collections.abc import Iterator

import pytest
import torch
from drawn_networks import batch, drawn, fast, learned
from torch import Tensor

from carnet.fast import compiled_c
from carnet.fast.deploy import deploy
from carnet.fast.training import compiler_in_use
from carnet.fast.training.library import library, run
from carnet.loss import CARNetLoss
from carnet.model import CARNet
from carnet.modules import CRP


@pytest.mark.usefixtures("with_c")
@pytest.mark.parametrize("shape", [(3, 64, 96), (4, 97, 65)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": "same"},
        {"align_corners": True},
        {"scloss": 2},
        pytest.param({"variant": "resnet50"}, marks=pytest.mark.slow),
        pytest.param({"variant": "resnet50", "between_convs": "relu", "crp": False}, marks=pytest.mark.slow),
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
