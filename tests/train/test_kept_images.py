"""A run on kept images ends in the bits of one that decodes each image each time."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.data.kept import KeptSamples
from bench.data.scenes.scenes import Scenes
from bench.train.run import train


@pytest.mark.slow
def test_weights_and_validation_are_the_same_from_kept_images_and_each_is_drawn_once_per_process(
    tiny_recipe: Any, settings_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dataclasses.replace(tiny_recipe, epochs=2)
    monkeypatch.setattr("bench.data.kept._KEPT", {})
    reads: Counter[tuple[str, int]] = Counter()
    read = Scenes.read

    def counted(data: Scenes, index: int) -> Any:
        reads[data.split, index] += 1
        return read(data, index)

    monkeypatch.setattr(Scenes, "read", counted)
    kept = [train(recipe, settings_in(tmp_path / home)) for home in ("one", "two")]
    assert set(reads.values()) == {1}
    assert {split for split, _ in reads} == {"train", "val"}
    monkeypatch.setattr(KeptSamples, "read", lambda _, data, index, *, keep=True: data.read(index))
    plain = train(recipe, settings_in(tmp_path / "three"))
    assert max(reads.values()) > 2
    values = [run.record.values for run in (*kept, plain)]
    assert len({one.final_weights_sha256 for one in values}) == 1
    assert len({one.curve[-1].val_miou for one in values}) == 1
