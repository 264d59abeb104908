"""The pictures of lesson 03 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots


def path_in_valley(ax: Any, path: np.ndarray, curvature: float) -> None:
    """A path (N, 2) over the contour lines of a valley that is 1 curved along and `curvature`
    across, its bottom at zero.
    """
    a, b = np.meshgrid(np.linspace(-10, 3, 40), np.linspace(-2.5, 2.5, 30))
    height = (a**2 + curvature * b**2) / 2
    ax.contour(a, b, height, levels=np.geomspace(0.1, 150, 9), colors="#BBBBBB", linewidths=0.8)
    ax.plot(*path.T, "o-", color=plots.MODEL, markersize=3, linewidth=1)
    ax.plot(0, 0, "k*", markersize=12)
    ax.set(xlim=(-10, 3), ylim=(-2.5, 2.5))


def with_and_without_correction(
    ax: Any, raw: np.ndarray, corrected: np.ndarray, title: str
) -> None:
    """A quantity at steps 1 to N, (N,) without and (N,) with its start at zero corrected."""
    t = np.arange(1, len(raw) + 1)
    ax.plot(t, raw, "--", color=plots.WRONG, label="not corrected")
    ax.plot(t, corrected, color=plots.MODEL, label="corrected")
    ax.set_ylim(0, 1.5 * max(1.2, raw.max()))
    plots.label(ax, title, "step t")
    ax.legend(loc="upper right", fontsize=9)
