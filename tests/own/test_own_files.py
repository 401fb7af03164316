"""Files next to a user's network: they can be imported, stay apart, and are part of what was measured."""

import os
import sys
from importlib.metadata import EntryPoint

import pytest

from bench import models
from bench.data.catalogue import ENTRIES
from bench.errors import RefusedInput, UsageError
from bench.models import resolve
from bench.own.guard import user_code
from bench.results.provenance import current_sources
from bench.train.trained import TrainedWeights

NET = """from torch import nn
{imports}
def build(num_classes):
    {late}
    return nn.Conv2d(3, num_classes, {size})
"""


def net(imports="", size="1", late="pass"):
    return NET.format(imports=imports, size=size, late=late)


def size_of(path, builder="build"):
    method = resolve(f"{path}:{builder}")
    with user_code("it", method):
        return method.build(2).kernel_size[0]


def digest(path, builder="build"):
    return current_sources(resolve(f"{path}:{builder}"))["method"]


@pytest.mark.parametrize(
    "imports",
    ["from layers import SIZE", "from .layers import SIZE", "from . import layers\nSIZE = layers.SIZE"],
)
def test_a_file_next_to_the_network_can_be_imported(write, imports):
    write("SIZE = 3\n", "layers.py")
    assert size_of(write(net(imports, "SIZE"))) == 3
    assert "layers" not in sys.modules


def test_an_import_inside_the_builder_works_too(write):
    write("SIZE = 3\n", "layers.py")
    assert size_of(write(net(late="from layers import SIZE", size="SIZE"))) == 3


def test_a_network_inside_a_package_imports_from_further_up(write):
    for name in ("pkg/__init__.py", "pkg/nets/__init__.py"):
        write("", name)
    write("SIZE = 5\n", "pkg/common.py")
    assert size_of(write(net("from ..common import SIZE", "SIZE"), "pkg/nets/mine.py")) == 5
    assert size_of(write(net("from pkg.common import SIZE", "SIZE"), "pkg/nets/other.py")) == 5


@pytest.mark.parametrize("late", [True, False])
def test_siblings_of_one_name_in_two_folders_stay_apart(write, late):
    line = "from layers import SIZE"
    text = net(late=line, size="SIZE") if late else net(line, "SIZE")
    paths = []
    for folder, size in (("a", 1), ("b", 2)):
        write(f"SIZE = {size}\n", f"{folder}/layers.py")
        paths.append(write(text, f"{folder}/net.py"))
    methods = [resolve(f"{path}:build") for path in paths]
    found = []
    for method in methods:
        with user_code("it", method):
            found.append(method.build(2).kernel_size[0])
    assert found == [1, 2]


def test_a_changed_sibling_is_read_again(write):
    path = write(net("from layers import SIZE", "SIZE"))
    write("SIZE = 1\n", "layers.py")
    assert size_of(path) == 1
    write("SIZE = 22\n", "layers.py")
    assert size_of(path) == 22


def test_a_sibling_that_was_edited_within_a_second_is_read_again(write, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path, mine = write("SIZE = 3\n", "layers.py"), write(net("from layers import SIZE", "SIZE"))
    assert size_of(mine) == 3
    made = path.stat()
    path.write_text("SIZE = 5\n")
    os.utime(path, ns=(made.st_atime_ns, made.st_mtime_ns))  # Python's compiled file would fit both
    assert size_of(mine) == 5
    assert not list(path.parent.glob("__pycache__"))


@pytest.mark.parametrize(
    "imports",
    [
        "import layers",
        "from . import layers",
        "from .layers import SIZE",
        "import importlib\nlayers = importlib.import_module('layers')",
        "def late():\n    import layers",
        "import importlib\nfor name in ['lay' + 'ers']: importlib.import_module(name)",
        "import between",
    ],
)
def test_a_change_in_an_imported_file_of_the_user_s_own_changes_the_digest(write, imports):
    write("import layers\n", "between.py")
    write("SIZE = 1\n", "layers.py")
    write("x = 1\n", "unrelated.py")
    path = write(net(imports))
    before = digest(path)
    write("x = 2\n", "unrelated.py")
    write("SIZE = 1  # a remark\n", "layers.py")
    assert digest(path) == before
    write("SIZE = 22\n", "layers.py")
    assert digest(path) != before


def test_a_change_above_in_the_package_changes_the_digest(write):
    for name in ("pkg/__init__.py", "pkg/nets/__init__.py"):
        write("", name)
    write("SIZE = 5\n", "pkg/common.py")
    path = write(net("from ..common import SIZE", "SIZE"), "pkg/nets/mine.py")
    found = [digest(path)]
    write("SIZE = 7\n", "pkg/common.py")
    found.append(digest(path))
    write("x = 1\n", "pkg/__init__.py")
    found.append(digest(path))
    assert len(set(found)) == 3


def test_a_library_below_the_same_folder_is_not_the_user_s_own(write):
    write("SIZE = 1\n", "env/lib/site-packages/somelib.py")
    path = write(net("import sys\nsys.path.append(__file__[:-8] + 'env/lib/site-packages')\nimport somelib"))
    before = digest(path)
    sys.modules.pop("somelib", None)
    write("SIZE = 22\n", "env/lib/site-packages/somelib.py")
    assert digest(path) == before
    sys.modules.pop("somelib", None)


def test_an_installed_package_s_files_are_in_the_digest_of_its_network(write, monkeypatch, tmp_path):
    write("", "ownpkg/__init__.py")
    write("SIZE = 1\n", "ownpkg/layers.py")
    write(net("from .layers import SIZE", "SIZE"), "ownpkg/net.py")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("packed", "ownpkg.net:build", models.ENTRY_POINT_GROUP)
    monkeypatch.setattr(models, "entry_points", lambda group: [point])
    before = current_sources(resolve("packed"))["method"]
    write("SIZE = 22\n", "ownpkg/layers.py")
    assert current_sources(resolve("packed"))["method"] != before
    for name in [name for name in sys.modules if name.startswith("ownpkg")]:
        del sys.modules[name]


TWO = """
from torch import nn
from baselines.method import Method

def small(num_classes, width=1): return nn.Conv2d(3, num_classes, width)
def large(num_classes): return nn.Conv2d(3, num_classes, 3)
def build(num_classes): return nn.Conv2d(3, num_classes, 5)

A = Method("a", "A", "nobody", 2026, f"{__name__}:small", {"width": 1})
B = Method("b", "B", "nobody", 2026, f"{__name__}:small", {"width": 2})
C = Method("b", "B", "nobody", 2026, f"{__name__}:small", {"width": 3})
"""


def test_two_builders_or_settings_of_one_file_are_two_networks(write):
    path = write(TWO.replace("C = ", "# C = "), "net.py")
    assert [resolve(f"{path}:{name}").name for name in ("build", "small", "large")] == [
        "net",
        "net.small",
        "net.large",
    ]
    assert len({digest(path, name) for name in ("build", "small", "large", "A", "B")}) == 5


def test_two_methods_of_one_name_in_one_file_are_refused(write):
    path = write(TWO, "net.py")
    with pytest.raises(RefusedInput, match="'C'"):
        resolve(f"{path}:B")
    assert resolve(f"{path}:A").name == "a"


@pytest.mark.parametrize("name", ["../x", "a/b", "", "x" * 65, 5])
def test_a_method_whose_name_could_be_a_path_is_refused(write, name):
    path = write(TWO.replace('"a"', repr(name)), "net.py")
    with pytest.raises(RefusedInput, match=r"net\.py"):
        resolve(f"{path}:A")


def test_a_file_s_odd_name_becomes_a_name_that_a_file_may_have(write):
    assert resolve(f"{write(net(), 'my@net (2).py')}:build").name == "my-net -2-"
    assert len(resolve(f"{write(net(), 'n' * 200 + '.py')}:build").name) == 64


def trained(model, name):
    from pathlib import Path

    from bench.data.statistics import IMAGENET
    from bench.train.recipe import from_table

    rest = {"data": "scenes", "crop": 64, "epochs": 1, "encoder_lr": 0.1, "decoder_lr": 0.1}
    recipe = from_table({"name": "tiny", "model": model, **rest}, "tiny")
    return TrainedWeights(
        Path("w.safetensors"), "", {"model": name}, recipe, IMAGENET, (), None, ENTRIES["scenes"]
    )


def test_a_run_of_one_builder_is_not_read_with_another_of_the_same_file(write):
    path = write(TWO, "net.py")
    run = trained("net.py:small", "net.small")
    assert run.method(f"{path}:small").name == "net.small"
    with pytest.raises(UsageError, match="large"):
        run.method(f"{path}:large")
    with pytest.raises(UsageError, match="carnet-mobile"):
        run.method("carnet-mobile")
    # runs of before builders were named
    assert trained("net.py:small", "net").method(f"{path}:small").name == "net.small"


def test_another_network_of_the_folder_is_no_part_of_one_that_does_not_name_it(tmp_path):
    for name, imports in (("first", ""), ("second", ""), ("third", "from . import second\n")):
        (tmp_path / f"{name}.py").write_text(net(imports))
    alone = current_sources(resolve(f"{tmp_path / 'first.py'}:build"))
    third = current_sources(resolve(f"{tmp_path / 'third.py'}:build"))
    resolve(f"{tmp_path / 'second.py'}:build")
    assert current_sources(resolve(f"{tmp_path / 'first.py'}:build")) == alone
    assert current_sources(resolve(f"{tmp_path / 'third.py'}:build")) == third
