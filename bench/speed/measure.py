"""From methods to speed records in three steps: plan, run, records; the same conditions for all."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from baselines.method import Method
from bench.clock.clock import Clock, Counters, Progress, time_models
from bench.clock.machine_state import cpu_mhz, read_cpu
from bench.clock.protocol import Protocol
from bench.evaluate.peak import PeakMemory
from bench.own.guard import user_code
from bench.results.provenance import gather
from bench.results.record import SpeedRecord
from bench.speed.answers import check_answers, checks_within
from bench.speed.device import measuring_conditions, open_device
from bench.speed.plan import Plan
from bench.speed.repeats import time_repeats
from bench.speed.roofline import measure_rates
from bench.speed.settings_watch import SettingsWatch
from bench.speed.speed_record import Timed, speed_records
from bench.speed.subjects import prepare_subjects
from bench.speed.trained_subject import TrainedSubject
from bench.speed.variant import Variant

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
    fitted: bool = False,
    protocol: Protocol | None = None,
    command: Sequence[str] | None = None,
    progress: Progress | None = None,
    clock: Clock = time.perf_counter_ns,
    counters: Counters = read_cpu,
) -> list[SpeedRecord]:
    """Time methods against each other, each in every variant, on inputs that never repeat.

    Some answers of timed calls are compared with an unused copy's; a network that remembers, skips work or
    changes torch's global settings gives a record that is not valid, with the reason.

    Timed is float32 image (b, 3, h, w) on the device to float32 logits on the device, without loading,
    normalising and the argmax. An engine's logits are checked against eager fp32 first; one whose logits
    differ is not timed.

    Args:
        methods: At least one, names distinct; the samples of all methods and variants are interleaved.
        size_hw: Height and width of the input, pixels.
        batch: Images per call.
        threads: Threads of one operator on a CPU; None leaves torch's own choice.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        variants: Engines, precisions and whether deployed; by default eager fp32 in the device's layout.
        trained: Weights for the one method, in place of random ones, with data that every variant is scored
            on before it is timed; required by int8, with a calibration.
        fitted: Fit size and folding to each method: one that does not take this size is timed at the
            smallest that holds it, as an image is padded in evaluation, only CARNets are folded, and a
            network's file runs in its own engine. By default such a method is refused.
        protocol: Samples, budget (for all of this function but the scoring on data) and what is valid.
        command: The command line for the record; None takes this process's.
        progress, clock, counters: See `time_models`.

    Returns:
        One per method and variant, in their order, not yet written. A measurement that is not valid is among
        them, with its reasons; it is kept and never tabulated.

    Raises:
        UsageError: No method or variant, one twice, no such device or engine, an engine without this
            precision or without its library, a batch or threads below 1.
        RefusedInput: A network cannot be built, fails on this input, or is another network in an engine.
    """
    protocol = protocol or Protocol()
    began_ns = clock()
    plan = Plan(methods, variants, size_hw, num_classes, batch, open_device(device), trained, fitted)
    plan.require()
    # before the conditions: the counters see no operation in inference mode
    gmacs = plan.gmacs()
    with measuring_conditions(threads) as threads_in_force, user_code("timing", *methods):
        measurements = plan.measurements(threads_in_force)
        folded = {(one.method.name, one.variant.deploy): one.method for one in measurements}
        provenance = {
            (name, deployed): gather(command or sys.argv, method, deployed=deployed)
            for (name, deployed), method in folded.items()
        }
        watch = SettingsWatch()
        ready = prepare_subjects(plan, measurements, threads_in_force, watch)
        if trained is not None:  # scoring on data is not in the budget
            began_ns = clock()
        subjects = {name: one.subject for name, one in ready.items()}
        rates = measure_rates(plan.device, seconds=min(0.5, protocol.budget_s / 40), clock=clock)
        share_s = protocol.budget_s * _REPEAT_BUDGET_SHARE / len(subjects)
        watched = {}
        for name, subject in subjects.items():
            watch.at_work(name)
            # no sample counts here, and one network runs alone
            with PeakMemory(plan.device.torch_device) as peak:
                repeat = time_repeats(subject, plan.device, share_s, clock, counters)
            watched[name] = (repeat, peak)
            subject.keep_some()
        round_s = sum(repeat.fresh_ms for repeat, _ in watched.values()) / 1e3
        checks = checks_within(protocol.budget_s, round_s)
        spent_s = (clock() - began_ns) / 1e9 + checks * round_s

        def prepare(name: str) -> None:
            watch.at_work(name)
            subjects[name].refresh()

        samples = time_models(
            {name: subject.call for name, subject in subjects.items()},
            plan.device.synchronise,
            protocol=replace(protocol, budget_s=max(0.0, protocol.budget_s - spent_s)),
            prepare=prepare,
            clock=clock,
            counters=counters,
            cores=threads_in_force if plan.device.kind == "cpu" else None,
            progress=progress,
        )
        watch.at_work()
        doubts = check_answers(subjects, plan.device.torch_device, plan.device.memory_format, checks)
        for name in subjects:
            doubts[name] += watch.reasons(name)
        run = secrets.token_hex(8)
        timed = Timed(measurements, gmacs, provenance, ready, watched, samples, rates, cpu_mhz(), run, doubts)
    return speed_records(plan, timed)
