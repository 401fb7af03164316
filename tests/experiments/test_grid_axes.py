"""From flags to variants: axes multiply, what trains alike is one run, what cannot be is listed."""

import pytest

from bench.errors import UsageError
from bench.experiments.grid_axes import axes_of, grid_of
from bench.paper.studies import fig8_variants, fig9_variants, fig10_variants, table5_variants


def grid(own="mobile", **flags):
    return grid_of(axes_of(**flags), own)


def variants(study):
    return tuple(variant for _, variant in study)


def test_components_are_the_rows_of_table_5():
    assert grid(components=["bs", "car", "scloss", "crp"]).subjects == variants(table5_variants("mobile"))


def test_modules_alone_are_figure_8():
    assert grid("resnet50", modules=list("01234")).subjects == variants(fig8_variants())


def test_terms_of_scloss_are_figure_9():
    assert grid("resnet50", scloss=list("01234")).subjects == variants(fig9_variants())


def test_lambdas_are_figure_10():
    words = ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert grid("resnet50", lambdas=words).subjects == variants(fig10_variants())


def test_modules_with_a_weight_vary_the_full_network():
    found = grid(modules=["2"], lambdas=["0.4"]).subjects
    assert [one.title for one in found] == ["BS+2 CARModules+SCLoss+CRP (lambda 0.4)"]


def test_axes_multiply_and_the_impossible_is_listed_with_its_place():
    found = grid(modules=["0", "2"], scloss=["0", "1", "3"])
    assert [point.place for point in found.points] == ["modules 2, scloss 0", "modules 2, scloss 1"]
    assert dict(found.skipped) == {
        "modules 0, scloss 0": "CRP follows a CARModule; here is none",
        "modules 0, scloss 1": "1 terms of SCLoss need as many CARModules; here are 0",
        "modules 0, scloss 3": "3 terms of SCLoss need as many CARModules; here are 0",
        "modules 2, scloss 3": "3 terms of SCLoss need as many CARModules; here are 2",
    }


def test_relu_between_convolutions_is_for_resnets_only():
    found = grid(between_convs=["linear", "relu"], backbone=["mobile", "resnet50"])
    assert len(found.subjects) == 3
    assert [place for place, _ in found.skipped] == ["backbone mobile, between-convs relu"]


def test_places_that_train_alike_are_one_variant():
    found = grid(scloss=["0", "4"], lambdas=["0", "0.2"], scloss_form=["paper", "bce"])
    assert [one.title for one in found.subjects] == [
        "BS+CARModule+CRP",
        "BS+CARModule+SCLoss+CRP",
        "BS+CARModule+SCLoss+CRP (bce)",
    ]
    # no term at either weight in either form, and four of them with weight 0 in either form
    assert len(found.places(found.subjects[0])) == 6


def test_a_weight_changes_nothing_of_a_row_without_scloss():
    found = grid(components=["bs", "scloss"], lambdas=["0.2", "0.4"])
    assert [one.title for one in found.subjects] == [
        "BS",
        "BS+CARModule+SCLoss",
        "BS+CARModule+SCLoss (lambda 0.4)",
    ]


def test_a_row_takes_no_more_than_it_has():
    found = grid(components=["bs", "car"], modules=["0", "2"])
    assert [one.title for one in found.subjects] == ["BS", "BS+2 CARModules"]
    assert found.skipped == (("components bs, modules 2", "BS has no CARModule, 2 requested"),)


def test_a_value_twice_is_one():
    assert len(grid(lambdas=["0.2", "0.20", "2e-1"]).points) == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"modules": ["5"]}, "--modules '5'; choose from 0, 1, 2, 3, 4"),
        ({"modules": ["-1"]}, "--modules '-1'; choose from"),
        ({"scloss": ["two"]}, "--scloss 'two'; choose from"),
        ({"components": ["bs", "attention"]}, "'attention'; choose from bs, car, scloss, crp"),
        ({"lambdas": ["-0.2"]}, "--lambda '-0.2'; expected a number"),
        ({"lambdas": ["nan"]}, "--lambda 'nan'"),
        ({"lambdas": ["1_0"]}, "--lambda '1_0'"),
        ({"lambdas": ["\u0661"]}, "--lambda '\u0661'"),
        ({"lambdas": ["0,0.2"]}, "--lambda '0,0.2'"),
        ({"scloss_form": ["focal"]}, "choose from paper, bce"),
        ({"between_convs": ["gelu"]}, "choose from linear, relu"),
        ({"backbone": ["vgg16"]}, "choose from mobile, resnet50, resnet101, resnet152"),
        ({}, "nothing to vary"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(flags, message):
    with pytest.raises(UsageError) as refused:
        axes_of(**flags)
    assert message in str(refused.value)


def test_a_grid_of_nothing_possible_says_why():
    with pytest.raises(UsageError, match="modules 1, scloss 2: 2 terms of SCLoss need"):
        grid(modules=["1"], scloss=["2"])


def test_two_weights_that_differ_in_the_eighth_digit_are_two_names():
    found = grid_of(axes_of(lambdas=["0.2", "0.20000001", "1"]), "resnet50")
    assert [point.place for point in found.points] == ["lambda 0.2", "lambda 0.20000001", "lambda 1"]
    assert [one.title.partition(" (")[2] for one in found.subjects] == ["", "lambda 0.20000001)", "lambda 1)"]
