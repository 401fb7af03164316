"""Numbers within hand-written pages: blocks between two comments, rebuilt from records and counts."""

from __future__ import annotations

import csv
import io
import re
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from baselines.registry import METHODS
from bench.clock.protocol import Protocol
from bench.data.catalogue import ENTRIES, entry
from bench.data.entry import SPLITS
from bench.errors import NotMeasured
from bench.evaluate.power import POWER, chance, equal_variants, smallest_gain
from bench.files import read_regular, write_atomic
from bench.paper import TABLES, rows
from bench.report.budget_block import budget_block
from bench.report.markdown import line, table
from bench.reproduce.cost_cells import count_row
from bench.reproduce.verdict.accuracy import FEWEST_SEEDS
from bench.reproduce.verdict.consistency import InPrint
from bench.reproduce.verdict.words import Word
from bench.results.record import AccuracyRecord, TrainingRecord
from bench.results.select import newest, of_runs
from bench.results.store import read_records

PAGES = (
    "README.md",
    "results/README.md",
    *(
        f"docs/{name}.md"
        for name in (
            "reproduce",
            "training",
            "several-devices",
            "counting",
            "verdicts",
            "timing",
            "data-sets",
        )
    ),
)
"""Pages that may hold blocks, below a home folder."""

_BLOCK = re.compile(r"(?P<head><!-- block: (?P<name>[\w-]+) -->\n)(?P<body>.*?)(?P<foot><!-- end -->)", re.S)
_WIDTH = 120
_NOISE = {
    "images alone": (1.0, 0.0, 0.0),
    "seeds alone": (0.0, 0.0, 1.0),
    "images and seeds alike": (0.5, 0.0, 0.5),
    "each seed's own images alone": (0.0, 1.0, 0.0),
    "seeds, twice the noise of their images": (0.0, 0.2, 0.8),
}
"""Shares of a mean difference's variance, as `bench.evaluate.power.equal_variants` takes them."""
_STARTS = {
    "camvid-quick": "ImageNet MobileNetV2, dequantised from int8",
    "camvid-scratch": "random weights",
}


def with_blocks(text: str, home: Path) -> str:
    """Return a page with each of its blocks rebuilt; one without blocks as it is.

    Raises:
        NotMeasured: The records that a block shows are missing.
    """

    def rebuilt(found: re.Match[str]) -> str:
        make = _MADE.get(found["name"])
        return found[0] if make is None else f"{found['head']}{make(home)}\n{found['foot']}"

    return _BLOCK.sub(rebuilt, text)


def write_blocks(home: Path) -> list[Path]:
    """Rebuild the blocks of the pages below a home folder; return the pages that changed."""
    changed = []
    for path in (home / name for name in PAGES):
        if path.is_file():
            found = read_regular(path).decode()
            if (text := with_blocks(found, home)) != found:
                write_atomic(path, text)
                changed.append(path)
    return changed


def _camvid(home: Path) -> str:
    runs = [_run(name, home) for name in _STARTS]
    first, score = runs[0]
    recipe, identity = first.identity.recipe, first.identity
    camvid = entry("camvid")
    height, width = (camvid.sizes_hw or ((0, 0),))[0]
    head = (
        f"CARNet-Mobile (full version, lambda {recipe.scloss_weight:g}) on CamVid: {identity.num_classes} "
        f"classes, {height}x{width}, trained on {(camvid.expected or {}).get('train')} images in crops of "
        f"{recipe.crop[0]}x{recipe.crop[1]}, batch {recipe.batch}, one seed each; the last weights, scored "
        f"on the {score.values.images} test images. The paper has no CamVid numbers, so no printed value to "
        "compare with."
    )
    lines = [
        *textwrap.wrap(head, _WIDTH),
        "",
        "| command | encoder starts from | epochs | validation mIoU | test mIoU | training time |",
        "|---|---|---|---|---|---|",
    ]
    for (name, start), (run, scored) in zip(_STARTS.items(), runs, strict=True):
        last = run.values.curve[-1]
        fields = [
            f"`carnet-bench train {name} --threads {run.identity.threads}`",
            start,
            f"{run.values.epochs}",
            f"{last.val_miou:.3f}",
            f"**{scored.values.miou:.3f}**",
            f"{run.values.train_s / 60:.0f} min",
        ]
        lines.append(line(fields))
    return "\n".join(lines)


def _run(name: str, home: Path) -> tuple[TrainingRecord, AccuracyRecord]:
    trained = newest(
        one
        for one in read_records(home, "training", strict=False)
        if one.identity.recipe.name == name and one.valid
    )
    kept = None if trained is None else trained.values.final_weights_sha256
    scored = newest(
        one
        for one in of_runs(read_records(home, "accuracy", strict=False))
        if one.identity.weights_sha256 == kept and one.valid
    )
    if trained is None or scored is None:
        raise NotMeasured(f"no record of {name}", then=f"carnet-bench train {name}")
    return trained, scored


def _cells(home: Path) -> str:
    del home
    counts = [sum(cell is not None for row in rows(name) for cell in row.cells.values()) for name in TABLES]
    named = [
        f"Table {name.removeprefix('table')} {count}"
        for name, count in zip(TABLES, counts, strict=True)
        if name != "text"
    ]
    printed = sum(count for name, count in zip(TABLES, counts, strict=True) if name != "text")
    text = (
        f"{printed} cells: {', '.join(named)}. A dash in the paper is no cell; the row has its other cells. "
        "One line per cell, UTF-8, every field is text: `135.0` keeps its zero."
    )
    return textwrap.fill(text, _WIDTH)


def _thop(home: Path) -> str:
    del home
    found = []
    for row in rows("table1"):
        cell = row.cells.get("flops")
        if row.name in ("carnet-resnet101", "carnet-resnet152") and cell is not None:
            total = count_row(row, METHODS[row.name]).total
            found.append((row.title, cell.printed, total.thop2019_gops, total.thop0022_gops))
    (first, printed, ours, thops), (second, *others) = found
    text = (
        "thop 0.0.22 itself, run on these modules, returns the `thop2019` counts of RefineNet and LWRF, but "
        "not CARNet's. CARNet's printed numbers follow thop's rule under two assumptions, on shared "
        "activations and on the broadcast global feature (`bench/cost/components.py`): "
        f"{ours:.3f} G for {first} (printed {printed}), where thop returns {thops:.3f}, and {others[1]:.3f} "
        f"for {second} (printed {others[0]}), where it returns {others[2]:.3f}. The notes of these cells "
        "have both counts."
    )
    return textwrap.fill(text, _WIDTH)


def _verdicts(home: Path) -> str:
    printed = [row for name in TABLES if name != "text" for row in _judged_rows(home, name) if row["printed"]]
    # the improvements of Table 5 are differences of its cells
    cells = Counter(row["verdict"] for row in printed if row["column"] != "improvement")
    claims = _judged_rows(home, "claims")
    in_print, measured = (Counter(row[column] for row in claims) for column in ("in_print", "verdict"))
    counted = ", ".join(f"{in_print[str(word)]} {word}" for word in InPrint)
    head = (
        f"The paper's tables print {cells.total()} numbers, and {len(claims)} of its sentences and relations "
        f"are judged as claims. By the paper's own numbers, the claims are: {counted}. By what is measured "
        "here, numbers and claims are:"
    )
    lines = [
        [f"`{word}`", *(str(found[str(word)] or "") for found in (cells, measured))]
        for word in Word
        if cells[str(word)] or measured[str(word)]
    ]
    return "\n".join([*textwrap.wrap(head, _WIDTH), "", *table(["verdict", "numbers", "claims"], lines)[:-1]])


def _judged_rows(home: Path, name: str) -> list[dict[str, str]]:
    path = home / "results" / "tables" / f"{name}.csv"
    if not path.exists():
        raise NotMeasured(f"{path}: missing", then=f"carnet-bench reproduce {name} writes it")
    return list(csv.DictReader(io.StringIO(read_regular(path).decode())))


def _null_check(home: Path) -> str:
    counts = (FEWEST_SEEDS, 2 * FEWEST_SEEDS)
    lines = []
    for noise, variances in _NOISE.items():
        found = [(equal_variants(*variances, count), count) for count in counts]
        told = [f"{200 * chance(one, 0.0, count):.1f} %" for one, count in found]
        gains = [smallest_gain(one, count) for one, count in found]
        lines.append([noise, *told, *("-" if gain is None else f"{gain:.1f}" for gain in gains)])
    heads = [f"called different, {count} seeds" for count in counts]
    heads += [f"gain found in {100 * POWER:.0f} %, {count} seeds" for count in counts]
    return "\n".join(table(["what makes the noise", *heads], lines)).rstrip()


def _words(home: Path) -> str:
    del home
    return "\n".join(table(["verdict", "meaning"], ([f"`{word}`", word.meaning] for word in Word))[:-1])


def _limits(home: Path) -> str:
    del home
    rules = Protocol()
    lines = [
        ["valid samples per network", f"at least {rules.least_samples}"],
        ["drift of the median from the first third of the samples to the last", f"at most {rules.drift:.0%}"],
        ["interquartile range over the median", f"at most {rules.spread:.0%}"],
        ["share of the cores that other processes took", f"at most {rules.foreign:.0%}"],
        ["cores that the process kept busy beyond its threads", f"at most {rules.spare_cores:g}"],
        ["attempts before the last one is recorded as `not valid`", f"{rules.attempts}"],
    ]
    return "\n".join(table(["a valid time has", "limit"], lines)[:-1])


def _data_sets(home: Path) -> str:
    del home
    lines = []
    for one in ENTRIES.values():
        expected = one.expected or {}
        images = ", ".join(f"{split} {expected[split]}" for split in SPLITS if split in expected)
        lines.append([f"`{one.name}`", one.title, images or "as many as a recipe sets", one.terms])
    return "\n".join(table(["set", "what", "images", "terms"], lines)[:-1])


def _cost(home: Path) -> str:
    from bench.report.cost_block import cost_block  # noqa: PLC0415 - the recipes that it reads import torch

    return cost_block(home)


_MADE: dict[str, Callable[[Path], str]] = {
    "budget": budget_block,
    "camvid": _camvid,
    "cells": _cells,
    "cost": _cost,
    "thop": _thop,
    "verdicts": _verdicts,
    "null-check": _null_check,
    "words": _words,
    "limits": _limits,
    "data-sets": _data_sets,
}
