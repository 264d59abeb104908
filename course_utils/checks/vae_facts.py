"""What the build tasks of a VAE have in common: an answer returns the pair encode, decode."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.asking.ask import AnswerRaised, Ask, TensorArg
from course_utils.checks.exercise import Case, numbers, numbers_in, until_one_fails

COPY = 0.08  # sound answers: 0.17 to 0.22; tables of digits: 0.01
WIDEST, DRAWS = 256, 1000  # latent dimensions at most, draws from the prior
FORM = {
    "shapes": "`encode` returns mu and logvar, one row per digit and both of the same shape (B, Z)",
    "pixels": "`decode` returns one number for each pixel, (B, {pixels})",
    "finite": (
        "mu, logvar and logits are finite: NaN or infinity usually means that the training"
        " diverged, and a smaller learning rate helps"
    ),
    "alone": (
        "`decode` is a function of z alone, so the same z gives the same logits in another order,"
        " in another batch, and after `encode` saw other digits: does it keep something from"
        " `encode`, or does a dropout or batch-norm layer still run in training mode?"
    ),
    "logits": (
        "`decode` returns logits, below 0 for off pixels and above 0 for on pixels: no sigmoid and"
        " no logarithm at its end"
    ),
    "logvar": (
        "some logvar are below 0, because a latent code that says something has a variance below 1:"
        " is it the logarithm, not σ or σ² (which are never negative), and is the loss the"
        " *negative* ELBO?"
    ),
}
TRAINING = {
    "encoder": (
        "the optimizer is given the encoder's parameters as well as the decoder's: here it never"
        " updated the encoder"
    ),
    "decoder": (
        "the optimizer is given the decoder's parameters as well as the encoder's: here it never"
        " updated the decoder"
    ),
    "unreached": (
        "the loss has a gradient with respect to the encoder: here none reached it, so is z"
        " computed from mu and logvar without `detach` or `no_grad`, and is the KL in the loss?"
    ),
    "empty": (
        "a gradient is there when the optimizer steps: here there was none in most steps, so is"
        " `zero_grad` called between `backward` and `step`?"
    ),
    "piled": (
        "each step uses the gradient of its own minibatch: here gradients of earlier steps were"
        " still in it, so call `zero_grad` before every `backward`"
    ),
}
ELBO = {
    "exchanged": (
        "`encode` returns mu first, then logvar: here `decode` does better if the two are exchanged"
    ),
    "noiseless": (
        "`decode` trains on z = mu + σ·eps, the noise included: here it explains digits only if z"
        " is mu itself"
    ),
    "rate": (
        "the KL stays below {most:g} nats per digit, or the bar is missed whatever `decode` does:"
        " is the KL in the loss, with its sign and its full weight?"
    ),
    "steps": (
        "training goes on while the loss still falls: here the optimizer took fewer than {steps}"
        " steps, so train for more epochs"
    ),
}
COLLAPSE = {
    "listens": (
        "the KL is above 1 nat, so that z says something about its digit: here the units collapsed,"
        " either because the KL weighs too much (pixels averaged instead of summed?) or because"
        " `decode` was not trained on z from `encode` with its gradient"
    ),
}
# the facts of ELBO and of a single task, in the order in which they are found
IN_ORDER = (*ELBO, "noise", "learnt", "listens", "mean", "seconds")
LATE = {
    "possible": (
        "the ELBO of held-out digits has a limit that no VAE passes, and this one does: something"
        " besides z reaches `decode`, or the held-out digits were trained on"
    ),
    "prior": (
        "`decode` explains the held-out digits with latent codes drawn from N(0, I), too: asked"
        " before `encode` saw these digits, it did not, so does it look them up?"
    ),
    "copies": (
        "`decode` makes new digits of latent codes drawn from N(0, I): here most of them are copies"
        " of digits that exist, so is there a table of digits in place of a network?"
    ),
    "held out": (
        "digits to train on and held-out digits are kept apart: here the held-out ones cost"
        " hardly more nats than the others, which happens when they were trained on"
    ),
}


@dataclass(frozen=True)
class Bars:
    """What is asked of a VAE, in nats per digit: the ELBO to reach (`bar`); the ELBO that no model
    passes (`limit`); what draws from the prior explain at least (`prior`); from which ELBO on
    (`doubt`) the training digits must be better off by more than `gap`, below by half of it.
    Fewer `steps` than these are too few.
    """

    pixels: int
    bar: float
    limit: float
    prior: float
    doubt: float
    gap: float
    steps: int

    @property
    def texts(self) -> dict[str, str]:
        """The facts that all these tasks share, in words."""
        filled = {"pixels": self.pixels, "steps": self.steps, "most": -self.bar}
        texts = FORM | TRAINING | ELBO | COLLAPSE | LATE
        return {key: text.format(**filled) for key, text in texts.items()}


@dataclass(frozen=True)
class Coded:
    """Digits (M, D) with mu and logvar (M, Z) and the logits of one z each (M, D)."""

    x: np.ndarray
    mu: np.ndarray
    logvar: np.ndarray
    logits: np.ndarray

    @property
    def kl(self) -> float:
        """KL to the prior, averaged over rows; infinite on overflow."""
        mu, logvar = self.mu.astype(np.float64), self.logvar.astype(np.float64)
        with np.errstate(over="ignore"):
            return float(0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(1).mean())

    @property
    def likelihood(self) -> float:
        """log p(x|z), averaged over rows."""
        return _likelihood(self.logits, self.x)

    @property
    def elbo(self) -> float:
        return self.likelihood - self.kl


def _likelihood(logits: np.ndarray, x: np.ndarray) -> float:
    logits = logits.astype(np.float64)
    return float((x * logits - np.logaddexp(0, logits)).sum(1).mean())


@dataclass(frozen=True)
class Found:
    """What the probe `coder` found: the test digits, as many `known` training digits, the rest.
    `data` are all digits, those of both kinds.
    """

    test: Coded
    known: Coded
    rest: dict[str, Any]
    data: np.ndarray


def asked(ask: Ask, x_train: TensorArg, x_test: TensorArg, *draws: TensorArg) -> Found:
    """What the probe `coder` returns."""
    rest = ask.probe("coder", x_train, x_test, *draws)
    known, x = rest["known"], x_test.values
    parts = [
        {key: numbers_in(source[key]) for key in ("mu", "logvar")}
        | {"logits": _numbers(source["logits"])}
        for source in (rest, known)
    ]
    data = np.concatenate([x_train.values, x])
    return Found(Coded(x, **parts[0]), Coded(data[: len(x)], **parts[1]), rest, data)


def _numbers(value: Any) -> np.ndarray:
    """Nothing at all for what is no array of numbers."""
    array = numbers(value)
    return np.zeros(0) if array is None else array


def form(found: Found, few: int = 0) -> Iterator[tuple[str, bool]]:
    """Facts about the form of latent codes and logits, and that `decode` knows nothing but z, each
    relying on those before it. After fewer than `few` steps no variance needs to be below 1.
    """
    for part in (found.known, found.test):
        yield (
            "shapes",
            part.mu.ndim == 2
            and part.mu.shape == part.logvar.shape
            and len(part.mu) == len(part.x)
            and part.mu.shape[1] > 0,
        )
    known, test = found.known, found.test
    yield "pixels", known.logits.shape == known.x.shape
    yield "finite", all(np.isfinite(a).all() for a in (known.mu, known.logvar, known.logits))
    yield "alone", test.logits.shape == test.x.shape and _alone(found)
    yield "finite", all(np.isfinite(a).all() for a in (test.mu, test.logvar, test.logits))
    yield "logits", test.logits.min() < 0 < test.logits.max()
    yield "logvar", test.logvar.min() < 0 or 0 < found.rest["steps"] < few


def _alone(found: Found) -> bool:
    """Whether the logits of the same z agree, of draws from the prior and of test digits."""
    rows, prior = _numbers(found.rest["rows"]), _numbers(found.rest["prior"])
    again = _numbers(found.rest["again"])
    if again.shape != (2 * len(rows), found.test.x.shape[1]) or len(prior) < len(rows):
        return False
    before = np.concatenate([prior[: len(rows)], found.test.logits[rows]])
    return np.allclose(again, before, rtol=1e-2, atol=1e-2 * max(1.0, float(np.std(before))))


def trained(found: Found, bars: Bars) -> Iterator[tuple[str, bool]]:
    """Where the bar is missed: facts about the training that say why."""
    seen, enough = found.rest, found.test.elbo >= bars.bar
    yield "encoder", enough or not seen["encoder left out"]
    yield "decoder", enough or not seen["decoder left out"]
    yield "unreached", enough or not seen["encoder unreached"]
    yield "empty", enough or not seen["empty"]
    yield "piled", enough or not seen["piled"]
    for key in ("exchanged", "noiseless"):
        yield key, enough or not _helps(found, key, bars)
    yield "rate", found.test.kl < -bars.bar
    yield "steps", enough or not 0 < seen["steps"] < bars.steps


def _helps(found: Found, key: str, bars: Bars) -> bool:
    """Whether another z explains some digits well which the z of the ELBO does not explain."""
    rows, logits = _numbers(found.rest["rows"]), _numbers(found.rest[key])
    x = found.test.x[rows]
    return (
        logits.shape == x.shape
        and _likelihood(found.test.logits[rows], x) < 2 * bars.bar
        and _likelihood(logits, x) > bars.bar
    )


def sound(found: Found, bars: Bars) -> Iterator[tuple[str, bool]]:
    """Facts about an ELBO that reaches the bar, without which it is none."""
    yield "possible", found.test.elbo < bars.limit
    yield "prior", found.test.elbo < bars.bar or explained(found) > bars.prior
    yield "copies", found.test.elbo < bars.bar or _newness(found) > COPY
    least = bars.gap if found.test.elbo >= bars.doubt else 0.5 * bars.gap
    yield "held out", found.test.elbo < bars.bar or _gap(found) > least


def _newness(found: Found) -> float:
    """How far draws from the prior lie from the nearest digit that exists: the median of the root
    mean squared difference of a pixel.
    """
    probs = 1 / (1 + np.exp(-np.clip(_numbers(found.rest["prior"])[:200], -50, 50)))
    squared = (probs**2).sum(1)[:, None] + (found.data**2).sum(1) - 2 * probs @ found.data.T
    return float(np.median(np.sqrt(np.maximum(squared.min(1), 0) / probs.shape[1])))


def _gap(found: Found) -> float:
    """By how much the training digits are better off, which have been learned."""
    return found.known.elbo - found.test.elbo


def explained(found: Found) -> float:
    """The log of the mean likelihood of a test digit over draws from the prior: a bound on log p(x)
    without any encoder, averaged over the digits.
    """
    logits, x = _numbers(found.rest["prior"]), found.test.x
    each = x @ logits.T  # (M, K), large: changed in place, summed without a copy
    each -= np.logaddexp(0, logits).sum(1)
    total = np.logaddexp.reduce(each, axis=1, dtype=np.float64)  # (M,)
    return float((total - np.log(len(logits))).mean())


def judged(
    bars: Bars,
    texts: dict[str, str],
    own: Callable[[Found], Iterator[tuple[str, Any]]],
) -> Callable[..., dict[str, Any]]:
    """A `read` for the full check: what holds, in words, up to the first fact that does not. `own`
    has the facts of one task, and its measurement.
    """

    def read(ask: Ask, *args: TensorArg) -> dict[str, Any]:
        found = asked(ask, *args)
        facts = itertools.chain(
            form(found, bars.steps), trained(found, bars), own(found), sound(found, bars)
        )
        return until_one_fails(facts, texts)

    return read


def early(texts: dict[str, str]) -> Callable[..., dict[str, Any]]:
    """A `read` for the quick check: facts about the form. An answer that raises or diverges on a
    few digits may be right on all, so it is left to the full check.
    """
    every: dict[str, Any] = {texts[key]: True for key in FORM}

    def read(ask: Ask, *args: TensorArg) -> dict[str, Any]:
        try:
            facts = list(form(asked(ask, *args)))
        except AnswerRaised as error:
            if error.raised.kinds[0] == "NotData":
                raise
            return every
        return every if ("finite", False) in facts else until_one_fails(facts, texts)

    return read


def wanted(texts: dict[str, str], reached: str, bar: float) -> dict[str, Any]:
    """What is due in the full check, in the order in which it is found."""
    keys = (*FORM, *TRAINING, *IN_ORDER)
    before = {texts[key]: True for key in keys if key in texts}
    return before | {reached: bar} | {texts[key]: True for key in LATE}


def case(
    says: str,
    rng: np.random.Generator,
    digits: tuple[np.ndarray, np.ndarray],
    read: Callable[..., Any],
    want: dict[str, Any],
) -> Case:
    """A build task's only case: digits to train on and others (N, D), (M, D), with all the noise
    that the probe `coder` needs.
    """
    noise = [rng.normal(size=(rows, WIDEST)).astype("f4") for rows in (len(digits[1]), DRAWS)]
    return Case(says, tuple(map(TensorArg, (*digits, *noise))), read, want=want)


# ---- mistakes that both tasks know ---------------------------------------------------------------


def updated(optimizer: Any, loss: Any) -> None:
    """One step, as it should be."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def piled_up(optimizer: Any, loss: Any) -> None:
    """`zero_grad` is forgotten."""
    loss.backward()
    optimizer.step()


def emptied(optimizer: Any, loss: Any) -> None:
    """`zero_grad` is called too late."""
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()


def remembers_what_encode_saw(x: Any) -> tuple[Callable, Callable]:
    """No model: `decode` returns the digits that `encode` saw last."""
    import torch

    seen = [x]

    def encode(digits: Any) -> tuple[Any, Any]:
        seen[0] = digits
        mu = torch.zeros(len(digits), 8)
        mu[:, 0] = torch.linspace(-3, 3, len(digits))
        return mu, torch.full_like(mu, -0.05)

    return encode, lambda z: 12 * (2 * seen[0][torch.arange(len(z)) % len(seen[0])] - 1)
