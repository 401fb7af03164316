"""The pool in C gives what torch's pool gives, to the last bit; without a compiler nothing needs it."""

import copy
import shutil
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import max_pool2d

from bench.speed.engines.engine import Conditions, find_engine
from carnet.fast import compiled_c as module
from carnet.fast.deploy import deploy
from carnet.fast.exact_forms import written_out
from carnet.fast.one_pass_pool import code, one_pass_pool
from carnet.model import build


@pytest.fixture(autouse=True)
def compiled() -> Iterator[None]:
    """Ask for the C anew in each test, and leave nothing of it behind."""
    code.cache_clear()
    module.compiled_c.cache_clear()
    yield
    code.cache_clear()
    module.compiled_c.cache_clear()


@pytest.fixture
def with_code() -> None:
    if code() is None:
        pytest.skip("no C compiler here, or not Linux")


def torchs(x: Tensor) -> Tensor:
    return max_pool2d(x, 5, stride=1, padding=2)


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 35), st.integers(1, 12), st.integers(1, 12)),
    threads=st.integers(1, 3),
    strange=st.lists(st.sampled_from([float("nan"), -float("nan"), float("inf"), -float("inf")]), max_size=3),
    form=st.tuples(
        st.sampled_from([torch.float32, torch.bfloat16]),
        st.sampled_from([torch.contiguous_format, torch.channels_last]),
    ),
    seed=st.integers(0, 2**16),
)
def test_it_is_torchs_pool_to_the_last_bit(
    shape: tuple[int, ...],
    threads: int,
    strange: list[float],
    form: tuple[torch.dtype, torch.memory_format],
    seed: int,
) -> None:
    if code() is None:
        pytest.skip("no C compiler here, or not Linux")
    generator = torch.Generator().manual_seed(seed)
    dtype, layout = form
    x = torch.randn(shape, generator=generator).to(dtype)
    for value in strange:
        x.view(-1)[int(torch.randint(x.numel(), (1,), generator=generator))] = value
    x = x.to(memory_format=layout)
    before, threads_before = x.clone(), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        pooled = one_pass_pool(x)
    finally:
        torch.set_num_threads(threads_before)
    torch.testing.assert_close(pooled, torchs(x), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(x, before, rtol=0, atol=0, equal_nan=True)


@pytest.mark.usefixtures("with_code")
def test_a_nan_reaches_as_far_as_the_window_and_no_farther() -> None:
    x = torch.zeros(1, 2, 9, 9)
    x[0, 1, 4, 4] = float("nan")
    found = one_pass_pool(x).isnan()
    assert found[0, 1].sum() == 25
    assert found[0, 1, 2:7, 2:7].all()
    assert not found[0, 0].any()


@pytest.mark.usefixtures("with_code")
@pytest.mark.parametrize("operator", [one_pass_pool, written_out])
def test_a_compiler_is_told_the_truth_about_it(operator: torch.library.CustomOpDef) -> None:  # type: ignore[name-defined]
    x = torch.randn(2, 7, 6, 5).to(memory_format=torch.channels_last)
    torch.library.opcheck(operator, (x,), test_utils=("test_schema", "test_faketensor"))


@pytest.mark.usefixtures("with_code")
def test_other_maps_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a map of torch\.float64 on cpu; expected fp32 or bf16"):
        one_pass_pool(torch.zeros(1, 1, 5, 5, dtype=torch.float64))


@pytest.mark.usefixtures("with_code")
def test_a_deployed_network_uses_it_and_names_the_compiler() -> None:
    network, image = build(5).eval(), torch.randn(1, 3, 64, 96)
    in_c, in_torch = deploy(network), deploy(network, pool="separable")
    assert torch.equal(in_c(image), in_torch(image))
    assert torch.equal(*(one.bfloat16()(image.bfloat16()) for one in map(copy.deepcopy, (in_c, in_torch))))
    found = code()
    assert found is not None
    assert (in_c.c_compiler, in_torch.c_compiler) == (found.compiler, None)
    versions = [
        find_engine("eager").prepare(one, image, Conditions(torch.device("cpu"), 1, precision)).versions
        for one, precision in (
            (in_c, "fp32"),
            (in_c, "bf16"),
            (in_c, "fp16"),
            (in_torch, "fp32"),
            (network, "fp32"),
        )
    ]
    assert versions == [*[{"carnet.fast.one_pass_pool": found.compiler}] * 2, {}, {}, {}]


@pytest.mark.parametrize("compiler", [None, shutil.which("false")])
def test_without_a_compiler_that_works_the_pool_is_torchs(
    monkeypatch: pytest.MonkeyPatch, compiler: str | None
) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda _: compiler)
    assert code() is None
    with pytest.raises(ValueError, match="no C compiler here"):
        one_pass_pool(torch.zeros(1, 1, 5, 5))
    network, image = build(5).eval(), torch.randn(1, 3, 64, 96)
    deployed = deploy(network)
    assert deployed.c_compiler is None
    assert torch.equal(deployed(image), deploy(network, pool="separable")(image))
