"""CARNet (paper Section III, Fig. 2): encoder, four CARModules with CRP, 3x3 classifier."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from carnet.encoder import MobileNetV2, Padding, ResNet
from carnet.modules import CRP, WIDTH, Adjustment, BetweenConvs, CARModule, GlobalBranch

VariantName = Literal["mobile", "resnet50", "resnet101", "resnet152"]


@dataclass(frozen=True)
class Variant:
    """What distinguishes the paper's four versions.

    Attributes:
        blocks: Blocks in each stage of the ResNet; empty for MobileNetV2.
        adjust_middle: Width between the cascaded 1x1 convolutions of L1..L4; None for one convolution a map.
        global_channels: Channels of the map that the global branch pools (the last map of that width at L4).
    """

    blocks: tuple[int, ...]
    adjust_middle: tuple[int | None, ...]
    global_channels: int


_CASCADE = (256, 256, 256, 1024)
# Table 1's four versions; the widths reproduce its cost cells and Table 4's
VARIANTS: dict[str, Variant] = {
    "mobile": Variant((), (None, None, None, None), 160),
    "resnet50": Variant((3, 4, 6, 3), _CASCADE, 2048),
    "resnet101": Variant((3, 4, 23, 3), _CASCADE, 2048),
    "resnet152": Variant((3, 8, 36, 3), _CASCADE, 2048),
}


class TrainingOutput(NamedTuple):
    """What the network returns in training mode.

    Attributes:
        logits: (b, c, h, w) at input size.
        semantics: The first k semantic vectors before their sigmoid, each (b, c); k is the network's
            ``scloss``.
    """

    logits: Tensor
    semantics: tuple[Tensor, ...]


class CARNet(nn.Module):
    """Contextual Attention Refinement Network, and its degraded versions (Table 5, Fig. 8 and 9).

    Args:
        num_classes: C of the paper.
        variant: A key of ``VARIANTS``.
        modules: N, the number of CARModules, put in from L4 upwards; the last level in use feeds the
            classifier. 0 is the baseline BS: encoder, L4's adjustment, classifier. From 1 on come the global
            branch, the activation after each fusion and the 1x1 convolution before each upsampling: the paper
            does not say to which component these belong, and here they belong to the CARModules.
        scloss: Number of modules that return a semantic vector in training; None for all of them. W3 and W4
            are built in any case, so that networks of one seed start alike.
        crp: Whether chained residual pooling follows each fusion.
        between_convs: ``relu`` puts an activation between the two cascaded convolutions of a ResNet's
            adjustment.
        padding: Padding of the MobileNetV2 encoder, see there.
        align_corners: Option of every bilinear upsampling; the paper does not say.

    Raises:
        ValueError: The combination does not exist; the message lists the choices.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        variant: VariantName = "mobile",
        modules: int = 4,
        scloss: int | None = None,
        crp: bool = True,
        between_convs: BetweenConvs = "linear",
        padding: Padding = "symmetric",
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        scloss = modules if scloss is None else scloss
        _check(
            variant=variant,
            modules=modules,
            scloss=scloss,
            crp=crp,
            between=between_convs,
            padding=padding,
        )
        parts = VARIANTS[variant]
        self.scloss = scloss
        self.align_corners = align_corners
        self.encoder = ResNet(parts.blocks) if parts.blocks else MobileNetV2(padding)
        self.levels = tuple(range(3, 3 - max(modules, 1), -1))  # indices into L1..L4, deepest first
        self.adjust = nn.ModuleList(
            Adjustment(self.encoder.tap_channels[level], parts.adjust_middle[level], between_convs)
            for level in self.levels
        )
        self.global_index = self.encoder.tap_channels[3].index(parts.global_channels)
        self.global_branch = GlobalBranch(parts.global_channels) if modules else None
        self.car_modules = nn.ModuleList(CARModule(num_classes) for _ in range(modules))
        self.activation = nn.ReLU(inplace=True) if parts.blocks else nn.ReLU6(inplace=True)
        self.crps = nn.ModuleList(CRP() if crp else nn.Identity() for _ in range(modules))
        self.before_upsampling = nn.ModuleList(
            nn.Conv2d(WIDTH, WIDTH, 1, bias=False) for _ in range(modules - 1)
        )
        self.classifier = nn.Conv2d(WIDTH, num_classes, 3, padding=1)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"] | TrainingOutput:
        """Return logits at input size; in training mode the semantic vectors too."""
        maps = self.encoder(image)
        semantics = []
        x = self.adjust[0](maps[3])
        if self.global_branch is not None:
            high = self.global_branch(maps[3][self.global_index])
            for n, car_module in enumerate(self.car_modules):
                if n > 0:
                    x = self.adjust[n](maps[self.levels[n]])
                    high = self._upsample(self.before_upsampling[n - 1](high), x.shape[-2:])
                fused, squeezed = car_module(x, high)
                if self.training and n < self.scloss:
                    semantics.append(car_module.semantics(squeezed))  # type: ignore[operator]
                high = self.crps[n](self.activation(fused))
            x = high
        logits = self._upsample(self.classifier(x), image.shape[-2:])
        return TrainingOutput(logits, tuple(semantics)) if self.training else logits

    def _upsample(self, x: Tensor, size_hw: tuple[int, ...]) -> Tensor:
        return F.interpolate(x, size=size_hw, mode="bilinear", align_corners=self.align_corners)


def build(num_classes: int, **options: object) -> CARNet:
    """Build a CARNet with random weights; the options are those of ``CARNet``."""
    return CARNet(num_classes, **options)  # type: ignore[arg-type]


def _check(*, variant: str, modules: int, scloss: int, crp: bool, between: str, padding: str) -> None:
    if variant not in VARIANTS:
        raise ValueError(f"no CARNet variant '{variant}'; have {', '.join(VARIANTS)}")
    if not 0 <= modules <= 4:
        raise ValueError(f"modules is {modules}; a CARNet has 0 to 4 CARModules")
    if not 0 <= scloss <= modules:
        raise ValueError(f"scloss is {scloss}; with {modules} CARModules it is 0 to {modules}")
    if crp and modules == 0:
        raise ValueError("crp follows a CARModule; with modules=0 give crp=False")
    if between not in ("linear", "relu"):
        raise ValueError(f"between_convs is '{between}'; have linear, relu")
    if padding not in ("symmetric", "same"):
        raise ValueError(f"padding is '{padding}'; have symmetric, same")
