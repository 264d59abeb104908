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
    WINDOW,
    outer_runs,
)

INK, PAPER = "#222222", "#FFFFFF"
# day, wet and passage; bedrooms are below
TINTS = {LIVING: "#FBEBC8", KITCHEN: "#FBEBC8", BATH: "#D5E8F3", HALL: "#F1F1F1"}
NIGHT = "#DDEBDD"


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


def _size(ax: Any) -> float:
    """Points that can still be read when a wide figure is shown in a column."""
    return max(7.5, 0.86 * ax.get_figure().get_figwidth())


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


def _window(ax: Any, plan: np.ndarray, kind: int) -> None:
    """Glass in the middle of a room's longest outer wall, drawn as three thin lines; none where
    that wall is too short.
    """
    from matplotlib.patches import Rectangle

    run = max(outer_runs(plan, kind), key=len, default=[])
    if len(run) < WINDOW:
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
    """The room's name and area, in the middle of the room or next to it, where no door swings;
    nothing where they would not fit.
    """
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(plan == kind, 1))[1:-1, 1:-1]
    if depth.max() < 2:  # less than three cells wide
        return
    widest = np.argwhere(depth > depth.max() - 1e-9)
    area = (plan == kind).sum() * CELL**2
    rows, columns = (np.ptp(line) + 1 for line in np.argwhere(plan == kind).T)
    turned = bool(columns < 4 and rows > columns)
    name = NAMES[kind].replace(" ", "\n") if kind >= BEDROOM and 3 < columns < 6 else NAMES[kind]
    joint = "  " if kind == HALL and columns > 6 else "\n"
    label = f"{name}{joint}{area:.1f} m²"
    wide, high = _half(ax, label, turned)
    row, column = _clear_place(plan, kind, _inmost(widest), wide, high)
    at = (column + 0.5) * CELL, (row + 0.5) * CELL
    if at[0] < wide or at[1] < high + 0.2:
        return
    if any(abs(x - at[0]) < wide + w and abs(y - at[1]) < high + h for x, y, w, h in _labels(ax)):
        return
    ax.text(
        *at,
        label,
        ha="center",
        va="center",
        rotation=90 * turned,
        fontsize=_size(ax),
        zorder=4,
    )


def _clear_place(
    plan: np.ndarray, kind: int, at: np.ndarray, wide: float, high: float
) -> np.ndarray:
    """The cell nearest to `at` (row, column) around which a label of a half width and height in
    meters lies within the room and off the swing of its doors. Where there is none, the one in the
    room that is farthest from its doors, or `at` itself.
    """
    from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt

    rows, columns = (2 * int(np.ceil(half / CELL - 0.5)) + 1 for half in (high, wide))
    room, door, label = plan == kind, plan == DOOR, np.ones((rows, columns))
    clear = np.argwhere(binary_erosion(room & ~binary_dilation(door, iterations=2), label))
    if len(clear):
        away = ((clear - at) ** 2).sum(axis=1)
        # half a cell from there is there
        return clear[away.argmin()] if away.min() > 0.5 else at
    places = np.argwhere(binary_erosion(room, label))
    if not len(places) or not door.any():
        return at
    return places[distance_transform_edt(~door)[tuple(places.T)].argmax()]


def _inmost(cells: np.ndarray) -> np.ndarray:
    """The middle of cells (n, 2), or the one next to it where the middle is none of them."""
    middle = cells.mean(axis=0)
    nearest = cells[np.abs(cells - middle).sum(axis=1).argmin()]
    return middle if np.abs(nearest - middle).max() < 1 else nearest


def _half(ax: Any, label: str, turned: bool) -> tuple[float, float]:
    """Half of a label's width and height in meters, about: in a small panel letters are large."""
    place, fig, lines = ax.get_position(), ax.get_figure(), label.split("\n")
    inches = min(
        place.width * fig.get_figwidth() / (np.ptp(ax.get_xlim()) + 1.3),
        place.height * fig.get_figheight() / (np.ptp(ax.get_ylim()) + 1.1),
    )  # per meter
    em = _size(ax) / 72 / inches
    along, across = 0.28 * em * max(map(len, lines)), 0.6 * em * len(lines)
    return (across, along) if turned else (along, across)


def _labels(ax: Any) -> list[tuple[float, float, float, float]]:
    """Where names of rooms have been written so far, and half of their sizes: they must not meet in
    a broken plan.
    """
    labels = [text for text in ax.texts if "m²" in text.get_text()]
    return [(*t.get_position(), *_half(ax, t.get_text(), t.get_rotation() > 0)) for t in labels]


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
            fontsize=_size(ax),
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
    ax.text(2.55, y, "2 m", fontsize=_size(ax), va="center")
    ax.annotate(
        "N",
        (width + 0.1, height - 1.2),
        (width + 0.1, height - 0.2),
        fontsize=_size(ax),
        ha="center",
        va="center",
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0.8},
    )
