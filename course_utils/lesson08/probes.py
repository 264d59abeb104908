"""What lesson 08 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def masked(answer: Callable, scores: Tensor) -> Tensor:
    """The scores (T, T) as attention uses them: −inf where `answer(T)`, a tensor of True and False,
    says False.
    """
    return scores.masked_fill(~answer(len(scores)), float("-inf"))


def stepped(answer: Callable, x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> dict[str, Any]:
    """`h, c = answer(x_t, h, c, weights)` for every step of x (steps, B, D), from h and c (B, H):
    what comes out at the end.

    Raises TypeError("no pair came back") where that is so.
    """
    for inputs in x:
        pair = answer(inputs, h, c, tuple(weights))
        if not (isinstance(pair, (tuple, list)) or getattr(pair, "ndim", 0) == 3) or len(pair) != 2:
            raise TypeError("no pair came back")
        h, c = pair
    return {"h": h, "c": c}


def writer(answer: Callable, y: Tensor, n: int, rng: Any) -> Tensor:
    """`write = answer(y)` trained on token rows y (N, T), asked for n rows of its own:
    write(n, rng).
    """
    import torch

    write = answer(y)
    with torch.no_grad():
        return write(n, rng)
