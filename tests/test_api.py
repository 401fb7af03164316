"""The Python interface: four functions, frames, no torch before it is needed."""

import math
import subprocess
import sys

import pandas as pd
import pytest
from made_records import make_record

from bench import api
from bench.errors import UsageError
from bench.results.frame import COLUMNS
from bench.results.store import add_record


@pytest.fixture
def home(tmp_path):
    for record in (
        make_record("speed", {"batch": 2}, {"median_ms": 12.5}, {"started_utc": "2026-01-01T00:00:00Z"}),
        make_record("accuracy", {}, {"miou": 0.5}, {}),
        make_record("training", {"model": "enet"}, {}, {}, reasons=["diverged"]),
    ):
        add_record(record, tmp_path)
    return tmp_path


def test_importing_it_imports_no_torch():
    code = "import sys, bench.api; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_records_are_a_row_each_with_value_and_unit(home):
    frame = api.records(home=home)
    assert tuple(frame.columns) == COLUMNS
    assert list(frame["kind"]) == ["accuracy", "training", "speed"]
    assert [f"{row.value:g} {row.unit}" for row in frame.itertuples()] == [
        "50 % mIoU",
        "nan % val mIoU",
        "12.5 ms",
    ]
    assert list(frame["data"]) == ["camvid test", "camvid train", "512x1024"]
    assert list(frame["detail"]) == ["camvid-quick, seed 0, 12 epochs"] * 2 + ["eager, batch 2"]
    assert frame["where"].iloc[-1] == "Some CPU, 2 threads"
    assert list(frame["why_not"]) == ["no source digest", "not valid: diverged", "no source digest"]
    assert not frame["tabulated"].any()
    assert list(frame["valid"]) == [True, False, True]
    assert math.isnan(frame["value"].iloc[1])


def test_records_are_filtered_by_kind_model_and_data(home):
    assert list(api.records(kind="speed", home=home)["kind"]) == ["speed"]
    assert list(api.records(model="enet", home=home)["kind"]) == ["training"]
    assert list(api.records(data="camvid", home=home)["kind"]) == ["accuracy", "training"]
    assert api.records(kind="speed", data="camvid", home=home).empty
    with pytest.raises(UsageError, match="accuracy, training, speed"):
        api.records(kind="cost", home=home)


def test_a_study_is_a_frame_in_long_form(tmp_path):
    frame = api.table("table5", home=tmp_path)
    assert {"row", "column", "printed", "measured", "verdict"} <= set(frame.columns)
    assert set(frame["verdict"].dropna()) == {"not measured"}


def test_costs_are_a_row_per_component_and_the_total():
    frame = api.cost("carnet-mobile", size_hw=(64, 96))
    assert list(frame.index) == ["bs", "carmodule", "crp", "others", "total"]
    assert frame.loc["total", "gflops"] == 2 * frame.loc["total", "gmacs"]
    assert frame["params_m"][:-1].sum() == pytest.approx(frame.loc["total", "params_m"])
    assert isinstance(frame, pd.DataFrame)


def test_a_network_is_built_by_name():
    import torch

    network = api.build("carnet-mobile", num_classes=3).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 64)).shape[1] == 3
