"""Files: the functions that write them, and the one that names their digest.

A file of a home on shared storage is stored before it gets its name in the local copy, so that what is here
is there (`bench.object_store`).
"""

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from bench import object_store
from bench.errors import RefusedInput
from bench.temporaries import HOST, sweep_once

_LONGEST_STEM = 40  # characters of the final name in a temporary one, which systems limit to 255 bytes
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# what a file system without hard links answers to link(2)
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def tell_kernel(path: Path, text: str) -> None:
    """Write to a file of the kernel's, below /proc: a message, which has no content and cannot be renamed.

    Raises:
        OSError: There is no such file, or it may not be written.
    """
    path.write_text(text, encoding="ascii")


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file whole or not at all: temporary name, fsync, rename, fsync of the folder.

    Args:
        path: The final name; its folder is created when missing. A file of this name is replaced.
        data: The content; text is written as UTF-8.

    Raises:
        RefusedInput: When the disk refuses, naming the path and the bytes needed; an existing file is left as
            it was; or the home is stored and its store refuses.
    """
    object_store.put(path, _bytes(data))
    write_copy(path, data)


def write_copy(path: Path, data: bytes | str) -> None:
    """Write a file as `write_atomic`, on this disk alone: what was fetched is not sent back."""
    with _temporary(path, data) as temporary:
        temporary.replace(path)


def remove(path: Path) -> None:
    """Remove a file, from the store of its home too; a missing one is no error.

    Raises:
        OSError, RefusedInput: The disk or the store refuses.
    """
    object_store.remove(path)
    path.unlink(missing_ok=True)


def nowhere() -> int:
    """Return a new descriptor, the lowest free, of what takes everything and keeps nothing."""
    return os.open(os.devnull, os.O_RDWR)


def append(path: Path, data: bytes | str) -> None:
    """Add to the end of a file that others read meanwhile, e.g. a CI server's summary.

    It is created when missing; of an interrupted call a part may be there.

    Raises:
        RefusedInput: The file cannot be written.
    """
    content = _bytes(data)
    try:
        with path.open("ab") as stream:
            stream.write(content)
    except OSError as error:
        raise _refused(path, content, error) from error


def write_below(home: Path, contents: Mapping[str, bytes | str]) -> list[Path]:
    """Write files given by their path below a folder, each whole or not at all; return their paths in order.

    Raises:
        RefusedInput: When the disk refuses, naming the path and the bytes needed.
    """
    for name, content in contents.items():
        write_atomic(home / name, content)
    return [home / name for name in contents]


def write_new(path: Path, data: bytes | str) -> None:
    """Write a file whole or not at all, and only when no file has this name.

    Of several processes that write the same name at once exactly one succeeds. Without hard links the name
    is first claimed with an empty file, so that a reader may see it empty for a moment. In a home on shared
    storage the store decides, so that the processes may be on several machines.

    Raises:
        FileExistsError: When the name is taken; the file there is left as it was.
        RefusedInput: When the disk or the store refuses, naming the path and the bytes needed.
    """
    with _temporary(path, data) as temporary:
        if not os.path.lexists(path) and object_store.create(path, _bytes(data)):
            temporary.replace(path)  # the store has decided; another process may have fetched it since
            return
        try:
            path.hardlink_to(temporary)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _claim_and_replace(path, temporary)


class GrowingFile:
    """A file too large for memory: it grows under a temporary name and gets its own by ``finish``.

    Used as a context; whatever leaves it before ``finish`` leaves no file behind.

    Args:
        path: The final name; its folder is created when missing.

    Attributes:
        temporary: Where the bytes are, to be read after ``flush``.
        size: Bytes so far.
    """

    def __init__(self, path: Path) -> None:
        _refuse_url(path)
        self.path = path
        self.size = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, self.temporary = _make_temporary(path)
        except OSError as error:
            raise _refused(path, b"", error) from error
        self._stream = os.fdopen(handle, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        with contextlib.suppress(OSError):  # of bytes that are dropped anyway, on a disk that is full
            self._stream.close()
        self.temporary.unlink(missing_ok=True)

    def append(self, content: bytes) -> None:
        """Add bytes at the end; a disk that refuses is a RefusedInput, as for ``write_atomic``."""
        try:
            self._stream.write(content)
        except OSError as error:
            raise _refused(self.path, content, error) from error
        self.size += len(content)

    def restart(self) -> None:
        """Drop everything written so far."""
        self.flush()
        self._stream.seek(0)
        self._stream.truncate()
        self.size = 0

    def flush(self) -> None:
        """Make what was written readable and durable."""
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise _refused(self.path, b"", error) from error

    def finish(self) -> None:
        """Give the file its name."""
        self.flush()
        self.temporary.chmod(0o644)
        self.temporary.replace(self.path)
        sync_folder(self.path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder durable, where the system allows it (Windows does not)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_regular(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        RefusedInput: It cannot be read, or it is a folder, pipe, socket or device, which could block.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise RefusedInput(f"{path}: not a regular file")
        return path.read_bytes()
    except OSError as error:
        raise RefusedInput(f"{path}: cannot read ({error.strerror})") from error


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def _temporary(path: Path, data: bytes | str) -> Iterator[Path]:
    """Yield a durable temporary file with the data next to a path; errors are a RefusedInput.

    Only an existing path is a FileExistsError.
    """
    content = _bytes(data)
    _refuse_url(path)
    temporary: Path | None = None
    try:
        if path.parent.exists() and not path.parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{path.parent} is not a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = _make_temporary(path)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes the file private; a result is for everyone who may read the folder
        temporary.chmod(0o644)
        yield temporary
        sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, object_store.ObjectExistsError):
            raise
        if isinstance(error, FileExistsError) and os.path.lexists(path):
            raise
        raise _refused(path, content, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _refuse_url(path: Path) -> None:
    """Refuse what was typed as a URL, which pathlib takes for a folder named ``s3:``."""
    if not path.is_absolute() and path.parts and path.parts[0].endswith(":"):
        raise RefusedInput(f"{path}: a URL; expected a file in a folder", then="choose a path on a disk")


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _make_temporary(path: Path) -> tuple[int, Path]:
    sweep_once(path.parent.resolve())
    prefix = f".{path.name[:_LONGEST_STEM]}.{os.getpid()}.{HOST}-"
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=".tmp", dir=path.parent)
    return handle, Path(name)


def _claim_and_replace(path: Path, temporary: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    try:
        temporary.replace(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _refused(path: Path, content: bytes, error: OSError) -> RefusedInput:
    return RefusedInput(
        f"{path}: cannot write {len(content)} bytes ({error.strerror or error})",
        then="free the space or choose another folder"
        if error.errno in _FULL
        else "choose another folder or name",
    )


def check_written(path: Path, digest: str) -> None:
    """Read a file back and refuse it when its SHA-256 is not ``digest``."""
    actual = sha256_of_file(path)
    if actual != digest:
        raise RefusedInput(f"{path}: read back with SHA-256 {actual}, expected {digest}; disk fault?")
