"""A twin of exercise 8.1: where the surprise is largest. An example; change it before you use it
for marks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.asking.ask import TensorArg
from course_utils.checks.exercise import Case, Exercise, Mutant, again


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(says: str, lengths: list[int], V: int, *read: Any) -> Case:
        T, offset = max(lengths), rng.normal(scale=6, size=(len(lengths), max(lengths), 1))
        y = np.where(
            np.arange(T) < np.array(lengths)[:, None], rng.integers(1, V, size=(len(lengths), T)), 0
        )
        logits = rng.normal(scale=2, size=(len(lengths), T, V)) + offset
        logits[..., 0] -= 20  # padding would surprise most of all
        return Case(says, (TensorArg(logits), TensorArg(y)), *read)

    toy = np.zeros((1, 4, 9))
    toy[0, 0, 7], toy[0, 1, 3] = math.log(8), -math.log(8)
    toy[0, 3, 5] = -9.0
    return [
        Case(
            "tokens (5, 7, 3, 2), and the row that has read 5 and 7 gives 3 the least: place 2",
            (TensorArg(toy), TensorArg(np.array([[5, 7, 3, 2]]))),
        ),
        case("nine documents without padding", [8] * 9, 12),
        case("twelve documents of different lengths", [3, 9, 5, 7, 4, 9, 8, 6, 2, 9, 5, 7], 20),
        case(
            "eight documents of different lengths, twice with the same tensors",
            [4, 11, 6, 8, 10, 3, 5, 9],
            15,
            again,
        ),
        case("two tokens each: place 1", [2, 2, 2], 6),
    ]


def _oracle(logits: Any, y: Any) -> np.ndarray:
    """Word by word with scipy's logsumexp."""
    from scipy.special import logsumexp

    rows, tokens = logits.double().numpy(), y.numpy()
    places = [
        max(
            (s for s in range(1, len(row)) if row[s]),
            key=lambda s: logsumexp(rows[b, s - 1]) - rows[b, s - 1, row[s]],
        )
        for b, row in enumerate(tokens)
    ]
    return np.array(places)


def _surprise(logits: Any, y: Any) -> Any:
    """Nats at every place but the first, minus infinity at padding: (B, T-1)."""
    nats = -logits[:, :-1].log_softmax(-1).gather(-1, y[:, 1:, None]).squeeze(-1)
    return nats.masked_fill(y[:, 1:] == 0, -math.inf)


def _from(how: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """An answer from the surprise (B, T-1) and the tokens."""
    return lambda logits, y: how(_surprise(logits, y), y)


def _masked(values: Any, y: Any) -> Any:
    return values.masked_fill(y == 0, -math.inf)


def _in_loops(logits: Any, y: Any) -> list[int]:
    places = []
    for row, tokens in zip(logits.double().softmax(-1).tolist(), y.tolist(), strict=True):
        chances = {s: row[s - 1][tokens[s]] for s in range(1, len(tokens)) if tokens[s] != 0}
        places.append(min(chances, key=lambda s: chances[s]))
    return places


def _by_cross_entropy(logits: Any, y: Any) -> Any:
    from torch.nn.functional import cross_entropy

    nats = cross_entropy(logits[:, :-1].transpose(1, 2), y[:, 1:], ignore_index=0, reduction="none")
    return nats.argmax(1) + 1


PLACE = Exercise(
    "8.1t",
    "most_surprising",
    _cases,
    _oracle,
    {
        "one-place-early": Mutant(
            "this is the row that was surprised, one place too early: the place of the *word* is"
            " asked for",
            _from(lambda nats, y: nats.argmax(1)),
        ),
        "one-place-late": Mutant(
            "one place too late: row t speaks about the word at t + 1, and place 0 is the first"
            " word",
            _from(lambda nats, y: nats.argmax(1) + 2),
        ),
        "padding-scored": Mutant(
            "padding was scored: token 0 is no word",
            lambda logits, y: (
                (-logits[:, :-1].log_softmax(-1).gather(-1, y[:, 1:, None]).squeeze(-1)).argmax(1)
                + 1
            ),
        ),
        "unshifted": Mutant(
            "unshifted: row t speaks about the word at t + 1, not about the one it has read",
            lambda logits, y: _masked(
                -logits.log_softmax(-1).gather(-1, y[..., None]).squeeze(-1), y
            ).argmax(1),
        ),
        "least-surprising": Mutant(
            "this is the word that was expected most: the largest surprise is asked for",
            _from(lambda nats, y: nats.masked_fill(nats == -math.inf, math.inf).argmin(1) + 1),
        ),
        "logits-without-softmax": Mutant(
            "logits were compared as they are: they need a softmax first, since each row has an"
            " offset of its own",
            lambda logits, y: (
                _masked(-logits[:, :-1].gather(-1, y[:, 1:, None]).squeeze(-1), y[:, 1:]).argmax(1)
                + 1
            ),
        ),
        "entropy-for-surprise": Mutant(
            "this is where the model was least certain, its entropy: the surprise at the word that"
            " came is asked for",
            lambda logits, y: (
                _masked(
                    __import__("torch").distributions.Categorical(logits=logits[:, :-1]).entropy(),
                    y[:, 1:],
                ).argmax(1)
                + 1
            ),
        ),
        "token-for-place": Mutant(
            "this is the word itself: its place is asked for",
            _from(lambda nats, y: y.gather(1, nats.argmax(1)[:, None] + 1)[:, 0]),
        ),
        "value-for-place": Mutant(
            "this is the largest surprise itself: its place is asked for",
            _from(lambda nats, y: nats.max(1).values),
        ),
        "one-place-for-batch": Mutant(
            "one place for all documents came back: each has its own",
            _from(lambda nats, y: nats.argmax()),
        ),
        "column-returned": Mutant(
            "a column of shape (B, 1) came back: (B,) is asked for",
            _from(lambda nats, y: nats.argmax(1, keepdim=True) + 1),
        ),
        "always-last-token": Mutant(
            "the last word of each document, whatever its surprise",
            lambda logits, y: (y != 0).sum(1) - 1,
        ),
    },
    {
        "in loops": _in_loops,
        "cross_entropy at each place": _by_cross_entropy,
        "word by word": _oracle,
        "in float64": lambda logits, y: _by_cross_entropy(logits.double(), y),
    },
)

EXERCISES = [PLACE]
