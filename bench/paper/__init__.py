"""The paper as data: its printed cells, each with table, row, column, unit and marks."""

from bench.paper.cells import TABLES, Cell, Row, Table, load_table, rows

__all__ = ["TABLES", "Cell", "Row", "Table", "load_table", "rows"]
