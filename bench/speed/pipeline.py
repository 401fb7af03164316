"""From image files to label maps: where the time goes besides the network, each part by the same clock."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from baselines.method import Method
from bench.clock.clock import Clock, Counters, Progress, time_models
from bench.clock.machine_state import cpu_mhz, read_cpu
from bench.clock.protocol import Protocol
from bench.data.images import read_image
from bench.data.statistics import IMAGENET, normalise
from bench.files import sha256_of_file
from bench.own.guard import user_code
from bench.results.provenance import gather
from bench.results.record import SpeedRecord
from bench.speed.answers import check_answers, checks_within
from bench.speed.device import Device, measuring_conditions, open_device
from bench.speed.engines.engine import Infer
from bench.speed.plan import Plan
from bench.speed.repeats import time_repeats
from bench.speed.settings_watch import SettingsWatch
from bench.speed.speed_record import chosen_values
from bench.speed.subjects import prepare_subjects
from bench.speed.variant import Variant

PARTS = ("decode", "normalise", "model", "argmax")
"""In their order: file to pixels; pixels to the device, the size and the mean; logits; labels to the CPU."""
LOADER, WHOLE = "loader", "end to end"
MEASURED = "end to end"
"""In the identity of its records, under ``measured``: no table shows them as the time of a network."""


_REPEAT_BUDGET_SHARE = 0.2


class Pipeline:
    """The parts on one image after the other; each works on what the one before has left.

    Args:
        files: Image files, taken in turn.
        size_hw: Size to which other images are resized, pixels.
        infer: Maps normalised images to logits.
        device, layout: Device, and the memory format that ``infer`` takes.
    """

    def __init__(
        self, files: Sequence[Path], size_hw: tuple[int, int], infer: Infer, *, device: Device, layout: Any
    ) -> None:
        self._files, self._size_hw, self._infer = files, size_hw, infer
        self._device, self._layout = device, layout
        self._next = 0
        self.pixels: UInt8[Tensor, "3 h w"] = read_image(files[0])
        self.image: Float32[Tensor, "1 3 h w"]
        self.logits: Float32[Tensor, "1 c h w"]
        self.labels: UInt8[Tensor, "1 h w"]
        self.whole()  # so that every part has something to work on, and a failure shows before any time

    def decode(self) -> None:
        """Read the next file."""
        self.pixels = read_image(self._files[self._next % len(self._files)])
        self._next += 1

    def normalise(self) -> None:
        """Move the pixels to the device, resize and normalise them by ImageNet's mean and deviation."""
        image = normalise(self.pixels[None].to(self._device.torch_device), IMAGENET)
        if tuple(image.shape[2:]) != self._size_hw:
            image = interpolate(image, self._size_hw, mode="bilinear", align_corners=False, antialias=True)
        self.image = image.contiguous(memory_format=self._layout)

    def model(self) -> None:
        """Run the network."""
        self.logits = self._infer(self.image)

    def argmax(self) -> None:
        """Choose a class at each pixel and bring the labels to the CPU, one byte each."""
        self.labels = self.logits.argmax(1).byte().cpu()

    def loader(self) -> None:
        """Read and normalise the next file."""
        self.decode()
        self.normalise()

    def whole(self) -> None:
        """Take the next file through all parts."""
        self.loader()
        self.model()
        self.argmax()

    def prepare(self, name: str) -> None:
        """Give the network the next image: it may have changed the one before in place."""
        if name == "model":
            self.loader()

    def calls(self) -> dict[str, Callable[[], None]]:
        """Return what is timed, in the order of a round."""
        parts = {name: getattr(self, name) for name in PARTS}
        return {**parts, LOADER: self.loader, WHOLE: self.whole}


def measure_end_to_end(
    method: Method,
    size_hw: tuple[int, int],
    files: Sequence[Path],
    *,
    variant: Variant,
    num_classes: int = 19,
    threads: int | None = None,
    device: str = "auto",
    protocol: Protocol | None = None,
    command: Sequence[str] = (),
    progress: Progress | None = None,
    clock: Clock = time.perf_counter_ns,
    counters: Counters = read_cpu,
) -> SpeedRecord:
    """Time a network with random weights from image files to label maps, and each part by itself.

    One image per call, in this process: workers that load ahead would hide the loader behind the network, so
    their result lies between ``model`` and ``end to end``.

    Args:
        method, size_hw, num_classes, threads, device, protocol, command, progress, clock, counters: As for
            `bench.speed.measure.measure_speed`.
        files: Image files, at least one.
        variant: Engine and precision of the network.

    Returns:
        Not yet written; its ``median_ms`` is of the whole, ``values["parts"]`` has all of them. It is valid
        when the whole is.

    Raises:
        UsageError: No such device or engine.
        RefusedInput: A file is no image, or the network fails on it.
    """
    there = open_device(device)
    plan = Plan([method], [variant], size_hw, num_classes, 1, there)
    with measuring_conditions(threads) as threads_in_force, user_code("timing", method):
        started = gather(command, method, deployed=variant.deploy)
        (measurement,) = plan.measurements(threads_in_force)
        watch = SettingsWatch()
        (ready,) = prepare_subjects(plan, [measurement], threads_in_force, watch).values()
        watch.at_work(measurement.title)
        protocol, began_ns = protocol or Protocol(), clock()
        ready.subject.keep_some()
        repeat = time_repeats(ready.subject, there, _REPEAT_BUDGET_SHARE * protocol.budget_s, clock, counters)
        checks = checks_within(protocol.budget_s, repeat.fresh_ms / 1e3)
        doubts = check_answers({WHOLE: ready.subject}, there.torch_device, there.memory_format, checks)[WHOLE]
        layout = variant.layout(there)
        pipeline = Pipeline(files, size_hw, ready.subject.network, device=there, layout=layout)  # type: ignore[arg-type]
        timed = time_models(
            pipeline.calls(),
            there.synchronise,
            protocol=replace(protocol, budget_s=max(0.0, protocol.budget_s - (clock() - began_ns) / 1e9)),
            prepare=pipeline.prepare,
            clock=clock,
            counters=counters,
            cores=threads_in_force if there.kind == "cpu" else None,
            progress=progress,
        )
        watch.at_work()
        mhz = cpu_mhz()
    whole = timed[WHOLE]
    versions = {"engine_versions": dict(ready.versions)} if ready.versions else {}
    images = {"count": len(files), "sha256": _digest(files)}
    return SpeedRecord.make(
        {**measurement.identity, **versions, "measured": MEASURED, "images": images},
        {**chosen_values(whole), "parts": {name: chosen_values(samples) for name, samples in timed.items()}},
        {**started, "cpu_mhz": mhz, "run": secrets.token_hex(8)},
        reasons=(*whole.chosen.reasons, *repeat.reasons(), *doubts, *watch.reasons(measurement.title)),
        notes=[
            f"{name}: {reason}"
            for name, samples in timed.items()
            if name != WHOLE
            for reason in samples.chosen.reasons
        ],
    )


def _digest(files: Sequence[Path]) -> str:
    """Return a digest of the files' contents in their order; their names play no part."""
    return hashlib.sha256("".join(sha256_of_file(path) for path in files).encode()).hexdigest()
