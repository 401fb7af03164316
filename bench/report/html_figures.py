"""The figures on the HTML page, inside the page itself, and those that are not drawn."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from bench.errors import RefusedInput
from bench.report.data_figures import HEADINGS, NEEDS
from bench.report.html_compare import figures_of

_FIGURES = {
    "pareto": "Table 1: parameters and mIoU",
    "fig1": HEADINGS["fig1"],
    "fig4": "Fig. 4: accuracy against each cost",
    "fig5": HEADINGS["fig5"],
    "fig6": HEADINGS["fig6"],
    "fig7": "Fig. 7: parameters of CARNet's components",
    "table5": "Table 5: what each component adds",
    "fig8": "Fig. 8: number of CARModules",
    "fig9": "Fig. 9: number of SCLoss terms",
    "fig9-scloss": "What SCLoss learns, with Fig. 9",
    "fig10": "Fig. 10: weight of SCLoss",
    "fig10-scloss": "What SCLoss learns, with Fig. 10",
    "fig11": HEADINGS["fig11"],
    "fig12": HEADINGS["fig12"],
    "curves-camvid": "Training curves on CamVid",
}
_PLAIN = " /:;=,()!*@$+?"
"""Besides letters, digits and ``_.-~``: what means itself in an address and in an attribute of HTML."""

_POSITIONS = re.compile(rb' (?:d|x|y)="[^"]*"')
_DIGITS = re.compile(rb"(\.\d\d)\d+")

_WIDEST_PX, _QUALITY = 640, 75
"""Of photographs, whose vector files would fill the page."""


def figures(home: Path) -> list[dict[str, str]]:
    """Return text, address and caption of each figure in ``reports``; the address holds the picture."""
    found = []
    compared = {name: f"Comparison {name.removeprefix('compare-')}" for name in figures_of(home)}
    for name, alt in (_FIGURES | compared).items():
        svg, caption = home / "reports" / f"{name}.svg", home / "reports" / f"{name}.caption.md"
        if svg.is_file():
            text = caption.read_text(encoding="utf-8") if caption.is_file() else alt
            words = text.partition("<!--")[0].replace("**", "").split()  # without the digests of the files
            png = svg.with_suffix(".png")
            address = _photograph(png) if name in HEADINGS and png.is_file() else _drawing(svg.read_bytes())
            found.append({"alt": alt, "address": address, "caption": " ".join(words)})
    return found


def figures_not_drawn(home: Path) -> list[tuple[str, str]]:
    """Return why figures of images are missing in ``reports``, with their names."""
    missing = [
        heading for name, heading in HEADINGS.items() if not (home / "reports" / f"{name}.svg").is_file()
    ]
    return [(f"{NEEDS}: carnet-bench reproduce NAME", "; ".join(missing))] if missing else []


def _photograph(png: Path) -> str:
    try:
        with Image.open(png) as picture:
            shown = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises for a damaged file
        raise RefusedInput(f"{png}: not a readable picture ({error})") from error
    shown.thumbnail((_WIDEST_PX, 10 * _WIDEST_PX))
    stream = io.BytesIO()
    shown.save(stream, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _drawing(svg: bytes) -> str:
    """Return the address of a drawing: its text with escapes is shorter than base64.

    Positions are cut to a hundredth of a point, which no screen shows: most of a path are their digits.
    """
    short = _POSITIONS.sub(lambda found: _DIGITS.sub(rb"\1", found[0]), svg)
    return f"data:image/svg+xml,{quote(short, safe=_PLAIN)}"
