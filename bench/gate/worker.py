"""The other process of a comparison: the gate's own modules around the code of another tree.

Run by path, with that tree first on ``PYTHONPATH``, which may be older than the gate. It answers in lines of
JSON on stdout; what the tree's own code prints goes to stderr.

Example: python -P bench/gate/worker.py measure counts golden -- carnet-mobile
"""

import ctypes
import importlib.util
import json
import signal
import sys
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1  # prctl.h


def adopt_gate(folder: Path) -> None:
    """Let ``bench.gate`` mean the modules in this folder, whatever tree ``bench`` itself is of."""
    spec = importlib.util.spec_from_file_location(
        "bench.gate", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder}: not a package")
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench.gate"] = module
    spec.loader.exec_module(module)


def main() -> None:
    """Do what the words of the command line ask."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # it ends with the gate, however that ends
    answers, sys.stdout = sys.stdout, sys.stderr

    def say(document: dict[str, Any]) -> None:
        answers.write(json.dumps(document, allow_nan=False) + "\n")
        answers.flush()

    adopt_gate(Path(__file__).resolve().parent)
    task, *words = sys.argv[1:]
    import baselines  # noqa: PLC0415 - only now is it certain which tree is meant

    say({"tree": str(Path(baselines.__file__).resolve().parent.parent)})
    if task == "measure":
        from bench.gate.measuring import serve  # noqa: PLC0415

        kinds, names = words[: words.index("--")], words[words.index("--") + 1 :]
        serve(kinds, names, say)
    else:
        from bench.gate.sampling import serve_samples  # noqa: PLC0415

        serve_samples(json.loads(words[0]), sys.stdin, say)


if __name__ == "__main__":
    main()
