"""How sharply a network's loss curves: the largest eigenvalue of its Hessian."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class Curvature:
    """Measures the largest curvature of `loss_fn(model, batch)`, by the power method: multiplied by
    the Hessian again and again, any vector turns toward the direction of the largest eigenvalue.

    The next call goes on from the vector that the last one found: a model that is measured often
    needs few `rounds`. Gradients are computed even inside `torch.no_grad()`.
    """

    def __init__(self, loss_fn: Callable, batch: Any, rounds: int = 5, first: int = 40):
        self.loss_fn, self.batch, self.rounds, self.first = loss_fn, batch, rounds, first
        self.vector: list[Tensor] | None = None

    def __call__(self, model: Module) -> float:
        import torch

        weights = [p for p in model.parameters() if p.requires_grad]
        known, rounds = self.vector, self.rounds
        if known is None:
            # the same start each time, and no random number of the caller's
            known = [torch.cos(torch.arange(w.numel())).view(w.shape) for w in weights]
            rounds = self.first
        vector = [part.to(w) for part, w in zip(known, weights, strict=True)]
        with torch.enable_grad():
            loss = self.loss_fn(model, self.batch)
            gradient = torch.autograd.grad(loss, weights, create_graph=True)
            for _ in range(rounds):
                length = math.sqrt(_dot(vector, vector)) or 1.0
                vector = [part / length for part in vector]
                directional = torch.stack(
                    [(g * part).sum() for g, part in zip(gradient, vector, strict=True)]
                ).sum()
                turned = torch.autograd.grad(directional, weights, retain_graph=True)
                largest, vector = _dot(turned, vector), [part.detach() for part in turned]
        self.vector = vector
        return largest


def _dot(a: Sequence[Tensor], b: Sequence[Tensor]) -> float:
    return float(sum((x * y).sum() for x, y in zip(a, b, strict=True)))
