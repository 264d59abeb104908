"""The exercises of lesson 06: the losses of both players, one round, averaged weights, precision
and recall, the gradient penalty, a ring.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.asking.ask import Answer, AnswerRaised, Ask, NotData, TensorArg
from course_utils.checks.exercise import (
    Case,
    Exercise,
    Mutant,
    again,
    breaking,
    does_not_hold,
    numbers_in,
    until_one_fails,
)

if TYPE_CHECKING:
    from torch import Tensor

close_case = partial(Case, rtol=1e-4, atol=1e-6)  # float32


def _gradients(*names: str) -> Callable[..., Any]:
    """Reads the value and the gradients that reach the named arguments."""
    return lambda ask, *args: ask.probe("gradient", list(names), *args)


def _softplus(values: Tensor) -> Tensor:
    from torch.nn.functional import softplus

    return softplus(values)


def _cat(*parts: Tensor) -> Tensor:
    import torch

    return torch.cat([part.flatten() for part in parts])


def _bce(logits: Tensor, label: float, **how: Any) -> Tensor:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, label), **how)


def _torch() -> Any:
    import torch

    return torch


def _bce_to(logits: Tensor, targets: Tensor) -> Tensor:
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits, targets)


def _bce_after_sigmoid(logits: Tensor, label: float) -> Tensor:
    import torch
    from torch.nn.functional import binary_cross_entropy

    return binary_cross_entropy(logits.sigmoid(), torch.full_like(logits, label))


def _nll(logits: Tensor, label: float) -> Tensor:
    """Mean negative log-likelihood of a label, by torch.distributions in float64."""
    import torch
    from torch.distributions import Bernoulli

    logits = logits.double()
    return -Bernoulli(logits=logits).log_prob(torch.full_like(logits, label)).mean()


# ---- 6.1 d_loss ----------------------------------------------------------------------------------


def _d_cases(rng: np.random.Generator) -> list[Case]:
    def logits(*shape: int, scale: float = 2.0) -> TensorArg:
        return TensorArg(scale * rng.normal(size=shape))

    real, fake = logits(5), logits(5)
    return [
        close_case(
            "one real sample with logit 0, one fake with logit log 3: log 2 + log 4 = 2.079",
            (TensorArg(np.zeros(1)), TensorArg(np.log([3.0]))),
        ),
        close_case(
            "a discriminator that knows nothing, all logits 0: 2 log 2 = 1.386",
            (TensorArg(np.zeros(4)), TensorArg(np.zeros(4))),
        ),
        close_case("five real and five fake logits", (real, fake)),
        close_case("the same logits a second time", (real, fake), again),
        close_case(
            "six real and three fake logits: each half is averaged over its own batch",
            (logits(6), logits(3)),
        ),
        close_case("logits in columns, (4, 1) and (7, 1)", (logits(4, 1), logits(7, 1))),
        close_case(
            "two logits for each of four real and three fake samples, (4, 2) and (3, 2)",
            (logits(4, 2), logits(3, 2)),
        ),
        close_case(
            "five of each: the value, and the gradients that reach both",
            (logits(5), logits(5)),
            _gradients("real", "fake"),
        ),
        Case(
            "a discriminator that is right and sure, logits 9 and −9",
            (TensorArg(np.full(3, 9.0)), TensorArg(np.full(3, -9.0))),
            rtol=1e-2,
            atol=1e-8,
        ),
        close_case(
            "a discriminator that is wrong and very sure, logits −200 and 200: 400 nats, with a"
            " gradient",
            (TensorArg(np.full(2, -200.0)), TensorArg(np.full(2, 200.0))),
            _gradients("real", "fake"),
            stress=True,
        ),
    ]


def _naive(logits: Tensor) -> Tensor:
    return logits.sigmoid().log()


D_MUTANTS: dict[str, Mutant] = {
    "labels-swapped": Mutant(
        "the labels are swapped: this loss rewards D for calling fake samples real",
        lambda real, fake: _softplus(real).mean() + _softplus(-fake).mean(),
    ),
    "sign-flipped": Mutant(
        "the sign is flipped: this is V itself; D maximizes V, so its loss is minus V",
        lambda real, fake: -_softplus(-real).mean() - _softplus(fake).mean(),
    ),
    "sigmoid-twice": Mutant(
        "the sigmoid is applied twice: a loss with logits applies it itself",
        lambda real, fake: _softplus(-real.sigmoid()).mean() + _softplus(fake.sigmoid()).mean(),
    ),
    "fake-half-missing": Mutant(
        "the half about fake samples is missing: then calling everything real is best",
        lambda real, fake: _softplus(-real).mean(),
    ),
    "real-half-missing": Mutant(
        "the half about real samples is missing: then calling everything fake is best",
        lambda real, fake: _softplus(fake).mean(),
    ),
    "halved-loss": Mutant(
        "this is half of it: V is the sum of the two averages",
        lambda real, fake: (_softplus(-real).mean() + _softplus(fake).mean()) / 2,
    ),
    "sum-over-batch": Mutant(
        "both halves are sums over their batches: each half is an average",
        lambda real, fake: _softplus(-real).sum() + _softplus(fake).sum(),
    ),
    "mean-over-pooled-logits": Mutant(
        "one average was taken over all logits together: average each half over its own batch,"
        " then add the two",
        lambda real, fake: _cat(_softplus(-real), _softplus(fake)).mean(),
    ),
    "doubled-pooled-mean": Mutant(
        "one average was taken over all logits together and doubled: with batches of unequal size"
        " each half needs its own average",
        lambda real, fake: 2 * _cat(_softplus(-real), _softplus(fake)).mean(),
    ),
    "both-divided-by-real-count": Mutant(
        "both halves were divided by the number of real samples: divide each by its own",
        lambda real, fake: (_softplus(-real).sum() + _softplus(fake).sum()) / real.numel(),
    ),
    "logits-as-probs": Mutant(
        "the logits were taken for probabilities: apply the sigmoid, or use a loss with logits",
        lambda real, fake: -(real.log().mean() + (1 - fake).log().mean()),
    ),
    "both-labeled-real": Mutant(
        'both batches got the label "real"',
        lambda real, fake: _softplus(-real).mean() + _softplus(-fake).mean(),
    ),
    "both-labeled-fake": Mutant(
        'both batches got the label "fake"',
        lambda real, fake: _softplus(real).mean() + _softplus(fake).mean(),
    ),
    "fake-half-subtracted": Mutant(
        "the fake half is subtracted: both halves are negative log-likelihoods, so add them",
        lambda real, fake: _softplus(-real).mean() - _softplus(fake).mean(),
    ),
    "real-half-subtracted": Mutant(
        "the real half is subtracted: both halves are negative log-likelihoods, so add them",
        lambda real, fake: _softplus(fake).mean() - _softplus(-real).mean(),
    ),
    "summed-per-sample": Mutant(
        "the logits of each sample were summed: average over all logits of a half",
        lambda real, fake: sum(
            _softplus(d).reshape(len(d), -1).sum(1).mean() for d in (-real, fake)
        ),
    ),
    "log-of-sigmoid-underflows": Mutant(
        "right for small logits, infinite at ±200: either a sigmoid was rounded to 0 before its"
        " logarithm, or an exponential overflowed, so use `softplus` or a loss with logits",
        lambda real, fake: -_naive(real).mean() - (1 - fake.sigmoid()).log().mean(),
    ),
    "epsilon-inside-log": Mutant(
        "a small number inside the logarithm caps the loss, and the gradient vanishes where D is"
        " wrong and sure: use `softplus`",
        lambda real, fake: (
            -(real.sigmoid() + 1e-8).log().mean() - (1 - fake.sigmoid() + 1e-8).log().mean()
        ),
    ),
    "probs-clamped": Mutant(
        "clamped probabilities cap the loss, and the gradient vanishes where D is wrong and sure:"
        " use `softplus`",
        lambda real, fake: (
            -(
                real.sigmoid().clamp(1e-7, 1 - 1e-7).log().mean()
                + (1 - fake.sigmoid().clamp(1e-7, 1 - 1e-7)).log().mean()
            )
        ),
    ),
    "bce-after-sigmoid": Mutant(
        "`binary_cross_entropy` after a sigmoid is cut off at 100 nats, and so is its gradient:"
        " use the loss with logits",
        lambda real, fake: _bce_after_sigmoid(real, 1.0) + _bce_after_sigmoid(fake, 0.0),
    ),
    "label-smoothing": Mutant(
        'the label "real" was softened to 0.9: then the best answer is no longer p/(p + q)',
        lambda real, fake: _bce(real, 0.9) + _bce(fake, 0.0),
    ),
    "wasserstein-critic-loss": Mutant(
        "this is a WGAN critic's loss, fake minus real: here each logit goes into a logarithm",
        lambda real, fake: fake.mean() - real.mean(),
    ),
    "hinge-loss": Mutant(
        "this is the hinge loss: V has logarithms",
        lambda real, fake: (1 - real).relu().mean() + (1 + fake).relu().mean(),
    ),
    "squared-error-of-probs": Mutant(
        "this is the squared error of the probabilities: V has logarithms",
        lambda real, fake: ((real.sigmoid() - 1) ** 2).mean() + (fake.sigmoid() ** 2).mean(),
    ),
    "least-squares-loss": Mutant(
        "this is the squared error of the logits against 1 and 0 (LSGAN): V has logarithms of"
        " probabilities",
        lambda real, fake: ((real - 1) ** 2).mean() + (fake**2).mean(),
    ),
    "no-gradient": Mutant(
        "the value is right, but no gradient reaches the logits: look for `no_grad`, `detach` or"
        " `.item`",
        lambda real, fake: (_softplus(-real).mean() + _softplus(fake).mean()).detach(),
    ),
    "no-gradient-to-fake": Mutant(
        "the fake logits are detached: then D learns nothing from fake samples",
        lambda real, fake: _softplus(-real).mean() + _softplus(fake.detach()).mean(),
    ),
    "bits-for-nats": Mutant(
        "this is in bits: use the natural logarithm",
        lambda real, fake: (_softplus(-real).mean() + _softplus(fake).mean()) / math.log(2),
    ),
    "logits-averaged-first": Mutant(
        "the logits were averaged first: take the loss of every logit, then average",
        lambda real, fake: _softplus(-real.mean()) + _softplus(fake.mean()),
    ),
    "halves-not-added": Mutant(
        "two numbers came back, one per half: add them",
        lambda real, fake: (_softplus(-real).mean(), _softplus(fake).mean()),
    ),
    "probs-averaged-first": Mutant(
        "the probabilities were averaged first: take the logarithm of each, then average",
        lambda real, fake: -(real.sigmoid().mean().log() + (1 - fake.sigmoid()).mean().log()),
    ),
    "not-averaged": Mutant(
        "one value per logit came back: average each half, then add the two",
        lambda real, fake: _cat(_softplus(-real), _softplus(fake)),
    ),
    "batches-added-before-mean": Mutant(
        "real and fake values were added one by one, which needs batches of the same size: average"
        " each batch, then add",
        lambda real, fake: (_softplus(-real) + _softplus(fake)).mean(),
    ),
    "one-minus-logit": Mutant(
        "1 − was applied to the fake logit: it is the probability that becomes 1 − D, and"
        " 1 − σ(d) = σ(−d), so flip the sign of the logit",
        lambda real, fake: _softplus(-real).mean() + _softplus(fake - 1).mean(),
    ),
    "one-minus-log": Mutant(
        "1 − is outside the logarithm of the fake half: log(1 − σ(d)) is `logsigmoid(-d)`, not"
        " 1 − log σ(d)",
        lambda real, fake: _softplus(-real).mean() - 1 - _softplus(-fake).mean(),
    ),
    "log-one-minus-d-of-real": Mutant(
        "the real half is log(1 − D), where −log D is asked for: that is `softplus(-real)`",
        lambda real, fake: _softplus(fake).mean() - _softplus(real).mean(),
    ),
    "minus-log-d-of-fake": Mutant(
        "the fake half adds log D: V has log(1 − D) there, and D's loss is minus V",
        lambda real, fake: _softplus(-real).mean() - _softplus(-fake).mean(),
    ),
    "base-ten": Mutant(
        "the logarithms are to base 10: use natural ones",
        lambda real, fake: (_softplus(-real).mean() + _softplus(fake).mean()) / math.log(10),
    ),
    "probs-subtracted": Mutant(
        "this is D of the fake samples minus D of the real ones, without logarithms: V has"
        " logarithms",
        lambda real, fake: fake.sigmoid().mean() - real.sigmoid().mean(),
    ),
    "real-without-log": Mutant(
        "the real half has no logarithm: it is −log D, or `softplus(-real)`",
        lambda real, fake: _softplus(fake).mean() - real.sigmoid().mean(),
    ),
    "fake-without-log": Mutant(
        "the fake half has no logarithm: it is −log(1 − D), or `softplus(fake)`",
        lambda real, fake: _softplus(-real).mean() + fake.sigmoid().mean(),
    ),
    "product-of-halves": Mutant(
        "the two halves were multiplied: add them",
        lambda real, fake: _softplus(-real).mean() * _softplus(fake).mean(),
    ),
    "max-for-mean": Mutant(
        "the largest value of each half was taken: take the average",
        lambda real, fake: _softplus(-real).max() + _softplus(fake).max(),
    ),
    "softmax-over-batch": Mutant(
        "a softmax runs over the batch: each logit has a probability of its own, its sigmoid",
        lambda real, fake: -real.softmax(0).log().mean() - (1 - fake.softmax(0)).log().mean(),
    ),
    "targets-of-wrong-shape": Mutant(
        "targets made with `torch.ones(len(real))` do not fit logits in columns:"
        " `torch.ones_like(real)` has their shape",
        lambda real, fake: sum(
            _bce_to(d, label)
            for d, label in ((real, _torch().ones(len(real))), (fake, _torch().zeros(len(fake))))
        ),
    ),
    "probs-without-log": Mutant(
        "this is 1 − D for real and D for fake samples, without logarithms: V has logarithms",
        lambda real, fake: (1 - real.sigmoid()).mean() + fake.sigmoid().mean(),
    ),
}

D_LOSS = Exercise(
    "6.1",
    "d_loss",
    _d_cases,
    lambda real, fake: _nll(real, 1.0) + _nll(fake, 0.0),
    D_MUTANTS,
    {
        "cross-entropy with logits": lambda real, fake: _bce(real, 1.0) + _bce(fake, 0.0),
        "log-sigmoid": lambda real, fake: -(_log_sigmoid(real).mean() + _log_sigmoid(-fake).mean()),
        "logaddexp": lambda real, fake: _logaddexp(-real).mean() + _logaddexp(fake).mean(),
        "in float64": lambda real, fake: (
            _softplus(-real.double()).mean() + _softplus(fake.double()).mean()
        ),
        "one logit at a time": lambda real, fake: (
            sum(_softplus(-v) for v in real.flatten()) / real.numel()
            + sum(_softplus(v) for v in fake.flatten()) / fake.numel()
        ),
    },
)


def _log_sigmoid(logits: Tensor) -> Tensor:
    from torch.nn.functional import logsigmoid

    return logsigmoid(logits)


def _logaddexp(logits: Tensor) -> Tensor:
    import torch

    return torch.logaddexp(torch.zeros_like(logits), logits)


# ---- 6.2 g_loss ----------------------------------------------------------------------------------


def _g_cases(rng: np.random.Generator) -> list[Case]:
    fake = TensorArg(2 * rng.normal(size=6))
    return [
        close_case(
            "logits 0 and −log 3: (log 2 + log 4)/2 = 1.040",
            (TensorArg(np.array([0.0, -math.log(3)])),),
        ),
        close_case(
            "a fake sample that D rejects, logit −5 (D = 0.0067): the value, and a gradient"
            " of −0.9933",
            (TensorArg(np.array([-5.0])),),
            _gradients("fake"),
        ),
        close_case("six fake logits", (fake,)),
        close_case("the same logits a second time", (fake,), again),
        close_case(
            "a column of five: the value, and the gradient that reaches it",
            (TensorArg(2 * rng.normal(size=(5, 1))),),
            _gradients("fake"),
        ),
        close_case(
            "two logits for each of four fake samples, (4, 2)",
            (TensorArg(2 * rng.normal(size=(4, 2))),),
        ),
        Case(
            "fake samples that fool D, logits of 9",
            (TensorArg(np.full(3, 9.0)),),
            rtol=1e-2,
            atol=1e-8,
        ),
        close_case(
            "fake samples that D rejects for sure, logits of −200: 200 nats, with a gradient",
            (TensorArg(np.full(2, -200.0)),),
            _gradients("fake"),
            stress=True,
        ),
    ]


G_LOSS = Exercise(
    "6.2",
    "g_loss",
    _g_cases,
    lambda fake: _nll(fake, 1.0),
    {
        "saturating-loss": Mutant(
            "this is log(1 − D), the saturating loss: at D = 0.0067 its gradient is 0.0067, where"
            " −log D has 0.9933",
            lambda fake: -_softplus(fake).mean(),
        ),
        "labels-swapped": Mutant(
            "the label is flipped: this loss rewards G for samples that D rejects",
            lambda fake: _softplus(fake).mean(),
        ),
        "sign-flipped": Mutant(
            "the sign is flipped: G wants log D large, so its loss is −log D",
            lambda fake: -_softplus(-fake).mean(),
        ),
        "sigmoid-twice": Mutant(
            "the sigmoid is applied twice: a loss with logits applies it itself",
            lambda fake: _softplus(-fake.sigmoid()).mean(),
        ),
        "sum-over-batch": Mutant(
            "this is the sum over the batch: take the average", lambda fake: _softplus(-fake).sum()
        ),
        "not-averaged": Mutant(
            "one value per logit came back: average them", lambda fake: _softplus(-fake)
        ),
        "summed-per-sample": Mutant(
            "the logits of each sample were summed: average over all logits",
            lambda fake: _softplus(-fake).reshape(len(fake), -1).sum(1).mean(),
        ),
        "log-of-sigmoid-underflows": Mutant(
            "right for small logits, infinite at −200: either a sigmoid was rounded to 0 before its"
            " logarithm, or an exponential overflowed, so use `softplus` or a loss with logits",
            lambda fake: -_naive(fake).mean(),
        ),
        "epsilon-inside-log": Mutant(
            "a small number inside the logarithm caps the loss, and the gradient vanishes where it"
            " is needed most: use `softplus`",
            lambda fake: -(fake.sigmoid() + 1e-8).log().mean(),
        ),
        "probs-clamped": Mutant(
            "clamped probabilities cap the loss, and the gradient vanishes where it is needed most:"
            " use `softplus`",
            lambda fake: -fake.sigmoid().clamp(1e-7, 1).log().mean(),
        ),
        "logits-as-probs": Mutant(
            "the logits were taken for probabilities: apply the sigmoid, or use a loss with logits",
            lambda fake: -fake.log().mean(),
        ),
        "bce-after-sigmoid": Mutant(
            "`binary_cross_entropy` after a sigmoid is cut off at 100 nats, and so is its"
            " gradient: use the loss with logits",
            lambda fake: _bce_after_sigmoid(fake, 1.0),
        ),
        "label-smoothing": Mutant(
            'the label "real" was softened to 0.9: −log D alone is asked for',
            lambda fake: _bce(fake, 0.9),
        ),
        "wasserstein-generator-loss": Mutant(
            "this is a WGAN loss, minus the score: here each logit goes into a logarithm",
            lambda fake: -fake.mean(),
        ),
        "wasserstein-sign-flipped": Mutant(
            "this is the average logit itself, which G would make small: the loss is −log D",
            lambda fake: fake.mean(),
        ),
        "one-minus-prob-without-log": Mutant(
            "this is 1 − D without a logarithm: its gradient vanishes at D = 0 as well",
            lambda fake: (1 - fake.sigmoid()).mean(),
        ),
        "negative-prob-without-log": Mutant(
            "this is −D without a logarithm: its gradient vanishes at D = 0 as well",
            lambda fake: -fake.sigmoid().mean(),
        ),
        "prob-minimized": Mutant(
            "this is D itself: G wants D large, and −log D small",
            lambda fake: fake.sigmoid().mean(),
        ),
        "derivative-itself": Mutant(
            "this is the derivative that was asked for: return the loss that has this derivative",
            lambda fake: (fake.sigmoid() - 1).mean(),
        ),
        "squared-error-of-probs": Mutant(
            "this is the squared error of D against 1: −log D is asked for",
            lambda fake: ((fake.sigmoid() - 1) ** 2).mean(),
        ),
        "least-squares-loss": Mutant(
            "this is the squared error of the logit against 1: −log D is asked for",
            lambda fake: ((fake - 1) ** 2).mean(),
        ),
        "no-gradient": Mutant(
            "the value is right, but no gradient reaches the logits: look for `no_grad`, `detach`"
            " or `.item`",
            lambda fake: _softplus(-fake).mean().detach(),
        ),
        "logits-averaged-first": Mutant(
            "the logits were averaged first: take the loss of every logit, then average",
            lambda fake: _softplus(-fake.mean()),
        ),
        "probs-averaged-first": Mutant(
            "the probabilities were averaged first: take the logarithm of each, then average",
            lambda fake: -fake.sigmoid().mean().log(),
        ),
        "bits-for-nats": Mutant(
            "this is in bits: use the natural logarithm",
            lambda fake: _softplus(-fake).mean() / math.log(2),
        ),
        "halved-loss": Mutant(
            "this is half of the loss: leave out the factor ½",
            lambda fake: _softplus(-fake).mean() / 2,
        ),
        "hinge-loss": Mutant(
            "this is the hinge loss: −log D is asked for", lambda fake: (1 - fake).relu().mean()
        ),
        "both-labels-scored": Mutant(
            'both labels are in it: G\'s loss has the label "real" alone',
            lambda fake: (_softplus(-fake) + _softplus(fake)).mean(),
        ),
        "reciprocal": Mutant(
            "this is 1/D: the loss is −log D", lambda fake: (1 / fake.sigmoid()).mean()
        ),
        "odds-against": Mutant(
            "this is (1 − D)/D: the loss is −log D", lambda fake: (-fake).exp().mean()
        ),
        "game-value": Mutant(
            "this is V with a constant from the real half, so log(1 − D), the saturating loss: the"
            " loss is −log D",
            lambda fake: -math.log(2) - _softplus(fake).mean(),
        ),
        "loss-of-both-halves": Mutant(
            "this is D's loss with a constant real half: G's loss is −log D of the fake samples"
            " alone",
            lambda fake: math.log(2) + _softplus(fake).mean(),
        ),
        "one-minus-logit": Mutant(
            "1 − was applied to the logit: −log D is `softplus(-fake)`",
            lambda fake: _softplus(fake - 1).mean(),
        ),
        "one-minus-log": Mutant(
            "1 − is in front of the logarithm: the loss is −log D",
            lambda fake: 1 + _softplus(-fake).mean(),
        ),
        "squared-logit": Mutant(
            "this is the squared logit: the loss is −log D", lambda fake: (fake**2).mean()
        ),
        "base-ten": Mutant(
            "the logarithm is to base 10: use the natural one",
            lambda fake: _softplus(-fake).mean() / math.log(10),
        ),
        "softmax-over-batch": Mutant(
            "a softmax runs over the batch: each logit has a probability of its own, its sigmoid",
            lambda fake: -fake.softmax(0).log().mean(),
        ),
        "targets-of-wrong-shape": Mutant(
            "targets made with `torch.ones(len(fake))` do not fit logits in columns:"
            " `torch.ones_like(fake)` has their shape",
            lambda fake: _bce_to(fake, _torch().ones(len(fake))),
        ),
        "max-for-mean": Mutant(
            "this is the largest value: take the average", lambda fake: _softplus(-fake).max()
        ),
        "median-for-mean": Mutant(
            "the median was taken: take the average", lambda fake: _softplus(-fake).median()
        ),
    },
    {
        "cross-entropy with logits": lambda fake: _bce(fake, 1.0),
        "log-sigmoid": lambda fake: -_log_sigmoid(fake).mean(),
        "logaddexp": lambda fake: _logaddexp(-fake).mean(),
        "in float64": lambda fake: _softplus(-fake.double()).mean(),
        "one logit at a time": lambda fake: (
            sum(_softplus(-v) for v in fake.flatten()) / fake.numel()
        ),
    },
)

# ---- 6.3 train_step ------------------------------------------------------------------------------

REUSED = (
    "`backward` ran into a graph that D's move had used up or changed: compute G's loss after D's"
    " move, from a new forward pass `D(G(z2))`"
)
MOVE_RETURNS_NOTHING = (
    "a None is among what it returned: `move` returns nothing, so keep each loss before the move"
    " and return both, D's first"
)
TENSORS = "the losses came back as tensors: return two plain numbers, with `.item()`"
OWN_NOISE = (
    "two calls with the same x, z1 and z2 gave different weights: draw no noise inside, use z1 and"
    " z2"
)


def _round(ask: Ask, *args: Any) -> dict[str, Any]:
    try:
        found = ask.probe("lesson06.game_round", *args)
    except AnswerRaised as error:
        if "second time" in error.raised.message or "inplace" in error.raised.message:
            return {"the graph": "used up"}
        raise
    return {"the graph": "new"} | {
        key: _losses(part) if "losses" in key else part
        for key, part in found.items()
        if key != "a loss is a tensor"
    }


def _losses(returned: Any) -> Any:
    if returned is None:
        raise NotData("it returned None: D's loss and G's loss are asked for, in this order")
    if isinstance(returned, (tuple, list)) and any(part is None for part in returned):
        return "a None is among them"
    flat = np.ravel(numbers_in(list(returned) if isinstance(returned, tuple) else returned))
    if flat.size != 2:
        raise NotData(
            f"it returned {flat.size} number{'s' * (flat.size != 1)}: D's loss and G's loss are"
            " asked for, in this order"
        )
    return flat.astype(float)


def _round_twice(ask: Ask, *args: Any) -> bool:
    first, second = (_round(ask, *args) for _ in range(2))
    if any(not np.array_equal(first[key], second.get(key, 0)) for key in first if "weights" in key):
        raise NotData(OWN_NOISE)
    return True


def _plain_losses(ask: Ask, *args: Any) -> bool:
    """Later cells make an array of the losses, which a tensor with a computation graph prevents."""
    if ask.probe("lesson06.game_round", *args).get("a loss is a tensor"):
        raise NotData(TENSORS)
    return True


def _round_args(rng: np.random.Generator, n: int, m: int, d: int, Z: int, lr: float) -> tuple:
    shapes = ((d, Z), (d,), (1, d), (1,), (n, d), (m, Z), (m, Z))
    return (*(TensorArg(rng.normal(size=shape)) for shape in shapes), lr)


def _round_cases(rng: np.random.Generator) -> list[Case]:
    one = [
        np.array(v, dtype=float)
        for v in ([[1.0]], [0.0], [[1.0]], [0.0], [[1.0]], [[-1.0]], [[0.0]])
    ]
    usual = _round_args(rng, 6, 6, 3, 2, 0.3)
    return [
        Case(
            "six real samples of three numbers, two of noise, handed in twice", usual, _round_twice
        ),
        close_case(
            "numbers: G(z) = z, D's logit is x; x = 1, z1 = −1, z2 = 0, learning rate 1: losses"
            " 0.627 and 0.693",
            (*(TensorArg(v) for v in one), 1.0),
            _round,
        ),
        close_case("six real samples of three numbers, two of noise", usual, _round),
        close_case("eight real and four fake samples", _round_args(rng, 8, 4, 2, 2, 0.5), _round),
        Case("the two losses, plain numbers", usual, _plain_losses),
    ]


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def _round_by_hand(G: Any, D: Any, x: Any, z1: Any, z2: Any) -> tuple[float, float]:
    """Gradients of both losses by the chain rule, in NumPy: both players are linear, and step by
    plain gradient descent.
    """
    import torch

    lr = D.optimizer.param_groups[0]["lr"]
    (A, a), (w, b) = (
        [part.detach().numpy().astype(float) for part in player.net.parameters()]
        for player in (G, D)
    )
    x, z1, z2 = (part.numpy().astype(float) for part in (x, z1, z2))
    fake = z1 @ A.T + a
    r, f = x @ w[0] + b, fake @ w[0] + b
    loss_d = np.logaddexp(0, -r).mean() + np.logaddexp(0, f).mean()
    dr, df = (_sigmoid(r) - 1) / len(r), _sigmoid(f) / len(f)
    w, b = w - lr * (dr @ x + df @ fake)[None], b - lr * (dr.sum() + df.sum())
    f = (z2 @ A.T + a) @ w[0] + b
    loss_g, df = np.logaddexp(0, -f).mean(), (_sigmoid(f) - 1) / len(f)
    A, a = A - lr * np.outer(w[0], df @ z2), a - lr * df.sum() * w[0]
    with torch.no_grad():
        for part, value in zip(
            [*G.net.parameters(), *D.net.parameters()], (A, a, w, b), strict=True
        ):
            part.copy_(torch.tensor(value).reshape(part.shape))
    return float(loss_d), float(loss_g)


def _d(real: Tensor, fake: Tensor) -> Tensor:
    return _softplus(-real).mean() + _softplus(fake).mean()


def _g(fake: Tensor) -> Tensor:
    return _softplus(-fake).mean()


def _step(player: Any, loss: Tensor, forget: bool = True, **how: Any) -> None:
    if forget:
        player.optimizer.zero_grad()
    loss.backward(**how)
    player.optimizer.step()


def _moves(
    first: Answer = lambda G, D, x, z1, z2: _d(D(x), D(G(z1).detach())),
    second: Answer = lambda G, D, x, z1, z2: _g(D(G(z2))),
    returned: Answer = lambda d, g: (d, g),
    forget: tuple[bool, bool] = (True, True),
    move: tuple[int, int] = (1, 1),
) -> Answer:
    """An answer to 6.3 with some part changed: the losses, what is returned, who forgets, how often
    each moves.
    """

    def train_step(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
        seen = []
        for player, loss_of, clear, times in zip(
            (D, G), (first, second), forget, move, strict=True
        ):
            seen.append(loss_of(G, D, x, z1, z2).item() if not times else 0.0)
            for i in range(times):
                loss = loss_of(G, D, x, z1, z2)
                seen[-1] = seen[-1] if i else loss.item()
                _step(player, loss, clear)
        return returned(*seen)

    return train_step


def _g_first(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    g = _g(D(G(z2)))
    _step(G, g)
    d = _d(D(x), D(G(z1).detach()))
    _step(D, d)
    return d.item(), g.item()


def _g_first_with_z1(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    g = _g(D(G(z1)))
    _step(G, g)
    d = _d(D(x), D(G(z2).detach()))
    _step(D, d)
    return d.item(), g.item()


def _both_first(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    d, g = _d(D(x), D(G(z1).detach())), _g(D(G(z2)))
    _step(D, d)
    _step(G, g)
    return d.item(), g.item()


def _old_judge(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    """Gradients of both from the old weights, then both step."""
    d, g = _d(D(x), D(G(z1).detach())), _g(D(G(z2)))
    G.optimizer.zero_grad()
    g.backward()
    D.optimizer.zero_grad()
    d.backward()
    D.optimizer.step()
    G.optimizer.step()
    return d.item(), g.item()


def _one_sum(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    d, g = _d(D(x), D(G(z1))), _g(D(G(z2)))
    D.optimizer.zero_grad()
    G.optimizer.zero_grad()
    (d + g).backward()
    D.optimizer.step()
    G.optimizer.step()
    return d.item(), g.item()


def _leaky_optimizers(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    """No detach, and both step after D's loss."""
    d = _d(D(x), D(G(z1)))
    G.optimizer.zero_grad()
    _step(D, d)
    G.optimizer.step()
    g = _g(D(G(z2)))
    _step(G, g)
    return d.item(), g.item()


def _leak_kept(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    """No detach, G's gradients zeroed only before D's move, so that the leak is added to G's."""
    G.optimizer.zero_grad()
    d = _d(D(x), D(G(z1)))
    _step(D, d)
    g = _g(D(G(z2)))
    _step(G, g, forget=False)
    return d.item(), g.item()


def _both_follow_g(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    """D steps along with G on G's loss."""
    d = _d(D(x), D(G(z1).detach()))
    _step(D, d)
    g = _g(D(G(z2)))
    D.optimizer.zero_grad()
    _step(G, g)
    D.optimizer.step()
    return d.item(), g.item()


def _losses_afterwards(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    _step(D, _d(D(x), D(G(z1).detach())))
    _step(G, _g(D(G(z2))))
    return _d(D(x), D(G(z1))).item(), _g(D(G(z2))).item()


def _losses_as_tensors(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    d = _d(D(x), D(G(z1).detach()))
    D.move(d)
    g = _g(D(G(z2)))
    G.move(g)
    return d, g


def _left_frozen(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    returned = _moves()(G, D, x, z1, z2)
    D.requires_grad_(False)
    return returned


def _left_in_eval(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    returned = _moves()(G, D, x, z1, z2)
    D.eval()
    return returned


def _g_left_in_eval(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    returned = _moves()(G, D, x, z1, z2)
    G.eval()
    return returned


def _g_left_frozen(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    G.requires_grad_(False)
    return _moves()(G, D, x, z1, z2)


def _d_moves_on_both(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    """D is moved on G's loss too, and G never."""
    d = _d(D(x), D(G(z1).detach()))
    D.move(d)
    g = _g(D(G(z2)))
    D.move(g)
    return d.item(), g.item()


def _players_swapped(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    d = _d(D(x), D(G(z1)))
    G.move(d)
    g = _g(D(G(z2)))
    D.move(g)
    return d.item(), g.item()


def _retained(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    """One forward pass of G for both losses, kept by retain_graph."""
    fake = G(z1)
    d = _d(D(x), D(fake))
    _step(D, d, retain_graph=True)
    g = _g(D(fake))
    _step(G, g)
    return d.item(), g.item()


def _step_by_halves(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    halves = []
    for half in (lambda: _softplus(-D(x)).mean(), lambda: _softplus(D(G(z1).detach())).mean()):
        loss = half()
        _step(D, loss)
        halves.append(loss.item())
    g = _g(D(G(z2)))
    _step(G, g)
    return sum(halves), g.item()


def _step_before_backward(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    losses = []
    for player, loss_of in ((D, lambda: _d(D(x), D(G(z1).detach()))), (G, lambda: _g(D(G(z2))))):
        loss = loss_of()
        player.optimizer.step()
        player.optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
    return losses


def _own_noise(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    import torch

    d = _d(D(x), D(G(torch.randn_like(z1)).detach()))
    D.move(d)
    g = _g(D(G(torch.randn_like(z2))))
    G.move(g)
    return d.item(), g.item()


def _by_move(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    import torch

    with torch.no_grad():
        fake = G(z1)
    d = _d(D(x), D(fake))
    D.move(d)
    g = _g(D(G(z2)))
    G.move(g)
    return d.item(), g.item()


def _by_grad(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> Any:
    """Slopes asked for by name, without backward."""
    import torch

    losses = []
    for player, loss_of in ((D, lambda: _d(D(x), D(G(z1)))), (G, lambda: _g(D(G(z2))))):
        loss = loss_of()
        weights = list(player.parameters())
        for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            w.grad = g
        player.optimizer.step()
        losses.append(loss.item())
    return losses


def _frozen(G: Any, D: Any, x: Tensor, z1: Tensor, z2: Tensor) -> np.ndarray:
    """Freezes the other player by requires_grad_, as other libraries do."""
    G.requires_grad_(False)
    d = _bce(D(x), 1.0) + _bce(D(G(z1)), 0.0)
    _step(D, d)
    G.requires_grad_(True)
    D.requires_grad_(False)
    g = _bce(D(G(z2)), 1.0)
    _step(G, g)
    D.requires_grad_(True)
    return np.array([d.item(), g.item()])


TRAIN_STEP = Exercise(
    "6.3",
    "train_step",
    _round_cases,
    _round_by_hand,
    {
        "detach-missing": Mutant(
            "no detach: the backward pass of D's loss runs through G and fills its `.grad` with"
            " the opposite of what G wants",
            _moves(first=lambda G, D, x, z1, z2: _d(D(x), D(G(z1)))),
        ),
        "detach-missing-grads-added": Mutant(
            "no detach, and the gradients that D's loss left in G are added to G's own, which they"
            " oppose: use `G(z1).detach()`",
            _leak_kept,
        ),
        "detach-missing-g-steps-too": Mutant(
            "no detach, and G also takes a step on D's loss: that helps D", _leaky_optimizers
        ),
        "z1-for-both": Mutant(
            "z1, or what G made of it, was used for both moves: G's move needs new samples, from"
            " z2",
            _moves(second=lambda G, D, x, z1, z2: _g(D(G(z1)))),
        ),
        "z2-for-both": Mutant(
            "z2 was used for both moves: D's fake samples come from z1",
            _moves(first=lambda G, D, x, z1, z2: _d(D(x), D(G(z2).detach()))),
        ),
        "z1-and-z2-swapped": Mutant(
            "z1 and z2 are swapped: D moves on G(z1), then G on z2",
            _moves(
                first=lambda G, D, x, z1, z2: _d(D(x), D(G(z2).detach())),
                second=lambda G, D, x, z1, z2: _g(D(G(z1))),
            ),
        ),
        "g-steps-first": Mutant(
            "G moved first: D begins, and G's loss comes from the D that has moved", _g_first
        ),
        "g-steps-first-on-z1": Mutant(
            "G moved first, and on z1: D begins, on z1", _g_first_with_z1
        ),
        "both-losses-before-steps": Mutant(REUSED, _both_first),
        "g-loss-from-old-d": Mutant(
            "G's loss comes from D as it was before its move: compute it after D has moved",
            _old_judge,
        ),
        "losses-summed-one-backward": Mutant(
            "the two losses were added and one `backward` ran on the sum: each player moves on its"
            " own loss alone",
            _one_sum,
        ),
        "d-follows-g-loss": Mutant(
            "D took a step on G's loss as well: only G moves then", _both_follow_g
        ),
        "d-never-steps": Mutant(
            "D does not move: is its step missing, or called before `backward`?",
            _moves(move=(0, 1)),
        ),
        "g-never-steps": Mutant(
            "G does not move: either its step is missing, or its loss got detached samples",
            _moves(second=lambda G, D, x, z1, z2: _g(D(G(z2).detach()))),
        ),
        "neither-steps": Mutant(
            "neither player moves: either `step` is missing, or the gradients are zeroed between"
            " `backward` and `step`",
            _moves(move=(0, 0)),
        ),
        "d-steps-twice": Mutant("D moves twice in one round", _moves(move=(2, 1))),
        "g-steps-twice": Mutant("G moves twice in one round", _moves(move=(1, 2))),
        "g-saturating-loss": Mutant(
            "G minimizes log(1 − D), the saturating loss: use `g_loss`",
            _moves(second=lambda G, D, x, z1, z2: -_softplus(D(G(z2))).mean()),
        ),
        "g-labels-swapped": Mutant(
            "G is rewarded for samples that D rejects: the label in its loss is flipped",
            _moves(second=lambda G, D, x, z1, z2: _softplus(D(G(z2))).mean()),
        ),
        "g-steps-on-d-loss": Mutant(
            "G moves on D's loss: it has its own, `g_loss`",
            _moves(second=lambda G, D, x, z1, z2: _d(D(x), D(G(z2)))),
        ),
        "g-on-negative-d-loss": Mutant(
            "G moves on minus D's loss, the saturating loss: use `g_loss`",
            _moves(second=lambda G, D, x, z1, z2: -_d(D(x), D(G(z2)))),
        ),
        "d-labels-swapped": Mutant(
            "real and fake are swapped in D's loss: `d_loss(real, fake)`",
            _moves(first=lambda G, D, x, z1, z2: _d(D(G(z1).detach()), D(x))),
        ),
        "d-sign-flipped": Mutant(
            "the sign of D's loss is flipped: D moves to make it large",
            _moves(
                first=lambda G, D, x, z1, z2: -_d(D(x), D(G(z1).detach())),
                returned=lambda d, g: (-d, g),
            ),
        ),
        "d-real-half-missing": Mutant(
            "the real samples are missing from D's loss",
            _moves(first=lambda G, D, x, z1, z2: _softplus(D(G(z1).detach())).mean()),
        ),
        "detach-outside-d": Mutant(
            "the detach is outside D, `D(G(z1)).detach()`, so D learns nothing from fake samples:"
            " use `D(G(z1).detach())`",
            _moves(
                first=lambda G, D, x, z1, z2: (
                    _softplus(-D(x)).mean() + _softplus(D(G(z1)).detach()).mean()
                )
            ),
        ),
        "d-loss-halved": Mutant(
            "D's loss was halved: it is the sum of both averages, as `d_loss` has it",
            _moves(first=lambda G, D, x, z1, z2: _d(D(x), D(G(z1).detach())) / 2),
        ),
        "d-fake-half-missing": Mutant(
            "the fake samples are missing from D's loss",
            _moves(first=lambda G, D, x, z1, z2: _softplus(-D(x)).mean()),
        ),
        "d-zero-grad-missing": Mutant(
            "D's gradients were not zeroed: those of the previous round are still in them",
            _moves(forget=(False, True)),
        ),
        "g-zero-grad-missing": Mutant(
            "G's gradients were not zeroed: those of the previous round are still in them",
            _moves(forget=(True, False)),
        ),
        "zero-grad-missing": Mutant(
            "no gradients were zeroed: those of the previous round are still in them",
            _moves(forget=(False, False)),
        ),
        "losses-swapped": Mutant(
            "the two losses came back in the other order: return D's first",
            _moves(returned=lambda d, g: (g, d)),
        ),
        "losses-after-steps": Mutant(
            "the losses were computed after the moves: return each as it was before its own move",
            _losses_afterwards,
        ),
        "step-result-as-loss": Mutant(
            MOVE_RETURNS_NOTHING, _moves(returned=lambda d, g: (None, None))
        ),
        "losses-as-tensors": Mutant(TENSORS, _losses_as_tensors),
        "losses-added": Mutant(
            "the losses were added up: return both, D's first",
            _moves(returned=lambda d, g: (d + g, d + g)),
        ),
        "own-noise-ignores-z": Mutant(OWN_NOISE, _own_noise),
        "d-left-frozen": Mutant(
            "D comes back frozen: undo `requires_grad_(False)` before the function returns",
            _left_frozen,
        ),
        "g-left-frozen": Mutant(
            "G comes back frozen: undo `requires_grad_(False)` before the function returns",
            _g_left_frozen,
        ),
        "d-left-in-eval": Mutant(
            "D comes back in `eval` mode: call `.train()` before the function returns",
            _left_in_eval,
        ),
        "d-moves-on-both-losses": Mutant(
            "D takes two steps, one of them on G's loss, and G takes none: use `G.move` on G's"
            " loss",
            _d_moves_on_both,
        ),
        "players-swapped": Mutant(
            "each player moves on the other's loss: D has `d_loss`, G has `g_loss`",
            _players_swapped,
        ),
        "one-forward-retained": Mutant(
            "`retain_graph=True` keeps one forward pass for both losses: detach it for D, and make"
            " new samples from z2 for G",
            _retained,
        ),
        "d-steps-by-halves": Mutant(
            "D takes one step on the real half and one on the fake half: add the halves, then take"
            " one step",
            _step_by_halves,
        ),
        "step-before-backward": Mutant(
            "`step` comes before `backward`, so each player moves on the gradients of the round"
            " before: `zero_grad`, `backward`, then `step`",
            _step_before_backward,
        ),
        "g-left-in-eval": Mutant(
            "G comes back in `eval` mode: call `.train()` before the function returns",
            _g_left_in_eval,
        ),
        "g-loss-without-d": Mutant(
            "G's loss is computed on G's samples themselves: it needs D's logits, D(G(z2))",
            _moves(second=lambda G, D, x, z1, z2: _g(G(z2))),
        ),
        "sigmoid-before-losses": Mutant(
            "a sigmoid was applied before the losses: `d_loss` and `g_loss` take logits",
            _moves(
                first=lambda G, D, x, z1, z2: _d(D(x).sigmoid(), D(G(z1).detach()).sigmoid()),
                second=lambda G, D, x, z1, z2: _g(D(G(z2)).sigmoid()),
            ),
        ),
        "g-loss-on-real": Mutant(
            "G's loss is computed on the real samples, so G does not move: it needs D(G(z2))",
            _moves(second=lambda G, D, x, z1, z2: _g(D(x))),
        ),
    },
    {
        "written out": _moves(),
        "with move, and fake samples made under no_grad": _by_move,
        "gradients by torch.autograd.grad": _by_grad,
        "the other player frozen": _frozen,
    },
)

# ---- 6.4 update_average --------------------------------------------------------------------------


def _averaged(ask: Ask, *args: Any) -> dict[str, Any]:
    return ask.probe("lesson06.averaged", *args)


def _average_cases(rng: np.random.Generator) -> list[Case]:
    def state() -> TensorArg:
        return TensorArg(rng.uniform(0.5, 2, size=21) * rng.choice([-1.0, 1.0], size=21))

    def constant(value: float) -> TensorArg:
        return TensorArg(np.full(21, value))

    case = partial(Case, rtol=1e-4, atol=1e-6)
    return [
        case(
            "all numbers 1 in the average and 2 in the network, keep = 0.9: 1.1, and if the network"
            " then holds 3: 1.29",
            (constant(1.0), constant(2.0), constant(3.0), 0.9),
            _averaged,
        ),
        case("keep = 0.98, two rounds", (state(), state(), state(), 0.98), _averaged),
        case("keep = 0.5, two rounds", (state(), state(), state(), 0.5), _averaged),
        case("keep = 0.75, two rounds", (state(), state(), state(), 0.75), _averaged),
    ]


def _average_by_name(average: Any, net: Any, keep: float) -> None:
    """In NumPy and float64, one named tensor after the other."""
    import torch

    for group in ("named_parameters", "named_buffers"):
        latest = dict(getattr(net, group)())
        for name, old in getattr(average, group)():
            new = latest[name].detach().numpy()
            if new.dtype.kind == "f":
                mean = keep * old.detach().numpy().astype(float) + (1 - keep) * new.astype(float)
                old.data.copy_(torch.tensor(mean))


def _update(
    how: Callable[[Any, Any, float], Any],
    which: Callable[[str], bool] = lambda name: True,
    swap: bool = False,
) -> Answer:
    """An answer to 6.4 that writes `how(old, new, keep)` into the entries of the state whose names
    are among `which`.
    """

    def answer(average: Any, net: Any, keep: float) -> None:
        torch = _torch()
        if swap:
            average, net = net, average
        latest = net.state_dict()
        with torch.no_grad():
            for name, old in average.state_dict().items():
                if old.is_floating_point() and which(name):
                    old.copy_(how(old.clone(), latest[name], keep))

    return answer


def _mean(old: Any, new: Any, keep: float) -> Any:
    return keep * old + (1 - keep) * new


def _rebound(average: Any, net: Any, keep: float) -> None:
    for old, new in zip(average.parameters(), net.parameters(), strict=True):
        old = keep * old + (1 - keep) * new  # noqa: PLW2901


def _net_follows(average: Any, net: Any, keep: float) -> None:
    _update(_mean)(average, net, keep)
    net.load_state_dict(average.state_dict())


def _net_scaled(average: Any, net: Any, keep: float) -> None:
    with _torch().no_grad():
        for old, new in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
            if old.is_floating_point():
                new.mul_(1 - keep)
                old.mul_(keep).add_(new)


def _counter_averaged(average: Any, net: Any, keep: float) -> None:
    old = [*average.parameters(), *average.buffers()]
    for a, b in zip(old, [*net.parameters(), *net.buffers()], strict=True):
        a.data = keep * a + (1 - keep) * b.detach()


def _with_graph(average: Any, net: Any, keep: float) -> None:
    for old, new in zip(average.parameters(), net.parameters(), strict=True):
        old.mul_(keep).add_(new, alpha=1 - keep)
    _update(_mean, lambda name: "running" in name)(average, net, keep)


def _buffers_copied(average: Any, net: Any, keep: float) -> None:
    _update(_mean, lambda name: "running" not in name)(average, net, keep)
    _update(lambda old, new, keep: new, lambda name: "running" in name)(average, net, keep)


def _by_lerp(average: Any, net: Any, keep: float) -> None:
    with _torch().no_grad():
        for old, new in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
            old.lerp_(new, 1 - keep) if old.is_floating_point() else old.copy_(new)


def _by_load(average: Any, net: Any, keep: float) -> None:
    new = net.state_dict()
    average.load_state_dict(
        {
            name: keep * old + (1 - keep) * new[name] if old.is_floating_point() else new[name]
            for name, old in average.state_dict().items()
        }
    )


def _by_swa(average: Any, net: Any, keep: float) -> Any:
    torch = _torch()
    pairs = [
        *zip(average.parameters(), net.parameters(), strict=True),
        *zip(average.buffers(), net.buffers(), strict=True),
    ]
    with torch.no_grad():
        for old, new in pairs:
            if torch.is_floating_point(old):
                old.mul_(keep).add_(new, alpha=1 - keep)
    return average


AVERAGE = Exercise(
    "6.4",
    "update_average",
    _average_cases,
    _average_by_name,
    {
        "graph-grows": Mutant(
            "the average carries a computation graph, which grows with every round: write into it"
            " under `torch.no_grad()`",
            _with_graph,
        ),
        "keep-swapped": Mutant(
            "keep and 1 − keep are swapped: with keep = 0.98 the old average should hardly change",
            _update(lambda old, new, keep: (1 - keep) * old + keep * new),
        ),
        "buffers-forgotten": Mutant(
            "BatchNorm's running mean and variance stay as they were: they are buffers, not"
            " parameters; `state_dict()` has both",
            _update(_mean, lambda name: "running" not in name),
        ),
        "buffers-copied": Mutant(
            "BatchNorm's running mean and variance were copied: average them like the weights",
            _buffers_copied,
        ),
        "copied": Mutant(
            "the average became a copy of the network: keep most of the old average",
            _update(lambda old, new, keep: new),
        ),
        "nothing-written": Mutant(
            "nothing in the average changed: `a = ...` gives a name to a new tensor; write into the"
            " old one, with `copy_` or `lerp_`",
            _rebound,
        ),
        "net-written": Mutant(
            "the network was changed, and the average stayed: it is the average that follows",
            _update(_mean, swap=True),
        ),
        "net-follows": Mutant(
            "the network was changed too: only the average follows",
            _net_follows,
        ),
        "net-scaled": Mutant(
            "the network was scaled in place: only the average may change",
            _net_scaled,
        ),
        "parameters-forgotten": Mutant(
            "only BatchNorm's running mean and variance follow: the weights and biases must, too",
            _update(_mean, lambda name: "running" in name),
        ),
        "counter-averaged": Mutant(
            "BatchNorm's counter `num_batches_tracked` became a float: leave out what is not"
            " `is_floating_point()`",
            _counter_averaged,
        ),
        "keep-ignored": Mutant(
            "keep is ignored, and 0.98 used in its place: use the argument",
            _update(lambda old, new, keep: _mean(old, new, 0.98)),
        ),
        "plain-mean": Mutant(
            "both count one half: keep says how much of the old average remains",
            _update(lambda old, new, keep: (old + new) / 2),
        ),
        "weights-only": Mutant(
            "only the weights follow: biases, and BatchNorm's running mean and variance, belong to"
            " the network too",
            _update(_mean, lambda name: name.endswith("weight")),
        ),
        "sum-grows": Mutant(
            "the old average keeps its full weight, so that the sum grows: it keeps only the share"
            " `keep`",
            _update(lambda old, new, keep: old + (1 - keep) * new),
        ),
        "new-not-weighted": Mutant(
            "the network counts in full: the two shares are keep and 1 − keep",
            _update(lambda old, new, keep: keep * old + new),
        ),
        "wrong-way": Mutant(
            "the average moves away from the network: the sign of the difference is flipped",
            _update(lambda old, new, keep: old - (1 - keep) * (new - old)),
        ),
        "squared-keep": Mutant(
            "the average fades twice in one call, by keep squared: is there one loop too many?",
            _update(lambda old, new, keep: _mean(_mean(old, new, keep), new, keep)),
        ),
    },
    {
        "lerp over the state": _by_lerp,
        "a new state, loaded": _by_load,
        "parameters, then buffers; the average is returned": _by_swa,
        "the difference": _update(lambda old, new, keep: old + (1 - keep) * (new - old)),
    },
)


# ---- 6.5 precision_recall ------------------------------------------------------------------------


def _pair(ask: Ask, *args: Any) -> np.ndarray:
    """The two numbers, whatever holds them."""
    found = ask(*args)
    if found is None:
        raise NotData("it returned None: precision and recall are asked for, in this order")
    flat = np.ravel(numbers_in(list(found) if isinstance(found, (tuple, list)) else found)).astype(
        float
    )
    if flat.size != 2:
        raise NotData(
            f"it returned {flat.size} number{'s' * (flat.size != 1)}: precision and recall are"
            " asked for, in this order"
        )
    return flat


def _clouds(
    rng: np.random.Generator, n: int, m: int, d: int, shift: float, scale: float
) -> tuple[TensorArg, TensorArg]:
    """Two clouds in sparse and dense parts; few enough points for distances without rounding
    tricks.
    """
    spread = np.where(rng.uniform(size=(n + m, 1)) < 0.5, 0.3, 1.5)
    points = np.round(spread * rng.normal(size=(n + m, d)), 3)
    return TensorArg(points[:n]), TensorArg(np.round(shift + scale * points[n:], 3))


def _share_cases(rng: np.random.Generator) -> list[Case]:
    line = (TensorArg(np.array([[0.0], [1.0], [5.0]])), TensorArg(np.array([[1.5], [1.6], [9.0]])))
    centers = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    real = np.round(np.repeat(centers, 6, axis=0) + 0.5 * rng.normal(size=(24, 2)), 3)
    one = np.round(0.3 * rng.normal(size=(12, 2)), 3)
    steps = np.arange(0.0, 24.0)[:, None]
    usual = _clouds(rng, 20, 24, 2, 0.4, 1.2)
    return [
        Case(
            "real 0, 1, 5, fake 1.5, 1.6, 9, k = 1: precision 1, recall 1/3",
            (*line, 1),
            _pair,
            atol=1e-6,
        ),
        Case("the same set twice, k = 3: both are 1", (usual[0], usual[0], 3), _pair, atol=1e-6),
        Case(
            "a generator that draws one mode of four, k = 3: precision high, recall low",
            (TensorArg(real), TensorArg(one), 3),
            _pair,
            atol=1e-6,
        ),
        Case(
            "two sets far from each other, k = 3: both are 0",
            (TensorArg(real), TensorArg(one + 100), 3),
            _pair,
            atol=1e-6,
        ),
        Case(
            "24 points one apart and ten points 3 further, k = 2: some lie exactly on a rim",
            (TensorArg(steps), TensorArg(steps[:10] * 2 + 25), 2),
            _pair,
            atol=1e-6,
        ),
        Case(
            "real −2, −1, 0, 1, fake three times 0 and once 3, k = 1: a neighbor may lie at the"
            " same place",
            (
                TensorArg(np.array([[-2.0], [-1.0], [0.0], [1.0]])),
                TensorArg(np.array([[0.0], [0.0], [0.0], [3.0]])),
                1,
            ),
            _pair,
            atol=1e-6,
        ),
        Case("20 real and 24 fake points in the plane, k = 3", (*usual, 3), _pair, atol=1e-6),
        Case(
            "the same, the same tensors, a second time",
            (*usual, 3),
            lambda ask, *args: np.ravel(again(ask, *args)),
            atol=1e-6,
        ),
        Case("the same with k = 1", (*usual, 1), _pair, atol=1e-6),
        Case("the same with k = 5", (*usual, 5), _pair, atol=1e-6),
        Case(
            "24 real and 15 fake points of five numbers, k = 2",
            (*_clouds(rng, 24, 15, 5, 0.3, 1.0), 2),
            _pair,
            atol=1e-6,
        ),
        Case(
            "22 real and 22 fake points of three numbers, k = 4",
            (*_clouds(rng, 22, 22, 3, 0.8, 0.7), 4),
            _pair,
            atol=1e-6,
        ),
    ]


def _shares_by_tree(real: Any, fake: Any, k: int) -> tuple[float, float]:
    """By k-d trees in float64: each member's radius, then a search from every point."""
    from scipy.spatial import cKDTree

    real, fake = (samples.numpy().astype(np.float64) for samples in (real, fake))

    def share(points: np.ndarray, samples: np.ndarray) -> float:
        radius = cKDTree(samples).query(samples, k + 1)[0][:, k]
        tree = cKDTree(points)
        inside = np.zeros(len(points), bool)
        for center, r in zip(samples, radius, strict=True):
            inside[tree.query_ball_point(center, r + 1e-6)] = True
        return float(inside.mean())

    return share(fake, real), share(real, fake)


def _cdist(a: Tensor, b: Tensor, p: float = 2.0) -> Tensor:
    import torch

    return torch.cdist(a, b, p=p, compute_mode="donot_use_mm_for_euclid_dist")


def _radius(samples: Tensor, k: int, p: float = 2.0) -> Tensor:
    """Distance of each member to its k-th nearest neighbor. (C, d) -> (C,)"""
    return _cdist(samples, samples, p).sort(dim=1).values[:, k]


def _shares(
    inside: Answer = lambda between, radius: between <= radius,
    share: Answer = lambda inside: inside.any(1).float().mean(),
    radius: Answer = _radius,
    returned: Answer = lambda p, r: (p, r),
    p: float = 2.0,
) -> Answer:
    """An answer to 6.5 with some part changed: `between` (P, C) distances from points to samples,
    `radius` (C,).
    """

    def one(points: Tensor, samples: Tensor, k: int) -> float:
        return share(inside(_cdist(points, samples, p), radius(samples, k))).item()

    return lambda real, fake, k: returned(one(fake, real, k), one(real, fake, k))


def _own_radius(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    """The balls are around the tested points: coverage, with the roles exchanged."""
    between = _cdist(fake, real)
    return (
        (between <= _radius(fake, k)[:, None]).any(1).float().mean().item(),
        (between <= _radius(real, k)).any(0).float().mean().item(),
    )


def _radius_across(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    """The radius reaches to the k-th nearest of the other samples."""
    d = _cdist(fake, real)
    return (
        (d <= d.sort(dim=0).values[k - 1]).any(1).float().mean().item(),
        (d.T <= d.T.sort(dim=0).values[k - 1]).any(1).float().mean().item(),
    )


def _nearest_ball(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    """Only the ball of the nearest member is tried."""

    def share(points: Tensor, samples: Tensor) -> float:
        nearest = _cdist(points, samples).min(dim=1)
        return (nearest.values <= _radius(samples, k)[nearest.indices]).float().mean().item()

    return share(fake, real), share(real, fake)


def _by_overlap(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    touching = _cdist(fake, real) <= _radius(fake, k)[:, None] + _radius(real, k)
    return touching.any(1).float().mean().item(), touching.any(0).float().mean().item()


def _precision_twice(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    value = _shares()(real, fake, k)[0]
    return value, value


def _numpy_shares(real: Any, fake: Any, k: int) -> tuple[float, float]:
    from scipy.spatial.distance import cdist

    real, fake = real.numpy(), fake.numpy()
    between = cdist(fake, real)
    reach_real, reach_fake = (np.partition(cdist(c, c), k, axis=1)[:, k] for c in (real, fake))
    return (between <= reach_real + 1e-9).any(1).mean(), (
        between <= reach_fake[:, None] + 1e-9
    ).any(0).mean()


def _point_by_point(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    def share(points: Tensor, samples: Tensor) -> float:
        reach = [sorted((c - other).norm().item() for other in samples)[k] for c in samples]
        return sum(
            any((point - c).norm().item() <= r for c, r in zip(samples, reach, strict=True))
            for point in points
        ) / len(points)

    return share(fake, real), share(real, fake)


def _covered(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    inside = _cdist(fake, real) <= _radius(real, k)  # (M, N)
    return inside.any(1).float().mean().item(), inside.any(0).float().mean().item()


PRECISION_RECALL = Exercise(
    "6.5",
    "precision_recall",
    _share_cases,
    _shares_by_tree,
    {
        "precision-and-recall-swapped": Mutant(
            "precision and recall are swapped: a generator that draws one mode well has high"
            " precision and low recall",
            _shares(returned=lambda p, r: (r, p)),
        ),
        "coverage-for-recall": Mutant(
            "recall was asked of the balls around real points, which makes it coverage: it asks"
            " which real points lie in balls around fake ones",
            _covered,
        ),
        "self-counted-as-neighbor": Mutant(
            "every point counted as its own neighbor: column 0 of the sorted distances is the point"
            " itself, so take column k",
            _shares(radius=lambda samples, k: _radius(samples, k - 1)),
        ),
        "zero-distances-dropped": Mutant(
            "distances of 0 were left out: another point at the same place is a neighbor too, only"
            " the point itself is not",
            _shares(
                radius=lambda samples, k: (
                    (d := _cdist(samples, samples))
                    .masked_fill(d == 0, math.inf)
                    .sort(dim=1)
                    .values[:, k - 1]
                )
            ),
        ),
        "radius-to-k-plus-one": Mutant(
            "the radius reaches to neighbor k + 1: take the k-th",
            _shares(radius=lambda samples, k: _radius(samples, min(k + 1, len(samples) - 1))),
        ),
        "mean-radius-for-all": Mutant(
            "all balls have one radius, the average: every point has its own",
            _shares(radius=lambda samples, k: _radius(samples, k).mean().expand(len(samples))),
        ),
        "median-radius-for-all": Mutant(
            "all balls have one radius, the median: every point has its own",
            _shares(radius=lambda samples, k: _radius(samples, k).median().expand(len(samples))),
        ),
        "max-radius-for-all": Mutant(
            "all balls have one radius, the largest: every point has its own",
            _shares(radius=lambda samples, k: _radius(samples, k).max().expand(len(samples))),
        ),
        "min-radius-for-all": Mutant(
            "all balls have one radius, the smallest: every point has its own",
            _shares(radius=lambda samples, k: _radius(samples, k).min().expand(len(samples))),
        ),
        "balls-around-query-points": Mutant(
            "the balls are around the points being tested: for precision they are around the real"
            " points",
            _own_radius,
        ),
        "radius-across-sets": Mutant(
            "the radius was measured to the other set: a ball reaches to the k-th neighbor in its"
            " own set",
            _radius_across,
        ),
        "boundary-excluded": Mutant(
            "the rim was left out: a point at exactly that distance is inside, so use <=",
            _shares(inside=lambda between, radius: between < radius),
        ),
        "inside-all-balls": Mutant(
            "a point counted only if it lies in every ball: one ball is enough",
            _shares(share=lambda inside: inside.all(1).float().mean()),
        ),
        "share-of-pairs": Mutant(
            "the share of point-ball pairs was taken: a point counts once, however many balls hold"
            " it",
            _shares(share=lambda inside: inside.float().mean()),
        ),
        "density-for-precision": Mutant(
            "the number of balls around each point was averaged (density): a point counts once",
            _shares(share=lambda inside: inside.float().sum(1).mean()),
        ),
        "any-over-wrong-axis": Mutant(
            "`any` and the mean run over the wrong axis: ask whether each point lies in some ball,"
            " not whether each ball holds some point",
            _shares(share=lambda inside: inside.any(0).float().mean()),
        ),
        "counts-for-shares": Mutant(
            "these are counts: divide by the number of points that were tested",
            _shares(share=lambda inside: inside.any(1).float().sum()),
        ),
        "percent-for-shares": Mutant(
            "these are percentages: return shares from 0 to 1",
            _shares(returned=lambda p, r: (100 * p, 100 * r)),
        ),
        "precision-twice": Mutant(
            "precision came back twice: recall tests the real points against the balls of the fake"
            " ones",
            _precision_twice,
        ),
        "complement-returned": Mutant(
            "these are the shares outside all balls: return the shares inside",
            _shares(returned=lambda p, r: (1 - p, 1 - r)),
        ),
        "nearest-ball-only": Mutant(
            "only the nearest point's ball was tried: a larger ball further away may hold the point"
            " too",
            _nearest_ball,
        ),
        "squared-distances-vs-radii": Mutant(
            "squared distances were compared with radii that are not squared: use one of the two",
            _shares(inside=lambda between, radius: between**2 <= radius),
        ),
        "distances-vs-squared-radii": Mutant(
            "distances were compared with squared radii: use one of the two",
            _shares(inside=lambda between, radius: between <= radius**2),
        ),
        "l1-distance": Mutant(
            "these are L1 distances: use Euclidean ones",
            _shares(radius=lambda samples, k: _radius(samples, k, 1.0), p=1.0),
        ),
        "chebyshev-distance": Mutant(
            "the largest coordinate difference was taken for the distance: use Euclidean distances",
            _shares(radius=lambda samples, k: _radius(samples, k, math.inf), p=math.inf),
        ),
        "k-fixed-at-3": Mutant(
            "k is ignored, and 3 used in its place: use the argument",
            _shares(radius=lambda samples, k: _radius(samples, 3 if len(samples) > 3 else k)),
        ),
        "k-fixed-at-1": Mutant(
            "k is ignored, and 1 used in its place: use the argument",
            _shares(radius=lambda samples, k: _radius(samples, 1)),
        ),
        "mean-distance-to-k-nearest": Mutant(
            "the radius is the average distance to the k nearest neighbors: take the distance to"
            " the k-th",
            _shares(
                radius=lambda samples, k: (
                    _cdist(samples, samples).sort(dim=1).values[:, 1 : k + 1].mean(1)
                )
            ),
        ),
        "kth-largest-distance": Mutant(
            "the k-th largest distance was taken: sort in ascending order",
            _shares(
                radius=lambda samples, k: (
                    _cdist(samples, samples).sort(dim=1, descending=True).values[:, k]
                )
            ),
        ),
        "radius-halved": Mutant(
            "the radius was halved: the ball reaches all the way to the k-th neighbor",
            _shares(radius=lambda samples, k: _radius(samples, k) / 2),
        ),
        "inside-at-least-k-balls": Mutant(
            "a point counted only if it lies in at least k balls: one ball is enough",
            lambda real, fake, k: _shares(share=lambda inside: (inside.sum(1) >= k).float().mean())(
                real, fake, k
            ),
        ),
        "density-over-k": Mutant(
            "the number of balls around each point was divided by k and averaged, which is the"
            " density of Naeem et al.: a point counts once",
            lambda real, fake, k: _shares(share=lambda inside: (inside.sum(1) / k).mean())(
                real, fake, k
            ),
        ),
        "balls-of-own-set": Mutant(
            "the points were tested against the balls of their own set, where each lies inside:"
            " test fake points against real balls, and real points against fake ones",
            lambda real, fake, k: (_shares()(fake, fake, k)[0], _shares()(real, real, k)[0]),
        ),
        "k-fixed-at-5": Mutant(
            "k is ignored, and 5 used in its place: use the argument",
            _shares(radius=lambda samples, k: _cdist(samples, samples).sort(dim=1).values[:, 5]),
        ),
        "one-radius-kth-of-all": Mutant(
            "all balls have one radius, the k-th smallest of all distances: each point has its own",
            _shares(
                radius=lambda samples, k: (
                    _cdist(samples, samples)
                    .flatten()
                    .sort()
                    .values[len(samples) + k - 1]
                    .expand(len(samples))
                )
            ),
        ),
        "balls-overlap": Mutant(
            "two balls were tested for overlap, by the sum of their radii: the tested points have"
            " no balls",
            _by_overlap,
        ),
        "recall-twice": Mutant(
            "recall came back twice: precision tests the fake points against the balls of the real"
            " ones",
            _shares(returned=lambda p, r: (r, r)),
        ),
        "average-for-both": Mutant(
            "the average of both came back twice: return precision and recall",
            _shares(returned=lambda p, r: ((p + r) / 2,) * 2),
        ),
        "f1-for-both": Mutant(
            "the harmonic mean (F1) came back twice: return precision and recall",
            _shares(returned=lambda p, r: (2 * p * r / (p + r + 1e-12),) * 2),
        ),
    },
    {
        "NumPy and a partition": _numpy_shares,
        "point by point": _point_by_point,
        "the k + 1 smallest": _shares(
            radius=lambda samples, k: (
                _cdist(samples, samples).topk(k + 1, dim=1, largest=False).values[:, k]
            )
        ),
        "in float64": lambda real, fake, k: _shares()(real.double(), fake.double(), k),
        "kthvalue, as tensors": lambda real, fake, k: tuple(
            (_cdist(a, b) <= _cdist(b, b).kthvalue(k + 1, dim=1).values).any(1).double().mean()
            for a, b in ((fake, real), (real, fake))
        ),
    },
)

# ---- 6.6 gradient_penalty ------------------------------------------------------------------------


OWN_EPS = "two calls with the same eps gave different penalties: use the eps handed in, draw none"


def _penalty(ask: Ask, *args: Any) -> dict[str, Any]:
    return ask.probe("lesson06.penalty", *args)


def _penalty_args(rng: np.random.Generator, n: int, d: int, h: int, column: bool = False) -> tuple:
    shapes = ((d, h), (h,), (h,), (d,), (n, d), (n, d))
    return (
        *(TensorArg(rng.normal(size=shape)) for shape in shapes),
        TensorArg(rng.uniform(size=(n, 1))),
        column,
    )


def _penalty_cases(rng: np.random.Generator) -> list[Case]:
    flat = [
        np.zeros((2, 1)),
        np.zeros(1),
        np.zeros(1),
        np.array([3.0, 4.0]),
        *rng.normal(size=(2, 3, 2)),
        rng.uniform(size=(3, 1)),
    ]
    flatter = [*flat[:3], np.array([0.3, 0.4]), *flat[4:]]
    level = [
        np.zeros((2, 1)),
        np.zeros(1),
        np.zeros(1),
        np.array([0.6, 0.8]),
        *rng.normal(size=(2, 3, 2)),
        rng.uniform(size=(3, 1)),
    ]
    return [
        close_case(
            "D(x) = 3 x1 + 4 x2 has a gradient of norm 5 everywhere: the penalty is 16",
            (*map(TensorArg, flat), False),
            _penalty,
        ),
        close_case(
            "D(x) = 0.3 x1 + 0.4 x2 has a gradient of norm 0.5 everywhere: the penalty is 0.25",
            (*map(TensorArg, flatter), False),
            _penalty,
        ),
        Case(
            "D(x) = 0.6 x1 + 0.8 x2 has a gradient of norm 1 everywhere: the penalty is 0",
            (*map(TensorArg, level), False),
            _penalty,
            rtol=1e-4,
            atol=1e-5,
        ),
        Case(
            "a curved critic on six pairs of two numbers",
            _penalty_args(rng, 6, 2, 5),
            _penalty,
            rtol=1e-3,
            atol=1e-4,
        ),
        Case(
            "a curved critic on four pairs of three numbers, scores in a column",
            _penalty_args(rng, 4, 3, 4, True),
            _penalty,
            rtol=1e-3,
            atol=1e-4,
        ),
        Case(
            "one pair of five numbers", _penalty_args(rng, 1, 5, 3), _penalty, rtol=1e-3, atol=1e-4
        ),
    ]


def _penalty_by_formula(D: Any, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    """The gradient of tanh(x W + c) v + x u written down, so that one backward pass is enough."""
    x = eps * real + (1 - eps) * fake
    slope = (((1 - (x @ D.W + D.c).tanh() ** 2) * D.v) @ D.W.T) + D.u  # (B, d)
    return (((slope**2).sum(1).sqrt() - 1) ** 2).mean()


def _slope(D: Any, x: Tensor, create: bool = True) -> Tensor:
    import torch

    x = x.detach().requires_grad_()
    return torch.autograd.grad(D(x).sum(), x, create_graph=create)[0]


def _penalized(
    of: Answer = lambda slope: ((slope.norm(dim=1) - 1) ** 2).mean(),
    at: Answer = lambda real, fake, eps: eps * real + (1 - eps) * fake,
    create: bool = True,
    score: Answer = lambda D: D,
) -> Answer:
    """An answer to 6.6 with some part changed: what is made of the gradients (B, d), and where
    they are taken.
    """
    return lambda D, real, fake, eps: of(_slope(score(D), at(real, fake, eps), create))


def _by_func(D: Any, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    import torch

    x = torch.lerp(fake, real, eps)
    slope = torch.func.vmap(torch.func.grad(lambda point: D(point[None]).sum()))(x)
    return ((slope.norm(dim=1) - 1) ** 2).mean()


def _pair_by_pair(D: Any, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    import torch

    penalties = []
    for r, f, e in zip(real, fake, eps, strict=True):
        x = (e * r + (1 - e) * f)[None].requires_grad_()
        penalties.append(
            (torch.autograd.grad(D(x).sum(), x, create_graph=True)[0].square().sum().sqrt() - 1)
            ** 2
        )
    return sum(penalties) / len(penalties)


def _with_ones(D: Any, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    import torch

    x = (fake + eps * (real - fake)).requires_grad_(True)
    score = D(x)
    (slope,) = torch.autograd.grad(
        score, x, torch.ones_like(score), create_graph=True, retain_graph=True
    )
    return torch.mean((slope.view(len(real), -1).norm(2, dim=1) - 1).pow(2))


def _with_own_eps(D: Any, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    return _penalized()(D, real, fake, _torch().rand(len(real), 1))


def _secant(D: Any, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    slope = (D(real) - D(fake)).flatten().abs() / (real - fake).norm(dim=1)
    return ((slope - 1) ** 2).mean()


def _by_real(D: Any, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    real = real.detach().requires_grad_()
    score = D(eps * real + (1 - eps) * fake).sum()
    (slope,) = _torch().autograd.grad(score, real, create_graph=True)
    return ((slope.norm(dim=1) - 1) ** 2).mean()


def _by_backward(D: Any, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    import warnings

    x = (eps * real + (1 - eps) * fake).detach().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a reference cycle, which PyTorch warns of
        D(x).sum().backward(create_graph=True)
    return ((x.grad.norm(dim=1) - 1) ** 2).mean()  # type: ignore[union-attr]


def _by_weights(D: Any, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    score = D(eps * real + (1 - eps) * fake).sum()
    slopes = _torch().autograd.grad(score, list(D.parameters()), create_graph=True)
    return (_cat(*slopes).norm() - 1) ** 2


PENALTY = Exercise(
    "6.6",
    "gradient_penalty",
    _penalty_cases,
    _penalty_by_formula,
    {
        "create-graph-missing": Mutant(
            "the value is right, but no gradient reaches D's weights: take the inner gradient with"
            " `create_graph=True`, and detach nothing after it",
            _penalized(create=False),
        ),
        "backward-for-grad": Mutant(
            "the value is right, but `backward` also adds to the `.grad` of D's weights: use"
            " `torch.autograd.grad`, which returns the gradient and leaves the rest alone",
            _by_backward,
        ),
        "norm-over-whole-batch": Mutant(
            "one norm was taken over the whole batch: every pair has a gradient of its own",
            _penalized(of=lambda slope: (slope.norm() - 1) ** 2),
        ),
        "norm-over-batch-axis": Mutant(
            "the norm runs over the batch, dimension 0: take it over each row, `dim=1`",
            _penalized(of=lambda slope: ((slope.norm(dim=0) - 1) ** 2).mean()),
        ),
        "norm-pulled-to-zero": Mutant(
            "this is the squared norm, pulled to 0: subtract 1 from the norm, then square",
            _penalized(of=lambda slope: (slope.norm(dim=1) ** 2).mean()),
        ),
        "norm-without-target": Mutant(
            "this is the norm itself, pulled to 0: subtract 1 from it, then square",
            _penalized(of=lambda slope: slope.norm(dim=1).mean()),
        ),
        "distance-not-squared": Mutant(
            "norm − 1 is averaged without a square: square it first",
            _penalized(of=lambda slope: (slope.norm(dim=1) - 1).mean()),
        ),
        "absolute-distance": Mutant(
            "the absolute value of norm − 1 was taken: square it instead",
            _penalized(of=lambda slope: (slope.norm(dim=1) - 1).abs().mean()),
        ),
        "one-sided-penalty": Mutant(
            "only norms above 1 are penalized: norms below 1 are penalized here too",
            _penalized(of=lambda slope: ((slope.norm(dim=1) - 1).relu() ** 2).mean()),
        ),
        "squared-norm-against-one": Mutant(
            "the squared norm was compared with 1: take the root first",
            _penalized(of=lambda slope: ((slope.square().sum(1) - 1) ** 2).mean()),
        ),
        "square-outside-mean": Mutant(
            "the square is outside the average: square every norm − 1, then average",
            _penalized(of=lambda slope: (slope.norm(dim=1) - 1).mean() ** 2),
        ),
        "sum-over-batch": Mutant(
            "summed over the batch: take the average",
            _penalized(of=lambda slope: ((slope.norm(dim=1) - 1) ** 2).sum()),
        ),
        "not-averaged": Mutant(
            "one penalty per pair came back: average them",
            _penalized(of=lambda slope: (slope.norm(dim=1) - 1) ** 2),
        ),
        "components-against-one": Mutant(
            "every component of the gradient was compared with 1: compare its norm",
            _penalized(of=lambda slope: ((slope - 1) ** 2).mean()),
        ),
        "l1-norm": Mutant(
            "the absolute components were added up (L1 norm): take the root of the sum of squares",
            _penalized(of=lambda slope: ((slope.abs().sum(1) - 1) ** 2).mean()),
        ),
        "max-norm": Mutant(
            "the largest component was taken for the norm: take the root of the sum of squares",
            _penalized(of=lambda slope: ((slope.abs().max(1).values - 1) ** 2).mean()),
        ),
        "gradient-averaged-first": Mutant(
            "the gradient was averaged over the batch before its norm was taken: take the norm of"
            " every row, then average",
            _penalized(of=lambda slope: (slope.mean(0).norm() - 1) ** 2),
        ),
        "rms-for-norm": Mutant(
            "the root of the mean square was taken for the norm: take the root of the sum",
            _penalized(of=lambda slope: ((slope.square().mean(1).sqrt() - 1) ** 2).mean()),
        ),
        "eps-weights-swapped": Mutant(
            "eps and 1 − eps are swapped: as good a penalty on average, but here eps weights the"
            " real point",
            _penalized(at=lambda real, fake, eps: (1 - eps) * real + eps * fake),
        ),
        "gradient-at-real": Mutant(
            "the gradient was taken at the real points: take it at points between real and fake",
            _penalized(at=lambda real, fake, eps: real),
        ),
        "gradient-at-fake": Mutant(
            "the gradient was taken at the fake points: take it at points between real and fake",
            _penalized(at=lambda real, fake, eps: fake),
        ),
        "midpoint-ignores-eps": Mutant(
            "the gradient was taken halfway between real and fake: eps says where",
            _penalized(at=lambda real, fake, eps: (real + fake) / 2),
        ),
        "eps-weight-on-both": Mutant(
            "real and fake were both weighted with eps: the weights are eps and 1 − eps",
            _penalized(at=lambda real, fake, eps: eps * (real + fake)),
        ),
        "eps-times-difference": Mutant(
            "eps·(real − fake) was taken for the point between: add the fake point to it",
            _penalized(at=lambda real, fake, eps: eps * (real - fake)),
        ),
        "first-eps-for-all": Mutant(
            "all pairs got the eps of the first pair: each has its own",
            _penalized(at=lambda real, fake, eps: eps[:1] * real + (1 - eps[:1]) * fake),
        ),
        "score-averaged-first": Mutant(
            "the score was averaged before differentiating, which divides every gradient by the"
            " batch size: differentiate the sum",
            _penalized(score=lambda D: lambda x: D(x).mean()),
        ),
        "lambda-included": Mutant(
            "the weight λ = 10 is in it: return the penalty without its weight",
            _penalized(of=lambda slope: 10 * ((slope.norm(dim=1) - 1) ** 2).mean()),
        ),
        "sigmoid-on-score": Mutant(
            "a sigmoid was applied to the score: differentiate the critic's score as it is",
            _penalized(score=lambda D: lambda x: D(x).sigmoid()),
        ),
        "own-eps-drawn": Mutant(OWN_EPS, _with_own_eps),
        "secant-for-gradient": Mutant(
            "the slope of the straight line from fake to real was taken, (D(real) − D(fake)) over"
            " their distance: take the gradient at the point between, with `autograd.grad`",
            _secant,
        ),
        "gradient-by-real": Mutant(
            "the gradient was taken with respect to the real point, which multiplies it by eps:"
            " take it with respect to the point between",
            _by_real,
        ),
        "gradient-by-fake": Mutant(
            "the gradient was taken with respect to the fake point, which multiplies it by 1 − eps:"
            " take it with respect to the point between",
            lambda D, real, fake, eps: _by_real(D, fake, real, 1 - eps),
        ),
        "log-norm": Mutant(
            "the logarithm of the norm was squared: subtract 1 from the norm, then square",
            _penalized(of=lambda slope: (slope.norm(dim=1).log() ** 2).mean()),
        ),
        "rooted-distance": Mutant(
            "the root of the average was taken at the end: the penalty is the average square",
            _penalized(of=lambda slope: ((slope.norm(dim=1) - 1) ** 2).mean().sqrt()),
        ),
        "squared-components-minus-one": Mutant(
            "1 was subtracted from every squared component: sum the squares, take the root, then"
            " subtract 1",
            _penalized(of=lambda slope: ((slope**2 - 1) ** 2).mean()),
        ),
        "gradient-by-weights": Mutant(
            "the gradient was taken with respect to D's weights: take it with respect to the points"
            " between real and fake",
            _by_weights,
        ),
        "halved-penalty": Mutant(
            "this is half of the penalty: leave out the factor ½",
            _penalized(of=lambda slope: 0.5 * ((slope.norm(dim=1) - 1) ** 2).mean()),
        ),
    },
    {
        "as published, with ones": _with_ones,
        "torch.func": _by_func,
        "pair by pair": _pair_by_pair,
        "the root of the sum of squares": _penalized(
            of=lambda slope: ((slope.square().sum(1).sqrt() - 1) ** 2).mean()
        ),
    },
)

# ---- 6.7 train_ring_sampler ----------------------------------------------------------------------

DRAWN, FEWER = 2000, 300
ENOUGH = 0.7
RING = {
    "shape": "`sample(n)` returns n points of two numbers, whatever n is",
    "finite": "all numbers are finite",
    "varied": "the points of one call differ from each other: noise must go into `sample`",
    "fresh": (
        "a second call draws new points: keep no pool that was drawn once, and set no seed in"
        " `sample`"
    ),
    "new": "the points are new: do not hand back those that were given, nor near copies of them",
    "near": (
        "half of the points lie near the ring, within a fifth of its radius: if you train a GAN,"
        " train longer, and let each player step on its own loss"
    ),
    "some": (
        "at least two modes of eight are found, each with one in a hundred of the samples within"
        " four standard deviations: fewer are a mode collapse"
    ),
    "all": (
        "all eight modes are found, each with one in a hundred of the samples within four standard"
        " deviations"
    ),
}
BEFORE_TRAINING = ("shape", "finite", "varied", "new", "fresh")
SHARE = (
    "the share of samples within four standard deviations of a mode, where 0.7 or more is asked for"
)


def _ring(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Points (n, 2), the eight modes (8, 2) and their standard deviation; radius and rotation are
    random.
    """
    radius = rng.uniform(1, 4)
    angles = 2 * np.pi * (np.arange(8) / 8 + rng.uniform())
    centers, width = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.04 * radius
    return centers[rng.integers(8, size=n)] + width * rng.normal(size=(n, 2)), centers, width


def _ring_cases(rng: np.random.Generator) -> list[Case]:
    x, centers, width = _ring(rng, 4000)
    fresh = centers[rng.integers(8, size=500)] + width * rng.normal(size=(500, 2))
    return [
        Case(
            "trained on 4,000 points, asked for 2,000 new ones",
            (TensorArg(x), DRAWN, int(rng.integers(2**31))),
            lambda ask, *args: _on_the_ring(ask, *args, centers=centers, width=width, fresh=fresh),
            want={fact: True for fact in RING.values()} | {SHARE: ENOUGH},
        )
    ]


def _ring_at_once(rng: np.random.Generator) -> list[Case]:
    """What needs no training: the sampler's form, and whether it only keeps points."""
    x, *_ = _ring(rng, 700)
    return [
        Case(
            "given 200 points, asked for 500 new ones",
            (TensorArg(x[:200]), 500, 0),
            lambda ask, *args: until_one_fails(
                _draws(ask, *args, fresh=x[200:]), {key: RING[key] for key in BEFORE_TRAINING}
            ),
            want={RING[key]: True for key in BEFORE_TRAINING},
        )
    ]


def _on_the_ring(
    ask: Ask,
    x: TensorArg,
    n: int,
    seed: int,
    *,
    centers: np.ndarray,
    width: float,
    fresh: np.ndarray,
) -> dict[str, Any]:
    """What holds of the first training that passes, of two: an honest game may be unlucky once."""
    first = _one_training(ask, x, n, seed, centers, width, fresh)
    if first.get(SHARE) == ENOUGH:
        return first
    second = _one_training(ask, x, n, seed + 1, centers, width, fresh)
    return second if second.get(SHARE) == ENOUGH else first


def _one_training(
    ask: Ask, x: TensorArg, n: int, seed: int, centers: np.ndarray, width: float, fresh: np.ndarray
) -> dict[str, Any]:
    """RING that hold up to the first that does not; the share last, as a number up to what is asked
    for.
    """
    return until_one_fails(_ring_facts(ask, x, n, seed, centers, width, fresh), RING)


def _ring_facts(
    ask: Ask,
    x: TensorArg,
    n: int,
    seed: int,
    centers: np.ndarray,
    width: float,
    fresh: np.ndarray,
) -> Any:
    """Pairs of a key of RING and whether it holds, in an order in which each may rely on those
    before it.
    """
    from scipy.spatial import cKDTree

    points = yield from _draws(ask, x, n, seed, fresh=fresh)
    radius = np.linalg.norm(centers[0])
    yield "near", np.median(abs(np.linalg.norm(points, axis=1) - radius)) < 0.2 * radius
    distance, mode = cKDTree(centers).query(points)
    on = distance < 4 * width
    counts = np.bincount(mode[on], minlength=8) >= n / 100
    yield "some", counts.sum() >= 2
    yield "all", counts.all()
    yield SHARE, math.floor(1000 * min(on.mean(), ENOUGH)) / 1000


def _draws(ask: Ask, x: TensorArg, n: int, seed: int, *, fresh: np.ndarray) -> Any:
    """The facts BEFORE_TRAINING about the points that three calls draw; returns those of the first.

    Among points drawn anew, one in twenty is nearer to the next than a quarter of the usual
    distance, and none at a fiftieth of it.
    """
    from scipy.spatial import cKDTree

    calls = ask.probe("lesson06.sampler", x, [n, n, FEWER], seed)
    points, again, fewer = map(numbers_in, calls)
    yield "shape", points.shape == again.shape == (n, 2) and fewer.shape == (FEWER, 2)
    yield "finite", np.isfinite(points).all() and np.isfinite(again).all()
    yield "varied", points.std() > 1e-6 and len(np.unique(points.round(6), axis=0)) > n / 4
    tree, given = cKDTree(points), cKDTree(x.values.astype(np.float32).astype(float))
    found, usual = given.query(points)[0], np.median(given.query(fresh)[0])
    yield "new", np.median(found) > 0.3 * usual and np.quantile(found, 0.05) > 0.02 * usual
    usual = np.median(tree.query(points, 2)[0][:, 1])
    yield "fresh", np.quantile(tree.query(again)[0], 0.05) > 0.03 * usual
    return points


def _drawing(how: Callable[[Any, int], Any]) -> Answer:
    """An answer to 6.7 that draws by `how(x, n)`, without training."""
    return lambda x: lambda n: how(x, n)


def _seeded(x: Any) -> Callable:
    def sample(n: int) -> Any:
        _torch().manual_seed(0)
        return _pick(x, n, 0.03)

    return sample


def _from_a_pool(x: Any) -> Callable:
    """Good points, drawn once."""
    pool = _pick(x, 5000, 0.03)
    return lambda n: pool[_torch().randperm(5000)[:n]]


def _pick(x: Any, n: int, noise: float) -> Any:
    """Points of x with some noise, as a share of their spread."""
    import torch

    return x[torch.randint(len(x), (n,))] + noise * x.std() * torch.randn(n, 2)


def _one_mode(x: Any, n: int) -> Any:
    import torch

    return x[0] + 0.03 * x.std() * torch.randn(n, 2)


def _two_modes(x: Any, n: int) -> Any:
    import torch

    return torch.where(torch.rand(n, 1) < 0.5, 1.0, -1.0) * x[0] + 0.03 * x.std() * torch.randn(
        n, 2
    )


def _gaussian(x: Any, n: int) -> Any:
    import torch

    return 0.2 * x.std() * torch.randn(n, 2)


def _mixture(x: Tensor) -> Callable:
    """No GAN: eight Gaussians found by k-means."""
    import torch
    from sklearn.cluster import KMeans

    found = KMeans(8, n_init=3, random_state=0).fit(x.numpy())
    middles = torch.tensor(found.cluster_centers_).float()
    width = (x - middles[torch.tensor(found.labels_).long()]).std()
    generator = torch.Generator().manual_seed(0)
    return lambda n: (
        middles[torch.randint(8, (n,), generator=generator)]
        + width * torch.randn(n, 2, generator=generator)
    )


def _plain_round(G: Any, D: Any, of_g: Any, of_d: Any, x: Any) -> None:
    """One move of the discriminator, then one of the generator, on 128 points each."""
    import torch

    d = _d(D(x[torch.randint(len(x), (128,))]), D(G(torch.randn(128, 2)).detach()))
    of_d.zero_grad()
    d.backward()
    of_d.step()
    of_g.zero_grad()
    _g(D(G(torch.randn(128, 2)))).backward()
    of_g.step()


def _plain_gan(x: Any) -> Any:
    """Two networks, two optimizers, Adam with beta1 = 0.5, a decaying learning rate, an average of
    the generator.
    """
    import copy

    import torch
    from torch import nn

    with torch.random.fork_rng():
        torch.manual_seed(0)
        scale = x.std()
        x = x / scale
        G, D = (
            nn.Sequential(
                nn.Linear(2, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, k)
            )
            for k in (2, 1)
        )
        of_g, of_d = (
            torch.optim.Adam(net.parameters(), 2e-3, betas=(0.5, 0.99), fused=True)
            for net in (G, D)
        )
        average = copy.deepcopy(G)
        for t in range(1800):
            for optimizer in (of_g, of_d):
                optimizer.param_groups[0]["lr"] = 2e-3 * min(1.0, 2 - t / 900)
            _plain_round(G, D, of_g, of_d, x)
            with torch.no_grad():
                for mean, now in zip(average.parameters(), G.parameters(), strict=True):
                    mean.lerp_(now, 0.02)
    generator = torch.Generator().manual_seed(0)
    return lambda n: average(torch.randn(n, 2, generator=generator)) * scale


BUILD = Exercise(
    "6.7",
    "train_ring_sampler",
    _ring_cases,
    None,
    breaking(
        RING,
        {
            key: _drawing(how)
            for key, how in {
                "shape": lambda x, n: _pick(x, 100, 0.03),
                "finite": lambda x, n: _pick(x, n, math.nan),
                "varied": lambda x, n: x[:1].repeat(n, 1),
                "new": lambda x, n: _pick(x, n, 0.0),
                "near": _gaussian,
                "some": _one_mode,
                "all": _two_modes,
            }.items()
        }
        | {"fresh": _from_a_pool},
    )
    | {
        "one-n-for-all": Mutant(
            does_not_hold(RING["shape"]), _drawing(lambda x, n: _pick(x, DRAWN, 0.03))
        ),
        "seed-in-sample": Mutant(does_not_hold(RING["fresh"]), _seeded),
        "copies-among-new-points": Mutant(
            does_not_hold(RING["new"]),
            _drawing(
                lambda x, n: _torch().cat([_pick(x, n // 4, 0.0), _pick(x, n - n // 4, 0.03)])
            ),
        ),
        "points-for-function": Mutant(
            "`train_ring_sampler` returned a Tensor: return the function `sample`, not its points",
            lambda x: _pick(x, DRAWN, 0.03),
        ),
    },
    {
        "eight Gaussians by k-means": _mixture,
        "Gaussians around the points, as wide as the modes allow": _drawing(
            lambda x, n: _pick(x, n, 0.03)
        ),
        "a GAN whose generator is averaged": _plain_gan,
    },
    seconds=90.0,
    quick=_ring_at_once,
)

EXERCISES = [D_LOSS, G_LOSS, TRAIN_STEP, AVERAGE, PRECISION_RECALL, PENALTY, BUILD]
