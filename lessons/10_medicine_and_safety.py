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
#
# The studio adds rooms for *molecules*, which you generate and judge, for a *trial* of whether AI saves time, for *consent*,
# tested by experiment, and for *building* patients that you may publish.

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
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import check, data, plots, progress, runtime
from course_utils.lesson10 import chemistry, drawing, explorables
from course_utils.lesson10.chemistry import canonical

device = runtime.setup(seed=0)

# %% [markdown]
# ## Two things called medical AI
#
# "AI predicts diseases" and "AI generates patients" stand side by side in every list of applications. They are different
# questions. A doctor holds the measurements $x$ of one patient and asks for the diagnosis $y$: that is **prediction**,
# $p(y \mid x)$. A hospital that must not share its records asks for patients who do not exist but could: that is
# **generation**, $p(x, y)$, of measurements *and* diagnosis.
#
# One table serves for both today: 569 women with a lump in the breast, 30 measurements of the nuclei of its cells under the
# microscope, and whether it was malignant (0) or benign (1) (Street, Wolberg & Mangasarian 1993;
# `print(data.card("breast_cancer"))` shows its card). We cut it in two halves that share nobody. A table is a dictionary of
# columns: `x` the measurements, `y` the diagnoses.
#
# **Predict.** Two classifiers. Logistic regression models $p(y \mid x)$ and nothing else. Naive Bayes is *generative*: a bell
# for every measurement in each class, turned round by Bayes' rule, as in lesson 01. Which will be better at predicting? And
# which of the two could write down a new patient?

# %%
cancer = load_breast_cancer()
width, texture = 0, 1  # the two columns that we will draw: radius of the nuclei, unevenness of gray


def halves(rng):
    """Two tables that share nobody, with columns x (284, 30) and y (284,); 0 is malignant."""
    rows = rng.permutation(len(cancer.target))  # (569,), one patient is left over
    return [
        {"x": cancer.data[half], "y": cancer.target[half]} for half in (rows[:284], rows[284:568])
    ]


right = {"logistic regression": [], "naive Bayes": []}
for split in range(10):
    train, test = halves(runtime.rng(split))
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    for name, model in zip(right, (logistic, GaussianNB()), strict=True):
        right[name].append(model.fit(train["x"], train["y"]).score(test["x"], test["y"]))
right = {name: np.mean(scores) for name, scores in right.items()}
majority = max(np.bincount(test["y"])) / len(test["y"])
ax = plots.bars(
    [*right, "always benign"],
    [*right.values(), majority],
    form=".3f",
    color=[plots.DATA, plots.MODEL, plots.MUTED],
    alt="Logistic regression ahead of naive Bayes; both far above always benign.",
)
plots.label(ax, "Right diagnoses among new patients, ten splits", "share of patients")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Logistic regression, {{10.logistic:.3f}} against {{10.bayes:.3f}}. It spends all it has on the one question asked. Naive
# Bayes also learns what patients look like, assumes that 30 strongly related measurements are independent, and pays for it
# (Ng & Jordan 2002 study when this matters). But only naive Bayes could write down a new patient. Predicting is not
# generating.
#
# </details>

# %% [markdown]
# ## Patients who do not exist
#
# Now the second question. Our generator is lesson 01's mixture with bells in place of coins: for each diagnosis, $K$ bells in
# 30 dimensions, each with a covariance of its own. First pick a diagnosis, then one of its bells, then draw:
#
# $$ y \sim p(y), \qquad k \sim \pi_y, \qquad x = \mu_{yk} + L_{yk}\,\varepsilon, \quad \varepsilon \sim \mathcal N(0, I), \quad
# L_{yk}L_{yk}^{\top} = \Sigma_{yk} $$
#
# (`reg_covar` keeps a bell with few patients from shrinking to a point.)


# %%
def fit_bells(table, K, seed):
    """K bells for each diagnosis, on standardized columns. -> a model for draw_patients"""
    mean, sd = table["x"].mean(axis=0), table["x"].std(axis=0)  # (D,) each
    z = (table["x"] - mean) / sd  # (N, D)
    bells = [
        GaussianMixture(K, reg_covar=1e-3, random_state=seed).fit(z[table["y"] == c])
        for c in (0, 1)
    ]
    return {"mean": mean, "sd": sd, "bells": bells, "benign": table["y"].mean()}


def draw_patients(model, n, rng):
    """Pick a diagnosis, then one of its bells, then a patient of that bell. -> a table of n"""
    y = (rng.random(n) < model["benign"]).astype(int)  # (n,)
    z = np.empty((n, len(model["mean"])))  # (n, D)
    for c, mixture in enumerate(model["bells"]):
        k = rng.choice(mixture.n_components, (y == c).sum(), p=mixture.weights_)
        L = np.linalg.cholesky(mixture.covariances_)[k]  # (how many, D, D)
        eps = rng.normal(size=(len(k), z.shape[1]))  # (how many, D)
        z[y == c] = mixture.means_[k] + np.einsum("nij,nj->ni", L, eps)
    return {"x": model["mean"] + model["sd"] * z, "y": y}


# %%
train, test = halves(runtime.rng(20))
synth = draw_patients(fit_bells(train, 1, seed=0), 284, runtime.rng(21))
alt = (
    "Two clouds of patients, malignant with larger "
    "nuclei; the real and the synthetic scatter look alike."
)
fig, axes = plots.figure(1, 2, size=(9, 3.6), alt=alt)
tables = {"real": train, "synthetic, one bell each": synth}
for ax, (title, table) in zip(axes, tables.items(), strict=True):
    drawing.cloud_of_patients(ax, table["x"][:, [width, texture]], table["y"])
    plots.label(ax, title, "radius of the nuclei", "texture")
axes[0].legend()

# %% [markdown]
# They look alike, in the two columns we can see. A hospital's partner wants to *learn* something from all thirty that is true
# of real patients. So measure that. **Train on synthetic, test on real**, TSTR (Esteban, Hyland & Rätsch 2017): a classifier
# sees synthetic patients only, and is examined on real ones whom neither it nor the generator has met.
#
# **Predict.** Training on real patients got {{10.logistic:.3f}}. How much will the detour cost: one patient in a hundred,
# ten, or a third of them?
#
# ### Exercise 10.1 · `tstr`
# Both arguments are tables of NumPy arrays, `{"x": (N, D), "y": (N,)}`. Use logistic regression on standardized columns, as
# above (the check compares accuracies, so any classifier that is as good will do). Everything that is *fitted*, scaling
# included, may see the synthetic table alone.


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
# One column. Synthetic: $x = (0, 2, 8, 10)$, $y = (0, 0, 1, 1)$, so the mean is $5$ and the boundary lies there. Real:
# $x = (1, 4, 6, 7)$, $y = (0, 0, 0, 1)$. The classifier says $0, 0, 1, 1$: three of four, TSTR $0.75$.
# ---
# The scaler and the weights come from the synthetic table, and the score from the real one. A pipeline, as in the first cell,
# does the same. A scaler fitted on the test table would quietly mend synthetic patients whose nuclei are all too large.

# %% [markdown]
# **Debug a claim.** The article puts disease prediction on its list of things that generative AI does: train a generator on
# records, and diagnoses come along. Built literally, the generator models what patients look like, and every synthetic
# patient is given a diagnosis, as often malignant as in the hospital. We get such a table by shuffling the diagnoses of our
# synthetic patients.
#
# **Predict.** All 30 measurements are as they should be, and so is the share of malignant lumps. What is its TSTR?


# %%
def claimed(synth, rng):
    """The claim: patients that look right, diagnoses as frequent as they are, and no bond."""
    return {"x": synth["x"], "y": rng.permutation(synth["y"])}


utility = {"trained on real patients": [], "synthetic": [], "as claimed": []}
for split in range(10):
    rng = runtime.rng(30 + split)
    train, test = halves(rng)
    synth = draw_patients(fit_bells(train, 1, seed=split), 284, rng)
    for name, table in zip(utility, (train, synth, claimed(synth, rng)), strict=True):
        utility[name].append(tstr(table, test))
utility = {name: np.mean(scores) for name, scores in utility.items()}
ax = plots.bars(
    list(utility),
    list(utility.values()),
    form=".3f",
    color=[plots.DATA, plots.OTHER, plots.WRONG],
    alt="Real and synthetic nearly level; the claim far behind, like guessing.",
)
plots.label(ax, "Right diagnoses of real patients, ten splits", "share of patients")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Synthetic patients cost about one patient in a hundred: {{10.tstr:.3f}} against {{10.trtr:.3f}}. The claim falls to
# {{10.blind:.3f}}, about what you get for calling everybody benign. No histogram of a column, and no correlation between
# measurements, would have told. A generator knows what it was asked to model: $p(x)$ is not $p(x, y)$.
#
# Mend it: which line of `claimed` breaks the bond? Take the shuffle out, run the cell again, and watch the third bar rise.
#
# </details>

# %% [markdown]
# ## Copied, or made up?
#
# There is a generator with the best TSTR of all: the photocopier. Lesson 01 caught it by its distance to the training data,
# zero. Add a speck of noise to each measurement and the distance is no longer zero. How near is *too* near? Real patients
# have near relatives too. So compare with patients whom the generator has **never seen**: of each synthetic patient ask
# whether its nearest real neighbor sits in the training half or in the other. Both are of the same size, so
#
# $$ \text{alarm} = \frac1n \sum_{i=1}^n \mathbb 1\big[d(\tilde x_i, \text{train}) < d(\tilde x_i, \text{held out})\big]
# \qquad \text{should be } \tfrac12 $$
#
# (the idea of Platzer & Reutterer 2021). We ring above $\tfrac23$. Three generators compete: one bell per diagnosis; thirty
# bells per diagnosis, which is between three and four patients a bell for the malignant; and the photocopier with a speck of
# noise.
#
# **Predict.** Order one bell, thirty bells and the photocopier by TSTR, then by alarm.


# %%
def distance_to(table, x, scale):
    """From each row of x (n, D) to the nearest patient of the table, in units of scale. -> (n,)"""
    return cdist(x / scale, table["x"] / scale).min(axis=1)


def copier_alarm(synth, train, held_out):
    """Share of synthetic patients nearer to the training half than to the other; ½ is honest."""
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
    tables = {
        "one bell": draw_patients(fit_bells(train, 1, split), 284, rng),
        "thirty bells": draw_patients(fit_bells(train, 30, split), 284, rng),
        "photocopier": photocopy(train, 284, rng),
    }
    return train, test, tables


releases = [release(split) for split in range(10)]


def averaged(measure):
    """The mean of measure(train, test, synth) over the ten splits. -> {generator: number}"""
    return {
        name: np.mean([measure(train, test, tables[name]) for train, test, tables in releases])
        for name in releases[0][2]
    }


useful = averaged(lambda train, test, synth: tstr(synth, test))
alarm = averaged(lambda train, test, synth: copier_alarm(synth, train, test))
alt = (
    "TSTR is level for all three. The alarm is one "
    "half for one bell, far above two thirds for the other two."
)
fig, axes = plots.figure(1, 2, size=(10, 2.4), alt=alt)
plots.bars(list(useful), list(useful.values()), axes[0], color=plots.OTHER, form=".3f")
plots.bars(list(alarm), list(alarm.values()), axes[1], color=plots.WRONG, form=".2f")
axes[1].axvline(2 / 3, color=plots.MUTED, linestyle="--", zorder=0)
plots.label(axes[0], "useful: TSTR", "share of patients")
plots.label(axes[1], "alarm; dashed: it rings", "nearer to the training half")

# %% [markdown]
# <details><summary>What happened</summary>
#
# By usefulness you could not tell them apart; the photocopier is as good as anybody. The alarm tells: about a half for one
# bell ({{10.alarm.one:.2f}}), {{10.alarm.many:.2f}} for thirty bells, all of them for the photocopier. And note the second:
# nobody meant to copy. Thirty bells are a model with too many parameters, fitted as usual. (The one bell lies a trace above a
# half: it is fitted to the training half, and knows its averages.)
#
# </details>

# %% [markdown]
# ## Was this patient in the data?
#
# Who is harmed by a copy? Picture somebody with two things in hand: your published table, and the measurements of an
# acquaintance. They want to know one thing: *was she in that hospital's data?* If yes, they have learnt what holds for
# everybody in it: where she was treated, or that she took part in a certain study. That is a **membership attack** (Chen et
# al. 2020 list its forms for generative models), and ours needs no more than a distance: the nearer the acquaintance is to
# some synthetic patient, the more likely she was in.
#
# $$ \text{score}(x) = -\min_i d(x, \tilde x_i) $$
#
# How good is an attacker? Let him look at one patient who was in and one who was not, and bet on the higher score. The share
# of such pairs that he gets right, a tie counting half, is the **AUC**:
#
# $$ \mathrm{AUC} = P(s_{\text{in}} > s_{\text{out}}) + \tfrac12 P(s_{\text{in}} = s_{\text{out}}) $$
#
# One half is a coin, one is certainty, and below one half he should bet the other way round.
#
# ### Exercise 10.3 · `membership_auc`
# All pairs of one who was in with one who was out. (Exercise 10.2 is in the studio.)


# %% tags=["exercise:10.3", "points:4", "minutes:6"]
def membership_auc(scores_in: Tensor, scores_out: Tensor) -> float:
    """P(in > out) + ½ P(in = out) over all pairs. (N,), (M,) -> float in [0, 1]"""
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
# `[:, None]` makes a column, so the subtraction meets each with each, (N, M). No threshold occurs: the AUC judges the order
# of the scores. The two numbers of patients may differ.


# %%
def attack(synth, train, test):
    """Scores of those who were in and of those out: minus the distance to the nearest synthetic."""
    scale = synth["x"].std(axis=0)  # the attacker knows the published table only
    return [torch.tensor(-distance_to(synth, table["x"], scale)) for table in (train, test)]


def unusual(table):
    """The tenth of the patients who lie farthest from the average one. -> bool (N,)"""
    z = (table["x"] - table["x"].mean(axis=0)) / table["x"].std(axis=0)  # (N, D)
    far = np.linalg.norm(z, axis=1)  # (N,)
    return torch.tensor(far > np.quantile(far, 0.9))


def attack_on_unusual(train, test, synth):
    s_in, s_out = attack(synth, train, test)
    return membership_auc(s_in[unusual(train)], s_out[unusual(test)])


exposed = averaged(lambda train, test, synth: membership_auc(*attack(synth, train, test)))
exposed_tail = averaged(attack_on_unusual)
for name in exposed:
    print(f"{name:<12} AUC {exposed[name]:.2f}, for the unusual tenth {exposed_tail[name]:.2f}")

# %%
train, test, tables = releases[0]
alt = (
    "Distances of those in and out: apart for "
    "thirty bells, those in are nearer; on top of each other for one bell."
)
fig, axes = plots.figure(1, 2, size=(10, 3.2), alt=alt)
edges = np.linspace(0, 8, 41)
for ax, name in zip(axes, ("thirty bells", "one bell"), strict=True):
    s_in, s_out = attack(tables[name], train, test)
    drawing.those_in_and_out(ax, -s_in.numpy(), -s_out.numpy(), edges)
    title = f"{name}: AUC {membership_auc(s_in, s_out):.2f}"
    plots.label(ax, title, "distance to the nearest synthetic patient", "patients")
axes[0].legend()
# %% [markdown]
# With thirty bells the attacker is right in {{10.auc.many:.2f}} of all pairs, and the table is as *useful* as any. Nothing in
# its utility warned of it. (The photocopier's victims are not all found either: some patients were never drawn.) Among
# patients who are unusual, who have most to fear from being recognized, the number is higher, {{10.auc.many_tail:.2f}}: a
# bell has moved in beside them. An average over patients hides that (Carlini et al. 2022 make it their main point).

# %% [markdown]
# ## A mitigation, and what it costs
#
# Why thirty? Somebody looked at the likelihood. Do the same, twice: on the patients that the bells were fitted to, and on
# patients left out of the fit (each fifth of the training half in turn).
#
# **Predict.** Which number of bells do the training patients recommend, and which the ones left out?

# %%
z_all = (train["x"] - train["x"].mean(axis=0)) / train["x"].std(axis=0)  # (284, 30)
numbers_of_bells = [1, 2, 4, 8, 16, 32]
nats = {"fitted to": [], "left out": []}
for K in numbers_of_bells:
    fitted = left_out = 0
    for c in (0, 1):
        z, mixture = z_all[train["y"] == c], GaussianMixture(K, reg_covar=1e-3, random_state=0)
        share = len(z) / len(z_all)
        fitted += share * mixture.fit(z).score(z)
        left_out += share * cross_val_score(mixture, z, cv=5).mean()
    nats["fitted to"].append(fitted)
    nats["left out"].append(left_out)
ax = plots.panel(
    size=(6.5, 3.2),
    alt="Fitted to, the likelihood rises with the number of bells; "
    "on patients left out it falls steeply from the first.",
)
looks = {"fitted to": (plots.WRONG, "--"), "left out": (plots.DATA, "-")}
for name, (color, style) in looks.items():
    ax.plot(numbers_of_bells, nats[name], style, color=color, marker="o", label=name)
ax.set_xscale("log", base=2)
ax.set_yscale("symlog", linthresh=20)
ax.set_xticks(numbers_of_bells, numbers_of_bells)
ax.legend()
plots.label(ax, "How likely are the patients?", "bells per diagnosis", "nats a patient")
# %% [markdown]
# <details><summary>What happened</summary>
#
# Those fitted to say: more, always more. Those left out say: one. A likelihood that keeps rising on the training data is what
# memory looks like from outside, and the honest split of lesson 05 is also a privacy measure. With one bell the attack falls
# from {{10.auc.many:.2f}} to {{10.auc.one:.2f}}, and TSTR stays where it was. Here privacy cost nothing, because the thirty
# bells had bought nothing.
#
# </details>
#
# It is not always free. **Pay for it yourself.** Choose the number of components, and the noise that is added to every
# published measurement, in standard deviations of its column. Left: distances of members and others. Right: all settings
# in the plane of risk and use, which you can drag along; the release should be in the green corner, with AUC at most $0.6$
# and TSTR at least $0.94$.
#
# **Your goal.** With 32 components, find the least noise that brings you into the corner. Then find the same privacy for less.

# %%
train, test, _ = releases[0]
steps = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
plane = {}
for K in numbers_of_bells:
    model = fit_bells(train, K, seed=0)
    for noise in steps:
        rng = runtime.rng(60)
        synth = draw_patients(model, 284, rng)
        synth["x"] = synth["x"] + noise * train["x"].std(axis=0) * rng.normal(size=synth["x"].shape)
        s_in, s_out = attack(synth, train, test)
        auc = membership_auc(s_in, s_out)
        plane[K, noise] = auc, tstr(synth, test), -s_in, -s_out
explorables.privacy(numbers_of_bells, steps, plane)

# %% [markdown]
# Noise works and costs: the table gets blurred for everybody, patient and partner alike. A smaller model forgets the
# individual and keeps the crowd.
#
# Two honest warnings, before anybody is told that the table is "anonymous".
#
# **Predict.** Give the attacker more: not the table but *the model itself*, so that he can score patients by their
# log-likelihood. What becomes of his AUC for one bell, and for eight? (Released as a *table*, eight bells leak little, as the
# sliders show.)


# %%
def model_attack(model, table):
    """log p(x | y) of each patient under the released model: a score for the attacker. -> (N,)"""
    z = (table["x"] - model["mean"]) / model["sd"]
    both = np.stack([mixture.score_samples(z) for mixture in model["bells"]])  # (2, N)
    return torch.tensor(both[table["y"], np.arange(len(z))])


with_model = {}
for K in (1, 8, 30):
    found = []
    for split, (train, test, _) in enumerate(releases):
        model = fit_bells(train, K, seed=split)
        found.append(membership_auc(model_attack(model, train), model_attack(model, test)))
    with_model[K] = np.mean(found)
    print(f"with the model in hand, K = {K:<2}: AUC {with_model[K]:.2f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# With eight bells he wins nearly every pair, {{10.auc.model_eight:.2f}}; even one bell leaks a little,
# {{10.auc.model_one:.2f}}. A number of this kind belongs to *an attack*, not to the table. Stronger attackers exist, and
# synthetic data by itself promises nothing (Stadler, Oprisanu & Troncoso 2022).
#
# </details>
#
# The second warning follows: surviving an attack is evidence, not proof. A proof needs noise *in the making*, measured so that
# no single patient can change the chances of any result by much: **differential privacy** (Dwork & Roth 2014). Until then say
# what you did: which attack, which score, on whom.
#
# > **A good place to stop.** Half of the release card is measured. When you come back, run all cells above once (*Run → Run
# > All Above Selected Cell*).

# %% [markdown]
# ## A mark in the text
#
# The table gets a leaflet, and a model writes it. A month later somebody finds a leaflet on the net and asks: was that *your*
# model? Style proves nothing. A **watermark** helps: a pattern in the choice of words that no reader sees and that the owner
# of a key can count.
#
# We need a language model. Lesson 08 trains them; for today a table is enough: for each word, the probabilities of the next.
# Ours knows 115 words and writes without end about hospital life.

# %%
word_list = """
anxious calm cheerful curious grateful hopeful hungry patient restless sleepy tired wary young kind
carers children cousins doctors families nurses parents porters students surgeons visitors cleaners
carry check compare copy describe discuss explain file question read repeat sign trust write
blurred careful clear early faded frank hasty honest late long odd old short simple
answers charts diaries forms graphs leaflets letters lists notes recipes reports results scans tales
near behind beside in outside opposite above below inside around between beyond within across
busy bright crowded dim draughty empty green narrow noisy quiet spare sunny tidy warm
archives canteens chapels clinics corridors courtyards gardens kitchens libraries lobbies attics
. ; and but while so yet because"""
slots = [line.split() for line in word_list.strip().split("\n")]
words = word_list.split()  # V of them
number = {word: i for i, word in enumerate(words)}
V = len(words)


def language_model(rng):
    """P[i, j]: how likely word j follows word i. Each has a taste of its own. -> (V, V)"""
    P = torch.zeros(V, V)
    for here, there in zip(slots, slots[1:] + slots[:1], strict=True):
        for word in here:
            taste = torch.tensor(rng.dirichlet([5.0] * len(there))).float()
            P[number[word], [number[follower] for follower in there]] = taste
    return P


P = language_model(runtime.rng(70))

# %% [markdown]
# The scheme (Kirchenbauer et al. 2023). A secret key and the *previous* word decide, by a hash, which share $\gamma$ of the
# vocabulary is **green** next. When the model writes, green words get a bonus $\delta$ on their logits:
#
# $$ P_\delta(j \mid i) = \frac{P(j \mid i)\, e^{\delta\, \text{green}_{ij}}}{\sum_k P(k \mid i)\, e^{\delta\, \text{green}_{ik}}} $$
#
# A hash is a scrambling that anybody with the key can repeat and nobody without it can guess.


# %%
def green_table(key, gamma):
    """green[i, j]: is word j green after word i? A share gamma of each row, by a hash. -> (V, V)"""

    def ticket(i, j):
        return hashlib.sha256(f"{key} {words[i]} {words[j]}".encode()).digest()

    green = torch.zeros(V, V, dtype=torch.bool)
    for i in range(V):
        order = sorted(range(V), key=lambda j: ticket(i, j))
        green[i, order[: int(gamma * V)]] = True
    return green


def write(n, T, delta, green):
    """n texts of T words, after a full stop that opens them. -> (n, T + 1)"""
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
# **Predict.** The second text is marked. Without the label, could you tell by reading? And how many words would you need, to be
# sure by counting?
#
# Without a mark, each next word is green with probability $\gamma$, a coin. Of $T$ words that follow another, $\gamma T$ are
# expected to be green, with a variance of $T\gamma(1-\gamma)$. So count, and ask how many standard deviations too many there
# are:
#
# $$ z = \frac{\#\text{green} - \gamma T}{\sqrt{T \gamma (1 - \gamma)}} $$
#
# ### Exercise 10.4 · `watermark_z`
# `tokens` are word numbers, `green[i, j]` is as above. The first token follows nothing, so it is not scored: $T$ counts the
# pairs.


# %% tags=["exercise:10.4", "points:4", "minutes:6"]
def watermark_z(tokens: Tensor, green: Tensor, gamma: float) -> float:
    """How many standard deviations more green words than chance expects.

    int (T + 1,), bool (V, V), float -> float
    """
    # BEGIN SOLUTION
    hits = green[tokens[:-1], tokens[1:]]  # (T,) each word, given the one before
    T = len(hits)
    return (hits.sum().item() - gamma * T) / math.sqrt(T * gamma * (1 - gamma))
    # END SOLUTION


# %% tags=["check:10.4"]
watermark_z = check("10.4", watermark_z)

# %% [markdown] tags=["help:10.4"]
# A text of five words has how many pairs of neighbors? Which two numbers pick an entry of `green`?
# ---
# Tokens $(0, 1, 0, 0, 1)$, and `green` says that only 1 after 0 is green. The pairs: $01$ green, $10$ not, $00$ not, $01$
# green. Two of $T = 4$; with $\gamma = \tfrac12$ two were expected: $z = 0$. With $\gamma = \tfrac14$:
# $(2 - 1)/\sqrt{4 \cdot \tfrac14 \cdot \tfrac34} = 1.15$.
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
ax = plots.panel(
    size=(7.5, 3),
    alt="z of unmarked texts and of marked texts read with a wrong key "
    "around zero; of marked texts far to the right of four.",
)
for values, name, color, style in [
    (z_plain, "unmarked", plots.MUTED, "stepfilled"),
    (z_wrong_key, "marked, wrong key", plots.WRONG, "step"),
    (z_marked, "marked", plots.OTHER, "stepfilled"),
]:
    ax.hist(values, np.arange(-5, 14, 0.5), histtype=style, color=color, label=name, linewidth=2)
ax.axvline(4, color="black", linestyle="--")
ax.legend(loc=(0.52, 0.55))
plots.label(ax, "100 texts of 200 words each; dashed: z = 4", "z", "texts")
surprise = [-torch.log2(P[t[:, :-1], t[:, 1:]]).mean().item() for t in (plain, marked)]
print(f"unmarked: highest {z_plain.max():.1f};  marked: lowest {z_marked.min():.1f}")
print(
    f"surprise of the unmarked model: at its own text {surprise[0]:.2f} bits a word, "
    f"at marked text {surprise[1]:.2f}"
)

# %% [markdown]
# <details><summary>What happened</summary>
#
# Reading does not tell, counting does: every marked text stands far beyond 4, every unmarked one below. With a wrong key
# marked text looks like any other. A bell exceeds 4 about three times in a hundred thousand: that is the price in false
# accusations, and it is why the line is drawn at 4 and not at 2. The text itself is hardly less likely than before; what it
# gave up is some of its choice of words. (The pairs that the model likes best may happen to be greener than a half, or less
# green: with another key the gray hump would stand a little beside zero.)
#
# </details>

# %% [markdown]
# ## What removes the mark
#
# Somebody edits the text without the key. A word and its color survive only if the word *and the one before it* were left
# alone: if a share $p$ of words is replaced at random, that happens with probability $(1 - p)^2$, and with $T$ words
#
# $$ z(p, T) \approx (1 - p)^2 \sqrt{T / 200}\; z(0, 200) $$
#
# **Predict.** Which of these brings 200 marked words below 4: mixing up the order of the clauses; cutting away half of the
# text; replacing every tenth word; replacing six of ten?

# %%
begins = torch.tensor([number[slot[0]] for slot in slots])  # (9,) the first word of each slot
sizes = torch.tensor([len(slot) for slot in slots])  # (9,)
slot_of = torch.arange(9).repeat_interleave(sizes)  # (V,)


def paraphrase(texts, p):
    """Replace a share p of the words, each by another of its kind. (n, T + 1) -> (n, T + 1)"""
    kind = slot_of[texts]
    step = 1 + (torch.rand(texts.shape) * (sizes[kind] - 1)).long()  # never back to the same word
    other = begins[kind] + (texts - begins[kind] + step) % sizes[kind]
    return torch.where(torch.rand(texts.shape) < p, other, texts)


def shuffle_clauses(texts):
    """Clauses of nine words in another order, after the opening full stop. (n, 9 m + 1) -> same"""
    n, order = len(texts), torch.randperm((texts.shape[1] - 1) // 9)
    clauses = texts[:, 1:].reshape(n, -1, 9)[:, order]  # (n, m, 9)
    return torch.cat([texts[:, :1], clauses.reshape(n, -1)], dim=1)


# %%
runtime.seed_all(73)
marked = write(100, 198, 3, green)  # 22 clauses of nine words
edited = {
    "as written": marked,
    "clauses mixed up": shuffle_clauses(marked),
    "half cut away": marked[:, :100],
    "1 of 10 words replaced": paraphrase(marked, 0.1),
    "3 of 10 replaced": paraphrase(marked, 0.3),
    "6 of 10 replaced": paraphrase(marked, 0.6),
}
survives = {name: z_of(texts, green) for name, texts in edited.items()}
medians = [np.median(z) for z in survives.values()]
ax = plots.bars(
    list(survives),
    medians,
    form=".1f",
    color=plots.OTHER,
    alt="Mixing clauses costs little; cutting and light edits weaken the mark; "
    "replacing six of ten words brings it below four.",
)
ax.axvline(4, color="black", linestyle="--", zorder=0)
plots.label(ax, "What is left of the mark; dashed: z = 4", "median z of 100 texts")
# %% [markdown]
# <details><summary>What happened</summary>
#
# Mixing up clauses breaks only the pairs across the joints. Half a text keeps $\sqrt{1/2}$ of $z$. Replacing costs the
# *square*: six of ten words leave $(0.4)^2 = 0.16$ of the excess. An enemy needs no key, only patience, or a second model that
# paraphrases. In real text too a rewriting weakens the mark, and length brings it back: after people had rewritten it
# thoroughly, 800 tokens were needed on average (Kirchenbauer et al. 2024). A mark stops the careless, not the determined.
#
# </details>
#
# **Turn the knobs of both sides.** `strength` is the writer's $\delta$, `length` the number of words found, `replaced` what
# the enemy changed. Above stands the beginning of one text, green words bold with a dot below; below, $z$ of a hundred marked
# and unmarked texts.
#
# **Your goal.** (1) The shortest marked text of strength 3 that you would dare to call marked in court. (2) The strength that
# survives half of the words being replaced. (3) Set the strength to 0: are there green words, and what do they prove?

# %%
runtime.seed_all(74)
strengths, shares = np.arange(7.0), [0.0, 0.25, 0.5, 0.75]
library = {}
for strength in strengths:
    texts = write(100, 400, float(strength), green)
    for share in shares:
        found = paraphrase(texts, share)
        hits = green[found[:, :-1], found[:, 1:]].numpy()  # (100, 400)
        library[float(strength), share] = found[0].numpy(), hits
explorables.watermark(library, words, gamma)

# %% [markdown]
# <details><summary>What to find with the sliders</summary>
#
# (1) About fifty words put nearly all texts beyond 4; with 25 some stay below: short texts cannot be judged. (2) None lifts
# all texts of 200 words beyond 4: from strength 4 on nearly every word is green already. Length helps where strength cannot.
# (3) Half of all words are green, in everybody's texts, also in yours: a green word is no proof of anything. And the formula
# for $z(p, T)$ is what you see when you move `replaced`.
#
# </details>
#
# One more thing removes the mark: having no choice. Where the next word is fixed, a dosage, a name, a quotation, no bonus
# changes it. So a mark says *which model wrote*, for long texts with free choices, and as long as nobody has learnt the green
# lists from many marked texts, to forge it (Jovanović, Staab & Vechev 2024). It does not say whether the text is *true*
# (lesson 08 measured that), and a text without a mark proves nothing at all. Against misinformation it is one tool: it lets an
# honest house say "this is ours".

# %% [markdown]
# ## The release card
#
# A table and a text are to leave the house. May they? A decision needs numbers on one page, with the bar set *before* looking.
# Model cards (Mitchell et al. 2019) made that a custom. Fill in the words; the numbers are those you measured, means
# over ten tables made in the same way.

# %%
words_of_yours = {
    "What is released": "284 synthetic patients, 30 measurements and a diagnosis; a leaflet",
    "Made from": "",  # whose data, and did they agree to this use?
    "Meant for": "",  # one sentence: who may use it, and what for
    "Not for": "",  # what would go wrong, and for whom
    "Who answers": "",  # where does somebody turn who finds herself in it?
}
which = "one bell"  # the generator whose table is to leave the house
leaked = with_model[{"one bell": 1, "thirty bells": 30}[which]]
card = [  # question, measured, bar, kept
    ("useful? TSTR, accuracy", useful[which], "at least 0.94", useful[which] >= 0.94),
    ("copied? alarm", alarm[which], "at most 0.67", alarm[which] <= 2 / 3),
    ("private? AUC, nearest patient", exposed[which], "at most 0.6", exposed[which] <= 0.6),
    ("the same, unusual tenth", exposed_tail[which], "at most 0.6", exposed_tail[which] <= 0.6),
    ("if the model leaks: AUC", leaked, "at most 0.6", leaked <= 0.6),
    ("marked? lowest z, 200 words", z_marked.min(), "above 4", z_marked.min() > 4),
    ("falsely accused? highest z", z_plain.max(), "below 4", z_plain.max() < 4),
    ("after 3 of 10 words replaced: z", np.median(survives["3 of 10 replaced"]), "reported", True),
]
for question, answer in words_of_yours.items():
    print(f"{question:<18} {answer or '... still to be written, by you'}")
lines = [
    (question, f"{value:.3g}", bar, "yes" if kept else "NO") for question, value, bar, kept in card
]
runtime.show_table(("question", "measured", "bar", "kept?"), lines)

# %% [markdown]
# **Predict.** Set `which` to "thirty bells": which lines will turn to NO, and would anybody have noticed from the first line
# alone? Then run it again.
#
# What the card cannot decide is for people and the law. Data are *personal* when somebody in them can be identified by means
# "reasonably likely to be used" (General Data Protection Regulation, recital 26); the word "synthetic" does not change that.
# The European Union's AI Act asks that generated content be marked so that machines can tell (Regulation 2024/1689, article
# 50). Who may consent, who answers, and who bears the cost of a mistake: put a name on it. Optimism about the next
# breakthrough and a careful card go well together. Trust is the number of times that the card was right.

# %% [markdown]
# ## What this run reached

# %%
inside = runtime.reached(
    {
        "10.logistic": right["logistic regression"],
        "10.bayes": right["naive Bayes"],
        "10.trtr": utility["trained on real patients"],
        "10.tstr": utility["synthetic"],
        "10.blind": utility["as claimed"],
        "10.tstr.many": useful["thirty bells"],
        "10.alarm.one": alarm["one bell"],
        "10.alarm.many": alarm["thirty bells"],
        "10.alarm.copier": alarm["photocopier"],
        "10.auc.one": exposed["one bell"],
        "10.auc.many": exposed["thirty bells"],
        "10.auc.many_tail": exposed_tail["thirty bells"],
        "10.auc.model_one": with_model[1],
        "10.auc.model_eight": with_model[8],
        "10.z.marked": z_marked.min(),
        "10.z.plain": z_plain.max(),
        "10.z.replaced": np.median(survives["6 of 10 replaced"]),
        "10.z.bits": surprise[1] - surprise[0],
    }
)

# %% tags=["solved"]
assert inside
assert right["logistic regression"] >= 0.95 and right["logistic regression"] > right["naive Bayes"]
assert utility["synthetic"] >= 0.94 and utility["as claimed"] <= 0.75
assert alarm["one bell"] < 2 / 3 < alarm["thirty bells"] and alarm["photocopier"] > 0.99
assert exposed["thirty bells"] >= 0.7 and exposed["one bell"] <= 0.6
assert with_model[1] < 0.65 < 0.9 < with_model[8]
assert np.argmax(nats["left out"]) == 0 and np.argmax(nats["fitted to"]) == 5
assert z_marked.min() > 4 > z_plain.max() and z_wrong_key.max() < 4
z_0 = np.median(survives["as written"])
for name, p in zip(list(survives)[3:], (0.1, 0.3, 0.6), strict=True):
    assert abs(np.median(survives[name]) - (1 - p) ** 2 * z_0) < 1.2
assert np.median(survives["6 of 10 replaced"]) < 4 < np.median(survives["3 of 10 replaced"])
assert abs(np.median(survives["half cut away"]) - math.sqrt(0.5) * z_0) < 1

# %% [markdown]
# That was the core. The studio has rooms for molecules, for a trial, for consent and for building. In a hurry? [Where we are
# now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Room A · Molecules on paper
#
# The other half of the article's medicine: new drugs. A molecule can be written as a line of text, in SMILES (Weininger 1988):
# letters for atoms, small letters for atoms in aromatic rings, digits where a ring closes, round brackets where a branch
# leaves. Caffeine is `Cn1c(=O)c2c(ncn2C)n(C)c1=O`. What lesson 08 does with words can be done with these 26 characters:
# predict the next one. The course ships 4,047 small molecules; our model is a GRU, a relative of the LSTM (Segler et al. 2018
# did it with an LSTM).


# %% tags=["studio", "export"]
class SmilesModel(nn.Module):
    """Which character comes next? A GRU: (B, T) -> logits (B, T, V), and its memory."""

    def __init__(self, V, hidden=192):
        super().__init__()
        self.embed = nn.Embedding(V, 32)
        self.gru = nn.GRU(32, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(hidden, V))

    def forward(self, tokens, memory=None):
        states, memory = self.gru(self.embed(tokens), memory)  # (B, T, hidden)
        return self.head(states), memory


def encode_smiles(smiles, alphabet):
    """Numbers of characters; 0, the line end, opens and closes; -1 fills up. -> (N, longest + 2)"""
    rows = torch.full((len(smiles), max(map(len, smiles)) + 2), -1)
    for row, text in zip(rows, smiles, strict=True):
        row[: len(text) + 2] = torch.tensor([0, *map(alphabet.index, text), 0])
    return rows


# %% tags=["studio", "export"]
def train_smiles(model, rows, epochs, lr=4e-3):
    """Train in place, from torch's current seed; yields each epoch's loss, nats a character."""
    length = (rows >= 0).sum(dim=1)  # (N,)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, epochs * (-(-len(rows) // 64)))
    for _ in range(epochs):
        order, losses = torch.randperm(len(rows)), []
        batches = order[(length[order] // 4).argsort(stable=True)].split(64)  # of similar length
        for b in torch.randperm(len(batches)).tolist():
            batch = rows[batches[b], : length[batches[b]].max()]  # (B, T + 1)
            logits, _ = model(batch[:, :-1].clamp(min=0))  # (B, T, V)
            loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), ignore_index=-1)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            fade.step()
            losses.append(loss.item())
        yield float(np.mean(losses))


# %% tags=["studio", "export"]
@torch.no_grad()
def write_smiles(model, n, temperature, alphabet):
    """n strings, character by character, until the line ends or 80 are written. -> list of str"""
    model.eval()
    token, memory, written = torch.zeros(n, 1, dtype=torch.long), None, []
    for _ in range(80):
        logits, memory = model(token, memory)  # (n, 1, V)
        token = torch.multinomial(torch.softmax(logits[:, -1] / temperature, dim=1), 1)  # (n, 1)
        written.append(token)
    model.train()
    texts = ["".join(alphabet[t] for t in row) for row in torch.cat(written, dim=1).tolist()]
    return [text.split("\n")[0] for text in texts]


# %% tags=["studio"]
molecules = data.molecules()
alphabet = ["\n", *sorted(set("".join(molecules)))]  # 27 characters
runtime.seed_all(80)
chemist = SmilesModel(len(alphabet))
rows = encode_smiles(molecules, alphabet)  # (4047, 66)
losses = list(progress.bar(train_smiles(chemist, rows, runtime.budget(smoke=1, cpu=13)), "epochs"))
runtime.seed_all(81)
written = write_smiles(chemist, 500, 0.8, alphabet)
print(f"{losses[0]:.2f} nats a character after the first epoch, {losses[-1]:.2f} after the last")
print(*written[:6], sep="\n")

# %% [markdown] tags=["studio"]
# It looks like chemistry. Is it? A string may be no molecule at all (a ring that never closes, a carbon with five bonds); it
# may say the same molecule as another string in other words; it may be one of those it was trained on. **RDKit** reads SMILES
# and answers. It is *not* installed with the course: if the next cell says so, run `pip install rdkit` once, restart the
# kernel, and run again. Without it you work with the strings that the course ships, for which RDKit's answers came along.
#
# `canonical(s)` is the one spelling that all strings of a molecule share, or `None` if `s` is no molecule.
#
# **Predict.** Of these three strings, how many are molecules, and how many *different* ones: `CCO`, `OCC`, `C1CC`?

# %% tags=["studio"]
if chemistry.available():
    print({text: canonical(text) for text in ("CCO", "OCC", "C1CC")})
else:
    print("RDKit is not here. To read molecules of your own,", chemistry.INSTALL)

# %% [markdown] tags=["studio"]
# <details><summary>What it says</summary>
#
# Two are molecules, and both are ethanol: `OCC` reads it from the other end. In `C1CC` a ring is opened and never closed.
#
# </details>
#
# ### Exercise 10.2 · `molecule_report`
# Three rates, each a share of what the one before let through (as in Polykovskiy et al. 2020): **valid**, of all strings;
# **unique**, different molecules of the valid strings; **novel**, of the different molecules those that are not in `train`.
# Compare canonical spellings, of `train` too: nobody promises that it is spelt canonically. If nothing is left to divide by,
# the rate is 0.


# %% tags=["studio", "exercise:10.2", "points:4", "minutes:9"]
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


# %% tags=["studio", "check:10.2"]
molecule_report = check("10.2", molecule_report)

# %% [markdown] tags=["studio", "help:10.2"]
# Three fractions: what stands below the line of each? Can two different strings be one molecule?
# ---
# Samples `CCO`, `OCC`, `CC`, `C1CC`; training `CC`. Valid: three of four, $0.75$. Canonical: `CCO`, `CCO`, `CC`, so two of
# three are different, $0.667$. Of these two, `CC` is known: novel $0.5$.
# ---
# Canonical first, then a set: a set forgets repetitions, and a difference of sets takes the known ones away. `max(…, 1)`
# keeps an empty list from dividing by zero.

# %% tags=["studio"]
long_run = chemistry.shipped()
if chemistry.available():
    report = molecule_report(written, molecules)
    print("your short run:       ", {name: round(rate, 2) for name, rate in report.items()})
else:
    report = None
    print("your short run cannot be read without RDKit:", chemistry.INSTALL)
shipped_report = molecule_report(long_run["samples"], molecules)
print("a run the course ships:", {name: round(rate, 2) for name, rate in shipped_report.items()})

# %% tags=["studio"]
plans = dict(zip(long_run["drawn"], long_run["layouts"], strict=True))
if chemistry.available():
    mine = sorted({c for c in map(canonical, written) if c} - set(molecules), key=len)
    plans = {c: chemistry.layout(c) for c in mine[len(mine) // 2 :][:8]}
alt = (
    "Eight structural formulas of molecules that "
    "the model wrote and that are not among its training data."
)
fig, axes = plots.figure(2, 4, size=(10, 4.2), alt=alt)
for ax, (spelling, plan) in zip(axes.flat, plans.items(), strict=False):  # a short run has fewer
    chemistry.draw(plan, ax, title=spelling)

# %% [markdown] tags=["studio"]
# Drawn, they look like molecules a chemist could have in a drawer. **Would training longer help?** A script of the course did
# (`tools/measure/studies/smiles.py`), measuring on the way.
#
# **Predict.** With more epochs, what becomes of validity? And of novelty?

# %% tags=["studio"]
alt = (
    "Over the epochs validity rises from near zero "
    "to about nine in ten, and novelty falls from nearly one."
)
fig, axes = plots.figure(1, 2, size=(10, 3.3), alt=alt)
for ax, rate, color in [(axes[0], "valid", plots.OTHER), (axes[1], "novel", plots.MODEL)]:
    curves = zip(long_run["temperatures"], long_run[rate].T, ("-", "--", ":"), strict=True)
    for temperature, values, style in curves:
        t, label = long_run["epochs"], f"temperature {temperature:g}"
        ax.plot(t, values, style, color=color, marker="o", markersize=4, label=label)
    ax.set(ylim=(0, 1.02))
    ax.legend(fontsize=9)
    plots.label(ax, rate, "epochs of training", "share")

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# Validity rises to {{10.mol.long_valid:.2f}}, and novelty falls to {{10.mol.long_novel:.2f}}: the model learns ever more of
# its four thousand molecules by heart. It is the copier again, and validity alone would praise it. More computing buys the one
# with the other; it moves you along the curve. And temperature trades the same way.
#
# Set bars: valid $0.8$, unique $0.95$, novel $0.8$. The short live run keeps all three ({{10.mol.valid:.2f}},
# {{10.mol.unique:.2f}}, {{10.mol.novel:.2f}}: the middle of five runs); the long one, which ran once and is shipped, keeps the
# first two ({{10.mol.long_valid:.2f}}, {{10.mol.long_unique:.2f}}) and misses the third by a hair ({{10.mol.long_novel:.2f}}).
# The strings that it wrote on the way, cooler, and that come with the course repeat themselves: unique
# {{10.mol.shipped_unique:.2f}}.
#
# A valid, new molecule is not a drug. Can it be made? Does it bind, dissolve, reach the place, harm the liver? Each question
# is an experiment, and most candidates fail one. These rates measure that a model can *spell* (Gómez-Bombarelli et al. 2018
# search further, for properties). Our training set holds dyes and toxic compounds, and so may the samples.
#
# </details>

# %% [markdown] tags=["studio"]
# ### Room B · Did the work get faster?
#
# **Debug a claim.** "Generative AI makes work more efficient", says the article, in its title and again at the end. No trial
# is cited. How would one know? Build a world where the truth is known, because we *simulate* it: 300 people, one task each.
# In this invented world the tool costs time, a factor of $1.15$ for everybody. People believe that it saves a fifth. And fast
# people are the first to pick it up.


# %% tags=["studio"]
def simulate_trial(n, true_ratio, rng, chosen=False):
    """Invented data, columns of n: ai (bool), minutes, believed (a ratio), team 0 to 9.

    With `chosen`, people decide themselves whether to use the tool, the faster the likelier.
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
# Times are skewed: most tasks take about an hour, a few take three. So compare on the scale of logarithms, where a ratio
# becomes a difference:
#
# $$ \log \hat r = \overline{\log t}_{\text{AI}} - \overline{\log t}_{\text{no AI}}, \qquad
# \mathrm{SE}^2 = \frac{s^2_{\text{AI}}}{n_{\text{AI}}} + \frac{s^2_{\text{no}}}{n_{\text{no}}}, \qquad
# \text{interval} = e^{\log \hat r \,\pm\, 1.96\, \mathrm{SE}} $$
#
# Above 1 means slower. The interval is built so that it holds the truth in 95 of 100 trials.
#
# ### Exercise 10.5 · `trial_effect`
# From the columns `ai` (bool) and `minutes`, NumPy arrays, the ratio and its 95 % interval. (Welch's t in place of $1.96$ is
# as good.) The table holds other columns. Do you need them?


# %% tags=["studio", "exercise:10.5", "points:4", "minutes:9"]
def trial_effect(df):
    """Time with AI over time without, as a ratio of geometric means, and its 95 % interval.

    Columns "ai" (n,) bool and "minutes" (n,) -> (ratio, (low, high))
    """
    # BEGIN SOLUTION
    with_ai, without = (np.log(df["minutes"][group]) for group in (df["ai"], ~df["ai"]))
    difference = with_ai.mean() - without.mean()
    error = math.sqrt(with_ai.var(ddof=1) / len(with_ai) + without.var(ddof=1) / len(without))
    low, high = (math.exp(difference + side * 1.96 * error) for side in (-1, 1))
    return math.exp(difference), (low, high)
    # END SOLUTION


# %% tags=["studio", "check:10.5"]
trial_effect = check("10.5", trial_effect)

# %% [markdown] tags=["studio", "help:10.5"]
# Which of the four columns did chance decide, which was measured with a clock, and which did people tell? What does a
# difference of two logarithms become when you undo it?
# ---
# With AI: 20 and 80 minutes; without: 10 and 40. Geometric means: $40$ and $20$, ratio $2$. The logarithms spread by
# $s = 0.98$ in both, so $\mathrm{SE}^2 = 0.96/2 + 0.96/2$, $\mathrm{SE} = 0.98$, and the interval is $2\,e^{\pm 1.92}$: from
# $0.29$ to $13.6$. Four tasks tell nothing.
# ---
# Everything happens in logarithms; the exponential comes last, for the estimate and for both ends, so the interval is not
# symmetric around the ratio. All people count, in the group that chance put them into.

# %% tags=["studio"]
ratio, interval = trial_effect(trial)
chosen = trial_effect(simulate_trial(300, 1.15, runtime.rng(91), chosen=True))
told = np.log(trial["believed"][trial["ai"]])  # what those with the tool believe
spread = 1.96 * told.std() / math.sqrt(len(told))
teams = [
    trial_effect({name: column[trial["team"] == team] for name, column in trial.items()})
    for team in range(10)
]
ends = np.exp(told.mean() + np.array([-spread, spread]))
found = {
    "what users believe": (np.exp(told.mean()), ends),
    "users who chose it, against the rest": chosen,
    "the best of ten teams": min(teams),
    "the trial, everybody": (ratio, interval),
}

# %% tags=["studio"]
ax = plots.panel(
    size=(8.5, 2.9),
    alt="Beliefs and self-chosen users lie below one, as if the tool "
    "saved time; the randomized trial lies above one, around the truth.",
)
for row, (name, (center, (low, high))) in enumerate(found.items()):
    color = plots.DATA if "trial" in name else plots.WRONG
    ax.plot([low, high], [row, row], color=color)
    ax.plot(center, row, "o" if "trial" in name else "x", color=color)
ax.axvline(1.15, color="black", linestyle="--")
ax.axvline(1, color=plots.MUTED, linewidth=1)
ax.set_yticks(range(4), found)
ax.invert_yaxis()
plots.label(ax, "Dashed: the truth of this invented world", "time with AI / time without")
# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# The truth is that the tool costs time. Users believe the opposite, with a narrow interval: many people can be wrong
# together. Those who *chose* the tool are faster, and were before. The luckiest of ten teams looks better than the whole.
# Only the comparison in which *chance* decided who gets the tool finds the truth. That is the mend: randomize, measure with a
# clock, count everybody, and say how sure you are.
#
# </details>

# %% tags=["studio"]
covered = []
for repeat in range(runtime.budget(smoke=100, cpu=1000)):
    _, (low, high) = trial_effect(simulate_trial(300, 1.15, runtime.rng(1000 + repeat)))
    covered.append(low <= 1.15 <= high)
print(f"of {len(covered)} trials, {np.mean(covered):.1%} have the truth in their interval")

# %% [markdown] tags=["studio"]
# **What real trials found.** The numbers below are reported by the papers, not measured here.
#
# | trial | who, and what | time with AI |
# |---|---|---|
# | Noy & Zhang 2023 | 453 professionals, writing tasks of half an hour | 40 % less, and better rated |
# | Peng et al. 2023 | programmers, one small server in JavaScript | 56 % less |
# | Becker et al. 2025 | 16 experienced developers, 246 tasks in their own large projects | 19 % *more* (interval 2 to 39); they believed 20 % less |
#
# They do not contradict each other. Other people, other tasks, other tools: an effect belongs to those. In a call center,
# where the tool came to teams one after the other, beginners gained most and the experienced little (Brynjolfsson, Li &
# Raymond 2025). How generative AI changes *your* work is a question for a trial at your desk: toss a coin for each task, and
# keep the times. A person with a tool is not automatically more than a person.

# %% [markdown] tags=["studio"]
# ### Room C · Whose words are these?
#
# Among the texts a model trains on is one by somebody who was not asked. It is in there *once*, in four hundred. Does that
# matter? The models are $n$-grams as in lesson 08: count which word follows the last $n - 1$. The texts are ours from above,
# and this verse stands for the author's.

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
    """Words drawn one by one; where the model has never been, it stops. -> list of words"""
    text = list(start)
    n = len(next(iter(table)))
    while len(text) < length and tuple(text[-n:]) in table:
        text.append(str(rng.choice(table[tuple(text[-n:])])))
    return text


def longest_copy(text, source):
    """The longest run of words that stands in both: its length, and where in the text it begins."""
    inside = " " + " ".join(source) + " "
    best = (0, 0)
    for i in range(len(text)):
        while i + best[0] < len(text) and " " + " ".join(text[i : i + best[0] + 1]) + " " in inside:
            best = best[0] + 1, i
    return best


# %% [markdown] tags=["studio"]
# `longest_copy` is the copier alarm for text: the longest run of words taken from a source. Everybody shares a few words with
# everybody.
#
# **Predict.** We start each model with the first words of the verse. From which $n$ on does it recite? And after the author
# withdraws consent, and the verse is taken out and the model trained again?

# %% tags=["studio"]
runtime.seed_all(92)
leaflets = [[words[w] for w in text] for text in write(400, 63, 0, green)]
copied = {"with the verse": {}, "without it": {}}
for n in (2, 3, 4):
    for name, texts in zip(copied, ([*leaflets, verse], leaflets), strict=True):
        table = count_words(texts, n)
        runs = []
        for repeat in range(50):
            text = continue_text(table, verse[: n - 1], 60, runtime.rng(100 + repeat))
            runs.append(longest_copy(text, verse)[0])
        copied[name][f"n = {n}"] = np.mean(runs)
alt = (
    "With the verse the copied run is long for n of "
    "three and four; without it only the prompt remains."
)
fig, axes = plots.figure(1, 2, size=(10, 2.2), alt=alt)
for ax, (name, runs), color in zip(axes, copied.items(), (plots.WRONG, plots.OTHER), strict=True):
    plots.bars(list(runs), list(runs.values()), ax, color=color, form=".0f")
    ax.set_xlim(0, 70)
    plots.label(ax, f"trained {name}", "longest copied run, words (of 60)")
recited = continue_text(count_words([*leaflets, verse], 3), verse[:2], 24, runtime.rng(93))
print("n = 3:", " ".join(recited))

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# Two words of context and *one* reading are enough to recite. No one meant to store the verse, and nobody finds it by looking
# at the loss: it is one text in 401. The alarm finds it because it knows what to look for. Large models do the same with what
# they saw often, and sometimes with what they saw once (Carlini et al. 2021). Taken out, it is gone: what remains is the
# prompt itself. But that took a training from scratch, which for a large model costs what the model cost. Asking first is
# cheaper.
#
# The alarm can also stand at the exit, and hold back any sample that shares more than a few words in a row with a protected
# text. Whether a copied verse is an infringement, a quotation or a parody is not in the counts. *That* it is copied is, and
# you can now show it.
#
# </details>

# %% [markdown] tags=["studio"]
# ### Room D · Build: patients you may publish
#
# Write a generator of synthetic patients from an empty page. It gets a table of real ones and must return `n` others, with a
# TSTR of at least $0.9$ (real patients reach {{10.trtr:.3f}}, always benign about $0.63$), a copier alarm below $\tfrac23$ and
# a membership AUC of at most $0.6$ (nearest synthetic patient, as above). Within a diagnosis, the measurements must vary about
# as much as those of real patients. Any method counts: bells, another family, a VAE, something of your own. Copies are found
# out, with noise or without.
#
# ### Exercise 10.6 · `make_patients`
# `table` is `{"x": (N, 30), "y": (N,)}`; return the same kind with `n` rows, as NumPy arrays. Draw all randomness from `rng`.
# The check hands you 284 patients, with each measurement in another unit, and keeps the others, four times, and takes the
# averages; it stops you after a minute.


# %% tags=["studio", "exercise:10.6", "points:8", "minutes:20"]
def make_patients(table, n, rng):
    """Synthetic patients that teach a classifier and betray nobody.

    table {"x": (N, D), "y": (N,)} of 0 and 1 -> {"x": (n, D), "y": (n,)}
    """
    # BEGIN SOLUTION
    y = rng.choice(table["y"], n)  # diagnoses as often as among the real
    x = np.empty((n, table["x"].shape[1]))  # (n, D)
    for c in (0, 1):
        real = table["x"][table["y"] == c]  # (N_c, D)
        mean, sd = real.mean(axis=0), real.std(axis=0)
        covariance = np.cov((real - mean) / sd, rowvar=False)  # (D, D)
        covariance = 0.9 * covariance + 0.1 * np.eye(len(sd))  # hangs less on each patient
        z = rng.multivariate_normal(np.zeros(len(sd)), covariance, (y == c).sum())
        x[y == c] = mean + sd * z
    return {"x": x, "y": y}
    # END SOLUTION


# %% tags=["studio", "check:10.6"]
make_patients = check("10.6", make_patients)

# %% [markdown] tags=["studio", "help:10.6"]
# What does a classifier need to know about each diagnosis? And what does it *not* need to know about any one patient?
# ---
# For one column: malignant $5, 7, 9$, benign $1, 2, 3$. Keep four numbers, the two means $7$ and $2$ and the two spreads $2$
# and $1$, and draw from them. A patient changes such a number only a little; a copy is the patient.
# ---
# One bell per diagnosis, on standardized columns; its covariance is mixed with the identity, so that no direction hangs on a
# handful of patients. One bell of the core passes as well; a few are at the limit.

# %% tags=["studio"]
built = {"TSTR": [], "AUC": []}
for split in range(10):
    rng = runtime.rng(110 + split)
    train, test = halves(rng)
    synth = make_patients(train, 284, rng)
    built["TSTR"].append(tstr(synth, test))
    built["AUC"].append(membership_auc(*attack(synth, train, test)))
built = {name: np.mean(values) for name, values in built.items()}
print("what you built, ten splits:", {name: round(float(x), 3) for name, x in built.items()})

# %% tags=["studio"]
also_inside = runtime.reached(
    {
        "10.trial.ratio": ratio,
        "10.trial.chosen": chosen[0],
        "10.trial.believed": np.exp(told.mean()),
        "10.trial.coverage": np.mean(covered),
        "10.copy.poem": copied["with the verse"]["n = 3"],
        "10.copy.without": copied["without it"]["n = 3"],
        "10.build.tstr": built["TSTR"],
        "10.build.auc": built["AUC"],
        "10.mol.long_valid": long_run["valid"][-1, 1],
        "10.mol.long_unique": long_run["unique"][-1, 1],
        "10.mol.long_novel": long_run["novel"][-1, 1],
        "10.mol.shipped_unique": shipped_report["unique"],
    }
)
if report is not None:
    also_inside &= runtime.reached(
        {
            "10.mol.valid": report["valid"],
            "10.mol.unique": report["unique"],
            "10.mol.novel": report["novel"],
        }
    )

# %% tags=["studio", "solved"]
assert also_inside
assert interval[0] <= ratio <= interval[1] and chosen[0] < 1 < ratio
assert 0.92 < np.mean(covered) < 0.975
assert copied["with the verse"]["n = 3"] > 30 > 5 > copied["without it"]["n = 3"]
assert built["TSTR"] >= 0.94 and built["AUC"] <= 0.6
assert shipped_report["valid"] >= 0.8 and shipped_report["novel"] >= 0.8
assert shipped_report["unique"] >= 0.85
bars = {"valid": 0.8, "unique": 0.95, "novel": 0.8}  # what the text says the long run kept
assert [long_run[rate][-1, 1] >= bar for rate, bar in bars.items()] == [True, True, False]
if report is not None:
    assert report["valid"] >= 0.78 and report["unique"] >= 0.94 and report["novel"] >= 0.8

# %% [markdown] tags=["studio"]
# ### Room E · A reading list that exists
#
# A model that writes references invents some of them; so did the article, or whoever wrote it. We looked every one up. Of its
# books, one (*Generative Models*) was not found anywhere, one carries a mixed-up title, and one (*Deep Learning*, 2016)
# predates most of what you have built here. Of its courses, Coursera's specialization exists but holds no VAE and no GAN, edX's
# was not found, and Udacity's is named too vaguely to be looked up. The list of all 76 findings is the course's errata page, `docs/errata.md`. Its last entry is the one to
# remember: a text without author, date and checkable sources has to be checked line by line. You have the habit by now:
# *measure*.
#
# What we found and can recommend: the books of Foster (*Generative Deep Learning*, second edition 2023), Tomczak (*Deep
# Generative Modeling*), Prince (*Understanding Deep Learning*, 2023), and Chollet & Watson (*Deep Learning with Python*);
# Carnegie Mellon's course 11-785 and the Deep Learning Specialization of DeepLearning.AI for foundations; the documentation
# of PyTorch, of Keras and TensorFlow, and of Hugging Face. For research, the *Journal of Machine Learning Research* (free to
# read) and the *IEEE Transactions on Pattern Analysis and Machine Intelligence*, and the preprints everybody reads first and
# reviews last.

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
# **The end, and a beginning.** Ten lessons ago a photocopier looked like a perfect generator. You can now say in numbers why
# it is not: its likelihood, its distance, its alarm, its attacker. Take a generator of your own and fill in its card.
