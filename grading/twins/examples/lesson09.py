"""A twin of exercise 9.5: guidance toward one caption and away from another. An example; change it
before you use it for marks.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from course_utils.asking.ask import Answer, TensorArg
from course_utils.checks.exercise import Case, Exercise, Mutant, again

close_case = partial(Case, rtol=1e-4, atol=1e-5)  # float32


def _cases(rng: np.random.Generator) -> list[Case]:
    def three(*shape: int) -> tuple:
        return tuple(TensorArg(rng.normal(size=shape)) for _ in range(3))

    return [
        close_case(
            "1 without words, 3 with the caption, 2 with the one to avoid, w = 2, away = 1: 4",
            (*(TensorArg(np.array([[v]])) for v in (1.0, 3.0, 2.0)), 2.0, 1.0),
        ),
        close_case("w = 0 and away = 0: the velocity without words", (*three(4, 3), 0.0, 0.0)),
        close_case("w = 1 and away = 0: the velocity with the caption", (*three(4, 3), 1.0, 0.0)),
        close_case("w = 0: away from the second caption only", (*three(4, 2), 0.0, 1.5)),
        close_case("four points, w = 3, away = 0.5", (*three(4, 2), 3.0, 0.5)),
        close_case("pictures, (2, 3, 4, 4), w = 2.5, away = 2", (*three(2, 3, 4, 4), 2.5, 2.0)),
        close_case(
            "the same velocities, the same tensors, a second time", (*three(3, 4), 2.0, 0.7), again
        ),
    ]


def _oracle(u: Any, c: Any, a: Any, w: float, away: float) -> np.ndarray:
    """The same as one weighted sum, in float64: the three weights add up to 1."""
    return np.tensordot(
        [1 - w + away, w, -away], np.stack([part.double().numpy() for part in (u, c, a)]), axes=1
    )


def _right(u: Any, c: Any, a: Any, w: float, away: float) -> Any:
    return u + w * (c - u) - away * (a - u)


def _in_place(u: Any, c: Any, a: Any, w: float, away: float) -> Any:
    return u.add_(w * (c - u) - away * (a - u))


def _row_by_row() -> Answer:
    import torch

    return lambda u, c, a, w, away: torch.stack(
        [_right(*parts, w, away) for parts in zip(u, c, a, strict=True)]
    )


AWAY = Exercise(
    "9.5t",
    "guided_away",
    _cases,
    _oracle,
    {
        "negative-sign-flipped": Mutant(
            "the sign of the second effect is turned: this moves *towards* what is to be avoided",
            lambda u, c, a, w, away: u + w * (c - u) + away * (a - u),
        ),
        "both-signs-flipped": Mutant(
            "both signs are turned: towards the caption, away from the second one",
            lambda u, c, a, w, away: u - w * (c - u) + away * (a - u),
        ),
        "captions-swapped": Mutant(
            "the two captions have changed places",
            lambda u, c, a, w, away: _right(u, a, c, w, away),
        ),
        "strengths-swapped": Mutant(
            "the two strengths have changed places: w belongs to the caption, away to what is to be"
            " avoided",
            lambda u, c, a, w, away: _right(u, c, a, away, w),
        ),
        "negative-ignored": Mutant(
            "what is to be avoided is ignored", lambda u, c, a, w, away: u + w * (c - u)
        ),
        "caption-ignored": Mutant(
            "the caption is ignored", lambda u, c, a, w, away: u - away * (a - u)
        ),
        "negative-velocity-raw": Mutant(
            "the second *velocity* was taken off: its effect is the difference to the velocity"
            " without words",
            lambda u, c, a, w, away: u + w * (c - u) - away * a,
        ),
        "caption-velocity-raw": Mutant(
            "the first *velocity* was added: its effect is the difference to the velocity without"
            " words",
            lambda u, c, a, w, away: u + w * c - away * (a - u),
        ),
        "negative-relative-to-caption": Mutant(
            "the second effect was measured from the caption: measure it from the velocity without"
            " words",
            lambda u, c, a, w, away: u + w * (c - u) - away * (a - c),
        ),
        "caption-relative-to-negative": Mutant(
            "the first effect was measured from what is to be avoided: measure it from the velocity"
            " without words",
            lambda u, c, a, w, away: u + w * (c - a) - away * (a - u),
        ),
        "unconditional-missing": Mutant(
            "the velocity without words is missing: the effects are added to it",
            lambda u, c, a, w, away: w * (c - u) - away * (a - u),
        ),
        "starts-at-caption": Mutant(
            "this begins at the velocity with the caption: begin at the one without words",
            lambda u, c, a, w, away: c + w * (c - u) - away * (a - u),
        ),
        "same-strength-w": Mutant(
            "both effects got the strength w", lambda u, c, a, w, away: _right(u, c, a, w, w)
        ),
        "same-strength-away": Mutant(
            "both effects got the strength away",
            lambda u, c, a, w, away: _right(u, c, a, away, away),
        ),
        "negative-as-unconditional": Mutant(
            "what is to be avoided took the place of the velocity without words",
            lambda u, c, a, w, away: a + w * (c - a),
        ),
        "caption-scaled-by-away": Mutant(
            "the effect of the caption was scaled by away too",
            lambda u, c, a, w, away: u + w * away * (c - u) - away * (a - u),
        ),
        "changed-in-place": Mutant(
            "the velocity without words was changed in place, so a second call goes wrong: make a"
            " new tensor",
            _in_place,
        ),
    },
    {
        "three weights": lambda u, c, a, w, away: (1 - w + away) * u + w * c - away * a,
        "in float64": lambda u, c, a, w, away: _right(u.double(), c.double(), a.double(), w, away),
        "row by row": lambda *args: _row_by_row()(*args),
    },
)

EXERCISES = [AWAY]
