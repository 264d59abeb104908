"""What lesson 09 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def painter(
    answer: Callable, pictures: Tensor, captions: Tensor, asked: Tensor, seconds: float
) -> list[Tensor]:
    """`paint = answer(pictures, captions, seconds)`, asked twice for the same captions.

    pictures (N, 3, H, W) in [-1, 1], captions (N, K) int64, asked (M, K) int64 -> two batches
    (M, 3, H, W).
    """
    import torch

    paint = answer(pictures, captions, seconds)
    with torch.no_grad():
        return [paint(asked), paint(asked)]


def sketched(answer: Callable, pictures: Tensor, captions: Tensor, *rest: Any) -> list[Tensor]:
    """Like `painter`; nothing where the training raises, which may be because there are so few
    pictures.
    """
    asked, seconds = rest
    try:
        paint = answer(pictures, captions, seconds)
    except Exception:
        return []
    return painter(lambda *_: paint, pictures, captions, asked, seconds)
