from itertools import groupby

import numpy as np
import pytest

from bench.data.camvid import CamVid
from bench.errors import RefusedInput
from bench.evaluate.neighbours import blocks_of_sequences, blocks_of_split


def test_a_sequence_is_cut_into_blocks_of_nearly_equal_length():
    # 10 images in blocks of about 4: round(10 / 4) is 2 (halves up: 2.5 to 3), so 3 blocks
    assert blocks_of_sequences([10], 4).tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_no_block_lies_in_two_sequences():
    assert blocks_of_sequences([3, 1, 4], 2).tolist() == [0, 0, 1, 2, 3, 3, 4, 4]


def test_a_sequence_shorter_than_a_block_is_one():
    assert blocks_of_sequences([2, 3], 8).tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(("lengths", "block"), [([4, 0], 2), ([4], 0)])
def test_a_block_or_a_sequence_of_nothing_is_refused(lengths, block):
    with pytest.raises(RefusedInput, match="expected 1 or more"):
        blocks_of_sequences(lengths, block)


def test_photographs_of_their_own_are_blocks_of_one():
    assert blocks_of_split("ade20k", "val", 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("split", "blocks"), [("val", 13), ("test", 8 + 21)])
def test_what_a_record_says_of_camvid_gives_the_blocks_of_the_names(camvid_root, split, blocks):
    data = CamVid(split, camvid_root)
    videos = groupby(data.sample_name(index).partition("_")[0] for index in range(len(data)))
    by_split = blocks_of_split("camvid", split, len(data))
    assert np.array_equal(by_split, blocks_of_sequences([sum(1 for _ in video) for _, video in videos], 8))
    assert by_split[-1] + 1 == blocks


def test_a_sample_of_a_split_is_one_sequence():
    assert blocks_of_split("cityscapes", "val", 12).tolist() == [0] * 6 + [1] * 6
