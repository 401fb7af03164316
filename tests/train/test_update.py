"""One step: parts of a batch add up to the batch, gradients are bounded, overflow and memory are told."""

import math

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from torch import nn

from bench.errors import RefusedInput
from bench.train.failures import Diverged, OutOfMemory
from carnet.loss import CARNetLoss
from carnet.model import TrainingOutput


class WithSemantics(nn.Module):
    """A network whose training output has a semantic vector beside the logits, as a CARModule's."""

    def __init__(self, inner):
        super().__init__()
        self.encoder, self.inner = inner.encoder, inner

    def forward(self, image):
        logits = self.inner(image)
        return TrainingOutput(logits, (logits.mean(dim=(2, 3)),))


def weights_of(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.mark.parametrize("semantic", [False, True])
def test_three_batches_of_two_equal_one_of_six_with_frozen_batch_norm(
    small_trainer, small_net, tmp_path, semantic
):
    # crops differ in how much of them has a label, so a plain mean of the parts would be another loss
    def trained(name, **changes):
        network = small_net(dropout=0.0)
        trainer = small_trainer(
            tmp_path / name,
            network=WithSemantics(network) if semantic else network,
            criterion=CARNetLoss() if semantic else None,
            freeze_encoder_bn=True,
            **changes,
        )
        trainer.train(None)
        return trainer

    whole, parts = trained("whole", batch=6), trained("parts", batch=2, accumulate=3)
    assert whole.state.step == parts.state.step == 3
    assert (weights_of(whole.network) - weights_of(small_net())).abs().max() > 1e-3
    assert (weights_of(parts.network) - weights_of(whole.network)).abs().max() <= 1e-6
    assert parts.state.losses == pytest.approx(whole.state.losses, abs=1e-6)


def test_a_bound_on_the_gradient_is_the_length_of_the_first_update(small_trainer, small_net, tmp_path):
    # SGD's first update is rate x gradient, decay aside: so its length is rate x bound
    for bound in (0.125, 0.25):
        trainer = small_trainer(
            tmp_path / f"{bound}",
            clip_norm=bound,
            encoder_lr=0.5,
            decoder_lr=0.5,
            weight_decay=0.0,
            schedule="step",
        )
        trainer.time_steps(1)
        moved = weights_of(trainer.network) - weights_of(small_net())
        assert float(moved.norm()) == pytest.approx(0.5 * bound, rel=1e-4)


def test_bf16_trains_on_a_cpu_and_rounds_as_it_does(small_trainer, tmp_path):
    full = small_trainer(tmp_path / "full", epochs=2).train(None).losses
    half = small_trainer(tmp_path / "half", epochs=2, precision="bf16-mixed").train(None).losses
    assert half != full
    # 8 bits of mantissa: 0.4 % a number
    assert half == pytest.approx(full, rel=0.02)
    assert half[-1] < half[0]


def fp16_on_cpu(init_scale):
    """Fabric with 16-bit floats and a loss scale; on the CPU the bench refuses it, and torch can do it."""
    scaler = torch.amp.GradScaler("cpu", init_scale=init_scale)
    return Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", "cpu", scaler)])


def test_an_overflow_of_16_bit_floats_skips_the_update_and_lowers_the_scale(
    small_trainer, small_net, tmp_path
):
    fabric = fp16_on_cpu(2.0**30)
    trainer = small_trainer(tmp_path, fabric=fabric, precision="16-mixed", ema_decay=0.5)
    trainer.time_steps(1)
    assert trainer.state.skipped_updates == 1
    assert torch.equal(weights_of(trainer.network), weights_of(small_net()))
    assert fabric.strategy.precision.scaler.get_scale() == 2.0**29


def test_an_overflow_at_scale_one_is_a_divergence(small_trainer, tmp_path):
    class Overflowing(nn.Module):
        def forward(self, logits, label):
            # 0 * sqrt(0) is 0 and its derivative 0 * inf
            return {"total": (0 * logits.sum() * 0).sqrt()}

    trainer = small_trainer(tmp_path, criterion=Overflowing(), fabric=fp16_on_cpu(1.0), precision="16-mixed")
    with pytest.raises(Diverged, match="step 0: the gradient's norm is nan"):
        trainer.train(None)


class TooLarge(nn.Module):
    """Asks for 4 PiB, which no machine gives: torch's own message."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Conv2d(3, 4, 1)

    def forward(self, image):
        return self.encoder(image) + torch.empty(2**50)


def test_a_step_that_does_not_fit_names_batch_and_size_and_a_step_that_may(small_trainer, tmp_path):
    trainer = small_trainer(tmp_path, network=TooLarge(), accumulate=2)
    with pytest.raises(OutOfMemory, match="step 0: out of memory with batch 2 of 32x32") as caught:
        trainer.train(None)
    assert (caught.value.exit_code, caught.value.status) == (4, "oom")
    assert "batch 1 and accumulate 4" in caught.value.then
    assert trainer.state.step == 0


def test_a_gpu_that_is_full_is_the_same_error(small_trainer, tmp_path):
    class Full(nn.Module):
        def forward(self, logits, label):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with pytest.raises(OutOfMemory, match="CUDA out of memory"):
        small_trainer(tmp_path, criterion=Full()).train(None)


def test_another_fault_of_torch_keeps_its_own_type(small_trainer, tmp_path):
    class Wrong(nn.Module):
        def forward(self, logits, label):
            raise RuntimeError("a bug of ours")

    with pytest.raises(RuntimeError, match="a bug of ours"):
        small_trainer(tmp_path, criterion=Wrong()).train(None)


class Unpooled(nn.Module):
    """Max-unpooling, for which torch has no deterministic kernel on any device."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Conv2d(3, 4, 1)

    def forward(self, image):
        small, places = nn.functional.max_pool2d(self.encoder(image), 2, return_indices=True)
        return nn.functional.max_unpool2d(small, places, 2)


def test_determinism_names_the_operation_that_has_none(small_trainer, tmp_path):
    with pytest.raises(RefusedInput, match="max_unpooling2d_forward_out has no deterministic") as caught:
        small_trainer(tmp_path / "strict", network=Unpooled(), deterministic=True).train(None)
    assert "deterministic = false" in caught.value.then
    # torch's own setting is as it was
    assert not torch.are_deterministic_algorithms_enabled()
    state = small_trainer(tmp_path / "free", network=Unpooled()).train(None)
    assert math.isfinite(state.losses[-1])
