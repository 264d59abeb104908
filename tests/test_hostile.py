"""Answers that mean harm, or have lost their way: the check survives them all, says no, and hands
back what works.
"""

import time
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch  # noqa: F401  as in every notebook

from course_utils import check
from course_utils.checks import course_version
from tests.lessons import EXERCISES


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


# they wait for the time limit, which is the same code for every exercise
ENDLESS = {"sleeps", "swallows and goes on"}
# what is no function, or raises: `Ask` ends there, whatever an exercise does with what is returned
RETURNS_NOTHING = {kind for kind in HOSTILE if kind.startswith("raises ")} | {
    "not callable",
    "None",
    "lies about its class",
    "endless recursion",
    "too few parameters",
    "other NotImplementedError",
    "HTML",
}
SAMPLE = ("1.1", "3.2")  # an exercise that calls the answer, and one that looks at how it trains
FIRST = [e for e in EXERCISES if e.id.endswith(".1")]


def is_rare(exercise, kind):
    """Large numbers take their time everywhere, and a build task prepares its data for each. Of the
    rest a third meets each exercise by turns, and each object a third of the exercises.
    """
    if exercise.id in SAMPLE:
        return kind in ENDLESS and exercise.id != SAMPLE[0]
    again = kind in RETURNS_NOTHING | ENDLESS | {"ten million numbers"}
    turn = (EXERCISES.index(exercise) + list(HOSTILE).index(kind)) % 3
    return again or turn > 0 or exercise.is_build and kind != "ragged"


def matrix():
    """Every object that returns something meets quick exercises by default, a third of them each;
    the rest, of which a sample shows the same, is slow.
    """
    for exercise in EXERCISES:
        for kind in HOSTILE:
            if kind not in ENDLESS or exercise in FIRST or exercise.id in SAMPLE:
                marks = [pytest.mark.slow] if is_rare(exercise, kind) else []
                yield pytest.param(exercise, kind, marks=marks, id=f"{exercise.id}-{kind}")


@pytest.mark.parametrize("exercise, kind", matrix())
def test_check_survives_and_says_no(exercise, kind, capsys):
    answer = HOSTILE[kind]
    first = check(exercise.id, answer)
    assert callable(first) and "❌" in capsys.readouterr().out
    second = check(exercise.id, first)
    assert "❌" in capsys.readouterr().out and second.yours is answer
    assert second.use is course_version(exercise)
