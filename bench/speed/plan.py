"""What `measure_speed` measures; what cannot be measured is refused before any network is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.cost.count import count_costs
from bench.errors import NotMeasured, RefusedInput, UsageError
from bench.results.record_types import SpeedIdentity
from bench.speed.device import open_device
from bench.speed.engines.calibration import require_calibration
from bench.speed.engines.engine import find_engine
from bench.speed.identity import speed_identity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baselines.method import Method
    from bench.speed.device import Device
    from bench.speed.trained_subject import TrainedSubject
    from bench.speed.variant import Variant


@dataclass(frozen=True)
class Measurement:
    """One method in one variant, with the identity of its record."""

    method: Method
    variant: Variant
    identity: dict[str, Any]

    @property
    def title(self) -> str:
        """As `SpeedIdentity.title`."""
        return SpeedIdentity.model_validate({"take": 0, **self.identity}).title


@dataclass(frozen=True)
class Gmacs:
    """Multiply-adds of one image in 10^9; None with the reason in the notes when they cannot be counted."""

    value: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Every method in every variant; see `measure_speed` for the attributes.

    Attributes
    ----------
    gmacs
        By method's name.
    """

    methods: Sequence[Method]
    variants: Sequence[Variant]
    size_hw: tuple[int, int]
    num_classes: int
    batch: int
    device: Device
    trained: TrainedSubject | None
    gmacs: Mapping[str, Gmacs]

    def measurements(self, threads: int) -> list[Measurement]:
        """Return what is measured with this number of threads, method by method."""
        return [
            Measurement(method, variant, self._identity(method, variant, threads))
            for method in self.methods
            for variant in self.variants
        ]

    def _identity(self, method: Method, variant: Variant, threads: int) -> dict[str, Any]:
        identity = speed_identity(
            method,
            variant,
            self.size_hw,
            self.device,
            num_classes=self.num_classes,
            batch=self.batch,
            threads=threads,
        )
        return identity if self.trained is None else identity | self.trained.identity(variant.precision)


def plan_speed(
    methods: Sequence[Method],
    size_hw: tuple[int, int],
    *,
    num_classes: int,
    batch: int,
    device: str,
    variants: Sequence[Variant],
    trained: TrainedSubject | None,
) -> Plan:
    """Open the device, check that it has what the variants need, and count each method's operations.

    Raises
    ------
    UsageError
        No such device or engine, or no variant or one twice.
    """
    there = open_device(device)
    wanted = [variant.identity(there) for variant in variants]
    if not wanted or any(one in wanted[:index] for index, one in enumerate(wanted)):
        raise UsageError("--engine: name each engine once (on a CPU, eager already means channels_last)")
    # before the conditions: the counters see no operation in inference mode
    gmacs = {method.name: _gmacs(method, num_classes, size_hw) for method in methods}
    return Plan(methods, variants, size_hw, num_classes, batch, there, trained, gmacs)


def require_call(
    methods: Sequence[Method],
    num_classes: int,
    batch: int,
    variants: Sequence[Variant],
    trained: TrainedSubject | None,
) -> None:
    """Refuse no method or one twice, several methods for one run's weights, and int8 without its data.

    Raises
    ------
    UsageError
        Naming what was given.
    """
    names = [method.name for method in methods]
    if not names or len(set(names)) != len(names):
        raise UsageError(f"models '{' '.join(names)}': name at least one, each once")
    if batch < 1:
        raise UsageError(f"batch {batch}: expected 1 or more")
    if trained is not None and (len(names) != 1 or num_classes != trained.num_classes):
        raise UsageError(
            f"weights of one run for {len(names)} models and {num_classes} classes; expected one model "
            f"and the weights' {trained.num_classes} classes"
        )
    for variant in variants:
        ready = trained is not None and trained.judge is not None and trained.calibration is not None
        if variant.precision == "int8" and "int8" in find_engine(variant.engine).precisions and not ready:
            require_calibration(None, variant.engine)


def _gmacs(method: Method, num_classes: int, size_hw: tuple[int, int]) -> Gmacs:
    try:
        costs = count_costs(method, num_classes, size_hw, ("gmacs",), components=False)
    except (NotMeasured, RefusedInput) as error:
        return Gmacs(None, (f"no GEMM bound: {error}",))
    notes = costs.notes if costs.gmacs is None else ()
    return Gmacs(costs.gmacs, tuple(f"no GEMM bound: {note}" for note in notes))
