"""The pictures of lesson 02 that need more than a few lines. The ideas are in the notebook."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots


def all_forecasts(
    forecasts: np.ndarray, nats: list[float], floor: float, named: dict[str, tuple[float, float]]
) -> Any:
    """The cross-entropy of every forecast (N,) above its floor, with a few of them named."""
    alt = (
        "Cross-entropy against the forecast: a flat valley around the true probability, whose floor"
        f" is at {floor:.3f} nats, and a wall that rises without limit toward certainty."
    )
    ax = plots.panel(alt=alt, size=(7.5, 3))
    ax.plot(forecasts, nats, color=plots.MODEL)
    ax.axhline(floor, color=plots.DATA, linestyle="--")
    words, below = f"entropy H(y) = {floor:.3f}", {"textcoords": "offset points", "va": "top"}
    ax.annotate(words, (forecasts[0], floor), (6, -6), color=plots.DATA, **below)
    ax.fill_between(forecasts, floor, nats, color=plots.MODEL, alpha=0.12)
    for name, (forecast, cost) in named.items():
        ax.plot(forecast, cost, "o", color=plots.MODEL)
        ax.annotate(name, (forecast, cost), (-4, 9), textcoords="offset points", ha="right")
    ax.set(xlim=(forecasts[0], 1.002), ylim=(floor - 0.15, 1))
    title = "Shaded: what a better forecast would save"
    plots.label(ax, title, "forecast of sun", "nats per day")
    return ax


def bands(km: np.ndarray, minutes: np.ndarray, models: dict[str, Any]) -> Any:
    """Rides (N,) under one band of mean ± 2 standard deviations per model; `models` maps a title to
    a function of km (M,) that returns mean (M,) and log standard deviation (M,).
    """
    alt = (
        "Left: a band of constant width, too wide for short rides and too narrow for long ones."
        " Right: a band that is narrow for short rides and widens with the distance."
    )
    fig, axes = plots.figure(1, len(models), alt=alt, size=(5.2 * len(models), 3.4))
    grid = np.linspace(km.min(), km.max(), 200)
    for ax, (title, model) in zip(axes, models.items(), strict=True):
        mean, log_std = model(grid)
        ax.plot(km, minutes, ".", color=plots.DATA, markersize=3)
        ax.plot(grid, mean, color=plots.MODEL)
        reach = 2 * np.exp(log_std)
        ax.fill_between(grid, mean - reach, mean + reach, color=plots.MODEL, alpha=0.2)
        plots.label(ax, title, "distance, km", "minutes")
        ax.set_ylim(minutes.min() - 3, minutes.max() + 3)
    return fig


def logits(z: np.ndarray, curves: dict[str, np.ndarray]) -> Any:
    """Losses (N,) by logit (N,), and their derivatives."""
    alt = (
        "Left: the exact loss rises in a straight line, the clipped one stops at 16. Right: the"
        " derivative of the exact loss goes to 1, that of the clipped one falls to 0."
    )
    fig, axes = plots.figure(1, 2, alt=alt, size=(8, 3))
    for (name, loss), color, style in zip(
        curves.items(), (plots.MODEL, plots.WRONG), "- --".split(), strict=True
    ):
        axes[0].plot(z, loss, style, color=color, label=name)
        axes[1].plot(z, np.gradient(loss, z), style, color=color)
    axes[0].legend()
    plots.label(axes[0], "NLL of a ride that was short", "logit z", "nats")
    plots.label(axes[1], "Its derivative", "logit z", "nats per unit of z")
    return fig


def overfitting(curve: dict[str, list[float]], best_k: int) -> Any:
    """NLL by number of neighbors, 0 to 12, on training and validation digits."""
    alt = (
        "Training NLL falls all the way; on the validation set it falls until"
        f" {best_k} neighbors, then rises."
    )
    ax = plots.panel(alt=alt, size=(8, 3.4))
    plots.line(range(13), curve["training"], ax, name="training", color=plots.MUTED)
    plots.line(range(13), curve["validation"], ax, name="validation", color=plots.MODEL, marker="o")
    ax.axvline(best_k, color=plots.MODEL, linestyle=":")
    ax.set(xlim=(1.5, 13.8), ylim=(65, 112))
    none, one = curve["validation"][:2]
    above = f"off the scale: {none:.0f} (k = 0), {one:.0f} (k = 1)"
    ax.annotate(above, (2.4, 110.5), color=plots.MODEL, va="top")
    title = f"Best on the validation set: {best_k} neighbors"
    return plots.label(ax, title, "neighbors k", "nats per digit")


def where_the_nats_are(x: np.ndarray, nats: np.ndarray) -> Any:
    """Pictures (8, 28, 28), and below each the NLL of its pixels (8, 28, 28)."""
    alt = (
        "The nats are at the edges of strokes and where strokes begin or end; inside a stroke and"
        " on empty paper the NLL is near zero."
    )
    fig, axes = plots.figure(2, 1, size=(10, 3.2), alt=alt)
    plots.images(x, axes[0], columns=8, title="new digits")
    title = "NLL of each pixel, 12 neighbors with back-off (black: 3 nats or more)"
    plots.images(nats, axes[1], columns=8, vmax=3, title=title)
    return fig
