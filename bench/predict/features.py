"""Feature maps of a trained network as the paper shows them (Figs. 1, 11 and 12): one map per layer.

The paper does not say how a layer's channels become one map; here it is their mean. The value range of a map
is that of the mean, at the layer's own size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from baselines.sizes import ANY, SizeRule
from bench.data.loader import evaluation_samples
from bench.data.statistics import normalise
from bench.errors import RefusedInput, UsageError
from bench.evaluate.views import padded

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

    from bench.data.dataset import SegmentationData
    from bench.data.statistics import Statistics

LEVELS = ("res1", "res2", "res3", "res4")
"""The encoder's outputs at 1/4, 1/8, 1/16 and 1/32 of the image; of a level with several maps, the last."""
REDUCTION = "mean over the channels"

_ENCODER = "encoder"


class Range(NamedTuple):
    """Lowest and highest value of a map."""

    low: float
    high: float


class FeatureExtractor:
    """Returns maps of a network's layers and computes nothing behind the last of them.

    Args:
        network: In evaluation mode.
        layers: Keys of `LEVELS` for a CARNet or BS, or names of submodules, of any network.
        statistics: What the network's weights expect.
        device: Where the network is.
        sizes: What the network takes; an image of another size is padded.

    Raises:
        UsageError: A layer that the network does not have.
    """

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[str],
        statistics: Statistics,
        device: torch.device,
        sizes: SizeRule = ANY,
    ) -> None:
        self._network, self._layers, self._statistics = network, tuple(layers), statistics
        self._device, self._sizes = device, sizes
        self._places = {layer: _place(network, layer) for layer in layers}

    def maps(self, image: UInt8[Tensor, "3 h w"]) -> dict[str, Float32[Tensor, "h2 w2"]]:
        """Return each layer's map on the CPU, in the layers' order, without what stands on the padding.

        Raises:
            RefusedInput: A layer that is not reached, or whose output is no map (1, c, h, w).
        """
        given = normalise(image[None].to(self._device), self._statistics)
        given = padded(given.contiguous(memory_format=torch.channels_last), self._sizes)
        found: dict[str, Tensor] = {}
        hooks = [
            module.register_forward_hook(self._kept(layer, level, found))
            for layer, (module, level) in self._places.items()
        ]
        try:
            with torch.inference_mode():
                self._network(given)
        except _Done:
            pass
        finally:
            for hook in hooks:
                hook.remove()
        if missing := [layer for layer in self._layers if layer not in found]:
            raise RefusedInput(f"{missing[0]}: the network does not compute it for an image")
        height, width = image.shape[-2:]
        return {layer: _cut(found[layer], (height, width), given.shape[-2:]) for layer in self._layers}

    def _kept(self, layer: str, level: int | None, found: dict[str, Tensor]) -> Callable[..., None]:
        def keep(_module: nn.Module, _given: Any, output: Any) -> None:
            found[layer] = _mean(layer, output if level is None else _of_level(layer, output, level))
            if len(found) == len(self._layers):
                raise _Done

        return keep


def value_range(feature_map: Float32[Tensor, "h w"]) -> Range:
    """Return the lowest and the highest value of a map."""
    return Range(feature_map.min().item(), feature_map.max().item())


def ranges_of(
    extractor: FeatureExtractor, data: SegmentationData, progress: Callable[[int], None] = lambda done: None
) -> tuple[list[str], dict[str, list[Range]]]:
    """Return the names of a split's images and, by layer, the value range of each image's map."""
    names: list[str] = []
    ranges: dict[str, list[Range]] = {}
    for sample in evaluation_samples(data):
        for layer, found in extractor.maps(sample.image).items():
            ranges.setdefault(layer, []).append(value_range(found))
        names.append(sample.name)
        progress(len(names))
    return names, ranges


class _Done(Exception):  # noqa: N818 - no error: every layer is known
    """Ends a forward pass."""


def _place(network: nn.Module, layer: str) -> tuple[nn.Module, int | None]:
    modules = dict(network.named_modules())
    if layer in LEVELS:
        encoder = modules.get(_ENCODER)
        if hasattr(encoder, "tap_channels"):
            return modules[_ENCODER], LEVELS.index(layer)
        raise UsageError(
            f"layer {layer}: {type(network).__name__} has no encoder of four levels",
            then=f"name one of its submodules: {_some(modules)}",
        )
    if not layer or layer not in modules:
        raise UsageError(
            f"layer {layer!a}: {type(network).__name__} has none; expected one of {', '.join(LEVELS)} or a "
            f"submodule: {_some(modules)}"
        )
    return modules[layer], None


def _some(modules: dict[str, nn.Module]) -> str:
    names = [name for name in modules if name]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _of_level(layer: str, output: Any, level: int) -> Any:
    try:
        return output[level][-1]
    except (TypeError, IndexError) as error:
        raise RefusedInput(f"{layer}: the encoder returned a {type(output).__name__}") from error


def _mean(layer: str, output: Any) -> Tensor:
    if not (isinstance(output, Tensor) and output.ndim == 4 and output.shape[0] == 1 and output.numel()):
        shape = f" of {tuple(output.shape)}" if isinstance(output, Tensor) else ""
        raise RefusedInput(f"{layer}: its output, a {type(output).__name__}{shape}, is no map (1, c, h, w)")
    mean = output[0].float().mean(0).cpu()
    if not bool(mean.isfinite().all()):
        raise RefusedInput(f"{layer}: values that are not numbers (NaN or infinite)")
    return mean


def _cut(found: Tensor, image_hw: Sequence[int], given_hw: Sequence[int]) -> Tensor:
    """Return the part of a map that stands on the image."""
    height, width = (
        max(1, -(-size * side // whole))
        for size, side, whole in zip(found.shape, image_hw, given_hw, strict=True)
    )
    return found[:height, :width]
