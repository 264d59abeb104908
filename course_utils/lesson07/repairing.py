"""From what a model drew to a plan that holds: straight cuts, then doors.

An architect's rooms are boxes with straight walls between them. So the house is cut in two where a
straight wall agrees best with the model, then each part again, until every part is one room. Cuts
that would leave a room too small are passed over. Last, every room gets a door.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from course_utils.lesson07.floorplans import (
    CLEAR,
    DOOR,
    DOOR_CELLS,
    HABITABLE,
    MIN_AREA,
    MIN_SIDE,
    WINDOW,
    Box,
    Brief,
    build,
    inside,
    openings,
    outer_walls,
    shared_walls,
)

Cells = list[tuple[int, int]]


@dataclass(frozen=True)
class Part:
    """A part of the house: the rooms in it, and the two parts into which it was cut, if it was."""

    box: Box
    rooms: tuple[int, ...]
    parts: tuple[Part, ...] = ()

    def leaves(self) -> dict[int, Box]:
        """Every room and its box."""
        if not self.parts:
            return {self.rooms[0]: self.box}
        return {room: box for part in self.parts for room, box in part.leaves().items()}


def repair(
    p: np.ndarray, brief: Brief, rng: np.random.Generator, comfort: bool = False
) -> np.ndarray:
    """A plan of straight walls near p (kinds, H, W). Where rooms do not fit, p is shaken.

    With `comfort`, habitable rooms also get an outer wall for a window, and width for furniture.
    """
    for shake in [*np.arange(0, 1, 0.1), *[1] * 200]:
        q = (1 - shake) * p + shake * rng.random(p.shape)
        house = straighten(q, brief, comfort)
        if house:
            rooms = house.leaves()
            return build(brief, rooms, hang_doors(q[DOOR], rooms, brief, comfort))
    raise ValueError(f"the rooms of {brief} do not fit into its house")


def straighten(p: np.ndarray, brief: Brief, comfort: bool = False) -> Part | None:
    """The house of a brief, cut into its rooms so that they agree best with p (kinds, H, W)."""
    return _cut(p, Part(inside(brief), brief.rooms), brief if comfort else None)


def _cut(p: np.ndarray, part: Part, comfort: Brief | None) -> Part | None:
    """The part with all its cuts; None where its rooms do not fit."""
    if len(part.rooms) == 1:
        return part
    options = sorted(_cuts(p, part, comfort), key=lambda option: -option[0])
    for _, first, second in options:
        one = _cut(p, first, comfort)
        other = _cut(p, second, comfort) if one else None
        if one and other:
            return Part(part.box, part.rooms, (one, other))
    return None


def _cuts(p: np.ndarray, part: Part, comfort: Brief | None) -> Iterator[tuple[float, Part, Part]]:
    """Straight cuts of a part: how well each agrees with p, and the two parts.

    Every room goes to the part that has more of it, as p says, per cell.
    """
    rooms, areas = np.array(part.rooms), np.array([MIN_AREA[k] for k in part.rooms])  # (R,)
    region = p[rooms][:, *part.box.cells]  # (R, height, width)
    for across, lines in ((True, region.sum(axis=2)), (False, region.sum(axis=1))):
        so_far, length = np.cumsum(lines, axis=1), lines.shape[1]  # (R, length)
        at = np.arange(MIN_SIDE, length - MIN_SIDE)  # (P,), every place for a wall
        before, after = so_far[:, at - 1], so_far[:, -1:] - so_far[:, at]  # (R, P) each
        first = before * (length - at - 1) > after * at  # (R, P)
        agree = np.where(first, before, after).sum(axis=0)  # (P,)
        line = part.box.square_meters / length
        large = (areas @ first <= line * at) & (areas @ ~first <= line * (length - at - 1))  # (P,)
        for i in np.flatnonzero(large & first.any(axis=0) & ~first.all(axis=0)):
            one, other = (
                Part(box, tuple(rooms[side].tolist()))
                for box, side in zip(
                    part.box.cut(int(at[i]), across), (first[:, i], ~first[:, i]), strict=True
                )
            )
            if all(_room_fits(side, comfort) for side in (one, other) if len(side.rooms) == 1):
                yield float(agree[i]), one, other


def _room_fits(part: Part, comfort: Brief | None) -> bool:
    """Is the room large enough, and, with a brief, light and wide enough?"""
    (room,), box = part.rooms, part.box
    side, light = MIN_SIDE, True
    if comfort is not None and room in HABITABLE:
        side, light = CLEAR, max(map(len, outer_walls(comfort, box)), default=0) >= WINDOW
    return light and min(box.height, box.width) >= side and box.square_meters >= MIN_AREA[room]


def hang_doors(
    p_door: np.ndarray, rooms: dict[int, Box], brief: Brief, comfort: bool = False
) -> list[Cells]:
    """The likeliest doors (H, W) that connect all rooms, and a front door: lists of cells.

    Of all places for a door between two rooms, take the likeliest, then the next, and leave out any
    that connects what is connected already (Kruskal's algorithm for a spanning tree).
    """
    places = [
        (place, a, b)
        for a, b in combinations(rooms, 2)
        for place in openings(shared_walls(rooms[a], rooms[b]))
    ]
    doors, group = [], {room: room for room in rooms}
    for place, a, b in sorted(places, key=lambda option: -_likely(p_door, option[0])):
        if group[a] != group[b]:
            group = {room: group[a] if g == group[b] else g for room, g in group.items()}
            doors.append(place)
    outer = [
        place
        for room, box in rooms.items()
        for place in _front_places(outer_walls(brief, box), comfort and room in HABITABLE)
    ]
    return [*doors, max(outer, key=lambda place: _likely(p_door, place))]


def _likely(p_door: np.ndarray, place: Cells) -> float:
    return sum(p_door[cell] for cell in place)


def _front_places(walls: list[Cells], window: bool) -> Iterator[Cells]:
    """Places for a front door in a room's outer walls; with `window`, such that one remains."""
    for wall in walls:
        others = max((len(one) for one in walls if one is not wall), default=0)
        for i, place in enumerate(openings(wall)):
            if not window or max(i, len(wall) - i - DOOR_CELLS, others) >= WINDOW:
                yield place
