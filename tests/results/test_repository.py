"""Whether the code is committed is known, or the reason why it is not; unknown is never clean."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from bench.report import origin as origins
from bench.results import repository as repositories
from bench.results.repository import CodeState, code_state

if TYPE_CHECKING:
    from pathlib import Path


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    root = tmp_path / "checkout"
    (root / "carnet").mkdir(parents=True)
    (root / "carnet" / "a.py").write_text("A = 1\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "start")
    return root


def test_dubious_ownership_is_the_reason_and_safe_directory_in_the_environment_answers(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for this
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    state = code_state(checkout)
    assert (state.commit, state.dirty) == (None, None)
    assert "safe.directory" in (state.unknown or "")
    assert str(checkout) not in (state.unknown or "")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(checkout))
    assert code_state(checkout).dirty is False


def test_what_a_hook_of_another_repository_sets_is_not_answered_for(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    before = code_state(checkout)
    for name, value in {
        "GIT_DIR": other / ".git",
        "GIT_WORK_TREE": other,
        "GIT_INDEX_FILE": other / "x",
        "GIT_OBJECT_DIRECTORY": other / ".git" / "objects",
        "GIT_PREFIX": "x/",
        "GIT_NAMESPACE": "x",
    }.items():
        monkeypatch.setenv(name, str(value))
    assert before.dirty is False
    assert code_state(checkout) == before


@pytest.mark.parametrize(
    ("damage", "commit_known"),
    [("HEAD", False), ("index", True), ("objects", True), ("refs", False), ("", False)],
)
def test_a_damaged_or_missing_repository_leaves_it_unknown(
    checkout: Path, damage: str, commit_known: bool
) -> None:
    path = checkout / ".git" / damage
    if path.is_file():
        path.write_bytes(b"no such thing")
    else:
        shutil.rmtree(path)
        if damage == "objects":
            path.mkdir()
    state = code_state(checkout)
    assert state.dirty is None
    assert state.unknown
    assert (state.commit is not None) == commit_known


def test_without_git_it_is_unknown(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert code_state(checkout) == CodeState(None, None, "git is not installed")


def test_a_repository_without_a_commit_is_unknown(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert code_state(tmp_path).dirty is None


def test_a_shallow_clone_knows_its_commit(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "commit", "-q", "--allow-empty", "-m", "second")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", checkout.as_uri(), str(clone))
    assert code_state(clone) == code_state(checkout)


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_git_was_told_to_overlook_is_not_clean(checkout: Path, mark: str) -> None:
    git(checkout, "update-index", mark, "carnet/a.py")
    (checkout / "carnet" / "a.py").write_text("A = 2\n")
    assert code_state(checkout).dirty is None


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, with pip's list of files."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    root = tmp_path / "site-packages"
    lines = []
    for name in ("carnet/__init__.py", "bench/a.py"):
        path = root / name
        path.parent.mkdir(parents=True)
        path.write_text("A = 1\n")
        digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},6")
    information = root / "carnet_bench-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: carnet-bench\nVersion: 1.0\n")
    (information / "RECORD").write_text("\n".join(lines) + "\n")
    found = importlib.metadata.PathDistribution(information)
    monkeypatch.setattr(repositories, "distribution", lambda _name: found)
    return root


def test_an_installed_release_is_clean_while_its_files_are_those_of_its_list(release: Path) -> None:
    assert code_state(release) == CodeState(None, False)
    (release / "bench" / "a.py").write_text("A = 2\n")
    assert code_state(release).dirty is True
    (release / "bench" / "a.py").write_text("A = 1\n")
    (release / "bench" / "b.py").write_text("")
    assert code_state(release).dirty is True


def test_a_release_installed_from_a_repository_knows_its_commit(release: Path) -> None:
    source = release / "carnet_bench-1.0.dist-info" / "direct_url.json"
    source.write_text('{"url": "https://example.org/x", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}')
    assert code_state(release) == CodeState("c0ffee", False)


@pytest.mark.parametrize("text", ['{"url": "file:///x", "dir_info": {}}', "[]", "{"])
def test_what_was_installed_from_a_folder_is_unknown(release: Path, text: str) -> None:
    (release / "carnet_bench-1.0.dist-info" / "direct_url.json").write_text(text)
    assert code_state(release).dirty is None


def test_a_package_installed_elsewhere_says_nothing_of_this_folder(release: Path, tmp_path: Path) -> None:
    shutil.copytree(release, tmp_path / "copy")
    assert code_state(tmp_path / "copy").dirty is None


@pytest.mark.parametrize(
    ("state", "end"),
    [
        (CodeState("c" * 40, False), "c"),
        (CodeState("c" * 40, True), "+"),
        (CodeState("c" * 40, None, "x"), "?"),
        (CodeState(None, None, "x"), "?"),
    ],
)
def test_a_page_shows_that_its_code_is_not_known_to_be_committed(
    state: CodeState, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "code_state", lambda _root: state)
    assert origins.origin().commit.endswith(end)
