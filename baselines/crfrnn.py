"""CRF-RNN: FCN-8s, then mean-field iterations with learnt label weights, trained as one network.

Zheng, Jayasumana, Romera-Paredes, Vineet, Su, Du, Huang, Torr: Conditional random fields as recurrent neural
networks. ICCV 2015, arXiv 1502.03240.

The network is that of the authors' published Caffe definition (TVG_CRFRNN): FCN-8s with padding 100 at
conv1_1, 2x2 pools in ceil mode, fc6 7x7 without padding, crops at 5, 9 and 31, a bias after the first
transposed convolution only; then MultiStageMeanfield, 5 iterations in training and 10 after. An iteration is

    q = softmax(x),  x = U + mu (W1 K1 q + W2 K2 q)

with classes x classes matrices mu (starts as the identity), W1 (3 I) and W2 (5 I), each product with a kernel
divided by that with ones. Caffe's mu has the other sign and is subtracted: the same.

Deviations: the default mean field is exact on cells of 8x8 pixels instead of approximate on every pixel
(``baselines.crf``): it filters the cells' mean logits and colours, and its message, enlarged bilinearly, is
added to the logits of every pixel. ``crf="pydensecrf"`` filters every pixel in eval mode; training needs
gradients and stays exact. The transposed convolutions are fixed bilinear: they are written as
interpolation, which is the same function, so that they hold no parameters and count no multiply-adds (as
dense class x class convolutions they would be 0.96 G at 512x1024).

Counted: FCN-8s 333.82 G multiply-adds at 512x1024 with 19 classes and 134.353 M parameters, the CRF 3 C^2 =
1083 parameters. The paper's tables print neither.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines import fcn
from baselines.crf import IMAGENET_MEAN, IMAGENET_STD, How, Kernels, MeanField, chosen

STRIDE = 8
TRAINING_ITERATIONS, ITERATIONS = 5, 10
THETAS = Kernels(gaussian_px=3.0, bilateral_px=160.0, bilateral_levels=3.0, normalisation="after")


class VGG16(nn.Module):
    """conv1_1 to conv5_3 and the classifier layers fc6 and fc7 as convolutions; stride 32."""

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for stage, widths in enumerate(fcn.VGG16, start=1):
            for place, width in enumerate(widths, start=1):
                padding = fcn.PADDING if (stage, place) == (1, 1) else 1
                self.add_module(f"conv{stage}_{place}", nn.Conv2d(channels, width, 3, padding=padding))
                channels = width
            self.add_module(f"pool{stage}", nn.MaxPool2d(2, 2, ceil_mode=True))
        self.fc6 = nn.Conv2d(512, 4096, 7)
        self.dropout6 = nn.Dropout(0.5)
        self.fc7 = nn.Conv2d(4096, 4096, 1)
        self.dropout7 = nn.Dropout(0.5)

    def forward(
        self, image: Float[Tensor, "b 3 h w"]
    ) -> tuple[Float[Tensor, "b 256 h8 w8"], Float[Tensor, "b 512 h16 w16"], Float[Tensor, "b 4096 h32 w32"]]:
        """Return pool3, pool4 and fc7."""
        x: Tensor = image
        pools = []
        for stage, widths in enumerate(fcn.VGG16, start=1):
            for place in range(1, len(widths) + 1):
                x = F.relu(self.get_submodule(f"conv{stage}_{place}")(x))
            x = self.get_submodule(f"pool{stage}")(x)
            pools.append(x)
        x = self.dropout6(F.relu(self.fc6(x)))
        x = self.dropout7(F.relu(self.fc7(x)))
        return pools[2], pools[3], x


class LearntMeanField(MeanField):
    """m = mu (W1 K1 q + W2 K2 q), over the classes."""

    def __init__(self, num_classes: int, how: How, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__(THETAS, how, mean, std)
        identity = torch.eye(num_classes)
        self.spatial = nn.Parameter(3 * identity)
        self.bilateral = nn.Parameter(5 * identity)
        self.compatibility = nn.Parameter(identity.clone())

    def combine(
        self, gaussian: Float[Tensor, "c h w"], bilateral: Float[Tensor, "c h w"]
    ) -> Float[Tensor, "c h w"]:
        """Return the message of the two filtered maps."""
        weighed = self.spatial @ gaussian.flatten(1) + self.bilateral @ bilateral.flatten(1)  # (c, h*w)
        return (self.compatibility @ weighed).view(gaussian.shape)

    def forward(
        self, logits: Float[Tensor, "b c h w"], image: Float[Tensor, "b 3 h w"]
    ) -> Float[Tensor, "b c h w"]:
        """Return the refined logits."""
        iterations = TRAINING_ITERATIONS if self.training else ITERATIONS
        rgb = self.rgb(image)
        if self.how == "pydensecrf" and not self.training:
            return logits + self.message(logits, rgb, iterations=iterations, stride=1, how="pydensecrf")
        # a cell that the rim cuts has the mean of its pixels within the image
        unary, colours = (F.avg_pool2d(maps, STRIDE, ceil_mode=True) for maps in (logits, rgb))
        message = self.message(unary, colours, iterations=iterations, stride=STRIDE, how="exact")
        whole = F.interpolate(message, scale_factor=STRIDE, mode="bilinear", align_corners=False)
        return logits + whole[..., : logits.shape[-2], : logits.shape[-1]]


class CRFRNN(nn.Module):
    """FCN-8s and the mean field on its logits.

    Args:
        crf: None leaves the mean field out: FCN-8s.
    """

    def __init__(self, num_classes: int, crf: LearntMeanField | None) -> None:
        super().__init__()
        self.encoder = VGG16()
        self.score_fr = nn.Conv2d(4096, num_classes, 1)
        self.score2_bias = nn.Parameter(torch.zeros(num_classes))
        self.score_pool4 = nn.Conv2d(512, num_classes, 1)
        self.score_pool3 = nn.Conv2d(256, num_classes, 1)
        for conv in self.modules():
            if isinstance(conv, nn.Conv2d):
                fcn.initialise(conv)
        for score in (self.score_fr, self.score_pool4, self.score_pool3):
            nn.init.normal_(score.weight, std=0.01)
        self.crf = crf

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Return the logits at the image's size."""
        pool3, pool4, fc7 = self.encoder(image)
        score = fcn.bilinear_deconvolution(self.score_fr(fc7), 2) + self.score2_bias.view(-1, 1, 1)
        score = score + fcn.crop(self.score_pool4(pool4), fcn.OFFSET_POOL4, score.shape[-2:])
        score = fcn.bilinear_deconvolution(score, 2)
        score = score + fcn.crop(self.score_pool3(pool3), fcn.OFFSET_POOL3, score.shape[-2:])
        logits = fcn.enlarge(score, (image.shape[-2], image.shape[-1]))
        return logits if self.crf is None else self.crf(logits, image)


def build(
    num_classes: int,
    crf: str = "exact",
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> CRFRNN:
    """Build CRF-RNN.

    Args:
        crf: ``exact`` on cells of 8x8 pixels, ``pydensecrf`` on every pixel in eval mode, or ``none``
            (FCN-8s).
        mean, std: Statistics that normalise the input, of images scaled to 0..1: the CRF wants the colours
            back.

    Raises:
        ValueError: An unknown ``crf``.
        ImportError: ``pydensecrf`` is requested and not installed.
    """
    how = chosen(crf)
    return CRFRNN(num_classes, None if how is None else LearntMeanField(num_classes, how, mean, std))
