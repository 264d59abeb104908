"""What is done around an answer in the answer's own process, so that only numbers go in and come
out.

A check asks for a probe by name: "gradient" is a function of this module, "lesson06.penalty" one of
`course_utils/lesson06/probes.py`. Its first parameter is the answer, the others are plain numbers
or fresh tensors.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.asking.errors import NotData

if TYPE_CHECKING:
    from torch import Tensor


def find(name: str) -> Callable[..., Any]:
    """The probe of this name. Raises ModuleNotFoundError or AttributeError if there is none."""
    lesson, _, function = name.rpartition(".")
    module = f"course_utils.{lesson}.probes" if lesson else __name__
    return getattr(importlib.import_module(module), function)


def tensors(answer: Callable, *args: Any) -> Any:
    """What the answer returns: a tensor, or a tuple or list of them, as the next cells need it.

    Raises NotData, which names what came instead.
    """
    import torch

    value = answer(*args)
    for part in value if isinstance(value, (tuple, list)) and value else [value]:
        if part is None:
            raise NotData("it returned None: is there a `return`?")
        if not isinstance(part, torch.Tensor):
            whole = value if isinstance(value, list) else part
            said = f"it returned {_named(whole)}, and the next cells need a torch tensor"
            raise NotData(said + _way(whole))
    return value


def arrays(answer: Callable, *args: Any) -> Any:
    """What the answer returns, as cells need it that compute with NumPy: no list in place of an
    array, and no tensor that requires a gradient, which NumPy refuses. Raises NotData for these.
    """
    value = answer(*args)
    if getattr(value, "requires_grad", False):
        raise NotData(
            "it returned a tensor that requires a gradient, and the next cells compute with NumPy:"
            " add `.detach()`"
        )
    if isinstance(value, (list, tuple)):
        raise NotData(
            f"it returned a {type(value).__name__}, and the next cells need an array: wrap it in"
            " `np.array(…)`"
        )
    return value


def _named(value: Any) -> str:
    kind = {"ndarray": "NumPy array", "float": "Python float", "int": "Python int"}.get(
        type(value).__name__
    )
    return f"a {kind or type(value).__name__}"


def _way(value: Any) -> str:
    if isinstance(value, (float, int)):
        return ": leave out `.item()` or `float(...)`, which cut off the gradient"
    return ": build it with torch, or convert it with `torch.as_tensor`"


def gradient(answer: Callable, names: list[str], *args: Any) -> dict[str, Any]:
    """The value, and the gradient that reaches each named argument; None where none does. The named
    arguments come first and are tensors.

    The entries of the value are weighted by numbers from 1 to 2, so that no two of them can stand
    in for each other.
    """
    import torch

    inputs = [arg.requires_grad_() for arg in args[: len(names)]]
    value = answer(*args)
    gradients: Sequence[Tensor | None] = [None] * len(inputs)
    if isinstance(value, torch.Tensor) and value.requires_grad:
        weights = torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)
        gradients = torch.autograd.grad((value * weights).sum(), inputs, allow_unused=True)
    return {"the value": value} | {
        f"the gradient that reaches {name}": g for name, g in zip(names, gradients, strict=True)
    }


def coder(answer: Callable, x_train: Tensor, x_test: Tensor, noise: Tensor) -> dict[str, Any]:
    """`encode, decode = answer(x_train)`, asked about digits that it has not seen, with one latent
    code drawn for each.

    x_train (N, D), x_test (M, D); the code is mu + sigma * noise, with noise (M, Z_max) cut to the
    width of mu.
    """
    import torch

    encode, decode = answer(x_train)
    for part in (encode, decode):
        if isinstance(part, torch.nn.Module):
            part.eval()  # forgotten dropout is not what is asked about
    with torch.no_grad():
        mu, logvar = encode(x_test)  # (M, Z) each
        logits = decode(mu + torch.exp(0.5 * logvar) * noise[:, : mu.shape[1]])  # (M, D)
    return {"mu": mu, "logvar": logvar, "logits": logits}


def timed_coder(answer: Callable, x_train: Tensor, x_test: Tensor, noise: Tensor) -> dict[str, Any]:
    """Like `coder`, with the CPU seconds that all of it took."""
    import time

    start = time.process_time()
    return coder(answer, x_train, x_test, noise) | {"seconds": time.process_time() - start}
