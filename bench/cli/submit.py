"""``carnet-bench submit``: the label files and the zip of a test server, written or checked."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bench.cli.options import (
    DataRoot,
    Device,
    FolderHome,
    Json,
    Msc,
    Out,
    Overwrite,
    OwnModel,
    Partial,
    Threads,
)
from bench.cli.output import log, print_json
from bench.cli.progress import showing
from bench.errors import RefusedInput, UsageError


def submit(
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="cityscapes or ade20k.", show_default=False)
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Argument(metavar="WEIGHTS", help="A run's folder or weights file.", show_default=False),
    ] = None,
    *,
    split: Annotated[
        Literal["train", "val", "test"],
        typer.Option("--split", help="test (other splits only for scoring them yourself)."),
    ] = "test",
    out: Out = None,
    msc: Msc = False,
    validate: Annotated[
        Path | None, typer.Option("--validate", help="Check this zip instead of writing one.")
    ] = None,
    partial: Partial = False,
    overwrite: Overwrite = False,
    model: OwnModel = None,
    home: FolderHome = Path(),
    data_root: DataRoot = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Write or check the zip file for a test server.

    Label files and zip go to the folder --out. Cityscapes: label ids (never train ids),
    CITY_SEQUENCE_FRAME_labelIds.png of 1024x2048, 1525 for test; cityscapesScripts also finds the files of
    other splits (CITYSCAPES_RESULTS; its release 2.3 needs numpy<2.4). ADE20K: ids 1..150 under the image's
    own name. Rerun to resume. Exit code 3 when the zip is wrong.

    \b
    Example:
      carnet-bench submit cityscapes runs/cityscapes-paper-0123456789ab --out submission
      carnet-bench submit --validate submission/cityscapes-test.zip
    """  # noqa: D301
    if validate is not None:
        if weights is not None or out is not None:
            raise UsageError("--validate checks a zip: drop the weights and --out")
        from bench.predict.submission_zip import format_of
        from bench.predict.submit import images_at

        data = data or format_of(validate).data
        images = None if data_root is None else images_at(data, split, data_root)
        report = _validated(validate, data, split, images)
        _finish(report, report if as_json else None)
        return
    if data is None or weights is None or out is None:
        raise UsageError(
            "submit needs a data set, weights and --out, or --validate FILE.zip",
            then="carnet-bench submit --help",
        )
    from bench.evaluate.views import MSC, SINGLE
    from bench.predict.submit_run import submit_run
    from bench.train.settings import Settings

    settings = Settings(home, data_root, device=device, threads=threads)
    with showing() as tell:
        done, identity = submit_run(
            weights,
            data,
            split,
            out,
            settings=settings,
            views=MSC if msc else SINGLE,
            progress=lambda count, total: tell("images", count, total),
            model=model,
            partial=partial,
            overwrite=overwrite,
        )
    log(f"{out}: {len(done.files) - done.kept} files written, {done.kept} already there")
    report = _validated(done.archive, data, split, done.images)
    document = {"identity": identity, "written": len(done.files) - done.kept, "check": report}
    _finish(report, document if as_json else None)


def _validated(archive: Path, name: str | None, split: str, images: Any) -> dict[str, Any]:
    """Return the report on a zip; ``images``, where known, are those whose labels it must hold."""
    from dataclasses import asdict

    from bench.predict.submission_format import submission_format
    from bench.predict.validate_submission import validate_submission

    with showing() as tell:
        return asdict(
            validate_submission(
                archive,
                submission_format(name) if name else None,
                split,
                images=images,
                progress=lambda done, total: tell("checking", done, total),
            )
        )


def _finish(report: dict[str, Any], document: dict[str, Any] | None) -> None:
    """Print the JSON document, or else the report in words; refuse a zip with problems."""
    if document is None:
        _print_report(report)
    else:
        print_json(document)
    if report["problems"]:
        raise RefusedInput(
            f"{report['archive']}: {len(report['problems'])} problems, first: {report['problems'][0]}",
            then="fix the files and zip them again, or write them with carnet-bench submit",
        )


def _print_report(report: dict[str, Any]) -> None:
    wanted = "" if report["wanted"] is None else f" of {report['wanted']}"
    groups = ", ".join(f"{group} {count}" for group, count in report["groups"].items())
    typer.echo(f"{report['data']} {report['split']}: {report['files']}{wanted} label files ({groups or '-'})")
    typer.echo(f"  sha256 {report['sha256']}, {report['size_bytes']} bytes")
    for kind in ("problem", "note"):
        for line in report[f"{kind}s"]:
            typer.echo(f"  {kind}: {line}")
    if not report["problems"]:
        typer.echo("  no problems")
