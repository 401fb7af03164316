"""``reports/reproduced.md``: what could and could not be reproduced, filled from tables and records."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench.errors import NotMeasured
from bench.files import write_atomic
from bench.report import markdown
from bench.reproduce.study import reproduce_study
from bench.reproduce.study_result import JudgedStudy
from bench.reproduce.table import REPRODUCIBLE, reproduce
from bench.reproduce.table_result import Reproduction, Result
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.order import Ranks
from bench.results.store import read_records

NAME = "reproduced.md"
_GRAPHS = "cudagraphs"
_LONGER = "camvid-quick"


def write_reproduced(home: Path) -> Path:
    """Write the page; parameters and errors as `reproduced_page`."""
    path = home / "reports" / NAME
    write_atomic(path, reproduced_page(home))
    return path


def reproduced_page(home: Path) -> str:
    """Return the page; its times are of the machines whose times the tables in ``results/tables`` show.

    Parameters
    ----------
    home
        Folder of ``results/``.

    Raises
    ------
    NotMeasured
        A table is missing that the page needs; the message names it.
    RefusedInput
        A damaged record.
    """
    tables = {name: _judged(name, home) for name in REPRODUCIBLE}
    graphs = _judged("table2", home, _GRAPHS)
    study = reproduce_study("table5", home)
    pages = Environment(
        loader=PackageLoader("bench.report", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return pages.get_template("reproduced.md.j2").render(
        verdicts=_verdicts(tables, study),
        **_costs(tables),
        **_times(tables, graphs),
        **_ablation(study, home),
    )


def _judged(name: str, home: Path, form: str = "") -> Reproduction:
    path = home / "results" / "tables" / f"{'-'.join([name, *form.split()])}.csv"
    if not path.exists():
        raise NotMeasured(f"{path}: missing", then=f"carnet-bench reproduce {name} writes it")
    with path.open(encoding="utf-8", newline="") as stream:
        shown = {line["record"] for line in csv.DictReader(stream)}
    return reproduce(name, home, prefer=shown, form=form)


def _verdicts(tables: dict[str, Reproduction], study: JudgedStudy) -> str:
    """Return the table of how often each verdict occurs."""
    counts = {**{name: table.summary for name, table in tables.items()}, study.name: study.summary}
    heads = [word for word in v.ALL if any(word in count for count in counts.values())]
    rows = [
        [
            f"[Table {name[-1]}]({name}.md)",
            str(sum(count.values())),
            *(str(count.get(word, "")) for word in heads),
        ]
        for name, count in counts.items()
    ]
    return "\n".join(markdown.table(["", "cells", *heads], rows))


def _costs(tables: dict[str, Reproduction]) -> dict[str, Any]:
    """Return what the page says of operations, parameters and accuracies."""
    titles = {row.name: row.title for table in tables.values() for row in table.rows}
    results = [result for table in tables.values() for result in table.results.values()]
    off = [one for one in results if one.verdict == v.OFF]
    scores = [one for one in results if one.cell.column == "miou"]
    return {
        "file_sizes": sum(one.verdict == v.UNIT_ERROR for one in results),
        "all_scores": len(scores),
        "judged_scores": sum(one.verdict in (v.REPRODUCED, v.CONTRADICTED) for one in scores),
        "off": _listed(dict.fromkeys(titles[one.cell.row] for one in off if one.cell.table != "table4")),
        "off_cells": sum(one.cell.table != "table4" for one in off),
        "off_parts": [_off(one, titles) for one in off if one.cell.table == "table4"],
    }


def _off(one: Result, titles: dict[str, str]) -> str:
    what = f'{titles[one.cell.row]}\'s "{one.cell.column}"'
    return f"{what}, {one.cell.printed} printed, {one.measured:.3f} counted"


def _times(tables: dict[str, Reproduction], graphs: Reproduction) -> dict[str, Any]:
    """Return what the page says of times: orders, ratios, and what the paper's card could do."""
    orders = [line for table in (tables["table1"], tables["table2"], graphs) for line in _orders(table)]
    claims = [
        (form, claim)
        for form, table in (("eager", tables["table2"]), ("CUDA graphs", graphs))
        for claim in table.claims
        if claim.ratio is not None
    ]
    rows = [row.name for row in graphs.rows]
    ratios = [
        [
            claim.faster.removeprefix("carnet-"),
            f"{claim.where}, {form}",
            f"{claim.printed:.2f}",
            f"{claim.ratio:.3f}",
            f"{claim.low:.3f} to {claim.high:.3f}",
            claim.verdict,
        ]
        for form, claim in sorted(claims, key=lambda one: rows.index(one[1].faster))
    ]
    printed = [claim.printed for _, claim in claims]
    measured = [claim.ratio for _, claim in claims if claim.ratio is not None]
    flops = [
        abs(
            1
            - _measured(tables["table2"], claim.slower, "flops")
            / _measured(tables["table2"], claim.faster, "flops")
        )
        for _, claim in claims
    ]
    beyond = [
        f"{time.title}: "
        + ", ".join(f"{100 * share.fraction:.0f} % of a {share.card.name}" for share in time.shares)
        for table in tables.values()
        for time in table.plausibility
        if any(share.fraction > 1 for share in time.shares)
    ]
    return {
        "orders": "\n".join(
            markdown.table(["table", "machine", "Kendall's tau-b", "p", "rows", "order"], orders)
        ),
        "ratios": "\n".join(
            markdown.table(
                [
                    "LWRF : CARNet",
                    "measured on",
                    "printed",
                    "measured",
                    "95 % interval",
                    "CARNet is the faster one",
                ],
                ratios,
            )
        ),
        "printed_ratios": f"{min(printed):.2f} to {max(printed):.2f}",
        "measured_ratios": f"{min(measured):.2f} to {max(measured):.2f}",
        "comparisons": len(measured),
        "operations": f"{100 * max(flops):.1f}",
        "beyond": beyond,
    }


def _orders(table: Reproduction) -> list[list[str]]:
    name = f"Table {table.table.name[-1]}{', CUDA graphs' if table.form else ''}"
    ranks: list[tuple[str, Ranks]] = [(one.machine, one.ranks) for one in table.elsewhere]
    if table.ranks is not None:
        ranks.insert(0, (table.machine, table.ranks))
    return [
        [
            name,
            machine,
            f"{one.tau_b:+.3f}",
            "-" if one.p is None else f"{one.p:.2g}",
            str(len(one.rows)),
            one.verdict,
        ]
        for machine, one in ranks
        if one.tau_b is not None
    ]


def _measured(table: Reproduction, row: str, column: str) -> float:
    found = table.results[row, column].measured
    if found is None:
        raise NotMeasured(f"{table.table.name}: no {column} of {row}")
    return found


def _ablation(study: JudgedStudy, home: Path) -> dict[str, Any]:
    """Return what the page says of Table 5."""
    panel = next((one for one in study.panels if one.gains and one.levels[0].interval is not None), None)
    if panel is None:
        raise NotMeasured(
            "no run of Table 5 is recorded", then="carnet-bench ablate --components bs car scloss crp"
        )
    gains = {gain.label: gain for gain in panel.gains}
    rows, said, halves, resolved, degrees = [], [], [], [], []
    for level in panel.levels:
        gain = gains.get(level.label)
        name = level.label.rpartition("+")[2]
        found = level.interval
        row = [f"+{name}" if gain else name, " ".join(map(str, level.seeds))]
        row += (
            [f"{100 * found.mean:.2f} ± {100 * (found.std or 0):.2f}", _points(found.low, found.high, "")]
            if found
            else ["-", "-"]
        )
        change = None if gain is None else gain.difference
        if gain is not None and change is not None:
            row += [
                f"{100 * change.mean:+.2f}",
                _points(change.low, change.high),
                gain.printed or "-",
                gain.verdict,
            ]
            said.append(f"{name} {100 * change.mean:+.1f} points ({gain.verdict})")
            half = 50 * (change.high - change.low)
            halves.append(f"{half:.2f}")
            resolved += [name] if half < 1 else []
            degrees.append(f"{change.degrees:.1f}")
        else:
            row += ["-"] * 4
        rows.append(row)
    heads = [
        "variant",
        "seeds",
        "mIoU (%), mean ± std",
        "95 % interval",
        "gain (points)",
        "95 % interval",
        "the paper's gain",
        "verdict",
    ]
    longer = [one for one in read_records(home, "accuracy") if one.identity.run.recipe.name == _LONGER]
    return {
        "study": "\n".join(markdown.table(heads, rows)),
        "about": panel.about,
        "gains": _listed(said),
        "half_widths": _listed(halves),
        "degrees": _listed(degrees),
        "resolved": _listed(resolved or ["none of them"]),
        "full": rows[-1][2],
        "longer": [
            f"{100 * one.values.miou:.1f} % after {one.identity.run.recipe.epochs} epochs" for one in longer
        ],
    }


def _points(low: float, high: float, sign: str = "+") -> str:
    return f"{100 * low:{sign}.2f} to {100 * high:{sign}.2f}"


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
