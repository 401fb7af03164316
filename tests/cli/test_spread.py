"""Several values after one flag."""

import pytest

from bench.cli.spread import spread
from bench.errors import UsageError

FLAGS = {"--lambda", "--modules"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--lambda 0 0.2 0.4", "--lambda=0 --lambda=0.2 --lambda=0.4"),
        ("--lambda 0 --lambda 0.2", "--lambda=0 --lambda=0.2"),
        ("--lambda=0 0.2 --lambda 1", "--lambda=0 --lambda=0.2 --lambda=1"),
        ("--modules 0 1 2 --seeds 3", "--modules=0 --modules=1 --modules=2 --seeds 3"),
        ("--seeds 3 --modules 0 1 --dry-run", "--seeds 3 --modules=0 --modules=1 --dry-run"),
        ("--lambda -0.2 -.5 0.2", "--lambda=-0.2 --lambda=-.5 --lambda=0.2"),
        ("--lambda 0 -- 3", "--lambda=0 -- 3"),
        ("--seeds=3 stray --lambda 1", "--seeds=3 stray --lambda=1"),
        ("", ""),
    ],
)
def test_each_value_gets_its_flag(typed, meant):
    assert spread(typed.split(), FLAGS) == meant.split()


@pytest.mark.parametrize("typed", ["--lambda", "--lambda --modules 0", "--modules 1 --lambda --dry-run"])
def test_a_flag_without_a_value_is_refused(typed):
    with pytest.raises(UsageError, match="--lambda has no value"):
        spread(typed.split(), FLAGS)
