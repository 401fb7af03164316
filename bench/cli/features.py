"""``carnet-bench features``: feature maps of trained networks, and their value range over a split."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.options import DataRoot, Device, FolderHome, Json, Overwrite, OwnModel, Threads
from bench.cli.output import command_line, log, print_json, print_lines
from bench.cli.progress import showing
from bench.errors import UsageError


def features(
    image: Annotated[
        Path | None, typer.Argument(metavar="IMAGE", help="PNG or JPEG file; without it give --split.")
    ] = None,
    *,
    weights: Annotated[
        Path, typer.Option("--weights", metavar="RUN|FILE", help="A run's folder or weights file.")
    ],
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="RUN|FILE", help="Weights to compare with, shown first."),
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(
            "--layer", metavar="LAYERS", help="res1 to res4, or names of submodules; default: res1 res4."
        ),
    ] = None,
    split: Annotated[
        Literal["train", "val", "test"] | None,
        typer.Option("--split", help="Measure the value ranges over this split of the weights' data set."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of an image's figure.")] = Path(),
    overwrite: Overwrite = False,
    model: OwnModel = None,
    home: FolderHome = Path(),
    data_root: DataRoot = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Show feature maps of a trained network.

    As in the paper's Figs. 1, 11 and 12, a layer is shown as one map, the mean over its channels. With IMAGE,
    OUT/NAME_features.png, .svg, .pdf and a caption are written: a row per layer, the networks side by side,
    with one colour scale and its range. With --split, the value range of each image's map is measured for all
    images of a split of the weights' data set and kept in HOME/results/features, where `reproduce claims`,
    `fig11` and `fig12` find it.

    \b
    Example:
      carnet-bench features photo.jpg --weights runs/camvid-quick-0123456789ab --layer res1 res4
      carnet-bench features photo.jpg --weights runs/A --against runs/B --out maps
      carnet-bench features --split test --weights results/weights/carnet-mobile-0123456789ab.safetensors
    """  # noqa: D301
    chosen = layers or ["res1", "res4"]
    if (image is None) == (split is None):
        raise UsageError("give one of IMAGE and --split", then="carnet-bench features --help")
    if image is None:
        if against is not None:
            raise UsageError("--against is for an IMAGE; with --split measure each network by itself")
        _measure(weights, str(split), chosen, (home, data_root, device, threads), model, as_json=as_json)
        return
    from bench.report.feature_page import show_features

    with showing() as tell:
        tell("feature maps", 0, 1, note=image.name)
        shown = show_features(
            image, weights, against, chosen, out,
            device=device, threads=threads, model=model, overwrite=overwrite,
        )  # fmt: skip
    if as_json:
        print_json(shown.as_json())
    else:
        print_lines(shown.lines)
    for path in shown.written:
        log(f"wrote {path}")


def _measure(
    weights: Path,
    split: str,
    layers: list[str],
    where: tuple[Path, Path | None, str, int | None],
    model: str | None,
    *,
    as_json: bool,
) -> None:
    from bench.experiments.feature_ranges import measure_ranges
    from bench.report.origin import origin
    from bench.train.settings import Settings

    home, data_root, device, threads = where
    settings = Settings(home, data_root, None, device, threads, command_line())
    made_by = origin()
    with showing() as tell:
        ranges, path = measure_ranges(
            weights, split, layers, settings, made_by=(made_by.commit, made_by.machine),
            progress=lambda done, images: tell("images", done, images), model=model,
        )  # fmt: skip
    spans = {layer: ranges.mean_span(layer) for layer in ranges.layers}
    if as_json:
        print_json({"written": [str(path)], "images": len(ranges.images), "mean_range": spans})
    else:
        print_lines(
            f"{layer}: value range {span:.4g} on average over {len(ranges.images)} images of {ranges.data} "
            f"{ranges.split}"
            for layer, span in spans.items()
        )
    log(f"wrote {path}")
