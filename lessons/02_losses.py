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
# - read a *surprise* in nats and in bits;
# - derive cross-entropy and squared error: both are surprise, *negative log-likelihood*;
# - compute a *KL divergence*, and say what its direction does to a model;
# - keep a loss exact where probabilities come close to 0 or 1, with *logits*;
# - *pair* what a loss compares, and choose a generator by its likelihood on new data.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import heapq
import math
from collections import Counter

import numpy as np

from course_utils import check, data, plots, runtime, widgets
from course_utils.lesson01 import normal_logpdf, sample_categorical
from course_utils.lesson02 import drawing, explorables

device = runtime.setup(seed=0)

# %% [markdown]
# ## Surprise: what a probability costs
#
# Lesson 01 scored models in nats per digit and called the number *surprise*. Here is the whole idea. If something happens
# to which you gave probability $p$, your surprise is
#
# $$ -\log p $$
#
# Something certain surprises nobody: $-\log 1 = 0$. The rarer, the more, without limit. And surprises *add up* where
# probabilities multiply: two independent events surprise you by the sum. With the natural logarithm the unit is the
# **nat**, with base 2 it is the **bit**, and one nat is $1/\log 2$ bits. A fair coin is worth one bit.
#
# **Predict.** Which surprises you more: a fair coin that shows heads ten times in a row, or a friend who holds the single
# winning ticket among a thousand? Write down your guess before you run the cell.


# %% tags=["nbval-check-output"]
def surprise(p, base=math.e):
    """-log p to the given base: nats, or bits for base 2."""
    return math.log(1 / p) / math.log(base)


for what, p in [
    ("a fair coin shows heads", 1 / 2),
    ("a die shows a six", 1 / 6),
    ("ten heads in a row", 0.5**10),
    ("one ticket in a thousand", 1 / 1000),
    ("a sure thing", 1.0),
]:
    print(f"{what:<26} p = {p:<10.4g} {surprise(p):5.2f} nats  {surprise(p, 2):5.2f} bits")

# %% [markdown]
# <details><summary>What happened</summary>
#
# They are all but equal: ten bits for the coins, a little less for the ticket. Ten coins have 1,024 outcomes, the lottery
# 1,000. A bit is one fair yes-or-no question, and ten such questions tell about a thousand things apart.
#
# </details>

# %% [markdown]
# A **loss** is a number to make small. The loss behind nearly everything in this course is the average surprise of a model
# at the data, its **negative log-likelihood**. Making it small is the fitting of lesson 01 with the sign turned. What
# follows are its disguises.

# %% [markdown]
# ## Cross-entropy: surprise on average
#
# In a dry town the sun shines on 90 days in a hundred. A forecaster who does not know this says 80 in a hundred every
# day. On a sunny day the forecaster is surprised by $-\log 0.8$, on a rainy one by $-\log 0.2$. On average over many
# days, with the true shares $y$ and the believed probabilities $p$:
#
# $$ H(y, p) = -\sum_{k=1}^{K} y_k \log p_k $$
#
# This is the **cross-entropy**. Note who does what: $y$ decides how often, $p$ decides how surprising.
#
# ### Exercise 2.1 · `cross_entropy`
# Write it, for nats or any other base. An outcome that never happens ($y_k = 0$) costs nothing, even if $p_k = 0$; one that
# happens and was called impossible costs $\infty$. If `y` or `p` does not sum to 1 (within $10^{-9}$), raise a `ValueError`.


# %% tags=["exercise:2.1", "points:4", "minutes:11"]
def cross_entropy(y, p, base=math.e):
    """Average surprise at outcomes that follow y, for somebody who believes p.

    (K,), (K,) -> float
    """
    # BEGIN SOLUTION
    for name, q in (("y", y), ("p", p)):
        if abs(math.fsum(q) - 1) > 1e-9:
            raise ValueError(f"{name} must sum to 1, not {math.fsum(q)}")
    y, p = np.asarray(y), np.asarray(p)
    happens = y > 0  # (K,): what never happens costs nothing
    with np.errstate(divide="ignore"):  # -log 0 is infinite, and meant to be
        return float(-(y[happens] * np.log(p[happens])).sum() / math.log(base))
    # END SOLUTION


# %% tags=["check:2.1"]
cross_entropy = check("2.1", cross_entropy)

# %% [markdown] tags=["help:2.1"]
# Over which of the two distributions do you average, and of which do you take the logarithm? What should the product
# $0 \cdot \log 0$ count for here?
# ---
# Sun and rain with $y = (0.9, 0.1)$ and $p = (0.8, 0.2)$: $-0.9 \log 0.8 = 0.201$ and $-0.1 \log 0.2 = 0.161$. Together
# $0.362$ nats, or $0.362 / \log 2 = 0.522$ bits.
# ---
# The sum runs over outcomes with $y_k > 0$ only, so no $0 \cdot \log 0$ can arise. A logarithm to another base is the
# natural one divided by $\log(\text{base})$.

# %% [markdown]
# **Predict.** The town's $y$ is $(0.9, 0.1)$. Which forecast $p$ makes the cross-entropy smallest, and how small does it get?

# %% tags=["nbval-check-output"]
y, p = np.array([0.9, 0.1]), np.array([0.8, 0.2])
for name, forecast in [
    ("says 80 : 20", p),
    ("says 90 : 10", y),
    ("says 99 :  1", np.array([0.99, 0.01])),
]:
    nats = cross_entropy(y, forecast)
    print(f"{name}: {nats:.6f} nats = {cross_entropy(y, forecast, 2):.6f} bits a day")
floor = cross_entropy(y, y)
print(f"80 : 20 costs {cross_entropy(y, p):.6f} = {floor:.6f} + {cross_entropy(y, p) - floor:.6f}")
print(f"and the other way round, H(p, y): {cross_entropy(p, y):.6f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# The truth is the best forecast, and it still costs {{02.floor:.3f}} nats a day, because rain cannot be foretold. This
# floor is the **entropy**, $H(y) = H(y, y) = -\sum_k y_k \log y_k$. So cross-entropy is not "the difference" between $y$ and $p$, as one often reads: a
# difference would be zero for equals, and the same both ways. Only what lies *above* the floor can be blamed on the
# forecaster.
#
# </details>

# %% [markdown]
# **Drag the forecast.** The full bar is the cross-entropy: a floor that no forecast can lower, and the avoidable part on top.


# %%
def show_bars(axes, p_sun, y_sun):
    """The cross-entropy of one forecast as a bar, and of all forecasts as a curve."""
    y = np.array([y_sun, 1 - y_sun])
    floor, total = cross_entropy(y, y), cross_entropy(y, np.array([p_sun, 1 - p_sun]))
    grid = np.linspace(0.01, 0.99, 99)
    curve = [cross_entropy(y, np.array([q, 1 - q])) for q in grid]
    drawing.floor_and_excess(axes[0], floor, total)
    drawing.all_forecasts(axes[1], grid, curve, yours=(p_sun, total), floor=floor)


def describe_bars(p_sun, y_sun):
    """The picture in words."""
    total = cross_entropy(np.array([y_sun, 1 - y_sun]), np.array([p_sun, 1 - p_sun]))
    return f"Sun on {y_sun:.0%} of days, forecast {p_sun:.0%}: cross-entropy {total:.3f} nats."


settings = [
    {"p_sun": 0.8, "y_sun": 0.9},
    {"p_sun": 0.9, "y_sun": 0.9},
    {"p_sun": 0.2, "y_sun": 0.9},
]
bar_sliders = widgets.explore(
    show_bars,
    alt=describe_bars,
    panels=2,
    grid=settings,
    p_sun=widgets.Slider(0.01, 0.99, 0.01, 0.8),
    y_sun=widgets.Slider(0.05, 0.95, 0.05, 0.9),
)

# %% [markdown]
# Move the forecast past the truth in both directions: the curve is flat near the truth and steep near certainty. A
# forecaster who is a little wrong loses little. One who is certain and wrong loses without limit.

# %% [markdown]
# ## KL: the avoidable part has a direction
#
# The part above the floor has a name of its own, the **Kullback–Leibler divergence**, KL for short: the average surprise
# that you could have been spared. From here on the usual letters: $p$ is what is true (it was $y$), $q$ what is believed.
#
# $$ D_{\mathrm{KL}}(p \,\|\, q) = \sum_{k} p_k \log \frac{p_k}{q_k} \;\ge\; 0 $$
#
# It is zero only for $q = p$. The first argument decides what happens, the second is the one who is surprised. That makes
# the two ways round different questions, and $D_{\mathrm{KL}}(q \,\|\, p)$ a different number.
#
# ### Exercise 2.2 · `kl`
# In nats. As before: what never happens costs nothing, an impossible thing that happens costs $\infty$, and what does not
# sum to 1 is refused with a `ValueError`. It can be a long function or a very short one: what is a KL divergence, in terms of
# the floor and the full bar?


# %% tags=["exercise:2.2", "points:4", "minutes:6"]
def kl(p, q):
    """KL divergence from p to q: the surprise that believing q adds where p is true.

    (K,), (K,) -> nats
    """
    # BEGIN SOLUTION
    return cross_entropy(p, q) - cross_entropy(p, p)
    # END SOLUTION


# %% tags=["check:2.2"]
kl = check("2.2", kl)

# %% [markdown] tags=["help:2.2"]
# You have a function for the cross-entropy. What must be taken off it so that nothing is left when $q = p$?
# ---
# $p = (0.9, 0.1)$, $q = (0.8, 0.2)$: $0.9 \log\frac{0.9}{0.8} + 0.1 \log\frac{0.1}{0.2} = 0.1060 - 0.0693 = 0.0367$ nats.
# Single terms may be negative, the sum never is.
# ---
# $\sum p \log (p/q) = -\sum p \log q + \sum p \log p = H(p, q) - H(p)$. The refusals, the zeros and the infinity come along
# from `cross_entropy`.

# %% [markdown]
# Now something real models have to do: describe a target $p$ with two humps by a single bell $q$. No bell can be right, so
# which wrong one is *best*? We chop the line into 200 narrow boxes, so that both are lists of masses, and search.
#
# **Predict.** One search minimizes $D_{\mathrm{KL}}(p \,\|\, q)$, the avoidable surprise of a bell that meets data from $p$.
# The other minimizes $D_{\mathrm{KL}}(q \,\|\, p)$: the bell makes the data and $p$ is surprised. Which bell does each find:
# a wide one over both humps, a narrow one on a single hump, or a narrow one in the valley between?

# %% tags=["nbval-check-output"]
line = np.linspace(-6, 6, 200)  # (200,) boxes


def masses(density):
    """Masses of the boxes: the density there, scaled to sum to one. (200,) -> (200,)"""
    return density / density.sum()


def bell(mean, sigma):
    return masses(np.exp(normal_logpdf(line, mean, sigma**2)))


target = masses(0.6 * bell(-2.5, 0.5) + 0.4 * bell(2.5, 0.5))  # (200,)
candidates = [(m, s) for m in np.linspace(-4, 4, 33) for s in np.linspace(0.5, 3.5, 25)]
forward = min(candidates, key=lambda c: kl(target, bell(*c)))
reverse = min(candidates, key=lambda c: kl(bell(*c), target))
print(f"least KL(p||q): mean {forward[0]:5.2f}, sigma {forward[1]:.2f}")
print(f"least KL(q||p): mean {reverse[0]:5.2f}, sigma {reverse[1]:.2f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Forward, $D_{\mathrm{KL}}(p \,\|\, q)$, covers both humps and the empty valley between them: data come from everywhere in
# $p$, and wherever they come and $q$ is tiny, the surprise explodes. Reverse sits down on the larger hump: it pays for
# everything *it* makes that $p$ would not. For the hump it leaves out it pays little, $-\log 0.6 = 0.51$ nats, however far
# away that hump is.
#
# So the direction decides which mistake a generator makes: it invents things between the kinds that exist, or it drops
# kinds. Likelihood is the forward one: the average surprise of a model $q$ at data from $p$ is the floor plus
# $D_{\mathrm{KL}}(p \,\|\, q)$, and no model moves the floor. You will meet both mistakes again, on pictures.
#
# </details>


# %%
explorables.directions()

# %% [markdown]
# Drag `q` onto one mode and make it narrow: KL(q‖p) is small and KL(p‖q) is large. Widen it over both modes, and it is
# the other way around. The two maps show every `q` at once; they are brightest in different places.

# %% [markdown]
# ## Squared error: a bell in disguise
#
# You have met the variance, the mean squared distance from the mean. Its big sister is the **mean squared error**, MSE: the
# average of $(x - \hat x)^2$ over true values $x$ and predictions $\hat x$. Why the square, and not something else? Suppose the model predicts not a number but a bell around it,
# $\mathcal N(\hat x, \sigma^2)$. Its surprise at $x$ is the formula of Exercise 1.1 with the sign turned:
#
# $$ -\log \mathcal N(x \mid \hat x, \sigma^2) = \frac{(x - \hat x)^2}{2\sigma^2} + \tfrac12 \log (2\pi\sigma^2) $$
#
# **Predict.** Hold $\sigma$ fixed and move the predictions. Are the predictions of least squared error also those of
# least surprise? Always, or only for a certain $\sigma$?

# %% tags=["nbval-check-output"]
x_true = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
x_hat = np.array([1.2, 2.1, 3.0, 4.2, 5.1])
mse = ((x_true - x_hat) ** 2).mean()
print(f"mean squared error {mse:.4f}")
for sigma in (1.0, mse**0.5, 0.05):
    nll = -normal_logpdf(x_true, x_hat, sigma**2).mean()
    rest = nll - mse / (2 * sigma**2)
    print(f"sigma {sigma:.3f}: surprise {nll:8.4f} = MSE x {1 / (2 * sigma**2):6.1f} + {rest:.4f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# For every fixed $\sigma$ the surprise is the squared error times a positive number, plus another that no prediction
# changes. What makes one small makes the other small, so the answer is *always*. Free to choose $\sigma$ as well, the
# surprise would set $\sigma^2$ to the MSE: it tells how far to trust the predictions, which the MSE alone does not.
#
# </details>

# %% [markdown]
# So a loss is a claim about noise. Squared error claims a bell: one hump, the same width everywhere, nothing far out. For a
# coin the surprise is $-\log\theta$ or $-\log(1-\theta)$, known as **binary cross-entropy**; for one of $K$ classes it is
# cross-entropy: $y$ is **one-hot**, 1 for the class that happened and 0 for the others, so all terms but one vanish and
# $-\log p_k$ remains. Choosing a loss is choosing a noise, and the wrong noise fits the wrong thing (studio room B). There is
# a second way to go wrong, in which the formula is right. It comes two sections on.

# %% [markdown]
# > **A good place to stop.** You can now read a surprise, split a cross-entropy, and see the bell inside a squared error.
# > When you come back, run all cells above once (*Run → Run All Above Selected Cell*).

# %% [markdown]
# ## Logits: exact where it matters
#
# A model with many adjustable numbers, such as a network (lesson 03), puts out any real number $z$, but a coin needs a
# probability. The usual bridge is the **sigmoid**,
#
# $$ \theta = \sigma(z) = \frac{1}{1 + e^{-z}}, \qquad z = \log\frac{\theta}{1-\theta} $$
#
# and $z$ is called the **logit**: 0 for a fair coin, large for sure ink, far below 0 for sure paper. (By custom the letter
# is that of a bell's width; with brackets it is this function.) The surprise at a target $t$ is
# $-t\log\sigma(z) - (1-t)\log(1-\sigma(z))$. One could compute it as it stands.
#
# **Predict.** A model is sure of ink, $z = 40$, and the pixel is paper, $t = 0$. For large $z$, $1 - \sigma(z)$ is
# nearly $e^{-z}$, so the surprise is very close to 40 nats. What does a computer make of $-\log(1 - \sigma(40))$? And
# what if somebody keeps $\theta$ away from the ends first, between $10^{-7}$ and $1 - 10^{-7}$?


# %% tags=["nbval-check-output"]
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def clipped_surprise(z):
    """Surprise at paper, with the probability kept away from 0 and 1."""
    return -np.log(1 - np.clip(sigmoid(z), 1e-7, 1 - 1e-7))


for z in (5.0, 20.0, 40.0):
    with np.errstate(divide="ignore"):
        literal = -np.log(1 - sigmoid(z))
    slope = (clipped_surprise(z + 0.01) - clipped_surprise(z - 0.01)) / 0.02
    print(
        f"z = {z:4.1f}: as it stands {literal:8.5f}   clipped {clipped_surprise(z):8.5f},"
        f" its slope {slope:.5f}"
    )

# %% [markdown]
# <details><summary>What happened</summary>
#
# $\sigma(40)$ differs from 1 by $4\cdot10^{-18}$, which a float cannot hold next to a 1. So $1 - \sigma$ is 0 and the
# surprise infinite. Clipping gives a finite number, a wrong one, and it is flat: its slope is 0. A model that is certain
# and wrong would never be told. That is the worst place for a loss to fall silent.
#
# </details>
#
# The way out is to stay in logarithms, once more. For paper, $-\log(1-\sigma(z)) = \log(1 + e^z)$; for ink,
# $-\log\sigma(z) = \log(1 + e^{-z})$. Where the exponent is large and positive, take it out of the logarithm:
# $\log(1 + e^a) = a + \log(1 + e^{-a})$.
#
# ### Exercise 2.3 · `bce_logits`
# Binary cross-entropy from logits, for every pixel, exact for any $z$. Targets may lie between 0 and 1 (gray pixels).
# NumPy's `np.log1p(u)` is $\log(1+u)$, exact also for tiny $u$.


# %% tags=["exercise:2.3", "points:4", "minutes:13"]
def bce_logits(z, t):
    """Surprise at targets t in [0, 1] of coins with logits z, in nats. (...), (...) -> (...)"""
    # BEGIN SOLUTION
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))
    # END SOLUTION


# %% tags=["check:2.3"]
bce_logits = check("2.3", bce_logits)

# %% [markdown] tags=["help:2.3"]
# Write $\log\sigma(z)$ and $\log(1-\sigma(z))$ with $\log(1+e^{-z})$ and $\log(1+e^{z})$. What is the difference of these
# two? Then: how do you keep the exponent from being positive?
# ---
# $z = 2$, $t = 1$: $\log(1 + e^{-2}) = 0.1269$. $z = 2$, $t = 0$: $\log(1+e^{2}) = 2 + \log(1+e^{-2}) = 2.1269$. In
# general the two differ by $z$, so the value is $\log(1+e^{z}) - t z$. For $z = 100$, $t = 0$: $100 + \log(1 + e^{-100})$,
# which is 100.
# ---
# $\log(1+e^z) = \max(z, 0) + \log(1 + e^{-|z|})$ holds for both signs of $z$, and its exponent is never positive. Subtract
# $z t$. The slope with respect to $z$ is $\sigma(z) - t$, whatever the size of $z$: the error itself.

# %%
z = np.linspace(-10, 40, 501)
alt = (
    "Left: the exact loss rises in a straight line, the "
    "clipped one stops at 16. Right: its slope falls from 1 to 0 there."
)
fig, axes = plots.figure(1, 2, size=(11, 3.2), alt=alt)
with np.errstate(divide="ignore"):
    curves = {
        "exact": (bce_logits(z, np.zeros(501)), plots.MODEL, "-"),
        "clipped": (clipped_surprise(z), plots.WRONG, "--"),
    }
for name, (loss, color, style) in curves.items():
    axes[0].plot(z, loss, style, color=color, label=name)
    axes[1].plot(z, np.gradient(loss, z), style, color=color, label=name)
axes[0].legend()
plots.label(axes[0], "Surprise at paper", "logit z", "nats")
plots.label(axes[1], "Slope: what the model is told", "logit z", "nats per unit of z")

# %% [markdown]
# The exact slope climbs from 0 to 1 and stays there: the more wrong, the more it is told, up to a limit. Every library has
# this function; in PyTorch it is `binary_cross_entropy_with_logits`, and you will use it from lesson 03 on.

# %% [markdown]
# ## Who is compared with whom?
#
# **Debug a claim.** The article says that cross-entropy and squared error measure the difference between *generated* and
# *real* data, and that a generator is trained by making this difference small. Take it at its word. The data are numbers
# with two kinds, around $-2$ and around $2$. The generator turns a random number $z$, uniform in $[0, 1]$, into a value
# $g(z)$: a curve through 12 points whose heights are learned. We pair the first generated number with the first real one,
# the second with the second and so on, and minimize the squared error. (For this curve, `np.linalg.lstsq` finds the very
# best heights at once, so nobody can blame a bad search.)
#
# **Predict.** What does the trained generator generate: both kinds, one kind, or something else?


# %%
def hats(z, K=12):
    """Twelve tent-shaped functions of z; a sum of them is a curve through 12 points.

    (n,) -> (n, 12)
    """
    return np.maximum(0, 1 - np.abs(z[:, None] * (K - 1) - np.arange(K)))


def train_generator(z, x):
    """Heights of the curve with the least squared error between g(z_i) and x_i.

    (n,), (n,) -> (12,)
    """
    return np.linalg.lstsq(hats(z), x, rcond=None)[0]


rng, n = runtime.rng(1), 20_000
kind = sample_categorical(np.array([0.5, 0.5]), n, rng)  # (20000,): 0 or 1
x_real = np.array([-2, 2])[kind] + 0.3 * rng.normal(size=n)  # (20000,)
z_noise, z_new = rng.random(n), rng.random(n)  # (20000,) each: to train on, to generate from
x_unpaired = hats(z_new) @ train_generator(z_noise, x_real)  # (20000,)
spread = {"real": x_real.std(), "as claimed": x_unpaired.std()}
loss = ((hats(z_noise) @ train_generator(z_noise, x_real) - x_real) ** 2).mean()
print(f"spread of the data {spread['real']:.3f}, of what is generated {spread['as claimed']:.3f}")
print(f"least squared error {loss:.3f}; variance of the data {x_real.var():.3f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# It generates the *mean* of the data, again and again, a value that hardly ever occurs; its spread, the $\sigma$ of
# lesson 01, is close to 0. The mean squared error between a random $g(z)$ and an unrelated $x$ is
# $\operatorname{Var} x + \operatorname{Var} g + (\text{difference of means})^2$. The first part cannot be helped, so
# the best a generator can do is not to vary at all. With pictures this mean is the famous blur. The formula of the loss
# is right. What is wrong is that its two sides have nothing to do with each other.
#
# </details>
#
# A loss that compares one thing with one other needs *partners*. A prediction has one, a reconstruction has one: the thing
# predicted or reconstructed. A fresh sample has none. Unless you find it one: the smallest $z$ could belong to the smallest
# $x$, the second smallest to the second smallest, and so on, so that the curve has the least to bend.
#
# ### Exercise 2.5 · `pair`
# Mend it. Give every $z_i$ the $x$ of the same rank. (`np.argsort(z)` lists who comes first, second, third. From that list,
# find out which place each one took. Exercise 2.4 waits in the studio.)


# %% tags=["exercise:2.5", "points:3", "minutes:7"]
def pair(z, x):
    """The values of x reordered so that the i-th has among x the rank that z[i] has among z.

    (n,), (n,) -> (n,)
    """
    # BEGIN SOLUTION
    rank = np.argsort(np.argsort(z))  # (n,): 0 for the smallest z
    return np.sort(x)[rank]
    # END SOLUTION


# %% tags=["check:2.5"]
pair = check("2.5", pair)

# %% [markdown] tags=["help:2.5"]
# If you knew that $z_5$ is the third smallest of all $z$, which value should it get?
# ---
# $z = (0.7, 0.1, 0.4)$ has the ranks $(2, 0, 1)$. With $x = (-3, 5, 1)$, sorted $(-3, 1, 5)$, the partners are
# $(5, -3, 1)$: the largest $z$ gets 5, the smallest $-3$, the middle one 1.
# ---
# `np.argsort(z)` is the order $(1, 2, 0)$: who comes first. Its own argsort is $(2, 0, 1)$: which place each took, its rank.
# The sorted $x$, looked up by rank, are the partners.

# %% [markdown]
# And between the claim and the mend? Give a share $s$ of the $z_i$ their right partner, and leave the others with a stranger;
# the slider moves $s$. Blue are the data, some of them with their $z$; orange is the curve, and what it generates.
#
# **Predict.** Half of the pairs are right. Does the generator make both kinds as they are, both kinds drawn together, or the
# mean and nothing else?

# %%
partners = pair(z_noise, x_real)  # (20000,): the right ones
luck = runtime.rng(2).random(n)  # (20000,): below the share s, the partner is the right one
mixtures = {}
for s in np.linspace(0, 1, 11).round(1):
    x_mixed = np.where(luck < s, partners, x_real)  # (20000,)
    heights = train_generator(z_noise, x_mixed)  # (12,)
    mixtures[s] = x_mixed, heights, hats(z_new) @ heights


def show_pairs(axes, share):
    """Some of the pairs with the curve they teach; what it generates, over the real data."""
    x_mixed, heights, x_made = mixtures[round(share, 1)]
    drawing.pairs_and_curve(axes[0], z_noise[:500], x_mixed[:500], heights, share)
    drawing.generated_over_real(axes[1], x_made, x_real)


def describe_pairs(share):
    """The picture in words."""
    x_mixed, _, x_made = mixtures[round(share, 1)]
    return (
        f"{share:.0%} of the pairs right: the curve g(z) runs from {x_made.min():.1f} to "
        f"{x_made.max():.1f}, and what it generates has spread {x_made.std():.2f}."
    )


settings = [{"share": 0.0}, {"share": 0.5}, {"share": 1.0}]
pair_sliders = widgets.explore(
    show_pairs, alt=describe_pairs, panels=2, grid=settings, share=widgets.Slider(0, 1, 0.1, 0.5)
)
x_paired = mixtures[1.0][2]
spread["half right"], spread["mended"] = mixtures[0.5][2].std(), x_paired.std()

# %% [markdown]
# <details><summary>What to find with the slider</summary>
#
# The kinds are drawn together until they are one: of the spread, the share that is left is the share of right pairs; with half
# of them, {{02.half.spread:.2f}}. At each $z$ the least squared error is at the *mean* of its partners, the right one with
# probability $s$ and else anybody: $g(z) = s\,x(z) + (1 - s)\,\bar x$. So strangers do not drop a kind. They pull everything to
# the mean, where hardly any real value lies.
#
# </details>
#
# With all pairs right it is mended. The formula of the loss did not change, nor the generator: only who is compared with whom.
# (A few values land in the valley between the kinds, where real data hardly ever are: a curve without jumps must cross it.) Pictures cannot be sorted. The great
# families of generative models can be read as four answers to the question *who is my partner?* Each pixel's partner is
# the pixel itself, given those before it (next section, and text models). In lesson 04 an encoder proposes a $z$
# for every picture. In lesson 06 nobody has a partner, and a second network judges the crowd. In lesson 09 the partner is
# the picture itself, under noise.

# %% [markdown]
# ## A better generator, chosen by likelihood
#
# The coins of lesson 01 knew nothing of each other. Let them look: read a digit line by line, as you read a page, and let
# each pixel's coin depend on what its neighbors *already read* have shown. The rule behind this is exact; it is
# $p(x, y) = p(y)\,p(x \mid y)$ of lesson 01, pixel after pixel:
#
# $$ p(x) = \prod_{d=1}^{784} p(x_d \mid x_1, \dots, x_{d-1}), \qquad -\log p(x) = \sum_d -\log p(x_d \mid \text{before}) $$
#
# Our model looks at $k$ neighbors only. They show one of $2^k$ patterns, and every pixel has a coin for each pattern,
# fitted by counting as in Exercise 1.4. The loss is the binary cross-entropy of each pixel with its partner, itself.

# %% tags=["export"]
# rows up and columns aside, nearest first; all are read before the pixel
ROWS = (0, -1, -1, -1, 0, -2, -1, -1, -2, -2, 0, -3)
COLUMNS = (-1, 0, -1, 1, -2, 0, 2, -2, -1, 1, -3, 0)
NEIGHBORS = list(zip(ROWS, COLUMNS, strict=True))


def patterns(x, k):
    """Which pattern the first k neighbors of each pixel show, 0 to 2^k - 1.

    (N, 28, 28) -> (N, 28, 28)
    """
    # (N, 34, 34): beyond the edge is paper
    framed = np.pad(x.astype(int), ((0, 0), (3, 3), (3, 3)))
    parts = (
        framed[:, 3 + r : 31 + r, 3 + c : 31 + c] << i for i, (r, c) in enumerate(NEIGHBORS[:k])
    )
    return sum(parts, np.zeros(x.shape, dtype=int))


def count_patterns(x, k):
    """How often each pixel met each pattern, and was ink after it.

    (N, 28, 28) -> two (2^k, 28, 28)
    """
    place = np.arange(784).reshape(28, 28)
    index = (patterns(x, k) * 784 + place).ravel()  # (N * 784,)
    seen = np.bincount(index, minlength=2**k * 784).reshape(-1, 28, 28)
    inked = np.bincount(index, weights=x.ravel(), minlength=2**k * 784).reshape(-1, 28, 28)
    return seen, inked


def pixel_surprise(x, theta, k):
    """-log p of every pixel, given its neighbors.

    (N, 28, 28), theta (2^k, 28, 28) -> (N, 28, 28)
    """
    row, column = np.indices((28, 28))
    coin = theta[patterns(x, k), row, column]  # (N, 28, 28)
    return -np.log(np.where(x > 0, coin, 1 - coin))


# %% [markdown]
# **Predict.** More neighbors tell more. As $k$ grows from 0 to 12, what happens to the surprise at the digits we *count*
# on, and what to the surprise at *new* digits? Sketch the two curves.

# %%
digits = data.mnist(numpy=True)
x_train = (digits.x_train > 0.5).astype(float)  # (4000, 28, 28)
# (500, 28, 28): to choose k, to report
x_choose, x_test = np.split((digits.x_test > 0.5).astype(float), 2)

tables, curve = {}, {"train": [], "new": []}
for k in range(13):
    seen, inked = count_patterns(x_train, k)
    tables[k] = (inked + 0.3) / (seen + 0.6)  # smoothing as in 1.4
    curve["train"].append(pixel_surprise(x_train, tables[k], k).sum((1, 2)).mean())
    curve["new"].append(pixel_surprise(x_choose, tables[k], k).sum((1, 2)).mean())
best_k = int(np.argmin(curve["new"]))

ax = plots.panel(
    alt="Training surprise falls all the way; on new digits it falls, then rises.", size=(8, 3.4)
)
plots.line(range(13), curve["train"], ax, name="digits counted on", color=plots.MUTED)
plots.line(range(13), curve["new"], ax, name="new digits", color=plots.MODEL, marker="o")
ax.axvline(best_k, color=plots.MODEL, linestyle=":")
ax.set_ylim(55, 215)
plots.label(
    ax, f"Least surprise at new digits: {best_k} neighbors", "neighbors k", "nats per digit"
)

# %% [markdown]
# <details><summary>What happened</summary>
#
# A single neighbor, the pixel to the left, already beats the mixture of lesson 01 ({{01.nats.mixture:.0f}} nats), and the
# best number of neighbors reaches {{02.nats.tables:.0f}}. On the digits that were counted the surprise
# keeps falling, for with $2^{12}$ patterns at every place most coins were tossed once or never, and the model begins to know its
# training digits by heart. On new digits it turns. This turning is called **overfitting**, and only data that were not
# counted can show it.
#
# </details>


# %%
def draw_tables(theta, k, n, rng):
    """n digits, pixel by pixel in reading order. theta (2^k, 28, 28) -> (n, 28, 28)"""
    x = np.zeros((n, 34, 34), dtype=int)  # framed as above
    for r in range(28):
        for c in range(28):
            bits = [x[:, 3 + r + dr, 3 + c + dc] << i for i, (dr, dc) in enumerate(NEIGHBORS[:k])]
            pattern = sum(bits, np.zeros(n, dtype=int))  # (n,)
            x[:, 3 + r, 3 + c] = rng.random(n) < theta[pattern, r, c]
    return x[:, 3:31, 3:31]


plots.rows(
    {f"{k} neighbors": draw_tables(tables[k], k, 20, runtime.rng(3)) for k in (0, 2, 6, 12)}
    | {"real": x_test[:20]},
    columns=20,
    alt="None: dust. Two: ragged blobs. Six: pen strokes. Twelve: strokes and noise.",
)

# %% [markdown]
# With six neighbors there are strokes that turn corners, some of them crumbling at the foot. With twelve, many drawings dissolve into
# noise: somewhere the pen met a pattern never seen at that place, whose coin is the fair one our smoothing invented, and
# from there on everything is new. Our imaginary pictures were half ink, half paper. Better ones are at hand: what that
# pattern leads to *anywhere* on the page.


# %%
def borrow(seen, inked, strength=3.0):
    """Coins per place, smoothed towards the same pattern's coin anywhere. -> (2^k, 28, 28)"""
    anywhere = (inked.sum((1, 2)) + 1) / (seen.sum((1, 2)) + 2)  # (2^k,)
    return (inked + strength * anywhere[:, None, None]) / (seen + strength)


theta_12 = borrow(*count_patterns(x_train, 12))  # (4096, 28, 28)
chosen = pixel_surprise(x_choose, theta_12, 12).sum((1, 2)).mean()
tables_nats = pixel_surprise(x_test, tables[best_k], best_k).sum((1, 2)).mean()
borrow_nats = pixel_surprise(x_test, theta_12, 12).sum((1, 2)).mean()
print(f"to choose by: {best_k} neighbors {min(curve['new']):.1f} nats, borrowing {chosen:.1f}")
print(f"to report on: {best_k} neighbors {tables_nats:.1f} nats, borrowing {borrow_nats:.1f}")
x_borrow = draw_tables(theta_12, 12, 20, runtime.rng(3))
plots.rows(
    {"12 neighbors, borrowing": x_borrow, "real": x_test[:20]},
    alt="Above: mostly clean pen strokes, some of them digits. Below: real digits.",
)
# %% [markdown]
# The best number so far, and mostly clean strokes. But are these digits? Some. Most are letters of a script that nobody
# reads. How can the number be so good? Look where the surprise sits:

# %%
example = x_test[1:9]  # (8, 28, 28)
alt = (
    "Surprise sits at the edges of strokes and where "
    "they begin or end; inside a stroke and on empty paper it is near zero."
)
fig, axes = plots.figure(2, 1, size=(10, 3.2), alt=alt)
plots.images(example, axes[0], columns=8, title="new digits")
title = "surprise of each pixel (black: 3 nats or more)"
plots.images(pixel_surprise(example, theta_12, 12), axes[1], columns=8, vmax=3, title=title)
framed = np.pad(x_test, ((0, 0), (1, 1), (1, 1)))  # (500, 30, 30)
around = np.lib.stride_tricks.sliding_window_view(framed, (3, 3), axis=(1, 2))
# (500, 28, 28, 3, 3) -> (500, 28, 28): ink and paper within one step
edge = around.max(axis=(3, 4)) > around.min(axis=(3, 4))
all_of_it = pixel_surprise(x_test, theta_12, 12)  # (500, 28, 28)
edge_share = all_of_it[edge].sum() / all_of_it.sum()
print(f"{edge.mean():.0%} of pixels are at an edge; they hold {edge_share:.0%} of the surprise")

# %% [markdown]
# Nearly all nats go to the question where exactly a stroke ends, and there this model is good. Which of ten numerals the
# strokes add up to is worth at most $\log 10 = 2.3$ nats of them. So likelihood and your eye can disagree, and both are
# telling the truth (Theis et al. 2016).

# %% [markdown]
# ## What this run reached

# %%
inside = runtime.reached(
    {
        "02.floor": floor,
        "02.unpaired.spread": spread["as claimed"],
        "02.paired.spread": spread["mended"],
        "02.half.spread": spread["half right"],
        "02.nats.tables": tables_nats,
        "02.nats.borrow": borrow_nats,
        "02.nats.edges": edge_share,
    }
)

# %% tags=["solved"]
assert inside
assert abs(floor - 0.325083) < 1e-6 and abs(cross_entropy(y, p) - 0.361773) < 1e-6
assert abs(mse - 0.02) < 1e-12
assert spread["as claimed"] < 0.10 and abs(spread["mended"] - spread["real"]) < 0.05
assert abs(spread["half right"] - spread["mended"] / 2) < 0.05
assert (np.diff(curve["train"]) < 0).all()
assert 4 <= best_k <= 11 and curve["new"][12] > min(curve["new"]) + 0.5
assert borrow_nats < tables_nats

# %% [markdown]
# That was the core. The studio has three rooms, in any order; nothing later needs them. In a hurry?
# [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Room A · A bit is a bit
#
# Are bits of surprise the same bits that fill a disk? Chemists write molecules as text, and the course has about four thousand
# of them. Give every character a codeword of zeros and ones, short for frequent characters, and no codeword the beginning
# of another. Huffman's method finds the best such code: join the two rarest groups again and again, and each time everything
# in them gets one bit longer.
#
# **Predict.** Compute the entropy of the characters, in bits. Will Huffman's code need fewer bits a character than that, as
# many, or more? And what does a code cost that was made for the wrong distribution?


# %% tags=["studio"]
def huffman_lengths(p):
    """Bits of each symbol's codeword in Huffman's code.

    dict symbol -> probability -> dict symbol -> bits
    """
    groups = [(share, i, [symbol]) for i, (symbol, share) in enumerate(p.items())]
    length = dict.fromkeys(p, 0)
    heapq.heapify(groups)
    while len(groups) > 1:
        (a, i, left), (b, _, right) = heapq.heappop(groups), heapq.heappop(groups)
        for symbol in left + right:
            length[symbol] += 1
        heapq.heappush(groups, (a + b, i, left + right))
    return length


# %% tags=["studio", "nbval-check-output"]
text = "".join(data.molecules())
count = Counter(text)
share = {symbol: c / len(text) for symbol, c in count.items()}
y_text = np.array(list(share.values()))  # (K,)
right = huffman_lengths(share)
# as if all were equally frequent
wrong = huffman_lengths({symbol: 1 / len(share) for symbol in share})
entropy = cross_entropy(y_text, y_text, 2)
for name, code in [("made for them", right), ("made for equal shares", wrong)]:
    bits = sum(share[symbol] * code[symbol] for symbol in share)
    q = np.array([2.0 ** -code[symbol] for symbol in share])  # what the code believes
    waste = kl(y_text, q) / math.log(2)  # from nats to bits
    print(f"code {name}: {bits:.3f} bits a character = entropy {entropy:.3f} + {waste:.3f}")

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# No code that takes the characters one by one beats their entropy, and Huffman's comes within a few hundredths of a
# bit. A code *is* a belief: a codeword of 3 bits says "I expect this once in $2^3$". The average length is the
# cross-entropy of the text with this belief, and what the wrong code wastes is a KL divergence, bit for bit. So "nats
# per digit" is a file size. A generator that needs fewer nats for new digits is a better way to *store* them.
#
# </details>

# %% [markdown] tags=["studio"]
# ### Room B · Which loss when?
#
# Predict one number for everybody: how much ink has a digit? The best constant depends on the loss, and the loss on the
# noise you claim.
#
# **Predict.** Now 40 of the 4,000 digits are scanned badly, all black. Which best constant moves more: that of squared
# error, or that of absolute error?

# %% tags=["studio", "nbval-check-output"]
ink = 100 * digits.x_train.mean((1, 2))  # (4000,) per cent
spoilt = np.where(np.arange(4000) < 40, 100.0, ink)
levels = np.linspace(5, 25, 2001)  # candidates, 0.01 apart
losses = {"squared": lambda e: e**2, "absolute": np.abs}
for name, loss_of in losses.items():
    best = [
        levels[np.argmin([loss_of(values - c).mean() for c in levels])] for values in (ink, spoilt)
    ]
    print(f"least {name} error: {best[0]:.2f} on clean digits, {best[1]:.2f} with 40 black ones")
print(
    f"mean {ink.mean():.2f} and {spoilt.mean():.2f}; "
    f"median {np.median(ink):.2f} and {np.median(spoilt):.2f}"
)

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# Squared error wants the mean, and a few far-off values drag it along. Absolute error wants the median, which hardly
# moves. Absolute error is the surprise under $p(x) \propto e^{-|x - \hat x|}$, a distribution with heavier tails: it expects
# the odd wild value.
#
# </details>
#
# | you predict | and claim | so the loss is |
# |---|---|---|
# | a number, noise alike everywhere | a bell of fixed width | squared error |
# | a number, with wild values now and then | heavy tails | absolute error |
# | a number, and how sure you are | a bell of its own width each time | Exercise 2.4 |
# | yes or no, ink or paper | a coin | binary cross-entropy, from logits |
# | one of $K$ | one dart on a strip | cross-entropy |
#
# ### Exercise 2.4 · `gaussian_nll`
# The surprise of a bell whose width matters too. If `sigma` is not positive, raise a `ValueError`. When it is written, find
# the width at which it is the squared error exactly, but for a constant.


# %% tags=["studio", "exercise:2.4", "points:4", "minutes:5"]
def gaussian_nll(x, mu, sigma):
    """-log N(x; mu, sigma²) at each x, in nats.

    x: (...), mu: (...) or number, sigma: number -> like x
    """
    # BEGIN SOLUTION
    if sigma <= 0:
        raise ValueError(f"sigma must be positive, not {sigma}")
    return 0.5 * np.log(2 * np.pi) + np.log(sigma) + 0.5 * ((x - mu) / sigma) ** 2
    # END SOLUTION


# %% tags=["studio", "check:2.4"]
gaussian_nll = check("2.4", gaussian_nll)

# %% [markdown] tags=["studio", "help:2.4"]
# It is Exercise 1.1 with the sign turned, and $\sigma$ in place of $\sigma^2$. What does $\tfrac12\log\sigma^2$ become?
# ---
# $x = 12$, $\mu = 10$, $\sigma = 2$: $\tfrac12\log 2\pi = 0.919$, $\log 2 = 0.693$, $\tfrac12 (2/2)^2 = 0.5$. Together
# $2.112$.
# ---
# $\tfrac12\log(2\pi\sigma^2) = \tfrac12\log 2\pi + \log\sigma$. The squared error appears with the factor $1/(2\sigma^2)$,
# which is 1 for $\sigma = 1/\sqrt2$.

# %% tags=["studio", "nbval-check-output"]
width = 1 / math.sqrt(2)
extra = gaussian_nll(x_true, x_hat, width).mean() - mse
print(f"sigma {width:.4f}: surprise {extra + mse:.4f} = MSE {mse:.4f} + {extra:.4f}")
print(f"the constant is half of log pi: {0.5 * math.log(math.pi):.4f}")
a, b = 10.0, 13.0  # two scales say so; the first is good to 0.5, the second to 2
weigh = np.linspace(9, 14, 5001)
total = gaussian_nll(weigh, a, 0.5) + gaussian_nll(weigh, b, 2.0)
print(
    f"two scales, one apple: 10 ± 0.5 and 13 ± 2 make {weigh[np.argmin(total)]:.2f}, "
    "the plain mean is 11.5"
)

# %% [markdown] tags=["studio"]
# The last line is what the width buys: the sum of two surprises trusts each scale by $1/\sigma^2$. A plain squared error
# would have believed both alike.

# %% [markdown] tags=["studio"]
# ### Room C · Soft labels, by hand
#
# The worked example of the core had $y = (0.9, 0.1)$, not $(1, 0)$. Such a **soft label** means: in nine of ten such
# cases it was the first class. (A *hard* label, one-hot, makes cross-entropy the surprise at one class.) What does a
# network with logits $z$ and $p_k = e^{z_k} / \sum_j e^{z_j}$, the **softmax**, hear from a soft label?
#
# **Predict.** It says $p = (0.99, 0.01)$ and the label is $(0.9, 0.1)$. To make the cross-entropy smaller, must the first
# logit go up, go down, or stay? And if the label were hard, $(1, 0)$?


# %% tags=["studio", "nbval-check-output"]
def softmax(z):
    e = np.exp(z - z.max())  # the largest exponent is 0, so nothing overflows
    return e / e.sum()


def slopes(y, z, h=1e-5):
    """Slope of the cross-entropy for each logit, by two nearby values. (K,), (K,) -> (K,)"""
    steps = h * np.eye(len(z))
    changes = [cross_entropy(y, softmax(z + s)) - cross_entropy(y, softmax(z - s)) for s in steps]
    return np.array(changes) / (2 * h)


z_net = np.log(np.array([0.99, 0.01]))
for name, label in [("soft", np.array([0.9, 0.1])), ("hard", np.array([1.0, 0.0]))]:
    print(
        f"{name} label {label}: slopes {np.round(slopes(label, z_net), 6)}, "
        f"p - y = {np.round(softmax(z_net) - label, 6)}"
    )
print(
    f"by hand: 0.9 x {-math.log(0.8):.6f} + 0.1 x {-math.log(0.2):.6f} = {cross_entropy(y, p):.6f}"
)

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# The slope is $p - y$, whatever the labels. Under the soft label it is positive for the first class: its logit must
# become *smaller*, the network is too sure. Under the hard label it is negative, however sure the network is already,
# and the logits would grow forever. That is why labels are sometimes softened on purpose.
#
# </details>

# %% tags=["studio", "solved"]
assert np.allclose(slopes(y, z_net), softmax(z_net) - y, atol=1e-6)
assert abs(cross_entropy(p, y) - 0.544805) < 1e-6
assert entropy <= sum(share[s] * right[s] for s in share) < entropy + 1

# %% [markdown]
# ## Where we are now
#
# You can
# - read a surprise in nats and bits, and know that a bit is a bit;
# - derive cross-entropy from one class that happened, and squared error from a bell;
# - split a cross-entropy into floor and KL, and say which mistake each direction of KL makes;
# - compute a loss from logits, exact where the model is certain and wrong;
# - ask of any loss who is compared with whom, and choose a generator by its surprise at new data.
#
# **Read on.**
# Shannon 1948, *A Mathematical Theory of Communication*: surprise, entropy and codes, from the source.
# Kullback & Leibler 1951, *On Information and Sufficiency*: the divergence.
# Theis, van den Oord & Bethge 2016, *A Note on the Evaluation of Generative Models*: why the eye and the nats may disagree.
#
# **Next.** All fits so far were done by counting, by a formula, or by trying out candidates. Lesson 03 fits what has no formula: it walks downhill,
# and builds the walker.
