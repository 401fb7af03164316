"""Fault 40: what `python -O` removes is no check of ours."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [path for name in ("bench", "carnet", "baselines") for path in sorted((ROOT / name).rglob("*.py"))]


def test_no_check_of_the_packages_is_an_assertion() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Name) and node.id == "__debug__")
    ]
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train", "camvid-quick", "--set", "learning_rate=1"], 3, "learning_rate"),
        (["train", "bad.toml"], 3, "encoder_lr"),
        (["records"], 4, "damaged.json"),
        (["data", "check", "camvid", "--data-root", "."], 3, "camvid"),
        (["cost", "carnet-mobile", "--size", "0x0"], 2, "0x0"),
    ],
)
def test_under_python_o_bad_input_is_refused_all_the_same(
    words: list[str], code: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text('model = "carnet-mobile"\nencoder_lr = nan\n')
    damaged = tmp_path / "results" / "records" / "speed" / "damaged.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("{")
    command = [sys.executable, "-O", "-m", "bench.cli", *words]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
