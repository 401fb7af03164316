"""carnet-bench from Python: records, tables and costs as pandas frames, networks by name.

Nothing here needs torch before a network is counted or built.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

__all__ = ["build", "cost", "records", "table"]


def records(
    *, kind: str | None = None, model: str | None = None, data: str | None = None, home: Path | str = "."
) -> pd.DataFrame:
    """Return a row per record, see `bench.results.frame.records_frame`.

    Args:
        kind: ``accuracy``, ``training`` or ``speed``; None for all.
        model: Name of a method; None for any.
        data: Name of a data set; None for any.
        home: Project folder with ``results/records``, or the URL of one on shared storage.

    Raises:
        UsageError: No such kind.
        RefusedInput: The folder of records cannot be read.
    """
    from bench.mirror import home_of  # noqa: PLC0415
    from bench.models import available  # noqa: PLC0415
    from bench.results.frame import records_frame  # noqa: PLC0415

    return records_frame(home_of(home), available(), kind=kind, model=model, data=data)


def table(name: str, *, home: Path | str = ".") -> pd.DataFrame:
    """Return a table or study of the paper judged by the records, in long form.

    Args:
        name: ``table1`` to ``table5``, ``fig8``, ``fig9`` or ``fig10``.
        home: Project folder with ``results/records``, or the URL of one on shared storage.

    Returns:
        A row per printed cell with ``measured``, ``unit``, ``verdict``, ``note`` and ``record``
        (``results/README.md`` defines the columns).

    Raises:
        UsageError: No such table.
        RefusedInput: The folder of records cannot be read.
    """
    from bench.mirror import home_of  # noqa: PLC0415
    from bench.paper.studies import STUDIES  # noqa: PLC0415
    from bench.reproduce.frames import study_frame, table_frame  # noqa: PLC0415
    from bench.reproduce.study import reproduce_study  # noqa: PLC0415
    from bench.reproduce.table import reproduce  # noqa: PLC0415

    if name in STUDIES:
        return study_frame(reproduce_study(name, home_of(home)))
    return table_frame(reproduce(name, home_of(home)))


def cost(
    name: str, *, size_hw: tuple[int, int] | None = None, num_classes: int | None = None
) -> pd.DataFrame:
    """Return a network's costs for one image, a row per component and ``total``; NaN is not counted.

    Args:
        name: A method, or ``FILE.py:FUNCTION``.
        size_hw: Height and width of the input in pixels; None is the method's own.
        num_classes: Classes of the output; None is the method's own.

    Returns:
        Columns ``thop2019_gops``, ``gmacs``, ``gflops``, ``ptflops_gmacs`` (all in 1e9) and ``params_m``
        (1e6), defined in `bench.cost.costs`.

    Raises:
        UsageError: No such method.
        RefusedInput: The network cannot be built or fails on this input.
        NotMeasured: Its operations cannot be counted.
    """
    import pandas as pd  # noqa: PLC0415

    from bench.cost.kept import kept_costs  # noqa: PLC0415
    from bench.models import resolve  # noqa: PLC0415

    method = resolve(name)
    found = kept_costs(method, num_classes or method.num_classes, size_hw or method.size_hw)
    frame = pd.DataFrame({part: counts.values() for part, counts in found.components.items()})
    return frame.T.astype(float)


def build(name: str, *, num_classes: int | None = None) -> nn.Module:
    """Return a network with random weights.

    Args:
        name: A method, or ``FILE.py:FUNCTION``.
        num_classes: Classes of the output; None is the method's own.

    Raises:
        UsageError: No such method.
        RefusedInput: The network cannot be built.
    """
    from bench.cost.meta import build_checked  # noqa: PLC0415
    from bench.models import resolve  # noqa: PLC0415

    method = resolve(name)
    return build_checked(method, num_classes or method.num_classes)
