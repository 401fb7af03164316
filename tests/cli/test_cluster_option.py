"""``--cluster`` and ``--address``: what is refused before any work. No Ray is needed."""

import socket
import sys

import pytest

from bench.errors import UsageError
from bench.experiments.grid_state import Ledger
from bench.train.settings import Settings

ABLATE = ("ablate", "--lambda", "0", "--data", "scenes", "--threads", "1")
COMPARE = ("compare", "enet", "--data", "scenes", "--threads", "1")


@pytest.fixture
def no_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize("command", [ABLATE, COMPARE])
def test_without_ray_the_extra_is_named_and_nothing_is_done(carnet_bench, tmp_path, command):
    code, out, err = carnet_bench(*command, "--cluster", "ray", "--json")
    assert (code, out) == (2, "")
    assert "pip install 'carnet-bench[cluster]'" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [ABLATE, COMPARE])
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--address", "10.0.0.1:6379"), "--cluster ray"),
        (("--cluster", "ray", "--address", "ray://10.0.0.1:10001"), "ray://10.0.0.1:10001"),
        (("--cluster", "ray", "--address", ""), "HOST:PORT"),
        (("--cluster", "ray", "--address", "node7:http"), "HOST:PORT"),
        (("--cluster", "ray", "--address", "127.0.0.1:99999"), "127.0.0.1:99999"),
        (("--cluster", "slurm"), "slurm"),
    ],
)
def test_a_cluster_that_cannot_be_meant_is_refused(carnet_bench, tmp_path, command, words, found):
    code, out, err = carnet_bench(*command, *words)
    assert (code, out) == (2, "")
    assert found in err
    assert list(tmp_path.iterdir()) == []


def test_an_address_where_nothing_answers_is_named_before_any_work(carnet_bench, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, out, err = carnet_bench(*ABLATE, "--cluster", "ray", "--address", address)
    assert (code, out) == (2, "")
    assert address in err
    assert "ray start --head" in err
    assert list(tmp_path.iterdir()) == []


def test_threads_that_this_machine_has_not_are_refused_before_a_step_is_measured(tmp_path, monkeypatch):
    from bench.experiments import grid_on_ray

    monkeypatch.setattr(grid_on_ray, "usable_cores", lambda: 4)
    monkeypatch.setattr(grid_on_ray, "estimate_left", None)  # it is not called
    ledger = Ledger(Settings(tmp_path, device="cpu", threads=5), "test")
    with pytest.raises(UsageError, match="5 CPUs; this machine has 4"):
        grid_on_ray.execute_on_ray(None, ledger)


def test_judging_records_alone_needs_no_cluster(carnet_bench):
    code, _, err = carnet_bench(*COMPARE, "--from-records", "--cluster", "ray")
    assert code == 2
    assert "--from-records" in err
