"""Faults 6 and 8: weights that are damaged, and weights that do not fit."""

import pytest
import torch
from torch import nn

from bench.errors import RefusedInput
from bench.train.weight_file import fit, load_weights, save_weights


def damage(path, position=None):
    """Flip one byte, in the middle when no position is given."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if position is None else position] ^= 0x10
    path.write_bytes(bytes(content))


def test_a_flipped_byte_anywhere_in_weights_with_a_known_digest_is_refused(tmp_path):
    path = tmp_path / "toy.safetensors"
    digest = save_weights(path, {"weight": torch.arange(50.0)})
    good = path.read_bytes()
    for position in range(0, len(good), len(good) // 19):
        damage(path, position)
        with pytest.raises(RefusedInput, match=rf"toy\.safetensors: SHA-256 .*{digest}"):
            load_weights(path, digest)
        path.write_bytes(good)
    assert torch.equal(load_weights(path, digest)["weight"], torch.arange(50.0))


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 40, b"{" * 100])
def test_what_is_not_safetensors_is_refused_by_name(tmp_path, content):
    path = tmp_path / "page.safetensors"
    path.write_bytes(content)
    with pytest.raises(RefusedInput, match=r"page\.safetensors: not a safetensors file"):
        load_weights(path)


# fault 8: weights that do not fit


def toy():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def same(model, state):
    return all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def copy_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_weights_saved_from_a_parallel_wrapper_are_refused_with_both_lists_and_a_hint():
    model = toy()
    before = copy_of(model)
    with pytest.raises(RefusedInput) as caught:
        fit(model, {f"module.{name}": value + 1 for name, value in before.items()}, "toy.safetensors")
    # two of the convolution, five of the normalisation
    message = str(caught.value)
    assert message.startswith("toy.safetensors do not fit Sequential: 7 missing: 0.bias, 0.weight, 1.bias, ")
    assert "7 unexpected: module.0.bias, module.0.weight, " in message
    assert "parallel wrapper" in caught.value.then
    assert same(model, before)


def test_one_missing_name_is_refused_and_the_model_stays_as_it_was():
    model = toy()
    before = copy_of(model)
    changed = {name: value + 1 for name, value in before.items() if name != "1.running_var"}
    with pytest.raises(RefusedInput, match=r"1 missing: 1\.running_var$"):
        fit(model, changed)
    assert same(model, before)


def test_every_other_shape_and_kind_of_number_is_listed():
    model = toy()
    before = copy_of(model)
    changed = {**before, "0.bias": torch.ones(5), "1.bias": torch.ones(4, dtype=torch.int8)}
    with pytest.raises(RefusedInput) as caught:
        fit(model, changed)
    assert "0.bias: shape (5,), expected (4,)" in str(caught.value)
    assert "1.bias: torch.int8, expected torch.float32" in str(caught.value)
    assert same(model, before)


def test_weights_that_fit_are_loaded():
    model, other = toy(), toy()
    fit(model, other.state_dict())
    assert same(model, other.state_dict())
