"""The process around another tree: that tree's code, the gate's own modules, its last words when it fails."""

import ast
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from baselines.registry import METHODS
from bench.errors import RefusedInput
from bench.gate.check import Settings, check
from bench.gate.processes import worker
from bench.gate.speed import Asked

ROOT = Path(__file__).parents[2]


@pytest.fixture
def other_tree(tmp_path: Path) -> Path:
    """A tree of its own packages, older than the gate, with methods that count and answer in two lines."""
    for package in ("baselines", "bench/cost"):
        (tmp_path / package).mkdir(parents=True)
    for file, text in {
        "baselines/__init__.py": "",
        "baselines/sizes.py": "class SizeRule:\n    def fitting(self, size_hw): return size_hw\n",
        "baselines/method.py": "class Method: pass\n",
        "baselines/registry.py": (
            "from torch import nn\n"
            "from baselines.method import Method\n"
            "from baselines.sizes import SizeRule\n"
            "print('loud')\n"
            "class Old(Method):\n"
            "    sizes, from_data, num_classes, size_hw = SizeRule(), (), 5, (32, 48)\n"
            "    def build(self, classes): return nn.Conv2d(3, classes, 1)\n"
            "class Broken(Old):\n    def build(self, classes): raise RuntimeError('it is broken')\n"
            "METHODS = {'old': Old(), 'broken': Broken()}\n"
        ),
        "bench/__init__.py": "",
        "bench/errors.py": "class NotMeasured(Exception): pass\n",
        "bench/cost/__init__.py": "",
        "bench/cost/count.py": (
            "class Costs:\n"
            "    def values(self):\n"
            "        return dict(params_m=2e-5, gmacs=3e-9, thop2019_gops=None, ptflops_gmacs=1.0)\n"
            "def count_costs(*_, **__): return Costs()\n"
        ),
    }.items():
        (tmp_path / file).write_text(text)
    return tmp_path


def test_an_older_tree_is_measured_with_its_own_code_and_the_gate_s_modules(other_tree: Path) -> None:
    with worker(other_tree, "old", ["measure", "counts", "golden", "--"]) as one:
        assert one.answer() == {"methods": ["old", "broken"]}
        old, broken = one.answers()
    assert old["counts"] == {
        **{"height": 32, "width": 48, "classes": 5, "params": 20, "macs": 3},
        **{"thop2019_ops": None, "ptflops_macs": 10**9},
    }
    assert old["golden"]["shape"] == [1, 5, 64, 96]
    assert broken["failed"] == {"golden": "RuntimeError: it is broken"}


def test_samples_are_taken_whenever_a_line_asks_for_one(other_tree: Path) -> None:
    task = Asked(size_hw=(16, 16)).of("old", reference=True)
    with worker(other_tree, "old", ["samples", task]) as one:
        assert set(one.answer()["warm_ms"]) == {"old", "reference"}
        assert one.ask("old 3")["ms"] > 0
        assert one.ask("reference 1")["ms"] > 0
    assert one.process.returncode is not None


def test_a_tree_that_does_not_run_is_refused_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "__init__.py").write_text("raise ValueError('no such luck')")
    (tmp_path / "bench").mkdir()
    told = pytest.raises(RefusedInput, match=r"old: its process ended with 1: .*no such luck")
    with told, worker(tmp_path, "old", ["measure", "counts", "--"]):
        pytest.fail("it does not run")


@pytest.mark.slow
def test_a_revision_is_measured_beside_this_tree_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip(f"{ROOT.name} is no git checkout, so it has no revision to compare with")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    changed = {name: METHODS[name] for name in ("enet", "sq")}
    changed["sq"] = replace(changed["sq"], num_classes=18)
    report = check("HEAD", Settings(ROOT, ("counts",), ("enet", "sq")), methods=changed)
    assert {one.name: one.verdict for one in report.findings} == {"enet": "equal", "sq": "changed"}
    assert report.baseline.startswith("HEAD (")
    assert list(tmp_path.glob("carnet-bench-*")) == []
    command = ["git", "-C", str(ROOT), "worktree", "list", "--porcelain"]
    assert tmp_path.name not in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_gate_s_modules_for_a_worker_need_nothing_new_of_the_tree() -> None:
    # what an older tree may lack: the gate itself, its statistics, the records, the command line
    code = (
        "import sys, json; import bench.gate.measuring, bench.gate.sampling;"
        "print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.startswith('bench.gate.')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    named = {
        node.module
        for file in json.loads(done.stdout)
        for node in ast.parse(Path(file).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
    }
    assert {name for name in named if name.startswith("bench.") and not name.startswith("bench.gate")} == {
        *("bench.errors", "bench.cost.count")
    }


def test_a_tree_without_the_packages_is_not_taken_for_another(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "sitecustomize.py").write_text(f"import sys\nsys.path.append({str(ROOT)!r})\n")
    with pytest.raises(RefusedInput, match="not from"), worker(tmp_path / "tree", "old", ["measure", "--"]):
        pytest.fail("the packages are those of another tree")
