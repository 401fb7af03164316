"""Inputs that share no part, and what a subject keeps of its calls."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.speed.answers import thinned
from bench.speed.device import Device
from bench.speed.inputs import FreshInputs
from bench.speed.repeats import Subject

CPU = Device(torch.device("cpu"), lambda: None, torch.channels_last)


def test_inputs_are_noise_and_photographs_in_turn() -> None:
    inputs = FreshInputs(1, (64, 96), CPU)
    images = [inputs.take() for _ in range(6)]
    # neighbours of white noise differ by 1.13 of the deviation; photographs' by little
    steps = [(image[..., 1:] - image[..., :-1]).abs().mean() / image.std() for image in images]
    assert all(step > 0.8 for step in steps[::2])
    assert all(step < 0.4 for step in steps[1::2])
    assert all(image.is_contiguous(memory_format=torch.channels_last) for image in images)


def test_no_two_inputs_are_one_image_shifted_or_scaled() -> None:
    inputs = FreshInputs(1, (64, 96), CPU)
    images = [inputs.take().flatten() for _ in range(12)]
    alike = torch.corrcoef(torch.stack(images)) - torch.eye(12)
    assert alike.abs().max() < 0.9


def test_the_repeated_input_is_as_it_was_when_a_network_has_changed_it() -> None:
    seen: list[Tensor] = []

    def infer(image: Tensor) -> Tensor:
        seen.append(image.clone())
        return image.zero_()

    subject = Subject(infer, FreshInputs(1, (4, 6), CPU), nn.Identity(), 0.0)
    subject.call()
    for _ in range(2):
        subject.repeat()
        subject.call()
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], seen[2])


def test_answers_are_kept_as_they_were_when_given() -> None:
    buffer = torch.zeros(1, 1, 4, 6)
    count = 0

    def infer(_: Tensor) -> Tensor:
        nonlocal count
        count += 1
        return buffer.fill_(count)

    subject = Subject(infer, FreshInputs(1, (4, 6), CPU), nn.Identity(), 0.0)
    subject.keep_some()
    for _ in range(40):
        subject.refresh()
        subject.call()
    subject.keep()
    numbers = [int(answers[0][0, 0, 0, 0]) for _, answers in subject.kept]
    # the calls 1, 2 to 3, 4 to 7, 8 to 15, 16 to 31, and 32 to 40 unless one of 41 to 63 was chosen
    assert numbers[0] == 1
    assert [number.bit_length() for number in numbers[:5]] == [1, 2, 3, 4, 5]


def test_an_answer_is_thinned_to_what_can_be_kept() -> None:
    logits = torch.arange(2.0 * 256 * 512).reshape(1, 2, 256, 512)
    (found,) = thinned((logits, "text"))
    assert torch.equal(found, logits[..., ::4, ::8])
    assert thinned({"a": torch.ones(3, dtype=torch.complex64)})[0].shape == (3, 2)
    assert thinned("nothing") == []
