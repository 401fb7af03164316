"""Figures for print: as wide as they are printed, letters of 6 points or more, the remarks in a caption file.

The same input gives the same bytes. Colours are those of Okabe and Ito, told apart with any colour vision;
markers and line styles differ too.
"""

from __future__ import annotations

import hashlib
import io
import platform
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from bench.report.kept_figures import Drawn, kept_figure
from bench.report.markdown import sentence

WIDTH_IN = 3.15
"""Width of a single column, 8 cm."""

COLUMN_IN, PAGE_IN = 8.8 / 2.54, 18 / 2.54
"""Widths of one and of two columns of IEEE Access."""

SMALL_PT = 6.0
CAPTION = "caption"
"""Name of the caption among the digests that it holds."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DPI = 400
_WIDEST_PX = 320  # of an image: about 3 cm at 270 dpi
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "carnet-bench",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": SMALL_PT,
    "axes.titlesize": SMALL_PT + 1,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.6,
    "axes.xmargin": 0.03,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.5,
    "xtick.major.size": 2.0,
    "ytick.major.size": 2.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.borderpad": 0.0,
    "legend.labelspacing": 0.3,
}
# no date and no version of the plotting library: they would differ from run to run
_NAMELESS: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def render(
    height_in: float,
    title: str,
    remarks: Iterable[str],
    fill: Callable[[Any], None],
    *,
    width_in: float = WIDTH_IN,
    shows: object = None,
) -> dict[str, str | bytes]:
    """Return a figure as ``png``, ``svg`` and ``pdf``, and its caption as ``caption.md``.

    Args:
        height_in: Height in inches.
        title: First words of the caption, stored in the files too.
        remarks: Sentences of the caption, without a full stop.
        fill: Draws into the figure.
        width_in: Width in inches: a column's, or `PAGE_IN` for both.
        shows: All values that decide what ``fill`` draws, where their ``repr`` tells any two apart: the
            figure is then not drawn a second time (`bench.report.kept_figures`). None draws it each time.
    """

    def draw() -> Drawn:
        return _drawn((width_in, height_in), title, fill)

    files = draw() if shows is None else kept_figure((width_in, height_in, title, shows), draw)
    caption = "\n".join([f"**{title}.**", *map(sentence, dict.fromkeys(remarks)), ""])
    by = drawn_by()
    digests = {CAPTION: caption_digest(caption, by), **{form: _sha256(files[form]) for form in files}}
    drawn = ", ".join(f"{form} {digest}" for form, digest in digests.items())
    return {"caption.md": f"{caption}\n<!-- drawn by {by}; sha256: {drawn} -->\n", **files}


def _drawn(size_in: tuple[float, float], title: str, fill: Callable[[Any], None]) -> Drawn:
    """Return a figure of a width and height in every form."""
    import matplotlib as mpl  # noqa: PLC0415 - costs a second that a table does not need
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    files: Drawn = {}
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=size_in, dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        fill(figure)
        for form, nameless in _NAMELESS.items():
            stream = io.BytesIO()
            metadata: dict[str, Any] = {**nameless, "Title": title}
            figure.savefig(stream, format=form, dpi=_DPI, metadata=metadata)
            files[form] = stream.getvalue()
    return files


def at_print_size(picture: Any) -> Any:
    """Return an image (h, w, 3) no wider than print shows, so that a figure's files stay small."""
    from PIL import Image  # noqa: PLC0415 - only figures of images need it

    height, width = picture.shape[:2]
    if width <= _WIDEST_PX:
        return picture
    size = (_WIDEST_PX, max(1, round(height * _WIDEST_PX / width)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def drawn_by() -> str:
    """Return what decides a figure's bytes besides what it shows."""
    versions = (f"{package} {version(package)}" for package in ("matplotlib", "pillow"))
    return f"{', '.join(versions)}, {platform.system()} {platform.machine()}, arithmetic {_arithmetic()}"


@cache
def _arithmetic() -> str:
    """Return a short digest of logarithms and powers, the last bits of which depend on the processor."""
    values = np.linspace(0.1, 1000, 4096)
    return _sha256(np.concatenate([np.log10(values), np.log(values), np.exp(values / 200)]).tobytes())[:8]


def caption_digest(caption: str, by: str) -> str:
    """Return the digest of a caption and of what drew its figure, for where other versions draw other bytes.

    Args:
        caption: All lines above the comment with the digests.
        by: As `drawn_by` returned it when the figure was drawn.
    """
    return _sha256(f"{caption.rstrip()}\n{by}\n".encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
