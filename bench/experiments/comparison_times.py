"""The times of a comparison's methods on this machine: all of them in one interleaved run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from baselines.method import Method
from bench.clock.protocol import Protocol
from bench.results.provenance import machine
from bench.results.record import SpeedRecord
from bench.results.record_types import Machine
from bench.results.select import Tabulated, is_time_of, newest_first
from bench.results.store import add_record, read_records
from bench.speed.device import measuring_conditions, open_device
from bench.speed.measure import PLAIN, measure_speed
from bench.speed.net_file import FileMethod
from bench.speed.plan import fitting_variant
from bench.speed.variant import Variant, form_of_variant
from bench.train.settings import Settings

SECONDS_EACH = 20.0
"""Seconds for the samples of one method, where no budget is given."""
_SAMPLES = 100


@dataclass(frozen=True)
class Timing:
    """What is timed, and how.

    Attributes:
        networks: The methods, each with the options that it is trained with, and networks' files.
        size_hw: Input size, pixels; a method that does not take it is timed at the smallest that holds it.
        num_classes: Output classes.
        settings: Home, device and threads.
        variant: Engine, precision, and whether deployed; only CARNets are, and a file is timed as it is.
    """

    networks: Sequence[Method]
    size_hw: tuple[int, int]
    num_classes: int
    settings: Settings
    variant: Variant = field(default=PLAIN)


def recorded_times(timing: Timing, *, anywhere: bool = False) -> dict[str, SpeedRecord]:
    """Return the valid times of one interleaved run, by name: of the run that holds most of the methods.

    Of several, that of this machine comes first, then the latest.

    Args:
        timing: What is looked for; the threads count on a CPU.
        anywhere: Whether runs on other machines count.
    """
    device = open_device(timing.settings.device).kind
    with measuring_conditions(timing.settings.threads) as threads:
        pass
    known = Tabulated({network.name: network for network in timing.networks})
    here = Machine(**machine())
    runs: dict[str, dict[str, SpeedRecord]] = {}
    for record in newest_first(read_records(timing.settings.home, "speed", strict=False)):
        network = next((one for one in timing.networks if one.name == record.identity.model), None)
        run = record.provenance.run
        fits = (
            network is not None
            and run is not None
            and record.valid
            and is_time_of(
                record,
                network.name,
                network.sizes.fitting(timing.size_hw),
                timing.num_classes,
                form=form_of_variant(fitting_variant(network, timing.variant), device),
                options=network.options,
            )
            and record.identity.device == device
            and (device != "cpu" or record.identity.threads == threads)
            and (not isinstance(network, FileMethod) or record.identity.weights == network.file.sha256)
            and (anywhere or _machine(record) == here)
            and not known.is_stale(record)
        )
        if fits and network is not None and run is not None:
            runs.setdefault(run, {}).setdefault(network.name, record)
    found = list(runs.values())
    # sorting is stable: of equals the latest stays first
    found.sort(key=lambda times: (len(times), _machine(next(iter(times.values()))) == here), reverse=True)
    return found[0] if found else {}


def time_methods(
    timing: Timing,
    *,
    budget_s: float | None = None,
    progress: Callable[[str, float], None] = lambda *_: None,
    log: Callable[[str], None] = lambda _: None,
) -> None:
    """Time the methods in one interleaved run, unless a run on record here holds valid times of all.

    Args:
        timing: What is timed.
        budget_s: Seconds; None gives each method `SECONDS_EACH`.
        progress: Called with the stage and the share of the work done (0..1).
        log: Called with the reasons of what is not valid.

    Raises:
        UsageError, RefusedInput: As `measure_speed`: an engine that is not available, or a network that
            cannot be timed.
    """
    if len(recorded_times(timing)) == len(timing.networks):
        return
    records = measure_speed(
        timing.networks,
        timing.size_hw,
        num_classes=timing.num_classes,
        threads=timing.settings.threads,
        device=timing.settings.device,
        variants=(timing.variant,),
        fitted=True,
        protocol=Protocol(
            samples=_SAMPLES,
            budget_s=SECONDS_EACH * len(timing.networks) if budget_s is None else budget_s,
        ),
        command=timing.settings.command,
        progress=progress,
    )
    for record in records:
        add_record(record, timing.settings.home)
        if not record.valid:
            log(f"{record.identity.title}: time not valid, {'; '.join(record.reasons)}")


def _machine(record: SpeedRecord) -> Machine:
    # the record's has torch's build, too
    return record.identity.machine.model_copy(update={"torch": None})
