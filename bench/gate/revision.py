"""A git revision as a tree on disk that lasts for one comparison."""

from __future__ import annotations

import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import Interrupted, RefusedInput
from bench.results.repository import code_state, git_environment

MERGE_BASE = "..."
"""Suffix of a revision: the merge base of it and HEAD, as in ``git diff REV...``."""


def commit_of(repository: Path, revision: str) -> str:
    """Return the full commit of a revision; ``REV...`` is the merge base of REV and HEAD.

    Raises:
        RefusedInput: No repository here, or no such revision in it.
    """
    name = revision.removesuffix(MERGE_BASE)
    state = code_state(repository)
    if state.commit is None:
        raise RefusedInput(
            f"baseline '{revision}': no such file, and no revision of the code: {state.unknown}",
            then="give a file written by `carnet-bench check --update`",
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
def tree_of(repository: Path, commit: str) -> Iterator[Path]:
    """Write a commit's files into a temporary folder, and remove it whatever happens, SIGTERM included.

    An archive rather than a worktree: nothing is written to the repository, none of its worktrees is touched,
    and no hook of the user runs.

    Raises:
        RefusedInput: Git cannot write them (the message is git's), or the disk refuses.
    """
    with _sigterm_raises(), tempfile.TemporaryDirectory(prefix="carnet-bench-") as name:
        tree = Path(name).resolve() / "tree"
        _write_files(repository, commit, tree)
        yield tree


def _write_files(repository: Path, commit: str, tree: Path) -> None:
    archive = tree.with_suffix(".tar")
    made = _git(repository, "archive", "--format=tar", f"--output={archive}", commit)
    if made.returncode:
        said = made.stderr.strip().splitlines()
        raise RefusedInput(f"baseline {commit}: `git archive` failed: {said[-1] if said else '?'}")
    try:
        with tarfile.open(archive) as opened:
            if hasattr(tarfile, "data_filter"):
                opened.extractall(tree, filter="data")
            else:  # Python before 3.11.4; the archive is git's, of the user's own commit
                opened.extractall(tree)
        archive.unlink()
    except (OSError, tarfile.TarError) as error:
        raise RefusedInput(
            f"baseline {commit}: cannot write its files ({error})", then="free the space, or set TMPDIR"
        ) from error


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
    # text as stored, whatever this machine converts; large files stay the pointers that they are in git
    plain = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")
    command = ["git", "-C", str(repository), *plain, *arguments]
    environment = {**git_environment(), "GIT_LFS_SKIP_SMUDGE": "1"}
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, env=environment
        )
    except (OSError, ValueError) as error:  # no git, or a revision that no command line can hold
        raise RefusedInput(f"baseline: git cannot be run ({error})") from error
