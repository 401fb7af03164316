"""A validation split taken from the training images: seeded, of whole sequences where names show them.

Frames of one drive or video look alike, so neighbours in both splits make a score that says little.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBER = re.compile(r"[_-]?\d+$")
_LEAST_GROUPS = 3
"""Sequences that there must be: of two, one would be half of all images."""


@dataclass(frozen=True)
class HoldOut:
    """How the training images were split.

    Attributes:
        train, val: Names of images, in the order given.
        sequences: Number of sequences that the names show, and how many of them are validation; None where
            the split is by image.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    sequences: tuple[int, int] | None


def hold_out(names: Sequence[str], share: float, seed: int) -> HoldOut:
    """Take a share of the images for validation.

    Which ones follow from the names, the share and the seed alone, through SHA-256, on every machine and
    with every version of every library: images that are added later move few of the others.

    Args:
        names: Names of the images.
        share: Wanted share, between 0 and 1.
        seed: Any whole number.

    Raises:
        UsageError: Too few images for both splits to hold one.
    """
    groups = sequences_of(names)
    by_sequence = groups is not None
    members = groups or {name: [name] for name in names}
    wanted = max(1, round(share * len(names)))
    chosen: set[str] = set()
    for group in sorted(members, key=lambda one: hashlib.sha256(f"{seed}/{one}".encode()).digest()):
        held = len(chosen) + len(members[group])
        # the sum that is nearest to the wanted one; never all images
        if held < len(names) and (not chosen or abs(held - wanted) < abs(len(chosen) - wanted)):
            chosen.update(members[group])
    if not chosen:
        raise UsageError(f"--val {share:g}: {len(names)} images; expected at least 2 to split")
    taken = sum(members[group][0] in chosen for group in members)
    return HoldOut(
        tuple(name for name in names if name not in chosen),
        tuple(name for name in names if name in chosen),
        (len(members), taken) if by_sequence else None,
    )


def sequences_of(names: Sequence[str]) -> dict[str, list[str]] | None:
    """Return the images of each sequence: names that differ by the number at their end only.

    Returns:
        {what stands before the number: names}; None where that makes fewer than three groups, or no group
        of two on average.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_NUMBER.sub("", name), []).append(name)
    return groups if len(groups) >= _LEAST_GROUPS and len(names) >= 2 * len(groups) else None
