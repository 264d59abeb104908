"""The exercises of lesson 01: densities, sampling, fitting, counts."""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.asking.ask import AnswerRaised, Ask, NotData, Seed
from course_utils.checks.exercise import Case, Exercise, Mutant, again, does_not_hold, numbers_in

if TYPE_CHECKING:
    from torch import Tensor

# ---- 1.1 normal_logpdf ---------------------------------------------------------------------------


def _normal_cases(rng: np.random.Generator) -> list[Case]:
    mu, var = rng.normal(0, 3), rng.uniform(2, 6)
    five = mu + 2 * rng.normal(size=5)
    return [
        Case("N(10, 4) at its mean, x = 10", (10.0, 10.0, 4.0)),
        Case(
            "a narrow Gaussian, N(0, 0.01) at 0.05: a density may exceed 1, so its logarithm may"
            " be positive",
            (0.05, 0.0, 0.01),
        ),
        Case(f"five points under N({mu:.2f}, {var:.2f})", (five, mu, var)),
        Case("the same five points, the same array, a second time", (five, mu, var), again),
        Case("whole numbers: N(10, 4) at x = 12", (12, 10, 4)),
        Case(
            "three points near a million under N(1000000, 1)",
            (1e6 + rng.normal(size=3), 1e6, 1.0),
            stress=True,
        ),
        Case(
            "a table of shape (2, 3) under N(1, 2)",
            (rng.normal(1, 2, size=(2, 3)), 1.0, 2.0),
            lambda ask, *args: ask.probe("arrays", *args),
        ),
        Case(
            "80 standard deviations from the mean, where the density itself is too small for a"
            " float",
            (np.array([-160.0, 160.0]), 0.0, 4.0),
            stress=True,
        ),
    ]


def _normal_oracle(x: Any, mu: float, var: float) -> Any:
    from scipy import stats

    return stats.norm.logpdf(x, loc=mu, scale=math.sqrt(var))


def _quad(x: Any, mu: Any, var: float) -> Any:
    return (np.asarray(x) - mu) ** 2 / (2 * var)


def _log_z(var: float) -> float:
    return 0.5 * math.log(2 * math.pi * var)


def _log_of_pdf(x: Any, mu: float, var: float) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(np.exp(-_quad(x, mu, var)) / math.sqrt(2 * math.pi * var))


# two mistakes at once: one in the logarithm of the factor in front, one in the exponent
IN_FRONT: dict[str, Callable[[float], float]] = {
    "the 2π is missing": lambda var: -0.5 * math.log(var),
    "the ½ in front of log(2πσ²) is missing": lambda var: -2 * _log_z(var),
    "the factor 1/√(2πσ²) is missing": lambda var: 0.0,
    "the factor 1/√(2πσ²) was added without its logarithm": lambda var: math.exp(-_log_z(var)),
    "the logarithm of the factor in front has the wrong sign": _log_z,
}
IN_EXPONENT: dict[str, Callable[[Any, float, float], Any]] = {
    "the ½ in the exponent is missing": lambda x, mu, var: -2 * _quad(x, mu, var),
    "the exponent has the wrong sign": lambda x, mu, var: _quad(x, mu, var),
    "the deviation was not squared": lambda x, mu, var: -(np.asarray(x) - mu) / (2 * var),
    "the squared deviation was divided by σ, not by σ²": lambda x, mu, var: (
        -_quad(x, mu, math.sqrt(var))
    ),
    "the mean was not subtracted": lambda x, mu, var: -_quad(x, 0.0, var),
    "`/ 2 * var` multiplies by var": lambda x, mu, var: -((np.asarray(x) - mu) ** 2) / 2 * var,
}


def _two_mistakes() -> dict[str, Mutant]:
    def both(front: Callable, exponent: Callable) -> Callable:
        return lambda x, mu, var: front(var) + exponent(x, mu, var)

    return {
        f"two-mistakes-{i}-{j}": Mutant(f"two mistakes: {one}, and {other}", both(front, exponent))
        for i, (one, front) in enumerate(IN_FRONT.items())
        for j, (other, exponent) in enumerate(IN_EXPONENT.items())
        if (i, j) != (4, 1)  # both signs: the negative log-likelihood, which has its own hint
    }


NORMAL = Exercise(
    "1.1",
    "normal_logpdf",
    _normal_cases,
    _normal_oracle,
    {
        "variance-squared-again": Mutant(
            "the third argument is already the variance σ², and it was squared once more, as if"
            " it were σ",
            lambda x, mu, var: -_log_z(var**2) - _quad(x, mu, var**2),
        ),
        "density-not-log": Mutant(
            "this is the density: return its logarithm",
            lambda x, mu, var: np.exp(-_quad(x, mu, var)) / math.sqrt(2 * math.pi * var),
        ),
        "two-pi-missing": Mutant(
            "the 2π is missing: without it the density integrates to 2.507 instead of 1",
            lambda x, mu, var: -0.5 * math.log(var) - _quad(x, mu, var),
        ),
        "normalizer-missing": Mutant(
            "the whole factor 1/√(2πσ²) is missing: without it the density does not integrate to 1",
            lambda x, mu, var: -_quad(x, mu, var),
        ),
        "normalizer-root-missing": Mutant(
            "the square root is missing: the factor in front is 1/√(2πσ²), so its logarithm"
            " carries a ½",
            lambda x, mu, var: -2 * _log_z(var) - _quad(x, mu, var),
        ),
        "exponent-half-missing": Mutant(
            "the ½ in the exponent is missing: the Gaussian comes out too narrow",
            lambda x, mu, var: -_log_z(var) - 2 * _quad(x, mu, var),
        ),
        "exponent-sign-flipped": Mutant(
            "the exponent has the wrong sign: points far from the mean should be less likely",
            lambda x, mu, var: -_log_z(var) + _quad(x, mu, var),
        ),
        "normalizer-sign-flipped": Mutant(
            "the logarithm of 1/√(2πσ²) has the wrong sign: a wider Gaussian has a lower peak",
            lambda x, mu, var: _log_z(var) - _quad(x, mu, var),
        ),
        "nll-not-loglik": Mutant(
            "the sign is flipped: this is the negative log-likelihood",
            lambda x, mu, var: _log_z(var) + _quad(x, mu, var),
        ),
        "square-over-sigma": Mutant(
            "the squared deviation was divided by σ, not by σ²",
            lambda x, mu, var: -_log_z(var) - _quad(x, mu, math.sqrt(var)),
        ),
        "square-over-variance-squared": Mutant(
            "the squared deviation was divided by σ⁴: the variance is already a square",
            lambda x, mu, var: -_log_z(var) - _quad(x, mu, var**2),
        ),
        "variance-for-sigma-in-normalizer": Mutant(
            "the factor in front has σ² where it needs σ: it is 1/√(2πσ²)",
            lambda x, mu, var: -_log_z(var**2) - _quad(x, mu, var),
        ),
        "sigma-for-variance-in-normalizer": Mutant(
            "the factor in front has σ inside its root, where the variance σ² belongs",
            lambda x, mu, var: -_log_z(math.sqrt(var)) - _quad(x, mu, var),
        ),
        "root-over-variance-only": Mutant(
            "only σ² is under the root: the factor in front is 1/√(2πσ²), with 2π under the root"
            " too",
            lambda x, mu, var: -math.log(2 * math.pi * math.sqrt(var)) - _quad(x, mu, var),
        ),
        "normalizer-not-logged": Mutant(
            "the factor in front, 1/√(2πσ²), was added without its logarithm",
            lambda x, mu, var: math.exp(-_log_z(var)) - _quad(x, mu, var),
        ),
        "root-not-logged": Mutant(
            "√(2πσ²) was subtracted without its logarithm",
            lambda x, mu, var: -math.exp(_log_z(var)) - _quad(x, mu, var),
        ),
        "exponent-times-normalizer": Mutant(
            "the exponent was divided by √(2πσ²): the logarithm turns that product into a sum, so"
            " subtract the logarithm of √(2πσ²)",
            lambda x, mu, var: -_quad(x, mu, var) / math.exp(_log_z(var)),
        ),
        "pi-typed": Mutant(
            "π was typed with two decimals: use `np.pi`",
            lambda x, mu, var: -0.5 * math.log(2 * 3.14 * var) - _quad(x, mu, var),
        ),
        "integer-result": Mutant(
            "for whole-number x the result is cut to whole numbers: it was stored in an array of"
            " x's own type",
            lambda x, mu, var: np.asarray(-_log_z(var) - _quad(x, mu, var)).astype(
                np.asarray(x).dtype
            ),
        ),
        "pi-for-two-pi": Mutant(
            "π was used where 2π belongs", lambda x, mu, var: -_log_z(var / 2) - _quad(x, mu, var)
        ),
        "mean-not-subtracted": Mutant(
            "the mean was never subtracted", lambda x, mu, var: -_log_z(var) - _quad(x, 0.0, var)
        ),
        "deviation-signed": Mutant(
            "the deviation was not squared: points below the mean come out more likely than points"
            " above it",
            lambda x, mu, var: -_log_z(var) - (np.asarray(x) - mu) / (2 * var),
        ),
        "deviation-not-squared": Mutant(
            "the deviation was not squared: |x − μ| falls off in straight lines, and a Gaussian"
            " needs the square",
            lambda x, mu, var: -_log_z(var) - np.abs(np.asarray(x) - mu) / (2 * var),
        ),
        "root-of-log": Mutant(
            "the root of the logarithm was taken: the logarithm of a root is half the logarithm",
            lambda x, mu, var: _root_of_log(x, mu, var),
        ),
        "exponential-not-logged": Mutant(
            "the exponential is still there: the logarithm of e^a is a",
            lambda x, mu, var: -_log_z(var) + np.exp(-_quad(x, mu, var)),
        ),
        "log-of-normalizer-only": Mutant(
            "the logarithm was taken of the factor in front only, and the exponential still"
            " multiplies it: log(ab) = log a + log b",
            lambda x, mu, var: -_log_z(var) * np.exp(-_quad(x, mu, var)),
        ),
        "math-scalar-functions": Mutant(
            "it works for a single number only, and x may hold many: `float` and the functions of"
            " `math` take one, so use NumPy's, and stay in logarithms",
            lambda x, mu, var: math.log(
                math.exp(-_quad(x, mu, var)) / math.sqrt(2 * math.pi * var)
            ),
        ),
        "density-underflow": Mutant(
            "right near the mean, but −∞ far away: the density was computed first and became 0;"
            " stay in logarithms throughout",
            _log_of_pdf,
        ),
        "log-floor-epsilon": Mutant(
            "far from the mean the values stop at a floor: a small number was added before the"
            " logarithm, or they were clipped",
            lambda x, mu, var: np.log(
                np.exp(-_quad(x, mu, var)) / math.sqrt(2 * math.pi * var) + 1e-300
            ),
        ),
        "precedence-times-variance": Mutant(
            "`/ 2 * var` divides by 2 and multiplies by var: the 2σ² belongs in parentheses",
            lambda x, mu, var: -_log_z(var) - (np.asarray(x) - mu) ** 2 / 2 * var,
        ),
        "precedence-times-pi": Mutant(
            "`1 / 2 * np.pi * var` divides by 2 and multiplies by π and var: 2πσ² belongs in"
            " parentheses",
            lambda x, mu, var: 0.5 * math.log(math.pi * var / 2) - _quad(x, mu, var),
        ),
        "squares-subtracted": Mutant(
            "x² − μ² is not (x − μ)²: subtract first, then square",
            lambda x, mu, var: -_log_z(var) - (np.asarray(x) ** 2 - mu**2) / (2 * var),
        ),
        "mean-squared-alone": Mutant(
            "only μ was squared: the square belongs to the whole of x − μ",
            lambda x, mu, var: -_log_z(var) - (np.asarray(x) - mu**2) / (2 * var),
        ),
        "variance-outside-log": Mutant(
            "the variance is outside the logarithm: the factor in front is 1/√(2πσ²), all of it"
            " under the square root",
            lambda x, mu, var: -0.5 * math.log(2 * math.pi) * var - _quad(x, mu, var),
        ),
        "mean-from-data": Mutant(
            "the mean was computed from x: it is given as mu",
            lambda x, mu, var: -_log_z(var) - _quad(x, np.mean(x), var),
        ),
        "log10-in-normalizer": Mutant(
            "the logarithm of the factor in front is to base 10: use the natural one, `np.log`",
            lambda x, mu, var: -_log_z(var) / math.log(10) - _quad(x, mu, var),
        ),
        "log2-in-normalizer": Mutant(
            "the logarithm of the factor in front is to base 2: use the natural one, `np.log`",
            lambda x, mu, var: -_log_z(var) / math.log(2) - _quad(x, mu, var),
        ),
        "logs-multiplied": Mutant(
            "the factor and the exponential were multiplied after taking the logarithm: the"
            " logarithm of a product is a sum",
            lambda x, mu, var: _log_z(var) * _quad(x, mu, var),
        ),
        "log10-for-ln": Mutant(
            "this is a logarithm to base 10: use the natural one, `np.log`",
            lambda x, mu, var: (-_log_z(var) - _quad(x, mu, var)) / math.log(10),
        ),
        "log2-for-ln": Mutant(
            "this is a logarithm to base 2: use the natural one, `np.log`",
            lambda x, mu, var: (-_log_z(var) - _quad(x, mu, var)) / math.log(2),
        ),
        "input-mutated": Mutant(
            "your answer changes the array that it is given, so a second call gives something"
            " else: work on a copy",
            lambda x, mu, var: _spoiling(x, mu, var),
        ),
        "sum-over-points": Mutant(
            "the points were added up: return one value per point",
            lambda x, mu, var: np.sum(-_log_z(var) - _quad(x, mu, var)),
        ),
        "mean-over-points": Mutant(
            "the points were averaged: return one value per point",
            lambda x, mu, var: np.mean(-_log_z(var) - _quad(x, mu, var)),
        ),
    }
    | _two_mistakes(),
    {
        "a sum of three logarithms": lambda x, mu, var: (
            -0.5 * (np.log(2 * np.pi) + np.log(var) + (np.asarray(x) - mu) ** 2 / var)
        ),
        "standardized first": lambda x, mu, var: (
            -0.5 * ((np.asarray(x) - mu) / np.sqrt(var)) ** 2 - np.log(np.sqrt(2 * np.pi * var))
        ),
        "a loop over the points": lambda x, mu, var: np.reshape(
            [-_log_z(var) - (v - mu) ** 2 / (2 * var) for v in np.ravel(x)], np.shape(x)
        ),
        "float32": lambda x, mu, var: (-_log_z(var) - _quad(x, mu, var)).astype(np.float32),
        "a PyTorch tensor comes back": lambda x, mu, var: _torch_normal(x, mu, var),
    },
)


def _root_of_log(x: Any, mu: float, var: float) -> Any:
    with np.errstate(invalid="ignore"):
        return -np.sqrt(np.log(2 * np.pi * var)) - _quad(x, mu, var)


def _spoiling(x: Any, mu: float, var: float) -> Any:
    x -= mu
    return -_log_z(var) - x**2 / (2 * var)


def _torch_normal(x: Any, mu: float, var: float) -> Tensor:
    import torch

    return torch.distributions.Normal(torch.tensor(mu), torch.tensor(var) ** 0.5).log_prob(
        torch.as_tensor(x)
    )


# ---- 1.2 sample_categorical ----------------------------------------------------------------------


FREQUENCIES = "the frequencies of the categories"
SECOND = "the frequencies in a second call with the same θ"
NEIGHBORS = "how often two neighboring draws are equal (they must not depend on each other)"
INDEPENDENT = "the draws are independent, so their counts vary by chance from run to run"
DIFFERENT = "the draws differ from run to run"
EDGES = "the edges between categories are the running sums of θ, neither smaller nor larger"
RARE = (
    "rare categories come up as rarely as θ says, and common ones as often: look for a power, a"
    " mixture or a rounding of θ"
)
FORGIVEN = 0.0036, 0.17  # of bias: so much, and this share of a probability


def _facts(draws: Any, categories: int) -> dict[str, Any]:
    """What can be said of draws without knowing their order: form, kind, range, frequencies,
    dependence in a row.
    """
    x = numbers_in(draws)
    flat = np.ravel(x).astype(float)
    inside = flat[(flat >= 0) & (flat < categories)].astype(int)
    return {
        "the shape of the result": tuple(x.shape),
        "every draw is a whole number, of an integer type": x.dtype.kind in "iu",
        "no draw lies below 0": not (flat < 0).any(),
        "no draw lies above K − 1, the last category": not (flat >= categories).any(),
        FREQUENCIES: np.bincount(inside, minlength=categories) / max(1, flat.size),
        NEIGHBORS: float(np.mean(flat[1:] == flat[:-1])) if flat.size > 1 else 0.0,
    }


def _due(theta: np.ndarray, n: int) -> dict[str, Any]:
    """The facts about a right answer: its frequencies are θ, not those of another sample."""
    facts = _facts(np.zeros(n, dtype=int), len(theta))
    return facts | {FREQUENCIES: theta, NEIGHBORS: float(theta @ theta)}


def _once(ask: Ask, theta: np.ndarray, n: int, seed: Seed) -> dict[str, Any]:
    return _facts(ask(theta, n, seed), len(theta))


def _twice(ask: Ask, theta: np.ndarray, n: int, seed: Seed) -> dict[str, Any]:
    first, second = ask.series(2, theta, n, seed)
    few, once_more, other = (ask(theta, 100, Seed(seed.value + i)) for i in (0, 0, 1))
    return _facts(first, len(theta)) | {
        "called again with the same `rng`, it draws afresh": not np.array_equal(first, second),
        SECOND: _facts(second, len(theta))[FREQUENCIES],
        "the same state of `rng` gives the same draws": np.array_equal(few, once_more),
        "another state of `rng` gives other draws": not np.array_equal(few, other),
    }


def _due_twice(theta: np.ndarray, n: int) -> dict[str, Any]:
    return _due(theta, n) | {
        "called again with the same `rng`, it draws afresh": True,
        SECOND: theta,
        "the same state of `rng` gives the same draws": True,
        "another state of `rng` gives other draws": True,
    }


def _spread(ask: Ask, categories: int, n: int, seed: Seed) -> dict[str, Any]:
    """Whether the counts of equally likely categories vary from run to run as those of independent
    draws do: their mean χ²/(K − 1) over the runs is 1, and so is that of the two halves.

    Over a hundred seeds right answers came to 0.95 to 1.05 and 0.86 to 1.14.
    """
    theta = np.full(categories, 1 / categories)
    runs = [numbers_in(x).astype(int) for x in ask.series(800, theta, n, seed)]
    counts = np.array([np.bincount(run, minlength=categories) for run in runs])
    halves = counts.reshape(len(runs), 2, -1).sum(axis=2)
    every, half = (
        ((c - n / c.shape[1]) ** 2).sum(axis=1).mean() / (n / c.shape[1]) / (c.shape[1] - 1)
        for c in (counts, halves)
    )
    return {
        DIFFERENT: len(np.unique(counts, axis=0)) > 1,
        INDEPENDENT: bool(0.5 < every < 1.5 and 0.2 < half < 1.8),
    }


def _finely(ask: Ask, theta: np.ndarray, n: int, seed: Seed) -> dict[str, Any]:
    """Facts about many draws, and in which way they are biased.

    Over a hundred seeds right answers stayed within 0.15 of what is forgiven here.
    """
    found = _once(ask, theta, n, seed)
    if found["the shape of the result"] != (n,):
        return found  # nothing that could be biased
    bias = found[FREQUENCIES] - theta
    edges, biased = np.cumsum(bias)[:-1], (abs(bias) > FORGIVEN[0] + FORGIVEN[1] * theta).any()
    moved = bool((edges > 0.004).all() or (edges < -0.004).all())
    return {EDGES: not (biased and moved), RARE: moved or not biased} | found


def _sampling_cases(rng: np.random.Generator) -> list[Case]:
    # near 0.2, 0.1, 0.4, 0.3
    theta = rng.dirichlet([60, 30, 120, 90])
    few, half = np.array([0.1, 0.2, 0.7]), np.array([0.5, 0.0, 0.5])
    rare = np.array([0.005, 0.095, 0.895, 0.005])
    seeds = [Seed(int(s)) for s in rng.integers(1, 2**31, size=5)]
    n, many = 16_000, 100_000
    return [
        Case(
            f"{n} draws with θ = (0.1, 0.2, 0.7)",
            (few, n, seeds[0]),
            _twice,
            atol=0.1,
            want=_due_twice(few, n),
        ),
        Case(
            f"{n} draws with θ = {np.round(theta, 2).tolist()}",
            (theta, n, seeds[1]),
            _twice,
            atol=0.1,
            want=_due_twice(theta, n),
        ),
        Case(
            f"{n} draws where the middle category cannot occur, θ = (0.5, 0, 0.5)",
            (half, n, seeds[2]),
            _once,
            atol=0.1,
            want=_due(half, n),
        ),
        Case(
            "many runs of 20 draws from twelve equally likely categories",
            (12, 20, seeds[0]),
            _spread,
            want={DIFFERENT: True, INDEPENDENT: True},
        ),
        Case(
            f"{many} draws with two rare categories, θ = (0.005, 0.095, 0.895, 0.005)",
            (rare, many, seeds[4]),
            _finely,
            atol=FORGIVEN[0],
            rtol=FORGIVEN[1],
            want={EDGES: True, RARE: True} | _due(rare, many),
        ),
        Case(
            "five draws of something certain, θ = (0, 1)",
            (np.array([0.0, 1.0]), 5, seeds[3]),
            _once,
        ),
    ]


def _categorical_oracle(theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(len(theta), size=n, p=theta)


def _inverse(theta: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.minimum(np.searchsorted(np.cumsum(theta), u, side="right"), len(theta) - 1)


def _shared_stream(theta: np.ndarray, n: int, _rng: np.random.Generator) -> np.ndarray:
    return _inverse(theta, _STREAM.random(n))


def _quotas(theta: np.ndarray, n: int) -> np.ndarray:
    return np.diff(np.round(n * np.concatenate([[0], np.cumsum(theta)])).astype(int))


# stands for NumPy's global generator in the mutants, without disturbing it
_STREAM = np.random.default_rng()

CATEGORICAL = Exercise(
    "1.2",
    "sample_categorical",
    _sampling_cases,
    _categorical_oracle,
    {
        "quotas-in-order": Mutant(
            "each category was repeated θ·n times, in order: a draw is left to chance, so look up a"
            " uniform number for each",
            lambda theta, n, rng: np.repeat(
                np.arange(len(theta)), np.round(np.array(theta) * n).astype(int)
            ),
        ),
        "argmax-always": Mutant(
            "this always returns the most probable category; a sampler returns each as often as θ"
            " says",
            lambda theta, n, rng: np.full(n, np.argmax(theta)),
        ),
        "last-category-always": Mutant(
            "every draw is the last category: does a later assignment overwrite the earlier ones?",
            lambda theta, n, rng: np.full(n, len(theta) - 1),
        ),
        "break-missing": Mutant(
            "more than n draws came back: each uniform number counts once, in the first category"
            " whose running sum exceeds it",
            lambda theta, n, rng: np.nonzero(rng.random((n, 1)) < np.cumsum(theta))[1],
        ),
        "theta-tempered": Mutant(
            does_not_hold(RARE),
            lambda theta, n, rng: _inverse(theta**0.8 / (theta**0.8).sum(), rng.random(n)),
        ),
        "edges-moved": Mutant(
            does_not_hold(EDGES),
            lambda theta, n, rng: np.minimum(
                np.searchsorted(np.cumsum(theta) + 0.02, rng.random(n)), len(theta) - 1
            ),
        ),
        "global-rng-used": Mutant(
            "these draws do not come from `rng`: the same state of `rng` must give the same draws",
            _shared_stream,
        ),
        "fixed-seed-inside": Mutant(
            "a generator made inside gives the same draws on every call: use the `rng` that you"
            " are given",
            lambda theta, n, rng: _inverse(theta, np.random.default_rng(0).random(int(n))),
        ),
        "one-based-categories": Mutant(
            "categories are counted from 0: yours start at 1",
            lambda theta, n, rng: 1 + _inverse(theta, rng.random(n)),
        ),
        "uniform-categories": Mutant(
            "every category comes up equally often: θ is not used",
            lambda theta, n, rng: rng.integers(0, len(theta), size=n),
        ),
        "one-draw-repeated": Mutant(
            "one draw was repeated n times: each draw needs a number of its own",
            lambda theta, n, rng: np.full(n, _inverse(theta, rng.random())),
        ),
        "draws-sorted": Mutant(
            "the counts are right, but the draws come sorted: consecutive draws must not depend on"
            " each other",
            lambda theta, n, rng: np.repeat(np.arange(len(theta)), rng.multinomial(n, theta)),
        ),
        "counts-returned": Mutant(
            "these are the counts of each category: return the draws themselves",
            lambda theta, n, rng: rng.multinomial(n, theta),
        ),
        "one-hot-returned": Mutant(
            "these are one-hot rows: return the number of the category",
            lambda theta, n, rng: rng.multinomial(1, theta, size=n),
        ),
        "theta-for-cdf-argmax": Mutant(
            "the uniform number was compared with θ itself, not with its running sum",
            lambda theta, n, rng: np.argmax(rng.random((n, 1)) < theta, axis=1),
        ),
        "theta-counted": Mutant(
            "the uniform number was compared with the θ themselves, not with their running sum",
            lambda theta, n, rng: (rng.random((n, 1)) > theta).sum(axis=1),
        ),
        "minus-one-subtracted": Mutant(
            "the categories run from −1 to K − 2: the first interval is category 0",
            lambda theta, n, rng: _inverse(theta, rng.random(n)) - 1,
        ),
        "index-one-too-low": Mutant(
            "every category but the first is one too low, and the last is never drawn: the"
            " category is the number of edges at or below the uniform number",
            lambda theta, n, rng: np.maximum(_inverse(theta, rng.random(n)) - 1, 0),
        ),
        "theta-for-cdf-last-fallback": Mutant(
            "the uniform number was compared with each θ in turn, without a running sum: the second"
            " interval begins where the first ends",
            lambda theta, n, rng: np.where(
                (hit := rng.random((n, 1)) < theta).any(axis=1), hit.argmax(axis=1), len(theta) - 1
            ),
        ),
        "searchsorted-without-cumsum": Mutant(
            "the uniform number was looked up in θ itself: look it up in the *running* sum,"
            " `np.cumsum(theta)`",
            lambda theta, n, rng: np.searchsorted(theta, rng.random(n)),
        ),
        "edges-above-counted": Mutant(
            "the edges above the uniform number were counted: the number of edges below it is the"
            " category",
            lambda theta, n, rng: len(theta) - _inverse(theta, rng.random(n)),
        ),
        "fresh-uniform-per-edge": Mutant(
            "a fresh uniform number was drawn for every edge: compare one number per draw with"
            " all edges",
            lambda theta, n, rng: np.minimum(
                (rng.random((n, len(theta))) > np.cumsum(theta)).cumprod(1).sum(1), len(theta) - 1
            ),
        ),
        "shape-n-by-one": Mutant(
            "rows of shape (n, 1) came back: return a flat array of n draws",
            lambda theta, n, rng: _inverse(theta, rng.random((n, 1))),
        ),
        "theta-sorted": Mutant(
            "θ was sorted on the way: the categories must keep their places",
            lambda theta, n, rng: _inverse(np.sort(theta), rng.random(n)),
        ),
        "independent-bernoulli-first-hit": Mutant(
            "each category got a yes or no of its own, and the first yes won: one uniform number"
            " decides between all of them",
            lambda theta, n, rng: np.where(
                (hit := rng.random((n, len(theta))) < theta).any(axis=1),
                hit.argmax(axis=1),
                len(theta) - 1,
            ),
        ),
        "independent-bernoulli-argmax": Mutant(
            "each category got a yes or no of its own, and the first yes won: one uniform number"
            " decides between all of them",
            lambda theta, n, rng: (rng.random((n, len(theta))) < theta).argmax(axis=1),
        ),
        "three-categories-hardcoded": Mutant(
            "three categories are built in: θ may hold any number of them",
            lambda theta, n, rng: np.where(
                (u := rng.random(n)) < theta[0], 0, np.where(u < theta[0] + theta[1], 1, 2)
            ),
        ),
        "argmax-theta-times-uniform": Mutant(
            "rare categories come up too rarely: either θ went through a power or a rounding, or"
            " the largest of θ times a random number was taken, which is not a draw from θ",
            lambda theta, n, rng: np.argmax(theta * rng.random((n, len(theta))), axis=1),
        ),
        "gaussian-for-uniform": Mutant(
            "normally distributed numbers were used, which are not spread evenly between 0 and 1:"
            " use `rng.random`",
            lambda theta, n, rng: _inverse(theta, rng.normal(size=n)),
        ),
        "last-category-missing": Mutant(
            "the last category is never drawn: are all K intervals there?",
            lambda theta, n, rng: np.minimum(_inverse(theta, rng.random(n)), len(theta) - 2),
        ),
        "shuffled-exact-quotas": Mutant(
            "the counts do not vary from run to run as those of independent draws do:"
            " either exact shares were shuffled, or draws share a uniform number",
            lambda theta, n, rng: rng.permutation(
                np.repeat(np.arange(len(theta)), _quotas(theta, n))
            ),
        ),
        "theta-overwritten-by-cumsum": Mutant(
            "the running sum was written into the θ that you were given, so a second call goes"
            " wrong: work on a copy",
            lambda theta, n, rng: np.minimum(
                np.searchsorted(np.cumsum(theta, out=theta), rng.random(n), side="right"),
                len(theta) - 1,
            ),
        ),
        "rng-state-copied": Mutant(
            "`rng` was copied and never moves on: a second call gives the same draws again",
            lambda theta, n, rng: _inverse(theta, copy.deepcopy(rng).random(n)),
        ),
        "categories-reversed": Mutant(
            "the categories come in reverse order",
            lambda theta, n, rng: len(theta) - 1 - _inverse(theta, rng.random(n)),
        ),
        "single-draw-only": Mutant(
            "only one draw came back: return n of them",
            lambda theta, n, rng: int(_inverse(theta, rng.random())),
        ),
        "float-dtype": Mutant(
            "these are floats: return the categories as integers",
            lambda theta, n, rng: _inverse(theta, rng.random(n)).astype(float),
        ),
        "uniforms-returned": Mutant(
            "these are the uniform numbers themselves: look up in which category each falls",
            lambda theta, n, rng: rng.random(n),
        ),
        "softmax-of-theta": Mutant(
            "θ was used as if it held logits, as in a softmax: it already holds probabilities (a"
            " Gumbel trick needs log θ)",
            lambda theta, n, rng: _inverse(np.exp(theta) / np.exp(theta).sum(), rng.random(n)),
        ),
        "rounded-expectation": Mutant(
            "this is the rounded average category, always the same; a sampler returns each category"
            " as often as θ says",
            lambda theta, n, rng: np.full(
                n, int(round(float(np.dot(theta, np.arange(len(theta))))))
            ),
        ),
    },
    {
        "rng.choice": lambda theta, n, rng: rng.choice(len(theta), size=n, p=theta),
        "one draw after another": lambda theta, n, rng: np.array(
            [
                min(
                    int(np.searchsorted(np.cumsum(theta), rng.random(), side="right")),
                    len(theta) - 1,
                )
                for _ in range(n)
            ]
        ),
        "rng.choice, one draw at a time": lambda theta, n, rng: [
            int(rng.choice(len(theta), p=theta)) for _ in range(n)
        ],
        "the Gumbel trick": lambda theta, n, rng: np.argmax(
            np.log(np.maximum(theta, 1e-300)) + rng.gumbel(size=(n, len(theta))), axis=1
        ),
        "a plain list": lambda theta, n, rng: [int(i) for i in _inverse(theta, rng.random(n))],
        "one-hot rows, then their index": (
            lambda theta, n, rng: rng.multinomial(1, theta, size=n).argmax(1)
        ),
    },
    seconds=10,
)


# ---- 1.3 fit_bernoulli ---------------------------------------------------------------------------


def _pixel_cases(rng: np.random.Generator) -> list[Case]:
    x = (rng.random((12, 6)) < rng.uniform(0.2, 0.8, size=6)).astype(float)
    x[:, 0], x[:, 1] = 0.0, 1.0
    x[0, 2], x[1, 2] = 0.0, 1.0
    tall = (rng.random((50, 3)) < 0.3).astype(float)
    return [
        Case(
            "12 images of 6 pixels, smoothing 1; the first pixel is never inked, the second always",
            (x, 1.0),
        ),
        Case("the same images with smoothing 0.5", (x, 0.5)),
        Case("the same images, the same array, a second time", (x, 1.0), again),
        Case("50 images of 3 pixels, smoothing 2", (tall, 2.0)),
        Case("a single image, smoothing 1", (x[:1], 1.0)),
        Case(
            "300 images of 2 pixels, smoothing 1",
            ((rng.random((300, 2)) < 0.95).astype(float), 1.0),
        ),
        Case("the 50 images without smoothing, 0", (tall, 0.0)),
    ]


def _bernoulli_oracle(x: np.ndarray, smoothing: float) -> np.ndarray:
    """The mean of the Beta posterior under a Beta(s, s) prior, which is what adding counts amounts
    to.
    """
    from scipy import stats

    on = x.sum(0)
    return np.array(
        [
            stats.beta(smoothing + k, smoothing + len(x) - k).mean() if smoothing else k / len(x)
            for k in on
        ]
    )


BERNOULLI = Exercise(
    "1.3",
    "fit_bernoulli",
    _pixel_cases,
    _bernoulli_oracle,
    {
        "no-smoothing": Mutant(
            "no smoothing: a pixel that was never inked gets θ = 0, and one test image with ink"
            " there gets log-likelihood −∞",
            lambda x, smoothing: x.mean(0),
        ),
        "denominator-n-plus-s": Mutant(
            "`smoothing` counts twice, s imaginary images of ink and s of paper: how many images"
            " are there in all?",
            lambda x, smoothing: (x.sum(0) + smoothing) / (len(x) + smoothing),
        ),
        "numerator-smoothed-only": Mutant(
            "the numerator got its imaginary images, the denominator did not: all of them count"
            " there",
            lambda x, smoothing: (x.sum(0) + smoothing) / len(x),
        ),
        "denominator-smoothed-only": Mutant(
            "the denominator got its imaginary images, the numerator did not: add s to the count"
            " of ink",
            lambda x, smoothing: x.sum(0) / (len(x) + 2 * smoothing),
        ),
        "mean-over-pixels": Mutant(
            "the images were averaged over pixels: return one θ per pixel, so sum over the first"
            " axis",
            lambda x, smoothing: (x.sum(1) + smoothing) / (x.shape[1] + 2 * smoothing),
        ),
        "sum-over-pixels": Mutant(
            "the sum runs over pixels, which gives one value per image: return one θ per pixel,"
            " so sum over the first axis",
            lambda x, smoothing: (x.sum(1) + smoothing) / (len(x) + 2 * smoothing),
        ),
        "smoothing-doubled": Mutant(
            "twice the smoothing was added: how many imaginary images have ink at a pixel?",
            lambda x, smoothing: (x.sum(0) + 2 * smoothing) / (len(x) + 4 * smoothing),
        ),
        "global-mean-broadcast": Mutant(
            "one θ for all pixels: sum over the first axis only",
            lambda x, smoothing: np.full(
                x.shape[1], (x.sum() + smoothing) / (x.size + 2 * smoothing)
            ),
        ),
        "global-mean-scalar": Mutant(
            "one θ in all, as a single number: sum over the first axis only",
            lambda x, smoothing: (x.sum() + smoothing) / (x.size + 2 * smoothing),
        ),
        "smoothing-added-to-mean": Mutant(
            "smoothing was added to the probability; it is a count, so add it before dividing",
            lambda x, smoothing: x.mean(0) + smoothing,
        ),
        "clipped-not-smoothed": Mutant(
            "the probabilities were clipped; `smoothing` counts imaginary images instead",
            lambda x, smoothing: np.clip(x.mean(0), 1e-6, 1 - 1e-6),
        ),
        "smoothing-argument-ignored": Mutant(
            "`smoothing` is ignored: it is not always 1",
            lambda x, smoothing: (x.sum(0) + 1) / (len(x) + 2),
        ),
        "pseudocount-halved": Mutant(
            "s was split between the two outcomes: each of them gets s imaginary images",
            lambda x, smoothing: (x.sum(0) + smoothing / 2) / (len(x) + smoothing),
        ),
        "mean-for-count": Mutant(
            "the mean was used where the count belongs, with the right denominator: add s to the"
            " number of inked images",
            lambda x, smoothing: (x.mean(0) + smoothing) / (len(x) + 2 * smoothing),
        ),
        "numerator-brackets-missing": Mutant(
            "parentheses are missing in the numerator: only s is divided, and count + s as a"
            " whole should be",
            lambda x, smoothing: x.sum(0) + smoothing / (len(x) + 2 * smoothing),
        ),
        "mean-for-count-unit-n": Mutant(
            "the mean was used where the count belongs: add s to the number of inked images, then"
            " divide",
            lambda x, smoothing: (x.mean(0) + smoothing) / (1 + 2 * smoothing),
        ),
        "all-entries-as-n": Mutant(
            "the denominator counts all pixels of all images: N is the number of images, `len(x)`",
            lambda x, smoothing: (x.sum(0) + smoothing) / (x.size + 2 * smoothing),
        ),
        "numerator-plus-2s": Mutant(
            "2s was added to the numerator too: only the imaginary images of ink join that count",
            lambda x, smoothing: (x.sum(0) + 2 * smoothing) / (len(x) + 2 * smoothing),
        ),
        "hardcoded-n": Mutant(
            "the denominator has a fixed number of images: N is the number of images that you are"
            " given, `len(x)`",
            lambda x, smoothing: (x.sum(0) + smoothing) / (4000 + 2 * smoothing),
        ),
        "denominator-plus-2": Mutant(
            "the denominator grew by 2, not by 2s",
            lambda x, smoothing: (x.sum(0) + smoothing) / (len(x) + 2),
        ),
        "smoothing-added-to-share": Mutant(
            "s / (N + 2s) was added to the share of ink among the N real images: divide their count"
            " by N + 2s too",
            lambda x, smoothing: x.mean(0) + smoothing / (len(x) + 2 * smoothing),
        ),
        "all-ink-as-n": Mutant(
            "the denominator counts the ink of all pixels: N is the number of images, `len(x)`",
            lambda x, smoothing: (x.sum(0) + smoothing) / (x.sum() + 2 * smoothing),
        ),
        "all-brackets-missing": Mutant(
            "parentheses are missing: all of count + s is divided by all of N + 2s",
            lambda x, smoothing: x.sum(0) + smoothing / len(x) + 2 * smoothing,
        ),
        "smoothing-per-image": Mutant(
            "s was added for every image: it counts s imaginary images in all",
            lambda x, smoothing: (x.sum(0) + len(x) * smoothing) / (len(x) + 2 * smoothing),
        ),
        "extreme-pixels-only-smoothed": Mutant(
            "only pixels that were never or always inked were changed, smoothed or clipped: every"
            " pixel gets the same imaginary images",
            lambda x, smoothing: np.where(
                np.isin(x.mean(0), (0, 1)),
                (x.sum(0) + smoothing) / (len(x) + 2 * smoothing),
                x.mean(0),
            ),
        ),
        "zero-pixels-only-smoothed": Mutant(
            "only pixels that were never inked were smoothed: every pixel gets the same imaginary"
            " images",
            lambda x, smoothing: np.where(
                x.sum(0) == 0, smoothing / (len(x) + 2 * smoothing), x.mean(0)
            ),
        ),
        "smoothing-truncated-to-int": Mutant(
            "fractions of an imaginary image were lost: `smoothing` need not be a whole number",
            lambda x, smoothing: (x.sum(0) + int(smoothing)) / (len(x) + 2 * int(smoothing)),
        ),
        "input-mutated": Mutant(
            "smoothing was added into the images that you were given, so a second call goes"
            " wrong: work on a copy",
            lambda x, smoothing: _spoiling_first_image(x, smoothing),
        ),
        "counts-not-divided": Mutant(
            "these are counts: divide by the number of images",
            lambda x, smoothing: x.sum(0) + smoothing,
        ),
        "complement-probability": Mutant(
            "this is the probability that a pixel is paper: return that of ink",
            lambda x, smoothing: 1 - (x.sum(0) + smoothing) / (len(x) + 2 * smoothing),
        ),
        "log-theta-returned": Mutant(
            "this is the logarithm of θ: return θ itself",
            lambda x, smoothing: np.log((x.sum(0) + smoothing) / (len(x) + 2 * smoothing)),
        ),
        "pixel-count-as-n": Mutant(
            "the denominator counts pixels: N is the number of images, `len(x)`",
            lambda x, smoothing: (x.sum(0) + smoothing) / (x.shape[1] + 2 * smoothing),
        ),
        "denominator-s-per-pixel": Mutant(
            "the denominator grew by s for every pixel: each pixel has only two outcomes, ink and"
            " paper",
            lambda x, smoothing: (x.sum(0) + smoothing) / (len(x) + smoothing * x.shape[1]),
        ),
        "theta-rounded": Mutant(
            "θ was rounded to 0 or 1: keep the frequency",
            lambda x, smoothing: np.round((x.sum(0) + smoothing) / (len(x) + 2 * smoothing)),
        ),
        "normalized-over-pixels": Mutant(
            "the θ were scaled to sum to 1 over pixels: each pixel has a distribution of its own",
            lambda x, smoothing: (x.sum(0) + smoothing) / (x.sum(0) + smoothing).sum(),
        ),
    },
    {
        "with imaginary images stacked below": lambda x, smoothing: np.average(
            np.vstack([x, np.ones(x.shape[1]), np.zeros(x.shape[1])]),
            axis=0,
            weights=np.r_[np.ones(len(x)), smoothing, smoothing],
        ),
        "a loop over the pixels": lambda x, smoothing: [
            (sum(column) + smoothing) / (len(column) + 2 * smoothing) for column in x.T
        ],
        "a mean pulled towards ½": lambda x, smoothing: (
            (len(x) * x.mean(0) + 2 * smoothing * 0.5) / (len(x) + 2 * smoothing)
        ),
        "float32": (
            lambda x, smoothing: ((x.sum(0) + smoothing) / (len(x) + 2 * smoothing)).astype(
                np.float32
            )
        ),
    },
)


def _spoiling_first_image(x: np.ndarray, smoothing: float) -> np.ndarray:
    x[0] += smoothing
    return x.sum(0) / (len(x) + 2 * smoothing)


# ---- 1.4 multinomial_pmf -------------------------------------------------------------------------


def _total(ask: Ask, n: int, theta: tuple[float, ...]) -> Any:
    """The sum over every way to spread n draws over the categories."""
    outcomes = [c for c in itertools.product(range(n + 1), repeat=len(theta)) if sum(c) == n]
    return sum(ask(counts, theta) for counts in outcomes)


def _with_zero(ask: Ask, counts: tuple[int, ...], theta: tuple[float, ...]) -> Any:
    """The value for a θ that holds a 0. Raises NotData where the answer refuses it by itself."""
    try:
        return ask(counts, theta)
    except AnswerRaised as error:
        raised = error.raised
        if raised.kinds[0] == "ValueError" and not re.search(
            "domain error|positive input", raised.message
        ):
            raise NotData(ZERO_REFUSED) from None
        raise


ZERO_REFUSED = (
    "a θ that holds a 0 is refused with a ValueError: a category may have θ = 0, so raise one only"
    " where θ does not sum to 1"
)


def _multinomial_cases(rng: np.random.Generator) -> list[Case]:
    theta = rng.dirichlet([2, 2, 2, 2])
    return [
        Case(
            "one of each: counts (1, 1, 1) with θ = (0.2, 0.3, 0.5)", ((1, 1, 1), (0.2, 0.3, 0.5))
        ),
        Case(
            "a single draw: counts (0, 1, 0) with θ = (0.2, 0.3, 0.5)", ((0, 1, 0), (0.2, 0.3, 0.5))
        ),
        Case(
            "random counts over four categories",
            (tuple(map(int, rng.multinomial(9, theta))), tuple(theta)),
        ),
        Case("the sum over all ways to make 3 draws", (3, (0.2, 0.3, 0.5)), _total),
        Case(
            "a category that cannot occur, and did not: counts (2, 1, 0) with θ = (0.4, 0.6, 0)",
            ((2, 1, 0), (0.4, 0.6, 0.0)),
            _with_zero,
        ),
        Case(
            "a category that cannot occur, but did: counts (1, 1, 1) with θ = (0.5, 0.5, 0)",
            ((1, 1, 1), (0.5, 0.5, 0.0)),
            _with_zero,
            atol=1e-15,
        ),
        Case(
            "ten categories of 0.1 each, which sum to 1 except for rounding",
            ((1,) + (0,) * 9, (0.1,) * 10),
        ),
        Case(
            "a thousand draws: counts (200, 300, 500) with θ = (0.2, 0.3, 0.5)",
            ((200, 300, 500), (0.2, 0.3, 0.5)),
            stress=True,
        ),
        Case("θ = (0.2, 0.3, 0.4), which does not sum to 1", ((1, 1, 1), (0.2, 0.3, 0.4))),
        Case("θ = (0.3, 0.3, 0.5), which sums to more than 1", ((1, 2, 0), (0.3, 0.3, 0.5))),
        Case("θ = (0.5, 0.500000005), off by five billionths", ((1, 1), (0.5, 0.500000005))),
        Case("θ = (0.4, 0.599999), off by a millionth", ((1, 1), (0.4, 0.599999))),
    ]


def _checked(theta: Any) -> np.ndarray:
    if abs(math.fsum(theta) - 1) > 1e-9:
        raise ValueError("theta must sum to 1")
    return np.asarray(theta, dtype=float)


def _multinomial_oracle(counts: Any, theta: Any) -> float:
    from scipy import stats

    return float(stats.multinomial.pmf(list(counts), int(sum(counts)), _checked(theta)))


def _log_coefficient(counts: Any) -> float:
    return math.lgamma(sum(counts) + 1) - sum(math.lgamma(c + 1) for c in counts)


def _log_power(counts: Any, theta: Any) -> float:
    return sum(
        c * (math.log(t) if t else -math.inf) for c, t in zip(counts, theta, strict=True) if c
    )


def _pmf(counts: Any, theta: Any, log_coefficient: float | None = None) -> float:
    _checked(theta)
    lead = _log_coefficient(counts) if log_coefficient is None else log_coefficient
    return math.exp(lead + _log_power(counts, theta))


def _with_factorials(counts: Any, theta: Any) -> float:
    _checked(theta)
    lead = math.factorial(sum(counts)) / math.prod(math.factorial(c) for c in counts)
    return float(lead * math.prod(t**c for c, t in zip(counts, theta, strict=True)))


def _with_float_factorials(counts: Any, theta: Any) -> float:
    from scipy import special

    _checked(theta)
    c = np.asarray(counts)
    with np.errstate(all="ignore"):
        return float(
            special.factorial(c.sum())
            / special.factorial(c).prod()
            * (np.asarray(theta) ** c).prod()
        )


def _without_sum_check(counts: Any, theta: Any) -> float:
    return math.exp(_log_coefficient(counts) + _log_power(counts, theta))


def _zero_log_zero(counts: Any, theta: Any) -> float:
    with np.errstate(all="ignore"):
        return float(
            np.exp(_log_coefficient(counts) + np.sum(np.asarray(counts) * np.log(_checked(theta))))
        )


MULTINOMIAL = Exercise(
    "1.4",
    "multinomial_pmf",
    _multinomial_cases,
    _multinomial_oracle,
    {
        "coefficient-missing": Mutant(
            "the number of orders is missing: for θ = (0.2, 0.3, 0.5) and 3 draws the ten values"
            " add up to only 0.41",
            lambda counts, theta: _pmf(counts, theta, 0.0),
        ),
        "coefficient-and-check-missing": Mutant(
            "the number of orders is missing, and a θ that does not sum to 1 should raise a"
            " ValueError",
            lambda counts, theta: math.exp(_log_power(counts, theta)),
        ),
        "sum-check-missing": Mutant(
            "everything is right except for one thing: a θ that does not sum to 1 should raise a"
            " ValueError",
            _without_sum_check,
        ),
        "theta-renormalized": Mutant(
            "a θ that does not sum to 1 was rescaled silently; it should raise a ValueError, since"
            " it is probably a mistake",
            lambda counts, theta: _without_sum_check(counts, np.asarray(theta) / sum(theta)),
        ),
        "factorial-overflow": Mutant(
            "for many draws the number of orders overflows: add logarithms, `math.lgamma(n + 1)` is"
            " log n!, and take `exp` once",
            _with_factorials,
        ),
        "float-factorial-nan": Mutant(
            "for many draws the number of orders becomes inf, then NaN: add logarithms,"
            " `math.lgamma(n + 1)` is log n!, and take `exp` once",
            _with_float_factorials,
        ),
        "impossible-count-ignored": Mutant(
            "the count of the impossible category was ignored: if it was counted, the probability"
            " is 0; if not, it plays no part",
            lambda counts, theta: _skipping_impossible(counts, theta),
        ),
        "zero-log-zero-nan": Mutant(
            "0·log 0 gave NaN: a category with count 0 contributes a factor 1, so leave it out",
            _zero_log_zero,
        ),
        "log-zero-error": Mutant(
            "`math.log(0)` fails: a category with count 0 contributes a factor 1, so leave it out;"
            " with a count, the result is 0",
            lambda counts, theta: _refusing_zero(counts, theta),
        ),
        "impossible-category-raises": Mutant(
            "a category that cannot occur but was counted ends in an error, as `math.log(0)`"
            " does: the probability is then 0",
            lambda counts, theta: _failing_where_impossible(counts, theta),
        ),
        "zero-theta-dropped": Mutant(
            "a category that cannot occur was left out although it was counted: the"
            " probability is then 0",
            lambda counts, theta: _pmf(
                [c for c, t in zip(counts, theta, strict=True) if t], [t for t in theta if t]
            ),
        ),
        "epsilon-in-log": Mutant(
            "a small number was added to θ before the logarithm, so that what cannot happen has a"
            " probability: return 0 there",
            lambda counts, theta: _with_epsilon(counts, theta),
        ),
        "zero-theta-refused": Mutant(
            ZERO_REFUSED, lambda counts, theta: _with_positive(counts, theta)
        ),
        "n-is-number-of-categories": Mutant(
            "n! was computed from the number of categories: n is the number of draws,"
            " `sum(counts)`",
            lambda counts, theta: _pmf(
                counts,
                theta,
                math.lgamma(len(counts) + 1) - sum(math.lgamma(c + 1) for c in counts),
            ),
        ),
        "check-below-one-only": Mutant(
            "a sum below 1 is refused, one above 1 is not: compare the size of the difference,"
            " `abs(… - 1)`, with a billionth",
            lambda counts, theta: (
                _pmf(counts, theta) if sum(theta) < 1 - 1e-9 else _without_sum_check(counts, theta)
            ),
        ),
        "check-above-one-only": Mutant(
            "a sum above 1 is refused, one below 1 is not: compare the size of the difference,"
            " `abs(… - 1)`, with a billionth",
            lambda counts, theta: (
                _pmf(counts, theta) if sum(theta) > 1 + 1e-9 else _without_sum_check(counts, theta)
            ),
        ),
        "sum-tolerance-too-loose": Mutant(
            "the sum of θ is compared too loosely: allow only a billionth (`np.isclose`"
            " by default allows a hundred thousandth)",
            lambda counts, theta: _checked_loosely(counts, theta),
        ),
        "sum-tolerance-a-little-too-loose": Mutant(
            "the sum of θ is compared too loosely: allow only a billionth",
            lambda counts, theta: _checked_loosely(counts, theta, 1e-7),
        ),
        "exact-sum-comparison": Mutant(
            "the sum of θ was compared with 1 exactly: rounding makes ten times 0.1 a little less,"
            " so allow for a billionth",
            lambda counts, theta: _checked_exactly(counts, theta),
        ),
        "assertion-not-valueerror": Mutant(
            "an AssertionError is raised: raise a ValueError instead, because `assert` is for"
            " what cannot happen",
            lambda counts, theta: _asserting(counts, theta),
        ),
        "zero-for-invalid-theta": Mutant(
            "0 is returned for a θ that does not sum to 1: raise a ValueError, because silence"
            " hides the caller's mistake",
            lambda counts, theta: _pmf(counts, theta) if abs(sum(theta) - 1) <= 1e-9 else 0.0,
        ),
        "factorials-summed": Mutant(
            "the factorials in the denominator were added: x₁!⋯x_K! is their product",
            lambda counts, theta: _pmf(
                counts, theta, math.lgamma(sum(counts) + 1) - _log_sum_of_factorials(counts)
            ),
        ),
        "first-against-rest-coefficient": Mutant(
            "only the orders of the first category against the rest were counted: with more than"
            " two categories, divide by every xᵢ!",
            lambda counts, theta: _pmf(
                counts, theta, _log_coefficient((counts[0], sum(counts) - counts[0]))
            ),
        ),
        "denominator-factorials-missing": Mutant(
            "the n! is there, but not the division by x₁!⋯x_K!",
            lambda counts, theta: _capped(
                math.lgamma(sum(counts) + 1) + _log_power(counts, theta), theta
            ),
        ),
        "coefficient-inverted": Mutant(
            "the coefficient is upside down: it is n!/(x₁!⋯x_K!)",
            lambda counts, theta: _pmf(counts, theta, -_log_coefficient(counts)),
        ),
        "n-factorial-missing": Mutant(
            "the division by x₁!⋯x_K! is there, but not the n!",
            lambda counts, theta: _pmf(counts, theta, -sum(math.lgamma(c + 1) for c in counts)),
        ),
        "lgamma-off-by-one": Mutant(
            "`lgamma(n)` is log (n−1)!; for log n! take `lgamma(n + 1)`",
            lambda counts, theta: _off_by_one_gamma(counts, theta),
        ),
        "n-minus-one-factorial": Mutant(
            "(n − 1)! was used where n! belongs: `lgamma(n)` is log (n − 1)!, so take `lgamma(n +"
            " 1)`",
            lambda counts, theta: _pmf(
                counts, theta, _log_coefficient(counts) - math.log(sum(counts))
            ),
        ),
        "log-probability-returned": Mutant(
            "this is the logarithm of the probability: return the probability itself",
            lambda counts, theta: (
                math.log(_pmf(counts, theta)) if sum(counts) < 1000 else _log_pmf(counts, theta)
            ),
        ),
        "log-probability-0-for-impossible": Mutant(
            "this is the logarithm of the probability, except for impossible counts: take `exp` at"
            " the end",
            lambda counts, theta: (
                _log_pmf(counts, theta) if _log_power(counts, theta) > -math.inf else 0.0
            ),
        ),
        "powers-summed": Mutant(
            "the θᵢ^xᵢ were added: the probabilities of independent draws multiply",
            lambda counts, theta: _summed(counts, theta),
        ),
        "count-times-theta": Mutant(
            "θᵢ was multiplied by xᵢ; each of the xᵢ draws contributes a factor θᵢ, so θᵢ to the"
            " power xᵢ",
            lambda counts, theta: _linear(counts, theta),
        ),
    },
    {
        "exact integers and fractions": lambda counts, theta: _exact(counts, theta),
        "a product of binomial coefficients, one draw at a time": lambda counts, theta: _sequential(
            counts, theta
        ),
        "scipy's gammaln": lambda counts, theta: _by_scipy(counts, theta),
        "a NumPy scalar": lambda counts, theta: np.float64(_pmf(counts, theta)),
    },
)


def _refusing_zero(counts: Any, theta: Any) -> float:
    _checked(theta)
    return math.exp(
        _log_coefficient(counts) + sum(c * math.log(t) for c, t in zip(counts, theta, strict=True))
    )


def _with_epsilon(counts: Any, theta: Any) -> float:
    _checked(theta)
    return _pmf(counts, [t + 1e-12 for t in theta])


def _with_positive(counts: Any, theta: Any) -> float:
    if min(theta) <= 0:
        raise ValueError("theta must be positive, and sum to 1")
    return _pmf(counts, theta)


def _failing_where_impossible(counts: Any, theta: Any) -> float:
    _checked(theta)
    return math.exp(
        _log_coefficient(counts)
        + sum(c * math.log(t) for c, t in zip(counts, theta, strict=True) if c)
    )


def _checked_loosely(counts: Any, theta: Any, tolerance: float = 1e-5) -> float:
    if abs(sum(theta) - 1) > tolerance:
        raise ValueError
    return _without_sum_check(counts, theta)


def _checked_exactly(counts: Any, theta: Any) -> float:
    if sum(theta) != 1:
        raise ValueError
    return _without_sum_check(counts, theta)


def _asserting(counts: Any, theta: Any) -> float:
    assert abs(sum(theta) - 1) <= 1e-9
    return _without_sum_check(counts, theta)


def _log_sum_of_factorials(counts: Any) -> float:
    from scipy.special import logsumexp

    return float(logsumexp([math.lgamma(c + 1) for c in counts]))


def _skipping_impossible(counts: Any, theta: Any) -> float:
    _checked(theta)
    return math.exp(
        _log_coefficient(counts)
        + sum(c * math.log(t) for c, t in zip(counts, theta, strict=True) if t)
    )


def _capped(log_value: float, theta: Any) -> float:
    _checked(theta)
    return math.exp(log_value) if log_value < 700 else math.inf


def _off_by_one_gamma(counts: Any, theta: Any) -> float:
    _checked(theta)
    lead = math.lgamma(sum(counts)) - sum(math.lgamma(c) if c else math.inf for c in counts)
    return math.exp(lead + _log_power(counts, theta))


def _log_pmf(counts: Any, theta: Any) -> float:
    _checked(theta)
    return _log_coefficient(counts) + _log_power(counts, theta)


def _summed(counts: Any, theta: Any) -> float:
    return (
        math.exp(_log_coefficient(counts))
        * sum(t**c for c, t in zip(counts, _checked(theta), strict=True))
        if sum(counts) < 1000
        else math.inf
    )


def _linear(counts: Any, theta: Any) -> float:
    _checked(theta)
    lead = _log_coefficient(counts)
    return (
        math.exp(lead) * math.prod(t * c for c, t in zip(counts, theta, strict=True))
        if lead < 700
        else math.inf
    )


def _exact(counts: Any, theta: Any) -> float:
    from fractions import Fraction

    _checked(theta)
    lead = math.factorial(sum(counts)) // math.prod(math.factorial(c) for c in counts)
    return float(
        lead * math.prod(Fraction(float(t)) ** int(c) for c, t in zip(counts, theta, strict=True))
    )


def _sequential(counts: Any, theta: Any) -> float:
    _checked(theta)
    done, log_p = 0, 0.0
    for c, t in zip(counts, theta, strict=True):
        done += c
        log_p += math.log(math.comb(done, c)) + (
            c * (math.log(t) if t else -math.inf) if c else 0.0
        )
    return math.exp(log_p)


def _by_scipy(counts: Any, theta: Any) -> Any:
    from scipy.special import gammaln, xlogy

    c = np.asarray(counts)
    return np.exp(gammaln(c.sum() + 1) - gammaln(c + 1).sum() + xlogy(c, _checked(theta)).sum())


EXERCISES = [NORMAL, CATEGORICAL, BERNOULLI, MULTINOMIAL]
