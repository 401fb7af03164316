"""What a run is made of besides what its identity names: code, kernels and validation images.

A checkpoint belongs to them. Resuming with others is refused, since the outcome would be that of no code at
all; what may differ between the processes of a run (commit, machine, versions) is kept, a part per process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from baselines.method import Method
from bench.data.dataset import HasFiles, SegmentationData, manifest_digest
from bench.errors import RefusedInput
from bench.results.provenance import fast_files, package_root, source_digest, source_files

_ROOMS = ("train", "data", "evaluate")
"""Rooms of ``bench`` that decide the outcome of a training."""
_PROCESS = ("commit", "dirty", "source", "machine", "versions", "threads", "c_compiler")
"""What of its provenance makes a process a part of its own."""


def origin_of(method: Method, validation_sha256: str | None) -> dict[str, Any]:
    """Return what a run of this method is made of, now.

    Args:
        method: The network's.
        validation_sha256: Manifest digest of the images that it is validated on, if any.

    Returns:
        ``files``: digests of the code by file name (see `current_sources`; of the harness, the bytes), and
        ``validation_sha256``.
    """
    root = package_root()
    sources = source_files(method)
    decisive = [path for paths in sources.values() for path in paths]
    # a user's own files are named below the folder of the builder's
    own = sources["method"][0].parent
    files = {_name(path, root, own): source_digest([path]) for path in decisive}
    harness = [path for room in _ROOMS for path in sorted((root / "bench" / room).rglob("*.py"))]
    files |= {
        _name(path, root, root): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [*harness, *fast_files()]
    }
    return {"files": files, "validation_sha256": validation_sha256}


def require_same_origin(found: Mapping[str, Any], now: Mapping[str, Any], source: Path) -> None:
    """Refuse to go on with what was made otherwise.

    Args:
        found, now: As returned by `origin_of`, with ``kernels``.
        source: The file that holds ``found``.

    Raises:
        RefusedInput: Naming the files that differ, or the kernels, or the validation images.
    """
    before, after = found["files"], now["files"]
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if changed:
        raise RefusedInput(
            f"{source}: made by other code; changed since: {', '.join(changed)}",
            then=f"restore these files to resume the run, or remove {_run_folder(source)} to train anew",
        )
    if found["kernels"] != now["kernels"]:
        raise RefusedInput(
            f"{source}: trained with the kernels of {found['kernels']}; here they are those of "
            f"{now['kernels']}, and the two differ in the last bits",
            then="resume with the same compiler and CARNET_TRAINING, or remove "
            f"{_run_folder(source)} to train anew",
        )
    if found["validation_sha256"] != now["validation_sha256"]:
        raise RefusedInput(
            f"{source}: validated on images with manifest {found['validation_sha256']}, found "
            f"{now['validation_sha256']}",
            then=f"restore the validation split, or remove {_run_folder(source)} to train anew",
        )


def with_process(parts: Sequence[Mapping[str, Any]], process: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a run with the provenance of one more process, if that differs from the last."""
    if parts and all(parts[-1].get(key) == process.get(key) for key in _PROCESS):
        return [dict(part) for part in parts]
    return [*(dict(part) for part in parts), dict(process)]


class FilesAsFound:
    """The files of some data as they are now, to find out later whether one has been written since.

    Sizes and times tell, in milliseconds per thousand files; only where those differ are contents compared.
    """

    def __init__(self, *data: SegmentationData) -> None:
        self._data = data
        self._seen = {path: _state(path) for path in self._files()}
        self._digests = [manifest_digest(one) for one in data] if self._seen else []

    def changed(self) -> list[Path]:
        """Return the files written or removed since, if the data is another for it."""
        now = {path: _state(path) for path in self._files()}
        changed = [path for path in self._seen if now[path] != self._seen[path]]
        if not changed:
            return []
        try:
            same = [manifest_digest(one) for one in self._data] == self._digests
        except (OSError, RefusedInput):
            return changed
        if same:
            self._seen = now
        return [] if same else changed

    def _files(self) -> Iterator[Path]:
        return (path for one in self._data if isinstance(one, HasFiles) for path in one.files())


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # the time of change, which no tool sets, tells of a copy that keeps its other times
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


@dataclass(frozen=True)
class Made:
    """What a run is made of, and this process's share.

    Attributes:
        origin: As returned by `origin_of`.
        provenance: Provenance of this process.
        watched: The files of its data.
    """

    origin: Mapping[str, Any] = field(default_factory=lambda: {"files": {}, "validation_sha256": None})
    provenance: Mapping[str, Any] = field(default_factory=dict)
    watched: FilesAsFound = field(default_factory=FilesAsFound)

    def by(self, c_compiler: str | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return origin and first part of a run that is trained with this compiler's kernels, or torch's."""
        part = {**self.provenance, "c_compiler": c_compiler, "from_step": 0}
        return {**self.origin, "kernels": c_compiler or "torch"}, [part]


def _run_folder(source: Path) -> Path:
    return source.parent.parent if source.parent.name == "checkpoints" else source.parent


def _name(path: Path, *roots: Path) -> str:
    """Return a file's name below the first of the folders that holds it, else the name alone."""
    return next((path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root)), path.name)
