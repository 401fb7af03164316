"""Where a training run happens."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Where a run happens; none of it changes what is measured but the threads and the device.

    Attributes:
        home: Folder of ``results/`` and ``runs/``.
        data_root: The data set's own folder; None searches ``CARNET_DATA``.
        weights_file: Local file of the encoder's weights; None searches ``CARNET_DATA/weights``.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        threads: Threads of torch on the CPU; None leaves torch's own choice.
        command: Command line, for the record.
        workers: Data-loading processes (results do not depend on it).
        devices, strategy: Number of devices that share a batch (None: of the processes that torchrun or srun
            has started), and how (``bench.fabric``).
        log: Journals besides TensorBoard's: ``wandb``, ``mlflow``.
    """

    home: Path = Path()
    data_root: Path | None = None
    weights_file: Path | None = None
    device: str = "auto"
    threads: int | None = None
    command: tuple[str, ...] = tuple(sys.argv)
    workers: int = 0
    devices: int | None = 1
    strategy: str = "auto"
    log: tuple[str, ...] = ()
