"""``evaluate`` with scales, mirror images and windows, from the words typed to the record."""

import json

import pytest

from bench.cli.parsing import parse_scales
from bench.errors import UsageError
from bench.results.store import read_records

TINY = """
model = "carnet-mobile"
data = "scenes"
crop = [64, 96]
batch = 4
epochs = 1
encoder_lr = 0.01
decoder_lr = 0.02
validate_every = 0

[data_options]
count = 4
size_hw = [64, 96]
"""


def test_scales_are_numbers_with_commas_or_the_option_repeated():
    assert parse_scales(["0.5,1", "1.75"]) == (0.5, 1.0, 1.75)
    assert parse_scales([]) == ()
    for bad in ("", "1,", "1;2", "-1", "1e1", "nan", " 1", "٣"):
        with pytest.raises(UsageError, match="numbers separated by commas"):
            parse_scales([bad])


def test_how_an_image_is_shown_is_in_the_record(carnet_bench, tmp_path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY)
    code, out, _ = carnet_bench("train", recipe, "--split", "none", "--threads", 1, "--json")
    assert code == 0
    run = json.loads(out)["run"]

    def evaluated(*words):
        code, out, _ = carnet_bench("evaluate", run, "--threads", 1, "--json", *words)
        assert code == 0
        return json.loads(out)

    plain = evaluated()
    assert plain["protocol"]["scales"] == [1.0]
    assert plain["protocol"]["flip"] is False
    assert plain["values"]["peak_mib"] is None or plain["values"]["peak_mib"] >= 0
    scaled = evaluated("--scales", "0.5,1", "--scales", "1.5", "--flip")
    assert scaled["protocol"]["scales"] == [0.5, 1.0, 1.5]
    assert scaled["protocol"]["flip"] is True
    assert "mean over scales 0.5, 1, 1.5, mirror images" in scaled["notes"]
    windowed = evaluated("--window", "64x64")
    assert windowed["protocol"]["window"] == [64, 64]
    assert windowed["protocol"]["stride"] == [43, 43]
    msc = evaluated("--msc")
    assert msc["protocol"]["scales"] == [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    assert msc["protocol"]["flip"] is True
    assert len({record.id for record in read_records(tmp_path, "accuracy")}) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--msc", "--scales", "1"), "either --msc or --scales"),
        (("--scales", "0"), "above 0 and up to 8"),
        (("--scales", "one"), "scale 'one'"),
        (("--stride", "8x8"), "no window is named"),
        (("--window", "8"), "size '8'"),
        (("--window", "8x8", "--stride", "9x8"), "stride 9 of a window side of 8"),
    ],
)
def test_views_that_cannot_be_shown_are_a_usage_error(carnet_bench, words, message):
    code, out, err = carnet_bench("evaluate", "nothing-here", *words)
    assert code == 2
    assert out == ""
    assert message in err
