"""TwoColumn's reconstruction: which tiles are skipped, what they keep, and what the rest costs."""

from dataclasses import replace
from math import log, nan

import pytest
import torch
from torch import Tensor
from torchvision.models import resnet50

from baselines.registry import METHODS
from baselines.twocolumn import TwoColumn, build, cut, filled, skipped
from bench.cost.count import count_costs

CLASSES = 3


def network(skip_ratio: float | None = None, threshold: float = 0.9, tile: int = 32) -> TwoColumn:
    """The network with weights that are the same in every test, in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(CLASSES, skip_ratio, threshold, tile).eval()


def image(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def answers(model: TwoColumn, x: Tensor) -> tuple[Tensor, Tensor]:
    """The network's logits, and the half-resolution column's by itself."""
    skip_ratio = model.skip_ratio
    with torch.inference_mode():
        model.skip_ratio = 1.0
        coarse = model(x)
        model.skip_ratio = skip_ratio
        return model(x), coarse


def two_class_logits(confidence: Tensor) -> Tensor:
    """Logits (b, 2, h, w) whose larger softmax probability is the given one."""
    first = torch.log(confidence / (1 - confidence))
    return torch.stack((first, torch.zeros_like(first)), dim=1)


def chosen(model: TwoColumn, confidence: Tensor) -> list[tuple[int, ...]]:
    positions = model.chosen(two_class_logits(confidence))
    return sorted(zip(*(index.tolist() for index in positions), strict=True))


@pytest.fixture
def confidence() -> Tensor:
    """Two images of 6x8 with tiles of 4x4: two rows, the lower half filled, and two columns.

    The least confident pixels of the first image's tiles: 0.7, 0.9, 0.9, 0.6; of the second's: 0.9, 0.8,
    0.55, 0.9.
    """
    maps = torch.full((2, 6, 8), 0.9)
    maps[0, 3, 3], maps[0, 5, 7] = 0.7, 0.6
    maps[1, 0, 4], maps[1, 4, 0] = 0.8, 0.55
    return maps


def test_a_tile_is_as_confident_as_its_least_confident_pixel(confidence: Tensor) -> None:
    least = network(tile=4).least_confidence(two_class_logits(confidence))
    torch.testing.assert_close(least, torch.tensor([[0.7, 0.9, 0.9, 0.6], [0.9, 0.8, 0.55, 0.9]]))


@pytest.mark.parametrize(
    ("threshold", "refined"),
    [
        (0.0, []),
        (0.58, [(1, 1, 0)]),
        (0.75, [(0, 0, 0), (0, 1, 1), (1, 1, 0)]),
        (0.85, [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]),
        (1.01, [(n, row, column) for n in (0, 1) for row in (0, 1) for column in (0, 1)]),
    ],
)
def test_a_tile_whose_least_confident_pixel_is_not_above_the_threshold_is_refined(
    confidence: Tensor, threshold: float, refined: list[tuple[int, ...]]
) -> None:
    assert chosen(network(threshold=threshold, tile=4), confidence) == refined


def test_a_skip_ratio_keeps_each_images_least_confident_tiles(confidence: Tensor) -> None:
    model = network(skip_ratio=0.5, threshold=0.0, tile=4)
    assert chosen(model, confidence) == [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
    model.skip_ratio = 0.75
    assert chosen(model, confidence) == [(0, 1, 1), (1, 1, 0)]


def test_a_tile_without_a_number_for_its_confidence_is_not_skipped() -> None:
    logits = torch.zeros(1, 2, 4, 8)
    logits[0, 0, 1, 6] = nan
    positions = network(threshold=0.1, tile=4).chosen(logits)
    assert [index.tolist() for index in positions] == [[0], [0], [1]]


@pytest.mark.parametrize(
    ("ratio", "tiles", "count"),
    [(0.0, 128, 0), (0.5, 128, 64), (0.9, 128, 115), (0.9, 512, 461), (0.3, 5, 2), (0.29, 5, 1), (1.0, 7, 7)],
)
def test_a_ratio_skips_the_nearest_whole_number_of_tiles(ratio: float, tiles: int, count: int) -> None:
    assert skipped(ratio, tiles) == count


def test_skipped_tiles_have_exactly_the_coarse_answer_and_the_others_do_not() -> None:
    model, x = network(skip_ratio=0.5), image(64, 96, batch=2)
    logits, coarse = answers(model, x)
    refined = list(zip(*(index.tolist() for index in model.chosen(coarse)), strict=True))
    same = (cut(logits, 32) == cut(coarse, 32)).flatten(3)  # (2, 2, 3, c*32*32)
    assert len(refined) == 6
    for n in range(2):
        for row in range(2):
            for column in range(3):
                if (n, row, column) in refined:
                    assert not same[n, row, column].any()
                else:
                    assert same[n, row, column].all()


@pytest.mark.parametrize(("threshold", "ratio"), [(0.0, 1.0), (1.01, 0.0)])
def test_the_threshold_skips_all_tiles_at_0_and_none_above_1(threshold: float, ratio: float) -> None:
    model = network(threshold=threshold)
    assert model.last_skip_ratio is None
    logits, coarse = answers(model, image(64, 96))
    assert model.last_skip_ratio == ratio
    assert bool((logits == coarse).all()) is (ratio == 1.0)


def test_the_measured_ratio_counts_the_tiles_that_the_image_fills_in_part() -> None:
    model = network(skip_ratio=0.5)
    logits, _ = answers(model, image(65, 97, batch=2))  # 3 rows and 4 columns of tiles, 6 of 12 skipped
    assert logits.shape == (2, CLASSES, 65, 97)
    assert model.last_skip_ratio == 0.5
    model.skip_ratio = 0.1  # 1 of 12
    answers(model, image(65, 97))
    assert model.last_skip_ratio == pytest.approx(1 / 12)


def test_a_refined_tile_does_not_depend_on_which_others_are_refined() -> None:
    model, x = network(skip_ratio=0.5), image(70, 90)
    some, coarse = answers(model, x)
    places = model.chosen(coarse)
    model.skip_ratio = 0.0
    every, _ = answers(model, x)
    torch.testing.assert_close(cut(some, 32)[places], cut(every, 32)[places])


def test_a_tile_of_the_full_resolution_column_sees_no_pixel_of_its_neighbour() -> None:
    model, x = network(skip_ratio=0.0), image(64, 64)
    other = x.clone()
    other[..., 32] += 5.0  # the first pixels beyond the left tiles' border
    with torch.inference_mode():
        features = model.half_resolution(x)
        coarse = torch.zeros(1, CLASSES, 64, 64)
        one, two = (model.refined(each, features, coarse, model.chosen(coarse)) for each in (x, other))
    assert torch.equal(one[..., :32], two[..., :32])
    assert not torch.equal(one[..., 32:], two[..., 32:])


def test_tiles_are_cut_row_by_row_and_the_last_ones_are_filled_with_zeros() -> None:
    x = torch.arange(1.0, 16.0).reshape(1, 1, 3, 5)
    tiles = cut(x, 2)
    assert tiles.shape == (1, 2, 3, 1, 2, 2)
    assert tiles[0, 0, 1, 0].tolist() == [[3, 4], [8, 9]]
    assert tiles[0, 0, 2, 0].tolist() == [[5, 0], [10, 0]]
    assert tiles[0, 1, 2, 0].tolist() == [[15, 0], [0, 0]]
    assert filled(x[..., :2, :4], 2).shape == (1, 1, 2, 4)


@pytest.mark.parametrize("threshold", [0.0, 1.01])
def test_training_runs_every_tile(threshold: float) -> None:
    model = network(skip_ratio=0.9, threshold=threshold).train()
    logits, coarse = model(image(64, 96, batch=2))
    assert logits.shape == coarse.shape == (2, CLASSES, 64, 96)
    assert not (logits == coarse).any()
    assert model.last_skip_ratio is None  # measured in evaluation only


def test_the_encoder_takes_torchvisions_resnet50_weights() -> None:
    with torch.device("meta"):
        ours = build(CLASSES).encoder.state_dict()
        theirs = resnet50(weights=None).state_dict()
    assert set(theirs) - set(ours) == {"fc.weight", "fc.bias"}
    assert {name: x.shape for name, x in ours.items()} == {name: theirs[name].shape for name in ours}


def test_the_registry_calls_it_a_reconstruction() -> None:
    assert METHODS["twocolumn"].reconstruction


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"skip_ratio": 1.5}, "skip_ratio is 1.5; must be a share"),
        ({"skip_ratio": nan}, "skip_ratio is nan"),
        ({"threshold": -0.1}, "threshold is -0.1"),
        ({"tile": 30}, "tile is 30 pixels; must be a multiple of 4"),
        ({"tile": 0}, "tile is 0 pixels"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(CLASSES, **options)


# what 19 classes cost at 512x1024, in multiply-adds
RESNET50 = 81_456 * 256 * 512  # its convolutions take 81456 a pixel at stride 32 (4.087 G at 224x224)
LATERALS = 128 * (256 * 64 * 128 + 512 * 32 * 64 + 1024 * 16 * 32 + 2048 * 8 * 16)
COARSE = RESNET50 + LATERALS + (9 * 128 * 128 + 128 * 19) * 64 * 128
TILE = 27 * 32 * 32**2 + (9 * 32 * 64 + 4 * 9 * 64 * 64 + 9 * 192 * 64 + 64 * 19) * 16**2


@pytest.mark.parametrize(
    ("ratio", "tiles", "gmacs", "thop2019_gops"),
    [  # 8x16 tiles of 64; the digits are from the first build
        (None, 128, "21.620589", "21.910667"),
        (0.0, 128, "21.620589", "21.910667"),
        (0.5, 64, "17.014194", "17.242407"),
        (0.9, 13, "13.343474", "13.522387"),
        (1.0, 0, "12.407800", "12.574147"),
    ],
)
def test_the_cost_over_the_skip_ratio_is_the_coarse_column_and_so_many_tiles(
    ratio: float | None, tiles: int, gmacs: str, thop2019_gops: str
) -> None:
    options = {} if ratio is None else {"skip_ratio": ratio}
    method = replace(METHODS["twocolumn"], options=options, cost_curve={})
    counted = count_costs(method, 19, (512, 1024))
    assert counted.gmacs == (COARSE + tiles * TILE) / 1e9
    assert f"{counted.gmacs:.6f}" == gmacs
    assert f"{counted.thop2019_gops:.6f}" == thop2019_gops
    assert counted.notes == ()  # both counters of multiply-adds within 0.5 %


@pytest.mark.parametrize(("ratio", "gmacs"), [(0.0, "86.482"), (0.5, "68.057"), (0.9, "53.302")])
def test_the_cost_at_the_papers_image_is_what_the_docstring_says(ratio: float, gmacs: str) -> None:
    method = replace(METHODS["twocolumn"], options={"skip_ratio": ratio})
    assert f"{count_costs(method, 19, (1024, 2048), ('gmacs',)).gmacs:.3f}" == gmacs


def test_the_hand_made_confidences_are_what_the_softmax_gives() -> None:
    assert two_class_logits(torch.tensor([[[0.75]]])).flatten().tolist() == pytest.approx([log(3), 0])


def test_its_cost_is_told_as_a_curve_over_the_share_of_tiles_skipped() -> None:
    notes = count_costs(METHODS["twocolumn"], 19, (512, 1024), ("gmacs",)).notes
    assert "50 % of the tiles skipped: 17.014 GMAC" in notes
    assert "90 % of the tiles skipped: 13.343 GMAC" in notes
