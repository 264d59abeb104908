"""The pictures of lesson 02 that the reader can touch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots

FOLDER = Path(__file__).parent
LINE = np.linspace(-12, 12, 400)  # cuts off 1.1 % of a q at most


def normal(mean: float, sigma: float) -> np.ndarray:
    """Masses of the 400 cells of the line."""
    density = np.exp(-0.5 * ((LINE - mean) / sigma) ** 2)
    return density / density.sum()


TARGET = 0.6 * normal(-2.5, 0.5) + 0.4 * normal(2.5, 0.5)  # (400,)


def directions() -> live.Explorable:
    """One Gaussian q for a target p with two modes: forward and reverse KL in nats."""
    return live.explorable(
        "02.directions",
        FOLDER / "directions.js",
        [
            live.Range("mean", -4, 4, 0.1, 1),
            live.Range("sigma", 0.5, 3.5, 0.1, 1.5, "standard deviation"),
        ],
        "A Gaussian q of mean {mean:.1f} and standard deviation {sigma:.1f}: forward KL"
        " {forward:.2f} nats, reverse KL {reverse:.2f} nats. On the maps, brighter means a"
        " smaller KL.",
        divergences,
        still=_still(1, 1.5),
    )


def divergences(mean: float, sigma: float) -> dict[str, float]:
    p, q = TARGET, normal(mean, sigma)
    return {"forward": float(p @ np.log(p / q)), "reverse": float(q @ np.log(q / p))}


def _still(mean: float, sigma: float) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(6, 3))
    width = LINE[1] - LINE[0]
    ax.fill_between(LINE, TARGET / width, color=plots.DATA, alpha=0.4)
    ax.plot(LINE, normal(mean, sigma) / width, color=plots.MODEL)
    ax.set_xlim(-8, 8)
    plots.label(ax, "the target p (filled) and your q", "x", "density")
    return fig


Curve = tuple[np.ndarray, np.ndarray]  # its heights (12,), and what it generates (n,)


def pairs(
    z: np.ndarray,
    partner: np.ndarray,
    stranger: np.ndarray,
    luck: np.ndarray,
    curves: Sequence[Curve],
) -> live.Explorable:
    """From random partners to the right ones. z, partner, stranger, luck (n,): a z is trained with
    its partner where its luck is below the share of right pairs; `curves`, one per share from 0 to
    1, are what such pairs teach.
    """
    edges = np.linspace(-3.5, 3.5, 57)
    steps = len(curves) - 1
    some = slice(0, 250)

    def density(values: np.ndarray) -> np.ndarray:
        return np.histogram(values, edges)[0] / (len(values) * (edges[1] - edges[0]))

    def numbers(share: float) -> dict[str, float]:
        heights, generated = curves[round(share * steps)]
        low, high, std = heights.min(), heights.max(), generated.std()
        return {"percent": 100 * share, "low": low, "high": high, "std": std}

    return live.explorable(
        "02.pairs",
        FOLDER / "pairs.js",
        [
            live.Range("share", 0, 1, 1 / steps, 0.5, "share of right pairs"),
            live.Play("share", wait=400),
        ],
        "{percent:.0f}% of the pairs are right: g(z) runs from {low:.2f} to {high:.2f}, and the"
        " generated values have standard deviation {std:.2f}.",
        numbers,
        {
            "z": z[some],
            "partner": partner[some],
            "stranger": stranger[some],
            "luck": luck[some],
            "edges": edges,
            "real": density(stranger),
            "curves": [heights for heights, _ in curves],
            "generated": [density(generated) for _, generated in curves],
            "std": [generated.std() for _, generated in curves],
        },
        still=_three_shares(z[some], partner[some], stranger[some], luck[some], curves),
    )


def _three_shares(
    z: np.ndarray,
    partner: np.ndarray,
    stranger: np.ndarray,
    luck: np.ndarray,
    curves: Sequence[Curve],
) -> Any:
    fig, axes = plots.figure(1, 3, alt="drawn below", size=(11, 3))
    for ax, share in zip(axes, (0.0, 0.5, 1.0), strict=True):
        heights = curves[round(share * (len(curves) - 1))][0]
        ax.plot(z, np.where(luck < share, partner, stranger), ".", color=plots.DATA, markersize=3)
        ax.plot(np.linspace(0, 1, len(heights)), heights, color=plots.MODEL)
        plots.label(ax, f"{share:.0%} of the pairs are right", "z", "x, and the curve g(z)")
    return fig
