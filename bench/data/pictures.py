"""Pictures as people have them, read as RGB: what a data set's files may not be, and what was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import ImageOps

from bench.data.images import decoded, png_bits
from bench.errors import RefusedInput

if TYPE_CHECKING:
    from pathlib import Path

    from jaxtyping import UInt8
    from torch import Tensor

PICTURE_ENDS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
_AS_THEY_ARE = ("RGB", "L")
_CONVERTED = ("RGBA", "RGBX", "LA", "P", "PA", "1")
_THEN = "convert it to an 8-bit RGB or grey PNG, JPEG, WebP or BMP, or take it out of the folder"


def read_picture(path: Path) -> tuple[UInt8[Tensor, "3 h w"], str | None]:
    """Read a PNG, JPEG, WebP or BMP file as RGB, turned as its EXIF or XMP orientation says.

    Returns:
        The image, and what it was converted from; None for an RGB or grey PNG or JPEG.

    Raises:
        RefusedInput: Missing, truncated, damaged, animated, another format, above the pixel limit, or more
            than 8 bits per channel.
    """
    try:
        picture, content, orientation = decoded(path, _FORMATS)
    except RefusedInput as error:
        raise RefusedInput(str(error), then=_THEN) from error
    if picture.mode not in (*_AS_THEY_ARE, *_CONVERTED) or getattr(picture, "n_frames", 1) != 1:
        found = "animated" if picture.mode in (*_AS_THEY_ARE, *_CONVERTED) else f"image mode {picture.mode}"
        raise RefusedInput(f"{path}: {found}, expected one picture of 8-bit colours", then=_THEN)
    if picture.format == "PNG" and png_bits(content) > 8:
        raise RefusedInput(f"{path}: {png_bits(content)}-bit colour, expected 8-bit", then=_THEN)
    form, mode, transparent = picture.format, picture.mode, picture.has_transparency_data
    if orientation != 1:
        picture = ImageOps.exif_transpose(picture)
    if mode != "RGB" and transparent:
        picture = picture.convert("RGBA")  # a palette's transparent colour keeps its colour
    image = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()
    if mode in _AS_THEY_ARE and form in ("PNG", "JPEG") and not transparent:
        return image, None
    return image, f"{form} of mode {mode}" + (", its transparency dropped" if transparent else "")
