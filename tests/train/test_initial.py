"""The network before its first step: what it takes from the data set, and which weights it starts from."""

import pytest
import torch

from baselines.method import Method
from baselines.registry import METHODS
from bench.data.catalogue import ENTRIES
from bench.data.statistics import HALF, IMAGENET
from bench.errors import RefusedInput, UsageError
from bench.train import initial
from bench.train.initial import build_initial, build_seeded
from bench.train.recipe import from_table

NETS = """
from torch import nn

def build(num_classes, stuff=None):
    net = nn.Conv2d(3, num_classes, 1)
    net.stuff = stuff
    return net

def failing(num_classes):
    return nn.Conv2d(
        3, num_classes, 1, padding="odd")
"""


def recipe_of(model, weights="none", **more):
    table = {"name": "tiny", "model": model, "data": "toy", "crop": [64, 96], "epochs": 1, "weights": weights}
    return from_table({**table, "encoder_lr": 0.01, "decoder_lr": 0.01, **more}, "tiny")


@pytest.fixture
def nets(tmp_path, monkeypatch):
    (tmp_path / "initial_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)
    return lambda function="build", **more: Method("m", "m", "", 0, f"initial_nets:{function}", **more)


@pytest.fixture
def camvid_like(toy_data):
    toy_data.name = "camvid"
    return toy_data


def test_the_stuff_classes_of_both_street_sets_are_regions_and_not_things():
    from bench.data import camvid
    from bench.data.scenes.classes import CLASSES

    names = {"camvid": tuple(camvid.CLASSES), "scenes": CLASSES}
    found = {name: {names[name][k] for k in ENTRIES[name].stuff} for name in names}
    assert found["camvid"] == {"sky", "building", "road", "pavement", "tree", "fence"}
    assert found["scenes"] == {
        *("road", "sidewalk", "building", "wall", "fence", "vegetation", "terrain", "sky")
    }


def test_a_builder_is_given_what_the_method_wants_to_know_of_the_data_set(nets, camvid_like):
    network = build_seeded(recipe_of("m"), nets(from_data=("stuff",)), camvid_like)
    assert network.stuff == ENTRIES["camvid"].stuff == (0, 1, 3, 4, 5, 7)
    assert build_seeded(recipe_of("m"), nets(), camvid_like).stuff is None


def test_a_data_set_that_does_not_say_it_is_refused_by_name(nets, toy_data):
    with pytest.raises(
        RefusedInput, match=r"m needs 'stuff' of its data set, and toy has none; .* camvid, .*scenes"
    ):
        build_seeded(recipe_of("m"), nets(from_data=("stuff",)), toy_data)


def test_a_recipe_may_say_it_itself(nets, toy_data):
    recipe = recipe_of("m", model_options={"stuff": [0, 1]})
    assert build_seeded(recipe, nets(from_data=("stuff",)), toy_data).stuff == [0, 1]


def test_a_network_from_chance_is_normalised_as_its_method_says(nets, toy_data):
    assert build_initial(recipe_of("m"), nets(statistics="half"), toy_data).statistics == HALF
    assert build_initial(recipe_of("m"), nets(), toy_data).statistics == IMAGENET


def test_a_user_s_builder_that_fails_is_one_line_that_says_where(nets, toy_data):
    with pytest.raises(RefusedInput, match=r"m: its builder failed, line 10 of .*, ValueError: "):
        build_seeded(recipe_of("m"), nets("failing", group="own"), toy_data)
    with pytest.raises(UsageError, match="m: "):
        build_seeded(recipe_of("m"), nets("failing"), toy_data)


@pytest.fixture
def delivered(monkeypatch):
    """What the hub would deliver is random tensors of the architecture's own shapes."""

    def read(weights, file):
        import timm

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            return timm.create_model(weights.architecture, pretrained=False).state_dict()

    monkeypatch.setattr(initial, "read", read)


def test_a_baseline_s_encoder_starts_from_the_weights_and_the_rest_from_chance(delivered, toy_data):
    method, plain = METHODS["bisenet2"], recipe_of("bisenet2")
    chance = build_initial(plain, method, toy_data).network.state_dict()
    started = build_initial(recipe_of("bisenet2", "timm-resnet18"), method, toy_data)
    same = {
        name for name, tensor in started.network.state_dict().items() if torch.equal(tensor, chance[name])
    }
    convolutions = {name for name, tensor in chance.items() if tensor.ndim == 4}
    assert {name for name in convolutions if name not in same} == {
        name for name in convolutions if name.startswith("encoder.")
    }
    assert started.statistics == IMAGENET


def test_a_method_whose_encoder_ends_early_says_which_stages_were_not_used(delivered, toy_data):
    name = "smp-pspnet-resnet18"
    started = build_initial(recipe_of(name, "timm-resnet18"), METHODS[name], toy_data)
    assert started.notes == ("initial encoder weights: the method's encoder ends before layer3",)


def test_weights_of_tensorflows_padding_say_so_where_the_network_pads_otherwise(delivered, toy_data):
    name, weights = "smp-fpn-mobilenetv2", "mobilenet_v2_imagenet_timm"
    symmetric = build_initial(recipe_of(name, weights), METHODS[name], toy_data)
    same = build_initial(recipe_of(name, weights, model_options={"padding": "same"}), METHODS[name], toy_data)
    (origin,) = same.notes
    assert "dequantised from int8" in origin
    assert symmetric.notes[0] == origin
    assert "pads symmetrically (model_options.padding = 'same' is exact)" in symmetric.notes[1]
    assert same.statistics == HALF


@pytest.mark.parametrize(
    ("model", "message", "have"),
    [
        (
            "segnet",
            "'timm-resnet18' are of resnet18; segnet has the encoder vgg16",
            "none, torchvision-vgg16",
        ),
        ("enet", "are of resnet18; enet has no encoder that ImageNet weights fit", "none"),
    ],
)
def test_weights_of_another_architecture_are_refused_with_those_that_fit(model, message, have, toy_data):
    with pytest.raises(RefusedInput, match=message) as refused:
        build_initial(recipe_of(model, "timm-resnet18"), METHODS[model], toy_data)
    assert refused.value.then == f"choose from {have}"


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("carnet-mobile", {"crp": "false"}),
        ("carnet-mobile", {"modules": True}),
        ("carnet-mobile", {"modules": "4"}),
        ("carnet-mobile", {"modules": [4]}),
        ("carnet-mobile", {"scloss": 1.5}),
        ("carnet-mobile", {"padding": 5}),
        ("frrn-b", {"width": True}),
        ("frrn-b", {"width": 1_000_000}),
        ("fcn-8s", {"skip_scales": [1.0, 2.0, 3.0]}),
        ("refinenet-resnet50", {"depth": "50"}),
    ],
)
def test_an_option_of_another_type_or_beyond_any_machine_is_refused_by_its_name(model, options, toy_data):
    recipe = recipe_of(model, model_options=options)
    with pytest.raises((RefusedInput, UsageError), match=rf"{model}: model_options\.{next(iter(options))}"):
        build_seeded(recipe, METHODS[model], toy_data)
