"""A twin of exercise 2.2: a divergence with a mixture in the middle. An example; change it before
you use it for marks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.checks.exercise import Case, Exercise, Mutant


def _cases(rng: np.random.Generator) -> list[Case]:
    p, q = rng.dirichlet([2] * 5, size=2)
    return [
        Case("equal distributions: 0 bits", (np.array([0.2, 0.8]), np.array([0.2, 0.8]))),
        Case(
            "nothing in common, (1, 0) and (0, 1): 1 bit",
            (np.array([1.0, 0.0]), np.array([0.0, 1.0])),
        ),
        Case("five outcomes", (p, q)),
        Case("the same the other way round", (q, p)),
        Case(
            "an outcome that only the first allows",
            (np.array([0.5, 0.25, 0.25]), np.array([0.5, 0.5, 0.0])),
        ),
        Case("lists", ([0.9, 0.1], [0.3, 0.7])),
    ]


def _oracle(p: Any, q: Any) -> float:
    from scipy.spatial import distance

    return float(distance.jensenshannon(p, q, base=2) ** 2)


def _kl(p: Any, q: Any) -> float:
    p, q = np.asarray(p, float), np.asarray(q, float)
    with np.errstate(divide="ignore"):
        return float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())


def _halfway(p: Any, q: Any) -> Any:
    return (np.asarray(p, float) + np.asarray(q, float)) / 2


def _bits(nats: Callable[[Any, Any], float]) -> Callable[[Any, Any], float]:
    return lambda p, q: nats(p, q) / math.log(2)


def _entropy(p: Any) -> float:
    p = np.asarray(p, float)
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def _naive(p: Any, q: Any) -> float:
    p, q = np.asarray(p, float), np.asarray(q, float)
    with np.errstate(all="ignore"):
        return float(sum((a * np.log(a / _halfway(p, q))).sum() for a in (p, q)) / 2)


JENSEN_SHANNON = Exercise(
    "2.2t",
    "jensen_shannon",
    _cases,
    _oracle,
    {
        "kl-p-q": Mutant(
            "this is the KL divergence from p to q: compare both with the point halfway", _bits(_kl)
        ),
        "kl-p-q-in-nats": Mutant(
            "this is the KL divergence from p to q, in nats: compare both with the point halfway,"
            " and divide by log 2",
            _kl,
        ),
        "symmetrized-kl": Mutant(
            "this is the average of both KL divergences between p and q: the second of each is the"
            " point halfway, m",
            _bits(lambda p, q: (_kl(p, q) + _kl(q, p)) / 2),
        ),
        "halves-added": Mutant(
            "the two halves were added, not averaged",
            _bits(lambda p, q: _kl(p, _halfway(p, q)) + _kl(q, _halfway(p, q))),
        ),
        "nats-for-bits": Mutant(
            "this is in nats: bits are asked for",
            lambda p, q: (_kl(p, _halfway(p, q)) + _kl(q, _halfway(p, q))) / 2,
        ),
        "only-p-half": Mutant(
            "only p was compared with the point halfway", _bits(lambda p, q: _kl(p, _halfway(p, q)))
        ),
        "only-q-half": Mutant(
            "only q was compared with the point halfway", _bits(lambda p, q: _kl(q, _halfway(p, q)))
        ),
        "reference-reversed": Mutant(
            "the point halfway was compared with p and q, and not they with it",
            _bits(lambda p, q: (_kl(_halfway(p, q), p) + _kl(_halfway(p, q), q)) / 2),
        ),
        "zero-log-zero": Mutant(
            "0·log 0 gave NaN: what never happens costs nothing", _bits(_naive)
        ),
        "root-for-divergence": Mutant(
            "this is the square root, the Jensen–Shannon *distance*: the divergence is its square",
            lambda p, q: math.sqrt(
                max(
                    _bits(lambda p, q: (_kl(p, _halfway(p, q)) + _kl(q, _halfway(p, q))) / 2)(p, q),
                    0,
                )
            ),
        ),
    },
    {
        "entropies": _bits(lambda p, q: _entropy(_halfway(p, q)) - (_entropy(p) + _entropy(q)) / 2),
        "scipy": _oracle,
        "base 2 from the start": lambda p, q: sum(
            a * math.log2(a / m) / 2
            for one in (p, q)
            for a, m in zip(one, _halfway(p, q), strict=True)
            if a > 0
        ),
    },
)

EXERCISES = [JENSEN_SHANNON]
