"""Every exercise: the answer and its variants pass, every mutant and every trivial answer fails,
with its own hint.

The cases that a seed draws are put to each mutant once (`Round`), and every test of that seed looks
there. A build task trains a model on every call: by default only its mutants run here, for the
solved notebooks run the course's own version (see conftest.py).
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import conftest
from course_utils import check
from course_utils.asking.ask import Ask
from course_utils.checks import course_version, evaluate
from course_utils.checks.exercise import observe, same
from tests.lessons import EXERCISES
from tests.rounds import drawn

pytestmark = pytest.mark.filterwarnings("ignore")
QUICK = [e for e in EXERCISES if not e.is_build]
BUILD = [e for e in EXERCISES if e.is_build]
TRIVIAL = {
    "None": lambda *a: None,
    "zero": lambda *a: 0,
    "one": lambda *a: 1,
    "zeros": lambda *a: np.zeros_like(a[0]),
    "its input": lambda *a: a[0],
    "its last input": lambda *a: a[-1],
    "text": lambda *a: "yes",
    "NaN": lambda *a: np.full(np.shape(a[0]), np.nan),
    "inf": lambda *a: np.inf,
    "empty": lambda *a: [],
    "True": lambda *a: True,
}


def each(kind, exercises, slow=()):
    """A test for every exercise and entry of its `kind` ("mutants" or "accepted"); the names in
    `slow` are tested among the slow tests.
    """
    pairs = [
        pytest.param(e, n, marks=[pytest.mark.slow] * (n in slow), id=f"{e.id}-{n}")
        for e in exercises
        for n in getattr(e, kind)
    ]
    return pytest.mark.parametrize("exercise, name", pairs)


def exercise_in(exercises):
    return pytest.mark.parametrize("exercise", exercises, ids=lambda e: e.id)


def quick_and_slow():
    """Every exercise, build tasks only among the slow tests."""
    return exercise_in([*QUICK, *(pytest.param(e, marks=pytest.mark.slow) for e in BUILD)])


@exercise_in(EXERCISES)
def test_there_are_enough_of_each(exercise):
    assert len(exercise.mutants) >= 5 and len(exercise.accepted) >= 3


@exercise_in(QUICK)
def test_the_course_version_passes(exercise, seed):
    assert evaluate(exercise.id, course_version(exercise), seed).status == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("luck", range(12))
@exercise_in(BUILD)
def test_luck_in_training_does_not_decide(exercise, luck):
    torch.manual_seed(luck)
    assert evaluate(exercise.id, course_version(exercise), 100 + luck).status == "pass"


@each("accepted", QUICK)
def test_a_different_right_answer_passes(exercise, name, seed):
    assert evaluate(exercise.id, exercise.accepted[name], seed).status == "pass"


@pytest.mark.slow
@each("accepted", BUILD)
def test_a_different_right_answer_to_a_build_task_passes(exercise, name):
    assert evaluate(exercise.id, exercise.accepted[name]).status == "pass"


@each("mutants", QUICK)
def test_a_mutant_fails_with_its_own_hint(exercise, name, seed):
    mutant = exercise.mutants[name]
    outcome = drawn(exercise.id, seed).verdict(mutant.answer)
    assert (outcome.status, outcome.hint) == ("fail", mutant.hint)


@pytest.mark.parametrize("throw", [0, pytest.param(1, marks=pytest.mark.slow)])
@each("mutants", BUILD, slow={"seconds", "held-out", "box", "facts"})
def test_a_mutant_of_a_build_task_fails_with_its_own_hint(exercise, name, throw):
    outcome = evaluate(exercise.id, exercise.mutants[name].answer, throw)
    assert (outcome.status, outcome.hint) == ("fail", exercise.mutants[name].hint)


@exercise_in(EXERCISES)
@pytest.mark.parametrize("answer", TRIVIAL.values(), ids=TRIVIAL)
def test_a_trivial_answer_fails_with_a_true_hint(exercise, answer):
    outcome = drawn(exercise.id, 0).verdict(answer)
    # a hint of a mutant would be a guess at what somebody thought who wrote nothing
    assert outcome.status == "fail" and (
        outcome.hint not in exercise.hints or _coincides(exercise, answer, outcome.hint)
    )


def _coincides(exercise, answer, hint):
    """Some mutant does what the trivial answer does, say always return the first category: then its
    hint is true.
    """
    name = next(name for name, mutant in exercise.mutants.items() if mutant.hint == hint)
    asked = drawn(exercise.id, 0)
    return all(
        same(observe(Ask(answer), case), asked.shows(name, i), case)
        for i, case in enumerate(asked.cases)
    )


@exercise_in(EXERCISES)
def test_the_blank_is_unanswered_and_hands_back_something_that_works(exercise, capsys):
    def blank(*_args, **_options):
        raise NotImplementedError(f"{exercise.id} {exercise.name}")

    answer = blank
    for _ in range(3):
        answer = check(exercise.id, answer)
        assert "⏳" in capsys.readouterr().out
        assert answer.yours is blank
    # what it handed back is the course's version, which passes
    assert answer.use is course_version(exercise)


@each("mutants", QUICK)
@pytest.mark.slow
def test_check_gives_the_same_verdict_three_times(exercise, name, capsys):
    same_verdict_three_times(exercise, exercise.mutants[name].answer, capsys)


@exercise_in(QUICK)
def test_check_gives_the_same_verdict_three_times_for_one_mutant(exercise, capsys):
    same_verdict_three_times(exercise, [*exercise.mutants.values()][-1].answer, capsys)


def same_verdict_three_times(exercise, wrong, capsys):
    answer, shown = wrong, []
    for _ in range(3):
        answer = check(exercise.id, answer)
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] == shown[2] and shown[0].count("\n") == 1 and "❌" in shown[0]
    assert answer.yours is wrong


@quick_and_slow()
def test_a_right_answer_comes_back_itself(exercise, capsys):
    right = course_version(exercise)
    answer = check(exercise.id, check(exercise.id, right))
    assert answer is right and answer.yours is right and capsys.readouterr().out.count("✅") == 2


@pytest.mark.parametrize(
    "asked, drawn_from", [("", [0]), ("7", [7]), ("0-99", [*range(100)]), ("all", [*range(20)])]
)
def test_the_seeds_that_are_asked_for_are_drawn_from(asked, drawn_from, monkeypatch):
    monkeypatch.setenv(conftest.SEEDS, asked)
    quick = SimpleNamespace(option=SimpleNamespace(markexpr="not slow"))
    slow = SimpleNamespace(option=SimpleNamespace(markexpr="slow"))
    assert conftest.seeds(quick) == drawn_from
    assert len(conftest.seeds(slow)) == (len(drawn_from) if asked else 20)


@pytest.mark.parametrize("asked", ["many", "1-", "-3", "1-x"])
def test_seeds_that_make_no_sense_are_refused_in_one_sentence(asked, monkeypatch):
    monkeypatch.setenv(conftest.SEEDS, asked)
    with pytest.raises(pytest.UsageError, match="a number, a range such as 0-99, all or any"):
        conftest.seeds(SimpleNamespace(option=SimpleNamespace(markexpr="")))
