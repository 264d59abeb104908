"""Watch a room: grade everyone's notebooks of one lesson again and again, and show how the room is
doing.

    python -m grading room HOMES --out OUT --lesson 04 [--every 60] [--jobs N] [--names] [--once]

HOMES holds a folder for each person, such as /home on a JupyterHub. Folders named `solutions` are
left out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from grading import batch, pages, sandbox
from grading.course import lessons
from grading.judge import for_all
from grading.report import BEST, write_text

MISTAKES = 3  # so many are shown for each exercise
Best = dict[str, dict[str, dict[str, Any]]]  # exercise -> person -> verdict


def main(arguments: list[str]) -> int:
    options = parsed(arguments)
    lacking = sandbox.missing()
    if lacking:
        print(lacking, file=sys.stderr)
        return 1
    run = batch.Run(
        options.homes,
        options.out,
        options.jobs,
        lesson=options.lesson,
        without=frozenset({"solutions"}),
    )
    while True:
        start = time.monotonic()
        try:
            faults = look(run, options)
        except OSError as error:  # a home that is away for a moment, a disk that is full
            if options.once:
                raise
            print(f"{time.strftime('%H:%M')} nothing could be seen: {error}", flush=True)
        else:
            if options.once:
                return 1 if faults else 0
        time.sleep(max(1.0, options.every - (time.monotonic() - start)))


def look(run: batch.Run, options: argparse.Namespace) -> list[str]:
    """Grade what is new and show how the room is doing; returns what is wrong with the grader."""
    results = batch.grade(run)
    best, faults = best_of_each(results), results["faults"]
    write_text(run.out / "room.html", page(best, faults, options))
    print("\n".join([time.strftime("%H:%M"), *faults, *lines(best)]), flush=True)
    return faults


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m grading room",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("homes", type=Path, help="a folder with one folder for each person")
    parser.add_argument(
        "--out", type=Path, required=True, help="the folder for room.html and what is known already"
    )
    parser.add_argument("--lesson", required=True, help="such as 04")
    parser.add_argument("--every", type=float, default=60, help="seconds from one look to the next")
    parser.add_argument("--jobs", type=int, default=1, help="so many notebooks at a time")
    parser.add_argument("--names", action="store_true", help="say who is not there yet")
    parser.add_argument("--once", action="store_true", help="look once and stop")
    options = parser.parse_args(arguments)
    options.lesson = f"{options.lesson:0>2}"
    if options.lesson not in lessons():
        parser.error(f"there are no exercises for lesson {options.lesson}")
    if options.jobs < 1 or not options.every > 0:
        parser.error("--jobs is at least 1, and --every is more than 0 seconds")
    if options.out.resolve().is_relative_to(options.homes.resolve()):
        parser.error("OUT must not lie inside HOMES: everybody could read it")
    return options


def best_of_each(results: dict[str, Any]) -> Best:
    """The best verdict of every person on every exercise, over all copies of the notebook that can
    be read.
    """
    best: Best = defaultdict(dict)
    for result in results["submissions"]:
        for verdict in [v for v in result["verdicts"] if v["status"] != "not_graded"]:
            people = best[f"{verdict['exercise']} {verdict['name']}"]
            old = people.get(result["student"])
            if old is None or BEST.index(verdict["status"]) < BEST.index(old["status"]):
                people[result["student"]] = verdict
    return best


def lines(best: Best) -> list[str]:
    """The room in words, one line per exercise."""
    summary = []
    for exercise, people in best.items():
        wrong = "; ".join(f"{n}: {reason}" for reason, n in common_mistakes(people))
        summary.append(
            f"{_passed(people)} of {len(people)} passed {exercise}"
            + (f"; {wrong}" if wrong else "")
        )
    return summary or ["No notebook of this lesson yet."]


def common_mistakes(people: dict[str, dict[str, Any]]) -> list[tuple[str, int]]:
    """For a whole room to see: nothing that a student wrote."""
    failed = [for_all(v) for v in people.values() if v["status"] == "fail"]
    return Counter(failed).most_common(MISTAKES)


def _passed(people: dict[str, dict[str, Any]]) -> int:
    return sum(v["status"] == "pass" for v in people.values())


def page(best: Best, faults: list[str], options: argparse.Namespace) -> str:
    """The same for a projector; it loads itself again."""
    head = pages.HEAD.replace("TITLE", f"The room, lesson {options.lesson}")
    parts = [
        head,
        f'<meta http-equiv="refresh" content="{min(20, max(1, int(options.every)))}">',
        f"<p>Seen at {time.strftime('%H:%M:%S')}.</p>",
        *(f"<p><strong>Fault:</strong> {pages.esc(f)}</p>" for f in faults),
    ]
    header = [
        "exercise",
        "passed",
        "most common mistakes",
        *(["not there yet"] if options.names else []),
    ]
    rows = []
    for exercise, people in best.items():
        bar = (
            '<span class="bar pass"'
            f' style="width:{8 * _passed(people) / len(people):.2f}em"></span>'
        )
        wrong = "<br>".join(f"{n}: {pages.esc(reason)}" for reason, n in common_mistakes(people))
        waiting = ", ".join(
            pages.esc(name) for name, v in sorted(people.items()) if v["status"] != "pass"
        )
        rows.append(
            [
                pages.esc(exercise),
                f"{bar}{_passed(people)} of {len(people)}",
                wrong,
                *([waiting] if options.names else []),
            ]
        )
    return (
        "\n".join(
            [
                *parts,
                pages.table(header, rows) if rows else "<p>No notebook of this lesson yet.</p>",
            ]
        )
        + "\n"
    )
