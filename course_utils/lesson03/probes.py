"""What lesson 03 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def training(
    answer: Callable, weights: Tensor, bias: Tensor, x: Tensor, y: Tensor, lr: float, steps: int
) -> dict[str, Any]:
    """`answer(model, loss_fn, optimizer, x, y, steps)` on a linear model with given weights: what
    it returns and leaves.

    weights (1, D), bias (1,), x (N, D), y (N, 1); plain gradient descent on the mean squared error.
    """
    import torch

    # draws no random numbers
    model = torch.nn.utils.skip_init(torch.nn.Linear, weights.shape[1], 1)
    with torch.no_grad():
        model.weight.copy_(weights)
        model.bias.copy_(bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    used = set()

    def loss_fn(prediction: Tensor, target: Tensor) -> Tensor:
        used.add("loss")
        return torch.nn.functional.mse_loss(prediction, target)

    optimizer.register_step_post_hook(lambda *_: used.add("step"))
    losses = answer(model, loss_fn, optimizer, x, y, steps)
    listed = losses if isinstance(losses, (list, tuple)) else []
    return {
        "the losses it returned": losses,
        "the weights afterwards": model.weight,
        "the bias afterwards": model.bias,
        "`loss_fn` was called": "loss" in used,
        "`optimizer.step` was called": "step" in used,
        "losses with their record": any(getattr(loss, "requires_grad", False) for loss in listed),
    }
