"""From methods to speed records: the same conditions for all, fresh inputs, the bound beside the time."""

from __future__ import annotations

import dataclasses
import secrets
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench.clock.clock import Samples, time_models
from bench.clock.machine_state import CpuReading, cpu_mhz, read_cpu
from bench.clock.protocol import Protocol
from bench.clock.statistics import drift, spread
from bench.cost.count import count_costs
from bench.errors import NotMeasured, RefusedInput, UsageError
from bench.evaluate.peak import PeakMemory
from bench.results.provenance import gather
from bench.results.record import SpeedRecord
from bench.results.record_types import SpeedIdentity
from bench.speed.device import measuring_conditions, open_device
from bench.speed.engines.calibration import require_calibration
from bench.speed.engines.engine import find_engine
from bench.speed.identity import speed_identity
from bench.speed.parity import as_values
from bench.speed.repeats import Repeat, Subject, time_repeats
from bench.speed.roofline import Rates, gemm_bound_ms, measure_rates
from bench.speed.subjects import Ready, build_network, prepare_subjects
from bench.speed.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from baselines.method import Method
    from bench.clock.clock import Progress
    from bench.speed.device import Device
    from bench.speed.trained_subject import TrainedSubject

PLAIN = Variant()

_REPEAT_BUDGET_SHARE = 0.2


def measure_speed(
    methods: Sequence[Method],
    size_hw: tuple[int, int],
    *,
    num_classes: int = 19,
    batch: int = 1,
    threads: int | None = None,
    device: str = "auto",
    variants: Sequence[Variant] = (PLAIN,),
    trained: TrainedSubject | None = None,
    protocol: Protocol | None = None,
    command: Sequence[str] | None = None,
    progress: Progress | None = None,
    clock: Callable[[], int] = time.perf_counter_ns,
    counters: Callable[[], CpuReading] = read_cpu,
) -> list[SpeedRecord]:
    """Time methods against each other, each in every variant, on inputs that never repeat.

    Timed is float32 image (b, 3, h, w) on the device to float32 logits on the device; loading, normalising
    and the argmax are not in it. An engine's logits are checked against eager fp32 first; when they differ
    there is no time.

    Parameters
    ----------
    methods
        At least one, names distinct; the samples of all methods and variants are interleaved.
    size_hw
        Height and width of the input, pixels.
    batch
        Images a call.
    threads
        Threads of one operator on a CPU; None leaves torch's own choice.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    variants
        Engines, precisions and whether deployed; by themselves eager fp32 in the device's layout.
    trained
        Weights for the one method, in place of random ones, with data that every variant is scored on before
        it is timed; int8 needs it, with a calibration.
    protocol
        Samples, budget (for all of this function but the scoring on data) and what is valid.
    command
        The command line for the record; None takes this process's.
    progress, clock, counters
        See `time_models`.

    Returns
    -------
    list[SpeedRecord]
        One a method and variant, in their order, not yet written. A measurement that is not valid is among
        them, with its reasons; it is kept and never tabulated.

    Raises
    ------
    UsageError
        No method or variant, one twice, no such device or engine, an engine without this precision or without
        its library, a batch or threads below 1.
    RefusedInput
        A network cannot be built, fails on this input, or is another network in an engine.
    """
    protocol = protocol or Protocol()
    names = [method.name for method in methods]
    if not names or len(set(names)) != len(names):
        raise UsageError(f"models '{' '.join(names)}': give one or more, each once")
    if batch < 1:
        raise UsageError(f"batch {batch}: allowed is 1 or more")
    _require_trained(names, num_classes, variants, trained)
    started_ns = clock()

    def left() -> Protocol:
        spent_s = (clock() - started_ns) / 1e9
        return replace(protocol, budget_s=max(0.0, protocol.budget_s - spent_s))

    # ties together what was timed interleaved: only times of one run are set into ratios
    run = secrets.token_hex(8)
    there = open_device(device)
    wanted = [variant.identity(there) for variant in variants]  # refused here, before any network is built
    if not wanted or any(one in wanted[:index] for index, one in enumerate(wanted)):
        raise UsageError(
            "engines: give one or more, each once; on a CPU eager is channels_last (its plain layout is nchw)"
        )
    # before the conditions: the counters see no operation in inference mode
    costs = {method.name: _gmacs(method, num_classes, size_hw) for method in methods}
    with measuring_conditions(threads) as threads_in_force:
        started = {
            (method.name, deployed): gather(command or sys.argv, method, deployed=deployed)
            for method in methods
            for deployed in {variant.deploy for variant in variants}
        }
        asked = [
            _Asked(
                method,
                variant,
                {
                    **speed_identity(
                        method,
                        variant,
                        size_hw,
                        there,
                        num_classes=num_classes,
                        batch=batch,
                        threads=threads_in_force,
                    ),
                    **({} if trained is None else trained.identity(variant.precision)),
                },
            )
            for method in methods
            for variant in variants
        ]
        ready: dict[str, Ready] = {}
        for method in methods:
            own = [(one.title, one.variant) for one in asked if one.method is method]
            network = (
                build_network(method, num_classes, there)
                if trained is None
                else trained.network(method, there)
            )
            shape = (batch, 3, *size_hw)
            ready |= prepare_subjects(
                method, network, own, shape=shape, device=there, threads=threads_in_force, trained=trained
            )
        if trained is not None:
            started_ns = clock()
        subjects = {name: one.subject for name, one in ready.items()}
        rates = measure_rates(there, seconds=min(0.5, protocol.budget_s / 40), clock=clock)
        share_s = protocol.budget_s * _REPEAT_BUDGET_SHARE / len(subjects)
        watched = {
            name: _watched(subject, there, share_s, clock, counters) for name, subject in subjects.items()
        }
        timed = time_models(
            {name: subject.call for name, subject in subjects.items()},
            there.synchronise,
            protocol=left(),
            prepare=lambda name: subjects[name].refresh(),
            clock=clock,
            counters=counters,
            progress=progress,
        )
        mhz = cpu_mhz()
    records = []
    for one in asked:
        name = one.title
        samples, (repeat, peak) = timed[name], watched[name]
        parity, accuracy = ready[name].parity, ready[name].accuracy
        gmacs, notes = costs[one.method.name]
        if one.variant.precision != "fp32":
            gmacs, notes = None, ["no GEMM bound: the rate is measured in fp32"]
        if one.variant.deploy:
            notes = [*notes, "operations and GEMM bound are those of the network as published, not as folded"]
        values = {
            **_values(samples, batch),
            "repeated_over_fresh": repeat.over_fresh,
            "repeat_pairs": repeat.pairs,
            "peak_mib": peak.mib,
            "peak_measured": peak.measured,
            "interleaved_with": [other for other in subjects if other != name],
            **_bound(samples, None if gmacs is None else gmacs * batch, rates),
            **({} if parity is None else {"parity": as_values(parity)}),
            **({} if accuracy is None else {"accuracy": accuracy.as_values()}),
        }
        versions = ready[name].versions
        records.append(
            SpeedRecord.make(
                {**one.identity, "engine_versions": dict(versions)} if versions else one.identity,
                values,
                {**started[one.method.name, one.variant.deploy], "cpu_mhz": mhz, "run": run},
                reasons=(*samples.chosen.reasons, *repeat.reasons()),
                notes=[*notes, *(() if trained is None else trained.notes)],
            )
        )
    return records


def _watched(
    subject: Subject,
    device: Device,
    budget_s: float,
    clock: Callable[[], int],
    counters: Callable[[], CpuReading],
) -> tuple[Repeat, PeakMemory]:
    """Time repeated inputs, and watch the memory: no sample counts here, and one network runs alone."""
    with PeakMemory(device.torch_device) as peak:
        repeat = time_repeats(subject, device, budget_s, clock, counters)
    return repeat, peak


def _require_trained(
    names: Sequence[str], num_classes: int, variants: Sequence[Variant], trained: TrainedSubject | None
) -> None:
    """Refuse trained weights for several methods, and int8 without what it is calibrated and judged by."""
    if trained is not None and (len(names) != 1 or num_classes != trained.num_classes):
        raise UsageError(
            f"weights of one run for {len(names)} models and {num_classes} classes; allowed are one model "
            f"and the weights' {trained.num_classes} classes"
        )
    for variant in variants:
        ready = trained is not None and trained.judge is not None and trained.calibration is not None
        if variant.precision == "int8" and "int8" in find_engine(variant.engine).precisions and not ready:
            require_calibration(None, variant.engine)


@dataclass(frozen=True)
class _Asked:
    """One measurement that was asked for: a method in a variant."""

    method: Method
    variant: Variant
    identity: dict[str, Any]

    @property
    def title(self) -> str:
        """As `SpeedIdentity.title`."""
        return SpeedIdentity.model_validate({"take": 0, **self.identity}).title


def _gmacs(method: Method, num_classes: int, size_hw: tuple[int, int]) -> tuple[float | None, list[str]]:
    """Return the multiply-adds of one image in 10^9; None with the reason when they cannot be counted."""
    try:
        costs = count_costs(method, num_classes, size_hw, ("gmacs",), components=False)
    except (NotMeasured, RefusedInput) as error:
        return None, [f"no GEMM bound: {error}"]
    return costs.gmacs, [f"no GEMM bound: {note}" for note in costs.notes] if costs.gmacs is None else []


def _values(samples: Samples, batch: int) -> dict[str, Any]:
    summary, chosen = samples.summary, samples.chosen
    values = dataclasses.asdict(summary)
    calls_per_s = values.pop("calls_per_s")
    median_is_zero = summary.median_ms <= 0
    return {
        **values,
        "fps": None if calls_per_s is None else calls_per_s * batch,
        "samples": len(chosen.times_ms),
        "samples_ms": list(chosen.times_ms),
        "drift": None if median_is_zero else drift(chosen.times_ms),
        "spread": None if median_is_zero else spread(chosen.times_ms),
        "foreign_share": chosen.foreign_share,
        "warmup_ms": list(samples.warmup_ms),
        "warmup_stable": samples.warmup_stable,
        "discarded": [
            {
                "samples_ms": list(one.times_ms),
                "foreign_share": one.foreign_share,
                "reasons": list(one.reasons),
            }
            for one in samples.discarded
        ],
    }


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
