"""Apple GPUs have no float64: an answer that passed with it computes in float32 there."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any


def without_float64(answer: Callable) -> Callable:
    """The answer; where there is an Apple GPU, whatever is float64 to it there becomes float32."""
    if "torch" not in sys.modules or not sys.modules["torch"].backends.mps.is_available():
        return answer

    @functools.wraps(answer)
    def narrowed(*args: Any, **kwargs: Any) -> Any:
        with _narrow_mode():
            return answer(*args, **kwargs)

    return narrowed


def _narrow_mode() -> Any:
    import torch
    from torch.overrides import TorchFunctionMode

    class Narrow(TorchFunctionMode):
        def __torch_function__(
            self, func: Callable, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            options = kwargs or {}
            if any(map(_on_apple, (*args, *options.values()))):
                func = torch.Tensor.float if func is torch.Tensor.double else func
                args = tuple(map(_narrow, args))
                options = {name: _narrow(x) for name, x in options.items()}
            return func(*args, **options)

    return Narrow()


def _on_apple(x: Any) -> bool:
    """Whether something is on an Apple GPU, or names one."""
    import torch

    if isinstance(x, torch.Tensor):
        return x.device.type == "mps"
    return isinstance(x, str | torch.device) and str(x).split(":")[0] == "mps"


def _narrow(x: Any) -> Any:
    """A dtype, tensor or array with half the bits, where it has 64; anything else as it is."""
    import torch

    narrower = {torch.float64: torch.float32, torch.complex128: torch.complex64}
    if isinstance(x, torch.dtype):
        return narrower.get(x, x)
    if str(getattr(x, "dtype", "")).endswith("float64"):
        return x.float() if isinstance(x, torch.Tensor) else x.astype("float32")
    return x
