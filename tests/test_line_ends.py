"""A checkout has the bytes of the repository, whatever git converts by default on its system."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = (".gitattributes", "README.md", "results/tables/table1.csv", "results/paper/cells.csv")


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def test_git_converts_no_line_ends_even_where_it_is_told_to(tmp_path: Path) -> None:
    origin, copy = tmp_path / "origin", tmp_path / "copy"
    files = [name for name in FILES if (ROOT / name).is_file()]
    for name in files:
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, origin / name)
    git(origin, "init", "-q")
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "as it is")
    git(tmp_path, "clone", "-q", "-c", "core.autocrlf=true", "-c", "core.eol=crlf", str(origin), str(copy))
    assert len(files) > 2
    for name in files:
        assert (copy / name).read_bytes() == (ROOT / name).read_bytes(), name
