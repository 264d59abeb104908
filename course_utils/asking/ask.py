"""Call an answer with fresh arguments and turn what it shows into plain data, in the answer's own
process.

A notebook's check calls `Ask` directly; a grader calls it inside its sandbox, and has a proxy for
it outside.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.asking import probes
from course_utils.asking.errors import NotData

Answer = Callable[..., Any]


@dataclass(frozen=True)
class Seed:
    """Stands for a `numpy.random.Generator` in a case's arguments: every call gets a fresh one."""

    value: int


@dataclass(frozen=True, eq=False)
class TensorArg:
    """Stands for a torch tensor in a case's arguments: every call gets a fresh one, with real
    numbers as float32.
    """

    values: np.ndarray


@dataclass(frozen=True)
class Raised:
    """What an answer raised, as plain data: the names of the exception's classes, nearest first,
    and its message.
    """

    kinds: tuple[str, ...]
    message: str = ""


class AnswerRaised(Exception):
    """Carries a `Raised` from the answer to the code that reads it."""

    def __init__(self, raised: Raised):
        super().__init__(raised.kinds[0])
        self.raised = raised


class Stop(BaseException):
    """Thrown into an answer whose time is up."""


class Ask:
    """Calls an answer with copies of the arguments and returns plain data. Raises AnswerRaised if
    the answer raises.

    `changed` says whether a call changed an array that it was given.
    """

    def __init__(self, answer: Answer):
        self.answer, self.changed = answer, False

    def __call__(self, *args: Any) -> Any:
        return self.series(1, *args)[0]

    def series(self, times: int, *args: Any) -> list[Any]:
        """Several calls with the very same arguments: a generator among them advances from call to
        call.
        """
        return self._guarded(
            lambda *fresh: [plain(self.answer(*fresh)) for _ in range(times)], args
        )

    def probe(self, name: str, *args: Any) -> Any:
        """What a function of `course_utils.asking.probes` finds out about the answer, as plain
        data.
        """
        probe = probes.find(name)  # unguarded: a wrong name is no fault of the answer's
        return self._guarded(lambda *fresh: plain(probe(self.answer, *fresh)), args)

    def _guarded(self, calls: Callable[..., Any], args: tuple) -> Any:
        fresh = [_fresh(arg) for arg in args]
        try:
            return calls(*fresh)
        except Stop:
            raise
        # SystemExit and KeyboardInterrupt from inside an answer are facts to report
        except BaseException as error:
            raise AnswerRaised(_raised(error)) from None
        finally:
            self.changed |= any(_differ(was, now) for was, now in zip(args, fresh, strict=True))


def plain(value: Any, depth: int = 0) -> Any:
    """Arrays, scalars, strings, lists, tuples and dicts, with nothing of the answer's own classes
    left in them.

    Raises NotData for anything else.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if depth > 8:
        raise NotData("it returned lists nested too deeply")
    if kind in (list, tuple):
        return kind(plain(item, depth + 1) for item in value)
    if kind is dict:
        return {plain(key, depth + 1): plain(item, depth + 1) for key, item in value.items()}
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu().resolve_conj().resolve_neg().numpy()
    if (
        isinstance(value, BaseException)
        or isinstance(value, type)
        and issubclass(value, BaseException)
    ):
        raise NotData("it returned an exception: `raise` it instead")
    array = np.array(value)
    if array.dtype.kind not in "biufcU":
        raise NotData(f"it returned an object of type {kind.__name__}, not numbers")
    return array if array.ndim else array.item()


def _fresh(arg: Any) -> Any:
    if isinstance(arg, Seed):
        return np.random.default_rng(arg.value)
    if isinstance(arg, TensorArg):
        import torch

        return torch.tensor(
            arg.values, dtype=torch.float32 if arg.values.dtype.kind == "f" else None
        )
    return copy.deepcopy(arg)


def _differ(was: Any, now: Any) -> bool:
    """Whether an array or tensor among the arguments is no longer what it was."""
    if isinstance(was, TensorArg):
        was, now = was.values.astype(np.float32), now.detach().numpy().astype(np.float32)
    return isinstance(was, np.ndarray) and not np.array_equal(was, now, equal_nan=True)


def _raised(error: BaseException) -> Raised:
    kinds = tuple(
        k.__name__ for k in type(error).__mro__ if k not in (object, BaseException, Exception)
    )
    try:
        message = str(error)[:200]
    except BaseException:
        message = ""
    return Raised(kinds or (type(error).__name__,), message)
