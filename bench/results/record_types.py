"""Types of a record's identity: what defines the measurement; `value_types` has the rest.

A key that came later has a default, so that older records keep their ids and stay readable. An identity with
a key that this version does not know is refused: it is another measurement than it would be taken for. Values
and provenance may hold more than is declared here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.models import NAME

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-true", "fp16": "16-true", "int8": "int8"}
"""Short names of the precisions that a speed record holds."""

Pair = Annotated[tuple[int, int], Field(strict=False)]  # JSON has lists only
Name = Annotated[str, Field(pattern=NAME)]
"""A name that may become part of a file's name: no folder can be in it."""
Floats = Annotated[tuple[float, ...], Field(strict=False)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]


class Part(BaseModel):
    """A part of a record; numbers and texts are never converted into each other."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False, protected_namespaces=())


class _Identity(Part):
    model_config = ConfigDict(extra="forbid")


class Machine(Part):
    """CPU and GPU model, cores, memory (GiB), system and torch build; None where the system does not tell."""

    cpu: str | None = None
    gpu: str | None = None
    physical_cores: int | None = None
    logical_cores: int | None = None
    memory_gib: int | None = None
    system: str | None = None
    torch: str | None = None


class Data(_Identity):
    """Name, split and manifest digest (SHA-256) of the images."""

    name: Name
    split: Name
    manifest_sha256: str


class Recipe(Part):
    """The keys of a training recipe that readers of records use; ``Record.stored`` has all of them.

    Names and units are those of `bench.train.recipe.Recipe`.
    """

    name: Name
    model: str
    data: Name
    seed: int
    epochs: int
    batch: int
    crop: Pair
    weights: str
    scloss_weight: float
    scloss_form: str
    model_options: dict[str, Any]
    data_options: dict[str, Any] = {}
    smoke: bool = False


class Run(_Identity):
    """What defines a training run, see `bench.train.run.run_identity`; ``devices`` above 1 use a strategy."""

    model: Name
    num_classes: int
    recipe: Recipe
    initial_weights_sha256: str
    data: Data
    engine: str
    device: str
    precision: str
    batch: int
    size: Pair
    threads: int
    devices: int = 1
    strategy: str | None = None


class TrainingIdentity(Run):
    """A run, and which take of it."""

    take: int = Field(ge=0)


class Protocol(_Identity):
    """How an evaluation predicts and counts, see `bench.evaluate.protocol.Protocol`."""

    data: str
    split: str
    size: str
    scales: Floats
    flip: bool
    ignore: int
    version: int
    align_corners: bool | None = None
    padded_to: str | None = None
    window: Pair | None = None
    stride: Pair | None = None
    averaged: str | None = None
    data_options: dict[str, Any] | None = None


class Outside(_Identity):
    """Predictions from outside, see `bench.predict.score`: their digest (SHA-256), and what their ids are."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    ids: Literal["train", "label"]


_OF_A_RUN = ("weights_sha256", "engine", "device", "precision", "batch", "size", "threads")


class AccuracyIdentity(_Identity):
    """What defines an evaluation: of a run, of a network's file, or of predictions from outside.

    See `bench.train.score`, `bench.speed.file_score` and `bench.predict.score`. How predictions from outside
    were computed is not known; a file has its digest (``weights_sha256``) and no run.
    """

    model: Name
    num_classes: int
    trained: Run | None = Field(None, alias="run")
    file: Literal["onnx", "xml"] | None = None
    predictions: Outside | None = None
    selection: str = "last"
    weights_sha256: str | None = None
    data: Data
    protocol: Protocol
    engine: str | None = None
    device: str | None = None
    precision: str | None = None
    batch: int | None = None
    size: str | None = None
    threads: int | None = None
    take: int = Field(ge=0)

    @model_validator(mode="after")
    def _either(self) -> Self:
        known = [name for name in _OF_A_RUN if getattr(self, name) is not None]
        if self.predictions is None and self.trained is None and self.file is None:
            raise ValueError("run is missing")
        if self.file is not None and self.trained is not None:
            raise ValueError("both a file and a run; expected one of them")
        if self.predictions is None and len(known) < len(_OF_A_RUN):
            raise ValueError(f"{next(name for name in _OF_A_RUN if name not in known)} is missing")
        if self.predictions is not None and (self.trained is not None or self.file is not None or known):
            raise ValueError(f"{[*known, 'run'][0]} of predictions from outside; expected none")
        return self

    @property
    def run(self) -> Run:
        """The training run; a LookupError without one: `of_runs` leaves such records out."""
        if self.trained is None:
            raise LookupError(f"{self.model}: neither predictions from outside nor a file have a run")
        return self.trained


class Images(_Identity):
    """Number and digest of the image files that a whole pipeline was timed on."""

    count: int
    sha256: str


class SpeedIdentity(_Identity):
    """What defines a time, see `bench.speed.identity.speed_identity`.

    Attributes:
        size: Height and width of the input, pixels.
        weights: ``random``, or the SHA-256 of trained ones.
        measured: Quantity timed where it is not the network alone: the whole pipeline from file to classes.
    """

    model: str
    options: dict[str, Any]
    num_classes: int
    weights: str
    protocol: int
    engine: str
    memory_format: str
    precision: str
    device: str
    batch: int
    size: Pair
    threads: int
    machine: Machine
    deploy: bool = False
    heap: str = "system"
    engine_versions: dict[str, str] = {}
    calibration: dict[str, Any] | None = None
    measured: str | None = None
    images: Images | None = None
    take: int = Field(ge=0)

    @property
    def form(self) -> str:
        """Engine, layout, precision and folding in words; empty for eager fp32 in the device's own layout."""
        return form_of(self.engine, self.device, self.memory_format, self.precision, deploy=self.deploy)

    @property
    def title(self) -> str:
        """The model, then what is not the default: ``carnet-mobile (onnxruntime deployed)``."""
        return f"{self.model} ({self.form})" if self.form else self.model

    @property
    def where(self) -> str:
        """The device in words: ``NVIDIA H200``, or a CPU with its threads."""
        name = (self.machine.gpu if self.device == "cuda" else self.machine.cpu) or self.device
        return name if self.device != "cpu" else f"{name}, {self.threads} thread{'s' * (self.threads != 1)}"


def form_of(engine: str, device: str, memory_format: str, precision: str, *, deploy: bool) -> str:
    """Return how a network is run, in words, without what is the default; see `SpeedIdentity.form`."""
    words = []
    if engine != "eager":
        words.append(engine)
    elif device == "cpu" and memory_format == "contiguous_format":
        words.append("eager nchw")
    elif device != "cpu" and memory_format == "channels_last":
        words.append("eager channels_last")
    if precision != PRECISIONS["fp32"]:
        words.append(next((name for name, long in PRECISIONS.items() if long == precision), precision))
    if deploy:
        words.append("deployed")
    return " ".join(words)
