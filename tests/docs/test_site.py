"""The site as it is built: no warning, and nothing that a browser would fetch from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from doc_examples import ROOT

pytest.importorskip("mkdocs", reason="needs the extra docs")
pytest.importorskip("mkdocstrings", reason="needs the extra docs")

_FETCHED = re.compile(
    r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"?((?:https?:)?//[^\s\">]+)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    answer = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return folder


def test_what_is_fetched_from_elsewhere_is_found() -> None:
    assert _FETCHED.findall('<link rel="stylesheet" href="https://fonts.example/css">') != []
    assert _FETCHED.findall('<a href="https://example.org">') == []


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 15
    found = {
        path.name: links
        for path in pages
        # the canonical address is named, not fetched
        if (
            links := _FETCHED.findall(
                re.sub(r"<link[^>]*rel=\"?canonical[^>]*>", "", path.read_text("utf-8"))
            )
        )
    }
    assert found == {}


def test_reference_api_and_notebooks_are_pages(site: Path) -> None:
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert 'id="carnet-bench-data-check"' in commands
    api = (site / "reference" / "api.html").read_text(encoding="utf-8")
    assert 'id="bench.api.table"' in api
    assert (site / "notebooks" / "records.html").is_file()
    assert (site / "notebooks" / "records.ipynb").is_file()


def test_links_to_files_outside_the_pages_lead_to_the_repository_and_pictures_come_along(site: Path) -> None:
    page = (site / "reproduce.html").read_text(encoding="utf-8")
    assert "/blob/main/reports/reproduced.md" in page
    assert (site / "pictures" / "pareto.png").read_bytes() == (ROOT / "reports" / "pareto.png").read_bytes()
