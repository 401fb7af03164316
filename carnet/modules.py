"""The decoder's parts, one class a figure of the paper (Section III.B, Fig. 2 and 3)."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

WIDTH = 256
"""Channels of every decoder map (Section III.A)."""

SQUEEZE = 128
"""Channels of the squeezed vector; recovered from the printed costs, the text does not say."""

BetweenConvs = Literal["linear", "relu"]


class Adjustment(nn.Module):
    """The "1x1 Conv x2" of Fig. 2: brings the encoder's maps of one level to the decoder's width.

    One map (ResNet) goes through two convolutions in a row; of a MobileNet's maps each goes through one
    convolution, and the results are added.

    Args:
        channels: Channels of the level's maps.
        middle: Width between the two cascaded convolutions; None for one convolution a map.
        between: Layer between two cascaded convolutions. The paper names nothing and the printed costs do not
            decide; ``linear`` is the default.
    """

    def __init__(self, channels: Sequence[int], middle: int | None, between: BetweenConvs) -> None:
        super().__init__()
        self.convs = nn.ModuleList(self._path(width, middle, between) for width in channels)

    @staticmethod
    def _path(channels: int, middle: int | None, between: BetweenConvs) -> nn.Module:
        if middle is None:
            return nn.Conv2d(channels, WIDTH, 1, bias=False)
        activation = [nn.ReLU(inplace=True)] if between == "relu" else []
        first = nn.Conv2d(channels, middle, 1, bias=False)
        return nn.Sequential(first, *activation, nn.Conv2d(middle, WIDTH, 1, bias=False))

    def forward(self, maps: Sequence[Float[Tensor, "b _ h w"]]) -> Float[Tensor, "b 256 h w"]:
        """Return the sum of the adjusted maps."""
        adjusted = [conv(level_map) for conv, level_map in zip(self.convs, maps, strict=True)]
        total = adjusted[0]
        for other in adjusted[1:]:
            total = total + other
        return total  # type: ignore[no-any-return]


class GlobalBranch(nn.Module):
    """The global feature (1 x 1 x 256) of Section III.A: g = BN(W_b BN(W_a GAP(x)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze = nn.Conv2d(channels, SQUEEZE, 1, bias=False)
        self.squeeze_bn = nn.BatchNorm2d(SQUEEZE)
        self.expand = nn.Conv2d(SQUEEZE, WIDTH, 1, bias=False)
        self.expand_bn = nn.BatchNorm2d(WIDTH)

    def forward(self, deepest: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 256 1 1"]:
        """Return the global feature of the encoder's deepest map."""
        refuse_batch_of_one(deepest, self.squeeze_bn)
        z = self.squeeze_bn(self.squeeze(self.pool(deepest)))
        return self.expand_bn(self.expand(z))  # type: ignore[no-any-return]


class CARModule(nn.Module):
    """Contextual attention refinement (Fig. 3): F = sigma_a * F1 + F2, Eq. 1.

    sigma_a = Sigmoid(W2 W1 ReLU(W G(F1 (+) F2))), Eq. 2; the semantic vector sigma_s comes from the same
    squeezed vector through W3 and W4, Eq. 6. The costs put a BN after W, W1, W2 and W3.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        # G(F1 (+) F2) is G(F1) next to G(F2): pooling before concatenating copies no map
        self.pool_low = nn.AdaptiveAvgPool2d(1)
        self.pool_high = nn.AdaptiveAvgPool2d(1)
        self.w = nn.Conv2d(2 * WIDTH, SQUEEZE, 1, bias=False)
        self.w_bn = nn.BatchNorm2d(SQUEEZE)
        self.relu = nn.ReLU(inplace=True)
        self.w1 = nn.Conv2d(SQUEEZE, SQUEEZE, 1, bias=False)
        self.w1_bn = nn.BatchNorm2d(SQUEEZE)
        self.w2 = nn.Conv2d(SQUEEZE, WIDTH, 1, bias=False)
        self.w2_bn = nn.BatchNorm2d(WIDTH)
        self.sigmoid = nn.Sigmoid()
        self.w3 = nn.Conv2d(SQUEEZE, SQUEEZE, 1, bias=False)
        self.w3_bn = nn.BatchNorm2d(SQUEEZE)
        self.w4 = nn.Conv2d(SQUEEZE, num_classes, 1, bias=False)

    def forward(
        self, low: Float[Tensor, "b 256 h w"], high: Float[Tensor, "b 256 _ _"]
    ) -> tuple[Float[Tensor, "b 256 h w"], Float[Tensor, "b 128 1 1"]]:
        """Return the fused map (Eq. 1) and the squeezed vector, from which ``semantics`` can be had.

        ``high`` has the size of ``low``, or is 1x1 and is broadcast (the global feature of CARModule-1).
        """
        refuse_batch_of_one(low, self.w_bn)
        pooled = torch.cat((self.pool_low(low), self.pool_high(high)), dim=1)  # (b, 512, 1, 1)
        squeezed = self.relu(self.w_bn(self.w(pooled)))
        sigma_a = self.sigmoid(self.w2_bn(self.w2(self.w1_bn(self.w1(squeezed)))))
        return torch.addcmul(high, sigma_a, low), squeezed

    def semantics(self, squeezed: Float[Tensor, "b 128 1 1"]) -> Float[Tensor, "b c"]:
        """Return the semantic vector before its sigmoid (Eq. 6); for training only."""
        return self.w4(self.w3_bn(self.w3(squeezed))).flatten(1)  # type: ignore[no-any-return]


class CRP(nn.Module):
    """Chained residual pooling (Lin et al. 2017) with 1x1 convolutions.

    y = x + p_1 + ... + p_4, p_i = W_i pool(p_(i-1)), p_0 = x. Four stages; the pool is 5x5
    with stride 1 and keeps the size.
    """

    STAGES = 4

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)
        self.convs = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 1, bias=False) for _ in range(self.STAGES))

    def forward(self, x: Float[Tensor, "b 256 h w"]) -> Float[Tensor, "b 256 h w"]:
        """Return the map with its pooled context added."""
        total = stage = x
        for conv in self.convs:
            stage = conv(self.pool(stage))
            total = total + stage
        return total


def refuse_batch_of_one(x: Tensor, bn: nn.BatchNorm2d) -> None:
    """Refuse to train batch-norm on 1x1 maps of a single image: it would have one value per channel."""
    if bn.training and x.shape[0] == 1:
        raise ValueError(
            "CARNet in training mode got a batch of 1 image; its batch-norm on 1x1 maps needs at least 2 "
            "a device (drop a last batch of one, or call eval())"
        )
