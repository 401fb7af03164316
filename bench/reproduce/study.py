"""Table 5 and Figs. 8 to 10: the paper's statements against the runs on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from baselines.method import Method
from baselines.registry import METHODS
from bench.errors import NotMeasured, unknown
from bench.evaluate.differences import Difference, compare_seeds, interval
from bench.paper import Cell, rows
from bench.paper.studies import PANELS, STUDIES, Labelled, Study
from bench.reproduce.record_cells import also_on_record, caveat_on, own_notes, verdict_on_miou
from bench.reproduce.study_records import AblationRecords, Comparable
from bench.reproduce.study_result import Gain, JudgedStudy, Level, Panel, Probed, Statement, combined
from bench.reproduce.table_result import joined
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.accuracy import judge_difference
from bench.results.select import is_synthetic
from bench.results.store import read_records
from bench.results.value_types import CurvePoint


def reproduce_study(name: str, home: Path, methods: Mapping[str, Method] = METHODS) -> JudgedStudy:
    """Judge a study from the accuracy records there are.

    Args:
        name: A key of `STUDIES`.
        home: Holds ``results/records``.
        methods: By registry name.

    Raises:
        UsageError: No such study; the message lists the choices.
        RefusedInput: The folder of records cannot be read.
    """
    if name not in STUDIES:
        raise unknown("study", name, list(STUDIES))
    study, records = STUDIES[name], AblationRecords(home, methods)
    backbones = study.backbones if study.every else (_backbone(study, records),)
    panels = tuple(_panel(name, backbone, records) for backbone in backbones)
    probed = tuple(one for backbone in backbones for one in _probed(study, backbone, records, home))
    return JudgedStudy(name, study.heading, study.caption, study.best is None, panels, probed)


def _backbone(study: Study, records: AblationRecords) -> str:
    for backbone in study.backbones:
        if _comparable(study, backbone, records) is not None:
            return backbone
    return study.backbones[0]


def _comparable(study: Study, backbone: str, records: AblationRecords) -> Comparable | None:
    variants = [variant for _, variant in study.variants(backbone)]
    return records.of_study(variants, study.dataset, study.split)


def _probed(study: Study, backbone: str, records: AblationRecords, home: Path) -> Iterator[Probed]:
    """Yield the probes of SCLoss in the runs shown; nothing where no training record holds one."""
    runs = None if study.probed is None else _comparable(study, backbone, records)
    if study.probed is None or runs is None:
        return
    trained = {one.values.final_weights_sha256: one for one in read_records(home, "training", strict=False)}
    for label, variant in study.probed(backbone):
        points: dict[int, tuple[CurvePoint, ...]] = {}
        for run in records.alike(variant, runs):
            record = trained.get(run.record.identity.weights_sha256)
            found = () if record is None else tuple(one for one in record.values.curve if one.scloss)
            points |= {run.seed: found} if found else {}
        if points:
            yield Probed(label, f"{PANELS[backbone]}, {_about(study, backbone, runs)}", points)


def _panel(name: str, backbone: str, records: AblationRecords) -> Panel:
    study = STUDIES[name]
    runs = _comparable(study, backbone, records)
    labelled = study.variants(backbone)
    levels = [
        _level(study, one, cell, runs, records)
        for one, cell in zip(labelled, _cells(name, backbone, len(labelled)), strict=True)
    ]
    if study.best is None:
        pairs = [(after, before) for before, after in zip(range(3), range(1, 4), strict=True)]
    else:
        best = [label for label, _ in labelled].index(study.best)
        pairs = [(best, other) for other in range(len(labelled)) if other != best]
    among = len(pairs)
    gains = tuple(_gain(levels[after], levels[before], study, runs, among) for after, before in pairs)
    return Panel(
        PANELS[backbone],
        _about(study, backbone, runs),
        tuple(levels),
        gains,
        _statement(study, backbone, gains, runs),
        () if runs is None else tuple(own_notes(tuple(run.record for run in runs.runs))),
    )


def _cells(name: str, backbone: str, count: int) -> Sequence[Cell | None]:
    """Return the printed cells of a panel; a figure has none in the text."""
    if name != "table5":
        return [None] * count
    return [row.cells["miou"] for row in rows(name) if row.name.endswith(f"-{backbone}")]


def _level(
    study: Study, one: Labelled, cell: Cell | None, runs: Comparable | None, records: AblationRecords
) -> Level:
    label, variant = one
    found = {} if runs is None else runs.of(variant)
    if runs is None or not found:
        reasons = records.refused(variant)
        reason = "no accuracy record"
        if reasons:
            reason = f"no accuracy record that may be tabulated: {'; '.join(reasons)}"
        elif runs is not None:
            reason = "no accuracy record under this recipe"
        return Level(label, cell, None, (), (), (), v.NOT_MEASURED, reason)
    seeds, ids = tuple(found), tuple(record.id for record in found.values())
    by_seed = tuple(record.values.miou for record in found.values())
    try:
        measured = interval([runs.matrices(record) for record in found.values()], runs.blocks)
    except NotMeasured as error:
        return Level(label, cell, None, seeds, by_seed, ids, v.NOT_MEASURED, str(error))
    judged = v.Verdict(v.NOT_MEASURED)
    if cell is not None:
        judged = verdict_on_miou(cell, runs.example, lambda: measured, study.dataset, study.split)
    data = runs.example.identity.data
    note = joined(
        f"{data.name} {data.split}",
        judged.note,
        "one seed: its interval covers other images, not other seeds" if len(seeds) == 1 else None,
        also_on_record(records.others(variant, runs)),
        caveat_on(runs.example),
    )
    return Level(label, cell, measured, seeds, by_seed, ids, None if cell is None else judged.verdict, note)


def _gain(level: Level, over: Level, study: Study, runs: Comparable | None, among: int) -> Gain:
    printed = None
    if level.cell is not None and over.cell is not None:
        printed = f"{level.cell.value - over.cell.value:+}"
    missing = [one.label for one in (over, level) if one.interval is None]
    if runs is None or missing:
        note = f"{' and '.join(missing)} not measured"
        return Gain(level.label, over.label, printed, None, v.NOT_MEASURED, v.NOT_MEASURED, note)
    claimed = Decimal(printed or "+1")
    difference, seeds = _difference(level, over, runs, 0.95)
    judged = judge_difference(difference, claimed)
    remarks = joined(judged.note, seeds, _elsewhere(study, runs))
    corrected = judged.verdict
    if corrected == v.CONTRADICTED:
        corrected = judge_difference(_difference(level, over, runs, 1 - 0.05 / among)[0], claimed).verdict
    return Gain(level.label, over.label, printed, difference, judged.verdict, corrected, remarks)


def _difference(
    level: Level, over: Level, runs: Comparable, confidence: float
) -> tuple[Difference, str | None]:
    """Return the difference, and which seeds it leaves out."""
    by_id = {run.record.id: run.record for run in runs.runs}
    before, after = (
        {seed: runs.matrices(by_id[record]) for seed, record in zip(one.seeds, one.records, strict=True)}
        for one in (over, level)
    )
    difference, left_out = compare_seeds(before, after, runs.blocks, level=confidence)
    note = f"without seed {', '.join(map(str, left_out))}, which only one side has" if left_out else None
    return difference, note


def _statement(study: Study, backbone: str, gains: tuple[Gain, ...], runs: Comparable | None) -> Statement:
    verdict = combined(gain.among for gain in gains)
    by_verdict: dict[str, list[str]] = {}
    alone: list[str] = []
    for gain in gains:
        name = gain.over if study.best is not None else gain.label.rpartition("+")[2]
        by_verdict.setdefault(gain.among, []).append(name)
        alone += [name] if gain.among != gain.verdict else []
    against = "" if study.best is None else "against "
    decides = [
        f"{found}: {against}{', '.join(names)}"
        for found, names in by_verdict.items()
        if verdict in (found, v.NOT_DISTINGUISHABLE)
    ]
    if alone:
        decides.append(f"contradicted alone, but not as one of {len(gains)}: {against}{', '.join(alone)}")
    note = joined(*([] if verdict == v.REPRODUCED else decides), _elsewhere(study, runs))
    if runs is not None and backbone != study.backbones[0] and not study.every:
        note = joined(note, f"with another backbone, the paper: {PANELS[study.backbones[0]]}")
    return Statement(study.statement, verdict, note)


def _elsewhere(study: Study, runs: Comparable | None) -> str | None:
    """Say on which data it was measured, where that is not the paper's."""
    if runs is None:
        return None
    data = runs.example.identity.data
    if (data.name, data.split) == (study.dataset, study.split):
        return None
    return f"measured on {data.name} {data.split}, the paper on {study.dataset} {study.split}"


def _about(study: Study, backbone: str, runs: Comparable | None) -> str:
    paper = f"the paper: {study.dataset} {study.split}"
    if backbone != study.backbones[0] and not study.every:
        paper += f", {PANELS[study.backbones[0]]}"
    if runs is None:
        return f"not measured here; {paper}"
    record, recipe = runs.example, runs.example.identity.run.recipe
    data = record.identity.data
    kind = "synthetic images" if is_synthetic(record) else "images"
    parts = [f"{data.name} {data.split}", f"{record.values.images} {kind}"]
    parts.append(f"{record.identity.num_classes} classes")
    parts.append(f"{recipe.epochs} epochs")
    parts.append("crops of {}x{}".format(*recipe.crop))
    parts.append(f"batch {recipe.batch}")
    parts.append(f"the {record.identity.selection} weights")
    return f"measured on {', '.join(parts)}; {paper}"
