"""What lesson 03 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from course_utils.asking.ask import NotData
from course_utils.asking.probes import arrays

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

TRAIN, VAL = "train", "val"
BOTH = 'a dictionary is asked for, {"train": […], "val": […]}'
PLAIN = "record `loss.item()`, a plain number"
STEPS = "`optimizer.step()` is called once for every minibatch, whatever the loss is"
MOVES = "`optimizer.step()` finds gradients in every step, and it alone moves the weights"
ORDER = "`loss_fn` gets every minibatch of `loader`, in its order, in every epoch"
MEASURES = "`validate` is called after every epoch, inside `torch.no_grad()`"
PACES = "`scheduler.step()` is called once for every minibatch"


def step(answer: Callable, *args: Any) -> Any:
    """The new theta of a step; NotData where it is a tensor that NumPy cannot read."""
    theta = answer(*args)
    return theta if isinstance(theta, list) else arrays(lambda: theta)


def training(
    answer: Callable, weights: Tensor, bias: Tensor, x: Tensor, y: Tensor, options: dict[str, Any]
) -> dict[str, Any]:
    """`answer(model, loader, loss_fn, optimizer, epochs, ...)` on a linear model with given
    weights: what it returns and leaves after its last call.

    weights (1, D), bias (1,), x (N, D), y (N, 1). `options`: `lr`, `epochs`, the `size` of a
    minibatch, the name of a `loss`, the factor `decay` of a scheduler, `max_norm`, whether it is
    `validated`, and the number of `calls`.
    """
    how: dict[str, Any] = {"epochs": 1, "size": len(x), "loss": "mse_loss", "calls": 1} | options
    watch = Watch(weights, bias, x, y, how)
    returned = [watch.ask(answer) for _ in range(how["calls"])]
    histories = _histories(returned[-1])
    if how["calls"] > 1 and len(histories[TRAIN]) > watch.due // how["calls"]:
        raise NotData(
            "the second call added to the lists that the first one returned: make the lists inside"
            " the function, not in its header or outside"
        )
    return {
        "unmoved": watch.unmoved() if watch.due else "",
        STEPS: watch.steps == watch.due,
        MOVES: not watch.idle,
        ORDER: watch.rows == how["calls"] * how["epochs"] * list(watch.first_rows()),
        PACES: not watch.scheduler or watch.scheduler.last_epoch == watch.due,
        MEASURES: watch.measured == [False] * (how["calls"] * how["epochs"] * watch.validated),
        "the training losses": histories[TRAIN],
        "what validate returned": histories[VAL],
        "the weights afterwards": watch.model.weight,
        "the bias afterwards": watch.model.bias,
        "`loss_fn` was called": watch.losses > 0,
    }


class Watch:
    """A model with all that a training loop needs. Notes whether gradients reach the parameters,
    and are there when a step is made.
    """

    def __init__(self, weights: Tensor, bias: Tensor, x: Tensor, y: Tensor, how: dict[str, Any]):
        import torch

        # draws no random numbers
        self.model = torch.nn.utils.skip_init(torch.nn.Linear, weights.shape[1], 1)
        with torch.no_grad():
            self.model.weight.copy_(weights)
            self.model.bias.copy_(bias)
        self.parameters = list(self.model.parameters())
        self.start = [p.detach().clone() for p in self.parameters]
        self.x, self.y, self.how = x, y, how
        self.loader = Loader(x, y, how["size"])
        self.due = how["calls"] * how["epochs"] * len(self.loader)
        self.validated = bool(how.get("validated"))
        self.loss = getattr(torch.nn.functional, how["loss"])
        self.optimizer = torch.optim.SGD(self.parameters, lr=how["lr"])
        self.scheduler = (
            torch.optim.lr_scheduler.ExponentialLR(self.optimizer, how["decay"])
            if "decay" in how
            else None
        )
        self.losses = self.steps = self.idle = 0
        self.rows: list[float] = []
        self.measured: list[bool] = []
        self.called = self.arrived = self.served = self.missed = False
        self.lack = "no step"
        for p in self.parameters:
            p.register_post_accumulate_grad_hook(self.arrive)
        self.optimizer.register_step_post_hook(self.look)

    def ask(self, answer: Callable) -> Any:
        given = {
            "scheduler": self.scheduler,
            "max_norm": self.how.get("max_norm"),
            "validate": self.validate if self.validated else None,
        }
        return answer(
            self.model, self.loader, self.loss_fn, self.optimizer, self.how["epochs"], **given
        )

    def loss_fn(self, model: Module, batch: Any) -> Tensor:
        import torch

        if not isinstance(model, torch.nn.Module):
            raise NotData(
                "`loss_fn` was handed predictions: it takes the model and the minibatch, and calls"
                " the model itself"
            )
        if not self.losses and not self.steps and self.moved():
            raise NotData(
                "it changed the weights of the model before the first loss: train the model as it"
                " comes, without resetting it"
            )
        x, y = batch
        self.losses += 1
        self.rows.append(float(x[0, 0]))
        loss = self.loss(model(x), y)
        self.missed |= bool(loss.detach().any())
        if loss.requires_grad:
            loss.register_hook(self.call)
        return loss

    def validate(self, model: Module) -> float:
        import torch

        self.measured.append(torch.is_grad_enabled())
        with torch.no_grad():
            return float(self.loss(model(self.x), self.y))

    def first_rows(self) -> Iterator[float]:
        return (float(x[0, 0]) for x, _ in self.loader)

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
        return self.lack if self.missed and not self.served and not self.moved() else ""


class Loader:
    """Minibatches of `size` rows in the order of x and y, as often as it is iterated over."""

    def __init__(self, x: Tensor, y: Tensor, size: int):
        self.batches = [*zip(x.split(size), y.split(size), strict=True)]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def _histories(returned: Any) -> dict[str, Any]:
    """The two lists. Raises NotData where what came has another form."""
    if returned is None:
        raise NotData(f"it returned None: is there a `return`? {BOTH.capitalize()}")
    if not isinstance(returned, dict):
        kind = "the model" if callable(returned) else f"a {type(returned).__name__}"
        raise NotData(f"it returned {kind}: {BOTH}")
    if set(returned) != {TRAIN, VAL}:
        raise NotData(f"the dictionary has the keys {', '.join(map(repr, returned))}: {BOTH}")
    for key, values in returned.items():
        _refuse_other_than_numbers(key, values)
    return returned


def _refuse_other_than_numbers(key: str, values: Any) -> None:
    """Raises NotData where a later cell could not draw what came."""
    import torch

    if isinstance(values, torch.Tensor):
        raise NotData(f'"{key}" is a tensor: make it a list, and for each minibatch {PLAIN}')
    if isinstance(values, (int, float)):
        raise NotData(f'"{key}" is a single number: make it a list, with an entry each time')
    listed = list(values) if isinstance(values, (list, tuple)) else []
    if any(isinstance(value, torch.Tensor) and value.requires_grad for value in listed):
        raise NotData(
            f'the list "{key}" holds tensors, each with its computation graph: {PLAIN} without a'
            " graph"
        )
    if any(isinstance(value, torch.Tensor) for value in listed):
        raise NotData(f'the list "{key}" holds tensors: {PLAIN}')
    if any(isinstance(value, str) for value in listed):
        raise NotData(f'the list "{key}" holds text: {PLAIN}, without formatting it')
    if None in listed:
        raise NotData(
            f'the list "{key}" holds None: `loss.backward()` returns nothing, so record the loss'
            " itself"
        )
