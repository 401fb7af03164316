"""What a method is to the bench: names, paper, builder, sizes, and what training needs besides logits.

Nothing here imports torch: a method names its builder, and ``build`` imports it when it is wanted.
"""

from __future__ import annotations

import importlib
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from baselines.sizes import ANY, SizeRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

Group = Literal["paper", "peer", "own"]
"""In the paper's tables; shipped by a library and not in the paper; the user's own."""


@dataclass(frozen=True)
class Method:
    """One row of ``carnet-bench models``.

    Attributes:
        name: The registry name, e.g. ``carnet-mobile``.
        title: Name of the method in the paper's tables.
        citation: Authors, title, venue.
        year: Year of the citation; 0 without one.
        builder: ``module:function``; the function takes ``num_classes`` and keyword options and returns the
            module.
        options: The keyword options that make this name.
        loss: ``module:class`` of the training criterion, for a method with one of its own; without it the
            loss is the pixels' cross-entropy, with the auxiliary logits weighed by ``auxiliary``.
        loss_keys: The recipe's keys that ``loss`` takes by name.
        auxiliary: Weights of the auxiliary losses. In training mode a network with auxiliary heads returns a
            tuple: the logits first, then one auxiliary output for each weight.
        encoder: The architecture whose ImageNet weights fit its submodule ``encoder``, in timm's names; None
            where it has no such encoder.
        size_hw: The input size (height, width) at which the paper's tables count the method.
        num_classes: The classes with which the paper counts it.
        sizes: The input sizes that it takes.
        statistics: Statistics that normalise its images when it starts from random weights: ``imagenet`` or
            ``half``.
        from_data: Names of attributes of the data set that the builder takes by name.
        group: ``paper``, ``peer`` or ``own``.
        cost_curve: Settings of a method whose cost depends on the image: their description, and the options
            of each.
        reconstruction: No code and no list of layers is public: what is built is our reading, and says so
            everywhere.
    """

    name: str
    title: str
    citation: str
    year: int
    builder: str
    options: Mapping[str, Any] = field(default_factory=dict)
    loss: str | None = None
    loss_keys: tuple[str, ...] = ()
    auxiliary: tuple[float, ...] = ()
    encoder: str | None = None
    size_hw: tuple[int, int] = (512, 1024)
    num_classes: int = 19
    sizes: SizeRule = ANY
    statistics: str = "imagenet"
    from_data: tuple[str, ...] = ()
    group: Group = "paper"
    cost_curve: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reconstruction: bool = False

    @property
    def family(self) -> Literal["carnet", "other"]:
        """``carnet`` for every form of the paper's network, the degraded ``bs-*`` among them."""
        return "carnet" if self.builder.startswith("carnet.") else "other"

    def build(self, num_classes: int, **options: Any) -> nn.Module:
        """Build the network with random weights; ``options`` override the method's own."""
        network: nn.Module = import_named(self.builder)(
            num_classes=num_classes, **{**self.options, **options}
        )
        return network


def import_named(reference: str) -> Any:
    """Return what ``module:name`` or ``module:class.name`` refers to."""
    module, _, name = reference.partition(":")
    return operator.attrgetter(name)(importlib.import_module(module))
