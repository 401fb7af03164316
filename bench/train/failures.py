"""What ends a run for good: numbers that are not finite, memory, operations that are not repeatable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from bench.errors import NotMeasured, RefusedInput
from bench.train.recipe import Recipe

_NOT_REPEATABLE = re.compile(r"(\S+) does not have a deterministic implementation")
_NO_MEMORY = ("DefaultCPUAllocator", "not enough memory", "out of memory")


class FailedRun(NotMeasured):
    """A run that ended without a result; its record, not valid, keeps status and step (exit 4).

    Attributes:
        status: ``diverged`` or ``oom``.
        step: The step (from 0) that was not done.
    """

    status = "failed"

    def __init__(self, message: str, step: int, then: str) -> None:
        super().__init__(message, then)
        self.step = step


class Diverged(FailedRun):
    """A loss or gradient is not finite; the last checkpoint is from before it."""

    status = "diverged"

    def __init__(self, message: str, step: int) -> None:
        then = "lower the learning rates or set clip_norm; the last checkpoint is good"
        super().__init__(message, step, then)


class OutOfMemory(FailedRun):
    """The step did not fit into memory; a smaller batch is never tried in silence."""

    status = "oom"


class ChangedData(FailedRun):
    """The files of the data were written during the run, so nobody knows what it was trained on."""

    status = "data changed"

    def __init__(self, files: str, step: int, folder: Path) -> None:
        message = f"by step {step} files of the data had been written since the run began: {files}"
        super().__init__(message, step, then=f"remove {folder} to train anew on the data as it is now")


@contextmanager
def failures_named(recipe: Recipe, step: int) -> Iterator[None]:
    """Turn what torch raises inside a step into the bench's own errors.

    Raises:
        OutOfMemory: With batch and crop.
        RefusedInput: The recipe asks for determinism and an operation has none; it is named.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        message = str(error)
        first = message.splitlines()[0] if message else type(error).__name__
        operation = _NOT_REPEATABLE.search(message)
        if operation:
            raise RefusedInput(
                f"{recipe.model}, step {step}: {operation[1]} has no deterministic implementation here",
                then="set deterministic = false, or train on another device",
            ) from error
        if _is_of_memory(error):
            height, width = recipe.crop
            raise OutOfMemory(
                f"{recipe.model}, step {step}: out of memory with batch {recipe.batch} of {height}x{width} "
                f"({first})",
                step,
                then=f"a step of the same images needs less with batch {max(1, recipe.batch // 2)} and "
                f"accumulate {2 * recipe.accumulate}",
            ) from error
        raise


@contextmanager
def memory_named(doing: str) -> Iterator[None]:
    """Turn too little memory outside a step (building, reading, validating, writing) into one line.

    Raises:
        NotMeasured: Naming what was done.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        raise NotMeasured(
            f"{doing}: out of memory ({(str(error).splitlines() or [type(error).__name__])[0]})",
            then="free memory, or take a smaller network, crop or number of --workers",
        ) from error


def _is_of_memory(error: BaseException) -> bool:
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or any(sign in str(error) for sign in _NO_MEMORY)
