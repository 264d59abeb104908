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
    u = rng.random(n)  # (n,) uniform numbers
    k = np.searchsorted(np.cumsum(theta), u, side="right")  # (n,) edges at or below each of them
    return np.minimum(k, len(theta) - 1)  # rounding may leave the last edge a hair below 1


def fit_bernoulli(x, smoothing):
    """Share of ink per pixel, with `smoothing` extra images all ink and as many all paper.

    x: (N, D) of 0/1, smoothing: number -> (D,)
    """
    return (x.sum(axis=0) + smoothing) / (len(x) + 2 * smoothing)  # (D,)


def log_bernoulli(x, theta):
    """log p(x | θ) of each image. (N, D), theta (D,) -> (N,); K models at once: (K, D) -> (N, K)"""
    theta = np.asarray(theta)
    # x log θ + (1 - x) log(1 - θ), rearranged so that it takes one matrix product
    return x @ np.log(theta / (1 - theta)).T + np.log(1 - theta).sum(axis=-1)


def fit_mixture(x, K, steps, rng, smoothing=0.1):
    """Mixture of K Bernoulli models by expectation-maximization (Bishop 2006, section 9.3.3).

    x: (N, D) of 0/1 -> pi (K,), theta (K, D), average log-likelihood before each refit (steps,).
    Randomness: `rng` picks K images to start from.
    """
    pi, history = np.full(K, 1 / K), []
    theta = 0.25 + 0.5 * x[rng.choice(len(x), K, replace=False)]  # (K, D): ¼ or ¾
    for _ in range(steps):
        log_pxk = log_bernoulli(x, theta) + np.log(pi)  # (N, K): log p(x, k)
        log_px = logsumexp(log_pxk, axis=1, keepdims=True)  # (N, 1)
        resp = np.exp(log_pxk - log_px)  # (N, K): E-step, rows sum to 1
        size = resp.sum(axis=0)  # (K,)
        pi = (size + smoothing) / (size + smoothing).sum()  # (K,): M-step
        theta = (resp.T @ x + smoothing) / (size[:, None] + 2 * smoothing)  # (K, D): M-step
        history.append(log_px.mean())
    return pi, theta, np.array(history)


def sample_mixture(pi, theta, n, rng):
    """n images from a Bernoulli mixture. pi: (K,), theta: (K, D) -> (n, D)"""
    k = sample_categorical(pi, n, rng)  # (n,) first the component
    return (rng.random((n, theta.shape[1])) < theta[k]).astype(float)  # (n, D) then the pixels


def pixels_apart(x, others):
    """Number of pixels that differ, for every pair. (n, D), (N, D) of 0/1 -> (n, N)"""
    return x.sum(1)[:, None] + others.sum(1) - 2 * x @ others.T  # ink of both, less the overlap


def coverage(real, samples, k=5):
    """Share of real images with a sample no farther away than their k-th nearest real image."""
    reach = np.sort(pixels_apart(real, real), axis=1)[:, k]  # (n,): place 0 is the image itself
    return (pixels_apart(real, samples).min(axis=1) <= reach).mean()


def multinomial_pmf(counts, theta):
    """Probability of these counts in sum(counts) draws. K integers, K probabilities -> float"""
    if abs(math.fsum(theta) - 1) > 1e-9:
        raise ValueError(f"theta must sum to 1, not {math.fsum(theta)}")
    log_orders = math.lgamma(sum(counts) + 1) - sum(math.lgamma(c + 1) for c in counts)
    if any(t == 0 and c > 0 for c, t in zip(counts, theta, strict=True)):
        return 0.0  # an impossible outcome was counted
    log_one_order = sum(c * math.log(t) for c, t in zip(counts, theta, strict=True) if c > 0)
    return math.exp(log_orders + log_one_order)
