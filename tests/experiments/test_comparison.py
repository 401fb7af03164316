"""A grid of methods: which recipe each trains, killed and resumed, and whose times are taken."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import make_record

from baselines.registry import METHODS
from bench.errors import UsageError
from bench.experiments import comparison_times
from bench.experiments.comparison import comparison_of, input_size
from bench.experiments.comparison_times import Timing, recorded_times, time_methods
from bench.experiments.grid_execution import execute, look
from bench.experiments.grid_result import scores_of
from bench.experiments.grid_state import Ledger
from bench.results.provenance import current_sources, machine
from bench.results.store import add_record, read_records
from bench.speed.net_file import NetFile, method_of
from bench.train import recipe as recipes
from bench.train.settings import Settings

NETWORK = """
from torch import nn

def build(num_classes):
    return nn.Conv2d(3, num_classes, 3, padding=1)
"""

# in a process of its own, for it ends with SIGKILL: in the second run's third step
KILLED = """
import os, signal, sys
from pathlib import Path
from bench.experiments.comparison import comparison_of
from bench.experiments.grid_execution import execute, look
from bench.experiments.grid_state import Ledger
from bench.train.settings import Settings

def watch(kind, done, total, loss):
    if kind == "train":
        steps.append(done)
        if steps == [1, 2, 3, 4, 1, 2, 3]:
            os.kill(os.getpid(), signal.SIGKILL)
        with open(told, "a") as stream:  # what is printed while a user's network trains goes to stderr
            print(done, file=stream)

steps = []
told, recipe, home, *models = sys.argv[1:]
experiment = comparison_of(models, name_or_path=recipe, data="scenes", seeds=1)
methods = {one.name: one.method for one in experiment.grid.subjects}
ledger = Ledger(Settings(Path(home), device="cpu", threads=1), experiment.scored, methods)
execute(look(experiment, ledger), ledger, watch=watch)
"""


@pytest.fixture
def own(tmp_path):
    """The user's own network, as it is typed."""
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "mynet.py").write_text(NETWORK)
    return f"{tmp_path / 'nets' / 'mynet.py'}:build"


def ledger_of(experiment, home):
    methods = {one.name: one.method for one in experiment.grid.subjects}
    return Ledger(Settings(home, device="cpu", threads=1), experiment.scored, methods)


def test_all_methods_of_a_seed_come_before_the_next_seed(own):
    runs = comparison_of(["enet", own], name_or_path="scenes-compare", data="scenes", seeds=2).runs
    assert [run.title for run in runs] == ["enet, seed 0", "mynet, seed 0", "enet, seed 1", "mynet, seed 1"]
    enet, mine = runs[0].recipe, runs[1].recipe
    assert replace(mine, model="enet") == enet


@pytest.mark.parametrize(
    "name",
    [
        *("carnet-mobile", "bs-mobile", "enet", "bisenet1", "sq"),
        *("smp-fpn-mobilenetv2", "smp-deeplabv3plus-mobilenetv2", "smp-segformer-mobilenetv2"),
        "smp-fpn-efficientnetlite0",
    ],
)
def test_a_run_of_a_comparison_is_the_run_that_train_makes_of_this_method_and_seed(name):
    (run,) = comparison_of([name], data="camvid", seeds=1).runs
    assert run.recipe == recipes.load("camvid-compare", {"model": name, "seed": 0})


def test_what_the_shared_weights_do_not_fit_starts_from_scratch_at_the_decoders_rate(own):
    segnet, mine = (run.recipe for run in comparison_of(["segnet", own], data="camvid", seeds=1).runs)
    # SegNet has an encoder of its own, so both rates stay
    assert (segnet.weights, segnet.encoder_lr, segnet.decoder_lr) == ("none", 2e-3, 1e-2)
    assert (mine.weights, mine.encoder_lr, mine.decoder_lr) == ("none", 1e-2, 1e-2)
    assert (mine.crop, mine.epochs, mine.batch) == (segnet.crop, segnet.epochs, segnet.batch)


def test_the_size_is_that_of_the_images_and_of_the_crops_where_they_differ(tmp_path, grids):
    assert input_size(recipes.load("camvid-compare")) == (360, 480)
    assert input_size(recipes.load("ade20k-paper")) == recipes.load("ade20k-paper").crop
    assert input_size(recipes.load(str(grids.tiny_recipe(tmp_path)))) == (64, 64)


def test_two_networks_of_one_name_and_a_recipe_of_other_data_are_refused(own, tmp_path):
    other = tmp_path / "mynet.py"
    other.write_text(NETWORK)
    with pytest.raises(UsageError, match="'mynet': two networks of this name"):
        comparison_of([own, f"{other}:build"], name_or_path="scenes-compare", data="scenes")
    with pytest.raises(UsageError, match="camvid-compare trains on camvid, not on scenes"):
        comparison_of(["enet"], name_or_path="camvid-compare", data="scenes")
    assert len(comparison_of(["enet", "enet"], data="scenes").grid.subjects) == 1


@pytest.mark.slow
def test_a_comparison_killed_in_the_middle_goes_on_and_repeats_nothing(grids, own, tmp_path):
    recipe, home = grids.tiny_recipe(tmp_path), tmp_path / "home"
    told = tmp_path / "steps"
    words = [sys.executable, "-c", KILLED, str(told), str(recipe), str(home), "carnet-mobile", own]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = [int(line) for line in told.read_text().split()]
    assert before == [1, 2, 3, 4, 1, 2]
    experiment = comparison_of(["carnet-mobile", own], name_or_path=str(recipe), data="scenes", seeds=1)
    ledger = ledger_of(experiment, home)
    progress = look(experiment, ledger)
    assert [str(one) for one in progress.states.values()] == ["done (smoke run)", "partly, step 2 of 4"]
    steps = []
    execute(progress, ledger, watch=lambda kind, step, *_: steps.append(step) if kind == "train" else None)
    assert before + steps == 2 * list(range(1, grids.STEPS + 1))
    assert [[*scores_of(progress, one)] for one in experiment.grid.subjects] == [[0], [0]]
    assert len(read_records(home, "training")) == len(read_records(home, "accuracy")) == 2
    # the same network elsewhere is the same run, another network of this name is not
    again = look(experiment, ledger_of(experiment, home))
    assert again.finished
    (tmp_path / "nets" / "mynet.py").write_text(NETWORK.replace("3, padding=1", "1"))
    changed = comparison_of(["carnet-mobile", own], name_or_path=str(recipe), data="scenes", seeds=1)
    states = [state.status for state in look(changed, ledger_of(changed, home)).states.values()]
    assert states[1] != "done"


@pytest.fixture
def timing(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison_times, "form_of_variant", lambda *_: "")
    networks = [METHODS["enet"], METHODS["smp-fpn-mobilenetv2"]]
    return Timing(networks, (360, 480), 11, Settings(tmp_path, device="cpu", threads=2))


def add_time(timing, name, run, *, reasons=(), when="2026-01-01T00:00:00Z", size=None, here=True):
    method = METHODS[name]
    identity = {
        "model": name,
        "options": dict(method.options),
        "num_classes": timing.num_classes,
        "size": list(size or method.sizes.fitting(timing.size_hw)),
        "threads": 2,
        "machine": {**machine(), "torch": "2"} if here else {"cpu": "another", "torch": "2"},
    }
    provenance = {"source": current_sources(method), "run": run, "dirty": False, "started_utc": when}
    record = make_record("speed", identity, {}, provenance, reasons=reasons)
    return add_record(record, timing.settings.home)[0]


def test_times_are_those_of_the_one_run_that_holds_most_of_the_methods_at_their_own_sizes(timing):
    both = [add_time(timing, name, "a" * 16) for name in ("enet", "smp-fpn-mobilenetv2")]
    assert both[1].identity.size == (384, 480)
    add_time(timing, "enet", "b" * 16, when="2026-02-01T00:00:00Z")
    add_time(timing, "smp-fpn-mobilenetv2", "b" * 16, when="2026-02-01T00:00:00Z", reasons=["busy"])
    assert {name: one.id for name, one in recorded_times(timing).items()} == {
        one.identity.model: one.id for one in both
    }


def test_times_of_another_size_or_machine_do_not_count_unless_records_alone_are_judged(timing):
    add_time(timing, "enet", "a" * 16, size=(512, 1024))
    elsewhere = add_time(timing, "enet", "b" * 16, here=False)
    assert recorded_times(timing) == {}
    assert recorded_times(timing, anywhere=True) == {"enet": elsewhere}


def test_the_time_of_another_file_of_this_name_does_not_count(timing):
    file = method_of(NetFile(Path("net.onnx"), "d" * 64, (1, 3, 360, 480), 11, {}))
    both = replace(timing, networks=[*timing.networks, file])

    def add(weights, run):
        identity = {
            **{"model": "net.onnx", "options": dict(file.options), "num_classes": 11, "weights": weights},
            **{"size": [360, 480], "threads": 2, "machine": {**machine(), "torch": "2"}},
        }
        provenance = {"source": current_sources(file), "run": run, "dirty": False}
        return add_record(make_record("speed", identity, {}, provenance), timing.settings.home)[0]

    add("c" * 64, "a" * 16)
    assert recorded_times(both) == {}
    its = add("d" * 64, "b" * 16)
    enet = add_time(timing, "enet", "b" * 16)
    assert recorded_times(both) == {"net.onnx": its, "enet": enet}


def test_methods_are_timed_together_and_not_again_once_a_run_holds_them_all(timing, monkeypatch):
    asked, said = [], []

    def measure(methods, size_hw, **options):
        asked.append(
            ([one.name for one in methods], size_hw, options["fitted"], options["protocol"].budget_s)
        )
        run = str(len(asked)) * 16
        busy = ["busy"] if len(asked) == 1 else []
        return [add_time(timing, "enet", run), add_time(timing, "smp-fpn-mobilenetv2", run, reasons=busy)]

    monkeypatch.setattr(comparison_times, "measure_speed", measure)
    monkeypatch.setattr(comparison_times, "add_record", lambda *_: None)
    time_methods(timing, budget_s=7.0, log=said.append)
    assert asked == [(["enet", "smp-fpn-mobilenetv2"], (360, 480), True, 7.0)]
    assert [line for line in said if "smp-fpn-mobilenetv2" in line and "busy" in line]
    time_methods(timing)
    time_methods(timing)
    assert len(asked) == 2
    assert len(recorded_times(timing)) == 2
