"""The first process in the box: it knows no check, no expected value and no other submission.

The warden loads the libraries once, and forks a child for every exercise. The child runs the
student's code and answers calls over a socket of its own; the warden passes lines to and fro, ends
the child, and sweeps up after it. No child can reach the warden's memory or its pipes, so what one
answer does cannot touch the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import warnings
from pathlib import Path
from typing import Any

from grading.inside import eager, syscalls

LONGEST = 25 << 20  # bytes of one line from a child
CHILD, WARDEN = b"c", b"w"  # the first byte of a line says who wrote it
ANY_CHILD = 0x40000000  # waitpid: whatever signal its end sends
WRITABLE = ("/tmp", "/dev/shm")  # in a box
DUMPABLE = 4  # prctl: whether others with the same uid may look into this process


def main() -> None:
    reading, writing = os.dup(0), os.dup(1)
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(quiet, 1)
    lines = os.fdopen(reading, "rb")
    job = json.loads(lines.readline())
    settle(job)
    course = loaded(job)
    normal = state()
    say(writing, {"id": job["id"], "warm": True})
    for line in lines:
        child, ours = start(json.loads(line), lines, writing, course)
        relay(lines, writing, ours)
        sweep(child, ours, job["boxed"])
        if job["boxed"] and state() != normal:
            os._exit(3)
        say(writing, {"over": True})


def loaded(job: dict) -> Any:
    """Load the libraries and what the children use, without collecting garbage: all of it stays,
    here and in the children. -> the course's cells, parsed
    """
    gc.disable()
    for name in job["warm"]:
        importlib.import_module(name)
    eager.without_compiler()
    import course_utils

    course_utils.check = lambda _exercise, answer: answer  # there are no checks in here
    import IPython.core.inputtransformer2  # noqa: F401  loaded once, for all children

    from grading.inside import answering, cells  # noqa: F401

    course = cells.parsed(job["course"])
    gc.freeze()
    gc.enable()
    return course


def settle(job: dict) -> None:
    """Apply the limits, then switch to an unused uid; hide this process from the children that will
    share it.
    """
    if job["boxed"] and (os.getppid() != 1 or Path("/proc/1/comm").read_text() != "bwrap\n"):
        os._exit(4)  # what follows may end every process that it sees
    for name, value in job["limits"].items():
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        value = (
            value
            if hard == resource.RLIM_INFINITY
            else hard
            if value == resource.RLIM_INFINITY
            else min(value, hard)
        )
        resource.setrlimit(which, (value, value))
    if job["uid"]:
        os.setgroups([])
        os.setresgid(job["uid"], job["uid"], job["uid"])
        os.setresuid(job["uid"], job["uid"], job["uid"])
    prctl(DUMPABLE, 0)
    if job["boxed"]:
        syscalls.refuse()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setrecursionlimit(3000)
    warnings.simplefilter("ignore")


def prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def state() -> list:
    """What a child could change about the warden from outside, or leave behind."""
    limits = [
        resource.getrlimit(getattr(resource, name))
        for name in sorted(dir(resource))
        if name.startswith("RLIMIT_")
    ]
    there = hasattr(os, "sched_getaffinity")
    return [
        limits,
        os.getpriority(os.PRIO_PROCESS, 0),
        there and [os.sched_getaffinity(0), os.sched_getscheduler(0)],
        *(os.listdir(folder) for folder in WRITABLE if os.path.isdir(folder)),
    ]


def say(to: int, what: dict) -> None:
    pass_on(to, b"\n" + WARDEN + json.dumps(what).encode() + b"\n")


def start(exercise: dict, lines: Any, writing: int, course: list) -> tuple[int, socket.socket]:
    """Fork a child for an exercise; returns its pid and the warden's end of the socket between
    them.
    """
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    try:
        os.setsid()
        ours.close()
        os.close(lines.fileno())
        os.close(writing)
        os.dup2(0, 2)
        prctl(DUMPABLE, 1)
        from grading.inside import answering

        answering.serve(theirs, exercise, course)
    finally:
        os._exit(0)


def relay(lines: Any, writing: int, child: socket.socket) -> None:
    """Pass lines on until the grader says `end`, or the child is gone or never stops writing."""
    rest, incoming = b"", lines.fileno()
    while True:
        ready, _, _ = select.select([incoming, child], [], [])
        if child in ready:
            try:
                data = child.recv(1 << 20)
            except OSError:
                data = b""
            *complete, rest = (rest + data).split(b"\n")
            for line in complete:
                pass_on(writing, CHILD + line + b"\n")
            if not data or len(rest) > LONGEST:
                say(writing, {"gone": True, "too_long": len(rest) > LONGEST})
                while lines.readline() not in (b"end\n", b""):
                    pass
                return
        if incoming in ready:
            line = lines.readline()
            if line in (b"end\n", b""):
                return
            with contextlib.suppress(OSError):  # it is gone, which the next read will tell
                child.sendall(line)


def pass_on(writing: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(writing, rest) :]


def sweep(child: int, ours: socket.socket, boxed: bool) -> None:
    """End the child and whatever it started, and empty the places where it could have left
    something.
    """
    ours.close()
    if boxed:  # in a namespace of processes that is ours alone
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
    else:
        try:
            os.killpg(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with contextlib.suppress(ChildProcessError):  # what it made children of ours
        while boxed and os.waitpid(-1, ANY_CHILD):
            pass
    for folder in WRITABLE if boxed else ():
        with contextlib.suppress(PermissionError):  # it is ours only where we are no root
            os.chmod(folder, 0o1777)
        for entry in os.scandir(folder):
            remove(entry)
        os.utime(folder)  # a time, too, is a place for a number


def remove(entry: os.DirEntry) -> None:
    """What stays all the same, in folders that are closed or too deep, ends the box."""
    with contextlib.suppress(OSError, RecursionError):
        if entry.is_dir(follow_symlinks=False):
            os.chmod(entry.path, 0o700)
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


if __name__ == "__main__":
    main()
