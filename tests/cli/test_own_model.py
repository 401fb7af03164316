"""A user's own network: a file, an entry point, a builder or a ready Method, and the mistakes in each."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from torch import nn

from baselines.registry import METHODS
from bench import models
from bench.cost.count import count_costs
from bench.errors import RefusedInput, UsageError
from bench.models import available, resolve

READY = """
from torch import nn

from baselines.method import Method
from baselines.sizes import SizeRule


class Net(nn.Conv2d):
    def __init__(self, num_classes, width=1):
        super().__init__(3, num_classes, width, bias=False)


MINE = Method(
    "mine", "Mine", "nobody, 2024", 2024, f"{__name__}:Net", {"width": 3}, sizes=SizeRule(8), group="paper"
)
"""


@pytest.fixture
def write(tmp_path: Path):
    def into(text: str, name: str = "mynet.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    yield into
    for name in [name for name in sys.modules if name.startswith("carnet_bench_user_")]:
        del sys.modules[name]


def test_a_builder_in_a_file_is_a_method_of_the_group_own(write) -> None:
    path = write("from torch import nn\n\ndef build(num_classes):\n    return nn.Conv2d(3, num_classes, 1)\n")
    method = resolve(f"{path}:build")
    assert (method.name, method.group, method.citation) == ("mynet", "own", "user's own, mynet.py")
    assert method.build(5).out_channels == 5


def test_a_ready_method_keeps_what_it_says_but_never_the_paper_s_group(write) -> None:
    method = resolve(f"{write(READY)}:MINE")
    assert (method.name, method.title, method.year, str(method.sizes)) == (
        "mine",
        "Mine",
        2024,
        "multiple of 8",
    )
    assert method.group == "own"
    # 3 x 3 x 3 weights for each of 2 classes
    assert sum(p.numel() for p in method.build(2).parameters()) == 54
    with pytest.raises(RefusedInput, match="mine: input of 12x16: each side must be multiple of 8"):
        count_costs(method, 2, (12, 16))


def test_a_class_is_a_builder_too(write) -> None:
    assert isinstance(resolve(f"{write(READY)}:Net").build(4), nn.Conv2d)


def test_two_files_of_one_name_in_different_folders_stay_apart(write) -> None:
    text = "from torch import nn\n\ndef build(num_classes):\n    return nn.Conv2d(3, num_classes, {})\n"
    paths = [write(text.format(width), f"{folder}/net.py") for folder, width in (("a", 1), ("b", 2))]
    methods = [resolve(f"{path}:build") for path in paths]
    assert [method.build(1).kernel_size for method in methods] == [(1, 1), (2, 2)]


def test_a_file_named_as_a_row_of_the_paper_s_tables_does_not_take_that_row_s_name(write) -> None:
    path = write("def build(num_classes):\n    return None\n", "segnet.py")
    assert resolve(f"{path}:build").name == "segnet.py"


def test_what_a_file_prints_does_not_reach_stdout(write, capsys) -> None:
    path = write("print(12)\ndef build(num_classes): ...\n")
    resolve(f"{path}:build")
    assert capsys.readouterr() == ("", "12\n")


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("def build(:\n", "build", r"mynet\.py: cannot be run, line 1, SyntaxError: "),
        ("x = 1\ny = {}['key']\n", "build", r"mynet\.py: cannot be run, line 2, KeyError: 'key'"),
        ("def f():\n    raise OSError('gone')\n\nf()\n", "build", r"line 2, OSError: gone"),
        ("import no_such_package\n", "build", r"line 1, ModuleNotFoundError: No module named 'no_such"),
        ("import sys\nsys.exit(3)\n", "build", r"line 2, SystemExit: 3"),
        ("def make(num_classes): ...\nfrom os import path\n", "build", r"mynet\.py: no 'build'; found make$"),
        ("", "build", r"mynet\.py: no 'build'; found no function and no Method$"),
        ("build = 5\n", "build", r"'build' is a int; must be a function that takes num_classes"),
        (READY.replace('"mine"', '"segnet"'), "MINE", r"named 'segnet', a name of the registry"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_that_says_where(write, text: str, name: str, message: str) -> None:
    path = write(text)
    with pytest.raises(RefusedInput, match=message):
        resolve(f"{path}:{name}")


def test_a_file_that_cannot_be_run_leaves_no_half_module_behind(write) -> None:
    path = write("raise ValueError\n")
    before = set(sys.modules)
    with pytest.raises(RefusedInput, match="line 1, ValueError"):
        resolve(f"{path}:build")
    assert not [name for name in set(sys.modules) - before if name.startswith("carnet_bench_user_")]


def test_a_file_without_a_name_or_that_is_not_there_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'mynet\.py' is a file; .* e\.g\. mynet\.py:build"):
        resolve("mynet.py")
    with pytest.raises(RefusedInput, match=r"nowhere\.py: no such file"):
        resolve(f"{tmp_path / 'nowhere.py'}:build")


@pytest.fixture
def installed(write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Entry points of an installed package, ``own_nets``."""
    write(READY, "own_nets.py")
    write("import no_such_package\n", "own_broken.py")
    monkeypatch.syspath_prepend(tmp_path)
    values = {
        "net": "own_nets:Net",
        "mine": "own_nets:MINE",
        "broken": "own_broken:build",
        "segnet": "own_nets:Net",
    }
    points = [EntryPoint(name, value, models.ENTRY_POINT_GROUP) for name, value in values.items()]
    monkeypatch.setattr(
        models, "entry_points", lambda group: points if group == models.ENTRY_POINT_GROUP else []
    )
    yield
    for name in ("own_nets", "own_broken"):
        sys.modules.pop(name, None)


def test_an_entry_point_names_a_builder_or_a_ready_method(installed) -> None:
    net, mine = resolve("net"), resolve("mine")
    assert (net.name, net.group, net.citation) == ("net", "own", "entry point own_nets:Net")
    assert (mine.name, mine.year, mine.group) == ("mine", 2024, "own")
    assert net.build(3).out_channels == 3


def test_an_entry_point_does_not_replace_a_row_of_the_registry(installed) -> None:
    assert resolve("segnet") is METHODS["segnet"]
    assert available()["segnet"] is METHODS["segnet"]


def test_a_broken_entry_point_hides_no_other(installed) -> None:
    assert list(available())[-3:] == ["net", "mine", "broken"]
    with pytest.raises(
        RefusedInput, match=r"entry point broken = own_broken:build: cannot be run, ModuleNot"
    ):
        resolve("broken")
    with pytest.raises(UsageError, match=r"no model 'nett'; choose from .*broken.* net, "):
        resolve("nett")
