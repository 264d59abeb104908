"""What the build tasks of a VAE have in common: an answer returns the pair encode, decode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from course_utils.asking.ask import AnswerRaised, Ask, NotData
from course_utils.checks.exercise import numbers_in


def asked(ask: Ask, probe: str, two_pairs: str, *args: Any) -> dict[str, Any]:
    """What the probe returns, with mu, logvar and logits as arrays. Raises NotData(two_pairs) where
    the answer returned no pair.
    """
    try:
        results = ask.probe(probe, *args)
    except AnswerRaised as error:
        if "cannot unpack" in error.raised.message or "(expected 2" in error.raised.message:
            raise NotData(two_pairs) from None
        raise
    return results | {key: numbers_in(results[key]) for key in ("mu", "logvar", "logits")}


def sound(
    mu: np.ndarray, logvar: np.ndarray, logits: np.ndarray, x: np.ndarray
) -> Iterator[tuple[str, bool]]:
    """Facts about the form of the latent codes and their decoding, each relying on those before it.
    (M, Z), (M, Z), (M, D), (M, D)
    """
    yield (
        "shapes",
        mu.ndim == 2 and mu.shape == logvar.shape and len(mu) == len(x) and mu.shape[1] > 0,
    )
    yield "pixels", logits.shape == x.shape
    yield "finite", all(np.isfinite(a).all() for a in (mu, logvar, logits))
    yield "logits", logits.min() < 0 < logits.max()
    yield "logvar", logvar.min() < 0


def kl_term(mu: np.ndarray, logvar: np.ndarray) -> float:
    """The KL to the prior in nats, averaged over rows; infinite on overflow. (M, Z), (M, Z)"""
    mu, logvar = mu.astype(np.float64), logvar.astype(np.float64)
    with np.errstate(over="ignore"):
        return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(1).mean()
