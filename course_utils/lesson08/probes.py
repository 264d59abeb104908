"""What lesson 08 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from course_utils.asking import probes

if TYPE_CHECKING:
    from torch import Tensor


def attended(answer: Callable, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> dict[str, Any]:
    """`output, weights = answer(q, k, v, causal)`.

    Raises TypeError("no pair came back") where that is so, and NotData for NumPy arrays.
    """
    pair = answer(q, k, v, causal)
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError("no pair came back")
    output, weights = probes.tensors(lambda: tuple(pair))
    return {"the output": output, "the weights": weights}


def repeated(answer: Callable, times: int, *args: Any) -> Any:
    """The first of two things that come back, at the last of several calls."""
    for _ in range(times):
        pair = answer(*args)
    return pair[0]


def reached_by_gradient(answer: Callable, *args: Any) -> bool:
    """Whether the answer to these tensors depends on all that are not whole numbers, as training
    needs it. What cannot be differentiated does not.
    """
    import torch

    floats = [arg for arg in args if isinstance(arg, torch.Tensor) and arg.is_floating_point()]
    leaves = [arg.requires_grad_() for arg in floats]
    given = [1.0 * arg if any(arg is leaf for leaf in leaves) else arg for arg in args]
    try:
        value = answer(*given)
    except RuntimeError as error:  # NumPy refuses a tensor that has a gradient
        if "numpy" in str(error):
            return False
        raise
    first = value[0] if isinstance(value, (tuple, list)) and value else value
    if not getattr(first, "requires_grad", False):
        return False
    grads = torch.autograd.grad(first.sum(), leaves, allow_unused=True)
    return all(grad is not None for grad in grads)


def number(answer: Callable, *args: Any) -> Any:
    """What the answer returns: one number that has `.item()`, as the next cells need it.

    Raises NotData for a number of Python's.
    """
    value = answer(*args)
    return probes.tensors(lambda: value) if type(value) in (bool, int, float) else value


def stepped(answer: Callable, x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> dict[str, Any]:
    """`h, c = answer(x_t, h, c, weights)` for every step of x (steps, B, D), from h and c (B, H):
    what comes out at the end.

    Raises TypeError("no pair came back") where that is so, and NotData for NumPy arrays.
    """
    for inputs in x:
        pair = answer(inputs, h, c, tuple(weights))
        if not (isinstance(pair, (tuple, list)) or getattr(pair, "ndim", 0) == 3) or len(pair) != 2:
            raise TypeError("no pair came back")
        h, c = probes.tensors(lambda pair=pair: pair)
    return {"h": h, "c": c}


def writer(answer: Callable, y: Tensor, sizes: list[int], rng: Any) -> list[Tensor]:
    """`write = answer(y)` trained on token rows y (N, T), asked for rows of its own, write(n, rng)
    for each n in `sizes`.
    """
    import torch

    write = answer(y)
    with torch.no_grad():
        return [write(n, rng) for n in sizes]


def drafted(answer: Callable, y: Tensor, n: int, rng: Any) -> list[Tensor]:
    """Like `writer` with one size; nothing where the training raises, which may be because there
    are so few rows.
    """
    try:
        write = answer(y)
    except Exception:
        return []
    return writer(lambda _: write, y, [n], rng)
