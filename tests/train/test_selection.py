"""Which weights are kept, and when a run that no longer gains ends."""

import math

import pytest
import torch

from bench.errors import NotMeasured
from bench.results.value_types import Kept
from bench.train import run as runs
from bench.train.state import best_entry, has_stopped_gaining
from bench.train.weight_file import load_weights


def curve_of(*scores):
    return [{"epoch": epoch, "val_miou": score} for epoch, score in enumerate(scores, start=1)]


def test_the_best_is_the_first_of_equals_and_epochs_without_validation_do_not_count():
    assert best_entry(curve_of(None, 0.2, None, 0.5, 0.5, 0.4))["epoch"] == 4
    assert best_entry(curve_of(None, None)) is None


@pytest.mark.parametrize(
    ("scores", "stop_after", "stopped"),
    [
        ((0.1, 0.2, 0.3), 1, False),
        ((0.3, 0.2), 1, True),
        ((0.3, 0.2), 2, False),
        ((0.3, 0.2, 0.3), 2, True),  # as good is no gain
        ((0.3, None, 0.2, None), 2, False),  # validations count, not epochs
        ((0.3, 0.2, 0.2, 0.4), 2, False),
        ((0.3, 0.2, 0.2, 0.2), 0, False),
        ((), 1, False),
    ],
)
def test_a_run_stops_after_so_many_validations_without_a_new_best(scores, stop_after, stopped):
    assert has_stopped_gaining(curve_of(*scores), stop_after) is stopped


def scored(*scores):
    """A validation that gives these scores in turn, and keeps the weights that it was shown."""
    remaining, seen = list(scores), []

    def validate(network):
        seen.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return remaining.pop(0)

    return validate, seen


def test_the_best_weights_are_those_of_the_best_validation(small_trainer, tmp_path):
    for selection, kept in (("best", 1), ("last", 2)):
        validate, seen = scored(0.1, 0.5, 0.4)
        trainer = small_trainer(tmp_path / selection, selection=selection)
        trainer.train(validate)
        final = trainer.final_network().state_dict()
        assert all(torch.equal(final[name], seen[kept][name]) for name in final)


def test_a_run_ends_early_and_a_resumed_one_stays_ended(small_trainer, tmp_path):
    validate, seen = scored(0.5, 0.4, 0.3, 0.2)
    trainer = small_trainer(tmp_path, epochs=9, stop_after=2)
    assert [entry["val_miou"] for entry in trainer.train(validate).curve] == [0.5, 0.4, 0.3]
    again = small_trainer(tmp_path, epochs=9, stop_after=2)
    assert again.resume() == 9
    again.train(validate)
    assert len(seen) == 3


@pytest.mark.parametrize("scores", [(math.nan, 0.6), (0.6, math.nan), (math.inf,)])
@pytest.mark.parametrize("selection", ["last", "best"])
def test_a_score_that_is_no_number_is_an_error_and_never_a_best(small_trainer, tmp_path, scores, selection):
    validate, _ = scored(*scores)
    trainer = small_trainer(tmp_path, selection=selection)
    with pytest.raises(
        NotMeasured, match=rf"epoch {len(scores) if scores[0] == 0.6 else 1}: .* is (nan|inf)"
    ):
        trainer.train(validate)
    assert all(math.isfinite(entry["val_miou"]) for entry in trainer.state.curve)


def test_the_record_says_which_rule_kept_which_epoch(tiny_recipe, settings_in, tmp_path, monkeypatch):
    import dataclasses

    validate, seen = scored(0.5, 0.4, 0.3)
    monkeypatch.setattr(runs, "validation_on", lambda *_: validate)
    recipe = dataclasses.replace(tiny_recipe, epochs=5, batch=6, selection="best", stop_after=2)
    run = runs.train(recipe, settings_in(tmp_path))
    values = run.record.values
    assert values.selection == Kept(rule="best", epoch=1, val_miou=0.5)
    assert values.stopped_early is True
    assert values.epochs == 3
    assert run.identity["recipe"]["selection"] == "best"
    saved = load_weights(run.folder / "final.safetensors")
    assert all(torch.equal(saved[name], seen[0][name]) for name in saved)
