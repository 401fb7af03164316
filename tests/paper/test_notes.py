from pathlib import Path

import pytest

from bench.errors import RefusedInput
from bench.paper import cells, notes_of

HEADER = "table,row,column,note\n"


def test_a_note_belongs_to_one_cell_of_one_table() -> None:
    assert notes_of("table1")["frrn-b", "flops"].startswith("tried: 155 of the 496 GMAC")
    assert ("frrn-b", "flops") not in notes_of("table2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("table,row,note\n", "columns"),
        (f"{HEADER}table9,enet,flops,x\n", "line 2: table 'table9', expected one of table1"),
        (f"{HEADER}table1,enet,flops,\n", "line 2: a note has table, row, column and text"),
        (f"{HEADER}table1,enet,flops,x,y\n", "line 2: the number of fields"),
        (
            f"{HEADER}table1,enet,flops,x\ntable1,enet,flops,y\n",
            "line 3: a second note on enet flops of table1",
        ),
    ],
)
def test_a_line_that_is_no_note_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    (tmp_path / "notes.csv").write_text(content)
    monkeypatch.setattr(cells, "cells_folder", lambda: tmp_path)
    with pytest.raises(RefusedInput, match=message):
        notes_of("table1")


def test_missing_notes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "cells_folder", lambda: tmp_path)
    with pytest.raises(RefusedInput, match=r"notes\.csv: no such file"):
        notes_of("table1")
