"""Table 1 with a few measured cells."""

from dataclasses import replace

import pytest

from baselines.method import Method
from bench.reproduce.table import FITTED, reproduce
from bench.reproduce.table_result import Point, Reproduction, Result

NONE: dict[str, Method] = {}


@pytest.fixture(scope="package")
def unmeasured(tmp_path_factory: pytest.TempPathFactory) -> Reproduction:
    return reproduce("table1", tmp_path_factory.mktemp("home"), NONE)


@pytest.fixture
def judged(unmeasured: Reproduction) -> Reproduction:
    """Table 1 with one cost that matches, one accuracy on other data and a note that looks like a formula."""
    results = dict(unmeasured.results)
    flops, miou, time = (results["carnet-mobile", column].cell for column in ("flops", "miou", "time"))
    results["carnet-mobile", "flops"] = Result(flops, 17.623597472, "equal", fitted=True)
    results["carnet-mobile", "miou"] = Result(miou, 57.12, "other data", "camvid | test", "ab12")
    results["carnet-mobile", "time"] = Result(time, 250.0, "other machine", "=1+1")
    points = (
        Point("carnet-mobile", "CARNet-Mobile", "camvid test", 3.873, 57.12, synthetic=False),
        Point("carnet-mobile", "CARNet-Mobile", "scenes test", 3.873, 41.0, synthetic=True),
    )
    return replace(unmeasured, results=results, notes=(FITTED,), points=points)
