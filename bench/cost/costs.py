"""The costs of a network as data: each count named with its unit."""

from collections.abc import Mapping
from dataclasses import dataclass, field

UNITS = {
    "thop2019_gops": "G operations, the paper's FLOPs: rule of thop 0.0.22 (2019) and its assumptions",
    "thop0022_gops": "G operations that thop 0.0.22 returns on these modules",
    "gmacs": "G multiply-adds of convolutions and matrix products",
    "gflops": "G floating-point operations, 2 x gmacs",
    "ptflops_gmacs": "G MACs of ptflops' default backend",
    "params_m": "M learnable numbers, those that run in training only among them",
}
"""The counts and what each is a number of."""

ALL = tuple(UNITS)
COUNTED = ("thop2019_gops", "thop0022_gops", "gmacs", "ptflops_gmacs", "params_m")
"""``UNITS`` without ``gflops``, which follows from ``gmacs``."""


@dataclass(frozen=True)
class Counts:
    """Costs of one forward pass of one image; None is "not counted".

    Attributes:
        thop2019_gops: The paper's own count, in 1e9 operations: the rule of thop 0.0.22, for a CARNet with
            the assumptions of ``bench.cost.components``.
        thop0022_gops: What thop 0.0.22 returns on the modules as they are, in 1e9 operations.
        gmacs: 1e9 multiply-adds of convolutions, transposed convolutions and matrix products, on which two
            independent counters agree.
        ptflops_gmacs: What ptflops' default backend says, in 1e9.
        params_m: Learnable numbers, in 1e6, with the parts that run in training only.
    """

    thop2019_gops: float | None = None
    thop0022_gops: float | None = None
    gmacs: float | None = None
    ptflops_gmacs: float | None = None
    params_m: float | None = None

    @property
    def gflops(self) -> float | None:
        """1e9 floating-point operations: a multiply-add is two."""
        return None if self.gmacs is None else 2 * self.gmacs

    def values(self) -> dict[str, float | None]:
        """Return the counts by name, in the order of ``UNITS``."""
        return {name: getattr(self, name) for name in UNITS}


@dataclass(frozen=True)
class Costs(Counts):
    """A network's costs and those of its components.

    Attributes:
        components: ``bs``, ``carmodule``, ``crp`` and ``others`` for a CARNet, as Table 4 cuts it;
            ``network`` and ``crf`` for a method with a conditional random field; always ``total``.
        notes: Why a number is missing, and what a reader of the numbers must know.
        training_only_m: Learnable numbers that run in training only, in 1e6.
        assumed: What ``thop2019_gops`` assumes of the authors' modules; empty where it is ``thop0022_gops``.
    """

    method: str = ""
    num_classes: int = 0
    size_hw: tuple[int, int] = (0, 0)
    components: Mapping[str, Counts] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    training_only_m: float = 0.0
    assumed: str = ""

    @property
    def inference_params_m(self) -> float | None:
        """Learnable numbers that run at inference, in 1e6."""
        return None if self.params_m is None else self.params_m - self.training_only_m
