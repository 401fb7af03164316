"""``audit`` compares figures byte for byte, or by digest and caption where other versions drew them."""

from pathlib import Path

import pytest
from made_records import make_record

from baselines.registry import METHODS
from bench import audit as auditing
from bench.audit import pages
from bench.report import curves, figure
from bench.report.curves import write_curves
from bench.report.origin import Origin
from bench.results.provenance import current_sources
from bench.results.record import TrainingRecord
from bench.results.store import add_record

ROW = "carnet-mobile"
ORIGIN = Origin("commit c0ffee", "Some CPU")


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A home with the curves of one run."""
    curve = [{"epoch": 1, "step": 3, "loss": 1.5, "encoder_lr": 0.1, "val_miou": 0.25}]
    values = {"curve": curve, "steps": 3, "epochs": 1, "train_s": 3.0, "mean_step_s": 1.0}
    made = {"source": current_sources(METHODS[ROW]), "dirty": False}
    add_record(make_record("training", {}, values, made), tmp_path)
    write_curves("camvid", tmp_path, ORIGIN)
    return tmp_path


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-60] ^= 1
    path.write_bytes(content)


def test_one_edited_digit_of_a_figure_or_its_caption_is_found(drawn: Path) -> None:
    assert auditing.audit(drawn).damage == ()
    names = [f"reports/curves-camvid.{form}" for form in ("caption.md", "png", "svg", "pdf")]
    for name in names:
        flipped(drawn / name)
    assert [one.file for one in auditing.audit(drawn).damage] == names


def test_a_figure_that_other_versions_drew_is_compared_by_digest_and_caption(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figure, "drawn_by", lambda: "another version")
    monkeypatch.setattr(pages, "drawn_by", lambda: "another version")
    real = curves.render
    monkeypatch.setattr(curves, "render", lambda *of, **how: {**real(*of, **how), "svg": b"other bytes"})
    assert auditing.audit(drawn).damage == ()
    flipped(drawn / "reports" / "curves-camvid.svg")
    caption = drawn / "reports" / "curves-camvid.caption.md"
    caption.write_text(caption.read_text().replace("Eq. 3", "Eq. 4"))
    assert [one.file for one in auditing.audit(drawn).damage] == [
        "reports/curves-camvid.caption.md",
        "reports/curves-camvid.svg",
    ]


@pytest.mark.parametrize("change", [("drawn by matplotlib ", "drawn by matplotlib 1"), ("c0ffee", "c1ffee")])
def test_a_digit_of_the_versions_or_the_commit_in_a_caption_is_found(
    drawn: Path, change: tuple[str, str]
) -> None:
    caption = drawn / "reports" / "curves-camvid.caption.md"
    before = caption.read_text()
    caption.write_text(before.replace(*change))
    assert caption.read_text() != before
    assert [one.file for one in auditing.audit(drawn).damage] == ["reports/curves-camvid.caption.md"]


def runs_of(**recipes: int) -> list[TrainingRecord]:
    """Return runs by recipe, each the same but for its epochs, a second later than the one before."""
    every = [(name, epochs) for name, count in recipes.items() for epochs in range(2, count + 2)]
    return [
        make_record(
            "training",
            {"recipe": {"name": name, "epochs": epochs}},
            {},
            {"started_utc": f"2026-01-01T00:00:00.{second:03d}Z"},
        )
        for second, (name, epochs) in enumerate(every)
    ]


def test_a_hundred_runs_of_a_recipe_are_a_figure_of_the_latest_that_can_be_told_apart() -> None:
    caption = str(curves.draw(runs_of(long=100), ORIGIN)["caption.md"])
    assert "72 earlier runs are not shown" in caption


def test_each_recipe_has_its_own_panels_and_a_label_names_the_epochs_where_they_differ() -> None:
    groups = curves.grouped(runs_of(one=1, two=2))
    assert {recipe: list(of) for recipe, of in groups.items()} == {
        "one": [ROW],
        "two": [f"{ROW}, 2 epochs", f"{ROW}, 3 epochs"],
    }


def test_of_ten_recipes_the_eight_latest_are_drawn() -> None:
    caption = str(curves.draw(runs_of(**{f"r{day}": 1 for day in range(10)}), ORIGIN)["caption.md"])
    assert "2 earlier runs are not shown" in caption
    assert "r2," in caption
    assert "r1," not in caption
