"""A git revision as a tree on disk: a worktree that lasts for one comparison."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import Interrupted, RefusedInput
from bench.results.repository import repository_state

MERGE_BASE = "..."
"""Suffix of a revision: the merge base of it and HEAD, as in ``git diff REV...``."""


def commit_of(repository: Path, revision: str) -> str:
    """Return the full commit of a revision; ``REV...`` is the merge base of REV and HEAD.

    Raises:
        RefusedInput: No repository here, or no such revision in it.
    """
    name = revision.removesuffix(MERGE_BASE)
    if repository_state(repository)[0] is None:
        raise RefusedInput(
            f"baseline '{revision}': no such file, and the code is in no git repository of its own, so it "
            "cannot be a revision"
        )
    # --end-of-options: a name that begins with a dash is not an option
    found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found.returncode:
        raise RefusedInput(
            f"baseline '{revision}': neither a file nor a revision of this repository",
            then="give a file written by `carnet-bench check --update`, or a branch, tag or commit "
            "(git fetch, if it is on a server)",
        )
    commit = found.stdout.strip()
    if name == revision:
        return commit
    base = _git(repository, "merge-base", commit, "HEAD")
    if base.returncode:
        raise RefusedInput(
            f"baseline '{revision}': {name} and HEAD have no common ancestor here",
            then="fetch the whole history: git fetch --unshallow",
        )
    return base.stdout.strip()


@contextmanager
def worktree(repository: Path, commit: str) -> Iterator[Path]:
    """Check a commit out into a temporary folder, and remove it whatever happens, SIGTERM included.

    Raises:
        RefusedInput: Git cannot create it; the message is git's.
    """
    folder = Path(tempfile.mkdtemp(prefix="carnet-bench-"))
    tree = folder / "tree"
    try:
        with _sigterm_raises():
            made = _git(repository, "worktree", "add", "--detach", "--force", str(tree), commit)
            if made.returncode:
                said = made.stderr.strip().splitlines()
                raise RefusedInput(
                    f"baseline {commit}: `git worktree add` failed: {said[-1] if said else '?'}"
                )
            yield tree
    finally:
        _git(repository, "worktree", "remove", "--force", str(tree))
        shutil.rmtree(folder, ignore_errors=True)
        _git(repository, "worktree", "prune")


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    def stop(number: int, _frame: object) -> None:
        raise Interrupted("stopped by SIGTERM", number, then="rerun the command")

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: signals are not ours to take
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # a hook sets GIT_DIR and the like, which would answer for another repository
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(repository), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError as error:
        raise RefusedInput(f"baseline: git cannot be run ({error.strerror})") from error
