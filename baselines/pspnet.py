"""PSPNet: a dilated ResNet and a pyramid of pooled contexts (Zhao, Shi, Qi, Wang, Jia, CVPR 2017).

The definition followed is the authors' public Caffe configuration (Cityscapes at 713x713, ADE20K at 473x473)
and their later PyTorch code, which agree: a stem of three 3x3 convolutions, so that the first stage reads 128
channels; strides in the 3x3 convolutions; dilation 2 and 4 in every 3x3 of the last two stages, the first
block included (torchvision's own dilation leaves that block out); output stride 8.

The input's sides must be 8k+1: then the map at stride 8 has k+1 points, point i stands on pixel 8i, and the
enlargement by 8 to (k+1-1)*8+1 puts it there again.

What was counted: 517.19 G multiply-adds at 713x713 for ResNet-101. The 412.2 G of CARNet's Table 1 come out
by no rule and no change of the stem or the stride that we tried; its parameters, 250.8, are this network's
bytes in float32, 250.65 MiB of 65.71 M parameters.

Deviations: no public ImageNet weights bear this encoder's names, so it starts from chance. The pooled maps
have 1x1 points, so batch norm needs two images a batch in training.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torchvision.models.resnet import Bottleneck

from baselines.sizes import SizeRule

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Blocks of the four stages, by the ResNet's depth."""
SIZES = SizeRule(8, 1)
BINS = (1, 2, 3, 6)


class ConvBNReLU(nn.Sequential):
    """A convolution without bias that keeps the size (or halves it by ``stride``), its BN and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class Encoder(nn.Module):
    """ResNet with the deep stem, its last two stages dilated.

    Args:
        depth: 50, 101 or 152.

    Raises:
        ValueError: Another depth.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"no ResNet-{depth} encoder; have {', '.join(map(str, BLOCKS))}")
        blocks = BLOCKS[depth]
        self.stem = nn.Sequential(
            ConvBNReLU(3, 64, 3, stride=2),
            ConvBNReLU(64, 64, 3),
            ConvBNReLU(64, 128, 3),
            nn.MaxPool2d(3, 2, padding=1),
        )
        self.layer1 = self._stage(128, 64, blocks[0])
        self.layer2 = self._stage(256, 128, blocks[1], stride=2)
        self.layer3 = self._stage(512, 256, blocks[2], dilation=2)
        self.layer4 = self._stage(1024, 512, blocks[3], dilation=4)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @staticmethod
    def _stage(
        in_channels: int, width: int, blocks: int, stride: int = 1, dilation: int = 1
    ) -> nn.Sequential:
        out_channels = width * Bottleneck.expansion
        projection = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
        )
        first = Bottleneck(in_channels, width, stride, projection, dilation=dilation)
        rest = (Bottleneck(out_channels, width, dilation=dilation) for _ in range(blocks - 1))
        return nn.Sequential(first, *rest)

    def forward(
        self, image: Float[Tensor, "b 3 h w"]
    ) -> tuple[Float[Tensor, "b 1024 h8 w8"], Float[Tensor, "b 2048 h8 w8"]]:
        """Return the maps of the last two stages, both at stride 8."""
        res3 = self.layer3(self.layer2(self.layer1(self.stem(image))))
        return res3, self.layer4(res3)


class PyramidPooling(nn.Module):
    """The map next to its averages over 1, 4, 9 and 36 parts, each of 512 channels (Fig. 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = channels // len(BINS)
        self.branches = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(bins), ConvBNReLU(channels, width, 1)) for bins in BINS
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2*c h w"]:
        """Return the map and its four contexts, concatenated."""
        if x.shape[0] == 1 and any(m.training for m in self.modules() if isinstance(m, nn.BatchNorm2d)):
            raise ValueError(
                "PSPNet in training mode got a batch of 1 image; its batch-norm on 1x1 maps needs at least 2 "
                "a device (drop a last batch of one, or call eval())"
            )
        contexts = [enlarge(branch(x), x.shape[-2:]) for branch in self.branches]
        return torch.cat([x, *contexts], dim=1)


class Head(nn.Sequential):
    """3x3 convolution, BN, ReLU, dropout 0.1 and a 1x1 classifier with bias."""

    def __init__(self, in_channels: int, width: int, num_classes: int) -> None:
        super().__init__(ConvBNReLU(in_channels, width, 3), nn.Dropout(0.1), nn.Conv2d(width, num_classes, 1))


class PSPNet(nn.Module):
    """The encoder, pyramid pooling, the head; in training the auxiliary head on the third stage."""

    def __init__(self, num_classes: int, depth: int = 101) -> None:
        super().__init__()
        self.encoder = Encoder(depth)
        self.pyramid = PyramidPooling(2048)
        self.head = Head(4096, 512, num_classes)
        self.auxiliary = nn.ModuleList([Head(1024, 256, num_classes)])

    def forward(
        self, image: Float[Tensor, "b 3 h w"]
    ) -> Float[Tensor, "b c h w"] | tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c h w"]]:
        """Return logits at the input's size; in training mode the auxiliary head's too (loss weight 0.4).

        Raises:
            ValueError: A side that is not 8k+1; in training mode a batch of one image.
        """
        SIZES.require((image.shape[-2], image.shape[-1]))
        res3, res4 = self.encoder(image)
        logits = enlarge(self.head(self.pyramid(res4)), image.shape[-2:])
        if not self.training:
            return logits
        return logits, enlarge(self.auxiliary[0](res3), image.shape[-2:])


def enlarge(x: Float[Tensor, "b c h w"], size_hw: Sequence[int]) -> Float[Tensor, "b c h2 w2"]:
    """Return the map at this height and width, bilinearly, the corners' centres on each other."""
    return F.interpolate(x, size=torch.Size(size_hw), mode="bilinear", align_corners=True)


def build(num_classes: int, depth: int = 101) -> nn.Module:
    """Build PSPNet with a ResNet of 50, 101 or 152 layers, weights from chance.

    Raises:
        ValueError: Another depth.
    """
    return PSPNet(num_classes, depth)
