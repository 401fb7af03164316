import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from carnet.encoder import MobileNetV2, pad_after
from carnet.model import CARNet, TrainingOutput, build
from carnet.modules import CRP, CARModule


# Table 1 prints 3.9, 28.6, 47.6, 63.3 M at 19 classes; further digits: own, first build
@pytest.mark.parametrize(
    ("variant", "parameters"),
    [
        ("mobile", 3_873_107),
        ("resnet50", 28_646_483),
        ("resnet101", 47_638_611),
        ("resnet152", 63_282_259),
    ],
)
def test_parameters_are_those_of_table_1(variant, parameters):
    with torch.device("meta"):
        network = build(19, variant=variant)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize("variant", ["mobile", "resnet50", "resnet101", "resnet152"])
@pytest.mark.parametrize("size_hw", [(65, 97), (64, 96), (33, 40)])
def test_logits_have_the_size_of_the_input_whatever_it_is(variant, size_hw):
    with torch.device("meta"):
        logits = build(7, variant=variant).eval()(torch.empty(2, 3, *size_hw))
    assert logits.shape == (2, 7, *size_hw)


def test_semantic_vectors_come_in_training_only():
    network = build(5, scloss=3)
    image = torch.rand(2, 3, 64, 64)
    output = network(image)
    assert isinstance(output, TrainingOutput)
    assert [vector.shape for vector in output.semantics] == [(2, 5)] * 3
    assert isinstance(network.eval()(image), torch.Tensor)


@pytest.mark.parametrize("modules", [0, 1, 2, 3, 4])
def test_modules_are_put_in_from_the_deepest_level_and_the_last_one_feeds_the_classifier(modules):
    network = build(3, modules=modules, crp=modules > 0).eval()
    seen = []
    network.classifier.register_forward_hook(
        lambda _module, inputs, _output: seen.append(inputs[0].shape[-2:])
    )
    network(torch.rand(1, 3, 64, 128))
    stride = {0: 32, 1: 32, 2: 16, 3: 8, 4: 4}[modules]
    assert seen == [(64 // stride, 128 // stride)]
    assert len(network.car_modules) == len(network.crps) == modules
    assert len(network.before_upsampling) == max(0, modules - 1)


def test_baseline_is_encoder_adjustment_and_classifier_only():
    network = build(3, modules=0, crp=False)
    assert {name.split(".")[0] for name, _ in network.named_parameters()} == {
        "encoder",
        "adjust",
        "classifier",
    }


def test_networks_of_one_seed_start_alike_whatever_their_scloss():
    states = []
    for scloss in range(5):
        torch.manual_seed(7)
        states.append(build(4, scloss=scloss).state_dict())
    assert all(torch.equal(states[0][key], state[key]) for state in states for key in states[0])


REFUSED = [
    ({"variant": "resnet18"}, "have mobile, resnet50, resnet101, resnet152"),
    ({"modules": 5}, "0 to 4"),
    ({"modules": 2, "scloss": 3}, "0 to 2"),
    ({"modules": 0}, "crp=False"),
    ({"between_convs": "gelu"}, "linear, relu"),
    ({"padding": "valid"}, "symmetric, same"),
]


def test_options_that_do_not_exist_are_refused_with_the_choices():
    # in a process of its own: here the shape checker of the tests refuses some of them first; and under -O,
    # so that no check is an assert
    code = """
from carnet.loss import CARNetLoss
from carnet.model import build
import json, sys
for options in json.loads(sys.argv[1]):
    try:
        build(3, **options)
    except ValueError as error:
        print(error)
try:
    CARNetLoss(scloss_form="focal")
except ValueError as error:
    print(error)
"""
    options = json.dumps([options for options, _ in REFUSED])
    done = subprocess.run(
        [sys.executable, "-O", "-c", code, options],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    lines = done.stdout.splitlines()
    wanted = [*(message for _, message in REFUSED), "paper, bce"]
    assert len(lines) == len(wanted)
    assert all(message in line for message, line in zip(wanted, lines, strict=True))


def test_training_on_one_image_is_refused_with_the_reason():
    network = build(3)
    with pytest.raises(ValueError, match="at least 2"):
        network(torch.rand(1, 3, 64, 64))


def test_every_parameter_gets_a_finite_gradient():
    torch.manual_seed(0)
    network = build(3)
    output = network(torch.rand(2, 3, 64, 64))
    (output.logits.square().mean() + sum(vector.square().mean() for vector in output.semantics)).backward()
    without = [
        name for name, p in network.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()
    ]
    assert without == []


def test_relu_between_the_cascaded_convolutions_changes_a_resnet_and_no_parameter():
    torch.manual_seed(0)
    linear = build(3, variant="resnet50").eval()
    with_relu = build(3, variant="resnet50", between_convs="relu").eval()
    plain = dict(zip(with_relu.state_dict(), linear.state_dict().values(), strict=True))
    with_relu.load_state_dict(plain)
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert not torch.allclose(linear(image), with_relu(image))


def test_fusion_is_half_of_low_plus_high_when_attention_is_undecided():
    # Eq. 1 with sigma_a = sigmoid(0) = 0.5
    module = CARModule(3).eval()
    nn.init.zeros_(module.w2.weight)
    low, high = torch.full((1, 256, 2, 2), 4.0), torch.full((1, 256, 1, 1), 1.0)
    fused, squeezed = module(low, high)
    assert torch.equal(fused, torch.full((1, 256, 2, 2), 3.0))
    assert squeezed.shape == (1, 128, 1, 1)


def test_crp_with_identity_convolutions_spreads_a_point_by_two_pixels_a_stage():
    # one pixel of 1: stage i makes a square of side 4i + 1, and the input is added
    crp = CRP()
    for conv in crp.convs:
        conv.weight.data = torch.eye(256).reshape(256, 256, 1, 1)
    x = torch.zeros(1, 256, 19, 19)
    x[0, 0, 9, 9] = 1.0
    with torch.inference_mode():
        row = crp(x)[0, 0, 9]
    assert row.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0]


def test_same_padding_puts_the_odd_row_last():
    assert pad_after(torch.ones(1, 1, 2, 3))[0, 0].tolist() == [[0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0] * 5]


@pytest.mark.parametrize("training", [False, True])
def test_the_added_expansion_starts_as_the_identity_in_both_modes(training):
    torch.manual_seed(0)
    encoder = MobileNetV2()
    images = torch.randn(4, 3, 64, 64)
    encoder.train(training)
    encoder.start_first_expansion_as_identity(images)
    assert encoder.training is training
    # in training mode the batch's own statistics are used, so the stem must see them as measured
    encoder.bn1.eval()
    with torch.no_grad():
        stem = encoder.act1(encoder.bn1(encoder.conv_stem(images)))
        block = encoder.blocks[0][0]
        expanded = block.act1(block.bn1(block.conv_pw(stem.clone())))
    assert torch.allclose(stem, expanded, atol=2e-3)


def test_variants_share_one_class():
    assert type(build(2)) is type(build(2, modules=0, crp=False)) is CARNet
