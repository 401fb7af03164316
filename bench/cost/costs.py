"""The costs of a network as data: each count named with its unit."""

from collections.abc import Mapping
from dataclasses import dataclass, field

UNITS = {
    "thop2019_gops": "G operations, rule of thop 0.0.22 (2019); the paper's FLOPs",
    "gmacs": "G multiply-adds of convolutions and matrix products",
    "gflops": "G floating-point operations, 2 x gmacs",
    "ptflops_gmacs": "G MACs of ptflops' default backend",
    "params_m": "M learnable numbers",
}
"""The counts and what each is a number of."""

ALL = tuple(UNITS)
COUNTED = ("thop2019_gops", "gmacs", "ptflops_gmacs", "params_m")
"""``UNITS`` without ``gflops``, which follows from ``gmacs``."""


@dataclass(frozen=True)
class Counts:
    """Costs of one forward pass of one image; None is "not counted".

    Attributes
    ----------
    thop2019_gops
        The paper's own count, in 1e9 operations.
    gmacs
        1e9 multiply-adds of convolutions, transposed convolutions and matrix products, on which two
        independent counters agree.
    ptflops_gmacs
        What ptflops' default backend says, in 1e9.
    params_m
        Learnable numbers, in 1e6.
    """

    thop2019_gops: float | None = None
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

    Attributes
    ----------
    components
        ``bs``, ``carmodule``, ``crp`` and ``others`` for a CARNet, as Table 4 cuts it; ``network`` and
        ``crf`` for a method with a conditional random field; always ``total``.
    notes
        Why a number is missing, and what a reader of the numbers must know.
    """

    method: str = ""
    num_classes: int = 0
    size_hw: tuple[int, int] = (0, 0)
    components: Mapping[str, Counts] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
