"""Worker processes, each running the code of one tree, and their answers."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.errors import RefusedInput
from bench.heap import KEPT_FROM_THE_START

_LAST_WORDS = 3  # lines of a failed worker's stderr that are worth repeating
_PATIENCE_S = 10.0


class WorkerFailed(RefusedInput):
    """A tree's process gave no answer; ``title`` names the tree."""

    def __init__(self, title: str, said: str) -> None:
        super().__init__(f"{title}: {said}")
        self.title = title


class Worker:
    """A process that answers in lines of JSON.

    Attributes:
        process: With pipes for stdin and stdout.
        title: Name of the tree in messages.
    """

    def __init__(self, process: subprocess.Popen[str], title: str, errors: Any) -> None:
        self.process = process
        self.title = title
        self._errors = errors

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and return the answer.

        Raises:
            RefusedInput: The process has ended; the message holds its last lines.
        """
        if self.process.stdin is None:
            raise self._ended()
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise self._ended() from error
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Return the next answer; errors as `ask`."""
        for answer in self.answers():
            return answer
        raise self._ended()

    def answers(self) -> Iterator[dict[str, Any]]:
        """Yield answers until the process ends; one that fails is a RefusedInput."""
        if self.process.stdout is not None:
            for line in self.process.stdout:
                try:
                    document = json.loads(line)
                except ValueError:
                    raise WorkerFailed(self.title, f"its process printed '{line.strip()[:80]}'") from None
                yield document
        if self.process.wait() != 0:
            raise self._ended()

    def _ended(self) -> WorkerFailed:
        code = self.process.wait()
        self._errors.seek(0)
        lines = [line for line in self._errors.read().splitlines() if line.strip()][-_LAST_WORDS:]
        return WorkerFailed(self.title, f"its process ended with {code}: {' | '.join(lines) or 'no output'}")


@contextlib.contextmanager
def worker(root: Path, title: str, words: Sequence[str], threads: int = 1) -> Iterator[Worker]:
    """Start a worker around the tree at a root, and end it whatever happens.

    Args:
        root: The folder of the packages ``carnet``, ``baselines`` and ``bench``.
        title: Name of the tree in messages.
        words: The worker's task, see ``bench.gate.worker``.
        threads: Threads of an operator on the CPU.

    Raises:
        RefusedInput: The tree cannot be run.
    """
    script = Path(__file__).with_name("worker.py").resolve()
    environment = {
        **os.environ,
        # faulting pages in at every call takes a fifth of a network's time
        **KEPT_FROM_THE_START,
        "PYTHONPATH": str(root),
        "OMP_NUM_THREADS": str(threads),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            # -P: the script's own folder must not come before the tree's
            [sys.executable, "-P", str(script), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            cwd=root,
        )
        try:
            one = Worker(process, title, errors)
            found = one.answer().get("tree")
            if found != str(root.resolve()):
                raise WorkerFailed(title, f"python imported the packages from {found}, not from {root}")
            yield one
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):  # a pipe to a process that is gone
                stream.close()
    try:
        process.wait(0.5 if process.poll() is None else 0)
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
