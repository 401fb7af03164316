"""``ablate``: every form of its command line, the dry run, the exit codes, the JSON."""

import json

import pytest

from bench.experiments import grid_cost as estimate
from bench.experiments.train_budget import StepCost

TINY = """
model = "carnet-mobile"
data = "scenes"
crop = [64, 96]
batch = 4
epochs = 1
encoder_lr = 0.01
decoder_lr = 0.02
clip_norm = 5.0
smoke = true
validate_every = 0

[data_options]
count = 8
size_hw = [64, 96]
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe of 2 steps a run on drawn images; a step is said to cost 10 s, an image 1 s."""
    monkeypatch.setattr(estimate, "prepare", lambda *_: None)
    monkeypatch.setattr(estimate, "measure_step", lambda *_: StepCost(step_s=10.0, image_s=1.0))
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def planned(carnet_bench, recipe, tmp_path):
    """The places of the runs of a dry run with these words, for one seed."""

    def call(line):
        words = ("ablate", *line.split(), "--recipe", recipe, "--threads", 1, "--dry-run", "--json")
        if "--seeds" not in words:
            words += ("--seeds", 1)
        code, out, _ = carnet_bench(*words, home=tmp_path / "home")
        assert code == 0
        assert not (tmp_path / "home").exists()
        return json.loads(out)

    return call


@pytest.mark.parametrize(
    ("line", "places"),
    [
        ("--lambda 0 0.2 0.4", ["lambda 0", "lambda 0.2", "lambda 0.4"]),
        ("--lambda 0 --lambda 0.2", ["lambda 0", "lambda 0.2"]),
        (
            "--components bs car scloss crp",
            ["components bs", "components car", "components scloss", "components crp"],
        ),
        ("--modules 0 1 2 3 4", [f"modules {n}" for n in range(5)]),
        ("--scloss 0 1 2 3 4", [f"scloss {n}" for n in range(5)]),
        ("--scloss-form paper bce", ["scloss-form paper", "scloss-form bce"]),
        ("--between-convs linear", ["between-convs linear"]),
        ("--backbone mobile resnet50", ["backbone mobile", "backbone resnet50"]),
        ("--lambda=0.2 0.4 --data scenes", ["lambda 0.2", "lambda 0.4"]),
        ("--modules 1 2 --scloss 0 1", [f"modules {n}, scloss {k}" for n in (1, 2) for k in (0, 1)]),
    ],
)
def test_every_form_of_the_command_line(planned, line, places):
    assert [place for run in planned(line)["runs"] for place in run["places"]] == places


def test_between_convs_of_two_kinds_is_skipped_where_there_is_nothing_between(planned):
    document = planned("--between-convs linear relu")
    assert [run["places"] for run in document["runs"]] == [["between-convs linear"]]
    assert document["skipped"] == [
        {
            "place": "between-convs relu",
            "reason": "the adjustments of mobile have no cascaded convolutions",
        }
    ]


def test_a_dry_run_says_what_each_run_and_all_of_them_take(planned):
    document = planned("--lambda 0 0.2 --seeds 2")
    assert [(run["seed"], run["status"]) for run in document["runs"]] == [
        *((0, "to do"), (0, "to do")),
        *((1, "to do"), (1, "to do")),
    ]
    # 2 steps of 10 s, no validation, 8 test images of 1 s
    assert [run["left_s"] for run in document["runs"]] == [28.0] * 4
    assert document["left_s"] == 112.0
    assert {cost["source"] for cost in document["costs"]} == {"measured now"}


def test_a_dry_run_for_a_reader(carnet_bench, recipe):
    code, out, _ = carnet_bench(
        "ablate", "--scloss", 0, 4, "--lambda", 0, 0.2, "--recipe", recipe, "--dry-run", "--seeds", 1
    )
    assert code == 0
    assert "  mobile BS+CARModule+CRP, seed 0         to do, about 28 s\n" in out
    assert "one run: scloss 0, lambda 0; scloss 0, lambda 0.2; scloss 4, lambda 0\n" in out
    assert "0 of 2 runs done; left to do: about 56 s\n" in out
    assert "weights of the last epoch, scored on test, which selects nothing" in out


def test_without_the_data_a_dry_run_lists_the_runs_and_says_why_there_is_no_estimate(
    carnet_bench, tmp_path, monkeypatch
):
    monkeypatch.setenv("CARNET_DATA", str(tmp_path / "empty"))
    code, out, _ = carnet_bench("ablate", "--lambda", 0.2, "--seeds", 1, "--dry-run")
    assert code == 0
    assert "mobile BS+CARModule+SCLoss+CRP, seed 0  to do, nothing says how long" in out
    assert "could not be measured: camvid: no such folder" in out


def test_a_grid_is_trained_compared_and_then_done(carnet_bench, recipe):
    words = ("ablate", "--components", "bs", "car", "--recipe", recipe, "--threads", 1, "--seeds", 1)
    code, out, err = carnet_bench(*words, "--json")
    assert code == 0
    document = json.loads(out)
    assert document["finished"]
    bs, car = document["variants"]
    assert [one["name"] for one in (bs, car)] == ["mobile BS", "mobile BS+CARModule"]
    assert bs["difference"] is None
    assert car["difference"]["mean"] == pytest.approx(car["miou_mean"] - bs["miou_mean"])
    assert (car["printed_difference_percent"], car["verdict"]) == (3.9, "not distinguishable")
    assert [run["accuracy_record"] for run in document["runs"]] == [*bs["records"], *car["records"]]
    assert "run 2 of 2: mobile BS+CARModule, seed 0 (to do)" in err

    code, out, err = carnet_bench(*words)
    assert code == 0
    assert "run 1 of 2" not in err
    assert "the paper +3.9 on nyudv2: not distinguishable" in out


def test_a_budget_for_nothing_measures_nothing(carnet_bench, recipe, tmp_path):
    code, out, err = carnet_bench(
        "ablate", "--lambda", 0.2, "--recipe", recipe, "--budget", "20s", "--threads", 1, "--seeds", 1
    )
    assert code == 4
    assert "not begun: mobile BS+CARModule+SCLoss+CRP, seed 0 needs about 28 s" in out
    assert "error: not finished, and nothing was measured\nnext: give a longer --budget" in err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "nothing to vary; give --components"),
        ("--modules 5", "--modules '5'; allowed are 0, 1, 2, 3, 4"),
        ("--lambda -0.2", "--lambda '-0.2'; allowed are numbers from 0 on"),
        ("--lambda --modules 1", "--lambda has no value"),
        ("--components bs sc", "--components 'sc'; allowed are bs, car, scloss, crp"),
        ("--modules 1 --scloss 2", "no combination is possible (modules 1, scloss 2: "),
        ("--lambda 0 --recipe camvid-slow", "no recipe 'camvid-slow'; have "),
        ("--lambda 0 --data kitti", "no data set 'kitti'; choose from camvid, "),
        ("--lambda 0 --budget 10", "duration '10': allowed is a number above 0 with s, m or h"),
        ("--lambda 0 --seeds 0", "--seeds"),
        ("--backbone mobile resnet50 --weights-file a.safetensors", "--weights-file fits one encoder"),
    ],
)
def test_a_mistake_exits_with_the_choices_and_leaves_nothing(carnet_bench, tmp_path, line, message):
    code, out, err = carnet_bench("ablate", *line.split())
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "results").exists()
