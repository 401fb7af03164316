"""Durations in words: as a reader wants them, and as one types them after ``--budget``."""

from __future__ import annotations

import math

_MINUTE_S, _HOUR_S = 60, 3600


def about(seconds: float | None) -> str:
    """Return seconds for a reader, e.g. ``about 2 h 05 min``; None is a duration that is not known."""
    if seconds is None:
        return "duration unknown"
    if seconds < _MINUTE_S:
        return f"about {seconds:.0f} s"
    minutes = round(seconds / _MINUTE_S)
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60:02d} min"


def budget_for(seconds: float) -> str:
    """Return a ``--budget`` that covers these seconds: whole minutes, above 1 h in steps of 5."""
    step_s = _MINUTE_S if seconds <= _HOUR_S else 5 * _MINUTE_S
    hours, rest_s = divmod(max(1, math.ceil(seconds / step_s)) * step_s, _HOUR_S)
    return (f"{hours}h" if hours else "") + (f"{rest_s // _MINUTE_S}m" if rest_s else "")


def why_unfit(title: str, need_s: float | None, left_s: float) -> str | None:
    """Return why a run is not started within what is left of a budget; None when it fits."""
    if need_s is None:
        return f"not started: {title}; its duration is unknown"
    if need_s > left_s:
        return f"not started: {title} needs about {need_s:.0f} s, {max(0.0, left_s):.0f} s are left"
    return None
