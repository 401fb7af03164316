"""Scores of two protocols never share a cell of a table."""

from pathlib import Path
from typing import Any

import pytest
from made_records import make_record

from baselines.registry import METHODS
from bench.evaluate.protocol import Protocol
from bench.paper import TABLES, load_table
from bench.reproduce.record_cells import judge_miou
from bench.reproduce.record_choice import Records
from bench.results.provenance import current_sources
from bench.results.record import Record
from bench.results.store import add_record

TABLE = TABLES["table1"]
ROW = "carnet-mobile"
MIOU = next(cell for cell in load_table("table1") if cell.row == ROW and cell.column == "miou")
PLAIN = Protocol("cityscapes", "test").as_dict()
MSC = Protocol("cityscapes", "test", scales=(0.5, 1.0), flip=True, averaged="probabilities").as_dict()


def add(home: Path, protocol: dict[str, Any], seed: int, miou: float, minute: int) -> Record:
    identity = {
        "model": ROW,
        "num_classes": 19,
        "run": {"recipe": {"weights": "imagenet", "epochs": 300, "scloss_weight": 0.2, "seed": seed}},
        "weights_sha256": f"weights {seed}",
        "data": {"name": "cityscapes", "split": "test", "manifest_sha256": "m"},
        "protocol": protocol,
    }
    provenance = {
        "source": current_sources(METHODS[ROW]),
        "dirty": False,
        "started_utc": f"2026-01-01T00:{minute:02d}:00Z",
    }
    return add_record(make_record("accuracy", identity, {"miou": miou, "images": 1525}, provenance), home)[0]


@pytest.mark.parametrize(
    "other",
    [
        MSC,
        {**PLAIN, "version": 2},
        {**PLAIN, "padded_to": "8k+1"},
        Protocol(
            "cityscapes", "test", window=(512, 512), stride=(342, 342), averaged="probabilities"
        ).as_dict(),
        Protocol("cityscapes", "test", data_options={"crop_border": True}).as_dict(),
        {**PLAIN, "align_corners": True},
    ],
    ids=["msc", "version", "padding", "windows", "data", "align_corners"],
)
def test_seeds_under_two_protocols_are_not_averaged(tmp_path: Path, other: dict[str, Any]) -> None:
    for seed in range(3):
        add(tmp_path, PLAIN, seed, 0.60 + seed / 100, minute=seed)
        add(tmp_path, other, seed, 0.80 + seed / 100, minute=10 + seed)
    chosen = Records(tmp_path, METHODS).accuracy(ROW, TABLE).records
    assert [record.identity.run.recipe.seed for record in chosen] == [0, 1, 2]
    assert len({str(record.identity.protocol) for record in chosen}) == 1


def test_a_single_pass_is_shown_before_several_views_although_those_score_more_and_later(
    tmp_path: Path,
) -> None:
    plain = add(tmp_path, PLAIN, 0, 0.60, minute=0)
    add(tmp_path, MSC, 0, 0.80, minute=10)
    (chosen,) = Records(tmp_path, METHODS).accuracy(ROW, TABLE).records
    assert chosen == plain


def test_several_views_are_no_answer_to_a_print_of_one(tmp_path: Path) -> None:
    for seed in range(3):
        add(tmp_path, MSC, seed, 0.70, minute=seed)
    _, verdict, note, _ = judge_miou(MIOU, TABLE, Records(tmp_path, METHODS).accuracy(ROW, TABLE), tmp_path)
    assert verdict == "not distinguishable"
    assert note is not None
    assert note.endswith("several views here, one in the paper")
