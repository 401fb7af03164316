"""Fig. 7: counts at 150 classes next to the numbers of Section IV.E.1, and the same bytes each time."""

from pathlib import Path

import pytest

from bench.report.origin import Origin
from bench.report.parts_report import draw, write_parts
from bench.reproduce.parameter_parts import PARTS, VERSIONS, Part, as_json, count_parts

MADE_BY = Origin("commit 0", "a machine")


@pytest.fixture(scope="module")
def parts() -> tuple[Part, ...]:
    return count_parts()


def test_parts_are_counted_and_judged_where_the_text_gives_a_number(parts: tuple[Part, ...]) -> None:
    assert len(parts) == len(VERSIONS) * len(PARTS)
    found = {(one.row, one.part): one for one in parts}
    # CARNet-Mobile at 150 classes: 4.242 M in all, less 1.813 (encoder), 0.660 and 1.049 leaves 0.721
    assert found["carnet-mobile", "others"].params_m == pytest.approx(0.7205, abs=5e-4)
    assert found["carnet-mobile", "others"].printed is None
    largest, cut = found["carnet-resnet152", "bs"], found["carnet-resnet50", "bs"]
    assert largest.printed is not None
    assert largest.printed.printed == "58"
    assert cut.found is not None
    assert cut.found.verdict == "within one digit"  # 23.51, printed 23
    assert as_json(parts)["summary"] == {"equal": 12, "within one digit": 1}


def test_four_crp_modules_have_the_same_parameters_in_every_version(parts: tuple[Part, ...]) -> None:
    # 4 modules of 4 stages, each a 1x1 convolution of 256 to 256 channels: 16 * 65536
    assert {one.params_m for one in parts if one.part == "crp"} == {16 * 65536 / 1e6}


def test_the_figure_is_the_same_bytes_each_time_and_every_file_is_written(
    parts: tuple[Part, ...], tmp_path: Path
) -> None:
    assert draw(parts, MADE_BY) == draw(parts, MADE_BY)
    names = [path.name for path in write_parts(parts, tmp_path, MADE_BY)]
    assert names == ["fig7.md", "fig7.tex", "fig7.csv", "fig7.caption.md", "fig7.png", "fig7.svg", "fig7.pdf"]
    assert "| CARNet-ResNet50 | **23**<br>23.508 M<br>within one digit |" in (
        tmp_path / "reports" / "fig7.md"
    ).read_text(encoding="utf-8")
