"""An angle bracket, two legs and four screw holes, and its drawing as an engineer would make it.
Millimeters throughout.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from course_utils import plots

INK, THIN = "#222222", 0.7


class Bracket(NamedTuple):
    """A strip of metal, bent to a right angle: one leg on the wall, the other carries. Two holes in
    each leg.
    """

    width: float  # along the bend
    height: float  # of the leg on the wall, outside
    depth: float  # of the leg that carries, outside
    thickness: float
    hole: float  # diameter
    edge: float  # from a hole's center to the two edges next to it


LOW = Bracket(30.0, 25.0, 25.0, 1.0, 3.0, 4.0)
HIGH = Bracket(90.0, 80.0, 80.0, 8.0, 9.0, 18.0)


def random_brackets(n: int, rng: np.random.Generator) -> np.ndarray:
    """The random baseline: every measure anywhere between LOW and HIGH. -> (n, 6)"""
    return rng.uniform(LOW, HIGH, (n, len(LOW)))


def draw(part: Bracket, axes: Any, *, notes: str = "") -> Any:
    """Front and side view with dimensions, on an array of two axes. One unit of the axes is a
    millimeter.

    The paper grows with the part in steps of 30 mm, so that a small change does not change the
    scale.
    """
    part = Bracket(*map(float, part))
    reach = 30 * np.ceil((max(part.width, part.height, part.depth) + 18) / 30)
    front, side = np.ravel(axes)
    _front(front, part)
    _side(side, part, notes)
    for ax, title in ((front, "front"), (side, "side, cut")):
        ax.set(xlim=(-20, reach), ylim=(-22, reach), aspect="equal")
        ax.set_title(title, fontsize=11)
        ax.axis("off")
    return axes


def _front(ax: Any, part: Bracket) -> None:
    from matplotlib.patches import Circle, Rectangle

    w, h, t, d, e = part.width, part.height, part.thickness, part.hole, part.edge
    ax.add_patch(Rectangle((0, 0), w, h, facecolor="#E8EEF3", edgecolor=INK, linewidth=1.6))
    ax.plot([0, w], [t, t], color=INK, linewidth=THIN)  # the bend
    for x in (e, w - e):
        ax.add_patch(Circle((x, h - e), d / 2, facecolor="white", edgecolor=INK, linewidth=1.4))
        _center(ax, x, h - e, d)
    _dimension(ax, (0, h + 8), (w, h + 8), f"{w:.1f}")
    _dimension(ax, (-8, 0), (-8, h), f"{h:.1f}")
    _dimension(ax, (w + 8, h - e), (w + 8, h), f"{e:.1f}")
    ax.annotate(
        f"4 holes ⌀{d:.1f}",
        (e, h - e - d / 2),
        (2, -16),
        fontsize=9,
        arrowprops={"arrowstyle": "-|>", "linewidth": THIN, "color": INK},
    )
    ax.plot([-18, 2], [-20, -20], color=INK, linewidth=3, solid_capstyle="butt")
    ax.text(4, -20, "20 mm", fontsize=9, va="center")


def _side(ax: Any, part: Bracket, notes: str) -> None:
    from matplotlib.patches import Polygon

    h, b, t, d, e = part.height, part.depth, part.thickness, part.hole, part.edge
    outline = [(0, 0), (b, 0), (b, t), (t, t), (t, h), (0, h)]
    ax.add_patch(Polygon(outline, facecolor="#E8EEF3", edgecolor=INK, linewidth=1.6, hatch="///"))
    for low, high, flat in (
        (h - e - d / 2, h - e + d / 2, False),
        (b - e - d / 2, b - e + d / 2, True),
    ):
        box = (
            [(low, 0), (high, 0), (high, t), (low, t)]
            if flat
            else [(0, low), (t, low), (t, high), (0, high)]
        )
        ax.add_patch(Polygon(box, facecolor="white", edgecolor=INK, linewidth=THIN))
    ax.plot([-3, t + 3], [h - e] * 2, color=INK, linewidth=THIN, linestyle="-.")
    ax.plot([b - e] * 2, [-3, t + 3], color=INK, linewidth=THIN, linestyle="-.")
    _dimension(ax, (0, -10), (b, -10), f"{b:.1f}")
    _dimension(ax, (0, h + 8), (t, h + 8), f"{t:.1f}", outside=True)
    ax.annotate(
        "",
        (b - e, t + 1),
        (b - e, t + 16),
        arrowprops={"arrowstyle": "-|>", "color": plots.MODEL, "linewidth": 2},
    )
    ax.text(b - e + 2, t + 12, "load", color=plots.MODEL, fontsize=9)
    ax.text(
        1,
        1,
        notes,
        fontsize=8.5,
        family="monospace",
        va="top",
        ha="right",
        linespacing=1.5,
        transform=ax.transAxes,
    )


def _center(ax: Any, x: float, y: float, d: float) -> None:
    """The cross of a hole's center lines."""
    reach = d / 2 + 2.5
    ax.plot([x - reach, x + reach], [y, y], color=INK, linewidth=THIN, linestyle="-.")
    ax.plot([x, x], [y - reach, y + reach], color=INK, linewidth=THIN, linestyle="-.")


def _dimension(
    ax: Any, start: tuple[float, float], end: tuple[float, float], text: str, outside: bool = False
) -> None:
    """A line with an arrow at each end and its length written beside it."""
    upright = start[0] == end[0]
    style = {
        "arrowstyle": "<|-|>",
        "color": INK,
        "linewidth": THIN,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 7,
    }
    ax.annotate("", start, end, arrowprops=style)
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    place = (
        (end[0] + 3, y)
        if outside
        else (x - 1, y)
        if upright and x < 0
        else (x + 1, y)
        if upright
        else (x, y + 1)
    )
    ax.text(
        *place,
        text,
        fontsize=9,
        rotation=90 if upright else 0,
        ha="right" if upright and x < 0 else "left" if upright or outside else "center",
        va="center" if upright or outside else "bottom",
    )
