"""What is graded: the exercises of a lesson, their blanks and solutions, and the cells around them.

A lesson is found by its files: the blank notebook, the solved notebook and the module with its
exercises. A folder of twins holds the same three files, so both are read alike.
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path

from course_utils import checks
from course_utils.checks.exercise import Exercise

ROOT = Path(__file__).resolve().parent.parent
SPACE = re.compile(r"\s+")
SOME = r"[^=#\n]{0,100}"  # of a line; with a limit, since every place may be tried
# other names that a line binds before it
OTHERS = r"[ \t(\[]{0,20}(?:[\w*()]{1,50}[ \t]{0,5},[ \t]{0,5}){0,9}[*(\[]{0,3}"
BECOMES = r"=(?!=)(?![ \t]*(?:\w+\.)?check\()"  # but not what a check hands back
PROMPT = r"(?:>>> |In \[\d+\]: )?"  # what a pasted session has at the start of a line


@dataclass(frozen=True)
class Task:
    """An exercise with its points, the text of its blank cell and the course's own answer."""

    exercise: Exercise
    points: int
    blank: str
    solution: str

    @property
    def id(self) -> str:
        return self.exercise.id

    @property
    def name(self) -> str:
        return self.exercise.name


@dataclass(frozen=True)
class Lesson:
    """`tasks` in the notebook's order; `cells`: the course's code that is no exercise; `prose`: the
    Markdown cells; `checks`: the source of the module with the exercises; `shipped`: for the text
    of each code cell that the course handed out, without spaces, its place in `cells`, or "" where
    an answer never needs it.
    """

    number: str
    stem: str
    tasks: list[Task]
    cells: list[str]
    prose: list[str]
    checks: str
    shipped: dict[str, int | str]

    @property
    def files(self) -> list[str]:
        """Everything outside the grader that the verdicts depend on, for the fingerprint."""
        return [
            self.stem,
            self.checks,
            *(f"{t.id}\n{t.points}\n{t.blank}\n{t.solution}" for t in self.tasks),
            *self.cells,
        ]


def lessons(twins: Path | None = None) -> dict[str, Lesson]:
    """Every lesson with exercises, by its two digits; those of a twins folder if there is one."""
    blanks, solved = (
        (twins / "blank", twins / "solved") if twins else (ROOT / "notebooks", ROOT / "solutions")
    )
    by_number = {}
    for path in sorted(blanks.glob("[0-9][0-9]_*.ipynb")):
        number = path.stem[:2]
        try:
            exercises = (
                _from_file(twins / f"lesson{number}.py") if twins else checks.exercises(int(number))
            )
        except LookupError:
            continue  # a lesson without exercises
        module = (
            twins / f"lesson{number}.py"
            if twins
            else ROOT / f"course_utils/lesson{number}/exercises.py"
        )
        by_number[number] = _lesson(
            path, solved / path.name, exercises, module.read_text(encoding="utf-8")
        )
    return by_number


def _lesson(blank: Path, solved: Path, exercises: dict[str, Exercise], module: str) -> Lesson:
    blanks, cells = _cells(blank), _cells(solved)
    text = {
        _tagged(cell, "exercise"): _source(cell) for cell in blanks if _tagged(cell, "exercise")
    }
    tasks = [
        Task(
            exercises[_tagged(cell, "exercise")],
            int(_tagged(cell, "points") or 1),
            text[_tagged(cell, "exercise")],
            _source(cell),
        )
        for cell in cells
        if _tagged(cell, "exercise")
    ]
    around = [
        _source(cell)
        for cell in cells
        if cell["cell_type"] == "code"
        and "setup" not in _tags(cell)
        and not _tagged(cell, "exercise")
        and not _tagged(cell, "check")
    ]
    prose = [_source(cell) for cell in blanks if cell["cell_type"] == "markdown"]
    shipped: dict[str, int | str] = {
        SPACE.sub("", _source(cell)): ""
        for cell in (*blanks, *cells)
        if cell["cell_type"] == "code" and (_tagged(cell, "check") or "setup" in _tags(cell))
    }
    shipped |= {SPACE.sub("", text): "" for text in text.values()}
    shipped |= {SPACE.sub("", text): place for place, text in enumerate(around)}
    return Lesson(blank.stem[:2], blank.stem, tasks, around, prose, module, shipped)


def _from_file(path: Path) -> dict[str, Exercise]:
    """The exercises of a module that lies outside the package."""
    spec = importlib.util.spec_from_file_location(f"twins_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {exercise.id: exercise for exercise in module.EXERCISES}


def _cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def _source(cell: dict) -> str:
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def _tags(cell: dict) -> list[str]:
    return cell.get("metadata", {}).get("tags", [])


def _tagged(cell: dict, prefix: str) -> str:
    return next((tag.split(":", 1)[1] for tag in _tags(cell) if tag.startswith(prefix + ":")), "")


def binds(name: str) -> re.Pattern[str]:
    """Finds in a cell's text where a name is defined at the top level, but not where a check hands
    it back.
    """
    return re.compile(rf"^{PROMPT}{_defines(name)}", re.MULTILINE)


def may_bind(name: str) -> re.Pattern[str]:
    """Finds in a cell's text what may define a name, at any depth and in any form."""
    target = rf"(?<![\w.]){re.escape(name)}\b"
    return re.compile(
        rf"^{PROMPT}[ \t]*{_defines(name)}|{target}[ \t]*:=|\b(?:as|import)\b{SOME}{target}"
        rf"|^{PROMPT}{OTHERS}{target}[\w,* \t)\]]{{0,100}}{BECOMES}",
        re.MULTILINE,
    )


def _defines(name: str) -> str:
    name = re.escape(name)
    return (
        rf"(?:(?:(?:async[ \t]+)?def|class)[ \t]+{name}\b"
        rf"|{name}[ \t]*(?::[^=\n]*)?{BECOMES})"
    )
