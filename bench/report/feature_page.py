"""Feature maps of one image, of one network or of two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.data import catalogue
from bench.data.unlabelled import ImageFiles, find_images
from bench.errors import RefusedInput, UsageError
from bench.fabric import launch_fabric
from bench.files import write_below
from bench.own.guard import user_code
from bench.predict.features import REDUCTION, value_range
from bench.report.feature_figure import MapRow, draw_maps, short
from bench.report.figure_inputs import extractor_of, title_of
from bench.report.origin import origin
from bench.train.trained import open_weights


@dataclass(frozen=True)
class ShownFeatures:
    """The figure of one image.

    Attributes:
        written: Its files.
        ranges: Network, layer, lowest and highest value of its map.
    """

    written: tuple[Path, ...]
    ranges: tuple[tuple[str, str, float, float], ...]

    @property
    def lines(self) -> list[str]:
        """The ranges in words."""
        return [f"{layer}, {name}: {short(low)} to {short(high)}" for name, layer, low, high in self.ranges]

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``features --json``."""
        keys = ("network", "layer", "low", "high")
        return {
            "written": [str(path) for path in self.written],
            "reduction": REDUCTION,
            "ranges": [dict(zip(keys, one, strict=True)) for one in self.ranges],
        }


def show_features(
    image: Path,
    weights: Path,
    against: Path | None,
    layers: Sequence[str],
    out: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    model: str | None = None,
    overwrite: bool = False,
) -> ShownFeatures:
    """Write ``OUT/NAME_features.*``, a row per layer.

    Args:
        image: PNG or JPEG.
        weights, against: Runs or weights files; the second is shown first.
        layers: As `bench.predict.features.FeatureExtractor`.
        out: Folder to write to.
        device, threads: Where to compute.
        model: The network, where the runs trained the user's own.
        overwrite: Replace files that are there.

    Raises:
        UsageError: A layer that a network does not have.
        RefusedInput: An image or weights that cannot be read, or files that are there already.
    """
    if image.is_dir():
        raise UsageError(f"{image}: is a folder; expected one image")
    found = find_images(image)
    stem = out / f"{image.stem}_features"
    forms = ("caption.md", "png", "svg", "pdf")
    there = [path for form in forms if (path := stem.with_name(f"{stem.name}.{form}")).exists()]
    if there and not overwrite:
        raise RefusedInput(
            f"{there[0]}: there already", then="name another folder with --out, or --overwrite"
        )
    if threads is not None:
        torch.set_num_threads(threads)
    where = launch_fabric(device, "32-true").device
    networks = [open_weights(path) for path in (against, weights) if path is not None]
    titles = [title_of(one) for one in networks]
    if len(set(titles)) < len(titles):
        titles = [f"{title}, {one.recipe.name}" for title, one in zip(titles, networks, strict=True)]
    pixels = ImageFiles(catalogue.entry(networks[0].recipe.data), found.images).read(0).image
    maps, ranges = [], []
    for title, one in zip(titles, networks, strict=True):
        files = ImageFiles(catalogue.entry(one.recipe.data))  # its classes
        with user_code("feature maps", one.method(model)):
            maps.append(extractor_of(one, files, where, layers, model).maps(pixels))
        ranges += [(title, layer, *value_range(it)) for layer, it in maps[-1].items()]
    picture = pixels.permute(1, 2, 0).numpy()
    rows = [
        MapRow(
            picture,
            f"Res-{layer[-1]}" if layer.startswith("res") and layer[3:].isdigit() else layer,
            tuple((title, each[layer].numpy()) for title, each in zip(titles, maps, strict=True)),
        )
        for layer in layers
    ]
    remarks = [
        f"each map is the {REDUCTION} of the layer's output; one colour scale per row, its range at the bar",
        *(
            f"{title}: {one.path.name}, recipe {one.recipe.name}, SHA-256 {one.sha256[:12]}"
            for title, one in zip(titles, networks, strict=True)
        ),
        *(note for one in networks for note in one.notes),
        origin().line,
    ]
    drawn = draw_maps(rows, f"Feature maps of {image.name}", remarks)
    written = write_below(stem.parent, {f"{stem.name}.{form}": drawn[form] for form in forms})
    return ShownFeatures(tuple(written), tuple(ranges))
