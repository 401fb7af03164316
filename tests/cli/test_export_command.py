import json

import pytest

EXTRA = "needs the extra 'engines'"


@pytest.fixture(autouse=True)
def _engines():
    for module in ("onnx", "onnxscript", "onnxruntime", "openvino"):
        pytest.importorskip(module, reason=EXTRA)


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run ``carnet-bench export``; return exit code, stdout and stderr."""
    import sys

    import bench.cli

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["carnet-bench", "export", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            bench.cli.main()
        said = capsys.readouterr()
        return stop.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def own(tmp_path):
    """Write a network of the user's own."""
    file = tmp_path / "mynet.py"
    file.write_text(
        "from torch import nn\ndef build(num_classes):\n    return nn.Conv2d(3, num_classes, 3, padding=1)\n"
    )
    return f"{file}:build"


def test_a_network_is_written_with_its_parity(call, own, tmp_path):
    out = tmp_path / "net.onnx"
    code, said, _ = call(own, "--onnx", "--size", "16x24", "--classes", "5", "--out", out, "--json")
    assert code == 0
    document = json.loads(said)
    assert (document["model"], document["classes"], document["size"]) == ("mynet", 5, [16, 24])
    assert document["files"] == [str(out)]
    assert document["statistics"]["mean"] == [0.485, 0.456, 0.406]
    assert {kind: one["argmax_agreement"] for kind, one in document["parity"].items()} == {
        "random": 1.0,
        "photo_like": 1.0,
    }
    assert out.stat().st_size > 0


def test_text_names_the_files_and_the_figures(call, own, tmp_path):
    out = tmp_path / "net.xml"
    code, said, _ = call(own, "--openvino", "--size", "16x24", "--classes", "5", "--out", out)
    assert code == 0
    assert "compared with eager fp32 on photo_like inputs: largest difference" in said
    assert f"{out}: " in said
    assert f"{tmp_path / 'net.bin'}: " in said


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], "give either --onnx or --openvino"),
        (["--onnx", "--openvino"], "give either --onnx or --openvino"),
        (["--openvino"], ".xml"),
        (["--onnx", "--size", "16"], "HEIGHTxWIDTH"),
    ],
)
def test_a_mistake_is_exit_2_and_writes_nothing(call, own, tmp_path, words, found):
    code, out, err = call(own, "--size", "16x24", "--out", tmp_path / "net.onnx", *words)
    assert code == 2
    assert found in err
    assert out == ""
    assert not (tmp_path / "net.onnx").exists()


def test_a_file_that_is_there_is_not_replaced_unasked(call, own, tmp_path):
    out = tmp_path / "net.onnx"
    out.write_text("mine")
    code, _, err = call(own, "--onnx", "--size", "8x8", "--classes", "2", "--out", out)
    assert (code, out.read_text()) == (2, "mine")
    assert "--overwrite" in err


def test_weights_that_are_not_there_are_exit_3(call, own, tmp_path):
    words = ["--onnx", "--size", "8x8", "--out", tmp_path / "net.onnx", "--weights", tmp_path / "none"]
    code, _, err = call(own, *words)
    assert code == 3
    assert "no such file" in err


@pytest.fixture
def trained(tmp_path):
    """Write a network and its weights as a run of drawn scenes does; return both names."""
    import torch

    from bench.models import resolve
    from bench.train.recipe import from_table
    from bench.train.weight_file import save_weights

    file = tmp_path / "small.py"
    file.write_text(
        "from torch import nn\n"
        "def build(num_classes):\n"
        "    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, num_classes, 1))\n"
    )
    table = {"name": "tiny", "model": "small", "data": "scenes", "batch": 2, "epochs": 1, "crop": [64, 96]}
    table |= {"data_options": {"count": 4, "size_hw": [64, 96]}, "encoder_lr": 0.1, "decoder_lr": 0.1}
    path = tmp_path / "final.safetensors"
    torch.manual_seed(0)
    note = {
        "identity": {"model": "small", "recipe": from_table(table, "tiny").identity()},
        "statistics": {"mean": [0.5] * 3, "std": [0.5] * 3},
        "notes": [],
    }
    save_weights(path, resolve(f"{file}:build").build(19).state_dict(), note)
    return [f"{file}:build", "--size", "64x96", "--weights", path]


def test_int8_of_trained_weights_is_written_with_its_loss(call, trained, tmp_path):
    out = tmp_path / "net.onnx"
    words = [
        "--precision",
        "int8",
        "--calibrate",
        "scenes:2",
        "--fp32-convolutions",
        "0",
        "--max-loss",
        "100",
    ]
    code, said, _ = call(*trained, "--onnx", *words, "--out", out, "--json")
    assert code == 0
    document = json.loads(said)
    calibration, accuracy = document["calibration"], document["accuracy"]
    assert document["precision"] == "int8"
    assert (calibration["data"], calibration["split"], calibration["images"]) == ("scenes", "train", 2)
    assert (accuracy["split"], accuracy["images"], accuracy["max_loss"]) == ("val", 4, 1.0)
    assert accuracy["loss"] == accuracy["eager_miou"] - accuracy["miou"]
    code, said, _ = call(*trained, "--onnx", *words, "--out", out, "--overwrite")
    assert code == 0
    assert "points (allowed 100) on scenes val, 4 images" in said


def test_fp32_of_trained_weights_is_scored_on_the_split_asked_for(call, trained, tmp_path):
    code, said, _ = call(
        *trained, "--openvino", "--data", "scenes:test", "--out", tmp_path / "net.xml", "--json"
    )
    assert code == 0
    accuracy = json.loads(said)["accuracy"]
    assert (accuracy["split"], accuracy["loss"]) == ("test", pytest.approx(0.0, abs=1e-3))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--precision", "int8"], "--weights FILE|RUN --calibrate DATA[:COUNT]"),
        (["--precision", "bf16"], "'bf16' is not one of 'fp32', 'int8'"),
        (["--calibrate", "camvid"], "fp32 takes no calibration"),
        (["--data", "camvid"], "random weights have no score"),
    ],
)
def test_what_random_weights_cannot_be_asked_is_exit_2(call, own, tmp_path, words, found):
    out = tmp_path / "net.onnx"
    code, _, err = call(own, "--onnx", "--size", "8x8", "--out", out, *words)
    assert code == 2
    assert found in err
    assert not out.exists()


def test_int8_that_loses_too_much_is_exit_3_and_no_file(call, trained, tmp_path, monkeypatch):
    from bench.speed.accuracy import Judge

    scores = iter([0.5, 0.48])
    monkeypatch.setattr(Judge, "miou", lambda *_, **__: next(scores))
    out = tmp_path / "net.onnx"
    words = ["--precision", "int8", "--calibrate", "scenes:2", "--fp32-convolutions", "0"]
    code, said, err = call(*trained, "--onnx", *words, "--out", out, "--json")
    assert (code, said) == (3, "")
    assert "loss +2.00 points (allowed 1)" in err
    assert "--max-loss" in err
    assert not out.exists()
