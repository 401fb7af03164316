"""Device hours of the whole paper on 1, 8 and 64 devices: a block of the documentation."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Sequence
from pathlib import Path

from bench.errors import NotMeasured
from bench.experiments.list_schedule import Failures, list_schedule
from bench.experiments.paper_runs import PaperRun, paper_runs
from bench.report.markdown import table
from bench.results.select import is_time_of, newest
from bench.results.store import read_records

SEEDS = 3
_PASSES = 3
"""A training step as so many forward passes of its images: an assumption."""
_SIZE_HW = (512, 1024)
_CLASSES = 19
_DEVICES = (1, 8, 64)
_DAY_S, _HOUR_S = 86_400.0, 3_600.0
_DAILY = Failures(mean_between_s=_DAY_S, checkpoint_s=300.0, restart_s=300.0)
_DAILY_UNSAVED = Failures(mean_between_s=_DAY_S, checkpoint_s=math.inf, restart_s=300.0)
_SIMULATIONS = 101
_WIDTH = 120


def cost_block(home: Path) -> str:
    """Return the block: runs and device hours by part of the paper, then days by number of devices.

    Raises:
        NotMeasured: A backbone without a valid GPU time on record.
    """
    runs = paper_runs()
    gpu, forward_s = _forward_s(home, {run.variant.backbone for run in runs})
    work_s = [_work_s(run, forward_s[run.variant.backbone]) for run in runs]
    every_s = [one for one in work_s for _ in range(SEEDS)]
    total_s, longest_s = sum(every_s), max(every_s)
    last = runs[work_s.index(longest_s)]
    text = (
        f"{len(runs)} networks, {SEEDS} seeds each: {len(every_s)} runs, {total_s / _HOUR_S:,.0f} device "
        f"hours, each device one {gpu}. The longest run ({last.recipe} of carnet-{last.variant.backbone}) "
        f"takes {longest_s / _HOUR_S:.0f} h, so the line bends at {total_s / longest_s:.0f} devices: with "
        "more, that run alone decides."
    )
    hours = table(["part", "networks", "device hours"], _parts(runs, work_s))[:-1]
    return "\n".join([*textwrap.wrap(text, _WIDTH), "", *hours, "", *_days(every_s)])


def _days(work_s: Sequence[float]) -> list[str]:
    lines = []
    for devices in _DEVICES:
        plain = list_schedule(work_s, devices)
        used = plain.busy_s / (devices * plain.makespan_s)
        lines.append(
            [
                str(devices),
                f"{plain.makespan_s / _DAY_S:.1f}",
                f"{used:.0%}",
                *(_simulated(work_s, devices, failures) for failures in (_DAILY, _DAILY_UNSAVED)),
            ]
        )
    heads = ["devices", "days", "devices in use", "days with failures", "the same without checkpoints"]
    return table(heads, lines)[:-1]


def _simulated(work_s: Sequence[float], devices: int, failures: Failures) -> str:
    days = sorted(
        list_schedule(work_s, devices, failures, seed).makespan_s / _DAY_S for seed in range(_SIMULATIONS)
    )
    low, high = (days[round(share * (_SIMULATIONS - 1))] for share in (0.05, 0.95))
    return f"{statistics.median(days):.1f} ({low:.1f} to {high:.1f})"


def _parts(runs: Sequence[PaperRun], work_s: Sequence[float]) -> list[list[str]]:
    lines = []
    for part in dict.fromkeys(run.part for run in runs):
        mine = [one for run, one in zip(runs, work_s, strict=True) if run.part == part]
        lines.append([part, str(len(mine)), f"{SEEDS * sum(mine) / _HOUR_S:,.0f}"])
    return lines


def _work_s(run: PaperRun, forward_s: float) -> float:
    """Return the seconds of a run: a forward pass takes time in proportion to its pixels."""
    scale = math.prod(run.crop_hw) / math.prod(_SIZE_HW)
    return _PASSES * run.images * forward_s * scale


def _forward_s(home: Path, backbones: set[str]) -> tuple[str, dict[str, float]]:
    """Return the GPU, and the seconds of one image through the full network of each backbone on it."""
    valid = [one for one in read_records(home, "speed", strict=False) if one.valid]
    found = {
        backbone: newest(
            one
            for one in valid
            if one.identity.device == "cuda" and is_time_of(one, f"carnet-{backbone}", _SIZE_HW, _CLASSES)
        )
        for backbone in sorted(backbones)
    }
    seconds = {name: one.values.median_ms / 1000 for name, one in found.items() if one is not None}
    places = {one.identity.where for one in found.values() if one is not None}
    if len(seconds) < len(found) or len(places) != 1:
        missing = ", ".join(sorted({*found} - {*seconds})) or f"one GPU; found {', '.join(sorted(places))}"
        height, width = _SIZE_HW
        raise NotMeasured(
            f"times of the CARNets at {height}x{width} on a GPU: missing are {missing}",
            then="carnet-bench reproduce table1 --time --device cuda --budget 1h",
        )
    return places.pop(), seconds
