"""What lesson 09 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from course_utils.asking import probes

if TYPE_CHECKING:
    from torch import Tensor


def asked(answer: Callable, x0: Tensor, output: Tensor, times: int) -> list[dict[str, Any]]:
    """What a loss, `answer(model, x0)`, asks of its model in each of several calls, and what it
    makes of the reply, which is `output` whatever is asked.

    x0, output (B, ...) -> for each call the `loss`, how often the model was called and with what
    `x` and `t`, the `gradient` that reaches its reply, and whether that was `computed` by the
    answer itself and x0 was `changed`.
    """
    return [_asked_once(answer, x0, output) for _ in range(times)]


def _asked_once(answer: Callable, x0: Tensor, output: Tensor) -> dict[str, Any]:
    import torch

    calls, reply, before = [], output.clone().requires_grad_(), x0.clone()

    def model(x: Tensor, t: Any = None) -> Tensor:
        calls.append((x, t))
        return 1 * reply  # no leaf, so that `no_grad` shows

    model.__qualname__ = "model"  # what an error says of it
    loss = probes.tensors(answer, model, x0)
    seen = {"loss": loss, "calls": len(calls), "gradient": None}
    seen |= dict(zip("xt", calls[0], strict=True)) if calls else {}
    seen |= {"computed": reply.grad is not None, "changed": not torch.equal(x0, before)}
    if getattr(loss, "requires_grad", False) and loss.numel() == 1 and not seen["computed"]:
        seen["gradient"] = torch.autograd.grad(loss.sum(), reply, allow_unused=True)[0]
    return seen


def elsewhere(answer: Callable) -> bool:
    """Whether a loss, `answer(model, x0)`, makes what its model gets on another device than that of
    x0. Nothing is computed: x0 is on the device that holds no numbers.
    """
    import torch

    x0, given, said = torch.empty(5, 2, device="meta"), [], ""

    def model(x: Any, t: Any) -> Tensor:
        given.extend([x, t])
        return torch.empty_like(x0)

    try:
        answer(model, x0)
    except Exception as error:  # what needs numbers cannot be asked this way
        said = str(error)
    left = any(getattr(part, "device", x0.device) != x0.device for part in given)
    return left or "expected device" in said or "same device" in said


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
