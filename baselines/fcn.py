"""FCN-8s: VGG-16 as a fully convolutional network, read at strides of 32, 16 and 8.

Long, Shelhamer, Darrell: Fully convolutional networks for semantic segmentation. CVPR 2015. Followed is the
ADE20K network of the scene parsing benchmark (its published Caffe description), trained at once: 100 pixels
of padding before the first convolution, pools that round up, fixed scales of 0.01 and 0.0001 on the skips.
The authors' own VOC network is the same one without the scales.

What was counted: ADE20K's printed 135.0 M parameters are those of the convolutions with 151 classes
(134.995 M) or 150 (134.991 M). The bilinear enlargements are fixed, so they are written as interpolations:
no parameters, no multiply-adds. As depthwise transposed convolutions they would add 0.13 GMAC at 384x384
with 151 classes, as dense ones between all pairs of classes 19.98 GMAC to the 124.97, and 6.5 M parameters.

The padding is part of the published network and is counted: an input of 384x384 is 582x582 to the first
convolution. It is also why the smallest input works.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Widths of the 3x3 convolutions between the pools."""
ADE20K_SKIP_SCALES = (0.01, 0.0001)
"""On pool4 and pool3, whose activations are larger than fc7's."""

PADDING = 100
"""Pixels around the image before the first convolution."""
OFFSET_POOL4, OFFSET_POOL3, OFFSET_IMAGE = 5, 9, 31
"""Where the maps of one stride lie in those of the next, after the published padding and kernels."""


class Encoder(nn.Sequential):
    """VGG-16 with its two hidden classifier layers as convolutions; gives pool3, pool4 and fc7."""

    def __init__(self) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        width = 3
        for stage, widths in enumerate(VGG16, 1):
            for index, out in enumerate(widths, 1):
                padding = PADDING if stage == index == 1 else 1
                layers[f"conv{stage}_{index}"] = nn.Conv2d(width, out, 3, padding=padding)
                layers[f"relu{stage}_{index}"] = nn.ReLU(inplace=True)
                width = out
            layers[f"pool{stage}"] = nn.MaxPool2d(2, ceil_mode=True)
        for name, kernel in (("6", 7), ("7", 1)):
            layers[f"fc{name}"] = nn.Conv2d(width, 4096, kernel)
            layers[f"relu{name}"] = nn.ReLU(inplace=True)
            layers[f"drop{name}"] = nn.Dropout(0.5)
            width = 4096
        super().__init__(layers)

    def forward(
        self, image: Float[Tensor, "b 3 h w"]
    ) -> tuple[Float[Tensor, "b 256 h8 w8"], Float[Tensor, "b 512 h16 w16"], Float[Tensor, "b 4096 h32 w32"]]:
        """Return pool3 (stride 8), pool4 (16) and fc7 (32); all three reach beyond the image."""
        maps = {}
        x = image
        for name, layer in self.named_children():
            x = layer(x)
            if name in ("pool3", "pool4"):
                maps[name] = x
        return maps["pool3"], maps["pool4"], x


class FCN8s(nn.Module):
    """FCN-8s (Section 4.2, Fig. 3 of the paper).

    score = up8(crop(up2(crop(up2(W fc7) + W4 a4 pool4)) + W3 a3 pool3)), a4 and a3 the skips' fixed scales.

    Args:
        num_classes: Classes of the logits; ADE20K's release has 151, with 0 for "other".
        skip_scales: Scales of pool4 and pool3; (1.0, 1.0) for the network without scales.
    """

    def __init__(self, num_classes: int, skip_scales: tuple[float, float] = ADE20K_SKIP_SCALES) -> None:
        super().__init__()
        self.skip_scales = skip_scales
        self.encoder = Encoder()
        self.score_fr = nn.Conv2d(4096, num_classes, 1)
        self.score_pool4 = nn.Conv2d(512, num_classes, 1)
        self.score_pool3 = nn.Conv2d(256, num_classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                initialise(module)
        # the paper starts its scores at zero, so that a skip adds nothing until it has learnt something
        for score in (self.score_fr, self.score_pool4, self.score_pool3):
            nn.init.zeros_(score.weight)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Return the logits at the image's size, in training mode too; any size will do."""
        pool3, pool4, fc7 = self.encoder(image)
        return self.decode(pool3, pool4, fc7, (image.shape[-2], image.shape[-1]))

    def decode(
        self,
        pool3: Float[Tensor, "b 256 h8 w8"],
        pool4: Float[Tensor, "b 512 h16 w16"],
        fc7: Float[Tensor, "b 4096 h32 w32"],
        size_hw: tuple[int, int],
    ) -> Float[Tensor, "b c h w"]:
        """Return the logits of an image of ``size_hw`` from its three maps."""
        scale4, scale3 = self.skip_scales
        score = bilinear_deconvolution(self.score_fr(fc7), 2)
        score = score + crop(self.score_pool4(scale4 * pool4), OFFSET_POOL4, score.shape[-2:])
        score = bilinear_deconvolution(score, 2)
        score = score + crop(self.score_pool3(scale3 * pool3), OFFSET_POOL3, score.shape[-2:])
        return enlarge(score, size_hw)


def initialise(conv: nn.Conv2d) -> None:
    """Draw a convolution's weights after He et al. 2015; the bias is 0."""
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def enlarge(score: Float[Tensor, "b c h8 w8"], size_hw: tuple[int, int]) -> Float[Tensor, "b c h w"]:
    """Return scores of stride 8 at the size of the image that they reach beyond."""
    return crop(bilinear_deconvolution(score, 8), OFFSET_IMAGE, size_hw)


def bilinear_deconvolution(x: Float[Tensor, "b c h w"], factor: int) -> Float[Tensor, "b c H W"]:
    """Return what a transposed convolution with one fixed bilinear kernel per channel gives.

    The kernel has 2 x ``factor`` a side and the stride is ``factor``, without padding, so n becomes
    ``factor`` x (n + 1). Interpolation with a rim of zeros is the same sum, and quicker.
    """
    enlarged = F.interpolate(F.pad(x, (1, 1, 1, 1)), scale_factor=factor, mode="bilinear")
    rim = factor // 2
    return enlarged[..., rim:-rim, rim:-rim]


def crop(x: Float[Tensor, "b c H W"], offset: int, size_hw: Sequence[int]) -> Float[Tensor, "b c h w"]:
    """Return ``size_hw`` of a map from (``offset``, ``offset``) on."""
    height, width = size_hw
    return x[..., offset : offset + height, offset : offset + width]


def build(num_classes: int, skip_scales: tuple[float, float] = ADE20K_SKIP_SCALES) -> FCN8s:
    """Build FCN-8s with random weights (He et al. 2015 in the encoder, zero in the score layers)."""
    return FCN8s(num_classes, skip_scales)
