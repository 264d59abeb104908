"""What a check costs: CPU seconds from the course's own right answer to its verdict, for every
exercise.

Each lesson's checks run in a fresh process with one thread, on the cases that a notebook sees. The
first check of an exercise may load what the later ones find ready, so it stands apart. A check that
trains a model is not repeated.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from course_utils.checks import course_version, evaluate, exercises
from course_utils.checks.exercise import Exercise
from tools.build import ROOT
from tools.measure import beside, record, recorded
from tools.run_lesson import lessons

FILE = Path("tools/measure/checks.json")
AGAIN = 5  # checks after the first
BESIDE = (
    "import json, sys; from tools.measure import checks;"
    " print(json.dumps(checks.measure(sys.argv[1])))"
)


def measure(number: str) -> list[dict[str, Any]]:
    """One row for each exercise of a lesson, in this process. Raises RuntimeError if a right answer
    does not pass.
    """
    return [cost(exercise) for exercise in exercises(int(number)).values()]


def cost(exercise: Exercise) -> dict[str, Any]:
    """CPU seconds of the first check, and the middle of those after it; None where it is not
    repeated.
    """
    answer, seconds = course_version(exercise), []
    for _ in range(1 if exercise.is_build else 1 + AGAIN):
        start = time.process_time()
        outcome = evaluate(exercise.id, answer)
        seconds.append(time.process_time() - start)
        if outcome.status != "pass":
            raise RuntimeError(
                f"{exercise.id}: the course's own answer does not pass: {outcome.hint}"
            )
    again = None if exercise.is_build else round(statistics.median(seconds[1:]), 4)
    return {"id": exercise.id, "name": exercise.name, "first": round(seconds[0], 4), "again": again}


def stale(root: Path) -> list[str]:
    """The lessons whose exercises are not those that were timed."""
    timed = recorded(root / FILE)
    numbers = [source.stem[:2] for source in lessons(root)]
    known = {n: {e.id: e.name for e in exercises(int(n)).values()} for n in numbers}
    return [n for n in numbers if {r["id"]: r["name"] for r in timed.get(n, [])} != known[n]]


def main(which: str = "") -> int:
    costs = recorded(ROOT / FILE)
    for number in [source.stem[:2] for source in lessons(ROOT, which)]:
        costs[number] = beside(BESIDE, number)
        seconds = (f"{row['id']} {row['again'] or row['first']:.3f}" for row in costs[number])
        print(number, *seconds, flush=True)
    record(ROOT / FILE, costs)
    return 0
