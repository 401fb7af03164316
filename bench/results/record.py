"""One measurement as one immutable JSON document; its name is the digest of what defines it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from bench.errors import RefusedInput
from bench.results.plain_json import canonical, fault, plain, strict_json
from bench.results.record_types import AccuracyIdentity, SpeedIdentity, TrainingIdentity
from bench.results.value_types import AccuracyValues, Provenance, Sidecar, SpeedValues, TrainingValues

SCHEMA = 1
_CHECKSUM = "content_sha256"

Head = dict[str, Any]
"""A document without its values, identity and provenance as JSON text: what the index keeps."""

Subject = tuple[str | int | None, ...]
"""The model; of a time also its form, its input's height and width, its classes, and what was timed."""


class Record(BaseModel):
    """One measurement.

    Ids and digests are those of ``stored``, the document as it was written: the typed attributes are a view
    of it, in which 1 may have become 1.0 and an absent key its default.

    Attributes:
        id: SHA-256 of the identity, see `record_id`.
        identity: What defines the measurement; for times the machine too; and ``take``, which counts
            repetitions of the same measurement from 0.
        values: What was measured; numbers carry their unit in their name, None is "not measured".
        provenance: How it came about: command, commit, source digests, machine, versions, load.
        valid: False when the measurement is kept but must not be tabulated.
        reasons: Why it is not valid; empty exactly when it is valid.
        smoke: True for a run that only shows that the parts fit together; never tabulated.
        notes: Remarks to print next to the values.
        sidecar: Arrays that belong to the record; None without any.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
    kind: ClassVar[str]

    schema_version: Literal[1] = Field(alias="schema")
    id: str
    identity: AccuracyIdentity | TrainingIdentity | SpeedIdentity
    values: AccuracyValues | TrainingValues | SpeedValues
    provenance: Provenance
    valid: bool
    reasons: list[str]
    smoke: bool
    notes: list[str]
    sidecar: Sidecar | None
    _stored: dict[str, Any] = PrivateAttr(default_factory=dict)
    _head: Head | None = PrivateAttr(None)
    _whole: Callable[[], Record] | None = PrivateAttr(None)

    @property
    def stored(self) -> dict[str, Any]:
        """The document as written, without the digest of its content; not to be changed."""
        self._complete()
        return self._stored

    @property
    def stored_identity(self) -> dict[str, Any]:
        """The identity as written; not to be changed."""
        return json.loads(self._head["identity"]) if self._head else self._stored["identity"]  # type: ignore[no-any-return]

    @property
    def first_id(self) -> str:
        """The id of the measurement's first take."""
        if self._head:
            return str(self._head["first_id"])
        return record_id({**self.stored_identity, "take": 0}) if self.identity.take else self.id

    @property
    def main_value(self) -> float | None:
        """The one number that a list shows: mIoU, the validation mIoU of the kept weights, or the median."""
        if self._head:
            return self._head["main_value"]  # type: ignore[no-any-return]
        if isinstance(self.values, TrainingValues):
            return None if self.values.selection is None else self.values.selection.val_miou
        return self.values.miou if isinstance(self.values, AccuracyValues) else self.values.median_ms

    @property
    def subject(self) -> Subject:
        """What readers select records by before anything else of them is looked at."""
        return (self.identity.model,)

    @property
    def head(self) -> Head:
        """What the index keeps of the record, see `of_head`."""
        document = dict(self.stored)
        del document["values"]
        texts = {name: json.dumps(document[name]) for name in ("identity", "provenance")}
        found = {"first_id": self.first_id, "main_value": self.main_value, "subject": self.subject}
        return {**document, **texts, **found}

    @classmethod
    def of_head(cls, head: Head, whole: Callable[[], Record]) -> Self:
        """Return the record of a head that was checked before; ``whole`` reads the rest when it is wanted."""
        made = cls.model_construct(
            schema_version=SCHEMA,
            identity=_IDENTITIES[cls.kind].model_validate_json(head["identity"]),
            provenance=Provenance.model_validate_json(head["provenance"]),
            sidecar=None if head["sidecar"] is None else Sidecar.model_validate(head["sidecar"]),
            **{name: head[name] for name in ("id", "valid", "reasons", "smoke", "notes")},
        )
        made._head, made._whole = head, whole
        return made

    def _complete(self) -> None:
        if self._whole is not None:
            whole = self._whole()
            self.__dict__.update(whole.__dict__)
            self._stored, self._head, self._whole = whole.stored, None, None

    if not TYPE_CHECKING:  # mypy knows the fields

        def __getattr__(self, name: str) -> Any:
            if name == "values" and self._whole is not None:
                self._complete()
                return self.values
            return super().__getattr__(name)

    @classmethod
    def make(
        cls,
        identity: Mapping[str, Any],
        values: Mapping[str, Any],
        provenance: Mapping[str, Any],
        *,
        valid: bool | None = None,
        reasons: Iterable[str] = (),
        smoke: bool = False,
        notes: Iterable[str] = (),
    ) -> Self:
        """Build a record; it is valid when there is no reason against it.

        ``identity["take"]`` is 0 when not given. Tuples become lists and numpy's scalars plain numbers, so
        that the record equals what is read back from its file.

        Raises:
            RefusedInput: NaN, infinity or an object JSON cannot hold; a missing or unknown key, a wrong type;
                ``valid`` that contradicts ``reasons``.
        """
        reasons = list(reasons)
        identity = plain({"take": 0, **identity}, "identity")
        return cls._of(
            {
                "schema": SCHEMA,
                "kind": cls.kind,
                "id": record_id(identity),
                "identity": identity,
                "values": plain(values, "values"),
                "provenance": plain(provenance, "provenance"),
                "valid": not reasons if valid is None else valid,
                "reasons": reasons,
                "smoke": smoke,
                "notes": list(notes),
                "sidecar": None,
            },
            f"new {cls.kind} record",
        )

    def revised(self, **changes: Any) -> Self:
        """Return the record with other content; identity, values and provenance are merged key by key."""
        document = dict(self.stored)
        for name, value in changes.items():
            whole = {**document[name], **value} if name in ("identity", "values", "provenance") else value
            document[name] = plain(whole, name)
        document["id"] = record_id(document["identity"])
        return type(self)._of(document, f"record {self.id}")

    @classmethod
    def _of(cls, document: dict[str, Any], source: object) -> Self:
        """Return the record of a document, or refuse its types and contradictions."""
        try:
            record = cls.model_validate({name: value for name, value in document.items() if name != "kind"})
        except ValidationError as error:
            raise RefusedInput(f"{source}: {fault(error)}") from error
        record._stored = document
        if record.valid == bool(record.reasons):
            raise RefusedInput(
                f"{source}: valid is {record.valid} with reasons {record.reasons}; "
                "a record has reasons exactly when it is not valid"
            )
        if record.id != (actual := hashlib.sha256(canonical(document["identity"])).hexdigest()):
            raise RefusedInput(f"{source}: id {record.id} is not that of its identity, {actual}")
        # only this name: a record must not make us read another file
        if record.sidecar is not None and record.sidecar.file != f"{record.id}.npz":
            raise RefusedInput(f"{source}: sidecar.file is {record.sidecar.file!r}; expected {record.id}.npz")
        return record


class AccuracyRecord(Record):
    """Scores of trained weights on one split."""

    kind: ClassVar[str] = "accuracy"
    identity: AccuracyIdentity
    values: AccuracyValues


class TrainingRecord(Record):
    """A training run: its curve, and which weights were kept."""

    kind: ClassVar[str] = "training"
    identity: TrainingIdentity
    values: TrainingValues


class SpeedRecord(Record):
    """Times of a network at one size, in one engine, on one machine."""

    kind: ClassVar[str] = "speed"
    identity: SpeedIdentity
    values: SpeedValues

    @property
    def subject(self) -> Subject:
        """The model, the form, height and width, the classes, and the quantity where it is another's time."""
        one = self.identity
        return one.model, one.form, *one.size, one.num_classes, one.measured


RECORD_TYPES: dict[str, type[Record]] = {
    one.kind: one for one in (AccuracyRecord, TrainingRecord, SpeedRecord)
}
KINDS = tuple(RECORD_TYPES)
_IDENTITIES: dict[str, type[AccuracyIdentity | TrainingIdentity | SpeedIdentity]] = {
    "accuracy": AccuracyIdentity,
    "training": TrainingIdentity,
    "speed": SpeedIdentity,
}


def record_id(identity: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the identity's canonical JSON (sorted keys, no spaces, no NaN) as hex.

    Raises:
        RefusedInput: The identity holds something that JSON cannot (NaN, an object), named by its key.
    """
    return hashlib.sha256(canonical(plain(identity, "identity"))).hexdigest()


def to_json(record: Record) -> str:
    """Return the record's file content; it ends with a digest of the rest, so that no edit goes unseen."""
    digest = hashlib.sha256(canonical(record.stored)).hexdigest()
    return json.dumps({**record.stored, _CHECKSUM: digest}, indent=2, allow_nan=False) + "\n"


def from_json(text: str | bytes, source: object) -> Record:
    """Read a record strictly.

    Args:
        text: The file's content.
        source: The file, for the message.

    Raises:
        RefusedInput: Not JSON, a duplicate, unknown or missing key, a wrong type, NaN or infinity, another
            schema, an id that is not its identity's, or content that was changed after it was written.
    """
    try:
        document = strict_json(text)
    except (ValueError, RecursionError) as error:
        raise RefusedInput(f"{source}: not a record ({error})") from error
    if not isinstance(document, dict):
        raise RefusedInput(f"{source}: not a record but a {type(document).__name__}; expected an object")
    # a newer schema may have other keys, so it is named before they are compared
    if (schema := document.get("schema")) != SCHEMA or schema is True:
        raise RefusedInput(f"{source}: schema {schema!r}; this version reads {SCHEMA}")
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in RECORD_TYPES:
        raise RefusedInput(f"{source}: kind {kind!r}; expected {', '.join(KINDS)}")
    checksum = document.pop(_CHECKSUM, None)
    try:
        content = canonical(document)
        if b"\\ud" in content:  # perhaps half of a character: the lines below name its key
            for name, value in document.items():
                plain(value, f"{source}: {name}")
        actual = hashlib.sha256(content).hexdigest()
    except ValueError:  # 1e999 is infinite: the next line names its key
        for name, value in document.items():
            plain(value, f"{source}: {name}")
        raise
    record = RECORD_TYPES[kind]._of(document, source)
    if checksum != actual:
        raise RefusedInput(
            f"{source}: content changed after it was written (SHA-256 {actual}, the file says {checksum})",
            then="restore the file from version control, or re-measure",
        )
    return record
