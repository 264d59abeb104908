"""The exercises of lesson 10: synthetic patients, membership inference, differential privacy, a
watermark, molecules, a trial, a build task.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.asking.ask import Answer, Ask, NotData, Seed, TensorArg
from course_utils.checks.exercise import (
    Case,
    Exercise,
    Mutant,
    breaking,
    does_not_hold,
    numbers_in,
    until_one_fails,
)

if TYPE_CHECKING:
    from torch import Tensor

Table = dict[str, np.ndarray]

# ---- 10.1 tstr -----------------------------------------------------------------------------------


def _patients(
    rng: np.random.Generator,
    n: int,
    gap: float = 1.2,
    shift: float = 0.0,
    columns: int = 4,
    sick: float = 0.5,
    scale: Any = 1.0,
) -> Table:
    """n patients, sick (1) ones higher by `gap` in every column; everybody is moved by `shift`,
    then stretched.
    """
    y = (rng.permutation(n) < round(sick * n)).astype(np.int64)
    x = rng.normal(size=(n, columns)) + gap * (y[:, None] - 0.5) + shift
    return {"x": x * scale, "y": y}


def _turned(table: Table) -> Table:
    return {"x": table["x"], "y": 1 - table["y"]}


SHARE = (
    "the result is a share from 0 to 1: divide a percentage by 100, a count by the number of real"
    " patients"
)
COUNTED = (
    "with five real patients the result is a number of fifths, because a whole number of them is"
    " diagnosed right: count right diagnoses, and average nothing else"
)


def _read_share(ask: Ask, synth: Table, test: Table) -> Any:
    """The accuracy, and whether it can be one; what is no single number stays as it is."""
    found = ask(synth, test)
    if np.ndim(numbers_in(found)):
        return found
    return {
        SHARE: bool(0 <= found <= 1),
        COUNTED: _whole(found * len(test["y"]), 1e-6) or _in_fifths(ask, synth, test),
        "the accuracy": found,
    }


def _in_fifths(ask: Ask, synth: Table, test: Table) -> bool:
    """Whether five real patients give a number of fifths, which bears rounding to two digits."""
    five = np.r_[np.flatnonzero(test["y"] == 1)[:3], np.flatnonzero(test["y"] == 0)[:2]]
    return _whole(5 * numbers_in(ask(synth, {k: v[five] for k, v in test.items()})), 0.03)


def _whole(value: Any, within: float) -> bool:
    return bool(np.all(abs(value - np.round(value)) < within))


def _tstr_cases(rng: np.random.Generator) -> list[Case]:
    import sklearn.linear_model
    import sklearn.pipeline  # noqa: F401

    close_case = partial(Case, read=_read_share, rtol=0.0, atol=0.025, alike=0.01)
    tiny = np.array([1.0, 1.0, 1e-4, 1e-4])
    return [
        close_case(
            "synthetic patients of the same kind as the real ones: about 0.88",
            (_patients(rng, 1500, shift=6, scale=4), _patients(rng, 1200, shift=6, scale=4)),
        ),
        close_case(
            "real patients who all measure higher by 1.5 than the synthetic ones: many are taken"
            " for sick",
            (_patients(rng, 1500), _patients(rng, 1200, shift=1.5)),
        ),
        close_case(
            "synthetic patients whose diagnoses are inverted: nearly all wrong",
            (_turned(_patients(rng, 1500)), _patients(rng, 1200, gap=2)),
        ),
        close_case(
            "synthetic patients much easier to tell apart than the real ones",
            (_patients(rng, 1500, gap=1.8), _patients(rng, 1200, gap=0.4)),
            atol=0.04,
        ),
        close_case(
            "one sick patient in ten among the real ones, and real patients who measure higher"
            " by 1",
            (_patients(rng, 1500), _patients(rng, 1200, sick=0.1, shift=1)),
        ),
        close_case(
            "two of the four columns in tiny units",
            (_patients(rng, 1500, gap=1.6, scale=tiny), _patients(rng, 1200, gap=1.6, scale=tiny)),
        ),
        close_case(
            "real patients measured in units a thousand times larger, and seven sick in ten among"
            " the synthetic ones",
            (_patients(rng, 1500, sick=0.7), _patients(rng, 1200, scale=1000)),
        ),
    ]


def _fitted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights and offset of logistic regression with the usual penalty |w|²/2, by Newton's
    method. -> (D + 1,)
    """
    x = np.c_[x, np.ones(len(x))]
    penalty, w = np.diag([1.0] * (x.shape[1] - 1) + [0.0]), np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        w = w - np.linalg.solve(
            x.T @ (x * (p * (1 - p) + 1e-9)[:, None]) + penalty, x.T @ (p - y) + penalty @ w
        )
    return w


def _says(w: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (x @ w[:-1] + w[-1] > 0).astype(int)


def _tstr_oracle(synth: Table, test: Table) -> float:
    mean, sd = synth["x"].mean(0), synth["x"].std(0)
    w = _fitted((synth["x"] - mean) / sd, synth["y"])
    return float((_says(w, (test["x"] - mean) / sd) == test["y"]).mean())


def _scaled_by(which: Callable[[Table, Table], np.ndarray], own: bool = False) -> Answer:
    """The scaler is fitted on something else; with `own`, each table is scaled by itself."""

    def wrong(synth: Table, test: Table) -> float:
        def scale(x: np.ndarray, by: np.ndarray) -> np.ndarray:
            return (x - by.mean(0)) / by.std(0)

        seen = scale(synth["x"], synth["x"] if own else which(synth, test))
        return float(
            (
                _says(_fitted(seen, synth["y"]), scale(test["x"], which(synth, test))) == test["y"]
            ).mean()
        )

    return wrong


def _then_score(score: Callable[[np.ndarray, np.ndarray], Any]) -> Answer:
    """A right prediction of the test table, scored otherwise."""

    def wrong(synth: Table, test: Table) -> Any:
        mean, sd = synth["x"].mean(0), synth["x"].std(0)
        w = _fitted((synth["x"] - mean) / sd, synth["y"])
        return score(_says(w, (test["x"] - mean) / sd), test["y"])

    return wrong


def _one_neighbor(synth: Table, test: Table) -> float:
    """Everyone gets the diagnosis of the nearest synthetic patient."""
    from scipy.spatial.distance import cdist

    sd = synth["x"].std(0)
    nearest = cdist(test["x"] / sd, synth["x"] / sd).argmin(axis=1)
    return float((synth["y"][nearest] == test["y"]).mean())


def _both(synth: Table, test: Table) -> Table:
    return {key: np.concatenate([synth[key], test[key]]) for key in synth}


def _scale_forgotten(synth: Table, test: Table) -> float:
    mean, sd = synth["x"].mean(0), synth["x"].std(0)
    return float(
        (_says(_fitted((synth["x"] - mean) / sd, synth["y"]), test["x"]) == test["y"]).mean()
    )


def _scored_raw(synth: Table, test: Table) -> float:
    return float((_says(_fitted(synth["x"], synth["y"]), test["x"]) == test["y"]).mean())


def _from_probabilities(score: Callable[[np.ndarray, np.ndarray], float]) -> Answer:
    """Something other than the share of right diagnoses, from the probability of class 1."""

    def wrong(synth: Table, test: Table) -> float:
        mean, sd = synth["x"].mean(0), synth["x"].std(0)
        w = _fitted((synth["x"] - mean) / sd, synth["y"])
        with np.errstate(over="ignore"):
            return score(1 / (1 + np.exp(-((test["x"] - mean) / sd @ w[:-1] + w[-1]))), test["y"])

    return wrong


def _recall(said: np.ndarray, y: np.ndarray, of: int) -> float:
    return float((said[y == of] == of).mean())


def _f1(said: np.ndarray, y: np.ndarray) -> float:
    return float(2 * (said * y).sum() / max(said.sum() + y.sum(), 1))


def _sklearn(synth: Table, test: Table) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return (
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        .fit(synth["x"], synth["y"])
        .score(test["x"], test["y"])
    )


def _weak_penalty(synth: Table, test: Table) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score

    mean, sd = synth["x"].mean(0), synth["x"].std(0, ddof=1)
    model = LogisticRegression(C=100, solver="newton-cholesky").fit(
        (synth["x"] - mean) / sd, synth["y"]
    )
    return accuracy_score(test["y"], model.predict((test["x"] - mean) / sd))


def _without_penalty(synth: Table, test: Table) -> float:
    from scipy.optimize import minimize

    x, y = (synth["x"] - synth["x"].mean(0)) / synth["x"].std(0), 2 * synth["y"] - 1
    w = minimize(
        lambda w: np.logaddexp(0, -y * (x @ w[:-1] + w[-1])).mean(),
        np.zeros(x.shape[1] + 1),
        method="BFGS",
    ).x
    says = ((test["x"] - synth["x"].mean(0)) / synth["x"].std(0)) @ w[:-1] + w[-1] > 0
    return np.mean(says == (test["y"] == 1))


TSTR = Exercise(
    "10.1",
    "tstr",
    _tstr_cases,
    _tstr_oracle,
    {
        "scaler-fit-on-test": Mutant(
            "the scaler has seen the test table: only the synthetic patients may be seen before the"
            " test",
            _scaled_by(lambda synth, test: test["x"]),
        ),
        "scaler-fit-on-both": Mutant(
            "the scaler was fitted on both tables together: only the synthetic patients may be seen"
            " before the test",
            _scaled_by(lambda synth, test: np.concatenate([synth["x"], test["x"]])),
        ),
        "separate-scalers": Mutant(
            "each table was scaled by its own mean and standard deviation: the real patients must"
            " pass through the scaler fitted on the synthetic ones",
            _scaled_by(lambda synth, test: test["x"], own=True),
        ),
        "train-test-swapped": Mutant(
            "the classifier was trained on the real patients and tested on the synthetic ones:"
            " exchange the two tables",
            lambda synth, test: _tstr_oracle(test, synth),
        ),
        "trained-on-test": Mutant(
            "the classifier was trained on the real patients: train it on the synthetic ones",
            lambda synth, test: _tstr_oracle(test, test),
        ),
        "scored-on-synthetic": Mutant(
            "the classifier was scored on the synthetic patients: score it on the real ones",
            lambda synth, test: _tstr_oracle(synth, synth),
        ),
        "trained-on-both": Mutant(
            "the classifier was trained on both tables together: keep the real patients for the"
            " test",
            lambda synth, test: _tstr_oracle(_both(synth, test), test),
        ),
        "scored-on-both": Mutant(
            "the classifier was scored on both tables together: score it on the real patients only",
            lambda synth, test: _tstr_oracle(synth, _both(synth, test)),
        ),
        "test-not-scaled": Mutant(
            "the test patients were not scaled, but the classifier was trained on scaled ones: send"
            " both through the same scaler",
            _scale_forgotten,
        ),
        "features-not-scaled": Mutant(
            "the columns were not each divided by their own standard deviation: a column in tiny"
            " units then counts for nothing",
            _scored_raw,
        ),
        "error-for-accuracy": Mutant(
            "this is the share of *wrong* diagnoses: return the share of right ones",
            _then_score(lambda said, y: float((said != y).mean())),
        ),
        "percent-for-fraction": Mutant(
            "this is in percent: return a share from 0 to 1",
            _then_score(lambda said, y: 100 * float((said == y).mean())),
        ),
        "correct-count": Mutant(
            "this is the number of right diagnoses: divide by the number of real patients",
            _then_score(lambda said, y: int((said == y).sum())),
        ),
        "predictions-returned": Mutant(
            "these are the diagnoses themselves: return the share that is right",
            _then_score(lambda said, y: said),
        ),
        "per-patient-booleans": Mutant(
            "this says for each patient whether the diagnosis is right: return the mean",
            _then_score(lambda said, y: said == y),
        ),
        "balanced-accuracy": Mutant(
            "the accuracies of the two classes were averaged (balanced accuracy): here every"
            " patient"
            " counts the same",
            _then_score(lambda said, y: (_recall(said, y, 0) + _recall(said, y, 1)) / 2),
        ),
        "mean-true-class-probability": Mutant(
            "the probabilities given to the true diagnosis were averaged: count how often the more"
            " probable diagnosis is the true one",
            _from_probabilities(lambda p, y: float(np.where(y == 1, p, 1 - p).mean())),
        ),
        "one-nearest-neighbor": Mutant(
            "this is right as often as copying the diagnosis of the one nearest synthetic patient:"
            " use a classifier that weighs all of them, such as logistic regression",
            _one_neighbor,
        ),
        "auc-for-accuracy": Mutant(
            "this is the area under the ROC curve, which judges the order of the probabilities:"
            " return the share of right diagnoses",
            _from_probabilities(lambda p, y: _auc_of(p[y == 1], p[y == 0])),
        ),
        "f1-score": Mutant(
            "this is the F1 score of one diagnosis: return the share of right diagnoses",
            _then_score(_f1),
        ),
        "mean-probability-of-class-1": Mutant(
            "the probabilities of class 1 were averaged: turn each into a diagnosis, and compare it"
            " with the true one",
            _from_probabilities(lambda p, y: float(p.mean())),
        ),
        "recall-class-1": Mutant(
            "only patients of class 1 were counted (the recall of that class): all patients count",
            _then_score(lambda said, y: _recall(said, y, 1)),
        ),
        "recall-class-0": Mutant(
            "only patients of class 0 were counted (the recall of that class): all patients count",
            _then_score(lambda said, y: _recall(said, y, 0)),
        ),
        "positive-rate": Mutant(
            "this is the share of patients called class 1: compare each diagnosis with the true"
            " one",
            _then_score(lambda said, y: float(said.mean())),
        ),
        "majority-class-baseline": Mutant(
            "every patient got the most frequent diagnosis: use what the classifier predicts",
            lambda synth, test: float(max(np.bincount(test["y"])) / len(test["y"])),
        ),
        "better-of-accuracy-and-error": Mutant(
            "the larger of the accuracy and the error was returned: a TSTR below ½ is a finding, so"
            " leave it as it is",
            _then_score(lambda said, y: max(float((said == y).mean()), float((said != y).mean()))),
        ),
    },
    {
        "a pipeline": _sklearn,
        "a weak penalty, ddof 1": _weak_penalty,
        "scipy's optimizer, no penalty": _without_penalty,
    },
    seconds=4.0,
)

# ---- 10.2 members_found --------------------------------------------------------------------------

MONOTONE = (
    "only the order of the scores matters: on another scale the same members are named, so no"
    " fixed threshold can be right"
)
ANY_ORDER = "the scores come in no particular order: sort them before you count from the top"
MORE_ALARMS = "with more false alarms allowed, at least as many members are found"


def _ladder(rng: np.random.Generator, n: int, m: int, share: float) -> tuple[Any, Any, float]:
    """n scores of members and m of others, no two the same. A third of the members score above all
    others; below, around the best threshold, members and others take turns, so that one false alarm
    more or less changes the result.
    """
    allowed = int(share * m + 1e-9)
    above = np.arange(n // 3) + m + 0.5
    near = [m - k - 0.5 for k in range(allowed + 4)][: n - len(above)]
    rest = rng.permutation(np.arange(m - allowed - 5, dtype=float) - 0.5)
    inside = np.r_[above, near, rest[: n - len(above) - len(near)]]
    scale = float(rng.uniform(0.5, 2))
    outside = np.arange(m, dtype=float)
    return (
        TensorArg(rng.permutation(inside) * scale - scale * m / 2),
        TensorArg(rng.permutation(outside) * scale - scale * m / 2),
        share,
    )


def _found_cases(rng: np.random.Generator) -> list[Case]:
    import sklearn.metrics  # noqa: F401  what an answer may need is imported before its time is taken

    close_case = partial(Case, rtol=1e-5, atol=1e-5)
    toy = TensorArg(np.array([3.0, 5.0, 1.0])), TensorArg(np.array([2.0, 0.0, 4.0, -1.0, -2.0]))
    tied = TensorArg(rng.permutation([0.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 4.0]))
    tied_out = TensorArg(rng.permutation([0.0] * 5 + [1.0] * 8 + [2.0] * 4 + [3.0] * 3))
    return [
        close_case(
            "in 5, 3, 1 and out 4, 2, 0, −1, −2, 25% allowed, which is 1.25 of 5: 2 of 3",
            (*toy, 0.25),
        ),
        close_case("the same scores, no false alarm allowed: 1 of 3", (*toy, 0.0)),
        close_case("30 in and 45 out, 10% allowed, which is 4.5 of 45", _ladder(rng, 30, 45, 0.1)),
        close_case("70 in and 40 out, 25% allowed", _ladder(rng, 70, 40, 0.25)),
        close_case("60 in and 284 out, 1% allowed, which is 2.84", _ladder(rng, 60, 284, 0.01)),
        close_case(
            "40 in and 30 out, 1% allowed: not one may be accused", _ladder(rng, 40, 30, 0.01)
        ),
        close_case(
            "whole numbers with ties, 8 in and 20 out, 25% allowed: those with equal scores are"
            " accused together or not at all",
            (tied, tied_out, 0.25),
        ),
        close_case(
            "all scores the same, 10% allowed: nobody can be named, 0",
            (TensorArg(np.full(5, 2.0)), TensorArg(np.full(20, 2.0)), 0.1),
        ),
        Case(
            "25 in and 33 out, 10% allowed: on another scale, in another order, with more allowed",
            _ladder(rng, 25, 33, 0.1),
            _read_found_rules,
            want=dict.fromkeys((MONOTONE, ANY_ORDER, MORE_ALARMS), True),
        ),
    ]


def _read_found_rules(
    ask: Ask, scores_in: TensorArg, scores_out: TensorArg, share: float
) -> dict[str, bool]:
    """What the share of members found obeys."""
    a, b = scores_in.values, scores_out.values
    found, bent, mixed, more = (
        float(ask(TensorArg(x), TensorArg(y), allowed))
        for x, y, allowed in (
            (a, b, share),
            (np.exp(a / 20) - 3, np.exp(b / 20) - 3, share),
            (a[::-1].copy(), b[::-1].copy(), share),
            (a, b, 3 * share),
        )
    )
    return {
        MONOTONE: abs(bent - found) < 1e-4,
        ANY_ORDER: abs(mixed - found) < 1e-4,
        MORE_ALARMS: more > found - 1e-4,
    }


def _found_oracle(scores_in: Tensor, scores_out: Tensor, false_alarms: float) -> float:
    """The highest point of scikit-learn's ROC curve that is not too far to the right."""
    from sklearn.metrics import roc_curve

    truth = np.repeat([1, 0], [len(scores_in), len(scores_out)])
    accused, named, _ = roc_curve(
        truth, np.r_[scores_in.numpy(), scores_out.numpy()], drop_intermediate=False
    )
    return float(named[accused <= false_alarms + 1e-9].max())


def _above(threshold: Callable[[Any, Any, float], Any], strict: bool = True) -> Answer:
    """The share of members above a threshold made of both lists."""

    def wrong(a: Tensor, b: Tensor, share: float) -> float:
        cut = threshold(a, b, share)
        return ((a > cut) if strict else (a >= cut)).double().mean().item()

    return wrong


def _allowed(scores: Tensor, share: float, more: int = 0) -> Any:
    """The score that so many of the list lie above."""
    ordered = scores.sort(descending=True).values
    return ordered[min(max(int(share * len(scores) + 1e-9) + more, 0), len(scores) - 1)]


def _best_cut(a: Tensor, b: Tensor, share: float) -> Any:
    return _allowed(b, share)


def _rounded_up(a: Tensor, b: Tensor, share: float) -> Any:
    return _allowed(b, 0, math.ceil(share * len(b) - 1e-9))


def _interpolated(a: Tensor, b: Tensor, share: float) -> Any:
    return b.double().quantile(1 - share)


def _by_accused(a: Tensor, b: Tensor, share: float) -> float:
    """False alarms as a share of all who are named."""
    best = 0.0
    for cut in [*a.tolist(), *b.tolist()]:
        right, wrong = (a >= cut).sum().item(), (b >= cut).sum().item()
        if wrong <= share * (right + wrong):
            best = max(best, right / len(a))
    return best


def _everybody_named(a: Tensor, b: Tensor, share: float) -> Any:
    import torch

    both = torch.cat([a, b])
    return _allowed(both, share)


def _precision(a: Tensor, b: Tensor, share: float) -> float:
    cut = _best_cut(a, b, share)
    named, accused = (a > cut).sum().item(), (b > cut).sum().item()
    return named / max(named + accused, 1)


def _area(a: Tensor, b: Tensor, share: float) -> float:
    d = a[:, None] - b
    return ((d > 0).double() + 0.5 * (d == 0)).mean().item()


def _then_found(change: Callable[[float, Any, Any, float], Any]) -> Answer:
    return lambda a, b, share: change(_found_oracle(a, b, share), a, b, share)


def _in_a_loop(a: Tensor, b: Tensor, share: float) -> float:
    best = 0.0
    for cut in a.tolist():
        if (b >= cut).double().mean().item() <= share + 1e-9:
            best = max(best, (a >= cut).double().mean().item())
    return best


def _by_kthvalue(a: Tensor, b: Tensor, share: float) -> Tensor:
    spare = int(share * len(b))
    return (a > b.kthvalue(len(b) - spare).values).float().mean()


def _by_numpy_quantile(a: Any, b: Any, share: float) -> Any:
    b = np.sort(b.numpy())
    return np.mean(a.numpy() > b[len(b) - 1 - math.floor(share * len(b))])


MEMBERS = Exercise(
    "10.2",
    "members_found",
    _found_cases,
    _found_oracle,
    {
        "quantile-interpolates": Mutant(
            "more than the allowed share of those out lie above your threshold: count how many may"
            " be accused and round down (`round` can go up, and `quantile` takes a threshold"
            " between two scores)",
            _above(_interpolated),
        ),
        "rounded-up": Mutant(
            "the number that may be accused was rounded up, which allows more than the share: round"
            " down",
            _above(_rounded_up),
        ),
        "one-fewer-accused": Mutant(
            "the threshold is one score too high: one more of those out may be accused",
            _above(lambda a, b, share: _allowed(b, share, -1)),
        ),
        "one-more-accused": Mutant(
            "the threshold is one score too low: one more of those out is accused than is allowed",
            _above(lambda a, b, share: _allowed(b, share, 1)),
        ),
        "tied-at-the-threshold": Mutant(
            "members whose score equals the threshold were named: those out with the same score"
            " are then accused too",
            _above(_best_cut, strict=False),
        ),
        "no-false-alarm-at-all": Mutant(
            "the threshold is the highest score of those out: a few false alarms are allowed",
            _above(lambda a, b, share: b.max()),
        ),
        "threshold-from-members": Mutant(
            "the threshold was set by the scores of the members: false alarms are among those who"
            " were *out*",
            _above(lambda a, b, share: _allowed(a, share)),
        ),
        "threshold-from-everybody": Mutant(
            "the threshold was set by both lists together: false alarms are a share of those who"
            " were out, and of nobody else",
            _above(_everybody_named),
        ),
        "share-of-everybody": Mutant(
            "as many may be accused as a share of *all* patients: it is a share of those who were"
            " out",
            _above(lambda a, b, share: _allowed(b, 0, int(share * (len(a) + len(b))))),
        ),
        "share-of-the-members": Mutant(
            "as many may be accused as a share of the *members*: it is a share of those who were"
            " out",
            _above(lambda a, b, share: _allowed(b, 0, int(share * len(a) + 1e-9))),
        ),
        "share-of-the-named": Mutant(
            "false alarms were counted as a share of all who are named (a false discovery rate):"
            " they are a share of those who were out",
            _by_accused,
        ),
        "precision-for-recall": Mutant(
            "this is the share of the named who are members (precision): return the share of the"
            " members who are named",
            _precision,
        ),
        "auc-for-found": Mutant(
            "this is the AUC, which averages over all thresholds: use the one threshold at which"
            " few"
            " of those out are accused",
            _area,
        ),
        "advantage": Mutant(
            "the false alarms were subtracted: return the share of members named as it is",
            _then_found(
                lambda found, a, b, share: (
                    found - (b > _best_cut(a, b, share)).double().mean().item()
                )
            ),
        ),
        "missed-for-found": Mutant(
            "this is the share of members who are *not* named: return the share who are",
            _then_found(lambda found, a, b, share: 1 - found),
        ),
        "count-for-share": Mutant(
            "this is how many members are named: divide by the number of members",
            _then_found(lambda found, a, b, share: found * len(a)),
        ),
        "percent-for-share": Mutant(
            "this is in percent: return a share from 0 to 1",
            _then_found(lambda found, a, b, share: 100 * found),
        ),
        "threshold-returned": Mutant(
            "this is the threshold: return the share of members above it",
            lambda a, b, share: float(_best_cut(a, b, share)),
        ),
        "divided-by-those-out": Mutant(
            "the members named were divided by the number of those *out*: divide by the number of"
            " members",
            _then_found(lambda found, a, b, share: found * len(a) / len(b)),
        ),
        "groups-swapped": Mutant(
            "the two lists were exchanged: members are found, and those who were out are accused by"
            " mistake",
            lambda a, b, share: _found_oracle(b, a, share),
        ),
        "lowest-scores-named": Mutant(
            "those with the *lowest* scores were named: a member scores high",
            lambda a, b, share: _found_oracle(-a, -b, share),
        ),
        "per-member-booleans": Mutant(
            "this says of each member whether they are named: return the share who are",
            lambda a, b, share: a > _best_cut(a, b, share),
        ),
    },
    {
        "scikit-learn's ROC curve": _found_oracle,
        "a loop over thresholds": _in_a_loop,
        "kthvalue": _by_kthvalue,
        "NumPy": _by_numpy_quantile,
    },
)

# ---- 10.3 private_sum ----------------------------------------------------------------------------

EMPTY = 6000  # columns of zeros, which show the noise
QUIET = "with mu = 1,000,000 the noise is too small to be seen"
ONE_RNG = "the same rng gives the same noise: all randomness comes from `rng`"
NEW_NOISE = "another rng gives other noise"
LEFT_ALONE = "the patients' table is left as it was"


def _sum_case(says: str, rows: Any, C: float) -> Case:
    """The sum under a guarantee so weak that the noise is a speck."""
    rows = np.asarray(rows)
    args = (np.c_[rows, np.zeros((len(rows), 40), rows.dtype)], C, 1e6, Seed(7), rows.shape[1])
    return Case(says + " (the other 40 columns are 0)", args, _read_sum, rtol=1e-3, atol=1e-3)


def _read_sum(ask: Ask, rows: np.ndarray, C: float, mu: float, seed: Seed, shown: int) -> Any:
    found = ask(rows, C, mu, seed)
    noisy = numbers_in(found)
    if noisy.shape != rows.shape[1:]:
        return found
    if float(np.std(noisy[shown:])) > 0.01:
        return {QUIET: False}
    return {QUIET: True, "the sum": noisy[:shown]}


def _noise_case(says: str, rows: np.ndarray, C: float, mu: float, seed: int) -> Case:
    wide = np.c_[rows, np.zeros((len(rows), EMPTY))]
    return Case(says, (wide, C, mu, Seed(seed)), _read_noise, rtol=0.1, atol=1e-6)


def _read_noise(ask: Ask, rows: np.ndarray, C: float, mu: float, seed: Seed) -> Any:
    found = ask(rows, C, mu, seed)
    noisy = numbers_in(found)
    if noisy.shape != rows.shape[1:]:
        return found
    noise = noisy[-EMPTY:].astype(float)
    sd = float(np.std(noise))
    return {
        "the standard deviation of the noise": sd,
        "its mean absolute value, in standard deviations": float(np.abs(noise).mean() / sd)
        if sd
        else 0.0,
    }


def _read_noise_rules(ask: Ask, rows: np.ndarray, C: float, mu: float) -> dict[str, bool]:
    shown = ask.probe("lesson10.sums", rows, C, mu, (5, 5, 6))
    first, again, other = (numbers_in(found) for found in shown["sums"])
    return {
        LEFT_ALONE: bool(shown["kept"]),
        ONE_RNG: first.shape == again.shape and np.array_equal(first, again),
        NEW_NOISE: not np.array_equal(first, other),
    }


def _private_cases(rng: np.random.Generator) -> list[Case]:
    long = rng.normal(size=(9, 5)) * rng.uniform(2, 6, size=(9, 1))
    mixed = rng.normal(size=(12, 4)) * rng.choice([0.2, 3.0], size=(12, 1))
    mixed[:2] = [[0.1, 0.2, -0.1, 0.0], [4.0, -3.0, 1.0, 2.0]]
    short = 0.03 * rng.normal(size=(20, 2))
    return [
        _sum_case("rows (3, 4) and (0, 1), C = 2: (1.2, 2.6)", [[3.0, 4.0], [0.0, 1.0]], 2.0),
        _sum_case("seven rows that are all shorter than C = 8", rng.normal(size=(7, 3)), 8.0),
        _sum_case("nine rows that are all longer than C = 1", long, 1.0),
        _sum_case("twelve rows, some longer than C = 1.5 and some shorter", mixed, 1.5),
        _sum_case(
            "three rows, one of which is all zeros, C = 1",
            [[0.0, 0.0, 0.0], [2.0, -1.0, 2.0], [0.1, 0.2, 0.3]],
            1.0,
        ),
        _sum_case("whole numbers: (6, 8), (0, -3) and (1, 0), C = 5", [[6, 8], [0, -3], [1, 0]], 5),
        _noise_case("20 short rows, C = 2, mu ½: the noise", short, 2.0, 0.5, 1),
        _noise_case("20 short rows, C = 0.3, mu 2: the noise", short, 0.3, 2.0, 2),
        _noise_case(
            "one row longer than C = 5, mu 1: the noise", np.full((1, 3), 7.0), 5.0, 1.0, 3
        ),
        Case(
            "one rng twice, then another; and what became of the table",
            (mixed.copy(), 1.5, 0.5),
            _read_noise_rules,
            want=dict.fromkeys((LEFT_ALONE, ONE_RNG, NEW_NOISE), True),
        ),
    ]


def _clipped(rows: np.ndarray, C: float) -> np.ndarray:
    """One row after the other, by its length."""
    return np.array([row * min(1.0, C / (math.hypot(*row) or 1.0)) for row in rows])


def _private_oracle(rows: np.ndarray, C: float, mu: float, rng: np.random.Generator) -> Any:
    """Row by row, with noise through the inverse distribution function."""
    from scipy.stats import norm

    return _clipped(rows, C).sum(axis=0) + norm.ppf(rng.random(rows.shape[1])) * C / mu


def _clipping(clip: Callable[[np.ndarray, float], np.ndarray]) -> Answer:
    """The right noise on a sum of rows that are clipped otherwise."""
    return lambda rows, C, mu, rng: clip(rows, C).sum(axis=0) + rng.normal(0, C / mu, rows.shape[1])


def _noisy(noise: Callable[..., Any]) -> Answer:
    """The right sum with other noise: noise(rng, D, N, C, mu)."""
    return lambda rows, C, mu, rng: (
        _clipped(rows, C).sum(axis=0) + noise(rng, rows.shape[1], len(rows), C, mu)
    )


def _scaled(size: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray, float], np.ndarray]:
    """Rows scaled down where another size than their length is above C."""
    return lambda rows, C: rows / np.maximum(size(rows) / C, 1)


def _lengths(rows: np.ndarray) -> np.ndarray:
    return np.sqrt((rows.astype(float) ** 2).sum(axis=1, keepdims=True))


def _sum_then_clip(rows: np.ndarray, C: float, mu: float, rng: np.random.Generator) -> Any:
    total = rows.sum(axis=0)
    return total * min(1, C / np.linalg.norm(total)) + rng.normal(0, C / mu, len(total))


def _noise_then_clip(rows: np.ndarray, C: float, mu: float, rng: np.random.Generator) -> Any:
    return _clipped(rows + rng.normal(0, C / mu, rows.shape), C).sum(axis=0)


def _zero_over_zero(rows: np.ndarray, C: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        length = _lengths(rows)
        return rows / length * np.minimum(length, C)


def _in_the_table(rows: np.ndarray, C: float, mu: float, rng: np.random.Generator) -> Any:
    clipped = _clipped(rows, C)
    rows[:] = clipped
    return clipped.sum(axis=0) + rng.normal(0, C / mu, rows.shape[1])


def _own_rng(seed: int | None) -> Answer:
    def wrong(rows: np.ndarray, C: float, mu: float, rng: np.random.Generator) -> Any:
        return _private_oracle(rows, C, mu, np.random.default_rng(seed))

    return wrong


def _by_minimum(rows: np.ndarray, C: float, mu: float, rng: np.random.Generator) -> Any:
    factor = np.minimum(1, C / (np.linalg.norm(rows, axis=1) + 1e-12))
    return factor @ rows + rng.standard_normal(rows.shape[1]) * (C / mu)


def _by_where(rows: np.ndarray, C: float, mu: float, rng: np.random.Generator) -> Any:
    rows = rows.astype(float)
    size = (rows**2).sum(1) ** 0.5
    rows[size > C] *= (C / size[size > C])[:, None]
    return rng.normal(rows.sum(0), C / mu)


def _in_a_python_loop(rows: np.ndarray, C: float, mu: float, rng: np.random.Generator) -> Any:
    total = np.zeros(rows.shape[1])
    for row in rows:
        length = math.sqrt(float(row @ row))
        total += row if length <= C else row / length * C
    return total + rng.multivariate_normal([0.0], [[(C / mu) ** 2]], rows.shape[1])[:, 0]


PRIVATE = Exercise(
    "10.3",
    "private_sum",
    _private_cases,
    _private_oracle,
    {
        "not-clipped": Mutant(
            "long rows were not scaled down: one patient can then move the sum by any amount",
            _clipping(lambda rows, C: rows),
        ),
        "sum-clipped": Mutant(
            "the *sum* was scaled down to length C: each row has to be, before they are added",
            _sum_then_clip,
        ),
        "each-number-clipped": Mutant(
            "each *number* was limited to C, so that a row of many numbers can still be much longer"
            " than C: scale the whole row",
            _clipping(lambda rows, C: np.clip(rows, -C, C)),
        ),
        "all-scaled-to-C": Mutant(
            "rows shorter than C were stretched to length C: they stay as they are",
            _clipping(lambda rows, C: rows / np.maximum(_lengths(rows), 1e-12) * C),
        ),
        "long-rows-left-out": Mutant(
            "rows longer than C were left out: scale them down to length C",
            _clipping(lambda rows, C: rows * (_lengths(rows) <= C)),
        ),
        "length-of-the-table": Mutant(
            "one length was computed for the whole table: each row has its own (`axis=1`)",
            _clipping(_scaled(lambda rows: np.linalg.norm(rows))),
        ),
        "lengths-of-columns": Mutant(
            "the lengths of the *columns* were taken: a patient is a row (`axis=1`)",
            _clipping(_scaled(lambda rows: np.linalg.norm(rows, axis=0))),
        ),
        "one-factor-for-all": Mutant(
            "all rows were scaled by the factor that the longest one needs: each has its own",
            _clipping(_scaled(lambda rows: _lengths(rows).max())),
        ),
        "absolute-values-added": Mutant(
            "the length of a row was taken as the sum of its absolute values: it is Euclidean, the"
            " root of the sum of squares",
            _clipping(_scaled(lambda rows: np.abs(rows).sum(axis=1, keepdims=True))),
        ),
        "largest-number-for-length": Mutant(
            "the length of a row was taken as its largest number: it is Euclidean, the root of the"
            " sum of squares",
            _clipping(_scaled(lambda rows: np.abs(rows).max(axis=1, keepdims=True))),
        ),
        "root-forgotten": Mutant(
            "the *squared* length of each row was compared with C: take the root",
            _clipping(_scaled(lambda rows: _lengths(rows) ** 2)),
        ),
        "zero-divided-by-zero": Mutant(
            "a row of zeros became nan: its length is 0, so it must not be divided by it",
            _clipping(_zero_over_zero),
        ),
        "mean-for-sum": Mutant(
            "the rows were averaged: return their sum",
            _clipping(lambda rows, C: _clipped(rows, C) / len(rows)),
        ),
        "mean-and-its-noise": Mutant(
            "the noisy sum was divided by the number of rows: return the sum itself",
            lambda rows, C, mu, rng: _private_oracle(rows, C, mu, rng) / len(rows),
        ),
        "no-noise": Mutant(
            "there is no noise: an exact sum gives you away to someone who knows all other rows",
            _noisy(lambda rng, D, N, C, mu: 0.0),
        ),
        "multiplied-by-mu": Mutant(
            "the standard deviation of the noise is C·μ, so that a *weaker* guarantee (a larger"
            " μ) gets more noise: your row moves the sum by C, which may be at most μ"
            " standard deviations",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, C * mu, D)),
        ),
        "upside-down": Mutant(
            "the standard deviation of the noise is μ/C: your row moves the sum by C, which may be"
            " at most μ standard deviations",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, mu / C, D)),
        ),
        "C-forgotten": Mutant(
            "the noise does not grow with C: a row of length C moves the sum by C",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, 1 / mu, D)),
        ),
        "mu-forgotten": Mutant(
            "the noise does not depend on μ: a stronger guarantee (a smaller μ) needs more",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, C, D)),
        ),
        "mu-as-deviation": Mutant(
            "the standard deviation of the noise is μ: μ is how many standard deviations your row"
            " may move the sum",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, mu, D)),
        ),
        "standard-noise": Mutant(
            "the noise has a standard deviation of 1, whatever C and μ are: how large must it be to"
            " keep the guarantee?",
            _noisy(lambda rng, D, N, C, mu: rng.normal(size=D)),
        ),
        "variance-for-deviation": Mutant(
            "C/μ was taken as the *variance* of the noise: it is the standard deviation",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, math.sqrt(C / mu), D)),
        ),
        "deviation-squared": Mutant(
            "the standard deviation of the noise is (C/μ)²: leave out the square",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, (C / mu) ** 2, D)),
        ),
        "twice-the-noise": Mutant(
            "the noise is twice as large as needed: if you leave, the sum moves by C at most, not"
            " by 2C",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, 2 * C / mu, D)),
        ),
        "noise-on-each-row": Mutant(
            "each row got noise of its own, and N of them add up: the sum needs noise once",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, C / mu, (N, D)).sum(axis=0)),
        ),
        "noise-then-clipped": Mutant(
            "each row got noise and was clipped after that: clip first, add, and then add noise"
            " once to the sum",
            _noise_then_clip,
        ),
        "noise-divided-by-N": Mutant(
            "the noise was divided by the number of rows: that belongs to a mean, not to a sum",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, C / mu / N, D)),
        ),
        "noise-grows-with-columns": Mutant(
            "the noise grows with the number of columns: a row's length already counts them all",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, C / mu * math.sqrt(D), D)),
        ),
        "one-draw-for-all": Mutant(
            "all sums got the same draw: it cancels in their differences, so draw one for each",
            _noisy(lambda rng, D, N, C, mu: rng.normal(0, C / mu)),
        ),
        "laplace-noise": Mutant(
            "the noise is not Gaussian: the bound on the members found holds for Gaussian noise",
            _noisy(lambda rng, D, N, C, mu: rng.laplace(0, C / mu / math.sqrt(2), D)),
        ),
        "laplace-scale": Mutant(
            "the noise has a Laplace distribution: the bound on the members found holds for"
            " Gaussian"
            " noise",
            _noisy(lambda rng, D, N, C, mu: rng.laplace(0, C / mu, D)),
        ),
        "rows-returned": Mutant(
            "these are the noisy rows: return their sum, one number per column",
            lambda rows, C, mu, rng: _clipped(rows, C) + rng.normal(0, C / mu, rows.shape[1]),
        ),
        "summed-across": Mutant(
            "each row was summed across its columns: add the rows, one number per column",
            lambda rows, C, mu, rng: (
                _clipped(rows, C).sum(axis=1) + rng.normal(0, C / mu, len(rows))
            ),
        ),
    }
    | {
        "table-changed": Mutant(does_not_hold(LEFT_ALONE), _in_the_table),
        "unseeded": Mutant(does_not_hold(ONE_RNG), _own_rng(None)),
        "own-seed": Mutant(does_not_hold(NEW_NOISE), _own_rng(0)),
    },
    {
        "a factor for each row": _by_minimum,
        "noise around the sum": _by_where,
        "row by row": _in_a_python_loop,
    },
)

# ---- 10.4 watermark_z ----------------------------------------------------------------------------


ONLY_PAIRS = (
    "only the entries green[i, j] of words j that come right after i in the text count, one entry"
    " per pair: no other entry of `green` changes z"
)
EVERY_PAIR = (
    "every pair of neighbors counts the same, the first and the last too, and one that comes twice"
    " counts once"
)
AS_EXPECTED = "a text with exactly γT green words has z = 0"
ONE_MORE = (
    "one more green pair raises z by 1/√(Tγ(1 − γ)): are T, γ and 1 − γ all under the root, and the"
    " root below the line?"
)
AND_AGAIN = "; and a repeated pair was counted again"


def _text(
    rng: np.random.Generator, V: int, T: int, gamma: float, bonus: float = 0.0
) -> tuple[TensorArg, TensorArg, float]:
    """T + 1 words of V without a pair that repeats, green with more than chance if there is a
    bonus.
    """
    green, free = rng.random((V, V)) < gamma, np.ones((V, V), bool)
    tokens = [int(rng.integers(V))]
    for _ in range(T):
        here = tokens[-1]
        p = np.exp(bonus * green[here]) * free[here] * (free.sum(1) + 1e-6)
        tokens.append(int(rng.choice(V, p=p / p.sum())))
        free[here, tokens[-1]] = False
    return TensorArg(np.array(tokens)), TensorArg(green), gamma


def _repeated(
    rng: np.random.Generator, V: int, T: int, times: int, gamma: float
) -> tuple[TensorArg, TensorArg, float]:
    """A text without repeated pairs, written several times in a row."""
    tokens, green, gamma = _text(rng, V, T, gamma, 1.0)
    return TensorArg(np.tile(tokens.values, times)), green, gamma


def _mark_cases(rng: np.random.Generator) -> list[Case]:
    close_case = partial(Case, rtol=1e-4, atol=1e-4)
    only = np.array([[False, True], [False, False]])
    return [
        close_case(
            "tokens (2, 0, 1, 1), green are 0 after 2 and 2 after 0, gamma ½: one of three pairs",
            (
                TensorArg(np.array([2, 0, 1, 1])),
                TensorArg(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], bool)),
                0.5,
            ),
        ),
        close_case("a marked text of 61 words, gamma ½", _text(rng, 18, 60, 0.5, 2.0)),
        close_case("an unmarked text of 80 words, gamma ½", _text(rng, 20, 79, 0.5)),
        close_case("a marked text of 81 words, gamma ¼", _text(rng, 20, 80, 0.25, 1.5)),
        close_case(
            "a text of 41 words that avoids green ones, gamma 0.7: below 0",
            _text(rng, 14, 40, 0.7, -1.5),
        ),
        close_case(
            "every pair green: 16 pairs, gamma ½, z = 4",
            (TensorArg(rng.permutation(17)), TensorArg(np.ones((17, 17), bool)), 0.5),
        ),
        close_case(
            "no pair green, gamma 0.2",
            (TensorArg(rng.permutation(26)), TensorArg(np.zeros((26, 26), bool)), 0.2),
        ),
        close_case(
            "tokens (0, 1, 0, 0, 1), green is only 1 after 0, gamma ½: the pair 0 1 comes twice,"
            " so one of three pairs, z = −0.577",
            (TensorArg(np.array([0, 1, 0, 0, 1])), TensorArg(only), 0.5),
        ),
        close_case(
            "a text of 25 words written four times in a row, gamma 0.4",
            _repeated(rng, 12, 24, 4, 0.4),
        ),
        _mark_rules(rng),
    ]


def _mark_rules(rng: np.random.Generator) -> Case:
    """A text of 27 words whose 25 pairs differ, but for one that comes twice; five are green."""
    order = rng.permutation(24)
    tokens = np.r_[order, order[[10, 11, 0]]]
    green = np.zeros((24, 24), bool)
    green[order[[2, 5, 14, 17, 20]], order[[3, 6, 15, 18, 21]]] = True
    return Case(
        "25 different pairs, five of them green, gamma 0.2: z = 0; then one of them is changed",
        (TensorArg(tokens), TensorArg(green), 0.2),
        _read_mark_rules,
        want=dict.fromkeys((ONLY_PAIRS, EVERY_PAIR, AS_EXPECTED, ONE_MORE), True),
    )


def _read_mark_rules(
    ask: Ask, tokens: TensorArg, green: TensorArg, gamma: float
) -> dict[str, bool]:
    """What z obeys: `green` is changed where no pair is, and at the first pair, the last, and the
    one that comes twice.
    """
    before, after = tokens.values[:-1], tokens.values[1:]
    elsewhere = ~green.values
    elsewhere[before, after] = green.values[before, after]
    changed = [green.values.copy() for _ in range(3)]
    for table, at in zip(changed, (0, len(before) - 1, 10), strict=True):
        table[before[at], after[at]] = True
    z, other, first, last, twice = (
        float(ask(tokens, TensorArg(table), gamma)) for table in (green.values, elsewhere, *changed)
    )
    step = 1 / math.sqrt((len(before) - 1) * gamma * (1 - gamma))
    return {
        ONLY_PAIRS: abs(other - z) < 1e-3,
        EVERY_PAIR: np.allclose([last - z, twice - z], first - z, atol=1e-3) and first != z,
        AS_EXPECTED: abs(z) < 1e-3,
        ONE_MORE: abs(first - z - step) < 1e-3,
    }


def _mark_oracle(tokens: Tensor, green: Tensor, gamma: float) -> float:
    from scipy.stats import binom

    pairs = set(zip(tokens.tolist(), tokens.tolist()[1:], strict=False))
    chance = binom(len(pairs), gamma)
    return (sum(bool(green[i, j]) for i, j in pairs) - chance.mean()) / chance.std()


def _neighbors(tokens: Tensor) -> Tensor:
    """Every word and the next. (T + 1,) -> (T, 2)"""
    import torch

    return torch.stack([tokens[:-1], tokens[1:]], 1)


def _different(tokens: Tensor) -> Tensor:
    """The pairs that differ, in the order in which they come. -> (M, 2)"""
    import torch

    return torch.tensor(list(dict.fromkeys(map(tuple, _neighbors(tokens).tolist()))))


def _z(count: float, T: int, gamma: float) -> float:
    return (count - gamma * T) / math.sqrt(T * gamma * (1 - gamma))


def _of_hits(z: Callable[[float, int, float], Any]) -> Callable[..., Any]:
    """Another formula in the number of green pairs, of all pairs, and gamma."""
    return lambda pairs, green, gamma: z(
        green[pairs[:, 0], pairs[:, 1]].sum().item(), len(pairs), gamma
    )


def _from_hits(hits: Callable[[Any, Any], Any]) -> Callable[..., float]:
    """The right formula on other hits."""

    def wrong(pairs: Tensor, green: Tensor, gamma: float) -> float:
        found = hits(pairs, green).float()
        return _z(found.sum().item(), len(found), gamma)

    return wrong


def _both_ways(mistakes: dict[str, tuple[str, Callable[..., Any]]]) -> dict[str, Mutant]:
    """Each mistake in the pairs that differ, and in all pairs: the second is two mistakes."""
    found = {}
    for name, (hint, wrong) in mistakes.items():
        found[name] = Mutant(hint, lambda t, g, y, wrong=wrong: wrong(_different(t), g, y))
        found[f"{name}-and-every-pair"] = Mutant(
            hint + AND_AGAIN, lambda t, g, y, wrong=wrong: wrong(_neighbors(t), g, y)
        )
    return found


def _measured_share(count: float, T: int, gamma: float) -> float:
    spread = math.sqrt(max(count / T * (1 - count / T), 1e-9) * T)
    return (count - gamma * T) / spread


def _green_once(tokens: Tensor, green: Tensor, gamma: float) -> float:
    pairs = _different(tokens)
    return _z(green[pairs[:, 0], pairs[:, 1]].sum().item(), len(tokens) - 1, gamma)


def _different_words(tokens: Tensor, green: Tensor, gamma: float) -> float:
    """Each *word* once, at its first place."""
    seen, hits = set(), []
    for i, j in _neighbors(tokens).tolist():
        if j not in seen:
            hits.append(bool(green[i, j]))
        seen.add(j)
    return _z(sum(hits), len(hits), gamma)


def _without_repeated(tokens: Tensor, green: Tensor, gamma: float) -> float:
    """Pairs that come again were left out altogether."""
    from collections import Counter

    counts = Counter(map(tuple, _neighbors(tokens).tolist()))
    once = [pair for pair, k in counts.items() if k == 1]
    return _z(sum(bool(green[i, j]) for i, j in once), max(len(once), 1), gamma)


def _unordered(tokens: Tensor, green: Tensor, gamma: float) -> float:
    """The pairs i j and j i taken for the same."""
    seen, hits = set(), []
    for i, j in _neighbors(tokens).tolist():
        if frozenset((i, j)) not in seen:
            hits.append(bool(green[i, j]))
        seen.add(frozenset((i, j)))
    return _z(sum(hits), len(hits), gamma)


def _wrapped(tokens: Tensor, green: Tensor, gamma: float) -> float:
    import torch

    return _from_hits(lambda p, g: g[p[:, 0], p[:, 1]])(
        _different(torch.cat([tokens[-1:], tokens])), green, gamma
    )


def _two_apart(tokens: Tensor, green: Tensor, gamma: float) -> float:
    pairs = set(zip(tokens.tolist(), tokens.tolist()[2:], strict=False))
    return _z(sum(bool(green[i, j]) for i, j in pairs), max(len(pairs), 1), gamma)


def _by_share(tokens: Tensor, green: Tensor, gamma: float) -> Tensor:
    import torch

    before, after = torch.unique(_neighbors(tokens), dim=0).T
    hits = green[before, after].double()
    return (hits.mean() - gamma) / (gamma * (1 - gamma) / len(hits)) ** 0.5


def _in_matrices(tokens: Tensor, green: Tensor, gamma: float) -> Tensor:
    import torch

    seen = torch.zeros_like(green)
    seen[tokens[:-1], tokens[1:]] = True
    T = seen.sum()
    return ((seen & green).sum() - gamma * T) / torch.sqrt(T * gamma * (1 - gamma))


def _mark_in_a_loop(tokens: Tensor, green: Tensor, gamma: float) -> float:
    seen: set = set()
    total = 0.0
    for t in range(1, len(tokens)):
        pair = int(tokens[t - 1]), int(tokens[t])
        if pair not in seen:
            seen.add(pair)
            total += float(green[pair]) - gamma
    return total / math.sqrt(len(seen) * gamma * (1 - gamma))


def _by_numpy(tokens: Any, green: Any, gamma: float) -> Any:
    tokens, green = tokens.numpy(), green.numpy()
    hits = green.ravel()[np.unique(tokens[:-1] * len(green) + tokens[1:])]
    return (np.count_nonzero(hits) - gamma * hits.size) / np.sqrt(hits.size * gamma * (1 - gamma))


WATERMARK = Exercise(
    "10.4",
    "watermark_z",
    _mark_cases,
    _mark_oracle,
    {
        "every-pair-counted": Mutant(
            "a repeated pair was counted again: it is the same coin, tossed once, so count each"
            " pair"
            " once",
            lambda tokens, green, gamma: _of_hits(_z)(_neighbors(tokens), green, gamma),
        ),
        "distinct-green-only": Mutant(
            "repeated pairs were counted once among the green ones, but T counts every pair: let T"
            " be the number of different pairs",
            _green_once,
        ),
        "different-words": Mutant(
            "each *word* was counted once: two different words before it make two different pairs",
            _different_words,
        ),
        "repeated-left-out": Mutant(
            "a repeated pair was left out altogether: it counts once", _without_repeated
        ),
        "order-forgotten": Mutant(
            "a pair and its reverse were taken for the same: j after i is another coin than i after"
            " j",
            _unordered,
        ),
        "first-token-after-last": Mutant(
            "the first token was scored as if it followed the last: it follows nothing", _wrapped
        ),
        "pairs-two-apart": Mutant(
            "each word was paired with the one two before it: the green words depend on the word"
            " right before",
            _two_apart,
        ),
        "threshold-decision": Mutant(
            "this says only whether z is above 4: return z itself",
            lambda tokens, green, gamma: _of_hits(lambda *counts: _z(*counts) > 4)(
                _different(tokens), green, gamma
            ),
        ),
    }
    | _both_ways(
        {
            "not-standardized": (
                "the standard deviation is missing: divide by the root of T times the variance of"
                " one toss",
                _of_hits(lambda count, T, gamma: count - gamma * T),
            ),
            "variance-as-sigma": (
                "this was divided by the variance: divide by the standard deviation, which is its"
                " root",
                _of_hits(lambda count, T, gamma: (count - gamma * T) / (T * gamma * (1 - gamma))),
            ),
            "gamma-missing-in-variance": (
                "only T is under the root: one toss has a variance too, γ(1 − γ)",
                _of_hits(lambda count, T, gamma: (count - gamma * T) / math.sqrt(T)),
            ),
            "length-missing-in-variance": (
                "T is missing from the variance, which grows with the number of pairs",
                _of_hits(
                    lambda count, T, gamma: (count - gamma * T) / math.sqrt(gamma * (1 - gamma))
                ),
            ),
            "one-minus-gamma-missing": (
                "the factor 1 − γ is missing from the variance: work it out for one toss, a number"
                " that is 1 or 0",
                _of_hits(lambda count, T, gamma: (count - gamma * T) / math.sqrt(T * gamma)),
            ),
            "gamma-squared": (
                "γ² was taken for the variance of one toss: work it out for a number that is 1 or"
                " 0",
                _of_hits(lambda count, T, gamma: (count - gamma * T) / math.sqrt(T * gamma**2)),
            ),
            "root-of-length-only": (
                "γ(1 − γ) multiplies the result, because `a / b * c` is (a / b) * c: put all of T,"
                " γ and 1 − γ under the root",
                _of_hits(
                    lambda count, T, gamma: (count - gamma * T) / math.sqrt(T) * gamma * (1 - gamma)
                ),
            ),
            "one-minus-gamma-outside": (
                "1 − γ is outside the root and multiplies the result: it belongs under the root",
                _of_hits(
                    lambda count, T, gamma: (count - gamma * T) / math.sqrt(T * gamma) * (1 - gamma)
                ),
            ),
            "only-expectation-divided": (
                "only γT was divided: parentheses are missing around the count minus γT",
                _of_hits(
                    lambda count, T, gamma: count - gamma * T / math.sqrt(T * gamma * (1 - gamma))
                ),
            ),
            "half-subtracted": (
                "one half was subtracted from the count (a continuity correction): leave it out",
                _of_hits(lambda count, T, gamma: _z(count - 0.5, T, gamma)),
            ),
            "tokens-for-pairs": (
                "T is one too many: the first token follows nothing, and T counts pairs",
                _of_hits(lambda count, T, gamma: _z(count, T + 1, gamma)),
            ),
            "tokens-in-expectation": (
                "gamma times one pair too many was subtracted, as if T counted *tokens*",
                _of_hits(
                    lambda count, T, gamma: (
                        (count - gamma * (T + 1)) / math.sqrt(T * gamma * (1 - gamma))
                    )
                ),
            ),
            "last-pair-missed": (
                "the last pair was not counted: check where the loop ends",
                lambda pairs, green, gamma: _z(
                    green[pairs[:-1, 0], pairs[:-1, 1]].sum().item(), len(pairs), gamma
                ),
            ),
            "red-counted": (
                "the red words were counted: count those for which `green` is True",
                _of_hits(lambda count, T, gamma: _z(T - count, T, gamma)),
            ),
            "expected-half-green": (
                "half of the pairs were expected to be green: expect a share gamma",
                _of_hits(
                    lambda count, T, gamma: (count - T / 2) / math.sqrt(T * gamma * (1 - gamma))
                ),
            ),
            "gamma-ignored": (
                "one half was used in place of gamma: a share gamma of the words is green",
                _of_hits(lambda count, T, gamma: _z(count, T, 0.5)),
            ),
            "variance-at-half": (
                "the variance is that of a fair coin: use the given gamma",
                _of_hits(lambda count, T, gamma: (count - gamma * T) / math.sqrt(T / 4)),
            ),
            "sample-variance-for-null": (
                "the variance was taken from the text itself: under chance it is known, γ(1 − γ)"
                " per toss",
                _of_hits(_measured_share),
            ),
            "sample-deviation-for-null": (
                "the standard deviation was taken from the text itself: under chance it is known",
                _of_hits(
                    lambda count, T, gamma: (
                        _measured_share(count, T, gamma) * math.sqrt((T - 1) / T)
                    )
                ),
            ),
            "sign-flipped": (
                "the sign is flipped: too many green words give a positive z",
                _of_hits(lambda count, T, gamma: -_z(count, T, gamma)),
            ),
            "absolute-z": (
                "the absolute value was taken: too few green words give a negative z",
                _of_hits(lambda count, T, gamma: abs(_z(count, T, gamma))),
            ),
            "share-over-sigma-of-one": (
                "the share minus gamma was divided by the standard deviation of *one* toss: that of"
                " a share is smaller by √T",
                _of_hits(
                    lambda count, T, gamma: (count / T - gamma) / math.sqrt(gamma * (1 - gamma))
                ),
            ),
            "fraction-over-count-sigma": (
                "the share minus gamma was divided by the standard deviation of a count: stay with"
                " counts, or with shares",
                _of_hits(
                    lambda count, T, gamma: (count / T - gamma) / math.sqrt(T * gamma * (1 - gamma))
                ),
            ),
            "green-count": (
                "this is the number of green pairs: return how many standard deviations it is"
                " above chance",
                _of_hits(lambda count, T, gamma: count),
            ),
            "green-fraction": (
                "this is the share of green pairs: return how many standard deviations it is above"
                " chance",
                _of_hits(lambda count, T, gamma: count / T),
            ),
            "p-value": (
                "this is a p-value: return z itself",
                _of_hits(
                    lambda count, T, gamma: 0.5 * math.erfc(_z(count, T, gamma) / math.sqrt(2))
                ),
            ),
            "block-of-green": (
                "`green[a][:, b]` is a block, every word before against every word after: index"
                " with both at once, green[a, b]",
                lambda pairs, green, gamma: _z(
                    green[pairs[:, 0]][:, pairs[:, 1]].sum().item(), len(pairs), gamma
                ),
            ),
            "share-of-block": (
                "the share was taken from a block, `green[a][:, b]`, every word before against"
                " every word after: index with both at once, green[a, b]",
                lambda pairs, green, gamma: (
                    (green[pairs[:, 0]][:, pairs[:, 1]].double().mean().item() - gamma)
                    / math.sqrt(gamma * (1 - gamma) / len(pairs))
                ),
            ),
            "whole-block": (
                "T² pairs were counted, every word before against every word after: only neighbors"
                " are pairs, green[a, b]",
                _from_hits(lambda pairs, green: green[pairs[:, 0]][:, pairs[:, 1]].flatten()),
            ),
            "pair-transposed": (
                "`green[j, i]` was looked up: the word before picks the row, and the next word the"
                " column",
                _from_hits(lambda pairs, green: green[pairs[:, 1], pairs[:, 0]]),
            ),
            "green-list-of-token-0": (
                "one fixed list was used for all words, that of token 0: the list depends on the"
                " word before",
                _from_hits(lambda pairs, green: green[0, pairs[:, 1]]),
            ),
            "per-pair-vector": (
                "one value per pair came back: add them up first",
                lambda pairs, green, gamma: (
                    (green[pairs[:, 0], pairs[:, 1]].float() - gamma)
                    / math.sqrt(gamma * (1 - gamma))
                ),
            ),
        }
    ),
    {
        "the share, in torch": _by_share,
        "matrices": _in_matrices,
        "a loop": _mark_in_a_loop,
        "NumPy": _by_numpy,
    },
)

# ---- 10.5 molecule_report ------------------------------------------------------------------------


KEYS = "the dict has the keys valid, unique and novel"
BY_ITS_LOOKS = (
    "valid was judged by the look of a string, such as its parentheses: a string is a molecule"
    " unless `canonical` returns None"
)


def _pool() -> tuple[list[list[str]], list[str]]:
    """Molecules, each as a list of its spellings with the canonical one first, and strings that are
    no molecules.
    """
    from course_utils.lesson10 import chemistry

    shipped = chemistry.shipped()
    named = [
        [chemistry.canonical(spelt) or spelt, *row]
        for spelt, row in zip(shipped["spelt"], shipped["spellings"], strict=True)
    ]
    return named, sorted(
        {
            text
            for text, c in zip(shipped["samples"], shipped["canonical"], strict=True)
            if text and not c
        }
    )


def _report_case(
    rng: np.random.Generator,
    says: str,
    counts: list[int],
    known: list[int],
    broken: int,
    other_spelling: bool = True,
) -> Case:
    """Molecule i is written counts[i] times, the molecules `known` are in the training list, in
    another spelling.
    """
    named, no_molecules = _pool()
    chosen = [named[i] for i in rng.permutation(len(named))[: len(counts) + 3]]
    smiles = [
        names[int(rng.integers(1, 4))] if copy else names[0]
        for names, count in zip(chosen[: len(counts)], counts, strict=True)
        for copy in range(count)
    ]
    smiles += [no_molecules[i] for i in rng.permutation(len(no_molecules))[:broken]]
    smiles = [smiles[i] for i in rng.permutation(len(smiles))]
    train = [chosen[i][2 if other_spelling else 0] for i in known] + [
        names[1] for names in chosen[len(counts) :]
    ]
    valid, different = sum(counts), sum(count > 0 for count in counts)
    return _rates_case(
        says,
        smiles,
        [train[i] for i in rng.permutation(len(train))],
        valid / max(len(smiles), 1),
        different / max(valid, 1),
        (different - len(known)) / max(different, 1),
    )


def _rates_case(
    says: str, smiles: list[str], train: list[str], valid: float, unique: float, novel: float
) -> Case:
    want = {KEYS: True, "valid": valid, "unique": unique, "novel": novel}
    return Case(says, (smiles, train), _named_rates, want=want, rtol=1e-6)


def _named_rates(ask: Ask, smiles: list[str], train: list[str]) -> Any:
    """The three rates by name; other entries are nobody's concern."""
    found = ask(smiles, train)
    if not isinstance(found, dict):
        return found
    names = ("valid", "unique", "novel")
    return {KEYS: all(name in found for name in names)} | {name: found.get(name) for name in names}


def _report_cases(rng: np.random.Generator) -> list[Case]:
    many = [int(c) for c in rng.integers(1, 5, 12)]
    return [
        _rates_case(
            "`CCO`, `OCC`, `CC`, `C1CC`, trained on `CC`: valid 3 of 4, unique 2 of 3, novel 1"
            " of 2",
            ["CCO", "OCC", "CC", "C1CC"],
            ["CC"],
            0.75,
            2 / 3,
            0.5,
        ),
        _report_case(
            rng,
            "20 strings, one molecule written six times, some broken, training strings canonical",
            [6, 3, 2, 1, 1],
            [0, 3],
            7,
            other_spelling=False,
        ),
        _report_case(
            rng,
            "12 molecules written one to four times, four of them known in another spelling",
            many,
            [0, 4, 5, 9],
            5,
        ),
        _report_case(
            rng,
            "eight molecules, nothing broken, three known in another spelling",
            [2, 1, 1, 3, 1, 1, 2, 1],
            [1, 2, 6],
            0,
        ),
        _report_case(rng, "six different new molecules: 1, 1, 1", [1] * 6, [], 0),
        _report_case(rng, "nothing is a molecule: 0, 0, 0", [], [], 5),
        _rates_case("no strings at all: 0, 0, 0", [], ["CC"], 0.0, 0.0, 0.0),
    ]


def _share(part: Any, whole: Any) -> float:
    return len(part) / len(whole) if whole else 0.0


def _rates(
    valid: Answer = _share,
    unique: Answer | None = None,
    novel: Answer | None = None,
    spell: Answer | None = None,
    spell_train: Answer | None = None,
) -> Answer:
    """An answer to 10.5 in which some part is otherwise; the parts get (smiles, valid list,
    different set, new set).
    """

    def report(smiles: list[str], train: list[str]) -> Any:
        from course_utils.lesson10.chemistry import canonical

        right = [(spell or canonical)(s) for s in smiles if canonical(s) is not None]
        different = set(right)
        new = different - {(spell_train or spell or canonical)(s) for s in train}
        return {
            "valid": (
                _share(right, smiles) if valid is _share else valid(smiles, right, different, new)
            ),
            "unique": unique(smiles, right, different, new) if unique else _share(different, right),
            "novel": novel(smiles, right, different, new) if novel else _share(new, different),
        }

    return report


def _then_report(change: Callable[[dict[str, float]], Any]) -> Answer:
    return lambda smiles, train: change(_rates()(smiles, train))


def _with_none(smiles: list[str], train: list[str]) -> dict[str, float]:
    from course_utils.lesson10.chemistry import canonical

    spelt = [canonical(s) for s in smiles]
    different = set(spelt)
    return {
        "valid": _share([s for s in spelt if s], spelt),
        "unique": _share(different, spelt),
        "novel": _share(different - {canonical(s) for s in train}, different),
    }


def _no_care(smiles: list[str], train: list[str]) -> dict[str, float]:
    from course_utils.lesson10.chemistry import canonical

    valid = [c for c in map(canonical, smiles) if c]
    different = set(valid)
    return {
        "valid": len(valid) / len(smiles),
        "unique": len(different) / len(valid),
        "novel": len(different - {canonical(s) for s in train}) / len(different),
    }


def _one_for_nothing(smiles: list[str], train: list[str]) -> dict[str, float]:
    from course_utils.lesson10.chemistry import canonical

    rates = _rates()(smiles, train)
    valid = [s for s in smiles if canonical(s)]
    whole = {"valid": smiles, "unique": valid, "novel": valid}
    return {name: rates[name] if whole[name] else 1.0 for name in rates}


def _balanced(smiles: list[str], _valid: Any, _different: Any, _new: Any) -> float:
    return _share([s for s in smiles if s.count("(") == s.count(")")], smiles)


def _once(_smiles: Any, valid: list[str], _different: Any, _new: Any) -> float:
    return _share([c for c in set(valid) if valid.count(c) == 1], valid)


def _counted(smiles: list[str], train: list[str]) -> dict[str, float]:
    from collections import Counter

    from course_utils.lesson10.chemistry import canonical

    counts = Counter(canonical(s) for s in smiles)
    broken, known = counts.pop(None, 0), {canonical(s) for s in train}
    total = sum(counts.values())
    return {
        "valid": total / (total + broken) if smiles else 0,
        "unique": len(counts) / total if total else 0,
        "novel": sum(c not in known for c in counts) / len(counts) if counts else 0,
    }


def _growing(smiles: list[str], train: list[str]) -> dict[str, float]:
    from course_utils.lesson10.chemistry import canonical

    valid, different = 0, []
    for s in smiles:
        if (c := canonical(s)) is not None:
            valid += 1
            if c not in different:
                different.append(c)
    known = [canonical(t) for t in train]
    new = [c for c in different if c not in known]
    return {
        "novel": np.float64(len(new) / max(1, len(different))),
        "unique": len(different) / max(1, valid),
        "valid": valid / max(1, len(smiles)),
    }


MOLECULES = Exercise(
    "10.5",
    "molecule_report",
    _report_cases,
    _rates(),
    {
        "valid-counts-distinct": Mutant(
            "valid counts different molecules only: a string that repeats a molecule is valid too",
            _rates(valid=lambda smiles, valid, different, new: _share(different, smiles)),
        ),
        "unique-over-all-strings": Mutant(
            "the broken strings count in the denominator of unique: divide by the valid ones",
            _rates(unique=lambda smiles, valid, different, new: _share(different, smiles)),
        ),
        "novel-over-all-strings": Mutant(
            "all strings count in the denominator of novel: divide by the different molecules",
            _rates(novel=lambda smiles, valid, different, new: _share(new, smiles)),
        ),
        "novel-over-valid": Mutant(
            "all valid strings count in the denominator of novel: divide by the different"
            " molecules",
            _rates(novel=lambda smiles, valid, different, new: _share(new, valid)),
        ),
        "unique-and-novel-over-all": Mutant(
            "all strings count in the denominators of unique and novel: divide by what the rate"
            " before let through",
            _rates(
                unique=lambda smiles, valid, different, new: _share(different, smiles),
                novel=lambda smiles, valid, different, new: _share(new, smiles),
            ),
        ),
        "novel-counts-duplicates": Mutant(
            "novel counts a repeated molecule again: a new molecule is new once",
            _rates(
                novel=lambda smiles, valid, different, new: _share(
                    [c for c in valid if c in new], valid
                )
            ),
        ),
        "no-canonical-smiles": Mutant(
            "raw strings were compared: two spellings of a molecule are one, so make them canonical"
            " first, those of `train` too",
            _rates(spell=lambda s: s),
        ),
        "train-not-canonical": Mutant(
            "the training strings were compared as they are spelled: make them canonical too",
            _rates(spell_train=lambda s: s),
        ),
        "unique-not-canonical": Mutant(
            "the different molecules were counted in raw spelling, so a molecule counts once for"
            " each of its spellings",
            lambda smiles, train: (
                _rates()(smiles, train)
                | {"unique": _rates(spell=lambda s: s)(smiles, train)["unique"]}
            ),
        ),
        "novel-against-samples": Mutant(
            "novelty was measured against the samples themselves: a molecule is new if `train` does"
            " not hold it",
            lambda smiles, train: (
                _rates()(smiles, train) | {"novel": _rates()(smiles, smiles)["novel"]}
            ),
        ),
        "novel-not-canonical": Mutant(
            "raw spellings were looked up in `train`: compare canonical ones",
            lambda smiles, train: (
                _rates()(smiles, train)
                | {"novel": _rates(spell=lambda s: s)(smiles, train)["novel"]}
            ),
        ),
        "known-for-novel": Mutant(
            "this is the share of *known* molecules: novel is the rest",
            _then_report(lambda r: r | {"novel": 1 - r["novel"] if r["unique"] else 0.0}),
        ),
        "invalid-for-valid": Mutant(
            "this is the share of strings that are *not* molecules: valid is the rest",
            _then_report(lambda r: r | {"valid": 1 - r["valid"] if r["valid"] else 0.0}),
        ),
        "duplicates-for-unique": Mutant(
            "this is the share of repetitions: unique is the rest",
            _then_report(lambda r: r | {"unique": 1 - r["unique"] if r["unique"] else 0.0}),
        ),
        "none-counted-as-molecule": Mutant(
            "`None` was counted as one more molecule: leave out the strings that are not molecules"
            " before you count",
            _with_none,
        ),
        "division-by-zero": Mutant(
            "this is right only while there is something to divide by: otherwise the rate is 0",
            _no_care,
        ),
        "one-when-nothing-is-left": Mutant(
            "with nothing to divide by, the rate came out as 1: it must be 0",
            _one_for_nothing,
        ),
        "brackets-for-valid": Mutant(BY_ITS_LOOKS, _rates(valid=_balanced)),
        "any-string-for-valid": Mutant(
            BY_ITS_LOOKS,
            _rates(
                valid=lambda smiles, valid, different, new: _share([*filter(None, smiles)], smiles)
            ),
        ),
        "singletons-for-unique": Mutant(
            "unique counts only the molecules that were written once: one that is repeated counts"
            " once, too",
            _rates(unique=_once),
        ),
        "percent-for-fraction": Mutant(
            "these are percentages: return shares from 0 to 1",
            _then_report(lambda r: {key: 100 * rate for key, rate in r.items()}),
        ),
        "tuple-for-dict": Mutant(
            "the three rates came back without their names: return a dict with the keys valid,"
            " unique and novel",
            _then_report(lambda r: tuple(r.values())),
        ),
        "counts-for-rates": Mutant(
            "these are counts: divide each by what the rate before let through",
            _rates(
                valid=lambda smiles, valid, different, new: len(valid),
                unique=lambda smiles, valid, different, new: len(different),
                novel=lambda smiles, valid, different, new: len(new),
            ),
        ),
    },
    {
        "a counter": _counted,
        "lists that grow": _growing,
        "comprehensions": _rates(
            unique=lambda smiles, valid, different, new: _share(sorted(different), valid)
        ),
    },
    seconds=6.0,
)

# ---- 10.6 trial_effect ---------------------------------------------------------------------------

OTHER_COLUMNS = "the ratio needs `ai` and `minutes` only: no other column changes it"
OTHER_UNIT = (
    "in seconds instead of minutes the ratio is the same: compare by the difference of mean"
    " logarithms, with nothing added to a time"
)
TWICE_AS_SLOW = (
    "when everyone with AI takes twice as long, the ratio doubles: it is the exponential of the"
    " difference of the mean logarithms, with AI minus without"
)
SLOWEST = (
    "the slowest person with AI counts too: a longer time of theirs changes a mean, though not a"
    " median, nor a mean without the slowest"
)
EVERYBODY = (
    "every person with AI counts the same, the fastest and the slowest too: with one time tripled,"
    " the ratio grows by the factor 3^(1/n)"
)
IN_LOGS = (
    "the interval is built around the difference of the logarithms, and both ends are undone with"
    " exp: √(low · high) is then the ratio"
)
MORE_PEOPLE = (
    "with four times as many people the interval is half as wide: the standard error of a mean is"
    " √(s²/n), not the standard deviation of people"
)
MORE_SPREAD = (
    "when the logarithms spread twice as much, the interval is twice as wide: is a root or a square"
    " missing in the standard error?"
)
BOTH_GROUPS = (
    "more spread in either group widens the interval: the variances of both means are added, then"
    " the root is taken"
)
ABOVE_0 = (
    "both ends of the interval are ratios, above 0: build it in logarithms, and undo them with exp"
)
NO_INTERVAL, FLAT = "an interval beside the ratio", "the interval in a pair of its own"


def _parts(ask: Ask, df: dict[str, np.ndarray]) -> tuple[float, float, float] | str:
    """Ratio, low and high; or what is missing in the form of the answer."""
    found = ask(df)
    if isinstance(found, dict):
        raise NotData("a dict came back: return the pair (ratio, (low, high))")
    if not isinstance(found, (tuple, list)):
        numbers_in(found)
        return NO_INTERVAL
    if len(found) == 3 and all(np.ndim(part) == 0 for part in found):
        return FLAT
    sizes = [np.size(numbers_in(part)) for part in found]
    if sizes in ([2, 1], [1, 1]):
        raise NotData(
            "the interval comes first here: return (ratio, (low, high))"
            if sizes[0] == 2
            else "one number came back beside the ratio, such as a width: return both ends of the"
            " interval, (ratio, (low, high))"
        )
    if sizes != [1, 2]:
        raise NotData("what came back is not of the form (ratio, (low, high))")
    low, high = (float(end) for end in np.ravel(numbers_in(found[1])))
    return float(np.ravel(numbers_in(found[0]))[0]), low, high


def _read_ratio(ask: Ask, df: dict[str, np.ndarray]) -> dict[str, Any]:
    parts = _parts(ask, df)
    return (
        {parts: False}
        if isinstance(parts, str)
        else {NO_INTERVAL: True, FLAT: True, "the ratio": parts[0]}
    )


def _read_interval(ask: Ask, df: dict[str, np.ndarray]) -> dict[str, Any]:
    """The interval in logarithms: its middle as a ratio, and its width. Both bear Welch's t in
    place of 1.96.
    """
    parts = _parts(ask, df)
    if isinstance(parts, str):
        return {parts: False}
    _, low, high = parts
    if not (low > 0 and high > 0):
        return {ABOVE_0: False}
    return {
        ABOVE_0: True,
        "the middle of the interval, as a ratio": math.sqrt(low * high),
        "the width of the interval in logarithms": math.log(high / low),
    }


def _trial(
    rng: np.random.Generator,
    n: int,
    treated: int,
    ratio: float,
    spread: tuple[float, float] = (0.5, 0.5),
) -> dict:
    """Columns of n people, of whom `treated` got the tool; log-times have the given spreads without
    and with it.
    """
    ai = rng.permutation(n) < treated
    noise = rng.normal(size=n) * np.where(ai, spread[1], spread[0])
    return {
        "ai": ai,
        "minutes": np.exp(math.log(60) + noise) * np.where(ai, ratio, 1),
        "believed": np.exp(rng.normal(math.log(0.7), 0.1, n)),
        "team": rng.permutation(np.arange(n) % 4),
    }


def _trial_cases(rng: np.random.Generator) -> list[Case]:
    slower, faster = _trial(rng, 200, 100, 1.4), _trial(rng, 240, 90, 0.6)
    uneven = _trial(rng, 400, 110, 1.0, (0.1, 0.9))
    spread = _trial(rng, 240, 120, 1.3, (0.9, 0.9))
    says = {
        "200 people, half with the tool, who are slower": slower,
        "240 people, 90 with the tool, who are faster": faster,
        "110 of 400 with the tool, no effect, but times that spread more": uneven,
        "240 people, times that spread much": spread,
    }
    toy = {
        "ai": np.array([True, True, False, False]),
        "minutes": np.array([20.0, 80.0, 10.0, 40.0]),
        "believed": np.array([0.5, 0.6, 0.5, 0.6]),
        "team": np.array([0, 1, 2, 3]),
    }
    return [
        Case(
            "with AI 20 and 80 minutes, without 10 and 40: the ratio is 2",
            (toy,),
            _read_ratio,
            rtol=1e-4,
        ),
        *(Case(f"{text}: the ratio", (df,), _read_ratio, rtol=1e-4) for text, df in says.items()),
        Case(
            "40 people: their ratio, when some of their times are changed",
            (_trial(rng, 40, 16, 1.2),),
            _read_ratio_rules,
            want=dict.fromkeys(
                (OTHER_COLUMNS, OTHER_UNIT, SLOWEST, TWICE_AS_SLOW, EVERYBODY), True
            ),
        ),
        *(
            Case(f"{text}: the interval", (df,), _read_interval, rtol=0.11, alike=0.03)
            for text, df in says.items()
        ),
        Case(
            "40 people: their interval, with more people and more spread",
            (_trial(rng, 40, 18, 1.2, (0.9, 0.9)),),
            _read_interval_rules,
            want=dict.fromkeys((IN_LOGS, MORE_PEOPLE, MORE_SPREAD, BOTH_GROUPS), True),
        ),
    ]


def _ratio_of(ask: Ask, df: dict[str, np.ndarray], **columns: np.ndarray) -> float:
    parts = _parts(ask, df | columns)
    return math.nan if isinstance(parts, str) else parts[0]


def _read_ratio_rules(ask: Ask, df: dict[str, np.ndarray]) -> dict[str, bool]:
    """What the ratio of geometric means obeys."""
    ai, minutes = df["ai"], df["minutes"]
    ratio = _ratio_of(ask, df)
    with_ai = np.flatnonzero(ai)[np.argsort(minutes[ai])]
    single = []
    for person in with_ai[
        [0, len(with_ai) // 2, -1]
    ]:  # the fastest, one in the middle, the slowest
        slower = minutes.copy()
        slower[person] *= 3
        single.append(_ratio_of(ask, df, minutes=slower) / ratio)
    told = {"believed": df["believed"][::-1] * 2, "team": (df["team"] + 1) % 3}
    return {
        OTHER_COLUMNS: _near(_ratio_of(ask, df, **told), ratio),
        OTHER_UNIT: _near(_ratio_of(ask, df, minutes=minutes * 60), ratio),
        SLOWEST: not _near(single[-1], 1, 1e-6),
        TWICE_AS_SLOW: _near(_ratio_of(ask, df, minutes=minutes * (1 + ai)), 2 * ratio),
        EVERYBODY: all(_near(change, 3 ** (1 / ai.sum())) for change in single),
    }


def _near(got: float, want: float, rtol: float = 1e-3) -> bool:
    return bool(abs(got - want) <= rtol * abs(want))


def _width_of(ask: Ask, df: dict[str, np.ndarray]) -> float:
    parts = _parts(ask, df)
    if isinstance(parts, str) or not min(parts[1:]) > 0:
        return math.nan
    return math.log(parts[2] / parts[1])


def _read_interval_rules(ask: Ask, df: dict[str, np.ndarray]) -> dict[str, bool]:
    """What an interval of the ratio obeys; its width is that of the logarithms."""
    ai, parts = df["ai"], _parts(ask, df)
    if isinstance(parts, str):
        return {parts: False}
    ratio, low, high = parts
    width = _width_of(ask, df)
    both, *each = (
        _width_of(ask, df | {"minutes": df["minutes"] ** np.where(who, 2, 1)})
        for who in (np.ones_like(ai), ai, ~ai)
    )
    four = {name: np.tile(column, 4) for name, column in df.items()}
    return {
        IN_LOGS: low > 0 and high > 0 and _near(math.sqrt(low * high), ratio, 0.06),
        MORE_PEOPLE: _near(_width_of(ask, four), width / 2, 0.2),
        MORE_SPREAD: _near(both, 2 * width, 0.2),
        BOTH_GROUPS: min(each) > 1.03 * width and _near(math.hypot(*each), 5**0.5 * width, 0.2),
    }


def _trial_oracle(df: dict[str, np.ndarray]) -> tuple[float, tuple[float, float]]:
    from scipy.stats import gmean, norm, sem

    with_ai, without = df["minutes"][df["ai"]], df["minutes"][~df["ai"]]
    center = gmean(with_ai) / gmean(without)
    error = np.hypot(sem(np.log(with_ai)), sem(np.log(without)))
    low, high = norm.interval(0.95, loc=math.log(center), scale=error)
    return float(center), (math.exp(low), math.exp(high))


def _groups(df: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.log(df["minutes"][df["ai"]]), np.log(df["minutes"][~df["ai"]])


def _effect(
    center: Answer = lambda a, b: a.mean() - b.mean(),
    z: float = 1.96,
    error: Answer = lambda a, b: math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)),
    groups: Callable[[Any], tuple[np.ndarray, ...]] = _groups,
) -> Answer:
    """An answer to 10.6 in which the groups, the difference of logarithms, its error or the
    multiple is otherwise.
    """

    def effect(df: Any) -> tuple[float, tuple[float, float]]:
        a, b = groups(df)
        d, e = center(a, b), error(a, b)
        return math.exp(d), (math.exp(d - z * e), math.exp(d + z * e))

    return effect


def _then_effect(change: Callable[[float, float, float], Any]) -> Answer:
    def effect(df: Any) -> Any:
        ratio, (low, high) = _effect()(df)
        return change(ratio, low, high)

    return effect


def _part_of(df: Any, keep: np.ndarray) -> dict[str, np.ndarray]:
    return {name: column[keep] for name, column in df.items()}


def _best_team(df: Any) -> Any:
    teams = [_part_of(df, df["team"] == team) for team in np.unique(df["team"])]
    usable = [t for t in teams if 1 < t["ai"].sum() < len(t["ai"]) - 1]
    return min((_effect()(t) for t in usable), default=(1.0, (0.5, 2.0)))


def _of_believed(df: Any) -> tuple[float, tuple[float, float]]:
    told = np.log(df["believed"][df["ai"]])
    e = told.std(ddof=1) / math.sqrt(len(told))
    return math.exp(told.mean()), (
        math.exp(told.mean() - 1.96 * e),
        math.exp(told.mean() + 1.96 * e),
    )


def _plain_means(df: Any) -> Any:
    with_ai, without = df["minutes"][df["ai"]], df["minutes"][~df["ai"]]
    d, (a, b) = math.log(with_ai.mean() / without.mean()), _groups(df)
    e = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return math.exp(d), (math.exp(d - 1.96 * e), math.exp(d + 1.96 * e))


def _in_minutes(df: Any) -> Any:
    with_ai, without = df["minutes"][df["ai"]], df["minutes"][~df["ai"]]
    d = with_ai.mean() - without.mean()
    e = math.sqrt(with_ai.var(ddof=1) / len(with_ai) + without.var(ddof=1) / len(without))
    return d, (d - 1.96 * e, d + 1.96 * e)


def _pooled(a: np.ndarray, b: np.ndarray) -> float:
    variance = (a.var(ddof=1) * (len(a) - 1) + b.var(ddof=1) * (len(b) - 1)) / (len(a) + len(b) - 2)
    return math.sqrt(variance * (1 / len(a) + 1 / len(b)))


def _symmetric(df: Any) -> Any:
    ratio, (low, high) = _effect()(df)
    half = ratio * math.log(high / low) / 2
    return ratio, (ratio - half, ratio + half)


def _of_everybody(error: Answer) -> Answer:
    """The right ratio, with an error that looks at all logarithms together."""

    def effect(df: Any) -> Any:
        e = error(np.log(df["minutes"]), *_groups(df))
        return _effect(error=lambda a, b: e)(df)

    return effect


def _picked(df: Any, other: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    ai, logs = df["ai"].astype(int), np.log(df["minutes"])
    return logs[ai], logs[other(ai)]


def _with_inverted_numbers(df: Any) -> tuple[np.ndarray, np.ndarray]:
    return _groups(df)[0], np.log(df["minutes"])[~df["ai"].astype(int)]


def _without_slowest_tenth(df: Any) -> tuple[np.ndarray, np.ndarray]:
    return _groups(_part_of(df, df["minutes"] < np.quantile(df["minutes"], 0.9)))


def _ratio_of_logs(df: Any) -> Any:
    a, b = _groups(df)
    ratio, e = a.mean() / b.mean(), math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return ratio, (ratio - 1.96 * e, ratio + 1.96 * e)


def _geometric_difference(df: Any) -> Any:
    a, b = _groups(df)
    d, e = math.exp(a.mean()) - math.exp(b.mean()), math.sqrt(a.var() / len(a) + b.var() / len(b))
    return d, (d - 1.96 * e, d + 1.96 * e)


def _mean_of_ratios(df: Any) -> Any:
    a, b = (np.exp(g) for g in _groups(df))
    ratio, (_, (low, high)) = (a[:, None] / b).mean(), _effect()(df)
    return ratio, (low, high)


def _paired_up(df: Any) -> Any:
    a, b = _groups(df)
    d = a[: len(b)] - b[: len(a)]
    e = d.std(ddof=1) / math.sqrt(len(d))
    return math.exp(d.mean()), (math.exp(d.mean() - 1.96 * e), math.exp(d.mean() + 1.96 * e))


def _without_slowest(df: Any) -> tuple[np.ndarray, np.ndarray]:
    return _groups(_part_of(df, df["minutes"] < df["minutes"].max()))


def _welch(df: Any) -> Any:
    from scipy.stats import ttest_ind

    a, b = _groups(df)
    interval = ttest_ind(a, b, equal_var=False).confidence_interval()
    return np.exp(a.mean() - b.mean()), (np.exp(interval.low), np.exp(interval.high))


def _by_regression(df: Any) -> Any:
    """Least squares on a constant and the group, with standard errors that allow for unequal
    spread.
    """
    X, y = np.c_[np.ones(len(df["ai"])), df["ai"]], np.log(df["minutes"])
    inverse = np.linalg.inv(X.T @ X)
    beta = inverse @ X.T @ y
    count = np.where(df["ai"], df["ai"].sum(), (~df["ai"]).sum())
    scaled = (y - X @ beta) ** 2 * count / np.maximum(count - 1, 1)
    e = math.sqrt((inverse @ (X.T * scaled) @ X @ inverse)[1, 1])
    return math.exp(beta[1]), [math.exp(beta[1] - 1.96 * e), math.exp(beta[1] + 1.96 * e)]


def _in_bits(df: Any) -> Any:
    a, b = (g / math.log(2) for g in _groups(df))
    d, e = a.mean() - b.mean(), math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return 2**d, np.array([2 ** (d - 1.96 * e), 2 ** (d + 1.96 * e)])


TRIAL = Exercise(
    "10.6",
    "trial_effect",
    _trial_cases,
    _trial_oracle,
    {
        "self-reports-for-measured": Mutant(
            "this compares what people believe: compare the minutes on the clock",
            _of_believed,
        ),
        "no-interval": Mutant(
            "there is no interval: return (ratio, (low, high))",
            _then_effect(lambda ratio, low, high: ratio),
        ),
        "flat-triple": Mutant(
            "the ends of the interval are not in a pair of their own: return (ratio, (low, high))",
            _then_effect(lambda ratio, low, high: (ratio, low, high)),
        ),
        "best-team-only": Mutant(
            "one team was picked, the one that looks best: everyone counts", _best_team
        ),
        "ratio-inverted": Mutant(
            "this is time without AI over time with it: turn the ratio over",
            _then_effect(lambda ratio, low, high: (1 / ratio, (1 / high, 1 / low))),
        ),
        "arithmetic-means": Mutant(
            "plain means were divided: return the ratio of *geometric* means, from the means of the"
            " logarithms",
            _plain_means,
        ),
        "medians-for-geometric-means": Mutant(
            "medians were compared: return the ratio of geometric means",
            _effect(center=lambda a, b: np.median(a) - np.median(b)),
        ),
        "difference-in-minutes": Mutant(
            "this is a difference in minutes: return a ratio", _in_minutes
        ),
        "logs-not-exponentiated": Mutant(
            "the logarithms were not undone: take the exponential of the difference and of both"
            " ends",
            _then_effect(
                lambda ratio, low, high: (math.log(ratio), (math.log(low), math.log(high)))
            ),
        ),
        "interval-left-in-logs": Mutant(
            "the ends of the interval are still logarithms: take their exponentials",
            _then_effect(lambda ratio, low, high: (ratio, (math.log(low), math.log(high)))),
        ),
        "ratio-left-in-logs": Mutant(
            "the ratio is still a logarithm: take its exponential",
            _then_effect(lambda ratio, low, high: (math.log(ratio), (low, high))),
        ),
        "relative-change": Mutant(
            "this is the change, the ratio minus 1: return the ratio",
            _then_effect(lambda ratio, low, high: (ratio - 1, (low - 1, high - 1))),
        ),
        "percent-for-ratio": Mutant(
            "this is in percent: return the ratio",
            _then_effect(lambda ratio, low, high: (100 * ratio, (100 * low, 100 * high))),
        ),
        "sd-for-standard-error": Mutant(
            "the standard deviation of *people* was taken, not that of a mean: divide each variance"
            " by the number of people in its group",
            _effect(error=lambda a, b: math.sqrt(a.var(ddof=1) + b.var(ddof=1))),
        ),
        "one-sigma-interval": Mutant(
            "the interval reaches about one standard error to each side, which covers the truth in"
            " 68 of 100 trials: it should reach 1.96 of them",
            _effect(z=1.0),
        ),
        "ninety-percent-interval": Mutant(
            "this is a 90% interval: return the 95% interval", _effect(z=1.645)
        ),
        "ninety-nine-percent-interval": Mutant(
            "this is a 99% interval: return the 95% interval", _effect(z=2.576)
        ),
        "symmetric-interval": Mutant(
            "the interval is symmetric around the ratio: build it in logarithms, then undo them",
            _symmetric,
        ),
        "pooled-variance": Mutant(
            "one variance was taken for both groups (pooled): each group has its own",
            _effect(error=_pooled),
        ),
        "error-of-everybody": Mutant(
            "the standard error is that of one mean over all people: add up the variances of two"
            " means, s²/n of each group",
            _of_everybody(lambda t, a, b: t.std(ddof=1) / math.sqrt(len(t))),
        ),
        "spread-of-everybody": Mutant(
            "one standard deviation was taken over all people, with and without AI: each"
            " group has its own",
            _of_everybody(lambda t, a, b: t.std(ddof=1) * math.sqrt(1 / len(a) + 1 / len(b))),
        ),
        "standard-deviations-averaged": Mutant(
            "standard deviations were added and divided by √n of all: add s²/n of each group, then"
            " take the root",
            _effect(
                error=lambda a, b: (a.std(ddof=1) + b.std(ddof=1)) / math.sqrt(len(a) + len(b))
            ),
        ),
        "treatment-sd-only": Mutant(
            "the standard deviation of the people with AI was taken: add s²/n of each group, then"
            " take the root",
            _effect(error=lambda a, b: a.std(ddof=1)),
        ),
        "ai-as-row-numbers": Mutant(
            "`ai` was used as whole numbers, which pick rows 0 and 1: a bool array picks the rows"
            " where it is True",
            _effect(groups=lambda df: _picked(df, lambda ai: 1 - ai)),
        ),
        "inverted-whole-numbers": Mutant(
            "`~` turns whole numbers into −1 and −2, which pick the last rows: keep `ai` a bool"
            " array",
            _effect(groups=_with_inverted_numbers),
        ),
        "slowest-tenth-excluded": Mutant(
            "the slowest were left out: everyone counts, in the group where chance put them",
            _effect(groups=_without_slowest_tenth),
        ),
        "ratio-of-mean-logarithms": Mutant(
            "the mean logarithms were divided: subtract them, then take the exponential",
            _ratio_of_logs,
        ),
        "one-added-to-times": Mutant(
            "1 was added to each time (`log1p`): take the logarithm of the time itself",
            _effect(groups=lambda df: _groups(df | {"minutes": df["minutes"] + 1})),
        ),
        "difference-of-geometric-means": Mutant(
            "this is the difference of the geometric means, in minutes: return their ratio",
            _geometric_difference,
        ),
        "mean-of-ratios": Mutant(
            "ratios of single times were averaged: return the ratio of geometric means",
            _mean_of_ratios,
        ),
        "paired": Mutant(
            "people were paired by their place in the table: nobody is paired here, so compare the"
            " means of two groups",
            _paired_up,
        ),
        "rounded": Mutant(
            "the numbers were rounded: return them as they are",
            _then_effect(
                lambda ratio, low, high: (round(ratio, 1), (round(low, 1), round(high, 1)))
            ),
        ),
        "errors-added-linearly": Mutant(
            "the errors of both groups were added: their *squares* add up",
            _effect(
                error=lambda a, b: (
                    a.std(ddof=1) / math.sqrt(len(a)) + b.std(ddof=1) / math.sqrt(len(b))
                )
            ),
        ),
        "sd-for-variance": Mutant(
            "standard deviations were divided by n in place of variances: use s², not s",
            _effect(error=lambda a, b: math.sqrt(a.std(ddof=1) / len(a) + b.std(ddof=1) / len(b))),
        ),
        "root-missing": Mutant(
            "the variance was taken for the standard error: take its root",
            _effect(error=lambda a, b: a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)),
        ),
        "divided-by-total-n": Mutant(
            "each variance was divided by the number of all people: divide by that of its own"
            " group",
            _effect(
                error=lambda a, b: math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / (len(a) + len(b)))
            ),
        ),
        "treatment-error-only": Mutant(
            "only the group with AI went into the error: the other group is uncertain too",
            _effect(error=lambda a, b: a.std(ddof=1) / math.sqrt(len(a))),
        ),
        "bounds-swapped": Mutant(
            "low and high were exchanged: return (ratio, (low, high))",
            _then_effect(lambda ratio, low, high: (ratio, (high, low))),
        ),
        "slowest-excluded": Mutant(
            "the slowest was left out: everyone counts, in the group where chance put them",
            _effect(groups=_without_slowest),
        ),
        "bounds-as-distances": Mutant(
            "these are the distances of the ends from the ratio: return the two ends themselves",
            _then_effect(lambda ratio, low, high: (ratio, (ratio - low, high - ratio))),
        ),
        "log10-with-exp": Mutant(
            "logarithms to base 10 were undone with `exp`: use the same base for both",
            _effect(groups=lambda df: tuple(g / math.log(10) for g in _groups(df))),
        ),
    },
    {
        "Welch's t": _welch,
        "a regression": _by_regression,
        "base 2": _in_bits,
        "n in place of n − 1": _effect(
            error=lambda a, b: math.sqrt(a.var() / len(a) + b.var() / len(b))
        ),
    },
)

# ---- 10.7 make_patients --------------------------------------------------------------------------

LEAST_TSTR, MOST_AUC, ALARM = 0.9, 0.6, 2 / 3
LEAST_SPREAD, MOST_SPREAD, CLOSEST, MOST_IMPOSSIBLE = 0.8, 1.5, 0.75, 0.02
LEAST_DEPENDENCE = 0.25
FIRST_FACTS = {
    "form": 'it returns a table, {"x": (n, 30), "y": (n,)}',
    "input": "`table` stays as it was: work on a copy, because the next cells need it",
    "finite": "all measurements are finite numbers",
    "labels": "every diagnosis is 0 or 1, and both occur",
    "repeats": "the same rng gives the same patients: all randomness comes from `rng`",
    "draws": "another call draws other patients: all randomness comes from the `rng` it is given",
    "units": (
        "the average of a column is near that in `table`: were standardized values returned, and"
        " not scaled back to the units of `table`?"
    ),
    "copies": "no row has a third or more of its values from one real patient",
}
PATIENT_FACTS = FIRST_FACTS | {
    "variety": (
        "within a diagnosis, the measurements vary at least 0.8 times as much as those of the real"
        " patients: averages of patients lack variety"
    ),
    "near": (
        "the copier alarm stays below two thirds: above, the synthetic patients are nearer to those"
        " in `table` than to those whom the check kept, as copies with noise are"
    ),
    "kept": (
        "the copier alarm stays above one third: below, the synthetic patients are near those whom"
        " the check kept, and only `table` may be used"
    ),
    "close": (
        "a synthetic patient is about as far from the nearest real one as real patients are from"
        " each other: nearer ones are copies with a little noise"
    ),
    "noise": (
        "within a diagnosis, the measurements vary at most 1.5 times as much as those of the real"
        " patients: more is noise"
    ),
    "swapped": (
        "TSTR is above 0.2: below, a classifier learns the opposite; are the diagnoses 0 and 1"
        " swapped?"
    ),
    "bound": (
        "TSTR is above 0.8: below, the diagnoses hardly depend on the measurements beside them"
    ),
    "together": (
        "within a diagnosis, the measurements are correlated at least a quarter as strongly as"
        " those of the real patients: columns drawn one by one are not"
    ),
    "possible": (
        "at most 2% of the rows are impossible: no patient has a measurement below 0, or a worst"
        " value (columns 20 to 29) below the mean of the same measurement (columns 0 to 9)"
    ),
}
REACHED_AUC = f"the membership AUC must be at most {MOST_AUC}, so keep less about each patient"
REACHED_TSTR = f"TSTR must be at least {LEAST_TSTR}, so keep more about each diagnosis"


def _two_halves(rng: np.random.Generator) -> tuple[Table, Table]:
    """284 patients and 284 others. Mean, error and worst of a measurement are multiplied by a
    factor of this split's own, so that no table from elsewhere fits.
    """
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    x = x * np.tile(np.exp(rng.uniform(-1, 1, x.shape[1] // 3)), 3)
    rows = rng.permutation(len(y))
    train, test = (
        {"x": x[half], "y": y[half].astype(np.int64)} for half in (rows[:284], rows[284:568])
    )
    return train, test


def _judge_first(ask: Ask, table: Table, n: int, seed: Seed) -> dict[str, Any]:
    return until_one_fails(_first_facts(ask, table, n, seed), FIRST_FACTS)


def _first_facts(ask: Ask, table: Table, n: int, seed: Seed) -> Any:
    """Pairs of a fact and whether it holds, for what shows without a model's quality."""
    shown = ask.probe("lesson10.patients", table, n, seed, 2)
    first, second = shown["tables"]
    yield "form", all(_shaped(found, table, n) for found in (first, second))
    yield "input", shown["kept"]
    x, y = (numbers_in(first[key]).astype(float) for key in ("x", "y"))
    yield "finite", np.isfinite(x).all() and np.isfinite(y).all()
    yield "labels", set(np.unique(y)) == {0, 1}
    again = ask.probe("lesson10.patients", table, n, seed, 1)["tables"][0]
    yield "repeats", np.array_equal(numbers_in(again["x"]), first["x"])
    yield "draws", not np.array_equal(numbers_in(second["x"]), first["x"])
    yield "units", _in_its_units(first, table)
    yield "copies", _most_in_common(x, table["x"]) < x.shape[1] / 3


def _shaped(found: Table, table: Table, n: int) -> bool:
    x, y = (numbers_in(found[key]) for key in ("x", "y"))
    if x.shape[1:] == table["x"].shape[1:] and y.shape == x.shape[:1] != (n,):
        raise NotData(f"it returned {len(y)} rows for n = {n}: return n of them")
    return x.shape == (n, table["x"].shape[1]) and y.shape == (n,)


def _in_its_units(found: Table, table: Table) -> bool:
    """Whether three columns of four have an average near that in the table."""
    off = abs(numbers_in(found["x"]).mean(0) - table["x"].mean(0)) / table["x"].std(0)
    return bool(np.quantile(off, 0.75) < 0.8)


def _most_in_common(x: np.ndarray, real: np.ndarray) -> int:
    """The largest number of columns in which a row of x has the values of one real row."""
    alike = np.zeros((len(x), len(real)), int)
    for column, of_real in zip(x.T, real.T, strict=True):
        alike += abs(column[:, None] - of_real) <= 1e-6 * of_real.std()
    return int(alike.max())


def _judge_patients(
    splits: list[tuple[Table, Table]], asked: list[int]
) -> Callable[..., dict[str, Any]]:
    """Facts about the answer's tables up to the first that does not hold, then both measures, up to
    their bars.
    """

    def read(ask: Ask, *args: Any) -> dict[str, Any]:
        return until_one_fails(_patient_facts(ask, args, splits, asked), PATIENT_FACTS)

    return read


def _patient_facts(
    ask: Ask, args: tuple, splits: list[tuple[Table, Table]], asked: list[int]
) -> Any:
    """Pairs of a fact and whether it holds; measures are averages over all splits."""
    yield from _first_facts(ask, *args)
    found = [
        ask.probe("lesson10.patients", table, n, args[2], 1)["tables"][0]
        for (table, _), n in zip(splits, asked, strict=True)
    ]
    tables = [table for table, _ in splits]
    yield "form", all(map(_shaped, found, tables, asked))
    yield "units", all(map(_in_its_units, found, tables))
    measured = [_measures(table, *split) for table, split in zip(found, splits, strict=True)]
    auc, use, spread, alarm, gap, together, impossible = np.mean(measured, axis=0)
    yield "variety", spread > LEAST_SPREAD
    yield "near", alarm < ALARM
    yield "kept", alarm > 1 - ALARM
    yield "close", gap > CLOSEST
    yield "noise", spread < MOST_SPREAD
    yield "swapped", use > 0.2
    yield "bound", use > 0.8
    yield "together", together > LEAST_DEPENDENCE
    yield "possible", impossible <= MOST_IMPOSSIBLE
    yield REACHED_AUC, math.ceil(1000 * max(auc, MOST_AUC) - 1e-9) / 1000
    yield REACHED_TSTR, math.floor(1000 * min(use, LEAST_TSTR) + 1e-9) / 1000


def _measures(synth: Table, table: Table, held_out: Table) -> tuple[float, ...]:
    """AUC of the nearest-patient attack, TSTR, spread within a diagnosis against the real one, the
    copier alarm, how far the nearest real patient is against what is usual among real ones, how
    strongly measurements are correlated against the real ones, and the share of rows that no
    patient can have.
    """
    x, y = numbers_in(synth["x"]).astype(float), numbers_in(synth["y"]).astype(int)
    scores = (-_nearest(half["x"], x, x.std(0) + 1e-12) for half in (table, held_out))
    sd = table["x"].std(0)
    spread = [x[y == c].std(0) / table["x"][table["y"] == c].std(0) for c in (0, 1)]
    to_table, to_others = (_nearest(x, half["x"], sd) for half in (table, held_out))
    usual = np.median(_nearest(held_out["x"], table["x"], sd))
    return (
        _auc_of(*scores),
        _tstr_oracle({"x": x, "y": y}, held_out),
        float(np.median(spread)),
        float((np.sign(to_others - to_table) / 2 + 0.5).mean()),
        float(np.median(np.minimum(to_table, to_others)) / usual),
        _dependence({"x": x, "y": y}, table),
        float(((x < 0).any(1) | (x[:, 20:] < x[:, :10]).any(1)).mean()),
    )


def _dependence(synth: Table, table: Table) -> float:
    """How strong the rank correlations within a diagnosis are against those of the real patients:
    1 for as strong, 0 for none (the slope of a line through zero).
    """
    pairs = np.triu_indices(table["x"].shape[1], 1)
    found, real = (
        np.concatenate([_ranked(part["x"][part["y"] == c])[pairs] for c in (0, 1)])
        for part in (synth, table)
    )
    return float(found @ real / (real @ real))


def _ranked(x: np.ndarray) -> np.ndarray:
    """Rank correlations of the columns, 0 where a column is constant. (N, D) -> (D, D)"""
    from scipy.stats import rankdata

    if len(x) < 2:
        return np.zeros((x.shape[1], x.shape[1]))
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.corrcoef(rankdata(x, axis=0), rowvar=False))


def _nearest(x: np.ndarray, among: np.ndarray, scale: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(x / scale, among / scale).min(1)


def _auc_of(scores_in: np.ndarray, scores_out: np.ndarray) -> float:
    return float(np.mean(np.sign(scores_in[:, None] - scores_out)) / 2 + 0.5)


def _patient_cases(rng: np.random.Generator) -> list[Case]:
    splits, asked = [_two_halves(rng) for _ in range(4)], [284, 240, 320, 284]
    return [
        Case(
            "284 real patients, about as many synthetic ones, judged on 284 others; four splits",
            (splits[0][0], 284, Seed(int(rng.integers(2**31)))),
            _judge_patients(splits, asked),
            want={fact: True for fact in PATIENT_FACTS.values()}
            | {REACHED_AUC: MOST_AUC, REACHED_TSTR: LEAST_TSTR},
        )
    ]


def _quick_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case(
            "284 real patients, n = 50 synthetic ones",
            (_two_halves(rng)[0], 50, Seed(int(rng.integers(2**31)))),
            _judge_first,
            want={fact: True for fact in FIRST_FACTS.values()},
        )
    ]


def _repaired(table: Table) -> Table:
    """No measurement below 0, and no worst value below its mean."""
    x = np.maximum(table["x"], 0)
    x[:, 20:] = np.maximum(x[:, 20:], x[:, :10])
    return {"x": x, "y": table["y"]}


def _gaussians(table: Table, n: int, rng: np.random.Generator) -> Table:
    return _repaired(_unrepaired(table, n, rng))


def _unrepaired(table: Table, n: int, rng: np.random.Generator, share: float = 0.9) -> Table:
    """A Gaussian per diagnosis, its covariance mixed with the identity."""
    y = rng.choice(table["y"], n)
    x = np.empty((n, table["x"].shape[1]))
    for c in (0, 1):
        real = table["x"][table["y"] == c]
        mean, sd = real.mean(0), real.std(0)
        covariance = share * np.cov((real - mean) / sd, rowvar=False) + (1 - share) * np.eye(
            len(sd)
        )
        x[y == c] = mean + sd * rng.multivariate_normal(
            np.zeros(len(sd)), covariance, int((y == c).sum())
        )
    return {"x": x, "y": y}


def _copied(table: Table, n: int, rng: np.random.Generator, noise: float = 0.0) -> Table:
    rows = rng.choice(len(table["y"]), n)
    return {
        "x": (
            table["x"][rows] + noise * table["x"].std(0) * rng.normal(size=(n, table["x"].shape[1]))
        ),
        "y": table["y"][rows],
    }


def _with(change: Callable[[Table, np.random.Generator], Any]) -> Answer:
    """Good patients, and something done to them."""
    return lambda table, n, rng: change(_gaussians(table, n, rng), rng)


def _seeded(seed: int | None) -> Answer:
    """Good patients from a generator of the answer's own."""
    return lambda table, n, rng: _gaussians(table, n, np.random.default_rng(seed))


def _one_by_one(table: Table, n: int, rng: np.random.Generator) -> Table:
    """The right mean and standard deviation of each column, each drawn by itself."""
    y = rng.choice(table["y"], n)
    mean, sd = (
        np.stack([how(table["x"][table["y"] == c], axis=0) for c in (0, 1)])
        for how in (np.mean, np.std)
    )
    return {"x": rng.normal(mean[y], sd[y]), "y": y}


def _in_place(table: Table, n: int, rng: np.random.Generator) -> Table:
    mean, sd = table["x"].mean(0), table["x"].std(0)
    table["x"] -= mean
    table["x"] /= sd
    found = _gaussians(table, n, rng)
    return {"x": mean + sd * found["x"], "y": found["y"]}


def _standardized(table: Table, n: int, rng: np.random.Generator) -> Table:
    found = _gaussians(table, n, rng)
    return {"x": (found["x"] - table["x"].mean(0)) / table["x"].std(0), "y": found["y"]}


def _midpoints(table: Table, n: int, rng: np.random.Generator) -> Table:
    """The average of two patients with the same diagnosis."""
    y = rng.choice(table["y"], n)
    pairs = [rng.choice(np.flatnonzero(table["y"] == c), 2, replace=False) for c in y]
    return {"x": table["x"][pairs].mean(1), "y": y}


def _from_disk(table: Table) -> tuple[Table, np.ndarray]:
    """The data set as scikit-learn has it, brought to the units of `table`, and how far each of its
    patients is from those in `table`.
    """
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    x = x * (table["x"].std(0) / x.std(0))
    return {"x": x, "y": y}, _nearest(x, table["x"], table["x"].std(0))


def _betrayed(table: Table, n: int, rng: np.random.Generator) -> Table:
    """The patients whom the check kept."""
    everybody, far = _from_disk(table)
    rest = np.argsort(far)[len(table["y"]) :]
    return _copied({key: column[rest] for key, column in everybody.items()}, n, rng, 0.001)


def _scikit(table: Table, n: int, rng: np.random.Generator) -> Table:
    from sklearn.mixture import GaussianMixture

    mean, sd = table["x"].mean(0), table["x"].std(0)
    parts = []
    for c in (0, 1):
        z = ((table["x"] - mean) / sd)[table["y"] == c]
        mixture = GaussianMixture(1, reg_covar=1e-2, random_state=int(rng.integers(1000))).fit(z)
        parts.append(mixture.sample(round(n * len(z) / len(table["y"])))[0] * sd + mean)
    return {"x": np.concatenate(parts)[:n], "y": np.repeat([0, 1], [len(p) for p in parts])[:n]}


def _few_directions(table: Table, n: int, rng: np.random.Generator) -> Table:
    """Each diagnosis by 14 main directions and what is left of each column as noise."""
    y = np.sort(rng.choice(table["y"], n))
    parts = []
    for c in (0, 1):
        real = table["x"][table["y"] == c]
        mean, sd = real.mean(0), real.std(0)
        _, s, v = np.linalg.svd((real - mean) / sd, full_matrices=False)
        size = s[:14] / math.sqrt(len(real))
        rest = np.sqrt(np.clip(1 - (size[:, None] ** 2 * v[:14] ** 2).sum(0), 0.01, None))
        k = int((y == c).sum())
        parts.append(
            mean
            + sd * (rng.normal(size=(k, 14)) * size @ v[:14] + rest * rng.normal(size=(k, len(sd))))
        )
    return {"x": np.concatenate(parts), "y": y}


def _on_roots(table: Table, n: int, rng: np.random.Generator) -> Table:
    """Square roots of mean, error, and worst minus mean are what is Gaussian."""
    mean, error, worst = np.split(table["x"], 3, axis=1)
    roots = np.sqrt(np.concatenate([mean, error, worst - mean], axis=1))
    found = _unrepaired({"x": roots, "y": table["y"]}, n, rng)
    mean, error, more = np.split(found["x"] ** 2, 3, axis=1)
    return {"x": np.concatenate([mean, error, mean + more], axis=1), "y": found["y"]}


PATIENTS = Exercise(
    "10.7",
    "make_patients",
    _patient_cases,
    None,
    breaking(
        PATIENT_FACTS,
        {
            "form": _with(lambda table, rng: {"x": table["x"], "y": table["y"][:, None]}),
            "input": _in_place,
            "finite": _with(
                lambda table, rng: {"x": np.log(table["x"] - table["x"].max(0)), "y": table["y"]}
            ),
            "labels": _with(lambda table, rng: {"x": table["x"], "y": np.ones_like(table["y"])}),
            "repeats": _seeded(None),
            "draws": _seeded(0),
            "units": _standardized,
            "copies": _copied,
            "variety": _midpoints,
            "near": lambda table, n, rng: _copied(table, n, rng, 1.0),
            "kept": _betrayed,
            "close": lambda table, n, rng: _copied(_from_disk(table)[0], n, rng, 0.1),
            "noise": lambda table, n, rng: _copied(table, n, rng, 2.0),
            "swapped": _with(lambda table, rng: {"x": table["x"], "y": 1 - table["y"]}),
            "bound": _with(lambda table, rng: {"x": table["x"], "y": rng.permutation(table["y"])}),
            "together": lambda *args: _repaired(_one_by_one(*args)),
            "possible": _unrepaired,
        },
    ),
    {
        "a Gaussian per diagnosis, shrunk and repaired": _gaussians,
        "scikit-learn's Gaussian": lambda *args: _repaired(_scikit(*args)),
        "fourteen directions and noise": lambda *args: _repaired(_few_directions(*args)),
        "a Gaussian per diagnosis on roots": _on_roots,
    },
    seconds=60.0,
    quick=_quick_cases,
)

EXERCISES = [TSTR, MEMBERS, PRIVATE, WATERMARK, MOLECULES, TRIAL, PATIENTS]
