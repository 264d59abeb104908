"""From observations to one sentence that helps: the matching mutant's hint, or what is true of the numbers."""
from __future__ import annotations

from typing import Any

import numpy as np

from course_utils.checks.engine import UNREADABLE, Case, Exercise, Raised, asker, kind_fits, numbers, observe, same


def diagnose(exercise: Exercise, cases: list[Case], got: list[Any], want: list[Any]) -> str:
    """The hint of the mutant that shows the same on every case; else the first observation that holds."""
    for hint, mutant in exercise.mutants.items():
        ask = asker(mutant)
        if all(same(seen, observe(ask, case), case) for case, seen in zip(cases, got)):
            return hint
    wrong = next(i for i, case in enumerate(cases) if not same(got[i], want[i], case))
    return obstacle(got[wrong], want[wrong]) or fact(cases[wrong], got[wrong], want[wrong]) or pattern(cases, got, want)


def obstacle(got: Any, want: Any) -> str:
    """What keeps the values from being compared at all: an exception, a missing return, a type, a shape; else ""."""
    if isinstance(got, Raised):
        if got.kinds[0] in ("NotData", UNREADABLE):
            return got.message
        told = f"{got.kinds[0]}: {got.message}" if got.message else got.kinds[0]
        return f"it raised {told}"
    if isinstance(want, Raised):
        return f"this input makes no sense, so the function should raise {want.kinds[0]}; it returned {show(got)}"
    if got is None:
        return "it returned None: is there a `return`?"
    g, w = numbers(got), numbers(want)
    if w is None:
        return "" if type(got) is type(want) else f"it returned a {kind_name(got)}, not a {kind_name(want)}"
    if g is None:
        return f"it returned a {kind_name(got)}, not numbers"
    if g.shape != w.shape:
        return f"it returned {shape_name(g)}; {shape_name(w)} was expected"
    if not kind_fits(g, w):
        return f"it returned numbers of type {g.dtype}; {'True or False' if w.dtype.kind == 'b' else 'integers'} expected"
    if np.isnan(g).any() and not np.isnan(w).any():
        return "it returned NaN: look for 0·log 0, 0/0 or the logarithm of a negative number"
    if np.isinf(g).any() and not np.isinf(w).any():
        return "it returned an infinite value: look for log 0, a division by 0 or an overflow"
    return ""


def fact(case: Case, got: Any, want: Any) -> str:
    """The first named fact that is not as it should be, where an answer is judged by facts about it; else ""."""
    if not isinstance(want, dict) or not isinstance(got, dict):
        return ""
    wrong = next((key for key in want if not same(got.get(key), want[key], case)), None)
    return f"{wrong}: expected {show(want[wrong])}, got {show(got.get(wrong))}" if wrong else ""


def pattern(cases: list[Case], got: list[Any], want: list[Any]) -> str:
    """A regularity that holds over all cases, such as a constant factor; else how many cases are right."""
    if all(same(g, numbers(case.args[0]), case) for g, case in zip(got, cases) if numbers(case.args[0]) is not None):
        return "it returns its first argument unchanged"
    seen = _flat(got)
    if seen.size >= 3 and np.ptp(seen) < 1e-12:
        return f"it returns {show(seen[0])} whatever the input"
    pairs = [(g, w) for g, w in zip(got, want) if np.shape(numbers(g)) == np.shape(numbers(w))]
    g, w = _flat([g for g, _ in pairs]), _flat([w for _, w in pairs])
    usable = np.isfinite(g) & np.isfinite(w)
    regular = regularity(g[usable], w[usable]) if usable.sum() >= 3 else ""
    right = sum(same(g, w, case) for g, w, case in zip(got, want, cases))
    return regular or (f"right in {right} of {len(cases)} cases" if right else "the values differ from those asked for")


def regularity(g: np.ndarray, w: np.ndarray) -> str:
    """A turned sign, a constant factor or a constant offset between two vectors; else ""."""
    if np.allclose(g, -w, rtol=1e-4):
        return "the sign is turned: every value is minus what it should be"
    ratio = g[w != 0] / w[w != 0]
    if ratio.size >= 3 and np.ptp(ratio) < 1e-4 * abs(ratio[0]) and np.allclose(g[w == 0], 0):
        return f"every value is {ratio[0]:.4g} times what it should be: a factor is wrong or missing"
    if np.ptp(g - w) < 1e-6 * max(1, abs(g - w).max()):
        return f"every value is off by {(g - w)[0]:+.4g}: a constant is wrong or missing"
    return ""


def _flat(values: list[Any]) -> np.ndarray:
    """All numbers in the values, in one vector."""
    arrays = [numbers(v) for v in values]
    return np.concatenate([np.ravel(a).astype(float) for a in arrays if a is not None] or [np.zeros(0)])


def compared(case: Case, got: Any, want: Any) -> str:
    """The case in words with both values, when they are short enough to read."""
    if isinstance(got, Raised) or isinstance(want, Raised):
        return f"case: {case.says}"
    g, w = numbers(got), numbers(want)
    if g is None or w is None or g.shape != w.shape or g.size == 0:
        return f"case: {case.says}"
    at = np.unravel_index(np.argmax(~np.isclose(g, w, case.rtol, case.atol, equal_nan=True)), g.shape)
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
