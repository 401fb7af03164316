"""A run is of one code, one set of kernels and one set of data; its score inherits what it is made of."""

import dataclasses
import os

import pytest
import torch

from bench.errors import RefusedInput
from bench.results.select import why_not_tabulated
from bench.results.store import read_records
from bench.train import origin
from bench.train import run as runs
from bench.train.failures import ChangedData
from bench.train.origin import FilesAsFound, require_same_origin, with_process
from bench.train.score import evaluate_run
from bench.train.trained import open_weights
from bench.train.weight_file import describe_weights, load_weights, save_weights

FILES = {"carnet/model.py": "a", "bench/train/update.py": "b"}


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


@pytest.fixture(scope="module")
def kept():
    return {}


@pytest.fixture
def run(kept, tiny_recipe, settings_in, tmp_path_factory):
    """One epoch of the tiny recipe; every test leaves its folder as it was."""
    if not kept:
        settings = settings_in(tmp_path_factory.mktemp("home"))
        recipe = dataclasses.replace(tiny_recipe, epochs=1)
        kept.update(recipe=recipe, settings=settings, run=runs.train(recipe, settings))
    return kept


def again(run):
    """Train the same recipe again; return the run, the steps done and what was said."""
    steps, said = [], []
    found = runs.train(run["recipe"], run["settings"], lambda kind, done, *_: steps.append(done), said.append)
    return found, steps, said


def test_final_weights_with_a_flipped_byte_are_not_scored_and_training_rebuilds_them(run):
    path = run["run"].folder / "final.safetensors"
    whole = path.read_bytes()
    flip_a_byte(path)
    with pytest.raises(RefusedInput, match=run["run"].record.values.final_weights_sha256):
        evaluate_run(run["run"].folder, "test", run["settings"])
    _, steps, said = again(run)
    assert steps == []
    assert "final.safetensors" in said[0]
    assert path.read_bytes() == whole
    assert len(read_records(run["settings"].home, "training")) == 1


def test_weights_that_were_written_anew_without_a_training_are_not_the_runs(run):
    path = run["run"].folder / "final.safetensors"
    whole = path.read_bytes()
    description = describe_weights(path).model_dump(mode="json") | {
        "identity": describe_weights(path).stored_identity
    }
    save_weights(path, {name: tensor + 1 for name, tensor in load_weights(path).items()}, description)
    with pytest.raises(RefusedInput, match=run["run"].record.values.final_weights_sha256):
        open_weights(path)
    path.write_bytes(whole)


def test_weights_of_a_run_without_any_training_record_are_not_used(run, tmp_path):
    folder = tmp_path / "runs" / "tiny-0"
    folder.mkdir(parents=True)
    for name in ("run.json", "final.safetensors"):
        (folder / name).write_bytes((run["run"].folder / name).read_bytes())
    with pytest.raises(RefusedInput, match=r"final\.safetensors"):
        open_weights(folder)


def test_a_finished_run_whose_checkpoints_were_deleted_is_not_trained_again(run):
    moved = run["run"].folder / "checkpoints"
    moved.rename(moved.with_name("elsewhere"))
    found, steps, _ = again(run)
    moved.with_name("elsewhere").rename(moved) if not moved.exists() else None
    assert steps == []
    assert found.record == run["run"].record
    own, first = found.network.state_dict(), run["run"].network.state_dict()
    assert all(torch.equal(own[name], first[name]) for name in own)


def test_a_score_inherits_a_dirty_tree_and_other_code_from_its_weights(run, monkeypatch):
    scored, _ = evaluate_run(run["run"].folder, "test", run["settings"])
    serious = scored.revised(smoke=False, provenance={"dirty": False})
    now = serious.provenance.source
    assert len(serious.provenance.parts) == 1
    clean = {**serious.stored["provenance"]["parts"][0], "dirty": False}
    assert why_not_tabulated(serious.revised(provenance={"parts": [clean]}), now) is None
    for change, reason in (
        ({"dirty": True}, "dirty"),
        ({"dirty": None}, "not known"),
        ({"source": {**now, "carnet": "0"}}, "stale: changed since carnet"),
    ):
        inherited = serious.revised(provenance={"parts": [{**clean, **change}]})
        assert why_not_tabulated(inherited, now).startswith(reason)


def test_weights_that_lie_without_their_training_record_give_a_score_that_no_table_shows(run, tmp_path):
    path = tmp_path / "elsewhere" / "weights.safetensors"
    path.parent.mkdir()
    path.write_bytes((run["run"].folder / "final.safetensors").read_bytes())
    settings = dataclasses.replace(run["settings"], home=tmp_path / "home")
    scored, _ = evaluate_run(path, "test", settings)
    serious = scored.revised(smoke=False, provenance={"dirty": False})
    assert why_not_tabulated(serious, serious.provenance.source) == "no source digest"
    assert any("without a training record" in note for note in scored.notes)


def test_a_finished_run_of_code_that_has_changed_is_not_given_back(run, monkeypatch):
    real = origin.origin_of

    def changed(*arguments):
        made = real(*arguments)
        return {**made, "files": {**made["files"], "carnet/loss.py": "another"}}

    monkeypatch.setattr(runs, "origin_of", changed)
    with pytest.raises(RefusedInput, match=r"carnet/loss\.py"):
        again(run)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"files": {**FILES, "bench/train/update.py": "c"}}, "bench/train/update.py"),
        ({"files": {**FILES, "carnet/new.py": "n"}}, "carnet/new.py"),
        ({"files": {"carnet/model.py": "a"}}, "bench/train/update.py"),
        ({"kernels": "torch"}, "torch"),
        ({"validation_sha256": "w"}, "w"),
    ],
)
def test_another_origin_is_refused_with_what_differs(change, named, tmp_path):
    made = {"files": FILES, "kernels": "gcc 12", "validation_sha256": "v"}
    require_same_origin(made, dict(made), tmp_path)
    with pytest.raises(RefusedInput, match=named):
        require_same_origin(made, {**made, **change}, tmp_path)


def test_every_file_that_decides_a_training_is_in_its_origin():
    from baselines.registry import METHODS

    files = origin.origin_of(METHODS["enet"], None)["files"]
    wanted = {"carnet/loss.py", "baselines/enet.py", "bench/train/update.py", "bench/data/transforms.py"}
    assert wanted | {"carnet/fast/training/norm.c", "bench/evaluate/evaluate.py"} <= set(files)


def test_a_run_begun_with_other_kernels_is_not_resumed(small_trainer, tmp_path):
    small_trainer(tmp_path, epochs=1).train(None)
    other = small_trainer(tmp_path, epochs=1)
    other.saved.origin["kernels"] = "gcc 12"
    with pytest.raises(RefusedInput, match="gcc 12"):
        other.resume()


def test_a_process_is_a_part_of_its_own_where_anything_differs():
    first = {"commit": "a", "dirty": False, "from_step": 0}
    assert with_process([first], {**first, "from_step": 5}) == [first]
    second = {**first, "dirty": True, "from_step": 5}
    assert with_process([first], second) == [first, second]


def test_a_record_names_the_processes_of_a_run_that_went_on_elsewhere(
    tiny_recipe, settings_in, tmp_path, monkeypatch
):
    real = runs.gather

    def gather(commit, dirty):
        monkeypatch.setattr(runs, "gather", lambda *a: {**real(*a), "commit": commit, "dirty": dirty})

    class KilledError(Exception):
        pass

    def kill(kind, done, *_):
        if kind == "train" and done == 3:
            raise KilledError

    gather("a" * 40, True)
    recipe = dataclasses.replace(tiny_recipe, epochs=2)
    with pytest.raises(KilledError):
        runs.train(recipe, settings_in(tmp_path), kill)
    gather("b" * 40, False)
    record = runs.train(recipe, settings_in(tmp_path)).record
    (earlier,) = record.provenance.parts
    assert (earlier.commit, earlier.dirty, earlier.from_step) == ("a" * 40, True, 0)
    assert (record.provenance.commit, record.provenance.from_step) == ("b" * 40, 2)
    serious = record.revised(smoke=False)
    assert why_not_tabulated(serious, serious.provenance.source) == "dirty tree"


class Files:
    """A data set of one file."""

    name, split, classes, palette, synthetic = "one", "train", ("a",), ((0, 0, 0),), False

    def __init__(self, path):
        self.path = path

    def files(self):
        return [self.path]

    def manifest(self):
        return {self.path.name: self.path.read_text()}

    def __len__(self):
        return 1


def test_a_file_written_anew_is_found_though_it_keeps_its_size_and_time(tmp_path):
    path = tmp_path / "label.png"
    path.write_text("one")
    found = FilesAsFound(Files(path))
    assert found.changed() == []
    before = path.stat()
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert found.changed() == [path]
    path.write_text("one")
    assert found.changed() == []
    path.unlink()
    assert found.changed() == [path]


def test_labels_written_during_a_training_end_it_for_good(small_trainer, tmp_path):
    path = tmp_path / "label.png"
    path.write_text("one")

    def trainer():
        made = small_trainer(tmp_path / "run")
        made.watched = FilesAsFound(Files(path))
        return made

    first = trainer()
    with pytest.raises(ChangedData, match=r"label\.png"):
        first.train(None, lambda done, *_: path.write_text("two") if done == 4 else None)
    # the same data again does not undo the steps that were trained on the other
    path.write_text("one")
    with pytest.raises(ChangedData, match="by step 4"):
        trainer().resume()
