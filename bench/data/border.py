"""The white border of NYU Depth v2's labelled images, and the 468x625 pixels inside it.

Turning the pictures onto the depth camera left a frame of white; papers that time a "625x468 input" cut it
off. What is not white in a 480x640 image is 470x627, and its outermost pixels are blended with the white:
without them it is 468x625.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.errors import RefusedInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import UInt8
    from torch import Tensor

CROPPED_HW = (468, 625)
WHOLE_HW = (480, 640)
_WHITE = 250  # every channel at least this; a JPEG copy of the set has 255 only nearly
_BLENDED = 1  # pixels at each side


class Box(NamedTuple):
    """A rectangle of ``CROPPED_HW`` in an image, by its upper left corner in pixels."""

    top: int
    left: int

    def cut(self, picture: UInt8[Tensor, "*channels h w"]) -> UInt8[Tensor, "*channels 468 625"]:
        """Return the part of an image or label inside the box."""
        height, width = CROPPED_HW
        return picture[..., self.top : self.top + height, self.left : self.left + width].contiguous()

    def __str__(self) -> str:
        height, width = CROPPED_HW
        return f"{height}x{width} (height x width) from row {self.top}, column {self.left}"


def find_box(images: Iterable[UInt8[Tensor, "3 480 640"]], where: str) -> Box:
    """Return the one box inside the white border that all these images have.

    Args:
        images: Some images of the set; the more, the less a white wall at an image's edge matters.
        where: What they are of, for the error.

    Raises:
        RefusedInput: What is not white in them is not 470x627, so that the border is not the one known.
    """
    import torch  # noqa: PLC0415 - a table names data sets and reads none

    colours = torch.zeros(WHOLE_HW, dtype=torch.bool)
    for image in images:
        colours |= (image < _WHITE).any(0)
    rows, columns = (colours.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
    wanted = tuple(side + 2 * _BLENDED for side in CROPPED_HW)
    found = tuple(places[-1] - places[0] + 1 if places else 0 for places in (rows, columns))
    if found != wanted:
        raise RefusedInput(
            f"{where}: inside its white border are {found[0]}x{found[1]} pixels (height x width), "
            f"expected {wanted[0]}x{wanted[1]}, of which {CROPPED_HW[0]}x{CROPPED_HW[1]} are kept",
            then="leave crop_border out",
        )
    return Box(rows[0] + _BLENDED, columns[0] + _BLENDED)
