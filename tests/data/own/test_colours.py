"""Lists of colours in the forms that people keep them."""

from __future__ import annotations

import pytest

from bench.data.own.colours import read_colours
from bench.errors import RefusedInput


@pytest.mark.parametrize(
    "text",
    [
        "name,r,g,b\nroad,1,2,3\nsky, 4, 5, 6\nVoid,0,0,0\n",
        "# label:color_rgb:parts:actions\nroad:1,2,3::\nsky:4,5,6::\nvoid:0,0,0::\n",
        "1 2 3\t\troad\n4 5 6 sky\n0 0 0 Void\n",
    ],
)
def test_three_forms_of_a_list_of_colours_say_the_same(tmp_path, text):
    path = tmp_path / "list.txt"
    path.write_text(text)
    found = read_colours(path)
    assert found.classes == {"road": (1, 2, 3), "sky": (4, 5, 6)}
    assert list(found.void.values()) == [(0, 0, 0)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,r,g,b\nroad,1,2\n", "line 2"),
        ("name,r,g,b\nroad,1,2,256\n", "256"),
        ("1 2 3 road\n1 2 3 sky\n", "line 2: 'sky' has the colour (1, 2, 3) of 'road'"),
        ("1 2 3 road\n4 5 6 road\n", "'road' is there twice"),
        ("road\n", "line 1: 'road'"),
        ("0 0 0 void\n", "no class"),
        ("", "no class"),
    ],
)
def test_a_fault_in_a_list_of_colours_is_named_with_its_line(tmp_path, text, words):
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(RefusedInput) as refused:
        read_colours(path)
    assert "list.txt" in str(refused.value)
    assert words in str(refused.value)
