"""Batches whose order and augmentation are a function of (seed, epoch), whoever reads them."""

from __future__ import annotations

import hashlib
import os
import queue
import signal
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from bench.data.dataset import sample_name
from bench.data.kept import read_kept
from bench.errors import BenchError, RefusedInput, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Int64, UInt8
    from torch import Tensor

    from bench.data.dataset import Sample, SegmentationData

_LOST_WORKER = ("DataLoader worker", "DataLoader timed out")  # how torch's two messages begin
_POLLED_S = 0.5
"""Seconds between looks at the workers while a batch is awaited."""


class Batch(NamedTuple):
    """What one training step sees."""

    image: UInt8[Tensor, "b 3 h w"]
    label: Int64[Tensor, "b h w"]
    names: tuple[str, ...]


class Transform(Protocol):
    """Image and label to an augmented pair of one fixed size; all chance comes from the generator."""

    def __call__(self, image: Tensor, label: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return uint8 image (3, h, w) and label (h, w), the same size for every sample."""


def generator_for(*key: int | str) -> torch.Generator:
    """Return a generator whose numbers are a function of the key alone, e.g. (seed, epoch, index)."""
    digest = hashlib.sha256("/".join(str(part) for part in key).encode()).digest()
    # torch's CPU generator takes 32 bits of a seed
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))


def epoch_order(count: int, seed: int, epoch: int) -> list[int]:
    """Return the indices 0..count-1 in the order of this epoch."""
    order: list[int] = torch.randperm(count, generator=generator_for("order", seed, epoch)).tolist()
    return order


def steps_per_epoch(count: int, batch: int, drop_last: bool = True) -> int:
    """Return how many batches an epoch has; an incomplete last one counts unless it is dropped."""
    return count // batch if drop_last else -(-count // batch)


def require_batch(data: SegmentationData, images: int) -> None:
    """Refuse to train on fewer images than one step takes.

    Raises:
        RefusedInput: Both numbers are named.
    """
    if len(data) < images:
        raise RefusedInput(
            f"{data.name} {data.split}: {len(data)} samples, batch {images}; "
            "expected at least one whole batch",
            then=f"set batch (times accumulate) to at most {len(data)}",
        )


def epoch_batches(
    data: SegmentationData,
    transform: Transform,
    batch: int,
    seed: int,
    epoch: int,
    *,
    start_step: int = 0,
    workers: int = 0,
    drop_last: bool = True,
    timeout_s: float = 120.0,
    part: tuple[int, int] = (0, 1),
    device: torch.device | None = None,
) -> Iterator[Batch]:
    """Return the batches of one epoch, from ``start_step`` on.

    The batch of a step is a function of (data, transform, batch, seed, epoch, step): the number of workers
    and the step at which reading starts change nothing. The global random state is neither read nor moved.

    Args:
        data, transform: What is read and how each sample is augmented.
        batch: Samples per step.
        seed, epoch: Seed of the run and epoch; with the sample's index they make each sample's generator.
        start_step: Steps of this epoch that are done already.
        workers: Reading processes; 0 reads in this one.
        drop_last: Drop an incomplete last batch, as training must: BatchNorm cannot train on one sample.
        timeout_s: With workers: longest wait for one batch, in seconds.
        part: (rank, ranks): of each batch only every ranks-th sample, from this rank's on, so that all ranks
            together see the batch, and each part of it that a step accumulates.
        device: The network's. Without workers, a GPU keeps and augments the samples itself: the places drawn
            are those of the CPU, colours differ by one level at most, since a GPU interpolates in floats.

    Raises:
        RefusedInput: The data set is smaller than one batch, or a file is bad (while iterating).
        UsageError: A batch, start step or worker count that makes no sense.
        BenchError: A worker died or hung (while iterating); the awaited samples are named.
    """
    if batch < 1 or workers < 0:
        raise UsageError(f"batch {batch} and {workers} workers, expected batch >= 1 and workers >= 0")
    rank, ranks = part
    if not 0 <= rank < ranks or batch % ranks:
        raise UsageError(f"a batch of {batch} for rank {rank} of {ranks}, expected equal shares")
    require_batch(data, batch)
    steps = steps_per_epoch(len(data), batch, drop_last)
    if not 0 <= start_step <= steps:
        raise UsageError(f"start step {start_step}, expected 0..{steps} (the steps of an epoch)")
    here = device if device is not None and device.type == "cuda" and workers == 0 else None
    epoch_steps = _EpochSteps(data, transform, batch, seed=seed, epoch=epoch, part=part, device=here)
    wanted = range(start_step, steps)
    if workers == 0:
        return (epoch_steps.batch_at(step) for step in wanted)
    return _from_workers(epoch_steps, wanted, workers, timeout_s)


def evaluation_samples(data: SegmentationData) -> Iterator[Sample]:
    """Return the whole samples one by one, in the data set's own order and size.

    What is kept is used and nothing is added to it, so that a scoring's peak memory is its own.
    """
    return (read_kept(data, index, keep=False) for index in range(len(data)))


class _EpochSteps(Dataset[Any]):
    """The batches of one epoch by step; an item is a whole batch, so that workers share nothing."""

    def __init__(
        self,
        data: SegmentationData,
        transform: Transform,
        batch: int,
        *,
        seed: int,
        epoch: int,
        part: tuple[int, int],
        device: torch.device | None,
    ) -> None:
        self.device = device
        self.data = data
        self.transform = transform
        self.batch = batch
        self.seed = seed
        self.epoch = epoch
        self.order = epoch_order(len(data), seed, epoch)
        self.rank, self.ranks = part

    def indices(self, step: int) -> list[int]:
        whole = self.order[step * self.batch : (step + 1) * self.batch]
        return whole[self.rank :: self.ranks]

    def batch_at(self, step: int) -> Batch:
        images: list[Tensor] = []
        labels: list[Tensor] = []
        names: list[str] = []
        for index in self.indices(step):
            sample = read_kept(self.data, index, device=self.device)
            generator = generator_for("sample", self.seed, self.epoch, index)
            image, label = self.transform(sample.image, sample.label, generator)
            images.append(image)
            labels.append(label)
            names.append(sample.name)
        return Batch(torch.stack(images), torch.stack(labels).long(), tuple(names))

    def __getitem__(self, step: int) -> Batch | BenchError | MemoryError:
        # torch would bury the message of an exception in a worker's traceback: carry it over as a value
        try:
            return self.batch_at(step)
        except (BenchError, MemoryError) as error:
            return error


def _as_it_is(item: Any) -> Any:
    return item


def _leave_signals_to_the_parent(worker: int) -> None:
    # Ctrl-C reaches every process of the terminal, a scheduler's SIGTERM every process of the job; a worker
    # that died of it would spoil the last step
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _from_workers(epoch_steps: _EpochSteps, wanted: range, workers: int, timeout_s: float) -> Iterator[Batch]:
    with warnings.catch_warnings():
        # more workers than cores is the caller's choice
        warnings.filterwarnings("ignore", message="This DataLoader will create", category=UserWarning)
        loader = DataLoader(
            epoch_steps,
            batch_size=None,
            sampler=wanted,
            num_workers=workers,
            collate_fn=_as_it_is,
            worker_init_fn=_leave_signals_to_the_parent,
            generator=torch.Generator(),  # else torch draws from, and moves, the global state
        )
        items = _iterated(loader)
    owner = os.getpid()
    try:
        for step in wanted:
            yield _received(items, epoch_steps, step, timeout_s)
    finally:
        # at once, not when the last reference dies: a later fork would inherit the dying iterator. A child
        # that inherited this one all the same must leave its parent's workers alone.
        if os.getpid() == owner:
            items._shutdown_workers()
            _end(items._workers)


def _iterated(loader: DataLoader[Any]) -> Any:
    """Return the loader's iterator, without torch's handler that raises in the middle of a step."""
    if not hasattr(signal, "SIGCHLD") or threading.current_thread() is not threading.main_thread():
        return iter(loader)
    before = signal.getsignal(signal.SIGCHLD)
    items = iter(loader)
    signal.signal(signal.SIGCHLD, before if before is not None else signal.SIG_DFL)
    return items


def _end(workers: Any) -> None:
    """End what is left of the workers: one that hangs or is stopped takes no other signal."""
    for worker in workers:
        if worker.is_alive():
            worker.kill()
            worker.join(_POLLED_S)


def _next(items: Any, timeout_s: float) -> Any:
    """Return the workers' next item, at most ``timeout_s`` later.

    A thread waits for it: the tensors of a worker that hangs or is stopped cannot be received, which torch
    itself waits for without an end.

    Raises:
        RuntimeError: A worker is dead, or the time is over.
    """
    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def wait() -> None:
        try:
            answers.put((next(items), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=wait, daemon=True).start()
    deadline_s = time.monotonic() + timeout_s
    while True:
        left_s = deadline_s - time.monotonic()
        try:
            item, error = answers.get(timeout=max(0.0, min(_POLLED_S, left_s)))
        except queue.Empty:
            dead = [str(worker.pid) for worker in items._workers if not worker.is_alive()]
            if dead or left_s <= 0:
                _end(items._workers)
                what = f"(pid {', '.join(dead)}) died" if dead else f"gave nothing for {timeout_s:g} s"
                raise RuntimeError(f"{_LOST_WORKER[0]} {what}") from None
            continue
        if error is not None:
            raise error
        return item


def _received(items: Any, epoch_steps: _EpochSteps, step: int, timeout_s: float) -> Batch:
    """Return the next batch of the workers; what went wrong there is raised here."""
    try:
        item = _next(items, timeout_s)
    except (RuntimeError, OSError, EOFError) as error:
        # a worker that dies while its tensors are received is a broken connection
        if isinstance(error, RuntimeError) and not str(error).startswith(_LOST_WORKER):
            raise
        names = ", ".join(sample_name(epoch_steps.data, index) for index in epoch_steps.indices(step))
        raise BenchError(
            f"a data worker died or gave no batch within {timeout_s:g} s; step {step} of epoch "
            f"{epoch_steps.epoch} awaits {names} ({error})",
            then="resume the run; with workers = 0 a bad sample shows its own error",
        ) from error
    if isinstance(item, BenchError | MemoryError):
        raise item
    return item  # type: ignore[no-any-return]
