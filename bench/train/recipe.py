"""What to train and how: a frozen dataclass, read strictly from TOML."""

from __future__ import annotations

import copy
import dataclasses
import math
import re
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from bench.data.catalogue import entry
from bench.data.own.folder import own_file
from bench.errors import RefusedInput, unknown
from bench.toml_text import as_table, brief, text_of
from bench.train.fitted import fit_to_data
from bench.train.recipe_methods import section_of
from bench.train.recipe_text import parse_changes, require_plain

__all__ = ["LATER", "Recipe", "from_table", "load", "names", "parse_changes"]

FOLDER = Path(__file__).parent / "recipes"
DEFAULT = "default"
"""The recipe that fits any data set."""
_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_MOST_STEP_PIXELS = 2**30
"""Pixels of a step: a batch of so many is 11 GB of bytes for images and 64-bit labels."""

_RANGES: dict[str, tuple[float, str, float]] = {
    **dict.fromkeys(("batch", "accumulate"), (1, "<=", 4096)),
    **dict.fromkeys(("epochs", "lr_every_epochs"), (1, "<=", 1_000_000)),
    **dict.fromkeys(("validate_every", "stop_after", "probe_every"), (0, "<=", 1_000_000)),
    **dict.fromkeys(("momentum", "ema_decay", "ohem_threshold"), (0, "<", 1)),
    **dict.fromkeys(("flip", "lr_factor", "weight_decay"), (0, "<=", 1)),
    **dict.fromkeys(("encoder_lr", "decoder_lr", "clip_norm", "checkpoint_every_s"), (0, "<", math.inf)),
    "scloss_weight": (0, "<=", 1_000_000),
    "poly_power": (0, "<=", 100),
    "warmup_steps": (0, "<=", 10**9),
    "ohem_min_kept": (1, "<=", 10**9),
    "crop": (1, "<=", 8192),
    "short_side_least": (0, "<=", 8192),
    "scale": (0.01, "<=", 10),
    "seed": (0, "<=", 2**63 - 1),
}
"""Allowed range of each number: least, and ``<`` or ``<=`` most; of a pair, the range of both."""


LATER = frozenset(
    {"sync_bn", "accumulate", "ema_decay", "ohem_threshold", "ohem_min_kept", "stop_after", "selection"}
    | {"short_side_least", "deterministic", "probe_every"}
)
"""The recipe's keys that came after the first published records."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run besides data, code and threads.

    Attributes:
        name: ``DATA-PRESET``, the file's name.
        model, model_options: Registry name (or ``file.py:build``) and keyword options of its builder.
        data, data_options: Data set name and options of its class.
        weights: Name of ImageNet weights for the encoder (``bench.train.weights``); ``none`` is random.
        crop: (height, width) of training crops, in pixels (Section IV.A: 800 for Cityscapes); one number: a
            square.
        scale: Bounds of the random scale (Section IV.A: 0.5 to 2).
        flip: Probability of a horizontal flip.
        batch: Images per forward pass, on all devices together (Section IV.A: 6).
        epochs: Passes over the training split.
        encoder_lr, decoder_lr: The two initial rates of SGD (Section IV.A).
        schedule: ``step``: times ``lr_factor`` after every ``lr_every_epochs`` epochs (Section IV.A);
            ``poly``: times (1 - step / steps) ** ``poly_power``; ``cosine``: times (1 + cos(pi step / steps))
            / 2.
        warmup_steps: Steps over which both rates rise linearly from 0.
        momentum, weight_decay: Momentum and weight decay of SGD (Section IV.A: 0.9 and 1e-5).
        clip_norm: Largest norm of the gradient; 0 does not clip.
        freeze_encoder_bn: Keeps the encoder's batch-norm statistics and does not train its weights.
        sync_bn: Batch-norm over the batch of all devices together; with one device it is that anyway.
        accumulate: Forward passes per step: their gradients are those of one batch of ``accumulate * batch``
            images.
        ema_decay: Decay of the mean of the weights, which is evaluated and kept in place of the last; 0 keeps
            those.
        ohem_threshold, ohem_min_kept: Only pixels whose true class has less than this probability count in
            the pixels' loss, but never fewer than ``ohem_min_kept`` per forward pass; threshold 0 counts
            every pixel.
        scloss_weight, scloss_form: lambda of Eq. 3, and ``paper`` or ``bce``.
        validate_every: Epochs between validations; the last epoch is always validated; 0 never validates.
        stop_after: Validations without a new best after which the run ends ("or the accuracy stops
            improving", Section IV.A); 0 trains every epoch.
        selection: Epoch whose weights are kept: the ``last``, or that of the ``best`` validation (the first
            of equals).
        short_side_least: Least length of an image's shorter side after the random scale, in pixels.
        probe_every: Epochs between probes of SCLoss, which cost about four steps each and change nothing
            (``bench.train.scloss_probe``); 0 never probes.
        deterministic: Refuses operations whose result may differ from run to run on the same machine.
        checkpoint_every_s: Seconds between checkpoints inside an epoch; each epoch's end has one anyway.
        precision: As Lightning Fabric names it: ``32-true``, ``bf16-mixed``, ``16-mixed``.
        seed: Seed of initial weights, order and augmentation.
        smoke: Marks a run that only shows that the parts fit; its records are never tabulated.
    """

    name: str
    model: str
    data: str
    crop: tuple[int, int]
    epochs: int
    encoder_lr: float
    decoder_lr: float
    model_options: dict[str, Any] = field(default_factory=dict)
    data_options: dict[str, Any] = field(default_factory=dict)
    weights: str = "none"
    scale: tuple[float, float] = (0.5, 2.0)
    flip: float = 0.5
    batch: int = 6
    schedule: Literal["step", "poly", "cosine"] = "poly"
    lr_factor: float = 0.5
    lr_every_epochs: int = 100
    poly_power: float = 0.9
    warmup_steps: int = 0
    momentum: float = 0.9
    weight_decay: float = 1e-5
    clip_norm: float = 0.0
    freeze_encoder_bn: bool = False
    scloss_weight: float = 0.2
    scloss_form: Literal["paper", "bce"] = "paper"
    validate_every: int = 1
    checkpoint_every_s: float = 300.0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = 0
    smoke: bool = False
    sync_bn: bool = False
    accumulate: int = 1
    ema_decay: float = 0.0
    ohem_threshold: float = 0.0
    ohem_min_kept: int = 100_000
    stop_after: int = 0
    selection: Literal["last", "best"] = "last"
    short_side_least: int = 0
    deterministic: bool = False
    probe_every: int = 0

    def __post_init__(self) -> None:
        """Check the ranges that types cannot say."""
        if not _NAME.fullmatch(self.name):
            raise RefusedInput(f"recipe name '{self.name}'; expected 1 to 64 of [a-z0-9_-]")
        for key, (least, below, most) in _RANGES.items():
            self._require_in_range(key, least, below, most)
        if self.scale[0] > self.scale[1]:
            raise RefusedInput(
                f"recipe {self.name}: scale = {list(self.scale)}, expected the lower bound first"
            )
        pixels = math.prod((self.batch, self.accumulate, *self.crop))
        if pixels > _MOST_STEP_PIXELS:
            raise RefusedInput(
                f"recipe {self.name}: batch {self.batch} x accumulate {self.accumulate} x crop "
                f"{self.crop[0]}x{self.crop[1]} are {pixels} pixels a step, expected <= {_MOST_STEP_PIXELS}"
            )
        if self.validate_every == 0 and (self.stop_after or self.selection == "best"):
            requested = "stop_after" if self.stop_after else "selection = 'best'"
            raise RefusedInput(f"recipe {self.name}: {requested} needs validations, and validate_every is 0")

    def _require_in_range(self, key: str, least: float, below: str, most: float) -> None:
        value = getattr(self, key)
        too_low, too_high = f">= {least}", f"{below} {most}"
        for number in value if isinstance(value, tuple) else (value,):
            if number < least:
                expected = too_low if most == math.inf else f"{too_low} and {too_high}"
            elif number > most or (number == most and below == "<"):
                expected = f"{too_high} and {too_low}"
            else:
                continue
            raise RefusedInput(f"recipe {self.name}: {key} = {value}, expected {expected}")

    def identity(self) -> dict[str, Any]:
        """Return what decides the outcome, as JSON can hold it: all but when checkpoints are written.

        A key of `LATER` is left out at its default, so that the runs recorded before it keep their names.
        """
        return {
            item.name: list(value) if isinstance(value, tuple) else copy.deepcopy(value)
            for item in dataclasses.fields(self)
            if item.name != "checkpoint_every_s"
            and not ((value := getattr(self, item.name)) == item.default and item.name in LATER)
        }


def names() -> list[str]:
    """Return the names of the package's recipes."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(
    name_or_path: str,
    changes: dict[str, Any] | None = None,
    *,
    data_root: Path | None = None,
    home: Path | None = None,
) -> Recipe:
    """Return a recipe by name or from a ``.toml`` file, with ``changes`` laid over it.

    A change to another model drops the recipe's ``model_options``, which are those of its own model; then the
    keys of ``[methods.MODEL]`` are laid over the recipe's, and ``changes`` over both. Likewise a change to
    other data drops the ``data_options``. ``data`` may be a data set of the user's own, as
    `bench.data.catalogue.entry` takes it, in a recipe file relative to that file; the recipe keeps its name.

    Args:
        name_or_path: A name of `names`, or a file.
        changes: Keys with other values.
        data_root, home: Where the data is looked for when the recipe says ``"fit"`` (`fit_to_data`).

    Raises:
        UsageError: No recipe of this name; the choices are listed.
        RefusedInput: An unknown key (the known ones are listed), a wrong type, NaN or infinity, a missing
            key, a file that is not TOML.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = FOLDER / f"{name_or_path}.toml"
        if not _NAME.fullmatch(name_or_path) or not path.is_file():
            raise unknown("recipe", name_or_path, names())
    table = as_table(text_of(path, then=f"recipes by name: {', '.join(names())}"), str(path))
    sections = table.pop("methods", {})
    if (changes or {}).get("data", table.get("data")) != table.get("data"):
        table.pop("data_options", None)
    changes = _nested(table, changes or {})
    model = changes.get("model", table.get("model"))
    if model != table.get("model"):
        table.pop("model_options", None)
    own = section_of(model, sections, path.name)
    for place, base in ((table, path.parent), (changes, Path())):
        # whoever opens the data refuses an unknown name
        if isinstance(data := place.get("data"), str) and own_file(data, base) is not None:
            place["data"] = entry(data, base).name
    whole = {"name": path.stem, **table, **own, **changes}
    images = {key: whole.get(key, default) for key, default in (("batch", Recipe.batch), ("accumulate", 1))}
    if all(type(number) is int for number in images.values()):  # else refused by its type
        whole |= fit_to_data(whole, math.prod(images.values()), data_root=data_root, home=home)
    return from_table(whole, path.name)


def _nested(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes with ``data_options.KEY`` laid over the recipe's own ``data_options``."""
    nested = dict(changes)
    for key in changes:
        outer, _, inner = key.partition(".")
        base = nested.get(outer, table.get(outer, {}))
        if outer == "data_options" and inner and isinstance(base, dict):
            nested[outer] = {**base, inner: nested.pop(key)}
    return nested


def from_table(table: dict[str, Any], source: str) -> Recipe:
    """Return the recipe of a table, every value checked against its field's type."""
    hints = typing.get_type_hints(Recipe)
    for key, value in table.items():
        if key not in hints:
            raise RefusedInput(f"{source}: unknown key {brief(key)}; choose from {', '.join(hints)}")
        require_plain(value, f"{source}: {key}")
    missing = [
        item.name
        for item in dataclasses.fields(Recipe)
        if item.default is item.default_factory is dataclasses.MISSING and item.name not in table
    ]
    if missing:
        raise RefusedInput(f"{source}: missing {', '.join(missing)}")
    return Recipe(**{key: typed(value, hints[key], f"{source}: {key}") for key, value in table.items()})


def typed(value: Any, hint: Any, where: str) -> Any:
    """Return a value that has the field's type; only an integer may stand for a float."""
    given, kinds = value, typing.get_args(hint)
    is_tuple = typing.get_origin(hint) is tuple
    if is_tuple:
        is_square = type(value) is int and kinds == (int, int)
        given = (value, value) if is_square else tuple(value) if isinstance(value, list) else value
    try:
        return TypeAdapter(hint, config=_STRICT).validate_python(given)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"].removeprefix("Input should be ")
        expected = f"{len(kinds)} numbers" if is_tuple else reason
        raise RefusedInput(f"{where} = {brief(value)}; expected {expected}") from error
