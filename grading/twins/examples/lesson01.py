"""A twin of exercise 1.1: another density, so another logarithm. An example; change it before you
use it for marks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from course_utils.checks.exercise import Case, Exercise, Mutant, again


def _cases(rng: np.random.Generator) -> list[Case]:
    mu, b = rng.normal(0, 3), rng.uniform(1.5, 4)
    five = mu + b * rng.normal(size=5)
    return [
        Case("at its peak, x = 10 with μ = 10 and b = 2: −log 4", (10.0, 10.0, 2.0)),
        Case("a narrow peak, b = 0.1 at its center: the density exceeds 1", (0.0, 0.0, 0.1)),
        Case(f"five points with μ = {mu:.2f} and b = {b:.2f}", (five, mu, b)),
        Case("the same five points, a second time", (five, mu, b), again),
        Case("a table of shape (2, 3)", (rng.normal(1, 2, size=(2, 3)), 1.0, 2.0)),
        Case(
            "a thousand times b from the center",
            (np.array([-2000.0, 2000.0]), 0.0, 2.0),
            stress=True,
        ),
        Case("b = 0 makes no sense", (1.0, 0.0, 0.0)),
        Case("b = −1 makes no sense", (1.0, 0.0, -1.0)),
    ]


def _oracle(x: Any, mu: float, b: float) -> Any:
    import torch

    if b <= 0:
        raise ValueError("b must be positive")
    center, scale = (torch.tensor(value, dtype=torch.float64) for value in (mu, b))
    return torch.distributions.Laplace(center, scale).log_prob(
        torch.as_tensor(x, dtype=torch.float64)
    )


def _with(formula: Any) -> Any:
    """An answer that refuses a wrong b, and else follows a formula of |x − μ| and b."""

    def answer(x: Any, mu: float, b: float) -> Any:
        if b <= 0:
            raise ValueError("b must be positive")
        with np.errstate(divide="ignore"):
            return formula(np.abs(np.asarray(x) - mu), b)

    return answer


LAPLACE = Exercise(
    "1.1t",
    "laplace_logpdf",
    _cases,
    _oracle,
    {
        "normal-for-laplace": Mutant(
            "this is the normal density: the Laplace density falls off with |x − μ|, not with its"
            " square",
            _with(lambda d, b: -0.5 * math.log(2 * math.pi * b) - d**2 / (2 * b)),
        ),
        "half-missing": Mutant(
            "the factor ½ in front is lost: both sides of the peak together have probability 1",
            _with(lambda d, b: -np.log(b) - d / b),
        ),
        "normalizer-missing": Mutant("the whole factor 1/(2b) is lost", _with(lambda d, b: -d / b)),
        "normalizer-sign-flipped": Mutant(
            "the logarithm of 1/(2b) has a minus: a wider peak is a lower peak",
            _with(lambda d, b: np.log(2 * b) - d / b),
        ),
        "distance-times-b": Mutant(
            "the distance was multiplied by b: it is divided by it",
            _with(lambda d, b: -np.log(2 * b) - d * b),
        ),
        "density-for-log-density": Mutant(
            "this is the density: its logarithm is asked for",
            _with(lambda d, b: np.exp(-d / b) / (2 * b)),
        ),
        "log-of-underflow": Mutant(
            "right near the peak, −∞ far away: stay in logarithms throughout",
            _with(lambda d, b: np.log(np.exp(-d / b) / (2 * b))),
        ),
        "bad-b-accepted": Mutant(
            "everything is right but one thing: a b that is not positive should raise a ValueError",
            lambda x, mu, b: -np.log(2 * abs(b) or 1) - np.abs(np.asarray(x) - mu) / (b or 1),
        ),
    },
    {
        "math and a loop": _with(
            lambda d, b: np.reshape([-math.log(2 * b) - v / b for v in np.ravel(d)], np.shape(d))
        ),
        "a sum of three logarithms": _with(lambda d, b: np.log(0.5) - np.log(b) - d / b),
        "float32": _with(lambda d, b: (-np.log(2 * b) - d / b).astype(np.float32)),
    },
)

EXERCISES = [LAPLACE]
