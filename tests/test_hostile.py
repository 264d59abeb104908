"""Answers that mean harm, or have lost their way: the check survives them all, says no, and hands
back what works.
"""

import time
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch  # noqa: F401  as in every notebook

from course_utils import check
from course_utils.checks import course_version, exercises
from tests.lessons import NUMBERS

EXERCISES = [e for number in NUMBERS for e in exercises(int(number)).values()]
FIRST = [next(iter(exercises(int(number)).values())) for number in NUMBERS]
# they wait for the time limit, which is the same code for every exercise
SLOW = {"sleeps", "swallows and goes on"}


class AnswersEverything:
    def __getattr__(self, name):
        return self

    def __call__(self, *args):
        return self


class Raises:
    def __init__(self, error):
        self.error = error

    def __call__(self, *args):
        raise self.error


class RaisesFromArray:
    def __init__(self, error):
        self.error = error

    def __call__(self, *args):
        return self

    def __array__(self, *args, **kwargs):
        raise self.error


class HostileNumber(float):
    def __eq__(self, other):
        raise RuntimeError("compared")

    def __float__(self):
        raise SystemExit(0)


class Unprintable(Exception):
    def __str__(self):
        raise KeyboardInterrupt


class LiesAboutItsClass:
    @property
    def __class__(self):
        raise ValueError("no class")

    def __call__(self, *args):
        raise GeneratorExit


def endless(*_args):
    while True:
        try:
            # many of these are left behind; awake they would take each other's time
            time.sleep(0.5)
        except BaseException:
            pass


def nested(*_args):
    inner = []
    inner.append(inner)
    return inner


def too_deep(*args):
    return too_deep(*args)


HOSTILE = {
    "answers every attribute": AnswersEverything(),
    "a mock": MagicMock(),
    "not callable": 3,
    "None": None,
    "a class": dict,
    "raises KeyboardInterrupt": Raises(KeyboardInterrupt()),
    "raises SystemExit": Raises(SystemExit(0)),
    "raises GeneratorExit": Raises(GeneratorExit()),
    "raises StopIteration": Raises(StopIteration()),
    "raises MemoryError": Raises(MemoryError()),
    "raises a group": Raises(BaseExceptionGroup("g", [KeyboardInterrupt()])),
    "raises the unprintable": Raises(Unprintable()),
    "raises with a lone surrogate": Raises(ValueError("\ud800")),
    "raises from __array__": RaisesFromArray(ValueError("no")),
    "exits from __array__": RaisesFromArray(SystemExit(1)),
    "interrupts from __array__": RaisesFromArray(KeyboardInterrupt()),
    "a hostile number": lambda *a: HostileNumber(1.0),
    "lies about its class": LiesAboutItsClass(),
    "sleeps": lambda *a: time.sleep(60),
    "swallows and goes on": endless,
    "prints 10 MB": lambda *a: print("x" * 10_000_000),
    "a list in itself": nested,
    "endless recursion": too_deep,
    "a generator": lambda *a: (i for i in range(3)),
    "an object array": lambda *a: np.array([object()]),
    "wrong shape": lambda *a: np.zeros((7, 7, 7)),
    "too few parameters": lambda: 1,
    "ten million numbers": lambda *a: np.zeros(10**7),
    "other NotImplementedError": Raises(NotImplementedError("operator not there")),
    "HTML": Raises(ValueError("<script>alert(1)</script>")),
    "signals the main thread": lambda *a: __import__("_thread").interrupt_main(),
    "ragged": lambda *a: [[1], [1, 2]],
    "a dict of itself": lambda *a: {"a": {}},
}


@pytest.mark.parametrize(
    "exercise, kind",
    [(e, kind) for e in EXERCISES for kind in HOSTILE if kind not in SLOW or e in FIRST],
    ids=lambda v: getattr(v, "id", v),
)
def test_check_survives_and_says_no(exercise, kind, capsys):
    answer = HOSTILE[kind]
    first = check(exercise.id, answer)
    assert callable(first) and "❌" in capsys.readouterr().out
    second = check(exercise.id, first)
    assert "❌" in capsys.readouterr().out and second.yours is answer
    assert second.use is course_version(exercise)
