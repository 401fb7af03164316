import hashlib

import pytest
import torch

from bench.data.statistics import HALF, IMAGENET
from bench.errors import RefusedInput, UsageError
from bench.train import weights
from bench.train.weight_file import save_weights
from bench.train.weights import EncoderWeights, find, load_encoder, read
from carnet.encoder import MobileNetV2, ResNet


def randomised(network):
    """Give every tensor of a network values of its own, so that a swapped name is seen."""
    torch.manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) * 0.1 + (0.5 if "var" in name or "weight" in name else 0))
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return network.eval()


def mobile_maps(encoder, image):
    encoder.start_first_expansion_as_identity(image)
    with torch.inference_mode():
        return [level_map for level in encoder.eval()(image) for level_map in level]


def test_timms_mobilenet_gives_the_same_maps():
    import timm

    reference = randomised(timm.create_model("mobilenetv2_100", pretrained=False))
    encoder = MobileNetV2()
    load_encoder(encoder, find("timm-mobilenetv2_100"), reference.state_dict())
    image = torch.randn(1, 3, 65, 97)
    with torch.inference_mode():
        x, theirs = reference.bn1(reference.conv_stem(image)), []
        for stage in reference.blocks:
            x = stage(x)
            theirs.append(x)
    for ours, wanted in zip(mobile_maps(encoder, image), theirs[1:], strict=True):
        assert torch.allclose(ours, wanted, rtol=1e-3, atol=1e-4 * wanted.abs().max())


def test_torchvisions_mobilenet_gives_the_same_maps():
    from torchvision.models import mobilenet_v2

    reference = randomised(mobilenet_v2(weights=None))
    encoder = MobileNetV2()
    load_encoder(encoder, find("torchvision-mobilenet_v2"), reference.state_dict())
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        x, theirs = image, []
        for index, layer in enumerate(reference.features):
            x = layer(x)
            if index in (3, 6, 10, 13, 16, 17):
                theirs.append(x)
    for ours, wanted in zip(mobile_maps(encoder, image), theirs, strict=True):
        assert torch.allclose(ours, wanted, rtol=1e-3, atol=1e-4 * wanted.abs().max())


def test_torchvisions_resnet50_gives_the_same_maps():
    from torchvision.models import resnet50

    reference = randomised(resnet50(weights=None))
    encoder = ResNet((3, 4, 6, 3))
    load_encoder(encoder, find("torchvision-resnet50"), reference.state_dict())
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        (res1,), _, _, (res4,) = encoder.eval()(image)
        x = reference.layer1(reference.maxpool(reference.relu(reference.bn1(reference.conv1(image)))))
        deep = reference.layer4(reference.layer3(reference.layer2(x)))
    assert torch.equal(res1, x)
    assert torch.equal(res4, deep)


def test_timms_resnet_has_the_same_names_and_shapes():
    import timm

    with torch.device("meta"):
        theirs = timm.create_model("resnet152", pretrained=False).state_dict()
        ours = ResNet((3, 8, 36, 3)).state_dict()
    kept = {name: tensor.shape for name, tensor in theirs.items() if not name.startswith("fc.")}
    assert kept == {name: tensor.shape for name, tensor in ours.items()}


def test_statistics_travel_with_the_weights():
    assert find("mobilenet_v2_imagenet_timm").statistics == HALF
    assert find("torchvision-resnet50").statistics == IMAGENET


def test_int8_origin_is_said_by_the_weights_themselves():
    assert "dequantised from int8" in find("mobilenet_v2_imagenet_timm").notes[0]


def test_unknown_weights_list_the_choices():
    with pytest.raises(
        UsageError, match="no weights 'resnet18'; choose from none, mobilenet_v2_imagenet_timm"
    ):
        find("resnet18")


def test_a_missing_file_says_which_file_to_put_where(monkeypatch, tmp_path):
    monkeypatch.setenv("CARNET_DATA", str(tmp_path))
    with pytest.raises(RefusedInput, match=r"mobilenet_v2_imagenet_timm\.safetensors; looked in") as refused:
        read(find("mobilenet_v2_imagenet_timm"))
    assert "SHA-256 8e23dd69" in refused.value.then


def test_a_hub_out_of_reach_says_which_file_to_put_where(monkeypatch, tmp_path):
    import torchvision

    def no_network(**_):
        raise OSError("Name or service not known")

    monkeypatch.setattr(torchvision.models, "resnet50", no_network)
    monkeypatch.setenv("CARNET_DATA", str(tmp_path))
    with pytest.raises(RefusedInput, match=r"hub did not deliver .*Name or service not known") as refused:
        read(find("torchvision-resnet50"))
    assert "torchvision-resnet50.safetensors" in refused.value.then


def test_a_file_with_another_digest_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, {"x": torch.zeros(3)})
    wanted = EncoderWeights("w", "resnet50", HALF, sha256=hashlib.sha256(b"other").hexdigest())
    with pytest.raises(RefusedInput, match=r"w\.safetensors: SHA-256 .*, expected"):
        read(wanted, path)


def test_a_tensor_of_no_place_is_refused():
    with pytest.raises(RefusedInput, match="1 unexpected: layer5"):
        load_encoder(
            ResNet((1, 1, 1, 1)),
            find("torchvision-resnet50"),
            {**ResNet((1, 1, 1, 1)).state_dict(), "layer5": torch.zeros(1)},
        )


def test_the_supplied_weights_give_timms_maps_in_their_own_padding(weights_root):
    import timm

    stored = read(find("mobilenet_v2_imagenet_timm"), weights_root / "mobilenet_v2_imagenet_timm.safetensors")
    reference = timm.create_model("mobilenetv2_100", pretrained=False, pad_type="same").eval()
    reference.load_state_dict(stored)
    encoder = MobileNetV2(padding="same")
    load_encoder(encoder, find("mobilenet_v2_imagenet_timm"), stored)
    image = torch.rand(1, 3, 90, 122, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        x = reference.blocks(reference.bn1(reference.conv_stem(image)))
    assert torch.allclose(mobile_maps(encoder, image)[-1], x, atol=1e-3)


def test_every_known_architecture_is_an_encoder_of_the_registry():
    from baselines.registry import METHODS

    encoders = {method.encoder for method in METHODS.values()}
    assert {known.architecture for known in weights.KNOWN.values()} <= encoders
