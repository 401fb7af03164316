import pytest
import torch

from bench.train.recipe import from_table


@pytest.fixture
def tiny_recipe_of():
    """The recipe that a criterion reads its keys from, for a method."""
    return lambda method: from_table(
        {
            "name": "tiny",
            "model": method.name,
            "data": "scenes",
            "crop": [64, 96],
            "epochs": 1,
            "encoder_lr": 0.01,
            "decoder_lr": 0.01,
        },
        "tiny",
    )


@pytest.fixture
def assert_same_in_channels_last():
    """Assert that a network gives an image's logits in both orders of memory; it is left in the second."""

    def check(network, image):
        network.eval()
        with torch.inference_mode():
            plain = network(image)
            last = network.to(memory_format=torch.channels_last)(
                image.contiguous(memory_format=torch.channels_last)
            )
        torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-4)

    return check
