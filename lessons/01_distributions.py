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
# This course grew out of an article, in Chinese, on how generative AI changes the way we work. Its chapters were a good
# map, so we kept them. Some of its formulas were wrong, so we kept those too: in every lesson one of them returns as
# *Debug a claim* (here in studio room A), and you will measure the damage and mend it.
#
# **When you are through you will be able to**
# - tell probability *mass* from probability *density*, and check that either is normalized;
# - fit a model to data by its *likelihood*;
# - *sample* from a model you have fitted;
# - say what makes a model *generative* rather than *discriminative*;
# - ask of any generated thing: is it likely, and is it new?

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import math

import numpy as np
from scipy import integrate
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from course_utils import audio, check, data, plots, pretrained, progress, runtime, widgets
from course_utils.lesson01 import drawing, explorables

device = runtime.setup(seed=0)

# %% [markdown]
# ## Look and listen first
#
# Two small models come with the course. One was trained on handwritten digits, the other on four-part chorales by
# J. S. Bach. Ask both for something that nobody wrote.

# %%
drawn = pretrained.digits(40, runtime.rng(0))  # (40, 28, 28)
plots.images(drawn, columns=20, alt="Forty digits drawn by a model; most are easy to read.")
# %%
notes, onsets = pretrained.chorale(4, runtime.rng(0), with_onsets=True)  # (64, 4) each
plots.piano_roll(notes, onsets, alt="Four voices over four bars, moving mostly by small steps.")
audio.player(notes, onsets=onsets, alt="Four bars in four voices, played on a small organ.")

# %% [markdown]
# **Write it down.** Which test would you apply to these digits to decide whether the model is *good*? "They look real"
# is a start, but somebody who hands in photocopies of the training data passes that test.
#
# At the end of this lesson you will have three tests, two of them numbers. To get there we need to say what a model of data
# *is*. The answer is old and short: a probability distribution. It tells how likely every possible picture is, and
# it can be sampled. A **generative model** is a distribution over the data itself, learned from examples; *generative
# AI* is what you get when the data are texts, images or sound. Mathematics does three jobs for it: it describes the
# distribution (this lesson), finds the best one (02 and 03), and tells how good the result is (all of them).

# %% [markdown]
# ## Mass and density
#
# A die has six outcomes and each has a **mass**, a probability of its own. Masses lie between 0 and 1 and add up to 1.
# A height in meters has infinitely many possible values, and each single one has probability zero. Here we speak of
# **density**: probability per unit of length.
#
# The best-known density is the normal one, also called Gaussian: a bell around the mean $\mu$. Its width is $\sigma$;
# the square of it, $\sigma^2$, is the **variance**, the mean squared distance from the mean.
#
# $$ p(x \mid \mu, \sigma^2) = \frac{1}{\sqrt{2\pi\sigma^2}} \; e^{-\frac{(x-\mu)^2}{2\sigma^2}} $$
#
# Read the bar as *given*: the density of $x$, given $\mu$ and $\sigma^2$. $\mathcal N(\mu, \sigma^2)$ is short for this bell.
#
# **Predict.** A probability never exceeds 1. Can a *density* exceed 1? Say yes or no, and why, before you run the cell.


# %% tags=["nbval-check-output"]
def normal_pdf(x, mu, var):
    """Density of N(mu, var) at x."""
    return np.exp(-((x - mu) ** 2) / (2 * var)) / np.sqrt(2 * np.pi * var)


x = np.linspace(-12, 12, 24_001)  # (24001,) points, 0.001 apart
for var in (4.0, 1.0, 0.01):
    density = normal_pdf(x, 0.0, var)
    area = np.sum(density) * 0.001
    print(f"variance {var:<5g} highest density {density.max():.4f}   area {area:.4f}")
print(f"a die: highest mass {1 / 6:.4f}, all six together {6 * (1 / 6):.4f}")

# %%
ax = plots.panel(
    alt="Three bells of equal area: the narrowest is 4 high, the widest 0.2.", size=(7, 3)
)
bells = ((4.0, plots.MUTED, 0.68), (1.0, plots.DATA, 0.55), (0.01, plots.MODEL, 0.505))
for var, color, at in bells:
    plots.line(x, normal_pdf(x, 0, var), ax, name=f"variance {var:g}", at=at, color=color)
plots.label(ax, "The area is always one, the height is not", "x", "density (per unit of x)")
# %% [markdown]
# <details><summary>What happened</summary>
#
# Yes. The narrow bell is about four high, and its area is still one, because it is so narrow. The height of a density
# depends on the unit: measure in millimeters instead of meters and every density shrinks a thousandfold. Areas stay
# the same, and only areas are probabilities.
#
# </details>

# %% [markdown]
# **Checking that it is normalized** means: masses must *sum* to one, a density must have *area* one. We did both above,
# the area with thin strips. Make it a habit: it catches many wrong formulas at once, also famous ones.

# %% [markdown]
# ## Likelihood: how well does a model explain what we saw?
#
# Take one number per handwritten digit: how much of the picture is ink. Four thousand digits give four thousand
# numbers. Which normal distribution describes them best?
#
# Put a candidate's $\mu$ and $\sigma^2$ into the density and evaluate it at every data point. The digits were written
# independently of each other, and for independent things probabilities multiply, densities too; so multiply them all.
# This is the **likelihood** of the candidate. The product of four thousand small numbers is too small for a computer, so
# take logarithms and add: the **log-likelihood**. Its unit, with the natural logarithm, is the **nat**.

# %%
digits = data.mnist(numpy=True)  # 4,000 handwritten digits to learn from, 1,000 held out
x_train = (digits.x_train > 0.5).astype(float).reshape(4000, 784)  # (4000, 784): ink 1, paper 0
x_test = (digits.x_test > 0.5).astype(float).reshape(1000, 784)  # (1000, 784)
ink = 100 * x_train.mean(axis=1)  # (4000,): per cent of the picture that is ink
plots.images(digits.x_train[:20], columns=20, alt="Twenty handwritten digits.")

# %% [markdown]
# ### Exercise 1.1 · `normal_logpdf`
# The logarithm of the normal density above. Work the formula out on paper first, then write it down: no `np.exp` is
# needed, and without it nothing is rounded to 0 (*underflows*), however far $x$ is from the mean.


# %% tags=["exercise:1.1", "points:4", "minutes:10"]
def normal_logpdf(x, mu, var):
    """log N(x; mu, var) at each x. x: number or array (...), mu and var: numbers -> like x"""
    # BEGIN SOLUTION
    return -0.5 * np.log(2 * np.pi * var) - (x - mu) ** 2 / (2 * var)
    # END SOLUTION


# %% tags=["check:1.1"]
normal_logpdf = check("1.1", normal_logpdf)

# %% [markdown] tags=["help:1.1"]
# The density is a product of two factors: a number in front, and an exponential. What does a logarithm make of a
# product, of a square root, and of $e^{\text{something}}$?
# ---
# Take $\mu = 10$, $\sigma^2 = 4$, $x = 12$. In front stands $1/\sqrt{2\pi\cdot 4} = 1/5.013$, whose logarithm is
# $-1.612$. The exponent is $-(12-10)^2/(2\cdot 4) = -0.5$. Together: $-2.112$. At $x = 10$ the exponent is 0 and
# $-1.612$ remains.
# ---
# The logarithm turns the product into a sum and undoes the exponential:
# $\log p = -\tfrac12 \log(2\pi\sigma^2) - (x-\mu)^2 / (2\sigma^2)$. At 80 widths from the mean the density is about
# $10^{-1390}$, which no float holds; its logarithm is about $-3200$.

# %% tags=["nbval-check-output"]
print(f"density of N(10, 4) at its mean: {np.exp(normal_logpdf(10, 10, 4)):.5f}")
print(f"log-density 80 widths away: {normal_logpdf(170, 10, 4):.1f}")

# %% [markdown]
# **Fit by hand.** Drag either picture, or use the sliders, until the Gaussian explains the data best. On the right you
# see where you stand among all candidates; brighter is more likely. The sentence below gives the average log-likelihood.

# %%
explorables.fit(ink)

# %% [markdown]
# There is one summit. School calculus finds it without sliding (the slope is zero there), and the answer is the one you
# would have guessed: $\mu$ is the mean of the data, $\sigma^2$ their mean squared distance from it. A small step away in
# any direction is a step down:

# %% tags=["nbval-check-output"]
mu, var = ink.mean(), ink.var()
best = normal_logpdf(ink, mu, var).mean()
print(f"mean {mu:.2f}, sigma {var**0.5:.2f}: log-likelihood {best:.3f} nats a digit")
steps = ((0.1, 0), (-0.1, 0), (0, 0.5), (0, -0.5))
lower = [best - normal_logpdf(ink, mu + d_mu, var + d_var).mean() for d_mu, d_var in steps]
print("four small steps away, lower by", np.round(lower, 6))

# %% [markdown]
# **What changed.** "Describe the data" became "make one number large". Most models in this course are fitted like this,
# or by something that stands in for it.

# %% [markdown]
# ## Sampling: from a distribution back to data
#
# Fitting went from data to a distribution. Generating goes back. Suppose a thing has three possible values, the
# **categories** 0, 1 and 2, with probabilities $\theta = (0.1, 0.2, 0.7)$. Underneath, a computer draws nothing but
# uniform numbers between 0 and 1. How do they become category 2 in seven cases out of ten?
#
# Lay the probabilities side by side: they fill a strip of length one. Throw a dart at the strip. It hits each piece as
# often as the piece is long.

# %%
theta = np.array([0.1, 0.2, 0.7])  # (3,)
plots.strip(theta, dart=0.45, alt="A strip in pieces of 0.1, 0.2 and 0.7; a dart hits the third.")

# %% [markdown]
# ### Exercise 1.3 · `sample_categorical`
# Draw `n` categories, numbered from 0. All randomness must come from `rng`, a NumPy generator: `rng.random(n)` gives `n`
# darts. That is what makes a result repeatable. (`rng.choice` could do all of it. Today you are the one who writes it.
# Exercise 1.2 waits in the studio.)


# %% tags=["exercise:1.3", "points:4", "minutes:12"]
def sample_categorical(theta, n, rng):
    """n independent draws from 0..K-1 with probabilities theta. theta: (K,) -> integers (n,)"""
    # BEGIN SOLUTION
    u = rng.random(n)  # (n,) darts
    k = np.searchsorted(np.cumsum(theta), u, side="right")  # (n,) edges to the left of each dart
    return np.minimum(k, len(theta) - 1)  # rounding may leave the last edge a hair below 1
    # END SOLUTION


# %% tags=["check:1.3"]
sample_categorical = check("1.3", sample_categorical)

# %% [markdown] tags=["help:1.3"]
# A dart lands at $u$. What must be true of the running sum of $\theta$ before and after the piece it hits?
# ---
# With $\theta = (0.1, 0.2, 0.7)$ the running sum is $(0.1, 0.3, 1.0)$. The dart $u = 0.45$ is greater than $0.1$ and
# greater than $0.3$, but not greater than $1.0$. Two edges lie to its left, so the category is 2. A dart at $0.05$ has
# no edge to its left: category 0.
# ---
# `np.cumsum` gives the right edges, and `np.searchsorted` counts for every dart how many of them lie to its left. That
# count is the category.

# %% tags=["nbval-check-output"]
draws = sample_categorical(theta, 100_000, runtime.rng(1))  # (100000,)
print("asked for", theta, " got", np.round(np.bincount(draws, minlength=3) / 100_000, 2))

# %% [markdown]
# **Predict.** Somebody proposes a shortcut: always return the most probable category, since that is the best single
# guess. What would a digit generator built on that shortcut draw?

# %%
print("shortcut:", np.full(20, theta.argmax()))
print("sampler: ", sample_categorical(theta, 20, runtime.rng(2)))

# %% [markdown]
# <details><summary>What the shortcut draws</summary>
#
# The same picture every time: the single most probable one. The best guess and a fair sample are different things. A
# generator must make unlikely things too, in proportion to their probability. Keep this in mind when you meet models
# that seem to produce one kind of picture only.
#
# </details>

# %% [markdown]
# > **A good place to stop.** You can now tell mass from density, fit by likelihood, and sample. When you come back, run
# > all cells above once (*Run → Run All Above Selected Cell*); the next cell picks up with pictures.

# %% [markdown]
# ## One coin per pixel: a first generator of digits
#
# A picture of 784 pixels, each ink or paper, has $2^{784}$ possible values: far too many to list their masses. So we
# make an assumption, and a bold one: *every pixel is a coin of its own*, tossed independently of all others.
#
# A coin that shows 1 (ink) with probability $\theta$ and 0 (paper) otherwise is called a **Bernoulli** variable. It has
# a mass, $\theta^x (1-\theta)^{1-x}$: put in $x = 1$, then $x = 0$. A fair coin has $\theta = 0.5$. Give pixel $d$ its own
# $\theta_d$. Independent masses multiply, so their logarithms add:
#
# $$ \log p(x \mid \theta) = \sum_{d=1}^{784} \big[\, x_d \log \theta_d + (1 - x_d) \log (1 - \theta_d) \,\big] $$
#
# The likelihood is largest when $\theta_d$ is the share of the $N$ training digits that have ink at pixel $d$. There is
# one snag. A corner pixel that was never inked gets $\theta_d = 0$, and the first new digit with a speck of ink there is
# declared impossible. So we pretend to have seen a few more pictures: $s$ that are all ink and $s$ that are all paper.
#
# ### Exercise 1.4 · `fit_bernoulli`
# The share of ink at each pixel, with these $2s$ imaginary pictures (`smoothing` is $s$) among the real ones.


# %% tags=["exercise:1.4", "points:4", "minutes:9"]
def fit_bernoulli(x, smoothing):
    """Probability of ink at each pixel, `smoothing` imaginary images each way. (N, D) -> (D,)"""
    # BEGIN SOLUTION
    return (x.sum(axis=0) + smoothing) / (len(x) + 2 * smoothing)  # (D,)
    # END SOLUTION


# %% tags=["check:1.4"]
fit_bernoulli = check("1.4", fit_bernoulli)

# %% [markdown] tags=["help:1.4"]
# You have a table with one row per picture and one column per pixel. Along which axis do you count, and how many
# pictures does the denominator stand for after the imaginary ones have joined?
# ---
# Three pictures, smoothing $s = 1$. A pixel that was inked once gets $(1+1)/(3+2) = 0.4$. One that was never inked gets
# $(0+1)/(3+2) = 0.2$ instead of 0. One that was always inked gets $0.8$ instead of 1.
# ---
# The $s$ inked pictures join the count above the line, all $2s$ join the $N$ below it:
# $\theta_d = (\text{inked}_d + s) / (N + 2s)$. Every $\theta_d$ now lies strictly between 0 and 1, so nothing is impossible.

# %% [markdown]
# **Predict.** You are about to draw new digits from this model: toss 784 coins, each with its own $\theta_d$. Will they
# look like digits, like blurred digits, or like neither?

# %%
theta_one = fit_bernoulli(x_train, smoothing=1.0)  # (784,)
coins = (runtime.rng(3).random((20, 784)) < theta_one).astype(float)  # (20, 784): u < θ is ink

plots.rows(
    {"one coin per pixel": coins, "real digits, black and white": x_test[:20]},
    alt="Above: twenty clouds of dots without strokes. Below: twenty real digits.",
)

# %% [markdown]
# <details><summary>What happened</summary>
#
# Neither. Each pixel is inked about as often as it should be, yet no stroke appears. The model knows *where* ink tends
# to be and nothing about *what goes together*: if this pixel is ink, its neighbor very likely is too. That knowledge
# was thrown away with the word "independently".
#
# </details>

# %% [markdown]
# How bad is it, as a number? Take the 1,000 digits the model has not seen, look up the log-probability it gives each of
# them, and average. With a minus in front, less is better: the average *surprise*, in **nats per digit**. (These nats
# come from masses. Those of the ink came from a density and depend on the unit: never compare the two.)


# %% tags=["export"]
def log_bernoulli(x, theta):
    """log p(x | θ) of each image. (N, D), theta (D,) -> (N,); K models at once: (K, D) -> (N, K)"""
    return x @ np.log(theta).T + (1 - x) @ np.log(1 - theta).T


# %%
uniform_nats = -log_bernoulli(x_test, np.full(784, 0.5)).mean()
bernoulli_nats = -log_bernoulli(x_test, theta_one).mean()
print(f"knows nothing, every pixel a fair coin: {uniform_nats:.0f} nats per digit")
print(f"one coin per pixel: {bernoulli_nats:.0f} nats per digit")

# %% [markdown]
# ## Ten sets of coins: a model that can also classify
#
# A 1 and an 8 want different coins. So: first draw the class $y$, a numeral from 0 to 9, then toss the coins of that
# class. A picture and its class together have the probability $p(x, y) = p(y)\,p(x \mid y)$. Your two functions are all
# it takes to fit this model and to draw from it.

# %%
class_theta = np.stack([fit_bernoulli(x_train[digits.y_train == y], 1.0) for y in range(10)])
class_pi = np.bincount(digits.y_train) / 4000  # (10,)

rng = runtime.rng(4)
y_drawn = sample_categorical(class_pi, 20, rng)  # (20,) first the class
x_drawn = (rng.random((20, 784)) < class_theta[y_drawn]).astype(float)  # (20, 784) then its coins

asked = f"samples, asked for {list(map(int, y_drawn))}"
plots.rows(
    {"the coins of each class": class_theta, asked: x_drawn},
    alt="Above: ten blurred average digits. Below: twenty noisy samples, some readable.",
)
# %% [markdown]
# The same model can answer the opposite question: which class does a given picture have? We may split $p(x, y)$ either
# way, as $p(y)\,p(x \mid y)$ or as $p(x)\,p(y \mid x)$. Setting the two equal gives **Bayes' rule**:
#
# $$ p(y \mid x) = \frac{p(y)\,p(x \mid y)}{p(x)}, \qquad p(x) = \sum_y p(y)\,p(x \mid y) $$
#
# The sum runs over every class the picture may have, and is a new kind of step: probabilities that we hold as
# logarithms must be *added*. `logsumexp` does it, $\log \sum_k e^{a_k}$, without leaving the logarithms.

# %% tags=["nbval-check-output"]
log_pxy = log_bernoulli(x_test, class_theta) + np.log(class_pi)  # (1000, 10): log p(x, y)
log_px = logsumexp(log_pxy, axis=1)  # (1000,): log p(x)
posterior = np.exp(log_pxy - log_px[:, None])  # (1000, 10): p(y | x), called the posterior
class_nats = -log_px.mean()
accuracy = (posterior.argmax(axis=1) == digits.y_test).mean()
print("p(y|x) sums to one over y:", np.allclose(posterior.sum(axis=1), 1))
print(f"held-out digits classified right: {accuracy:.1%}   nats per digit: {class_nats:.0f}")

# %% [markdown]
# Here is the difference between two words you will meet everywhere. A model of the data themselves, $p(x)$ or
# $p(x, y)$, is **generative**: it can draw, and if it knows about classes it can classify too, as you saw. A model of
# $p(y \mid x)$ alone is **discriminative**: it tells a 3 from an 8 and has no idea how to draw either. Generative does not
# mean newer, larger, or "a network": this one is a table of averages.

# %% [markdown]
# ## A mixture: let the model find its own kinds
#
# Ten classes are not enough: there are round 2s and angular 2s, upright 1s and slanted ones. Nobody labeled these
# kinds. A **mixture** finds them by itself, without labels, *unsupervised*. It has $K$ sets of coins $\theta_k$ with weights $\pi_k$,
#
# $$ p(x) = \sum_{k=1}^{K} \pi_k \; p(x \mid \theta_k) $$
#
# and is fitted by repeating two steps you already know. **Share**: by Bayes' rule, how much does each digit belong
# to each kind? **Refit**: each kind counts ink as you did in 1.4, every digit weighted by its share. This is called
# expectation-maximization; without smoothing, the likelihood can only rise from round to round (Dempster, Laird & Rubin
# 1977). We take 60 kinds, several for each numeral, and start from 60 training digits, faded to light and dark gray.


# %% tags=["export"]
def fit_mixture(x, K, steps, rng, smoothing=0.1):
    """Mixture of K Bernoulli models by expectation-maximization (Bishop 2006, section 9.3.3).

    x: (N, D) of 0/1 -> pi (K,), theta (K, D), average log-likelihood before each refit (steps,).
    Randomness: `rng` picks K images to start from.
    """
    pi, history = np.full(K, 1 / K), []
    theta = 0.25 + 0.5 * x[rng.choice(len(x), K, replace=False)]  # (K, D): ¼ or ¾
    for _ in range(steps):
        log_pxk = log_bernoulli(x, theta) + np.log(pi)  # (N, K)
        log_px = logsumexp(log_pxk, axis=1, keepdims=True)  # (N, 1)
        share = np.exp(log_pxk - log_px)  # (N, K): share, rows sum to 1
        size = share.sum(axis=0)  # (K,)
        pi = (size + smoothing) / (size + smoothing).sum()  # (K,): refit
        theta = (share.T @ x + smoothing) / (size[:, None] + 2 * smoothing)  # (K, D): refit
        history.append(log_px.mean())
    return pi, theta, np.array(history)


# %%
steps = runtime.budget(smoke=10, cpu=30)
pi, theta_mix, history = fit_mixture(x_train, 60, steps, runtime.rng(5))
mixture_nats = -logsumexp(log_bernoulli(x_test, theta_mix) + np.log(pi), axis=1).mean()

alt = (
    "Left: nats per digit fall for a few rounds, then "
    "level off. Right: forty kinds of digit, several for each numeral."
)
fig, axes = plots.figure(1, 2, size=(11, 3), alt=alt)
plots.line(np.arange(1, len(history) + 1), -history, axes[0], color=plots.MODEL)
plots.label(axes[0], "each round lowers the surprise", "round", "nats per training digit")
plots.images(theta_mix[np.argsort(-pi)[:40]], axes[1], columns=10, title="the forty largest kinds")

# %% [markdown]
# Nobody told it what a 1 is, and yet there are upright 1s and slanted 1s. Now draw from it: first the kind, then the coins.


# %% tags=["export"]
def sample_mixture(pi, theta, n, rng):
    """n images from a Bernoulli mixture. pi: (K,), theta: (K, D) -> (n, D)"""
    k = sample_categorical(pi, n, rng)  # (n,) first the kind
    return (rng.random((n, theta.shape[1])) < theta[k]).astype(float)  # then its coins


# %%
x_mix = sample_mixture(pi, theta_mix, 20, runtime.rng(6))  # (20, 784)
plots.rows(
    {
        "one coin per pixel": coins,
        "one set per class": x_drawn,
        "mixture of 60": x_mix,
        "real": x_test[:20],
    },
    alt="Clouds of dots; noisy digits; clearer digits with ragged edges; real digits.",
)
# %%
ax = plots.bars(
    ["knows nothing", "coin per pixel", "set per class", "mixture of 60"],
    [uniform_nats, bernoulli_nats, class_nats, mixture_nats],
    form=".0f",
    color=[plots.MUTED] + 3 * [plots.MODEL],
    alt="Nats per digit: most for knowing nothing, less for each model in turn.",
)
plots.label(ax, "Surprise at digits never seen: lower is better", "nats per digit")

# %% [markdown]
# Each model put in one more thing that is true of digits, and each time the surprise fell: from {{01.nats.uniform:.0f}}
# nats through {{01.nats.bernoulli:.0f}} and {{01.nats.per_class:.0f}} to about {{01.nats.mixture:.0f}} (a little more or less
# with other starting digits). The eye agrees with the number here. It does not always, as lesson 02 will show.

# %% [markdown]
# ## Original, or copied?
#
# One test is missing. Imagine a "generator" that returns a training digit at random. Its pictures are perfect. Is it a
# good model?
#
# **Predict.** What is the likelihood of a held-out digit under the photocopier, which gives mass only to the 4,000
# pictures it has seen? And how far is one of its samples from the nearest training picture?


# %% tags=["export"]
def nearest(x, training):
    """Pixels that differ from the nearest image, and its row. (n, D), (N, D) -> (n,), (n,)"""
    differ = x @ (1 - training).T + (1 - x) @ training.T  # (n, N): ink in one of the two only
    return differ.min(axis=1), differ.argmin(axis=1)


# %%
many = sample_mixture(pi, theta_mix, 500, runtime.rng(7))  # (500, 784)
opening = (pretrained.digits(500, runtime.rng(8)) > 0.5).astype(float).reshape(500, 784)
photocopies = x_train[runtime.rng(9).choice(4000, 500)]  # (500, 784)
sources = {
    "photocopier": photocopies,
    "real, held out": x_test[:500],
    "mixture": many,
    "the opening's model": opening,
}
distance = {name: nearest(x, x_train)[0].mean() for name, x in sources.items()}
twins = int((nearest(x_test, x_train)[0] == 0).sum())
print(f"held-out digits that the photocopier can produce: {twins} of 1,000")
ax = plots.bars(
    list(distance),
    list(distance.values()),
    form=".0f",
    color=[plots.WRONG, plots.DATA, plots.MODEL, plots.MODEL],
    alt="Zero for the photocopier, tens of pixels for real digits and for both models.",
)
plots.label(ax, "Average distance to the nearest training digit", "pixels that differ")
# %% [markdown]
# <details><summary>What happened</summary>
#
# The photocopier's distance is zero, and it cannot produce a single held-out digit: each has likelihood zero under it,
# so its surprise is infinite. The likelihood of *new* data exposes it; its looks do not.
#
# Real new digits are on average about {{01.copies.real:.0f}} pixels from their nearest relative. A generator whose
# samples are much closer than that is suspect: it copies, or it draws only easy digits, such as thin 1s, which have
# close relatives anyway. Much farther is no merit: the mixture owes its distance to loose specks of ink, and pure noise
# is more "original" still. "Original" is not a promise that comes with the word generative. Large image models have
# been caught returning training pictures (Carlini et al. 2023). It has to be measured.
#
# </details>

# %%
which = nearest(x_mix, x_train)[1]  # (20,)
plots.rows(
    {"samples of the mixture": x_mix, "the nearest training digit of each": x_train[which]},
    alt="Each sample above its nearest training digit: alike in kind, not in detail.",
)
# %% [markdown]
# So here are three tests, none of which is enough alone:
#
# 1. **Likely?** The nats per digit on data the model has not seen.
# 2. **New?** The distance to the nearest training example, beside that of real new data.
# 3. **Good to look at?** Your eye, on samples that nobody picked.
#
# Compare them with the test you wrote down at the start. The opening's model comes a little nearer to its training digits
# than new real ones do, is far from a photocopier, and pleases the eye. The first test we cannot compute for it yet:
# that is what lesson 04 is for.

# %% [markdown]
# ## What this run reached
#
# Beside your numbers stands the range that other runs of this notebook gave, with other seeds.

# %%
inside = runtime.reached(
    {
        "01.nats.uniform": uniform_nats,
        "01.nats.bernoulli": bernoulli_nats,
        "01.nats.per_class": class_nats,
        "01.nats.mixture": mixture_nats,
        "01.accuracy.per_class": accuracy,
        "01.copies.real": distance["real, held out"],
        "01.copies.mixture": distance["mixture"],
        "01.copies.opening": distance["the opening's model"],
    }
)

# %% tags=["solved"]
assert inside
assert distance["photocopier"] == 0 and twins == 0
assert (np.diff(history) > -1e-3).all()  # smoothing may cost a trace, nothing that shows
assert uniform_nats > bernoulli_nats > class_nats > mixture_nats

# %% [markdown]
# That was the core. What follows is the studio: three rooms, in any order, and nothing later needs them. In a hurry?
# [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Room A · Counts, and a factor that went missing
#
# **Debug a claim.** Toss a three-sided die with $\theta = (0.2, 0.3, 0.5)$ several times and count how often each side
# came up: $x = (x_1, x_2, x_3)$. The article says that these counts have the mass
#
# $$ \theta_1^{x_1} \, \theta_2^{x_2} \, \theta_3^{x_3} \qquad \text{(the claim)} $$
#
# It looks right: every toss of side $i$ contributes a factor $\theta_i$. But these are masses, and masses must sum to one.
#
# **Predict.** With three tosses there are ten possible counts, from $(3, 0, 0)$ to $(0, 0, 3)$. Do the claim's ten values
# add up to one, to less, or to more? And with ten tosses?


# %% tags=["studio", "nbval-check-output"]
def all_counts(n, K):
    """Every way to spread n draws over K categories. -> list of tuples"""
    if K == 1:
        return [(n,)]
    return [(first, *rest) for first in range(n + 1) for rest in all_counts(n - first, K - 1)]


def claimed_pmf(counts, theta):
    """The claim: the product of θ_i to the power x_i, and nothing else."""
    return math.prod(t**c for c, t in zip(counts, theta, strict=True))


theta = (0.2, 0.3, 0.5)
for n in (1, 2, 3, 5, 10):
    total = sum(claimed_pmf(counts, theta) for counts in all_counts(n, 3))
    print(f"n = {n:2d}: the claim adds up to {total:.4f}")
tosses = sample_categorical(np.array(theta), 300_000, runtime.rng(10))
tosses = np.reshape(tosses, (100_000, 3))
one_each = np.mean([len(set(row)) == 3 for row in tosses])
print(f"one of each: claimed {claimed_pmf((1, 1, 1), theta):.2f}, counted {one_each:.2f}")

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# For a single toss the claim is right. For more, mass is missing, and most of it for many tosses. The claim gives the
# probability of *one particular order*, such as 1-2-3. Counts do not remember the order, and there are
# six orders of one-of-each.
#
# </details>

# %% [markdown] tags=["studio"]
# How many orders lead to the same counts? $n!/(x_1!\cdots x_K!)$. With that factor in front it is the **multinomial**
# distribution:
#
# $$ P(x \mid n, \theta) = \frac{n!}{x_1! \cdots x_K!} \prod_{i=1}^{K} \theta_i^{x_i}, \qquad \sum_i x_i = n, \quad
# \sum_i \theta_i = 1 $$
#
# For $n = 1$ it is the categorical distribution of Exercise 1.3. With $n = 1$ and two categories it is Bernoulli's coin.
#
# ### Exercise 1.2 · `multinomial_pmf`
# Mend it. Factorials grow fast: `math.lgamma(n + 1)` is $\log n!$ and never overflows. If `theta` does not sum to 1
# (within $10^{-9}$), raise a `ValueError`: silence would hide somebody's mistake. A category with $\theta = 0$ is allowed.


# %% tags=["studio", "exercise:1.2", "points:4", "minutes:10"]
def multinomial_pmf(counts, theta):
    """Probability of these counts in sum(counts) draws. K integers, K probabilities -> float"""
    # BEGIN SOLUTION
    if abs(math.fsum(theta) - 1) > 1e-9:
        raise ValueError(f"theta must sum to 1, not {math.fsum(theta)}")
    log_orders = math.lgamma(sum(counts) + 1) - sum(math.lgamma(c + 1) for c in counts)
    if any(t == 0 and c > 0 for c, t in zip(counts, theta, strict=True)):
        return 0.0  # it happened, and it cannot
    log_one_order = sum(c * math.log(t) for c, t in zip(counts, theta, strict=True) if c > 0)
    return math.exp(log_orders + log_one_order)
    # END SOLUTION


# %% tags=["studio", "check:1.2"]
multinomial_pmf = check("1.2", multinomial_pmf)

# %% [markdown] tags=["studio", "help:1.2"]
# In how many orders can you toss one 1, one 2 and one 3? And two 1s and one 2? Why do the factorials of the counts
# stand *below* the line?
# ---
# Counts $(1, 1, 1)$ with $\theta = (0.2, 0.3, 0.5)$: $3!/(1!\,1!\,1!) = 6$ orders, each with probability
# $0.2 \cdot 0.3 \cdot 0.5 = 0.03$. Together $0.18$. For $(2, 1, 0)$: $3!/(2!\,1!\,0!) = 3$ orders, each
# $0.2^2 \cdot 0.3 = 0.012$, together $0.036$.
# ---
# Swapping equal tosses gives the same order, so the $x_i!$ swaps of each side are divided out. Everything is
# added up in logarithms and turned back at the end, so a thousand tosses are no harder than three. A category with
# count 0 contributes a factor 1, also when its $\theta$ is 0: it is left out, because $0 \cdot \log 0$ is not a number.

# %% tags=["studio", "nbval-check-output"]
for n in (1, 3, 10):
    print(f"n = {n:2d}: adds up to {sum(multinomial_pmf(c, theta) for c in all_counts(n, 3)):.12f}")
print(f"one of each: {multinomial_pmf((1, 1, 1), theta):.2f}")

# %% [markdown] tags=["studio"]
# **See where the mass went.** A coin tossed $n$ times, so that the counts fit on one axis. Orange is the claim, blue the
# multinomial; both totals stand above. Raise $n$ from 1 and watch the claim lose its mass, first in the middle, where
# there are most orders.


# %% tags=["studio"]
def show_totals(ax, theta, n):
    """Both formulas for the number of heads in n tosses."""
    right = [multinomial_pmf((h, n - h), (theta, 1 - theta)) for h in range(n + 1)]
    claim = [claimed_pmf((h, n - h), (theta, 1 - theta)) for h in range(n + 1)]
    drawing.masses_of_heads(ax, right, claim, title=f"theta = {theta:g}, n = {n}")


def describe_totals(theta, n):
    """The picture in words."""
    total = sum(claimed_pmf((h, n - h), (theta, 1 - theta)) for h in range(n + 1))
    return f"Masses for theta {theta:g}, {n} tosses: the right ones total 1, the claim {total:.3f}."


settings = [{"theta": 0.5, "n": 1}, {"theta": 0.5, "n": 3}, {"theta": 0.3, "n": 8}]
total_sliders = widgets.explore(
    show_totals,
    alt=describe_totals,
    grid=settings,
    theta=widgets.Slider(0.05, 0.95, 0.05, 0.5),
    n=widgets.Slider(1, 20, 1, 3),
)

# %% [markdown] tags=["studio"]
# ### Room B · The integral that must be one
#
# Why $\sqrt{2\pi\sigma^2}$, of all things? Because of an area. Drop the factor and integrate $e^{-x^2/2}$ over the
# whole line: the result must be divided out again. The antiderivative is no elementary function, but there is a famous
# detour (this room needs some calculus). Square the integral, and it becomes the volume under a round hill,
# $e^{-(x^2+y^2)/2}$. Slice the hill in rings of radius $r$ and circumference $2\pi r$:
#
# $$ \Big(\int e^{-x^2/2}\,dx\Big)^2 = \int_0^\infty e^{-r^2/2}\; 2\pi r\,dr = 2\pi $$
#
# **Predict.** If somebody forgets the $2\pi$ and divides by $\sqrt{\sigma^2}$ only, what is the area under their "density"?

# %% tags=["studio", "nbval-check-output"]
line_area = integrate.quad(lambda x: math.exp(-(x**2) / 2), -np.inf, np.inf)[0]
rings = integrate.quad(lambda r: math.exp(-(r**2) / 2) * 2 * math.pi * r, 0, np.inf)[0]
print(f"line: {line_area:.6f}   its square: {line_area**2:.6f}   rings: {rings:.6f}")


def without_2pi(x, var):
    """The "density" of somebody who divides by the square root of the variance only."""
    return math.exp(-(x**2) / (2 * var)) / math.sqrt(var)


for var in (0.25, 1.0, 9.0):
    forgot = integrate.quad(without_2pi, -60, 60, args=(var,))[0]
    print(f"variance {var:<4g}: area without the 2 pi {forgot:.3f}")

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# The area is $\sqrt{2\pi}$, whatever the variance: a model that claims about two and a half times the probability there
# is. Its log-likelihood looks better than an honest one's by $\tfrac12\log 2\pi$ per value, which is how such
# slips survive: they flatter. Comparing likelihoods is fair only between distributions that are normalized.
#
# </details>

# %% [markdown] tags=["studio"]
# ### Room C · Who needs less data?
#
# It is often said that generative models need more data than discriminative ones. Test it. The generative classifier is
# ours, ten sets of coins. The discriminative one is logistic regression, which models $p(y \mid x)$ and nothing else.
# Both get the same few labeled digits, in two worlds: real digits, and digits that were *made* by tossing the coins of
# each class, so that in this second world the assumption of independent pixels is true.
#
# **Predict.** In which world, if in any, does the generative classifier win? And from how many digits per class on?


# %% tags=["studio"]
def accuracies(x, y, x_new, y_new, per_class, rng):
    """Accuracy on new digits of coins and of logistic regression, trained on the same few."""
    of_class = [np.flatnonzero(y == c) for c in range(10)]
    rows = np.concatenate([rng.choice(those, per_class, replace=False) for those in of_class])
    coins_of = np.stack([fit_bernoulli(x[rows][y[rows] == c], 0.3) for c in range(10)])  # (10, 784)
    regression = LogisticRegression(C=0.1, max_iter=300).fit(x[rows], y[rows])
    generative = log_bernoulli(x_new, coins_of).argmax(axis=1)  # (1000,)
    return (generative == y_new).mean(), regression.score(x_new, y_new)


def toss(y, rng):
    """Digits of the given classes, made with the coins of each class. (N,) -> (N, 784)"""
    return (rng.random((len(y), 784)) < class_theta[y]).astype(float)


# %% tags=["studio"]
y_train, y_test = digits.y_train, digits.y_test
made_train, made_test = toss(y_train, runtime.rng(20)), toss(y_test, runtime.rng(21))
worlds = {"real digits": (x_train, x_test), "digits made by coins": (made_train, made_test)}
sizes, repeats = [1, 2, 3, 5, 10, 30, 100], runtime.budget(smoke=1, cpu=5)
scores = {name: [] for name in worlds}
for n in progress.bar(sizes, "digits per class"):
    for name, (x, x_new) in worlds.items():
        runs = [
            accuracies(x, y_train, x_new, y_test, n, runtime.rng(30 + i)) for i in range(repeats)
        ]
        scores[name].append(np.mean(runs, axis=0))  # (2,)

# %% tags=["studio"]
alt = (
    "Errors against digits per class. Real digits: "
    "discriminative below throughout. Digits made by coins: the curves cross."
)
fig, axes = plots.figure(1, 2, size=(11, 3.4), alt=alt)
for ax, (name, pairs) in zip(axes, scores.items(), strict=True):
    generative, discriminative = 1000 * (1 - np.array(pairs).T)  # (7,), (7,)
    plots.line(sizes, generative, ax, color=plots.MODEL, marker="o", label="generative")
    plots.line(sizes, discriminative, ax, color=plots.DATA, marker="s", label="discriminative")
    ax.set(xscale="log", yscale="symlog", ylim=(0, 1000), xticks=sizes, xticklabels=sizes)
    ax.legend(loc="lower left")
    plots.label(ax, name, "labeled digits per class", "errors in 1,000 new digits")

# %% [markdown] tags=["studio"]
# On real digits the discriminative model makes fewer errors: by little at first, by more and more as the generative one
# reaches its ceiling, for its assumption is false. In the world of coins the assumption is true, and the order turns
# at a few digits per class: with five to thirty the generative model is ahead, and soon it makes next to no errors.
# (Both got a little regularization; a single digit per class is too few for either.) So the saying is too simple, and
# so is its opposite. Ng & Jordan (2002) work out when which of the two wins.

# %% tags=["studio", "solved"]
lead = {name: np.array(pairs)[:, 0] - np.array(pairs)[:, 1] for name, pairs in scores.items()}
assert (lead["real digits"][5:] < 0).all()  # 30 and 100 per class
assert (lead["digits made by coins"][3:6] > 0).all()  # 5, 10 and 30 per class

# %% [markdown]
# ## Where we are now
#
# You can
# - tell mass from density, and check that either is normalized: sum, or area, must be one;
# - fit a model by its likelihood, in logarithms, in nats;
# - sample from what you fitted, with darts on a strip;
# - say that a generative model describes $p(x)$ and can draw, and a discriminative one describes $p(y \mid x)$ and cannot;
# - ask of generated things whether they are likely and whether they are new.
#
# **Read on.**
# Dempster, Laird & Rubin 1977, *Maximum Likelihood from Incomplete Data via the EM Algorithm*: the two steps, with proof.
# Theis, van den Oord & Bethge 2016, *A Note on the Evaluation of Generative Models*: why likelihood, looks and novelty are
# different questions.
# Carlini et al. 2023, *Extracting Training Data from Diffusion Models*: photocopies in the wild.
# Bishop 2006, *Pattern Recognition and Machine Learning*, chapters 2 and 9: the textbook for this lesson.
#
# **Next.** The likelihood is a number to make large. Lesson 02 turns it into losses, to make small, and shows what a model
# becomes when a loss compares the wrong things.
