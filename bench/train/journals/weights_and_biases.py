"""A run at Weights & Biases: offline in the run's folder unless ``WANDB_MODE`` says otherwise.

``wandb sync FOLDER/wandb/offline-run-*`` uploads it. Collecting machine, code and command is off.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

_PROJECT = "carnet-bench"


class WandbRun:
    """One run; steps that an online run holds are not resent."""

    def __init__(self, folder: Path, identity: Mapping[str, Any], run_key: str) -> None:
        mode: Any = os.environ.get("WANDB_MODE", "offline")
        short = run_key[:12]
        if mode == "offline":
            for earlier in folder.glob(f"wandb/offline-run-*-{short}"):
                shutil.rmtree(earlier)
        settings = wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            save_code=False,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", _PROJECT),
            dir=str(folder),
            id=short,
            name=folder.name,
            config=dict(identity),
            mode=mode,
            resume="allow",
            settings=settings,
        )
        self._known = self._run.step

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values at the step."""
        if step >= self._known:
            self._run.log(dict(values), step=step)

    def flush(self) -> None:
        """Leave it to the service, which writes as it receives."""

    def close(self) -> None:
        """Finish the run, and wait for the service, which writes the file's end after that."""
        self._run.finish()
        wandb.teardown()
