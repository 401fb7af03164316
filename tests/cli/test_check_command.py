"""``carnet-bench check``: every exit code, every form of output, and the baseline that it writes."""

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch
from torch import nn

from baselines.method import Method

Run = Callable[..., tuple[int, str, str]]
EXACT = ("--only", "counts", "--only", "golden")


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> dict[str, Method]:
    """Two convolutions instead of the registry."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    module = types.ModuleType("toys_of_the_command")
    module.build = lambda num_classes, width=4: nn.Conv2d(3, num_classes, 1, bias=width > 4)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toys_of_the_command", module)
    methods = {
        name: Method(name, name, "none", 2026, "toys_of_the_command:build", size_hw=(16, 16), num_classes=5)
        for name in ("carnet-mobile", "two")
    }
    monkeypatch.setattr("bench.gate.check.METHODS", methods)
    return methods


@pytest.fixture
def written(carnet_bench: Run, tmp_path: Path) -> Path:
    code, _, said = carnet_bench("check", "--update", "--no-speed")
    assert code == 0
    assert "baseline: " in said
    return tmp_path / "results" / "baseline.json"


def doctor(path: Path, *keys: str, add: float = 1) -> None:
    """Add to one number in a baseline; the last key may be a place in a list."""
    document = json.loads(path.read_text())
    place = document
    for key in keys[:-1]:
        place = place[key]
    last = int(keys[-1]) if isinstance(place, list) else keys[-1]
    place[last] += add
    path.write_text(json.dumps(document))


def test_an_unchanged_tree_passes_with_0(carnet_bench: Run, written: Path) -> None:
    code, out, _ = carnet_bench("check", *EXACT)
    assert code == 0
    assert "2 equal" in out
    assert out.splitlines()[-1] == "passed"


def test_update_is_deterministic(carnet_bench: Run, written: Path) -> None:
    before = written.read_bytes()
    code, out, _ = carnet_bench("check", "--update", "--no-speed", "--json")
    assert code == 0
    assert json.loads(out)["methods"] == 2
    assert written.read_bytes() == before


@pytest.mark.parametrize(
    ("keys", "add", "said"),
    [
        (("carnet-mobile", "counts", "macs"), 1, "counts: carnet-mobile: changed, macs 3,841 -> 3,840 (-1)"),
        (("two", "counts", "params"), -1, "counts: two: changed, params 14 -> 15 (+1)"),
        (("carnet-mobile", "golden", "samples", "3"), 1e-6, "golden: carnet-mobile: changed, differs by"),
        (
            ("carnet-mobile", "golden", "projections", "0"),
            1e-12,
            "golden: carnet-mobile: changed, differs by",
        ),
    ],
)
def test_one_unit_of_one_number_is_5(
    carnet_bench: Run, written: Path, keys: tuple[str, ...], add: float, said: str
) -> None:
    doctor(written, "methods", *keys, add=add)
    code, out, error = carnet_bench("check", *EXACT)
    assert code == 5
    assert said in out
    assert out.splitlines()[-1] == "regression"
    assert "error: 1 of 4 comparisons with baseline.json of " in error
    assert "--update" in error


def test_a_changed_network_is_5(carnet_bench: Run, written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["toys_of_the_command"]
    plain = module.build
    monkeypatch.setattr(module, "build", lambda num_classes: nn.Sequential(plain(num_classes), Scale()))
    code, out, _ = carnet_bench("check", *EXACT, "--method", "carnet-mobile", "--json")
    verdicts = {one["kind"]: one["verdict"] for one in json.loads(out)["findings"]}
    assert (code, verdicts) == (5, {"counts": "equal", "golden": "changed"})


class Scale(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * (1 + 1e-6)


def test_nothing_to_compare_is_4_and_says_why(carnet_bench: Run, written: Path) -> None:
    code, out, error = carnet_bench("check", "--only", "speed")
    assert code == 4
    assert "the baseline has no speed" in out
    assert "nothing could be compared" in error


def test_speed_of_another_machine_is_not_comparable(carnet_bench: Run, written: Path) -> None:
    document = json.loads(written.read_text())
    document["speed"] = {"conditions": {"cpu": "Abacus"}, "models": {"carnet-mobile": {"ratios": [1.0] * 5}}}
    written.write_text(json.dumps(document))
    code, out, _ = carnet_bench("check", "--only", "speed", "--json")
    (one,) = json.loads(out)["findings"]
    assert (code, one["verdict"]) == (4, "not comparable")
    assert "cpu Abacus in the baseline" in one["note"]


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        ("none.json", "no such file"),
        (".", "a folder"),
        ("no-such-branch", "neither a file nor a revision"),
        ("no-such-branch...", "neither a file nor a revision"),
    ],
)
def test_a_baseline_that_is_none_is_3(carnet_bench: Run, baseline: str, said: str) -> None:
    code, out, error = carnet_bench("check", "--baseline", baseline)
    assert (code, out) == (3, "")
    assert baseline in error
    assert said in error or "no git repository" in error


def test_a_damaged_baseline_is_3(carnet_bench: Run, written: Path) -> None:
    written.write_text(written.read_text()[:-20])
    code, out, error = carnet_bench("check")
    assert (code, out) == (3, "")
    assert "baseline.json: not a baseline" in error


def test_without_a_baseline_it_is_3_and_says_how_to_make_one(carnet_bench: Run) -> None:
    code, _, error = carnet_bench("check")
    assert code == 3
    assert "next: `carnet-bench check --update` writes a baseline" in error


@pytest.mark.parametrize(
    "words",
    [
        ["--only", "luck"],
        ["--models", "carnet-resnet18"],
        ["--method", "three"],
        ["--size", "128"],
        ["--max-loss", "-1"],
        ["--threads", "0"],
        ["--update", "--only", "counts"],
        ["--update", "--baseline", "main"],
    ],
)
def test_a_mistake_on_the_command_line_is_2(carnet_bench: Run, written: Path, words: list[str]) -> None:
    code, out, error = carnet_bench("check", *words)
    assert (code, out) == (2, "")
    assert error


def test_junit_and_the_summary_are_written_whatever_the_verdict(
    carnet_bench: Run, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor(written, "methods", "carnet-mobile", "counts", "macs")
    summary, junit = tmp_path / "summary.md", tmp_path / "out" / "check.xml"
    summary.write_text("# before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    code, _, _ = carnet_bench("check", *EXACT, "--junit", junit)
    assert code == 5
    assert ET.parse(junit).getroot().get("failures") == "1"
    told = summary.read_text()
    assert told.startswith("# before\n## carnet-bench check: regression\n")
    assert "| Counts | carnet-mobile | **changed** | macs" in told


def test_speed_is_left_out_when_it_is_not_wanted(carnet_bench: Run, written: Path) -> None:
    _, out, _ = carnet_bench("check", "--no-speed", "--json")
    assert json.loads(out)["summary"]["speed"] == {}


def test_an_update_without_speed_keeps_the_speed_on_file(carnet_bench: Run, written: Path) -> None:
    document = json.loads(written.read_text())
    document["speed"] = {"conditions": {"cpu": "Abacus"}, "models": {}}
    written.write_text(json.dumps(document))
    assert carnet_bench("check", "--update", "--no-speed")[0] == 0
    assert json.loads(written.read_text())["speed"] == document["speed"]


@pytest.mark.parametrize("taken", ["--junit", "GITHUB_STEP_SUMMARY"])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_regression_is_printed_though_a_file_cannot_be_written(
    carnet_bench: Run, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, taken, form
) -> None:
    doctor(written, "methods", "carnet-mobile", "counts", "macs")
    (tmp_path / "file").write_text("not a folder")
    words = ("--junit", tmp_path / "file" / "check.xml") if taken == "--junit" else ()
    if not words:
        monkeypatch.setenv(taken, str(tmp_path))
    code, out, error = carnet_bench("check", *EXACT, *words, *form)
    assert code == 5
    assert "macs 3,841 -> 3,840" in out
    assert "cannot write" in error


def test_a_check_that_passes_but_cannot_write_its_file_is_3(
    carnet_bench: Run, written: Path, tmp_path: Path
) -> None:
    code, out, error = carnet_bench("check", *EXACT, "--junit", tmp_path)
    assert code == 3
    assert "passed" in out
    assert "cannot write" in error


def test_a_method_that_vanished_is_5(carnet_bench: Run, written: Path, toys: dict[str, Method]) -> None:
    del toys["two"]
    code, out, error = carnet_bench("check", *EXACT)
    assert code == 5
    assert "counts: two: removed" in out
    assert "two (counts)" in error


def test_a_baseline_whose_name_is_too_long_is_3(carnet_bench: Run) -> None:
    code, out, error = carnet_bench("check", "--baseline", "a" * 5000)
    assert (code, out) == (3, "")
    assert "cannot read" in error


def test_an_update_replaces_a_damaged_baseline(carnet_bench: Run, written: Path) -> None:
    written.write_text("{")
    assert carnet_bench("check", "--update", "--no-speed")[0] == 0
    assert carnet_bench("check", *EXACT)[0] == 0


def test_an_update_on_a_busy_machine_keeps_the_speed_on_file_and_is_4(
    carnet_bench: Run, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speed = {"conditions": {"cpu": "Abacus"}, "models": {"carnet-mobile": {"ratios": [7.5] * 5}}}
    document = json.loads(written.read_text())
    written.write_text(json.dumps({**document, "speed": speed}))
    busy = {"ratios": [], "reasons": ["other processes took 50% of the cores"]}
    measured = {"conditions": {}, "models": {"carnet-mobile": busy}}
    monkeypatch.setattr("bench.gate.check.measure_ratios", lambda *_: measured)
    code, _, error = carnet_bench("check", "--update")
    assert code == 4
    assert "other processes took 50%" in error
    assert json.loads(written.read_text())["speed"] == speed
