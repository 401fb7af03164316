"""What of a run is kept in a checkpoint, and how a run is brought back to it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from bench.errors import RefusedInput
from bench.mirror import fetch_run
from bench.temporaries import sweep_temporaries
from bench.train import checkpoint
from bench.train.ema import WeightsMean
from bench.train.origin import require_same_origin, with_process
from bench.train.ranks import random_states, set_random_states
from bench.train.recipe import Recipe
from bench.train.state import State
from bench.train.weight_file import fit

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Weights = dict[str, Tensor]


@dataclass
class Saved:
    """A run's parts that change from step to step; every process of a run has one.

    Attributes:
        folder, run_key: Folder of the checkpoints, and the run's identity: a checkpoint of another run is
            never resumed.
        recipe: Decides which parts exist.
        fabric: Source of the random states' devices, and of the loss scale of 16-bit floats.
        network, optimiser: The trained network and its optimiser.
        mean: The moving mean of the weights, if any.
        origin: What the run is made of besides its identity (`bench.train.origin`).
        parts: Provenance of the processes so far that differ, the present one last.
    """

    folder: Path
    run_key: str
    recipe: Recipe
    fabric: Fabric
    network: nn.Module
    optimiser: torch.optim.Optimizer
    mean: WeightsMean | None
    origin: dict[str, Any]
    parts: list[dict[str, Any]]

    def write(self, state: State, best: Weights | None) -> Path | None:
        """Write a checkpoint of this step; None when a good one exists.

        Args:
            state: Progress of the run.
            best: Weights of the best validation so far, where the recipe keeps those.
        """
        path = self.folder / f"step-{state.step:08d}.ckpt"
        if path in checkpoint.checkpoints(self.folder) and checkpoint.latest(self.folder) == path:
            return None
        content: dict[str, Any] = {
            "run_key": self.run_key,
            "origin": self.origin,
            "parts": self.parts,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            **random_states(self.fabric),
            "state": dict(vars(state)),
        }
        if self.mean is not None:
            content["mean"] = self.mean.network.state_dict()
        if self.recipe.selection == "best":
            content["best"] = best or {}
        if self.recipe.precision == "16-mixed":
            content["loss_scale"] = self.fabric.strategy.precision.state_dict()
        written = None
        if self.fabric.is_global_zero:
            written = checkpoint.save(self.folder, state.step, content)
        self.fabric.barrier()
        return written

    def read(self) -> tuple[State, Weights | None] | None:
        """Restore every part from the newest good checkpoint; None without one.

        Raises:
            RefusedInput: A checkpoint of another run or of other code, or an incomplete one.
        """
        if self.fabric.is_global_zero:
            sweep_temporaries(self.folder)
        if self.fabric.local_rank == 0:  # each machine has its own copy of a stored home
            fetch_run(self.folder.parent)
        self.fabric.barrier()
        path = checkpoint.latest(self.folder)
        if path is None:
            return None
        saved = checkpoint.load(path)
        missing = self._keys() - set(saved)
        if missing:
            raise RefusedInput(f"{path}: no {', '.join(sorted(missing))} in the checkpoint")
        if saved["run_key"] != self.run_key:
            raise RefusedInput(f"{path}: of run {saved['run_key'][:12]}, this is run {self.run_key[:12]}")
        require_same_origin(saved["origin"], self.origin, path)
        step = saved["state"]["step"]
        self.parts = functools.reduce(
            with_process, [{**part, "from_step": step} for part in self.parts], saved["parts"]
        )
        fit(self.network, saved["network"], path)
        self.optimiser.load_state_dict(saved["optimiser"])
        if self.mean is not None:
            fit(self.mean.network, saved["mean"], path)
        if "loss_scale" in saved:
            self.fabric.strategy.precision.load_state_dict(saved["loss_scale"])
        set_random_states(self.fabric, saved)
        return State(**saved["state"]), saved.get("best") or None

    def _keys(self) -> set[str]:
        keys = {"run_key", "origin", "parts", "network", "optimiser", "rng", "state"}
        needed = {
            "mean": self.mean is not None,
            "best": self.recipe.selection == "best",
            "loss_scale": self.recipe.precision == "16-mixed",
            "cuda_rng": self.fabric.device.type == "cuda",
        }
        return keys | {key for key, is_needed in needed.items() if is_needed}
