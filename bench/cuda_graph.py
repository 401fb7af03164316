"""Record the kernels of one call as a CUDA graph, which launches them as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")

_WARMUP_CALLS = 3  # autotuning and lazy set-up must not be recorded


def record_graph(
    run: Callable[[], Result], cuda: Any, *, before: Callable[[], None] = lambda: None
) -> tuple[Any, Result]:
    """Call ``run`` a few times on a stream of its own, then record it; return the graph and what it writes.

    The graph knows addresses and owns no tensor: whoever replays it keeps alive what ``run`` reads.

    Args:
        run: Reads and writes the same memory in each call.
        cuda: ``torch.cuda``, or a stand-in.
        before: Called before each call of ``run``; what it does is not recorded.

    Raises:
        RuntimeError: ``run`` does something that a graph cannot hold, such as a wait for the device.
    """
    side = cuda.Stream()
    side.wait_stream(cuda.current_stream())
    with cuda.stream(side):
        for _ in range(_WARMUP_CALLS):
            before()
            run()
    cuda.current_stream().wait_stream(side)
    before()
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        result = run()
    return graph, result
