"""Figures of images and feature maps, on synthetic images and untrained networks, and their audit."""

from pathlib import Path

import pytest
from made_weights import make_weights

from bench.audit.figures import figures_of_data
from bench.errors import NotMeasured
from bench.report.data_figures import data_figure_files, write_data_figure
from bench.report.figure_inputs import Inputs, choose_weights, title_of
from bench.report.origin import Origin
from bench.report.segmentation_figure import colours_of

ORIGIN = Origin("commit 0", "a machine")
BS = {"modules": 0, "crp": False}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with published weights of CARNet, of its baseline and of a shorter training."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "results" / "weights"
    make_weights(folder / "carnet-mobile-aa.safetensors", epochs=2)
    make_weights(folder / "carnet-mobile-bb.safetensors", epochs=1, name="short")
    make_weights(folder / "carnet-mobile-cc.safetensors", model_options=BS)
    return home


@pytest.fixture(scope="module")
def published(home: Path) -> Path:
    for name in ("fig5", "fig12"):
        write_data_figure(name, Inputs(home, threads=1), ORIGIN)
    return home


def test_weights_are_chosen_by_rule(home: Path) -> None:
    chosen, data = choose_weights("fig5", Inputs(home))
    assert (data.name, data.split) == ("scenes", "test")
    # the longer of two trainings of one network, and BS
    assert {title_of(one): one.path.stem[-2:] for one in chosen} == {"CARNet-Mobile": "aa", "BS": "cc"}
    pair, _ = choose_weights("fig12", Inputs(home))
    assert [title_of(one) for one in pair] == ["BS", "CARNet-Mobile"]
    assert [title_of(one) for one in choose_weights("fig1", Inputs(home))[0]] == ["CARNet-Mobile"]


def test_without_weights_a_figure_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="cityscapes"):
        choose_weights("fig5", Inputs(tmp_path))


def test_captions_say_what_is_shown_and_what_was_not_measured(published: Path) -> None:
    grid, maps = (
        (published / "reports" / f"{name}.caption.md").read_text(encoding="utf-8")
        for name in ("fig5", "fig12")
    )
    for caption in (grid, maps):
        assert "Synthetic images of scenes test" in caption
        assert "dequantised from int8" in caption
        assert "carnet-mobile-aa.safetensors" in caption
    assert "Cityscapes validation set" in grid
    assert "not measured" in maps  # over the split


def test_the_same_inputs_give_the_same_bytes(published: Path) -> None:
    files = data_figure_files("fig12", Inputs(published, threads=1), ORIGIN)
    assert set(files) == {f"reports/fig12.{form}" for form in ("caption.md", "png", "svg", "pdf")}
    for name, content in files.items():
        assert (published / name).read_bytes() == (content.encode() if isinstance(content, str) else content)


def test_classes_have_colours_of_their_own() -> None:
    own = [(index, 0, 0) for index in range(40)]
    assert len(set(colours_of(own[:12]))) == 12
    assert colours_of(own) == tuple(own)


def test_audit_finds_an_edited_figure_and_says_what_it_could_not_redraw(published: Path) -> None:
    reports = published / "reports"
    assert list(figures_of_data(published)) == []
    svg, caption = reports / "fig5.svg", reports / "fig12.caption.md"
    kept = {path: path.read_bytes() for path in (svg, caption)}
    svg.write_bytes(kept[svg].replace(b"pole", b"post"))
    caption.write_bytes(kept[caption].replace(b"seed 0", b"seed 1"))
    found = list(figures_of_data(published))
    assert {one.file.name for one in found if one.damage} == {"fig5.svg", "fig12.caption.md"}
    for path, content in kept.items():
        path.write_bytes(content)
    weights = published / "results" / "weights" / "carnet-mobile-aa.safetensors"
    away = weights.rename(published / "away")
    found = list(figures_of_data(published))
    away.rename(weights)
    assert [(one.file.name, one.damage) for one in found] == [
        ("fig5.caption.md", False),
        ("fig12.caption.md", False),
    ]
    assert all("carnet-mobile-aa.safetensors" in one.found for one in found)
