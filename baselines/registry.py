"""The methods by name: which paper, which year, how to build one.

Nothing here imports torch: a method names its builder, and ``build`` imports it when it is wanted.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn


@dataclass(frozen=True)
class Method:
    """One row of ``carnet-bench models``.

    Attributes
    ----------
    name
        The registry name, e.g. ``carnet-mobile``.
    title
        The method as the paper's tables print it.
    citation
        Authors, title, venue.
    year
        Of the citation.
    builder
        ``module:function``; the function takes ``num_classes`` and keyword options and returns the module.
        None while the method is not built yet.
    options
        The keyword options that make this name.
    loss
        ``module:class`` of the training criterion, for a method with one of its own.
    encoder
        The architecture whose ImageNet weights fit, in timm's names; None where there is no such encoder.
    size_hw
        The input size (height, width) at which the paper's Table 1 counts the method.
    """

    name: str
    title: str
    citation: str
    year: int
    builder: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    loss: str | None = None
    encoder: str | None = None
    size_hw: tuple[int, int] = (512, 1024)

    def build(self, num_classes: int, **options: Any) -> nn.Module:
        """Build the network with random weights; ``options`` override the method's own."""
        if self.builder is None:
            raise LookupError(f"{self.name} is not built yet")
        network: nn.Module = import_named(self.builder)(
            num_classes=num_classes, **{**self.options, **options}
        )
        return network


def import_named(reference: str) -> Any:
    """Return what ``module:name`` refers to."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


_CARNET = (
    "Hao, Zhou, Zhang, Guo: Contextual Attention Refinement Network for Real-Time Semantic Segmentation. "
    "IEEE Access 8, 2020"
)


def _carnet(name: str, title: str, encoder: str, **options: Any) -> Method:
    return Method(
        name, title, _CARNET, 2020, "carnet.model:build", options, "carnet.loss:CARNetLoss", encoder
    )


_ROWS = [
    _carnet("carnet-mobile", "CARNet-Mobile", "mobilenetv2_100", variant="mobile"),
    _carnet("carnet-resnet50", "CARNet-ResNet50", "resnet50", variant="resnet50"),
    _carnet("carnet-resnet101", "CARNet-ResNet101", "resnet101", variant="resnet101"),
    _carnet("carnet-resnet152", "CARNet-ResNet152", "resnet152", variant="resnet152"),
    _carnet("bs-mobile", "BS (MobileNet)", "mobilenetv2_100", variant="mobile", modules=0, crp=False),
    _carnet("bs-resnet50", "BS (ResNet50)", "resnet50", variant="resnet50", modules=0, crp=False),
    Method(
        "segnet",
        "SegNet",
        "Badrinarayanan, Kendall, Cipolla: SegNet. IEEE TPAMI 39(12), 2017",
        2017,
        size_hw=(360, 640),
    ),
    Method(
        "enet",
        "ENet",
        "Paszke, Chaurasia, Kim, Culurciello: ENet. arXiv 1606.02147, 2016",
        2016,
        size_hw=(360, 640),
    ),
    Method(
        "sq",
        "SQ",
        "Treml et al.: Speeding up semantic segmentation for autonomous driving. NIPS workshop MLITS, 2016",
        2016,
        size_hw=(1024, 2048),
    ),
    Method(
        "crf-rnn",
        "CRF-RNN",
        "Zheng et al.: Conditional random fields as recurrent neural networks. ICCV 2015",
        2015,
    ),
    Method(
        "deeplab-crf-largefov",
        "DeepLab-CRF-LargeFOV",
        "Chen, Papandreou, Kokkinos, Murphy, Yuille: DeepLab. IEEE TPAMI 40(4), 2018",
        2018,
    ),
    Method("bisenet1", "BiSeNet1", "Yu et al.: BiSeNet (Xception39). ECCV 2018", 2018, size_hw=(768, 1536)),
    Method("bisenet2", "BiSeNet2", "Yu et al.: BiSeNet (ResNet18). ECCV 2018", 2018, size_hw=(768, 1536)),
    Method("icnet", "ICNet", "Zhao, Qi, Shen, Shi, Jia: ICNet. ECCV 2018", 2018, size_hw=(1024, 2048)),
    Method(
        "frrn-a",
        "FRRN-A",
        "Pohlen, Hermans, Mathias, Leibe: Full-resolution residual networks. CVPR 2017",
        2017,
    ),
    Method(
        "frrn-b",
        "FRRN",
        "Pohlen, Hermans, Mathias, Leibe: Full-resolution residual networks. CVPR 2017",
        2017,
    ),
    Method(
        "twocolumn",
        "TwoColumn",
        "Wu, Shen, van den Hengel: Real-time image segmentation via spatial sparsity. arXiv 1712.00213",
        2017,
    ),
    *(
        Method(
            f"refinenet-resnet{depth}",
            f"RefineNet-ResNet{depth}",
            "Lin, Milan, Shen, Reid: RefineNet. CVPR 2017",
            2017,
        )
        for depth in (50, 101, 152)
    ),
    *(
        Method(
            f"lwrf-resnet{depth}",
            f"LWRF-ResNet{depth}",
            "Nekrasov, Shen, Reid: Light-weight RefineNet. BMVC 2018, arXiv 1810.03272",
            2018,
        )
        for depth in (50, 101, 152)
    ),
    *(
        Method(
            f"pspnet-resnet{depth}",
            f"PSPNet-ResNet{depth}",
            "Zhao, Shi, Qi, Wang, Jia: Pyramid scene parsing network. CVPR 2017",
            2017,
            size_hw=(713, 713),
        )
        for depth in (101, 152)
    ),
    Method("fcn-8s", "FCN-8S", "Long, Shelhamer, Darrell: Fully convolutional networks. CVPR 2015", 2015),
    Method(
        "dilatednet",
        "DilatedNet",
        "Yu, Koltun: Multi-scale context aggregation by dilated convolutions. arXiv 1511.07122",
        2015,
    ),
    Method(
        "cascaded-segnet", "Cascaded-SegNet", "Zhou et al.: Scene parsing through ADE20K. CVPR 2017", 2017
    ),
    Method(
        "cascaded-dilatednet",
        "Cascaded-DilatedNet",
        "Zhou et al.: Scene parsing through ADE20K. CVPR 2017",
        2017,
    ),
]

METHODS: dict[str, Method] = {method.name: method for method in _ROWS}
