"""Checkpoints of a run: written once, digest last, and the only place that loads them."""

from __future__ import annotations

import hashlib
import io
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from bench.errors import RefusedInput
from bench.files import check_written, remove, sha256_of_file, sync_folder, write_new
from bench.object_store import ObjectExistsError, shown
from bench.train.lock import RunLockedError

_NAME = re.compile(r"^step-(?P<step>\d{8,})\.ckpt$")
_log = logging.getLogger(__name__)


def save(folder: Path, step: int, state: Mapping[str, Any], keep: int = 2) -> Path:
    """Write ``step-00001234.ckpt`` and then its digest, which marks the file as complete.

    The name carries the step and is never overwritten: with one name for all, a kill between file and digest
    would leave neither the old nor the new checkpoint. The file is read back before the digest is written,
    and only then are the checkpoints older than the newest ``keep`` removed.

    Args:
        folder: The run's folder; made when missing.
        step: Optimiser steps done, from 0.
        state: What `load` returns: tensors, numbers, text, and lists and dicts of them.
        keep: Number of checkpoints kept, at least 1.

    Raises:
        RefusedInput: A good checkpoint of this step exists; the disk refuses (naming the bytes needed); or
            the state holds something that could not be loaded without running code.
    """
    if keep < 1:
        raise ValueError(f"keep is {keep}; must be at least 1")
    path = folder / f"step-{step:08d}.ckpt"
    if path.exists() or marker_of(path).exists():
        _make_way(path)
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)  # noqa: TID251 - into memory; write_new puts it on disk
    content = buffer.getvalue()
    _parsed(content, path)  # so that it can be loaded without running code
    digest = hashlib.sha256(content).hexdigest()
    try:
        _write(path, content)
        check_written(path, digest)
    except RefusedInput:
        remove(path)
        raise
    _write(marker_of(path), f"{digest}  {path.name}\n".encode())
    _prune(path, keep)
    return path


def load(path: Path) -> dict[str, Any]:
    """Return a checkpoint's state, on the CPU: the digest is compared first, then nothing but data is read.

    Raises:
        RefusedInput: No such file, no digest next to it (an interrupted write), another digest (a damaged
            file), or content that is not plain data.
    """
    # read once: what is compared is what is parsed
    content = path.read_bytes() if path.is_file() else None
    damage = _damage(path, content)
    if content is None or damage is not None:
        raise RefusedInput(f"{path}: {damage}", then="resume from the previous checkpoint, or restart")
    return _parsed(content, path)


def latest(folder: Path) -> Path | None:
    """Return the newest complete checkpoint that is not damaged; None before the first.

    A damaged one is named in a warning (logger ``bench.train.checkpoint``) and the one before it is taken.

    Raises:
        RefusedInput: Every complete checkpoint is damaged.
    """
    complete = [path for path in checkpoints(folder) if marker_of(path).exists()]
    for path in reversed(complete):
        damage = _damage(path)
        if damage is None:
            return path
        _log.warning("%s: %s; taking the checkpoint before it", shown(str(path)), damage)
    if complete:
        raise RefusedInput(
            f"{folder}: every checkpoint is damaged: {', '.join(path.name for path in complete)}",
            then="remove the folder to restart",
        )
    return None


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoint files of a folder, complete or not, by step."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if _NAME.match(path.name)), key=step_of)


def step_of(path: Path) -> int:
    """Return the step that a checkpoint's name carries."""
    match = _NAME.match(path.name)
    if match is None:
        raise RefusedInput(f"{path}: not a checkpoint's name; expected step-00001234.ckpt or alike")
    return int(match["step"])


def marker_of(path: Path) -> Path:
    """Return the file that holds a checkpoint's digest, in the format of ``sha256sum --check``."""
    return path.with_suffix(".sha256")


def _make_way(path: Path) -> None:
    """Remove what an interrupted or damaged write left under this name; refuse to remove a good one."""
    if _damage(path) is None:
        raise RefusedInput(f"{path}: a checkpoint of this step exists; checkpoints are never overwritten")
    # the digest goes first and for good, so that a kill here leaves an incomplete checkpoint, not a wrong one
    remove(marker_of(path))
    sync_folder(path.parent)
    remove(path)


def _prune(newest: Path, keep: int) -> None:
    """Remove what is older than the newest ``keep``, incomplete ones too; ``newest`` was just read back."""
    older = [path for path in checkpoints(newest.parent) if step_of(path) < step_of(newest)]
    complete = [path for path in older if marker_of(path).exists()]
    kept = complete[max(0, len(complete) - (keep - 1)) :]
    for path in older:
        if path not in kept:
            remove(marker_of(path))
            remove(path)


def _damage(path: Path, content: bytes | None = None) -> str | None:
    """Say what is wrong with a checkpoint's files, or None; ``content`` is the file's when it was read."""
    marker = marker_of(path)
    if not path.is_file():
        return "no such file"
    if not marker.is_file():
        return f"incomplete, it has no {marker.name}"
    wanted = marker.read_text(encoding="utf-8", errors="replace").split(" ", 1)[0]
    actual = sha256_of_file(path) if content is None else hashlib.sha256(content).hexdigest()
    return None if actual == wanted else f"damaged, SHA-256 {actual}, {marker.name} says {wanted!r}"


def _write(path: Path, content: bytes) -> None:
    try:
        write_new(path, content)
    except ObjectExistsError:
        raise RunLockedError(
            f"{path}: another machine has written it meanwhile",
            then="train a run on one machine at a time; the same command resumes at what is stored",
        ) from None
    except FileExistsError:
        raise RefusedInput(
            f"{path}: another run has written it", then="give each run a folder of its own"
        ) from None


def _parsed(content: bytes, path: Path) -> dict[str, Any]:
    try:
        # the only torch.load of the project, and only after the digest was compared
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)  # noqa: TID251
    except Exception as error:  # the unpickler raises whatever the bytes make it raise
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RefusedInput(f"{path}: not plain data, nothing was run ({first})") from error
    if not isinstance(state, dict):
        raise RefusedInput(f"{path}: a {type(state).__name__}; a checkpoint is a dict")
    return state
