"""Networks and batches of which rounding does not move gradients far, and what one step makes of them."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from carnet.fast.training import use_fast_training
from carnet.model import CARNet, build


def drawn(seed: int = 0, **options: object) -> CARNet:
    """Return a network whose gradients rounding does not move far: batch-norm's eps is 1, not 1e-5."""
    torch.manual_seed(seed)
    network = build(5, **options).train().to(memory_format=torch.channels_last)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1.0
    return network


def fast(network: CARNet, criterion: nn.Module | None = None) -> CARNet:
    own = copy.deepcopy(network)
    use_fast_training(own, *([] if criterion is None else [criterion]))
    return own


def batch(images: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(images, 3, height, width, generator=generator)
    label = torch.randint(5, (images, height, width), generator=generator)
    label[:, :3] = 255
    return image.contiguous(memory_format=torch.channels_last), label


def learned(network: CARNet, criterion: nn.Module, image: Tensor, label: Tensor) -> list[Tensor]:
    """Return losses, all gradients in a row and all statistics after one step, in 64 bits."""
    losses = criterion(network(image), label)
    losses["total"].backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    statistics = [buffer.flatten() for buffer in network.buffers()]
    return [
        torch.stack(list(losses.values())).detach().double(),
        torch.cat([gradient.flatten() for gradient in gradients]).double(),
        torch.cat(statistics).double(),
    ]
