"""The readers of what users hand in, each with whole inputs to start from."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Reader:
    """One way into the project for bytes from elsewhere.

    Attributes:
        suffix: Ending of the file that is read.
        read: Reads the file at a path; a BenchError refuses it.
        seeds: Makes whole inputs.
        finish: Corrects what a damaged input would be refused for at once, such as a checksum.
    """

    suffix: str
    read: Callable[[Path], object]
    seeds: Callable[[], list[bytes]]
    finish: Callable[[bytes], bytes] = lambda content: content


def read_recipe(path: Path) -> object:
    from bench.train.recipe import load

    return load(str(path)).identity()


def read_setting(path: Path) -> object:
    from bench.train import recipe

    # a word of a command line holds no zero byte
    word = path.read_bytes().replace(b"\0", b"").decode(errors="surrogateescape")
    return recipe.load("camvid-quick", recipe.parse_changes([word])).identity()


def recipes() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "bench" / "train" / "recipes").glob("*.toml"))]


def settings() -> list[bytes]:
    words = (
        "epochs=2",
        "encoder_lr=1e-3",
        "scale=[0.5, 2.0]",
        "crop=[64, 96]",
        "schedule=poly",
        "smoke=true",
    )
    options = (
        "model_options={inner_channels = 8}",
        "data_options={count = 12, size_hw = [64, 96]}",
        'name="a"',
    )
    return [word.encode() for word in (*words, *options)]


def read_record(path: Path) -> object:
    from bench.gate.accuracy import Score
    from bench.results.frame import records_frame
    from bench.results.record import AccuracyRecord, from_json
    from bench.results.store import add_record

    record = from_json(path.read_bytes(), path)
    add_record(record.revised(sidecar=None), path.parent)
    if isinstance(record, AccuracyRecord):
        score = Score(record, path.parent)
        return records_frame(path.parent, {}), score.title, score.group
    return records_frame(path.parent, {})


def records() -> list[bytes]:
    from made_records import make_record

    from bench.results.record import to_json

    published = (sorted((ROOT / "results" / "records" / kind).glob("*.json")) for kind in RECORD_KINDS)
    made = [to_json(make_record(kind, {}, {}, {})).encode() for kind in RECORD_KINDS]
    return made + [paths[0].read_bytes() for paths in published if paths]


RECORD_KINDS = ("accuracy", "training", "speed")


def signed(content: bytes) -> bytes:
    """Give a record the id and the checksum of its content, as one who edits it on purpose would."""
    try:
        document = json.loads(content)
        document.pop("content_sha256", None)
        document["id"] = importlib.import_module("bench.results.record").record_id(document["identity"])
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
        document["content_sha256"] = hashlib.sha256(text.encode()).hexdigest()
        return json.dumps(document).encode()
    except Exception:  # whatever this is, it is no record
        return content


def read_label(path: Path) -> object:
    from bench.data import images
    from bench.errors import BenchError

    colours = {(20 * number,) * 3: number for number in range(11)}
    for read in (images.read_image, images.exif_orientation, lambda p: images.read_colour_label(p, colours)):
        with contextlib.suppress(BenchError):
            read(path)
    return images.read_label(path, images.id_table({number: number for number in range(11)}), 11)


def pictures() -> list[bytes]:
    ids = (np.arange(24 * 32) % 11).astype(np.uint8).reshape(24, 32)
    grey, colour = Image.fromarray(ids), Image.fromarray(np.stack([ids * 20] * 3, axis=2))
    palette, deep = grey.convert("P"), Image.fromarray(ids.astype(np.uint16))
    turned = Image.Exif()
    turned[0x0112] = 6
    plain = [encoded(grey), encoded(palette, bits=4), encoded(deep)]
    return [*plain, encoded(colour, exif=turned), encoded(colour, "JPEG", exif=turned)]


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, form, **options)
    return content.getvalue()


def with_checksums(content: bytes) -> bytes:
    """Correct the checksums of a PNG's chunks; another file stays as it is."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    correct, place = content[:8], 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        body = content[place + 4 : place + 8 + length]
        if len(body) < 4 + length:
            break
        correct += content[place : place + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        place += 12 + length
    return correct + content[place:]


def read_archive(path: Path) -> object:
    from bench.data.archive import plan, unpack

    return unpack([plan(path, lambda name: name if name.endswith(".png") else None)], path.parent / "out")


def archives() -> list[bytes]:
    members = {"a.png": b"1" * 300, "b/c.png": b"2", "notes.txt": b"3"}
    found = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", method) as opened:
            for name, body in members.items():
                opened.writestr(name, body)
        found.append(content.getvalue())
    for mode in ("w", "w:gz", "w:xz"):
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode=mode) as opened_tar:  # type: ignore[call-overload]
            for name, body in members.items():
                information = tarfile.TarInfo(name)
                information.size = len(body)
                opened_tar.addfile(information, io.BytesIO(body))
        found.append(content.getvalue())
    return found


def read_submission(path: Path) -> object:
    from bench.predict.submission_format import FORMATS
    from bench.predict.validate_submission import validate_submission

    small = dataclasses.replace(FORMATS["cityscapes"], size_hw=(2, 20))
    validate_submission(path, small, images={"bonn_000000_000019": None})
    return validate_submission(path)


def submissions() -> list[bytes]:
    roads, found = Image.fromarray(np.full((2, 20), 7, np.uint8)), []
    for name, body in (
        ("bonn_000000_000019.png", encoded(roads)),
        ("results/bonn_000000_000019_labelIds.png", encoded(roads.convert("P"))),
        ("ADE_test_00000001.png", encoded(roads)),
    ):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as opened:
            opened.writestr(name, body)
            opened.writestr("__MACOSX/._x", b"")
        found.append(content.getvalue())
    return found


def read_paper(path: Path) -> object:
    """Read a file of the paper's numbers; its first line is its name."""
    from bench.paper import cards, cells, notes

    name, _, content = path.read_bytes().partition(b"\n")
    written = path.parent / "paper" / PAPER[name[0] % len(PAPER) if name else 0]
    written.parent.mkdir(exist_ok=True)
    written.write_bytes(content)
    with mock.patch.object(cells, "cells_folder", return_value=written.parent):
        if written.stem == "notes":
            return notes.notes_of("table1")
        if written.stem == "cards":
            return cards.cards("NVIDIA TITAN X")
        rows = cells.rows(written.stem)
    return [(cell.value, cell.size_hw) for row in rows for cell in row.cells.values() if cell is not None]


PAPER = ("table1.csv", "table3.csv", "text.csv", "notes.csv", "cards.csv")


def papers() -> list[bytes]:
    folder = ROOT / "results" / "paper"
    return [bytes([number]) + b"\n" + (folder / name).read_bytes() for number, name in enumerate(PAPER)]


def read_baseline(path: Path) -> object:
    from bench.gate.accuracy import compare_scores, known_from_file
    from bench.gate.baseline import read_baseline as read
    from bench.gate.exactly import compare_methods
    from bench.gate.speed import Asked, compare_with_file

    known = read(path)
    findings = compare_scores(known_from_file(known.accuracy, path.parent), [], 0.01)
    findings += compare_methods(known.methods, known.methods, ("counts", "golden"), (known.conditions, {}))
    # without the conditions of any machine, so that nothing is timed
    speed = known.speed and {**known.speed, "conditions": {}}
    findings += compare_with_file((path.parent, "here"), speed, Asked(), lambda *_: None)
    return [json.dumps(vars(one), allow_nan=False) for one in findings]


def baselines() -> list[bytes]:
    whole = json.loads((ROOT / "results" / "baseline.json").read_bytes())
    whole["methods"] = dict(list(whole["methods"].items())[:1])
    whole["accuracy"] = dict(list(whole["accuracy"].items())[:1])
    return [json.dumps(whole, indent=1).encode()]


def read_weights(path: Path) -> object:
    from bench.train.trained import open_weights
    from bench.train.weight_file import load_weights

    opened = open_weights(path)
    return opened.recipe.identity(), opened.statistics, load_weights(path, opened.sha256)


def weights() -> list[bytes]:
    import safetensors.torch

    from bench.train.recipe import load

    recipe = load("camvid-quick").identity()
    identity = {
        "model": "carnet-mobile",
        "num_classes": 11,
        "recipe": recipe,
        "data": {"name": "camvid", "split": "train", "manifest_sha256": "m" * 64},
    }
    note = {"identity": identity, "statistics": {"mean": [0.5] * 3, "std": [0.5] * 3}, "notes": ["a note"]}
    return [safetensors.torch.save({"w": torch.ones(2)}, {"carnet_bench": json.dumps(note)})]


def described(content: bytes) -> bytes:
    """Give a weights file's header its length, so that the library reads an edited description."""
    data = 8  # bytes of the tensor in the whole input
    if len(content) <= 8 + data:
        return content
    return (len(content) - 8 - data).to_bytes(8, "little") + content[8:]


READERS = {
    "recipe": Reader(".toml", read_recipe, recipes),
    "set": Reader(".txt", read_setting, settings),
    "record": Reader(".json", read_record, records, signed),
    "label": Reader(".png", read_label, pictures, with_checksums),
    "archive": Reader(".zip", read_archive, archives),
    "submission": Reader(".zip", read_submission, submissions),
    "paper": Reader(".csv", read_paper, papers),
    "baseline": Reader(".json", read_baseline, baselines),
    "weights": Reader(".safetensors", read_weights, weights, described),
}
