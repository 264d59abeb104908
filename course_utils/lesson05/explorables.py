"""The figures of lesson 05 that the reader can touch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots

FOLDER = Path(__file__).parent
RANK, SAMPLES, PER_DIGIT = 32, 40, 25
VIEWS = ("latents of test digits", "what each place decodes to")


def latent_map(
    decoder: Any, places: Any, labels: Any, scores: dict[float, tuple[float, float]]
) -> live.Explorable:
    """A map of two-dimensional latents whose decoder runs in the page.

    places (N, 2) are the latents of digits with `labels` (N,). scores: half the width of a square,
    or 0 for N(0, I) -> FD and kinds of digit of samples from there.
    """
    import torch

    side = torch.linspace(-4, 4, 33)
    examples = torch.cartesian_prod(side, side).to(next(decoder.parameters()))  # (1089, 2)
    layers, decode = live.weights(decoder, examples, RANK)
    widths, rng = sorted(scores), np.random.default_rng(5)
    uniform, normal = rng.uniform(-1, 1, (SAMPLES, 2)), rng.normal(size=(SAMPLES, 2))
    labels = np.asarray(labels)
    shown = np.concatenate([np.flatnonzero(labels == digit)[:PER_DIGIT] for digit in range(10)])

    def numbers(z1: float, z2: float, width: float, view: int) -> dict[str, Any]:
        ink = 1 / (1 + np.exp(-decode([[z1, z2]])))
        nearest = min(widths, key=lambda w: abs(w - width))
        fd, kinds = scores[nearest]
        ink = 100 * float(ink.mean())
        return {"ink": ink, "fd": fd, "kinds": kinds, "source": _source(nearest)}

    return live.explorable(
        "05.map",
        FOLDER / "map.js",
        [
            live.Range("z1", -4, 4, 0.1, 0),
            live.Range("z2", -4, 4, 0.1, 0),
            live.Range("width", widths[0], widths[-1], widths[1] - widths[0], 1, "w"),
            live.Choice("view", VIEWS, 0, "map"),
        ],
        "Decoded at ({z1:.1f}, {z2:.1f}): {ink:.0f} % ink. Samples from {source}: FD {fd:.0f},"
        " {kinds:.1f} kinds of digit.",
        numbers,
        {
            "layers": layers,
            "places": np.asarray(places)[shown].round(2),
            "labels": labels[shown],
            "uniform": uniform,
            "normal": normal,
            "widths": widths,
            "scores": [[*scores[width], _source(width)] for width in widths],
        },
        _still(np.asarray(places)[shown], labels[shown]),
    )


def _source(width: float) -> str:
    if width == 0:
        return "N(0, I)"
    share = math.erf(width / math.sqrt(2)) ** 2  # of N(0, I) that lies in the square
    return f"the square ±{width:g} ({100 * share:.0f} % of N(0, I))"


def _still(places: np.ndarray, labels: np.ndarray) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(4.4, 4.4))
    for digit in np.unique(labels):
        ax.scatter(
            *places[labels == digit].T, s=28, marker=f"${digit}$", linewidths=0.3, color=plots.DATA
        )
    ax.set(aspect="equal", xlim=(-4, 4), ylim=(-4, 4))
    plots.label(ax, "latents of test digits", "z1", "z2")
    return fig
