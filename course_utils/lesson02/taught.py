"""What lesson 02 built. Generated from lessons/02_losses.py; do not edit."""
from __future__ import annotations

import math
import numpy as np


def cross_entropy(y, p, base=math.e):
    """Average NLL, under the forecast p, of outcomes that follow y.

    (K,), (K,) -> float
    """
    for name, q in (("y", y), ("p", p)):
        if abs(math.fsum(q) - 1) > 1e-9:
            raise ValueError(f"{name} must sum to 1, not {math.fsum(q)}")
    y, p = np.asarray(y), np.asarray(p)
    happens = y > 0  # (K,): what never happens costs nothing
    with np.errstate(divide="ignore"):  # -log 0 is meant to be infinite
        return float(-(y[happens] * np.log(p[happens])).sum() / math.log(base))


def kl(p, q):
    """D(p ‖ q): the nats that the model q costs beyond the entropy of p.

    (K,), (K,) -> nats
    """
    return cross_entropy(p, q) - cross_entropy(p, p)


def gaussian_nll(x, mu, log_sigma):
    """-log N(x; mu, σ²) of each value in nats, given the logarithm of σ.

    x: (...), mu and log_sigma: (...) or numbers -> like x
    """
    return 0.5 * np.log(2 * np.pi) + log_sigma + 0.5 * ((x - mu) * np.exp(-log_sigma)) ** 2


def pair(z, x):
    """x in a new order: the i-th value has the same rank in x as z[i] has in z.

    (n,), (n,) -> (n,)
    """
    rank = np.argsort(np.argsort(z))  # (n,): 0 for the smallest z
    return np.sort(x)[rank]


def bce_logits(z, t):
    """NLL of targets t in [0, 1] under Bernoulli logits z, in nats. (...), (...) -> (...)"""
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))
