"""The exercises of lesson 09: noise in one jump, DDPM, conversion, flow matching, composition, Gram
matrices, maps, a painter that obeys.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from course_utils.asking.ask import Answer, AnswerRaised, Ask, NotData, TensorArg
from course_utils.checks.exercise import (
    Case,
    Exercise,
    Mutant,
    breaking,
    does_not_hold,
    numbers_in,
    until_one_fails,
)

if TYPE_CHECKING:
    from torch import Tensor

close_case = partial(Case, rtol=1e-4, atol=1e-5)  # float32


def _gradients(*names: str) -> Callable[..., Any]:
    """Reads the value and the gradients that reach the named arguments."""

    def read(ask: Ask, *args: Any) -> dict[str, Any]:
        return ask.probe("gradient", list(names), *args)

    return read


def _settled(fact: str) -> Callable[..., dict[str, bool]]:
    """Reads whether two calls agree: nothing may be drawn inside."""

    def read(ask: Ask, *args: Any) -> dict[str, bool]:
        one, two = (_parts(ask(*args)) for _ in range(2))
        return {fact: len(one) == len(two) and all(map(_equal, one, two))}

    return read


UNSPOILED = (
    "a second call with the very same tensors returns the same: make new tensors, and change none"
    " that is handed in"
)


def _unspoiled(ask: Ask, *args: Any) -> dict[str, bool]:
    """Reads whether an answer leaves its input as it was."""
    one, two = (_parts(result) for result in ask.series(2, *args))
    return {UNSPOILED: len(one) == len(two) and all(map(_equal, one, two))}


def _parts(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def _equal(one: Any, two: Any) -> bool:
    a, b = np.asarray(one), np.asarray(two)
    return np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")


def _tensors(*arrays: Any) -> tuple:
    return tuple(TensorArg(np.asarray(array)) for array in arrays)


def _wide(values: Tensor, like: Tensor) -> Tensor:
    """(B,) -> (B, 1, ...), as many axes as `like` has."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def _no_oracle(*_args: Any) -> Any:
    raise AssertionError("every case carries what it wants")


# ---- 9.1 q_sample --------------------------------------------------------------------------------

DRAWN_OUTSIDE = (
    "the same x0, t and eps give the same x_t: no noise is drawn inside, eps is what was drawn"
)


def _schedule(rng: np.random.Generator, steps: int = 20) -> np.ndarray:
    return np.cumprod(1 - rng.uniform(0.02, 0.3, size=steps))


def _jump(rng: np.random.Generator, shape: tuple[int, ...], steps: int = 20) -> tuple:
    """x0, t, ab, eps with a different t in every row."""
    times = 1 + rng.permutation(steps - 2)[: shape[0]]
    return _tensors(rng.normal(size=shape), times, _schedule(rng, steps), rng.normal(size=shape))


def _jump_cases(rng: np.random.Generator) -> list[Case]:
    table = np.array([0.9, 0.64, 0.04])
    ends = _jump(rng, (2, 4))
    return [
        Case("five points, handed in twice", _jump(rng, (5, 2)), _settled(DRAWN_OUTSIDE)),
        Case(
            "the same points, the same tensors, a second time",
            _jump(rng, (4, 3)),
            _unspoiled,
            want={UNSPOILED: True},
        ),
        close_case(
            "x0 = (2, −1), ᾱ = 0.64, eps = (1, 1): x_t = (2.2, −0.2)",
            _tensors([[2.0, -1.0]], [1], table, [[1.0, 1.0]]),
        ),
        close_case("five points, each with its own t", _jump(rng, (5, 2))),
        close_case(
            "four points with four coordinates: as many as examples, so that a mix-up raises no"
            " error",
            _jump(rng, (4, 4)),
        ),
        close_case("three pictures, (3, 3, 4, 4)", _jump(rng, (3, 3, 4, 4))),
        close_case(
            "four points, the value and the gradient that reaches x0",
            _jump(rng, (4, 3)),
            _gradients("x0"),
        ),
        close_case(
            "the first and the last entry of the table",
            (ends[0], TensorArg(np.array([0, 19])), *ends[2:]),
        ),
        close_case("one single number per example, (6, 1)", _jump(rng, (6, 1))),
    ]


def _jump_oracle(x0: Tensor, t: Tensor, ab: Tensor, eps: Tensor) -> Tensor:
    """Example by example, the mean and the standard deviation of what is left, in float64 up to the
    result.
    """
    import torch

    rows = []
    for x, when, noise in zip(x0, t.tolist(), eps, strict=True):
        kept = torch.distributions.Normal(
            math.sqrt(float(ab[when])) * x.double(), math.sqrt(1 - float(ab[when]))
        )
        rows.append(kept.mean + kept.stddev * noise)
    return torch.stack(rows)


def _mix(keep: Answer, add: Answer) -> Answer:
    """x_t with other weights, which are functions of ᾱ_t, spread as they should be."""

    def answer(x0: Tensor, t: Tensor, ab: Tensor, eps: Tensor) -> Tensor:
        a = _wide(ab[t], x0)
        return keep(a) * x0 + add(a) * eps

    return answer


def _table(change: Callable[[Any, Any], Any]) -> Answer:
    """The right jump, with another number for ᾱ: a function of ab and t."""

    def answer(x0: Tensor, t: Tensor, ab: Tensor, eps: Tensor) -> Tensor:
        a = _wide(change(ab, t), x0)
        return a.sqrt() * x0 + (1 - a).sqrt() * eps

    return answer


def _right_jump(x0: Tensor, t: Tensor, ab: Tensor, eps: Tensor) -> Tensor:
    return _table(lambda ab, t: ab[t])(x0, t, ab, eps)


def _unspread(spread: Answer) -> Answer:
    def answer(x0: Tensor, t: Tensor, ab: Tensor, eps: Tensor) -> Tensor:
        a = spread(ab[t])
        return a.sqrt() * x0 + (1 - a).sqrt() * eps

    return answer


def _own_noise(x0: Tensor, t: Tensor, ab: Tensor, _eps: Tensor) -> Tensor:
    import torch

    return _right_jump(x0, t, ab, torch.randn_like(x0))


def _before(ab: Tensor, t: Tensor) -> Tensor:
    """ᾱ one step earlier, 1 before the first."""
    import torch

    return torch.cat([ab.new_ones(1), ab])[t]


def _jump_in_place(x0: Tensor, t: Tensor, ab: Tensor, eps: Tensor) -> Tensor:
    a = _wide(ab[t], x0)
    with __import__("torch").no_grad():
        return x0.mul_(a.sqrt()).add_((1 - a).sqrt() * eps)


def _one(a: Tensor) -> Tensor:
    return a * 0 + 1


Q_SAMPLE = Exercise(
    "9.1",
    "q_sample",
    _jump_cases,
    _jump_oracle,
    {
        "both-roots-missing": Mutant(
            "the roots are missing: ᾱ and 1 − ᾱ are *variances*, so their roots are the weights",
            _mix(lambda a: a, lambda a: 1 - a),
        ),
        "signal-root-missing": Mutant(
            "the first root is missing: the data are multiplied by √ᾱ",
            _mix(lambda a: a, lambda a: (1 - a).sqrt()),
        ),
        "noise-root-missing": Mutant(
            "the second root is missing: the noise is multiplied by √(1 − ᾱ)",
            _mix(lambda a: a.sqrt(), lambda a: 1 - a),
        ),
        "weights-swapped": Mutant(
            "data and noise are swapped: √ᾱ is what is left of the *data*",
            _mix(lambda a: (1 - a).sqrt(), lambda a: a.sqrt()),
        ),
        "weights-swapped-no-roots": Mutant(
            "data and noise are swapped, and the roots are missing",
            _mix(lambda a: 1 - a, lambda a: a),
        ),
        "root-before-subtraction": Mutant(
            "1 − √ᾱ is not √(1 − ᾱ): subtract first, then take the root",
            _mix(lambda a: a.sqrt(), lambda a: 1 - a.sqrt()),
        ),
        "signal-not-scaled": Mutant(
            "the data are not shrunk: multiply x0 by √ᾱ, or the variance grows",
            _mix(_one, lambda a: (1 - a).sqrt()),
        ),
        "noise-not-scaled": Mutant(
            "the noise is added at full strength: multiply eps by √(1 − ᾱ)",
            _mix(lambda a: a.sqrt(), _one),
        ),
        "unweighted-sum": Mutant(
            "x0 and eps were added as they are: each has a weight that depends on t",
            _mix(_one, _one),
        ),
        "noise-missing": Mutant(
            "the noise is missing: this is only what is left of the data",
            _mix(lambda a: a.sqrt(), lambda a: a * 0),
        ),
        "signal-missing": Mutant(
            "the data are missing: this is only the noise",
            _mix(lambda a: a * 0, lambda a: (1 - a).sqrt()),
        ),
        "noise-subtracted": Mutant(
            "the noise was subtracted: another x_t than the one asked for",
            _mix(lambda a: a.sqrt(), lambda a: -(1 - a).sqrt()),
        ),
        "alpha-bar-squared": Mutant(
            "ᾱ was squared where its root is asked for", _mix(lambda a: a**2, lambda a: 1 - a**2)
        ),
        "alpha-bar-as-signal-weight": Mutant(
            "√(1 − ᾱ²) is the partner of ᾱ as a weight; here the weight of the data is √ᾱ",
            _mix(lambda a: a, lambda a: (1 - a**2).sqrt()),
        ),
        "cosine-and-sine": Mutant(
            "cosine and sine of ᾱ were taken for the weights: they are √ᾱ and √(1 − ᾱ)",
            _mix(lambda a: a.cos(), lambda a: a.sin()),
        ),
        "data-for-noise": Mutant(
            "x0 got both weights: √(1 − ᾱ) belongs to eps",
            lambda x0, t, ab, eps: (_wide(ab[t], x0).sqrt() + (1 - _wide(ab[t], x0)).sqrt()) * x0,
        ),
        "result-clamped": Mutant(
            "the result was clamped to −1 and 1: x_t has no such limits",
            lambda x0, t, ab, eps: _right_jump(x0, t, ab, eps).clamp(-1, 1),
        ),
        "time-for-table": Mutant(
            "t/T was taken for ᾱ: look it up in the table",
            _table(lambda ab, t: t / len(ab)),
        ),
        "logarithm-of-table": Mutant(
            "the logarithm of ᾱ was taken: it is negative, and has no root",
            _table(lambda ab, t: ab[t].log()),
        ),
        "noise-rescaled": Mutant(
            "eps was divided by its own standard deviation: take it as it is",
            lambda x0, t, ab, eps: _right_jump(x0, t, ab, eps / eps.std()),
        ),
        "cosine-schedule": Mutant(
            "cosine and sine of the share of steps were taken for the weights: look ᾱ up in the"
            " table",
            _table(lambda ab, t: (t / len(ab) * math.pi / 2).cos() ** 2),
        ),
        "exponential-of-alpha-bar": Mutant(
            "an exponential of ᾱ was taken: the weights are √ᾱ and √(1 − ᾱ)",
            _mix(lambda a: (-a / 2).exp(), lambda a: (1 - (-a).exp()).sqrt()),
        ),
        "noise-variance-alone": Mutant(
            "the data lost 1 − ᾱ of their size: their weight is √ᾱ",
            _mix(lambda a: 1 - (1 - a).sqrt(), lambda a: (1 - a).sqrt()),
        ),
        "plus-for-minus-under-root": Mutant(
            "√(1 + ᾱ) in place of √(1 − ᾱ)", _mix(lambda a: a.sqrt(), lambda a: (1 + a).sqrt())
        ),
        "signal-weight-for-both": Mutant(
            "both got the weight √ᾱ: the noise gets √(1 − ᾱ)",
            _mix(lambda a: a.sqrt(), lambda a: a.sqrt()),
        ),
        "noise-weight-for-both": Mutant(
            "both got the weight √(1 − ᾱ): the data get √ᾱ",
            _mix(lambda a: (1 - a).sqrt(), lambda a: (1 - a).sqrt()),
        ),
        "noise-divided-by-weight": Mutant(
            "the noise was divided by √(1 − ᾱ), not multiplied",
            _mix(lambda a: a.sqrt(), lambda a: 1 / (1 - a).sqrt()),
        ),
        "inverted-to-x0": Mutant(
            "this goes from x_t to x0: x0 is given, x_t is asked for",
            lambda x0, t, ab, eps: (
                (x0 - (1 - _wide(ab[t], x0)).sqrt() * eps) / _wide(ab[t], x0).sqrt()
            ),
        ),
        "beta-for-alpha-bar": Mutant(
            "β of one step was taken for ᾱ: the table already holds the product of all steps",
            _table(lambda ab, t: 1 - ab[t] / _before(ab, t)),
        ),
        "alpha-for-alpha-bar": Mutant(
            "1 − β of one step was taken for ᾱ: the table already holds the product of all steps",
            _table(lambda ab, t: ab[t] / _before(ab, t)),
        ),
        "cumprod-twice": Mutant(
            "`cumprod` was taken again: ab is the finished table of ᾱ",
            _table(lambda ab, t: ab.cumprod(0)[t]),
        ),
        "index-one-early": Mutant(
            "the table was read one step too early: index t itself is meant", _table(_before)
        ),
        "index-one-late": Mutant(
            "the table was read one step too late: index t itself is meant",
            _table(lambda ab, t: ab[(t + 1).clamp(max=len(ab) - 1)]),
        ),
        "index-one-early-wraps": Mutant(
            "the table was read one step too early, and index −1 is its end: index t itself is"
            " meant",
            _table(lambda ab, t: ab[t - 1]),
        ),
        "index-one-early-clamped": Mutant(
            "the table was read at t − 1, and at 0 for t = 0: index t itself is meant",
            _table(lambda ab, t: ab[(t - 1).clamp(min=0)]),
        ),
        "table-reversed": Mutant(
            "the table was read backwards: index t itself is meant",
            _table(lambda ab, t: ab.flip(0)[t]),
        ),
        "first-t-for-all": Mutant(
            "all examples got the t of the first: each has its own",
            _table(lambda ab, t: ab[t[:1]].expand(len(t))),
        ),
        "mean-alpha-bar-for-all": Mutant(
            "all examples got the same ᾱ, the average: each has its own",
            _table(lambda ab, t: ab[t].mean().expand(len(t))),
        ),
        "last-alpha-bar-for-all": Mutant(
            "t is ignored, the end of the table is used for all",
            _table(lambda ab, t: ab[-1].expand(len(t))),
        ),
        "linear-schedule-for-table": Mutant(
            "1 − t/T was taken for ᾱ: look it up in the table",
            _table(lambda ab, t: 1 - t / len(ab)),
        ),
        "broadcast-last-axis": Mutant(
            "ᾱ runs along the wrong axis: reshape it to (B, 1, ...), so that each example keeps"
            " its own",
            _unspread(lambda a: a),
        ),
        "broadcast-points-only": Mutant(
            "this works for points only: for pictures ᾱ needs one more dimension of size 1 for each"
            " axis",
            _unspread(lambda a: a[:, None]),
        ),
        "broadcast-images-only": Mutant(
            "this works for pictures only: one dimension of size 1 is needed per other axis of x0",
            _unspread(lambda a: a[:, None, None, None]),
        ),
        "own-noise-drawn": Mutant(does_not_hold(DRAWN_OUTSIDE), _own_noise),
        "no-gradient-to-x0": Mutant(
            "the value is right, but no gradient reaches x0: look for `no_grad`, `detach`, `.data`"
            " or NumPy",
            lambda x0, t, ab, eps: _right_jump(x0.detach(), t, ab, eps),
        ),
        "input-changed-in-place": Mutant(
            "x0 was changed in place, so a second call goes wrong: make a new tensor",
            _jump_in_place,
        ),
        "noise-also-returned": Mutant(
            "two things came back: only x_t is asked for",
            lambda x0, t, ab, eps: (_right_jump(x0, t, ab, eps), eps),
        ),
    },
    {
        "gather, then view": lambda x0, t, ab, eps: (
            ab.gather(0, t).view(-1, *(1 for _ in x0.shape[1:])).sqrt() * x0
            + (1 - _wide(ab[t], x0)).sqrt() * eps
        ),
        "row by row": (
            lambda x0, t, ab, eps: __import__("torch").stack(
                [
                    ab[k] ** 0.5 * x + (1 - ab[k]) ** 0.5 * e
                    for x, k, e in zip(x0, t, eps, strict=True)
                ]
            )
        ),
        "axes turned round": (
            lambda x0, t, ab, eps: (
                ab[t].sqrt() * x0.movedim(0, -1) + (1 - ab[t]).sqrt() * eps.movedim(0, -1)
            ).movedim(-1, 0)
        ),
        "in float64": lambda x0, t, ab, eps: _right_jump(x0.double(), t, ab.double(), eps.double()),
    },
)

# ---- 9.2 ddpm_step -------------------------------------------------------------------------------


NOISE_OUTSIDE = "the same arguments give the same result: no noise is drawn inside, it is handed in"


def _back(rng: np.random.Generator, shape: tuple[int, ...], t: int, steps: int = 12) -> tuple:
    """x, t, eps, noise and the two tables."""
    beta = rng.uniform(0.02, 0.3, size=steps)
    x, eps, noise = _tensors(*rng.normal(size=(3, *shape)))
    return x, t, eps, noise, *_tensors(beta, np.cumprod(1 - beta))


def _back_cases(rng: np.random.Generator) -> list[Case]:
    worked = _tensors([[1.0]], [[0.5]], [0.203125, 0.36], [0.796875, 0.51])
    return [
        Case("six points, handed in twice", _back(rng, (6, 2), 4), _settled(NOISE_OUTSIDE)),
        Case(
            "four points, the same tensors, a second time",
            _back(rng, (4, 2), 5),
            _unspoiled,
            want={UNSPOILED: True},
        ),
        close_case(
            "x = 2, ε = 1, β = 0.36, ᾱ = 0.51, noise 0.5: about 2.16",
            (*_tensors([[2.0]]), 1, *worked),
        ),
        close_case("five points in the middle of the path", _back(rng, (5, 2), 6)),
        close_case("the first step back, t = T − 1", _back(rng, (3, 2), 11)),
        close_case("the last step, t = 0", _back(rng, (3, 2), 0)),
        close_case("the last step but one, t = 1", _back(rng, (3, 2), 1)),
        close_case("pictures, (2, 3, 4, 4)", _back(rng, (2, 3, 4, 4), 8)),
    ]


def _back_oracle(x: Tensor, t: int, eps: Tensor, noise: Tensor, beta: Tensor, ab: Tensor) -> Tensor:
    """By way of x0: the mean of the posterior of x_{t-1} given x_t and x0 (Ho et al. 2020, formula
    7), in float64.
    """
    x, eps, noise, beta, ab = (part.double() for part in (x, eps, noise, beta, ab))
    before = ab[t] / (1 - beta[t])  # alpha bar of the step before
    x0 = (x - (1 - ab[t]).sqrt() * eps) / ab[t].sqrt()
    mean = before.sqrt() * beta[t] * x0 + (1 - beta[t]).sqrt() * (1 - before) * x
    return mean / (1 - ab[t]) + (t > 0) * beta[t].sqrt() * noise


def _step_back(
    share: Answer = lambda b, a: b / (1 - a).sqrt(),
    stretch: Answer = lambda b, a: 1 / (1 - b).sqrt(),
    width: Answer = lambda b, a: b.sqrt(),
    last: bool = False,
) -> Answer:
    """One step back with another share of the noise, another stretch or another standard deviation,
    functions of β_t and ᾱ_t.
    """

    def answer(x: Tensor, t: int, eps: Tensor, noise: Tensor, beta: Tensor, ab: Tensor) -> Tensor:
        b, a = beta[t], ab[t]
        mean = stretch(b, a) * (x - share(b, a) * eps)
        return mean + width(b, a) * noise if t > 0 or last else mean

    return answer


def _own_fresh_noise(x: Tensor, t: int, eps: Tensor, _noise: Tensor, *tables: Tensor) -> Tensor:
    import torch

    return _step_back()(x, t, eps, torch.randn_like(x), *tables)


def _noise_before_stretch(
    x: Tensor, t: int, eps: Tensor, noise: Tensor, beta: Tensor, ab: Tensor
) -> Tensor:
    added = beta[t].sqrt() * noise * (t > 0)
    return (x - beta[t] / (1 - ab[t]).sqrt() * eps + added) / (1 - beta[t]).sqrt()


def _stretch_x_only(
    x: Tensor, t: int, eps: Tensor, noise: Tensor, beta: Tensor, ab: Tensor
) -> Tensor:
    mean = x / (1 - beta[t]).sqrt() - beta[t] / (1 - ab[t]).sqrt() * eps
    return mean + beta[t].sqrt() * noise * (t > 0)


def _ddim_to_next(
    x: Tensor, t: int, eps: Tensor, _noise: Tensor, beta: Tensor, ab: Tensor
) -> Tensor:
    before = ab[t] / (1 - beta[t])
    x0 = (x - (1 - ab[t]).sqrt() * eps) / ab[t].sqrt()
    return before.sqrt() * x0 + (1 - before).clamp_min(0).sqrt() * eps


def _one_early(x: Tensor, t: int, eps: Tensor, noise: Tensor, beta: Tensor, ab: Tensor) -> Tensor:
    a = ab[t - 1] if t > 0 else ab[t] / ab[t]
    share = beta[t] / (1 - a).sqrt() if t > 0 else beta[t].sqrt()
    mean = (x - share * eps) / (1 - beta[t]).sqrt()
    return mean + beta[t].sqrt() * noise * (t > 0)


def _back_in_place(
    x: Tensor, t: int, eps: Tensor, noise: Tensor, beta: Tensor, ab: Tensor
) -> Tensor:
    x.sub_(beta[t] / (1 - ab[t]).sqrt() * eps)
    return x / (1 - beta[t]).sqrt() + beta[t].sqrt() * noise * (t > 0)


def _jump_to_x0(x: Tensor, t: int, eps: Tensor, noise: Tensor, beta: Tensor, ab: Tensor) -> Tensor:
    x0 = (x - (1 - ab[t]).sqrt() * eps) / ab[t].sqrt()
    return x0 + beta[t].sqrt() * noise * (t > 0)


def _back_by_posterior(
    x: Tensor, t: int, eps: Tensor, noise: Tensor, beta: Tensor, ab: Tensor
) -> Tensor:
    before = ab[t - 1] if t > 0 else ab[t] / ab[t]
    x0 = (x - (1 - ab[t]).sqrt() * eps) / ab[t].sqrt()
    mean = before.sqrt() * beta[t] * x0 + (1 - beta[t]).sqrt() * (1 - before) * x
    return mean / (1 - ab[t]) + (t > 0) * beta[t].sqrt() * noise


DDPM = Exercise(
    "9.2",
    "ddpm_step",
    _back_cases,
    _back_oracle,
    {
        "noise-in-last-step": Mutant(
            "noise is added in the last step, too: what it returns is the sample, so return the"
            " mean there",
            _step_back(last=True),
        ),
        "no-noise-at-first-step-back": Mutant(
            "the noise is left out at t = T − 1, the first step back: the last one is t = 0",
            lambda x, t, eps, noise, beta, ab: _step_back(
                width=lambda b, a: b.sqrt() if t < len(beta) - 1 else 0 * b, last=True
            )(x, t, eps, noise, beta, ab),
        ),
        "no-noise-at-last-step-but-one": Mutant(
            "the noise is left out at t = 1, too: the last step is t = 0",
            lambda x, t, *rest: _step_back(width=lambda b, a: b.sqrt() if t > 1 else 0 * b)(
                x, t, *rest
            ),
        ),
        "no-noise": Mutant(
            "no fresh noise is added: add `noise` with standard deviation √β, except at t = 0",
            _step_back(width=lambda b, a: 0 * b),
        ),
        "noise-by-variance": Mutant(
            "the fresh noise is multiplied by β, its variance: a standard deviation is asked for",
            _step_back(width=lambda b, a: b),
        ),
        "noise-at-full-strength": Mutant(
            "the fresh noise is added at full strength: its standard deviation is √β",
            _step_back(width=lambda b, a: 1 + 0 * b),
        ),
        "noise-of-posterior": Mutant(
            "the variance of the fresh noise is β·(1 − ᾱ′)/(1 − ᾱ), the smaller of DDPM's two"
            " choices: here it is β",
            _step_back(width=lambda b, a: (b * (1 - a / (1 - b)) / (1 - a)).sqrt()),
        ),
        "noise-before-stretch": Mutant(
            "the fresh noise is divided by √(1 − β) as well: it is added to the mean at the end",
            _noise_before_stretch,
        ),
        "all-noise-removed": Mutant(
            "all the noise in x_t is subtracted, as if one step had added it: take the share of"
            " this step",
            _step_back(lambda b, a: (1 - a).sqrt()),
        ),
        "share-of-unit-noise": Mutant(
            "the share is right, but it is taken of ε, not of √(1 − ᾱ)·ε, which is the noise in"
            " x_t",
            _step_back(lambda b, a: b / (1 - a)),
        ),
        "step-noise-at-full": Mutant(
            "√β·ε is subtracted, as if ε were the noise of this one step: it is that of all steps"
            " together",
            _step_back(lambda b, a: b.sqrt()),
        ),
        "root-of-share": Mutant(
            "√(β/(1 − ᾱ))·ε is subtracted: the share is one of variances, without a root, and it is"
            " taken of √(1 − ᾱ)·ε",
            _step_back(lambda b, a: (b / (1 - a)).sqrt()),
        ),
        "variance-of-unit-noise": Mutant(
            "only β·ε is subtracted: β is the variance of what the step added, and ε has to be"
            " scaled to the noise in x_t",
            _step_back(lambda b, a: b),
        ),
        "share-of-data": Mutant(
            "ᾱ is the share of the data, and it is used where the share of the noise belongs:"
            " 1 − ᾱ",
            _step_back(lambda b, a: b / a.sqrt()),
        ),
        "not-stretched": Mutant(
            "the shrinking is not undone: divide by √(1 − β)",
            _step_back(stretch=lambda b, a: 1 + 0 * b),
        ),
        "stretched-by-variance": Mutant(
            "this divides by 1 − β: the forward step multiplied by its square root",
            _step_back(stretch=lambda b, a: 1 / (1 - b)),
        ),
        "shrunk-again": Mutant(
            "this multiplies by √(1 − β), as the forward step did: going back divides",
            _step_back(stretch=lambda b, a: (1 - b).sqrt()),
        ),
        "stretched-by-all": Mutant(
            "this divides by √ᾱ, which undoes the shrinking of all steps: undo this one, √(1 − β)",
            _step_back(stretch=lambda b, a: 1 / a.sqrt()),
        ),
        "stretch-of-x-only": Mutant(
            "only x is divided by √(1 − β): subtract first, then divide the difference",
            _stretch_x_only,
        ),
        "added": Mutant(
            "the noise of the step is added once more: subtract it",
            _step_back(lambda b, a: -b / (1 - a).sqrt()),
        ),
        "step-of-ddim": Mutant(
            "this is a step of DDIM, by way of x0 and without fresh noise: subtract this step's"
            " share of the noise, and add `noise`",
            _ddim_to_next,
        ),
        "jump-to-x0": Mutant(
            "this jumps to the estimate of x0: one step back is asked for",
            _jump_to_x0,
        ),
        "table-one-step-early": Mutant(
            "ᾱ is read one step too early: the noise in x_t is that of all steps up to t",
            _one_early,
        ),
        "own-noise": Mutant(does_not_hold(NOISE_OUTSIDE), _own_fresh_noise),
        "input-changed-in-place": Mutant(
            "x is changed in place, so a second call goes wrong: make a new tensor",
            _back_in_place,
        ),
    },
    {
        "algorithm 2": _step_back(),
        "by way of x0": _back_by_posterior,
        "in float64": lambda x, t, eps, noise, beta, ab: _step_back()(
            x.double(), t, eps.double(), noise.double(), beta.double(), ab.double()
        ),
    },
)

# ---- 9.3 x0_and_eps ------------------------------------------------------------------------------

BOTH = "two things are asked for, a tuple: x0 and ε"
DATA, NOISE = "x0", "ε"


def _both(ask: Ask, *args: Any) -> dict[str, Any]:
    """x0 and ε by name, as tensors; a list of two will do."""
    found = ask.probe("tensors", *args)
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise NotData(BOTH)
    return {DATA: numbers_in(found[0]), NOISE: numbers_in(found[1])}


def _conversion(
    rng: np.random.Generator, says: str, kind: str, shape: tuple[int, ...], a: Any, b: Any
) -> Case:
    """x_t from known x0 and ε, so that the answer is known too."""
    x0, eps = rng.normal(size=(2, *shape))
    given = {"eps": eps, "x0": x0, "v": x0 - eps}[kind]
    output, x_t = _tensors(given, np.asarray(a) * x0 + np.asarray(b) * eps)
    weights = (TensorArg(w) if isinstance(w, np.ndarray) else w for w in (a, b))
    return close_case(says, (kind, output, x_t, *weights), _both, want={DATA: x0, NOISE: eps})


def _conversion_cases(rng: np.random.Generator) -> list[Case]:
    angle = rng.uniform(0.3, 1.2, size=(4, 1))
    t = float(rng.uniform(0.2, 0.8))
    return [
        _conversion(rng, "ε is given, a = 0.8, b = 0.6: five points", "eps", (5, 2), 0.8, 0.6),
        _conversion(rng, "x0 is given, a = 0.6, b = 0.8: five points", "x0", (5, 2), 0.6, 0.8),
        _conversion(rng, "v is given, a = 0.8, b = 0.6: five points", "v", (5, 2), 0.8, 0.6),
        _conversion(rng, "v is given, a + b = 1, as in a flow", "v", (4, 2), t, 1 - t),
        _conversion(rng, "ε is given, a + b = 1: four points", "eps", (4, 2), t, 1 - t),
        _conversion(rng, "x0 is given, a + b = 1: four points", "x0", (4, 2), t, 1 - t),
        _conversion(rng, "v is given at the noisy end, a = 0, b = 1", "v", (3, 2), 0.0, 1.0),
        _conversion(
            rng,
            "v is given, each point has its own a and b, (4, 1)",
            *("v", (4, 2), np.cos(angle), np.sin(angle)),
        ),
        _conversion(rng, "v is given for pictures, (2, 3, 4, 4)", "v", (2, 3, 4, 4), 0.3, 0.5),
    ]


def _solved(
    eps: Answer = lambda e, x, a, b: ((x - b * e) / a, e),
    x0: Answer = lambda d, x, a, b: (d, (x - a * d) / b),
    v: Answer = lambda v, x, a, b: ((x + b * v) / (a + b), (x - a * v) / (a + b)),
) -> Answer:
    """An answer to 9.3 with another solution for one kind, a function of output, x_t, a and b."""
    ways = {"eps": eps, "x0": x0, "v": v}
    return lambda kind, output, x_t, a, b: ways[kind](output, x_t, a, b)


def _by_solver(kind: str, output: Tensor, x_t: Tensor, a: Any, b: Any) -> Any:
    import torch

    second = {"eps": (0.0, 1.0), "x0": (1.0, 0.0), "v": (1.0, -1.0)}[kind]
    one = torch.ones_like(x_t)
    rows = [torch.stack([w * one for w in pair], dim=-1) for pair in ((a, b), second)]
    solution = torch.linalg.solve(torch.stack(rows, dim=-2), torch.stack([x_t, output], dim=-1))
    return solution[..., 0], solution[..., 1]


CONVERSION = Exercise(
    "9.3",
    "x0_and_eps",
    _conversion_cases,
    _no_oracle,
    {
        "swapped": Mutant(
            "the order is reversed: first x0, then ε",
            lambda *args: _solved()(*args)[::-1],
        ),
        "only-x0": Mutant(BOTH, lambda *args: _solved()(*args)[0]),
        "eps-not-scaled": Mutant(
            "for ε, x_t − ε is divided by a: the noise in x_t is b·ε",
            _solved(eps=lambda e, x, a, b: ((x - e) / a, e)),
        ),
        "eps-not-divided": Mutant(
            "for ε, x0 is still multiplied by a: divide",
            _solved(eps=lambda e, x, a, b: (x - b * e, e)),
        ),
        "eps-divided-by-b": Mutant(
            "for ε, this divides by b: x0 has the weight a in x_t",
            _solved(eps=lambda e, x, a, b: ((x - b * e) / b, e)),
        ),
        "eps-added": Mutant(
            "for ε, the noise is added once more: subtract it",
            _solved(eps=lambda e, x, a, b: ((x + b * e) / a, e)),
        ),
        "eps-weights-swapped": Mutant(
            "for ε, a and b are swapped: a belongs to x0, b to ε",
            _solved(eps=lambda e, x, a, b: ((x - a * e) / b, e)),
        ),
        "weights-of-a-circle": Mutant(
            "b is taken for √(1 − a²), which it is only where a² + b² = 1: use b itself",
            lambda kind, output, x_t, a, b: _solved()(kind, output, x_t, a, (1 - a**2) ** 0.5),
        ),
        "weights-of-a-line": Mutant(
            "b is taken for 1 − a, which it is only where a + b = 1: use b itself",
            lambda kind, output, x_t, a, b: _solved()(kind, output, x_t, a, 1 - a),
        ),
        "x0-not-divided": Mutant(
            "for x0, ε is still multiplied by b: divide",
            _solved(x0=lambda d, x, a, b: (d, x - a * d)),
        ),
        "x0-not-scaled": Mutant(
            "for x0, x_t − x0 is divided by b: the data in x_t are a·x0",
            _solved(x0=lambda d, x, a, b: (d, (x - d) / b)),
        ),
        "x0-weights-swapped": Mutant(
            "for x0, a and b are swapped: a belongs to x0, b to ε",
            _solved(x0=lambda d, x, a, b: (d, (x - b * d) / a)),
        ),
        "x0-sign": Mutant(
            "for x0, the sign of ε is flipped: the noise is x_t − a·x0, divided by b",
            _solved(x0=lambda d, x, a, b: (d, (a * d - x) / b)),
        ),
        "v-of-a-flow-only": Mutant(
            "for v, x0 = x_t + b·v and ε = x_t − a·v hold only where a + b = 1: divide by a + b",
            _solved(v=lambda v, x, a, b: (x + b * v, x - a * v)),
        ),
        "v-of-a-circle": Mutant(
            "for v, this is the other v, a·ε − b·x0 (Salimans & Ho 2022): here v is x0 − ε",
            _solved(v=lambda v, x, a, b: (a * x - b * v, b * x + a * v)),
        ),
        "v-reversed": Mutant(
            "for v, the sign of v is flipped: it is x0 − ε",
            _solved(v=lambda v, x, a, b: ((x - b * v) / (a + b), (x + a * v) / (a + b))),
        ),
        "v-weights-swapped": Mutant(
            "for v, a and b are swapped: put ε = x0 − v into x_t = a·x0 + b·ε",
            _solved(v=lambda v, x, a, b: ((x + a * v) / (a + b), (x - b * v) / (a + b))),
        ),
        "v-as-eps": Mutant(
            "v is treated as if it were ε: v = x0 − ε contains both",
            _solved(v=lambda v, x, a, b: ((x - b * v) / a, v)),
        ),
        "v-as-x0": Mutant(
            "v is treated as if it were x0: v = x0 − ε contains both",
            _solved(v=lambda v, x, a, b: (v, (x - a * v) / b)),
        ),
        "v-plus": Mutant(
            "for v, ε comes out as x0 + v: v = x0 − ε, so ε = x0 − v",
            _solved(v=lambda v, x, a, b: ((x + b * v) / (a + b), (x + b * v) / (a + b) + v)),
        ),
    },
    {
        "two equations": _solved(),
        "by a solver": _by_solver,
        "a list": lambda *args: list(_solved()(*args)),
        "ε of v from x_t": _solved(
            v=lambda v, x, a, b: ((x + b * v) / (a + b), (x + b * v) / (a + b) - v)
        ),
    },
)

# ---- 9.4 flow_loss -------------------------------------------------------------------------------

TIMES = 4  # each case asks an answer so often, because it draws anew in every call
# standard errors: a right answer is accepted within 24 (a hundred checks need five), and a mistake
# is named within 8
FAR, NEAR = 24, 8
LEARNS = "it is the mean squared error of the velocity, at times and places of a straight path"
FLOW_SAYS = {
    "never-asked": "the model was never called: the loss compares what it says with the velocity",
    "asked-often": "the model was called more than once: hand it the whole batch in one call",
    "without-time": "the model got a position and no time: its velocity depends on both",
    "time-first": "the model got the time first: its arguments are x_t and t, in this order",
    "one-time": "one t served the whole batch: draw one for each example",
    "time-per-entry": "a t was drawn for every entry of x0: all entries of an example share one",
    "time-with-axes": "the model got t with extra dimensions of size 1: it takes (B,), and only the"
    " mixture needs them",
    "time-shape": "the model got t in a shape that is not (B,): draw one number for each example",
    "whole-times": "t was drawn from whole numbers: a flow passes through every time between 0 and"
    " 1",
    "times-outside": "some t were below 0 or above 1: the path begins at 0 and ends at 1",
    "few-times": "t took only a few values, as if read from a table of steps: a flow passes through"
    " every time between 0 and 1",
    "uneven-times": "some parts of the path got more t than others: draw t uniformly",
    "same-times": "t was the same in every call: draw it inside, without a seed of its own",
    "other-shape": "x_t had another shape than x0: give t dimensions of size 1 in the mixture,"
    " (B, 1, ...)",
    "other-type": "the model got numbers of another type than those of x0, which a network refuses:"
    " look for float64",
    "x0-changed": "x0 was changed in place, so a second call goes wrong: make a new tensor",
    "backward-inside": "`backward` was called inside: return the loss, `fit` does the rest",
    "several-things": "more than one thing came back: return the loss alone",
    "not-averaged": "more than one number came back: average over the examples and all their"
    " entries",
    "wrong-axis": "t ran along the wrong axis of x0: give it dimensions of size 1, (B, 1, ...), so"
    " that each example keeps its own",
    "reversed": "x_t ran from the data at t = 0 to the noise at t = 1: which of the two is the"
    " start?",
    "diffusion-weights": "the weights of x_t kept its variance, as in diffusion: where is someone"
    " who walks straight on at constant speed?",
    "noise-not-faded": "the noise in x_t did not fade: where does the path end?",
    "data-not-faded-in": "x0 was at full strength from the start: where does the path begin?",
    "unweighted": "noise and data were added as they are, whatever t is: both have weights",
    "always-noise": "x_t was the noise, whatever t is: the network would never see the path",
    "always-data": "x_t was x0, whatever t is: the network would never see noise",
    "always-midpoint": "x_t was the midpoint, whatever t is: use t",
    "displacement-only": "x_t was only the displacement, t·(x0 − ε): add where the path begins",
    "away": "x_t moved away from x0: check the sign of the displacement",
    "squared-time": "x_t moved with t²: at constant speed half of the time is half of the way",
    "no-noise": "x_t contained no noise: the path begins there",
    "uniform-noise": "the noise was uniform between 0 and 1, which is what `rand` draws: make it"
    " Gaussian",
    "noise-per-example": "several entries of an example shared one noise number: draw noise of the"
    " shape of x0",
    "noise-per-batch": "all examples shared the same noise: draw noise of the shape of x0",
    "same-noise": "the noise was the same in every call: draw it inside, without a seed of its own",
    "scaled-noise": "the noise was Gaussian, but not of mean 0 and standard deviation 1",
    "off-path": "x_t was not on the line from Gaussian noise to x0 at the t that the model got:"
    " look for a second draw, or for a change afterwards",
    "no-gradient": "no gradient reached the model: look for `detach`, `no_grad` or NumPy",
    "backward-velocity": "the target was ε − x0: that velocity leads back to the noise",
    "target-data": "the target was x0, the end of the path: the velocity is asked for",
    "target-noise": "the target was the noise, as for a diffusion model: the velocity is asked for",
    "target-position": "the target was x_t itself: the velocity is its derivative",
    "target-sum": "the target was x0 + ε: the velocity is the derivative of x_t, check its sign",
    "target-remaining": "the target was what remains of the path, x0 − x_t: at constant speed the"
    " velocity does not depend on t",
    "target-traveled": "the target was the part already traveled, x_t − ε: at constant speed the"
    " velocity does not depend on t",
    "target-missing": "the model's velocities were compared with 0: what are the true ones?",
    "second-noise": "the noise in the target was not the noise in x_t: draw it once",
    "summed": "the squared errors were added up, so the loss grows with the batch: average them",
    "summed-per-example": "the squared errors of an example were added up: average over its"
    " entries, too",
    "root-taken": "a root was taken: the mean of the squared errors itself is asked for",
    "absolute-errors": "the absolute errors were averaged: square them",
    "scaled-loss": "the loss was a multiple of the mean squared error: look for a factor or a sign",
    "other-loss": "the loss was not the mean squared error of the model's velocities: look at the"
    " target, the square and the mean",
    "other-device": "the model got t or noise of another device than that of x0: on a GPU this"
    " fails",
}
# how x_t may be mixed: what is wrong with it, the weight of x0 at time s, and that of the noise
PATHS: list[tuple[str, Answer, Answer]] = [
    ("", lambda s: s, lambda s: 1 - s),
    ("reversed", lambda s: 1 - s, lambda s: s),
    ("diffusion-weights", lambda s: s**0.5, lambda s: (1 - s) ** 0.5),
    ("diffusion-weights", lambda s: s, lambda s: (1 - s**2) ** 0.5),
    ("diffusion-weights", lambda s: (1 - (1 - s) ** 2) ** 0.5, lambda s: 1 - s),
    ("noise-not-faded", lambda s: s, lambda s: s**0),
    ("data-not-faded-in", lambda s: s**0, lambda s: 1 - s),
    ("unweighted", lambda s: s**0, lambda s: s**0),
    ("always-noise", lambda s: 0 * s, lambda s: s**0),
    ("always-midpoint", lambda s: s**0 / 2, lambda s: s**0 / 2),
    ("displacement-only", lambda s: s, lambda s: -s),
    ("away", lambda s: -s, lambda s: 1 + s),
    ("squared-time", lambda s: s**2, lambda s: 1 - s**2),
]


def _flow_cases(rng: np.random.Generator) -> list[Case]:
    def case(says: str, shape: tuple[int, ...], read: Callable = _flow_seen) -> Case:
        x0, output = 1 + 2 * rng.normal(size=shape), 2 * rng.normal(size=shape)
        return Case(says, (*_tensors(x0, output), TIMES), read, want={LEARNS: True})

    return [
        case("a thousand points, four times", (1000, 2)),
        case("a hundred pictures, (100, 3, 4, 4), four times", (100, 3, 4, 4)),
        case(
            "8 pictures with 8 channels, 8 rows and 8 columns, so that a mix-up of axes raises no"
            " error; then x0 on another device",
            (8, 8, 8, 8),
            _flow_on_both_devices,
        ),
    ]


def _flow_seen(ask: Ask, x0: TensorArg, output: TensorArg, times: int) -> dict[str, bool]:
    """Reads what is wrong first with what an answer asks of its model and with what it returns."""
    calls = ask.probe("lesson09.asked", x0, output, times)
    data, reply = (arg.values.astype(np.float32).astype(float) for arg in (x0, output))
    wrong = next(filter(None, _flow_wrong(calls, data, reply)), "")
    if wrong:
        raise NotData(FLOW_SAYS[wrong])
    return {LEARNS: True}


def _flow_on_both_devices(ask: Ask, *args: Any) -> dict[str, bool]:
    shown = _flow_seen(ask, *args)
    if ask.probe("lesson09.elsewhere"):
        raise NotData(FLOW_SAYS["other-device"])
    return shown


def _flow_wrong(calls: list[dict[str, Any]], data: np.ndarray, reply: np.ndarray) -> Iterator[str]:
    """What may be wrong, a name of FLOW_SAYS or "", in the order in which it is said."""
    for seen in calls:
        yield _wrong_call(seen, data)
    times = [np.asarray(seen["t"], dtype=float) for seen in calls]
    yield "same-times" if np.array_equal(times[0], times[1]) else ""
    yield _wrong_times(np.concatenate(times))
    places = [np.asarray(seen["x"], dtype=float) for seen in calls]
    yield _wrong_place(places, data, times)
    yield "same-noise" if _same_noise(places, data, times) else ""
    for seen, x, t in zip(calls, places, times, strict=True):
        yield _wrong_loss(seen, data, reply, x, t)


def _wrong_call(seen: dict[str, Any], data: np.ndarray) -> str:
    """What is wrong with how often the model was called, with what, and with what came back."""
    x, t = np.asarray(seen.get("x")), np.asarray(seen.get("t"))
    if seen["calls"] != 1:
        return "asked-often" if seen["calls"] else "never-asked"
    if t.dtype.kind not in "biuf":
        return "without-time"
    batch, several = data.shape[:1], isinstance(seen["loss"], (tuple, list))
    wrong = {
        "time-first": x.shape == batch and t.shape == data.shape,
        "one-time": t.size == 1 or np.ptp(1.0 * t) == 0,
        "time-per-entry": t.shape == data.shape,
        "time-with-axes": t.shape != batch and t.size == len(data),
        "time-shape": t.shape != batch,
        "whole-times": (t % 1 == 0).all(),
        "times-outside": t.min() < 0 or t.max() > 1,
        "other-shape": x.shape != data.shape,
        "other-type": x.dtype != np.float32 or t.dtype != np.float32,
        "x0-changed": seen["changed"],
        "backward-inside": seen["computed"],
        "several-things": several,
        "not-averaged": not several and np.size(seen["loss"]) != 1,
    }
    return next((name for name, is_so in wrong.items() if is_so), "")


def _wrong_times(t: np.ndarray) -> str:
    if len(np.unique(t)) < 0.9 * len(t):
        return "few-times"
    uniform = _drawn_from(t, FAR, 0.5, math.sqrt(1 / 12), 1.8, lambda values: values)
    return "" if uniform else "uneven-times"


def _drawn_from(
    values: np.ndarray, far: float, mean: float, std: float, kurtosis: float, cdf: Answer
) -> bool:
    """Whether independent draws from a distribution are no farther from it than `far`."""
    n, ordered = values.size, np.sort(values, axis=None)
    gap = np.abs(cdf(ordered) - (np.arange(n) + 0.5) / n).max()
    return bool(
        abs(values.mean() - mean) < far * std / math.sqrt(n)
        and abs(values.std() - std) < far * std * math.sqrt((kurtosis - 1) / 4 / n)
        and gap < far / 2 / math.sqrt(n)  # Kolmogorov and Smirnov's: a hundred stay within 2/√n
    )


def _is_noise(e: np.ndarray, far: float, *others: np.ndarray) -> bool:
    """Whether e can be Gaussian noise of mean 0 and variance 1 that depends on none of the others,
    neither in sign nor in size.
    """
    from scipy.special import ndtr

    return _drawn_from(e, far, 0, 1, 3, ndtr) and all(
        abs(np.corrcoef(part.ravel(), np.broadcast_to(other, e.shape).ravel())[0, 1])
        < far / math.sqrt(e.size)
        for other in others
        for part in (e, abs(e))
    )


def _wrong_place(places: list[np.ndarray], data: np.ndarray, times: list[np.ndarray]) -> str:
    """What is wrong with x_t, and with the noise in it."""
    x, s = np.concatenate(places), _beside(np.concatenate(times), data)
    x0 = np.concatenate([data] * len(places))
    if np.allclose(x, x0):
        return "always-data"
    for name, keep, add in PATHS:
        of_noise = add(s)
        rows = abs(of_noise).ravel() > 0.2
        e = (x - keep(s) * x0)[rows] / of_noise[rows]
        kind = _noise_kind(e, rows[: len(data)].sum())
        if kind or _is_noise(e, NEAR if name else FAR, x0[rows], s[rows]):
            return name or kind
    return _wrong_axis(places, data, times) or _scaled_noise(x, x0, s)


def _beside(t: np.ndarray, data: np.ndarray) -> np.ndarray:
    """(N,) -> (N, 1, ...), as many axes as `data` has."""
    return t.reshape(-1, *[1] * (data.ndim - 1))


def _noise_kind(e: np.ndarray, first: int) -> str:
    """What is wrong with noise e, of which the `first` rows are of one call, and seen at once."""
    if abs(e).max() < 0.01:
        return "no-noise"
    if any(n > 1 and np.ptp(e, axis=k).max() < 0.01 for k, n in enumerate(e.shape) if k):
        return "noise-per-example"
    if first > 1 and np.ptp(e[:first], axis=0).max() < 0.01:
        return "noise-per-batch"
    return "uniform-noise" if -0.01 < e.min() and e.max() < 1.01 else ""


def _same_noise(places: list[np.ndarray], data: np.ndarray, times: list[np.ndarray]) -> bool:
    """Whether two calls drew the same, where x_t says much about it."""
    rows = np.maximum(times[0], times[1]) < 0.8
    one, two = (
        (x - s * data)[rows] / (1 - s)[rows]
        for x, s in zip(places[:2], (_beside(t, data) for t in times[:2]), strict=True)
    )
    return bool(rows.any()) and np.allclose(one, two, atol=0.01)


def _wrong_axis(places: list[np.ndarray], data: np.ndarray, times: list[np.ndarray]) -> str:
    """Whether t lies along another axis of x_t than the first, which has as many entries."""
    for axis in range(1, data.ndim):
        if data.shape[axis] != len(data):
            continue
        shape = [-1 if k == axis else 1 for k in range(data.ndim)]
        s = np.stack([np.broadcast_to(t.reshape(shape), data.shape) for t in times])
        early = s < 0.8
        e = (np.stack(places) - s * data)[early] / (1 - s)[early]
        if _is_noise(e, NEAR, s[early]):
            return "wrong-axis"
    return ""


def _scaled_noise(x: np.ndarray, x0: np.ndarray, s: np.ndarray) -> str:
    rows = s.ravel() < 0.8
    e = ((x - s * x0) / (1 - s).clip(1e-6))[rows]
    is_so = _is_noise((e - e.mean()) / e.std(), NEAR, x0[rows], s[rows])
    return "scaled-noise" if is_so else "off-path"


def _wrong_loss(
    seen: dict[str, Any], data: np.ndarray, reply: np.ndarray, x: np.ndarray, t: np.ndarray
) -> str:
    """What is wrong with the target and the average, which the gradient at the model's reply
    tells: that of a mean of squares is 2/N times the error.
    """
    if seen["gradient"] is None:
        return "no-gradient"
    if (t >= 0.8).all():
        return ""
    gradient, s = np.asarray(seen["gradient"], dtype=float), _beside(t, data)
    eps = (x - s * data) / (1 - s).clip(1e-6)
    rows = t < 0.8  # at the end of the path x_t says little about the noise
    for name, target in _targets(data, eps, x).items():
        error = reply - target
        factor = _factor(gradient[rows], error[rows])
        if factor:
            return name or _wrong_average(factor * x.size / 2, error, np.ravel(seen["loss"])[0])
    if np.allclose(x.size * gradient[rows], np.sign(reply - data + eps)[rows], atol=1e-3):
        return "absolute-errors"
    other = data - (reply - x.size / 2 * gradient)
    return "second-noise" if _is_noise(other[rows], NEAR, eps[rows]) else "other-loss"


def _targets(data: np.ndarray, eps: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    """What the model may be compared with; "" is the name of what is asked for."""
    return {
        "": data - eps,
        "backward-velocity": eps - data,
        "target-data": data,
        "target-noise": eps,
        "target-position": x,
        "target-sum": data + eps,
        "target-remaining": data - x,
        "target-traveled": x - eps,
        "target-missing": 0 * x,
    }


def _factor(gradient: np.ndarray, error: np.ndarray) -> float:
    """What the error is multiplied by in the gradient; 0 where it is not a multiple."""
    factor = float((gradient * error).sum() / (error**2).sum())
    room = 1e-3 * abs(factor) * float(np.sqrt((error**2).mean()))
    return factor if np.allclose(gradient, factor * error, rtol=1e-3, atol=room) else 0.0


def _wrong_average(times: float, error: np.ndarray, loss: float) -> str:
    """What is wrong with a loss whose gradient is so many times that of the mean of squares."""
    size, batch, mean = error.size, len(error), float((error**2).mean())
    rules = {
        "summed": (size, batch),
        "summed-per-example": (size / batch,),
        "root-taken": (0.5 / math.sqrt(mean), 0.5 * math.sqrt(size / mean)),
    }
    if math.isclose(times, 1, rel_tol=0.01):
        return "" if math.isclose(loss, mean, rel_tol=0.01) else "other-loss"
    found = (
        name
        for name, values in rules.items()
        if any(math.isclose(times, value, rel_tol=0.01) for value in values)
    )
    return next(found, "scaled-loss")


def _normal(x0: Tensor) -> Tensor:
    return x0.new_empty(x0.shape).normal_()


def _uniform(x0: Tensor) -> Tensor:
    return x0.new_empty(len(x0)).uniform_()


def _flow(
    noise: Answer = _normal,
    times: Answer = _uniform,
    place: Answer = lambda e, x, s: (1 - s) * e + s * x,
    target: Answer = lambda e, x, s: x - e,
    average: Answer = lambda error: error.square().mean(),
    ask: Answer = lambda model, x_t, t: model(x_t, t),
) -> Answer:
    """An answer to 9.4 with one part in another way: a function of x0, of the noise, x0 and the
    spread t, of the errors, or of the model and what it gets.
    """

    def answer(model: Callable, x0: Tensor) -> Any:
        eps, t = noise(x0), times(x0)
        s = _wide(t, x0)
        return average(ask(model, place(eps, x0, s), t) - target(eps, x0, s))

    return answer


def _flow_spread(spread: Answer, times: Answer = _uniform) -> Answer:
    """An answer to 9.4 that gives t other dimensions in the mixture."""

    def answer(model: Callable, x0: Tensor) -> Any:
        eps, t = _normal(x0), times(x0)
        s = spread(t)
        return (model((1 - s) * eps + s * x0, t) - (x0 - eps)).square().mean()

    return answer


def _drawing(name: str, *args: Any, **options: Any) -> Any:
    """`torch.rand(...)`, say, where torch may not be there yet."""
    return getattr(__import__("torch"), name)(*args, **options)


def _seeded() -> Any:
    return __import__("torch").Generator().manual_seed(0)


def _flow_in_place(model: Callable, x0: Tensor) -> Any:
    eps, t = _normal(x0), _uniform(x0)
    v = x0 - eps
    return (model(x0.mul_(_wide(t, x0)).add_((1 - _wide(t, x0)) * eps), t) - v).square().mean()


def _flow_trained(model: Callable, x0: Tensor) -> Any:
    loss = _flow()(model, x0)
    loss.backward()
    return loss


def _flow_without_grad(model: Callable, x0: Tensor) -> Any:
    with __import__("torch").no_grad():
        return _flow()(model, x0)


def _flow_by_distributions(model: Callable, x0: Tensor) -> Any:
    import torch
    from torch.distributions import Normal, Uniform

    eps, zero = Normal(torch.zeros_like(x0), 1.0).sample(), torch.zeros_like(x0.flatten(1)[:, 0])
    t = Uniform(zero, zero + 1).sample()
    return torch.nn.functional.mse_loss(
        model(eps.lerp(x0, _wide(t, x0).expand_as(x0)), t), x0 - eps
    )


def _flow_stacked(model: Callable, x0: Tensor) -> Any:
    import torch

    t, eps = torch.rand(x0.shape[0], device=x0.device), torch.randn_like(x0)
    x_t = torch.stack([e + k * (x - e) for e, x, k in zip(eps, x0, t, strict=True)])
    error = model(x_t, t) - x0 + eps
    return (error * error).sum() / error.numel()


def _flow_from_the_end(model: Callable, x0: Tensor) -> Any:
    """Back from x0, with the mean of each example first: all have as many entries."""
    import torch

    t = 1 - torch.rand_like(x0.flatten(1)[:, 0])
    v = x0 - torch.empty_like(x0).normal_()
    said = model(t=t, x=x0 - _wide(1 - t, x0) * v)
    return torch.nn.functional.mse_loss(said, v, reduction="none").flatten(1).mean(1).mean()


def _flow_flat(model: Callable, x0: Tensor) -> Any:
    """The mixture of flattened examples, with noise of the other sign."""
    import torch

    flat, t = x0.flatten(1), torch.rand((len(x0), 1), dtype=x0.dtype, device=x0.device)
    minus = torch.randn(flat.shape, device=x0.device)
    x_t, v = t * flat - (1 - t) * minus, flat + minus
    return ((v.view_as(x0) - model(x_t.view_as(x0), t.squeeze(1))) ** 2).mean()


def _says(**answers: Answer) -> dict[str, Mutant]:
    """The mutants that each do what FLOW_SAYS tells of, by its name."""
    named = {name.replace("_", "-"): answer for name, answer in answers.items()}
    return {name: Mutant(FLOW_SAYS[name], answer) for name, answer in named.items()}


FLOW = Exercise(
    "9.4",
    "flow_loss",
    _flow_cases,
    _no_oracle,
    _says(
        never_asked=lambda model, x0: (_normal(x0) - x0).square().mean().requires_grad_(),
        asked_often=lambda model, x0: sum(_flow()(model, x[None]) for x in x0) / len(x0),
        without_time=_flow(ask=lambda model, x_t, t: model(x_t)),
        time_first=_flow(ask=lambda model, x_t, t: model(t, x_t)),
        one_time=_flow(
            times=lambda x: _uniform(x[:1]),
            ask=lambda model, x_t, t: model(x_t, t.expand(len(x_t))),
        ),
        time_per_entry=_flow_spread(lambda t: t, lambda x: _normal(x).uniform_()),
        time_with_axes=_flow(ask=lambda model, x_t, t: model(x_t, _wide(t, x_t))),
        time_shape=_flow(ask=lambda model, x_t, t: model(x_t, t[None].repeat(2, 1))),
        whole_times=_flow(times=lambda x: _drawing("randint", 100, (len(x),))),
        times_outside=_flow(times=lambda x: _normal(x.flatten(1)[:, 0])),
        few_times=_flow(times=lambda x: _drawing("randint", 100, (len(x),)) / 100),
        uneven_times=_flow(times=lambda x: _uniform(x) ** 2),
        same_times=_flow(times=lambda x: _drawing("rand", len(x), generator=_seeded())),
        other_shape=_flow_spread(lambda t: t[:, None, None, None]),
        other_type=_flow(times=lambda x: _uniform(x).double()),
        x0_changed=_flow_in_place,
        backward_inside=_flow_trained,
        several_things=lambda model, x0: (_flow()(model, x0), x0),
        not_averaged=_flow(average=lambda error: error.square()),
        wrong_axis=_flow_spread(lambda t: t),
        reversed=_flow(place=lambda e, x, s: s * e + (1 - s) * x),
        diffusion_weights=_flow(place=lambda e, x, s: (1 - s).sqrt() * e + s.sqrt() * x),
        noise_not_faded=_flow(place=lambda e, x, s: e + s * x),
        data_not_faded_in=_flow(place=lambda e, x, s: (1 - s) * e + x),
        unweighted=_flow(place=lambda e, x, s: e + x),
        always_noise=_flow(place=lambda e, x, s: e),
        always_data=_flow(place=lambda e, x, s: x),
        always_midpoint=_flow(place=lambda e, x, s: (e + x) / 2),
        displacement_only=_flow(place=lambda e, x, s: s * (x - e)),
        away=_flow(place=lambda e, x, s: e - s * (x - e)),
        squared_time=_flow(place=lambda e, x, s: (1 - s**2) * e + s**2 * x),
        no_noise=_flow(place=lambda e, x, s: s * x),
        uniform_noise=_flow(noise=lambda x: _normal(x).uniform_()),
        noise_per_example=_flow(noise=lambda x: _wide(_normal(x.flatten(1)[:, 0]), x)),
        noise_per_batch=_flow(noise=lambda x: _normal(x[0])),
        same_noise=_flow(noise=lambda x: _drawing("randn", x.shape, generator=_seeded())),
        scaled_noise=_flow(noise=lambda x: 0.5 * _normal(x)),
        off_path=_flow(ask=lambda model, x_t, t: model(x_t, _uniform(t))),
        no_gradient=_flow_without_grad,
        backward_velocity=_flow(target=lambda e, x, s: e - x),
        target_data=_flow(target=lambda e, x, s: x),
        target_noise=_flow(target=lambda e, x, s: e),
        target_position=_flow(target=lambda e, x, s: (1 - s) * e + s * x),
        target_sum=_flow(target=lambda e, x, s: x + e),
        target_remaining=_flow(target=lambda e, x, s: (1 - s) * (x - e)),
        target_traveled=_flow(target=lambda e, x, s: s * (x - e)),
        target_missing=_flow(target=lambda e, x, s: 0 * x),
        second_noise=_flow(target=lambda e, x, s: x - _normal(x)),
        summed=_flow(average=lambda error: error.square().sum()),
        summed_per_example=_flow(average=lambda error: error.square().flatten(1).sum(1).mean()),
        root_taken=_flow(average=lambda error: error.square().mean().sqrt()),
        absolute_errors=_flow(average=lambda error: error.abs().mean()),
        scaled_loss=_flow(average=lambda error: 0.4 * error.square().mean()),
        other_loss=_flow(average=lambda error: error.square().flatten(1).mean(1).sqrt().mean()),
        other_device=_flow(times=lambda x: _drawing("rand", len(x))),
    )
    | {
        "points-only": Mutant(
            "this works for points only: for pictures t needs one more dimension of size 1 for each"
            " axis",
            _flow_spread(lambda t: t[:, None]),
        ),
        "number-returned": Mutant(
            "it returned a Python float, and the next cells need a torch tensor: leave out"
            " `.item()` or `float(...)`, which cut off the gradient",
            _flow(average=lambda error: error.square().mean().item()),
        ),
    },
    {
        "by distributions": _flow_by_distributions,
        "example by example": _flow_stacked,
        "back from x0": _flow_from_the_end,
        "flattened": _flow_flat,
    },
)

# ---- 9.5 composed --------------------------------------------------------------------------------


def _composition(rng: np.random.Generator, shape: tuple[int, ...], weights: list[float]) -> tuple:
    v_uncond, v_conds = rng.normal(size=shape), rng.normal(size=(len(weights), *shape))
    return _tensors(v_uncond, v_conds, np.asarray(weights))


def _composition_cases(rng: np.random.Generator) -> list[Case]:
    w = rng.uniform(1.2, 3, size=3).round(1).tolist()
    return [
        Case(
            "two captions, the same tensors, a second time",
            _composition(rng, (3, 4), w[:2]),
            _unspoiled,
            want={UNSPOILED: True},
        ),
        close_case(
            "1 without a caption, 3 and 2 with one each, weights 2 and 3: 1 + 2·2 + 3·1 = 8",
            _tensors([[1.0]], [[[3.0]], [[2.0]]], [2.0, 3.0]),
        ),
        close_case("one caption, weight 1: its velocity", _composition(rng, (4, 3), [1.0])),
        close_case("one caption, weight 0: no caption", _composition(rng, (4, 3), [0.0])),
        close_case(f"one caption, weight {w[0]}", _composition(rng, (4, 2), w[:1])),
        close_case("two captions, weight 1 each", _composition(rng, (4, 2), [1.0, 1.0])),
        close_case(
            "three captions, as many as points and coordinates, so that a mix-up raises no error",
            _composition(rng, (3, 3), w),
        ),
        close_case("a caption to avoid, weights 2 and −1", _composition(rng, (4, 2), [2.0, -1.0])),
        close_case("pictures, (2, 3, 4, 4)", _composition(rng, (2, 3, 4, 4), w[1:])),
    ]


def _composed_oracle(v_uncond: Tensor, v_conds: Tensor, weights: Tensor) -> np.ndarray:
    """One weighted sum, in float64: all weights, that of no caption included, add up to 1."""
    w = weights.double().numpy()
    every = np.concatenate([v_uncond.double().numpy()[None], v_conds.double().numpy()])
    return np.tensordot([1 - w.sum(), *w], every, axes=1)


def _sum_of(effect: Answer, base: Answer = lambda u: u) -> Answer:
    """base(u) plus the sum of the effects of all captions, a function of u, c and w for each."""
    return lambda u, cs, ws: sum(
        (effect(u, c, w) for c, w in zip(cs, ws, strict=True)), start=base(u)
    )


def _composed(u: Tensor, cs: Tensor, ws: Tensor) -> Any:
    return _sum_of(lambda u, c, w: w * (c - u))(u, cs, ws)


def _composed_in_place(u: Tensor, cs: Tensor, ws: Tensor) -> Any:
    for effect, w in zip(cs - u, ws, strict=True):
        u.add_(w * effect)
    return u


def _one_after_another(u: Tensor, cs: Tensor, ws: Tensor) -> Any:
    v = u
    for c, w in zip(cs, ws, strict=True):
        v = v + w * (c - v)
    return v


COMPOSED = Exercise(
    "9.5",
    "composed",
    _composition_cases,
    _composed_oracle,
    {
        "base-per-caption": Mutant(
            "v_uncond is counted once per caption: it is the starting point, once",
            _sum_of(lambda u, c, w: u + w * (c - u), lambda u: 0 * u),
        ),
        "base-missing": Mutant(
            "only the effects of the captions came back: add them to v_uncond",
            _sum_of(lambda u, c, w: w * (c - u), lambda u: 0 * u),
        ),
        "no-difference": Mutant(
            "the velocities with a caption are added as they are: the effect of a caption is the"
            " difference from v_uncond",
            _sum_of(lambda u, c, w: w * c),
        ),
        "weighted-sum": Mutant(
            "this is the weighted sum of the velocities with a caption: with all weights 0 it gives"
            " 0, where v_uncond is asked for",
            _sum_of(lambda u, c, w: w * c, lambda u: 0 * u),
        ),
        "mean-of-effects": Mutant(
            "the effects are averaged over the captions: add them",
            lambda u, cs, ws: u + (_composed(u, cs, ws) - u) / len(cs),
        ),
        "weights-normalized": Mutant(
            "the weights are divided by their sum: each multiplies its own effect as it is",
            lambda u, cs, ws: _composed(u, cs, ws / ws.sum()),
        ),
        "sum-times-sum": Mutant(
            "the sum of the weights multiplies the sum of the effects: each effect has its own"
            " weight",
            lambda u, cs, ws: u + ws.sum() * (cs - u).sum(0),
        ),
        "weights-plus-one": Mutant(
            "1 + w was taken for w, the count of Ho & Salimans: here a weight of 1 gives the"
            " velocity with the caption",
            lambda u, cs, ws: _composed(u, cs, 1 + ws),
        ),
        "mean-weight": Mutant(
            "all effects have the mean weight: each has its own",
            lambda u, cs, ws: u + ws.mean() * (cs - u).sum(0),
        ),
        "first-weight-for-all": Mutant(
            "all captions have the weight of the first: each has its own",
            lambda u, cs, ws: u + ws[0] * (cs - u).sum(0),
        ),
        "weights-along-batch": Mutant(
            "the weights run along the wrong axis: reshape them to (K, 1, ...), one per caption",
            lambda u, cs, ws: u + (ws * (cs - u)).sum(0),
        ),
        "first-caption-only": Mutant(
            "only the first caption has an effect: add those of all",
            lambda u, cs, ws: _composed(u, cs[:1], ws[:1]),
        ),
        "weights-ignored": Mutant(
            "the weights are ignored: each multiplies the effect of its caption",
            lambda u, cs, ws: u + (cs - u).sum(0),
        ),
        "sign-flipped": Mutant(
            "the sign is flipped: this moves away from every caption",
            _sum_of(lambda u, c, w: w * (u - c)),
        ),
        "negative-weights-cut": Mutant(
            "negative weights are cut off at 0: they move away from a caption",
            lambda u, cs, ws: _composed(u, cs, ws.clamp(min=0)),
        ),
        "one-after-another": Mutant(
            "each caption is compared with the result for the one before: compare all with"
            " v_uncond",
            _one_after_another,
        ),
        "from-the-captions": Mutant(
            "this begins at the mean of the velocities with a caption: begin at v_uncond",
            lambda u, cs, ws: _composed(u, cs, ws) - u + cs.mean(0),
        ),
        "input-changed-in-place": Mutant(
            "v_uncond is changed in place, so a second call goes wrong: make a new tensor",
            _composed_in_place,
        ),
    },
    {
        "sum of effects": _composed,
        "tensordot": lambda u, cs, ws: u + __import__("torch").tensordot(ws, cs - u, dims=1),
        "reshaped weights": lambda u, cs, ws: (
            u + (ws.reshape(-1, *[1] * u.dim()) * (cs - u)).sum(0)
        ),
        "in float64": lambda u, cs, ws: _composed(u.double(), cs.double(), ws.double()),
    },
)

# ---- 9.6 gram ------------------------------------------------------------------------------------


def _feature_cases(rng: np.random.Generator) -> list[Case]:
    two = np.array([[[[1.0, 2.0]], [[3.0, -1.0]]]])  # (1, 2, 1, 2)
    return [
        close_case(
            "two channels of two pixels, (1, 2) and (3, −1): the products are 5, 1 and 10, divided"
            " by 2·1·2",
            _tensors(two),
        ),
        close_case(
            "three pictures of four channels, 5 by 6 pixels",
            _tensors(rng.normal(size=(3, 4, 5, 6))),
        ),
        close_case(
            "features that are never negative, as after a ReLU",
            _tensors(rng.uniform(1, 2, size=(2, 3, 4, 4))),
        ),
        close_case(
            "two pictures, two channels: the value, and the gradient that reaches f",
            _tensors(rng.normal(size=(2, 2, 3, 5))),
            _gradients("f"),
        ),
        close_case(
            "as many channels as rows, columns and pictures",
            _tensors(rng.normal(size=(3, 3, 3, 3))),
        ),
        close_case("one picture with one channel", _tensors(rng.normal(size=(1, 1, 4, 2)))),
        Case(
            "three pictures, the same tensor a second time",
            _tensors(rng.normal(size=(3, 4, 2, 3))),
            _unspoiled,
            want={UNSPOILED: True},
        ),
    ]


def _gram_oracle(f: Tensor) -> Any:
    """Pixel by pixel, the outer product of what all channels say there, in float64."""
    values = f.double()
    total = sum(
        values[:, :, i, j, None] * values[:, None, :, i, j]
        for i in range(f.shape[2])
        for j in range(f.shape[3])
    )
    return total / math.prod(f.shape[1:])


def _flat(f: Tensor) -> Tensor:
    return f.flatten(2)


def _products(f: Tensor) -> Tensor:
    return _flat(f) @ _flat(f).transpose(1, 2)


def _gram(f: Tensor) -> Tensor:
    return _products(f) / math.prod(f.shape[1:])


def _with(change: Answer) -> Answer:
    """The right Gram matrix of changed features."""
    return lambda f: _gram(change(f))


def _unit(f: Tensor) -> Tensor:
    """Every channel scaled to length 1."""
    return f / _flat(f).norm(dim=2)[:, :, None, None]


def _across(f: Tensor) -> Tensor:
    return f.transpose(0, 1).flatten(1)  # (C, B·H·W)


def _whole_batch(f: Tensor) -> Tensor:
    return (_across(f) @ _across(f).T / math.prod(f.shape[1:])).expand(len(f), -1, -1)


def _misread(f: Tensor) -> Tensor:
    # numbers in the wrong order: a reshape does not move axes
    rows = f.reshape(len(f), -1, f.shape[1])
    return rows.transpose(1, 2) @ rows / math.prod(f.shape[1:])


def _gram_loop(f: Tensor) -> Tensor:
    import torch

    return (
        torch.stack([torch.stack([torch.stack([(a * b).sum() for b in x]) for a in x]) for x in f])
        / f[0].numel()
    )


def _einsum(text: str) -> Answer:
    import torch

    return lambda f: torch.einsum(text, f, f) / math.prod(f.shape[1:])


def _gram_lazily(text: str) -> Answer:
    return lambda f: _einsum(text)(f)


GRAM = Exercise(
    "9.6",
    "gram",
    _feature_cases,
    _gram_oracle,
    {
        "no-normalization": Mutant(
            "nothing was divided: the sums grow with the picture, so divide by C·H·W", _products
        ),
        "divided-by-hw": Mutant(
            "divided by H·W only: divide by C·H·W", lambda f: _products(f) / math.prod(f.shape[2:])
        ),
        "divided-by-c": Mutant(
            "divided by C only: divide by C·H·W", lambda f: _products(f) / f.shape[1]
        ),
        "divided-by-batch-too": Mutant(
            "divided by B·C·H·W: every picture has its own matrix, so the batch does not count",
            lambda f: _products(f) / f.numel(),
        ),
        "divided-by-c-twice": Mutant(
            "divided by C²·H·W: divide by C·H·W",
            lambda f: _products(f) / (math.prod(f.shape[1:]) * f.shape[1]),
        ),
        "divided-by-chw-squared": Mutant(
            "divided by (C·H·W)²: divide by C·H·W once",
            lambda f: _products(f) / math.prod(f.shape[1:]) ** 2,
        ),
        "divided-by-chw-minus-1": Mutant(
            "divided by C·H·W − 1: divide by C·H·W",
            lambda f: _products(f) / (math.prod(f.shape[1:]) - 1),
        ),
        "divided-by-root-chw": Mutant(
            "divided by the root of C·H·W: divide by C·H·W",
            lambda f: _products(f) / math.prod(f.shape[1:]) ** 0.5,
        ),
        "pixel-gram": Mutant(
            "pixels were compared with pixels, (H·W)×(H·W): compare channels with channels",
            lambda f: _flat(f).transpose(1, 2) @ _flat(f) / math.prod(f.shape[1:]),
        ),
        "batch-summed": Mutant(
            "the whole batch went into one matrix, or the matrices were added up: every picture has"
            " its own",
            lambda f: _across(f) @ _across(f).T / math.prod(f.shape[1:]),
        ),
        "reshaped-after-permute": Mutant(
            "the channels came last when the features were reshaped, so each row mixes channels:"
            " flatten H and W with the channels still in axis 1",
            lambda f: _gram(f.permute(0, 2, 3, 1).reshape(f.shape)),
        ),
        "pictures-as-channels": Mutant(
            "the channels of all pictures went into one matrix, (B·C)×(B·C): every picture has its"
            " own",
            lambda f: f.flatten(0, 1).flatten(1) @ f.flatten(0, 1).flatten(1).T / f.numel(),
        ),
        "batch-summed-repeated": Mutant(
            "the whole batch went into one matrix, repeated for each picture: every picture has"
            " its own",
            _whole_batch,
        ),
        "mean-over-batch": Mutant(
            "the matrices were averaged over the batch: every picture keeps its own",
            lambda f: _gram(f).mean(0),
        ),
        "first-picture-only": Mutant(
            "only the first picture's matrix came back: one for each picture is asked for",
            lambda f: _gram(f)[0],
        ),
        "channel-mean-removed": Mutant(
            "the mean of each channel was subtracted: that is a covariance; a Gram matrix is not"
            " centered",
            _with(lambda f: f - f.mean((2, 3), keepdim=True)),
        ),
        "picture-mean-removed": Mutant(
            "the mean of each picture was subtracted: a Gram matrix is not centered",
            _with(lambda f: f - f.mean((1, 2, 3), keepdim=True)),
        ),
        "pixel-mean-removed": Mutant(
            "the mean over channels was subtracted at each pixel: a Gram matrix is not centered",
            _with(lambda f: f - f.mean(1, keepdim=True)),
        ),
        "correlation": Mutant(
            "these are correlations, of channels without their mean and scaled to length 1: a Gram"
            " matrix does neither",
            lambda f: _products(_unit(f - f.mean((2, 3), keepdim=True))),
        ),
        "covariance": Mutant(
            "these are covariances, of channels without their mean, divided by H·W − 1: a Gram"
            " matrix is not centered, and is divided by C·H·W",
            lambda f: (
                _products(f - f.mean((2, 3), keepdim=True)) / max(1, math.prod(f.shape[2:]) - 1)
            ),
        ),
        "softmax-of-products": Mutant(
            "a softmax was taken: that is attention; leave the products as they are",
            lambda f: _gram(f).softmax(-1),
        ),
        "divided-by-root-hw": Mutant(
            "divided by the root of H·W: divide by C·H·W",
            lambda f: _products(f) / math.prod(f.shape[2:]) ** 0.5,
        ),
        "whole-numbers": Mutant(
            "the division cut off the fractions: `/`, not `//`",
            lambda f: _products(f) // math.prod(f.shape[1:]),
        ),
        "scaled-by-largest": Mutant(
            "each matrix was divided by its largest entry: divide by C·H·W",
            lambda f: _products(f) / _products(f).amax((1, 2), keepdim=True),
        ),
        "cosine-similarity": Mutant(
            "these are cosines: every channel was scaled to length 1, and then it no longer matters"
            " how strongly it responds",
            lambda f: _products(_unit(f)),
        ),
        "sum-over-height-only": Mutant(
            "the last axis was summed over alone, row by row, and the rows were averaged: sum over"
            " both, then divide by C·H·W",
            lambda f: _products(f) / f.shape[2],
        ),
        "divided-by-width-only": Mutant(
            "divided by C·H only: divide by C·H·W",
            lambda f: _products(f) / math.prod(f.shape[1:3]),
        ),
        "channels-unit-norm": Mutant(
            "every channel was scaled to length 1: then it no longer matters how strongly a channel"
            " responds",
            lambda f: _gram(_unit(f)),
        ),
        "outer-product-of-means": Mutant(
            "the channels were averaged over the picture first: multiply at each pixel, then sum",
            lambda f: f.mean((2, 3))[:, :, None] * f.mean((2, 3))[:, None],
        ),
        "reshape-without-transpose": Mutant(
            "the axes were mixed up: `reshape` does not move the channels to the end, `transpose`"
            " or `permute` does",
            _misread,
        ),
        "channels-last-assumed": Mutant(
            "this takes the last axis for the channels: f is (B, C, H, W)",
            _gram_lazily("bhwc,bhwd->bcd"),
        ),
        "rows-for-channels": Mutant(
            "this compares rows with rows: the channels are axis 1", _gram_lazily("bchw,bcgw->bhg")
        ),
        "diagonal-vector": Mutant(
            "each channel was only multiplied with itself: every pair of channels is asked for",
            lambda f: (f**2).sum((2, 3)) / math.prod(f.shape[1:]),
        ),
        "diagonal-matrix": Mutant(
            "only the diagonal is filled: every pair of channels is asked for",
            lambda f: _gram(f).diagonal(dim1=1, dim2=2).diag_embed(),
        ),
        "lower-triangle-only": Mutant(
            "only one triangle is filled: the matrix is symmetric, so fill both",
            lambda f: _gram(f).tril(),
        ),
        "upper-triangle-only": Mutant(
            "the other triangle only is filled: the matrix is symmetric, so fill both",
            lambda f: _gram(f).triu(),
        ),
        "root-of-products": Mutant(
            "the root of the products was taken: leave them as they are",
            lambda f: _gram(f).abs().sqrt(),
        ),
        "absolute-features": Mutant(
            "the features lost their signs: multiply them as they are", _with(lambda f: f.abs())
        ),
        "relu-features": Mutant(
            "negative features were set to 0: multiply them as they are", _with(lambda f: f.relu())
        ),
        "squared-features": Mutant(
            "the features were squared before they were multiplied", _with(lambda f: f**2)
        ),
        "no-gradient-to-features": Mutant(
            "the value is right, but no gradient reaches f: look for `no_grad`, `detach`, `.data`,"
            " `.item`, NumPy or a list where one tensor should be",
            lambda f: _gram(f.detach()),
        ),
        "flattened-output": Mutant(
            "the matrices came back as one row of numbers each: (B, C, C) is asked for",
            lambda f: _gram(f).flatten(1),
        ),
        "input-changed-in-place": Mutant(
            "f itself was divided, in place, so a second call goes wrong: make a new tensor",
            lambda f: _products(f.div_(math.prod(f.shape[1:]) ** 0.5)),
        ),
    },
    {
        "einsum": _gram_lazily("bchw,bdhw->bcd"),
        "loops": _gram_loop,
        "bmm of scaled features": lambda f: (
            (_flat(f) / math.prod(f.shape[1:]) ** 0.5) @ _flat(f).mT / math.prod(f.shape[1:]) ** 0.5
        ),
        "in float64": lambda f: _gram(f.double()),
    },
)

# ---- 9.7 is_solvable -----------------------------------------------------------------------------

WALL, FLOOR, START, EXIT, CHEST = range(5)
SIGNS = {"#": WALL, ".": FLOOR, "S": START, "E": EXIT, "c": CHEST}
HERE = [(-1, 0), (1, 0), (0, -1), (0, 1)]
CORNERS = [(-1, -1), (-1, 1), (1, -1), (1, 1)]


def _map(text: str) -> np.ndarray:
    """Rows of signs, separated by blanks -> (H, W) int64."""
    return np.array([[SIGNS[sign] for sign in row] for row in text.split()])


def _asked(ask: Ask, *levels: TensorArg) -> list[Any]:
    """The answers for several levels, one after the other, as they are."""
    return [ask(level) for level in levels]


def _judged_right(facts: list[str]) -> Callable[..., dict[str, bool]]:
    """Reads which levels are judged rightly, each under a fact about it."""

    def read(ask: Ask, *levels: TensorArg) -> dict[str, bool]:
        verdicts = [ask(level) for level in levels]
        for verdict in verdicts:
            if not isinstance(verdict, (bool, int, float)):
                what = "None: is there a `return` for every case?" if verdict is None else ""
                raise NotData(
                    f"it returned {what or type(verdict).__name__ + ', not True or False'}"
                )
        return {
            fact: verdict == _solvable(level.values)
            for fact, verdict, level in zip(facts, verdicts, levels, strict=True)
        }

    return read


def _same_twice(ask: Ask, *levels: TensorArg) -> dict[str, bool]:
    return {UNTOUCHED: all(one == two for one, two in (ask.series(2, map_) for map_ in levels))}


def _maps_case(why: str, *maps: Any) -> Case:
    """Maps whose verdicts share a reason; small ones are shown in the fact."""
    levels = [_map(m) if isinstance(m, str) else m for m in maps]
    facts = [_fact(why, level, number) for number, level in enumerate(levels, 1)]
    return Case(why, _tensors(*levels), _judged_right(facts), want=dict.fromkeys(facts, True))


def _fact(why: str, level: np.ndarray, number: int) -> str:
    there = f"there is {'a' if _solvable(level) else 'no'} path from S to E"
    if level.size > 40:
        return f"{there} in map {number} of those with {level.shape[0]} by {level.shape[1]}: {why}"
    signs = {tile: sign for sign, tile in SIGNS.items()}
    rows = ["".join(signs[int(tile)] for tile in row) for row in level]
    return f"{there} in the map with the rows `{' '.join(rows)}`: {why}"


def _solvable(level: np.ndarray) -> bool:
    """Start and exit in one connected region of walkable tiles, labeled by an image library."""
    from scipy.ndimage import label

    regions, _ = label(level != WALL)  # four neighbors
    return bool(set(regions[level == START]) & set(regions[level == EXIT]))


def _random_level(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    level = np.where(
        rng.random((height, width)) < 0.36,
        WALL,
        np.where(rng.random((height, width)) < 0.15, CHEST, FLOOR),
    )
    for tile, place in zip(
        (START, EXIT), rng.choice(height * width, 2, replace=False), strict=True
    ):
        level.flat[place] = tile
    return level


def _snake(n: int) -> np.ndarray:
    """A corridor that winds through every second row of an n x n map."""
    level = np.full((n, n), WALL)
    level[::2] = FLOOR
    level[1::4, -1] = level[3::4, 0] = FLOOR
    level[0, 0], level[-1, -1 if (n // 2) % 2 == 0 else 0] = START, EXIT
    return level


UNTOUCHED = "the same map gets the same verdict twice: it is not changed, or only a copy of it"


def _map_cases(rng: np.random.Generator) -> list[Case]:
    free, walled = "##### ##### #S.E# ##### #####", "##### ##### #S#E# ##### #####"
    return [
        _maps_case("a short corridor", free),
        _maps_case("a wall blocks it", walled),
        Case(
            "the same map asked about twice",
            _tensors(_map("S.. ##. E.."), _map("S# .E")),
            _same_twice,
            want={UNTOUCHED: True},
        ),
        _maps_case(
            "you go up, down, left and right, not across a corner or past the border",
            "S# #E",
            "S#. ##. ..E",
        ),
        _maps_case("start and exit are neighbors", "#### #SE# ####", "### #S# #E# ###"),
        _maps_case("the tiles at the rim belong to the map", "SE ##", "S# E#", "## SE", "#S #E"),
        _maps_case("maps need not be square", "S...E", "S . . E", "#.#.#.# S.....E", "S# .# .. #E"),
        _maps_case("the exit is walled off", "S..# ..#E ...#", "S....# ###### .....E"),
        _maps_case("start, exit or both are missing", "...E", "S...", "...."),
        _maps_case("chests do not block, and are no exits", "ScE", "S#E .c.", "Sc#E"),
        _maps_case(
            "a map does not go on at its other side",
            "S#E",
            "S..#..E",
            "S # E",
            "E#S",
            "E..#..S",
        ),
        _maps_case(
            "the way may go up and left as well", "E.. ##. S..", "..E .## ..S", "#...# S.#.E ###.#"
        ),
        _maps_case(
            "the way may lead away from the exit first",
            "S#E .#. ...",
            "...# .#.. S##E",
            "S### .##E ....",
        ),
        _maps_case("other parts of the map do no harm", "S.E# #### ..#.", "S#. #E. ..."),
        _maps_case(
            "any exit will do, also where another is walled off",
            "S.#E ..## ...E",
            "E#S. ##.E",
            "SE# ### ##E",
        ),
        _maps_case(
            "a winding corridor of some 1,400 steps: go on until nothing new is found", _snake(53)
        ),
        *[
            _maps_case("walls, floor and chests at random", *_random_levels(rng, h, w))
            for h, w in ((6, 6), (5, 9), (8, 4))
        ],
        Case(
            "the short corridors again: True or False",
            _tensors(_map(free), _map(walled)),
            _asked,
            want=[True, False],
        ),
    ]


def _random_levels(rng: np.random.Generator, height: int, width: int) -> list[np.ndarray]:
    return [_random_level(rng, height, width) for _ in range(12)]


def _find(
    level: Any,
    steps: list = HERE,
    walk: Answer = lambda tile: tile != WALL,
    *,
    wrap: str = "",
    most: int = 10**9,
    first_exit: bool = False,
) -> tuple[bool, int, set]:
    """A search, level by level, with the habits of the mutants: whether the exit was met, when, and
    what was seen.
    """
    grid = np.asarray(level)
    h, w = grid.shape
    starts = [(int(r), int(c)) for r, c in np.argwhere(grid == START)]
    exits = [(int(r), int(c)) for r, c in np.argwhere(grid == EXIT)][: 1 if first_exit else None]
    seen, front, count = set(starts), starts, 0
    while front and count < most:
        count, following = count + 1, []
        for r, c in front:
            for dr, dc in steps:
                i, j = r + dr, c + dc
                i, j = (
                    (i % h, j % w)
                    if wrap == "both"
                    else ((i + h if i < 0 else i), (j + w if j < 0 else j))
                    if wrap
                    else (i, j)
                )
                if 0 <= i < h and 0 <= j < w and (i, j) not in seen and walk(grid[i, j]):
                    seen.add((i, j))
                    following.append((i, j))
        front = following
    return bool(seen & set(exits)), count, seen


def _found(**habits: Any) -> Answer:
    return lambda level: _find(level, **habits)[0]


def _recursive(level: Tensor) -> bool:
    grid = np.asarray(level).tolist()
    seen: set = set()

    def visit(r: int, c: int) -> bool:
        if (
            not (0 <= r < len(grid) and 0 <= c < len(grid[0]))
            or (r, c) in seen
            or grid[r][c] == WALL
        ):
            return False
        seen.add((r, c))
        return grid[r][c] == EXIT or any([visit(r + dr, c + dc) for dr, dc in HERE])

    return any(
        visit(r, c) for r, row in enumerate(grid) for c, tile in enumerate(row) if tile == START
    )


def _index_error(level: Tensor) -> bool:
    if not bool((level == START).any()) or not bool((level == EXIT).any()):
        raise IndexError("list index out of range")
    return _find(level)[0]


def _square(level: Tensor) -> bool:
    """Takes the height for the width too."""
    grid = np.asarray(level)
    return _find(grid[:, : grid.shape[0]])[0]


def _shape_swapped(level: Tensor) -> bool:
    grid, (w, h) = np.asarray(level), level.shape
    todo = [(int(r), int(c)) for r, c in np.argwhere(grid == START)]
    seen = set(todo)
    for r, c in todo:
        for i, j in ((r + a, c + b) for a, b in HERE):
            if 0 <= i < h and 0 <= j < w and grid[i, j] != WALL and (i, j) not in seen:
                seen.add((i, j))
                todo.append((i, j))
    return any(grid[place] == EXIT for place in todo)


def _inner(level: Tensor) -> bool:
    grid = np.full(tuple(level.shape), WALL)
    grid[1:-1, 1:-1] = np.asarray(level)[1:-1, 1:-1]
    return _find(grid)[0]


def _greedy(level: Tensor) -> bool:
    """Walks straight for the exit, row first, and gives up at the first wall."""
    grid = np.asarray(level)
    if not (grid == START).any() or not (grid == EXIT).any():
        return False
    (r, c), (i, j) = np.argwhere(grid == START)[0], np.argwhere(grid == EXIT)[0]
    way = [(y, c) for y in range(min(r, i), max(r, i) + 1)] + [
        (i, x) for x in range(min(c, j), max(c, j) + 1)
    ]
    return all(grid[place] != WALL for place in way)


def _has(level: Tensor, tile: int) -> bool:
    return bool((level == tile).any())


def _floods_in_place(level: Tensor) -> bool:
    found, _, seen = _find(level)
    for r, c in seen:
        level[r, c] = WALL
    return found


def _chest_or_exit(level: Tensor) -> bool:
    """Stops at the first chest."""
    return _find(np.where(np.asarray(level) == CHEST, EXIT, np.asarray(level)))[0]


def _in_line(level: Tensor) -> bool:
    starts, exits = (np.argwhere(np.asarray(level) == tile) for tile in (START, EXIT))
    return bool((starts[:, None] == exits[None]).any())


def _one_region(level: Tensor) -> bool:
    from scipy.ndimage import label

    return label(np.asarray(level) != WALL)[1] == 1 and _has(level, START) and _has(level, EXIT)


def _labeled(level: Tensor) -> bool:
    return _solvable(np.asarray(level))


def _pooled(level: Tensor) -> bool:
    """Grows the reached region until it stands still, with tensors only."""
    reached = level == START
    while True:
        grown = reached.clone()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= level != WALL
        if bool((grown == reached).all()):
            return bool((grown & (level == EXIT)).any())
        reached = grown


def _stack(level: Tensor) -> bool:
    grid = level.tolist()
    todo = [(r, c) for r, row in enumerate(grid) for c, tile in enumerate(row) if tile == START]
    while todo:
        r, c = todo.pop()
        if grid[r][c] == EXIT:
            return True
        grid[r][c] = WALL
        todo += [
            (r + a, c + b)
            for a, b in HERE
            if 0 <= r + a < len(grid) and 0 <= c + b < len(grid[0]) and grid[r + a][c + b] != WALL
        ]
    return False


SOLVABLE = Exercise(
    "9.7",
    "is_solvable",
    _map_cases,
    _no_oracle,
    {
        "diagonal-steps-allowed": Mutant(
            "diagonal steps were allowed: you walk up, down, left and right",
            _found(steps=HERE + CORNERS),
        ),
        "diagonal-steps-only": Mutant(
            "only diagonal steps were allowed: you walk up, down, left and right",
            _found(steps=CORNERS),
        ),
        "walls-ignored": Mutant(
            "walls do not block here, it is enough that start and exit exist: is there a path"
            " between them?",
            lambda level: _has(level, START) and _has(level, EXIT),
        ),
        "exit-exists-only": Mutant(
            "it is enough here that an exit exists: is there a path to it?",
            lambda level: _has(level, EXIT),
        ),
        "start-exists-only": Mutant(
            "it is enough here that a start exists: is there a path to an exit?",
            lambda level: _has(level, START),
        ),
        "recursion-limit": Mutant(
            "Python's recursion limit was hit in a long corridor: keep a list of places to visit"
            " instead",
            _recursive,
        ),
        "wrap-around": Mutant(
            "the map continues on the opposite side here: it has borders", _found(wrap="both")
        ),
        "negative-index-wraps": Mutant(
            "index −1 is the *last* row or column in Python, so the map continues on the"
            " opposite side: check for it",
            _found(wrap="negative"),
        ),
        "chests-block": Mutant(
            "chests block the way here: only walls do",
            _found(walk=lambda tile: tile not in (WALL, CHEST)),
        ),
        "exit-not-walkable": Mutant(
            "this says False to every map: can the exit be entered? Only walls block",
            _found(walk=lambda tile: tile in (FLOOR, CHEST)),
        ),
        "floor-not-walkable": Mutant(
            "only chests can be walked on here, and the exit",
            _found(walk=lambda tile: tile in (CHEST, EXIT)),
        ),
        "walls-and-floor-swapped": Mutant(
            "walls can be walked on here, and floor cannot: 0 is wall, 1 is floor",
            _found(walk=lambda tile: tile != FLOOR),
        ),
        "down-right-only": Mutant(
            "this walks down and right only: four directions", _found(steps=[(1, 0), (0, 1)])
        ),
        "up-left-only": Mutant(
            "this walks up and left only: four directions", _found(steps=[(-1, 0), (0, -1)])
        ),
        "horizontal-only": Mutant(
            "this walks left and right only: four directions", _found(steps=[(0, -1), (0, 1)])
        ),
        "vertical-only": Mutant(
            "this walks up and down only: four directions", _found(steps=[(-1, 0), (1, 0)])
        ),
        "up-missing": Mutant("one direction is missing: up", _found(steps=HERE[1:])),
        "down-missing": Mutant(
            "one direction is missing: down", _found(steps=[HERE[0], *HERE[2:]])
        ),
        "left-missing": Mutant(
            "one direction is missing: left", _found(steps=[*HERE[:2], HERE[3]])
        ),
        "right-missing": Mutant("one direction is missing: right", _found(steps=HERE[:3])),
        "start-neighbors-only": Mutant(
            "only the neighbors of the start are visited: continue from there", _found(most=1)
        ),
        "two-steps-only": Mutant(
            "the search ends after two steps: continue until nothing new is found", _found(most=2)
        ),
        "greedy-walk": Mutant(
            "this walks straight toward the exit and gives up at the first wall: try all paths",
            _greedy,
        ),
        "chest-taken-for-exit": Mutant(
            "a chest was taken for the exit: 3 is the exit, 4 a chest",
            _chest_or_exit,
        ),
        "gives-up-early": Mutant(
            "the search ends too early for a long winding path: continue until nothing new is"
            " found",
            _found(most=200),
        ),
        "as-many-steps-as-rows": Mutant(
            "the search ends after H steps, but a winding path is longer: continue until nothing"
            " new is found",
            lambda level: _find(level, most=level.shape[0])[0],
        ),
        "same-row-or-column": Mutant(
            "it is enough here that start and exit share a row or a column: is there a path"
            " between them?",
            _in_line,
        ),
        "first-exit-only": Mutant(
            "only the first exit is tried: any exit will do", _found(first_exit=True)
        ),
        "two-exits-rejected": Mutant(
            "a map with two exits is taken for one that cannot be solved: any exit will do",
            lambda level: _find(level)[0] and int((level == EXIT).sum()) == 1,
        ),
        "missing-start-raises": Mutant(
            "a map without start or exit makes it raise an error: it cannot be solved, so return"
            " False",
            _index_error,
        ),
        "square-map-assumed": Mutant(
            "the map was taken for a square: rows and columns may differ", _square
        ),
        "rows-and-columns-swapped": Mutant(
            "the numbers of rows and columns are swapped: `level.shape` is rows first",
            _shape_swapped,
        ),
        "border-excluded": Mutant(
            "the tiles at the border were left out: you may walk there, too", _inner
        ),
        "all-connected-required": Mutant(
            "all open tiles had to be connected: a closed room elsewhere does no harm",
            _one_region,
        ),
        "result-negated": Mutant("True and False are exchanged", lambda level: not _find(level)[0]),
        "step-count-returned": Mutant(
            "the number of steps came back: True or False is asked for",
            lambda level: _find(level)[1] if _find(level)[0] else 0,
        ),
        "integer-for-boolean": Mutant(
            "1 and 0 came back: True or False is asked for", lambda level: int(_find(level)[0])
        ),
        "input-changed-in-place": Mutant(
            "the map itself was changed, so a second call goes wrong: keep a set of the places"
            " seen, or a copy",
            _floods_in_place,
        ),
    },
    {
        "breadth first": _found(),
        "a stack": _stack,
        "labeled regions": _labeled,
        "a region that grows": _pooled,
    },
    seconds=2.0,
)

# ---- 9.8 train_painter ---------------------------------------------------------------------------

BAR, SECONDS = 0.7, 60.0
# the share of pictures that may be nearer to training pictures than to held-out ones, about half by
# chance; the last is counted on a third of the pictures
NEARER = {"new": 0.8, "mixed": 0.9, "moved": 0.95}
PAINTED = {
    "shapes": "`paint(captions)` returns one picture for each caption, (B, 3, 16, 16)",
    "finite": (
        "all pixels are finite: if not, the training diverged, and a smaller learning rate helps"
    ),
    "range": "white paper is 1, as in the pictures you were given: is the scale or sign another?",
    "unit": (
        "pictures lie between −1 and 1, as those you were given: these lie between 0 and 1, so undo"
        " a (x + 1)/2"
    ),
    "chance": (
        "two calls with the same captions give different pictures: is noise drawn anew in each"
        " call?"
    ),
    "learned": (
        "what a caption means is learned from the pictures: these are the drawings of `shapes`, and"
        " the check turns pictures, and exchanges colors and the numbers of captions"
    ),
    "new": (
        "pictures are as far from the training pictures as from others that were held out: these"
        " are nearer, like copies with a little noise"
    ),
    "mixed": (
        "pictures are no mixtures of training pictures: these are nearer to averages of those than"
        " to averages of pictures that were held out"
    ),
    "moved": (
        "pictures are new also when place and color do not count: these shapes are training shapes,"
        " moved, mirrored or colored anew"
    ),
    "clean": (
        "most pictures are clean, a drawing of one shape on white paper: either noise is left over,"
        " the training was too short, the guidance too strong, or what the network predicts, noise,"
        " picture or velocity, is taken for another of the three"
    ),
    "listens": (
        "pictures depend on the caption: the classifier finds the color and place asked for hardly"
        " more often than by chance; do the captions reach the network, in training and in"
        " painting, and in the same order as the pictures?"
    ),
    "varied": (
        "pictures with one caption differ in place and size, as those you were given do: is noise"
        " only added to the same picture?"
    ),
}
OBEYED = (
    f"the share of pictures that are clean and show shape, color and place as asked, where {BAR}"
    " or more is asked for"
)


class World(NamedTuple):
    """How the check's pictures differ from those of `shapes`: quarter turns, the order of the color
    channels, and the numbers of the words of a caption.
    """

    turns: int
    channels: np.ndarray
    numbers: list[np.ndarray]

    def abroad(self, pictures: np.ndarray, captions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, 3, 16, 16), (N, 3) -> the same, as the answer gets them."""
        turned = np.rot90(pictures[:, self.channels], self.turns, (2, 3)).copy()
        words = zip(self.numbers, captions.T, strict=True)
        return turned, np.stack([number[word] for number, word in words], axis=1)

    def home(self, pictures: np.ndarray, captions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The inverse of `abroad`."""
        back = World(-self.turns, np.argsort(self.channels), [np.argsort(n) for n in self.numbers])
        return back.abroad(pictures, captions)


def _world(rng: np.random.Generator) -> World:
    return World(
        int(rng.integers(1, 4)),
        np.roll(np.arange(3), rng.integers(1, 3)),
        [rng.permutation(n) for n in (3, 3, 4)],
    )


def _asked_painter(ask: Ask, probe: str, *args: Any) -> list[np.ndarray]:
    """The pictures that the probe returns. Raises NotData where no function came back."""
    try:
        return [numbers_in(pictures) for pictures in ask.probe(probe, *args)]
    except AnswerRaised as error:
        if error.raised.kinds[0] == "TypeError" and "not callable" in error.raised.message:
            raise NotData(NOT_A_FUNCTION) from None
        raise


def _sketched(ask: Ask, *args: Any) -> dict[str, Any]:
    """Whether the shape is right after training on few pictures; where the training itself fails on
    so few, it counts as right.
    """
    shown = _asked_painter(ask, "lesson09.sketched", *args)
    return {PAINTED["shapes"]: all(part.shape == (5, 3, 16, 16) for part in shown)}


def _judged(world: World, luck: int) -> Callable[..., dict[str, Any]]:
    """Reads PAINTED facts up to the first that does not hold; the share that obeys last, up to the
    bar. `luck` is the seed of the pictures held out.
    """

    def read(ask: Ask, *args: Any) -> dict[str, Any]:
        from course_utils.lesson09 import shapes

        shown = _asked_painter(ask, "lesson09.painter", *args)
        pictures, captions, asked = (arg.values for arg in args[:3])
        fresh, words = shapes.sample(len(pictures), np.random.default_rng(luck))
        known, held_out = world.home(pictures, captions), (fresh.numpy(), words.numpy())
        return until_one_fails(_painted(shown, asked, world, known, held_out), PAINTED)

    return read


Captioned = tuple[np.ndarray, np.ndarray]


def _painted(
    shown: list[np.ndarray], asked: np.ndarray, world: World, known: Captioned, held_out: Captioned
) -> Iterator[tuple[str, Any]]:
    """Pairs of a key of PAINTED and whether it holds, in an order in which each may rely on those
    before it.
    """
    form = (len(asked), 3, 16, 16)
    yield "shapes", all(part.shape == form for part in shown)
    yield "finite", all(np.isfinite(part).all() for part in shown)
    yield "range", 0.3 < np.median(shown[0]) < 10  # too much guidance may bleach the paper
    (first, wanted), (second, _) = (world.home(part, asked) for part in shown)
    obeyed = _obeyed(first, wanted)
    yield "unit", _obeyed(2 * first - 1, wanted) < obeyed + 0.3
    yield "chance", abs(first - second).mean() > 1e-4
    yield "learned", _obeyed(shown[0], asked) < max(0.5, obeyed)
    yield from _novelty(first, wanted, known, held_out)
    yield from _quality(first, wanted)
    spreads = (
        _spread(np.concatenate([first, second]), np.tile(wanted, (2, 1))),
        _spread(*known),
    )
    yield "varied", spreads[0] > 0.35 * spreads[1]
    yield OBEYED, math.floor(100 * min(obeyed, BAR)) / 100


def _quality(pictures: np.ndarray, wanted: np.ndarray) -> Iterator[tuple[str, Any]]:
    """Whether pictures are drawings at all, show what was asked for, and are clean."""
    from course_utils.lesson09 import shapes

    seen, misfit = (part.numpy() for part in shapes.read(pictures))
    yield "clean", np.median(misfit) < 2 * shapes.CLEAN
    yield "listens", (seen == wanted)[:, 1:].all(1).mean() > 0.25
    yield "clean", (misfit < shapes.CLEAN).mean() > 0.5


def _obeyed(pictures: np.ndarray, asked: np.ndarray) -> float:
    from course_utils.lesson09 import shapes

    return float(shapes.obeyed(pictures, asked).float().mean())


def _novelty(
    pictures: np.ndarray, wanted: np.ndarray, known: Captioned, held_out: Captioned
) -> Iterator[tuple[str, bool]]:
    """Whether pictures are nearer to the known ones than to as many held out: as they are, to
    mixtures of those with the same caption, and with place and color removed.
    """
    ways = {"new": _nearest, "mixed": _to_mixture, "moved": _to_moved}
    for key, distance in ways.items():
        near, far = (distance(pictures, wanted, *others) for others in (known, held_out))
        yield key, ((near < far) + 0.5 * (near == far)).mean() < NEARER[key]


def _of_caption(
    wanted: np.ndarray, others: np.ndarray, captions: np.ndarray
) -> Iterator[np.ndarray]:
    """For each caption wanted, the other pictures that have it: (K, 768)."""
    flat = others.reshape(len(others), -1)
    return (flat[(captions == caption).all(axis=1)] for caption in wanted)


def _nearest(pictures: np.ndarray, wanted: np.ndarray, *others: np.ndarray) -> np.ndarray:
    flat = zip(pictures.reshape(len(pictures), -1), _of_caption(wanted, *others), strict=True)
    return np.array([((same - picture) ** 2).sum(1).min() for picture, same in flat])


def _to_mixture(pictures: np.ndarray, wanted: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """How far each picture is from the nearest weighted average of those with its caption: weights
    of at least 0, which a heavy last equation makes add up to 1.
    """
    from scipy.optimize import nnls

    flat = zip(pictures.reshape(len(pictures), -1), _of_caption(wanted, *others), strict=True)
    return np.array(
        [
            nnls(np.vstack([same.T, np.full(len(same), 30.0)]), np.append(picture, 30.0))[1]
            for picture, same in flat
        ]
    )


def _to_moved(pictures: np.ndarray, wanted: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """How far the ink of a picture of each caption is from that of others with its shape, moved by
    up to a pixel or mirrored.
    """
    ink, theirs = _ink(pictures[:36], wanted[:36]), _ink(*others)
    moved = [
        np.roll(mirrored, shift, axis=(1, 2))[:, :9, :9].reshape(len(ink), -1)
        for mirrored in (ink, np.roll(ink[:, :, ::-1], -7, axis=2))
        for shift in product((-1, 0, 1), repeat=2)
    ]
    best = np.zeros(len(ink))
    for i, shape in enumerate(wanted[:36, 0]):
        same = theirs[others[1][:, 0] == shape][:, :9, :9].reshape(-1, 81)
        mine = np.stack([way[i] for way in moved])
        best[i] = ((mine**2).sum(1)[:, None] + (same**2).sum(1) - 2 * mine @ same.T).min()
    return np.maximum(best, 0)


def _ink(pictures: np.ndarray, captions: np.ndarray) -> np.ndarray:
    """How much ink of any color is at each pixel, moved to the top left: (N, 16, 16)."""
    from course_utils.lesson09 import shapes

    strength = 2 * (1 - shapes.INK[captions[:, 1]])  # (N, 3)
    ink = np.einsum("nchw,nc->nhw", 1 - pictures, strength) / (strength**2).sum(1)[:, None, None]
    shifts = [(-7 * int(place // 2), -7 * int(place % 2)) for place in captions[:, 2]]
    return np.stack([np.roll(one, way, (0, 1)) for one, way in zip(ink, shifts, strict=True)])


def _spread(pictures: np.ndarray, captions: np.ndarray) -> float:
    """How much pictures with one caption differ, seen so roughly, in squares of 4 by 4 pixels, that
    noise hardly counts.
    """
    rough = pictures.reshape(-1, 3, 4, 4, 4, 4).mean(axis=(3, 5))  # (N, 3, 4, 4)
    same = (rough[(captions == caption).all(axis=1)] for caption in np.unique(captions, axis=0))
    return float(np.sqrt(np.mean([group.var(axis=0, ddof=1) for group in same])))


def _painter_cases(rng: np.random.Generator) -> list[Case]:
    from course_utils.lesson09 import shapes

    world, luck = _world(rng), int(rng.integers(2**31))
    pictures, labels = (part.numpy() for part in shapes.sample(4000, rng))
    asked = np.tile(shapes.all_captions().numpy(), (3, 1))  # (108, 3)
    return [
        Case(
            "trained on 4,000 captioned pictures, asked for every caption three times",
            (*_tensors(*world.abroad(pictures, labels), asked), SECONDS),
            _judged(world, luck),
            want={fact: True for fact in PAINTED.values()} | {OBEYED: BAR},
        )
    ]


def _painter_sketch(rng: np.random.Generator) -> list[Case]:
    from course_utils.lesson09 import shapes

    pictures, labels = (part.numpy() for part in shapes.sample(512, rng))
    return [
        Case(
            "trained on 512 pictures for a second, asked for five",
            (*_tensors(pictures, labels, labels[:5]), 1.0),
            _sketched,
            want={PAINTED["shapes"]: True},
        )
    ]


def _by_drawing(choose: Answer) -> Answer:
    """An answer to 9.8 that learns nothing: `choose` makes pictures from captions (B, 3) and what
    it was trained on.
    """

    def train_painter(pictures: Any, captions: Any, _seconds: float) -> Answer:
        return lambda asked: choose(asked, pictures, captions)

    return train_painter


def _drawn(asked: Any, *_known: Any) -> Any:
    from course_utils.lesson09 import shapes

    fresh = np.random.default_rng()
    return shapes.draw(
        asked,
        fresh.uniform(-0.7, 0.7, size=(len(asked), 2)),
        fresh.uniform(2.8, 3.6, size=len(asked)),
    )[0]


def _copied(asked: Any, pictures: Any, captions: Any) -> Any:
    import torch

    fits = (captions[None] == asked[:, None]).all(2).float()  # (B, N)
    return pictures[torch.multinomial(fits, 1)[:, 0]]


def _template(asked: Any, pictures: Any, captions: Any) -> Any:
    """The mean of all pictures with the caption, with its contrast raised: always the same."""
    import torch

    means = [pictures[(captions == caption).all(1)].mean(0) for caption in asked]
    ink = 1 - torch.stack(means)  # (B, 3, 16, 16)
    full = ink.amax((2, 3), keepdim=True)
    return 1 - full * (4 * ink / full.clamp_min(1e-6) - 1.5).clamp(0, 1)


def _sprinkled(asked: Any, *known: Any) -> Any:
    import torch

    return _template(asked, *known) + 0.03 * torch.randn(len(asked), 3, 16, 16)


def _snow(asked: Any, *_known: Any) -> Any:
    import torch

    return 1 + 0.6 * torch.randn(len(asked), 3, 16, 16)


def _deaf(asked: Any, *_known: Any) -> Any:
    import torch

    return _drawn(torch.stack([torch.randint(k, (len(asked),)) for k in (3, 3, 4)], dim=1))


def _speckled(asked: Any, *known: Any) -> Any:
    import torch

    return _copied(asked, *known) + 0.03 * torch.randn(len(asked), 3, 16, 16)


def _averaged(asked: Any, *known: Any) -> Any:
    return (_copied(asked, *known) + _copied(asked, *known)) / 2


def _rolled(asked: Any, *known: Any) -> Any:
    import torch

    ways = torch.randint(-1, 2, (len(asked), 2)).tolist()
    return torch.stack(
        [
            picture.roll(way, (1, 2))
            for picture, way in zip(_copied(asked, *known), ways, strict=True)
        ]
    )


def _network(inputs: int, width: int = 256) -> Any:
    from torch import nn

    class Deeper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enter, self.leave = nn.Linear(inputs, width), nn.Linear(width, 768)
            self.blocks = nn.ModuleList(
                nn.Sequential(
                    nn.LayerNorm(width + inputs - 768),
                    nn.Linear(width + inputs - 768, width),
                    nn.SiLU(),
                    nn.Linear(width, width),
                )
                for _ in range(3)
            )

        def forward(self, x: Tensor, note: Tensor) -> Tensor:
            import torch

            h = self.enter(torch.cat([x, note], dim=1))
            for block in self.blocks:
                h = h + block(torch.cat([h, note], dim=1))
            return self.leave(h)

    return Deeper()


def _note(captions: Tensor, t: Tensor) -> Tensor:
    """What a network is told beside the picture: the three words as one-hot, and the time as waves,
    (B, 22).
    """
    import torch
    from torch.nn.functional import one_hot

    words = [one_hot(captions[:, i], k).float() for i, k in enumerate((3, 3, 4))]
    angles = t[:, None] * 2.0 ** torch.arange(6)
    return torch.cat([*words, angles.sin(), angles.cos()], dim=1)


def _self_made(
    kept: Answer, walk: Answer, steps: int = 1200, rate: float = 2e-3, batch: int = 128
) -> Answer:
    """An answer to 9.8 with its own network, which says the clean picture. `kept(t)` are the
    weights of picture and noise.
    """

    def train_painter(pictures: Tensor, captions: Tensor, _seconds: float) -> Answer:
        import torch

        with torch.random.fork_rng():
            torch.manual_seed(0)
            net, flat = _network(768 + 22), pictures.flatten(1)
            optimizer = torch.optim.Adam(net.parameters(), lr=rate)
            pace = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, rate, total_steps=steps, pct_start=0.1
            )
            for _ in range(steps):
                rows, t = torch.randint(len(flat), (batch,)), torch.rand(batch)
                data, noise = kept(t[:, None])
                x = data * flat[rows] + noise * torch.randn(batch, 768)
                error = (net(x, _note(captions[rows], t)) - flat[rows]) / noise.clamp_min(0.1)
                optimizer.zero_grad()
                (error**2).mean().backward()
                optimizer.step()
                pace.step()
        return lambda asked: walk(lambda x, t: net(x, _note(asked, t)), kept, len(asked)).unflatten(
            1, (3, 16, 16)
        )

    return train_painter


def _straight(t: Tensor) -> tuple[Any, Any]:
    return t, 1 - t


def _round(t: Any) -> tuple[Any, Any]:
    """A cosine schedule whose trajectory runs from noise, t = 0, to data, t = 1."""
    return (t * math.pi / 2).sin(), (t * math.pi / 2).cos()


def _follow(believed: Answer, kept: Answer, n: int, steps: int = 12) -> Tensor:
    """A walk without chance: believe in a picture, work out the noise, and go to the next moment
    with both.
    """
    import torch

    x = torch.randn(n, 768)
    for k in range(steps):
        now, then = (torch.full((n, 1), (k + j) / steps) for j in (0, 1))
        picture = believed(x, now[:, 0])
        noise = (x - kept(now)[0] * picture) / kept(now)[1]
        x = kept(then)[0] * picture + kept(then)[1] * noise
    return x


def _renoise(believed: Answer, kept: Answer, n: int, steps: int = 14) -> Any:
    """A walk with fresh noise at every moment."""
    import torch

    x = torch.randn(n, 768)
    for k in range(steps):
        picture = believed(x, torch.full((n,), k / steps))
        data, noise = kept(torch.full((n, 1), (k + 1) / steps))
        x = data * picture + noise * torch.randn(n, 768)
    return x


NOT_A_FUNCTION = "`train_painter` returns a function, paint(captions)"
PAINTER = Exercise(
    "9.8",
    "train_painter",
    _painter_cases,
    None,
    {
        "no-function-returned": Mutant(
            NOT_A_FUNCTION, lambda pictures, captions, seconds: pictures
        ),
    }
    | breaking(
        PAINTED,
        {
            key: _by_drawing(mutant)
            for key, mutant in {
                "shapes": lambda asked, *known: _template(asked, *known).flatten(1),
                "finite": lambda asked, *known: _template(asked, *known) * math.nan,
                "range": lambda asked, *known: 127.5 * (_template(asked, *known) + 1),
                "unit": lambda asked, *known: (_sprinkled(asked, *known) + 1) / 2,
                "chance": _template,
                "learned": _drawn,
                "new": _speckled,
                "mixed": _averaged,
                "moved": _rolled,
                "clean": _snow,
                "listens": _deaf,
                "varied": _sprinkled,
            }.items()
        },
    ),
    {
        "a flow of one's own": _self_made(_straight, _follow),
        "diffusion with a cosine schedule, no fresh noise": _self_made(
            _round, partial(_follow, steps=30)
        ),
        "diffusion with fresh noise at every step": _self_made(_round, _renoise),
    },
    seconds=240.0,
    quick=_painter_sketch,
)

EXERCISES = [Q_SAMPLE, DDPM, CONVERSION, FLOW, COMPOSED, GRAM, SOLVABLE, PAINTER]
