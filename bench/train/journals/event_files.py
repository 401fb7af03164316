"""TensorBoard's event file of a run: ``tensorboard --logdir runs``."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[attr-defined]
from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[attr-defined]
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import text

from bench.files import append
from bench.train.journals import Ending

_FLUSHED_S = 30


class EventFile:
    """The event file in a run's folder, rewritten from the start.

    torch's own writer has a thread, whose traceback is printed when the disk is full; this one raises.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], _run_key: str) -> None:
        folder = folder / "tensorboard"
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("events.out.tfevents.*"):
            path.unlink()
        self._path = folder / f"events.out.tfevents.{int(time.time())}.carnet-bench"
        self._taken = io.BytesIO()
        self._flushed_s = time.monotonic()
        self._add(file_version="brain.Event:2")
        shown = "```\n" + json.dumps(identity, indent=2, sort_keys=True) + "\n```"
        self._add(summary=text("run", shown))  # type: ignore[no-untyped-call]

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write one scalar per value."""
        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(step=step, summary=Summary(value=scalars))
        if time.monotonic() - self._flushed_s > _FLUSHED_S:
            self.flush()

    def flush(self) -> None:
        """Write the file out."""
        append(self._path, self._taken.getvalue())
        self._taken = io.BytesIO()
        self._flushed_s = time.monotonic()

    def close(self, _ending: Ending) -> None:
        """Write the file out."""
        self.flush()

    def _add(self, **content: Any) -> None:
        records: Any = RecordWriter(self._taken)  # type: ignore[no-untyped-call]
        records.write(Event(wall_time=time.time(), **content).SerializeToString())
