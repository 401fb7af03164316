"""The files that the page on clusters gives: the Slurm script is clean, the manifest has KubeRay's fields."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from doc_examples import page_examples

from bench.cli import app

if TYPE_CHECKING:
    from pathlib import Path

# Fields of KubeRay's API ray.io/v1 that the page uses, by RayJobSpec, RayClusterSpec, HeadGroupSpec and
# WorkerGroupSpec in its Go sources; True is what must be there.
FIELDS = {
    "": {"apiVersion": True, "kind": True, "metadata": True, "spec": True},
    "spec": {
        "entrypoint": True,
        "shutdownAfterJobFinishes": False,
        "backoffLimit": False,
        "rayClusterSpec": True,
    },
    "rayClusterSpec": {"rayVersion": False, "headGroupSpec": True, "workerGroupSpecs": False},
    "headGroupSpec": {"rayStartParams": True, "template": True},
    "workerGroupSpecs": {
        "groupName": True,
        "replicas": False,
        "minReplicas": True,
        "maxReplicas": True,
        "rayStartParams": True,
        "template": True,
    },
}


def file_of(title: str) -> str:
    return next(one.text for one in page_examples("docs/cluster.md") if one.title == title)


@pytest.fixture
def manifest() -> Any:
    return yaml.safe_load(file_of("rayjob.yaml"))


def groups_of(manifest: Any) -> list[Any]:
    cluster = manifest["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def test_the_manifest_has_kuberays_fields_with_their_types(manifest: Any) -> None:
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayJob")
    spec, cluster = manifest["spec"], manifest["spec"]["rayClusterSpec"]
    found = {"": manifest, "spec": spec, "rayClusterSpec": cluster, "headGroupSpec": cluster["headGroupSpec"]}
    parts = [*found.items(), *(("workerGroupSpecs", group) for group in cluster["workerGroupSpecs"])]
    for name, part in parts:
        assert set(part) <= set(FIELDS[name]), name
        assert {key for key, needed in FIELDS[name].items() if needed} <= set(part), name
    assert isinstance(spec["shutdownAfterJobFinishes"], bool)
    assert isinstance(cluster["rayVersion"], str)
    for group in groups_of(manifest):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    for group in cluster["workerGroupSpecs"]:
        assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_every_pod_of_the_manifest_mounts_the_shared_folder_that_the_command_works_in(manifest: Any) -> None:
    folder = re.search(r"cd (\S+) &&", manifest["spec"]["entrypoint"])
    assert folder is not None
    images = set()
    for group in groups_of(manifest):
        pod = group["template"]["spec"]
        claims = {volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"]}
        (container,) = pod["containers"]
        mounts = {mount["mountPath"]: claims[mount["name"]] for mount in container["volumeMounts"]}
        assert mounts == {folder[1]: "carnet-project"}
        assert container["resources"]["requests"] == container["resources"]["limits"]
        images.add(container["image"])
    assert len(images) == 1


@pytest.mark.parametrize("title", ["ray.sbatch", "rayjob.yaml"])
def test_the_command_of_a_file_is_one_of_the_command_line(title: str, manifest: Any) -> None:
    text = file_of(title) if title == "ray.sbatch" else shlex.split(manifest["spec"]["entrypoint"])[2]
    words = re.search(r"carnet-bench (.*?)( &$|$)", text.replace("\\\n", " "), re.MULTILINE)
    assert words is not None
    from typer.main import get_command

    group: Any = get_command(app)
    context = group.make_context("carnet-bench", shlex.split(words[1]))
    left = [*getattr(context, "_protected_args", []), *context.args]
    name, command, rest = group.resolve_command(context, left)
    given = command.make_context(name, rest, parent=context).params
    assert (given["cluster"], given["threads"]) == ("ray", 4)
    assert given["address"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is missing")
def test_the_slurm_script_is_clean(tmp_path: Path) -> None:
    script = tmp_path / "ray.sbatch"
    script.write_text(file_of("ray.sbatch"), encoding="utf-8")
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
