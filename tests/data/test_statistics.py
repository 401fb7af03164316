"""Bytes to numbers: worked by hand, and against torchvision's own normalisation."""

import pytest
import torch
from torchvision.transforms.v2 import functional

from bench.data.statistics import HALF, IMAGENET, Statistics, normalise, statistics_by_name
from bench.errors import UsageError


def test_half_maps_0_to_minus_1_and_255_to_1():
    # 51 / 127.5 - 1 = -0.6
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1)
    assert normalise(image, HALF).flatten().tolist() == pytest.approx([-1.0, -0.6, 1.0], abs=1e-7)


def test_each_channel_has_its_own_mean_and_deviation():
    # 255 -> 1.0: (1 - 0.5) / 0.25 = 2, (1 - 0.2) / 0.4 = 2, (1 - 0.9) / 0.1 = 1
    image = torch.full((3, 1, 1), 255, dtype=torch.uint8)
    statistics = Statistics((0.5, 0.2, 0.9), (0.25, 0.4, 0.1))
    assert normalise(image, statistics).flatten().tolist() == pytest.approx([2.0, 2.0, 1.0], abs=1e-6)


def test_normalising_agrees_with_torchvision():
    image = torch.randint(0, 256, (2, 3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    theirs = functional.normalize(image / 255, list(IMAGENET.mean), list(IMAGENET.std))
    torch.testing.assert_close(normalise(image, IMAGENET), theirs, rtol=0, atol=1e-6)


def test_channels_last_stays_channels_last_and_the_bytes_stay_as_they_were():
    image = torch.arange(96, dtype=torch.uint8).view(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    before = image.clone()
    result = normalise(image, IMAGENET)
    assert result.dtype == torch.float32
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert not result.is_contiguous()
    assert torch.equal(image, before)


def test_padding_by_the_mean_colour_is_zero_within_half_a_level():
    # 0.485, 0.456, 0.406 times 255 are 123.675, 116.28, 103.53
    assert IMAGENET.mean_colour() == (124, 116, 104)
    padding = torch.tensor(IMAGENET.mean_colour(), dtype=torch.uint8).view(3, 1, 1)
    assert normalise(padding, IMAGENET).abs().max() <= 0.5 / 255 / 0.224


def test_statistics_are_found_by_name_and_an_unknown_name_lists_them():
    assert statistics_by_name("imagenet") == IMAGENET
    with pytest.raises(UsageError, match="no statistics 'camvid'; choose from imagenet, half"):
        statistics_by_name("camvid")
