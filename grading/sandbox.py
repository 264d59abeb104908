"""A box without network, files or rights, in which a student's code answers questions with plain
data.

Nothing that comes out is trusted: every wait has an end, every line a limit, and every reply the id
of its question.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import course_utils
from grading.inside.syscalls import MACHINES

HERE = Path(__file__).resolve().parent
PACKAGE = Path(course_utils.__file__).resolve().parent
MEGA = 1 << 20
LIMITS = {
    "RLIMIT_AS": 4096 * MEGA,
    "RLIMIT_NPROC": 24,
    "RLIMIT_CPU": 90,
    "RLIMIT_FSIZE": 8 * MEGA,
    "RLIMIT_CORE": 0,
    "RLIMIT_NOFILE": 64,
    "RLIMIT_DATA": -1,  # none; the grader has one for itself
}
GROUP_MEMORY = 3072 * MEGA  # of all processes in a box together
WRITABLE = ("/dev/shm", "/tmp")
FILE_MEMORY = 2048  # bytes that the kernel takes for a file beside what is in it
# seconds for the libraries, for the cells that an answer needs, for all cells, for sweeping up
START, DEFINE, DEFINE_ALL, OVER = 30.0, 8.0, 20.0, 3.0
LONGEST, ALL_REPLIES = 24 * MEGA, 48 * MEGA  # bytes of one reply, and of all in one exercise
MOST_PARTS = 200_000  # lists and items in one reply
TOO_LONG = "it returned far more than was asked for"
TICK = 0.2  # seconds between two looks at the time and the memory used
PATIENCE = 25  # so many times its limit on the clock, and the machine is too busy to say anything
USER = "60001"
NEEDED = "Untrusted grading needs Linux with bubblewrap (`apt install bubblewrap`)"
ELSEWHERE = (
    'see "Where there is no sandbox" in docs/grading.md for the way by container, '
    "or add --trusted to grade your own work."
)
ENDING: set[int] = set()  # the first process of every closed box
UIDS: set[int] = set()  # user ids that boxes of this process have had
_slot = itertools.count(secrets.randbelow(24000))


class Lost(BaseException):
    """The answer cannot be asked any more, by its own doing: no `read` of a case may catch this."""


class Unusable(Exception):
    """The sandbox does not work: nothing can be said about the answer."""


def missing() -> str:
    """Why there is no sandbox here, in one sentence with what to do; "" if there is one."""
    if not sys.platform.startswith("linux") or not shutil.which("bwrap"):
        return f"{NEEDED}; {ELSEWHERE}"
    if platform.machine() not in MACHINES:
        return f"Untrusted grading needs one of the processors {', '.join(MACHINES)}; {ELSEWHERE}"
    trial = subprocess.run(
        ["bwrap", *walls(), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ.get("PATH", os.defpath)},
    )
    if trial.returncode == 0:
        return ""
    message = " ".join(trial.stderr.split())[:200]
    return (
        f"bubblewrap cannot make a sandbox here ({message}); on Ubuntu 24.04 AppArmor forbids it;"
        f" {ELSEWHERE}"
    )


def can_change_user() -> bool:
    """Whether we are really root, and not only by name in a namespace that knows no other user (as
    in `unshare -r`).
    """
    if os.geteuid() != 0:
        return False
    rows = [
        line.split() for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    ]
    return any(int(first) <= 40000 and int(first) + int(count) > 64000 for first, _, count in rows)


def walls() -> list[str]:
    """Own namespaces for everything; a distinct uid where we are root, an own user namespace
    elsewhere.
    """
    apart = [
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]
    if can_change_user():
        return [*apart, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return ["--unshare-user", *apart, "--cap-drop", "ALL", "--uid", USER, "--gid", USER]


def stage(folder: Path, number: str) -> Path:
    """Put together what the box sees: the course without `exercises.py` and later lessons'
    `taught.py`, and inside/.
    """

    def left_out(where: str, names: list[str]) -> list[str]:
        later = Path(where).name >= f"lesson{number}"
        return [
            name
            for name in names
            if name in ("exercises.py", "__pycache__") or name == "taught.py" and later
        ]

    shutil.copytree(PACKAGE, folder / "course_utils", ignore=left_out)
    shutil.copytree(HERE / "inside", folder / "grading" / "inside", ignore=left_out)
    (folder / "grading" / "__init__.py").touch()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def mounts(folder: Path) -> list[str]:
    """The interpreter and its packages, read-only; nothing else of this computer, above all not the
    course's own files.
    """
    shown = {
        Path(p) for p in ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")
    }
    shown = {p for p in shown | {Path(sys.prefix), Path(sys.base_prefix)} if p.exists()}
    hidden = {PACKAGE.parent, *(Path(p) / "course_utils" for p in sys.path if p)}
    hidden = {p for p in hidden if p.is_dir() and any(p.is_relative_to(s) for s in shown)}
    options = ["--proc", "/proc", "--dev", "/dev"]
    for place in WRITABLE:
        options += ["--perms", "1777", "--size", str(64 * MEGA), "--tmpfs", place]
    for path in sorted(
        {q for p in shown | {Path("/box/x")} for q in p.parents} - {Path("/"), Path("/tmp")},
        key=str,
    ):
        options += ["--perms", "0755", "--dir", str(path)]
    for path in sorted(shown | hidden, key=lambda p: len(p.parts)):
        options += ["--tmpfs", str(path)] if path in hidden else ["--ro-bind", str(path), str(path)]
    # memory that is shared through this device belongs to nobody
    options += ["--ro-bind", "/dev/null", "/dev/zero"]
    closed = [
        part for path in [*hidden, "/dev", "/proc", "/"] for part in ("--remount-ro", str(path))
    ]
    return [*options, "--ro-bind", str(folder), "/box", *closed, "--chdir", "/tmp"]


def environment(home: str, place: str) -> dict[str, str]:
    """All that the student's code finds in its environment."""
    one = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    return one | {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "USER": "student",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": place,
        "COURSE_DEVICE": "cpu",
        "COURSE_PROFILE": "cpu",
        "TQDM_DISABLE": "1",
    }


@dataclass
class Usage:
    """What a tree of processes has used, in seconds and bytes. `waited`: by process, how long it
    was ready to run while others had the processors.
    """

    cpu: float = 0.0
    waited: dict[int, float] = field(default_factory=dict)
    memory: int = 0


def waiting(task: str = "/proc/thread-self") -> float:
    """Seconds that a process or thread, such as this one, has been ready to run while others had
    the processors.
    """
    try:
        with open(f"{task}/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def settle(seconds: float = 10.0) -> bool:
    """Wait until every box that was closed has left nothing behind; False if something stays."""
    end = time.monotonic() + seconds
    while ENDING and time.monotonic() < end:
        ENDING.difference_update([pid for pid in set(ENDING) if not os.path.exists(f"/proc/{pid}")])
        time.sleep(0.02)
    return not ENDING


def usage(root: int) -> Usage:
    """The use of a process and all its descendants."""
    rows = {pid: row for pid in filter(str.isdecimal, os.listdir("/proc")) if (row := _stat(pid))}
    children: dict[str, list[str]] = {}
    for pid, row in rows.items():
        children.setdefault(row[1].decode(), []).append(pid)
    total, ticks, family = Usage(), os.sysconf("SC_CLK_TCK"), [str(root)]
    for pid in family:
        family += children.get(pid, [])
        if pid in rows:
            total.cpu += sum(map(int, rows[pid][11:15])) / ticks
            total.memory += int(rows[pid][21]) * os.sysconf("SC_PAGE_SIZE")
            total.waited[int(pid)] = waiting(f"/proc/{pid}")
    return total


def _stat(pid: str) -> list[bytes]:
    """What the kernel says of a process, from its state on; nothing if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def in_files(root: int) -> int:
    """Bytes in the folders that a box can write to, whose first process is `root`; a file that
    holds nothing takes memory, too.
    """
    total = 0
    for folder in WRITABLE:
        try:
            there = os.statvfs(f"/proc/{root}/root{folder}")
        except OSError:
            continue
        total += (there.f_blocks - there.f_bfree) * there.f_frsize
        total += (there.f_files - there.f_ffree) * FILE_MEMORY
    return total


class Box:
    """One sandbox with the libraries loaded, for one exercise after another of one submission."""

    def __init__(self, folder: Path, warm: list[str], course: list[str], boxed: bool = True):
        self.boxed, self.alive, self.init, self.replies, self.cpu = boxed, True, None, 0, 0.0
        self.parts: list[bytes] = []
        self.lines: deque[bytes] = deque()
        uid = 40000 + next(_slot) % 24000 if boxed and can_change_user() else 0
        UIDS.update({uid} - {0})
        self.process = self._launch(folder)
        assert self.process.stdin and self.process.stdout and self.process.stderr  # three pipes
        self.stdin, self.stdout, self.stderr = (
            self.process.stdin,
            self.process.stdout,
            self.process.stderr,
        )
        for pipe in (self.stdin, self.stdout):
            os.set_blocking(pipe.fileno(), False)
        job = {
            "id": secrets.token_hex(8),
            "warm": warm,
            "course": course,
            "boxed": boxed,
            "uid": uid,
            "limits": LIMITS if boxed else {},
        }
        try:
            self._allow(START)
            self._send(job)
            self._receive(lambda line: line[:1] == b"w" and _json(line[1:]).get("id") == job["id"])
        except Lost as error:
            self.close()
            message = " ".join((self.stderr.read() or b"").decode(errors="replace").split())[-200:]
            self.discard()
            raise Unusable(f"the sandbox did not start: {error} {message}".strip()) from None

    def _launch(self, folder: Path) -> subprocess.Popen:
        # nothing is taken from the working folder
        command = [sys.executable, "-s", "-B", "-P", "-m", "grading.inside.worker"]
        if not self.boxed:
            self.home = tempfile.TemporaryDirectory(prefix="grading-home-")
            return self._popen(command, environment(self.home.name, str(folder)), ())
        reading, writing = os.pipe()
        inside = [
            part for pair in environment("/tmp", "/box").items() for part in ("--setenv", *pair)
        ]
        bwrap = [
            shutil.which("bwrap") or "bwrap",
            "--info-fd",
            str(writing),
            *walls(),
            "--die-with-parent",
            "--new-session",
            "--clearenv",
            "--hostname",
            "box",
            *mounts(folder),
            *inside,
            "--",
        ]
        try:
            process = self._popen(bwrap + command, {}, (writing,))
        except OSError as error:
            os.close(writing)
            os.close(reading)
            raise Unusable(f"bubblewrap cannot be started: {error}") from None
        os.close(writing)
        info, more = b"", b"{"
        while more and b"}" not in info and select.select([reading], [], [], START)[0]:
            more = os.read(reading, 4096)
            info += more
        os.close(reading)
        self.init = _json(info).get("child-pid")
        return process

    def _popen(self, command: list[str], env: dict[str, str], fds: tuple) -> subprocess.Popen:
        return subprocess.Popen(
            command,
            env=env,
            pass_fds=fds,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    # --- one exercise -----------------------------------------------------------------------------

    def open(self, exercise: dict[str, Any], seconds: float) -> None:
        """Begin an exercise, whose calls may take `seconds` together. Raises Lost if the cells
        define no such function. `more` then says what the box claims of the other cells.
        """
        self.replies, self.more = 0, ""
        self._allow(DEFINE_ALL if exercise["whole"] else DEFINE)
        try:
            reply = self.ask(exercise)
        except (Late, Gone) as error:
            raise Unbuilt(str(error)) from None
        more = reply.get("more")
        self.more = more if more in ("later", "own") else ""
        if reply.get("ready") is not True:
            message = reply.get("broken")
            raise Broken(message[:300] if isinstance(message, str) else "the cells define nothing")
        self._allow(seconds)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The reply to one question. Raises Lost if none comes, or not in time, or none that makes
        sense.
        """
        name = secrets.token_hex(8)
        self._send({"id": name} | question)
        line = self._receive(lambda line: line[:1] == b"c" or "gone" in _json(line[1:]))
        if line[:1] == b"w":
            if _json(line[1:]).get("too_long"):
                raise Lost(TOO_LONG)
            raise Gone("the process ended in the middle: a crash, an exit, or too much memory")
        reply = _json(line[1:])
        if reply.get("id") != name:
            raise Lost("it answered without being asked")
        return reply

    def end(self) -> None:
        """End the exercise and all that it started; if that does not work, the box is closed."""
        try:
            self._allow(OVER)
            self._send(b"end\n")
            self._receive(lambda line: line[:1] == b"w" and _json(line[1:]) == {"over": True})
        except Lost:
            self.close()

    # --- time and memory --------------------------------------------------------------------------

    def _allow(self, seconds: float) -> None:
        self.seconds, self.passed, self.starved, self.before = seconds, 0.0, 0.0, self._used()
        self.seen, self.waited = 0.0, self.before.waited
        self.began = self.checked = time.monotonic()

    def _used(self) -> Usage:
        used = Usage()
        if sys.platform.startswith("linux"):
            used = usage(self.init or self.process.pid)
            used.memory += in_files(self.init) if self.init else 0
        return used

    def _check(self) -> None:
        """Seconds do not count while other programs have the processors, up to a point.

        Of the processes that wait for a processor two count, the answer's and the one that passes
        its lines on: all get a fair share, so they wait for others, or for what this box spends.
        """
        now, since = self._used(), self.passed - self.seen
        if now.memory > GROUP_MEMORY and self.boxed:
            self.close()
            raise Lost("it took too much memory")
        waits = sorted(
            max(0.0, wait - self.waited.get(pid, 0.0)) for pid, wait in now.waited.items()
        )  # a process that ends while it is looked at is said to have waited 0
        self.starved += min(since, sum(waits[-2:]))
        self.seen, self.waited = self.passed, now.waited
        spent = max(now.cpu - self.before.cpu, self.passed - self.starved)
        if spent > self.seconds:
            raise Late(
                f"it was still running after {self.seconds:g} seconds: is there a loop without an"
                " end?"
            )
        if time.monotonic() - self.began > self.seconds * PATIENCE:
            self.close()
            raise Busy("this computer is too busy")

    # --- bytes ------------------------------------------------------------------------------------

    def _send(self, what: dict[str, Any] | bytes) -> None:
        data = memoryview(what if isinstance(what, bytes) else json.dumps(what).encode() + b"\n")
        end, pipe = time.monotonic() + OVER * PATIENCE, self.stdin.fileno()
        while data:
            if (
                not self.alive
                or not select.select([], [pipe], [], max(0.0, end - time.monotonic()))[1]
            ):
                self.close()
                raise Lost("it does not listen any more")
            try:
                data = data[os.write(pipe, data[:65536]) :]
            except BlockingIOError:
                continue
            except OSError:
                self.close()
                raise Gone("the sandbox was ended from inside") from None

    def _receive(self, wanted: Callable[[bytes], bool]) -> bytes:
        """The next line that is wanted; others are dropped."""
        while True:
            while self.lines:
                line = self.lines.popleft()
                if wanted(line):
                    return line
            if not self.alive:
                raise Gone("the sandbox was ended from inside")
            start, waited = time.monotonic(), waiting()
            if select.select([self.stdout], [], [], TICK)[0]:
                self._read()
            # what goes beyond is not the answer's: we ourselves waited for a processor
            self.passed += max(0.0, min(time.monotonic() - start, TICK) - (waiting() - waited))
            if time.monotonic() > self.checked + TICK:
                self.checked = time.monotonic()
                self._check()

    def _read(self) -> None:
        data = os.read(self.stdout.fileno(), MEGA)
        self.replies += len(data)
        self.parts.append(data)
        if not data:
            self.close()
            raise Gone("the sandbox was ended from inside")
        if self.replies > ALL_REPLIES or sum(map(len, self.parts)) > LONGEST:
            self.close()
            raise Lost(TOO_LONG)
        if b"\n" in data:
            *lines, rest = b"".join(self.parts).split(b"\n")
            self.lines.extend(line for line in lines if line)
            self.parts = [rest]

    def close(self) -> None:
        """End every process of the box. The kernel takes a second to clear the namespaces away;
        `settle` waits for it.
        """
        if not self.alive:
            return
        self.alive, self.cpu = False, self._used().cpu
        self.process.kill()
        self.process.wait()
        ENDING.add(self.init or self.process.pid)
        self.stdin.close()
        self.stdout.close()

    def discard(self) -> float:
        """Close the box for good; returns the CPU seconds of all its processes."""
        self.close()
        self.stderr.close()
        return self.cpu


class Late(Lost):
    """The time is up."""


class Broken(Lost):
    """The cells ended in an error before they defined the answer."""


class Busy(Lost):
    """The computer is too busy to run the answer, so nothing can be said about it."""


class Gone(Lost):
    """The process is no more; worth one more try, since the machine may have been the cause."""


class Unbuilt(Gone):
    """The cells could not even be read; worth one more try without those that are no answers."""


def _json(data: bytes) -> dict[str, Any]:
    """A JSON object, or an empty one."""
    try:
        if sum(map(data.count, (b"[", b"{", b","))) > MOST_PARTS:
            return {}
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
