"""The one HTML page: complete, self-contained, the same bytes each time, usable without colour and mouse."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from shutil import copytree
from urllib.parse import unquote

import pytest
from PIL import Image

from bench.errors import NotMeasured
from bench.report.html_figures import figures, figures_not_drawn
from bench.report.html_page import html_page
from bench.report.origin import Origin
from bench.report.trade_off import front
from bench.reproduce.verdict.words import ALL

ROOT = Path(__file__).parents[2]
MADE_BY = Origin("commit 0", "a machine")
VOID = {"meta", "input", "br", "img"}


class Elements(HTMLParser):
    """Every element with its attributes; unbalanced tags are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def page() -> str:
    return html_page(ROOT, MADE_BY)


@pytest.fixture(scope="module")
def elements(page: str) -> Elements:
    return Elements(page)


def test_every_printed_cell_and_claim_is_on_the_page_with_a_verdict(elements: Elements) -> None:
    verdicts = [cell["data-verdict"] for cell in elements.all("td") if cell.get("data-verdict")]
    # 73 + 30 + 20 + 16 cells of Tables 1 to 4, two verdicts for each of 237 claims, 28 numbers of the text
    assert len(verdicts) == 139 + 2 * 237 + 28
    assert set(verdicts) <= {*map(str, ALL), "consistent", "inconsistent", "not checkable"}


def test_the_page_needs_nothing_from_elsewhere(page: str, elements: Elements) -> None:
    assert len(page.encode()) < 4e6
    assert not elements.all("link")
    assert all("src" not in script for script in elements.all("script"))
    assert all(str(image["src"]).startswith("data:image/") for image in elements.all("img"))
    assert not re.search(r"url\(|@import", "".join(re.findall(r"<style>(.*?)</style>", page, re.S)))


def test_a_reader_without_eyes_or_mouse_finds_the_way(elements: Elements) -> None:
    assert elements.all("html")[0]["lang"] == "en"
    assert not elements.open
    assert all(head.get("scope") in {"col", "row"} for head in elements.all("th"))
    assert all(image.get("alt") for image in elements.all("img"))
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(str(link["href"]).removeprefix("#") in ids for link in elements.all("a"))
    regions = [one for one in elements.all("div") if one.get("class") == "scroll"]
    assert all(one.get("tabindex") == "0" and one.get("aria-label") for one in regions)


def test_a_verdict_is_told_by_sign_and_word_besides_its_colour(page: str) -> None:
    chips = re.findall(r'<span class="verdict (\w+)">(.)', page)
    assert {sign for tone, sign in chips if tone == "good"} == {"✓"}
    assert {sign for tone, sign in chips if tone == "bad"} == {"✗"}


def test_a_measured_time_opens_to_its_record_and_a_count_to_its_command(page: str) -> None:
    assert re.search(r"<dt>Record</dt><dd><code>[0-9a-f]{64}</code>", page)
    assert "carnet-bench cost enet --size 360x640 --classes 19" in page


@pytest.mark.slow
def test_the_page_is_the_same_bytes_from_another_folder(page: str, tmp_path: Path) -> None:
    for name in ("results", "reports"):
        copytree(ROOT / name, tmp_path / name, ignore=lambda *_: ["index.html", "weights"])
    assert html_page(tmp_path, MADE_BY) == page


def test_no_caption_shows_the_digests_of_its_files(page: str) -> None:
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert len(captions) >= 4
    assert not [text for text in captions if "sha256" in text or "drawn by" in text]


def test_without_tables_the_page_says_what_writes_them(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match=r"table1\.csv"):
        html_page(tmp_path, MADE_BY)


def test_the_front_holds_what_nothing_beats_in_both_numbers() -> None:
    points = {"a": (1.0, 50.0), "b": (2.0, 60.0), "c": (2.0, 55.0), "d": (3.0, 60.0), "e": (4.0, 70.0)}
    assert front(points, more_is_better=False) == ["a", "b", "e"]
    # by frames per second e is the fastest and the most accurate, so it beats all
    assert front(points, more_is_better=True) == ["e"]


def test_a_figure_that_is_not_drawn_is_named_with_its_command(tmp_path: Path) -> None:
    ((reason, names),) = figures_not_drawn(tmp_path)
    assert "carnet-bench reproduce" in reason
    assert all(f"Fig. {number}:" in names for number in (1, 5, 6, 11, 12))
    assert figures(tmp_path) == []


def test_a_figure_of_images_is_small_on_the_page(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    Image.effect_noise((2000, 1000), 64).save(reports / "fig5.png")
    (reports / "fig5.svg").write_bytes(b"<svg/>")
    (shown,) = figures(tmp_path)
    with Image.open(io.BytesIO(base64.b64decode(shown["address"].partition(",")[2]))) as picture:
        assert picture.size == (640, 320)
    ((_, names),) = figures_not_drawn(tmp_path)
    assert "Fig. 5:" not in names


def test_positions_in_a_drawing_are_cut_to_two_digits_and_its_words_are_not(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    drawing = '<svg><path d="M 1.98765 -20.125\nL 3 4.5"/><use x="0.019" y="7.1"/><text>0.6543</text></svg>'
    (tmp_path / "reports" / "fig9.svg").write_text(drawing, encoding="utf-8")
    (shown,) = figures(tmp_path)
    assert unquote(shown["address"].partition(",")[2]) == (
        '<svg><path d="M 1.98 -20.12\nL 3 4.5"/><use x="0.01" y="7.1"/><text>0.6543</text></svg>'
    )
