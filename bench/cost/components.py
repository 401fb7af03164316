"""How a network's counts are cut into components, and what is particular to CARNet's.

Table 4 cuts a CARNet, and its authors shared activations; the readable model is not bent to either.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from bench.cost.counters import CallsAs
from bench.cost.meta import call_hooked
from carnet.encoder import ResNet
from carnet.model import CARNet
from carnet.modules import CARModule

COMPONENTS = ("bs", "carmodule", "crp", "others")
"""The columns of Table 4; ``others`` is the total without the three before it."""
CRF = "crf"
"""The submodule that refines the logits of a network; the counts of other sources leave it out."""

# The costs of Tables 1 and 4 show one ReLU module at the stem and again at the fusion of L4, where the last
# call counts, and functional ReLUs at the other three fusions. Our model has one module for the four fusions.
# CARNet-Mobile's fusions share one ReLU6 there as here, so its count needs nothing.
_RESNET_CALLS_AS: CallsAs = {
    ("activation", 0): "encoder.relu",
    **{("activation", call): None for call in (1, 2, 3)},
}


def calls_as(model: nn.Module) -> CallsAs:
    """Return which calls the thop-2019 count of the whole network attributes to another module."""
    if isinstance(model, CARNet) and isinstance(model.encoder, ResNet):
        return _RESNET_CALLS_AS
    return {}


def assumptions(model: nn.Module) -> str:
    """Return what the thop-2019 count assumes of the authors' modules; empty where nothing."""
    shared = ["the stem's ReLU module serves the fusion of L4 too"] if calls_as(model) else []
    broadcast = isinstance(model, CARNet) and model.global_branch is not None
    return " and ".join([*shared, *(["the global feature is broadcast to L4's size"] if broadcast else [])])


def training_only(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that run in training only: auxiliary heads, and W3 and W4 of each CARModule."""
    parts = [getattr(model, "auxiliary", None)]
    for module in model.modules():
        if isinstance(module, CARModule):
            parts += [module.w3, module.w3_bn, module.w4]
    return [one for part in parts if isinstance(part, nn.Module) for one in part.parameters()]


@contextmanager
def global_feature_broadcast(model: nn.Module) -> Iterator[None]:
    """Give CARModule-1 the global feature at L4's size, as the printed costs have it, while counting.

    Pooling the broadcast feature gives the feature again, so our model hands it over as 1x1; the thop-2019
    count of the pool is what differs, by 256 * 16 * 32 operations at 512x1024.
    """

    def broadcast(_: nn.Module, args: tuple[Any, ...]) -> tuple[Tensor, Tensor]:
        low, high = args
        return low, high.expand_as(low)

    modules = [module for module in model.modules() if isinstance(module, CARModule)]
    handles = [module.register_forward_pre_hook(broadcast) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def parts(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """Return the submodules' names of each component but the remainder; empty without components.

    Of a CARNet BS is the encoder by itself, the global branch is printed within CARModule, and CRP is its
    convolutions and pools.
    """
    if isinstance(getattr(model, CRF, None), nn.Module):
        return {CRF: (CRF,)}
    if not isinstance(model, CARNet):
        return {}
    global_branch = () if model.global_branch is None else ("global_branch",)
    return {
        "bs": ("encoder",),
        "carmodule": (*global_branch, *(f"car_modules.{n}" for n in range(len(model.car_modules)))),
        "crp": tuple(f"crps.{n}" for n in range(len(model.crps))),
    }


def remainder_of(model: nn.Module) -> str:
    """Return the name of what is left of the total when the ``parts`` are taken from it."""
    return "others" if isinstance(model, CARNet) else "network"


def inputs_of(model: nn.Module, names: Sequence[str], inputs: Sequence[Any]) -> dict[str, tuple[Any, ...]]:
    """Return what each named submodule receives during ``model(*inputs)``; of several calls, the last.

    Submodules that are not called are left out.
    """
    seen: dict[str, tuple[Any, ...]] = {}

    def hook_for(name: str) -> Any:
        def hook(_: nn.Module, args: tuple[Any, ...]) -> None:
            seen[name] = args

        return hook

    handles = [model.get_submodule(name).register_forward_pre_hook(hook_for(name)) for name in names]
    call_hooked(model, inputs, handles)
    return seen
