"""What SCLoss learns: the probes of a study's runs on its page and as a figure."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import make_record
from PIL import Image

from bench.paper.studies import fig9_variants, scloss_forms
from bench.paper.variant import Variant
from bench.report.origin import Origin
from bench.report.write import report_files
from bench.reproduce.study import reproduce_study
from bench.results.record import Record
from bench.results.store import add_record

ORIGIN = Origin("commit 0123456789ab", "a machine")
(_, PAPER), (_, BCE) = scloss_forms("mobile")


def point(
    epoch: int, present: Sequence[float | None], absent: Sequence[float | None], share: float = 0.8
) -> dict[str, Any]:
    probe = {
        "semantic_loss": [0.5 / epoch] * len(present),
        "present": list(present),
        "absent": list(absent),
        "pixel_gradient_norm": 1.0,
        "scloss_gradient_norm": 2.0,
        "scloss_share": share,
        "clip_factor": 0.25,
    }
    return {"epoch": epoch, "step": 61 * epoch, "loss": 1.0, "encoder_lr": 0.1, "scloss": probe}


@pytest.fixture
def probe(tmp_path: Path, add: Callable[..., Record]) -> Callable[..., None]:
    """Put an accuracy record and its training record with these epochs on record."""

    def on_record(variant: Any, seed: int, curve: list[dict[str, Any]], **recipe: Any) -> None:
        scored: Any = add(variant, seed, 30.0 + seed, recipe=recipe)
        identity = scored.stored["identity"]["run"]
        values = {"curve": curve, "final_weights_sha256": scored.identity.weights_sha256}
        made = {"source": scored.stored["provenance"]["source"], "dirty": False}
        add_record(make_record("training", identity, values, made), tmp_path)

    return on_record


def drawn(home: Path) -> dict[str, str | bytes]:
    return report_files(reproduce_study("fig9", home), ORIGIN)


def test_without_a_probe_there_is_neither_section_nor_figure(tmp_path: Path, add: Any, probe: Any) -> None:
    add(fig9_variants("mobile")[0][1], 0, 30.0)
    plain = {"epoch": 1, "step": 61, "loss": 1.0, "encoder_lr": 0.1}
    probe(PAPER, 0, [plain])
    files = drawn(tmp_path)
    assert "What SCLoss learns" not in str(files["reports/fig9.md"])
    assert not [name for name in files if "scloss" in name]


def test_the_page_has_the_first_and_last_probe_of_each_form_as_means(tmp_path: Path, probe: Any) -> None:
    for seed, high in enumerate((0.8, 1.0)):
        probe(PAPER, seed, [point(2, [0.5, 0.5], [0.5, 0.7]), point(4, [0.9, 0.9], [high, high])])
    probe(BCE, 0, [point(2, [0.6, None], [0.3, 0.1])])
    page = str(drawn(tmp_path)["reports/fig9.md"])
    rows = [line for line in page.splitlines() if line.startswith(("| Eq. 5 as", "| with a term"))]
    assert rows == [
        "| Eq. 5 as printed | 2 | 2 | 0.250 | 0.500 | 0.600 | 80.0 % | 25.0 % |",
        "| Eq. 5 as printed | 2 | 4 | 0.125 | 0.900 | 0.900 | 80.0 % | 25.0 % |",
        "| with a term for absent classes | 1 | 2 | 0.250 | 0.600 | 0.200 | 80.0 % | 25.0 % |",
        "| Eq. 5 as printed | 2 | 80.0 % | - |",
        "| with a term for absent classes | 1 | 80.0 % | - |",
    ]
    assert "12 epochs" in page.split("## What SCLoss learns")[1]
    assert "(fig9-scloss.svg)" in page


def test_the_page_says_from_which_epoch_on_the_share_is_small_and_its_mean_of_all(
    tmp_path: Path, probe: Any
) -> None:
    probe(
        PAPER,
        0,
        [point(2, [0.5], [0.5]), point(4, [0.9], [0.9], share=0.01), point(6, [1.0], [1.0], share=0.0)],
    )
    page = str(drawn(tmp_path)["reports/fig9.md"])
    # (0.8 + 0.01 + 0) / 3
    assert "| Eq. 5 as printed | 1 | 27.0 % | 4 |" in page.splitlines()


def test_fewer_terms_stand_beside_the_forms_in_fig_9_and_each_lambda_in_fig_10(
    tmp_path: Path, probe: Any
) -> None:
    curve = [point(2, [0.5], [0.5])]
    for variant in (PAPER, Variant("mobile", scloss=2), Variant("mobile", scloss_weight=0.4)):
        probe(variant, 0, curve)
    found = {
        name: [one.label for one in reproduce_study(name, tmp_path).probed] for name in ("fig9", "fig10")
    }
    assert found == {
        "fig9": ["Eq. 5 on 2 modules", "Eq. 5 as printed"],
        "fig10": ["lambda = 0.2", "lambda = 0.4"],
    }


def test_probes_of_another_budget_are_not_drawn_with_those_shown(tmp_path: Path, probe: Any) -> None:
    probe(PAPER, 0, [point(2, [0.5], [0.5])], epochs=12)
    probe(BCE, 0, [point(2, [0.1], [0.1])], epochs=48)
    probe(PAPER, 1, [point(2, [0.5], [0.5])], epochs=12)
    study = reproduce_study("fig9", tmp_path)
    assert "12 epochs" in study.panels[0].about
    assert [(one.label, list(one.points)) for one in study.probed] == [("Eq. 5 as printed", [0, 1])]


def test_the_figure_shows_each_form_and_its_caption_what_it_is_of(tmp_path: Path, probe: Any) -> None:
    probe(PAPER, 0, [point(2, [0.5] * 4, [0.5] * 4), point(4, [1.0] * 4, [1.0] * 4)])
    narrow = drawn(tmp_path)
    probe(BCE, 0, [point(2, [0.5] * 4, [0.5] * 4), point(4, [1.0] * 4, [0.0] * 4)])
    wide = drawn(tmp_path)
    sizes = [
        Image.open(io.BytesIO(bytes(one["reports/fig9-scloss.png"]))).size  # type: ignore[arg-type]
        for one in (narrow, wide)
    ]
    assert sizes[0][0] < sizes[1][0]
    pixels = np.asarray(Image.open(io.BytesIO(bytes(wide["reports/fig9-scloss.png"]))))  # type: ignore[arg-type]
    assert pixels.std() > 10
    assert wide == drawn(tmp_path)
    probe(Variant("mobile", scloss=1), 0, [point(2, [0.5], [0.5]), point(4, [1.0], [1.0])])
    legend = bytes(drawn(tmp_path)["reports/fig9-scloss.svg"])  # type: ignore[arg-type]
    assert b"module 4" in legend
    caption = str(wide["reports/fig9-scloss.caption.md"])
    assert "camvid test" in caption
    assert "with a term for absent classes: seeds 0" in caption
    assert ORIGIN.commit in caption
