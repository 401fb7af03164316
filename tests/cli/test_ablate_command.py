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
    """A recipe of 2 steps per run on synthetic images; a step costs 10 s, an image 1 s."""
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


@pytest.fixture
def no_camvid(tmp_path, monkeypatch):
    monkeypatch.setenv("CARNET_DATA", str(tmp_path / "empty"))
    monkeypatch.setenv("CARNET_BENCH_HOME", str(tmp_path))


@pytest.mark.usefixtures("recipe", "no_camvid")
def test_without_the_data_the_time_is_measured_on_synthetic_images_for_the_published_number_of_images(
    carnet_bench,
):
    code, out, _ = carnet_bench(
        "ablate", "--lambda", 0.2, "--seeds", 1, "--recipe", "camvid-ablation", "--dry-run"
    )
    assert code == 0
    # 367 images in batches of 6 for 12 epochs are 732 steps of 10 s; 2 x 101 + 233 images of 1 s: 7755 s
    assert "mobile BS+CARModule+SCLoss+CRP, seed 0  to do, about 2 h 09 min" in out
    assert "10 s, 1 s, measured now on synthetic images" in out


@pytest.mark.usefixtures("recipe", "no_camvid")
def test_where_camvid_is_not_found_the_first_line_says_so_and_the_grid_is_of_synthetic_scenes(carnet_bench):
    words = ("ablate", "--lambda", 0, 0.2, 0.4, "--dry-run")
    code, out, err = carnet_bench(*words)
    assert code == 0
    assert err.startswith("CamVid not found")
    assert out.startswith("scenes-ablation: scenes (synthetic images), 8 epochs, seeds 0, 1, 2")
    document = json.loads(carnet_bench(*words, "--json")[1])
    assert (document["data"], document["synthetic"], len(document["runs"])) == ("scenes", True, 9)


@pytest.mark.usefixtures("recipe")
def test_where_camvid_is_given_the_grid_is_of_camvid(carnet_bench, camvid_root):
    code, out, err = carnet_bench(
        "ablate", "--lambda", 0, "--dry-run", "--seeds", 1, "--data-root", camvid_root
    )
    assert (code, "synthetic" in err) == (0, False)
    assert out.startswith("camvid-study: camvid, ")


def test_nine_runs_on_scenes_end_within_a_quarter_of_an_hour_on_two_cores():
    from bench.data.scenes.scenes import DEFAULT_COUNTS
    from bench.train import recipe as recipes

    found = recipes.load("scenes-ablation")
    # measured: 6 images of 240x320 take 0.65 s; a fifth more for small ones; 0.05 s per scored image
    step_s = 1.2 * 0.65 * found.batch * found.crop[0] * found.crop[1] / (6 * 240 * 320)
    steps = found.epochs * (DEFAULT_COUNTS["train"] // found.batch)
    assert steps * step_s + 0.05 * DEFAULT_COUNTS["test"] <= 75


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
    assert "not started: mobile BS+CARModule+SCLoss+CRP, seed 0 needs about 28 s" in out
    assert "nothing was measured\nnext: give a longer --budget" in err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "nothing to vary; give --components"),
        ("--modules 5", "--modules '5'; choose from 0, 1, 2, 3, 4"),
        ("--lambda -0.2", "--lambda '-0.2'; expected a number of at least 0"),
        ("--lambda --modules 1", "--lambda has no value"),
        ("--components bs sc", "--components 'sc'; choose from bs, car, scloss, crp"),
        ("--modules 1 --scloss 2", "no combination is possible (modules 1, scloss 2: "),
        ("--lambda 0 --recipe camvid-slow", "no recipe 'camvid-slow'"),
        ("--lambda 0 --data kitti", "no data set 'kitti'"),
        ("--lambda 0 --budget 10", "duration '10': expected"),
        ("--lambda 0 --seeds 0", "--seeds"),
        ("--backbone mobile resnet50 --weights-file a.safetensors", "--weights-file fits one encoder"),
    ],
)
def test_a_mistake_exits_with_the_choices_and_leaves_nothing(carnet_bench, tmp_path, line, message):
    code, out, err = carnet_bench("ablate", *line.split())
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "results").exists()
