"""Draw a matplotlib figure into the bytes of a PNG and an SVG; the same input gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

DPI = 150


def render(size_in: tuple[float, float], title: str, fill: Callable[[Any], None]) -> dict[str, bytes]:
    """Return what ``fill`` draws, as ``png`` and ``svg``.

    Parameters
    ----------
    size_in
        Width and height in inches.
    title
        Stored in the files.
    fill
        Draws into the figure it is given.
    """
    import matplotlib as mpl  # noqa: PLC0415 - costs a second that a table does not need
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    settings: dict[Any, Any] = {
        "svg.hashsalt": "carnet-bench",
        "svg.fonttype": "path",
        "font.family": "DejaVu Sans",
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=size_in, dpi=DPI)
        FigureCanvasAgg(figure)
        fill(figure)
        pictures = {}
        for form in ("png", "svg"):
            stream = io.BytesIO()
            # no date and no version of the plotting library: they would differ from run to run
            nameless = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
            figure.savefig(stream, format=form, dpi=DPI, metadata={**nameless, "Title": title})
            pictures[form] = stream.getvalue()
    return pictures
