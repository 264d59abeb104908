"""From observations to one sentence that helps: the matching mutant's hint, or a fact about the
numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.asking.ask import Ask, Raised
from course_utils.checks.exercise import (
    UNREADABLE,
    Case,
    Exercise,
    does_not_hold,
    kind_fits,
    numbers,
    observe,
    same,
)


def diagnose(
    exercise: Exercise,
    cases: list[Case],
    got: list[Any],
    want: list[Any],
    wrong: list[int],
    shows: Callable[[str, int], Any] | None = None,
) -> str:
    """The hint of the mutant that shows the same on every case; else the first observation that
    holds.

    `wrong` are the cases on which `got` is not what is wanted. `shows(name, i)` is what that mutant
    shows on the i-th case, if that is known already; each is asked once.

    If no mutant matches, the cases in which a value is due are tried alone, then the ordinary ones
    among them: an answer may have a known mistake in its formula, and also fail to refuse bad input
    or to avoid an overflow.
    """
    mutants = {} if exercise.is_build else exercise.mutants
    shows = shows or functools.cache(lambda name, i: observe(Ask(mutants[name].answer), cases[i]))
    values = [i for i, w in enumerate(want) if not isinstance(w, Raised)]
    ordinary = [i for i in values if not cases[i].stress]
    for pool in [range(len(cases)), values, ordinary]:
        if not set(pool) & set(wrong):
            continue
        for name, mutant in mutants.items():
            if all(same(got[i], shows(name, i), cases[i]) for i in pool):
                return mutant.hint
    first = wrong[0]
    return (
        obstacle(got[first], want[first])
        or fact(cases[first], got[first], want[first])
        or pattern(cases, got, want, wrong)
    )


def obstacle(got: Any, want: Any) -> str:
    """What prevents any comparison of the values: an exception, a missing return, a type, a shape;
    else "".
    """
    if isinstance(got, Raised):
        if got.kinds[0] in ("NotData", UNREADABLE):
            return got.message
        return f"it raised {got.kinds[0]}" + (f": {got.message}" if got.message else "")
    if isinstance(want, Raised):
        return (
            f"this input makes no sense, so the function should raise {want.kinds[0]}; it returned"
            f" {show(got)}"
        )
    if got is None:
        return "it returned None: is there a `return`?"
    g, w = numbers(got), numbers(want)
    if w is None:
        return (
            ""
            if type(got) is type(want)
            else f"it returned a {kind_name(got)}, not a {kind_name(want)}"
        )
    return f"it returned a {kind_name(got)}, not numbers" if g is None else _numeric_obstacle(g, w)


def _numeric_obstacle(g: np.ndarray, w: np.ndarray) -> str:
    """What prevents a comparison of two arrays, g got and w wanted: shape, type, NaN or infinity;
    else "".
    """
    if g.shape != w.shape:
        return f"it returned {shape_name(g)}; {shape_name(w)} was expected"
    if not kind_fits(g, w):
        due = {"b": "True or False", "f": "real numbers"}.get(w.dtype.kind, "integers")
        return f"it returned numbers of type {g.dtype}; {due} expected"
    if np.isnan(g).any() and not np.isnan(w).any():
        return (
            "it returned NaN: look for 0·log 0, 0/0, or the logarithm or root of a negative number"
        )
    if np.isinf(g).any() and not np.isinf(w).any():
        return "it returned an infinite value: look for log 0, a division by 0 or an overflow"
    return ""


def fact(case: Case, got: Any, want: Any) -> str:
    """The first named fact that does not hold, where an answer is judged by facts about it; else
    "".
    """
    if not isinstance(want, dict) or not isinstance(got, dict):
        return ""
    wrong = next((key for key in want if not same(got.get(key), want[key], case)), None)
    if wrong is not None and want[wrong] is True:
        return does_not_hold(wrong)
    return f"{wrong}: expected {show(want[wrong])}, got {show(got.get(wrong))}" if wrong else ""


def pattern(cases: list[Case], got: list[Any], want: list[Any], wrong: list[int]) -> str:
    """A regularity that holds over all cases, such as a constant factor; else how many cases are
    right.
    """
    firsts = [
        (g, numbers(case.args[0]), case) for g, case in zip(got, cases, strict=True) if case.args
    ]
    firsts = [(g, first, case) for g, first, case in firsts if first is not None]
    if firsts and all(same(g, first, case) for g, first, case in firsts):
        return "it returns its first argument unchanged"
    returned = _flat(got)
    if returned.size >= 3 and np.ptp(returned) < 1e-12:
        return f"it returns {show(returned[0])} whatever the input"
    both = [(numbers(g), numbers(w)) for g, w in zip(got, want, strict=True)]
    pairs = [(g, w) for g, w in both if g is not None and w is not None and g.shape == w.shape]
    g, w = _flat([g for g, _ in pairs]), _flat([w for _, w in pairs])
    usable = np.isfinite(g) & np.isfinite(w)
    right = [i for i in range(len(cases)) if i not in wrong]
    no_value_right = all(isinstance(want[i], Raised) for i in right)
    regular = (
        (close(pairs) or regularity(g[usable], w[usable]))
        if no_value_right and usable.sum() >= 3
        else ""
    )
    if regular or not right:
        return regular or "no case is right yet"
    first = cases[wrong[0]].says
    return f"right in {len(right)} of {len(cases)} cases; the first that is not: {first}"


def close(pairs: list[tuple[np.ndarray, np.ndarray]]) -> str:
    """That every finite value is near what it should be, relative to the median of its case; else
    "".
    """
    finite = [(g[ok], w[ok]) for g, w in pairs for ok in [np.isfinite(g) & np.isfinite(w)]]
    if all(
        np.allclose(g, w, rtol=0.01, atol=0.01 * np.median(abs(w)) if w.size else 0)
        for g, w in finite
    ):
        return (
            "every value is close, none exact: look for rounding, a number added for safety, or a"
            " simulation"
        )
    return ""


def regularity(g: np.ndarray, w: np.ndarray) -> str:
    """A flipped sign, a constant factor or a constant offset between two vectors; else ""."""
    if np.allclose(g, -w, rtol=1e-4):
        return "the sign is flipped: every value is minus what it should be"
    ratio = g[w != 0] / w[w != 0]
    if ratio.size >= 3 and np.ptp(ratio) < 1e-4 * abs(ratio[0]) and np.allclose(g[w == 0], 0):
        return (
            f"every value is {ratio[0]:.4g} times what it should be: a factor is wrong or missing"
        )
    if np.ptp(g - w) < 1e-4 * abs(g - w).min():
        return f"every value is off by {(g - w)[0]:+.4g}: a constant is wrong or missing"
    return ""


def _flat(values: list[Any]) -> np.ndarray:
    """All numbers in the values, in one vector."""
    arrays = [numbers(v) for v in values]
    return np.concatenate(
        [np.ravel(a).astype(float) for a in arrays if a is not None] or [np.zeros(0)]
    )


def compared(case: Case, got: Any, want: Any) -> str:
    """The case in words with both values, when they are short enough to read."""
    if isinstance(got, Raised) or isinstance(want, Raised):
        return f"case: {case.says}"
    g, w = numbers(got), numbers(want)
    if g is None or w is None or g.shape != w.shape or g.size == 0:
        return f"case: {case.says}"
    at = np.unravel_index(
        np.argmax(~np.isclose(g, w, case.rtol, case.atol, equal_nan=True)), g.shape
    )
    where = f" at index {list(map(int, at))}" if g.ndim else ""
    return f"case: {case.says}; expected {show(w[at])}, got {show(g[at])}{where}"


def show(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.6g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        value = np.round(value, 4)
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else text[:57] + "…"


def shape_name(array: np.ndarray) -> str:
    return f"an array of shape {array.shape}" if array.ndim else "a single number"


def kind_name(value: Any) -> str:
    return {"str": "string", "bool": "boolean"}.get(type(value).__name__, type(value).__name__)
