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
# - tell probability *mass* from probability *density*, and check that either is normalized;
# - fit a model to data by *maximum likelihood*, and *sample* from it;
# - say what makes a model *generative* rather than *discriminative*;
# - test a generator in four ways: likely, new, complete, good to look at.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import math

import numpy as np
from scipy import integrate
from scipy.ndimage import median_filter
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from course_utils import audio, check, data, plots, pretrained, progress, runtime
from course_utils.lesson01 import drawing, explorables

device = runtime.setup(seed=0)

# %% [markdown]
# ## Look and listen first
#
# The course has two small models, trained on handwritten digits and on J. S. Bach's four-part chorales. Ask both for something
# new. (The chorale is the best of 32.)

# %%
drawn = pretrained.digits(40, runtime.rng(0))  # (40, 28, 28)
plots.images(drawn, columns=20, alt="Forty digits drawn by a model; most are easy to read.")
# %%
notes, onsets = pretrained.chorale(4, runtime.rng(0), with_onsets=True)  # (64, 4) each
plots.piano_roll(notes, onsets, alt="Four voices over four bars, moving mostly by small steps.")
audio.player(notes, onsets=onsets, alt="Four bars in four voices, played on a small organ.")

# %% [markdown]
# **Write it down.** How would you decide whether the digit model is *good*? "Its digits look real" is a start, but a
# program that hands out photocopies of its training data passes that test too.
#
# By the end of this lesson you will have four tests, three of them numbers. They rest on one old idea: a model of data is a
# probability distribution. In principle it says how likely every possible image is (not every model can tell you the number),
# and you can sample from it. A **generative model** is such a distribution, learned from examples. *Generative AI* is what
# you get when the data are texts, images or sound. The mathematics describes the distribution (this lesson), finds the best
# one (02 and 03), and judges the result (every lesson).

# %% [markdown]
# ## Mass and density
#
# A **random variable** is a quantity whose value depends on chance, such as the roll of a die. Each of the die's six values
# has a probability, called its **mass**. Masses lie between 0 and 1 and add up to 1.
#
# A person's height is a random variable too, but each exact value has probability zero. So we count the share of people
# in each *bin*, a small range of values.
#
# **Predict.** Adults are $1.7$ m tall on average, and two thirds of them are within $0.1$ m of that. Draw a histogram in
# meters, with narrow bins, so that the *area* of each bar is the share of people in its bin. How high is the highest bar?
#
# - A: close to 0
#   - The share is close to 0, because few people fall into so narrow a bin. The height is the share divided by
#     the width.
# - B: a few tenths
#   - Only areas are probabilities here. A height may exceed 1.
# - C: between 1 and 10
#   - **Yes.** Two thirds of the people in a range of $0.2$ m make $3.3$ per meter. The peak is a little higher.
# - D: above 10, and the narrower the bins, the higher
#   - A bin half as wide holds about half as many people, so the height hardly changes.
#
# Then run the cell and **drag the edge** of the middle bin. Try narrow bins with 1,000 (simulated) people, and with a million.

# %%
explorables.bins(runtime.rng(3))

# %% [markdown]
# As the bins shrink, each share goes to zero. But share *divided by width* settles, given enough people, and its limit is
# the **density**: probability per unit of length. Per centimeter it is a hundred times lower.
#
# The curve is the best-known of all densities, that of the **normal distribution**, also called **Gaussian**. Its parameters
# are the **mean** $\mu$ and the **variance** $\sigma^2$, the mean squared distance from the mean. The square root of the
# variance, $\sigma$, is the **standard deviation**: two thirds of a Gaussian are within one $\sigma$ of the mean.
#
# $$ p(x \mid \mu, \sigma^2) = \frac{1}{\sqrt{2\pi\sigma^2}} \; e^{-\frac{(x-\mu)^2}{2\sigma^2}} $$
#
# Read $\mid$ as *given*: the density of $x$, given $\mu$ and $\sigma^2$. The distribution is written
# $\mathcal N(\mu, \sigma^2)$.
#
# Every distribution must be **normalized**: masses *sum* to one, and a density encloses an *area* of one. This check exposes
# many wrong formulas.


# %% tags=["nbval-check-output"]
def normal_pdf(x, mu, var):
    """Density of N(mu, var) at x."""
    return np.exp(-((x - mu) ** 2) / (2 * var)) / np.sqrt(2 * np.pi * var)


x = np.linspace(-12, 12, 24_001)  # (24001,) points, 0.001 apart
for var in (4.0, 1.0, 0.01):
    density = normal_pdf(x, 0.0, var)
    area = np.sum(density) * 0.001  # thin strips
    print(f"variance {var:<5g} highest density {density.max():.4f}   area {area:.4f}")

# %% [markdown]
# ## Likelihood: how well does a model explain the data?
#
# Take one number per handwritten digit: the share of the image that is ink, in percent. We learn from 4,000 digits, the
# **training set**. Another 1,000, the **test set**, are set aside to judge the result. (Choices along the way, such as the
# size of a model, need a third part, the **validation set**: see lesson 02.)
#
# Which normal distribution describes the 4,000 numbers best? Take a candidate $\mu$ and $\sigma^2$ and evaluate its
# density at every data point. We treat the digits as independent, and the probabilities of independent events multiply. So
# do densities. The product over all the data is the **likelihood** of the candidate. **Maximum likelihood** picks the
# candidate for which it is largest. A product of 4,000 small numbers **underflows** (is rounded to 0), so we add logarithms
# instead. The result is the **log-likelihood**. With the natural logarithm, its unit is the **nat**.

# %%
digits = data.mnist(numpy=True)  # 4,000 handwritten digits to learn from, 1,000 to test on
x_train = (digits.x_train > 0.5).astype(float).reshape(4000, 784)  # (4000, 784): ink 1, paper 0
x_test = (digits.x_test > 0.5).astype(float).reshape(1000, 784)  # (1000, 784)
ink = 100 * x_train.mean(axis=1)  # (4000,): percent of the image that is ink
plots.images(digits.x_train[:20], columns=20, alt="Twenty handwritten digits.")

# %% [markdown]
# ### Exercise 1.1 · `normal_logpdf`
# Return the logarithm of the normal density. Work it out on paper first. You need no `np.exp`, and without it nothing
# underflows, however far $x$ is from the mean.


# %% tags=["exercise:1.1", "points:4", "minutes:10"]
def normal_logpdf(x, mu, var):
    """log N(x; mu, var) at each x. x: number or array (...), mu and var: numbers -> like x"""
    # BEGIN SOLUTION
    return -0.5 * np.log(2 * np.pi * var) - (x - mu) ** 2 / (2 * var)
    # END SOLUTION


# %% tags=["check:1.1"]
normal_logpdf = check("1.1", normal_logpdf)

# %% [markdown] tags=["help:1.1"]
# The density is a product of two factors: a number in front, and an exponential. What does the logarithm do to a product,
# to a square root, and to $e^a$?
# ---
# Take $\mu = 10$, $\sigma^2 = 4$ and $x = 12$. The factor in front is $1/\sqrt{2\pi\cdot 4} = 1/5.013$, and its logarithm
# is $-1.612$. The exponent is $-(12-10)^2/(2\cdot 4) = -0.5$. Together they give $-2.112$. At $x = 10$ the exponent is 0
# and $-1.612$ remains.
# ---
# The logarithm turns the product into a sum and undoes the exponential:
# $\log p = -\tfrac12 \log(2\pi\sigma^2) - (x-\mu)^2 / (2\sigma^2)$. At 80 standard deviations from the mean the density is
# about $10^{-1390}$, which no 64-bit float can hold. Its logarithm is about $-3200$.

# %% tags=["nbval-check-output"]
print(f"density of N(10, 4) at its mean: {np.exp(normal_logpdf(10, 10, 4)):.5f}")
print(f"log-density 80 standard deviations away: {normal_logpdf(170, 10, 4):.1f}")

# %% [markdown]
# **Fit by hand.** Drag the dot on the right until the Gaussian on the left explains the ink best. Every point on the right is a
# candidate, and brighter means a higher likelihood.

# %%
explorables.fit(ink)

# %% [markdown]
# There is one maximum. Setting the derivatives to zero finds it without dragging: the best $\mu$ is the mean of the data, and
# the best $\sigma^2$ is their variance. A small step in any direction lowers the log-likelihood:

# %% tags=["nbval-check-output"]
mu, var = ink.mean(), ink.var()
best = normal_logpdf(ink, mu, var).mean()
print(f"mean {mu:.2f}, standard deviation {var**0.5:.2f}: {best:.3f} nats per digit")
steps = ((0.1, 0), (-0.1, 0), (0, 0.5), (0, -0.5))
lower = [best - normal_logpdf(ink, mu + d_mu, var + d_var).mean() for d_mu, d_var in steps]
print("four small steps away, lower by", np.round(lower, 6))

# %% [markdown]
# "Describe the data" has become "maximize one number". Most models in this course are fitted this way, or with a stand-in for
# the likelihood.

# %% [markdown]
# ## Sampling: from a distribution back to data
#
# Fitting went from data to a distribution. Generating goes back. Take a **categorical distribution**: three possible values,
# the *categories* 0, 1 and 2, with probabilities $\theta = (0.1, 0.2, 0.7)$. A computer's random numbers are uniform between
# 0 and 1. How do they become category 2 in seven cases out of ten?
#
# Lay the probabilities side by side. They fill a strip of length one. Throw a dart at it: the probability of hitting a piece
# is the length of that piece.

# %%
theta = np.array([0.1, 0.2, 0.7])  # (3,)
plots.strip(theta, dart=0.45, alt="A strip in pieces of 0.1, 0.2 and 0.7; a dart hits the third.")

# %% [markdown]
# The right ends of the pieces are the running sums of the probabilities, the **cumulative distribution function** (CDF).
# Looking up which piece a uniform number hits is **inverse-CDF sampling**. It works for densities too.
#
# ### Exercise 1.2 · `sample_categorical`
# Draw `n` samples. Categories are numbered from 0. All randomness must come from `rng`, a NumPy generator, so that the result
# can be reproduced: `rng.random(n)` gives `n` uniform numbers. (`rng.choice` does the whole job. Here you write it yourself.)


# %% tags=["exercise:1.2", "points:4", "minutes:12"]
def sample_categorical(theta, n, rng):
    """n independent draws from 0..K-1 with probabilities theta. theta: (K,) -> integers (n,)"""
    # BEGIN SOLUTION
    u = rng.random(n)  # (n,) uniform numbers
    k = np.searchsorted(np.cumsum(theta), u, side="right")  # (n,) edges at or below each of them
    return np.minimum(k, len(theta) - 1)  # rounding may leave the last edge a hair below 1
    # END SOLUTION


# %% tags=["check:1.2"]
sample_categorical = check("1.2", sample_categorical)

# %% [markdown] tags=["help:1.2"]
# A dart lands at $u$. What must be true of the running sum of $\theta$ on the left and on the right of the piece it hits?
# ---
# With $\theta = (0.1, 0.2, 0.7)$ the running sum is $(0.1, 0.3, 1.0)$. The dart $u = 0.45$ is greater than $0.1$ and
# greater than $0.3$, but not greater than $1.0$. Two edges lie to its left, so the category is 2. A dart at $0.05$ has
# no edge to its left, so the category is 0.
# ---
# `np.cumsum` gives the right edges, and `np.searchsorted` counts for each uniform number how many of them lie to its left.
# That count is the category.

# %% tags=["nbval-check-output"]
draws = sample_categorical(theta, 100_000, runtime.rng(1))  # (100000,)
print("asked for", theta, " got", np.round(np.bincount(draws, minlength=3) / 100_000, 2))

# %% [markdown]
# Why leave it to chance? There is a tempting *shortcut*: always return the most probable category, which is the best single
# guess. But a digit generator built on this shortcut would draw the same image forever. A generator must also draw unlikely
# values, in proportion to their probability.

# %% [markdown]
# > **A good place to stop.** You can now tell mass from density, fit by likelihood, and sample. When you come back, run
# > all cells above once (*Run → Run All Above Selected Cell*). The next cell continues with images.

# %% [markdown]
# ## One probability per pixel: a first generator of digits
#
# An image of 784 pixels, each ink or paper, has $2^{784}$ possible values, and nobody can list that many masses. So we make a
# bold assumption: *the pixels are independent*, like 784 coins tossed separately.
#
# A random variable that is 1 (ink) with probability $\theta$ and 0 (paper) otherwise has a **Bernoulli distribution**. Its
# mass is $\theta^x (1-\theta)^{1-x}$: put in $x = 1$, then $x = 0$. For a fair coin, $\theta = 0.5$. Give each pixel $d$
# its own $\theta_d$. Independent masses multiply, so their logarithms add:
#
# $$ \log p(x \mid \theta) = \sum_{d=1}^{784} \big[\, x_d \log \theta_d + (1 - x_d) \log (1 - \theta_d) \,\big] $$
#
# The likelihood is largest when $\theta_d$ is the share of the $N$ training digits that have ink at pixel $d$. But a pixel
# that never had ink gets $\theta_d = 0$, and a new digit with a speck of ink there is declared impossible. This happens to
# nine of our 1,000 test digits. **Additive smoothing**, also called **Laplace smoothing**, prevents this. It pretends that we
# have seen a few more images, $s$ that are all ink and $s$ that are all paper.
#
# ### Exercise 1.3 · `fit_bernoulli`
# Return the share of ink at each pixel once these $2s$ imaginary images have joined the real ones.


# %% tags=["exercise:1.3", "points:4", "minutes:6"]
def fit_bernoulli(x, smoothing):
    """Share of ink per pixel, with `smoothing` extra images all ink and as many all paper.

    x: (N, D) of 0/1, smoothing: number -> (D,)
    """
    # BEGIN SOLUTION
    return (x.sum(axis=0) + smoothing) / (len(x) + 2 * smoothing)  # (D,)
    # END SOLUTION


# %% tags=["check:1.3"]
fit_bernoulli = check("1.3", fit_bernoulli)

# %% [markdown] tags=["help:1.3"]
# You have a table with one row per image and one column per pixel. Along which axis do you count? And how many images does
# the denominator count once the imaginary ones have joined?
# ---
# Take three images and $s = 1$. A pixel that had ink once gets $(1+1)/(3+2) = 0.4$. One that never had ink gets
# $(0+1)/(3+2) = 0.2$ instead of 0. One that always had ink gets $0.8$ instead of 1.
# ---
# The $s$ images of ink join the count in the numerator, and all $2s$ join the $N$ in the denominator:
# $\theta_d = (\text{inked}_d + s) / (N + 2s)$. Every $\theta_d$ now lies strictly between 0 and 1, so nothing is impossible.

# %% [markdown]
# **Predict.** Now sample new digits from this model, pixel by pixel, each with its own $\theta_d$. What will they look like?
#
# - A: scattered dots, no strokes
#   - **Yes.** Each pixel has ink as often as it should, and takes no notice of its neighbors.
# - B: blurred digits
#   - That is θ itself, the gray average of all digits. A sample is black and white.
# - C: digits with some wrong pixels
#   - Then the model would have to know that next to ink there is usually more ink.

# %%
theta_one = fit_bernoulli(x_train, smoothing=1.0)  # (784,)
x_one = (runtime.rng(3).random((20, 784)) < theta_one).astype(float)  # (20, 784): ink where u < θ

plots.rows(
    {"samples of independent pixels": x_one, "real digits, black and white": x_test[:20]},
    alt="Above: twenty clouds of dots without strokes. Below: twenty real digits.",
)

# %% [markdown]
# The model knows *where* ink tends to be, and nothing about *what goes together*.
#
# How bad is it, as a number? Average the log-probabilities that the model gives to the 1,000 test digits, and flip the sign.
# This is the **negative log-likelihood** (NLL), in **nats per digit**; lower is better. (These nats come from masses. The
# nats of the ink came from a density and depend on the unit. Never compare the two.)


# %% tags=["export"]
def log_bernoulli(x, theta):
    """log p(x | θ) of each image. (N, D), theta (D,) -> (N,); K models at once: (K, D) -> (N, K)"""
    theta = np.asarray(theta)
    # x log θ + (1 - x) log(1 - θ), rearranged so that it takes one matrix product
    return x @ np.log(theta / (1 - theta)).T + np.log(1 - theta).sum(axis=-1)


# %% tags=["nbval-check-output"]
uniform_nats = -log_bernoulli(x_test, np.full(784, 0.5)).mean()
bernoulli_nats = -log_bernoulli(x_test, theta_one).mean()
print(f"knows nothing, every pixel a fair coin: {uniform_nats:.0f} nats per digit")
print(f"one probability per pixel: {bernoulli_nats:.0f} nats per digit")

# %% [markdown]
# ## One model per class: draw, and classify
#
# A 1 and an 8 have their ink in different places. So first draw the class $y$, a numeral from 0 to 9, and then the pixels
# with the probabilities of that class: $p(x, y) = p(y)\,p(x \mid y)$. Here $p(y)$ is the **prior**: what we believe about
# the class before we see the image. `fit_bernoulli` fits each class, and `sample_categorical` draws one.

# %%
class_theta = np.stack([fit_bernoulli(x_train[digits.y_train == y], 1.0) for y in range(10)])
prior = np.bincount(digits.y_train) / 4000  # (10,)

rng = runtime.rng(4)
y_drawn = sample_categorical(prior, 20, rng)  # (20,) first the class
x_class = (rng.random((20, 784)) < class_theta[y_drawn]).astype(float)  # (20, 784) then the pixels

title = f"samples of the classes {' '.join(map(str, y_drawn))}"
plots.rows(
    {"ink probabilities of each class": class_theta, title: x_class},
    alt="Above: ten blurred average digits. Below: twenty noisy samples, some readable.",
)
# %% [markdown]
# The same model answers the opposite question: which class does a given image have? We can also split $p(x, y)$ the other
# way, into $p(x)\,p(y \mid x)$. Setting the two equal gives **Bayes' rule**:
#
# $$ p(y \mid x) = \frac{p(y)\,p(x \mid y)}{p(x)}, \qquad p(x) = \sum_y p(y)\,p(x \mid y) $$
#
# $p(y \mid x)$ is the **posterior**: what we believe about the class after seeing the image. To compute $p(x)$ we must *add*
# probabilities that we have only as logarithms, and $e^{-1000}$ underflows. `logsumexp` returns $\log \sum_k e^{a_k}$ safely,
# by factoring out the largest term first.

# %% tags=["nbval-check-output"]
log_pxy = log_bernoulli(x_test, class_theta) + np.log(prior)  # (1000, 10): log p(x, y)
log_px = logsumexp(log_pxy, axis=1)  # (1000,): log p(x)
posterior = np.exp(log_pxy - log_px[:, None])  # (1000, 10): p(y | x)
class_nats = -log_px.mean()
accuracy = (posterior.argmax(axis=1) == digits.y_test).mean()
print("p(y|x) sums to one over y:", np.allclose(posterior.sum(axis=1), 1))
print(f"test digits classified correctly: {accuracy:.1%}   nats per digit: {class_nats:.0f}")

# %% [markdown]
# A model of the data themselves, $p(x)$ or $p(x, y)$, is **generative**. It can draw, and if it knows about classes, it can
# also classify. (This one is called **naive Bayes**.) A model of $p(y \mid x)$ alone is **discriminative**. It tells a 3
# from an 8 and has no idea how to draw either. Generative does not mean newer, larger, or "a network": this model is a
# table of averages.

# %% [markdown]
# ## A mixture: groups that nobody labeled
#
# Ten classes are too few: there are upright 1s and slanted ones, which the labels do not tell apart. A **mixture** finds such
# groups by itself, without labels (*unsupervised*). It has $K$ **components**, each with its own ink probabilities $\theta_k$
# and a weight $\pi_k$:
#
# $$ p(x) = \sum_{k=1}^{K} \pi_k \; p(x \mid \theta_k) $$
#
# **Expectation-maximization** (EM) fits it by repeating two steps you already know. *E-step*: by Bayes' rule, compute the
# posterior of the components for each digit, called their **responsibilities**. *M-step*: refit each weight, and each $\theta$
# as in Exercise 1.3, with digits weighted by responsibility. Without smoothing, the likelihood never falls from one round to
# the next (Dempster, Laird & Rubin 1977). We use 60 components and start from 60 random training digits, faded to gray. Do
# other starting digits lead to another model? We fit three times.


# %% tags=["export"]
def fit_mixture(x, K, steps, rng, smoothing=0.1):
    """Mixture of K Bernoulli models by expectation-maximization (Bishop 2006, section 9.3.3).

    x: (N, D) of 0/1 -> pi (K,), theta (K, D), average log-likelihood before each refit (steps,).
    Randomness: `rng` picks K images to start from.
    """
    pi, history = np.full(K, 1 / K), []
    theta = 0.25 + 0.5 * x[rng.choice(len(x), K, replace=False)]  # (K, D): ¼ or ¾
    for _ in range(steps):
        log_pxk = log_bernoulli(x, theta) + np.log(pi)  # (N, K): log p(x, k)
        log_px = logsumexp(log_pxk, axis=1, keepdims=True)  # (N, 1)
        resp = np.exp(log_pxk - log_px)  # (N, K): E-step, rows sum to 1
        size = resp.sum(axis=0)  # (K,)
        pi = (size + smoothing) / (size + smoothing).sum()  # (K,): M-step
        theta = (resp.T @ x + smoothing) / (size[:, None] + 2 * smoothing)  # (K, D): M-step
        history.append(log_px.mean())
    return pi, theta, np.array(history)


# %%
rounds = runtime.budget(smoke=5, cpu=25)
mixtures = [fit_mixture(x_train, 60, rounds, runtime.rng(seed)) for seed in (5, 50, 51)]
pi, theta_mix, history = mixtures[0]
drawing.fits(mixtures)

# %% [markdown]
# The three log-likelihoods are nearly equal, but the models differ. Only about two thirds of the components of the first fit
# (top row) show the same numeral as their matches in both others. A mixture's likelihood has many **local maxima**, points that
# no small change improves. EM climbs toward one of them, and the start decides which. Nobody told it what a 7 is, and yet it
# found more than one way to write it. To sample, draw the component first, then the pixels.


# %% tags=["export"]
def sample_mixture(pi, theta, n, rng):
    """n images from a Bernoulli mixture. pi: (K,), theta: (K, D) -> (n, D)"""
    k = sample_categorical(pi, n, rng)  # (n,) first the component
    return (rng.random((n, theta.shape[1])) < theta[k]).astype(float)  # (n, D) then the pixels


# %%
x_mix = sample_mixture(pi, theta_mix, 500, runtime.rng(6))  # (500, 784)
drawing.samples(x_one, x_class, x_mix[:20], x_test[:20])
# %%
mixture_nats = -logsumexp(log_bernoulli(x_test, theta_mix) + np.log(pi), axis=1).mean()
drawing.nats(uniform_nats, bernoulli_nats, class_nats, mixture_nats)

# %% [markdown]
# The first model knows where the ink tends to be, the second that ten kinds of digits differ, the third that sixty do. Each
# time, the NLL on new digits falls. (A mixture of only ten already beats the ten numerals by about five nats.) Here the eye
# agrees with the number. Lesson 02 shows that it need not.

# %% [markdown]
# ## Original, or copied?
#
# **Predict.** Imagine a "generator" that works like a photocopier: it returns one of the 4,000 training digits at random.
# Its images are perfect. What is its NLL on the 1,000 test digits?
#
# - A: log 4000, or about 8 nats per digit
#   - That is its NLL on the training set, where each digit has mass 1/4000. How many test digits are in that set?
# - B: close to that of the mixture
#   - Perfect images do not help here. The NLL asks how much mass the test digits get.
# - C: infinite
#   - **Yes.** All its mass is on training digits. Each test digit gets mass 0, and the logarithm of 0 is −∞.


# %% tags=["export"]
def pixels_apart(x, others):
    """Number of pixels that differ, for every pair. (n, D), (N, D) of 0/1 -> (n, N)"""
    return x.sum(1)[:, None] + others.sum(1) - 2 * x @ others.T  # ink of both, less the overlap


# %%
apart = pixels_apart(x_test, x_train)  # (1000, 4000)
twins = int((apart == 0).any(axis=1).sum())
real_distance = apart.min(axis=1).mean()
print(f"test digits that the photocopier can produce: {twins} of 1,000")
print(f"pixels from a test digit to the nearest training digit: {real_distance:.0f} on average")

smoothed = (2 * x_train + theta_one) / 3  # (4000, 784)
known, copies_nats = [
    -(logsumexp(log_bernoulli(x, smoothed), axis=1) - math.log(4000)).mean()
    for x in (x_train[:500], x_test)
]
print(f"mixture: {-history[-1]:.0f} nats on training digits, {mixture_nats:.0f} on test digits")
print(f"smoothed photocopier: {known:.0f} on training digits, {copies_nats:.0f} on test digits")

# %% [markdown]
# A close look does not expose the photocopier, because its samples *are* real digits. Nor does its likelihood on the training
# set: of all distributions, the photocopier is the one that maximum likelihood would choose. Its likelihood on *new* data does,
# as long as it does nothing but copy.
#
# Smooth it, so that each pixel is copied with probability $2/3$ and otherwise drawn from the model of independent pixels. This
# is a **kernel density estimate**, a mixture with one component per training digit. (The $2/3$ suits training digits best when
# each is left out in turn.) On new digits it beats our mixture of 60 by 2 to 3 nats. Likelihood does not ask whether digits
# were copied. The gap between training and test digits reveals it: about 80 nats here, and 9 for our mixture.
#
# Another test needs no likelihood: how many pixels differ between a sample and the nearest training digit? For new real digits
# it is about {{01.copies.real:.0f}} (the second printed line). A larger distance is no merit: pure noise is farther still. But
# samples that come much closer are suspect: copies, averages, or easy digits such as thin 1s. So count the samples that are
# closer than 95% of the test digits are. The mean alone would hide copies: with 30% copies, our noisy mixture has the mean
# distance of real digits. Large image models have been caught returning training images (Carlini et al. 2023). "Generative"
# does not imply "original".
#
# A generator can also fail the opposite way and leave most digits out, like a *shortcut* that always takes the mixture's
# largest component. To detect this, go from each *test digit* to the nearest sample. The digit is covered if that sample is no
# farther away than the digit's fifth-nearest neighbor among the other test digits. The share of covered digits is called
# **coverage** (Naeem et al. 2020).


# %% tags=["export"]
def coverage(real, samples, k=5):
    """Share of real images with a sample no farther away than their k-th nearest real image."""
    reach = np.sort(pixels_apart(real, real), axis=1)[:, k]  # (n,): place 0 is the image itself
    return (pixels_apart(real, samples).min(axis=1) <= reach).mean()


# %%
top = np.eye(60)[pi.argmax()]  # (60,): the shortcut's weights, 1 for the largest component
opening = (pretrained.digits(500, runtime.rng(8)) > 0.5).astype(float).reshape(500, 784)
copies = x_train[runtime.rng(9).choice(4000, 500)]
sources = {
    "photocopier": copies,
    "smoothed photocopier": sample_mixture(np.full(4000, 1 / 4000), smoothed, 500, runtime.rng(10)),
    "shortcut": sample_mixture(top, theta_mix, 500, runtime.rng(7)),
    "mixture": x_mix,
    "mixture with 30% copies": np.concatenate([x_mix[:350], copies[:150]]),
    "mixture, filtered": median_filter(x_mix.reshape(-1, 28, 28), (1, 3, 3)).reshape(-1, 784),
    "pretrained model": opening,
    "real digits": x_test[500:],
}
near = np.quantile(apart.min(axis=1), 0.05)  # pixels: only 5% of the test digits are closer
close = {name: (pixels_apart(x, x_train).min(axis=1) < near).mean() for name, x in sources.items()}
covered = {name: coverage(x_test[:500], x) for name, x in sources.items()}
drawing.new_and_covered(close, covered)

# %% [markdown]
# - The **photocopier** covers nearly everything and has nothing new.
# - The **smoothed photocopier** passes for new, but its noise costs it coverage.
# - The **shortcut** covers next to nothing: it is one blurred digit, speckled anew each time.
# - The **mixture** draws all ten numerals and yet misses many test digits, because specks, holes and ragged edges keep its
#   samples at a distance. Mixing in **30% copies** *raises* coverage; the left chart shows them.
# - **Filtered** means that each pixel takes the majority of its 3 × 3 neighborhood (a **median filter**). The same samples now
#   cover {{01.coverage.filtered:.0%}}: distance in pixels punishes noise as well as omission. Later lessons compare what a
#   classifier sees.
# - The **pretrained model** covers as many test digits as real digits do. Its samples are a little closer to training digits,
#   about 41 pixels on average instead of {{01.copies.real:.0f}}, partly because we draw with less variety than it learned.
#
# **Fool both charts.** Change the first line below: each image must still be made from one training digit, but at most 5% may
# be very close to one, and together they must cover more than 75% of the test digits.

# %%
mine = copies  # (500, 784)
distance = pixels_apart(mine, x_train).min(axis=1)  # (500,)
print(f"very close to a training digit: {(distance < near).mean():.0%}")
print(f"test digits covered: {coverage(x_test[:500], mine):.0%}")
print(f"pixels to the nearest training digit: {distance.mean():.0f} on average")
plots.images(mine[:20], columns=20, alt="Twenty of your images.")

# %% [markdown]
# <details><summary>What to find</summary>
#
# Move each copy by one pixel: `np.roll(copies.reshape(-1, 28, 28), 1, axis=2).reshape(-1, 784)`. About 1% are very close, more
# than 80% of the test digits are covered, the mean distance is that of new digits, and your eye has no objection. If you also
# try every shift by one pixel, these copies are 0 pixels away and test digits 41. But copies turned by ten degrees pass again.
# A test finds only the copies it looks for.
#
# Or filter the smoothed photocopier, as the cell above filters the mixture. Both charts accept it too, but your eye sees broken
# strokes, and the mean distance drops to 36 pixels.
#
# </details>
#
# Once you have tried, run the next cell. It shows the first answer.

# %% tags=["folded"]
moved = np.roll(copies.reshape(-1, 28, 28), 1, axis=2).reshape(-1, 784)
away = pixels_apart(moved, x_train).min(axis=1).mean()
title = f"moved by one pixel: on average {away:.0f} pixels from the nearest training digit"
differ = np.abs(moved - copies)
plots.rows(
    {"training digits": copies[:20], title: moved[:20], "pixels that differ": differ[:20]},
    alt="Twenty digits; the same moved, which look alike; what differs, all along their outlines.",
)

# %% [markdown]
# These are the four tests. None is enough on its own.
#
# 1. **Likely?** The NLL of test data exposes a generator that only copies, or that rules some digits out. It hardly notices one
#    that copies in 19 cases out of 20 and draws from a good model in the twentieth: that costs $\log 20 \approx 3$ nats (lesson 02).
#    A large gap to the NLL of training data exposes this one too, unless its copies have moved. Both need a model whose
#    probabilities can be computed.
# 2. **New?** The distances from samples to their nearest training examples, compared with those of test data: the share of very
#    small ones, and the mean. Both can be fooled, as you have seen.
# 3. **Complete?** The coverage of test data by samples.
# 4. **Good to look at?** Your eye, on samples that nobody cherry-picked.
#
# Compare them with the test you wrote down at the start. The pretrained model does well on the last three, apart from its
# slightly low mean distance. Lesson 04 shows how to bound the NLL of such a model.

# %% [markdown]
# ## What this run reached
#
# The table compares your run with ours. A row marked *exact* involves no chance. Any other row shows the range of five runs
# with different seeds, widened by its own width on both sides.

# %%
inside = runtime.reached(
    {
        "01.nats.uniform": uniform_nats,
        "01.nats.bernoulli": bernoulli_nats,
        "01.nats.per_class": class_nats,
        "01.nats.mixture": mixture_nats,
        "01.nats.copies": copies_nats,
        "01.accuracy.per_class": accuracy,
        "01.copies.real": real_distance,
        "01.copies.opening": close["pretrained model"],
        "01.coverage.shortcut": covered["shortcut"],
        "01.coverage.mixture": covered["mixture"],
        "01.coverage.filtered": covered["mixture, filtered"],
        "01.coverage.opening": covered["pretrained model"],
    }
)

# %% tags=["solved"]
assert inside
assert close["photocopier"] == 1 and twins == 0 and close["mixture with 30% copies"] >= 0.3
assert all((np.diff(h) > -1e-3).all() for _, _, h in mixtures)  # smoothing may cost a trace
assert uniform_nats > bernoulli_nats > class_nats > mixture_nats > copies_nats > 2 * known
assert covered["shortcut"] < 0.2 and covered["mixture"] + 0.3 < covered["mixture, filtered"]
cleaned = median_filter(sources["smoothed photocopier"].reshape(-1, 28, 28), (1, 3, 3))
for fake, least in ((moved, 0.8), (cleaned.reshape(-1, 784), 0.85)):
    assert coverage(x_test[:500], fake) > least
    assert (pixels_apart(fake, x_train).min(axis=1) < near).mean() < 0.03

# %% [markdown]
# That was the core. The studio has three sections, in any order, and no later lesson needs them. [Where we are
# now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Section A · Counts, and a factor that went missing
#
# This course grew out of an article, in Chinese, on how generative AI changes the way we work. Every lesson has a *Debug a
# claim*: a wrong statement, usually from that article. You measure the damage and fix it.
#
# **Debug a claim.** Roll a three-sided die with $\theta = (0.2, 0.3, 0.5)$ several times and count how often each side
# comes up: $x = (x_1, x_2, x_3)$. The article says that these counts have the mass
#
# $$ \theta_1^{x_1} \, \theta_2^{x_2} \, \theta_3^{x_3} \qquad \text{(the claim)} $$
#
# It looks right, since every roll of side $i$ contributes a factor $\theta_i$. But these are masses, so they must sum
# to one.
#
# **Predict.** With three rolls there are ten possible counts, from (3, 0, 0) to (0, 0, 3). What do the claim's ten values
# add up to?
#
# - A: more than one
#   - Then some sequence of rolls would have been counted twice.
# - B: exactly one
#   - That holds for a single roll only, where only one order is possible.
# - C: less than one
#   - **Yes.** The claim is the probability of one particular order of the rolls, and counts forget the order.


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
rolls = np.reshape(sample_categorical(np.array(theta), 300_000, runtime.rng(10)), (100_000, 3))
one_each = np.mean([len(set(row)) == 3 for row in rolls])
print(f"one of each: claimed {claimed_pmf((1, 1, 1), theta):.2f}, counted {one_each:.2f}")

# %% [markdown] tags=["studio"]
# The more rolls, the more mass is missing. One of each can come in six orders, and the claim is the probability of only *one*
# of them, such as 1-2-3. (The missing factor does not depend on $\theta$, so a fit by maximum likelihood never reveals it.)
#
# ### Exercise 1.4 · `multinomial_pmf`
# Fix the claim: in how many orders can the same counts come up? Try $(1, 1, 1)$ and $(2, 1, 0)$ first. Factorials grow fast,
# but `math.lgamma(n + 1)` is $\log n!$ and does not overflow. If `theta` does not sum to 1 (within $10^{-9}$), raise a
# `ValueError`, because silence would hide a mistake. A category with $\theta = 0$ is allowed.


# %% tags=["studio", "exercise:1.4", "points:4", "minutes:10"]
def multinomial_pmf(counts, theta):
    """Probability of these counts in sum(counts) draws. K integers, K probabilities -> float"""
    # BEGIN SOLUTION
    if abs(math.fsum(theta) - 1) > 1e-9:
        raise ValueError(f"theta must sum to 1, not {math.fsum(theta)}")
    log_orders = math.lgamma(sum(counts) + 1) - sum(math.lgamma(c + 1) for c in counts)
    if any(t == 0 and c > 0 for c, t in zip(counts, theta, strict=True)):
        return 0.0  # an impossible outcome was counted
    log_one_order = sum(c * math.log(t) for c, t in zip(counts, theta, strict=True) if c > 0)
    return math.exp(log_orders + log_one_order)
    # END SOLUTION


# %% tags=["studio", "check:1.4"]
multinomial_pmf = check("1.4", multinomial_pmf)

# %% [markdown] tags=["studio", "help:1.4"]
# In how many orders can you roll one 1, one 2 and one 3? And two 1s and one 2? Why do the factorials of the counts
# belong in the *denominator*?
# ---
# Counts $(1, 1, 1)$ with $\theta = (0.2, 0.3, 0.5)$: there are $3!/(1!\,1!\,1!) = 6$ orders, each with probability
# $0.2 \cdot 0.3 \cdot 0.5 = 0.03$. Together they make $0.18$. For $(2, 1, 0)$ there are $3!/(2!\,1!\,0!) = 3$ orders, each
# with $0.2^2 \cdot 0.3 = 0.012$, together $0.036$.
# ---
# Swapping equal rolls gives the same order, so the $x_i!$ swaps within each side are divided out. Everything is added up
# in logarithms and exponentiated once at the end, so a thousand rolls are no harder than three. A category with count 0
# contributes a factor 1, even when its $\theta$ is 0. It is left out, because $0 \cdot \log 0$ is not a number.

# %% tags=["studio", "nbval-check-output"]
for n in (1, 3, 10):
    print(f"n = {n:2d}: adds up to {sum(multinomial_pmf(c, theta) for c in all_counts(n, 3)):.12f}")
print(f"one of each: {multinomial_pmf((1, 1, 1), theta):.2f}")

# %% [markdown] tags=["studio"]
# What you wrote is the mass of the **multinomial distribution**:
#
# $$ P(x \mid n, \theta) = \frac{n!}{x_1! \cdots x_K!} \prod_{i=1}^{K} \theta_i^{x_i}, \qquad \sum_i x_i = n, \quad
# \sum_i \theta_i = 1 $$
#
# For $n = 1$ it is the categorical distribution of Exercise 1.2. With two categories it is the **binomial distribution**, and
# with two and $n = 1$, the Bernoulli distribution.
#
# Where did the claim's mass go? Toss a fair coin, so that the counts fit on one axis. The claim loses the most mass in the
# middle, where there are the most orders.

# %% tags=["studio"]
drawing.totals(
    lambda counts: multinomial_pmf(counts, (0.5, 0.5)),
    lambda counts: claimed_pmf(counts, (0.5, 0.5)),
)

# %% [markdown] tags=["studio"]
# ### Section B · The integral that must be one
#
# (This section needs some calculus.) Why is there a $\sqrt{2\pi}$ in the normal density? It makes the area 1. Drop the factor
# and integrate $e^{-x^2/2}$ over the whole line: the density must be divided by whatever comes out. There is no elementary
# antiderivative, but there is a famous trick. Square the integral, and it becomes the volume under a round hill,
# $e^{-(x^2+y^2)/2}$. Cut the hill into rings of radius $r$ and circumference $2\pi r$:
#
# $$ \Big(\int e^{-x^2/2}\,dx\Big)^2 = \int_0^\infty e^{-r^2/2}\; 2\pi r\,dr = 2\pi $$

# %% tags=["studio"]
drawing.hill()

# %% [markdown] tags=["studio"]
# **Predict.** Suppose you forget the $2\pi$ and divide by $\sqrt{\sigma^2}$ only. How does the log-likelihood of your data
# compare with the correct one?
#
# - A: it is lower
#   - A wrong formula need not look worse. This one claims more probability than there is.
# - B: it is the same
#   - The best μ and σ² do stay the same, because a constant factor does not move the maximum. The value of the
#     log-likelihood changes.
# - C: it is higher
#   - **Yes.** Without the factor, every density is $2.5$ times too high.

# %% tags=["studio", "nbval-check-output"]
line_area = integrate.quad(lambda x: math.exp(-(x**2) / 2), -np.inf, np.inf)[0]
rings = integrate.quad(lambda r: math.exp(-(r**2) / 2) * 2 * math.pi * r, 0, np.inf)[0]
print(f"line: {line_area:.6f}   its square: {line_area**2:.6f}   rings: {rings:.6f}")
forgot = (-((ink - mu) ** 2) / (2 * var) - 0.5 * math.log(var)).mean()
print(f"nats per digit, mean of ink: correct {best:.3f}, without the 2 pi {forgot:.3f}")

# %% [markdown] tags=["studio"]
# It is higher by $\tfrac12\log 2\pi \approx 0.919$ nats per value. The area under the wrong "density" is
# $\sqrt{2\pi} \approx 2.5$ whatever the variance. Such slips survive because they flatter. Likelihoods can be compared only
# between distributions that are normalized.

# %% [markdown] tags=["studio"]
# ### Section C · Who needs less data?
#
# It is often said that generative models need more data than discriminative ones. Let us test it. The discriminative
# classifier is **logistic regression**, which models $p(y \mid x)$ and nothing else. The generative one is naive Bayes, with
# one imaginary image per class as its smoothing. In one version this image is gray, which is Exercise 1.3 with
# $s = \tfrac12$. In the other it is the average of all the labeled digits.
#
# All get the same few labeled digits, in two worlds: real digits, and digits *sampled* from the model of each class. In the
# second world the pixels of a class really are independent.
#
# **Predict.** With one to three real digits per class, which of the three makes the most errors?
#
# - A: logistic regression
#   - It has a prior too: its weights are kept small. That turns out to be about as good as the better of the two images.
# - B: naive Bayes with the gray image
#   - **Yes.** The gray image says that ink is as likely in a corner as in the middle. With so few digits, that counts.
# - C: naive Bayes with the average digit
#   - The average of all the digits blurs the classes, but at least it has its ink where digits have theirs.


# %% tags=["studio"]
def correct(x, y, x_new, y_new, per_class, rng):
    """How many of 1,000 new digits each gets right: both naive Bayes, logistic regression."""
    of_class = [np.flatnonzero(y == c) for c in range(10)]
    rows = np.concatenate([rng.choice(those, per_class, replace=False) for those in of_class])
    few = x[rows].reshape(10, per_class, 784)
    models = [
        (few.sum(axis=1) + imagined) / (per_class + 1)  # (10, 784)
        for imagined in (0.5, fit_bernoulli(x[rows], 0.5))
    ]
    right = [1000 * (log_bernoulli(x_new, m).argmax(axis=1) == y_new).mean() for m in models]
    regression = LogisticRegression(C=0.1, tol=1e-3, max_iter=300)
    regression.fit(x[rows].astype("float32"), y[rows])
    return [*right, 1000 * regression.score(x_new.astype("float32"), y_new)]


def sample_of_class(y, rng):
    """Digits of the given classes from the model of each class. (N,) -> (N, 784)"""
    return (rng.random((len(y), 784)) < class_theta[y]).astype(float)


# %% tags=["studio"]
y_train, y_test = digits.y_train, digits.y_test
sampled = sample_of_class(y_train, runtime.rng(20)), sample_of_class(y_test, runtime.rng(21))
worlds = {"real digits": (x_train, x_test), "digits with independent pixels": sampled}
sizes, repeats = [1, 2, 3, 5, 10, 30, 100], runtime.budget(smoke=2, cpu=8)
lead = {name: np.zeros((2, repeats, len(sizes))) for name in worlds}  # of naive Bayes
for j, n in enumerate(progress.bar(sizes, "digits per class")):
    for name, (x, x_new) in worlds.items():
        for i in range(repeats):
            gray, average, theirs = correct(x, y_train, x_new, y_test, n, runtime.rng(30 + i))
            lead[name][:, i, j] = gray - theirs, average - theirs

# %% tags=["studio"]
drawing.lead(sizes, lead)

# %% [markdown] tags=["studio"]
# The dots are means over eight draws of the labeled digits, and the bars are two standard errors (a standard error is how far
# such a mean is typically off). On real digits, naive Bayes with the gray image is behind logistic regression at every size.
# With the average digit, the two are too close for eight draws to tell up to ten digits per class. Smoothing is an assumption
# too, a prior on $\theta$. (Its weight also matters: from three digits per class on, a gray image that counts for a fifth,
# $s = 0.1$, does nearly as well as the average digit.)
#
# As the data grow, the imaginary image matters less, and the independence of pixels within a class matters more. That
# assumption is false for real digits, so logistic regression pulls ahead. In the world where it holds, naive Bayes with the
# average digit leads until neither makes many errors. (With one digit per class, logistic regression wins even there if its
# weights are kept smaller, with $C = 0.01$.) So "generative models need more data" is too simple, and so is its opposite. A
# generative model makes more assumptions; they replace data where they are true and cost accuracy where they are false. Ng &
# Jordan (2002) show that naive Bayes can approach its limiting error with far fewer examples than logistic regression needs,
# and that this limit is at least as high.

# %% tags=["studio", "solved"]
real, independent = (each.mean(axis=1) for each in lead.values())  # (2, 7) each
assert real[0].max() < 0 and (real[:, 5:] < 0).all()  # 30 and 100 per class
assert (independent[1, :5] > 0).all() and abs(real[1, :3]).max() < 15

# %% [markdown]
# ## Where we are now
#
# You can
# - tell mass from density, and check that either is normalized;
# - fit by maximum likelihood, in nats, and sample from what you fitted;
# - say why a generative model, which describes $p(x)$, can draw, and a discriminative one cannot;
# - test a generator: likely, new, complete, good to look at.
#
# **Read on.**
# Bishop 2006, *Pattern Recognition and Machine Learning*, chapters 2 and 9: the textbook for this lesson.
# Dempster, Laird & Rubin 1977, *Maximum Likelihood from Incomplete Data via the EM Algorithm*: why EM never lowers the
# likelihood.
# Theis, van den Oord & Bethge 2016, *A Note on the Evaluation of Generative Models*: why likelihood and looks can disagree.
# Naeem et al. 2020, *Reliable Fidelity and Diversity Metrics for Generative Models*: coverage, tested.
# Carlini et al. 2023, *Extracting Training Data from Diffusion Models*: photocopies in the wild.
#
# **Next.** A likelihood is a number to maximize. Lesson 02 turns it into losses to minimize, and shows what happens when a
# loss compares the wrong things.
