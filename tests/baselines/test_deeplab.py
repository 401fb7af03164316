"""DeepLab-CRF-LargeFOV: Caffe's grid, the published cost, and a CRF that runs in eval mode only."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from baselines.deeplab import BILATERAL_WEIGHT, DeepLab, DenseCRF, build, colours_of_nodes, enlarge
from bench.cost.count import flop_counter_macs, params
from bench.cost.meta import on_meta


@pytest.fixture(scope="module")
def network() -> DeepLab:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(5).eval()


def drawn_image(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def on_shapes(**options: str) -> DeepLab:
    with torch.device("meta"):
        return build(19, **options).eval()


def macs_by_hand(grids: list[int]) -> int:
    """The multiply-adds of the network for 19 classes, from the pixels at strides 1, 2, 4 and 8."""
    full, half, quarter, eighth = grids
    return (
        full * 9 * (3 * 64 + 64 * 64)
        + half * 9 * (64 * 128 + 128 * 128)
        + quarter * 9 * (128 * 256 + 2 * 256 * 256)
        + eighth * 9 * (256 * 512 + 5 * 512 * 512)
        + eighth * (9 * 512 * 1024 + 1024 * 1024 + 1024 * 19)
    )


@pytest.mark.parametrize(
    ("size_hw", "grids"),
    [
        ((512, 1024), [512 * 1024, 257 * 513, 129 * 257, 65 * 129]),
        ((513, 1025), [513 * 1025, 257 * 513, 129 * 257, 65 * 129]),
    ],
)
def test_the_network_costs_what_caffes_grid_costs(size_hw: tuple[int, int], grids: list[int]) -> None:
    counted = flop_counter_macs(on_shapes(crf="none"), (torch.empty(1, 3, *size_hw, device="meta"),)).total()
    assert counted == macs_by_hand(grids)
    assert round(counted / 1e9, 2) == {512: 255.61, 513: 255.67}[size_hw[0]]


def test_the_floor_grid_would_cost_what_the_definition_says_of_it() -> None:
    floor = macs_by_hand([512 * 1024, 256 * 512, 128 * 256, 64 * 128])
    assert round(floor / 1e9, 1) == 251.2


def test_the_crf_is_nearly_all_products_with_the_kernel() -> None:
    # 65x129 nodes, 19 classes, 10 iterations, and once with ones for the normalisation; s_g = 3/8 has 5 taps
    nodes = 65 * 129
    bilateral = nodes * nodes * (10 * 19 + 1)
    gaussian = nodes * 2 * 5 * (10 * 19 + 1)
    image = torch.empty(1, 3, 512, 1024, device="meta")
    whole = flop_counter_macs(on_shapes(), (image,)).total()
    without = flop_counter_macs(on_shapes(crf="none"), (image,)).total()
    assert whole - without == bilateral + gaussian


def test_every_parameter_is_the_networks() -> None:
    model = on_shapes()
    by_hand = (
        14_714_688 + (9 * 512 + 1) * 1024 + (1024 + 1) * 1024 + (1024 + 1) * 19
    )  # VGG16's conv layers first
    assert params([model]) == by_hand == 20_503_379
    assert model.crf is not None
    assert params([model.crf]) == 0


def test_stages_at_512x1024() -> None:
    seen: dict[str, tuple[int, ...]] = {}
    model = on_shapes()
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            module.register_forward_hook(
                lambda _, __, out, name=name: seen.update({name: tuple(out.shape[1:])})
            )
    with on_meta():
        assert model(torch.empty(1, 3, 512, 1024)).shape == (1, 19, 512, 1024)
    assert seen["encoder.conv1_2"] == (64, 512, 1024)
    assert seen["encoder.pool1"] == (64, 257, 513)
    assert seen["encoder.pool2"] == (128, 129, 257)
    assert seen["encoder.pool3"] == (256, 65, 129)
    assert seen["encoder.pool4"] == seen["encoder.pool5"] == seen["pool5a"] == (512, 65, 129)
    assert seen["fc6"] == seen["fc7"] == (1024, 65, 129)
    assert seen["fc8"] == (19, 65, 129)
    assert sum(name.startswith("encoder.conv") for name in seen) == 13
    assert {tuple(model.encoder.get_submodule(f"conv5_{n}").dilation) for n in (1, 2, 3)} == {(2, 2)}  # type: ignore[arg-type]
    assert model.fc6.dilation == (12, 12)


@pytest.mark.parametrize("size_hw", [(1, 1), (33, 41), (50, 63)])
def test_any_size_gives_logits_of_its_size(network: DeepLab, size_hw: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = network(drawn_image(*size_hw))
    assert logits.shape == (1, 5, *size_hw)
    assert logits.isfinite().all()


def test_scores_lie_on_every_eighth_pixel() -> None:
    scores = torch.arange(12.0).view(1, 1, 3, 4)
    for size_hw in ((17, 25), (16, 24)):  # 8k+1 exactly, and one row and column less
        enlarged = enlarge(scores, size_hw)
        assert enlarged.shape[-2:] == size_hw
        assert torch.equal(
            enlarged[0, 0, 0, ::8], torch.tensor([0.0, 1.0, 2.0, 3.0])[: (size_hw[1] + 7) // 8]
        )
        assert enlarged[0, 0, 4, 0] == 2.0  # half-way between 0 and the 4 below it


def test_a_node_has_the_mean_colour_about_its_pixel() -> None:
    ramp = torch.arange(25.0).expand(1, 3, 17, 25)
    colours = colours_of_nodes(ramp, (3, 4))
    # the pixels 0..4, 4..12, 12..20 and 20..24
    assert torch.equal(colours[0, 0], torch.tensor([2.0, 8.0, 16.0, 22.0]).expand(3, 4))


def test_the_last_node_of_a_cropped_grid_sees_the_rim() -> None:
    ramp = torch.arange(18.0).expand(1, 3, 18, 18)
    colours = colours_of_nodes(ramp, (4, 4))  # nodes 0, 8, 16, 24
    assert colours[0, 0, 0].tolist() == pytest.approx([2, 8, (12 + 13 + 14 + 15 + 16 + 17 * 4) / 9, 17])


def test_training_mode_leaves_the_crf_out() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build(4)
        bare = build(4, crf="none")
        bare.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("crf.")})
        for one in (model, bare):
            one.dropout6.p = one.dropout7.p = 0.0
    image = drawn_image(33, 41)
    with torch.no_grad():
        without = bare.eval()(image)
        assert torch.equal(model.train()(image), without)
        assert not torch.allclose(model.eval()(image), without, atol=1e-2)


def test_the_crf_sees_the_same_colours_under_any_normalisation() -> None:
    levels = torch.randint(0, 256, (1, 3, 33, 41), generator=torch.Generator().manual_seed(1)).float()
    scores = torch.randn(1, 3, 5, 6, generator=torch.Generator().manual_seed(2))
    half = build(3, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)).crf
    imagenet = build(3).crf
    assert half is not None
    assert imagenet is not None
    normalised = (levels / 255 - imagenet.mean) / imagenet.std
    torch.testing.assert_close(imagenet.rgb(normalised), levels, atol=1e-3, rtol=0)
    torch.testing.assert_close(half(scores, levels / 127.5 - 1), imagenet(scores, normalised))


def test_a_batch_is_refined_image_by_image(network: DeepLab) -> None:
    crf = network.crf
    assert crf is not None
    scores = torch.randn(2, 5, 5, 6, generator=torch.Generator().manual_seed(3))
    images = torch.cat((drawn_image(33, 41, 1), drawn_image(33, 41, 2)))
    together = crf(scores, images)
    for n in range(2):
        torch.testing.assert_close(together[n : n + 1], crf(scores[n : n + 1], images[n : n + 1]))


def test_reduced_precision_runs_the_crf_in_float32(network: DeepLab) -> None:
    crf = network.crf
    assert crf is not None
    scores = torch.randn(1, 5, 5, 6, generator=torch.Generator().manual_seed(4)).bfloat16()
    image = drawn_image(33, 41)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = crf(scores, image)
    torch.testing.assert_close(mixed, crf(scores.float(), image))


def test_far_colours_cut_the_message_to_the_node_itself() -> None:
    # black, white, black, 8 pixels apart: 51 standard deviations lie between the colours; with s_xy = 121
    # the blacks see each other: k = exp(-(16/121)^2 / 2) = 0.9913, degree 1.9913 for both
    crf = build(2).crf
    assert crf is not None
    rgb = torch.tensor([0.0, 255.0, 0.0]).expand(1, 3, 1, 3)
    unary = torch.tensor([[[[1.0, 0.0, -1.0]], [[0.0, 0.0, 0.0]]]])
    q = unary.softmax(dim=1)
    message = crf.message(unary, rgb, iterations=1, stride=8, how="exact")
    k = torch.tensor(-((16 / 121) ** 2) / 2).exp()
    bilateral = (q[0, :, 0, 0] + k * q[0, :, 0, 2]) / (1 + k)
    # the Gaussian of 3/8 node: taps exp(-(8/3)^2 / 2) = 0.0286 next door, 6.7e-7 two doors away
    near = torch.tensor(-((8 / 3) ** 2) / 2).exp()
    middle, end = 1 + 2 * near, 1 + near
    gaussian = q[0, :, 0, 0] / end + near * q[0, :, 0, 1] / (middle * end).sqrt()
    torch.testing.assert_close(
        message[0, :, 0, 0], 3 * gaussian + BILATERAL_WEIGHT * bilateral, atol=1e-5, rtol=0
    )


def test_pydensecrf_refines_every_pixel() -> None:
    pytest.importorskip("pydensecrf.densecrf", reason="the extra crf (pydensecrf2) is not installed")
    lattice = build(3, crf="pydensecrf").crf
    assert isinstance(lattice, DenseCRF)
    # a corner brighter than the rest, scored for class 1; the field follows the edge, the scores alone do not
    rgb = torch.full((1, 3, 33, 41), 30.0)
    rgb[..., :13, :19] = 220.0
    scores = torch.zeros(1, 3, 5, 6)
    scores[:, 0] = 1.0
    scores[:, 1, :2, :3] = 3.0
    logits = lattice(scores, (rgb / 255 - lattice.mean) / lattice.std)
    corner = (rgb[0, 0] > 100).long()
    assert logits.shape == (1, 3, 33, 41)
    assert (logits[0].argmax(0) == corner).float().mean() > 0.99
    assert (enlarge(scores, (33, 41))[0].argmax(0) == corner).float().mean() < 0.97
