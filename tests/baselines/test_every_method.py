"""What holds for every method of the registry: it runs at the paper's size, it runs for real, it trains."""

import re

import pytest
import torch

from baselines.method import Method
from baselines.registry import METHODS
from baselines.sizes import ANY
from bench.cost.meta import build_on_meta, on_meta
from bench.train.criterion import build_criterion

SMALL_HW = (64, 96)
ODD_HW = (65, 97)
# torch takes long for the backward of a dilated 7x7 convolution to 4096 channels, and for pads of 100 pixels
SLOW = {"dilatednet": (32, 32), "cascaded-dilatednet": (32, 32), "crf-rnn": SMALL_HW}
SLOW |= {"fcn-8s": ODD_HW, "refinenet-resnet50": ODD_HW}
# the same code as the shallower ones, with more blocks
SLOW |= {name: SMALL_HW for name in METHODS if name.endswith(("resnet101", "resnet152"))}
PAPER_ROWS = 26
CLASSES_OF_ADE20K = 150

# parameters that a training step gives no gradient, with the reason; none so far
WITHOUT_GRADIENT: dict[str, dict[str, str]] = {}

# some first gradients are zero: FCN's scores and the last scale of timm's residual blocks start at 0
STILL_AT_FIRST = {"fcn-8s"} | {name for name in METHODS if name.startswith("smp-") and "resnet" in name}


def every(group: str) -> list[Method]:
    return [method for method in METHODS.values() if method.group == group]


def named(methods: list[Method]) -> object:
    return pytest.mark.parametrize("method", methods, ids=[method.name for method in methods])


def test_the_registry_holds_the_rows_of_the_paper_and_its_variants() -> None:
    variants = {"frrn-a", "bs-mobile", "bs-resnet50"}
    assert len({method.name for method in every("paper")} - variants) == PAPER_ROWS


def test_at_least_eight_peers_stand_beside_them() -> None:
    assert len(every("peer")) >= 8


@named(list(METHODS.values()))
def test_it_runs_at_the_paper_s_size_on_meta(method: Method) -> None:
    network, _ = build_on_meta(method, method.num_classes)
    with on_meta():
        logits = network(torch.empty(1, 3, *method.size_hw))
    assert logits.shape == (1, method.num_classes, *method.size_hw)


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(method, id=name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name, method in METHODS.items()
    ],
)
def test_it_runs_for_real_in_any_layout_and_one_step_gives_every_parameter_a_finite_gradient(
    method: Method, tiny_recipe_of
) -> None:
    classes = method.num_classes if method.from_data else 5
    size_hw = method.sizes.fitting(SLOW.get(method.name, ODD_HW if method.sizes.step == 1 else SMALL_HW))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = method.build(classes).to(memory_format=torch.channels_last)
        image = torch.randn(2, 3, *size_hw)
        label = torch.randint(0, classes, (2, *size_hw))
        label[:, :2] = 255
        network.train()
        losses = build_criterion(tiny_recipe_of(method), method)(network(image), label)
    losses["total"].backward()
    excused = WITHOUT_GRADIENT.get(method.name, {})
    without = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert [name for name in without if not name.startswith(tuple(excused))] == []
    assert [prefix for prefix in excused if not any(name.startswith(prefix) for name in without)] == []
    infinite = [
        name
        for name, p in network.named_parameters()
        if p.grad is not None and not bool(torch.isfinite(p.grad).all())
    ]
    assert infinite == []
    still = [
        n for n, p in network.named_parameters() if p.ndim > 1 and p.grad is not None and not p.grad.any()
    ]
    assert still == [] or method.name in STILL_AT_FIRST

    network.eval()
    with torch.inference_mode():
        both, again = network(image), network(image)
        alone = network(image[:1])
        plain = network.to(memory_format=torch.contiguous_format)(image)
    assert both.shape == (2, classes, *size_hw)
    assert bool(torch.isfinite(both).all())
    assert torch.equal(both, again)
    least = 1e-4 * float(both.abs().max())
    torch.testing.assert_close(alone, both[:1], rtol=1e-4, atol=least)
    torch.testing.assert_close(plain, both, rtol=1e-4, atol=least)


@named([method for method in METHODS.values() if method.sizes != ANY])
def test_a_size_it_does_not_take_is_refused_by_its_rule(method: Method) -> None:
    network, _ = build_on_meta(method, method.num_classes)
    height, width = method.sizes.fitting(SMALL_HW)
    refused = width + 1 if method.sizes.step > 1 else method.sizes.least - 1
    with on_meta(), pytest.raises((ValueError, RuntimeError), match=re.escape(str(method.sizes))):
        network(torch.empty(1, 3, height, refused))
