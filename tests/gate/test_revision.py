"""A revision's tree is there for one comparison and gone afterwards, whatever happens in between."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from bench.errors import Interrupted, RefusedInput
from bench.gate.revision import commit_of, worktree

IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "alice"), ("EMAIL", "alice@example.org"))
}


def git(folder: Path, *words: str) -> str:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    plain |= {"GIT_CONFIG_GLOBAL": os.devnull, **IDENTITY}
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=plain).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Commits one and two on main; three on a branch that left main at one and is checked out."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for branch, text in (("main", "one"), ("main", "two"), ("work", "three")):
        if branch == "work":
            git(folder, "checkout", "-q", "-b", "work", "main~1")
        (folder / "file").write_text(text)
        git(folder, "add", "file")
        git(folder, "commit", "-q", "-m", text)
    return folder


def subject(folder: Path, commit: str) -> str:
    return git(folder, "log", "-1", "--format=%s", commit)


@pytest.mark.parametrize(
    ("revision", "expected"), [("main", "two"), ("main~1", "one"), ("HEAD", "three"), ("main...", "one")]
)
def test_a_revision_and_the_place_where_the_branch_left_it(
    repository: Path, revision: str, expected: str
) -> None:
    assert subject(repository, commit_of(repository, revision)) == expected


@pytest.mark.parametrize("revision", ["mian", "--all", "", "main:file", "mian..."])
def test_what_is_no_revision_is_refused_by_name(repository: Path, revision: str) -> None:
    with pytest.raises(RefusedInput, match="neither a file nor a revision") as refused:
        commit_of(repository, revision)
    assert f"baseline '{revision}'" in str(refused.value)


def test_code_that_is_in_no_repository_has_no_revisions(tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match="no git repository"):
        commit_of(tmp_path, "main")


def test_a_folder_inside_somebody_else_s_repository_has_no_revisions(repository: Path) -> None:
    (repository / "site-packages").mkdir()
    with pytest.raises(RefusedInput, match="no git repository"):
        commit_of(repository / "site-packages", "main")


def test_the_tree_is_there_inside_and_gone_after(repository: Path) -> None:
    with worktree(repository, commit_of(repository, "main~1")) as tree:
        assert (tree / "file").read_text() == "one"
    assert not tree.parent.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert (repository / "file").read_text() == "three"


def fail_in(repository: Path, trees: list[Path]) -> None:
    with worktree(repository, commit_of(repository, "main")) as tree:
        trees.append(tree)
        raise KeyError("inside")


def be_stopped_in(repository: Path) -> None:
    with worktree(repository, commit_of(repository, "main")):
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("SIGTERM passed unnoticed")


def test_the_tree_is_gone_after_an_error(repository: Path) -> None:
    trees: list[Path] = []
    with pytest.raises(KeyError):
        fail_in(repository, trees)
    assert not trees[0].parent.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_the_tree_is_gone_after_sigterm_and_the_exit_code_is_its(repository: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted) as stopped:
        be_stopped_in(repository)
    assert stopped.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) == before
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_a_commit_that_git_does_not_have_is_refused_in_git_s_words(repository: Path) -> None:
    with pytest.raises(RefusedInput, match="git worktree add"), worktree(repository, "0" * 40):
        pytest.fail("there is no such commit")
