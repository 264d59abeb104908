"""What lesson 01 built. Generated from lessons/01_distributions.py; do not edit."""
from __future__ import annotations

from scipy.special import logsumexp
import math
import numpy as np


def normal_logpdf(x, mu, var):
    """log N(x; mu, var) at each x. x: number or array (...), mu and var: numbers -> like x"""
    return -0.5 * np.log(2 * np.pi * var) - (x - mu) ** 2 / (2 * var)


def sample_categorical(theta, n, rng):
    """n independent draws from 0..K-1 with probabilities theta. theta: (K,) -> integers (n,)"""
    u = rng.random(n)  # (n,) darts
    k = np.searchsorted(np.cumsum(theta), u, side="right")  # (n,) edges to the left of each dart
    return np.minimum(k, len(theta) - 1)  # rounding may leave the last edge a hair below 1


def fit_bernoulli(x, smoothing):
    """Probability of ink at each pixel, `smoothing` imaginary images each way. (N, D) -> (D,)"""
    return (x.sum(axis=0) + smoothing) / (len(x) + 2 * smoothing)  # (D,)


def log_bernoulli(x, theta):
    """log p(x | θ) of each image. (N, D), theta (D,) -> (N,); K models at once: (K, D) -> (N, K)"""
    return x @ np.log(theta).T + (1 - x) @ np.log(1 - theta).T


def fit_mixture(x, K, steps, rng, smoothing=0.1):
    """Mixture of K Bernoulli models by expectation-maximization (Bishop 2006, section 9.3.3).

    x: (N, D) of 0/1 -> pi (K,), theta (K, D), average log-likelihood before each refit (steps,).
    Randomness: `rng` picks K images to start from.
    """
    pi, history = np.full(K, 1 / K), []
    theta = 0.25 + 0.5 * x[rng.choice(len(x), K, replace=False)]  # (K, D): ¼ or ¾
    for _ in range(steps):
        log_pxk = log_bernoulli(x, theta) + np.log(pi)  # (N, K)
        log_px = logsumexp(log_pxk, axis=1, keepdims=True)  # (N, 1)
        share = np.exp(log_pxk - log_px)  # (N, K): share, rows sum to 1
        size = share.sum(axis=0)  # (K,)
        pi = (size + smoothing) / (size + smoothing).sum()  # (K,): refit
        theta = (share.T @ x + smoothing) / (size[:, None] + 2 * smoothing)  # (K, D): refit
        history.append(log_px.mean())
    return pi, theta, np.array(history)


def sample_mixture(pi, theta, n, rng):
    """n images from a Bernoulli mixture. pi: (K,), theta: (K, D) -> (n, D)"""
    k = sample_categorical(pi, n, rng)  # (n,) first the kind
    return (rng.random((n, theta.shape[1])) < theta[k]).astype(float)  # then its coins


def nearest(x, training):
    """Pixels that differ from the nearest image, and its row. (n, D), (N, D) -> (n,), (n,)"""
    differ = x @ (1 - training).T + (1 - x) @ training.T  # (n, N): ink in one of the two only
    return differ.min(axis=1), differ.argmin(axis=1)


def multinomial_pmf(counts, theta):
    """Probability of these counts in sum(counts) draws. K integers, K probabilities -> float"""
    if abs(math.fsum(theta) - 1) > 1e-9:
        raise ValueError(f"theta must sum to 1, not {math.fsum(theta)}")
    log_orders = math.lgamma(sum(counts) + 1) - sum(math.lgamma(c + 1) for c in counts)
    if any(t == 0 and c > 0 for c, t in zip(counts, theta, strict=True)):
        return 0.0  # it happened, and it cannot
    log_one_order = sum(c * math.log(t) for c, t in zip(counts, theta, strict=True) if c > 0)
    return math.exp(log_orders + log_one_order)
