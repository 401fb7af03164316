"""Size rules: in words, as a check, and as the next size that fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.sizes import ANY, SizeRule

RULES = st.builds(SizeRule, st.integers(1, 64), st.integers(0, 8), st.integers(1, 200))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ANY, "any"),
        (SizeRule(32), "multiple of 32"),
        (SizeRule(8, 1), "8k+1"),
        (SizeRule(least=32), "any, at least 32"),
        (SizeRule(8, 1, least=30), "8k+1, at least 33"),
    ],
)
def test_a_rule_says_itself(rule: SizeRule, words: str) -> None:
    assert str(rule) == words


def test_the_paper_s_713_is_8k_plus_1_and_720_is_not() -> None:
    rule = SizeRule(8, 1)
    assert rule.admits((713, 713))
    assert not rule.admits((713, 720))
    assert rule.fitting((714, 720)) == (721, 721)


def test_a_refusal_names_the_rule_and_the_next_size() -> None:
    with pytest.raises(ValueError, match=r"input of 360x480: each side must be multiple of 32, e.g. 384x480"):
        SizeRule(32).require((360, 480))


def test_a_small_side_grows_to_the_least() -> None:
    assert SizeRule(8, least=20).fitting((3, 30)) == (24, 32)


@given(RULES, st.integers(1, 3000), st.integers(1, 3000))
def test_what_fits_is_allowed_holds_the_size_and_is_the_smallest(rule: SizeRule, h: int, w: int) -> None:
    height, width = rule.fitting((h, w))
    assert rule.admits((height, width))
    assert height >= h
    assert width >= w
    assert not any(rule.admits((side, width)) for side in range(max(h, height - rule.step + 1), height))
