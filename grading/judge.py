"""Put the cases to a boxed answer, compare what comes back, and keep what an appeal needs."""

from __future__ import annotations

import builtins
import re
import warnings
from collections.abc import Callable, Container, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.asking.ask import AnswerRaised, Ask, NotData, Raised, Seed, TensorArg
from course_utils.asking.serialization import Malformed, decode, encode
from course_utils.checks import verdict
from course_utils.checks.diagnosis import show
from course_utils.checks.exercise import Case, Exercise, does_not_hold, numbers, observe, same
from grading.collect import Cell
from grading.course import SPACE, Lesson, Task, binds, may_bind
from grading.sandbox import TOO_LONG, Box, Broken, Busy, Gone, Lost, Unbuilt, Unusable

STAND_INS = (Seed, TensorArg)
WRONG_FORM = "it answered in a form that was not asked for"
TRIES = 2  # for an answer that takes its process down, or gets no processor
BUSY = "it did not finish on two tries: this computer is too busy, or the answer keeps it so"
# reasons that no student has a part in; of those with a text of the student's only a class is told
OURS = [
    WRONG_FORM,
    BUSY,
    re.escape(TOO_LONG),
    r"it returned something that cannot be compared",
    r"it took too much memory|it answered without being asked|it does not listen any more",
    r"it was still running after [\d.]+ seconds: is there a loop without an end\?",
    r"the process ended in the middle: a crash, an exit, or too much memory",
    r"the sandbox was ended from inside",
]
EXCEPTIONS = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}


@dataclass
class Verdict:
    """The verdict on one exercise of one notebook. `known`: the reason is the hint of a known
    mistake. `public`: as much of the reason as holds no text of the student's, where the answer
    could be run.

    `evidence` holds, for an appeal, the input that went wrong, what was expected and what came.
    """

    exercise: str
    name: str
    out_of: int
    status: str = "unanswered"  # pass, fail, unanswered, not_graded
    reason: str = ""
    known: bool = False
    public: str = ""
    evidence: dict[str, str] = field(default_factory=dict)

    @property
    def points(self) -> int | None:
        """All or nothing; None where nothing can be said."""
        return None if self.status == "not_graded" else self.out_of if self.status == "pass" else 0


class Questions:
    """The cases of an exercise, drawn once for everybody, with what is wanted and, when needed,
    what each mutant shows.
    """

    def __init__(self, exercise: Exercise, seed: int):
        self.exercise = exercise
        self.cases = list(exercise.draw(np.random.default_rng([seed, *exercise.id.encode()])))
        self.wanted = [exercise.wanted(case) for case in self.cases]
        self.shown: dict[tuple[str, int], Any] = {}

    def shows(self, name: str, i: int) -> Any:
        """What the mutant of this name shows on a case. It is the same for every student, so the
        mutant is asked once.
        """
        if (name, i) not in self.shown:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.shown[name, i] = observe(
                    Ask(self.exercise.mutants[name].answer), self.cases[i]
                )
        return self.shown[name, i]


class Proxy(Ask):
    """Asks an answer that lives in a box."""

    def __init__(self, box: Box):
        self.box, self.changed = box, False

    def series(self, times: int, *args: Any) -> list[Any]:
        results = self._send({"probe": "", "times": times}, args)
        if type(results) is not list or len(results) != times:
            raise Lost(WRONG_FORM)
        return results

    def probe(self, name: str, *args: Any) -> Any:
        return self._send({"probe": name}, args)

    def _send(self, question: dict[str, Any], args: tuple) -> Any:
        reply = self.box.ask(question | {"args": [encode(arg, STAND_INS) for arg in args]})
        self.changed |= reply.get("changed") is True
        if "raised" in reply:
            raise _error(reply)
        try:
            return decode(reply.get("ok", {}))
        except (Malformed, RecursionError) as error:
            raise Lost(f"it returned something that is no plain data ({error})") from None


def _error(reply: dict[str, Any]) -> Exception:
    kinds, message = reply["raised"], reply.get("message")
    if (
        type(kinds) is not list
        or not kinds
        or not all(type(kind) is str for kind in kinds)
        or type(message) is not str
    ):
        raise Lost(WRONG_FORM)
    if kinds[0] == "NotData":
        return NotData(message[:200])
    return AnswerRaised(Raised(tuple(kind[:100] for kind in kinds[:20]), message[:200]))


def judge(questions: Questions, box: Box, task: Task, cells: dict[str, Any]) -> Verdict:
    """The verdict on one exercise. Raises Gone if the box is no more, Busy if the answer got no
    processor.
    """
    result = Verdict(task.id, task.name, task.points, "fail")
    try:
        box.open(cells, questions.exercise.seconds + 1)
        proxy = Proxy(box)
        got = [observe(proxy, case) for case in questions.cases]
    except (Gone, Busy):
        raise
    except Lost as error:
        result.reason = str(error)
        if not isinstance(error, Broken):
            box.more = ""
        return result
    finally:
        if box.alive:
            box.end()
    try:
        compare(questions, got, proxy.changed, result)
    except Exception:  # numbers of a kind that nobody foresaw are wrong numbers
        result.status, result.reason = "fail", "it returned something that cannot be compared"
    return result


def compare(questions: Questions, got: list[Any], changed: bool, result: Verdict) -> None:
    """Fill in the verdict on what an answer showed on each case."""
    outcome = verdict(
        questions.exercise, questions.cases, questions.wanted, got, changed, questions.shows
    )
    result.status, result.reason = outcome.status, outcome.hint
    hint = result.reason.split(" (this explains ")[0]
    result.known = result.status == "fail" and hint in questions.exercise.hints
    if outcome.first_wrong is not None:
        i = outcome.first_wrong
        result.evidence = evidence(questions, got, i)
        result.public = public(result, got[i], questions.wanted[i])


def public(result: Verdict, got: Any, wanted: Any) -> str:
    """The reason for everybody's eyes: the course's own words and numbers, and of an exception the
    name of its class, if that is one of Python's or of a library.
    """
    rules = {does_not_hold(str(key)) for key in wanted} if isinstance(wanted, dict) else set()
    if result.known or result.reason in rules:
        return result.reason
    if isinstance(got, Raised):
        return raised(got.kinds)
    return "its result is none of the known wrong ones" if has_text(got) else result.reason


def raised(kinds: Iterable[str]) -> str:
    name = next((kind for kind in kinds if kind in EXCEPTIONS), "an exception")
    return f"it raised {name}"


def has_text(value: Any) -> bool:
    """Whether plain data holds text that may be the student's; keys are the exercise's."""
    if isinstance(value, dict):
        return any(map(has_text, value.values()))
    if isinstance(value, list | tuple | Raised):
        return isinstance(value, Raised) or any(map(has_text, value))
    return isinstance(value, str | bytes) or getattr(value, "dtype", np.dtype(int)).kind in "USO"


def for_all(verdict: dict[str, Any]) -> str:
    """The reason of a verdict without a text of the student's in it."""
    reason = verdict["reason"]
    if verdict.get("public"):
        return verdict["public"]
    if any(re.fullmatch(pattern, reason) for pattern in OURS):
        return reason
    name = reason.split(":")[0]
    return raised([name]) if name in EXCEPTIONS else "it could not be run to its end"


def evidence(questions: Questions, got: list[Any], i: int) -> dict[str, str]:
    """What was asked in the i-th case, what was expected and what came; of several facts first
    those that differ.
    """
    case, wanted = questions.cases[i], questions.wanted[i]
    differs = differing(wanted, got[i], case)
    return {
        "case": case.says,
        "input": ", ".join(map(readable, case.args)),
        **({"differs": differs} if differs else {}),
        "expected": readable(wanted),
        "came": readable(got[i]),
    }


def differing(wanted: Any, got: Any, case: Case) -> str:
    """Of several facts those that came out otherwise, in words; "" if there are no such."""
    if not isinstance(wanted, dict) or not isinstance(got, dict) or len(wanted) < 2:
        return ""
    both = [key for key in wanted if key in got and not same(got[key], wanted[key], case)]
    return "; ".join(
        f"{readable(key)}: {readable(got[key])} instead of {readable(wanted[key])}" for key in both
    )[:6000]


def readable(value: Any) -> str:
    """A value, short enough to read in a letter."""
    if isinstance(value, Raised):
        name = value.kinds[0].partition(":")[0]  # a `read` may have put the message behind it
        return f"an error, {name}" + (f": {value.message}" if value.message else "")
    if isinstance(value, Seed):
        return f"numpy.random.default_rng({value.value})"
    if isinstance(value, dict):  # facts, each whole
        items = list(value.items())[:40]
        return "; ".join(f"{readable(key)}: {readable(item)}" for key, item in items)[:6000]
    if isinstance(value, str):
        return value if len(value) <= 300 else value[:299] + "…"
    array = numbers(value)
    if array is None or array.ndim == 0:
        return show(value)[:300]
    kind = "tensor" if isinstance(value, TensorArg) else "array"
    text = np.array2string(array, precision=5, threshold=30, edgeitems=3, separator=", ")
    return f"{kind} of shape {array.shape}: {' '.join(text.split())}"[:600]


class Boxes:
    """One box after another for the exercises of one submission. `seconds`: the CPU time of those
    that were discarded.
    """

    def __init__(self, make: Callable[[], Box]):
        self.make, self.seconds = make, 0.0
        self.box: Box | None = None

    def living(self) -> Box:
        """The box in use, or a fresh one where that has come to its end; one that does not start
        is tried once more. Raises Unusable.
        """
        if self.box is None or not self.box.alive:
            self.discard()
            try:
                self.box = self.make()
            except Unusable:
                self.box = self.make()
        return self.box

    def discard(self) -> None:
        if self.box is not None:
            self.seconds += self.box.discard()
            self.box = None


class Grader:
    """Grades notebooks of one lesson: holds the questions of this run and the folder that the box
    sees. `secret`: no text of the course's answers enters a box.
    """

    def __init__(
        self, lesson: Lesson, seed: int, folder: Path, boxed: bool = True, secret: bool = False
    ):
        self.lesson, self.folder, self.boxed, self.secret = lesson, folder, boxed, secret
        self.questions = {task.id: Questions(task.exercise, seed) for task in lesson.tasks}
        code = "\n".join(lesson.cells + [task.solution for task in lesson.tasks])
        named = re.findall(r"^(?:import|from) ((?:torch|numpy|scipy)\b[\w.]*)", code, re.MULTILINE)
        self.warm = sorted(set(named))

    def grade(self, cells: list[Cell]) -> tuple[list[Verdict], float]:
        """A verdict on every exercise, in the notebook's order, and the boxes' CPU seconds. Raises
        Unusable.
        """
        shipped = self.lesson.shipped
        answers = {task.id: find(task, cells, shipped) for task in self.lesson.tasks}
        verdicts: list[Verdict] = []
        boxes = Boxes(lambda: Box(self.folder, self.warm, self.lesson.cells, self.boxed))
        try:
            for task in self.lesson.tasks:
                if answers[task.id] is None:
                    verdicts.append(Verdict(task.id, task.name, task.points))
                else:
                    question = self._question(task, cells, answers, verdicts)
                    verdicts.append(self._judged(task, question, boxes))
        finally:
            boxes.discard()
        return verdicts, boxes.seconds

    def _judged(self, task: Task, question: dict[str, Any], boxes: Boxes) -> Verdict:
        """The verdict on what the answer's cell and its needs say; where that is none that counts,
        and more of the notebook may help, on what the whole notebook says, if that is better.
        """
        verdict, more = self._tried(task, question, boxes)
        came = verdict.evidence.get("came", "an error")
        cheap = not task.exercise.is_build or came.startswith("an error")
        if verdict.status != "pass" and (more == "later" or more == "own" and cheap):
            second, _ = self._tried(task, question | {"whole": True}, boxes)
            if second.status == "pass" or more == "later" and second.evidence:
                return second
        return verdict

    def _tried(self, task: Task, question: dict[str, Any], boxes: Boxes) -> tuple[Verdict, str]:
        """A verdict, and whether more of the notebook may help. An answer that takes its process
        down, or gets no processor, is tried once more in a fresh box: without the other cells and
        what its own need not run, if it was they that broke it.
        """
        for _ in range(TRIES):
            box = boxes.living()
            try:
                return judge(self.questions[task.id], box, task, question), box.more
            except (Gone, Busy) as error:
                reason = BUSY if isinstance(error, Busy) else str(error)
                verdict = Verdict(task.id, task.name, task.points, "fail", reason)
                if isinstance(error, Unbuilt):
                    own = question["cells"][question["at"]]
                    question = question | {"cells": [own], "at": 0, "split": True}
        return verdict, ""

    def _question(
        self, task: Task, cells: list[Cell], answers: dict[str, str | None], before: list[Verdict]
    ) -> dict[str, Any]:
        """What the box needs for one exercise. Earlier exercises come with the student's answer
        where it is right, else with the course's.

        Later ones come with the student's answer only: the course's would give a solution away, and
        so would an earlier one that is secret.
        """
        passed = {v.exercise: v.status == "pass" for v in before}
        given = {}
        for other in self.lesson.tasks:
            own = answers[other.id]
            if other.id in passed and not self.secret:
                given[other.name] = own if passed[other.id] and own else other.solution
            elif other.id != task.id and own:
                given[other.name] = own
        mine = answers[task.id]
        shown, at = self._cells(cells, mine)
        several = any(mine and o is not task and answers[o.id] == mine for o in self.lesson.tasks)
        return {
            "name": task.name,
            "cells": shown,
            "at": at,
            "given": given,
            "whole": False,
            "split": several,
        }

    def _cells(self, cells: list[Cell], mine: str | None) -> tuple[list[str | int], int]:
        """The code cells as the box gets them, those of the course as numbers, and the place of the
        answer among them.
        """
        place = max(i for i, cell in enumerate(cells) if cell.source == mine)
        seen = [c for c in cells[:place] if c.kind == "code" and c.source != mine]
        below = [c for c in cells[place + 1 :] if c.kind == "code"]
        shipped = self.lesson.shipped
        shown = [
            [shipped.get(SPACE.sub("", c.source), c.source) for c in part] for part in (seen, below)
        ]
        return [*shown[0], mine or "", *shown[1]], len(seen)


def find(task: Task, cells: list[Cell], shipped: Container[str] = ()) -> str | None:
    """The cell that holds the answer, by tag or by the name that it defines; None if that is still
    blank.

    Of several cells, the last one counts, as it does in the notebook. A tagged cell, even one
    turned into text, comes before any other; a help cell turned into code, which shows a solution
    between fences, comes after any other. Last come cells that may define the name in some other
    way, if they were not `shipped` by the course.
    """
    defines, blank = binds(task.name), SPACE.sub("", task.blank)
    tag, may_define = f"exercise:{task.id}", may_bind(task.name)
    filled = [cell for cell in cells if SPACE.sub("", cell.source) not in (blank, "")]
    untagged = [c for c in filled if tag not in c.tags and c.kind != "markdown"]
    defining = [c for c in untagged if defines.search(c.source)]
    for candidates in (
        [c for c in filled if tag in c.tags and defines.search(c.source)],
        [c for c in defining if "```" not in c.source],
        defining,
        [c for c in filled if tag in c.tags],
        [
            c
            for c in untagged
            if may_define.search(c.source) and SPACE.sub("", c.source) not in shipped
        ],
    ):
        if candidates:
            return candidates[-1].source
    return None


def as_data(verdicts: list[Verdict]) -> list[dict[str, Any]]:
    return [asdict(v) | {"points": v.points} for v in verdicts]
