"""BiSeNet, the bilateral segmentation network: a spatial and a context path.

Yu, Wang, Peng, Gao, Yu, Sang: BiSeNet: Bilateral segmentation network for real-time semantic segmentation.
ECCV 2018, arXiv 1808.00897. BiSeNet1 is the network with Xception39, BiSeNet2 the one with ResNet18.

Followed is the release of the paper's first author (TorchSeg, its Cityscapes configurations named ``speed``).
It settles what the paper leaves open: a first convolution of 7x7 in the spatial path, separable shortcuts in
Xception39, a head of 64 channels (ports with 256 cost 14 % more).

Deviations: the network enlarges its logits by 8 itself, which the release leaves to its evaluator; the
auxiliary heads with ResNet18 are 256 wide, as in the release's other configuration with it. No ImageNet
weights of Xception39 are public, so BiSeNet1 starts from chance.

Input sizes: any. A map that is enlarged takes the recorded size of the map it meets; where 32 divides a side
these are the paper's sizes. Training needs a batch of two images, because batch norms see maps of 1x1.

Counted: multiply-adds and parameters of the inference graph at 360x640 and at 768x1536. The 2.9 and 10.8 G of
the paper's own table are multiply-adds at 360x640 in units of 2^30.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torchvision.models import resnet18

WIDTH = 128
"""Channels of either path's result."""


def build(num_classes: int, backbone: str = "resnet18") -> "BiSeNet":
    """Build BiSeNet1 (``xception39``) or BiSeNet2 (``resnet18``) with random weights.

    Raises:
        ValueError: Another backbone.
    """
    return BiSeNet(num_classes, backbone)


class ConvBNReLU(nn.Sequential):
    """Convolution without bias that keeps the size at stride 1, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class BiSeNet(nn.Module):
    """Spatial path and context path, joined by the feature fusion module (Fig. 2a)."""

    def __init__(self, num_classes: int, backbone: str) -> None:
        super().__init__()
        if backbone not in ENCODERS:
            raise ValueError(f"no backbone '{backbone}'; have {', '.join(ENCODERS)}")
        encoder, c16, c32, auxiliary_width = ENCODERS[backbone]
        self.spatial_path = nn.Sequential(
            ConvBNReLU(3, 64, 7, stride=2),
            ConvBNReLU(64, 64, 3, stride=2),
            ConvBNReLU(64, 64, 3, stride=2),
            ConvBNReLU(64, WIDTH, 1),
        )
        self.global_context = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvBNReLU(c32, WIDTH, 1))
        self.arm32 = AttentionRefinement(c32)
        self.refine32 = ConvBNReLU(WIDTH, WIDTH, 3)
        self.arm16 = AttentionRefinement(c16)
        self.refine16 = ConvBNReLU(WIDTH, WIDTH, 3)
        self.fusion = FeatureFusion()
        self.head = Head(2 * WIDTH, 64, num_classes)
        self.auxiliary = nn.ModuleList(Head(WIDTH, auxiliary_width, num_classes) for _ in range(2))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.encoder = encoder()  # last: it brings its own start

    def forward(
        self, image: Float[Tensor, "b 3 h w"]
    ) -> Float[Tensor, "b c h w"] | tuple[Float[Tensor, "b c h w"], ...]:
        """Return the logits; in training mode (logits, those of the 1/8 map, those of the 1/16 map).

        Raises:
            ValueError: A training batch of one image.
        """
        if self.training and image.shape[0] == 1:
            raise ValueError(
                "BiSeNet in training mode got a batch of 1 image; its batch norms on 1x1 maps need at least "
                "2 a device (drop a last batch of one, or call eval())"
            )
        size_hw = image.shape[-2:]
        spatial = self.spatial_path(image)
        f16, f32 = self.encoder(image)
        x = self.arm32(f32) + self.global_context(f32)
        refined16 = self.refine32(resize(x, f16.shape[-2:]))
        x = self.arm16(f16) + refined16
        refined8 = self.refine16(resize(x, spatial.shape[-2:]))
        logits = resize(self.head(self.fusion(spatial, refined8)), size_hw)
        if not self.training:
            return logits
        at_8, at_16 = self.auxiliary
        return logits, resize(at_8(refined8), size_hw), resize(at_16(refined16), size_hw)


class AttentionRefinement(nn.Module):
    """Attention refinement module (Fig. 2b): y = f sigmoid(BN(W GAP(f))), f = CBR(x)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = ConvBNReLU(channels, WIDTH, 3)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(WIDTH, WIDTH, 1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.Sigmoid(),
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 128 h w"]:
        """Return the map at 128 channels, each weighed by its gate."""
        f = self.conv(x)
        return f * self.gate(f)  # type: ignore[no-any-return]


class FeatureFusion(nn.Module):
    """Feature fusion module (Fig. 2c): y = f + f sigmoid(W2 ReLU(W1 GAP(f))), f = CBR(a (+) b)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConvBNReLU(2 * WIDTH, 2 * WIDTH, 1)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(2 * WIDTH, 2 * WIDTH, 1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * WIDTH, 2 * WIDTH, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(
        self, spatial: Float[Tensor, "b 128 h w"], context: Float[Tensor, "b 128 h w"]
    ) -> Float[Tensor, "b 256 h w"]:
        """Return both paths' maps as one."""
        f = self.conv(torch.cat((spatial, context), dim=1))
        return f + f * self.gate(f)  # type: ignore[no-any-return]


class Head(nn.Sequential):
    """CBR 3x3 and the 1x1 classifier."""

    def __init__(self, channels: int, width: int, num_classes: int) -> None:
        super().__init__(ConvBNReLU(channels, width, 3), nn.Conv2d(width, num_classes, 1))


class ResNet18(nn.Module):
    """ResNet-18 of torchvision without its classifier."""

    def __init__(self) -> None:
        super().__init__()
        whole = resnet18(weights=None)
        self.conv1, self.bn1, self.relu, self.maxpool = whole.conv1, whole.bn1, whole.relu, whole.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            whole.layer1,
            whole.layer2,
            whole.layer3,
            whole.layer4,
        )

    def forward(
        self, image: Float[Tensor, "b 3 h w"]
    ) -> tuple[Float[Tensor, "b 256 _ _"], Float[Tensor, "b 512 _ _"]]:
        """Return the maps at strides 16 and 32."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        f16 = self.layer3(self.layer2(self.layer1(x)))
        return f16, self.layer4(f16)


class Xception39(nn.Module):
    """Xception39: a stem of 8 channels, then stages of 4, 8 and 4 separable blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvBNReLU(3, 8, 3, stride=2), nn.MaxPool2d(3, 2, padding=1))
        self.layer1 = self._stage(8, 16, blocks=4)
        self.layer2 = self._stage(64, 32, blocks=8)
        self.layer3 = self._stage(128, 64, blocks=4)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    @staticmethod
    def _stage(in_channels: int, width: int, blocks: int) -> nn.Sequential:
        first = XceptionBlock(in_channels, width, stride=2)
        return nn.Sequential(first, *(XceptionBlock(4 * width, width) for _ in range(blocks - 1)))

    def forward(
        self, image: Float[Tensor, "b 3 h w"]
    ) -> tuple[Float[Tensor, "b 128 _ _"], Float[Tensor, "b 256 _ _"]]:
        """Return the maps at strides 16 and 32."""
        f16 = self.layer2(self.layer1(self.stem(image)))
        return f16, self.layer3(f16)


class Separable(nn.Sequential):
    """Depthwise 3x3 and pointwise 1x1 with nothing between them, then batch norm."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(in_channels, in_channels, 3, stride, padding=1, groups=in_channels, bias=False),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )


class XceptionBlock(nn.Module):
    """Bottleneck of separable convolutions: y = ReLU(f(x) + s(x)); s is separable where the stride is 2."""

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            Separable(in_channels, width, stride),
            nn.ReLU(inplace=True),
            Separable(width, width),
            nn.ReLU(inplace=True),
            Separable(width, 4 * width),
        )
        self.shortcut = Separable(in_channels, 4 * width, stride) if stride == 2 else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Return the block's output, at half size when its stride is 2."""
        return self.relu(self.convs(x) + self.shortcut(x))  # type: ignore[no-any-return]


def resize(x: Float[Tensor, "b c _ _"], size_hw: tuple[int, ...]) -> Float[Tensor, "b c _ _"]:
    """Return the map at another size, bilinear, corner pixels on corner pixels."""
    return F.interpolate(x, size=size_hw, mode="bilinear", align_corners=True)


# encoder, its channels at strides 16 and 32, width of the auxiliary heads
ENCODERS: dict[str, tuple[type[nn.Module], int, int, int]] = {
    "xception39": (Xception39, 128, 256, 128),
    "resnet18": (ResNet18, 256, 512, 256),
}
