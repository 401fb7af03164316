"""SQ: a SqueezeNet encoder with ELU, parallel dilated convolutions, and a decoder that refines step by step.

Treml et al.: Speeding up Semantic Segmentation for Autonomous Driving. NIPS workshop MLITS, 2016.

Definition followed: there is no official code. This is the layout of the public port in
realtime-semantic-segmentation-pytorch (model ``sqnet``): SqueezeNet 1.1, dilations 1, 2, 4, 8, SharpMask-like
refinement. It agrees with what the paper's abstract says.

Deviations from that port: convolutions have a bias and no batch-norm, as in the other public ports and as
the paper's argument for ELU wants it; the logits have no ELU. Not here: ImageNet weights of a SqueezeNet with
ELU, of which no file is known to us.

Counted at 1024x2048 with 19 classes: 147.18 GMAC (2 x MAC 294.36 G), 4.804183 M parameters. The printed 270 G
is not reached; 2 x MAC in units of 2^30 is 274.1.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from baselines.sizes import SizeRule

SIZES = SizeRule(16)
"""Four halvings, each undone by an exact doubling."""

DILATIONS = (1, 2, 4, 8)


class Fire(nn.Module):
    """1x1 to few channels, then 1x1 and 3x3 side by side (Iandola et al. 2016, Fig. 1), with ELU."""

    def __init__(self, channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)
        self.elu = nn.ELU()

    def forward(self, x: Float[Tensor, "b _ h w"]) -> Float[Tensor, "b c h w"]:
        """Return a map of ``2 * expand`` channels."""
        squeezed = self.elu(self.squeeze(x))
        return self.elu(torch.cat((self.expand1x1(squeezed), self.expand3x3(squeezed)), dim=1))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """SqueezeNet 1.1 with ELU, up to its last Fire module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, 64, 3, stride=2, padding=1), nn.ELU())
        self.fires4 = nn.Sequential(_pool(), Fire(64, 16, 64), Fire(128, 16, 64))
        self.fires8 = nn.Sequential(_pool(), Fire(128, 32, 128), Fire(256, 32, 128))
        self.fires16 = nn.Sequential(
            _pool(), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256)
        )

    def forward(
        self, image: Float[Tensor, "b 3 h w"]
    ) -> tuple[
        Float[Tensor, "b 64 h/2 w/2"],
        Float[Tensor, "b 128 h/4 w/4"],
        Float[Tensor, "b 256 h/8 w/8"],
        Float[Tensor, "b 512 h/16 w/16"],
    ]:
        """Return the maps at 1/2, 1/4, 1/8 and 1/16."""
        at2 = self.conv1(image)
        at4 = self.fires4(at2)
        at8 = self.fires8(at4)
        return at2, at4, at8, self.fires16(at8)


class ParallelDilated(nn.Module):
    """Four 3x3 convolutions of dilations 1, 2, 4 and 8 on one map, summed after their ELU."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation) for dilation in DILATIONS
        )
        self.elu = nn.ELU()

    def forward(self, x: Float[Tensor, "b _ h w"]) -> Float[Tensor, "b c h w"]:
        """Return the sum."""
        total: Tensor = sum(self.elu(conv(x)) for conv in self.convs)
        return total


class Refine(nn.Module):
    """A skip's own convolution, then one that merges it with the map from below."""

    def __init__(self, skip: int, channels: int, width: int) -> None:
        super().__init__()
        self.skip = nn.Conv2d(skip, skip, 3, padding=1)
        self.merge = nn.Conv2d(skip + channels, width, 3, padding=1)
        self.elu = nn.ELU()

    def forward(
        self, skip: Float[Tensor, "b _ h w"], x: Float[Tensor, "b _ h w"]
    ) -> Float[Tensor, "b c h w"]:
        """Return the merged map."""
        return self.elu(self.merge(torch.cat((self.elu(self.skip(skip)), x), dim=1)))  # type: ignore[no-any-return]


class SQ(nn.Module):
    """Image to logits at its own size.

    Args:
        num_classes: Channels of the logits, and of the last two layers.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.dilated = ParallelDilated(512, 128)
        self.up8 = nn.Sequential(_doubling(128), nn.ELU())
        self.refine8 = Refine(256, 128, 128)
        self.up4 = nn.Sequential(_doubling(128), nn.ELU())
        self.refine4 = Refine(128, 128, 64)
        self.up2 = nn.Sequential(_doubling(64), nn.ELU())
        self.refine2 = Refine(64, 64, num_classes)
        self.up1 = _doubling(num_classes)
        self.apply(initialise)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Return the logits, in training as in eval mode.

        Raises:
            ValueError: A side is no multiple of 16.
        """
        SIZES.require((image.shape[-2], image.shape[-1]))
        at2, at4, at8, at16 = self.encoder(image)
        x = self.dilated(at16)  # (b, 128, h/16, w/16)
        x = self.refine8(at8, self.up8(x))  # (b, 128, h/8, w/8)
        x = self.refine4(at4, self.up4(x))  # (b, 64, h/4, w/4)
        x = self.refine2(at2, self.up2(x))  # (b, c, h/2, w/2)
        return self.up1(x)  # type: ignore[no-any-return]


def initialise(module: nn.Module) -> None:
    """Draw weights so that a map's variance passes through (He et al. 2015); biases are 0.

    The definition names no start; without batch-norm PyTorch's own would let twenty layers fade to nothing.
    """
    if isinstance(module, nn.ConvTranspose2d):
        # at stride 2 a quarter of the kernel meets each output pixel
        nn.init.normal_(module.weight, std=math.sqrt(2 / (module.in_channels * 9 / 4)))
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, padding=1)


def _doubling(channels: int) -> nn.ConvTranspose2d:
    """Return a learnt enlargement to exactly twice the size."""
    return nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1)


def build(num_classes: int) -> SQ:
    """Return SQ with random weights."""
    return SQ(num_classes)
