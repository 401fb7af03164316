"""Figs. 1, 5, 6, 11 and 12: what trained networks make of images; they need a data set and weights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from bench.data.catalogue import entry
from bench.data.dataset import Sample, SegmentationData, data_notes
from bench.errors import NotMeasured, RefusedInput
from bench.evaluate.evaluate import predictions
from bench.fabric import launch_fabric
from bench.files import write_below
from bench.own.guard import user_code
from bench.predict.features import REDUCTION
from bench.report.feature_figure import MapRow, draw_maps
from bench.report.figure_inputs import SEGMENTATIONS, Inputs, choose_weights, extractor_of, title_of
from bench.report.origin import Origin, origin, sealed
from bench.report.segmentation_figure import Segmented, colours_of, draw_segmented
from bench.reproduce.feature_claims import judge_ranges
from bench.results.feature_ranges import FOLDER
from bench.train.trained import TrainedWeights

MAPS: dict[str, tuple[str, ...]] = {"fig1": ("res1", "res4"), "fig11": ("res1",), "fig12": ("res4",)}
NAMES = ("fig1", "fig5", "fig6", "fig11", "fig12")

HEADINGS = {
    "fig1": "Fig. 1: feature maps of CARNet's layers",
    "fig5": "Fig. 5: segmentations",
    "fig6": "Fig. 6: segmentations",
    "fig11": "Fig. 11: feature maps of Res-1, BS and CARNet",
    "fig12": "Fig. 12: feature maps of Res-4, BS and CARNet",
}
NEEDS = "needs a data set and weights trained on it"
_IMAGES = {"fig1": 1, "fig5": 3, "fig6": 3, "fig11": 2, "fig12": 2}
_MADE_FROM = re.compile(r"^<!-- made from (?P<data>\S+) with (?P<weights>[^;]*); torch \S+ -->$", re.M)


def write_data_figure(name: str, inputs: Inputs, made_by: Origin | None = None) -> list[Path]:
    """Write ``reports/NAME.*``; parameters and errors as `data_figure_files`; the disk may refuse."""
    return write_below(inputs.home, data_figure_files(name, inputs, made_by or origin()))


def data_figure_files(name: str, inputs: Inputs, made_by: Origin) -> dict[str, str | bytes]:
    """Return the figure and its caption, by path below the home folder.

    Args:
        name: One of `NAMES`.
        inputs: Weights and data.
        made_by: Commit and machine.

    Raises:
        NotMeasured: No weights are trained on the data.
        RefusedInput: Weights or data that cannot be read, or a data set that is not here.
    """
    chosen, data = choose_weights(name, inputs)
    if inputs.threads is not None:
        torch.set_num_threads(inputs.threads)
    device = launch_fabric(inputs.device, "32-true").device
    draw = _segmentations if name in SEGMENTATIONS else _maps
    files = draw(name, chosen, data, device, [*_about(name, chosen, data, inputs.home), made_by.line])
    weights = ", ".join(one.path.name for one in chosen)
    made = f"<!-- made from {data.name} with {weights}; torch {torch.__version__} -->\n"
    return {
        f"reports/{name}.{form}": sealed(f"{content}{made}", "<!--", " -->")
        if isinstance(content, str)
        else content
        for form, content in files.items()
    }


def made_from(caption: str) -> tuple[str, list[str]]:
    """Return the data set and the weights files that a caption names.

    Raises:
        RefusedInput: It names none.
    """
    found = _MADE_FROM.search(caption)
    if found is None:
        raise RefusedInput("does not say which data and weights its figure is made from; redraw it")
    return found["data"], found["weights"].split(", ")


def _samples(name: str, data: SegmentationData) -> list[int]:
    """Return images spread over the split: nobody picks them."""
    count = min(_IMAGES[name], len(data))
    from_the_first = name == "fig6"
    return [(2 * place + (not from_the_first)) * len(data) // (2 * count) for place in range(count)]


def _about(name: str, chosen: Sequence[TrainedWeights], data: SegmentationData, home: Path) -> Iterable[str]:
    """Yield what the figure is of, and what its data and weights say of themselves."""
    if name in SEGMENTATIONS:
        paper, part = SEGMENTATIONS[name]
        if data.name != paper:
            title = entry(paper).title.partition(",")[0]
            yield f"the paper shows the {title} {part}; no weights trained on it are at hand here"
    else:
        yield f"each map is the {REDUCTION} of the layer's output; one colour scale per row"
        yield "a range depends on the scale of a layer's weights too: a larger one need not tell more apart"
        if name != "fig1":
            yield _over_the_split(home, data, MAPS[name][0])
    names = ", ".join(data.read(index).name for index in _samples(name, data))
    synthetic = "synthetic " if data.synthetic else ""
    yield f"{synthetic}images of {data.name} {data.split}, spread over it: {names}"
    for one in chosen:
        yield (
            f"{title_of(one)}: {one.path.name}, recipe {one.recipe.name}, seed {one.recipe.seed}, "
            f"{one.recipe.epochs} epochs"
        )
        yield from (f"{title_of(one)}: {note}" for note in one.notes)
    yield from data_notes(data)
    yield f"terms of the images: {entry(data.name).terms}"
    yield "needs the data, so it is redrawn only where the images are"


def _over_the_split(home: Path, data: SegmentationData, layer: str) -> str:
    try:
        found = judge_ranges(home, data.name, data.split, layer)
    except NotMeasured as error:
        return f"over the whole split ({FOLDER}): not measured: {error}"
    return f"over the whole split ({FOLDER}): CARNet's range is {found.line}: {found.verdict}"


def _segmentations(
    name: str,
    chosen: Sequence[TrainedWeights],
    data: SegmentationData,
    device: torch.device,
    remarks: Iterable[str],
) -> dict[str, str | bytes]:
    shown = _Shown(data, _samples(name, data))
    found = []
    for one in chosen:
        method = one.method()
        network = one.network(method, data, device)
        with user_code("prediction", method):
            found.append(
                [
                    ids.to("cpu", torch.uint8).numpy()
                    for _, ids, _ in predictions(network, shown, one.statistics, device, method.sizes)
                ]
            )
    images = [
        Segmented(
            sample.name,
            sample.image.permute(1, 2, 0).numpy(),
            sample.label.numpy(),
            tuple(ids[place] for ids in found),
        )
        for place, sample in enumerate(shown.samples)
    ]
    own = colours_of(data.palette) == tuple(data.palette)
    told = (
        "the data set's own, which not every eye tells apart" if own else "told apart with any colour vision"
    )
    return draw_segmented(
        images,
        [title_of(one) for one in chosen],
        data.classes,
        data.palette,
        title=f"{HEADINGS[name]}, {data.name} {data.split}",
        remarks=[f"colours: {told}", *remarks],
    )


def _maps(
    name: str,
    chosen: Sequence[TrainedWeights],
    data: SegmentationData,
    device: torch.device,
    remarks: Iterable[str],
) -> dict[str, str | bytes]:
    samples = [data.read(index) for index in _samples(name, data)]
    maps: dict[str, list[dict[str, torch.Tensor]]] = {}
    for one in chosen:
        extractor = extractor_of(one, data, device, MAPS[name])
        maps[title_of(one)] = [extractor.maps(sample.image) for sample in samples]
    titles = list(maps) if name == "fig1" or len(maps) > 1 else ["BS", *maps]
    pictures = [sample.image.permute(1, 2, 0).numpy() for sample in samples]
    rows = [
        MapRow(
            picture,
            f"Res-{layer[-1]}",
            tuple((title, maps[title][place][layer].numpy() if title in maps else None) for title in titles),
        )
        for place, picture in enumerate(pictures)
        for layer in MAPS[name]
    ]
    return draw_maps(rows, f"{HEADINGS[name]}, {data.name} {data.split}", remarks)


class _Shown:
    """Some samples of a split, read once."""

    def __init__(self, data: SegmentationData, indices: Sequence[int]) -> None:
        self.name, self.split, self.synthetic = data.name, data.split, data.synthetic
        self.classes, self.palette = data.classes, data.palette
        self.samples = [data.read(index) for index in indices]
        self._data = data

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, index: int) -> Sample:
        """Return a sample."""
        return self.samples[index]

    def manifest(self) -> dict[str, str]:
        """Return the split's."""
        return self._data.manifest()
