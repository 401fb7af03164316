from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.data import camvid
from bench.errors import UsageError
from bench.paper.studies import STUDIES, fig8_variants, fig10_variants, table5_variants
from bench.paper.variant import Variant
from bench.reproduce.study import reproduce_study
from bench.reproduce.study_result import JudgedStudy, Panel

Add = Callable[..., Any]

BS, CAR, SCLOSS, CRP = (variant for _, variant in table5_variants("mobile"))


def mobile(home: Path) -> Panel:
    return reproduce_study("table5", home).panels[1]


def add_seeds(add: Add, variant: Variant, mious: tuple[float, ...], **how: Any) -> None:
    for seed, miou in enumerate(mious):
        add(variant, seed, miou, **how)


def test_without_records_all_is_not_measured(tmp_path: Path) -> None:
    study = reproduce_study("table5", tmp_path)
    assert study.summary == {"not measured": 8}
    assert [panel.statement.verdict for panel in study.panels] == ["not measured"] * 2
    assert study.panels[0].about == "not measured here; the paper: nyudv2 test"
    assert study.panels[0].levels[0].note == "no accuracy record"


def test_the_printed_improvements_are_the_differences_of_the_rows(tmp_path: Path) -> None:
    panels = reproduce_study("table5", tmp_path).panels
    # Table 5 prints them
    assert [gain.printed for gain in panels[0].gains] == ["+5.1", "+1.9", "+1.1"]
    assert [gain.printed for gain in panels[1].gains] == ["+3.9", "+2.4", "+2.8"]


def test_an_improvement_is_judged_by_its_pairs_of_seeds(tmp_path: Path, add: Add) -> None:
    add_seeds(add, BS, (20.0, 25.0, 30.0))
    add_seeds(add, CAR, (24.0, 30.0, 36.0))
    # seed by seed 4, 5, 6: mean 5, s = 1; no noise of images, as both are wrong alike in each: t_2 / sqrt(3)
    gain = mobile(tmp_path).gains[0]
    assert gain.difference is not None
    assert gain.difference.paired
    assert 100 * gain.difference.mean == pytest.approx(5.0)
    assert 100 * gain.difference.low == pytest.approx(5.0 - 4.302653 / 3**0.5)
    assert gain.verdict == "reproduced"
    assert gain.note == "measured on camvid test, the paper on nyudv2 test"


def test_a_score_on_other_data_stands_beside_the_print(tmp_path: Path, add: Add) -> None:
    add_seeds(add, BS, (20.0, 25.0, 30.0))
    level = mobile(tmp_path).levels[0]
    assert level.verdict == "other data"
    assert level.note == f"camvid test; the paper: nyudv2 test; {camvid.caveat('m')}"
    assert level.interval is not None
    assert (100 * level.interval.mean, 100 * (level.interval.std or 0)) == (
        pytest.approx(25.0),
        pytest.approx(5.0),
    )
    assert level.by_seed == pytest.approx((0.2, 0.25, 0.3))


@pytest.mark.parametrize(
    ("mious", "verdict"),
    [
        ((30.0, 31.0, 32.0), "reproduced"),  # 31 +- 2.5 and more for the images contains 30.7
        ((40.0, 40.1, 40.2), "contradicted"),
        ((30.7, 30.7), "not distinguishable"),  # two seeds
    ],
)
def test_a_score_on_the_papers_data_is_judged_by_its_interval(
    tmp_path: Path, add: Add, mious: tuple[float, ...], verdict: str
) -> None:
    add_seeds(add, BS, mious, data="nyudv2")
    assert mobile(tmp_path).levels[0].verdict == verdict


def test_a_statement_holds_when_every_gain_does(tmp_path: Path, add: Add) -> None:
    for place, variant in enumerate((BS, CAR, SCLOSS, CRP)):
        add_seeds(add, variant, tuple(20.0 + 2 * place + seed for seed in range(3)), data="nyudv2")
    statement = mobile(tmp_path).statement
    assert (statement.verdict, statement.note) == ("reproduced", None)


def test_one_gain_the_other_way_contradicts_it_and_is_named(tmp_path: Path, add: Add) -> None:
    for variant, miou in ((BS, 20.0), (CAR, 25.0), (SCLOSS, 23.0), (CRP, 26.0)):
        add_seeds(add, variant, (miou, miou + 1, miou + 2))
    statement = mobile(tmp_path).statement
    assert statement.verdict == "contradicted"
    assert statement.note == "contradicted: SCLoss; measured on camvid test, the paper on nyudv2 test"


def test_a_grid_with_gaps_says_what_is_missing(tmp_path: Path, add: Add) -> None:
    add_seeds(add, BS, (20.0, 21.0, 22.0))
    add_seeds(add, CAR, (25.0, 26.0))
    panel = mobile(tmp_path)
    assert [level.seeds for level in panel.levels] == [(0, 1, 2), (0, 1), (), ()]
    assert panel.levels[2].note == "no accuracy record under this recipe"
    first, second, _ = panel.gains
    assert first.verdict == "not distinguishable"
    assert first.note is not None
    assert "2 seeds, at least 3 needed; without seed 2, which only one side has" in first.note
    assert (second.verdict, second.note) == ("not measured", "BS+CARModule+SCLoss not measured")
    assert panel.statement.verdict == "not measured"


def test_sides_without_a_common_seed_are_compared_unpaired(tmp_path: Path, add: Add) -> None:
    add_seeds(add, BS, (20.0, 21.0, 22.0))
    for seed, miou in ((7, 40.0), (8, 41.0), (9, 42.0)):
        add(CAR, seed, miou)
    gain = mobile(tmp_path).gains[0]
    assert gain.difference is not None
    assert not gain.difference.paired
    assert gain.verdict == "reproduced"


def test_one_seed_is_shown_and_decides_nothing(tmp_path: Path, add: Add) -> None:
    add(BS, 0, 20.0)
    add(CAR, 0, 40.0)
    panel = mobile(tmp_path)
    assert panel.gains[0].verdict == "not distinguishable"
    assert "one seed: its interval covers other images, not other seeds" in (panel.levels[0].note or "")


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": {"epochs": 24}},
        {"recipe": {"model_options": {"padding": "torch"}}},
        {"data": "scenes"},
        {"split": "val"},
    ],
)
def test_budgets_options_data_and_splits_are_never_mixed(tmp_path: Path, add: Add, other: Any) -> None:
    add_seeds(add, BS, (20.0, 21.0, 22.0))
    add_seeds(add, CAR, (25.0, 26.0), **other)
    panel = mobile(tmp_path)
    assert [len(level.seeds) for level in panel.levels] == [3, 0, 0, 0]


def test_recipes_that_differ_in_name_only_belong_together(tmp_path: Path, add: Add) -> None:
    add_seeds(add, BS, (20.0, 21.0, 22.0))
    add_seeds(add, CAR, (25.0, 26.0, 27.0), recipe={"name": "another"})
    assert mobile(tmp_path).gains[0].verdict == "reproduced"


def test_the_papers_data_come_before_more_seeds(tmp_path: Path, add: Add) -> None:
    add_seeds(add, BS, (20.0, 21.0, 22.0))
    add(BS, 0, 30.0, data="nyudv2")
    assert mobile(tmp_path).about.startswith(
        "measured on nyudv2 test, 20 images, 2 classes, 12 epochs, crops"
    )


def test_a_better_score_is_no_reason_to_choose_it(tmp_path: Path, add: Add) -> None:
    add_seeds(add, BS, (20.0, 21.0, 22.0))
    add_seeds(add, BS, (40.0, 41.0), recipe={"epochs": 99})
    assert "12 epochs" in mobile(tmp_path).about


def test_seeds_beyond_those_a_verdict_takes_come_after_more_epochs(tmp_path: Path, add: Add) -> None:
    add_seeds(add, BS, (20.0, 21.0, 22.0, 23.0))
    add_seeds(add, BS, (20.0, 21.0, 22.0), recipe={"epochs": 48})
    assert "48 epochs" in mobile(tmp_path).about


def test_a_second_take_of_a_run_is_no_other_seed(tmp_path: Path, add: Add) -> None:
    first = add(BS, 0, 20.0)
    add(BS, 0, 20.0)
    level = mobile(tmp_path).levels[0]
    assert level.records == (first.id,)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"smoke": True}, "smoke run"),
        ({"reasons": ["diverged"]}, "not valid: diverged"),
        ({"provenance": {"dirty": True}}, "dirty tree"),
        (
            {"provenance": {"source": {"carnet": "old", "method": "old"}}},
            "stale: changed since carnet, method",
        ),
        ({"with_arrays": False}, "no confusion matrices of its images"),
    ],
)
def test_what_may_not_be_tabulated_is_left_out_with_its_reason(
    tmp_path: Path, add: Add, how: dict[str, Any], reason: str
) -> None:
    add(BS, 0, 20.0, **how)
    level = mobile(tmp_path).levels[0]
    assert level.verdict == "not measured"
    assert level.note == f"no accuracy record that may be tabulated: {reason}"


def figure(name: str, home: Path) -> Panel:
    (panel,) = reproduce_study(name, home).panels
    return panel


def add_fig8(add: Add, mious: tuple[float | None, ...], backbone: str = "resnet50") -> None:
    for (_, variant), miou in zip(fig8_variants(backbone), mious, strict=True):
        if miou is not None:
            add_seeds(add, variant, (miou - 0.2, miou, miou + 0.3), data="nyudv2")


@pytest.mark.parametrize(
    ("mious", "verdict", "note"),
    [
        ((20.0, 25.0, 30.0, 35.0, 40.0), "reproduced", None),
        ((20.0, 25.0, 30.0, 42.0, 40.0), "contradicted", "contradicted: against N = 3"),
        ((20.0, 25.0, 30.0, 40.0, 40.0), "not distinguishable", "not distinguishable: against N = 3"),
        ((None, 25.0, 30.0, 35.0, 40.0), "not measured", "not measured: against N = 0"),
        ((None, None, None, 42.0, 40.0), "contradicted", "contradicted: against N = 3"),
    ],
)
def test_best_means_better_than_every_other(
    tmp_path: Path, add: Add, mious: tuple[float | None, ...], verdict: str, note: str | None
) -> None:
    add_fig8(add, mious)
    statement = figure("fig8", tmp_path).statement
    assert statement.verdict == verdict
    assert (statement.note is None) == (note is None)
    assert (note or "") in (statement.note or "")


def test_a_figure_has_no_cells_and_its_summary_is_of_statements(tmp_path: Path, add: Add) -> None:
    add_fig8(add, (20.0, 25.0, 30.0, 35.0, 40.0))
    document = reproduce_study("fig8", tmp_path).as_json()
    assert document["cells"] == []
    assert document["summary"] == {"reproduced": 1}
    assert [level["label"] for level in document["levels"]] == [f"N = {count}" for count in range(5)]
    assert {one["label"] for one in document["differences"]} == {"N = 4"}


def test_another_backbone_than_the_papers_is_taken_when_it_alone_has_runs_and_named(
    tmp_path: Path, add: Add
) -> None:
    add_fig8(add, (20.0, 25.0, 30.0, 35.0, 40.0), "mobile")
    panel = figure("fig8", tmp_path)
    assert panel.title == "MobileNet-based model"
    assert panel.statement.note == "with another backbone, the paper: ResNet50-based model"
    add(fig8_variants("resnet50")[0][1], 0, 30.0)
    assert figure("fig8", tmp_path).title == "ResNet50-based model"


def test_no_scloss_and_lambda_zero_are_the_same_runs(tmp_path: Path, add: Add) -> None:
    full = dict(fig10_variants("mobile"))["lambda = 0.2"]
    add(replace(full, scloss=0), 0, 30.0)
    add(full, 0, 31.0)
    levels = {level.label: level.seeds for level in figure("fig10", tmp_path).levels}
    assert levels == {
        "lambda = 0": (0,),
        "lambda = 0.2": (0,),
        **dict.fromkeys(("lambda = 0.4", "lambda = 0.6", "lambda = 0.8", "lambda = 1"), ()),
    }


@pytest.mark.parametrize("name", STUDIES)
def test_every_cell_of_the_json_is_as_the_interface_says(tmp_path: Path, add: Add, name: str) -> None:
    record = add(CRP, 0, 31.0)
    document = reproduce_study(name, tmp_path).as_json()
    assert document["table"] == name
    assert len(document["cells"]) == (8 if name == "table5" else 0)
    for cell in document["cells"]:
        assert set(cell) == {"row", "column", "printed", "measured", "unit", "verdict", "note", "record"}
    if name == "table5":
        last = document["cells"][-1]
        assert (last["row"], last["column"], last["printed"]) == ("carnet-mobile", "miou", "39.8")
        assert (last["measured"], last["unit"], last["record"]) == (pytest.approx(31.0), "%", record.id)


def test_an_unknown_study_is_a_usage_error_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no study 'fig9b'; choose from table5, fig8, fig9, fig10"):
        reproduce_study("fig9b", tmp_path)


def test_a_study_of_nothing_is_a_study(tmp_path: Path) -> None:
    assert all(isinstance(reproduce_study(name, tmp_path), JudgedStudy) for name in STUDIES)
