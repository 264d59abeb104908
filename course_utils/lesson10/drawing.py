"""The pictures of lesson 10 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots


def cloud_of_patients(ax: Any, x: np.ndarray, y: np.ndarray) -> None:
    """Patients by two measurements x (N, 2): crosses are malignant (y = 0), dots benign (y = 1)."""
    for c, name, marker, color in (
        (0, "malignant", "x", plots.MODEL),
        (1, "benign", "o", plots.DATA),
    ):
        ax.scatter(*x[y == c].T, s=14, marker=marker, color=color, label=name)
    ax.set(xlim=(5, 30), ylim=(8, 42))


def those_in_and_out(ax: Any, near_in: Any, near_out: Any, edges: np.ndarray) -> None:
    """Distances of patients in the data (N,) over those of others (M,), as two histograms."""
    ax.hist(near_out, edges, color=plots.MUTED, alpha=0.6, label="were not in")
    style = {"histtype": "step", "color": plots.WRONG, "linewidth": 2.2}
    ax.hist(near_in, edges, label="were in the data", **style)
