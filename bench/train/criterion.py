"""The loss of a method: its own, or the pixels' cross-entropy with weighted auxiliary outputs."""

from __future__ import annotations

from jaxtyping import Float, Integer
from torch import Tensor, nn

from baselines.method import Method, import_named
from bench.train.ohem import HardPixels, label_at
from bench.train.recipe import Recipe
from carnet.loss import pixel_loss


def build_criterion(recipe: Recipe, method: Method) -> nn.Module:
    """Return a criterion: (training output, label (b, h, w)) to ``total``, which is minimised, and parts."""
    criterion: nn.Module
    if method.loss is None:
        criterion = PixelLoss(method.auxiliary)
    else:
        criterion = import_named(method.loss)(**{key: getattr(recipe, key) for key in method.loss_keys})
    if recipe.ohem_threshold:
        return HardPixels(criterion, recipe.ohem_threshold, recipe.ohem_min_kept)
    return criterion


class PixelLoss(nn.Module):
    """Cross-entropy over labelled pixels, plus that of each auxiliary output times its weight.

    Args:
        auxiliary: One weight per auxiliary output, in their order.
    """

    def __init__(self, auxiliary: tuple[float, ...] = ()) -> None:
        super().__init__()
        self.auxiliary = auxiliary

    def forward(self, output: object, label: Integer[Tensor, "b h w"]) -> dict[str, Float[Tensor, ""]]:
        """Return ``total``, ``pixel`` and ``auxiliary`` (weighted).

        Raises:
            ValueError: The training output is not logits, or not a tuple of logits with one auxiliary per
                weight.
        """
        first, *rest = self._logits(output)
        pixel = at_own_size(first, label)
        auxiliary = pixel.new_zeros(())
        for weight, logits in zip(self.auxiliary, rest, strict=True):
            auxiliary = auxiliary + weight * at_own_size(logits, label)
        return {"total": pixel + auxiliary, "pixel": pixel, "auxiliary": auxiliary}

    def _logits(self, output: object) -> tuple[Tensor, ...]:
        found = output if isinstance(output, tuple) else (output,)
        wanted = 1 + len(self.auxiliary)
        if len(found) == wanted and all(isinstance(one, Tensor) and one.ndim == 4 for one in found):
            return found
        kind = f"a tuple of {len(found)}" if isinstance(output, tuple) else f"a {type(output).__name__}"
        must = "logits (b, c, h, w)" if wanted == 1 else f"a tuple of {wanted} logits (b, c, h, w)"
        raise ValueError(f"in training mode the network returned {kind}; expected {must}")


def at_own_size(logits: Float[Tensor, "b c h w"], label: Integer[Tensor, "b H W"]) -> Float[Tensor, ""]:
    """Return the cross-entropy at the logits' own resolution, the label brought there by nearest neighbour.

    A network that wants an output compared at full size enlarges it itself; ICNet's cascade does not.
    """
    return pixel_loss(logits, label_at(label, logits))
