"""Run something that may never end, and come back all the same."""
from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from course_utils.checks.engine import Stop


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """The result of `work()`, run in a thread of its own. Raises TimeoutError when the time is up.

    A thread works on every platform, unlike a signal. Python code is then stopped; a call that is asleep or inside C
    ends on its own later, without anybody waiting.
    """
    outcome: list[tuple[bool, Any]] = []
    thread = threading.Thread(target=_collect, args=(work, outcome), daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    except KeyboardInterrupt:  # the learner's Ctrl-C, or an answer that sends one
        pass
    if thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stop))
        thread.join(0.2)
    if not outcome:
        raise TimeoutError
    finished, result = outcome[0]
    if not finished:
        raise result
    return result


def _collect(work: Callable[[], Any], outcome: list[tuple[bool, Any]]) -> None:
    try:
        outcome.append((True, work()))
    except Stop:
        pass
    except BaseException as error:
        outcome.append((False, error))
