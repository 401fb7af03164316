"""Every training run of the paper's own networks: three tables, all studies, on three data sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from baselines.registry import METHODS
from bench.data.catalogue import entry
from bench.paper import rows
from bench.paper.studies import STUDIES
from bench.paper.variant import Variant, backbone_of
from bench.train import recipe as recipes

TABLES = {"table1": "cityscapes", "table2": "nyudv2", "table3": "ade20k"}
"""The paper's tables of scores, and the data set of each."""


@dataclass(frozen=True)
class PaperRun:
    """One network to be trained, with each seed anew.

    Attributes:
        part: ``Table 1``, ``Fig. 10``: where the paper needs it first.
        recipe: Name of the recipe.
        variant: The network.
        images: Images that the run sees: steps times batch.
        crop_hw: Height and width of each, pixels.
    """

    part: str
    recipe: str
    variant: Variant
    images: int
    crop_hw: tuple[int, int]


def paper_runs() -> list[PaperRun]:
    """Return every run once, in the paper's order: one that two parts need belongs to the first.

    An early stop is not foreseen: a run has all epochs of its recipe.
    """
    found = {(one.recipe, one.variant): one for one in reversed([*_of_tables(), *_of_studies()])}
    return [*reversed(found.values())]


def _of_tables() -> Iterator[PaperRun]:
    for table, data in TABLES.items():
        for row in rows(table):
            backbone = backbone_of(row.name)
            if METHODS[row.name].family == "carnet" and backbone is not None:
                yield _run(table.replace("table", "Table "), f"{data}-paper", Variant(backbone).canonical())


def _of_studies() -> Iterator[PaperRun]:
    for study in STUDIES.values():
        for backbone in study.backbones if study.every else study.backbones[:1]:
            for _, variant in study.variants(backbone):
                yield _run(study.heading, f"{study.dataset}-ablation", variant)


def _run(part: str, name: str, variant: Variant) -> PaperRun:
    recipe = recipes.load(name)
    step_images = recipe.batch * recipe.accumulate
    steps = recipe.epochs * ((entry(recipe.data).expected or {})["train"] // step_images)
    return PaperRun(part, name, variant, steps * step_images, recipe.crop)
