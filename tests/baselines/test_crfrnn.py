"""CRF-RNN: FCN-8s as published, and a mean field that learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines import crf
from baselines.crf import Kernels, exact_filters, mean_field
from baselines.crfrnn import CRFRNN, LearntMeanField, build
from bench.cost.count import flop_counter_macs, params
from bench.cost.meta import on_meta
from bench.train.criterion import PixelLoss

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def field(num_classes: int, how: Any = "exact") -> LearntMeanField:
    return LearntMeanField(num_classes, how, *IMAGENET)


def on_shapes(num_classes: int = 19, **options: str) -> CRFRNN:
    with torch.device("meta"):
        return build(num_classes, **options).eval()


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_network_costs_what_padding_100_makes_of_it() -> None:
    # pixels at 512x1024: 710x1222, then ceil pools to 355x611, 178x306, 89x153, 45x77, 23x39; fc6 gives 17x33
    by_hand = (
        9 * 710 * 1222 * (3 * 64 + 64 * 64)
        + 9 * 355 * 611 * (64 * 128 + 128 * 128)
        + 9 * 178 * 306 * (128 * 256 + 2 * 256 * 256)
        + 9 * 89 * 153 * (256 * 512 + 2 * 512 * 512)
        + 9 * 45 * 77 * 3 * 512 * 512
        + 17 * 33 * (49 * 512 * 4096 + 4096 * 4096 + 4096 * 19)
        + 45 * 77 * 512 * 19
        + 89 * 153 * 256 * 19
    )
    counted = flop_counter_macs(on_shapes(crf="none"), (torch.empty(1, 3, 512, 1024, device="meta"),)).total()
    assert counted == by_hand
    assert round(counted / 1e9, 2) == 333.82


def test_dense_transposed_convolutions_would_add_what_the_definition_says() -> None:
    dense = 19 * 19 * (17 * 33 * 16 + 36 * 68 * 16 + 74 * 138 * 256)
    assert round(dense / 1e9, 2) == 0.96


def test_the_crf_costs_its_products_and_three_maps_an_iteration() -> None:
    # 64x128 cells, 19 classes, 10 iterations, and once with ones for the normalisation; s_g = 3/8 has 5 taps
    nodes = 64 * 128
    by_hand = nodes * (nodes + 2 * 5) * (10 * 19 + 1) + 10 * nodes * 3 * 19 * 19
    model = on_shapes()
    image, logits = (torch.empty(1, c, 512, 1024, device="meta") for c in (3, 19))
    assert flop_counter_macs(model.crf, (logits, image)).total() == by_hand  # type: ignore[arg-type]
    whole = flop_counter_macs(model, (image,)).total()
    without = flop_counter_macs(on_shapes(crf="none"), (image,)).total()
    assert whole - without == by_hand
    # at every pixel the maps alone would be 0.568 G an iteration
    assert round(3 * 19 * 19 * 512 * 1024 / 1e9, 3) == 0.568


def test_parameters_by_hand() -> None:
    model = on_shapes()
    vgg = 14_714_688 + (49 * 512 + 1) * 4096 + (4096 + 1) * 4096
    scores = (4096 + 512 + 256 + 3) * 19
    assert params([model.encoder]) == vgg
    assert round((vgg + scores) / 1e6, 3) == 134.353
    assert model.crf is not None
    assert params([model.crf]) == 3 * 19 * 19 == 1083
    assert params([model]) == vgg + scores + 19 + 1083  # 19: the bias of the first transposed convolution


def test_stages_at_512x1024() -> None:
    seen: dict[str, tuple[int, ...]] = {}
    model = on_shapes()
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d):
            module.register_forward_hook(
                lambda _, __, out, name=name: seen.update({name: tuple(out.shape[1:])})
            )
    with on_meta():
        assert model(torch.empty(1, 3, 512, 1024)).shape == (1, 19, 512, 1024)
    assert seen["encoder.conv1_1"] == (64, 710, 1222)
    pools = [seen[f"encoder.pool{n}"] for n in range(1, 6)]
    assert pools == [(64, 355, 611), (128, 178, 306), (256, 89, 153), (512, 45, 77), (512, 23, 39)]
    assert seen["encoder.fc6"] == seen["encoder.fc7"] == (4096, 17, 33)
    assert seen["score_pool4"] == (19, 45, 77)
    assert seen["score_pool3"] == (19, 89, 153)


@pytest.mark.parametrize("size_hw", [(1, 1), (37, 53), (1025, 63)])
def test_any_size_gives_logits_of_its_size(size_hw: tuple[int, int]) -> None:
    with on_meta():
        assert on_shapes(5)(torch.empty(1, 3, *size_hw)).shape == (1, 5, *size_hw)


def test_five_iterations_in_training_and_ten_after(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = field(3), []
    combine = LearntMeanField.combine

    def counting(self: LearntMeanField, gaussian: Tensor, bilateral: Tensor) -> Tensor:
        calls.append(self.training)
        return combine(self, gaussian, bilateral)

    monkeypatch.setattr(LearntMeanField, "combine", counting)
    logits, image = drawn(1, 1, 3, 16, 24), drawn(2, 1, 3, 16, 24)
    model.train()(logits, image)
    model.eval()(logits, image)
    assert calls == [True] * 5 + [False] * 10


def test_it_starts_as_potts_with_weights_3_and_5() -> None:
    model = field(3)
    gaussian, bilateral = drawn(3, 3, 2, 2), drawn(4, 3, 2, 2)
    torch.testing.assert_close(model.combine(gaussian, bilateral), 3 * gaussian + 5 * bilateral)


def test_the_label_weights_multiply_classes_in_the_order_of_the_paper() -> None:
    # one pixel: W1 takes class 0 to class 1, W2 is nothing, mu takes class 1 to class 0 times 7
    model = field(2)
    with torch.no_grad():
        model.spatial.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
        model.bilateral.zero_()
        model.compatibility.copy_(torch.tensor([[0.0, 7.0], [0.0, 0.0]]))
    message = model.combine(torch.tensor([[[0.25]], [[0.75]]]), torch.ones(2, 1, 1))
    assert message.flatten().tolist() == [1.75, 0.0]


def test_a_message_of_one_cell_is_added_to_all_its_pixels() -> None:
    # an 8x8 image is one cell: both filters give q itself, so that the message is 8 q of the mean logits
    model = field(2).eval()
    logits = drawn(5, 1, 2, 8, 8)
    refined = model(logits, drawn(6, 1, 3, 8, 8))
    mean = logits.mean(dim=(2, 3), keepdim=True)
    x = mean
    for _ in range(10):
        x = mean + 8 * x.softmax(dim=1)
    torch.testing.assert_close(refined - logits, (x - mean).expand(1, 2, 8, 8))


@pytest.mark.parametrize("stored", [True, False])
def test_gradients_of_the_field_are_those_of_finite_differences(
    monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    monkeypatch.setattr(crf, "STORED_NODES", 12 if stored else 11)
    monkeypatch.setattr(crf, "_ROWS", 5)
    model = field(3).double()
    rgb = 100 + 20 * drawn(7, 3, 3, 4).double()

    def run(unary: Tensor, *weights: Tensor) -> Tensor:
        spatial, bilateral, compatibility = weights

        def combine(near: Tensor, alike: Tensor) -> Tensor:
            both = spatial @ near.flatten(1) + bilateral @ alike.flatten(1)
            return (compatibility @ both).view(near.shape)

        return mean_field(unary, exact_filters(rgb, Kernels(1.0, 3.0, 30.0, "after")), combine, 3)

    weights = [parameter.detach().clone().requires_grad_() for parameter in model.parameters()]
    unary = drawn(8, 3, 3, 4).double().requires_grad_()
    assert len(weights) == 3
    assert torch.autograd.gradcheck(run, (unary, *weights))


def test_gradients_reach_every_pixels_logits_and_every_label_weight() -> None:
    model = field(3).double().train()
    logits = drawn(9, 2, 3, 17, 26).double().requires_grad_()
    label = torch.randint(0, 3, (2, 17, 26), generator=torch.Generator().manual_seed(10))
    PixelLoss()(model(logits, drawn(11, 2, 3, 17, 26).double()), label)["total"].backward()
    assert logits.grad is not None
    assert (logits.grad.abs().sum(dim=1) > 0).all()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert (parameter.grad != 0).all()


def test_pydensecrf_filters_every_pixel_with_asymmetric_label_weights() -> None:
    pytest.importorskip("pydensecrf.densecrf", reason="the extra crf (pydensecrf2) is not installed")
    lattice = field(3, "pydensecrf").eval()
    with torch.no_grad():
        lattice.compatibility[0, 1] = 0.5  # the library alone would make this symmetric
    smooth = F.interpolate(drawn(13, 1, 6, 3, 4), size=(24, 32), mode="bicubic")
    logits, image = 2 * smooth[:, :3], 0.5 * smooth[:, 3:]
    with torch.no_grad():
        refined = lattice(logits, image)
        exact = logits + lattice.message(logits, lattice.rgb(image), iterations=10, stride=1, how="exact")
        # in training mode it is the cells' exact field
        torch.testing.assert_close(lattice.train()(logits, image), field_like(lattice).train()(logits, image))
    assert (refined.argmax(1) == exact.argmax(1)).float().mean() >= 0.9
    assert (refined.softmax(1) - exact.softmax(1)).abs().mean() < 0.03


def field_like(other: LearntMeanField) -> LearntMeanField:
    same = field(other.spatial.shape[0])
    same.load_state_dict(other.state_dict())
    return same


def test_without_the_library_the_builder_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named '{name}'")

    monkeypatch.setattr(crf.importlib, "import_module", missing)
    with torch.device("meta"), pytest.raises(ImportError, match=r"carnet-bench\[crf\]"):
        build(3, crf="pydensecrf")
