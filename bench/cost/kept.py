"""Counts that were taken before: kept in the user's cache folder, so that no network is counted twice.

What decides a count is part of its name: the files of ``carnet``, ``baselines`` and this package, the
versions of what builds and counts, the method, its classes and input size, and which counts were wanted.
Networks of the user's own may read anything else, so they are counted each time.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from baselines.method import Method
from bench import cache
from bench.cost.costs import ALL, COUNTED, Costs, Counts
from bench.errors import RefusedInput
from bench.files import read_regular, write_atomic

PACKAGES = ("torch", "torchvision", "timm", "segmentation-models-pytorch", "ptflops", "numpy")
_FORMAT = 1
_MOST_STATES = 16
"""Versions of code and packages whose counts are kept; those of older ones are removed."""


def kept_costs(
    method: Method,
    num_classes: int = 19,
    size_hw: tuple[int, int] = (512, 1024),
    which: Collection[str] = ALL,
    *,
    components: bool = True,
) -> Costs:
    """Return what `bench.cost.count.count_costs` returns, without counting what was counted before.

    A network that cannot be counted is tried each time.
    """

    def count() -> Costs:
        from bench.cost.count import count_costs  # noqa: PLC0415 - imports torch, which kept counts do not need

        return count_costs(method, num_classes, size_hw, which, components=components)

    if not _is_of_the_tree(method):
        return count()
    asked = json.dumps([repr(method), num_classes, list(size_hw), sorted(which), components])
    if cache.is_made_anew():
        return cache.anew(f"counts {asked}", count)
    path = _path(asked)
    found = None if path is None else _read(path)
    if found is not None:
        return found
    costs = count()
    # changed while it was counted, or since Python has read it: nobody knows of which code the count is
    if path is not None and path == _path(asked):
        _write(path, costs)
    return costs


def folder() -> Path | None:
    """Return the folder of counts; None where nothing can be kept."""
    return cache.cache_folder("counts")


def _is_of_the_tree(method: Method) -> bool:
    """Whether the files of ``carnet`` and ``baselines`` decide what a method's count is."""
    return method.group != "own" and method.builder.partition(".")[0] in ("carnet", "baselines")


def _path(asked: str) -> Path | None:
    """Return the file of a count, named by all that decides it; None where none can be kept."""
    parent, code = folder(), _code()
    if parent is None or code is None:
        return None
    return parent / code / f"{_digest(asked.encode())}.json"


def _code() -> str | None:
    """Return the digest of the code that counts and of what it stands on.

    None where a file is newer than this process, which may have read it before.
    """
    here = Path(__file__).parent
    sources = [*_package("carnet").glob("*.py"), *_package("baselines").glob("*.py")]
    sources += [*here.glob("*.py"), here.parent / "torch_settings.py", *(here.parent / "own").glob("*.py")]
    return cache.digest_of_code(sources, (str(_FORMAT), *cache.installed_versions(PACKAGES)))


@functools.cache
def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise RefusedInput(f"package {name} is not installed")
    return Path(spec.origin).parent


def _read(path: Path) -> Costs | None:
    """Return the costs of a file; None where there is none, or it is not as it was written."""
    with suppress(RefusedInput, ValueError, TypeError, KeyError, AttributeError):
        document = json.loads(read_regular(path))
        costs = document["costs"]
        if document["sha256"] != _digest(_text(costs)):
            return None
        cut = {part: Counts(**counts) for part, counts in costs.pop("components").items()}
        return Costs(
            **{
                **costs,
                "components": cut,
                "notes": tuple(costs["notes"]),
                "size_hw": tuple(costs["size_hw"]),
            }
        )
    return None


def _write(path: Path, costs: Costs) -> None:
    values: dict[str, Any] = {one.name: getattr(costs, one.name) for one in fields(costs)}
    cut = {
        part: {name: getattr(counts, name) for name in COUNTED} for part, counts in costs.components.items()
    }
    values |= {"components": cut, "notes": list(costs.notes), "size_hw": list(costs.size_hw)}
    document = {"costs": values, "sha256": _digest(_text(values))}
    with suppress(RefusedInput, OSError):  # a full disk: the count is the answer, kept or not
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            cache.keep_newest(path.parent.parent, _MOST_STATES)
        write_atomic(path, json.dumps(document))


def _text(costs: object) -> bytes:
    return json.dumps(costs, sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
