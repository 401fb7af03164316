"""What a user's network does wrong, wherever it runs: one line with file and line, exit code 3."""

import os
import subprocess
import sys
import textwrap

import pytest
import torch
from user_networks import net

from bench.errors import NotMeasured, RefusedInput
from bench.models import resolve
from bench.own.guard import user_code

WRONG = [
    ("raise KeyError('mine')", "KeyError"),
    ("sys.exit(0)", "SystemExit: 0"),
    ("sys.exit('bye')", "bye"),
    ("exit()", "SystemExit"),
    ("os._exit(0)", r"os\._exit\(0\)"),
    ("os.abort()", r"os\.abort"),
    ("os.execv('/bin/true', ['true'])", r"os\.execv"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("raise GeneratorExit", "GeneratorExit"),
    ("raise type('Own', (BaseException,), {})('odd')", "odd"),
    ("assert image is None if 'image' in dir() else False, 'no'", "AssertionError: no"),
    ("torch.zeros(2) @ torch.zeros(3)", "RuntimeError"),
    ("raise RuntimeError('first\\nsecond')", "first"),
]


@pytest.mark.parametrize("place", ["module", "builder", "forward"])
@pytest.mark.parametrize(("code", "token"), WRONG)
def test_whatever_goes_wrong_in_a_count_is_one_line_with_file_and_line(write, cli, place, code, token):
    text = net(**{place: code})
    line = next(number for number, one in enumerate(text.splitlines(), 1) if code.split("\n")[0] in one)
    path = write(text)
    code, said, told = cli("cost", f"{path}:build", "--size", "32x32", "--json")
    assert (code, said) == (3, "")
    errors = [one for one in told.splitlines() if one.startswith("error: ")]
    assert len(errors) == 1
    assert "mynet" in errors[0]
    assert f"line {line}" in errors[0]
    assert pytest.importorskip("re").search(token, errors[0])
    assert "Traceback" not in told


def test_an_error_in_a_file_next_to_it_names_that_file(write, cli):
    write("import torch\n\n\ndef layer(image):\n    raise ValueError('odd')\n", "layers.py")
    path = write(net(module="from layers import layer", forward="layer(image)"))
    code, _, told = cli("cost", f"{path}:build", "--size", "32x32")
    assert code == 3
    assert "line 5 of layers.py, ValueError: odd" in told


def test_a_syntax_error_in_a_file_next_to_it_names_that_file(write, cli):
    write("x = 1\ndef (\n", "layers.py")
    code, _, told = cli("cost", f"{write('import layers')}:build")
    assert code == 3
    assert "line 2 of layers.py, SyntaxError" in told


def test_our_own_errors_and_ctrl_c_stay_what_they_are(write):
    method = resolve(f"{write(net())}:build")
    with pytest.raises(NotMeasured), user_code("it", method):
        raise NotMeasured("ours")
    with pytest.raises(ZeroDivisionError), user_code("it", method):
        1 / 0  # noqa: B018
    with pytest.raises(KeyboardInterrupt), user_code("it", method):
        raise KeyboardInterrupt  # in a file that is not the user's, as Ctrl-C is


def test_methods_of_the_registry_are_left_alone():
    with pytest.raises(KeyError), user_code("it", resolve("carnet-mobile")):
        raise KeyError


SETTINGS = {
    "torch.set_num_threads(3)": ("threads", torch.get_num_threads),
    "torch.autograd.set_detect_anomaly(True)": ("anomaly", torch.is_anomaly_enabled),
    "torch.set_grad_enabled(False)": ("gradients", torch.is_grad_enabled),
    "torch.set_default_dtype(torch.float64)": ("default dtype", torch.get_default_dtype),
    "torch.backends.cudnn.benchmark = True": (
        "benchmark",
        lambda: torch.backends.cudnn.benchmark,
    ),
    "os.chdir('/')": ("chdir", os.getcwd),
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)": ("SIGTERM", lambda: __import__("signal").getsignal(15)),
}


@pytest.mark.parametrize("place", ["module", "builder", "forward"])
@pytest.mark.parametrize("code", SETTINGS)
def test_a_changed_global_setting_is_put_back_and_named_with_its_line(write, cli, place, code):
    name, read = SETTINGS[code]
    before = read()
    text = net(**{place: code})
    line = next(number for number, one in enumerate(text.splitlines(), 1) if code in one)
    exit_code, _, told = cli("cost", f"{write(text)}:build", "--size", "32x32")
    assert read() == before
    if place == "forward" and "grad" in code:
        return  # a count builds no graph, so that nothing changes there
    assert name in told
    assert f"mynet.py line {line}" in told
    # a network built with another number type does not take the image
    assert exit_code == (3 if code == "torch.set_default_dtype(torch.float64)" and place == "builder" else 0)


def test_a_hard_exit_while_a_network_runs_is_an_error(write):
    method = resolve(f"{write(net())}:build")
    with pytest.raises(RefusedInput, match=r"os\._exit\(0\)"), user_code("it", method):
        os._exit(0)


def test_a_forked_process_may_end_as_it_likes(write):
    method = resolve(f"{write(net())}:build")
    with user_code("it", method):
        child = os.fork()
        if child == 0:
            os._exit(7)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    assert os._exit is sys.modules["posix"]._exit


def test_nothing_that_a_network_prints_gets_between_the_document_and_its_reader(write):
    loud = "print('LOUD', flush=True); os.write(1, b'LOUD\\n'); os.system('echo LOUD')"
    path = write(
        net(
            f"{loud}\nimport atexit\natexit.register(os.write, 1, b'LOUD')\natexit.register(print, 'LOUD')",
            loud,
            loud,
        )
    )
    words = ["cost", f"{path}:build", "--size", "32x32", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.cli", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "LOUD" not in done.stdout
    assert __import__("json").loads(done.stdout)["models"][0]["name"] == "mynet"
    assert done.stderr.count("LOUD") >= 5


TRAINING = [
    ("if self.training: sys.exit(0)", "training failed", "SystemExit: 0"),
    ("if not self.training: raise ValueError('only in training')", "training failed", "only in training"),
    ("if self.training and torch.is_grad_enabled(): os._exit(0)", "training failed", r"os._exit(0)"),
    ("return image[:, :1] * self.layer.weight.sum() + image.new_zeros(1, 3, 1, 1)", "mynet", ""),
]


@pytest.mark.parametrize(("forward", "doing", "token"), TRAINING)
def test_an_error_in_training_or_validation_is_one_line(write, cli, forward, doing, token):
    path = write(net(forward=forward))
    smoke = ["epochs=1", "batch=2", "crop=[32,32]", "encoder_lr=0.02", "smoke=true"]
    code, _, told = cli(
        *("train", "scenes-quick", "--model", f"{path}:build", "--home", path.parent, "--device", "cpu"),
        *("--threads", "1", "--set", *smoke, "data_options={count=4, size_hw=[32, 32]}"),
    )
    assert code == 3, told
    error = next(one for one in told.splitlines() if one.startswith("error: "))
    assert "mynet" in error
    assert doing in error
    assert token in error
    assert "Traceback" not in told


BROKEN_POINT = textwrap.dedent(
    """
    import os
    os._exit(0)
    """
)


@pytest.fixture
def entry_points(write, monkeypatch, tmp_path):
    """Installed packages whose networks do not even import, in three ways, and a sound one."""
    from importlib.metadata import EntryPoint

    from bench import models

    write(BROKEN_POINT, "own_exit.py")
    write("import sys\nsys.exit(0)\n", "own_sysexit.py")
    write("raise KeyboardInterrupt\n", "own_interrupt.py")
    write(
        "from torch import nn\ndef build(num_classes):\n    return nn.LazyConv2d(num_classes, 1)\n",
        "own_lazy.py",
    )
    write("def build(num_classes):\n    raise SystemExit(0)\n", "own_builder.py")
    write("from torch import nn\ndef build(num_classes):\n    return nn.ReLU()\n", "own_empty.py")
    names = ("own_exit", "own_sysexit", "own_interrupt", "own_lazy", "own_builder", "own_empty", "own_gone")
    points = [EntryPoint(name.replace("_", "-"), f"{name}:build", models.ENTRY_POINT_GROUP) for name in names]
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(models, "entry_points", lambda group: points)
    yield names
    for name in names:
        sys.modules.pop(name, None)


def test_a_network_that_cannot_be_built_hides_no_other_from_the_list(entry_points, cli, monkeypatch):
    from baselines.registry import METHODS
    from bench import models

    monkeypatch.setattr(models, "METHODS", {"enet": METHODS["enet"]})
    code, said, told = cli("models", "--json")
    assert code == 0
    rows = {row["name"]: row for row in __import__("json").loads(said)["models"]}
    assert set(rows) == {"enet", *(name.replace("_", "-") for name in entry_points)}
    assert rows["own-empty"]["params_m"] == 0
    for name in ("own-exit", "own-sysexit", "own-interrupt", "own-builder", "own-gone"):
        assert not rows[name]["built"]
        assert name in told


def test_a_named_entry_point_that_exits_is_refused(entry_points, cli):
    for name in ("own-exit", "own-sysexit", "own-interrupt", "own-builder", "own-gone"):
        code, _, told = cli("cost", name, "--size", "32x32")
        assert code == 3, name
        assert name in told


def test_a_builder_that_returns_no_module_is_refused(write):
    method = resolve(f"{write('def build(num_classes):' + chr(10) + '    return 5')}:build")
    from bench.cost.meta import build_checked

    with pytest.raises(RefusedInput, match="int"):
        build_checked(method, 3)
