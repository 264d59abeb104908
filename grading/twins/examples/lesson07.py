"""A twin of exercise 7.3: the doors of one room instead of a report. An example; change it before
you use it for marks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.asking.ask import Ask, TensorArg
from course_utils.checks.exercise import Case, Exercise, Mutant

OUTSIDE, WALL, DOOR, LIVING, KITCHEN, BATH, HALL = range(7)
CELLS = {".": OUTSIDE, "#": WALL, "+": DOOR, "L": LIVING, "K": KITCHEN, "B": BATH, "H": HALL}
BESIDE = ((-1, 0), (1, 0), (0, -1), (0, 1))
SHEETS = {
    "a living room with two doors, one of two cells": (
        "#########",
        "#LLL#KKK#",
        "#LLL+KKK#",
        "#LLL+KKK#",
        "###+#####",
        "#HHHHHH+.",
        "#########",
    ),
    "two doors in one wall": ("#####", "#LLL#", "+LLL#", "#LLL#", "+LLL#", "#####"),
    "doors that touch at corners only": ("+###+", "#LLL#", "#LLL#", "+###+", "#HHH#", "#####"),
    "a long door along the room, and one far from it": (
        "##########",
        "#LLLL#BB+.",
        "#+++##BB##",
        "#HHHHHHHH#",
        "##########",
    ),
    "door cells that meet at a corner": ("#####", "#L+H#", "##L+#", "#####"),
}


def _sheet(rows: tuple[str, ...]) -> np.ndarray:
    return np.array([[CELLS[cell] for cell in row] for row in rows])


def _cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for says, rows in SHEETS.items():
        sheet = np.rot90(_sheet(rows), int(rng.integers(4)))
        for kind, name in ((LIVING, "living room"), (HALL, "hall")):
            arg = TensorArg(np.ascontiguousarray(sheet, dtype=np.int64))
            cases.append(Case(f"{says}: the {name}", (arg, kind), _counted))
    return cases


def _counted(ask: Ask, plan: TensorArg, kind: int) -> Any:
    return ask(plan, kind)


def _oracle(plan: Any, kind: int) -> int:
    """By walking from door cell to door cell."""
    plan = np.asarray(plan)
    left = {(int(r), int(c)) for r, c in np.argwhere(plan == DOOR)}
    room, doors = {(int(r), int(c)) for r, c in np.argwhere(plan == kind)}, 0
    while left:
        front, touches = [left.pop()], False
        while front:
            row, column = front.pop()
            for a, b in BESIDE:
                cell = (row + a, column + b)
                touches |= cell in room
                if cell in left:
                    left.remove(cell)
                    front.append(cell)
        doors += touches
    return doors


def _near(mask: np.ndarray, corners: bool = False) -> np.ndarray:
    from scipy.ndimage import binary_dilation

    return binary_dilation(mask, np.ones((3, 3)) if corners else None)


def _pieces(mask: np.ndarray, corners: bool = False) -> Any:
    from scipy.ndimage import label

    return label(mask, np.ones((3, 3)) if corners else None)


def _by_labels(plan: Any, kind: int, corners: bool = False, reach: bool = False) -> int:
    plan = np.asarray(plan)
    numbered, _ = _pieces(plan == DOOR, corners)
    return len({*numbered[_near(plan == kind, reach)].ravel().tolist()} - {0})


def _piece_by_piece(plan: Any, kind: int) -> int:
    plan = np.asarray(plan)
    numbered, count = _pieces(plan == DOOR)
    return sum(bool((_near(numbered == i) & (plan == kind)).any()) for i in range(1, count + 1))


def _of(how: Callable[[np.ndarray, int], Any]) -> Callable[..., Any]:
    return lambda plan, kind: how(np.asarray(plan), kind)


DOORS = Exercise(
    "7.3t",
    "doors_of",
    _cases,
    _oracle,
    {
        "cells-for-doors": Mutant(
            "door *cells* are counted: cells that are one piece are one door",
            _of(lambda plan, kind: int((_near(plan == kind) & (plan == DOOR)).sum())),
        ),
        "all-doors": Mutant(
            "all doors of the plan are counted: only those beside the room",
            _of(lambda plan, kind: _pieces(plan == DOOR)[1]),
        ),
        "corners-touch": Mutant(
            "doors that touch the room at a corner are counted: look along rows and columns",
            lambda plan, kind: _by_labels(plan, kind, reach=True),
        ),
        "corners-join": Mutant(
            "door cells that meet at a corner are taken for one door: they are two",
            lambda plan, kind: _by_labels(plan, kind, corners=True),
        ),
        "room-pieces": Mutant(
            "this is the number of pieces of the room: count doors",
            _of(lambda plan, kind: _pieces(plan == kind)[1]),
        ),
        "one-at-most": Mutant(
            "this says whether there is a door: count them",
            lambda plan, kind: int(_by_labels(plan, kind) > 0),
        ),
        "background-counted": Mutant(
            "one too many: the background has the label 0, and is no door",
            lambda plan, kind: _by_labels(plan, kind) + 1,
        ),
    },
    {
        "by labels": _by_labels,
        "piece by piece": _piece_by_piece,
        "walking": lambda plan, kind: _oracle(plan, kind),
    },
)

EXERCISES = [DOORS]
