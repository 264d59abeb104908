"""What lesson 08 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from course_utils.asking import probes

if TYPE_CHECKING:
    from torch import Tensor


def masked(answer: Callable, scores: Tensor) -> Tensor:
    """The scores (T, T) as attention uses them: −inf where `answer(T)`, a tensor of True and False,
    says False.
    """
    return scores.masked_fill(~answer(len(scores)), float("-inf"))


def number(answer: Callable, *args: Any) -> Any:
    """What the answer returns: one number that has `.item()`, as the next cells need it.

    Raises NotData for a number of Python's.
    """
    value = answer(*args)
    return probes.tensors(lambda: value) if type(value) in (int, float) else value


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
