"""The pictures of lesson 01 that the reader can touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots

FOLDER = Path(__file__).parent


def fit(ink: np.ndarray) -> live.Explorable:
    """A Gaussian to be fitted by hand to the ink of each digit, in percent. (N,)"""
    heights, edges = np.histogram(ink, 40, density=True)
    mean, var = ink.mean(), ink.var()

    def numbers(mean: float, sigma: float) -> dict[str, float]:
        spread = var + (ink.mean() - mean) ** 2
        return {"score": -0.5 * np.log(2 * np.pi * sigma**2) - spread / (2 * sigma**2)}

    return live.explorable(
        "01.fit",
        FOLDER / "fit.js",
        [
            live.Range("mean", 4, 20, 0.1, 15),
            live.Range("sigma", 2, 9, 0.05, 3, "standard deviation"),
        ],
        "A Gaussian of mean {mean:.1f} and standard deviation {sigma:.2f}:"
        " log-likelihood {score:.3f} nats per digit.",
        numbers,
        {"heights": heights, "edges": edges, "mean": mean, "var": var},
        _still(ink, 15, 3),
    )


def _still(ink: np.ndarray, mean: float, sigma: float) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(6, 3))
    grid = np.linspace(0, 30, 200)
    density = np.exp(-0.5 * ((grid - mean) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    ax.hist(ink, 40, density=True, histtype="stepfilled", color=plots.DATA, alpha=0.5)
    ax.plot(grid, density, color=plots.MODEL)
    plots.label(ax, "the data and your Gaussian", "ink, % of the picture", "density")
    return fig
