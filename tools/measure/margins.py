"""How near right answers come to their tolerance, over a hundred seeds, for every exercise.

For every exercise that trains nothing the course's own answer and every accepted one are put to the
cases of each seed. A margin is the largest |got - wanted| / (atol + rtol |wanted|): at 1 the answer
is refused, and a fifth is the most that is allowed. The worst of an exercise is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.asking.ask import Ask
from course_utils.asking.settings import standard
from course_utils.checks import course_version, exercises
from course_utils.checks.exercise import Case, Exercise, numbers, observe, same
from tools.build import ROOT
from tools.measure import beside, record, recorded
from tools.run_lesson import lessons

FILE = Path("tools/measure/margins.json")
SEEDS, LARGEST = 100, 0.2
BESIDE = (
    "import json, sys; from tools.measure import margins;"
    " print(json.dumps(margins.measure(sys.argv[1])))"
)


def measure(number: str, seeds: int = SEEDS) -> list[dict[str, Any]]:
    """One row for each exercise of a lesson that trains nothing: its worst right answer."""
    quick = [e for e in exercises(int(number)).values() if not e.is_build]
    with standard():
        return [
            max(
                (row for seed in range(seeds) for row in rows(exercise, seed)),
                key=lambda row: row["margin"],
            )
            for exercise in quick
        ]


def rows(exercise: Exercise, seed: int) -> Iterator[dict[str, Any]]:
    """The margin of every right answer on the cases of one seed."""
    answers = {"the course's own": course_version(exercise)} | exercise.accepted
    for case in exercise.draw(np.random.default_rng(seed)):
        want = exercise.wanted(case)
        for name, answer in answers.items():
            worst = margin(observe(Ask(answer), case), want, case)
            yield {
                "id": exercise.id,
                "margin": round(min(worst, 99.0), 4),
                "answer": name,
                "seed": seed,
                "case": case.says,
            }


def margin(got: Any, want: Any, case: Case) -> float:
    """The largest share of its tolerance that a part of the observation uses; 99 where it is not
    equal for another reason.
    """
    if not same(got, want, case):
        return 99.0
    if isinstance(want, dict):
        return max((margin(got[key], want[key], case) for key in want), default=0.0)
    if isinstance(want, tuple):
        return max((margin(g, w, case) for g, w in zip(got, want, strict=True)), default=0.0)
    g, w = numbers(got), numbers(want)
    if g is None or w is None or w.size == 0:
        return 0.0
    with np.errstate(all="ignore"):
        off = np.abs(g.astype(float) - w) / (case.atol + case.rtol * np.abs(w))
    return float(np.nanmax(np.where(g == w, 0.0, off), initial=0.0))


def stale(root: Path) -> list[str]:
    """The lessons whose exercises are not those that were measured; none before the first time."""
    measured = recorded(root / FILE)
    if not measured:
        return []
    numbers_ = [source.stem[:2] for source in lessons(root)]
    known = {n: {e.id for e in exercises(int(n)).values() if not e.is_build} for n in numbers_}
    return [n for n in numbers_ if {row["id"] for row in measured.get(n, [])} != known[n]]


def main(which: str = "") -> int:
    """Measure, record and print; the exit code says whether an answer comes too near."""
    worst = recorded(ROOT / FILE)
    for number in [source.stem[:2] for source in lessons(ROOT, which)]:
        worst[number] = beside(BESIDE, number)
        print(number, *(f"{row['id']} {row['margin']}" for row in worst[number]), flush=True)
    record(ROOT / FILE, worst)
    return int(any(row["margin"] > LARGEST for rows_ in worst.values() for row in rows_))
