"""The classes of an enlargement: those of torch's own enlargement and arg-max, and cases worked by hand."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from bench.evaluate import enlargement, largest
from bench.evaluate.enlargement import Enlargement

CHANNELS_LAST, CONTIGUOUS = torch.channels_last, torch.contiguous_format
FORMATS = pytest.mark.parametrize("memory_format", [CONTIGUOUS, CHANNELS_LAST])


def random_logits(*shape: int, seed: int = 0, memory_format=CONTIGUOUS) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, *shape, generator=generator).contiguous(memory_format=memory_format)


def refuse(*_: object) -> None:
    raise AssertionError("the whole enlargement was made")


def test_two_pixels_enlarged_four_times_change_class_in_the_middle_by_hand() -> None:
    # weights of the right pixel at the eight places: 0 0 1/8 3/8 5/8 7/8 1 1; class 1 leads from 5/8 on, and
    # class 2, with 0.6 in both, where neither of the others is above it: 1 - 3/8 = 0.625, so nowhere
    small = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6]]).view(1, 3, 1, 2).repeat(1, 1, 40, 20)
    whole = Enlargement(small, (160, 160)).largest()
    assert whole.dtype == torch.uint8
    # between a pair and its next the classes change the other way: places 1/8 3/8 | 5/8 7/8 again
    assert whole[0].tolist() == [0, 0, *([0, 0, 1, 1, 1, 1, 0, 0] * 20)[:-4], 1, 1]
    assert (whole == whole[0]).all()


def test_a_class_that_is_nowhere_the_largest_of_the_small_map_may_be_the_largest_between() -> None:
    small = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.65, 0.65]]).view(1, 3, 1, 2).repeat(1, 1, 40, 1)
    # at 3/8 class 0 has 0.625 and at 5/8 class 1 has it: class 2 leads at both
    assert Enlargement(small, (160, 8)).largest()[0].tolist() == [0, 0, 0, 2, 2, 1, 1, 1]


@FORMATS
@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("classes", [2, 5, 19])
def test_powers_of_two_give_every_pixel_as_torch_does(memory_format, factor, classes) -> None:
    for seed in range(3):
        small = random_logits(classes, 33, 47, seed=seed, memory_format=memory_format)
        lazy = Enlargement(small, (33 * factor, 47 * factor))
        assert torch.equal(lazy.largest().long(), lazy.whole().argmax(dim=1)[0])


@FORMATS
def test_powers_of_two_break_ties_as_torch_does(memory_format, monkeypatch) -> None:
    monkeypatch.setattr(enlargement, "MOST_CLOSE", 1.0)  # ties are all settled one by one
    seen = 0
    for seed in range(8):
        # thirds: equal on paper, and rounded by each order of adding up in its own way
        small = (3 * random_logits(5, 40, 40, seed=seed, memory_format=memory_format)).round() / 3
        small[..., :2] = torch.arange(5).view(1, 5, 1, 1)  # no tie left of the first centre
        lazy = Enlargement(small, (160, 160))
        top = lazy.whole().topk(2, dim=1).values[0]
        seen += int((top[0] - top[1] < 1e-6).sum())
        assert torch.equal(lazy.largest().long(), lazy.whole().argmax(dim=1)[0])
    assert seen > 1000


def test_ties_left_of_the_first_centre_are_torchs_too() -> None:
    small = (3 * random_logits(5, 40, 40)).round() / 3
    small[:, 1, :, 0] = small[:, 0, :, 0]  # the first column ties everywhere
    small[:, :2, :, 0] += 9
    lazy = Enlargement(small, (160, 160))
    assert torch.equal(lazy.largest().long(), lazy.whole().argmax(dim=1)[0])


@FORMATS
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("goal", [(100, 150), (99, 141), (160, 121), (33, 200), (129, 47)])
def test_any_size_gives_torchs_classes_but_for_ties(memory_format, align_corners, goal) -> None:
    small = random_logits(19, 33, 47, memory_format=memory_format)
    lazy = Enlargement(small, goal, align_corners)
    ours, whole = lazy.largest().long(), lazy.whole()[0]
    theirs = whole.argmax(dim=0)
    lead = whole.gather(0, theirs[None]) - whole.gather(0, ours[None])
    assert float(lead.max()) <= 2e-6 * float(small.abs().max())
    assert int((ours != theirs).sum()) <= 2


def test_a_factor_that_is_no_ratio_of_sizes_is_taken_as_it_was_given() -> None:
    # 33 * 2.7 = 89.1, so 89 rows, spaced 1/2.7 and not 33/89
    small = random_logits(7, 33, 47)
    lazy = Enlargement(small, (89, 126), factors_hw=(2.7, 2.7))
    assert lazy.whole().shape[-2:] == (89, 126)
    assert torch.equal(lazy.largest().long(), lazy.whole().argmax(dim=1)[0])
    by_size = F.interpolate(small, size=(89, 126), mode="bilinear").argmax(dim=1)[0]
    assert not torch.equal(lazy.largest().long(), by_size)


def test_the_upper_left_part_is_that_of_the_whole() -> None:
    small = random_logits(6, 40, 50)
    lazy = Enlargement(small, (160, 200))
    assert torch.equal(lazy.largest((131, 57)), lazy.largest()[:131, :57])


def test_the_enlarged_map_is_never_made_whole(monkeypatch) -> None:
    monkeypatch.setattr(Enlargement, "whole", refuse)
    assert Enlargement(random_logits(19, 64, 128), (256, 512)).largest().shape == (256, 512)


def test_several_threads_give_what_one_gives(monkeypatch) -> None:
    small = random_logits(19, 64, 96)
    alone = Enlargement(small, (256, 384)).largest()
    monkeypatch.setattr(largest, "_STRIP", 100_000)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    assert torch.equal(Enlargement(small, (256, 384)).largest(), alone)


@pytest.mark.parametrize(
    ("classes", "kept_as"), [(1, torch.uint8), (256, torch.uint8), (257, torch.int16), (300, torch.int16)]
)
def test_class_numbers_are_kept_in_the_narrowest_type(classes, kept_as) -> None:
    small = random_logits(classes, 20, 20)
    found = Enlargement(small, (80, 80)).largest()
    assert found.dtype == kept_as
    assert torch.equal(found.long(), F.interpolate(small, (80, 80), mode="bilinear").argmax(dim=1)[0])


@pytest.mark.parametrize("classes", [19, 257])
def test_where_all_classes_tie_the_first_is_taken_as_by_torch(classes) -> None:
    assert not Enlargement(torch.zeros(1, classes, 40, 40), (160, 160)).largest().any()
    assert not largest.largest(torch.zeros(1, classes, 40, 40)).any()


def test_infinite_logits_are_left_to_torch() -> None:
    small = random_logits(4, 40, 40)
    small[:, 2] = -torch.inf  # a class that is masked out
    assert torch.equal(
        Enlargement(small, (160, 160)).largest().long(),
        F.interpolate(small, (160, 160), mode="bilinear").argmax(dim=1)[0],
    )


@FORMATS
def test_the_largest_of_whole_logits_is_torchs(memory_format) -> None:
    logits = (2 * random_logits(11, 130, 70, memory_format=memory_format)).round()  # full of ties
    assert torch.equal(largest.largest(logits).long(), logits.argmax(dim=1)[0])
    few_ties = random_logits(11, 130, 70, memory_format=memory_format)
    few_ties[:, 3, 5:7] = few_ties[:, 8, 5:7] = 9.0
    assert torch.equal(largest.largest(few_ties).long(), few_ties.argmax(dim=1)[0])
    assert largest.largest(few_ties)[5:7].unique().tolist() == [3]


def test_a_logit_that_is_no_number_wins_as_in_torch() -> None:
    logits = random_logits(5, 130, 70)
    logits[0, 4, 1, 2] = torch.nan
    assert int(largest.largest(logits)[1, 2]) == 4
