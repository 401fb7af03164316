"""Where output goes: one JSON document on stdout, everything else on stderr."""

import json
import sys
from typing import Any


def print_json(document: Any) -> None:
    """Write one JSON document to stdout; NaN is an error here, not a value."""
    json.dump(document, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def log(line: str) -> None:
    """Write a line for the reader to stderr."""
    print(line, file=sys.stderr, flush=True)
