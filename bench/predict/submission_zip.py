"""The files of a submission's zip by their names, before any of them is opened."""

from __future__ import annotations

import re
import stat
import zipfile
from typing import TYPE_CHECKING

from bench.data.archive import DAMAGE
from bench.data.folder import COMPANION
from bench.errors import RefusedInput, no_file
from bench.predict.submission_format import FORMATS, SubmissionFormat

if TYPE_CHECKING:
    from pathlib import Path

MOST_FILES = 100_000
_LISTED = 5  # problems of one kind that are named
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")  # meant as labels, whatever they are
_DRIVE = re.compile(r"[A-Za-z]:")


class Problems:
    """Problems by kind: a zip that is wrong is mostly wrong 1525 times in one way."""

    def __init__(self) -> None:
        self._by_kind: dict[str, list[str]] = {}

    def add(self, kind: str, text: str) -> None:
        """Note one problem; ``kind`` is what those after the first few are counted as."""
        self._by_kind.setdefault(kind, []).append(text)

    def take(self, kind: str) -> list[str]:
        """Return the problems of one kind, and forget them."""
        return self._by_kind.pop(kind, [])

    def lines(self) -> list[str]:
        """Return the first few of each kind, and how many more there are."""
        lines = []
        for kind, texts in self._by_kind.items():
            lines += texts[:_LISTED]
            if len(texts) > _LISTED:
                lines.append(f"{len(texts) - _LISTED} more files: {kind}")
        return lines


def members_of(archive: Path) -> list[zipfile.ZipInfo]:
    """Return what a zip says that is in it.

    Raises:
        RefusedInput: No such file, not a zip, or more files than any submission has.
    """
    if not archive.is_file():
        raise RefusedInput(no_file(archive))
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
    except DAMAGE as error:
        raise RefusedInput(f"{archive}: not a whole zip archive ({error})") from error
    if not all(info.filename for info in members):
        raise RefusedInput(f"{archive}: a file without a name")
    if len(members) > MOST_FILES:
        raise RefusedInput(f"{archive}: {len(members)} files, expected at most {MOST_FILES}")
    return members


def format_of(archive: Path) -> SubmissionFormat:
    """Return the format of which the first well-named file in a zip is.

    Raises:
        RefusedInput: Not a zip, or no file in it is named as any format wants.
    """
    members = members_of(archive)
    for info in members:
        base = re.split(r"[/\\]", info.orig_filename)[-1]
        for candidate in FORMATS.values():
            if candidate.pattern.fullmatch(base):
                return candidate
    examples = " or ".join(candidate.example for candidate in FORMATS.values())
    raise RefusedInput(f"{archive}: none of its {len(members)} files is named like {examples}")


def label_members(
    members: list[zipfile.ZipInfo], wanted: SubmissionFormat, problems: Problems, notes: list[str]
) -> dict[str, zipfile.ZipInfo]:
    """Return {frame: member} of the files whose name and kind are right, each frame once.

    What the evaluator does not look at either is left out, and said in ``notes``.
    """
    frames: dict[str, zipfile.ZipInfo] = {}
    left_out: list[str] = []
    for info in members:
        name = info.orig_filename
        base = name.rpartition("/")[2]
        if _unsafe(name):
            problems.add("unsafe path", f"{name[:200]!r}: a path that leaves the folder it is unpacked in")
        elif info.is_dir():
            continue
        elif (
            name.startswith("__MACOSX/") or not base.lower().endswith(PICTURES) or base.startswith(COMPANION)
        ):
            left_out.append(name)
        elif "\\" in name:
            problems.add(
                "back slashes", f"{name[:200]}: back slashes in its name; expected / between folders"
            )
        elif base != name and not wanted.folders:
            problems.add("in a folder", f"{name[:200]}: in a folder; expected files at the top of the zip")
        elif stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG) or info.flag_bits & 1:
            problems.add("no plain file", f"{name[:200]}: a link, special or encrypted; allowed: plain files")
        elif (match := wanted.pattern.fullmatch(base)) is None:
            problems.add("wrong name", f"{name[:200]}: wrong name; one that is right is {wanted.example}")
        elif match["frame"] in frames:
            other = frames[match["frame"]].orig_filename
            problems.add("twice", f"{name}: a second file of {match['frame']}, next to {other}")
        else:
            frames[match["frame"]] = info
    if left_out:
        notes.append(f"{len(left_out)} files are left out, as the evaluator does, first {left_out[0][:200]}")
    return frames


def _unsafe(name: str) -> bool:
    return (
        name.startswith(("/", "\\"))
        or _DRIVE.match(name) is not None
        or "\0" in name
        or ".." in re.split(r"[/\\]", name)
    )
