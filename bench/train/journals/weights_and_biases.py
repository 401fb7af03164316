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

from bench.errors import UsageError, unknown
from bench.train.journals import Ending

_PROJECT = "carnet-bench"
_MODES = ["online", "offline", "shared", "disabled", "dryrun", "run"]
_EXIT_CODES = {"finished": 0, "failed": 1, "killed": 130}
_PATIENCE_S = 60.0


class WandbRun:
    """One run; steps that an online run holds are not resent."""

    def __init__(self, folder: Path, identity: Mapping[str, Any], run_key: str) -> None:
        mode: Any = os.environ.get("WANDB_MODE", "offline")
        if mode not in _MODES:
            raise unknown("WANDB_MODE", mode, _MODES)
        short = run_key[:12]
        if mode == "offline":
            for earlier in folder.glob(f"wandb/offline-run-*-{short}"):
                shutil.rmtree(earlier)
        # later versions can stop waiting for a server that is gone when the run ends
        patience: Any = (
            {"finish_timeout": _PATIENCE_S} if "finish_timeout" in wandb.Settings.model_fields else {}
        )
        settings = wandb.Settings(
            init_timeout=_PATIENCE_S,
            **patience,
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            save_code=False,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        try:
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
        except (wandb.errors.UsageError, wandb.errors.AuthenticationError) as error:
            wandb.teardown()  # it would keep the refused settings for the next run of this process
            raise UsageError(
                f"--log wandb with WANDB_MODE={mode}: {error}", then="wandb login, or set WANDB_MODE=offline"
            ) from error
        self._known = self._run.step

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values at the step."""
        if step >= self._known:
            self._run.log(dict(values), step=step)

    def flush(self) -> None:
        """Leave it to the service, which writes as it receives."""

    def close(self, ending: Ending) -> None:
        """Finish the run, and wait for the service, which writes the file's end after that."""
        self._run.finish(exit_code=_EXIT_CODES[ending])
        wandb.teardown()
