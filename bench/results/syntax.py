"""What of a Python file decides what it computes: its syntax tree, without remarks and formatting."""

from __future__ import annotations

import ast
import functools
from typing import Any


@functools.cache
def syntax_of(content: bytes) -> bytes:
    """Return the syntax tree of a file's content as text, without docstrings; each content is parsed once.

    Raises:
        SyntaxError, ValueError: It is not Python.
    """
    return _shape(ast.parse(content)).encode()


def _shape(node: Any) -> str:
    """Return a syntax tree as text, without positions, docstrings and empty fields.

    Not `ast.dump`: what that prints changes between Python versions, and with it every record's digest.
    """
    if isinstance(node, ast.AST):
        parts = [
            f"{name}={_shape(value)}" for name, value in ast.iter_fields(node) if value not in (None, [])
        ]
        return f"{type(node).__name__}({','.join(parts)})"
    if isinstance(node, list):
        return f"[{','.join(_shape(item) for item in node if not _is_bare_text(item))}]"
    return repr(node)


def _is_bare_text(node: Any) -> bool:
    """Say whether a statement is only a string: a docstring, or the remark below an attribute."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
