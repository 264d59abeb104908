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
# - *derive* the ELBO line by line, and check each line with numbers;
# - compute the KL divergence of a code in *closed form*;
# - *reparameterize*: let a gradient pass a roll of the dice;
# - keep *inference* (picture to code) and *generation* (code to picture) apart;
# - *diagnose* a code that carries nothing.

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
from course_utils.lesson01 import normal_logpdf
from course_utils.lesson04 import drawing, explorables

device = runtime.setup(seed=0)

# %% [markdown]
# ## An autoencoder: pictures through a narrow door
#
# The generators of lessons 02 and 03 drew pixel by pixel and had no idea of the whole. Lesson 01's mixture had one, but only
# sixty plans to choose from. A person who draws a 7 has a plan first. Where could
# a model get plans from, if nobody writes them down?
#
# Make it *pass the picture on*. An **encoder** turns a picture $x$ into a few numbers $z$, the **code**; a **decoder** turns the
# code back into a picture. Both are trained so that what comes out is what went in. If the door is narrow, the code must say
# what matters. We use small digits, 8×8, black and white, so that everything trains in seconds. The door is eight
# numbers wide. (`SiLU` is a smooth ReLU; `chunk` cuts a table into equal parts.)

# %%
digits = data.digits8()
x_train = (digits.x_train.flatten(1) > 0.5).float().to(device)  # (1000, 64)
x_test = (digits.x_test.flatten(1) > 0.5).float().to(device)  # (797, 64)


# %%
class VAE(nn.Module):
    """Encoder (B, 64) -> mu, logvar (B, Z) each; decoder (B, Z) -> logits (B, 64)."""

    def __init__(self, Z=8, hidden=128):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, hidden), nn.SiLU(), nn.Linear(hidden, 2 * Z))
        self.decoder = nn.Sequential(nn.Linear(Z, hidden), nn.SiLU(), nn.Linear(hidden, 64))

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=1)  # (B, Z), (B, Z)

    def decode(self, z):
        return self.decoder(z)  # (B, 64)


def train(loss_of, epochs, seed, Z=8):
    """Train a fresh model to make loss_of(model, x) small, x a handful of digits. -> the model"""
    runtime.seed_all(seed)
    model = VAE(Z).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=20 * epochs)
    for _ in range(epochs):
        for rows in torch.randperm(1000).split(50):
            loss = loss_of(model, x_train[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            fade.step()
    return model


# %% [markdown]
# The class has more than an autoencoder needs: its encoder gives *two* numbers per code dimension. Today's first model uses
# only the first, `mu`, as its code. The loss is the surprise of the decoder's coins at the very picture that went in: here every
# picture has a partner, itself.

# %%
epochs = runtime.budget(smoke=3, cpu=150)


def reconstruct(logits, x):
    """log p(x|z) of each picture: its pixels are coins with these logits. (B, D), (B, D) -> (B,)"""
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)


def ae_loss(model, x):
    mu, _ = model.encode(x)
    return -reconstruct(model.decode(mu), x).mean()


ae = train(ae_loss, epochs, seed=1)
with torch.no_grad():
    code, _ = ae.encode(x_test)  # (797, 8)
    seen = torch.sigmoid(ae.decode(code))  # (797, 64)
plots.rows(
    {"went in (never seen in training)": x_test[:20].cpu(), "came out": seen[:20].cpu()},
    alt="Above: twenty small digits. Below: nearly the same digits, a little softened.",
)

# %% [markdown]
# Eight numbers are enough for 64 pixels, on digits it never met. The code has found something that is true of digits.

# %% [markdown]
# ## Codes that nobody encoded
#
# The decoder turns codes into pictures. So hand it codes nobody encoded, say eight random numbers from $\mathcal N(0, 1)$, and it
# should draw new digits.
#
# **Predict.** Handed random codes, will the decoder draw digits, blurred digits, or something else? And why should, or
# shouldn't, it know what to do with such a code?
#
# For the measuring we borrow a number that lesson 05 opens up: the **Fréchet distance**, FD, between the crowd of drawn
# pictures and the crowd of real ones, as a small digit classifier sees them. Zero would be the same crowd. Real training digits
# are at {{04.floor:.2f}} from real test digits.


# %%
def pictures(model, z):
    """Black-and-white pictures for codes: each pixel's coin is tossed. (N, Z) -> (N, 64)"""
    with torch.no_grad():
        return torch.bernoulli(torch.sigmoid(model.decode(z)))


def noise(n, Z=8):
    return torch.randn(n, Z).to(device)  # (n, Z)


runtime.seed_all(2)
fd = {
    "real digits": metrics.frechet_digits8(x_train),
    "autoencoder": metrics.frechet_digits8(pictures(ae, noise(2000))),
}
plots.rows(
    {"decoder, codes from N(0, 1)": pictures(ae, noise(20)).cpu(), "real": x_test[:20].cpu()},
    alt="Above: smudges and fragments, hardly any digit. Below: real digits.",
)
print(f"FD: real {fd['real digits']:.2f}, autoencoder {fd['autoencoder']:.1f}")

# %%
ax = plots.panel(
    alt="The codes of digits spread over tens of units; N(0, 1) is a small disc.", size=(5.5, 4)
)
ax.scatter(*code[:, :2].cpu().T, s=8, color=plots.DATA, label="codes of real digits")
ax.scatter(*noise(500)[:, :2].cpu().T, s=8, color=plots.MODEL, marker="x", label="N(0, 1)")
ax.legend()
plots.label(ax, "The first two numbers of the code", "z1", "z2")
# %% [markdown]
# <details><summary>What happened</summary>
#
# Something else. Nothing in the loss said *where* the codes should live. They settled in a wide cloud, off center. Nearly all
# codes from $\mathcal N(0, 1)$ land in one small spot of it, in all eight dimensions at once, where hardly any digit lives.
# A reconstruction is not a new picture, and a decoder is not yet a generator.
#
# </details>

# %% [markdown]
# ## A plan before the first pixel
#
# Turn it round. Begin with how a picture is *made*, and say it as probabilities. First a plan $z$, a **latent** (hidden) variable, is drawn from a fixed
# **prior**, $p(z) = \mathcal N(0, I)$: independent numbers, each from $\mathcal N(0, 1)$. Then the pixels are tossed with coins that depend on the plan, $p(x \mid z)$. That is
# a mixture, as in lesson 01, with infinitely many kinds:
#
# $$ p(x) = \int p(z)\, p(x \mid z)\, dz $$
#
# Fitting means making this likelihood, also called the **evidence**, large. But the integral, a sum over boxes that get ever
# narrower, runs over all plans, and for a given picture nearly all of them are wrong. To see what can be done, shrink the
# world until the sum can be done: a plan that is one number, a "picture" that is one number, $x = f(z) + \text{noise}$, with
# noise of width $\tfrac12$. With $f(z) = z^2 - 1$ two plans, one positive and one negative, explain the same $x$. We keep
# $\log p(z)\,p(x \mid z)$, called the *joint* of plan and picture.

# %% tags=["nbval-check-output"]
z = np.linspace(-8, 8, 1601)  # (1601,) boxes, 0.01 wide
dz = z[1] - z[0]


def f(bend):
    """What each plan makes: z itself for bend 0, z² - 1 for bend 1. -> (1601,)"""
    return (1 - bend) * z + bend * (z**2 - 1)


def joint(x, bend):
    """log p(z) + log p(x|z) on the line of plans. -> (1601,)"""
    return normal_logpdf(z, 0, 1) + normal_logpdf(x, f(bend), 0.5**2)


x_seen = 1.0
evidence = math.log(np.exp(joint(x_seen, 1)).sum() * dz)
plans = runtime.rng(3).normal(size=(5, 100))  # five attempts with 100 plans from the prior
guesses = np.log(np.exp(normal_logpdf(x_seen, plans**2 - 1, 0.25)).mean(axis=1))
print(f"log p(x = 1) by summing all boxes: {evidence:.4f}")
print("within 0.5 of it with 100 random plans:", bool((abs(guesses - evidence) < 0.5).all()))

# %% [markdown]
# In one dimension a hundred random plans are enough. In eight, a hundred random plans miss by nats, as you will measure. So ask
# somebody who has seen the picture to propose plans: a distribution $q(z)$, in papers $q(z \mid x)$. This is what the encoder is
# *for*. It generates nothing; it makes the likelihood computable. That is **inference**.

# %% [markdown]
# ## The ELBO in five checked lines
#
# For any $q$ that proposes plans for $x$:
#
# $$ \begin{aligned}
# \log p(x) &= \log \int p(z)\, p(x \mid z)\, dz && (1) \\
#           &= \log \int q(z)\, \frac{p(z)\, p(x \mid z)}{q(z)}\, dz && (2)\ \text{multiply and divide by } q \\
#           &\ge \int q(z) \log \frac{p(z)\, p(x \mid z)}{q(z)}\, dz && (3)\ \text{the log of a mean is at least the mean of the logs} \\
#           &= \underbrace{\int q(z) \log p(x \mid z)\, dz}_{\text{reconstruction}}
#              - \underbrace{D_{\mathrm{KL}}(q(z) \,\|\, p(z))}_{\text{price of the code}} && (4)\ \text{sort the logs} \\
# \log p(x) - \text{(4)} &= D_{\mathrm{KL}}(q(z) \,\|\, p(z \mid x)) && (5)\ \text{what was lost in (3)}
# \end{aligned} $$
#
# Line (3): of the numbers 1 and 4, the log of the mean is $\log 2.5 = 0.92$ and the mean of the logs $0.69$. The logarithm bends
# downwards, so it is always this way round (*Jensen's inequality*). Line (4) is the **evidence lower bound**, ELBO. Line (5) says how far below the
# evidence it lies: by Bayes' rule $p(z)\,p(x \mid z) = p(x)\,p(z \mid x)$, and with that (3) becomes $\log p(x)$ minus the KL
# from $q$ to the **posterior** $p(z \mid x)$, the plans that really lead to $x$.
#
# **Predict.** Below, $q$ is the bell $\mathcal N(\tfrac12, 1)$. Two plans lead to $x = 1$, namely $\pm\sqrt2$. How much is lost in
# (3): next to nothing, about one nat, or several?
#
# For (2) and (3) we draw plans from $q$; the others are sums over boxes.


# %% tags=["nbval-check-output"]
def log_masses(log_density):
    """Logarithms of the boxes' masses, from log-densities. (1601,) -> (1601,)"""
    return log_density - logsumexp(log_density)


def divergence(log_p, log_q):
    """Lesson 02's kl from log-masses, so that nothing underflows. (1601,), (1601,) -> nats"""
    return (np.exp(log_p) * (log_p - log_q)).sum()


def parts(log_joint, m, s):
    """For the proposal q = N(m, s²): log p(x), reconstruction, price, and the gap of line (5)."""
    log_q, log_prior = normal_logpdf(z, m, s**2), normal_logpdf(z, 0, 1)
    q = np.exp(log_masses(log_q))  # (1601,)
    evidence = logsumexp(log_joint) + math.log(dz)
    reconstruction = (q * (log_joint - log_prior)).sum()  # joint - prior is log p(x|z)
    price = divergence(log_masses(log_q), log_masses(log_prior))
    return evidence, reconstruction, price, divergence(log_masses(log_q), log_masses(log_joint))


m, s = 0.5, 1.0  # a proposal
evidence, reconstruction, price, gap = parts(joint(x_seen, 1), m, s)
proposed = m + s * runtime.rng(4).normal(size=400_000)  # (400000,) plans drawn from q
log_ratio = np.interp(proposed, z, joint(x_seen, 1)) - normal_logpdf(proposed, m, s**2)
line_2, line_3 = np.log(np.exp(log_ratio).mean()), log_ratio.mean()
print(f"(1) log p(x)          {evidence:7.2f}   (2) log of the mean ratio {line_2:7.2f}")
line_4 = reconstruction - price
print(f"(3) mean log ratio  {line_3:7.2f}   (4) {reconstruction:.2f} - {price:.2f} = {line_4:7.2f}")
print(f"(1) - (4)             {evidence - line_4:7.4f}   (5) KL to the posterior   {gap:7.4f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Several. Most plans of this $q$ lie between the two that explain $x$, or beyond them. There the ratio is tiny, and the mean of the
# *logs* does not forgive that. Nothing is lost if all ratios $p(z)\,p(x \mid z)/q(z)$ are equal: if $q$ *is* the posterior. The
# best proposal is the truth about which plans lead to $x$.
#
# </details>

# %% [markdown]
# **Now move $q$ yourself.** Every panel can be dragged. First panel: where the curve $f(z)$ meets the band around the
# observed $x$, latents explain it. Second: the prior, the posterior, and your $q$. Third, both sides of the bound while the
# decoder's parameter, `bend`, changes and $q$ stays: the ELBO never crosses the evidence, and raising it can mean to close
# the gap or to lift the evidence. Fourth: the ELBO of every $q$; brighter is higher.
#
# **Your goal.** With `bend` 0, get the gap below $0.05$. Then set `bend` to 1 and get as low as you can. (Which direction
# of KL is line 5, and what did lesson 02 say about it and two modes?)


# %%
explorables.gap()

# %% [markdown]
# <details><summary>What to find with the sliders</summary>
#
# Bend 0: at mean $0.8$ and sigma $0.45$ the gap closes, for the posterior is a bell. Bend 1 at $x = 1$: no bell closes it. The
# best sits on one hump and pays about $\log 2 \approx 0.69$ nats for leaving out the other: line 5 is the *reverse* KL, and you
# saw in lesson 02 that it picks a hump. Slide $x$ down to 0: the humps are still there, but so near each other that covering
# both has become cheaper. Further down they merge. For a given $x$ and bend, raising the ELBO and closing the gap
# are the same thing, since the evidence does not depend on $q$. When the decoder learns too, the curve itself moves, and the evidence with it: the third panel.
#
# </details>
#
# > **A good place to stop.** The hard part is behind you. When you come back, run all cells above once
# > (*Run → Run All Above Selected Cell*).

# %% [markdown]
# ## A roll of the dice in the way
#
# The encoder proposes a Gaussian for each digit, with its own `mu` and `logvar`. The decoder wants one point from it. Between the
# two stands a roll of the dice, and we need a gradient through it: otherwise the encoder never hears how the decoder fared.
#
# **Predict.** Below, `mu` is 2 and we draw one sample. Which gradient with respect to `mu` does it carry: 1, 0, or none at
# all?

# %% tags=["nbval-check-output"]
mu = torch.tensor(2.0, requires_grad=True)
dice = torch.distributions.Normal(mu, 1.0)
print("sample  carries a gradient:", dice.sample().requires_grad)
print("rsample carries a gradient:", dice.rsample().requires_grad)

# %% [markdown]
# <details><summary>What happened</summary>
#
# None at all: `sample` hands back a value without a history. A training loop built on it still runs, the decoder
# still learns, and the encoder hears nothing of how the decoder fared. `rsample` keeps the history.
#
# </details>
#
# The trick that keeps the road open is one line long. Draw the randomness first, from a Gaussian that depends on nothing, and
# *then* shift and stretch it:
#
# $$ z = \mu + \sigma \odot \varepsilon, \qquad \varepsilon \sim \mathcal N(0, I), \qquad \sigma = e^{\frac12 \log\sigma^2} $$
#
# The dice now stand beside the path, not in it: $\partial z/\partial\mu = 1$ and $\partial z/\partial\sigma = \varepsilon$.
#
# ### Exercise 4.1 · `reparameterize`
# Return one sample per row. Networks like to output any real number, so ours gives $\log\sigma^2$, not $\sigma$.


# %% tags=["exercise:4.1", "points:4", "minutes:4"]
def reparameterize(mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    """z ~ N(mu, exp(logvar)), differentiable in mu and logvar. (B, Z), (B, Z), (B, Z) -> (B, Z)"""
    # BEGIN SOLUTION
    return mu + torch.exp(0.5 * logvar) * eps  # (B, Z)
    # END SOLUTION


# %% tags=["check:4.1"]
reparameterize = check("4.1", reparameterize)

# %% [markdown] tags=["help:4.1"]
# You are given $\log\sigma^2$. Which number must you take the exponential of to get $\sigma$?
# ---
# $\mu = 1$, $\log\sigma^2 = \log 4 = 1.386$, $\varepsilon = 0.5$: $\sigma = e^{0.693} = 2$, so $z = 1 + 2 \cdot 0.5 = 2$.
# ---
# Half the logarithm of $\sigma^2$ is the logarithm of $\sigma$. Everything stays a tensor operation, so the gradient passes
# to both `mu` and `logvar`.

# %% [markdown]
# ## The price of a code
#
# Line (4) needs two numbers per picture. The first is the reconstruction with the sampled code, as in the autoencoder. The
# second is the price $D_{\mathrm{KL}}(q \,\|\, p)$. Nothing is to be paid for a code that equals the prior: it says nothing.
# Precision costs (small $\sigma$), and so does standing far out. Averaged over pictures, the price is the most that the
# code can tell about them, in nats. Between two bells it has a closed form, and you can find it.
#
# ### Exercise 4.2 · `kl_normal`
# One number of the code at a time: the KL is the average, over $z$ from $q = \mathcal N(\mu, \sigma^2)$, of
# $\log q(z) - \log p(z)$ with $p = \mathcal N(0, 1)$. Both logarithms you know from Exercise 1.1. Under $q$, $z^2$ averages to
# $\mu^2 + \sigma^2$, and $(z - \mu)^2$ to $\sigma^2$. Work it out on paper, then sum over the numbers of each code: one price
# per picture.


# %% tags=["exercise:4.2", "points:4", "minutes:11"]
def kl_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL from N(mu, exp(logvar)) to N(0, I), in nats. (B, Z), (B, Z) -> (B,)"""
    # BEGIN SOLUTION
    return 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(dim=1)  # (B,)
    # END SOLUTION


# %% tags=["check:4.2"]
kl_normal = check("4.2", kl_normal)

# %% [markdown] tags=["help:4.2"]
# Write down $\log q(z)$ and $\log p(z)$; the $\log 2\pi$ cancels. Which averages are left? And which of your terms is
# $\log\sigma^2$, when the network hands you `logvar`?
# ---
# $\mu = (1, 0)$, $\log\sigma^2 = (0, \log 4)$: the first number costs $\tfrac12(1 + 1 - 1 - 0) = 0.5$, the second
# $\tfrac12(0 + 4 - 1 - 1.386) = 0.807$. Together $1.307$ nats.
# ---
# The averages give $\tfrac12 \sum_j \big( \mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2 \big)$. `logvar` is $\log\sigma^2$ itself and
# `torch.exp(logvar)` is $\sigma^2$. The sum runs over the last axis, and the batch stays.

# %% [markdown]
# Check it before you trust it, with boxes on a line, as in lesson 02:

# %% tags=["nbval-check-output"]
for m, s in [(0.0, 1.0), (1.5, 1.0), (0.0, 0.2), (-1.0, 1.5)]:
    boxes = divergence(log_masses(normal_logpdf(z, m, s**2)), log_masses(normal_logpdf(z, 0, 1)))
    yours = kl_normal(torch.tensor([[m]]), torch.tensor([[2 * math.log(s)]])).item()
    print(f"N({m:4.1f}, {s:.1f}²): yours {yours:.4f}   boxes {boxes:.4f}")

# %% [markdown]
# ### Exercise 4.3 · `elbo`
# Line (4), per picture, with one sampled code: what the decoder's coins give the picture, minus the price. Both are *sums*,
# over pixels and over the code. (`reconstruct` from above is at hand.)


# %% tags=["exercise:4.3", "points:4", "minutes:5"]
def elbo(logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """One-sample ELBO in nats: log p(x|z) - KL. logits, x: (B, D), mu, logvar: (B, Z) -> (B,)"""
    # BEGIN SOLUTION
    log_px_z = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)  # (B,)
    return log_px_z - kl_normal(mu, logvar)  # (B,)
    # END SOLUTION


# %% tags=["check:4.3"]
elbo = check("4.3", elbo)

# %% [markdown] tags=["help:4.3"]
# Is the ELBO something to make large or small? So which sign does each of its two parts carry?
# ---
# One picture of two pixels, $x = (1, 0)$, logits $(2, -1)$: $\log\sigma(2) = -0.127$ and $\log(1-\sigma(-1)) = -0.313$, together
# $-0.440$. A code with $\mu = 1$, $\log\sigma^2 = 0$ costs $0.5$. The ELBO is $-0.940$.
# ---
# `binary_cross_entropy_with_logits` is a surprise, so it enters with a minus; `reduction="none"` keeps the pixels apart
# until they are summed per picture. A mean over pixels would make the price weigh 64 times too much.

# %% [markdown]
# ## Train, sample, measure
#
# That is a **variational autoencoder**, VAE (Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014): the same two
# networks, a sampled code, and the ELBO to be made large. It learns from pictures alone, without labels: *unsupervised*.
#
# **Predict.** Compared with the autoencoder, will the VAE's reconstructions of digits it trained on be better, worse or equal?
# Those of new digits? And its samples?


# %%
def vae_loss(model, x):
    mu, logvar = model.encode(x)
    z = reparameterize(mu, logvar, torch.randn_like(mu))  # (B, Z)
    return -elbo(model.decode(z), x, mu, logvar).mean()


@torch.no_grad()
def measure(model, x):
    """Held-out ELBO and its two parts, in nats per digit. -> ELBO, reconstruction, KL"""
    mu, logvar = model.encode(x)
    logits = model.decode(reparameterize(mu, logvar, torch.randn_like(mu)))
    price = kl_normal(mu, logvar).mean().item()
    total = elbo(logits, x, mu, logvar).mean().item()
    return total, total + price, price


vae = train(vae_loss, epochs, seed=1)
runtime.seed_all(4)
vae_elbo, vae_reconstruction, vae_price = np.mean([measure(vae, x_test) for _ in range(20)], axis=0)
fd["VAE"] = metrics.frechet_digits8(pictures(vae, noise(2000)))
print(f"held-out ELBO {vae_elbo:.2f} = {vae_reconstruction:.2f} - {vae_price:.2f} nats per digit")
told = {}
for name, model in [("autoencoder", ae), ("VAE", vae)]:
    with torch.no_grad():
        for group, x in [("trained on", x_train), ("new", x_test)]:
            mu, logvar = model.encode(x)
            z_used = mu if model is ae else reparameterize(mu, logvar, torch.randn_like(mu))
            told[name, group] = reconstruct(model.decode(z_used), x).mean().item()
    print(
        f"{name:<12} reconstruction: {told[name, 'trained on']:6.1f} nats on digits trained on, "
        f"{told[name, 'new']:6.1f} on new ones;  FD {fd[name]:.1f}"
    )

# %%
with torch.no_grad():
    mu_test, logvar_test = vae.encode(x_test)
    coins = torch.sigmoid(vae.decode(noise(20))).cpu()  # (20, 64)
plots.rows(
    {
        "real": x_test[:20].cpu(),
        "VAE, coins": coins,
        "VAE, tossed": torch.bernoulli(coins),
        "autoencoder, new": pictures(ae, noise(20)).cpu(),
    },
    alt="Real digits; soft gray digits from the VAE; the same tossed, about half readable; "
    "specks from the autoencoder.",
)

# %% [markdown]
# <details><summary>What happened</summary>
#
# On digits it trained on, the autoencoder is far ahead: {{04.ae.trained:.0f}} nats against {{04.vae.trained:.0f}}. On new
# ones the two are about level: the noise that spoils a reconstruction also keeps the model from learning digits by heart.
# Samples are far better: FD {{04.vae.fd:.1f}} against {{04.ae.fd:.0f}}. The price pulled the crowd of codes towards the prior, so
# codes from the prior are now codes the decoder knows.
#
# </details>
#
# **How tight is the bound on pictures?** Line (2) can be used as it stands: draw 100 plans for each new digit, from the prior
# or from the encoder, and take the log of the mean ratio.


# %%
@torch.no_grad()
def evidence_from(mu, logvar, x, K=100):
    """log p(x) by line (2), from K plans of N(mu, exp(logvar)) a picture. (B, D) -> number"""
    log_ratio = []
    for _ in range(K):
        eps = torch.randn_like(mu)
        plan = reparameterize(mu, logvar, eps)  # (B, Z)
        # both without log √2π, which cancels: (B, Z), (B, Z)
        log_prior, log_q = -0.5 * plan**2, -0.5 * eps**2 - 0.5 * logvar
        log_ratio.append(reconstruct(vae.decode(plan), x) + (log_prior - log_q).sum(dim=1))
    return (torch.logsumexp(torch.stack(log_ratio), dim=0) - math.log(K)).mean().item()


still = torch.zeros_like(mu_test)
tight = {
    "prior": evidence_from(still, still, x_test),
    "encoder": evidence_from(mu_test, logvar_test, x_test),
}
print(
    f"ELBO {vae_elbo:.2f};  log p(x) from 100 plans of the prior {tight['prior']:.2f}, "
    f"of the encoder {tight['encoder']:.2f} nats per digit"
)

# %% [markdown]
# A hundred plans by somebody who never saw the picture miss by nats; a hundred by the encoder do not. The bound lies less
# than a nat below. (Such an estimate errs on the low side too; lesson 05 returns to it.)
#
# **Predict.** Could the *old* decoder, the autoencoder's, draw digits if only we handed it better codes? Fit a Gaussian to
# its codes of the training digits, lesson 01's way, and draw from that.

# %%
runtime.seed_all(5)
with torch.no_grad():
    codes = ae.encode(x_train)[0].cpu()  # (1000, 8)
spread_out = torch.distributions.MultivariateNormal(codes.mean(dim=0), codes.T.cov())
better_codes = spread_out.sample((2000,)).to(device)  # (2000, 8)
fd["autoencoder, fitted"] = metrics.frechet_digits8(pictures(ae, better_codes))
ax = plots.bars(
    list(fd),
    list(fd.values()),
    form=".2f",
    color=[plots.DATA, plots.WRONG, plots.MODEL, plots.OTHER],
    alt="Real digits lowest, VAE and fitted autoencoder close; autoencoder far behind.",
)
plots.label(ax, "Distance to real digits: lower is better", "Fréchet distance")

# %% [markdown]
# <details><summary>What happened</summary>
#
# It can: all that was missing was a distribution over codes. Fitted afterwards, it brings the autoencoder from
# {{04.ae.fd:.0f}} to {{04.ae.fd_fitted:.1f}}, close to the VAE. Plan first, then pixels: now it *is* a generative model, in two
# steps. What it does not have is a bound on the likelihood, one number that says how well the whole fits new data.
#
# </details>

# %% [markdown]
# ## A code that says nothing, and how to notice it
#
# The ELBO is a bargain between two parts, and it can be struck badly. Two common lines of code: one *averages* the surprise
# over the 64 pixels and leaves the price as it is. The other samples with `sample()`, through which no gradient passes.
#
# **Predict.** In the first, which averages, the price weighs 64 times too much. In the second, with `sample()`, the encoder
# hears of the price and of nothing else. What will it do in each, and what will the samples look like?


# %%
def averaged_loss(model, x):
    """The mistake: a mean over pixels beside a sum over the code."""
    mu, logvar = model.encode(x)
    z = reparameterize(mu, logvar, torch.randn_like(mu))
    return (-reconstruct(model.decode(z), x) / 64 + kl_normal(mu, logvar)).mean()


def deaf_loss(model, x):
    """The other mistake: a sample without a history."""
    mu, logvar = model.encode(x)
    z = torch.distributions.Normal(mu, torch.exp(0.5 * logvar)).sample()
    return -elbo(model.decode(z), x, mu, logvar).mean()


deaf = train(deaf_loss, epochs, seed=1)
collapsed = train(averaged_loss, epochs, seed=1)
runtime.seed_all(6)
collapsed_elbo, _, collapsed_price = measure(collapsed, x_test)
fd["collapsed"] = metrics.frechet_digits8(pictures(collapsed, noise(2000)))
print(
    f"held-out ELBO {collapsed_elbo:.2f}, price {collapsed_price:.4f} nats, "
    f"FD {fd['collapsed']:.1f}"
)
deaf_elbo, _, deaf_price = measure(deaf, x_test)
print(f"with sample(): ELBO {deaf_elbo:.2f}, price {deaf_price:.4f} nats")
mean_picture = x_train.mean(0).clamp(0.001, 0.999)
level = reconstruct(torch.logit(mean_picture).expand_as(x_test), x_test).mean().item()
print(f"one fixed coin per pixel, no code at all: {level:.2f}")
with torch.no_grad():
    blurs = torch.sigmoid(collapsed.decode(noise(20)))
plots.rows(
    {"collapsed: its coins for 20 codes": blurs.cpu(), "VAE, new": pictures(vae, noise(20)).cpu()},
    alt="Above: twenty times the same gray blur, the average digit. Below: varied digits.",
)

# %% [markdown]
# <details><summary>What happened</summary>
#
# Twice the same. A code that says nothing is free, so the encoder says nothing: $\mu = 0$, $\sigma = 1$ for every picture. In
# the first, a nat of code would have to save 64 nats of surprise, and fixed coins cost only 25 in all. In the second, nobody
# tells the encoder what a code is good for. The decoder, left alone, draws the average. This is **posterior collapse**.
# Training ran, the loss fell, and what came out is lesson 01's first generator. (It can also happen with the right price,
# when a decoder is strong enough to do without a code.)
#
# </details>
#
# ### Exercise 4.4 · `collapsed_units`
# Write the alarm. A number of the code is asleep if, *averaged over the pictures*, its own KL is less than `tol` nats. The
# formula is that of `kl_normal`, before the sum.


# %% tags=["exercise:4.4", "points:3", "minutes:5"]
def collapsed_units(mu: Tensor, logvar: Tensor, tol: float) -> Tensor:
    """Which numbers of the code carry less than tol nats on average.

    (N, Z), (N, Z), float -> bool (Z,)
    """
    # BEGIN SOLUTION
    price = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar)  # (N, Z)
    return price.mean(dim=0) < tol  # (Z,)
    # END SOLUTION


# %% tags=["check:4.4"]
collapsed_units = check("4.4", collapsed_units)

# %% [markdown] tags=["help:4.4"]
# You need one number per *column* of the code. Which axis disappears?
# ---
# Two pictures, two numbers, $\sigma = 1$ everywhere, $\mu = \begin{pmatrix} 2 & 0 \\ -2 & 0.1 \end{pmatrix}$. First column: $\tfrac12\cdot 4 = 2$ both
# times, average 2 nats. Second: $0$ and $0.005$, average $0.0025$. With `tol` $0.01$ the answer is (False, True).
# ---
# The KL of each number, averaged down the pictures, compared with `tol`. The average of `mu` alone would not do: in the first column it is 0.

# %%
with torch.no_grad():
    for name, model in [("VAE", vae), ("collapsed", collapsed)]:
        asleep = collapsed_units(*model.encode(x_test), tol=0.02)
        print(f"{name:<10} asleep: {asleep.sum().item()} of 8")

# %% [markdown]
# **Turn the price.** Eight models, trained with the price multiplied by powers of two from 1/16 to 8, a weight
# usually called $\beta$ (Higgins et al. 2017; nothing to do with momentum's). At $\beta = 1$ is the true ELBO.


# %%
def weighted_loss(beta):
    def loss_of(model, x):
        mu, logvar = model.encode(x)
        z = reparameterize(mu, logvar, torch.randn_like(mu))
        return (-reconstruct(model.decode(z), x) + beta * kl_normal(mu, logvar)).mean()

    return loss_of


sweep, asleep_in = {}, {}
for k in progress.bar(range(-4, 4), "weights"):
    model = train(weighted_loss(2.0**k), runtime.budget(smoke=2, cpu=60), seed=7)
    runtime.seed_all(8)
    with torch.no_grad():
        asleep_in[k] = collapsed_units(*model.encode(x_test), tol=0.02).sum().item()
    in_nats = measure(model, x_test)
    distance = metrics.frechet_digits8(pictures(model, noise(2000)))
    sweep[k] = in_nats + (distance, pictures(model, noise(40)).cpu())
drawing.weights(sweep, asleep_in)

# %% [markdown]
# Too cheap, and the crowd of codes no longer looks like the prior; too expensive, and the code falls silent, number by
# number. The ELBO in the title always counts the price once, so it is a bound on the likelihood of each of these models. Only
# the model at $\beta = 1$ was trained to make *that* number large.

# %% [markdown]
# ## What this run reached

# %%
inside = runtime.reached(
    {
        "04.floor": fd["real digits"],
        "04.vae.elbo": vae_elbo,
        "04.vae.price": vae_price,
        "04.vae.fd": fd["VAE"],
        "04.ae.trained": told["autoencoder", "trained on"],
        "04.vae.trained": told["VAE", "trained on"],
        "04.tight.prior": tight["prior"],
        "04.tight.encoder": tight["encoder"],
        "04.ae.fd": fd["autoencoder"],
        "04.ae.fd_fitted": fd["autoencoder, fitted"],
        "04.collapsed.elbo": collapsed_elbo,
        "04.collapsed.fd": fd["collapsed"],
    }
)

# %% tags=["solved"]
assert inside
assert vae_elbo > -19.2 and fd["VAE"] < 1.2
assert fd["autoencoder, fitted"] < 3 and fd["autoencoder"] > 8
assert abs(evidence - line_2) < 0.02 and abs(line_3 - reconstruction + price) < 0.05
assert abs(evidence - reconstruction + price - gap) < 1e-6
assert tight["prior"] < vae_elbo < tight["encoder"]
assert told["autoencoder", "trained on"] > told["VAE", "trained on"] + 3
assert collapsed_price < 0.01 and deaf_price < 0.01
assert collapsed_units(*collapsed.encode(x_test), 0.02).all()
assert not collapsed_units(mu_test, logvar_test, 0.02).any()
assert max(sweep, key=lambda k: sweep[k][0]) == 0

# %% [markdown]
# That was the core. The studio has two rooms; nothing later needs them. In a hurry?
# [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Room A · The loop that never listened
#
# **Debug a claim.** The article's training loop for a VAE goes: the encoder gives $\mu$ and $\sigma^2$; a plan $z$ is drawn *from the
# prior* $p(z)$; the decoder turns it into a picture; the difference between this picture and the real one is made
# small. There is no KL anywhere, and its listing returns $z$ where its text says $\mu$ and $\sigma^2$. Rebuilt with our parts:


# %% tags=["studio"]
def claimed_loss(model, x):
    """The claim:

    a plan from the prior, and the difference to a picture that has nothing to do with it.
    """
    mu, logvar = model.encode(x)
    z = torch.randn_like(mu)  # from p(z); mu and logvar are not used
    return -reconstruct(model.decode(z), x).mean()


def half_mended_loss(model, x):
    """The plan comes from the encoder now. Still no price."""
    mu, logvar = model.encode(x)
    z = reparameterize(mu, logvar, torch.randn_like(mu))
    return -reconstruct(model.decode(z), x).mean()


# %% [markdown] tags=["studio"]
# **Predict.** Two failures, one after the other. What does the first model draw for twenty different plans? In the second the plan comes from
# the encoder, and its noise is punished only where it spoils the reconstruction. What will the encoder do with its $\sigma$? Then mend
# it: `vae_loss` is built from your own functions.

# %% tags=["studio"]
models, told = {}, {}
for name, loss_of in [
    ("as claimed", claimed_loss),
    ("half mended", half_mended_loss),
    ("mended", vae_loss),
]:
    model = models[name] = train(loss_of, epochs, seed=9)
    runtime.seed_all(10)
    with torch.no_grad():
        mu_m, logvar_m = model.encode(x_test)
        coins = torch.sigmoid(model.decode(noise(2000)))  # (2000, 64)
    told[name] = {
        "ELBO": measure(model, x_test)[0],
        "FD": metrics.frechet_digits8(torch.bernoulli(coins)),
        "spread": coins.std(dim=0).mean().item(),
        "sigma": torch.exp(0.5 * logvar_m).mean().item(),
        "mu": mu_m.std(dim=0).mean().item(),
    }
    print(f"{name:<12}", "  ".join(f"{key} {value:8.3f}" for key, value in told[name].items()))

# %% tags=["studio"]
with torch.no_grad():
    shown = {name: torch.sigmoid(model.decode(noise(20))).cpu() for name, model in models.items()}
plots.rows(
    shown, alt="As claimed: one gray blur, twenty times. Half mended: fragments. Mended: digits."
)

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# As claimed, the decoder is asked to turn *any* plan into *any* picture. It is lesson 02's generator without a partner, and
# it learns the mean: the coins hardly change with the plan. Nothing crashes, and the loss falls to the level of one coin per pixel.
#
# Half mended, the encoder makes its noise vanish ({{04.half.sigma:.3f}} instead of about a half) and flings the codes apart: each
# number of the code spreads by {{04.half.mu:.0f}}, where the VAE's spreads by about one. Training never charged the price; the
# ELBO printed above does. It is an autoencoder with extra steps, and sampling the prior fails as it did there: FD even prefers the blur.
#
# Mended, with a sampled code *and* its price, it is a VAE. Each part is useless without the other.
#
# </details>

# %% [markdown] tags=["studio"]
# ### Room B · Build: a VAE from an empty page
#
# Close the cells above, at least in your mind. Write a function that gets black-and-white digits and returns two functions (or
# modules), `encode` and `decode`. No skeleton. The bar: a held-out ELBO above $-19.5$ nats per digit. Two
# seconds of training can be enough. Any architecture, any optimizer, any width of the code.
#
# ### Exercise 4.5 · `train_vae`
# The check trains it on 1,000 digits and measures on 797 that it has not seen. It stops you after 30 seconds.


# %% tags=["studio", "exercise:4.5", "points:8", "minutes:25"]
def train_vae(x):
    """Train a VAE on binary digits. x: (N, 64) -> encode: (B, 64) -> mu, logvar; decode:

    (B, Z) -> logits (B, 64)
    """
    # BEGIN SOLUTION
    # 8 means, 8 log-variances
    encoder = nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 16))
    decoder = nn.Sequential(nn.Linear(8, 128), nn.SiLU(), nn.Linear(128, 64))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=3e-3)
    for _ in range(80):
        for rows in torch.randperm(len(x)).split(50):
            mu, logvar = encoder(x[rows]).chunk(2, dim=1)  # (B, 8) each
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)  # (B, 8)
            surprise = F.binary_cross_entropy_with_logits(
                decoder(z), x[rows], reduction="none"
            ).sum(dim=1)  # (B,)
            price = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(dim=1)  # (B,)
            optimizer.zero_grad()
            (surprise + price).mean().backward()
            optimizer.step()
    return lambda x: encoder(x).chunk(2, dim=1), decoder
    # END SOLUTION


# %% tags=["studio", "check:4.5"]
train_vae = check("4.5", train_vae)

# %% [markdown] tags=["studio", "help:4.5"]
# What are the four parts of a training script: model, loss, optimizer, loop? Which two quantities does the loss consist of, and which
# of them would you print while it trains?
# ---
# Eight numbers of code, 128 hidden units, Adam with a step size of $0.003$, minibatches of 50, eighty epochs: about a second or
# two. After one epoch the ELBO is near $-29$, worse than fixed coins; after ten it should be above $-21$.
# ---
# Encoder and decoder are two small networks, and the loop is the one from lesson 03 with the negative ELBO as its loss. No sigmoid at the
# end of the decoder: it returns logits.

# %% tags=["studio"]
runtime.seed_all(11)
encode, decode = train_vae(x_train.cpu())
with torch.no_grad():
    mu_b, logvar_b = encode(x_test.cpu())
    logits_b = decode(reparameterize(mu_b, logvar_b, torch.randn_like(mu_b)))  # (797, 64)
    built = elbo(logits_b, x_test.cpu(), mu_b, logvar_b).mean().item()
print(f"held-out ELBO of what you built: {built:.2f} nats per digit")
also_inside = runtime.reached(
    {
        "04.claimed.elbo": told["as claimed"]["ELBO"],
        "04.claimed.fd": told["as claimed"]["FD"],
        "04.claimed.spread": told["as claimed"]["spread"],
        "04.half.fd": told["half mended"]["FD"],
        "04.half.sigma": told["half mended"]["sigma"],
        "04.half.mu": told["half mended"]["mu"],
        "04.build.elbo": built,
    }
)

# %% tags=["studio", "solved"]
assert also_inside
assert told["as claimed"]["FD"] >= 5 and told["half mended"]["FD"] >= 8
assert told["mended"]["FD"] < 1.2 and built > -19.5
assert told["as claimed"]["spread"] < 0.05 < told["mended"]["spread"]

# %% [markdown]
# ## Where we are now
#
# You can
# - derive the ELBO in five lines, and check each with numbers;
# - compute the price of a code in closed form;
# - let a gradient pass a roll of the dice;
# - tell inference from generation: the encoder makes the likelihood computable, prior and decoder make the pictures;
# - notice a code that carries nothing, and say what silenced it.
#
# **Read on.**
# Kingma & Welling 2014, *Auto-Encoding Variational Bayes*: the ELBO by gradient, and the reparameterisation (section 2.4).
# Rezende, Mohamed & Wierstra 2014, *Stochastic Backpropagation and Approximate Inference in Deep Generative Models*: the
# same idea, found at the same time.
# Higgins et al. 2017, *beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework*: the weight on the price.
#
# **Next.** Eight by eight pixels were a toy. Lesson 05 takes the full digits and a listing that does not run, and asks
# the question this lesson borrowed: how do you *measure* whether samples are good?
