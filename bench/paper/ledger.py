"""The claims ledger: every checkable sentence of the paper, read from ``results/paper/claims.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from bench.errors import RefusedInput
from bench.paper.cells import TABLES, Cell, cells_folder, load_table

NAME = "claims.toml"


class PaperClaim(BaseModel):
    """One sentence of the paper, or one relation that its tables imply.

    Attributes:
        id: Section and number, e.g. ``IV.B-07``.
        section: Section, table or figure of the paper.
        words: The few words that locate the sentence.
        says: The claim in our words.
        cells: Printed cells by the name that the expressions use, each ``TABLE/ROW/COLUMN``.
        printed: Expression on the paper's own numbers, see `bench.reproduce.verdict.consistency`; None where
            they cannot decide, and ``why`` says the reason.
        measured: Expression on the numbers measured here, see `bench.reproduce.measured_claims`; None where
            nothing is measured, and ``needs`` says what it would take.
        note: What the verdicts leave unsaid.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str
    section: str
    words: str
    says: str
    cells: dict[str, str] = {}
    printed: str | None = None
    why: str | None = None
    measured: str | None = None
    needs: str | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _reasons(self) -> Self:
        if (self.printed is None) == (self.why is None):
            raise ValueError("expected one of printed and why")
        if (self.measured is None) == (self.needs is None):
            raise ValueError("expected one of measured and needs")
        return self


class _Ledger(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    claim: list[PaperClaim]


def load_claims() -> list[PaperClaim]:
    """Return the claims in the paper's order.

    Raises:
        RefusedInput: The file is missing or no ledger, or two claims share an id; the message names the file
            and the claim.
    """
    path = cells_folder() / NAME
    try:
        claims = _Ledger.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).claim
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RefusedInput(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RefusedInput(f"{path}: {place}: {first['msg']}") from error
    ids = [claim.id for claim in claims]
    if twice := [one for one in ids if ids.count(one) > 1]:
        raise RefusedInput(f"{path}: two claims {twice[0]}")
    return claims


@cache
def _cells(table: str) -> tuple[Cell, ...]:
    return tuple(load_table(table))


def find_cells(place: str) -> list[Cell]:
    """Return the printed cells at ``TABLE/ROW/COLUMN``; the running text may print a number twice.

    Raises:
        RefusedInput: There is no such cell.
    """
    table, _, rest = place.partition("/")
    row, _, column = rest.partition("/")
    found = (
        [cell for cell in _cells(table) if (cell.row, cell.column) == (row, column)]
        if table in TABLES
        else []
    )
    if not found:
        raise RefusedInput(f"{NAME}: no printed cell {place}")
    return found
