"""A planted loss in copies of the real records is found; the noise of one seed is not called a regression."""

import shutil
import statistics
from pathlib import Path

import pytest

from bench.gate.accuracy import (
    PRIOR_SEED_STD,
    compare_scores,
    known_from_file,
    known_from_tree,
    scores,
    seed_noise,
    summaries,
)

QUICK = "1b6f81812e864d8eebb590021141a48b296e1355a89784d44ceb72b653d8b088"
"""CARNet-Mobile on CamVid, test, 233 images, mIoU 0.5411."""


@pytest.fixture
def original(records_copy: Path):
    """The record of CARNet-Mobile on CamVid, alone in a home."""
    for one in scores(records_copy):
        if one.record.id != QUICK:
            (records_copy / "results/records/accuracy" / f"{one.record.id}.json").unlink()
    (one,) = scores(records_copy)
    return one


def with_those_of(before: Path, home: Path) -> Path:
    """Add the records that were there before, as no tree removes one."""
    for path in before.rglob("results/records/accuracy/*"):
        target = home / path.relative_to(before)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return home


def judged(original, home: Path, max_loss: float = 0.01):
    with_those_of(original.home, home)
    return compare_scores(known_from_tree(original.home), scores(home), max_loss)


def test_the_same_records_are_equal(original) -> None:
    (one,) = judged(original, original.home)
    assert (one.verdict, one.note) == ("equal", "mIoU 54.11 %, the same matrices")


def test_two_points_lost_by_the_same_weights_are_found(original, tmp_path: Path, plant) -> None:
    plant(tmp_path, original.home, original.record, 0.02)
    (one,) = judged(original, tmp_path)
    assert one.verdict == "regression"
    assert one.values["loss"] == pytest.approx(0.02, abs=1e-4)
    assert 0.01 < one.values["low"] < 0.02 < one.values["high"] < 0.03


def test_two_points_lost_are_found_when_the_records_were_changed_under_the_file(
    original, tmp_path: Path, plant
) -> None:
    kept = summaries([original])
    plant(original.home, original.home, original.record, 0.02)
    (one,) = compare_scores(known_from_file(kept, original.home), scores(original.home), 0.01)
    assert one.verdict == "regression"
    assert "baseline's matrices" in one.note


def test_a_loss_below_the_stated_one_passes(original, tmp_path: Path, plant) -> None:
    plant(tmp_path, original.home, original.record, 0.002)
    (one,) = judged(original, tmp_path)
    assert one.verdict == "passed"


def test_a_larger_loss_may_be_stated(original, tmp_path: Path, plant) -> None:
    plant(tmp_path, original.home, original.record, 0.02)
    (one,) = judged(original, tmp_path, max_loss=0.05)
    assert one.verdict == "passed"


def test_a_gain_passes(original, tmp_path: Path, plant) -> None:
    plant(tmp_path, original.home, original.record, -0.01)
    (one,) = judged(original, tmp_path)
    assert one.verdict == "passed"
    assert one.values["loss"] < 0


@pytest.mark.parametrize("loss", [0.01, 0.02, 0.03])
def test_the_noise_of_one_seed_is_no_regression(original, tmp_path: Path, plant, loss: float) -> None:
    plant(tmp_path, original.home, original.record, loss, weights="a")
    (one,) = judged(original, tmp_path)
    assert one.verdict == "not distinguishable"
    assert "std between seeds 1.5 points, assumed" in one.note


def test_ten_points_lost_are_more_than_the_noise_of_one_seed(original, tmp_path: Path, plant) -> None:
    plant(tmp_path, original.home, original.record, 0.10, weights="a")
    (one,) = judged(original, tmp_path)
    assert one.verdict == "regression"


def test_three_seeds_that_all_lose_are_found_where_one_is_not(original, tmp_path: Path, plant) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for seed, gain, loss in ((0, 0.0, 0.03), (1, 0.004, 0.031), (2, -0.004, 0.029)):
        plant(before, original.home, original.record, -gain, weights="abc"[seed], seed=seed)
        plant(after, original.home, original.record, loss - gain, weights="def"[seed], seed=seed)
    (one,) = compare_scores(known_from_tree(before), scores(with_those_of(before, after)), 0.01)
    assert one.verdict == "regression"
    assert "seeds 0, 1, 2" in one.name


def test_three_seeds_that_lose_on_the_average_only_are_no_regression(original, tmp_path: Path, plant) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for seed, loss in ((0, 0.05), (1, -0.01), (2, 0.02)):
        plant(before, original.home, original.record, 0.0, weights="abc"[seed], seed=seed)
        plant(after, original.home, original.record, loss, weights="def"[seed], seed=seed)
    (one,) = compare_scores(known_from_tree(before), scores(with_those_of(before, after)), 0.01)
    assert one.verdict == "not distinguishable"


def test_the_latest_record_of_a_run_counts(original, tmp_path: Path, plant) -> None:
    plant(tmp_path, original.home, original.record, 0.10, weights="a", started="2027-01-01T00:00:00Z")
    plant(tmp_path, original.home, original.record, 0.0, weights="b", started="2027-01-02T00:00:00Z")
    (one,) = judged(original, tmp_path)
    assert not one.is_regression


def test_another_run_is_added_and_one_that_is_gone_is_removed(original, tmp_path: Path, plant) -> None:
    plant(tmp_path, original.home, original.record, 0.0, weights="a", seed=7)
    compared = compare_scores(known_from_tree(original.home), scores(tmp_path), 0.01)
    found = {one.verdict: one.name for one in compared}
    assert found == {
        "removed": "camvid-quick, carnet-mobile, seed 0, camvid test",
        "added": "camvid-quick, carnet-mobile, seed 7, camvid test",
    }


def test_a_worse_record_that_is_new_counts_though_its_clock_is_older(original, tmp_path: Path, plant) -> None:
    shutil.copytree(original.home, tmp_path, dirs_exist_ok=True)
    before = known_from_tree(original.home)
    plant(tmp_path, original.home, original.record, 0.10, weights="a", started="2001-01-01T00:00:00Z")
    (one,) = compare_scores(before, scores(tmp_path), 0.01)
    assert one.verdict == "regression"
    (one,) = compare_scores(known_from_file(summaries([original]), original.home), scores(tmp_path), 0.01)
    assert one.verdict == "regression"


def test_a_run_whose_only_record_vanished_is_a_regression(original, tmp_path: Path) -> None:
    (one,) = compare_scores(known_from_tree(original.home), scores(tmp_path), 0.01)
    assert (one.verdict, one.is_regression) == ("removed", True)


def test_a_record_that_vanished_is_a_regression_though_another_of_its_run_is_better(
    original, tmp_path: Path, plant
) -> None:
    before = with_those_of(original.home, tmp_path / "before")
    better = plant(before, original.home, original.record, -0.01, weights="a")
    now = with_those_of(before, tmp_path / "now")
    (now / "results" / "records" / "accuracy" / f"{original.record.id}.json").unlink()
    found = {one.verdict: one.note for one in compare_scores(known_from_tree(before), scores(now), 0.01)}
    assert set(found) == {"removed", "equal"}
    assert original.record.id[:12] in found["removed"]
    assert better.id != original.record.id


def test_the_noise_between_seeds_comes_from_the_records_once_there_are_enough(
    original, tmp_path: Path, plant
) -> None:
    assert seed_noise([original]) == (PRIOR_SEED_STD, "assumed: too few seeds on record")
    losses = (0.0, 0.01, 0.02, 0.03, 0.04)
    for seed, loss in enumerate(losses):
        plant(tmp_path, original.home, original.record, loss, weights="abcde"[seed], seed=seed)
    std, source = seed_noise(scores(tmp_path))
    assert std == pytest.approx(statistics.stdev(losses), abs=1e-4)
    assert source == "of 1 runs on record"
