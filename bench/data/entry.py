"""What a data set's module tells the rest: one entry per set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.data.dataset import SegmentationData
    from bench.data.fetch import Source

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Entry:
    """Everything that the project knows of a data set; its module defines the one entry.

    Attributes:
        name, title: The registry name and what a reader calls it.
        how_to_get: What to do when it is missing.
        classes, palette: Class names and RGB colours (0..255), in the order of the train ids.
        stored_ids: The one table from stored id, or stored class where labels are colours, to train id (or
            ``IGNORE``).
        open_folder: Opens a split in the set's own folder; None for a synthetic set.
        expected: Samples per split, where the set is a fixed one.
        terms: Under which the images may be used, and so what is made of them.
        stuff: Train ids of the classes without a countable shape, for methods that separate them from
            objects; None is not known.
        stored_names: Names of stored ids, where the label files know more classes than are scored.
        sizes_hw: Sizes (height, width) that the published images have; None where they differ from image to
            image.
        options: Data options that ``open_folder`` takes.
        splits: The splits whose images differ from each other's.
        unlabelled: Splits that are published without labels.
        place: Where a file of the published archives belongs below the set's folder.
        sources: Files that can be fetched without registration.
        manifests: {split: `files_digest` of the files as published}, where it is known.
        block_images: Images per block of neighbours (`bench.evaluate.neighbours`); 1 where no image depends
            on another.
        sequences: {split: images of each sequence, in the order of the list}; a record holds no names.
        caveat: What must be known of a score on images with this manifest digest, or None.
        folder: Folder of a data set of one's own, that of its TOML file; None is looked for by name.
    """

    name: str
    title: str
    how_to_get: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    stored_ids: Mapping[int, int] | Mapping[str, int]
    open_folder: Callable[..., SegmentationData] | None
    expected: Mapping[str, int] | None = None
    terms: str = "none, the images are synthetic"
    stuff: tuple[int, ...] | None = None
    stored_names: Mapping[int, str] | None = None
    sizes_hw: tuple[tuple[int, int], ...] | None = None
    options: tuple[str, ...] = ()
    splits: tuple[str, ...] = SPLITS
    unlabelled: tuple[str, ...] = ()
    place: Callable[[str], str | None] | None = None
    sources: tuple[Source, ...] = ()
    manifests: Mapping[str, str] = field(default_factory=dict)
    block_images: int = 1
    sequences: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    caveat: Callable[[str], str | None] = lambda manifest_sha256: None
    folder: Path | None = None
