"""What `measure_speed` measures; what cannot be measured is refused before any network is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from baselines.method import Method
from bench.cost.kept import kept_costs
from bench.errors import NotMeasured, RefusedInput, UsageError
from bench.results.record_types import SpeedIdentity
from bench.speed.device import Device
from bench.speed.engines.calibration import require_calibration
from bench.speed.engines.engine import find_engine
from bench.speed.identity import speed_identity
from bench.speed.net_file import FileMethod
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
class Plan:
    """Every method in every variant; see `measure_speed` for the attributes."""

    methods: Sequence[Method]
    variants: Sequence[Variant]
    size_hw: tuple[int, int]
    num_classes: int
    batch: int
    device: Device
    trained: TrainedSubject | None = None
    fitted: bool = False

    def size_of(self, method: Method) -> tuple[int, int]:
        """Return the size at which a method is measured."""
        return method.sizes.fitting(self.size_hw) if self.fitted else self.size_hw

    def variant_of(self, method: Method, variant: Variant) -> Variant:
        """Return the variant in which a method is measured."""
        return fitting_variant(method, variant) if self.fitted else variant

    def require(self) -> None:
        """Refuse what cannot be measured together.

        Raises:
            UsageError: See `measure_speed`.
        """
        names, trained = [method.name for method in self.methods], self.trained
        if not names or len(set(names)) != len(names):
            raise UsageError(f"models '{' '.join(names)}': name at least one, each once")
        if self.batch < 1:
            raise UsageError(f"batch {self.batch}: expected 1 or more")
        if trained is not None and (len(names) != 1 or self.num_classes != trained.num_classes):
            raise UsageError(
                f"weights of one run for {len(names)} models and {self.num_classes} classes; expected one "
                f"model and the weights' {trained.num_classes} classes"
            )
        for variant in self.variants:
            ready = trained is not None and trained.judge is not None and trained.calibration is not None
            if variant.precision == "int8" and "int8" in find_engine(variant.engine).precisions and not ready:
                require_calibration(None, variant.engine)
        for method in self.methods:
            if isinstance(method, FileMethod):
                self._require_file(method)
        wanted = [variant.identity(self.device) for variant in self.variants]
        if not wanted or any(one in wanted[:index] for index, one in enumerate(wanted)):
            raise UsageError("--engine: name each engine once (on a CPU, eager already means channels_last)")

    def _require_file(self, method: FileMethod) -> None:
        """Refuse what a network's file cannot do: another engine, precision, size, batch or folding."""
        file = method.file
        for variant in (self.variant_of(method, one) for one in self.variants):
            if variant.engine not in file.engines:
                raise UsageError(
                    f"{file.path}: runs in {' or '.join(file.engines)}, not in {variant.engine}",
                    then=f"--engine {file.engines[0]}",
                )
            if variant.deploy or variant.precision != "fp32":
                raise UsageError(f"{file.path}: a file is timed as it is; drop --deploy and --precision")
        if (self.batch, 3, *self.size_hw) != file.shape:
            height, width = file.size_hw
            raise UsageError(
                f"{file.path}: takes {file.shape[0]} images of {height}x{width}, not {self.batch} of "
                f"{self.size_hw[0]}x{self.size_hw[1]}",
                then=f"--size {height}x{width} --batch {file.shape[0]}",
            )

    def gmacs(self) -> dict[str, tuple[float | None, list[str]]]:
        """Return 10^9 multiply-adds of an image by method's name; None with the reason if not counted."""
        uncounted = (None, ["no GEMM bound: the operations of a file are not counted"])
        return {
            method.name: uncounted
            if isinstance(method, FileMethod)
            else _gmacs(method, self.num_classes, self.size_of(method))
            for method in self.methods
        }

    def measurements(self, threads: int) -> list[Measurement]:
        """Return what is measured with this number of threads, method by method."""
        return [
            Measurement(method, variant, self._identity(method, variant, threads))
            for method in self.methods
            for variant in (self.variant_of(method, one) for one in self.variants)
        ]

    def _identity(self, method: Method, variant: Variant, threads: int) -> dict[str, Any]:
        numbers = {"num_classes": self.num_classes, "batch": self.batch, "threads": threads}
        identity = speed_identity(method, variant, self.size_of(method), self.device, **numbers)
        if isinstance(method, FileMethod):
            return identity | {"weights": method.file.sha256}
        return identity if self.trained is None else identity | self.trained.identity(variant.precision)


def fitting_variant(method: Method, variant: Variant) -> Variant:
    """Return the variant without folding for a method that cannot be folded, and a file's as it is."""
    if isinstance(method, FileMethod):
        engines = method.file.engines
        return Variant(variant.engine if variant.engine in engines else engines[0])
    return variant if method.family == "carnet" else replace(variant, deploy=False)


def _gmacs(method: Method, num_classes: int, size_hw: tuple[int, int]) -> tuple[float | None, list[str]]:
    try:
        costs = kept_costs(method, num_classes, size_hw, ("gmacs",), components=False)
    except (NotMeasured, RefusedInput) as error:
        return None, [f"no GEMM bound: {error}"]
    return costs.gmacs, [f"no GEMM bound: {note}" for note in costs.notes] if costs.gmacs is None else []
