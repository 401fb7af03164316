"""CARNet for inference: the same function of the image in fewer operations, every folding exact.

What is linear in a row becomes one convolution: a convolution and its BN, the cascaded 1x1 convolutions,
W1 and W2 of Eq. 2, MobileNetV2's last projection and its adjustment, and CRP's last convolution and the
classifier while 9*C < 256. At one fixed size means are taken before a map is enlarged. The semantic branch of
Eq. 6, which only training uses, is left out.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal, cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from carnet.encoder import MobileNetV2
from carnet.fast.enlarged_labels import enlarged_labels
from carnet.fast.exact_forms import separable_pool, shares_in_mean, sum_of_classifiers
from carnet.fast.folding import (
    compose_last_projection,
    convolution,
    folded,
    folded_encoder,
    folded_global,
    folded_paths,
    in_a_row,
)
from carnet.fast.one_pass_pool import code, one_pass_pool, takes
from carnet.model import CARNet
from carnet.modules import CRP, WIDTH, Adjustment, CARModule

Pool = Literal["one_pass", "separable", "whole"]
POOLS: tuple[Pool, ...] = ("one_pass", "separable", "whole")


def deploy(
    model: CARNet,
    size_hw: tuple[int, int] | None = None,
    *,
    pool: Pool = "one_pass",
    compose_classifier: bool | None = None,
) -> DeployedCARNet:
    """Return a network that computes what ``model.eval()`` does, in fewer operations.

    It shares no tensor with ``model``, which stays as it is, and is for inference only: it writes over its
    own maps, so nothing can be differentiated through it. Its layout is channels last.

    Its logits differ from the model's by rounding: by at most 1e-4 of the largest, provided that the model's
    own are that near to those of the same model in 64 bits. Running variances of 1e-3 and less magnify
    rounding from layer to layer; where the model's own error is larger for it, the difference is of its size.

    Args:
        model: Network in either mode; the running statistics of its BNs are folded in.
        size_hw: The one height and width that it shall take, pixels; every size inside is then a constant.
            None takes any size.
        pool: CRP's 5x5 max-pool ``whole``; ``separable``, as a 5x1 and a 1x5 in a row, which is the same
            maximum from 10 values instead of 25; or ``one_pass``, in C (`carnet.fast.one_pass_pool`), for
            fp32 and bf16 on a CPU with a C compiler. Elsewhere, and in an exported graph, that is the
            separable one.
        compose_classifier: Whether the last convolution of the finest CRP and the 3x3 classifier become one,
            next to each other; None does so where that saves operations.

    Raises:
        ValueError: An unknown ``pool``; ``compose_classifier=True`` for a network without CRP.
    """
    if pool not in POOLS:
        raise ValueError(f"pool is '{pool}'; have {', '.join(POOLS)}")
    if compose_classifier and not any(isinstance(crp, CRP) for crp in model.crps):
        raise ValueError("compose_classifier composes with CRP; this network has none")
    with torch.no_grad():
        deployed = DeployedCARNet(model, size_hw, pool, compose_classifier)
    deployed.eval().requires_grad_(False)
    for parameter in deployed.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.contiguous(memory_format=torch.channels_last)
    return deployed


class DeployedCARNet(nn.Module):
    """What ``deploy`` returns; its arguments are described there."""

    def __init__(
        self, model: CARNet, size_hw: tuple[int, int] | None, pool: Pool, compose_classifier: bool | None
    ) -> None:
        super().__init__()
        self.size_hw = size_hw
        self.align_corners = model.align_corners
        self.level_indices = model.levels
        self.global_index = model.global_index
        # MobileNetV2's blocks are computed whole. In bands of rows, so that the wide map stays in the cache,
        # each took 1.4 to 11 times as long (2 to 64 rows, 512x1024, Xeon with 2 MiB of cache per core)
        self.encoder = folded_encoder(model.encoder)
        adjustments = [folded_paths(cast("Adjustment", level)) for level in model.adjust]
        if isinstance(self.encoder, MobileNetV2):
            compose_last_projection(self.encoder, adjustments[0])
        self.baseline = None if model.car_modules else Adjust(adjustments[0])
        self.global_feature = folded_global(model.global_branch) if model.global_branch is not None else None
        self.levels = nn.ModuleList(
            Level(paths, cast("CARModule", attention), model.activation, crp, pool)
            for paths, attention, crp in zip(adjustments, model.car_modules, model.crps, strict=False)
        )
        self.before_upsampling = copy.deepcopy(model.before_upsampling)
        if size_hw is not None:
            sizes_hw = [self._size_of(index, size_hw) for index in self.level_indices]
            for n in range(1, len(self.levels)):
                shares = shares_in_mean(sizes_hw[n - 1], sizes_hw[n], align_corners=self.align_corners)
                self.register_buffer(f"shares_{n}", shares.to(model.classifier.weight), persistent=False)
        self.classifier = copy.deepcopy(model.classifier)
        self.classifier_of_pooled: nn.Conv2d | None = None
        if compose_classifier is None:
            compose_classifier = 9 * model.classifier.out_channels < WIDTH
        if compose_classifier and self.levels and len(self.levels[-1].convs):  # type: ignore[arg-type]
            # classifier(x + t1 + t2 + t3 + W4 p) = classifier(x + t1 + t2 + t3) + (classifier W4)(p)
            last = cast("nn.ModuleList", self.levels[-1].convs).pop(-1)
            self.classifier_of_pooled = in_a_row(cast("nn.Conv2d", last), model.classifier)
            self.classifier_of_pooled.bias = None  # it is added once, by the classifier itself

    @property
    def c_compiler(self) -> str | None:
        """The compiler that made the C of its pool; None where that is torch's."""
        forms = {cast("Level", level).pool_form for level in self.levels}
        found = code() if "one_pass" in forms else None
        return None if found is None else found.compiler

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Return the logits at input size."""
        size_hw = self._output_hw(image)
        return self._upsample(self._small_logits(image, size_hw), size_hw)

    def labels(self, image: Float[Tensor, "b 3 h w"]) -> UInt8[Tensor, "b h w"]:
        """Return each pixel's class of largest logit; on a CPU no logit is computed at input size.

        It is ``forward(image).argmax(1)`` except where two classes lie nearer than rounding.

        Raises:
            ValueError: More than 256 classes.
        """
        size_hw = self._output_hw(image)
        small = self._small_logits(image, size_hw)
        return enlarged_labels(small, size_hw, align_corners=self.align_corners)

    def _output_hw(self, image: Tensor) -> tuple[int, int]:
        height, width = image.shape[-2:]
        if self.size_hw is not None and (height, width) != self.size_hw:
            raise ValueError(f"an image of {(height, width)}; this network is for {self.size_hw} only")
        return self.size_hw or (height, width)

    def _small_logits(self, image: Tensor, image_hw: tuple[int, int]) -> Tensor:
        maps = self.encoder(image.contiguous(memory_format=torch.channels_last))
        if self.baseline is not None or self.global_feature is None:
            return self.classifier(self.baseline(maps[3]))  # type: ignore[misc, no-any-return]
        high = stage = self.global_feature(maps[3][self.global_index].mean((2, 3), keepdim=True))
        mean = high
        for n, level in enumerate(self.levels):
            index = self.level_indices[n]
            if n > 0:
                high, mean = self._enlarged(n, self.before_upsampling[n - 1](high), image_hw)
            high, stage = level(maps[index], high, mean)
        convs = [self.classifier]
        inputs = [high]
        if self.classifier_of_pooled is not None:
            convs.append(self.classifier_of_pooled)
            inputs.append(cast("Level", self.levels[-1]).pool(stage))
        return sum_of_classifiers(convs, inputs)

    def _enlarged(self, n: int, x: Tensor, image_hw: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return a map at the size of level n, and its mean."""
        enlarged = self._upsample(x, self._size_of(self.level_indices[n], image_hw))
        if self.size_hw is None:
            return enlarged, enlarged.mean((2, 3), keepdim=True)
        return enlarged, (x * getattr(self, f"shares_{n}")).sum((2, 3), keepdim=True)

    @staticmethod
    def _size_of(index: int, image_hw: tuple[int, int]) -> tuple[int, int]:
        stride = 4 * 2**index  # a size that it does not divide is rounded up
        return -(-image_hw[0] // stride), -(-image_hw[1] // stride)

    def _upsample(self, x: Tensor, size_hw: tuple[int, int]) -> Tensor:
        return F.interpolate(x, size=size_hw, mode="bilinear", align_corners=self.align_corners)


class Adjust(nn.Module):
    """One level's adjustment: the sum of its paths."""

    def __init__(self, paths: Sequence[nn.Module]) -> None:
        super().__init__()
        self.paths = nn.ModuleList(paths)

    def forward(self, maps: Sequence[Float[Tensor, "b _ h w"]]) -> Float[Tensor, "b 256 h w"]:
        """Return the sum, written over the first path's output."""
        total, *others = [path(level_map) for path, level_map in zip(self.paths, maps, strict=True)]
        for other in others:
            total += other
        return total  # type: ignore[no-any-return]


class Level(nn.Module):
    """One level of the decoder: adjustment, attention and fusion (Eq. 1 and 2), activation, CRP.

    GAP(adjust(x)) = adjust(GAP(x)) for a linear adjustment: where the level's maps have fewer channels than
    the adjusted one, they are averaged in its place, and the adjustment goes into the columns of W.
    """

    def __init__(
        self,
        paths: Sequence[nn.Module],
        attention: CARModule,
        activation: nn.Module,
        crp: nn.Module,
        pool: Pool,
    ) -> None:
        super().__init__()
        self.adjust = Adjust(paths)
        w = folded(attention.w, attention.w_bn)
        columns = w.weight.flatten(1).double()  # (128, 512): those of F1, then those of F2
        convs = [path for path in paths if isinstance(path, nn.Conv2d)]
        self.averages_maps = len(convs) == len(paths) and sum(conv.in_channels for conv in convs) < WIDTH
        if self.averages_maps:
            adjustment = torch.cat([conv.weight.flatten(1).double() for conv in convs], dim=1)
            columns = torch.cat([columns[:, :WIDTH] @ adjustment, columns[:, WIDTH:]], dim=1)
        self.squeeze = convolution(columns[:, :, None, None], w.bias, w)
        self.attend = in_a_row(folded(attention.w1, attention.w1_bn), folded(attention.w2, attention.w2_bn))
        self.activation = copy.deepcopy(activation)
        self.convs = copy.deepcopy(crp.convs) if isinstance(crp, CRP) else nn.ModuleList()
        # looked up once here: no compiler can trace the look-up
        self.pool_form = "separable" if pool == "one_pass" and code() is None else pool

    def forward(
        self,
        maps: Sequence[Float[Tensor, "b _ h w"]],
        high: Float[Tensor, "b 256 _ _"],
        mean_of_high: Float[Tensor, "b 256 1 1"],
    ) -> tuple[Float[Tensor, "b 256 h w"], Float[Tensor, "b 256 h w"]]:
        """Return CRP's sum and its last stage.

        ``high`` has the size of the level, or is 1x1 and is broadcast.
        """
        low = self.adjust(maps)
        averaged = maps if self.averages_maps else (low,)
        means = torch.cat([*(x.mean((2, 3), keepdim=True) for x in averaged), mean_of_high], dim=1)
        sigma_a = self.attend(self.squeeze(means).relu_()).sigmoid_()
        stage = total = self.activation(torch.addcmul(high, sigma_a, low, out=low))
        for conv in self.convs:
            stage = conv(self.pool(stage))
            total += stage
        return total, stage

    def pool(self, x: Float[Tensor, "b 256 h w"]) -> Float[Tensor, "b 256 h w"]:
        """Return the maxima of 5x5 neighbourhoods."""
        if self.pool_form == "whole":
            return F.max_pool2d(x, 5, stride=1, padding=2)
        if self.pool_form == "one_pass" and not torch.compiler.is_exporting() and takes(x):
            return cast("Tensor", one_pass_pool(x))
        return separable_pool(x)
