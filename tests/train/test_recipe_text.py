"""What stands in a recipe's file or after ``--set``: read whole, or refused with its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bench.data.catalogue import open_data
from bench.errors import RefusedInput, UsageError
from bench.train import recipe as recipes

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """model = "carnet-mobile"
data = "scenes"
crop = 64
epochs = 1
encoder_lr = 0.1
decoder_lr = 0.1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    "setting",
    [
        "epochs=2\nbatch=4",
        "epochs=2\nbatch=4\n",
        "epochs=2\n[model_options]\nmodules=2",
        "weights=none\nepochs=2",
        "epochs=2\r\nbatch=4",
    ],
)
def test_several_lines_after_one_set_are_refused_and_not_cut_to_the_first(setting: str) -> None:
    with pytest.raises(UsageError, match="lines, expected one value"):
        recipes.parse_changes([setting])


def test_one_value_may_take_several_lines_or_end_one() -> None:
    changes = recipes.parse_changes(["crop=[\n64,\n96]", "weights=none\n", " epochs = 2 # two"])
    assert changes == {"crop": [64, 96], "weights": "none", "epochs": 2}


def test_two_values_for_one_key_are_refused_and_the_same_twice_is_not() -> None:
    assert recipes.parse_changes(["seed=1", "seed=1"], seed=1) == {"seed": 1}
    with pytest.raises(UsageError, match=r"scloss_weight .*0\.2 and 0\.4"):
        recipes.parse_changes(["scloss_weight=0.2"], scloss_weight=0.4)
    with pytest.raises(UsageError, match=r"epochs .*1 and 2"):
        recipes.parse_changes(["epochs=1", "epochs=2"])


@pytest.mark.parametrize("setting", ["=3", " = 3", ""])
def test_a_setting_without_a_key_is_refused(setting: str) -> None:
    with pytest.raises(UsageError, match="key=value"):
        recipes.parse_changes([setting])


@pytest.mark.parametrize("text", ["9" * 5000, "[" * 5000 + "]" * 5000, "{a=" * 5000 + "1" + "}" * 5000])
def test_numbers_and_nesting_beyond_what_can_be_read_are_refused(text: str, file: Path) -> None:
    with pytest.raises(UsageError, match="epochs"):
        recipes.parse_changes([f"epochs={text}"])
    file.write_text(f"{TEXT}seed = {text}\n")
    with pytest.raises(RefusedInput, match=r"mine\.toml"):
        recipes.load(str(file))


@pytest.mark.parametrize(
    "value",
    [
        "2020-01-01",
        "12:30:45",
        "nan",
        "[1.0, inf]",
        "9" * 4000,
        '"a\\u0000b"',
        '"a\\nb"',
        '"\\u001b[31m"',
        "[" * 50 + "]" * 50,
        "{a.b.c.d.e.f.g.h.i = 1}",
        '{"a\\nb" = 1}',
    ],
)
def test_an_option_that_a_record_cannot_hold_is_refused_by_its_key(value: str, file: Path) -> None:
    file.write_text(f"{TEXT}[model_options]\nodd = {value}\n")
    with pytest.raises(RefusedInput, match=r"mine\.toml: model_options"):
        recipes.load(str(file))


def test_options_nested_without_brackets_are_refused_as_well(file: Path) -> None:
    file.write_text(TEXT + "model_options." + "a." * 5000 + "a = 1\n")
    with pytest.raises(RefusedInput, match=r"mine\.toml: model_options"):
        recipes.load(str(file))


@pytest.mark.parametrize("key", ["model_options", "data_options", "crop", "seed", "smoke", "model"])
@pytest.mark.parametrize("value", [[1, [2]], {"a": 1}, "word", 1.5, True])
def test_whatever_the_type_a_value_is_accepted_or_refused_by_name(key: str, value: Any) -> None:
    table = {
        "name": "x",
        "model": "carnet-mobile",
        "data": "scenes",
        "crop": 64,
        "epochs": 1,
        "encoder_lr": 0.1,
        "decoder_lr": 0.1,
        key: value,
    }
    try:
        answer = getattr(recipes.from_table(table, "x.toml"), key)
    except RefusedInput as refused:
        answer = str(refused)
    assert answer == value or key in str(answer)


def test_a_long_value_is_cut_in_the_message(file: Path) -> None:
    with pytest.raises(RefusedInput, match="epochs") as refused:
        recipes.load(str(file), {"epochs": "9" * 50_000})
    assert len(str(refused.value)) < 1000


def test_a_byte_order_mark_is_no_part_of_the_first_key(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert recipes.load(str(file)).crop == (64, 64)


@pytest.mark.parametrize("content", [TEXT.encode("utf-16"), TEXT.encode() + b'weights = "\xe9"\n'])
def test_another_encoding_is_named(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(RefusedInput, match=r"mine\.toml: not UTF-8"):
        recipes.load(str(file))


def test_a_name_too_long_for_the_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match="cannot be read"):
        recipes.load(str(tmp_path / ("x" * 300 + ".toml")))
    with pytest.raises(UsageError, match="no recipe"):
        recipes.load("x" * 5000)


def test_a_folder_that_may_not_be_entered_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(file), "is_file", refuse)
    with pytest.raises(RefusedInput, match=r"mine\.toml: cannot be read \(Permission denied\)"):
        recipes.load(str(file))


def test_an_option_of_a_data_set_is_laid_over_a_table_only(file: Path) -> None:
    file.write_text(TEXT + "[data_options]\ncount = 4\nseed = 1\n")
    recipe = recipes.load(str(file), recipes.parse_changes(["data_options.count=8"]))
    assert recipe.data_options == {"count": 8, "seed": 1}
    whole = recipes.parse_changes(["data_options={seed=2}", "data_options.count=8"])
    assert recipes.load(str(file), whole).data_options == {"count": 8, "seed": 2}
    with pytest.raises(RefusedInput, match="data_options"):
        recipes.load(str(file), recipes.parse_changes(["data_options=5", "data_options.count=8"]))


@pytest.mark.parametrize("options", [{"size_hw": []}, {"size_hw": ""}, {"count": False}, {"seed": None}])
def test_an_empty_option_is_no_default(options: dict[str, Any]) -> None:
    with pytest.raises((RefusedInput, UsageError), match=next(iter(options))):
        open_data("scenes", "train", **options)
