"""``compare``: trained, judged and written end to end; partial grids; every mistake with its exit code."""

import json

import pytest
from PIL import Image

from bench.data.catalogue import open_data
from bench.experiments import comparison_times
from bench.experiments import grid_cost as estimate

FORMS = [f"{axis}.{form}" for axis in ("latency", "macs", "params") for form in ("png", "svg", "pdf")]


def test_networks_of_ones_own_are_compared_and_then_judged_from_the_records_alone(
    carnet_bench, words, tmp_path
):
    code, out, err = carnet_bench(*words)
    assert code == 0
    assert "run 6 of 6: thin, seed 2" in err
    assert "from scratch" in out
    assert "smoke runs" in out.lower()
    (weights,) = [line.partition(": ")[2] for line in out.splitlines() if line.startswith("weights of ")]
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
    assert {name: len(files) for name, files in document["weights"].items()} == {"wide": 3, "thin": 3}
    assert weights in [*document["weights"]["wide"], *document["weights"]["thin"]]
    model = f"{tmp_path / ('wide' if weights in document['weights']['wide'] else 'thin')}.py:build"
    scored = ("evaluate", weights, "--split", "test", "--model", model, "--threads", 1, "--device", "cpu")
    code, out, _ = carnet_bench(*scored, "--json")
    assert (code, json.loads(out)["same_as_recorded"]) == (0, True)
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
        ("enet --data scenes --statistics half", "--statistics is for a .onnx or .xml file"),
        ("net.onnx --data scenes", "net.onnx: a file cannot be trained"),
    ],
)
def test_a_mistake_exits_with_the_choices_and_leaves_nothing(carnet_bench, tmp_path, line, message):
    code, out, err = carnet_bench("compare", *line.split())
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "results").exists()


def test_predictions_from_a_folder_stand_in_the_table_scored_on_the_same_images_without_a_verdict(
    carnet_bench, words, tmp_path
):
    truth = open_data("scenes", "test", count=8, size_hw=[64, 64])
    (tmp_path / "made").mkdir()
    for index in range(len(truth)):
        sample = truth.read(index)
        # what is not labelled is not scored, whatever is said of it
        label = sample.label.where(sample.label != 255, 0).numpy()
        Image.fromarray(label).save(tmp_path / "made" / f"{sample.name}.png")
    given = ("--seeds", 1, "--score", f"perfect={tmp_path / 'made'}")
    code, out, _ = carnet_bench(*words, *given, "--json")
    assert code == 0
    first, *others = json.loads(out)["methods"]
    assert (first["method"], first["kind"], first["miou"]) == ("perfect", "outside", 1.0)
    missing = ("seeds", "group", "front", "params_m", "gmacs", "median_ms", "starting_weights", "train_s")
    assert {first[key] for key in missing} == {None}
    assert [one["seeds"] for one in others] == ["0", "0"]
    page = (tmp_path / "reports" / "compare-scenes.md").read_text()
    assert "predictions from outside: how they were made is not known" in page
    code, _, err = carnet_bench(*words, *given, "--from-records", "--score", f"wide={tmp_path / 'made'}")
    assert (code, "'wide': another method has this name" in err) == (2, True)
    next((tmp_path / "made").iterdir()).unlink()
    code, _, err = carnet_bench(*words, *given, "--from-records")
    assert (code, "missing" in err) == (3, True)


def test_nine_runs_on_scenes_end_within_ten_minutes_on_two_cores():
    from bench.data.scenes.scenes import DEFAULT_COUNTS
    from bench.train import recipe as recipes

    found = recipes.load("scenes-compare")
    # measured with CARNet-Mobile: 6 images of 240x320 take 0.65 s; twice that for a slower method; 0.1 s per
    # scored image; a fifth of the budget is for times and a fifth for the reports
    step_s = 2 * 0.65 * found.batch * found.crop[0] * found.crop[1] / (6 * 240 * 320)
    run_s = found.epochs * (DEFAULT_COUNTS["train"] // found.batch) * step_s + 0.1 * DEFAULT_COUNTS["test"]
    assert 9 * run_s <= 0.6 * 600 + 120
