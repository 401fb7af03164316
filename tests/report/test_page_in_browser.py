"""The HTML page as a reader meets it: in headless Chromium, with mouse, keyboard, both themes and a phone.

``nox -s page`` installs what these tests need, except Chromium itself, and runs them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.report.html_page import html_page
from bench.report.origin import Origin

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: nox -s page")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
AXE = ROOT / ".nox" / "page" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(html_page(ROOT, Origin("commit 0", "a machine")), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    with playwright.sync_playwright() as started:
        # root has no sandbox of its own in a container
        options = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        opened = started.chromium.launch(executable_path=CHROMIUM, args=options)
        yield opened
        opened.close()


class Reader:
    """One open page, with everything that it requested and complained of."""

    def __init__(self, browser: Any, file: Path, size: dict[str, int], scheme: str) -> None:
        self.context = browser.new_context(viewport=size, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.set_default_timeout(600_000)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda line: self.complaints.append(line.text) if line.type in ("error", "warning") else None,
        )
        self.page.goto(file.as_uri(), wait_until="load")
        self.page.wait_for_function("document.querySelectorAll('.plot .main-svg').length > 0")

    def shown(self, rows: str) -> list[str]:
        """Return the titles of the rows that are not hidden."""
        return [
            row.locator("th").first.inner_text() for row in self.page.locator(rows).all() if row.is_visible()
        ]


@pytest.fixture(scope="module")
def read(browser: Any, file: Path) -> Iterator[Any]:
    """Return what opens the page at a size in a theme, each once: loading it takes longest."""
    opened: dict[str, Reader] = {}

    def read_at(size: dict[str, int] = DESKTOP, scheme: str = "light") -> Reader:
        key = f"{size['width']} {scheme}"
        if key not in opened:
            opened[key] = Reader(browser, file, size, scheme)
        return opened[key]

    yield read_at
    for one in opened.values():
        one.context.close()


def test_the_page_opens_from_disk_without_a_complaint_or_another_request(read: Any, file: Path) -> None:
    reader = read()
    drawn = reader.page.locator(".plot").count()
    assert drawn >= 4
    assert reader.page.locator(".plot .main-svg").count() >= drawn
    assert reader.complaints == []
    assert {url for url in reader.requests if not url.startswith(("data:", "blob:"))} == {file.as_uri()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_hangs_over_the_edge_of_a_phone(read: Any, scheme: str) -> None:
    page = read(PHONE, scheme).page
    for details in page.locator("main > section > details").all():
        details.evaluate("one => one.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    # what is wider scrolls in a region of its own
    assert page.locator(".scroll").first.evaluate("one => one.scrollWidth >= one.clientWidth")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(read: Any, size: dict[str, int], scheme: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is missing: nox -s page")
    page = read(size, scheme).page
    for selector in ("main > section > details", "#table1 td details"):
        for details in page.locator(selector).all()[:6]:
            details.evaluate("one => one.open = true")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 20  # it did look
    grave = [
        f"{one['id']} ({one['impact']}): {len(one['nodes'])} times, {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in GRAVE
    ]
    assert grave == []


def test_a_table_is_filtered_by_method_verdict_and_column(read: Any) -> None:
    page = (reader := read()).page
    rows, form = "#t-table1 tbody tr", page.locator("form[data-table='t-table1']")
    total = len(reader.shown(rows))
    assert total == 16
    form.get_by_label("Method").fill("carnet")
    assert {title.split("\n")[0] for title in reader.shown(rows)} == {
        f"CARNet-{name}" for name in ("Mobile", "ResNet50", "ResNet101", "ResNet152")
    }
    assert form.get_by_role("status").inner_text() == "4 of 16 rows"
    form.get_by_label("Method").fill("")
    form.get_by_label("Verdict").select_option("unit error in the paper")
    with_error = reader.shown(rows)
    assert 0 < len(with_error) < total
    faint = page.locator(f"{rows}:not([hidden]) td:not(.off)")
    assert {one.get_attribute("data-verdict") for one in faint.all()} == {"unit error in the paper"}
    form.get_by_label("Column").select_option(label="MIoU (%)")
    assert reader.shown(rows) == []
    form.get_by_label("Column").select_option(label="Params (M)")
    assert reader.shown(rows) == with_error


def test_the_claims_are_filtered_by_text(read: Any) -> None:
    page = (reader := read()).page
    form = page.locator("form[data-table='t-claims']")
    total = page.locator("#t-claims tbody tr").count()
    form.get_by_label("Text").fill("ICNet")
    shown = reader.shown("#t-claims tbody tr")
    assert 0 < len(shown) < total
    assert all("icnet" in text.lower() for text in shown)
    assert form.get_by_role("status").inner_text() == f"{len(shown)} of {total} rows"


def test_a_column_is_sorted_up_and_down_by_keyboard_and_its_head_says_so(read: Any) -> None:
    page = read().page
    head = page.locator("#t-table2 thead th", has_text="Time (ms)")
    numbers = "[...document.querySelectorAll('#t-table2 tbody tr')].map(row => row.cells[3].dataset.sort)"
    for direction in ("ascending", "descending"):
        head.locator("button").focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == direction
        found = [float(text) for text in page.evaluate(numbers)]
        assert len(found) == 10
        assert found == sorted(found, reverse=direction == "descending")
    assert page.locator("#t-table2 thead th[aria-sort]").count() == 1


def test_what_the_paper_does_not_print_stays_at_the_end_of_a_sorted_column(read: Any) -> None:
    page = read().page
    numbers = "[...document.querySelectorAll('#t-table3 tbody tr')].map(row => row.cells[1].dataset.sort)"
    printed = [text for text in page.evaluate(numbers) if text]
    assert 0 < len(printed) < len(page.evaluate(numbers))
    for _ in range(2):
        page.locator("#t-table3 thead th").nth(1).locator("button").click()
        assert set(page.evaluate(numbers)[len(printed) :]) == {""}


def test_a_cell_opens_by_keyboard_to_what_it_rests_on(read: Any) -> None:
    page = read().page
    cell = page.locator("#t-table2 tbody tr", has_text="CARNet-Mobile").locator("td").nth(2)  # its time
    assert not cell.locator("dl").is_visible()
    cell.locator("summary").focus()
    page.keyboard.press("Enter")
    assert cell.locator("dl").is_visible()
    terms = cell.locator("dt").all_inner_texts()
    assert {"Printed", "Measured", "Record", "Repeat it"} <= set(terms)
    assert re.search(r"[0-9a-f]{64}", cell.locator("dl").inner_text())
    page.keyboard.press("Enter")
    assert not cell.locator("dl").is_visible()


def test_the_theme_is_the_readers_until_the_button_changes_it(read: Any) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('.plot .xtitle')).fill"
    light, dark = read(scheme="light").page, read(scheme="dark").page
    looks = {page: (page.evaluate(paper), page.evaluate(ink)) for page in (light, dark)}
    assert looks[light][0] != looks[dark][0]
    assert looks[light][1] != looks[dark][1]
    button = light.locator("#theme")
    assert button.get_attribute("aria-pressed") == "false"
    button.focus()
    light.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert (light.evaluate(paper), light.evaluate(ink)) == looks[dark]
    light.keyboard.press("Enter")
    assert (light.evaluate(paper), light.evaluate(ink)) == looks[light]


def test_the_first_stop_of_the_keyboard_skips_to_the_summary(read: Any) -> None:
    page = read(PHONE, "dark").page  # where no other test moves the focus
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#summary"
