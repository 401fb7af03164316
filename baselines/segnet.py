"""SegNet: VGG16 up to its last pool, and a mirrored decoder that unpools with the encoder's pooling indices.

Badrinarayanan, Kendall, Cipolla: SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image
Segmentation. IEEE TPAMI 39(12), 2017.

Definition followed: the authors' published network description for driving scenes (SegNet-Tutorial,
``segnet_inference.prototxt``). The 26th convolution is the classifier, 3x3 from 64 channels, without
batch-norm or ReLU; a stage of the decoder drops its channels in its last convolution. There is no further
1x1 or 3x3 head: a port with one has 29.56 M parameters at 150 classes, but costs 303 G where the paper
prints 286.

Deviations: pools round an odd side down, Caffe's round up (2 x MAC at 360x640 would be 286.69 G instead of
285.56). The Bayesian variant's dropout is not here. The authors weigh classes in the loss by median
frequency; that belongs to a recipe, not to this network.

Counted at 360x640 with 19 classes: 142.779 GMAC (printed 286 G: 2 x MAC), 29.453971 M parameters.
"""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.sizes import SizeRule

SIZES = SizeRule(least=32)
"""Any size that five pools leave a pixel of; the sizes before each pool are kept for the way up."""

ENCODER_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Output channels of VGG16's convolutions, stages 1 to 5; each stage ends with a pool."""

DECODER_WIDTHS = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64,))
"""Output channels of the decoder's convolutions, stages 5 to 1; the classifier ends stage 1."""


class Pooled(NamedTuple):
    """What a pool leaves behind for the unpooling of its stage."""

    indices: Int[Tensor, "b c h w"]
    size_hw: tuple[int, int]


class Encoder(nn.Module):
    """VGG16's convolutions, each with batch-norm and ReLU, and five pools that keep their indices (Fig. 2).

    ``conv1_1``, ``bn1_1`` to ``conv5_3``, ``bn5_3``.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for stage, widths in enumerate(ENCODER_WIDTHS, 1):
            for index, width in enumerate(widths, 1):
                self.add_module(f"conv{stage}_{index}", nn.Conv2d(channels, width, 3, padding=1))
                self.add_module(f"bn{stage}_{index}", nn.BatchNorm2d(width))
                self.add_module(f"relu{stage}_{index}", nn.ReLU(inplace=True))
                channels = width

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b 512 _ _"], list[Pooled]]:
        """Return the map at 1/32, sides rounded down at each pool, and what pools 1 to 5 kept."""
        x, kept = image, []
        for stage, widths in enumerate(ENCODER_WIDTHS, 1):
            for index in range(1, len(widths) + 1):
                for layer in ("conv", "bn", "relu"):
                    x = self.get_submodule(f"{layer}{stage}_{index}")(x)
            height, width = x.shape[-2:]
            x, indices = F.max_pool2d(x, 2, stride=2, return_indices=True)
            kept.append(Pooled(indices, (height, width)))
        return x, kept


class Decoder(nn.Module):
    """Unpooling with the indices of the mirrored pool, then convolutions, from stage 5 down to stage 1."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        channels = ENCODER_WIDTHS[-1][-1]
        for widths in DECODER_WIDTHS:
            layers: list[nn.Module] = []
            for width in widths:
                layers += [
                    nn.Conv2d(channels, width, 3, padding=1),
                    nn.BatchNorm2d(width),
                    nn.ReLU(inplace=True),
                ]
                channels = width
            self.stages.append(nn.Sequential(*layers))
        self.classifier = nn.Conv2d(channels, num_classes, 3, padding=1)

    def forward(self, deepest: Float[Tensor, "b 512 _ _"], kept: list[Pooled]) -> Float[Tensor, "b c h w"]:
        """Return logits at the size that the first pool saw."""
        x = deepest
        for stage, (indices, size_hw) in zip(self.stages, reversed(kept), strict=True):
            x = stage(F.max_unpool2d(x, indices, (2, 2), stride=(2, 2), output_size=size_hw))
        return self.classifier(x)  # type: ignore[no-any-return]


class SegNet(nn.Module):
    """Image to logits at its own size.

    Args:
        num_classes: Channels of the logits.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder(num_classes)
        self.apply(initialise)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Return the logits, in training as in eval mode.

        Raises:
            ValueError: A side is shorter than 32 pixels.
        """
        SIZES.require((image.shape[-2], image.shape[-1]))
        return self.decoder(*self.encoder(image))  # type: ignore[no-any-return]


def initialise(module: nn.Module) -> None:
    """Draw a convolution's weights after He et al., as the paper does (Section 3.1); biases are 0."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def build(num_classes: int) -> SegNet:
    """Return SegNet with random weights."""
    return SegNet(num_classes)
