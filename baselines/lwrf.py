"""Light-Weight RefineNet (Nekrasov, Shen, Reid, BMVC 2018, arXiv 1810.03272).

The definition followed is the authors' public PyTorch code: RefineNet without its residual units, and with
1x1 convolutions (no bias, no batch norm) wherever its decoder has 3x3 ones, but for the classifier.

What was counted: the ResNet has its strides in the 3x3 convolutions (torchvision's form). The costs that the
authors' own tables give as 33, 52 and 71 G are multiply-adds at 512x512 with 40 classes, though headed
625x468; the ones that CARNet's Table 2 prints are of 468x625 and count batch norms, pools and ReLU modules.

Which ReLU is a module matters, since the rule behind the printed costs sees modules only. The ResNet's
blocks have one each; the stem's and the decoder's are functional. A module for the stem alone would cost
0.005 G more at 468x625 (37.943 for 37.938); one for stem and level 4 together, as in the authors' code, of
which the rule counts the last call, costs 0.00015 G more, which no printed digit shows.

Deviations: none known in the network. The last map is enlarged to the input within the network.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.refinenet import Encoder, enlarge

WIDTH = 256
"""Channels of what a level hands on; the coarsest refines with 512."""


class CRP(nn.Module):
    """Chained residual pooling, W_i 1x1: y = x + t_1 + ... + t_4, t_i = W_i pool(t_(i-1)), t_0 = x."""

    STAGES = 4

    def __init__(self, channels: int) -> None:
        super().__init__()
        # one pool for the four stages, as the authors have it: the thop-2019 count sees its last call only
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 1, bias=False) for _ in range(self.STAGES))

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
        self.reduce = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.fuse = nn.Identity() if coarsest else nn.Conv2d(channels, WIDTH, 1, bias=False)
        self.crp = CRP(channels)
        self.hand_on = nn.Identity() if finest else nn.Conv2d(channels, WIDTH, 1, bias=False)

    def forward(
        self, encoded: Float[Tensor, "b c h w"], coarser: Float[Tensor, "b 256 h2 w2"] | None = None
    ) -> Float[Tensor, "b 256 h w"]:
        """Return the refined map; ``coarser`` is enlarged to the size of ``encoded`` and added."""
        x = self.fuse(self.reduce(encoded))
        if coarser is not None:
            x = x + enlarge(coarser, encoded.shape[-2:])
        return self.hand_on(self.crp(F.relu(x)))  # type: ignore[no-any-return]


class LightWeightRefineNet(nn.Module):
    """The encoder, four levels of refinement and a 3x3 classifier at stride 4.

    Any input size is taken: each level's map is enlarged to the size of the encoder's next finer one.
    """

    def __init__(self, num_classes: int, depth: int = 50) -> None:
        super().__init__()
        self.encoder = Encoder(depth)
        self.level1 = Level(256, WIDTH, finest=True)
        self.level2 = Level(512, WIDTH)
        self.level3 = Level(1024, WIDTH)
        self.level4 = Level(2048, 512, coarsest=True)
        # the decoder keeps torch's start of a convolution, as the authors' does
        self.classifier = nn.Conv2d(WIDTH, num_classes, 3, padding=1)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Return logits at the input's size, in training mode too."""
        res1, res2, res3, res4 = self.encoder(image)
        x = self.level4(res4)
        x = self.level3(res3, x)
        x = self.level2(res2, x)
        x = self.level1(res1, x)
        logits = self.classifier(x)  # (b, c, h/4, w/4)
        return enlarge(logits, image.shape[-2:])


def build(num_classes: int, depth: int = 50) -> nn.Module:
    """Build Light-Weight RefineNet with a ResNet of 50, 101 or 152 layers, weights from chance.

    Raises:
        ValueError: Another depth.
    """
    return LightWeightRefineNet(num_classes, depth)
