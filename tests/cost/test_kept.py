"""Kept counts: equal to counting, and counted anew whenever anything that decides them is another."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from baselines.registry import METHODS
from bench.cache import made_anew
from bench.cost import kept
from bench.cost.count import count_costs
from bench.cost.kept import kept_costs

if TYPE_CHECKING:
    from collections.abc import Callable

ENET = METHODS["enet"]
SMALL: dict[str, Any] = {"num_classes": 5, "size_hw": (64, 64), "which": ("gmacs", "params_m")}


@pytest.fixture
def counts(user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep counts in a folder of the test's own, as a process does that is younger than the code.

    Returns:
        Names of the methods that are counted from now on.
    """
    counted: list[str] = []

    def counting(method: Any, *given: Any, **named: Any) -> Any:
        counted.append(method.name)
        return count_costs(method, *given, **named)

    monkeypatch.setattr("bench.cost.count.count_costs", counting)
    monkeypatch.setattr("bench.cache._began_s", lambda: time.time() + 60)
    return counted


@pytest.mark.parametrize(("name", "size_hw"), [("carnet-mobile", (64, 64)), ("crf-rnn", (64, 64))])
def test_a_kept_count_is_the_count(counts: list[str], name: str, size_hw: tuple[int, int]) -> None:
    method = METHODS[name]
    first = kept_costs(method, 3, size_hw)
    assert kept_costs(method, 3, size_hw) == first == count_costs(method, 3, size_hw)
    assert list(first.components) == list(kept_costs(method, 3, size_hw).components)
    assert counts == [name]


@pytest.mark.parametrize(
    "other",
    [
        {"num_classes": 6},
        {"size_hw": (64, 72)},
        {"which": ("gmacs",)},
        {"components": False},
        {"method": replace(ENET, builder="baselines.enet:ENet")},
    ],
    ids=str,
)
def test_another_question_is_counted(counts: list[str], other: dict[str, Any]) -> None:
    kept_costs(ENET, **SMALL)
    kept_costs(**{"method": ENET, **SMALL, **other})
    assert len(counts) == 2


def test_other_versions_are_counted(counts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    kept_costs(ENET, **SMALL)
    monkeypatch.setattr(kept.cache, "installed_versions", lambda _: ("0.0",))
    kept_costs(ENET, **SMALL)
    assert counts == ["enet", "enet"]


@pytest.mark.parametrize("package", ["baselines", "carnet"])
def test_other_code_is_counted(
    counts: list[str], package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept_costs(ENET, **SMALL)
    find = kept._package
    changed = tmp_path / package
    shutil.copytree(find(package), changed, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(kept, "_package", lambda name: changed if name == package else find(name))
    kept_costs(ENET, **SMALL)
    assert counts == ["enet"]  # the same bytes elsewhere are the same code
    file = sorted(changed.glob("*.py"))[-1]
    file.write_text(file.read_text() + "\n# changed\n")
    kept_costs(ENET, **SMALL)
    assert counts == ["enet", "enet"]


def test_code_that_changed_since_the_process_began_leaves_no_count(
    counts: list[str], user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cache._began_s", lambda: 0.0)
    kept_costs(ENET, **SMALL)
    kept_costs(ENET, **SMALL)
    assert counts == ["enet", "enet"]
    assert not [*user_cache.rglob("*.json")]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _change_a_digit(path: Path) -> None:
    document = json.loads(path.read_text())
    document["costs"]["gmacs"] += 1
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("damage", [_cut, _change_a_digit, Path.unlink, lambda path: path.write_text("[]")])
def test_a_damaged_count_is_counted(
    counts: list[str], user_cache: Path, damage: Callable[[Path], object]
) -> None:
    first = kept_costs(ENET, **SMALL)
    (path,) = user_cache.rglob("*.json")
    damage(path)
    assert kept_costs(ENET, **SMALL) == first
    assert counts == ["enet", "enet"]


def test_a_network_of_ones_own_is_counted_each_time(counts: list[str]) -> None:
    own = replace(ENET, group="own")
    kept_costs(own, **SMALL)
    kept_costs(own, **SMALL)
    assert counts == ["enet", "enet"]


def test_what_is_to_be_counted_anew_is(counts: list[str]) -> None:
    kept_costs(ENET, **SMALL)
    with made_anew():
        kept_costs(ENET, **SMALL)
        kept_costs(ENET, **SMALL)  # once is enough
    assert counts == ["enet", "enet"]
    kept_costs(ENET, **SMALL)
    assert counts == ["enet", "enet"]
    with made_anew():
        kept_costs(ENET, **SMALL)
        kept_costs(ENET, num_classes=19, size_hw=(32, 96))
    assert counts == 4 * ["enet"]


def test_a_network_of_ones_own_is_counted_each_time_where_all_is_made_anew(counts: list[str]) -> None:
    own = replace(ENET, group="own")
    with made_anew():
        kept_costs(own, **SMALL)
        kept_costs(own, **SMALL)
    assert counts == ["enet", "enet"]


def test_without_a_folder_of_the_users_own_all_is_counted(counts: list[str], user_cache: Path) -> None:
    kept_costs(ENET, **SMALL)
    user_cache.chmod(0o770)
    kept_costs(ENET, **SMALL)
    assert counts == ["enet", "enet"]


def test_a_disk_that_refuses_costs_the_count_and_no_more(
    counts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.files.os.fsync", full)
    assert kept_costs(ENET, **SMALL) == kept_costs(ENET, **SMALL)
    assert counts == ["enet", "enet"]


def test_older_states_of_the_code_are_removed(
    counts: list[str], user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(kept._MOST_STATES + 3):
        monkeypatch.setattr(kept, "_code", lambda number=number: f"code{number}")
        kept_costs(ENET, 5, (32, 32), ("params_m",), components=False)
    assert len(list((user_cache / "counts").iterdir())) == kept._MOST_STATES


def test_a_table_whose_counts_are_kept_needs_no_torch() -> None:
    modules = "bench.reproduce.table, bench.report.write, bench.report.terminal, bench.report.conclusion"
    code = (
        f"import sys, {modules}, bench.speed.variant, bench.reproduce.claims\n"
        "from bench.results.provenance import machine\n"
        "from bench.speed.variant import Variant, form_of_variant\n"
        "assert form_of_variant(Variant(), 'auto') == ''\n"
        "assert not {'torch', 'scipy.stats', 'matplotlib'} & sys.modules.keys(), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
