"""What a check of a data set compares with, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class SplitReport:
    """What one split holds.

    Attributes:
        samples: Listed samples.
        unreadable: Samples that were refused; each is among the problems.
        sizes: {"HEIGHTxWIDTH": samples}.
        pixels: {class name: labelled pixels}, in the order of the train ids.
        stored_pixels: {stored id as text: pixels}, of ids that occur; empty where labels are no files of ids.
        ignored_pixels: Pixels without a class.
        images_with_class: {class name: samples in which it occurs}.
        manifest: Digest of the manifest; None where a file could not be read.
        labelled: False where only the images could be read, because the labels are not public.
    """

    samples: int
    labelled: bool = True
    unreadable: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    pixels: dict[str, int] = field(default_factory=dict)
    stored_pixels: dict[str, int] = field(default_factory=dict)
    ignored_pixels: int = 0
    images_with_class: dict[str, int] = field(default_factory=dict)
    manifest: str | None = None


@dataclass
class CheckReport:
    """What a data set holds and what is wrong with it.

    Attributes:
        name: Name of the data set.
        stored_ids: {stored id as text: class name or "ignored"}: the table applied at read.
        splits: The splits that could be opened.
        problems: One line each; empty when all is well.
        notes: What is no problem and yet to be known, one line each.
    """

    name: str
    stored_ids: dict[str, str]
    splits: dict[str, SplitReport] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Published:
    """What is known of a data set as it is published; what is None or not there is not compared.

    Attributes:
        counts: {split: samples}.
        sizes_hw: The sizes (height, width) that its images have.
        stored_names: Names of stored ids that are not classes.
        manifests: {split: `files_digest`}.
        unlabelled: Splits without public labels, which a folder need not have.
    """

    counts: Mapping[str, int] | None = None
    sizes_hw: tuple[tuple[int, int], ...] | None = None
    stored_names: Mapping[int, str] | None = None
    manifests: Mapping[str, str] = field(default_factory=dict)
    unlabelled: tuple[str, ...] = ()
