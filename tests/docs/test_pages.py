"""The pages of the documentation as text: their commands exist, their marks are known, all are listed."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer
import yaml
from command_reference import commands, reference
from doc_examples import NOT_RUN, PAGES, ROOT, RUN, Example, examples, page_examples

from bench.cli import app
from bench.report.blocks import PAGES as BLOCK_PAGES


def parse(words: list[str]) -> None:
    """Read a command line as the command does, and run nothing."""
    command: Any = typer.main.get_command(app)
    name, context = "carnet-bench", None
    while command is not None:
        context = command.make_context(name, list(words), parent=context)
        words = [*getattr(context, "_protected_args", []), *context.args]
        if not hasattr(command, "commands") or not words:
            return
        name, command, words = command.resolve_command(context, words)


def test_an_unknown_option_of_an_example_is_found() -> None:
    parse(["data", "check", "camvid"])
    for words in (["cost", "enet", "--hight", "3"], ["data", "chek", "camvid"], ["evaluate"]):
        with pytest.raises(Exception, match=r"hight|chek|Missing"):
            parse(words)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_are_those_of_the_command_line(page: str) -> None:
    for example in page_examples(page):
        for words in example.commands:
            parse(words)


def test_the_examples_of_the_help_texts_can_be_parsed() -> None:
    shown = [words for example in examples(reference()) for words in example.commands]
    assert len(shown) > len(list(commands()))
    for words in shown:
        parse(words)


@pytest.mark.parametrize("page", PAGES)
def test_an_example_that_no_test_runs_says_what_it_takes(page: str) -> None:
    for example in page_examples(page):
        assert example.kind in (*RUN, *NOT_RUN), example
        if example.kind in NOT_RUN and example.kind != "setup":
            assert example.text.startswith("# "), example.text


def test_blocks_are_read_with_their_marks_and_titles() -> None:
    page = (
        "text\n\n<!-- example: minutes -->\n```sh\n# a comment\ncarnet-bench time a \\\n"
        "  b --set 'c={d=1,e=2}' > f\nls\n```\n\n"
        '```python title="net.py"\nx = 1\n```\n'
    )
    command, file = examples(page)
    assert command.commands == [["time", "a", "b", "--set", "c={d=1,e=2}"]]
    assert (command.kind, file) == ("minutes", Example("", "python", "net.py", "x = 1\n"))


def test_every_page_and_notebook_is_in_the_navigation() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = [page for section in site["nav"] for pages in section.values() for page in pages]
    docs = ROOT / "docs"
    there = [path.relative_to(docs).as_posix() for path in docs.rglob("*.md")]
    notebooks = [path.relative_to(docs).with_suffix(".md").as_posix() for path in docs.rglob("*.ipynb")]
    assert sorted(listed) == sorted(there + notebooks)


def test_a_page_with_a_block_of_numbers_is_one_that_audit_compares() -> None:
    with_blocks = {page for page in PAGES if "<!-- block:" in (ROOT / page).read_text(encoding="utf-8")}
    assert with_blocks <= set(BLOCK_PAGES)
    assert set(BLOCK_PAGES) - with_blocks == {"results/README.md"}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize("words", [words for words, *_ in commands()])
def test_the_reference_holds_every_command_with_every_option(words: str) -> None:
    (section,) = re.findall(rf"^## `{words}`\n(.*?)(?=^## |\Z)", reference(), re.MULTILINE | re.DOTALL)
    (command,) = [command for name, command, _ in commands() if name == words]
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert all(f"`{option}" in section or f", {option}" in section for option in parameter.opts)
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    assert len(arguments) == len(re.findall(r"^\| `", section.partition("| option |")[0], re.MULTILINE))
    assert shlex.split(words)[0] == "carnet-bench"


def test_the_reference_leaves_no_command_out() -> None:
    def leaves(command: Any) -> int:
        inner = getattr(command, "commands", None)
        return 1 if inner is None else sum(leaves(child) for child in inner.values())

    names = [words for words, *_ in commands()]
    assert len(names) >= leaves(typer.main.get_command(app)) > 20
    assert {"carnet-bench records", "carnet-bench records merge", "carnet-bench data check"} <= set(names)
    assert not {"carnet-bench", "carnet-bench data"} & set(names)
