"""What lesson 02 built. Generated from lessons/02_losses.py; do not edit."""
from __future__ import annotations

import math
import numpy as np


def cross_entropy(y, p, base=math.e):
    """Average surprise at outcomes that follow y, for somebody who believes p.

    (K,), (K,) -> float
    """
    for name, q in (("y", y), ("p", p)):
        if abs(math.fsum(q) - 1) > 1e-9:
            raise ValueError(f"{name} must sum to 1, not {math.fsum(q)}")
    y, p = np.asarray(y), np.asarray(p)
    happens = y > 0  # (K,): what never happens costs nothing
    with np.errstate(divide="ignore"):  # -log 0 is infinite, and meant to be
        return float(-(y[happens] * np.log(p[happens])).sum() / math.log(base))


def kl(p, q):
    """KL divergence from p to q: the surprise that believing q adds where p is true.

    (K,), (K,) -> nats
    """
    return cross_entropy(p, q) - cross_entropy(p, p)


def bce_logits(z, t):
    """Surprise at targets t in [0, 1] of coins with logits z, in nats. (...), (...) -> (...)"""
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


def pair(z, x):
    """The values of x reordered so that the i-th has among x the rank that z[i] has among z.

    (n,), (n,) -> (n,)
    """
    rank = np.argsort(np.argsort(z))  # (n,): 0 for the smallest z
    return np.sort(x)[rank]


# rows up and columns aside, nearest first; all are read before the pixel
ROWS = (0, -1, -1, -1, 0, -2, -1, -1, -2, -2, 0, -3)
COLUMNS = (-1, 0, -1, 1, -2, 0, 2, -2, -1, 1, -3, 0)
NEIGHBORS = list(zip(ROWS, COLUMNS, strict=True))


def patterns(x, k):
    """Which pattern the first k neighbors of each pixel show, 0 to 2^k - 1.

    (N, 28, 28) -> (N, 28, 28)
    """
    # (N, 34, 34): beyond the edge is paper
    framed = np.pad(x.astype(int), ((0, 0), (3, 3), (3, 3)))
    parts = (
        framed[:, 3 + r : 31 + r, 3 + c : 31 + c] << i for i, (r, c) in enumerate(NEIGHBORS[:k])
    )
    return sum(parts, np.zeros(x.shape, dtype=int))


def count_patterns(x, k):
    """How often each pixel met each pattern, and was ink after it.

    (N, 28, 28) -> two (2^k, 28, 28)
    """
    place = np.arange(784).reshape(28, 28)
    index = (patterns(x, k) * 784 + place).ravel()  # (N * 784,)
    seen = np.bincount(index, minlength=2**k * 784).reshape(-1, 28, 28)
    inked = np.bincount(index, weights=x.ravel(), minlength=2**k * 784).reshape(-1, 28, 28)
    return seen, inked


def pixel_surprise(x, theta, k):
    """-log p of every pixel, given its neighbors.

    (N, 28, 28), theta (2^k, 28, 28) -> (N, 28, 28)
    """
    row, column = np.indices((28, 28))
    coin = theta[patterns(x, k), row, column]  # (N, 28, 28)
    return -np.log(np.where(x > 0, coin, 1 - coin))


def gaussian_nll(x, mu, sigma):
    """-log N(x; mu, sigma²) at each x, in nats.

    x: (...), mu: (...) or number, sigma: number -> like x
    """
    if sigma <= 0:
        raise ValueError(f"sigma must be positive, not {sigma}")
    return 0.5 * np.log(2 * np.pi) + np.log(sigma) + 0.5 * ((x - mu) / sigma) ** 2
