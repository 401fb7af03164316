"""ENet: an early-reduced encoder of cheap bottlenecks and a small decoder.

Paszke, Chaurasia, Kim, Culurciello: ENet: A Deep Neural Network Architecture for Real-Time Semantic
Segmentation. arXiv 1606.02147, 2016.

Definition followed: the authors' released Torch code (ENet-training, the models ``encoder`` and ``decoder``).
A bottleneck is 1x1 - middle - 1x1 with a quarter of its *output* channels inside. A down-sampling one
projects with a 2x2 convolution of stride 2, and its other branch is a pool whose missing channels are zeros,
not a convolution. The up-sampling ones unpool with the indices of the encoder's pools and carry a transposed
3x3 convolution in the main branch. The encoder has PReLU with a slope for each channel, the decoder ReLU.

Deviations: the authors train the encoder first and then the decoder on top of it, and weigh classes in the
loss by 1 / ln(1.02 + p); both belong to a recipe, not to this network. Weights start as PyTorch's own layers
do, which is Torch's old rule.

Counted at 360x640 with 19 classes: 1.7236 GMAC (2 x MAC 3.447 G), 0.364311 M parameters. The paper's 3.8 G is
not reached; it is likely the authors' own profile of an earlier revision, which adds up batch-norm, PReLU,
pools and sums too.
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.sizes import SizeRule

SIZES = SizeRule(8)
"""Three halvings, each undone by an exact doubling."""

BN_EPS = 1e-3

Middle = Literal["regular", "dilated 2", "dilated 4", "dilated 8", "dilated 16", "asymmetric"]

STAGE_2: tuple[Middle, ...] = (
    "regular",
    "dilated 2",
    "asymmetric",
    "dilated 4",
    "regular",
    "dilated 8",
    "asymmetric",
    "dilated 16",
)
"""Bottlenecks 2.1 to 2.8 (Table 1); stage 3 repeats them without a down-sampling 3.0."""

Activation = Callable[[int], nn.Module]
"""Channels to an activation."""


def relu(_: int) -> nn.Module:
    """Return the decoder's activation."""
    return nn.ReLU(inplace=True)


class InitialBlock(nn.Module):
    """13 convolved channels next to the 3 pooled ones of the image, at half its size (Fig. 2a)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 13, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(2, stride=2)
        self.bn = nn.BatchNorm2d(16, eps=BN_EPS)
        self.prelu = nn.PReLU(16)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 16 _ _"]:
        """Return the map at 1/2."""
        return self.prelu(self.bn(torch.cat((self.conv(image), self.pool(image)), dim=1)))  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """1x1 down to a quarter, a middle convolution, 1x1 up again; added to the input (Fig. 2b).

    Args:
        channels: Channels of input and output.
        middle: The kind of the middle convolution; ``asymmetric`` is 5x1 and 1x5.
        activation: PReLU in the encoder, ReLU in the decoder.
        dropout: Share of the main branch's channels that are dropped in training; 0 for none.
    """

    def __init__(self, channels: int, middle: Middle, activation: Activation, dropout: float) -> None:
        super().__init__()
        inner = channels // 4
        self.main = nn.Sequential(
            *_projection(channels, inner, 1, activation),
            *_middle(inner, middle),
            nn.BatchNorm2d(inner, eps=BN_EPS),
            activation(inner),
            *_expansion(inner, channels, dropout),
        )
        self.activation = activation(channels)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return a map of the same shape."""
        return self.activation(x + self.main(x))  # type: ignore[no-any-return]


class DownBottleneck(nn.Module):
    """A bottleneck that halves the map; parallel to it a pool, whose missing channels are zeros."""

    def __init__(self, channels: int, width: int, dropout: float) -> None:
        super().__init__()
        inner = width // 4
        self.main = nn.Sequential(
            *_projection(channels, inner, 2, nn.PReLU),
            *_middle(inner, "regular"),
            nn.BatchNorm2d(inner, eps=BN_EPS),
            nn.PReLU(inner),
            *_expansion(inner, width, dropout),
        )
        self.missing = width - channels
        self.activation = nn.PReLU(width)

    def forward(
        self, x: Float[Tensor, "b _ h w"]
    ) -> tuple[Float[Tensor, "b c h/2 w/2"], Int[Tensor, "b _ h/2 w/2"]]:
        """Return the map at half the size, and the pool's indices for the way up."""
        pooled, indices = F.max_pool2d(x, 2, stride=2, return_indices=True)
        pooled = F.pad(pooled, (0, 0, 0, 0, 0, self.missing))
        return self.activation(pooled + self.main(x)), indices


class UpBottleneck(nn.Module):
    """A bottleneck that doubles the map; parallel to it a 1x1 convolution and an unpooling."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        inner = width // 4
        self.main = nn.Sequential(
            *_projection(channels, inner, 1, relu),
            nn.ConvTranspose2d(inner, inner, 3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(inner, eps=BN_EPS),
            relu(inner),
            *_expansion(inner, width, 0.0),
        )
        self.other = nn.Conv2d(channels, width, 1, bias=False)
        self.other_bn = nn.BatchNorm2d(width, eps=BN_EPS)
        self.activation = relu(width)

    def forward(
        self, x: Float[Tensor, "b _ h w"], indices: Int[Tensor, "b c h w"]
    ) -> Float[Tensor, "b c 2*h 2*w"]:
        """Return the map at twice the size; ``indices`` are those of the mirrored pool."""
        other = F.max_unpool2d(self.other_bn(self.other(x)), indices, (2, 2), stride=(2, 2))
        return self.activation(other + self.main(x))  # type: ignore[no-any-return]


def _projection(channels: int, inner: int, size: int, activation: Activation) -> list[nn.Module]:
    """Return the first convolution: 1x1, or 2x2 of stride 2."""
    conv = nn.Conv2d(channels, inner, size, stride=size, bias=False)
    return [conv, nn.BatchNorm2d(inner, eps=BN_EPS), activation(inner)]


def _middle(inner: int, kind: Middle) -> list[nn.Module]:
    if kind == "asymmetric":
        return [
            nn.Conv2d(inner, inner, (5, 1), padding=(2, 0), bias=False),
            nn.Conv2d(inner, inner, (1, 5), padding=(0, 2)),
        ]
    dilation = 1 if kind == "regular" else int(kind.removeprefix("dilated "))
    return [nn.Conv2d(inner, inner, 3, padding=dilation, dilation=dilation)]


def _expansion(inner: int, width: int, dropout: float) -> list[nn.Module]:
    layers = [nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width, eps=BN_EPS)]
    return [*layers, nn.Dropout2d(dropout)] if dropout else layers


class ENet(nn.Module):
    """Image to logits at its own size; modules are numbered as in the paper's Table 1.

    Args:
        num_classes: Channels of the logits.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.initial = InitialBlock()
        self.down1 = DownBottleneck(16, 64, 0.01)
        self.stage1 = nn.Sequential(*(Bottleneck(64, "regular", nn.PReLU, 0.01) for _ in range(4)))
        self.down2 = DownBottleneck(64, 128, 0.1)
        self.stage2 = nn.Sequential(*(Bottleneck(128, middle, nn.PReLU, 0.1) for middle in STAGE_2))
        self.stage3 = nn.Sequential(*(Bottleneck(128, middle, nn.PReLU, 0.1) for middle in STAGE_2))
        self.up4 = UpBottleneck(128, 64)
        self.stage4 = nn.Sequential(*(Bottleneck(64, "regular", relu, 0.0) for _ in range(2)))
        self.up5 = UpBottleneck(64, 16)
        self.stage5 = Bottleneck(16, "regular", relu, 0.0)
        self.classifier = nn.ConvTranspose2d(16, num_classes, 2, stride=2)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Return the logits, in training as in eval mode.

        Raises:
            ValueError: A side is no multiple of 8.
        """
        SIZES.require((image.shape[-2], image.shape[-1]))
        x, indices1 = self.down1(self.initial(image))  # (b, 64, h/4, w/4)
        x, indices2 = self.down2(self.stage1(x))  # (b, 128, h/8, w/8)
        x = self.stage3(self.stage2(x))
        x = self.stage4(self.up4(x, indices2))  # (b, 64, h/4, w/4)
        x = self.stage5(self.up5(x, indices1))  # (b, 16, h/2, w/2)
        return self.classifier(x)  # type: ignore[no-any-return]


def build(num_classes: int) -> ENet:
    """Return ENet with random weights."""
    return ENet(num_classes)
