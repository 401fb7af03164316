"""The cascades: who is stuff, what each stream learns from, and one map that decides as the cascade does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines import cascade, dilatednet, segnet
from baselines.cascade import ADE20K_STUFF, CascadeLoss, CascadeOutput
from baselines.registry import METHODS
from bench.cost.count import count_costs
from bench.cost.meta import on_meta

BUILDERS = {"cascaded-segnet": cascade.build_segnet, "cascaded-dilatednet": cascade.build_dilatednet}
STUFF = (3, 0)  # of five classes 0 and 3 are stuff, 1, 2 and 4 objects


@pytest.fixture(scope="module")
def networks() -> dict[str, cascade.Cascade]:
    """Both cascades with five classes on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {name: build(5, STUFF) for name, build in BUILDERS.items()}


@pytest.fixture(params=list(BUILDERS))
def network(request: pytest.FixtureRequest, networks: dict[str, cascade.Cascade]) -> cascade.Cascade:
    return networks[request.param]


def output_of(stuff: Tensor, objects: Tensor) -> CascadeOutput:
    """Return a training output whose streams hold these logits, with the classes of ``STUFF``."""
    return CascadeOutput(stuff, objects, torch.tensor([0, 2, 2, 1, 2]), torch.tensor([255, 0, 1, 255, 2]))


def by_the_rule(stuff: Tensor, objects: Tensor, split: tuple[tuple[int, ...], tuple[int, ...]]) -> Tensor:
    """Return the decision (b, h, w) pixel by pixel, as the paper words it."""
    decided = torch.empty(stuff.shape[0], *stuff.shape[-2:], dtype=torch.int64)
    for at in torch.cartesian_prod(*(torch.arange(side) for side in decided.shape)).tolist():
        b, row, column = at
        winner = int(stuff[b, :, row, column].argmax())
        if winner == stuff.shape[1] - 1:
            decided[b, row, column] = split[1][int(objects[b, :, row, column].argmax())]
        else:
            decided[b, row, column] = split[0][winner]
    return decided


def order_of(split: tuple[tuple[int, ...], tuple[int, ...]]) -> Tensor:
    placed = [*split[0], *split[1]]
    return torch.tensor([placed.index(train_id) for train_id in range(len(placed))])


def test_ade20k_has_35_stuff_classes_and_115_objects() -> None:
    assert len(set(ADE20K_STUFF)) == 35
    # stored ids count from 1: 1 to 4 (wall, building, sky, floor) and 6 are stuff, 5 (tree) is not
    assert ADE20K_STUFF[:5] == (0, 1, 2, 3, 5)
    assert (min(ADE20K_STUFF), max(ADE20K_STUFF)) == (0, 140)
    stuff, objects = cascade.split(150, ADE20K_STUFF)
    assert (len(stuff), len(objects)) == (35, 115)


@pytest.mark.parametrize("name", list(BUILDERS))
def test_classes_of_another_data_set_need_a_list_of_stuff(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} needs to know which of the 19 classes are stuff and which"):
        BUILDERS[name](19)


@pytest.mark.parametrize("stuff", [(), (0, 0), (-1, 2), (0, 5), (0, 1, 2, 3, 4)])
def test_a_list_that_is_no_split_of_the_classes_is_refused(stuff: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be train ids of 0\.\.4, each once, at least one and not all"):
        cascade.split(5, stuff)


def test_streams_hold_the_classes_in_ascending_order_whatever_the_order_of_the_list(
    network: cascade.Cascade,
) -> None:
    assert (network.stuff, network.objects) == ((0, 3), (1, 2, 4))
    assert network.stuff_target.tolist() == [0, 2, 2, 1, 2]  # 2 is foreground
    assert network.object_target.tolist() == [255, 0, 1, 255, 2]
    assert network.order.tolist() == [0, 2, 3, 1, 4]  # stuff 0, 3, then objects 1, 2, 4


# stuff logits over (class 0, class 3, foreground), object logits over the classes 1, 2, 4
def test_an_object_wins_where_foreground_does_even_when_no_object_has_most_of_it() -> None:
    # p(stuff) = 0.4 for class 0, 0.1 for class 3, 0.5 for foreground, of which each object has a third or so:
    # without the shift class 2 would have 0.5 x 0.4 = 0.2 and lose to class 0
    stuff = torch.tensor([0.4, 0.1, 0.5]).log()[None, :, None, None]
    objects = torch.tensor([0.3, 0.4, 0.3]).log()[None, :, None, None]
    merged = cascade.merge(stuff, objects, order_of(((0, 3), (1, 2, 4))))[0, :, 0, 0]
    assert int(merged.argmax()) == 2
    # classes 0 and 3 keep log p; the objects have log 0.5 and log(0.5 x 0.3 / 0.4)
    expected = torch.tensor([0.4, 0.375, 0.5, 0.1, 0.375]).log()
    torch.testing.assert_close(merged, expected)


def test_a_stuff_class_wins_where_foreground_does_not_however_sure_the_object_stream_is() -> None:
    stuff = torch.tensor([0.3, 0.36, 0.34]).log()[None, :, None, None]
    objects = torch.tensor([30.0, 0.0, 0.0])[None, :, None, None]
    merged = cascade.merge(stuff, objects, order_of(((0, 3), (1, 2, 4))))[0, :, 0, 0]
    assert int(merged.argmax()) == 3


@settings(deadline=None)
@given(st.data())
def test_arg_max_of_the_merged_map_is_the_paper_s_rule(data: st.DataObject) -> None:
    num_classes = data.draw(st.integers(2, 7))
    chosen = data.draw(st.sets(st.integers(0, num_classes - 1), min_size=1, max_size=num_classes - 1))
    split = cascade.split(num_classes, sorted(chosen))

    def logits(channels: int) -> Tensor:
        # a permutation of distinct steps at each pixel, so that nothing ties
        pixels = [data.draw(st.permutations(range(channels))) for _ in range(6)]
        step = data.draw(st.sampled_from([0.01, 1.0, 40.0]))
        offset = data.draw(st.integers(-50, 50))
        return (torch.tensor(pixels) * step + offset).T.reshape(1, channels, 2, 3)

    stuff, objects = logits(len(split[0]) + 1), logits(len(split[1]))
    merged = cascade.merge(stuff, objects, order_of(split))
    assert merged.shape == (1, num_classes, 2, 3)
    assert bool(torch.isfinite(merged).all())
    assert torch.equal(merged.argmax(1), by_the_rule(stuff, objects, split))


def test_arg_max_is_the_rule_on_many_random_pixels_of_ade20k_s_split() -> None:
    generator = torch.Generator().manual_seed(0)
    split = cascade.split(150, ADE20K_STUFF)
    stuff, objects = (3 * torch.randn(2, n, 24, 24, generator=generator) for n in (36, 115))
    stuff[:, -1] += 6
    decided = by_the_rule(stuff, objects, split)
    assert torch.equal(cascade.merge(stuff, objects, order_of(split)).argmax(1), decided)
    share = torch.isin(decided, torch.tensor(split[1])).float().mean()
    assert 0.1 < float(share) < 0.9  # both answers occur


def test_loss_is_the_sum_of_both_cross_entropies_and_objects_are_learnt_on_objects_alone() -> None:
    # truth: class 3 (stuff), class 2 (object), nothing
    label = torch.tensor([[[3, 2, 255]]])
    stuff = torch.tensor([0.2, 0.5, 0.3]).log().reshape(1, 3, 1, 1).repeat(1, 1, 1, 3)
    objects = torch.tensor([0.6, 0.3, 0.1]).log().reshape(1, 3, 1, 1).repeat(1, 1, 1, 3)
    losses = CascadeLoss()(output_of(stuff, objects), label)
    # stuff: class 3 is channel 1 (p 0.5), the object is foreground (0.3); object: class 2 is channel 1 (0.3)
    on_stuff = -(torch.tensor(0.5).log() + torch.tensor(0.3).log()) / 2
    on_objects = -torch.tensor(0.3).log()
    torch.testing.assert_close(losses["stuff"], on_stuff)
    torch.testing.assert_close(losses["object"], on_objects)
    torch.testing.assert_close(losses["total"], on_stuff + on_objects)


def test_object_stream_gets_no_gradient_where_the_truth_is_stuff_or_nothing() -> None:
    stuff, objects = torch.zeros(1, 3, 1, 4, requires_grad=True), torch.zeros(1, 3, 1, 4, requires_grad=True)
    CascadeLoss()(output_of(stuff, objects), torch.tensor([[[0, 1, 255, 4]]]))["total"].backward()
    touched = objects.grad.abs().sum(1)[0, 0] > 0
    assert touched.tolist() == [False, True, False, True]
    assert (stuff.grad.abs().sum(1)[0, 0] > 0).tolist() == [True, True, False, True]


@pytest.mark.parametrize(("value", "parts"), [(255, (False, False)), (0, (True, False)), (4, (True, True))])
def test_a_crop_without_pixels_for_a_stream_costs_it_nothing(value: int, parts: tuple[bool, bool]) -> None:
    stuff, objects = torch.randn(1, 3, 2, 2, requires_grad=True), torch.randn(1, 3, 2, 2, requires_grad=True)
    losses = CascadeLoss()(output_of(stuff, objects), torch.full((1, 2, 2), value))
    losses["total"].backward()
    assert (losses["stuff"].item() > 0, losses["object"].item() > 0) == parts
    for stream, learns in zip((stuff, objects), parts, strict=True):
        assert bool(torch.isfinite(stream.grad).all())
        assert (float(stream.grad.abs().max()) > 0) == learns


def test_a_label_that_is_no_class_fails() -> None:
    output = output_of(torch.zeros(1, 3, 1, 1), torch.zeros(1, 3, 1, 1))
    with pytest.raises(IndexError, match="out of bounds"):
        CascadeLoss()(output, torch.tensor([[[5]]]))


def test_eval_mode_merges_both_streams_into_the_classes_order(network: cascade.Cascade) -> None:
    image = torch.randn(1, 3, 32, 40, generator=torch.Generator().manual_seed(4))
    seen: list[Tensor] = []

    def remember(_: nn.Module, __: object, stream: Tensor) -> None:
        seen.append(stream)

    if isinstance(network, cascade.CascadeSegNet):
        watched, enlarge = (network.stuff_stream, network.object_stream), nn.Identity()
    else:
        watched, enlarge = (network.stuff_classifier, network.object_classifier), dilatednet.enlarge
    handles = [module.register_forward_hook(remember) for module in watched]
    network.eval()
    with torch.inference_mode():
        merged, again = network(image), network(image)
    for handle in handles:
        handle.remove()
    stuff, objects = (enlarge(stream) for stream in seen[:2])
    assert merged.shape == (1, 5, 32, 40)
    assert torch.equal(merged, again)
    assert torch.equal(merged.argmax(1), by_the_rule(stuff, objects, ((0, 3), (1, 2, 4))))
    torch.testing.assert_close(merged[:, 3], F.log_softmax(stuff, dim=1)[:, 1])


def test_parameters_are_one_shared_part_and_two_of_what_is_not() -> None:
    def params(module: nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    with torch.device("meta"):
        encoder, shared, own = segnet.Encoder(), dilatednet.Trunk(1, 3), dilatednet.Trunk(4, 6)
        decoders = [segnet.Decoder(channels) for channels in (36, 115)]
    counted = {name: count_costs(METHODS[name], 150, (32, 32), ("params_m",)).params_m for name in BUILDERS}
    by_hand = params(encoder) + sum(params(decoder) for decoder in decoders)
    assert counted["cascaded-segnet"] == pytest.approx(by_hand / 1e6, abs=1e-9)
    # conv1_1 ... conv3_3 are 1,735,488; conv4_1 ... fc7 132,525,056; a class is 4096 weights and a bias
    assert (params(shared), params(own)) == (1_735_488, 132_525_056)
    by_hand = 1_735_488 + 2 * 132_525_056 + 4097 * (36 + 115)
    assert counted["cascaded-dilatednet"] == pytest.approx(by_hand / 1e6, abs=1e-9)


def test_weights_carry_the_split_with_them(networks: dict[str, cascade.Cascade]) -> None:
    other = cascade.build_segnet(5, (1, 2))
    other.load_state_dict(networks["cascaded-segnet"].state_dict())
    assert other.order.tolist() == [0, 2, 3, 1, 4]


def test_dilated_cascade_starts_both_streams_from_vgg_s_names() -> None:
    with torch.device("meta"):
        encoder = cascade.build_dilatednet(5, STUFF).encoder
    names = [name for name, layer in encoder.named_modules() if isinstance(layer, nn.Conv2d)]
    shared = [name for name in names if "." not in name]
    assert shared == ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3"]
    deeper = ["conv4_1", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3", "fc6", "fc7"]
    for stream in ("stuff_stream", "object_stream"):
        assert [name for name in names if name.startswith(stream)] == [f"{stream}.{name}" for name in deeper]
    with on_meta():
        stuff, objects = encoder(torch.empty(1, 3, 16, 24))
    assert stuff.shape == objects.shape == (1, 4096, 2, 3)
