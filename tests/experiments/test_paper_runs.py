"""The runs that the paper needs, each once."""

from __future__ import annotations

from collections import Counter

from bench.experiments.paper_runs import paper_runs


def test_every_network_of_tables_and_studies_is_trained_once_per_recipe() -> None:
    runs = paper_runs()
    assert len({(run.recipe, run.variant) for run in runs}) == len(runs)
    assert Counter(run.part for run in runs) == {
        "Table 1": 4,
        "Table 2": 4,
        "Table 3": 3,  # without ResNet50
        "Table 5": 8,  # two backbones
        "Fig. 8": 3,  # N = 0 and 4 are Table 5's
        "Fig. 9": 4,  # four terms are Table 5's
        "Fig. 10": 6,
    }


def test_a_run_sees_the_whole_steps_of_all_epochs() -> None:
    # Cityscapes: 2975 images are 495 steps of 6; ADE20K: 20210 are 3368
    found = {run.recipe: (run.images, run.crop_hw) for run in paper_runs()}
    assert found["cityscapes-paper"] == (300 * 495 * 6, (800, 800))
    assert found["ade20k-paper"] == (300 * 3368 * 6, (580, 580))
    assert found["cityscapes-ablation"] == (300 * 495 * 6, (500, 500))
