"""The notebooks: committed without outputs, and running from the first cell to the last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from doc_examples import ROOT
from site_pages import notebook_page

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
names = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_two_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["records", "your-network"]


@names
def test_no_output_is_committed(path: Path) -> None:
    cells = [
        cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"
    ]
    assert len(cells) > 3
    assert [cell for cell in cells if cell["outputs"] or cell["execution_count"] is not None] == []


@names
def test_the_page_of_a_notebook_holds_its_text_and_its_code(path: Path) -> None:
    page = notebook_page(path)
    assert page.startswith("# ")
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert "".join(cell["source"]) in page


@pytest.mark.slow
@names
def test_a_notebook_runs_without_data_and_without_a_gpu(path: Path, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "carnet-bench"  # as installed, also where only nox's folder is on the path
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bench "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "",
        "CARNET_DATA": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    code = (
        "import sys, nbformat; from nbclient import NotebookClient; "
        "book = nbformat.read(sys.argv[1], as_version=4); "
        "NotebookClient(book, timeout=600, kernel_name='python3').execute(); "
        "nbformat.write(book, sys.argv[2])"
    )
    done = tmp_path / "done.ipynb"
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, path, done],
        cwd=path.parent,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    cells = json.loads(done.read_text(encoding="utf-8"))["cells"]
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")
    assert any(cell.get("outputs") for cell in cells)
