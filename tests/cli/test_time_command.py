import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_records import make_record

from bench.cli import main
from bench.clock.protocol import Protocol
from bench.results.record import Record
from bench.results.store import read_records
from bench.speed.variant import Variant

VALUES = {
    "median_ms": 12.5,
    "p90_ms": 13.25,
    "p99_ms": None,
    "fps": 80.0,
    "gemm_bound_ms": 5.0,
    "gemm_fraction": 0.4,
    "samples": 10,
}


def record(model: str, *reasons: str) -> Record:
    """Return a made-up measurement."""
    identity = {
        "model": model,
        "size": [128, 256],
        "batch": 1,
        "device": "cpu",
        "threads": 2,
        "engine": "eager",
        "precision": "32-true",
    }
    return make_record("speed", identity, VALUES, {}, reasons=reasons)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Put given records in the place of a measurement; return what it was asked."""

    def put(*records: Record) -> dict[str, Any]:
        asked: dict[str, Any] = {}

        def measure(methods: Any, size_hw: Any, **settings: Any) -> list[Record]:
            asked.update(settings, names=[method.name for method in methods], size_hw=size_hw)
            settings["progress"]("samples", 0.5)
            return list(records)

        monkeypatch.setattr("bench.speed.measure.measure_speed", measure)
        return asked

    return put


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["carnet-bench", "time", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_the_command_line_reaches_the_measurement(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, measured: Callable[..., dict[str, Any]]
) -> None:
    asked = measured(record("carnet-mobile"), record("bs-mobile"))
    options = ["--size", "128x256", "--classes", "11", "--batch", "2", "--threads", "1", "--samples", "30"]
    home = ["--budget", "2m", "--device", "cpu", "--home", str(tmp_path)]
    assert run(monkeypatch, "carnet-mobile", "bs-mobile", *options, *home) == 0
    del asked["progress"]
    assert asked == {
        "names": ["carnet-mobile", "bs-mobile"],
        "size_hw": (128, 256),
        "num_classes": 11,
        "batch": 2,
        "threads": 1,
        "device": "cpu",
        "variants": [Variant()],
        "trained": None,
        "protocol": Protocol(samples=30, budget_s=120.0),
        "command": ("carnet-bench", "time", "carnet-mobile", "bs-mobile", *options, *home),
    }


def test_json_is_one_document_and_a_record_is_written(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    measured: Callable[..., dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured(record("carnet-mobile"))
    assert run(monkeypatch, "carnet-mobile", "--size", "128x256", "--json", "--home", str(tmp_path)) == 0
    (row,) = json.loads(capsys.readouterr().out)["measurements"]
    (written,) = read_records(tmp_path, "speed")
    assert row["record"] == written.id
    assert row["values"] == written.stored["values"]
    assert row["values"].items() >= VALUES.items()
    assert (row["valid"], row["reasons"]) == (True, [])


def test_the_table_shows_what_was_measured_and_a_dash_for_what_was_not(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    measured: Callable[..., dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured(record("carnet-mobile"))
    run(monkeypatch, "carnet-mobile", "--size", "128x256", "--home", str(tmp_path))
    row = next(
        line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("carnet-mobile ")
    )
    assert row.split() == ["carnet-mobile", "12.5", "13.25", "-", "80", "5", "40", "%", "yes"]


def test_nothing_valid_is_exit_4_and_kept_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    measured: Callable[..., dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured(record("carnet-mobile", "drift +9.0%"))
    assert run(monkeypatch, "carnet-mobile", "--size", "128x256", "--home", str(tmp_path)) == 4
    captured = capsys.readouterr()
    assert "carnet-mobile: not valid: drift +9.0%" in captured.out
    assert "next: " in captured.err
    assert [one.valid for one in read_records(tmp_path, "speed")] == [False]


def test_one_valid_measurement_of_two_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, measured: Callable[..., dict[str, Any]]
) -> None:
    measured(record("carnet-mobile", "drift +9.0%"), record("bs-mobile"))
    arguments = ["carnet-mobile", "bs-mobile", "--size", "128x256", "--home", str(tmp_path)]
    assert run(monkeypatch, *arguments) == 0
    assert len(read_records(tmp_path, "speed")) == 2


def test_engines_precision_and_folding_reach_the_measurement_and_batches_share_the_budget(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, measured: Callable[..., dict[str, Any]]
) -> None:
    asked = measured(record("carnet-mobile"))
    options = ["--engine", "compile", "--engine", "openvino", "--precision", "bf16", "--deploy"]
    sweep = ["--batch", "1", "--batch", "4", "--budget", "60s", "--home", str(tmp_path)]
    assert run(monkeypatch, "carnet-mobile", "--size", "128x256", *options, *sweep) == 0
    assert asked["variants"] == [Variant("compile", "bf16", True), Variant("openvino", "bf16", True)]
    assert asked["batch"] == 4  # the last of two
    assert asked["protocol"].budget_s == 30.0


def test_the_table_names_engines_and_shows_their_parity(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    measured: Callable[..., dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain = record("carnet-mobile")
    parity = {"random": {"max_abs": 2e-6, "relative": 1.5e-5, "argmax_agreement": 1.0}}
    identity = {**plain.stored["identity"], "engine": "openvino", "deploy": True}
    measured(make_record("speed", identity, {**VALUES, "parity": parity}, {}), plain)
    run(monkeypatch, "carnet-mobile", "--size", "128x256", "--home", str(tmp_path))
    out = capsys.readouterr().out
    assert "carnet-mobile (openvino deployed): compared with eager fp32 on random inputs" in out
    assert "relative 1.5e-05, same class at 100.0000% of the pixels" in out


def test_the_table_shows_the_score_of_an_engine_beside_eagers(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    measured: Callable[..., dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain = record("carnet-mobile")
    accuracy = {"data": "camvid", "split": "val", "images": 101, "manifest_sha256": "0" * 64}
    accuracy |= {"eager_miou": 0.632, "miou": 0.627, "loss": 0.005, "max_loss": 0.01}
    identity = {**plain.stored["identity"], "engine": "openvino", "precision": "int8"}
    measured(make_record("speed", identity, {**VALUES, "accuracy": accuracy}, {}))
    run(monkeypatch, "carnet-mobile", "--size", "128x256", "--home", str(tmp_path))
    assert (
        "carnet-mobile (openvino int8): mIoU 62.70 %, eager fp32's 63.20 %, loss +0.50 points (allowed 1) on "
        "camvid val, 101 images" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["carnet-mobile", "--size", "128"],
        ["carnet-mobile", "--size", "128x256", "--budget", "60"],
        ["carnet-resnet18", "--size", "128x256"],
        ["carnet-mobile", "carnet-mobile", "--size", "128x256"],
        ["carnet-mobile", "--size", "128x256", "--device", "tpu"],
        ["carnet-mobile", "--size", "128x256", "--threads", "0"],
        ["carnet-mobile", "--size", "128x256", "--engine", "tvm"],
        ["carnet-mobile", "--size", "128x256", "--engine", "onnxruntime", "--precision", "int8"],
        ["carnet-mobile", "--size", "128x256", "--engine", "cudagraphs", "--device", "cpu"],
        ["carnet-mobile", "bs-mobile", "--size", "128x256", "--weights", "final.safetensors"],
        ["carnet-mobile", "--size", "128x256", "--data", "camvid"],
        ["carnet-mobile", "--size", "128x256", "--calibrate", "camvid:8"],
        ["carnet-mobile", "--size", "128x256", "--engine", "eager", "--engine", "eager"],
        ["carnet-mobile"],
    ],
)
def test_a_mistake_on_the_command_line_is_exit_2_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments, "--home", str(tmp_path)) == 2
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []
