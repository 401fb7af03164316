"""TensorBoard's event file of a run: ``tensorboard --logdir runs``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

_FLUSHED_S = 30


class EventFile:
    """The event file in a run's folder, rewritten from the start."""

    def __init__(self, folder: Path, identity: Mapping[str, Any], _run_key: str) -> None:
        folder = folder / "tensorboard"
        for path in folder.glob("events.out.tfevents.*"):
            path.unlink()
        self._writer: Any = SummaryWriter(str(folder), flush_secs=_FLUSHED_S)
        self._writer.add_text("run", "```\n" + json.dumps(identity, indent=2, sort_keys=True) + "\n```", 0)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write one scalar per value."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def flush(self) -> None:
        """Write the file out."""
        self._writer.flush()

    def close(self) -> None:
        """Write the file out and close it."""
        self._writer.close()
