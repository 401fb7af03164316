"""Golden outputs: a network's logits for one fixed image and fixed weights, as numbers to compare."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from baselines.method import Method
from bench.gate.fingerprint import Fingerprint, fingerprint

SIZE_HW = (64, 96)
"""Height and width of the image, pixels; a method that refuses it gets the next size that it accepts."""
CLASSES = 5
"""Output classes; a method whose head belongs to one data set has that set's."""

_SEED = 2020
_SHIFT = 0.02


def conditions() -> dict[str, Any]:
    """Return what must be equal for two golden outputs to be bit-identical."""
    from bench.results.provenance import machine  # noqa: PLC0415 - measuring itself needs no provenance

    return {
        "torch": str(torch.__version__),
        "cpu": machine()["cpu"],
        "architecture": platform.machine(),
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": 1,
    }


def golden(method: Method) -> Fingerprint:
    """Return the fingerprint of a method's logits: seeded weights and image, eval mode, fp32, one thread.

    Raises:
        NotMeasured: The logits hold NaN or infinity, or are all zero.
    """
    return fingerprint(golden_logits(method).numpy())


def golden_logits(method: Method) -> Tensor:
    """Return the logits (1, classes, h, w) that the fingerprint is of, float32."""
    size_hw = method.sizes.fitting(SIZE_HW)
    classes = method.num_classes if method.from_data else CLASSES
    with one_thread(), torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(_SEED)
        network = method.build(classes).eval()
        stir(network)
        image = torch.randn(1, 3, *size_hw, generator=torch.Generator().manual_seed(_SEED))
        logits: Tensor = network(image)
    return logits.float()


def stir(network: nn.Module) -> None:
    """Move every parameter and buffer that is one number throughout away from that number.

    As built, a batch norm is the identity and some classifiers are zero: an output that passed them would not
    tell whether they are there.
    """
    generator = torch.Generator().manual_seed(_SEED)
    for tensor in (*network.parameters(), *network.buffers()):
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        first = tensor.flatten()[0]
        if bool((tensor != first).any()):
            continue
        with torch.no_grad():
            if bool(first == 0):
                tensor.add_(_SHIFT * torch.randn(tensor.shape, generator=generator))
            else:
                tensor.mul_(0.5 + torch.rand(tensor.shape, generator=generator))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch's operators use one thread: with more, the order of their sums may depend on the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
