"""The gate for a network of one's own: its counts, outputs and time, and a baseline file of its own."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.gate.check import named
from bench.gate.findings import Finding, Report
from bench.gate.formats import to_markdown, to_tell
from bench.gate.processes import worker
from bench.gate.speed import Asked
from bench.results.provenance import package_root

Run = Callable[..., tuple[int, str, str]]
NETWORK = """
from torch import nn
from sibling import WIDTH

def build(num_classes):
    return nn.Sequential(nn.Conv2d(3, WIDTH, 1), nn.ReLU(), nn.Conv2d(WIDTH, num_classes, 1))
"""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "mynet.py").write_text(NETWORK)
    (folder / "sibling.py").write_text("WIDTH = 4\n")
    return folder / "mynet.py"


@pytest.fixture
def gate(carnet_bench: Run, network: Path, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Run ``check --method mynet.py:build --baseline gate.json`` without times."""
    words = ("check", "--method", f"{network}:build", "--baseline", tmp_path / "gate.json", "--no-speed")
    return lambda *more: carnet_bench(*words, *more)


def test_an_unchanged_network_passes_and_a_changed_one_is_5(gate, network: Path, tmp_path: Path) -> None:
    assert gate("--update")[0] == 0
    assert list(json.loads((tmp_path / "gate.json").read_text())["methods"]) == ["mynet"]
    code, out, _ = gate()
    assert code == 0
    assert out.splitlines()[-1] == "passed"
    (network.parent / "sibling.py").write_text("WIDTH = 5\n")
    code, out, error = gate()
    assert code == 5
    assert "counts: mynet: changed" in out
    # 3 x 4 + 4 + 4 x 19 + 19, and with a width of 5
    assert "params 111 -> 134 (+23)" in out
    assert f"--method {network}:build" in error


def test_a_network_that_breaks_is_5_and_its_line_is_named(gate, network: Path) -> None:
    assert gate("--update")[0] == 0
    network.write_text(NETWORK.replace("return", "raise ValueError('broken')\n    return"))
    code, out, _ = gate()
    assert code == 5
    assert "line 6 of mynet.py" in out
    assert "broken" in out


def test_two_networks_of_one_name_are_a_usage_error(network: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "mynet.py"
    other.write_text("def build(num_classes): ...\n")
    with pytest.raises(UsageError, match="both named mynet"):
        named([f"{network}:build", f"{other}:build"])


def test_a_file_that_cannot_be_run_is_3(gate, network: Path) -> None:
    network.write_text("import nothing_of_this_name\n")
    code, _, error = gate()
    assert code == 3
    assert "mynet.py" in error


def test_a_revision_is_no_baseline_of_an_own_network(carnet_bench: Run, network: Path) -> None:
    code, out, error = carnet_bench("check", "--method", f"{network}:build", "--baseline", "HEAD")
    assert (code, out) == (2, "")
    assert "baseline file" in error
    assert "--update" in error


def test_an_update_does_not_drop_methods_that_are_not_named(gate, carnet_bench: Run, tmp_path: Path) -> None:
    assert gate("--update")[0] == 0
    before = (tmp_path / "gate.json").read_bytes()
    words = ("--method", "sq", "--baseline", tmp_path / "gate.json", "--no-speed", "--update")
    code, _, error = carnet_bench("check", *words)
    assert code == 3
    assert "first mynet" in error
    assert (tmp_path / "gate.json").read_bytes() == before
    assert carnet_bench("check", *words[:4], "--update", "--method", "no-such")[0] == 2


def test_the_worker_builds_and_times_a_file_of_the_user(network: Path) -> None:
    asked = Asked(("mynet",), (16, 16), own={"mynet": f"{network}:build"})
    task = ["samples", asked.of("mynet", reference=False)]
    with worker(package_root(), "this tree", task) as process:
        assert process.answer()["warm_ms"]["mynet"] > 0
        assert process.ask("mynet 2")["ms"] > 0
    assert "sibling" not in sys.modules


def report(*found: Finding, rewrite: str | None = "check --update", conditions: str = "") -> Report:
    return Report("the baseline", found, conditions, rewrite)


@pytest.mark.parametrize(
    ("one", "rewrite", "advice"),
    [
        (Finding("speed", "a", "not valid", "busy"), "check --update", "stop other programs"),
        (Finding("speed", "a", "not valid", "busy"), None, "stop other programs"),
        (Finding("speed", "a", "not comparable", "cpu"), "check --update", "--update"),
        (Finding("speed", "a", "not valid", "", of_baseline=True), "check --update", "--update"),
        (Finding("speed", "a", "not measured", "none"), None, "a revision that has"),
        (Finding("counts", "a", "changed", "+1"), "check --update", "--update"),
        (Finding("counts", "a", "changed", "+1"), None, "as soon as the revision has it"),
    ],
)
def test_the_advice_fits_the_cause_and_the_baseline(one: Finding, rewrite: str | None, advice: str) -> None:
    error = report(one, rewrite=rewrite).error()
    assert error is not None
    assert advice in error.then
    assert (rewrite is None or advice != "--update") <= ("--update" not in error.then)


def test_what_is_the_same_for_all_methods_is_said_once() -> None:
    names = [f"net{number}" for number in range(9)]
    found = report(
        *(Finding("golden", name, "added", "not in the baseline") for name in names),
        *(Finding("counts", name, "removed", "gone") for name in names),
        conditions="torch 1 in the baseline, 2 here",
    )
    removed, added = to_tell(found)
    assert removed.name == ", ".join(names)
    assert added.name == "net0, net1, net2, net3, net4, net5 and 3 more"
    assert to_markdown(found).count("torch 1 in the baseline") == 1
    assert found.as_dict()["conditions"] == "torch 1 in the baseline, 2 here"
