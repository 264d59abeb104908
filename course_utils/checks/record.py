"""How far each lesson is answered, from the learner's progress."""

from __future__ import annotations

import os

from course_utils import progress
from course_utils.checks.judging import exercises
from course_utils.live import choices
from course_utils.platform import door
from course_utils.platform.frontend import publish, say, shell, show_table


def lessons() -> list[tuple[int, list[str], list[str]]]:
    """For every lesson with exercises: its number, the ids that pass, the ids that do not yet."""
    done, rows = progress.load(), []
    for lesson in range(1, 11):
        try:
            ids = list(exercises(lesson))
        except LookupError:
            continue
        passed = [i for i in ids if done.get(i) == "pass"]
        rows.append((lesson, passed, [i for i in ids if i not in passed]))
    return rows


def show() -> None:
    """Show how far each lesson is answered, and where that is noted: as cards in a notebook, as a
    table in a terminal.
    """
    if shell() is None:
        _table()
    else:
        [shown] = door.output(progress.load())
        publish(shown["data"]["text/plain"], shown["data"]["text/html"])
    name = os.environ.get("COURSE_PROGRESS")
    say(
        f"Your progress is saved in {name} and nowhere else. Delete the file to start again."
        if name
        else (
            "Your progress is not saved: Jupyter was not started by `python run.py lab`, so"
            " COURSE_PROGRESS names no file."
        )
    )
    choices.show()


def _table() -> None:
    rows = [
        (
            f"{lesson:02d}",
            "#" * len(passed) + "-" * len(still),
            f"{len(passed)} of {len(passed + still)}",
            ", ".join(still) or "nothing",
        )
        for lesson, passed, still in lessons()
    ]
    show_table(("lesson", "", "exercises that pass", "still open"), rows)


if __name__ == "__main__":
    show()
