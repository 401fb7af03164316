"""Networks ready to be timed: built, folded on request, in their engines, and checked against eager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from baselines.method import Method, import_named
from bench.cost.meta import build_checked
from bench.errors import BenchError, RefusedInput
from bench.own.guard import user_code
from bench.results.value_types import EngineScore
from bench.speed.answers import unused_copy
from bench.speed.device import Device
from bench.speed.engines.engine import Conditions
from bench.speed.inputs import FreshInputs
from bench.speed.parity import LIMITS, Parity, outputs_on, parity_inputs, require_parity
from bench.speed.plan import Measurement, Plan
from bench.speed.repeats import Subject
from bench.speed.settings_watch import SettingsWatch
from bench.speed.variant import Variant

DEPLOY = "carnet.fast.deploy:deploy"
_SHIFT = 0.01  # small next to a random network's maps, or they would be all shift and no image


@dataclass(frozen=True)
class Ready:
    """A subject, and what is known of it before it is timed.

    Attributes:
        subject: What is timed.
        parity: Comparison with eager by kind of input; None for the network as it is.
        versions: Versions of the engine's libraries.
        accuracy: Accuracy on data; None where none was named.
    """

    subject: Subject
    parity: Mapping[str, Parity] | None
    versions: Mapping[str, str]
    accuracy: EngineScore | None = None


def build_network(method: Method, num_classes: int, device: Device) -> nn.Module:
    """Return the method's network with random weights, in eval mode, on the device and in its layout.

    Raises:
        RefusedInput: The builder fails, or returns something else.
    """
    # ordinary tensors, whatever mode the caller is in: no compiler takes those made in inference mode
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_checked(method, num_classes)
    with user_code("moving it to the device", method), torch.inference_mode(False):
        network.eval()
        # one after the other: torch types no overload that takes both
        return network.to(device.torch_device).to(memory_format=device.memory_format)


def deployed(network: nn.Module, size_hw: tuple[int, int], name: str) -> nn.Module:
    """Return the network folded for inference at one size.

    Raises:
        RefusedInput: A network that cannot be folded; CARNets can.
    """
    try:
        with torch.inference_mode(False), torch.no_grad():
            folded: nn.Module = import_named(DEPLOY)(network, size_hw)
    except (AttributeError, TypeError, ValueError) as error:
        raise RefusedInput(
            f"{name}: cannot be deployed: {error}", then="omit --deploy; only CARNets can be folded"
        ) from error
    return folded.eval()


def stir_norms(network: nn.Module, seed: int = 0) -> None:
    """Move every batch-norm's statistics, scale and shift away from 0 and 1, by a little.

    As built, a batch-norm is the identity: a fold that forgot its mean or scale would pass a comparison.
    Statistics measured on noise would serve less: where a random network's channel is nearly constant they
    divide by nearly nothing, and after sixty layers the rounding is all that is left.
    """
    generator = torch.Generator().manual_seed(seed)
    for norm in network.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            with torch.no_grad():
                for scale in (norm.weight, norm.running_var):
                    if scale is not None:
                        scale.mul_(0.5 + torch.rand(scale.shape, generator=generator).to(scale.device))
                for shift in (norm.bias, norm.running_mean):
                    if shift is not None:
                        shift.add_(_SHIFT * torch.randn(shift.shape, generator=generator).to(shift.device))


def prepare_subjects(
    plan: Plan, measurements: Sequence[Measurement], threads: int, watch: SettingsWatch
) -> dict[str, Ready]:
    """Return the subjects by the measurements' titles, each checked against eager fp32.

    Args:
        plan: Methods, input, device and weights; random weights have their batch-norms moved here.
        measurements: What is timed; a method's network is built once for all of its variants.
        threads: CPU threads of every engine.
        watch: Told whose code runs.

    Raises:
        UsageError: An engine, precision or library that is not available.
        RefusedInput: A network fails on this input, cannot be brought into an engine, computes something else
            there, or loses more accuracy on data than accepted.
    """
    ready: dict[str, Ready] = {}
    for method in plan.methods:
        variants = [(one.title, one.variant) for one in measurements if one.method is method]
        watch.at_work(*(title for title, _ in variants))
        with user_code("preparing it to be timed", method):
            ready |= _in_variants(plan, method, variants, threads)
        watch.at_work()
    return ready


def _built(plan: Plan, method: Method, stirred: bool) -> nn.Module:
    if plan.trained is not None:
        return plan.trained.network(method, plan.device)
    network = build_network(method, plan.num_classes, plan.device)
    if stirred:
        stir_norms(network)
    return network


def _in_variants(
    plan: Plan, method: Method, variants: Sequence[tuple[str, Variant]], threads: int
) -> dict[str, Ready]:
    device, trained, size_hw = plan.device, plan.trained, plan.size_of(method)
    shape = (plan.batch, 3, *size_hw)
    judge = None if trained is None else trained.judge
    calibration = None if trained is None else trained.calibration
    others = [(name, variant) for name, variant in variants if not variant.is_plain(device)]
    network = _built(plan, method, bool(others))
    unused = unused_copy(network, lambda: _built(plan, method, bool(others)))
    inputs = FreshInputs(plan.batch, size_hw, device)
    as_it_is = Ready(Subject(network, inputs, unused, LIMITS["fp32"].relative), None, {})
    try:
        # untimed, so that what it cannot do ends in a message and not in a sample
        with user_code("its forward", method):
            as_it_is.subject.call()
            device.synchronise()
    except BenchError:
        raise
    except Exception as error:
        raise _fails(method.name, shape, error) from error
    eager_miou = None
    if judge is not None:
        eager_miou = judge.miou("eager fp32", network, shape, device.torch_device, device.memory_format)
        as_it_is = replace(as_it_is, accuracy=judge.accuracy(method.name, eager_miou, eager_miou))
    if not others:
        return {name: as_it_is for name, _ in variants}
    probes = {kind: image.to(device.torch_device) for kind, image in parity_inputs(shape).items()}
    references = outputs_on(network, probes, device.memory_format, method.name)
    ready = {}
    for name, variant in variants:
        if variant.is_plain(device):
            ready[name] = as_it_is
            continue
        graph = deployed(network, size_hw, method.name) if variant.deploy else network
        engine, layout = variant.on(device), variant.layout(device)
        example = probes["random"].clone(memory_format=layout)
        conditions = Conditions(device.torch_device, threads, variant.precision, calibration)
        prepared = engine.prepare(graph, example, conditions)
        try:
            outputs = outputs_on(prepared.infer, probes, layout, name)
        except BenchError:
            raise
        except Exception as error:
            raise _fails(name, shape, error) from error
        parity = require_parity(name, outputs, references, variant.precision)
        its_inputs = FreshInputs(plan.batch, size_hw, replace(device, memory_format=layout))
        accuracy = None
        if judge is not None and eager_miou is not None:
            miou = judge.miou(name, prepared.infer, shape, device.torch_device, layout)
            accuracy = judge.accuracy(name, eager_miou, miou)
        subject = Subject(prepared.infer, its_inputs, unused, LIMITS[variant.precision].relative)
        ready[name] = Ready(subject, parity, prepared.versions, accuracy)
    return ready


def _fails(name: str, shape: tuple[int, ...], error: Exception) -> RefusedInput:
    return RefusedInput(
        f"{name}: fails on an input of {'x'.join(map(str, shape))}: {type(error).__name__}: {error}",
        then="try another --size or a smaller --batch",
    )
