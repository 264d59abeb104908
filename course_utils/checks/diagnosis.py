"""From observations to one sentence that helps: the matching mutant's hint, or a fact about the
numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from course_utils.asking.ask import Ask, Raised
from course_utils.checks.exceptions import explained
from course_utils.checks.exercise import (
    NO_DATA,
    Case,
    Exercise,
    Mutant,
    does_not_hold,
    kind_fits,
    numbers,
    observe,
    same,
    value,
)
from course_utils.checks.patterns import FEW, relation, shapes


@dataclass(frozen=True)
class Shown:
    """What an answer showed in each case beside what was wanted; `wrong` are the cases in which
    they differ.
    """

    cases: Sequence[Case]
    got: Sequence[Any]
    want: Sequence[Any]
    wrong: Sequence[int]


def diagnose(
    exercise: Exercise,
    shown: Shown,
    shows: Callable[[str, int], Any] | None = None,
) -> str:
    """The hint of the mutant that shows the same; else the first observation that holds.

    `shows(name, i)` is what that mutant shows on the i-th case, if that is known already; each is
    asked once per case.
    """
    mutants = {} if exercise.is_build else exercise.mutants
    cases = shown.cases
    shows = shows or functools.cache(lambda name, i: observe(Ask(mutants[name].answer), cases[i]))
    first = shown.wrong[0]
    case, got, want = cases[first], shown.got[first], shown.want[first]
    return (
        _same_everywhere(shown, mutants, shows)
        or _same_in_part(shown, mutants, shows)
        or _same_in_most(shown, mutants, shows)
        or obstacle(got, want, case)
        or fact(shown)
        or pattern(shown)
    )


def _same_everywhere(shown: Shown, mutants: dict[str, Mutant], shows: Callable) -> str:
    """The hint of a mutant that shows the same in every case; else where a value is due; else in
    the ordinary ones among them.

    An answer may have a known mistake in its formula, and also fail to refuse bad input or to avoid
    an overflow.
    """
    values = [i for i, w in enumerate(shown.want) if not isinstance(w, Raised)]
    ordinary = [i for i in values if not shown.cases[i].stress]
    for pool in (range(len(shown.cases)), values, ordinary):
        if not set(pool) & set(shown.wrong):
            continue
        for name, mutant in mutants.items():
            if all(_alike(shown.got[i], shows(name, i), shown.cases[i]) for i in pool):
                return mutant.hint
    return ""


def _same_in_part(shown: Shown, mutants: dict[str, Mutant], shows: Callable) -> str:
    """The hint of a mutant that shows the same wherever the first wrong question is asked, in the
    first part of the result that is wrong: a ratio is judged before its interval.
    """
    first = shown.wrong[0]
    case = shown.cases[first]
    key = _wrong_part(shown.got[first], shown.want[first], case)
    pool = [
        i
        for i, other in enumerate(shown.cases)
        if other.read is case.read and not isinstance(shown.want[i], Raised)
    ]
    if not _telling(_part(shown.got[i], key) for i in set(pool) & set(shown.wrong)):
        return ""
    for name, mutant in mutants.items():
        if all(
            _alike(_part(shown.got[i], key), _part(shows(name, i), key), shown.cases[i])
            for i in pool
        ):
            return mutant.hint
    return ""


def _same_in_most(shown: Shown, mutants: dict[str, Mutant], shows: Callable) -> str:
    """The hint of the mutant that explains most of the wrong cases, at least half of them and one
    with the most numbers: a second, smaller mistake may hide the first.
    """
    wrong = [i for i in shown.wrong if not isinstance(shown.got[i], Raised)]
    sizes = {i: len(_flat(list(_leaves([shown.want[i]])))) for i in wrong}
    best, hint = max(1, (len(shown.wrong) - 1) // 2), ""
    for name, mutant in mutants.items():
        alike = [i for i in wrong if _alike(shown.got[i], shows(name, i), shown.cases[i])]
        if len(alike) <= best or max(sizes[i] for i in alike) < max(sizes.values()):
            continue
        if _telling(shown.got[i] for i in alike):
            best, hint = len(alike), mutant.hint
    return hint and f"{hint} (this explains {best} of the {len(shown.wrong)} cases that are wrong)"


def _alike(got: Any, mutant: Any, case: Case) -> bool:
    """Whether an answer shows what a mutant shows, which may take more than to be accepted."""
    if case.alike is None:
        return same(got, mutant, case)
    narrow = replace(case, rtol=case.alike, atol=min(case.atol, case.alike))
    return same(got, mutant, narrow)


def _wrong_part(got: Any, want: Any, case: Case) -> Any:
    """The key of the first part that is wrong in a dict or tuple; None where it has no parts."""
    if isinstance(want, dict) and isinstance(got, dict):
        return next((key for key in want if not same(got.get(key), want[key], case)), None)
    if isinstance(want, tuple) and isinstance(got, tuple) and len(got) == len(want):
        parts = enumerate(zip(got, want, strict=True))
        return next((key for key, (g, w) in parts if not same(g, w, case)), None)
    return None


def _part(value: Any, key: Any) -> Any:
    if key is None or not isinstance(value, (dict, tuple)):
        return value
    if isinstance(value, dict):
        return value.get(key)
    return value[key] if isinstance(key, int) and key < len(value) else None


def _telling(values: Iterable[Any]) -> bool:
    """Whether the values are so many and so odd that they agree with a mutant's by more than luck:
    two real numbers, or six whole ones, that are not 0 or 1.
    """
    flat = _flat(list(_leaves(values)))
    odd = np.unique(np.round(flat[np.isfinite(flat) & ~np.isin(flat, (-1, 0, 1))], 12))
    return int((odd % 1 != 0).sum()) >= 2 or len(odd) >= 6


def _leaves(values: Iterable[Any]) -> Iterator[Any]:
    for item in values:
        if isinstance(item, (dict, tuple)):
            yield from _leaves(item.values() if isinstance(item, dict) else item)
        else:
            yield item


def obstacle(got: Any, want: Any, case: Case) -> str:
    """What prevents any comparison of the values: an exception, a missing return, a type, a shape;
    else "".
    """
    if isinstance(got, Raised):
        if got.kinds[0] in NO_DATA:
            return got.message
        if isinstance(want, Raised):
            return (
                f"this input makes no sense, so the function should raise {want.kinds[0]}; it"
                f" raised {got.kinds[0]}"
            )
        return explained(got)
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
    if g is None:
        return f"it returned a {kind_name(got)}, not numbers"
    return _numeric_obstacle(g, w, case)


def _numeric_obstacle(g: np.ndarray, w: np.ndarray, case: Case) -> str:
    """What prevents a comparison of two arrays, g got and w wanted: shape, type, NaN or infinity;
    else "".
    """
    if g.shape != w.shape:
        said = f"it returned {shape_name(g)}; {shape_name(w)} was expected"
        told = shapes(g, w)
        return f"{told}: {said}" if told else said
    if not kind_fits(g, w):
        due = {"b": "True or False", "f": "real numbers"}.get(w.dtype.kind, "integers")
        return f"it returned numbers of type {g.dtype}; {due} expected"
    for test, name, where in (
        (np.isnan, "NaN", "0·log 0, 0/0, or the logarithm or root of a negative number"),
        (np.isinf, "an infinite value", "log 0, a division by 0 or an overflow"),
    ):
        if test(g).any() and not test(w).any():
            return f"{_where(test(g), case)}it returned {name}: look for {where}"
    return ""


def _where(bad: np.ndarray, case: Case) -> str:
    """In front of a hint: that values are bad exactly where an argument is 0; else ""."""
    for position, arg in enumerate(map(numbers, case.args), 1):
        if (
            arg is not None
            and arg.shape == bad.shape
            and bad.ndim
            and np.array_equal(arg == 0, bad)
        ):
            return f"exactly where argument {position} is 0, "
    return ""


def fact(shown: Shown) -> str:
    """The first named fact that does not hold, where an answer is judged by facts about it; else
    "".
    """
    first = shown.wrong[0]
    got, want = shown.got[first], shown.want[first]
    if not isinstance(want, dict) or not isinstance(got, dict):
        return ""
    wrong = _wrong_part(got, want, shown.cases[first])
    if wrong is None:
        return ""
    if want[wrong] is True:
        return does_not_hold(wrong)
    if got.get(wrong) is None and str(wrong).startswith("the gradient"):
        return f"{wrong}: there is none; look for `no_grad`, `detach`, `.item()` or NumPy"
    regular = _regular(shown, wrong)
    said = f"{wrong}: expected {show(want[wrong])}, got {show(got.get(wrong))}"
    return f"{wrong}: {regular}" if regular else _broken_rule(shown) or said


def _regular(shown: Shown, key: Any = None) -> str:
    """What holds for the values, or one part of them, in every case that is wrong; else ""."""
    wrong = [i for i in shown.wrong if key is None or _has(shown.want[i], key)]
    return relation(_pairs(shown, wrong, key))


def _has(value: Any, key: Any) -> bool:
    return isinstance(value, dict) and key in value


def _pairs(
    shown: Shown, which: Iterable[int], key: Any = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """What came and what was wanted, in those cases where both are arrays of one shape."""
    both = [(numbers(_part(shown.got[i], key)), numbers(_part(shown.want[i], key))) for i in which]
    return [(g, w) for g, w in both if g is not None and w is not None and g.shape == w.shape]


def pattern(shown: Shown) -> str:
    """A regularity that holds over all cases, such as a constant factor; else a rule that a later
    case shows to be broken; else how many cases are right.
    """
    constant = _whatever_the_input(shown)
    if constant:
        return constant
    right = len(shown.cases) - len(shown.wrong)
    due = [i for i in shown.wrong if not isinstance(shown.want[i], Raised)]
    values = [i for i, w in enumerate(shown.want) if not isinstance(w, Raised)]
    finite = _pairs(shown, range(len(shown.cases)))
    enough = sum(w.size for _, w in finite) >= FEW
    regular = _regular(shown) or (len(due) == len(values) and enough and close(finite))
    if regular and len(due) == len(values):
        return regular
    if regular:
        return f"in the {len(due)} cases that are wrong (of {len(shown.cases)}), {regular}"
    change = _change(shown)
    if change:
        return change
    rule = _broken_rule(shown)
    if rule:
        return rule
    first = shown.cases[shown.wrong[0]].says
    if not right:
        return "no case is right yet"
    return f"right in {right} of {len(shown.cases)} cases; the first that is not: {first}"


def _broken_rule(shown: Shown) -> str:
    """The first fact that does not hold in a later case, which names a cause where the values of
    the first one do not; else "".
    """
    for i in shown.wrong:
        got, want = shown.got[i], shown.want[i]
        if isinstance(got, dict) and isinstance(want, dict):
            wrong = _wrong_part(got, want, shown.cases[i])
            if wrong is not None and want[wrong] is True and got.get(wrong) is False:
                return does_not_hold(wrong)
    return ""


def _change(shown: Shown) -> str:
    """What holds for the change that the answer makes to its first argument; else ""."""
    pairs = []
    for i in shown.wrong:
        first = numbers(shown.cases[i].args[0]) if shown.cases[i].args else None
        for g, w in _pairs(shown, [i]):
            if first is None or not w.shape == first.shape != ():
                return ""
            pairs.append((g - first, w - first))
    regular = relation(pairs)
    return f"in the change that is made to the first argument, {regular}" if regular else ""


def _whatever_the_input(shown: Shown) -> str:
    """That the answer returns its first argument, or the same thing for all the different inputs
    that it was given; else "".
    """
    asked = [i for i, c in enumerate(shown.cases) if c.args and c.read is value]
    firsts = [numbers(shown.cases[i].args[0]) for i in asked]
    if asked and all(
        first is not None and same(shown.got[i], first, shown.cases[i])
        for i, first in zip(asked, firsts, strict=True)
    ):
        return "it returns its first argument unchanged"
    returned = [numbers(shown.got[i]) for i in asked]
    if len(asked) < 3 or any(r is None or r.size == 0 for r in returned):
        return ""
    different = {repr([numbers(a) for a in shown.cases[i].args]) for i in asked}
    flat = _flat(returned)
    if np.ptp(flat) < 1e-12 and len(different) == len(asked):
        all_of_it = "" if all(r.size == 1 for r in returned if r is not None) else ", everywhere"
        return f"it returned {show(flat[0])}{all_of_it} for each of {len(asked)} different inputs"
    return ""


def close(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> str:
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
