"""From a finished run to the files of a test server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from bench.data.catalogue import open_data
from bench.errors import RefusedInput
from bench.evaluate.views import SINGLE, Views
from bench.fabric import launch_fabric
from bench.own.guard import user_code
from bench.predict.submission_format import submission_format
from bench.predict.submit import Submission, require_whole, submission_identity, write_submission
from bench.train.trained import open_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.train.settings import Settings


def submit_run(
    source: Path,
    name: str,
    split: str,
    out: Path,
    *,
    settings: Settings,
    views: Views = SINGLE,
    progress: Callable[[int, int], None] = lambda *_: None,
    model: str | None = None,
    partial: bool = False,
    overwrite: bool = False,
) -> tuple[Submission, dict[str, Any]]:
    """Write a run's predictions as a test server wants them; return what was written and what defines it.

    Args:
        source: A run folder, or a weights file that a run has written.
        name: Data set of the server, which must be the run's.
        split: ``test``, or another for scoring of one's own.
        out: Folder of the label files and the zip.
        settings: Home, data root, device, threads.
        views: What of an image the network is shown.
        progress: Called with images done and images in all.
        model: ``path/to/file.py:build`` of a network that is not in the registry.
        partial: Allow a part of the test split.
        overwrite: Replace another submission's files in ``out``.

    Raises:
        UsageError: A data set without a known server.
        RefusedInput: Not a run's weights, weights of another data set, a part of the test split, images that
            cannot be read, or a folder that holds something else.
    """
    wanted = submission_format(name)
    trained = open_weights(source)
    if trained.recipe.data != name:
        raise RefusedInput(f"{trained.path}: trained on {trained.recipe.data}, not on {name}")
    data = open_data(name, split, settings.data_root, home=settings.home, **trained.recipe.data_options)
    if not partial:
        require_whole(data, wanted)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    device = launch_fabric(settings.device).device
    method = trained.method(model)
    network, sizes = trained.network(method, data, device), method.sizes
    identity = submission_identity(
        data,
        wanted,
        model=trained.identity["model"],
        weights_sha256=trained.sha256,
        device=device,
        sizes=sizes,
        views=views,
    )
    with user_code("prediction", method):
        done = write_submission(
            network,
            data,
            trained.statistics,
            device,
            out,
            wanted=wanted,
            identity=identity,
            sizes=sizes,
            views=views,
            overwrite=overwrite,
            progress=lambda count: progress(count, len(data)),
        )
    return done, identity
