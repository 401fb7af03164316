"""``reports/reproduced.md`` is written by hand: its numbers are those of the generated tables."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TITLES = {
    "bs-mobile": "BS",
    "bs-carmodule-mobile": "+CARModule",
    "bs-carmodule-scloss-mobile": "+SCLoss",
    "carnet-mobile": "+CRP",
}

RATIO = (
    r"printed ([.0-9]+)",
    r"measured ([.0-9]+) \(",
    r"interval ([.0-9]+ to [.0-9]+)",
    r"one run\): ([a-z ]+);",
)
"""Printed, measured, interval and verdict in a line of a table's page."""


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


def test_the_page_has_the_order_and_the_ratios_of_the_times() -> None:
    heading = "Times: what a CPU can say"
    page = (ROOT / "reports" / "reproduced.md").read_text(encoding="utf-8")
    section = " ".join(page.split(f"## {heading}\n")[1].split("\n## ")[0].split())
    for number in (1, 2):
        (line,) = lines_of_table(number, "Order of the times")
        tau, rows, p = re.findall(r"tau-b ([-+.0-9]+) over (\d+) rows \(p ([.0-9]+)", line)[0]
        assert re.search(rf"{re.escape(tau)} over the {rows} (rows )?of Table {number} \(p {p}\)", section)
    _, *ratios = rows_of_page(heading)
    printed = lines_of_table(2, "* Time of lwrf-")
    assert len(ratios) == len(printed) == 3
    for (name, *said), line in zip(ratios, printed, strict=True):
        assert f"/ carnet-{name.lower()}:" in line
        assert [re.findall(said_there, line)[0] for said_there in RATIO] == said


def lines_of_table(number: int, begin: str) -> list[str]:
    """Return the lines of a generated table's page that begin so."""
    page = (ROOT / "reports" / f"table{number}.md").read_text(encoding="utf-8")
    return [line for line in page.splitlines() if line.startswith(begin)]
