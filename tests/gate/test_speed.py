"""Two trees, or a tree and a file, in processes that are made up: what is compared, and what cannot be."""

import itertools
import json
import random
import types
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.clock.machine_state import CpuReading
from bench.gate import speed
from bench.gate.processes import WorkerFailed
from bench.gate.speed import Asked, compare_trees, compare_with_file, conditions, measure_ratios

ASKED = Asked()
NOW = (Path("now"), "now")


def nothing(*_: object) -> None:
    """Show no progress."""


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Put processes in place whose model takes 30 ms times a factor of their tree; return what was asked."""

    def put(**factors: float) -> list[str]:
        rng, asked = random.Random(0), []
        ticks = itertools.count()

        @contextmanager
        def worker(_root: Path, title: str, words: list[str], _threads: int):
            task = json.loads(words[1])
            asked.append(f"{title} {'with reference' if task['reference'] else 'alone'}")
            if title not in factors:
                raise WorkerFailed(title, "its process ended with 1")
            bias = factors[title] * rng.gauss(1, 0.003)
            ms = {task["model"]: 30.0 * bias, "reference": 4.0}

            def ask(line: str) -> dict[str, float]:
                name, calls = line.split()
                asked.append(f"{name} {calls}")
                return {"ms": ms[name] * rng.gauss(1, 0.01)}

            yield types.SimpleNamespace(answer=lambda: {"warm_ms": ms}, ask=ask)

        def counters(_workers: object) -> CpuReading:
            tick = float(next(ticks))
            return CpuReading(tick, tick, tick, tick, 2)

        monkeypatch.setattr(speed, "worker", worker)
        monkeypatch.setattr(speed, "_read_cpu_of", counters)
        return asked

    return put


@pytest.mark.parametrize(("factor", "verdict"), [(1.05, "regression"), (1.0, "passed"), (0.9, "passed")])
def test_two_trees_in_turns(device, factor: float, verdict: str) -> None:
    device(then=1.0, now=factor)
    (one,) = compare_trees((Path("then"), "then"), NOW, ASKED, nothing)
    assert one.verdict == verdict
    assert one.values["slowdown"] == pytest.approx(factor - 1, abs=0.01)


@pytest.mark.parametrize(("factor", "verdict"), [(1.05, "regression"), (1.0, "passed")])
def test_a_file_s_ratio_to_the_reference_and_today_s(device, factor: float, verdict: str) -> None:
    device(then=1.0, now=factor)
    known = measure_ratios((Path("then"), "then"), ASKED, nothing)
    assert known["models"]["carnet-mobile"]["ratios"][0] == pytest.approx(7.5, rel=0.02)
    (one,) = compare_with_file(NOW, known, ASKED, nothing)
    assert one.verdict == verdict


def test_a_machine_that_is_slower_as_a_whole_is_no_regression(device) -> None:
    # the reference workload is part of the made-up machine: only the ratio counts
    device(now=1.0)
    known = {
        "conditions": conditions(ASKED),
        "models": {"carnet-mobile": {"ratios": [7.5] * 5, "reasons": []}},
    }
    (one,) = compare_with_file(NOW, known, ASKED, nothing)
    assert one.verdict == "passed"


def test_a_sample_is_as_many_calls_as_take_ten_milliseconds(device) -> None:
    asked = device(now=1.0)
    measure_ratios(NOW, ASKED, nothing)
    assert {"carnet-mobile 1", "reference 3"} <= set(asked)
    assert asked[0] == "now with reference"


@pytest.mark.parametrize("key", ["cpu", "logical_cores", "threads", "engine", "torch", "size"])
def test_other_machine_engine_or_threads_are_not_comparable(device, key: str) -> None:
    asked = device(now=1.0)
    known = {"conditions": {**conditions(ASKED), key: "other"}, "models": {}}
    (one,) = compare_with_file(NOW, known, ASKED, nothing)
    assert one.verdict == "not comparable"
    assert f"{key} other in the baseline" in one.note
    assert asked == []


def test_a_file_whose_times_were_not_valid_is_no_measure(device) -> None:
    device(now=1.0)
    models = {"carnet-mobile": {"ratios": [7.5], "reasons": ["other processes took 50% of the cores"]}}
    (one,) = compare_with_file(NOW, {"conditions": conditions(ASKED), "models": models}, ASKED, nothing)
    assert one.verdict == "not valid"
    assert "in the baseline; other processes took 50%" in one.note


def test_a_model_that_the_baseline_s_tree_does_not_have_is_not_measured(device) -> None:
    device(now=1.0)
    (one,) = compare_trees((Path("then"), "then"), NOW, ASKED, nothing)
    assert (one.verdict, one.note) == ("not measured", "then: its process ended with 1")


def test_a_model_that_no_longer_runs_in_this_tree_is_a_regression(device) -> None:
    device(then=1.0)
    (one,) = compare_trees((Path("then"), "then"), NOW, ASKED, nothing)
    assert (one.verdict, one.is_regression) == ("failed", True)
    known = {"conditions": conditions(ASKED), "models": {"carnet-mobile": {"ratios": [7.5] * 5}}}
    (one,) = compare_with_file(NOW, known, ASKED, nothing)
    assert one.verdict == "failed"
