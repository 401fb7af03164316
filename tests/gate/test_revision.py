"""A revision's tree is there for one comparison and gone afterwards, whatever happens in between."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from bench.errors import Interrupted, RefusedInput
from bench.gate.revision import commit_of, tree_of

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
    with tree_of(repository, commit_of(repository, "main~1")) as tree:
        assert (tree / "file").read_text() == "one"
    assert not tree.parent.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert (repository / "file").read_text() == "three"


def fail_in(repository: Path, trees: list[Path]) -> None:
    with tree_of(repository, commit_of(repository, "main")) as tree:
        trees.append(tree)
        raise KeyError("inside")


def be_stopped_in(repository: Path) -> None:
    with tree_of(repository, commit_of(repository, "main")):
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
    with pytest.raises(RefusedInput, match="git archive"), tree_of(repository, "0" * 40):
        pytest.fail("there is no such commit")


def test_a_worktree_of_the_user_on_a_disk_that_is_away_keeps_its_index(
    repository: Path, tmp_path: Path
) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "disk" / "theirs"), "main")
    (tmp_path / "disk" / "theirs" / "file").write_text("staged")
    git(tmp_path / "disk" / "theirs", "add", "file")
    (tmp_path / "disk").rename(tmp_path / "unmounted")
    with tree_of(repository, commit_of(repository, "main")):
        pass
    (tmp_path / "unmounted").rename(tmp_path / "disk")
    assert git(tmp_path / "disk" / "theirs", "status", "--porcelain") == "M  file"


def test_no_hook_of_the_user_runs_and_the_repository_is_not_written_to(
    repository: Path, tmp_path: Path
) -> None:
    commit = commit_of(repository, "main~1")
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    before = {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*")}
    with tree_of(repository, commit) as tree:
        assert (tree / "file").read_text() == "one"
    assert not (tmp_path / "ran").exists()
    assert {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*")} == before


def test_files_are_written_as_they_are_stored_whatever_line_ends_the_user_likes(repository: Path) -> None:
    (repository / "file").write_text("a\nb\n")
    git(repository, "commit", "-q", "-am", "lines")
    git(repository, "config", "core.autocrlf", "true")
    with tree_of(repository, commit_of(repository, "HEAD")) as tree:
        assert (tree / "file").read_bytes() == b"a\nb\n"


def test_a_repository_that_git_distrusts_says_so(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # as in a container whose checkout has another owner
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    with pytest.raises(RefusedInput, match=r"safe\.directory"):
        commit_of(repository, "main")
    for name, value in (("COUNT", "1"), ("KEY_0", "safe.directory"), ("VALUE_0", "*")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    assert subject(repository, commit_of(repository, "main")) == "two"


def test_a_full_disk_is_refused_and_leaves_nothing(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr("tarfile.TarFile.extractall", full)
    with (
        pytest.raises(RefusedInput, match="No space left"),
        tree_of(repository, commit_of(repository, "main")),
    ):
        pytest.fail("there is no tree")
    assert list((tmp_path / "temporary").iterdir()) == []
