"""The timing side of a worker: its models, warm, and a sample of one of them whenever it is asked."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from bench.gate.reference import reference

REFERENCE = "reference"
_INPUTS = 4
_WARM_CALLS = 8

Call = Callable[[], object]


def serve_samples(
    asked: Mapping[str, Any], lines: Iterable[str], say: Callable[[dict[str, Any]], None]
) -> None:
    """Build the requested models, report the warm time of each, then time whatever each line names.

    Args:
        asked: ``model``: its name; ``built_by``: the name in the registry, or ``/path/to/file.py:build`` of
            the user's own; ``classes``; ``size_hw``; ``threads``; ``reference``:
            whether the reference workload is wanted too.
        lines: ``NAME CALLS``, one sample each; the answer is ``{"ms": milliseconds a call}``.
        say: Takes the answers.
    """
    torch.set_num_threads(asked["threads"])
    with torch.inference_mode():
        model, size_hw = asked["model"], tuple(asked["size_hw"])
        calls: dict[str, Call] = {model: network_call(asked["built_by"], asked["classes"], size_hw)}
        if asked["reference"]:
            calls[REFERENCE] = reference()
        say({"warm_ms": {name: _warm_ms(call) for name, call in calls.items()}})
        gc.collect()
        gc.disable()
        for line in lines:
            name, _, number = line.strip().rpartition(" ")
            say({"ms": sample_ms(calls[name], int(number))})


def network_call(name: str, classes: int, size_hw: tuple[int, int]) -> Call:
    """Return the forward pass of one image, float32 and channels last, on inputs that take turns."""
    torch.manual_seed(0)
    network = _built(name, classes).eval().to(memory_format=torch.channels_last)
    images = [
        torch.randn(1, 3, *size_hw).contiguous(memory_format=torch.channels_last) for _ in range(_INPUTS)
    ]
    turn = 0

    def call() -> object:
        nonlocal turn
        turn += 1
        return network(images[turn % _INPUTS])

    return call


def _built(name: str, classes: int) -> torch.nn.Module:
    if ".py:" in name:
        # only the tree under test is given files of the user, so no older tree needs these modules
        from bench.models import resolve  # noqa: PLC0415
        from bench.own.guard import user_code  # noqa: PLC0415

        method = resolve(name)
        with user_code("its builder", method):
            return method.build(classes)
    from baselines.registry import METHODS  # noqa: PLC0415 - of the tree under test, see bench.gate.worker

    return METHODS[name].build(classes)


def sample_ms(call: Call, calls: int, clock: Callable[[], int] = time.perf_counter_ns) -> float:
    """Return the mean time of some calls in a row, ms a call."""
    start_ns = clock()
    for _ in range(calls):
        call()
    return (clock() - start_ns) / 1e6 / calls


def _warm_ms(call: Call) -> float:
    times_ms = [sample_ms(call, 1) for _ in range(_WARM_CALLS)]
    return sorted(times_ms)[len(times_ms) // 2]
