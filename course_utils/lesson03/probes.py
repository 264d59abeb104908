"""What lesson 03 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from course_utils.asking.ask import NotData
from course_utils.asking.probes import arrays

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

TRAIN, VAL = "train", "val"
BOTH = 'return a dictionary, {"train": […], "val": […]}'
PLAIN = "record `loss.item()`, a plain number"
STEPS = "`optimizer.step()` is called once for every minibatch, whatever the loss is"
MOVES = "`optimizer.step()` finds gradients in every step, and it alone moves the weights"
ORDER = "`loss_fn` gets every minibatch of `loader`, in its order, in every epoch"
MEASURES = "`validate` is called after every epoch, inside `torch.no_grad()`"
PACES = "`scheduler.step()` is called once for every minibatch"
TRAINS = "the model is in training mode whenever `loss_fn` is called"


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
    `validated`, whether a minibatch holds x `alone` (its loss is then measured against 0), and the
    number of `calls`.
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
        "unclipped": watch.clipped if watch.too_long and watch.clipped != "in time" else "",
        STEPS: watch.steps == watch.due,
        MOVES: not watch.idle,
        ORDER: watch.rows == watch.loader.first_rows(how["calls"] * how["epochs"]),
        TRAINS: watch.trains,
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
    and are there when a step is taken.
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
        self.loader = Loader(self, x, y, how["size"], bool(how.get("alone")))
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
        self.trains = True
        self.lack, self.clipped, self.too_long = "no step", "", False
        self.fresh: dict[Tensor, Tensor] = {}
        for p in self.parameters:
            p.register_post_accumulate_grad_hook(self.arrive)
        self.optimizer.register_step_post_hook(self.look)

    def ask(self, answer: Callable) -> Any:
        given = {
            "scheduler": self.scheduler,
            "max_norm": self.how.get("max_norm"),
            "validate": self.validate if self.validated else None,
        }
        with self.watched_clipping(answer):
            return answer(
                self.model, self.loader, self.loss_fn, self.optimizer, self.how["epochs"], **given
            )

    @contextmanager
    def watched_clipping(self, answer: Callable) -> Iterator[None]:
        """Notes where `clip_grad_norm_` is called first: before any gradient, in time, or after the
        first step. A name that the answer imported for itself cannot be watched.
        """
        from torch.nn import utils

        clip = utils.clip_grad_norm_
        known = getattr(answer, "__globals__", {}).values()
        self.clipped = self.clipped or ("unseen" if any(v is clip for v in known) else "never")

        def watched(*args: Any, **options: Any) -> Any:
            if self.clipped == "never":
                self.clipped = "late" if self.steps else "in time" if self.arrived else "early"
            return clip(*args, **options)

        utils.clip_grad_norm_ = watched
        try:
            yield
        finally:
            utils.clip_grad_norm_ = clip

    def loss_fn(self, model: Module, *batch: Any) -> Tensor:
        import torch

        if isinstance(model, torch.Tensor):
            raise NotData(
                "`loss_fn` was given predictions: it takes the model and the minibatch, and calls"
                " the model itself"
            )
        if not isinstance(model, torch.nn.Module) or len(batch) != 1:
            raise NotData(
                "`loss_fn` takes two things, the model and the minibatch as the loader yields it"
            )
        if not self.losses and not self.steps and self.moved():
            raise NotData(
                "it changed the weights of the model before the first loss: train the model as it"
                " comes, without resetting it"
            )
        self.losses += 1
        self.trains &= model.training
        if self.how.get("alone"):
            (x,) = batch[0]
            y = torch.zeros(len(x), 1)
        else:
            x, y = batch[0]
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

    def call(self, _gradient: Tensor) -> None:
        self.called = True

    def arrive(self, parameter: Tensor) -> None:
        if parameter.grad is not None:
            self.arrived |= bool(parameter.grad.any())
            self.fresh[parameter] = parameter.grad.clone()

    def look(self, *_: Any) -> None:
        """After a step: were there gradients, or only what `zero_grad` had left, and were they as
        long as they came although that is too long?
        """
        import torch

        here = [p.grad for p in self.parameters if p.grad is not None]
        served = bool(here) and (not self.arrived or any(bool(g.any()) for g in here))
        self.served |= served
        self.idle += not served
        if not self.steps:
            self.lack = "cleared" if self.arrived else "elsewhere" if self.called else "no backward"
        bound = self.how.get("max_norm")
        if bound and len(here) == len(self.fresh) == len(self.parameters):
            as_they_came = all(torch.equal(p.grad, self.fresh[p]) for p in self.parameters)
            length = math.sqrt(sum(float((g**2).sum()) for g in here))
            self.too_long |= as_they_came and length > 1.001 * bound
        self.steps += 1

    def moved(self) -> bool:
        import torch

        return not all(map(torch.equal, self.parameters, self.start))

    def unmoved(self) -> str:
        """What the first step lacked, where the weights stayed although a loss was not 0."""
        return self.lack if self.missed and not self.served and not self.moved() else ""


class Loader:
    """Minibatches of `size` rows of x and y, in another order in every epoch, as often as it is
    iterated over. A pass in which no loss is computed counts for nothing.
    """

    def __init__(self, watch: Watch, x: Tensor, y: Tensor, size: int, alone: bool):
        xs = x.split(size)
        self.watch, self.epoch, self.losses = watch, -1, -1
        self.batches: list[Any] = (
            [(x,) for x in xs] if alone else [*zip(xs, y.split(size), strict=True)]
        )

    def __iter__(self) -> Iterator[Any]:
        if self.watch.losses > self.losses:
            self.epoch, self.losses = self.epoch + 1, self.watch.losses
        return iter(self.of(self.epoch))

    def __len__(self) -> int:
        return len(self.batches)

    def of(self, epoch: int) -> list[Any]:
        """The minibatches of an epoch: the first one moves to the end each time."""
        first = epoch % len(self.batches)
        return self.batches[first:] + self.batches[:first]

    def first_rows(self, epochs: int) -> list[float]:
        return [float(batch[0][0, 0]) for epoch in range(epochs) for batch in self.of(epoch)]


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
    plain = PLAIN if key == TRAIN else "record what `validate` returns, as it is"
    listed = list(values) if isinstance(values, (list, tuple)) else []
    if any(isinstance(value, torch.Tensor) and value.requires_grad for value in listed):
        raise NotData(
            f'the list "{key}" holds tensors, each with its computation graph: {PLAIN} without a'
            " graph"
        )
    if any(isinstance(value, torch.Tensor) for value in listed):
        raise NotData(f'the list "{key}" holds tensors: {plain}')
    if any(isinstance(value, str) for value in listed):
        raise NotData(f'the list "{key}" holds text: {plain}, without formatting it')
    if None in listed:
        raise NotData(
            f'the list "{key}" holds None: `loss.backward()` returns nothing, so record the loss'
            " itself"
        )
