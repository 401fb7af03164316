"""Labels that are read off small logits are those of the enlarged ones, wherever one class leads."""

import ctypes
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from carnet.fast import enlarged_labels as module
from carnet.fast.deploy import deploy
from carnet.fast.enlarged_labels import code, enlarged_labels
from carnet.model import build

ROUNDING = 1e-5  # of logits about 1


@pytest.fixture(params=["in C", "by torch"])
def found(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by torch":
        monkeypatch.setattr(module, "code", lambda: None)
    elif code() is None:
        pytest.skip("no C compiler here")


def whole(logits: Tensor, size_hw: tuple[int, int], *, align_corners: bool = False) -> Tensor:
    return F.interpolate(logits, size=size_hw, mode="bilinear", align_corners=align_corners)


def drawn(batch: int, classes: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, classes, height, width, generator=generator)
    return logits.contiguous(memory_format=torch.channels_last)


@settings(deadline=None)  # the first call compiles
@given(
    classes=st.integers(1, 40),
    small_hw=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    factors=st.tuples(st.floats(1, 9), st.floats(1, 9)),
    align_corners=st.booleans(),
    layout=st.sampled_from([torch.channels_last, torch.contiguous_format]),
)
def test_labels_are_the_arg_max_of_any_enlargement(
    classes: int,
    small_hw: tuple[int, int],
    factors: tuple[float, float],
    *,
    align_corners: bool,
    layout: torch.memory_format,
) -> None:
    logits = drawn(2, classes, *small_hw).contiguous(memory_format=layout)
    size_hw = round(small_hw[0] * factors[0]), round(small_hw[1] * factors[1])
    enlarged = whole(logits, size_hw, align_corners=align_corners)
    labels = enlarged_labels(logits, size_hw, align_corners=align_corners)
    assert (labels.shape, labels.dtype) == ((2, *size_hw), torch.uint8)
    lead = enlarged.amax(1) - enlarged.gather(1, labels.long()[:, None])[:, 0]
    assert lead.max().item() <= ROUNDING


@pytest.mark.usefixtures("found")
def test_of_equal_classes_the_first_is_the_label() -> None:
    logits = drawn(1, 3, 5, 7)[:, [1, 0, 0, 1, 2, 2]]
    labels = enlarged_labels(logits, (17, 30), align_corners=False)
    assert torch.equal(labels.long(), whole(logits, (17, 30)).argmax(1))
    assert labels.unique().tolist() == [0, 1, 4]
    assert enlarged_labels(torch.zeros(1, 19, 4, 4), (9, 9), align_corners=False).unique().tolist() == [0]


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_labelled_as_torch_labels_them(odd: float) -> None:
    logits = drawn(1, 5, 6, 6)
    logits[0, 3, 2, 2] = odd
    wanted = whole(logits, (24, 24)).argmax(1)
    assert torch.equal(enlarged_labels(logits, (24, 24), align_corners=False).long(), wanted)


def test_two_hundred_and_fifty_six_classes_are_told_apart_and_no_more() -> None:
    logits = torch.zeros(1, 256, 2, 2)
    logits[0, 255] = 1
    assert enlarged_labels(logits, (8, 8), align_corners=False).unique().tolist() == [255]
    with pytest.raises(ValueError, match="257 classes; a label of one byte tells 256 apart"):
        enlarged_labels(torch.zeros(1, 257, 2, 2), (8, 8), align_corners=False)


def test_a_library_that_labels_wrongly_is_not_used() -> None:
    library = ctypes.CDLL(None)
    library.__dict__["carnet_enlarged_labels"] = lambda *_: True  # and writes nothing
    assert not module._is_right(library)


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("size_hw", [None, (65, 97)])
def test_a_deployed_network_labels_an_image_of_odd_size(size_hw: tuple[int, int] | None) -> None:
    torch.manual_seed(0)
    network = deploy(build(5), size_hw)
    image = torch.randn(2, 3, 65, 97)
    with torch.inference_mode():
        logits, labels = network(image), network.labels(image)
    assert labels.shape == (2, 65, 97)
    lead = logits.amax(1) - logits.gather(1, labels.long()[:, None])[:, 0]
    assert lead.max() <= ROUNDING * logits.abs().max()


def test_a_network_of_one_size_labels_no_other() -> None:
    with pytest.raises(ValueError, match="this network is for"):
        deploy(build(5), (64, 96)).labels(torch.zeros(1, 3, 65, 97))


def test_labels_of_another_precision_are_computed_by_torch() -> None:
    network = deploy(build(5)).bfloat16()
    image = torch.randn(1, 3, 64, 96, dtype=torch.bfloat16)
    with torch.inference_mode():
        assert torch.equal(network.labels(image).long(), network(image).argmax(1))
    double = network.double()
    with torch.inference_mode():
        assert torch.equal(double.labels(image.double()).long(), double(image.double()).argmax(1))
