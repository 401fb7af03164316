import pytest
import torch

from bench.speed.device import Device
from bench.speed.roofline import Rates, gemm_bound_ms, measure_rates

QUEUE_MS = 4.0


class SlowDevice:
    """A device on which everything queued takes 4 ms, seen only when it is waited for."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.waited = 0

    def synchronise(self) -> None:
        self.waited += 1
        self.now_ns += round(QUEUE_MS * 1e6)

    def as_device(self) -> Device:
        return Device(torch.device("cpu"), self.synchronise, torch.channels_last)


def measure(seconds: float) -> tuple[Rates, SlowDevice]:
    device = SlowDevice()
    rates = measure_rates(
        device.as_device(), seconds=seconds, gemm_side=100, copy_mib=1, clock=lambda: device.now_ns
    )
    return rates, device


def test_the_gemm_rate_is_side_cubed_over_the_time_waited_for() -> None:
    # 100^3 multiply-adds in 4 ms = 0.25 G a second
    assert measure(0.0)[0].gemm_gmacs_per_s == pytest.approx(0.25)


def test_a_copied_byte_counts_as_read_and_as_written() -> None:
    # 2 x 1 MiB = 2097152 bytes in 4 ms = 0.524288 GB a second
    assert measure(0.0)[0].copy_gb_per_s == pytest.approx(0.524288)


def test_three_repetitions_at_least_after_one_for_warm_up() -> None:
    assert measure(0.0)[1].waited == 2 * (1 + 3)


def test_repetitions_go_on_for_the_time_given() -> None:
    # ten of 4 ms fill 40 ms
    assert measure(0.04)[1].waited == 2 * (1 + 10)


def test_a_clock_that_stands_still_does_not_hang() -> None:
    device = Device(torch.device("cpu"), lambda: None, torch.channels_last)
    rates = measure_rates(device, gemm_side=2, copy_mib=1, clock=lambda: 0)
    assert rates.gemm_gmacs_per_s > 0


def test_the_bound_is_operations_over_rate() -> None:
    rates = Rates(gemm_gmacs_per_s=50.0, copy_gb_per_s=10.0, gemm_side=1024, copy_mib=64)
    # 2 G at 50 G a second
    assert gemm_bound_ms(2.0, rates) == pytest.approx(40.0)
