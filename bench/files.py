"""Files: the one function that writes them, and the one that names their digest."""

import hashlib
import os
import tempfile
from pathlib import Path

from bench.errors import RefusedInput


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file whole or not at all: temporary name, fsync, rename, fsync of the folder.

    Parameters
    ----------
    path
        The final name; its folder is made when missing.
    data
        The content; text is written as UTF-8.

    Raises
    ------
    RefusedInput
        When the disk refuses, naming the path and the bytes needed; an existing file is left as it was.
    """
    content = data.encode() if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.{os.getpid()}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes the file private; a result is for everyone who may read the folder
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        message = f"{path}: cannot write {len(content)} bytes ({error.strerror or error})"
        raise RefusedInput(message, then="free the space or choose another folder") from error
    sync_folder(path.parent)


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


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
