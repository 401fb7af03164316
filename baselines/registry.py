"""The methods by name: the rows of the paper's tables, then modern peers.

Nothing here imports torch: a method names its builder, which is imported when it is wanted.
"""

from __future__ import annotations

from typing import Any

from baselines.method import Method
from baselines.modern import PEERS
from baselines.sizes import SizeRule

__all__ = ["METHODS", "Method"]

_CARNET = (
    "Hao, Zhou, Zhang, Guo: Contextual Attention Refinement Network for Real-Time Semantic Segmentation. "
    "IEEE Access 8, 2020"
)
_ZHOU = (
    "Zhou, Zhao, Puig, Fidler, Barriuso, Torralba: Scene parsing through ADE20K. CVPR 2017, arXiv 1608.05442"
)


def _carnet(name: str, title: str, encoder: str, **options: Any) -> Method:
    return Method(
        name,
        title,
        _CARNET,
        2020,
        "carnet.model:build",
        options,
        loss="carnet.loss:CARNetLoss",
        loss_keys=("scloss_weight", "scloss_form"),
        encoder=encoder,
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
        "baselines.segnet:build",
        encoder="vgg16",
        size_hw=(360, 640),
        sizes=SizeRule(least=32),
    ),
    Method(
        "enet",
        "ENet",
        "Paszke, Chaurasia, Kim, Culurciello: ENet. arXiv 1606.02147, 2016",
        2016,
        "baselines.enet:build",
        size_hw=(360, 640),
        sizes=SizeRule(8),
    ),
    Method(
        "sq",
        "SQ",
        "Treml et al.: Speeding up semantic segmentation for autonomous driving. NIPS workshop MLITS, 2016",
        2016,
        "baselines.sq:build",
        size_hw=(1024, 2048),
        sizes=SizeRule(16),
    ),
    Method(
        "crf-rnn",
        "CRF-RNN",
        "Zheng et al.: Conditional random fields as recurrent neural networks. ICCV 2015",
        2015,
        "baselines.crfrnn:build",
        encoder="vgg16",
    ),
    Method(
        "deeplab-crf-largefov",
        "DeepLab-CRF-LargeFOV",
        "Chen, Papandreou, Kokkinos, Murphy, Yuille: Semantic image segmentation with deep convolutional "
        "nets and fully connected CRFs. ICLR 2015",
        2015,
        "baselines.deeplab:build",
        encoder="vgg16",
    ),
    Method(
        "bisenet1",
        "BiSeNet1",
        "Yu et al.: BiSeNet (Xception39). ECCV 2018",
        2018,
        "baselines.bisenet:build",
        {"backbone": "xception39"},
        auxiliary=(1.0, 1.0),
        size_hw=(768, 1536),
    ),
    Method(
        "bisenet2",
        "BiSeNet2",
        "Yu et al.: BiSeNet (ResNet18). ECCV 2018",
        2018,
        "baselines.bisenet:build",
        {"backbone": "resnet18"},
        auxiliary=(1.0, 1.0),
        encoder="resnet18",
        size_hw=(768, 1536),
    ),
    Method(
        "icnet",
        "ICNet",
        "Zhao, Qi, Shen, Shi, Jia: ICNet. ECCV 2018",
        2018,
        "baselines.icnet:build",
        auxiliary=(0.4, 0.16),
        size_hw=(1024, 2048),
    ),
    *(
        Method(
            f"frrn-{variant}",
            {"a": "FRRN-A", "b": "FRRN"}[variant],
            "Pohlen, Hermans, Mathias, Leibe: Full-resolution residual networks. CVPR 2017",
            2017,
            "baselines.frrn:build",
            {"variant": variant},
            sizes=SizeRule({"a": 16, "b": 32}[variant]),
        )
        for variant in ("a", "b")
    ),
    Method(
        "twocolumn",
        "TwoColumn",
        "Wu, Shen, van den Hengel: Real-time image segmentation via spatial sparsity. arXiv 1712.00213",
        2017,
        "baselines.twocolumn:build",
        auxiliary=(1.0,),
        encoder="resnet50",
        sizes=SizeRule(least=64),
        cost_curve={
            f"{percent} % of the tiles skipped": {"skip_ratio": percent / 100} for percent in (50, 90)
        },
        reconstruction=True,
    ),
    *(
        Method(
            f"refinenet-resnet{depth}",
            f"RefineNet-ResNet{depth}",
            "Lin, Milan, Shen, Reid: RefineNet. CVPR 2017",
            2017,
            "baselines.refinenet:build",
            {"depth": depth},
            encoder=f"resnet{depth}",
        )
        for depth in (50, 101, 152)
    ),
    *(
        Method(
            f"lwrf-resnet{depth}",
            f"LWRF-ResNet{depth}",
            "Nekrasov, Shen, Reid: Light-weight RefineNet. BMVC 2018, arXiv 1810.03272",
            2018,
            "baselines.lwrf:build",
            {"depth": depth},
            encoder=f"resnet{depth}",
        )
        for depth in (50, 101, 152)
    ),
    *(
        Method(
            f"pspnet-resnet{depth}",
            f"PSPNet-ResNet{depth}",
            "Zhao, Shi, Qi, Wang, Jia: Pyramid scene parsing network. CVPR 2017",
            2017,
            "baselines.pspnet:build",
            {"depth": depth},
            auxiliary=(0.4,),
            size_hw=(713, 713),
            sizes=SizeRule(8, 1),
        )
        for depth in (101, 152)
    ),
    Method(
        "fcn-8s",
        "FCN-8S",
        "Long, Shelhamer, Darrell: Fully convolutional networks. CVPR 2015",
        2015,
        "baselines.fcn:build",
        encoder="vgg16",
        size_hw=(384, 384),
        num_classes=150,
    ),
    Method(
        "dilatednet",
        "DilatedNet",
        "Yu, Koltun: Multi-scale context aggregation by dilated convolutions. arXiv 1511.07122",
        2015,
        "baselines.dilatednet:build",
        encoder="vgg16",
        size_hw=(384, 384),
        num_classes=150,
        sizes=SizeRule(8),
    ),
    *(
        Method(
            f"cascaded-{base}",
            f"Cascaded-{title}",
            _ZHOU,
            2017,
            f"baselines.cascade:build_{base}",
            loss="baselines.cascade:CascadeLoss",
            encoder="vgg16",
            size_hw=(384, 384),
            num_classes=150,
            sizes=sizes,
            from_data=("stuff",),
        )
        for base, title, sizes in (
            ("segnet", "SegNet", SizeRule(least=32)),
            ("dilatednet", "DilatedNet", SizeRule(8)),
        )
    ),
]

METHODS: dict[str, Method] = {method.name: method for method in (*_ROWS, *PEERS)}
