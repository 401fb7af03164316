"""ImageNet weights under torchvision's and timm's names, in every encoder that they fit."""

from collections import OrderedDict

import pytest
import torch

from baselines import modern
from baselines.method import Method
from baselines.registry import METHODS
from bench.cost.meta import build_on_meta
from bench.errors import RefusedInput
from bench.train.encoder_names import placed, standard
from bench.train.weights import KNOWN, EncoderWeights, find, load_encoder, read

WITH_ENCODER = [method for method in METHODS.values() if method.encoder]
FITTING = [
    pytest.param(method, weights, id=f"{method.name}-{weights.name}")
    for method in WITH_ENCODER
    for weights in KNOWN.values()
    if weights.architecture == method.encoder
]
LATER_CONVOLUTIONS = ("conv4_1", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3")
# the library's PSPNet ends at a stride of 8
LEFT = {"smp-pspnet-resnet18": ("layer3", "layer4")}


def whole_network(weights: EncoderWeights) -> torch.nn.Module:
    """The classifier whose weights these are, by the library that has them, on the meta device."""
    import timm
    import torchvision

    library, _, name = (weights.hub or f"timm:{weights.architecture}").partition(":")
    with torch.device("meta"):
        if library == "timm":
            return timm.create_model(name.partition(".")[0], pretrained=False)
        return torchvision.models.get_model(name.partition(".")[0], weights=None)


@pytest.mark.parametrize(("method", "weights"), FITTING)
def test_weights_fit_every_encoder_of_their_architecture(method: Method, weights: EncoderWeights) -> None:
    encoder = build_on_meta(method, method.num_classes)[0].get_submodule("encoder")
    left = load_encoder(encoder, weights, whole_network(weights).state_dict())
    assert left == LEFT.get(method.name, ())


def test_every_encoder_of_the_registry_has_weights() -> None:
    assert {method.encoder for method in WITH_ENCODER} == {weights.architecture for weights in KNOWN.values()}


@pytest.mark.parametrize("weights", [w for w in KNOWN.values() if w.hub], ids=lambda w: w.name)
def test_a_hub_s_weights_are_normalised_by_what_the_hub_says(weights: EncoderWeights) -> None:
    import timm
    from torchvision.models import get_weight

    library, _, name = (weights.hub or "").partition(":")
    if library == "timm":
        config = timm.models.get_pretrained_cfg(name)
        mean, std = config.mean, config.std
    else:
        network, _, version = name.partition(".")
        family = {"mobilenet_v2": "MobileNet_V2", "vgg16": "VGG16"}.get(
            network, network.title().replace("n", "N")
        )
        preset = get_weight(f"{family}_Weights.{version}").transforms()
        mean, std = preset.mean, preset.std
    assert (tuple(mean), tuple(std)) == (weights.statistics.mean, weights.statistics.std)


def with_own_values(network: torch.nn.Module) -> torch.nn.Module:
    """Give every tensor values of its own, so that a swapped name is seen."""
    torch.manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(
                torch.rand_like(tensor) * 0.1 + (0.5 if tensor.ndim == 1 and "bias" not in name else 0)
            )
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return network.eval()


def test_torchvisions_vgg16_gives_the_same_map_by_the_order_of_its_convolutions() -> None:
    from torchvision.models.vgg import cfgs, make_layers

    from baselines.dilatednet import Trunk

    theirs = with_own_values(make_layers(cfgs["D"], batch_norm=False))
    ours = Trunk(1, 3).eval()
    stored = {f"features.{name}": tensor for name, tensor in theirs.state_dict().items()}
    left = load_encoder(ours, find("torchvision-vgg16"), stored)
    image = torch.randn(1, 3, 32, 48)
    with torch.inference_mode():
        # 17 layers: seven convolutions with their ReLUs, three pools
        assert torch.equal(ours(image), theirs[:17](image))
    assert left == LATER_CONVOLUTIONS


def vgg16_of_one_channel() -> dict[str, torch.Tensor]:
    numbers = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    return {f"features.{n}.weight": torch.full((1, 1, 3, 3), float(n)) for n in numbers}


def test_vggs_convolutions_are_named_by_stage() -> None:
    named = standard("vgg16", vgg16_of_one_channel())
    # torchvision's layer 14 is the third convolution of the third stage, 17 the first of the fourth
    assert named["conv3_3.weight"][0, 0, 0, 0] == 14
    assert named["conv4_1.weight"][0, 0, 0, 0] == 17
    assert list(named)[-1] == "conv5_3.weight"


def test_vggs_first_two_linear_layers_are_convolutions_that_give_the_same() -> None:
    torch.manual_seed(0)
    fc6, fc7 = torch.nn.Linear(512 * 7 * 7, 6), torch.nn.Linear(4096, 5)
    stored = vgg16_of_one_channel()
    stored |= {f"classifier.0.{name}": tensor for name, tensor in fc6.state_dict().items()}
    stored |= {f"classifier.3.{name}": tensor for name, tensor in fc7.state_dict().items()}
    stored["classifier.6.weight"] = torch.zeros(1000, 4096)
    named = standard("vgg16", stored)
    deepest, wide = torch.randn(1, 512, 7, 7), torch.randn(1, 4096, 1, 1)
    with torch.inference_mode():
        six = torch.nn.functional.conv2d(deepest, named["fc6.weight"], named["fc6.bias"])
        seven = torch.nn.functional.conv2d(wide, named["fc7.weight"], named["fc7.bias"])
        assert torch.allclose(six.flatten(1), fc6(deepest.flatten(1)), atol=1e-4)
        assert torch.allclose(seven.flatten(1), fc7(wide.flatten(1)), atol=1e-5)
    assert len(named) == 13 + 4


def test_each_stream_of_a_parted_encoder_starts_from_the_same_weights() -> None:
    class Parted(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv3_3 = torch.nn.Conv2d(1, 1, 3, bias=False)
            self.stuff_stream = torch.nn.Sequential(OrderedDict(conv4_1=torch.nn.Conv2d(1, 1, 3, bias=False)))
            self.object_stream = torch.nn.Sequential(
                OrderedDict(conv4_1=torch.nn.Conv2d(1, 1, 3, bias=False))
            )

    own, left = placed(Parted(), standard("vgg16", vgg16_of_one_channel()))
    wanted = {"conv3_3.weight": 14, "stuff_stream.conv4_1.weight": 17, "object_stream.conv4_1.weight": 17}
    assert {name: tensor[0, 0, 0, 0] for name, tensor in own.items()} == wanted
    assert left[-1] == "conv5_3"


def test_segnets_batch_norms_keep_their_start() -> None:
    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1_1 = torch.nn.Conv2d(1, 1, 3)
            self.bn1_1 = torch.nn.BatchNorm2d(1)

    own, left = placed(
        Encoder(),
        {"conv1_1.weight": torch.ones(1), "conv1_2.weight": torch.ones(1), "fc6.weight": torch.ones(1)},
    )
    assert {name for name in own if name.startswith("bn1_1.")} == {
        f"bn1_1.{part}" for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }
    assert left == ("conv1_2",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("features.3.weight", "13 convolutions; found 14"),
        ("classifier.5.weight", "'classifier.5.weight' has no place"),
    ],
)
def test_weights_of_another_vgg_are_refused(name: str, message: str) -> None:
    with pytest.raises(RefusedInput, match=message):
        standard("vgg16", {**vgg16_of_one_channel(), name: torch.zeros(1, 1, 3, 3)})


@pytest.mark.parametrize(
    ("encoder", "weights"),
    [
        ("mobilenetv2", "timm-mobilenetv2_100"),
        ("mobilenetv4", "timm-mobilenetv4_conv_small"),
        ("efficientnetlite0", "timm-tf_efficientnet_lite0"),
        ("resnet18", "timm-resnet18"),
    ],
)
def test_timms_weights_give_the_same_maps_in_a_peer(encoder: str, weights: str) -> None:
    import timm

    reference = with_own_values(timm.create_model(modern.ENCODERS[encoder], pretrained=False))
    ours = modern.build(3, "fpn", encoder).get_submodule("encoder").eval()
    load_encoder(ours, find(weights), reference.state_dict())
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        theirs = reference.forward_intermediates(image, intermediates_only=True)
        assert torch.allclose(ours(image)[-1], theirs[-1], rtol=1e-4, atol=1e-4 * theirs[-1].abs().max())


def test_torchvisions_mobilenet_gives_the_same_maps_in_a_peer() -> None:
    from torchvision.models import mobilenet_v2  # type: ignore[attr-defined]

    reference = with_own_values(mobilenet_v2(weights=None))
    ours = modern.build(3, "fpn", "mobilenetv2").get_submodule("encoder").eval()
    load_encoder(ours, find("torchvision-mobilenet_v2"), reference.state_dict())
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        theirs = reference.features[:18](image)
        assert torch.allclose(ours(image)[-1], theirs, rtol=1e-4, atol=1e-4 * theirs.abs().max())


@pytest.mark.parametrize(
    ("encoder", "padding", "weights"),
    [
        ("mobilenetv2", "same", "mobilenet_v2_imagenet_timm"),
        ("efficientnetlite0", None, "tf_efficientnet_lite0_imagenet_timm"),
    ],
)
def test_the_supplied_weights_give_timms_maps_in_a_peer(weights_root, encoder, padding, weights) -> None:
    import timm

    stored = read(find(weights), weights_root / f"{weights}.safetensors")
    reference = timm.create_model(modern.ENCODERS[encoder], pretrained=False, pad_type="same").eval()
    reference.load_state_dict(stored)
    ours = modern.build(3, "fpn", encoder, padding=padding).get_submodule("encoder").eval()
    load_encoder(ours, find(weights), stored)
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        theirs = reference.forward_intermediates(image, intermediates_only=True)
        assert torch.equal(ours(image)[-1], theirs[-1])
