"""Damaged records that a command leaves out, reported on stderr."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from bench.object_store import shown

_LOG = logging.getLogger(__name__)  # stderr, unless the program that calls us has set up its own
_NAMED = 3
_REPORTED: set[str] = set()


def report_left_out(faults: Sequence[str]) -> None:
    """Report damaged records on stderr: each once, and of many the first few."""
    new = [fault for fault in faults if fault not in _REPORTED]
    _REPORTED.update(new)
    for fault in new[:_NAMED]:
        _LOG.warning("left out: %s", shown(fault))
    if len(new) > _NAMED:
        _LOG.warning("left out: %d more records; carnet-bench audit lists them", len(new) - _NAMED)
