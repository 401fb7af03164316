"""Device, precision and strategy: what is requested is what is taken, or the run is refused."""

import subprocess
import sys

import pytest
import torch

from bench.errors import UsageError
from bench.fabric import ALONE, PRECISIONS, Launched, launch_fabric, launched_by, number_of_processes

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="of a machine without CUDA")


@pytest.mark.parametrize("device", ["cpu", pytest.param("auto", marks=no_gpu)])
def test_fp16_where_nothing_trains_in_it_is_refused_and_never_bf16_in_silence(device):
    if device == "auto" and torch.backends.mps.is_available():
        pytest.skip("of a machine without MPS")
    with pytest.raises(UsageError, match=r"precision fp16 \(16-mixed\) on cpu") as caught:
        launch_fabric(device, "16-mixed")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("short", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_a_network_computes_in_the_precision_that_is_asked_for(short, dtype):
    fabric = launch_fabric("cpu", PRECISIONS[short])
    seen = []
    network = torch.nn.Conv2d(1, 1, 1)
    network.register_forward_hook(lambda _module, _input, output: seen.append(output.dtype))
    model = fabric.setup(network)
    out = model(torch.zeros(1, 1, 2, 2))
    assert seen == [dtype]
    # and the loss gets float32
    assert out.dtype == torch.float32
    assert network.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tpu",), "no device 'tpu'; choose from auto, cpu, cuda, mps"),
        (("cpu", "32-true", 1, "fsdp"), "no strategy 'fsdp'; choose from auto, ddp"),
        (("cpu", "64-true"), "no precision '64-true'; choose from 32-true"),
        (("cpu", "32-true", 0), "0 cpu devices; available: one or more"),
        pytest.param(("cuda",), "device 'cuda' is not on this machine; choose from cpu", marks=no_gpu),
    ],
)
def test_what_is_not_there_is_a_usage_error_with_the_choices(arguments, message):
    with pytest.raises(UsageError, match=message):
        launch_fabric(*arguments)


@pytest.mark.slow
def test_fabric_is_imported_without_all_of_torchmetrics_which_can_be_imported_afterwards():
    code = """
import sys
from bench.fabric import launch_fabric
launch_fabric("cpu")
print("lightning_fabric" in sys.modules, "torchmetrics" in sys.modules)
import torchmetrics
print(torchmetrics.MeanMetric.__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "MeanMetric"]


def test_more_gpus_than_there_are_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UsageError, match="3 cuda devices; available: 2"):
        launch_fabric("cuda", devices=3)


SLURM_JOB = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "job", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}


@pytest.mark.parametrize("tasks", ["1", "4", "four"])
def test_a_slurm_job_without_srun_is_one_process(monkeypatch, tasks):
    for name, value in {**SLURM_JOB, "SLURM_NTASKS": tasks, "SLURM_NNODES": "2"}.items():
        monkeypatch.setenv(name, value)
    fabric = launch_fabric("cpu")
    assert (fabric.world_size, fabric.global_rank) == (1, 0)


@pytest.fixture
def started(monkeypatch):
    """Pretend that a launcher has started so many processes on so many nodes."""

    def pretend(launcher, world, nodes=1, here=None):
        here = world // nodes if here is None else here
        names = {
            "torchrun": {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": here},
            "srun": {
                **SLURM_JOB,
                "SLURM_NTASKS": world,
                "SLURM_STEP_NUM_TASKS": world,
                "SLURM_STEP_NUM_NODES": nodes,
                "SLURM_NNODES": 9,  # of the job, whose step may take fewer
            },
        }
        for name, value in names[launcher].items():
            monkeypatch.setenv(name, str(value))

    return pretend


LAUNCHERS = ["torchrun", "srun"]


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize(("world", "devices"), [(4, 1), (1, 2)])
def test_another_number_of_devices_than_was_started_is_refused_with_both(started, launcher, world, devices):
    started(launcher, world)
    with pytest.raises(
        UsageError, match=f"{launcher} started {world} processes; expected {devices}"
    ) as caught:
        launch_fabric("cpu", devices=devices)
    assert launcher in caught.value.then


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_number_of_devices_is_the_launcher_s_over_all_nodes(started, launcher):
    assert number_of_processes(None) == 1
    assert number_of_processes(3) == 3
    started(launcher, 4, nodes=2)
    assert launched_by() == Launched(launcher, 4, 2)
    assert number_of_processes(None) == number_of_processes(4) == 4
    assert number_of_processes(ALONE) == 1


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_process_that_is_alone_needs_no_others_whatever_was_started(started, launcher):
    started(launcher, 4)
    fabric = launch_fabric("cpu", devices=ALONE)
    assert (fabric.world_size, fabric.global_rank) == (1, 0)


def test_nodes_with_unequal_numbers_of_processes_are_refused(started):
    started("torchrun", 3, here=2)
    with pytest.raises(UsageError, match="3 processes, 2 on this node"):
        launched_by()


@pytest.mark.parametrize("wrong", ["", "four", "0"])
def test_variables_that_are_no_numbers_are_a_usage_error(started, monkeypatch, wrong):
    started("torchrun", 4)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", wrong)
    with pytest.raises(UsageError, match="torchrun or Slurm"):
        launched_by()


def test_what_fabric_says_of_srun_is_a_usage_error(monkeypatch):
    for name, value in {**SLURM_JOB, "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE", raising=False)
    with pytest.raises(UsageError, match="ntasks-per-node=2"):
        launch_fabric("cpu", devices=2)
