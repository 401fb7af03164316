import itertools
from pathlib import Path
from typing import Any

import pytest
from made_records import make_record

from baselines.registry import METHODS
from bench.data import camvid
from bench.paper import TABLES, Cell, load_table
from bench.reproduce.record_cells import judge_miou
from bench.reproduce.record_choice import Choice, Records
from bench.results.provenance import current_sources
from bench.results.record import Record
from bench.results.store import add_record, read_records

ROOT = Path(__file__).parents[2]
TABLE = TABLES["table1"]
ROW = "carnet-mobile"
(MIOU,) = [cell for cell in load_table("table1") if (cell.row, cell.column) == (ROW, "miou")]


@pytest.fixture(scope="module")
def source() -> dict[str, str | None]:
    return current_sources(METHODS[ROW])


@pytest.fixture
def add(tmp_path: Path, source: dict[str, str | None]) -> Any:
    """Write an accuracy record; each a minute later than the one before."""
    minutes = itertools.count()

    def add(
        miou: float = 0.5,
        data: str = "camvid",
        split: str = "test",
        *,
        recipe: dict[str, Any] | None = None,
        provenance: dict[str, Any] | None = None,
        row: str = ROW,
        **flags: Any,
    ) -> Record:
        scloss = {"scloss_weight": 0.2, "scloss_form": "paper"}
        full = {"weights": "imagenet", "epochs": 36, "seed": 0, **scloss, **(recipe or {})}
        seed = full["seed"]
        identity = {
            "model": row,
            "num_classes": 11,
            "run": {"recipe": full, "initial_weights_sha256": f"initial {seed}"},
            "weights_sha256": f"weights {seed} {full}",
            "data": {"name": data, "split": split, "manifest_sha256": "m"},
            "protocol": {"scales": [1.0]},
        }
        made = {
            "source": source,
            "dirty": False,
            "started_utc": f"2026-01-01T00:{next(minutes):02d}:00Z",
            **(provenance or {}),
        }
        record = make_record("accuracy", identity, {"miou": miou, "images": 233}, made, **flags)
        return add_record(record, tmp_path)[0]

    return add


def choose(home: Path, **options: Any) -> Choice:
    return Records(home, METHODS, **options).accuracy(ROW, TABLE)


def judge(home: Path, cell: Cell = MIOU) -> tuple[float | None, str, str | None, str | None]:
    return judge_miou(cell, TABLE, choose(home), home)


def test_accuracy_on_other_data_stands_beside_the_print_in_percent_and_names_the_data(
    tmp_path: Path, add: Any
) -> None:
    record = add(0.5712, notes=["encoder weights: dequantised int8"])
    measured, verdict, note, record_id = judge(tmp_path)
    assert measured == pytest.approx(57.12)
    assert verdict == "other data"
    assert note == (
        "camvid test, 233 images, 11 classes, 1 seed, 36 epochs; encoder weights: dequantised int8; "
        f"{camvid.caveat('m')}; the paper: cityscapes test"
    )
    assert record_id == record.id


def test_drawn_images_are_called_synthetic(tmp_path: Path, add: Any) -> None:
    add(data="scenes", notes=["synthetic data"])
    _, verdict, note, _ = judge(tmp_path)
    assert verdict == "other data"
    assert note is not None
    assert "scenes test, 233 synthetic images" in note


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"smoke": True}, "smoke run"),
        ({"reasons": ["diverged"]}, "not valid: diverged"),
        ({"provenance": {"dirty": True}}, "dirty tree"),
        (
            {"provenance": {"source": {"carnet": "another", "method": "another"}}},
            "stale: changed since carnet, method",
        ),
    ],
)
def test_a_record_that_may_not_be_tabulated_is_not_and_the_note_says_why(
    tmp_path: Path, add: Any, flags: dict[str, Any], reason: str
) -> None:
    add(**flags)
    measured, verdict, note, record_id = judge(tmp_path)
    assert (measured, verdict, record_id) == (None, "not measured", None)
    assert note == f"no accuracy record that may be tabulated: {reason}"


def test_a_smoke_record_does_not_hide_a_good_one(tmp_path: Path, add: Any) -> None:
    good = add(0.5)
    add(0.9, data="cityscapes", smoke=True)
    assert [record.id for record in choose(tmp_path).records] == [good.id]


@pytest.mark.parametrize(
    ("far", "near"),
    [
        ({"data": "camvid"}, {"data": "cityscapes", "split": "val"}),
        ({"data": "cityscapes", "split": "val"}, {"data": "cityscapes", "split": "test"}),
        ({"data": "scenes"}, {"data": "camvid"}),
        ({"recipe": {"weights": "none", "epochs": 90}}, {"recipe": {"epochs": 10}}),
        ({"recipe": {"scloss_weight": 0.0, "epochs": 90}}, {"recipe": {"epochs": 10}}),
        ({"recipe": {"scloss_form": "bce", "epochs": 90}}, {"recipe": {"epochs": 10}}),
        ({"recipe": {"epochs": 10}}, {"recipe": {"epochs": 36}}),
    ],
)
@pytest.mark.parametrize("near_is_written_first", [True, False])
def test_the_run_nearest_to_the_papers_protocol_is_shown_even_if_it_scores_less(
    tmp_path: Path, add: Any, far: dict[str, Any], near: dict[str, Any], near_is_written_first: bool
) -> None:
    if near_is_written_first:
        wanted = add(0.4, **near)
        add(0.8, **far)
    else:
        add(0.8, **far)
        wanted = add(0.4, **near)
    assert [record.id for record in choose(tmp_path).records] == [wanted.id]


def test_three_seeds_come_before_more_epochs_and_the_note_names_the_other_run(
    tmp_path: Path, add: Any
) -> None:
    add(0.54, recipe={"epochs": 32})
    three = [add(0.38, recipe={"epochs": 12, "seed": seed}) for seed in range(3)]
    add(0.33, data="scenes")
    assert choose(tmp_path).records == tuple(three)
    note = judge(tmp_path)[2]
    assert note is not None
    assert "also on record: 54.00 (1 seed, 32 epochs);" in note


def test_another_form_of_scloss_is_not_the_papers_and_the_note_names_it(tmp_path: Path, add: Any) -> None:
    paper = [add(0.54, recipe={"seed": seed}) for seed in range(3)]
    for seed in range(3):
        add(0.48, recipe={"scloss_form": "bce", "seed": seed})
    assert choose(tmp_path).records == tuple(paper)
    note = judge(tmp_path)[2]
    assert note is not None
    assert "also on record: 48.00 (3 seeds, 36 epochs, SCLoss with a term for absent classes);" in note


def test_the_caveat_on_camvid_names_the_recoding_of_the_published_records_only() -> None:
    published = next(iter(read_records(ROOT, "accuracy"))).identity.data.manifest_sha256
    assert "JPEG" in camvid.caveat(published)
    assert "JPEG" not in camvid.caveat(camvid.MANIFESTS["test"])


def test_what_this_command_has_measured_comes_first(tmp_path: Path, add: Any) -> None:
    add(data="camvid")
    new = add(data="scenes", recipe={"epochs": 1})
    assert [record.id for record in choose(tmp_path, prefer=[new.id]).records] == [new.id]


@pytest.mark.parametrize("options", [{"modules": 2}, {"crp": False}, {"scloss": 0}, {"variant": "resnet50"}])
def test_a_degraded_version_is_not_the_method(tmp_path: Path, add: Any, options: dict[str, Any]) -> None:
    add(recipe={"model_options": options})
    assert choose(tmp_path) == Choice()


def test_an_option_that_the_paper_leaves_open_is_still_the_method(tmp_path: Path, add: Any) -> None:
    add(recipe={"model_options": {"padding": "same", "modules": 4}})
    assert len(choose(tmp_path).records) == 1


def test_validation_images_are_another_split_than_the_test_server(tmp_path: Path, add: Any) -> None:
    add(data="cityscapes", split="val")
    assert judge(tmp_path)[1] == "other split"


def test_three_seeds_on_the_papers_own_data_get_a_verdict_of_their_mean(tmp_path: Path, add: Any) -> None:
    # mean 70.7, half width 4.303 * 0.5 / sqrt(3) = 1.24: the interval holds the printed 70.7
    first = [
        add(miou, data="cityscapes", recipe={"seed": seed}) for seed, miou in enumerate((0.702, 0.707, 0.712))
    ]
    measured, verdict, note, record_id = judge(tmp_path)
    assert measured == pytest.approx(70.7)
    assert verdict == "reproduced"
    assert note is not None
    assert note.startswith("cityscapes test, ")
    assert "95 % interval 69.46 to 71.94 over seeds only" in note
    assert record_id == first[0].id


def test_repetitions_of_one_seed_are_one_seed(tmp_path: Path, add: Any) -> None:
    takes = [add(0.70, data="cityscapes") for _ in range(3)]
    assert len({record.id for record in takes}) == 3
    assert judge(tmp_path)[1] == "not distinguishable"


def test_one_scale_is_not_judged_against_a_multi_scale_print(tmp_path: Path, add: Any) -> None:
    for seed in range(3):
        add(0.70 + seed / 100, data="cityscapes", recipe={"seed": seed})
    multi_scale = next(c for c in load_table("table1") if "msc" in c.marks)
    _, verdict, note, _ = judge(tmp_path, multi_scale)
    assert verdict == "not distinguishable"
    assert note is not None
    assert "one scale here" in note


def test_each_data_set_has_its_point_in_the_plot(tmp_path: Path, add: Any) -> None:
    add(0.6, data="camvid")
    add(0.4, data="scenes")
    add(0.9, data="camvid", recipe={"weights": "none"})
    by_split = Records(tmp_path, METHODS).accuracy_by_split(ROW, TABLE)
    assert {name: records[0].values.miou for name, records in by_split.items()} == {
        "camvid test": 0.6,
        "scenes test": 0.4,
    }


def test_points_of_one_comparison_stand_together_in_the_plot(tmp_path: Path, add: Any) -> None:
    add(0.7, data="camvid", recipe={"epochs": 500, "name": "camvid-long"})
    add(0.6, data="camvid", recipe={"epochs": 12, "name": "camvid-compare"})
    shown = Records(tmp_path, METHODS).accuracy_by_split(ROW, TABLE)["camvid test"]
    assert shown[0].values.miou == 0.7
    enet = {"source": current_sources(METHODS["enet"])}
    add(0.5, data="camvid", recipe={"epochs": 12, "name": "camvid-compare"}, row="enet", provenance=enet)
    shown = Records(tmp_path, METHODS).accuracy_by_split(ROW, TABLE)["camvid test"]
    assert shown[0].values.miou == 0.6
    assert Records(tmp_path, METHODS).accuracy_by_split("enet", TABLE)["camvid test"][0].values.miou == 0.5
    assert Records(tmp_path, METHODS).accuracy(ROW, TABLE).records[0].values.miou == 0.7
