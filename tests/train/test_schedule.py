import pytest
import torch
from torch import nn

from bench.errors import RefusedInput
from bench.train.recipe import from_table
from bench.train.schedule import build_optimiser, lr_scale, set_rates
from carnet.model import build


def recipe(**changes):
    least = {"name": "x", "model": "m", "data": "d", "crop": [8, 8], "epochs": 300, "encoder_lr": 5e-4}
    return from_table({**least, "decoder_lr": 5e-3, **changes}, "x.toml")


def test_step_schedule_halves_at_each_hundred_epochs():
    # NYUDv2 in Section IV.A: 5e-4 halved for every 100 epochs
    paper = recipe(schedule="step", lr_factor=0.5)
    assert [lr_scale(paper, epoch * 7, 7) for epoch in (0, 99, 100, 199, 200, 299)] == [
        1,
        1,
        0.5,
        0.5,
        0.25,
        0.25,
    ]


def test_poly_schedule_by_hand():
    poly = recipe(epochs=10, poly_power=0.5)
    assert lr_scale(poly, 0, 10) == 1.0
    assert lr_scale(poly, 75, 10) == pytest.approx(0.5)  # sqrt(1/4)
    assert lr_scale(poly, 100, 10) == 0.0


def test_cosine_schedule_by_hand():
    cosine = recipe(epochs=10, schedule="cosine")
    # (1 + cos(pi t)) / 2 at t = 0, 1/3, 1/2, 1
    assert lr_scale(cosine, 0, 12) == 1.0
    assert lr_scale(cosine, 40, 12) == pytest.approx(0.75)
    assert lr_scale(cosine, 60, 12) == pytest.approx(0.5)
    assert lr_scale(cosine, 120, 12) == pytest.approx(0.0, abs=1e-15)


def test_warm_up_covers_the_beginning_of_any_schedule():
    for schedule in ("poly", "cosine"):
        warm, cold = recipe(warmup_steps=4, schedule=schedule), recipe(schedule=schedule)
        assert [lr_scale(warm, step, 10) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
        assert lr_scale(warm, 4, 10) == lr_scale(cold, 4, 10) < 1


def test_warm_up_rises_linearly_and_ends_at_the_full_rate():
    warm = recipe(warmup_steps=4, schedule="step")
    assert [lr_scale(warm, step, 10) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_encoder_and_decoder_have_their_own_rates_and_no_parameter_is_left_out():
    network = build(3)
    optimiser = build_optimiser(network, recipe())
    encoder, decoder = optimiser.param_groups
    assert (encoder["lr"], decoder["lr"]) == (5e-4, 5e-3)
    assert encoder["weight_decay"] == 1e-5
    assert len(encoder["params"]) == len(list(network.encoder.parameters()))
    assert len(encoder["params"]) + len(decoder["params"]) == len(list(network.parameters()))
    set_rates(optimiser, 0.5)
    assert (encoder["lr"], decoder["lr"]) == (2.5e-4, 2.5e-3)


def test_two_rates_need_an_encoder():
    with pytest.raises(RefusedInput, match="no 'encoder'"):
        build_optimiser(nn.Conv2d(3, 3, 1), recipe())
    one = build_optimiser(nn.Conv2d(3, 3, 1), recipe(decoder_lr=5e-4))
    assert isinstance(one, torch.optim.SGD)
    assert len(one.param_groups) == 1
