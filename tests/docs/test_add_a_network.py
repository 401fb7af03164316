"""The worked example of the docs, word for word: a model of one's own in every command that takes one."""

import json

import pytest
from doc_examples import page_examples

PAGE = page_examples("docs/add-a-network.md")
README = page_examples("README.md")
FILES = {example.title: example.text for example in PAGE if example.title}
COMMANDS = [words for example in PAGE for words in example.commands if "mynet.py:build" in words]


@pytest.fixture
def mynet(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words_of(command: str) -> list[str]:
    return next(words for words in COMMANDS if words[0] == command)


def test_the_example_is_shown_in_four_commands_and_the_readme_has_them_too() -> None:
    assert set(FILES) == {"mynet.py", "mymethod.py"}
    assert {words[0] for words in COMMANDS} == {"cost", "time", "train", "reproduce"}
    shown = [words for example in README for words in example.commands]
    assert [words_of(command) for command in ("time", "train", "reproduce")] == [
        words for words in shown if "mynet.py:build" in words and words[0] != "cost"
    ]


def test_the_network_of_the_readme_is_counted_as_that_of_the_page(
    tmp_path, monkeypatch, carnet_bench
) -> None:
    (network,) = [example for example in README if example.title]
    monkeypatch.chdir(tmp_path)
    (tmp_path / network.title).write_text(network.text)
    (words,) = [words for example in README for words in example.commands if words[0] == "cost"]
    code, out, _ = carnet_bench(*words, "--json")
    own, _ = json.loads(out)["models"]
    assert code == 0
    assert own["counts"]["gmacs"] == pytest.approx((9 * 3 * 32 + 9 * 32 * 19) * 128 * 256 / 1e9)


def test_it_is_counted(mynet, carnet_bench) -> None:
    code, out, _ = carnet_bench(*words_of("cost"), "--json")
    (found,) = json.loads(out)["models"]
    assert code == 0
    # 3x3 from 3 to 32 channels and 3x3 from 32 to 19, both at 128x256
    assert found["counts"]["gmacs"] == pytest.approx((9 * 3 * 32 + 9 * 32 * 19) * 128 * 256 / 1e9)


def test_it_is_timed_beside_another(mynet, carnet_bench) -> None:
    words = ["64x64" if word == "512x1024" else word for word in words_of("time")]
    code, out, _ = carnet_bench(*words, "--samples", "3", "--budget", "6s", "--threads", "1", "--json")
    assert code in (0, 4)  # 4: something else ran at the same time
    names = [row["identity"]["model"] for row in json.loads(out)["measurements"]]
    assert names == ["mynet", "carnet-mobile"]


def test_it_is_trained_and_scored_and_named_by_its_file_alone(mynet, carnet_bench) -> None:
    (mynet / "nets").mkdir()
    (mynet / "mynet.py").rename(mynet / "nets" / "mynet.py")
    words = [word.replace("mynet.py", "nets/mynet.py") for word in words_of("train")]
    changes = ("epochs=1", "crop=[32,64]", "data_options={count=6,size_hw=[32,64]}", "smoke=true")
    settings = [word for change in changes for word in ("--set", change)]
    code, out, err = carnet_bench(*words, *settings, "--threads", "1", "--json")
    assert code == 0, err
    assert json.loads(out)["values"]["miou"] is not None
    (run,) = (mynet / "runs").iterdir()
    identity = json.loads((run / "run.json").read_text())
    assert (identity["model"], identity["recipe"]["model"]) == ("mynet", "mynet.py:build")

    code, _, err = carnet_bench("evaluate", str(run), "--threads", "1")
    assert code == 3
    assert "--model" in err, err
    code, out, _ = carnet_bench(
        "evaluate", str(run), "--model", "nets/mynet.py:build", "--threads", "1", "--json"
    )
    assert (code, json.loads(out)["same_as_recorded"]) == (0, True)


def test_it_stands_below_the_paper_s_table(mynet, carnet_bench) -> None:
    words = ["table4" if word == "table1" else word for word in words_of("reproduce")]
    code, out, err = carnet_bench(*words, "--json")
    assert code == 0, err
    beside = json.loads(out)["beside"]
    assert {cell["row"] for cell in beside} == {"mynet"}
    assert "MyNet" not in (mynet / "reports" / "table4.md").read_text().partition("Not in the paper")[0]


def test_the_ready_method_brings_its_options_and_sizes(mynet, carnet_bench) -> None:
    code, out, _ = carnet_bench("cost", "mymethod.py:METHOD", "--size", "64x64", "--json")
    (found,) = json.loads(out)["models"]
    assert (code, found["name"]) == (0, "mynet")
    # width 64 instead of 32: 9*3*64 + 2*64 + 9*64*19 + 19
    assert found["counts"]["params_m"] == pytest.approx((1728 + 128 + 10944 + 19) / 1e6)
    code, _, err = carnet_bench("cost", "mymethod.py:METHOD", "--size", "62x64", "--json")
    assert "multiple of 4" in err


@pytest.mark.slow
def test_the_examples_one_after_the_other_leave_nothing_for_audit_to_find(mynet, carnet_bench) -> None:
    small = ["64x64" if word == "512x1024" else word for word in words_of("time")]
    changes = ("epochs=1", "crop=[32,64]", "data_options={count=6,size_hw=[32,64]}", "smoke=true")
    settings = [word for change in changes for word in ("--set", change)]
    examples = (
        ["reproduce", "table5"],
        ["reproduce", "fig7"],
        words_of("cost"),
        [*small, "--samples", "3", "--budget", "6s", "--threads", "1"],
        [*words_of("train"), *settings, "--threads", "1"],
        words_of("reproduce"),
        ["reproduce", "table1"],
    )
    for words in examples:
        code, _, err = carnet_bench(*words)
        assert code in (0, 4), (words, err)  # 4: timed while something else ran
        code, out, err = carnet_bench("audit", "--json")
        assert (code, json.loads(out)["damage"]) == (0, []), (words, err)
