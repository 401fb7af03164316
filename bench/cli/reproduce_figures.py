"""``carnet-bench reproduce`` of Figs. 1, 5, 6, 11 and 12, which need a data set and trained weights."""

from pathlib import Path

from bench.cli.output import log, print_json, print_lines
from bench.cli.progress import showing

FROM_DATA = ("fig1", "fig5", "fig6", "fig11", "fig12")
"""Names alone, as ``--help`` must not import what draws them."""


def print_data_figure(
    name: str,
    home: Path,
    weights: list[Path],
    *,
    data: str | None,
    data_root: Path | None,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Draw a figure from images and weights, and print its caption."""
    from bench.report.data_figures import write_data_figure
    from bench.report.figure_inputs import Inputs

    inputs = Inputs(home, tuple(weights), data, data_root, device, threads)
    with showing() as tell:
        tell("drawing", 0, 1, note=name)
        written = write_data_figure(name, inputs)
    if as_json:
        print_json({"figure": name, "written": [str(path) for path in written]})
    else:
        print_lines(written[0].read_text(encoding="utf-8").partition("\n\n")[0].splitlines())
    for path in written:
        log(f"wrote {path}")
