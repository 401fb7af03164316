"""One measurement as one immutable JSON document; its name is the digest of what defines it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from bench.errors import RefusedInput

SCHEMA = 1
KINDS = ("accuracy", "training", "speed")
_CHECKSUM = "content_sha256"
_HEX_DIGITS = set("0123456789abcdef")


@dataclass(frozen=True)
class Record:
    """One measurement.

    Attributes
    ----------
    schema
        Version of this format.
    kind
        ``accuracy``, ``training`` or ``speed``.
    id
        SHA-256 of the identity, see `record_id`.
    identity
        What defines the measurement: method, recipe with seed, weights, data, protocol, engine, size,
        threads; for times the machine; and ``take``, which counts repetitions of the same measurement from 0.
    values
        What was measured; numbers carry their unit in their name, None is "not measured".
    provenance
        How it came about: command, commit, source digests, machine, versions, load.
    valid
        False when the measurement is kept but must not be tabulated.
    reasons
        Why it is not valid; empty exactly when it is valid.
    smoke
        True for a run that only shows that the parts fit together; never tabulated.
    notes
        Remarks to print beside the values.
    sidecar
        ``{"file": "ID.npz", "sha256": ...}`` when arrays belong to the record, else None.
    """

    schema: int
    kind: str
    id: str
    identity: dict[str, Any]
    values: dict[str, Any]
    provenance: dict[str, Any]
    valid: bool
    reasons: list[str]
    smoke: bool
    notes: list[str]
    sidecar: dict[str, str] | None = None


def record_id(identity: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the identity's canonical JSON (sorted keys, no spaces, no NaN) as hex.

    Raises
    ------
    RefusedInput
        The identity holds something that JSON cannot (NaN, an object), named by its key.
    """
    return hashlib.sha256(_canonical(_plain(identity, "identity"))).hexdigest()


def make_record(
    kind: str,
    identity: Mapping[str, Any],
    values: Mapping[str, Any],
    provenance: Mapping[str, Any],
    *,
    valid: bool | None = None,
    reasons: Iterable[str] = (),
    smoke: bool = False,
    notes: Iterable[str] = (),
) -> Record:
    """Build a record; it is valid when there is no reason against it.

    ``identity["take"]`` is 0 when not given. Tuples become lists and numpy's scalars plain numbers, so that
    the record equals what is read back from its file.

    Raises
    ------
    RefusedInput
        Unknown kind; NaN, infinity or an object JSON cannot hold; ``valid`` that contradicts ``reasons``.
    """
    reasons = list(reasons)
    document = {
        "schema": SCHEMA,
        "kind": kind,
        "id": "",
        "identity": _plain({"take": 0, **identity}, "identity"),
        "values": _plain(values, "values"),
        "provenance": _plain(provenance, "provenance"),
        "valid": not reasons if valid is None else valid,
        "reasons": reasons,
        "smoke": smoke,
        "notes": list(notes),
        "sidecar": None,
    }
    document["id"] = record_id(document["identity"])
    return _checked(document, f"new {kind} record")


def with_take(record: Record, take: int) -> Record:
    """Return the same measurement as another take of it, so under another id."""
    identity = {**record.identity, "take": take}
    return replace(record, identity=identity, id=record_id(identity), sidecar=None)


def to_json(record: Record) -> str:
    """Return the record's file content; it ends with a digest of the rest, so that no edit goes unseen."""
    document = asdict(record)
    document[_CHECKSUM] = hashlib.sha256(_canonical(document)).hexdigest()
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def from_json(text: str | bytes, source: object) -> Record:
    """Read a record strictly.

    Parameters
    ----------
    text
        The file's content.
    source
        The file, for the message.

    Raises
    ------
    RefusedInput
        Not JSON, a duplicate, unknown or missing key, a wrong type, NaN or infinity, another schema, an id
        that is not its identity's, or content that was changed after it was written.
    """
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RefusedInput(f"{source}: not a record ({error})") from error
    if not isinstance(document, dict):
        raise RefusedInput(f"{source}: not a record but a {type(document).__name__}; must be an object")
    # a newer schema may have other keys, so it is named before they are compared
    if document.get("schema") != SCHEMA:
        raise RefusedInput(f"{source}: schema {document.get('schema')!r}; this version reads {SCHEMA}")
    expected = [field.name for field in fields(Record)] + [_CHECKSUM]
    if unknown := sorted(set(document) - set(expected)):
        raise RefusedInput(f"{source}: unknown keys {', '.join(unknown)}; known are {', '.join(expected)}")
    if missing := [name for name in expected if name not in document]:
        raise RefusedInput(f"{source}: missing keys {', '.join(missing)}")
    checksum = document.pop(_CHECKSUM)
    record = _checked(document, source)
    actual = hashlib.sha256(_canonical(document)).hexdigest()
    if checksum != actual:
        raise RefusedInput(
            f"{source}: content changed after it was written (SHA-256 {actual}, the file says {checksum})",
            then="restore the file from version control, or measure again",
        )
    return record


def _checked(document: dict[str, Any], source: object) -> Record:
    """Return the record of a document whose keys are right, or refuse its types and contradictions."""
    types: dict[str, type | tuple[type, ...]] = {
        "schema": int,
        "kind": str,
        "id": str,
        "identity": dict,
        "values": dict,
        "provenance": dict,
        "valid": bool,
        "reasons": list,
        "smoke": bool,
        "notes": list,
        "sidecar": (dict, type(None)),
    }
    for name, wanted in types.items():
        value = document[name]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            wanted_name = "object or null" if isinstance(wanted, tuple) else wanted.__name__
            raise RefusedInput(f"{source}: {name} is a {type(value).__name__}; must be {wanted_name}")
        _plain(value, f"{source}: {name}")
    if document["kind"] not in KINDS:
        raise RefusedInput(f"{source}: kind {document['kind']!r}; have {', '.join(KINDS)}")
    for name in ("reasons", "notes"):
        if wrong := [item for item in document[name] if not isinstance(item, str)]:
            raise RefusedInput(f"{source}: {name} holds {wrong[0]!r}; must be text")
    if document["valid"] == bool(document["reasons"]):
        raise RefusedInput(
            f"{source}: valid is {document['valid']} with reasons {document['reasons']}; "
            "a record has reasons exactly when it is not valid"
        )
    take = document["identity"].get("take")
    if not isinstance(take, int) or isinstance(take, bool) or take < 0:
        raise RefusedInput(f"{source}: identity.take is {take!r}; must be a whole number from 0")
    if document["id"] != (actual := record_id(document["identity"])):
        raise RefusedInput(f"{source}: id {document['id']} is not that of its identity, {actual}")
    if document["sidecar"] is not None:
        _check_sidecar(document["sidecar"], document["id"], source)
    return Record(**document)


def _check_sidecar(sidecar: dict[str, Any], own_id: str, source: object) -> None:
    if set(sidecar) != {"file", "sha256"}:
        raise RefusedInput(f"{source}: sidecar has keys {sorted(sidecar)}; must be file, sha256")
    # only this name: a record must not make us read another file
    if sidecar["file"] != f"{own_id}.npz":
        raise RefusedInput(f"{source}: sidecar.file is {sidecar['file']!r}; must be {own_id}.npz")
    digest = sidecar["sha256"]
    if not isinstance(digest, str) or len(digest) != 64 or not set(digest) <= _HEX_DIGITS:
        raise RefusedInput(f"{source}: sidecar.sha256 is {digest!r}; must be 64 hex digits")


def _canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _plain(value: Any, where: str) -> Any:
    """Return the value as JSON reads it back; refuse what it cannot hold, naming where."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RefusedInput(f"{where} is {value}; must be finite, or null when not measured")
        return value
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise RefusedInput(f"{where} has the key {wrong[0]!r}; keys must be text")
        return {key: _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise RefusedInput(f"{where} is a {type(value).__name__}; must be a number, text, list, object or null")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        duplicate = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {duplicate!r} twice")
    return dict(pairs)


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not a value")
