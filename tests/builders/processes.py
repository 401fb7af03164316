"""What tests of several training processes share: how they are started."""

from __future__ import annotations

import os
from pathlib import Path

TORCHRUN = ("-m", "torch.distributed.run", "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0")
"""torchrun as a module; each start takes a free port."""
_NAMED = ("LOCAL_RANK", "RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")


def alone_environment() -> dict[str, str]:
    """Return this process's environment without what a launcher has set in it, with the project to import."""
    kept = {name: value for name, value in os.environ.items() if name not in _NAMED}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2])}
