"""How fast the grader works, lesson by lesson.

Hands in the solved notebook of a lesson USERS times, each with a cell of its own, so that no two
files are the same, and grades them all with one job, as `python -m grading` does and in a process
of its own. Needs bubblewrap.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from grading import sandbox
from tools.build import ROOT, solved_path
from tools.measure import beside, recorded
from tools.run_lesson import lessons

FILE = Path("tools/measure/grading.json")
USERS = 4
BESIDE = """import json, sys
from course_utils import runtime
from grading.__main__ import main
code = main(sys.argv[1:])
print(json.dumps(runtime.usage()))
sys.exit(code)"""


def class_of(users: int, number: str, folder: Path) -> Path:
    """A folder with a solved notebook for each person."""
    [source] = lessons(ROOT, number)
    book = json.loads(solved_path(ROOT, source).read_text(encoding="utf-8"))
    for i in range(users):
        own = {
            "cell_type": "markdown",
            "id": f"own{i}",
            "metadata": {},
            "source": f"Handed in by student {i}.",
        }
        (folder / f"student{i:03d}.ipynb").write_text(
            json.dumps(book | {"cells": [*book["cells"], own]}), encoding="utf-8"
        )
    return folder


def measure(number: str, users: int) -> dict[str, Any]:
    """Raises subprocess.CalledProcessError if a notebook could not be graded."""
    with tempfile.TemporaryDirectory() as handed_in, tempfile.TemporaryDirectory() as out:
        line = [
            str(class_of(users, number, Path(handed_in))),
            "--out",
            out,
            "--lesson",
            number,
            "--jobs",
            "1",
        ]
        trusted = beside(BESIDE, *line)
        results = json.loads((Path(out) / "results.json").read_text(encoding="utf-8"))[
            "submissions"
        ]
    return summary(trusted, results)


def summary(trusted: dict[str, float], results: list[dict[str, Any]]) -> dict[str, Any]:
    """CPU seconds in the box, of the middle and of the dearest notebook; those of the process
    outside, for all; its memory.
    """
    boxed = [one["seconds"] for one in results]
    full = [
        one for one in results if {verdict["status"] for verdict in one["verdicts"]} == {"pass"}
    ]
    return {
        "notebooks": len(results),
        "full": len(full),
        "boxed": round(statistics.median(boxed), 2),
        "boxed_most": round(max(boxed), 2),
        "trusted": round(trusted["seconds"], 1),
        "trusted_mb": round(trusted["peak_mb"]),
    }


def stale(root: Path) -> list[str]:
    """The lessons that were never graded."""
    numbers = [source.stem[:2] for source in lessons(root)]
    return sorted(set(numbers) - set(recorded(root / FILE)))


def main(which: str = "", users: int = USERS) -> int:
    lacking = sandbox.missing()
    if lacking:
        print(lacking, file=sys.stderr)
        return 2
    rows = recorded(ROOT / FILE)
    for number in [source.stem[:2] for source in lessons(ROOT, which)]:
        rows[number] = measure(number, users)
        print(number, rows[number], flush=True)
        text = json.dumps(dict(sorted(rows.items())), indent=1) + "\n"
        (ROOT / FILE).write_text(text, encoding="utf-8")
    return int(any(row["full"] < row["notebooks"] for row in rows.values()))
