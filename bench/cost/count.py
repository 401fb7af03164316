"""What a network costs: four counts and its parameters, by component, without weights or arithmetic."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from baselines.method import Method
from bench.cost.components import (
    assumptions,
    calls_as,
    global_feature_broadcast,
    inputs_of,
    parts,
    remainder_of,
    training_only,
)
from bench.cost.costs import ALL, COUNTED, UNITS, Costs, Counts
from bench.cost.counters import (
    CallsAs,
    CounterFailed,
    aten_macs,
    flop_counter_macs,
    ptflops_macs,
    thop2019_ops,
)
from bench.cost.meta import build_on_meta, call_hooked, sharing, without_gradients
from bench.cost.uncounted import about_parameters, left_out, watch
from bench.errors import BenchError, NotMeasured, RefusedInput, unknown
from bench.own.guard import line_of, user_code
from bench.torch_settings import settings_kept

NAMED_ABOVE = 0.005
"""Two MAC counters that differ by more than this share have the operation named in a note."""
NO_NUMBER_ABOVE = 0.02
"""Two MAC counters that differ by more than this share give no number."""


def count_costs(
    method: Method,
    num_classes: int = 19,
    size_hw: tuple[int, int] = (512, 1024),
    which: Collection[str] = ALL,
    *,
    components: bool = True,
) -> Costs:
    """Count one forward pass of one image in eval mode on the `meta` device.

    Args:
        which: Names in ``UNITS``; what is not requested costs no time and is None.
        components: Whether components are counted too; the total alone is quicker.

    Raises:
        UsageError: An unknown name in ``which``.
        RefusedInput: The method's builder fails, or the method does not take this size.
        NotMeasured: The network cannot run at this size on the `meta` device.
    """
    for name in which:
        if name not in UNITS:
            raise unknown("count", name, list(UNITS))
    try:
        method.sizes.require(size_hw)
    except ValueError as error:
        raise RefusedInput(f"{method.name}: {error}") from error
    changes: list[str] = []
    with settings_kept(changes, nested=True):
        model, notes = build_on_meta(method, num_classes)
    image = torch.empty(1, 3, *size_hw, device="meta")
    try:
        with user_code("counting", method), settings_kept(changes, nested=True), without_gradients(model):
            if any(is_lazy(one) for one in model.parameters()):
                call_hooked(model, (image,), ())  # which gives them their shapes
            total = _count([(model, (image,))], [model], which, calls_as(model), notes)
            cut = _components(model, image, which, total, notes) if components else {}
            watched = watch(model, (image,)) if components and not _is_ours(method) else None
    except BenchError:
        raise
    except Exception as error:
        raise NotMeasured(
            f"{method.name}: cannot be counted at {size_hw[0]}x{size_hw[1]} with {num_classes} classes: "
            f"{type(error).__name__}: {error}",
            then="see whether the network accepts this size, and a batch of one image",
        ) from error
    idle = [one for one in training_only(model) if watched is None or id(one) not in watched.used]
    training_only_m = sum(one.numel() for one in idle) / 1e6
    notes.extend(_remarks(model, total, training_only_m))
    if watched is not None:
        notes.extend([*about_parameters(model), *left_out(watched, total)])
    if changes:
        changed = ", ".join(dict.fromkeys(f"{one} ({line_of(one, method)})" for one in changes))
        notes.append(f"it changed torch's settings, which were put back: {changed}")
    if components and total.gmacs is not None:
        notes.extend(_curve(method, num_classes, size_hw))
    return Costs(
        **vars(total),
        method=method.name,
        num_classes=num_classes,
        size_hw=size_hw,
        components={**cut, "total": total},
        notes=tuple(dict.fromkeys(notes)),
        training_only_m=training_only_m,
        assumed=assumptions(model),
    )


def _is_ours(method: Method) -> bool:
    """Whether what its counts leave out is known: the networks of this package."""
    return method.builder.partition(".")[0] in ("carnet", "baselines")


def _curve(method: Method, num_classes: int, size_hw: tuple[int, int]) -> list[str]:
    """Return a line per setting of a method whose cost depends on the image."""
    lines = ["the cost depends on the image: counted is the most that it can be"] if method.cost_curve else []
    for setting, options in method.cost_curve.items():
        alike = replace(method, options={**method.options, **options}, cost_curve={})
        gmacs = count_costs(alike, num_classes, size_hw, ("gmacs",), components=False).gmacs
        lines.append(f"{setting}: {gmacs:.3f} GMAC")
    return lines


def params(modules: Collection[nn.Module]) -> int:
    """Return the numbers in the parameters of some modules, frozen ones too; shared memory counts once."""
    distinct = {sharing(p): p.numel() for module in modules for p in module.parameters() if not is_lazy(p)}
    return sum(distinct.values())


def _count(
    calls: list[tuple[nn.Module, tuple[Any, ...]]],
    owned: Collection[nn.Module],
    which: Collection[str],
    attribution: CallsAs,
    notes: list[str],
) -> Counts:
    """Count some calls together; ``owned`` are the modules whose parameters belong to them."""

    def giga(count: Callable[[nn.Module, tuple[Any, ...]], int]) -> float | None:
        try:
            return sum(count(module, inputs) for module, inputs in calls) / 1e9
        except CounterFailed as reason:
            notes.append(str(reason))
            return None

    def thop(module: nn.Module, inputs: tuple[Any, ...]) -> int:
        with global_feature_broadcast(module):
            return thop2019_ops(module, inputs, attribution)

    def macs(module: nn.Module, inputs: tuple[Any, ...]) -> int:
        return agreed_macs(flop_counter_macs(module, inputs), aten_macs(module, inputs), notes)

    return Counts(
        thop2019_gops=giga(thop) if "thop2019_gops" in which else None,
        thop0022_gops=giga(thop2019_ops) if "thop0022_gops" in which else None,
        gmacs=giga(macs) if "gmacs" in which or "gflops" in which else None,
        ptflops_gmacs=giga(ptflops_macs) if "ptflops_gmacs" in which else None,
        params_m=params(owned) / 1e6 if "params_m" in which else None,
    )


def agreed_macs(by_torch: Counter[str], by_ptflops: Counter[str], notes: list[str]) -> int:
    """Return the multiply-adds by operation of two counters as one number, torch's.

    Above 0.5 % of difference a line in ``notes`` names the operations that differ.

    Raises:
        CounterFailed: The counters differ by more than 2 % of the larger.
    """
    ours, theirs = by_torch.total(), by_ptflops.total()
    share = abs(ours - theirs) / max(ours, theirs, 1)
    if share <= NAMED_ABOVE:
        return ours
    differing = ", ".join(
        f"{name} {by_torch[name] / 1e9:.6g} against {by_ptflops[name] / 1e9:.6g} G"
        for name in sorted({*by_torch, *by_ptflops})
        if by_torch[name] != by_ptflops[name]
    )
    line = f"the two MAC counters (torch, ptflops aten) differ by {100 * share:.1f} %: {differing}"
    if share > NO_NUMBER_ABOVE:
        raise CounterFailed(f"no MAC count, {line}")
    notes.append(line)
    return ours


def _components(
    model: nn.Module, image: Tensor, which: Collection[str], total: Counts, notes: list[str]
) -> dict[str, Counts]:
    cut = parts(model)
    if not cut:
        return {}
    names_of_all = [name for names in cut.values() for name in names]
    given = {} if set(which) <= {"params_m"} else inputs_of(model, names_of_all, (image,))
    counted = {
        component: _count(
            [(model.get_submodule(name), given[name]) for name in names if name in given],
            [model.get_submodule(name) for name in names],
            which,
            {},
            notes,
        )
        for component, names in cut.items()
    }
    rest = {remainder_of(model): _remainder(total, list(counted.values()))}
    return {**counted, **rest} if "others" in rest else {**rest, **counted}


def _remainder(total: Counts, counted: list[Counts]) -> Counts:
    rest: dict[str, float | None] = {}
    for name in COUNTED:
        whole = getattr(total, name)
        given = [getattr(counts, name) for counts in counted]
        # the counts are whole numbers: rounding at the ninth digit of giga takes the float noise only
        rest[name] = None if whole is None or None in given else round(whole - sum(given), 9)
    return Counts(**rest)


def _remarks(model: nn.Module, total: Counts, training_only_m: float) -> list[str]:
    remarks = []
    released, gmacs, by_ptflops = total.thop0022_gops, total.gmacs, total.ptflops_gmacs
    if released is not None and total.thop2019_gops not in (None, released):
        remarks.append(
            f"thop 0.0.22 itself returns {released:.3f} G on these modules; "
            f"thop2019_gops counts as if {assumptions(model)}"
        )
    if total.params_m is not None and training_only_m:
        remarks.append(f"params hold {training_only_m:.3f} M that run in training only")
    if by_ptflops is not None and _has_shared_modules(model):
        remarks.append("ptflops_gmacs: modules registered under two parents are counted once for each")
    if by_ptflops is not None and gmacs is not None and by_ptflops < 0.98 * gmacs:
        remarks.append(
            "ptflops_gmacs misses products that gmacs has (@, einsum, functional layers, attention)"
        )
    return remarks


def _has_shared_modules(model: nn.Module) -> bool:
    once = sum(1 for _ in model.named_modules())
    return once != sum(1 for _ in model.named_modules(remove_duplicate=False))
