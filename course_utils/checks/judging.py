"""Judge an answer to an exercise, in a notebook with `check`, elsewhere with `evaluate`."""

from __future__ import annotations

import contextlib
import importlib
import io
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from course_utils import progress
from course_utils.asking.ask import Ask, Raised
from course_utils.asking.settings import standard
from course_utils.checks.diagnosis import Shown, compared, diagnose
from course_utils.checks.exercise import QUICK, Case, Exercise, observe, same
from course_utils.checks.limits import TimeUp, within
from course_utils.checks.render import display
from course_utils.platform.apple import without_float64

CHANGES_INPUT = (
    "one remark: it changes the array that it is given, which the caller may still need; work on a"
    " copy"
)
PRINTED = 500  # characters of what an answer prints that are kept


@dataclass(frozen=True)
class Outcome:
    """`status` is "pass", "fail" or "unanswered"; `hint` names the likely mistake, `case` the call
    that went wrong.

    With "pass" a hint is a remark. `seconds` is how long the check took, `printed` what the answer
    printed, cut short, `first_wrong` the index of the case that `case` puts in words.
    """

    status: str
    hint: str = ""
    seconds: float = 0.0
    case: str = ""
    printed: str = ""
    first_wrong: int | None = None


class Checked:
    """What `check` returns while the learner's function does not pass: the course's function, with
    the learner's in `.yours`.
    """

    def __init__(self, name: str, yours: Any, use: Callable):
        self.__name__, self.yours, self.use, self.judging = name, yours, use, False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # an answer that calls itself by name must meet itself while it is judged, not the course's
        # function
        return (self.yours if self.judging else self.use)(*args, **kwargs)

    def __repr__(self) -> str:
        return (
            f"<{self.__name__}:"
            f" {'yours' if self.use is self.yours else 'the course version, until yours passes'}>"
        )


def exercises(lesson: int) -> dict[str, Exercise]:
    """The exercises of a lesson by id. Raises LookupError if the lesson has none."""
    try:
        module = importlib.import_module(f"course_utils.lesson{lesson:02d}.exercises")
    except ModuleNotFoundError as error:
        if not f"course_utils.lesson{lesson:02d}.exercises".startswith(str(error.name)):
            raise
        raise LookupError(f"there are no exercises for lesson {lesson:02d}") from None
    return {exercise.id: exercise for exercise in module.EXERCISES}


def find(exercise_id: str) -> Exercise:
    """The exercise with this id, such as "1.3". Raises LookupError with the ids that exist."""
    lesson = str(exercise_id).split(".")[0]
    if not lesson.isdecimal():
        raise LookupError(f"an exercise id looks like 1.3, not {str(exercise_id)[:20]!r}")
    known = exercises(int(lesson))
    if exercise_id not in known:
        raise LookupError(
            f"there is no exercise {exercise_id}; lesson {int(lesson):02d} has {', '.join(known)}"
        )
    return known[exercise_id]


def course_version(exercise: Exercise) -> Callable:
    """The course's own function for an exercise."""
    lesson = int(exercise.id.split(".")[0])
    return getattr(
        importlib.import_module(f"course_utils.lesson{lesson:02d}.taught"), exercise.name
    )


def evaluate(
    exercise_id: str, answer: Any, seed: int = 0, tick: Callable[[float], Any] | None = None
) -> Outcome:
    """Judge an answer on cases drawn from `seed`. Whatever the answer does, this returns an
    `Outcome`.

    Oracle and answer run under the same `settings.standard`. `tick` hears which share of the time
    has passed. Raises LookupError for an unknown id.
    """
    start, exercise = time.perf_counter(), find(exercise_id)
    printed = _Sink()
    with standard():
        cases = list(exercise.draw(np.random.default_rng(seed)))
        # first: it also imports what the answer may need
        want = [exercise.wanted(case) for case in cases]
    with standard(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        outcome = _at_once(exercise, answer, seed) or _verdict(exercise, cases, want, answer, tick)
    return replace(outcome, printed=printed.getvalue(), seconds=time.perf_counter() - start)


def check(exercise_id: str, answer: Any) -> Any:
    """Judge the answer, show the verdict, and return a function that works: yours if it passes,
    else the course's.

    Never raises. Run again on what it returned, it judges your function again (kept in `.yours`).
    """
    wrapped = answer if type(answer) is Checked else None
    yours = wrapped.yours if wrapped else answer
    try:
        exercise = find(exercise_id)
        course = course_version(exercise)
    except Exception as error:  # a wrong id, or a fault of the course's: the notebook goes on
        display(str(exercise_id)[:40], Outcome("fail", f"this check could not run: {error}"))
        return answer
    try:
        with _judging(wrapped), progress.waiting(exercise.id, exercise.is_build) as tick:
            outcome = evaluate(exercise_id, yours, tick=tick)
    except (Exception, KeyboardInterrupt) as error:
        outcome = Outcome(
            "fail", f"this check was broken off: {type(error).__name__} {error}".strip()
        )
    display(f"{exercise.id} {exercise.name}", outcome, goes_on=outcome.status != "pass")
    progress.note(exercise.id, outcome.status)
    return _handed_back(exercise.name, yours, course, outcome.status == "pass")


@contextlib.contextmanager
def _judging(wrapped: Checked | None) -> Iterator[None]:
    if wrapped:
        wrapped.judging = True
    try:
        yield
    finally:
        if wrapped:
            wrapped.judging = False


def _handed_back(name: str, yours: Any, course: Callable, passed: bool) -> Callable:
    """The learner's own function, marked with `.yours`, if it passes and can carry a mark; else a
    `Checked`.
    """
    if passed and isinstance(yours, types.FunctionType):
        yours.__dict__["yours"] = yours
        return without_float64(yours)
    return Checked(name, yours, yours if passed else course)


def _at_once(exercise: Exercise, answer: Any, seed: int) -> Outcome | None:
    """What is wrong with a build task's answer before it trains on all data; None where nothing is,
    or where it takes too long to tell. It draws no random number of the caller's.
    """
    if exercise.quick is None or not callable(answer):
        return None
    import torch

    cases, ask = list(exercise.quick(np.random.default_rng(seed))), Ask(answer)
    with torch.random.fork_rng(devices=[]):
        try:
            got = within(QUICK, lambda: [observe(ask, case) for case in cases])
        except TimeoutError:
            return None
    outcome = verdict(exercise, cases, [exercise.wanted(c) for c in cases], got, ask.changed)
    return None if outcome.status == "pass" else outcome


def _verdict(
    exercise: Exercise,
    cases: list[Case],
    want: list,
    answer: Any,
    tick: Callable[[float], Any] | None,
) -> Outcome:
    if not callable(answer):
        return Outcome(
            "fail",
            f"a function is asked for, and this is an object of type {type(answer).__name__}",
        )
    ask = Ask(answer)
    try:
        got = within(exercise.seconds, lambda: [observe(ask, case) for case in cases], tick)
    except TimeUp as error:
        return Outcome("fail", str(error))
    return verdict(exercise, cases, want, got, ask.changed)


def verdict(
    exercise: Exercise,
    cases: list[Case],
    want: list,
    got: list,
    changed: bool,
    shows: Callable[[str, int], Any] | None = None,
) -> Outcome:
    """What is to be said of an answer that showed `got` where `want` is due. For `shows` see
    `diagnose`.
    """
    if any(_is_stub(g, exercise) for g in got):
        return Outcome("unanswered")
    wrong = [i for i, case in enumerate(cases) if not same(got[i], want[i], case)]
    if not wrong:
        return Outcome("pass", CHANGES_INPUT if changed else "")
    first = wrong[0]
    return Outcome(
        "fail",
        diagnose(exercise, Shown(cases, got, want, wrong), shows),
        case=compared(cases[first], got[first], want[first]),
        first_wrong=first,
    )


def _is_stub(got: Any, exercise: Exercise) -> bool:
    """A blank exercise raises NotImplementedError with its own name; torch raises others of that
    kind.
    """
    return (
        isinstance(got, Raised)
        and got.kinds[0] == "NotImplementedError"
        and got.message in ("", f"{exercise.id} {exercise.name}")
    )


class _Sink(io.StringIO):
    """Keeps the first characters written to it and drops the rest."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, PRINTED - self.tell())])
        return len(text)
