"""The command line: one small file a command group, no logic, heavy imports late."""

import sys

import typer

from bench.cli import cost, data, models, reproduce, timing, training
from bench.errors import BenchError

app = typer.Typer(
    name="carnet-bench",
    help="Benchmark and reproducibility harness for real-time semantic segmentation (CARNet, IEEE Access 2020).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
for group in (reproduce, training, timing, cost, models, data):
    group.register(app)


def main() -> None:
    """Run the command line; a user's mistake ends in a message and an exit code, never a traceback."""
    try:
        app()
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.then:
            print(f"next: {error.then}", file=sys.stderr)
        sys.exit(error.exit_code)
