"""The rule by which tests find real data: CI on a machine that has it may not skip."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def fixtures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The module conftest.py, as if the clone were ``tmp_path/clone`` and nothing were set."""
    spec = importlib.util.spec_from_file_location(
        "fixtures_under_test", Path(__file__).with_name("conftest.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path / "clone")
    monkeypatch.delenv("CARNET_DATA", raising=False)
    monkeypatch.delenv("CI", raising=False)
    return module


def test_data_is_found_beside_the_clone(fixtures: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "shared" / "data" / "camvid"
    folder.mkdir(parents=True)
    assert fixtures.real_data("camvid") == folder


def test_the_variable_beats_the_folder_beside_the_clone(fixtures, tmp_path, monkeypatch) -> None:
    (tmp_path / "shared" / "data" / "camvid").mkdir(parents=True)
    (tmp_path / "mine" / "camvid_sample").mkdir(parents=True)
    monkeypatch.setenv("CARNET_DATA", str(tmp_path / "mine"))
    assert fixtures.real_data("camvid") == tmp_path / "mine" / "camvid_sample"


def test_missing_data_skips_and_says_what_is_missing_and_where(fixtures, tmp_path) -> None:
    with pytest.raises(pytest.skip.Exception, match=r"no camvid or camvid_sample in .*data; set CARNET_DATA"):
        fixtures.real_data("camvid")


def test_missing_data_fails_in_ci_where_the_shared_folder_is(fixtures, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CI", "true")
    (tmp_path / "shared").mkdir()
    with pytest.raises(pytest.fail.Exception, match="no camvid"):
        fixtures.real_data("camvid")


def test_missing_data_skips_in_ci_where_there_is_no_shared_folder(fixtures, monkeypatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.skip.Exception):
        fixtures.real_data("camvid")
