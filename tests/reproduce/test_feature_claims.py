"""The claim on value ranges: pairs of one recipe and seed, judged over seeds; an edited file is refused."""

from pathlib import Path

import pytest
from made_records import RECIPE

from bench.errors import NotMeasured, RefusedInput
from bench.reproduce.feature_claims import judge_ranges, judge_ratios
from bench.reproduce.verdict import words as v
from bench.results.feature_ranges import FeatureRanges, all_ranges, read_ranges, write_ranges

BS = {"model": "bs-mobile"}


def measured(home: Path, name: str, spans: tuple[float, ...], **recipe: object) -> Path:
    ranges = FeatureRanges(
        model=str(recipe.get("model", "carnet-mobile")),
        weights_sha256="0" * 64,
        recipe={**RECIPE, **recipe},
        data="camvid",
        split="test",
        manifest_sha256="1" * 64,
        reduction="mean",
        images=tuple(f"image{index}" for index in range(len(spans))),
        layers={"res4": tuple((-1.0, span - 1.0) for span in spans)},
        notes=(),
        commit="commit 0",
        machine="a machine",
        torch="2.0",
    )
    return write_ranges(ranges, name, home)


def judged(home: Path) -> tuple[tuple[float, ...], v.Word]:
    found = judge_ranges(home, "camvid", "test", "res4")
    return found.ratios, found.verdict


def test_a_ratio_is_of_the_mean_ranges_of_one_seed(tmp_path: Path) -> None:
    measured(tmp_path, "a", (1.0, 3.0))  # mean 2
    measured(tmp_path, "b", (0.5, 0.5), **BS)
    assert judged(tmp_path) == ((4.0,), v.NOT_DISTINGUISHABLE)  # one seed


def test_three_seeds_decide(tmp_path: Path) -> None:
    for seed, factor in enumerate((1.9, 2.0, 2.1)):
        measured(tmp_path, f"a{seed}", (factor,), seed=seed)
        measured(tmp_path, f"b{seed}", (1.0,), seed=seed, **BS)
    ratios, verdict = judged(tmp_path)
    assert ratios == pytest.approx((1.9, 2.0, 2.1))
    assert verdict == v.REPRODUCED
    assert judge_ratios((0.5, 0.52, 0.48)) == v.CONTRADICTED
    assert judge_ratios((0.5, 2.0, 1.0)) == v.NOT_DISTINGUISHABLE  # symmetric about 1


@pytest.mark.parametrize(
    "other",
    [
        {"epochs": 99},
        {"seed": 5},
        {"crop": [1, 2]},
        {"model": "carnet-mobile", "model_options": {"crp": False}},
    ],
)
def test_networks_that_were_not_trained_alike_are_no_pair(tmp_path: Path, other: dict[str, object]) -> None:
    measured(tmp_path, "a", (1.0,))
    measured(tmp_path, "b", (2.0,), **{**BS, **other})
    with pytest.raises(NotMeasured, match="carnet-bench train camvid-quick --model bs-mobile"):
        judged(tmp_path)


def test_without_any_measurement_the_commands_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="carnet-bench features --split test"):
        judged(tmp_path)


def test_an_edited_digit_is_refused(tmp_path: Path) -> None:
    path = measured(tmp_path, "a", (1.5, 2.0))
    assert read_ranges(path).mean_span("res4") == 1.75
    assert list(all_ranges(tmp_path)) == [path]
    path.write_text(path.read_text().replace("0.5", "0.6"))
    with pytest.raises(RefusedInput, match="SHA-256"):
        read_ranges(path)


def test_a_range_per_image_is_needed(tmp_path: Path) -> None:
    path = measured(tmp_path, "a", (1.5, 2.0))
    path.write_text(path.read_text().replace('"image1"\n', '"image1", "image2"\n'))
    with pytest.raises(RefusedInput, match="res4: 2 ranges of 3 images"):
        read_ranges(path)
