"""What the test servers want of a submission, one table: ids, names, counts and sizes of the label files.

Cityscapes: of each test image one PNG of label ids at 1024x2048, named ``CITY_SEQUENCE_FRAME*.png`` (the
pattern by which cityscapesScripts' pixel-level evaluation finds predictions). ADE20K: of each test image one
PNG of ids 1..150, of the image's own name and size (README of the Places Challenge 2017).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.data import ade20k, cityscapes
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class SubmissionFormat:
    """The files of one server.

    Attributes:
        data: Name of the data set.
        stored_ids: Train id -> id in the files; never 255.
        allowed_ids: What may stand in a file: more than is scored, where the server knows more ids.
        ending: What is written behind a sample's name.
        pattern: Of file names: ``frame`` names the image, ``group`` what it is counted by.
        groups: {split: {group: images}}.
        size_hw: Of every file, in pixels; None where it is that of its image.
        example: A name that is right.
        folders: Whether the evaluator looks into folders of the zip too.
    """

    data: str
    stored_ids: tuple[int, ...]
    allowed_ids: range
    ending: str
    pattern: re.Pattern[str]
    groups: Mapping[str, Mapping[str, int]]
    size_hw: tuple[int, int] | None
    example: str
    folders: bool

    def count(self, split: str) -> int | None:
        """Return how many files a complete submission of a split has; None where it is not known."""
        return sum(self.groups[split].values()) if split in self.groups else None


# Frames by city; the 1525 names themselves are only in the archive of the test images. The sums are the
# splits' sizes in Cordts et al. 2016.
_CITIES = {
    "test": {"berlin": 544, "bielefeld": 181, "bonn": 46, "leverkusen": 58, "mainz": 298, "munich": 398},
    "val": {"frankfurt": 267, "lindau": 59, "munster": 174},
}
FORMATS: dict[str, SubmissionFormat] = {
    "cityscapes": SubmissionFormat(
        "cityscapes",
        cityscapes.LABEL_IDS,
        range(34),
        "_labelIds.png",
        re.compile(r"(?P<frame>(?P<group>[a-z-]+)_\d{6}_\d{6})(?!\d)[^/\\]*\.png", re.ASCII),
        _CITIES,
        (1024, 2048),
        "berlin_000000_000019_labelIds.png",
        folders=True,  # getPrediction of cityscapesScripts walks them
    ),
    "ade20k": SubmissionFormat(
        "ade20k",
        tuple(range(1, 151)),
        range(1, 151),
        ".png",
        re.compile(r"(?P<frame>ADE_(?P<group>test|val)_\d{8})\.png", re.ASCII),
        {split: {split: ade20k.SPLIT_SIZES[split]} for split in ("test", "val")},
        None,
        "ADE_test_00000001.png",
        folders=False,
    ),
}


def submission_format(data: str) -> SubmissionFormat:
    """Return the format of a data set's server.

    Raises:
        UsageError: No test server is known for this data set; those that are known are listed.
    """
    if data not in FORMATS:
        raise UsageError(f"no test server is known for data set '{data}'; known for {', '.join(FORMATS)}")
    return FORMATS[data]
