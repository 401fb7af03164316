import dataclasses

import pytest

from bench.cli.parsing import parse_duration
from bench.errors import Interrupted, NotMeasured, RefusedInput, UsageError
from bench.experiments import train_budget as budget
from bench.experiments.train_budget import Shares, StepCost, run_within_budget
from bench.train import recipe as recipes
from bench.train.settings import Settings


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A quick recipe of 2 steps an epoch on 4 + 4 drawn images (synthetic), each step said to cost 1 s."""
    table = {
        "name": "scenes-quick",
        "model": "carnet-mobile",
        "data": "scenes",
        "data_options": {"count": 4, "size_hw": [64, 64]},
        "crop": [64, 64],
        "batch": 2,
        "epochs": 99,
        "encoder_lr": 0.01,
        "decoder_lr": 0.01,
        "clip_norm": 5.0,
        "smoke": True,
    }
    monkeypatch.setattr(recipes, "load", lambda _name: recipes.from_table(table, "scenes-quick"))
    monkeypatch.setattr(budget, "measure_step", lambda *_: StepCost(step_s=100.0, image_s=1.0))
    return Settings(tmp_path, device="cpu", threads=1)


def test_the_epochs_that_fit_are_trained_and_scored(tiny):
    # 0.9 x 600 s, less 4 test and 4 x 4 validation images of 1 s, over 2 steps of 100 s: 2 epochs
    said = []
    record = run_within_budget("scenes", 600.0, ALL, tiny, log=said.append)
    assert record.identity.run.recipe.epochs == 2
    assert record.values.images == 4
    assert said == ["scenes-quick: 100.00 s per step, 2 epochs fit the budget"]
    assert not list((tiny.home / "runs").glob("plan-*"))


def test_a_budget_too_small_for_one_epoch_measures_nothing_and_says_what_is_needed(tiny):
    with pytest.raises(NotMeasured, match="one epoch of scenes-quick needs 200 s here") as refused:
        run_within_budget("scenes", 60.0, ALL, tiny)
    assert refused.value.exit_code == 4
    assert refused.value.then == "give --budget 5m"  # 1.1 x (200 + 20) / 0.9 = 269 s, and the probe


def test_the_advised_budget_as_typed_is_enough(tiny):
    shares = Shares(table_s=20.0, timed=0.2)
    with pytest.raises(NotMeasured) as refused:
        run_within_budget("scenes", 240.0, shares, tiny)
    # 269 s are four fifths of what the table leaves: 336 + 20 s, in whole minutes
    assert refused.value.then == "give --budget 6m"
    budget_s = parse_duration(refused.value.then.split()[-1])
    record = run_within_budget("scenes", budget_s, shares, tiny)
    assert record.identity.run.recipe.epochs == 1


@pytest.mark.parametrize("trained_s", [1.0, 30.0, 100.0, 500.0, 3000.0, 3300.0, 20000.0])
@pytest.mark.parametrize("shares", [Shares(0.0, 0.0), Shares(20.0, 0.2), Shares(60.0, 0.2)])
def test_a_budget_as_advised_leaves_for_training_what_it_was_advised_for(shares, trained_s):
    assert shares.trained_s(parse_duration(shares.advice(trained_s))) >= trained_s


def test_the_shares_add_up_to_the_budget():
    shares = Shares(table_s=20.0, timed=0.2)
    assert (shares.reserved_s(600.0), shares.timed_s(600.0), shares.trained_s(600.0)) == (20.0, 116.0, 464.0)
    # of a small budget the table gets a fifth
    assert (shares.reserved_s(50.0), shares.timed_s(50.0), shares.trained_s(50.0)) == (10.0, 8.0, 32.0)


def test_an_interrupted_command_resumes_its_own_plan_although_steps_now_take_longer(tiny, monkeypatch):
    import os
    import signal

    def stop(kind, done, _total, _loss):
        if (kind, done) == ("train", 1):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        run_within_budget("scenes", 600.0, ALL, tiny, stop)
    monkeypatch.setattr(budget, "measure_step", lambda *_: StepCost(step_s=250.0, image_s=1.0))
    record = run_within_budget("scenes", 600.0, ALL, tiny)
    assert record.identity.run.recipe.epochs == 2
    assert len(list((tiny.home / "runs").iterdir())) == 1


def test_a_finished_command_keeps_its_choice_although_steps_now_take_less(tiny, monkeypatch):
    first = run_within_budget("scenes", 600.0, ALL, tiny)
    monkeypatch.setattr(budget, "measure_step", lambda *_: StepCost(step_s=10.0, image_s=1.0))
    steps = []

    def watch(kind, done, *_):
        if kind == "train":
            steps.append(done)

    assert run_within_budget("scenes", 600.0, ALL, tiny, watch).id == first.id
    assert steps == []
    assert len(list((tiny.home / "runs").iterdir())) == 1


@pytest.mark.slow
def test_another_budget_or_another_number_of_threads_chooses_anew(tiny, monkeypatch):
    run_within_budget("scenes", 600.0, ALL, tiny)
    # 0.9 x 600 s, less 20 images of 1 s, over 2 steps of 250 s: 1 epoch
    monkeypatch.setattr(budget, "measure_step", lambda *_: StepCost(step_s=250.0, image_s=1.0))
    other = dataclasses.replace(tiny, threads=2)
    assert run_within_budget("scenes", 600.0, ALL, other).identity.run.recipe.epochs == 1
    assert run_within_budget("scenes", 601.0, ALL, tiny).identity.run.recipe.epochs == 1
    assert run_within_budget("scenes", 600.0, ALL, tiny).identity.run.recipe.epochs == 2


def test_a_data_set_without_a_quick_recipe_is_refused_with_those_that_have_one(tmp_path):
    with pytest.raises(UsageError, match=r"'kitti'.* camvid, scenes"):
        run_within_budget("kitti", 600.0, ALL, Settings(tmp_path))


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"epochs": 1e999}', '{"epochs": "2"}', '{"epochs": 0}', "[" * 9999]
)
def test_a_damaged_plan_is_refused_by_name(tiny, text):
    plan = tiny.home / "runs" / "plan-scenes-quick-600s.json"
    plan.parent.mkdir(parents=True)
    plan.write_text(text)
    with pytest.raises(RefusedInput, match=r"plan-scenes-quick-600s\.json: not a plan"):
        run_within_budget("scenes", 600.0, ALL, tiny)


def test_a_step_and_an_image_are_really_measured(tiny):
    from bench.data.catalogue import open_data
    from bench.train.run import prepare

    monkey = recipes.load("scenes-quick")
    cost = _real_measure(prepare(monkey, tiny), open_data("scenes", "test", count=4, size_hw=(64, 64)))
    assert cost.step_s > 0
    assert cost.image_s > 0


ALL = Shares(0.0, 0.0)
_real_measure = budget.measure_step
