"""Our matrix and scores beside cityscapesScripts' and torchmetrics', on images of the real data sets."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

from bench.data.catalogue import open_data
from bench.data.cityscapes import LABEL_IDS
from bench.data.statistics import IMAGENET
from bench.evaluate.evaluate import evaluate, predictions
from bench.predict.submit import export_predictions

CPU = torch.device("cpu")


class Untrained(nn.Module):
    """Two convolutions of stride 4, enlarged to the image's size; its classes are spread over the image."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layers = nn.Sequential(
                nn.Conv2d(3, 8, 5, stride=4, padding=2), nn.ReLU(), nn.Conv2d(8, classes, 1, bias=False)
            )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return F.interpolate(self.layers(image), size=image.shape[-2:], mode="bilinear")


def first(data, count: int):
    """Return the data set with its first few pairs only."""
    data.pairs = data.pairs[:count]
    return data


def test_cityscapes_scripts_give_the_same_matrix_and_scores(cityscapes_root: Path, tmp_path: Path) -> None:
    scripts = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    data = first(open_data("cityscapes", "train", cityscapes_root), 2)
    network = Untrained(19)
    outcome = evaluate(network, data, IMAGENET, CPU)
    files = export_predictions(network, data, IMAGENET, CPU, tmp_path, LABEL_IDS)
    labels = [str(cityscapes_root / pair.label) for pair in data.pairs]

    scripts.args.quiet, scripts.args.evalInstLevelScore, scripts.args.evalPixelAccuracy = True, False, False
    theirs = scripts.generateMatrix(scripts.args)
    for file, label in zip(files, labels, strict=True):
        scripts.evaluatePair(str(file), label, theirs, {}, {}, scripts.args)

    scored = np.array(LABEL_IDS)
    assert np.array_equal(outcome.confusion.matrix, theirs[scored][:, scored])
    assert np.count_nonzero(outcome.confusion.matrix) > 40  # no single class everywhere
    names = [scripts.id2label[label_id].name for label_id in LABEL_IDS]
    iou = [scripts.getIouScoreForLabel(label_id, theirs, scripts.args) for label_id in LABEL_IDS]
    values = outcome.values(data.classes)
    assert list(values["iou"]) == names
    for name, score in zip(names, iou, strict=True):
        if values["iou"][name] is None:
            assert np.isnan(score)
        else:
            assert values["iou"][name] == pytest.approx(score, abs=1e-9)
    by_name = dict(zip(names, iou, strict=True))
    assert values["miou"] == pytest.approx(scripts.getScoreAverage(by_name, scripts.args), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "split", "classes"),
    [("camvid", "test", 11), ("cityscapes", "train", 19), ("nyudv2", "val", 40), ("ade20k", "val", 150)],
)
def test_torchmetrics_gives_the_same_matrix_and_scores(
    request: pytest.FixtureRequest, name: str, split: str, classes: int
) -> None:
    data = first(open_data(name, split, request.getfixturevalue(f"{name}_root")), 2)
    network = Untrained(classes)
    outcome = evaluate(network, data, IMAGENET, CPU)
    matrix = MulticlassConfusionMatrix(classes, ignore_index=255)
    jaccard = MulticlassJaccardIndex(classes, average="none", ignore_index=255)
    for _, prediction, label in predictions(network, data, IMAGENET, CPU):
        for metric in (matrix, jaccard):
            metric.update(prediction[None].long(), label[None].long())
    assert np.array_equal(outcome.confusion.matrix, matrix.compute().numpy())
    assert outcome.confusion.matrix.sum() > 0
    for ours, theirs in zip(outcome.confusion.iou(), jaccard.compute().tolist(), strict=True):
        # a class in neither truth nor prediction has no score here, and 0 there
        assert (ours or 0.0) == pytest.approx(theirs, abs=1e-6)


def test_predictions_of_the_enlarged_logits_are_those_of_a_plain_loop(camvid_root: Path) -> None:
    """Neither the deferral nor the bands nor the loader: read, divide, run, take the largest, count."""
    data = first(open_data("camvid", "test", camvid_root), 2)
    network = Untrained(11).eval()
    counts = np.zeros((11, 11), np.int64)
    for image_file, label_file in data.pairs:
        pixels = np.array(Image.open(camvid_root / image_file).convert("RGB"), np.float32) / 255
        label = np.array(Image.open(camvid_root / label_file))
        given = (pixels - np.array(IMAGENET.mean, np.float32)) / np.array(IMAGENET.std, np.float32)
        with torch.inference_mode():
            logits = network(torch.from_numpy(given).permute(2, 0, 1)[None])
        answer = logits[0].argmax(dim=0).numpy()
        np.add.at(counts, (label[label < 11], answer[label < 11]), 1)
    ours = evaluate(network, data, IMAGENET, CPU).confusion.matrix
    # the mean is subtracted from 0..255 there and from 0..1 here: a pixel on an edge may round another way
    assert np.abs(ours - counts).sum() <= 20
    assert counts.sum() == ours.sum()
