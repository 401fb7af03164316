"""Look at a submission's zip as the test server will, before it is uploaded; nothing is unpacked to disk."""

from __future__ import annotations

import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from bench.data.archive import DAMAGE
from bench.data.cityscapes import train_ids_suspected
from bench.data.dataset import IGNORE
from bench.data.images import read_ids
from bench.errors import RefusedInput
from bench.files import sha256_of_file
from bench.predict.submission_format import SubmissionFormat
from bench.predict.submission_zip import Problems, format_of, label_members, members_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from jaxtyping import UInt8
    from torch import Tensor

_LARGEST_FILE_BYTES = 64 << 20  # a label of 1024x2048 has 2 MiB before compression
_PNG = b"\x89PNG\r\n\x1a\n"
_GREY, _PALETTE = (8, 0), 3  # bit depth and colour type in a PNG's header; an index is an id
_COLOUR_TYPES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey and alpha", 6: "RGB and alpha"}
_LISTED = 5  # ids of one file that are named


@dataclass
class SubmissionReport:
    """What a look at a zip found.

    Attributes:
        archive, sha256, size_bytes: The file.
        data, split: What it was taken for.
        files: Label files with a name of the format, and how many are wanted (None: not known).
        groups: {city or split: files}.
        pixels: {id: pixels}, over all files that could be read.
        problems: Why the server would refuse it or score it wrongly; none is ready to upload.
        notes: What is worth knowing and not wrong.
    """

    archive: str
    sha256: str
    size_bytes: int
    data: str
    split: str
    files: int = 0
    wanted: int | None = None
    groups: dict[str, int] = field(default_factory=dict)
    pixels: dict[int, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def validate_submission(
    archive: Path,
    wanted: SubmissionFormat | None = None,
    split: str = "test",
    *,
    images: Mapping[str, tuple[int, int] | None] | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> SubmissionReport:
    """Check names, count, sizes, kind and ids of the label files in a zip.

    Args:
        archive: The zip.
        wanted: The server's format; None finds it from the names in the zip.
        split: Whose images are labelled.
        images: {name: (height, width)} of exactly the images whose labels must be there (None: the size is
            not compared), where they are at hand; without it names are checked by their pattern and number by
            city.
        progress: Called with files done and files in all.

    Raises:
        RefusedInput: No such file, not a zip, or nothing in it that is named as any format wants. Everything
            else that is wrong is listed in the report.
    """
    members = members_of(archive)
    wanted = wanted or format_of(archive)
    report = SubmissionReport(
        str(archive), sha256_of_file(archive), archive.stat().st_size, wanted.data, split
    )
    problems = Problems()
    frames = label_members(members, wanted, problems, report.notes)
    report.files = len(frames)
    _count(report, frames, wanted, images, problems)
    # where labels are missing, a picture of another name may be one of them
    more = problems.take("wrong name") if report.files == report.wanted else []
    if more:
        report.notes.append(f"{len(more)} more pictures are left out, as the evaluator does, first {more[0]}")
    histogram = torch.zeros(256, dtype=torch.int64)
    with zipfile.ZipFile(archive) as opened:
        for done, (frame, info) in enumerate(frames.items(), start=1):
            label = _label(opened, info, problems)
            if label is not None:
                _check_size(info.orig_filename, label, wanted.size_hw or (images or {}).get(frame), problems)
                _check_ids(info.orig_filename, label, wanted, problems)
                histogram += label.flatten().bincount(minlength=256)
            progress(done, len(frames))
    report.pixels = {value: int(count) for value, count in enumerate(histogram.tolist()) if count}
    report.problems = [*_explained(report, wanted), *problems.lines()]
    unscored = sum(count for value, count in report.pixels.items() if value not in wanted.stored_ids)
    if unscored and not report.problems:
        report.notes.append(f"{unscored} pixels have ids that are not scored, and count as wrong")
    return report


def _count(
    report: SubmissionReport,
    frames: dict[str, zipfile.ZipInfo],
    wanted: SubmissionFormat,
    images: Collection[str] | None,
    problems: Problems,
) -> None:
    """Compare what is there with what must be: by name where the names are known, else by group."""
    groups = Counter(_group(frame, wanted) for frame in frames)
    report.groups = dict(sorted(groups.items()))
    if images is not None:
        report.wanted = len(images)
        for name in sorted(set(images) - set(frames)):
            problems.add("missing", f"{name}: missing")
        for name in sorted(set(frames) - set(images)):
            problems.add("no such image", f"{name}: no such image in {wanted.data} {report.split}")
        return
    report.wanted = wanted.count(report.split)
    expected = wanted.groups.get(report.split)
    if expected is None:
        report.notes.append(f"the number of {wanted.data} {report.split} images is not checked")
        return
    report.notes.append("names are checked by pattern and number; give --data-root to check each")
    if len(frames) != report.wanted:
        problems.add("count", f"{len(frames)} label files, must be {report.wanted}")
    for group in sorted({*groups, *expected}):
        count, must = groups[group], expected.get(group, 0)
        if count != must:
            problems.add(f"count of {group}", f"{group}: {count} files, must be {must}")


def _group(frame: str, wanted: SubmissionFormat) -> str:
    match = wanted.pattern.fullmatch(f"{frame}.png")
    return match["group"] if match else ""


def _label(opened: zipfile.ZipFile, info: zipfile.ZipInfo, problems: Problems) -> UInt8[Tensor, "h w"] | None:
    """Return a member's ids, or None with the reason added."""
    name = info.orig_filename
    if info.file_size > _LARGEST_FILE_BYTES:
        allowed = f"expected at most {_LARGEST_FILE_BYTES}"
        problems.add("too large", f"{name}: declares {info.file_size} bytes, {allowed}")
        return None
    try:
        # zipfile yields no more than the declared size, and compares the checksum
        content = opened.read(info)
    except DAMAGE as error:
        problems.add("damaged in the zip", f"{name}: damaged in the zip ({error})")
        return None
    kind = tuple(content[24:26]) if content.startswith(_PNG) and len(content) > 26 else _GREY
    if kind != _GREY and kind[-1] != _PALETTE:
        what = f"{kind[0]}-bit {_COLOUR_TYPES.get(kind[1], 'unknown')}"
        must = "must be 8-bit grey or palette: one channel of ids"
        problems.add("no PNG of one 8-bit channel", f"{name}: a {what} PNG, {must}")
        return None
    try:
        return read_ids(Path(name), content)
    except RefusedInput as error:
        problems.add("no PNG of one 8-bit channel", str(error))
        return None


def _check_size(
    name: str, label: UInt8[Tensor, "h w"], allowed_hw: tuple[int, int] | None, problems: Problems
) -> None:
    height, width = label.shape
    if allowed_hw is not None and (height, width) != allowed_hw:
        allowed = f"{allowed_hw[0]}x{allowed_hw[1]}"
        problems.add("wrong size", f"{name}: {height}x{width}, must be {allowed} (height x width)")


def _check_ids(name: str, label: UInt8[Tensor, "h w"], wanted: SubmissionFormat, problems: Problems) -> None:
    present = label.flatten().bincount(minlength=256).nonzero().flatten().tolist()
    bad = [value for value in present if value not in wanted.allowed_ids]
    if bad:
        ids = ", ".join(map(str, bad[:_LISTED])) + (", ..." if len(bad) > _LISTED else "")
        allowed = f"{wanted.allowed_ids.start}..{wanted.allowed_ids.stop - 1}"
        text = f"{name}: id {ids}, expected {allowed}"
        if IGNORE in bad:
            text += "; 255 is training's mark for 'not counted', a prediction has a class everywhere"
        problems.add("ids that are not allowed", text)


def _explained(report: SubmissionReport, wanted: SubmissionFormat) -> list[str]:
    """Return the one cause of many bad ids where it can be told: train ids in place of stored ones."""
    present = set(report.pixels)
    histogram = torch.zeros(256, dtype=torch.int64)
    histogram[sorted(present)] = 1
    if wanted.data == "cityscapes" and train_ids_suspected(histogram) and present - set(wanted.stored_ids):
        return [
            "all files together hold only ids 0..18 and 255, so these are train ids, not label ids: the "
            "server reads 7 as road and 26 as car, and would score near 0.4 % mIoU"
        ]
    if wanted.data == "ade20k" and 0 in present and present <= set(range(150)):
        return [
            "all files together hold only ids 0..149, so these are train ids: the server's ids are one higher"
        ]
    return []
