"""The modules whose forward pass in training has a faster form, and how a network comes to use it.

A module gets a class that inherits from its own, so its name, weights, hooks and what ``isinstance`` says of
it stay. In evaluation, on other devices, in other precisions and layouts, and without a compiler it computes
as its own class does. So it does where a module that would be part of one operation is not as CARNet builds
it: it has a hook, which then fires, another class, other options or a ``forward`` of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from carnet.encoder import Bottleneck, InvertedResidual, Levels, MobileNetV2, ResNet, pad_after
from carnet.fast.training.as_built import is_as_built, is_attention_as_built
from carnet.fast.training.classifier import convolve_to_few
from carnet.fast.training.fusion import refine_and_clamp
from carnet.fast.training.library import computes_in_c, library
from carnet.fast.training.loss import FastCARNetLoss
from carnet.fast.training.norm import norm_and_clamp, takes
from carnet.fast.training.pointwise import FastPointwise, is_pointwise
from carnet.fast.training.pool import chained_residual_pooling
from carnet.loss import CARNetLoss
from carnet.model import CARNet, TrainingOutput
from carnet.modules import CRP, CARModule

_BOUNDS: dict[type, tuple[float, float]] = {
    type(None): (-math.inf, math.inf),
    nn.ReLU: (0.0, math.inf),
    nn.ReLU6: (0.0, 6.0),
}

_FEW = 64  # classes; from here on a 3x3 convolution fills vectors well


def use_fast_training(*modules: nn.Module) -> None:
    """Give CARNets, their losses and 1x1 convolutions, at any depth, the faster form of their training.

    Function and gradients stay the same to rounding. A gradient cannot be differentiated again.
    """
    for module in modules:
        for one in module.modules():
            one.__class__ = FastPointwise if is_pointwise(one) else _FAST.get(type(one), type(one))


def compiler_in_use(network: nn.Module) -> str | None:
    """Return the compiler of the C that a network trains with on a CPU; None where torch does it all."""
    made = library() if any(type(one) in _FAST.values() for one in network.modules()) else None
    return None if made is None else made.compiler


class FastCARNet(CARNet):
    """A CARNet whose CARModules and activations are one operation each."""

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"] | TrainingOutput:
        """Return what `CARNet` does."""
        if not self.training or self.global_branch is None:
            return super().forward(image)
        maps = self.encoder(image)
        semantics = []
        low = self.adjust[0](maps[3])
        high = self.global_branch(maps[3][self.global_index])
        for n, car_module in enumerate(self.car_modules):
            if n > 0:
                low = self.adjust[n](maps[self.levels[n]])
                high = self._upsample(self.before_upsampling[n - 1](high), low.shape[-2:])
            high, squeezed = refined(cast("CARModule", car_module), low, high, self.activation)
            if n < self.scloss:
                semantics.append(car_module.semantics(squeezed))  # type: ignore[operator]
            high = self.crps[n](high)
        logits = classified(self.classifier, high)
        return TrainingOutput(self._upsample(logits, image.shape[-2:]), tuple(semantics))


class FastCRP(CRP):
    """A CRP as one operation."""

    def forward(self, x: Float[Tensor, "b 256 h w"]) -> Float[Tensor, "b 256 h w"]:
        """Return what `CRP` does."""
        is_whole = len(self.convs) > 0 and is_as_built(self.pool, *self.convs)
        if not (self.training and computes_in_c(x) and is_whole):
            return super().forward(x)
        return chained_residual_pooling(x, [cast("nn.Conv2d", conv).weight for conv in self.convs])


class FastMobileNetV2(MobileNetV2):
    """A MobileNetV2 whose first batch-norm and activation are one operation."""

    def stem(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 32 h2 w2"]:
        """Return what `MobileNetV2` does."""
        padded = pad_after(image) if self.pads_after else image
        return normed(self.bn1, self.conv_stem(padded), self.act1)


class FastInvertedResidual(InvertedResidual):
    """MobileNetV2's block, each batch-norm and its activation one operation."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Return what `InvertedResidual` does."""
        y = normed(self.bn1, self.conv_pw(x), self.act1)
        y = normed(self.bn2, self.conv_dw(pad_after(y) if self.pads_after else y), self.act2)
        y = normed(self.bn3, self.conv_pwl(y))
        return x + y if self.has_shortcut else y


class FastResNet(ResNet):
    """A ResNet whose first batch-norm and activation are one operation."""

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Levels:
        """Return what `ResNet` does."""
        x = self.maxpool(normed(self.bn1, self.conv1(image), self.relu))
        res1 = self.layer1(x)
        res2 = self.layer2(res1)
        res3 = self.layer3(res2)
        return (res1,), (res2,), (res3,), (self.layer4(res3),)


class FastBottleneck(Bottleneck):
    """ResNet's block, each batch-norm and its activation one operation."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Return what `Bottleneck` does."""
        y = normed(self.bn1, self.conv1(x), self.relu)
        y = normed(self.bn2, self.conv2(y), self.relu)
        y = normed(self.bn3, self.conv3(y))
        if self.downsample is not None:
            conv, bn = cast("Sequence[nn.Module]", self.downsample)
            x = normed(bn, conv(x))
        return cast("Tensor", self.relu(y + x))


def normed(
    bn: nn.Module, x: Float[Tensor, "b c h w"], activation: nn.Module | None = None
) -> Float[Tensor, "b c h w"]:
    """Return the activation of the batch-norm, as one operation where that can be."""
    bounds = _BOUNDS.get(type(activation))
    if bounds is not None and takes(bn, x) and is_as_built(bn, activation):
        return norm_and_clamp(cast("nn.BatchNorm2d", bn), x, *bounds)
    y = bn(x)
    return cast("Tensor", y if activation is None else activation(y))


def refined(
    module: CARModule,
    low: Float[Tensor, "b 256 h w"],
    high: Float[Tensor, "b 256 _ _"],
    activation: nn.Module,
) -> tuple[Float[Tensor, "b 256 h w"], Float[Tensor, "b 128 1 1"]]:
    """Return the activation of the module's map and its squeezed vector, as one operation if that can be."""
    bounds = _BOUNDS.get(type(activation))
    takes_maps = high.shape == low.shape and computes_in_c(low) and computes_in_c(high)
    if bounds is not None and takes_maps and is_as_built(activation) and is_attention_as_built(module):
        return refine_and_clamp(module, low, high, bounds)
    fused, squeezed = module(low, high)
    return activation(fused), squeezed


def classified(classifier: nn.Conv2d, x: Float[Tensor, "b 256 h w"]) -> Float[Tensor, "b c h w"]:
    """Return the classifier's output, which to few classes has faster gradients."""
    if classifier.out_channels < _FEW and computes_in_c(x) and is_as_built(classifier, side=3):
        return convolve_to_few(x, classifier.weight, cast("Tensor", classifier.bias))
    return cast("Tensor", classifier(x))


_FAST: dict[type, type] = {
    Bottleneck: FastBottleneck,
    CARNet: FastCARNet,
    CARNetLoss: FastCARNetLoss,
    CRP: FastCRP,
    InvertedResidual: FastInvertedResidual,
    MobileNetV2: FastMobileNetV2,
    ResNet: FastResNet,
}
