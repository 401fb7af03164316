"""Printed times against the peaks of the cards that the paper names, worked by hand."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.errors import RefusedInput
from bench.paper import TABLES, load_table
from bench.paper import cells as cells_module
from bench.paper.cards import cards
from bench.report.origin import Origin
from bench.report.page import to_markdown
from bench.report.terminal import show_table
from bench.reproduce.table_result import Reproduction
from bench.reproduce.verdict.plausibility import Plausibility, Work, judge_times


def judged(table: str, row: str, work: Work) -> Plausibility:
    cells = [cell for cell in load_table(table) if cell.row == row and cell.column == "time"]
    (found,) = judge_times(TABLES[table], cells, {row: work})
    return found


def test_titan_x_is_two_cards_and_carnet_resnet152_fits_only_the_later_one() -> None:
    found = judged("table1", "carnet-resnet152", Work(141.617, 63.3))
    maxwell, pascal = found.shares
    # 3072 cores at 1.075 GHz are 3302.4 GMAC/s, so 42.88 ms; 34 are printed
    assert maxwell.bound_ms == pytest.approx(141.617 / 3.3024, rel=1e-6)
    assert maxwell.fraction == pytest.approx(1.2613, abs=1e-4)
    # 3584 at 1.531 GHz: 5487.1 GMAC/s, 25.81 ms
    assert pascal.fraction == pytest.approx(0.7591, abs=1e-4)
    assert [share.verdict for share in found.shares] == ["implausible", "plausible"]
    assert found.verdict == "plausible"
    assert {share.bound_by for share in found.shares} == {"operations"}


def test_where_hardly_anything_is_computed_the_bytes_bound() -> None:
    (share,) = judged("table2", "carnet-mobile", Work(0.001, 100.0)).shares
    # 1e8 weights and (3 + 40) x 468 x 625 numbers of 4 bytes at 484 GB/s
    expected_ms = 4 * (1e8 + 43 * 468 * 625) / 484e9 * 1000
    assert (share.bound_by, share.bound_ms) == ("bytes", pytest.approx(expected_ms))


def test_more_than_any_card_can_do_is_implausible_and_nothing_counted_says_nothing() -> None:
    assert judged("table2", "carnet-mobile", Work(1000.0)).verdict == "implausible"
    (cell,) = [c for c in load_table("table1") if (c.row, c.column) == ("enet", "time")]
    (found,) = judge_times(TABLES["table1"], [cell], {})
    assert (found.shares, found.gmacs, found.verdict) == ((), None, "not counted")


def test_every_card_that_a_table_names_is_known_with_a_source() -> None:
    for table in TABLES.values():
        found = cards(table.device)
        assert bool(found) == (table.device is not None)
        assert all(card.source.startswith("https://") for card in found)
    assert cards(None) == []


def test_a_card_with_a_wrong_number_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells_module, "cells_folder", lambda: tmp_path)
    with pytest.raises(RefusedInput, match="no such file"):
        cards("X")
    header = "paper_name,card,cores,boost_mhz,bandwidth_gb_per_s,source\n"
    for line, reason in (
        ("X,X,many,1,1,s", "line 2: invalid"),
        ("X,X,1,nan,1,s", "above 0"),
        ("X,X,1", "number of fields"),
        ("X,X,1,1,1,", "a card has"),
    ):
        (tmp_path / "cards.csv").write_text(f"{header}{line}\n")
        with pytest.raises(RefusedInput, match=reason):
            cards("X")


def test_the_page_names_the_cards_and_the_terminal_what_cannot_be(
    reproduced: dict[str, Reproduction],
) -> None:
    page = to_markdown(reproduced["table1"], Origin("commit c0ffee", "Some CPU"))
    assert (
        "| CARNet-ResNet152 | 34 | 141.6 | **42.9 ms, 126 %, implausible** | 25.8 ms, 76 % | plausible |"
        in page
    )
    assert "10.97 Tflop/s; 480 GB/s (https://" in page
    # CARNet-ResNet50, 101 and 152
    impossible = "impossible as counted: 3 of 15 on GeForce GTX TITAN X (Maxwell, 2015)"
    assert impossible in shown(reproduced["table1"])
    assert "impossible" not in shown(reproduced["table4"])
    assert "impossible" not in shown(replace(reproduced["table1"], ranks=None))


def shown(judged: Reproduction) -> str:
    stream = io.StringIO()
    show_table(judged, Console(width=200, file=stream))
    return stream.getvalue()
