"""The encoders: an image in, the feature maps of four levels out (paper Section III.A, Fig. 2).

Level L1..L4 have strides 4, 8, 16, 32. A ResNet offers one map a level (Res-1 to Res-4); MobileNetV2 offers
the output of each of its six later stages, so that levels 3 and 4 have two maps.
Module names follow torchvision (ResNet) and timm (MobileNetV2), whose ImageNet weights fit them.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that torch's own documentation uses

Padding = Literal["symmetric", "same"]
Levels = tuple[tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, ...]]
"""The maps of L1..L4, each level a tuple of maps of one size."""


class Bottleneck(nn.Module):
    """ResNet's block of three convolutions, the stride in the 3x3 one: y = ReLU(f(x) + s(x))."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        out_channels = width * self.expansion
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Return the block's output, at half size when its stride is 2."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(y + shortcut)  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """ResNet-50, -101 or -152 up to its last block (He et al. 2016, in torchvision's form)."""

    tap_channels: tuple[tuple[int, ...], ...] = ((256,), (512,), (1024,), (2048,))

    def __init__(self, blocks: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = self._stage(64, 64, blocks[0], stride=1)
        self.layer2 = self._stage(256, 128, blocks[1], stride=2)
        self.layer3 = self._stage(512, 256, blocks[2], stride=2)
        self.layer4 = self._stage(1024, 512, blocks[3], stride=2)
        start_weights(self)

    @staticmethod
    def _stage(in_channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
        first = Bottleneck(in_channels, width, stride)
        rest = (Bottleneck(width * Bottleneck.expansion, width, 1) for _ in range(blocks - 1))
        return nn.Sequential(first, *rest)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Levels:
        """Return Res-1 to Res-4 at strides 4, 8, 16, 32."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        res1 = self.layer1(x)
        res2 = self.layer2(res1)
        res3 = self.layer3(res2)
        res4 = self.layer4(res3)
        return (res1,), (res2,), (res3,), (res4,)


class InvertedResidual(nn.Module):
    """MobileNetV2's block: 1x1 expansion, depthwise 3x3, linear 1x1 projection."""

    def __init__(
        self, in_channels: int, out_channels: int, expansion: int, stride: int, padding: Padding
    ) -> None:
        super().__init__()
        width = in_channels * expansion
        self.conv_pw = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.act1 = nn.ReLU6(inplace=True)
        self.pads_after = padding == "same" and stride == 2
        edge = 0 if self.pads_after else 1
        self.conv_dw = nn.Conv2d(width, width, 3, stride, padding=edge, groups=width, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.act2 = nn.ReLU6(inplace=True)
        self.conv_pwl = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Return the block's output, at half size when its stride is 2."""
        y = self.act1(self.bn1(self.conv_pw(x)))
        y = self.act2(self.bn2(self.conv_dw(pad_after(y) if self.pads_after else y)))
        y = self.bn3(self.conv_pwl(y))
        return x + y if self.has_shortcut else y  # type: ignore[no-any-return]


class MobileNetV2(nn.Module):
    """MobileNetV2 without its last 1280-wide convolution (Sandler et al. 2018).

    The first block, whose expansion factor is 1, keeps a 1x1 expansion (32 -> 32, BN, ReLU6): the printed
    cost of the paper's baseline (Table 4, 3.41 G) holds it. Weights of the ordinary network leave this one
    layer out; ``start_first_expansion_as_identity`` gives it a start that changes nothing.

    Args:
        padding: ``symmetric`` as in PyTorch, or ``same`` as in TensorFlow, where a convolution of stride 2
            over an even size pads after the last row and column only. It is a matter of which weights are
            loaded.
    """

    # output channels, blocks, stride, expansion factor (Sandler et al., Table 2)
    STAGES = (
        (16, 1, 1, 1),
        (24, 2, 2, 6),
        (32, 3, 2, 6),
        (64, 4, 2, 6),
        (96, 3, 1, 6),
        (160, 3, 2, 6),
        (320, 1, 1, 6),
    )
    tap_channels: tuple[tuple[int, ...], ...] = ((24,), (32,), (64, 96), (160, 320))

    def __init__(self, padding: Padding = "symmetric") -> None:
        super().__init__()
        self.pads_after = padding == "same"
        self.conv_stem = nn.Conv2d(3, 32, 3, 2, padding=0 if self.pads_after else 1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.act1 = nn.ReLU6(inplace=True)
        stages: list[nn.Module] = []
        in_channels = 32
        for out_channels, count, first_stride, expansion in self.STAGES:
            blocks = []
            for index in range(count):
                stride = first_stride if index == 0 else 1
                blocks.append(InvertedResidual(in_channels, out_channels, expansion, stride, padding))
                in_channels = out_channels
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.ModuleList(stages)
        start_weights(self)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Levels:
        """Return the maps of 24; 32; 64 and 96; 160 and 320 channels at strides 4, 8, 16, 32."""
        x = self.stem(image)
        taps = []
        for stage in self.blocks:
            x = stage(x)
            taps.append(x)
        return (taps[1],), (taps[2],), (taps[3], taps[4]), (taps[5], taps[6])

    def stem(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 32 h2 w2"]:
        """Return the first convolution's output at stride 2, after its BN and ReLU6."""
        padded = pad_after(image) if self.pads_after else image
        return self.act1(self.bn1(self.conv_stem(padded)))  # type: ignore[no-any-return]

    @torch.no_grad()
    def start_first_expansion_as_identity(self, images: Float[Tensor, "b 3 h w"]) -> None:
        """Make the first block's expansion return its input.

        The convolution becomes the identity matrix and its BN divides and multiplies by the same standard
        deviation, measured on the stem's output over ``images`` (normalised as the network wants them). BN
        with weight 1 and bias 0 would be the identity in neither mode.
        """
        was_training = self.training
        self.eval()
        stem = self.stem(images)
        self.train(was_training)
        block = self.blocks[0][0]  # type: ignore[index]
        variance, mean = torch.var_mean(stem, dim=(0, 2, 3))
        block.conv_pw.weight.copy_(torch.eye(32).reshape(32, 32, 1, 1))
        block.bn1.running_mean.copy_(mean)
        block.bn1.running_var.copy_(variance)
        block.bn1.weight.copy_((variance + block.bn1.eps).sqrt())
        block.bn1.bias.copy_(mean)


def pad_after(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Pad for a 3x3 convolution of stride 2 as TensorFlow's SAME does: the odd row and column come last."""
    height, width = x.shape[-2:]
    top, left = height % 2, width % 2
    return F.pad(x, (left, 1, top, 1))


def start_weights(encoder: nn.Module) -> None:
    """Give every convolution He's normal start over its outputs, as both reference encoders do."""
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
