"""The pictures of lesson 01 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots


def masses_of_heads(ax: Any, right: list[float], claim: list[float], *, title: str) -> None:
    """Two formulas for the mass of 0 to n heads, (n + 1,) each, as pairs of bars with their
    totals.
    """
    heads, totals = np.arange(len(right)), (np.sum(right), np.sum(claim))
    ax.bar(heads - 0.2, right, 0.4, color=plots.DATA, label=f"with orders, total {totals[0]:.3f}")
    other = ax.bar(heads + 0.2, claim, 0.4, color=plots.MODEL, hatch="//", edgecolor="white")
    other.set_label(f"claim, total {totals[1]:.3f}")
    ax.legend(fontsize=9, loc="upper left")
    ax.set(ylim=(0, 1.45 * max(*right, *claim)), xticks=heads[:: 1 + heads[-1] // 8])
    plots.label(ax, title, "heads", "mass")
