"""A record: its identity, and what is refused when it is made or read."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from made_records import make_record

from bench.errors import RefusedInput
from bench.results.record import from_json, record_id, to_json

ROOT = Path(__file__).parents[2]


def speed(**values):
    return make_record("speed", {"size": (512, 1024)}, {"median_ms": 12.5, **values}, {})


def edited(**changes):
    """A record's document with keys changed, its digest made right again as by a careful editor."""
    document = json.loads(to_json(speed()))
    document.update(changes)
    document = {name: value for name, value in document.items() if value is not ...}
    document.pop("content_sha256", None)
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    document["content_sha256"] = hashlib.sha256(canonical).hexdigest()
    return json.dumps(document)


def test_the_id_is_the_digest_of_the_canonical_identity():
    # keys sorted, no spaces, text in ASCII
    by_hand = b'{"a":[1,2.5,null],"take":0,"z":"\\u00e9"}'
    assert record_id({"z": "é", "take": 0, "a": (1, 2.5, None)}) == hashlib.sha256(by_hand).hexdigest()


def test_the_id_of_a_known_identity_stays_what_it_is():
    # golden: `printf '%s' '{"method":"carnet-mobile","take":0}' | sha256sum`
    expected = "a4e272ab740bf10569acc531a8368bc6b6c6d2181ad0f2826ee49378d0669d23"
    assert record_id({"method": "carnet-mobile", "take": 0}) == expected


def test_order_of_keys_does_not_change_the_id_and_every_value_does():
    one = record_id({"a": 1, "b": 2, "take": 0})
    assert record_id({"take": 0, "b": 2, "a": 1}) == one
    assert (
        len({one, *(record_id({"a": 1, "b": 2, "take": 0, **change}) for change in ({"a": 3}, {"take": 1}))})
        == 3
    )


def test_what_was_measured_and_how_it_came_about_are_no_part_of_the_id():
    one = make_record("speed", {}, {"median_ms": 1.0}, {"commit": "a"}, notes=["x"])
    other = make_record("speed", {}, {"median_ms": 2.0}, {"commit": "b"}, reasons=["busy"])
    assert one.id == other.id


def test_a_record_comes_back_as_it_went():
    record = make_record(
        "accuracy",
        {"model": "m", "protocol": {"scales": (1, 0.5)}},
        {"miou": np.float64(0.1) + 0.2, "iou": {"a": 0.5, "b": None}, "images": np.int64(3)},
        {"commit": None, "dirty": False, "command": ["a", "é\n"]},
        notes=["initial weights: none"],
        smoke=True,
    )
    assert record.identity.take == 0
    # as given, though the view has 1.0: the id is that of what is stored
    assert record.stored["identity"]["protocol"]["scales"] == [1, 0.5]
    assert type(record.values.images) is int
    back = from_json(to_json(record), "x.json")
    assert back == record
    # every bit of the number: 0.1 + 0.2 is not 0.3
    assert back.values.miou == 0.30000000000000004
    assert to_json(back) == to_json(record)


def test_a_record_is_valid_exactly_when_there_is_no_reason_against_it():
    assert speed().valid
    refused = make_record("speed", {}, {}, {}, reasons=["drift 7 %"])
    assert (refused.valid, refused.reasons) == (False, ["drift 7 %"])
    with pytest.raises(RefusedInput, match=r"valid is True with reasons \['drift 7 %'\]"):
        make_record("speed", {}, {}, {}, valid=True, reasons=["drift 7 %"])
    with pytest.raises(RefusedInput, match=r"valid is False with reasons \[\]"):
        make_record("speed", {}, {}, {}, valid=False)


def test_another_take_is_the_same_measurement_under_another_id():
    record = speed()
    other = record.revised(identity={"take": 3})
    assert other.stored["identity"] == {**record.stored["identity"], "take": 3}
    assert other.values == record.values
    assert other.id == record_id(other.stored["identity"]) != record.id
    assert record.identity.take == 0


def test_a_key_that_came_later_has_its_default_in_the_view_and_is_not_stored():
    record = speed()
    assert (record.identity.deploy, record.identity.heap, record.values.peak_mib) == (False, "system", None)
    assert {"deploy", "heap"}.isdisjoint(record.stored["identity"])


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"identity": {"threads": "2"}}, "identity.threads is '2'; expected a valid integer"),
        ({"identity": {"size": [512]}}, "identity.size.1 is missing"),
        ({"identity": {"size": [512, 1.5]}}, "identity.size.1 is 1.5; expected a valid integer"),
        ({"identity": {"machine": []}}, "identity.machine is a list; expected"),
        ({"identity": {"precission": "x"}}, "identity.precission is a key that this version does not know"),
        ({"values": {"median_ms": None}}, "values.median_ms is a NoneType; expected a valid number"),
        ({"values": {"samples_ms": [1.0, "2"]}}, "values.samples_ms.1 is '2'; expected a valid number"),
        ({"provenance": {"dirty": 0}}, "provenance.dirty is 0; expected a valid boolean"),
    ],
)
def test_a_wrong_type_in_a_signed_record_is_refused_in_one_line_with_file_and_key(part, message):
    document = json.loads(to_json(speed()))
    for name, changes in part.items():
        document[name] |= changes
    text = edited(**{name: document[name] for name in part}, id=record_id(document["identity"]))
    with pytest.raises(RefusedInput) as caught:
        from_json(text, "speed/a.json")
    assert str(caught.value).startswith(f"speed/a.json: {message}")
    assert "\n" not in str(caught.value)


def test_the_committed_records_keep_ids_and_digests():
    count = 0
    for path in sorted((ROOT / "results" / "records").glob("*/*.json")):
        content = path.read_text()
        record = from_json(content, path)
        assert (record.id, to_json(record)) == (path.stem, content)
        count += 1
    assert count == 279


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": float("inf")}, "values.a is inf; expected a finite number"),
        ({"a": {"b": [1, np.float32("nan")]}}, "values.a.b[1] is nan"),
        ({"a": np.zeros(3)}, "values.a is a ndarray; expected a number"),
        ({"a": {1: 2}}, "values.a has the key 1; expected text"),
        ({"a": b"x"}, "values.a is a bytes"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_key(values, message):
    with pytest.raises(RefusedInput) as caught:
        make_record("speed", {}, values, {})
    assert message in str(caught.value)


@pytest.mark.parametrize("take", [-1, True, 1.0, "1", None])
def test_a_take_is_a_whole_number(take):
    with pytest.raises(RefusedInput, match=r"identity\.take is .*; expected"):
        make_record("speed", {"take": take}, {}, {})


def test_the_careful_editor_of_these_tests_makes_what_is_read():
    assert from_json(edited(), "a.json") == speed()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (edited(mean_ms=1.0), "mean_ms is a key"),
        (edited(notes=..., smoke=...), "smoke is missing"),
        (edited(schema=2), "schema 2; this version reads 1"),
        (edited(schema=...), "schema None; this version reads 1"),
        (edited(schema=True), "schema True; this version reads 1"),
        (edited(kind="cost"), "kind 'cost'; expected accuracy, training, speed"),
        (edited(valid=1), "valid is 1; expected a valid boolean"),
        (edited(valid=False), "valid is False with reasons []"),
        (edited(values=[1]), "values is a list; expected"),
        (edited(notes=[1]), "notes.0 is 1; expected a valid string"),
        (edited(id="0" * 64), "is not that of its identity"),
        (edited(sidecar="a.npz"), "sidecar is 'a.npz'; expected"),
        (edited(sidecar={"file": "a"}), "sidecar.sha256 is missing"),
        (
            edited(sidecar={"file": "../../a.npz", "sha256": "0" * 64}),
            "sidecar.file is '../../a.npz'; expected ",
        ),
        (
            edited(sidecar={"file": f"{speed().id}.npz", "sha256": "0"}),
            "sidecar.sha256 is '0'; ",
        ),
        ("[]", "not a record but a list"),
        ("", "not a record (Expecting value"),
        ('{"a": 1, "a": 2}', "not a record (key 'a' twice)"),
        ('{"a": -Infinity}', "not a record (-Infinity is not a value)"),
        ("[" * 100_000, "not a record ("),
        (b"\xff\xfe", "not a record ("),
        ('{"a": ' + "9" * 5000 + "}", "not a record ("),
    ],
)
def test_what_is_not_a_record_is_refused_by_file(text, message):
    with pytest.raises(RefusedInput) as caught:
        from_json(text, "speed/a.json")
    assert str(caught.value).startswith("speed/a.json: ")
    assert message in str(caught.value)
