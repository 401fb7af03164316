"""Provenance: digests that only a change of the code moves, and nothing that names a place or a person."""

import getpass
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import torch

from baselines.method import Method
from baselines.registry import METHODS
from bench.errors import RefusedInput
from bench.results import provenance

BEFORE = '''
"""A module."""

def double(x):
    """Twice."""
    return x * 2  # not x + x


class A:
    """A class."""
    size: int = 3
    """How big."""
'''


def digest_of(tmp_path, text, name="model.py"):
    path = tmp_path / name
    path.write_text(text)
    return provenance.source_digest([path])


@pytest.mark.parametrize(
    "change",
    [
        ("  # not x + x", ""),
        ('"""Twice."""', '"""Two times, see Eq. 3."""'),
        ('    """Twice."""\n', ""),
        ('"""A module."""', '"""Another."""'),
        ('    """How big."""\n', ""),
        ("x * 2", "(x\n        * 2)"),
        ("\n\n\nclass", "\nclass"),
    ],
)
def test_comments_docstrings_and_formatting_do_not_change_the_digest(tmp_path, change):
    assert change[0] in BEFORE
    assert digest_of(tmp_path, BEFORE.replace(*change)) == digest_of(tmp_path, BEFORE)


@pytest.mark.parametrize(
    "change",
    [
        ("x * 2", "x * 3"),
        ("x * 2", "x * 2.0"),
        ("x * 2", "2 * x"),
        ("return x * 2", "return (x * 2,)"),
        ("double", "twice"),
        ("size: int = 3", "size: int = '3'"),
        ("size: int = 3", "size: int = True"),
        ("def double(x)", "def double(x, y=None)"),
    ],
)
def test_a_change_of_the_code_changes_the_digest(tmp_path, change):
    assert change[0] in BEFORE
    assert digest_of(tmp_path, BEFORE.replace(*change)) != digest_of(tmp_path, BEFORE)


def test_another_file_name_changes_the_digest_and_another_folder_does_not(tmp_path):
    (tmp_path / "deep").mkdir()
    assert digest_of(tmp_path, BEFORE, "a.py") != digest_of(tmp_path, BEFORE, "b.py")
    assert digest_of(tmp_path, BEFORE, "a.py") == digest_of(tmp_path / "deep", BEFORE, "a.py")


def test_the_digest_is_the_same_under_every_python(tmp_path):
    # golden: the same from Python 3.11, 3.12 and 3.13, whose printed syntax trees differ
    assert digest_of(tmp_path, BEFORE) == "08eb04eb5d1b3dfa789653c8d6fbdbfd2403c6fb02ce4f0d6c5d75772b2d8327"


def test_what_is_not_python_is_refused_by_name(tmp_path):
    with pytest.raises(RefusedInput, match=r"model\.py: cannot read as Python"):
        digest_of(tmp_path, "def (")


def test_the_sources_are_those_of_carnet_without_the_folding_and_the_methods_file(monkeypatch):
    asked = []
    monkeypatch.setattr(provenance, "source_digest", lambda paths: asked.append(paths) or str(len(asked)))
    found = provenance.current_sources(METHODS["carnet-mobile"])
    assert found == {"carnet": "1", "method": "2"}
    names = [path.name for path in asked[0]]
    assert names == sorted(names)
    assert {"model.py", "modules.py", "encoder.py"} <= set(names)
    exact = {"compiled_c.py", "deploy.py", "exact_forms.py", "folding.py", "one_pass_pool.py"}
    assert exact.isdisjoint(names)
    assert {path.parent.name for path in asked[0]} == {"carnet"}  # not fast_training below it
    assert [(path.parent.name, path.name) for path in asked[1]] == [("carnet", "model.py")]


def test_a_users_own_method_is_known_by_its_file(tmp_path, monkeypatch):
    (tmp_path / "my_net.py").write_text("def build(num_classes):\n    return None\n")
    monkeypatch.syspath_prepend(tmp_path)
    method = Method("mine", "mine", "user's own", 0, "my_net:build")
    assert provenance.current_sources(method)["method"] == provenance.source_digest([tmp_path / "my_net.py"])


@pytest.mark.parametrize(
    ("argument", "published"),
    [
        ("/opt/venv/bin/carnet-bench", "carnet-bench"),
        ("--data-root=/disk/sets/camvid", "--data-root=camvid"),
        ("--data-root=/disk/sets/camvid/", "--data-root=camvid"),
        ("../shared/data", "data"),
        ("nets/mine.py:build", "mine.py:build"),
        ("mine.py:build", "mine.py:build"),
        (r"C:\Users\me\camvid", "C:camvid"),
        ("a=/x/b,/y/c", "a=b,c"),
        ("~", "~"),
        ("~/camvid", "camvid"),
        ("~me", "~"),
        ("/", "/"),
        ("512x1024", "512x1024"),
        ("1e-3", "1e-3"),
        ("--smoke", "--smoke"),
        (".", "."),
        ("", ""),
    ],
)
def test_paths_in_a_command_are_cut_to_names(argument, published):
    assert provenance.without_folders(argument) == published


def test_the_home_folder_whose_name_is_the_user_is_not_published(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/home/alice"))
    assert provenance.without_folders("--home=/home/alice") == "--home=~"
    assert provenance.without_folders("/home/alice/") == "~"
    assert provenance.without_folders("/home/alice/runs") == "runs"


@pytest.fixture(scope="module")
def gathered():
    started = datetime(2025, 3, 1, 1, 30, 5, tzinfo=timezone(timedelta(hours=2)))
    command = [sys.executable, "speed", f"--home={Path.home()}", str(Path.cwd() / "pyproject.toml")]
    return provenance.gather(command, METHODS["carnet-mobile"], started)


def test_provenance_has_these_keys(gathered):
    assert sorted(gathered) == [
        *("command", "commit", "dirty", "load_1min", "machine", "source"),
        *("started_utc", "threads", "usable_cores", "versions"),
    ]
    assert gathered["command"][1:] == ["speed", "--home=~", "pyproject.toml"]
    assert gathered["threads"] == torch.get_num_threads()
    # 01:30 two hours east of Greenwich
    assert gathered["started_utc"] == "2025-02-28T23:30:05Z"
    assert gathered["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert json.loads(json.dumps(gathered, allow_nan=False)) == gathered


def test_provenance_names_no_host_no_user_and_no_folder(gathered):
    text = json.dumps(gathered)
    host = os.uname().nodename if hasattr(os, "uname") else ""
    for private in (host, getpass.getuser()):
        if len(private) > 3:
            assert not re.search(rf"\b{re.escape(private)}\b", text)
    assert str(Path.cwd()) not in text
    assert not re.search(r'"/|[=:,]/', text)


def test_the_machine_is_described_in_whole_units():
    machine = provenance.machine()
    assert sorted(machine) == ["cpu", "gpu", "logical_cores", "memory_gib", "physical_cores", "system"]
    assert machine["logical_cores"] >= 1
    assert isinstance(machine["memory_gib"], int)
    # two calls give two dicts, so that a caller may not change the other's
    assert provenance.machine() is not machine


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "no-such-package-here"))
    found = provenance.versions()
    assert found["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert found["numpy"][0] in "23456789"
    assert found["no-such-package-here"] is None


def test_records_and_provenance_are_imported_without_torch():
    code = "import sys, bench.results.store, bench.results.provenance; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, cwd=provenance.package_root()).returncode
        == 0
    )


def test_the_default_start_is_now():
    before = datetime.now(UTC).replace(microsecond=0)
    text = provenance.gather([], METHODS["carnet-mobile"])["started_utc"]
    assert before <= datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) <= datetime.now(UTC)


def test_the_digest_of_a_baseline_is_also_of_the_files_of_baselines_that_it_imports():
    own, *imported = provenance._files_of(METHODS["crf-rnn"])
    assert own.name == "crfrnn.py"
    assert "crf.py" in {path.name for path in imported}
    deeplab = provenance.current_sources(METHODS["deeplab-crf-largefov"])
    assert deeplab["method"] != provenance.source_digest([own.with_name("deeplab.py")])


def test_baselines_are_found_in_every_form_of_import(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch, baselines.enet\nfrom baselines import fcn, segnet as other\n"
        "from baselines.crf import How\n"
    )
    assert set(provenance._imported_baselines(file)) == {"enet", "fcn", "segnet", "crf"}


def test_the_digest_of_a_cascade_is_also_of_the_networks_that_it_joins():
    names = [path.name for path in provenance._files_of(METHODS["cascaded-segnet"])]
    assert names == ["cascade.py", "dilatednet.py", "segnet.py", "sizes.py"]


def test_the_digest_of_a_carnet_is_of_its_model_s_file_alone():
    (own,) = provenance._files_of(METHODS["carnet-mobile"])
    assert own.name == "model.py"


def test_a_user_without_a_home_publishes_file_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(provenance.Path, "home", no_home)
    assert provenance.without_folders("--home=/data/a/runs") == "--home=runs"
