"""What an exercise is, and when two observations of an answer are the same.

An `Exercise` draws `Case`s from a generator. The same cases are put to the learner's function and
to an independent oracle, and only plain numbers are compared. Where they differ, the exercise's
*mutants* (plausible wrong answers) are asked too: the one that gives the learner's numbers on every
case names the mistake. So one list serves the hint, the tests and the instructor's report. A grader
uses the same objects, with a proxy for `ask` and a seed of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course_utils.asking.ask import Answer, AnswerRaised, Ask, NotData, Raised, TensorArg

UNREADABLE = "Unreadable"
NO_DATA = ("NotData", UNREADABLE)
QUICK = 3.0  # seconds for what can be seen before a model is trained


def value(ask: Ask, *args: Any) -> Any:
    """The usual way to read an answer: one call, its result."""
    return ask(*args)


def again(ask: Ask, *args: Any) -> Any:
    """The second of two calls with the very same arguments, which exposes an answer that spoils its
    input.
    """
    return ask.series(2, *args)[1]


@dataclass(frozen=True)
class Case:
    """One question. `says` it in words; `read(ask, *args)` returns plain data, equal up to `rtol`
    and `atol`.

    A `stress` case needs numerical care (overflow, underflow): a right formula may fail on it.
    `want` is the expected value where that is a list of facts and needs no oracle. `alike` is the
    tolerance within which a mutant shows the same, where that is narrower than `rtol` or `atol`.
    """

    says: str
    args: tuple
    read: Callable[..., Any] = value
    rtol: float = 1e-5
    atol: float = 1e-9
    stress: bool = False
    want: Any = None
    alike: float | None = None


@dataclass(frozen=True)
class Mutant:
    """A wrong answer that people write, and the hint for those who wrote it."""

    hint: str
    answer: Answer


@dataclass(frozen=True)
class Exercise:
    """A function to write. `mutants` maps a short name to a wrong answer and its hint, `accepted` a
    label to a right one.

    All calls of one check together may take `seconds`. A build task trains a model and has no
    oracle: its cases hold the facts that are wanted, and a fact that fails names the mistake, so
    its mutants are not asked again. What is wrong without training is found by its `quick` cases,
    which are asked first, on few data, and left aside when they take longer than QUICK seconds.
    """

    id: str
    name: str
    draw: Callable[[np.random.Generator], Sequence[Case]]
    oracle: Answer | None
    mutants: dict[str, Mutant] = field(default_factory=dict)
    accepted: dict[str, Answer] = field(default_factory=dict)
    seconds: float = 2.0
    quick: Callable[[np.random.Generator], Sequence[Case]] | None = None

    @property
    def hints(self) -> set[str]:
        """The hints of all its mutants."""
        return {mutant.hint for mutant in self.mutants.values()}

    @property
    def is_build(self) -> bool:
        return self.oracle is None

    def wanted(self, case: Case) -> Any:
        """What a right answer shows on a case. Raises ValueError if the exercise cannot say."""
        if case.want is not None:
            return case.want
        if self.oracle is None:
            raise ValueError(f"the case {case.says!r} of {self.id} needs a `want` or an oracle")
        want = observe(Ask(self.oracle), case)
        if isinstance(want, Raised) and want.kinds[0] in NO_DATA:
            raise ValueError(
                f"the oracle of {self.id} shows nothing on the case {case.says!r}: look at its"
                " `read` and at the probe that it names"
            )
        return want


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
    """For a series of facts: whether each one holds, under its text, up to the first that does not.

    A key without a text is a measurement, which is shown as it is.
    """
    shown: dict[str, Any] = {}
    for key, holds in facts:
        shown[texts.get(key, key)] = bool(holds) if key in texts else holds
        if key in texts and not holds:
            break
    return shown


def does_not_hold(fact: str) -> str:
    """The hint for a fact that does not hold."""
    return f"your answer breaks this rule: {fact}"


def breaking(texts: dict[str, str], answers: dict[str, Answer]) -> dict[str, Mutant]:
    """The mutants that each break the fact of their name."""
    return {
        key.replace(" ", "-"): Mutant(does_not_hold(texts[key]), answer)
        for key, answer in answers.items()
    }


def same(got: Any, want: Any, case: Case) -> bool:
    """Whether two observations of a case are equal: kind of number, shape, and values within the
    case's tolerance.
    """
    if isinstance(want, Raised) or isinstance(got, Raised):
        if not isinstance(want, Raised) or not isinstance(got, Raised):
            return False
        said = want.kinds[0] in NO_DATA  # what a `read` has to say of a form, in its message
        return want.kinds[0] in got.kinds and (not said or want.message == got.message)
    if isinstance(want, dict):
        return (
            isinstance(got, dict)
            and got.keys() == want.keys()
            and all(same(got[k], want[k], case) for k in want)
        )
    if isinstance(want, tuple):
        return (
            isinstance(got, tuple)
            and len(got) == len(want)
            and all(same(g, w, case) for g, w in zip(got, want, strict=True))
        )
    if isinstance(want, bool) and isinstance(got, bool):
        return got == want
    if want is None or isinstance(want, str):
        return type(got) is type(want) and got == want
    g, w = numbers(got), numbers(want)
    return (
        g is not None
        and w is not None
        and g.shape == w.shape
        and kind_fits(g, w)
        and bool(np.allclose(g, w, rtol=case.rtol, atol=case.atol, equal_nan=True))
    )


def numbers(value: Any) -> np.ndarray | None:
    """The value, or a list of numbers, as an array of numbers; None if it is something else."""
    if isinstance(value, TensorArg):
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
        raise NotData(
            "it returned None: is there a `return`?"
            if value is None
            else f"it returned a {type(value).__name__}, not numbers"
        )
    return array


def kind_fits(got: np.ndarray, want: np.ndarray) -> bool:
    """Whether the kind of number is right: integers and booleans must be just that, and any real
    number will do as a real.
    """
    allowed = {"b": "b", "i": "iu", "u": "iu"}.get(want.dtype.kind, "biuf")
    return got.dtype.kind in allowed or got.size == 0
