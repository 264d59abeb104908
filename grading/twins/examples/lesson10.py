"""A twin of exercise 10.2: the attacker's best threshold. An example; change it before you use it
for marks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from course_utils.asking.ask import TensorArg
from course_utils.checks.exercise import Case, Exercise, Mutant, again

close_case = partial(Case, rtol=1e-5, atol=1e-6)


def _cases(rng: np.random.Generator) -> list[Case]:
    def scores(n: int, center: float) -> TensorArg:
        return TensorArg(np.unique(rng.normal(center, 1, size=4 * n))[rng.permutation(4 * n)[:n]])

    tied = TensorArg(rng.integers(0, 4, 30)), TensorArg(rng.integers(0, 3, 20))
    few = scores(11, 0.8), scores(23, 0.0)
    return [
        close_case(
            "in 3 and 1, out 2, 1 and 0: at c = 3 one of two is named and nobody accused, ½",
            (TensorArg(np.array([3.0, 1.0])), TensorArg(np.array([2.0, 1.0, 0.0]))),
        ),
        close_case(
            "everyone in scores higher: 1",
            (TensorArg(np.array([5.0, 4.0])), TensorArg(np.array([1.0, 2.0, 3.0]))),
        ),
        close_case(
            "everyone in scores lower: better to accuse nobody, 0",
            (TensorArg(np.array([0.5, 1.5])), TensorArg(np.array([2.0, 4.0, 3.0]))),
        ),
        close_case("eleven in, twenty-three out", few),
        close_case("the same scores, a second time", few, again),
        close_case("forty of each, closer together", (scores(40, 0.3), scores(40, 0.0))),
        close_case("scores that are whole numbers, with many ties", tied),
        close_case(
            "all scores the same: 0", (TensorArg(np.full(4, 2.0)), TensorArg(np.full(6, 2.0)))
        ),
        close_case(
            "negative distances: every score is below 0", (scores(15, -4.0), scores(9, -5.0))
        ),
    ]


def _oracle(scores_in: Any, scores_out: Any) -> float:
    """The highest point above the diagonal of scikit-learn's ROC curve."""
    from sklearn.metrics import roc_curve

    truth = np.repeat([1, 0], [len(scores_in), len(scores_out)])
    false, true, _ = roc_curve(
        truth, np.concatenate([scores_in, scores_out]), drop_intermediate=False
    )
    return float((true - false).max())


def _auc(scores_in: Any, scores_out: Any) -> float:
    difference = scores_in[:, None] - scores_out
    return float(((difference > 0).double() + 0.5 * (difference == 0)).mean())


def _gains(a: Any, b: Any, cuts: Any = None, strict: bool = False) -> Any:
    """Named minus accused for every threshold."""
    import torch

    cuts = torch.cat([a, b]) if cuts is None else cuts
    named, accused = (
        (s[:, None] > cuts if strict else s[:, None] >= cuts).double().mean(0) for s in (a, b)
    )
    return named - accused


def _best(gains: Any) -> float:
    return float(gains.max())


def _at(threshold: Callable[[Any], Any]) -> Callable[..., float]:
    """The advantage at one threshold, made from all scores."""
    import torch

    return lambda a, b: float(_gains(a, b, threshold(torch.cat([a, b])).reshape(1)))


def _best_accuracy(a: Any, b: Any) -> float:
    import torch

    cuts = torch.cat([a, b, torch.tensor([1e9], dtype=a.dtype)])
    named, spared = (a[:, None] >= cuts).sum(0), (b[:, None] < cuts).sum(0)
    return float((named + spared).max()) / (len(a) + len(b))


def _smirnov(a: Any, b: Any) -> float:
    from scipy.stats import ks_2samp

    return max(
        0.0, float(ks_2samp(a.numpy(), b.numpy(), alternative="less", method="asymp").statistic)
    )


def _loop(a: Any, b: Any) -> float:
    a, b = a.tolist(), b.tolist()
    return max(
        [0.0] + [sum(x >= c for x in a) / len(a) - sum(x >= c for x in b) / len(b) for c in a]
    )


ADVANTAGE = Exercise(
    "10.2t",
    "membership_advantage",
    _cases,
    _oracle,
    {
        "auc-for-advantage": Mutant(
            "this is the AUC, which needs no threshold: the best threshold's difference of two"
            " shares is asked for",
            _auc,
        ),
        "gini-for-advantage": Mutant(
            "this is twice the AUC minus 1: the best threshold's difference of two shares is"
            " asked for",
            lambda a, b: 2 * _auc(a, b) - 1,
        ),
        "accuracy-for-advantage": Mutant(
            "this is the best accuracy: the difference of the two shares is asked for",
            _best_accuracy,
        ),
        "threshold-for-gain": Mutant(
            "this is the threshold, not what it gains",
            lambda a, b: float(_cat(a, b)[_gains(a, b).argmax()]),
        ),
        "gain-without-false-alarms": Mutant(
            "this is the share of those in named without a single false accusation: a few may be"
            " worth it",
            lambda a, b: float((a > b.max()).double().mean()),
        ),
        "median-threshold": Mutant(
            "the threshold is the median of all scores: the best one is asked for",
            _at(lambda all_scores: all_scores.median()),
        ),
        "mean-threshold": Mutant(
            "the threshold is the mean of all scores: the best one is asked for",
            _at(lambda all_scores: all_scores.mean()),
        ),
        "either-direction": Mutant(
            "the largest difference in *either* direction: who was in scores high, so only named"
            " minus accused counts",
            lambda a, b: max(
                float(_gains(a, b).abs().max()), float(_gains(a, b, strict=True).abs().max())
            ),
        ),
        "sign-flipped": Mutant(
            "accused minus named: who was in scores high", lambda a, b: _best(-_gains(a, b))
        ),
        "counts-for-shares": Mutant(
            "the counts were subtracted: there may be more people in one group, so subtract shares",
            lambda a, b: _best(
                (a[:, None] >= _cat(a, b)).sum(0) - (b[:, None] >= _cat(a, b)).sum(0)
            ),
        ),
        "shares-of-everyone": Mutant(
            "both counts were divided by the number of all people: each share belongs to its own"
            " group",
            lambda a, b: (
                _best((a[:, None] >= _cat(a, b)).sum(0) - (b[:, None] >= _cat(a, b)).sum(0))
                / (len(a) + len(b))
            ),
        ),
        "thresholds-from-out-only": Mutant(
            "only the scores of those out were tried as thresholds: the best one lies at a score of"
            " someone in",
            lambda a, b: _best(_gains(a, b, b)),
        ),
        "mean-over-thresholds": Mutant(
            "this is the mean gain over all thresholds: the best one is asked for",
            lambda a, b: float(_gains(a, b).mean()),
        ),
    },
    {
        "a loop over the scores of those in": _loop,
        "Smirnov's one-sided statistic": _smirnov,
        "scikit-learn's ROC curve": _oracle,
        "strictly above, all thresholds and one below all": lambda a, b: _best(
            _gains(a, b, strict=True)
        ),
    },
)


def _cat(a: Any, b: Any) -> Any:
    import torch

    return torch.cat([a, b])


EXERCISES = [ADVANTAGE]
