"""Read image and label files; whatever is not plainly an image or a map of class ids is refused by name."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from bench.data.dataset import IGNORE
from bench.errors import RefusedInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jaxtyping import Integer, UInt8
    from torch import Tensor

PIXEL_LIMIT = 50_000_000  # Pillow only warns above 89 million; Cityscapes has 2 million
_LARGEST_BYTES = 512 << 20  # PIXEL_LIMIT pixels have 150 MB before compression
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
    MemoryError,  # a chunk may claim gigabytes
)
_THEN = "run carnet-bench data check to list every bad file; nothing is skipped"


def id_table(mapping: Mapping[int, int]) -> UInt8[Tensor, "stored=256"]:
    """Return the table stored id -> train id; stored ids that are not in ``mapping`` are refused when read.

    Args:
        mapping: Stored value (0..255) to train id, or to ``IGNORE``.
    """
    table = _tensor(np.full(256, NO_ID, np.uint8))
    for stored, train_id in mapping.items():
        table[stored] = train_id
    return table


def _tensor(array: np.ndarray[Any, Any]) -> Tensor:
    import torch  # noqa: PLC0415 - a table names data sets and reads none

    return torch.from_numpy(array)


def read_image(path: Path, most_bits: int = 16) -> UInt8[Tensor, "3 h w"]:
    """Read an RGB or grey PNG or JPEG file, turned as its EXIF or XMP orientation says.

    The three channels of a pixel lie side by side in memory, as they are decoded: torch scales such an image
    in less than half the time.

    Args:
        path: The file.
        most_bits: Bits per channel that are not refused. Of 16-bit colour the lower 8 bits are cut off, so
            an image of 12-bit values in 16 bits is nearly black.

    Raises:
        RefusedInput: Missing, truncated, damaged, another format, above the pixel limit, another mode than
            RGB or grey, or more bits than allowed.
    """
    picture, content, orientation = decoded(path, ("PNG", "JPEG"))
    if picture.mode not in _IMAGE_MODES:
        raise RefusedInput(f"{path}: image mode {picture.mode}, expected 8-bit RGB and grey", then=_THEN)
    if picture.format == "PNG" and png_bits(content) > most_bits:
        raise RefusedInput(f"{path}: {png_bits(content)}-bit colour, expected 8-bit RGB and grey", then=_THEN)
    if orientation != 1:
        picture = ImageOps.exif_transpose(picture)
    return _tensor(np.array(picture.convert("RGB"))).permute(2, 0, 1)


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
    """Read a PNG of class ids, as stored: never through its palette, never turned, not mapped to train ids.

    Args:
        path: The file; only its name is used where ``content``, its bytes, is at hand already.

    Raises:
        RefusedInput: As for an image; and any mode but L and P, any other format (JPEG invents ids).
    """
    picture, content, _ = decoded(path, ("PNG",), content)
    if picture.mode not in _LABEL_MODES:
        raise RefusedInput(
            f"{path}: label mode {picture.mode}, expected L and P (8-bit ids, one channel)", then=_THEN
        )
    # Pillow stretches 2- and 4-bit grey to 0..255, so ids would change
    if picture.mode == "L" and png_bits(content) != 8:
        raise RefusedInput(f"{path}: grey label of {png_bits(content)} bits, expected 8", then=_THEN)
    return _tensor(np.array(picture))


def read_packed(path: Path) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Read an RGB or palette PNG whose colours are classes, as stored: never turned.

    Returns:
        ``red << 16 | green << 8 | blue``, (h, w).

    Raises:
        RefusedInput: As for an image; and an index beyond the palette.
    """
    picture, content, _ = decoded(path, ("PNG",))
    if picture.mode not in ("RGB", "P"):
        raise RefusedInput(f"{path}: colour label mode {picture.mode}, expected RGB and palette", then=_THEN)
    if png_bits(content) > 8:
        raise RefusedInput(f"{path}: {png_bits(content)}-bit colour label, expected 8-bit", then=_THEN)
    if picture.mode == "P":
        entries, largest = len(picture.getpalette() or ()) // 3, int(np.array(picture).max())
        if largest >= entries:  # Pillow shows it as black, which may be a class
            raise RefusedInput(
                f"{path}: palette index {largest}, its palette has {entries} colours", then=_THEN
            )
    pixels = np.array(picture.convert("RGB")).astype(np.int32)
    return (pixels[..., 0] << 16) | (pixels[..., 1] << 8) | pixels[..., 2]


def read_colour_label(path: Path, colours: Mapping[tuple[int, int, int], int]) -> UInt8[Tensor, "h w"]:
    """Read a PNG whose colours are classes (`read_packed`) and map them to train ids.

    Args:
        path: RGB or palette PNG.
        colours: {(red, green, blue): train id or ``IGNORE``}.

    Raises:
        RefusedInput: As for `read_packed`; and any colour that is not in the table.
    """
    packed = read_packed(path)
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
    return _tensor(np.array(list(table.values()), dtype=np.uint8)[place])


def exif_orientation(path: Path) -> int:
    """Return the orientation (1..8) of an image by its EXIF or XMP, 1 (upright) where it has none.

    Raises:
        RefusedInput: The file cannot be opened as an image, or is above the pixel limit.
    """
    with _refusing(path, ("PNG", "JPEG")), path.open("rb") as stream:
        return _orientation(_open(path, stream, ("PNG", "JPEG")))


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
        values = stored[bad].unique().tolist()  # type: ignore[no-untyped-call]
        listed = ", ".join(str(value) for value in values[:5]) + (", ..." if len(values) > 5 else "")
        raise RefusedInput(
            f"{name}: label {listed}, classes are {_allowed(table, num_classes)} "
            f"({int(bad.sum())} of {bad.numel()} pixels)",
            then=_THEN,
        )
    return mapped


def decoded(
    path: Path, formats: tuple[str, ...], content: bytes | None = None
) -> tuple[Image.Image, bytes, int]:
    """Decode the whole file; return the picture as stored, its bytes and its orientation."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise RefusedInput(
            f"{path}: not read, some library switched on Pillow's LOAD_TRUNCATED_IMAGES, "
            "which fills damaged images with grey",
            then="set PIL.ImageFile.LOAD_TRUNCATED_IMAGES to False",
        )
    with _refusing(path, formats):
        if content is None:
            if path.stat().st_size > _LARGEST_BYTES:
                size = f"{path.stat().st_size} bytes"
                raise RefusedInput(f"{path}: {size}, expected at most {_LARGEST_BYTES}", then=_THEN)
            content = path.read_bytes()
        picture = _open(path, io.BytesIO(content), formats)
        if picture.format == "PNG":
            picture.verify()  # the checksums, which decoding alone does not look at
            picture = _open(path, io.BytesIO(content), formats)
        if picture.format == "PNG" and getattr(picture, "n_frames", 1) != 1:
            raise RefusedInput(f"{path}: animated PNG, expected one picture", then=_THEN)
        picture.load()
        return picture, content, _orientation(picture)


@contextmanager
def _refusing(path: Path, formats: tuple[str, ...]) -> Iterator[None]:
    """Turn whatever Pillow or the system raises on a file into a refusal that names the cause."""
    wanted = " or ".join(formats)
    try:
        with warnings.catch_warnings():
            # Pillow warns of a bomb where we refuse, and of an EXIF without an end
            warnings.simplefilter("ignore")
            yield
    except Image.DecompressionBombError as error:
        size = str(error).partition(" exceeds")[0]  # the limit named behind it is Pillow's, not this one
        raise RefusedInput(f"{path}: {size}, expected at most {PIXEL_LIMIT} pixels", then=_THEN) from error
    except UnidentifiedImageError as error:
        size = f" ({path.stat().st_size} bytes)" if path.is_file() else ""
        raise RefusedInput(f"{path}: not a {wanted} file{size}, expected {wanted}", then=_THEN) from error
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise RefusedInput(f"{path}: cannot read ({error.strerror})", then=_THEN) from error
        if "MAX_TEXT" in str(error):
            what = "a text or colour profile in it unpacks to more than 1 MiB"
            raise RefusedInput(f"{path}: {what}, expected none or a smaller one", then=_THEN) from error
        raise RefusedInput(f"{path}: truncated or damaged {wanted} file ({error})", then=_THEN) from error


def _open(path: Path, content: IO[bytes], formats: tuple[str, ...]) -> Any:
    picture = Image.open(content, formats=formats)
    if picture.width * picture.height > PIXEL_LIMIT:
        raise RefusedInput(
            f"{path}: {picture.width}x{picture.height} (width x height) is "
            f"{picture.width * picture.height} pixels, expected at most {PIXEL_LIMIT}",
            then=_THEN,
        )
    return picture


def _orientation(picture: Any) -> int:
    """Return 2..8 where a picture is to be turned, as Pillow turns it; else 1, for 0 and other values too."""
    if picture.format == "PNG":
        picture.load()  # the tag may stand behind the pixels
    try:
        found = picture.getexif().get(_ORIENTATION, 1)
    except _DAMAGE:  # of a tag that no program can read none turns by
        return 1
    return int(found) if found in range(2, 9) else 1


def png_bits(content: bytes) -> int:
    """Return the bit depth in a PNG's header; 0 where the header is not in its place."""
    return content[24] if content[12:16] == b"IHDR" else 0


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
