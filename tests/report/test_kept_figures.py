"""Kept figures: the same bytes as drawn ones, and drawn whenever anything that decides them is another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from bench.cache import made_anew
from bench.report import kept_figures
from bench.report.figure import render

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = [(1.0, 2.0), (3.0, 0.5)]


@pytest.fixture
def drawn(user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Keep figures in a folder of the test's own; return what is drawn from now on."""
    monkeypatch.setattr("bench.cache._began_s", lambda: time.time() + 60)
    return []


def draw(drawn: list[object], shows: list[tuple[float, float]] | None = None, title: str = "A line") -> Any:
    points = SHOWN if shows is None else shows

    def fill(figure: Any) -> None:
        drawn.append(points)
        figure.add_subplot().plot(*zip(*points, strict=True))

    return render(1.0, title, ["a remark"], fill, shows=points)


def test_a_kept_figure_has_the_bytes_of_the_drawn_one(drawn: list[object]) -> None:
    first = draw(drawn)
    assert draw(drawn) == first
    assert set(first) == {"caption.md", "png", "svg", "pdf"}
    assert len(drawn) == 1
    with made_anew():
        assert draw(drawn) == first
        assert draw(drawn) == first  # once is enough
    assert len(drawn) == 2


def test_other_values_titles_and_versions_are_drawn(
    drawn: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(drawn)
    draw(drawn, [(1.0, 2.0), (3.0, 0.5000000001)])
    draw(drawn, title="Another")
    monkeypatch.setattr(kept_figures.cache, "installed_versions", lambda _: ("0.0",))
    draw(drawn)
    assert len(drawn) == 4


def test_code_that_changed_since_the_process_began_leaves_no_figure(
    drawn: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cache._began_s", lambda: 0.0)
    draw(drawn)
    draw(drawn)
    assert len(drawn) == 2


@pytest.mark.parametrize("cut", [-1, 0, 10])
def test_a_damaged_file_costs_time_and_no_figure(drawn: list[object], user_cache: Path, cut: int) -> None:
    first = draw(drawn)
    (file,) = (user_cache / "figures").iterdir()
    file.write_bytes(file.read_bytes()[:cut])
    assert draw(drawn) == first
    assert draw(drawn) == first
    assert len(drawn) == 2
