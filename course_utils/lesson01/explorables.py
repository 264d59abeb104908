"""The pictures of lesson 01 that the reader can drag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots

FOLDER = Path(__file__).parent
MEAN, SIGMA = 1.7, 0.1  # of the simulated heights, in meters
STEP, STEPS = 0.0025, 320  # the finest bins, around the mean
PEOPLE = (1_000, 10_000, 1_000_000)


def bins(rng: np.random.Generator) -> live.Explorable:
    """Simulated heights in bins that shrink until share per meter is a density."""
    low, high = ends = MEAN - STEP * STEPS / 2, MEAN + STEP * STEPS / 2
    # beyond the picture's ends lie about 6 people in 100,000: they are drawn at the ends
    heights = rng.normal(MEAN, SIGMA, PEOPLE[-1]).clip(low, high)
    counts = np.array([np.histogram(heights[:n], STEPS, ends)[0] for n in PEOPLE])  # (3, STEPS)
    curve = 1 / (SIGMA * np.sqrt(2 * np.pi))

    def numbers(width: float, people: int) -> dict[str, float]:
        half = round(width / STEP / 2)
        middle = counts[people, STEPS // 2 - half : STEPS // 2 + half]
        share = middle.sum() / PEOPLE[people]
        return {"share": share, "density": share / width, "curve": curve}

    return live.explorable(
        "01.bins",
        FOLDER / "bins.js",
        [
            live.Range("width", 0.005, 0.2, 0.005, 0.2, "width of a bin, m"),
            live.Choice("people", [f"{n:,}" for n in PEOPLE], 0),
        ],
        "The middle bin, {width:.3f} m wide, holds a share of {share:.4f} of the people:"
        " {density:.2f} per meter. The curve there is {curve:.2f} high.",
        numbers,
        {"mean": MEAN, "sigma": SIGMA, "low": low, "step": STEP, "counts": counts},
        _still_bins(heights[: PEOPLE[0]], 0.2),
    )


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
        _still_fit(ink, 15, 3),
    )


def _still_bins(heights: np.ndarray, width: float) -> Any:
    fig, axes = plots.figure(1, 2, alt="drawn below", size=(9, 3))
    edges = MEAN + width * (np.arange(-2, 4) - 0.5)
    x = np.linspace(edges[0], edges[-1], 200)
    share = np.full(len(heights), 1 / len(heights))
    kind = {"histtype": "stepfilled", "color": plots.DATA, "alpha": 0.5}
    axes[0].hist(heights, edges, weights=share, **kind)
    axes[1].hist(heights, edges, density=True, **kind)
    density = np.exp(-0.5 * ((x - MEAN) / SIGMA) ** 2) / (SIGMA * np.sqrt(2 * np.pi))
    axes[1].plot(x, density, color=plots.MODEL)
    plots.label(axes[0], "share in each bin", "height, m", "share of people")
    plots.label(axes[1], "share divided by the bin's width", "height, m", "share per meter")
    return fig


def _still_fit(ink: np.ndarray, mean: float, sigma: float) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(6, 3))
    grid = np.linspace(0, 30, 200)
    density = np.exp(-0.5 * ((grid - mean) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    ax.hist(ink, 40, density=True, histtype="stepfilled", color=plots.DATA, alpha=0.5)
    ax.plot(grid, density, color=plots.MODEL)
    plots.label(ax, "the data and your Gaussian", "ink, % of the image", "density")
    return fig
