"""Where output goes: one JSON document on stdout, everything else on stderr."""

import json
import sys
from typing import Any


def print_json(document: Any) -> None:
    """Write one JSON document to stdout.

    Raises
    ------
    ValueError
        NaN or infinity in the document; nothing is written then.
    """
    # whole before the first byte goes out: json.dump would leave half a document behind
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def log(line: str) -> None:
    """Write a line for the reader to stderr."""
    print(line, file=sys.stderr, flush=True)
