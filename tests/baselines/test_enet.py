"""ENet against its authors' released definition, by hand."""

import pytest
import torch
from torch import nn

from baselines.enet import STAGE_2, DownBottleneck, UpBottleneck, build
from baselines.registry import METHODS
from bench.cost.counters import flop_counter_macs
from bench.cost.meta import build_on_meta, on_meta


@pytest.fixture
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(5)


@pytest.fixture
def image():
    return torch.randn(2, 3, 40, 72, generator=torch.Generator().manual_seed(0))


def macs_of(module, *inputs):
    return flop_counter_macs(module.to("meta").eval(), inputs).total()


def test_each_stage_has_the_paper_s_channels_and_size():
    network, _ = build_on_meta(METHODS["enet"], 19)
    sizes = {}
    for name, module in network.named_children():

        def note(_module, _inputs, output, name=name):
            sizes[name] = tuple((output[0] if isinstance(output, tuple) else output).shape[1:])

        module.register_forward_hook(note)
    with on_meta():
        network(torch.empty(1, 3, 360, 640))
    assert sizes == {
        "initial": (16, 180, 320),
        "down1": (64, 90, 160),
        "stage1": (64, 90, 160),
        "down2": (128, 45, 80),
        "stage2": (128, 45, 80),
        "stage3": (128, 45, 80),
        "up4": (64, 90, 160),
        "stage4": (64, 90, 160),
        "up5": (16, 180, 320),
        "stage5": (16, 180, 320),
        "classifier": (19, 360, 640),
    }


def test_stages_2_and_3_have_the_kernels_and_dilations_of_table_1():
    network = build(19)
    assert len(network.stage1) == 4
    for stage in (network.stage2, network.stage3):
        middles = [
            [
                (m.kernel_size, m.dilation[0])
                for m in block.main
                if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)
            ]
            for block in stage
        ]
        asymmetric = [((5, 1), 1), ((1, 5), 1)]
        assert middles == [
            [((3, 3), 1)],
            [((3, 3), 2)],
            asymmetric,
            [((3, 3), 4)],
            [((3, 3), 1)],
            [((3, 3), 8)],
            asymmetric,
            [((3, 3), 16)],
        ]
    assert len(STAGE_2) == 8


def test_the_encoder_has_prelu_and_dropout_and_the_decoder_relu_and_none():
    network = build(19)
    kinds = {
        name: {type(m) for m in part.modules() if isinstance(m, nn.PReLU | nn.ReLU | nn.Dropout2d)}
        for name, part in network.named_children()
    }
    encoder, decoder = {nn.PReLU, nn.Dropout2d}, {nn.ReLU}
    assert kinds == {
        "initial": {nn.PReLU},
        **dict.fromkeys(("down1", "stage1", "down2", "stage2", "stage3"), encoder),
        **dict.fromkeys(("up4", "stage4", "up5", "stage5"), decoder),
        "classifier": set(),
    }


def test_the_first_five_bottlenecks_drop_a_hundredth_and_the_others_a_tenth():
    rates = [m.p for m in build(19).modules() if isinstance(m, nn.Dropout2d)]
    assert rates == [0.01] * 5 + [0.1] * 17


def test_prelu_has_a_slope_for_each_channel_and_batch_norm_the_released_epsilon():
    network = build(19)
    assert network.down2.activation.weight.numel() == 128
    assert {m.eps for m in network.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-3}


def test_a_regular_bottleneck_of_64_channels_costs_64_16_16_64():
    # 1x1 64->16, 3x3 16->16, 1x1 16->64 at 90x160
    block = build(19).stage1[0]
    by_hand = (64 * 16 + 9 * 16 * 16 + 16 * 64) * 90 * 160
    assert macs_of(block, torch.empty(1, 64, 90, 160, device="meta")) == by_hand


def test_the_down_bottleneck_has_no_convolution_beside_it():
    # 2x2 stride 2 16->16, 3x3 16->16, 1x1 16->64; the other branch pools and pads with zeros
    block = DownBottleneck(16, 64, 0.01)
    by_hand = (4 * 16 * 16 + 9 * 16 * 16 + 16 * 64) * 90 * 160
    assert macs_of(block, torch.empty(1, 16, 180, 320, device="meta")) == by_hand


def test_the_up_bottleneck_s_transposed_convolution_is_counted_once_for_each_input_pixel():
    # 1x1 128->16 and 128->64, transposed 3x3 16->16 at 45x80; 1x1 16->64 at 90x160
    block = UpBottleneck(128, 64)
    by_hand = (128 * 16 + 128 * 64 + 9 * 16 * 16) * 45 * 80 + 16 * 64 * 90 * 160
    wide = torch.empty(1, 128, 45, 80, device="meta")
    indices = torch.empty(1, 64, 45, 80, dtype=torch.int64, device="meta")
    assert macs_of(block, wide, indices) == by_hand


def test_twice_the_multiply_adds_are_3_447_g_where_the_paper_prints_3_8():
    network, _ = build_on_meta(METHODS["enet"], 19)
    macs = flop_counter_macs(network, (torch.empty(1, 3, 360, 640, device="meta"),)).total()
    assert round(2 * macs / 1e9, 3) == 3.447


def test_parameters_are_0_364_m_and_0_373_m_with_running_statistics():
    network = build(19)
    learnt = sum(p.numel() for p in network.parameters())
    statistics = sum(2 * m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    assert learnt == 364_311
    assert round((learnt + statistics) / 1e6, 4) == 0.3727


def test_the_missing_channels_of_a_down_bottleneck_s_other_branch_are_zeros():
    block = DownBottleneck(2, 8, 0.0).eval()
    nn.init.zeros_(block.main[-1].weight)  # the main branch adds nothing
    x = torch.tensor([[1.0, 5.0], [2.0, 3.0]]).expand(1, 2, 2, 2)
    out, indices = block(x)
    assert out.flatten().tolist() == [5, 5, 0, 0, 0, 0, 0, 0]
    assert indices.flatten().tolist() == [1, 1]


def test_the_up_bottleneck_puts_a_value_where_the_pool_took_it_from():
    block = UpBottleneck(8, 4).eval()
    nn.init.zeros_(block.main[-1].weight)
    nn.init.ones_(block.other.weight)
    indices = torch.tensor([0, 1, 2, 3]).reshape(1, 4, 1, 1)
    out = block(torch.ones(1, 8, 1, 1), indices)  # each channel: 8 through a batch-norm of variance 1
    expected = 8 / (1 + 1e-3) ** 0.5 * torch.eye(4).reshape(1, 4, 2, 2)
    torch.testing.assert_close(out, expected)


def test_the_main_branch_s_maps_take_part_in_the_gradient_whatever_the_sum_does_to_them(network, image):
    # a residual sum in place would break the backward pass of the branch that shares its input
    image.requires_grad_()
    network(image).square().mean().backward()
    assert image.grad.isfinite().all()
    assert image.grad.any()


def test_training_mode_drops_channels(network, image):
    assert not torch.equal(network(image), network(image))
