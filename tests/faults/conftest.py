"""Kill a writer at every moment that matters: a forked child sends itself SIGKILL at its k-th one.

No clock and no chance: the same k is the same moment. Fork keeps torch imported, so that a point costs
milliseconds.
"""

import itertools
import os
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

# a child that hangs must not hang the tests
CHILD_LIMIT_S = 60


Action = Callable[[Callable[[bytes], None]], None]


def in_children(*actions: Action) -> list[tuple[int, bytes]]:
    """Run the actions at once, a forked child each; return their status and what they reported.

    A negative status is the signal that ended the child.
    """
    started = [_start(action) for action in actions]
    ended = []
    for child, read_end in started:
        with os.fdopen(read_end, "rb") as stream:
            report = stream.read()
        ended.append((os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), report))
    return ended


def _start(action: Action) -> tuple[int, int]:
    read_end, write_end = os.pipe()
    with warnings.catch_warnings():
        # libraries of other tests may have left idle threads; the child touches none of them
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            # a fork copies one thread only: torch must not wait for the others
            torch.set_num_threads(1)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(CHILD_LIMIT_S)
            action(lambda report: os.write(write_end, report))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(write_end)
    return child, read_end


class _HalfWriting:
    """A stream that is interrupted in the middle of what it writes."""

    def __init__(self, stream, point):
        self._stream = stream
        self._point = point

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self._stream.close()

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, content):
        half = len(content) // 2
        self._stream.write(content[:half])
        self._stream.flush()
        self._point()
        self._stream.write(content[half:])
        return len(content)


def arm(fatal: int) -> None:
    """Let this process die at its ``fatal``-th moment: in a write, before a sync, link, rename or removal."""
    moments = itertools.count(1)

    def point():
        if next(moments) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(function):
        def wrapped(*arguments, **options):
            point()
            return function(*arguments, **options)

        return wrapped

    fdopen = os.fdopen
    path_open = Path.open
    os.fdopen = lambda *a, **o: _HalfWriting(fdopen(*a, **o), point)
    Path.open = lambda self, mode="r", *a, **o: (
        _HalfWriting(path_open(self, mode, *a, **o), point)
        if set(mode) & set("wax")
        else path_open(self, mode, *a, **o)
    )
    os.fsync = before(os.fsync)
    tempfile.mkstemp = before(tempfile.mkstemp)
    for name in ("replace", "hardlink_to", "unlink", "chmod"):
        setattr(Path, name, before(getattr(Path, name)))


def kill_everywhere(
    tmp_path: Path,
    prepare: Callable[[Path], None],
    action: Callable[[Path, Callable[[bytes], None]], None],
    check: Callable[[Path, bytes], None],
) -> int:
    """Kill the action at each of its moments in turn, in a fresh folder each; check what it left.

    Returns the number of moments. ``check`` also gets what the child reported before it died.
    """
    for fatal in itertools.count(1):
        folder = tmp_path / f"kill-{fatal}"
        folder.mkdir()
        prepare(folder)

        def child(report, folder=folder, fatal=fatal):
            arm(fatal)
            action(folder, report)

        [(status, reported)] = in_children(child)
        assert status in (0, -signal.SIGKILL), f"moment {fatal}: the child ended with {status}"
        check(folder, reported)
        if status == 0:
            return fatal - 1
    raise AssertionError("never reached")


@pytest.fixture(name="in_children")
def _in_children():
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    return in_children


@pytest.fixture(name="kill_everywhere")
def _kill_everywhere(tmp_path):
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    return lambda prepare, action, check: kill_everywhere(tmp_path, prepare, action, check)
