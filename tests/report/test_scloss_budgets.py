"""What SCLoss learns by budget: means over modules and seeds, and when its share of the gradient is small."""

from pathlib import Path

import pytest
from made_records import make_record

from bench.paper.studies import scloss_forms
from bench.report.scloss_budgets import SclossBudget, scloss_budgets
from bench.results.store import add_record

PRINTED, WITH_ABSENT = (label for label, _ in scloss_forms("mobile"))


def add_run(
    home: Path, epochs: int, seed: int, shares: list[float], *, options: object = None, form: str = "paper"
) -> None:
    """Add a run of two modules, probed every second epoch; absent classes get 0.5 and at least 0.7."""
    changes = {"name": "camvid-study", "epochs": epochs, "seed": seed, "scloss_weight": 0.2}
    curve = [
        {
            "epoch": 2 * number,
            "step": number,
            "loss": 1.5,
            "encoder_lr": 0.1,
            "scloss": {
                "semantic_loss": [1.0, 1.0],
                "present": [0.8, 0.9],
                "absent": [0.5, 0.7 + seed / 10],
                "pixel_gradient_norm": 1.0,
                "scloss_gradient_norm": 1.0,
                "scloss_share": share,
                "clip_factor": 1.0,
            },
        }
        for number, share in enumerate(shares, start=1)
    ]
    changes["model_options"] = {"padding": "same"} if options is None else options
    changes["scloss_form"] = form
    add_record(make_record("training", {"recipe": changes}, {"curve": curve}, {}), home)


def test_a_budget_has_the_means_of_its_last_probes(tmp_path: Path) -> None:
    add_run(tmp_path, 48, 0, [0.6, 0.2])
    add_run(tmp_path, 48, 1, [0.6, 0.4])
    add_run(tmp_path, 12, 0, [0.6])
    short, long = scloss_budgets(tmp_path)
    assert (short.epochs, short.seeds, short.absent) == (12, 1, pytest.approx(0.6))
    # absent: 0.5, 0.7, 0.5, 0.8
    assert long == SclossBudget(
        PRINTED, 48, 2, pytest.approx(0.85), pytest.approx(0.625), pytest.approx(0.3), settled=None
    )


def test_each_form_has_budgets_of_its_own_the_printed_one_first(tmp_path: Path) -> None:
    add_run(tmp_path, 12, 0, [0.6], form="bce")
    add_run(tmp_path, 48, 0, [0.1])
    add_run(tmp_path, 12, 0, [0.5])
    found = [(one.form, one.epochs, one.share) for one in scloss_budgets(tmp_path)]
    assert found == [(PRINTED, 12, 0.5), (PRINTED, 48, 0.1), (WITH_ABSENT, 12, 0.6)]


@pytest.mark.parametrize(
    ("shares", "settled"),
    [
        ([0.5, 0.04, 0.02], 4),
        ([0.5, 0.04, 0.06, 0.03], 8),  # it rose once more
        ([0.5, 0.04, 0.05], None),  # 5 % is not below
        ([-0.1, 0.01], 2),  # against the pixels' gradient is no share of it
    ],
)
def test_settled_is_the_epoch_from_which_the_share_stays_below_a_twentieth(
    shares: list[float], settled: int | None, tmp_path: Path
) -> None:
    add_run(tmp_path, 48, 0, shares)
    assert [one.settled for one in scloss_budgets(tmp_path)] == [settled]


def test_other_networks_and_runs_without_probes_are_left_out(tmp_path: Path) -> None:
    add_run(tmp_path, 48, 0, [])
    add_run(tmp_path, 48, 1, [0.5], options={"padding": "same", "crp": False})
    assert scloss_budgets(tmp_path) == []
