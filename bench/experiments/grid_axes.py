"""From the flags of ``carnet-bench ablate`` to variants: each flag's list is an axis, and axes multiply."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from bench.errors import UsageError
from bench.experiments.grid_plan import Grid, Point
from bench.paper.studies import COMPONENTS, component_variant
from bench.paper.variant import BACKBONES, Impossible, Variant, exactly

_COUNTS = tuple("01234")
_FORMS = ("paper", "bce")
_BETWEEN = ("linear", "relu")


@dataclass(frozen=True)
class Axes:
    """What is varied; for an empty axis see `grid_of`.

    Attributes:
        backbones, components, modules, scloss, lambdas, forms, between_convs: The values of each flag, in the
            order given, each once.
    """

    backbones: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    modules: tuple[int, ...] = ()
    scloss: tuple[int, ...] = ()
    lambdas: tuple[float, ...] = ()
    forms: tuple[str, ...] = ()
    between_convs: tuple[str, ...] = ()


def axes_of(
    *,
    backbone: Sequence[str] = (),
    components: Sequence[str] = (),
    modules: Sequence[str] = (),
    scloss: Sequence[str] = (),
    lambdas: Sequence[str] = (),
    scloss_form: Sequence[str] = (),
    between_convs: Sequence[str] = (),
) -> Axes:
    """Return the axes of the words on the command line.

    Raises:
        UsageError: No axis at all, or an unknown value; the error lists the choices.
    """
    axes = Axes(
        _chosen("--backbone", backbone, BACKBONES),
        _chosen("--components", components, COMPONENTS),
        tuple(int(word) for word in _chosen("--modules", modules, _COUNTS)),
        tuple(int(word) for word in _chosen("--scloss", scloss, _COUNTS)),
        tuple(dict.fromkeys(_weight(word) for word in lambdas)),
        _chosen("--scloss-form", scloss_form, _FORMS),
        _chosen("--between-convs", between_convs, _BETWEEN),
    )
    if axes == Axes():
        raise UsageError(
            "nothing to vary; give --components, --modules, --scloss, --lambda, --scloss-form, "
            "--between-convs or --backbone",
            then="carnet-bench ablate --lambda 0 0.2 0.4 --dry-run",
        )
    return axes


def grid_of(axes: Axes, backbone: str) -> Grid[Variant]:
    """Return every combination of the axes' values.

    ``--modules`` without ``--components``, ``--scloss``, ``--lambda`` and ``--scloss-form`` varies
    "BS+CARModule" (Fig. 8: neither SCLoss nor CRP); everything else varies the full network, with an SCLoss
    term on each module and lambda 0.2. ``--components`` is a row of Table 5, each with all before it.

    Args:
        axes: The axes, at least one of them not empty.
        backbone: Backbone where no axis names one.

    Raises:
        UsageError: No combination is possible; the error lists the reasons.
    """
    full_network = axes.components or axes.scloss or axes.lambdas or axes.forms
    lone_modules = bool(axes.modules) and not full_network
    points: list[Point[Variant]] = []
    skipped: list[tuple[str, str]] = []
    for asked in _all_asked(axes, backbone):
        place = _place(asked, backbone_typed=bool(axes.backbones))
        try:
            variant = _variant(asked, "car" if lone_modules else asked.component or "crp")
        except Impossible as error:
            skipped.append((place, str(error)))
        else:
            points.append(Point(place, variant.canonical()))
    if not points:
        reasons = "; ".join(f"{place}: {why}" for place, why in skipped)
        raise UsageError(f"no combination is possible ({reasons})")
    return Grid(tuple(points), tuple(skipped))


class _Asked(NamedTuple):
    """A value of each of the `Axes`, in their order; None for an empty one."""

    backbone: str
    component: str | None
    modules: int | None
    scloss: int | None
    weight: float | None
    form: str | None
    between: str | None


def _all_asked(axes: Axes, backbone: str) -> list[_Asked]:
    """Return the product of the axes, the last one varying fastest."""
    whole = replace(axes, backbones=axes.backbones or (backbone,))
    values = (getattr(whole, axis.name) or (None,) for axis in fields(whole))
    return [_Asked(*place) for place in itertools.product(*values)]


def _variant(asked: _Asked, component: str) -> Variant:
    """Return the variant at a place of the grid, in the frame of a row of Table 5."""
    row = component_variant(component, asked.backbone)
    modules = row.modules if asked.modules is None else asked.modules
    if modules and not row.modules:
        raise Impossible(f"{row.title} has no CARModule, {modules} requested")
    terms = min(row.scloss, modules) if asked.scloss is None else asked.scloss
    if terms and not row.scloss:
        raise Impossible(f"{row.title} has no SCLoss, {terms} requested")
    return replace(
        row,
        modules=modules,
        scloss=terms,
        # without SCLoss its weight has no effect
        scloss_weight=row.scloss_weight if asked.weight is None or not row.scloss else asked.weight,
        scloss_form=asked.form or "paper",
        between_convs=asked.between or "linear",
    )


def _place(asked: _Asked, *, backbone_typed: bool) -> str:
    """Return the flags that lead to a place, as they were typed."""
    weight = None if asked.weight is None else exactly(asked.weight)
    typed = {
        "backbone": asked.backbone if backbone_typed else None,
        "components": asked.component,
        "modules": asked.modules,
        "scloss": asked.scloss,
        "lambda": weight,
        "scloss-form": asked.form,
        "between-convs": asked.between,
    }
    return ", ".join(f"{flag} {value}" for flag, value in typed.items() if value is not None)


def _chosen(flag: str, words: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    for word in words:
        if word not in allowed:
            raise UsageError(f"{flag} '{word}'; choose from {', '.join(allowed)}")
    return tuple(dict.fromkeys(words))


def _weight(word: str) -> float:
    try:
        # Python alone reads 1_0 as 10, and digits of every script
        value = float(word) if word.isascii() and "_" not in word else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise UsageError(f"--lambda '{word}'; expected a number of at least 0, e.g. 0.2")
    return value + 0.0  # -0 is 0
