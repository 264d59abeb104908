"""What the learner has done so far, in the file that COURSE_PROGRESS names. It stays on this computer."""
from __future__ import annotations

import json
import os
from pathlib import Path


def note(exercise_id: str, status: str) -> None:
    """Remember the latest verdict on an exercise. Without COURSE_PROGRESS, or if writing fails, nothing happens."""
    name = os.environ.get("COURSE_PROGRESS")
    if not name:
        return
    try:
        done = load() | {exercise_id: status}
        temporary = Path(f"{name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(done, indent=1, sort_keys=True), encoding="utf-8")
        os.replace(temporary, name)
    except OSError:
        pass


def load() -> dict[str, str]:
    """Exercise id -> latest verdict; empty where nothing is known or the file cannot be read."""
    try:
        done = json.loads(Path(os.environ.get("COURSE_PROGRESS", "")).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return done if isinstance(done, dict) else {}


def lessons() -> list[tuple[int, list[str], list[str]]]:
    """For every lesson with exercises: its number, the ids that pass, the ids that do not yet."""
    from course_utils.checks import exercises
    done, found = load(), []
    for lesson in range(1, 11):
        try:
            ids = list(exercises(lesson))
        except LookupError:
            continue
        passed = [i for i in ids if done.get(i) == "pass"]
        found.append((lesson, passed, [i for i in ids if i not in passed]))
    return found


def show() -> None:
    """Show how far each lesson is answered, and where that is noted."""
    from course_utils.runtime import show_table
    rows = [(f"{lesson:02d}", "#" * len(passed) + "-" * len(still), f"{len(passed)} of {len(passed + still)}",
             ", ".join(still) or "nothing") for lesson, passed, still in lessons()]
    show_table(("lesson", "", "exercises that pass", "still open"), rows)
    name = os.environ.get("COURSE_PROGRESS")
    print(f"This is noted in {name} and nowhere else. Delete the file to start again." if name else
          "Nothing is being noted: Jupyter was not started by `python run.py lab`, so COURSE_PROGRESS names no file.")


if __name__ == "__main__":
    show()
