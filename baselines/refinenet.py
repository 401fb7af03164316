"""RefineNet: four maps of a ResNet refined from coarse to fine (Lin, Milan, Shen, Reid, CVPR 2017).

The definition followed is the authors' public MatConvNet configuration for single-scale input, in the form
that its public PyTorch port gives it (arXiv 1611.06612, Fig. 2 and 3). Its blocks are cut there at another
place than in the paper's figures: three residual units at the end of a level are the paper's output unit and
the two input units of the next fusion, whose 3x3 convolution follows and is enlarged after it, not before.

What was counted: the ResNet has its strides in the 3x3 convolutions (torchvision's form), which the printed
costs need; with the strides in the first 1x1, as in the Caffe weights, they come out 2.4 G lower at
512x1024. In chained pooling the pool comes first, as in the paper; the authors' later "improved" pooling has
the convolution first, at the same cost and parameters. The printed costs count the biases of the residual
units once for each input channel: 5 biased convolutions a level, 8.33 G at 468x625.

Which ReLU is a module matters, since the rule behind the printed costs sees modules only. The ResNet's
blocks have one each; the stem's and the decoder's are functional. A module for the stem alone would cost
0.008 G more at 512x1024 (541.413 for 541.405); one for stem and level 4 together, as in the port, of which
the rule counts the last call, costs 0.0003 G more, which no printed digit shows.

Deviations: none known in the network. The last map is enlarged to the input within the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torchvision import models

DEPTHS = (50, 101, 152)
WIDTH = 256
"""Channels of what a level hands on; the coarsest refines with 512."""
Maps = tuple[Tensor, Tensor, Tensor, Tensor]


class Encoder(nn.Module):
    """torchvision's ResNet without its pooling and classifier, under torchvision's tensor names.

    Args:
        depth: 50, 101 or 152.

    Raises:
        ValueError: Another depth.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise ValueError(f"no ResNet-{depth} encoder; have {', '.join(map(str, DEPTHS))}")
        resnet = getattr(models, f"resnet{depth}")(weights=None)
        self.conv1, self.bn1 = resnet.conv1, resnet.bn1
        self.maxpool = resnet.maxpool
        self.layer1, self.layer2 = resnet.layer1, resnet.layer2
        self.layer3, self.layer4 = resnet.layer3, resnet.layer4

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Maps:
        """Return the maps of 256, 512, 1024, 2048 channels at strides 4, 8, 16, 32."""
        x = self.maxpool(F.relu(self.bn1(self.conv1(image)), inplace=True))
        res1 = self.layer1(x)
        res2 = self.layer2(res1)
        res3 = self.layer3(res2)
        return res1, res2, res3, self.layer4(res3)


class RCU(nn.Module):
    """Residual convolution unit (Fig. 3b): y = x + W_b ReLU(W_a ReLU(x) + bias)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_a = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_b = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return the map with the unit's residual added, out of place: ``x`` is needed by others."""
        return x + self.conv_b(F.relu(self.conv_a(F.relu(x))))  # type: ignore[no-any-return]


class CRP(nn.Module):
    """Chained residual pooling (Fig. 3d): y = x + t_1 + ... + t_4, t_i = W_i pool(t_(i-1)), t_0 = x."""

    STAGES = 4

    def __init__(self, channels: int) -> None:
        super().__init__()
        # one pool for the four stages, as in the port: the thop-2019 count sees its last call only
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(self.STAGES)
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return the map, whose negative values were cut before, with its pooled context added."""
        total = stage = x
        for conv in self.convs:
            stage = conv(self.pool(stage))
            total = total + stage
        return total


class Level(nn.Module):
    """The refinement at one level: the encoder's map joined with what the next coarser level hands on.

    Args:
        in_channels: Channels of the encoder's map.
        channels: Channels of the refinement.
        coarsest: Nothing is added to the encoder's map.
        finest: The refined map is handed to the classifier as it is.
    """

    def __init__(
        self, in_channels: int, channels: int, *, coarsest: bool = False, finest: bool = False
    ) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.adapt = nn.Sequential(RCU(channels), RCU(channels))
        self.fuse = nn.Identity() if coarsest else nn.Conv2d(channels, WIDTH, 3, padding=1, bias=False)
        self.crp = CRP(channels)
        self.output = nn.Sequential(RCU(channels), RCU(channels), RCU(channels))
        self.hand_on = nn.Identity() if finest else nn.Conv2d(channels, WIDTH, 3, padding=1, bias=False)

    def forward(
        self, encoded: Float[Tensor, "b c h w"], coarser: Float[Tensor, "b 256 h2 w2"] | None = None
    ) -> Float[Tensor, "b 256 h w"]:
        """Return the refined map; ``coarser`` is enlarged to the size of ``encoded`` and added."""
        x = self.fuse(self.adapt(self.reduce(encoded)))
        if coarser is not None:
            x = x + enlarge(coarser, encoded.shape[-2:])
        return self.hand_on(self.output(self.crp(F.relu(x))))  # type: ignore[no-any-return]


class RefineNet(nn.Module):
    """The encoder, four levels of refinement and a 3x3 classifier at stride 4.

    Any input size is taken: each level's map is enlarged to the size of the encoder's next finer one.
    """

    def __init__(self, num_classes: int, depth: int = 101) -> None:
        super().__init__()
        self.encoder = Encoder(depth)
        self.dropout = nn.Dropout(0.5)
        self.level1 = Level(256, WIDTH, finest=True)
        self.level2 = Level(512, WIDTH)
        self.level3 = Level(1024, WIDTH)
        self.level4 = Level(2048, 512, coarsest=True)
        # the decoder keeps torch's start of a convolution, as the port does
        self.classifier = nn.Conv2d(WIDTH, num_classes, 3, padding=1)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Return logits at the input's size, in training mode too."""
        res1, res2, res3, res4 = self.encoder(image)
        x = self.level4(self.dropout(res4))
        x = self.level3(self.dropout(res3), x)
        x = self.level2(res2, x)
        x = self.level1(res1, x)
        logits = self.classifier(self.dropout(x))  # (b, c, h/4, w/4)
        return enlarge(logits, image.shape[-2:])


def enlarge(x: Float[Tensor, "b c h w"], size_hw: Sequence[int]) -> Float[Tensor, "b c h2 w2"]:
    """Return the map at this height and width, bilinearly, the corners' centres on each other."""
    return F.interpolate(x, size=torch.Size(size_hw), mode="bilinear", align_corners=True)


def build(num_classes: int, depth: int = 101) -> nn.Module:
    """Build RefineNet with a ResNet of 50, 101 or 152 layers, weights from chance.

    Raises:
        ValueError: Another depth.
    """
    return RefineNet(num_classes, depth)
