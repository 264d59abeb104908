"""A plan from `course_utils.lesson07.floorplans` as an architect would draw it: solid walls, door
swings, windows, areas, dimensions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots
from course_utils.lesson07.floorplans import (
    BATH,
    BEDROOM,
    CELL,
    DOOR,
    HALL,
    KINDS,
    KITCHEN,
    LIVING,
    NAMES,
    OUTSIDE,
    WALL,
)

INK, PAPER = "#222222", "#FFFFFF"
# day, wet and passage; bedrooms are below
TINTS = {LIVING: "#FBEBC8", KITCHEN: "#FBEBC8", BATH: "#D5E8F3", HALL: "#F1F1F1"}
NIGHT = "#DDEBDD"
BESIDE = ((-1, 0), (1, 0), (0, -1), (0, 1))


def draw(
    plan: Any, ax: Any = None, *, title: str = "", labels: bool = True, alt: str | None = None
) -> Any:
    """Draw a plan (H, W), valid or not. One unit of the axes is a meter, north is up; `labels`
    writes areas and dimensions.
    """
    plan = np.asarray(plan)
    ax = plots.axes_for(ax, alt, (6, 5.4))
    height, width = plan.shape[0] * CELL, plan.shape[1] * CELL
    ax.imshow(_colors(plan), extent=(0, width, height, 0), interpolation="nearest", zorder=1)
    for cells in _pieces(plan == DOOR):
        _door(ax, plan, cells)
    for kind in range(LIVING, KINDS):
        if kind != HALL:
            _window(ax, plan, kind)
        if labels and (plan == kind).any():
            _name(ax, plan, kind)
    if labels and (plan != OUTSIDE).any():
        _dimensions(ax, plan)
        _scale(ax, width, height)
    ax.set(xlim=(-0.9, width + 0.4), ylim=(height + 0.2, -0.9), aspect="equal")
    ax.set_title(title, fontsize=11)
    ax.axis("off")
    return ax


def _colors(plan: np.ndarray) -> np.ndarray:
    """Every cell's color, (H, W, 3) of 0 to 1."""
    names = [PAPER, INK, PAPER, *(TINTS.get(kind, NIGHT) for kind in range(LIVING, KINDS))]
    # (KINDS, 3)
    table = np.array([[int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)] for name in names])
    return table[plan]


def _pieces(mask: np.ndarray) -> list[np.ndarray]:
    """Cells (n, 2) of each orthogonally connected piece of a mask."""
    from scipy.ndimage import label

    numbered, count = label(mask)
    return [np.argwhere(numbered == i) for i in range(1, count + 1)]


def _at(plan: np.ndarray, row: int, column: int) -> int:
    """The kind of a cell; OUTSIDE beyond the sheet."""
    inside = 0 <= row < plan.shape[0] and 0 <= column < plan.shape[1]
    return int(plan[row, column]) if inside else OUTSIDE


def _door(ax: Any, plan: np.ndarray, cells: np.ndarray) -> None:
    """A gap in the wall, the leaf standing open, and the quarter circle that it sweeps."""
    from matplotlib.patches import Arc

    (top, left), (bottom, right) = cells.min(0), cells.max(0)
    flat = right - left >= bottom - top  # the wall runs from west to east
    one, other = (
        (_at(plan, top - 1, left), _at(plan, bottom + 1, left))
        if flat
        else (_at(plan, top, left - 1), _at(plan, top, right + 1))
    )
    # the leaf opens into the room, not into hall or garden
    forward = one in (OUTSIDE, HALL, WALL) and (other != OUTSIDE)
    length = CELL * (max(1, len(cells)))
    if flat:
        x, y, step = left * CELL, (bottom + 1 if forward else top) * CELL, 1 if forward else -1
        ax.plot([x, x], [y, y + step * length], color=INK, linewidth=1.6, zorder=3)
        angles = (0, 90) if forward else (270, 360)
    else:
        x, y, step = (right + 1 if forward else left) * CELL, top * CELL, 1 if forward else -1
        ax.plot([x, x + step * length], [y, y], color=INK, linewidth=1.6, zorder=3)
        angles = (0, 90) if forward else (90, 180)
    ax.add_patch(
        Arc(
            (x, y),
            2 * length,
            2 * length,
            theta1=angles[0],
            theta2=angles[1],
            color=INK,
            linewidth=0.7,
            zorder=3,
        )
    )


def _outer_runs(plan: np.ndarray, kind: int) -> list[list[tuple[int, int]]]:
    """Straight runs of wall cells that have the room on one side and the outside on the opposite
    one.
    """
    runs: list[list[tuple[int, int]]] = []
    for down, right in BESIDE:
        cells = [
            (int(r), int(c))
            for r, c in np.argwhere(plan == WALL)
            if _at(plan, r + down, c + right) == kind and _at(plan, r - down, c - right) == OUTSIDE
        ]
        cells.sort(key=lambda cell: cell if down else cell[::-1])
        for i, cell in enumerate(cells):
            follows = i and abs(cell[0] - cells[i - 1][0]) + abs(cell[1] - cells[i - 1][1]) == 1
            runs[-1].append(cell) if follows else runs.append([cell])
    return runs


def _window(ax: Any, plan: np.ndarray, kind: int) -> None:
    """Glass in the middle of the room's longest outer wall, drawn as three thin lines."""
    from matplotlib.patches import Rectangle

    run = max(_outer_runs(plan, kind), key=len, default=[])
    if len(run) < 3:
        return
    cut = max(1, (len(run) - 4) // 2)
    (top, left), (bottom, right) = run[cut], run[-1 - cut]
    flat, x, y = top == bottom, left * CELL, top * CELL
    width, height = (right - left + 1) * CELL, (bottom - top + 1) * CELL
    ax.add_patch(
        Rectangle((x, y), width, height, facecolor=PAPER, edgecolor=INK, linewidth=0.8, zorder=2)
    )
    middle = (
        ([x, x + width], [y + height / 2] * 2) if flat else ([x + width / 2] * 2, [y, y + height])
    )
    ax.plot(*middle, color=INK, linewidth=0.8, zorder=3)


def _name(ax: Any, plan: np.ndarray, kind: int) -> None:
    """The room's name and area, where the room is widest."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(plan == kind, 1))[1:-1, 1:-1]
    row, column = np.argwhere(depth > depth.max() - 1e-9).mean(axis=0)
    area = (plan == kind).sum() * CELL**2
    narrow = np.ptp(np.argwhere(plan == kind)[:, 1]) < 5
    name = NAMES[kind].replace(" ", "\n") if narrow and kind >= BEDROOM else NAMES[kind]
    joint = "  " if kind == HALL else "\n"
    ax.text(
        (column + 0.5) * CELL,
        (row + 0.5) * CELL,
        f"{name}{joint}{area:.1f} m²",
        ha="center",
        va="center",
        fontsize=7.5,
        zorder=4,
    )


def _dimensions(ax: Any, plan: np.ndarray) -> None:
    """The house's width above it and depth beside it, with an architect's slanting ticks."""
    rows, columns = (np.flatnonzero((plan != OUTSIDE).any(axis=a)) for a in (1, 0))
    left, right, top, bottom = (
        columns[0] * CELL,
        (columns[-1] + 1) * CELL,
        rows[0] * CELL,
        (rows[-1] + 1) * CELL,
    )
    tick = 0.14
    for (x0, y0), (x1, y1), turn in (
        ((left, -0.25), (right, -0.25), 0),
        ((-0.25, bottom), (-0.25, top), 90),
    ):
        ax.plot([x0, x1], [y0, y1], color=INK, linewidth=0.8)
        for x, y in ((x0, y0), (x1, y1)):
            ax.plot([x - tick, x + tick], [y + tick, y - tick], color=INK, linewidth=1.2)
        length = abs(x1 - x0) + abs(y1 - y0)
        ax.text(
            (x0 + x1) / 2 - 0.3 * bool(turn),
            (y0 + y1) / 2 - 0.3 * (not turn),
            f"{length:.2f} m",
            rotation=turn,
            ha="center",
            va="center",
            fontsize=7.5,
        )


def _scale(ax: Any, width: float, height: float) -> None:
    """A bar of two meters, and an arrow to the north."""
    y = height - 0.15
    for start in (0.4, 1.4):
        ax.plot(
            [start, start + 1],
            [y, y],
            color=INK if start < 1 else PAPER,
            linewidth=4,
            solid_capstyle="butt",
            zorder=5,
        )
    ax.plot(
        [0.4, 2.4, 2.4, 0.4, 0.4],
        [y - 0.08, y - 0.08, y + 0.08, y + 0.08, y - 0.08],
        color=INK,
        linewidth=0.6,
        zorder=6,
    )
    ax.text(2.55, y, "2 m", fontsize=7, va="center")
    ax.annotate(
        "N",
        (width + 0.1, height - 1.2),
        (width + 0.1, height - 0.2),
        fontsize=8,
        ha="center",
        va="center",
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0.8},
    )
