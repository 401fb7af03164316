"""The paper as data: its printed cells, each with table, row, column, unit and marks."""

from bench.paper.cells import TABLES, Cell, Row, Table, load_table, rows
from bench.paper.notes import notes_of

__all__ = ["TABLES", "Cell", "Row", "Table", "load_table", "notes_of", "rows"]
