"""Run something that may never end, and come back all the same."""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from course_utils.asking.ask import Stop

PATIENCE = 10  # times the limit, on a machine where other programs have the processors
ASLEEP = 0.05  # share of the time; an answer that uses less waits for something else


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """The result of `work()`, run in a thread of its own. Raises TimeoutError when the time is up.

    Time in which other programs had the processors is not counted: forty people on one hub are
    slow, not wrong. A thread works on every platform, unlike a signal. Python code is stopped; a
    call that is asleep or inside C ends on its own later, and nothing waits for it.
    """
    outcome: list[tuple[bool, Any]] = []
    with _without_interrupts():
        thread = threading.Thread(target=_collect, args=(work, outcome), daemon=True)
        begun, used = time.monotonic(), time.process_time()
        thread.start()
        thread.join(seconds)
        while thread.is_alive() and starved(
            time.monotonic() - begun, time.process_time() - used, seconds
        ):
            thread.join(seconds / 10)
        if thread.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Stop)
            )
            thread.join(0.2)
    if not outcome:
        raise TimeoutError
    finished, result = outcome[0]
    if not finished:
        raise result
    return result


def starved(passed: float, used: float, seconds: float) -> bool:
    """Whether work that has run for `passed` seconds, `used` of them on a processor, got less than
    its `seconds` because other programs had the processors.
    """
    return ASLEEP * passed < used < seconds and passed < PATIENCE * seconds


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
