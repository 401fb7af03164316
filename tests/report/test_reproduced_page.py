"""``reports/reproduced.md`` is written by hand: its numbers are those of the generated tables."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from bench.paper import load_table
from bench.reproduce.verdict.order import Ranks, judge_ranks
from bench.results.record import SpeedRecord
from bench.results.store import read_records

ROOT = Path(__file__).parents[2]
TITLES = {
    "bs-mobile": "BS",
    "bs-carmodule-mobile": "+CARModule",
    "bs-carmodule-scloss-mobile": "+SCLoss",
    "carnet-mobile": "+CRP",
}

RATIO = (
    r"printed ([.0-9]+)",
    r"measured ([.0-9]+) on",
    r"interval ([.0-9]+ to [.0-9]+)",
    r"one run\): ([a-z ]+);",
)
"""Printed, measured, interval and verdict in a line of a table's page."""
TIMES = "Times: their order and their ratios"


def table(name: str) -> list[dict[str, str]]:
    with (ROOT / "results" / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def rows_of_page(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, its head first."""
    page = (ROOT / "reports" / "reproduced.md").read_text(encoding="utf-8")
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows if not set(row[1]) <= {"-"}]


@pytest.mark.parametrize("number", range(1, 6))
def test_the_page_counts_the_verdicts_of_each_table(number: int) -> None:
    head, *rows = rows_of_page("Printed cells, by verdict")
    (row,) = [row for row in rows if row[0].startswith(f"[Table {number}]")]
    cells = [cell for cell in table(f"table{number}") if cell["printed"] and cell["column"] != "improvement"]
    counted = Counter(cell["verdict"] for cell in cells)
    assert int(row[1]) == len(cells)
    said = {verdict: int(count) for verdict, count in zip(head[2:], row[2:], strict=True) if count}
    assert said == dict(counted)


def test_the_page_has_the_numbers_of_the_study() -> None:
    _, *rows = rows_of_page("Table 5, MobileNet half, on CamVid")
    said = {row[0]: row[1:] for row in rows}
    cells = {(cell["row"], cell["column"]): cell for cell in table("table5")}
    assert set(said) == set(TITLES.values())
    for name, title in TITLES.items():
        score = cells[name, "miou"]
        std = f" ± {float(score['measured_std']):.2f}" if score["measured_std"] else ""
        expected = [
            score["seeds"],
            f"{float(score['measured']):.2f}{std}",
            f"{float(score['low']):.2f} to {float(score['high']):.2f}",
        ]
        gain = cells.get((name, "improvement"))
        if gain is None:
            expected += ["", "", "", ""]
        else:
            expected += [
                f"{float(gain['measured']):+.2f}",
                f"{float(gain['low']):+.2f} to {float(gain['high']):+.2f}",
                gain["printed"].removeprefix("'"),
                gain["verdict"],
            ]
        assert said[title] == expected


@pytest.mark.parametrize(
    ("machine", "table", "device", "engine"),
    [
        ("Xeon", 1, "cpu", "eager"),
        ("Xeon", 2, "cpu", "eager"),
        ("H200", 1, "cuda", "eager"),
        ("H200", 2, "cuda", "cudagraphs"),
    ],
)
def test_the_page_has_the_order_of_the_times(machine: str, table: int, device: str, engine: str) -> None:
    page = (ROOT / "reports" / "reproduced.md").read_text(encoding="utf-8")
    section = " ".join(page.split(f"## {TIMES}\n")[1].split("\n## ")[0].split())
    said = section.split(f"On the {machine}: ")[1].partition(". ")[0]
    ranks = ranks_of(f"table{table}", device, engine)
    order = rf"{ranks.tau_b:+.3f} over the {len(ranks.rows)} (rows )?of Table {table} \(p {ranks.p:.2g}\)"
    assert re.search(order.replace("+", "[+]"), said)


def ranks_of(name: str, device: str, engine: str) -> Ranks:
    """Return the order of a table's valid times of one kind, the latest of each row."""
    cells = {cell.row: cell for cell in load_table(name) if cell.column == "time"}
    wanted = {"device": device, "engine": engine, "precision": "32-true", "batch": 1}
    latest: dict[str, tuple[float, SpeedRecord]] = {}
    for record in sorted(read_records(ROOT, "speed"), key=lambda one: str(one.provenance.started_utc)):
        found = record.identity
        cell = cells.get(found.model)
        if cell is None or cell.size_hw is None or not record.valid or found.measured:
            continue
        kind = {**wanted, "size": cell.size_hw, "num_classes": cell.classes, "deploy": False}
        if all(getattr(found, key) == value for key, value in kind.items()):
            latest[cell.row] = (record.values.median_ms, record)
    return judge_ranks({row: float(cell.value) for row, cell in cells.items()}, latest)


def test_the_page_has_the_ratios_of_the_times() -> None:
    _, *ratios = rows_of_page(TIMES)
    on_xeon = [line for line in lines_of_table("table2", "* Time of lwrf-") if "Xeon" in line]
    on_h200 = lines_of_table("table2-cudagraphs", "* Time of lwrf-")
    assert len(ratios) == len(on_xeon) == len(on_h200) == 3
    for (name, printed, *said), cpu, gpu in zip(ratios, on_xeon, on_h200, strict=True):
        found = []
        for line in (cpu, gpu):
            assert f"/ carnet-{name.lower()}:" in line
            said_there, *measured = [re.findall(part, line)[0] for part in RATIO]
            assert said_there == printed
            found += measured
        assert found == said


def lines_of_table(name: str, begin: str) -> list[str]:
    """Return the lines of a generated table's page that begin so."""
    page = (ROOT / "reports" / f"{name}.md").read_text(encoding="utf-8")
    return [line for line in page.splitlines() if line.startswith(begin)]
