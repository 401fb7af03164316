"""Curves of a user's own network: shown when its file is named, and said when it is not."""

import pytest
from made_records import make_record

from bench.errors import NotMeasured
from bench.models import resolve
from bench.report.curves import training_records, write_curves
from bench.results.provenance import current_sources
from bench.results.store import write_record


def test_an_own_network_s_curve_is_found_when_its_file_is_named(write, tmp_path):
    path = write("from torch import nn\ndef build(num_classes):\n    return nn.Conv2d(3, num_classes, 1)\n")
    method = resolve(f"{path}:build")
    identity = {"model": "mynet", "recipe": {"model": "mynet.py:build"}}
    record = make_record("training", identity, {}, {"source": current_sources(method), "dirty": False})
    write_record(record, tmp_path)
    assert training_records("camvid", tmp_path) == []
    with pytest.raises(NotMeasured, match=r"mynet\.py:build"):
        write_curves("camvid", tmp_path)
    shown = training_records("camvid", tmp_path, [method])
    assert [one.id for one in shown] == [record.id]
    written = write_curves("camvid", tmp_path, own=[method])
    assert {path.name.partition(".")[0] for path in written} == {"own-curves-camvid"}
