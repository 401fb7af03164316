"""Types of what a record holds next to its identity: values, provenance, sidecar."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bench.results.record_types import Floats, Machine, Part, Texts


class AccuracyValues(Part):
    """Scores as fractions, None for a class without one; see `bench.evaluate.evaluate.Evaluation.values`."""

    miou: float
    iou: dict[str, float | None]
    pixel_accuracy: float | None
    mean_accuracy: float | None
    images: int
    labelled_pixels: int
    ignored_pixels: int
    wall_s: float
    peak_mib: float | None = None
    peak_measured: str | None = None


class SclossProbe(Part):
    """What SCLoss has learnt at an epoch's end (`bench.train.scloss_probe`); lists have one entry per module.

    Attributes:
        semantic_loss: Eq. 5 of each module, before lambda.
        present, absent: Mean predicted presence (0..1) of the classes that occur in the crop, and of those
            that do not; None where there are none.
        pixel_gradient_norm, scloss_gradient_norm: Norms of the gradients of Eq. 4 and of lambda times Eq. 5.
        scloss_share: Projection of the second gradient on the total one, over the length of the total.
        clip_factor: Factor by which ``clip_norm`` shortens the total gradient; 1 where it does not.
    """

    semantic_loss: list[float]
    present: list[float | None]
    absent: list[float | None]
    pixel_gradient_norm: float
    scloss_gradient_norm: float
    scloss_share: float | None
    clip_factor: float


class CurvePoint(Part):
    """State of a run at the end of an epoch; the loss is the epoch's mean."""

    epoch: int
    step: int
    loss: float
    encoder_lr: float
    val_miou: float | None = None
    scloss: SclossProbe | None = None


class Kept(Part):
    """The weights that were kept: by which rule, of which epoch, with which validation mIoU (a fraction)."""

    rule: str
    epoch: int | None
    val_miou: float | None


class TrainingValues(Part):
    """How a run went, see `bench.train.training_record.record_of`."""

    steps: int
    epochs: int
    train_s: float
    mean_step_s: float | None
    empty_batches: int
    curve: list[CurvePoint]
    final_weights_sha256: str | None
    skipped_updates: int = 0
    stopped_early: bool = False
    selection: Kept | None = None


class Parity(Part):
    """Distance of an engine's logits from eager's, see `bench.speed.parity.Parity`."""

    max_abs: float | None
    relative: float | None
    argmax_agreement: float


class EngineScore(Part):
    """Score of an engine next to eager's.

    Attributes:
        data, split, images, manifest_sha256: What both were scored on.
        eager_miou, miou: Scores of eager fp32 and of the engine, 0..1.
        loss: The first less the second: negative where the engine is better.
        max_loss: Largest loss accepted.
    """

    data: str
    split: str
    images: int
    manifest_sha256: str
    eager_miou: float
    miou: float
    loss: float
    max_loss: float

    def __str__(self) -> str:
        return (
            f"mIoU {100 * self.miou:.2f} %, eager fp32's {100 * self.eager_miou:.2f} %, loss "
            f"{100 * self.loss:+.2f} points (allowed {100 * self.max_loss:g}) on {self.data} {self.split}, "
            f"{self.images} images"
        )


class Times(Part):
    """Statistics of one call's times; rates and shares are None where the clock cannot resolve the call."""

    median_ms: float
    p90_ms: float
    p99_ms: float | None
    mean_ms: float
    std_ms: float | None
    fps: float | None
    samples: int
    samples_ms: Floats
    drift: float | None
    spread: float | None
    foreign_share: float | None


class SpeedValues(Times):
    """Times, memory and bounds of a network, see `bench.speed.measure`; ``parts`` are those of a pipeline."""

    warmup_ms: Floats = ()
    warmup_stable: bool | None = None
    repeated_over_fresh: float | None = None
    repeat_pairs: int | None = None
    peak_mib: float | None = None
    peak_measured: str | None = None
    interleaved_with: Texts = ()
    gmacs: float | None = None
    gemm_bound_ms: float | None = None
    gemm_fraction: float | None = None
    gemm_gmacs_per_s: float | None = None
    copy_gb_per_s: float | None = None
    parity: dict[str, Parity] | None = None
    accuracy: EngineScore | None = None
    parts: dict[str, Times] = Field(default_factory=dict)


class Provenance(Part):
    """How a measurement came about, see `bench.results.provenance.gather`.

    Attributes:
        dirty: Whether the code differed from the commit; None where that is not known.
        unknown: Why it is not known.
        source: Digests of the code that decided the measurement; None where they are not known.
        run: Shared by the times of one interleaved run: only these are set into ratios.
        from_step: First step of a training that a process did.
        parts: What else the measurement is made of: the earlier processes of a resumed run where anything
            differed, and for a score the processes that trained its weights.
    """

    command: Texts = ()
    commit: str | None = None
    dirty: bool | None = None
    unknown: str | None = None
    source: dict[str, str] | None = None
    machine: Machine | None = None
    versions: dict[str, str | None] = Field(default_factory=dict)
    threads: int | None = None
    usable_cores: int | None = None
    load_1min: float | None = None
    started_utc: str | None = None
    run: str | None = None
    cpu_mhz: float | None = None
    resumed_at_step: int | None = None
    c_compiler: str | None = None
    from_step: int | None = None
    parts: Annotated[tuple[Provenance, ...], Field(strict=False)] = ()


class Sidecar(Part, extra="forbid"):
    """File name and digest of a record's arrays."""

    file: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
