"""Regularities between what an answer returned and what was wanted: measured, so never a guess."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Pairs = Sequence[tuple[np.ndarray, np.ndarray]]
FEW = 3  # values below which a regularity may be luck
FACTORS = {
    100.0: "this is in percent",
    0.01: "it is divided by 100, as a percentage would be",
    1 / np.log(2): "the logarithms are to base 2, not natural ones",
    np.log(2): "the logarithms are natural ones, not to base 2",
    1 / np.log(10): "the logarithms are to base 10, not natural ones",
    180 / np.pi: "these are degrees, not radians",
    np.pi / 180: "these are radians, not degrees",
    255.0: "this is on the scale 0 to 255, not 0 to 1",
    1 / 255: "it is divided by 255",
    -1.0: "the sign is flipped: every value is minus what it should be",
}
RELATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "every value is the logarithm of what it should be: take the exponential": np.log,
    "every value is the exponential of what it should be": np.exp,
    "every value is minus the logarithm of what it should be": lambda w: -np.log(w),
    "every value is the square of what it should be: a root is missing": np.square,
    "every value is the root of what it should be: a square is missing": np.sqrt,
    "every value is 1 minus what it should be": lambda w: 1 - w,
    "every value is 1 over what it should be: upside down": lambda w: 1 / w,
    "every value is the change, what it should be minus 1": lambda w: w - 1,
    "every value has lost its sign: look for `abs` or a square": np.abs,
    "every value is rounded to a whole number": np.round,
    "every value is cut to a whole number: look for an array of integers or `int`": np.trunc,
    "every value is cut off at 0: what should be negative is not": lambda w: np.maximum(w, 0),
    "every value is cut off at 1: what should be larger is not": lambda w: np.minimum(w, 1),
    "every value went through a sigmoid": lambda w: 1 / (1 + np.exp(-w)),
}
ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the values are right, but in reverse order": lambda w: w[::-1],
    "the values are right, but the other way along the last axis": lambda w: w[..., ::-1],
    "the values are right, but rows and columns are swapped: transpose": lambda w: w.T,
    "the values are right, but one place too late": lambda w: np.roll(w, 1, 0),
    "the values are right, but one place too early": lambda w: np.roll(w, -1, 0),
    "the values are right, but sorted: keep their order": lambda w: np.sort(w, axis=-1),
    "every value is divided by the sum over all of them": lambda w: w / w.sum(),
    "every row is divided by its sum": lambda w: w / w.sum(-1, keepdims=True),
    "this is the running sum of what it should be": lambda w: np.cumsum(w, axis=-1),
    "the mean over all values was subtracted": lambda w: w - w.mean(),
}
SUMS: dict[str, Callable[[np.ndarray], Any]] = {
    "the sum of all that was asked for came back": np.sum,
    "the mean of all that was asked for came back": np.mean,
}


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-3, atol=1e-7, equal_nan=True))


def usable(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """All finite numbers, got and wanted, in two vectors."""
    g = np.concatenate([np.ravel(g).astype(float) for g, _ in pairs] or [np.zeros(0)])
    w = np.concatenate([np.ravel(w).astype(float) for _, w in pairs] or [np.zeros(0)])
    finite = np.isfinite(g) & np.isfinite(w)
    return g[finite], w[finite]


def relation(pairs: Pairs) -> str:
    """The first regularity that holds for every number of every pair (got, wanted); else ""."""
    g, w = usable(pairs)
    if len(g) < FEW or np.ptp(w) == 0 or np.ptp(g) == 0:
        return ""
    with np.errstate(all="ignore"):
        return (
            _rounded(g, w)
            or _factor(g, w)
            or _offset(g, w)
            or _function(g, w)
            or _order(pairs)
            or _place(pairs)
            or _cut_off(g, w)
        )


def _cut_off(g: np.ndarray, w: np.ndarray) -> str:
    low, high = g.min(), g.max()
    cut = np.clip(w, low, high)
    if alike(g, cut) and not alike(g, w) and ((w > low) & (w < high)).sum() >= FEW:
        return f"every value is cut off below {low:.4g} and above {high:.4g}"
    return ""


def _rounded(g: np.ndarray, w: np.ndarray) -> str:
    for digits in (4, 3, 2, 1):
        cut = np.round(w, digits)
        if np.allclose(g, cut, rtol=0, atol=1e-9) and not np.allclose(w, cut, rtol=0, atol=1e-6):
            return f"every value is rounded to {digits} decimals: return it as it is"
    return ""


def _factor(g: np.ndarray, w: np.ndarray) -> str:
    ratio = g[w != 0] / w[w != 0]
    if ratio.size < FEW or np.ptp(ratio) > 1e-3 * abs(ratio[0]) or not np.allclose(g[w == 0], 0):
        return ""
    factor = float(np.median(ratio))
    if abs(factor - 1) < max(1e-3, 10 * np.ptp(ratio)):
        return ""
    known = next((text for f, text in FACTORS.items() if np.isclose(factor, f, rtol=1e-3)), "")
    said = f"every value is {factor:.4g} times what it should be"
    if factor == -1 or known.startswith("the sign"):
        return known
    return f"{known}: {said}" if known else f"{said}: a factor is wrong or missing"


def _offset(g: np.ndarray, w: np.ndarray) -> str:
    off = g - w
    if np.ptp(off) < 1e-4 * abs(off).min() and abs(off).min() > 1e-3 * np.median(abs(w)):
        return f"every value is off by {off[0]:+.4g}: a constant is wrong or missing"
    return ""


def _function(g: np.ndarray, w: np.ndarray) -> str:
    return next((text for text, f in RELATIONS.items() if alike(g, f(w)) and not alike(g, w)), "")


def _order(pairs: Pairs) -> str:
    """A change of order or scale that explains every pair, where it changes something."""
    arrays = [(np.asarray(g, float), np.asarray(w, float)) for g, w in pairs]
    if any(w.ndim == 0 for _, w in arrays):
        return ""
    for text, change in ORDERS.items():
        if all(alike(g, change(w)) for g, w in arrays) and not all(alike(g, w) for g, w in arrays):
            return text
    return ""


def _place(pairs: Pairs) -> str:
    """That only the first or only the last entries are wrong."""
    arrays = [(np.asarray(g, float), np.asarray(w, float)) for g, w in pairs]
    if any(w.ndim == 0 or len(w) < FEW for _, w in arrays):
        return ""
    for text, rest in (("last", np.s_[:-1]), ("first", np.s_[1:])):
        if all(alike(g[rest], w[rest]) for g, w in arrays):
            return f"all is right but the {text} {'row' if arrays[0][1].ndim > 1 else 'value'}"
    return ""


def shapes(g: np.ndarray, w: np.ndarray) -> str:
    """What the shape that came back says about the mistake; else ""."""
    if g.ndim == 0 or w.ndim == 0:
        return _summed(g, w)
    if np.squeeze(g).shape == np.squeeze(w).shape:
        return f"there is one axis of length 1 too {'many' if g.ndim > w.ndim else 'few'}"
    if w.ndim == 1 and g.shape == (len(w), len(w)):
        return "a column met a row, and every value was combined with every other"
    if g.shape == w.T.shape:
        return "rows and columns are swapped"
    if g.ndim > w.ndim and any(g.shape[:i] + g.shape[i + 1 :] == w.shape for i in range(g.ndim)):
        return "a sum or mean over one axis is missing"
    if g.ndim < w.ndim and any(w.shape[:i] + w.shape[i + 1 :] == g.shape for i in range(w.ndim)):
        return "one axis too many was summed, averaged or dropped"
    return ""


def _summed(g: np.ndarray, w: np.ndarray) -> str:
    if g.ndim == 0:
        whole = (text for text, total in SUMS.items() if alike(g, np.asarray(total(w))))
        return next(whole, "everything was reduced to one number")
    if g.size == 1:
        return "one number is asked for, not an array of one: `.item()`, an index or a sum"
    if alike(np.asarray(g.sum()), w):
        return "the sum over all values is missing"
    return "the mean over all values is missing" if alike(np.asarray(g.mean()), w) else ""
