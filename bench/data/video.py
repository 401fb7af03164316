"""The frames of a video file in their order, upright, and what of it cannot be read; PyAV decodes it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from bench.errors import RefusedInput
from bench.extras import import_extra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jaxtyping import UInt8
    from torch import Tensor

VIDEO_ENDS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
_CONTAINERS = {"format_whitelist": "mov,matroska,avi"}
"""Without it the file decides how it is read: a playlist under such a name opens other files."""
_CUT_S = 0.5
"""Seconds that may be missing at the end: the durations of a container are rounded."""
_USUAL_RATE = 25
_THEN = f"expected a video named {', '.join(VIDEO_ENDS)} that PyAV can decode"


def is_video(path: Path) -> bool:
    """Return whether a file's name is that of a video."""
    return path.suffix.lower() in VIDEO_ENDS


def import_av() -> Any:
    """Return PyAV.

    Raises:
        UsageError: The extra ``video`` is not installed.
    """
    return import_extra("av", "video")


class Video:
    """A video file, open for reading; used as a context.

    Args:
        path: The file.

    Attributes:
        rate: Frames per second, on average.
        time_base: Seconds per unit of a frame's time.
        expected: Number of frames by the file's header, or by its duration; None where neither is known.
        has_sound: Whether it has an audio stream.
        faults: What could not be read, after the last frame; empty for a whole file.

    Raises:
        UsageError: The extra ``video`` is not installed.
        RefusedInput: No such file, or not a video.
    """

    def __init__(self, path: Path) -> None:
        self._av = import_av()
        self.path = path
        if not path.is_file():
            raise RefusedInput(f"{path}: no such file")
        try:
            # absolute: a name with a colon would be taken for an address
            self._container = self._av.open(str(path.absolute()), options=_CONTAINERS)
        except self._av.FFmpegError as error:
            raise RefusedInput(f"{path}: not a video ({error.strerror})", then=_THEN) from error
        stream = next(iter(self._container.streams.video), None)
        if stream is None or stream.codec_context is None:
            self._container.close()
            raise RefusedInput(f"{path}: no video stream in it that can be decoded", then=_THEN)
        self._stream = stream
        self.rate = Fraction(stream.average_rate or _USUAL_RATE)
        self.time_base = Fraction(stream.time_base or 1 / self.rate)
        self.has_sound = bool(self._container.streams.audio)
        microseconds = self._container.duration
        self._seconds = None if not microseconds else microseconds / 1e6
        by_duration = None if self._seconds is None else round(self._seconds * self.rate)
        self.expected: int | None = stream.frames or by_duration
        self.faults: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self._container.close()

    def frames(self) -> Iterator[tuple[int, UInt8[Tensor, "3 h w"]]]:
        """Yield the time of each frame, from 0 and rising, in units of ``time_base``, and its RGB image.

        What cannot be decoded is left out and counted in ``faults``.
        """
        first, last, damaged, size_hw = None, -1, 0, None
        step = max(1, round(1 / (self.rate * self.time_base)))
        for packet in self._packets():
            if packet.stream.index != self._stream.index:
                continue
            try:
                decoded = packet.decode()
            except self._av.FFmpegError:
                damaged += 1
                continue
            for frame in decoded:
                damaged += bool(frame.is_corrupt)
                pixels = _upright(frame.to_ndarray(format="rgb24"), frame.rotation)
                if size_hw not in (None, pixels.shape[:2]):
                    self.faults.append(f"changes its size to {pixels.shape[1]}x{pixels.shape[0]}")
                    return
                size_hw = pixels.shape[:2]
                pts = last + step if frame.pts is None else frame.pts
                first = pts if first is None else first
                last = max(last + 1, pts - first)
                yield last, torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
        if damaged:
            self.faults.append(f"{damaged} damaged frame{'s' * (damaged != 1)}")

    def _packets(self) -> Iterator[Any]:
        """Yield the packets of all streams; those of the sound tell how far the file goes."""
        began_s = (self._container.start_time or 0) / 1e6
        end_s = began_s
        try:
            for packet in self._container.demux():
                if packet.pts is not None and packet.time_base:
                    end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                yield packet
        except self._av.FFmpegError as error:
            self.faults.append(f"cannot be read to its end ({error.strerror})")
            return
        if self._seconds is not None and end_s - began_s < self._seconds - _CUT_S:
            self.faults.append(f"ends after {end_s - began_s:.1f} s of {self._seconds:.1f} s")


def _upright(
    pixels: UInt8[np.ndarray[Any, Any], "h w 3"], degrees: int
) -> UInt8[np.ndarray[Any, Any], "a b 3"]:
    """Return pixels turned counterclockwise by the nearest quarter, as a phone's video wants to be shown."""
    return np.ascontiguousarray(np.rot90(pixels, round(degrees / 90)))
