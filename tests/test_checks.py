"""The engine and the verdict: inputs, time, output, ids, plain data."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from course_utils import check, checks
from course_utils.asking import probes
from course_utils.asking.ask import Ask, NotData, Raised, Seed, TensorArg, plain
from course_utils.checks import Checked, evaluate, find, limits, render
from course_utils.checks.diagnosis import close
from course_utils.checks.exceptions import explained
from course_utils.checks.exercise import Case, Exercise, Mutant, observe, same
from course_utils.checks.judging import verdict
from course_utils.checks.patterns import relation


class Raises:
    def __init__(self, error):
        self.error = error

    def __call__(self, *args):
        raise self.error


def test_an_answer_that_calls_itself_by_name_is_judged_as_itself(capsys):
    # wrong, and recursive: handed the course's version it would seem right
    def normal_logpdf(x, mu, var):
        return (
            0.0
            if np.ndim(x) == 0
            else np.array([answer(v, mu, var) for v in np.ravel(x)]).reshape(np.shape(x))
        )

    answer = normal_logpdf
    for _ in range(3):
        answer = check("1.1", answer)
        assert "❌" in capsys.readouterr().out


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

    outcome = evaluate("1.3", sorting)
    assert outcome.status == "pass" and "changes the array" in outcome.hint


def test_what_others_take_of_the_processors_is_not_counted_and_sleep_is(monkeypatch):
    assert limits.starved(passed=2.1, used=0.5, seconds=2)  # four programs on one processor
    assert not limits.starved(passed=2.1, used=2.0, seconds=2) and not limits.starved(
        passed=2.1, used=0.0, seconds=2
    )
    assert limits.starved(passed=4, used=0.1, seconds=2, awake=3.9)  # one of forty on a processor
    assert not limits.starved(passed=4, used=0.1, seconds=2, awake=0.1)  # it sleeps
    assert not limits.starved(passed=21, used=1.9, seconds=2)  # this will not end today
    asked = threading.Event()
    monkeypatch.setattr(limits, "starved", lambda *_: asked.set() or True)
    assert limits.within(0.05, lambda: asked.wait(60) and "done") == "done"


def test_an_endless_answer_is_left_after_two_seconds_and_its_thread_is_stopped():
    start, before = time.perf_counter(), set(threading.enumerate())

    def spin(*_args):
        while True:
            pass

    outcome = evaluate("1.1", spin)
    assert (
        outcome.status == "fail"
        and "2 seconds" in outcome.hint
        and time.perf_counter() - start < 20
    )
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
    outcome = evaluate("1.1", Raises(ValueError("<script>alert(1)</script>")))
    assert "<script>" not in render.as_html(
        "1.1", outcome, True
    ) and 'role="status"' in render.as_html("1", outcome, True)


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("the 2π is lost", "The 2π is lost."),
        ("σ was squared", "σ was squared."),
        ("t is ignored", "t is ignored."),
        ("mu is missing", "mu is missing."),
        ("x0 was changed", "x0 was changed."),
        ("a table: is it?", "A table: is it?"),
        ("", ""),
    ],
)
def test_a_hint_is_a_sentence_and_keeps_the_case_of_symbols(hint, said):
    assert render._sentence(hint) == said


def test_values_are_called_close_only_if_each_is_close_in_its_own_case():
    """One case of 1.1 has values near 3,000, beside which an error of 0.2 in another is nothing."""

    def missing(x, mu, var):
        return -np.log(var) - (np.asarray(x) - mu) ** 2 / (2 * var)

    assert "close" not in evaluate("1.1", missing).hint
    oracle = find("1.1").oracle
    near = evaluate("1.1", lambda x, mu, var: (1 + 0.004 * np.cos(x)) * oracle(x, mu, var))
    assert "every value is close" in near.hint


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda w: 0.99 * w, "every value is 0.99 times what it should be"),
        (lambda w: np.round(w, 3), "rounded to 3 decimals"),
        (np.trunc, "cut to a whole number"),
        (lambda w: np.clip(w, 2.2, 7.7), "cut off below 2.2 and above 7.7"),
    ],
)
def test_a_regularity_of_the_values_is_named(change, said):
    wanted = np.array([1.2345, 2.3456, 3.4567, 4.5678, 8.9123])
    assert said in relation([(change(wanted), wanted)])


def test_a_wrong_factor_in_a_step_is_named_as_one_of_the_change():
    def small(theta, x, y, lr):
        return theta - 0.002 * lr * (theta @ x - y) * x

    assert "change that is made to the first argument" in evaluate("3.1", small).hint


def test_two_answers_that_are_no_data_are_the_same_only_if_it_is_for_the_same_reason():
    case = Case("any", ())
    one, other = Raised(("NotData",), "it returned None"), Raised(("NotData",), "it is a list")
    assert same(one, one, case) and not same(one, other, case)
    assert same(Raised(("ValueError",), "one"), Raised(("ValueError",), "other"), case)


def test_an_error_of_another_kind_than_asked_for_is_named_beside_the_one_that_is():
    def refusing(counts, theta):
        if abs(sum(theta) - 1) > 1e-9:
            raise TypeError("theta")
        return find("1.4").oracle(counts, theta)

    hint = evaluate("1.4", refusing).hint
    assert "should raise ValueError" in hint and "raised TypeError" in hint


def test_a_mutant_is_not_blamed_for_the_small_cases_alone():
    def draw(rng):
        args = [np.array([1.5, 2.5]), np.array([2.5, 4.5]), np.arange(9) + 0.5]
        return [Case(f"{len(x)} values", (x,)) for x in args]

    reversing = Mutant("the order is reversed", lambda x: x[::-1])
    exercise = Exercise("0.0", "kept", draw, lambda x: x, {"reversed": reversing})
    cases = draw(None)
    got = [x[::-1] if len(x) < 3 else np.roll(x, 4) for x in (case.args[0] for case in cases)]
    want = [case.args[0] for case in cases]
    assert reversing.hint not in verdict(exercise, cases, want, got, False).hint


def test_one_change_for_a_whole_batch_is_named_also_where_chance_made_it_none():
    def moved(x, rng):
        down, right = rng.integers(-2, 3, 2)  # both 0 for the batch that the notebook's seed draws
        return torch.roll(x, (int(down), int(right)), (2, 3))

    assert "whole batch" in evaluate("7.4", moved).hint
    assert "nothing was changed" in evaluate("7.4", lambda x, rng: x).hint


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


@pytest.mark.parametrize(
    "returned", [ValueError, ValueError("y must sum to 1")], ids=["class", "instance"]
)
def test_an_exception_that_is_returned_is_told_from_one_that_is_raised(returned):
    assert "`raise` it" in evaluate("2.1", lambda y, p, base=2.718: returned).hint


def test_neither_the_package_nor_a_check_without_tensors_imports_torch():
    code = (
        "import sys, course_utils; assert 'torch' not in sys.modules and 'numpy' not in"
        " sys.modules;from course_utils import check, checks; assert 'torch' not in"
        " sys.modules;checks.evaluate('1.1', lambda x, m, v: 0); assert 'torch' not in sys.modules"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ}
    )
    assert out.returncode == 0, out.stderr


def test_checked_says_what_it_is():
    assert "until yours passes" in repr(Checked("f", None, abs)) and "yours" in repr(
        Checked("f", abs, abs)
    )


def test_a_tensor_argument_is_fresh_for_every_call_and_a_change_is_noticed():
    given = TensorArg(np.array([1.0, 2.0]))
    ask = Ask(lambda x: x.add_(1).sum())
    assert ask(given) == ask(given) == 5.0 and ask.changed and (given.values == [1, 2]).all()
    unchanged = Ask(lambda x: x.sum())
    assert unchanged(given) == 3.0 and not unchanged.changed


def test_the_gradient_probe_tells_a_gradient_from_none():
    a, b = TensorArg(np.array([1.0, 2.0])), TensorArg(np.array([3.0, 4.0]))
    facts = Ask(lambda a, b: a * b.detach()).probe("gradient", ["a", "b"], a, b)
    assert np.allclose(facts["the value"], [3, 8]) and facts["the gradient that reaches b"] is None
    # the value's entries weigh 1 and 2
    assert np.allclose(facts["the gradient that reaches a"], [3 * 1, 4 * 2])


def test_checking_a_training_loop_draws_no_random_numbers():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    evaluate("3.2", checks.course_version(find("3.2")))
    evaluate("3.2", lambda *a: None)
    assert torch.equal(before, torch.random.get_rng_state())


def test_losses_with_their_record_are_refused_since_no_figure_can_draw_them():
    def keeps_the_record(model, loader, loss_fn, optimizer, epochs, **_options):
        losses = []
        for _ in range(epochs):
            for batch in loader:
                losses.append(loss_fn(model, batch))
                optimizer.zero_grad()
                losses[-1].backward()
                optimizer.step()
        return {"train": losses, "val": []}

    outcome = evaluate("3.2", keeps_the_record)
    assert outcome.status == "fail" and "`loss.item()`" in outcome.hint


def test_a_case_may_say_what_it_wants_and_needs_no_oracle_then():
    exercise = Exercise("0.0", "build", lambda rng: [], None)
    assert exercise.is_build and exercise.wanted(Case("says", (), want={"a fact": True})) == {
        "a fact": True
    }


def test_a_case_that_the_oracle_cannot_answer_is_an_error_and_passes_nobody():
    case = Case("any", (1,), lambda ask, x: ask.probe("no_such_probe", x))
    with pytest.raises(ValueError, match="the oracle of 9.9 shows nothing on the case 'any'"):
        Exercise("9.9", "f", lambda rng: [case], oracle=abs).wanted(case)


def test_close_is_said_of_values_that_are_close_also_where_one_of_them_is_huge():
    want = np.array([-1.6, 1.4, -2.1, -3200.0])
    assert "close" in close([(1.003 * want, want)])
    assert close([(want + [0.5, -0.7, 1.1, 2.0], want)]) == ""


def judged(exercise, answer):
    """The verdict on an answer to an exercise that no lesson has."""
    cases = exercise.draw(np.random.default_rng(0))
    want = [exercise.wanted(case) for case in cases]
    got = [observe(Ask(answer), case) for case in cases]
    return checks.verdict(exercise, cases, want, got, changed=False)


def test_a_rule_that_a_later_case_shows_to_be_broken_is_said_before_a_bare_comparison():
    rule = "twice as large an x gives twice as much"

    def doubling(ask, x):
        return {rule: ask(2 * x) == 2 * ask(x)}

    exercise = Exercise(
        "0.1",
        "triple",
        lambda rng: [
            Case("one", (1.0,)),
            Case("two", (2.5,)),
            Case("twice", (1.0,), doubling, want={rule: True}),
        ],
        lambda x: 3 * x,
    )
    assert judged(exercise, lambda x: x**2 + 1 / x).hint.endswith(rule)
    assert judged(exercise, lambda x: 3 * x).status == "pass"


def test_a_mutant_may_have_to_agree_more_closely_than_an_answer_that_is_accepted():
    exercise = Exercise(
        "0.2",
        "ten times",
        lambda rng: [Case(f"{x}", (x,), rtol=0.1, alike=0.01) for x in (1.3, 2.7, 3.1)],
        lambda x: 10 * x,
        {"twelve": Mutant("this is twelve times", lambda x: 12 * x)},
    )
    assert judged(exercise, lambda x: 10.5 * x).status == "pass"
    assert judged(exercise, lambda x: 12.01 * x).hint == "this is twelve times"
    assert "twelve" not in judged(exercise, lambda x: 12.8 * x).hint


@pytest.mark.parametrize(
    "result, named",
    [
        ([1, 2], "a list, .*torch.as_tensor"),
        ((np.ones(2), 1), "a NumPy array, .*torch.as_tensor"),
        (1.5, "a Python float, .*`.item"),
        (3, "a Python int, .*`.item"),
    ],
)
def test_what_came_in_place_of_a_tensor_is_named(result, named):
    with pytest.raises(NotData, match=named):
        probes.tensors(lambda: result)


def test_two_refusals_are_alike_only_if_they_say_the_same():
    case = Case("any", ())
    refused = Raised(("NotData", "TypeError"), "it returned None: is there a `return`?")
    other = Raised(("NotData", "TypeError"), "two calls gave different values")
    assert same(refused, refused, case) and not same(refused, other, case)
    raised = Raised(("ValueError",), "no such kind")
    assert same(raised, Raised(("ValueError",), "another message"), case)


def test_a_shape_that_does_not_fit_is_explained():
    raised = Raised(("RuntimeError",), "shape '[600, 28, 28]' is invalid for input of size 3600")
    assert explained(raised).startswith("3600 numbers do not fit shape (600, 28, 28)")


@pytest.mark.parametrize("strict", [True, False])
def test_a_check_leaves_the_choice_of_deterministic_algorithms_as_it_was(strict):
    def answer(mu, logvar, eps):
        torch.use_deterministic_algorithms(True)
        return mu + (0.5 * logvar).exp() * eps

    torch.use_deterministic_algorithms(strict, warn_only=strict)
    evaluate("4.1", answer)
    found = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    assert found == strict


def test_a_first_check_imports_no_compiler():
    code = (
        "import sys, torch; from course_utils.checks import evaluate;"
        " evaluate('4.1', lambda mu, logvar, eps: mu);"
        " sys.exit('torch._inductor.config' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
