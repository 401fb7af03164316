"""Faults 1, 2, 3: a kill at any moment of a write."""

import io

import pytest
import torch

from bench import files
from bench.errors import RefusedInput
from bench.train import checkpoint


def state_of(step):
    return {"step": step, "weights": torch.full((40,), float(step)), "name": "toy"}


def step_in(path):
    """The step of a checkpoint whose content is that step's, whole."""
    state = checkpoint.load(path)
    assert torch.equal(state["weights"], torch.full((40,), float(state["step"])))
    assert state["step"] == checkpoint.step_of(path)
    return state["step"]


# faults 1, 2, 3: kill -9 at any moment


@pytest.mark.parametrize("keep", [1, 2])
def test_a_kill_at_any_moment_of_two_saves_leaves_the_last_saved_checkpoint(kill_everywhere, keep):
    def prepare(folder):
        checkpoint.save(folder, 0, state_of(0), keep)

    def saves(folder, report):
        for step in (1, 2):
            checkpoint.save(folder, step, state_of(step), keep)
            report(bytes([step]))

    def check(folder, reported):
        found = step_in(checkpoint.latest(folder))
        assert found >= max([0, *reported])
        # and the run resumes from there, over whatever the killed one left
        checkpoint.save(folder, found + 1, state_of(found + 1), keep)
        assert step_in(checkpoint.latest(folder)) == found + 1
        assert len(list(folder.glob("*.sha256"))) <= keep

    # a save syncs two files and two folders, writes twice and links twice; then old ones are removed
    assert kill_everywhere(prepare, saves, check) >= 2 * 8 + 2


def test_the_same_kills_leave_nothing_usable_of_a_file_written_in_place(kill_everywhere):
    """The harness bites: what the project does not do is seen to fail."""
    broken = []

    def prepare(folder):
        torch.save(state_of(0), folder / "one.ckpt")  # noqa: TID251

    def saves(folder, report):
        buffer = io.BytesIO()
        torch.save(state_of(1), buffer)  # noqa: TID251
        with (folder / "one.ckpt").open("wb") as stream:
            stream.write(buffer.getvalue())

    def check(folder, reported):
        try:
            torch.load(folder / "one.ckpt", weights_only=True)  # noqa: TID251
        except RuntimeError:
            broken.append(folder)

    assert kill_everywhere(prepare, saves, check) == 1
    assert len(broken) == 1


def test_write_atomic_alone_leaves_the_old_or_the_new_content_at_every_kill(kill_everywhere):
    """Tested without digests, which would hide a broken rename."""
    old, new = b"o" * 1000, b"n" * 3000

    def check(folder, reported):
        content = (folder / "live.bin").read_bytes()
        assert content in (old, new)
        assert content == new or not reported

    def write(folder, report):
        files.write_atomic(folder / "live.bin", new)
        report(b"done")

    moments = kill_everywhere(lambda folder: (folder / "live.bin").write_bytes(old), write, check)
    assert moments >= 5  # make, write, sync, rename, sync of the folder


def test_a_good_checkpoint_is_never_overwritten(tmp_path):
    path = checkpoint.save(tmp_path, 7, state_of(7))
    before = path.read_bytes()
    with pytest.raises(RefusedInput, match=r"step-00000007\.ckpt"):
        checkpoint.save(tmp_path, 7, state_of(8))
    assert path.read_bytes() == before


def test_a_checkpoint_without_its_digest_is_never_chosen_nor_loaded_and_may_be_written_again(tmp_path):
    checkpoint.save(tmp_path, 1, state_of(1))
    newest = checkpoint.save(tmp_path, 2, state_of(2))
    checkpoint.marker_of(newest).unlink()
    assert checkpoint.latest(tmp_path).name == "step-00000001.ckpt"
    with pytest.raises(RefusedInput, match=r"step-00000002\.ckpt: incomplete"):
        checkpoint.load(newest)
    checkpoint.save(tmp_path, 2, state_of(2))
    assert step_in(checkpoint.latest(tmp_path)) == 2


def test_old_checkpoints_go_only_after_the_new_one_was_read_back(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, 1, state_of(1), keep=1)

    def other_bytes(path, data):
        path.write_bytes(b"x" * len(data))

    monkeypatch.setattr(checkpoint, "write_new", other_bytes)
    with pytest.raises(RefusedInput, match=r"step-00000002\.ckpt: read back with SHA-256"):
        checkpoint.save(tmp_path, 2, state_of(2), keep=1)
    assert step_in(checkpoint.latest(tmp_path)) == 1
    assert not (tmp_path / "step-00000002.ckpt").exists()


@pytest.mark.parametrize(("keep", "left"), [(1, [5]), (2, [4, 5]), (4, [2, 3, 4, 5]), (9, [1, 2, 3, 4, 5])])
def test_as_many_checkpoints_remain_as_are_to_be_kept(tmp_path, keep, left):
    for step in (1, 2, 3, 4, 5):
        checkpoint.save(tmp_path, step, state_of(step), keep)
    assert [checkpoint.step_of(path) for path in checkpoint.checkpoints(tmp_path)] == left
