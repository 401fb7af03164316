"""Torch's global settings, read before and after code that is not ours, and put back.

A network that calls ``torch.set_num_threads(2)`` changes what every later one is measured with.
"""

from __future__ import annotations

import contextlib
import operator
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

Read = Callable[[], Any]
Write = Callable[[Any], object]

_CPU = torch.device("cpu")
_DENORMAL, _HALF = 2.0**-1060, 0.5


def _default_device(device: torch.device) -> None:
    torch.set_default_device(None if device == _CPU else device)


def _autocast(device: str, enabled: bool, dtype: torch.dtype) -> None:
    torch.set_autocast_enabled(device, enabled)
    torch.set_autocast_dtype(device, dtype)


def _affinity() -> frozenset[int] | None:
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


_FUNCTIONS: dict[str, tuple[Read, Write | None]] = {
    "threads": (torch.get_num_threads, torch.set_num_threads),
    # torch takes these once
    "interop threads": (torch.get_num_interop_threads, None),
    "gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
    "inference mode": (torch.is_inference_mode_enabled, None),
    "anomaly detection": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "default device": (torch.get_default_device, _default_device),
    "deterministic algorithms": (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    "float32 matmul precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    # torch sets it and does not tell
    "flush denormals": (lambda: operator.mul(_DENORMAL, _HALF) == 0.0, torch.set_flush_denormal),
    "autocast on the cpu": (
        lambda: (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        lambda now: _autocast("cpu", *now),
    ),
    "autocast on cuda": (
        lambda: (torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")),
        lambda now: _autocast("cuda", *now),
    ),
    "flash attention": (torch.backends.cuda.flash_sdp_enabled, torch.backends.cuda.enable_flash_sdp),
    "memory-efficient attention": (
        torch.backends.cuda.mem_efficient_sdp_enabled,
        torch.backends.cuda.enable_mem_efficient_sdp,
    ),
    "plain attention": (torch.backends.cuda.math_sdp_enabled, torch.backends.cuda.enable_math_sdp),
    "nnpack": (torch._C._get_nnpack_enabled, torch._C._set_nnpack_enabled),
    "function modes": (lambda: len(_get_current_function_mode_stack()), None),  # type: ignore[no-untyped-call]
    "dispatch modes": (lambda: len(_get_current_dispatch_mode_stack()), None),
    "cores": (_affinity, lambda cores: os.sched_setaffinity(0, cores)),
    "priority": (lambda: os.nice(0) if hasattr(os, "nice") else None, None),
}
_ATTRIBUTES = (
    *("fp32_precision", "mkldnn.fp32_precision", "cudnn.fp32_precision", "cuda.matmul.fp32_precision"),
    *("cudnn.enabled", "cudnn.benchmark", "cudnn.deterministic", "cudnn.allow_tf32", "cudnn.benchmark_limit"),
    *("cuda.matmul.allow_tf32", "cuda.matmul.allow_fp16_reduced_precision_reduction"),
    "cuda.matmul.allow_bf16_reduced_precision_reduction",
    *("mkldnn.enabled", "mkldnn.deterministic", "mkldnn.conv.fp32_precision"),
    *("mkldnn.matmul.fp32_precision", "opt_einsum.enabled", "opt_einsum.strategy", "quantized.engine"),
)


def _of(path: str) -> tuple[Read, Write]:
    """Return how an attribute of ``torch.backends`` is read and written."""
    holder, _, name = f"torch.backends.{path}".rpartition(".")
    parent = operator.attrgetter(holder.removeprefix("torch."))(torch)
    return lambda: getattr(parent, name), lambda value: setattr(parent, name, value)


_SETTINGS: dict[str, tuple[Read, Write | None]] = {
    **{f"torch.backends.{path}": _of(path) for path in _ATTRIBUTES},
    **_FUNCTIONS,
}


PUT_BACK: list[str] = []
"""Every change that was put back in this process, the latest last."""


@dataclass(frozen=True)
class TorchSettings:
    """Torch's global settings at one moment, with the cores and the priority of the process."""

    values: Mapping[str, Any]

    @classmethod
    def read(cls) -> TorchSettings:
        """Return the settings in force; it takes some ten microseconds."""
        return cls({name: _read(read) for name, (read, _) in _SETTINGS.items()})

    def restore(self) -> tuple[str, ...]:
        """Put back what was changed since; return each change, e.g. ``threads 1 -> 2``, in torch's order.

        What torch sets only once in a process is named and stays.
        """
        found = self._changed()
        left = found
        # the old names of a precision set the new ones too, which then differ
        for _ in range(2):
            for name in left:
                self._put_back(name)
            left = self._changed() if left else left
        changes = [f"{name} {_text(self.values[name])} -> {_text(now)}" for name, now in found.items()]
        PUT_BACK.extend(changes)
        return tuple(changes)

    def _changed(self) -> dict[str, Any]:
        now = TorchSettings.read().values
        return {name: value for name, value in now.items() if value != self.values[name]}

    def _put_back(self, name: str) -> None:
        write, before = _SETTINGS[name][1], self.values[name]
        if write is not None and before is not None:
            # what cannot be put back is named all the same
            with contextlib.suppress(RuntimeError, OSError):
                write(before)


@contextlib.contextmanager
def settings_kept(changes: list[str], *, nested: bool = False) -> Iterator[None]:
    """Restore torch's settings afterwards, also after an error.

    Args:
        changes: Each change is appended.
        nested: Whether those that were put back meanwhile are among them.
    """
    before, seen = TorchSettings.read(), len(PUT_BACK)
    try:
        yield
    finally:
        restored = before.restore()
        changes.extend(PUT_BACK[seen:] if nested else restored)


def _read(read: Read) -> Any:
    try:
        return read()
    except RuntimeError:  # torch refuses to name a precision that was set by its old and its new name
        return "mixed"


def _text(value: Any) -> str:
    if isinstance(value, tuple | frozenset):
        return "/".join(map(str, sorted(value, key=str)))
    return str(value)
