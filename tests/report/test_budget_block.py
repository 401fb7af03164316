"""The budget of the study on CamVid follows from six learning curves by the rule that was written before."""

from pathlib import Path

import pytest
from made_records import make_record

from bench.errors import NotMeasured
from bench.report.budget_block import budget_block, chosen_budget, doubt_of, recorded_scores
from bench.results.store import add_record
from bench.train import recipe as recipes

ROOT = Path(__file__).parents[2]
FULL = {12: 40.0, 24: 46.0, 48: 47.9}


@pytest.mark.parametrize(
    ("bs", "full", "chosen"),
    [
        # 12 to 24: BS +1.9, full +6.0; 24 to 48: +1.0 and +1.9
        ({12: 50.0, 24: 51.9, 48: 52.9}, FULL, (24, True)),
        # both rise by less than 2 at once
        ({12: 50.0, 24: 51.9, 48: 55.0}, {12: 40.0, 24: 41.9, 48: 46.0}, (12, True)),
        # 2.0 is not less than 2
        ({12: 50.0, 24: 51.0, 48: 53.0}, FULL, (48, False)),
        # a score that falls has not risen
        ({12: 50.0, 24: 52.5, 48: 49.0}, FULL, (24, True)),
    ],
)
def test_the_budget_is_the_fewest_epochs_whose_doubling_raises_neither_by_two_points(bs, full, chosen):
    assert chosen_budget({"BS": bs, "CARNet-Mobile": full}) == chosen


def test_only_networks_that_had_not_settled_at_the_most_epochs_are_doubted():
    settled = {12: 50.0, 24: 51.0, 48: 52.9}
    assert doubt_of({"BS": settled, "CARNet-Mobile": FULL}) is None
    doubt = doubt_of({"BS": settled, "CARNet-Mobile": {12: 40.0, 24: 50.0, 48: 59.9}})
    assert doubt is not None
    assert "From 24 to 48 epochs" in doubt
    assert "still rose: CARNet-Mobile's by 9.9 points. " in doubt


def test_a_missing_curve_is_named(tmp_path):
    with pytest.raises(NotMeasured, match="no curve of BS with 12 epochs of camvid-study"):
        budget_block(tmp_path)


def test_the_recipe_has_the_budget_that_the_curves_on_record_give():
    assert recipes.load("camvid-study").epochs == chosen_budget(recorded_scores(ROOT))[0]


def test_the_block_says_the_scores_the_rises_and_the_budget(tmp_path):
    bare = {"padding": "same", "modules": 0, "crp": False}
    for epochs, bs, full in ((12, 0.5, 0.4), (24, 0.519, 0.46), (48, 0.529, 0.479)):
        for options, weight, score in ((bare, 0.0, bs), ({"padding": "same"}, 0.2, full)):
            changes = {"name": "camvid-study", "epochs": epochs, "seed": 0}
            changes |= {"model_options": options, "scloss_weight": weight}
            entry = {"epoch": epochs, "step": 3, "loss": 1.5, "encoder_lr": 0.1, "val_miou": score}
            add_record(make_record("training", {"recipe": changes}, {"curve": [entry]}, {}), tmp_path)
    assert budget_block(tmp_path).splitlines() == [
        "| validation mIoU (%) | 12 epochs | 24 epochs | 48 epochs | 12 to 24 | 24 to 48 |",
        "| --- | --- | --- | --- | --- | --- |",
        "| BS | 50.0 | 51.9 | 52.9 | +1.9 | +1.0 |",
        "| CARNet-Mobile | 40.0 | 46.0 | 47.9 | +6.0 | +1.9 |",
        "",
        "By the rule the budget is 24 epochs.",
    ]
