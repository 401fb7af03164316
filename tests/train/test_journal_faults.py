"""A journal that fails: the run continues, its checkpoint is there, and what is missing is said."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.errors import Interrupted, UsageError
from bench.train import checkpoint, journals
from bench.train import run as runs
from bench.train.failures import Diverged
from bench.train.journals import Journals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.train.journals import Ending

KEY = "0123456789abcdef" * 4


class Noted:
    """Keeps what it receives; one of its functions raises from a step on."""

    def __init__(self, raises: str = "", since: int = 0) -> None:
        self.raises, self.since = raises, since
        self.steps: list[int] = []
        self.ending: Ending | None = None

    def write(self, step: int, values: Mapping[str, float]) -> None:
        assert values
        self.steps.append(step)
        self._fail("write")

    def flush(self) -> None:
        self._fail("flush")

    def close(self, ending: Ending) -> None:
        self.ending = ending
        self._fail("close")

    def _fail(self, where: str) -> None:
        if where == self.raises and self.steps and self.steps[-1] >= self.since:
            raise ConnectionError("server gone")


@pytest.mark.parametrize(
    ("where", "since", "holds"), [("write", 5, 4), ("flush", 5, 4), ("flush", 1, 0), ("close", 1, 6)]
)
def test_a_journal_that_fails_ends_no_run_and_what_it_lacks_is_said(  # noqa: PLR0917
    where: str,
    since: int,
    holds: int,
    small_trainer: Callable[..., Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = Noted()
    trainer = small_trainer(tmp_path, epochs=2)
    trainer.journal = Journals({"bad": Noted(where, since), "good": whole})
    with trainer.journal:
        trainer.train(lambda _: 0.5)
    # two epochs of three steps, a checkpoint after each; the end of an epoch is a row of its own
    assert whole.steps == [1, 2, 3, 3, 4, 5, 6, 6]
    assert whole.ending == "finished"
    newest = checkpoint.latest(tmp_path)
    assert newest is not None
    assert checkpoint.step_of(newest) == 6
    said = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert [text for text in said if "bad: ConnectionError: server gone" in text]
    assert f"journal bad lacks the steps after {holds} of 6; rerun the command to add them" in said
    assert not [text for text in said if "good" in text]


def test_the_checkpoint_is_written_before_a_journal_is_flushed(
    small_trainer: Callable[..., Any], tmp_path: Path
) -> None:
    seen = []

    class Looks(Noted):
        def flush(self) -> None:
            newest = checkpoint.latest(tmp_path)
            seen.append((self.steps[-1], newest and checkpoint.step_of(newest)))

    trainer = small_trainer(tmp_path, epochs=1)
    trainer.journal = Journals({"looks": Looks()})
    trainer.train(lambda _: 0.5)
    assert seen == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_disk_full_for_the_event_file_alone_ends_no_run(
    small_trainer: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = small_trainer(tmp_path / "checkpoints", epochs=1)
    trainer.journal = journals.open_journal(tmp_path, {"recipe": {}}, KEY, (), iter(()))
    file: Any = trainer.journal.journals["tensorboard"]
    file._path = Path("/dev/full")
    with trainer.journal:
        trainer.train(lambda _: 0.5)
    assert checkpoint.latest(tmp_path / "checkpoints") is not None
    assert "tensorboard lacks the steps after 0 of 3" in caplog.text


def test_a_journal_that_cannot_even_begin_ends_no_run(
    small_trainer: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tensorboard").write_text("a file where the folder should be")
    trainer = small_trainer(tmp_path / "checkpoints", epochs=1)
    trainer.journal = journals.open_journal(tmp_path, {"recipe": {}}, KEY, (), iter(()))
    with trainer.journal:
        trainer.train(lambda _: 0.5)
    assert len(trainer.state.losses) == 3
    assert "tensorboard lacks the steps after 0 of 3" in caplog.text


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[Noted]:
    """The journals that runs open in this test, in place of event files."""
    opened: list[Noted] = []

    def build(*_: object) -> Noted:
        opened.append(Noted())
        return opened[-1]

    monkeypatch.setattr(journals, "import_named", lambda _name: build)
    return opened


def test_a_run_that_diverged_is_failed_in_its_journal_and_one_that_ends_is_finished(
    tiny_recipe: Any, settings_in: Callable[[Path], Any], noted: list[Noted], tmp_path: Path
) -> None:
    wild = dataclasses.replace(tiny_recipe, encoder_lr=1e30, decoder_lr=1e30, clip_norm=0.0, validate_every=0)
    with pytest.raises(Diverged):
        runs.train(wild, settings_in(tmp_path))
    runs.train(dataclasses.replace(tiny_recipe, epochs=1, validate_every=0), settings_in(tmp_path))
    assert [one.ending for one in noted] == ["failed", "finished"]


def test_a_run_that_was_stopped_is_killed_in_its_journal(
    tiny_recipe: Any, settings_in: Callable[[Path], Any], noted: list[Noted], tmp_path: Path
) -> None:
    def stop(kind: str, done: int, *_: object) -> None:
        if (kind, done) == ("train", 1):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        runs.train(tiny_recipe, settings_in(tmp_path), stop)
    assert [one.ending for one in noted] == ["killed"]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"WANDB_MODE": "ofline"}, "WANDB_MODE 'ofline'"),
        ({"WANDB_MODE": "online"}, "No API key"),
        ({"WANDB_MODE": "online", "WANDB_API_KEY": "short"}, "WANDB_API_KEY"),
    ],
)
def test_a_setting_of_wandb_that_cannot_work_is_refused_before_training(
    variables: dict[str, str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="the extra 'log' is not installed")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=named):
        journals.open_journal(tmp_path, {"recipe": {}}, KEY, ("wandb",), iter(()))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # what MLflow's own libraries deprecate
def test_mlflow_names_how_a_run_ended_and_a_server_that_is_down_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("mlflow", reason="the extra 'log' is not installed")
    from mlflow.tracking import MlflowClient

    def ending(error: BaseException | None) -> str:
        opened = journals.open_journal(tmp_path, {"recipe": {}}, KEY, ("mlflow",), iter(()))
        assert status() == "RUNNING"
        opened.write(1, {"train/loss": 0.5})
        opened.__exit__(type(error) if error else None, error, None)
        return status()

    def status() -> str:
        client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
        (experiment,) = [one for one in client.search_experiments() if one.name == "carnet-bench"]
        (found,) = client.search_runs([experiment.experiment_id])
        return str(found.info.status)

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert ending(Diverged("loss is nan", 3)) == "FAILED"
    assert ending(Interrupted("stopped", signal.SIGTERM)) == "KILLED"
    assert ending(None) == "FINISHED"
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with journals.open_journal(tmp_path, {"recipe": {}}, KEY, ("mlflow",), iter(())) as opened:
        opened.write(1, {"train/loss": 0.5})
    assert "mlflow lacks the steps after 0 of 1" in caplog.text
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "htp://127.0.0.1")
    with pytest.raises(UsageError, match="MLFLOW_TRACKING_URI=htp://"):
        journals.open_journal(tmp_path, {"recipe": {}}, KEY, ("mlflow",), iter(()))
