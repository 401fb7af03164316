"""Unpack archives that come from elsewhere: looked at as a whole before the first byte is written."""

from __future__ import annotations

import lzma
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import RefusedInput, no_file
from bench.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGEST_TOTAL_BYTES = 32 << 30  # Cityscapes' images, the largest archive here, have 11 GiB
LARGEST_FILE_BYTES = 256 << 20  # a label or image, held in memory while it is written
MOST_MEMBERS = 1_000_000
_DRIVE = re.compile(r"^[A-Za-z]:")
DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
    MemoryError,  # a compression may ask for a dictionary of gigabytes
)
"""What reading an archive raises that is damaged, or packed as Python cannot unpack."""

_THEN = "nothing was written; re-download the archive"


@dataclass(frozen=True)
class Member:
    """A file of an archive: its name there, where it goes below the target, bytes, CRC-32 where stored."""

    name: str
    target: str
    size: int
    crc32: int | None


@dataclass(frozen=True)
class Plan:
    """What will be unpacked from one archive, and how many of its files are not needed."""

    archive: Path
    members: tuple[Member, ...]
    left_out: int


@dataclass
class Unpacked:
    """Files written now, files that were there already with the same content, files not needed."""

    written: int = 0
    kept: int = 0
    left_out: int = 0


def plan(
    archive: Path, place: Callable[[str], str | None], *, limit_bytes: int = LARGEST_TOTAL_BYTES
) -> Plan:
    """Look at every member of a zip or tar archive; refuse the archive for a single bad one.

    Args:
        archive: ``.zip``, ``.tar`` or a compressed ``.tar``; told apart by content.
        place: Member name to path below the target, or None for a file that is not needed. Only these paths
            are ever written to.
        limit_bytes: Most bytes that all members together may declare.

    Raises:
        RefusedInput: Not an archive; a path that is absolute or climbs with ``..``; a link or device; an
            encrypted member; more bytes than allowed (declared, so known before anything is written); two
            members for one place; nothing in it that belongs to the data set.
    """
    members: dict[str, Member] = {}
    total = left_out = 0
    try:
        for count, (name, size, crc32, bad) in enumerate(_listed(archive), start=1):
            _check_name(archive, name)
            if bad:
                raise RefusedInput(f"{archive}: {name} is {bad}, expected plain files and folders", _THEN)
            total += size
            if total > limit_bytes or count > MOST_MEMBERS:
                raise RefusedInput(
                    f"{archive}: {count} files declare {total} bytes unpacked, "
                    f"expected at most {MOST_MEMBERS} files and {limit_bytes} bytes",
                    _THEN,
                )
            target = place(name.replace("\\", "/"))  # as some programs of Windows write paths
            if target is None:
                left_out += 1
                continue
            if size > LARGEST_FILE_BYTES:
                raise RefusedInput(
                    f"{archive}: {name} has {size} bytes, allowed for one file are {LARGEST_FILE_BYTES}",
                    _THEN,
                )
            other = members.get(target.lower())  # as a disk that does not tell cases apart sees it
            if other is not None:
                raise RefusedInput(f"{archive}: {other.name} and {name} both belong at {target}", _THEN)
            members[target.lower()] = Member(name, target, size, crc32)
    except DAMAGE as error:
        raise RefusedInput(f"{archive}: not a whole zip or tar archive ({error})", _THEN) from error
    if not members:
        raise RefusedInput(f"{archive}: none of its {left_out} files belongs to this data set", _THEN)
    return Plan(archive, tuple(members.values()), left_out)


def unpack(
    plans: list[Plan], target: Path, *, seen: Callable[[int, int], None] = lambda *_: None
) -> Unpacked:
    """Write what was planned below ``target``; what is there already with the same content stays.

    Rerunning the call resumes an interrupted one.

    Raises:
        RefusedInput: The disk has not the room for it (before anything is written), or an archive is damaged:
            the files written until then are whole and stay.
    """
    needed = sum(
        member.size
        for one in plans
        for member in one.members
        if not _has_size(target / member.target, member.size)
    )
    existing = next(folder for folder in (target, *target.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise RefusedInput(
            f"{target}: {needed} bytes to unpack, {free} free on its disk",
            "nothing was written; free the space or choose another folder with --out",
        )
    result = Unpacked(left_out=sum(one.left_out for one in plans))
    done, total = 0, sum(len(one.members) for one in plans)
    for one in plans:
        by_name = {member.name: member for member in one.members}
        try:
            for name, read in _contents(one.archive, set(by_name)):
                _write(target / by_name[name].target, by_name[name], read, result)
                done += 1
                seen(done, total)
        except DAMAGE as error:
            raise RefusedInput(
                f"{one.archive}: damaged ({error}); {result.written} files were written before, each whole",
                "re-download the archive, then rerun the command",
            ) from error
    return result


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _check_name(archive: Path, name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or _DRIVE.match(name) or "\0" in name:
        raise RefusedInput(
            f"{archive}: {name[:200]} is an absolute path, expected paths below a folder", _THEN
        )
    if ".." in parts:
        raise RefusedInput(
            f"{archive}: {name[:200]} climbs out of the folder, expected paths below it", _THEN
        )


def _listed(archive: Path) -> Iterator[tuple[str, int, int | None, str]]:
    """Yield name, declared bytes, CRC-32 and what is bad about the kind of each member that is no folder."""
    if not archive.is_file():
        raise RefusedInput(no_file(archive))
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if not info.filename:
                    raise RefusedInput(f"{archive}: a file without a name", _THEN)
                # orig_filename, because zipfile cuts the name at a zero byte
                if not info.is_dir():
                    yield info.orig_filename, info.file_size, info.CRC, _bad_zip(info)
                else:
                    _check_name(archive, info.orig_filename)
        return
    with tarfile.open(archive, "r:*") as opened_tar:
        for member in opened_tar:
            if member.isdir():
                _check_name(archive, member.name)
            else:
                yield member.name, member.size, None, "" if member.isreg() else _kind(member)


def _bad_zip(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "a link" if stat.S_ISLNK(mode) else "a special file"
    return "encrypted" if info.flag_bits & 1 else ""


def _kind(member: tarfile.TarInfo) -> str:
    return "a link" if member.issym() or member.islnk() else "a special file"


def _contents(archive: Path, wanted: set[str]) -> Iterator[tuple[str, Callable[[], bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if info.orig_filename in wanted:
                    yield info.orig_filename, lambda info=info: opened.read(info)  # type: ignore[misc]
        return
    with tarfile.open(archive, "r:*") as opened_tar:
        for member in opened_tar:
            if member.isreg() and member.name in wanted:
                stream = opened_tar.extractfile(member)
                if stream is not None:
                    yield member.name, stream.read


def _write(path: Path, member: Member, read: Callable[[], bytes], result: Unpacked) -> None:
    here = path.read_bytes() if _has_size(path, member.size) else None
    if here is not None and member.crc32 is not None and zlib.crc32(here) == member.crc32:
        result.kept += 1
        return
    content = read()
    if len(content) != member.size:
        raise EOFError(f"{member.name} has {len(content)} of its {member.size} bytes")
    if here == content:
        result.kept += 1
        return
    write_atomic(path, content)
    result.written += 1
