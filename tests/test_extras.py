"""Optional packages."""

from __future__ import annotations

import pytest

from bench.errors import UsageError
from bench.extras import import_extra


@pytest.mark.parametrize(
    ("extra", "install"), [("engines", "'carnet-bench[engines]'"), (None, "no_such_engine")]
)
def test_a_missing_package_is_a_usage_error_that_says_what_to_install(extra: str, install: str) -> None:
    with pytest.raises(UsageError, match="no_such_engine") as refused:
        import_extra("no_such_engine", extra)
    assert refused.value.then == f"pip install {install}"
