"""Which records a reader takes: each rule by hand."""

import pytest
from made_records import make_record

from baselines.registry import METHODS
from bench.results import provenance
from bench.results.provenance import current_sources
from bench.results.select import Tabulated, in_one_run, is_single_pass, is_time_of, newest, newest_first


def timed(run=None, started=None, **identity):
    return make_record("speed", identity, {}, {"run": run, "started_utc": started})


def test_the_latest_is_the_last_started_then_the_later_take():
    old, new = timed(started="2026-01-01T00:00:00Z"), timed(started="2026-01-02T00:00:00Z")
    again = new.revised(identity={"take": 1})
    unknown = timed(threads=3)
    assert newest_first([old, unknown, again, new]) == [again, new, old, unknown]
    assert newest([old, new]) == new
    assert newest([]) is None


@pytest.mark.parametrize(
    "changes",
    [{"scales": [0.5, 1.0]}, {"flip": True}, {"window": [64, 64], "stride": [32, 32]}],
)
def test_a_single_pass_shows_each_image_once_and_whole(changes):
    assert is_single_pass(make_record("accuracy", {}, {}, {}))
    assert not is_single_pass(make_record("accuracy", {"protocol": changes}, {}, {}))


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "enet"},
        {"size": [256, 512]},
        {"num_classes": 11},
        {"batch": 2},
        {"engine": "openvino"},
        {"deploy": True},
        {"measured": "end to end"},
        {"options": {"variant": "other"}},
    ],
)
def test_a_time_is_of_one_row_size_and_form_and_of_the_network_alone(changes):
    wanted = ("carnet-mobile", (512, 1024), 19)
    assert is_time_of(timed(), *wanted, options={})
    assert not is_time_of(timed(**changes), *wanted, options={})


def test_only_times_of_one_run_make_a_pair_the_latest_first():
    one = [timed(name, f"2026-01-0{day}T00:00:00Z") for day, name in enumerate(("a", "b", None), start=1)]
    other = [timed(name, model="enet") for name in ("a", "b", "c", None)]
    assert in_one_run(one, other) == (one[1], other[1])
    assert in_one_run(one[2:], other) is None


def test_a_change_of_deploy_code_makes_deployed_times_stale_and_no_other(monkeypatch):
    method = METHODS["carnet-mobile"]
    sources = [current_sources(method, deployed=deploy) for deploy in (False, True)]
    plain = make_record("speed", {}, {}, {"source": sources[0], "dirty": False})
    deployed = make_record("speed", {"deploy": True}, {}, {"source": sources[1], "dirty": False})
    scored = make_record("accuracy", {}, {}, {"source": current_sources(method), "dirty": False})
    assert set(deployed.provenance.source) == {"carnet", "method", "fast"}
    assert all(one in Tabulated(METHODS) for one in (plain, deployed, scored))
    real = provenance.source_digest

    def changed(paths):
        c_code = [path for path in paths if path.suffix == ".c"]
        return real(paths) + ("changed" if c_code else "")

    monkeypatch.setattr(provenance, "source_digest", changed)
    tabulated = Tabulated(METHODS)
    assert tabulated.why_not(deployed) == "stale: changed since fast"
    assert tabulated.why_not(plain) is None
    assert tabulated.why_not(scored) is None


def test_of_c_every_byte_counts(tmp_path):
    file = tmp_path / "a.c"
    file.write_text("int a; /* one */\n")
    before = provenance.source_digest([file])
    file.write_text("int a; /* two */\n")
    assert provenance.source_digest([file]) != before
