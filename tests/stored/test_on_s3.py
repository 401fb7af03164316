"""Homes on a local S3 server: commands of two machines, one of them killed while it trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from doc_examples import page_examples

pytest.importorskip("s3fs")
server = pytest.importorskip("moto.server")

pytestmark = pytest.mark.slow
HOME = "s3://lab/carnet"
LIMIT_S = 1200  # for a machine that takes ten times longer
RECIPE = """
model = "carnet-mobile"
data = "scenes"
crop = [64, 96]
batch = 4
epochs = 6
encoder_lr = 0.01
decoder_lr = 0.02
clip_norm = 5.0
validate_every = 0
smoke = true

[data_options]
count = 8
size_hw = [64, 96]
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Start the server on a free port."""
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give the test an empty bucket ``lab`` and credentials for it."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    system = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True, endpoint_url=endpoint)
    system.mkdir("lab")
    yield system
    system.rm("lab", recursive=True)


@pytest.fixture
def command(bucket: Any, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts a command on a machine: with a working and a cache folder of its own."""
    (tmp_path / "tiny.toml").write_text(RECIPE)

    def start(machine: str, *words: str) -> subprocess.Popen[str]:
        folder = tmp_path / machine
        folder.mkdir(exist_ok=True)
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "CARNET_BENCH_HOME": HOME}
        return subprocess.Popen(
            [sys.executable, "-m", "bench", *words],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


TRAIN = ("train", "../tiny.toml", "--threads", "1", "--json")


def test_a_run_whose_machine_is_killed_goes_on_elsewhere_and_ends_in_the_same_weights(
    command: Callable[..., subprocess.Popen[str]], bucket: Any
) -> None:
    code, out, err = ended(command("whole", *TRAIN, "--home", "s3://lab/whole"))
    assert code == 0, err
    whole = bucket.cat_file(json.loads(out)["run"] + "/final.safetensors")

    lost = command("lost", *TRAIN)
    deadline = time.monotonic() + LIMIT_S
    while not bucket.glob("lab/carnet/runs/*/checkpoints/*.sha256"):
        assert time.monotonic() < deadline
        assert lost.poll() is None, lost.communicate()
        time.sleep(0.02)
    lost.kill()
    lost.communicate()

    code, out, err = ended(command("other", *TRAIN))
    assert code == 0, err
    assert f"resuming {HOME}/runs/" in err
    run = json.loads(out)["run"]
    assert bucket.cat_file(f"{run}/final.safetensors") == whole
    code, out, err = ended(command("third", "evaluate", run, "--split", "val", "--threads", "1", "--json"))
    assert code == 0, err
    code, out, _ = ended(command("fourth", "records", "--json"))
    assert code == 0
    kinds = [one["kind"] for one in json.loads(out)["records"]]
    assert sorted(kinds) == ["accuracy", "accuracy", "training"]


def test_the_examples_of_the_page_run_and_another_machine_sees_what_they_record(
    command: Callable[..., subprocess.Popen[str]],
) -> None:
    shown = [one for one in page_examples("docs/shared-storage.md") if one.kind == "network"]
    for words in [words for one in shown for words in one.commands]:
        code, _, err = ended(command("a", *words))
        assert code == 0, (words, err)
    code, out, _ = ended(command("b", "records", "--json"))
    assert code == 0
    assert {one["model"] for one in json.loads(out)["records"]} == {"carnet-mobile"}


@pytest.mark.parametrize(
    ("home", "environment", "code", "named"),
    [
        ("s3://nobucket/home", {}, 3, "s3://nobucket/home"),
        (HOME, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, 3, "credentials"),
        (HOME, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, 3, "http://127.0.0.1:1"),
        ("nosuch://bucket/home", {}, 2, "nosuch://bucket/home"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_line_and_no_traceback(
    command: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
    *,
    home: str,
    environment: dict[str, str],
    code: int,
    named: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found, out, err = ended(command("a", "records", "--home", home))
    assert (found, out) == (code, "")
    first, *rest = err.splitlines()
    assert first.startswith("error: ")
    assert named in first
    assert [line.partition(":")[0] for line in rest] in ([], ["next"])


def test_of_two_machines_that_create_one_large_object_the_second_is_refused(bucket: Any) -> None:
    from bench.object_store import ObjectExistsError, copy_name, create

    path = Path("/carnet-bench/homes") / copy_name(HOME) / "runs" / "x" / "checkpoints" / "step-00000001.ckpt"
    content = bytes(110 * 2**20)  # more than s3fs sends in one part
    create(path, content)
    create(path, content)
    with pytest.raises(ObjectExistsError, match="step-00000001"):
        create(path, content[:-1] + b"1")
    assert bucket.info("lab/carnet/runs/x/checkpoints/step-00000001.ckpt")["size"] == len(content)
