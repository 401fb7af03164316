"""A validation split taken from the training images: fixed by names and seed, never all images."""

from __future__ import annotations

import pytest

from bench.data.own.hold_out import hold_out, sequences_of
from bench.errors import UsageError


def test_images_without_sequences_in_their_names_are_drawn_one_by_one():
    names = [f"{number:04d}" for number in range(50)]
    assert sequences_of(names) is None
    found = hold_out(names, 0.1, 0)
    assert (len(found.val), len(found.train), found.sequences) == (5, 45, None)
    assert found == hold_out(names, 0.1, 0)
    assert found != hold_out(names, 0.1, 1)


def test_one_more_image_moves_few_of_the_others():
    names = [f"{number:04d}" for number in range(200)]
    before, after = hold_out(names, 0.1, 0), hold_out([*names, "new"], 0.1, 0)
    assert len(set(before.val) & set(after.val)) >= 19


@pytest.mark.parametrize("count", [1, 2, 3])
def test_both_splits_hold_an_image_or_the_wish_is_refused(count):
    names = [f"{number}" for number in range(count)]
    if count == 1:
        with pytest.raises(UsageError, match="1 images"):
            hold_out(names, 0.5, 0)
        return
    found = hold_out(names, 0.9, 0)
    assert found.train
    assert found.val
