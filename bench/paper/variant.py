"""A degraded CARNet as the paper's Section IV.C names it, and the one form of recipe that trains it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from baselines.registry import METHODS
from bench.errors import UsageError

BACKBONES = ("mobile", "resnet50", "resnet101", "resnet152")
_CASCADED = BACKBONES[1:]
"""Those whose adjustments are two convolutions in a row, so that something can stand between them."""


def exactly(value: float) -> str:
    """Return a number that tells it from every other, e.g. ``0.2``, ``1``, ``0.20000001``."""
    return repr(float(value)).removesuffix(".0")


class Impossible(UsageError):  # noqa: N818
    """A combination of components that no network has; a grid leaves it out and says so."""


@dataclass(frozen=True, order=True)
class Variant:
    """Which components of CARNet a network has and what its loss is.

    Attributes:
        backbone: One of `BACKBONES`.
        modules: N of Fig. 8, the number of CARModules, 0 to 4.
        crp: Whether chained residual pooling follows each fusion.
        scloss: Terms of SCLoss in Eq. 3, on the first so many modules (Fig. 9).
        scloss_weight: lambda of Eq. 3 (Fig. 10).
        scloss_form: ``paper`` (Eq. 5 as printed) or ``bce`` (a term for absent classes too).
        between_convs: ``linear`` or ``relu``: what stands between the cascaded convolutions of a ResNet's
            adjustment.

    Raises:
        Impossible: No network has these together; the message says why.
    """

    backbone: str
    modules: int = 4
    crp: bool = True
    scloss: int = 4
    scloss_weight: float = 0.2
    scloss_form: str = "paper"
    between_convs: str = "linear"

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        for name, value, allowed in (
            ("backbone", self.backbone, BACKBONES),
            ("scloss_form", self.scloss_form, ("paper", "bce")),
            ("between_convs", self.between_convs, ("linear", "relu")),
        ):
            if value not in allowed:
                raise UsageError(f"no {name} '{value}'; choose from {', '.join(allowed)}")
        if not 0 <= self.modules <= 4:
            raise UsageError(f"modules is {self.modules}; a CARNet has 0 to 4 CARModules")
        if not 0 <= self.scloss <= 4:
            raise UsageError(f"scloss is {self.scloss}; a CARNet has 0 to 4 terms of SCLoss")
        if self.scloss > self.modules:
            raise Impossible(
                f"{self.scloss} terms of SCLoss need as many CARModules; here are {self.modules}"
            )
        if self.crp and not self.modules:
            raise Impossible("CRP follows a CARModule; here is none")
        if self.between_convs == "relu" and self.backbone not in _CASCADED:
            raise Impossible(f"the adjustments of {self.backbone} have no cascaded convolutions")

    def canonical(self) -> Variant:
        """Return the one variant that stands for all that train alike.

        Without a term of SCLoss its weight and form decide nothing, and with weight 0 neither does the number
        of terms: lambda 0, no SCLoss, and "BS+CARModule+CRP" are one run.
        """
        if self.scloss and self.scloss_weight:
            return self
        return dataclasses.replace(self, scloss=0, scloss_weight=0.0, scloss_form="paper")

    def changes(self, model_options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what to lay over a recipe so that it trains this variant.

        Defaults are left out, so that the full CARNet is the run that the plain recipe trains.

        Args:
            model_options: The recipe's; those that are no component (``padding``) are kept.
        """
        one = self.canonical()
        kept = {key: value for key, value in model_options.items() if key not in _OPTIONS}
        defaults = {**_OPTIONS, "scloss": one.modules}
        options = {
            key: getattr(one, key) for key, default in defaults.items() if getattr(one, key) != default
        }
        return {
            "model": f"carnet-{one.backbone}",
            "model_options": {**kept, **options},
            "scloss_weight": one.scloss_weight,
            "scloss_form": one.scloss_form,
        }

    @property
    def name(self) -> str:
        """Return the title with the backbone, e.g. ``mobile BS+CARModule``."""
        return f"{self.backbone} {self.title}"

    @property
    def title(self) -> str:
        """Return the name in the manner of Table 5, e.g. ``BS+CARModule+SCLoss+CRP``."""
        one = self.canonical()
        parts = ["BS"]
        if one.modules:
            plural = "s" if one.modules > 1 else ""
            parts.append("CARModule" if one.modules == 4 else f"{one.modules} CARModule{plural}")
        if one.scloss:
            parts.append("SCLoss" if one.scloss == one.modules else f"{one.scloss} SCLoss")
        if one.crp:
            parts.append("CRP")
        details = []
        if one.scloss and one.scloss_weight != 0.2:
            details.append(f"lambda {exactly(one.scloss_weight)}")
        if one.scloss_form != "paper":
            details.append(one.scloss_form)
        if one.between_convs != "linear":
            details.append("ReLU between convolutions")
        return "+".join(parts) + (f" ({', '.join(details)})" if details else "")


_OPTIONS: dict[str, Any] = {"modules": 4, "crp": True, "scloss": None, "between_convs": "linear"}
"""Options of ``carnet.model.CARNet`` that are components, with their defaults; None: on all modules."""


class TrainsVariant(Protocol):
    """The keys of a recipe that decide which CARNet it trains."""

    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def model_options(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def scloss_weight(self) -> float: ...  # noqa: D102
    @property
    def scloss_form(self) -> str: ...  # noqa: D102


def backbone_of(model: str) -> str | None:
    """Return the backbone of a method of the registry; None where it is no CARNet."""
    method = METHODS.get(model)
    return str(method.options["variant"]) if method is not None and method.family == "carnet" else None


def variant_of(recipe: TrainsVariant) -> Variant | None:
    """Return the canonical variant that a recipe on record trained; None where its model is no CARNet.

    Args:
        recipe: Its model and what it varies: a recipe, or that of a record.
    """
    backbone = backbone_of(recipe.model)
    if backbone is None:
        return None
    given = {**METHODS[recipe.model].options, **recipe.model_options}
    options = {key: given.get(key, default) for key, default in _OPTIONS.items()}
    if options["scloss"] is None:
        options["scloss"] = options["modules"]
    weight, form = recipe.scloss_weight, recipe.scloss_form
    return Variant(backbone, scloss_weight=weight, scloss_form=form, **options).canonical()
