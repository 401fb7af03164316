"""What a data set is: samples of image and label, and a manifest of their bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from bench.errors import RefusedInput

if TYPE_CHECKING:
    from pathlib import Path

    from jaxtyping import UInt8
    from torch import Tensor

IGNORE = 255  # the one value in memory for "no class here"; every stored void id becomes this at read
# digest of version 1 in published records, and of version 2, computed on the same data: CamVid as JPEG
_PUBLISHED_V1 = (
    (
        "c3d6271d6b1a8cd12fa9d00ecc60688dfa57e3e766f871dd8e8804245e348fab",
        "v2:a15410773d5c61d900034fe70caeededda32c94a8bce8dae59ade8bd754b63ee",
    ),
    (
        "5fb98822b464080006f65ca8512e09c2794e75339784838f3aaaa3adca9a5c08",
        "v2:c87c4350fcc762d96b784c0d91839a8f91fc96fe196aff4ef4e3b467f4a4807f",
    ),
    (
        "eb56b5b83cb9b853f044f68eadb23f263db217b2691133ef9a0a94139eadecd5",
        "v2:9ed631b30c5a7bca8f514230c09a32c21324594d708bbe84711e348183e8fefe",
    ),
)


@dataclass(frozen=True)
class Sample:
    """One image and its label, of equal size.

    Attributes:
        image: RGB as stored, 0..255.
        label: Train ids 0..n-1, and ``IGNORE`` where there is no class.
        name: Unique in its split.
    """

    image: UInt8[Tensor, "3 h w"]
    label: UInt8[Tensor, "h w"]
    name: str


class SegmentationData(Protocol):
    """One split of one data set, read by index."""

    @property
    def name(self) -> str:
        """The name in the catalogue, e.g. ``camvid``."""

    @property
    def split(self) -> str:
        """One of ``train``, ``val``, ``test``."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the order of the train ids."""

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        """One RGB colour (0..255) a class."""

    @property
    def synthetic(self) -> bool:
        """True for synthetic images, which say nothing about any real data set."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Sample:
        """Return the sample at ``index`` (0..len-1); raises RefusedInput naming a bad file."""

    def manifest(self) -> dict[str, str]:
        """Return {relative path or sample name: SHA-256 of the content}."""


@runtime_checkable
class NamesSamples(Protocol):
    """A data set that knows a sample's name without reading it."""

    def sample_name(self, index: int) -> str:
        """Return the name of the sample at ``index``."""


@runtime_checkable
class ListsFiles(Protocol):
    """A data set that knows which files a sample is made of, and how its labels are read."""

    def manifest_rows(self) -> list[list[str]]:
        """Return names and SHA-256 of each sample's files, in order; then what else decides the samples."""


@runtime_checkable
class DigestsImages(Protocol):
    """A data set whose images and labels are separate files."""

    def image_digests(self) -> dict[str, str]:
        """Return the part of the manifest that is images."""


@runtime_checkable
class ReadsImages(Protocol):
    """A data set whose images can be read without their labels, e.g. to predict a test split."""

    def read_image(self, index: int) -> UInt8[Tensor, "3 h w"]:
        """Return the image at ``index``."""


@runtime_checkable
class HasFiles(Protocol):
    """A data set that is read from files while it is used."""

    def files(self) -> list[Path]:
        """Return every file that its samples are read from."""


class MissingSplit(RefusedInput):
    """A data set's folder holds nothing of this split."""


def is_labelled(data: SegmentationData) -> bool:
    """Return whether the split has labels; that of a test server has not."""
    return bool(getattr(data, "labelled", True))


def data_notes(data: SegmentationData) -> tuple[str, ...]:
    """Return what a reader of any number made with this data must know; mostly nothing."""
    return tuple(getattr(data, "notes", ()))


def require_labels(data: SegmentationData) -> None:
    """Refuse to train on or to score a split without labels.

    Raises:
        RefusedInput: With the reason why there are none.
    """
    if not is_labelled(data):
        raise RefusedInput(
            f"{data.name} {data.split}: no labels to score with ({getattr(data, 'why_unlabelled', '')})",
            then="score the val split, or write predictions for the test server (carnet-bench submit)",
        )


def manifest_digest(data: SegmentationData) -> str:
    """Return the identity of a split: each image with its label, in order, and how labels are read.

    It is ``v2:`` and a SHA-256. Only the very data of the published records keeps the digest that they hold,
    of version 1 (`files_digest`), which covered neither pairs nor order. So digests are compared as text, and
    equal ones are of the same data.
    """
    rows = data.manifest_rows() if isinstance(data, ListsFiles) else list(data.manifest().items())
    digest = f"v2:{hashlib.sha256(json.dumps(rows).encode()).hexdigest()}"
    return next((old for old, new in _PUBLISHED_V1 if new == digest), digest)


def files_digest(data: SegmentationData) -> str:
    """Return the SHA-256 over the lines ``name sha256`` of the manifest, sorted by name: the files alone."""
    lines = (f"{name} {digest}\n" for name, digest in sorted(data.manifest().items()))
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def sample_name(data: SegmentationData, index: int) -> str:
    """Return the sample's name where the data set knows it, else its place in the split."""
    if isinstance(data, NamesSamples):
        return data.sample_name(index)
    return f"{data.name}/{data.split}[{index}]"


def shared_images(first: SegmentationData, second: SegmentationData) -> list[tuple[str, str]]:
    """Return the pairs of names under which both splits hold the same image bytes.

    Labels do not count: two different images may well have equal labels.
    """
    by_digest: dict[str, str] = {digest: name for name, digest in image_digests(first).items()}
    return [
        (by_digest[digest], name)
        for name, digest in sorted(image_digests(second).items())
        if digest in by_digest
    ]


def require_disjoint(train: SegmentationData, evaluation: SegmentationData) -> None:
    """Refuse to score on images that were trained on.

    Raises:
        RefusedInput: At least one image has the same SHA-256 in both; the first pair and the count are named.
    """
    shared = shared_images(train, evaluation)
    if shared:
        ours, theirs = shared[0]
        raise RefusedInput(
            f"{train.name} {train.split} and {evaluation.name} {evaluation.split} share {len(shared)} "
            f"images, first {ours} = {theirs}; expected none",
            then="evaluate on another split, or mark the run as a smoke test (smoke = true)",
        )


def image_digests(data: SegmentationData) -> dict[str, str]:
    """Return the manifest without labels, where images and labels are separate files; else all of it."""
    return data.image_digests() if isinstance(data, DigestsImages) else data.manifest()
