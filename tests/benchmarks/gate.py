"""Whether ``check`` finds a planted slowdown every time, and lets an unchanged tree pass every time.

Two trees of HEAD are compared as ``check --baseline REV`` compares two trees. In one of them the forward pass
of CARNet keeps working until it has taken 5 % longer. For quiet machines: what was not valid is printed as
such, and is neither found nor passed. A repetition takes a minute or two.

python tests/benchmarks/gate.py [--repetitions 20] [--slowdown 5] [--size 128x256] [--against revision|file]
"""

import argparse
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.cli.parsing import parse_size
from bench.gate.findings import Finding
from bench.gate.revision import commit_of, tree_of
from bench.gate.speed import Asked, compare_trees, compare_with_file, measure_ratios
from bench.results.provenance import package_root

Tree = tuple[Path, str]

# repeats a share of its own work: convolutions of the first block, each far below a percent of the whole
PLANTED = """

def _slow_down(share: float) -> None:
    import time

    plain = CARNet.forward
    first = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False).eval()

    def forward(self, image):
        start = time.perf_counter()
        logits = plain(self, image)
        piece = image[..., :32, :32]
        until = start + (1 + share) * (time.perf_counter() - start)
        while time.perf_counter() < until:
            first(piece)
        return logits

    CARNet.forward = forward


_slow_down({share})
"""


def plant(tree: Path, share: float) -> None:
    """Make CARNet in a tree slower by a share."""
    model = tree / "carnet" / "model.py"
    with model.open("a", encoding="utf-8") as stream:
        stream.write(PLANTED.format(share=share))


def compared(before: Tree, now: Tree, asked: Asked, against: str) -> Finding:
    """Return the one finding of two trees, by turns or by way of a file."""
    if against == "file":
        known = measure_ratios(before, asked, lambda *_: None)
        (one,) = compare_with_file(now, known, asked, lambda *_: None)
    else:
        (one,) = compare_trees(before, now, asked, lambda *_: None)
    return one


def main() -> None:
    """Print a line a repetition, then the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--slowdown", type=float, default=5.0, help="planted, percent")
    parser.add_argument("--model", default="carnet-mobile", help="a CARNet")
    parser.add_argument("--size", default="128x256")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--against", choices=("revision", "file"), default="revision")
    given = parser.parse_args()
    asked = Asked((given.model,), parse_size(given.size), given.threads)
    here = package_root()
    verdicts: dict[str, Counter[str]] = {"unchanged": Counter(), "slowed": Counter()}
    folder = Path(tempfile.mkdtemp(prefix="carnet-bench-"))
    try:
        with tree_of(here, commit_of(here, "HEAD")) as tree:
            for package in ("carnet", "baselines", "bench"):
                shutil.copytree(tree / package, folder / package)
            plant(folder, given.slowdown / 100)
            cases = {"unchanged": (here, "this tree"), "slowed": (folder, "slowed tree")}
            for number in range(1, given.repetitions + 1):
                for case, now in cases.items():
                    began = time.monotonic()
                    one = compared((tree, "HEAD"), now, asked, given.against)
                    verdicts[case][one.verdict] += 1
                    took_s = time.monotonic() - began
                    print(f"{number:3} {case:9} {took_s:5.0f} s  {one.verdict}: {one.note}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    slowed = f"slowed by {given.slowdown:g} %"
    found, passed = verdicts["slowed"]["regression"], given.repetitions - verdicts["unchanged"]["regression"]
    passed -= verdicts["unchanged"]["not valid"] + verdicts["unchanged"]["not measured"]
    print(f"\n{given.model}, {given.size}, {given.threads} threads, against a {given.against}")
    print("| tree | as wanted | verdicts |\n|---|---:|---|")
    print(f"| unchanged: passes | {passed} of {given.repetitions} | {in_words(verdicts['unchanged'])} |")
    print(f"| {slowed}: found | {found} of {given.repetitions} | {in_words(verdicts['slowed'])} |")


def in_words(verdicts: Counter[str]) -> str:
    """Return how often each verdict was reached."""
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))


if __name__ == "__main__":
    main()
