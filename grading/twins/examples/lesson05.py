"""A twin of exercise 5.4: another bound. An example; change it before you use it for marks."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from course_utils.asking.ask import Ask, TensorArg
from course_utils.checks.exercise import Case, Exercise, Mutant, again

close_case = partial(Case, rtol=1e-4, atol=1e-4)  # float32


def _with_gradient(ask: Ask, *args: Any) -> Any:
    return ask.probe("gradient", ["logw"], *args)


def _cases(rng: np.random.Generator) -> list[Case]:
    logw, alpha = TensorArg(rng.normal(-3, 1.5, size=(4, 5))), float(rng.uniform(0.3, 0.7))
    return [
        close_case(
            "weights 1 and 9, α = ½: 2 log 2 = 1.386", (TensorArg(np.log([[1.0, 9.0]])), 0.5)
        ),
        close_case(
            "weights 1 and 3, α = −1: ½ log 5 = 0.805", (TensorArg(np.log([[1.0, 3.0]])), -1.0)
        ),
        close_case(
            "three equal weights e^−2: −2 for every α", (TensorArg(np.full((1, 3), -2.0)), 0.25)
        ),
        close_case(f"four pictures, five plans each, α = {alpha:.2f}", (logw, alpha)),
        close_case("the same, with the gradient that reaches logw", (logw, alpha), _with_gradient),
        close_case("the same tensor, a second time", (logw, alpha), again),
        close_case("the same tensor, α = −3", (logw, -3.0)),
        close_case("α = 0: the importance-weighted bound", (logw, 0.0)),
        *(
            close_case(
                f"two pictures, one with weights of about e^−10, one of about e^−{low}, α = ½",
                (TensorArg(rng.normal(np.array([[-10.0], [-low]]), 2, size=(2, 6))), 0.5),
                stress=True,
            )
            for low in (300, 3000)
        ),
    ]


def _oracle(logw: Any, alpha: float) -> Any:
    """The power mean, by the largest weight pulled out; float64."""
    top = logw.double().max(1, keepdim=True).values
    ratio = ((logw.double() - top).exp() ** (1 - alpha)).mean(1)
    return top.squeeze(1) + ratio.log() / (1 - alpha)


def _bound(
    power: Callable[[float], float] = lambda a: 1 - a,
    outside: Callable[[float], float] | None = None,
    count: Callable[[int], float] = math.log,
) -> Callable[..., Any]:
    """An answer in which one part of the formula is changed."""

    def answer(logw: Any, alpha: float) -> Any:
        return ((power(alpha) * logw).logsumexp(1) - count(logw.shape[1])) / (outside or power)(
            alpha
        )

    return answer


def _loop(logw: Any, alpha: float) -> Any:
    import torch

    rows = [torch.logsumexp((1 - alpha) * row, 0) - math.log(len(row)) for row in logw]
    return torch.stack(rows) / (1 - alpha)


def _pulled_out(logw: Any, alpha: float) -> Any:
    top = logw.max(1, keepdim=True).values
    return top.squeeze(1) + ((1 - alpha) * (logw - top)).exp().mean(1).log() / (1 - alpha)


RENYI = Exercise(
    "5.4t",
    "renyi_bound",
    _cases,
    _oracle,
    {
        "alpha-ignored": Mutant(
            "α is ignored: this is the importance-weighted bound",
            lambda logw, alpha: logw.logsumexp(1) - math.log(logw.shape[1]),
        ),
        "elbo-for-bound": Mutant(
            "this is the ELBO, the mean of the logarithms: that is the limit α → 1",
            lambda logw, alpha: logw.mean(1),
        ),
        "not-divided": Mutant(
            "the weights got the power, but the logarithm was not divided by 1 − α",
            _bound(outside=lambda a: 1.0),
        ),
        "power-missing": Mutant(
            "the logarithm was divided by 1 − α, but the weights did not get the power",
            _bound(power=lambda a: 1.0, outside=lambda a: 1 - a),
        ),
        "multiplied-not-divided": Mutant(
            "the logarithm was multiplied by 1 − α: it is divided",
            _bound(outside=lambda a: 1 / (1 - a)),
        ),
        "power-alpha": Mutant(
            "the power is α: it is 1 − α",
            _bound(power=lambda a: a or 1e-3, outside=lambda a: 1 - a),
        ),
        "sign-flipped": Mutant(
            "1 − α stands as α − 1 in front: the bound has the wrong sign",
            _bound(outside=lambda a: a - 1),
        ),
        "log-k-missing": Mutant(
            "log K is missing: the weights were summed, not averaged", _bound(count=lambda K: 0.0)
        ),
        "log-k-added": Mutant(
            "log K was added: a mean is the sum divided by K, so subtract it",
            _bound(count=lambda K: -math.log(K)),
        ),
        "log-k-outside-division": Mutant(
            "log K was left outside the division: it belongs to the mean, which is divided by"
            " 1 − α",
            lambda logw, alpha: (
                ((1 - alpha) * logw).logsumexp(1) / (1 - alpha) - math.log(logw.shape[1])
            ),
        ),
        "float32-overflow": Mutant(
            "right as long as no weight is too small for the exponential: use `logsumexp`",
            lambda logw, alpha: (logw.exp() ** (1 - alpha)).mean(1).log() / (1 - alpha),
        ),
        "float64-overflow": Mutant(
            "right as long as float64 can hold the weights: use `logsumexp`",
            lambda logw, alpha: (logw.double().exp() ** (1 - alpha)).mean(1).log() / (1 - alpha),
        ),
        "mean-over-batch": Mutant(
            "the mean ran over the pictures: each picture has its own K weights",
            lambda logw, alpha: (
                (((1 - alpha) * logw).logsumexp(0) - math.log(len(logw))) / (1 - alpha)
            ),
        ),
        "one-value-for-batch": Mutant(
            "one bound for all pictures: one per row is asked for",
            lambda logw, alpha: _bound()(logw, alpha).mean(),
        ),
        "no-gradient": Mutant(
            "the value is right, but no gradient reaches logw",
            lambda logw, alpha: _bound()(logw, alpha).detach(),
        ),
    },
    {
        "row by row": _loop,
        "the largest weight pulled out by hand": _pulled_out,
        "in float64": lambda logw, alpha: _bound()(logw.double(), alpha),
    },
)

EXERCISES = [RENYI]
