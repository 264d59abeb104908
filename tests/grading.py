"""Helpers for the tests of the grader: notebooks to grade, and what came out. Skips where there is
no sandbox.
"""

from __future__ import annotations

import copy
import csv
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from grading import batch, marks, pages, report, sandbox
from grading.course import ROOT, Lesson, Task, lessons
from tests.lessons import IN_CI

LESSONS = lessons()
LACKING = sandbox.missing()
needs_sandbox = pytest.mark.skipif(
    bool(LACKING) and not IN_CI, reason=LACKING or "there is a sandbox"
)
SEED = 20261124


def solved(number: str) -> dict[str, Any]:
    return json.loads(
        (ROOT / "solutions" / f"{LESSONS[number].stem}.ipynb").read_text(encoding="utf-8")
    )


def blank(number: str) -> dict[str, Any]:
    return json.loads(
        (ROOT / "notebooks" / f"{LESSONS[number].stem}.ipynb").read_text(encoding="utf-8")
    )


def code(source: str, *tags: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": "own",
        "metadata": {"tags": list(tags)},
        "outputs": [],
        "source": source,
    }


def answers(lesson: Lesson, sources: dict[str, str]) -> dict[str, Any]:
    """A notebook of nothing but answers: those given by exercise id, else the course's own."""
    cells = [
        code(sources.get(task.id, task.solution), f"exercise:{task.id}") for task in lesson.tasks
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def with_answer(notebook: dict[str, Any], task: Task, source: str) -> dict[str, Any]:
    """The notebook with another answer to one exercise."""
    made = copy.deepcopy(notebook)
    cell = next(c for c in made["cells"] if f"exercise:{task.id}" in c["metadata"].get("tags", []))
    cell["source"] = source
    return made


def with_cell(notebook: dict[str, Any], source: str, at: int = 2) -> dict[str, Any]:
    made = copy.deepcopy(notebook)
    made["cells"].insert(at, code(source))
    return made


def write(folder: Path, notebooks: dict[str, dict[str, Any] | bytes]) -> Path:
    for name, notebook in notebooks.items():
        path = folder / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode())
    return folder


def run(place: Path, out: Path, **options: Any) -> dict[str, Any]:
    """Grade a folder, write all reports, return the results."""
    results = batch.grade(batch.Run(place, out, **({"seed": SEED, "jobs": 2} | options)))
    write_all(results, out)
    return results


def write_all(results: dict[str, Any], out: Path) -> list[str]:
    """Every file; returns what is wrong with the marks."""
    entered = marks.refreshed(results, out)
    report.write_all(results, out, entered.rows)
    pages.write_all(results, out, entered.rows)
    return entered.complaints


def statuses(results: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Status by notebook and exercise."""
    return {
        r["submission"]: {v["exercise"]: v["status"] for v in r["verdicts"]}
        for r in results["submissions"]
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def leftovers() -> list[str]:
    """Processes of a box of ours: under one of their user ids, or a worker that we started."""
    found, ours = [], {os.getpid()}
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{entry}/cmdline").read_bytes()
            status = Path(f"/proc/{entry}/status").read_text()
            uid, parent = (
                int(re.search(rf"^{key}:\s+(\d+)", status, re.MULTILINE)[1])
                for key in ("Uid", "PPid")
            )
        except (OSError, TypeError):
            continue
        if uid in sandbox.UIDS or parent in ours and b"grading.inside.worker" in line:
            found.append(line.decode(errors="replace"))
    return found
