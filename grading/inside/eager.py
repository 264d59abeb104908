"""torch without its compiler. An optimizer loads that when it is made, which takes longer than
torch itself, though nothing is compiled; every exercise would pay for it anew.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable
from typing import Any

COMPILER = "torch._dynamo"


class Unloaded(types.ModuleType):
    """Stands in for the compiler until something asks for more than optimizers do."""

    @staticmethod
    def disable(function: Callable | None = None, *_: Any, **__: Any) -> Callable:
        return function or (lambda later: later)

    @staticmethod
    def graph_break(*_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(COMPILER) is self:
            del sys.modules[COMPILER]
            importlib.import_module(COMPILER)
        return getattr(sys.modules[COMPILER], name)


def without_compiler() -> None:
    """For this process and all that it starts; torch must be loaded, and its compiler not."""
    torch = sys.modules.get("torch")
    if torch is not None and COMPILER not in sys.modules:
        sys.modules[COMPILER] = stand_in = Unloaded(COMPILER)
        setattr(torch, COMPILER.rpartition(".")[2], stand_in)
