"""How a measurement came about: command, commit, source digests, machine, versions, load.

Nothing here names a host, a user or a folder: a record is published as it is.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import psutil

from baselines.method import Method
from bench.errors import RefusedInput
from bench.own.files import own_files
from bench.own.imports import imported_files
from bench.results.repository import code_state
from bench.results.syntax import syntax_of

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "segmentation-models-pytorch",
    "numpy",
    "lightning-fabric",
    "carnet-bench",
)


def gather(
    command: Sequence[str], method: Method | None, started: datetime | None = None, *, deployed: bool = False
) -> dict[str, Any]:
    """Return the provenance of a measurement that starts now.

    Args:
        command: The command line; folders are cut from it, so that data is named by name.
        method: What is measured; None for predictions from outside, whose code is not known.
        started: When it started, with its time zone; None means now.
        deployed: Whether the network is folded for inference: then ``carnet.fast`` decides too.

    Returns:
        ``command``, ``commit`` and ``dirty`` (None, with the reason in ``unknown``, where nothing tells
        whether the code is committed, see `bench.results.repository`), ``source`` (see `current_sources`),
        ``machine``, ``versions``, ``threads``, ``usable_cores``, ``load_1min`` (processes
        that ran or waited, mean over the last minute), ``started_utc``.
    """
    import torch  # noqa: PLC0415 - the rest of this module is wanted without torch

    start = (started or datetime.now(UTC)).astimezone(UTC)
    state = code_state(package_root())
    return {
        "command": [without_folders(argument) for argument in command],
        "commit": state.commit,
        "dirty": state.dirty,
        **({} if state.unknown is None else {"unknown": state.unknown}),
        "source": None if method is None else current_sources(method, deployed=deployed),
        "machine": machine(),
        "versions": versions(),
        "threads": torch.get_num_threads(),
        "usable_cores": usable_cores(),
        "load_1min": round(psutil.getloadavg()[0], 2),
        "started_utc": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def current_sources(method: Method, *, deployed: bool = False) -> dict[str, str]:
    """Return the digests of the code that decides what is measured.

    ``carnet`` covers the paper's model and losses, ``method`` the file of the builder and those of
    ``baselines`` that it imports (of a user's own network also its own files that it imports, the builder's
    name and its options), ``fast`` (``deployed`` networks only) all of ``carnet.fast`` with its C.
    The digests are of the syntax trees without docstrings: a comment, a docstring or the formatting makes no
    record stale; of C they are of the bytes.

    Training through ``carnet.fast.training`` makes no accuracy stale: those kernels are the same function and
    gradients up to rounding, which their tests hold to torch, and a training record names its ``c_compiler``.
    """
    files = source_files(method)
    found = {"carnet": source_digest(files["carnet"]), "method": _method_digest(method, files["method"])}
    return {**found, "fast": source_digest(fast_files())} if deployed else found


def source_files(method: Method) -> dict[str, list[Path]]:
    """Return the files behind the digests ``carnet`` and ``method`` of `current_sources`."""
    return {"carnet": sorted(package_root("carnet").glob("*.py")), "method": _files_of(method)}


def fast_files() -> list[Path]:
    """Return the files of ``carnet.fast``, with its C."""
    files = sorted((package_root("carnet") / "fast").rglob("*.*"))
    return [path for path in files if path.suffix in (".py", ".c", ".h")]


def source_digest(paths: Sequence[Path]) -> str:
    """Return the SHA-256 over the names and syntax trees of Python files; of C, the bytes.

    Raises:
        RefusedInput: A file is missing or is not Python.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            content = path.read_bytes()
            text = syntax_of(content) if path.suffix == ".py" else content
        except (OSError, SyntaxError, ValueError) as error:
            raise RefusedInput(f"{path}: cannot read as Python ({error})") from error
        digest.update(path.name.encode() + b"\0" + text + b"\0")
    return digest.hexdigest()


@functools.cache
def _machine() -> tuple[tuple[str, Any], ...]:
    return (
        ("cpu", _cpu_model()),
        ("gpu", _gpu_model()),
        ("physical_cores", psutil.cpu_count(logical=False)),
        ("logical_cores", psutil.cpu_count(logical=True)),
        # whole GiB: the kernel's share moves the rest from boot to boot
        ("memory_gib", round(psutil.virtual_memory().total / 2**30)),
        ("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
    )


def machine() -> dict[str, Any]:
    """Return CPU and GPU model, cores, memory (GiB) and system; None where the system does not tell."""
    return dict(_machine())


def versions() -> dict[str, str | None]:
    """Return the versions of Python and of what a measurement depends on; None where not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def package_root(package: str | None = None) -> Path:
    """Return the folder of one of our packages, or, without a name, the folder that holds them."""
    spec = importlib.util.find_spec(package or "carnet")
    if spec is None or spec.origin is None:
        raise RefusedInput(f"package {package or 'carnet'} is not installed")
    folder = Path(spec.origin).resolve().parent
    return folder if package else folder.parent


def without_folders(argument: str) -> str:
    """Return a command-line argument with every path in it cut to its file name.

    ``--data-root=/disk/sets/camvid`` becomes ``--data-root=camvid``, ``nets/mine.py:build`` becomes
    ``mine.py:build``. A name that is the user's home folder is cut to ``~``.
    """
    return "".join(_name_only(part) for part in re.split(r"([=,:])", argument))


def _name_only(part: str) -> str:
    if not re.search(r"[/\\~]", part):
        return part
    if part.rstrip("/\\") in {"~", *_home_names()} or re.fullmatch(r"~[^/\\]*[/\\]?", part):
        return "~"
    return PurePosixPath(PureWindowsPath(part).name).name or part[:1]


def _method_digest(method: Method, files: Sequence[Path]) -> str:
    digest = source_digest(files)
    if method.group != "own":
        return digest
    # two builders of one file, or two settings of one builder, are two networks
    built = [method.builder.partition(":")[2], dict(method.options)]
    text = json.dumps(
        built, sort_keys=True, default=lambda one: getattr(one, "__qualname__", type(one).__name__)
    )
    return hashlib.sha256(f"{digest}\0{text}".encode()).hexdigest()


def _home_names() -> set[str]:
    try:
        home = Path.home()
    except RuntimeError:  # a user without an entry in the system, as in containers
        return set()
    return {str(home), str(home.resolve())}


def _files_of(method: Method) -> list[Path]:
    """Return a builder's file, and those of ``baselines`` and of the user's own that it imports."""
    own = own_files(method)
    files = [_file_of_builder(method), *([] if own is None else imported_files(own))]
    for file in files:  # grows while it is read
        for name in _imported_baselines(file):
            path = package_root("baselines") / f"{name}.py"
            if path.is_file() and path not in files:
                files.append(path)
    return [files[0], *sorted(files[1:])]


def _imported_baselines(file: Path) -> list[str]:
    if file.suffix != ".py":
        return []
    try:
        content = file.read_bytes()
        if b"baselines" not in content:  # parsing takes longer than all the rest of a table
            return []
        tree = ast.parse(content)
    except (OSError, SyntaxError, ValueError) as error:
        raise RefusedInput(f"{file}: cannot read as Python ({error})") from error
    modules = [
        name
        for node in ast.walk(tree)
        for name in (
            # the module, and `from baselines import fcn`, which names it last
            [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    ]
    return [module.split(".")[1] for module in modules if module.startswith("baselines.")]


def _file_of_builder(method: Method) -> Path:
    module = method.builder.partition(":")[0]
    loaded = sys.modules.get(module)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        spec = importlib.util.find_spec(module)
        origin = spec.origin if spec else None
    if origin is None:
        raise RefusedInput(f"{method.name}: no file of the module {module}")
    return Path(origin)


def _cpu_model() -> str | None:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or None


def _gpu_model() -> str | None:
    if "torch" not in sys.modules and _without_accelerator():
        return None
    try:
        import torch  # noqa: PLC0415 - a machine is described without torch too
    except ImportError:
        return None
    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else None


def _without_accelerator() -> bool:
    """Whether no driver has made a device that torch could compute on, so that torch need not be asked."""
    if not sys.platform.startswith("linux"):
        return False
    devices = [*Path("/dev").glob("nv*"), Path("/dev/kfd"), Path("/dev/dxg")]  # CUDA, ROCm, Windows below
    return not any(device.exists() for device in devices if not device.name.startswith("nvme"))


def usable_cores() -> int | None:
    """Return the cores that this process may run on; None where the system does not say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
