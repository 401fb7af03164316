"""What defines a measurement of time: the part of a speed record from which its id is computed."""

from __future__ import annotations

from typing import Any

import torch

from baselines.method import Method
from bench.clock.protocol import PROTOCOL_VERSION
from bench.results.provenance import machine
from bench.speed.device import Device
from bench.speed.variant import Variant


def speed_identity(
    method: Method,
    variant: Variant,
    size_hw: tuple[int, int],
    device: Device,
    *,
    num_classes: int,
    batch: int,
    threads: int,
) -> dict[str, Any]:
    """Return the identity of a measurement; the versions of an engine's own libraries are added to it later.

    Args:
        method, variant, device: What is timed, in which engine and precision, where.
        size_hw: Height and width of the input, pixels.
        num_classes: Classes of the output.
        batch: Images per call.
        threads: CPU threads in force.

    Raises:
        UsageError: Unknown engine, or one without this precision or device.
    """
    return {
        "model": method.name,
        "options": dict(method.options),
        "num_classes": num_classes,
        "weights": "random",
        "protocol": PROTOCOL_VERSION,
        **variant.identity(device),
        "device": device.kind,
        "batch": batch,
        "size": list(size_hw),
        "threads": threads,
        # absent from earlier records, whose ids must not change
        **({} if device.heap == "system" else {"heap": device.heap}),
        # the build too: the same version for another CUDA, or for none, has another speed
        "machine": {**machine(), "torch": str(torch.__version__)},
    }
