"""A network as a file: what is in it, and when there is none."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bench.errors import RefusedInput, UsageError
from bench.speed import export
from bench.speed.export import export_network

onnx = pytest.importorskip("onnx", reason="needs the extra 'engines'")
pytest.importorskip("onnxscript", reason="needs the extra 'engines'")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra 'engines'")
openvino = pytest.importorskip("openvino", reason="needs the extra 'engines'")

ENDS = {"onnx": ".onnx", "openvino": ".xml"}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1)).eval()


def written(folder: Path, form: str, **more: Any) -> export.Exported:
    settings: dict[str, Any] = {"form": form, "description": {"model": "tiny", "classes": 4}, **more}
    return export_network(network(), "tiny", (16, 24), folder / f"net{ENDS[form]}", threads=1, **settings)


def test_an_onnx_file_computes_what_the_network_does_and_says_what_it_is(tmp_path: Path) -> None:
    done = written(tmp_path, "onnx", batch=2)
    assert done.files == (tmp_path / "net.onnx",)
    session = onnxruntime.InferenceSession(str(done.files[0]), providers=["CPUExecutionProvider"])
    image = torch.rand(2, 3, 16, 24)
    (logits,) = session.run(["logits"], {"image": image.numpy()})
    with torch.no_grad():
        assert torch.allclose(torch.from_numpy(logits), network()(image), atol=1e-5)
    note = session.get_modelmeta().custom_metadata_map["carnet_bench"]
    assert json.loads(note) == {"model": "tiny", "classes": 4}
    onnx.checker.check_model(str(done.files[0]))


def test_openvino_files_keep_weights_in_fp32_and_say_what_they_are(tmp_path: Path) -> None:
    done = written(tmp_path, "openvino")
    assert set(done.files) == {tmp_path / "net.xml", tmp_path / "net.bin"}
    # 8 x 3 x 9 + 8 + 4 x 8 + 4 numbers of four bytes; fp16 would be half
    assert (tmp_path / "net.bin").stat().st_size >= 4 * 260
    model = openvino.Core().read_model(str(tmp_path / "net.xml"))
    assert json.loads(model.get_rt_info(["carnet_bench"]).astype(str))["model"] == "tiny"
    image = torch.rand(1, 3, 16, 24)
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.no_grad():
        expected = network()(image)
    assert torch.allclose(torch.from_numpy(compiled(image.numpy())[0]), expected, atol=1e-5)


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_a_wrong_export_is_refused_and_leaves_no_file(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = export.onnx_bytes

    def of_another_network(given: nn.Module, *others: Any) -> bytes:
        with torch.no_grad():
            given[0].weight[0, 0, 0, 0] += 0.5  # type: ignore[index,union-attr]
            content = right(given, *others)
            given[0].weight[0, 0, 0, 0] -= 0.5  # type: ignore[index,union-attr]
        return content

    monkeypatch.setattr(export, "onnx_bytes", of_another_network)
    with pytest.raises(RefusedInput, match=f"tiny as {form}: differs from eager fp32"):
        written(tmp_path, form)
    assert list(tmp_path.iterdir()) == []


def test_a_file_ends_as_its_format_does(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"suffix \.xml for openvino"):
        export_network(network(), "tiny", (8, 8), tmp_path / "net.onnx", form="openvino", description={})


def test_a_network_that_fails_on_the_image_is_refused(tmp_path: Path) -> None:
    of_four_channels, out = nn.Sequential(nn.Conv2d(4, 4, 1)), tmp_path / "net.onnx"
    with pytest.raises(RefusedInput, match="odd: fails on an image of 8x8"):
        export_network(of_four_channels, "odd", (8, 8), out, form="onnx", description={})
    assert list(tmp_path.iterdir()) == []
