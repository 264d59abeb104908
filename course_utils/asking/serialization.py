"""Plain data as JSON, for both sides of the sandbox's wall. Nothing is unpickled or evaluated.

What crosses: None, booleans, numbers, text, lists, tuples, dicts and arrays; in the answer's
direction also the stand-ins for generators and tensors. Arrays travel as raw bytes whose type,
shape and size are checked.
"""

from __future__ import annotations

import base64
import math
import re
from typing import Any

import numpy as np

DTYPE = re.compile(r"[<>|=][biufcU]\d{1,4}")
DEEPEST = 12


class Malformed(ValueError):
    """What came through the wall is not plain data."""


def encode(value: Any, stand_ins: tuple[type, ...] = ()) -> Any:
    """JSON for plain data. `stand_ins` are the classes for a seed and for a tensor. Raises
    Malformed for anything else.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind in stand_ins:
        return {kind.__name__.lower(): encode(next(iter(vars(value).values())))}
    if kind in (list, tuple):
        return {kind.__name__: [encode(item, stand_ins) for item in value]}
    if kind is dict:
        return {"dict": [[encode(key), encode(item, stand_ins)] for key, item in value.items()]}
    if isinstance(value, np.ndarray | np.generic | complex):
        array = np.asarray(value)
        name = "array" if isinstance(value, np.ndarray) else "scalar"
        return {
            name: [array.dtype.str, list(array.shape), base64.b64encode(array.tobytes()).decode()]
        }
    raise Malformed(f"no plain data: {kind.__name__}")


def decode(value: Any, stand_ins: tuple[type, ...] = (), depth: int = 0) -> Any:
    """The inverse of `encode`. Raises Malformed, whatever it is given."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is not dict or len(value) != 1 or depth > DEEPEST:
        raise Malformed("not one of the known forms")
    ((form, content),) = value.items()
    if form in ("array", "scalar"):
        return _array(form, content)
    if form in ("list", "tuple") and type(content) is list:
        return {"list": list, "tuple": tuple}[form](
            decode(item, stand_ins, depth + 1) for item in content
        )
    if form == "dict" and type(content) is list:
        return _dict(content, stand_ins, depth)
    for kind in stand_ins:
        if form == kind.__name__.lower():
            return kind(decode(content, (), depth + 1))
    raise Malformed(f"unknown form {form[:20]!r}")


def _array(form: str, content: Any) -> Any:
    try:
        name, shape, text = content
        if (
            not DTYPE.fullmatch(name)
            or len(shape) > 16
            or not all(type(n) is int and 0 <= n < 2**40 for n in shape)
        ):
            raise Malformed("not an array of numbers")
        kind, raw = np.dtype(name), base64.b64decode(text, validate=True)
        if math.prod(shape) * kind.itemsize != len(raw) or kind.itemsize == 0:
            raise Malformed("an array of another size than it claims")
        array = np.frombuffer(raw, kind).reshape(shape).copy()
    except (TypeError, ValueError) as error:
        raise Malformed(str(error)) from None
    return array[()] if form == "scalar" else array


def _dict(content: list, stand_ins: tuple[type, ...], depth: int) -> dict:
    try:
        return {decode(key): decode(item, stand_ins, depth + 1) for key, item in content}
    except (TypeError, ValueError) as error:
        raise Malformed(str(error)) from None
