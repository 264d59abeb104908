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
# - read a negative log-likelihood in nats and in bits;
# - compute a cross-entropy and a KL divergence, and say what the direction of a KL does to a model;
# - derive a loss from a choice of noise, and let a network predict its own uncertainty;
# - see where a loss goes flat, and compute it from logits instead;
# - ask of any loss who is compared with whom, and choose a generator by its likelihood on new data.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import heapq
import math
from collections import Counter

import numpy as np
from scipy.special import expit, log_expit

from course_utils import check, data, plots, runtime
from course_utils.lesson01 import normal_logpdf, sample_categorical
from course_utils.lesson02 import drawing, explorables, networks, tables

device = runtime.setup(seed=0)

# %% [markdown]
# ## Surprise: what a probability costs
#
# Lesson 01 scored models in nats per digit. If something happens to which you gave probability $p$, your *surprise* is
#
# $$ -\log p $$
#
# A certain event costs nothing. The rarer the event, the greater the surprise, without limit, and where probabilities
# multiply, surprises *add*. The natural logarithm counts in **nats**, base 2 in **bits**; one nat is $1/\log 2 \approx 1.44$
# bits.
#
# The field's name for it, and ours from here on, is **negative log-likelihood**, NLL. A **loss** is a number to be made
# small, and nearly every loss in this course is an average NLL.
#
# **Predict.** Which of these is the more surprising?
#
# - A: A fair coin shows heads ten times in a row.
# - B: A friend's ticket turns out to be the single winner among a thousand.
# - C: They are almost equally surprising.


# %% tags=["nbval-check-output"]
def nll(p, base=math.e):
    """-log p to the given base: nats, or bits for base 2."""
    return math.log(1 / p) / math.log(base)


for event, p in [
    ("a fair coin shows heads", 1 / 2),
    ("ten heads in a row", 0.5**10),
    ("one ticket in a thousand", 1 / 1000),
]:
    print(f"{event:<26} p = {p:<10.4g} {nll(p):5.2f} nats  {nll(p, 2):5.2f} bits")

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. Ten tosses have 1,024 outcomes, the lottery has 1,000. If you chose A, the pattern impressed you; if you chose B, you
# underestimated ten halvings. A bit is one fair yes-or-no question, and ten of them tell about a thousand things apart.
#
# </details>

# %% [markdown]
# ## Cross-entropy: the average cost of a forecast
#
# In a dry town the sun shines on 90 days in a hundred, and a forecaster says 80 percent every day. A sunny day then costs
# $-\log 0.8$, a rainy day $-\log 0.2$. The average over many days, with the true probabilities $y$ and the forecast $p$, is
# the **cross-entropy**:
#
# $$ H(y, p) = -\sum_{k=1}^{K} y_k \log p_k $$
#
# Note the roles: $y$ decides how often an outcome happens, $p$ decides what it costs.
#
# ### Exercise 2.1 · `cross_entropy`
# Write it for nats and for any other base. An outcome that never happens ($y_k = 0$) costs nothing, even if $p_k = 0$; one
# that happens and was called impossible costs $\infty$. If `y` or `p` does not sum to 1 (within $10^{-9}$), raise a
# `ValueError`.


# %% tags=["exercise:2.1", "points:4", "minutes:11"]
def cross_entropy(y, p, base=math.e):
    """Average NLL under the forecast p, of outcomes that follow y.

    (K,), (K,) -> float
    """
    # BEGIN SOLUTION
    for name, q in (("y", y), ("p", p)):
        if abs(math.fsum(q) - 1) > 1e-9:
            raise ValueError(f"{name} must sum to 1, not {math.fsum(q)}")
    y, p = np.asarray(y), np.asarray(p)
    happens = y > 0  # (K,): what never happens costs nothing
    with np.errstate(divide="ignore"):  # -log 0 is meant to be infinite
        return float(-(y[happens] * np.log(p[happens])).sum() / math.log(base))
    # END SOLUTION


# %% tags=["check:2.1"]
cross_entropy = check("2.1", cross_entropy)

# %% [markdown] tags=["help:2.1"]
# Over which of the two distributions do you average, and of which do you take the logarithm? What should the product $0 \cdot
# \log 0$ count for here?
# ---
# Sun and rain with $y = (0.9, 0.1)$ and $p = (0.8, 0.2)$: $-0.9 \log 0.8 = 0.201$ and $-0.1 \log 0.2 = 0.161$. Together
# $0.362$ nats, or $0.362 / \log 2 = 0.522$ bits.
# ---
# The sum runs over outcomes with $y_k > 0$ only, so that no $0 \cdot \log 0$ arises. A logarithm to another base is the
# natural one divided by $\log(\text{base})$.

# %% [markdown]
# **Predict.** The town's $y$ is $(0.9, 0.1)$. Which forecast has the smallest cross-entropy?
#
# - A: 90 : 10, and its cross-entropy is 0.
# - B: 90 : 10, and its cross-entropy is above 0.
# - C: 99 : 1, because most days are sunny and then cost next to nothing.

# %% tags=["nbval-check-output"]
y, p = np.array([0.9, 0.1]), np.array([0.8, 0.2])
forecasts = {"80 : 20": p, "90 : 10": y, "99 : 1": np.array([0.99, 0.01])}
for name, forecast in forecasts.items():
    nats, bits = cross_entropy(y, forecast), cross_entropy(y, forecast, 2)
    print(f"{name:<7}  {nats:.6f} nats = {bits:.6f} bits per day")
floor = cross_entropy(y, y)
print(f"80 : 20 costs {cross_entropy(y, p):.6f} = {floor:.6f} + {cross_entropy(y, p) - floor:.6f}")
print(f"with the roles exchanged, H(p, y) = {cross_entropy(p, y):.6f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# B. The truth is the best forecast, and it still costs ${{02.floor:.3f}}$ nats per day, because this weather cannot be known
# in advance. That floor is the **entropy** of $y$, $H(y) = H(y, y) = -\sum_k y_k \log y_k$. So cross-entropy is not "the
# difference" between $y$ and $p$, as is often said: a difference would be zero for equals (A) and the same in both
# directions. C saves a little on sunny days and pays $-\log 0.01 = 4.6$ nats on each rainy one.
#
# </details>

# %%
sun = np.linspace(0.5, 0.9999, 500)  # (500,) forecasts of sun
nats = [cross_entropy(y, np.array([q, 1 - q])) for q in sun]
dots = {name: (f[0], cross_entropy(y, f)) for name, f in forecasts.items()}
ax = drawing.all_forecasts(sun, nats, floor, dots)

# %% [markdown]
# The curve is flat near the truth and steep near certainty: a slightly wrong forecast loses little, a certain and wrong one
# loses without limit.

# %% [markdown]
# ## KL: the avoidable part has a direction
#
# The part above the floor is the **Kullback–Leibler divergence**, KL for short: the nats that a better model would have
# saved. From here on we use the usual letters, $p$ for the true distribution (it was $y$) and $q$ for the model.
#
# $$ D_{\mathrm{KL}}(p \,\|\, q) = \sum_{k} p_k \log \frac{p_k}{q_k} \;\ge\; 0 $$
#
# It is zero only for $q = p$. The first argument decides what happens, the second one pays. So $D_{\mathrm{KL}}(q \,\|\, p)$
# asks a different question and is a different number.
#
# ### Exercise 2.2 · `kl`
# In nats, with the conventions of Exercise 2.1 for outcomes that never happen, for impossible ones that do, and for a `p` or
# `q` that does not sum to 1. It can be a long function or a very short one: how does a KL divergence follow from a
# cross-entropy?


# %% tags=["exercise:2.2", "points:4", "minutes:6"]
def kl(p, q):
    """KL divergence from p to q: the nats that the model q costs beyond the entropy of p.

    (K,), (K,) -> nats
    """
    # BEGIN SOLUTION
    return cross_entropy(p, q) - cross_entropy(p, p)
    # END SOLUTION


# %% tags=["check:2.2"]
kl = check("2.2", kl)

# %% [markdown] tags=["help:2.2"]
# You have a function for the cross-entropy. What must be subtracted from it so that nothing is left when $q = p$?
# ---
# $p = (0.9, 0.1)$, $q = (0.8, 0.2)$: $0.9 \log\frac{0.9}{0.8} + 0.1 \log\frac{0.1}{0.2} = 0.1060 - 0.0693 = 0.0367$ nats.
# Single terms may be negative, the sum never is.
# ---
# $\sum p \log (p/q) = -\sum p \log q + \sum p \log p = H(p, q) - H(p)$. The errors, the zeros and the infinity come
# along from `cross_entropy`.

# %% [markdown]
# A model can rarely match its target. Let the target $p$ have two modes and the model $q$ be one Gaussian. No Gaussian is
# right, so which one is *best*? We cut the line into 400 cells, which turns both into lists of probabilities, and search.
#
# **Predict.** One search minimizes $D_{\mathrm{KL}}(p \,\|\, q)$: data come from $p$ and $q$ pays. The other minimizes
# $D_{\mathrm{KL}}(q \,\|\, p)$: values come from $q$ and $p$ pays. What do they find?
#
# - A: Both find a wide Gaussian over both modes.
# - B: The first finds a wide Gaussian over both modes, the second a narrow one on the larger mode.
# - C: The first finds a narrow Gaussian on the larger mode, the second a wide one over both modes.
# - D: Both find a narrow Gaussian halfway between the modes.

# %% tags=["nbval-check-output"]
line = np.linspace(-12, 12, 400)  # (400,) cells


def gaussian(mean, std):
    """Probabilities of the cells of the line. -> (400,)"""
    density = np.exp(normal_logpdf(line, mean, std**2))
    return density / density.sum()


target = 0.6 * gaussian(-2.5, 0.5) + 0.4 * gaussian(2.5, 0.5)  # (400,)
candidates = [(m, s) for m in np.linspace(-4, 4, 33) for s in np.linspace(0.5, 3.5, 25)]
forward = min(candidates, key=lambda c: kl(target, gaussian(*c)))
reverse = min(candidates, key=lambda c: kl(gaussian(*c), target))
print(f"smallest KL(p||q): mean {forward[0]:5.2f}, standard deviation {forward[1]:.2f}")
print(f"smallest KL(q||p): mean {reverse[0]:5.2f}, standard deviation {reverse[1]:.2f}")
mean = target @ line
std = (target @ line**2 - mean**2) ** 0.5
print(f"the target itself: mean {mean:5.2f}, standard deviation {std:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# B. **Forward KL**, $D_{\mathrm{KL}}(p \,\|\, q)$, is **mode-covering**: wherever data come and $q$ is tiny, the cost
# explodes. Among Gaussians its minimum is **moment matching**: $q$ *matches the mean and variance* of the target. **Reverse
# KL**, $D_{\mathrm{KL}}(q \,\|\, p)$, is **mode-seeking**: it pays for what $q$ produces and $p$ would not, so it *seeks a
# mode*. The other mode costs it only $-\log 0.6 = 0.51$ nats, however far away. C exchanges the payers. D is bad both ways:
# it misses the data and produces what $p$ would not.
#
# </details>
#
# So where a generator cannot match its data, the direction decides its mistake: forward, it invents things between the kinds
# that exist; reverse, it drops kinds. Maximum likelihood is forward: the average NLL of $q$ on data from $p$ is $H(p) +
# D_{\mathrm{KL}}(p \,\|\, q)$, and no model can change $H(p)$.

# %%
explorables.directions()

# %% [markdown]
# Drag `q` onto one mode and make it narrow: KL(q‖p) is small and KL(p‖q) is large. Widen it over both modes and the roles are
# exchanged. The maps show every `q` at once.

# %% [markdown]
# ## A recipe for losses
#
# Where do the usual losses come from? Nearly all of them come from one recipe.
#
# 1. **Choose a distribution** for the value to be predicted: a claim about its noise.
# 2. **Let the network output its parameters.**
# 3. **Minimize the NLL** of the data.
#
# **First noise: a Gaussian with one $\sigma$ for all.** The network outputs the mean $\mu$, and an observed $x$ costs
#
# $$ -\log \mathcal N(x \mid \mu, \sigma^2) = \frac{(x - \mu)^2}{2\sigma^2} + \tfrac12 \log (2\pi\sigma^2) $$
#
# The average of $(x - \mu)^2$ over the data is the **mean squared error**, MSE.
#
# **Predict.** Hold $\sigma$ fixed and change the predictions $\mu$. Are the predictions with the smallest MSE also those with
# the smallest NLL?
#
# - A: Yes, for every $\sigma$.
# - B: Only for $\sigma = 1$.
# - C: Only if $\sigma^2$ happens to equal the MSE.

# %% tags=["nbval-check-output"]
x_true = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
x_hat = np.array([1.2, 2.1, 3.0, 4.2, 5.1])
mse = ((x_true - x_hat) ** 2).mean()
print(f"mean squared error {mse:.4f}")
for std in (1.0, mse**0.5, 0.05):
    average = -normal_logpdf(x_true, x_hat, std**2).mean()
    rest = average - mse / (2 * std**2)
    print(f"sigma {std:.3f}: NLL {average:8.4f} = MSE x {1 / (2 * std**2):6.1f} + {rest:7.4f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# A. For every fixed $\sigma$ the NLL is the MSE times a positive number, plus a number that no prediction changes. Minimizing
# squared error *is* minimizing the NLL of a Gaussian with constant $\sigma$. B is the case in which the factor is $\tfrac12$.
# C answers another question: for given predictions, the best $\sigma^2$ is the MSE, as in the middle row.
#
# </details>

# %% [markdown]
# **Second noise: a Gaussian with its own $\sigma$ for each prediction.** A taxi ride of one kilometer takes seven minutes,
# give or take two; one of twelve kilometers can take ten minutes more or less than you expect. A model whose noise depends on
# the input is called **heteroscedastic**. Its network has two outputs: $\mu$ and, because an output can be any real number
# and $\sigma$ must be positive, $s = \log\sigma$.
#
# ### Exercise 2.3 · `gaussian_nll`
# Derive the NLL in terms of $\mu$ and $s$, and return it for each value. Your line will train the network, which gives every
# value a $\mu$ and an $s$ of its own.


# %% tags=["exercise:2.3", "points:4", "minutes:6"]
def gaussian_nll(x, mu, log_sigma):
    """-log N(x; mu, σ²) of each value in nats, given the logarithm of σ.

    x: (...), mu and log_sigma: (...) or numbers -> like x
    """
    # BEGIN SOLUTION
    return 0.5 * np.log(2 * np.pi) + log_sigma + 0.5 * ((x - mu) * np.exp(-log_sigma)) ** 2
    # END SOLUTION


# %% tags=["check:2.3"]
gaussian_nll = check("2.3", gaussian_nll)

# %% [markdown] tags=["help:2.3"]
# If $\sigma = e^s$, what are $\sigma^2$, $1/\sigma^2$ and $\tfrac12 \log \sigma^2$?
# ---
# $x = 12$, $\mu = 10$, $s = \log 2$, so that $\sigma = 2$: $\tfrac12\log 2\pi = 0.919$, $s = 0.693$, $\tfrac12 (2/2)^2
# = 0.5$. Together $2.112$.
# ---
# $\sigma^2 = e^{2s}$, so $\tfrac12\log(2\pi\sigma^2) = \tfrac12\log 2\pi + s$ and $(x - \mu)^2 / 2\sigma^2 = \tfrac12 (x -
# \mu)^2 e^{-2s}$. Lesson 01's `normal_logpdf` with the variance $e^{2s}$ and a minus gives the same.

# %% [markdown]
# Run the recipe with both noises. `networks.fit` trains a small network on any loss; how it does that is lesson 03.
#
# **Predict.** Both networks see the same 500 rides. The first predicts $\mu$ at some fixed $\sigma$, and then its $\sigma^2$
# is set to the MSE. The second predicts $\mu$ and $s$: it grades itself, because nothing in the data says how uncertain it
# should be. How does its $\sigma$ turn out on new rides?
#
# - A: Too small: the more certain it claims to be, the smaller its loss.
# - B: About right, for short and for long rides.
# - C: Too large: a wide band is never wrong.


# %%
def rides(n, rng):
    """Distances in km and times in minutes; the longer the ride, the noisier. -> (n,), (n,)"""
    km = rng.uniform(0.5, 12, n)
    return km, 4 + 24 * (1 - np.exp(-km / 8)) + (0.5 + 0.4 * km) * rng.normal(size=n)


km, minutes = rides(500, runtime.rng(5))
one = networks.fit(lambda x, out: gaussian_nll(x, out[:, 0], 1.0), km, minutes, 1, runtime.rng(6))
own = networks.fit(lambda x, out: gaussian_nll(x, *out.T), km, minutes, 2, runtime.rng(6))
log_std = 0.5 * np.log(((minutes - one(km)[:, 0]) ** 2).mean())  # now σ² = MSE
models = {
    "one σ for all": lambda km: (one(km)[:, 0], log_std + 0 * km),
    "a σ for each ride": lambda km: own(km).T,
}
fig = drawing.bands(km, minutes, models)

# %%
km_new, minutes_new = rides(5000, runtime.rng(7))
nats = {}
for name, model in models.items():
    mu, log_sigma = model(km_new)  # (5000,) each
    nats[name] = gaussian_nll(minutes_new, mu, log_sigma).mean()
    held = np.abs(minutes_new - mu) < 2 * np.exp(log_sigma)  # 95% of a Gaussian
    short, long = held[km_new < 4].mean(), held[km_new > 8].mean()
    print(f"{name}: {nats[name]:.2f} nats per new ride")
    print(f"    its band of ±2σ holds {short:.0%} of short rides and {long:.0%} of long ones")
saved = nats["one σ for all"] - nats["a σ for each ride"]

# %% [markdown]
# <details><summary>Answer</summary>
#
# B. Its band holds about 95% of new rides, short or long, as a Gaussian should. Two terms of the NLL keep each other honest:
# a small $\sigma$ makes $(x-\mu)^2 e^{-2s}$ explode (A), a large one pays $s$ on every ride (C). At each distance the best
# $\sigma^2$ is the mean squared error there. One $\sigma$ for all is too cautious on short rides and too bold on long ones.
#
# </details>
#
# Same data, same kind of network: only the claim about the noise differs, and the better claim saves about
# ${{02.sigma.saved:.1f}}$ nats per new ride. One caveat: this $\sigma$ describes the noise *in the data*. It says nothing
# about rides longer than any in the training set.

# %% [markdown]
# > **A good place to stop.** You can now split a cross-entropy into entropy and KL, and derive a loss from a noise.

# %% [markdown]
# ## Logits: where a loss falls silent
#
# **Third noise: Bernoulli.** Will the ride take more than 20 minutes? The parameter is a probability $\theta$, but a network
# outputs any real number $z$. The usual bridge is the **sigmoid**, written $\sigma(z)$ with brackets:
#
# $$ \theta = \sigma(z) = \frac{1}{1 + e^{-z}}, \qquad z = \log\frac{\theta}{1-\theta} $$
#
# $z$ is called the **logit**: 0 for $\theta = \tfrac12$, large for a sure yes, far below 0 for a sure no. The NLL of a target
# $t$, 1 for yes and 0 for no, is the **binary cross-entropy**, BCE:
#
# $$ -t\log\sigma(z) - (1-t)\log(1-\sigma(z)) $$
#
# **Predict.** A network is sure of yes, $z = 40$, but the ride was short, $t = 0$. The exact loss is 40 nats. What does
# Python return for $-\log(1 - \sigma(40))$?
#
# - A: 40, except for rounding in the last digits.
# - B: A wrong but finite number.
# - C: Infinity.


# %% tags=["nbval-check-output"]
def clipped_nll(z):
    """Loss of a no, from a probability that is kept away from 0 and 1."""
    return -np.log(1 - np.clip(expit(z), 1e-7, 1 - 1e-7))  # expit is SciPy's sigmoid


for z in (5.0, 20.0, 40.0):
    with np.errstate(divide="ignore"):
        literal = -np.log(1 - expit(z))
    slope = (clipped_nll(z + 0.01) - clipped_nll(z - 0.01)) / 0.02
    print(f"z = {z:4.1f}: as written {literal:8.5f}")
    print(f"          clipped    {clipped_nll(z):8.5f}, with derivative {slope:.5f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. $\sigma(40)$ differs from 1 by $4\cdot10^{-18}$, which a float cannot hold next to a 1 (A would need more digits), so
# $1 - \sigma$ is 0. Clipping the probability, the popular fix, gives B, and it is worse than it looks: the clipped loss is
# flat. Its derivative is 0, so a network that is certain and wrong is never told. There is no worse place for a loss to
# fall silent.
#
# </details>
#
# The way out is to stay in logarithms. Since $1 - \sigma(z) = \sigma(-z)$, only $\log\sigma$ is needed, and every library
# computes it directly from the logit: SciPy's `log_expit`, PyTorch's `binary_cross_entropy_with_logits`. Studio section D
# builds it.
#
# For one of $K$ classes the recipe gives cross-entropy: $y$ is **one-hot**, 1 for the class that happened and 0 for the
# others, so that only $-\log p_k$ remains.


# %%
def bce(t, out):
    return -np.where(t, log_expit(out[:, 0]), log_expit(-out[:, 0]))  # t is True or False


late = minutes > 20  # (500,)
network = networks.fit(bce, km, late, 1, runtime.rng(8))
z = np.linspace(-10, 40, 501)
curves = {"exact": -log_expit(-z), "clipped": clipped_nll(z)}
fig = drawing.logits(z, curves, km, late, lambda km: expit(network(km)[:, 0]))

# %% [markdown]
# The derivative of the exact loss climbs from 0 to 1 and stays there: a network that is certain and wrong hears about it.

# %% [markdown]
# ## Who is compared with whom?
#
# **Debug a claim.** The article says that cross-entropy and squared error measure the difference between *generated* and
# *real* data, and that a generator is trained by making this difference small. Take it at its word. The data are values
# around $-2$ and around $2$. The generator turns a random number $z$, uniform in $[0, 1]$, into $g(z)$, a curve through 12
# points whose heights are learned. We pair the first generated value with the first real one, and so on, and minimize the
# squared error. (`np.linalg.lstsq` finds the best heights exactly, so the search is not to blame.)
#
# **Predict.** What does the trained generator produce?
#
# - A: Both modes, around $-2$ and around $2$.
# - B: One of the two modes.
# - C: Values around 0, halfway between the modes.


# %%
def tents(z, K=12):
    """Twelve tent-shaped functions, whose sums are curves through 12 points. (n,) -> (n, 12)"""
    return np.maximum(0, 1 - np.abs(z[:, None] * (K - 1) - np.arange(K)))


def train_generator(z, x):
    """Heights of the curve with the smallest squared error. (n,), (n,) -> (12,)"""
    return np.linalg.lstsq(tents(z), x, rcond=None)[0]


rng, n = runtime.rng(1), 20_000
mode = sample_categorical(np.array([0.5, 0.5]), n, rng)  # (20000,): 0 or 1
x_real = np.array([-2, 2])[mode] + 0.3 * rng.normal(size=n)  # (20000,)
z_train, z_new = rng.random(n), rng.random(n)  # (20000,) each
heights = train_generator(z_train, x_real)  # (12,)
x_unpaired = tents(z_new) @ heights  # (20000,)
loss = ((tents(z_train) @ heights - x_real) ** 2).mean()
print(f"data:      mean {x_real.mean():6.3f}, standard deviation {x_real.std():.3f}")
print(f"generated: mean {x_unpaired.mean():6.3f}, standard deviation {x_unpaired.std():.3f}")
print(f"smallest squared error {loss:.3f}; variance of the data {x_real.var():.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. It produces the *mean* of the data, over and over. The mean squared error between a random $g(z)$ and an unrelated $x$ is
# $\operatorname{Var} x + \operatorname{Var} g + (\text{difference of means})^2$. The first part is out of the generator's
# reach, so its best choice is not to vary at all (A varies) and to sit at the mean (B does not). With pictures, this mean is
# the famous blur. The formula is right. What is wrong is that its two sides have nothing to do with each other.
#
# </details>
#
# A loss that compares one thing with another needs *partners*. A prediction has one, the true value; a reconstruction has
# one, the original. A new sample has none, unless you find one for it. Here you can: give the smallest $z$ the smallest $x$,
# the second smallest $z$ the second smallest $x$, and so on.
#
# ### Exercise 2.4 · `pair`
# Fix the training: give every $z_i$ the $x$ of the same rank. (`np.argsort(z)` lists who comes first, second, third. From
# that list, find out which place each one took.)


# %% tags=["exercise:2.4", "points:3", "minutes:7"]
def pair(z, x):
    """The values of x reordered so that the i-th has among x the rank that z[i] has among z.

    (n,), (n,) -> (n,)
    """
    # BEGIN SOLUTION
    rank = np.argsort(np.argsort(z))  # (n,): 0 for the smallest z
    return np.sort(x)[rank]
    # END SOLUTION


# %% tags=["check:2.4"]
pair = check("2.4", pair)

# %% [markdown] tags=["help:2.4"]
# If you knew that $z_5$ is the third smallest of all $z$, which value should it get?
# ---
# $z = (0.7, 0.1, 0.4)$ has the ranks $(2, 0, 1)$. With $x = (-3, 5, 1)$, sorted $(-3, 1, 5)$, the partners are $(5, -3, 1)$:
# the largest $z$ gets 5, the smallest $-3$, the middle one 1.
# ---
# `np.argsort(z)` is the order $(1, 2, 0)$: who comes first. Its own argsort is $(2, 0, 1)$: which place each one took, its
# rank. The sorted $x$, looked up by rank, are the partners.

# %% [markdown]
# What lies between the claim and the fix? Give a share $s$ of the $z_i$ their right partners and the others random ones.
#
# **Predict.** Half of the pairs are right. What does the generator produce?
#
# - A: Both modes where they belong, because half of the pairs are enough to show them.
# - B: Both modes, each pulled halfway to the mean.
# - C: Half of its values in the modes, and half of them at the mean.

# %%
partners = pair(z_train, x_real)  # (20000,): the right ones
luck = runtime.rng(2).random(n)  # (20000,): below the share s, the partner is the right one
curves = []
for s in np.linspace(0, 1, 11):
    heights = train_generator(z_train, np.where(luck < s, partners, x_real))  # (12,)
    curves.append((heights, tents(z_new) @ heights))
x_half, x_paired = curves[5][1], curves[10][1]
explorables.pairs(z_train, partners, x_real, luck, curves)

# %% [markdown]
# <details><summary>Answer</summary>
#
# B. At each $z$ the smallest squared error is at the *mean* of its partners: the right one, $x(z)$, with probability $s$, and
# otherwise a random one, whose mean is $\bar x$. So $g(z) = s\,x(z) + (1 - s)\,\bar x$, and the standard deviation is $s$
# times that of the data. C is out of reach, because a curve has one value for each $z$; A forgets that the random half pulls
# too.
#
# </details>
#
# Move the share of right pairs to 1 and the generator is fixed. The loss is the same, and so is the kind of curve; only who
# is compared with whom has changed. (A few values lie between the modes because a curve must cross from one to the other.)
# Pictures cannot be sorted. The great families of generative models are four answers to one question, *who is my partner?*
#
# - **Autoregressive models** (below, and lesson 08): each pixel or word is its own partner, predicted from those before it.
# - **VAEs** (lesson 04): an encoder proposes a $z$ for every picture.
# - **GANs** (lesson 06): nobody has a partner; a second network judges the samples.
# - **Diffusion models** (lesson 09): the partner is the picture itself, under noise.

# %% [markdown]
# ## A better generator, chosen by likelihood
#
# The Bernoulli model of lesson 01 sampled every pixel by itself. Let the pixels see each other: read a digit line by line, as
# you read a page, and predict each pixel from those *already read*. This loses nothing, by the **chain rule of probability**,
# $p(x, y) = p(y)\,p(x \mid y)$ applied pixel after pixel:
#
# $$ p(x) = \prod_{d=1}^{784} p(x_d \mid x_1, \dots, x_{d-1}), \qquad -\log p(x) = \sum_d -\log p(x_d \mid \text{before}) $$
#
# A model of this form is an **autoregressive model**. Ours looks at the $k$ nearest pixels already read, which show one of
# $2^k$ patterns. Each pixel has a probability of ink for each pattern: how often it was ink after this pattern in the
# training set, with the additive smoothing of Exercise 1.3. (`tables` does the counting.) We choose $k$ on the validation set
# and look at the test set once, at the end.
#
# **Predict.** As $k$ grows from 0 to 12, what happens to the NLL of the training digits, and of new ones?
#
# - A: Both fall all the way: more neighbors tell more.
# - B: Both fall, then stay level at the same value.
# - C: On training digits it falls all the way; on new ones it falls and then rises.

# %%
digits = data.mnist(numpy=True)
x_train = (digits.x_train > 0.5).astype(float)  # (4000, 28, 28): ink 1, paper 0
x_val, x_test = np.split((digits.x_test > 0.5).astype(float), 2)  # (500, 28, 28) each


def pixel_nll(x, theta, k):
    """-log p of every pixel, given its neighbors. theta (2^k, 28, 28) -> like x"""
    ink = tables.probabilities(x, theta, k)  # (N, 28, 28)
    return -np.log(np.where(x > 0, ink, 1 - ink))


thetas, curve = [], {"training": [], "validation": []}
for k in range(13):
    seen, inked = tables.count(x_train, k)  # (2^k, 28, 28) each
    thetas.append((inked + 0.3) / (seen + 0.6))
    for name, x in (("training", x_train), ("validation", x_val)):
        curve[name].append(pixel_nll(x, thetas[k], k).sum((1, 2)).mean())
best_k = int(np.argmin(curve["validation"]))

ax = drawing.overfitting(curve, best_k)

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. With $2^{12}$ patterns at every pixel, most were met once or never. The model begins to memorize its training digits, and
# on new digits the NLL turns back up. This is **overfitting**, and only data that were not counted can show it. A forgets
# that each neighbor halves the examples per pattern, on average; B holds for endless training data.
#
# </details>

# %%
fig = plots.rows(
    {f"{k} neighbors": tables.sample(thetas[k], k, 20, runtime.rng(3)) for k in (0, 2, 6, 12)}
    | {"real": x_test[:20]},
    columns=20,
    alt="None: specks. Two: ragged blobs. Six: pen strokes. Twelve: strokes and noise.",
)

# %% [markdown]
# Six neighbors give strokes that turn corners. With twelve, many samples dissolve into noise: at some pixel a pattern came up
# that had never been seen there, our smoothing answered "one half", and from then on every pattern was new. A better answer
# is at hand: what that pattern leads to *anywhere* in the picture. Smoothing toward a coarser estimate is called
# **back-off**.

# %%
seen, inked = tables.count(x_train, 12)  # (4096, 28, 28) each
anywhere = (inked.sum((1, 2)) + 1) / (seen.sum((1, 2)) + 2)  # (4096,)
theta_12 = (inked + 3 * anywhere[:, None, None]) / (seen + 3)  # (4096, 28, 28)
nats = {}
for part, x in {"validation": x_val, "test": x_test}.items():
    for name, theta, k in [("counted", thetas[best_k], best_k), ("back-off", theta_12, 12)]:
        nats[part, name] = pixel_nll(x, theta, k).sum((1, 2)).mean()
        print(f"{part:<10}  {k:>2} neighbors, {name:<8} {nats[part, name]:5.1f} nats per digit")
fig = plots.rows(
    {
        "12 neighbors with back-off": tables.sample(theta_12, 12, 20, runtime.rng(3)),
        "real": x_test[:20],
    },
    alt="Above: mostly clean pen strokes, some of them digits. Below: real digits.",
)

# %% [markdown]
# The best number so far, and mostly clean strokes. But are these digits? Some are. Most are letters of a script that nobody
# reads. How can the number be so good? Look where the nats are:

# %%
all_nats = pixel_nll(x_test, theta_12, 12)  # (500, 28, 28)
edge = tables.at_edges(x_test)  # (500, 28, 28): ink and paper within one pixel
edge_share = all_nats[edge].sum() / all_nats.sum()
print(f"{edge.mean():.0%} of the pixels are at an edge; they hold {edge_share:.0%} of the nats")
fig = drawing.where_the_nats_are(x_test[1:9], all_nats[1:9])

# %% [markdown]
# Nearly all the nats are spent on where exactly a stroke ends, and there this model is good. Which of the ten digits the
# strokes add up to is worth at most $\log 10 = 2.3$ nats. So likelihood and your eye can disagree, and both can be right
# (Theis et al. 2016).

# %% [markdown]
# ## What this run reached

# %%
inside = runtime.reached(
    {
        "02.floor": floor,
        "02.sigma.saved": saved,
        "02.unpaired.spread": x_unpaired.std(),
        "02.half.spread": x_half.std(),
        "02.paired.spread": x_paired.std(),
        "02.nats.tables": nats["test", "counted"],
        "02.nats.borrow": nats["test", "back-off"],
        "02.nats.edges": edge_share,
    }
)

# %% tags=["solved"]
assert inside
assert abs(floor - 0.325083) < 1e-6 and abs(cross_entropy(y, p) - 0.361773) < 1e-6
assert forward == (-0.5, 2.5) and abs(reverse[0] + 2.5) < 1e-9 and reverse[1] == 0.5
assert abs(mse - 0.02) < 1e-12 and saved > 0.1
assert x_unpaired.std() < 0.10 and abs(x_paired.std() - x_real.std()) < 0.05
assert abs(x_half.std() - x_paired.std() / 2) < 0.05
assert (np.diff(curve["training"]) < 0).all()
assert 4 <= best_k <= 11 and curve["validation"][12] > min(curve["validation"]) + 0.5
assert nats["test", "back-off"] < nats["test", "counted"]

# %% [markdown]
# That was the core. The studio has four sections, in any order; no later lesson needs them. [Where we are
# now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Section A · A bit is a bit
#
# Are bits of NLL the same bits that fill a disk? Chemists write molecules as text, and the course has about four thousand of
# them. Give every character a codeword of zeros and ones, short for frequent characters, and no codeword the beginning of
# another. Huffman's method finds the best such code: merge the two rarest groups again and again, and each time everything in
# them gets one bit longer.
#
# **Predict.** Compute the entropy of the characters in bits. How many bits per character will Huffman's code need?
#
# - A: Fewer than the entropy, because it is the best code.
# - B: Exactly the entropy.
# - C: Slightly more than the entropy.


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
share = {symbol: c / len(text) for symbol, c in Counter(text).items()}
y_text = np.array(list(share.values()))  # (K,)
codes = {
    "made for these shares": huffman_lengths(share),
    "made for equal shares": huffman_lengths({symbol: 1 / len(share) for symbol in share}),
}
entropy = cross_entropy(y_text, y_text, 2)
for name, code in codes.items():
    bits = sum(share[symbol] * code[symbol] for symbol in share)
    q = np.array([2.0 ** -code[symbol] for symbol in share])  # what the code believes
    waste = kl(y_text, q) / math.log(2)  # from nats to bits
    print(f"code {name}: {bits:.3f} bits per character = entropy {entropy:.3f} + {waste:.3f}")

# %% [markdown] tags=["studio"]
# <details><summary>Answer</summary>
#
# C. No code that takes the characters one by one beats their entropy (A), and it reaches the entropy exactly (B) only where
# all probabilities are powers of one half. A code *is* a model: a codeword of 3 bits says "I expect this once in $2^3$". Its
# average length is the cross-entropy of the text under this model, and what the wrong code wastes is a KL divergence, bit for
# bit.
#
# </details>
#
# So nats per digit, divided by $\log 2$, are the size of a file: a generator with a smaller NLL is a better way to *store*
# new digits. Two caveats. Huffman's code spends at least one bit on every symbol, 784 on a digit of single pixels; reaching
# the 110 bits of our best model takes an arithmetic coder. And whoever unpacks the file needs the model as well.

# %% [markdown] tags=["studio"]
# ### Section B · Which loss when?
#
# Predict one number for all digits: how much ink does a digit have? The best constant depends on the loss, and the loss on
# the noise you claim.
#
# **Predict.** Now 40 of the 4,000 digits are scanned badly and come out all black. Which best constant moves more?
#
# - A: That of the squared error.
# - B: That of the absolute error.
# - C: Both move by the same amount, because one digit in a hundred has changed.

# %% tags=["studio", "nbval-check-output"]
ink = 100 * digits.x_train.mean((1, 2))  # (4000,) percent
spoiled = np.where(np.arange(4000) < 40, 100.0, ink)
levels = np.linspace(5, 25, 2001)  # candidates, 0.01 apart
for name, loss_of in {"squared": np.square, "absolute": np.abs}.items():
    clean, black = [
        levels[np.argmin([loss_of(values - c).mean() for c in levels])] for values in (ink, spoiled)
    ]
    print(f"smallest {name} error: {clean:.2f} on clean digits, {black:.2f} with 40 black ones")
print(
    f"mean {ink.mean():.2f} and {spoiled.mean():.2f}; "
    f"median {np.median(ink):.2f} and {np.median(spoiled):.2f}"
)
scales = np.linspace(9, 14, 5001)  # one apple on two scales: 10 ± 0.5 and 13 ± 2
total = gaussian_nll(scales, 10, math.log(0.5)) + gaussian_nll(scales, 13, math.log(2))
print(f"two scales, one apple: smallest NLL at {scales[np.argmin(total)]:.2f}; plain mean 11.50")

# %% [markdown] tags=["studio"]
# <details><summary>Answer</summary>
#
# A. Squared error is smallest at the mean, which a few far-off values drag along. Absolute error is smallest at the median,
# which hardly moves: it counts how many values lie above it, not how far. Absolute error is the NLL under the **Laplace
# distribution**, $p(x) \propto e^{-|x - \mu|/b}$, whose tails are heavier than a Gaussian's: it expects a wild value now and
# then.
#
# </details>
#
# The last line shows what a $\sigma$ for each value buys: the sum of two NLLs trusts each scale in proportion to
# $1/\sigma^2$. A plain squared error would have trusted both equally.
#
# | you predict | and claim | so the loss is |
# |---|---|---|
# | a number, with the same noise everywhere | a Gaussian with one $\sigma$ | squared error |
# | a number, with a wild value now and then | a Laplace distribution | absolute error |
# | a number, and how sure you are | a Gaussian with its own $\sigma$ | Exercise 2.3 |
# | yes or no, ink or paper | a Bernoulli distribution | binary cross-entropy, from logits |
# | one of $K$ classes | a categorical distribution | cross-entropy |

# %% [markdown] tags=["studio"]
# ### Section C · Soft labels, by hand
#
# The town of the core had $y = (0.9, 0.1)$, not $(1, 0)$. As a label this is called a **soft label**: in nine of ten such
# cases it was the first class. (A *hard* label is one-hot.) Take a network with logits $z$ and probabilities $p_k = e^{z_k} /
# \sum_j e^{z_j}$, the **softmax**.
#
# **Predict.** The network says $p = (0.99, 0.01)$ and the label is $(0.9, 0.1)$. To make the cross-entropy smaller, must the
# first logit go up, go down, or stay?
#
# - A: Up: the first class is the right one.
# - B: Down.
# - C: It can stay: the network's choice is right already.


# %% tags=["studio", "nbval-check-output"]
def softmax(z):
    e = np.exp(z - z.max())  # the largest exponent is 0, so nothing overflows
    return e / e.sum()


def gradient(y, z, h=1e-5):
    """Derivative of the cross-entropy for each logit, by finite differences. (K,), (K,) -> (K,)"""
    steps = h * np.eye(len(z))
    changes = [cross_entropy(y, softmax(z + s)) - cross_entropy(y, softmax(z - s)) for s in steps]
    return np.array(changes) / (2 * h)


z_net = np.log(np.array([0.99, 0.01]))
for name, label in [("soft", np.array([0.9, 0.1])), ("hard", np.array([1.0, 0.0]))]:
    found, expected = gradient(label, z_net), softmax(z_net) - label
    print(f"{name} label {label}: derivatives {found.round(6)}, p - y = {expected.round(6)}")
by_hand = 0.9 * -math.log(0.8) + 0.1 * -math.log(0.2)
print(f"by hand: 0.9 x {-math.log(0.8):.6f} + 0.1 x {-math.log(0.2):.6f} = {by_hand:.6f}")

# %% [markdown] tags=["studio"]
# <details><summary>Answer</summary>
#
# B. The derivative is $p - y$, whatever the label. Under the soft label it is positive for the first class: its logit must
# become *smaller*, because the network is too sure. Under a hard label it is negative however sure the network is (answer A),
# and the logits would grow forever. That is why hard labels are sometimes softened on purpose, to $0.9$ or so instead of 1:
# **label smoothing**. Answer C confuses the choice with the probability; cross-entropy scores the probability.
#
# </details>

# %% [markdown] tags=["studio"]
# ### Section D · Logits, exact everywhere
#
# In the core, SciPy computed $\log\sigma(z)$. Build it yourself. For a no, $-\log(1-\sigma(z)) = \log(1 + e^z)$; for a yes,
# $-\log\sigma(z) = \log(1 + e^{-z})$. Where the exponent is large and positive, take it out of the logarithm: $\log(1 + e^a)
# = a + \log(1 + e^{-a})$.
#
# ### Exercise 2.5 · `bce_logits`
# Binary cross-entropy from logits for every pixel, exact for any $z$. Targets may lie between 0 and 1 (gray pixels). NumPy's
# `np.log1p(u)` is $\log(1+u)$, exact also for tiny $u$.


# %% tags=["studio", "exercise:2.5", "points:4", "minutes:13"]
def bce_logits(z, t):
    """NLL of targets t in [0, 1] under Bernoulli logits z, in nats. (...), (...) -> (...)"""
    # BEGIN SOLUTION
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))
    # END SOLUTION


# %% tags=["studio", "check:2.5"]
bce_logits = check("2.5", bce_logits)

# %% [markdown] tags=["studio", "help:2.5"]
# Write $\log\sigma(z)$ and $\log(1-\sigma(z))$ with $\log(1+e^{-z})$ and $\log(1+e^{z})$. What is the difference of these
# two? Then: how do you keep the exponent from being positive?
# ---
# $z = 2$, $t = 1$: $\log(1 + e^{-2}) = 0.1269$. $z = 2$, $t = 0$: $\log(1+e^{2}) = 2 + \log(1+e^{-2}) = 2.1269$. In
# general the two differ by $z$, so the value is $\log(1+e^{z}) - t z$. For $z = 100$, $t = 0$: $100 + \log(1 + e^{-100})$,
# which is 100.
# ---
# $\log(1+e^z) = \max(z, 0) + \log(1 + e^{-|z|})$ holds for both signs of $z$, and its exponent is never positive. Subtract $z
# t$. The derivative with respect to $z$ is $\sigma(z) - t$, whatever the size of $z$: the error itself.

# %% tags=["studio", "solved"]
assert np.allclose(gradient(y, z_net), softmax(z_net) - y, atol=1e-6)
assert abs(cross_entropy(p, y) - 0.544805) < 1e-6 and abs(by_hand - 0.361773) < 1e-6
assert entropy <= sum(share[s] * codes["made for these shares"][s] for s in share) < entropy + 1
assert np.allclose(bce_logits(z, np.zeros(501)), -log_expit(-z))

# %% [markdown]
# ## Where we are now
#
# You can
# - read a negative log-likelihood in nats and in bits;
# - split a cross-entropy into entropy and KL, and say which mistake each direction of KL makes;
# - derive a loss from a noise with the recipe, and let a network say how sure it is of each prediction;
# - see where a loss goes flat, and compute it from logits instead;
# - ask of any loss who is compared with whom, and choose a generator by its NLL on new data.
#
# **Read on.**
# Shannon 1948, *A Mathematical Theory of Communication*: surprise, entropy and codes, from the source.
# Kullback & Leibler 1951, *On Information and Sufficiency*: the divergence.
# Prince 2023, *Understanding Deep Learning*, chapter 5: the recipe, for more kinds of noise.
# Theis, van den Oord & Bethge 2016, *A Note on the Evaluation of Generative Models*: why the eye and the nats may disagree.
#
# **Next.** Most fits so far were done by counting, by a formula, or by trying out candidates, and one by a black box. Lesson
# 03 opens the box: it walks downhill, and you build the walker.
