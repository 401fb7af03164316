"""Which runs a grid has, what is done of them by the records alone, and what the rest will take."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.errors import RefusedInput, UsageError
from bench.evaluate.confusion import Confusion
from bench.evaluate.evaluate import Evaluation
from bench.experiments.grid import experiment_of, require_one_backbone
from bench.experiments.grid_axes import axes_of, grid_of
from bench.experiments.grid_cost import Cost, Estimates, total_s
from bench.experiments.grid_execution import look
from bench.experiments.grid_result import outcomes
from bench.experiments.grid_state import Ledger
from bench.paper.studies import fig8_variants, fig9_variants, fig10_variants, table5_variants
from bench.paper.variant import Variant
from bench.reproduce.grid_verdict import printed_difference
from bench.train import recipe as recipes
from bench.train.settings import Settings
from bench.train.splits import scored_split

ROOT = Path(__file__).parents[2]
COMPONENTS = {"components": ["bs", "car", "scloss", "crp"]}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A home without data: CamVid's runs are known by their records alone."""
    monkeypatch.setenv("CARNET_DATA", str(tmp_path / "nowhere"))
    return Settings(tmp_path, device="cpu", threads=1)


def statuses(study, settings):
    return [state.status for state in look(study, Ledger(settings, study.scored)).states.values()]


def test_all_variants_of_a_seed_come_before_the_next_seed(grids):
    runs = grids.experiment("camvid-ablation", 2, components=["bs", "car"]).runs
    assert [(run.subject.title, run.seed) for run in runs] == [
        ("BS", 0),
        ("BS+CARModule", 0),
        ("BS", 1),
        ("BS+CARModule", 1),
    ]


def test_without_recipe_and_data_the_grid_is_camvid_s():
    study = experiment_of(axes_of(lambdas=["0.2"]))
    assert (study.recipe.name, study.scored, study.seeds) == ("camvid-study", "test", (0, 1, 2))
    assert study.runs[0].recipe == recipes.load("camvid-study")


def test_the_commands_of_the_study_name_each_of_its_16_variants_once():
    page = (ROOT / "docs" / "reproduce.md").read_text(encoding="utf-8")
    asked = [words.split() for words in re.findall(r"^carnet-bench ablate (--.*) --threads 1$", page, re.M)]
    assert len(asked) == 5
    flags = {"--components": "components", "--modules": "modules", "--scloss": "scloss"}
    flags |= {"--lambda": "lambdas", "--scloss-form": "scloss_form"}
    trained = [
        variant
        for flag, *values in asked
        for variant in grid_of(axes_of(**{flags[flag]: values}), "mobile").subjects
    ]
    in_the_paper = [of("mobile") for of in (table5_variants, fig8_variants, fig9_variants, fig10_variants)]
    wanted = {variant.canonical() for one in in_the_paper for _, variant in one}
    assert len(trained) == len(set(trained)) == 16
    assert set(trained) == wanted | {Variant("mobile", scloss_form="bce")}


def test_the_commands_of_the_curves_train_the_very_runs_of_the_study():
    page = (ROOT / "docs" / "reproduce.md").read_text(encoding="utf-8")
    commands = re.findall(r"^carnet-bench train camvid-study (.*) --split none --threads 1$", page, re.M)
    study = experiment_of(axes_of(components=["bs", "crp"]), seeds=1)
    networks = {json.dumps(run.recipe.identity(), sort_keys=True) for run in study.runs}
    found = []
    for words in map(shlex.split, commands):
        settings = [word for word in words if "=" in word]
        weight = float(words[words.index("--lambda") + 1]) if "--lambda" in words else None
        one = recipes.load("camvid-study", recipes.parse_changes(settings, scloss_weight=weight))
        whole = {**one.identity(), "epochs": study.recipe.epochs}
        found.append((one.epochs, json.dumps(whole, sort_keys=True)))
    assert sorted(epochs for epochs, _ in found) == [12, 12, 24, 24, 48, 48]
    assert {network for _, network in found} == networks


def test_lambda_as_written_finds_nine_runs_done_whatever_threads_trained_them(grids, tmp_path, monkeypatch):
    monkeypatch.setenv("CARNET_DATA", str(tmp_path / "nowhere"))
    study = experiment_of(axes_of(lambdas=["0", "0.2", "0.4"]))
    for run in study.runs:
        identity = grids.identity_of(run, threads=torch.get_num_threads() + 1)
        grids.add_training(run, tmp_path, identity=identity)
        counts = np.array([[[90 - run.seed, 10 + run.seed], [0, 0]]] * 233, np.int32)
        arrays = Evaluation(Confusion(2), counts, (), 0.0).arrays()
        grids.add_accuracy(run, tmp_path, 0.5, identity=identity, arrays=arrays)
    progress = look(study, Ledger(Settings(tmp_path, device="auto"), study.scored))
    states = list(progress.states.values())
    assert [state.status for state in states] == ["done"] * 9
    assert f"--threads {torch.get_num_threads() + 1}" in str(states[0])
    assert progress.finished
    _, *others = outcomes(progress, tmp_path)
    assert len(others) == 2
    assert all(one.difference is not None and one.difference.sign == 0 for one in others)
    assert statuses(study, Settings(tmp_path, threads=torch.get_num_threads())) == ["to do"] * 9


def test_another_backbone_brings_its_own_weights_and_drops_the_options_of_the_first(grids):
    runs = grids.experiment("camvid-ablation", backbone=["mobile", "resnet50"]).runs
    assert [(run.recipe.model, run.recipe.weights, run.recipe.model_options) for run in runs] == [
        ("carnet-mobile", "mobilenet_v2_imagenet_timm", {"padding": "same"}),
        ("carnet-resnet50", "torchvision-resnet50", {}),
    ]
    with pytest.raises(UsageError, match="fits one encoder, the grid has mobile, resnet50"):
        require_one_backbone(runs, "encoder.safetensors")


@pytest.mark.parametrize(
    ("data", "split"), [("camvid", "test"), ("cityscapes", "val"), ("nyudv2", "val"), ("ade20k", "val")]
)
def test_scored_is_the_test_split_where_its_labels_are_public(data, split):
    assert scored_split(recipes.load(f"{data}-ablation")) == split


def test_weights_are_never_selected_on_the_images_that_are_scored(grids, tmp_path):
    path = tmp_path / "best.toml"
    text = (recipes.FOLDER / "cityscapes-ablation.toml").read_text().replace("validate_every = 0", "")
    for line in ('selection = "best"', "stop_after = 10"):
        path.write_text(f"{text}\n{line}\n")
        with pytest.raises(RefusedInput, match="selects weights on cityscapes val"):
            grids.experiment(path)


def test_a_recipe_of_other_data_or_of_no_carnet_is_refused(grids, tmp_path):
    with pytest.raises(UsageError, match="camvid-quick trains on camvid, not on scenes"):
        experiment_of(axes_of(lambdas=["0"]), name_or_path="camvid-quick", data="scenes")
    with pytest.raises(UsageError, match="no recipe 'camvid-full-ablation'; choose from ade20k-"):
        experiment_of(axes_of(lambdas=["0"]), data="camvid-full")
    path = tmp_path / "enet.toml"
    path.write_text(grids.TINY.replace("carnet-mobile", "enet"))
    with pytest.raises(UsageError, match=r"trains enet; .*: carnet-mobile, "):
        grids.experiment(path)


def test_a_run_is_done_by_its_records_alone_whatever_study_trained_it(grids, settings):
    table5 = grids.experiment("camvid-ablation", **COMPONENTS)
    for run in table5.runs:
        grids.add_training(run, settings.home)
        grids.add_accuracy(run, settings.home, 0.5)
    assert statuses(table5, settings) == ["done"] * 4
    # the full network is lambda 0.2 of Fig. 10; lambda 0 is another run
    assert statuses(grids.experiment("camvid-ablation", lambdas=["0", "0.2"]), settings) == ["to do", "done"]
    assert statuses(grids.experiment("camvid-ablation", 2, modules=["0", "4"]), settings) == [
        *("done", "done"),  # seed 0
        *("to do", "to do"),
    ]


def test_what_is_not_this_run_does_not_count(grids, settings):
    study = grids.experiment("camvid-ablation", lambdas=["0.2"])
    (run,) = study.runs
    grids.add_accuracy(run, settings.home, 0.5, split="val")
    grids.add_accuracy(run, settings.home, 0.5, identity={**grids.identity_of(run), "device": "cuda"})
    grids.add_training(run, settings.home, identity=grids.identity_of(run, threads=4))
    (state,) = look(study, Ledger(settings, "test")).states.values()
    assert str(state) == "to do (on record with --device cpu --threads 4)"


def test_a_stale_record_counts_as_none_and_says_so(grids, settings):
    study = grids.experiment("camvid-ablation", lambdas=["0.2"])
    old = grids.provenance_of(study.runs[0], source={"carnet": "0" * 64, "method": "0" * 64})
    grids.add_training(study.runs[0], settings.home, provenance=old)
    (state,) = look(study, Ledger(settings, "test")).states.values()
    assert str(state) == "to do (a record is stale: the code has changed)"


def test_a_run_that_diverged_is_not_tried_again_and_one_out_of_memory_is(grids, settings):
    study = grids.experiment("camvid-ablation", components=["bs", "car"])
    first, second = study.runs
    grids.add_training(first, settings.home, reasons=["diverged: loss is nan at step 7"])
    grids.add_training(second, settings.home, reasons=["oom: 9 GiB"])
    assert statuses(study, settings) == ["failed", "to do"]


def test_records_of_other_images_do_not_count_where_the_images_are_here(grids, tmp_path):
    study = grids.experiment(grids.tiny_recipe(tmp_path), components=["bs"])
    grids.add_accuracy(study.runs[0], tmp_path, 0.5)
    assert statuses(study, Settings(tmp_path, device="cpu", threads=1)) == ["to do"]


def test_a_step_on_record_here_is_the_cost_and_one_of_another_machine_is_not(grids, settings, monkeypatch):
    study = grids.experiment("camvid-ablation", 2, lambdas=["0.2", "0.4"])
    first = study.runs[0]
    grids.add_training(first, settings.home, step_s=2.0)
    grids.add_accuracy(first, settings.home, 0.5)
    ledger = Ledger(settings, "test")
    monkeypatch.setattr(ledger, "steps", lambda _: 732)
    estimates = Estimates(ledger)
    monkeypatch.setattr(estimates, "_images", lambda _, split: {"val": 101, "test": 233}[split])
    progress = look(study, ledger)
    left = [estimates.left_s(run, state) for run, state in progress.states.items()]
    # the weight of SCLoss changes no cost: 732 steps of 2 s, 0.1 s for each of 2 x 101 and 233 images
    assert left == [0.0, *[pytest.approx(732 * 2 + 0.1 * (2 * 101 + 233))] * 3]
    monkeypatch.setattr("bench.experiments.grid_cost.machine", lambda: {"cpu": "another"})
    assert Estimates(ledger).cost(first).step_s is None


def test_probes_of_scloss_count_as_steps(grids, settings, monkeypatch):
    ledger = Ledger(settings, "test")
    monkeypatch.setattr(ledger, "length", lambda recipe, split: {"train": 60, "val": 0, "test": 0}[split])
    estimates = Estimates(ledger)
    monkeypatch.setattr(estimates, "cost", lambda run: Cost(1.0, 0.0, "measured now"))
    (probed,) = grids.experiment("camvid-study", lambdas=["0.2"]).runs
    plain = replace(probed, recipe=replace(probed.recipe, probe_every=0))
    more_s = [estimates.left_s(run, ledger.state(run)) for run in (probed, plain)]
    # every second of 48 epochs: 24 probes of 2 batches, two forward and backward passes each
    assert more_s[0] - more_s[1] == 24 * 2 * 2


def test_a_sum_with_an_unknown_part_is_unknown():
    assert total_s([1.0, 2.0]) == 3.0
    assert total_s([1.0, None]) is None


def test_the_printed_differences_are_those_of_table_5():
    bs, car, _, full = (variant for _, variant in table5_variants("mobile"))
    assert str(printed_difference(bs, car)) == "3.9"
    assert str(printed_difference(bs, full)) == "9.1"
    assert printed_difference(bs, table5_variants("resnet50")[1][1]) is None


@pytest.mark.parametrize("text", ["{", "[]", "5", '"run"', "null", "{}", '{"recipe": 5}', "[" * 20_000])
def test_a_run_json_of_another_type_is_no_run_and_stops_no_grid(grids, tmp_path, text):
    damaged = tmp_path / "runs" / "tiny-0123456789ab" / "run.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text(text)
    study = grids.experiment(grids.tiny_recipe(tmp_path))
    ledger = Ledger(Settings(tmp_path, device="cpu", threads=1), study.scored)
    assert [ledger.state(run).status for run in study.runs] == ["to do", "to do"]
