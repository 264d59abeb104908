"""Judge an answer to an exercise, in a notebook with `check`, elsewhere with `evaluate`."""

from course_utils.checks.judging import (
    Checked,
    Outcome,
    check,
    course_version,
    evaluate,
    exercises,
    find,
    verdict,
)

__all__ = [
    "Checked",
    "Outcome",
    "check",
    "course_version",
    "evaluate",
    "exercises",
    "find",
    "verdict",
]
