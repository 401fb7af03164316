"""Pages that name their own commit: one changed digit shows, and another version of plotly is no damage."""

import base64
import gzip

import pytest

from bench.audit.pages import origin_in, without_other_plotly
from bench.errors import RefusedInput
from bench.report.html_page import packed, sealed_html
from bench.report.origin import Origin


def page(version: str, script: str, text: str = "Made by commit 0 on R&amp;D, 2 cores.") -> str:
    return with_packed(version, packed(script), text)


def with_packed(version: str, script: str, text: str = "Made by commit 0 on R&amp;D, 2 cores.") -> str:
    tag = f'<script id="plotly" type="application/gzip" data-version="{version}">'
    return sealed_html(f"<p>\n{text}\n</p>\n{tag}{script}</script>\n")


def test_commit_and_machine_are_read_from_pages_and_from_latex() -> None:
    assert origin_in(page("7.1", "")) == Origin("commit 0", "R&D, 2 cores")
    assert origin_in("% Headline\n% made by commit 0 on a machine\n") == Origin("commit 0", "a machine")
    with pytest.raises(RefusedInput, match="commit and machine"):
        origin_in("<p>nothing</p>")


def test_a_page_with_another_plotly_is_compared_in_all_else() -> None:
    found, here = page("7.0", "one();"), page("7.1", "two();")
    expected, note = without_other_plotly(found, here)
    assert expected == found
    assert note is not None
    assert "7.0" in note
    # with the same version the script itself is compared
    assert without_other_plotly(found, page("7.0", "two();")) == (page("7.0", "two();"), None)


def test_the_same_plotly_packed_by_another_zlib_is_no_damage() -> None:
    harder = base64.b64encode(gzip.compress(b"one();" * 99, 1, mtime=0)).decode()
    here = page("7.0", "one();" * 99)
    assert harder not in here
    assert without_other_plotly(with_packed("7.0", harder), here) == (with_packed("7.0", harder), None)


@pytest.mark.parametrize("script", ["", "AAAA", packed("one();")[:-8]])
def test_a_plotly_that_cannot_be_unpacked_is_not_taken(script: str) -> None:
    here = page("7.0", "one();")
    assert without_other_plotly(with_packed("7.0", script), here) == (here, None)


@pytest.mark.parametrize(
    "change", [("7.0", "7.9"), (packed("one(1);"), packed("one(2);")), ("commit 0", "commit 1")]
)
def test_one_changed_digit_shows_whatever_plotly_made_the_page(change: tuple[str, str]) -> None:
    found = page("7.0", "one(1);").replace(*change)
    expected, _ = without_other_plotly(found, page("7.1", "two();", found.splitlines()[1]))
    assert expected != found
