"""Which variants each study of the paper's Section IV.C trains, in the order in which it prints them."""

from __future__ import annotations

from dataclasses import replace

from bench.paper.variant import Variant

Labelled = tuple[str, Variant]
"""What the paper calls a variant, and the variant."""

COMPONENTS = ("bs", "car", "scloss", "crp")
"""Rows of Table 5, each with all before it."""

TERMS = (0, 1, 2, 3, 4)
"""N of Fig. 8 and the numbers of SCLoss terms of Fig. 9."""

LAMBDAS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Of Fig. 10."""


def component_variant(component: str, backbone: str) -> Variant:
    """Return the variant of a row of Table 5: this component and all before it.

    Parameters
    ----------
    component
        One of `COMPONENTS`.
    backbone
        One of ``bench.paper.variant.BACKBONES``.
    """
    rank = COMPONENTS.index(component)
    return Variant(
        backbone, modules=4 if rank >= 1 else 0, scloss=4 if rank >= 2 else 0, crp=rank >= 3
    ).canonical()


def table5_variants(backbone: str) -> list[Labelled]:
    """Return Table 5's four rows, from ``BS`` to the full CARNet."""
    variants = [component_variant(component, backbone) for component in COMPONENTS]
    return [(variant.title, variant) for variant in variants]


def fig8_variants(backbone: str = "resnet50") -> list[Labelled]:
    """Return N = 0 to 4 CARModules, "ResNet50+CARModule": neither SCLoss nor CRP."""
    frame = component_variant("car", backbone)
    return [(f"N = {count}", replace(frame, modules=count)) for count in TERMS]


def fig9_variants(backbone: str = "resnet50") -> list[Labelled]:
    """Return 0 to 4 terms of SCLoss in the full network."""
    return [
        (
            f"{count} SCLoss terms" if count != 1 else "1 SCLoss term",
            Variant(backbone, scloss=count).canonical(),
        )
        for count in TERMS
    ]


def fig10_variants(backbone: str = "resnet50") -> list[Labelled]:
    """Return the full network under each weight of SCLoss."""
    return [
        (f"lambda = {weight:g}", Variant(backbone, scloss_weight=weight).canonical()) for weight in LAMBDAS
    ]
