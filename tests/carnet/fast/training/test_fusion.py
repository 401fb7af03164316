"""Eq. 1 with its means and activation as one operation: the CARModule's values and gradients."""

import copy

import pytest
import torch
from torch import nn

from carnet.fast.training.fusion import refine_and_clamp
from carnet.modules import CARModule


def drawn_module() -> CARModule:
    torch.manual_seed(0)
    module = CARModule(5)
    for bn in (module.w_bn, module.w1_bn, module.w2_bn):
        bn.eps = 1.0  # of three images' means a normal one would make of rounding what it likes
    return module


@pytest.mark.usefixtures("with_c")
@pytest.mark.parametrize(
    ("activation", "bounds"),
    [(nn.ReLU6(), (0.0, 6.0)), (nn.ReLU(), (0.0, float("inf")))],
    ids=["relu6", "relu"],
)
def test_values_and_all_gradients_are_the_modules(activation, bounds, drawn_map) -> None:
    shape = (3, 256, 9, 11)
    low, high = drawn_map(*shape, scale=3), drawn_map(*shape, seed=1, scale=3)
    gradient, of_squeezed = drawn_map(*shape, seed=2), drawn_map(3, 128, 1, 1, seed=3)
    module = drawn_module()
    exact = copy.deepcopy(module).double()
    attention = ("w.weight", "w_bn.", "w1.weight", "w1_bn.", "w2.weight", "w2_bn.")

    def parameters(of: CARModule) -> list[torch.Tensor]:
        return [parameter for name, parameter in of.named_parameters() if name.startswith(attention)]

    wide = [one.double().requires_grad_() for one in (low, high)]
    fused, squeezed = exact(*wide)
    outputs = activation(fused), squeezed
    wanted = torch.autograd.grad(
        outputs, [*wide, *parameters(exact)], (gradient.double(), of_squeezed.double())
    )
    narrow = [one.requires_grad_() for one in (low, high)]
    found = refine_and_clamp(module, *narrow, bounds)  # type: ignore[call-arg]
    got = torch.autograd.grad(found, [*narrow, *parameters(module)], (gradient, of_squeezed))
    all_found, all_wanted = [*found, *got, *module.buffers()], [*outputs, *wanted, *exact.buffers()]
    for one, other in zip(all_found, all_wanted, strict=True):
        error, size = (one.double() - other.double()).norm().item(), other.double().norm().item()
        assert error < 1e-5 * max(size, 10)  # a bias before a batch-norm has gradient 0, but for rounding


@pytest.mark.usefixtures("with_c")
def test_a_graph_that_is_kept_gives_the_same_gradients_again(drawn_map) -> None:
    low, high = (drawn_map(2, 256, 3, 4, seed=seed).requires_grad_() for seed in (0, 1))
    out, _ = refine_and_clamp(drawn_module(), low, high, (0.0, 6.0))
    first, second = (torch.autograd.grad(out.sum(), [low, high], retain_graph=True) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.usefixtures("with_c")
def test_a_batch_of_one_image_is_refused_as_the_module_refuses_it(drawn_map) -> None:
    low, high = drawn_map(1, 256, 3, 4), drawn_map(1, 256, 3, 4)
    with pytest.raises(ValueError, match="got a batch of 1 image"):
        refine_and_clamp(CARModule(5), low, high, (0.0, 6.0))
