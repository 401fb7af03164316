"""The networks of a study under every budget on record: means, seeds, and the lead of the last network."""

from collections.abc import Callable
from pathlib import Path

from baselines.registry import METHODS
from bench.paper.studies import table5_variants
from bench.report.budget_rows import budgets
from bench.reproduce.study_records import AblationRecords
from bench.results.record import AccuracyRecord, Record

NETWORKS = [variant for _, variant in table5_variants("mobile")]
BS, CAR, _, FULL = NETWORKS
Add = Callable[..., Record]


def test_each_budget_is_a_row_from_the_fewest_epochs_to_the_most(tmp_path: Path, add: Add) -> None:
    short, long = {"name": "short", "epochs": 12}, {"name": "long", "epochs": 48}
    add(FULL, 0, 44, recipe=long)
    for seed, miou in enumerate((30, 32)):
        shown = add(BS, seed, miou, recipe=short)
    add(CAR, 0, 31, recipe=short)
    add(FULL, 0, 29, recipe=short)
    add(BS, 0, 40, recipe=long)
    assert isinstance(shown, AccuracyRecord)
    found = budgets(AblationRecords(tmp_path, METHODS), NETWORKS, shown)
    assert [(one.recipe, one.epochs, one.crop) for one in found] == [
        ("short", 12, (180, 240)),
        ("long", 48, (180, 240)),
    ]
    # (30 + 32) / 2 = 31, and 29 - 31 = -2
    assert found[0].cells == ["31.0 (2)", "31.0 (1)", "-", "29.0 (1)", "-2.0"]
    assert found[1].cells == ["40.0 (1)", "-", "-", "44.0 (1)", "+4.0"]
    assert [one.seeds for one in found] == [1, 1]


def test_scores_on_other_images_do_not_stand_beside_them(tmp_path: Path, add: Add) -> None:
    shown = add(BS, 0, 30)
    add(BS, 1, 30, split="val")
    add(BS, 2, 30, data="nyudv2")
    assert isinstance(shown, AccuracyRecord)
    (one,) = budgets(AblationRecords(tmp_path, METHODS), NETWORKS, shown)
    assert one.cells == ["30.0 (1)", "-", "-", "-", "-"]
