"""What lesson 10 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.asking.ask import NotData


def patients(
    answer: Callable,
    table: dict[str, np.ndarray],
    n: int,
    rng: np.random.Generator,
    times: int,
) -> dict[str, Any]:
    """`answer(table, n, rng)` as often as `times` says, with a generator that advances, and whether
    `table` is still what it was.

    Raises NotData for what the next cells cannot use.
    """
    before = copy.deepcopy(table)
    found = [_usable(answer(table, n, rng)) for _ in range(times)]
    kept = table.keys() == before.keys() and all(
        np.array_equal(table[name], before[name]) for name in before
    )
    return {"tables": found, "kept": kept}


def sums(
    answer: Callable, rows: np.ndarray, C: float, mu: float, seeds: tuple[int, ...]
) -> dict[str, Any]:
    """`answer(rows, C, mu, rng)` with a generator of each seed, and whether `rows` is still what it
    was.

    Raises NotData for what the next cells cannot use.
    """
    before = rows.copy()
    found = [answer(rows, C, mu, np.random.default_rng(seed)) for seed in seeds]
    if not isinstance(found[0], np.ndarray):
        raise NotData(
            f"it returned a {type(found[0]).__name__}, and the next cells need a NumPy array:"
            " convert it with `np.array`"
        )
    return {"sums": found, "kept": np.array_equal(rows, before)}


def _usable(found: Any) -> Any:
    """The table, if it is a dict whose x is a NumPy array."""
    if found is None:
        raise NotData("it returned None: is there a `return`?")
    if not isinstance(found, dict):
        raise NotData(
            f'it returned a {type(found).__name__}: return a dict, {{"x": ..., "y": ...}}'
        )
    missing = [name for name in ("x", "y") if name not in found]
    if missing:
        raise NotData(f'the dict has no "{missing[0]}": its keys must be "x" and "y"')
    if not isinstance(found["x"], np.ndarray):
        raise NotData(
            f'"x" is a {type(found["x"]).__name__}, and the next cells need a NumPy array: convert'
            " it with `np.array`"
        )
    return found
