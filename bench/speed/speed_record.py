"""From samples to speed records: every sample, the bound next to the time, the reasons against it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.clock.clock import Samples
from bench.clock.statistics import drift, spread
from bench.evaluate.peak import PeakMemory
from bench.results.record import SpeedRecord
from bench.speed.answers import uneven
from bench.speed.net_file import FileMethod
from bench.speed.parity import as_values
from bench.speed.plan import Measurement, Plan
from bench.speed.repeats import Repeat
from bench.speed.roofline import Rates, gemm_bound_ms, too_fast
from bench.speed.subjects import Ready


@dataclass(frozen=True)
class Timed:
    """What was measured; the mappings are by the title of a measurement.

    Attributes:
        gmacs: As `Plan.gmacs`.
        provenance: By the method's name, and whether it was deployed.
        run: Shared by all that was timed interleaved: only times of one run are set into ratios.
        mhz: Clock of the cores at the end; None where the system does not report it.
        doubts: Why what was timed is not believed, of its answers and of torch's settings.
    """

    measurements: list[Measurement]
    gmacs: Mapping[str, tuple[float | None, list[str]]]
    provenance: Mapping[tuple[str, bool], Mapping[str, Any]]
    ready: Mapping[str, Ready]
    watched: Mapping[str, tuple[Repeat, PeakMemory]]
    samples: Mapping[str, Samples]
    rates: Rates
    mhz: float | None
    run: str
    doubts: Mapping[str, Sequence[str]]


def speed_records(plan: Plan, timed: Timed) -> list[SpeedRecord]:
    """Return one record per measurement, in their order."""
    return [_record(plan, timed, one) for one in timed.measurements]


def _record(plan: Plan, timed: Timed, one: Measurement) -> SpeedRecord:
    name = one.title
    ready, samples, (repeat, peak) = timed.ready[name], timed.samples[name], timed.watched[name]
    gmacs, notes = timed.gmacs[one.method.name]
    if one.variant.precision != "fp32":
        gmacs, notes = None, ["no GEMM bound: the rate is measured in fp32"]
    if one.variant.deploy:
        notes = [*notes, "operations and GEMM bound are those of the network as published, not as folded"]
    bound = _bound(samples, None if gmacs is None else gmacs * plan.batch, timed.rates)
    # a cost that depends on the image makes both the bound and the samples differ rightly
    against = () if one.method.cost_curve else (*uneven(samples.chosen.times_ms), *too_fast(bound))
    values = {
        **chosen_values(samples, plan.batch),
        **_other_samples(samples),
        "repeated_over_fresh": repeat.over_fresh,
        "repeat_pairs": repeat.pairs,
        "peak_mib": peak.mib,
        "peak_measured": peak.measured,
        "interleaved_with": [other for other in timed.ready if other != name],
        **bound,
        **({} if ready.parity is None else {"parity": as_values(ready.parity)}),
        **({} if ready.accuracy is None else {"accuracy": ready.accuracy.model_dump()}),
    }
    engine = {"engine_versions": dict(ready.versions)} if ready.versions else {}
    return SpeedRecord.make(
        {**one.identity, **engine},
        values,
        {**timed.provenance[one.method.name, one.variant.deploy], "cpu_mhz": timed.mhz, "run": timed.run},
        reasons=(*samples.chosen.reasons, *repeat.reasons(), *timed.doubts[name], *against),
        notes=[*notes, *(() if plan.trained is None else plan.trained.notes), *_of_file(one)],
    )


def _of_file(one: Measurement) -> tuple[str, ...]:
    return one.method.file.notes if isinstance(one.method, FileMethod) else ()


def chosen_values(samples: Samples, batch: int = 1) -> dict[str, Any]:
    """Return the statistics and the raw samples of the attempt that counts."""
    times_ms = samples.chosen.times_ms
    values = dataclasses.asdict(samples.summary)
    calls_per_s = values.pop("calls_per_s")
    known = samples.summary.median_ms > 0
    return {
        **values,
        "fps": None if calls_per_s is None else calls_per_s * batch,
        "samples": len(times_ms),
        "samples_ms": list(times_ms),
        "drift": drift(times_ms) if known else None,
        "spread": spread(times_ms) if known else None,
        "foreign_share": samples.chosen.foreign_share,
    }


def _other_samples(samples: Samples) -> dict[str, Any]:
    discarded = [
        {"samples_ms": list(one.times_ms), "foreign_share": one.foreign_share, "reasons": list(one.reasons)}
        for one in samples.discarded
    ]
    warmup = {"warmup_ms": list(samples.warmup_ms), "warmup_stable": samples.warmup_stable}
    return {**warmup, "discarded": discarded}


def _bound(samples: Samples, gmacs: float | None, rates: Rates) -> Mapping[str, Any]:
    """Return the operations of one call, their time at the GEMM rate, and that over the median."""
    bound_ms = None if gmacs is None else gemm_bound_ms(gmacs, rates)
    median_ms = samples.summary.median_ms
    return {
        "gmacs": gmacs,
        "gemm_bound_ms": bound_ms,
        "gemm_fraction": None if bound_ms is None or median_ms <= 0 else bound_ms / median_ms,
        **dataclasses.asdict(rates),
    }
