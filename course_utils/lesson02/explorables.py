"""The pictures of lesson 02 that the reader can touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots

FOLDER = Path(__file__).parent
LINE = np.linspace(-6, 6, 200)


def _normal(mean: float, sigma: float) -> np.ndarray:
    """Masses of the 200 cells of the line."""
    density = np.exp(-0.5 * ((LINE - mean) / sigma) ** 2)
    return density / density.sum()


TARGET = 0.6 * _normal(-2.5, 0.5) + 0.4 * _normal(2.5, 0.5)  # (200,)


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
        " {forward:.2f} nats, reverse KL {reverse:.2f} nats. On the maps, brighter is smaller.",
        _divergences,
        still=_still(1, 1.5),
    )


def _divergences(mean: float, sigma: float) -> dict[str, float]:
    p, q = TARGET, _normal(mean, sigma)
    return {"forward": float(p @ np.log(p / q)), "reverse": float(q @ np.log(q / p))}


def _still(mean: float, sigma: float) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(6, 3))
    width = LINE[1] - LINE[0]
    ax.fill_between(LINE, TARGET / width, color=plots.DATA, alpha=0.4)
    ax.plot(LINE, _normal(mean, sigma) / width, color=plots.MODEL)
    plots.label(ax, "the target p (filled) and your q", "x", "density")
    return fig
