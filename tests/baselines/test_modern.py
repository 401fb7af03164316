"""Peers of segmentation-models-pytorch: configured, not written; the library's defaults; nothing fetched."""

import socket
import subprocess
import sys

import pytest
import torch

from baselines.modern import ENCODERS, PEERS, build
from baselines.registry import METHODS

BY_NAME = {method.name: method for method in PEERS}


def test_a_peer_is_named_by_library_decoder_and_encoder_and_labelled_as_no_paper_s_row() -> None:
    assert len(PEERS) >= 10
    for method in PEERS:
        library, decoder, encoder = method.name.split("-")
        assert (library, method.group, method.loss, method.auxiliary) == ("smp", "peer", None, ())
        assert method.options == {"decoder": decoder, "encoder": encoder}
        assert method.encoder == ENCODERS[encoder]
        assert METHODS[method.name] is method


def test_a_peer_says_which_versions_built_it() -> None:
    import segmentation_models_pytorch as smp
    import timm

    wanted = f"as built by segmentation-models-pytorch {smp.__version__}, timm {timm.__version__}"
    assert all(method.citation.endswith(wanted) for method in PEERS)


def test_the_peers_are_listed_without_importing_torch() -> None:
    code = "import sys, baselines.registry; print({'torch', 'timm', 'numpy'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["smp-unet-resnet18", "smp-fpn-mobilenetv4"])
def test_building_asks_no_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("a network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert BY_NAME[name].build(5) is not None


def test_resnet18_has_torchvisions_parameters_without_its_classifier() -> None:
    # torchvision's ResNet-18 has 11,689,512; its classifier is 512 * 1000 + 1000
    with torch.device("meta"):
        encoder = build(19, "unet", "resnet18").get_submodule("encoder")
    assert sum(p.numel() for p in encoder.parameters()) == 11_689_512 - 513_000


def test_the_pyramid_head_has_the_widths_of_the_library_s_defaults() -> None:
    with torch.device("meta"):
        network = build(7, "fpn", "mobilenetv2")
    # 1x1 from the encoder's 320 channels to a pyramid of 256; 1x1 from 128 to the classes
    assert network.get_parameter("decoder.p5.weight").shape == (256, 320, 1, 1)
    assert network.get_parameter("segmentation_head.0.weight").shape == (7, 128, 1, 1)


def test_a_side_that_the_rule_of_pan_refuses_really_fails_in_the_library() -> None:
    import segmentation_models_pytorch as smp

    network = smp.create_model("pan", "tu-resnet18", encoder_weights=None, classes=3).eval()
    with torch.inference_mode(), pytest.raises(RuntimeError, match="Output size is too small"):
        network(torch.zeros(1, 3, 112, 128))


def test_same_padding_pads_mobilenet_after_the_last_row_and_column_only() -> None:
    torch.manual_seed(0)
    symmetric, same = (
        build(3, "fpn", "mobilenetv2", padding=padding).eval().get_submodule("encoder")
        for padding in ("symmetric", "same")
    )
    same.load_state_dict(symmetric.state_dict())
    image = torch.randn(1, 3, 64, 64)
    stem = symmetric.get_parameter("model.conv_stem.weight")
    for encoder, sides in ((symmetric, (1, 1, 1, 1)), (same, (0, 1, 0, 1))):
        wanted = torch.nn.functional.conv2d(torch.nn.functional.pad(image, sides), stem, stride=2)
        with torch.inference_mode():
            assert torch.allclose(encoder.get_submodule("model.conv_stem")(image), wanted, atol=1e-5)


def test_weights_of_symmetric_and_of_same_padding_have_the_same_names() -> None:
    with torch.device("meta"):
        names = [list(build(3, "fpn", "mobilenetv2", padding=p).state_dict()) for p in (None, "same")]
    assert names[0] == names[1]


def test_an_option_that_nobody_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no encoder 'vgg16'; have mobilenetv2"):
        build(3, "fpn", "vgg16")
    with pytest.raises(ValueError, match="padding is 'valid'; have symmetric, same"):
        build(3, "fpn", "mobilenetv2", padding="valid")
    with pytest.raises(TypeError, match="pad_type"):
        build(3, "fpn", "resnet18", padding="same")
