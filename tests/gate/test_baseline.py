"""A baseline file: the same tree gives the same bytes, and what is not one is refused by name."""

import json
from pathlib import Path

import pytest

from baselines.registry import METHODS
from bench.errors import RefusedInput
from bench.gate.baseline import read_baseline, to_json, write_baseline

SCORE = {"run": "r", "title": "t", "miou": 0.5, "weights_sha256": "w", "matrices_sha256": None}


def timed(ratios):
    return {"conditions": {}, "models": {"a": {"ratios": ratios}}}


@pytest.fixture
def file(toy, baseline_of, tmp_path: Path) -> Path:
    path = tmp_path / "results" / "baseline.json"
    write_baseline(baseline_of(toy(b="", a="mac")), path)
    return path


def test_it_reads_back_as_it_was_written(toy, baseline_of, file: Path) -> None:
    assert read_baseline(file) == baseline_of(toy(a="mac", b=""))


def test_the_same_tree_gives_the_same_bytes_whatever_the_order_of_its_methods(toy, baseline_of) -> None:
    assert to_json(baseline_of(toy(a="", b="mac"))) == to_json(baseline_of(toy(b="mac", a="")))


def test_one_number_that_changes_is_one_line_of_a_diff(toy, baseline_of) -> None:
    before = to_json(baseline_of(toy(a=""))).splitlines()
    after = to_json(baseline_of(toy(a="mac"))).splitlines()
    changed = [line for line in after if line not in before]
    assert changed[0].strip().startswith('"macs":')
    assert len(before) == len(after)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(schema=2), "schema 2; this version reads 1"),
        (lambda d: d.pop("conditions"), "conditions is missing"),
        (lambda d: d.update(more=1), "more is a key"),
        (lambda d: d.update(methods=[]), "methods is a list"),
        (lambda d: d["methods"].update(a=3), "methods.a is 3"),
        (lambda d: d["methods"]["a"]["counts"].update(macs="3"), "methods.a.counts.macs is '3'; expected"),
        (lambda d: d["methods"]["a"]["golden"].pop("samples"), "methods.a.golden: keys"),
        (lambda d: d["methods"]["a"]["golden"].update(largest=10**400), "methods.a.golden: largest"),
        (lambda d: d["methods"]["a"]["golden"]["samples"].append([]), "methods.a.golden: samples"),
        (lambda d: d["accuracy"].update(x=0), "accuracy.x is 0"),
        (lambda d: d["accuracy"].update(x={"run": "r"}), "accuracy.x.title is missing"),
        (lambda d: d["accuracy"].update(x=SCORE | {"miou": 54.1}), "accuracy.x.miou is 54.1"),
        (lambda d: d["accuracy"].update(x=SCORE | {"miou": "0.5"}), "accuracy.x.miou is '0.5'"),
        (lambda d: d.update(speed={"conditions": {}}), "speed.models is missing"),
        (lambda d: d.update(speed=timed([0.0])), "speed.models.a.ratios.0 is 0.0"),
        (lambda d: d.update(speed=timed([1.0, None])), "speed.models.a.ratios.1 is a NoneType"),
        (lambda d: d.update(speed=timed([10**400])), "speed.models.a.ratios.0"),
    ],
)
def test_what_is_not_a_baseline_is_refused(file: Path, change, said: str) -> None:
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    with pytest.raises(RefusedInput, match=r"baseline\.json") as refused:
        read_baseline(file)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", "[" * 100_000, "1" * 5000, '{"schema": NaN}', '{"schema": 1, "schema": 1}']
)
def test_what_is_no_json_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(RefusedInput, match="not a baseline"):
        read_baseline(file)


def test_a_file_that_is_not_there_is_refused_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match="cannot read") as refused:
        read_baseline(tmp_path / "none.json")
    assert refused.value.then is not None
    assert "--update" in refused.value.then


def test_the_committed_one_reads_and_has_every_method() -> None:
    committed = read_baseline(Path(__file__).parents[2] / "results" / "baseline.json")
    assert set(METHODS) <= set(committed.methods)
    assert [name for name, one in committed.methods.items() if not {"counts", "golden"} <= set(one)] == []
    assert committed.commit is not None
    assert not committed.commit.endswith("+")
