"""Checkpoints of a run on shared storage: a machine may be lost at any request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stored_homes import URL, names

from bench import files, mirror
from bench.train import checkpoint
from bench.train.lock import RunLockedError

Machine = Callable[[str], Path]


def state_of(step: int) -> dict[str, int]:
    return {"step": step}


def test_a_new_checkpoint_is_stored_marker_last_and_old_ones_leave_the_store(
    machine: Machine, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    create = files.object_store.create

    def noted(path: Path, content: bytes) -> bool:
        sent.append(path.name)
        return create(path, content)

    monkeypatch.setattr(files.object_store, "create", noted)
    folder = machine("a") / "runs" / "x" / "checkpoints"
    for step in (1, 2, 3):
        checkpoint.save(folder, step, state_of(step))
    assert sent[:2] == ["step-00000001.ckpt", "step-00000001.sha256"]
    kept = [f"step-{step:08d}.{kind}" for step in (2, 3) for kind in ("ckpt", "sha256")]
    assert [name.rpartition("/")[2] for name in names(store, "runs")] == kept


def lost_at(monkeypatch: pytest.MonkeyPatch, store: Any, call: int) -> None:
    """Let the machine die at its k-th request that changes the store: before it is done."""
    count = iter(range(1, 1000))

    def dying(method: Callable[..., None]) -> Callable[..., None]:
        def changed(*arguments: Any, **options: Any) -> None:
            if next(count) == call:
                raise KeyboardInterrupt
            method(*arguments, **options)

        return changed

    for name in ("pipe_file", "rm_file"):
        monkeypatch.setattr(type(store), name, dying(getattr(type(store), name)))


@pytest.mark.parametrize("call", range(1, 11))
def test_a_machine_lost_at_any_request_leaves_a_checkpoint_from_which_another_goes_on(
    machine: Machine, store: Any, call: int
) -> None:
    folder = machine("a") / "runs" / "x" / "checkpoints"
    checkpoint.save(folder, 0, state_of(0))
    saved = [0]
    with pytest.MonkeyPatch.context() as patched:
        lost_at(patched, store, call)
        try:
            for step in (1, 2, 3):
                checkpoint.save(folder, step, state_of(step))
                saved.append(step)
        except KeyboardInterrupt:
            pass
        else:
            pytest.fail("the machine was not lost")
    other = machine("b") / "runs" / "x"
    mirror.fetch_run(other)
    newest = checkpoint.latest(other / "checkpoints")
    assert newest is not None
    step = checkpoint.load(newest)["step"]
    assert step >= saved[-1]
    checkpoint.save(other / "checkpoints", step + 1, state_of(step + 1))
    third = machine("c") / "runs" / "x"
    mirror.fetch_run(third)
    newest = checkpoint.latest(third / "checkpoints")
    assert newest is not None
    assert checkpoint.load(newest)["step"] == step + 1


def test_a_checkpoint_that_another_process_has_fetched_before_it_has_its_name_here_is_no_error(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = machine("a") / "runs" / "x" / "checkpoints"
    create = files.object_store.create

    def created(path: Path, content: bytes) -> bool:
        found = create(path, content)
        mirror.fetch_run(folder.parent)  # as `evaluate` does meanwhile
        return found

    monkeypatch.setattr(files.object_store, "create", created)
    checkpoint.save(folder, 1, state_of(1))
    assert checkpoint.load(folder / "step-00000001.ckpt") == state_of(1)


def test_two_machines_on_one_run_are_noticed_at_the_next_checkpoint(machine: Machine) -> None:
    first, second = (machine(name) / "runs" / "x" / "checkpoints" for name in "ab")
    checkpoint.save(first, 1, {"of": "a"})
    # as for a lock: a grid leaves the run to the other machine
    with pytest.raises(RunLockedError, match="another machine"):
        checkpoint.save(second, 1, {"of": "b"})
    machine("c")
    assert checkpoint.load(first / "step-00000001.ckpt")["of"] == "a"


def test_a_damaged_stored_checkpoint_is_passed_over(
    machine: Machine, store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    folder = machine("a") / "runs" / "x" / "checkpoints"
    for step in (1, 2):
        checkpoint.save(folder, step, state_of(step))
    name = "/bucket/home/runs/x/checkpoints/step-00000002.ckpt"
    store.pipe_file(name, store.cat_file(name)[:-1] + b"!")
    other = machine("b") / "runs" / "x"
    mirror.fetch_run(other)
    newest = checkpoint.latest(other / "checkpoints")
    assert newest is not None
    assert checkpoint.step_of(newest) == 1
    assert f"{URL}/runs/x/checkpoints/step-00000002.ckpt" in caplog.text
