"""A fingerprint moves with the last bit of any logit, and is the same wherever the logits are."""

import json
import math

import numpy as np
import pytest

from bench.errors import NotMeasured
from bench.gate.fingerprint import _mixed, _weights, difference, fingerprint, from_dict

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(1, 5, 64, 96)).astype(np.float32)


def test_the_numbers_behind_the_weights_are_splitmix64() -> None:
    # the first outputs of the published generator with seed 0
    assert [hex(int(value)) for value in _mixed(0, 2)] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4"]


def test_no_weight_is_zero_and_none_needs_more_than_21_bits() -> None:
    weights = _weights(3, 100_000)
    assert (np.abs(weights) >= 1).all()
    assert (np.abs(weights) <= 2**20).all()
    assert abs(float(weights.mean())) < 0.01 * 2**20


@pytest.mark.parametrize("place", [0, 17, 12_345, LOGITS.size - 1])
def test_the_last_bit_of_one_logit_moves_every_projection(place: int) -> None:
    changed = LOGITS.copy()
    changed.ravel()[place] = np.nextafter(changed.ravel()[place], np.float32(9))
    before, now = fingerprint(LOGITS), fingerprint(changed)
    assert all(a != b for a, b in zip(before.projections, now.projections, strict=True))
    assert 0 < difference(before, now) < 1e-6


def test_two_logits_that_change_places_are_found() -> None:
    changed = LOGITS.copy()
    changed.ravel()[[100, 30_000]] = changed.ravel()[[30_000, 100]]
    assert difference(fingerprint(LOGITS), fingerprint(changed)) > 0


def test_a_projection_is_a_weighted_sum_worked_by_hand() -> None:
    weights = _weights(0, 2)
    expected = (3 * weights[0] - 2 * weights[1]) / (2**20 * math.sqrt(2))
    assert fingerprint(np.array([3, -2], np.float32)).projections[0] == pytest.approx(expected, rel=1e-15)


def test_the_fingerprint_comes_back_from_json_bit_for_bit() -> None:
    one = fingerprint(LOGITS)
    assert from_dict(json.loads(json.dumps(one.as_dict()))) == one


def test_another_shape_is_as_different_as_can_be() -> None:
    assert difference(fingerprint(LOGITS), fingerprint(LOGITS.transpose(0, 1, 3, 2))) == math.inf


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ([math.nan, 1.0], "NaN or infinity"),
        ([math.inf], "NaN or infinity"),
        ([], "NaN or infinity"),
        ([0.0, 0.0], "zero"),
    ],
)
def test_an_output_that_says_nothing_has_no_fingerprint(output: list[float], said: str) -> None:
    with pytest.raises(NotMeasured, match=said):
        fingerprint(np.array(output, np.float32))


def test_a_document_that_is_no_fingerprint_is_refused() -> None:
    document = fingerprint(LOGITS).as_dict()
    with pytest.raises(ValueError, match="keys"):
        from_dict({**document, "digest": "0"})
    with pytest.raises(ValueError, match="projections"):
        from_dict({**document, "projections": ["1"]})
