"""Faults 1 to 8, 13 and 14: whatever happens to a writer, what is loaded is whole or refused."""

import hashlib
import io
import os
import pickle
import tempfile
from pathlib import Path

import pytest
import torch

from bench import files
from bench.errors import RefusedInput
from bench.temporaries import sweep_temporaries
from bench.train import checkpoint


def state_of(step):
    return {"step": step, "weights": torch.full((40,), float(step)), "name": "toy"}


def step_in(path):
    """The step of a checkpoint whose content is that step's, whole."""
    state = checkpoint.load(path)
    assert torch.equal(state["weights"], torch.full((40,), float(state["step"])))
    assert state["step"] == checkpoint.step_of(path)
    return state["step"]


def damage(path, position=None):
    """Flip one byte, in the middle when no position is given."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if position is None else position] ^= 0x10
    path.write_bytes(bytes(content))


# fault 4: full disk


def test_a_full_disk_is_refused_with_path_and_bytes_and_leaves_the_old_checkpoint(tmp_path, in_children):
    resource = pytest.importorskip("resource")
    checkpoint.save(tmp_path, 1, state_of(1))
    big = {"step": 2, "weights": torch.zeros(100_000)}

    def child(report):
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            checkpoint.save(tmp_path, 2, big)
        except RefusedInput as error:
            report(str(error).encode())

    [(status, message)] = in_children(child)
    assert status == 0
    found = message.decode()
    assert found.startswith(f"{tmp_path / 'step-00000002.ckpt'}: cannot write ")
    # 100 000 numbers of four bytes, and the archive around them
    assert 400_000 < int(found.split("cannot write ")[1].split()[0]) < 410_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000001.ckpt", "step-00000001.sha256"]
    assert step_in(checkpoint.latest(tmp_path)) == 1


def test_a_full_disk_while_text_is_written_leaves_the_old_text_and_no_temporary_file(tmp_path, monkeypatch):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    table = tmp_path / "table.csv"
    table.write_text("old\n")

    def on_full_disk(prefix, suffix, dir):
        name = dir / f"{prefix}x{suffix}"
        name.touch()
        return os.open("/dev/full", os.O_WRONLY), str(name)

    monkeypatch.setattr(tempfile, "mkstemp", on_full_disk)
    with pytest.raises(RefusedInput, match=r"table\.csv: cannot write 4 bytes \(No space left on device\)"):
        files.write_atomic(table, "new\n")
    assert table.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [table]


# fault 5: a failure that is not told


@pytest.mark.parametrize("seam", ["fsync", "replace"])
def test_every_failure_of_the_disk_is_told(tmp_path, monkeypatch, seam):
    table = tmp_path / "table.csv"
    table.write_text("old\n")

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os if seam == "fsync" else Path, seam, refuse)
    with pytest.raises(RefusedInput, match=r"table\.csv: cannot write 4 bytes \(Permission denied\)"):
        files.write_atomic(table, "new\n")
    assert table.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [table]


@pytest.mark.parametrize("seam", ["fsync", "hardlink_to"])
def test_a_checkpoint_that_could_not_be_written_is_told_and_the_one_before_stays(tmp_path, monkeypatch, seam):
    checkpoint.save(tmp_path, 1, state_of(1))

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os if seam == "fsync" else Path, seam, refuse)
        with pytest.raises(RefusedInput, match=r"step-00000002\.ckpt: cannot write"):
            checkpoint.save(tmp_path, 2, state_of(2))
    assert step_in(checkpoint.latest(tmp_path)) == 1
    assert len(list(tmp_path.iterdir())) == 2


# fault 6: damage


def test_a_flipped_byte_anywhere_in_a_checkpoint_is_refused(tmp_path):
    path = checkpoint.save(tmp_path, 1, state_of(1))
    good = path.read_bytes()
    for position in range(0, len(good), len(good) // 19):
        damage(path, position)
        with pytest.raises(RefusedInput, match=r"step-00000001\.ckpt: damaged, SHA-256"):
            checkpoint.load(path)
        path.write_bytes(good)
    assert step_in(path) == 1


def test_a_checkpoint_cut_anywhere_is_refused(tmp_path):
    path = checkpoint.save(tmp_path, 1, state_of(1))
    good = path.read_bytes()
    for length in range(0, len(good), len(good) // 19):
        path.write_bytes(good[:length])
        with pytest.raises(RefusedInput, match=r"step-00000001\.ckpt: damaged, SHA-256"):
            checkpoint.load(path)


# fault 7: a pickle that runs code


class Touching:
    """Unpickled, it makes a folder."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def plant(folder, content):
    """A checkpoint with a right digest, as an attacker would make it."""
    path = folder / "step-00000001.ckpt"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (folder / "step-00000001.sha256").write_text(f"{digest}  {path.name}\n")
    return path


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_a_checkpoint_that_would_run_code_is_refused_and_runs_none(tmp_path, form, monkeypatch):
    # the variable by which torch may be told to trust everything
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    trace = tmp_path / "it-ran"
    evil = {"step": Touching(trace)}
    buffer = io.BytesIO()
    if form == "torch":
        torch.save(evil, buffer)  # noqa: TID251
    else:
        pickle.dump(evil, buffer)
    path = plant(tmp_path, buffer.getvalue())
    with pytest.raises(RefusedInput, match=r"step-00000001\.ckpt: not plain data, nothing was run"):
        checkpoint.load(path)
    assert not trace.exists()
    # the attack itself works, or the test would show nothing
    if form == "torch":
        torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)  # noqa: TID251
    else:
        pickle.loads(buffer.getvalue())  # noqa: S301
    assert trace.is_dir()


def test_a_state_that_could_not_be_loaded_again_is_refused_when_it_is_saved(tmp_path):
    with pytest.raises(RefusedInput, match=r"step-00000001\.ckpt: not plain data"):
        checkpoint.save(tmp_path, 1, {"folder": Path("runs")})
    assert list(tmp_path.iterdir()) == []


# faults 13 and 14: what is found at the start


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_taken(tmp_path, caplog):
    checkpoint.save(tmp_path, 1, state_of(1))
    newest = checkpoint.save(tmp_path, 2, state_of(2))
    newest.write_bytes(newest.read_bytes()[:-100])
    assert checkpoint.latest(tmp_path).name == "step-00000001.ckpt"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "step-00000002.ckpt: damaged" in caplog.text


@pytest.mark.parametrize("keep", [1, 2])
def test_a_run_that_resumes_before_a_damaged_checkpoint_writes_over_it_and_loses_nothing(
    tmp_path, keep, caplog
):
    checkpoint.save(tmp_path, 1, state_of(1))
    damage(checkpoint.save(tmp_path, 4, state_of(4)))
    # a step between: what was just written is kept, though the damaged one looks newer
    checkpoint.save(tmp_path, 3, state_of(3), keep)
    assert step_in(checkpoint.latest(tmp_path)) == 3
    # the damaged one does not count among those that are kept
    assert (tmp_path / "step-00000001.ckpt").exists() == (keep == 2)
    checkpoint.save(tmp_path, 4, state_of(4), keep)
    caplog.clear()
    assert step_in(checkpoint.latest(tmp_path)) == 4
    assert caplog.records == []


def test_when_every_checkpoint_is_damaged_the_run_does_not_start_anew_in_silence(tmp_path):
    for step in (1, 2):
        damage(checkpoint.save(tmp_path, step, state_of(step)))
    with pytest.raises(RefusedInput, match=r"damaged: step-00000001\.ckpt, step-"):
        checkpoint.latest(tmp_path)


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_run_without_checkpoints_has_no_latest(tmp_path, name):
    (tmp_path / "empty").mkdir()
    assert checkpoint.latest(tmp_path / name) is None
    assert sweep_temporaries(tmp_path / name) == []


def test_temporary_files_of_dead_writers_are_swept_and_those_of_living_ones_stay(tmp_path, in_children):
    dead = []
    [(_, report)] = in_children(lambda report: report(str(os.getpid()).encode()))
    for process in (int(report), os.getpid()):
        dead.append(tmp_path / f".step-00000009.ckpt.{process}.abcd1234.tmp")
        dead[-1].write_bytes(b"half")
    others = [tmp_path / "notes.tmp", tmp_path / ".hidden"]
    for path in others:
        path.touch()
    assert sweep_temporaries(tmp_path) == dead[:1]
    assert sorted(tmp_path.iterdir()) == sorted([dead[1], *others])


def test_a_killed_writer_leaves_only_what_the_sweep_removes(kill_everywhere):
    def check(folder, reported):
        sweep_temporaries(folder)
        assert [path.name for path in folder.iterdir() if path.suffix == ".tmp"] == []

    kill_everywhere(
        lambda folder: None, lambda folder, report: checkpoint.save(folder, 1, state_of(1)), check
    )
