"""``score``: label files made elsewhere give the matrices that ``evaluate`` gives, or are refused by name."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchmetrics.classification import MulticlassConfusionMatrix

from bench.data.catalogue import open_data
from bench.data.cityscapes import LABEL_IDS
from bench.data.statistics import IMAGENET
from bench.errors import RefusedInput, UsageError
from bench.evaluate.evaluate import evaluate
from bench.gate.accuracy import scores
from bench.predict.score import score_folder
from bench.predict.submit import export_predictions
from bench.results.frame import records_frame
from bench.results.record import AccuracyRecord
from bench.results.store import read_arrays, read_records
from bench.train.settings import Settings
from bench.train.trained import open_weights

CPU = torch.device("cpu")
FEW = {"count": 3, "size_hw": [32, 48]}


class Colours(nn.Module):
    """Predicts a class of 19 by a pixel's colour."""

    def forward(self, image):
        place = (image * torch.tensor([3.0, 5.0, 7.0])[None, :, None, None]).sum(dim=1).abs().long() % 19
        return nn.functional.one_hot(place, 19).permute(0, 3, 1, 2).float()


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path / "home", command=("carnet-bench", "score"))


@pytest.fixture
def folder(tmp_path):
    """The classes that `Colours` sees in three synthetic scenes."""
    (tmp_path / "theirs").mkdir()
    data = open_data("scenes", "val", **FEW)
    export_predictions(Colours(), data, IMAGENET, CPU, tmp_path / "theirs", list(range(19)))
    return tmp_path / "theirs"


def scored(folder, settings, **options):
    return score_folder(folder, "scenes", "val", settings, options=FEW, **options)


def first_file(folder: Path) -> Path:
    return min(folder.iterdir())


def test_each_image_has_the_matrix_that_evaluate_and_torchmetrics_give(folder, settings):
    data = open_data("scenes", "val", **FEW)
    record, same = scored(folder, settings)
    ours = read_arrays(record, settings.home)
    expected = evaluate(Colours(), data, IMAGENET, CPU)
    assert not same
    assert record.values.iou == expected.values(data.classes)["iou"]
    assert all(np.array_equal(ours[key], value) for key, value in expected.arrays().items())
    theirs = MulticlassConfusionMatrix(19, ignore_index=255)
    for index in range(len(data)):
        sample = data.read(index)
        prediction = torch.from_numpy(np.array(Image.open(folder / f"{sample.name}.png")))
        theirs.update(prediction[None].long(), sample.label[None].long())
    whole = np.zeros((19, 19), np.int64)
    np.add.at(whole, (ours["truth"], ours["prediction"]), ours["count"])
    assert np.array_equal(whole, theirs.compute().numpy())
    assert np.count_nonzero(whole) > 40


def test_the_record_says_that_the_predictions_are_from_outside_and_names_them(folder, settings):
    record, _ = scored(folder, settings, called="tf-net")
    identity = record.stored["identity"]
    lines = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in folder.iterdir()]
    digest = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    assert identity["model"] == "tf-net"
    assert identity["predictions"] == {"sha256": digest, "ids": "train"}
    assert not {"run", "weights_sha256", "engine", "device", "threads"} & identity.keys()
    assert any("predictions from outside" in note for note in record.notes)
    with pytest.raises(LookupError, match="tf-net"):
        _ = record.identity.run


def test_the_same_files_are_recorded_once_and_another_name_is_another_record(folder, settings):
    first, _ = scored(folder, settings)
    again, same = scored(folder, settings)
    other, new = scored(folder, settings, called="other")
    assert same
    assert again.id == first.id
    assert not new
    assert {one.id for one in read_records(settings.home, "accuracy")} == {first.id, other.id}


def test_it_is_listed_but_neither_tabulated_nor_gated(folder, settings):
    record, _ = scored(folder, settings)
    (row,) = records_frame(settings.home, {}).to_dict("records")
    assert row["id"] == record.id
    assert row["value"] == pytest.approx(100 * record.values.miou)
    assert not row["tabulated"]
    assert "outside" in row["why_not"]
    assert scores(settings.home) == []


def test_an_identity_is_either_of_a_run_or_of_predictions(folder, settings):
    record, _ = scored(folder, settings)
    for change, word in (({"engine": "eager"}, "engine"), ({"predictions": None}, "run is missing")):
        with pytest.raises(RefusedInput, match=word):
            AccuracyRecord.make(
                {**record.stored["identity"], **change},
                record.stored["values"],
                record.stored["provenance"],
            )


def extra(folder):
    first_file(folder).with_name("another.png").write_bytes(first_file(folder).read_bytes())
    return "another.png: no such image"


def jpeg(folder):
    Image.new("L", (48, 32)).save(folder / "another.jpg")
    return "another.jpg: no such image"


def missing(folder):
    path = first_file(folder)
    path.unlink()
    return f"{path.name}: missing"


def doubled(folder):
    path = first_file(folder)
    path.with_name(f"{path.stem}_labels.png").write_bytes(path.read_bytes())
    return f"a second file of {path.stem}"


def small(folder):
    Image.new("L", (24, 16)).save(first_file(folder))
    return f"{first_file(folder).name}: 16x24, its label is 32x48"


def unknown(folder):
    Image.new("L", (48, 32), 31).save(first_file(folder))
    return f"{first_file(folder).name}: label 31"


def ignored(folder):
    Image.new("L", (48, 32), 255).save(first_file(folder))
    return "255 marks pixels that are not counted"


def coloured(folder):
    Image.new("RGB", (48, 32)).save(first_file(folder))
    return f"{first_file(folder).name}: label mode RGB"


def damaged(folder):
    content = first_file(folder).read_bytes()
    first_file(folder).write_bytes(content[: len(content) // 2])
    return f"{first_file(folder).name}: truncated or damaged"


@pytest.mark.parametrize("plant", [extra, jpeg, missing, doubled, small, unknown, ignored, coloured, damaged])
def test_a_planted_fault_is_refused_by_name_and_nothing_is_recorded(folder, settings, plant):
    message = plant(folder)
    with pytest.raises(RefusedInput) as refused:
        scored(folder, settings)
    assert message in str(refused.value)
    assert read_records(settings.home, "accuracy") == []


def test_of_many_faults_the_first_of_each_kind_are_named_and_all_are_counted(tmp_path, settings):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RefusedInput, match="35 more files: missing") as refused:
        score_folder(tmp_path / "empty", "scenes", "val", settings)
    assert "val-00000.png" in str(refused.value)
    with pytest.raises(RefusedInput, match="no such folder"):
        score_folder(tmp_path / "nowhere", "scenes", "val", settings)


def test_what_predict_writes_is_scored_and_other_files_are_left_out(folder, settings):
    for path in list(folder.iterdir()):
        Image.new("RGB", (48, 32)).save(path.with_name(f"{path.stem}_overlay.png"))
        path.rename(path.with_name(f"{path.stem}_labels.png"))
    (folder / "README.txt").write_text("made elsewhere")
    record, _ = scored(folder, settings)
    assert record.values.images == 3
    assert "4 other files of the folder are left out" in record.notes


def streets(root: Path) -> Path:
    """Write two validation pairs of Cityscapes, 2x20; their labels hold every scored id."""
    ids = np.array([*LABEL_IDS, 0], np.uint8)
    for frame in ("frankfurt_000000_000294", "lindau_000000_000019"):
        city = frame.partition("_")[0]
        for kind, end, pixels in (
            ("leftImg8bit", "leftImg8bit", np.zeros((2, 20, 3), np.uint8)),
            ("gtFine", "gtFine_labelIds", np.stack([ids, ids[::-1]])),
        ):
            (root / kind / "val" / city).mkdir(parents=True)
            Image.fromarray(pixels).save(root / kind / "val" / city / f"{frame}_{end}.png")
    return root


def write_streets(folder: Path, ids, end: str) -> Path:
    for frame in ("frankfurt_000000_000294", "lindau_000000_000019"):
        path = folder / frame.partition("_")[0] / f"{frame}{end}"
        path.parent.mkdir(parents=True)
        Image.fromarray(np.array([ids, ids], np.uint8)).save(path)
    return folder


def test_files_of_the_test_server_are_read_as_label_ids_and_score_as_train_ids_do(tmp_path, settings):
    settings = dataclasses.replace(settings, data_root=streets(tmp_path / "cityscapes"))
    shown = [*range(19), 0]
    label = write_streets(tmp_path / "label", [LABEL_IDS[one] for one in shown], "_labelIds.png")
    train = write_streets(tmp_path / "train", shown, ".png")
    by_label, _ = score_folder(label, "cityscapes", "val", settings)
    by_train, _ = score_folder(train, "cityscapes", "val", settings)
    assert by_label.identity.predictions.ids == "label"
    assert by_train.identity.predictions.ids == "train"
    assert by_label.values.iou == by_train.values.iou
    # the upper row's 19 labelled pixels are right, of the mirrored lower row only the last
    assert by_label.values.pixel_accuracy == pytest.approx(20 / 38)


def test_ids_that_may_be_either_must_be_named(tmp_path, settings):
    settings = dataclasses.replace(settings, data_root=streets(tmp_path / "cityscapes"))
    folder = write_streets(tmp_path / "roads", [7] * 20, ".png")
    with pytest.raises(RefusedInput, match=r"train ids .* or label ids") as refused:
        score_folder(folder, "cityscapes", "val", settings)
    assert "--ids" in refused.value.then
    road, _ = score_folder(folder, "cityscapes", "val", settings, ids="label")
    sign, _ = score_folder(folder, "cityscapes", "val", settings, ids="train")
    assert road.values.iou["road"] == pytest.approx(2 / 38)
    assert sign.values.iou["traffic sign"] == pytest.approx(2 / 38)


def test_the_command_prints_scores_and_digest_or_one_document(carnet_bench, folder):
    data = ("--data", "scenes", "--set", "data_options.count=3", "--set", "data_options.size_hw=[32, 48]")
    code, out, _ = carnet_bench("score", folder, *data, "--name", "tf", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["model"] == "tf"
    assert len(document["predictions"]["sha256"]) == 64
    code, out, err = carnet_bench("score", folder, *data, "--name", "tf")
    assert code == 0
    assert document["predictions"]["sha256"] in out
    assert document["accuracy_record"] in err
    assert carnet_bench("score", folder, *data, "--name", "a/b")[0] == 2
    assert carnet_bench("score", folder, "--data", "nothing")[0] == 2
    first_file(folder).unlink()
    code, _, err = carnet_bench("score", folder, *data)
    assert code == 3
    assert "missing" in err


def test_label_ids_of_a_set_that_has_colours_are_a_usage_error(folder, settings, monkeypatch):
    monkeypatch.setattr("bench.predict.score.label_ids", lambda entry: {})
    with pytest.raises(UsageError, match="colours"):
        scored(folder, settings, ids="label")


@pytest.mark.slow
def test_the_committed_weights_score_as_evaluate_and_torchmetrics_say(camvid_root, tmp_path, settings):
    root = Path(__file__).parents[2]
    (weights,) = (root / "results" / "weights").glob("carnet-mobile-d32325f706eb.safetensors")
    trained = open_weights(weights)
    method = trained.method(None)
    data = open_data("camvid", "val", camvid_root)
    network = trained.network(method, data, CPU)
    expected = evaluate(network, data, trained.statistics, CPU, sizes=method.sizes)
    folder = tmp_path / "theirs"
    folder.mkdir()
    files = export_predictions(network, data, trained.statistics, CPU, folder, range(11), method.sizes)
    settings = dataclasses.replace(settings, data_root=camvid_root)
    record, _ = score_folder(folder, "camvid", "val", settings)
    arrays = read_arrays(record, settings.home)
    assert len(files) == record.values.images == 101
    assert all(np.array_equal(arrays[key], value) for key, value in expected.arrays().items())
    theirs = MulticlassConfusionMatrix(11, ignore_index=255)
    for index, path in enumerate(files):
        prediction = torch.from_numpy(np.array(Image.open(path)))
        theirs.update(prediction[None].long(), data.read(index).label[None].long())
    assert np.array_equal(expected.confusion.matrix, theirs.compute().numpy())
    assert record.values.miou == expected.confusion.miou()
