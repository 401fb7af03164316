"""The reference of the command line as Markdown, from the commands themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

from bench.cli import app

_NAME = "carnet-bench"


def commands() -> Iterator[tuple[str, Any, typer.Context]]:
    """Yield every command that does something: its words, itself and its context."""

    def walk(command: Any, context: typer.Context, words: str) -> Iterator[tuple[str, Any, typer.Context]]:
        inner = getattr(command, "commands", {})
        if not inner or getattr(command, "invoke_without_command", False):
            yield words, command, context
        for name, child in inner.items():
            yield from walk(child, typer.Context(child, parent=context, info_name=name), f"{words} {name}")

    top = typer.main.get_command(app)
    yield from walk(top, typer.Context(top, info_name=_NAME), _NAME)


def reference() -> str:
    """Return a section per command: usage, help, example, arguments and options."""
    return "\n".join(
        line for words, command, context in commands() for line in _section(words, command, context)
    )


def _section(words: str, command: Any, context: typer.Context) -> Iterator[str]:
    pieces = " ".join(command.collect_usage_pieces(context))
    yield from (f"## `{words}`", "", "```text", f"{words} {pieces}", "```", "")
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\nExample:\n")
    yield from (_prose(text.strip()), "")
    if examples:
        yield from ("```sh", inspect.cleandoc(f"\n{examples}"), "```", "")
    shown = [(parameter.param_type_name, parameter.get_help_record(context)) for parameter in command.params]
    for kind in ("argument", "option"):
        rows = [record for of, record in shown if of == kind and record is not None]
        if rows:
            yield from (f"| {kind} | meaning |", "|---|---|")
            yield from (f"| `{_field(name)}` | {_prose(_field(meaning))} |" for name, meaning in rows)
            yield ""


def _field(text: str) -> str:
    """Return text on one line; within backticks the site's tables take a bar as it is."""
    return " ".join(text.split())


def _prose(text: str) -> str:
    """Return text that Markdown leaves as it is, but for what stands between backticks."""
    return re.sub(r"(`[^`]*`)|([*_<|\[])", lambda found: found[1] or f"\\{found[2]}", text)
