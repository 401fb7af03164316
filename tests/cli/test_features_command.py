"""``features``, and ``reproduce`` of figures of data, from the words typed to the files left behind."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_weights import make_weights
from PIL import Image

from bench.results.feature_ranges import read_ranges


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return make_weights(tmp_path_factory.mktemp("weights") / "carnet-mobile-aa.safetensors")


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_maps_of_an_image_are_drawn_with_their_ranges(carnet_bench, weights, photo, tmp_path):
    out = tmp_path / "maps"
    words = ("features", photo, "--weights", weights, "--layer", "res1", "res4", "--out", out, "--threads", 1)
    code, stdout, stderr = carnet_bench(*words, "--json")
    assert code == 0, stderr
    document = json.loads(stdout)
    assert [(one["network"], one["layer"]) for one in document["ranges"]] == [
        ("CARNet-Mobile", "res1"),
        ("CARNet-Mobile", "res4"),
    ]
    assert all(one["low"] < one["high"] for one in document["ranges"])
    assert {Path(path).name for path in document["written"]} == {
        f"photo_features.{form}" for form in ("caption.md", "png", "svg", "pdf")
    }
    code, _, stderr = carnet_bench(*words)
    assert code == 3
    assert "--overwrite" in stderr


def test_ranges_over_a_split_are_kept(carnet_bench, weights, tmp_path):
    code, stdout, stderr = carnet_bench(
        "features", "--split", "test", "--weights", weights, "--layer", "res4", "--threads", 1
    )
    assert code == 0, stderr
    assert "res4" in stdout
    (path,) = (tmp_path / "results" / "features").iterdir()
    ranges = read_ranges(path)
    assert (ranges.data, ranges.split, len(ranges.images)) == ("scenes", "test", 6)
    assert ranges.mean_span("res4") > 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("features", "--weights", "W"), (2, "--split")),
        (("features", "P", "--split", "test", "--weights", "W"), (2, "--split")),
        (("features", "P", "--weights", "W", "--layer", "res9"), (2, "res9")),
        (("features", "P", "--weights", "nothing"), (3, "nothing")),
        (("reproduce", "fig5", "--budget", "1m"), (2, "--budget")),
        (("reproduce", "table4", "--weights", "W"), (2, "--weights")),
        (("reproduce", "fig12"), (4, "--weights RUN")),
    ],
)
def test_a_mistake_is_named(carnet_bench, weights, photo, words, expected):
    given = [{"W": weights, "P": photo}.get(word, word) for word in words]
    found, _, stderr = carnet_bench(*given)
    assert found == expected[0], stderr
    assert expected[1] in stderr
