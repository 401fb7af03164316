"""Which code and which machine made a table, a page or a plot."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bench.results.provenance import machine, package_root, versions
from bench.results.repository import code_state


@dataclass(frozen=True)
class Origin:
    """Where something generated comes from.

    Attributes:
        commit: Commit of the code, with ``+`` when the code had uncommitted changes, ``?`` when that is not
            known; the package's version where there is no repository.
        machine: Processor, cores, GPU and system; never a host or user name.
    """

    commit: str
    machine: str

    @property
    def line(self) -> str:
        """Both in one line."""
        return f"made by {self.commit} on {self.machine}"


def sealed(text: str, start: str, end: str = "") -> str:
    """Return a page with a last line that holds the SHA-256 of all others.

    A page that no table stands behind takes commit and machine from itself when it is rebuilt; the digest
    shows that they, too, are as written.

    Args:
        text: The page, which ends with a line end.
        start, end: What starts and ends a comment.
    """
    return f"{text}{start} sha256 of all above: {hashlib.sha256(text.encode()).hexdigest()}{end}\n"


def is_sealed(text: str, start: str, end: str = "") -> bool:
    """Say whether the last line of a page is the digest of all others; parameters as `sealed`."""
    body, _, _ = text.rpartition(f"{start} sha256 of all above: ")
    return sealed(body, start, end) == text


def origin() -> Origin:
    """Return the origin of what is made now, here."""
    state = code_state(package_root())
    if state.commit is None:
        made_by = f"carnet-bench {versions().get('carnet-bench') or 'of unknown version'}"
    else:
        made_by = f"commit {state.commit[:12]}"
    made_by += {True: "+", False: "", None: "?"}[state.dirty]
    found = machine()
    parts = [found.get("cpu") or "unknown processor", f"{found.get('logical_cores')} cores"]
    if found.get("gpu"):
        parts.append(found["gpu"])
    parts.append(found["system"])
    return Origin(made_by, ", ".join(parts))
