"""The box as a whole: nothing outlasts an exercise, all memory and all time is counted."""

import platform
import subprocess
import sys
import time

import pytest

from grading import batch, sandbox
from grading.collect import Cell
from grading.course import ROOT
from grading.inside import syscalls
from grading.judge import BUSY, Grader
from tests import grading as t

LESSON = t.LESSONS["01"]
TASK = LESSON.tasks[0]
ROOMS = """
import ctypes, mmap, os, socket
libc = ctypes.CDLL(None)
def anonymous():
    mmap.mmap(-1, 4096)
def device():
    mmap.mmap(os.open("/dev/zero", os.O_RDWR), 4096)
def number(*call):
    if libc.syscall(*call) < 0:
        raise OSError
def namespace():
    number(CLONE, 0x10000000 | 17, 0, 0, 0, 0)
TRIED = {
    "shared memory": lambda: number(SHMGET, 1, 4096, 0o1600),
    "semaphore": lambda: number(SEMGET, 1, 1, 0o1600),
    "queue": lambda: number(MSGGET, 1, 0o1600),
    "key": lambda: number(ADD_KEY, b"user", b"x", b"1", 1, -4),
    "memfd": lambda: os.memfd_create("x"),
    "anonymous": anonymous,
    "device": device,
    "unshare": lambda: number(UNSHARE, 0x10000000),
    "clone": namespace,
    "network": lambda: socket.socket(),
    "attribute": lambda: os.setxattr("/tmp", "user.x", b"1"),
    "nice": lambda: os.nice(1),
    "idle": lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)),
    "autogroup": lambda: open("/proc/self/autogroup", "w"),
    "score": lambda: open("/proc/self/oom_score_adj", "w"),
}
def NAME(*args):
    done = []
    for name, attempt in TRIED.items():
        try:
            attempt()
            done.append(name)
        except OSError:
            pass
    raise RuntimeError("got " + ", ".join(done))
"""
USED = """
def NAME(*args):
    import multiprocessing, os, signal, socket, subprocess, tempfile, threading
    from multiprocessing import shared_memory
    queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=queue.put, args=(1,))
    process.start()
    assert queue.get() == 1
    process.join()
    held = shared_memory.SharedMemory(create=True, size=100)
    held.close()
    held.unlink()
    assert subprocess.run(["/bin/sh", "-c", "true | cat"]).returncode == 0
    socket.socketpair()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    assert os.waitpid(os.fork() or os._exit(7), 0)[1] >> 8 == 7
    thread = threading.Thread(target=tempfile.TemporaryFile)
    thread.start()
    thread.join()
    raise RuntimeError("all of it works")
"""
FILES = """
def NAME(*args):
    import os, time
    for n in range(2000):
        open(f"/tmp/{n}", "w").close()
    os.utime("/tmp")
    time.sleep(1000)
"""
NUMBERS = {"CLONE": (56, 220)} | {name.upper(): number for name, number in syscalls.REFUSED.items()}


def source(text):
    column = platform.machine() != "x86_64"
    for name, numbers in NUMBERS.items():
        text = text.replace(f"number({name}", f"number({numbers[column]}")
    return text.replace("NAME", TASK.name)


@pytest.fixture(scope="module")
def grader():
    with batch.staged(LESSON.number) as folder:
        yield Grader(LESSON, t.SEED, folder)


def judged(grader, text):
    verdicts, _ = grader.grade([Cell("code", source(text), (f"exercise:{TASK.id}",))])
    return next(v for v in verdicts if v.exercise == TASK.id)


@t.needs_sandbox
def test_nothing_can_be_made_that_no_process_owns_or_that_hides_what_is_used(grader):
    assert judged(grader, ROOMS).evidence["came"] == "an error, RuntimeError: got "


@t.needs_sandbox
def test_what_honest_programs_use_works(grader):
    assert judged(grader, USED).evidence["came"] == "an error, RuntimeError: all of it works"


def test_the_filter_knows_other_processors_or_says_so():
    lengths = {len(syscalls.program(machine)) for machine in syscalls.MACHINES}
    assert len(lengths) == 1 and lengths.pop() % 8 == 0
    with pytest.raises(KeyError):
        syscalls.program("vax")


@pytest.fixture
def box(grader):
    box = sandbox.Box(grader.folder, ["numpy"], [])
    yield box
    box.discard()


def opened(box, text):
    cells = {
        "name": TASK.name,
        "cells": [source(text)],
        "at": 0,
        "given": {},
        "whole": False,
        "split": False,
    }
    box.open(cells, 1.0)


@t.needs_sandbox
def test_files_count_as_memory_and_the_next_exercise_finds_none_of_them(box):
    opened(box, FILES)
    with pytest.raises(sandbox.Late):
        box.ask({"probe": "", "times": 1, "args": []})
    assert sandbox.in_files(box.init) > 2000 * sandbox.FILE_MEMORY
    before = time.time()
    box.end()
    assert sandbox.in_files(box.init) < 10 * sandbox.FILE_MEMORY
    opened(
        box,
        "def NAME():\n    import os\n    s = os.stat('/tmp')\n    return [s.st_mtime, s.st_mode]",
    )
    reply = box.ask({"probe": "", "times": 1, "args": []})
    [[when, mode]] = [part["list"] for part in reply["ok"]["list"]]
    assert when >= before - 1 and mode == 0o41777


TRAINS = """
import sys
import torch
from grading.inside import eager
eager.without_compiler()
model = torch.nn.Linear(2, 1)
for kind in (torch.optim.Adam, torch.optim.SGD, torch.optim.LBFGS):
    optimizer = kind(model.parameters(), lr=0.1)
    optimizer.zero_grad()
    model(torch.ones(3, 2)).mean().backward()
    optimizer.step(lambda: model(torch.ones(3, 2)).mean())
    optimizer.load_state_dict(optimizer.state_dict())
assert type(sys.modules[eager.COMPILER]) is eager.Unloaded
double = torch.compile(lambda x: 2 * x, backend="eager")
assert double(torch.ones(2)).tolist() == [2, 2] and torch._dynamo.is_compiling() is False
assert type(sys.modules[eager.COMPILER]) is not eager.Unloaded
"""


def test_optimizers_work_without_the_compiler_which_is_loaded_when_it_is_needed():
    subprocess.run([sys.executable, "-c", TRAINS], cwd=ROOT, check=True)


CLOSED = """
import os
def NAME(*args):
    os.makedirs("/tmp/a/b/c")
    open("/tmp/a/b/left", "w").close()
    os.chmod("/tmp/a/b", 0)
    return 1
"""
DEEP = """
import os
def NAME(*args):
    for _ in range(4000):
        os.mkdir("d")
        os.chdir("d")
    open("left", "w").close()
    return 1
"""


@t.needs_sandbox
@pytest.mark.parametrize("text", [CLOSED, DEEP], ids=["closed", "deep"])
def test_what_cannot_be_swept_up_ends_with_the_box(box, text):
    opened(box, text)
    assert box.ask({"probe": "", "times": 1, "args": []})["ok"]
    box.end()
    if box.alive:
        opened(box, "def NAME():\n    import os\n    return os.listdir('/tmp')")
        assert box.ask({"probe": "", "times": 1, "args": []})["ok"] == {"list": [{"list": []}]}


SPINNERS = """
def NAME(*args):
    import os, signal, time
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(6):
        if os.fork() == 0:
            while True:
                pass
    if os.fork() == 0:
        while True:
            try:
                if os.fork() == 0:
                    end = time.monotonic() + 0.1
                    while time.monotonic() < end:
                        pass
                    os._exit(0)
            except OSError:
                pass
            time.sleep(0.05)
    time.sleep(1000)
"""


@t.needs_sandbox
@pytest.mark.parametrize("beside", [0, pytest.param(4, marks=pytest.mark.slow)])
def test_an_answer_that_looks_busy_is_late(box, beside):
    """Also beside other programs that use up the processors."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(beside)]
    try:
        opened(box, SPINNERS)
        with pytest.raises(sandbox.Late):
            box.ask({"probe": "", "times": 1, "args": []})
    finally:
        for other in others:
            other.kill()
            other.wait()


@t.needs_sandbox
def test_an_answer_that_gets_no_processor_twice_fails_with_its_reason(grader, monkeypatch):
    tried = []

    def starved(self):
        if self.seconds != TASK.exercise.seconds + 1:
            return
        tried.append(self)
        self.close()
        raise sandbox.Busy("this computer is too busy")

    monkeypatch.setattr(sandbox.Box, "_check", starved)
    monkeypatch.setattr(sandbox, "TICK", 0.0)
    verdict = judged(grader, "def NAME(*args):\n    while True:\n        pass")
    assert (verdict.status, verdict.reason, verdict.points) == ("fail", BUSY, 0)
    assert len({id(box) for box in tried}) == 2


def test_of_the_processes_that_wait_two_count_and_never_more_than_has_passed(monkeypatch):
    box = sandbox.Box.__new__(sandbox.Box)
    box.boxed = box.init = None
    now = sandbox.Usage()
    monkeypatch.setattr(box, "_used", lambda: now)
    for waited, seen, late in (
        ({1: 1.0, 2: 0.5, 3: 0.5, 4: 0.5}, 0.0, True),
        ({1: 2.0, 2: 0.5}, 0.0, False),
        ({n: 60.0 for n in range(9)}, 11.0, True),
    ):
        now = sandbox.Usage()
        box._allow(10.0)
        box.seen = seen
        box.passed, now = 12.0, sandbox.Usage(cpu=1.0, waited=waited)
        if late:
            with pytest.raises(sandbox.Late):
                box._check()
        else:
            box._check()
