"""A twin of exercise 4.2: the same divergence to another prior. An example; change it before you
use it for marks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from course_utils.asking.ask import Ask, TensorArg
from course_utils.checks.exercise import Case, Exercise, Mutant, again

close_case = partial(Case, rtol=1e-4, atol=1e-5)  # float32


def _gradients(ask: Ask, *args: Any) -> Any:
    return ask.probe("gradient", ["mu", "logvar"], *args)


def _cases(rng: np.random.Generator) -> list[Case]:
    mu, logvar = (TensorArg(a) for a in rng.normal(size=(2, 5, 3)))
    m, s = float(rng.normal(0.5, 1)), float(rng.uniform(1.3, 2.5))
    zeros = TensorArg(np.zeros((1, 2)))
    return [
        close_case("N(0, 1) to itself: 0 nats", (zeros, zeros, 0.0, 1.0)),
        close_case("N(0, 1) to N(3, 1) in two dimensions: 9 nats", (zeros, zeros, 3.0, 1.0)),
        close_case(
            "N(0, 1) to N(0, 4) in two dimensions: log 4 − 3/4 nats", (zeros, zeros, 0.0, 2.0)
        ),
        close_case(f"five codes of three numbers, to N({m:.2f}, {s:.2f}²)", (mu, logvar, m, s)),
        close_case("the same five codes, a second time", (mu, logvar, m, s), again),
        close_case(
            "the same five codes: the value, and the gradients that reach mu and logvar",
            (mu, logvar, m, s),
            _gradients,
        ),
        close_case("a narrow prior, s = 0.5", (mu, logvar, -0.3, 0.5)),
        close_case(
            "a very narrow code and a very wide one",
            (TensorArg(np.zeros((2, 1))), TensorArg(np.array([[-30.0], [10.0]])), 1.0, 2.0),
            stress=True,
        ),
    ]


def _oracle(mu: Any, logvar: Any, m: float, s: float) -> Any:
    import torch
    from torch.distributions import Normal, kl_divergence

    mu, logvar = mu.double(), logvar.double()
    return kl_divergence(
        Normal(mu, logvar.exp().sqrt()), Normal(torch.full_like(mu, m), torch.full_like(mu, s))
    ).sum(1)


def _sum(each: Callable[..., Any]) -> Callable[..., Any]:
    """An answer from the divergence of every single number."""
    return lambda mu, logvar, m, s: each(mu, logvar, m, s).sum(1)


def _each(mu: Any, logvar: Any, m: float, s: float) -> Any:
    return 0.5 * ((logvar.exp() + (mu - m) ** 2) / s**2 - 1 - logvar + 2 * math.log(s))


def _reverse(mu: Any, logvar: Any, m: float, s: float) -> Any:
    return 0.5 * ((s**2 + (mu - m) ** 2) / logvar.exp() - 1 + logvar - 2 * math.log(s))


BETWEEN = Exercise(
    "4.2t",
    "kl_between",
    _cases,
    _oracle,
    {
        "prior-ignored": Mutant(
            "m and s are ignored: this is the KL to N(0, 1)",
            _sum(lambda mu, logvar, m, s: 0.5 * (mu**2 + logvar.exp() - 1 - logvar)),
        ),
        "s-ignored": Mutant(
            "s is ignored: it divides the squares, and its logarithm is added",
            _sum(lambda mu, logvar, m, s: 0.5 * ((mu - m) ** 2 + logvar.exp() - 1 - logvar)),
        ),
        "m-ignored": Mutant(
            "m is ignored: the distance to the prior's mean counts",
            _sum(
                lambda mu, logvar, m, s: (
                    0.5 * ((mu**2 + logvar.exp()) / s**2 - 1 - logvar + 2 * math.log(s))
                )
            ),
        ),
        "log-s-missing": Mutant(
            "log s is missing",
            _sum(
                lambda mu, logvar, m, s: 0.5 * ((logvar.exp() + (mu - m) ** 2) / s**2 - 1 - logvar)
            ),
        ),
        "log-s-halved": Mutant(
            "log s came in half: the ½ in front belongs to log s², which is 2·log s",
            _sum(lambda mu, logvar, m, s: _each(mu, logvar, m, s) - 0.5 * math.log(s)),
        ),
        "log-s-sign-flipped": Mutant(
            "log s has the wrong sign: a wide prior spreads its probability thinner",
            _sum(lambda mu, logvar, m, s: _each(mu, logvar, m, s) - 2 * math.log(s)),
        ),
        "squares-over-s": Mutant(
            "the squares were divided by s: s is the standard deviation, so divide by s²",
            _sum(
                lambda mu, logvar, m, s: (
                    0.5 * ((logvar.exp() + (mu - m) ** 2) / s - 1 - logvar + 2 * math.log(s))
                )
            ),
        ),
        "s-as-variance": Mutant(
            "s was taken for the variance: it is the standard deviation",
            _sum(
                lambda mu, logvar, m, s: (
                    0.5 * ((logvar.exp() + (mu - m) ** 2) / s - 1 - logvar + math.log(s))
                )
            ),
        ),
        "only-shift-scaled": Mutant(
            "only the shift was divided by s²: the variance is, too",
            _sum(
                lambda mu, logvar, m, s: (
                    0.5 * (logvar.exp() + (mu - m) ** 2 / s**2 - 1 - logvar + 2 * math.log(s))
                )
            ),
        ),
        "kl-reversed": Mutant(
            "the KL was taken from the prior to the code: the code comes first", _sum(_reverse)
        ),
        "sign-flipped": Mutant(
            "the sign is flipped: a KL divergence is never negative",
            _sum(lambda *args: -_each(*args)),
        ),
        "mean-over-latent": Mutant(
            "averaged over the code's dimensions: independent dimensions add up",
            lambda *args: _each(*args).mean(1),
        ),
        "sum-over-batch": Mutant(
            "summed over the batch: one value per row is asked for",
            lambda *args: _each(*args).sum(0),
        ),
        "one-value-for-batch": Mutant(
            "one value for all rows: one per row is asked for", lambda *args: _each(*args).sum()
        ),
        "no-gradient": Mutant(
            "the value is right, but no gradient reaches mu or logvar",
            lambda *args: _each(*args).sum(1).detach(),
        ),
    },
    {
        "torch.distributions": lambda mu, logvar, m, s: _distributions(mu, logvar, m, s),
        "standardized first": _sum(
            lambda mu, logvar, m, s: _each((mu - m) / s, logvar - 2 * math.log(s), 0.0, 1.0)
        ),
        "in float64": lambda mu, logvar, m, s: _each(mu.double(), logvar.double(), m, s).sum(1),
    },
)


def _distributions(mu: Any, logvar: Any, m: float, s: float) -> Any:
    import torch
    from torch.distributions import Normal, kl_divergence

    return kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(m, s)).sum(1)


EXERCISES = [BETWEEN]
