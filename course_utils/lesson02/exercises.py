"""The exercises of lesson 02: cross-entropy, KL divergence, the negative log-likelihood of a
Gaussian, partners for samples, losses from logits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.asking.ask import Ask
from course_utils.checks.exercise import Case, Exercise, Mutant, again, numbers_in

if TYPE_CHECKING:
    from torch import Tensor

# ---- what 2.1 and 2.2 share: two distributions that must sum to 1, zeros, infinity ---------------


def _refuse(*distributions: np.ndarray, tolerance: float = 1e-9) -> None:
    if any(abs(math.fsum(d) - 1) > tolerance for d in distributions):
        raise ValueError("must sum to 1")


def _sums_to_1(*distributions: np.ndarray) -> bool:
    """True, or the error for bad input: for use in a lambda."""
    _refuse(*distributions)
    return True


def _xlog(x: Any, y: Any) -> np.ndarray:
    """x log y, entry by entry, where 0 log 0 is 0."""
    with np.errstate(all="ignore"):
        return np.where(np.asarray(x) == 0, 0.0, x * np.log(y))


def _h(y: np.ndarray, p: np.ndarray) -> float:
    return float(-_xlog(y, p).sum())


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    return _h(p, q) - _h(p, p)


def _impossible(ask: Ask, *args: np.ndarray) -> dict[str, Any]:
    """Facts, not the value: with a floor under the probability, the value depends on the floor."""
    value = float(numbers_in(ask(*args)))
    return {
        "an outcome that happens although it was called impossible costs ∞": value == math.inf,
        "such an outcome costs more than nothing": value > 0.1,
    }


def _raise_if(bad: bool, kind: type[Exception]) -> None:
    if bad:
        raise kind("must sum to 1")


def _off(d: np.ndarray) -> float:
    return abs(math.fsum(d) - 1)


# how two distributions may be looked at before the formula, in wrong ways
LOOKS: dict[str, Mutant] = {
    "only-sums-above-one": Mutant(
        "a sum above 1 is refused, one below 1 is not: compare the size of the difference, `abs(… -"
        " 1)`, with a billionth",
        lambda a, b: _raise_if(max(a.sum(), b.sum()) > 1 + 1e-9, ValueError),
    ),
    "np-isclose-tolerance": Mutant(
        "the sums are compared too loosely: allow only a billionth, where `np.isclose` by default"
        " forgives a hundred thousandth",
        lambda a, b: _refuse(a, b, tolerance=1e-5),
    ),
    "tolerance-too-tight": Mutant(
        "the sums were compared with `== 1`, or more strictly than asked: allow for rounding"
        " of a billionth",
        lambda a, b: _refuse(a, b, tolerance=1e-13),
    ),
    "assertion-error": Mutant(
        "an AssertionError is raised: raise a ValueError instead, because `assert` is for what"
        " cannot happen",
        lambda a, b: _raise_if(max(_off(a), _off(b)) > 1e-9, AssertionError),
    ),
    "assertion-error-too-loose": Mutant(
        "an AssertionError is raised, and not for every wrong sum: raise a ValueError for any"
        " that is off by more than a billionth",
        lambda a, b: _raise_if(max(_off(a), _off(b)) > 1e-5, AssertionError),
    ),
    "bare-exception": Mutant(
        "a general exception is raised: raise the specific one, `raise ValueError(…)`",
        lambda a, b: _raise_if(max(_off(a), _off(b)) > 1e-9, Exception),
    ),
}


def _looks_named(one: str, two: str) -> dict[str, Mutant]:
    """More of the kind of `LOOKS`, with the names of the two distributions in the hint."""
    return {
        "sums-not-checked": Mutant(
            f"everything is right except for one thing: if {one} or {two} does not sum to 1, one"
            " alone or both, raise a ValueError",
            lambda a, b: None,
        ),
        "second-sum-not-checked": Mutant(
            f"a {one} that does not sum to 1 is refused, but not a {two}: check both",
            lambda a, b: _refuse(a),
        ),
        "first-sum-not-checked": Mutant(
            f"a {two} that does not sum to 1 is refused, but not a {one}: check both",
            lambda a, b: _refuse(b),
        ),
        "both-sums-must-be-wrong": Mutant(
            f"only a {one} and a {two} that are both wrong are refused: one wrong sum is enough, so"
            " `or`, not `and`",
            lambda a, b: _raise_if(min(_off(a), _off(b)) > 1e-9, ValueError),
        ),
        "sums-compared-to-each-other": Mutant(
            f"{one} and {two} were only compared with each other: each of them must sum to 1",
            lambda a, b: _raise_if(abs(a.sum() - b.sum()) > 1e-9, ValueError),
        ),
        "sums-added": Mutant(
            f"only the total of {one} and {two} was checked, and 1.1 + 0.9 is 2: check each of"
            " them",
            lambda a, b: _raise_if(abs(a.sum() + b.sum() - 2) > 1e-9, ValueError),
        ),
    }


def _refusals(right: Callable, one: str, two: str) -> dict[str, Mutant]:
    """What can go wrong with the refusals around a formula that is `right`; `one` and `two` are its
    arguments' names.
    """

    def looking(look: Callable[[Any, Any], None]) -> Callable:
        def answer(a: np.ndarray, b: np.ndarray, *base: float) -> float:
            look(a, b)
            return right(a, b, *base)

        return answer

    looks = {
        name: Mutant(m.hint, looking(m.answer))
        for name, m in (_looks_named(one, two) | LOOKS).items()
    }
    return looks | {
        "sums-rescaled-silently": Mutant(
            "a distribution that does not sum to 1 was rescaled silently: raise a ValueError,"
            " since it is probably a mistake",
            lambda a, b, *base: right(a / a.sum(), b / b.sum(), *base),
        )
    }


def _bad_sums(one: str, two: str) -> list[Case]:
    fair, slightly = np.array([0.5, 0.5]), np.array([0.5, 0.5 + 5e-9])
    return [
        Case(f"{one} = (0.9, 0.2), which sums to 1.1", (np.array([0.9, 0.2]), fair)),
        Case(f"{two} = (0.6, 0.3), which sums to 0.9", (fair, np.array([0.6, 0.3]))),
        Case(f"{two} = (0.5, 0.500000005), off by five billionths", (fair, slightly)),
        Case(
            f"{one} = {two} = (0.6, 0.5): the same sum, 1.1, and neither of them right",
            (np.array([0.6, 0.5]), np.array([0.6, 0.5])),
        ),
        Case(
            f"{one} = (0.9, 0.2) and {two} = (0.6, 0.3), which sum to 1.1 and to 0.9",
            (np.array([0.9, 0.2]), np.array([0.6, 0.3])),
        ),
        Case(
            f"{one} and {two} off by a trillionth, which is rounding and no mistake",
            (np.array([0.25, 0.75 + 1e-12]), np.array([0.6, 0.4 - 1e-12])),
        ),
    ]


# ---- 2.1 cross_entropy ---------------------------------------------------------------------------

SUN, SAID = np.array([0.9, 0.1]), np.array([0.8, 0.2])


def _spread_out(rng: np.random.Generator, k: int) -> np.ndarray:
    """A distribution over k categories, none of them rare. In 1024ths, so that it sums to 1 without
    rounding.
    """
    return (80 + rng.multinomial(1024 - 80 * k, rng.dirichlet(np.ones(k)))) / 1024


def _cross_cases(rng: np.random.Generator) -> list[Case]:
    y, p = _spread_out(rng, 5), _spread_out(rng, 5)
    return [
        Case("sun and rain, y = (0.9, 0.1), p = (0.8, 0.2), in nats", (SUN.copy(), SAID.copy())),
        Case("the same in bits, base 2", (SUN.copy(), SAID.copy(), 2)),
        Case("random y and p over five categories, in nats", (y, p)),
        Case(
            "random y and p over four categories, base 10",
            (_spread_out(rng, 4), _spread_out(rng, 4), 10),
        ),
        Case("the same five categories, the same arrays, a second time, in bits", (y, p, 2), again),
        Case(
            "a hard label, y = (1, 0), p = (0.8, 0.2)",
            (np.array([1.0, 0.0]), SAID.copy()),
            stress=True,
        ),
        Case(
            "a third outcome that is called impossible and never happens: y = (0.5, 0.5, 0), p ="
            " (0.25, 0.75, 0)",
            (np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.75, 0.0])),
            stress=True,
        ),
        Case(
            "an outcome that is called impossible and happens: y = (0.5, 0.5), p = (1, 0)",
            (np.array([0.5, 0.5]), np.array([1.0, 0.0])),
            _impossible,
            stress=True,
        ),
        *_bad_sums("y", "p"),
    ]


def _cross_oracle(y: np.ndarray, p: np.ndarray, base: float = math.e) -> float:
    """SciPy's entropy of y plus its divergence from y to p."""
    from scipy import stats

    _refuse(y, p)
    return float(stats.entropy(y, base=base) + stats.entropy(y, p, base=base))


def _ce(nats: Callable[[Any, Any], Any]) -> Callable:
    """An answer that gets all right but the value in nats."""

    def answer(y: np.ndarray, p: np.ndarray, base: float = math.e) -> Any:
        _refuse(y, p)
        with np.errstate(all="ignore"):
            return nats(y, p) / math.log(base)

    return answer


def _ce_based(change: Callable[[float, float], float]) -> Callable:
    """An answer that gets all right but the change from nats to the base."""

    def answer(y: np.ndarray, p: np.ndarray, base: float = math.e) -> float:
        _refuse(y, p)
        return change(_h(y, p), base)

    return answer


def _halfway(p: np.ndarray, q: np.ndarray) -> float:
    """The Jensen–Shannon divergence."""
    return (_kl(p, (p + q) / 2) + _kl(q, (p + q) / 2)) / 2


def _softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum()


def _right_ce(y: np.ndarray, p: np.ndarray, base: float = math.e) -> float:
    return _h(y, p) / math.log(base)


CROSS_ENTROPY = Exercise(
    "2.1",
    "cross_entropy",
    _cross_cases,
    _cross_oracle,
    {
        "arguments-swapped": Mutant(
            "y and p are swapped, which gives 0.545 for sun and rain: y weights the outcomes, and"
            " the logarithm is of p",
            _ce(lambda y, p: _h(p, y)),
        ),
        "arguments-swapped-base-ignored": Mutant(
            "y and p are swapped, and `base` is ignored: y weights the outcomes, and the logarithm"
            " is of p",
            lambda y, p, base=math.e: _h(p, y) if _sums_to_1(y, p) else None,
        ),
        "mean-over-outcomes": Mutant(
            "the sum was divided by K: y already holds the weights of the average, so do not"
            " divide again",
            _ce(lambda y, p: _h(y, p) / len(y)),
        ),
        "zero-log-zero-nan": Mutant(
            "0·log 0 gave NaN: what never happens costs nothing, so leave outcomes with y = 0 out"
            " of the sum",
            _ce(lambda y, p: -(y * np.log(p)).sum()),
        ),
        "log-zero-error": Mutant(
            "p = 0 ends in an error, as `math.log(0)` does: what never happens costs nothing, and"
            " what does happen costs ∞",
            _ce(lambda y, p: -sum(a * math.log(b) for a, b in zip(y, p, strict=True))),
        ),
        "impossible-outcome-raises": Mutant(
            "an outcome that happens although its probability is 0 ends in an error, as"
            " `math.log(0)` does: return `math.inf` there",
            _ce(lambda y, p: -sum(a * math.log(b) for a, b in zip(y, p, strict=True) if a > 0)),
        ),
        "probability-clipped": Mutant(
            "an infinite cross-entropy came out finite: p was clipped away from 0, or the result"
            " was capped; −log 0 is meant to be ∞",
            _ce(lambda y, p: -(y * np.log(np.clip(p, 1e-12, 1))).sum()),
        ),
        "zero-p-dropped": Mutant(
            "outcomes with p = 0 were left out, even one that happens and costs ∞: leave out"
            " those with y = 0 instead",
            _ce(lambda y, p: -sum(a * math.log(b) for a, b in zip(y, p, strict=True) if b > 0)),
        ),
        "infinite-for-any-zero-p": Mutant(
            "any p = 0 gives ∞ here: an outcome that never happens costs nothing, even if it was"
            " called impossible",
            _ce(lambda y, p: _h(y, p) if (p > 0).all() else math.inf),
        ),
        "minus-missing": Mutant(
            "the minus is missing: logarithms of probabilities are negative, a cross-entropy is"
            " not",
            _ce(lambda y, p: -_h(y, p)),
        ),
        "base-ignored": Mutant(
            "`base` is ignored and everything comes out in nats: divide by `math.log(base)`",
            _ce_based(lambda nats, base: nats),
        ),
        "multiplied-by-log-base": Mutant(
            "nats were multiplied by log(base): one nat is 1/log 2 bits, so divide",
            _ce_based(lambda nats, base: nats * math.log(base)),
        ),
        "always-bits": Mutant(
            "everything comes out in bits: return nats by default, and otherwise use the base"
            " that is given",
            _ce_based(lambda nats, base: nats / math.log(2)),
        ),
        "always-log10": Mutant(
            "the logarithm is always to base 10: return nats by default, and otherwise use the"
            " base that is given",
            _ce_based(lambda nats, base: nats / math.log(10)),
        ),
        "divided-by-base": Mutant(
            "nats were divided by the base itself: divide by its logarithm",
            _ce_based(lambda nats, base: nats / base),
        ),
        "divided-by-base-unless-e": Mutant(
            "nats were divided by the base itself where it is not e: divide by its logarithm",
            _ce_based(lambda nats, base: nats if base == math.e else nats / base),
        ),
        "only-base-2-converted": Mutant(
            "bits come out right, other bases come out in nats: dividing by `math.log(base)` works"
            " for every base",
            _ce_based(lambda nats, base: nats / math.log(2) if base == 2 else nats),
        ),
        "only-base-10-converted": Mutant(
            "base 10 comes out right, bits come out in nats: dividing by `math.log(base)` works for"
            " every base",
            _ce_based(lambda nats, base: nats / math.log(10) if base == 10 else nats),
        ),
        "default-base-2": Mutant(
            "right with a `base`, but without one it returns bits: the default is nats,"
            " `base=math.e`",
            lambda y, p, base=2: _right_ce(y, p, base) if _sums_to_1(y, p) else None,
        ),
        "base-inside-log": Mutant(
            "p was divided by the base inside the logarithm: divide the logarithm instead, by the"
            " logarithm of the base",
            lambda y, p, base=math.e: _h(y, p / base) if _sums_to_1(y, p) else None,
        ),
        "divided-by-log2-base": Mutant(
            "nats were divided by `log2(base)`: divide by the natural logarithm of the base",
            _ce_based(lambda nats, base: nats / math.log2(base)),
        ),
        "divided-by-log10-base": Mutant(
            "nats were divided by `log10(base)`: divide by the natural logarithm of the base",
            _ce_based(lambda nats, base: nats / math.log10(base)),
        ),
        "base-change-inverted": Mutant(
            "the change of base is upside down: log p to a base is log p / log base",
            lambda y, p, base=math.e: (
                -np.sum(y * math.log(base) / np.log(p)) if _sums_to_1(y, p) else None
            ),
        ),
        "entropy-of-y": Mutant(
            "this is the entropy of y, the floor: the forecaster believes p, so the logarithm is"
            " of p",
            _ce(lambda y, p: _h(y, y)),
        ),
        "entropy-of-p": Mutant(
            "this is the entropy of p: outcomes follow y, so weight −log p by y",
            _ce(lambda y, p: _h(p, p)),
        ),
        "kl-returned": Mutant(
            "this is the KL divergence, the avoidable part: the cross-entropy also contains the"
            " entropy H(y)",
            _ce(_kl),
        ),
        "complement-terms-added": Mutant(
            "outcomes that did not happen were charged too, with −(1 − y) log(1 − p): sum −y log"
            " p and nothing else",
            _ce(lambda y, p: _h(y, p) + _h(1 - y, 1 - p)),
        ),
        "binary-ce-mean": Mutant(
            "this is the binary cross-entropy of every entry, averaged: sum −y log p and nothing"
            " else",
            _ce(lambda y, p: (_h(y, p) + _h(1 - y, 1 - p)) / len(y)),
        ),
        "binary-ce-first-outcome": Mutant(
            "this is binary cross-entropy of the first outcome against the rest: with more than"
            " two, each has a term of its own",
            _ce(lambda y, p: float(-_xlog(y[0], p[0]) - _xlog(1 - y[0], 1 - p[0]))),
        ),
        "target-entropy-added": Mutant(
            "the entropy H(y) was added: the term is −log p, with no y inside the logarithm",
            _ce(lambda y, p: _h(y, p) + _h(y, y)),
        ),
        "weights-missing": Mutant(
            "the terms −log p were added without weights: an outcome counts as often as it"
            " happens, y times",
            _ce(lambda y, p: -np.log(p).sum()),
        ),
        "terms-not-summed": Mutant(
            "one number per outcome came back: sum them", _ce(lambda y, p: -_xlog(y, p))
        ),
        "log-of-mean": Mutant(
            "this is −log of the average probability: take the logarithms first, then average them",
            _ce(lambda y, p: -np.log((y * p).sum())),
        ),
        "log-missing": Mutant(
            "the logarithm is missing: every outcome contributes −log p",
            _ce(lambda y, p: -(y * p).sum()),
        ),
        "hard-label-only": Mutant(
            "only the likeliest outcome was counted, as for a hard label: y may be soft, so sum"
            " over all outcomes",
            _ce(lambda y, p: -np.log(p[np.argmax(y)])),
        ),
        "perplexity-returned": Mutant(
            "this is e to the cross-entropy, the perplexity: return the cross-entropy itself",
            _ce(lambda y, p: np.exp(_h(y, p))),
        ),
        "squared-error": Mutant(
            "this is a squared error between y and p: return the average of −log p",
            _ce(lambda y, p: ((y - p) ** 2).sum()),
        ),
        "log1p-for-log": Mutant(
            "this is log(1 + p): take the logarithm of p itself",
            _ce(lambda y, p: -(y * np.log1p(p)).sum()),
        ),
        "both-directions-averaged": Mutant(
            "both directions were averaged: y alone gives the weights, and p alone is inside the"
            " logarithm",
            _ce(lambda y, p: (_h(y, p) + _h(p, y)) / 2),
        ),
        "softmax-on-probs": Mutant(
            "p went through a softmax, as `torch.nn.functional.cross_entropy` does: here it already"
            " holds probabilities",
            _ce(lambda y, p: _h(y, _softmax(p))),
        ),
        "first-outcome-only": Mutant(
            "only the first outcome was counted: is the `return` inside the loop?",
            _ce(lambda y, p: float(-_xlog(y, p)[0])),
        ),
        "last-outcome-only": Mutant(
            "only the last outcome was counted: add to the total instead of replacing it",
            _ce(lambda y, p: float(-_xlog(y, p)[-1])),
        ),
        "input-mutated": Mutant(
            "an array that you were given was overwritten, so a second call goes wrong: work on a"
            " copy",
            _ce(lambda y, p: -np.multiply(y, np.log(np.where(y > 0, p, 1)), out=y).sum()),
        ),
    }
    | _refusals(_right_ce, "y", "p"),
    {
        "a loop, with a logarithm to the base": lambda y, p, base=math.e: _looped_ce(y, p, base),
        "NaN left out of the sum": _ce(lambda y, p: -np.nansum(y * np.log(p))),
        "masked with np.where": _ce(lambda y, p: -np.sum(y * np.log(np.where(y > 0, p, 1)))),
        "a dot product of what happens": _ce(lambda y, p: -(y[y > 0] @ np.log(p[y > 0]))),
        "entropy plus divergence": _ce(lambda y, p: _h(y, y) + _kl(y, p)),
        "float32": _ce(lambda y, p: np.float32(_h(y.astype(np.float32), p.astype(np.float32)))),
        "a PyTorch tensor comes back": lambda y, p, base=math.e: _torch_ce(y, p, base),
        "checked with np.isclose, both tolerances set": lambda y, p, base=math.e: _isclose_ce(
            y, p, base
        ),
    },
)


def _looped_ce(y: np.ndarray, p: np.ndarray, base: float) -> float:
    _refuse(y, p)
    total = 0.0
    for a, b in zip(y, p, strict=True):
        if a > 0:
            total -= a * math.log(b, base) if b > 0 else -math.inf
    return total


def _torch_ce(y: np.ndarray, p: np.ndarray, base: float) -> Tensor:
    import torch

    _refuse(y, p)
    return -torch.special.xlogy(torch.as_tensor(y), torch.as_tensor(p)).sum() / math.log(base)


def _isclose_ce(y: np.ndarray, p: np.ndarray, base: float) -> float:
    if not (
        np.isclose(np.sum(y), 1, rtol=0, atol=1e-9) and np.isclose(np.sum(p), 1, rtol=0, atol=1e-9)
    ):
        raise ValueError("not a distribution")
    return _right_ce(y, p, base)


# ---- 2.2 kl --------------------------------------------------------------------------------------


def _kl_cases(rng: np.random.Generator) -> list[Case]:
    p, q = _spread_out(rng, 5), _spread_out(rng, 5)
    care_case = partial(Case, atol=1e-6, stress=True)
    return [
        Case("p = (0.9, 0.1), q = (0.8, 0.2)", (SUN.copy(), SAID.copy()), atol=1e-6),
        Case(
            "p = q = (0.9, 0.1): nothing could have been avoided",
            (SUN.copy(), SUN.copy()),
            atol=1e-6,
        ),
        Case("random p and q over five categories", (p, q), atol=1e-6),
        Case(
            "random p and q over three categories",
            (_spread_out(rng, 3), _spread_out(rng, 3)),
            atol=1e-6,
        ),
        Case("the same five categories, the same arrays, a second time", (p, q), again, atol=1e-6),
        care_case(
            "something certain and a fair coin: p = (1, 0), q = (0.5, 0.5)",
            (np.array([1.0, 0.0]), np.array([0.5, 0.5])),
        ),
        care_case(
            "a third outcome that is called impossible and never happens: p = (0.5, 0.5, 0), q ="
            " (0.25, 0.75, 0)",
            (np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.75, 0.0])),
        ),
        Case(
            "an outcome that is called impossible and happens: p = (0.5, 0.5), q = (1, 0)",
            (np.array([0.5, 0.5]), np.array([1.0, 0.0])),
            _impossible,
            stress=True,
        ),
        *_bad_sums("p", "q"),
    ]


def _kl_oracle(p: np.ndarray, q: np.ndarray) -> float:
    from scipy import special

    _refuse(p, q)
    return float(special.rel_entr(p, q).sum())


def _div(nats: Callable[[Any, Any], Any]) -> Callable:
    """An answer that gets all right but the value."""

    def answer(p: np.ndarray, q: np.ndarray) -> Any:
        _refuse(p, q)
        with np.errstate(all="ignore"):
            return nats(p, q)

    return answer


def _terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return _xlog(p, q) * -1 + _xlog(p, p)


KL = Exercise(
    "2.2",
    "kl",
    _kl_cases,
    _kl_oracle,
    {
        "kl-reversed": Mutant(
            "the direction is reversed, this is KL(q, p): p gives the weights, and q is in the"
            " denominator",
            _div(lambda p, q: _kl(q, p)),
        ),
        "sign-flipped": Mutant(
            "the sign is flipped: it is p·log(p/q), with p in the numerator, and the sum is never"
            " negative",
            _div(lambda p, q: -_kl(p, q)),
        ),
        "weighted-by-q": Mutant(
            "the logarithms are weighted by q: p decides what happens, so weight log(p/q) by p",
            _div(lambda p, q: -_kl(q, p)),
        ),
        "symmetric-sum": Mutant(
            "both directions were added: return only the one in which p decides what happens",
            _div(lambda p, q: _kl(p, q) + _kl(q, p)),
        ),
        "symmetric-mean": Mutant(
            "both directions were averaged: return only the one in which p decides what happens",
            _div(lambda p, q: (_kl(p, q) + _kl(q, p)) / 2),
        ),
        "jensen-shannon-divergence": Mutant(
            "this is the Jensen–Shannon divergence, which compares both with their middle: compare"
            " p with q directly",
            _div(_halfway),
        ),
        "log2-for-ln": Mutant(
            "this is in bits: use the natural logarithm, which gives nats",
            _div(lambda p, q: _kl(p, q) / math.log(2)),
        ),
        "kl-reversed-in-bits": Mutant(
            "the direction is reversed, and this is in bits: p gives the weights, and the natural"
            " logarithm gives nats",
            _div(lambda p, q: _kl(q, p) / math.log(2)),
        ),
        "sign-flipped-in-bits": Mutant(
            "the sign is flipped, and this is in bits: it is p·log(p/q) with the natural logarithm",
            _div(lambda p, q: -_kl(p, q) / math.log(2)),
        ),
        "log1p-for-log": Mutant(
            "these are logarithms of 1 + p and 1 + q: take those of p and q themselves",
            _div(lambda p, q: (p * np.log1p(p) - p * np.log1p(q)).sum()),
        ),
        "log10-for-ln": Mutant(
            "this is a logarithm to base 10: use the natural one, which gives nats",
            _div(lambda p, q: _kl(p, q) / math.log(10)),
        ),
        "mean-over-outcomes": Mutant(
            "the terms were averaged: p already holds the weights of the average, so do not"
            " divide by K",
            _div(lambda p, q: _kl(p, q) / len(p)),
        ),
        "cross-entropy-returned": Mutant(
            "this is the cross-entropy H(p, q): subtract the entropy H(p), so that nothing is"
            " left for q = p",
            _div(_h),
        ),
        "reversed-cross-entropy": Mutant(
            "this is the other cross-entropy, H(q, p), with its entropy still in it: KL is H(p,"
            " q) − H(p)",
            _div(lambda p, q: _h(q, p)),
        ),
        "entropy-returned": Mutant(
            "this is the entropy of p: KL is what a cross-entropy has beyond it",
            _div(lambda p, q: _h(p, p)),
        ),
        "entropy-added": Mutant(
            "the entropy was added: subtract it, so that nothing is left for q = p",
            _div(lambda p, q: _h(p, q) + _h(p, p)),
        ),
        "entropy-of-q-subtracted": Mutant(
            "the wrong entropy was subtracted, H(q): p decides what happens, so it is H(p)",
            _div(lambda p, q: _h(p, q) - _h(q, q)),
        ),
        "reversed-ce-minus-entropy-p": Mutant(
            "this is H(q, p) − H(p): in the cross-entropy p comes first, because it decides what"
            " happens",
            _div(lambda p, q: _h(q, p) - _h(p, p)),
        ),
        "cross-entropy-difference": Mutant(
            "this is H(p, q) − H(q, p): subtract H(p), the entropy of p",
            _div(lambda p, q: _h(p, q) - _h(q, p)),
        ),
        "entropy-q-minus-entropy-p": Mutant(
            "this is the difference of two entropies, H(q) − H(p); KL weights both log p and log"
            " q by p",
            _div(lambda p, q: _h(q, q) - _h(p, p)),
        ),
        "entropy-p-minus-entropy-q": Mutant(
            "this is the difference of two entropies, H(p) − H(q); KL weights both log p and log"
            " q by p",
            _div(lambda p, q: _h(p, p) - _h(q, q)),
        ),
        "absolute-terms": Mutant(
            "the signs of the terms were removed before the sum: single terms may be negative",
            _div(lambda p, q: np.abs(_terms(p, q)).sum()),
        ),
        "negative-terms-dropped": Mutant(
            "negative terms were left out: they belong in the sum",
            _div(lambda p, q: np.maximum(_terms(p, q), 0).sum()),
        ),
        "l1-distance": Mutant(
            "these are differences of probabilities, added up: KL compares logarithms, p·log(p/q)",
            _div(lambda p, q: np.abs(p - q).sum()),
        ),
        "total-variation-distance": Mutant(
            "this is half the sum of |p − q|: KL compares logarithms, p·log(p/q)",
            _div(lambda p, q: np.abs(p - q).sum() / 2),
        ),
        "squared-error": Mutant(
            "this is a squared error between p and q; KL compares logarithms, p·log(p/q)",
            _div(lambda p, q: ((p - q) ** 2).sum()),
        ),
        "chi-squared-divergence": Mutant(
            "this is Σ (p − q)²/q, a close relative: KL is Σ p·log(p/q)",
            _div(lambda p, q: ((p - q) ** 2 / q).sum()),
        ),
        "log-ratio-squared": Mutant(
            "the logarithm was squared: negative terms are meant to be there",
            _div(lambda p, q: (p * np.log(p / q) ** 2).sum()),
        ),
        "weights-missing": Mutant(
            "the weights are missing: a term counts as often as it happens, p times",
            _div(lambda p, q: np.log(p / q).sum()),
        ),
        "log-missing": Mutant(
            "the logarithm is missing: it is p·log(p/q)", _div(lambda p, q: (p * p / q).sum())
        ),
        "terms-not-summed": Mutant("one number per outcome came back: sum them", _div(_terms)),
        "ratio-of-logs": Mutant(
            "the logarithm of a quotient is a difference: log p was divided by log q",
            _div(lambda p, q: (p * np.log(p) / np.log(q)).sum()),
        ),
        "q-outside-log": Mutant(
            "only p is inside the logarithm, and q divides outside: put parentheses around p/q",
            _div(lambda p, q: (p * np.log(p) / q).sum()),
        ),
        "exp-of-kl": Mutant(
            "this is e to the divergence: return the divergence itself",
            _div(lambda p, q: np.exp(_kl(p, q))),
        ),
        "root-of-kl": Mutant(
            "this is the square root of the divergence: return the divergence itself",
            _div(lambda p, q: math.sqrt(max(0.0, _kl(p, q)))),
        ),
        "torch-kl-div-without-log": Mutant(
            "`torch.nn.functional.kl_div` expects log q as its first argument, and got q",
            _div(lambda p, q: (_xlog(p, p) - p * q).sum()),
        ),
        "torch-kl-div-arguments-swapped": Mutant(
            "`torch.nn.functional.kl_div` expects log q first, then p; it got p, then q",
            _div(lambda p, q: (_xlog(q, q) - p * q).sum()),
        ),
        "jensen-shannon-distance": Mutant(
            "this is the Jensen–Shannon distance, a root: compare p with q directly",
            _div(lambda p, q: math.sqrt(max(0.0, _halfway(p, q)))),
        ),
        "weighted-by-mixture": Mutant(
            "log(p/q) is weighted by the average of p and q: p alone decides what happens",
            _div(lambda p, q: ((p + q) / 2 * np.log(p / q)).sum()),
        ),
        "log-q-unweighted": Mutant(
            "only log p is weighted by p, log q is not: parentheses are missing around log p −"
            " log q",
            _div(lambda p, q: (p * np.log(p) - np.log(q)).sum()),
        ),
        "softmax-on-probs": Mutant(
            "the inputs went through a softmax: they already hold probabilities",
            _div(lambda p, q: _kl(_softmax(p), _softmax(q))),
        ),
        "first-outcome-only": Mutant(
            "only the first outcome was counted: is the `return` inside the loop?",
            _div(lambda p, q: float(_terms(p, q)[0])),
        ),
        "last-outcome-only": Mutant(
            "only the last outcome was counted: add to the total instead of replacing it",
            _div(lambda p, q: float(_terms(p, q)[-1])),
        ),
        "zero-log-zero-nan": Mutant(
            "0·log 0 gave NaN: what never happens costs nothing, so leave outcomes with p = 0 out"
            " of the sum",
            _div(lambda p, q: (p * np.log(p / q)).sum()),
        ),
        "both-zero-nan": Mutant(
            "NaN came up where p and q are both 0: what never happens costs nothing, so leave"
            " outcomes with p = 0 out of the sum",
            _div(lambda p, q: (_xlog(p, p) - p * np.log(q)).sum()),
        ),
        "zero-p-raises": Mutant(
            "p = 0 ends in an error, as `math.log(0)` does: what never happens costs nothing, so"
            " leave it out of the sum",
            _div(lambda p, q: sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))),
        ),
        "any-zero-raises": Mutant(
            "any 0 ends in an error, as `math.log(0)` does: leave out what has p = 0, and return"
            " `math.inf` where only q is 0",
            _div(
                lambda p, q: sum(a * (math.log(a) - math.log(b)) for a, b in zip(p, q, strict=True))
            ),
        ),
        "zero-q-raises": Mutant(
            "q = 0 ends in an error, as `math.log(0)` does: what never happens costs nothing, and"
            " what does happen costs ∞",
            _div(
                lambda p, q: sum(_xlog(a, a) - a * math.log(b) for a, b in zip(p, q, strict=True))
            ),
        ),
        "impossible-outcome-raises": Mutant(
            "an outcome that happens although its probability is 0 ends in an error, as"
            " `math.log(0)` does: return `math.inf` there",
            _div(
                lambda p, q: sum(
                    a * (math.log(a) - math.log(b)) for a, b in zip(p, q, strict=True) if a > 0
                )
            ),
        ),
        "q-clipped": Mutant(
            "an infinite divergence came out finite: q was clipped away from 0, or the result was"
            " capped; it is meant to be ∞",
            _div(lambda p, q: _kl(p, np.clip(q, 1e-12, 1))),
        ),
        "zero-q-dropped": Mutant(
            "outcomes with q = 0 were left out, even one that happens and costs ∞: leave out"
            " those with p = 0 instead",
            _div(
                lambda p, q: sum(
                    a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0 and b > 0
                )
            ),
        ),
        "infinite-for-any-zero-q": Mutant(
            "any q = 0 gives ∞ here: an outcome that never happens costs nothing, even if it was"
            " called impossible",
            _div(lambda p, q: _kl(p, q) if (q > 0).all() else math.inf),
        ),
        "input-mutated": Mutant(
            "an array that you were given was overwritten, so a second call goes wrong: work on a"
            " copy",
            _div(lambda p, q: np.multiply(p, np.log(np.where(p > 0, p / q, 1)), out=p).sum()),
        ),
    }
    | _refusals(_kl, "p", "q"),
    {
        "a loop": _div(
            lambda p, q: sum(
                a * math.log(a / b) if b > 0 else math.inf
                for a, b in zip(p, q, strict=True)
                if a > 0
            )
        ),
        "cross-entropy minus entropy": _div(_kl),
        "p over q where something happens": _div(
            lambda p, q: (p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum()
        ),
        "a difference of logarithms": _div(lambda p, q: np.nansum(p * (np.log(p) - np.log(q)))),
        "scipy's kl_div": lambda p, q: _scipy_kl(p, q),
        "float32": _div(lambda p, q: np.float32(_kl(p.astype(np.float32), q.astype(np.float32)))),
        "a PyTorch tensor comes back": lambda p, q: _torch_kl(p, q),
    },
)


def _scipy_kl(p: np.ndarray, q: np.ndarray) -> Any:
    from scipy import special

    _refuse(p, q)
    return special.kl_div(p, q).sum()


def _torch_kl(p: np.ndarray, q: np.ndarray) -> Tensor:
    import torch

    _refuse(p, q)
    theirs, believed = (torch.distributions.Categorical(torch.as_tensor(d)) for d in (p, q))
    return torch.distributions.kl_divergence(theirs, believed)


# ---- 2.3 gaussian_nll ----------------------------------------------------------------------------

LOG_ROOT_HALF = -0.5 * math.log(2)


def _far_out(ask: Ask, distance: float, log_sigma: Any) -> dict[str, Any]:
    """Facts, not values: what a floor under the density gives depends on the floor."""
    got = numbers_in(ask(np.array([5 - distance, 5 + distance]), 5.0, log_sigma))
    apart = distance * math.exp(-log_sigma)
    return {
        "every value is finite": bool(np.isfinite(got).all()),
        f"at a distance of {apart:.0f} σ the result is about ½·{apart:.0f}²": (
            got.shape == (2,) and bool(np.allclose(got, 0.5 * apart**2, rtol=1e-3))
        ),
    }


def _gaussian_cases(rng: np.random.Generator) -> list[Case]:
    mu, log_sigma = rng.uniform(2, 4), rng.uniform(0.4, 1.1)
    each = log_sigma * np.array([1, -0.6, 0.3, 1.4, -1])  # a σ of its own for each point
    five = mu + np.exp(each) * rng.uniform(0.4, 2, size=5) * [1, -1, 1, -1, 1]
    means = five - rng.uniform(0.5, 2, size=5) * [1, 1, -1, -1, 1]
    pair = np.array([1.5, -0.5])
    table = rng.normal(1, 1, size=(2, 3))
    return [
        Case("x = 12 under a Gaussian at 10 with log σ = log 2", (12.0, 10.0, math.log(2))),
        Case(
            "a narrow Gaussian, log σ = log 0.1, at its mean: a density may exceed 1, so the result"
            " may be negative",
            (3.0, 3.0, math.log(0.1)),
        ),
        Case(
            f"five points under one Gaussian at {mu:.2f}, log σ = {log_sigma:.2f}",
            (five, mu, log_sigma),
        ),
        Case("the same five points, each with a mean and a σ of its own", (five, means, each)),
        Case("the same as before, the same arrays, a second time", (five, means, each), again),
        Case(
            "σ = 1/√2, where only the squared error and a constant are left",
            (pair, np.zeros(2), LOG_ROOT_HALF),
        ),
        Case(
            "a table of shape (2, 3), with a σ for each entry",
            (table, np.ones((2, 3)), rng.uniform(0.2, 1, size=(2, 3))),
            lambda ask, *args: ask.probe("arrays", *args),
        ),
        Case(
            "three points near a million",
            (1e6 + rng.normal(size=3), np.full(3, 1e6), np.full(3, -0.5)),
            stress=True,
        ),
        Case(
            "log σ = −7, and points 10 away: about 11,000 standard deviations",
            (10.0, -7.0),
            _far_out,
            stress=True,
        ),
    ]


def _gaussian_oracle(x: Any, mu: Any, log_sigma: Any) -> Any:
    from scipy import stats

    return -stats.norm.logpdf(x, loc=mu, scale=np.exp(log_sigma))


HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def _of_sigma(nll: Callable[[Any, Any, Any], Any]) -> Callable:
    """An answer that turns log σ into σ as it should."""

    def answer(x: Any, mu: Any, log_sigma: Any) -> Any:
        with np.errstate(all="ignore"):
            return nll(x, mu, np.exp(log_sigma))

    return answer


def _of_log(nll: Callable[[Any, Any, Any], Any]) -> Callable:
    """An answer in terms of log σ, without NumPy's warnings."""

    def answer(x: Any, mu: Any, log_sigma: Any) -> Any:
        with np.errstate(all="ignore"):
            return nll(x, mu, log_sigma)

    return answer


def _gauss(x: Any, mu: Any, sigma: Any) -> Any:
    return HALF_LOG_2PI + np.log(sigma) + 0.5 * ((x - mu) / sigma) ** 2


def _half_square(x: Any, mu: Any, sigma: Any) -> Any:
    return 0.5 * ((x - mu) / sigma) ** 2


def _density(x: Any, mu: Any, sigma: Any) -> Any:
    return np.exp(-_half_square(x, mu, sigma)) / (math.sqrt(2 * math.pi) * sigma)


GAUSSIAN_NLL = Exercise(
    "2.3",
    "gaussian_nll",
    _gaussian_cases,
    _gaussian_oracle,
    {
        "log-sigma-as-sigma": Mutant(
            "`log_sigma` was used as σ itself: σ is its exponential",
            _of_log(lambda x, mu, s: HALF_LOG_2PI + np.log(s) + 0.5 * ((x - mu) / s) ** 2),
        ),
        "log-sigma-squared-as-variance": Mutant(
            "`log_sigma` was squared, as if it were σ itself: σ is its exponential, σ² is e^(2s)",
            _of_log(lambda x, mu, s: 0.5 * np.log(2 * np.pi * s**2) + (x - mu) ** 2 / (2 * s**2)),
        ),
        "log-sigma-as-variance": Mutant(
            "`log_sigma` was used as the variance: the variance is e^(2s)",
            _of_log(lambda x, mu, s: HALF_LOG_2PI + 0.5 * np.log(s) + 0.5 * (x - mu) ** 2 / s),
        ),
        "log-sigma-as-log-variance": Mutant(
            "`log_sigma` was taken for the logarithm of the variance, as if σ² = e^s: σ itself is"
            " e^s",
            _of_sigma(lambda x, mu, sigma: _gauss(x, mu, np.sqrt(sigma))),
        ),
        "sigma-squared-again": Mutant(
            "σ was squared once too often, as when σ² is passed to a function that expects the"
            " standard deviation",
            _of_sigma(lambda x, mu, sigma: _gauss(x, mu, sigma**2)),
        ),
        "log-taken-again": Mutant(
            "the logarithm of `log_sigma` was taken: it is a logarithm already",
            _of_log(lambda x, mu, s: HALF_LOG_2PI + np.log(s) + _half_square(x, mu, np.exp(s))),
        ),
        "square-over-log-sigma": Mutant(
            "the deviation was divided by `log_sigma`: divide it by σ, the exponential",
            _of_log(lambda x, mu, s: HALF_LOG_2PI + s + _half_square(x, mu, s)),
        ),
        "exponent-sign-flipped": Mutant(
            "the squared deviation was multiplied by σ²: it is divided by 2σ², so the exponent of"
            " e^(−2s) has a minus, and after a `/` the 2σ² belongs in parentheses",
            _of_sigma(
                lambda x, mu, sigma: HALF_LOG_2PI + np.log(sigma) + _half_square(x, mu, 1 / sigma)
            ),
        ),
        "one-sigma-for-all": Mutant(
            "one σ was used for all points: `log_sigma` may hold one for each",
            _of_sigma(lambda x, mu, sigma: _gauss(x, mu, np.exp(np.mean(np.log(sigma))))),
        ),
        "math-exp": Mutant(
            "`math.exp` takes one number, and `log_sigma` may hold many: use NumPy's",
            lambda x, mu, s: _gauss(x, mu, math.exp(s)),
        ),
        "loglik-not-nll": Mutant(
            "the sign is flipped: this is the log-likelihood, so return its negative",
            _of_sigma(lambda x, mu, sigma: -_gauss(x, mu, sigma)),
        ),
        "two-pi-missing": Mutant(
            "the 2π is missing: without it the density does not integrate to 1",
            _of_sigma(lambda x, mu, sigma: np.log(sigma) + _half_square(x, mu, sigma)),
        ),
        "torch-gaussian-nll-loss": Mutant(
            "the 2π is missing and σ was taken for the variance, as"
            " `torch.nn.functional.gaussian_nll_loss` does",
            _of_sigma(
                lambda x, mu, sigma: 0.5 * np.log(sigma) + _half_square(x, mu, math.sqrt(sigma))
            ),
        ),
        "log-sigma-missing": Mutant(
            "log σ is missing: without it the largest σ would always win",
            _of_sigma(lambda x, mu, sigma: HALF_LOG_2PI + _half_square(x, mu, sigma)),
        ),
        "normalizer-missing": Mutant(
            "the logarithm of √(2π)·σ is missing: only the squared part is there",
            _of_sigma(_half_square),
        ),
        "unit-sigma": Mutant(
            "σ plays no part: this is the result for σ = 1",
            _of_sigma(lambda x, mu, sigma: _gauss(x, mu, 1.0)),
        ),
        "square-half-missing": Mutant(
            "the ½ before the square is missing",
            _of_sigma(
                lambda x, mu, sigma: HALF_LOG_2PI + np.log(sigma) + 2 * _half_square(x, mu, sigma)
            ),
        ),
        "normalizer-half-missing": Mutant(
            "the ½ before log(2πσ²) is missing: the factor in front of the exponential is"
            " 1/√(2πσ²)",
            _of_sigma(
                lambda x, mu, sigma: (
                    2 * HALF_LOG_2PI + 2 * np.log(sigma) + _half_square(x, mu, sigma)
                )
            ),
        ),
        "both-halves-missing": Mutant(
            "both halves are missing: ½ log(2πσ²) and ½ ((x − μ)/σ)²",
            _of_sigma(lambda x, mu, sigma: 2 * _gauss(x, mu, sigma)),
        ),
        "log-two-pi-half-missing": Mutant(
            "the ½ before log 2π is missing",
            _of_sigma(
                lambda x, mu, sigma: 2 * HALF_LOG_2PI + np.log(sigma) + _half_square(x, mu, sigma)
            ),
        ),
        "square-over-sigma": Mutant(
            "the squared deviation was divided by σ, not by σ²",
            _of_sigma(
                lambda x, mu, sigma: HALF_LOG_2PI + np.log(sigma) + (x - mu) ** 2 / (2 * sigma)
            ),
        ),
        "square-over-sigma-fourth": Mutant(
            "the squared deviation was divided by σ⁴: one square too many",
            _of_sigma(
                lambda x, mu, sigma: HALF_LOG_2PI + np.log(sigma) + _half_square(x, mu, sigma**2)
            ),
        ),
        "square-not-scaled": Mutant(
            "the squared deviation was not divided by σ²: the smaller σ is, the less likely a"
            " given distance becomes",
            _of_sigma(lambda x, mu, sigma: HALF_LOG_2PI + np.log(sigma) + 0.5 * (x - mu) ** 2),
        ),
        "log-sigma-halved": Mutant(
            "σ was used under the square root, where σ² belongs: ½ log(2πσ²) has a whole log σ in"
            " it",
            _of_sigma(
                lambda x, mu, sigma: HALF_LOG_2PI + 0.5 * np.log(sigma) + _half_square(x, mu, sigma)
            ),
        ),
        "normalizer-halved-again": Mutant(
            "log(√(2π)·σ) was halved once more: the root is the half",
            _of_sigma(
                lambda x, mu, sigma: (
                    0.5 * (HALF_LOG_2PI + np.log(sigma)) + _half_square(x, mu, sigma)
                )
            ),
        ),
        "log-sigma-doubled": Mutant(
            "log σ counts once: ½ log σ² is log σ, not 2 log σ",
            _of_sigma(
                lambda x, mu, sigma: HALF_LOG_2PI + 2 * np.log(sigma) + _half_square(x, mu, sigma)
            ),
        ),
        "pi-for-two-pi": Mutant(
            "π was used where 2π belongs",
            _of_sigma(
                lambda x, mu, sigma: (
                    0.5 * math.log(math.pi) + np.log(sigma) + _half_square(x, mu, sigma)
                )
            ),
        ),
        "log-sigma-sign-flipped": Mutant(
            "log σ has the wrong sign: a wider Gaussian is lower, so its negative log-likelihood"
            " at the mean is larger",
            _of_sigma(
                lambda x, mu, sigma: HALF_LOG_2PI - np.log(sigma) + _half_square(x, mu, sigma)
            ),
        ),
        "normalizer-sign-flipped": Mutant(
            "½ log(2πσ²) has the wrong sign: a wider Gaussian is lower, so its negative"
            " log-likelihood at the mean is larger",
            _of_sigma(
                lambda x, mu, sigma: _half_square(x, mu, sigma) - HALF_LOG_2PI - np.log(sigma)
            ),
        ),
        "log-two-pi-sign-flipped": Mutant(
            "½ log 2π has the wrong sign",
            _of_sigma(
                lambda x, mu, sigma: _half_square(x, mu, sigma) - HALF_LOG_2PI + np.log(sigma)
            ),
        ),
        "square-sign-flipped": Mutant(
            "the square has the wrong sign: points far from the mean should be less likely",
            _of_sigma(
                lambda x, mu, sigma: HALF_LOG_2PI + np.log(sigma) - _half_square(x, mu, sigma)
            ),
        ),
        "squared-error-only": Mutant(
            "this is the squared error: σ must play a part, and so must 2π",
            _of_sigma(lambda x, mu, sigma: (x - mu) ** 2),
        ),
        "scaled-squared-error-only": Mutant(
            "this is the squared error divided by σ²: the ½ and the logarithm are missing",
            _of_sigma(lambda x, mu, sigma: ((x - mu) / sigma) ** 2),
        ),
        "fixed-sigma-root-half": Mutant(
            "the squared error plus the constant that belongs to σ = 1/√2: other values of σ"
            " weight the square by 1/(2σ²)",
            _of_sigma(lambda x, mu, sigma: (x - mu) ** 2 + 0.5 * math.log(math.pi)),
        ),
        "square-averaged": Mutant(
            "the squared deviations were averaged over the points: every point keeps its own",
            _of_sigma(
                lambda x, mu, sigma: (
                    HALF_LOG_2PI + np.log(sigma) + 0.5 * np.mean((x - mu) ** 2) / sigma**2 + 0 * x
                )
            ),
        ),
        "sum-over-points": Mutant(
            "the points were added up: return one value per point",
            _of_sigma(lambda x, mu, sigma: np.sum(_gauss(x, mu, sigma))),
        ),
        "mean-over-points": Mutant(
            "the points were averaged: return one value per point",
            _of_sigma(lambda x, mu, sigma: np.mean(_gauss(x, mu, sigma))),
        ),
        "density-underflow": Mutant(
            "right near the mean, but ∞ far away: the density was computed first and became 0; stay"
            " in logarithms throughout",
            _of_sigma(lambda x, mu, sigma: -np.log(_density(x, mu, sigma))),
        ),
        "log-floor-epsilon": Mutant(
            "far from the mean the values stop at a ceiling: a small number was added before the"
            " logarithm, or they were clipped",
            _of_sigma(lambda x, mu, sigma: -np.log(_density(x, mu, sigma) + 1e-300)),
        ),
        "density-returned": Mutant(
            "this is the density: return its negative logarithm", _of_sigma(_density)
        ),
        "negative-density": Mutant(
            "this is minus the density: its logarithm is missing",
            _of_sigma(lambda x, mu, sigma: -_density(x, mu, sigma)),
        ),
        "absolute-deviation": Mutant(
            "the deviation was not squared: |x − μ| falls off in straight lines, and a Gaussian"
            " needs the square",
            _of_sigma(
                lambda x, mu, sigma: HALF_LOG_2PI + np.log(sigma) + 0.5 * np.abs((x - mu) / sigma)
            ),
        ),
        "deviation-not-squared": Mutant(
            "the deviation was not squared: points below the mean should be as likely as those"
            " above",
            _of_sigma(lambda x, mu, sigma: HALF_LOG_2PI + np.log(sigma) + 0.5 * (x - mu) / sigma),
        ),
        "mean-not-subtracted": Mutant(
            "the mean was never subtracted", _of_sigma(lambda x, mu, sigma: _gauss(x, 0.0, sigma))
        ),
        "mean-from-data": Mutant(
            "the mean was computed from x: it is given as mu",
            _of_sigma(lambda x, mu, sigma: _gauss(x, np.mean(x), sigma)),
        ),
        "mu-averaged": Mutant(
            "one mean was used for all points: mu may hold one for each",
            _of_sigma(lambda x, mu, sigma: _gauss(x, np.mean(mu), sigma)),
        ),
        "mean-added": Mutant(
            "x and μ were added: it is their difference that counts",
            _of_sigma(lambda x, mu, sigma: _gauss(x, -mu, sigma)),
        ),
        "precedence-times-sigma": Mutant(
            "`/ 2 * sigma` divides by 2 and multiplies by σ, and σ is not squared: the 2σ²"
            " belongs in parentheses",
            _of_sigma(
                lambda x, mu, sigma: HALF_LOG_2PI + np.log(sigma) + (x - mu) ** 2 / 2 * sigma
            ),
        ),
        "normalizer-not-logged": Mutant(
            "the logarithm of √(2π)·σ was not taken, the factor itself was added",
            _of_sigma(
                lambda x, mu, sigma: math.sqrt(2 * math.pi) * sigma + _half_square(x, mu, sigma)
            ),
        ),
        "sigma-without-log": Mutant(
            "σ was added where log σ belongs",
            _of_sigma(lambda x, mu, sigma: HALF_LOG_2PI + sigma + _half_square(x, mu, sigma)),
        ),
        "variance-outside-log": Mutant(
            "σ² is outside the logarithm: it is ½ log(2πσ²), all of it inside",
            _of_sigma(lambda x, mu, sigma: HALF_LOG_2PI * sigma**2 + _half_square(x, mu, sigma)),
        ),
        "sigma-outside-log": Mutant(
            "σ is outside the logarithm: it is log(√(2π)·σ), all of it inside",
            _of_sigma(lambda x, mu, sigma: HALF_LOG_2PI * sigma + _half_square(x, mu, sigma)),
        ),
        "only-mu-scaled": Mutant(
            "only μ was divided by σ: put parentheses around x − μ",
            _of_sigma(
                lambda x, mu, sigma: HALF_LOG_2PI + np.log(sigma) + 0.5 * (x - mu / sigma) ** 2
            ),
        ),
        "parts-multiplied": Mutant(
            "the two parts were multiplied: the logarithm of a product is a sum",
            _of_sigma(
                lambda x, mu, sigma: (HALF_LOG_2PI + np.log(sigma)) * _half_square(x, mu, sigma)
            ),
        ),
        "log2-for-ln": Mutant(
            "this is in bits: use the natural logarithm, which gives nats",
            _of_sigma(lambda x, mu, sigma: _gauss(x, mu, sigma) / math.log(2)),
        ),
        "log10-for-ln": Mutant(
            "this is a logarithm to base 10: use the natural one, which gives nats",
            _of_sigma(lambda x, mu, sigma: _gauss(x, mu, sigma) / math.log(10)),
        ),
        "log10-in-normalizer": Mutant(
            "the logarithm of the factor in front is to base 10: use the natural one, `np.log`",
            _of_sigma(
                lambda x, mu, sigma: (
                    (HALF_LOG_2PI + np.log(sigma)) / math.log(10) + _half_square(x, mu, sigma)
                )
            ),
        ),
        "log2-in-normalizer": Mutant(
            "the logarithm of the factor in front is to base 2: use the natural one, `np.log`",
            _of_sigma(
                lambda x, mu, sigma: (
                    (HALF_LOG_2PI + np.log(sigma)) / math.log(2) + _half_square(x, mu, sigma)
                )
            ),
        ),
        "input-mutated": Mutant(
            "the array x was overwritten, so a second call goes wrong: work on a copy",
            _of_sigma(lambda x, mu, sigma: _spoiling_gauss(x, mu, sigma)),
        ),
    },
    {
        "one logarithm": _of_sigma(
            lambda x, mu, sigma: 0.5 * np.log(2 * np.pi * sigma**2) + (x - mu) ** 2 / (2 * sigma**2)
        ),
        "exercise 1.1 with the sign flipped": _of_log(
            lambda x, mu, s: (
                -(-0.5 * np.log(2 * np.pi * np.exp(2 * s)) - (x - mu) ** 2 / (2 * np.exp(2 * s)))
            )
        ),
        "no σ at all": _of_log(
            lambda x, mu, s: s + 0.5 * (np.log(2 * np.pi) + (x - mu) ** 2 * np.exp(-2 * s))
        ),
        "a loop over the points": _of_log(lambda x, mu, s: _looped_gauss(x, mu, s)),
        "scipy": _of_sigma(lambda x, mu, sigma: -_scipy_gauss(x, mu, sigma)),
        "a PyTorch tensor comes back": _of_sigma(lambda x, mu, sigma: _torch_gauss(x, mu, sigma)),
        "float32": _of_sigma(lambda x, mu, sigma: np.float32(_gauss(x, mu, sigma))),
    },
)


def _spoiling_gauss(x: Any, mu: Any, sigma: Any) -> Any:
    x -= mu
    return _gauss(x, 0.0, sigma)


def _looped_gauss(x: Any, mu: Any, s: Any) -> np.ndarray:
    every = np.broadcast_arrays(x, mu, s)
    values = [_gauss(a, b, math.exp(c)) for a, b, c in zip(*map(np.ravel, every), strict=True)]
    return np.reshape(values, np.shape(every[0]))


def _scipy_gauss(x: Any, mu: Any, sigma: Any) -> Any:
    from scipy import stats

    return stats.norm(mu, sigma).logpdf(x)


def _torch_gauss(x: Any, mu: Any, sigma: Any) -> Tensor:
    import torch

    mean, width = (
        torch.as_tensor(mu, dtype=torch.float64),
        torch.as_tensor(sigma, dtype=torch.float64),
    )
    return -torch.distributions.Normal(mean, width).log_prob(
        torch.as_tensor(x, dtype=torch.float64)
    )


# ---- 2.4 pair ------------------------------------------------------------------------------------


def _pair_cases(rng: np.random.Generator) -> list[Case]:
    z, x = rng.random(9), rng.normal(0, 2, size=9)
    z4, x4 = np.array([0.2, 0.9, 0.5, 0.7]), np.array([1.0, 4.0, -2.0, 0.5])
    return [
        Case(
            "z = (0.7, 0.1, 0.4) and x = (−3, 5, 1)",
            (np.array([0.7, 0.1, 0.4]), np.array([-3.0, 5.0, 1.0])),
        ),
        Case("z = (0.2, 0.9, 0.5, 0.7) and x = (1, 4, −2, 0.5)", (z4, x4)),
        Case("nine random pairs", (z, x)),
        Case("the same nine, the same arrays, a second time", (z, x), again),
        Case(
            "values of x that occur twice",
            (rng.random(9), rng.permutation([2.5, -2.5, 2.5, 0.5, -2.5, -2.5, 0.5, 1.5, 1.5])),
        ),
        Case("a single pair", (z[:1], x[:1])),
    ]


def _pair_oracle(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    from scipy import stats

    return np.quantile(x, (stats.rankdata(z) - 1) / max(1, len(z) - 1), method="nearest")


def _rank(z: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(z))


def _sorting_in_place(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    x.sort()
    return x[np.argsort(np.argsort(z))]


def _by_sorted_pairs(z: np.ndarray, x: np.ndarray) -> list[float]:
    partner = dict(zip(sorted(range(len(z)), key=lambda i: z[i]), sorted(x), strict=True))
    return [float(partner[i]) for i in range(len(z))]


def _by_assignment(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    out = np.empty(len(x))
    out[np.argsort(z)] = np.sort(x)
    return out


def _greedy(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    left = list(x)
    return np.array([left.pop(int(np.argmin(np.abs(np.array(left) - v)))) for v in z])


PAIR = Exercise(
    "2.4",
    "pair",
    _pair_cases,
    _pair_oracle,
    {
        "sorted-x-only": Mutant(
            "x was sorted, but each z keeps its own place: the smallest x belongs where the"
            " smallest z is",
            lambda z, x: np.sort(x),
        ),
        "x-unchanged": Mutant(
            "x came back as it was: the partners are still random", lambda z, x: x
        ),
        "argsort-for-rank": Mutant(
            "`np.argsort(z)` lists which z comes first, second, third; what is needed is the"
            " place of each z",
            lambda z, x: np.sort(x)[np.argsort(z)],
        ),
        "ranks-into-unsorted-x": Mutant(
            "the ranks are right, but they were looked up in the unsorted x: look them up in the"
            " sorted x",
            lambda z, x: x[_rank(z)],
        ),
        "argsort-into-unsorted-x": Mutant(
            "the unsorted x was reordered by `np.argsort(z)`: the smallest x belongs to the"
            " smallest z",
            lambda z, x: x[np.argsort(z)],
        ),
        "order-reversed": Mutant(
            "the largest x went to the smallest z: the order is reversed",
            lambda z, x: np.sort(x)[::-1][_rank(z)],
        ),
        "ranks-returned": Mutant(
            "these are the ranks of z: return the values of x with those ranks",
            lambda z, x: _rank(z),
        ),
        "roles-swapped": Mutant(
            "this reorders z by the ranks of x: the values that come back must be those of x",
            lambda z, x: np.sort(z)[_rank(x)],
        ),
        "x-by-own-ranks": Mutant(
            "x was looked up by its own ranks, and z plays no part: each z needs the x of *its*"
            " rank",
            lambda z, x: x[_rank(x)],
        ),
        "x-sorted-descending": Mutant(
            "x was sorted from large to small, and z plays no part: each z needs the x of its rank",
            lambda z, x: np.sort(x)[::-1],
        ),
        "both-sorted-returned": Mutant(
            "both came back, sorted: return the partners of z alone, in the order of z",
            lambda z, x: (np.sort(z), np.sort(x)),
        ),
        "pairs-returned": Mutant(
            "pairs came back: return the partners alone, one value of x for each z",
            lambda z, x: np.stack([z, np.sort(x)[_rank(z)]], axis=1),
        ),
        "indices-returned": Mutant(
            "these are positions in x: return the values at these positions",
            lambda z, x: np.argsort(x)[_rank(z)],
        ),
        "nearest-neighbor": Mutant(
            "each z got the x nearest to it in value, so some x are used twice: pair by rank",
            lambda z, x: x[np.abs(z[:, None] - x).argmin(axis=1)],
        ),
        "x-reordered-twice": Mutant(
            "x was reordered by `np.argsort(z)` and then by `np.argsort(x)`: take the sorted x, at"
            " the rank of each z",
            lambda z, x: x[np.argsort(z)][np.argsort(x)],
        ),
        "greedy-nearest": Mutant(
            "each z in turn got the nearest x that was left, in value: pair by rank instead",
            lambda z, x: _greedy(z, x),
        ),
        "argsort-for-rank-descending": Mutant(
            "`np.argsort(-z)` lists the z from the largest to the smallest; what is needed is the"
            " place of each z, from the smallest up",
            lambda z, x: np.sort(x)[::-1][np.argsort(-z)],
        ),
        "ranks-one-too-small": Mutant(
            "the ranks are one too small, so the smallest z got the largest x: they count from 0",
            lambda z, x: np.sort(x)[_rank(z) - 1],
        ),
        "integer-result": Mutant(
            "the values of x were cut to whole numbers: store them in an array of floats",
            lambda z, x: np.sort(x)[_rank(z)].astype(int),
        ),
        "z-placed-among-x": Mutant(
            "each z was placed among the values of x: the rank of z is its place among all z",
            lambda z, x: np.sort(x)[np.minimum(np.searchsorted(np.sort(x), z), len(x) - 1)],
        ),
        "quantiles-at-z": Mutant(
            "quantiles of x at z were taken, which lie between the values of x: pair by rank",
            lambda z, x: np.quantile(x, np.clip(z, 0, 1)),
        ),
        "mean-for-all": Mutant(
            "every z got the same partner, the mean: every x belongs to exactly one z",
            lambda z, x: np.full(len(z), x.mean()),
        ),
    },
    {
        "filling the places in the order of z": _by_assignment,
        "a dictionary of partners": _by_sorted_pairs,
        "counting how many z are smaller": lambda z, x: np.sort(x)[
            (z[None] < z[:, None]).sum(axis=1)
        ],
        "sorting in place": _sorting_in_place,
        "scipy's ranks": lambda z, x: np.sort(x)[
            __import__("scipy.stats").stats.rankdata(z).astype(int) - 1
        ],
    },
)


# ---- 2.5 bce_logits ------------------------------------------------------------------------------

WRONG_BOTH_WAYS = (np.array([1.0, -1.0]), np.array([0.0, 1.0]))
ALL_WAYS = (np.array([1.0, -1.0, 1.0, -1.0]), np.array([0.0, 1.0, 1.0, 0.0]))


def _far(ask: Ask, size: float) -> dict[str, Any]:
    """Facts about z = ±size, not values: what a floor under the probability gives depends on the
    floor.
    """
    signs, t = ALL_WAYS
    got = numbers_in(ask(size * signs, t))
    right = got.shape == (4,) and np.allclose(got, [size, size, 0, 0], rtol=1e-5, atol=1e-5)
    return {
        "every value is finite": bool(np.isfinite(got).all()),
        (
            f"a pixel with |z| = {size:g} costs {size:g} nats if it was certain and wrong,"
            " nothing if it was right"
        ): right,
    }


def _slope(ask: Ask, z: np.ndarray, t: np.ndarray) -> Any:
    return numbers_in(ask(z + 0.5, t)) - numbers_in(ask(z - 0.5, t))


def _tiny(ask: Ask) -> dict[str, Any]:
    """Which of the two comes out exact depends on the order of adding, in right formulas too, so
    one is enough.
    """
    got = numbers_in(ask(np.array([-40.0, 40.0]), np.array([0.0, 1.0])))
    return {
        (
            "a pixel that was nearly certain, and right, costs a little: e^(−40) at z = 40, t = 1"
            " or at z = −40, t = 0"
        ): bool(np.isclose(got, math.exp(-40), rtol=1e-4, atol=0).any())
    }


def _bce_cases(rng: np.random.Generator) -> list[Case]:
    z, soft = (
        rng.uniform(0.5, 3, size=6) * [1, -1, 1, -1, 1, -1],
        np.array([0.3, 0.8, 0.6, 0.1, 0.0, 1.0]),
    )
    ordinary_case = partial(Case, atol=1e-6)
    return [
        ordinary_case("z = (2, 2) with t = (1, 0)", (np.array([2.0, 2.0]), np.array([1.0, 0.0]))),
        ordinary_case(
            "ink and paper, random logits, t = (1, 1, 0, 0, 1, 0)",
            (z, np.array([1.0, 1, 0, 0, 1, 0])),
        ),
        ordinary_case(f"gray pixels, t = {tuple(soft.tolist())}", (z[::-1].copy(), soft)),
        ordinary_case(
            "the same gray pixels, the same arrays, a second time", (z[::-1].copy(), soft), again
        ),
        ordinary_case(
            "a table of shape (2, 3)", (rng.uniform(-3, 3, (2, 3)), rng.uniform(0.1, 0.9, (2, 3)))
        ),
        ordinary_case(
            "a single logit z = −1.5 with t = 0.3, an array of shape ()",
            (np.array(-1.5), np.array(0.3)),
        ),
        Case("certain: z = ±200, targets 0 and 1", (200.0,), _far, stress=True),
        Case(
            "the gradient where the model is certain and wrong: z = 50, t = 0 and z = −50, t = 1,"
            " from 0.5 to either side",
            (50 * WRONG_BOTH_WAYS[0], WRONG_BOTH_WAYS[1]),
            _slope,
            rtol=1e-4,
            atol=1e-4,
            stress=True,
        ),
        Case("more than certain: z = ±10000, targets 0 and 1", (10000.0,), _far, stress=True),
        Case("nearly certain and right: z = 40, t = 1 and z = −40, t = 0", (), _tiny, stress=True),
    ]


def _bce_oracle(z: np.ndarray, t: np.ndarray) -> Any:
    from scipy import special

    return -(t * special.log_expit(z) + (1 - t) * special.log_expit(-z))


def _softplus(z: Any) -> Any:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def _bce(z: Any, t: np.ndarray) -> Any:
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _written_by_place(z: np.ndarray, t: np.ndarray) -> np.ndarray:
    out = np.log1p(np.exp(np.minimum(z, 0)))
    out[z > 0] = z[z > 0] + np.log1p(np.exp(-z[z > 0]))
    return out - t * z


def _coins(theta: Any, t: np.ndarray) -> Any:
    "The negative log-likelihood from probabilities, as the formula has it."
    with np.errstate(all="ignore"):
        return -t * np.log(theta) - (1 - t) * np.log(1 - theta)


BCE_LOGITS = Exercise(
    "2.5",
    "bce_logits",
    _bce_cases,
    _bce_oracle,
    {
        "naive-sigmoid-log": Mutant(
            "right for ordinary logits, but for large ones σ(z) becomes 0 or 1 and log 0 comes up:"
            " write both logarithms without σ",
            lambda z, t: _coins(_sigmoid(z), t),
        ),
        "probability-clipped": Mutant(
            "where the model is certain and wrong the gradient is 0: a probability or logit was"
            " clipped, or a small number was added",
            lambda z, t: _coins(np.clip(_sigmoid(z), 1e-7, 1 - 1e-7), t),
        ),
        "naive-sigmoid-log1p": Mutant(
            "right for ordinary logits and tiny losses; for large logits σ(z) becomes 1 and log 0"
            " comes up: write both logarithms without σ",
            lambda z, t: (
                -_xlog(t, _sigmoid(z)) - np.where(t == 1, 0.0, (1 - t) * np.log1p(-_sigmoid(z)))
            ),
        ),
        "log-clamped-at-100": Mutant(
            "where the model is certain and wrong the gradient is 0: an infinite logarithm was"
            " capped, as in PyTorch's `binary_cross_entropy` at 100",
            lambda z, t: (
                np.minimum(_softplus(-z), 100) * t
                + np.where(z > 36.7, 100, np.minimum(_softplus(z), 100)) * (1 - t)
            ),
        ),
        "nan-to-num": Mutant(
            "where the model is certain and wrong the gradient is 0: infinite or missing numbers"
            " were replaced, as `np.nan_to_num` does, instead of avoided",
            lambda z, t: np.nan_to_num(_coins(_sigmoid(z), t)),
        ),
        "probability-clipped-above-only": Mutant(
            "the probability was clipped at the upper end only: paper that was certain to be ink"
            " has a gradient of 0, and log 0 still comes up",
            lambda z, t: _coins(np.minimum(_sigmoid(z), 1 - 1e-9), t),
        ),
        "exp-overflow-without-log1p": Mutant(
            "an exponential overflows for large logits: take it out, log(1 + e^a) = a + log(1 +"
            " e^−a); and tiny values need `log1p`",
            lambda z, t: np.log(1 + np.exp(z)) - t * z,
        ),
        "exp-overflow": Mutant(
            "an exponential overflows for large logits: take a positive exponent out, log(1 + e^a)"
            " = a + log(1 + e^−a)",
            lambda z, t: np.log1p(np.exp(z)) - t * z,
        ),
        "log1p-precision-lost": Mutant(
            "right except for very small losses, which come out as 0: next to a 1, e^−40 is"
            " rounded away; `np.log1p` keeps it",
            lambda z, t: np.maximum(z, 0) - z * t + np.log(1 + np.exp(-np.abs(z))),
        ),
        "logit-clipped": Mutant(
            "the logit, or its exponential, was clipped at a few hundred: finite, but wrong"
            " beyond that; no exponent needs to be positive",
            lambda z, t: np.log1p(np.exp(np.clip(z, -500, 500))) - t * np.clip(z, -500, 500),
        ),
        "logit-clipped-without-log1p": Mutant(
            "the logit, or its exponential, was clipped at a few hundred: wrong beyond that, and"
            " tiny losses need `np.log1p`",
            lambda z, t: np.log(1 + np.exp(np.clip(z, -500, 500))) - t * np.clip(z, -500, 500),
        ),
        "logit-as-probability": Mutant(
            "z was taken for a probability: it is a logit, and the probability is σ(z)", _coins
        ),
        "clipped-logit-as-probability": Mutant(
            "z was taken for a probability and clipped to lie between 0 and 1: it is a logit, and"
            " the probability is σ(z)",
            lambda z, t: _coins(np.clip(z, 1e-7, 1 - 1e-7), t),
        ),
        "double-sigmoid": Mutant(
            "the sigmoid was applied twice, as when σ(z) is passed to a function that expects"
            " logits",
            lambda z, t: _bce(_sigmoid(z), t),
        ),
        "positive-term-only": Mutant(
            "only the ink half is there: paper, 1 − t, has a term of its own, −log(1 − σ(z))",
            lambda z, t: t * _softplus(-z),
        ),
        "negative-term-only": Mutant(
            "only the paper half is there: ink, t, has a term of its own, −log σ(z)",
            lambda z, t: (1 - t) * _softplus(z),
        ),
        "sign-flipped": Mutant(
            "the sign is flipped: logarithms of probabilities are negative, and a negative"
            " log-likelihood is not",
            lambda z, t: -_bce(z, t),
        ),
        "negative-term-sign-flipped": Mutant(
            "the two halves have different signs: both logarithms get a minus",
            lambda z, t: t * _softplus(-z) - (1 - t) * _softplus(z),
        ),
        "positive-term-sign-flipped": Mutant(
            "the two halves have different signs, the ink half the wrong one: both logarithms get a"
            " minus",
            lambda z, t: (1 - t) * _softplus(z) - t * _softplus(-z),
        ),
        "brackets-missing-one-minus-t": Mutant(
            "parentheses are missing around 1 − t: 1 is added and only t is multiplied",
            lambda z, t: -(-t * _softplus(-z) + 1 + t * _softplus(z)),
        ),
        "mean-returned": Mutant(
            "the mean came back: return one loss per pixel",
            lambda z, t: np.mean(_bce(z, t)),
        ),
        "sum-returned": Mutant(
            "the sum came back: return one loss per pixel",
            lambda z, t: np.sum(_bce(z, t)),
        ),
        "sum-over-last-axis": Mutant(
            "the losses were added along the last axis: return one loss per pixel",
            lambda z, t: np.sum(_bce(z, t), axis=-1),
        ),
        "arguments-swapped": Mutant(
            "z and t are swapped: the first argument holds the logits", lambda z, t: _bce(t, z)
        ),
        "logit-sign-flipped": Mutant(
            "ink and paper are swapped: t = 1 wants a large logit", lambda z, t: _bce(-z, t)
        ),
        "log1p-term-missing": Mutant(
            "the logarithm is missing: max(z, 0) − z·t has a corner at 0, which log(1 + e^−|z|)"
            " rounds off",
            lambda z, t: np.maximum(z, 0) - z * t,
        ),
        "target-term-sign-flipped": Mutant(
            "z·t has the wrong sign: ink, t = 1, and a large logit should agree",
            lambda z, t: np.maximum(z, 0) + z * t + np.log1p(np.exp(-np.abs(z))),
        ),
        "relu-term-missing": Mutant(
            "max(z, 0) is missing: log(1 + e^z) is max(z, 0) + log(1 + e^−|z|)",
            lambda z, t: np.log1p(np.exp(-np.abs(z))) - z * t,
        ),
        "abs-for-relu": Mutant(
            "|z| was used where max(z, 0) belongs",
            lambda z, t: np.abs(z) - z * t + np.log1p(np.exp(-np.abs(z))),
        ),
        "min-for-max": Mutant(
            "min was used where max belongs: log(1 + e^z) is max(z, 0) + log(1 + e^−|z|)",
            lambda z, t: np.minimum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))),
        ),
        "z-for-relu": Mutant(
            "z was taken out of the logarithm for both signs: for z < 0 the max(z, 0) is 0",
            lambda z, t: z - z * t + np.log1p(np.exp(-np.abs(z))),
        ),
        "exponent-minus-z": Mutant(
            "the exponent is −z, where max(z, 0) needs −|z|: negative logits come out too large",
            lambda z, t: np.maximum(z, 0) - z * t + np.log1p(np.exp(-z)),
        ),
        "exponent-plus-z": Mutant(
            "the exponent is z, where max(z, 0) needs −|z|",
            lambda z, t: np.maximum(z, 0) - z * t + np.log1p(np.exp(z)),
        ),
        "exponent-plus-abs-z": Mutant(
            "the exponent is |z|, and should be −|z|, which is never positive",
            lambda z, t: np.maximum(z, 0) - z * t + np.log1p(np.exp(np.abs(z))),
        ),
        "log1p-sign-flipped": Mutant(
            "the logarithm has the wrong sign: max(z, 0) − z·t *plus* log(1 + e^−|z|)",
            lambda z, t: np.maximum(z, 0) - z * t - np.log1p(np.exp(-np.abs(z))),
        ),
        "one-added-twice": Mutant(
            "1 was added twice: `np.log1p(u)` is log(1 + u) already",
            lambda z, t: np.maximum(z, 0) - z * t + np.log1p(1 + np.exp(-np.abs(z))),
        ),
        "scalar-max": Mutant(
            "`if` and `max` look at one number, and z holds many: `np.where` and `np.maximum`"
            " choose entry by entry",
            lambda z, t: max(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))),
        ),
        "fails-on-scalars": Mutant(
            "right for arrays, but entries are assigned by index, which a single number does not"
            " allow: `np.where` works for both",
            lambda z, t: _written_by_place(z, t),
        ),
        "math-scalar-functions": Mutant(
            "functions of `math` take one number, and z and t hold many: use NumPy's",
            lambda z, t: (
                max(z, 0) - z * t + math.log1p(math.exp(-abs(z))) if z.ndim == 0 else math.exp(z)
            ),
        ),
        "np-max-for-maximum": Mutant(
            "`np.max` looks for the largest entry: `np.maximum` compares every entry with 0",
            lambda z, t: np.max(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))),
        ),
        "target-without-logit": Mutant(
            "t is subtracted without its z: the two logarithms differ by z, so subtract z·t",
            lambda z, t: _softplus(z) - t,
        ),
        "softplus-without-target": Mutant(
            "log(1 + e^z) is the loss at t = 0: subtract z·t, so that the target plays a part",
            lambda z, t: _softplus(z),
        ),
        "softplus-negated-without-target": Mutant(
            "log(1 + e^−z) is the loss at t = 1: the target must play a part",
            lambda z, t: _softplus(-z),
        ),
        "wrong-linear-term": Mutant(
            "log(1 + e^−z) is right for ink, but t·z was subtracted: for −z it is (1 − t)·z, and it"
            " is added",
            lambda z, t: _softplus(-z) - t * z,
        ),
        "both-weights-missing": Mutant(
            "the weights t and 1 − t are missing", lambda z, t: _softplus(-z) + _softplus(z)
        ),
        "positive-weight-missing": Mutant(
            "the weight t of the ink half is missing",
            lambda z, t: _softplus(-z) + (1 - t) * _softplus(z),
        ),
        "negative-weight-missing": Mutant(
            "the weight 1 − t of the paper half is missing",
            lambda z, t: t * _softplus(-z) + _softplus(z),
        ),
        "log2-for-ln": Mutant(
            "this is in bits: use the natural logarithm, which gives nats",
            lambda z, t: _bce(z, t) / math.log(2),
        ),
        "log10-for-ln": Mutant(
            "this is a logarithm to base 10: use the natural one, which gives nats",
            lambda z, t: _bce(z, t) / math.log(10),
        ),
        "targets-rounded": Mutant(
            "gray targets were rounded to ink or paper at ½: t may lie anywhere between 0 and 1",
            lambda z, t: _bce(z, np.where(t > 0.5, 1.0, 0.0)),
        ),
        "soft-targets-as-zero": Mutant(
            "gray targets were taken for paper: t may lie anywhere between 0 and 1",
            lambda z, t: _bce(z, np.where(t == 1, 1.0, 0.0)),
        ),
        "soft-targets-as-one": Mutant(
            "gray targets were taken for ink: t may lie anywhere between 0 and 1",
            lambda z, t: _bce(z, np.where(t > 0, 1.0, 0.0)),
        ),
        "hard-target-margin": Mutant(
            "right for ink and paper, wrong for gray: (2t − 1)·z in the exponent works for targets"
            " 0 and 1 only",
            lambda z, t: _softplus((1 - 2 * t) * z),
        ),
        "margin-sign-flipped": Mutant(
            "the exponent (2t − 1)·z has the wrong sign, and that trick works for targets 0 and 1"
            " only: gray ones must work too",
            lambda z, t: _softplus((2 * t - 1) * z),
        ),
        "wrong-log-complement": Mutant(
            "log(1 − σ) is not 1 − log σ: the paper half is log(1 + e^z)",
            lambda z, t: t * _softplus(-z) - (1 - t) * (1 + _softplus(-z)),
        ),
        "logaddexp-one-for-zero": Mutant(
            "`np.logaddexp` takes logarithms: for log(1 + e^z) its first argument is log 1, which"
            " is 0",
            lambda z, t: np.logaddexp(1, z) - t * z,
        ),
        "log2-in-softplus": Mutant(
            "log(1 + e^−|z|) is to base 2: use the natural logarithm",
            lambda z, t: np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))) / math.log(2),
        ),
        "log-of-mixture": Mutant(
            "right for ink and paper, wrong for gray: average the two logarithms, not the"
            " probabilities inside one logarithm",
            lambda z, t: -np.log(t * _sigmoid(z) + (1 - t) * _sigmoid(-z)),
        ),
        "squared-error-of-sigmoid": Mutant(
            "this is a squared error between σ(z) and t: the loss of a Bernoulli variable is a"
            " logarithm",
            lambda z, t: (_sigmoid(z) - t) ** 2,
        ),
        "squared-error-of-logit": Mutant(
            "this is a squared error between z and t: the loss of a Bernoulli variable is a"
            " logarithm, and z is no probability",
            lambda z, t: (z - t) ** 2,
        ),
        "hinge-loss": Mutant(
            "this is a hinge, max(0, 1 − (2t − 1)·z): the loss of a Bernoulli variable is a"
            " logarithm",
            lambda z, t: np.maximum(0, 1 - (2 * t - 1) * z),
        ),
        "gradient-returned": Mutant(
            "this is the gradient, σ(z) − t: return the loss itself",
            lambda z, t: _sigmoid(z) - t,
        ),
        "negative-gradient-returned": Mutant(
            "this is the gradient with its sign flipped, t − σ(z): return the loss itself",
            lambda z, t: t - _sigmoid(z),
        ),
        "likelihood-returned": Mutant(
            "this is the probability of the target: return its negative logarithm",
            lambda z, t: np.exp(-_bce(z, t)),
        ),
        "tanh-for-sigmoid": Mutant(
            "the bridge from logits to probabilities is the sigmoid; this is ½(1 + tanh z), which"
            " is σ(2z)",
            lambda z, t: _bce(2 * z, t),
        ),
        "softmax-for-sigmoid": Mutant(
            "the logits went through a softmax, as if the pixels were exclusive classes: every"
            " pixel is a Bernoulli variable of its own",
            lambda z, t: _coins(np.exp(z) / np.exp(z).sum(), t),
        ),
        "target-entropy-subtracted": Mutant(
            "the entropy of the target was subtracted, which gives a KL divergence: return the"
            " whole negative log-likelihood",
            lambda z, t: _bce(z, t) + _xlog(t, t) + _xlog(1 - t, 1 - t),
        ),
        "input-mutated": Mutant(
            "the array z was overwritten, so a second call goes wrong: work on a copy",
            lambda z, t: np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z, out=z))),
        ),
    },
    {
        "two logarithms of sigmoids": lambda z, t: (
            t * np.logaddexp(0, -z) + (1 - t) * np.logaddexp(0, z)
        ),
        "logaddexp": lambda z, t: np.logaddexp(0, z) - t * z,
        "added in another order": lambda z, t: (
            np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))) - z * t
        ),
        "two branches": lambda z, t: (
            np.where(z >= 0, z + np.log1p(np.exp(-np.abs(z))), np.log1p(np.exp(-np.abs(z)))) - t * z
        ),
        "two branches, of which the other one overflows unseen": lambda z, t: np.where(
            z > 0, z - z * t + np.log1p(np.exp(-z)), -z * t + np.log1p(np.exp(z))
        ),
        "PyTorch's own": lambda z, t: _torch_bce(z, t),
        "a loop over the pixels": (
            lambda z, t: np.reshape(
                [
                    max(a, 0) - a * b + math.log1p(math.exp(-abs(a)))
                    for a, b in zip(np.ravel(z), np.ravel(t), strict=True)
                ],
                np.shape(z),
            ).tolist()
        ),
        "masks": lambda z, t: _masked_bce(z, t),
        "float32": lambda z, t: _bce(z.astype(np.float32), t.astype(np.float32)),
    },
)


def _torch_bce(z: np.ndarray, t: np.ndarray) -> Tensor:
    import torch

    return torch.nn.functional.binary_cross_entropy_with_logits(
        torch.as_tensor(z), torch.as_tensor(t), reduction="none"
    )


def _masked_bce(z: np.ndarray, t: np.ndarray) -> np.ndarray:
    out, positive = np.empty_like(z), z > 0
    out[positive] = (1 - t[positive]) * z[positive] + np.log1p(np.exp(-z[positive]))
    out[~positive] = np.log1p(np.exp(z[~positive])) - t[~positive] * z[~positive]
    return out


EXERCISES = [CROSS_ENTROPY, KL, GAUSSIAN_NLL, PAIR, BCE_LOGITS]
