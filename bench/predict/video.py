"""Run a network on a video: each frame under its classes, as a video of the same times, above a legend."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from PIL import Image

from baselines.sizes import ANY, SizeRule
from bench.data.unlabelled import OneImage, unlabelled
from bench.data.video import Video, import_av
from bench.errors import RefusedInput, UsageError
from bench.evaluate.evaluate import predictions
from bench.files import GrowingFile
from bench.predict.overlay import ClassShare, blended, counts_of, shares_of_counts, sheet
from bench.predict.predict import require_absent

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction
    from pathlib import Path

    from jaxtyping import UInt8
    from torch import nn

    from bench.data.statistics import Statistics
    from bench.data.unlabelled import ImageFiles

_CODEC, _PIXELS = "h264", "yuv420p"
"""What every player shows; its colours have half the resolution, so that both sides are even."""


@dataclass(frozen=True)
class PredictedVideo:
    """A video's result.

    Attributes:
        video: The file.
        overlay: The video that was written.
        size_hw: Height and width of a frame.
        frames: Number of frames.
        shares: Classes in all of its frames, by share.
        has_sound: Whether it has sound, which the overlay has not.
        faults: What could not be read.
    """

    video: Path
    overlay: Path
    size_hw: tuple[int, int]
    frames: int
    shares: tuple[ClassShare, ...]
    has_sound: bool
    faults: tuple[str, ...]


def overlay_of(video: Path, out: Path) -> Path:
    """Return where a video's overlay is written."""
    return out / f"{video.stem}_overlay.mp4"


def predict_video(
    network: nn.Module,
    files: ImageFiles,
    path: Path,
    statistics: Statistics,
    device: torch.device,
    *,
    out: Path,
    sizes: SizeRule = ANY,
    overwrite: bool = False,
    progress: Callable[[int, int | None], None] = lambda done, frames: None,
) -> PredictedVideo:
    """Write the overlay of a video's frames; what cannot be read is left out and named.

    Args:
        network, statistics, device, sizes: As in ``bench.evaluate.evaluate.predictions``.
        files: The classes that the network was trained on.
        path: The video.
        out: Folder of the result.
        overwrite: Replace a result that is there.
        progress: Called with the frames done and those expected.

    Raises:
        UsageError: The extra ``video`` is not installed, or its FFmpeg writes no H.264.
        RefusedInput: Not a video, none of its frames can be read, a network's file that takes another size,
            a result that is there already, or a disk that refuses.
    """
    target = overlay_of(path, out)
    require_absent([target], overwrite)
    counts = torch.zeros(256, dtype=torch.int64)
    frames, size_hw = 0, (0, 0)
    with Video(path) as video, _Written(target, files, video) as written:
        for when, image in video.frames():
            progress(frames, video.expected)
            one = OneImage(files, unlabelled(image, path.stem))
            try:
                ((_, found, _),) = predictions(network, one, statistics, device, sizes)
            except RefusedInput as error:  # its size is not the network's; so is that of all frames
                raise RefusedInput(f"{path}: {error}", then=error.then) from error
            prediction = found.to("cpu", torch.uint8)
            counts += counts_of(prediction)
            written.add(when, blended(image, prediction, files.palette))
            frames, size_hw = frames + 1, (image.shape[1], image.shape[2])
        if not frames:
            raise RefusedInput(
                f"{path}: no frame of it can be read", then="play it, or convert it with ffmpeg"
            )
        written.finish()
    progress(frames, frames)
    shares = tuple(shares_of_counts(counts, files.classes, files.palette))
    return PredictedVideo(path, target, size_hw, frames, shares, video.has_sound, tuple(video.faults))


class _Written:
    """The video that is written; it gets its name by ``finish``, else nothing is left.

    Args:
        path: Its name.
        files: The classes of its legend, which a picture lower than that goes without.
        video: Where its frames come from.
    """

    def __init__(self, path: Path, files: ImageFiles, video: Video) -> None:
        self._av = import_av()
        self._files, self._rate, self._time_base = files, video.rate, video.time_base
        self._path = path
        self._file = GrowingFile(path)
        self._container = self._av.open(str(self._file.temporary), "w", format="mp4")
        self._stream: Any = None
        self._sheet = np.zeros((0, 0, 3), np.uint8)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        with contextlib.suppress(self._av.FFmpegError):
            self._container.close()
        self._file.__exit__(*details)

    def add(self, when: int, pixels: UInt8[np.ndarray[Any, Any], "h w 3"]) -> None:
        """Write a frame."""
        if self._stream is None:
            self._sheet = _sheet(pixels, self._files)
            self._stream = _stream(self._container, self._sheet, self._rate, self._time_base)
        self._sheet[: pixels.shape[0], : pixels.shape[1]] = pixels
        frame = self._av.VideoFrame.from_ndarray(self._sheet, format="rgb24")
        frame.pts, frame.time_base = when, self._time_base
        self._write(frame)

    def finish(self) -> None:
        """Write what is left and give the file its name."""
        self._write(None)
        try:
            self._container.close()
        except self._av.FFmpegError as error:
            raise RefusedInput(f"{self._path}: cannot write ({error.strerror})") from error
        self._file.finish()

    def _write(self, frame: Any) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except self._av.FFmpegError as error:
            raise RefusedInput(f"{self._path}: cannot write ({error.strerror})") from error


def _sheet(
    pixels: UInt8[np.ndarray[Any, Any], "h w 3"], files: ImageFiles
) -> UInt8[np.ndarray[Any, Any], "a b 3"]:
    """Return what all frames share: the first above a legend of all classes, with even sides."""
    picture = Image.fromarray(pixels)
    shown = sheet(picture, list(zip(files.classes, files.palette, strict=True)))
    if shown.height > 2 * picture.height:
        shown = picture
    even = Image.new("RGB", (shown.width + shown.width % 2, shown.height + shown.height % 2))
    even.paste(shown)
    return np.array(even)


def _stream(container: Any, pixels: np.ndarray[Any, Any], rate: Fraction, time_base: Fraction) -> Any:
    try:
        stream = container.add_stream(_CODEC, rate=rate)
    except ValueError as error:  # FFmpeg can be built without
        raise UsageError(
            f"this PyAV cannot write {_CODEC} ({error})", then="pip install --force-reinstall av"
        ) from error
    stream.height, stream.width = pixels.shape[:2]
    stream.pix_fmt = _PIXELS
    stream.codec_context.time_base = time_base
    return stream
