"""An image under its classes' colours, and the legend below it."""

import numpy as np
import pytest
import torch

from bench.predict.overlay import class_shares, overlay, percent

CLASSES = ("road", "sky", "car")
PALETTE = ((128, 64, 128), (70, 130, 180), (0, 0, 142))


def test_shares_are_of_all_pixels_and_the_largest_comes_first():
    prediction = torch.tensor([[2, 2, 2, 0], [2, 2, 255, 255]], dtype=torch.uint8)
    shares = class_shares(prediction, CLASSES, PALETTE)
    assert [(one.title, one.colour, one.share) for one in shares] == [
        ("car", (0, 0, 142), 5 / 8),
        ("road", (128, 64, 128), 1 / 8),
    ]


def test_a_colour_is_blended_with_the_image_and_ignored_pixels_are_the_image():
    image = torch.full((3, 40, 400), 100, dtype=torch.uint8)
    prediction = torch.zeros(40, 400, dtype=torch.uint8)
    prediction[:, 200:] = 255
    pixels = np.array(overlay(image, prediction, CLASSES, PALETTE, strength=0.5))
    assert pixels[10, 10].tolist() == [114, 82, 114]  # halfway from (100, 100, 100) to (128, 64, 128)
    assert pixels[10, 300].tolist() == [100, 100, 100]


def test_the_legend_shows_the_colours_that_occur_and_no_other():
    image = torch.zeros(3, 40, 400, dtype=torch.uint8)
    prediction = torch.ones(40, 400, dtype=torch.uint8)
    prediction[0, 0] = 2
    picture = overlay(image, prediction, CLASSES, PALETTE)
    legend = np.array(picture)[40:].reshape(-1, 3)
    shown = [colour for colour in PALETTE if (legend == colour).all(axis=1).sum() > 60]  # a swatch's inside
    assert shown == [PALETTE[1], PALETTE[2]]


@pytest.mark.parametrize(("width", "drawn"), [(20, 320), (320, 320), (700, 700)])
def test_a_small_image_gets_a_legend_that_can_be_read(width, drawn):
    image = torch.zeros(3, 30, width, dtype=torch.uint8)
    picture = overlay(image, torch.zeros(30, width, dtype=torch.uint8), CLASSES, PALETTE)
    assert picture.width == drawn
    assert picture.height > 30 + 13


def test_what_occurs_is_never_said_to_be_nothing():
    assert [percent(share) for share in (1.0, 0.25, 0.0005, 0.0004)] == [
        "100.0 %",
        "25.0 %",
        "0.1 %",
        "< 0.1 %",
    ]
