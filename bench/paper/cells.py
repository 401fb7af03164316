"""The printed cells of the paper, read from ``results/paper/*.csv`` as they were printed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bench.errors import RefusedInput, unknown

UNITS = ("thop2019 G", "thop2019 M", "2xMAC G", "GiMAC", "MAC G", "M", "MiB", "ms", "fps", "%")
"""The units of the printed cells, as established by recomputing (never converted in silence)."""

COLUMN_TITLES = {
    "flops": "FLOPs",
    "params": "Params",
    "time": "Time",
    "fps": "FPS",
    "miou": "mIoU",
    "bs": "BS",
    "carmodule": "CARModule",
    "crp": "CRP",
    "others": "Others",
    "bs_params": "Params of BS",
    "carmodule_params": "Params of the CARModules",
    "crp_params": "Params of CRP",
    "others_params": "Params of Others",
    "decoder_params": "Params of the decoder",
    "carmodule_params_each": "Params of one",
    "carmodule_flops_each": "FLOPs of one",
}
"""What a column is called in a sentence."""

_HEADER = (
    "table", "row", "title", "column", "printed", "unit", "input_size", "classes", "marks", "std",
)  # fmt: skip
_PRINTED = r"[0-9]{1,12}(?:\.[0-9]{1,12})?"
_REINSTALL = "reinstall carnet-bench; its copy of the paper's numbers is missing"


@dataclass(frozen=True)
class Table:
    """One table of the paper.

    Attributes:
        name: ``table1`` to ``table5``, or ``text`` for the running text.
        caption: What the table shows, in our words.
        columns: Column names, in the order in which the paper prints them.
        dataset, split: On which the accuracies were measured; None where the table has none.
        device: On which the times were measured; None where the table has none.
        size_hw, num_classes: Height and width of the input and the classes of the CARNet rows, at which a
            method that is not in the table is added below. No size where only parameters and accuracies are
            printed.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    dataset: str | None = None
    split: str | None = None
    device: str | None = None
    size_hw: tuple[int, int] | None = None
    num_classes: int = 19


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "table1",
            "Cityscapes, test server",
            ("flops", "params", "time", "fps", "miou"),
            "cityscapes",
            "test",
            "NVIDIA TITAN X",
            (512, 1024),
        ),
        Table(
            "table2",
            "NYUDv2, test set",
            ("miou", "flops", "time"),
            "nyudv2",
            "test",
            "NVIDIA GTX 1080 Ti",
            (468, 625),
            40,
        ),
        Table("table3", "ADE20K, validation set", ("params", "miou"), "ade20k", "val", num_classes=150),
        Table(
            "table4",
            "FLOPs of CARNet's components",
            ("bs", "carmodule", "crp", "others"),
            size_hw=(512, 1024),
        ),
        Table("table5", "Ablation on NYUDv2, test set", ("miou",), "nyudv2", "test", num_classes=40),
        Table("text", "Costs and speeds printed in the running text", ()),
    )
}


@dataclass(frozen=True)
class Cell:
    """One printed number.

    Attributes:
        table, row, column: Where it stands; ``row`` is a registry name (``results/README.md`` lists the
            exceptions).
        title: The row's title as printed, without reference number and dagger.
        printed: The number with the digits that the paper prints; text, so that trailing zeros stay.
        unit: Unit of the printed number, as established by recomputing; one of `UNITS`.
        input_size: ``HEIGHTxWIDTH``; None where the paper names none.
        classes: Number of classes; None where it plays no part.
        marks: E.g. ``dagger``, ``msc``, ``text-only``; ``results/README.md`` defines each.
        std: The printed standard deviation, or None.
        where: The section of a number in the running text, else None.
    """

    table: str
    row: str
    title: str
    column: str
    printed: str
    unit: str
    input_size: str | None
    classes: int | None
    marks: tuple[str, ...] = ()
    std: str | None = None
    where: str | None = None

    @property
    def value(self) -> Decimal:
        """The printed number, exactly."""
        return Decimal(self.printed)

    @property
    def place(self) -> str:
        """Where it stands, in words: ``Table 1 ENet FPS``, ``Section IV.D CARNet-Mobile Params``."""
        at = f"Table {self.table.removeprefix('table')}"
        if self.where is not None:
            at = f"Section {self.where.partition(' on ')[0]}"
        return f"{at} {self.title} {COLUMN_TITLES.get(self.column, self.column)}"

    @property
    def size_hw(self) -> tuple[int, int] | None:
        """The input size as (height, width) in pixels, or None where the paper names none."""
        if self.input_size is None:
            return None
        height, width = self.input_size.split("x")
        return int(height), int(width)


@dataclass(frozen=True)
class Row:
    """One row of a table: every column is there, None where the paper prints ``-`` or nothing."""

    name: str
    title: str
    input_size: str | None
    marks: tuple[str, ...]
    cells: dict[str, Cell | None]


def cells_folder() -> Path:
    """Return the folder of the CSV files: the installed package's own, else the checkout's.

    Raises:
        RefusedInput: Neither is there.
    """
    packaged = Path(__file__).parent / "cells"
    checkout = Path(__file__).parents[2] / "results" / "paper"
    for folder in (packaged, checkout):
        if folder.is_dir():
            return folder
    raise RefusedInput(
        f"{packaged}: no such folder, nor {checkout}",
        then=_REINSTALL,
    )


def read_lines(name: str, header: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Return the lines of one CSV file of the paper, each with its place (file and number) for an error.

    Raises:
        RefusedInput: The file is missing or has other columns, or a line another number of fields; the
            message names file and line.
    """
    path = cells_folder() / name
    if not path.is_file():
        raise RefusedInput(f"{path}: no such file", then=_REINSTALL)
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if reader.fieldnames is None or list(reader.fieldnames) != list(header):
            raise RefusedInput(f"{path}: columns {reader.fieldnames}, expected {list(header)}")
        found = [(f"{path}, line {reader.line_num}", line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RefusedInput(f"{path}: cannot read ({error})", then=_REINSTALL) from error
    for place, line in found:
        if None in line or None in line.values():
            raise RefusedInput(f"{place}: the number of fields differs from the header's")
    return found


def load_table(name: str) -> list[Cell]:
    """Return the printed cells of one table, in the paper's order.

    Args:
        name: A key of `TABLES`.

    Raises:
        UsageError: No such table; the message lists them.
        RefusedInput: The file is missing, or a line of it is not a cell; the message names file and line.
    """
    if name not in TABLES:
        raise unknown("table", name, list(TABLES))
    header = [*_HEADER, "where"] if name == "text" else _HEADER
    return [_cell(line, TABLES[name], place) for place, line in read_lines(f"{name}.csv", header)]


def rows(name: str) -> list[Row]:
    """Return the rows of one table in the paper's order, each with every column of the table.

    A mark that all cells of a row carry (the dagger) is the row's own.

    Raises:
        UsageError, RefusedInput: As `load_table`.
    """
    by_row: dict[str, list[Cell]] = {}
    for cell in load_table(name):
        by_row.setdefault(cell.row, []).append(cell)
    result = []
    for row, cells in by_row.items():
        columns = {cell.column: cell for cell in cells}
        shared = tuple(mark for mark in cells[0].marks if all(mark in cell.marks for cell in cells))
        order = TABLES[name].columns or tuple(columns)
        result.append(
            Row(row, cells[0].title, cells[0].input_size, shared, {key: columns.get(key) for key in order})
        )
    return result


def _cell(line: dict[str, str], table: Table, place: str) -> Cell:
    if line["table"] != table.name:
        raise RefusedInput(f"{place}: table '{line['table']}', expected '{table.name}'")
    if table.columns and line["column"] not in table.columns:
        raise RefusedInput(f"{place}: column '{line['column']}', expected one of {', '.join(table.columns)}")
    if line["unit"] not in UNITS:
        raise RefusedInput(f"{place}: unit '{line['unit']}', expected one of {', '.join(UNITS)}")
    for key, form, expected in (
        ("printed", _PRINTED, "is not a number"),
        ("std", rf"(?:{_PRINTED})?", "is not a number"),
        ("input_size", "(?:[1-9][0-9]{0,4}x[1-9][0-9]{0,4})?", "is not HEIGHTxWIDTH"),
        ("classes", "(?:[1-9][0-9]{0,3})?", "is not a number of classes"),
    ):
        if re.fullmatch(form, line[key], re.ASCII) is None:
            raise RefusedInput(f"{place}: {key} '{line[key]}' {expected}")
    return Cell(
        table=line["table"],
        row=line["row"],
        title=line["title"],
        column=line["column"],
        printed=line["printed"],
        unit=line["unit"],
        input_size=line["input_size"] or None,
        classes=int(line["classes"]) if line["classes"] else None,
        marks=tuple(mark for mark in line["marks"].split(";") if mark),
        std=line["std"] or None,
        where=line.get("where") or None,
    )
