"""TRUSTED side: grade a folder of submissions; stop and go on at any time; only what changed is
graded again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grading import sandbox, selftest
from grading.collect import Submission, lesson_of, submissions
from grading.course import ROOT, Lesson, lessons
from grading.judge import Grader, Verdict, as_data
from grading.report import write_text

MORE_MEMORY = 768 << 20  # bytes that the grader may take for its work


@dataclass
class Run:
    """What the command line asks for."""

    place: Path
    out: Path
    jobs: int = 1
    seed: int | None = None
    lesson: str = ""
    twins: Path | None = None
    shard: tuple[int, int] = (1, 1)
    trusted: bool = False
    without: frozenset[str] = frozenset()  # folders of these names are left out


@dataclass
class Graded:
    """One notebook and what was found."""

    one: Submission
    lesson: str
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_data(self) -> dict[str, Any]:
        return {
            "submission": self.one.name,
            "student": self.one.student,
            "lesson": self.lesson,
            "digest": self.one.digest,
            "verdicts": self.verdicts,
            "prose": self.prose,
            "seconds": self.seconds,
        }


def grade(run: Run) -> dict[str, Any]:
    """Grade all that is due; returns what results.json holds. Raises OSError if a folder cannot be
    read or written.
    """
    course, found = (
        lessons(run.twins),
        [
            one
            for one in submissions(run.place)
            if in_shard(one.student, run.shard)
            and not run.without.intersection(one.name.split("/")[1:-1])
        ],
    )
    seed = recorded_seed(run)
    work, done = sorted_out(found, course, run.lesson)
    for graded in done:
        graded.verdicts = not_graded(graded, course)
    with modest_memory():
        faults = _grade_all(work, course, seed, run)
    results = sorted((g.as_data() for g in work + done), key=lambda r: r["submission"])
    return {
        "seed": seed,
        "shard": list(run.shard),
        "lesson": run.lesson,
        "twins": bool(run.twins),
        "trusted": run.trusted,
        "course": fingerprint(list(course.values())),
        "faults": faults,
        "submissions": results,
    }


def sorted_out(
    found: list[Submission], course: dict[str, Lesson], only: str
) -> tuple[list[Graded], list[Graded]]:
    """What can be graded, and what cannot. Of other lessons than the one asked for nothing is kept
    but the names of students who have nothing else.
    """
    work, done, others = [], [], {}
    for one in found:
        number = lesson_of(one.cells, course)
        if only and number not in ("", only):
            others[one.student] = number
        else:
            number = only or number
            (work if number and not one.broken else done).append(Graded(one, number))
    for student in others.keys() - {graded.one.student for graded in work + done}:
        reason = f"no notebook of lesson {only}, but one of lesson {others[student]}"
        done.append(Graded(Submission(student, broken=reason), only))
    return work, done


def not_graded(graded: Graded, course: dict[str, Lesson], reason: str = "") -> list[dict[str, Any]]:
    """A row for every exercise that might be in a notebook of which nothing can be said."""
    reason = (
        reason
        or graded.one.broken
        or "no exercise of the course is in it: neither a tag nor a function of that name"
    )
    tasks = course[graded.lesson].tasks if graded.lesson else []
    rows = [Verdict(t.id, t.name, t.points, "not_graded", reason) for t in tasks]
    return as_data(rows or [Verdict("", "", 0, "not_graded", reason)])


def _grade_all(work: list[Graded], course: dict[str, Lesson], seed: int, run: Run) -> list[str]:
    """Fill in the verdicts, lesson by lesson, taking those that are known from the last time.
    Returns what went wrong.
    """
    faults = []
    for number in sorted({graded.lesson for graded in work}):
        lesson, mine = course[number], [graded for graded in work if graded.lesson == number]
        mark = fingerprint([lesson])
        unknown = [graded for graded in mine if not _known(graded, run.out, f"{mark}-{seed}")]
        # the same file twice: once is enough
        first = {graded.one.digest: graded for graded in reversed(unknown)}
        due = list(first.values())
        if due:
            with staged(number) as folder:
                grader = Grader(lesson, seed, folder, boxed=not run.trusted)
                wrong = selftest.fault(grader)
                faults += [f"lesson {number}: {wrong}"] if wrong else []
                for graded in due if wrong else []:
                    graded.verdicts = not_graded(graded, course, f"the self-test failed: {wrong}")
                _in_parallel([] if wrong else due, grader, course, run, f"{mark}-{seed}")
        for graded in unknown:
            graded.verdicts, graded.seconds = (
                first[graded.one.digest].verdicts,
                first[graded.one.digest].seconds,
            )
        for graded in mine:
            graded.prose = prose(graded.one, lesson)
    if not sandbox.settle():
        faults.append("a sandbox left a process behind")
    return faults


def _in_parallel(
    due: list[Graded], grader: Grader, course: dict[str, Lesson], run: Run, mark: str
) -> None:
    title = f"lesson {grader.lesson.number}"
    with (
        ThreadPoolExecutor(run.jobs) as pool,
        tqdm(total=len(due), desc=title, disable=None) as bar,
    ):
        waiting = [pool.submit(_grade_one, graded, grader, course, run.out, mark) for graded in due]
        try:
            for future in as_completed(waiting):
                future.result()
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _grade_one(
    graded: Graded, grader: Grader, course: dict[str, Lesson], out: Path, mark: str
) -> None:
    try:
        verdicts, graded.seconds = grader.grade(graded.one.cells)
    except Exception as error:  # of the sandbox's or of ours, and no fault of the student's
        reason = (
            str(error)
            if isinstance(error, sandbox.Unusable)
            else f"the grader failed: {type(error).__name__}: {error}"
        )
        graded.verdicts = not_graded(graded, course, reason)
        return
    graded.verdicts = as_data(verdicts)
    graded.seconds = round(graded.seconds, 2)
    kept = {"verdicts": graded.verdicts, "seconds": graded.seconds}
    write_text(_kept(graded, out, mark), json.dumps(kept, ensure_ascii=True) + "\n")


def _kept(graded: Graded, out: Path, mark: str) -> Path:
    """Where the verdict on this very file, with this seed and this course, is kept."""
    name = hashlib.sha256(f"{graded.one.digest} {graded.lesson} {mark}".encode()).hexdigest()[:32]
    return out / "verdicts" / f"{name}.json"


def _known(graded: Graded, out: Path, mark: str) -> bool:
    try:
        kept = json.loads(_kept(graded, out, mark).read_text(encoding="utf-8"))
        graded.verdicts, graded.seconds = kept["verdicts"], kept["seconds"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


@contextmanager
def modest_memory() -> Iterator[None]:
    """Two arrays of odd shapes, sent by a student, must not multiply into one that fills the
    computer.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    status = Path("/proc/self/status").read_text(encoding="utf-8")
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = (int(re.search(r"VmData:\s+(\d+)", status)[1]) << 10) + MORE_MEMORY
    resource.setrlimit(
        resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
    )
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@contextmanager
def staged(number: str) -> Iterator[Path]:
    """A folder that holds what a box sees of the course, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="grading-") as folder:
        place = Path(folder) / "box"
        place.mkdir()
        yield sandbox.stage(place, number)


def recorded_seed(run: Run) -> int:
    """The seed of this OUT: the one asked for, else the one of the last time, else a fresh one;
    recorded in run.json.
    """
    place = run.out / "run.json"
    try:
        last = json.loads(place.read_text(encoding="utf-8"))["seed"]
    except (OSError, ValueError, KeyError, TypeError):
        last = None
    seed = (
        run.seed
        if run.seed is not None
        else last
        if isinstance(last, int)
        else secrets.randbelow(2**31)
    )
    write_text(place, json.dumps({"seed": seed}) + "\n")
    return seed


def in_shard(student: str, shard: tuple[int, int]) -> bool:
    """Whether a student belongs to part `shard[0]` of `shard[1]`; by name, so that every machine
    agrees.
    """
    return (
        int(hashlib.sha256(student.encode("utf-8", "replace")).hexdigest(), 16) % shard[1]
        == shard[0] - 1
    )


def fingerprint(which: list[Lesson]) -> str:
    """Changes when a verdict might: with the lesson, the checks, the grader, and the libraries."""
    digest, last = hashlib.sha256(), max((lesson.number for lesson in which), default="")
    for path in sorted(
        p for folder in ("course_utils", "grading") for p in (ROOT / folder).rglob("*")
    ):
        lesson_of_its_own = re.search(r"/lesson(\d\d)/", path.as_posix())
        if (
            path.is_file()
            and path.parent.name != "__pycache__"
            and not (lesson_of_its_own and lesson_of_its_own[1] > last)
        ):
            digest.update(path.read_bytes())
    digest.update("\0".join(text for lesson in which for text in lesson.files).encode())
    digest.update(" ".join([sys.version, *map(version, ("torch", "numpy", "scipy"))]).encode())
    return digest.hexdigest()[:16]


def prose(one: Submission, lesson: Lesson) -> list[str]:
    """What the student wrote in words: text cells that the course did not ship."""
    shipped = {re.sub(r"\s+", "", text) for text in lesson.prose}
    return [
        cell.source
        for cell in one.cells
        if cell.kind == "markdown"
        and cell.source.strip()
        and re.sub(r"\s+", "", cell.source) not in shipped
    ]


def stop() -> None:
    """After Ctrl-C: what is graded is on disk, and the boxes die with this process."""
    print("\nStopped. The same command goes on from here.", file=sys.stderr)
    sys.stderr.flush()
    os._exit(130)
