"""DeepLab-CRF-LargeFOV: VGG16 with holes, and a dense CRF on its scores.

Chen, Papandreou, Kokkinos, Murphy, Yuille: Semantic image segmentation with deep convolutional nets and fully
connected CRFs. ICLR 2015, arXiv 1412.7062.

The network is that of the authors' published Caffe configuration of DeepLab-LargeFOV: 3x3 pools with
padding 1 on Caffe's ceil-mode grid (512x1024 gives 65x129 at stride 8), pool4 and pool5 without stride
followed by an average pool, conv5_1 to conv5_3 with dilation 2, fc6 as a 3x3 of dilation 12 to 1024
channels. The scores lie on the pixels 0, 8, 16, ... and are enlarged to 8 (n - 1) + 1, then cropped; inputs
of 8k+1 need no crop.

As in the paper the network is trained without the CRF: training mode returns the scores enlarged. The CRF
runs in eval mode, 10 iterations with the weights and widths of LargeFOV (Gaussian 3, 3 px; bilateral 4, 121
px, 5 levels).

Deviations: the default CRF is exact on the grid of the scores instead of approximate on every pixel
(``baselines.crf``; ``crf="pydensecrf"`` is the paper's). VGG's classifier layers are not taken over as
subsampled fc6 and fc7, which start from chance.

Counted: 255.61 G multiply-adds at 512x1024 with 19 classes without the CRF, 20.503 M parameters (the CRF has
none). Printed are 457.8 G and 262.1 M, which no variant of the published network reaches.
"""

from collections.abc import Sequence
from typing import cast

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.crf import IMAGENET_MEAN, IMAGENET_STD, Kernels, MeanField, chosen

STRIDE = 8
ITERATIONS = 10
LARGE_FOV = Kernels(gaussian_px=3.0, bilateral_px=121.0, bilateral_levels=5.0, normalisation="symmetric")
GAUSSIAN_WEIGHT, BILATERAL_WEIGHT = 3.0, 4.0
# (widths, dilation) of conv1 ... conv5, and the stride of the pool after each
_STAGES = (((64,) * 2, 1, 2), ((128,) * 2, 1, 2), ((256,) * 3, 1, 2), ((512,) * 3, 1, 1), ((512,) * 3, 2, 1))


class VGG16(nn.Module):
    """conv1_1 to conv5_3 with holes, each 3x3 with bias and ReLU, and five 3x3 pools; stride 8."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: list[list[str]] = []
        channels = 3
        for stage, (widths, dilation, stride) in enumerate(_STAGES, start=1):
            names = []
            for place, width in enumerate(widths, start=1):
                conv = nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation)
                names.append(f"conv{stage}_{place}")
                self.add_module(names[-1], conv)
                channels = width
            names.append(f"pool{stage}")
            self.add_module(names[-1], nn.MaxPool2d(3, stride, padding=1, ceil_mode=True))
            self.stages.append(names)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 512 gh gw"]:
        """Return pool5."""
        x: Tensor = image
        for *convs, pool in self.stages:
            for name in convs:
                x = F.relu(self.get_submodule(name)(x))
            x = self.get_submodule(pool)(x)
        return x


class DenseCRF(MeanField):
    """m = 3 K1 q + 4 K2 q (Potts); the weights were searched for by the authors, not learnt."""

    def combine(
        self, gaussian: Float[Tensor, "c h w"], bilateral: Float[Tensor, "c h w"]
    ) -> Float[Tensor, "c h w"]:
        """Return the message of the two filtered maps."""
        return GAUSSIAN_WEIGHT * gaussian + BILATERAL_WEIGHT * bilateral

    def forward(
        self, scores: Float[Tensor, "b c gh gw"], image: Float[Tensor, "b 3 h w"]
    ) -> Float[Tensor, "b c h w"]:
        """Return the refined logits at the image's size."""
        rgb, size_hw = self.rgb(image), image.shape[-2:]
        if self.how == "pydensecrf":
            logits = enlarge(scores, size_hw)
            return logits + self.message(logits, rgb, iterations=ITERATIONS, stride=1, how="pydensecrf")
        colours = colours_of_nodes(rgb, scores.shape[-2:])
        message = self.message(scores, colours, iterations=ITERATIONS, stride=STRIDE, how="exact")
        return enlarge(scores + message, size_hw)


class DeepLab(nn.Module):
    """DeepLab-CRF-LargeFOV.

    Args:
        crf: None leaves the CRF out.
    """

    def __init__(self, num_classes: int, crf: DenseCRF | None) -> None:
        super().__init__()
        self.encoder = VGG16()
        self.pool5a = nn.AvgPool2d(3, 1, padding=1)  # divides by 9 at the rim too, as Caffe does
        self.fc6 = nn.Conv2d(512, 1024, 3, padding=12, dilation=12)
        self.dropout6 = nn.Dropout(0.5)
        self.fc7 = nn.Conv2d(1024, 1024, 1)
        self.dropout7 = nn.Dropout(0.5)
        self.fc8 = nn.Conv2d(1024, num_classes, 1)
        for conv in self.modules():
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
                nn.init.zeros_(cast("Tensor", conv.bias))
        nn.init.normal_(self.fc8.weight, std=0.01)
        self.crf = crf

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Return the logits at the image's size; in eval mode refined by the CRF."""
        x = self.pool5a(self.encoder(image))
        x = self.dropout6(F.relu(self.fc6(x)))
        x = self.dropout7(F.relu(self.fc7(x)))
        scores: Tensor = self.fc8(x)
        if self.training or self.crf is None:
            return enlarge(scores, image.shape[-2:])
        return self.crf(scores, image)  # type: ignore[no-any-return]


def enlarge(scores: Float[Tensor, "b c gh gw"], size_hw: Sequence[int]) -> Float[Tensor, "b c h w"]:
    """Return maps whose nodes are the pixels 0, 8, 16, ... at every pixel, bilinearly."""
    height, width = size_hw
    rows, columns = (STRIDE * (nodes - 1) + 1 for nodes in scores.shape[-2:])
    whole = F.interpolate(scores, size=(rows, columns), mode="bilinear", align_corners=True)
    return whole[..., :height, :width]


def colours_of_nodes(rgb: Float[Tensor, "b 3 h w"], grid_hw: Sequence[int]) -> Float[Tensor, "b 3 gh gw"]:
    """Return the mean colour of the 9x9 pixels about each of the pixels 0, 8, 16, ...

    The last nodes can lie up to 7 pixels beyond the image, whose rim is repeated for them.
    """
    missing = [STRIDE * (nodes - 1) + 1 - side for nodes, side in zip(grid_hw, rgb.shape[-2:], strict=True)]
    whole = F.pad(rgb, (0, missing[1], 0, missing[0]), mode="replicate")
    return F.avg_pool2d(whole, STRIDE + 1, STRIDE, padding=STRIDE // 2, count_include_pad=False)


def build(
    num_classes: int,
    crf: str = "exact",
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> DeepLab:
    """Build DeepLab-CRF-LargeFOV.

    Args:
        crf: ``exact`` on the grid of the scores, ``pydensecrf`` on every pixel, or ``none``.
        mean, std: Statistics that normalise the input, of images scaled to 0..1: the CRF wants the colours
            back.

    Raises:
        ValueError: An unknown ``crf``.
        ImportError: ``pydensecrf`` is requested and not installed.
    """
    how = chosen(crf)
    return DeepLab(num_classes, None if how is None else DenseCRF(LARGE_FOV, how, mean, std))
