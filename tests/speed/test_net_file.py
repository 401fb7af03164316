"""A network's file as a method: what it says of itself, its scores, its pictures, its times."""

import json

import numpy as np
import pytest
import torch
from dense_matrices import dense
from PIL import Image
from torch import nn

from bench.clock.protocol import Protocol
from bench.data.catalogue import entry, open_data
from bench.data.statistics import HALF
from bench.errors import RefusedInput, UsageError
from bench.evaluate.evaluate import evaluate
from bench.models import resolve
from bench.results.select import why_not_tabulated
from bench.results.store import read_arrays, read_records
from bench.speed.export import export_network
from bench.speed.file_score import evaluate_file
from bench.speed.measure import measure_speed
from bench.speed.net_file import FileNetwork, method_of, open_net_file
from bench.speed.variant import Variant
from bench.train.settings import Settings

for module in ("onnx", "onnxscript", "onnxruntime", "openvino"):
    pytest.importorskip(module, reason="the extra engines is not installed")

SIZE_HW = (32, 48)
FEW = {"count": 3, "size_hw": list(SIZE_HW)}
DESCRIBED = {
    "model": "small",
    "weights": "random",
    "data": "scenes",
    "classes": list(entry("scenes").classes),
    "statistics": {"mean": HALF.mean, "std": HALF.std},
    "size": list(SIZE_HW),
    "batch": 1,
    "notes": ["made in a test"],
}


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 19, 1)).eval()


@pytest.fixture(scope="module")
def files(network, tmp_path_factory):
    """The network as .onnx and .xml, and an .onnx that says nothing of itself."""
    folder = tmp_path_factory.mktemp("files")
    for name, form, said in (
        ("small.onnx", "onnx", DESCRIBED),
        ("small.xml", "openvino", DESCRIBED),
        ("plain.onnx", "onnx", {}),
    ):
        export_network(network, "small", SIZE_HW, folder / name, form=form, description=said, threads=1)
    return folder


@pytest.fixture
def few_scenes(monkeypatch):
    """Let the synthetic set have three small images."""

    def few(name, split, root=None, **others):
        return open_data(name, split, root, **{**others, **FEW})

    monkeypatch.setattr("bench.speed.file_score.open_data", few)


@pytest.mark.parametrize("name", ["small.onnx", "small.xml"])
def test_a_file_that_export_wrote_says_size_classes_and_statistics(files, name):
    found = open_net_file(files / name)
    assert found.shape == (1, 3, *SIZE_HW)
    assert found.num_classes == 19
    assert found.statistics(None) == HALF
    assert found.data(None) == "scenes"
    assert found.data("cityscapes") == "cityscapes"
    assert "made in a test" in found.notes


def test_a_file_from_elsewhere_needs_flags_and_refuses_other_classes(files):
    found = open_net_file(files / "plain.onnx")
    with pytest.raises(UsageError, match="metadata") as refused:
        found.statistics(None)
    assert "--statistics" in refused.value.then
    with pytest.raises(UsageError, match="19 classes") as refused:
        found.data(None)
    assert "--data" in refused.value.then
    with pytest.raises(UsageError, match="camvid has 11"):
        found.data("camvid")
    assert found.statistics("half") == HALF
    assert found.data("scenes") == "scenes"


@pytest.mark.parametrize("name", ["small.onnx", "small.xml"])
def test_it_scores_as_the_network_it_was_made_of(files, name, network, few_scenes, tmp_path):
    settings = Settings(tmp_path, threads=1, command=("carnet-bench", "evaluate", name))
    record, same = evaluate_file(files / name, "val", settings, data_set="scenes")
    expected = evaluate(network, open_data("scenes", "val", **FEW), HALF, torch.device("cpu"))
    found = read_arrays(record, tmp_path)
    differing = np.abs(dense(found) - expected.per_image).sum()
    assert not same
    # the leads of random weights are small, so a pixel between two classes may round another way
    assert differing <= 2 * 3 * 32 * 48 * 0.01
    identity = record.stored["identity"]
    assert identity["weights_sha256"] == open_net_file(files / name).sha256
    assert identity["engine"] == {"small.onnx": "onnxruntime", "small.xml": "openvino"}[name]
    assert identity["size"] == "32x48"
    assert "run" not in identity
    assert "exported file" in why_not_tabulated(record, {})
    assert evaluate_file(files / name, "val", settings, data_set="scenes")[1]


def test_an_image_of_another_size_is_refused_with_both_sizes(files):
    with pytest.raises(RefusedInput, match=r"1x3x32x48 .* found 1x3x32x64"):
        FileNetwork(open_net_file(files / "small.onnx"))(torch.zeros(1, 3, 32, 64))


def test_what_is_no_network_is_refused_by_name(files, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"not a network")
    (tmp_path / "alone.xml").write_bytes((files / "small.xml").read_bytes())
    for name, word in (
        ("broken.onnx", "does not load"),
        ("alone.xml", "alone.bin"),
        ("none.onnx", "no such"),
    ):
        with pytest.raises(RefusedInput, match=word) as refused:
            open_net_file(tmp_path / name)
        assert name.partition(".")[0] in str(refused.value)


def test_damaged_metadata_is_refused_and_names_the_file(files, tmp_path, network):
    path = tmp_path / "odd.onnx"
    export_network(network, "small", SIZE_HW, path, form="onnx", description={"statistics": 3}, threads=1)
    with pytest.raises(RefusedInput, match=r"odd.onnx.*metadata"):
        open_net_file(path)


def test_predict_runs_the_file_on_images_of_its_size(files, tmp_path, monkeypatch, capsys, network):
    (tmp_path / "photos").mkdir()
    scene = open_data("scenes", "val", **FEW).read(0)
    Image.fromarray(scene.image.permute(1, 2, 0).numpy()).save(tmp_path / "photos" / "street.png")
    words = ("predict", files / "small.onnx", tmp_path / "photos", "--out", tmp_path / "out", "--json")
    code, out = _call(monkeypatch, capsys, *words, "--data", "scenes")
    assert code == 0
    document = json.loads(out)
    assert document["weights_sha256"] == open_net_file(files / "small.onnx").sha256
    assert document["data"] == "scenes"
    found = np.array(Image.open(tmp_path / "out" / "street_labels.png"))
    image = (scene.image[None].float() / 255 - 0.5) / 0.5
    expected = network(image).argmax(1)[0].numpy()
    assert (found != expected).mean() <= 0.001
    Image.new("RGB", (64, 48)).save(tmp_path / "photos" / "small.bmp")
    code, out = _call(monkeypatch, capsys, *words, "--data", "scenes", "--overwrite")
    (left_out,) = json.loads(out)["left_out"]
    assert code == 3
    assert "small.bmp: " in left_out["why"]
    assert _call(monkeypatch, capsys, *words[:-1], "--overwrite", "--device", "cuda")[0] == 2


def test_time_measures_the_file_itself_in_its_engines(files, tmp_path, carnet_bench):
    words = ("--budget", "2s", "--samples", 5, "--threads", 1, "--json")
    code, out, _ = carnet_bench(
        *("time", files / "small.onnx", "--engine", "onnxruntime", "--engine", "openvino"), *words
    )
    assert code in (0, 4)  # a busy machine's times are not valid, and recorded
    first, second = json.loads(out)["measurements"]
    assert first["identity"]["model"] == "small.onnx"
    assert first["identity"]["weights"] == open_net_file(files / "small.onnx").sha256
    assert first["identity"]["size"] == list(SIZE_HW)
    assert {first["identity"]["engine"], second["identity"]["engine"]} == {"onnxruntime", "openvino"}
    assert second["values"]["parity"]["random"]["relative"] <= 1e-3
    assert "the file itself was run" in first["notes"]
    assert len(read_records(tmp_path, "speed")) == 2


def test_next_to_methods_a_file_runs_in_its_own_engine_in_the_same_run(files, tmp_path):
    (tmp_path / "mynet.py").write_text(
        "from torch import nn\n\ndef build(num_classes):\n    return nn.Conv2d(3, num_classes, 1)\n"
    )
    methods = [resolve(f"{tmp_path / 'mynet.py'}:build"), method_of(open_net_file(files / "small.onnx"))]
    for variant, engine in ((Variant(), "onnxruntime"), (Variant("openvino"), "openvino")):
        first, second = measure_speed(
            methods,
            SIZE_HW,
            variants=(variant,),
            fitted=True,
            threads=1,
            device="cpu",
            protocol=Protocol(samples=3, budget_s=0.5),
        )
        assert first.provenance.run == second.provenance.run is not None
        assert (first.identity.engine.split()[0], second.identity.engine) == (variant.engine, engine)
        assert second.identity.weights == open_net_file(files / "small.onnx").sha256


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (("--engine", "eager"), "onnxruntime"),
        (("--size", "64x64"), "32x48"),
        (("--batch", "2"), "takes 1 images"),
        (("--deploy",), "as it is"),
        (("--weights", "x.safetensors"), "--weights"),
    ],
)
def test_what_a_file_cannot_do_is_a_usage_error(files, carnet_bench, more, word):
    code, out, error = carnet_bench("time", files / "small.onnx", *more, "--threads", 1)
    assert (code, out) == (2, "")
    assert word in error


def test_an_xml_does_not_run_in_onnxruntime_and_a_method_needs_a_size(files, carnet_bench):
    code, _, error = carnet_bench("time", files / "small.xml", "--engine", "onnxruntime")
    assert code == 2
    assert "openvino" in error
    code, _, error = carnet_bench("time", "carnet-mobile")
    assert code == 2
    assert "--size" in error


def _call(monkeypatch, capsys, *words):
    import sys

    import bench.cli

    monkeypatch.setattr(sys, "argv", ["carnet-bench", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        bench.cli.main()
    return int(stop.value.code or 0), capsys.readouterr().out
