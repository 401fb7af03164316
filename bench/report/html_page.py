"""``reports/index.html``: the whole paper on one self-contained page, from tables, records and ledger."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench.files import write_atomic
from bench.report.html_compare import COMMAND as COMPARE
from bench.report.html_compare import comparisons
from bench.report.html_figures import figures, figures_not_drawn
from bench.report.html_findings import JudgedPaper, findings, not_measured
from bench.report.html_plots import plots_of
from bench.report.html_tables import study_panels, table_view, text_number
from bench.report.markdown import sentence
from bench.report.origin import Origin, origin, sealed
from bench.report.reproduced import judged
from bench.reproduce.claims import JudgedLedger, judge_claims
from bench.reproduce.parameter_parts import Part, count_parts, summary
from bench.reproduce.study import reproduce_study
from bench.reproduce.study_result import JudgedStudy
from bench.reproduce.table import REPRODUCIBLE
from bench.reproduce.table_result import Reproduction
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.consistency import InPrint
from bench.results.record import KINDS, Record
from bench.results.store import read_records

NAME = "index.html"
STUDIES = ("table5", "fig8", "fig9", "fig10")

Progress = Callable[[str, int, int], None]

_TONES = {"green": "good", "red": "bad", "yellow": "near", "dim": "none", "": "none"}
_SIGNS = {"good": "✓", "bad": "✗", "near": "≈", "none": "○"}
_CLAIM_TONES = {InPrint.CONSISTENT: "good", InPrint.INCONSISTENT: "bad", InPrint.NOT_CHECKABLE: "none"}


def write_html(
    home: Path,
    made_by: Origin | None = None,
    progress: Progress = lambda *_: None,
    paper: JudgedPaper | None = None,
) -> Path:
    """Write the page; parameters and errors as `html_page`."""
    path = home / "reports" / NAME
    write_atomic(path, html_page(home, made_by or origin(), progress, paper))
    return path


def html_page(
    home: Path,
    made_by: Origin,
    progress: Progress = lambda *_: None,
    paper: JudgedPaper | None = None,
) -> str:
    """Return the page; its times are of the machines whose times the tables in ``results/tables`` show.

    The same input gives the same bytes.

    Args:
        home: Folder of ``results/`` and ``reports/``, whose figures are shown.
        made_by: Commit and machine.
        progress: Told the part in work, the parts done and the parts in all.
        paper: Tables, studies, parts and claims, where they are judged already.

    Raises:
        NotMeasured: A table is missing; the message says what writes it.
        RefusedInput: A damaged record or ledger.
    """
    return sealed_html(_render(home, made_by, paper or judge_paper(home, progress)))


def sealed_html(page: str) -> str:
    """Return a page with its digest behind it, see `bench.report.origin.sealed`."""
    return sealed(page, "<!--", " -->")


def judge_paper(
    home: Path,
    progress: Progress = lambda *_: None,
    *,
    tables: Mapping[str, Reproduction] | None = None,
    studies: Mapping[str, JudgedStudy] | None = None,
    parts: tuple[Part, ...] | None = None,
    ledger: JudgedLedger | None = None,
) -> JudgedPaper:
    """Judge everything that the page shows, except what is given; parameters and errors as `html_page`.

    Args:
        home, progress: As `html_page`.
        tables, studies: Those that are judged already, by name.
        parts: The bars of Fig. 7, where they are counted already.
        ledger: The claims, where they are judged already.
    """
    steps = len(REPRODUCIBLE) + 3
    shown = []
    for done, name in enumerate(REPRODUCIBLE):
        progress(name, done, steps)
        shown.append((tables or {}).get(name) or judged(name, home))
    progress("studies", steps - 3, steps)
    ablations = tuple((studies or {}).get(name) or reproduce_study(name, home) for name in STUDIES)
    parts = parts or count_parts()
    progress("claims", steps - 2, steps)
    ledger = ledger or judge_claims(home)
    progress("page", steps - 1, steps)
    return JudgedPaper(tuple(shown), ablations, parts, ledger)


def _render(home: Path, made_by: Origin, paper: JudgedPaper) -> str:
    from plotly.offline.offline import get_plotlyjs  # noqa: PLC0415 - reads five megabytes

    pages = Environment(
        loader=PackageLoader("bench.report", "html"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters["tone"] = _tone
    pages.filters["sign"] = lambda word: _SIGNS[_tone(word)]
    records = {one.id: one for kind in KINDS for one in read_records(home, kind, strict=False)}
    folder = Path(__file__).parent / "html"
    plots = plots_of(paper.tables[0])
    table5, *figures_8_to_10 = paper.studies
    summaries = [
        *((f"Table {one.table.name.removeprefix('table')}", one.summary) for one in paper.tables),
        (table5.heading, table5.summary),
        ("Fig. 7", summary(paper.parts)),
        *((study.heading, study.summary) for study in figures_8_to_10),
        ("Claims, in print", paper.ledger.in_print),
        ("Claims, as measured", paper.ledger.measured),
    ]
    views = [table_view(one, records) for one in paper.tables]
    titles = {
        "summary": "Summary",
        **{view.id: view.short for view in views},
        "plots": "Fig. 4",
        "figures": "Figures",
        "ablations": "Table 5, ablations",
        "comparison": "Comparison",
        "claims": "Claims",
        "text": "Text",
        "machines": "Machines",
        "missing": "Not measured",
    }
    return pages.get_template("index.html.j2").render(
        style=(folder / "style.css").read_text(encoding="utf-8"),
        script=(folder / "script.js").read_text(encoding="utf-8"),
        plotly=packed(get_plotlyjs()),
        plot_data=_safe_json([plot.data for plot in plots]),
        plots=plots,
        sections=list(titles.items()),
        findings=list(findings(paper)),
        summaries=summaries,
        words=v.ALL,
        tables=views,
        figures=figures(home),
        panels=study_panels(paper.studies),
        comparisons=comparisons(home),
        compare_command=COMPARE,
        ledger=paper.ledger,
        text_numbers=[text_number(one) for one in paper.ledger.text],
        machines=_machines(records.values()),
        missing=[*not_measured(paper), *figures_not_drawn(home)],
        made_by=sentence(made_by.line),
        plotly_version=version("plotly"),
    )


def _tone(word: str) -> str:
    known = {str(one): _TONES[one.colour] for one in v.ALL} | {
        str(one): tone for one, tone in _CLAIM_TONES.items()
    }
    return known.get(str(word), "none")


def packed(script: str) -> str:
    """Return a script as base64 of gzip, which the page unpacks: plotly's text is four times as long."""
    return base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()


def unpacked(script: str) -> str:
    """Return the script that `packed` was given.

    Raises:
        ValueError, OSError, EOFError, zlib.error: It is none that `packed` returns.
    """
    return gzip.decompress(base64.b64decode(script, validate=True)).decode()


def _safe_json(value: Any) -> str:
    """Return JSON that cannot end the element it stands in."""
    return json.dumps(value, sort_keys=True, allow_nan=False).replace("<", "\\u003c")


def _machines(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return each machine and version of torch with the number of its records, most records first."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for record in records:
        found = _machine_of(record)
        name = (
            found.get("gpu")
            or f"{found.get('cpu') or 'unknown processor'}, {found.get('logical_cores')} cores"
        )
        counts[name, found.get("torch") or "", found.get("system") or ""] += 1
    keys = ("name", "torch", "system")
    return [
        {**dict(zip(keys, facts, strict=True)), "records": count}
        for facts, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    ]


def _machine_of(record: Record) -> Mapping[str, Any]:
    """Return the facts of a record's machine: a time's identity has them, the others' provenance."""
    stored = record.stored
    found = stored["identity"].get("machine") or stored["provenance"].get("machine") or {}
    versions = stored["provenance"].get("versions") or {}
    return {"torch": versions.get("torch"), **found}
