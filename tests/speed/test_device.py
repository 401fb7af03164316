import pytest
import torch

from bench.errors import UsageError
from bench.speed.device import measuring_conditions, open_device


def test_the_cpu_takes_channels_last_and_has_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise AssertionError("a measurement on the CPU waited for a GPU")

    monkeypatch.setattr(torch.cuda, "synchronize", fail)
    device = open_device("cpu")
    device.synchronise()
    assert (device.kind, device.memory_format) == ("cpu", torch.channels_last)


def test_an_unknown_device_is_refused_with_the_choices() -> None:
    with pytest.raises(UsageError, match="'tpu'; choose from auto, cpu, cuda, mps"):
        open_device("tpu")


def test_a_device_this_machine_lacks_is_refused_with_those_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"'cuda' is not on this machine; choose from cpu$"):
        open_device("cuda")


def test_threads_and_precision_are_put_back_after_a_failure() -> None:
    threads, tf32 = torch.get_num_threads(), torch.backends.cudnn.allow_tf32
    seen = []

    def fail() -> None:
        with measuring_conditions(threads + 1) as in_force:
            seen.extend([in_force, torch.backends.cudnn.allow_tf32, torch.is_inference_mode_enabled()])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert seen == [threads + 1, False, True]
    assert (torch.get_num_threads(), torch.backends.cudnn.allow_tf32) == (threads, tf32)
    assert not torch.is_inference_mode_enabled()


def test_without_a_wish_the_threads_are_torchs_own() -> None:
    with measuring_conditions(None) as in_force:
        assert in_force == torch.get_num_threads()


def test_no_threads_are_refused() -> None:
    with pytest.raises(UsageError, match="threads 0"), measuring_conditions(0):
        pass
