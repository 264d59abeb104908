"""What a check says about an answer: the likeliest mistake first, and never what is not so."""

import contextlib
import re
import threading
import time
import warnings

import numpy as np
import pytest
import torch

from course_utils.asking.ask import Ask, NotData, Raised
from course_utils.checks import course_version, evaluate, exercises, limits, verdict
from course_utils.checks.exceptions import MEANINGS, explained
from course_utils.checks.exercise import Case, Exercise, Mutant, observe, value
from course_utils.checks.patterns import relation, shapes

W = np.array([0.3, 1.7, 0.9, 2.6])
STATES = {
    "gradients off": lambda: torch.set_grad_enabled(False),
    "inference mode": torch.inference_mode,
    "float64 by default": lambda: _default(torch.float64),
    "strict NumPy": lambda: np.errstate(all="raise"),
    "warnings are errors": lambda: _strict(),
}


@contextlib.contextmanager
def _default(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def _strict():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def judged(oracle, answer, mutants=(), read=value, inputs=((1.3,), (2.4,), (4.7,))):
    """The hint for an answer where an oracle's values are due."""
    exercise = Exercise("1.1", "f", lambda rng: [], oracle, dict(mutants))
    cases = [Case(f"case {i}", args, read) for i, args in enumerate(inputs)]
    want = [exercise.wanted(case) for case in cases]
    got = [observe(Ask(answer), case) for case in cases]
    return verdict(exercise, cases, want, got, changed=False).hint


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize("exercise_id", ["1.4", "3.1", "3.2", "4.1", "5.4", "6.2", "8.1", "9.4"])
def test_the_state_of_the_kernel_changes_no_verdict_and_comes_back(exercise_id, state):
    lesson = int(exercise_id.split(".")[0])
    answer = course_version(exercises(lesson)[exercise_id])
    with state():
        before = torch.is_grad_enabled(), torch.get_default_dtype(), np.geterr()
        assert evaluate(exercise_id, answer).status == "pass"
        assert before == (torch.is_grad_enabled(), torch.get_default_dtype(), np.geterr())
    torch.set_grad_enabled(True)


def test_a_first_part_is_judged_alone_so_that_a_second_mistake_does_not_hide_it():
    mutants = {"doubled": Mutant("the ratio is doubled", lambda x: (2 * x, x + 1, x))}
    hint = judged(lambda x: (x, x + 1, x + 2), lambda x: (2 * x, x, 7.5), mutants)
    assert hint == "the ratio is doubled"


def test_a_mutant_that_explains_most_cases_is_named_with_how_many():
    mutants = {"cubed": Mutant("it is cubed", lambda x: x**3)}
    inputs = [(x,) for x in (1.5, 2.5, 3.5, 4.5)]
    hint = judged(lambda x: x**2, lambda x: x**3 if x < 4 else 0.5, mutants, inputs=inputs)
    assert hint == "it is cubed (this explains 3 of the 4 cases that are wrong)"
    # zeros and ones agree by luck
    flags = {"always 1": Mutant("it is always 1", lambda x: 1)}
    assert "always" not in judged(lambda x: x**2, lambda x: int(x < 4), flags, inputs=inputs)


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (100 * W, "in percent"),
        (W / np.log(2), "base 2"),
        (np.degrees(W), "degrees"),
        (255 * W, "0 to 255"),
        (-W, "sign is flipped"),
        (3 * W, "3 times what it should be"),
        (W + 0.5, r"off by \+0.5"),
        (np.log(W), "logarithm of what it should be"),
        (np.sqrt(W), "a square is missing"),
        (1 - W, "1 minus"),
        (W[::-1], "reverse order"),
        (np.cumsum(W), "running sum"),
        (np.append(W[:-1], 9), "all is right but the last value"),
    ],
)
def test_a_regularity_is_named(got, said):
    assert re.search(said, relation([(got, W)]))


def test_a_scale_of_its_own_in_each_case_is_named():
    other = np.array([0.2, 0.4, 0.1])
    pairs = [(W / W.sum(), W), (other / other.sum(), other)]
    assert relation(pairs) == "every value is divided by the sum over all of them"


def test_no_regularity_is_found_where_there_is_none_or_too_little():
    assert relation([(np.array([0.1, 5.0, 2.0, 0.7]), W)]) == ""
    assert relation([(np.array([2.0]), np.array([1.0]))]) == ""
    assert relation([(np.zeros(4), W)]) == ""


@pytest.mark.parametrize(
    ("got", "want", "said"),
    [
        (W.sum(), W, "the sum of all"),
        (W.mean(), W, "the mean of all"),
        (W[:, None], W, "one axis of length 1 too many"),
        (W[:, None] + W, W, "a column met a row"),
        (np.ones((2, 3)), np.ones((3, 2)), "rows and columns are swapped"),
        (np.ones((2, 3)), np.ones(2), "over one axis is missing"),
        (W, np.asarray(W.sum()), "the sum over all values is missing"),
    ],
)
def test_a_wrong_shape_says_what_was_forgotten(got, want, said):
    assert said in shapes(np.asarray(got), want)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: torch.ones(2, 3) @ torch.ones(4, 5), None),
        (lambda: torch.nn.Linear(8, 2)(torch.ones(5, 64)), "expects 8 numbers per row was given"),
        (lambda: torch.cat([torch.ones(2, 2), torch.ones(2)]), "2 dimensions was joined to one"),
        (lambda: torch.ones(3) + torch.ones(4), "print both shapes"),
        (lambda: np.ones(3) + np.ones(4), "do not fit together"),
        (lambda: torch.ones(2).sum().backward(), "no path back to the parameters"),
        (lambda: torch.ones(2, requires_grad=True).numpy(), "`detach` first"),
        (lambda: torch.ones(2).astype(float), "is this a NumPy method"),
        (lambda: [1].shape, "asked of a list"),
        (lambda: float(np.ones(3)), "one number was asked of an array"),
        (lambda: {}["width"], "the key 'width' is not there"),
        (lambda: [0][3], "off by one"),
    ],
)
def test_an_exception_comes_with_its_usual_meaning(work, said):
    hint = judged(lambda x: x, lambda x: work())
    assert (said or "(it raised RuntimeError:") in hint and "it raised" in hint


def test_an_unknown_exception_is_reported_as_it_is():
    assert explained(Raised(("OddError",), "odd")) == "it raised OddError: odd"
    assert len(MEANINGS) > 20


def test_the_same_whatever_the_input_is_said_only_where_that_was_seen():
    assert "3 different inputs" in judged(lambda x: x, lambda x: 7)
    same_input = judged(lambda x: x, lambda x: 7, inputs=[(1.5,)] * 3)
    derived = judged(lambda x: x, lambda x: 7, read=lambda ask, x: ask(x) * 1)
    assert "inputs" not in same_input and "inputs" not in derived


def test_a_result_that_the_next_cells_cannot_use_is_refused_with_its_type():
    ask = Ask(lambda x: [1.0, 2.0])
    case = Case("", (np.ones(2),), lambda ask, *args: ask.probe("tensors", *args))
    assert observe(ask, case).kinds[0] == NotData.__name__
    assert "a list, and the next cells need a torch tensor" in observe(ask, case).message
    cut = observe(Ask(lambda x: 1.0), case).message
    assert "`.item()`" in cut and "cut off the gradient" in cut
    assert np.array_equal(observe(Ask(lambda x: torch.ones(2)), case), np.ones(2))


def test_a_suspended_computer_does_not_use_up_the_time(monkeypatch):
    clock = limits.Clock(2.0)
    now = time.monotonic()
    monkeypatch.setattr(limits.time, "monotonic", lambda: now + 3600)
    clock.look()
    assert clock.passed < 1 and not clock.over


def test_what_an_answer_was_doing_when_its_time_was_up_is_said():
    with pytest.raises(limits.TimeUp, match="does it sleep"):
        limits.within(0.2, lambda: time.sleep(20))
    done = threading.Event()

    def stubborn():
        while not done.is_set():
            try:
                while not done.is_set():
                    sum(range(100))
            except BaseException:
                pass

    with pytest.raises(limits.TimeUp, match="loop without an end.*restart the kernel"):
        limits.within(0.2, stubborn)
    done.set()


def test_a_build_task_is_looked_at_before_it_trains():
    calls = []

    def answer(x):
        calls.append(len(x))
        return "no pair"

    lesson = exercises(4)["4.5"]
    assert lesson.quick is not None
    outcome = evaluate("4.5", answer)
    assert outcome.status == "fail" and outcome.seconds < 3 and max(calls) < 500
