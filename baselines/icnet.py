"""ICNet, the image cascade network: three branches at three resolutions.

Zhao, Qi, Shen, Shi, Jia: ICNet for real-time semantic segmentation on high-resolution images. ECCV 2018,
arXiv 1704.08545.

Followed is the authors' released Caffe network for Cityscapes (the one with its batch norms not merged): the
trunk has half of PSPNet50's widths, the 1/4 branch forks from the 1/2 branch and is fed no image of its own,
and the pyramid pooling adds its levels instead of concatenating them. Ports with a full ResNet50 trunk are
other networks (25 M parameters and more).

Input sizes: any. The released network is made for 1025x2049 alone, and its sizes follow through only for
sides of 32k+1, where aligned corners take every second pixel or put one between two. At other sizes a half is
rounded up, a map is enlarged to the recorded size of the map it meets, and the windows of the pyramid
pooling, which the release fixes for a map of 33x65, are scaled with the map; where the map has fewer pixels
than a level has bins, each pixel is a bin.

Cascade label guidance: the outputs in training stay at 1/4, 1/8 and 1/16 of the input, and each is compared
with a label of its own size. The auxiliary classifiers read the maps that enter the two fusions, enlarged.

Counted: multiply-adds and parameters of the inference graph at 1024x2048 and at 1025x2049.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

BINS = (1, 2, 3, 6)
"""Bins a side of the pyramid pooling's levels."""

_OFFICIAL_SIDE = 33
_OFFICIAL_STRIDE = {1: 33, 2: 16, 3: 10, 6: 5}  # of the levels' windows, on a side of 33 pixels


def build(num_classes: int) -> "ICNet":
    """Build ICNet with random weights."""
    return ICNet(num_classes)


class ConvBN(nn.Sequential):
    """Convolution without bias that keeps the size at stride 1, and batch norm."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1
    ) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, bias=False),
            nn.BatchNorm2d(out_channels),
        )


class ConvBNReLU(ConvBN):
    """Convolution, batch norm, ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, dilation)
        self.append(nn.ReLU(inplace=True))


class ICNet(nn.Module):
    """The 1/4, 1/2 and 1/1 branches and the two cascade feature fusions."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ConvBNReLU(3, 32, 3, stride=2),
            ConvBNReLU(32, 32, 3),
            ConvBNReLU(32, 64, 3),
            nn.MaxPool2d(3, 2, padding=1),
        )
        self.conv2 = stage(64, 32, blocks=3)
        self.conv3_1 = Bottleneck(128, 64, stride=2)
        self.conv3 = stage(256, 64, blocks=3)  # conv3_2 to conv3_4
        self.conv4 = stage(256, 128, blocks=6, dilation=2)
        self.conv5 = stage(512, 256, blocks=3, dilation=4)
        self.pyramid_pooling = PyramidPooling()
        self.reduce = ConvBNReLU(1024, 256, 1)
        self.high_resolution = nn.Sequential(
            ConvBNReLU(3, 32, 3, stride=2), ConvBNReLU(32, 32, 3, stride=2), ConvBNReLU(32, 64, 3, stride=2)
        )
        self.fusion1 = CascadeFeatureFusion(256, 256)
        self.fusion2 = CascadeFeatureFusion(128, 64)
        self.classifier = nn.Conv2d(128, num_classes, 1)
        self.auxiliary = nn.ModuleList(nn.Conv2d(channels, num_classes, 1) for channels in (128, 256))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(
        self, image: Float[Tensor, "b 3 h w"]
    ) -> (
        Float[Tensor, "b c h w"]
        | tuple[Float[Tensor, "b c h4 w4"], Float[Tensor, "b c h8 w8"], Float[Tensor, "b c h16 w16"]]
    ):
        """Return the logits; in training mode those at 1/4, 1/8 and 1/16 of the input's size."""
        f16 = self.conv3_1(self.conv2(self.stem(resize(image, half(image)))))
        x = self.conv5(self.conv4(self.conv3(resize(f16, half(f16)))))
        x = resize(self.reduce(self.pyramid_pooling(x)), f16.shape[-2:])
        f8 = self.high_resolution(image)
        y = resize(self.fusion1(x, f16), f8.shape[-2:])
        at_4 = (-(-image.shape[-2] // 4), -(-image.shape[-1] // 4))
        logits = self.classifier(resize(self.fusion2(y, f8), at_4))
        if not self.training:
            return resize(logits, image.shape[-2:])
        classify_8, classify_16 = self.auxiliary
        return logits, classify_8(y), classify_16(x)


class Bottleneck(nn.Module):
    """ResNet's block of three convolutions, the stride in the first 1x1: y = ReLU(f(x) + s(x)).

    The shortcut s is the identity, or a 1x1 convolution where channels or size change.
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        out_channels = 4 * width
        self.convs = nn.Sequential(
            ConvBNReLU(in_channels, width, 1, stride),
            ConvBNReLU(width, width, 3, dilation=dilation),
            ConvBN(width, out_channels, 1),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = ConvBN(in_channels, out_channels, 1, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Return the block's output, at half size when its stride is 2."""
        return self.relu(self.convs(x) + self.shortcut(x))  # type: ignore[no-any-return]


def stage(in_channels: int, width: int, blocks: int, dilation: int = 1) -> nn.Sequential:
    """Return bottlenecks of one width in a row."""
    first = Bottleneck(in_channels, width, dilation=dilation)
    return nn.Sequential(first, *(Bottleneck(4 * width, width, dilation=dilation) for _ in range(blocks - 1)))


class PyramidPooling(nn.Module):
    """Pyramid pooling without convolutions: y = x + sum over the levels of resize(pool(x))."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return the map with its averages over 1, 4, 9 and 36 windows added."""
        height, width = x.shape[-2:]
        total = x
        for bins in BINS:
            (kernel_h, stride_h), (kernel_w, stride_w) = window(height, bins), window(width, bins)
            pooled = F.avg_pool2d(x, (kernel_h, kernel_w), (stride_h, stride_w))
            total = total + resize(pooled, (height, width))
        return total


def window(side: int, bins: int) -> tuple[int, int]:
    """Return kernel and stride of the pool that makes ``bins`` windows of a side; they overlap and cover it.

    At 33 and 65 pixels they are the release's own: 33/33, 17/16, 13/10, 8/5; 65/65, 33/32, 25/20, 15/10.
    """
    scaled = (2 * side * _OFFICIAL_STRIDE[bins] + _OFFICIAL_SIDE) // (2 * _OFFICIAL_SIDE)  # rounded
    made = min(bins, side)
    stride = max(1, min(scaled, side // made))  # at most side / made, or there would be gaps
    return side - (made - 1) * stride, stride


class CascadeFeatureFusion(nn.Module):
    """Cascade feature fusion (Section 3.3): y = ReLU(CB_3x3,d2(low) + CB_1x1(high)).

    ``low`` comes enlarged to the size of ``high``, because the auxiliary classifier reads it there too.
    """

    def __init__(self, low_channels: int, high_channels: int) -> None:
        super().__init__()
        self.low = ConvBN(low_channels, 128, 3, dilation=2)
        self.high = ConvBN(high_channels, 128, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(
        self, low: Float[Tensor, "b c h w"], high: Float[Tensor, "b c2 h w"]
    ) -> Float[Tensor, "b 128 h w"]:
        """Return the two branches as one map."""
        return self.relu(self.low(low) + self.high(high))  # type: ignore[no-any-return]


def half(x: Float[Tensor, "b c h w"]) -> tuple[int, int]:
    """Return half of a map's height and width, rounded up: 1025 gives 513, 1024 gives 512."""
    return (x.shape[-2] + 1) // 2, (x.shape[-1] + 1) // 2


def resize(x: Float[Tensor, "b c _ _"], size_hw: tuple[int, ...]) -> Float[Tensor, "b c _ _"]:
    """Return the map at another size, bilinear, corner pixels on corner pixels."""
    return F.interpolate(x, size=size_hw, mode="bilinear", align_corners=True)
