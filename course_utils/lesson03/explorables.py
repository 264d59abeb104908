"""The pictures of lesson 03 that the reader can touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots
from course_utils.lesson03 import drawing

FOLDER = Path(__file__).parent
STEPS = 60


def valley() -> live.Explorable:
    """Gradient descent with momentum in a valley with curvature 1 along and `curvature` across."""
    return live.explorable(
        "03.valley",
        FOLDER / "valley.js",
        [
            live.Range("lr", 0.01, 0.3, 0.01, 0.09, "learning rate"),
            live.Range("momentum", 0, 0.95, 0.05, 0),
            live.Range("curvature", 1, 30, 1, 20, "curvature across"),
            live.Range("along", -10, 3, 0.5, -9, "start along"),
            live.Range("across", -2.5, 2.5, 0.1, 1.5, "start across"),
        ],
        "From ({along:.1f}, {across:.1f}) with learning rate {lr:.2f}, momentum {momentum:.2f} and"
        " curvature {curvature:.0f}: {outcome}."
        " The bound for the learning rate is {bound:.3f}; without momentum it is {plain:.3f}.",
        _numbers,
        still=_still(),
    )


def descent(
    lr: float, momentum: float, curvature: float, along: float, across: float
) -> np.ndarray:
    """(STEPS + 1, 2)"""
    scale, theta, v = np.array([1.0, curvature]), np.array([along, across]), np.zeros(2)
    visited = [theta]
    for _ in range(STEPS):
        v = momentum * v + scale * theta
        theta = theta - lr * v
        visited.append(theta)
    return np.array(visited)


def _numbers(curvature: float, momentum: float, **rest: float) -> dict[str, Any]:
    """The bound is that of the steepest direction, 2 (1 + momentum) / curvature."""
    path = descent(curvature=curvature, momentum=momentum, **rest)
    end = float(path[-1] ** 2 @ [1, curvature]) / 2
    reached = f"the loss after {STEPS} steps is {end:.2g}"
    return {
        "bound": 2 * (1 + momentum) / curvature,
        "plain": 2 / curvature,
        "log_loss": float(np.log10(max(1e-300, end))),
        "outcome": reached if end < 1e4 else "the path leaves the map",
    }


def _still() -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(7, 3))
    drawing.path_in_valley(ax, descent(0.09, 0, 20, -9, 1.5), 20)
    plots.label(ax, "the path", "along", "across")
    return fig
