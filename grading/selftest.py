"""Before each batch: the right answers score full, blanks score nothing, one hostile answer is
contained.
"""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

from grading.collect import Cell
from grading.course import ROOT, Lesson, Task
from grading.judge import Grader
from grading.sandbox import Unusable

CONTAINED = "nothing found"
CAME = f"an error, RuntimeError: {CONTAINED}"
SPY = """
def {name}(*args, **kwargs):
    import glob, importlib, os, socket
    reached = []
    for module in ("course_utils.{lesson}.exercises", "course_utils.{lesson}.taught"):
        try:
            importlib.import_module(module)
            reached.append(module)
        except ImportError:
            pass
    folders = [{root!r} + "/" + name for name in ("lessons", "solutions", "notebooks")]
    reached += [path for path in [{secret!r}, *folders] if os.path.exists(path)]
    for path in ("/usr/written", "/box/written", "/written", "/dev/written"):
        try:
            open(path, "w").close()
            reached.append(path)
        except OSError:
            pass
    try:
        socket.create_connection(("127.0.0.1", {port}), 2)
        reached.append("network")
    except OSError:
        pass
    if len(glob.glob("/proc/[0-9]*")) > 5:
        reached.append("processes")
    raise RuntimeError(", ".join(reached) or {contained!r})
"""


def fault(grader: Grader) -> str:
    """What is wrong with the grader itself, in one sentence; "" if all is well."""
    lesson = grader.lesson
    try:
        solved, _ = grader.grade(
            [Cell("code", task.solution, (f"exercise:{task.id}",)) for task in lesson.tasks]
        )
        blank, _ = grader.grade(
            [Cell("code", task.blank, (f"exercise:{task.id}",)) for task in lesson.tasks]
        )
        wrong = next((v for v in solved if v.status != "pass"), None)
        if wrong:
            return f"the course's own answer to {wrong.exercise} does not pass here: {wrong.reason}"
        if any(v.status != "unanswered" for v in blank):
            return "a blank counts as an answer"
        return escape(grader) if grader.boxed else ""
    except Unusable as error:
        return str(error)


def quickest(lesson: Lesson) -> Task:
    """The exercise in whose place an answer spies."""
    return min(lesson.tasks, key=lambda task: task.exercise.seconds)


def escape(grader: Grader) -> str:
    """What a spying answer finds in its box, in words; "" if that is nothing."""
    task = quickest(grader.lesson)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        tempfile.TemporaryDirectory(prefix="grading-") as folder,
    ):
        listener.setblocking(False)
        secret = Path(folder) / "secret"
        secret.write_text("x", encoding="utf-8")
        code = SPY.format(
            name=task.name,
            lesson=f"lesson{grader.lesson.number}",
            secret=str(secret),
            root=str(ROOT),
            port=listener.getsockname()[1],
            contained=CONTAINED,
        )
        verdicts, _ = grader.grade([Cell("code", code, (f"exercise:{task.id}",))])
        verdict = next(v for v in verdicts if v.exercise == task.id)
        try:
            listener.accept()
            return "an answer reached the network"
        except BlockingIOError:
            pass
    came = verdict.evidence.get("came", "")
    if verdict.status == "fail" and came == CAME:
        return ""
    return f"a spying answer was not contained: {verdict.status}, {came or verdict.reason}"
