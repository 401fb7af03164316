"""``compare``: trained, judged and written end to end; partial grids; every mistake with its exit code."""

import json

import pytest
from made_records import make_record

from bench.experiments import comparison_times
from bench.experiments import grid_cost as estimate
from bench.experiments.train_budget import StepCost
from bench.results.provenance import current_sources, machine

TINY = """
model = "carnet-mobile"
data = "scenes"
crop = [64, 64]
batch = 4
epochs = 1
encoder_lr = 0.02
decoder_lr = 0.02
clip_norm = 5.0
smoke = true
validate_every = 0

[data_options]
count = 8
size_hw = [64, 64]
"""
NETWORK = """
from torch import nn

def build(num_classes):
    return nn.Conv2d(3, num_classes, {}, padding=1)
"""
FORMS = [f"{axis}.{form}" for axis in ("latency", "macs", "params") for form in ("png", "svg", "pdf")]


@pytest.fixture
def words(tmp_path, monkeypatch):
    """Two networks of one's own under a recipe of 2 steps, which are timed without a clock."""

    def measure(methods, size_hw, *, num_classes, **_):
        return [
            make_record(
                "speed",
                {
                    "model": method.name,
                    "options": dict(method.options),
                    "num_classes": num_classes,
                    "size": list(size_hw),
                    "threads": 1,
                    "machine": {**machine(), "torch": "2"},
                },
                {"samples_ms": [place + 0.01 * (number % 3) for number in range(20)]},
                {"source": current_sources(method), "run": "a" * 16, "dirty": False},
            )
            for place, method in enumerate(methods, start=1)
        ]

    monkeypatch.setattr(comparison_times, "measure_speed", measure)
    monkeypatch.setattr(estimate, "prepare", lambda *_: None)
    monkeypatch.setattr(estimate, "measure_step", lambda *_: StepCost(step_s=10.0, image_s=1.0))
    (tmp_path / "tiny.toml").write_text(TINY)
    for name, kernel in (("wide", 3), ("thin", 3)):
        (tmp_path / f"{name}.py").write_text(NETWORK.format(kernel))
    models = [f"{tmp_path / name}.py:build" for name in ("wide", "thin")]
    return ["compare", *models, "--recipe", tmp_path / "tiny.toml", "--threads", 1, "--device", "cpu"]


def test_networks_of_ones_own_are_compared_and_then_judged_from_the_records_alone(
    carnet_bench, words, tmp_path
):
    code, out, err = carnet_bench(*words)
    assert code == 0
    assert "run 6 of 6: thin, seed 2" in err
    assert "from scratch" in out
    assert "smoke runs" in out.lower()
    folder = tmp_path / "reports"
    names = {path.name for path in folder.iterdir()}
    assert names >= {*(f"compare-scenes.{form}" for form in ("md", "csv", "tex"))}
    assert names >= {f"compare-scenes-{form}" for form in FORMS}
    table = (folder / "compare-scenes.csv").read_bytes()
    # thin and wide are the same network, so that neither is better
    assert table.count(b",best,") == 2

    code, out, err = carnet_bench(*words, "--from-records", "--json", "--name", "again")
    assert code == 0
    assert "run 1 of 6" not in err
    document = json.loads(out)
    assert [one["group"] for one in document["methods"]] == ["best", "best"]
    assert [one["starting_weights"] for one in document["methods"]] == ["from scratch"] * 2
    assert {one["method"]: one["median_ms"] for one in document["methods"]} == {"wide": 1.01, "thin": 2.01}
    assert len(document["accuracy_pairs"]) == 1
    assert document["finished"]
    assert (folder / "compare-again.csv").read_bytes() == table


def test_a_dry_run_trains_and_times_nothing_and_writes_nothing(carnet_bench, words, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison_times, "measure_speed", None)
    code, out, _ = carnet_bench(*words, "--dry-run", home=tmp_path / "home")
    assert code == 0
    # 2 steps of 10 s and 8 images of 1 s
    assert "wide, seed 0  to do, about 28 s" in out
    assert "0 of 6 runs done; left to do: about 3 min" in out
    assert not (tmp_path / "home").exists()


def test_a_partial_grid_gives_numbers_and_no_verdicts(carnet_bench, words, monkeypatch):
    code, out, _ = carnet_bench(*words, "--seeds", 1)
    assert code == 0
    assert "No verdicts" in out
    monkeypatch.setattr(estimate.Estimates, "_recorded", lambda *_: None)
    code, out, _ = carnet_bench(*words, "--budget", "20s", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["not_begun"].startswith("not started: wide, seed 1 needs about 28 s")
    assert not document["finished"]
    assert [one["seeds"] for one in document["methods"]] == ["0", "0"]
    assert [one["group"] for one in document["methods"]] == [None, None]
    assert document["accuracy_pairs"][0]["corrected"] is None


def test_nothing_measured_says_so(carnet_bench, words, tmp_path):
    code, _, err = carnet_bench(*words, "--from-records", home=tmp_path / "empty")
    assert code == 4
    assert "no run is finished" in err
    code, out, _ = carnet_bench(*words, "--budget", "20s", "--json", home=tmp_path / "empty")
    assert code == 4
    assert json.loads(out)["not_begun"].startswith("not started: wide, seed 0 needs about 28 s")
    assert not (tmp_path / "empty" / "reports").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("enett", "no model 'enett'"),
        ("enet --data kitti", "no data set 'kitti'"),
        ("enet --data scenes --recipe camvid-compare", "trains on camvid, not on scenes"),
        ("enet --recipe camvid-slow", "no recipe 'camvid-slow'"),
        ("enet --budget 10", "duration '10': expected"),
        ("enet --size 360", "size '360': expected"),
        ("enet --seeds 0", "--seeds"),
        ("enet --name ../x", "--name '../x'; expected"),
        ("enet --data scenes --from-records --budget 10m", "--from-records trains and times nothing"),
        ("mynet.py --data scenes", "say which builder in it"),
        ("enet --data scenes --score tensorflow", "--score 'tensorflow'; expected NAME=FOLDER"),
        ("enet --data scenes --score enet=folder", "another method has this name"),
    ],
)
def test_a_mistake_exits_with_the_choices_and_leaves_nothing(carnet_bench, tmp_path, line, message):
    code, out, err = carnet_bench("compare", *line.split())
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "results").exists()


def test_nine_runs_on_scenes_end_within_ten_minutes_on_two_cores():
    from bench.data.scenes.scenes import DEFAULT_COUNTS
    from bench.train import recipe as recipes

    found = recipes.load("scenes-compare")
    # measured with CARNet-Mobile: 6 images of 240x320 take 0.65 s; twice that for a slower method; 0.1 s per
    # scored image; a fifth of the budget is for times and a fifth for the reports
    step_s = 2 * 0.65 * found.batch * found.crop[0] * found.crop[1] / (6 * 240 * 320)
    run_s = found.epochs * (DEFAULT_COUNTS["train"] // found.batch) * step_s + 0.1 * DEFAULT_COUNTS["test"]
    assert 9 * run_s <= 0.6 * 600 + 120
