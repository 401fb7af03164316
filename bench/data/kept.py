"""Decoded samples, kept in memory, or on a GPU, for the epochs and runs of one process.

A kept sample is used only while its files have the size, times and place on disk that they had when it was
decoded; so it holds the pixels that decoding would give, bit for bit. Nothing is written to disk: a process
that is killed leaves nothing behind that could be damaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from bench.data.dataset import Sample

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    import torch

    from bench.data.dataset import SegmentationData

MOST_BYTES = 2 << 30
"""Most memory for kept samples, of which CamVid's three splits take 485 MB."""
_OF_FREE = 4
"""The bound is at most this fraction (one in four) of the memory free when the first sample is kept; of a
device's own memory it is just this."""


@runtime_checkable
class HasVersions(Protocol):
    """A data set that knows what decides a sample without reading it."""

    def version(self, index: int) -> Hashable | None:
        """Return what differs whenever the sample would; None where it must be read each time."""


def state_of(path: Path) -> tuple[int, ...]:
    """Return what tells a file from what it was before: its place on disk, size and times."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@dataclass
class KeptSamples:
    """Samples by their version, until the memory for them is full; then the others are read each time.

    Attributes:
        most_bytes: Bound of the pixels kept; None is `MOST_BYTES`, or less where less memory is free.
        held_bytes: Pixels kept.
        device: Where they are kept; None is the memory of the process.
    """

    most_bytes: int | None = None
    held_bytes: int = 0
    device: torch.device | None = None

    def __post_init__(self) -> None:
        """Start with none."""
        self._samples: dict[Hashable, Sample] = {}

    def read(self, data: SegmentationData, index: int, *, keep: bool = True) -> Sample:
        """Return the sample at ``index``; its tensors are the caller's own.

        Raises:
            RefusedInput: As ``data.read``.
        """
        version = _version(data, index)
        found = self._samples.get(version) if version is not None else None
        if found is None:
            found = self._placed(data.read(index))
            # a file written meanwhile may be of either version
            if not keep or version is None or version != _version(data, index) or not self._fits(found):
                return found
            self._samples[version] = found
            self.held_bytes += _bytes(found)
        return Sample(found.image.clone(), found.label.clone(), found.name)

    def read_all(self, data: SegmentationData) -> None:
        """Keep every sample that is not kept yet, up to the first that cannot be."""
        for index in range(len(data)):
            if _version(data, index) not in self._samples:
                held_bytes = self.held_bytes
                self.read(data, index)
                if self.held_bytes == held_bytes:
                    return

    def _placed(self, sample: Sample) -> Sample:
        if self.device is None:
            return sample
        return Sample(sample.image.to(self.device), sample.label.to(self.device), sample.name)

    def _fits(self, sample: Sample) -> bool:
        from torch.utils.data import get_worker_info  # noqa: PLC0415 - torch is here once a sample is

        if get_worker_info() is not None:  # what a reading process keeps ends with it
            return False
        if self.most_bytes is None:
            self.most_bytes = _most_bytes(self.device)
        return self.held_bytes + _bytes(sample) <= self.most_bytes


_KEPT: dict[torch.device | None, KeptSamples] = {}


def read_kept(
    data: SegmentationData, index: int, *, keep: bool = True, device: torch.device | None = None
) -> Sample:
    """Return the sample at ``index``, decoded once per process where memory allows.

    Args:
        data, index: As ``data.read`` has them, and with its errors.
        keep: Whether to keep it for the next reader, too.
        device: Where its tensors shall be, and are kept; None is the memory of the process.
    """
    return _kept_on(device).read(data, index, keep=keep)


def keep_samples(data: SegmentationData) -> None:
    """Decode a split that will be read more than once, as far as memory allows; errors as ``data.read``."""
    _kept_on(None).read_all(data)


def _kept_on(device: torch.device | None) -> KeptSamples:
    return _KEPT.setdefault(device, KeptSamples(device=device))


def _most_bytes(device: torch.device | None) -> int:
    if device is not None and device.type == "cuda":
        import torch  # noqa: PLC0415 - a table names data sets and reads none

        return int(torch.cuda.mem_get_info(device)[0]) // _OF_FREE
    import psutil  # noqa: PLC0415

    return min(MOST_BYTES, int(psutil.virtual_memory().available) // _OF_FREE)


def _version(data: SegmentationData, index: int) -> Hashable | None:
    if not isinstance(data, HasVersions):
        return None
    try:
        return data.version(index)
    except OSError:  # reading says which file is missing
        return None


def _bytes(sample: Sample) -> int:
    return sample.image.nbytes + sample.label.nbytes
