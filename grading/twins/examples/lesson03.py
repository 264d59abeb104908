"""A twin of exercise 3.6: the same bound with a term more. An example; change it before you use it
for marks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.checks.exercise import Case, Exercise, Mutant, again


def _cases(rng: np.random.Generator) -> list[Case]:
    tall = rng.normal(0.7, 1, size=(20, 3))
    return [
        Case(
            "4 × 4, (2, 1, 4, 3) on the diagonal, decay 2: curvatures 2·16/4 + 2 = 10, the bound"
            " is 1/5",
            (np.diag([2.0, 1.0, 4.0, 3.0]), 2.0),
        ),
        Case("the same with decay 0: the bound is 1/4", (np.diag([2.0, 1.0, 4.0, 3.0]), 0.0)),
        Case("20 rows, 3 columns, decay 0.5", (tall, 0.5)),
        Case("20 rows, 3 columns, decay 3", (tall, 3.0)),
        Case("the same 20 rows, the same array, a second time", (tall, 3.0), again),
        Case(
            "12 rows, 2 columns, one of them about 60 times larger",
            (rng.normal(0.5, 1, size=(12, 2)) * np.array([30.0, 0.5]), 1.5),
        ),
    ]


def _oracle(X: np.ndarray, decay: float) -> float:
    """The curvatures are 2σ²/n + decay, with the singular values σ of X."""
    return float(2 / (2 * np.linalg.norm(X, 2) ** 2 / len(X) + decay))


def _from(bound: Callable[[np.ndarray, np.ndarray, float], Any]) -> Callable:
    """An answer that gets X, the eigenvalues of (2/n)·XᵀX and the decay."""
    return lambda X, decay: float(bound(X, np.linalg.eigvalsh(2 / len(X) * X.T @ X), decay))


DECAYED = Exercise(
    "3.6t",
    "max_stable_lr_decayed",
    _cases,
    _oracle,
    {
        "decay-ignored": Mutant(
            "the decay is ignored: it adds its own curvature to every direction",
            _from(lambda X, h, decay: 2 / h.max()),
        ),
        "decay-doubled": Mutant(
            "the decay was counted twice: the derivative of (λ/2)·θ² is λ·θ, so the curvature is λ",
            _from(lambda X, h, decay: 2 / (h.max() + 2 * decay)),
        ),
        "decay-halved": Mutant(
            "only half of the decay was counted: the second derivative of (λ/2)·θ² is λ",
            _from(lambda X, h, decay: 2 / (h.max() + decay / 2)),
        ),
        "decay-subtracted": Mutant(
            "the decay makes valleys steeper, not flatter: it is added",
            _from(lambda X, h, decay: 2 / (h.max() - decay)),
        ),
        "smallest-curvature": Mutant(
            "the flattest direction was taken: the steepest one explodes first",
            _from(lambda X, h, decay: 2 / (h.min() + decay)),
        ),
        "curvatures-summed": Mutant(
            "the curvatures of all directions were added up: the steepest alone decides",
            _from(lambda X, h, decay: 2 / (h + decay).sum()),
        ),
        "one-over-curvature": Mutant(
            "the bound is 2 over the curvature, not 1 over it",
            _from(lambda X, h, decay: 1 / (h.max() + decay)),
        ),
        "mean-over-n-missing": Mutant(
            "the mean over n is missing: the Hessian is (2/n)·XᵀX + λI",
            _from(lambda X, h, decay: 2 / (len(X) * h.max() + decay)),
        ),
        "two-of-square-missing": Mutant(
            "the 2 of the square is missing: the Hessian is (2/n)·XᵀX + λI",
            _from(lambda X, h, decay: 2 / (h.max() / 2 + decay)),
        ),
        "decay-added-to-bound": Mutant(
            "the decay was added to the bound: it belongs to the curvature, below the line",
            _from(lambda X, h, decay: 2 / h.max() + decay),
        ),
        "decay-divided-by-n": Mutant(
            "the decay was divided by n as well: only the data are averaged",
            _from(lambda X, h, decay: 2 / (h.max() + decay / len(X))),
        ),
    },
    {
        "singular values": _oracle,
        "any eigenvalues": lambda X, decay: (
            2 / np.linalg.eigvals(2 / len(X) * X.T @ X + decay * np.eye(X.shape[1])).real.max()
        ),
        "the decay added afterwards": _from(lambda X, h, decay: 2 / (h[-1] + decay)),
    },
)

EXERCISES = [DECAYED]
