"""The exercises of lesson 10: synthetic patients, molecules, a membership attack, a watermark, a trial, a build task."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.checks.engine import Answer, Ask, Case, Exercise, NotData, Seed, Tensor, numbers_in

Table = dict[str, np.ndarray]

# ---- 10.1 tstr -------------------------------------------------------------------------------------------------------


def _patients(rng: np.random.Generator, n: int, gap: float = 1.2, shift: float = 0.0, columns: int = 4, sick: float = 0.5,
              scale: Any = 1.0) -> Table:
    """n patients, sick (1) ones higher by `gap` in every column; everybody is moved by `shift`, then stretched."""
    y = (rng.permutation(n) < round(sick * n)).astype(np.int64)
    x = rng.normal(size=(n, columns)) + gap * (y[:, None] - 0.5) + shift
    return {"x": x * scale, "y": y}


def _turned(table: Table) -> Table:
    return {"x": table["x"], "y": 1 - table["y"]}


def _tstr_cases(rng: np.random.Generator) -> list[Case]:
    close = {"rtol": 0.0, "atol": 0.012}
    tiny = np.array([1.0, 1.0, 1e-4, 1e-4])
    test = _patients(rng, 600)
    blind = _patients(rng, 400)
    blind["y"] = rng.permutation(blind["y"])
    return [
        Case("synthetic patients of the same kind as the real ones: about 0.88",
             (_patients(rng, 900), test), **close),
        Case("real patients who all measure higher by 1.5 than the synthetic ones: many are taken for sick",
             (_patients(rng, 900), _patients(rng, 600, shift=1.5)), **close),
        Case("synthetic patients whose diagnoses are turned round: nearly all wrong",
             (_turned(_patients(rng, 900)), _patients(rng, 600, gap=2)), **close),
        Case("synthetic patients much easier to tell apart than the real ones",
             (_patients(rng, 900, gap=4), _patients(rng, 600, gap=0.4)), rtol=0, atol=0.03),
        Case("one sick patient in ten among the real ones, and real patients who measure higher by 1",
             (_patients(rng, 900), _patients(rng, 600, sick=0.1, shift=1)), **close),
        Case("two columns in tiny units, the real patients higher by 1",
             (_patients(rng, 900, gap=1.6, scale=tiny), _patients(rng, 600, gap=1.6, shift=1, scale=tiny)), **close),
        Case("real patients whose two halves of columns are swapped in scale",
             (_patients(rng, 900, scale=np.array([1.0, 1.0, 5.0, 5.0])),
              _patients(rng, 600, scale=np.array([5.0, 5.0, 1.0, 1.0]))), rtol=0, atol=0.02),
    ]


def _fitted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights and offset of logistic regression with the usual penalty |w|²/2, by Newton's method. -> (D + 1,)"""
    x = np.c_[x, np.ones(len(x))]
    penalty, w = np.diag([1.0] * (x.shape[1] - 1) + [0.0]), np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        w = w - np.linalg.solve(x.T @ (x * (p * (1 - p) + 1e-9)[:, None]) + penalty, x.T @ (p - y) + penalty @ w)
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
        return float((_says(_fitted(seen, synth["y"]), scale(test["x"], which(synth, test))) == test["y"]).mean())
    return wrong


def _then_score(score: Callable[[np.ndarray, np.ndarray], Any]) -> Answer:
    """A right prediction of the test table, scored otherwise."""
    def wrong(synth: Table, test: Table) -> Any:
        mean, sd = synth["x"].mean(0), synth["x"].std(0)
        w = _fitted((synth["x"] - mean) / sd, synth["y"])
        return score(_says(w, (test["x"] - mean) / sd), test["y"])
    return wrong


def _both(synth: Table, test: Table) -> Table:
    return {key: np.concatenate([synth[key], test[key]]) for key in synth}


def _half_of(test: Table) -> tuple[Table, Table]:
    half = len(test["y"]) // 2
    return ({key: column[:half] for key, column in test.items()}, {key: column[half:] for key, column in test.items()})


def _scale_forgotten(synth: Table, test: Table) -> float:
    mean, sd = synth["x"].mean(0), synth["x"].std(0)
    return float((_says(_fitted((synth["x"] - mean) / sd, synth["y"]), test["x"]) == test["y"]).mean())


def _scored_raw(synth: Table, test: Table) -> float:
    return float((_says(_fitted(synth["x"], synth["y"]), test["x"]) == test["y"]).mean())


def _only_centred(synth: Table, test: Table) -> float:
    mean = synth["x"].mean(0)
    return float((_says(_fitted(synth["x"] - mean, synth["y"]), test["x"] - mean) == test["y"]).mean())


def _one_scale(synth: Table, test: Table) -> float:
    mean, sd = synth["x"].mean(), synth["x"].std()
    return float((_says(_fitted((synth["x"] - mean) / sd, synth["y"]), (test["x"] - mean) / sd) == test["y"]).mean())


def _recall(said: np.ndarray, y: np.ndarray, of: int) -> float:
    return float((said[y == of] == of).mean())


def _sklearn(synth: Table, test: Table) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(synth["x"], synth["y"]).score(test["x"], test["y"])


def _weak_penalty(synth: Table, test: Table) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score
    mean, sd = synth["x"].mean(0), synth["x"].std(0, ddof=1)
    model = LogisticRegression(C=100, solver="newton-cholesky").fit((synth["x"] - mean) / sd, synth["y"])
    return accuracy_score(test["y"], model.predict((test["x"] - mean) / sd))


def _by_torch(synth: Table, test: Table) -> Any:
    import torch
    x, mean, sd = torch.tensor(synth["x"]), torch.tensor(synth["x"].mean(0)), torch.tensor(synth["x"].std(0))
    w = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=60)

    def loss() -> Any:
        optimizer.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(((x - mean) / sd) @ w[:-1] + w[-1],
                                                                     torch.tensor(synth["y"]).double())
        value.backward()
        return value
    with torch.enable_grad():
        optimizer.step(loss)
    says = (((torch.tensor(test["x"]) - mean) / sd) @ w[:-1] + w[-1] > 0).long()
    return (says == torch.tensor(test["y"])).double().mean()


TSTR = Exercise("10.1", "tstr", _tstr_cases, _tstr_oracle, {
    "the scaler was fitted on the test table: only the synthetic patients may be seen before the examination":
        _scaled_by(lambda synth, test: test["x"]),
    "each table was scaled by its own mean and spread: the real patients must pass through the scaler fitted on the synthetic ones":
        _scaled_by(lambda synth, test: test["x"], own=True),
    "the scaler was fitted on both tables together: only the synthetic patients may be seen before the examination":
        _scaled_by(lambda synth, test: _both(synth, test)["x"]),
    "this is trained on real and tested on synthetic: the two tables have changed places":
        lambda synth, test: _tstr_oracle(test, synth),
    "this was trained on the real patients and tested on the same: the synthetic ones are to be the only teachers":
        lambda synth, test: _tstr_oracle(test, test),
    "this was scored on the synthetic patients: the examination is on the real ones":
        lambda synth, test: _tstr_oracle(synth, synth),
    "this was trained on one half of the real patients and tested on the other: the synthetic ones are to be the teachers":
        lambda synth, test: _tstr_oracle(*_half_of(test)),
    "this was trained on both tables together: the real patients are for the examination only":
        lambda synth, test: _tstr_oracle(_both(synth, test), test),
    "this was scored on both tables together: the examination is on the real patients only":
        lambda synth, test: _tstr_oracle(synth, _both(synth, test)),
    "the test patients were not scaled, but the classifier was trained on scaled ones: send both through the same scaler":
        _scale_forgotten,
    "the columns were not standardised: a column in tiny units then counts for nothing":
        _scored_raw,
    "the columns were centred but not divided by their spread: a column in tiny units then counts for nothing":
        _only_centred,
    "one mean and one spread were taken for the whole table: every column has its own":
        _one_scale,
    "this is the share of wrong diagnoses: the share of right ones is asked for":
        _then_score(lambda said, y: float((said != y).mean())),
    "this is in percent: a share from 0 to 1 is asked for":
        _then_score(lambda said, y: 100 * float((said == y).mean())),
    "this is how many were right: divide by the number of real patients":
        _then_score(lambda said, y: int((said == y).sum())),
    "these are the diagnoses themselves: the share that is right is asked for":
        _then_score(lambda said, y: said),
    "these are right or wrong for every patient: their mean is asked for":
        _then_score(lambda said, y: said == y),
    "this is the accuracy of both classes averaged (balanced): every patient counts the same here":
        _then_score(lambda said, y: (_recall(said, y, 0) + _recall(said, y, 1)) / 2),
    "this is the share found among patients of class 1 (recall): all patients count":
        _then_score(lambda said, y: _recall(said, y, 1)),
    "this is the share found among patients of class 0: all patients count":
        _then_score(lambda said, y: _recall(said, y, 0)),
    "this is the share that is called class 1: it has to be compared with the true diagnoses":
        _then_score(lambda said, y: float(said.mean())),
    "this always says the most frequent diagnosis: no classifier was asked":
        lambda synth, test: float(max(np.bincount(test["y"])) / len(test["y"])),
    "the better of the score and its opposite came back: a TSTR below ½ is a finding, leave it":
        _then_score(lambda said, y: max(float((said == y).mean()), float((said != y).mean()))),
}, {
    "a pipeline": _sklearn,
    "a weak penalty, ddof 1": _weak_penalty,
    "gradient descent in torch, no penalty": _by_torch,
}, seconds=4.0)

# ---- 10.3 membership_auc ---------------------------------------------------------------------------------------------


def _scores(rng: np.random.Generator, n: int, m: int, lift: float, ties: bool = False) -> tuple[Tensor, Tensor]:
    a, b = rng.normal(lift, 1, n), rng.normal(0, 1, m)
    if ties:
        a, b = np.round(a), np.round(b)
    return Tensor(a), Tensor(b)


def _auc_cases(rng: np.random.Generator) -> list[Case]:
    close = {"rtol": 1e-5, "atol": 1e-5}
    lots = _scores(rng, 30, 50, -0.8)
    return [
        Case("in (3, 1) and out (2, 1, 0): 4.5 of 6 pairs, 0.75",
             (Tensor(np.array([3.0, 1.0])), Tensor(np.array([2.0, 1.0, 0.0]))), **close),
        Case("40 in and 25 out, a little higher in", _scores(rng, 40, 25, 0.7), **close),
        Case("30 in and 50 out, lower in: below ½", lots, **close),
        Case("35 in and 60 out in whole numbers, so with many ties", _scores(rng, 35, 60, 0.8, ties=True), **close),
        Case("all scores equal: ½", (Tensor(np.full(4, 2.0)), Tensor(np.full(3, 2.0))), **close),
        Case("every score in above every score out: 1", (Tensor(np.array([5.0, 6.0])), Tensor(np.array([-1.0, 0.5, 4.0]))), **close),
        Case("negative scores, such as minus a distance",
             (Tensor(-rng.exponential(1, 20)), Tensor(-rng.exponential(2, 33))), **close),
        Case("scores far below any common offset", (Tensor(rng.normal(-900, 3, 12)), Tensor(rng.normal(-902, 3, 9))), **close),
        Case("one in, four out", _scores(rng, 1, 4, 0.2), **close),
    ]


def _auc_oracle(scores_in: Any, scores_out: Any) -> float:
    from scipy.stats import mannwhitneyu
    u = mannwhitneyu(scores_in.numpy(), scores_out.numpy(), alternative="two-sided", method="asymptotic").statistic
    return float(u) / (len(scores_in) * len(scores_out))


def _pairs(count: Callable[[Any], Any]) -> Answer:
    return lambda scores_in, scores_out: count(scores_in[:, None] - scores_out[None, :])


def _wins(d: Any) -> Any:
    return (d > 0).float() + 0.5 * (d == 0).float()


def _accuracy_at(threshold: Callable[[Any, Any], Any]) -> Answer:
    def wrong(scores_in: Any, scores_out: Any) -> float:
        cut = threshold(scores_in, scores_out)
        right = (scores_in > cut).sum() + (scores_out <= cut).sum()
        return float(right) / (len(scores_in) + len(scores_out))
    return wrong


def _together(scores_in: Any, scores_out: Any) -> Any:
    import torch
    return torch.cat([scores_in, scores_out])


def _best_accuracy(scores_in: Any, scores_out: Any) -> float:
    return max(_accuracy_at(lambda a, b, cut=cut: cut)(scores_in, scores_out) for cut in _together(scores_in, scores_out))


def _matched(scores_in: Any, scores_out: Any) -> float:
    n = min(len(scores_in), len(scores_out))
    return _wins(scores_in[:n] - scores_out[:n]).mean().item()


def _plain_ranks(scores_in: Any, scores_out: Any) -> float:
    rank = _together(scores_in, scores_out).argsort(stable=True).argsort(stable=True) + 1
    n, m = len(scores_in), len(scores_out)
    return ((rank[:n].sum() - n * (n + 1) / 2) / (n * m)).item()


def _rank_sum(scores_in: Any, scores_out: Any) -> float:
    from scipy.stats import rankdata
    n, m = len(scores_in), len(scores_out)
    return float(rankdata(_together(scores_in, scores_out))[:n].sum() / (n * m))


def _rank_auc(scores_in: Any, scores_out: Any) -> float:
    from scipy.stats import rankdata
    n, m = len(scores_in), len(scores_out)
    return float((rankdata(_together(scores_in, scores_out))[:n].sum() - n * (n + 1) / 2) / (n * m))


def _roc(scores_in: Any, scores_out: Any) -> Any:
    from sklearn.metrics import roc_auc_score
    return roc_auc_score([1] * len(scores_in) + [0] * len(scores_out), _together(scores_in, scores_out))


def _in_a_loop(scores_in: Any, scores_out: Any) -> float:
    won = 0.0
    for a in scores_in.tolist():
        for b in scores_out.tolist():
            won += 1.0 if a > b else 0.5 if a == b else 0.0
    return won / (len(scores_in) * len(scores_out))


def _sorted_and_searched(scores_in: Any, scores_out: Any) -> float:
    out = np.sort(scores_out.numpy())
    below, up_to = np.searchsorted(out, scores_in.numpy()), np.searchsorted(out, scores_in.numpy(), side="right")
    return float((below + up_to).sum() / (2 * len(out) * len(scores_in)))


def _caught_at_no_false_alarm(scores_in: Any, scores_out: Any) -> float:
    return (scores_in > scores_out.max()).float().mean().item()


def _kolmogorov(scores_in: Any, scores_out: Any) -> float:
    from scipy.stats import ks_2samp
    return float(ks_2samp(scores_in.numpy(), scores_out.numpy(), method="asymp").statistic)


def _p_value(scores_in: Any, scores_out: Any) -> float:
    from scipy.stats import mannwhitneyu
    return float(mannwhitneyu(scores_in.numpy(), scores_out.numpy(), method="asymptotic").pvalue)


MEMBERSHIP = Exercise("10.3", "membership_auc", _auc_cases, _auc_oracle, {
    "reversed: this is the share of pairs in which the one who was *out* scores higher":
        lambda a, b: 1 - _auc_oracle(a, b),
    "ties were forgotten: a pair with equal scores counts one half":
        _pairs(lambda d: (d > 0).float().mean().item()),
    "ties count as won here: a pair with equal scores counts one half":
        _pairs(lambda d: (d >= 0).float().mean().item()),
    "the tied pairs were left out of the count: each is one half won":
        _pairs(lambda d: ((d > 0).sum() / (d != 0).sum().clamp(min=1)).item()),
    "reversed, and ties were forgotten: count the pairs in which the one who was in scores higher, and half of the ties":
        _pairs(lambda d: (d < 0).float().mean().item()),
    "turned to the better side of ½: an attack that errs in most pairs lies below ½, and that is a finding":
        lambda a, b: max(_auc_oracle(a, b), 1 - _auc_oracle(a, b)),
    "this is how far the AUC lies from ½, doubled (the Gini coefficient): the AUC itself is asked for":
        lambda a, b: 2 * _auc_oracle(a, b) - 1,
    "this is the accuracy with the median of all scores as threshold: the AUC needs no threshold, compare all pairs":
        _accuracy_at(lambda a, b: _together(a, b).median()),
    "this is the accuracy with the mean of all scores as threshold: the AUC needs no threshold, compare all pairs":
        _accuracy_at(lambda a, b: _together(a, b).mean()),
    "this is the accuracy with 0 as threshold: the AUC needs no threshold, compare all pairs":
        _accuracy_at(lambda a, b: 0.0),
    "this is the accuracy with ½ as threshold: scores are no probabilities, and the AUC needs no threshold":
        _accuracy_at(lambda a, b: 0.5),
    "this is the accuracy at the best threshold: the AUC needs no threshold, compare all pairs":
        _best_accuracy,
    "each score was compared with one other only, the one at the same place: compare each with each":
        _matched,
    "only the averages were compared: compare each with each":
        lambda a, b: float(a.mean() > b.mean()),
    "the scores in were compared with the average of those out: compare each with each":
        lambda a, b: _wins(a - b.mean()).mean().item(),
    "the scores in were compared with the middle one of those out: compare each with each":
        lambda a, b: _wins(a - b.median()).mean().item(),
    "this is the difference of the averages: the share of pairs won is asked for":
        lambda a, b: (a.mean() - b.mean()).item(),
    "this is the average difference over its spread: the share of pairs won is asked for":
        lambda a, b: ((a.mean() - b.mean()) / _together(a, b).std()).item(),
    "these are the pairs won, counted: divide by the number of pairs":
        _pairs(lambda d: _wins(d).sum().item()),
    "this is the share won of each one who was in: one number, over all pairs, is asked for":
        _pairs(lambda d: _wins(d).mean(1)),
    "this is the share lost by each one who was out: one number, over all pairs, is asked for":
        _pairs(lambda d: _wins(d).mean(0)),
    "this is the table of all pairs: their mean is asked for":
        _pairs(_wins),
    "divided by the square of the number in: the number of pairs is that in times that out":
        lambda a, b: _wins(a[:, None] - b).sum().item() / len(a) ** 2,
    "divided by the sum of both numbers: the number of pairs is their product":
        lambda a, b: _wins(a[:, None] - b).sum().item() / (len(a) + len(b)),
    "equal scores got different ranks, by their place in the list: equal scores share the average rank":
        _plain_ranks,
    "the sum of ranks was divided, but the smallest sum possible, n(n + 1)/2, was not subtracted first":
        _rank_sum,
    "a sigmoid of the differences was averaged: a pair is won, tied or lost, 1, ½ or 0":
        _pairs(lambda d: d.sigmoid().mean().item()),
    "this is the share of those in who score above everybody out: compare each with each":
        _caught_at_no_false_alarm,
    "this is the largest gap between the two distributions (Kolmogorov–Smirnov): the share of pairs won is asked for":
        _kolmogorov,
    "this is a p-value: how *sure* one is of a difference, not how large the share of pairs won is":
        _p_value,
    "this is in percent: a share from 0 to 1 is asked for":
        lambda a, b: 100 * _auc_oracle(a, b),
    "this only says whether the attack works: the share of pairs won is asked for":
        lambda a, b: _auc_oracle(a, b) > 0.5,
}, {
    "average ranks": _rank_auc,
    "scikit-learn": _roc,
    "a loop over pairs": _in_a_loop,
    "sorted and searched": _sorted_and_searched,
    "signs, in float64": lambda a, b: (1 + (a.double()[:, None] - b.double()).sign()).mean() / 2,
})

# ---- 10.4 watermark_z ------------------------------------------------------------------------------------------------


def _text(rng: np.random.Generator, V: int, T: int, gamma: float, bonus: float = 0.0) -> tuple[Tensor, Tensor, float]:
    """T + 1 words of V, green after the one before with more than chance if there is a bonus."""
    green = rng.random((V, V)) < gamma
    tokens = [int(rng.integers(V))]
    for _ in range(T):
        p = np.exp(bonus * green[tokens[-1]])
        tokens.append(int(rng.choice(V, p=p / p.sum())))
    return Tensor(np.array(tokens)), Tensor(green), gamma


def _mark_cases(rng: np.random.Generator) -> list[Case]:
    close = {"rtol": 1e-4, "atol": 1e-4}
    only = np.array([[False, True], [False, False]])
    marked = _text(rng, 12, 60, 0.5, 2.0)
    return [
        Case("tokens (0, 1, 0, 0, 1), green is only 1 after 0, gamma ½: two of four pairs, z = 0",
             (Tensor(np.array([0, 1, 0, 0, 1])), Tensor(only), 0.5), **close),
        Case("the same with gamma ¼: z = 1.155", (Tensor(np.array([0, 1, 0, 0, 1])), Tensor(only), 0.25), **close),
        Case("a marked text of 61 words, gamma ½", marked, **close),
        Case("an unmarked text of 100 words, gamma ½", _text(rng, 15, 99, 0.5), **close),
        Case("a marked text of 81 words, gamma ¼", _text(rng, 20, 80, 0.25, 1.5), **close),
        Case("a text of 41 words that avoids green ones, gamma 0.7: below 0", _text(rng, 9, 40, 0.7, -1.5), **close),
        Case("every pair green: 16 pairs, gamma ½, z = 4",
             (Tensor(rng.integers(0, 5, 17)), Tensor(np.ones((5, 5), bool)), 0.5), **close),
        Case("no pair green, gamma 0.2", (Tensor(rng.integers(0, 5, 26)), Tensor(np.zeros((5, 5), bool)), 0.2), **close),
    ]


def _mark_oracle(tokens: Any, green: Any, gamma: float) -> float:
    from scipy.stats import binom
    pairs = list(zip(tokens.tolist(), tokens.tolist()[1:]))
    count = sum(bool(green[i, j]) for i, j in pairs)
    chance = binom(len(pairs), gamma)
    return (count - chance.mean()) / chance.std()


def _hits(tokens: Any, green: Any) -> Any:
    return green[tokens[:-1], tokens[1:]].float()


def _of_hits(z: Callable[[float, int, float], Any]) -> Answer:
    """Another formula in the number of green words, of pairs, and gamma."""
    return lambda tokens, green, gamma: z(_hits(tokens, green).sum().item(), len(tokens) - 1, gamma)


def _z(count: float, T: int, gamma: float) -> float:
    return (count - gamma * T) / math.sqrt(T * gamma * (1 - gamma))


def _from_hits(hits: Callable[[Any, Any], Any]) -> Answer:
    """The right formula on other hits."""
    def wrong(tokens: Any, green: Any, gamma: float) -> float:
        found = hits(tokens, green).float()
        return _z(found.sum().item(), len(found), gamma)
    return wrong


def _with_first(tokens: Any, green: Any, gamma: float) -> float:
    """The first token is scored against token 0, as if it followed it."""
    import torch
    before = torch.cat([tokens.new_zeros(1), tokens[:-1]])
    return _z(green[before, tokens].sum().item(), len(tokens), gamma)


def _wrapped(tokens: Any, green: Any) -> Any:
    return green[tokens.roll(1), tokens]


def _distinct_pairs(tokens: Any, green: Any) -> Any:
    pairs = sorted(set(zip(tokens.tolist(), tokens.tolist()[1:])))
    import torch
    return torch.stack([green[i, j] for i, j in pairs])


def _measured_share(count: float, T: int, gamma: float) -> float:
    spread = math.sqrt(max(count / T * (1 - count / T), 1e-9) * T)
    return (count - gamma * T) / spread


def _by_share(tokens: Any, green: Any, gamma: float) -> Any:
    hits = _hits(tokens, green)
    return (hits.mean() - gamma) / (gamma * (1 - gamma) / len(hits)) ** 0.5


def _one_hot(tokens: Any, green: Any, gamma: float) -> Any:
    import torch
    words = torch.nn.functional.one_hot(tokens, len(green)).double()
    count = ((words[:-1] @ green.double()) * words[1:]).sum()
    T = len(tokens) - 1
    return (count - gamma * T) / math.sqrt(T * gamma * (1 - gamma))


def _mark_in_a_loop(tokens: Any, green: Any, gamma: float) -> float:
    total = sum((float(green[tokens[t - 1], tokens[t]]) - gamma) for t in range(1, len(tokens)))
    return total / math.sqrt((len(tokens) - 1) * gamma * (1 - gamma))


def _by_numpy(tokens: Any, green: Any, gamma: float) -> Any:
    tokens, green = tokens.numpy(), green.numpy()
    hits = green[tokens[:-1], tokens[1:]]
    return (np.count_nonzero(hits) - gamma * hits.size) / np.sqrt(hits.size * gamma * (1 - gamma))


WATERMARK = Exercise("10.4", "watermark_z", _mark_cases, _mark_oracle, {
    "the variance is missing: divide by the standard deviation, √(Tγ(1 − γ))":
        _of_hits(lambda count, T, gamma: count - gamma * T),
    "divided by the variance: the standard deviation is its root":
        _of_hits(lambda count, T, gamma: (count - gamma * T) / (T * gamma * (1 - gamma))),
    "the root is taken of T alone: γ(1 − γ) belongs to the variance too":
        _of_hits(lambda count, T, gamma: (count - gamma * T) / math.sqrt(T)),
    "T is missing in the variance: it grows with the length of the text":
        _of_hits(lambda count, T, gamma: (count - gamma * T) / math.sqrt(gamma * (1 - gamma))),
    "the factor 1 − γ is missing in the variance":
        _of_hits(lambda count, T, gamma: (count - gamma * T) / math.sqrt(T * gamma)),
    "the factor γ is missing in the variance":
        _of_hits(lambda count, T, gamma: (count - gamma * T) / math.sqrt(T * (1 - gamma))),
    "half of the words were expected to be green: a share gamma is":
        _of_hits(lambda count, T, gamma: (count - T / 2) / math.sqrt(T * gamma * (1 - gamma))),
    "gamma was taken for ½ throughout: it is given":
        _of_hits(lambda count, T, gamma: _z(count, T, 0.5)),
    "green and red have changed places in gamma: gamma is the share that is green":
        _of_hits(lambda count, T, gamma: (count - (1 - gamma) * T) / math.sqrt(T * gamma * (1 - gamma))),
    "the sign is turned: too many green words give a positive z":
        _of_hits(lambda count, T, gamma: -_z(count, T, gamma)),
    "the absolute value was taken: too few green words give a negative z":
        _of_hits(lambda count, T, gamma: abs(_z(count, T, gamma))),
    "the spread was taken from the text itself: under chance it is γ(1 − γ), and known":
        _of_hits(_measured_share),
    "this is the number of green words: how far it is from chance is asked for":
        _of_hits(lambda count, T, gamma: count),
    "this is the share of green words: how far it is from chance is asked for":
        _of_hits(lambda count, T, gamma: count / T),
    "this is the share of green words minus gamma: divide by its standard deviation, √(γ(1 − γ)/T)":
        _of_hits(lambda count, T, gamma: count / T - gamma),
    "the share minus gamma was divided by the spread of a count: stay with counts, or with shares":
        _of_hits(lambda count, T, gamma: (count / T - gamma) / math.sqrt(T * gamma * (1 - gamma))),
    "this only says whether z is above 4: z itself is asked for":
        _of_hits(lambda count, T, gamma: _z(count, T, gamma) > 4),
    "this is a p-value: z itself is asked for":
        _of_hits(lambda count, T, gamma: 0.5 * math.erfc(_z(count, T, gamma) / math.sqrt(2))),
    "the first token was counted too: it follows nothing, so T is one less than the number of tokens":
        lambda tokens, green, gamma: _z(_hits(tokens, green).sum().item(), len(tokens), gamma),
    "the first token was scored as if it followed token 0: it follows nothing":
        _with_first,
    "the first token was scored as if it followed the last: it follows nothing":
        _from_hits(_wrapped),
    "one fixed list was used for all words, that of token 0: the list depends on the word before":
        _from_hits(lambda tokens, green: green[0, tokens[1:]]),
    "one fixed list was used for all words, that of the first token: the list depends on the word before":
        _from_hits(lambda tokens, green: green[tokens[0], tokens[1:]]),
    "the list of the *next* word was asked about the one before: green[i, j] is for j after i":
        _from_hits(lambda tokens, green: green[tokens[1:], tokens[:-1]]),
    "each word was looked up in its own list: green[i, j] needs the word before, i, and the word, j":
        _from_hits(lambda tokens, green: green[tokens[1:], tokens[1:]]),
    "whole rows were counted, every word that *could* have followed: only the word that did follow counts":
        _from_hits(lambda tokens, green: green[tokens[:-1]].sum(1)),
    "each word was paired with the one two before it: the list depends on its neighbour":
        _from_hits(lambda tokens, green: green[tokens[:-2], tokens[2:]]),
    "every second pair was skipped: each word but the first follows one":
        _from_hits(lambda tokens, green: green[tokens[:-1:2], tokens[1::2]]),
    "pairs that come again were counted once: every pair counts here":
        _from_hits(_distinct_pairs),
    "one value per pair came back: add them up first":
        lambda tokens, green, gamma: (_hits(tokens, green) - gamma) / math.sqrt(gamma * (1 - gamma)),
}, {
    "the share, in torch": _by_share,
    "matrices of ones and zeros": _one_hot,
    "a loop": _mark_in_a_loop,
    "NumPy": _by_numpy,
})

EXERCISES = [TSTR, MEMBERSHIP, WATERMARK]
