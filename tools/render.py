"""What the builder fills into a lesson's prose: header, measured numbers, minutes, the ladder of
help.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tools.predictions import QUESTION
from tools.source import Cell, exercise_name

WORDS_A_MINUTE, LINES_A_MINUTE = 150, 20
EXPLORABLE = re.compile(r"^(?:\w+ = )?(?:explorables|widgets)\.\w+\(", re.M)
KEY = re.compile(r"\{\{\s*([\w.]+)(?::([^{}]*))?\s*\}\}")
RUNGS = ("A question to think about", "A toy case, worked", "One solution, and why")


@dataclass
class Facts:
    """Everything measured or decided once, read from the repository's own files."""

    root: Path
    numbers: dict = field(init=False)
    budgets: dict = field(init=False)
    lessons: dict = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = _json(self.root / "course_utils/numbers.json")
        self.budgets = _json(self.root / "tools/measure/budgets.json")
        table = self.root / "lessons/lessons.toml"
        self.lessons = tomllib.loads(table.read_text(encoding="utf-8")) if table.exists() else {}

    @cached_property
    def repository(self) -> str:
        """The course's public address, the one setting in pyproject.toml."""
        settings = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))
        return settings["project"]["urls"]["Repository"].rstrip("/")

    @property
    def website(self) -> str:
        """Where GitHub Pages publishes the site of the repository."""
        owner, name = self.repository.removeprefix("https://github.com/").split("/")
        return f"https://{owner.lower()}.github.io/{name}/"

    def number(self, key: str, form: str) -> str:
        """A measured value by key, or its range as KEY.range. Raises KeyError."""
        name, _, part = key.rpartition(".")
        if part == "range" and name in self.numbers:
            entry = self.numbers[name]
            return f"{entry['low']:{form or '.4g'}}–{entry['high']:{form or '.4g'}}"
        return f"{self.numbers[key]['value']:{form or '.4g'}}"


def minutes(cells: list[Cell]) -> dict[str, int]:
    """Minutes that a person needs for core and studio: words at 150 a minute, new code at 20 lines
    a minute, one for a prediction, three for an explorable, and what each exercise is tagged.
    """
    total = {"core": 0.0, "studio": 0.0}
    for cell in cells:
        if not cell.tagged("help"):
            part = "studio" if "studio" in cell.tags else "core"
            total[part] += _to_read(cell.source) if cell.kind == "markdown" else _to_run(cell)
    return {part: round(value) for part, value in total.items()}


def _to_read(text: str) -> float:
    """Minutes for a Markdown cell. A formula counts as one word."""
    words = re.sub(r"\$\$.*?\$\$|\$[^$]+\$|\]\([^)]*\)", " formula ", text, flags=re.S)
    return len(re.findall(r"[^\W_]+", words)) / WORDS_A_MINUTE + len(QUESTION.findall(text))


def _to_run(cell: Cell) -> float:
    """Minutes for a code cell. A check, an exercise and what is folded have no new code to read."""
    if cell.tagged("exercise"):
        return float(cell.tagged("minutes") or 0)
    if cell.tagged("check") or {"setup", "solved", "folded"} & {*cell.tags}:
        return 0.0
    lines = sum(bool(line.strip()) for line in cell.source.splitlines())
    return lines / LINES_A_MINUTE + 3 * len(EXPLORABLE.findall(cell.source))


def filled(text: str, facts: Facts, extra: dict[str, str]) -> str:
    """The text with every {{key}} replaced. Raises KeyError for a key that nobody measured."""
    return KEY.sub(lambda m: extra[m[1]] if m[1] in extra else facts.number(m[1], m[2] or ""), text)


def header(stem: str, cells: list[Cell], facts: Facts) -> str:
    """Title, badges, the question, and the two times."""
    number, about = (
        stem[:2],
        facts.lessons.get(stem[:2], {"title": stem, "question": "", "needs": "nothing"}),
    )
    time, seconds = minutes(cells), facts.budgets.get(stem, {}).get("seconds")
    machine = (
        f"{seconds:.0f} s of computing on one laptop core"
        if seconds
        else "computing time not measured yet"
    )
    return (
        f"# {number} ·"
        f" {about['title']}\n\n{badges(stem, facts)}\n\n**{about['question']}**\n\n*Needs:*"
        f" {about['needs']}. *Time:* about {time['core']} minutes for the core, {time['studio']}"
        f" more for the studio; {machine}."
    )


def badges(stem: str, facts: Facts) -> str:
    """Links that open this notebook in Colab and in Binder; text, since badge pictures would be
    missing offline.
    """
    path = facts.repository.removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{path}/blob/main/notebooks/{stem}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{path}/main?urlpath=lab%2Ftree%2Fnotebooks%2F{stem}.ipynb"
    return f"[▶ Open in Colab]({colab}) · [▶ Open in Binder]({binder})"


def readme_table(facts: Facts, cells_of: dict[str, list[Cell]]) -> str:
    """One row a lesson for the README: what it answers, what a learner builds, its minutes."""
    rows = [
        (
            "| | lesson | the question it answers | what you will have built | minutes, core +"
            " studio |"
        ),
        "|---|---|---|---|---|",
    ]
    for stem in sorted(set(cells_of) - {"index"}):
        about, time = facts.lessons[stem[:2]], minutes(cells_of[stem])
        title = re.split("[:;]", about["title"])[0]
        rows.append(
            f"| {stem[:2]} | [{title}](notebooks/{stem}.ipynb) | {about['question']} |"
            f" {about['built']} | {time['core']} + {time['studio']} |"
        )
    return "\n".join(rows)


def ladder(text: str, solution: Cell) -> str:
    """Nested folds, each rung a choice: a question, a toy case, the solution with its reason.

    The help cell holds three parts separated by lines of three dashes: question, toy case, reason.
    """
    question, toy, reason = (part.strip() for part in re.split(r"^---$", text, flags=re.M))
    code = f"```python\n{_without_docstring(solution.solved)}\n```"
    folded = ""
    for title, body in reversed(
        list(zip(RUNGS, (question, toy, f"{code}\n\n{reason}"), strict=True))
    ):
        inner = f"{body}\n\n{folded}".rstrip()
        folded = f"<details><summary>{title}</summary>\n\n{inner}\n\n</details>"
    return f"**Stuck on** `{exercise_name(solution)}`**?** Take one rung at a time.\n\n{folded}"


def _without_docstring(source: str) -> str:
    function = ast.parse(source).body[0]
    first = function.body[0] if isinstance(function, ast.FunctionDef) else function
    if not isinstance(first, ast.Expr):
        return source
    lines = source.split("\n")
    return "\n".join(lines[: first.lineno - 1] + lines[first.end_lineno :])


def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
