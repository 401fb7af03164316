"""Each engine against eager, what is refused, and what a record says of it."""

import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from baselines.method import Method
from baselines.registry import METHODS
from bench.clock.protocol import Protocol
from bench.errors import RefusedInput, UsageError
from bench.models import resolve
from bench.results.record import Record
from bench.speed.device import Device
from bench.speed.engines.engine import ENGINES, Conditions, Prepared
from bench.speed.measure import measure_speed
from bench.speed.parity import outputs_on, parity_inputs, require_parity
from bench.speed.subjects import deployed, stir_norms
from bench.speed.variant import Variant

CPU = Device(torch.device("cpu"), lambda: None, torch.channels_last)
QUICK = Protocol(samples=1, budget_s=1.0, least_window_s=0.0, warmup_calls=1, attempts=1)
SLOW = pytest.mark.slow
MODULES = {
    "onnxruntime": ("onnxruntime", "onnx", "onnxscript"),
    "openvino": ("openvino", "onnx", "onnxscript"),
}


def need(engine: str) -> None:
    for module in MODULES.get(engine, ()):
        pytest.importorskip(module, reason=f"{engine} needs the extra 'engines'")


# strided convolution, batch-norm, pool, resize: what the networks are made of
TINY = """
import torch
from torch import nn


class Tiny(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)
        self.classifier = nn.Conv2d(8, num_classes, 1)

    def forward(self, image):
        logits = self.classifier(self.pool(torch.relu(self.bn(self.conv(image)))))
        return nn.functional.interpolate(logits, image.shape[-2:], mode="bilinear")
"""


@pytest.fixture
def method(tmp_path: Path) -> Iterator[Method]:
    file = tmp_path / "tiny.py"
    file.write_text(TINY)
    yield resolve(f"{file}:Tiny")
    for name in [name for name in sys.modules if name.startswith("carnet_bench_user_tiny")]:
        del sys.modules[name]


@pytest.fixture
def tiny(method: Method) -> nn.Module:
    torch.manual_seed(0)
    network = method.build(4).eval()
    stir_norms(network)
    return network


def run(
    network: nn.Module, engine: str, precision: str = "fp32", shape: tuple[int, ...] = (1, 3, 16, 24)
) -> dict[str, Any]:
    """Prepare a network and return its parity."""
    inputs = parity_inputs(shape)
    layout = Variant(engine).layout(CPU)
    example = inputs["random"].contiguous(memory_format=layout)
    with torch.inference_mode():
        prepared = ENGINES[engine].prepare(network, example, Conditions(CPU.torch_device, 1, precision))
        outputs = outputs_on(prepared.infer, inputs, layout, engine)
        references = outputs_on(network, inputs, torch.contiguous_format, "eager")
    return require_parity(engine, outputs, references, precision)


def measure(method: Method, *variants: Variant, size_hw: tuple[int, int] = (16, 24)) -> list[Record]:
    return measure_speed(
        [method],
        size_hw,
        num_classes=4,
        threads=1,
        device="cpu",
        variants=variants,
        protocol=QUICK,
        command=["carnet-bench", "time"],
    )


@pytest.mark.parametrize(
    "engine",
    ["eager", "nchw", "channels_last", "onnxruntime", "openvino", pytest.param("compile", marks=SLOW)],
)
def test_an_engine_computes_what_eager_does(engine: str, tiny: nn.Module) -> None:
    need(engine)
    found = run(tiny, engine, shape=(2, 3, 16, 24))
    assert set(found) == {"random", "photo_like"}
    assert max(one.relative for one in found.values()) < 1e-5


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precisions_round_and_give_back_fp32(precision: str, tiny: nn.Module) -> None:
    found = run(tiny, "eager", precision)
    assert 0.0 < found["random"].relative < 0.02
    assert next(tiny.parameters()).dtype == torch.float32


@SLOW
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("fold", [False, True])
def test_carnet_mobile_is_itself_in_an_engine(engine: str, fold: bool) -> None:
    need(engine)
    torch.manual_seed(0)
    network = METHODS["carnet-mobile"].build(5).eval()
    stir_norms(network)
    graph = deployed(network, (64, 96), "carnet-mobile") if fold else network
    inputs = parity_inputs((1, 3, 64, 96))
    with torch.inference_mode():
        prepared = ENGINES[engine].prepare(graph, inputs["random"], Conditions(CPU.torch_device, 1))
        outputs = outputs_on(prepared.infer, inputs, torch.contiguous_format, engine)
        references = outputs_on(network, inputs, torch.contiguous_format, "eager")
    found = require_parity(engine, outputs, references, "fp32")
    assert max(one.relative or 1.0 for one in found.values()) < 1e-4


def test_openvino_computes_in_fp32_when_fp32_is_asked_for(tiny: nn.Module) -> None:
    # by itself it takes bf16 where the CPU can, which is a relative difference of 1e-3 and more
    need("openvino")
    assert run(tiny, "openvino")["random"].relative < 1e-5


def test_openvino_without_the_precision_is_refused_instead_of_another_one_taken(tiny: nn.Module) -> None:
    need("openvino")
    import openvino

    if "FP16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):  # type: ignore[attr-defined]
        pytest.skip("this CPU computes in fp16")
    with pytest.raises(UsageError, match="openvino: this CPU has no fp16"):
        run(tiny, "openvino", "fp16")


def test_a_wrong_export_is_refused_and_nothing_is_timed(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget_the_pool(network: Any, example: Any, conditions: Any) -> Prepared:
        return Prepared(
            lambda image: nn.functional.interpolate(
                network.classifier(torch.relu(network.bn(network.conv(image)))),
                image.shape[-2:],
                mode="bilinear",
            ),
            {},
        )

    monkeypatch.setattr("bench.speed.engines.compiled.prepare", forget_the_pool)
    monkeypatch.setattr("bench.speed.measure.time_models", lambda *_, **__: pytest.fail("it was timed"))
    with pytest.raises(
        RefusedInput, match=r"tiny\.Tiny \(compile\): differs from eager fp32 on random inputs"
    ):
        measure(method, Variant("compile"))


@pytest.mark.parametrize("forgotten", ["running_mean", "running_var", "weight", "bias"])
def test_a_fold_that_forgets_a_part_of_a_batch_norm_is_refused(
    forgotten: str, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fold(network: Any, size_hw: tuple[int, int]) -> Any:
        wrong = copy.deepcopy(network)
        fresh = nn.BatchNorm2d(8)
        with torch.no_grad():
            getattr(wrong.bn, forgotten).copy_(getattr(fresh, forgotten))
        return wrong

    monkeypatch.setitem(sys.modules, "wrong_fold", SimpleNamespace(deploy=fold))  # type: ignore[arg-type]
    monkeypatch.setattr("bench.speed.subjects.DEPLOY", "wrong_fold:deploy")
    with pytest.raises(RefusedInput, match=r"tiny\.Tiny \(deployed\): differs from eager fp32"):
        measure(method, Variant(deploy=True))


def test_engines_of_one_network_are_timed_in_turn_and_named_apart(method: Method) -> None:
    variants = [Variant(), Variant("nchw"), Variant("eager", "bf16")]
    records = measure(method, *variants)
    assert [one.identity.title for one in records] == [
        "tiny.Tiny",
        "tiny.Tiny (eager nchw)",
        "tiny.Tiny (bf16)",
    ]
    assert records[0].values.interleaved_with == ("tiny.Tiny (eager nchw)", "tiny.Tiny (bf16)")
    assert records[0].values.parity is None
    assert records[1].values.parity["random"].argmax_agreement == 1.0
    assert len({one.id for one in records}) == 3
    assert records[2].values.gemm_bound_ms is None


def test_an_engines_record_names_the_version_of_its_library(method: Method) -> None:
    need("onnxruntime")
    import onnxruntime

    (record,) = measure(method, Variant("onnxruntime"))
    assert record.identity.engine == "onnxruntime"
    assert record.identity.engine_versions == {"onnxruntime": onnxruntime.__version__}
    assert "deploy" not in record.stored["identity"]


def test_an_eager_record_is_defined_by_the_keys_that_committed_records_have(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a key more would give every eager measurement another id
    files = sorted((Path(__file__).parents[2] / "results" / "records" / "speed").glob("*.json"))
    known = [json.loads(file.read_text())["identity"] for file in files]
    committed = next(one for one in known if one["device"] == "cpu" and "heap" not in one)
    monkeypatch.setenv("CARNET_HEAP", "system")
    (record,) = measure(method, Variant())
    assert set(record.stored["identity"]) == set(committed)
    for key in ("engine", "memory_format", "precision", "weights", "protocol"):
        assert record.stored["identity"][key] == committed[key]


def test_a_time_on_a_kept_heap_is_another_measurement(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.speed.device.keep_heap", lambda: "system")
    (left,) = measure(method, Variant())
    monkeypatch.setattr("bench.speed.device.keep_heap", lambda: "kept")
    (kept,) = measure(method, Variant())
    assert kept.stored["identity"] == {**left.stored["identity"], "heap": "kept"}


def test_a_folded_network_is_another_measurement() -> None:
    assert Variant(deploy=True).identity(CPU) == {**Variant().identity(CPU), "deploy": True}


def test_eager_and_channels_last_are_one_on_a_cpu(method: Method) -> None:
    with pytest.raises(UsageError, match="channels_last"):
        measure(method, Variant("eager"), Variant("channels_last"))


@pytest.mark.parametrize(
    ("variant", "found"),
    [
        (Variant("tvm"), "no engine 'tvm'; choose from eager, nchw"),
        (Variant("cudagraphs"), "cudagraphs: runs on cuda, not on cpu"),
        (Variant("tensorrt"), "tensorrt: runs on cuda, not on cpu"),
        (Variant("onnxruntime", "bf16"), "onnxruntime: no precision 'bf16'; choose from fp32, int8"),
        (
            Variant("openvino", "int8"),
            "openvino: int8 needs trained weights and images to calibrate with",
        ),
    ],
)
def test_what_an_engine_cannot_do_is_refused_by_name(variant: Variant, found: str, method: Method) -> None:
    with pytest.raises(UsageError, match=found):
        measure(method, variant)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_without_the_extra_an_engine_is_refused(
    engine: str, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None in sys.modules is an import that fails
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match="onnx cannot be imported"):
        measure(method, Variant(engine))


def test_what_cannot_be_folded_is_refused(method: Method) -> None:
    with pytest.raises(RefusedInput, match=r"tiny\.Tiny: cannot be deployed"):
        measure(method, Variant(deploy=True))


def test_what_cannot_be_exported_is_refused() -> None:
    need("onnxruntime")

    class Talks(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image * 2 if image.sum() > 0 else image

    with pytest.raises(RefusedInput, match="Talks: cannot be exported to ONNX"):
        run(Talks(), "onnxruntime")
