"""``carnet-bench data fetch``: downloads that need no registration."""

from pathlib import Path

import typer

from bench.cli.data.report import Name
from bench.cli.options import FolderHome, Json, Out
from bench.cli.output import log, print_json
from bench.cli.progress import showing
from bench.errors import UsageError


def fetch(name: Name, *, out: Out = None, home: FolderHome = Path(), as_json: Json = False) -> None:
    """Download the files that need no registration.

    They go to --out, or HOME/downloads. A file appears only when complete and, where a digest is published,
    verified.

    \b
    Example:
      carnet-bench data fetch ade20k
    """  # noqa: D301
    from bench.data import catalogue
    from bench.data.fetch import fetch as fetch_file
    from bench.files import sha256_of_file

    entry = catalogue.entry(name)
    if not entry.sources:
        raise UsageError(f"data set {name} cannot be fetched: {entry.how_to_get}")
    rows = []
    with showing() as tell:
        for source in entry.sources:

            def seen(done: int, total: int | None, file: str = source.file) -> None:
                tell(file, done, total)

            path, new = fetch_file(source, out or home / "downloads", seen=seen)
            compared = "as published" if source.digest else "not compared, none is published"
            rows.append(
                {"file": str(path), "fetched": new, "digest": compared, "sha256": sha256_of_file(path)}
            )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(
            f"{row['file']}: {'fetched' if row['fetched'] else 'already there'}, digest {row['digest']}"
        )
        typer.echo(f"  sha256 {row['sha256']}")
    log(f"next: carnet-bench data prepare {name} {' '.join(str(row['file']) for row in rows)}")
