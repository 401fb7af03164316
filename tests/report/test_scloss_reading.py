"""What ``reproduced.md`` says on SCLoss: what it learns, its gain by budget, and its forms side by side."""

from dataclasses import replace
from typing import Any

import pytest

from bench.evaluate.differences import SEEDS_AND_IMAGES, Difference
from bench.report.budget_rows import Budget
from bench.report.scloss_budgets import SclossBudget
from bench.report.scloss_forms import ScoredForm
from bench.report.scloss_reading import scloss_reading

SHORT = SclossBudget(
    "Eq. 5 as printed", epochs=12, seeds=1, present=0.77, absent=0.45, share=0.53, settled=None
)
LONG = SclossBudget("Eq. 5 as printed", epochs=48, seeds=2, present=1.0, absent=0.93, share=0.01, settled=20)

OTHER = SclossBudget(
    "with a term for absent classes", epochs=48, seeds=2, present=0.87, absent=0.2, share=0.77, settled=None
)


def make_change(mean: float, low: float, high: float) -> Difference:
    return Difference(mean, low, high, 0.95, (2, 2), 233, 29, paired=True, covers=SEEDS_AND_IMAGES)


FORMS = [
    ScoredForm("Eq. 5 as printed", (54.0, 55.0)),
    ScoredForm("without SCLoss", (56.0, 55.5), make_change(0.0125, 0.001, 0.024)),
    ScoredForm("with a term for absent classes", ()),
]


def make_budget(epochs: int, car: dict[int, float], scloss: dict[int, float]) -> Budget:
    return Budget("camvid-study", epochs, (180, 240), "imagenet", ({0: 50.0}, car, scloss, {0: 54.0}))


def test_everything_is_present_is_said_only_where_absent_classes_get_more_than_nine_tenths() -> None:
    said = "\n".join(scloss_reading([SHORT, LONG], [], FORMS))
    assert "After 48 epochs the modules call every class present: those in the crop with 1.00, the" in said
    assert "others with 0.93." in said
    assert "call every class present" not in "\n".join(scloss_reading([SHORT], [], FORMS))


def test_the_share_of_a_step_is_compared_where_only_the_longer_budget_got_rid_of_it() -> None:
    said = "\n".join(scloss_reading([SHORT, LONG], [], FORMS))
    assert "with 12 epochs still 0.53 at the end, with 48 epochs less than 0.05 from epoch 20 on" in said
    assert "takes a good part" not in "\n".join(scloss_reading([SHORT], [], FORMS))
    assert "takes a good part" not in "\n".join(scloss_reading([LONG], [], FORMS))


def test_the_other_form_is_read_apart_from_the_printed_one() -> None:
    said = scloss_reading([SHORT, LONG, OTHER], [], FORMS)
    assert said[:2] == scloss_reading([SHORT, LONG], [], FORMS)[:2]
    assert said[2] == (
        "With a term for absent classes, after 48 epochs, the modules tell the classes in the crop (0.87) "
        "from the others (0.20), and SCLoss still takes 0.77 of the gradient's length."
    )


def test_without_probes_of_the_printed_form_nothing_is_said_of_it() -> None:
    assert "Eq. 5 does" not in "\n".join(scloss_reading([replace(OTHER, absent=0.99)], [], FORMS))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"absent": 0.6}, "the modules do not tell the classes in the crop (0.87) from the others (0.60)"),
        (
            {"settled": 30, "share": 0.01},
            "SCLoss takes less than 0.05 of the gradient's length from epoch 30 on",
        ),
    ],
)
def test_the_other_form_is_said_to_fail_where_it_fails(changes: dict[str, Any], wanted: str) -> None:
    assert wanted in scloss_reading([LONG, replace(OTHER, **changes)], [], FORMS)[1]


def test_the_gain_is_that_over_carmodule_with_the_fewer_seeds_of_the_two() -> None:
    networks = [
        make_budget(12, {0: 44.0, 1: 46.0, 2: 45.0}, {0: 40.0, 1: 41.0}),
        make_budget(32, {0: 50.0}, {}),
        make_budget(48, {0: 54.0}, {0: 54.5}),
    ]
    said = "\n".join(scloss_reading([LONG], networks, FORMS))
    # 40.5 less 45.0; 54.5 less 54.0; no run with SCLoss after 32 epochs
    assert "networks: -4.5 points with 12 epochs (2 seeds), +0.5 points with 48 epochs (1 seed)." in said
    assert "gain" not in "\n".join(scloss_reading([LONG], networks[1:2], FORMS))


def test_the_forms_stand_side_by_side_and_one_without_a_run_is_named() -> None:
    *_, last = scloss_reading([LONG], [], FORMS)
    assert last.endswith(
        "Eq. 5 as printed 54.5 %, 2 seeds; without SCLoss 55.8 %, 2 seeds (+1.25, +0.10 to +2.40); "
        "with a term for absent classes not run."
    )


def test_a_form_whose_interval_holds_0_is_called_not_distinguishable() -> None:
    *_, last = scloss_reading(
        [LONG], [], [FORMS[0], ScoredForm("other", (54.4,), make_change(0.001, -0.01, 0.012))]
    )
    assert last.endswith("other 54.4 %, 1 seed (+0.10, -1.00 to +1.20, not distinguishable).")
