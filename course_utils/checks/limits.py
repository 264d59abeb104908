"""Run something that may never end, and come back all the same."""
from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from course_utils.checks.engine import Stop


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """The result of `work()`, run in a thread of its own. Raises TimeoutError when the time is up.

    A thread works on every platform, unlike a signal. Python code is then stopped; a call that is asleep or inside C
    ends on its own later, without anybody waiting.
    """
    outcome: list[tuple[bool, Any]] = []
    with _without_interrupts():
        thread = threading.Thread(target=_collect, args=(work, outcome), daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stop))
            thread.join(0.2)
    if not outcome:
        raise TimeoutError
    finished, result = outcome[0]
    if not finished:
        raise result
    return result


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """An answer may send an interrupt to the main thread; it must not arrive in the check, nor after it."""
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
