"""Dungeon maps of 12 x 12 tiles: a generator whose maps can always be solved, the shortest path,
and how to draw them.

A level is an integer array (H, W): 0 wall, 1 floor, 2 start, 3 exit, 4 chest. You walk up, down,
left and right, over everything but walls.
"""

from __future__ import annotations

from collections import deque
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils import plots

if TYPE_CHECKING:
    from torch import Tensor

WALL, FLOOR, START, EXIT, CHEST = range(5)
TILES = ("wall", "floor", "start", "exit", "chest")
SIZE = 12
Place = tuple[int, int]

PALETTE = {
    ".": "#E9DFC7",
    ",": "#D8CBAC",
    "#": "#5B5F6B",
    "=": "#454954",
    "b": "#0072B2",
    "w": "#FFFFFF",
    "k": "#222222",
    "o": "#D55E00",
    "g": "#009E73",
    "y": "#E8B923",
    "s": "#F3C9A5",
}
SPRITES = {  # 8 x 8 pixels each
    WALL: "####=### ####=### ####=### ======== =####### =####### =####### ========",
    FLOOR: "........ ........ ..,..... ........ ......,. ........ .,...... ........",
    START: "........ .bbbbbb. .b....b. .b.bb.b. .b.bb.b. .b....b. .bbbbbb. ........",
    EXIT: "..kkkk.. .kggggk. .kggggk. .kggggk. .kggygk. .kggggk. .kggggk. .kkkkkk.",
    CHEST: "........ ........ .kkkkkk. .kooook. .kkyykk. .kooook. .kkkkkk. ........",
}
HERO = "..kkkk.. ..kssk.. ..ssss.. .oooooo. .soooos. ..oooo.. ..k..k.. ..k..k.."


def sample(n: int, rng: np.random.Generator) -> Tensor:
    """n random levels (n, 12, 12) int64: rooms, corridors, one start, one exit, up to two chests;
    all can be solved.
    """
    import torch

    return torch.tensor(np.stack([_level(rng) for _ in range(n)]))


def _level(rng: np.random.Generator) -> np.ndarray:
    level = np.full((SIZE, SIZE), WALL)
    sizes = rng.integers(2, 4, size=(rng.integers(4, 7), 2))
    corners = rng.integers(1, SIZE - sizes)  # rooms keep off the rim
    for (top, left), (height, width) in zip(corners, sizes, strict=True):
        level[top : top + height, left : left + width] = FLOOR
    centers = corners + sizes // 2
    for (r0, c0), (r1, c1) in zip(centers, centers[1:], strict=False):
        bend_r, bend_c = (r0, c1) if rng.random() < 0.5 else (r1, c0)
        level[min(r0, r1) : max(r0, r1) + 1, bend_c] = FLOOR
        level[bend_r, min(c0, c1) : max(c0, c1) + 1] = FLOOR
    free = rng.permutation(np.argwhere(level == FLOOR))  # (floors, 2)
    far = 1 + np.abs(free[1:] - free[0]).sum(axis=1).argmax()
    level[tuple(free[0])], level[tuple(free[far])] = START, EXIT
    for chest in np.delete(free, [0, far], axis=0)[: rng.integers(0, 3)]:
        level[tuple(chest)] = CHEST
    return level


AROUND = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))  # row, column; drawn before


def markov_chain(levels: Any, n: int, rng: np.random.Generator) -> Tensor:
    """n levels from a Markov chain of tiles that counts in levels (N, H, W), row by row: each tile
    given six drawn before it, or given fewer where those six were seen less than twenty times.
    """
    import torch

    seen = np.pad(np.asarray(levels), ((0, 0), (2, 0), (2, 2)))  # walls around
    made = np.zeros((n, *seen.shape[1:]), dtype=seen.dtype)
    places = [(r, c) for r in range(2, seen.shape[1]) for c in range(2, seen.shape[2] - 2)]
    tables = {k: np.zeros((len(TILES) ** k, len(TILES))) for k in (0, 2, 3, 4, 6)}
    for (r, c), (k, table) in product(places, tables.items()):
        np.add.at(table, (_context(seen, r, c, k), seen[:, r, c]), 1)
    for r, c in places:
        counts = np.zeros((n, len(TILES)))
        for k, table in tables.items():  # the longest context that was seen often enough
            row = table[_context(made, r, c, k)]
            counts = np.where(row.sum(axis=1, keepdims=True) >= (20 if k else 0), row, counts)
        below = counts.cumsum(axis=1) / counts.sum(axis=1, keepdims=True)  # (n, 5)
        made[:, r, c] = (rng.random((n, 1)) >= below).sum(axis=1)
    return torch.tensor(made[:, 2:, 2:-2])


def _context(levels: np.ndarray, row: int, column: int, k: int) -> np.ndarray:
    """The first k tiles around a place as one number per level: (N,)."""
    number = np.zeros(len(levels), dtype=int)
    for r, c in AROUND[:k]:
        number = len(TILES) * number + levels[:, row + r, column + c]
    return number


def shortest_path(level: Any) -> list[Place]:
    """A shortest path from the start to the exit, both included, as (row, column); [] if there is
    none.
    """
    level = np.asarray(level)
    starts = [(int(r), int(c)) for r, c in np.argwhere(level == START)]
    tiles = level.tolist()  # a list of lists is read faster than an array
    came_from: dict[Place, Place | None] = dict.fromkeys(starts)
    queue = deque(starts)
    while queue:
        here = queue.popleft()
        if tiles[here[0]][here[1]] == EXIT:
            return _traced(came_from, here)
        for place in neighbors(here, level.shape):
            if tiles[place[0]][place[1]] != WALL and place not in came_from:
                came_from[place] = here
                queue.append(place)
    return []


def _traced(came_from: dict[Place, Place | None], here: Place | None) -> list[Place]:
    path = []
    while here is not None:
        path.append(here)
        here = came_from[here]
    return path[::-1]


def reachable(level: Any, start: Place) -> Tensor:
    """Which tiles one can walk to from `start`: (H, W) bool."""
    import torch

    level = np.asarray(level)
    tiles, seen, queue = level.tolist(), {start}, deque([start])
    while queue:
        for place in neighbors(queue.popleft(), level.shape):
            if tiles[place[0]][place[1]] != WALL and place not in seen:
                seen.add(place)
                queue.append(place)
    found = np.zeros(level.shape, dtype=bool)
    found[tuple(np.array(sorted(seen)).T)] = True
    return torch.tensor(found)


def regions(level: Any) -> int:
    """The number of separate regions of open tiles."""
    from scipy.ndimage import label

    return int(label(np.asarray(level) != WALL)[1])


def report(levels: Any) -> dict[str, float]:
    """What a designer asks of maps (N, H, W): the share that can be solved and whose chests can all
    be reached and regions per map; of maps with one start and one exit the median of the shortest
    solution, and the share that are solved in three steps.
    """
    chests, steps = [], []
    for level in np.asarray(levels):
        path = shortest_path(level)
        one_each = (level == START).sum() == (level == EXIT).sum() == 1
        steps += [len(path) - 1] if path and one_each else []
        chests.append(bool(path) and bool(reachable(level, path[0])[level == CHEST].all()))
    return {
        "chests": float(np.mean(chests)),
        "regions": float(np.mean([regions(level) for level in np.asarray(levels)])),
        "steps": float(np.median(steps)) if steps else float("nan"),
        "short": float(np.mean(np.array(steps) <= 3)) if steps else float("nan"),
    }


def lengths_and_openness(levels: Any) -> tuple[list[int], list[float]]:
    """The shortest solution of each map that has one, in steps, and its share of open tiles."""
    solved = [(shortest_path(level), level) for level in np.asarray(levels)]
    pairs = [(len(path) - 1, float((level != WALL).mean())) for path, level in solved if path]
    return [steps for steps, _ in pairs], [share for _, share in pairs]


def show_reports(reports: dict[str, dict[str, float]]) -> None:
    """A table of reports, one row per group of maps."""
    print(
        f"{'':<24}{'playable':>9}{'all chests':>12}{'regions':>9}{'steps':>7}{'<= 3 steps':>12}"
        f"{'repaired':>10}{'changed':>9}{'copies':>8}"
    )
    for name, row in reports.items():
        print(
            f"{name:<24}{row['playable']:>9.1%}{row['chests']:>12.1%}{row['regions']:>9.1f}"
            f"{row['steps']:>7.0f}{row['short']:>12.1%}{row['repaired']:>10.1%}"
            f"{row['changed']:>9.1f}{row['copies']:>8.1%}"
        )


@cache
def neighbors(place: Place, shape: tuple[int, ...]) -> tuple[Place, ...]:
    """The up to four places above, below, left and right of a place that are on the map."""
    row, column = place
    around = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    return tuple((r, c) for r, c in around if 0 <= r < shape[0] and 0 <= c < shape[1])


def picture(level: Any, hero: Place | None = None) -> np.ndarray:
    """A level drawn with tiles of 8 x 8 pixels, and with the hero in it: (H, W) -> (8 H, 8 W, 3) in
    [0, 1].
    """
    level = np.asarray(level)
    tiles = np.stack([_sprite(SPRITES[tile]) for tile in range(len(TILES))])  # (5, 8, 8, 3)
    drawn = (
        tiles[level]
        .transpose(0, 2, 1, 3, 4)
        .reshape(8 * level.shape[0], 8 * level.shape[1], 3)
        .copy()
    )
    if hero is not None:
        row, column = (8 * i for i in hero)
        ink = np.array([c not in ".," for c in HERO.replace(" ", "")]).reshape(8, 8)
        drawn[row : row + 8, column : column + 8][ink] = _sprite(HERO)[ink]
    return drawn


def pixels(sprite: str) -> list[list[int] | None]:
    """The 64 pixels of a sprite, rows from above, as red, green and blue up to 255; None for the
    floor of the hero's tile.
    """
    from matplotlib.colors import to_rgb

    clear = sprite == HERO
    return [
        None if clear and c in ".," else [round(255 * v) for v in to_rgb(PALETTE[c])]
        for c in sprite.replace(" ", "")
    ]


def show(
    levels: Any,
    titles: list[str],
    *,
    alt: str,
    columns: int = 6,
    marked: list[list[Place]] | None = None,
) -> Any:
    """Several levels side by side, each under its title, some places marked with a frame. Returns
    the figure.
    """
    rows = -(-len(levels) // columns)
    fig, axes = plots.figure(rows, columns, alt=alt, size=(1.75 * columns, 2.0 * rows))
    for ax in np.ravel(axes):
        ax.axis("off")
    for i, (ax, level, title) in enumerate(zip(np.ravel(axes), levels, titles, strict=True)):
        ax.imshow(picture(level), interpolation="nearest")
        ax.set_title(title, fontsize=10)
        for row, column in marked[i] if marked else []:
            ax.plot(
                8 * column + 3.5,
                8 * row + 3.5,
                "s",
                color=plots.WRONG,
                markersize=6,
                fillstyle="none",
            )
    return fig


@cache
def _sprite(rows: str) -> np.ndarray:
    """Eight rows of eight letters -> (8, 8, 3) in [0, 1]."""
    codes = [PALETTE[letter] for letter in rows.replace(" ", "")]
    return np.array(
        [[int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)] for code in codes]
    ).reshape(8, 8, 3)
