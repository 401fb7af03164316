import sys

import pytest

import bench.cli


@pytest.fixture
def cli(monkeypatch, capsys):
    """Run ``carnet-bench WORDS``; return exit code, stdout and stderr."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["carnet-bench", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            bench.cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def write(tmp_path):
    """Write a file of the user's below the test's folder; its modules are forgotten afterwards."""

    def into(text, name="mynet.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        return path

    yield into
    for name in [name for name in sys.modules if name.startswith("carnet_bench_user_")]:
        del sys.modules[name]
