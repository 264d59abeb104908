"""What lesson 03 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from course_utils.asking.ask import NotData
from course_utils.asking.probes import arrays

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from torch.optim import Optimizer

LIST = "return the list of losses alone"
PLAIN = "record `loss.item()`, a plain number"
STEPS = "`optimizer.step()` is called `steps` times, whether the loss is small, grows or stays"
MOVES = "`optimizer.step()` finds gradients in every step, and it alone moves the weights"
ROWS = "`loss_fn` gets all rows of x and y in every step"


def step(answer: Callable, *args: Any) -> Any:
    """The new theta of a step; NotData where it is a tensor that NumPy cannot read."""
    theta = answer(*args)
    return theta if isinstance(theta, list) else arrays(lambda: theta)


def training(
    answer: Callable,
    weights: Tensor,
    bias: Tensor,
    x: Tensor,
    y: Tensor,
    lr: float,
    steps: int,
    loss: str = "mse_loss",
    calls: int = 1,
) -> dict[str, Any]:
    """`answer(model, loss_fn, optimizer, x, y, steps)` on a linear model with given weights: what
    it returns and leaves after its last call.

    weights (1, D), bias (1,), x (N, D), y (N, 1); plain gradient descent on a loss that
    `torch.nn.functional` has under this name.
    """
    import torch

    # draws no random numbers
    model = torch.nn.utils.skip_init(torch.nn.Linear, weights.shape[1], 1)
    with torch.no_grad():
        model.weight.copy_(weights)
        model.bias.copy_(bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    watch = Watch(model, optimizer, getattr(torch.nn.functional, loss))
    returned = [answer(model, watch.loss_fn, optimizer, x, y, steps) for _ in range(calls)]
    _refuse_other_than_numbers(returned[-1])
    if calls > 1 and returned[0] is returned[-1] and len(returned[-1]) > steps:
        raise NotData(
            "the second call added to the list that the first one returned: make the list inside"
            " the function, not in its header or outside"
        )
    return {
        "unmoved": watch.unmoved() if steps else "",
        STEPS: watch.steps == calls * steps,
        MOVES: not watch.idle,
        ROWS: watch.rows in (set(), {len(x)}),
        "the losses it returned": returned[-1],
        "the weights afterwards": model.weight,
        "the bias afterwards": model.bias,
        "`loss_fn` was called": watch.losses > 0,
    }


class Watch:
    """Notes whether gradients reach a model's parameters, and are there when a step is made."""

    def __init__(self, model: Module, optimizer: Optimizer, loss: Callable):
        self.parameters, self.loss = list(model.parameters()), loss
        self.start = [p.detach().clone() for p in self.parameters]
        self.losses = self.steps = self.idle = 0
        self.rows: set[int] = set()
        self.called = self.arrived = self.served = self.due = False
        self.lack = "no step"
        for p in self.parameters:
            p.register_post_accumulate_grad_hook(self.arrive)
        optimizer.register_step_post_hook(self.look)

    def loss_fn(self, prediction: Tensor, target: Tensor) -> Tensor:
        if not self.losses and not self.steps and self.moved():
            raise NotData(
                "it changed the weights of the model before the first loss: train the model as it"
                " comes, without resetting it"
            )
        self.losses += 1
        self.rows.add(len(prediction))
        loss = self.loss(prediction, target)
        self.due |= bool(loss.detach().any())
        if loss.requires_grad:
            loss.register_hook(self.call)
        return loss

    def call(self, _gradient: Tensor) -> None:
        self.called = True

    def arrive(self, parameter: Tensor) -> None:
        self.arrived |= parameter.grad is not None and bool(parameter.grad.any())

    def look(self, *_: Any) -> None:
        """After a step: were there gradients, or only what `zero_grad` had left?"""
        here = [p.grad for p in self.parameters if p.grad is not None]
        served = bool(here) and (not self.arrived or any(bool(g.any()) for g in here))
        self.served |= served
        self.idle += not served
        if not self.steps:
            self.lack = "cleared" if self.arrived else "elsewhere" if self.called else "no backward"
        self.steps += 1

    def moved(self) -> bool:
        import torch

        return not all(map(torch.equal, self.parameters, self.start))

    def unmoved(self) -> str:
        """What the first step lacked, where the weights stayed although a loss was not 0."""
        return self.lack if self.due and not self.served and not self.moved() else ""


def _refuse_other_than_numbers(losses: Any) -> None:
    """Raises NotData where a later cell could not draw what came."""
    import torch

    listed = list(losses) if isinstance(losses, (list, tuple)) else []
    if isinstance(losses, torch.nn.Module):
        raise NotData(f"it returned the model, which the caller has already: {LIST}")
    if any(isinstance(part, torch.nn.Module) for part in listed):
        raise NotData(f"it returned the model too, which the caller has already: {LIST}")
    if isinstance(losses, torch.Tensor):
        raise NotData(f"it returned a tensor: return a list, and in every step {PLAIN}")
    if any(isinstance(loss, torch.Tensor) and loss.requires_grad for loss in listed):
        raise NotData(
            f"the list holds tensors, each with its computation graph: {PLAIN} without a graph"
        )
    if any(isinstance(loss, torch.Tensor) for loss in listed):
        raise NotData(f"the list holds tensors: {PLAIN}, for each step")
    if any(isinstance(loss, str) for loss in listed):
        raise NotData(f"the list holds text: {PLAIN}, without formatting it")
    if None in listed:
        raise NotData(
            "the list that it returned holds None: `loss.backward()` returns nothing, so record the"
            " loss itself"
        )
