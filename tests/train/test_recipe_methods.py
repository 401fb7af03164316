"""What one method needs of its own under a protocol that all share."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import RefusedInput
from bench.train import recipe as recipes

SHARED = """
model = "carnet-mobile"
data = "camvid"
crop = [64, 64]
epochs = 3
encoder_lr = 0.002
decoder_lr = 0.01
weights = "mobilenet_v2_imagenet_timm"
model_options = {padding = "same"}
"""


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(SHARED + text)
    return str(path)


def test_a_method_takes_its_own_section_and_the_rest_of_the_recipe(tmp_path: Path) -> None:
    path = written(tmp_path, '[methods.enet]\nweights = "none"\nencoder_lr = 0.01\n')
    enet, mobile = recipes.load(path, {"model": "enet"}), recipes.load(path)
    assert (enet.weights, enet.encoder_lr, enet.decoder_lr, enet.epochs) == ("none", 0.01, 0.01, 3)
    assert (mobile.weights, mobile.encoder_lr) == ("mobilenet_v2_imagenet_timm", 0.002)
    assert (enet.model_options, mobile.model_options) == ({}, {"padding": "same"})


def test_what_the_user_sets_goes_over_the_section(tmp_path: Path) -> None:
    path = written(tmp_path, "[methods.enet]\nencoder_lr = 0.01\n")
    assert recipes.load(path, {"model": "enet", "encoder_lr": 0.5}).encoder_lr == 0.5


def test_a_section_may_be_of_the_recipes_own_model_or_of_a_users_file(tmp_path: Path) -> None:
    path = written(
        tmp_path, '[methods.carnet-mobile]\nclip_norm = 5\n[methods."net.py:build"]\nclip_norm = 6\n'
    )
    assert recipes.load(path).clip_norm == 5
    assert recipes.load(path, {"model": "net.py:build"}).clip_norm == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[methods.enet]\nepochs = 9\n",
            r"mine.toml: \[methods.enet\] has 'epochs'; a method's own",
        ),
        ("[methods.enet]\nname = 'x'\n", "has 'name'"),
        ("[methods.enett]\nclip_norm = 5\n", "no method 'enett'; choose from carnet-mobile"),
        ("[methods]\nenet = 5\n", "methods.enet = 5; expected a table"),
        ("methods = 5\n", "methods = 5; expected tables"),
        ("[methods.enet]\nencoder_lr = 'high'\n", ""),
    ],
)
def test_a_wrong_section_is_refused_whatever_model_is_trained(
    tmp_path: Path, text: str, message: str
) -> None:
    path = written(tmp_path, text)
    if not message:  # the values of another method's section are read when it is trained
        with pytest.raises(RefusedInput, match="encoder_lr = 'high'; expected a valid number"):
            recipes.load(path, {"model": "enet"})
        return
    with pytest.raises(RefusedInput, match=message):
        recipes.load(path)
