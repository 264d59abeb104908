"""Verdicts that are known from an earlier run, and what would make them stale."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from grading.course import ROOT, Lesson
from grading.merging import are_verdicts
from grading.report import write_text


class Cache:
    """The verdicts on one lesson that OUT holds for this seed and this version of the course."""

    def __init__(self, out: Path, lesson: Lesson, seed: int):
        self.folder, self.lesson = out / "verdicts", lesson.number
        self.mark = f"{fingerprint([lesson])}-{seed}"

    def load(self, digest: str) -> tuple[list[dict[str, Any]], float] | None:
        """The verdicts on the file with this digest and the seconds they took; None if unknown."""
        try:
            entry = json.loads(self._path(digest).read_text(encoding="utf-8"))
            verdicts, seconds = entry["verdicts"], float(entry["seconds"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return (verdicts, seconds) if are_verdicts(verdicts) else None

    def store(self, digest: str, verdicts: list[dict[str, Any]], seconds: float) -> None:
        entry = {"verdicts": verdicts, "seconds": seconds}
        write_text(self._path(digest), json.dumps(entry, ensure_ascii=True) + "\n")

    def _path(self, digest: str) -> Path:
        key = hashlib.sha256(f"{digest} {self.lesson} {self.mark}".encode()).hexdigest()[:32]
        return self.folder / f"{key}.json"


def fingerprint(lessons: list[Lesson]) -> str:
    """Changes when a verdict might: with the lessons, the checks, the grader and the libraries."""
    digest, last = hashlib.sha256(), max((lesson.number for lesson in lessons), default="")
    for folder in ("course_utils", "grading"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.parent.name != "__pycache__" and not _later(path, last):
                digest.update(path.read_bytes())
    digest.update("\0".join(text for lesson in lessons for text in lesson.files).encode())
    digest.update(" ".join([sys.version, *map(version, ("torch", "numpy", "scipy"))]).encode())
    return digest.hexdigest()[:16]


def _later(path: Path, last: str) -> bool:
    """Whether a file belongs to a lesson after the last one, which cannot depend on it."""
    own = re.search(r"/lesson(\d\d)/", path.relative_to(ROOT).as_posix())
    return bool(own and own[1] > last)
