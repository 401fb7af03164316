"""Which variants the paper's ablations are of."""

from typing import Any

import pytest

from bench.paper.studies import fig8_variants, fig9_variants, fig10_variants, table5_variants
from bench.paper.variant import Variant

STUDIES = (table5_variants, fig8_variants, fig9_variants, fig10_variants)


def test_table_5_adds_one_component_a_row() -> None:
    assert [label for label, _ in table5_variants("mobile")] == [
        "BS",
        "BS+CARModule",
        "BS+CARModule+SCLoss",
        "BS+CARModule+SCLoss+CRP",
    ]


def test_figure_8_has_neither_scloss_nor_crp() -> None:
    variants = [variant for _, variant in fig8_variants()]
    assert [one.modules for one in variants] == [0, 1, 2, 3, 4]
    assert {(one.backbone, one.scloss, one.crp) for one in variants} == {("resnet50", 0, False)}


def test_figure_9_counts_the_terms_of_the_full_network() -> None:
    variants = [variant for _, variant in fig9_variants()]
    assert [one.scloss for one in variants] == [0, 1, 2, 3, 4]
    assert {(one.modules, one.crp) for one in variants} == {(4, True)}


def test_figure_10_begins_without_a_weight() -> None:
    variants = [variant for _, variant in fig10_variants()]
    assert [one.scloss_weight for one in variants] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert [one.scloss for one in variants] == [0, 4, 4, 4, 4, 4]


@pytest.mark.parametrize("study", STUDIES)
def test_every_variant_of_a_study_is_canonical_and_of_the_backbone_asked_for(study: Any) -> None:
    variants = [variant for _, variant in study("mobile")]
    assert variants == [one.canonical() for one in variants]
    assert {one.backbone for one in variants} == {"mobile"}


def test_the_studies_share_the_runs_that_coincide() -> None:
    table5, fig8, fig9, fig10 = (dict(study("resnet50")) for study in STUDIES)
    assert table5["BS"] == fig8["N = 0"]
    assert table5["BS+CARModule"] == fig8["N = 4"]
    assert fig9["0 SCLoss terms"] == fig10["lambda = 0"]
    assert table5["BS+CARModule+SCLoss+CRP"] == fig9["4 SCLoss terms"] == fig10["lambda = 0.2"]
    assert fig10["lambda = 0.2"] == Variant("resnet50")
