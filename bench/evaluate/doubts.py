"""Scores that cannot be right, and what has made such scores before."""

from __future__ import annotations

_CITYSCAPES_FLOOR = 0.01


def doubts(data_name: str, miou: float) -> list[str]:
    """Return a note for a score below what even an untrained network may have; mostly nothing.

    Published weights of several projects were reported to score 0.4 % on Cityscapes, with sidewalk near 1 %,
    building near 1.3 %, fence near 3 % and the rest near 0: each time trainIds and labelIds were mixed up.
    A network that calls everything road has more than 1 %.

    Args:
        data_name: In the catalogue.
        miou:
            0..1.
    """
    if data_name != "cityscapes" or miou >= _CITYSCAPES_FLOOR:
        return []
    return [
        f"mIoU {100 * miou:.2f} % on Cityscapes: below 1 %, trainIds (0..18) were read as labelIds (0..33) "
        "or labelIds as trainIds. The *_gtFine_labelIds.png files must hold labelIds, and the network must "
        "have been trained on trainIds in the order that `carnet-bench data check cityscapes` prints"
    ]
