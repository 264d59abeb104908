"""The settings under which an oracle and an answer run, whatever the learner's kernel is set to."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np


@contextlib.contextmanager
def standard() -> Iterator[None]:
    """Defaults of NumPy, warnings and PyTorch that change what a function returns; the caller's own
    come back at the end.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        if "torch" in sys.modules:
            stack.enter_context(_standard_torch())
        yield


@contextlib.contextmanager
def _standard_torch() -> Iterator[None]:
    """Gradients on, float32 on the processor, nothing deterministic by force, no autocast."""
    import torch

    before = _state()
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autograd.set_detect_anomaly(False),
        torch.autocast("cpu", enabled=False),
    ):
        _set(torch.float32, torch.device("cpu"), (False, False))
        try:
            yield
        finally:
            _set(*before)


def _state() -> tuple[Any, Any, tuple[bool, bool]]:
    import torch

    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    return torch.get_default_dtype(), torch.get_default_device(), (strict, warn_only)


def _set(dtype: Any, device: Any, deterministic: tuple[bool, bool]) -> None:
    """Set what differs: setting `deterministic` imports a compiler, which takes a second, and
    setting a device slows down every later call.
    """
    import torch

    _, device_now, deterministic_now = _state()
    torch.set_default_dtype(dtype)
    if device_now != device:
        torch.set_default_device(device)
    if deterministic_now != deterministic:
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
