"""Every exercise: the answer and its variants pass, every mutant and every trivial answer fails,
with its own hint.
"""

import numpy as np
import pytest
import torch

from course_utils import check
from course_utils.asking.ask import Ask
from course_utils.checks import course_version, evaluate, exercises
from course_utils.checks.exercise import observe, same
from tests.lessons import NUMBERS

EXERCISES = [e for number in NUMBERS for e in exercises(int(number)).values()]
MUTANTS = [(e, name) for e in EXERCISES for name in e.mutants]
QUICK = [(e, name) for e, name in MUTANTS if not e.is_build]
ACCEPTED = [(e, label) for e in EXERCISES for label in e.accepted]
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


def seeds(exercise, trainings=1):
    """Twenty; for a build task, which trains on every one, as many as `trainings`: more throws
    belong to the slow test.
    """
    return range(trainings if exercise.is_build else 20)


def case_ids(pairs):
    return [f"{e.id}-{name}" for e, name in pairs]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_the_course_version_passes(exercise):
    assert all(
        evaluate(exercise.id, course_version(exercise), seed).status == "pass"
        for seed in seeds(exercise)
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("exercise", [e for e in EXERCISES if e.is_build], ids=lambda e: e.id)
def test_luck_in_training_does_not_decide(exercise, seed):
    torch.manual_seed(seed)
    assert evaluate(exercise.id, course_version(exercise), 100 + seed).status == "pass"


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_there_are_enough_of_each(exercise):
    assert len(exercise.mutants) >= 5 and len(exercise.accepted) >= 3


@pytest.mark.parametrize("exercise, label", ACCEPTED, ids=case_ids(ACCEPTED))
def test_a_different_right_answer_passes(exercise, label):
    assert all(
        evaluate(exercise.id, exercise.accepted[label], seed).status == "pass"
        for seed in seeds(exercise)
    )


@pytest.mark.parametrize("exercise, name", MUTANTS, ids=case_ids(MUTANTS))
def test_a_mutant_fails_with_its_own_hint(exercise, name):
    for seed in seeds(exercise, trainings=2):
        outcome = evaluate(exercise.id, exercise.mutants[name].answer, seed)
        assert (outcome.status, outcome.hint) == ("fail", exercise.mutants[name].hint)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
@pytest.mark.parametrize("answer", TRIVIAL.values(), ids=TRIVIAL)
def test_a_trivial_answer_fails_with_a_true_hint(exercise, answer):
    outcome = evaluate(exercise.id, answer)
    # a hint of a mutant would be a guess at what somebody thought who wrote nothing
    assert outcome.status == "fail" and (
        outcome.hint not in exercise.hints or _coincides(exercise, answer, outcome.hint)
    )


def _coincides(exercise, answer, hint):
    """Some mutant does what the trivial answer does, say always return the first category: then its
    hint is true.
    """
    cases = exercise.draw(np.random.default_rng(0))
    mutant = next(m for m in exercise.mutants.values() if m.hint == hint)
    return all(same(observe(Ask(answer), c), observe(Ask(mutant.answer), c), c) for c in cases)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_the_blank_is_unanswered_and_hands_back_something_that_works(exercise, capsys):
    def blank(*_args):
        raise NotImplementedError(f"{exercise.id} {exercise.name}")

    answer = blank
    for _ in range(3):
        answer = check(exercise.id, answer)
        assert "⏳" in capsys.readouterr().out
        assert answer.yours is blank
    # what it handed back is the course's version
    assert evaluate(exercise.id, answer).status == "pass"


@pytest.mark.parametrize("exercise, name", QUICK, ids=case_ids(QUICK))
def test_check_gives_the_same_verdict_three_times(exercise, name, capsys):
    answer, seen = exercise.mutants[name].answer, []
    for _ in range(3):
        answer = check(exercise.id, answer)
        seen.append(capsys.readouterr().out)
    assert seen[0] == seen[1] == seen[2] and seen[0].count("\n") == 1 and "❌" in seen[0]
    assert answer.yours is exercise.mutants[name].answer


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_a_right_answer_comes_back_itself(exercise, capsys):
    right = course_version(exercise)
    answer = check(exercise.id, check(exercise.id, right))
    assert answer is right and answer.yours is right and capsys.readouterr().out.count("✅") == 2
