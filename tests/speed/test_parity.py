import pytest
import torch

from bench.errors import RefusedInput
from bench.speed.parity import Parity, compare, outputs_on, parity_inputs, require_parity


def logits(*rows: tuple[float, ...]) -> torch.Tensor:
    """Return one image of one line of pixels, a row for each class."""
    return torch.tensor(rows).view(1, len(rows), 1, -1)


def test_the_figures_are_those_worked_by_hand() -> None:
    # class means 1 and 2; the largest deviation from one is 2 (0 and 4 from 2)
    reference = logits((0.0, 1.0, 2.0, 1.0), (4.0, 0.0, 2.0, 2.0))
    other = logits((0.0, 1.0, 2.5, 1.0), (4.0, 1.5, 2.0, 2.0))
    # the largest difference is 1.5; the class changes at the second pixel and, from a tie, not at the third
    assert compare(other, reference) == Parity(1.5, 0.75, 0.75)


def test_a_large_bias_excuses_nothing() -> None:
    # 0.5 is small beside 1000, but all that the image does to these logits is 0.5
    reference = logits((1000.0, 1001.0), (0.0, 0.0))
    found = compare(logits((1000.5, 1000.5), (0.0, 0.0)), reference)
    assert (found.max_abs, found.relative, found.argmax_agreement) == (0.5, 1.0, 1.0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_no_parity(bad: float) -> None:
    reference = logits((0.0, 1.0), (1.0, 0.0))
    found = compare(logits((bad, 1.0), (1.0, 0.0)), reference)
    assert (found.max_abs, found.relative) == (None, None)
    with pytest.raises(RefusedInput, match="largest difference not a number"):
        require_parity("x", {"random": logits((bad, 1.0), (1.0, 0.0))}, {"random": reference}, "bf16")


def test_logits_that_do_not_depend_on_the_pixel_must_be_equal_exactly() -> None:
    flat = logits((1.0, 1.0), (2.0, 2.0))
    assert compare(flat, flat).relative == 0.0
    assert compare(flat + 1e-6, flat).relative is None


def test_another_shape_is_refused_with_both() -> None:
    with pytest.raises(RefusedInput, match=r"\(1, 2, 1, 1\), eager's are \(1, 2, 1, 2\)"):
        compare(logits((0.0,), (0.0,)), logits((0.0, 0.0), (0.0, 0.0)))


@pytest.mark.parametrize(("precision", "allowed"), [("fp32", 1e-3), ("fp16", 2e-2), ("bf16", 1e-1)])
def test_the_limit_is_that_of_the_precision(precision: str, allowed: float) -> None:
    # deviations from the class means are 0.5 at most, and the order of the classes stays
    reference = logits((0.0, 1.0), (5.0, 5.0))
    outside, inside = (reference + logits((share * allowed, 0.0), (0.0, 0.0)) for share in (0.51, 0.49))
    found = require_parity("x", {"random": inside}, {"random": reference}, precision)
    assert found["random"].relative == pytest.approx(0.98 * allowed, rel=1e-3)
    with pytest.raises(RefusedInput, match=r"x: differs from eager fp32 on random inputs"):
        require_parity("x", {"random": outside}, {"random": reference}, precision)


def test_inputs_are_noise_and_something_as_smooth_and_wide_as_a_photo() -> None:
    inputs = parity_inputs((2, 3, 40, 56))
    assert {kind: tuple(image.shape) for kind, image in inputs.items()} == {
        "random": (2, 3, 40, 56),
        "photo_like": (2, 3, 40, 56),
    }
    photo = inputs["photo_like"]
    # 0..1 normalised by ImageNet's statistics: (0 - 0.485) / 0.229 to (1 - 0.406) / 0.225
    assert photo.min() >= -2.1180
    assert photo.max() <= 2.6401
    steps = [image.diff(dim=3).abs().mean() / image.std() for image in inputs.values()]
    # neighbours of noise differ by 2 / sqrt(pi) = 1.13 standard deviations
    assert steps[0] == pytest.approx(1.13, abs=0.05)
    assert steps[1] < 0.3


def test_what_is_not_one_tensor_of_logits_is_refused() -> None:
    inputs = parity_inputs((1, 3, 8, 8))
    with pytest.raises(RefusedInput, match="net: returned a tuple"):
        outputs_on(lambda image: (image, image), inputs, torch.contiguous_format, "net")


def test_outputs_survive_the_next_call() -> None:
    buffer = torch.zeros(1, 3, 8, 8)
    inputs = parity_inputs((1, 3, 8, 8))
    found = outputs_on(buffer.copy_, inputs, torch.contiguous_format, "net")
    assert all(torch.equal(found[kind], image) for kind, image in inputs.items())
