"""A twin of exercise 7.2: the worst class instead of the average. An example; change it before you
use it for marks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.asking.ask import Ask, Tensor
from course_utils.checks.exercise import Case, Exercise, Mutant

CLOSE = {"rtol": 1e-6, "atol": 1e-6}


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(
        says: str, ordered: dict[int, int], right: dict[int, int], classes: int, never: int = -1
    ) -> Case:
        """`ordered` pictures of each class, `right` of them read as such, the others as other
        classes but `never`.
        """
        labels = np.repeat(list(ordered), list(ordered.values()))
        read = np.concatenate(
            [
                [k] * right[k] + [_other(rng, k, classes, never)] * (n - right[k])
                for k, n in ordered.items()
            ]
        )
        order = rng.permutation(len(labels))
        pictures = 0.1 * rng.random((len(labels), classes))
        pictures[np.arange(len(labels)), read[order].astype(int)] = 1.0
        return Case(says, (Tensor(pictures), Tensor(labels[order]), classes), _scored, **CLOSE)

    some = {k: int(n) for k, n in enumerate(rng.integers(8, 20, 10))}
    return [
        case("two classes, 3 of 4 and 1 of 2: ½", {0: 4, 1: 2}, {0: 3, 1: 1}, 3),
        case(
            "three classes, one of which is never read as ordered: 0",
            {0: 4, 1: 3, 2: 5},
            {0: 4, 1: 0, 2: 4},
            4,
            never=1,
        ),
        case(
            "ten classes, ordered unevenly", some, {k: n - 2 - k % 4 for k, n in some.items()}, 10
        ),
        case(
            "three of ten classes ordered: 0, 3 and 8",
            {0: 12, 3: 7, 8: 25},
            {0: 10, 3: 5, 8: 24},
            10,
        ),
        case("the class ordered least obeys most", {0: 30, 1: 20, 2: 5}, {0: 12, 1: 15, 2: 4}, 4),
        case("everything as ordered: 1", {0: 3, 1: 5}, {0: 3, 1: 5}, 4),
    ]


def _other(rng: np.random.Generator, k: int, classes: int, never: int) -> int:
    return int(rng.choice([c for c in range(classes) if c not in (k, never)]))


def _scored(ask: Ask, pictures: Tensor, labels: Tensor, classes: int) -> Any:
    return ask.probe("lesson07.scored_by_reader", pictures, labels, classes)


def _oracle(samples: Any, labels: Any, classifier: Any) -> float:
    """The smallest entry on the diagonal of scikit-learn's confusion matrix, as shares of rows."""
    from sklearn.metrics import confusion_matrix

    ordered = np.unique(labels)
    table = confusion_matrix(np.asarray(labels), np.asarray(classifier(samples)), normalize="true")
    seen = np.union1d(ordered, np.asarray(classifier(samples)))
    return float(np.diag(table)[np.isin(seen, ordered)].min())


def _score(how: Callable[[np.ndarray, np.ndarray], Any]) -> Callable[..., float]:
    return lambda samples, labels, classifier: float(
        how(np.asarray(labels), np.asarray(classifier(samples)))
    )


def _shares(labels: np.ndarray, read: np.ndarray, over: Any = None) -> list[float]:
    return [
        float((read[labels == k] == k).mean())
        for k in (np.unique(labels) if over is None else over)
    ]


def _precisions(labels: np.ndarray, read: np.ndarray) -> list[float]:
    return [float((labels[read == k] == k).mean()) for k in np.unique(read)]


def _in_torch(samples: Any, labels: Any, classifier: Any) -> Any:
    import torch

    right = (torch.as_tensor(classifier(samples)) == labels).double()
    return min(right[labels == k].mean() for k in labels.unique())


def _counted(samples: Any, labels: Any, classifier: Any) -> float:
    right: dict[int, list[bool]] = {}
    for label, read in zip(labels.tolist(), classifier(samples), strict=True):
        right.setdefault(label, []).append(read == label)
    return min(sum(r) / len(r) for r in right.values())


WORST = Exercise(
    "7.2t",
    "worst_control",
    _cases,
    _oracle,
    {
        "mean-over-classes": Mutant(
            "this is the average over the classes: the smallest share is asked for",
            _score(lambda labels, read: np.mean(_shares(labels, read))),
        ),
        "overall-accuracy": Mutant(
            "every picture counts equally here: take the share within each ordered class, then the"
            " smallest",
            _score(lambda labels, read: (labels == read).mean()),
        ),
        "best-class": Mutant(
            "this is the best class: the smallest share is asked for",
            _score(lambda labels, read: max(_shares(labels, read))),
        ),
        "precision-for-recall": Mutant(
            "this goes by what was *read*: go through the classes that were *ordered*",
            _score(lambda labels, read: min(_precisions(labels, read))),
        ),
        "missed-classes-skipped": Mutant(
            "only classes that were read at all are looked at: a class that the model never draws"
            " has share 0",
            _score(lambda labels, read: min(_shares(labels, read, np.intersect1d(labels, read)))),
        ),
        "ten-classes-assumed": Mutant(
            "ten classes were assumed: one that nobody ordered does not count",
            _score(
                lambda labels, read: min(
                    _shares(labels, read) + [0.0] * (len(np.unique(labels)) < 10)
                )
            ),
        ),
        "class-for-share": Mutant(
            "this is the class, not its share",
            _score(lambda labels, read: np.unique(labels)[np.argmin(_shares(labels, read))]),
        ),
        "error-for-share": Mutant(
            "this is the error of the worst class: 1 minus what is asked for",
            _score(lambda labels, read: 1 - min(_shares(labels, read))),
        ),
        "percent-for-share": Mutant(
            "this is in percent: a share from 0 to 1 is asked for",
            _score(lambda labels, read: 100 * min(_shares(labels, read))),
        ),
        "count-for-share": Mutant(
            "this is the number of pictures read as ordered, not their share",
            _score(
                lambda labels, read: min((read[labels == k] == k).sum() for k in np.unique(labels))
            ),
        ),
        "rarest-class": Mutant(
            "this is the share of the class that was ordered least",
            _score(
                lambda labels, read: _shares(labels, read)[
                    np.argmin(np.unique(labels, return_counts=True)[1])
                ]
            ),
        ),
    },
    {
        "in PyTorch": _in_torch,
        "counted in a dictionary": _counted,
        "by the confusion matrix": _oracle,
    },
)

EXERCISES = [WORST]
