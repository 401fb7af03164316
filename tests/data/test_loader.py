"""Batches: the same for any number of workers and any starting step; lost workers are named."""

import multiprocessing
import os
import signal
import time

import pytest
import torch

from bench.data.loader import (
    Batch,
    epoch_batches,
    epoch_order,
    evaluation_samples,
    generator_for,
    steps_per_epoch,
)
from bench.data.transforms import TrainTransform
from bench.errors import BenchError, RefusedInput, UsageError

TRANSFORM = TrainTransform((16, 24))
# Python 3.12 and later warn of a fork beside the idle threads of other libraries
fork_warning = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def batches(data, **options):
    return list(epoch_batches(data, TRANSFORM, **{"batch": 2, "seed": 3, "epoch": 1, **options}))


def equal(first: list[Batch], second: list[Batch]) -> bool:
    return len(first) == len(second) and all(
        torch.equal(a.image, b.image) and torch.equal(a.label, b.label) and a.names == b.names
        for a, b in zip(first, second, strict=True)
    )


def test_a_batch_is_bytes_and_train_ids_with_the_names_of_its_samples(toy_data):
    first = batches(toy_data)[0]
    assert first.image.shape == (2, 3, 16, 24)
    assert first.image.dtype == torch.uint8
    assert first.label.shape == (2, 16, 24)
    assert first.label.dtype == torch.int64
    order = epoch_order(6, seed=3, epoch=1)
    assert first.names == (f"toy_{order[0]}", f"toy_{order[1]}")


def test_every_sample_comes_once_an_epoch_and_epochs_and_seeds_differ():
    assert sorted(epoch_order(100, 0, 0)) == list(range(100))
    orders = {tuple(epoch_order(100, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_the_order_of_an_epoch_is_what_it_always_was():
    # written down when this function was made; a change here changes every published run
    assert epoch_order(8, seed=0, epoch=0) == [0, 3, 2, 5, 4, 7, 6, 1]


def test_a_generator_is_a_function_of_its_whole_key():
    keys = [(0, 1, 23), (0, 12, 3), (0, 12, 4), (1, 12, 3), ("a", 12, 3)]
    numbers = {int(torch.randint(2**62, (), generator=generator_for(*key))) for key in keys}
    assert len(numbers) == 5
    assert torch.equal(generator_for(*keys[0]).get_state(), generator_for(*keys[0]).get_state())


@fork_warning
@pytest.mark.parametrize("workers", [1, 2])
def test_batches_are_equal_bit_for_bit_for_any_number_of_workers(toy_data, workers):
    assert equal(batches(toy_data, workers=workers), batches(toy_data))


@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_an_epoch_cut_at_any_step_continues_as_if_it_had_not_been(toy_data, start):
    whole = batches(toy_data)
    assert len(whole) == 3
    assert equal(whole[:start] + batches(toy_data, start_step=start), whole)


@fork_warning
def test_an_epoch_continues_with_workers_too(toy_data):
    assert equal(batches(toy_data, start_step=2, workers=2), batches(toy_data)[2:])


@fork_warning
@pytest.mark.parametrize("workers", [0, 2])
def test_the_global_random_state_is_neither_read_nor_moved(toy_data, workers):
    state = torch.random.get_rng_state()
    first = batches(toy_data, workers=workers)
    assert torch.equal(torch.random.get_rng_state(), state)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        assert equal(batches(toy_data, workers=workers), first)


def test_another_epoch_augments_the_same_sample_differently(toy_data):
    by_name = [
        {
            name: image
            for batch in batches(toy_data, epoch=epoch)
            for name, image in zip(batch.names, batch.image, strict=True)
        }
        for epoch in (0, 1)
    ]
    assert by_name[0].keys() == by_name[1].keys()
    assert all(not torch.equal(by_name[0][name], by_name[1][name]) for name in by_name[0])


def test_an_incomplete_batch_is_dropped_unless_it_is_asked_for(toy_data):
    assert [len(batch.names) for batch in batches(toy_data, batch=4)] == [4]
    assert [len(batch.names) for batch in batches(toy_data, batch=4, drop_last=False)] == [4, 2]
    assert (steps_per_epoch(6, 4), steps_per_epoch(6, 4, drop_last=False)) == (1, 2)
    assert (steps_per_epoch(8, 4), steps_per_epoch(8, 4, drop_last=False)) == (2, 2)


def test_the_ranks_shares_of_a_batch_are_the_batch(toy_data):
    whole = batches(toy_data, batch=6)[0]
    shares = [batches(toy_data, batch=6, part=(rank, 3))[0] for rank in range(3)]
    assert [len(share.names) for share in shares] == [2, 2, 2]
    # each third sample, so that a step's first half, too, is the first halves of the shares
    assert [share.names for share in shares] == [whole.names[rank::3] for rank in range(3)]
    for rank, share in enumerate(shares):
        assert torch.equal(share.image, whole.image[rank::3])
        assert torch.equal(share.label, whole.label[rank::3])


def test_a_data_set_smaller_than_one_batch_is_refused_with_both_numbers(toy_data):
    with pytest.raises(RefusedInput, match="toy train: 6 samples, batch 7"):
        epoch_batches(toy_data, TRANSFORM, 7, 0, 0)


@pytest.mark.parametrize(
    "options",
    [
        {"batch": 0},
        {"workers": -1},
        {"start_step": 4},
        {"start_step": -1},
        {"part": (0, 4)},
        {"part": (2, 2)},
    ],
)
def test_numbers_without_sense_are_refused_before_anything_is_read(toy_data, options):
    with pytest.raises(UsageError):
        epoch_batches(toy_data, TRANSFORM, **{"batch": 2, "seed": 0, "epoch": 0, **options})


def test_evaluation_reads_whole_samples_in_their_own_order(toy_data):
    samples = list(evaluation_samples(toy_data))
    assert [sample.name for sample in samples] == [f"toy_{index}" for index in range(6)]
    assert all(sample.image.shape == (3, 64, 96) for sample in samples)


@fork_warning
@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_file_is_the_same_error_with_and_without_workers(toy_data, monkeypatch, workers):
    def refuse(self, index):
        raise RefusedInput("0016E5_07959.png: label 31", then="look at it")

    monkeypatch.setattr(type(toy_data), "read", refuse)
    with pytest.raises(RefusedInput) as caught:
        batches(toy_data, workers=workers)
    assert str(caught.value) == "0016E5_07959.png: label 31"
    assert caught.value.then == "look at it"


@fork_warning
def test_an_epoch_that_is_left_early_leaves_no_worker_behind(toy_data):
    epoch = epoch_batches(toy_data, TRANSFORM, 2, 3, 1, workers=2)
    next(epoch)
    assert len(multiprocessing.active_children()) == 2
    epoch.close()
    assert multiprocessing.active_children() == []


@fork_warning
def test_an_error_of_a_worker_leaves_no_worker_behind_while_the_error_is_held(toy_data, monkeypatch):
    def refuse(self, index):
        raise RefusedInput("bad")

    monkeypatch.setattr(type(toy_data), "read", refuse)
    with pytest.raises(RefusedInput) as held:
        batches(toy_data, workers=2)
    assert multiprocessing.active_children() == []
    assert str(held.value) == "bad"


def _kill_own_process(self, index):
    os.kill(os.getpid(), signal.SIGKILL)


def _hang(self, index):
    time.sleep(600)


@fork_warning
@pytest.mark.parametrize(("read", "timeout_s"), [(_kill_own_process, 60.0), (_hang, 1.0)])
def test_a_worker_that_dies_or_hangs_ends_the_run_naming_the_awaited_samples(
    toy_data, monkeypatch, read, timeout_s
):
    # how long torch waits for a hanging worker to leave, before it ends it
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)
    monkeypatch.setattr(type(toy_data), "read", read)
    order = epoch_order(6, 3, 1)
    with pytest.raises(BenchError) as caught:
        batches(toy_data, workers=1, timeout_s=timeout_s)
    assert caught.value.exit_code == 1
    assert f"step 0 of epoch 1 awaits toy/train[{order[0]}], toy/train[{order[1]}]" in str(caught.value)


@fork_warning
def test_another_error_in_a_worker_keeps_its_own_type(toy_data, monkeypatch):
    def fail(self, index):
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(type(toy_data), "read", fail)
    with pytest.raises(ZeroDivisionError, match="a bug of ours"):
        batches(toy_data, workers=1)
