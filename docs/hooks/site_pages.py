"""What mkdocs does not do by itself: the command reference, notebooks as pages, links to the repository.

A page links to files outside ``docs`` by their path in the repository, so that the links work wherever the
page is read; the site turns them into links to the repository, and takes the pictures with it.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from command_reference import reference

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

COMMANDS = "<!-- commands -->"
NOTEBOOKS = "notebooks"
_LINK = re.compile(r"(?P<head>\]\()(?P<target>[^)\s#]+)(?P<rest>[^)]*\))")
_PICTURES = (".png", ".svg")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each notebook."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - tests of this module run without mkdocs

    for path in sorted((Path(config.docs_dir) / NOTEBOOKS).glob("*.ipynb")):
        name = f"{NOTEBOOKS}/{path.stem}.md"
        files.append(File.generated(config, name, content=notebook_page(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Insert the command reference, and turn links that leave ``docs`` into links to the repository."""
    from mkdocs.structure.files import File  # noqa: PLC0415

    docs = Path(config.docs_dir)
    if COMMANDS in markdown:
        markdown = markdown.replace(COMMANDS, reference())

    def turned(found: re.Match[str]) -> str:
        target = found["target"]
        if "://" in target:
            return found[0]
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), target))
        if inside.endswith(".ipynb") and not page.file.src_uri.startswith(f"{NOTEBOOKS}/"):
            return f"{found['head']}{target.removesuffix('.ipynb')}.md{found['rest']}"
        if not inside.startswith("../"):
            return found[0]
        path = posixpath.normpath(inside.removeprefix("../"))
        if not (docs.parent / path).exists():
            return found[0]  # mkdocs says that it is dead
        if path.endswith(_PICTURES):
            name = f"pictures/{posixpath.basename(path)}"
            if files.get_file_from_path(name) is None:
                files.append(File.generated(config, name, abs_src_path=str(docs.parent / path)))
            picture = posixpath.relpath(name, posixpath.dirname(page.file.src_uri) or ".")
            return f"{found['head']}{picture}{found['rest']}"
        kind = "tree" if (docs.parent / path).is_dir() else "blob"
        return f"{found['head']}{config.extra['repository']}/{kind}/main/{path}{found['rest']}"

    return _LINK.sub(turned, markdown)


def notebook_page(path: Path) -> str:
    """Return a notebook as Markdown: its text and its code, without outputs."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    title, *rest = parts
    return "\n\n".join([title, f"This page is a notebook: [download it]({path.name}).", *rest, ""])
