"""Grade a folder of submissions. A run can be stopped and resumed at any time; only what changed is
graded again.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from grading import sandbox, selftest
from grading.cache import Cache, fingerprint
from grading.collect import Cell, Changed, Submission, lesson_of, submissions
from grading.course import Lesson, lessons
from grading.judge import Grader, Verdict, as_data, find
from grading.report import write_text

# how the name of a run's temporary folder begins, and a file in it that the run locks
TEMPORARY, LOCK = "grading-run-", ".grading-lock"
MORE_MEMORY = 768 << 20  # bytes that the grader may take for its work
M_MMAP_THRESHOLD = -3  # of mallopt(3): from which size on a buffer is mapped by itself


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
    """One notebook with its verdicts."""

    submission: Submission
    lesson: str
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    seconds: float = 0.0
    again: bool = False  # whether the same command may give a verdict that is lacking

    def as_data(self) -> dict[str, Any]:
        return {
            "submission": self.submission.name,
            "student": self.submission.student,
            "lesson": self.lesson,
            "digest": self.submission.digest,
            "verdicts": self.verdicts,
            "prose": self.prose,
            "seconds": self.seconds,
            "again": self.again,
        }


def grade(run: Run) -> dict[str, Any]:
    """Grade everything that is due; returns what results.json holds. Raises OSError if a folder
    cannot be read or written.
    """
    with workplace():
        return _graded(run, lessons(run.twins))


def _graded(run: Run, course: dict[str, Lesson]) -> dict[str, Any]:
    notebooks, seed = selected(run), recorded_seed(run)
    gradable, ungradable = sorted_out(notebooks, course, run.lesson)
    for graded in ungradable:
        graded.verdicts = not_graded(course.get(graded.lesson), no_verdict(graded.submission))
    with modest_memory():
        faults = _grade_all(gradable, course, seed, run)
    results = sorted((g.as_data() for g in gradable + ungradable), key=lambda r: r["submission"])
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


# --- what is to be graded -------------------------------------------------------------------------


def selected(run: Run) -> list[Submission]:
    """The submissions of this shard, without those in folders that are left out."""
    everyone = submissions(run.place, run.without)
    return [submission for submission in everyone if in_shard(submission.student, run.shard)]


def in_shard(student: str, shard: tuple[int, int]) -> bool:
    """Whether a student belongs to part `shard[0]` of `shard[1]`; by name, so that all machines
    agree.
    """
    digest = hashlib.sha256(student.encode("utf-8", "replace")).hexdigest()
    return int(digest, 16) % shard[1] == shard[0] - 1


def recorded_seed(run: Run) -> int:
    """The seed of this OUT: the one asked for, else the one of the last run, else a fresh one.
    Recorded in run.json.
    """
    place = run.out / "run.json"
    try:
        last = json.loads(place.read_text(encoding="utf-8"))["seed"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        last = None
    seed = run.seed
    if seed is None:
        seed = last if type(last) is int and last >= 0 else secrets.randbelow(2**31)
    write_text(place, json.dumps({"seed": seed}) + "\n")
    return seed


def sorted_out(
    notebooks: list[Submission], course: dict[str, Lesson], only: str
) -> tuple[list[Graded], list[Graded]]:
    """What can be graded, and what cannot; here every notebook is read once. Of lessons other than
    the one asked for, or of none, only the names of students who submitted nothing else are left.
    """
    gradable: list[Graded] = []
    ungradable: list[Graded] = []
    others: dict[str, str] = {}  # student -> lesson
    for submission in notebooks:
        cells = submission.read()
        number = lesson_of(cells, course)
        if only and not number and (submission.broken or answered(cells, course.get(only))):
            number = only
        if only and number != only:
            others[submission.student] = number or others.get(submission.student, "")
            continue
        pile = gradable if number and not submission.broken else ungradable
        pile.append(Graded(submission, number, prose=prose(cells, course.get(number))))
    present = {graded.submission.student for graded in gradable + ungradable}
    for student in others.keys() - present:
        instead = f"but one of lesson {others[student]}" if others[student] else "but another"
        reason = f"no notebook of lesson {only}, {instead}"
        ungradable.append(Graded(Submission(student, broken=reason), only))
    return gradable, ungradable


def answered(cells: list[Cell], lesson: Lesson | None) -> bool:
    """Whether some cell may hold an answer, though nothing tells the lesson."""
    tasks = lesson.tasks if lesson else []
    return any(find(task, cells, lesson.shipped) for task in tasks if lesson)


# --- grading --------------------------------------------------------------------------------------


def _grade_all(due: list[Graded], course: dict[str, Lesson], seed: int, run: Run) -> list[str]:
    """Fill in the verdicts, lesson by lesson. Returns what went wrong with the grader itself."""
    faults = []
    for number in sorted({graded.lesson for graded in due}):
        fault = _grade_lesson([g for g in due if g.lesson == number], course[number], seed, run)
        faults += [f"lesson {number}: {fault}"] if fault else []
    if not sandbox.settle():
        faults.append("a sandbox left a process behind")
    return faults


def _grade_lesson(notebooks: list[Graded], lesson: Lesson, seed: int, run: Run) -> str:
    """Fill in the verdicts on the notebooks of one lesson, known ones first. Returns the fault of
    the self-test, or "".
    """
    cache, fault = Cache(run.out, lesson, seed), ""
    unknown = [graded for graded in notebooks if not _recalled(graded, cache)]
    # the same file twice: once is enough
    first = {graded.submission.digest: graded for graded in reversed(unknown)}
    if first:
        with staged(lesson.number) as folder:
            grader = Grader(lesson, seed, folder, not run.trusted, secret=run.twins is not None)
            fault = selftest.fault(grader)
            if fault:
                for graded in first.values():
                    _leave(graded, lesson, f"the self-test failed: {fault}")
            else:
                _in_parallel(list(first.values()), grader, cache, run.jobs)
    for graded in unknown:
        twin = first[graded.submission.digest]
        graded.verdicts, graded.seconds, graded.again = twin.verdicts, twin.seconds, twin.again
    return fault


def _recalled(graded: Graded, cache: Cache) -> bool:
    """Whether the verdicts are known from an earlier run; then they are filled in."""
    entry = cache.load(graded.submission.digest)
    if entry:
        graded.verdicts, graded.seconds = entry
    return entry is not None


def _in_parallel(due: list[Graded], grader: Grader, cache: Cache, jobs: int) -> None:
    title = f"lesson {grader.lesson.number}"
    with (
        ThreadPoolExecutor(jobs) as pool,
        tqdm(total=len(due), desc=title, disable=None) as bar,
    ):
        waiting = [pool.submit(_grade_one, graded, grader, cache) for graded in due]
        try:
            for future in as_completed(waiting):
                future.result()
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _grade_one(graded: Graded, grader: Grader, cache: Cache) -> None:
    try:
        cells = graded.submission.read()
        if graded.submission.broken:
            return _leave(graded, grader.lesson, graded.submission.broken)
        verdicts, seconds = grader.grade(cells)
    except Changed:
        return _leave(graded, grader.lesson, "the file was changed while it was graded")
    except sandbox.Unusable as error:
        return _leave(graded, grader.lesson, str(error))
    except Exception as error:  # a mistake of the grader's, and no fault of the student's
        reason = f"the grader failed: {type(error).__name__}: {error}"
        return _leave(graded, grader.lesson, reason)
    graded.verdicts, graded.seconds = as_data(verdicts), round(seconds, 2)
    cache.store(graded.submission.digest, graded.verdicts, graded.seconds)


def _leave(graded: Graded, lesson: Lesson, reason: str) -> None:
    """Leave a notebook to the next run, which may grade it."""
    graded.verdicts, graded.again = not_graded(lesson, reason), True


def not_graded(lesson: Lesson | None, reason: str) -> list[dict[str, Any]]:
    """A row for every exercise that might be in a notebook about which nothing can be said."""
    tasks = lesson.tasks if lesson else []
    rows = [Verdict(t.id, t.name, t.points, "not_graded", reason) for t in tasks]
    return as_data(rows or [Verdict("", "", 0, "not_graded", reason)])


def no_verdict(submission: Submission) -> str:
    """Why a notebook that nobody tried to grade has no verdict."""
    return (
        submission.broken
        or "no exercise of the course is in it: neither a tag nor a function of that name"
    )


def prose(cells: list[Cell], lesson: Lesson | None) -> list[str]:
    """What the student wrote in words: text cells that the course did not ship."""
    shipped = {re.sub(r"\s+", "", text) for text in lesson.prose} if lesson else set()
    return [
        cell.source
        for cell in (cells if lesson else [])
        if cell.kind == "markdown"
        and cell.source.strip()
        and re.sub(r"\s+", "", cell.source) not in shipped
    ]


# --- the grader's own process ---------------------------------------------------------------------


@contextmanager
def workplace() -> Iterator[None]:
    """A folder for everything temporary, which is gone when this process is: the next run removes
    those of runs that were killed. A lock tells them from folders of runs that go on.
    """
    place = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    before, tempfile.tempdir = tempfile.tempdir, str(place)
    try:
        with (place / "new").open("w") as lock:
            _locked(lock)
            os.replace(place / "new", place / LOCK)  # so it never lies there unlocked
            remove_abandoned(place.parent)
            yield
    finally:
        tempfile.tempdir = before
        shutil.rmtree(place, ignore_errors=True)


def _locked(file: IO[str]) -> bool:
    """Lock a file for as long as it is open; False if another process holds it, or nobody can."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def remove_abandoned(place: Path) -> None:
    """Remove what killed runs left behind: folders of ours whose lock nobody holds."""
    for lock in place.glob(f"{TEMPORARY}*/{LOCK}"):
        try:
            with lock.open() as file:
                if lock.stat().st_uid == os.getuid() and _locked(file):
                    shutil.rmtree(lock.parent, ignore_errors=True)
        except (OSError, AttributeError):  # it is gone, or this is Windows
            continue


@contextmanager
def staged(number: str) -> Iterator[Path]:
    """A folder that holds what a box sees of the course, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "box"
        place.mkdir()
        yield sandbox.stage(place, number)


@contextmanager
def modest_memory() -> Iterator[None]:
    """Limit the grader's memory: two arrays of odd shapes, sent by a student, must not broadcast to
    one that fills the computer. What is freed goes back to the system.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:  # the GNU C library, which otherwise keeps larger and larger buffers
        mallopt(M_MMAP_THRESHOLD, 128 << 10)
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    used = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData:"))
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = used + MORE_MEMORY
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def stop() -> None:
    """After Ctrl-C: what is graded is on disk, and the boxes die with this process."""
    print("\nStopped. The same command goes on from here.", file=sys.stderr)
    sys.stderr.flush()
    os._exit(130)
