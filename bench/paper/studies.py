"""The studies of the paper's Section IV.C: the variants in its order, and what it claims of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

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

    Args:
        component: One of `COMPONENTS`.
        backbone: One of ``bench.paper.variant.BACKBONES``.
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


SCLOSS_FORMS = {"paper": "Eq. 5 as printed", "bce": "with a term for absent classes"}
"""What each form of SCLoss is."""


def scloss_forms(backbone: str = "resnet50") -> list[Labelled]:
    """Return the full network with Eq. 5 as printed, and with a term for absent classes."""
    return [(label, Variant(backbone, scloss_form=form).canonical()) for form, label in SCLOSS_FORMS.items()]


def scloss_variants(backbone: str = "resnet50") -> list[Labelled]:
    """Return the full network with Eq. 5 on its first 1, 2 and 3 modules, and with each form of SCLoss."""
    fewer = [
        (f"Eq. 5 on {count} module{'s' if count > 1 else ''}", Variant(backbone, scloss=count).canonical())
        for count in TERMS[1:-1]
    ]
    return [*fewer, *scloss_forms(backbone)]


PANELS = {
    "resnet50": "ResNet50-based model",
    "mobile": "MobileNet-based model",
    "resnet101": "ResNet101-based model",
    "resnet152": "ResNet152-based model",
}
"""Title of a study's part with one backbone."""


@dataclass(frozen=True)
class Study:
    """One table or figure of the paper.

    Attributes:
        heading, caption: What it is and what it shows.
        variants: Variants of a backbone, in the paper's order.
        dataset, split: The paper's.
        backbones: The paper's first; without runs of it, the first of the others that has some.
        every: One panel for each backbone, as in Table 5.
        best: Label of the variant that the paper finds best; None where each row improves on the one before.
        statement: What is checked.
        probed: Variants whose probes of SCLoss are shown with it.
    """

    heading: str
    caption: str
    variants: Callable[[str], list[Labelled]]
    statement: str
    dataset: str = "nyudv2"
    split: str = "test"
    backbones: tuple[str, ...] = ("resnet50", "mobile", "resnet101", "resnet152")
    every: bool = False
    best: str | None = None
    probed: Callable[[str], list[Labelled]] | None = None


STUDIES: dict[str, Study] = {
    "table5": Study(
        "Table 5",
        "What each component of CARNet adds",
        table5_variants,
        "each component's gain is positive",
        backbones=("resnet50", "mobile"),
        every=True,
    ),
    "fig8": Study(
        "Fig. 8",
        "mIoU by the number N of CARModules, without SCLoss and CRP",
        fig8_variants,
        "N = 4 is best",
        best="N = 4",
    ),
    "fig9": Study(
        "Fig. 9",
        "mIoU by the number of SCLoss terms in the full network",
        fig9_variants,
        "four SCLoss terms are best",
        best="4 SCLoss terms",
        probed=scloss_variants,
    ),
    "fig10": Study(
        "Fig. 10",
        "mIoU by the weight lambda of SCLoss in the full network",
        fig10_variants,
        "lambda = 0.2 is best",
        dataset="cityscapes",
        split="val",
        best="lambda = 0.2",
        probed=fig10_variants,
    ),
}
"""By the name that ``carnet-bench reproduce`` takes."""
