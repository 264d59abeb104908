"""The small worlds of lesson 02: taxi rides, and a generator that is a curve through 12 points."""

from __future__ import annotations

import numpy as np


def rides(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Distances in km and times in minutes; the longer the ride, the noisier. -> (n,), (n,)"""
    km = rng.uniform(0.5, 12, n)
    mean, std = _mean_and_std(km)
    return km, mean + std * rng.normal(size=n)


def truth(km: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of such rides (n,), and the logarithm of their standard deviation (n,)."""
    mean, std = _mean_and_std(km)
    return mean, np.log(std)


def _mean_and_std(km: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 4 + 24 * (1 - np.exp(-km / 8)), 0.5 + 0.4 * km


def tents(z: np.ndarray, K: int = 12) -> np.ndarray:
    """K tent-shaped functions of z in [0, 1], whose sums are curves through K points. -> (n, K)"""
    return np.maximum(0, 1 - np.abs(z[:, None] * (K - 1) - np.arange(K)))
