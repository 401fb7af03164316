"""The dense CRF against dense matrices, always, and against pydensecrf where it is installed."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode

from baselines import crf
from baselines.crf import BilateralKernel, GaussianKernel, Kernels, exact_filters, lattice_filters, mean_field
from bench.cost.meta import on_meta

NORMALISATIONS = ("symmetric", "after")


def drawn(seed: int, channels: int, height: int, width: int) -> Tensor:
    return torch.randn(channels, height, width, generator=torch.Generator().manual_seed(seed))


def smooth(seed: int, channels: int, height: int, width: int) -> Tensor:
    """A surface through 4x5 drawn values."""
    return F.interpolate(drawn(seed, channels, 4, 5)[None], size=(height, width), mode="bicubic")[0]


def smooth_scene(seed: int) -> tuple[Tensor, Tensor]:
    """Logits of five classes and colours of a smooth image of 48x64."""
    rgb = (127 + 50 * smooth(seed, 3, 48, 64)).clamp(0, 255).round()
    return 2 * smooth(100 + seed, 5, 48, 64) + 0.5 * drawn(200 + seed, 5, 48, 64), rgb


def weigh(gaussian: Tensor, bilateral: Tensor) -> Tensor:
    return 3 * gaussian + 4 * bilateral


def by_dense_matrices(unary: Tensor, rgb: Tensor, kernels: Kernels, iterations: int) -> Tensor:
    """Mean field as the equations stand, pair by pair in double precision."""
    channels, height, width = unary.shape
    nodes = [(y, x, *rgb[:, y, x].tolist()) for y in range(height) for x in range(width)]

    def dense(sigma_px: float, sigma_levels: float) -> Tensor:
        def value(a: tuple[float, ...], b: tuple[float, ...]) -> float:
            place = sum((p - q) ** 2 for p, q in zip(a[:2], b[:2], strict=True)) / sigma_px**2
            colour = sum((p - q) ** 2 for p, q in zip(a[2:], b[2:], strict=True)) / sigma_levels**2
            return math.exp(-(place + colour) / 2)

        matrix = torch.tensor([[value(a, b) for b in nodes] for a in nodes], dtype=torch.float64)
        degree = matrix.sum(dim=1)
        if kernels.normalisation == "after":
            return matrix / degree[:, None]
        return matrix / (degree[:, None] * degree[None]).sqrt()

    near = dense(kernels.gaussian_px, math.inf)
    alike = dense(kernels.bilateral_px, kernels.bilateral_levels)
    logits = u = unary.double().flatten(1)
    for _ in range(iterations):
        q = logits.softmax(dim=0)
        logits = u + 3 * q @ near.T + 4 * q @ alike.T
    return logits.softmax(dim=0).view(channels, height, width)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("sigma_px", [0.375, 2.0])
def test_mean_field_equals_dense_matrices(normalisation: Any, sigma_px: float) -> None:
    kernels = Kernels(sigma_px, 5.0, 30.0, normalisation)
    unary, rgb = drawn(1, 4, 7, 9), (127 + 40 * smooth(2, 3, 7, 9)).clamp(0, 255)
    message = mean_field(unary, exact_filters(rgb, kernels), weigh, 10)
    expected = by_dense_matrices(unary, rgb, kernels, 10)
    torch.testing.assert_close((unary + message).softmax(0).double(), expected, atol=1e-5, rtol=0)
    assert (expected - unary.softmax(0)).abs().mean() > 0.05  # it is the field that is compared


def test_two_neighbours_by_hand() -> None:
    # one pixel apart, black and white: k1 = e^-1/2; with s_xy = 2, s_rgb = 255 sqrt 3, k2 = e^(-1/8 - 1/2)
    rgb = torch.tensor([0.0, 255.0]).expand(3, 1, 2)
    kernels = Kernels(1.0, 2.0, 255 * math.sqrt(3), "after")
    q = torch.tensor([[[0.8, 0.4]], [[0.2, 0.6]]])
    near, alike = math.exp(-1 / 2), math.exp(-5 / 8)
    gaussian, bilateral = exact_filters(rgb, kernels)
    for filtered, k in ((gaussian(q), near), (bilateral(q), alike)):
        by_hand = [(0.8 + 0.4 * k) / (1 + k), (0.8 * k + 0.4) / (1 + k)]
        torch.testing.assert_close(filtered[0, 0], torch.tensor(by_hand))
        torch.testing.assert_close(filtered.sum(0), torch.ones(1, 2))


def test_symmetric_normalisation_by_hand() -> None:
    # three pixels in a row, s_g = 1, a = e^-1/2, b = e^-2: degrees 1 + a + b at the ends, 1 + 2a between
    a, b = math.exp(-1 / 2), math.exp(-2)
    gaussian, _ = exact_filters(torch.zeros(3, 1, 3), Kernels(1.0, 1.0, 1.0, "symmetric"))
    end, middle = 1 + a + b, 1 + 2 * a
    filtered = gaussian(torch.tensor([[[1.0, 0.0, 0.0]]]))
    by_hand = torch.tensor([[[1 / end, a / math.sqrt(end * middle), b / end]]])
    torch.testing.assert_close(filtered, by_hand)


def test_colours_keep_labels_apart_that_position_alone_would_mix() -> None:
    # the left half is dark, the right half bright; one dark pixel's logits prefer the bright half's class
    rgb = torch.full((3, 6, 8), 40.0)
    rgb[:, :, 4:] = 200.0
    unary = torch.zeros(2, 6, 8)
    unary[0, :, :4] = unary[1, :, 4:] = 2.0
    unary[:, 3, 2] = torch.tensor([0.0, 1.0])
    message = mean_field(unary, exact_filters(rgb, Kernels(0.5, 15.0, 5.0, "symmetric")), weigh, 10)
    labels = (unary + message).argmax(dim=0)
    assert unary.argmax(dim=0)[3, 2] == 1
    assert torch.equal(labels, (torch.arange(8) >= 4).long().expand(6, 8))


def test_a_kernel_made_anew_by_rows_equals_the_kept_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = (127 + 40 * smooth(3, 3, 6, 7)).clamp(0, 255)
    kernels = Kernels(1.0, 4.0, 20.0, "after")
    kept = BilateralKernel(rgb, kernels)
    monkeypatch.setattr(crf, "STORED_NODES", 41)
    monkeypatch.setattr(crf, "_ROWS", 5)
    anew = BilateralKernel(rgb, kernels)
    assert kept.stored is not None
    assert anew.stored is None
    q = drawn(4, 3, 6, 7).requires_grad_()
    torch.testing.assert_close(anew(q), kept(q))
    weights = drawn(5, 3, 6, 7)
    (by_rows,) = torch.autograd.grad((anew(q) * weights).sum(), q)
    torch.testing.assert_close(by_rows, (kept.stored @ weights.flatten(1).T).T.view(3, 6, 7))


def test_the_truncated_gaussian_loses_nothing_that_float32_keeps() -> None:
    sigma, side = 1.5, 31
    place = torch.arange(side, dtype=torch.float64)
    line = (-((place[:, None] - place) ** 2) / (2 * sigma**2)).exp()
    q = drawn(6, 2, side, side)
    exact = line @ q.double() @ line
    truncated = GaussianKernel(sigma, q)(q)
    torch.testing.assert_close(truncated.double(), exact, atol=3e-5, rtol=0)


class _Large(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Collects the storages above 100 MB."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.storages: dict[int, Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor) and tensor.untyped_storage().nbytes() > 1e8:
                self.storages[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return result


def test_a_field_of_8192_nodes_holds_one_kernel_of_268_megabytes_and_nothing_else_large() -> None:
    large = _Large()
    with on_meta(), large:
        rgb, unary = torch.empty(3, 64, 128, device="meta"), torch.empty(19, 64, 128, device="meta")
        filters = exact_filters(rgb, Kernels(0.375, 15.125, 5.0, "symmetric"))
        message = mean_field(unary, filters, weigh, 10)
    assert message.shape == (19, 64, 128)
    assert [storage.nbytes() for storage in large.storages.values()] == [8192 * 8192 * 4]


def test_beyond_the_limit_no_kernel_is_kept() -> None:
    large = _Large()
    with on_meta(), large:
        rgb, unary = torch.empty(3, 128, 256, device="meta"), torch.empty(2, 128, 256, device="meta")
        mean_field(unary, exact_filters(rgb, Kernels(0.375, 15.125, 5.0, "symmetric")), weigh, 1)
    # 1024 rows of 32768 nodes at a time
    assert {storage.nbytes() for storage in large.storages.values()} == {1024 * 32768 * 4}


def test_the_choices_are_listed() -> None:
    assert [crf.chosen(name) for name in ("exact", "pydensecrf", "none")] == ["exact", "pydensecrf", None]
    with pytest.raises(ValueError, match="no crf 'dense'; have exact, pydensecrf, none"):
        crf.chosen("dense")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    with pytest.raises(ImportError, match=r"pip install 'carnet-bench\[crf\]'"):
        crf.import_pydensecrf()


def test_the_lattice_has_no_numbers_on_meta() -> None:
    with pytest.raises(ValueError, match="on the meta device use crf='exact'"):
        lattice_filters(torch.empty(3, 4, 4, device="meta"), Kernels(1.0, 1.0, 1.0, "after"), 2)


@pytest.fixture
def library() -> Any:
    return pytest.importorskip("pydensecrf.densecrf", reason="the extra crf (pydensecrf2) is not installed")


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_mean_field_on_the_lattice_is_the_librarys_own_inference(library: Any, normalisation: Any) -> None:
    unary, rgb = smooth_scene(0)
    kernels = Kernels(3.0, 121.0, 5.0, normalisation)
    ours = (unary + mean_field(unary, lattice_filters(rgb, kernels, 5), weigh, 10)).softmax(dim=0)
    name = {"symmetric": library.NORMALIZE_SYMMETRIC, "after": library.NORMALIZE_AFTER}[normalisation]
    field = library.DenseCRF2D(64, 48, 5)
    field.setUnaryEnergy((-unary).flatten(1).contiguous().numpy())
    field.addPairwiseGaussian(sxy=3, compat=3, normalization=name)
    image = rgb.permute(1, 2, 0).byte().contiguous().numpy()
    field.addPairwiseBilateral(sxy=121, srgb=5, rgbim=image, compat=4, normalization=name)
    theirs = torch.frombuffer(field.inference(10), dtype=torch.float32).view(-1, 5).T.view(5, 48, 64)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_exact_gaussian_field_agrees_with_the_lattice(normalisation: Any, seed: int) -> None:
    # measured: mean 0.0012 to 0.0015, largest 0.05
    unary, rgb = smooth_scene(seed)
    kernels = Kernels(3.0, 121.0, 5.0, normalisation)
    exact, lattice = (
        (unary + mean_field(unary, filters, lambda gaussian, _: 3 * gaussian, 10)).softmax(dim=0)
        for filters in (exact_filters(rgb, kernels), lattice_filters(rgb, kernels, 5))
    )
    assert (exact - lattice).abs().mean() <= 0.005
    assert (exact - unary.softmax(dim=0)).abs().mean() > 0.03  # many times the tolerance


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_exact_bilateral_field_labels_as_the_lattice_does(normalisation: Any, seed: int) -> None:
    # measured: 96 to 99 % of the labels, mean difference 0.005 to 0.017; the lattice approximates
    unary, rgb = smooth_scene(seed)
    kernels = Kernels(3.0, 121.0, 5.0, normalisation)
    exact, lattice = (
        (unary + mean_field(unary, filters, weigh, 10)).argmax(dim=0)
        for filters in (exact_filters(rgb, kernels), lattice_filters(rgb, kernels, 5))
    )
    assert (exact == lattice).float().mean() >= 0.9
    assert (exact == unary.argmax(dim=0)).float().mean() < 0.9  # the labels did change
