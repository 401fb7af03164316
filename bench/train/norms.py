"""Batch-norm in training: frozen in the encoder, or computed over the batch of all devices together."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.errors import RefusedInput


def freeze_encoder(network: nn.Module) -> None:
    """Freeze the encoder's batch norms: running statistics in the forward pass, no gradient.

    Training mode undoes the first half, so repeat the call after ``network.train()``.

    Raises:
        RefusedInput: The network has no part named ``encoder``.
    """
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise RefusedInput(f"freeze_encoder_bn: {type(network).__name__} has no part named 'encoder'")
    for module in encoder.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
            module.requires_grad_(False)


def synchronised(network: nn.Module, ranks: int, device: str) -> nn.Module:
    """Return the network with every batch norm over the images of all devices; with one device as it is.

    Args:
        network: Its parameters and buffers keep their names and values.
        ranks: Training processes, one per device.
        device: Device kind.

    Raises:
        RefusedInput: Several devices that are not CUDA: torch synchronises batch-norm nowhere else.
    """
    if ranks == 1:
        return network
    if device != "cuda":
        raise RefusedInput(
            f"sync_bn on {ranks} {device} devices: torch synchronises batch-norm on CUDA only",
            then="train on one device, or set sync_bn = false",
        )
    converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    return converted
