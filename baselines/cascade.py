"""The cascade segmentation module on SegNet and on DilatedNet: one stream for stuff, one for objects.

Zhou, Zhao, Puig, Fidler, Barriuso, Torralba: Scene parsing through ADE20K. CVPR 2017, arXiv 1608.05442. No
code of the cascade is public, so the paper's text and its Fig. 6 are followed; from memory of it are where
the streams part and that their losses have equal weight:

* The stuff stream has the stuff classes and one more, "foreground object"; the object stream has the objects.
  On ADE20K 35 + 1 and 115, split as the benchmark's own list of classes does. The paper's third stream, for
  parts, has no place in the benchmark and is left out.
* Cascade-SegNet: one encoder, two whole decoders. Cascade-DilatedNet: one conv1_1 ... pool3, after which each
  stream has its own conv4_1 ... fc7 and classifier, at a stride of 8.
* The object stream learns on the pixels whose truth is an object, and decides where the stuff stream says
  foreground.

Both are built from this package's SegNet and DilatedNet. What was counted at 384x384 with ADE20K's classes:
Cascade-SegNet 147.62 GMAC and 44.250 M parameters, Cascade-DilatedNet 639.48 GMAC and 267.404 M. The paper
prints neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, Integer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines import dilatednet, segnet

IGNORE = 255

_ADE20K_CLASSES = 150
_ADE20K_IDS = (
    *(1, 2, 3, 4, 6, 7, 10, 12, 14, 17, 22, 26, 27, 29, 30, 47, 49, 52, 53, 55, 60, 61, 62, 69, 80, 85),
    *(92, 95, 97, 102, 106, 110, 114, 129, 141),
)
ADE20K_STUFF = tuple(stored - 1 for stored in _ADE20K_IDS)
"""Train ids of SceneParse150's 35 stuff classes (objectSplit35-115 of the benchmark)."""


class CascadeOutput(NamedTuple):
    """What a cascade returns in training mode.

    Attributes:
        stuff: Logits of the stuff classes in ascending order of train id; the last channel is "foreground
            object".
        objects: Logits of the object classes in ascending order of train id.
        stuff_target, object_target: Train id -> channel of the stream. An object is the foreground channel of
            ``stuff``; a stuff class is 255 in ``object_target``.
    """

    stuff: Float[Tensor, "b s h w"]
    objects: Float[Tensor, "b o h w"]
    stuff_target: Int64[Tensor, " c"]
    object_target: Int64[Tensor, " c"]


class CascadeLoss(nn.Module):
    """The sum of two cross-entropies: of the stuff stream, and of the object stream on objects."""

    def forward(self, output: CascadeOutput, label: Integer[Tensor, "b h w"]) -> dict[str, Float[Tensor, ""]]:
        """Return ``total`` and its parts ``stuff`` (mean over labelled pixels) and ``object`` (over objects).

        A part without a pixel is 0, with gradient 0.
        """
        stuff = _cross_entropy(output.stuff, _translate(label, output.stuff_target))
        objects = _cross_entropy(output.objects, _translate(label, output.object_target))
        return {"total": stuff + objects, "stuff": stuff, "object": objects}


class Cascade(nn.Module):
    """What both cascades share: the classes' places in the streams, and one map of logits out of two.

    Args:
        num_classes: Stuff and objects together.
        stuff: The train ids of the stuff classes.

    Raises:
        ValueError: The stuff classes leave no object, or are not classes.
    """

    stuff_target: Tensor
    object_target: Tensor
    order: Tensor

    def __init__(self, num_classes: int, stuff: Sequence[int]) -> None:
        super().__init__()
        self.stuff, self.objects = split(num_classes, stuff)
        stuff_target, object_target = [len(self.stuff)] * num_classes, [IGNORE] * num_classes
        order = [0] * num_classes
        for channel, train_id in enumerate(self.stuff):
            stuff_target[train_id] = order[train_id] = channel
        for channel, train_id in enumerate(self.objects):
            object_target[train_id] = channel
            order[train_id] = len(self.stuff) + channel
        # kept with the weights, which mean nothing under another split
        self.register_buffer("stuff_target", torch.tensor(stuff_target))
        self.register_buffer("object_target", torch.tensor(object_target))
        self.register_buffer("order", torch.tensor(order))

    def output(
        self, stuff: Float[Tensor, "b s h w"], objects: Float[Tensor, "b o h w"]
    ) -> CascadeOutput | Float[Tensor, "b c h w"]:
        """Return both streams in training mode, the merged map in eval mode."""
        if self.training:
            return CascadeOutput(stuff, objects, self.stuff_target, self.object_target)
        return merge(stuff, objects, self.order)


class CascadeSegNet(Cascade):
    """SegNet with two decoders."""

    def __init__(self, num_classes: int, stuff: Sequence[int]) -> None:
        super().__init__(num_classes, stuff)
        self.encoder = segnet.Encoder()
        self.stuff_stream = segnet.Decoder(len(self.stuff) + 1)
        self.object_stream = segnet.Decoder(len(self.objects))
        self.apply(segnet.initialise)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> CascadeOutput | Float[Tensor, "b c h w"]:
        """Return ``output`` at the image's size.

        Raises:
            ValueError: The size does not fit SegNet's rule.
        """
        segnet.SIZES.require((image.shape[-2], image.shape[-1]))
        deepest, kept = self.encoder(image)
        return self.output(self.stuff_stream(deepest, kept), self.object_stream(deepest, kept))


class CascadeDilatedNet(Cascade):
    """DilatedNet that parts after pool3.

    ``encoder`` holds the shared layers and, as ``stuff_stream`` and ``object_stream``, the two copies of
    VGG's deeper layers, all of which start from VGG's weights.
    """

    def __init__(self, num_classes: int, stuff: Sequence[int]) -> None:
        super().__init__(num_classes, stuff)
        self.encoder = _PartedTrunk()
        self.stuff_classifier = dilatednet.classifier(len(self.stuff) + 1)
        self.object_classifier = dilatednet.classifier(len(self.objects))

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> CascadeOutput | Float[Tensor, "b c h w"]:
        """Return ``output`` at the image's size.

        Raises:
            ValueError: The size does not fit DilatedNet's rule.
        """
        dilatednet.SIZES.require((image.shape[-2], image.shape[-1]))
        stuff, objects = self.encoder(image)
        return self.output(
            dilatednet.enlarge(self.stuff_classifier(stuff)),
            dilatednet.enlarge(self.object_classifier(objects)),
        )


class _PartedTrunk(nn.Module):
    """conv1_1 ... pool3, then conv4_1 ... fc7 in each stream."""

    def __init__(self) -> None:
        super().__init__()
        for name, layer in dilatednet.Trunk(1, 3).named_children():
            self.add_module(name, layer)
        self.stuff_stream = dilatednet.Trunk(4, 6)
        self.object_stream = dilatednet.Trunk(4, 6)

    def forward(
        self, image: Float[Tensor, "b 3 h w"]
    ) -> tuple[Float[Tensor, "b 4096 h8 w8"], Float[Tensor, "b 4096 h8 w8"]]:
        shared = image
        for layer in self.children():
            if layer not in (self.stuff_stream, self.object_stream):
                shared = layer(shared)
        return self.stuff_stream(shared), self.object_stream(shared)


def merge(
    stuff: Float[Tensor, "b s h w"], objects: Float[Tensor, "b o h w"], order: Int64[Tensor, " c"]
) -> Float[Tensor, "b c h w"]:
    """Return one map of logits whose arg-max is the cascade's decision.

    A stuff class has log p(class). An object has log p(foreground) + log p(object), less the largest log
    p(object) at the pixel: without that the foreground's probability would be shared out among the objects
    and lose to a stuff class that is less likely than foreground. So the best object has log p(foreground),
    and the arg-max is the best object where the stuff stream says foreground, else the best stuff class.
    (Where foreground and a stuff class tie to the last bit the lower train id wins.)

    Args:
        stuff: The last channel is "foreground object".
        order: Train id -> channel of the stuff classes followed by the objects.
    """
    log_stuff = F.log_softmax(stuff, dim=1)
    # log p(object) less its largest: the softmax's denominator falls out
    behind_best = objects - objects.amax(dim=1, keepdim=True)
    return torch.cat((log_stuff[:, :-1], log_stuff[:, -1:] + behind_best), dim=1).index_select(1, order)


def split(num_classes: int, stuff: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the stuff classes and the objects, each in ascending order of train id.

    Raises:
        ValueError: A stuff class twice or outside 0..num_classes-1, or no stuff class, or no object left.
    """
    chosen = set(stuff)
    outside = sorted(chosen - set(range(num_classes)))
    if outside or len(chosen) != len(stuff) or not 0 < len(chosen) < num_classes:
        raise ValueError(
            f"stuff is {sorted(stuff)}; must be train ids of 0..{num_classes - 1}, each once, at least one "
            "and not all"
        )
    return tuple(sorted(chosen)), tuple(sorted(set(range(num_classes)) - chosen))


def build_segnet(num_classes: int, stuff: Sequence[int] | None = None) -> CascadeSegNet:
    """Build Cascade-SegNet with random weights; ``stuff`` None takes ADE20K's list for 150 classes.

    Raises:
        ValueError: No list of stuff classes for another number of classes, or one that is none.
    """
    return CascadeSegNet(num_classes, _stuff_of(num_classes, stuff, "cascaded-segnet"))


def build_dilatednet(num_classes: int, stuff: Sequence[int] | None = None) -> CascadeDilatedNet:
    """Build Cascade-DilatedNet with random weights; ``stuff`` None takes ADE20K's list for 150 classes.

    Raises:
        ValueError: No list of stuff classes for another number of classes, or one that is none.
    """
    return CascadeDilatedNet(num_classes, _stuff_of(num_classes, stuff, "cascaded-dilatednet"))


def _stuff_of(num_classes: int, stuff: Sequence[int] | None, name: str) -> Sequence[int]:
    if stuff is not None:
        return stuff
    if num_classes != _ADE20K_CLASSES:
        raise ValueError(
            f"{name} needs to know which of the {num_classes} classes are stuff and which objects: give "
            f"'stuff', the train ids of the stuff classes; only ADE20K's {_ADE20K_CLASSES} are known here"
        )
    return ADE20K_STUFF


def _translate(label: Integer[Tensor, "b h w"], target: Int64[Tensor, " c"]) -> Int64[Tensor, "b h w"]:
    known = label != IGNORE
    # a label that is no class fails here, as it would in a plain cross-entropy
    channels = target[torch.where(known, label, 0).long()]
    return torch.where(known, channels, IGNORE)


def _cross_entropy(logits: Float[Tensor, "b s h w"], target: Int64[Tensor, "b h w"]) -> Float[Tensor, ""]:
    total = F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="sum")
    return total / (target != IGNORE).sum().clamp(min=1)
