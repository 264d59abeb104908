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
# - *rebuild* a broken listing as a PyTorch project, and say which of its failures are silent;
# - *split* data so that a number can be trusted, and say how far chance may move it;
# - *track* experiments with a config and a log, and *compare* models digit by digit;
# - *measure* samples with the Fréchet distance, and say what it cannot see;
# - *test* a generator for memorization, and write its model card from measured values.
#
# The studio adds the listing's other failures, a tighter bound, a close look at overfitting, long runs, a checkpoint
# that resumes exactly, a profile of where the time goes, and a model to build.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import itertools
import math
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from IPython.display import Markdown, display
from torch import Tensor, nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from course_utils import check, data, metrics, plots, runtime
from course_utils.lesson03 import KeepBest, Minibatches, fit
from course_utils.lesson04 import kl_normal, reparameterize
from course_utils.lesson05 import drawing, explorables, project

device = runtime.setup(seed=0)

# %% [markdown]
# ## A listing that does not run
#
# The article behind this course contains one project: a VAE that draws handwritten digits. As printed, it cannot have been
# run. Here it is as a minimal listing of our own, in PyTorch, with the same parts, the same order and the same mistakes.


# %%
def the_listing():
    """A 'VAE' for digits, as found."""
    latent, hidden, batch, epochs = 2, 256, 16, 50
    generator = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784))
    critic = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Sigmoid())
    critic.requires_grad_(False)
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-4)
    for _ in range(epochs):
        for x, y in zip(x_train.split(batch), y_train.split(batch), strict=True):
            drawn = generator(x)
            loss = F.binary_cross_entropy(drawn, x) + F.binary_cross_entropy(critic(drawn), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    z = 2 * torch.rand(batch, latent) - 1
    plots.images(generator(z).detach(), columns=batch, alt="Sixteen drawn digits.")


# %% [markdown]
# **Predict.** Suppose the digits are loaded correctly into `x_train`, (4000, 784), and `y_train`. Where does the listing stop
# *then*?
#
# - A: at `generator(x)`
#   - **Yes.** It expects two numbers per row and gets 784. Images are handed to the network that expects latent codes.
# - B: at the loss
#   - An error is waiting there, too: a linear layer's outputs are not probabilities. The program never gets so far.
# - C: at `backward`
#   - The critic is frozen, but gradients flow through frozen layers without trouble. That failure is silent.


# %%
first_failure = project.error_of(the_listing)
print("1.", first_failure)

digits = data.mnist()
x_train, y_train = digits.x_train.flatten(1), digits.y_train  # (4000, 784), (4000,)
second_failure = project.error_of(the_listing)
print("2.", second_failure)

# %% [markdown]
# First, there are no data: nothing says where the digits come from, how they are scaled, or which of them are set aside. The
# second error is not a typo. **Nothing in the listing turns an image into a latent code.** What calls itself a VAE has no
# encoder and no KL term. It is a decoder beside a critic (in lesson 06, a discriminator) that was frozen
# before it learned anything.
#
# More failures wait behind these two. Many of them let the program run, let the loss fall, and leave you with a number that
# means nothing. The studio fixes them. The core builds what was promised, in the order of every project in this course:
# **Data, Model, Loss, Train, Reconstruct and sample, Measure, Break it**.

# %% [markdown]
# ## Data: who may see what
#
# `data.mnist()` has 4,000 digits to learn from and another 1,000, the **test set**. A number measured there says how the model
# does on digits it has never seen, but only as long as nobody *chooses* anything by it. Pick the best of ten models by their
# test numbers, and the winner's number flatters it: it was partly luck, and you picked the luck.
#
# There is much to choose: the width of the latent code, the learning rate, when to stop. Such settings, which training does
# not learn, are **hyperparameters**. We choose them on a **validation set**, held out from the 4,000. Does it matter *which*
# digits are held out? Take the simplest model: one Bernoulli probability per pixel, the average of the training digits.
#
# **Predict.** In the file the digits are sorted, 0s first and 9s last. (`data.mnist()` shuffles them.) Someone trains on the
# first nine tenths of the file and validates on the last tenth. How does the validation NLL compare with an honest split's?
#
# - A: higher
#   - A good guess, since the model has never seen a 9. But what else is special about 9s?
# - B: about the same
#   - The model is too simple to overfit. But the two sets come from different distributions.
# - C: lower
#   - **Yes.** The set holds nothing but 9s, which look much like the average of the other digits. (With the 0s last, it would
#     be far higher.) A wrong split answers a question that nobody asked.


# %%
def mean_digit_nll(x, x_new):
    """NLL of new digits with the average of x as Bernoulli probabilities. (N, D), (M, D) -> (M,)"""
    probs = x.mean(dim=0).clamp(0.002, 0.998).expand_as(x_new)  # (M, D)
    return F.binary_cross_entropy(probs, x_new, reduction="none").sum(dim=1)


by_label = torch.argsort(y_train, stable=True)  # (4000,) 0s first, 9s last
sorted_fit, sorted_val = by_label[:3600], by_label[3600:]
sorted_nll = mean_digit_nll(x_train[sorted_fit], x_train[sorted_val]).mean().item()
print("the last tenth holds the digits", sorted(set(y_train[sorted_val].tolist())))
print(f"validation NLL, sorted split: {sorted_nll:.1f} nats per digit")

# %% [markdown]
# ### Exercise 5.1 · `make_splits`
# Do it properly. From `n` examples make two sets of row numbers: `n // 10` to validate on, drawn at random, and all others to
# train on, each in any order. No row is in both sets, and none is lost. The same seed gives the same split. The function
# leaves the global random generators of PyTorch, NumPy and Python untouched.


# %% tags=["exercise:5.1", "points:3", "minutes:7"]
def make_splits(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Row numbers to train on, (n - n // 10,), and to validate on, drawn at random, (n // 10,)."""
    # BEGIN SOLUTION
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))  # (n,)
    return order[n // 10 :], order[: n // 10]
    # END SOLUTION


# %% tags=["check:5.1"]
make_splits = check("5.1", make_splits)

# %% [markdown] tags=["help:5.1"]
# If you shuffle all row numbers once, how do you get two sets that cannot overlap? And whose generator does the shuffling?
# ---
# $n = 10$: a shuffle may give 3, 7, 0, 9, 5, 1, 8, 2, 6, 4. The first one, 3, validates, and the other nine train. With
# another seed another row validates.
# ---
# One permutation, cut in two: what is in one piece cannot be in the other. `torch.Generator().manual_seed(seed)` is a
# generator of its own; `torch.manual_seed` would reset everyone's.

# %%
split_seed = runtime.seed(0)
fit_rows, val_rows = make_splits(len(x_train), split_seed)
nll = mean_digit_nll(x_train[fit_rows], x_train[val_rows])  # (400,)
print(f"validation NLL, random split: {nll.mean():.1f} nats per digit")
print(f"single digits: from {nll.min():.0f} to {nll.max():.0f}, standard deviation {nll.std():.0f}")

# %% [markdown]
# **Predict.** This number is a mean over 400 digits. Draw twenty splits: how far apart will their validation NLLs be?
#
# - A: about a tenth of a nat
#   - The *model* hardly changes. But it is asked about 400 other digits, and single digits differ by dozens of nats.
# - B: a few nats
#   - **Yes.** Single digits vary by about 45 nats around their mean; a mean of 400 varies by 45 divided by the square root of
#     400.
# - C: some forty nats
#   - That is how far *one* digit is from the mean. In a mean of 400, high and low ones cancel.

# %%
standard_error = (nll.std() / math.sqrt(len(nll))).item()
splits = (make_splits(len(x_train), split_seed + i) for i in range(20))
means = [mean_digit_nll(x_train[rows], x_train[val]).mean().item() for rows, val in splits]
print(f"from one split: standard deviation / sqrt(400) = {standard_error:.1f}")
print(f"twenty splits: standard deviation {np.std(means):.1f},", end=" ")
print(f"from {min(means):.1f} to {max(means):.1f}")

# %% [markdown]
# The standard deviation of single values, divided by $\sqrt n$, is the **standard error** of their mean: how far the mean
# would typically move if other digits had been drawn. One split is enough to know it. A held-out number without its standard
# error is half a number.
#
# One leak remains that no shuffle closes: our file does not say who wrote which digit, so one hand may be on both sides.

# %%
x_train, y_train = x_train.to(device), y_train.to(device)
x_fit, x_val = x_train[fit_rows], x_train[val_rows]  # (3600, 784), (400, 784)
x_test = digits.x_test.flatten(1).to(device)  # (1000, 784): not before all choices are made

# %% [markdown]
# ## Model: from image to latent and back
#
# The model is lesson 04's, for 784 pixels, with two additions. The hidden layers are a list of widths. Between two equal
# widths the layer gets a **residual connection** (He et al. 2016): it *adds* to its input instead of replacing it, so that
# extra depth need not hurt. And the decoder's last bias starts at a good guess, the logit of each pixel's average gray, so that
# training need not discover that corners are white (section E measures what that is worth).


# %% tags=["export"]
class Residual(nn.Module):
    """A layer with a residual connection. (B, width) -> (B, width)"""

    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, h):
        return h + F.silu(self.linear(h))


def layers(*sizes):
    """Hidden layers with SiLU, a Residual between equal sizes; then one linear layer."""
    stack = []
    for inputs, outputs in zip(sizes[:-2], sizes[1:-1], strict=True):
        equal = inputs == outputs
        stack += [Residual(inputs)] if equal else [nn.Linear(inputs, outputs), nn.SiLU()]
    return nn.Sequential(*stack, nn.Linear(*sizes[-2:]))


# %% tags=["export"]
class DigitVAE(nn.Module):
    """Rows of 784 grays in [0, 1]: encode (B, 784) -> mu, logvar (B, Z); decode -> logits."""

    def __init__(self, mean_image, Z=20, hidden=(400,)):
        super().__init__()
        self.encoder = layers(784, *hidden, 2 * Z)
        self.decoder = layers(Z, *hidden[::-1], 784)
        with torch.no_grad():
            self.decoder[-1].bias.copy_(torch.logit(mean_image.clamp(0.002, 0.998)))  # (784,)

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=1)  # (B, Z), (B, Z)

    def decode(self, z):
        return self.decoder(z)  # (B, 784)


# %% [markdown]
# ## Loss: what a gray pixel costs
#
# Per digit, in nats: the binary cross-entropy (BCE) of the pixels plus the KL term. Both are *sums*, over 784 pixels and over
# the latent dimensions; $\lambda$ are the decoder's probabilities for one sampled $z$.
#
# $$ -\mathrm{ELBO} = \underbrace{-\sum_{i=1}^{784} \big[ x_i \log \lambda_i + (1 - x_i) \log (1 - \lambda_i) \big]}_{\text{BCE}}
#    + \underbrace{D_{\mathrm{KL}}\big(\mathcal N(\mu, \sigma^2) \,\|\, \mathcal N(0, I)\big)}_{\text{KL}} $$


# %% tags=["export"]
def bce_and_kl(model, x):
    """The two parts of -ELBO with one sampled z, in nats per digit. (B, 784) -> (B,), (B,)"""
    mu, logvar = model.encode(x)  # (B, Z) each
    z = reparameterize(mu, logvar, torch.randn_like(mu))  # (B, Z)
    bce = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none").sum(1)  # (B,)
    return bce, kl_normal(mu, logvar)


def vae_loss(model, batch, beta=1.0):
    """The loss of a minibatch, for `fit`: BCE + beta * KL. -> scalar"""
    (x,) = batch  # (B, 784)
    bce, kl = bce_and_kl(model, x)
    return (bce + beta * kl).mean()


# %% [markdown]
# One thing is new. In lesson 04 pixels were black or white. These are **gray**, anything from 0 to 1.
#
# **Predict.** A perfect decoder returns each image itself: its probability for a pixel *is* that pixel's gray. What is
# its BCE, on average per digit?
#
# - A: 0
#   - It would be for black and white. A pixel of gray one half costs log 2 even when its probability is one half.
# - B: about one nat
#   - One gray pixel costs up to log 2, and each digit has about 150 of them.
# - C: nearly fifty nats
#   - **Yes.** Edges are gray, and a pixel of gray one half costs log 2 even when its probability is exactly one half.

# %%
floor = F.binary_cross_entropy(x_val, x_val, reduction="none").sum(dim=1).mean().item()
print(f"a perfect decoder's BCE: {floor:.1f} nats per digit")
probs = x_fit.mean(dim=0).clamp(0.002, 0.998).expand_as(x_val)  # (400, 784), any other would do
gray_bce = mean_digit_nll(x_fit, x_val).mean().item()
black_and_white = [
    F.binary_cross_entropy(probs, torch.bernoulli(x_val), reduction="none").sum(dim=1).mean().item()
    for _ in range(50)
]
print(f"average digit, BCE of grays {gray_bce:.2f}, binarized {np.mean(black_and_white):.2f}")

# %% [markdown]
# So about two fifths of the number you are about to minimize will never go away. What does it mean, then?
#
# Read each gray as a probability and draw every pixel from it: the digit is *binarized*. BCE is linear in $x$, so the BCE of
# grays is the *average* BCE of binarized digits, as the second line checks. The KL term does not depend on the draw. Hence
# BCE + KL of a gray digit **is the average −ELBO of its binarized versions**, and bounds their NLL (as in Salakhutdinov &
# Murray 2008). The floor is the entropy of the draws. But $e^{-\mathrm{BCE}}$ is no density of *grays*: it does not
# integrate to 1 over [0, 1] (Loaiza-Ganem & Cunningham 2019).

# %% [markdown]
# ## Train: two curves
#
# The loop is `fit` from lesson 03. Five hyperparameters change from run to run. They are kept in a **config**, which cannot be
# changed by accident and goes into the log. The learning rate rises and falls once (`OneCycleLR`); its peak is four times the
# usual rate.


# %% tags=["export"]
@dataclass(frozen=True)
class Config:
    """The hyperparameters of one run."""

    Z: int = 20
    hidden: tuple = (400,)
    lr: float = 4e-3
    batch: int = 64
    epochs: int = 12


def optimizer_for(model, lr, steps):
    """AdamW, and a schedule in which the learning rate rises to lr and falls to 0."""
    optimizer = torch.optim.AdamW(model.parameters(), lr, fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, total_steps=steps, pct_start=0.15
    )
    return optimizer, scheduler


def train_vae(x, config, loader=None, loss_fn=vae_loss, validate=None):
    """Train from the current seed. -> the model, what validate returned after every epoch"""
    model = DigitVAE(x.mean(dim=0), config.Z, config.hidden).to(x.device)
    loader = loader or Minibatches(x, size=config.batch)  # or a DataLoader: `fit` takes either
    optimizer, scheduler = optimizer_for(model, config.lr, config.epochs * len(loader))
    history = fit(model, loader, loss_fn, optimizer, config.epochs, scheduler, validate=validate)
    return model, history["val"]


# %% [markdown]
# Each experiment trains from a config and a seed. After every epoch it measures −ELBO on up to 400 training digits and on the
# validation set. At the end it goes back to the best epoch and adds a line to the log.


# %%
folder, log, losses = Path(tempfile.mkdtemp()), [], {}


@torch.no_grad()
def neg_elbo(model, x):
    """-ELBO of each image with one sampled z, in nats. (N, 784) -> (N,)"""
    bce, kl = bce_and_kl(model, x)
    return bce + kl


def experiment(name, config, x, seed):
    """Train, keep the best epoch, add to the log. -> the model, two curves (epochs, 2)"""
    runtime.seed_all(seed)
    keep = KeepBest(lambda model: neg_elbo(model, x_val).mean().item(), folder / f"{name}.pt")
    model, curves = train_vae(
        x, config, validate=lambda model: (neg_elbo(model, x[:400]).mean().item(), keep(model))
    )
    model.load_state_dict(torch.load(keep.path, weights_only=True))
    losses[name] = torch.stack([neg_elbo(model, x_val) for _ in range(10)]).mean(dim=0)  # (400,)
    best = int(np.argmin([val for _, val in curves])) + 1
    log.append({"run": name, "seed": seed, "digits": len(x), **asdict(config), "best epoch": best})
    return model, np.array(curves)


# %% [markdown]
# We train on all 3,600 digits, and then on only 100 of them for ten times as many epochs.

# %%
config = Config(epochs=runtime.budget(smoke=1, cpu=12))
baseline, curves = experiment("baseline", config, x_fit, seed=1)
many = replace(config, batch=50, epochs=10 * config.epochs)
few, few_curves = experiment("100 digits", many, x_fit[:100], seed=1)
few_best, few_last = few_curves[:, 1].min(), few_curves[-1]  # nats, (2,) nats
drawing.curves(
    {"3,600 digits": curves, "100 digits": few_curves},
    alt="Left: both curves fall, a few nats apart. Right: the training curve keeps falling, the "
    "validation curve levels off far above it.",
)

# %% [markdown]
# That is **overfitting**, and the gap between the curves is its mark. Nothing in the training curve shows it.
#
# Next, which model? Two candidates are deeper: (400, 200) without residual connections, (400, 400) with one in the encoder and
# one in the decoder. Each −ELBO will have a standard error of about one and a half nats. Can a difference of one nat be told
# from chance?
#
# ### Exercise 5.2 · `compare`
# Write the comparison. You get the loss of each digit under two models, for the *same* digits. Return how much larger the
# first model's loss is on average, the standard error of *that* number, and a verdict on the first model: `"better"` or
# `"worse"` if the number is more than two standard errors from 0, else `"cannot tell"`. (Between equally good models, chance
# puts it that far from 0 about one time in twenty.) Derive the standard error from its definition above, with the n − 1 of
# `torch.std`.


# %% tags=["exercise:5.2", "points:4", "minutes:6"]
def compare(loss: Tensor, baseline: Tensor) -> tuple[float, float, str]:
    """Mean of loss minus baseline, its standard error, a verdict. (N,), (N,) -> number, number, str

    The verdict on the model of `loss` is "better", "worse" or, say against itself, "cannot tell".
    """
    # BEGIN SOLUTION
    difference = loss - baseline  # (N,)
    mean, error = difference.mean().item(), difference.std().item() / math.sqrt(len(difference))
    if abs(mean) <= 2 * error:
        return mean, error, "cannot tell"
    return mean, error, "better" if mean < 0 else "worse"
    # END SOLUTION


# %% tags=["check:5.2"]
compare = check("5.2", compare)

# %% [markdown] tags=["help:5.2"]
# Suppose that one model is exactly half a nat better on every digit. How sure are you that it is better? Does it matter that
# some digits cost 60 nats and others 200? Which one number per digit leaves that out?
# ---
# Three digits, losses 10, 20, 60 against 12, 23, 61. Digit by digit the differences are $-2$, $-3$, $-1$: mean $-2$, standard
# deviation $1$, standard error $1/\sqrt3 = 0.577$. The mean is more than three standard errors below 0, so the first model is
# better. The standard error of the first model's own mean is $15.3$.
# ---
# Subtract first. Two lists become one, and the definition of the standard error holds for it as it is. What is hard for both
# models cancels. Had each model seen digits of its own, their variances would add up instead.

# %%
narrowing, _ = experiment("deeper", replace(config, hidden=(400, 200)), x_fit, seed=1)
residual, _ = experiment("residual", replace(config, hidden=(400, 400)), x_fit, seed=1)
for line in log:
    loss = losses[line["run"]]  # (400,)
    difference, error, verdict = compare(loss, losses["baseline"])
    line["val -ELBO"] = f"{loss.mean():.1f} ± {loss.std() / math.sqrt(len(loss)):.1f}"
    line["against baseline"] = f"{difference:+.2f} ± {error:.2f}, {verdict}"
runtime.show_table(tuple(log[0]), [tuple(map(str, line.values())) for line in log])

# %% [markdown]
# What is hard for one model is hard for the other, so differences scatter far less than losses. A **paired comparison**, digit
# by digit, sees what two separate means would hide. (Each best epoch was chosen on these digits, which may flatter a little.)
#
# **Predict.** A script trained the baseline with eight seeds. That makes 28 pairs of models from one recipe. In
# how many pairs does `compare` find one model better than the other?
#
# - A: in one or two
#   - That is what chance in the digits would do to equally good models. But are these equally good?
# - B: in about half
#   - **Yes.** A seed moves −ELBO by a few tenths of a nat, and 400 digits suffice to see half of these differences. The
#     models really differ. Their recipe does not.
# - C: in nearly all
#   - No two are quite equal. But the smaller half of the differences does not stand out from chance in the digits.

# %%
study = data.study("digit_seeds")  # the losses of eight runs of each recipe
baselines, residuals = (torch.tensor(study[name]) for name in ("baseline", "residual"))  # (8, 400)
results = {
    "two baselines": list(itertools.starmap(compare, itertools.combinations(baselines, 2))),
    "two residuals": list(itertools.starmap(compare, itertools.combinations(residuals, 2))),
    "residual, baseline": list(itertools.starmap(compare, itertools.product(residuals, baselines))),
}
for name, compared in results.items():
    differ = sum(verdict != "cannot tell" for *_, verdict in compared)
    print(f"{name}: {differ} of {len(compared)} pairs told apart")
drawing.seeds(baselines, residuals)

# %% [markdown]
# Computed from two separate means, the standard error of the recipes' gap of three nats would be two nats: *cannot tell*.
# Paired, it is about a quarter of a nat.
#
# A verdict is about two *trained models*: other digits would rarely reverse it. Another seed might, where the gap is small.
# Seeds are a second source of chance, and no standard error over digits contains it. (Two residual models differ about half
# as much, perhaps by chance.) To claim that a **recipe** is better, train it with several seeds (Bouthillier et al. 2021).
# The residual recipe passes: each of its eight models beats every baseline, by more than any two baselines differ. We choose
# it.
#
# All choices are made. We open the test set.

# %%
vae = residual
runtime.seed_all(2)
test_loss = torch.stack([neg_elbo(vae, x_test) for _ in range(10)]).mean(dim=0)  # (1000,)
test_error = test_loss.std().item() / math.sqrt(len(test_loss))
vae_nats = test_loss.mean().item()
print(f"test -ELBO {vae_nats:.1f} ± {test_error:.1f} nats per digit")

# %% [markdown]
# > **A good place to stop.** The model works. When you come back, run all cells above once
# > (*Run → Run All Above Selected Cell*).

# %% [markdown]
# ## Reconstruct and sample: a map of latents
#
# Test digits, their reconstructions, and samples from the prior. We show the decoder's probabilities as grays.


# %%
def draw(model, z):
    """The decoder's probabilities as grays. (N, Z) -> (N, 784)"""
    with torch.no_grad():
        return torch.sigmoid(model.decode(z))


def noise(n, Z=20):
    return torch.randn(n, Z).to(device)  # (n, Z)


runtime.seed_all(3)
with torch.no_grad():
    mu_test, logvar_test = vae.encode(x_test)  # (1000, 20) each
rebuilt, samples = draw(vae, mu_test), draw(vae, noise(1000))  # (1000, 784) each
plots.rows(
    {
        "test digits": x_test[:20].cpu(),
        "reconstructed": rebuilt[:20].cpu(),
        "new, z from N(0, I)": samples[:20].cpu(),
    },
    alt="Test digits; the same a little softer; new ones, about half of them readable.",
)

# %% [markdown]
# Reconstructions lose little. Only about half of the samples are readable. In the next section that difference becomes a
# number.
#
# The listing drew its latents from a square, uniform between −1 and 1. To see what that does, here is a model with $Z = 2$.

# %%
runtime.seed_all(4)
rounds = runtime.budget(smoke=1, cpu=16)
flat, _ = train_vae(x_fit, Config(Z=2, hidden=(256, 128, 64), lr=3e-3, epochs=rounds))

# %% tags=["folded"]
runtime.seed_all(5)
by_width = {}
for width in np.arange(0, 4.5, 0.5):  # 0 is for N(0, I)
    z = noise(1000, 2) if width == 0 else width * (2 * torch.rand(1000, 2) - 1).to(device)
    drawn = draw(flat, z).cpu()  # (1000, 784)
    shares = np.bincount(metrics.read_digits(drawn), minlength=10) / 1000  # (10,)
    kinds = math.exp(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())
    by_width[width] = (metrics.frechet_digits(drawn), kinds)
with torch.no_grad():
    places = flat.encode(x_test)[0].cpu()  # (1000, 2)

# %% [markdown]
# **Explore.** Each numeral marks the latent of a test digit; the dashed circles hold 39 and 86 % of the prior. Drag the point
# to decode the latent under it. The forty samples beside it have latents from a square that reaches from $-w$ to $w$ in both
# dimensions, or from the prior if $w = 0$. *FD* is lesson 04's measure, for these larger digits: lower is better. *Kinds of
# digit* is 10 if all ten are equally frequent and 1 if only one is ever drawn (the exponential of the entropy of their
# shares).
#
# **Predict.** What will the listing's square, $w = 1$, do to the samples?
#
# - A: hardly anything
#   - The square holds the densest part of the prior, but less than half of it, and outside are other digits.
# - B: whole kinds of digit become rare
#   - **Yes.** Kinds whose latents lie outside, such as the 0s and 1s near the rim, are hardly ever drawn.
# - C: every digit becomes blurred
#   - The decoder does not know how z was drawn.


# %%
explorables.latent_map(flat.decoder, places, digits.y_test, by_width)

# %% [markdown]
# <details><summary>What to find</summary>
#
# The square ±1 holds 47 % of the prior in two dimensions, and would hold $0.68^{20}$, one part in two thousand, in twenty.
# Between 2 and 3 it does about as well as the prior, or better, because the encoded digits spread wider than the prior. The
# corners of wider squares lie where no latent ever was. Uniform latents are no mistake by themselves: a generator *trained* on
# a square may be sampled from it.
#
# </details>

# %% [markdown]
# ## Measure: two sets of samples, two Gaussians
#
# How good are samples? None can be marked right or wrong, because none has a target. But the *set* of samples can be compared
# with a set of real digits.
#
# A small classifier reads each image. Right before it decides, it holds 64 numbers, its **features**: one for a loop at the
# top, perhaps, one for a slanted stroke. So a set of images becomes a cloud of points in 64 dimensions. Describe each cloud by
# a Gaussian, that is, by its mean $m$ and its **covariance** matrix, which has the variances on its diagonal and, elsewhere,
# how much two features vary together. The **Fréchet distance** (FD) between Gaussians with means $m_a, m_b$ and covariances
# $A, B$ is
#
# $$ \mathrm{FD} = \| m_a - m_b \|^2 + \operatorname{tr}\!\big(A + B - 2\,(AB)^{1/2}\big) $$
#
# (Dowson & Landau 1982; strictly, this is the distance squared, but the field takes no root). With the features of one
# particular network for photographs it is called **FID** (Heusel et al. 2017). The trace $\operatorname{tr}$ is the sum of a
# matrix's diagonal, and $(AB)^{1/2}$ the root of $AB$ whose eigenvalues are not negative. With one feature the formula is
# $(m_a - m_b)^2 + (\sigma_a - \sigma_b)^2$: how far apart the two are, and how much their standard deviations differ. The last
# term, the **cross term**, subtracts what the clouds have in common.
#
# The two clouds below have the same mean and the same variances. Feature by feature, their distance is 0, up to chance. Only
# the cross term can tell them apart: it sees how features vary *together*.

# %%
clouds = runtime.rng(6).normal(size=(2, 500, 2))  # two clouds of 500 points
tilt = np.array([[1.0, 0.0], [0.9, math.sqrt(1 - 0.9**2)]])  # makes correlation 0.9
right, left = clouds[0] @ tilt.T, clouds[1] @ tilt.T * [1, -1]  # (500, 2) each
drawing.clouds(right, left)

# %% [markdown]
# ### Exercise 5.3 · `frechet`
# Write it out. `torch.cov` wants one *row* per feature and divides by $n - 1$. No matrix root is needed. A matrix like $AB$
# has directions that it only stretches, by its *eigenvalues*, and its trace is their sum. So $\operatorname{tr}\,(AB)^{1/2}$
# is the sum of the *square roots* of the eigenvalues of $AB$ (`np.linalg.eigvals`). In theory they are real and not negative.
# In practice rounding may make them complex, or leave a $-10^{-9}$ where a 0 should be.


# %% tags=["exercise:5.3", "points:5", "minutes:13"]
def frechet(a: Tensor, b: Tensor) -> float:
    """Fréchet distance of two clouds, by mean and covariance of each. (n, d), (m, d) -> number"""
    # BEGIN SOLUTION
    a, b = a.double(), b.double()
    A, B = torch.cov(a.T), torch.cov(b.T)  # (d, d) each
    roots = np.sqrt(np.linalg.eigvals(A @ B).real.clip(min=0))  # (d,)
    shift = ((a.mean(dim=0) - b.mean(dim=0)) ** 2).sum()
    return (shift + A.trace() + B.trace()).item() - 2 * roots.sum().item()
    # END SOLUTION


# %% tags=["check:5.3"]
frechet = check("5.3", frechet)

# %% [markdown] tags=["help:5.3"]
# The formula has four parts. Which of them can you write in one line each? For the fourth: what do you have to do to
# eigenvalues before you may take a square root?
# ---
# One feature, $a = (0, 2)$ and $b = (1, 1, 4)$: means 1 and 2, variances 2 and 3. Together
# $(1-2)^2 + 2 + 3 - 2\sqrt{2 \cdot 3} = 1.101$. The same as $(1-2)^2 + (\sqrt2 - \sqrt3)^2$. (On paper only: for a
# single feature `torch.cov` returns a number, not a matrix.)
# ---
# The distance of the means squared, two traces, and twice the sum of the roots of the eigenvalues of `A @ B`: real part first,
# then no less than 0, then the root. In double precision, because small eigenvalues suffer most from rounding.

# %%
right, left = torch.tensor(right), torch.tensor(left)
print(f"FD of the two clouds {frechet(right, left):.2f}")

# %% [markdown]
# Now digits. In the log the model called *deeper*, without residual connections, was a few nats worse than the baseline.
#
# **Predict.** Are its samples farther from real digits than the baseline's, or nearer?
#
# - A: farther
#   - It describes *given* digits worse. How good *drawn* ones are is another question.
# - B: nearer
#   - **Yes.** −ELBO asks how well given digits can be encoded and decoded; FD asks what comes out for latents of the prior.
# - C: equally far, up to chance
#   - Over five runs the two ranges did not overlap.


# %%
def features(x):
    """What the classifier sees. (N, 784) -> (N, 64)"""
    return torch.tensor(metrics.digit_features(x))


runtime.seed_all(7)
real, some = features(x_test), torch.randperm(len(x_fit))[:1000]  # (1000, 64), (1000,)
mu, logvar = vae.encode(x_fit[some])  # (1000, 20) each
images = {
    "training digits": x_fit[some],
    "reconstructions": draw(vae, mu),
    "residual": samples,
    "deeper": draw(narrowing, noise(1000)),
    "baseline": draw(baseline, noise(1000)),
    "residual (z from q)": draw(vae, reparameterize(mu, logvar, noise(1000))),
    "average digit": x_fit.mean(dim=0).expand(1000, -1),
}
fd = {name: frechet(features(x), real) for name, x in images.items()}
fd_few = {n: frechet(features(x_fit[some[:n]]), real) for n in (100, 300, 1000)}
drawing.distances(fd, images)
print("FD of 100, 300 and 1000 training digits:", ", ".join(f"{v:.0f}" for v in fd_few.values()))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The bars do not follow the log. *Deeper* is worse than the baseline in nats and better in FD; the chosen model is better in
# both. So a project reports both numbers, and decides in advance which one it will choose by.
#
# Reconstructions (of the training digits above them) are nearly level with real digits, even with $z$ drawn from $q$. So
# samples fall short because of the prior, which is not the aggregate posterior and reaches latents that no digit uses.
#
# </details>
#
# The last line is a caution. FD estimates 64 means and 2,080 variances and covariances, and from few images it does so badly:
# a hundred *real* digits look worse than a thousand. Ours always use 1,000 images and this classifier. Do not compare them
# with FDs from elsewhere.

# %% [markdown]
# ## Break it: the copier
#
# You understand a metric once you have broken it. Here is a generator without parameters. It has stored the training digits
# and returns one of them.
#
# **Predict.** Where does the copier land among the bars above?
#
# - A: near the average digit
#   - It has learned as little, but FD cannot know that. It looks at what comes out, and real digits come out.
# - B: level with the best of the three models
#   - Better than that: no model here draws digits as good as real ones.
# - C: level with the training digits
#   - **Yes.** It *is* the training digits.


# %%
def copier(n):
    """'Generates' n digits. -> (n, 784)"""
    return x_fit[torch.randint(len(x_fit), (n,))]


def shifted(x, down, right):
    """Images moved by whole pixels. (N, 784) -> (N, 784)"""
    return torch.roll(x.unflatten(1, (28, 28)), (down, right), dims=(1, 2)).flatten(1)


runtime.seed_all(8)
copies = copier(1000)
shifted_copies = shifted(copies, 0, 1)
fd["copier"] = frechet(features(copies), real)
fd["shifted copier"] = frechet(features(shifted_copies), real)
for name in ("residual", "copier", "shifted copier"):
    print(f"{name:<15} FD {fd[name]:.0f}")

# %% [markdown]
# A judge that asks only "does this look real?" falls for the copier. A network that returns its training digits *is* a copier;
# that is called **memorization**.
#
# Ask of every generator: **are its samples new?** Take the distance from each sample to its nearest training digit, and flag
# the sample if new digits are hardly ever that close. To set the limit, take each *training* digit's distance to its nearest
# *other* training digit, as if it were new. The shortest 1 % of these distances lie below the limit.
#
# **Predict.** One limit for all digits: which of the new, unseen test digits will it flag?
#
# - A: about 1 % of each kind
#   - About 1 % of all. But they are spread quite unevenly.
# - B: almost only 1s
#   - **Yes.** Two 1s of the same slant are nearly the same image.
# - C: almost only 8s
#   - They have much ink, and so many pixels that can differ.


# %%
def nearest(x, among):
    """Distance to the most similar image, pixel by pixel. (N, D), (M, D) -> (N,)"""
    return torch.cdist(x, among).min(dim=1).values  # (N, M) -> (N,)


own = torch.cdist(x_fit, x_fit).fill_diagonal_(math.inf).min(dim=1).values  # (3600,)
y_fit, y_test = y_train[fit_rows], digits.y_test.to(device)
single = own.quantile(0.01)
limits = torch.stack([own[y_fit == digit].quantile(0.01) for digit in range(10)])  # (10,)
usual = nearest(x_test, x_fit)  # (1000,)
flagged_ones = (usual < single)[y_test == 1].float().mean().item()
flagged_rest = (usual < single)[y_test != 1].float().mean().item()
print(f"one limit, {single:.2f}: flags {flagged_ones:.1%} of new 1s, {flagged_rest:.1%} of others")
print("one limit per digit:", ", ".join(f"{limit:.1f}" for limit in limits))

# %% [markdown]
# It flags several percent of these new 1s and almost nothing else, so a generator of new 1s would look guilty. The limits
# per digit differ threefold. Use these instead; the classifier says which digit an image shows.


# %%
def share_flagged(x, steps=((0, 0),)):
    """Share of images within their limit of a training digit after the best of the steps."""
    kind = torch.tensor(metrics.read_digits(x), device=device)  # (N,) 0 to 9
    moved = torch.stack([nearest(shifted(x, *step), x_fit) for step in steps])  # (steps, N)
    return (moved.min(dim=0).values < limits[kind]).float().mean().item()


def share_nearer(x, own, others):
    """Share of images that are nearer to `own` than to as many others."""
    return (nearest(x, own) < nearest(x, others)).float().mean().item()


# %% tags=["folded"]
around = range(-1, runtime.budget(smoke=0, cpu=2))  # pixels: -1, 0, 1
nine = [(down, right) for down in around for right in around]
sources = {"test digits": x_test, "our model": samples, "copier": copies}
distances = {name: nearest(x, x_fit).cpu() for name, x in sources.items()}
sources |= {"shifted copier": shifted_copies, "model of 100 digits": draw(few, noise(1000))}
flags = {name: share_flagged(x) for name, x in sources.items()}
searched = {name: share_flagged(x, nine) for name, x in sources.items()}
nearer = {name: share_nearer(x, x_fit[:100], x_fit[100:200]) for name, x in sources.items()}
rows = [(n, f"{flags[n]:.1%}", f"{searched[n]:.1%}", f"{nearer[n]:.0%}") for n in sources]
head = ("images", "flagged", "in nine places", "nearer to the 100 than to 100 others")
runtime.show_table(head, rows)
drawing.nearest(distances, ones=usual[y_test == 1].median().item())

# %% [markdown]
# The copier is always flagged, and our model about as rarely as new digits. (Our model has no mode of 1s: it draws about half
# as many, few as clean.) The shifted copier slips through: moved by one pixel, a digit is as far from itself as from its
# nearest neighbor. A search over nine places catches it. (Any search comes closer, so compare with test digits.)
#
# The model of 100 digits passes, but at limits made for 3,600. The last column compares the hundred digits that *it* has seen
# with the next hundred: its samples lean toward its own, without being copies.
#
# So flags are evidence, in one direction. If far more samples are flagged than new digits of the same kind, suspect
# memorization, and look at the pairs. If no more are, *this* search found nothing. (Meehan, Chaudhuri & Dasgupta 2020 make a
# statistical test of it.)

# %% [markdown]
# ## What this run reached
#
# A row marked *exact* involves no chance. Any other row shows the range of five runs that differ in their seeds *and* in the
# split, widened by its own width on both sides. If your `make_splits` draws another split, yours is a sixth run.

# %% tags=["folded"]
inside = runtime.reached(
    {
        "05.sorted": sorted_nll,
        "05.shuffled": nll.mean().item(),
        "05.floor.gray": floor,
        "05.baseline.val": losses["baseline"].mean().item(),
        "05.residual.gain": (losses["baseline"] - losses["residual"]).mean().item(),
        "05.few.best": few_best,
        "05.few.train": few_last[0],
        "05.vae.nats": vae_nats,
        "05.prior.fd": by_width[0][0],
        "05.square.fd": by_width[1][0],
        "05.real.fd": fd["training digits"],
        "05.vae.fd": fd["residual"],
        "05.deep.fd": fd["deeper"],
        "05.baseline.fd": fd["baseline"],
        "05.copier.fd": fd["copier"],
        "05.shifted.fd": fd["shifted copier"],
        "05.flagged.ones": flagged_ones,
        "05.flagged.vae": flags["our model"],
    }
)

# %% tags=["solved"]
assert inside
assert first_failure.startswith("NameError") and "(16x784 and 2x256)" in second_failure
assert vae_nats <= 113 and few_last[1] - few_last[0] > 40 > curves[-1, 1] - curves[-1, 0]
assert abs(metrics.frechet(right, left) - frechet(right, left)) < 1e-4
assert abs(metrics.frechet_digits(samples) - fd["residual"]) < 0.01
assert losses["residual"].mean() < losses["baseline"].mean()
assert 10 <= sum(verdict != "cannot tell" for *_, verdict in results["two baselines"]) <= 18
assert {verdict for *_, verdict in results["residual, baseline"]} == {"better"}
assert fd["copier"] < fd["shifted copier"] < fd["residual"] < fd["baseline"]
assert fd["deeper"] < fd["baseline"] and losses["deeper"].mean() > losses["baseline"].mean()
assert flags["copier"] == 1 and flags["shifted copier"] < 0.1 < 0.9 < searched["shifted copier"]
assert max(searched["our model"], searched["model of 100 digits"]) < 0.05
assert nearer["model of 100 digits"] > 0.65 > 0.6 > max(nearer["our model"], nearer["test digits"])
assert fd["residual (z from q)"] < fd["residual"] / 3
assert sum(verdict != "cannot tell" for *_, verdict in results["two residuals"]) <= 3

# %% [markdown]
# ### The model card
#
# A model that leaves your hands carries a card: what it is, what it was trained on, how good it is *on which data by which
# measure*, and what it must not be used for (Mitchell et al. 2019). The numbers come from the run. The words come from you.
# Fill in all four and run the cell again: the card, the parameters and the log are then saved together, with a link to
# download the card.

# %%
words = {
    "What it is for": "",
    "What it is not for": "",
    "Whose data, under which license": "",  # print(data.card("mnist5k")) helps
    "What can go wrong": "",
}
measured = {
    "test -ELBO (gray pixels, one z)": f"{vae_nats:.1f} ± {test_error:.1f} nats per digit",
    "Fréchet distance, 1,000 samples": f"{fd['residual']:.0f} (real: {fd['training digits']:.0f})",
    "too close to a training digit, best of nine places": f"{searched['our model']:.1%} "
    f"(test digits: {searched['test digits']:.1%})",
    "config": ", ".join(f"{key} {log[-1][key]}" for key in ("Z", "hidden", "lr", "epochs", "seed")),
    "PyTorch": torch.__version__,
}
card = project.model_card("A VAE of handwritten digits", words, measured)
display(Markdown(card.replace("# A VAE", "#### A VAE")))
if all(words.values()):
    project.save("digit_project", card, vae.state_dict(), log)

# %% [markdown]
# That was the core. The studio has six sections; nothing later needs them. In a hurry?
# [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Section A · More failures of the listing
#
# **Debug a claim.** The article presents its listing as a complete program that draws digits. You have met two failures. Here
# are the others, in the order in which they turn up. Some stop the program. Many do not.
#
# Give the generator latents at last, and the program goes a little further. Each line below fixes the error before it.
#
# **Predict.** How many of the four does PyTorch refuse?
#
# - A: one
#   - Some other frameworks are that lenient: they broadcast, convert and clip the rest without a word.
# - B: two
#   - Two are shapes and types, which everyone expects to be checked. PyTorch checks the range of probabilities and targets,
#     too.
# - C: all four
#   - **Yes.** Be grateful for every one of these messages.


# %% tags=["studio"]
def two_layers(*widths, end):
    """The listing's networks: linear, ReLU, linear, and an end."""
    a, b, c = widths
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), end).to(device)


runtime.seed_all(20)
generator = two_layers(2, 256, 784, end=nn.Identity())
critic = two_layers(784, 256, 1, end=nn.Sigmoid())
x, y, z = x_train[:16], y_train[:16], noise(16, 2)
bce = F.binary_cross_entropy
attempts = {
    "a linear output, a loss for probabilities": (generator(z), x),
    "a column against a row": (critic(x), y),
    "integers against floats": (critic(x).squeeze(1), y),
    "'which digit' for 'how real'": (critic(x).squeeze(1), y.float()),
}
# on the CPU: a GPU ends the whole process instead of naming the mistake
errors = {name: project.error_of(bce, p.cpu(), t.cpu()) for name, (p, t) in attempts.items()}
for name, message in errors.items():
    print(f"{name}: {message[:70]}")

# %% [markdown] tags=["studio"]
# From here on nothing complains. A hasty fix of the first error clips the outputs to [0, 1].
#
# **Predict.** What share of the pixels then gets no gradient, before the first step?
#
# - A: hardly any
#   - Outputs of a new linear layer scatter around 0. All that are negative are clipped.
# - B: about half
#   - **Yes.** Outputs scatter around 0, so about half are negative, and clipped. Most are lifted later, by latents for which
#     the same pixel is positive. A pixel that is negative for every latent seldom recovers.
# - C: all
#   - Outputs that happen to lie between 0 and 1 pass unchanged, with their gradient.

# %% tags=["studio"]
logits = generator(z)  # (16, 784)
logits.retain_grad()
bce(logits.clamp(0, 1), x).backward()
clipped = (logits.grad == 0).float().mean().item()
print(f"clipped to [0, 1]: {clipped:.0%} of the pixels get no gradient")

unscaled = two_layers(2, 256, 784, end=nn.Identity())
optimizer = torch.optim.Adam(unscaled.parameters(), lr=1e-3)
steps, falling = runtime.budget(smoke=30, cpu=300), []
for _ in range(steps + 1):
    raw = 255 * x_train[torch.randint(4000, (64,)).to(device)]  # (64, 784), nobody divided by 255
    loss = F.binary_cross_entropy_with_logits(unscaled(noise(64, 2)), raw, reduction="none")
    loss = loss.sum(dim=1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    falling.append(loss.item())
shown = [f"{falling[i]:,.0f}" for i in (0, steps // 3, steps)]
print(f"pixels up to 255: BCE {', '.join(shown)}")

# %% [markdown] tags=["studio"]
# The fix for the first is lesson 02's: logits, and the loss that takes them. The second line looks like splendid progress.
# But the NLL of a Bernoulli variable is never negative: a negative BCE always means that targets are not between 0 and 1.
#
# Now the listing runs, with targets of 1 for the critic. Random latents are compared with the next sixteen images, and a
# frozen, untrained critic judges what comes out.
#
# **Predict.** What does the generator draw?
#
# - A: sixteen different blurred digits
#   - To draw a given digit it would have to know which latent belongs to which image. None does.
# - B: the same thing sixteen times
#   - **Yes.** A latent that has nothing to do with its target carries no information, so one image must serve for all targets.
# - C: whatever the critic takes for real digits
#   - It does please the critic, but the critic's weights are random. What pleases them is specks, not digits.


# %% tags=["studio"]
def listing_that_runs(epochs):
    """The listing with its loud failures fixed. -> generator, critic, how far the critic moved"""
    generator = two_layers(2, 256, 784, end=nn.Sigmoid())
    critic = two_layers(784, 256, 1, end=nn.Sigmoid()).requires_grad_(False)
    before = nn.utils.parameters_to_vector(critic.parameters())

    def loss_fn(generator, batch):
        drawn = generator(noise(len(batch[0]), 2))
        verdict = critic(drawn)  # (16, 1)
        return bce(drawn, batch[0]) + bce(verdict, torch.ones_like(verdict))

    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3)
    fit(generator, Minibatches(x_fit, size=16), loss_fn, optimizer, epochs)
    change = (nn.utils.parameters_to_vector(critic.parameters()) - before).norm().item()
    return generator, critic, change


# %% tags=["studio"]
runtime.seed_all(21)
generator, critic, critic_change = listing_that_runs(runtime.budget(smoke=1, cpu=4))
with torch.no_grad():
    blur = generator(noise(1000, 2))  # (1000, 784)
    realness = {"drawn": critic(blur).mean().item(), "real": critic(x_test).mean().item()}
spread = blur.std(dim=0).mean().item() / x_test.std(dim=0).mean().item()
listing_fd = frechet(features(blur), real)
print(f"the critic's parameters moved by {critic_change:.1f}")
print(f"it gives drawn digits {realness['drawn']:.0%}, real ones {realness['real']:.0%}")
print(f"drawn digits vary {spread:.0%} as much as real ones; FD {listing_fd:.0f}")
plots.rows(
    {"the listing, now running": blur[:20].cpu()}, alt="Twenty times the same cloud of gray specks."
)

# %% [markdown] tags=["studio"]
# Without the critic, that one image would be the average digit; the specks are the critic's doing. There are two fixes, and
# they lead to two different models. Train the critic, and you have a GAN (lesson 06). Give each image a latent of its own, by
# an encoder, with noise and a KL term, and you have a VAE. The listing did neither, and the explanation printed below it
# describes an encoder's training that does not take place. Read what a program does, not what is said about it.
#
# The last silent failure is the order of the data.
#
# **Predict.** A VAE is trained on the digits in the order of the file, 0s first, in every epoch. Compared with shuffled
# training, which digits does it describe worse?
#
# - A: those that it saw long ago, the 0s first of all
#   - They suffer. But see what happens to the 9s, and to the 0s in reversed order.
# - B: all but the 9s, which it saw last
#   - Hundreds of them came last, and still it describes them worse.
# - C: all kinds
#   - **Yes.** A network that gets one kind at a time describes no kind well, not even the last.


# %% tags=["studio"]
def train_in_order(order, seed):
    """Three epochs of Adam, each in the order that `order()` gives. -> the model"""
    runtime.seed_all(seed)
    model = DigitVAE(x_train.mean(dim=0)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(runtime.budget(smoke=1, cpu=3)):
        minibatches = [(x_train[rows],) for rows in order().split(64)]
        fit(model, minibatches, vae_loss, optimizer, epochs=1)
    return model


orders = {
    "shuffled": lambda: torch.randperm(4000),
    "0s first": lambda: by_label,
    "9s first": lambda: by_label.flip(0),
}
per_digit = {}
for name, order in orders.items():
    loss = neg_elbo(train_in_order(order, seed=23), x_test)  # (1000,)
    per_digit[name] = np.array([loss[y_test == digit].mean().item() for digit in range(10)])
    more = per_digit[name] - per_digit["shuffled"]  # (10,) nats
    print(f"{name}, nats more:", " ".join(f"{digit}: {v:2.0f}" for digit, v in enumerate(more)))

# %% [markdown] tags=["studio"]
# <details><summary>Answer</summary>
#
# In either order the model is worse on *every* kind, by fifteen nats or more, even on the one it saw last. Being seen first
# instead of last makes a smaller difference: compare the 0s in the two rows, and the 9s. What was seen first need not suffer
# most: with the 9s first, the 2s suffer more. Shuffling belongs in every epoch.
#
# </details>
#
# The rest are poor choices rather than errors: two latent dimensions, latents from a square, no seed, no validation set, no
# number at all, and sixteen thumbnails that fill 3 % of their canvas.

# %% [markdown] tags=["studio"]
# ### Section B · A tighter bound, and what the encoder loses
#
# Line (2) of lesson 04's derivation averages several ratios per image before it takes the logarithm. Call them
# $w_k = p(z_k)\, p(x \mid z_k) / q(z_k \mid x)$, and the logarithm of the average of $K$ of them $\mathcal L_K$. Then
#
# $$ \mathrm{ELBO} = \mathcal L_1 \le \mathcal L_5 \le \mathcal L_{50} \le \dots \quad\text{on average,} $$
#
# and as $K \to \infty$ it reaches $\log p(x)$. This is the **importance-weighted bound** (Burda, Grosse & Salakhutdinov 2016,
# who train with it and call the model IWAE). The weights are about $e^{-110}$, so they come as logarithms. (What would
# `logw.exp().mean(dim=1).log()` print?)
#
# ### Exercise 5.4 · `iwae`
# One row of log-weights per image, one bound per image. It would also serve as a loss, so gradients must flow through it.


# %% tags=["studio", "exercise:5.4", "points:3", "minutes:6"]
def iwae(logw: Tensor) -> Tensor:
    """Importance-weighted bound: log of the mean of K weights given as logs. (B, K) -> (B,)"""
    # BEGIN SOLUTION
    return torch.logsumexp(logw, dim=1) - math.log(logw.shape[1])  # (B,)
    # END SOLUTION


# %% tags=["studio", "check:5.4"]
iwae = check("5.4", iwae)

# %% [markdown] tags=["studio", "help:5.4"]
# The log of a mean is the log of a sum minus the log of something. Of what? And which function of PyTorch takes the log of a
# sum of exponentials without leaving the logarithms?
# ---
# Weights 1 and 3, so `logw` is $(0, 1.0986)$: the mean weight is 2, the bound $\log 2 = 0.693$. The mean of the logs, the
# ELBO, is $0.549$.
# ---
# `logsumexp` pulls the largest weight out before it takes exponentials, so nothing underflows; `log K` turns the sum into a
# mean.


# %% tags=["studio"]
@torch.no_grad()
def log_weights(model, x, mu, logvar, K):
    """log w of K latents per image from its Gaussian q. (B, 784), (B, Z), (B, Z) -> (B, K)"""
    columns = []
    for _ in range(K):
        eps = torch.randn_like(mu)
        z = reparameterize(mu, logvar, eps)  # (B, Z)
        bce = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none").sum(1)
        log_ratio = 0.5 * (eps**2 + logvar - z**2).sum(dim=1)  # log p(z) - log q(z|x)
        columns.append(log_ratio - bce)
    return torch.stack(columns, dim=1)


runtime.seed_all(24)
hundred = x_test[:100]
mu, logvar = vae.encode(hundred)  # (100, 20) each
logw = log_weights(vae, hundred, mu, logvar, 100)  # (100, 100)
bounds = {k: iwae(logw.reshape(-1, k)).mean().item() for k in (1, 2, 5, 20, 50, 100)}
for k, bound in bounds.items():
    print(f"K = {k:<4} -bound {-bound:.1f} nats per digit")

# %% [markdown] tags=["studio"]
# Nothing was trained: the same model, with more latents per image. So part of −ELBO is no fault of the decoder. It is lost in
# $q$, for two possible reasons: no Gaussian fits the posterior, or one does, and the encoder does not find it. The encoder
# has to find it for all images with *one* set of weights, **amortized inference**, while we may search for each image alone.
#
# **Predict.** We do that for the same digits: start at the encoder's Gaussian and improve each `mu` and `logvar`. A hundred
# draws from each better Gaussian then give the tightest bound. How much of the way from the encoder's −ELBO to that bound do
# the Gaussians alone go?
#
# - A: hardly any of it
#   - Then the shape would be at fault, as the derivation suggests. It explains the smaller part.
# - B: more than half
#   - **Yes.** The larger part is lost because the encoder misses the best Gaussian (Cremer, Li & Duvenaud 2018).
# - C: all of it
#   - Then the posteriors would be Gaussian, with independent dimensions. They are not quite.


# %% tags=["studio", "export"]
def best_gaussians(model, x, steps=200, return_q=False):
    """-ELBO of each image with a Gaussian fitted to it alone (and this mu, logvar). -> (N,)"""
    with torch.no_grad():
        mu, logvar = (part.clone().requires_grad_() for part in model.encode(x))  # (N, Z) each
    optimizer = torch.optim.Adam([mu, logvar], lr=0.02)

    def loss():
        z = reparameterize(mu, logvar, torch.randn_like(mu))
        bce = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none").sum(1)
        return bce + kl_normal(mu, logvar)  # (N,)

    for _ in range(steps):
        mu.grad, logvar.grad = torch.autograd.grad(loss().sum(), [mu, logvar])
        optimizer.step()
    with torch.no_grad():
        found = torch.stack([loss() for _ in range(20)]).mean(dim=0)
    return (found, mu.detach(), logvar.detach()) if return_q else found


# %% tags=["studio"]
runtime.seed_all(25)
with_encoder = torch.stack([neg_elbo(vae, hundred) for _ in range(20)]).mean(dim=0)  # (100,)
steps = runtime.budget(smoke=10, cpu=200)
with_best, mu, logvar = best_gaussians(vae, hundred, steps, return_q=True)
tightest = -iwae(log_weights(vae, hundred, mu, logvar, 100)).mean().item()
amortization, amortization_error, _ = compare(with_encoder, with_best)
print(f"the encoder's Gaussians         {with_encoder.mean():.1f} nats per digit")
print(f"the best Gaussian per digit     {with_best.mean():.1f}")
print(f"K = 100 from these Gaussians    {tightest:.1f}")
print(f"first difference, paired: {amortization:.1f} ± {amortization_error:.1f}")

# %% [markdown] tags=["studio"]
# The first difference is the **amortization gap**. Both rows are about the same digits, so its standard error is the paired
# one of your `compare`. The second is about what the Gaussian shape costs: 200 steps and 100 draws both fall a little short.
# Section D uses `best_gaussians` again, to find out what makes a validation curve rise.

# %% [markdown] tags=["studio"]
# ### Section C · How many latent dimensions are used?
#
# Twenty latent dimensions were our choice. Does the model need all of them? The decoder receives
# $z_j = \mu_j + \sigma_j \varepsilon_j$. Over all images and draws the variance of $z_j$ has two parts. One is noise, which
# says nothing about the image. The other is signal. A dimension is **active** if its signal has a variance above a small
# threshold (Burda, Grosse & Salakhutdinov 2016 take $0.01$).
#
# ### Exercise 5.5 · `active_units`
# Decide where the signal is. You get what the encoder returns for $N$ images.


# %% tags=["studio", "exercise:5.5", "points:3", "minutes:6"]
def active_units(mu: Tensor, logvar: Tensor, tol: float) -> Tensor:
    """Which latent dimensions carry signal of variance above tol. (N, Z), (N, Z) -> bool (Z,)"""
    # BEGIN SOLUTION
    return mu.var(dim=0) > tol  # (Z,)
    # END SOLUTION


# %% tags=["studio", "check:5.5"]
active_units = check("5.5", active_units)

# %% [markdown] tags=["studio", "help:5.5"]
# Cover the image and look at $z_j$ alone: which of its ingredients could tell you something about the image? Does a large
# variance of *noise* tell you anything?
# ---
# Two images. First dimension: $\mu = 2$ and $-2$, $\sigma = 0.1$: the variance of $\mu$ is 8, so it is active. Second: $\mu =
# 3$ for both, $\sigma = 0.1$ and $1$: whatever $z$ comes out, its mean says nothing. It is not.
# ---
# $\operatorname{Var}(z) = \operatorname{Var}(\mu) + \operatorname{E}[\sigma^2]$, the law of total variance. The second part is
# the noise, so `logvar` is a decoy: compare the variance of $\mu$ over the images with `tol`.

# %% [markdown] tags=["studio"]
# **Predict.** Three of our models were offered twenty dimensions. Which of them uses the fewest?
#
# - A: the baseline, with one hidden layer on each side
#   - It uses all of them, or nearly all.
# - B: the deeper one, without residual connections
#   - **Yes.** About half of its dimensions collapse.
# - C: the residual one
#   - It has the best −ELBO, which needs much information about the image, and that is what dimensions carry.

# %% tags=["studio"]
active, variances = {}, {}
for name, model in {"baseline": baseline, "deeper": narrowing, "residual": residual}.items():
    with torch.no_grad():
        mu, logvar = model.encode(x_val)  # (400, 20) each
    variances[name] = mu.var(dim=0).sort(descending=True).values.cpu()  # (20,)
    active[name] = int(sum(active_units(mu, logvar, 0.1)))
print("active of 20, at a threshold of 0.1 after so short a training:", active)
drawing.variances(variances, 0.1)

# %% [markdown] tags=["studio"]
# A dimension costs KL in every image, so one that does not pay for it collapses. The count says nothing about quality: *deeper*
# uses the fewest, is the worst in nats, and beats the baseline in FD.

# %% [markdown] tags=["studio"]
# ### Section D · The weight of the KL term, and a thousand epochs
#
# Two experiments that take longer than a lesson were run by the scripts in `tools/measure/studies/`, with three seeds each.
# −ELBO is that of the validation set. First the weight $\beta$ of the KL term, as in lesson 04.
#
# **Predict.** Which weight gives the best samples, by FD?
#
# - A: exactly 1
#   - It gives the best −ELBO, because that is what it minimizes. FD asks another question.
# - B: one below 1
#   - Then reconstructions are sharpest. But latents from the prior fall where no image was encoded.
# - C: one somewhat above 1
#   - **Yes.** It is 2 in each of the three seeds. A larger weight moves the aggregate posterior toward the prior, and
#     samples start from the prior.

# %% tags=["studio"]
study = data.study("digit_beta")
names = ("bce", "kl", "fd", "active")
middle = {name: np.median(study[name], axis=1) for name in names}  # (6,) each: over the seeds
total = middle["bce"] + middle["kl"]  # (6,) -ELBO
print("BCE at weights from 1/16 to 16:", ", ".join(f"{bce:.0f}" for bce in middle["bce"]))
print(f"measured by tools/measure/studies/digit_beta.py, {study['cpu_seconds']:.0f} CPU seconds")
drawing.weights(study, middle, total)

# %% [markdown] tags=["studio"]
# BCE rises with every larger weight: reconstructions blur. From 4 on, many dimensions collapse as well.
#
# Now the article's recipe: a *thousand* digits, a *thousand* epochs, no stopping rule.
#
# **Predict.** At some epoch the −ELBO of validation digits turns and rises. What is behind the rise?
#
# - A: mostly the decoder, which fits the training digits ever more closely
#   - It does. But then no choice of q could undo the rise for new digits.
# - B: mostly the encoder, which places new digits badly
#   - **Yes.** Give each new digit the best Gaussian for the *same* decoder, and most of the rise disappears.
# - C: both in equal parts
#   - A natural guess, since both are trained on the same loss. The experiment below separates them.

# %% tags=["studio"]
long = data.study("digit_epochs")
medians = {
    name: np.median(long[name], axis=0) for name in ("train", "val", "encoder", "best", "fd")
}
nearby = np.median(long["nearest"], axis=0)  # (12,)
drawing.thousand(long["epoch"], medians)
turn, end = medians["encoder"].argmin(), -1
print(f"-ELBO after {long['epoch'][turn]} and after 1,000 epochs:")
for name in ("train", "encoder", "best"):  # digits it trains on; a hundred new ones, twice
    print(f"  {name:<8} {medians[name][turn]:.1f}, {medians[name][end]:.1f}")
print(f"samples, distance to their nearest training digit: {nearby[turn]:.2f}, {nearby[end]:.2f}")

# %% [markdown] tags=["studio"]
# The training curve falls to the last epoch. The validation curve turns after about a tenth of the time and then rises by
# about ten nats. Give each validation digit its own best Gaussian, and only two or three of the ten remain. **What makes the
# curve rise is mostly the encoder**, which places new digits ever worse.
#
# The *gap* between the curves is another matter. With the best Gaussian for each new digit it still nearly doubles after the
# turn, from 17 nats to 32: the model fits the training digits ever better, at little cost to new ones. FD, which never asks
# the encoder, goes on *improving*. Samples come no closer to the training digits, but that alone does not clear them: the
# core's last test, own digits against as many others, was not run here. (Lesson 07 looks at a remedy, augmentation.)

# %% [markdown] tags=["studio"]
# ### Section E · A checkpoint, where the time goes, and what to write down
#
# Long runs get interrupted. A **checkpoint** is a file from which training can go on as if nothing had happened.
#
# **Predict.** A file holds the states of model, optimizer and scheduler after the first of two epochs. A new process loads all
# three and trains the second epoch. How do its final parameters compare with those of a run that was never interrupted?
#
# - A: they are equal, bit for bit
#   - Nothing seems to be missing, and many tutorials save no more. But how is the second epoch shuffled?
# - B: they differ in the last decimal places
#   - Rounding is not to blame: on one CPU, the same operations in the same order give the same bits.
# - C: they differ visibly
#   - **Yes.** Minibatch order and $\varepsilon$ come from a random number generator, and its state is not in the file.

# %% tags=["studio"]
small, path = Minibatches(x_fit[:640], size=64), folder / "checkpoint.pt"


def start(seed):
    """Model, optimizer and scheduler for two epochs on 640 digits, by name."""
    runtime.seed_all(seed)
    model = DigitVAE(x_fit.mean(dim=0)).to(device)
    optimizer, scheduler = optimizer_for(model, config.lr, steps=2 * len(small))
    return {"model": model, "optimizer": optimizer, "scheduler": scheduler}


def train_an_epoch(parts):
    fit(parts["model"], small, vae_loss, parts["optimizer"], 1, parts["scheduler"])


whole = start(seed=11)
train_an_epoch(whole)
state = {name: part.state_dict() for name, part in whole.items()}
torch.save(state | {"random": torch.get_rng_state()}, path)
train_an_epoch(whole)  # and this is what it would have become

# %% tags=["studio"]
resumed = {}
for loaded in (["model"], ["model", "optimizer", "scheduler"], [*state, "random"]):
    saved, parts = torch.load(path, weights_only=True), start(seed=12)  # as in a new process
    for name in set(loaded) - {"random"}:
        parts[name].load_state_dict(saved[name])
    if "random" in loaded:
        torch.set_rng_state(saved["random"])
    train_an_epoch(parts)
    pairs = zip(whole["model"].parameters(), parts["model"].parameters(), strict=True)
    resumed[", ".join(loaded)] = max((a - b).abs().max().item() for a, b in pairs)
    print(f"largest difference {resumed[', '.join(loaded)]:.4f} with {', '.join(loaded)}")

# %% [markdown] tags=["studio"]
# With the parameters alone, Adam begins again with empty averages, and the schedule at its first step. With all four states
# the difference is exactly 0. (A GPU has a generator of its own to save, and may add numbers in another order: close, but not
# bit for bit.) With `weights_only=True`, opening a file should not run code.
#
# What is the time of a training step spent on? `torch.profiler` records every operation and its cost.
#
# **Predict.** Which takes the most time?
#
# - A: the matrix products
#   - **Yes.** They are the work that has to be done. The other parts are small because the recipe made them small.
# - B: the optimizer
#   - It touches every parameter several times. But fused into one call it costs a fraction of the matrix products.
# - C: everything around them: shuffling, indexing, Python
#   - A loader that decodes image by image costs a third. Here indexing one tensor costs next to nothing.

# %% tags=["studio"]
steps = runtime.budget(smoke=2, cpu=20)
small = Minibatches(x_fit[: 64 * steps], size=64)
watched = start(seed=27)
train_an_epoch(watched)  # the first steps pay for setting up
with project.quiet(), profile(activities=[ProfilerActivity.CPU]) as record:
    train_an_epoch(watched)
spent = {
    event.key.split("::")[-1].split("#")[0]: event.self_cpu_time_total / steps / 1000
    for event in record.key_averages()
}
most = sorted(spent, key=spent.get, reverse=True)[:7]
ax = plots.bars(
    most,
    [spent[name] for name in most],
    color=plots.MODEL,
    form=".2f",
    alt="Matrix products together lead; the optimizer follows far behind.",
)
plots.label(ax, f"One step, profiled: {sum(spent.values()):.1f} ms", "milliseconds per step")

# %% [markdown] tags=["studio"]
# `addmm` and `mm` are matrix products, forward and backward; `_fused_adamw_` is the whole optimizer in one call, and
# `Optimizer.step` the Python around it. What does each part of the recipe buy? A script made one change after another, with
# the *same twelve epochs* and two seeds for each row, and measured on the validation set, because this table was used to
# choose.

# %% tags=["studio"]
speed = data.study("digit_speed")
rows = []
for i, name in enumerate(speed["names"]):
    seconds, loss = speed["seconds"][i], speed["val_nats"][i]  # (2,) each
    spread_text = f"{loss.min():.1f} to {loss.max():.1f}"
    rows.append((str(name), f"{np.median(seconds):.1f}", f"{np.median(loss):.1f}", spread_text))
head = ("one change after another", "CPU s, 12 epochs", "val -ELBO", "two seeds")
runtime.show_table(head, rows)

# %% [markdown] tags=["studio"]
# Decoding image by image took a third of the time; a `DataLoader` over a tensor is nearly as fast as indexing. In this
# order, smaller minibatches buy the most, a dozen nats: they take twice as many steps. The cycle, with its larger learning
# rate, and the bias that starts at the average digit buy about five each. In another order the shares would differ. A second
# layer buys nothing until it gets its residual connection. Measure before you adopt: none of this has to hold for other
# data.
#
# **What to write down.** To repeat a run, you need the data and the split, the config, the seed, the exact versions (this
# course pins them in `constraints.txt`), and the device. The article asks for `python>=3.8`, `tensorflow>=2.6`, `keras>=2.6`
# and `numpy>=1.19` and forgets Matplotlib. Lower bounds alone mean a different environment every year. Which framework
# (PyTorch, TensorFlow with Keras; MXNet was retired in 2023), editor (PyCharm, VS Code) or tracker (TensorBoard, Weights &
# Biases) matters less than a log with one line per run, as in the core.

# %% [markdown] tags=["studio"]
# ### Section F · Build: 115 nats in ten seconds
#
# Start from an empty page again. Write a function that gets 4,000 gray digits and returns `encode` and `decode`. The bar: −ELBO
# of at most 115 nats on the 1,000 test digits (grays, BCE and KL summed, one $z$), in at most ten CPU seconds on one thread.
# Many ways lead there.
#
# ### Exercise 5.6 · `train_digits`
# The check trains it, takes the time, and measures. It allows twice the time, so that a busy machine does not decide. It looks
# at the test digits every time it runs, so make your choices on `x_val` and run it when they are made. Training on the test
# digits fails: the check compares them with training digits, and new digits must cost more.


# %% tags=["studio", "exercise:5.6", "points:8", "minutes:25"]
def train_digits(x):
    """Train a VAE on gray digits x, (N, 784). -> the pair encode, decode

    encode: (B, 784) -> mu, logvar, (B, Z) each; decode: (B, Z) -> logits, (B, 784)
    """
    # BEGIN SOLUTION
    encoder = nn.Sequential(nn.Linear(784, 400), nn.SiLU(), nn.Linear(400, 40))  # 20 mu, 20 logvar
    decoder = nn.Sequential(nn.Linear(20, 400), nn.SiLU(), nn.Linear(400, 784))
    model = nn.ModuleList([encoder, decoder])
    with torch.no_grad():
        decoder[-1].bias.copy_(torch.logit(x.mean(dim=0).clamp(0.002, 0.998)))

    def loss_fn(model, batch):
        (x,) = batch  # (B, 784)
        mu, logvar = encoder(x).chunk(2, dim=1)  # (B, 20) each
        logits = decoder(reparameterize(mu, logvar, torch.randn_like(mu)))
        bce = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
        return (bce + kl_normal(mu, logvar)).mean()

    loader, epochs = Minibatches(x, size=64), 16
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3, fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 4e-3, total_steps=epochs * len(loader), pct_start=0.15
    )
    fit(model, loader, loss_fn, optimizer, epochs, scheduler)
    return lambda images: encoder(images).chunk(2, dim=1), decoder
    # END SOLUTION


# %% tags=["studio", "check:5.6"]
train_digits = check("5.6", train_digits)

# %% [markdown] tags=["studio", "help:5.6"]
# The core's chosen model gets there. Look at the table of section E: which changes buy nats, and which of them cost
# next to no time?
# ---
# 784-400-20 with SiLU, minibatches of 64, a learning rate that rises to $0.004$ and falls to 0 over 16 epochs, output bias at
# the logit of the mean digit: about 113 nats in some six seconds. Stuck near 206? Then the latent code carries nothing.
# ---
# Nothing in it is new: the model, the loss and the loop of the core in one function. What gets it there: small minibatches, a
# learning-rate cycle that peaks at four times the usual rate, and the good guess at the start.

# %% tags=["studio"]
also_inside = runtime.reached(
    {
        "05.clipped": clipped,
        "05.listing.spread": spread,
        "05.listing.fd": listing_fd,
        "05.order.zeros": per_digit["0s first"][0],
        "05.shuffled.zeros": per_digit["shuffled"][0],
        "05.amortization": amortization,
        "05.deep.active": active["deeper"],
    }
)

# %% tags=["studio", "solved"]
assert also_inside
assert all(message != "no error" for message in errors.values()) and 0.4 < clipped < 0.6
assert critic_change == 0 and realness["drawn"] > realness["real"] and spread < 0.5
assert falling[-1] < falling[100] < 0
first, last = (per_digit[name] - per_digit["shuffled"] for name in ("0s first", "9s first"))
assert min(*first, *last) > 10 and first[0] > last[0] and last[2] > last[9] > first[9]
assert bounds[1] < bounds[20] < bounds[100] < -tightest
assert amortization > (with_encoder.mean() - tightest) / 2
assert active["deeper"] < active["baseline"]
assert device.type != "cpu" or [value == 0 for value in resumed.values()] == [False, False, True]
rise = {name: medians[name][-1] - medians[name][turn] for name in ("train", "encoder", "best")}
assert rise["encoder"] > 3 * rise["best"] > 0 > rise["train"]

# %% [markdown]
# ## Where we are now
#
# You can
# - build the project that a broken listing promised, knowing that its silent failures were the worse ones;
# - split data so that nothing is chosen by the set you report on, and give a held-out number with its standard error;
# - compare two models digit by digit, and say which source of chance a verdict leaves out;
# - write the Fréchet distance, and catch the copier that it lets through;
# - test for memorization kind by kind, and hand over a model with a card that says what was measured.
#
# **Read on.**
# Bouthillier et al. 2021, *Accounting for Variance in Machine Learning Benchmarks*: splits, seeds, and what to report.
# Theis, van den Oord & Bethge 2016, *A Note on the Evaluation of Generative Models*: likelihood, looks and novelty differ.
# Cremer, Li & Duvenaud 2018, *Inference Suboptimality in Variational Autoencoders*: the two gaps of section B.
#
# **Next.** The VAE draws from a prior that is not its aggregate posterior, and its loss for every pixel makes all it draws a
# little soft. Lesson 06 trains a generator against a discriminator that really learns, and compares the two at equal computing
# time.
