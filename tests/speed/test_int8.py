"""Int8: the ranges come from images, the right to a time from the mIoU."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bench.clock.protocol import Protocol
from bench.data.statistics import Statistics, normalise
from bench.errors import RefusedInput, UsageError
from bench.models import resolve
from bench.speed.accuracy import Judge, batches
from bench.speed.engines.calibration import CALIBRATION_METHODS, Calibration
from bench.speed.engines.engine import ENGINES, Conditions
from bench.speed.engines.onnx_graph import onnx_bytes
from bench.speed.engines.quantised import quantised_bytes
from bench.speed.export import export_network
from bench.speed.measure import measure_speed
from bench.speed.trained_subject import TrainedSubject, Wanted, open_subject
from bench.speed.variant import Variant
from bench.train.recipe import from_table
from bench.train.weight_file import save_weights

onnx = pytest.importorskip("onnx", reason="needs the extra 'engines'")
pytest.importorskip("onnxscript", reason="needs the extra 'engines'")
pytest.importorskip("onnxruntime", reason="needs the extra 'engines'")
pytest.importorskip("openvino", reason="needs the extra 'engines'")

CPU = torch.device("cpu")
HALF = Statistics((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SHAPE = (2, 3, 64, 96)
QUICK = Protocol(samples=1, budget_s=1.0, least_window_s=0.0, warmup_calls=1, attempts=1)


@pytest.fixture
def nearest(toy_data: Any) -> nn.Module:
    """The class with the nearest colour: the toy data's noise moves no pixel to another one."""
    colours = normalise(torch.tensor(toy_data.palette, dtype=torch.uint8).view(4, 3, 1, 1), HALF)
    conv = nn.Conv2d(3, 4, 1)
    with torch.no_grad():
        conv.weight.copy_(2 * colours)
        conv.bias.copy_(-colours.square().sum((1, 2, 3)))  # type: ignore[union-attr]
    return nn.Sequential(conv).eval()


def calibration(data: Any, method: str = "minmax", factor: float = 1.0) -> Calibration:
    """Return the toy data's images as a calibration; a factor of 0 makes them black."""
    black = normalise(torch.zeros(SHAPE, dtype=torch.uint8), HALF)
    found = [black + factor * (images - black) for _, images in batches(data, range(6), HALF, SHAPE)]
    return Calibration(found, {"data": data.name, "images": 6, "images_sha256": f"{factor}"}, method, 0)


def export(network: nn.Module, out: Path, **more: Any) -> Any:
    settings: dict[str, Any] = {"form": "onnx", "description": {}, "batch": 2, "precision": "int8", **more}
    return export_network(network, "nearest", SHAPE[2:], out, threads=1, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("method", CALIBRATION_METHODS)
def test_int8_rounds_and_keeps_the_miou(engine: str, method: str, nearest: nn.Module, toy_data: Any) -> None:
    image = next(iter(batches(toy_data, [0, 1], HALF, SHAPE)))[1]
    conditions = Conditions(CPU, 1, "int8", calibration(toy_data, method))
    judge = Judge(toy_data, HALF)
    with torch.inference_mode():
        prepared = ENGINES[engine].prepare(nearest, image, conditions)
        eager, logits = nearest(image), prepared.infer(image)
        # between a thousandth and a tenth of what the logits span: 8 bits, and neither fp32 nor noise
        assert 1e-3 < (logits - eager).abs().max() / (eager.max() - eager.min()) < 0.1
        assert judge.miou("eager", nearest, SHAPE, CPU) == 1.0
        assert judge.miou("int8", prepared.infer, SHAPE, CPU) > 0.99
    assert "onnxruntime" in prepared.versions


def test_weights_have_a_scale_for_each_output_channel_and_maps_have_one(
    nearest: nn.Module, toy_data: Any
) -> None:
    content, _ = quantised_bytes(onnx_bytes(nearest, torch.zeros(SHAPE)), calibration(toy_data))
    arrays = {
        one.name: onnx.numpy_helper.to_array(one)
        for one in onnx.load_model_from_string(content).graph.initializer
    }
    (weight,) = [name for name, array in arrays.items() if array.dtype == "int8" and array.ndim == 4]
    scale = arrays[weight.replace("_quantized", "_scale")]
    # symmetric: the largest weight of each class is 127 steps
    largest = nearest[0].weight.detach().abs().amax((1, 2, 3))  # type: ignore[union-attr,operator]
    assert torch.allclose(torch.from_numpy(scale.copy()) * 127, largest, rtol=0.01)
    assert {str(array.dtype) for name, array in arrays.items() if "image" in name and array.ndim == 0} == {
        "float32",
        "uint8",
    }


def test_the_first_convolutions_stay_in_fp32_and_at_least_one_is_quantised(toy_data: Any) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.Conv2d(8, 4, 1)).eval()
    content = onnx_bytes(network, torch.zeros(SHAPE))
    for kept, inputs in ((0, 2), (1, 1)):
        with_kept = dataclasses.replace(calibration(toy_data), fp32_convolutions=kept)
        graph = onnx.load_model_from_string(quantised_bytes(content, with_kept)[0]).graph
        rounded = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
        convolutions = [node for node in graph.node if node.op_type == "Conv"]
        assert [node.input[1] in rounded for node in convolutions] == [kept == 0, True]
        assert sum(node.op_type == "Clip" for node in graph.node) == kept
        assert len([node for node in convolutions if node.input[1] in rounded]) == inputs
    with pytest.raises(RefusedInput, match="a model of 2 convolutions, 2 of them in fp32"):
        quantised_bytes(content, dataclasses.replace(calibration(toy_data), fp32_convolutions=2))


def test_a_calibration_on_black_images_is_refused_and_leaves_no_file(
    nearest: nn.Module, toy_data: Any, tmp_path: Path
) -> None:
    judge = Judge(toy_data, HALF)
    with pytest.raises(RefusedInput, match=r"nearest as onnx: mIoU .* eager fp32's 100\.00 %, loss \+\d"):
        export(nearest, tmp_path / "a.onnx", calibration=calibration(toy_data, factor=0.0), judge=judge)
    assert list(tmp_path.iterdir()) == []
    done = export(nearest, tmp_path / "a.onnx", calibration=calibration(toy_data), judge=judge)
    assert done.accuracy.loss < 0.01
    assert (tmp_path / "a.onnx").is_file()


def test_who_allows_the_loss_gets_the_file_and_the_loss(
    nearest: nn.Module, toy_data: Any, tmp_path: Path
) -> None:
    judge, black = Judge(toy_data, HALF, max_loss=1.0), calibration(toy_data, factor=0.0)
    done = export(nearest, tmp_path / "a.xml", form="openvino", calibration=black, judge=judge)
    assert done.accuracy.eager_miou == 1.0
    assert done.accuracy.loss > 0.1


def test_int8_without_images_or_without_a_score_is_refused(
    nearest: nn.Module, toy_data: Any, tmp_path: Path
) -> None:
    for lacking in ({"judge": Judge(toy_data, HALF)}, {"calibration": calibration(toy_data)}):
        with pytest.raises(UsageError, match="needs trained weights and images to calibrate with") as refused:
            export(nearest, tmp_path / "a.onnx", **lacking)
        assert refused.value.then == "--weights FILE|RUN --calibrate DATA[:COUNT]"
    with pytest.raises(RefusedInput, match="no image to calibrate with"):
        quantised_bytes(b"", Calibration([], {}))


def test_an_engine_without_int8_says_what_it_has(toy_data: Any, nearest: nn.Module) -> None:
    with pytest.raises(UsageError, match="compile: no precision 'int8'; choose from fp32, bf16, fp16"):
        ENGINES["compile"].prepare(
            nearest, torch.zeros(SHAPE), Conditions(CPU, 1, "int8", calibration(toy_data))
        )


def test_without_the_extra_int8_names_it(
    nearest: nn.Module, toy_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None in sys.modules is an import that fails
    monkeypatch.setitem(sys.modules, "onnxruntime.quantization", None)
    with pytest.raises(UsageError, match=r"onnxruntime\.quantization") as refused:
        quantised_bytes(b"", calibration(toy_data))
    assert refused.value.then == "pip install 'carnet-bench[engines]'"


# a run of one's own: the weights file says of which network and data it is


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Write a small network and weights of it as a run of drawn scenes; open them."""
    file = tmp_path / "small.py"
    file.write_text(
        "from torch import nn\n"
        "def build(num_classes):\n"
        "    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, num_classes, 1))\n"
    )
    method = resolve(f"{file}:build")
    table = {
        "name": "tiny",
        "model": "small",
        "data": "scenes",
        "data_options": {"count": 6, "size_hw": [64, 96]},
        "crop": [64, 96],
        "batch": 2,
        "epochs": 1,
        "encoder_lr": 0.1,
        "decoder_lr": 0.1,
    }
    torch.manual_seed(0)
    path = tmp_path / "final.safetensors"
    identity = {"model": "small", "recipe": from_table(table, "tiny").identity()}
    note = {"identity": identity, "statistics": {"mean": [0.5] * 3, "std": [0.5] * 3}, "notes": ["a note"]}
    save_weights(path, method.build(19).state_dict(), note)

    def opened(size_hw: tuple[int, int] = (64, 96), **wanted: Any) -> TrainedSubject:
        shape = (1, 3, *size_hw)
        return open_subject(
            path, method, shape, Wanted(**{"fp32_convolutions": 1, **wanted}), data_root=None, home=tmp_path
        )

    yield method, opened
    for name in [name for name in sys.modules if name.startswith("carnet_bench_user_small")]:
        del sys.modules[name]


def test_a_record_of_int8_names_its_calibration_and_holds_its_loss(run: Any) -> None:
    method, opened = run
    subject = opened(calibrate="scenes:3", max_loss=1.0)
    settings: dict[str, Any] = {"num_classes": 19, "threads": 1, "device": "cpu", "protocol": QUICK}
    variants = [Variant("openvino", "int8"), Variant("openvino")]
    int8, fp32 = (
        measure_speed([method], (64, 96), variants=[one], trained=subject, command=["x"], **settings)[0]
        for one in variants
    )
    assert int8.identity.weights == fp32.identity.weights == subject.weights.sha256
    found = int8.identity.calibration
    assert (found["data"], found["split"], found["images"], found["method"]) == (
        "scenes",
        "train",
        3,
        "minmax",
    )
    assert fp32.identity.calibration is None
    accuracy = int8.values.accuracy
    assert (accuracy.data, accuracy.split, accuracy.images) == ("scenes", "val", 6)
    assert accuracy.loss == accuracy.eager_miou - accuracy.miou
    assert fp32.values.accuracy.loss == pytest.approx(0.0, abs=1e-3)
    assert "a note" in int8.notes
    assert "scored on synthetic data" in int8.notes


def test_other_images_or_another_method_are_another_measurement(run: Any) -> None:
    _, opened = run
    first = opened(calibrate="scenes:3").identity("int8")
    assert opened(calibrate="scenes:3").identity("int8") == first
    assert opened(calibrate="scenes:2").identity("int8") != first
    assert opened(calibrate="scenes:3", method="entropy").identity("int8") != first
    assert opened(calibrate="scenes:3", fp32_convolutions=0).identity("int8") != first
    assert opened(calibrate="scenes:3").identity("fp32") == opened().identity("fp32")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"calibrate": "scenes:0"}, "--calibrate scenes:0"),
        ({"calibrate": "scenes:7"}, "--calibrate scenes:7: train has 6 images"),
        ({"calibrate": "camvid"}, "--calibrate camvid: expected scenes"),
        ({"data": "camvid:test"}, "--data camvid:test: expected scenes"),
        ({"data": "scenes", "size_hw": (32, 32)}, "is 64x96, an engine takes 32x32 only"),
        (
            {"data": "scenes", "method": "guess"},
            "no calibration method 'guess'; choose from minmax, percentile",
        ),
        ({"data": "scenes", "fp32_convolutions": -1}, "--fp32-convolutions -1"),
        ({"data": "scenes", "max_loss": -0.1}, "--max-loss -10"),
    ],
)
def test_what_does_not_fit_the_weights_is_refused(wanted: dict[str, Any], found: str, run: Any) -> None:
    with pytest.raises(UsageError, match=found):
        run[1](**wanted)


def test_weights_of_one_run_are_not_put_into_two_models(run: Any) -> None:
    method, opened = run
    with pytest.raises(UsageError, match="weights of one run for 2 models"):
        measure_speed([method, resolve("carnet-mobile")], (64, 96), trained=opened())
    with pytest.raises(UsageError, match="openvino: int8 needs trained weights and images"):
        measure_speed(
            [method], (64, 96), variants=[Variant("openvino", "int8")], trained=opened(data="scenes")
        )
