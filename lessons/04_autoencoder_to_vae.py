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
# - *derive* the ELBO line by line, and check each line with numbers;
# - send a gradient through a random draw by *reparameterization*;
# - build and train a *variational autoencoder*, and say why a plain autoencoder turns random codes into smudges;
# - say how far its bound lies below the log-likelihood, and what causes each part of the gap;
# - *diagnose* and treat posterior collapse.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import math

import numpy as np
import torch
from scipy.special import logsumexp
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import check, data, metrics, plots, progress, runtime
from course_utils.lesson01 import fit_mixture, log_bernoulli, normal_logpdf, sample_mixture
from course_utils.lesson03 import Minibatches, fit
from course_utils.lesson04 import drawing, explorables

device = runtime.setup(seed=0)

# %% [markdown]
# ## An autoencoder: images through a bottleneck
#
# The pixel models of lessons 02 and 03 drew one pixel after another, each from its neighbors. Someone who draws a 7 starts
# with a plan: slanted or upright, with or without a bar. Such a plan, which is never observed and from which the image
# follows, is a **latent variable** $z$. Nobody has written it down for our digits. How could a model find it?
#
# One way is to make it pass each image through a **bottleneck**. An **encoder** turns an image $x$ into a vector of a few
# numbers, its **latent code** $z$. A **decoder** turns the code back into an image. Both are trained together so that what comes
# out is close to what went in. That is an **autoencoder** (Rumelhart, Hinton & Williams 1986). We use 8×8 digits in black and
# white, so that every model trains in seconds. (`SiLU` is a smooth ReLU; `chunk` splits a tensor into equal parts.)

# %%
digits = data.digits8()
x_train = (digits.x_train.flatten(1) > 0.5).float().to(device)  # (1000, 64)
x_test = (digits.x_test.flatten(1) > 0.5).float().to(device)  # (797, 64)


def mlp(inputs, outputs, hidden, layers):
    """A network with `layers` hidden layers. (B, inputs) -> (B, outputs)"""
    sizes = [inputs] + layers * [hidden]
    blocks = [nn.Sequential(nn.Linear(n, hidden), nn.SiLU()) for n in sizes[:-1]]
    return nn.Sequential(*blocks, nn.Linear(hidden, outputs))


class VAE(nn.Module):
    """Encoder (B, 64) -> mu, logvar (B, Z) each; decoder (B, Z) -> logits (B, 64)."""

    def __init__(self, Z=8, hidden=128, layers=1):
        super().__init__()
        self.encoder = mlp(64, 2 * Z, hidden, layers)
        self.decoder = mlp(Z, 64, hidden, layers)

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=1)  # (B, Z), (B, Z)

    def decode(self, z):
        return self.decoder(z)  # (B, 64)


def train(loss_fn, epochs, seed, make=VAE):
    """A new model, trained on the 1,000 digits with the loop of lesson 03. -> the model"""
    runtime.seed_all(seed)
    model, loader = make().to(device), Minibatches(x_train, size=50)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    steps = epochs * len(loader)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=steps)
    fit(model, loader, loss_fn, optimizer, epochs, scheduler)
    return model


# %% [markdown]
# The encoder gives *two* numbers for each of the `Z` **latent dimensions**. The autoencoder uses only the first, `mu`, as its
# code. Its decoder outputs a Bernoulli probability for each pixel, as a logit. The loss is the negative log-likelihood of the
# pixels, averaged over all of them, which is what PyTorch's `binary_cross_entropy_with_logits` does by default.
#
# **Predict.** Always answering with the average digit gets 13 of the 64 pixels wrong. How many does an autoencoder get wrong on
# *new* digits if its code is only two numbers?
#
# - A: about 13: two numbers cannot say anything about 64 pixels
#   - The closest of ten typical shapes (k-means) already gets only 8 wrong, and two numbers can name it.
# - B: 7 or 8: two numbers tell the main shapes apart, not the details
#   - **Yes.** Digits vary in far fewer ways than 64 pixels could. Each doubling of the bottleneck saves about two more pixels.
# - C: 1 or 2: it has been trained to reproduce digits
#   - It takes 16 numbers to get there. A bottleneck of two forces different digits to share a code.


# %%
def ae_loss(model, batch):
    (x,) = batch  # (B, 64)
    mu, _ = model.encode(x)
    return F.binary_cross_entropy_with_logits(model.decode(mu), x)


epochs = runtime.budget(smoke=3, cpu=60)
autoencoders, shown = {}, {"new digits": x_test[:20].cpu()}
for Z in (2, 4, 8, 16):
    autoencoders[Z] = train(ae_loss, epochs, seed=1, make=lambda Z=Z: VAE(Z))
    with torch.no_grad():
        probs = torch.sigmoid(autoencoders[Z].decode(autoencoders[Z].encode(x_test)[0]))
    wrong = ((probs > 0.5) != (x_test > 0.5)).sum(dim=1).float().mean()
    shown[f"Z = {Z}: {wrong:.1f} of 64 pixels wrong"] = probs[:20].cpu()
average = (x_train.mean(dim=0) > 0.5).float()  # (64,)
print(f"the average digit: {(average != x_test).sum(dim=1).float().mean():.1f} pixels wrong")
plots.rows(
    shown,
    alt="New digits and reconstructions: blurred with 2 latent dimensions, almost exact with 16.",
)

# %% [markdown]
# ## Decoding codes that nobody encoded
#
# The decoder turns codes into images. So give it codes that did not come from any image, say eight independent numbers from
# $\mathcal N(0, 1)$.
#
# **Predict.** What will the decoder with the bottleneck of 8 draw?
#
# - A: smudges, because nothing ties the codes of digits to this distribution
#   - **Yes.** The random codes lie where no digit was ever encoded, and there the decoder's output is arbitrary.
# - B: digits, because it has never learned to draw anything else
#   - It has learned what to do with codes of digits. Nothing says that these random codes are like them.
# - C: blurred digits, because random codes lie between those of real digits
#   - They would if the codes of digits surrounded the origin evenly and closely. The next figure shows where they are.
#
# To put a number on this, we borrow the **Fréchet distance** (FD) from lesson 05. It compares drawn and real images by the
# features of a small classifier, and is 0 if the features of both have the same mean and covariance.


# %%
@torch.no_grad()
def sample_images(model, z):
    """Black-and-white images, each pixel a Bernoulli sample. (N, Z) -> (N, 64)"""
    return torch.bernoulli(torch.sigmoid(model.decode(z)))


def prior(n, Z=8):
    return torch.randn(n, Z).to(device)  # (n, Z)


def mean_fd(draw, sets=10):
    """FD of 1,000 images, averaged over several sets of them."""
    return np.mean([metrics.frechet_digits8(draw(1000)) for _ in range(sets)]).item()


runtime.seed_all(2)
ae = autoencoders[8]
fd = {
    "real training digits": metrics.frechet_digits8(x_train),
    "autoencoder": mean_fd(lambda n: sample_images(ae, prior(n))),
}
with torch.no_grad():
    probs = torch.sigmoid(ae.decode(prior(20)))
plots.rows(
    {"decoded from N(0, I)": probs.cpu(), "real": x_test[:20].cpu()},
    alt="Above: gray smudges, hardly any digit. Below: real digits.",
)
print(f"FD: {fd['real training digits']:.2f} for real digits, {fd['autoencoder']:.1f} for these")

# %%
with torch.no_grad():
    flat, codes = autoencoders[2].encode(x_test)[0], ae.encode(x_test)[0]  # (797, 2), (797, 8)
drawing.codes_and_lengths(flat, digits.y_test, codes, prior(2000))

# %% [markdown]
# Nothing in the loss says *where* in the **latent space** the codes should be. With two latent dimensions you can see the result:
# a lopsided cloud with gaps, several times as wide as $\mathcal N(0, I)$, which puts 86% of its samples inside the outer circle.
# There, some random codes still land among those of digits. With eight dimensions they cannot: even the shortest code of a test
# digit is longer than the longest of 2,000 samples. A reconstruction is not a new image, and a decoder alone is not a generator.

# %% [markdown]
# ## First the latent variable, then the pixels
#
# Now turn the problem around, and begin with how an image is *made*. First $z$ is drawn from a fixed **prior**,
# $p(z) = \mathcal N(0, I)$. Then every pixel is drawn from a Bernoulli distribution that depends on $z$, which defines
# $p(x \mid z)$. This is a mixture like lesson 01's, with infinitely many components:
#
# $$ p(x) = \int p(z)\, p(x \mid z)\, dz $$
#
# This likelihood of an image, with the latent variable integrated out, is called the **evidence**, and fitting means maximizing
# its logarithm. But the integral runs over *all* $z$, and nearly all of them explain a given image badly.
#
# To see what can be done, take a world in which the integral is easy: $z$ is one number, and so is the "image," $x = f(z)$ plus
# Gaussian noise with standard deviation $\tfrac12$. With $f(z) = z^2 - 1$, a positive and a negative $z$ explain the same $x$. On
# a line, a sum over a fine grid replaces the integral. We store $\log p(z)\,p(x \mid z)$, the logarithm of the **joint** density.

# %% tags=["nbval-check-output"]
z = np.linspace(-8, 8, 1601)  # (1601,) grid points, 0.01 apart
dz = z[1] - z[0]


def f(z, bend):
    """The toy decoder: z itself for bend 0, z² - 1 for bend 1."""
    return (1 - bend) * z + bend * (z**2 - 1)


def log_joint(x, bend):
    """log p(z) + log p(x|z) on the grid. -> (1601,)"""
    return normal_logpdf(z, 0, 1) + normal_logpdf(x, f(z, bend), 0.5**2)


x_seen = 1.0
evidence = math.log(np.exp(log_joint(x_seen, 1)).sum() * dz)
z_prior = runtime.rng(3).normal(size=(5, 100))  # five attempts, 100 samples from the prior each
estimates = np.log(np.exp(normal_logpdf(x_seen, f(z_prior, 1), 0.25)).mean(axis=1))
print(f"log p(x = 1) from the grid: {evidence:.4f}")
print("five estimates, 100 samples from the prior each:", estimates.round(2))

# %% [markdown]
# In one dimension, a hundred samples from the prior come within half a nat. In eight, they fall short, as you will measure, and
# a grid is out of the question. So sample where it matters: from a distribution $q(z \mid x)$ that has *seen* $x$ and puts its
# mass on values of $z$ that explain it. The ideal $q$ is the **posterior** $p(z \mid x)$, the distribution of $z$ given $x$,
# which we cannot compute. A tractable stand-in is called an **approximate posterior**, and finding one is (approximate)
# **inference**.
#
# This is what the encoder is *for*. It generates nothing; it makes training tractable. One network that returns the mean and
# variance of $q(z \mid x)$ for *every* $x$ replaces a separate search for each, which is **amortized inference** (Gershman &
# Goodman 2014).

# %% [markdown]
# ## The ELBO in five checked lines
#
# Take any density $q(z)$ that is positive wherever $p(z)$ is. Later it will be $q(z \mid x)$ for one fixed $x$.
#
# $$ \begin{aligned}
# \log p(x) &= \log \int p(z)\, p(x \mid z)\, dz && (1) \\
#           &= \log \int q(z)\, \frac{p(z)\, p(x \mid z)}{q(z)}\, dz && (2)\ \text{multiply and divide by } q \\
#           &\ge \int q(z) \log \frac{p(z)\, p(x \mid z)}{q(z)}\, dz && (3)\ \text{Jensen's inequality} \\
#           &= \underbrace{\int q(z) \log p(x \mid z)\, dz}_{\text{reconstruction}}
#              - \underbrace{D_{\mathrm{KL}}(q(z) \,\|\, p(z))}_{\text{KL term}} && (4)\ \text{split the logarithm} \\
# \log p(x) - \text{(4)} &= D_{\mathrm{KL}}(q(z) \,\|\, p(z \mid x)) && (5)\ \text{what was lost in (3)}
# \end{aligned} $$
#
# Line (3): the log of the mean of 1 and 4 is $\log 2.5 = 0.92$, but the mean of their logs is $0.69$. The logarithm is concave,
# so the mean of the logs is never larger: **Jensen's inequality**. Line (4) is the **evidence lower bound**, ELBO. Line (5) says
# how far below $\log p(x)$ it lies. By Bayes' rule, $p(z)\,p(x \mid z) = p(x)\,p(z \mid x)$. Insert that in (3), and $\log p(x)$
# minus the KL divergence from $q$ to the posterior remains.
#
# **Predict.** Below, $q = \mathcal N(\tfrac12, 1)$ and $x = 1$, which $z = \pm\sqrt2$ explain best. How much is lost in (3)?
#
# - A: next to nothing, because this q covers both values of z
#   - It covers them, but most of its mass lies elsewhere, and the mean of the logs counts all of it.
# - B: about one nat, because half of its mass is near one of the two
#   - Much less of its mass is near either. The KL term is only an eighth of a nat, but the reconstruction is poor.
# - C: several nats, because most of its mass explains x badly
#   - **Yes.** Most z drawn from this q lie between the two or beyond them, and there the log of the ratio is very negative.


# %% tags=["nbval-check-output"]
def log_mass(log_density):
    """Log-probabilities of the grid cells. (1601,) -> (1601,)"""
    return log_density - logsumexp(log_density)


def kl_grid(log_p, log_q):
    """Lesson 02's KL from log-probabilities, so that nothing underflows. -> nats"""
    return (np.exp(log_p) * (log_p - log_q)).sum()


m, s = 0.5, 1.0  # mean and standard deviation of q
log_p, log_q = log_joint(x_seen, 1), normal_logpdf(z, m, s**2)  # (1601,), (1601,)
log_prior = normal_logpdf(z, 0, 1)  # (1601,)

reconstruction = (np.exp(log_mass(log_q)) * (log_p - log_prior)).sum()
kl = kl_grid(log_mass(log_q), log_mass(log_prior))
gap = kl_grid(log_mass(log_q), log_mass(log_p))  # normalized, the joint is the posterior

z_q = m + s * runtime.rng(4).normal(size=400_000)  # (400000,) samples from q
log_ratio = np.interp(z_q, z, log_p) - normal_logpdf(z_q, m, s**2)
line_2, line_3 = np.log(np.exp(log_ratio).mean()), log_ratio.mean()
line_4 = reconstruction - kl
print(f"(1) log p(x)        {evidence:7.2f}   (2) log of the mean ratio {line_2:7.2f}")
print(f"(3) mean log ratio  {line_3:7.2f}   (4) {reconstruction:.2f} - {kl:.2f} = {line_4:7.2f}")
print(f"(1) - (4)           {evidence - line_4:7.4f}   (5) KL to the posterior   {gap:7.4f}")

# %% [markdown]
# Nothing is lost if the ratio $p(z)\,p(x \mid z)/q(z)$ is the same for all $z$, that is, if $q$ *is* the posterior. Choosing
# $q$ from a simple family so that the gap is small is **variational inference**.
#
# Line (5) can be read as $\log p(x) = \text{ELBO} + \text{gap}$, so maximizing the ELBO does two jobs at once (Kingma & Welling
# 2019): over $q$ it narrows the gap, and over the decoder's parameters it can raise $\log p(x)$ itself.
#
# **Now move $q$.** Every panel can be dragged. In the first, $z$ explains $x$ where the curve $f(z)$ meets the band. The second
# shows prior, posterior and your $q$. The third shows log evidence and ELBO for every `bend` of the decoder: they never cross.
# The fourth shows the ELBO of every Gaussian $q$.
#
# **Your goal.** With `bend` 0, get the gap below $0.05$. Then set `bend` to 1, and get it as low as you can. (Which direction of
# the KL is in line 5, and what does that direction do with two modes?)


# %%
explorables.gap()

# %% [markdown]
# <details><summary>What to find</summary>
#
# With bend 0 the gap closes at mean $0.8$ and standard deviation $0.45$, because the posterior is Gaussian. With bend 1 no
# Gaussian closes it. The best one sits on one mode and loses $0.72$ nats, of which $\log 2 \approx 0.69$ are for leaving out the
# other: line 5 is the *reverse* KL, which is mode-seeking. Move $x$ down to 0: now the modes are so close that covering both
# loses less, $0.55$ nats.
#
# </details>
#
# > **A good place to stop.** The hard part is behind you. When you come back, run all cells above once
# > (*Run → Run All Above Selected Cell*).

# %% [markdown]
# ## Backpropagating through a random draw
#
# The encoder outputs the mean and variance of a Gaussian for each digit. The decoder needs one sample from it. To train the
# encoder, the gradient of the loss must flow back through that sampling step.
#
# **Predict.** Below, `mu` is 2 and we draw one sample with PyTorch's `sample()`. What is the gradient of the sample with
# respect to `mu`?
#
# - A: 1, because moving the mean moves every sample
#   - That is how it should be, and what `rsample()` gives. But `sample()` does not record where its value came from.
# - B: there is none, because the graph does not lead through `sample()`
#   - **Yes.** It returns a plain value that is not connected to `mu` in the computation graph.
# - C: 0, because the sample is random
#   - A gradient of 0 would mean that `mu` has no effect. Here PyTorch has no path from the sample to `mu` at all.

# %% tags=["nbval-check-output"]
mu = torch.tensor(2.0, requires_grad=True)
normal = torch.distributions.Normal(mu, 1.0)
print("sample()  is part of the graph:", normal.sample().requires_grad)
print("rsample() is part of the graph:", normal.rsample().requires_grad)

# %% [markdown]
# A training loop with `sample()` still runs, and the decoder still learns, but the encoder receives no gradient from the
# reconstruction. Only the KL term still reaches it, so every $q$ becomes the prior, and the decoder learns the average digit.
# The usual fix is the **reparameterization trick** (Kingma & Welling 2014, section 2.4): draw noise $\varepsilon$ from
# $\mathcal N(0, I)$, which has no parameters, and *then* turn it into a sample from $\mathcal N(\mu, \sigma^2)$ with
# differentiable operations.
#
# ### Exercise 4.1 · `reparameterize`
# A network can output any real number, and a standard deviation must be positive. So the encoder outputs `logvar`,
# $\log\sigma^2$. Find out how to get $\sigma$ from it, and what to do with $\varepsilon$ so that the result has mean $\mu$ and
# standard deviation $\sigma$. Return one sample per row; the noise is an argument.


# %% tags=["exercise:4.1", "points:4", "minutes:5"]
def reparameterize(mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    """z ~ N(mu, exp(logvar)), differentiable in mu and logvar. (B, Z), (B, Z), (B, Z) -> (B, Z)"""
    # BEGIN SOLUTION
    return mu + torch.exp(0.5 * logvar) * eps  # (B, Z)
    # END SOLUTION


# %% tags=["check:4.1"]
reparameterize = check("4.1", reparameterize)

# %% [markdown] tags=["help:4.1"]
# If $\varepsilon$ has mean 0 and standard deviation 1, what are the mean and the standard deviation of $a + b\,\varepsilon$?
# ---
# $\mu = 1$ and a variance of 4, so $\log\sigma^2 = 1.386$; half of it is $0.693$, and $e^{0.693} = 2$. With
# $\varepsilon = 0.5$ the sample is $1 + 2 \cdot 0.5 = 2$.
# ---
# $\log\sigma = \tfrac12\log\sigma^2$, so $\sigma = e^{\frac12\log\sigma^2}$, and the sample is $\mu + \sigma\varepsilon$. Only
# tensor operations are used, so the gradient reaches both `mu` and `logvar`.

# %% [markdown]
# You have written $z = \mu + \sigma \odot \varepsilon$, where $\odot$ multiplies entry by entry. The randomness now enters from
# the side: $\partial z/\partial\mu = 1$ and $\partial z/\partial\sigma = \varepsilon$.

# %% [markdown]
# ## The KL term
#
# Line (4) has two terms. The KL term, $D_{\mathrm{KL}}(q \,\|\, p)$, is 0 if $q$ equals the prior, and then $z$ says nothing
# about $x$. It grows when $q$ is far from the origin, or narrower or wider than the prior. Averaged over images, it is called the
# **rate**: an upper bound, in nats, on the information about the image that $z$ carries.
#
# ### Exercise 4.2 · `kl_normal`
# The KL between two Gaussians has a closed form. Derive it for one latent dimension: it is the mean, over $z$ from
# $q = \mathcal N(\mu, \sigma^2)$, of $\log q(z) - \log p(z)$ with $p = \mathcal N(0, 1)$. You know both logarithms from Exercise
# 1.1. Under $q$, the mean of $z^2$ is $\mu^2 + \sigma^2$, and the mean of $(z - \mu)^2$ is $\sigma^2$. Then sum over the latent
# dimensions, and return one value per image.


# %% tags=["exercise:4.2", "points:4", "minutes:11"]
def kl_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL from N(mu, exp(logvar)) to N(0, I), in nats. (B, Z), (B, Z) -> (B,)"""
    # BEGIN SOLUTION
    return 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(dim=1)  # (B,)
    # END SOLUTION


# %% tags=["check:4.2"]
kl_normal = check("4.2", kl_normal)

# %% [markdown] tags=["help:4.2"]
# Write down $\log q(z)$ and $\log p(z)$; the $\log 2\pi$ cancels. Which means are left? And which of your terms is
# $\log\sigma^2$, which the network gives you as `logvar`?
# ---
# $\mu = (1, 0)$, $\log\sigma^2 = (0, \log 4)$: the first dimension contributes $\tfrac12(1 + 1 - 1 - 0) = 0.5$, the second
# $\tfrac12(0 + 4 - 1 - 1.386) = 0.807$. Together that is $1.307$ nats.
# ---
# The means give $\tfrac12 \sum_j \big( \mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2 \big)$. `logvar` is $\log\sigma^2$ itself and
# `torch.exp(logvar)` is $\sigma^2$. The sum runs over the last axis, and the batch stays.

# %% [markdown]
# Before you trust it, compare it with the grid:

# %% tags=["nbval-check-output"]
for m, s in [(0.0, 1.0), (1.5, 1.0), (0.0, 0.2), (-1.0, 1.5)]:
    on_grid = kl_grid(log_mass(normal_logpdf(z, m, s**2)), log_mass(log_prior))
    yours = kl_normal(torch.tensor([[m]]), torch.tensor([[2 * math.log(s)]])).item()
    print(f"N({m:4.1f}, {s:.1f}²): yours {yours:.4f}   grid {on_grid:.4f}")

# %% [markdown]
# ### Exercise 4.3 · `elbo`
# Now put line (4) together for a minibatch, with one sample of $z$ per image: `logits` is the decoder's output for it. Decide
# where to *sum*. The autoencoder's loss averaged over the pixels, which was harmless: Adam does not notice a factor of 64 on
# the whole loss. The pixels are independent given $z$, so $p(x \mid z) = \prod_i p(x_i \mid z)$. Return one value per image.
# (`F.binary_cross_entropy_with_logits(logits, x, reduction="none")` keeps the pixels apart.)


# %% tags=["exercise:4.3", "points:4", "minutes:6"]
def elbo(logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """One-sample ELBO in nats per image. logits, x: (B, D), mu, logvar: (B, Z) -> (B,)"""
    # BEGIN SOLUTION
    log_px_z = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)  # (B,)
    return log_px_z - kl_normal(mu, logvar)  # (B,)
    # END SOLUTION


# %% tags=["check:4.3"]
elbo = check("4.3", elbo)

# %% [markdown] tags=["help:4.3"]
# What does the logarithm turn a product over pixels into? Is the cross-entropy $\log p$ or $-\log p$? And does a larger KL raise
# or lower the bound?
# ---
# One image of two pixels, $x = (1, 0)$, logits $(2, -1)$: $\log\sigma(2) = -0.127$ and $\log(1-\sigma(-1)) = -0.313$, together
# $-0.440$. With $\mu = 1$ and $\log\sigma^2 = 0$ the KL is $0.5$. The ELBO is $-0.940$.
# ---
# The log of a product is a sum, so pixels are summed, as latent dimensions are. The cross-entropy is $-\log p$, so it enters with
# a minus, and the KL is subtracted. With a mean over pixels the KL would weigh 64 times too much; you will see what that does.

# %% [markdown]
# ## Train, sample, measure
#
# That is a **variational autoencoder**, VAE (Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014): the same two networks, a
# sampled code, and the negative ELBO as the loss. It needs no labels: this is *unsupervised* learning.
#
# **Predict.** We train it for 60 epochs, like the autoencoder. How do its reconstructions of *new* digits compare?
#
# - A: they are worse, because the code carries less
#   - **Yes.** Noise and the KL term limit the rate, and the decoder has less to go on.
# - B: they are better, because the noise in z keeps the model from memorizing
#   - After 300 epochs the VAE's NLL is lower, because the autoencoder has memorized: 23 nats on new digits, 1 on training
#     digits. After 60, the noise still costs more than it saves.
# - C: about as good, because encoder and decoder are the same networks
#   - The networks are the same, but the channel between them is noisy, and the KL term narrows it.


# %%
def sample_z(mu, logvar):
    return reparameterize(mu, logvar, torch.randn_like(mu))  # (B, Z)


def vae_loss(model, batch):
    (x,) = batch
    mu, logvar = model.encode(x)
    return -elbo(model.decode(sample_z(mu, logvar)), x, mu, logvar).mean()


@torch.no_grad()
def measure(model, x, mu, logvar, samples=20):
    """Means over images and several z for each. -> ELBO, log p(x|z), KL, in nats per digit"""
    bounds = [elbo(model.decode(sample_z(mu, logvar)), x, mu, logvar) for _ in range(samples)]
    total, kl = torch.stack(bounds).mean().item(), kl_normal(mu, logvar).mean().item()
    return total, total + kl, kl


vae = train(vae_loss, epochs, seed=1)
runtime.seed_all(4)
fd["VAE"] = mean_fd(lambda n: sample_images(vae, prior(n)))
with torch.no_grad():
    mu_test, logvar_test = vae.encode(x_test)  # (797, 8) each
    ae_logits = ae.decode(ae.encode(x_test)[0])  # (797, 64)
vae_elbo, vae_reconstruction, vae_kl = measure(vae, x_test, mu_test, logvar_test)
nll_ae = 64 * F.binary_cross_entropy_with_logits(ae_logits, x_test).item()
print(f"autoencoder: log p(x|z) {-nll_ae:6.2f} nats per new digit, FD {fd['autoencoder']:.1f}")
print(f"VAE:         log p(x|z) {vae_reconstruction:6.2f} nats per new digit, FD {fd['VAE']:.1f}")
print(f"VAE, ELBO per new digit: {vae_reconstruction:.2f} - {vae_kl:.2f} = {vae_elbo:.2f}")

# %%
with torch.no_grad():
    z_new, z_vae = prior(30), sample_z(mu_test, logvar_test)  # (30, 8), (797, 8)
    drawn = {name: torch.sigmoid(model.decode(z_new)) for name, model in [("VAE", vae), ("AE", ae)]}
drawing.new_digits(digits.x_test[:30].flatten(1), drawn["VAE"].cpu(), drawn["AE"].cpu())

# %%
drawing.lengths({"autoencoder": codes.cpu(), "VAE": z_vae.cpu()}, prior(2000).cpu())

# %% [markdown]
# The VAE's decoder turns most samples from the prior into digits (gray is the probability of ink), and the lengths say why.
# The average of $q(z \mid x)$ over all the data is the **aggregate posterior** (Makhzani et al. 2015). The KL term has pulled
# it toward the prior, though not all the way, so most of what is drawn from the prior is familiar to the decoder. (Each FD of
# samples is the mean over ten sets of 1,000. Between sets, the VAE's varies by about $0.1$.)
#
# **Predict.** Could the *autoencoder's* decoder draw digits, if we gave it better codes? Fit a Gaussian to its codes of the
# training digits, and sample from that.
#
# - A: no: only a decoder trained on noisy codes can generate
#   - Then the smudges above would be the decoder's fault. They are the fault of the codes that it was given.
# - B: yes, about as well as the VAE: only the distribution of the codes was missing
#   - **Yes.** The Gaussian puts samples where the decoder was trained.
# - C: a little better than before, because one Gaussian is a crude description of the codes
#   - It is crude, but it puts samples where the decoder was trained, and that is most of what matters here.


# %%
def fd_fitted(model, codes):  # (N, Z) -> number
    gaussian = torch.distributions.MultivariateNormal(codes.mean(dim=0), codes.T.cov())
    return mean_fd(lambda n: sample_images(model, gaussian.sample((n,)).to(device)))


runtime.seed_all(5)
with torch.no_grad():
    fd["autoencoder, Gaussian fitted"] = fd_fitted(ae, ae.encode(x_train)[0].cpu())
    fd["VAE, Gaussian fitted"] = fd_fitted(vae, sample_z(*vae.encode(x_train)).cpu())
rng = runtime.rng(9)
pi, theta, _ = fit_mixture(x_train.cpu().numpy(), 60, 60, rng)  # lesson 01, 60 components
fd["mixture of lesson 01"] = mean_fd(lambda n: sample_mixture(pi, theta, n, rng))
drawing.distances(fd)

# %% [markdown]
# This is called **ex-post density estimation** (Ghosh et al. 2020), and it makes the autoencoder a generative model in two
# steps. What it lacks is an encoder that returns a $q$, and a bound that training has maximized. The VAE gains from the same
# step, too, because its aggregate posterior is not the prior.
#
# The last row is a baseline, lesson 01's mixture. For a thousand 8×8 digits, its sixty templates suffice: they come closer in
# FD, and their exact likelihood, below, is at least as good as this VAE's. On lesson 05's 4,000 full-size digits, the VAE wins
# by more than 30 nats.

# %% [markdown]
# **How tight is the bound?** Line (2) estimates $\log p(x)$ itself: the log of the mean ratio over, say, 100 samples per digit,
# from $q$ or from the prior. (On average it still errs on the low side; lesson 05 comes back to this *importance-weighted
# bound*.) The ELBO lies below $\log p(x)$ for two reasons. The posterior is not a Gaussian with independent dimensions, but the
# encoder can return nothing else: the **approximation gap**. And the encoder may not return the *best* such Gaussian, because
# one network serves all digits, even new ones: the **amortization gap** (Cremer, Li & Duvenaud 2018). To measure it, keep the
# decoder fixed, and improve each digit's `mu` and `logvar` by gradient steps, without the encoder.


# %%
@torch.no_grad()
def evidence_from(mu, logvar, x, K=100):
    """log p(x) by line (2), from K samples of N(mu, exp(logvar)) per digit. -> number"""
    zero, ratios = torch.zeros_like(mu), []
    for _ in range(K):
        eps = torch.randn_like(mu)
        z = reparameterize(mu, logvar, eps)  # (B, Z)
        log_px_z = elbo(vae.decode(z), x, zero, zero)  # the KL of the prior to itself is 0
        log_prior, log_q = -0.5 * z**2, -0.5 * eps**2 - 0.5 * logvar  # log 2π cancels
        ratios.append(log_px_z + (log_prior - log_q).sum(dim=1))
    return (torch.logsumexp(torch.stack(ratios), dim=0) - math.log(K)).mean().item()


# %%
def best_gaussians(x, mu, logvar, steps=200):
    """Improve each digit's mu and logvar; the decoder stays fixed. -> (B, Z), (B, Z)"""
    mu, logvar = mu.clone().requires_grad_(), logvar.clone().requires_grad_()
    optimizer = torch.optim.Adam([mu, logvar], lr=0.05)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=steps)
    for _ in range(steps):
        loss = -elbo(vae.decode(sample_z(mu, logvar)), x, mu, logvar).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return mu.detach(), logvar.detach()


runtime.seed_all(6)
zeros = torch.zeros_like(mu_test)
best = best_gaussians(x_test, mu_test, logvar_test)
tight = {
    "100 samples of the prior": evidence_from(zeros, zeros, x_test),
    "ELBO, the encoder's Gaussians": vae_elbo,
    "ELBO, the best Gaussians": measure(vae, x_test, *best)[0],
    "100 samples of the best Gaussians": evidence_from(*best, x_test),
}
log_px = logsumexp(log_bernoulli(x_test.cpu().numpy(), theta) + np.log(pi), axis=1)  # (797,)
tight["mixture of lesson 01, exact"] = log_px.mean().item()
for name, nats in tight.items():
    print(f"{name:<34} {nats:7.2f} nats per new digit")

# %% [markdown]
# A hundred samples from the prior fall short by about two nats. (Ten thousand almost suffice here, but the number needed grows
# like $e^{\mathrm{KL}}$.) Of the gap between the ELBO and the fourth line, somewhat less than half is amortization. The rest is
# approximation, and so is whatever that line still misses.
#
# **And gray pixels?** Many tutorials pass gray images to this loss. Is it still a bound? The cross-entropy is linear in $x$, so
# for a gray image $g$ it equals the mean over black-and-white images whose pixels are drawn with the probabilities $g$. So the
# loss is the mean negative ELBO of *binarized* images, with $q$ computed from the gray one. It bounds a likelihood, but not
# that of the gray images. (A squared error means a Gaussian decoder, and its weight beside the KL sets the variance.)

# %%
gray = digits.x_test.flatten(1).to(device)  # (797, 64) from 0 to 1
with torch.no_grad():
    mu, logvar = vae.encode(gray)
    logits = vae.decode(sample_z(mu, logvar))  # (797, 64)
    nll = F.binary_cross_entropy_with_logits(logits, gray, reduction="none").sum(dim=1)  # (797,)
    on_gray = (nll + kl_normal(mu, logvar)).mean().item()
    binarized = [elbo(logits, torch.bernoulli(gray), mu, logvar).mean() for _ in range(50)]
print(f"this loss on gray digits: {on_gray:.2f} nats per digit")
print(f"mean negative ELBO of their binarized copies: {-torch.stack(binarized).mean():.2f}")

# %% [markdown]
# ## Posterior collapse
#
# The easiest way to break a VAE is to leave out one argument, `reduction`. Then the reconstruction is a *mean* over pixels, next
# to the KL of a whole image:


# %%
def averaged_loss(model, batch):
    """The mistake: a mean over 64 pixels next to a sum over the latent dimensions."""
    (x,) = batch
    mu, logvar = model.encode(x)
    nll = F.binary_cross_entropy_with_logits(model.decode(sample_z(mu, logvar)), x)
    return nll + kl_normal(mu, logvar).mean()


collapsed = train(averaged_loss, runtime.budget(smoke=3, cpu=30), seed=1)
with torch.no_grad():
    code_collapsed = collapsed.encode(x_test)
collapsed_elbo, _, collapsed_kl = measure(collapsed, x_test, *code_collapsed)
frequency = x_train.mean(dim=0).clamp(0.001, 0.999)  # (64,) how often each pixel is on
no_code = -64 * F.binary_cross_entropy(frequency.expand_as(x_test), x_test).item()
print(f"ELBO {collapsed_elbo:.2f}, KL {collapsed_kl:.4f}")
print(f"one probability per pixel, no latent variable: {no_code:.2f} nats per digit")

# %% [markdown]
# A nat of KL would have to save 64 nats of reconstruction. It saves only a few, so no unit is worth its KL. The encoder returns
# $\mu = 0$, $\sigma = 1$ for every image, and the decoder, left alone, always returns the average digit. This is **posterior
# collapse**: $q(z \mid x)$ equals the prior, and $z$ says nothing. The result is no better than one probability per pixel.
#
# ### Exercise 4.4 · `collapsed_units`
# Write the test for it. A latent dimension (or unit) counts as collapsed if its own KL, *averaged over the images*, is less than
# `tol` nats. Otherwise it is an **active unit**.


# %% tags=["exercise:4.4", "points:3", "minutes:5"]
def collapsed_units(mu: Tensor, logvar: Tensor, tol: float) -> Tensor:
    """Which latent dimensions carry less than tol nats on average.

    (N, Z), (N, Z), float -> bool (Z,)
    """
    # BEGIN SOLUTION
    kl = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar)  # (N, Z)
    return kl.mean(dim=0) < tol  # (Z,)
    # END SOLUTION


# %% tags=["check:4.4"]
collapsed_units = check("4.4", collapsed_units)

# %% [markdown] tags=["help:4.4"]
# You need one answer per latent dimension. Which axis disappears, and when?
# ---
# Two images, two dimensions, $\sigma = 1$ everywhere, $\mu = \begin{pmatrix} 2 & 0 \\ -2 & 0.1 \end{pmatrix}$. First column:
# $\tfrac12\cdot 4 = 2$ both times, so 2 nats on average. Second: $0$ and $0.005$, so $0.0025$ on average. With `tol` $0.01$ the
# answer is (False, True).
# ---
# Take the formula of `kl_normal` before its sum, average it over the images, and compare with `tol`. Averaging `mu` first would
# not work: in the first column the average is 0.

# %% [markdown]
# **Predict.** Back to the correct `vae_loss`. We give encoder and decoder four hidden layers each, with PyTorch's default
# initialization, and 25 epochs. Compared with one hidden layer and 25 epochs, what happens to the ELBO?
#
# - A: it drops by several nats, because most or all units collapse
#   - **Yes.** At the start z hardly reaches the pixels, so next to nothing pays for its KL.
# - B: it hardly changes, because 1,000 digits do not need the depth
#   - It matters. Initialized well, the deep model is the better one; initialized like this, it is far worse.
# - C: it improves, because a deeper decoder can draw better digits
#   - It will, once the signal of z gets through. With this initialization it hardly does.
#
# We also try two standard remedies for collapse. **KL warm-up** (annealing) multiplies the KL term by a weight that grows from
# 0 to 1 (Bowman et al. 2016). With **free bits**, the KL of a latent dimension costs nothing up to a given number of nats
# (Kingma et al. 2016). A third is He's initialization, from lesson 03.


# %%
class NegativeELBO:
    """The KL has weight beta, reached after a warm-up, and `free` nats per dimension are free."""

    def __init__(self, beta=1.0, warm_up=0, free=0.0):
        self.beta, self.warm_up, self.free, self.step = beta, warm_up, free, 0

    def __call__(self, model, batch):
        (x,) = batch
        mu, logvar = model.encode(x)
        logits = model.decode(sample_z(mu, logvar))
        nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)  # (B,)
        kl = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).mean(dim=0)  # (Z,)
        self.step += 1
        weight = self.beta * min(1.0, self.step / max(1, self.warm_up))
        return nll.mean() + weight * kl.clamp(min=self.free).sum()


# %%
def deep(he=False):
    """A VAE with four hidden layers on each side, with PyTorch's or He's initialization."""
    model = VAE(layers=4)
    for layer in model.modules() if he else ():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)  # standard deviation sqrt(2/n), lesson 03
            nn.init.zeros_(layer.bias)
    return model


for name, model in {"PyTorch's": deep().to(device), "He's": deep(he=True).to(device)}.items():
    stds = [v.std(dim=0).mean() for v in (model.decode(prior(1000)), model.encode(x_test)[0])]
    print(f"{name:<9} at the start: std of logits over z {stds[0]:.4f}, of mu over x {stds[1]:.4f}")

# %%
short = runtime.budget(smoke=2, cpu=25)
half = short * 20 // 2  # minibatches in half of the training
remedies = {
    "one layer, for comparison": (NegativeELBO(), VAE),
    "four layers": (NegativeELBO(), deep),
    "KL warm-up": (NegativeELBO(warm_up=half), deep),
    "free bits, 0.5 nats each": (NegativeELBO(free=0.5), deep),
    "He's initialization": (NegativeELBO(), lambda: deep(he=True)),
    "He's and KL warm-up": (NegativeELBO(warm_up=half), lambda: deep(he=True)),
}
treated = {}
for name, (loss_fn, make) in remedies.items():
    model = train(loss_fn, short, seed=1, make=make)
    with torch.no_grad():
        code = model.encode(x_test)
    treated[name] = measure(model, x_test, *code)
    active = sum(not unit for unit in collapsed_units(*code, tol=0.1))
    bound, _, rate = treated[name]
    print(f"{name:<26} ELBO {bound:6.2f}, KL {rate:5.2f}, active units {active} of 8")

# %% [markdown]
# A VAE with the right loss can collapse for three reasons. A unit may have nothing to say that is worth its KL (Lucas et al.
# 2019): with 32 dimensions, our VAE leaves more than 20 inactive. Use fewer. Or the decoder is so strong that it does
# not need $z$ (Bowman et al. 2016). Or training does not find out in time what $z$ is good for.
#
# The table shows the third. The cause is lesson 03's: with PyTorch's default initialization, each layer shrinks its signal, so
# at the start hardly anything of $z$ reaches the pixels. With or without warm-up, at most one unit is active. Free bits
# usually keep more units active, but the ELBO charges what the loss does not, and ends up lower.
#
# With He's initialization, depth pays, and now warm-up can help: it gains up to half a nat. So look for the cause first, and
# judge a remedy by the ELBO, not by the KL or the number of active units.

# %% [markdown]
# **How large should the KL be?** Give the KL term a weight $\beta$ (Higgins et al. 2017) and train one model for each of several
# values. Plot the rate against the **distortion**, the mean of $-\log p(x \mid z)$: the result is the **rate–distortion** curve of
# this family of models (Alemi et al. 2018). Rate plus distortion is the negative ELBO, so models with equal ELBO lie on a line of
# slope $-1$.

# %%
sweep = {}
for k in progress.bar((-4, -2, -1, 0, 1, 2), "weights"):
    model = train(NegativeELBO(beta=2.0**k), runtime.budget(smoke=2, cpu=25), seed=7)
    runtime.seed_all(8)
    with torch.no_grad():
        code, probs = model.encode(x_test), torch.sigmoid(model.decode(prior(12)))
    bound, log_px_z, rate = measure(model, x_test, *code)
    distance = metrics.frechet_digits8(sample_images(model, prior(1000)))
    sweep[2.0**k] = {"ELBO": bound, "rate": rate, "distortion": -log_px_z, "FD": distance}
    sweep[2.0**k]["samples"] = probs.cpu()
drawing.rate_distortion(sweep)

# %% [markdown]
# There is no best rate as such: along the curve, $\beta$ trades rate for distortion. The dashed line touches it at
# $\beta = 1$, because only there was their sum minimized. With a small $\beta$ the decoder gets precise codes, but the
# aggregate posterior is far from the prior, so samples suffer. With a large $\beta$, units collapse. At 4, none is active
# after these 25 epochs.

# %% [markdown]
# ## What this run reached
#
# A row marked *exact* involves no chance. Any other row shows the range of five runs with different seeds, widened by its own
# width on both sides.

# %% tags=["folded"]
inside = runtime.reached(
    {
        "04.floor": fd["real training digits"],
        "04.ae.fd": fd["autoencoder"],
        "04.ae.fd_fitted": fd["autoencoder, Gaussian fitted"],
        "04.ae.nll": nll_ae,
        "04.vae.elbo": vae_elbo,
        "04.vae.kl": vae_kl,
        "04.vae.fd": fd["VAE"],
        "04.vae.fd_fitted": fd["VAE, Gaussian fitted"],
        "04.tight.prior": tight["100 samples of the prior"],
        "04.tight.best": tight["ELBO, the best Gaussians"],
        "04.tight.weighted": tight["100 samples of the best Gaussians"],
        "04.mixture.nats": tight["mixture of lesson 01, exact"],
        "04.mixture.fd": fd["mixture of lesson 01"],
        "04.collapsed.elbo": collapsed_elbo,
        "04.deep.shallow": treated["one layer, for comparison"][0],
        "04.deep.default": treated["four layers"][0],
        "04.deep.warm_up": treated["KL warm-up"][0],
        "04.deep.free": treated["free bits, 0.5 nats each"][0],
        "04.deep.he": treated["He's initialization"][0],
        "04.deep.he.warm_up": treated["He's and KL warm-up"][0],
    }
)

# %% tags=["solved"]
assert inside
assert abs(evidence - line_2) < 0.02 and abs(line_3 - line_4) < 0.05
assert abs(evidence - line_4 - gap) < 1e-6
assert vae_elbo > -19.2 and fd["VAE"] < 2 < fd["autoencoder"] / 4
assert fd["autoencoder, Gaussian fitted"] < 3
assert codes.norm(dim=1).min() > 6  # no sample of 2,000 from the prior is as long
assert tight["100 samples of the prior"] < vae_elbo < tight["ELBO, the best Gaussians"]
assert tight["ELBO, the best Gaussians"] < tight["100 samples of the best Gaussians"]
assert abs(on_gray + torch.stack(binarized).mean()) < 0.1
assert collapsed_kl < 0.01 and collapsed_units(*code_collapsed, 0.1).all()
assert not collapsed_units(mu_test, logvar_test, 0.1).any()
assert all((v[0] > -20.5) == name.startswith(("one", "He's")) for name, v in treated.items())
assert treated["He's initialization"][0] > treated["one layer, for comparison"][0]
assert fd["VAE, Gaussian fitted"] < fd["VAE"]
assert tight["mixture of lesson 01, exact"] > vae_elbo and fd["mixture of lesson 01"] < fd["VAE"]
assert max(sweep, key=lambda beta: sweep[beta]["ELBO"]) == 1

# %% [markdown]
# That was the core. The studio has two sections; no later lesson needs them. [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### A · A loop that never uses its encoder
#
# **Debug a claim.** The article that this course grew out of describes the training of a VAE like this: the encoder computes
# $\mu$ and $\sigma^2$; a latent variable is sampled *from the prior* $p(z)$; the decoder turns it into an image; the difference
# between that image and the real one is minimized. There is no KL term. Here is that loop, built from our parts, and a version
# with one of its two faults fixed.


# %% tags=["studio"]
def claimed_loss(model, batch):
    """As claimed: z from the prior, compared with an image that has nothing to do with it."""
    (x,) = batch
    z = prior(len(x))  # the encoder is not used
    return 64 * F.binary_cross_entropy_with_logits(model.decode(z), x)


def half_fixed_loss(model, batch):
    """z comes from the encoder now, but there is still no KL term."""
    (x,) = batch
    z = sample_z(*model.encode(x))
    return 64 * F.binary_cross_entropy_with_logits(model.decode(z), x)


# %% [markdown] tags=["studio"]
# **Predict.** Which $\sigma$ does the encoder of the half-fixed version choose?
#
# - A: about 1, because its decoder must cope with samples from the prior
#   - This loss never mentions the prior. Its decoder sees only what the encoder sends.
# - B: close to 0, because noise makes reconstruction harder
#   - **Yes.** Noise only hurts the reconstruction, so the encoder gets rid of it, and moves its means apart as well.
# - C: about a half, because that is what the VAE's encoder chose
#   - There the KL term makes precision expensive. Here it costs nothing.

# %% tags=["studio"]
short = runtime.budget(smoke=3, cpu=40)
models = {
    "as claimed": train(claimed_loss, short, seed=9),
    "half fixed": train(half_fixed_loss, short, seed=9),
    "fixed": vae,
}
claims, shown = {}, {}
for name, model in models.items():
    runtime.seed_all(10)
    with torch.no_grad():
        mu, logvar = model.encode(x_test)
        probs = torch.sigmoid(model.decode(prior(1000)))  # (1000, 64)
    shown[name] = probs[:20].cpu()
    claims[name] = {
        "ELBO": measure(model, x_test, mu, logvar)[0],
        "FD": metrics.frechet_digits8(torch.bernoulli(probs)),
        "std of probs": probs.std(dim=0).mean().item(),
        "std of mu": mu.std(dim=0).mean().item(),
        "sigma": torch.exp(0.5 * logvar).mean().item(),
    }
    print(f"{name:<11}", "  ".join(f"{key} {value:8.3f}" for key, value in claims[name].items()))

# %% tags=["studio"]
plots.rows(
    shown,
    alt="As claimed: one gray blur, twenty times. Half fixed: fragments. Fixed: soft digits.",
)

# %% [markdown] tags=["studio"]
# As claimed, the decoder must turn *any* $z$ into *any* image. It is lesson 02's generator trained on random pairs, and it
# learns the mean: its probabilities hardly depend on $z$. Nothing crashes, and the loss falls to that of one probability per
# pixel. Half fixed, it is an autoencoder with extra steps: $\sigma$ nearly vanishes, the means move apart, and sampling from
# the prior fails as it did there. FD (here of one set each) even prefers the blur. Fixed, with a sampled code *and* its KL
# term, it is a VAE.

# %% [markdown] tags=["studio"]
# ### B · Build: a better VAE, from an empty page
#
# Without looking at the cells above, write a function that takes black-and-white digits, trains a VAE on them, and returns two
# functions (or modules), `encode` and `decode`. The bar is an ELBO above $-18.7$ nats per held-out digit, which the core's recipe
# does not reach in its 60 epochs. You may change anything: depth, initialization, schedule, optimizer, number of latent
# dimensions, remedies for overfitting. Set some of the digits aside as a validation set, and make your choices on them.
#
# ### Exercise 4.5 · `train_vae`
# The check trains it on 1,000 digits and measures it on 797 others. It stops after 30 seconds.


# %% tags=["studio", "exercise:4.5", "points:8", "minutes:25"]
def train_vae(x):
    """Train a VAE on binary digits.

    x: (N, 64) -> encode: (B, 64) -> mu, logvar (B, Z); decode: (B, Z) -> logits (B, 64)
    """

    # BEGIN SOLUTION
    def network(inputs, outputs, dropout, hidden=200):
        layers = []
        for n in (inputs, hidden):
            layers += [nn.Linear(n, hidden), nn.SiLU(), nn.Dropout(dropout)]
            nn.init.kaiming_normal_(layers[-3].weight)
        return nn.Sequential(*layers, nn.Linear(hidden, outputs))

    def loss_fn(model, batch):
        (x,) = batch
        encoder, decoder = model
        mu, logvar = encoder(x).chunk(2, dim=1)  # (B, 8) each
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)  # (B, 8)
        nll = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="none").sum(dim=1)
        kl = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(dim=1)  # (B,)
        return (nll + kl).mean()

    epochs, loader = 60, Minibatches(x, size=50)
    model = nn.ModuleList([network(64, 16, 0.2), network(8, 64, 0.1)])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    steps = epochs * len(loader)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=steps)
    fit(model, loader, loss_fn, optimizer, epochs, scheduler)
    model.eval()  # no dropout from here on
    encoder, decoder = model
    return lambda x: encoder(x).chunk(2, dim=1), decoder
    # END SOLUTION


# %% tags=["studio", "check:4.5"]
train_vae = check("4.5", train_vae)

# %% [markdown] tags=["studio", "help:4.5"]
# Has the core's recipe stopped improving after 60 epochs? Print the ELBO of the digits you train on beside that of digits you set
# aside. Is the model still too weak for both, or has only the second stopped improving?
# ---
# A one-layer model with 8 latent dimensions, 128 hidden units, Adam with a learning rate of $0.003$ that falls to zero and
# minibatches of 50 reaches about $-18.9$ in 60 epochs, $-18.5$ in 100, and $-18.4$ in 150 or 300. So patience alone passes the
# bar, but then it stops paying: only the training digits keep improving.
# ---
# A larger network that is initialized well goes farther than patience, to about $-18.1$ in 60 epochs. The loss is the negative
# ELBO, pixels and latent dimensions summed, and the loop is that of lesson 03. If you add dropout, which sets random units to
# zero during training, call `eval()` before you return, or it stays on.

# %% tags=["studio"]
runtime.seed_all(11)
encode, decode = train_vae(x_train[: runtime.budget(smoke=100, cpu=1000)].cpu())
with torch.no_grad():
    mu_built, logvar_built = encode(x_test.cpu())
    logits = decode(sample_z(mu_built, logvar_built))  # (797, 64)
    each = elbo(logits, x_test.cpu(), mu_built, logvar_built)  # (797,)
built, error = each.mean().item(), each.std().item() / math.sqrt(len(each))
print(f"ELBO of what you built: {built:.2f} nats per held-out digit (standard error {error:.2f})")
print(f"the bar is -18.70; the core's model reaches {vae_elbo:.2f}")
print(f"log p(x) of lesson 01's mixture, exact: {tight['mixture of lesson 01, exact']:.2f}")
also_inside = runtime.reached(
    {
        "04.claimed.elbo": claims["as claimed"]["ELBO"],
        "04.claimed.fd": claims["as claimed"]["FD"],
        "04.claimed.std": claims["as claimed"]["std of probs"],
        "04.half.sigma": claims["half fixed"]["sigma"],
        "04.half.std": claims["half fixed"]["std of mu"],
        "04.half.fd": claims["half fixed"]["FD"],
    }
)

# %% tags=["studio", "solved"]
assert also_inside
assert claims["as claimed"]["FD"] >= 5 and claims["half fixed"]["FD"] >= 8
assert claims["fixed"]["FD"] < 2 and built > -18.7
assert claims["as claimed"]["std of probs"] < 0.05 < claims["fixed"]["std of probs"]

# %% [markdown]
# ## Where we are now
#
# You can
# - derive the ELBO in five lines, and check each with numbers;
# - send a gradient through a random draw;
# - train a VAE, whose encoder makes training tractable while prior and decoder make the images;
# - say how much of its gap is amortization, and what its loss bounds when pixels are gray;
# - notice posterior collapse, find its cause, and choose a remedy.
#
# **Read on.** Kingma & Welling 2014, *Auto-Encoding Variational Bayes*: the ELBO by gradient ascent, and reparameterization.
# Their 2019 *Introduction to Variational Autoencoders* is the best long account. Rezende, Mohamed & Wierstra 2014, *Stochastic
# Backpropagation and Approximate Inference in Deep Generative Models*: the same idea, found independently at the same time.
# Cremer, Li & Duvenaud 2018, *Inference Suboptimality in Variational Autoencoders*: the amortization gap. Bowman et al. 2016,
# *Generating Sentences from a Continuous Space*: posterior collapse and KL warm-up. Kingma et al. 2016, *Improving Variational
# Inference with Inverse Autoregressive Flow*: free bits. Higgins et al. 2017, *beta-VAE*, and Alemi et al. 2018, *Fixing a Broken
# ELBO*: the weight on the KL term, and the rate–distortion curve.
#
# **Next.** Eight by eight pixels were a toy. Lesson 05 takes the full-size digits and a listing that does not run, and asks the
# question whose answer this lesson borrowed: how do you *measure* whether samples are good?
