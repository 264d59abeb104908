"""The pictures of lesson 04 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots

GAPS = (0.03, 0.1, 0.3, 0.6, 1, 2, 4)  # where the shade of the landscape changes, in nats


def elbo_gap(
    axes: Any,
    z: np.ndarray,
    f: np.ndarray,
    log_joint: np.ndarray,
    ledger: tuple[float, float, float, float],
    *,
    x: float,
    q: tuple[float, float],
    reveal: bool,
) -> None:
    """One proposal q = N(mean, sigma²) in a world of one number: four panels on an array of four
    axes.

    z (N,) even boxes, f (N,) what each plan makes, log_joint (N,) = log p(z) + log p(x|z); ledger
    holds log p(x), reconstruction, price and gap in nats. With `reveal` the last panel shows the
    gap of every other proposal too.
    """
    world, plans, nats, proposals = np.ravel(axes)
    _world(world, z, f, x)
    _plans(plans, z, log_joint - ledger[0], q)
    _ledger(nats, *ledger)
    title = (
        _landscape(proposals, z, log_joint, ledger[0])
        if reveal
        else "all proposals: set reveal to 1"
    )
    proposals.plot(*q, "o", color=plots.MODEL, markeredgecolor="white", markersize=10)
    proposals.set(xlim=(-2, 2), ylim=(0.1, 1.5), xticks=(-2, 0, 2), yticks=(0.5, 1, 1.5))
    plots.label(proposals, title, "mean of q", "sigma of q")


def _world(ax: Any, z: np.ndarray, f: np.ndarray, x: float) -> None:
    ax.plot(z[::5], f[::5], color=plots.MUTED)
    ax.axhspan(x - 0.5, x + 0.5, color=plots.DATA, alpha=0.25)
    ax.set(xlim=(-3, 3), ylim=(-3, 4), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    plots.label(ax, f"the world; a band around x = {x:g}", "plan z", "f(z)")


def _plans(ax: Any, z: np.ndarray, log_posterior: np.ndarray, q: tuple[float, float]) -> None:
    curves = (
        ("prior", _bell(z, 0, 1), plots.MUTED, ":"),
        ("posterior", np.exp(log_posterior), plots.DATA, "-"),
        ("q, yours", _bell(z, *q), plots.MODEL, "--"),
    )
    top = 1.45 * max(density.max() for _, density, _, _ in curves)
    for i, (name, density, color, style) in enumerate(curves):
        ax.plot(z[::4], density[::4], style, color=color)
        ax.text(-2.9, top * (0.92 - 0.1 * i), name, color=color, fontsize=11)
    ax.set(xlim=(-3, 3), ylim=(0, top), xticks=(-2, 0, 2), yticks=(0, 1))
    plots.label(ax, "which plans?", "plan z", "density")


def _ledger(ax: Any, evidence: float, reconstruction: float, price: float, gap: float) -> None:
    elbo = reconstruction - price
    ax.barh(2, evidence, color=plots.DATA)
    ax.barh(1, reconstruction, color=plots.OTHER)
    ax.barh(1, -price, left=reconstruction, color=plots.MODEL, hatch="..", edgecolor="white")
    ax.barh(0, gap, left=elbo, color="white", edgecolor=plots.MODEL, hatch="//")
    for y, at, name in ((2, evidence, "log p(x)"), (1, elbo, "ELBO"), (0, elbo, "gap")):
        ax.text(max(at, -9.9) - 0.15, y, name, ha="right" if at > -8 else "left", va="center")
    ax.text(-0.1, 1.44, "reconstruction", ha="right", color=plots.OTHER, fontsize=11)
    ax.set(xlim=(-10, 0), ylim=(-0.6, 2.6), xticks=(-10, -5, 0), yticks=())
    plots.label(ax, f"ELBO {reconstruction:.2f} - {price:.2f}, gap {gap:.2f}", "nats")


def _landscape(ax: Any, z: np.ndarray, log_joint: np.ndarray, evidence: float) -> str:
    """The gap of every proposal on a grid, by Gauss-Hermite quadrature with twelve nodes. -> what
    the smallest is
    """
    means, sigmas = np.linspace(-2, 2, 41), np.geomspace(0.1, 1.5, 31)
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    at = np.interp(means[:, None] + sigmas[:, None, None] * nodes, z, log_joint)  # (31, 41, 12)
    entropy = 0.5 * np.log(2 * np.pi * np.e * sigmas**2)  # (31,)
    gaps = evidence - (at @ weights) / weights.sum() - entropy[:, None]  # (31, 41)
    ax.pcolormesh(means, sigmas, -np.digitize(gaps, GAPS), cmap="cividis")
    i, j = np.unravel_index(gaps.argmin(), gaps.shape)
    ax.plot(means[j], sigmas[i], "*", color="white", markeredgecolor="black", markersize=15)
    return f"smallest gap {max(0.0, gaps.min()):.2f}"


def _bell(z: np.ndarray, mean: float, sigma: float) -> np.ndarray:
    return np.exp(-0.5 * ((z - mean) / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)
