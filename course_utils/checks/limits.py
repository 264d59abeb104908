"""Run something that may never end, and come back all the same."""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from course_utils.asking.ask import Stop

PATIENCE = 10  # times the limit, on a machine where other programs have the processors
ASLEEP = 0.05  # share of the time; an answer that uses less waits for something else
SLICE = 0.25  # seconds between two looks at the clock, or less
THROWS = 5  # how often a thread is told to stop; an answer may catch the first
ENDLESS = "is there a loop without an end, or far more work than the task needs?"
WAITING = "and the processor had nothing to do: does it sleep, or wait for input or a download?"
BUSY = "because other programs keep this computer busy: run this cell again when they are done."
GOES_ON = "It is still running behind this check and slows every cell: restart the kernel"


class TimeUp(TimeoutError):
    """The time is over; its text says what the answer was doing."""


class Clock:
    """How long some work has run, in the thread of this native id. A look that comes late counts
    for two slices at most: the computer was asleep or suspended.
    """

    def __init__(self, seconds: float, thread: int | None = None):
        self.seconds, self.slice = seconds, min(SLICE, seconds / 10)
        self.passed, self.last, self.began = 0.0, time.monotonic(), time.process_time()
        self.thread = thread

    def look(self) -> None:
        now = time.monotonic()
        self.passed += min(now - self.last, 2 * self.slice)
        self.last = now

    @property
    def used(self) -> float:
        """Seconds of processor time."""
        return time.process_time() - self.began

    @property
    def awake(self) -> float:
        """Seconds in which there was something to compute, on a processor or waiting for one."""
        return self.used + in_queue(self.thread)

    @property
    def over(self) -> bool:
        late = self.passed >= self.seconds
        return late and not starved(self.passed, self.used, self.seconds, self.awake)

    def verdict(self) -> str:
        """What the answer was doing when its time was up."""
        if self.used >= self.seconds:
            return f"it was still running after {self.seconds:g} seconds: {ENDLESS}"
        if self.awake <= ASLEEP * self.passed:
            return f"it had not returned after {self.seconds:g} seconds, {WAITING}"
        return (
            f"it got {self.used:.1f} seconds of computing in {self.passed:.0f}, {BUSY}"
            if self.passed >= PATIENCE * self.seconds
            else f"it was still running after {self.seconds:g} seconds: {ENDLESS}"
        )


def within(
    seconds: float, work: Callable[[], Any], tick: Callable[[float], Any] | None = None
) -> Any:
    """The result of `work()`, run in a thread of its own. Raises TimeUp when the time is up.

    Time in which other programs had the processors, or the computer slept, is not counted: forty
    people on one hub are slow, not wrong. A thread works on every platform, unlike a signal. Python
    code is stopped; a call that is asleep or inside C ends on its own later, and nothing waits for
    it. `tick` hears which share of the time has passed.
    """
    outcome: list[tuple[bool, Any]] = []
    with _without_interrupts():
        thread = threading.Thread(target=_collect, args=(work, outcome), daemon=True)
        thread.start()
        clock = Clock(seconds, thread.native_id)
        while thread.is_alive() and not clock.over:
            thread.join(clock.slice)
            clock.look()
            if tick:
                tick(min(1.0, clock.passed / seconds))
        said = "" if outcome else clock.verdict()
        if thread.is_alive() and not _stopped(thread):
            said = f"{said} {GOES_ON}"
    if not outcome:
        raise TimeUp(said)
    finished, result = outcome[0]
    if not finished:
        raise result
    return result


def _stopped(thread: threading.Thread) -> bool:
    """Tell a thread to stop, several times, for it may catch that; whether it no longer computes.

    One that sleeps is left alone: it takes nothing from the cells that follow.
    """
    for _ in range(THROWS):
        began = time.process_time()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Stop)
        )
        thread.join(0.1)
        if not thread.is_alive():
            return True
    return time.process_time() - began < 0.02


def starved(passed: float, used: float, seconds: float, awake: float = 0.0) -> bool:
    """Whether work that has run for `passed` seconds, `used` of them on a processor, got less than
    its `seconds` because other programs had the processors. `awake` is how long it wanted one.
    """
    wanted = max(used, awake)
    return ASLEEP * passed < wanted and used < seconds and passed < PATIENCE * seconds


def in_queue(thread: int | None) -> float:
    """Seconds in which this thread was ready and had to wait for a processor; 0 on systems that do
    not count them (only Linux does, the second number of `schedstat`).
    """
    try:
        return int(Path(f"/proc/self/task/{thread}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """An answer may send an interrupt to the main thread; it must not arrive in the check, nor
    after it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
        ctypes.pythonapi.PyErr_CheckSignals()  # what is still on its way arrives here
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)


def _collect(work: Callable[[], Any], outcome: list[tuple[bool, Any]]) -> None:
    try:
        outcome.append((True, work()))
    except Stop:
        pass
    except BaseException as error:
        outcome.append((False, error))
