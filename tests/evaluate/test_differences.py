import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import NotMeasured, RefusedInput
from bench.evaluate.confusion import Confusion
from bench.evaluate.differences import IMAGES_ONLY, SEEDS_AND_IMAGES, compare, compare_gains, interval
from bench.evaluate.evaluate import Evaluation
from bench.evaluate.neighbours import blocks_of_split

T_2 = 4.302653  # 97.5 % of Student's t, 2 degrees of freedom
T_3 = 3.182446
T_1 = 12.706205


def images(*wrong, pixels=100):
    """Images of so many pixels, all of class 0, of which so many are called class 1."""
    return np.array([[[pixels - error, error], [0, 0]] for error in wrong], np.int32)


def binary(rates, pixels=1_000_000):
    """Images half of class 0 and half of class 1, of each of which a fraction is called the other."""
    wrong = np.rint(np.asarray(rates) * pixels).astype(np.int64)
    right = pixels - wrong
    return np.stack([np.stack([right, wrong], -1), np.stack([wrong, right], -1)], -2)


def test_the_difference_is_that_of_one_matrix_over_all_images():
    # first: 150 of 200 pixels right: IoU of class 0 0.75, of class 1 (only predicted) 0: mIoU 0.375
    # second: 180 of 200: 0.9 and 0: 0.45
    found = compare([images(30, 20)], [images(0, 20)])
    assert found.mean == pytest.approx(0.45 - 0.375)
    assert (found.images, found.blocks, found.seeds) == (2, 2, (1, 1))


def test_a_class_in_neither_truth_nor_prediction_is_not_averaged():
    wide = np.zeros((2, 3, 3), np.int32)
    wide[:, :2, :2] = images(10, 20)
    assert interval([wide]).mean == pytest.approx(interval([images(10, 20)]).mean) == pytest.approx(0.425)


def test_images_alone_by_hand():
    # three images of 100 pixels; without one of them mIoU is (1 - wrong / 200) / 2:
    # wrong 0 10 20: without the first 0.425, second 0.45, third 0.475; mean 0.45
    # jackknife: (3 - 1) / 3 * (0.025^2 + 0 + 0.025^2) = 1/1200; t with 2 degrees of freedom
    found = interval([images(0, 10, 20)])
    half = T_2 * math.sqrt(1 / 1200)
    assert found.mean == pytest.approx(0.45)
    assert (found.low, found.high) == (pytest.approx(0.45 - half), pytest.approx(0.45 + half))
    assert found.std is None
    assert found.covers == IMAGES_ONLY


def test_seeds_alone_by_hand():
    # every image alike, so images add nothing: mIoU 0.45, 0.40, 0.35, std 0.05, half = t_2 * 0.05 / sqrt(3)
    found = interval([images(10, 10), images(20, 20), images(30, 30)])
    half = T_2 * 0.05 / math.sqrt(3)
    assert found.mean == pytest.approx(0.40)
    assert found.std == pytest.approx(0.05)
    assert found.high - found.low == pytest.approx(2 * half)
    assert found.covers == SEEDS_AND_IMAGES


def test_seeds_and_images_add_up_each_with_its_own_quantile():
    # seeds 0.45, 0.40, 0.35 as above, each with the images of wrong -10, 0, +10 about its mean, so J is 0
    found = interval([images(0, 10, 20), images(10, 20, 30), images(20, 30, 40)])
    assert found.high - found.mean == pytest.approx(T_2 * math.sqrt(0.0025 / 3 + 1 / 1200))
    # four images, wrong -10 -10 10 10 about each seed's mean: jackknife 3 / 4 * 4 * (0.05 / 3)^2, t_3
    wrong = np.array([-10, -10, 10, 10])
    found = interval([images(*(mean + wrong)) for mean in (10, 20, 30)])
    variance_of_images = 3 * (0.05 / 3) ** 2
    squared = T_2**2 * 0.0025 / 3 + T_3**2 * variance_of_images
    assert found.high - found.mean == pytest.approx(math.sqrt(squared))


def test_seeds_that_agree_by_chance_leave_the_interval_of_the_images():
    # each seed's own images vary, S^2 is 0: no narrower than what the images alone leave in doubt
    seeds = [images(10, 20, 30), images(20, 30, 10), images(10, 30, 20)]
    found = interval(seeds)
    # without an image each, the seeds' sums of wrong are 50 40 30, 40 30 50 and 50 30 40
    left_out = [(1 - wrong / 200) / 2 for wrong in (140 / 3, 100 / 3, 120 / 3)]
    jackknife = 2 * np.var(left_out)
    assert found.std == pytest.approx(0)
    assert found.high - found.mean == pytest.approx(T_2 * math.sqrt(jackknife))


def test_what_seeds_vary_because_of_their_images_is_counted_once():
    # mIoU without the first or second image: seed 1 0.45 0.40, seed 2 0.40 0.45; both seeds 0.425 in all
    # S^2 = 0, so the seeds add nothing although they differ in every image; the mean has no image variance
    found = interval([images(20, 10), images(10, 20)])
    assert found.low == found.mean == found.high == pytest.approx(0.425)


def test_pairs_take_away_what_their_seeds_have_in_common():
    # each seed of the second is 5 points (wrong 10 of 100, over two classes) above the first's: no noise left
    first = [images(20, 20), images(40, 40), images(70, 70)]
    second = [images(10, 10), images(30, 30), images(60, 60)]
    found = compare(first, second, paired=True)
    assert found.mean == pytest.approx(0.05)
    assert found.high - found.low == pytest.approx(0, abs=1e-9)
    assert compare(first, second).sign == 0  # unpaired, the seeds' spread hides it


def test_one_gain_over_another_is_taken_seed_by_seed():
    # wrong 50, 40, 30 of 100 in all images, then less by 20, 18, 16 and by 4, 6, 8: a point of wrong is half
    # a point of mIoU, so the gains are 10, 9, 8 and 2, 3, 4, and one less the other 8, 6, 4: mean 6, s = 2
    first = [images(50, 50), images(40, 40), images(30, 30)]
    second = [images(30, 30), images(22, 22), images(14, 14)]
    third = [images(26, 26), images(16, 16), images(6, 6)]
    found = compare_gains((first, second), (second, third))
    assert found.mean == pytest.approx(0.06)
    assert found.high - found.mean == pytest.approx(T_2 * 0.02 / math.sqrt(3))
    assert (found.seeds, found.paired, found.sign) == ((3, 3), True, 1)
    assert compare_gains((second, third), (first, second)).sign == -1


def test_gains_of_unequally_many_seeds_are_refused():
    one = [images(1, 2)]
    with pytest.raises(RefusedInput, match=r"found \[1, 1, 1, 2\]"):
        compare_gains((one, one * 2), (one, one))


def test_unpaired_seeds_by_hand():
    # 0.45 0.40 0.35 against the same: S^2 / n twice, each with its 2 degrees of freedom
    seeds = [images(10, 10), images(20, 20), images(30, 30)]
    found = compare(seeds, seeds)
    assert found.mean == 0
    assert found.high == pytest.approx(T_2 * math.sqrt(2 * 0.0025 / 3))


def test_a_side_of_one_seed_takes_the_other_sides_variance():
    # one seed at 0.40 against 0.45 0.40 0.35: S^2 (1 + 1/3) with 2 degrees of freedom
    found = compare([images(10, 10), images(20, 20), images(30, 30)], [images(20, 20)])
    assert found.high == pytest.approx(T_2 * math.sqrt(0.0025 * 4 / 3))
    assert found.covers == SEEDS_AND_IMAGES


def test_one_seed_in_each_says_that_it_covers_images_only():
    assert compare([images(0, 10)], [images(5, 10)]).covers == IMAGES_ONLY


def test_images_of_one_block_count_as_one():
    # two blocks of two: without one of them mIoU is 0.40 or 0.45; jackknife 1/2 * 2 * 0.025^2, t_1
    found = interval([images(10, 10, 20, 20)], [7, 7, 3, 3])
    assert found.blocks == 2
    assert found.high - found.mean == pytest.approx(T_1 * 0.025)


def test_the_sign_is_that_of_an_interval_that_excludes_zero():
    better, worse = [images(1, 2, 3)] * 3, [images(41, 42, 43)] * 3
    assert compare(worse, better).sign == 1
    assert compare(better, worse).sign == -1
    assert compare(better, better).sign == 0


def test_a_records_sparse_arrays_say_the_same_as_its_matrices():
    rng = np.random.default_rng(5)
    dense = [rng.integers(0, 9, (12, 4, 4), np.int32) for _ in range(3)]
    for one in dense[1:]:  # the same true labels
        one[:] = dense[0]
        one[:, :, :2] = one[:, :, 1::-1]
    sparse = [Evaluation(Confusion(4), one, (), 0.0).arrays() for one in dense]
    assert interval(sparse) == interval(dense)


@given(st.integers(0, 2**32 - 1))
def test_the_mean_is_confusions_own_miou(seed):
    rng = np.random.default_rng(seed)
    matrices = rng.integers(0, 4, (5, 6, 6)) * (rng.random((1, 6, 6)) < 0.3)
    confusion = Confusion(6)
    confusion.matrix += matrices.sum(axis=0)
    try:
        found = interval([matrices]).mean
    except NotMeasured:
        return
    assert found == pytest.approx(confusion.miou())


def test_other_images_are_refused_by_their_true_labels():
    with pytest.raises(RefusedInput, match="image 1 has other true labels"):
        compare([images(0, 10)], [np.concatenate([images(0), images(10, pixels=99)])])


@pytest.mark.parametrize(
    ("first", "second", "blocks", "message"),
    [
        ([images(1, 2)], [images(1, 2, 3)], None, "matrices of 3 images and 2 classes next to 2 and 2"),
        ([images(1, 2)], [], None, "no seed"),
        ([images(1, 2)[0]], [images(1, 2)], None, "must be .images, classes, classes."),
        ([images(1, 2)], [images(1, 2)], [0], "blocks of 1 images for 2"),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, blocks, message):
    with pytest.raises(RefusedInput, match=message):
        compare(first, second, blocks)


def test_pairs_of_unequal_number_are_refused():
    with pytest.raises(RefusedInput, match="1 and 2"):
        compare([images(1, 2)], [images(1, 2)] * 2, paired=True)


def test_one_block_does_not_tell_how_images_vary():
    with pytest.raises(NotMeasured, match="2 images in 1 block"):
        interval([images(1, 2)], [0, 0])


IMAGES = 233
# standard deviations of the error rate: between images, between seeds, of an image in one seed alone; one
# image's of 0.05 over 233 images weighs as much as a seed's of 0.05 * sqrt(3 / 233) over 3 seeds
SEED_STD = 0.05 * math.sqrt(3 / IMAGES)
CASES = {
    "images only": (0.05, 0.0, 0.0),
    "images only, in each seed its own": (0.0, 0.0, 0.05),
    "seeds only": (0.0, SEED_STD, 0.0),
    "both equal": (0.05, SEED_STD, 0.0),
}


PURE = ("images only", "seeds only")
"""Cases with one source of noise, which the interval covers exactly."""


def rates(rng, mean, stds, correlation=0.0):
    """Error rates of 3 seeds on 233 images, (3, 233): each image's own, each seed's, and what is left."""
    image_std, seed_std, rest_std = stds
    of_images = rng.normal(size=IMAGES)
    if correlation:
        for image in range(1, IMAGES):
            fresh = math.sqrt(1 - correlation**2) * of_images[image]
            of_images[image] = correlation * of_images[image - 1] + fresh
    of_seeds = seed_std * rng.normal(size=(3, 1))
    return mean + image_std * of_images + of_seeds + rest_std * rng.normal(size=(3, IMAGES))


def found_in(trials, case, *, second=0.25, paired=True, correlation=0.0, blocks=None):
    """Yield the difference found in each trial between recipes of error rates 0.3 and ``second``."""
    rng = np.random.default_rng(2020)
    for _ in range(trials):
        groups = (
            [binary(seed) for seed in rates(rng, mean, CASES[case], correlation)] for mean in (0.3, second)
        )
        yield compare(*groups, blocks, paired=paired)


def covered(trials, case, **how):
    """Return in which fraction of the trials the interval holds the true difference."""
    # wrong a fraction e of both classes: IoU (1 - e) / (1 + e)
    truth = 0.75 / 1.25 - 0.7 / 1.3
    return sum(found.low <= truth <= found.high for found in found_in(trials, case, **how)) / trials


@pytest.mark.parametrize("case", CASES)
def test_the_interval_covers_about_what_it_claims_in_200_trials(case):
    # the standard error of the fraction is 1.5 points; a mixture errs on the wide side
    assert 0.91 <= covered(200, case) <= (0.99 if case in PURE else 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_the_interval_covers_at_least_94_percent_of_2000_trials(case, paired):
    # two sides' seeds are a mixture, too
    pure = case in PURE and (paired or case == "images only")
    assert 0.94 <= covered(2000, case, paired=paired) <= (0.965 if pure else 1.0)


def test_frames_of_a_video_need_blocks():
    blocks = blocks_of_split("camvid", "test", IMAGES)
    assert covered(200, "images only", correlation=0.5, blocks=blocks) >= 0.91
    assert covered(200, "images only", correlation=0.5) <= 0.82


@pytest.mark.slow
def test_blocks_cover_92_to_97_percent_of_2000_trials_of_correlated_frames():
    blocks = blocks_of_split("camvid", "test", IMAGES)
    assert 0.92 <= covered(2000, "images only", correlation=0.5, blocks=blocks) <= 0.97


@pytest.mark.parametrize("case", CASES)
def test_equal_recipes_with_other_seeds_are_not_told_apart(case):
    signs = [found.sign for found in found_in(100, case, second=0.3, paired=False)]
    assert signs.count(0) >= 93
