"""Small houses as grids of cells: plans to learn from, random plans, and what to ask of a plan.

A plan is an array (26, 30) of whole numbers, one per cell of 50 by 50 centimeters: OUTSIDE, WALL,
DOOR, or the number of a room. The cell is the module of the design: a wall takes one, however thin
it will be. A **brief** says what is wanted: the house's width and depth in cells, its number of
bedrooms, and on which sides living room and front door lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

CELL = 0.5  # meters
HEIGHT, WIDTH = 26, 30  # cells of the sheet
# 8 and 9 are a second and a third bedroom
OUTSIDE, WALL, DOOR, LIVING, KITCHEN, BATH, HALL, BEDROOM = range(8)
KINDS = 10
NAMES = (
    "outside",
    "wall",
    "door",
    "living",
    "kitchen",
    "bath",
    "hall",
    "bedroom 1",
    "bedroom 2",
    "bedroom 3",
)
# square meters
MIN_AREA = {
    LIVING: 18.0,
    KITCHEN: 8.0,
    BATH: 5.0,
    HALL: 5.0,
    BEDROOM: 8.0,
    BEDROOM + 1: 8.0,
    BEDROOM + 2: 8.0,
}
# relative to each other
WISHED = {LIVING: 20.0, KITCHEN: 9.0, BATH: 5.0, BEDROOM: 13.0, BEDROOM + 1: 11.0, BEDROOM + 2: 9.5}
# rooms in which people spend hours: they need a window, and width for furniture
HABITABLE = (LIVING, KITCHEN, *range(BEDROOM, KINDS))
# of a brief, part by part
CHOICES = ((24, 26, 28), (20, 22, 24), (1, 2, 3), ("north", "south"), ("west", "east"))
MIN_SIDE, DOOR_CELLS = 3, 2
WINDOW, CLEAR = 3, 5  # cells: of outer wall for a window; the side of a square that must fit


class Brief(NamedTuple):
    """What is wanted: cells from west to east and from north to south, outer walls included,
    bedrooms, and two sides.
    """

    width: int
    depth: int
    bedrooms: int
    living: str  # the side of the living room, "north" or "south"
    entrance: str  # the side of the front door, "west" or "east"

    @property
    def rooms(self) -> tuple[int, ...]:
        """The numbers of the rooms asked for."""
        return (LIVING, KITCHEN, BATH, HALL, *range(BEDROOM, BEDROOM + self.bedrooms))


@dataclass(frozen=True)
class Box:
    """A rectangle of cells: its first row and column, and how many of each."""

    top: int
    left: int
    height: int
    width: int

    @property
    def cells(self) -> tuple[slice, slice]:
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    @property
    def square_meters(self) -> float:
        return self.height * self.width * CELL**2

    def cut(self, at: int, across: bool) -> tuple[Box, Box]:
        """Two boxes with one row (`across`) or column of wall between them, after `at` rows or
        columns.
        """
        if across:
            return (
                Box(self.top, self.left, at, self.width),
                Box(self.top + at + 1, self.left, self.height - at - 1, self.width),
            )
        return (
            Box(self.top, self.left, self.height, at),
            Box(self.top, self.left + at + 1, self.height, self.width - at - 1),
        )


def all_briefs() -> list[Brief]:
    """Every combination of the choices, 108 of them."""
    return [Brief(*choices) for choices in product(*CHOICES)]


def brief_vectors(briefs: Sequence[Brief]) -> np.ndarray:
    """Briefs as conditions, one number for every choice of every part. -> (N, 13) of 0 and 1

    Raises ValueError for a brief with a choice that the plans do not cover.
    """
    for brief in briefs:
        for part, value, options in zip(Brief._fields, brief, CHOICES, strict=True):
            if value not in options:
                raise ValueError(
                    f"the {part} of a brief can be {', '.join(map(str, options))}; this one is"
                    f" {value!r}"
                )
    return np.array(
        [
            [
                value == option
                for value, options in zip(brief, CHOICES, strict=True)
                for option in options
            ]
            for brief in briefs
        ],
        dtype=float,
    )


def inside(brief: Brief) -> Box:
    """The cells within the outer walls; the house stands one cell from the sheet's upper left
    corner.
    """
    return Box(2, 2, brief.depth - 2, brief.width - 2)


def make_plans(briefs: Sequence[Brief], rng: np.random.Generator) -> np.ndarray:
    """A plan for each brief, as a careful architect would draw it: every constraint of the lesson
    holds, habitable rooms have a window and are wide enough. -> (N, 26, 30)
    """
    return np.stack([careful_plan(brief, rng) for brief in briefs])


def dice_plans(briefs: Sequence[Brief], rng: np.random.Generator) -> np.ndarray:
    """The random baseline: walls, rooms and doors at random, within the outline asked
    for. -> (N, 26, 30)

    Straight walls at random places, the rooms asked for in any order, and a door somewhere in every
    wall between two rooms.
    """
    return np.stack([_dice_plan(brief, rng) for brief in briefs])


def stretched_plans(
    briefs: Sequence[Brief], known: Sequence[Brief], plans: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The lookup baseline: for each brief a known plan with the same bedrooms and sides but another
    outline, stretched to the outline asked for. plans (N, 26, 30) of known briefs -> (M, 26, 30)
    """
    made = []
    for brief in briefs:
        like = [i for i, k in enumerate(known) if k[2:] == brief[2:] and k[:2] != brief[:2]]
        source = int(rng.choice(like))
        made.append(_stretched(plans[source], known[source], brief))
    return np.stack(made)


def careful_plan(brief: Brief, rng: np.random.Generator) -> np.ndarray:
    """A hall from side to side, living room and kitchen on one side of it, bedrooms and bath on the
    other. -> (26, 30)

    Every room opens onto the hall, and the hall to the outside; kitchen and bath are near the front
    door. What the brief leaves open: the order of the bedrooms, and where the walls stand.
    """
    for _ in range(1000):
        rooms = _largest_bedroom_first(_bands(inside(brief), brief, rng))
        if all(
            box.square_meters >= MIN_AREA[kind]
            and min(box.height, box.width) >= (CLEAR if kind in HABITABLE else MIN_SIDE)
            for kind, box in rooms.items()
        ):
            break
    else:
        raise ValueError(f"no plan was found for {brief}")
    doors = [middle(shared_walls(rooms[HALL], box)) for kind, box in rooms.items() if kind != HALL]
    west, east = (
        wall for wall in outer_walls(brief, rooms[HALL]) if len(wall) == rooms[HALL].height
    )
    return build(brief, rooms, [*doors, middle(west if brief.entrance == "west" else east)])


def build(brief: Brief, rooms: dict[int, Box], doors: list[list[tuple[int, int]]]) -> np.ndarray:
    """Draw outer walls, rooms and doors (lists of cells) onto an empty sheet. -> (26, 30) int64"""
    plan = np.full((HEIGHT, WIDTH), OUTSIDE)
    plan[1 : 1 + brief.depth, 1 : 1 + brief.width] = WALL
    for kind, box in rooms.items():
        plan[box.cells] = kind
    for door in doors:
        plan[tuple(np.transpose(door))] = DOOR
    return plan


def shared_walls(a: Box, b: Box) -> list[tuple[int, int]]:
    """The cells of wall that have box a on one side and box b on the opposite side."""
    for first, second in ((a, b), (b, a)):
        if first.left + first.width + 1 == second.left:
            low, high = max(a.top, b.top), min(a.top + a.height, b.top + b.height)
            return [(row, second.left - 1) for row in range(low, high)]
        if first.top + first.height + 1 == second.top:
            low, high = max(a.left, b.left), min(a.left + a.width, b.left + b.width)
            return [(second.top - 1, column) for column in range(low, high)]
    return []


def door_between(plan: np.ndarray, a: int, b: int) -> bool:
    """Is there a door cell with room a on one side and room b on the opposite side?"""
    padded = np.pad(plan, 1)
    for axis in (0, 1):
        before, after = np.roll(padded, 1, axis), np.roll(padded, -1, axis)
        through = ((before == a) & (after == b)) | ((before == b) & (after == a))
        if (through & (padded == DOOR)).any():
            return True
    return False


def all_walled(plan: np.ndarray) -> bool:
    """Is a wall or a door between any two rooms?"""
    pairs = (plan[1:], plan[:-1]), (plan[:, 1:], plan[:, :-1])
    return not any(((a >= LIVING) & (b >= LIVING) & (a != b)).any() for a, b in pairs)


def all_onto_hall(plan: np.ndarray) -> bool:
    """Does every room that is there open onto the hall? False without a hall."""
    there = [k for k in range(LIVING, KINDS) if k != HALL and (plan == k).any()]
    return bool((plan == HALL).any()) and all(door_between(plan, HALL, k) for k in there)


def outer_walls(brief: Brief, box: Box) -> list[list[tuple[int, int]]]:
    """The runs of outer wall beside a room, one list of cells per side that it touches."""
    hall, rows = inside(brief), range(box.top, box.top + box.height)
    columns = range(box.left, box.left + box.width)
    sides = [
        (box.top == hall.top, [(hall.top - 1, c) for c in columns]),
        (
            box.top + box.height == hall.top + hall.height,
            [(hall.top + hall.height, c) for c in columns],
        ),
        (box.left == hall.left, [(r, hall.left - 1) for r in rows]),
        (
            box.left + box.width == hall.left + hall.width,
            [(r, hall.left + hall.width) for r in rows],
        ),
    ]
    return [cells for touches, cells in sides if touches]


def openings(wall: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """All places for a door, two cells wide, in a straight piece of wall."""
    return [wall[i : i + DOOR_CELLS] for i in range(len(wall) - DOOR_CELLS + 1)]


def middle(wall: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The place for a door in the middle of a straight piece of wall."""
    places = openings(wall)
    return places[len(places) // 2]


def brief_report(plan: np.ndarray, brief: Brief) -> dict[str, bool]:
    """Which parts of the brief a plan meets: outline, bedrooms, and the sides of the living room
    and of the front door.
    """
    outline = build(brief, {}, []) == OUTSIDE
    living, doors = np.argwhere(plan == LIVING), _front_doors(plan)
    north = bool(len(living)) and living.mean(axis=0)[0] < (brief.depth + 1) / 2
    column = 1 if brief.entrance == "west" else brief.width
    return {
        "outline": bool(((plan == OUTSIDE) == outline).all()),
        "bedrooms": {int(k) for k in np.unique(plan) if k >= BEDROOM}
        == {*range(BEDROOM, BEDROOM + brief.bedrooms)},
        "living": bool(len(living)) and north == (brief.living == "north"),
        "entrance": bool(len(doors)) and bool((doors[:, 1] == column).all()),
    }


def comfort_report(plan: np.ndarray) -> dict[str, bool]:
    """What nobody asked for: does every habitable room have an outer wall for a window, and does a
    square of 2.5 by 2.5 meters fit into it?
    """
    from scipy.ndimage import binary_erosion

    there = [kind for kind in HABITABLE if (plan == kind).any()]
    square = np.ones((CLEAR, CLEAR))
    return {
        "daylight": all(max(map(len, outer_runs(plan, k)), default=0) >= WINDOW for k in there),
        "width": all(bool(binary_erosion(plan == k, square).any()) for k in there),
    }


def outer_runs(plan: np.ndarray, kind: int) -> list[list[tuple[int, int]]]:
    """Straight runs of wall cells that have the room on one side and the outside on the opposite
    one.
    """
    padded = np.pad(plan, 1)
    runs: list[list[tuple[int, int]]] = []
    for step, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        inner, outer = np.roll(padded, step, axis) == kind, np.roll(padded, -step, axis) == OUTSIDE
        found = np.argwhere(((padded == WALL) & inner & outer)[1:-1, 1:-1])
        cells = [(int(r), int(c)) for r, c in found]
        cells.sort(key=lambda cell: cell[:: -1 if axis else 1])
        for i, cell in enumerate(cells):
            follows = i and abs(cell[0] - cells[i - 1][0]) + abs(cell[1] - cells[i - 1][1]) == 1
            runs[-1].append(cell) if follows else runs.append([cell])
    return runs


def _front_doors(plan: np.ndarray) -> np.ndarray:
    """The door cells beside the outside, (n, 2)."""
    from scipy.ndimage import binary_dilation

    padded = np.pad(plan, 1)
    return np.argwhere((padded == DOOR) & binary_dilation(padded == OUTSIDE)) - 1


def _bands(box: Box, brief: Brief, rng: np.random.Generator) -> dict[int, Box]:
    """Two bands of rooms with a hall between them."""
    day, night = (
        [KITCHEN, LIVING],
        [BATH, *map(int, rng.permutation(np.arange(brief.bedrooms)) + BEDROOM)],
    )
    if brief.entrance == "east":
        day, night = day[::-1], night[::-1]
    upper, lower = (day, night) if brief.living == "north" else (night, day)
    for_night = rng.uniform(0.5, 0.6)
    first = round((box.height - 5) * (for_night if upper is night else 1 - for_night))
    top, rest = box.cut(first, across=True)
    hall, bottom = rest.cut(3, across=True)
    return {HALL: hall} | _row(top, upper, rng) | _row(bottom, lower, rng)


def _row(box: Box, kinds: list[int], rng: np.random.Generator) -> dict[int, Box]:
    """Rooms side by side, their widths near the shares wished for."""
    wishes = np.array([WISHED[k] for k in kinds]) * rng.uniform(0.85, 1.15, len(kinds))
    rooms = {}
    for i, kind in enumerate(kinds[:-1]):
        width = max(
            MIN_SIDE, round((box.width - (len(kinds) - 1 - i)) * wishes[i] / wishes[i:].sum())
        )
        rooms[int(kind)], box = box.cut(int(width), across=False)
    return rooms | {int(kinds[-1]): box}


def _largest_bedroom_first(rooms: dict[int, Box]) -> dict[int, Box]:
    """The same rooms, bedrooms numbered by their areas: bedroom 1 is the largest."""
    bedrooms = sorted((k for k in rooms if k >= BEDROOM), key=lambda k: -rooms[k].square_meters)
    names = dict(zip(bedrooms, sorted(bedrooms), strict=True))
    return {names.get(kind, kind): box for kind, box in rooms.items()}


def _stretched(plan: np.ndarray, own: Brief, brief: Brief) -> np.ndarray:
    """A plan of its own brief with rows and columns repeated or left out, evenly."""
    rows = 1 + np.round(np.linspace(0, own.depth - 1, brief.depth)).astype(int)
    columns = 1 + np.round(np.linspace(0, own.width - 1, brief.width)).astype(int)
    sheet = np.full_like(plan, OUTSIDE)
    sheet[1 : 1 + brief.depth, 1 : 1 + brief.width] = plan[np.ix_(rows, columns)]
    return sheet


def _dice_plan(brief: Brief, rng: np.random.Generator) -> np.ndarray:
    boxes = [inside(brief)]
    while len(boxes) < len(brief.rooms):
        i, across = int(rng.integers(len(boxes))), bool(rng.random() < 0.5)
        length = boxes[i].height if across else boxes[i].width
        if length >= 3:
            boxes[i : i + 1] = boxes[i].cut(int(rng.integers(1, length - 1)), across)
    rooms = dict(zip(map(int, rng.permutation(brief.rooms)), boxes, strict=True))
    doors = []
    for a, b in combinations(rooms.values(), 2):
        places = openings(shared_walls(a, b))
        if places:
            doors.append(places[int(rng.integers(len(places)))])
    outer = [
        place
        for box in rooms.values()
        for wall in outer_walls(brief, box)
        for place in openings(wall)
    ]
    return build(brief, rooms, [*doors, outer[int(rng.integers(len(outer)))]])
