"""One guard around everything that a user's own network does: errors, exits, prints, global settings."""

from __future__ import annotations

import contextlib
import dis
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from baselines.method import Method
from bench.errors import BenchError, RefusedInput, Stopped
from bench.own.files import OwnFiles, importing, own_files

_MOST_CHARACTERS = 300
_EXITS = ("_exit", "abort", "execv", "execve")


@contextlib.contextmanager
def user_code(doing: str, *methods: Method) -> Iterator[None]:
    """Run what calls users' own networks: whatever they do wrong ends in one line with file and line.

    An error, an exit (``sys.exit``, ``os._exit``) or a ``KeyboardInterrupt`` raised by hand becomes
    `RefusedInput`, unless it comes from our own code alone. What is printed goes to stderr. Global settings
    of torch and the working folder are set back, which is said. Nothing of it holds for other methods.

    Args:
        doing: What fails if it fails: ``its builder``, ``training``.
        methods: The methods whose networks run; those that are not the user's own are left alone.

    Raises:
        RefusedInput: Model, file, line, and what happened.
    """
    own = [method for method in methods if method.group == "own"]
    if not own:
        yield
        return

    def loaded() -> list[OwnFiles]:
        return [found for method in own if (found := own_files(method)) is not None]

    files = loaded()
    # one that is not imported yet, and may never be: whatever its import raises is its own
    named = None if files else Path()
    with guarded(f"{', '.join(one.name for one in own)}: {doing} failed", files, named=named, later=loaded):
        yield


@contextlib.contextmanager
def guarded(
    what: str,
    own: Sequence[OwnFiles],
    *,
    named: Path | None = None,
    later: Callable[[], Sequence[OwnFiles]] = list,
) -> Iterator[None]:
    """Guard code of the user's files; the message begins with ``what``.

    Args:
        what: Beginning of the message.
        own: The files; those of a single network may import what lies next to them.
        named: File that ``what`` names already. Then every error is the user's.
        later: Returns the files of networks that are imported only while their code runs.
    """
    only = own[0] if len(own) == 1 else None
    try:
        with (
            _settings_kept(own),
            importing(only),
            contextlib.redirect_stdout(sys.stderr),
            _exits_refused(),
        ):
            yield
    except BenchError:
        raise
    except BaseException as error:
        if named is None and not _is_theirs(error, own):
            raise
        raise RefusedInput(f"{what}, {_in_words(error, own or later(), named)}") from error


class _HardExit(BaseException):
    """``os._exit`` and the like, called while a user's code runs."""


@contextlib.contextmanager
def _exits_refused() -> Iterator[None]:
    """Turn what would end this process without a word into an exception; forked processes end as ever."""
    real = {name: getattr(os, name) for name in _EXITS}
    process = os.getpid()

    def refusing(name: str) -> Any:
        def refuse(*arguments: Any) -> NoReturn:
            if os.getpid() != process:
                real[name](*arguments)
            raise _HardExit(f"os.{name}({', '.join(map(repr, arguments))})")

        return refuse

    for name in _EXITS:
        setattr(os, name, refusing(name))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def _is_theirs(error: BaseException, own: Sequence[OwnFiles]) -> bool:
    """Whether an error comes from a user's file, or from torch, which does what their network says."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if isinstance(error, Stopped):
        return False
    if isinstance(error, KeyboardInterrupt):
        # Ctrl-C may hit any line; only a `raise` of theirs is not Ctrl-C
        last, _ = frames[-1]
        at = _last(error).tb_lasti
        raised = last.f_code.co_code[at] == dis.opmap["RAISE_VARARGS"]
        return raised and _own_place(error, own) is not None
    if isinstance(error, _HardExit) or _own_place(error, own) is not None:
        return True
    innermost = frames[-1][0].f_globals.get("__name__", "").partition(".")[0]
    return innermost in ("torch", "baselines") or isinstance(error, SystemExit | GeneratorExit)


def _last(error: BaseException) -> Any:
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last


def _own_place(error: BaseException, own: Sequence[OwnFiles]) -> tuple[Path, int] | None:
    """Return the last line of the user's files that an error passed through."""
    if isinstance(error, SyntaxError) and error.filename and any(one.has(error.filename) for one in own):
        return Path(error.filename), error.lineno or 1
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if any(one.has(frame.filename) for one in own):
            return Path(frame.filename), frame.lineno or 1
    return None


def _in_words(error: BaseException, own: Sequence[OwnFiles], named: Path | None) -> str:
    """Return an exception as ``line N of FILE, Type: message``, in one line."""
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    first = next((line.strip() for line in said.splitlines() if line.strip()), "")[:_MOST_CHARACTERS]
    kind = "" if isinstance(error, _HardExit) else type(error).__name__
    text = ": ".join(part for part in (kind, first) if part)
    place = _own_place(error, own)
    if place is None:
        where = [] if named else [", ".join(one.file.name for one in own)]
    else:
        file, line = place
        is_named = named is not None and file.resolve() == named.resolve()
        where = [f"line {line}" if is_named else f"line {line} of {file.name}"]
    return ", ".join([*where, text])


@contextlib.contextmanager
def _settings_kept(own: Sequence[OwnFiles]) -> Iterator[None]:
    """Put back what a user's code changes for the whole process, and say so."""
    from bench.torch_settings import settings_kept  # noqa: PLC0415 - names are looked up without torch

    changes: list[str] = []
    folder = Path.cwd()
    in_main = threading.current_thread() is threading.main_thread()
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)} if in_main else {}
    try:
        with settings_kept(changes):
            yield
    finally:
        if (now := Path.cwd()) != folder:
            os.chdir(folder)
            changes.append(f"chdir {folder} -> {now}")
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
                changes.append(f"{number.name} handler")
        for change in changes:
            print(
                f"note: {_line_of(change, own)} changes {change} for the whole process; put back",
                file=sys.stderr,
            )


def line_of(change: str, method: Method) -> str:
    """Return where a method's own code changes a setting, as ``FILE line N``; else the method's name."""
    own = own_files(method)
    return method.name if own is None else _line_of(change, [own])


def _line_of(change: str, own: Sequence[OwnFiles]) -> str:
    """Return ``FILE line N``: the first line of the files, as far as loaded, that has the setting's name."""
    name = re.split(r" \S+ -> ", change)[0]
    # torch.set_num_threads changes "threads", set_grad_enabled "gradients", `cudnn.benchmark = True` that
    for trace in (name.replace(" ", "_"), name.rpartition(".")[2], name.split()[0], name[:4]):
        for file in [file for one in own for file in one.loaded()]:
            with contextlib.suppress(OSError):
                for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), start=1):
                    if trace in line:
                        return f"{file.name} line {number}"
    return ", ".join(one.file.name for one in own) or "its module"
