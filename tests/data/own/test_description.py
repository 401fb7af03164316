"""The TOML file of a data set of one's own: what it may say, and every fault by file, key and choice."""

from __future__ import annotations

import pytest
from drawn_folders import TOML

from bench.data.dataset import IGNORE
from bench.data.own.description import read_description
from bench.errors import RefusedInput


@pytest.fixture
def described(tmp_path):
    """Read a description with parts of its text replaced."""

    def read(*changes):
        text = TOML
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return read_description(path)

    return read


def test_ids_are_the_places_of_the_classes_and_255_is_ignored_unless_said_otherwise(described):
    found = described()
    assert found.stored_ids() == {0: 0, 1: 1, 2: 2, 3: 3, IGNORE: IGNORE}
    assert found.palette[:2] == ((128, 0, 0), (0, 128, 0))  # PASCAL VOC's colour map without its black


def test_a_map_and_ignored_ids_decide_what_is_read(described):
    ids = "[ids]\n7 = 0\n11 = 1\n12 = 2\n13 = 2\n255 = 3\n\n[splits.train]"
    found = described(("[splits.train]", ids), ('"car"]', '"car"]\nignore = [0, 1]'))
    assert found.stored_ids() == {7: 0, 11: 1, 12: 2, 13: 2, 255: 3, 0: IGNORE, 1: IGNORE}


def test_colours_of_labels_are_classes_and_several_may_be_one(described):
    colours = (
        'stored = "colours"\nids = {"0,0,9" = 0, "0,0,8" = 1, "1,1,1" = 2, "2,2,2" = 3, "3, 3, 3" = 3}\n'
    )
    found = described(('"car"]', f'"car"]\n{colours}ignore = [[0, 0, 0]]'))
    assert found.stored_colours() == {
        (0, 0, 9): 0,
        (0, 0, 8): 1,
        (1, 1, 1): 2,
        (2, 2, 2): 3,
        (3, 3, 3): 3,
        (0, 0, 0): IGNORE,
    }


@pytest.mark.parametrize(
    ("old", "new", "found", "expected"),
    [
        ('name = "drawn"', 'name = "drawn"\nclases = 3', "'clases'", "classes"),
        ('labels = "masks/val"', 'mask = "masks/val"', "'splits.val.mask'", "labels"),
        ("[splits.val]", "[splits.valid]", "'splits.valid'", "val"),
        ('name = "drawn"', "", "missing name", "name"),
        ('name = "drawn"', 'name = "../drawn"', "'../drawn'", "letters"),
        ('name = "drawn"', "name = 7", "name = 7", "string"),
        ('"car"]', "3]", "classes.3 = 3", "string"),
        ('["road", "sky", "tree", "car"]', "[]", "classes = []", "at least 1"),
        ('"car"]', '"road"]', "'road' is there twice", "different"),
        ('"car"]', '"car"]\ncolours = [[0, 0, 1], [0, 0, 2]]', "2 for 4 classes", "one per class"),
        ('"car"]', '"car"]\ncolours = [[0, 0, 256]]', "256", "255"),
        ('"car"]', '"car"]\nstored = "colours"', "without colours", "[[R, G, B]"),
        ('"car"]', '"car"]\nignore = [3]', "3 is class 'car'", "[ids]"),
        ('"car"]', '"car"]\nignore = [[0, 0, 0]]', "ignore", "stored ids"),
        ("[splits.train]", "[ids]\n0 = 4\n\n[splits.train]", "ids.0 = 4", "0..3 (4 classes) or 255"),
        ("[splits.train]", "[ids]\n256 = 0\n\n[splits.train]", "'256'", "0 to 255"),
        ("[splits.train]", "[ids]\n0 = 0\n\n[splits.train]", "nothing stored is class 'sky'", "per class"),
        ('"masks/val"', '"../masks"', "'../masks'", "outside"),
        ('"masks/val"', '"/masks"', "'/masks'", "outside"),
        ('"masks/val"', "'C:\\masks'", "masks", "outside"),
        ('"drawn"', '"drawn', "not TOML", ""),
    ],
)
def test_a_fault_is_named_with_file_key_and_what_is_allowed(described, old, new, found, expected):
    with pytest.raises(RefusedInput) as refused:
        described((old, new))
    assert "mine.toml" in str(refused.value)
    assert found in str(refused.value)
    assert expected in str(refused.value)


def test_no_split_is_a_fault(described):
    splits = TOML[TOML.index("[splits.train]") :]
    with pytest.raises(RefusedInput, match="splits"):
        described((splits, "[splits]"))
