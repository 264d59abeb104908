"""The settings under which an oracle and an answer run, whatever the learner's kernel is set to."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator

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

    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autograd.set_detect_anomaly(False),
        torch.autocast("cpu", enabled=False),
    ):
        torch.set_default_dtype(torch.float32)
        if strict:  # otherwise left alone, for the call imports a compiler in a second of time
            torch.use_deterministic_algorithms(False)
        torch.set_default_device("cpu")
        try:
            yield
        finally:
            torch.set_default_device(device)
            if torch.are_deterministic_algorithms_enabled() != strict:
                torch.use_deterministic_algorithms(strict, warn_only=warn_only)
            torch.set_default_dtype(dtype)
