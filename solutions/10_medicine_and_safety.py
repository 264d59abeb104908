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
# **When you are through you will be able to**
# - *separate* prediction from generation, and say which of the two a medical claim needs;
# - *judge* synthetic patients by what a classifier learns from them (train on synthetic, test on real);
# - *raise the alarm* on a copier, *attack* the privacy of a released table, and close the hole;
# - *watermark* generated text, detect the mark, and remove it;
# - *fill in* a release card with numbers you measured yourself.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import hashlib
import math

import numpy as np
import torch
from scipy.spatial.distance import cdist
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from course_utils import check, explorables, plots, progress, runtime, widgets

device = runtime.setup(seed=0)

# %% [markdown]
# ## Two things called medical AI
#
# "AI predicts diseases" and "AI generates patients" stand side by side in every list of applications. They are different
# questions. A doctor holds the measurements $x$ of one patient and asks for the diagnosis $y$: that is **prediction**,
# $p(y \mid x)$. A hospital that must not share its records asks for patients who do not exist but could: that is **generation**,
# $p(x, y)$, of measurements *and* diagnosis.
#
# One table serves for both today: 569 women with a lump in the breast, 30 measurements of the nuclei of its cells under the
# microscope, and whether it was malignant (0) or benign (1) (Street, Wolberg & Mangasarian 1993). We cut it in two halves
# that share nobody. A table is a dictionary of columns: `x` the measurements, `y` the diagnoses.
#
# **Predict.** Two classifiers. Logistic regression models $p(y \mid x)$ and nothing else. Naive Bayes is *generative*:
# a bell for every measurement in each class, turned round by Bayes' rule, as in lesson 01. Which will be better at
# predicting? And which of the two could write down a new patient?

# %%
cancer = load_breast_cancer()
width, texture = 0, 1  # the two columns that we will draw: radius of the nuclei, unevenness of grey

def halves(rng):
    """Two tables that share nobody, with columns x (284, 30) and y (284,); 0 is malignant."""
    rows = rng.permutation(len(cancer.target))
    return [{"x": cancer.data[half], "y": cancer.target[half]} for half in (rows[:284], rows[284:568])]

right = {"logistic regression": [], "naive Bayes": []}
for split in range(10):
    train, test = halves(runtime.rng(split))
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    for name, model in zip(right, (logistic, GaussianNB())):
        right[name].append(model.fit(train["x"], train["y"]).score(test["x"], test["y"]))
right = {name: np.mean(scores) for name, scores in right.items()}
majority = max(np.bincount(test["y"])) / len(test["y"])
ax = plots.bars([*right, "always benign"], [*right.values(), majority], form=".3f",
                color=[plots.DATA, plots.MODEL, plots.MUTED],
                alt="Logistic regression is ahead of naive Bayes; both far above always saying benign.")
plots.label(ax, "Right diagnoses among new patients, ten splits", "share of patients");

# %% [markdown]
# <details><summary>What happened</summary>
#
# Logistic regression, {{10.logistic:.3f}} against {{10.bayes:.3f}}. It spends all it has on the one question asked. Naive Bayes also
# learns what patients look like, assumes that 30 strongly related measurements are independent, and pays for it
# (Ng & Jordan 2002 study when this matters). But only naive Bayes could write down a new patient. Predicting is not generating.
#
# </details>

# %% [markdown]
# ## Patients who do not exist
#
# Now the second question. Our generator is lesson 01's mixture with bells in place of coins: for each diagnosis, $K$ bells
# in 30 dimensions, each with a covariance of its own. First pick a diagnosis, then one of its bells, then draw:
#
# $$ y \sim p(y), \qquad k \sim \pi_y, \qquad x = \mu_{yk} + L_{yk}\,\varepsilon, \quad \varepsilon \sim \mathcal N(0, I), \quad
# L_{yk}L_{yk}^{\top} = \Sigma_{yk} $$

# %% tags=["export"]
def fit_bells(table, K, seed):
    """K bells for each diagnosis, on standardised columns. -> a model for draw_patients"""
    mean, sd = table["x"].mean(axis=0), table["x"].std(axis=0)  # (D,) each
    z = (table["x"] - mean) / sd  # (N, D)
    bells = [GaussianMixture(K, reg_covar=1e-3, random_state=seed).fit(z[table["y"] == c])
             for c in (0, 1)]
    return {"mean": mean, "sd": sd, "bells": bells, "benign": table["y"].mean()}

def draw_patients(model, n, rng):
    """Pick a diagnosis, then one of its bells, then a patient of that bell. -> a table of n patients"""
    y = (rng.random(n) < model["benign"]).astype(int)  # (n,)
    z = np.empty((n, len(model["mean"])))  # (n, D)
    for c, mixture in enumerate(model["bells"]):
        k = rng.choice(mixture.n_components, (y == c).sum(), p=mixture.weights_)
        L = np.linalg.cholesky(mixture.covariances_)[k]  # (how many, D, D)
        z[y == c] = mixture.means_[k] + np.einsum("nij,nj->ni", L, rng.normal(size=(len(k), z.shape[1])))
    return {"x": model["mean"] + model["sd"] * z, "y": y}

# %%
train, test = halves(runtime.rng(20))
synth = draw_patients(fit_bells(train, 1, seed=0), 284, runtime.rng(21))
fig, axes = plots.figure(1, 2, size=(9, 3.6), alt="Two clouds of patients, malignant with larger "
                         "nuclei; the real and the synthetic scatter look alike.")
for ax, (title, table) in zip(axes, {"real": train, "synthetic, one bell each": synth}.items()):
    for c, marker, color in [(0, "x", plots.MODEL), (1, "o", plots.DATA)]:
        ax.scatter(*table["x"][table["y"] == c][:, [width, texture]].T, s=14, marker=marker,
                   color=color, label=["malignant", "benign"][c])
    ax.set(xlim=(5, 30), ylim=(8, 42))
    plots.label(ax, title, "radius of the nuclei", "texture")
axes[0].legend();

# %% [markdown]
# They look alike, in the two columns we can see. There are thirty, and what a hospital's partner wants is none of them:
# it wants to *learn* something from the table that is true of real patients. So measure that. **Train on synthetic, test on real**,
# TSTR (Esteban, Hyland & Rätsch 2017): a classifier sees synthetic patients only, and is examined on real ones whom neither
# it nor the generator has met.
#
# **Predict.** Training on real patients got {{10.logistic:.3f}}. How much will the detour cost: one patient in a hundred, ten, or
# a third of them?
#
# ### Exercise 10.1 · `tstr`
# Both arguments are tables of NumPy arrays, `{"x": (N, D), "y": (N,)}`. Use logistic regression on standardised columns, as above.
# Everything that is *fitted*, scaling included, may see the synthetic table alone.

# %% tags=["exercise:10.1", "points:4", "minutes:7"]
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
# Who may be seen before the examination, and who may not? List what is estimated from data: there are three things (two per
# column, and the weights).
# ---
# One column. Synthetic: $x = (0, 2, 8, 10)$, $y = (0, 0, 1, 1)$, so the mean is $5$ and the boundary lies there. Real: $x = (1, 4, 6, 7)$,
# $y = (0, 0, 0, 1)$. The classifier says $0, 0, 1, 1$: three of four, TSTR $0.75$.
# ---
# The scaler and the weights come from the synthetic table, and the score from the real one. A pipeline, as in the first cell, does
# the same. A scaler fitted on the test table would quietly mend synthetic patients that are ten years too old.

# %% [markdown]
# **Debug a claim.** The article puts disease prediction on its list of things that generative AI does: train a generator on records,
# and diagnoses come along. Built literally, the generator models what patients look like, and every synthetic patient is
# given a diagnosis, as often malignant as in the hospital. We get such a table by shuffling the diagnoses of our synthetic
# patients.
#
# **Predict.** All 30 measurements are as they should be, and so is the share of malignant lumps. What is its TSTR?

# %%
def claimed(synth, rng):
    """The claim: patients that look right, diagnoses that are frequent enough, and no bond between them."""
    return {"x": synth["x"], "y": rng.permutation(synth["y"])}

utility = {"trained on real patients": [], "synthetic": [], "as claimed": []}
for split in range(10):
    rng = runtime.rng(30 + split)
    train, test = halves(rng)
    synth = draw_patients(fit_bells(train, 1, seed=split), 284, rng)
    for name, table in zip(utility, (train, synth, claimed(synth, rng))):
        utility[name].append(tstr(table, test))
utility = {name: np.mean(scores) for name, scores in utility.items()}
ax = plots.bars(list(utility), list(utility.values()), form=".3f",
                color=[plots.DATA, plots.OTHER, plots.WRONG],
                alt="Real and synthetic nearly level; the claim far behind, at the level of guessing.")
plots.label(ax, "Right diagnoses of real patients, ten splits", "share of patients");

# %% [markdown]
# <details><summary>What happened</summary>
#
# Synthetic patients cost less than one patient in a hundred: {{10.tstr:.3f}} against {{10.trtr:.3f}}. The claim falls to
# {{10.blind:.3f}}, about what you get for calling everybody benign. No histogram of a column, and no correlation between
# measurements, would have told. A generator knows what it was asked to model: $p(x)$ is not $p(x, y)$.
#
# Mend it: which line of `claimed` breaks the bond? Take the shuffle out, run the cell again, and watch the third bar rise.
#
# </details>

# %% [markdown]
# ## Copied, or made up?
#
# There is a generator with the best TSTR of all: the photocopier. Lesson 01 caught it by its distance to the training data, zero.
# Add a speck of noise to each measurement and the distance is no longer zero. How near is *too* near? Real
# patients have near relatives too. So compare with patients whom the generator has **never seen**: of each synthetic patient ask
# whether its nearest real neighbour sits in the training half or in the other. Both are of the same size, so
#
# $$ \text{alarm} = \frac1n \sum_{i=1}^n \mathbb 1\big[d(\tilde x_i, \text{train}) < d(\tilde x_i, \text{held out})\big]
# \qquad \text{should be } \tfrac12 $$
#
# (the idea of Platzer & Reutterer 2021). We ring above $\tfrac23$. Three generators compete: one bell per diagnosis; forty
# bells per diagnosis, which is about three patients a bell for the malignant; and the photocopier with a speck of noise.
#
# **Predict.** Order the three by TSTR, then by alarm.

# %% tags=["export"]
def distance_to(table, x, scale):
    """From each row of x (n, D) to the nearest patient of the table, in units of scale (D,). -> (n,)"""
    return cdist(x / scale, table["x"] / scale).min(axis=1)

def copier_alarm(synth, train, held_out):
    """Share of synthetic patients nearer to the training half than to the other: honest is one half."""
    scale = train["x"].std(axis=0)  # (D,)
    nearer = distance_to(train, synth["x"], scale) < distance_to(held_out, synth["x"], scale)
    return float(nearer.mean())

def photocopy(table, n, rng):
    """Training patients drawn at random, with a speck of noise. -> a table of n"""
    rows = rng.choice(len(table["y"]), n)
    speck = 0.05 * table["x"].std(axis=0) * rng.normal(size=(n, table["x"].shape[1]))
    return {"x": table["x"][rows] + speck, "y": table["y"][rows]}

# %%
def release(split):
    """Both halves, and what each of three generators would publish: 284 synthetic patients."""
    rng = runtime.rng(40 + split)
    train, test = halves(rng)
    tables = {"one bell": draw_patients(fit_bells(train, 1, split), 284, rng),
              "forty bells": draw_patients(fit_bells(train, 40, split), 284, rng),
              "photocopier": photocopy(train, 284, rng)}
    return train, test, tables

releases = [release(split) for split in range(10)]
useful, alarm = ({name: np.mean([measure(train, test, tables[name]) for train, test, tables in releases])
                  for name in releases[0][2]}
                 for measure in (lambda train, test, synth: tstr(synth, test),
                                 lambda train, test, synth: copier_alarm(synth, train, test)))
fig, axes = plots.figure(1, 2, size=(10, 2.4), alt="TSTR is level for all three. The alarm is one half "
                         "for one bell, far above two thirds for forty bells and the photocopier.")
plots.bars(list(useful), list(useful.values()), axes[0], color=plots.OTHER, form=".3f")
plots.bars(list(alarm), list(alarm.values()), axes[1], color=plots.WRONG, form=".2f")
axes[1].axvline(2 / 3, color=plots.MUTED, linestyle="--")
plots.label(axes[0], "useful: TSTR", "share of patients")
plots.label(axes[1], "alarm; dashed: it rings", "nearer to the training half");

# %% [markdown]
# <details><summary>What happened</summary>
#
# By usefulness you could not tell them apart: all three are within a hundredth or so. The alarm tells: about a half for one bell
# ({{10.alarm.one:.2f}}), {{10.alarm.forty:.2f}} for forty bells, all of them for the photocopier. And note the second: nobody meant to copy.
# Forty bells are a model with too many parameters, fitted as usual.
#
# </details>

# %% [markdown]
# ## Was this patient in the data?
#
# Who is harmed by a copy? Picture somebody with two things in hand: your published table, and the measurements of an
# acquaintance. They want to know one thing: *was she in that hospital's data?* If yes, they have learnt that she was treated for a lump in the
# breast. That is a **membership attack** (Chen et al. 2020 list its forms for generative models), and ours needs no more than a
# distance: the nearer the acquaintance is to some synthetic patient, the more likely she was in.
#
# $$ \text{score}(x) = -\min_i d(x, \tilde x_i) $$
#
# How good is an attacker? Let him look at one patient who was in and one who was not, and bet on the higher score. The share of
# such pairs that he gets right, a tie counting half, is the **AUC**:
#
# $$ \mathrm{AUC} = P(s_{\text{in}} > s_{\text{out}}) + \tfrac12 P(s_{\text{in}} = s_{\text{out}}) $$
#
# One half is a coin. One is certainty. Below one half he would do better to bet the other way round.
#
# ### Exercise 10.3 · `membership_auc`
# All pairs of one who was in with one who was out. (10.2 is in the studio.)

# %% tags=["exercise:10.3", "points:4", "minutes:6"]
def membership_auc(scores_in: Tensor, scores_out: Tensor) -> float:
    """P(in > out) + ½ P(in = out) over all pairs. (N,), (M,) -> float in [0, 1], may be below ½"""
    # BEGIN SOLUTION
    difference = scores_in[:, None] - scores_out[None, :]  # (N, M)
    return ((difference > 0).float() + 0.5 * (difference == 0).float()).mean().item()
    # END SOLUTION

# %% tags=["check:10.3"]
membership_auc = check("10.3", membership_auc)

# %% [markdown] tags=["help:10.3"]
# How many pairs are there, if 2 were in and 3 were out? How do you compare each with each without a loop?
# ---
# In: $(3, 1)$. Out: $(2, 1, 0)$. The six pairs: $3$ beats all three; $1$ loses to $2$, ties with $1$, beats $0$. That is
# $3 + 0 + \tfrac12 + 1 = 4.5$ of $6$, AUC $0.75$.
# ---
# `[:, None]` makes a column, so the subtraction meets each with each, (N, M). No threshold occurs: the AUC judges the order of
# the scores. The two numbers of patients may differ.

# %%
def attack(synth, train, test):
    """Scores of patients who were in and who were out: minus the distance to the nearest synthetic one."""
    scale = synth["x"].std(axis=0)  # the attacker knows the published table only
    return [torch.tensor(-distance_to(synth, table["x"], scale)) for table in (train, test)]

def unusual(table):
    """The tenth of the patients who lie farthest from the average one. -> bool (N,)"""
    far = np.linalg.norm((table["x"] - table["x"].mean(axis=0)) / table["x"].std(axis=0), axis=1)
    return torch.tensor(far > np.quantile(far, 0.9))

exposed, exposed_tail = ({name: [] for name in alarm} for _ in range(2))
for train, test, tables in releases:
    for name, synth in tables.items():
        s_in, s_out = attack(synth, train, test)
        exposed[name].append(membership_auc(s_in, s_out))
        exposed_tail[name].append(membership_auc(s_in[unusual(train)], s_out[unusual(test)]))
exposed, exposed_tail = ({name: np.mean(values) for name, values in found.items()}
                         for found in (exposed, exposed_tail))
fig, axes = plots.figure(1, 2, size=(10, 3.2), alt="Distances of those in and those out: apart for forty "
                         "bells, where those in are nearer; on top of each other for one bell.")
for ax, name in zip(axes, ("forty bells", "one bell")):
    s_in, s_out = attack(tables[name], train, test)
    ax.hist(-s_out.numpy(), np.linspace(0, 8, 41), color=plots.MUTED, alpha=0.6, label="were not in")
    ax.hist(-s_in.numpy(), np.linspace(0, 8, 41), histtype="step", color=plots.WRONG, linewidth=2.2,
            label="were in the data")
    plots.label(ax, f"{name}: AUC {exposed[name]:.2f}", "distance to the nearest synthetic patient", "patients")
axes[0].legend()
for name in exposed:
    print(f"{name:<12} AUC {exposed[name]:.2f}, for the unusual tenth {exposed_tail[name]:.2f}")

# %% [markdown]
# With forty bells the attacker is right in {{10.auc.forty:.2f}} of all pairs, and the table is as *useful* as any. Nothing in its
# utility warned of it. Among patients who are unusual, who have most to fear from being recognised, the number is higher,
# {{10.auc.forty_tail:.2f}}: a bell has moved in beside them. An average over patients hides that (Carlini et al. 2022 make it
# their main point).

# %% [markdown]
# ## A mitigation, and what it costs
#
# Why forty? Somebody looked at the likelihood. Do the same, twice: on the patients that the bells were fitted to, and on patients
# left out of the fit (each fifth of the training half in turn).
#
# **Predict.** Which number of bells do the training patients recommend, and which the ones left out?

# %%
train, test, tables = releases[-1]
z_all = (train["x"] - train["x"].mean(axis=0)) / train["x"].std(axis=0)  # (284, 30)
numbers_of_bells = [1, 2, 4, 8, 16, 32]
nats = {"fitted to": [], "left out": []}
for K in numbers_of_bells:
    per_class = [(z_all[train["y"] == c], GaussianMixture(K, reg_covar=1e-3, random_state=0)) for c in (0, 1)]
    share = [len(z) / len(z_all) for z, _ in per_class]
    nats["fitted to"].append(sum(p * m.fit(z).score(z) for p, (z, m) in zip(share, per_class)))
    nats["left out"].append(sum(p * cross_val_score(m, z, cv=5).mean()
                                for p, (z, m) in zip(share, per_class)))
ax = plots.panel(size=(6.5, 3.2), alt="On the patients fitted to, the likelihood rises with the number "
                 "of bells; on patients left out it falls steeply from the first.")
for (name, values), color, style in zip(nats.items(), (plots.WRONG, plots.DATA), ("--", "-")):
    ax.plot(numbers_of_bells, values, style, color=color, marker="o", label=name)
ax.set_xscale("log", base=2)
ax.set_yscale("symlog", linthresh=20)
ax.set_xticks(numbers_of_bells, numbers_of_bells)
ax.legend()
plots.label(ax, "Which number of bells is likely?", "bells per diagnosis", "log-likelihood, nats a patient");

# %% [markdown]
# <details><summary>What happened</summary>
#
# Those fitted to say: more, always more. Those left out say: one. A likelihood that keeps rising on the training data is
# what memory looks like from outside, and the honest split of lesson 05 is also a privacy measure. With one bell the attack falls from
# {{10.auc.forty:.2f}} to {{10.auc.one:.2f}}, and TSTR stays where it was. Here privacy cost nothing, because the forty bells
# had bought nothing.
#
# </details>
#
# It is not always free. **Pay for it yourself.** `log2 bells` is the model, from 1 bell to 32; `noise` is added to every
# published measurement, in standard deviations of its column. Left: distances of those in and out. Right: all settings in the plane of
# risk and use, yours as a star; the release should stand in the green corner, AUC at most $0.6$ and TSTR at least $0.94$.
#
# **Your goal.** With 32 bells, find the least noise that brings you into the corner. Then find the same privacy for less.

# %%
train, test, _ = releases[0]
steps = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5]
plane = {}
for log2_bells in range(6):
    model = fit_bells(train, 2**log2_bells, seed=0)
    for noise in steps:
        rng = runtime.rng(60)
        synth = draw_patients(model, 284, rng)
        synth["x"] = synth["x"] + noise * train["x"].std(axis=0) * rng.normal(size=synth["x"].shape)
        s_in, s_out = attack(synth, train, test)
        plane[log2_bells, noise] = (membership_auc(s_in, s_out), tstr(synth, test), -s_in, -s_out)

def show_plane(axes, log2_bells, noise):
    """Distances at this setting, and where it stands among all of them."""
    key = log2_bells, min(steps, key=lambda step: abs(step - noise))
    explorables.risk_and_use(axes, plane, key)

def describe_plane(log2_bells, noise):
    """The picture in words."""
    auc, use, _, _ = plane[log2_bells, min(steps, key=lambda step: abs(step - noise))]
    return f"{2**log2_bells} bells, noise {noise:g}: AUC {auc:.2f}, TSTR {use:.3f}."

settings = [{"log2_bells": 5, "noise": 0.0}, {"log2_bells": 5, "noise": 1.0},
            {"log2_bells": 0, "noise": 0.0}]
privacy_sliders = widgets.explore(
    show_plane, alt=describe_plane, panels=2, grid=settings, size=(9, 3.4),
    log2_bells=widgets.Slider(0, 5, 1, 5), noise=widgets.Slider(0, 1.5, 0.25, 0))

# %% [markdown]
# Noise works and costs: the table gets blurred for everybody, patient and partner alike. A smaller model forgets the individual and
# keeps the crowd.
#
# Two honest warnings, before anybody is told that the table is "anonymous".
#
# **Predict.** Give the attacker more: not the table but *the model itself*, so that he can score patients by their log-likelihood. What
# becomes of his AUC for one bell, and for eight?

# %%
def model_attack(model, table):
    """log p(x | y) of each patient under the released model: a score for the attacker. -> (N,)"""
    z = (table["x"] - model["mean"]) / model["sd"]
    both = np.stack([mixture.score_samples(z) for mixture in model["bells"]])  # (2, N)
    return torch.tensor(both[table["y"], np.arange(len(z))])

with_model = {}
for K in (1, 8):
    found = []
    for split, (train, test, _) in enumerate(releases):
        model = fit_bells(train, K, seed=split)
        found.append(membership_auc(model_attack(model, train), model_attack(model, test)))
    with_model[K] = np.mean(found)
    print(f"{K} bells, with the model in hand: AUC {with_model[K]:.2f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# With eight bells he knows nearly everybody, {{10.auc.model_eight:.2f}}; even one bell leaks a little, {{10.auc.model_one:.2f}}. A number of this kind
# belongs to *an attack*, not to the table. Stronger attackers exist, and synthetic data by itself promises nothing
# (Stadler, Oprisanu & Troncoso 2022).
#
# </details>
#
# The second warning follows: surviving an attack is evidence, not proof. A proof needs noise *inside* the training, measured so that no single
# patient can change the result by much: **differential privacy** (Dwork & Roth 2014). Until then say what you did: which attack, which score, on whom.
#
# > **A good place to stop.** Half of the release card is measured. When you come back, run all cells above once
# > (*Run → Run All Above Selected Cell*).

# %% [markdown]
# ## A mark in the text
#
# The table gets a leaflet, and a model writes it. A month later somebody finds a leaflet on the net and asks: was that *your*
# model? Style proves nothing. A **watermark** does: a pattern in the choice of words that no reader sees and that the owner of a
# key can count.
#
# We need a language model. Lesson 08 trains them; for today a table is enough: for each word, the probabilities of the next. Ours
# knows 113 words and writes sentences about hospital life.

# %%
slots = [line.split() for line in """
anxious calm cheerful curious grateful hopeful hungry patient restless sleepy tired wary worried young
carers children cousins doctors families nurses parents pharmacists porters students surgeons therapists
carry check compare copy describe discuss explain file question read repeat sign trust write
blurred careful clear early faded frank hasty honest late long odd old short simple
answers charts diaries forms graphs leaflets letters lists notes recipes reports results scans stories
near behind beside in outside opposite above below inside around between beyond within across
busy bright crowded dim draughty empty green narrow noisy quiet spare sunny tidy warm
archives canteens chapels clinics corridors courtyards gardens kitchens laboratories libraries lobbies
.""".strip().split("\n")]
words = [word for slot in slots for word in slot]  # V of them
number = {word: i for i, word in enumerate(words)}
V = len(words)

def language_model(rng):
    """P[i, j]: how likely word j follows word i. Each word has its own taste for the next. -> (V, V)"""
    P = torch.zeros(V, V)
    for here, there in zip(slots, slots[1:] + slots[:1]):
        for word in here:
            taste = rng.dirichlet([2.0] * len(there))
            P[number[word], [number[next_word] for next_word in there]] = torch.tensor(taste).float()
    return P

P = language_model(runtime.rng(70))

# %% [markdown]
# The scheme (Kirchenbauer et al. 2023). A secret key and the *previous* word decide, by a hash, which share $\gamma$ of the vocabulary is
# **green** next. When the model writes, green words get a bonus $\delta$ on their logits:
#
# $$ P_\delta(j \mid i) = \frac{P(j \mid i)\, e^{\delta\, \text{green}_{ij}}}{\sum_k P(k \mid i)\, e^{\delta\, \text{green}_{ik}}} $$
#
# A hash is a scrambling that anybody with the key can repeat and nobody without it can guess.

# %%
def green_table(key, gamma):
    """green[i, j]: is word j green after word i? A share gamma of each row, by a keyed hash. -> bool (V, V)"""
    green = torch.zeros(V, V, dtype=torch.bool)
    for i in range(V):
        order = sorted(range(V), key=lambda j: hashlib.sha256(f"{key} {words[i]} {words[j]}".encode()).digest())
        green[i, order[:int(gamma * V)]] = True
    return green

def write(n, T, delta, green):
    """n texts of T words, each drawn after the one before; the full stop that opens them comes first. -> (n, T + 1)"""
    P_delta = torch.softmax(torch.log(P) + delta * green, dim=1)  # (V, V), log 0 stays impossible
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
# **Predict.** One of the two texts is marked. Can you tell by reading? And how many words would you need, to be sure by
# counting?
#
# Without a mark, each next word is green with probability $\gamma$, a coin. Of $T$ words that follow another, $\gamma T$ are
# expected to be green, with a variance of $T\gamma(1-\gamma)$. So count, and ask how many standard deviations too many there are:
#
# $$ z = \frac{\#\text{green} - \gamma T}{\sqrt{T \gamma (1 - \gamma)}} $$
#
# ### Exercise 10.4 · `watermark_z`
# `tokens` are word numbers, `green[i, j]` is as above. The first token follows nothing, so it is not scored: $T$ counts the pairs. (Our
# texts open with a full stop for that reason.)

# %% tags=["exercise:10.4", "points:4", "minutes:6"]
def watermark_z(tokens: Tensor, green: Tensor, gamma: float) -> float:
    """How many standard deviations more green words than chance. int (T + 1,), bool (V, V) -> float"""
    # BEGIN SOLUTION
    hits = green[tokens[:-1], tokens[1:]]  # (T,) each word, given the one before
    T = len(hits)
    return (hits.sum().item() - gamma * T) / math.sqrt(T * gamma * (1 - gamma))
    # END SOLUTION

# %% tags=["check:10.4"]
watermark_z = check("10.4", watermark_z)

# %% [markdown] tags=["help:10.4"]
# A text of five words has how many pairs of neighbours? Which two numbers pick an entry of `green`?
# ---
# Tokens $(0, 1, 0, 0, 1)$, and `green` says that only 1 after 0 is green. The pairs: $01$ green, $10$ not, $00$ not, $01$ green. Two
# of $T = 4$; with $\gamma = \tfrac12$ two were expected: $z = 0$. With $\gamma = \tfrac14$: $(2 - 1)/\sqrt{4 \cdot \tfrac14 \cdot \tfrac34} = 1.15$.
# ---
# `tokens[:-1]` are the previous words and `tokens[1:]` the next ones; indexing with both looks up all pairs at once. Then the
# formula, with the number of *pairs* as $T$.

# %%
def z_of(texts, green, gamma=0.5):
    return np.array([watermark_z(text, green, gamma) for text in texts])

runtime.seed_all(72)
plain, marked = (write(100, 200, delta, green) for delta in (0, 3))
z_plain, z_marked = z_of(plain, green), z_of(marked, green)
z_wrong_key = z_of(marked, green_table("a guess", gamma))
ax = plots.panel(size=(7.5, 3), alt="z of unmarked texts and of marked texts read with a wrong key "
                 "around zero; of marked texts far to the right of four.")
for values, name, color, style in [(z_plain, "unmarked", plots.MUTED, "stepfilled"),
                                   (z_wrong_key, "marked, wrong key", plots.WRONG, "step"),
                                   (z_marked, "marked", plots.OTHER, "stepfilled")]:
    ax.hist(values, np.arange(-5, 14, 0.5), histtype=style, color=color, label=name, linewidth=2)
ax.axvline(4, color="black", linestyle="--")
ax.legend()
plots.label(ax, "100 texts of 200 words each; dashed: z = 4", "z", "texts")
surprise = [-torch.log2(P[t[:, :-1], t[:, 1:]]).mean().item() for t in (plain, marked)]
print(f"unmarked: highest {z_plain.max():.1f};  marked: lowest {z_marked.min():.1f}")
print(f"surprise of the unmarked model: at its own text {surprise[0]:.2f} bits a word, "
      f"at marked text {surprise[1]:.2f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Reading does not tell, counting does: every marked text stands far beyond 4, every unmarked one below. With a wrong key marked text
# looks like any other. A bell exceeds 4 about three times in a hundred thousand: that is the price in false accusations, and it
# is why the line is drawn at 4 and not at 2. The text itself is hardly less likely than before; what it gave up is some of its choice of words.
# (The pairs of a text are not quite independent coins, as pairs recur. Here it widens the grey hump a little.)
#
# </details>

# %% [markdown]
# ## What removes the mark
#
# A mark that falls off at a touch is worth little, and a mark that could never be removed would be too good to be true. Somebody edits
# the text without the key. A word and its colour survive only if the word *and the one before it* were left alone: if a share
# $p$ of words is replaced at random, that happens with probability $(1 - p)^2$, and with $T$ words
#
# $$ z(p, T) \approx (1 - p)^2 \sqrt{T / 200}\; z(0, 200) $$
#
# **Predict.** Which of these brings 200 marked words below 4: mixing up the order of the sentences; cutting away half of the text;
# replacing every tenth word; replacing six of ten?

# %%
slot_of = torch.tensor([s for s, slot in enumerate(slots) for _ in slot])  # (V,)
begins = torch.tensor([number[slot[0]] for slot in slots])  # (9,) the first word of each slot
sizes = torch.tensor([len(slot) for slot in slots])  # (9,)

def paraphrase(texts, p):
    """Replace a share p of the words, each by any word of the same kind. (n, T + 1) -> (n, T + 1)"""
    kind = slot_of[texts]
    other = begins[kind] + (torch.rand(texts.shape) * sizes[kind]).long()
    return torch.where(torch.rand(texts.shape) < p, other, texts)

def shuffle_sentences(texts):
    """Sentences of nine words in another order; the opening full stop stays. (n, 9 m + 1) -> the same"""
    n, order = len(texts), torch.randperm((texts.shape[1] - 1) // 9)
    sentences = texts[:, 1:].reshape(n, -1, 9)[:, order]  # (n, m, 9)
    return torch.cat([texts[:, :1], sentences.reshape(n, -1)], dim=1)

runtime.seed_all(73)
marked = write(100, 198, 3, green)  # 22 sentences of nine
flyer = marked[:, :10].repeat(1, 20)[:, :199]  # one sentence, again and again
edited = {"as written": marked, "sentences mixed up": shuffle_sentences(marked),
          "half cut away": marked[:, :100], "1 of 10 words replaced": paraphrase(marked, 0.1),
          "3 of 10 replaced": paraphrase(marked, 0.3), "6 of 10 replaced": paraphrase(marked, 0.6)}
survives = {name: z_of(texts, green) for name, texts in edited.items()}
ax = plots.bars(list(survives), [np.median(z) for z in survives.values()], form=".1f", color=plots.OTHER,
                alt="Mixing sentences changes nothing; cutting and light edits weaken the mark; "
                "replacing six of ten words brings it below four.")
ax.axvline(4, color="black", linestyle="--")
plots.label(ax, "What is left of the mark; dashed: z = 4", "median z of 100 texts");

# %% [markdown]
# <details><summary>What happened</summary>
#
# Mixing up sentences breaks only the pairs across the joints. Cutting costs the root of what was cut. Replacing costs the *square*: six of ten
# words leave $(0.4)^2 = 0.16$ of the excess. An enemy needs no key, only patience, or a second model that paraphrases. A mark stops the
# careless, not the determined; the same holds for the marks in use (Kirchenbauer et al. 2024 measure how far they reach).
#
# </details>
#
# **Turn the knobs of both sides.** `strength` is the writer's $\delta$, `words` the length of what was found, `replaced` what the enemy changed. Above
# stand the first sentences of one text, green words bold with a dot below; below, $z$ of a hundred marked and unmarked texts.
#
# **Your goal.** (1) The shortest marked text of strength 3 that you would dare to call marked in court. (2) The strength that survives half of the
# words being replaced. (3) Set the strength to 0: are there green words, and what do they prove?

# %%
runtime.seed_all(74)
strengths, shares = np.arange(0, 6.5, 0.5), np.arange(0, 1, 0.1).round(1)
library = {}
for strength in strengths:
    texts = write(100, 400, float(strength), green)
    for share in shares:
        found = paraphrase(texts, share)
        hits = green[found[:, :-1], found[:, 1:]].numpy()  # (100, 400)
        library[strength, share] = found[0].numpy(), hits

def z_at(strength, replaced, length):
    """z of the first words of 100 texts, the formula of watermark_z for all at once. -> (100,)"""
    hits = library[strength, replaced][1][:, :length]
    return (hits.sum(axis=1) - gamma * length) / math.sqrt(length * gamma * (1 - gamma))

def show_mark(axes, strength, length, replaced):
    """The found text with its green words, and how far it stands from chance."""
    text, hits = library[strength, round(replaced, 1)]
    explorables.watermark(axes, [words[w] for w in text[1:46]], hits[0, :45],
                          z_at(strength, round(replaced, 1), length), z_at(0.0, 0.0, length), length)

def describe_mark(strength, length, replaced):
    """The picture in words."""
    z = z_at(strength, round(replaced, 1), length)
    return (f"Strength {strength:g}, {length} words, {replaced:.0%} replaced: median z {np.median(z):.1f}, "
            f"{(z > 4).mean():.0%} of 100 texts above 4.")

start = {"strength": 3.0, "length": 200, "replaced": 0.0}
settings = [start, start | {"replaced": 0.5}, start | {"strength": 0.0}]
mark_sliders = widgets.explore(
    show_mark, alt=describe_mark, panels=2, rows=2, grid=settings, size=(9, 5),
    strength=widgets.Slider(0, 6, 0.5, 3), length=widgets.Slider(25, 400, 25, 200),
    replaced=widgets.Slider(0, 0.9, 0.1, 0))

# %% [markdown]
# <details><summary>What to find with the sliders</summary>
#
# (1) About fifty words put nearly all texts beyond 4; with 25 many stay below: short texts cannot be judged. (2) None, at 200 words: beyond strength 4 nearly
# every word with a choice is green already. Length helps where strength cannot. (3) Half of all words are green, in everybody's
# texts, also in yours: a green word is no proof of anything. And the formula for $z(p, T)$ is what you see when you move `replaced`.
#
# </details>
#
# One more thing removes the mark: having no choice. Where the next word is fixed, a dosage, a name, a quotation, no bonus changes it. So a mark says *who wrote*, for long texts with
# free choices. It does not say whether the text is *true* (lesson 08 measured that), and a text without a mark proves nothing at all. Against misinformation it is one
# tool: it lets an honest house say "this is ours".

# %% [markdown]
# ## The release card
#
# Your work is done, and a table and a text are to leave the house. What may leave? A decision needs numbers on one page, with the bar set
# *before* looking. Model cards (Mitchell et al. 2019) made that a custom. Fill in the words; the numbers are those
# you measured.

# %%
words_of_yours = {
    "What is released": "284 synthetic patients, 30 measurements and a diagnosis; a leaflet",
    "Made from": "",  # whose data, and did they agree to this use?
    "Meant for": "",  # one sentence: who may use it, and what for
    "Not for": "",  # what would go wrong, and for whom
    "Who answers": "",  # where does somebody turn who finds herself in it?
}
card = [  # question, measured, bar, kept
    ("useful? TSTR, accuracy", useful["one bell"], "at least 0.94", useful["one bell"] >= 0.94),
    ("copied? alarm", alarm["one bell"], "at most 0.67", alarm["one bell"] <= 2 / 3),
    ("private? AUC, nearest patient", exposed["one bell"], "at most 0.6", exposed["one bell"] <= 0.6),
    ("the same, unusual tenth", exposed_tail["one bell"], "at most 0.6", exposed_tail["one bell"] <= 0.6),
    ("if the model leaks: AUC", with_model[1], "at most 0.6", with_model[1] <= 0.6),
    ("marked? lowest z, 200 words", z_marked.min(), "above 4", z_marked.min() > 4),
    ("falsely accused? highest z", z_plain.max(), "below 4", z_plain.max() < 4),
    ("after 3 of 10 words replaced: z", np.median(survives["3 of 10 replaced"]), "reported", True)]
for question, answer in words_of_yours.items():
    print(f"{question:<18} {answer or '... still to be written, by you'}")
runtime.show_table(("question", "measured", "bar", "kept?"),
                   [(q, f"{value:.3g}", bar, "yes" if kept else "NO") for q, value, bar, kept in card])

# %% [markdown]
# **Predict, then change it.** Put "forty bells" in place of "one bell" in the card and run it again: which lines turn to NO, and would anybody have noticed from the
# first line alone?
#
# What the card cannot decide is for people and the law. Data that can be traced to a person stay *personal* data, synthetic or not (General Data
# Protection Regulation, recital 26). Since 2024 the European Union's AI Act asks that generated content be marked so that machines can tell (Regulation
# 2024/1689, article 50). Who may consent, who answers, and who bears the cost of a mistake: put a name on it. Optimism about the next breakthrough and
# a careful card go well together. Trust is the number of times that the card was right.

# %% [markdown]
# ## What this run reached

# %%
inside = runtime.reached({
    "10.logistic": right["logistic regression"], "10.bayes": right["naive Bayes"],
    "10.trtr": utility["trained on real patients"], "10.tstr": utility["synthetic"],
    "10.blind": utility["as claimed"], "10.tstr.forty": useful["forty bells"],
    "10.alarm.one": alarm["one bell"], "10.alarm.forty": alarm["forty bells"],
    "10.alarm.copier": alarm["photocopier"],
    "10.auc.one": exposed["one bell"], "10.auc.forty": exposed["forty bells"],
    "10.auc.forty_tail": exposed_tail["forty bells"], "10.auc.model_one": with_model[1],
    "10.auc.model_eight": with_model[8],
    "10.z.marked": z_marked.min(), "10.z.plain": z_plain.max(),
    "10.z.replaced": np.median(survives["6 of 10 replaced"]), "10.z.bits": surprise[1] - surprise[0]})

# %% tags=["solved"]
assert inside
assert right["logistic regression"] >= 0.95 and right["logistic regression"] > right["naive Bayes"]
assert utility["synthetic"] >= 0.94 and utility["as claimed"] <= 0.75
assert alarm["one bell"] < 2 / 3 < alarm["forty bells"] and alarm["photocopier"] > 0.99
assert exposed["forty bells"] >= 0.7 and exposed["one bell"] <= 0.6
assert with_model[1] < 0.65 < 0.9 < with_model[8]
assert np.argmax(nats["left out"]) == 0 and np.argmax(nats["fitted to"]) == 5
assert z_marked.min() > 4 > z_plain.max() and z_wrong_key.max() < 4
z_0 = np.median(survives["as written"])
for name, p in [("1 of 10 words replaced", 0.1), ("3 of 10 replaced", 0.3), ("6 of 10 replaced", 0.6)]:
    assert abs(np.median(survives[name]) - (1 - p) ** 2 * z_0) < 1
assert np.median(survives["6 of 10 replaced"]) < 4 < np.median(survives["3 of 10 replaced"])
assert abs(np.median(survives["half cut away"]) - math.sqrt(0.5) * z_0) < 1

# %% [markdown]
# That was the core. The studio has rooms for molecules, for a trial, for consent and for building. In a hurry?
# [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown]
# ## Where we are now
#
# You can
# - tell prediction from generation, and say which of the two a medical claim needs;
# - judge synthetic patients by what a classifier learns from them;
# - notice a copier, attack a released table, and close the hole without losing its use;
# - mark a generated text, detect the mark, and say what removes it;
# - decide on a release from a card of measured numbers.
#
# **Read on.**
# Stadler, Oprisanu & Troncoso 2022, *Synthetic Data: Anonymisation Groundhog Day*: why synthetic is not yet private.
# Kirchenbauer et al. 2023, *A Watermark for Large Language Models*: the green list, and the theory of its $z$.
# Mitchell et al. 2019, *Model Cards for Model Reporting*: the custom of the card.
#
# **The end, and a beginning.** Ten lessons ago a photocopier looked like a perfect generator. You can now say in numbers why it is not: its likelihood,
# its distance, its alarm, its attacker. Take a generator of your own and fill in its card.
