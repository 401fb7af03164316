"""Mean-field inference in the fully connected CRF of two Gaussian kernels.

Kraehenbuehl, Koltun: Efficient inference in fully connected CRFs with Gaussian edge potentials. NIPS 2011.
DeepLab-CRF-LargeFOV and CRF-RNN run this inference and differ in their kernels and in how they weigh them.

With positions p and colours I the kernels are k1(i, j) = exp(-|p_i - p_j|^2 / 2 s_g^2) and
k2(i, j) = exp(-|p_i - p_j|^2 / 2 s_xy^2 - |I_i - I_j|^2 / 2 s_rgb^2), a node's product with itself included.
Two ways to multiply by them:

``exact``
    Every pair of nodes, in plain torch, with gradients. Its time grows with the square of the nodes, so the
    methods run it on a grid of every eighth pixel with s_g and s_xy divided by eight. A deviation: the papers
    filter every pixel, approximately.
``pydensecrf``
    The permutohedral lattice of the library pydensecrf (the extra ``crf``) on every pixel: what the papers
    ran, approximate, on the CPU, without gradients.

In a count of multiply-adds ``exact`` has its products with the kernels; the distances and exponentials
that make up k2 are not products of matrices.
"""

from __future__ import annotations

import importlib
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

How = Literal["exact", "pydensecrf"]
Normalisation = Literal["symmetric", "after"]
"""With d = K 1: d^-1/2 K d^-1/2 q, pydensecrf's default; K q / d, CRF-RNN's."""
Filter = Callable[[Tensor], Tensor]
"""The product of a normalised kernel with maps (c, h, w)."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STORED_NODES = 12_000
"""Up to so many nodes k2 is kept between products (0.6 GB in float32); beyond, each product makes it anew."""
_ROWS = 1024  # of k2 made at a time, so that the making needs little beside the kept
_TRUNCATED_AT = 5  # standard deviations of k1


@dataclass(frozen=True)
class Kernels:
    """The standard deviations of k1 and k2, and how their products are normalised.

    Attributes:
        gaussian_px, bilateral_px: s_g and s_xy, in nodes' distances.
        bilateral_levels: s_rgb, in levels of 0..255.
    """

    gaussian_px: float
    bilateral_px: float
    bilateral_levels: float
    normalisation: Normalisation

    def at_stride(self, stride: int) -> Kernels:
        """Return the same kernels for nodes ``stride`` pixels apart."""
        return replace(self, gaussian_px=self.gaussian_px / stride, bilateral_px=self.bilateral_px / stride)


def chosen(crf: str) -> How | None:
    """Return how a builder's option ``crf`` runs the CRF; None for ``none``.

    Raises:
        ValueError: It is none of the choices.
    """
    choices: dict[str, How | None] = {"exact": "exact", "pydensecrf": "pydensecrf", "none": None}
    if crf not in choices:
        raise ValueError(f"no crf '{crf}'; have {', '.join(choices)}")
    return choices[crf]


class MeanField(nn.Module):
    """Mean field with the update logits = U + m(K1 q, K2 q), q = softmax(logits).

    A method says with ``combine`` what m is, and with its ``forward`` on which nodes it runs.

    Args:
        kernels: Kernels for nodes one pixel apart.
        mean, std: Statistics that normalised the network's input, of images scaled to 0..1.

    Raises:
        ImportError: ``how`` is ``pydensecrf`` and the library is not installed.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, kernels: Kernels, how: How, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if how == "pydensecrf":
            import_pydensecrf()
        self.kernels = kernels
        self.how = how
        self.register_buffer("mean", torch.tensor(tuple(mean)).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(tuple(std)).view(1, 3, 1, 1))

    @abstractmethod
    def combine(
        self, gaussian: Float[Tensor, "c h w"], bilateral: Float[Tensor, "c h w"]
    ) -> Float[Tensor, "c h w"]:
        """Return the message m of the two filtered maps."""

    def rgb(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Return the normalised image's colours as levels of 0..255."""
        return 255 * (image * self.std + self.mean)

    def message(
        self,
        unary: Float[Tensor, "b c h w"],
        rgb: Float[Tensor, "b 3 h w"],
        *,
        iterations: int,
        stride: int,
        how: How,
    ) -> Float[Tensor, "b c h w"]:
        """Return what the last iteration adds to the unary logits of nodes ``stride`` pixels apart."""
        precise = torch.promote_types(unary.dtype, torch.float32)
        unary, rgb = unary.to(precise), rgb.detach().to(precise)
        kernels = self.kernels.at_stride(stride)
        filters = exact_filters if how == "exact" else lattice_filters
        # one image after the other: without gradients one kernel at a time is in memory
        with torch.autocast("cpu" if unary.is_meta else unary.device.type, enabled=False):
            return torch.stack(
                [
                    mean_field(logits, filters(colours, kernels, len(logits)), self.combine, iterations)
                    for logits, colours in zip(unary, rgb, strict=True)
                ]
            )


def mean_field(
    unary: Float[Tensor, "c h w"],
    filters: tuple[Filter, Filter],
    combine: Callable[[Tensor, Tensor], Tensor],
    iterations: int,
) -> Float[Tensor, "c h w"]:
    """Return m after some iterations from q = softmax(U); the refined logits are U + m."""
    gaussian, bilateral = filters
    message = torch.zeros_like(unary)
    for _ in range(iterations):
        q = (unary + message).softmax(dim=0)
        message = combine(gaussian(q), bilateral(q))
    return message


def exact_filters(rgb: Float[Tensor, "3 h w"], kernels: Kernels, _: int = 0) -> tuple[Filter, Filter]:
    """Return the products with K1 and K2 of one image's nodes, of every pair of them."""
    ones = torch.ones_like(rgb[:1])
    both = GaussianKernel(kernels.gaussian_px, rgb), BilateralKernel(rgb, kernels)
    gaussian, bilateral = (_normalised(kernel, ones, kernels.normalisation) for kernel in both)
    return gaussian, bilateral


def _normalised(kernel: Filter, ones: Tensor, normalisation: Normalisation) -> Filter:
    total = kernel(ones)  # (1, h, w), at least 1: the node itself
    if normalisation == "after":
        return lambda q: kernel(q) / total
    root = total.rsqrt()
    return lambda q: root * kernel(root * q)


class GaussianKernel:
    """K1 as two passes of a truncated Gaussian; nodes outside the image weigh nothing."""

    def __init__(self, sigma: float, like: Tensor) -> None:
        self.radius = math.ceil(_TRUNCATED_AT * sigma)
        offsets = torch.arange(-self.radius, self.radius + 1, device=like.device, dtype=like.dtype)
        self.taps = (-0.5 * (offsets / sigma).square()).exp()

    def __call__(self, q: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
        """Return K1 q."""
        down = F.conv2d(q[:, None], self.taps.view(1, 1, -1, 1), padding=(self.radius, 0))  # (c, 1, h, w)
        return F.conv2d(down, self.taps.view(1, 1, 1, -1), padding=(0, self.radius))[:, 0]


class BilateralKernel:
    """K2, n x n for n nodes: kept for images of up to ``STORED_NODES``, recomputed by rows beyond."""

    def __init__(self, rgb: Float[Tensor, "3 h w"], kernels: Kernels) -> None:
        height, width = rgb.shape[-2:]
        y = torch.arange(height, device=rgb.device, dtype=rgb.dtype)[:, None].expand(height, width)
        x = torch.arange(width, device=rgb.device, dtype=rgb.dtype)[None].expand(height, width)
        place = torch.stack((y, x)) / kernels.bilateral_px
        self.features = torch.cat((place, rgb / kernels.bilateral_levels)).flatten(1).T.contiguous()  # (n, 5)
        self.nodes = height * width
        self.stored: Tensor | None = None
        if self.nodes <= STORED_NODES:
            self.stored = rgb.new_empty(self.nodes, self.nodes)
            for rows in self._slices():
                self.stored[rows] = self._made(rows)

    def __call__(self, q: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
        """Return K2 q."""
        product: Tensor = _Product.apply(q.flatten(1).T, self)
        return product.T.reshape(q.shape)

    def times(self, q: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        """Return K2 q, without gradients."""
        if self.stored is not None:
            return self.stored @ q
        return torch.cat([self._made(rows) @ q for rows in self._slices()])

    def _slices(self) -> Iterator[slice]:
        return (slice(first, first + _ROWS) for first in range(0, self.nodes, _ROWS))

    def _made(self, rows: slice) -> Tensor:
        # differences, not |a|^2 + |b|^2 - 2ab: that loses the digits of close colours
        exactly = "donot_use_mm_for_euclid_dist"
        distance = torch.cdist(self.features[rows], self.features, compute_mode=exactly)
        return distance.square_().mul_(-0.5).exp_()


class _Product(torch.autograd.Function):
    """K q with the gradient K g (K is symmetric), so that no rows are kept for the way back."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, kernel: BilateralKernel) -> Tensor:
        ctx.kernel = kernel
        return kernel.times(q)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return ctx.kernel.times(gradients[0]), None


def import_pydensecrf() -> Any:
    """Return the library's module, or raise ImportError naming the extra."""
    try:
        return importlib.import_module("pydensecrf.densecrf")
    except ImportError as error:
        raise ImportError(
            "crf='pydensecrf' needs the library pydensecrf2: pip install 'carnet-bench[crf]', or crf='exact'"
        ) from error


def lattice_filters(rgb: Float[Tensor, "3 h w"], kernels: Kernels, channels: int) -> tuple[Filter, Filter]:
    """Return the products with K1 and K2 as pydensecrf approximates them; it takes the colours as bytes.

    Raises:
        ValueError: The input is on the meta device: the library needs numbers.
    """
    if rgb.is_meta:
        raise ValueError("crf='pydensecrf' needs numbers; on the meta device use crf='exact'")
    library = import_pydensecrf()
    normalisation = {"symmetric": library.NORMALIZE_SYMMETRIC, "after": library.NORMALIZE_AFTER}
    options = {"compat": 1.0, "normalization": normalisation[kernels.normalisation]}
    place = (kernels.gaussian_px,) * 2, (kernels.bilateral_px,) * 2
    colour = (kernels.bilateral_levels,) * 3
    bytes_rgb = rgb.round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().cpu().numpy()
    gaussian = _LatticeKernel(library, channels, rgb)
    gaussian.crf.addPairwiseGaussian(sxy=place[0], **options)
    bilateral = _LatticeKernel(library, channels, rgb)
    bilateral.crf.addPairwiseBilateral(sxy=place[1], srgb=colour, rgbim=bytes_rgb, **options)
    return gaussian, bilateral


class _LatticeKernel:
    """A normalised kernel out of a pydensecrf model that has this kernel alone and no unary energy.

    The library offers whole iterations, and makes label weights symmetric, which CRF-RNN's are not. One
    iteration of such a model is softmax(K q); with a channel of zeros next to q, whose K q is 0,
    K q = log softmax(K q) minus that channel's.
    """

    def __init__(self, library: Any, channels: int, rgb: Tensor) -> None:
        height, width = rgb.shape[-2:]
        self.crf = library.DenseCRF2D(width, height, channels + 1)
        self.crf.setUnaryEnergy(torch.zeros(channels + 1, height * width).numpy())

    def __call__(self, q: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
        state, *scratch = self.crf.startInference()
        # the library keeps its (c + 1, h * w) column by column
        view = torch.frombuffer(state, dtype=torch.float32).view(-1, len(q) + 1).T
        view[:-1] = q.detach().flatten(1)
        view[-1] = 0
        self.crf.stepInference(state, *scratch)
        logs = view.log()
        return (logs[:-1] - logs[-1]).reshape(q.shape).to(q)
