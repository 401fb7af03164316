"""Whether the code that measures is committed, by git or by pip's list of an installed release."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

# decides a measurement; a changed table or page in the working tree does not make it dirty
TREE = ("carnet", "baselines", "bench", "pyproject.toml")

_OF_ANOTHER = frozenset(
    f"GIT_{name}"
    for name in (
        *("DIR", "WORK_TREE", "INDEX_FILE", "OBJECT_DIRECTORY", "ALTERNATE_OBJECT_DIRECTORIES"),
        *("COMMON_DIR", "NAMESPACE", "PREFIX", "SHALLOW_FILE", "GRAFT_FILE", "CONFIG", "IMPLICIT_WORK_TREE"),
    )
)
"""Variables that a git hook sets for its own repository; the user's settings (``GIT_CONFIG_*``) stay."""

_DUBIOUS = "dubious ownership"


@dataclass(frozen=True)
class CodeState:
    """Commit of the code, and whether the code differs from it.

    Attributes:
        commit: Full hash; None without a repository.
        dirty: None where nothing can say so: unknown is not clean.
        unknown: Why ``dirty`` is None; names no folder.
    """

    commit: str | None
    dirty: bool | None
    unknown: str | None = None


class _GitError(Exception):
    """Git gave no answer; the text says why, without a folder."""


def code_state(root: Path) -> CodeState:
    """Return the state of the code below a folder, which is the top of a checkout or of installed packages.

    A release that pip installed has no repository but a list of its files with their digests: while they
    agree it is as clean as a commit, and its version, which is in every record, tells which.
    """
    try:
        top = _git(root, "rev-parse", "--show-toplevel")
        if Path(top.strip()).resolve() != root.resolve():
            # an installed package may lie inside somebody else's repository
            raise _GitError("no git repository of its own")
        commit = _git(root, "rev-parse", "--verify", "HEAD").strip()
    except _GitError as error:
        return _installed(root) or CodeState(None, None, str(error))
    try:
        changed = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *TREE).strip()
        marked = [line for line in _git(root, "ls-files", "-v", "--", *TREE).splitlines() if line[0] != "H"]
    except _GitError as error:
        return CodeState(commit, None, str(error))
    if not changed and marked:
        return CodeState(commit, None, "git was told to overlook changes (assume-unchanged, skip-worktree)")
    return CodeState(commit, bool(changed))


def repository_state(root: Path) -> tuple[str | None, bool | None]:
    """Return commit and dirty of `code_state`."""
    state = code_state(root)
    return state.commit, state.dirty


def git_environment() -> dict[str, str]:
    """Return the environment of git for a repository of our choice, with the user's settings."""
    return {**{name: value for name, value in os.environ.items() if name not in _OF_ANOTHER}, "LC_ALL": "C"}


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=60,
            env=git_environment(),
        )
    except subprocess.TimeoutExpired:
        raise _GitError("git did not answer within 60 s") from None
    except OSError:
        raise _GitError("git is not installed") from None
    if done.returncode == 0:
        return done.stdout
    if _DUBIOUS in done.stderr:
        raise _GitError(f"git refuses the checkout ({_DUBIOUS}; see git's safe.directory)")
    if "not a git repository" in done.stderr:
        raise _GitError("no git repository")
    raise _GitError(f"git {arguments[0]} failed")


def _installed(root: Path) -> CodeState | None:
    """Return the state of the release that is installed in a folder; None where none is."""
    try:
        package = distribution("carnet-bench")
    except PackageNotFoundError:
        return None
    listed = {
        Path(str(file.locate())): file.hash.value
        for file in package.files or ()
        if file.parts[0] in TREE and file.hash is not None and file.hash.mode == "sha256"
    }
    if root / "carnet" / "__init__.py" not in listed:  # installed elsewhere, or editable: only a pointer
        return None
    commit, local = _source_of(package)
    if local:
        return CodeState(None, None, "installed from a local folder or file, which may hold anything")
    there = {path for name in TREE for path in (root / name).rglob("*.py")}
    dirty = not there <= listed.keys() or any(_digest(path) != digest for path, digest in listed.items())
    return CodeState(commit, dirty)


def _source_of(package: Distribution) -> tuple[str | None, bool]:
    """Return the commit that pip installed from, if it did, and whether it was a local folder or file."""
    try:
        source = json.loads(package.read_text("direct_url.json") or "{}")
        return source.get("vcs_info", {}).get("commit_id"), bool(source) and "vcs_info" not in source
    except (ValueError, AttributeError):
        return None, True


def _digest(path: Path) -> str | None:
    """Return a file's digest in the form of pip's list; None without the file."""
    try:
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
