"""The exercises of lesson 03: a step on one example, the training loop, a step of momentum and one
of Adam, the first weights of a layer, the largest stable learning rate.
"""

from __future__ import annotations

import copy
import functools
import math
import operator
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.asking.ask import Answer, AnswerRaised, Ask, NotData, Raised, TensorArg
from course_utils.checks.exercise import Case, Exercise, Mutant, again, does_not_hold, numbers

if TYPE_CHECKING:
    from torch import Tensor


def _precise(read: Callable) -> Callable:
    """A `read` after which two errors are the same only if their messages are: else one hint would
    serve them all.
    """

    @functools.wraps(read)
    def reading(ask: Ask, *args: Any) -> Any:
        try:
            return read(ask, *args)
        except AnswerRaised as error:
            raised = error.raised
            if raised.kinds[0] in ("NotData", "NotImplementedError") or not raised.message:
                raise
            raise AnswerRaised(
                Raised((f"{raised.kinds[0]}: {raised.message}", *raised.kinds), raised.message)
            ) from None

    return reading


PAIR = "return a pair, the new theta and the new state"


def _new_theta(result: Any, theta: np.ndarray, due: str = PAIR) -> np.ndarray:
    """The theta in the pair that a step returns. Raises NotData, which becomes the hint."""
    if result is None:
        raise NotData("it returned None: is there a `return`?")
    if type(result) not in (tuple, list):
        raise NotData(f"it returned one thing, of type {type(result).__name__}; {due}")
    if len(result) != 2:
        raise NotData(f"it returned {len(result)} values; {due}")
    found = numbers(result[0])
    if found is None:
        raise NotData(
            "the first of the two values that it returned is not an array of numbers; it should be"
            " the new theta"
        )
    if found.shape != theta.shape:
        raise NotData(
            f"the new theta has shape {found.shape}; the theta that went in has shape {theta.shape}"
        )
    return found


# ---- 3.1 sgd_step --------------------------------------------------------------------------------

_value, _again = _precise(lambda ask, *args: ask(*args)), _precise(again)


@_precise
def _going_on(ask: Ask, theta: np.ndarray, *rest: Any) -> Any:
    """One step, whose result NumPy must be able to read: the next one starts there."""
    return ask.probe("lesson03.step", theta, *rest)


def _sgd_cases(rng: np.random.Generator) -> list[Case]:
    theta, x, lr = rng.normal(0, 2, size=4), rng.normal(0.5, 1, size=4), rng.uniform(0.02, 0.06)
    above, below = np.round(theta @ x - 2.3, 2), np.round(theta @ x + 3.7, 2)
    close_case = partial(Case, rtol=1e-5, atol=1e-6, read=_value)  # float32 is good to 1e-7
    return [
        close_case(
            "theta (1, 2), x (3, −1), y = −2, lr 0.1: the prediction 1 is 3 too high, and (−0.8,"
            " 2.6) comes out",
            (np.array([1.0, 2.0]), np.array([3.0, -1.0]), -2, 0.1),
        ),
        close_case(
            "one number: theta (2), x (3), y = 1, lr 0.01",
            (np.array([2.0]), np.array([3.0]), 1.0, 0.01),
        ),
        close_case(
            f"four numbers, y = {above:.2f}, where the prediction is too high",
            (theta, x, above, lr),
        ),
        close_case(
            "the same four numbers, the same arrays, a second time",
            (theta, x, above, lr),
            read=_again,
        ),
        close_case(
            f"the same four numbers, y = {below:.2f}, where the prediction is too low",
            (theta, x, below, lr),
        ),
        close_case(
            "three numbers where the prediction is only 0.3 too high, lr 0.4",
            (theta[:3], x[:3], theta[:3] @ x[:3] - 0.3, 0.4),
        ),
        close_case(
            "seven numbers, lr 0.003",
            (rng.normal(size=7), rng.normal(size=7), float(rng.normal(3, 1)), 0.003),
            read=_going_on,
        ),
        close_case(
            "a prediction that is exact: theta (1, 2, −1), x (2, 1, 1), y = 3; nothing is left to"
            " learn",
            (np.array([1.0, 2.0, -1.0]), np.array([2.0, 1.0, 1.0]), 3.0, 0.1),
        ),
        close_case(
            "an example of zeros: x (0, 0), y = 1; it says nothing about theta",
            (np.array([1.0, 2.0]), np.zeros(2), 1.0, 0.1),
            stress=True,
        ),
    ]


def _sgd_oracle(theta: np.ndarray, x: np.ndarray, y: float, lr: float) -> np.ndarray:
    import torch

    p = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    loss = torch.square(torch.dot(p, torch.tensor(x, dtype=torch.float64)) - float(y))
    return (p - lr * torch.autograd.grad(loss, p)[0]).detach().numpy()


def _off(theta: np.ndarray, x: np.ndarray, y: float) -> Any:
    """By how much the prediction is too high."""
    return np.dot(theta, x) - y


def _unit(vector: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return vector / np.linalg.norm(vector)


def _sgd_normalized(
    theta: np.ndarray, x: np.ndarray, y: float, lr: float, factor: float
) -> np.ndarray:
    with np.errstate(all="ignore"):
        return theta - lr * factor * _off(theta, x, y) * x / np.dot(x, x)


def _sgd_in_place(theta: np.ndarray, x: np.ndarray, y: float, lr: float) -> np.ndarray:
    theta -= lr * 2 * _off(theta, x, y) * x
    return theta


def _sgd_spoiling_x(theta: np.ndarray, x: np.ndarray, y: float, lr: float) -> np.ndarray:
    off = _off(theta, x, y)
    x *= 2 * off
    return theta - lr * x


def _sgd_twice(theta: np.ndarray, x: np.ndarray, y: float, lr: float) -> np.ndarray:
    theta = theta - lr * 2 * _off(theta, x, y) * x
    return theta - lr * 2 * _off(theta, x, y) * x


def _sgd_one_after_another_in_place(
    theta: np.ndarray, x: np.ndarray, y: float, lr: float
) -> np.ndarray:
    for i in range(len(theta)):
        theta[i] -= lr * 2 * _off(theta, x, y) * x[i]
    return theta


def _sgd_by_differences(theta: np.ndarray, x: np.ndarray, y: float, lr: float) -> np.ndarray:
    steps = 1e-3 * np.eye(len(theta))
    return theta - lr * np.array(
        [(_off(theta + e, x, y) ** 2 - _off(theta - e, x, y) ** 2) / 2e-3 for e in steps]
    )


def _sgd_by_torch(theta: np.ndarray, x: np.ndarray, y: float, lr: float) -> Tensor:
    import torch

    p = torch.tensor(theta, requires_grad=True)
    (p @ torch.tensor(x) - y).pow(2).backward()
    torch.optim.SGD([p], lr=lr).step()
    return p.detach()


SGD = Exercise(
    "3.1",
    "sgd_step",
    _sgd_cases,
    _sgd_oracle,
    {
        "factor-2-missing": Mutant(
            "the step is half as long as it should be: the derivative of a square brings a 2 in"
            " front",
            lambda theta, x, y, lr: theta - lr * _off(theta, x, y) * x,
        ),
        "gradient-ascent": Mutant(
            "it walks uphill: a sign is flipped, in the step or in the error θ·x − y",
            lambda theta, x, y, lr: theta + lr * 2 * _off(theta, x, y) * x,
        ),
        "ascent-factor-2-missing": Mutant(
            "it walks uphill, and half as far as it should: a sign is flipped, and the 2 of the"
            " derivative is missing",
            lambda theta, x, y, lr: theta + lr * _off(theta, x, y) * x,
        ),
        "divided-by-2": Mutant(
            "the step is a quarter of what it should be: the 2 of the derivative multiplies, it"
            " does not divide",
            lambda theta, x, y, lr: theta - lr * _off(theta, x, y) * x / 2,
        ),
        "factor-2-doubled": Mutant(
            "the step is twice as long as it should be: the derivative of a square brings one"
            " factor 2",
            lambda theta, x, y, lr: theta - lr * 4 * _off(theta, x, y) * x,
        ),
        "mean-over-entries": Mutant(
            "the gradient was divided by the number of entries of x: a single example needs no"
            " average",
            lambda theta, x, y, lr: theta - lr * 2 * _off(theta, x, y) * x / len(x),
        ),
        "mean-over-entries-no-2": Mutant(
            "the gradient was divided by the number of entries of x, and its 2 is missing: a"
            " single example needs no average",
            lambda theta, x, y, lr: theta - lr * _off(theta, x, y) * x / len(x),
        ),
        "inner-derivative-missing": Mutant(
            "the factor x is missing: by the chain rule, multiply by the derivative of θ·x, which"
            " is x",
            lambda theta, x, y, lr: theta - lr * 2 * _off(theta, x, y),
        ),
        "factors-2-and-x-missing": Mutant(
            "the factors 2 and x are missing: by the chain rule, one comes from the square, the"
            " other from θ·x",
            lambda theta, x, y, lr: theta - lr * _off(theta, x, y),
        ),
        "doubled-sign-of-error": Mutant(
            "only the sign of the error is used: this goes down 2·|θ·x − y|, but the loss is the"
            " square",
            lambda theta, x, y, lr: theta - lr * 2 * np.sign(_off(theta, x, y)) * x,
        ),
        "sign-of-error": Mutant(
            "only the sign of the error is used: this goes down |θ·x − y|, but the loss is the"
            " square",
            lambda theta, x, y, lr: theta - lr * np.sign(_off(theta, x, y)) * x,
        ),
        "absolute-error-in-gradient": Mutant(
            "the size of the error is used, not its sign: a prediction that is too low must move"
            " theta the other way",
            lambda theta, x, y, lr: theta - lr * 2 * np.abs(_off(theta, x, y)) * x,
        ),
        "sign-sgd": Mutant(
            "every entry moves by lr, with the sign of its gradient: use the gradient itself",
            lambda theta, x, y, lr: theta - lr * np.sign(_off(theta, x, y) * x),
        ),
        "error-clipped": Mutant(
            "the error is cut off at −1 and 1: use θ·x − y as it is",
            lambda theta, x, y, lr: theta - lr * 2 * np.clip(_off(theta, x, y), -1, 1) * x,
        ),
        "last-entry-only": Mutant(
            "only the last entry of theta moves: move every entry by its own entry of x",
            lambda theta, x, y, lr: np.concatenate(
                [theta[:-1], (theta - lr * 2 * _off(theta, x, y) * x)[-1:]]
            ),
        ),
        "error-squared": Mutant(
            "the error is squared in the step: the derivative of a square is one power lower",
            lambda theta, x, y, lr: theta - lr * 2 * _off(theta, x, y) ** 2 * x,
        ),
        "loss-times-x": Mutant(
            "the loss times x was subtracted: take the derivative of the square",
            lambda theta, x, y, lr: theta - lr * _off(theta, x, y) ** 2 * x,
        ),
        "loss-as-gradient": Mutant(
            "the loss itself was subtracted, times lr: subtract its gradient instead",
            lambda theta, x, y, lr: theta - lr * _off(theta, x, y) ** 2,
        ),
        "elementwise-error": Mutant(
            "each entry has an error of its own, θᵢ·xᵢ − y: the prediction is the sum θ·x, one"
            " number",
            lambda theta, x, y, lr: theta - lr * 2 * (theta * x - y) * x,
        ),
        "elementwise-error-no-2": Mutant(
            "each entry has an error of its own, θᵢ·xᵢ − y, and the 2 is missing: the prediction is"
            " the sum θ·x, one number",
            lambda theta, x, y, lr: theta - lr * (theta * x - y) * x,
        ),
        "gradient-averaged": Mutant(
            "one number moves all entries of theta, the mean of (θᵢ·xᵢ − y)·xᵢ: the error is θ·x −"
            " y, one number, and each entry moves by its own entry of x",
            lambda theta, x, y, lr: theta - lr * 2 * np.mean((theta * x - y) * x),
        ),
        "first-entry-only": Mutant(
            "only the first entry of theta moves: move every entry by its own entry of x",
            lambda theta, x, y, lr: np.concatenate(
                [(theta - lr * 2 * _off(theta, x, y) * x)[:1], theta[1:]]
            ),
        ),
        "integer-result": Mutant(
            "the new theta is cut to whole numbers: look for an array of integers or `int`",
            lambda theta, x, y, lr: (theta - lr * 2 * _off(theta, x, y) * x).astype(int),
        ),
        "y-subtracted-per-entry": Mutant(
            "y was subtracted from every product before the sum: the prediction is the sum θ·x,"
            " then y is subtracted once",
            lambda theta, x, y, lr: theta - lr * 2 * np.sum(theta * x - y) * x,
        ),
        "mean-for-dot-product": Mutant(
            "the products θᵢ·xᵢ were averaged: the prediction is their sum",
            lambda theta, x, y, lr: theta - lr * 2 * (np.mean(theta * x) - y) * x,
        ),
        "derivative-by-x": Mutant(
            "this is the derivative with respect to x, 2·(θ·x − y)·θ: take it with respect to"
            " theta",
            lambda theta, x, y, lr: theta - lr * 2 * _off(theta, x, y) * theta,
        ),
        "x-squared-in-gradient": Mutant(
            "x is squared in the gradient: the derivative of θ·x is x itself",
            lambda theta, x, y, lr: theta - lr * 2 * _off(theta, x, y) * x**2,
        ),
        "x-summed": Mutant(
            "the entries of x were added up: move each entry of theta by its own entry of x",
            lambda theta, x, y, lr: theta - lr * 2 * _off(theta, x, y) * np.sum(x),
        ),
        "x-averaged": Mutant(
            "the entries of x were averaged: move each entry of theta by its own entry of x",
            lambda theta, x, y, lr: theta - lr * 2 * _off(theta, x, y) * np.mean(x),
        ),
        "lr-missing": Mutant(
            "the learning rate is missing: the step is lr times the gradient",
            lambda theta, x, y, lr: theta - 2 * _off(theta, x, y) * x,
        ),
        "lr-and-2-missing": Mutant(
            "the learning rate is missing, and so is the 2 of the derivative",
            lambda theta, x, y, lr: theta - _off(theta, x, y) * x,
        ),
        "lr-squared": Mutant(
            "the learning rate was multiplied in twice",
            lambda theta, x, y, lr: theta - lr**2 * 2 * _off(theta, x, y) * x,
        ),
        "divided-by-lr": Mutant(
            "the gradient was divided by lr: multiply it by lr",
            lambda theta, x, y, lr: theta - 2 * _off(theta, x, y) * x / lr,
        ),
        "lr-hardcoded": Mutant(
            "`lr` is ignored: it is not always 0.01",
            lambda theta, x, y, lr: theta - 0.01 * 2 * _off(theta, x, y) * x,
        ),
        "lr-times-new-theta": Mutant(
            "check the parentheses: `lr` multiplies theta as well, but it belongs to the gradient"
            " alone",
            lambda theta, x, y, lr: lr * (theta - 2 * _off(theta, x, y) * x),
        ),
        "target-ignored": Mutant(
            "y is not used: the error is θ·x − y",
            lambda theta, x, y, lr: theta - lr * 2 * np.dot(theta, x) * x,
        ),
        "target-added": Mutant(
            "y was added: the error is the prediction minus y",
            lambda theta, x, y, lr: theta - lr * 2 * (np.dot(theta, x) + y) * x,
        ),
        "prediction-ignored": Mutant(
            "the prediction is not used: the error is θ·x − y",
            lambda theta, x, y, lr: theta + lr * 2 * y * x,
        ),
        "target-times-x-only": Mutant(
            "check the parentheses: y was multiplied by x alone, so the prediction was subtracted"
            " from theta; the error is θ·x − y as a whole",
            lambda theta, x, y, lr: theta - lr * 2 * (np.dot(theta, x) - y * x),
        ),
        "target-times-x-outside-lr": Mutant(
            "parentheses are missing: the error θ·x − y as a whole is multiplied by 2, lr and x",
            lambda theta, x, y, lr: theta - lr * 2 * np.dot(theta, x) - y * x,
        ),
        "target-times-x-without-2": Mutant(
            "parentheses are missing: the error θ·x − y as a whole is multiplied by x, not y alone",
            lambda theta, x, y, lr: theta - lr * (2 * np.dot(theta, x) - y * x),
        ),
        "matrix-formula-on-vector": Mutant(
            "`x.T @ …` is for a table of examples: here θ·x − y is one number, so multiply x by it",
            lambda theta, x, y, lr: theta - lr * 2 * x.T @ (np.dot(theta, x) - y),
        ),
        "target-outside-gradient": Mutant(
            "parentheses are missing: y is not a step of its own; the error θ·x − y as a whole is"
            " multiplied by lr, 2 and x",
            lambda theta, x, y, lr: theta - lr * 2 * np.dot(theta, x) * x - y,
        ),
        "prediction-squared": Mutant(
            "the prediction was squared, not the error: the loss is (θ·x − y)², its derivative"
            " 2·(θ·x − y)·x",
            lambda theta, x, y, lr: theta - lr * 2 * (np.dot(theta, x) ** 2 - y) * x,
        ),
        "ascent-inner-derivative-missing": Mutant(
            "the factor x is missing, and a sign is flipped: multiply by x, the derivative of θ·x,"
            " and subtract the step",
            lambda theta, x, y, lr: theta + lr * 2 * _off(theta, x, y),
        ),
        "lr-times-old-theta": Mutant(
            "`lr` multiplies theta: it belongs to the gradient",
            lambda theta, x, y, lr: lr * theta - 2 * _off(theta, x, y) * x,
        ),
        "step-subtracted-from-loss": Mutant(
            "the step was subtracted from the loss: subtract it from theta",
            lambda theta, x, y, lr: _off(theta, x, y) ** 2 - lr * 2 * _off(theta, x, y) * x,
        ),
        "gradient-normalized": Mutant(
            "the gradient was scaled to length 1: the step is lr times the gradient itself",
            lambda theta, x, y, lr: theta - lr * _unit(_off(theta, x, y) * x),
        ),
        "normalized-lms": Mutant(
            "the step was divided by x·x: that is another method (normalized least squares), here"
            " lr alone sets the length",
            lambda theta, x, y, lr: _sgd_normalized(theta, x, y, lr, 2),
        ),
        "normalized-lms-no-2": Mutant(
            "the step was divided by x·x, and the 2 is missing: here lr alone sets the length",
            lambda theta, x, y, lr: _sgd_normalized(theta, x, y, lr, 1),
        ),
        "full-kaczmarz-projection": Mutant(
            "this goes all the way to θ·x = y: the step is only lr times the gradient",
            lambda theta, x, y, lr: _sgd_normalized(theta, x, y, 1, 1),
        ),
        "sigmoid-on-prediction": Mutant(
            "the prediction went through a sigmoid: here it is θ·x itself",
            lambda theta, x, y, lr: theta - lr * 2 * (1 / (1 + np.exp(-np.dot(theta, x))) - y) * x,
        ),
        "two-steps": Mutant("these are two steps: take only one", _sgd_twice),
        "sequential-update": Mutant(
            "theta moved while the gradient was still being computed: all entries share one error,"
            " computed first",
            lambda theta, x, y, lr: _sgd_one_after_another_in_place(theta.copy(), x, y, lr),
        ),
        "sequential-update-in-place": Mutant(
            "theta moved, in the array that was passed in, while the gradient was still being"
            " computed: compute the error first",
            _sgd_one_after_another_in_place,
        ),
        "gradient-returned": Mutant(
            "this is the gradient: subtract lr times it from theta, and return the new theta",
            lambda theta, x, y, lr: 2 * _off(theta, x, y) * x,
        ),
        "step-returned": Mutant(
            "this is lr times the gradient: subtract it from theta, and return the new theta",
            lambda theta, x, y, lr: lr * 2 * _off(theta, x, y) * x,
        ),
        "negative-step-returned": Mutant(
            "this is the change alone, with the right sign: return theta plus the change",
            lambda theta, x, y, lr: -lr * 2 * _off(theta, x, y) * x,
        ),
        "gradient-without-2-returned": Mutant(
            "this is the gradient without its 2: subtract lr times the gradient from theta, and"
            " return the new theta",
            lambda theta, x, y, lr: _off(theta, x, y) * x,
        ),
        "step-without-2-returned": Mutant(
            "this is lr times the gradient, without its 2: subtract lr times the gradient from"
            " theta, and return the new theta",
            lambda theta, x, y, lr: lr * _off(theta, x, y) * x,
        ),
        "elementwise-error-times-theta": Mutant(
            "each entry has an error of its own, xᵢ − y, times θᵢ: the error is θ·x − y, one"
            " number, and the derivative of θ·x is x",
            lambda theta, x, y, lr: theta - lr * 2 * (x - y) * theta,
        ),
        "loss-returned": Mutant(
            "this is the loss: return the new theta",
            lambda theta, x, y, lr: _off(theta, x, y) ** 2,
        ),
        "error-returned": Mutant(
            "this is the error θ·x − y: return the new theta",
            lambda theta, x, y, lr: _off(theta, x, y),
        ),
        "theta-mutated": Mutant(
            "theta itself was changed, so a second call starts somewhere else: make a new one,"
            " `theta = theta - …`",
            _sgd_in_place,
        ),
        "x-mutated": Mutant(
            "x was changed on the way, so a second call gives something else: work on a copy",
            _sgd_spoiling_x,
        ),
    },
    {
        "the error with its sign flipped, and added": lambda theta, x, y, lr: (
            theta + 2 * lr * (y - x @ theta) * x
        ),
        "entry by entry, in a list": lambda theta, x, y, lr: [
            t - lr * 2 * (sum(a * b for a, b in zip(theta, x, strict=True)) - y) * v
            for t, v in zip(theta, x, strict=True)
        ],
        "by finite differences": _sgd_by_differences,
        "PyTorch's gradient and PyTorch's SGD": _sgd_by_torch,
        "as a matrix, (I − 2·lr·x xᵀ) θ + 2·lr·y·x": lambda theta, x, y, lr: (
            (np.eye(len(x)) - 2 * lr * np.outer(x, x)) @ theta + 2 * lr * y * x
        ),
        "float32": lambda theta, x, y, lr: (
            np.float32(theta) - np.float32(lr * 2 * _off(theta, x, y)) * np.float32(x)
        ),
    },
)


# ---- 3.2 fit -------------------------------------------------------------------------------------


UNMOVED = {
    "no step": "the weights never move: `optimizer.step()` is never called",
    "no backward": (
        "the weights never move: `optimizer.step()` finds no gradients, because `loss.backward()`,"
        " which computes them, is not called before it"
    ),
    "cleared": (
        "the weights never move: the gradients that `backward` computed are cleared before"
        " `optimizer.step()` can use them"
    ),
    "elsewhere": "the weights never move: the gradients went to a copy of the model",
}
UNCLIPPED = {
    "never": (
        "a gradient longer than `max_norm` was used as it is: `clip_grad_norm_` is never called"
    ),
    "early": (
        "`clip_grad_norm_` came before `backward`, when there was no gradient to shorten yet: call"
        " it between `backward` and `step`"
    ),
    "late": (
        "`clip_grad_norm_` came after `optimizer.step()`, when the long step was already made: call"
        " it between `backward` and `step`"
    ),
    "unseen": (
        "with `max_norm` the steps are as long as without it: is `clip_grad_norm_` called, and"
        " between `backward` and `step`?"
    ),
}


@_precise
def _trained(ask: Ask, *args: Any) -> Any:
    found = ask.probe("lesson03.training", *args)
    unmoved, unclipped = found.pop("unmoved"), found.pop("unclipped")
    if unmoved or unclipped:
        raise NotData(UNMOVED.get(unmoved) or UNCLIPPED[unclipped])
    return found


def _fit_case(
    says: str,
    start: tuple[Any, float],
    x: Any,
    y: Any,
    options: dict[str, Any],
    stress: bool = False,
) -> Case:
    """`start`: weights and bias; `options` as in the probe."""
    values = (*start, x, y)
    tensors = [TensorArg(np.array(value, dtype=np.float32, ndmin=1)) for value in values]
    return Case(says, (*tensors, options), _trained, rtol=1e-4, atol=1e-5, stress=stress)


def _fit_cases(rng: np.random.Generator) -> list[Case]:
    zero, points = ([[0.0]], 0.0), ([[1.0], [2.0]], [[1.0], [3.0]])
    x, weights = rng.normal(size=(8, 3)), rng.uniform(0.5, 2, size=(3, 1))
    y = x @ (weights * rng.choice([-1, 1], size=(3, 1))) + 1 + 0.3 * rng.normal(size=(8, 1))
    return [
        _fit_case(
            "one epoch of one minibatch, the points (1, 1) and (2, 3), from weight 0 and bias 0"
            " with lr 0.05: the loss before the step is 5",
            zero,
            *points,
            {"lr": 0.05},
        ),
        _fit_case(
            "called twice with the same model and optimizer, two epochs of two minibatches each"
            " time",
            (0.3 * rng.normal(size=(1, 3)), 0.2),
            x[:6],
            y[:6],
            {"lr": 0.05, "epochs": 2, "size": 4, "calls": 2},
        ),
        _fit_case("five epochs of that minibatch", zero, *points, {"lr": 0.05, "epochs": 5}),
        _fit_case(
            "two epochs of three minibatches: 8 random rows, 3 at a time, lr 0.04",
            (0.3 * rng.normal(size=(1, 3)), 0.2),
            x,
            y,
            {"lr": 0.04, "epochs": 2, "size": 3},
        ),
        _fit_case(
            "two epochs of two minibatches with labels 0 and 1, where `loss_fn` is the binary"
            " cross-entropy with logits",
            (0.3 * rng.normal(size=(1, 3)), 0.2),
            x,
            y > np.median(y),
            {"lr": 0.5, "epochs": 2, "size": 5, "loss": "binary_cross_entropy_with_logits"},
        ),
        _fit_case(
            "three epochs of two minibatches with `max_norm` 0.3, less than the norm of most"
            " gradients here",
            (0.3 * rng.normal(size=(1, 3)), 0.2),
            x,
            y,
            {"lr": 0.1, "epochs": 3, "size": 5, "max_norm": 0.3},
        ),
        _fit_case(
            "two epochs of three minibatches with a scheduler that takes a fifth off the learning"
            " rate each time",
            (0.3 * rng.normal(size=(1, 3)), 0.2),
            x,
            y,
            {"lr": 0.1, "epochs": 2, "size": 3, "decay": 0.8},
        ),
        _fit_case(
            "three epochs of two minibatches with a `validate` that measures the loss on all rows",
            (0.3 * rng.normal(size=(1, 3)), 0.2),
            x,
            y,
            {"lr": 0.05, "epochs": 3, "size": 5, "validated": True},
        ),
        _fit_case(
            "two epochs of two minibatches without labels, `(x,)`: the loss is the mean square of"
            " what the model makes of x",
            (0.3 * rng.normal(size=(1, 3)), 0.2),
            x,
            y,
            {"lr": 0.05, "epochs": 2, "size": 4, "alone": True},
        ),
        _fit_case(
            "five epochs with lr 0.5, which is too large: the loss grows",
            zero,
            *points,
            {"lr": 0.5, "epochs": 5},
        ),
        _fit_case(
            "four epochs from weight 2 and bias −1, which fit the two points exactly: the loss is 0"
            " in each of them",
            ([[2.0]], -1.0),
            *points,
            {"lr": 0.05, "epochs": 4},
            stress=True,
        ),
        _fit_case(
            "no epoch at all: two empty lists, and the weights stay",
            ([[0.5]], 0.1),
            *points,
            {"lr": 0.05, "epochs": 0},
            stress=True,
        ),
    ]


def _fit_oracle(
    model: Any,
    loader: Any,
    loss_fn: Callable,
    optimizer: Any,
    epochs: int,
    scheduler: Any = None,
    max_norm: float | None = None,
    validate: Callable | None = None,
) -> dict[str, list]:
    """By hand: the gradients of `torch.autograd.grad`, and an explicit update."""
    import torch

    parameters, train, val = list(model.parameters()), [], []
    for _ in range(epochs):
        for batch in loader:
            loss = loss_fn(model, batch)
            train.append(float(loss.detach()))
            gradients = torch.autograd.grad(loss, parameters)
            length = math.sqrt(sum(float((g**2).sum()) for g in gradients))
            factor = 1.0 if max_norm is None else min(1.0, max_norm / (length + 1e-6))
            for p, g in zip(parameters, gradients, strict=True):
                p.data -= optimizer.param_groups[0]["lr"] * factor * g
                p.grad = torch.zeros_like(p)
            optimizer.step()  # moves nothing, because every `.grad` is 0; it counts as called
            if scheduler is not None:
                scheduler.step()
        if validate is not None:
            with torch.no_grad():
                val.append(validate(model))
    return {"train": train, "val": val}


def _usual_loss(r: SimpleNamespace) -> Tensor:
    return r.loss_fn(r.model, r.batch)


def _own_optimizer(r: SimpleNamespace, name: str, lr: float) -> None:
    import torch

    r.optimizer = getattr(torch.optim, name)(r.model.parameters(), lr=lr)


def _move_by_hand(r: SimpleNamespace) -> None:
    for p in r.model.parameters():
        p.data -= r.optimizer.param_groups[0]["lr"] * p.grad


def _clip(r: SimpleNamespace, by_value: bool = False, always: float | None = None) -> None:
    from torch.nn import utils

    bound = always if r.max_norm is None else r.max_norm
    if bound is not None:
        clip = utils.clip_grad_value_ if by_value else utils.clip_grad_norm_
        clip(list(r.model.parameters()), bound)


def _measure(r: SimpleNamespace, grad: bool = False, always: bool = False) -> None:
    import torch

    if always or r.validate is not None:
        with torch.set_grad_enabled(grad):
            r.val.append(r.validate(r.model))


def _measure_in_mode(r: SimpleNamespace) -> None:
    if r.validate is not None:
        r.model.eval()
        _measure(r)


def _clip_to_none(r: SimpleNamespace) -> None:
    float(r.max_norm)  # raises for None, as `clip_grad_norm_` does
    _clip(r)


def _pace(r: SimpleNamespace) -> None:
    if r.scheduler is not None:
        r.scheduler.step()


ACTS: dict[str, Callable] = {
    "loss": lambda r: setattr(r, "loss", r.forward(r)),
    "clear": lambda r: r.optimizer.zero_grad(),
    "clear_model": lambda r: r.model.zero_grad(),
    "back": lambda r: r.loss.backward(),
    "back_keep": lambda r: r.loss.backward(retain_graph=True),
    "back_up": lambda r: (-r.loss).backward(),
    "clip": _clip,
    "clip_values": partial(_clip, by_value=True),
    "clip_always": partial(_clip, always=1.0),
    "clip_to_none": _clip_to_none,
    "move": _move_by_hand,
    "step": lambda r: r.optimizer.step(),
    "pace": _pace,
    "pace_always": lambda r: r.scheduler.step(),
    "pace_loss": lambda r: r.scheduler and r.scheduler.step(r.loss.item()),
    "train_mode": lambda r: r.model.train(),
    "validate_mode": _measure_in_mode,
    "note": lambda r: r.train.append(r.loss.item()),
    "validate": _measure,
    "validate_always": partial(_measure, always=True),
    "validate_grad": partial(_measure, grad=True),
    "clear_loss": lambda r: r.loss.zero_grad(),
    "back_model": lambda r: r.model.backward(),
    "step_loss": lambda r: r.optimizer.step(r.loss),
    "own_sgd": lambda r: _own_optimizer(r, "SGD", 0.01),
    "own_adam": lambda r: _own_optimizer(r, "Adam", 0.001),
    "copy": lambda r: setattr(r, "model", copy.deepcopy(r.model)),
}
ROUND = "loss clear back clip step pace note"  # one minibatch


def _histories(r: SimpleNamespace) -> dict[str, list]:
    return {"train": r.train, "val": r.val}


def _loop(
    each: str = ROUND,
    before: str = "",
    first: str = "",
    last: str = "validate",
    after: str = "",
    forward: Callable = _usual_loss,
    epochs: Callable = lambda r: range(r.epochs),
    batches: Callable = lambda r: r.loader,
    told: Callable = _histories,
) -> Answer:
    """A training loop that does the named acts `before` all epochs, `first` in each, for `each`
    minibatch, `last` in each epoch, and `after` all.
    """

    def answer(
        model: Any,
        loader: Any,
        loss_fn: Callable,
        optimizer: Any,
        epochs_due: int,
        scheduler: Any = None,
        max_norm: float | None = None,
        validate: Callable | None = None,
    ) -> Any:
        r = SimpleNamespace(
            **{"model": model, "loader": loader, "loss_fn": loss_fn, "optimizer": optimizer},
            **{"epochs": epochs_due, "scheduler": scheduler, "max_norm": max_norm},
            **{"validate": validate, "forward": forward, "train": [], "val": [], "loss": None},
        )
        _acts(r, before)
        for _ in epochs(r):
            _acts(r, first)
            for batch in batches(r):
                r.batch = batch
                _acts(r, each)
            _acts(r, last)
        _acts(r, after)
        return told(r)

    return answer


def _acts(r: SimpleNamespace, names: str) -> None:
    for name in names.split():
        ACTS[name](r)


def _listed(r: SimpleNamespace) -> Any:
    """The minibatches of the first epoch, for all epochs."""
    if not hasattr(r, "listed"):
        r.listed = list(r.loader)
    return r.listed


def _unpacked(r: SimpleNamespace) -> Tensor:
    """As if every minibatch were a picture and its label."""
    x, y = r.batch
    return r.loss_fn(r.model, (x, y))


def _only_once(r: SimpleNamespace) -> Any:
    """The loader as an iterator, which is at its end after one epoch."""
    if not hasattr(r, "iterator"):
        r.iterator = iter(r.loader)
    return r.iterator


def _once(r: SimpleNamespace) -> Tensor:
    """The loss of the first minibatch, over and over."""
    if r.loss is None:
        r.loss = _usual_loss(r)
    return r.loss


def _unrecorded(r: SimpleNamespace) -> Tensor:
    import torch

    with torch.no_grad():
        return _usual_loss(r)


def _means(r: SimpleNamespace) -> dict[str, Any]:
    """One loss per epoch."""
    rows = max(1, len(r.train) // max(1, r.epochs))
    parts = [r.train[i : i + rows] for i in range(0, len(r.train), rows)]
    return {"train": [sum(part) / len(part) for part in parts], "val": r.val}


def _with_closure(
    model: Any,
    loader: Any,
    loss_fn: Callable,
    optimizer: Any,
    epochs: int,
    scheduler: Any = None,
    max_norm: float | None = None,
    validate: Callable | None = None,
) -> dict[str, list]:
    import torch

    def closure(batch: Any) -> Tensor:
        optimizer.zero_grad()
        loss = loss_fn(model, batch)
        loss.backward()
        if max_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        return loss

    train, val = [], []
    for _ in range(epochs):
        for batch in loader:
            train.append(optimizer.step(partial(closure, batch)).item())
            if scheduler:
                scheduler.step()
        if validate:
            with torch.no_grad():
                val.append(validate(model))
    return {"train": train, "val": val}


def _told(change: Callable) -> Answer:
    """The usual loop, which changes the losses that it noted before it returns them."""
    return _loop(told=lambda r: {"train": change(r.train), "val": r.val})


FIT = Exercise(
    "3.2",
    "fit",
    _fit_cases,
    _fit_oracle,
    {
        "zero-grad-missing": Mutant(
            "the gradients of all minibatches so far were added up: clear them once for every"
            " minibatch, with `optimizer.zero_grad()`",
            _loop("loss back clip step pace note"),
        ),
        "zero-grad-once-per-epoch": Mutant(
            "the gradients were cleared once per epoch, so those of its minibatches were added up:"
            " clear them for every minibatch",
            _loop("loss back clip step pace note", first="clear"),
        ),
        "cleared-before-step": Mutant(
            UNMOVED["cleared"], _loop("loss back clip clear step pace note")
        ),
        "step-missing": Mutant(UNMOVED["no step"], _loop("loss clear back clip pace note")),
        "backward-missing": Mutant(UNMOVED["no backward"], _loop("loss clear clip step pace note")),
        "copy-trained": Mutant(UNMOVED["elsewhere"], _loop(before="copy")),
        "step-before-backward": Mutant(
            "`step` came before `backward`, so every step uses the gradient of the previous"
            " minibatch",
            _loop("loss clip step pace clear back note"),
        ),
        "weights-one-step-behind": Mutant(
            "the losses start right and then fall behind, because `step` comes first for every"
            " minibatch and uses the gradient of the previous one: end with `step`",
            _loop("clip step pace loss clear back note"),
        ),
        "clip-missing": Mutant(UNCLIPPED["never"], _loop("loss clear back step pace note")),
        "clip-before-backward": Mutant(
            UNCLIPPED["early"], _loop("loss clear clip back step pace note")
        ),
        "clip-after-step": Mutant(UNCLIPPED["late"], _loop("loss clear back step clip pace note")),
        "clipped-by-value": Mutant(
            "each entry of the gradient was clipped by itself, which changes its direction: use"
            " `clip_grad_norm_`, which shortens the whole gradient",
            _loop("loss clear back clip_values step pace note"),
        ),
        "clipped-without-max-norm": Mutant(
            "the gradients were clipped to length 1 where no `max_norm` was given: clip only if"
            " there is one, and to that length",
            _loop("loss clear back clip_always step pace note"),
        ),
        "clip-not-optional": Mutant(
            "`clip_grad_norm_` was called where `max_norm` is None: call it only if a `max_norm`"
            " was given",
            _loop("loss clear back clip_to_none step pace note"),
        ),
        "scheduler-ignored": Mutant(
            "the learning rate never changed although a scheduler was given: call"
            " `scheduler.step()` after every `optimizer.step()`",
            _loop("loss clear back clip step note"),
        ),
        "scheduler-once-per-epoch": Mutant(
            "`scheduler.step()` was called once per epoch: here it belongs after the step of every"
            " minibatch",
            _loop("loss clear back clip step note", last="pace validate"),
        ),
        "scheduler-first": Mutant(
            "`scheduler.step()` came before `optimizer.step()`, so the first learning rate was"
            " skipped: call it after",
            _loop("loss clear back clip pace step note"),
        ),
        "scheduler-given-the-loss": Mutant(
            "`scheduler.step` was handed the loss: call it with empty parentheses",
            _loop("loss clear back clip step pace_loss note"),
        ),
        "scheduler-not-optional": Mutant(
            "`scheduler.step()` was called where `scheduler` is None: call it only if a scheduler"
            " was given",
            _loop("loss clear back clip step pace_always note"),
        ),
        "validate-not-optional": Mutant(
            "`validate` was called where it is None: call it only if it was given",
            _loop(last="validate_always"),
        ),
        "validate-ignored": Mutant(
            'it never called the `validate` that was passed in: "val" holds what it returns after'
            " every epoch",
            _loop(last=""),
        ),
        "validate-with-gradients": Mutant(
            "`validate` was called with gradients switched on: call it inside `with"
            " torch.no_grad():`",
            _loop(last="validate_grad"),
        ),
        "validate-first": Mutant(
            "`validate` was called before the minibatches of each epoch: measure after them",
            _loop(first="validate", last=""),
        ),
        "validate-per-minibatch": Mutant(
            "`validate` was called after every minibatch: once after every epoch is enough",
            _loop(ROUND + " validate", last=""),
        ),
        "validate-at-the-end": Mutant(
            "`validate` was called once, after all epochs: call it after every epoch",
            _loop(last="", after="validate"),
        ),
        "left-in-evaluation-mode": Mutant(
            "after `model.eval()` the next epoch trained in evaluation mode: call `model.train()`"
            " when each epoch begins",
            _loop(last="validate_mode"),
        ),
        "one-minibatch-only": Mutant(
            "it stopped after one minibatch: is `return` inside the loops? It belongs after them",
            _loop(
                epochs=lambda r: range(min(1, r.epochs)),
                batches=lambda r: [next(iter(r.loader))],
                last="",
            ),
        ),
        "one-epoch-only": Mutant(
            "it trained for one epoch, however many were asked for: is there a loop over the"
            " epochs, with `return` after it?",
            _loop(epochs=lambda r: range(min(1, r.epochs))),
        ),
        "loader-used-up": Mutant(
            "only the first epoch trained: an iterator is at its end after one pass, so loop over"
            " `loader` itself in every epoch",
            _loop(batches=_only_once),
        ),
        "loader-listed-once": Mutant(
            "every epoch used the minibatches of the first one again: loop over `loader` itself,"
            " which shuffles anew each time",
            _loop(batches=_listed),
        ),
        "minibatch-unpacked": Mutant(
            "the minibatch was taken for a pair: pass it to `loss_fn` as it comes, because it may"
            " have no labels",
            _loop(forward=_unpacked),
        ),
        "first-minibatch-only": Mutant(
            "each epoch used the first minibatch alone: loop over every minibatch that `loader`"
            " yields",
            _loop(batches=lambda r: [next(iter(r.loader))]),
        ),
        "step-once-per-epoch": Mutant(
            "the optimizer took one step per epoch, with the gradient of the last minibatch: step"
            " for every minibatch",
            _loop("loss clear back clip note", last="step pace validate"),
        ),
        "gradients-of-an-epoch-added": Mutant(
            "the gradients of all minibatches were added up for one step per epoch: step for every"
            " minibatch",
            _loop("loss back clip note", first="clear", last="step pace validate"),
        ),
        "one-epoch-too-many": Mutant(
            "one epoch too many: `range(epochs)` counts them",
            _loop(epochs=lambda r: range(r.epochs + 1)),
        ),
        "one-epoch-too-few": Mutant(
            "one epoch too few: `range(epochs)` counts them",
            _loop(epochs=lambda r: range(max(0, r.epochs - 1))),
        ),
        "graph-reused": Mutant(
            "`backward` ran twice through the same graph: compute a new loss for every minibatch",
            _loop(forward=_once),
        ),
        "loss-after-step": Mutant(
            'the losses were computed after the steps: "train" should hold the loss before each'
            " step",
            _loop("loss clear back clip step pace loss note"),
        ),
        "mean-loss-per-epoch": Mutant(
            'one training loss per epoch came back: "train" should hold one for every minibatch',
            _loop(told=_means),
        ),
        "last-loss-per-epoch": Mutant(
            'only the last loss of each epoch came back: "train" should hold one for every'
            " minibatch",
            _loop("loss clear back clip step pace", last="note validate"),
        ),
        "losses-not-recorded": Mutant(
            'the list "train" stayed empty: append `loss.item()` for every minibatch',
            _told(lambda losses: []),
        ),
        "losses-added-up": Mutant(
            "the losses were added up from minibatch to minibatch: keep each one as it is",
            _told(np.cumsum),
        ),
        "losses-rounded": Mutant(
            "the losses were rounded: keep each one as it is",
            _told(lambda losses: [round(loss, 2) for loss in losses]),
        ),
        "item-before-backward": Mutant(
            "the loss became a plain number before `backward`: call `.item()` only where it is"
            " recorded",
            _loop(forward=lambda r: _usual_loss(r).item()),
        ),
        "graph-detached": Mutant(
            "the loss has no computation graph: is it computed inside `no_grad`, or after"
            " `detach`?",
            _loop(forward=_unrecorded),
        ),
        "backward-twice-error": Mutant(
            "`backward` was called twice for one loss: once is enough, and the second call finds"
            " the graph gone",
            _loop("loss clear back back clip step pace note"),
        ),
        "update-doubled": Mutant(
            "each step is twice as long as it should be: is `backward` or `step` called a second"
            " time?",
            _loop("loss clear back_keep back clip step pace note"),
        ),
        "walks-uphill": Mutant(
            "it walks uphill: `backward` belongs to the loss itself, not to its negative",
            _loop("loss clear back_up clip step pace note"),
        ),
        "loss-passed-to-step": Mutant(
            "`optimizer.step()` takes no loss: it finds in `.grad` what `backward` left there",
            _loop("loss clear back clip step_loss pace note"),
        ),
        "zero-grad-on-loss": Mutant(
            "`zero_grad` belongs to the optimizer, not to the loss",
            _loop("loss clear_loss back clip step pace note"),
        ),
        "backward-on-model": Mutant(
            "`backward` belongs to the loss, not to the model",
            _loop("loss clear back_model clip step pace note"),
        ),
        "own-sgd": Mutant(
            "the steps are those of SGD with lr 0.01: use the `optimizer` that is passed in",
            _loop(before="own_sgd"),
        ),
        "own-adam": Mutant(
            "the steps are those of Adam with lr 0.001: use the `optimizer` that is passed in",
            _loop(before="own_adam"),
        ),
        "manual-update": Mutant(
            "the weights moved without the `optimizer` that is passed in: call its `step()`, which"
            " may be more than plain gradient descent",
            _loop("loss clear back clip move pace note"),
        ),
        "loss-divided-by-minibatches": Mutant(
            "the loss was divided by the number of minibatches before `backward`: use it as"
            " `loss_fn` gives it",
            _loop(forward=lambda r: _usual_loss(r) / len(r.loader)),
        ),
        "loss-of-the-minibatch-alone": Mutant(
            "`loss_fn` was given predictions: it takes the model and the minibatch, and calls the"
            " model itself",
            _loop(forward=lambda r: r.loss_fn(r.model(r.batch[0]), r.batch[1])),
        ),
    },
    {
        "as in the text": _loop(),
        "with modes": _loop(first="train_mode", last="validate_mode"),
        "cleared after the step": _loop("loss back clip step clear pace note"),
        "cleared by the model, recorded first": _loop("clear_model loss note back clip step pace"),
        "arrays": _told(np.array),
        "a closure for the optimizer": _with_closure,
        "by hand": _fit_oracle,
    },
)


# ---- 3.3 momentum_step ---------------------------------------------------------------------------


@_precise
def _rolled(ask: Ask, theta: np.ndarray, gradients: np.ndarray, lr: float, beta: float) -> Any:
    """theta and v after each step: (T, d) each."""
    v: Any = 0.0
    path, velocities = [], []
    for g in gradients:
        theta, v = _both(ask(theta, g, v, lr, beta), theta)
        path.append(theta)
        velocities.append(v)
    return {"theta after each step": np.array(path), "v after each step": np.array(velocities)}


@_precise
def _rolled_again(ask: Ask, theta: np.ndarray, g: np.ndarray, v: Any, *rates: float) -> Any:
    theta, v = _both(ask.series(2, theta, g, v, *rates)[1], theta)
    return {"theta after each step": theta, "v after each step": v}


def _both(result: Any, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The new theta and v of one step. Raises NotData, which becomes the hint."""
    new = _new_theta(result, theta, "return a pair, the new theta and the new v")
    velocity = numbers(result[1])
    if velocity is None or velocity.shape != theta.shape:
        raise NotData(
            "the second of the two values that it returned is not the new v, an array of the shape"
            " of theta"
        )
    return new, velocity


def _momentum_cases(rng: np.random.Generator) -> list[Case]:
    theta, gradients = rng.normal(size=3), rng.normal(size=(5, 3)) + 0.3
    close_case = partial(Case, read=_rolled, rtol=1e-5, atol=1e-6)
    return [
        close_case(
            "one step from theta (1, −2) with gradient (4, −2), lr 0.1, beta 0.9: v is (4, −2), and"
            " theta becomes (0.6, −1.8)",
            (np.array([1.0, -2.0]), np.array([[4.0, -2.0]]), 0.1, 0.9),
        ),
        close_case(
            "two steps with gradient 1 each, lr 0.1, beta 0.5: v is 1 and then 1.5",
            (np.array([0.0]), np.ones((2, 1)), 0.1, 0.5),
        ),
        close_case(
            "five steps with random gradients, lr 0.03, beta 0.8", (theta, gradients, 0.03, 0.8)
        ),
        close_case(
            "thirty steps with the same gradient (0.5, −3), lr 0.02, beta 0.9: v grows toward ten"
            " times the gradient",
            (np.array([1.0, 1.0]), np.tile([0.5, -3.0], (30, 1)), 0.02, 0.9),
        ),
        close_case(
            "four steps with gradients that change their sign, lr 0.05, beta 0.7",
            (theta, gradients[:4] * np.array([[1, -1, 1, -1]]).T, 0.05, 0.7),
        ),
        close_case("four steps with beta 0: gradient descent", (theta, gradients[:4], 0.1, 0.0)),
        close_case(
            "one step, a second time from the same arrays",
            (theta, gradients[0], gradients[1], 0.05, 0.6),
            read=_rolled_again,
        ),
    ]


def _momentum_oracle(theta: np.ndarray, g: np.ndarray, v: Any, lr: float, beta: float) -> Any:
    """PyTorch's own SGD with momentum, started with v in its buffer."""
    import torch

    p = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=lr, momentum=beta)
    if np.ndim(v) and beta:
        optimizer.state[p]["momentum_buffer"] = torch.tensor(v, dtype=torch.float64)
    p.grad = torch.tensor(g, dtype=torch.float64)
    optimizer.step()
    buffer = optimizer.state[p].get("momentum_buffer")
    return p.detach().numpy(), p.grad.numpy() if buffer is None else buffer.numpy()


def _momentum(
    velocity: Callable = lambda s: s.beta * s.v + s.g,
    move: Callable = lambda s: s.lr * s.new,
    keep: Callable = lambda s: s.new,
) -> Answer:
    """A step of momentum with something in it replaced: the new velocity, how far to move, what to
    keep.
    """

    def answer(theta: np.ndarray, g: np.ndarray, v: Any, lr: float, beta: float) -> Any:
        s = SimpleNamespace(theta=theta, g=g, v=v, lr=lr, beta=beta)
        s.new = velocity(s)
        return theta - move(s), keep(s)

    return answer


def _momentum_in_place(theta: np.ndarray, g: np.ndarray, v: Any, lr: float, beta: float) -> Any:
    v = v if np.ndim(v) else np.zeros_like(theta)
    v *= beta
    v += g
    return theta - lr * v, v


def _momentum_theta_in_place(
    theta: np.ndarray, g: np.ndarray, v: Any, lr: float, beta: float
) -> Any:
    v = beta * v + g
    theta -= lr * v
    return theta, v


def _momentum_by_entries(theta: np.ndarray, g: np.ndarray, v: Any, lr: float, beta: float) -> Any:
    old = list(v) if np.ndim(v) else [0.0] * len(g)
    new = [beta * a + b for a, b in zip(old, g, strict=True)]
    return [t - lr * a for t, a in zip(theta, new, strict=True)], new


MOMENTUM = Exercise(
    "3.3",
    "momentum_step",
    _momentum_cases,
    _momentum_oracle,
    {
        "plain-sgd": Mutant(
            "this is gradient descent: what is left of the old v belongs in the step too",
            _momentum(lambda s: s.g),
        ),
        "average": Mutant(
            "the new gradient entered v with weight 1 − beta: here it enters as it is, so that v is"
            " a sum and not an average",
            _momentum(lambda s: s.beta * s.v + (1 - s.beta) * s.g),
        ),
        "weights-swapped": Mutant(
            "beta multiplied the new gradient: it says how much of the old v is left",
            _momentum(lambda s: s.v + s.beta * s.g),
        ),
        "swapped-average": Mutant(
            "the old v was multiplied by 1 − beta: multiply it by beta",
            _momentum(lambda s: (1 - s.beta) * s.v + s.beta * s.g),
        ),
        "forgets-too-fast": Mutant(
            "the old v was multiplied by 1 − beta: multiply it by beta",
            _momentum(lambda s: (1 - s.beta) * s.v + s.g),
        ),
        "never-forgets": Mutant(
            "v adds up every gradient and forgets none: keep only the share beta of the old v",
            _momentum(lambda s: s.v + s.g),
        ),
        "beta-on-both": Mutant(
            "beta multiplied the new gradient too: it belongs to the old v alone",
            _momentum(lambda s: s.beta * (s.v + s.g)),
        ),
        "old-velocity": Mutant(
            "the step was taken with the old v: update v with this gradient first",
            _momentum(move=lambda s: s.lr * s.v),
        ),
        "lr-inside-velocity": Mutant(
            "v has lr in it: keep v free of it, and multiply by lr where theta moves",
            _momentum(lambda s: s.beta * s.v + s.lr * s.g, lambda s: s.new),
        ),
        "lr-twice": Mutant(
            "lr was multiplied in twice, into v and into the step",
            _momentum(lambda s: s.beta * s.v + s.lr * s.g),
        ),
        "lr-missing": Mutant(
            "lr is missing: move theta by lr times the new v", _momentum(move=lambda s: s.new)
        ),
        "uphill": Mutant(
            "it walks uphill: move theta against v", _momentum(move=lambda s: -s.lr * s.new)
        ),
        "negative-velocity": Mutant(
            "v has the opposite sign: let it collect the gradients themselves, and move theta"
            " against it",
            _momentum(lambda s: s.beta * s.v - s.g, lambda s: -s.lr * s.new),
        ),
        "negative-velocity-with-lr": Mutant(
            "v has the opposite sign, and lr in it: let it collect the gradients themselves, and"
            " move theta against it, by lr",
            _momentum(lambda s: s.beta * s.v - s.lr * s.g, lambda s: -s.new),
        ),
        "gradient-subtracted": Mutant(
            "the gradient was subtracted from what is left of v: add it",
            _momentum(lambda s: s.beta * s.v - s.g),
        ),
        "nesterov": Mutant(
            "this looks one step ahead, as Nesterov's version does: move theta by lr times the new"
            " v",
            _momentum(move=lambda s: s.lr * (s.g + s.beta * s.new)),
        ),
        "gradient-and-velocity": Mutant(
            "the gradient was used twice, in v and beside it: v contains it already",
            _momentum(move=lambda s: s.lr * (s.g + s.new)),
        ),
        "gradient-kept": Mutant(
            "the gradient came back where the new v belongs", _momentum(keep=lambda s: s.g)
        ),
        "old-velocity-kept": Mutant(
            "the old v came back: return the new one, or the next step forgets this gradient",
            _momentum(keep=lambda s: s.v + 0 * s.g),
        ),
        "pair-swapped": Mutant(
            "v came back first and theta second: return the new theta, then the new v",
            lambda *args: _momentum()(*args)[::-1],
        ),
        "step-kept": Mutant(
            "the step came back where the new v belongs: v has no lr in it",
            _momentum(keep=lambda s: s.lr * s.new),
        ),
        "beta-hardcoded": Mutant(
            "`beta` is ignored: it is not always 0.9",
            _momentum(lambda s: 0.9 * s.v + s.g),
        ),
        "step-returned": Mutant(
            "this is the step itself: subtract it from theta and return the new theta",
            _momentum(move=lambda s: s.theta - s.lr * s.new),
        ),
        "velocity-mutated": Mutant(
            "the v that was passed in was changed, so a second call gives something else: make a"
            " new one, `v = …`",
            _momentum_in_place,
        ),
        "theta-mutated": Mutant(
            "theta itself was changed, so a second call starts somewhere else: make a new one,"
            " `theta = theta - …`",
            _momentum_theta_in_place,
        ),
    },
    {
        "as in the text": _momentum(),
        "entry by entry, in lists": _momentum_by_entries,
        "a list of two": lambda *args: list(_momentum()(*args)),
        "float32": lambda theta, g, v, lr, beta: _momentum()(
            np.float32(theta), np.float32(g), np.float32(v), lr, beta
        ),
    },
)


# ---- 3.4 adam_step -------------------------------------------------------------------------------
START = (0.0, 0.0, 0)


@_precise
def _one(ask: Ask, theta: np.ndarray, g: np.ndarray, *rates: float) -> np.ndarray:
    return _new_theta(ask(theta, g, START, *rates), theta)


@_precise
def _one_again(ask: Ask, theta: np.ndarray, g: np.ndarray, *rates: float) -> np.ndarray:
    return _new_theta(ask.series(2, theta, g, START, *rates)[1], theta)


@_precise
def _path(ask: Ask, theta: np.ndarray, gradients: np.ndarray, *rates: float) -> np.ndarray:
    """theta after each step, (T, d). The state is handed on as it came: its form is the learner's
    own affair.
    """
    state, path = START, []
    for g in gradients:
        result = ask(theta, g, state, *rates)
        theta, state = _new_theta(result, theta), result[1]
        if state is None:
            raise NotData("the new state that it returned is None: the next step needs m, v and t")
        path.append(theta)
    return np.array(path)


ONLY_ARGUMENTS = (
    "a step depends on nothing but its arguments, so two parameters with a state each can be driven"
    " in turn: keep m, v and t in the state, not outside the function"
)
SAME_AGAIN = (
    "a second call with the same theta, gradient and state gives the same step: make a new m and"
    " v, without changing those in the state that was passed in"
)


@_precise
def _in_turn(ask: Ask, starts: np.ndarray, gradients: np.ndarray, *rates: float) -> dict[str, Any]:
    """Two parameters, (2, d), that take steps in turn, each with its own state. (T, 2, d)"""
    thetas, states, path = list(starts), [START, START], []
    for pair in gradients:
        for i, g in enumerate(pair):
            result = ask(thetas[i], g, states[i], *rates)
            thetas[i], states[i] = _new_theta(result, thetas[i]), result[1]
        path.append(np.array(thetas))
    alone = [_path(ask, starts[i], gradients[:, i], *rates)[-1] for i in range(2)]
    return {
        ONLY_ARGUMENTS: np.array_equal(alone, path[-1], equal_nan=True),
        "theta of both after each step": np.array(path),
    }


@_precise
def _half_way(ask: Ask, theta: np.ndarray, gradients: np.ndarray, *rates: float) -> dict[str, Any]:
    """The last step, made twice from the state that the steps before it left."""
    state = START
    for g in gradients[:-1]:
        result = ask(theta, g, state, *rates)
        theta, state = _new_theta(result, theta), result[1]
    first, second = (
        _new_theta(result, theta) for result in ask.series(2, theta, gradients[-1], state, *rates)
    )
    return {
        SAME_AGAIN: np.array_equal(first, second, equal_nan=True),
        "theta after the last step": first,
    }


def _adam_cases(rng: np.random.Generator) -> list[Case]:
    usual = (0.1, 0.9, 0.999, 1e-8)
    two, g = np.array([1.0, -2.0]), np.array([0.5, -0.003])
    three, random = rng.normal(size=3), rng.normal(size=(5, 3)) + 0.3
    late = np.vstack([np.zeros(3), random * [1, 1, 0]])
    fading = (
        rng.choice([-1, 1], size=(5, 3))
        * rng.uniform(0.5, 1, size=(5, 3))
        * np.array([[3, 1, 0.4, 0.5, 0.1]]).T
    )
    # theta moves by about 0.1 a step; float32 is good to 1e-7
    loose_case = partial(Case, rtol=1e-5, atol=1e-6)
    return [
        loose_case(
            "the first step from (1, −2) with gradient (0.5, −0.003) and lr 0.1 leads to (0.9,"
            " −1.9)",
            (two, g, *usual),
            _one,
        ),
        loose_case(
            "two parameters driven in turn, three steps each, each with its own state, lr 0.05",
            (rng.normal(size=(2, 2)), rng.normal(size=(3, 2, 2)) + 0.2, 0.05, *usual[1:]),
            _in_turn,
        ),
        loose_case(
            "that first step again, with a gradient a thousand times larger: (0.9, −1.9) once more",
            (two, 1000 * g, *usual),
            _one,
        ),
        loose_case(
            "the first step with a large ε, 0.1",
            (two, g, 0.1, 0.9, 0.999, 0.1),
            _one,
        ),
        loose_case(
            "the third step, asked for twice from the same theta, gradient and state",
            (rng.normal(size=2), rng.normal(size=(3, 2)) + 0.3, *usual),
            _half_way,
        ),
        loose_case(
            "the first step with a large ε, 0.1, a second time from the same arrays",
            (two, g, 0.1, 0.9, 0.999, 0.1),
            _one_again,
        ),
        loose_case(
            "theta after each of five steps with random gradients, lr 0.1",
            (three, random, *usual),
            _path,
        ),
        loose_case(
            "five steps with lr 0.02, β₁ 0.7, β₂ 0.9 and a large ε, 0.1; the gradients fade",
            (three, fading, 0.02, 0.7, 0.9, 0.1),
            _path,
        ),
        loose_case(
            "ten steps with the same gradient (0.5, −3): each of them is lr long",
            (two, np.tile([0.5, -3.0], (10, 1)), *usual),
            _path,
        ),
        loose_case(
            "a gradient of 0 in the first step, others later; the last entry of the gradient stays"
            " 0 throughout",
            (three, late, *usual),
            _path,
            stress=True,
        ),
        loose_case(
            "a gradient as small as ε, 1e-8: the first step is half of lr long",
            (two, np.array([1e-8, -1e-8]), *usual),
            _one,
            stress=True,
        ),
    ]


def _adam_oracle(
    theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
) -> Any:
    """PyTorch's own Adam, which walks the whole way again: the state is where it began, and every
    gradient so far.
    """
    import torch

    start, *past = state if isinstance(state, list) else [theta]
    p = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([p], lr=lr, betas=(b1, b2), eps=eps)
    for gradient in [*past, g]:
        p.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
    return p.detach().numpy(), [start, *past, g]


def _usual_move(s: SimpleNamespace) -> np.ndarray:
    return s.lr * s.m_hat / (np.sqrt(s.v_hat) + s.eps)


def _adam(
    move: Callable = _usual_move,
    m: Callable = lambda s: s.b1 * s.m + (1 - s.b1) * s.g,
    v: Callable = lambda s: s.b2 * s.v + (1 - s.b2) * s.g**2,
    keep: Callable = lambda s: (s.m, s.v, s.t),
    count: int = 1,
) -> Answer:
    """A step of Adam with something in it replaced: how far to `move`, how `m` and `v` grow, what
    to `keep`.
    """

    def answer(
        theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
    ) -> Any:
        s = SimpleNamespace(theta=theta, g=g, state=state, lr=lr, b1=b1, b2=b2, eps=eps)
        s.m, s.v, s.t = state[0], state[1], state[2] + count
        with np.errstate(all="ignore"):
            s.m, s.v = m(s), v(s)
            s.m_hat, s.v_hat = s.m / (1 - b1**s.t), s.v / (1 - b2**s.t)
            return theta - move(s), keep(s)

    return answer


def _adam_with(**fixed: float) -> Answer:
    """Adam that pays no attention to one of the numbers that it is handed."""

    def answer(
        theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
    ) -> Any:
        return _adam()(theta, g, state, **({"lr": lr, "b1": b1, "b2": b2, "eps": eps} | fixed))

    return answer


def _largest(s: SimpleNamespace) -> np.ndarray:
    return np.maximum(s.v, s.state[3]) if len(s.state) > 3 else s.v


def _adam_in_place(
    theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
) -> Any:
    moved, state = _adam()(theta, g, state, lr, b1, b2, eps)
    theta[:] = moved
    return theta, state


def _adam_scaling_g(
    theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
) -> Any:
    result = _adam()(theta, g, state, lr, b1, b2, eps)
    g *= 1 - b1
    return result


def _adam_efficient(
    theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
) -> Any:
    """The corrections drawn into the learning rate, and ε drawn along with them."""
    m, v, t = state
    m, v, t = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2, t + 1
    root = np.sqrt(1 - b2**t)
    return theta - lr * root / (1 - b1**t) * m / (np.sqrt(v) + eps * root), (m, v, t)


def _adam_named(
    theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
) -> Any:
    """The state becomes a dict."""
    return _adam_named_in_place(theta, g, copy.deepcopy(state), lr, b1, b2, eps)


def _adam_named_in_place(
    theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
) -> Any:
    """The state becomes a dict, whose arrays change in place."""
    s: dict[str, Any] = (
        state
        if isinstance(state, dict)
        else {"m": np.zeros_like(theta), "v": np.zeros_like(theta), "t": 0}
    )
    s["t"] += 1
    s["m"] *= b1
    s["m"] += (1 - b1) * g
    s["v"] *= b2
    s["v"] += (1 - b2) * g * g
    return (
        theta - lr * (s["m"] / (1 - b1 ** s["t"])) / (np.sqrt(s["v"] / (1 - b2 ** s["t"])) + eps),
        s,
    )


def _adam_remembering() -> Answer:
    """Keeps m and v to itself, and starts them anew when t is 0."""
    own: dict[str, Any] = {}

    def answer(
        theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
    ) -> Any:
        if state[2] == 0:
            own.update(m=0.0, v=0.0)
        moved, (own["m"], own["v"], t) = _adam()(
            theta, g, (own["m"], own["v"], state[2]), lr, b1, b2, eps
        )
        return moved, (own["m"], own["v"], t)

    return answer


def _adam_by_entries(
    theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
) -> Any:
    m, v, t = state if state[2] else ([0.0] * len(g), [0.0] * len(g), 0)
    t, new, m, v = t + 1, [], list(m), list(v)
    for i, slope in enumerate(g):
        m[i] += (1 - b1) * (float(slope) - m[i])
        v[i] += (1 - b2) * (float(slope) ** 2 - v[i])
        new.append(theta[i] - lr * m[i] / (1 - b1**t) / ((v[i] / (1 - b2**t)) ** 0.5 + eps))
    return new, (m, v, t)


def _adam_float32(
    theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
) -> Any:
    theta, state = _adam()(np.float32(theta), np.float32(g), state, lr, b1, b2, eps)
    return theta, tuple(np.float32(part) if np.ndim(part) else part for part in state)


ADAM = Exercise(
    "3.4",
    "adam_step",
    _adam_cases,
    _adam_oracle,
    {
        "no-moments-scaled-gradient": Mutant(
            "this is the article's formula: it has lost m, v and the square root. Adam's first"
            " step is `lr` times the sign of the gradient",
            _adam(lambda s: s.lr * s.b1 * s.g / (1 - s.b2**s.t)),
        ),
        "scaled-momentum-no-second-moment": Mutant(
            "this is the article's formula with the gradient averaged: no v, no root. Adam's first"
            " step is `lr` times the sign of g",
            _adam(lambda s: s.lr * s.b1 * s.m / (1 - s.b2**s.t)),
        ),
        "raw-gradient-beta1-corrected": Mutant(
            "the gradient itself was divided by 1 − β₁ᵗ: that corrects the average m, and the root"
            " of v̂ belongs in the denominator",
            _adam(lambda s: s.lr * s.g / (1 - s.b1**s.t)),
        ),
        "raw-gradient-beta2-corrected": Mutant(
            "the gradient itself was divided by 1 − β₂ᵗ: that corrects the average v, whose root"
            " m̂ is divided by",
            _adam(lambda s: s.lr * s.g / (1 - s.b2**s.t)),
        ),
        "raw-gradient-corrected-lr": Mutant(
            "the corrections scale `lr`, but the gradient itself is used: m belongs in the"
            " numerator, √v in the denominator",
            _adam(lambda s: s.lr * np.sqrt(1 - s.b2**s.t) / (1 - s.b1**s.t) * s.g),
        ),
        "plain-sgd": Mutant(
            "this is gradient descent, lr·g: a gradient a thousand times larger should not give a"
            " larger first step",
            _adam(lambda s: s.lr * s.g),
        ),
        "no-bias-correction": Mutant(
            "no bias correction: with the usual β's your first step is 3.16·lr long instead of lr",
            _adam(lambda s: s.lr * s.m / (np.sqrt(s.v) + s.eps)),
        ),
        "uncorrected-eps-inside-root": Mutant(
            "no bias correction, and ε inside the root: divide m by 1 − β₁ᵗ and v by 1 − β₂ᵗ, and"
            " put ε next to the root",
            _adam(lambda s: s.lr * s.m / np.sqrt(s.v + s.eps)),
        ),
        "uncorrected-without-eps": Mutant(
            "no bias correction, and no ε: divide m by 1 − β₁ᵗ and v by 1 − β₂ᵗ, and add ε to the"
            " root",
            _adam(lambda s: s.lr * s.m / np.sqrt(s.v)),
        ),
        "only-m-corrected": Mutant(
            "only m is corrected: v starts at 0 too, so with the usual β's your first step is"
            " 31.6·lr long instead of lr",
            _adam(lambda s: s.lr * s.m_hat / (np.sqrt(s.v) + s.eps)),
        ),
        "only-v-corrected": Mutant(
            "only v is corrected: m starts at 0 too, so with β₁ = 0.9 your first step is only a"
            " tenth of lr",
            _adam(lambda s: s.lr * s.m / (np.sqrt(s.v_hat) + s.eps)),
        ),
        "bias-corrected-twice": Mutant(
            "the corrections are applied twice: in m̂ and v̂, and once more in the learning rate",
            _adam(lambda s: _usual_move(s) * np.sqrt(1 - s.b2**s.t) / (1 - s.b1**s.t)),
        ),
        "corrections-multiplied": Mutant(
            "m and v were multiplied by 1 − βᵗ: they start too small, so divide",
            _adam(
                lambda s: s.lr * s.m * (1 - s.b1**s.t) / (np.sqrt(s.v * (1 - s.b2**s.t)) + s.eps)
            ),
        ),
        "m-correction-multiplied": Mutant(
            "m was multiplied by 1 − β₁ᵗ: it starts too small, so divide",
            _adam(lambda s: s.lr * s.m * (1 - s.b1**s.t) / (np.sqrt(s.v_hat) + s.eps)),
        ),
        "divided-by-beta-power": Mutant(
            "m and v were divided by βᵗ: the correction divides by 1 − βᵗ",
            _adam(lambda s: s.lr * s.m / s.b1**s.t / (np.sqrt(s.v / s.b2**s.t) + s.eps)),
        ),
        "power-of-one-minus-beta": Mutant(
            "the corrections divide by (1 − β)ᵗ: the power belongs to β alone, 1 − βᵗ",
            _adam(
                lambda s: (
                    s.lr * s.m / (1 - s.b1) ** s.t / (np.sqrt(s.v / (1 - s.b2) ** s.t) + s.eps)
                )
            ),
        ),
        "beta-times-t": Mutant(
            "the corrections multiply β by t: it is β to the power t, in Python `**`",
            _adam(
                lambda s: s.lr * s.m / (1 - s.b1 * s.t) / (np.sqrt(s.v / (1 - s.b2 * s.t)) + s.eps)
            ),
        ),
        "correction-constant-in-t": Mutant(
            "the corrections should fade as t grows; yours amount to 1 − β in every step (does the"
            " state keep the increased t?)",
            _adam(lambda s: s.lr * s.m / (1 - s.b1) / (np.sqrt(s.v / (1 - s.b2)) + s.eps)),
        ),
        "v-correction-outside-root": Mutant(
            "the correction of v was applied after the root: divide v itself by 1 − β₂ᵗ, then take"
            " the root",
            _adam(lambda s: s.lr * s.m_hat / (np.sqrt(s.v) / (1 - s.b2**s.t) + s.eps)),
        ),
        "corrections-swapped": Mutant(
            "the corrections are swapped: 1 − β₁ᵗ belongs to m, 1 − β₂ᵗ to v",
            _adam(
                lambda s: s.lr * s.m / (1 - s.b2**s.t) / (np.sqrt(s.v / (1 - s.b1**s.t)) + s.eps)
            ),
        ),
        "beta1-in-both-corrections": Mutant(
            "1 − β₁ᵗ corrects both averages: v has its own β, so divide it by 1 − β₂ᵗ",
            _adam(lambda s: s.lr * s.m_hat / (np.sqrt(s.v / (1 - s.b1**s.t)) + s.eps)),
        ),
        "beta2-in-both-corrections": Mutant(
            "1 − β₂ᵗ corrects both averages: m has its own β, so divide it by 1 − β₁ᵗ",
            _adam(lambda s: s.lr * s.m / (1 - s.b2**s.t) / (np.sqrt(s.v_hat) + s.eps)),
        ),
        "beta1-for-both": Mutant(
            "β₁ is used in both averages: v has a β of its own, β₂",
            lambda theta, g, state, lr, b1, b2, eps: _adam()(theta, g, state, lr, b1, b1, eps),
        ),
        "beta2-for-both": Mutant(
            "β₂ is used in both averages: m has a β of its own, β₁",
            lambda theta, g, state, lr, b1, b2, eps: _adam()(theta, g, state, lr, b2, b2, eps),
        ),
        "betas-swapped": Mutant(
            "β₁ and β₂ are swapped: β₁ belongs to the gradients, β₂ to their squares",
            lambda theta, g, state, lr, b1, b2, eps: _adam()(theta, g, state, lr, b2, b1, eps),
        ),
        "t-zero-nan": Mutant(
            "every number becomes NaN: 1 − βᵗ is 0 while t is 0, so increase t first; and nothing"
            " negative may be under the square root",
            _adam(count=0, keep=lambda s: (s.m, s.v, s.t + 1)),
        ),
        "t-zero-division-error": Mutant(
            "a division by 0 in the first step: is it 1 − βᵗ, while t is still 0? Increase t first",
            lambda theta, g, state, lr, b1, b2, eps: (
                theta - lr * g * (1 / (1 - b1 ** state[2])),
                state,
            ),
        ),
        "correction-sign-flipped": Mutant(
            "the corrections have the wrong sign: βᵗ − 1 is negative, and has no root; divide by 1"
            " − βᵗ",
            _adam(
                lambda s: s.lr * s.m / (s.b1**s.t - 1) / (np.sqrt(s.v / (s.b2**s.t - 1)) + s.eps)
            ),
        ),
        "correction-brackets-missing": Mutant(
            "parentheses are missing in the corrections: `m / 1 - b1**t` subtracts after dividing;"
            " the division is by all of 1 − βᵗ",
            _adam(lambda s: s.lr * (s.m - s.b1**s.t) / (np.sqrt(s.v - s.b2**s.t) + s.eps)),
        ),
        "average-brackets-missing": Mutant(
            "parentheses are missing in the averages: `1 - b1 * g` is not (1 − β₁)·g, and the same"
            " holds for β₂",
            _adam(
                m=lambda s: s.b1 * s.m + 1 - s.b1 * s.g, v=lambda s: s.b2 * s.v + 1 - s.b2 * s.g**2
            ),
        ),
        "xor-for-power": Mutant(
            "`^` is not a power in Python: write βᵗ as `b1**t`",
            lambda theta, g, state, lr, b1, b2, eps: operator.xor(1 - b1, state[2] + 1),
        ),
        "math-sqrt-on-array": Mutant(
            "`math.sqrt` takes a single number: `np.sqrt` works on every entry of an array",
            _adam(lambda s: s.lr * s.m_hat / (math.sqrt(s.v_hat) + s.eps)),
        ),
        "t-one-too-large": Mutant(
            "t is one too large in the corrections: in the first step it is 1",
            _adam(count=2, keep=lambda s: (s.m, s.v, s.t - 1)),
        ),
        "t-counted-twice": Mutant("t is increased twice in every step", _adam(count=2)),
        "state-never-updated": Mutant(
            "every step is made like the first one: the new m, v and t belong in the state that"
            " you return",
            _adam(keep=lambda s: START),
        ),
        "m-not-kept": Mutant(
            "m starts from 0 in every step: the new m belongs in the state that you return",
            _adam(keep=lambda s: (0.0, s.v, s.t)),
        ),
        "v-not-kept": Mutant(
            "v starts from 0 in every step: the new v belongs in the state that you return",
            _adam(keep=lambda s: (s.m, 0.0, s.t)),
        ),
        "moments-not-kept": Mutant(
            "m and v start from 0 in every step: let the old ones in, and return the new ones in"
            " the state",
            _adam(keep=lambda s: (0.0, 0.0, s.t)),
        ),
        "corrected-m-stored": Mutant(
            "m̂ went back into the state: keep m, otherwise the next step corrects it again",
            _adam(keep=lambda s: (s.m_hat, s.v, s.t)),
        ),
        "corrected-v-stored": Mutant(
            "v̂ went back into the state: keep v, otherwise the next step corrects it again",
            _adam(keep=lambda s: (s.m, s.v_hat, s.t)),
        ),
        "corrected-moments-stored": Mutant(
            "m̂ and v̂ went back into the state: keep m and v, otherwise the next step corrects"
            " them again",
            _adam(keep=lambda s: (s.m_hat, s.v_hat, s.t)),
        ),
        "state-order-swapped": Mutant(
            "m and v are swapped in the state that you return: return (m, v, t)",
            _adam(keep=lambda s: (s.v, s.m, s.t)),
        ),
        "stale-moments": Mutant(
            "the step was taken with the old m and v: update them with this gradient first",
            _adam(
                lambda s: (
                    s.lr
                    * s.state[0]
                    / (1 - s.b1**s.t)
                    / (np.sqrt(s.state[1] / (1 - s.b2**s.t)) + s.eps)
                )
            ),
        ),
        "stale-second-moment": Mutant(
            "the division uses the old v: update v with this gradient's square first",
            _adam(lambda s: s.lr * s.m_hat / (np.sqrt(s.state[1] / (1 - s.b2**s.t)) + s.eps)),
        ),
        "m-of-absolute-gradient": Mutant(
            "m collects |g|: without its sign a gradient has no direction",
            _adam(m=lambda s: s.b1 * s.m + (1 - s.b1) * np.abs(s.g)),
        ),
        "m-of-squared-gradient": Mutant(
            "m collects g²: the squares belong to v, m averages the gradients themselves",
            _adam(m=lambda s: s.b1 * s.m + (1 - s.b1) * s.g**2),
        ),
        "moments-of-theta": Mutant(
            "m and v collect theta: let them average the gradient and its square",
            _adam(
                m=lambda s: s.b1 * s.m + (1 - s.b1) * s.theta,
                v=lambda s: s.b2 * s.v + (1 - s.b2) * s.theta**2,
            ),
        ),
        "eps-squared-inside-root": Mutant(
            "ε was squared and put inside the square root: add it to √v̂ as it is",
            _adam(lambda s: s.lr * s.m_hat / np.sqrt(s.v_hat + s.eps**2)),
        ),
        "v-without-square": Mutant(
            "v collects the gradients themselves: without the square, their signs cancel and the"
            " root may not exist",
            _adam(v=lambda s: s.b2 * s.v + (1 - s.b2) * s.g),
        ),
        "v-of-absolute-gradient": Mutant(
            "v collects |g|: it needs the squares, so that its root is as large as a gradient",
            _adam(v=lambda s: s.b2 * s.v + (1 - s.b2) * np.abs(s.g)),
        ),
        "v-of-squared-m": Mutant(
            "v collects the squares of m: it needs the squares of the gradient itself",
            _adam(
                v=lambda s: s.b2 * s.v + (1 - s.b2) * (s.b1 * s.state[0] + (1 - s.b1) * s.g) ** 2
            ),
        ),
        "v-summed-over-entries": Mutant(
            "v holds one number for all entries: every entry of theta has its own v, so no sum and"
            " no mean over the gradient",
            _adam(v=lambda s: s.b2 * s.v + (1 - s.b2) * np.sum(s.g**2)),
        ),
        "v-averaged-over-entries": Mutant(
            "v holds the mean over the entries of the gradient: every entry of theta has its own v",
            _adam(v=lambda s: s.b2 * s.v + (1 - s.b2) * np.mean(s.g**2)),
        ),
        "adabelief-variance": Mutant(
            "v collects the squared deviations from m, as AdaBelief does: Adam collects g²",
            _adam(
                v=lambda s: (
                    s.b2 * s.v + (1 - s.b2) * (s.g - s.b1 * s.state[0] - (1 - s.b1) * s.g) ** 2
                )
            ),
        ),
        "new-weights-swapped": Mutant(
            "1 − β₁ and 1 − β₂ are swapped: in each average the two weights add up to 1",
            _adam(
                m=lambda s: s.b1 * s.m + (1 - s.b2) * s.g,
                v=lambda s: s.b2 * s.v + (1 - s.b1) * s.g**2,
            ),
        ),
        "moments-initialized-to-gradient": Mutant(
            "m and v started at the first gradient and its square, without corrections: start them"
            " from 0, and correct",
            _adam(
                lambda s: s.lr * s.m / (np.sqrt(s.v) + s.eps),
                lambda s: s.g if s.t == 1 else s.b1 * s.m + (1 - s.b1) * s.g,
                lambda s: s.g**2 if s.t == 1 else s.b2 * s.v + (1 - s.b2) * s.g**2,
            ),
        ),
        "old-v-squared": Mutant(
            "the old v was squared once more: v holds squares already, only the new gradient"
            " needs one",
            _adam(v=lambda s: s.b2 * s.v**2 + (1 - s.b2) * s.g**2),
        ),
        "weight-squared-with-gradient": Mutant(
            "(1 − β₂)·g was squared as a whole: the square belongs to g alone",
            _adam(v=lambda s: s.b2 * s.v + ((1 - s.b2) * s.g) ** 2),
        ),
        "root-missing": Mutant(
            "the root is missing: m̂ was divided by v̂, which is as large as a squared gradient",
            _adam(lambda s: s.lr * s.m_hat / (s.v_hat + s.eps)),
        ),
        "rmsprop-corrected": Mutant(
            "this is RMSProp, with g in the numerator: Adam has the corrected average m̂ there",
            _adam(lambda s: s.lr * s.g / (np.sqrt(s.v_hat) + s.eps)),
        ),
        "rmsprop-uncorrected": Mutant(
            "this is RMSProp, g over the root of an uncorrected v: Adam needs m̂ in the numerator"
            " and v̂ in the denominator",
            _adam(lambda s: s.lr * s.g / (np.sqrt(s.v) + s.eps)),
        ),
        "rmsprop-eps-inside-root": Mutant(
            "this is RMSProp, with g in the numerator, and ε is inside the root: Adam needs m̂ in"
            " the numerator, and ε added to √v̂",
            _adam(lambda s: s.lr * s.g / np.sqrt(s.v_hat + s.eps)),
        ),
        "second-moment-unused": Mutant(
            "m̂ is there, but the division by √v̂ is not: a gradient a thousand times larger"
            " should not give a larger first step",
            _adam(lambda s: s.lr * s.m_hat),
        ),
        "plain-momentum": Mutant(
            "this is momentum, lr·m: the corrections and the division by √v̂ are missing",
            _adam(lambda s: s.lr * s.m),
        ),
        "sign-sgd": Mutant(
            "the sign of the gradient is right for the first step only: later ones need m̂ and v̂",
            _adam(lambda s: s.lr * np.sign(s.g)),
        ),
        "sign-of-momentum": Mutant(
            "the sign of m̂ is right for the first step only: later ones divide m̂ by √v̂ + ε",
            _adam(lambda s: s.lr * np.sign(s.m_hat)),
        ),
        "ascent-without-correction": Mutant(
            "it walks uphill, and without bias correction: subtract the step, and divide m by 1 −"
            " β₁ᵗ and v by 1 − β₂ᵗ",
            _adam(lambda s: -s.lr * s.m / (np.sqrt(s.v) + s.eps)),
        ),
        "gradient-ascent": Mutant(
            "it walks uphill: the step has to be subtracted", _adam(lambda s: -_usual_move(s))
        ),
        "m-accumulates-unweighted": Mutant(
            "the new gradient enters m with weight 1: it needs 1 − β₁, so that m is an average",
            _adam(m=lambda s: s.b1 * s.m + s.g),
        ),
        "v-accumulates-unweighted": Mutant(
            "the squared gradient enters v with weight 1: it needs 1 − β₂, so that v is an average",
            _adam(v=lambda s: s.b2 * s.v + s.g**2),
        ),
        "moments-accumulate-unweighted": Mutant(
            "g and g² enter m and v with weight 1: they need 1 − β₁ and 1 − β₂, so that both are"
            " averages",
            _adam(m=lambda s: s.b1 * s.m + s.g, v=lambda s: s.b2 * s.v + s.g**2),
        ),
        "m-weights-swapped": Mutant(
            "the weights of m are swapped: β₁ belongs to the old m, 1 − β₁ to the new gradient",
            _adam(m=lambda s: (1 - s.b1) * s.m + s.b1 * s.g),
        ),
        "v-weights-swapped": Mutant(
            "the weights of v are swapped: β₂ belongs to the old v, 1 − β₂ to the squared gradient",
            _adam(v=lambda s: (1 - s.b2) * s.v + s.b2 * s.g**2),
        ),
        "both-weights-swapped": Mutant(
            "the weights are swapped in m and in v: β belongs to the old average, 1 − β to what is"
            " new",
            _adam(
                m=lambda s: (1 - s.b1) * s.m + s.b1 * s.g,
                v=lambda s: (1 - s.b2) * s.v + s.b2 * s.g**2,
            ),
        ),
        "decay-missing": Mutant(
            "m and v never forget: the old m needs a factor β₁, the old v a factor β₂",
            _adam(m=lambda s: s.m + (1 - s.b1) * s.g, v=lambda s: s.v + (1 - s.b2) * s.g**2),
        ),
        "squares-added-up": Mutant(
            "v adds up all squares, as AdaGrad does: Adam keeps a running mean of them",
            _adam(lambda s: s.lr * s.m_hat / (np.sqrt(s.v) + s.eps), v=lambda s: s.v + s.g**2),
        ),
        "eps-inside-root": Mutant(
            "ε is inside the square root: add it to √v̂",
            _adam(lambda s: s.lr * s.m_hat / np.sqrt(s.v_hat + s.eps)),
        ),
        "eps-before-correction": Mutant(
            "ε was added to √v before its correction, as some libraries do: add it to √v̂",
            _adam(
                lambda s: (
                    s.lr * np.sqrt(1 - s.b2**s.t) / (1 - s.b1**s.t) * s.m / (np.sqrt(s.v) + s.eps)
                )
            ),
        ),
        "eps-added-to-ratio": Mutant(
            "parentheses are missing: ε was added to the fraction, it belongs to √v̂ in the"
            " denominator",
            _adam(lambda s: s.lr * (s.m_hat / np.sqrt(s.v_hat) + s.eps)),
        ),
        "eps-added-to-step": Mutant(
            "parentheses are missing: ε was added to the whole step, it belongs to √v̂ in the"
            " denominator",
            _adam(lambda s: s.lr * s.m_hat / np.sqrt(s.v_hat) + s.eps),
        ),
        "eps-multiplied": Mutant(
            "ε was multiplied: it is a small number added to √v̂",
            _adam(lambda s: s.lr * s.m_hat / (np.sqrt(s.v_hat) * s.eps)),
        ),
        "eps-hardcoded": Mutant(
            "`eps` is ignored: use the number that is passed in, not a fixed one",
            _adam_with(eps=1e-8),
        ),
        "eps-missing": Mutant(
            "ε is missing: where every gradient so far was 0, your step is 0/0", _adam_with(eps=0.0)
        ),
        "lr-hardcoded": Mutant("`lr` is ignored: it is not always 0.001", _adam_with(lr=0.001)),
        "lr-missing": Mutant(
            "`lr` is missing: the step is `lr` times m̂ over √v̂ + ε", _adam_with(lr=1.0)
        ),
        "usual-constants-hardcoded": Mutant(
            "`b1`, `b2` and `eps` are ignored: 0.9, 0.999 and 1e-8 are the usual constants, and"
            " not always those that are passed in",
            _adam_with(b1=0.9, b2=0.999, eps=1e-8),
        ),
        "betas-hardcoded-in-corrections": Mutant(
            "the corrections use 0.9 and 0.999 where `b1` and `b2` belong",
            _adam(
                lambda s: s.lr * s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + s.eps)
            ),
        ),
        "all-constants-hardcoded": Mutant(
            "`lr`, `b1`, `b2` and `eps` are ignored: use the numbers that are passed in",
            _adam_with(lr=0.001, b1=0.9, b2=0.999, eps=1e-8),
        ),
        "beta1-hardcoded": Mutant("`b1` is ignored: it is not always 0.9", _adam_with(b1=0.9)),
        "beta2-hardcoded": Mutant("`b2` is ignored: it is not always 0.999", _adam_with(b2=0.999)),
        "state-kept-outside": Mutant(does_not_hold(ONLY_ARGUMENTS), _adam_remembering()),
        "state-mutated": Mutant(does_not_hold(SAME_AGAIN), _adam_named_in_place),
        "betas-hardcoded": Mutant(
            "`b1` and `b2` are ignored: they are not always 0.9 and 0.999",
            _adam_with(b1=0.9, b2=0.999),
        ),
        "adamax-infinity-norm": Mutant(
            "this is AdaMax, with the largest gradient in place of v: Adam takes the root of an"
            " average of squares",
            _adam(
                lambda s: s.lr * s.m_hat / (s.v + s.eps),
                v=lambda s: np.maximum(s.b2 * s.v, np.abs(s.g)),
            ),
        ),
        "amsgrad-max-v": Mutant(
            "this is AMSGrad, which never lets v shrink: Adam uses v as it is",
            _adam(
                lambda s: s.lr * s.m_hat / (np.sqrt(_largest(s) / (1 - s.b2**s.t)) + s.eps),
                keep=lambda s: (s.m, s.v, s.t, _largest(s)),
            ),
        ),
        "nadam-lookahead": Mutant(
            "this looks one step ahead, as Nesterov's version does: Adam uses m̂ alone",
            _adam(
                lambda s: (
                    s.lr
                    * (s.b1 * s.m_hat + (1 - s.b1) * s.g / (1 - s.b1**s.t))
                    / (np.sqrt(s.v_hat) + s.eps)
                )
            ),
        ),
        "adamw-weight-decay": Mutant(
            "theta was also shrunk toward 0, as AdamW does: leave out the weight decay",
            _adam(lambda s: _usual_move(s) + s.lr * 0.01 * s.theta),
        ),
        "lr-decayed-by-root-t": Mutant(
            "`lr` shrinks with √t: leave it as it is",
            _adam(lambda s: _usual_move(s) / np.sqrt(s.t)),
        ),
        "theta-unchanged": Mutant(
            "theta never moves: subtract the step from it, and return what you get",
            _adam(lambda s: 0 * s.theta),
        ),
        "step-returned": Mutant(
            "this is the step itself: subtract it from theta and return the new theta",
            _adam(lambda s: s.theta - _usual_move(s)),
        ),
        "negative-step-returned": Mutant(
            "this is the change alone, with the right sign: return theta plus the change",
            _adam(lambda s: s.theta + _usual_move(s)),
        ),
        "theta-mutated": Mutant(
            "theta itself was changed, so a second call starts somewhere else: make a new one,"
            " `theta = theta - …`",
            _adam_in_place,
        ),
        "gradient-mutated": Mutant(
            "the gradient that was passed in was changed, so a second call gives something else:"
            " work on a copy",
            _adam_scaling_g,
        ),
    },
    {
        "as in the text": _adam(),
        "corrections drawn into the learning rate": _adam_efficient,
        "a dict as state": _adam_named,
        "entry by entry, in lists": _adam_by_entries,
        "float32": _adam_float32,
        "a list of two": lambda *args: list(_adam()(*args)),
        "a PyTorch tensor comes back": lambda *args: _as_tensor(*_adam()(*args)),
        "the powers of β kept in the state": lambda *args: _adam_with_powers(*args),
    },
)


def _as_tensor(theta: np.ndarray, state: Any) -> Any:
    import torch

    return torch.tensor(theta), state


def _adam_with_powers(
    theta: np.ndarray, g: np.ndarray, state: Any, lr: float, b1: float, b2: float, eps: float
) -> Any:
    m, v, p1, p2 = state if len(state) == 4 else (0.0, 0.0, 1.0, 1.0)
    m, v, p1, p2 = m + (1 - b1) * (g - m), v + (1 - b2) * (g * g - v), p1 * b1, p2 * b2
    return theta - lr * (m / (1 - p1)) / ((v / (1 - p2)) ** 0.5 + eps), (m, v, p1, p2)


# ---- 3.5 weight_std ------------------------------------------------------------------------------


def _init_cases(rng: np.random.Generator) -> list[Case]:
    many, few = int(rng.integers(200, 400)), int(rng.integers(20, 60))
    slope = float(np.round(rng.uniform(0.1, 0.4), 2))
    return [
        Case("shape (3, 50), slope 0 (a ReLU): 0.2", ((3, 50), 0.0)),
        Case("shape (32, 1), slope 0, a single input: √2", ((32, 1), 0.0)),
        Case("shape (10, 4), slope 1 (no activation at all): 0.5", ((10, 4), 1.0)),
        Case(
            f"shape ({few}, {many}), slope {slope} (a leaky ReLU), more inputs than outputs",
            ((few, many), slope),
        ),
        Case(
            f"shape ({many}, {few}), slope {slope}, more outputs than inputs", ((many, few), slope)
        ),
        Case("shape (64, 64), slope 0.5, as many outputs as inputs", ((64, 64), 0.5)),
        Case("shape (20, 30), slope −0.5, so that h is never negative", ((20, 30), -0.5)),
        Case("shape (5, 12), slope 3, which enlarges what is negative", ((5, 12), 3.0)),
        Case("shape (32, 128), with the slope left out: it is 0 then", ((32, 128),)),
    ]


def _init_oracle(shape: tuple[int, int], slope: float = 0.0) -> float:
    """By integration: the s at which the activation of a Gaussian `a` has mean square 1."""
    a = np.linspace(-12, 12, 20_001)
    density = np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi)
    kept = np.where(a > 0, a, slope * a) ** 2 * density
    return float(1 / np.sqrt(shape[1] * kept.sum() * (a[1] - a[0])))


def _drawn(rule: Callable[..., float]) -> Answer:
    """An answer from a rule of outputs, inputs and slope."""

    def answer(shape: tuple[int, int], slope: float = 0.0) -> float:
        with np.errstate(all="ignore"):
            return float(rule(*map(np.float64, (*shape, slope))))

    return answer


INPUTS = (
    "the outputs were counted: `weight.shape` is (outputs, inputs), and a unit adds up one product"
    " for each input"
)
SHARE = (
    "the activation leaves (1 + k²)/2 of the mean square: half of it comes from a > 0 and stays,"
    " half is multiplied by k²"
)

INIT = Exercise(
    "3.5",
    "weight_std",
    _init_cases,
    _init_oracle,
    {
        "variance-returned": Mutant(
            "this is the variance of the weights, s²: return its square root",
            _drawn(lambda m, n, k: 2 / (n * (1 + k**2))),
        ),
        "variance-slope-ignored": Mutant(
            "this is the variance of the weights, s², and only for a ReLU: use the slope, and"
            " return the square root",
            _drawn(lambda m, n, k: 2 / n),
        ),
        "activation-ignored": Mutant(
            "the activation is left out: this keeps the mean square of a, not that of h",
            _drawn(lambda m, n, k: 1 / np.sqrt(n)),
        ),
        "slope-ignored": Mutant(
            "right for a ReLU, but the slope is not used: what is negative is multiplied by it",
            _drawn(lambda m, n, k: np.sqrt(2 / n)),
        ),
        "slope-not-squared": Mutant(
            "the slope is not squared: where h is k times a, its square is k² times a²",
            _drawn(lambda m, n, k: np.sqrt(2 / (n * (1 + k)))),
        ),
        "outputs-counted": Mutant(INPUTS, _drawn(lambda m, n, k: np.sqrt(2 / (m * (1 + k**2))))),
        "outputs-counted-variance": Mutant(
            INPUTS + "; and this is the variance, so the root is missing",
            _drawn(lambda m, n, k: 2 / (m * (1 + k**2))),
        ),
        "outputs-counted-slope-ignored": Mutant(
            INPUTS + "; and the slope is not used", _drawn(lambda m, n, k: np.sqrt(2 / m))
        ),
        "outputs-counted-activation-ignored": Mutant(
            INPUTS + "; and the activation is left out", _drawn(lambda m, n, k: 1 / np.sqrt(m))
        ),
        "inputs-and-outputs-averaged": Mutant(
            "inputs and outputs were averaged: a compromise between forward and backward, but the"
            " activations depend on the inputs alone",
            _drawn(lambda m, n, k: np.sqrt(4 / ((m + n) * (1 + k**2)))),
        ),
        "xavier": Mutant(
            "this is √(2/(inputs + outputs)), Xavier's rule: here only the inputs count, and the"
            " activation loses some of the mean square",
            _drawn(lambda m, n, k: np.sqrt(2 / (m + n))),
        ),
        "inputs-and-outputs-added": Mutant(
            "inputs and outputs were added: a unit adds up one product for each input alone",
            _drawn(lambda m, n, k: np.sqrt(2 / ((m + n) * (1 + k**2)))),
        ),
        "all-weights-counted": Mutant(
            "all weights of the layer were counted: a unit adds up one product for each input",
            _drawn(lambda m, n, k: np.sqrt(2 / (m * n * (1 + k**2)))),
        ),
        "half-forgotten": Mutant(
            "the half is missing: a is positive only half of the time; " + SHARE,
            _drawn(lambda m, n, k: np.sqrt(1 / (n * (1 + k**2)))),
        ),
        "slope-half-forgotten": Mutant(
            "the negative half was counted in full: " + SHARE,
            _drawn(lambda m, n, k: np.sqrt(1 / (n * (0.5 + k**2)))),
        ),
        "only-the-negative-half": Mutant(
            "the positive half is missing: " + SHARE,
            _drawn(lambda m, n, k: np.sqrt(2 / (n * k**2))),
        ),
        "share-multiplied": Mutant(
            "it shrinks the weights by what the activation already takes away: to make up for it,"
            " divide by (1 + k²)/2 instead of multiplying",
            _drawn(lambda m, n, k: np.sqrt((1 + k**2) / (2 * n))),
        ),
        "half-multiplied-slope-ignored": Mutant(
            "the weights are smaller than without an activation: a ReLU takes away half of the mean"
            " square, so they must be larger; and the slope is not used",
            _drawn(lambda m, n, k: np.sqrt(1 / (2 * n))),
        ),
        "slope-on-the-wrong-side": Mutant(
            "a larger slope gives larger weights here: it leaves more of the mean square, so the"
            " weights must be smaller",
            _drawn(lambda m, n, k: np.sqrt(2 * (1 + k**2) / n)),
        ),
        "one-minus-slope": Mutant(
            "1 − k² in place of 1 + k²: the negative half adds to the mean square",
            _drawn(lambda m, n, k: np.sqrt(2 / (n * (1 - k**2)))),
        ),
        "mean-size-kept": Mutant(
            "this halves sizes, not squares: the mean of |h| is (1 + k)/2 times that of |a|, but"
            " the exercise keeps the mean square",
            _drawn(lambda m, n, k: 2 / (np.sqrt(n) * (1 + k))),
        ),
        "variance-of-h-kept": Mutant(
            "this keeps the variance of h around its mean: h is not centered at 0, and the next"
            " layer multiplies its mean square",
            _drawn(lambda m, n, k: (n * ((1 + k**2) / 2 - (1 - k) ** 2 / (2 * np.pi))) ** -0.5),
        ),
        "root-of-n-missing": Mutant(
            "n is outside the square root: n products add up their *squares*, so s falls with √n",
            _drawn(lambda m, n, k: np.sqrt(2 / (1 + k**2)) / n),
        ),
        "root-of-2-missing": Mutant(
            "the 2 is outside the square root: the mean square is halved, not the size",
            _drawn(lambda m, n, k: 2 / np.sqrt(n * (1 + k**2))),
        ),
        "slope-outside-the-root": Mutant(
            "1 + k² is outside the square root: it is a factor of the mean square, as n is",
            _drawn(lambda m, n, k: np.sqrt(2 / n) / (1 + k**2)),
        ),
        "inverted": Mutant(
            "this is 1/s: the more inputs a unit has, the smaller its weights must be",
            _drawn(lambda m, n, k: np.sqrt(n * (1 + k**2) / 2)),
        ),
        "inverted-slope-ignored": Mutant(
            "this is 1/s for a ReLU: the more inputs a unit has, the smaller its weights must be;"
            " and the slope is not used",
            _drawn(lambda m, n, k: np.sqrt(n / 2)),
        ),
        "bound-of-a-uniform": Mutant(
            "this is the largest weight of a uniform distribution, √3 times its standard"
            " deviation: return the standard deviation",
            _drawn(lambda m, n, k: np.sqrt(6 / (n * (1 + k**2)))),
        ),
        "torch-default": Mutant(
            "this is PyTorch's default, 1/√(3n): it does not keep the mean square",
            _drawn(lambda m, n, k: 1 / np.sqrt(3 * n)),
        ),
        "one-over-n": Mutant(
            "this is 1/n: a has mean square n·s² times that of the inputs, so start from n·s²",
            _drawn(lambda m, n, k: 1 / n),
        ),
    },
    {
        "from the factor of a": _drawn(lambda m, n, k: (n * (1 + k * k) / 2) ** -0.5),
        "the gain of the activation over the root of n": _drawn(
            lambda m, n, k: np.sqrt(2 / (1 + k**2)) / np.sqrt(n)
        ),
        "by PyTorch": lambda shape, slope=0.0: _gain_by_torch(shape, slope),
        "by integration": lambda shape, slope=0.0: _init_oracle(shape, slope),
    },
)


def _gain_by_torch(shape: tuple[int, int], slope: float) -> float:
    from torch import nn

    return nn.init.calculate_gain("leaky_relu", slope) / math.sqrt(shape[-1])


# ---- 3.6 max_stable_lr ---------------------------------------------------------------------------


def _real(ask: Ask, X: np.ndarray) -> Any:
    """The answer; `np.linalg.eigvals` may hand out complex numbers with an imaginary part of 0."""
    found = ask(X)
    return (
        found.real
        if isinstance(found, complex) and abs(found.imag) <= 1e-9 * abs(found.real)
        else found
    )


def _stable_cases(rng: np.random.Generator) -> list[Case]:
    line, tall = np.arange(1.0, 6), rng.normal(0.7, 1, size=(20, 3))
    scaled = rng.normal(0.5, 1, size=(12, 2)) * np.array([30.0, 0.5])
    tight_case = partial(Case, read=_real, atol=1e-12)
    # where eigenvalues of 0 occur (stress), wrong answers that divide by them give noise, which
    # nobody can name
    return [
        tight_case("X = (1, 2, 3, 4, 5), a single column: the bound is 1/11", (line,)),
        tight_case(
            "the same column as a table of shape (5, 1): the bound is 1/11 again", (line[:, None],)
        ),
        tight_case(
            "4 × 4, with (2, 1, 4, 3) on the diagonal and zeros elsewhere: the bound is 1/4",
            (np.diag([2.0, 1.0, 4.0, 3.0]),),
        ),
        tight_case("20 rows, 3 columns", (tall,)),
        Case("the same 20 rows, the same array, a second time", (tall,), again, atol=1e-12),
        tight_case("12 rows, 2 columns, one of them about 60 times larger", (scaled,)),
        tight_case("7 random numbers, a single column", (rng.normal(1, 2, size=7),)),
        tight_case(
            "3 rows, 5 columns: some directions are flat, the others still set a bound",
            (rng.normal(0.7, 1, size=(3, 5)),),
            stress=True,
        ),
        tight_case("a single row of 3 columns", (rng.normal(1, 1, size=(1, 3)),), stress=True),
    ]


def _stable_oracle(X: np.ndarray) -> float:
    """Through the largest singular value σ of X: the Hessian's largest eigenvalue is 2σ²/n."""
    from scipy import linalg

    table = X.reshape(len(X), -1)
    return float(2 / (2 * linalg.svdvals(table)[0] ** 2 / len(X)))


def _table(X: np.ndarray) -> np.ndarray:
    return np.reshape(X, (len(X), -1))


def _curvatures(X: np.ndarray) -> np.ndarray:
    """The eigenvalues of the Hessian, smallest first."""
    X = _table(X)
    return np.linalg.eigvalsh(_hessian(X))


def _hessian(X: np.ndarray, rows: float | None = None) -> np.ndarray:
    X = _table(X)
    return 2 / (len(X) if rows is None else rows) * X.T @ X


def _bound(hessian: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float(np.float64(2) / np.linalg.eigvalsh(hessian)[-1])


def _over(numerator: float, denominator: Any) -> float:
    with np.errstate(all="ignore"):
        return float(np.float64(numerator) / np.float64(denominator))


def _sigma(X: np.ndarray) -> float:
    return float(np.linalg.norm(_table(X), 2))


def _centered(X: np.ndarray) -> np.ndarray:
    return _table(X) - _table(X).mean(axis=0)


def _spread(X: np.ndarray) -> np.ndarray:
    return _table(X).std(axis=0)


def _power_method(X: np.ndarray, rounds: int) -> float:
    H = _hessian(X)
    v = np.ones(len(H))
    for _ in range(rounds):
        v = H @ v / np.linalg.norm(H @ v)
    return float(2 / (v @ H @ v))


def _refusing_flat(X: np.ndarray, error: type[Exception], rows: float | None = None) -> float:
    if X.ndim == 1:
        raise error
    return _bound(_hessian(X, rows))


def _stable_in_place(X: np.ndarray) -> float:
    X /= np.sqrt(len(X))
    return 1 / _sigma(X) ** 2


def _with_ones(X: np.ndarray) -> np.ndarray:
    return np.hstack([np.ones((len(X), 1)), _table(X)])


STABLE = Exercise(
    "3.6",
    "max_stable_lr",
    _stable_cases,
    _stable_oracle,
    {
        "one-over-lambda": Mutant(
            "this is 1/h, at which a step lands at the bottom: steps up to twice as long still"
            " come closer",
            lambda X: 1 / _curvatures(X)[-1],
        ),
        "smallest-eigenvalue": Mutant(
            "the smallest eigenvalue was taken: the steepest direction, with the largest one, is"
            " the first to explode",
            lambda X: _over(2, _curvatures(X)[0]),
        ),
        "one-over-smallest-eigenvalue": Mutant(
            "the smallest eigenvalue was taken, and 1 instead of 2 above it: the bound is 2/h, with"
            " the largest h",
            lambda X: _over(1, _curvatures(X)[0]),
        ),
        "smallest-eigenvalue-no-2": Mutant(
            "the smallest eigenvalue was taken, and the 2 of the Hessian is missing: the steepest"
            " direction is the first to explode",
            lambda X: _over(4, _curvatures(X)[0]),
        ),
        "hessian-2-over-n-missing": Mutant(
            "the factor 2/n of the Hessian is missing: J is a mean of squares, so its second"
            " derivative is (2/n)·XᵀX",
            lambda X: 2 / _sigma(X) ** 2,
        ),
        "hessian-2-missing": Mutant(
            "the factor 2 of the Hessian is missing: the derivative of a square brings it in front",
            lambda X: 2 * len(X) / _sigma(X) ** 2,
        ),
        "hessian-1-over-n-missing": Mutant(
            "the factor 1/n of the Hessian is missing: J is a mean over the rows",
            lambda X: 1 / _sigma(X) ** 2,
        ),
        "trace-for-max-eigenvalue": Mutant(
            "the sum of all eigenvalues (the trace) was taken: only the largest one sets the bound",
            lambda X: _over(2, np.sum(_curvatures(X))),
        ),
        "mean-eigenvalue": Mutant(
            "the mean of the eigenvalues was taken, or of all squared entries, which is the same:"
            " the largest one sets the bound",
            lambda X: _over(2, np.mean(_curvatures(X))),
        ),
        "mean-square-of-x": Mutant(
            "this is 2 over the mean of all squared entries of X: the largest eigenvalue of the"
            " Hessian, (2/n)·XᵀX, is needed",
            lambda X: 2 / np.mean(X**2),
        ),
        "variance-of-entries": Mutant(
            "this used the variance of X around its mean: J uses X as it is",
            lambda X: _over(1, np.var(X)),
        ),
        "largest-hessian-entry": Mutant(
            "the largest entry of the Hessian was taken: with correlated columns its largest"
            " eigenvalue is larger",
            lambda X: _over(2, np.max(_hessian(X))),
        ),
        "first-hessian-entry": Mutant(
            "only the first column of X was used: all columns take part in the largest eigenvalue",
            lambda X: _over(2, _hessian(X)[0, 0]),
        ),
        "largest-entry-only": Mutant(
            "only the largest entry of X was used: J is a mean over all rows, and its Hessian"
            " (2/n)·XᵀX",
            lambda X: 1 / np.max(X**2),
        ),
        "eigenvectors-for-eigenvalues": Mutant(
            "an entry of an eigenvector was used: `np.linalg.eigh` returns the eigenvalues first,"
            " then the eigenvectors",
            lambda X: _over(2, np.linalg.eigh(_hessian(X))[1].max()),
        ),
        "last-eigenvector": Mutant(
            "an entry of the last eigenvector was used: the eigenvalue itself is needed",
            lambda X: _over(2, np.abs(np.linalg.eigh(_hessian(X))[1][:, -1]).max()),
        ),
        "sum-of-hessian-entries": Mutant(
            "the sum of all entries of the Hessian was taken: its largest eigenvalue is needed",
            lambda X: _over(2, np.sum(_hessian(X))),
        ),
        "max-row-sum-norm": Mutant(
            "the largest row sum of the Hessian was taken: that only bounds its largest eigenvalue",
            lambda X: _over(2, np.abs(_hessian(X)).sum(axis=1).max()),
        ),
        "frobenius-norm-of-hessian": Mutant(
            "the Frobenius norm of the Hessian was taken (`np.linalg.norm` does that): its largest"
            " eigenvalue is needed",
            lambda X: _over(2, np.linalg.norm(_hessian(X))),
        ),
        "determinant-for-max-eigenvalue": Mutant(
            "the determinant was taken, the product of all eigenvalues: the largest one is needed",
            lambda X: _over(2, np.linalg.det(_hessian(X))),
        ),
        "first-listed-eigenvalue": Mutant(
            "the first eigenvalue in the list was taken: `np.linalg.eigvals` does not sort, so"
            " look for the largest",
            lambda X: _over(2, np.real(np.linalg.eigvals(_hessian(X))[0])),
        ),
        "last-listed-eigenvalue": Mutant(
            "the last eigenvalue in the list was taken: `np.linalg.eigvals` does not sort, so look"
            " for the largest",
            lambda X: _over(2, np.real(np.linalg.eigvals(_hessian(X))[-1])),
        ),
        "optimal-lr-not-bound": Mutant(
            "2/(h_min + h_max) is the fastest learning rate, not the largest one that still"
            " converges",
            lambda X: _over(2, _curvatures(X)[0] + _curvatures(X)[-1]),
        ),
        "singular-value-not-squared": Mutant(
            "the singular value of X was not squared: its square is the eigenvalue of XᵀX",
            lambda X: len(X) / _sigma(X),
        ),
        "singular-value-as-eigenvalue": Mutant(
            "a singular value σ of X was used as the eigenvalue of the Hessian: that is (2/n)·σ²",
            lambda X: 2 / _sigma(X),
        ),
        "reciprocal-singular-value": Mutant(
            "the reciprocal of the singular value of X was taken: the Hessian has the eigenvalue"
            " (2/n)·σ², the bound is 2 over it",
            lambda X: 1 / _sigma(X),
        ),
        "norm-of-x": Mutant(
            "2 over the norm of all of X: the bound is 2 over the largest eigenvalue of the"
            " Hessian, (2/n)·XᵀX",
            lambda X: 2 / np.linalg.norm(X),
        ),
        "root-of-eigenvalue": Mutant(
            "the square root of the eigenvalue was taken: the bound is 2/h, with h itself",
            lambda X: 2 / np.sqrt(_curvatures(X)[-1]),
        ),
        "eigenvalue-squared": Mutant(
            "the eigenvalue was squared: the bound is 2/h, with h itself",
            lambda X: 2 / _curvatures(X)[-1] ** 2,
        ),
        "columns-centered": Mutant(
            "the columns were centered first: J uses X as it is",
            lambda X: _bound(_hessian(_centered(X))),
        ),
        "sample-covariance-with-2": Mutant(
            "this used the covariance of the columns, centered and with n − 1: J uses X as it is",
            lambda X: (
                _bound(_hessian(_centered(X), len(X) - 1.0 or np.nan)) if len(X) > 1 else np.nan
            ),
        ),
        "covariance-as-hessian": Mutant(
            "the covariance of the columns was used as the Hessian: J uses X without centering,"
            " and brings a factor 2/n",
            lambda X: _bound(_hessian(_centered(X), 2.0 * (len(X) - 1))) if len(X) > 1 else np.nan,
        ),
        "columns-standardized": Mutant(
            "the columns were standardized first: J uses X as it is",
            lambda X: _bound(_hessian(_centered(X) / _spread(X))) if len(X) > 1 else np.nan,
        ),
        "bias-column-added": Mutant(
            "a column of ones was added: J has no intercept, so use X as it is",
            lambda X: _bound(_hessian(_with_ones(X))),
        ),
        "mean-over-columns": Mutant(
            "XᵀX was divided by the number of columns: the mean runs over the rows",
            lambda X: _table(X).shape[1] / _sigma(X) ** 2,
        ),
        "mean-over-all-entries": Mutant(
            "XᵀX was divided by the number of all entries: the mean runs over the rows",
            lambda X: _table(X).size / _sigma(X) ** 2,
        ),
        "n-minus-one": Mutant(
            "XᵀX was divided by n − 1: J is a mean over n rows",
            lambda X: (len(X) - 1) / _sigma(X) ** 2,
        ),
        "vector-as-row": Mutant(
            "X of shape (n,) was taken for a single row: it is a single column, n examples of one"
            " number",
            lambda X: len(np.atleast_2d(X)) / _sigma(X) ** 2,
        ),
        "vector-as-row-half-bound": Mutant(
            "X of shape (n,) was taken for a single row, and 1/h for the bound: X is a single"
            " column, and the bound is 2/h",
            lambda X: len(np.atleast_2d(X)) / (2 * _sigma(X) ** 2),
        ),
        "longest-row-only": Mutant(
            "this is the bound for the row with the longest x alone: J is a mean over all rows",
            lambda X: 1 / (_table(X) ** 2).sum(axis=1).max(),
        ),
        "eigenvalue-returned": Mutant(
            "this is the largest eigenvalue of the Hessian, the curvature itself: the bound on the"
            " learning rate is 2 over it",
            lambda X: _curvatures(X)[-1],
        ),
        "bound-inverted": Mutant(
            "this is upside down, h/2: the more sharply the loss curves, the smaller the step must"
            " be",
            lambda X: _curvatures(X)[-1] / 2,
        ),
        "two-times-eigenvalue": Mutant(
            "the largest eigenvalue was multiplied by 2: the more sharply the loss curves, the"
            " smaller the step, so divide 2 by it",
            lambda X: 2 * _curvatures(X)[-1],
        ),
        "condition-number": Mutant(
            "this is the largest eigenvalue over the smallest, the condition number: the bound is 2"
            " over the largest",
            lambda X: _over(_curvatures(X)[-1], _curvatures(X)[0]),
        ),
        "bound-per-eigenvalue": Mutant(
            "one bound per direction came back: the smallest of them is the bound for every start",
            lambda X: 2 / np.maximum(_curvatures(X), 1e-300),
        ),
        "power-iteration-one-round": Mutant(
            "the power method stopped after one round: go on until the eigenvalue no longer"
            " changes, or use `np.linalg.eigvalsh`",
            lambda X: _power_method(X, 1),
        ),
        "power-iteration-too-short": Mutant(
            "the power method stopped too early: go on until the eigenvalue no longer changes, or"
            " use `np.linalg.eigvalsh`",
            lambda X: _power_method(X, 3),
        ),
        "vector-linalg-error": Mutant(
            "right for tables, but a single column of shape (n,) makes it fail: turn it into a"
            " table of shape (n, 1) first",
            lambda X: _refusing_flat(X, np.linalg.LinAlgError),
        ),
        "vector-index-error": Mutant(
            "right for tables, but X of shape (n,) has no second length: turn it into a table of"
            " shape (n, 1) first",
            lambda X: _refusing_flat(X, IndexError),
        ),
        "vector-value-error": Mutant(
            "right for tables, but X of shape (n,) does not fit: turn it into a table of shape (n,"
            " 1) first",
            lambda X: _refusing_flat(X, ValueError),
        ),
        "vector-error-unscaled-hessian": Mutant(
            "a single column of shape (n,) makes it fail, and the 2/n of the Hessian is missing:"
            " start from a table of shape (n, 1)",
            lambda X: _refusing_flat(X, np.linalg.LinAlgError, 2),
        ),
        "vector-error-summed-hessian": Mutant(
            "a single column of shape (n,) makes it fail, and the 1/n of the Hessian is missing:"
            " start from a table of shape (n, 1)",
            lambda X: _refusing_flat(X, np.linalg.LinAlgError, 1),
        ),
        "input-mutated": Mutant(
            "X itself was changed, so a second call gives something else: work on a copy",
            _stable_in_place,
        ),
    },
    {
        "eigenvalues of the Hessian": lambda X: 2 / _curvatures(X).max(),
        "the general eigenvalues": lambda X: 2 / np.linalg.eigvals(_hessian(X)).max(),
        "the spectral norm of X": lambda X: len(X) / np.linalg.norm(_table(X), 2) ** 2,
        "the power method, for long": lambda X: _power_method(X, 500),
        "the rows' side, X Xᵀ": lambda X: len(X) / np.linalg.eigvalsh(_table(X) @ _table(X).T)[-1],
        "float32": lambda X: (
            len(X) / np.linalg.svd(np.float32(_table(X)), compute_uv=False)[0] ** 2
        ),
        "by PyTorch": lambda X: _stable_by_torch(X),
    },
)


def _stable_by_torch(X: np.ndarray) -> Tensor:
    import torch

    table = torch.tensor(_table(X))
    start = torch.zeros(table.shape[1], dtype=table.dtype)
    hessian = torch.autograd.functional.hessian(
        lambda theta: (table @ theta).square().mean(), start
    )
    return 2 / torch.linalg.eigvalsh(hessian).max()


EXERCISES = [SGD, FIT, MOMENTUM, ADAM, INIT, STABLE]
