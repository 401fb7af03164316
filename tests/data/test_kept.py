"""Decoded samples are kept: the same pixels, once per process, never those of a file that has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.data.catalogue import open_data
from bench.data.dataset import Sample, SegmentationData
from bench.data.kept import HasVersions, KeptSamples, read_kept
from bench.data.loader import epoch_batches, evaluation_samples
from bench.data.transforms import TrainTransform
from bench.errors import RefusedInput


class Counted:
    """A data set that counts how often a sample is read."""

    def __init__(self, data: SegmentationData) -> None:
        self.data = data
        self.name, self.split, self.classes = data.name, data.split, data.classes
        self.palette, self.synthetic = data.palette, data.synthetic
        self.reads = 0

    def __len__(self) -> int:
        return len(self.data)

    def version(self, index: int) -> object:
        assert isinstance(self.data, HasVersions)
        return self.data.version(index)

    def read(self, index: int) -> Sample:
        self.reads += 1
        return self.data.read(index)

    def manifest(self) -> dict[str, str]:
        return self.data.manifest()


@pytest.fixture
def camvid(make_camvid: Callable[[Path], Path], tmp_path: Path) -> Path:
    return make_camvid(tmp_path / "CamVid")


def same(one: Sample, other: Sample) -> bool:
    pixels = torch.equal(one.image, other.image) and torch.equal(one.label, other.label)
    return pixels and one.name == other.name


def test_every_data_set_gives_the_same_pixels_kept_as_decoded(drawn_set: tuple[str, Path]) -> None:
    name, root = drawn_set
    kept = KeptSamples()
    for split in ("train", "val"):
        data = Counted(open_data(name, split, root))
        for _ in range(2):
            assert all(same(kept.read(data, index), data.data.read(index)) for index in range(len(data)))
        assert data.reads == len(data)


def test_two_openings_of_one_folder_share_what_is_kept(drawn_set: tuple[str, Path]) -> None:
    name, root = drawn_set
    kept = KeptSamples()
    first, second = (Counted(open_data(name, "train", root)) for _ in range(2))
    kept.read_all(first)
    kept.read_all(second)
    assert (first.reads, second.reads) == (len(first), 0)


def test_a_callers_changes_do_not_reach_the_next_reader(camvid: Path) -> None:
    data = open_data("camvid", "train", camvid)
    kept = KeptSamples()
    expected = data.read(0)
    for _ in range(2):
        found = kept.read(data, 0)
        assert same(found, expected)
        found.image.zero_()
        found.label.fill_(7)


def image_file(data: SegmentationData) -> Path:
    path: Path = data.image_path(0)  # type: ignore[attr-defined]
    return path


def test_a_file_that_is_written_anew_is_decoded_anew_even_with_its_old_times(camvid: Path) -> None:
    data = open_data("camvid", "train", camvid)
    kept = KeptSamples()
    before = kept.read(data, 0)
    path, times = image_file(data), image_file(data).stat()
    pixels = np.asarray(Image.open(path))
    Image.fromarray(255 - pixels).save(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = kept.read(data, 0)
    assert not torch.equal(before.image, after.image)
    assert same(after, data.read(0))


def test_a_damaged_or_missing_file_is_refused_though_its_sample_is_kept(camvid: Path) -> None:
    data = open_data("camvid", "train", camvid)
    kept = KeptSamples()
    kept.read(data, 0)
    path = image_file(data)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RefusedInput, match=path.name):
        kept.read(data, 0)
    path.unlink()
    with pytest.raises(RefusedInput, match=path.name):
        kept.read(data, 0)


def test_what_does_not_fit_is_read_each_time(camvid: Path) -> None:
    data = Counted(open_data("camvid", "train", camvid))
    sample = data.data.read(0)
    bytes_of_one = sample.image.nbytes + sample.label.nbytes
    kept = KeptSamples(most_bytes=bytes_of_one)
    for _ in range(3):
        kept.read(data, 0)
        kept.read(data, 1)
    assert (data.reads, kept.held_bytes) == (1 + 3, bytes_of_one)
    kept.read_all(data)
    assert data.reads == 1 + 3 + 1


def test_scoring_uses_what_is_kept_and_keeps_nothing(camvid: Path) -> None:
    data = Counted(open_data("camvid", "val", camvid))
    read_kept(data, 0)
    for _ in range(2):
        list(evaluation_samples(data))
    assert data.reads == 1 + 2 * (len(data) - 1)


def test_other_ids_of_the_same_files_are_other_samples(
    make_nyudv2: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_nyudv2(tmp_path)
    kept = KeptSamples()
    for labels in ("0..39", "0..40"):
        data = open_data("nyudv2", "train", root, labels=labels)
        try:
            expected = data.read(0)
        except RefusedInput:
            with pytest.raises(RefusedInput):
                kept.read(data, 0)
        else:
            assert same(kept.read(data, 0), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_from_kept_samples_and_from_files(camvid: Path, workers: int) -> None:
    data = open_data("camvid", "train", camvid)
    transform = TrainTransform((24, 32))

    class Unkept(Counted):
        def version(self, index: int) -> None:
            return None

    def batches(source: SegmentationData, epoch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [
            (batch.image, batch.label)
            for batch in epoch_batches(source, transform, 2, seed=3, epoch=epoch, workers=workers)
        ]

    for epoch in range(2):
        for one, other in zip(batches(data, epoch), batches(Unkept(data), epoch), strict=True):
            assert all(map(torch.equal, one, other))


def test_a_file_that_is_written_while_it_is_read_is_not_kept(camvid: Path) -> None:
    class Written(Counted):
        def read(self, index: int) -> Sample:
            found = super().read(index)
            os.utime(image_file(self.data), ns=(1, self.reads))
            return found

    data, kept = Written(open_data("camvid", "train", camvid)), KeptSamples()
    for _ in range(2):
        assert same(kept.read(data, 0), data.data.read(0))
    assert (data.reads, kept.held_bytes) == (2, 0)
