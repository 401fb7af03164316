"""Speed vs the baseline's: two trees in turns, or one tree's ratio to the reference workload."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from bench.clock.machine_state import CpuReading, read_cpu
from bench.errors import BenchError
from bench.gate.exactly import unlike
from bench.gate.findings import Finding, verdict_of
from bench.gate.processes import Worker, WorkerFailed, worker
from bench.gate.ratios import Pair, Ratio, Rules, Sample, interval, interval_between, take_pairs, valid_logs

CLASSES = 19
_SAMPLE_MS = 10.0
"""A sample is as many calls as take this long."""
_REFERENCE = "reference"  # as bench.gate.sampling has it, which imports torch

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Asked:
    """What is timed.

    Attributes:
        models: Names of the registry, or of ``own``.
        own: {name: ``/path/to/file.py:build``} of the user's own networks.
        size_hw: Height and width of the image, pixels.
        threads: CPU threads per operator.
        max_slowdown: The gate's margin: a regression when the whole interval of the slowdown lies above it;
            0.02 is 2 %.
        rules: How long, and what is valid.
    """

    models: tuple[str, ...] = ("carnet-mobile",)
    size_hw: tuple[int, int] = (128, 256)
    threads: int = 1
    max_slowdown: float = 0.02
    rules: Rules = field(default_factory=Rules)
    own: Mapping[str, str] = field(default_factory=dict)

    def of(self, model: str, *, reference: bool) -> str:
        """Return a worker's task, see ``bench.gate.sampling``."""
        numbers = {"classes": CLASSES, "size_hw": self.size_hw, "threads": self.threads}
        return json.dumps(
            {"model": model, "built_by": self.own.get(model, model), **numbers, "reference": reference}
        )


def compare_trees(
    before: tuple[Path, str], now: tuple[Path, str], asked: Asked, progress: Progress
) -> list[Finding]:
    """Time each model in two trees, a process each, in turns.

    Args:
        before, now: Root and title of the baseline's tree and of the one under test.
        asked: What, and how long.
        progress: Called with the model and the share done.
    """
    return [_timed((before, now), model, asked, progress, interval) for model in asked.models]


def judged(model: str, taken: list[Pair], asked: Asked, ratio_of: Callable[[list[float]], Ratio]) -> Finding:
    """Return the finding of a model's pairs: a regression only where the whole interval is one."""
    logs = valid_logs(taken)
    counted = f"{len(logs)} of {len(taken)} pairs of processes valid"
    if len(logs) < asked.rules.least_pairs:
        last = next(pair.reasons for pair in reversed(taken) if pair.reasons)
        return Finding("speed", model, "not valid", "; ".join([counted, *last]))
    ratio = ratio_of(logs)
    slower, low, high = (100 * (value - 1) for value in (ratio.mean, ratio.low, ratio.high))
    margin = 100 * asked.max_slowdown
    values = {
        "slowdown": ratio.mean - 1,
        "low": ratio.low - 1,
        "high": ratio.high - 1 if math.isfinite(ratio.high) else None,
        "max_slowdown": asked.max_slowdown,
    }
    note = f"{slower:+.1f} % time, 95 % interval {low:+.1f} to {high:+.1f}, allowed {margin:+.1f}; {counted}"
    verdict = verdict_of(ratio.low - 1, ratio.high - 1, asked.max_slowdown)
    return Finding("speed", model, verdict, note, values)


def measure_ratios(tree: tuple[Path, str], asked: Asked, progress: Progress) -> dict[str, Any]:
    """Return each model's ratios to the reference workload, as a baseline file keeps them.

    ``ratios`` has those of the valid processes only; ``reasons`` why there are not enough.
    """
    models = {}
    for model in asked.models:
        taken = _pairs((tree,), model, asked, progress)
        logs = valid_logs(taken)
        enough = len(logs) >= asked.rules.least_pairs
        models[model] = {
            "ratios": [round(math.exp(log), 5) for log in logs],
            "reasons": [] if enough else list(taken[-1].reasons),
        }
    return {"conditions": conditions(asked), "models": models}


def compare_with_file(
    tree: tuple[Path, str], before: Mapping[str, Any] | None, asked: Asked, progress: Progress
) -> list[Finding]:
    """Compare each model's ratio to the reference workload with the baseline's, where that is possible."""
    if before is None:
        return [
            Finding("speed", model, "not measured", "the baseline has no speed") for model in asked.models
        ]
    other = unlike(before["conditions"], conditions(asked))
    findings = []
    for model in asked.models:
        known = before["models"].get(model)
        if other:
            findings.append(Finding("speed", model, "not comparable", other))
        elif known is None:
            findings.append(Finding("speed", model, "added", "the baseline has no time of this model"))
        elif len(known["ratios"]) < asked.rules.least_pairs:
            findings.append(
                Finding(
                    "speed",
                    model,
                    "not valid",
                    "; ".join(["in the baseline", *known["reasons"]]),
                    of_baseline=True,
                )
            )
        else:
            earlier = [math.log(ratio) for ratio in known["ratios"]]
            ratio_of = partial(interval_between, earlier)
            findings.append(_timed((tree,), model, asked, progress, ratio_of))
    return findings


def conditions(asked: Asked) -> dict[str, Any]:
    """Return what must be equal for ratios of different days to be comparable."""
    import torch  # noqa: PLC0415 - the processes measure, this one only judges

    from bench.gate.reference import VERSION  # noqa: PLC0415
    from bench.results.provenance import machine  # noqa: PLC0415

    here = machine()
    return {
        **{key: here[key] for key in ("cpu", "physical_cores", "logical_cores")},
        "engine": "eager, channels_last, fp32",
        "heap": "kept, where the C library can",
        "torch": str(torch.__version__),
        "threads": asked.threads,
        "size": "x".join(map(str, asked.size_hw)),
        "reference_version": VERSION,
    }


def _timed(
    trees: Sequence[tuple[Path, str]],
    model: str,
    asked: Asked,
    progress: Progress,
    ratio_of: Callable[[list[float]], Ratio],
) -> Finding:
    try:
        taken = _pairs(trees, model, asked, progress)
    except BenchError as error:
        # the last tree is the one under test: what ran in the baseline and no longer does must not pass
        broken = isinstance(error, WorkerFailed) and error.title == trees[-1][1]
        return Finding("speed", model, "failed" if broken else "not measured", str(error))
    return judged(model, taken, asked, ratio_of)


def _pairs(trees: Sequence[tuple[Path, str]], model: str, asked: Asked, progress: Progress) -> list[Pair]:
    """Take pairs of a model in two trees, or of the reference workload and the model in one."""
    alive: list[Worker] = []

    @contextmanager
    def open_pair() -> Iterator[tuple[Sample, Sample]]:
        with ExitStack() as stack:
            task = ["samples", asked.of(model, reference=len(trees) == 1)]
            alive[:] = [stack.enter_context(worker(*tree, task, asked.threads)) for tree in trees]
            warm_ms, *_ = [one.answer()["warm_ms"] for one in alive]
            first = model if len(trees) > 1 else _REFERENCE
            yield _sampled(alive[0], first, warm_ms), _sampled(alive[-1], model, warm_ms)

    return take_pairs(open_pair, lambda: _read_cpu_of(alive), asked.rules, partial(progress, model))


def _sampled(one: Worker, name: str, warm_ms: Mapping[str, float]) -> Sample:
    calls = max(1, math.ceil(_SAMPLE_MS / warm_ms[name])) if warm_ms[name] > 0 else 1
    return lambda: float(one.ask(f"{name} {calls}")["ms"])


def _read_cpu_of(workers: list[Worker]) -> CpuReading:
    """Read the counters; the workers' time is our own."""
    times = [psutil.Process(one.process.pid).cpu_times() for one in workers]
    reading = read_cpu()
    return replace(reading, own_s=reading.own_s + sum(one.user + one.system for one in times))
