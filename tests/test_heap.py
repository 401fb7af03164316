"""The heap that keeps what it has had: seen by counted page faults, in processes of their own."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest
import torch

from bench import heap
from bench.errors import UsageError
from bench.speed.device import Device, open_device

PAGE = 4096
LARGE = 36 * 2**20  # bytes; above the 32 MiB from which glibc always maps

ON_GLIBC = pytest.mark.skipif(heap._of_glibc("mallopt") is None, reason="another C library than glibc")

FAULTS = f"""
import resource, torch
from bench.heap import keep_heap
print(keep_heap())
def use():
    torch.empty({LARGE}, dtype=torch.uint8).fill_(1)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    use()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
# the fewest: glibc's aligned blocks do not fit where an equal one was, so they wander until free ones join
print(min(faults() for _ in range(40)))
"""

PEAK = f"""
import torch
from bench.evaluate.peak import PeakMemory
from bench.heap import keep_heap
print(keep_heap())
def use():
    torch.empty({LARGE}, dtype=torch.uint8).fill_(1)
use()
with PeakMemory(torch.device("cpu")) as peak:
    use()
print(peak.mib)
"""


def said(code: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@ON_GLIBC
def test_a_large_block_that_is_used_again_faults_no_page_in() -> None:
    kept, faults = said(FAULTS, CARNET_HEAP="kept")
    assert (kept, int(faults) < 100) == ("kept", True)


@ON_GLIBC
def test_the_systems_heap_faults_every_page_of_a_large_block_at_each_use() -> None:
    left, faults = said(FAULTS, CARNET_HEAP="system", THP_MEM_ALLOC_ENABLE="0")
    # huge pages, where the system gives them unasked, are 512 of ours each
    assert (left, int(faults) >= LARGE // PAGE // 512) == ("system", True)


@ON_GLIBC
def test_the_peak_of_memory_is_seen_although_the_heap_had_it_before() -> None:
    kept, mib = said(PEAK, CARNET_HEAP="kept")
    assert kept == "kept"
    assert float(mib) >= LARGE / 2**20 - 1


def test_a_heap_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(heap.VARIABLE, "jemalloc")
    with pytest.raises(UsageError, match="CARNET_HEAP is 'jemalloc'; choose from kept, system"):
        heap.keep_heap()


def test_without_glibc_the_heap_is_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_of_glibc", lambda _: None)
    assert heap.keep_heap() == "system"
    heap.release_free_memory()


def test_a_heap_that_refuses_the_setting_is_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_of_glibc", lambda _: lambda *_: 0)
    assert heap.keep_heap() == "system"


def test_the_device_says_which_heap_the_process_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_device("cpu").heap == heap.keep_heap()
    monkeypatch.setenv(heap.VARIABLE, "system")
    assert open_device("cpu").heap == "system"
    assert Device(torch.device("cpu"), lambda: None, torch.channels_last).heap == "system"


def test_few_collections_end_with_the_block() -> None:
    before = gc.get_threshold()
    with heap.few_collections():
        assert gc.get_threshold()[0] > before[0]
    assert gc.get_threshold() == before
