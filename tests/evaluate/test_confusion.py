import numpy as np
import pytest
import torch
from dense_matrices import dense
from hypothesis import given
from hypothesis import strategies as st

from bench.data.dataset import Sample
from bench.data.statistics import HALF
from bench.errors import NotMeasured, RefusedInput
from bench.evaluate.confusion import Confusion
from bench.evaluate.evaluate import evaluate


def counted(prediction, label, classes=3):
    confusion = Confusion(classes)
    confusion.update(torch.tensor(prediction), torch.tensor(label))
    return confusion


def test_iou_by_hand():
    # truth 0 0 0 1 1 1, answers 0 0 1 1 1 0: class 0 hits 2 of union 4, class 1 likewise
    confusion = counted([0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1], classes=2)
    assert confusion.matrix.tolist() == [[2, 1], [1, 2]]
    assert confusion.iou() == [0.5, 0.5]
    assert confusion.miou() == 0.5
    assert confusion.pixel_accuracy() == pytest.approx(4 / 6)
    assert confusion.mean_accuracy() == pytest.approx(2 / 3)


def test_class_in_neither_truth_nor_prediction_is_not_averaged():
    confusion = counted([0, 1], [0, 1])
    assert confusion.iou() == [1.0, 1.0, None]
    assert confusion.miou() == 1.0


def test_class_that_is_only_predicted_counts_as_zero():
    confusion = counted([0, 2], [0, 0])
    assert confusion.iou() == [0.5, None, 0.0]
    assert confusion.miou() == 0.25


def test_ignored_pixels_are_counted_apart():
    confusion = counted([0, 1, 2], [0, 255, 255])
    assert confusion.matrix.sum() == 1
    assert confusion.ignored_pixels == 2


def test_nothing_labelled_has_no_score():
    confusion = counted([0, 1], [255, 255])
    assert confusion.miou() is None
    assert confusion.pixel_accuracy() is None
    assert confusion.mean_accuracy() is None


@pytest.mark.parametrize("bad", [3, -1, 254])
def test_a_prediction_out_of_range_is_refused_not_spilled(bad):
    with pytest.raises(RefusedInput, match=rf"img_7: prediction {bad}, classes are 0..2"):
        Confusion(3).update(torch.tensor([bad]), torch.tensor([0]), "img_7")


def test_a_label_out_of_range_is_refused():
    with pytest.raises(RefusedInput, match=r"label 7, classes are 0..2 and 255"):
        counted([0], [7])


def test_shapes_must_agree():
    with pytest.raises(RefusedInput, match="must be equal"):
        Confusion(2).update(torch.zeros(2, 2, dtype=torch.long), torch.zeros(4, dtype=torch.long))


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 2, 3, 255])), min_size=2), st.randoms())
def test_any_order_and_batching_gives_the_same_matrix(pixels, random):
    whole = Confusion(4)
    whole.update(*torch.tensor(pixels).T)
    random.shuffle(pixels)
    cut = random.randrange(1, len(pixels))
    parts = Confusion(4)
    for part in (pixels[:cut], pixels[cut:]):
        parts.update(*torch.tensor(part).T)
    assert np.array_equal(whole.matrix, parts.matrix)


def test_miou_equals_torchmetrics_where_all_classes_occur():
    from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

    generator = torch.Generator().manual_seed(0)
    prediction = torch.randint(0, 5, (3, 40, 50), generator=generator)
    label = torch.randint(0, 5, (3, 40, 50), generator=generator)
    label[:, :4] = 255
    confusion = Confusion(5)
    confusion.update(prediction, label)
    theirs = MulticlassConfusionMatrix(5, ignore_index=255)(prediction, label)
    assert np.array_equal(confusion.matrix, theirs.numpy())
    jaccard = MulticlassJaccardIndex(5, ignore_index=255)(prediction, label)
    assert confusion.miou() == pytest.approx(jaccard.item(), abs=1e-6)


class OddData:
    """Two images whose labels are all class 1, with a rim of 255."""

    name, split, synthetic = "odd", "test", True
    classes, palette = ("a", "b"), ((0, 0, 0), (255, 255, 255))

    def __init__(self, rim=3):
        self.rim = rim

    def __len__(self):
        return 2

    def read(self, index):
        label = torch.full((65, 97), 1, dtype=torch.uint8)
        label[: self.rim] = 255
        return Sample(torch.zeros(3, 65, 97, dtype=torch.uint8), label, f"odd_{index}")


class Coarse(torch.nn.Module):
    """Logits of an eighth of the input's size, always for class 1."""

    def forward(self, image):
        return torch.stack((torch.zeros(1, 9, 13), torch.ones(1, 9, 13)), dim=1)


def test_every_labelled_pixel_is_counted_at_the_labels_own_size():
    outcome = evaluate(Coarse(), OddData(), HALF, torch.device("cpu"))
    values = outcome.values(("a", "b"))
    assert values["labelled_pixels"] == 2 * (65 - 3) * 97
    assert values["ignored_pixels"] == 2 * 3 * 97
    assert values["miou"] == 1.0
    assert values["iou"] == {"a": None, "b": 1.0}


def test_a_split_without_labels_is_not_scored():
    outcome = evaluate(Coarse(), OddData(rim=65), HALF, torch.device("cpu"))
    with pytest.raises(NotMeasured, match="no labelled pixel"):
        outcome.values(("a", "b"))


def test_sparse_arrays_hold_each_images_own_matrix():
    outcome = evaluate(Coarse(), OddData(), HALF, torch.device("cpu"))
    matrices = dense(outcome.arrays())
    assert np.array_equal(matrices.sum(axis=0), outcome.confusion.matrix)
    assert matrices[0, 1, 1] == (65 - 3) * 97


@pytest.mark.parametrize("classes", [150, 255])
def test_many_classes_are_counted_each_in_its_own_cell(classes):
    # 256 * 150 cells are more than 16 bits can number
    prediction = torch.tensor([0, classes - 1, classes - 2, 7], dtype=torch.uint8)
    label = torch.tensor([149, 149, 3, 255], dtype=torch.uint8)
    confusion = Confusion(classes)
    confusion.update(prediction, label)
    assert np.argwhere(confusion.matrix).tolist() == [[3, classes - 2], [149, 0], [149, classes - 1]]
    assert confusion.matrix.sum() == 3
    assert confusion.ignored_pixels == 1


def test_more_classes_than_labels_can_name_are_refused():
    with pytest.raises(RefusedInput, match="256 classes; labels have 8 bits, so at most 255"):
        Confusion(256)


@pytest.mark.parametrize("label", [19, 254, 256, -1])
def test_the_label_that_is_no_class_is_named(label):
    with pytest.raises(RefusedInput, match=rf"img_7: label {label}, classes are 0..18 and 255"):
        Confusion(19).update(torch.tensor([3, 0]), torch.tensor([255, label]), "img_7")
