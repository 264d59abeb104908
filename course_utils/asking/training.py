"""What optimizers do while an answer trains, seen from outside: to name a mistake, not to judge."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


@dataclass
class Training:
    """Counts over all optimizers: their `steps`, those without any gradient (`empty`), and those
    whose gradient holds more than what came since the step before (`piled`). `updated` has the
    parameters that they were given.
    """

    steps: int = 0
    empty: int = 0
    piled: int = 0
    updated: dict[int, Tensor] = field(default_factory=dict)
    fresh: dict[int, Any] = field(default_factory=dict)
    hooks: list[Any] = field(default_factory=list)

    def step(self, optimizer: Optimizer, *_: Any) -> None:
        """Called before each step of any optimizer. It must not disturb the training."""
        with contextlib.suppress(Exception):
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            self.steps += 1
            self.updated.update((id(p), p) for p in parameters)
            self.empty += all(p.grad is None or not p.grad.any() for p in parameters)
            self._compare(min((p for p in parameters if p.requires_grad), key=lambda p: p.numel()))

    def _compare(self, parameter: Tensor) -> None:
        """Whether a gradient is what came since the last step, up to a factor as by clipping."""
        key = id(parameter)
        if key not in self.fresh:
            self.hooks.append(parameter.register_hook(lambda gradient: self._add(key, gradient)))
        elif parameter.grad is not None and self.fresh[key] is not None:
            held, came = parameter.grad.flatten(), self.fresh[key].flatten()
            sizes = held.norm(), came.norm()
            aligned = held @ came > 0.9 * sizes[0] * sizes[1]
            self.piled += bool(
                0 < sizes[0] < float("inf") and (not aligned or sizes[0] > 1.5 * sizes[1])
            )
        self.fresh[key] = None

    def _add(self, key: int, gradient: Tensor) -> None:
        so_far = self.fresh[key]
        self.fresh[key] = gradient.detach().clone() if so_far is None else so_far + gradient

    def facts(self) -> dict[str, Any]:
        """`steps`, and whether most of them were `empty` or `piled`, as plain data."""
        most = {"empty": self.empty > self.steps / 2, "piled": self.piled > self.steps / 2}
        return {"steps": self.steps} | most

    def network(self, result: Tensor) -> tuple[bool, bool]:
        """Of the parameters that a result depends on: whether no optimizer was given any of them,
        and whether none of them has a gradient.
        """
        used = parameters_behind(result)
        left_out = bool(used) and not any(id(parameter) in self.updated for parameter in used)
        return left_out, bool(used) and all(parameter.grad is None for parameter in used)


@contextlib.contextmanager
def watched() -> Iterator[Training]:
    """What happens inside to every optimizer of PyTorch, whatever its kind."""
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    training = Training()
    handle = register_optimizer_step_pre_hook(training.step)
    try:
        yield training
    finally:
        for hook in (handle, *training.hooks):
            hook.remove()


def parameters_behind(result: Tensor) -> list[Tensor]:
    """The leaves that a gradient of the result would reach."""
    todo, seen, found = [result.grad_fn], set(), []
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        todo += [following for following, _ in node.next_functions]
    return found


def put_in_eval_mode(*parts: Any) -> None:
    """Every module that a function is, belongs to or closes over: forgotten dropout is not what is
    asked about.
    """
    import torch

    todo, seen = list(parts), set()
    while todo:
        part = todo.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, torch.nn.Module):
            part.eval()
        elif isinstance(part, (list, tuple)):
            todo += part
        todo += [getattr(part, "__self__", None), getattr(part, "func", None)]
        for cell in getattr(part, "__closure__", None) or ():
            with contextlib.suppress(ValueError):  # an empty cell
                todo.append(cell.cell_contents)
