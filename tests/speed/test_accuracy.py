"""What an engine loses in mIoU, by cases worked by hand."""

from collections.abc import Callable

import pytest
import torch

from bench.data.dataset import Sample
from bench.data.statistics import Statistics
from bench.errors import RefusedInput, UsageError
from bench.results.value_types import EngineScore
from bench.speed.accuracy import Judge, batches

CPU = torch.device("cpu")
PLAIN = Statistics((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Line:
    """Three images of one line of four pixels; the red channel is the number of the image."""

    name, split, classes, palette = "line", "val", ("a", "b"), ((0, 0, 0), (255, 255, 255))
    synthetic = False

    def __len__(self) -> int:
        return 3

    def read(self, index: int) -> Sample:
        image = torch.full((3, 1, 4), index, dtype=torch.uint8)
        return Sample(image, torch.tensor([[0, 0, 1, 1]], dtype=torch.uint8), f"line_{index}")

    def manifest(self) -> dict[str, str]:
        return {f"line_{index}": f"{index:064d}" for index in range(3)}


def answering(*classes: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a network that answers these four classes for every image."""
    logits = torch.nn.functional.one_hot(torch.tensor(classes), 2).T.float().view(1, 2, 1, 4)
    return lambda image: logits.repeat(image.shape[0], 1, 1, 1)


@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_the_miou_is_that_worked_by_hand_whatever_the_batch(batch: int) -> None:
    # of the pixels 0 0 1 1 the second is wrong: IoU 1/2 and 2/3. A last batch that is filled up would count
    # its last image twice, which changes no share here, but the images of the next test differ.
    found = Judge(Line(), PLAIN).miou("x", answering(0, 1, 1, 1), (batch, 3, 1, 4), CPU)
    assert found == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_the_images_that_fill_the_last_batch_are_not_counted() -> None:
    def right_but_on_the_last(image: torch.Tensor) -> torch.Tensor:
        right, wrong = answering(0, 0, 1, 1)(image), answering(0, 1, 1, 1)(image)
        return torch.where(image[:, :1] * 255 > 1.5, wrong, right)

    # 6 true pixels of each class; one of class a is called b: IoU 5/6 and 6/7
    found = Judge(Line(), PLAIN).miou("x", right_but_on_the_last, (2, 3, 1, 4), CPU)
    assert found == pytest.approx((5 / 6 + 6 / 7) / 2)


def test_batches_are_normalised_and_filled_with_their_last_image() -> None:
    found = list(batches(Line(), [0, 1, 2], Statistics((0.5,) * 3, (0.25,) * 3), (2, 3, 1, 4)))
    assert [[sample.name for sample in samples] for samples, _ in found] == [["line_0", "line_1"], ["line_2"]]
    # (2 / 255 - 0.5) / 0.25 in both
    assert torch.allclose(found[1][1], torch.full((2, 3, 1, 4), (2 / 255 - 0.5) / 0.25))


def test_an_image_of_another_size_is_refused_with_the_size_to_give() -> None:
    with pytest.raises(UsageError, match="line val: line_0 is 1x4, an engine takes 8x8 only") as refused:
        Judge(Line(), PLAIN).miou("x", answering(0, 0, 1, 1), (1, 3, 8, 8), CPU)
    assert refused.value.then == "--size 1x4"


def test_logits_of_another_shape_are_refused() -> None:
    with pytest.raises(RefusedInput, match=r"x: logits of \(1, 3, 1, 4\).*\(1, 2, 1, 4\)"):
        Judge(Line(), PLAIN).miou("x", lambda image: torch.zeros(1, 3, 1, 4), (1, 3, 1, 4), CPU)


def test_a_loss_above_the_allowed_one_is_refused_with_both_scores() -> None:
    judge = Judge(Line(), PLAIN, max_loss=0.01)
    with pytest.raises(RefusedInput, match=r"mIoU 48\.50 %.* 50\.00 %, loss \+1\.50 points \(allowed 1\)"):
        judge.accuracy("x", 0.5, 0.485)
    found = judge.accuracy("x", 0.5, 0.495)
    assert isinstance(found, EngineScore)
    assert (found.data, found.split, found.images, found.loss) == ("line", "val", 3, pytest.approx(0.005))


def test_a_gain_is_no_loss() -> None:
    assert Judge(Line(), PLAIN, max_loss=0.0).accuracy("x", 0.5, 0.6).loss == pytest.approx(-0.1)
