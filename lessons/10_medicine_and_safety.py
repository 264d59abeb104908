# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# {{header}}
#
# **By the end you will be able to**
# - *separate* prediction from generation, and report a classifier by the cancers it misses;
# - *judge* synthetic patients by what a classifier learns from them, and by whether such patients can exist;
# - *attack* the privacy of a released table, and *add* noise that no attack gets past, at a price you can state;
# - *detect* a watermark in generated text without accusing honest writers;
# - *decide* on a release from a card of measured numbers.
#
# The studio sets *molecules* beside the baseline a chemist would try, runs a *trial* of whether AI saves time, tests *consent*
# by experiment, and has you *build* patients of your own and *remove* a watermark.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import hashlib
import math

import numpy as np
import torch
from numpy.random import default_rng
from scipy.spatial.distance import cdist
from scipy.stats import norm
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from course_utils import check, data, runtime
from course_utils.lesson03 import fit
from course_utils.lesson10 import chemistry, drawing, explorables
from course_utils.lesson10.chemistry import canonical

device = runtime.setup(seed=0)

# %% [markdown]
# ## Two things called medical AI
#
# "AI predicts diseases" and "AI generates patients" answer different questions. A doctor has the measurements $x$ of one patient
# and asks for the diagnosis $y$: that is **prediction**, $p(y \mid x)$. A hospital that must not share its records wants patients
# who do not exist but could: that is **generation**, $p(x, y)$, of measurements *and* diagnosis.
#
# One table serves both: 569 breast lumps, 30 measurements of the cell nuclei in a fine-needle sample of each, and whether the
# lump was malignant (0) or benign (1) (Street, Wolberg & Mangasarian 1993). We split it into two halves with no patient in
# common.
#
# Accuracy counts every mistake alike. Medicine does not. **Sensitivity** is the share of malignant lumps that are called
# malignant; the rest are missed cancers. **Specificity** is the share of benign lumps that are called benign.
#
# **Predict.** Logistic regression gives 97% of new patients the right diagnosis. How many of 100 cancers does it miss?
#
# - A: about 3, because it is wrong about 3 patients in 100
#   - That would be so if it were wrong equally often about both. It leans toward the more frequent diagnosis, and some
#     malignant lumps look benign.
# - B: about 5
#   - **Yes.** Most lumps are benign, and nearly all of those are recognized. Most of the mistakes are missed cancers.
# - C: about 1, because malignant lumps look so different
#   - Many do. Those that look benign are the ones that get missed.

# %%
cancer = load_breast_cancer()


def halves(rng):
    """Two tables with no patient in common: x (284, 30), and y (284,), where 0 is malignant."""
    rows = rng.permutation(len(cancer.target))  # (569,), one patient is left over
    return [
        {"x": cancer.data[half], "y": cancer.target[half]} for half in (rows[:284], rows[284:568])
    ]


def rates(predicted, y):
    """Accuracy, sensitivity and specificity of diagnoses (N,), where 0 is malignant. -> (3,)"""
    right = predicted == y  # (N,)
    return np.array([right.mean(), right[y == 0].mean(), right[y == 1].mean()])


diagnoses, splits = {}, range(runtime.budget(smoke=2, cpu=10))
for split in splits:
    train, test = halves(runtime.rng(split))
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    malignant = logistic.fit(train["x"], train["y"]).predict_proba(test["x"])[:, 0]  # (284,)
    predicted = {
        "logistic regression": malignant < 0.5,
        "the same, threshold 10%": malignant < 0.1,
        "naive Bayes": GaussianNB().fit(train["x"], train["y"]).predict(test["x"]),
        "always benign": np.ones(284),
    }
    for name, y in predicted.items():
        diagnoses.setdefault(name, []).append(rates(y, test["y"]))
columns = {"accuracy": ".1%", "sensitivity": ".1%", "specificity": ".1%"}
drawing.table(columns, diagnoses)  # mean ± standard deviation over the splits

# %% [markdown]
# "Always benign" is right about more than 60% of the patients and misses every cancer. Logistic regression misses about
# {{10.missed:.0f}} of 100. Calling a lump malignant as soon as its probability reaches 10% cuts that by more than half, and
# raises more false alarms: the threshold is a medical decision, not a property of the model.
#
# Naive Bayes has a Gaussian for every measurement in each class, as if the 30 were independent. It predicts worse, but of the two
# models it alone could make up a new patient.

# %% [markdown]
# ## Patients who do not exist
#
# Our generator is lesson 01's mixture, with $K$ Gaussians in 30 dimensions for each diagnosis, each with a covariance of its own.
# Pick a diagnosis, then one of its Gaussians, then draw:
#
# $$ y \sim p(y), \qquad k \sim \pi_y, \qquad x = \mu_{yk} + L_{yk}\,\varepsilon, \quad \varepsilon \sim \mathcal N(0, I), \quad
# L_{yk}L_{yk}^{\top} = \Sigma_{yk} $$


# %%
def fit_mixture(table, K, seed, reg_covar=1e-3):
    """K Gaussians for each diagnosis, on standardized columns. -> a model for draw_patients"""
    mean, std = table["x"].mean(axis=0), table["x"].std(axis=0)  # (D,) each
    z = (table["x"] - mean) / std  # (N, D)
    mixtures = [  # reg_covar keeps the covariance of few patients invertible
        GaussianMixture(K, reg_covar=reg_covar, random_state=seed).fit(z[table["y"] == c])
        for c in (0, 1)
    ]
    return {"mean": mean, "std": std, "mixtures": mixtures, "benign": table["y"].mean()}


def draw_patients(model, n, rng):
    """Pick a diagnosis, then one of its Gaussians, then a patient from it. -> a table of n"""
    y = (rng.random(n) < model["benign"]).astype(int)  # (n,)
    z = np.empty((n, len(model["mean"])))  # (n, D)
    for c, mixture in enumerate(model["mixtures"]):
        k = rng.choice(mixture.n_components, (y == c).sum(), p=mixture.weights_)
        L = np.linalg.cholesky(mixture.covariances_)[k]  # (n_c, D, D)
        eps = rng.normal(size=(len(k), z.shape[1]))  # (n_c, D)
        z[y == c] = mixture.means_[k] + np.einsum("nij,nj->ni", L, eps)
    return {"x": model["mean"] + model["std"] * z, "y": y}


# %%
train, test = halves(runtime.rng(20))
synth = draw_patients(fit_mixture(train, 1, seed=0), 284, runtime.rng(21))
drawing.two_clouds({"real": train, "synthetic, one Gaussian each": synth})

# %% [markdown]
# They look alike in two of the thirty columns. But the hospital's partner wants to *learn* something that holds for real
# patients. **Train on synthetic, test on real**, TSTR (Esteban, Hyland & Rätsch 2017): a classifier sees only synthetic patients,
# and is tested on real ones that neither it nor the generator has seen.
#
# ### Exercise 10.1 · `tstr`
# Use logistic regression on standardized columns, or any classifier that is as good. Decide what may be estimated from which
# table.


# %% tags=["exercise:10.1", "points:4", "minutes:5"]
def tstr(synth, test):
    """Accuracy on real patients of a classifier that has seen synthetic ones only.

    Two tables, {"x": (N, D), "y": (N,)} and {"x": (M, D), "y": (M,)} -> float in [0, 1]
    """
    # BEGIN SOLUTION
    scaler = StandardScaler().fit(synth["x"])
    model = LogisticRegression(max_iter=1000).fit(scaler.transform(synth["x"]), synth["y"])
    return float(model.score(scaler.transform(test["x"]), test["y"]))
    # END SOLUTION


# %% tags=["check:10.1"]
tstr = check("10.1", tstr)

# %% [markdown] tags=["help:10.1"]
# List everything that is estimated from data: two numbers per column, and the weights. Which of them may have seen a real
# patient?
# ---
# One column. Synthetic: $x = (0, 2, 8, 10)$, $y = (0, 0, 1, 1)$, so the mean is $5$ and the boundary lies there. Real:
# $x = (1, 4, 6, 7)$, $y = (0, 0, 0, 1)$. The classifier says $0, 0, 1, 1$: three of four, TSTR $0.75$.
# ---
# The scaler and the weights come from the synthetic table, and the score from the real one. A scaler fitted on the test table
# would quietly correct synthetic patients whose nuclei are all too large.

# %% [markdown]
# **Debug a claim.** The article this course grew out of lists disease prediction among the things generative AI does: train a
# generator on records, and diagnoses come for free. Take that literally: the generator makes measurements, and each patient then
# gets a random diagnosis, malignant as often as among the real ones. Shuffling our synthetic diagnoses makes such a table.
#
# **Predict.** All 30 measurements are as they should be, and so is the share of malignant lumps. What is the TSTR?
#
# - A: close to that of the unshuffled table, because every column is right
#   - Every column by itself is right. A classifier learns from what the columns say *together*.
# - B: about the share of benign lumps, like calling everyone benign
#   - **Yes.** Measurements and diagnosis are independent now, so there is nothing to learn except that most lumps are benign.
# - C: about a half, like tossing a coin
#   - A coin ignores that most lumps are benign. The shuffled table still knows that much.


# %%
def claimed(synth, rng):
    """The claim: right measurements, each diagnosis as frequent as before, and no dependence."""
    return {"x": synth["x"], "y": rng.permutation(synth["y"])}


# %% tags=["folded"]
utility = {"trained on real patients": [], "synthetic": [], "as claimed": []}
for split in splits:
    rng = runtime.rng(30 + split)
    train, test = halves(rng)
    synth = draw_patients(fit_mixture(train, 1, seed=split), 284, rng)
    for name, table in zip(utility, (train, synth, claimed(synth, rng)), strict=True):
        utility[name].append(tstr(table, test))
drawing.utility(utility)  # mean and standard deviation over the splits

# %% [markdown]
# Learning from synthetic patients costs about one diagnosis in a hundred. The claim falls to {{10.blind:.2f}}, and no histogram
# of a column would have shown it. A generator knows only what it was asked to model, and $p(x)$ is not $p(x, y)$.

# %% [markdown]
# ### Rows that no patient could have
#
# Now show the table to a physician, who looks at rows. No measurement can be negative. Ten are means over the nuclei of a lump,
# ten are the standard errors of those means, and ten are called "worst": the means of the three largest values. So "worst"
# cannot be below the mean.
#
# **Predict.** How many synthetic patients break one of these two rules?
#
# - A: none, because no real patient does
#   - A Gaussian's density is positive everywhere. Nobody told it which values are impossible.
# - B: about 1 in 100, because a Gaussian has thin tails
#   - That is roughly right for a typical column. But a row has thirty, some badly skewed, and one impossible value is enough.
# - C: about 1 in 3
#   - **Yes.** A column errs rarely, a row of thirty columns often, and the classifier behind the TSTR does not mind.


# %%
def impossible(table):
    """Which rows break one of the two rules: below 0, or "worst" below the mean. -> bool (N,)"""
    x = table["x"]  # (N, 30): means, standard errors, worst
    return (x < 0).any(axis=1) | (x[:, 20:] < x[:, :10]).any(axis=1)


for name, table in {"real": train, "synthetic": synth}.items():
    print(f"{name:<10} {impossible(table).mean():4.0%} impossible rows")

# %% [markdown]
# TSTR, a standard measure of **utility**, did not notice. Two repairs come to mind. **Clip** each value at the lowest possible
# one. Or *change what is modeled*: the square roots of the mean, of the error, and of the excess of "worst" over the mean may
# take any value, because squaring turns it into a possible one.


# %% tags=["export"]
def to_roots(table):
    """Square roots of mean, error, and worst minus mean."""
    mean, error, worst = np.split(table["x"], 3, axis=1)  # (N, 10) each
    return {"x": np.sqrt(np.concatenate([mean, error, worst - mean], axis=1)), "y": table["y"]}


def from_roots(table):
    """Back to measurements: any row of numbers becomes one that satisfies both rules."""
    mean, error, excess = np.split(table["x"] ** 2, 3, axis=1)  # (N, 10) each
    return {"x": np.concatenate([mean, error, mean + excess], axis=1), "y": table["y"]}


# %%
def patients(table, K, seed, n, rng):
    """A mixture fitted to the roots of a table, and n patients from it."""
    return from_roots(draw_patients(fit_mixture(to_roots(table), K, seed), n, rng))


# %% tags=["folded"]
def clipped(table):
    """The quick repair: clip each value at the lowest possible one."""
    x = np.maximum(table["x"], 0)
    return {"x": np.c_[x[:, :20], np.maximum(x[:, 20:], x[:, :10])], "y": table["y"]}


def missed_cancers(synth, test, specificity=0.97):
    """Of 100 real cancers, how many a classifier trained on synth misses at this specificity."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    malignant = model.fit(synth["x"], synth["y"]).predict_proba(test["x"])[:, 0]  # (N,)
    sick = test["y"] == 0  # (N,)
    threshold = np.quantile(malignant[~sick], specificity)
    return 100 * (malignant[sick] <= threshold).mean()


# %% [markdown]
# Below, every classifier gets the threshold at which its specificity on the test patients is 97% (a clinic would have to choose
# it on others), so that missed cancers can be compared.


# %% tags=["folded"]
def mean_and_error(differences):
    """Mean over the splits, and its standard error for these patients. (S,) -> two floats"""
    return differences.mean(), differences.std(ddof=1) / math.sqrt(len(differences))


quality = {}
for split in splits:
    rng = runtime.rng(30 + split)
    train, test = halves(rng)
    raw = draw_patients(fit_mixture(train, 1, seed=split), 284, rng)
    tables = {
        "real": train,
        "Gaussians": raw,
        "Gaussians, clipped": clipped(raw),
        "Gaussians of square roots": patients(train, 1, split, 284, rng),
    }
    missed = {name: missed_cancers(table, test) for name, table in tables.items()}
    for name, table in tables.items():
        zeros = (table["x"] == 0).any(axis=1).mean()
        row = impossible(table).mean(), zeros, tstr(table, test), missed[name]
        quality.setdefault(name, []).append(row)
columns = {"impossible": ".1%", "has a 0": ".1%", "TSTR": ".3f", "missed of 100 cancers": ".1f"}
drawing.table(columns, quality)
missed = {name: np.array(rows)[:, 3] for name, rows in quality.items()}
change, error = mean_and_error(missed["Gaussians of square roots"] - missed["Gaussians"])
print(f"square roots, change in missed cancers: {change:.1f} ± {error:.1f} (standard error)")

# %% [markdown]
# Clipping leaves a trace: a quarter of its rows hold a value of exactly 0, where {{10.zeros.real:.0%}} of the real ones do. With
# square roots no row is impossible: a constraint that holds by construction needs no check. And ten splits show no cost in missed
# cancers. From here on `patients` is our generator.
#
# It satisfies the two rules that someone wrote down. Here is a third. Of all outlines around the same area, the circle is the
# shortest, so a nucleus has perimeter² ≥ 4π · area. (An average over nuclei of different sizes can fall a little below this; no
# real patient's does.) Do our rows obey it?


# %% tags=["folded"]
def rounder_than_a_circle(table):
    """Which rows have perimeter² < 4π · area, in the means or the worst. -> bool (N,)"""
    x = table["x"]
    perimeter, area = x[:, [2, 22]], x[:, [3, 23]]  # (N, 2) each
    return (perimeter**2 < 4 * math.pi * area).any(axis=1)


too_round = {"real": [], "Gaussians": [], "Gaussians of square roots": []}
for split in splits:
    rng = runtime.rng(30 + split)
    train, test = halves(rng)
    roots = patients(train, 1, split, 284, rng)
    tables = train, draw_patients(fit_mixture(train, 1, seed=split), 284, rng), roots
    for name, table in zip(too_round, tables, strict=True):
        too_round[name].append(rounder_than_a_circle(table).mean())
for name, shares in too_round.items():
    print(f"{name:<26} {np.mean(shares):5.1%} rounder than a circle")

# %% [markdown]
# {{10.circle.roots:.0%}} of our "possible" patients have nuclei that are, on average, *rounder than a circle*, less than half
# the share without the roots. A generator keeps the rules it was given. The others have to be found by someone who knows the
# field.

# %% [markdown]
# ## Copied, or made up?
#
# A photocopier would have an excellent TSTR. Lesson 01 caught it by its distance to the training data, which was zero. Add a
# speck of noise to each measurement, and it no longer is. How near is *too* near? Real patients resemble each other, too. So
# compare with patients the generator has **never seen**: is the nearest real neighbor of a synthetic patient in the training
# half or in the held-out half? Both have the same size, so
#
# $$ \text{alarm} = \frac1n \sum_{i=1}^n \mathbb 1\big[d(\tilde x_i, \text{train}) < d(\tilde x_i, \text{held out})\big]
# \qquad \text{should be } \tfrac12 $$
#
# (Platzer & Reutterer 2021; $d$ is called the **distance to the closest record**, DCR). Above $\tfrac23$ we call the generator a
# copier. Three compete: one Gaussian per diagnosis, thirty per diagnosis (three or four malignant patients for each), and the
# photocopier with a speck of noise.


# %%
def distance_to(table, x, scale):
    """From each row of x (n, D) to the nearest patient of the table, in units of scale. -> (n,)"""
    return cdist(x / scale, table["x"] / scale).min(axis=1)


def copier_alarm(synth, train, held_out):
    """Share of synthetic patients nearer to the training half than to the other."""
    scale = train["x"].std(axis=0)  # (D,)
    nearer = distance_to(train, synth["x"], scale) < distance_to(held_out, synth["x"], scale)
    return float(nearer.mean())


# %% tags=["folded"]
def photocopy(table, n, rng):
    """Training patients drawn at random, with a speck of noise. -> a table of n"""
    rows = rng.choice(len(table["y"]), n)
    speck = 0.05 * table["x"].std(axis=0) * rng.normal(size=(n, table["x"].shape[1]))
    return {"x": table["x"][rows] + speck, "y": table["y"][rows]}


def release(split):
    """Both halves, and what each of three generators would publish: 284 synthetic patients."""
    rng = runtime.rng(40 + split)
    train, test = halves(rng)
    tables = {
        "one Gaussian": patients(train, 1, split, 284, rng),
        "thirty Gaussians": patients(train, 30, split, 284, rng),
        "photocopier": photocopy(train, 284, rng),
    }
    return train, test, tables


releases = [release(split) for split in splits]


def on_each_split(measure):
    """measure(train, test, synth) on each of the ten splits. -> {generator: (10,)}"""
    return {
        name: np.array([measure(train, test, tables[name]) for train, test, tables in releases])
        for name in releases[0][2]
    }


useful = on_each_split(lambda train, test, synth: tstr(synth, test))
alarm = on_each_split(lambda train, test, synth: copier_alarm(synth, train, test))
drawing.utility_and_alarm(useful, alarm)
for name in ("thirty Gaussians", "photocopier"):
    gain, its_error = mean_and_error(useful[name] - useful["one Gaussian"])
    print(f"TSTR, {name} minus one Gaussian: {gain:+.3f} ± {its_error:.3f} (standard error)")

# %% [markdown]
# TSTR hardly tells them apart, and puts one Gaussian last. The alarm puts it first: little more than a half for one Gaussian,
# almost {{10.alarm.many:.1f}} for thirty, and 1 for the photocopier. Nobody meant the thirty to copy. They are an ordinary model
# with too many parameters for so few patients.

# %% [markdown]
# ## Was this patient in the data?
#
# Who is harmed by a copy? Imagine someone who holds your published table, knows the measurements and the diagnosis of an
# acquaintance, and asks: *was she in that hospital's data?* If the answer is yes, they have learned where she was treated, or
# that she took part in a certain study. This is **membership inference** (Chen et al. 2020 list its forms for generative models).
# Those who were in the data are the **members**. Our attack needs only a distance: the closer someone is to a synthetic patient,
# the more likely a member.
#
# $$ \text{score}(x) = -\min_i d(x, \tilde x_i) $$
#
# How good is the attack? Show the attacker one member and one non-member, and let them bet on the higher score. The share of
# pairs they get right, with a half for a tie, is the **AUC**: ½ is a coin toss, 1 is certainty. (It is the area under the *ROC
# curve*: members found, the true-positive rate, against false alarms, the false-positive rate.)
#
# But nobody attacks by betting on pairs. An attacker who wants to *name* someone sets a threshold, high enough to accuse almost
# nobody by mistake. So Carlini et al. (2022) judge an attack by one end of that curve, its **true-positive rate at a low
# false-positive rate**: how many members are found while only 1% of the non-members, say, are accused?
#
# ### Exercise 10.2 · `members_found`
# The attacker names everyone whose score is *above* a threshold. Choose it so that as many members as possible are named, but at
# most a share `false_alarms` of the non-members. (1% of 284 is $2.84$: how many non-members may be named?) Return the share of
# members named.


# %% tags=["exercise:10.2", "points:4", "minutes:6"]
def members_found(scores_in: Tensor, scores_out: Tensor, false_alarms: float) -> float:
    """True-positive rate at the best threshold with a false-positive rate of at most false_alarms.

    (N,), (M,), float in [0, 1) -> float in [0, 1]
    """
    # BEGIN SOLUTION
    allowed = math.floor(false_alarms * len(scores_out) + 1e-9)  # 0.29 * 100 is 28.999...
    threshold = scores_out.sort(descending=True).values[allowed]
    return (scores_in > threshold).float().mean().item()
    # END SOLUTION


# %% tags=["check:10.2"]
members_found = check("10.2", members_found)

# %% [markdown] tags=["help:10.2"]
# Sort the scores of the non-members. If two of them may be named, what is the lowest threshold you may choose?
# ---
# Members: $5, 3, 1$. Non-members: $4, 2, 0, -1, -2$. One in five may be accused, that is, one person: the $4$. So the threshold
# cannot be below $2$, and of the members $5$ and $3$ are named: $\tfrac23$. With no false alarm allowed the threshold is $4$:
# $\tfrac13$.
# ---
# With $a$ allowed, the threshold is the score at position $a$ in descending order, counted from 0: exactly $a$ scores can lie
# above it. Round $a$ down, because the share is a limit. `quantile` interpolates between two scores and can let one too many
# through.


# %%
def attack(synth, train, test):
    """Scores of members and non-members: minus the distance to the nearest synthetic patient."""
    scale = synth["x"].std(axis=0)  # the attacker knows the published table only
    return [torch.tensor(-distance_to(synth, table["x"], scale)) for table in (train, test)]


def attack_auc(scores_in, scores_out):
    """Share of pairs in which the member scores higher."""
    was_in = np.repeat([1, 0], [len(scores_in), len(scores_out)])
    return roc_auc_score(was_in, torch.cat([scores_in, scores_out]))


# %% tags=["folded"]
def unusual(table):
    """The tenth of the patients who lie farthest from the average one. -> bool (N,)"""
    z = (table["x"] - table["x"].mean(axis=0)) / table["x"].std(axis=0)  # (N, D)
    far = np.linalg.norm(z, axis=1)  # (N,)
    return torch.tensor(far > np.quantile(far, 0.9))


def singled_out(synth, real):
    """Share of synthetic rows whose radius, texture and smoothness fit exactly one patient."""
    three = [0, 1, 4]
    std = real["x"][:, three].std(axis=0)  # (3,)
    fits = abs(synth["x"][:, None, three] - real["x"][:, three]) < 0.1 * std  # (n, N, 3)
    return float((fits.all(axis=2).sum(axis=1) == 1).mean())


def attack_on_unusual(train, test, synth, attack=attack):
    scores_in, scores_out = attack(synth, train, test)
    return attack_auc(scores_in[unusual(train)], scores_out[unusual(test)])


# %% [markdown]
# The law names another danger: **singling out** one person's record, even without a name (General Data Protection Regulation,
# recital 26). Take radius, texture and smoothness of a synthetic row. If exactly *one* real patient agrees with all three within
# a tenth of a standard deviation, the row points at that person. Some rows do so by luck; the held-out half shows how many
# (Giomi et al. 2023), and we subtract them. The table also has the AUC for the *unusual*, the tenth of the patients farthest
# from the average.
#
# **Predict.** Thirty Gaussians and the photocopier have similar AUCs, {{10.auc.many:.2f}} and {{10.auc.copier:.2f}}. What about
# the members found at 1% false alarms?
#
# - A: similar, too, because both numbers judge the same scores
#   - They judge different thresholds. The AUC averages over all of them, and most accuse a lot of people.
# - B: the photocopier's table betrays several times as many
#   - **Yes.** A copied patient lies right next to the copy. Thirty Gaussians shift many scores, each by only a little.
# - C: the thirty Gaussians betray more, because copies carry noise
#   - The noise is a speck. A copied patient is far closer to the copy than anyone else can be.


# %% tags=["folded"]
exposed = on_each_split(lambda train, test, synth: attack_auc(*attack(synth, train, test)))
exposed_tail = on_each_split(attack_on_unusual)
found = on_each_split(lambda train, test, synth: members_found(*attack(synth, train, test), 0.01))
singled = on_each_split(
    lambda train, test, synth: singled_out(synth, train) - singled_out(synth, test)
)
columns = {"AUC": ".2f", "AUC, unusual": ".2f", "found": ".1%", "singled out": ".1%"}
measured = (exposed, exposed_tail, found, singled)
drawing.table(columns, {n: np.stack([m[n] for m in measured], axis=1) for n in exposed})

# %% [markdown]
# Your function, called at every share of false alarms, draws the ROC curve, on two kinds of axes.

# %% tags=["folded"]
alarms = np.geomspace(0.004, 0.99, 25)


def found_at(pairs):
    """Members found at each share of false alarms, for (in, out) of each split. -> (splits, 25)"""
    return np.array([[members_found(*pair, a) for a in alarms] for pair in pairs])


curves = {}
for name in exposed:
    curves[name] = found_at([attack(tables[name], train, test) for train, test, tables in releases])
drawing.roc_twice(alarms, curves)

# %% [markdown]
# The two curves enclose similar areas. An attacker works at the left edge, which logarithmic axes stretch: at 1% false alarms
# thirty Gaussians give away about a fifth of the patients, and the photocopier more than three times as many, nearly everyone it
# copied (284 draws reach about 63% of the patients). Beyond luck, three in four of its rows single out one patient. **An average
# hides the people who are found.** And the unusual, who have most to fear, can be worse off: under thirty Gaussians their AUC is
# {{10.auc.many_tail:.1f}}.

# %% [markdown]
# ## A mitigation, and what it costs
#
# The first mitigation is a smaller model. With one Gaussian in place of thirty, the members found fall from about a fifth to
# {{10.found.one:.0%}}, and TSTR by about a hundredth. The second is noise.
#
# **Pay for it yourself.** Choose the number of components and the noise added to every published measurement, in standard
# deviations of its column. Left: how far members and others are from the nearest synthetic patient. Right: every setting by risk
# and utility, means of three tables on one split: the **privacy–utility trade-off**. The release belongs in the green corner,
# with an AUC of at most $0.6$ and a TSTR of at least $0.94$. The sentence under the picture adds the AUC of the unusual.
#
# **Your goal.** With 32 components, find the least noise that brings you into the corner. Then get there without noise.


# %% tags=["folded"]
def noised(synth, noise, train, rng):
    """Noise on every measurement, in standard deviations of its column."""
    shift = noise * train["x"].std(axis=0) * rng.normal(size=synth["x"].shape)
    return {"x": synth["x"] + shift, "y": synth["y"]}


def risks(pair, train, test):
    """AUC of everyone, and of the unusual tenth."""
    return attack_auc(*pair), attack_auc(pair[0][unusual(train)], pair[1][unusual(test)])


train, test, _ = releases[0]
components = [1, 2, 4, 8, 16, 32]  # Gaussians per diagnosis
noises = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
plane = {}
for K in components:
    model = fit_mixture(to_roots(train), K, seed=0)
    for noise in noises:
        drawn = []
        for repeat in range(runtime.budget(smoke=1, cpu=3)):
            rng = runtime.rng(60 + repeat)
            synth = noised(from_roots(draw_patients(model, 284, rng)), noise, train, rng)
            pair = attack(synth, train, test)
            drawn.append((*risks(pair, train, test), tstr(synth, test), -torch.stack(pair)))
        *means, distances = zip(*drawn, strict=True)
        plane[K, noise] = *np.mean(means, axis=1), *torch.cat(distances, dim=1)

# %%
explorables.privacy(components, noises, plane)

# %% tags=["folded"]
hidden = {}
for split, (train, test, tables) in enumerate(releases):
    for noise in (0, 1, 1.5):
        synth = noised(tables["thirty Gaussians"], noise, train, runtime.rng(240 + split))
        exposure = risks(attack(synth, train, test), train, test)
        row = *exposure, tstr(synth, test), impossible(synth).mean()
        hidden.setdefault(f"noise {noise}", []).append(row)
columns = {"AUC": ".2f", "AUC, unusual": ".2f", "TSTR": ".3f", "impossible": ".0%"}
drawing.table(columns, hidden, "thirty Gaussians")

# %% [markdown]
# Noise works *on average*. One standard deviation costs about a hundredth of TSTR and brings the AUC of thirty Gaussians to about
# a half. But for the unusual it is still {{10.auc.noise_tail:.1f}}: **the noise hides the unusual less.** At one and
# a half, it falls to about $0.6$, and TSTR to the edge of the corner. Noise added after `from_roots` also undoes the repair:
# {{10.impossible.noise:.0%}} of the rows are impossible again. (Noise on the *roots* breaks neither rule.) A smaller
# model gives less away to *this* attack, even without noise.
#
# In the green corner, *this* attack fails on average, on *this* release. What if the model itself gets out?
#
# **Predict.** Give the attacker not the table but *the model*, so that patients can be scored by their log-likelihood. A table
# from eight Gaussians gives away 2% to 3% of the members at 1% false alarms. What share is found now?
#
# - A: hardly more, because the table was drawn from that model
#   - 284 rows show little of eight Gaussians in 30 dimensions. The model shows exactly where its density is high.
# - B: about a third
#   - That is too few: the patients who were fitted lie *in* these Gaussians.
# - C: about nine in ten
#   - **Yes.** About 13 malignant or 22 benign patients share a Gaussian in 30 dimensions. It is almost flat: they lie in it, and
#     everyone else beside it.


# %%
def model_attack(model, table):
    """log p(x | y) of each patient under the released model: a score for the attacker. -> (N,)"""
    table = to_roots(table)
    z = (table["x"] - model["mean"]) / model["std"]
    both = np.stack([mixture.score_samples(z) for mixture in model["mixtures"]])  # (2, N)
    return torch.tensor(both[table["y"], np.arange(len(z))])


# %% tags=["folded"]
def auc_and_found(pairs):
    """AUC, and members found at 1% false alarms, for (in, out) of each split. -> (splits, 2)"""
    return np.array([(attack_auc(*pair), members_found(*pair, 0.01)) for pair in pairs])


settings = {  # K and reg_covar
    "K = 1": (1, 1e-3),
    "K = 8": (8, 1e-3),
    "K = 8, reg_covar = 0.1": (8, 0.1),
    "K = 30": (30, 1e-3),
}
with_model, models = {}, {}
for name, (K, reg_covar) in settings.items():
    by_table, by_model, rows = [], [], []
    for split, (train, test, _) in enumerate(releases):
        model = fit_mixture(to_roots(train), K, split, reg_covar)
        synth = from_roots(draw_patients(model, 284, runtime.rng(180 + split)))
        by_table.append(attack(synth, train, test))
        by_model.append((model_attack(model, train), model_attack(model, test)))
        rows.append((tstr(synth, test), rounder_than_a_circle(synth).mean()))
    with_model[name] = by_model
    models[name] = np.c_[auc_and_found(by_table), auc_and_found(by_model), rows]
columns = {"AUC, table": ".2f", "found, table": ".0%", "AUC, model": ".2f", "found, model": ".0%"}
drawing.table(columns | {"TSTR": ".3f", "rounder than a circle": ".0%"}, models)

# %% [markdown]
# So the cause is not the number eight alone, but how flat a Gaussian may become. A third mitigation is stronger
# **regularization**: at `reg_covar` $0.1$ in place of $0.001$, fewer than one in six are found, at the same TSTR. TSTR does not
# see the price: about two in five rows are rounder than a circle.
#
# Does the attacker need our model? From the published rows anyone can fit one.


# %%
def refit_attack(synth, train, test):
    """Fit a Gaussian per diagnosis to the published rows, and score by its log-likelihood."""
    model = fit_mixture(to_roots(clipped(synth)), 1, seed=0)
    return [model_attack(model, table) for table in (train, test)]


# %% tags=["folded"]
refitted = on_each_split(lambda train, test, synth: attack_auc(*refit_attack(synth, train, test)))
refitted_tail = on_each_split(
    lambda train, test, synth: attack_on_unusual(train, test, synth, refit_attack)
)
attacks = {"nearest patient": (exposed, exposed_tail), "refitted": (refitted, refitted_tail)}
drawing.table(
    {"AUC": ".2f", "AUC, unusual": ".2f"},
    {name: np.stack([m["one Gaussian"] for m in pair], axis=1) for name, pair in attacks.items()},
    "one Gaussian",
)

# %% [markdown]
# The same table, a better attack: the AUC rises to {{10.auc.refit:.2f}}, as high as with the model in hand, and for the unusual
# to {{10.auc.refit_tail:.1f}}, about where one standard deviation of noise left thirty Gaussians. A privacy number belongs to *an
# attack*, not to the table. Synthetic data by itself guarantees nothing (Stadler, Oprisanu & Troncoso 2022).

# %% [markdown]
# ### A guarantee against every attack
#
# Surviving an attack is evidence, not proof. **Differential privacy** (Dwork et al. 2006) is a **privacy guarantee**, a promise
# that holds against attacks that nobody has thought of: what is published looks nearly the same with any one person's record as
# without it. The **Gaussian mechanism** gives this guarantee by publishing only a sum over the patients, with noise.
#
# Think of the strongest attacker, who knows your record and everyone else's, and has only to say whether you are in the sum.
# Subtract the others: along your row, in units of the noise, what is left is $\mathcal N(0, 1)$ without you and, at most,
# $\mathcal N(\mu, 1)$ with you. Accusing you above a threshold $t$ gives $\Phi(-t)$ false alarms, and finds you with
# probability $\Phi(\mu - t)$, where $\Phi$ is the distribution function of $\mathcal N(0, 1)$. No other test between two such
# Gaussians is better. Eliminate $t$:
#
# $$ \text{members found} \;\le\; \Phi\big(\Phi^{-1}(\text{false alarms}) + \mu\big) $$
#
# This is **$\mu$-Gaussian differential privacy** (Dong, Roth & Su 2022). One very unusual patient could still move the sum far. So
# any row longer than $C$ is first scaled down to length $C$ (**norm clipping**). Shorter rows stay as they are.
#
# ### Exercise 10.3 · `private_sum`
# Return the sum of the clipped rows, with noise for $\mu$-Gaussian differential privacy. How far can your row move the sum, and
# how many standard deviations of the noise may that be? A row's length is Euclidean, $\sqrt{\sum_d x_d^2}$, and a row may be all
# zeros. Each of the $D$ sums gets noise of its own, drawn from `rng`.


# %% tags=["exercise:10.3", "points:4", "minutes:7"]
def private_sum(rows, C, mu, rng):
    """The sum of the rows, each no longer than C, with noise for mu-Gaussian privacy.

    NumPy (N, D), two floats, a NumPy generator -> NumPy (D,)
    """
    # BEGIN SOLUTION
    length = np.linalg.norm(rows, axis=1, keepdims=True)  # (N, 1)
    clipped = rows / np.maximum(length / C, 1)  # (N, D)
    return clipped.sum(axis=0) + C / mu * rng.normal(size=rows.shape[1])
    # END SOLUTION


# %% tags=["check:10.3"]
private_sum = check("10.3", private_sum)

# %% [markdown] tags=["help:10.3"]
# If you leave, the sum moves by your clipped row. How long can that be? This length may be at most $\mu$ standard deviations of
# the noise: how large is one?
# ---
# Rows $(3, 4)$ and $(0, 1)$, $C = 2$. The first has length $5$ and becomes $\tfrac25 (3, 4) = (1.2, 1.6)$; the second stays. The
# sum is $(1.2, 2.6)$. It can move by $2$, and for $\mu = \tfrac12$ that is half a standard deviation, so the noise has standard
# deviation $4$.
# ---
# The sum moves by at most $C$, which may be at most $\mu$ standard deviations, so one is $C/\mu$. Dividing by the larger of
# length$/C$ and 1 leaves short rows alone, and a row of zeros too. The noise is added once to the sum, not to each row.

# %% [markdown]
# Now **audit** *your* function: let the strongest attacker loose on it. The sums are those from which we will make patients: for
# each diagnosis the number of patients, and the sums of each root and of its square. Each root is first scaled by an upper
# limit, which must be public too. (The documented range is that of these very patients, which strictly breaks the guarantee. A
# clinic needs limits known without them.) The attacker goes after one patient, here the one with the longest row.


# %% tags=["folded"]
low, high = cancer.data.min(axis=0), cancer.data.max(axis=0)  # public: cancer.DESCR prints them
top = np.sqrt(np.r_[high[:20], high[20:] - low[:10]])  # (30,) no root can be larger


def contributions(table, covariances, top=top):
    """What each patient adds to the sums of their diagnosis, and 0 to the other's. -> (N, 2 K)"""
    z = 2 * to_roots(table)["x"] / top - 1  # (N, D), between -1 and 1
    v = np.c_[np.ones(len(z)), z]  # (N, D + 1): products with the first column are z itself
    i, j = asked_for(covariances, len(top) + 1)
    return np.concatenate([v[:, i] * v[:, j] * (table["y"] == c)[:, None] for c in (0, 1)], axis=1)


def asked_for(covariances, n):
    """Rows and columns of the products that are summed: K pairs of numbers below n."""
    asked = np.triu(np.ones((n, n))) if covariances else np.eye(n)
    asked[0] = 1  # the count and the sums are always asked for
    return np.nonzero(asked)


# %%
mu, C = 0.5, 2.0
rng, repeats = runtime.rng(65), runtime.budget(smoke=500, cpu=20_000)
everyone = contributions(train, covariances=False)  # (284, 122)
you = everyone[[np.linalg.norm(everyone, axis=1).argmax()]]  # (1, 122)
score_in, score_out = (  # how far the noisy sum lies in your direction
    torch.tensor([private_sum(rows, C, mu, rng) @ you[0] for _ in range(repeats)])
    for rows in (you, 0 * you)  # the others are known: the attacker subtracts them
)
audit = members_found(score_in, score_out, 0.01)
bound = norm.cdf(norm.ppf(0.01) + mu)
audit_error = 0.34 / math.sqrt(repeats)  # includes chance in the threshold
print(f"found: {audit:.1%} ± {audit_error:.1%} (standard error); guaranteed: at most {bound:.1%}")

# %% tags=["folded"]
curves["eight Gaussians, model in hand"] = found_at(with_model["K = 8"])
curves["your noisy sums"] = found_at([(score_in, score_out)])
drawing.guarantee(alarms, curves, norm.cdf(norm.ppf(alarms) + mu))

# %% [markdown]
# Within chance, the attack runs along the edge of the shaded region. **No attack will ever get past it**, not even one invented in
# a hundred years, as long as the noise is secret. From exact sums, the same attacker finds you every time. (One Gaussian lies
# lower, but that curve is one weak attack. The edge holds against all.)
#
# Whatever is computed *from* the noisy sums, a model or a hundred tables, keeps the guarantee (**post-processing**). A second sum
# spends more of the **privacy budget**: by **composition**, two at $\mu$ guarantee only $\sqrt2\,\mu$.
#
# <details><summary>In papers, and in practice</summary>
#
# Papers call $C$ the *sensitivity* of the sum, not that of a test. Most guarantee $(\varepsilon, \delta)$: adding or removing you
# changes the probability of any event by a factor of at most $e^\varepsilon$, plus $\delta$. For $\delta = 10^{-5}$,
# $\mu = \tfrac12$ is $\varepsilon = 2.0$. Real systems draw their noise from a cryptographic source (our seed is printed, so
# anyone can subtract ours) and guard against rounding (Mironov 2012).
#
# </details>


# %% tags=["folded"]
def gaussian_from(sums, covariances):
    """Weight, mean and covariance, from one diagnosis' noisy sums (D + 1, D + 1)."""
    n = max(sums[0, 0], 5)
    mean = sums[0, 1:] / n  # (D,)
    square = (sums + sums.T - np.diag(np.diag(sums)))[1:, 1:] / n  # (D, D)
    cov = square - np.outer(mean, mean)
    cov = cov if covariances else np.diag(np.diag(cov))
    values, vectors = np.linalg.eigh(cov)
    return n, mean, (vectors * np.maximum(values, 0.003)) @ vectors.T  # noise can make it negative


def private_patients(table, mu, n, rng, covariances, C, top):
    """n patients computed from noisy sums alone."""
    noisy = private_sum(contributions(table, covariances, top), C, mu, rng)
    parts, D = [], len(top)
    for half in np.split(np.asarray(noisy), 2):  # (K,) for each diagnosis
        sums = np.zeros((D + 1, D + 1))
        sums[asked_for(covariances, D + 1)] = half
        parts.append(gaussian_from(sums, covariances))
    y = (rng.random(n) < parts[1][0] / (parts[0][0] + parts[1][0])).astype(int)  # (n,)
    z = np.empty((n, D))
    for c, (_, mean, cov) in enumerate(parts):
        z[y == c] = rng.multivariate_normal(mean, cov, size=(y == c).sum())
    return from_roots({"x": (z + 1) / 2 * top, "y": y})


# %% [markdown]
# Two tables under the same guarantee, with the same $C$. The first is drawn from counts, means and variances, 61 numbers per
# diagnosis; the second uses all covariances too, 496 numbers. Without noise, a classifier that learns from the first misses about
# {{10.dp.modest_free:.0f}} of 100 cancers, and from the second about {{10.dp.ambitious_free:.0f}}.
#
# **Predict.** With $\mu = \tfrac12$, at most $3.4\%$ of the members can be found at 1% false alarms. To which table does the noise
# do more harm?
#
# - A: to the first, because each of its few numbers has to say more
#   - Fewer numbers make shorter rows, and clipping leaves more of each. That is in its favor.
# - B: to the second
#   - **Yes.** Its rows are longer, so clipping leaves less of each number beside the noise. And the noise reaches the
#     covariances, which gave this table its lead.
# - C: to both alike, because the guarantee is the same
#   - The guarantee fixes what leaks about a patient, not what is left to learn from.

# %% tags=["folded"]
guarantees = [math.inf, 2, 1, 0.5, 0.25]  # mu; the first is no guarantee and no noise
many_splits = range(120, 120 + runtime.budget(smoke=2, cpu=40))


def missed_with_privacy(mu, covariances, C=2.0, measured=range(10)):
    """Missed cancers of 100 on each split, after training on private patients. -> (40,)

    measured: which of the ten measurements are used, each with its mean, error and worst
    """
    missed, columns = [], [m + block for block in (0, 10, 20) for m in measured]
    for split in many_splits:
        rng = runtime.rng(split)
        train, test = ({"x": t["x"][:, columns], "y": t["y"]} for t in halves(rng))
        synth = private_patients(train, mu, 284, rng, covariances, C, top[columns])
        missed.append(missed_cancers(synth, test))
    return np.array(missed)


missed_with = {
    name: [missed_with_privacy(mu, covariances) for mu in guarantees]
    for name, covariances in (("means and variances", False), ("means and covariances", True))
}
bounds = norm.cdf(norm.ppf(0.01) + np.array(guarantees))  # members found at 1% false alarms
missed_by_real = [missed_cancers(*halves(runtime.rng(split))) for split in many_splits]
drawing.price_of_privacy(bounds, missed_with, missed_by_real)  # mean and standard deviation

# %% tags=["folded"]
three = {  # without noise, and with it
    name: np.stack([missed_with_privacy(mu, True, measured=m) for mu in (math.inf, 0.5)], axis=1)
    for name, m in (
        ("radius, texture, concave points", [0, 1, 7]),
        ("radius, texture, smoothness", [0, 1, 4]),
    )
}
loose = missed_with_privacy(0.5, True, C=6.0)
both = {name: np.stack([missed[0], missed[3]], axis=1) for name, missed in missed_with.items()}
drawing.table({"no noise": ".1f", "mu = 0.5": ".1f"}, both | three, "missed of 100 cancers")
print(f"means and covariances, C = 6, mu = 0.5: {loose.mean():.1f}")
leads = both["means and variances"] - both["means and covariances"]  # (40, 2)
for name, lead in zip(("no noise", "mu = 0.5"), leads.T, strict=True):
    lead, its_error = mean_and_error(lead)
    print(f"lead of the covariances, {name}: {lead:.1f} ± {its_error:.1f} (standard error)")

# %% [markdown]
# **The price of privacy is paid in missed cancers.** At $\mu = \tfrac12$ the first table leads to {{10.dp.modest:.0f}} of 100
# instead of {{10.dp.modest_free:.0f}}, the second to {{10.dp.ambitious:.0f}} instead of {{10.dp.ambitious_free:.0f}}, so about
# half of the second table's lead is gone. Part of the price is the choice of $C$. At 2 every row of both tables is clipped. With
# 6, which clips few rows, the noise is three times as large, and the second table leads to {{10.dp.loose:.0f}}.
#
# *What* you ask matters as much as how much. The mean, error and worst of three measurements, with their covariances, are 55
# numbers per diagnosis. Radius, texture and concave points lead to about as many missed cancers as all 496 numbers. With
# smoothness in place of concave points it is nearly twice as many, though without noise the two are close. (Choosing $C$ or
# columns by looking at the patients spends privacy budget. We did look: these have long been public.)
#
# More patients make the price smaller: the same noise hardly disturbs a sum over a million people. A single clinic has to choose
# its questions well.
#
# > **A good place to stop.** When you come back, run all cells above once (*Run → Run
# > All Above Selected Cell*).

# %% [markdown]
# ## A mark in the text
#
# A leaflet comes with the table, and a model writes it. A month later someone finds a leaflet online and asks: was that *your*
# model? Style proves nothing: detectors that go by how predictable the words are took more than half of the essays of non-native
# writers for the work of a machine (Liang et al. 2023). A **watermark** helps: a pattern in the choice of words that no reader
# notices and that the owner of a key can count.
#
# For a language model, a table is enough here: for each word, the probabilities of the next. Ours knows 116 words and writes
# about hospital life.

# %% tags=["folded"]
word_list = """
anxious calm cheerful curious grateful hopeful hungry patient restless sleepy tired wary young kind
carers children cousins doctors families nurses parents porters students surgeons visitors cleaners
carry check compare copy describe discuss explain file question read repeat sign trust write
blurred careful clear early faded frank hasty honest late long odd old short simple
answers charts diaries forms graphs leaflets letters lists notes recipes reports results scans tales
near behind beside in outside opposite above below inside around between beyond within across
busy bright crowded dim drafty empty green narrow noisy quiet spare sunny tidy warm
archives canteens chapels clinics corridors courtyards gardens kitchens libraries lobbies attics \
wards
. ; and but while so yet because"""
slots = [line.split() for line in word_list.strip().split("\n")]
words = word_list.split()  # V of them
number = {word: i for i, word in enumerate(words)}
V = len(words)


def language_model(rng):
    """P[i, j]: how likely word j follows word i; each word has its own preferences. -> (V, V)"""
    P = torch.zeros(V, V)
    for here, there in zip(slots, slots[1:] + slots[:1], strict=True):
        for word in here:
            preferences = torch.tensor(rng.dirichlet([5.0] * len(there))).float()
            P[number[word], [number[follower] for follower in there]] = preferences
    return P


P = language_model(runtime.rng(70))

# %% [markdown]
# The scheme is that of Kirchenbauer et al. (2023). A secret key and the *previous* word decide which share $\gamma$ of the
# vocabulary is **green** next. They go through a **hash**, which turns a text into numbers that look random: anyone with the key
# can compute them again, and nobody without it can guess them. While the model writes, green words get a bonus $\delta$ on
# their logits:
#
# $$ P_\delta(j \mid i) = \frac{P(j \mid i)\, e^{\delta\, \text{green}_{ij}}}{\sum_k P(k \mid i)\, e^{\delta\, \text{green}_{ik}}} $$


# %%
def green_table(key, gamma):
    """green[i, j]: is word j green after word i? A share gamma of each row, by a hash. -> (V, V)"""
    green = torch.zeros(V, V, dtype=torch.bool)
    for i in range(V):
        digest = hashlib.sha256(f"{key} {words[i]}".encode()).digest()  # 32 numbers below 256
        order = default_rng(list(digest)).permutation(V)  # (V,)
        green[i, order[: int(gamma * V)]] = True
    return green


def with_bonus(delta, green):
    """P_delta[i, j]: how likely word j follows word i, with the bonus for green ones. -> (V, V)"""
    return torch.softmax(torch.log(P) + delta * green, dim=1)  # log 0 stays impossible


def write(n, T, delta, green):
    """n texts of T words, after a full stop that opens them. -> (n, T + 1)"""
    P_delta = with_bonus(delta, green)
    texts = [torch.full((n,), number["."])]
    for _ in range(T):
        texts.append(torch.multinomial(P_delta[texts[-1]], 1)[:, 0])  # (n,)
    return torch.stack(texts, dim=1)


gamma = 0.5
green = green_table("a secret of ours", gamma)
runtime.seed_all(71)
for delta in (0, 3):
    text = " ".join(words[w] for w in write(1, 27, delta, green)[0, 1:])
    print(f"delta {delta}: {text}")

# %% [markdown]
# Can you tell by reading which text is marked? The owner of the key counts. Under the **null hypothesis** that a text was
# written without the key, whether the second word of a pair is green is the toss of a coin that shows 1 with probability
# $\gamma$.
#
# **Predict.** A text says "careful nurses" nine times. How many independent tosses of that coin are these nine pairs?
#
# - A: nine, one per pair
#   - The hash gives the same answer every time. If the pair is green once, it is green nine times.
# - B: one
#   - **Yes.** The same pair is the same coin, tossed once. Counting it nine times would make chance look like evidence.
# - C: none, because the writer repeats a habit
#   - The habit is the writer's, but the key decided whether the pair is green, and that is a coin toss.
#
# ### Exercise 10.4 · `watermark_z`
# `tokens` are word numbers, and `green[i, j]` says whether word $j$ is green after word $i$; the first token follows nothing. How
# many *different* pairs are green, compared with what you expect of an honest text? Work out the mean and variance of one toss,
# then of the sum of $T$ independent tosses. Return the **z-score**: how many standard deviations the count lies above its mean.


# %% tags=["exercise:10.4", "points:4", "minutes:7"]
def watermark_z(tokens: Tensor, green: Tensor, gamma: float) -> float:
    """How many standard deviations more green pairs than chance expects, each pair counted once.

    int (N,), bool (V, V), float -> float
    """
    # BEGIN SOLUTION
    pairs = torch.unique(torch.stack([tokens[:-1], tokens[1:]]), dim=1)  # (2, T)
    hits = green[pairs[0], pairs[1]]  # (T,)
    T = len(hits)
    return (hits.sum().item() - gamma * T) / math.sqrt(T * gamma * (1 - gamma))
    # END SOLUTION


# %% tags=["check:10.4"]
watermark_z = check("10.4", watermark_z)

# %% [markdown] tags=["help:10.4"]
# What is the mean of a number that is 1 with probability $\gamma$ and 0 otherwise? And the mean of its square? Variances of
# independent tosses add.
# ---
# Tokens $(0, 1, 0, 0, 1)$, and only 1 after 0 is green. The pairs are $01, 10, 00, 01$; three of them differ, and one of these
# is green. With $\gamma = \tfrac12$, $1.5$ were expected, with a variance of $3 \cdot \tfrac14$: $z = -0.5/0.866 = -0.577$.
# ---
# One toss has mean $\gamma$ and variance $\gamma - \gamma^2$, so $z = (\text{green} - \gamma T)/\sqrt{T\gamma(1 - \gamma)}$.
# `torch.unique` with `dim` keeps each pair once; so does a Python `set` of tuples. $T$ is the number of different pairs.

# %% [markdown]
# Call a text marked if $z > 4$: a Gaussian exceeds 4 three times in 100,000. Is $z$ Gaussian? Take honest texts of three
# lengths, test each with 100 keys, and set your $z$ beside one that counts every pair.


# %%
def z_all_pairs(hits, gamma):
    """The same with every pair counted, however often it comes. (..., T) bool -> (...)"""
    T = hits.shape[-1]
    return (hits.sum(dim=-1) - gamma * T) / math.sqrt(T * gamma * (1 - gamma))


# %% tags=["folded"]
runtime.seed_all(72)
honest = write(12, 1600, 0, green)
keys = [green_table(f"key {i}", gamma) for i in range(runtime.budget(smoke=5, cpu=100))]
false_alarms = {}
for T in (200, 800, 1600):
    texts = honest[:, : T + 1]
    once = np.array([[watermark_z(text, key, gamma) for text in texts] for key in keys])
    every = torch.stack([z_all_pairs(key[texts[:, :-1], texts[:, 1:]], gamma) for key in keys])
    false_alarms[T] = every.std().item(), (every > 4).sum().item(), once.std(), (once > 4).sum()
columns = {"std of z": ".2f", "above 4": ".0f", "once: std of z": ".2f", "once: above 4": ".0f"}
drawing.table(columns, {f"{T} words": row for T, row in false_alarms.items()}, "every pair:")

# %% [markdown]
# With each pair counted once, $z$ has a standard deviation of about 1 at any length (slightly less, as green lists have a fixed
# size). With every pair counted, it grows, to {{10.z.std_every:.1f}} at 1,600 words: an honest writer who is above chance by luck
# gets further above it with every repetition. **The longer an honest text, the likelier the false accusation**: at 1,600 words a
# few in a thousand. (They come in clusters: an unlucky key accuses several of the twelve texts at once.) Detectors can count
# repeated pairs once, as you do: in Hugging Face's `WatermarkDetector` that is `ignore_repeated_ngrams`, off by default.

# %% tags=["folded"]
runtime.seed_all(73)
plain, marked = (write(100, 200, delta, green) for delta in (0, 3))
wrong_key = green_table("a guess", gamma)


def z_of(texts, green):
    return np.array([watermark_z(text, green, gamma) for text in texts])


# %% tags=["folded"]
z_plain, z_marked, z_wrong_key = z_of(plain, green), z_of(marked, green), z_of(marked, wrong_key)
drawing.scores_of_texts({"unmarked": z_plain, "marked, wrong key": z_wrong_key, "marked": z_marked})
print(f"unmarked: highest {z_plain.max():.1f};  marked: lowest {z_marked.min():.1f}")

# %% tags=["folded"]
nll, entropy = [], []  # bits per word
for texts, delta in ((plain, 0), (marked, 3)):
    here, following = texts[:, :-1], texts[:, 1:]  # (100, 200)
    nll.append(-torch.log2(P[here, following]).mean().item())
    per_word = torch.special.entr(with_bonus(delta, green)).sum(dim=1) / math.log(2)  # (V,)
    entropy.append(per_word[here].mean().item())
print(f"bits per word under P: unmarked {nll[0]:.2f}, marked {nll[1]:.2f}")
print(f"entropy of the next word: unmarked {entropy[0]:.2f}, marked {entropy[1]:.2f}")

# %% [markdown]
# Two hundred words are enough: every marked text is far beyond 4, every other one below. And the marked texts are as likely
# under the model as the unmarked, within a tenth of a bit per word, because no follower in our table is far likelier than the
# rest. What they gave up is **entropy**: {{10.z.entropy_marked:.1f}} bits per word are left of {{10.z.entropy:.1f}}. Where a few
# words are much likelier, a bonus this strong also raises the perplexity (Kirchenbauer et al. 2023).
#
# Two things weaken the mark. One is *editing*, which takes no key: a pair survives only if both its words are left alone, so
# replacing half of the words leaves a quarter of the pairs (in Section E you play both sides). The other is *having no choice*, or
# low entropy: where the next word is fixed (a dosage, a name, a quotation), no bonus changes it. So a mark says which model wrote a
# text, if the text is long, its words were free, and nobody has learned the green lists from many marked texts to forge it
# (Jovanović, Staab & Vechev 2024). It does not say whether the text is *true*, and **a text without a mark proves nothing at all**.
# Against misinformation it is one tool: it lets an honest publisher say "this is ours".

# %% [markdown]
# ## The release card
#
# A table and a leaflet are about to be published. May they be? A decision needs the numbers on one page, as in model cards
# (Mitchell et al. 2019), and limits set *before* looking. The numbers are yours.
#
# The words are harder. Here is a sentence for our table: *"Not for: commercial use, as the data may contain
# inaccuracies."* It would be true of any table, so nobody will act on it. What is missing?
#
# <details><summary>A better sentence</summary>
#
# *"Not for choosing or tuning a diagnostic test: at 97% specificity, classifiers trained on such tables missed two or three
# more of 100 cancers than those trained on real patients (ten splits: one fewer to six more), and all patients come from one
# clinic before 1996."* It names a use that someone will think of, what would go wrong, for whom, and how we know. A reader can
# act on it, and can prove it wrong.
#
# </details>
#
# Write yours into the cell: one use to rule out, the harm, and the number from the card that says so.

# %% tags=["folded"]
strange = on_each_split(lambda train, test, synth: impossible(synth).mean())
more_missed = on_each_split(
    lambda train, test, synth: missed_cancers(synth, test) - missed_cancers(train, test)
)
for name, more in more_missed.items():
    print(f"more cancers missed of 100, by split: {name} from {min(more):.1f} to {max(more):.1f}")
leaked = {"one Gaussian": models["K = 1"][:, 3], "thirty Gaussians": models["K = 30"][:, 3]}

# %%
words_of_yours = {
    "What is released": "284 synthetic patients, 30 measurements and a diagnosis; a leaflet",
    "Made from": "",  # whose data, and did they agree to this use?
    "Meant for": "",  # one sentence: who may use it, and what for
    "Not for": "",  # which use, what would go wrong, for whom, and how you know
    "Who answers": "",  # whom can people contact if they find themselves in it?
}
which = "one Gaussian"  # the generator whose table we publish
card = [  # question, measured, limit, at least or at most
    ("possible? rows that break one of the two rules", strange[which], 0.01, "at most"),
    ("useful? TSTR, accuracy", useful[which], 0.94, "at least"),
    ("more cancers missed of 100 than with real patients", more_missed[which], 5, "at most"),
    ("copied? alarm", alarm[which], 0.67, "at most"),
    ("private? AUC, nearest patient", exposed[which], 0.6, "at most"),
    ("the same, unusual tenth", exposed_tail[which], 0.6, "at most"),
    ("refitted Gaussian, unusual tenth", refitted_tail[which], 0.6, "at most"),
    ("members found at 1% false alarms", found[which], 0.03, "at most"),
    ("singled out, beyond luck", singled[which], 0.02, "at most"),
    ("members found if the model leaks", leaked[which], 0.05, "at most"),
    ("marked? lowest z, 200 words", z_marked.min(), 4, "at least"),
    ("honest texts: std of z, 1,600 words", false_alarms[1600][2], 1.1, "at most"),
]
for question, answer in words_of_yours.items():
    print(f"{question:<18} {answer or '(yours to write)'}")
drawing.release_card(card)

# %% [markdown]
# Every line but one holds on average: refitting exposes the unusual. But you publish one table, not an average. The last column
# counts the splits on which a line holds: measure the table that you release.
#
# Set `which` to "thirty Gaussians" and run the cell again. Six more lines turn to NO. The table's rows are still possible and
# useful: only the questions about privacy give it away, and someone had to think of them.
#
# What no card can decide is left to people and the law. Data are *personal* if someone in them can be identified by means
# "reasonably likely to be used" (recital 26); the word "synthetic" does not change that. The European Union's AI Act asks that
# generated content be marked so that machines can tell (Regulation 2024/1689, article 50). Who consented, who answers, and who
# bears the cost of a mistake are questions for a name, not for a number.

# %% [markdown]
# ## What this run reached

# %% tags=["folded"]
usual, bayes, majority, sharp = (
    np.mean(diagnoses[name], axis=0)
    for name in ("logistic regression", "naive Bayes", "always benign", "the same, threshold 10%")
)
rows_of = {name: np.mean(rows, axis=0) for name, rows in quality.items()}

# %% tags=["folded"]
inside = runtime.reached(
    {
        "10.logistic": usual[0],
        "10.missed": 100 - 100 * usual[1],
        "10.bayes": bayes[0],
        "10.majority": majority[0],
        "10.trtr": np.mean(utility["trained on real patients"]),
        "10.tstr": np.mean(utility["synthetic"]),
        "10.blind": np.mean(utility["as claimed"]),
        "10.impossible.raw": rows_of["Gaussians"][0],
        "10.impossible.roots": rows_of["Gaussians of square roots"][0],
        "10.circle.roots": np.mean(too_round["Gaussians of square roots"]),
        "10.impossible.noise": np.mean(hidden["noise 1"], axis=0)[3],
        "10.auc.noise_tail": np.mean(hidden["noise 1"], axis=0)[1],
        "10.zeros.real": rows_of["real"][1],
        "10.zeros.clipped": rows_of["Gaussians, clipped"][1],
        "10.tstr.roots": rows_of["Gaussians of square roots"][2],
        "10.missed.roots": rows_of["Gaussians of square roots"][3],
        "10.alarm.one": alarm["one Gaussian"].mean(),
        "10.alarm.many": alarm["thirty Gaussians"].mean(),
        "10.alarm.copier": alarm["photocopier"].mean(),
    }
)

# %% tags=["folded"]
inside &= runtime.reached(
    {
        "10.auc.one": exposed["one Gaussian"].mean(),
        "10.missed.more": more_missed[which].mean(),
        "10.auc.many": exposed["thirty Gaussians"].mean(),
        "10.auc.copier": exposed["photocopier"].mean(),
        "10.auc.many_tail": exposed_tail["thirty Gaussians"].mean(),
        "10.found.one": found["one Gaussian"].mean(),
        "10.found.many": found["thirty Gaussians"].mean(),
        "10.found.copier": found["photocopier"].mean(),
        "10.singled.copier": singled["photocopier"].mean(),
        "10.auc.refit": refitted["one Gaussian"].mean(),
        "10.auc.refit_tail": refitted_tail["one Gaussian"].mean(),
        "10.auc.model_one": models["K = 1"][:, 2].mean(),
        "10.found.model_one": models["K = 1"][:, 3].mean(),
        "10.auc.model_eight": models["K = 8"][:, 2].mean(),
        "10.found.model_eight": models["K = 8"][:, 3].mean(),
        "10.found.table_eight": models["K = 8"][:, 1].mean(),
        "10.found.regular": models["K = 8, reg_covar = 0.1"][:, 3].mean(),
        "10.circle.regular": models["K = 8, reg_covar = 0.1"][:, 5].mean(),
    }
)

# %% tags=["folded"]
inside &= runtime.reached(
    {
        "10.dp.audit": audit,
        "10.dp.real": np.mean(missed_by_real),
        "10.dp.modest_free": missed_with["means and variances"][0].mean(),
        "10.dp.ambitious_free": missed_with["means and covariances"][0].mean(),
        "10.dp.modest": missed_with["means and variances"][3].mean(),
        "10.dp.ambitious": missed_with["means and covariances"][3].mean(),
        "10.dp.loose": loose.mean(),
        "10.dp.few": three["radius, texture, concave points"][:, 1].mean(),
        "10.dp.unlucky": three["radius, texture, smoothness"][:, 1].mean(),
        "10.z.std_every": false_alarms[1600][0],
        "10.z.std_once": false_alarms[1600][2],
        "10.z.marked": z_marked.min(),
        "10.z.plain": z_plain.max(),
        "10.z.bits": nll[1] - nll[0],
        "10.z.entropy": entropy[0],
        "10.z.entropy_marked": entropy[1],
    }
)

# %% tags=["solved"]
assert inside
assert usual[0] >= 0.95 and usual[0] > bayes[0] and sharp[1] > usual[1]
assert np.mean(utility["synthetic"]) >= 0.93 and np.mean(utility["as claimed"]) <= 0.75
assert rows_of["Gaussians"][0] > 0.2 and rows_of["Gaussians of square roots"][0] == 0
assert max(too_round["real"]) == 0 and min(too_round["Gaussians of square roots"]) > 0.02
_, unrooted, rooted = (np.mean(shares) for shares in too_round.values())
assert 0.35 < rooted / unrooted < 0.5
assert abs(change) < 3 * error
assert rounder_than_a_circle({"x": cancer.data}).sum() == 0
one, many, copies = (
    {"alarm": alarm[name].mean(), "auc": exposed[name].mean(), "found": found[name].mean()}
    for name in exposed
)
assert one["alarm"] < 2 / 3 < many["alarm"] and copies["alarm"] > 0.99
assert many["auc"] >= 0.65 and one["auc"] <= 0.6
assert one["found"] < 0.03 < 0.08 < many["found"] < copies["found"] / 2
single, eight, regular = (models[name].mean(axis=0) for name in list(models)[:3])  # (6,) each
assert 0.015 < eight[1] < 0.035 and single[2] < 0.65 < 0.9 < eight[2]  # "2% to 3%"
assert regular[3] < 1 / 6 < eight[3] and abs(regular[4] - eight[4]) < 0.015 and regular[5] > 0.3
better = refitted["one Gaussian"].mean()
assert better > one["auc"] + 0.04 and abs(better - single[2]) < 0.02
assert exposed_tail[which].mean() < 0.6 < refitted_tail[which].mean()
noisy, noisier = (np.mean(hidden[f"noise {noise}"], axis=0) for noise in (1, 1.5))  # (4,) each
assert noisy[0] < 0.58 < exposed_tail[which].mean() + 0.1 < noisy[1]
assert abs(noisier[1] - 0.6) < 0.08 and abs(noisier[2] - 0.945) < 0.01
assert abs(refitted_tail[which].mean() - noisy[1]) < 0.05
assert min(plane[32, 1.0][2], plane[8, 1.0][2]) > plane[8, 0.0][2] - 0.025

# %% tags=["solved"]
assert abs(audit - bound) < 4 * audit_error
gaps = leads.mean(axis=0)
assert gaps[0] > 5 and gaps[1] < 0.9 * gaps[0]  # over 200 splits, half
tight = both["means and covariances"][:, 1].mean()
few, unlucky = (missed[:, 1].mean() for missed in three.values())
assert loose.mean() > tight + 1 and few < tight + 5 and unlucky > few + 4
for table in halves(runtime.rng(0)):  # every row of both tables is clipped
    assert all(np.linalg.norm(contributions(table, c), axis=1).min() > C for c in (False, True))
assert 0.5 < more_missed["one Gaussian"].mean() < 3.5  # "two or three more"
assert z_marked.min() > 4 > z_plain.max() and z_wrong_key.max() < 4
assert false_alarms[1600][2] < 1.15 < 1.3 < false_alarms[1600][0]

# %% [markdown]
# That was the core. In a hurry? [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Section A · Molecules on paper
#
# The article's other promise for medicine is new drugs. A molecule can be written as a line of text, in **SMILES** (Weininger
# 1988): letters are atoms (`Cl` and `Br` take two), lowercase letters are atoms in aromatic rings, a pair of digits closes a ring,
# and parentheses hold a branch. Caffeine is `Cn1c(=O)c2c(ncn2C)n(C)c1=O`. The alphabet has 26 characters. Do with them what lesson
# 08 did with words: predict the next one. The course ships 4,047 small molecules, and we hold out every thirteenth. Our model is a
# GRU. An LSTM, as in Segler et al. (2018), has a third gate and a separate cell.


# %% tags=["studio", "export"]
class SmilesModel(nn.Module):
    """Which character comes next? A GRU: (B, T) -> logits (B, T, V), and its hidden state."""

    def __init__(self, V, hidden=192):
        super().__init__()
        self.embed = nn.Embedding(V, 32)
        self.gru = nn.GRU(32, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(hidden, V))

    def forward(self, tokens, h=None):
        states, h = self.gru(self.embed(tokens), h)  # (B, T, hidden)
        return self.head(states), h


def encode_smiles(smiles, alphabet):
    """Character numbers; 0, the line end, opens and closes; -1 is padding. -> (N, longest + 2)"""
    rows = torch.full((len(smiles), max(map(len, smiles)) + 2), -1)
    for row, text in zip(rows, smiles, strict=True):
        row[: len(text) + 2] = torch.tensor([0, *map(alphabet.index, text), 0])
    return rows


class SimilarLengths:
    """Minibatches of encoded strings of similar length, in a new order in each epoch."""

    def __init__(self, rows, size=64):
        self.rows, self.size, self.length = rows, size, (rows >= 0).sum(dim=1)  # (N,)

    def __len__(self):
        return -(-len(self.rows) // self.size)

    def __iter__(self):
        order = torch.randperm(len(self.rows))
        batches = order[(self.length[order] // 4).argsort(stable=True)].split(self.size)
        for b in torch.randperm(len(batches)).tolist():
            yield self.rows[batches[b], : self.length[batches[b]].max()]  # (B, T + 1)


# %% tags=["studio", "export"]
def character_nll(model, rows):
    """Negative log-likelihood of each character, 0 where there is padding. (B, T + 1) -> (B, T)"""
    logits, _ = model(rows[:, :-1].clamp(min=0))  # (B, T, V)
    return nn.functional.cross_entropy(
        logits.transpose(1, 2), rows[:, 1:], ignore_index=-1, reduction="none"
    )


def smiles_loss(model, rows):
    return character_nll(model, rows).sum() / (rows[:, 1:] >= 0).sum()


def train_smiles(model, rows, epochs, validate=None):
    """Train in place, with the loop of lesson 03, from torch's current seed. -> its history"""
    loader = SimilarLengths(rows)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    steps = epochs * len(loader)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=steps)
    return fit(model, loader, smiles_loss, optimizer, epochs, scheduler, 1.0, validate)


@torch.no_grad()
def write_smiles(model, n, temperature, alphabet):
    """n strings, character by character, until the line ends or 80 are written. -> list of str"""
    model.eval()
    token, h, written = torch.zeros(n, 1, dtype=torch.long), None, []
    for _ in range(80):
        logits, h = model(token, h)  # (n, 1, V)
        token = torch.multinomial(torch.softmax(logits[:, -1] / temperature, dim=1), 1)  # (n, 1)
        written.append(token)
    model.train()
    texts = ["".join(alphabet[t] for t in row) for row in torch.cat(written, dim=1).tolist()]
    return [text.split("\n")[0] for text in texts]


# %% tags=["studio"]
molecules = data.molecules()
held_out = molecules[::13]  # 312
known = [text for i, text in enumerate(molecules) if i % 13]  # 3735
read = known[:: runtime.budget(smoke=3, cpu=1)]  # the training strings; fewer in a smoke run
alphabet = ["\n", *sorted(set("".join(molecules)))]  # 27 characters
runtime.seed_all(80)
chemist = SmilesModel(len(alphabet), hidden=128)
history = train_smiles(chemist, encode_smiles(read, alphabet), runtime.budget(smoke=1, cpu=9))
runtime.seed_all(81)
written = write_smiles(chemist, runtime.budget(smoke=60, cpu=500), 0.7, alphabet)
print(f"nats per character: first {history['train'][0]:.2f}, last {history['train'][-1]:.2f}")
print(*written[:6], sep="\n")

# %% [markdown] tags=["studio"]
# It looks like chemistry. Is it? A string may be no molecule at all (a ring that never closes, a carbon with five bonds). It may
# name the same molecule as another string. It may be one that the model was trained on. **RDKit** reads SMILES and can tell. It
# is *not* installed with the course: if the next cell says that it is missing, run `pip install rdkit` once, restart the kernel,
# and run again. Without RDKit you work with the strings that come with the course, for which its answers are stored.
#
# `canonical(s)` is the one spelling that all strings of a molecule share, or `None` if `s` is not a molecule.
#
# **Predict.** How many of the three strings `CCO`, `OCC` and `C1CC` are molecules, and how many *different* ones?
#
# - A: three, all different
#   - `C1CC` opens a ring and never closes it, so it is not a molecule.
# - B: two, and they differ
#   - Read `OCC` from the other end: it is `CCO`.
# - C: two, and they are the same
#   - **Yes.** `CCO` and `OCC` are ethanol, read from either end, and `C1CC` opens a ring that never closes.

# %% tags=["studio"]
if chemistry.available():
    print({text: canonical(text) for text in ("CCO", "OCC", "C1CC")})
else:
    print("RDKit is not installed. To read molecules of your own,", chemistry.INSTALL)

# %% [markdown] tags=["studio"]
# ### Exercise 10.5 · `molecule_report`
# Return three rates, each a share of what the one before let through (as in Polykovskiy et al. 2020). **Valid**: the share of the
# strings that are molecules. **Unique**: the number of different molecules, as a share of the valid strings. **Novel**: the share
# of the different molecules that are not in `train`, though chemists may have made them long ago. Nobody promises that `train` is
# spelled canonically. Where there is nothing to divide by, the rate is 0.


# %% tags=["studio", "exercise:10.5", "points:4", "minutes:9", "export"]
def molecule_report(smiles, train):
    """How many strings are molecules, how many of these differ, how many of those are new.

    Two lists of str -> {"valid": float, "unique": float, "novel": float}, each in [0, 1]
    """
    # BEGIN SOLUTION
    valid = [c for c in map(canonical, smiles) if c is not None]
    different = set(valid)
    new = different - {canonical(s) for s in train}
    return {
        "valid": len(valid) / max(len(smiles), 1),
        "unique": len(different) / max(len(valid), 1),
        "novel": len(new) / max(len(different), 1),
    }
    # END SOLUTION


# %% tags=["studio", "check:10.5"]
molecule_report = check("10.5", molecule_report)

# %% [markdown] tags=["studio", "help:10.5"]
# What is the denominator of each of the three fractions? Can two different strings be one molecule?
# ---
# The samples are `CCO`, `OCC`, `CC` and `C1CC`; the training string is `CC`. Three of four are valid, $0.75$. Their canonical
# spellings are `CCO`, `CCO`, `CC`, so there are two different molecules among three, $0.667$. Of these two, `CC` is known, so
# novel is $0.5$.
# ---
# First make every string canonical, then build a set: a set forgets repetitions, and a difference of sets removes the known
# molecules. `max(…, 1)` prevents a division by zero.

# %% [markdown] tags=["studio"]
# Which baseline would a chemist try first? **AddCarbon** (Renz et al. 2019) takes a known molecule and inserts one `C` somewhere
# in its string, again and again until the result is a molecule.
#
# **Predict.** On which of the three rates does the trained network beat AddCarbon?
#
# - A: on all three, because it has learned chemistry
#   - AddCarbon needs no chemistry: it starts from molecules that exist, and asks RDKit.
# - B: on novelty, because AddCarbon stays so close to known molecules
#   - It stays close, but one more atom makes another molecule, and *novel* asks for nothing else.
# - C: on none
#   - **Yes.** Three rates that the field has reported for years are won by a program without a model. Validity measures
#     spelling; the other two ask only for something different.


# %% tags=["studio", "export"]
def add_carbon(text, rng):
    """A molecule with one more carbon in its string."""
    while True:
        i = rng.integers(len(text) + 1)
        if new := canonical(text[:i] + "C" + text[i:]):
            return new


# %% tags=["studio"]
long_run = chemistry.shipped()
carbon = long_run["carbon"]  # (312,) each held-out molecule with one more carbon
rows = {"GRU, shipped run": long_run["samples"]}
if chemistry.available():
    rng = runtime.rng(82)
    rows["GRU, yours"] = written
    start = rng.integers(len(known), size=len(written))
    rows["AddCarbon"] = [add_carbon(known[i], rng) for i in start]
else:
    rows["AddCarbon"] = carbon
columns = dict.fromkeys(("valid", "unique", "novel", "QED", "nearest known"), ".2f")
some = known[:: runtime.budget(smoke=80, cpu=8)]
compared = molecules[:: runtime.budget(smoke=20, cpu=1)]  # all of them
reports = {name: molecule_report(texts, compared) for name, texts in rows.items()}
lines = {"training molecules": (math.nan, math.nan, math.nan, *chemistry.profile(some, ()))}
for name, texts in rows.items():
    lines[name] = *reports[name].values(), *chemistry.profile(texts, compared)
drawing.table(columns, lines)

# %% [markdown] tags=["studio"]
# AddCarbon wins every rate. (The shipped strings were written by a larger GRU, trained on all molecules, after 9 of the 24 epochs
# shown below.) The two columns on the right need RDKit and are means over the new molecules. **QED** (Bickerton et al. 2012)
# scores from 0 to 1 how closely size, polarity and other properties resemble those of approved drugs. "Nearest known" compares
# structural fingerprints with those of the most similar training molecule (Tanimoto similarity; 1 means the same). The GRUs'
# molecules are less drug-like than those they learned from, and about as close to them as AddCarbon's, or closer.
#
# What is the model good for, then? It has something that AddCarbon lacks: a likelihood. Take each held-out molecule, which
# chemists have made, and its neighbor with one more carbon, which is as valid. Which of the two is likelier under the model,
# per character? No rate of a sampler can ask this.

# %% tags=["studio"]
chemist.eval()
with torch.no_grad():
    made, spoiled = (encode_smiles(texts, alphabet) for texts in (held_out, carbon))
    per_character = [
        character_nll(chemist, rows).sum(dim=1) / (rows[:, 1:] >= 0).sum(dim=1)  # (312,)
        for rows in (made, spoiled)
    ]
prefers_made = (per_character[0] < per_character[1]).float().mean().item()
print(f"the molecule that exists is the likelier of the two in {prefers_made:.0%} of the pairs")

# %% [markdown] tags=["studio"]
# Guessing would give 50%. So has the network learned which molecules chemists make? A skeptic would first try a table of counts:
# lesson 08's $n$-gram, here with five characters of context, and with thirteen.

# %% tags=["studio"]
thirteen = chemistry.CharacterTable(read, 14)
counts = {5: thirteen.shortened(6), 13: thirteen}
pairs = zip(held_out, carbon, strict=True)
table_prefers_made = np.mean([counts[5].nll(a) < counts[5].nll(b) for a, b in pairs])
print(
    f"the table of five prefers the molecule that exists in {table_prefers_made:.0%} of the pairs"
)
if chemistry.available():
    for context, table in counts.items():
        rng = runtime.rng(83)
        copied = [table.write(rng, 0.7) for _ in range(runtime.budget(smoke=20, cpu=200))]
        reports[f"table, {context} characters"] = molecule_report(copied, compared)
    columns = dict.fromkeys(("valid", "unique", "novel"), ".2f")
    drawing.table(columns, {name: tuple(rates.values()) for name, rates in reports.items()})

# %% [markdown] tags=["studio"]
# As a judge, the table of five is no worse than the network: an extra carbon shows within a few characters (in more than a
# quarter of the pairs it breaks an aromatic ring). As a writer it is far worse. Only about a third of its strings are molecules,
# because it has forgotten which rings and branches are open. A longer memory makes the table valid, but most of its molecules are
# copies. Valid *and* new: *that* is what the network has learned. With a likelihood you can rank candidates, complete a given
# beginning, or tune toward a target (Segler et al. 2018), and AddCarbon can do none of this. As a mere source of new molecules,
# though, the network is no better than AddCarbon.
#
# Here are its new molecules of highest QED, a selection: picking the best makes any generator look good. None of these numbers
# knows of stability. A carbamic acid (a carboxyl group on a nitrogen) falls apart into an amine and carbon dioxide. None of the
# training molecules is one; some of the new ones are.

# %% tags=["studio"]
sheet = chemistry.best(written, compared, 8) if chemistry.available() else []
if chemistry.available():
    new = set(map(canonical, written)) - {None, *compared}
    for name, texts in {"training": compared, "new": new}.items():
        acids = chemistry.matching(texts, "[NX3]C(=O)[OX2H1]")
        print(f"{name} molecules: {acids} of {len(texts)} are carbamic acids")
chemistry.draw_sheet(
    sheet or long_run["best"],
    "Highest QED among the new molecules, and similarity to the nearest known one",
)

# %% [markdown] tags=["studio"]
# **Would training longer help?** A script of the course tried (`tools/measure/studies/smiles.py`) and measured as it went.
#
# **Predict.** What happens to novelty with more epochs?
#
# - A: it rises, because a better model finds more
#   - A better model of *these* molecules puts more of its probability on these molecules.
# - B: it falls
#   - **Yes.** Validity rises, and novelty pays for it: the model memorizes more and more of its four thousand molecules.
# - C: it stays the same, because sampling is random
#   - The samples are random, but from a distribution that moves ever closer to the training set.

# %% tags=["studio"]
drawing.epochs_of_molecules(long_run)

# %% [markdown] tags=["studio"]
# At temperature $0.8$, validity rises to {{10.mol.long_valid:.2f}}, and novelty falls to {{10.mol.long_novel:.2f}}. It is the
# copier again, and validity alone does not show it. Up to epoch 13, training longer trades novelty for validity. A lower
# temperature also raises validity, but pays in *uniqueness*: the same molecules come again. (Your network is smaller, saw
# fewer molecules and wrote at $0.7$: {{10.mol.valid:.2f}} valid and {{10.mol.novel:.2f}} novel, medians of five runs that
# differ widely in validity. The long run was made once.)
#
# A valid, new molecule is not a drug. Can it be made? Does it dissolve, reach its target, bind there, harm the liver? Each
# question is an experiment, and most candidates fail one. (Gómez-Bombarelli et al. 2018 go on to search for properties.) Our
# training set contains dyes and toxic compounds, and so may the samples.

# %% [markdown] tags=["studio"]
# ### Section B · Did the work get faster?
#
# **Debug a claim.** "Generative AI makes work more efficient", says the article, in its title and again at the end. It cites no
# trial. How would anyone know? Build a world in which the truth is known because we *simulate* it: 300 people with one task each.
# In this invented world the tool *costs* time: every task takes $1.15$ times as long. People believe that it saves a fifth. And
# the fast ones are the first to pick it up.


# %% tags=["studio"]
def simulate_trial(n, true_ratio, rng, chosen=False):
    """Invented data, columns of n: ai (bool), minutes, believed (a ratio), team 0 to 9.

    With `chosen`, people decide for themselves whether to use the tool, and the fast more often do.
    """
    skill = rng.normal(size=n)
    ai = rng.permutation(n) < n // 2 if not chosen else skill + rng.normal(size=n) > 0
    alone = np.exp(math.log(60) - 0.3 * skill + 0.3 * rng.normal(size=n))  # minutes without it
    return {
        "ai": ai,
        "minutes": alone * np.where(ai, true_ratio, 1),
        "believed": np.exp(rng.normal(math.log(0.8), 0.15, n)),
        "team": rng.integers(0, 10, n),
    }


trial = simulate_trial(300, 1.15, runtime.rng(90))
print({name: column[:3] for name, column in trial.items()})

# %% [markdown] tags=["studio"]
# ### Exercise 10.6 · `trial_effect`
# Estimate the ratio of times, with AI over without, and its 95% **confidence interval**: a range built so that it contains the
# truth in 95 of 100 such trials. Times are skewed: most tasks take about an hour, a few take three. So work with logarithms, in
# which a ratio is a difference. You know the standard error of a mean from lesson 05, and each group has its own. How uncertain is
# a difference of two independent estimates? The interval reaches $1.96$ standard errors to each side. (Welch's *t* interval, which
# is slightly wider, will do as well.) Return a ratio: $\hat r$ above 1 means slower.
#
# The table has four columns, all NumPy arrays. Which do you need?


# %% tags=["studio", "exercise:10.6", "points:4", "minutes:10"]
def trial_effect(df):
    """Time with AI over time without, as a ratio of geometric means, and its 95% interval.

    Columns "ai" (n,) bool and "minutes" (n,) -> (ratio, (low, high))
    """
    # BEGIN SOLUTION
    with_ai, without = (np.log(df["minutes"][group]) for group in (df["ai"], ~df["ai"]))
    difference = with_ai.mean() - without.mean()
    error = math.sqrt(with_ai.var(ddof=1) / len(with_ai) + without.var(ddof=1) / len(without))
    low, high = (math.exp(difference + side * 1.96 * error) for side in (-1, 1))
    return math.exp(difference), (low, high)
    # END SOLUTION


# %% tags=["studio", "check:10.6"]
trial_effect = check("10.6", trial_effect)

# %% [markdown] tags=["studio", "help:10.6"]
# Which of the four columns did chance decide, which was measured with a clock, and which did people only report? What does a
# difference of two logarithms become when you take its exponential?
# ---
# With AI, two tasks took 20 and 80 minutes; without, 10 and 40. The geometric means are $40$ and $20$, so the ratio is $2$. The
# logarithms have standard deviation $s = 0.98$ in both groups, so $\mathrm{SE}^2 = 0.96/2 + 0.96/2$, $\mathrm{SE} = 0.98$, and
# the interval is $2\,e^{\pm 1.92}$: from $0.29$ to $13.6$. Four tasks tell you nothing.
# ---
# In logarithms, $\mathrm{SE}^2 = s_{\text{AI}}^2/n_{\text{AI}} + s_{\text{no}}^2/n_{\text{no}}$. The exponential comes last,
# for the estimate and for both ends, so the interval is not symmetric around the ratio. Everyone counts, in the group where
# chance put them.


# %% tags=["studio", "folded"]
def four_estimates(rng):
    """Four estimates of the same effect, each with a 95% interval: {name: (ratio, (low, high))}"""
    trial = simulate_trial(300, 1.15, rng)
    beliefs = np.log(trial["believed"][trial["ai"]])  # what those with the tool believe
    margin = 1.96 * beliefs.std(ddof=1) / math.sqrt(len(beliefs))
    teams = [
        trial_effect({name: column[trial["team"] == team] for name, column in trial.items()})
        for team in range(10)
    ]
    return {
        "what users believe": (
            math.exp(beliefs.mean()),
            tuple(np.exp(beliefs.mean() + np.array([-margin, margin]))),
        ),
        "users who chose it, against the rest": trial_effect(
            simulate_trial(300, 1.15, rng, chosen=True)
        ),
        "the best of ten teams": min(teams),
        "the trial, everyone": trial_effect(trial),
    }


# %% [markdown] tags=["studio"]
# **Predict.** Below are four estimates of the same effect, each with its 95% interval. The truth is $1.15$. Simulate a
# thousand worlds: whose interval contains the truth in 95 of 100?
#
# - A: all four, because each is a 95% interval
#   - An interval allows for luck in the sample. It does not know what was asked, who was asked, or how the sample was chosen.
# - B: only that of the whole trial
#   - **Yes.** The others are intervals around something else: a belief, people who were fast before, the luckiest of ten teams.
# - C: the trial's, and that of the best team, because in both chance decided who gets the tool
#   - Chance decided within each team. But someone chose the team *by its result*.

# %% tags=["studio"]
drawing.trials(four_estimates(runtime.rng(90)), 1.15)
worlds = [
    four_estimates(runtime.rng(1000 + world))
    for world in range(runtime.budget(smoke=100, cpu=1000))
]
coverage = {}
for name in worlds[0]:
    held = [world[name][1][0] <= 1.15 <= world[name][1][1] for world in worlds]
    coverage[name] = np.mean([world[name][0] for world in worlds]), np.mean(held)
drawing.table({"mean estimate": ".2f", "truth in the interval": ".1%"}, coverage)

# %% [markdown] tags=["studio"]
# Many people can be wrong together, and the luckiest of ten teams looks better than the whole. (Its interval still contains the
# truth in {{10.trial.best:.0%}} of the worlds, but only because it is wide.) Only the comparison in which *chance* decided and
# *everyone* counts keeps its 95%. So randomize, measure with a clock, count everyone, and say how sure you are.
#
# **What real trials found.** The numbers below are reported by the papers, not measured here.
#
# | trial | who, and what | time with AI |
# |---|---|---|
# | Noy & Zhang 2023 | 453 professionals, writing tasks of half an hour | 40% less, and better rated |
# | Peng et al. 2023 | 95 programmers, one small server in JavaScript | 56% less (interval 21 to 89) |
# | Becker et al. 2025 | 16 experienced developers, 246 tasks in their own large projects | 19% *more* (interval 2 to 39); they believed 20% less |
# | METR, 24 February 2026 | a similar design with later tools: 10 of these developers, and 47 new ones | 18% less (38 less to 9 more); 4% less (15 less to 9 more) |
#
# The first three do not contradict each other: other people, other tasks, other tools. The fourth comes from the authors of
# the third, who do not trust it. By then, many developers declined to take part without AI, and 30 to 50% said that they held
# back tasks that they wanted it for. So those whom AI helps most are missing, and the authors are changing the design.
# Selection broke the comparison again, this time *inside* a randomized trial.
#
# In a call center, beginners gained most and the experienced little (Brynjolfsson, Li & Raymond 2025). How generative AI changes
# *your* work is a question for a trial at your desk: toss a coin for each task, and keep the times. A person with a tool is not
# automatically faster than a person without.

# %% [markdown] tags=["studio"]
# ### Section C · Whose words are these?
#
# Among the texts a model is trained on is one by an author who was not asked. It is there *once*, beside four hundred others.
# Does that matter? The models are $n$-grams as in lesson 08: count which word follows the last $n - 1$. The four hundred are
# leaflets by the core's language model, and this verse stands in for the author's work.

# %% tags=["studio"]
verse = """the night nurse counts the quiet beds and leaves a lamp for those who fear the dark
the corridor is longer than the year and every door has learned to close like bark
she knows the names that nobody will read she writes them small and carries them to day
the morning takes the ward the way the sea will take a shore and never say""".split()


def count_words(texts, n):
    """Which words followed each n - 1 words, and how often. -> {tuple: [words]}"""
    table = {}
    for text in texts:
        for i in range(len(text) - n + 1):
            table.setdefault(tuple(text[i : i + n - 1]), []).append(text[i + n - 1])
    return table


def continue_text(table, start, length, rng):
    """Words drawn one by one, until a context that the model has never seen. -> list of words"""
    text = list(start)
    n = len(next(iter(table)))
    while len(text) < length and tuple(text[-n:]) in table:
        text.append(str(rng.choice(table[tuple(text[-n:])])))
    return text


def longest_copy(text, source):
    """The longest run of words in both: its length, and where it begins in the text."""
    inside = " " + " ".join(source) + " "
    best = (0, 0)
    for i in range(len(text)):
        while i + best[0] < len(text) and " " + " ".join(text[i : i + best[0] + 1]) + " " in inside:
            best = best[0] + 1, i
    return best


# %% [markdown] tags=["studio"]
# `longest_copy` is the copier alarm for text: the longest run of words taken from a source. A run of up to three words proves
# nothing: our prompt alone can be that long.
#
# **Predict.** We start each model with the first words of the verse. What is the smallest $n$ that recites it?
#
# - A: 2, one word of context
#   - *The* and *and* occur many times in the verse, and after each the model may jump to another place.
# - B: 3, two words of context
#   - **Yes.** Two words of context and one reading are enough, because no pair of its words occurs anywhere else in
#     the 401 texts.
# - C: no $n$ does, because one text in 401 is too rare to be learned
#   - It is rare in the whole. But after the verse's own words it is all that the model has ever seen.

# %% tags=["studio"]
runtime.seed_all(92)
leaflets = [
    [words[w] for w in text] for text in write(runtime.budget(smoke=50, cpu=400), 63, 0, green)
]
copied = {"with the verse": {}, "without it": {}}
for n in (2, 3, 4):
    for name, texts in zip(copied, ([*leaflets, verse], leaflets), strict=True):
        counts = count_words(texts, n)
        runs = []
        for repeat in range(50):
            text = continue_text(counts, verse[: n - 1], 60, runtime.rng(100 + repeat))
            runs.append(longest_copy(text, verse)[0])
        copied[name][f"n = {n}"] = np.mean(runs)
drawing.copied_runs(copied)
recited = continue_text(count_words([*leaflets, verse], 3), verse[:2], 24, runtime.rng(93))
print("n = 3:", " ".join(recited))

# %% [markdown] tags=["studio"]
# Nobody meant to store the verse, and the average loss does not show it: it is one text in 401. The alarm finds it because it
# knows what to look for. Large models do the same with what they saw often, and sometimes with what was in one document alone,
# repeated there (Carlini et al. 2021). When the author withdraws consent and the verse is taken out, it is gone, and only the
# prompt remains. From a table of counts it can even be subtracted, exactly. From a network's weights nobody knows how to do
# that exactly, short of training again. Asking first is cheaper.
#
# The alarm can also guard the exit, and hold back any sample that shares more than a few words in a row with a protected text.
# Whether a copied verse is an infringement, a quotation or a parody is not in the counts. *That* it is copied is, and you can now
# show it.

# %% [markdown] tags=["studio"]
# ### Section D · Build: patients you may publish
#
# Write a generator of synthetic patients from an empty page. It gets a table of real ones and returns `n` others. Their TSTR must
# reach $0.9$ (real patients reach {{10.trtr:.3f}}, always benign about {{10.majority:.2f}}). The copier alarm must stay below
# $\tfrac23$, and the AUC of the nearest-patient attack must not exceed $0.6$. At most 2% of the rows may be impossible by the two
# rules of the core. Within a diagnosis, the measurements must vary about as much as those of real patients, and be correlated at
# least a quarter as strongly: a nucleus of large radius has a large perimeter. Any method counts: Gaussians, another family, a
# VAE, something of your own. Plain copies are caught, noisy or not.
#
# ### Exercise 10.7 · `make_patients`
# `table` is `{"x": (N, 30), "y": (N,)}`; return the same kind with `n` rows, as NumPy arrays. Draw all randomness from `rng`.
# The check hands you 284 patients, in units of its own, and keeps the other 284 to judge by. It does so four times, and takes
# the averages. It stops you after a minute.


# %% tags=["studio", "exercise:10.7", "points:8", "minutes:20"]
def make_patients(table, n, rng):
    """Synthetic patients that can exist, teach a classifier and are no copies.

    table {"x": (N, D), "y": (N,)} of 0 and 1 -> {"x": (n, D), "y": (n,)}
    """
    # BEGIN SOLUTION
    y = rng.choice(table["y"], n)  # diagnoses as often as among the real
    roots = to_roots(table)["x"]  # (N, D)
    x = np.empty((n, roots.shape[1]))  # (n, D)
    for c in (0, 1):
        real = roots[table["y"] == c]  # (N_c, D)
        mean, std = real.mean(axis=0), real.std(axis=0)
        covariance = np.cov((real - mean) / std, rowvar=False)  # (D, D)
        covariance = 0.9 * covariance + 0.1 * np.eye(len(std))  # depends less on each patient
        z = rng.multivariate_normal(np.zeros(len(std)), covariance, (y == c).sum())
        x[y == c] = mean + std * z
    return from_roots({"x": x, "y": y})
    # END SOLUTION


# %% tags=["studio", "check:10.7"]
make_patients = check("10.7", make_patients)

# %% [markdown] tags=["studio", "help:10.7"]
# What does a classifier need to know about each diagnosis? And what does it *not* need to know about any one patient?
# ---
# Two columns. Malignant: $(5, 10), (7, 14), (9, 18)$; benign: $(1, 2), (2, 4), (3, 6)$. Keep the two means, $(7, 14)$ and
# $(2, 4)$, and how the columns vary, alone and *together*. One patient changes such a number only a little; a copy *is* the
# patient. Drawn one column at a time, $(5, 18)$ would turn up, and nobody is like that.
# ---
# One Gaussian per diagnosis, on square roots, so that every row is possible. Its covariance is mixed with the identity, so that
# no direction depends on a handful of patients. One Gaussian of the core passes as well; a few are at the limit.

# %% tags=["studio"]
built = []
for split in splits:
    rng = runtime.rng(110 + split)
    train, test = halves(rng)
    synth = make_patients(train, 284, rng)
    scores = attack(synth, train, test)
    row = tstr(synth, test), attack_auc(*scores), members_found(*scores, 0.01)
    tail = attack_on_unusual(train, test, synth, refit_attack)
    built.append((*row, impossible(synth).mean(), tail))
columns = {"TSTR": ".3f", "AUC": ".2f", "members found": ".1%", "impossible": ".1%"}
drawing.table(columns | {"refitted, unusual": ".2f"}, {"what you built": built})
built = np.mean(built, axis=0)

# %% [markdown] tags=["studio"]
# ### Section E · What removes the mark
#
# Someone without the key edits the text. If a share $p$ of the words is replaced at random, both words of a pair are left alone
# with probability $(1 - p)^2$. Any other pair is green about as often as by chance. So with $T$ words,
#
# $$ z(p, T) \lesssim (1 - p)^2 \sqrt{T / 200}\; z(0, 200) $$
#
# Two things keep $z$ below this: pairs repeat in a long text, and a replacement is never the word it replaces, which was probably
# green.
#
# **Play both sides.** The writer sets `strength`, which is $\delta$, and the length of the text found; the other side sets the
# share of words replaced. Above is the beginning of one text, with green words in bold; below, $z$ of a hundred marked texts and
# of a hundred unmarked ones.
#
# **Your goal.** (1) Find the shortest text of strength 3 that you would dare to call marked in court. (2) Which strength and
# length survive half of the words being replaced? (3) Set the strength to 0. Are there green words, and what do they prove?

# %% tags=["studio", "folded"]
first = torch.tensor([number[slot[0]] for slot in slots])  # (9,) the first word of each slot
sizes = torch.tensor([len(slot) for slot in slots])  # (9,)
slot_of = torch.arange(9).repeat_interleave(sizes)  # (V,)


def paraphrase(texts, p):
    """Replace a share p of the words, each by another of its kind. (n, T + 1) -> (n, T + 1)"""
    kind = slot_of[texts]
    step = 1 + (torch.rand(texts.shape) * (sizes[kind] - 1)).long()  # never back to the same word
    other = first[kind] + (texts - first[kind] + step) % sizes[kind]
    return torch.where(torch.rand(texts.shape) < p, other, texts)


# %% tags=["studio"]
runtime.seed_all(74)
library = {}
for strength in np.arange(7.0):
    texts = write(runtime.budget(smoke=20, cpu=100), 400, float(strength), green)
    for share in (0.0, 0.25, 0.5, 0.75):
        library[float(strength), share] = paraphrase(texts, share)
survives = {p: np.median(z_of(library[3.0, p][:, :201], green)) for p in (0.0, 0.25, 0.5)}
explorables.watermark(library, green, words, gamma)

# %% [markdown] tags=["studio"]
# <details><summary>What to find</summary>
#
# (1) Fifty words bring nearly all texts above 4; with 25 some stay below. Short texts cannot be judged. (2) Replacing half of the
# words leaves a quarter of the pairs. No strength brings more than about one in ten texts of 200 words back above 4, because from
# strength 4 on nearly every word is green already. Length helps where strength cannot: with 400 words and the greatest strengths,
# a fifth to a quarter of the texts are back. (3) Half of all words are green in everyone's texts, yours included: a green word
# proves nothing.
#
# </details>
#
# In real text, too, rewriting weakens the mark and length brings it back: after people had rewritten a text thoroughly, it took
# 800 tokens on average to find the mark, with one false alarm in 100,000 (Kirchenbauer et al. 2024). A mark stops the careless,
# not the determined.

# %% tags=["studio"]
also_inside = runtime.reached(
    {
        "10.trial.ratio": coverage["the trial, everyone"][0],
        "10.trial.chosen": coverage["users who chose it, against the rest"][0],
        "10.trial.believed": coverage["what users believe"][0],
        "10.trial.coverage": coverage["the trial, everyone"][1],
        "10.trial.best": coverage["the best of ten teams"][1],
        "10.copy.poem": copied["with the verse"]["n = 3"],
        "10.copy.without": copied["without it"]["n = 3"],
        "10.build.tstr": built[0],
        "10.build.auc": built[1],
        "10.mol.long_valid": long_run["valid"][-1, 1],
        "10.mol.long_unique": long_run["unique"][-1, 1],
        "10.mol.long_novel": long_run["novel"][-1, 1],
        "10.mol.made": prefers_made,
        "10.z.half": survives[0.5],
    }
)
if "GRU, yours" in reports:
    also_inside &= runtime.reached(
        {
            "10.mol.valid": reports["GRU, yours"]["valid"],
            "10.mol.unique": reports["GRU, yours"]["unique"],
            "10.mol.novel": reports["GRU, yours"]["novel"],
            "10.mol.carbon": reports["AddCarbon"]["novel"],
        }
    )

# %% tags=["studio", "solved"]
assert also_inside
believe, chose, best, everyone = coverage.values()  # mean estimate, coverage
assert max(believe[1], chose[1]) < 0.05 and 0.65 < best[1] < 0.8 and best[0] < 1
assert 0.92 < everyone[1] < 0.975
assert copied["with the verse"]["n = 3"] > 30 > 5 > copied["without it"]["n = 3"]
assert built[0] >= 0.94 and built[1] <= 0.6 and built[3] <= 0.02
assert prefers_made > 0.7 and table_prefers_made > 0.8
bars = {"valid": 0.8, "unique": 0.95, "novel": 0.8}  # what the text says the long run kept
assert [long_run[rate][-1, 1] >= bar for rate, bar in bars.items()] == [True, True, False]
if "GRU, yours" in reports:
    mine, carbons = reports["GRU, yours"], reports["AddCarbon"]
    short, long = reports["table, 5 characters"], reports["table, 13 characters"]
    assert all(carbons[rate] > mine[rate] for rate in mine)
    assert 0.2 < short["valid"] < 0.5 < min(mine["valid"], long["valid"])
    assert long["novel"] < 0.6 < 0.8 < mine["novel"]

# %% tags=["studio", "solved"]
assert all(abs(z - (1 - p) ** 2 * survives[0.0]) < 1.2 for p, z in survives.items())
assert survives[0.5] < 4 < survives[0.25]

# %% [markdown] tags=["studio"]
# ### Section F · A reading list that exists
#
# A model that writes references invents some of them; so did the article, or whoever wrote it. We looked up every one. Of its
# books, one (*Generative Models*) was not found anywhere, one has a mixed-up title, and one (*Deep Learning*, 2016) predates
# Transformers and today's diffusion models. Of its courses, Coursera's specialization exists but has no VAE and no GAN, edX's was
# not found, and Udacity's is named too vaguely to be looked up. All 76 findings are on the course's errata page, `docs/errata.md`.
# Remember the last finding: a text without an author, a date, or sources has to be checked line by line.
#
# What we found and can recommend: the books by Foster (*Generative Deep Learning*, second edition 2023), Tomczak (*Deep
# Generative Modeling*), Prince (*Understanding Deep Learning*, 2023), and Chollet & Watson (*Deep Learning with Python*);
# Carnegie Mellon's course 11-785 and the Deep Learning Specialization of DeepLearning.AI for foundations; the documentation of
# PyTorch, of Keras and TensorFlow, and of Hugging Face. For research, there are the *Journal of Machine Learning Research* (free
# to read), the *IEEE Transactions on Pattern Analysis and Machine Intelligence*, and the preprints that everyone reads first and
# reviews last.

# %% [markdown]
# ## Where we are now
#
# You can
# - report a classifier by the cancers it misses;
# - judge synthetic patients by what they teach and whether they can exist;
# - attack a table, and add noise that no attack gets past, at a price in missed cancers;
# - detect a watermark without accusing honest writers;
# - decide on a release, and say in one sentence what it is not for.
#
# **Read on.** Stadler, Oprisanu & Troncoso 2022, *Synthetic Data: Anonymisation Groundhog Day*. Carlini et al. 2022,
# *Membership Inference Attacks From First Principles*. Dwork & Roth 2014, *The Algorithmic Foundations of Differential
# Privacy*, and Abadi et al. 2016, *Deep Learning with Differential Privacy*: clipping and noise, as in 10.3, at every gradient
# step.
#
# **The end.** In lesson 01 a photocopier looked like a perfect generator. You can now say in numbers why it is not. Take a
# generator of your own, and fill in its card.
