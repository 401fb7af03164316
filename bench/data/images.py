"""Read image and label files; whatever is not plainly an image or a map of class ids is refused by name."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from bench.data.dataset import IGNORE
from bench.errors import RefusedInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jaxtyping import Integer, UInt8
    from torch import Tensor

PIXEL_LIMIT = 50_000_000  # Pillow only warns above 89 million; Cityscapes has 2 million
NO_ID = 254  # in an id table: this stored value may not occur
_IMAGE_MODES = ("RGB", "L")
_LABEL_MODES = ("L", "P")
_ORIENTATION = 0x0112  # the EXIF tag
# all that Pillow's PNG and JPEG readers are known to raise on damaged bytes
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)
_THEN = "run carnet-bench data check to list every bad file; nothing is skipped"


def id_table(mapping: Mapping[int, int]) -> UInt8[Tensor, "stored=256"]:
    """Return the table stored id -> train id; stored ids that are not in ``mapping`` are refused when read.

    Args:
        mapping: Stored value (0..255) to train id, or to ``IGNORE``.
    """
    table = torch.full((256,), NO_ID, dtype=torch.uint8)
    for stored, train_id in mapping.items():
        table[stored] = train_id
    return table


def read_image(path: Path) -> UInt8[Tensor, "3 h w"]:
    """Read an RGB or grey PNG or JPEG file, turned as its EXIF orientation says.

    Raises:
        RefusedInput: Missing, truncated, damaged, another format, above the pixel limit, or another mode than
            RGB or grey.
    """
    picture, _ = _decode(path, ("PNG", "JPEG"))
    if picture.mode not in _IMAGE_MODES:
        raise RefusedInput(f"{path}: image mode {picture.mode}, expected 8-bit RGB and grey", then=_THEN)
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()


def read_label(path: Path, table: UInt8[Tensor, "stored=256"], num_classes: int) -> UInt8[Tensor, "h w"]:
    """Read a PNG of class ids and map them to train ids.

    Args:
        path: 8-bit grey (mode L) or palette (mode P) PNG.
        table: Of ``id_table``.
        num_classes: Train ids are 0..num_classes-1.

    Raises:
        RefusedInput: As ``read_ids``; and any id that is not in the table.
    """
    return map_ids(read_ids(path), table, num_classes, path.name)


def read_ids(path: Path, content: bytes | None = None) -> UInt8[Tensor, "h w"]:
    """Read a PNG of class ids, as stored: never through its palette, not mapped to train ids.

    Args:
        path: The file; only its name is used where ``content``, its bytes, is at hand already.

    Raises:
        RefusedInput: As for an image; and any mode but L and P, any other format (JPEG invents ids).
    """
    picture, content = _decode(path, ("PNG",), content)
    if picture.mode not in _LABEL_MODES:
        raise RefusedInput(
            f"{path}: label mode {picture.mode}, expected L and P (8-bit ids, one channel)", then=_THEN
        )
    bits = content[24]  # of the PNG header; Pillow stretches 2- and 4-bit grey to 0..255, so ids would change
    if picture.mode == "L" and bits != 8:
        raise RefusedInput(f"{path}: grey label of {bits} bits, expected 8", then=_THEN)
    return torch.from_numpy(np.array(picture))


def read_colour_label(path: Path, colours: Mapping[tuple[int, int, int], int]) -> UInt8[Tensor, "h w"]:
    """Read a PNG whose colours are classes, and map them to train ids.

    Args:
        path: RGB or palette PNG.
        colours: {(red, green, blue): train id or ``IGNORE``}.

    Raises:
        RefusedInput: As for an image; and any colour that is not in the table.
    """
    picture, _ = _decode(path, ("PNG",))
    if picture.mode not in ("RGB", "P"):
        raise RefusedInput(f"{path}: colour label mode {picture.mode}, expected RGB and palette", then=_THEN)
    pixels = np.array(picture.convert("RGB")).astype(np.int32)
    packed = (pixels[..., 0] << 16) | (pixels[..., 1] << 8) | pixels[..., 2]
    table = dict(
        sorted(((red << 16) | (green << 8) | blue, to) for (red, green, blue), to in colours.items())
    )
    known = np.array(list(table), dtype=np.int32)
    place = np.searchsorted(known, packed).clip(max=len(known) - 1)
    bad = known[place] != packed
    if bad.any():
        value = int(packed[bad][0])
        raise RefusedInput(
            f"{path.name}: colour ({value >> 16}, {value >> 8 & 255}, {value & 255}) is of no class "
            f"({int(bad.sum())} of {bad.size} pixels), expected the {len(known)} colours of the table",
            then=_THEN,
        )
    return torch.from_numpy(np.array(list(table.values()), dtype=np.uint8)[place])


def exif_orientation(path: Path) -> int:
    """Return the EXIF orientation of an image, 1 (upright) where it has none.

    Raises:
        RefusedInput: The file cannot be opened as an image.
    """
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            return int(picture.getexif().get(_ORIENTATION, 1))
    except _DAMAGE as error:
        raise RefusedInput(f"{path}: not a PNG or JPEG file ({error})", then=_THEN) from error


def map_ids(
    stored: Integer[Tensor, "h w"], table: UInt8[Tensor, "stored=256"], num_classes: int, name: str
) -> UInt8[Tensor, "h w"]:
    """Map stored ids to train ids, once; ids the table does not know are refused.

    Raises:
        RefusedInput: ``NAME: label 31, classes are 0..10 and 255 (ignored)``, in the ids as stored.
    """
    outside = (stored < 0) | (stored > 255)
    mapped = table[stored.long().clamp(0, 255)]
    bad = outside | ((mapped >= num_classes) & (mapped != IGNORE))
    if bool(bad.any()):
        values = torch.unique(stored[bad]).tolist()
        listed = ", ".join(str(value) for value in values[:5]) + (", ..." if len(values) > 5 else "")
        raise RefusedInput(
            f"{name}: label {listed}, classes are {_allowed(table, num_classes)} "
            f"({int(bad.sum())} of {bad.numel()} pixels)",
            then=_THEN,
        )
    return mapped


def require_equal_size(
    image_path: Path, image: UInt8[Tensor, "3 h w"], label_path: Path, label: UInt8[Tensor, "lh lw"]
) -> None:
    """Refuse a pair of different sizes, both upright; both files and sizes (height x width) are named.

    Raises:
        RefusedInput: The sizes differ.
    """
    if image.shape[1:] != label.shape:
        raise RefusedInput(
            f"{image_path}: image is {image.shape[1]}x{image.shape[2]}, its label {label_path.name} is "
            f"{label.shape[0]}x{label.shape[1]} (height x width); expected equal",
            then=_THEN,
        )


def _decode(path: Path, formats: tuple[str, ...], content: bytes | None = None) -> tuple[Image.Image, bytes]:
    """Decode the whole file; the picture is upright and the bytes are those it was decoded from."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise RefusedInput(
            f"{path}: not read, some library switched on Pillow's LOAD_TRUNCATED_IMAGES, "
            "which fills damaged images with grey",
            then="set PIL.ImageFile.LOAD_TRUNCATED_IMAGES to False",
        )
    try:
        content = path.read_bytes() if content is None else content
    except OSError as error:
        raise RefusedInput(f"{path}: cannot read ({error.strerror or error})", then=_THEN) from error
    wanted = " or ".join(formats)
    try:
        with warnings.catch_warnings():
            # Pillow warns of a bomb where we refuse
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = _open(path, content, formats)
            if picture.format == "PNG":
                picture.verify()  # the checksums, which decoding alone does not look at
                picture = _open(path, content, formats)
            if picture.format == "PNG" and getattr(picture, "n_frames", 1) != 1:
                raise RefusedInput(f"{path}: animated PNG, expected one picture", then=_THEN)
            picture.load()
            return ImageOps.exif_transpose(picture), content
    except Image.DecompressionBombError as error:
        raise RefusedInput(f"{path}: {error}; expected at most {PIXEL_LIMIT} pixels", then=_THEN) from error
    except UnidentifiedImageError as error:
        raise RefusedInput(
            f"{path}: not a {wanted} file ({len(content)} bytes), expected {wanted}", then=_THEN
        ) from error
    except _DAMAGE as error:
        raise RefusedInput(
            f"{path}: truncated or damaged {wanted} file of {len(content)} bytes ({error})", then=_THEN
        ) from error


def _open(path: Path, content: bytes, formats: tuple[str, ...]) -> Any:
    picture = Image.open(io.BytesIO(content), formats=formats)
    if picture.width * picture.height > PIXEL_LIMIT:
        raise RefusedInput(
            f"{path}: {picture.width}x{picture.height} (width x height) is "
            f"{picture.width * picture.height} pixels, expected at most {PIXEL_LIMIT}",
            then=_THEN,
        )
    return picture


def _allowed(table: UInt8[Tensor, "stored=256"], num_classes: int) -> str:
    train_ids = table.tolist()
    classes = [stored for stored, train_id in enumerate(train_ids) if train_id < num_classes]
    ignored = [stored for stored, train_id in enumerate(train_ids) if train_id == IGNORE]
    return _ranges(classes) + (f" and {_ranges(ignored)} (ignored)" if ignored else "")


def _ranges(values: list[int]) -> str:
    parts: list[list[int]] = []
    for value in values:
        if parts and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])
    return ", ".join(f"{part[0]}..{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
