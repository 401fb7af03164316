"""A run of MLflow: in ``mlflow.db`` in the run's folder, or where ``MLFLOW_TRACKING_URI`` says."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunStatus
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from bench.errors import UsageError
from bench.train.journals import Ending

_EXPERIMENT = "carnet-bench"
_KEY = "carnet_bench.run"
_MOST = 1000
"""Metrics that MLflow takes in one call."""
_LONGEST = 500
"""Characters of a parameter that every version of MLflow takes."""
_STATUS = {"finished": RunStatus.FINISHED, "failed": RunStatus.FAILED, "killed": RunStatus.KILLED}
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""MLflow's own would keep a run waiting for a quarter of an hour when its server hangs."""


class MlflowRun:
    """One run, found by its key; a step that it holds is not rewritten."""

    def __init__(self, folder: Path, identity: Mapping[str, Any], run_key: str) -> None:
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        uri = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{(folder / 'mlflow.db').resolve()}")
        try:
            self._client = MlflowClient(tracking_uri=uri)
            found = self._client.get_experiment_by_name(_EXPERIMENT)
        except MlflowException as error:
            if "unsupported URI" not in str(error):
                raise
            raise UsageError(f"MLFLOW_TRACKING_URI={uri}: {error}") from error
        if found:
            experiment = found.experiment_id
        else:
            # nothing is stored there, but its default is a folder where the command runs
            place = None if "MLFLOW_TRACKING_URI" in os.environ else (folder / "mlflow").resolve().as_uri()
            experiment = self._client.create_experiment(_EXPERIMENT, artifact_location=place)
        runs = self._client.search_runs([experiment], filter_string=f"tags.`{_KEY}` = '{run_key}'")
        if runs:
            self._id = runs[0].info.run_id
            self._client.update_run(self._id, RunStatus.to_string(RunStatus.RUNNING))
        else:
            run = self._client.create_run(experiment, tags={_KEY: run_key}, run_name=folder.name)
            self._id = run.info.run_id
            texts = {**identity, **{f"recipe.{key}": value for key, value in identity["recipe"].items()}}
            del texts["recipe"]
            params = [Param(key, str(value)[:_LONGEST]) for key, value in texts.items()]
            self._client.log_batch(self._id, params=params)
        self._known = {name: self._last_step(name) for name in ("train/loss", "epoch")}
        self._rows: list[Metric] = []

    def _last_step(self, name: str) -> int:
        return max((metric.step for metric in self._client.get_metric_history(self._id, name)), default=0)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the values until they are flushed, as a call may cost milliseconds."""
        name = "train/loss" if "train/loss" in values else "epoch"
        if step > self._known[name]:
            now_ms = int(1000 * time.time())
            self._rows += [Metric(name, value, now_ms, step) for name, value in values.items()]

    def flush(self) -> None:
        """Log what was taken since the last time."""
        for start in range(0, len(self._rows), _MOST):
            self._client.log_batch(self._id, metrics=self._rows[start : start + _MOST])
        self._rows = []

    def close(self, ending: Ending) -> None:
        """Flush and mark the run as finished, failed or killed."""
        self.flush()
        self._client.set_terminated(self._id, RunStatus.to_string(_STATUS[ending]))
