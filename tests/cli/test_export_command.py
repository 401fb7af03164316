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
    assert "against eager fp32 on photo_like inputs: largest difference" in said
    assert f"{out}: " in said
    assert f"{tmp_path / 'net.bin'}: " in said


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], "give one of --onnx and --openvino"),
        (["--onnx", "--openvino"], "give one of --onnx and --openvino"),
        (["--openvino"], "a file for openvino ends in .xml"),
        (["--onnx", "--size", "16"], "allowed is HEIGHTxWIDTH"),
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
