"""The canonical form of a degraded CARNet: one run for everything that trains alike."""

import itertools

import pytest

from baselines.registry import METHODS
from bench.errors import UsageError
from bench.paper.variant import Impossible, Variant, variant_of
from bench.train import recipe as recipes
from carnet.model import CARNet

PADDED = {"padding": "same"}


def possible():
    for backbone, modules, crp, scloss, weight, form, between in itertools.product(
        ("mobile", "resnet50"),
        range(5),
        (True, False),
        range(5),
        (0.0, 0.2, 0.4),
        ("paper", "bce"),
        ("linear", "relu"),
    ):
        try:
            yield Variant(backbone, modules, crp, scloss, weight, form, between)
        except Impossible:
            continue


def test_no_lambda_no_scloss_and_modules_with_crp_are_one_run() -> None:
    alike = [
        Variant("mobile", scloss_weight=0.0),
        Variant("mobile", scloss=0),
        Variant("mobile", scloss=0, scloss_form="bce"),
    ]
    assert len({one.canonical() for one in alike}) == 1
    assert len({str(one.changes(PADDED)) for one in alike}) == 1
    assert alike[0].title == "BS+CARModule+CRP"


def test_the_full_network_is_what_the_plain_recipe_trains() -> None:
    plain = recipes.load("camvid-ablation")
    assert recipes.load("camvid-ablation", Variant("mobile").changes(plain.model_options)) == plain


def test_bs_has_no_component_and_says_so_in_its_recipe() -> None:
    changes = Variant("mobile", modules=0, crp=False, scloss=0).changes({**PADDED, "modules": 3, "scloss": 1})
    assert changes == {
        "model": "carnet-mobile",
        "model_options": {"padding": "same", "modules": 0, "crp": False},
        "scloss_weight": 0.0,
        "scloss_form": "paper",
    }


def test_what_a_record_says_leads_back_to_the_variant() -> None:
    count = 0
    for variant in possible():
        recipe = recipes.load("camvid-ablation", variant.changes(PADDED))
        assert variant_of(recipe) == variant.canonical()
        count += 1
    # scloss 0..modules: 1 + 2 + 3 + 4 + 5 = 15, of which 14 may have a CRP: 29; times 3 weights, 2 forms,
    # and 1 (mobile) + 2 (resnet50) ways between the convolutions
    assert count == 29 * 3 * 2 * 3


@pytest.mark.slow
def test_a_network_is_built_of_every_canonical_variant() -> None:
    import torch

    for variant in sorted({one.canonical() for one in possible() if one.backbone == "mobile"}):
        options = variant.changes({})["model_options"]
        with torch.device("meta"):
            network = CARNet(11, variant="mobile", **options)
        assert (len(network.car_modules), network.scloss) == (variant.modules, variant.scloss)


@pytest.mark.parametrize(
    ("variant", "title"),
    [
        (Variant("mobile", modules=0, crp=False, scloss=0), "BS"),
        (Variant("mobile", crp=False, scloss=0), "BS+CARModule"),
        (Variant("mobile", crp=False), "BS+CARModule+SCLoss"),
        (Variant("mobile"), "BS+CARModule+SCLoss+CRP"),
        (Variant("mobile", modules=1, crp=False, scloss=0), "BS+1 CARModule"),
        (Variant("mobile", modules=2, crp=False, scloss=0), "BS+2 CARModules"),
        (Variant("mobile", scloss=1), "BS+CARModule+1 SCLoss+CRP"),
        (
            Variant("mobile", scloss_weight=0.4, scloss_form="bce"),
            "BS+CARModule+SCLoss+CRP (lambda 0.4, bce)",
        ),
    ],
)
def test_the_title_is_table_5_s(variant: Variant, title: str) -> None:
    assert variant.title == title


def test_what_cannot_be_built_says_why() -> None:
    with pytest.raises(Impossible, match="3 terms of SCLoss need as many CARModules; here are 2"):
        Variant("mobile", modules=2, scloss=3)
    with pytest.raises(Impossible, match="CRP follows a CARModule; here is none"):
        Variant("mobile", modules=0, scloss=0)
    with pytest.raises(Impossible, match="the adjustments of mobile have no cascaded convolutions"):
        Variant("mobile", between_convs="relu")
    with pytest.raises(UsageError, match="no backbone 'vgg'; choose from mobile, resnet50"):
        Variant("vgg")


def test_another_model_s_recipe_is_no_variant() -> None:
    recipe = recipes.load("camvid-ablation", {"model": "bisenet2"})
    assert "bisenet2" in METHODS
    assert variant_of(recipe) is None
