"""A twin of exercise 6.1: an inspector with soft labels. An example; change it before you use it
for marks.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from course_utils.asking.ask import Ask, TensorArg
from course_utils.checks.exercise import Case, Exercise, Mutant, again

close_case = partial(Case, rtol=1e-4, atol=1e-5)  # float32


def _with_gradients(ask: Ask, *args: Any) -> Any:
    return ask.probe("gradient", ["real", "fake"], *args)


def _cases(rng: np.random.Generator) -> list[Case]:
    real, fake, five, three = (TensorArg(2 * rng.normal(size=n)) for n in (5, 5, 6, 3))
    s = float(rng.uniform(0.75, 0.92))
    return [
        close_case(
            "one logit log 3 each, s = ¾: 0.562 + log 4 = 1.949",
            (TensorArg(np.log([3.0])), TensorArg(np.log([3.0])), 0.75),
        ),
        close_case(f"five real and five forged logits, s = {s:.2f}", (real, fake, s)),
        close_case("the same logits a second time", (real, fake, s), again),
        close_case(
            "the same, with the gradients that reach both", (real, fake, s), _with_gradients
        ),
        close_case(
            "six real and three forged: each half is averaged over its own batch",
            (five, three, 0.9),
        ),
        close_case("s = ½: what is real tells the inspector nothing", (real, fake, 0.5)),
        close_case("s = 1: hard labels, as in the lesson", (real, fake, 1.0)),
        close_case(
            "logits of ±200, with their gradients",
            (TensorArg(np.array([200.0, -200.0])), TensorArg(np.array([200.0, -200.0])), 0.9),
            _with_gradients,
            stress=True,
        ),
    ]


def _oracle(real: Any, fake: Any, s: float) -> Any:
    """By torch.distributions in float64."""
    import torch
    from torch.distributions import Bernoulli

    real, fake = Bernoulli(logits=real.double()), Bernoulli(logits=fake.double())
    yes, no = (torch.full_like(real.logits, label) for label in (1.0, 0.0))
    of_real = s * real.log_prob(yes) + (1 - s) * real.log_prob(no)
    return -of_real.mean() - fake.log_prob(torch.zeros_like(fake.logits)).mean()


def _each(logits: Any, label: float) -> Any:
    """Surprise in nats of every logit under a label between 0 and 1."""
    from torch.nn.functional import softplus

    return label * softplus(-logits) + (1 - label) * softplus(logits)


def _half(logits: Any, label: float) -> Any:
    return _each(logits, label).mean()


def _naive(real: Any, fake: Any, s: float) -> Any:
    real, fake = real.sigmoid(), fake.sigmoid()
    return -(s * real.log() + (1 - s) * (1 - real).log()).mean() - (1 - fake).log().mean()


def _with_logits(real: Any, fake: Any, s: float) -> Any:
    import torch

    loss = torch.nn.BCEWithLogitsLoss()
    return loss(real, torch.full_like(real, s)) + loss(fake, torch.zeros_like(fake))


def _log_sigmoids(real: Any, fake: Any, s: float) -> Any:
    from torch.nn.functional import logsigmoid as log

    return -(s * log(real) + (1 - s) * log(-real)).mean() - log(-fake).mean()


SOFT = Exercise(
    "6.1t",
    "soft_d_loss",
    _cases,
    _oracle,
    {
        "smoothing-ignored": Mutant(
            "s is ignored: this is the loss with hard labels",
            lambda real, fake, s: _half(real, 1.0) + _half(fake, 0.0),
        ),
        "both-smoothed": Mutant(
            "the forged ones were softened too: their label stays 0",
            lambda real, fake, s: _half(real, s) + _half(fake, 1 - s),
        ),
        "fake-smoothed-only": Mutant(
            "the forged ones were softened instead of the real ones",
            lambda real, fake, s: _half(real, 1.0) + _half(fake, 1 - s),
        ),
        "one-minus-s-missing": Mutant(
            "s scales the real half, and the part with 1 − s is missing",
            lambda real, fake, s: s * _half(real, 1.0) + _half(fake, 0.0),
        ),
        "s-swapped": Mutant(
            "s and 1 − s are swapped", lambda real, fake, s: _half(real, 1 - s) + _half(fake, 0.0)
        ),
        "labels-swapped": Mutant(
            "the labels are swapped: the forged ones got s, the real ones 0",
            lambda real, fake, s: _half(real, 0.0) + _half(fake, s),
        ),
        "same-label-for-both": Mutant(
            "both batches got the label s", lambda real, fake, s: _half(real, s) + _half(fake, s)
        ),
        "fake-half-missing": Mutant(
            "the half about forgeries is missing", lambda real, fake, s: _half(real, s)
        ),
        "sign-flipped": Mutant(
            "the sign is flipped: a loss is made small",
            lambda real, fake, s: -_half(real, s) - _half(fake, 0.0),
        ),
        "halves-averaged": Mutant(
            "this is half of it: the two averages are added",
            lambda real, fake, s: (_half(real, s) + _half(fake, 0.0)) / 2,
        ),
        "sum-over-batch": Mutant(
            "summed over the batches: each half is an average",
            lambda real, fake, s: _each(real, s).sum() + _each(fake, 0.0).sum(),
        ),
        "divided-by-real-count": Mutant(
            "both halves were divided by the number of real things: each by its own",
            lambda real, fake, s: (_each(real, s).sum() + _each(fake, 0.0).sum()) / real.numel(),
        ),
        "double-sigmoid": Mutant(
            "the sigmoid is taken twice",
            lambda real, fake, s: _half(real.sigmoid(), s) + _half(fake.sigmoid(), 0.0),
        ),
        "log-of-rounded-sigmoid": Mutant(
            "right for small logits, but at ±200 the logarithm of a rounded sigmoid is infinite",
            _naive,
        ),
        "bits-for-nats": Mutant(
            "this is in bits: nats need the natural logarithm",
            lambda real, fake, s: (_half(real, s) + _half(fake, 0.0)) / math.log(2),
        ),
        "no-gradient": Mutant(
            "the value is right, but no gradient reaches the logits",
            lambda real, fake, s: (_half(real, s) + _half(fake, 0.0)).detach(),
        ),
    },
    {
        "cross-entropy with logits": _with_logits,
        "log-sigmoid": _log_sigmoids,
        "in float64": lambda real, fake, s: _half(real.double(), s) + _half(fake.double(), 0.0),
    },
)

EXERCISES = [SOFT]
