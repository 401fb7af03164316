"""Evaluation of networks that do not take every size, of such that return no logits, and what is recorded."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from baselines.sizes import ANY, SizeRule
from bench.data.statistics import IMAGENET, normalise
from bench.errors import NotMeasured, RefusedInput
from bench.evaluate.doubts import doubts
from bench.evaluate.evaluate import evaluate, predictions
from bench.evaluate.peak import PeakMemory
from bench.evaluate.protocol import Protocol
from bench.evaluate.views import SINGLE, Views

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]

THREE_TIMES_128_MIB = """
import json, torch
from bench.evaluate.peak import PeakMemory

device = torch.device("cpu")
with PeakMemory(device) as peak:
    for _ in range(3):
        held = torch.ones(128 * 2**18)  # 128 MiB of float32, one after the other
        del held
with PeakMemory(device) as idle:
    pass
print(json.dumps([peak.mib, peak.measured, idle.mib]))
"""


class Strict(nn.Module):
    """Refuses a size outside its rule; predicts class 1 in the padding's place and 0 elsewhere."""

    def __init__(self, rule: SizeRule) -> None:
        super().__init__()
        self.rule = rule
        self.seen: set[tuple[int, ...]] = set()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.rule.require(tuple(image.shape[-2:]))
        self.seen.add(tuple(image.shape))
        is_padding = (image == 0).all(dim=1, keepdim=True).float()
        return torch.cat([1 - is_padding, is_padding, 0 * is_padding, 0 * is_padding], dim=1)


def test_an_image_is_padded_with_the_mean_colour_and_the_logits_are_cut_back(toy_data) -> None:
    network = Strict(SizeRule(50, 1))  # 64x96 becomes 101x101
    for _, prediction, label in predictions(network, toy_data, IMAGENET, CPU, SizeRule(50, 1)):
        assert prediction.shape == label.shape == (64, 96)
        assert not prediction.any()
    assert network.seen == {(1, 3, 101, 101)}


def test_an_image_that_fits_is_not_touched(toy_data) -> None:
    network = Strict(SizeRule(32))
    evaluate(network, toy_data, IMAGENET, CPU, sizes=SizeRule(32))
    assert network.seen == {(1, 3, 64, 96)}


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Conv2d(3, 5, 1), r"returned a Tensor of \(1, 5, 64, 96\); must be logits \(b, 4, h, w\)"),
        (nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten()), r"Tensor of \(1, 24576\)"),
        (nn.LSTM(96, 4, batch_first=True), "returned a tuple"),
    ],
)
def test_what_is_no_logits_of_the_classes_is_refused(toy_data, network, message) -> None:
    if isinstance(network, nn.LSTM):
        network = nn.Sequential(nn.Conv2d(3, 1, 1), nn.Flatten(1, 2), network)
    with pytest.raises(RefusedInput, match=message):
        evaluate(network, toy_data, IMAGENET, CPU)


def test_the_protocol_says_to_what_images_were_padded_and_nothing_where_none_was() -> None:
    assert "padded_to" not in Protocol("camvid", "test").as_dict()
    assert Protocol("camvid", "test", padded_to="8k+1").as_dict()["padded_to"] == "8k+1"


@pytest.mark.parametrize("views", [SINGLE, Views(flip=True)])
def test_logits_that_are_no_numbers_are_not_scored(toy_data, views) -> None:
    class Broken(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            logits = torch.zeros(1, 4, *image.shape[-2:])
            logits[0, 1, 5, 5] = torch.nan
            return logits

    with pytest.raises(NotMeasured, match=r"toy_0: the network returned logits that are not numbers"):
        evaluate(Broken(), toy_data, IMAGENET, CPU, views=views)


class Strided(nn.Module):
    """Logits of a quarter of the size, enlarged by the network itself."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Conv2d(3, 4, 7, stride=4, padding=3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return F.interpolate(self.classifier(image), size=image.shape[-2:], mode="bilinear")


@pytest.mark.parametrize("rule", [ANY, SizeRule(50, 1)])
def test_predictions_are_those_of_the_network_called_plainly(toy_data, rule) -> None:
    network = Strided().to(memory_format=torch.channels_last).eval()
    for index, (_, prediction, _) in enumerate(predictions(network, toy_data, IMAGENET, CPU, rule)):
        image = normalise(toy_data.read(index).image[None], IMAGENET).contiguous(
            memory_format=torch.channels_last
        )
        height, width = rule.fitting((64, 96))
        image = F.pad(image, (0, width - 96, 0, height - 64))
        with torch.inference_mode():
            expected = network(image)[..., :64, :96].argmax(dim=1)[0]
        assert torch.equal(prediction.long(), expected)
        assert prediction.dtype == torch.uint8


def test_logits_smaller_than_the_label_are_brought_to_its_size(toy_data) -> None:
    network = Strided().classifier.eval()
    for index, (_, prediction, _) in enumerate(predictions(network, toy_data, IMAGENET, CPU)):
        image = normalise(toy_data.read(index).image[None], IMAGENET)
        with torch.inference_mode():
            expected = F.interpolate(network(image), size=(64, 96), mode="bilinear").argmax(dim=1)[0]
        assert (prediction.long() != expected).sum() == 0


def test_a_split_without_labels_is_refused_before_an_image_is_read(toy_data) -> None:
    toy_data.labelled, toy_data.why_unlabelled = False, "they are secret"
    toy_data.read = None
    with pytest.raises(RefusedInput, match=r"toy train: no labels to score with \(they are secret\)"):
        evaluate(Strided(), toy_data, IMAGENET, CPU)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of the resident memory is Linux's")
def test_the_peak_of_the_memory_is_what_was_held_at_once() -> None:
    # in a process of its own: what other tests have freed would be taken again, or given back in between
    ended = subprocess.run(
        [sys.executable, "-c", THREE_TIMES_128_MIB], capture_output=True, text=True, check=True, cwd=ROOT
    )
    peak, measured, idle = json.loads(ended.stdout)
    assert 100 < peak < 200
    assert measured == "rise of the resident memory"
    assert idle < 60


def test_where_the_peak_is_not_known_it_is_none() -> None:
    with PeakMemory(torch.device("meta")) as peak:
        pass
    assert peak.mib is None
    assert peak.measured is None


def test_the_record_holds_the_peak(toy_data) -> None:
    values = evaluate(Strided(), toy_data, IMAGENET, CPU).values(toy_data.classes)
    assert {"peak_mib", "peak_measured"} <= set(values)


def test_a_cityscapes_score_below_one_percent_names_its_usual_cause() -> None:
    (note,) = doubts("cityscapes", 0.0044)
    assert note.startswith(
        "mIoU 0.44 % on Cityscapes: below 1 %, trainIds (0..18) were read as labelIds (0..33)"
    )
    assert doubts("cityscapes", 0.01) == []
    assert doubts("ade20k", 0.0044) == []


def test_the_protocol_of_the_first_records_has_not_changed() -> None:
    # as the committed records hold it
    assert Protocol("camvid", "test", align_corners=False).as_dict() == {
        "data": "camvid",
        "split": "test",
        "size": "native",
        "scales": [1.0],
        "flip": False,
        "ignore": 255,
        "align_corners": False,
        "version": 1,
    }


def test_the_protocol_says_how_an_image_was_shown() -> None:
    protocol = Protocol(
        "nyudv2",
        "val",
        scales=(0.5, 1.0),
        flip=True,
        window=(400, 400),
        stride=(267, 267),
        averaged="probabilities",
        data_options={"crop_border": True},
    ).as_dict()
    assert protocol["scales"] == [0.5, 1.0]
    assert protocol["window"] == [400, 400]
    assert protocol["stride"] == [267, 267]
    assert protocol["averaged"] == "probabilities"
    assert protocol["data_options"] == {"crop_border": True}
