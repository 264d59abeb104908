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
# - compute a cross-entropy and a KL divergence, and say how the direction of a KL shapes the model;
# - derive a loss from an assumption about noise, and let a network predict its own uncertainty;
# - see where a loss goes flat, and compute it from logits instead;
# - ask of any loss what it compares with what, and say what a generator's likelihood cannot see.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import heapq
import math
from collections import Counter

import numpy as np
from scipy.ndimage import median_filter
from scipy.special import expit, log_expit

from course_utils import check, data, plots, runtime
from course_utils.lesson01 import coverage, normal_logpdf, sample_categorical
from course_utils.lesson02 import drawing, explorables, networks, tables, worlds

device = runtime.setup(seed=0)

# %% [markdown]
# ## Surprise: what a probability costs
#
# Lesson 01 scored models in nats per digit. If you gave an event probability $p$ and it happens, your *surprise* is
#
# $$ -\log p $$
#
# A certain event costs nothing. The rarer the event, the greater the surprise, without limit. Where probabilities multiply,
# surprises *add*. The natural logarithm gives **nats**, the logarithm to base 2 **bits**; one nat is $1/\log 2 \approx 1.44$
# bits.
#
# Information theory calls it **surprisal** or self-information. For a model it is the **negative log-likelihood**, the NLL,
# which is the term we use from here on. A **loss** is the number that training minimizes, and most losses in this course are
# average NLLs, or stand in for one.
#
# **Predict.** Which of these is more surprising?
#
# - A: A fair coin shows heads ten times in a row.
#   - The pattern impressed you: any other sequence of ten tosses is equally rare, one in 1,024.
# - B: A friend's ticket is the single winner among a thousand.
#   - You underestimated ten halvings: they come to one in 1,024.
# - C: They are almost equally surprising.
#   - **Yes.** One in 1,024 and one in 1,000. A bit answers one fair yes-or-no question; ten answers tell 1,024 cases apart.


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
# ## Cross-entropy: the average cost of a forecast
#
# In a dry town the sun shines on 90 percent of days, and a forecaster says 80 percent every day. A sunny day then costs
# $-\log 0.8$, a rainy day $-\log 0.2$. The average cost over many days is the **cross-entropy** $H(y, p)$. Its two arguments
# have different roles: the true probabilities $y$ say how often each outcome happens, the forecast $p$ says what it costs.
#
# ### Exercise 2.1 · `cross_entropy`
# Work out this average for $K$ outcomes. Return nats by default and bits for `base=2`; any base must work. An outcome that
# never happens ($y_k = 0$) costs nothing, even if $p_k = 0$. One that does happen although the forecast called it
# impossible costs $\infty$. If `y` or `p` does not sum to 1 (within $10^{-9}$), raise a `ValueError`.


# %% tags=["exercise:2.1", "points:4", "minutes:11"]
def cross_entropy(y, p, base=math.e):
    """Average NLL, under the forecast p, of outcomes that follow y.

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
# Over which of the two distributions do you average, and of which do you take the logarithm? What should the product $0
# \cdot \log 0$ be here?
# ---
# Sun and rain with $y = (0.9, 0.1)$ and $p = (0.8, 0.2)$: $-0.9 \log 0.8 = 0.201$ and $-0.1 \log 0.2 = 0.161$. Together
# $0.362$ nats, or $0.362 / \log 2 = 0.522$ bits.
# ---
# The sum runs over outcomes with $y_k > 0$ only, so that no $0 \cdot \log 0$ arises. A logarithm to another base is the
# natural one divided by $\log(\text{base})$.

# %% [markdown]
# You have written
#
# $$ H(y, p) = -\sum_{k=1}^{K} y_k \log p_k $$
#
# **Predict.** The town's $y$ is $(0.9, 0.1)$. Which forecast has the smallest cross-entropy?
#
# - A: 90 : 10, and its cross-entropy is 0.
#   - A perfect forecast of the *probabilities* still does not know tomorrow's weather.
# - B: 90 : 10, and its cross-entropy is above 0.
#   - **Yes.** The truth is the best forecast, and it has a cost that no forecast can avoid.
# - C: 99 : 1, and its cross-entropy is close to 0.
#   - On sunny days it costs next to nothing, but on each rainy one $-\log 0.01 = 4.6$ nats.

# %% tags=["nbval-check-output"]
y, p = np.array([0.9, 0.1]), np.array([0.8, 0.2])
forecasts = {"80 : 20": p, "90 : 10": y, "99 : 1": np.array([0.99, 0.01])}
for name, forecast in forecasts.items():
    nats, bits = cross_entropy(y, forecast), cross_entropy(y, forecast, 2)
    print(f"{name:<7}  {nats:.6f} nats = {bits:.6f} bits per day")
floor = cross_entropy(y, y)
print(f"80 : 20 costs {cross_entropy(y, p):.6f} = {floor:.6f} + {cross_entropy(y, p) - floor:.6f}")
print(f"with the roles swapped, H(p, y) = {cross_entropy(p, y):.6f}")

# %% [markdown]
# The smallest value, ${{02.floor:.3f}}$ nats per day, is the **entropy** of $y$: $H(y) = H(y, y) = -\sum_k y_k \log y_k$. It
# is often said that cross-entropy measures how far $p$ is from $y$. But a distance is zero when the two are equal, and the
# same in both directions. Cross-entropy is neither.

# %%
sun = np.linspace(0.5, 0.9999, 500)  # (500,) forecasts of sun
nats = [cross_entropy(y, np.array([q, 1 - q])) for q in sun]
dots = {name: (f[0], cross_entropy(y, f)) for name, f in forecasts.items()}
ax = drawing.all_forecasts(sun, nats, floor, dots)

# %% [markdown]
# A slightly wrong forecast costs little extra. A confident wrong one can cost any amount.

# %% [markdown]
# ## KL: the avoidable part has a direction
#
# The part above the floor is the **Kullback–Leibler divergence**, KL for short: the nats that a perfect forecast would have
# saved. From here on we use the usual letters, $p$ for the true distribution (it was $y$) and $q$ for the model.
#
# $$ D_{\mathrm{KL}}(p \,\|\, q) = \sum_{k} p_k \log \frac{p_k}{q_k} \;\ge\; 0 $$
#
# It is zero only for $q = p$. Outcomes are drawn from the first argument and scored by the second. So
# $D_{\mathrm{KL}}(q \,\|\, p)$ asks a different question and is, in general, a different number.
#
# ### Exercise 2.2 · `kl`
# Return nats. Treat zeros, infinity and wrong sums as in Exercise 2.1. The function can be long or very short: how does a KL
# divergence follow from cross-entropies?


# %% tags=["exercise:2.2", "points:4", "minutes:6"]
def kl(p, q):
    """D(p ‖ q): the nats that the model q costs beyond the entropy of p.

    (K,), (K,) -> nats
    """
    # BEGIN SOLUTION
    return cross_entropy(p, q) - cross_entropy(p, p)
    # END SOLUTION


# %% tags=["check:2.2"]
kl = check("2.2", kl)

# %% [markdown] tags=["help:2.2"]
# You have a function for the cross-entropy. What must you subtract from it so that nothing is left when $q = p$?
# ---
# $p = (0.9, 0.1)$, $q = (0.8, 0.2)$: $0.9 \log\frac{0.9}{0.8} + 0.1 \log\frac{0.1}{0.2} = 0.1060 - 0.0693 = 0.0367$ nats.
# Single terms may be negative, but the sum never is.
# ---
# $\sum p \log (p/q) = -\sum p \log q + \sum p \log p = H(p, q) - H(p)$. `cross_entropy` already handles the errors, the
# zeros and the infinity.

# %% [markdown]
# A model can rarely match its target. Let the target $p$ have two **modes**, or peaks, and let the model $q$ be one Gaussian.
# No Gaussian is right, so which one is *best*? We turn both into lists of probabilities on a grid and try many Gaussians.
#
# **Predict.** One search minimizes $D_{\mathrm{KL}}(p \,\|\, q)$, the other $D_{\mathrm{KL}}(q \,\|\, p)$. What do they find?
#
# - A: Both find a wide Gaussian over both modes.
#   - In the second search a wide Gaussian pays for everything it draws between the modes, where the target is almost 0.
# - B: The first finds a wide Gaussian over both modes, the second a narrow one on the larger mode.
#   - **Yes.** The first must cover everything the target draws. The second need only draw what the target finds probable.
# - C: The first finds a narrow Gaussian on the larger mode, the second a wide one over both modes.
#   - This swaps the roles: on one mode, the first would pay enormously for outcomes at the other.

# %% tags=["nbval-check-output"]
grid = np.linspace(-12, 12, 400)  # (400,)


def gaussian(mean, std):
    """A Gaussian's probabilities on the grid. -> (400,)"""
    density = np.exp(normal_logpdf(grid, mean, std**2))
    return density / density.sum()


target = 0.6 * gaussian(-2.5, 0.5) + 0.4 * gaussian(2.5, 0.5)  # (400,)
candidates = [(m, s) for m in np.linspace(-3, 3, 25) for s in np.linspace(0.4, 3.5, 32)]
forward = min(candidates, key=lambda c: kl(target, gaussian(*c)))
reverse = min(candidates, key=lambda c: kl(gaussian(*c), target))
print(f"smallest KL(p||q): mean {forward[0]:5.2f}, standard deviation {forward[1]:.2f}")
print(f"smallest KL(q||p): mean {reverse[0]:5.2f}, standard deviation {reverse[1]:.2f}")
mean = target @ grid
std = (target @ grid**2 - mean**2) ** 0.5
print(f"the target itself: mean {mean:5.2f}, standard deviation {std:.2f}")

# %% [markdown]
# **Forward KL**, $D_{\mathrm{KL}}(p \,\|\, q)$, is **mode-covering**: wherever $p$ draws outcomes and $q$ is tiny, the cost
# explodes. Among Gaussians, minimizing it is **moment matching**: $q$ gets the mean and variance of the target. **Reverse
# KL**, $D_{\mathrm{KL}}(q \,\|\, p)$, is **mode-seeking** when the modes lie far apart: ignoring the smaller one costs only
# $-\log 0.6 = 0.51$ nats, however far away it is.
#
# So where a model is too simple for its data, as one Gaussian is here, the direction of the KL shapes its mistake: with
# forward KL it invents things between the kinds that exist, with reverse KL it drops kinds. Maximum likelihood is forward: the
# average NLL of $q$ on data from $p$ is $H(p) + D_{\mathrm{KL}}(p \,\|\, q)$, and no model can change $H(p)$.

# %%
explorables.directions()

# %% [markdown]
# Drag `q` onto one mode and make it narrow: KL(q‖p) is small and KL(p‖q) is large. Then widen it over both modes. The maps
# show every `q` at once. The reverse map has a second, shallower valley at the smaller mode, where training can get stuck.

# %% [markdown]
# ## A recipe for losses
#
# Most of the usual losses come from one recipe.
#
# 1. **Choose a distribution** for the value to be predicted: an assumption about its noise.
# 2. **Let the network output its parameters.**
# 3. **Minimize the NLL** of the data.
#
# **First, Gaussian noise with one $\sigma$ for all.** The network outputs the mean $\mu$, and an observed $x$ costs
#
# $$ -\log \mathcal N(x \mid \mu, \sigma^2) = \frac{(x - \mu)^2}{2\sigma^2} + \tfrac12 \log (2\pi\sigma^2) $$
#
# The average of $(x - \mu)^2$ over the data is the **mean squared error**, MSE. So at any fixed $\sigma$ the average NLL is
# the MSE times a positive number, plus a number that no prediction changes:

# %% tags=["nbval-check-output"]
x_true = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
x_hat = np.array([1.2, 2.1, 3.0, 4.2, 5.1])
mse = ((x_true - x_hat) ** 2).mean()
print(f"mean squared error {mse:.4f}")
for std in (1.0, mse**0.5, 0.05):
    average = -normal_logpdf(x_true, x_hat, std**2).mean()
    rest = average - mse / (2 * std**2)
    print(f"sigma {std:.3f}: NLL {average:7.4f} = {1 / (2 * std**2):5.1f} x MSE {rest:+.4f}")

# %% [markdown]
# Minimizing squared error *is* maximum likelihood under Gaussian noise of one size, whether you meant to assume it or not.
# And for given predictions, the best $\sigma^2$ is the MSE, as in the middle row.

# %% [markdown]
# **Second, Gaussian noise with its own $\sigma$ for each prediction.** A taxi ride of one kilometer takes seven minutes, give
# or take two; one of twelve kilometers can take ten minutes more or less than you expect. A model whose noise depends on the
# input is called **heteroscedastic** (Nix & Weigend 1994). Its network has two outputs: $\mu$ and, because an output can be
# any real number and $\sigma$ must be positive, $s = \log\sigma$.
#
# ### Exercise 2.3 · `gaussian_nll`
# Derive the NLL in terms of $\mu$ and $s$, and return it for each value. Your line will train the network.


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
# $\sigma^2 = e^{2s}$, so $\tfrac12\log(2\pi\sigma^2) = \tfrac12\log 2\pi + s$ and
# $(x - \mu)^2 / 2\sigma^2 = \tfrac12 (x - \mu)^2 e^{-2s}$. The negative of lesson 01's `normal_logpdf`, with the variance
# $e^{2s}$, is the same.

# %% [markdown]
# Run the recipe with both assumptions. `networks.fit` trains a small network on any loss; lesson 03 shows how.
#
# **Predict.** Both networks see the same 500 rides. The first predicts $\mu$ at some fixed $\sigma$, and then its $\sigma^2$
# is set to the MSE. The second predicts $\mu$ and $s$, although no ride comes with its true $\sigma$. How does the predicted
# $\sigma$ turn out on new rides?
#
# - A: Too small: the more certain it claims to be, the smaller its loss.
#   - Only on rides that it predicts well. Elsewhere a small $\sigma$ makes the squared term explode.
# - B: About right: a larger or a smaller one would cost more.
#   - **Yes.** With enough rides, two terms keep each other honest: a small $\sigma$ pays for every error, a large one pays $s$.
# - C: Too large: a wide band can never be wrong.
#   - It pays for its width: the NLL of every ride contains $s$.

# %%
km, minutes = worlds.rides(500, runtime.rng(5))
losses = {  # of an observed value and a network's outputs
    1: lambda x, out: gaussian_nll(x, out[:, 0], 1.0),
    2: lambda x, out: gaussian_nll(x, out[:, 0], out[:, 1]),
}
one, own = [networks.fit(losses[k], km, minutes, k, runtime.rng(6)) for k in (1, 2)]
log_std = 0.5 * np.log(((minutes - one(km)[:, 0]) ** 2).mean())  # now σ² = MSE
models = {
    "one σ for all": lambda km: (one(km)[:, 0], log_std + 0 * km),
    "a σ for each ride": lambda km: own(km).T,
}
fig = drawing.bands(km, minutes, models)

# %%
km_new, minutes_new = worlds.rides(5000, runtime.rng(7))
nats = {}
for name, model in (models | {"the truth": worlds.truth}).items():
    mu, log_sigma = model(km_new)  # (5000,) each
    nats[name] = gaussian_nll(minutes_new, mu, log_sigma).mean()
    covered = np.abs(minutes_new - mu) < 2 * np.exp(log_sigma)  # 95% of a Gaussian
    short, long = covered[km_new < 4].mean(), covered[km_new > 8].mean()
    print(f"{name}: {nats[name]:.2f} nats per new ride")
    print(f"    its band of ±2σ holds {short:.0%} of short rides and {long:.0%} of long ones")
saved = nats["one σ for all"] - nats["a σ for each ride"]

# %% [markdown]
# The band of the second network holds about 95% of new rides, short or long, as a Gaussian should: at each distance the best
# $\sigma^2$ is the mean squared error *there*. One $\sigma$ for all is too cautious on short rides and overconfident on long
# ones. The better assumption saves about ${{02.sigma.saved:.1f}}$ nats per new ride, nearly as much as the true $\mu$ and
# $\sigma$ would. Most of that is in $\sigma$: the first network's mean is about a minute too high on the shortest rides, but
# that costs little.
#
# This $\sigma$ describes the noise *in the data* (**aleatoric uncertainty**), and says nothing about rides longer than any in
# the training set. It also needs enough rides. With 50 instead of 500, the second network does worse than the first more
# often than not; in roughly one of seven such training sets its $\sigma$ almost vanishes at some distance, and the average
# new ride costs more than 40 nats.

# %% [markdown]
# > **A good place to stop.** You can now split a cross-entropy into entropy and KL, and derive a loss from an assumption.

# %% [markdown]
# ## Logits: where a loss goes flat
#
# **Third, a Bernoulli distribution.** Will the ride take more than 20 minutes? The parameter is a probability $\theta$, but a
# network outputs any real number $z$. The usual bridge is the **sigmoid**, written $\sigma(z)$ with parentheses:
#
# $$ \theta = \sigma(z) = \frac{1}{1 + e^{-z}}, \qquad z = \log\frac{\theta}{1-\theta} $$
#
# $z$ is called the **logit**: 0 for $\theta = \tfrac12$, large for a confident yes, far below 0 for a confident no. The NLL
# of a target $t$, 1 for yes and 0 for no, is the **binary cross-entropy**, BCE:
#
# $$ -t\log\sigma(z) - (1-t)\log(1-\sigma(z)) $$
#
# **Predict.** A network is confident of yes, $z = 40$, but the ride was short, $t = 0$. The exact loss is 40 nats. What does
# NumPy return for $-\log(1 - \sigma(40))$?
#
# - A: 40, except for rounding in the last digits.
#   - That would take 18 decimals; a 64-bit float has about 16.
# - B: A wrong but finite number.
#   - Clipping the probability would give one. So does this formula at $z = 36$, but no longer at 37.
# - C: Infinity.
#   - **Yes.** $\sigma(40)$ differs from 1 by $4\cdot10^{-18}$, too little for a 64-bit float. So $1 - \sigma(40)$ is 0.


# %% tags=["nbval-check-output"]
def clipped_nll(z):
    """Loss of a no, from a probability that is kept away from 0 and 1."""
    return -np.log(1 - np.clip(expit(z), 1e-7, 1 - 1e-7))  # expit is SciPy's sigmoid


for z in (5.0, 20.0, 40.0):
    with np.errstate(divide="ignore"):
        literal = -np.log(1 - expit(z))
    derivative = (clipped_nll(z + 0.01) - clipped_nll(z - 0.01)) / 0.02
    print(f"z = {z:4.1f}: as written {literal:8.5f}")
    print(f"          clipped    {clipped_nll(z):8.5f}, with derivative {derivative:.5f}")

# %% [markdown]
# Clipping the probability, the popular fix, is worse than it looks: the loss stays finite but goes flat (it *saturates*).
# Where a network is confident and wrong, and correction matters most, the gradient is 0.
#
# The way out is to stay in logarithms. Since $1 - \sigma(z) = \sigma(-z)$, only $\log\sigma$ is needed, and libraries compute
# it, or the whole loss, directly from the logit: SciPy's `log_expit`, PyTorch's `binary_cross_entropy_with_logits`. Studio
# section D builds it.
#
# For one of $K$ classes, the recipe gives the cross-entropy with a **one-hot** $y$: 1 for the class that happened, 0 for the
# others. PyTorch's `cross_entropy` also expects logits.

# %%
z = np.linspace(-10, 40, 501)
fig = drawing.logits(z, {"exact": -log_expit(-z), "clipped": clipped_nll(z)})

# %% [markdown]
# The derivative of the exact loss rises to 1 and stays there, however wrong the network is.

# %% [markdown]
# ## Who is compared with whom?
#
# **Debug a claim.** It is often said that cross-entropy and squared error measure the difference between *generated* and
# *real* data, and that training a generator makes this difference small. Take it literally. The data are values around $-2$
# and around $2$. The generator turns a random number $z$, uniform in $[0, 1]$, into $g(z)$, a curve through 12 points with
# learned heights. We pair the first generated value with the first real one, and so on, and minimize the squared error.
# (`np.linalg.lstsq` finds the best heights exactly: no optimizer is to blame.)
#
# **Predict.** What does the trained generator produce?
#
# - A: Both modes, around $-2$ and around $2$.
#   - A generated 2 is as likely to be compared with a $-2$ as with a 2.
# - B: One of the two modes.
#   - Half of the real values would be 4 away. The middle is a better guess.
# - C: Values around 0, halfway between the modes.
#   - **Yes.** If you do not know what you will be compared with, the best guess under squared error is the mean.


# %%
def train_generator(z, x):
    """Heights of the curve with the smallest squared error. (n,), (n,) -> (12,)"""
    return np.linalg.lstsq(worlds.tents(z), x, rcond=None)[0]


rng, n = runtime.rng(1), 20_000
mode = sample_categorical(np.array([0.5, 0.5]), n, rng)  # (20000,): 0 or 1
x_real = np.array([-2, 2])[mode] + 0.3 * rng.normal(size=n)  # (20000,)
z_train, z_new = rng.random(n), rng.random(n)  # (20000,) each
heights = train_generator(z_train, x_real)  # (12,)
x_unpaired = worlds.tents(z_new) @ heights  # (20000,)
loss = ((worlds.tents(z_train) @ heights - x_real) ** 2).mean()
print(f"data:      mean {x_real.mean():6.3f}, standard deviation {x_real.std():.3f}")
print(f"generated: mean {x_unpaired.mean():6.3f}, standard deviation {x_unpaired.std():.3f}")
print(f"smallest squared error {loss:.2f}; variance of the data {x_real.var():.2f}")

# %% [markdown]
# It produces the *mean* of the data. The mean squared error between $g(z)$ and an unrelated $x$ is
# $\operatorname{Var} x + \operatorname{Var} g + (\text{difference of means})^2$, and the generator cannot change the first
# part: its best choice is a constant, the mean of $x$. With pictures, this mean is the famous blur. The loss is computed
# correctly, between values that have nothing to do with each other.
#
# A loss that compares single values needs *partners*. A prediction has one, the true value; a reconstruction has one, the
# original. A new sample has none, unless you find one for it. (A loss between whole *sets* of values, such as lesson 09's
# energy distance, needs none.) Here you can find one: give the smallest $z$ the smallest $x$, the second smallest $z$ the
# second smallest $x$, and so on.
#
# ### Exercise 2.4 · `pair`
# Fix the training: return the partner of every $z_i$. (`np.argsort(z)` lists which element comes first, second, third. You
# need the opposite: the place of each element.)


# %% tags=["exercise:2.4", "points:3", "minutes:7"]
def pair(z, x):
    """x in a new order: the i-th value has the same rank in x as z[i] has in z.

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
# $z = (0.7, 0.1, 0.4)$ has the ranks $(2, 0, 1)$. With $x = (-3, 5, 1)$, sorted $(-3, 1, 5)$, the partners are $(5, -3,
# 1)$: the largest $z$ gets 5, the smallest $-3$, the middle one 1.
# ---
# `np.argsort(z)` is the order $(1, 2, 0)$: which element comes first, second, third. Its own argsort is $(2, 0, 1)$: the
# place of each element, its rank. The sorted $x$, looked up by rank, are the partners.

# %% [markdown]
# What lies between the claim and the fix? Give a share $s$ of the $z_i$ their right partners and the others random ones.
#
# **Predict.** Half of the pairs are right. What does the generator produce?
#
# - A: Both modes where they belong.
#   - The right half alone would show them. But the random half pulls too, toward the mean of the data.
# - B: Both modes, each pulled halfway to the mean.
#   - **Yes.** At each $z$ the best value is the mean of its partners, half of them right and half random.
# - C: Half of its values in the modes, and half of them at the mean.
#   - The curve has one value for each $z$, and cannot tell which $z$ have the right partner.

# %%
partners = pair(z_train, x_real)  # (20000,): the right ones
luck = runtime.rng(2).random(n)  # (20000,): below the share s, the partner is the right one
curves = []
for s in np.linspace(0, 1, 11):
    heights = train_generator(z_train, np.where(luck < s, partners, x_real))  # (12,)
    curves.append((heights, worlds.tents(z_new) @ heights))
x_half, x_paired = curves[5][1], curves[10][1]
explorables.pairs(z_train, partners, x_real, luck, curves)

# %% [markdown]
# At each $z$ the squared error is smallest at the *mean* of its partners: the right one, $x(z)$, with probability $s$, and
# otherwise a random one, whose mean is $\bar x$. So $g(z) = s\,x(z) + (1 - s)\,\bar x$, and the standard deviation is $s$
# times that of the data.
#
# Move the share to 1, and the generator is fixed. The loss and the kind of curve are the same; only who is compared with whom
# has changed. (One value in twenty is between the modes: a curve cannot jump.) Sorting is **optimal transport** in one
# dimension; pictures have no order. The four families in this course answer one question, *who is my partner?*, in four ways:
#
# - **Autoregressive models** (below, and lesson 08): each pixel or word is predicted from those before it.
# - **Variational autoencoders**, VAEs (lesson 04): an encoder proposes a $z$ for every picture.
# - **Generative adversarial networks**, GANs (lesson 06): nobody has a partner; a second network judges the samples.
# - **Diffusion models** (lesson 09): every picture is the partner of its own noisy copy.

# %% [markdown]
# ## A better generator, chosen by likelihood
#
# Read a digit line by line, as you read a page, and predict each pixel from those *already read*. This loses nothing, by the
# **chain rule of probability**, $p(x, y) = p(y)\,p(x \mid y)$ applied pixel after pixel:
#
# $$ p(x) = \prod_{d=1}^{784} p(x_d \mid x_1, \dots, x_{d-1}), \qquad -\log p(x) = \sum_d -\log p(x_d \mid \text{before}) $$
#
# A model of this form is an **autoregressive model**. Ours looks only at the $k$ nearest pixels already read (rows plus
# columns away), which show one of $2^k$ patterns. Each pixel has a probability of ink for each pattern: how often it was ink
# after this pattern in the training set, with the additive smoothing of Exercise 1.3. We choose $k$ on a validation set, half
# of lesson 01's test digits, and keep the other half for the end.

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
# On training digits the NLL falls all the way; on new digits it turns back up. With more neighbors, a new digit meets more
# patterns that hardly any training digit showed at their pixel; after none, the table says "one half". This is
# **overfitting**, and only data that the table has not counted can show it.

# %%
fig = plots.rows(
    {f"{k} neighbors": tables.sample(thetas[k], k, 20, runtime.rng(3)) for k in (0, 2, 6, 9, 12)}
    | {"real": x_val[:20]},
    columns=20,
    alt="None: specks. Two: ragged blobs. Six: pen strokes. Nine, twelve: ever more noise.",
)

# %% [markdown]
# Six neighbors give strokes that turn corners. With nine, half of the samples have a patch of noise, with twelve nearly all:
# after one pattern that had never been seen at its pixel came another, and another. There is a better answer than "one half":
# what that pattern leads to *anywhere* in the picture. Smoothing toward a coarser estimate is called interpolation or,
# loosely, **back-off**.

# %%
rivals = {("counted", best_k): thetas[best_k]}
for k in (best_k, 12):  # the weight of 3 below is a guess: try others, on x_val
    seen, inked = tables.count(x_train, k)  # (2^k, 28, 28) each
    anywhere = (inked.sum((1, 2)) + 1) / (seen.sum((1, 2)) + 2)  # (2^k,)
    rivals["back-off", k] = (inked + 3 * anywhere[:, None, None]) / (seen + 3)  # (2^k, 28, 28)
nats = {}
for (name, k), theta in rivals.items():
    on_val, on_test = (pixel_nll(x, theta, k).sum((1, 2)) for x in (x_val, x_test))  # (500,) each
    print(f"{k:>2} neighbors, {name:<8}  validation {on_val.mean():.1f}, test {on_test.mean():.1f}")
    nats[name, k] = on_test
gain = nats["counted", best_k] - nats["back-off", 12]
print(f"nats saved per test digit: {gain.mean():.1f}, standard error {gain.std() / 500**0.5:.1f}")
theta_12 = rivals["back-off", 12]
drawn = tables.sample(theta_12, 12, 500, runtime.rng(3))
for name, x in {"as drawn": drawn, "filtered": median_filter(drawn, (1, 3, 3))}.items():
    covered = coverage(x_val.reshape(500, 784), x.reshape(500, 784))
    print(f"500 samples, {name}, cover {covered:.0%} of the validation digits")
fig = plots.rows(
    {"12 neighbors with back-off": drawn[:20], "real": x_test[:20]},
    alt="Above: mostly clean pen strokes, a few of them digits. Below: real digits.",
)

# %% [markdown]
# About half of the saving comes from back-off itself, half from the neighbors that it makes affordable. (The *standard error*
# is how far such a mean is typically off.)
#
# Most strokes are clean. But are these digits? Some are. Most are letters of a script that nobody reads. Lesson 01's mixture
# needed {{01.nats.mixture:.0f}} nats, yet its filtered samples covered {{01.coverage.filtered:.0%}} of the digits. These
# cover about half. How can the NLL be so good?

# %%
all_nats = pixel_nll(x_test, theta_12, 12)  # (500, 28, 28)
all_counted = pixel_nll(x_test, thetas[best_k], best_k)  # (500, 28, 28)
print(f"nats per digit, {best_k} neighbors -> back-off, by the four pixels read around a pixel")
for name, here in tables.surroundings(x_test).items():  # (500, 28, 28) of True and False
    before, after = [each[here].sum() / 500 for each in (all_counted, all_nats)]
    print(f"{name:<30} {here.mean():5.1%} of pixels: {before:4.1f} -> {after:4.1f}")
fig = drawing.where_the_nats_are(x_test[1:9], all_nats[1:9])

# %% [markdown]
# Two thirds of the nats are spent along the borders of strokes, where the four pixels differ, and there back-off saves most.
# A quarter is spent on fewer than one pixel in a hundred, where a stroke or a hole begins or ends unannounced. There it
# saves nothing. So good pen strokes alone can earn a good NLL.
#
# **Predict.** Spoil it on purpose: 19 samples out of 20 are pure noise, 784 tosses of a fair coin; one comes from the model
# with back-off. What is the NLL of new digits under this mixture?
#
# - A: About 520 nats: 19 parts noise, at 543 nats per digit, and one part model.
#   - That averages logarithms. A mixture averages *probabilities*; the logarithm comes afterward.
# - B: About 20 times that of the model alone.
#   - It is the probability that shrinks by a factor of 20. The logarithm turns a factor into an added term.
# - C: About 3 nats more than that of the model alone.
#   - **Yes.** At worst the probability falls to a twentieth, and $\log 20 = 3.0$.

# %%
model, noise = all_nats.sum((1, 2)), 784 * math.log(2)  # (500,), and the same for every digit
mixture = -np.logaddexp(math.log(1 / 20) - model, math.log(19 / 20) - noise)  # (500,)
rng = runtime.rng(4)
spoiled = rng.integers(0, 2, (20, 28, 28))
spoiled[6] = tables.sample(theta_12, 12, 1, rng)[0]  # one in twenty
clean = tables.sample(thetas[6], 6, 20, rng)
clean_nats = pixel_nll(x_test, thetas[6], 6).sum((1, 2))  # (500,)
for k, counted in ((6, clean_nats), (best_k, nats["counted", best_k])):
    gap, error = (counted - mixture).mean(), (counted - mixture).std() / 500**0.5
    print(f"mixture better than {k} neighbors by {gap:.1f} nats, standard error {error:.1f}")
fig = plots.rows(
    {
        f"6 neighbors, counted: {clean_nats.mean():.1f} nats per new digit": clean,
        f"mixture: {mixture.mean():.1f}, better": spoiled,
    },
    columns=20,
    alt="Above: pen strokes. Below, with the smaller NLL: 19 squares of noise, one stroke.",
)

# %% [markdown]
# The mixture beats even the table that validation chose. So likelihood and your eye can disagree, and both can be right (Theis
# et al. 2016). NLL is the forward direction: it punishes a model that finds real digits improbable, and hardly one that adds
# nonsense.

# %% [markdown]
# ## What this run reached
#
# As in lesson 01: a row marked *exact* involves no chance, any other shows the widened range of five runs.

# %%
inside = runtime.reached(
    {
        "02.floor": floor,
        "02.sigma.saved": saved,
        "02.unpaired.spread": x_unpaired.std(),
        "02.half.spread": x_half.std(),
        "02.paired.spread": x_paired.std(),
        "02.nats.tables": nats["counted", best_k].mean(),
        "02.nats.borrow": nats["back-off", 12].mean(),
        "02.coverage.borrow": covered,
    }
)

# %% tags=["solved"]
assert inside
assert abs(floor - 0.325083) < 1e-6 and abs(cross_entropy(y, p) - 0.361773) < 1e-6
assert np.allclose([forward, reverse], [(-0.5, 2.5), (-2.5, 0.5)])
assert abs(mse - 0.02) < 1e-12 and saved > 0.1
assert x_unpaired.std() < 0.10 and abs(x_paired.std() - x_real.std()) < 0.05
assert abs(x_half.std() - x_paired.std() / 2) < 0.05
assert (np.diff(curve["training"]) < 0).all() and after > before  # unannounced changes
assert 4 <= best_k <= 11 and curve["validation"][12] > min(curve["validation"]) + 0.5
assert nats["back-off", 12].mean() < mixture.mean() < nats["counted", best_k].mean()

# %% [markdown]
# That was the core. The studio has four sections, in any order, and no later lesson needs them. [Where we are
# now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Section A · A bit is a bit
#
# Are bits of NLL the same bits that fill a disk? Chemists write molecules as text, and the course has about four thousand of
# them. Give every character a codeword of zeros and ones, short for frequent characters, so that no codeword is a prefix of
# another. Huffman's method finds the best such code: merge the two rarest groups again and again, and make the codewords in
# them one bit longer each time.
#
# **Predict.** Compute the entropy of the characters in bits. How many bits per character will Huffman's code need?
#
# - A: Fewer than the entropy.
#   - Even the best code for single characters cannot beat their entropy.
# - B: Exactly the entropy.
#   - Only where all probabilities are powers of one half.
# - C: Slightly more than the entropy.
#   - **Yes.** Codewords have a whole number of bits, so they cannot fit every probability.


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
# A code *is* a model: a codeword of 3 bits says "I expect this once in $2^3$". The average length is the cross-entropy of the
# text under this model, and what the wrong code wastes is a KL divergence, bit for bit.
#
# So nats per digit, divided by $\log 2$, are the size of a file in bits: a generator with a smaller NLL is a better way to
# *store* new digits. There are two caveats. Huffman's code spends at least one bit on every symbol, 784 on a digit of single
# pixels; reaching the 110 bits of our best model takes a code that can spend less, such as arithmetic coding. And to unpack
# the file you need the model as well.

# %% [markdown] tags=["studio"]
# ### Section B · Which loss when?
#
# Predict one number for all digits: how much ink does a digit have? The best constant depends on the loss, and the loss
# depends on the noise you assume.
#
# **Predict.** Suppose 40 of the 4,000 digits are scanned badly and come out all black. Which best constant moves more?
#
# - A: That of the squared error.
#   - **Yes.** Squared error is smallest at the mean, and a few values far off drag the mean along.
# - B: That of the absolute error.
#   - It is smallest at the median, which counts how many values lie above it, not how far above.
# - C: Both move by the same amount.
#   - Both losses see the same 40 digits. To squared error it matters how *far* they have moved.

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
# Up to constants, absolute error is the NLL under the **Laplace distribution**, $p(x) \propto e^{-|x - \mu|/b}$, whose tails
# are heavier than a Gaussian's: it expects a wild value now and then.
#
# The last line shows what a $\sigma$ for each value buys: the sum of two NLLs trusts each scale in proportion to
# $1/\sigma^2$. A plain squared error would have trusted both equally.
#
# | you predict | and assume | so the loss is |
# |---|---|---|
# | a number, with the same noise everywhere | a Gaussian with one $\sigma$ | squared error |
# | a number, with a wild value now and then | a Laplace distribution | absolute error |
# | a number, and its uncertainty | a Gaussian with its own $\sigma$ | Exercise 2.3 |
# | yes or no, ink or paper | a Bernoulli distribution | binary cross-entropy, from logits |
# | one of $K$ classes | a categorical distribution | cross-entropy |

# %% [markdown] tags=["studio"]
# ### Section C · Soft labels, by hand
#
# The town of the core had $y = (0.9, 0.1)$, not $(1, 0)$. Used as a label, this is a **soft label**: the first class is right
# in nine such cases out of ten. (A *hard* label is one-hot.) Take a network with logits $z$ and probabilities
# $p_k = e^{z_k} / \sum_j e^{z_j}$, the **softmax**.
#
# **Predict.** The network says $p = (0.99, 0.01)$ and the label is $(0.9, 0.1)$. To make the cross-entropy smaller, must
# the first logit go up, go down, or stay?
#
# - A: Up: the first class is usually right.
#   - That is what a hard label would ask for, however confident the network is already.
# - B: Down: the network is too confident.
#   - **Yes.** The derivative with respect to this logit is $p_1 - y_1 = 0.09$, so a smaller logit costs less.
# - C: It can stay where it is: the network's choice is already right.
#   - Cross-entropy scores the probability, not the choice.


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
# The derivative is $p - y$, whatever the label. Where no hard label contradicts another, it stays negative for the right class,
# and training pushes the logits apart forever. That is why hard labels are sometimes softened on purpose: **label
# smoothing** spreads a share of the label, often $0.1$, evenly over all $K$ classes, the right one included (Szegedy et al.
# 2016).

# %% [markdown] tags=["studio"]
# ### Section D · Logits, exact everywhere
#
# In the core, SciPy computed $\log\sigma(z)$. Now compute the whole loss yourself. For a no, $-\log(1-\sigma(z)) = \log(1 +
# e^z)$; for a yes, $-\log\sigma(z) = \log(1 + e^{-z})$. Where the exponent is large and positive, take it out of the
# logarithm: $\log(1 + e^a) = a + \log(1 + e^{-a})$.
#
# ### Exercise 2.5 · `bce_logits`
# Binary cross-entropy from logits for every pixel, exact for any $z$. Targets may lie between 0 and 1 (gray pixels). NumPy's
# `np.log1p(u)` is $\log(1+u)$, accurate even for tiny $u$.


# %% tags=["studio", "exercise:2.5", "points:4", "minutes:13"]
def bce_logits(z, t):
    """NLL of targets t in [0, 1] under Bernoulli logits z, in nats. (...), (...) -> (...)"""
    # BEGIN SOLUTION
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))
    # END SOLUTION


# %% tags=["studio", "check:2.5"]
bce_logits = check("2.5", bce_logits)

# %% [markdown] tags=["studio", "help:2.5"]
# Write $\log\sigma(z)$ and $\log(1-\sigma(z))$ with $\log(1+e^{-z})$ and $\log(1+e^{z})$. What is the difference between the
# two? And how do you keep the exponent from being positive?
# ---
# $z = 2$, $t = 1$: $\log(1 + e^{-2}) = 0.1269$. $z = 2$, $t = 0$: $\log(1+e^{2}) = 2 + \log(1+e^{-2}) = 2.1269$. In
# general the two differ by $z$, so the value is $\log(1+e^{z}) - t z$. For $z = 100$, $t = 0$: $100 + \log(1 + e^{-100})$,
# which is 100.
# ---
# $\log(1+e^z) = \max(z, 0) + \log(1 + e^{-|z|})$ holds for both signs of $z$, and its exponent is never positive. Subtract
# $z t$. The derivative with respect to $z$ is $\sigma(z) - t$, whatever the size of $z$: the error itself.

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
# - derive a loss with the recipe, and let a network predict its own uncertainty;
# - see where a loss goes flat, and compute it from logits instead;
# - ask of any loss what it compares with what, and say what a generator's NLL cannot see.
#
# **Read on.**
# Shannon 1948, *A Mathematical Theory of Communication*: entropy and codes, from the source.
# Kullback & Leibler 1951, *On Information and Sufficiency*: the divergence.
# Nix & Weigend 1994, *Estimating the Mean and Variance of the Target Probability Distribution*: two outputs.
# Prince 2023, *Understanding Deep Learning*, chapter 5: the recipe, for more distributions.
# Theis, van den Oord & Bethge 2016, *A Note on the Evaluation of Generative Models*: why samples and likelihood can disagree.
#
# **Next.** `networks.fit` was a black box. Lesson 03 opens it, and you write the optimizer.
