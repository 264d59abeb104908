"""Start an exercise: `python -m tools new-exercise 4.6 mean_square`.

Writes a draft that runs. Into the lesson, at the end of its studio: a task, an exercise cell, a
check and three rungs of help. Into the lesson's exercises.py: cases, an independent oracle, mutants
and accepted answers. Its tests pass at once; what the author has to replace is marked TODO.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import keyword
import re
import sys
from pathlib import Path

from tools.build import ROOT
from tools.source import Cell, Mistakes, read, without_magics

CLOSING = "## Where we are now"
LESSON = '''# %% [markdown] tags=["studio"]
# ### Exercise ID · `NAME`
# TODO What is the function for? Then the task: return the mean of the squares of `x`.


# %% tags=["studio", "exercise:ID", "points:3", "minutes:5"]
def NAME(x):
    """TODO The mean of the squares. (N,) -> number"""
    # BEGIN SOLUTION
    return (x**2).mean()
    # END SOLUTION


# %% tags=["studio", "check:ID"]
NAME = check("ID", NAME)

# %% [markdown] tags=["studio", "help:ID"]
# TODO A question that leads to the idea: what happens to each number, and what to all of them?
# ---
# TODO A toy case, worked: for $x = (1, 3)$ the squares are $1$ and $9$, and their mean is $5$.
# ---
# TODO The reason: the squares come first, because the mean of $x$ has already lost the signs.

'''
CHECKS = '''# ---- ID NAME ----


def _NAME_cases(rng: np.random.Generator) -> list[Case]:
    """TODO The toy case of the help, drawn cases, and the edges where answers go wrong."""
    examples = {
        "the toy case of the help, x = (1, 3)": np.array([1.0, 3.0]),
        "six numbers": rng.normal(1, 2, size=6),
        "one negative number, x = (-2)": np.array([-2.0]),
    }
    return [Case(says, (TensorArg(x),), rtol=1e-4) for says, x in examples.items()]


def _NAME_oracle(x: Any) -> Any:
    """TODO The same by another route than the lesson's solution."""
    return x @ x / len(x)


CONSTANT = Exercise(
    "ID",
    "NAME",
    _NAME_cases,
    _NAME_oracle,
    # TODO the mistakes that people make, eight good ones are enough: name, hint, wrong answer
    {
        "sum": Mutant(
            "the squares are added up: divide by how many there are",
            lambda x: (x**2).sum(),
        ),
        "square-of-the-mean": Mutant(
            "the mean is squared: take the square of each number first",
            lambda x: x.mean() ** 2,
        ),
        "absolute": Mutant(
            "absolute values are averaged: compare them with the squares",
            lambda x: abs(x).mean(),
        ),
        "root": Mutant(
            "a square root is taken at the end: what is asked for is the mean itself",
            lambda x: (x**2).mean() ** 0.5,
        ),
        "largest": Mutant(
            "only the largest square comes back: all of them count",
            lambda x: (x**2).max(),
        ),
    },
    # TODO right answers that are written differently
    {
        "a product": lambda x: (x * x).mean(),
        "a dot product": lambda x: x.dot(x) / x.shape[0],
        "a loop": lambda x: sum(value * value for value in x) / len(x),
    },
)

'''
NEXT = """It runs as it is, at the end of the studio; replace every TODO. To build and to test it:
  python -m tools
  python run.py test -- tests/test_exercises.py -k ID"""


class Refused(Exception):
    """Why the exercise cannot be added, and what to do about it."""


def lesson_of(root: Path, exercise: str) -> Path:
    """The source of the lesson that an id such as 4.6 belongs to. Raises Refused."""
    if not re.fullmatch(r"\d{1,2}\.[1-9]", exercise):
        raise Refused(f"an exercise id looks like 4.6, not {exercise}")
    sources = {source.stem[:2]: source for source in (root / "lessons").glob("[0-9][0-9]_*.py")}
    number = exercise.split(".")[0].zfill(2)
    if number not in sources:
        raise Refused(f"there is no lesson {number}: there are {', '.join(sorted(sources))}")
    return sources[number]


def obstacle(cells: list[Cell], checks: Path, exercise: str, name: str) -> str:
    """The first reason against this id or name, "" if there is none."""
    lesson = exercise.split(".")[0]
    due = f"{lesson}.{sum(bool(cell.tagged('exercise')) for cell in cells) + 1}"
    if exercise != due:
        return f"the next exercise of lesson {lesson} is {due}, not {exercise}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        return (
            f"{name!r} cannot name a function: use small letters, digits and _, as in mean_square"
        )
    code = "\n".join(cell.solved for cell in cells if cell.kind == "code")
    taken = names(without_magics(code)) | {path.stem for path in checks.parent.glob("*.py")}
    if name in taken or hasattr(builtins, name):
        return f"lesson {lesson} uses the name {name} already: choose another"
    if {name.upper(), f"_{name}_cases", f"_{name}_oracle"} & names(checks.read_text("utf-8")):
        return f"{checks.name} uses the name {name.upper()} or one like it already: choose another"
    return ""


def names(code: str) -> set[str]:
    """Every name that the code binds or uses, attributes left out."""
    nodes = list(ast.walk(ast.parse(code)))
    return {getattr(node, key, None) or "" for node in nodes for key in ("id", "name", "asname")}


def filled(template: str, exercise: str, name: str) -> str:
    """A template with the exercise's id and name in it."""
    rule = f"# ---- {exercise} {name} ".ljust(100, "-")
    for blank, text in (
        ("# ---- ID NAME ----", rule),
        ("ID", exercise),
        ("NAME", name),
        ("CONSTANT", name.upper()),
    ):
        template = template.replace(blank, text)
    return template


def with_cells(source: Path, cells: list[Cell], draft: str) -> tuple[str, int]:
    """The lesson with the draft at the end of its studio, and the line where the draft begins."""
    closing = [cell.line for cell in cells if cell.source.startswith(CLOSING)]
    if not closing:
        raise Refused(f"{source.name} has no closing cell {CLOSING!r} to put the exercise before")
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    lines.insert(closing[-1] - 1, draft)
    return "".join(lines), closing[-1]


def with_checks(checks: Path, draft: str, constant: str) -> tuple[str, int]:
    """The exercises.py with the draft as its last one, and the line where the draft begins."""
    text = checks.read_text(encoding="utf-8")
    above, start, entries = text.partition("EXERCISES = [")
    if not start:
        raise Refused(f"{checks} has no list `EXERCISES = [...]` to put the exercise in")
    if "TensorArg" not in names(text):  # the first lessons have no PyTorch yet
        draft = draft.replace("TensorArg(x)", "x")
    end = listed([*re.findall(r"\w+", entries), constant])
    return above + draft + end, above.count("\n") + 1


def listed(entries: list[str]) -> str:
    """The list of a lesson's exercises, on one line where it fits."""
    line = f"EXERCISES = [{', '.join(entries)}]\n"
    rows = "".join(f"    {entry},\n" for entry in entries)
    return line if len(line) <= 101 else f"EXERCISES = [\n{rows}]\n"


def main(arguments: list[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools new-exercise", description="Write a draft of an exercise that runs."
    )
    parser.add_argument("id", help="such as 4.6: the lesson, and the next number in it")
    parser.add_argument("name", help="of the function that learners write, such as mean_square")
    options = parser.parse_args(arguments)
    exercise, name = options.id, options.name
    try:
        source = lesson_of(root, exercise)
        cells, checks = read(source), root / f"course_utils/lesson{source.stem[:2]}/exercises.py"
        if reason := obstacle(cells, checks, exercise, name):
            raise Refused(reason)
        drafts = {
            source: with_cells(source, cells, filled(LESSON, exercise, name)),
            checks: with_checks(checks, filled(CHECKS, exercise, name), name.upper()),
        }
    except (Refused, Mistakes) as reason:
        print(reason, file=sys.stderr)
        return 1
    for path, (text, line) in drafts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path.relative_to(root)}:{line}: exercise {exercise} {name}")
    print(NEXT.replace("ID", exercise))
    return 0
