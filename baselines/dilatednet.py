"""DilatedNet for ADE20K: VGG-16 with dilation in place of its last two pools, so that it predicts at 1/8.

Yu, Koltun: Multi-scale context aggregation by dilated convolutions. ICLR 2016, arXiv 1511.07122. Followed
is the ADE20K network of the scene parsing benchmark (its published Caffe description): the front end alone,
padded convolutions, no context module. The context module of the authors' VOC network would add 347 M
parameters at 150 classes.

What was counted: 134.879 M parameters with 151 classes, 134.875 M with 150; no table prints a number. The
enlargement is a fixed bilinear kernel and is written as an interpolation: no parameters, no multiply-adds.
"""

from __future__ import annotations

from collections import OrderedDict

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.sizes import SizeRule

SIZES = SizeRule(8)

VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Widths of the 3x3 convolutions of the five stages."""
_WIDTH_FC = 4096


class Trunk(nn.Sequential):
    """Stages ``first`` to ``last`` of the dilated VGG-16; 6 stands for fc6 and fc7.

    Stages 1 to 3 end in a pool, stages 4 and 5 do not, so stage 5 has a dilation of 2 and fc6
    one of 4.
    """

    def __init__(self, first: int = 1, last: int = 6) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        width = 3 if first == 1 else VGG16[first - 2][-1]
        for stage in range(first, min(last, 5) + 1):
            dilation = 2 if stage == 5 else 1
            for index, out in enumerate(VGG16[stage - 1], 1):
                conv = nn.Conv2d(width, out, 3, padding=dilation, dilation=dilation)
                layers[f"conv{stage}_{index}"] = conv
                layers[f"relu{stage}_{index}"] = nn.ReLU(inplace=True)
                width = out
            if stage <= 3:
                layers[f"pool{stage}"] = nn.MaxPool2d(2)
        if last == 6:
            fc6 = nn.Conv2d(width, _WIDTH_FC, 7, padding=12, dilation=4)
            fc7 = nn.Conv2d(_WIDTH_FC, _WIDTH_FC, 1)
            for name, conv in (("6", fc6), ("7", fc7)):
                layers[f"fc{name}"] = conv
                layers[f"relu{name}"] = nn.ReLU(inplace=True)
                layers[f"drop{name}"] = nn.Dropout(0.5)
        super().__init__(layers)
        for layer in self:
            if isinstance(layer, nn.Conv2d):
                initialise(layer)


class DilatedNet(nn.Module):
    """The front end: score = up8(W fc7)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.encoder = Trunk()
        self.classifier = classifier(num_classes)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Return the logits at the image's size, in training mode too.

        Raises:
            ValueError: The size does not fit the rule.
        """
        SIZES.require((image.shape[-2], image.shape[-1]))
        return enlarge(self.classifier(self.encoder(image)))


def classifier(num_classes: int) -> nn.Conv2d:
    """Return the last convolution, of 4096 channels; its initial weights give scores near zero."""
    conv = nn.Conv2d(_WIDTH_FC, num_classes, 1)
    initialise(conv)
    nn.init.normal_(conv.weight, std=0.001)
    return conv


def initialise(conv: nn.Conv2d) -> None:
    """Draw a convolution's weights after He et al. 2015; the bias is 0."""
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def enlarge(score: Float[Tensor, "b c h8 w8"]) -> Float[Tensor, "b c h w"]:
    """Return what a transposed convolution with a fixed bilinear kernel of 16, stride 8, padding 4 gives.

    Interpolation with a rim of zeros is the same sum, and quicker. The rim fades the outermost four pixels,
    as in the published network.
    """
    enlarged = F.interpolate(F.pad(score, (1, 1, 1, 1)), scale_factor=8, mode="bilinear")
    return enlarged[..., 8:-8, 8:-8]


def build(num_classes: int) -> DilatedNet:
    """Build DilatedNet with random weights (He et al. 2015)."""
    return DilatedNet(num_classes)
