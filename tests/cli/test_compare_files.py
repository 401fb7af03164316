"""``compare`` and ``score`` take a network's file: the file itself is scored and timed, and never judged."""

import json

import pytest
import torch
from torch import nn

from bench.data.catalogue import entry
from bench.data.statistics import HALF
from bench.results.store import read_records
from bench.speed.export import export_network

for module in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(module, reason="the extra engines is not installed")

DATA = ("--set", "data_options.count=8", "--set", "data_options.size_hw=[64, 64]")


@pytest.fixture
def network(tmp_path):
    """Write a small network as a file; without ``said`` it does not say how its images are normalised."""

    def write(name, size_hw=(64, 64), said=True):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            small = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 19, 1)).eval()
        described = {
            "classes": list(entry("scenes").classes),
            "statistics": {"mean": HALF.mean, "std": HALF.std},
        }
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        export_network(
            small, "small", size_hw, path, form="onnx", description=described if said else {}, threads=1
        )
        return path

    return write


def test_a_file_stands_in_the_table_with_its_score_and_its_time_and_gets_no_verdict(
    carnet_bench, words, network, tmp_path
):
    path = network("net.onnx")
    code, out, err = carnet_bench(*words, path, "--json")
    assert code == 0, err
    document = json.loads(out)
    by_name = {one["method"]: one for one in document["methods"]}
    file = by_name["net.onnx"]
    assert (file["kind"], file["median_ms"], file["timed_size"]) == ("file", 3.01, "64x64")
    assert 0 < file["miou_low"] < file["miou"] < file["miou_high"]
    missing = ("seeds", "group", "front", "params_m", "gmacs", "starting_weights", "train_s", "p_corrected")
    assert {file[key] for key in missing} == {None}
    assert {by_name["wide"]["group"], by_name["thin"]["group"]} == {"best"}
    pairs = {(one["first"], one["second"]): one["corrected"] for one in document["accuracy_pairs"]}
    assert len(pairs) == 3
    assert {name for names, corrected in pairs.items() if corrected is not None for name in names} == {
        "thin",
        "wide",
    }
    assert any(note.startswith("an exported file: scored as it stands") for note in file["notes"])
    page = (tmp_path / "reports" / "compare-scenes.md").read_text()
    assert "no part of these verdicts: net.onnx." in page

    # the same number by the same way: `score` finds it on record
    words_of_score = ("score", path, "--data", "scenes", "--split", "test", *DATA, "--threads", 1, "--json")
    code, out, _ = carnet_bench(*words_of_score)
    assert code == 0
    scored = json.loads(out)
    assert (scored["same_as_recorded"], scored["predictions"]) == (True, None)
    assert scored["accuracy_record"] in file["records"]["accuracy"]
    assert scored["values"]["miou"] == file["miou"]
    assert len([one for one in read_records(tmp_path, "accuracy") if one.identity.file]) == 1


def test_a_file_of_another_size_than_the_methods_are_timed_at_has_a_score_and_no_time(
    carnet_bench, words, network
):
    path = network("net.onnx")
    code, out, err = carnet_bench(*words, path, "--seeds", 1, "--size", "32x64", "--json")
    assert code == 0, err
    assert "net.onnx: not timed: it takes 64x64" in err
    file = next(one for one in json.loads(out)["methods"] if one["kind"] == "file")
    assert (file["median_ms"], file["speed_record"]) == (None, None)
    assert file["miou"] > 0


def test_what_does_not_go_together_is_refused_before_anything_is_trained(
    carnet_bench, words, network, tmp_path
):
    net, plain = network("net.onnx"), network("plain.onnx", said=False)
    twin = network("other/net.onnx", size_hw=(32, 64))
    for more, code, message in (
        ((net, twin), 2, "'net.onnx': another method has this name"),
        ((net, "--score", "net.onnx=folder"), 2, "'net.onnx': another method has this name"),
        ((plain,), 2, "--statistics imagenet"),
        ((twin,), 3, "takes images of 1x3x32x64"),
        ((tmp_path / "none.onnx",), 3, "none.onnx: no such file"),
    ):
        found, out, err = carnet_bench(*words, *more)
        assert (found, out) == (code, ""), err
        assert message in err
    assert read_records(tmp_path, "training") == []
    for more, message in (
        ((net, "--name", "x"), "drop --name and --ids"),
        ((tmp_path, "--threads", 1), "not for labels"),
    ):
        code, _, err = carnet_bench("score", *more, "--data", "scenes")
        assert (code, message in err) == (2, True)
