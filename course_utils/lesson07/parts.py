"""An angle bracket, two legs and four screw holes: what it must satisfy, and its drawing as an
engineer would make it. Millimeters, newtons, grams.
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


# EN AW-5754-H22 (AlMg3): grams per cubic millimeter, and N/mm²: modulus, and a stress with a
# safety of 1.6 against yielding at 130
DENSITY, MODULUS, STRESS = 0.00266, 70_000.0, 80.0
DEFLECTION, PULL_OUT = 0.5, 300.0  # mm at the load; N per screw, for a 6 mm plug in brick
BEND_FACTOR = 1.3  # of a curved beam whose inner radius is its thickness, on the inner side

LOW = Bracket(30.0, 25.0, 25.0, 1.0, 3.0, 4.0)
HIGH = Bracket(90.0, 80.0, 80.0, 8.0, 9.0, 18.0)


def random_brackets(n: int, rng: np.random.Generator) -> np.ndarray:
    """The random baseline: every dimension anywhere between LOW and HIGH. -> (n, 6)"""
    return rng.uniform(LOW, HIGH, (n, len(LOW)))


def check(part: Any, load: float, limit: float) -> dict[str, float]:
    """How much of what is allowed each requirement uses: at most 1 is fine.

    part: (6,) as in Bracket; load in newtons at the two holes of the leg that carries; limit in
    grams.
    """
    w, h, b, t, d, e = map(float, part)
    arm, back = max(b - e, 1e-9), max(h - e, 1e-9)  # of the load, of the screws, from the corner
    lever = max(h - e - 2 * t, 1e-9)  # of the screws, from where the bend leaves the wall
    net = max(w - 2 * d, 1e-9)  # width without its holes, to be on the safe side
    inertia = w * t**3 / 12
    return {
        "sheet": 2 / t,  # at least 2 mm thick
        "edge": 1.5 * d / e,  # from a hole's center to the edge
        "spacing": 3 * d / max(w - 2 * e, 1e-9),  # from center to center
        "head": 1.5 * d / max(min(h, b) - e - 2 * t, 1e-9),  # the screw's head clears the bend
        "stress": BEND_FACTOR * 6 * load * arm / (net * t**2) / STRESS,
        "deflection": load * arm**2 * (arm + back) / (3 * MODULUS * inertia) / DEFLECTION,
        "screws": load * arm / (2 * lever) / PULL_OUT,
        "mass": mass(part) / limit,
    }


def mass(part: Any) -> float:
    """Grams, with a bend of inner radius t, four holes left out."""
    w, h, b, t, d, _ = map(float, part)
    length = h + b - (4 - 0.75 * np.pi) * t  # of the strip before it is bent
    return float(DENSITY * t * (w * length - np.pi * d**2))


def holds(part: Any, load: float, limit: float) -> bool:
    """Whether every requirement is met."""
    return max(check(part, load, limit).values()) <= 1


def draw(part: Bracket, axes: Any, *, notes: str = "") -> Any:
    """Front and side view with dimensions and material, in first-angle projection, on an array of
    two axes; notes go beside the side view, or onto a third. One unit of the axes is a millimeter.

    The paper grows with the part in steps of 30 mm, so that a small change does not change the
    scale.
    """
    part = Bracket(*map(float, part))
    reach = 30 * np.ceil((max(part.width, part.height, part.depth) + 22) / 30)
    front, side, *others = np.ravel(axes)
    _front(front, part)
    _side(side, part)
    _title_block(front, side, reach)
    _notes((others or [side])[0], notes, bool(others))
    for ax, title in ((front, "front"), (side, "from the left, cut")):
        ax.set(xlim=(-20, reach), ylim=(-30, reach), aspect="equal")
        ax.set_title(title, fontsize=11)
        ax.axis("off")
    return axes


def _size(ax: Any) -> float:
    """Points that can still be read when a wide figure is shown in a column."""
    return max(8.5, 0.86 * ax.get_figure().get_figwidth())


def _front(ax: Any, part: Bracket) -> None:
    from matplotlib.patches import Circle, Rectangle

    w, h, t, d, e = part.width, part.height, part.thickness, part.hole, part.edge
    ax.add_patch(Rectangle((0, 0), w, h, facecolor="#E8EEF3", edgecolor=INK, linewidth=1.6))
    ax.plot([0, w], [2 * t, 2 * t], color=INK, linewidth=THIN)  # where the bend ends
    for x in (e, w - e):
        ax.add_patch(Circle((x, h - e), d / 2, facecolor="white", edgecolor=INK, linewidth=1.4))
        _center(ax, x, h - e, d)
    _dimension(ax, (0, h + 13), (w, h + 13), f"{w:.1f}")
    _dimension(ax, (-8, 0), (-8, h), f"{h:.1f}")
    _dimension(ax, (w + 8, h - e), (w + 8, h), f"{e:.1f}")
    _dimension(ax, (0, h + 3), (e, h + 3), f"{e:.1f}")
    ax.annotate(
        f"4 holes ⌀{d:.1f}",
        (e, h - e - d / 2),
        (2, -16),
        fontsize=_size(ax),
        arrowprops={"arrowstyle": "-|>", "linewidth": THIN, "color": INK},
    )
    ax.plot([-18, 2], [-25, -25], color=INK, linewidth=3, solid_capstyle="butt")
    ax.text(4, -25, "20 mm", fontsize=_size(ax), va="center")


def _side(ax: Any, part: Bracket) -> None:
    from matplotlib.patches import Polygon

    h, b, t, d, e = part.height, part.depth, part.thickness, part.hole, part.edge
    turn = np.linspace(0, np.pi / 2, 12)
    outer = np.stack([2 * t - 2 * t * np.sin(turn), 2 * t - 2 * t * np.cos(turn)], axis=1)
    inner = np.stack([2 * t - t * np.cos(turn), 2 * t - t * np.sin(turn)], axis=1)
    outline = [(b, 0), *outer, (0, h), (t, h), *inner, (b, t)]
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
    ax.plot([0, 0], [h + 1, h + 6], color=INK, linewidth=THIN)
    ax.plot([t, t], [h + 1, h + 6], color=INK, linewidth=THIN)
    ax.text(t + 2, h + 2, f"t = {t:.1f}", fontsize=_size(ax))
    ax.text(2 * t + 1, 2 * t + 1, f"r {t:.1f}", fontsize=_size(ax))
    ax.annotate(
        "",
        (b - e, t + 1),
        (b - e, t + 16),
        arrowprops={"arrowstyle": "-|>", "color": plots.MODEL, "linewidth": 2},
    )
    ax.text(b - e + 2, t + 12, "load", color=plots.MODEL, fontsize=_size(ax))


def _notes(ax: Any, notes: str, alone: bool) -> None:
    """The notes at the right, or from the left on axes of their own."""
    if alone:
        ax.axis("off")
    ax.text(
        0 if alone else 1,
        1,
        notes,
        fontsize=_size(ax),
        family="monospace",
        va="top",
        ha="left" if alone else "right",
        linespacing=1.5,
        transform=ax.transAxes,
    )


def _title_block(front: Any, side: Any, reach: float) -> None:
    """Material, and the symbol of first-angle projection: a cone from the side and its circles."""
    from matplotlib.patches import Circle, Polygon

    side.text(-18, -25, "EN AW-5754-H22, r = t", fontsize=_size(side), va="center")
    y, unit = -23.0, reach / 60
    x = reach - 12 * unit
    style: dict[str, Any] = {"facecolor": "none", "edgecolor": INK, "linewidth": THIN}
    right = x + 4 * unit
    cone = [(x, y - unit), (right, y - 2 * unit), (right, y + 2 * unit), (x, y + unit)]
    front.add_patch(Polygon(cone, **style))
    for radius in (1, 2):
        front.add_patch(Circle((x + 8 * unit, y), radius * unit, **style))


def _center(ax: Any, x: float, y: float, d: float) -> None:
    """The cross of a hole's center lines."""
    reach = d / 2 + 2.5
    ax.plot([x - reach, x + reach], [y, y], color=INK, linewidth=THIN, linestyle="-.")
    ax.plot([x, x], [y - reach, y + reach], color=INK, linewidth=THIN, linestyle="-.")


def _dimension(ax: Any, start: tuple[float, float], end: tuple[float, float], text: str) -> None:
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
    place = (x - 1, y) if upright and x < 0 else (x + 1, y) if upright else (x, y + 1)
    ax.text(
        *place,
        text,
        fontsize=_size(ax),
        rotation=90 if upright else 0,
        ha="right" if upright and x < 0 else "left" if upright else "center",
        va="center" if upright else "bottom",
    )
