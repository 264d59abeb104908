"""How a lesson's package finds what it holds, say `from course_utils.lesson04 import elbo`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any


def of(package: str) -> Callable[[str], Any]:
    """The `__getattr__` of a lesson's package: a module of its own, or else what the lesson built.

    Nothing is loaded before somebody asks for it: a probe needs no PyTorch, and an untrusted answer
    is asked in a place where what its lesson built is missing. Raises AttributeError where there is
    no such name.
    """

    def find(name: str) -> Any:
        if not name.startswith("_"):
            if find_spec(f"{package}.{name}"):
                return importlib.import_module(f"{package}.{name}")
            if find_spec(f"{package}.taught"):
                return getattr(importlib.import_module(f"{package}.taught"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
