"""Whether what was timed computed anything: some answers of timed calls next to those of an unused copy."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from bench.clock.statistics import quantile
from bench.speed.parity import deviation

if TYPE_CHECKING:
    from bench.speed.repeats import Subject

FEWEST_CHECKED, MOST_CHECKED = 1, 6
"""Answers of each subject that are computed a second time."""
CHECK_SHARE = 0.05
"""Most of the budget that more than the fewest may take."""
ALIKE_AT_LEAST = 0.80
"""Least share of the time of one kind of image that the other may take."""
_SIDE = 64


def unused_copy(network: nn.Module, build: Callable[[], nn.Module]) -> nn.Module:
    """Return a copy on the CPU of a network that was never called; rebuilt where it cannot be copied."""
    with torch.inference_mode(False):
        try:
            copied = copy.deepcopy(network)
        except Exception:  # some torch parametrisations, and whatever a user's class raises
            copied = build()
        return copied.cpu()


def thinned(answer: object) -> list[Tensor]:
    """Return the tensors of an answer as float32 copies, the last two axes with about 64 entries each."""
    found = []
    for each in tree_leaves(answer):
        if isinstance(each, Tensor):
            part = torch.view_as_real(each) if each.is_complex() else each
            for axis in range(max(part.ndim - 2, 0), part.ndim):
                part = part[(slice(None),) * axis + (slice(None, None, max(part.shape[axis] // _SIDE, 1)),)]
            found.append(part.to(torch.float32, copy=True))
    return found


def checks_within(budget_s: float, round_s: float) -> int:
    """Return how many answers of each subject are recomputed, when one of each takes ``round_s``."""
    affordable = int(CHECK_SHARE * budget_s / round_s) if round_s > 0 else MOST_CHECKED
    return min(max(affordable, FEWEST_CHECKED), MOST_CHECKED)


def check_answers(
    subjects: Mapping[str, Subject], device: torch.device, layout: torch.memory_format, count: int
) -> dict[str, list[str]]:
    """Return by name why a subject's answers are not believed; ``count`` of them are recomputed, untimed."""
    reasons: dict[str, list[str]] = {name: [] for name in subjects}
    for subject in subjects.values():
        subject.keep()
    for number in range(count):
        for name, subject in subjects.items():
            if number < len(subject.kept) and not reasons[name]:
                image, answers = subject.kept[-1 - number]
                reasons[name] += _against_reference(subject, image.to(memory_format=layout), answers, device)
    for name, subject in subjects.items():
        images = [image.to(memory_format=layout) for image, _ in subject.kept]
        if len(images) > 1 and _all_equal([answers for _, answers in subject.kept]):
            # as built, some networks end in a layer of zeros: with other weights they answer differently
            network = _other_weights(_unused(subject)).to(device)
            if _all_equal([thinned(network(image)) for image in images[:2]]):
                reasons[name].append(
                    "the same answer to different images: nothing shows that it computes one"
                )
    return reasons


def uneven(times_ms: Sequence[float]) -> tuple[str, ...]:
    """Return a reason where the samples depend on the kind of image, which alternates with each sample."""
    if len(times_ms) < 2:
        return ()
    one_ms, other_ms = sorted((quantile(times_ms[::2], 0.5), quantile(times_ms[1::2], 0.5)))
    if one_ms >= ALIKE_AT_LEAST * other_ms:
        return ()
    return (
        f"white noise and photograph-like images took {one_ms:.4g} and {other_ms:.4g} ms, or the other way "
        f"round; allowed is a ratio of {ALIKE_AT_LEAST:.2f} or more: the time depends on the image",
    )


def _against_reference(
    subject: Subject, image: Tensor, answers: Sequence[Tensor], device: torch.device
) -> list[str]:
    if not answers:
        return ["its answer holds no tensor, so nothing shows that it computes one"]
    if math.isinf(subject.allowed):
        return []
    references = thinned(_unused(subject).to(device)(image))
    shapes = [[tuple(each.shape) for each in group] for group in (answers, references)]
    if shapes[0] != shapes[1]:
        return [f"its answer to a timed image has the shapes {shapes[0]}, an unused copy's has {shapes[1]}"]
    differences = [_difference(*pair) for pair in zip(answers, references, strict=True)]
    if max(differences) <= subject.allowed:
        return []
    return [
        f"its answer to a timed image differs from an unused copy's by {max(differences):.3g} of its range "
        f"(allowed {subject.allowed:g}): it remembers, is random, or leaves work out"
    ]


def _unused(subject: Subject) -> nn.Module:
    """Return a copy for one image, lest the reference remember."""
    return unused_copy(subject.reference, lambda: subject.reference)


def _other_weights(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.is_floating_point():
                weight.add_(0.01 * torch.randn(weight.shape, generator=generator))
    return network


def _difference(answer: Tensor, reference: Tensor) -> float:
    """Return the largest difference over the reference's range; NaN and infinity are like themselves."""
    apart = (answer.nan_to_num() - reference.nan_to_num()).abs()
    largest = apart.max().item() if apart.numel() else 0.0
    if largest == 0.0:
        return 0.0
    scale = deviation(reference.nan_to_num())
    return largest / scale if scale > 0.0 else math.inf


def _all_equal(answers_of: Sequence[Sequence[Tensor]]) -> bool:
    first, *others = answers_of
    return bool(first) and all(
        len(first) == len(other) and all(map(torch.equal, first, other)) for other in others
    )
