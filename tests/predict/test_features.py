"""Feature maps: the mean over a layer's channels, of the image alone, and nothing behind the last layer."""

import pytest
import torch
from torch import Tensor, nn

from baselines.sizes import SizeRule
from bench.data.statistics import Statistics
from bench.errors import RefusedInput, UsageError
from bench.models import resolve
from bench.predict.features import FeatureExtractor, value_range

PLAIN = Statistics((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
CPU = torch.device("cpu")


class Tiny(nn.Module):
    """One layer, and a head that must not run."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Identity(), nn.Linear(1, 1)

    def forward(self, image: Tensor) -> Tensor:
        self.body(image)
        raise AssertionError("computed further than the last layer")


def image_of(*channels: float, size: int = 4) -> Tensor:
    return torch.tensor(channels, dtype=torch.uint8)[:, None, None].expand(3, size, size).clone()


def test_a_map_is_the_mean_over_channels_and_its_range_is_the_maps() -> None:
    image = image_of(0, 51, 102)
    image[:, 0, 0] = 255
    found = FeatureExtractor(Tiny(), ["body"], PLAIN, CPU).maps(image)["body"]
    # (0 + 51 + 102) / 3 / 255 = 0.2; the white pixel is 1
    assert found[1, 1].item() == pytest.approx(0.2)
    assert value_range(found) == pytest.approx((0.2, 1.0))


def test_the_padding_is_in_no_map() -> None:
    extractor = FeatureExtractor(Tiny(), ["body"], PLAIN, CPU, SizeRule(8))
    found = extractor.maps(image_of(255, 255, 255, size=5))["body"]
    assert found.shape == (5, 5)
    assert value_range(found) == (1.0, 1.0)  # padding is 0


def test_the_levels_of_a_carnet_are_its_encoders_outputs() -> None:
    network = resolve("carnet-mobile").build(4).eval()
    image = torch.randint(0, 256, (3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    layers = ["res4", "res1"]
    found = FeatureExtractor(network, layers, PLAIN, CPU).maps(image)
    assert list(found) == layers
    assert (found["res1"].shape, found["res4"].shape) == ((16, 24), (2, 3))
    with torch.inference_mode():
        levels = network.encoder(image[None] / 255)
    torch.testing.assert_close(found["res4"], levels[3][-1][0].mean(0), rtol=1e-4, atol=1e-5)
    assert not network.encoder._forward_hooks


def test_a_layer_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="body, head"):
        FeatureExtractor(Tiny(), ["tail"], PLAIN, CPU)
    with pytest.raises(UsageError, match="res1: Tiny"):
        FeatureExtractor(Tiny(), ["res1"], PLAIN, CPU)


def test_a_layer_that_gives_no_numbers_is_refused() -> None:
    network = Tiny()
    network.body.register_forward_hook(lambda _m, _i, output: output * float("nan"))
    with pytest.raises(RefusedInput, match="body"):
        FeatureExtractor(network, ["body"], PLAIN, CPU).maps(image_of(1, 2, 3))
