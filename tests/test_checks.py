"""Every exercise: the answer and its variants pass, every mutant and every trivial answer fails, with its own hint."""
import os
import subprocess
import sys
import threading
import time
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch  # noqa: F401  as in every notebook, where runtime.setup has imported it; an import takes a second or two

from course_utils import check, checks
from course_utils.checks import Checked, course_version, evaluate, exercises, find
from course_utils.checks.engine import Ask, Seed, observe, plain
from tests.lessons import NUMBERS

EXERCISES = [e for number in NUMBERS for e in exercises(int(number)).values()]
MUTANTS = [(e, hint) for e in EXERCISES for hint in e.mutants]
ACCEPTED = [(e, label) for e in EXERCISES for label in e.accepted]
SEEDS = range(20)
TRIVIAL = {"None": lambda *a: None, "zero": lambda *a: 0, "one": lambda *a: 1, "zeros": lambda *a: np.zeros_like(a[0]),
           "its input": lambda *a: a[0], "its last input": lambda *a: a[-1], "text": lambda *a: "yes",
           "NaN": lambda *a: np.full(np.shape(a[0]), np.nan), "inf": lambda *a: np.inf, "empty": lambda *a: [],
           "True": lambda *a: True}


def case_ids(pairs):
    return [f"{e.id} {text[:40]}" for e, text in pairs]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_the_course_version_passes(exercise):
    assert all(evaluate(exercise.id, course_version(exercise), seed).status == "pass" for seed in SEEDS)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_there_are_enough_of_each(exercise):
    assert len(exercise.mutants) >= 5 and len(exercise.accepted) >= 3


@pytest.mark.parametrize("exercise, label", ACCEPTED, ids=case_ids(ACCEPTED))
def test_a_different_right_answer_passes(exercise, label):
    assert all(evaluate(exercise.id, exercise.accepted[label], seed).status == "pass" for seed in SEEDS)


@pytest.mark.parametrize("exercise, hint", MUTANTS, ids=case_ids(MUTANTS))
def test_a_mutant_fails_with_its_own_hint(exercise, hint):
    for seed in SEEDS:
        outcome = evaluate(exercise.id, exercise.mutants[hint], seed)
        assert (outcome.status, outcome.hint) == ("fail", hint)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
@pytest.mark.parametrize("answer", TRIVIAL.values(), ids=TRIVIAL)
def test_a_trivial_answer_fails_with_a_true_hint(exercise, answer):
    outcome = evaluate(exercise.id, answer)
    # a hint of a mutant would be a guess at what somebody thought who wrote nothing
    assert outcome.status == "fail" and (outcome.hint not in exercise.mutants or _coincides(exercise, answer, outcome.hint))


def _coincides(exercise, answer, hint):
    """Some mutant does what the trivial answer does, say always return the first category: then its hint is true."""
    cases = exercise.draw(np.random.default_rng(0))
    return all(checks.same(observe(Ask(answer), c), observe(Ask(exercise.mutants[hint]), c), c) for c in cases)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_the_blank_is_unanswered_and_hands_back_something_that_works(exercise, capsys):
    def blank(*_args):
        raise NotImplementedError(f"{exercise.id} {exercise.name}")
    answer = blank
    for _ in range(3):
        answer = check(exercise.id, answer)
        assert "⏳" in capsys.readouterr().out
        assert answer.yours is blank
    assert evaluate(exercise.id, answer).status == "pass"  # what it handed back is the course's version


@pytest.mark.parametrize("exercise, hint", MUTANTS, ids=case_ids(MUTANTS))
def test_check_gives_the_same_verdict_three_times(exercise, hint, capsys):
    answer, seen = exercise.mutants[hint], []
    for _ in range(3):
        answer = check(exercise.id, answer)
        seen.append(capsys.readouterr().out)
    assert seen[0] == seen[1] == seen[2] and seen[0].count("\n") == 1 and "❌" in seen[0]
    assert answer.yours is exercise.mutants[hint]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_a_right_answer_comes_back_itself(exercise, capsys):
    right = course_version(exercise)
    answer = check(exercise.id, check(exercise.id, right))
    assert answer is right and answer.yours is right and capsys.readouterr().out.count("✅") == 2


def test_an_answer_that_calls_itself_by_name_is_judged_as_itself(capsys):
    def normal_logpdf(x, mu, var):  # wrong, and recursive: handed the course's version it would seem right
        return 0.0 if np.ndim(x) == 0 else np.array([answer(v, mu, var) for v in np.ravel(x)]).reshape(np.shape(x))
    answer = normal_logpdf
    for _ in range(3):
        answer = check("1.1", answer)
        assert "❌" in capsys.readouterr().out


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
            time.sleep(0.01)
        except BaseException:
            pass


def nested(*_args):
    inner = []
    inner.append(inner)
    return inner


def too_deep(*args):
    return too_deep(*args)


HOSTILE = {
    "answers every attribute": AnswersEverything(), "a mock": MagicMock(), "not callable": 3, "None": None, "a class": dict,
    "raises KeyboardInterrupt": Raises(KeyboardInterrupt()), "raises SystemExit": Raises(SystemExit(0)),
    "raises GeneratorExit": Raises(GeneratorExit()), "raises StopIteration": Raises(StopIteration()),
    "raises MemoryError": Raises(MemoryError()), "raises a group": Raises(BaseExceptionGroup("g", [KeyboardInterrupt()])),
    "raises the unprintable": Raises(Unprintable()), "raises with a lone surrogate": Raises(ValueError("\ud800")),
    "raises from __array__": RaisesFromArray(ValueError("no")), "exits from __array__": RaisesFromArray(SystemExit(1)),
    "interrupts from __array__": RaisesFromArray(KeyboardInterrupt()), "a hostile number": lambda *a: HostileNumber(1.0),
    "lies about its class": LiesAboutItsClass(), "sleeps": lambda *a: time.sleep(60), "swallows and goes on": endless,
    "prints 10 MB": lambda *a: print("x" * 10_000_000), "a list in itself": nested, "endless recursion": too_deep,
    "a generator": lambda *a: (i for i in range(3)), "an object array": lambda *a: np.array([object()]),
    "wrong shape": lambda *a: np.zeros((7, 7, 7)), "too few parameters": lambda: 1, "ten million numbers":
    lambda *a: np.zeros(10**7), "other NotImplementedError": Raises(NotImplementedError("operator not there")),
    "HTML": Raises(ValueError("<script>alert(1)</script>")), "signals the main thread": lambda *a: __import__(
        "_thread").interrupt_main(), "ragged": lambda *a: [[1], [1, 2]], "a dict of itself": lambda *a: {"a": {}},
}


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
@pytest.mark.parametrize("kind", HOSTILE)
def test_check_survives_and_says_no(exercise, kind, capsys):
    answer = HOSTILE[kind]
    first = check(exercise.id, answer)
    assert callable(first) and "❌" in capsys.readouterr().out
    second = check(exercise.id, first)
    assert "❌" in capsys.readouterr().out and second.yours is answer
    assert evaluate(exercise.id, second).status == "pass"


def test_an_answer_that_spoils_its_input_harms_nobody_and_is_told():
    case = find("1.1").draw(np.random.default_rng(0))[2]
    before = case.args[0].copy()

    def greedy(x, mu, var):
        x = np.asarray(x)
        x -= mu
        return -0.5 * np.log(2 * np.pi * var) - x**2 / (2 * var)
    outcome = evaluate("1.1", greedy)
    assert outcome.status == "fail" and "a second call gives something else" in outcome.hint
    assert np.array_equal(before, find("1.1").draw(np.random.default_rng(0))[2].args[0])


def test_an_answer_that_changes_its_input_and_stays_right_passes_with_a_remark():
    def sorting(x, smoothing):
        x.sort(axis=0)
        return (x.sum(0) + smoothing) / (len(x) + 2 * smoothing)
    outcome = evaluate("1.4", sorting)
    assert outcome.status == "pass" and "changes the array" in outcome.hint


def test_an_endless_answer_is_left_after_two_seconds_and_its_thread_is_stopped():
    start, before = time.perf_counter(), set(threading.enumerate())

    def spin(*_args):
        while True:
            pass
    outcome = evaluate("1.1", spin)
    assert outcome.status == "fail" and "2 seconds" in outcome.hint and time.perf_counter() - start < 20
    deadline = time.time() + 20
    while time.time() < deadline and set(threading.enumerate()) - before:
        time.sleep(0.1)
    assert not set(threading.enumerate()) - before


def test_what_an_answer_prints_is_kept_short_and_shown(capsys):
    evaluate("1.1", lambda *a: print("looking at", a))
    assert capsys.readouterr().out == ""
    assert evaluate("1.1", lambda *a: print("here")).printed.startswith("here")
    assert len(evaluate("1.1", lambda *a: print("x" * 10**6)).printed) <= 500


def test_a_verdict_in_a_front_end_escapes_what_the_learner_wrote():
    from course_utils.checks import render
    outcome = evaluate("1.1", Raises(ValueError("<script>alert(1)</script>")))
    assert "<script>" not in render.as_html("1.1", outcome, True) and "role=\"status\"" in render.as_html("1", outcome, True)


def test_an_unknown_id_is_named_with_those_that_exist(capsys):
    with pytest.raises(LookupError, match="1.1, 1.2, 1.3, 1.4"):
        evaluate("1.9", abs)
    with pytest.raises(LookupError, match="no exercises for lesson 99"):
        evaluate("99.1", abs)
    assert check("1.9", abs) is abs and "1.1, 1.2" in capsys.readouterr().out
    assert check("nonsense", abs) is abs


def test_a_plain_front_end_gets_one_plain_line(capsys):
    check("1.1", lambda *a: None)
    assert capsys.readouterr().out.count("\n") == 1


def test_a_generator_argument_is_fresh_for_every_call():
    ask = Ask(lambda rng: rng.random())
    assert ask(Seed(3)) == ask(Seed(3)) != ask(Seed(4))


def test_plain_data_keep_nothing_of_the_answer():
    class Sly(np.ndarray):
        def __array_function__(self, *args):
            raise AssertionError("asked")
    assert type(plain(np.arange(3.0).view(Sly))) is np.ndarray
    assert type(plain(np.float64(2))) is float


def test_checks_are_fast_and_importing_the_package_is_cheap():
    code = ("import sys, time, course_utils; assert 'torch' not in sys.modules and 'numpy' not in sys.modules;"
            "from course_utils import check, checks; assert 'torch' not in sys.modules;"
            "o = checks.evaluate('1.1', lambda x, m, v: 0); print(o.seconds); assert 'torch' not in sys.modules")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert out.returncode == 0, out.stderr


def test_checked_says_what_it_is():
    assert "until yours passes" in repr(Checked("f", None, abs)) and "yours" in repr(Checked("f", abs, abs))
