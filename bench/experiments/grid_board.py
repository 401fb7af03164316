"""Progress of all runs of a grid on Ray in one place: a process of its own, so it imports no torch."""

from __future__ import annotations

import time

from bench.experiments.duration import why_unfit


class Board:
    """Progress of all runs in one place: an actor next to the command, which the runs write to.

    Args:
        budget_s: Seconds from now in which runs may be started; None is no limit.
    """

    def __init__(self, budget_s: float | None) -> None:
        self._until_s = None if budget_s is None else time.monotonic() + budget_s
        self._begun: dict[str, int] = {}
        self._shares: dict[str, float] = {}
        self._lines: list[str] = []
        self._unfit: str | None = None

    def begin(self, place: str, title: str, need_s: float | None) -> int:
        """Note that a run begins; return how often it has begun, or 0 where it must not.

        Within a budget none begins after the first that does not fit: the finished runs stay balanced over
        the subjects.

        Args:
            place: Of the run in the grid, e.g. ``run 2 of 12``.
            title: Its name.
            need_s: Expected seconds; None where unknown.
        """
        if self._until_s is not None and self._unfit is None:
            left_s = self._until_s - time.monotonic()
            self._unfit = why_unfit(title, need_s, left_s)
        if self._unfit is not None:
            return 0
        count = self._begun[place] = self._begun.get(place, 0) + 1
        self._shares.setdefault(place, 0.0)
        again = " again: its node or process was lost" if count > 1 else ""
        self._lines.append(f"{place}: {title}{again}")
        return count

    def tell(self, place: str, share: float) -> None:
        """Note the share of a run that is trained."""
        self._shares[place] = share

    def say(self, line: str) -> None:
        """Keep a line for the reader."""
        self._lines.append(line)

    def news(self) -> tuple[dict[str, float], list[str], str | None]:
        """Return the shares of the runs that have begun, new lines, and why a run was not begun."""
        lines, self._lines = self._lines, []
        return self._shares, lines, self._unfit
