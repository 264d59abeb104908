"""TRUSTED side: put the cases to a boxed answer, compare what comes back, and keep what an appeal
needs.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from course_utils.asking.ask import AnswerRaised, Ask, NotData, Raised, Seed, Tensor
from course_utils.asking.serialization import Malformed, decode, encode
from course_utils.checks import verdict
from course_utils.checks.diagnosis import show
from course_utils.checks.exercise import Exercise, numbers, observe
from grading.course import Lesson, Task, binds
from grading.sandbox import Box, Busy, Gone, Lost, Unbuilt, Unusable

STAND_INS = (Seed, Tensor)
BLANK = re.compile(r"\s+")


@dataclass
class Verdict:
    """What one exercise of one notebook has come to. `known`: the reason is the hint of a known
    mistake.

    `evidence` holds, for an appeal, the input that went wrong, what was expected and what came.
    """

    exercise: str
    name: str
    out_of: int
    status: str = "unanswered"  # pass, fail, unanswered, not_graded
    reason: str = ""
    known: bool = False
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
        """What the mutant of this name shows on a case; the same for every student, so it is asked
        once.
        """
        if (name, i) not in self.shown:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.shown[name, i] = observe(
                    Ask(self.exercise.mutants[name].answer), self.cases[i]
                )
        return self.shown[name, i]


class Proxy:
    """Has the methods of `engine.Ask`, and asks an answer that lives in a box."""

    def __init__(self, box: Box):
        self.box, self.changed = box, False

    def __call__(self, *args: Any) -> Any:
        return self.series(1, *args)[0]

    def series(self, times: int, *args: Any) -> list[Any]:
        found = self._asked({"probe": "", "times": times}, args)
        if type(found) is not list or len(found) != times:
            raise Lost("it answered in a form that was not asked for")
        return found

    def probe(self, name: str, *args: Any) -> Any:
        return self._asked({"probe": name}, args)

    def _asked(self, question: dict[str, Any], args: tuple) -> Any:
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
        raise Lost("it answered in a form that was not asked for")
    if kinds[0] == "NotData":
        return NotData(message[:200])
    return AnswerRaised(Raised(tuple(kind[:100] for kind in kinds[:20]), message[:200]))


def judge(questions: Questions, box: Box, task: Task, cells: dict[str, Any]) -> Verdict:
    """The verdict on one exercise. Raises Gone if the box is no more, Unusable if nothing can be
    said.
    """
    made = Verdict(task.id, task.name, task.points)
    try:
        box.open(cells, questions.exercise.seconds + 1)
        proxy = Proxy(box)
        got = [observe(proxy, case) for case in questions.cases]
    except Gone:
        raise
    except Busy as error:
        raise Unusable(str(error)) from None
    except Lost as error:
        made.status, made.reason = "fail", str(error)
        return made
    finally:
        if box.alive:
            box.end()
    try:
        outcome = verdict(
            questions.exercise,
            questions.cases,
            questions.wanted,
            got,
            proxy.changed,
            questions.shows,
        )
        made.status, made.reason = outcome.status, outcome.hint
        made.known = made.status == "fail" and made.reason in questions.exercise.hints
        if outcome.first_wrong is not None:
            made.evidence = evidence(questions, got, outcome.first_wrong)
    except Exception:  # numbers of a kind that nobody foresaw are wrong numbers
        made.status, made.reason = "fail", "it returned something that cannot be compared"
    return made


def evidence(questions: Questions, got: list[Any], i: int) -> dict[str, str]:
    """What was asked in the i-th case, what was expected and what came."""
    return {
        "case": questions.cases[i].says,
        "input": ", ".join(map(told, questions.cases[i].args)),
        "expected": told(questions.wanted[i]),
        "came": told(got[i]),
    }


def told(value: Any) -> str:
    """A value, short enough to read in a letter."""
    if isinstance(value, Raised):
        return f"an error, {value.kinds[0]}" + (f": {value.message}" if value.message else "")
    if isinstance(value, Seed):
        return f"numpy.random.default_rng({value.value})"
    if isinstance(value, dict):
        return "; ".join(f"{told(key)}: {told(item)}" for key, item in list(value.items())[:12])[
            :600
        ]
    array = numbers(value)
    if array is None or array.ndim == 0:
        return show(value)[:300]
    text = np.array2string(array, precision=5, threshold=30, edgeitems=3, separator=", ")
    kind = "tensor" if isinstance(value, Tensor) else "array"
    return f"{kind} of shape {array.shape}: {' '.join(text.split())}"[:600]


class Grader:
    """Grades notebooks of one lesson: holds the questions of this run and the folder that the box
    sees.
    """

    def __init__(self, lesson: Lesson, seed: int, folder: Any, boxed: bool = True):
        self.lesson, self.folder, self.boxed = lesson, folder, boxed
        self.questions = {task.id: Questions(task.exercise, seed) for task in lesson.tasks}
        whole = "\n".join(lesson.cells + [task.solution for task in lesson.tasks])
        known = [
            n
            for n in ("torch", "numpy", "scipy")
            if re.search(rf"^(?:import|from) {n}\b", whole, re.MULTILINE)
        ]
        self.warm = known + (["torch.nn.functional"] if "torch" in known else [])

    def grade(self, cells: list[Any]) -> tuple[list[Verdict], float]:
        """A verdict on every exercise, in the notebook's order, and the boxes' CPU seconds. Raises
        Unusable.
        """
        answers = {task.id: find(task, cells) for task in self.lesson.tasks}
        verdicts: list[Verdict] = []
        box, seconds = None, 0.0
        try:
            for task in self.lesson.tasks:
                if answers[task.id] is None:
                    verdicts.append(Verdict(task.id, task.name, task.points))
                    continue
                question, found = self._question(task, cells, answers, verdicts), None
                # an answer that takes its process down is tried once more, in a fresh box
                for last in (False, True):
                    if found is None and (box is None or not box.alive):
                        seconds += box.discard() if box else 0.0
                        box = Box(self.folder, self.warm, self.lesson.cells, self.boxed)
                    found = found or self._tried(task, box, question, last)
                verdicts.append(found)
        finally:
            seconds += box.discard() if box else 0.0
        return verdicts, seconds

    def _tried(self, task: Task, box: Box, question: dict[str, Any], last: bool) -> Verdict | None:
        """A verdict, or None where another try is due: without the other cells, if it was they that
        broke it.
        """
        try:
            return judge(self.questions[task.id], box, task, question)
        except Gone as error:
            if isinstance(error, Unbuilt):
                question["around"] = [[], []]
            return Verdict(task.id, task.name, task.points, "fail", str(error)) if last else None

    def _question(
        self, task: Task, cells: list[Any], answers: dict[str, Any], before: list[Verdict]
    ) -> dict[str, Any]:
        """What the box needs for one exercise. Earlier ones come as the student's where right, else
        as the course's.

        Of later ones only the student's own are there: the course's would be answers that are still
        to be given.
        """
        passed = {v.exercise: v.status == "pass" for v in before}
        given = {}
        for other in self.lesson.tasks:
            own = answers[other.id]
            if other.id in passed:
                given[other.name] = own if passed[other.id] and own else other.solution
            elif other.id != task.id and own:
                given[other.name] = own
        mine = answers[task.id]
        place = next(i for i, cell in enumerate(cells) if cell.source == mine)
        around = [
            [c.source for c in part if c.kind == "code" and c.source != mine]
            for part in (cells[:place], cells[place:])
        ]
        return {"name": task.name, "answer": mine, "around": around, "given": given}


def find(task: Task, cells: list[Any]) -> str | None:
    """The cell that holds the answer, by tag or by the name that it defines; None if that is still
    blank.

    Of several, the last, as the notebook would have it; a tagged cell, even one turned into text,
    before any other, and a help cell turned into code, which shows a solution between fences, after
    any other.
    """
    defines, blank = binds(task.name), BLANK.sub("", task.blank)
    tag = f"exercise:{task.id}"
    filled = [cell for cell in cells if BLANK.sub("", cell.source) not in (blank, "")]
    untagged = [
        c for c in filled if tag not in c.tags and c.kind != "markdown" and defines.search(c.source)
    ]
    for found in (
        [c for c in filled if tag in c.tags and defines.search(c.source)],
        [c for c in untagged if "```" not in c.source],
        untagged,
        [c for c in filled if tag in c.tags],
    ):
        if found:
            return found[-1].source
    return None


def as_data(verdicts: list[Verdict]) -> list[dict[str, Any]]:
    return [asdict(v) | {"points": v.points} for v in verdicts]
