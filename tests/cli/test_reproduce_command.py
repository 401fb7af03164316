import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import bench.cli.reproduce as command
from bench.errors import UsageError
from bench.reproduce import table as tables


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None)
    app.callback()(lambda: None)
    app.command("reproduce")(command.reproduce)
    return app


@pytest.fixture(autouse=True)
def nothing_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the counts out of these tests: no method is built, so a table takes milliseconds."""
    real = tables.reproduce
    monkeypatch.setattr(
        tables,
        "reproduce",
        lambda name, home, progress, prefer, **more: real(name, home, {}, progress, prefer, **more),
    )


def run(app: typer.Typer, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["reproduce", *arguments])


def test_json_prints_one_document_on_stdout_and_the_files_on_stderr(app: typer.Typer, tmp_path: Path) -> None:
    done = run(app, "table4", "--json", "--home", str(tmp_path))
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert document["table"] == "table4"
    assert document["summary"] == {"not measured": 16}
    assert "table4.csv" in done.stderr
    assert (tmp_path / "results" / "tables" / "table4.csv").is_file()


def test_without_json_the_table_is_printed(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    done = run(app, "table4", "--home", str(tmp_path))
    assert done.exit_code == 0
    assert "CARNet-ResNet152" in done.stdout
    assert "16 printed cells: 16 not measured" in done.stdout


def test_an_unknown_table_is_a_usage_error_with_the_choices(app: typer.Typer, tmp_path: Path) -> None:
    done = run(app, "table9", "--home", str(tmp_path))
    assert done.exit_code == 2
    assert "'table9' is not one of 'table1', 'table2'" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "scenes"), "--budget TIME is missing"),
        (("--budget", "10m"), "--data NAME (or --time) is missing"),
        (("--data", "scenes", "--budget", "10"), "duration '10'"),
        (("--data", "scenes", "--budget", "10m", "--machine", "H200"), "--machine"),
        (("--data", "scenes", "--budget", "ten minutes"), "duration 'ten minutes'"),
    ],
)
def test_data_and_budget_belong_together_and_a_budget_has_a_unit(
    app: typer.Typer, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(app, "table1", *arguments, "--home", str(tmp_path))
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)


def test_the_budget_is_for_the_whole_command_and_its_record_is_shown_first(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.experiments import train_budget as budget

    asked: list[tuple[Any, ...]] = []

    def fake(data: str, budget_s: float, shares: Any, settings: Any, watch: Any, **_log: Any) -> Any:
        asked.append((data, shares.trained_s(budget_s), settings.home))
        watch("train", 1, 2, 0.5)
        run = SimpleNamespace(recipe=SimpleNamespace(model="carnet-mobile", epochs=3))
        identity = SimpleNamespace(run=run, data=SimpleNamespace(name="scenes", split="test"))
        return SimpleNamespace(id="ab12", identity=identity, values=SimpleNamespace(miou=0.5, images=60))

    monkeypatch.setattr(budget, "run_within_budget", fake)
    shown: list[Any] = []
    judge = tables.reproduce
    monkeypatch.setattr(
        tables,
        "reproduce",
        lambda name, home, progress, prefer, **more: (
            shown.append(prefer) or judge(name, home, progress, prefer, **more)
        ),
    )
    done = run(app, "table4", "--data", "scenes", "--budget", "10m", "--home", str(tmp_path))
    assert done.exit_code == 0
    assert asked == [("scenes", 580.0, tmp_path)]  # 600 s less 20 s for the table itself
    assert shown == [["ab12"]]
    learnt, then = done.stdout.splitlines()[-2:]
    assert "trained for 3 epochs, reaches 50.0 % mIoU on 60 synthetic images" in learnt
    assert "carnet-bench ablate --lambda" in then


def test_an_own_network_and_the_peers_are_set_beside_the_table(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from baselines.registry import METHODS
    from bench import models

    # one peer is enough here: each is counted
    kept = [name for name, method in METHODS.items() if method.group == "peer"][:1]
    few = {name: method for name, method in METHODS.items() if method.group != "peer" or name in kept}
    monkeypatch.setattr(models, "available", lambda: few)
    net = tmp_path / "mynet.py"
    net.write_text(
        "from torch import nn\n\n\ndef build(num_classes):\n    return nn.Conv2d(3, num_classes, 1)\n"
    )
    done = run(app, "table3", "--model", f"{net}:build", "--peers", "--json", "--home", str(tmp_path))
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert {number["row"] for number in document["beside"]} == {"mynet", *kept}
    params = next(one for one in document["beside"] if (one["row"], one["column"]) == ("mynet", "params"))
    assert params["measured"] == 4 * 150 / 1e6
    assert len(document["cells"]) == 20


def test_a_model_that_does_not_exist_ends_before_anything_is_measured(
    app: typer.Typer, tmp_path: Path
) -> None:
    done = run(app, "table1", "--model", "nonet", "--home", str(tmp_path))
    assert isinstance(done.exception, UsageError)
    assert list(tmp_path.iterdir()) == []
