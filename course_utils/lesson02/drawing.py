"""The pictures of lesson 02 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots


def floor_and_excess(ax: Any, floor: float, total: float) -> None:
    """A cross-entropy in nats as one bar: the floor, and what a better forecast would avoid."""
    ax.barh(0, floor, color=plots.DATA)
    ax.barh(0, total - floor, left=floor, color=plots.MODEL, hatch="//", edgecolor="white")
    ax.text(0.02, 0.16, f"floor {floor:.3f}", color=plots.DATA, transform=ax.transAxes)
    excess = f"avoidable {total - floor:.3f}"
    ax.text(0.4, 0.16, excess, color=plots.MODEL, transform=ax.transAxes)
    ax.set(xlim=(0, max(1.6, 1.1 * total)), ylim=(-0.9, 0.6), yticks=[])
    plots.label(ax, f"cross-entropy {total:.3f} nats", "nats a day")


def all_forecasts(
    ax: Any, grid: np.ndarray, curve: list[float], *, yours: tuple[float, float], floor: float
) -> None:
    """The cross-entropy of every forecast on a grid (N,), with a dot at yours and a line at the
    floor.
    """
    ax.plot(grid, curve, color=plots.MODEL)
    ax.axhline(floor, color=plots.DATA, linestyle="--")
    ax.plot(*yours, "o", color=plots.MODEL, markersize=9)
    ax.set_ylim(0, 4.7)
    plots.label(ax, "all forecasts; the dot is yours", "forecast of sun", "nats a day")


def pairs_and_curve(
    ax: Any, z: np.ndarray, x: np.ndarray, heights: np.ndarray, share: float
) -> None:
    """Pairs (N,) of noise and data, and the curve with these heights at even steps from 0 to 1."""
    ax.plot(z, x, ".", color=plots.DATA, markersize=3)
    ax.plot(np.linspace(0, 1, len(heights)), heights, color=plots.MODEL)
    plots.label(ax, f"{share:.0%} of the pairs are right", "z", "x, and the curve g(z)")


def generated_over_real(ax: Any, x_made: np.ndarray, x_real: np.ndarray) -> None:
    """Histograms of generated over real values, 20,000 each, with the standard deviations."""
    edges = np.linspace(-3.5, 3.5, 71)
    for values, color in ((x_real, plots.DATA), (x_made, plots.MODEL)):
        ax.stairs(*np.histogram(values, edges), fill=True, alpha=0.6, color=color)
    ax.set_ylim(0, 3000)
    title = f"spread of g(z) {x_made.std():.2f}, of x {x_real.std():.2f}"
    plots.label(ax, title, "value", "of 20,000; cut at 3,000")
