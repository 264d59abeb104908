"""How an answer is judged: ask it, read plain data, compare with an oracle, name the mistake.

An `Exercise` draws `Case`s from a generator. The same cases are put to the learner's function and to an independent
oracle; only plain numbers are compared. When they differ, the exercise's *mutants* (plausible wrong answers) are
asked too: the one that gives the learner's numbers on every case names the mistake. One list thus serves the hint,
the tests and the instructor's report. A grader uses the same objects with a proxy for `ask` and a seed of its own.
"""
from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course_utils import probes

UNREADABLE = "Unreadable"
Answer = Callable[..., Any]


@dataclass(frozen=True)
class Seed:
    """Stands for a `numpy.random.Generator` among a case's arguments: every call gets a fresh one."""
    value: int


@dataclass(frozen=True, eq=False)
class Tensor:
    """Stands for a torch tensor among a case's arguments: every call gets a fresh one, real numbers as float32."""
    values: np.ndarray


@dataclass(frozen=True)
class Raised:
    """What an answer raised, as plain data: the names of the exception's classes, nearest first, and its message."""
    kinds: tuple[str, ...]
    message: str = ""


class AnswerRaised(Exception):
    """Carries a `Raised` from the answer to whoever reads it."""
    def __init__(self, raised: Raised):
        super().__init__(raised.kinds[0])
        self.raised = raised


class NotData(TypeError):
    """The answer returned something that is not made of numbers and text."""


class Stop(BaseException):
    """Thrown into an answer whose time is up."""


class Ask:
    """Calls an answer with copies of the arguments and returns plain data; raises AnswerRaised where it raises.

    `changed` tells whether a call changed an array that it was given.
    """
    def __init__(self, answer: Answer):
        self.answer, self.changed = answer, False

    def __call__(self, *args: Any) -> Any:
        return self.series(1, *args)[0]

    def series(self, times: int, *args: Any) -> list[Any]:
        """Several calls with the very same arguments: a generator among them moves on from call to call."""
        return self._guarded(lambda *fresh: [plain(self.answer(*fresh)) for _ in range(times)], args)

    def probe(self, name: str, *args: Any) -> Any:
        """What a function of `course_utils.probes` finds out about the answer, as plain data."""
        return self._guarded(lambda *fresh: plain(getattr(probes, name)(self.answer, *fresh)), args)

    def _guarded(self, calls: Callable[..., Any], args: tuple) -> Any:
        fresh = [_fresh(arg) for arg in args]
        try:
            return calls(*fresh)
        except Stop:
            raise
        except BaseException as error:  # SystemExit and KeyboardInterrupt from inside an answer are facts to report
            raise AnswerRaised(_raised(error)) from None
        finally:
            self.changed |= any(_differ(was, now) for was, now in zip(args, fresh))


def value(ask: Ask, *args: Any) -> Any:
    """The usual way to read an answer: one call, its result."""
    return ask(*args)


def again(ask: Ask, *args: Any) -> Any:
    """The second of two calls with the very same arguments: an answer that spoils its input shows itself."""
    return ask.series(2, *args)[1]


@dataclass(frozen=True)
class Case:
    """One question. `says` it in words; `read(ask, *args)` returns plain data, equal up to `rtol` and `atol`.

    A `stress` case asks for numerical care (overflow, underflow), where a right formula may fail too. `want` is what
    should come, where that is a list of facts and needs no oracle.
    """
    says: str
    args: tuple
    read: Callable[..., Any] = value
    rtol: float = 1e-5
    atol: float = 1e-9
    stress: bool = False
    want: Any = None


@dataclass(frozen=True)
class Exercise:
    """A function to write. `mutants` maps a hint to the wrong answer it describes, `accepted` a label to a right one.

    All calls of one check together may take `seconds`. A build task trains a model: its cases hold the facts that
    are wanted, and name the mistake themselves, so its mutants are not asked again.
    """
    id: str
    name: str
    draw: Callable[[np.random.Generator], Sequence[Case]]
    oracle: Answer | None
    mutants: dict[str, Answer] = field(default_factory=dict)
    accepted: dict[str, Answer] = field(default_factory=dict)
    seconds: float = 2.0

    @property
    def is_build(self) -> bool:
        return self.oracle is None

    def wanted(self, case: Case) -> Any:
        """What a right answer shows on a case."""
        return observe(Ask(self.oracle), case) if case.want is None else case.want


def observe(ask: Ask, case: Case) -> Any:
    """What the answer shows on one case: plain data, or a `Raised`."""
    try:
        return case.read(ask, *case.args)
    except AnswerRaised as error:
        return error.raised
    except NotData as error:
        return Raised(("NotData",), str(error))
    except Exception:  # `read` met data of a form it did not foresee
        return Raised((UNREADABLE,), "it returned something of another form than asked for")


def until_one_fails(facts: Iterable[tuple[str, Any]], texts: dict[str, str]) -> dict[str, Any]:
    """What is shown of a series of facts: whether each holds, under its text, up to the first that does not.

    A key without a text is a measure, which is shown as it is.
    """
    shown: dict[str, Any] = {}
    for key, holds in facts:
        shown[texts.get(key, key)] = bool(holds) if key in texts else holds
        if key in texts and not holds:
            break
    return shown


def plain(value: Any, depth: int = 0) -> Any:
    """Arrays, scalars, strings, lists, tuples and dicts, with nothing of the answer's own classes left in them.

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
    if isinstance(value, BaseException) or isinstance(value, type) and issubclass(value, BaseException):
        raise NotData("it returned an exception: `raise` it instead")
    array = np.array(value)
    if array.dtype.kind not in "biufcU":
        raise NotData(f"it returned an object of type {kind.__name__}, not numbers")
    return array if array.ndim else array.item()


def same(got: Any, want: Any, case: Case) -> bool:
    """Whether two observations of a case are equal: kind of number, shape, and values within the case's tolerance."""
    if isinstance(want, Raised) or isinstance(got, Raised):
        both = isinstance(want, Raised) and isinstance(got, Raised)
        return both and want.kinds[0] in got.kinds
    if isinstance(want, dict):
        return isinstance(got, dict) and got.keys() == want.keys() and all(same(got[k], want[k], case) for k in want)
    if isinstance(want, tuple):
        return isinstance(got, tuple) and len(got) == len(want) and all(same(g, w, case) for g, w in zip(got, want))
    if want is None or isinstance(want, str):
        return type(got) is type(want) and got == want
    g, w = numbers(got), numbers(want)
    return (g is not None and g.shape == w.shape and kind_fits(g, w)
            and bool(np.allclose(g, w, rtol=case.rtol, atol=case.atol, equal_nan=True)))


def numbers(value: Any) -> np.ndarray | None:
    """The value as an array of numbers, a list of numbers included; None if it is something else."""
    if isinstance(value, Tensor):
        return value.values
    if value is None or isinstance(value, (str, dict, Raised)):
        return None
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return None
    return array if array.dtype.kind in "biufc" else None


def numbers_in(value: Any) -> np.ndarray:
    """Like `numbers`, for use inside a `read`. Raises NotData, which becomes the hint."""
    array = numbers(value)
    if array is None:
        raise NotData("it returned None: is there a `return`?" if value is None
                      else f"it returned {type(value).__name__}, not numbers")
    return array


def kind_fits(got: np.ndarray, want: np.ndarray) -> bool:
    """Where whole numbers or booleans are asked for, those must come; where reals are, any real number will do."""
    allowed = {"b": "b", "i": "iu", "u": "iu"}.get(want.dtype.kind, "biuf")
    return got.dtype.kind in allowed or got.size == 0


def _fresh(arg: Any) -> Any:
    if isinstance(arg, Seed):
        return np.random.default_rng(arg.value)
    if isinstance(arg, Tensor):
        import torch
        return torch.tensor(arg.values, dtype=torch.float32 if arg.values.dtype.kind == "f" else None)
    return copy.deepcopy(arg)


def _differ(was: Any, now: Any) -> bool:
    """Whether an array or tensor among the arguments is no longer what it was."""
    if isinstance(was, Tensor):
        was, now = was.values.astype(np.float32), now.detach().numpy().astype(np.float32)
    return isinstance(was, np.ndarray) and not np.array_equal(was, now, equal_nan=True)


def _raised(error: BaseException) -> Raised:
    kinds = tuple(k.__name__ for k in type(error).__mro__ if k not in (object, BaseException, Exception))
    try:
        message = str(error)[:200]
    except BaseException:
        message = ""
    return Raised(kinds or (type(error).__name__,), message)
