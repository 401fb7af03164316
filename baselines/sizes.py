"""Which input sizes a network takes: one rule, stated in words, checked, and met by padding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SizeRule:
    """Each side is ``step * k + offset`` and at least ``least`` pixels.

    Attributes:
        step, offset: ``SizeRule(8, 1)`` is 8k+1, ``SizeRule(32)`` a multiple of 32.
        least: The smallest side that the network can take.
    """

    step: int = 1
    offset: int = 0
    least: int = 1

    def __str__(self) -> str:
        """Return the rule in words, e.g. ``8k+1``, ``multiple of 32``, ``any, at least 32``."""
        if self.step == 1:
            words = "any"
        elif self.offset:
            words = f"{self.step}k+{self.offset}"
        else:
            words = f"multiple of {self.step}"
        smallest = self.fitting((self.least, self.least))[0]
        return f"{words}, at least {smallest}" if smallest > max(self.step + self.offset, 1) else words

    def admits(self, size_hw: tuple[int, int]) -> bool:
        """Return whether an input of this height and width fits."""
        return self.fitting(size_hw) == tuple(size_hw)

    def fitting(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the smallest allowed (height, width) that holds this one."""
        height, width = (self._side(side) for side in size_hw)
        return height, width

    def require(self, size_hw: tuple[int, int]) -> None:
        """Raise ValueError naming the rule unless an input of this height and width is allowed."""
        if not self.admits(size_hw):
            height, width = self.fitting(size_hw)
            raise ValueError(
                f"input of {size_hw[0]}x{size_hw[1]}: each side must be {self}, e.g. {height}x{width}"
            )

    def _side(self, side: int) -> int:
        wanted = max(side, self.least)
        return wanted + (self.offset - wanted) % self.step


ANY = SizeRule()
