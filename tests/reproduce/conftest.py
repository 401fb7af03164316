"""The four tables, counted once for all tests here; there are no records, so times stay not measured."""

import pytest

from bench.reproduce.judged import Reproduction
from bench.reproduce.tables import REPRODUCIBLE, reproduce


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reproduction]:
    home = tmp_path_factory.mktemp("home")
    return {name: reproduce(name, home) for name in REPRODUCIBLE}
