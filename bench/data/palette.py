"""Colours for classes that have none of their own."""

from __future__ import annotations


def bit_colours(count: int) -> tuple[tuple[int, int, int], ...]:
    """Return ``count`` (at most 255) different colours, none of them black.

    The colour map of the PASCAL VOC development kit, from its second colour on: the bits of the number are
    dealt to red, green and blue, highest place first.

    Raises:
        ValueError: More colours than there are.
    """
    if count > 255:
        raise ValueError(f"{count} colours, expected at most 255")
    return tuple(_colour(number) for number in range(1, count + 1))


def _colour(number: int) -> tuple[int, int, int]:
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            channels[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
    return channels[0], channels[1], channels[2]
