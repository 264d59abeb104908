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
# - noise data *in one jump*, train a network to predict noise, data or velocity, and *convert* between the three;
# - *write* the loss of a flow, *sample* by DDPM, DDIM and flow, and show when diffusion and flow matching are one method;
# - generate pictures from *captions*, guide them, and *measure* what guidance buys and what it costs.
#
# The studio has two captions in one picture, style transfer, game maps, digits, a decoder without noise, and a painter to build.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import itertools
import math
import time
from collections import deque
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import check, data, metrics, plots, progress, runtime, widgets
from course_utils.lesson03 import Minibatches, fit
from course_utils.lesson09 import drawing, dungeons, explorables, shapes, vgg

device = runtime.setup(seed=0)

# %% [markdown]
# ## The forward process: noise in one jump
#
# A VAE's decoder and a GAN's generator turn noise into a picture in a single step, which is hard to learn. The opposite is easy:
# anyone can turn a picture into noise, a little at a time. A **diffusion model** (Sohl-Dickstein et al. 2015; Ho, Jain &
# Abbeel 2020) defines such a **forward process** and trains a network to run it backward, which is the **reverse process**.
#
# One step of the forward process shrinks the data slightly and adds a little fresh noise $\varepsilon_t \sim \mathcal N(0, I)$:
#
# $$ x_t = \sqrt{1 - \beta_t}\; x_{t-1} + \sqrt{\beta_t}\; \varepsilon_t $$
#
# The list of the $\beta_t$ is the **noise schedule**. Our data are points in the plane that form two moons.
#
# **Predict.** The moons have variance 1. The hundred $\beta_t$ below add up to about 5. What is the variance after a hundred
# steps?
#
# - A: about 6, because every step adds noise
#   - It would be 6 if nothing shrank. But each step also multiplies by a number slightly below 1.
# - B: close to 0, because every step shrinks the data
#   - The data's share does go to 0. But noise takes its place.
# - C: about 1
#   - **Yes.** Each step keeps the share 1 − β of the old variance and adds β.


# %% tags=["folded"]
def moons(n, seed):
    """n points on two moons, with mean 0 and variance 1. -> (n, 2)"""
    rng = runtime.rng(seed)
    angle = rng.uniform(0, np.pi, n)  # a half circle
    which = rng.choice([-1, 1], (n, 1))  # or its mirror image
    x = which * np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=1)  # (n, 2)
    x = x + 0.07 * rng.normal(size=(n, 2))
    return torch.tensor(x / [0.87, 0.5], dtype=torch.float32)


# %%
T = 100
beta = torch.linspace(0.001, 0.1, T)  # (T,)
x_train, x_test = moons(4000, seed=1), moons(1000, seed=2)
runtime.seed_all(3)
x, after = x_train, {0: x_train}
for t in range(T):
    x = (1 - beta[t]).sqrt() * x + beta[t].sqrt() * torch.randn_like(x)
    after[t + 1] = x
print(f"variance before {x_train.var():.2f}, after {T} steps {x.var():.2f}")
drawing.clouds(
    {f"after {t} steps": after[t] for t in (0, 10, 20, 40, 100)},
    plots.DATA,
    alt="Five clouds of points: two clear moons after no step, fuzzy ones after 10, hardly a "
    "trace after 40, a round Gaussian after 100.",
)

# %% [markdown]
# The moons dissolve into $\mathcal N(0, I)$, which we can sample without any model. But a hundred steps for one training
# example would be slow. A sum of independent Gaussians is Gaussian, so all steps up to $t$ are *one* jump:
#
# $$ x_t = a_t\, x_0 + b_t\, \varepsilon $$
#
# ### Exercise 9.1 · `q_sample`
# Find $a_t$ and $b_t$, and make the jump. Three facts are enough. Every step multiplies what is left of the data by its
# $\sqrt{1 - \beta}$. The variances of independent noise terms add up. And data of variance 1 keep a total variance of 1. The table
# `ab` holds $\bar\alpha_t$, the product of all $1 - \beta_s$ up to $t$; `ab[0]` belongs to the first step. Each example in the
# batch has its own $t$, and the function must work for points, (B, 2), and for pictures, (B, 3, 16, 16), alike.


# %% tags=["exercise:9.1", "points:4", "minutes:6", "export"]
def q_sample(x0: Tensor, t: Tensor, ab: Tensor, eps: Tensor) -> Tensor:
    """x_t from x_0 in one jump. x0, eps: (B, ...), t: int (B,), ab: (T,) -> (B, ...)"""
    # BEGIN SOLUTION
    a = ab[t].reshape(-1, *[1] * (x0.dim() - 1))  # (B, 1, ...)
    return a.sqrt() * x0 + (1 - a).sqrt() * eps  # (B, ...)
    # END SOLUTION


# %% tags=["check:9.1"]
q_sample = check("9.1", q_sample)

# %% [markdown] tags=["help:9.1"]
# Which of the two weights is a product of square roots? What must the squares of both weights add up to? And what shape must
# `ab[t]` have, so that it multiplies every pixel of *its* picture and of no other?
# ---
# One point $x_0 = (2, -1)$, $\varepsilon = (1, 1)$, $\bar\alpha_t = 0.64$: the data are multiplied by $\sqrt{0.64} = 0.8$, the
# noise by $\sqrt{0.36} = 0.6$. So $x_t = (1.6 + 0.6,\; -0.8 + 0.6) = (2.2, -0.2)$.
# ---
# The product of the roots is $a_t = \sqrt{\bar\alpha_t}$, and $a_t^2 + b_t^2 = 1$ gives $b_t = \sqrt{1 - \bar\alpha_t}$. The
# table is looked up once per example, and the dimensions of size 1 let the value broadcast over whatever follows.

# %% tags=["nbval-check-output"]
ab = torch.cumprod(1 - beta, dim=0)  # (T,)
jumped = q_sample(x_train, torch.full((4000,), 39), ab, torch.randn(4000, 2))  # index 39: 40 steps
walked, jump = (x.prod(dim=1).mean() for x in (after[40], jumped))  # covariance of the coordinates
print("forty steps and one jump agree:", bool(abs(walked - jump) < 0.06))
for t in (10, 40, 100):
    print(f"share of the variance that is still data after {t:>3} steps: {ab[t - 1]:.3f}")

# %% [markdown]
# So $a_t = \sqrt{\bar\alpha_t}$ and $b_t = \sqrt{1 - \bar\alpha_t}$.
#
# **Scrub through the forward process.** Drag along the curve of $\bar\alpha_t$, or press play. The linear schedule is the one
# above. The cosine schedule (Nichol & Dhariwal 2021) spends more of its steps where something can still be seen.
#
# **Your goal.** Find the last $t$ at which *you* still see a cat.

# %%
cat = 2 * data.photo("cat", (64, 96)) - 1  # (3, 64, 96) in [-1, 1]
eps = torch.randn(cat.shape, generator=torch.Generator().manual_seed(4))
cosine = torch.cos((torch.arange(T + 1) / T + 0.008) / 1.008 * math.pi / 2) ** 2  # (T + 1,)
explorables.noise(cat, eps, [ab, cosine[1:] / cosine[0]])

# %% [markdown]
# ## Predict the noise
#
# To run the process backward we would have to know where a noisy point came from. We cannot know, but a network can learn what
# is *likely*. Give it $x_t$ and $t$ and train it to predict the noise, which is called **ε-prediction**:
#
# $$ L = \mathbb E\, \big\| \varepsilon - \varepsilon_\theta(x_t, t) \big\|^2 $$
#
# With a squared error the network learns the *mean* of all the noise that could have led to $x_t$ (lesson 02). Here the mean is
# what we want, because it tells us in which direction the data lie: divided by $-b_t$ it is the gradient of the log-density of
# $x_t$, which is called the **score** (Vincent 2011; Song & Ermon 2019).


# %% tags=["export", "folded"]
def time_features(t: Tensor) -> Tensor:
    """A time from 0 to 1 as sixteen waves, its sinusoidal embedding. (B,) -> (B, 16)"""
    angles = t[:, None] * (math.pi / 2) * 2.0 ** torch.arange(8, device=t.device)  # (B, 8)
    return torch.cat([angles.sin(), angles.cos()], dim=1)  # (B, 16)


class Field(nn.Module):
    """A vector at every point and time: (B, 2), (B,) -> (B, 2)."""

    def __init__(self, hidden=128):
        super().__init__()
        # 30 inputs: 2 coordinates, 6 + 6 waves of them, 16 of the time
        sizes = [30, hidden, hidden, hidden]
        layers = [nn.Sequential(nn.Linear(*pair), nn.SiLU()) for pair in itertools.pairwise(sizes)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, 2))

    def forward(self, x, t):
        waves = (x[:, :, None] * torch.tensor([1.0, 2.0, 4.0])).flatten(1)  # (B, 6)
        return self.layers(torch.cat([x, waves.sin(), waves.cos(), time_features(t)], dim=1))


# %%
def train(make, tensors, loss_fn, epochs, seed, lr, size=250):
    """A new network, trained with the loop of lesson 03. -> the network"""
    runtime.seed_all(seed)
    model, loader = make(), Minibatches(*tensors, size=size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, fused=True)
    steps = epochs * len(loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    fit(model, loader, lambda m, batch: loss_fn(m, *batch), optimizer, epochs, scheduler)
    return model


def noise_loss(model, x0):
    """The loss above: fresh times and fresh noise for each minibatch."""
    t, eps = torch.randint(T, (len(x0),)), torch.randn_like(x0)
    return F.mse_loss(model(q_sample(x0, t, ab, eps), t / T), eps)


epochs = runtime.budget(smoke=1, cpu=100)
denoiser = train(Field, [x_train], noise_loss, epochs, seed=5, lr=8e-3)

# %% [markdown]
# ## DDPM: back in a hundred steps
#
# If you knew $\varepsilon_t$, the noise of *this* step, you could solve $x_t$ for $x_{t-1}$. The network predicts the noise of
# *all* steps up to $t$. That noise enters $x_t$ as $b_t\, \varepsilon$, a sum of independent Gaussians with total variance
# $1 - \bar\alpha_t$, to which this step contributed $\beta_t$.
#
# ### Exercise 9.2 · `ddpm_step`
# Go one step back, in three lines. (1) Estimate the term $\sqrt{\beta_t}\, \varepsilon_t$. When only the sum of independent
# Gaussians is known, the mean of one of them is the sum times its share of the total *variance*. (2) Subtract it, and solve for
# $x_{t-1}$. (3) That is a mean, and the true $x_{t-1}$ scatters around it. So add `noise`, drawn from $\mathcal N(0, I)$, with
# standard deviation $\sqrt{\beta_t}$, except in the last step, `t == 0`, whose result is the sample.


# %% tags=["exercise:9.2", "points:5", "minutes:9", "export"]
def ddpm_step(x: Tensor, t: int, eps: Tensor, noise: Tensor, beta: Tensor, ab: Tensor) -> Tensor:
    """x_t to x_{t-1}; eps is what the network predicts at x_t.

    x, eps, noise: (B, ...), t: index into beta and ab, (T,) each -> (B, ...)
    """
    # BEGIN SOLUTION
    added = beta[t] / (1 - ab[t]) * (1 - ab[t]).sqrt() * eps  # (B, ...)
    mean = (x - added) / (1 - beta[t]).sqrt()
    return mean + beta[t].sqrt() * noise if t > 0 else mean
    # END SOLUTION


# %% tags=["check:9.2"]
ddpm_step = check("9.2", ddpm_step)

# %% [markdown] tags=["help:9.2"]
# What is the whole noise in $x_t$, and what is its variance? Which fraction of that variance did step $t$ add? The network gives
# you $\varepsilon$ with variance 1, not $b_t\, \varepsilon$.
# ---
# $x_t = 2$, $\varepsilon = 1$, $\beta_t = 0.36$, $\bar\alpha_t = 0.51$. The noise in $x_t$ is $\sqrt{0.49} \cdot 1 = 0.7$. The step's
# share is $0.36/0.49 = 0.735$, so it added $0.514$. The mean is $(2 - 0.514)/\sqrt{0.64} = 1.857$. With `noise` $0.5$, the result is
# $1.857 + 0.6 \cdot 0.5 = 2.157$.
# ---
# Share times sum is $\frac{\beta_t}{1 - \bar\alpha_t} \sqrt{1 - \bar\alpha_t}\; \varepsilon = \frac{\beta_t}{\sqrt{1 - \bar\alpha_t}}\,
# \varepsilon$. Dividing by $\sqrt{1 - \beta_t}$ undoes the shrinking, and the noise comes after it.

# %% [markdown]
# Written in one line, your function is
#
# $$ x_{t-1} = \frac{1}{\sqrt{1 - \beta_t}} \Big( x_t - \frac{\beta_t}{\sqrt{1 - \bar\alpha_t}}\, \varepsilon_\theta(x_t, t) \Big) + \sqrt{\beta_t}\; \varepsilon' $$
#
# the sampler of **DDPM**, *Denoising Diffusion Probabilistic Models* (Ho, Jain & Abbeel 2020, algorithm 2).
#
# **Predict.** Why add noise while removing noise? What will the points do if we leave it out?
#
# - A: they gather in a cluster in the middle
#   - **Yes.** Each step goes to the *mean* of where a point may have come from, and leaves the spread to the fresh noise.
# - B: they form the same moons, only thinner
#   - Each of the hundred steps loses some of the spread.
# - C: they form the same moons, because the noise averages out
#   - It does not average out: each noise is part of the next step's input.


# %%
@torch.no_grad()
def ddpm(model, x, added=1.0, removed=1.0):
    """From noise x to data in T steps, scaling what each adds and removes. -> [x_T, ..., x_0]"""
    trajectory = [x]
    for t in reversed(range(T)):
        eps = removed * model(x, torch.full((len(x),), t / T))  # (B, D)
        x = ddpm_step(x, t, eps, added * torch.randn_like(x), beta, ab)
        trajectory.append(x)
    return trajectory


runtime.seed_all(6)
start = torch.randn(runtime.budget(smoke=250, cpu=1000), 2)  # (1000, 2)
trajectory, still = ddpm(denoiser, start), ddpm(denoiser, start, added=0.0)
shown = {"noise": start} | {f"after {n} steps": trajectory[n] for n in (60, 85, 100)}
drawing.clouds(
    shown | {"no fresh noise": still[-1]},
    plots.MODEL,
    alt="A round cloud, still round after 60 steps, a tilted cloud after 85, two moons after 100; "
    "without fresh noise, a small cluster in the middle.",
)

# %% [markdown]
# How good is it? The **energy distance** (Székely & Rizzo 2013) compares distances between two samples with distances within each:
#
# $$ D(X, Y) = 2\, \mathbb E \|X - Y\| - \mathbb E \|X - X'\| - \mathbb E \|Y - Y'\| $$
#
# $X'$ is an independent copy of $X$, and $Y'$ of $Y$. It is 0 only for equal distributions.


# %% tags=["folded"]
def energy_distance(x, y):
    """(N, 2), (M, 2) -> number; with finite samples slightly above 0 even for the same source"""
    between, own_x, own_y = (torch.cdist(a, b).mean() for a, b in ((x, y), (x, x), (y, y)))
    return (2 * between - own_x - own_y).item()


distance = {
    "fresh moons": energy_distance(moons(1000, seed=7), x_test),
    "DDPM, 100 steps": energy_distance(trajectory[-1], x_test),
    "DDPM, no fresh noise": energy_distance(still[-1], x_test),
    "noise": energy_distance(start, x_test),
}
for name, value in distance.items():
    print(f"{name:<21} {value:7.4f}")

# %% [markdown]
# Noise scores only {{09.moons.noise:.2f}}: it has the moons' mean and variance, and the energy distance responds much less to shape.
#
# ## DDIM: the same network, twenty steps
#
# The same network allows another update. With its $\varepsilon$ you can solve $x_t = a\, x_0 + b\, \varepsilon$ for $x_0$, which
# estimates the clean data in one go. From that estimate return to a *lower* noise level, $a'$ and $b'$, with the *same*
# $\varepsilon$:
#
# $$ x' = a'\, \hat x_0 + b'\, \hat\varepsilon $$
#
# This is **DDIM**, *Denoising Diffusion Implicit Models* (Song, Meng & Ermon 2021). No noise is drawn, and the next level may be
# many steps away.
#
# A network can also be trained to predict $x_0$ itself (**x₀-prediction**), or the difference $v = x_0 - \varepsilon$
# (**v-prediction**), which the next section explains. Given $x_t$, any one of the three determines the others. (In the
# `diffusers` library $v$ is another mixture, $a\, \varepsilon - b\, x_0$; Salimans & Ho 2022.)
#
# ### Exercise 9.3 · `x0_and_eps`
# A network outputs one of the three, and `kind` says which: `"eps"`, `"x0"` or `"v"`. Return both $x_0$ and $\varepsilon$. $a$ and
# $b$ are the two weights of $x_t$. Here $a^2 + b^2 = 1$, and in the next section $a + b = 1$, so do not rely on either.


# %% tags=["exercise:9.3", "points:5", "minutes:8", "export"]
def x0_and_eps(kind: str, output: Tensor, x_t: Tensor, a, b) -> tuple[Tensor, Tensor]:
    """Solve x_t = a x0 + b eps for both, given eps, x0 or v = x0 - eps.

    output, x_t: (B, ...), a, b: numbers, or tensors that broadcast -> (B, ...), (B, ...)
    """
    # BEGIN SOLUTION
    if kind == "eps":
        return (x_t - b * output) / a, output
    if kind == "x0":
        return output, (x_t - a * output) / b
    x0 = (x_t + b * output) / (a + b)  # from eps = x0 - v
    return x0, x0 - output
    # END SOLUTION


# %% tags=["check:9.3"]
x0_and_eps = check("9.3", x0_and_eps)

# %% [markdown] tags=["help:9.3"]
# Two equations, two unknowns: $x_t = a\, x_0 + b\, \varepsilon$, and the one that `kind` adds. Which unknown can you replace?
# ---
# $x_0 = 3$, $\varepsilon = 1$, $a = 0.8$, $b = 0.6$, so $x_t = 3$ and $v = 2$. From $\varepsilon$: $(3 - 0.6 \cdot 1)/0.8 = 3$. From $x_0$:
# $(3 - 0.8 \cdot 3)/0.6 = 1$. From $v$: $x_0 = (3 + 0.6 \cdot 2)/1.4 = 3$, and $\varepsilon = 3 - 2 = 1$.
# ---
# For $v$, put $\varepsilon = x_0 - v$ into the first equation: $x_t = (a + b)\, x_0 - b\, v$. Note what each case divides by: with
# $a$ near 0 a small error in $\varepsilon$ becomes a large one in $x_0$, and $v$ is safe at both ends.

# %% [markdown]
# The sampler needs your function, and nothing else that is specific to diffusion.


# %% tags=["export"]
@torch.no_grad()
def follow(model, x, path, kind="eps"):
    """From noise x to data along path, [(t, a, b), ...], no noise added. -> [x, ..., x_0]"""
    trajectory = [x]
    for (t, a, b), (_, a_next, b_next) in itertools.pairwise(path):
        output = model(x, torch.full((len(x),), float(t), device=x.device))  # (B, ...)
        x0, eps = x0_and_eps(kind, output, x, a, b)
        x = a_next * x0 + b_next * eps
        trajectory.append(x)
    return trajectory


# %%
def noise_levels(n):
    """n of the schedule's levels, from noise on, and clean data at the end. -> [(t, a, b), ...]"""
    index = torch.linspace(T - 1, 0, n).round().long()  # (n,)
    levels = [(i / T, ab[i].sqrt(), (1 - ab[i]).sqrt()) for i in index]
    return [*levels, (0.0, 1.0, 0.0)]


ddim = {n: follow(denoiser, start, noise_levels(n))[-1] for n in (100, 20, 10, 5)}
distance |= {f"DDIM, {n} steps": energy_distance(x, x_test) for n, x in ddim.items()}
for name, x in (("the same start", ddim[20]), ("another start", ddim[20].flip(0))):
    print(f"100 steps and 20 from {name:<14}: {(x - ddim[100]).norm(dim=1).median():.2f} apart")
drawing.clouds(
    {f"steps: {n}, D = {distance[f'DDIM, {n} steps']:.3f}": x for n, x in ddim.items()},
    plots.MODEL,
    alt="DDIM: moons with some points between them for 100 and 20 steps; more for 10; many for 5.",
)

# %% [markdown]
# So neither fresh noise nor a hundred steps are essential. Over five runs the median $D$ was {{09.moons.ddpm:.3f}} for DDPM's
# hundred steps, {{09.moons.ddim20:.3f}} for DDIM's twenty, and {{09.moons.floor:.3f}} for fresh moons: with a thousand points,
# differences this small are within the spread over samples.
#
# Then why did DDPM collapse without fresh noise? Its step removes about twice as much noise as DDIM's, since it adds some again.
# Add none, and remove *half*:

# %%
half = ddpm(denoiser, start, added=0.0, removed=0.5)[-1]  # (1000, 2)
apart = {"DDPM, half removed, and DDIM": (half - ddim[100]).norm(dim=1).median().item()}
print(f"D = {energy_distance(half, x_test):.3f};", *(f"{d:.2f} from DDIM" for d in apart.values()))

# %% [markdown]
# The moons are back, and each point is where DDIM takes it, on a smooth curve from its $x_T$ to its $x_0$. Both solve an ordinary
# differential equation, the **probability flow ODE** (Song, Sohl-Dickstein et al. 2021); the number of steps sets the accuracy.

# %% [markdown]
# ## Flow matching: straight paths
#
# If sampling means following an ODE, why not choose its paths? **Flow matching** (Lipman et al. 2023; **rectified flow**, Liu,
# Gong & Liu 2023) draws a noise vector $\varepsilon$ and a data point $x_0$ independently, and connects them by a straight line,
# traveled at constant speed while $t$ goes from 0 (noise) to 1 (data), opposite to diffusion's $t$. The network sees a position
# on the line and its time, and learns the velocity there. (Many papers write $x_0$ for the noise and $x_1$ for the data. Here
# $x_0$ is the data throughout.)
#
# ### Exercise 9.4 · `flow_loss`
# Turn the sentences above into the loss that trains the network. Give each example in the batch its own noise from
# $\mathcal N(0, I)$ and its own time, uniform between 0 and 1. Find the position $x_t$ and the velocity $v = dx_t/dt$, call the
# model once for the whole batch, and return the mean squared error of its velocities. Draw on the device of `x0`. Points and
# pictures must both work.


# %% tags=["exercise:9.4", "points:4", "minutes:6", "export"]
def flow_loss(model, x0: Tensor) -> Tensor:
    """A flow's loss on data x0 (B, ...), a scalar. model: x_t (B, ...), t (B,) -> v (B, ...)"""
    # BEGIN SOLUTION
    eps, t = torch.randn_like(x0), torch.rand(len(x0), device=x0.device)
    s = t.reshape(-1, *[1] * (x0.dim() - 1))  # (B, 1, ...)
    x_t = (1 - s) * eps + s * x0  # (B, ...)
    return F.mse_loss(model(x_t, t), x0 - eps)
    # END SOLUTION


# %% tags=["check:9.4"]
flow_loss = check("9.4", flow_loss)

# %% [markdown] tags=["help:9.4"]
# You walk from $\varepsilon$ to $x_0$ in one unit of time, at constant speed. Where are you at time 0? At time 1? Does your
# velocity depend on $t$?
# ---
# $\varepsilon = (0, 4)$, $x_0 = (2, 0)$, $t = 0.25$: a quarter of the way, $x_t = (0.5, 3)$; $v = (2, -4)$, at any time. If the
# model says $(1, -2)$, it is off by $(-1, 2)$, and the loss is $(1 + 4)/2 = 2.5$.
# ---
# $x_t = (1 - t)\, \varepsilon + t\, x_0$ is linear in $t$, so its derivative $x_0 - \varepsilon$ is constant. Both contain the
# same $\varepsilon$, so it is drawn once. The model gets one time per example, (B,); in $x_t$ it needs dimensions of size 1.

# %% [markdown]
# Your loss is $L = \mathbb E\, \| v_\theta(x_t, t) - (x_0 - \varepsilon) \|^2$ with $x_t = t\, x_0 + (1 - t)\, \varepsilon$. That is the
# same mixture as before, with $a = t$ and $b = 1 - t$, and the $v$ of Exercise 9.3. So the *same* sampler applies. With these
# weights its update is Euler's method, $x' = x + (t' - t)\, v_\theta(x, t)$; check it by inserting $\hat x_0$ and $\hat\varepsilon$.
#
# **Predict.** Every training path is straight. Is *one* step enough?
#
# - A: yes, because a straight path can be followed in one step
#   - The path of a *pair* is straight. But a noise vector does not know its partner, so the network learns the mean over all.
# - B: no: one step takes every point to the mean of the data
#   - **Yes.** At the start a noise vector could become any data point, so the mean velocity points at their mean.
# - C: no: one step takes every point to the right moon, but not along it
#   - At the start nothing tells the network which moon is the partner's.


# %% tags=["export"]
def straight(n):
    """n equal steps from noise to data. -> [(t, a, b), ...]"""
    return [(k / n, k / n, 1 - k / n) for k in range(n + 1)]


# %%
flow = train(Field, [x_train], flow_loss, epochs, seed=8, lr=8e-3)
by_steps = {n: follow(flow, start, straight(n), "v")[-1] for n in (1, 2, 4, 10, 30)}
distance |= {f"flow, {n} steps": energy_distance(x, x_test) for n, x in by_steps.items()}
drawing.clouds(
    {f"steps: {n}, D = {distance[f'flow, {n} steps']:.3f}": x for n, x in by_steps.items()},
    plots.MODEL,
    alt="One step: a small blob in the middle. Two: a tilted blob. Four: moons with the gap "
    "between them filled. Ten and thirty: moons with some points between. Above each its energy "
    "distance.",
)

# %% [markdown]
# Where the straight paths of many pairs cross, the network learns the mean of their velocities, so the paths that samples
# follow are bent. Still, samples that follow this mean velocity have the right density at every $t$ (Lipman et al. 2023,
# theorem 1), so small steps do not collapse.

# %% [markdown]
# ### Two networks, one map
#
# `denoiser` learned to predict noise, and `flow` to predict velocities, starting from different weights, with different noise.
#
# **Predict.** From the same thousand noise vectors, DDIM follows `denoiser`, and Euler's method follows `flow`. Where do they end?
#
# - A: all on the moons, but the two ends of a noise vector have nothing to do with each other
#   - The networks were trained apart. But each was trained toward a mean, and data and noise determine that mean.
# - B: the two ends are on the same moon, but anywhere along it
#   - More than the moon agrees. Both runs follow the same ODE, and it ends at one point.
# - C: the two ends are nearly the same point
#   - **Yes.** Both networks approximate the same mean, so both follow the same ODE, in other units.

# %%
ends = {"DDPM": trajectory[-1], "DDIM, the same network": ddim[100]}
ends |= {"flow, another network": by_steps[30]}
noisy, smooth, other = ends.values()  # (1000, 2) each
apart |= {
    "DDPM and DDIM, one network": (noisy - smooth).norm(dim=1).median().item(),
    "DDIM and flow, two networks": (smooth - other).norm(dim=1).median().item(),
}
for name, value in apart.items():
    print(f"{name:<28}: the same noise ends {value:.2f} apart")
drawing.destinations(start, ends)

# %% [markdown]
# The color of a point says where it ends. DDPM's noise is confetti: its fresh noise decides, not the start. DDIM and the flow
# divide the noise up in the same way, and their ends are {{09.moons.together:.2f}} apart (the median of five runs). **Neither network
# invented this map. The data and the way of noising determine it.** It happens with photographs, too: two networks trained on
# *different halves* of a large set of faces draw nearly the same face from the same noise (Kadkhodaie et al. 2024).
#
# Divide diffusion's $x_t$ by $a + b$. Its weights now add up to 1, so it lies on a straight path, and DDIM's step *is*
# Euler's. With Gaussian noise drawn independently of the data, diffusion and flow matching are one method (Gao et al. 2024,
# *Diffusion Meets Flow Matching*). They differ in what the network outputs, in how the loss weights each noise level, and in
# the sampler's steps. (A flow may also pair noise with nearby data; Tong et al. 2024.)
#
# **Train both on data of your own.** Press *train*, or draw on the first panel: one network learns for DDPM and DDIM, another for the
# flow.
#
# **Your goal.** Whose paths are straight? With how many steps do DDIM and the flow come as close to the data as DDPM does with a
# hundred? (Third panel: the energy distance over the steps; DDPM's is dashed.)

# %%
explorables.paths()

# %% [markdown]
# <details><summary>What to find</summary>
#
# DDPM's paths jitter. DDIM's and the flow's are smooth, and both bend. From about ten steps on both are close to DDPM's
# hundred.
#
# </details>
#
# > **A good place to stop.** You have the method behind most picture generators. When you come back, run all cells above once
# > (*Run → Run All Above Selected Cell*).
#
# **From an empty page.** Write the loss and the sampler of a flow on paper.
#
# <details><summary>Loss and sampler</summary>
#
# $L = \mathbb E\, \| v_\theta(x_t, t) - (x_0 - \varepsilon) \|^2$ at $x_t = t\, x_0 + (1 - t)\, \varepsilon$. To sample, start from noise
# at $t = 0$ and repeat $x \leftarrow x + (t' - t)\, v_\theta(x, t)$ until $t = 1$.
#
# </details>

# %% [markdown]
# ## Text to image, in miniature
#
# Each picture shows one of three shapes, in one of three colors, at one of four places. That makes 36 captions.
#
# A **classifier** decides whether a picture shows what was asked for. Ours compares a picture with 1,728
# drawings, and returns the caption of the nearest. If the root mean square difference from it is below a tenth of the scale
# (`shapes.CLEAN`), the picture is *clean*.

# %%
n_pictures = runtime.budget(smoke=1000, cpu=4000)
pictures, labels = shapes.sample(n_pictures, runtime.rng(10))  # (4000, 3, 16, 16), (4000, 3)
read, misfit = shapes.read(pictures)
print(f"all three attributes read correctly: {(read == labels).all(1).float().mean():.3f}")
print(f"clean: {(misfit < shapes.CLEAN).float().mean():.3f} of the pictures")
drawing.captioned(pictures[:6], [shapes.caption(label) for label in labels[:6]])

# %% [markdown]
# **Two pairs of words are withheld.** The model will never see a *green triangle* or a *blue circle*. It will see other triangles
# and green shapes. If it learns what words mean instead of memorizing pictures, it can draw these, too:
# **compositional generalization**.


# %% tags=["export"]
def withheld(labels):
    """Whether a caption has a pair of words that training leaves out. (N, 3) -> bool (N,)"""
    shape, color = labels[:, 0], labels[:, 1]
    return ((shape == 2) & (color == 1)) | ((shape == 0) & (color == 2))


# %% tags=["folded"]
seen = ~withheld(labels)
x_seen, c_seen = pictures[seen].to(device), labels[seen].to(device)
times_each = runtime.budget(smoke=5, cpu=20)
asked = shapes.all_captions().repeat(times_each, 1)  # (720, 3): every caption twenty times
new = withheld(asked)
print(f"{len(x_seen)} pictures to learn from; {new.sum().item()} of {len(asked)} requests are new")

# %% [markdown]
# ### A flow that is given a caption
#
# The model is a flow like the one for the moons, with 768 numbers instead of two, and it also gets the caption. Every word has a
# learned vector of 64 numbers, its **embedding**. Their sum, together with the time, is the **conditioning vector**, which enters
# every block. For each kind of word there is one more embedding, for "no word". In one training example out of seven, it replaces the
# whole caption, so that the model also learns to draw without one, as guidance requires.


# %% tags=["export"]
class Block(nn.Module):
    """h plus what two layers make of it, given time and words. (B, H), (B, 64) -> (B, H)"""

    def __init__(self, hidden):
        super().__init__()
        self.norm, self.cond = nn.LayerNorm(hidden), nn.Linear(64, hidden)
        self.first, self.second = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)

    def forward(self, h, cond):
        return h + self.second(F.silu(self.first(self.norm(h)) + self.cond(cond)))


class Painter(nn.Module):
    """Noisy picture (B, 3, 16, 16), time (B,), caption (B, 3) -> (B, 3, 16, 16) numbers."""

    def __init__(self, hidden=256):
        super().__init__()
        self.words = nn.ModuleList(nn.Embedding(k + 1, 64) for k in (3, 3, 4))  # + 1: no word
        self.time = nn.Linear(16, 64)
        self.enter, self.leave = nn.Linear(768, hidden), nn.Linear(hidden, 768)
        self.blocks = nn.ModuleList(Block(hidden) for _ in range(3))

    def forward(self, x, t, c):
        cond = self.time(time_features(t)) + sum(w(c[:, i]) for i, w in enumerate(self.words))
        h = self.enter(x.flatten(1))  # (B, H)
        for block in self.blocks:
            h = block(h, F.silu(cond))
        return self.leave(h).view_as(x)  # (B, 3, 16, 16)


# %% [markdown]
# What should these 768 outputs *be*: the velocity $v$, as before, or the clean picture $x_0$? From Exercise 9.3 we know that either
# gives the other:
#
# $$ v_\theta(x_t, t, c) = \frac{\hat x_0(x_t, t, c) - x_t}{1 - t} $$
#
# (We never divide by less than $0.1$.) Both train and sample by the velocity.
#
# **Predict.** Same network, same loss, same steps. Which output gives clean pictures?
#
# - A: the velocity, because that is what the loss measures
#   - The loss can only ask for it. The network has to get it through its hidden layers.
# - B: both, because the two are equivalent
#   - They are, as formulas. But what a layer of 256 units has to carry is not the same.
# - C: the clean picture, because it takes fewer numbers to describe
#   - **Yes.** The velocity contains the noise, 768 independent numbers, and the hidden layers have 256.

# %% tags=["export"]
NO_WORDS = (3, 3, 4)  # the caption without words


def velocity(painter, x, t, c, kind="x0"):
    """Velocity at x; kind is what the network outputs. (B, 3, 16, 16), (B,), (B, 3) -> like x"""
    output = painter(x, t, c)
    remaining = (1 - t).clamp_min(0.1)[:, None, None, None]  # (B, 1, 1, 1)
    return (output - x) / remaining if kind == "x0" else output


def painting_loss(painter, x0, c, kind="x0"):
    """`flow_loss` on pictures with captions; every seventh caption is dropped."""
    dropped = torch.rand(len(c), 1, device=c.device) < 1 / 7  # (B, 1)
    c = torch.where(dropped, torch.tensor(NO_WORDS, device=c.device), c)  # (B, 3)
    return flow_loss(partial(velocity, painter, c=c, kind=kind), x0)


# %%
def noise(n):
    return torch.randn(n, 3, 16, 16).to(device)


sheets, clean, first = {}, {}, asked[:216].to(device)  # (216, 3)
painter_epochs = runtime.budget(smoke=1, cpu=40)
for kind in ("v", "x0"):
    loss_fn = partial(painting_loss, kind=kind)
    painter = train(
        lambda: Painter().to(device), [x_seen, c_seen], loss_fn, painter_epochs, 11, 2e-3, size=128
    )
    runtime.seed_all(12)
    model = partial(velocity, painter, c=first, kind=kind)
    sheets[kind] = follow(model, noise(len(first)), straight(10), "v")[-1].clamp(-1, 1).cpu()
    clean[kind] = (shapes.read(sheets[kind])[1] < shapes.CLEAN).float().mean().item()
drawing.outputs(sheets, clean)

# %% [markdown]
# A clean picture is a few facts: where, how large, which shape, which color. They fit through a bottleneck, as in lesson 04,
# and noise does not. The arithmetic outside the network, which has $x_t$ itself, puts the noise back (Li & He 2025). **Ask a
# network for what is simple, and let the formula do the rest.** Or let the noise bypass the hidden layers: with a learned
# multiple of $x_t$ added to the output $v$, 31 to 87% of the pictures were clean.
#
# **And in large models?** Ours is a plain **multilayer perceptron** (MLP). The classic for photographs is the **U-Net**
# (Ronneberger, Fischer & Brox 2015): convolutions shrink the picture and enlarge it, and skip connections carry the noise of every
# pixel past the bottleneck. Newer models are Transformers over patches (DiT; Peebles & Xie 2023).


# %% [markdown]
# ## Guidance, and what it costs
#
# The model can draw with and without a caption. At every step the two velocities differ, and the difference is *what the caption
# does*. **Classifier-free guidance** (Ho & Salimans 2022) exaggerates it, without the classifier whose gradient earlier guidance
# needed (Dhariwal & Nichol 2021):
#
# $$ \tilde v = v_\varnothing + w\, (v_c - v_\varnothing) $$
#
# $w$ is the **guidance scale**: 0 ignores the caption, 1 is the model as trained. (The paper's $w$ is smaller by 1.) With
# $\hat x_0$ or the noise in place of the velocity the formula has the same effect, by Exercise 9.3.


# %% tags=["export"]
def ask(painter, c, w=1.0, n=10, x=None, limit=1.0):
    """Pictures of captions (B, 3), guidance scale w. -> [noise, ..., x_0], (B, 3, 16, 16) each"""
    c = c.to(next(painter.parameters()).device)
    no_words = torch.tensor(NO_WORDS, device=c.device).expand_as(c)  # (B, 3)

    def guided(x, t):
        without = velocity(painter, x, t, no_words)
        return without + w * (velocity(painter, x, t, c) - without)

    x = torch.randn(len(c), 3, 16, 16) if x is None else x
    trajectory = follow(guided, x.to(c.device), straight(n), "v")
    trajectory[-1] = trajectory[-1].clamp(-limit, limit)  # no color is outside the data's range
    return trajectory


# %% [markdown]
# We generate twenty pictures per caption. We count those that read as asked (*new*: the withheld pairs; *known*: the others),
# those that are clean, and the new ones that are both. *Variety* is the standard deviation of the shape's center among the
# pictures of one known caption that pass both tests.

# %% tags=["folded"]
scores = {}  # of the painter that outputs x0, the last one trained
for w in (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0):
    runtime.seed_all(13)
    x = ask(painter, asked, w)[-1].cpu()
    caption, misfit = shapes.read(x)
    right = (caption == asked).all(1).float()
    scores[w] = {
        "known": right[~new].mean().item(),
        "new": right[new].mean().item(),
        "new, clean": shapes.obeyed(x, asked)[new].float().mean().item(),
        "clean": (misfit < shapes.CLEAN).float().mean().item(),
        "variety": shapes.variety(x[~new], asked[~new]),
    }
    if w == 2.0:  # the same pictures, compared with other captions
        others = asked[torch.randperm(len(asked))]
        shuffled_score = (caption == others).all(1).float().mean().item()

# %% tags=["folded"]
shift = runtime.rng(16).uniform(-0.75, 0.75, (len(asked), 2))
radius = runtime.rng(17).uniform(2.8, 3.6, len(asked))
real = shapes.draw(asked, shift, radius)[0]  # (720, 3, 16, 16)
real_variety = shapes.variety(real[~new], asked[~new])
study = data.study("painters")  # the same training with five seeds
drawing.guidance(scores, real_variety, study)
print(f"read against shuffled captions: {shuffled_score:.3f} (chance: 1/36 = {1 / 36:.3f})")
shown = [1, 2, 3, 5, 6]
print(f"{'five networks':<16}", *(f"w = {w:<9g}" for w in study["w"][shown]))
for name in ("known", "new", "new, clean", "clean", "clean, unclipped", "variety"):
    low, high = study[name].min(axis=0), study[name].max(axis=0)
    pairs = zip(low[shown], high[shown], strict=True)
    print(f"{name:<16}", *(f"{a:.2f} to {b:.2f} " for a, b in pairs))

# %% [markdown]
# This run's network (thick) is unusually clean, so look at the other five (thin). Compositional generalization depends on the
# pair (middle): at $w = 1$, 74 to 100% of the green triangles read as asked, and 3 to 44% of the blue circles. Guidance from
# $w = 1$ to 2 makes more of the new ones *read* as asked, in all five. In four, more are right *and clean* at 2 than at 1, and
# in all five fewer at 4 than at 2: guidance can push a picture past the classifier's border and spoil it.
#
# The price is variety. At $w = 1$ it is below that of real pictures, partly since the network's $\hat x_0$ shrinks differences
# in place, and it falls up to $w = 3$. Waiting helps: with guidance only from $t = 0.5$ on, each network lost less than half
# as much variety, with about as many new ones right and clean (Kynkäänniemi et al. 2024). Ho & Salimans (2022) found the same
# trade-off: FID soon got worse as $w$ rose. Colors pay, too: before `ask` clips them, at most 22% are clean at $w = 3$.
#
# **Choose the words yourself.** First row: one picture on its way from noise, $x_t$. Second row: the clean picture that the network
# expects at each of these moments, its $\hat x_0$. Third row: six results.
#
# **Your goal.** With guidance 0, what does the network expect at first, and when does it decide? With 1, what is left to
# decide? Then ask for a green triangle, and for a blue circle: at which scales are most of the six as asked *and* clean?

# %% tags=["folded"]
starts = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(15))
MOMENTS = (0, 2, 4, 5, 6, 7, 8, 10)


@cache  # computed once for each setting
def answers(shape, color, place, guidance):
    """Six trajectories for one caption, and how many of the results are as asked and clean."""
    c = torch.tensor([[shape, color, place]]).repeat(6, 1)  # (6, 3)
    trajectory = [x.cpu() for x in ask(painter, c, guidance, x=starts)]
    return c, trajectory, int(shapes.obeyed(trajectory[-1], c).sum())


def show_caption(ax, shape, color, place, guidance):
    """One picture on its way, what the network expects on the way, and six results."""
    c, trajectory, good = answers(shape, color, place, guidance)
    # x' = x + (t' - t) v, so the step says where v leads: x0 = x + (1 - t) v
    expected = [
        x + 10 * (1 - k / 10) * (later - x)
        for k, (x, later) in enumerate(itertools.pairwise(trajectory))
    ]
    expected.append(trajectory[-1])
    title = f"{shapes.caption(c[0])}\nw = {guidance:g}: {good} of 6 right and clean"
    rows = (torch.cat([row[k][:1] for k in MOMENTS]) for row in (trajectory, expected))
    drawing.caption_trajectory(ax, [k / 10 for k in MOMENTS], *rows, trajectory[-1], title)


def describe_caption(shape, color, place, guidance):
    """The picture in words."""
    c, _, good = answers(shape, color, place, guidance)
    return f"{shapes.caption(c[0])}, guidance scale {guidance:g}: {good} of 6 as asked and clean."


# %%
caption_sliders = widgets.explore(
    show_caption,
    alt=describe_caption,
    size=(7.6, 3.3),
    grid=[{"shape": 2, "color": 1, "place": 0, "guidance": w} for w in (0, 1, 3)],
    shape=widgets.Choice(shapes.SHAPES, 2),
    color=widgets.Choice(shapes.COLORS, 1),
    place=widgets.Choice(shapes.PLACES, 0),
    guidance=widgets.Slider(0, 6, 0.5, 1),
)

# %% [markdown]
# <details><summary>What to find</summary>
#
# With guidance 0 the first expectation is a ghost: the mean of all pictures, something in every corner. The network decides on
# the way. About a third come out clean, and hardly any are circles, though two in seven training pictures are: without a
# caption our small network is a poor model of the data. With a caption, the place is settled from the start, and usually the
# color; noise still decides where exactly, and how large. Edges come last. In this run most green triangles are right and
# clean from 1 to about 4, most blue circles from $1.5$ to about 3.
#
# </details>

# %% [markdown]
# ## What DALL·E and latent diffusion add
#
# **Debug a claim.** The article that this course grew out of names DALL·E as an example of VAEs and GANs. The generator of the
# first DALL·E (Ramesh et al. 2021) is neither: a discrete VAE only shortens the picture to 32×32 tokens, and an autoregressive
# Transformer writes these after the tokens of the caption. Its successor (Ramesh et al. 2022) and **latent diffusion** (Rombach
# et al. 2022) start from noise, as you did. Latent diffusion adds four things to your painter: an autoencoder, so that the noise
# lives in a small latent picture; a text encoder (**CLIP**'s in Stable Diffusion); a U-Net with attention between positions and
# words; and hundreds of millions of captioned pictures.

# %% [markdown]
# ## What this run reached
#
# A row that is not *exact* shows the range of five runs with different seeds, widened by its own width on both sides.

# %% tags=["folded"]
inside = runtime.reached(
    {
        "09.moons.floor": distance["fresh moons"],
        "09.moons.noise": distance["noise"],
        "09.moons.ddpm": distance["DDPM, 100 steps"],
        "09.moons.still": distance["DDPM, no fresh noise"],
        "09.moons.ddim100": distance["DDIM, 100 steps"],
        "09.moons.ddim20": distance["DDIM, 20 steps"],
        "09.moons.ddim10": distance["DDIM, 10 steps"],
        "09.moons.flow1": distance["flow, 1 steps"],
        "09.moons.flow10": distance["flow, 10 steps"],
        "09.moons.flow30": distance["flow, 30 steps"],
        "09.moons.apart": apart["DDPM and DDIM, one network"],
        "09.moons.half_apart": apart["DDPM, half removed, and DDIM"],
        "09.moons.together": apart["DDIM and flow, two networks"],
        "09.v.clean": clean["v"],
        "09.x0.clean": clean["x0"],
        "09.known.w1": scores[1.0]["known"],
        "09.new.gain": scores[2.0]["new"] - scores[1.0]["new"],
        "09.new.clean.w1": scores[1.0]["new, clean"],
        "09.new.clean.w2": scores[2.0]["new, clean"],
        "09.clean.w2": scores[2.0]["clean"],
        "09.clean.w3": scores[3.0]["clean"],
        "09.variety.real": real_variety,
        "09.variety.w1": scores[1.0]["variety"],
        "09.variety.w2": scores[2.0]["variety"],
        "09.shuffled": shuffled_score,
    }
)

# %% tags=["solved"]
assert inside
assert (
    max(distance["DDPM, 100 steps"], distance["DDIM, 20 steps"], distance["flow, 10 steps"]) < 0.03
)
assert distance["flow, 1 steps"] > 3 * distance["flow, 10 steps"]
assert distance["DDPM, no fresh noise"] > 10 * distance["DDIM, 20 steps"]
assert apart["DDPM, half removed, and DDIM"] < 0.1
assert 10 * apart["DDIM and flow, two networks"] < apart["DDPM and DDIM, one network"]
assert clean["v"] < 0.1 and clean["x0"] > 0.9
assert scores[2.0]["known"] > 0.8 and shuffled_score < 0.15
assert scores[3.0]["clean"] > 0.7 > 0.4 > study["clean, unclipped"][:, 5].max()
assert scores[2.0]["variety"] < scores[1.0]["variety"] < real_variety

# %% [markdown]
# That was the core. The studio has six sections, in any order; no later lesson needs them.
# [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Section A · Two captions in one picture
#
# Why does guidance work? By Bayes' rule $p(x \mid c) \propto p(x)\, p(c \mid x)$, so the score with a caption is the score
# without one plus the gradient of $\log p(c \mid x)$. That gradient is the effect of the caption, and guidance multiplies it by
# $w$. (What comes out is not a sample from $p(x)\, p(c \mid x)^w$: multiplying scores at every noise level is not the same as
# noising the product; Du et al. 2023, *Reduce, Reuse, Recycle*. The sum below has the same gap.)
#
# Then why stop at one caption? Suppose that $c_1, \dots, c_K$ are captions of the same picture, independent given the picture:
#
# $$ p(x \mid c_1, \dots, c_K) \propto p(x)\, \prod_i p(c_i \mid x) $$
#
# ### Exercise 9.5 · `composed`
# Take the logarithm and its gradient, and express it by what the model has: its velocity without a caption, `v_uncond`, and with
# each of the $K$ captions, `v_conds`. (At a given $x$ and $t$, a difference of velocities is proportional to the difference of the
# scores.) Weight the effect of caption $i$ with `weights[i]`. A negative weight reverses the effect.


# %% tags=["studio", "exercise:9.5", "points:3", "minutes:8"]
def composed(v_uncond: Tensor, v_conds: Tensor, weights: Tensor) -> Tensor:
    """The velocity for K captions at once. (B, ...), (K, B, ...), (K,) -> (B, ...)"""
    # BEGIN SOLUTION
    w = weights.reshape(-1, *[1] * v_uncond.dim())  # (K, 1, ...)
    return v_uncond + (w * (v_conds - v_uncond)).sum(dim=0)  # (B, ...)
    # END SOLUTION


# %% tags=["studio", "check:9.5"]
composed = check("9.5", composed)

# %% [markdown] tags=["studio", "help:9.5"]
# What is the effect of one caption, in terms of two velocities? Which velocity remains if all weights are 0, and how often does
# it occur in the sum?
# ---
# Without a caption 1, with the first 3, with the second 2: the effects are 2 and 1. With the weights 2 and 3 the velocity is
# $1 + 2 \cdot 2 + 3 \cdot 1 = 8$.
# ---
# The score of $p(x)$ occurs once, and each caption adds its own difference. `weights` needs dimensions of size 1, so that each
# multiplies all examples of *its* caption. For $K = 1$ this is classifier-free guidance.

# %% [markdown] tags=["studio"]
# The painter has never seen a picture with two shapes.
#
# **Predict.** What does it draw for "an orange circle, top left" *and* "a blue square, bottom right"?
#
# - A: one shape, a compromise between the two
#   - The two captions have their effects at different pixels, so there is little to compromise on.
# - B: noise, because it has never seen such a picture
#   - Each *effect* is familiar. Only their sum is new.
# - C: two shapes
#   - **Yes.** Each caption pulls at its own corner. Look at the colors, though.


# %% tags=["studio"]
def ask_all(painter, captions, weights, n=6, steps=20):
    """n pictures for several captions at once. -> (n, 3, 16, 16)"""
    no_words = torch.tensor(NO_WORDS, device=device).expand(n, 3)
    every = [shapes.parse(text).to(device).expand(n, 3) for text in captions]

    def model(x, t):
        conds = torch.stack([velocity(painter, x, t, c) for c in every])  # (K, n, 3, 16, 16)
        without = velocity(painter, x, t, no_words)  # (n, 3, 16, 16)
        return composed(without, conds, torch.tensor(weights, device=device))

    return follow(model, noise(n), straight(steps), "v")[-1].clamp(-1, 1).cpu()


def corner(x, down, right):
    """Only one corner of pictures, the rest white. (n, 3, 16, 16) -> (n, 3, 16, 16)"""
    white = torch.ones_like(x)
    rows, columns = (slice(7, 16) if far else slice(0, 9) for far in (down, right))
    white[:, :, rows, columns] = x[:, :, rows, columns]
    return white


# %% tags=["studio"]
runtime.seed_all(18)
circle, square = "an orange circle, top left", "a blue square, bottom right"
sheets = {
    "circle and square": ask_all(painter, [circle, square], [1.5, 1.5], n=60),
    "both, weights of 3": ask_all(painter, [circle, square], [3.0, 3.0], n=60),
    "no caption": ask_all(painter, [circle], [0.0], n=200),
    "circle, weight −0.5": ask_all(painter, [circle], [-0.5], n=200),
}
for name, ink in (("circle and square", 1), ("circle and square", 2), ("both, weights of 3", 1)):
    both = torch.ones(60, dtype=torch.bool)
    for text, where in ((circle, (False, False)), (square, (True, True))):
        darker = 1 - ink * (1 - corner(sheets[name], *where))
        both &= (shapes.read(darker)[0] == shapes.parse(text)).all(dim=1)
    print(f"{name}, ink times {ink}: both are read as asked in {both.float().mean():.0%} of 60")
fits = {}
for name in ("no caption", "circle, weight −0.5"):
    fits[name] = (shapes.read(sheets[name])[0] == shapes.parse(circle)).float().mean(0).tolist()
    print(f"{name}: circle {{:.0%}}, orange {{:.0%}}, top left {{:.0%}}".format(*fits[name]))
drawing.sheets(
    {name: sheet[:6] for name, sheet in sheets.items()},
    alt="Six pictures each: a pale circle and a pale square; with weights of 3, a stronger circle "
    "and square with frayed edges; without a caption, pale shapes in several corners; with a "
    "negative weight, darker ones, fewer of them orange, and hardly any at the top left.",
)

# %% [markdown] tags=["studio"]
# Both shapes are there, but pale: at weights of $1.5$ the classifier finds them only with more ink. Weights of 3 suffice for
# some networks only, and spoil edges and colors. Each caption also says that the other corner is white, so no training picture
# fits both. The negative weight all but removes the corner, and makes the color less frequent. On the shape it cannot be
# judged: without a caption the painter hardly ever draws a circle, and with the negative weight many of its dark blobs read as
# one. Large models combine a negative weight with a positive caption, as a *negative prompt* (Liu et al. 2022, *Compositional
# Visual Generation with Composable Diffusion Models*).

# %% [markdown] tags=["studio"]
# ### Section B · Art: a style is a distribution of patches
#
# Redraw a photograph in the style of another. What *is* a style? It does not say what is where. It is the strokes, the grain and
# the colors, wherever they are. Gatys, Ecker & Bethge (2015, *A Neural Algorithm of Artistic Style*, Tübingen) made that a
# formula. They show a picture to a classifier and take the features $f$ of a layer, $C$ channels at $H \cdot W$ positions. Then
# they keep how strongly each pair of channels responds *together*, which is the **Gram matrix**
#
# $$ G_{cd} = \frac{1}{C\, H\, W} \sum_{h, w} f_{chw}\, f_{dhw} $$
#
# ### Exercise 9.6 · `gram`
# The Gram matrix of every picture in a batch, without a loop. Do not subtract the mean first.


# %% tags=["studio", "exercise:9.6", "points:4", "minutes:6"]
def gram(f: Tensor) -> Tensor:
    """How strongly channels respond together, divided by C·H·W. (B, C, H, W) -> (B, C, C)"""
    # BEGIN SOLUTION
    _, C, H, W = f.shape
    flat = f.flatten(2)  # (B, C, H·W)
    return flat @ flat.transpose(1, 2) / (C * H * W)  # (B, C, C)
    # END SOLUTION


# %% tags=["studio", "check:9.6"]
gram = check("9.6", gram)

# %% [markdown] tags=["studio", "help:9.6"]
# The sum runs over positions, and channels remain. Which axis does a matrix product sum over, and how must the features be laid
# out for it?
# ---
# Two channels, two positions: $(1, 2)$ and $(3, -1)$. The products: $1 + 4 = 5$, $3 - 2 = 1$, $9 + 1 = 10$. Divided by $C \cdot H \cdot W = 2
# \cdot 1 \cdot 2 = 4$: $G = \begin{pmatrix} 1.25 & 0.25 \\ 0.25 & 2.5 \end{pmatrix}$.
# ---
# `flatten(2)` puts all positions of a channel in one row. The product of this table with its own transpose sums over the
# positions, picture by picture.

# %% [markdown] tags=["studio"]
# **Predict.** The features are Gaussian noise. We change them in two ways: (1) shuffle their positions, the same way in all
# channels; (2) replace every value by its sign. Which change does the Gram matrix notice?
#
# - A: both
#   - A sum over positions does not depend on their order, and signs keep the products' averages.
# - B: only the shuffled positions
#   - The sum runs over all positions, whatever their order.
# - C: only the signs
#   - The signs of Gaussian features of variance 1 still have mean square 1 and average products near 0.
# - D: neither
#   - **Yes.** It knows averages of products, and nothing else about the distribution.

# %% tags=["studio", "nbval-check-output"]
runtime.seed_all(20)
f = torch.randn(1, 8, 32, 32)
shuffled = f.flatten(2)[:, :, torch.randperm(1024)].view_as(f)
for name, g in (("shuffled positions", shuffled), ("signs", torch.sign(f))):
    change = (gram(g) - gram(f)).abs().max().item() / gram(f).max().item()
    print(f"{name}: noticed by Gram: {change > 0.2}")

# %% [markdown] tags=["studio"]
# That it ignores positions makes it a description of style. Gatys took the features of a trained network, VGG, half a gigabyte in
# size. Can we do without one? Describe a style by *all* its **patches**, 7×7 pixels each, and build the new picture out of them
# (Efros & Freeman 2001). In every step each patch of the picture is replaced by its nearest neighbor among the style's patches,
# and where patches overlap they are averaged. That goes from small pictures to large ones, so that large structures are settled
# first (Granot et al. 2022, *Drop the GAN*).
#
# **Predict.** A cup is to be made of gravel. Each of its patches takes the *nearest* patch of gravel. What comes out?
#
# - A: a cup of smooth gray
#   - **Yes.** The patches of a cup are smooth, and so are the few patches of gravel nearest to them. The others are never used.
# - B: a cup of gravel
#   - That is what we want. But nothing here asks for *all* kinds of gravel patches.
# - C: gravel, and no cup
#   - Nearest patches keep what is already there, so the cup survives.


# %% tags=["studio"]
def patches(x, stride, p=7):
    """All patches of a picture, one per row. (3, H, W) -> (N, 3 p p)"""
    return F.unfold(x[None], p, stride=stride)[0].T


def nearest(queries, keys, complete):
    """For each query the index of its nearest key, after a projection. (N, D), (K, D) -> (N,)"""
    mean = keys.mean(dim=0)
    axes = torch.pca_lowrank(keys - mean, 24, center=False)[2]  # (D, 24)
    queries, keys = (queries - mean) @ axes, (keys - mean) @ axes
    close = torch.full((len(keys),), math.inf)  # (K,) how close the closest query is to each key
    for part in queries.split(500):
        close = torch.minimum(close, torch.cdist(part, keys).min(dim=0).values)
    scale = close.square() + 0.12 if complete else torch.ones_like(close)
    best = [(torch.cdist(part, keys).square() / scale).argmin(1) for part in queries.split(500)]
    return torch.cat(best)


def merged(rows, size, stride, p=7):
    """Overlapping patches as one picture; a patch counts most at its center. -> (3, H, W)"""
    window = torch.exp(-((torch.arange(p) - p // 2) ** 2) / 8)  # (p,)
    weight = (window[:, None] * window).flatten().repeat(3)  # (3 p p,)
    both = torch.stack([rows * weight, weight.expand_as(rows)]).transpose(1, 2)  # (2, 3 p p, N)
    total, weights = F.fold(both, size, p, stride=stride)  # (3, H, W) each
    return total / weights


# %% [markdown] tags=["studio"]
# The remedy is `complete`: divide each distance by how far the nearest patch of the picture is from that style patch. A kind of
# patch that nobody uses becomes attractive, and the picture gets far more of the style's distribution than its mode:
# **bidirectional similarity** (Simakov et al. 2008; the division is from *Drop the GAN*). In the terms of lesson 06, the failure
# was precision without recall: every patch was gravel, but few kinds of gravel were used. The picture to start from is the content
# in the style's colors: every pixel takes the style's color of the same rank in brightness. In each round, a share of it is mixed
# in again, so that the cup stays a cup.


# %% tags=["studio"]
def recolored(content, style):
    """Every pixel gets the style's color of the same rank in brightness. (3, H, W) twice"""
    order, ranks = (p.mean(0).flatten().argsort() for p in (content, style))
    painted = torch.empty_like(content.flatten(1))
    painted[:, order] = style.flatten(1)[:, ranks]
    return painted.view_as(content)


def closeup(name, size, zoom):
    """The middle of a photograph, enlarged `zoom` times. -> (3, size, size)"""
    photo = data.photo(name, round(size * zoom))
    edge = (photo.shape[1] - size) // 2
    return photo[:, edge : edge + size, edge : edge + size]


def restyle(content, style, zoom, keep=0.3, complete=True, sizes=(32, 64, 128, 256)):
    """The photograph `content`, made of patches of `style`. -> (3, size, size) in [0, 1]"""
    x, sizes = None, sizes[: runtime.budget(smoke=2, cpu=4)]
    for size, rounds in zip(sizes, (6, 5, 4, 2), strict=False):
        stride, y = 1 if size == 32 else 2, closeup(style, size, zoom)
        keys = patches(y, 1)
        keys = keys[torch.randperm(len(keys))[: runtime.budget(smoke=400, cpu=4000)]]
        target = recolored(data.photo(content, size), y)
        x = target if x is None else F.interpolate(x[None], size=(size, size), mode="bicubic")[0]
        for k in range(runtime.budget(smoke=1, cpu=rounds)):
            share = keep * (1 - k / rounds)
            top, left = torch.randint(stride, (2,)).tolist()  # another grid in every round
            padded = F.pad((1 - share) * x + share * target, (8,) * 4, mode="reflect")
            area = padded[:, top : top + size + 15, left : left + size + 15]
            rows = keys[nearest(patches(area, stride), keys, complete)]
            x = merged(rows, area.shape[1:], stride)[:, 8 - top :, 8 - left :][:, :size, :size]
    return x.clamp(0, 1)


# %% tags=["studio"]
runtime.seed_all(21)
cup = [restyle("coffee", "gravel", 1.0, complete=complete) for complete in (False, True)]
originals = [data.photo("coffee", 256), closeup("gravel", 256, 1.0)]
drawing.photographs(
    dict(zip(("content", "style", "nearest only", "complete"), originals + cup, strict=True)),
    alt="A cup; gravel; a cup of smooth gray; a cup on a saucer, all made of small stones.",
)

# %% tags=["studio"]
PAIRS = {  # content, style, zoom into the style
    "a cat of petals": ("cat", "flower", 1.6),
    "a temple of tissue": ("china", "immunohistochemistry", 1.5),
}
shown = {}
for title, (content, style, zoom) in progress.bar(PAIRS.items(), "pictures"):
    shown[title] = restyle(content, style, zoom, keep=0.5)
    shown[title.split()[-1]] = closeup(style, 256, zoom)
drawing.photographs(
    shown,
    alt="A cat's face in the oranges of a dahlia, its stripes made of petals, beside the dahlia; a "
    "temple in brown stained tissue under a pale sky, beside the tissue.",
)

# %% [markdown] tags=["studio"]
# (Photographs: see `card("photographs")` in `course_utils.data`; *temple* by danielbuechele, *dahlia* by vultilion, both CC BY, version
# 2.0. The tissue is stained for microscopy, by immunohistochemistry.) The eyes stay, because the content that is mixed in has
# them. The fur is gone: it was texture, and texture is what was replaced. No petal has become an ear: patches of seven pixels know
# what the edge of a petal looks like, not what a petal is.
#
# **Debug a claim.** The article's list of papers says that the style transfer paper comes from DeepMind and uses GANs; elsewhere
# it names a third author who did not write it. Read Exercise 9.6 again and *find the GAN*. There is no second player: nothing is
# trained to tell real from fake. DeepArt, a service that the article names beside DALL·E, reportedly did the same until about 2022:
# one optimization per picture. To see whether the difference matters, here is style transfer as claimed. The pixels are the
# generator, and a small network that sees 7×7 patches is the discriminator.
#
# The judge must favor neither side, and must tell a style from its colors. So it looks at larger regions than the 7×7 pixels
# that both sides optimize: coarse random filters, a ReLU, your Gram matrices, and the relative distance between them. We test
# the judge, too. The style's own pixels in random order have to score worse than the patches, and the style itself, mirrored,
# has to score well.


# %% tags=["studio"]
def by_gan(content, style, zoom, steps, lr, size=128):
    """The claim rebuilt: the pixels against a discriminator of 7x7 patches. -> (3, size, size)"""
    y = closeup(style, size, zoom)[None]
    x = recolored(data.photo(content, size), y[0])[None].clone().requires_grad_()
    D = nn.Sequential(nn.Conv2d(3, 32, 7), nn.LeakyReLU(0.2), nn.Conv2d(32, 1, 1))
    pixels = torch.optim.Adam([x], lr=lr)
    optimizer = torch.optim.Adam(D.parameters(), lr=2e-3, betas=(0.5, 0.99))
    for _ in range(steps):
        loss = F.softplus(-D(y)).mean() + F.softplus(D(x.detach())).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pixels.zero_grad()
        F.softplus(-D(x)).mean().backward()
        pixels.step()
        x.data.clamp_(0, 1)  # colors stay colors
    return x.detach()[0]


def style_distance(x, y):
    """Relative distance of Gram matrices behind coarse random filters, larger than the patches."""
    distances = []
    for size, seed in itertools.product((9, 15), range(2)):
        coarse = torch.randn(64, 3, 3, 3, generator=torch.Generator().manual_seed(seed))
        filters = F.interpolate(coarse, size=(size, size), mode="bilinear")
        filters = filters - filters.mean(dim=(1, 2, 3), keepdim=True)
        filters = filters / filters.flatten(1).norm(dim=1)[:, None, None, None]
        gram_x, gram_y = (gram(F.relu(F.conv2d(p[None], filters))) for p in (x, y))
        distances.append((gram_x - gram_y).norm() / gram_y.norm())
    return torch.stack(distances).mean().item()


# %% [markdown] tags=["studio"]
# **Predict.** Which comes closer to the style, the GAN or the patches?
#
# - A: the GAN, because its loss is trained for the task
#   - It is trained for it, but here the pixels drift to colors far from the style.
# - B: the patches
#   - **Yes.** Every patch of the result comes from the style, and nothing has to be learned for that.
# - C: both about equally, because both see 7×7 patches
#   - Both see the same patches. What they do with them differs.

# %% tags=["studio"]
shown, ratios = {}, {name: [] for name in ("GAN", "slow GAN", "patches", "shuffled", "mirrored")}
for content, style, zoom, keep in (("cat", "flower", 1.6, 0.5), ("coffee", "gravel", 1.0, 0.3)):
    target = closeup(style, 128, zoom)
    plain = recolored(data.photo(content, 128), target)
    shown[f"{content}, recolored"] = plain
    runtime.seed_all(23)
    made = {"GAN": by_gan(content, style, zoom, runtime.budget(smoke=1, cpu=60), 0.02)}
    made["patches"] = restyle(content, style, zoom, keep, sizes=(32, 64, 128))
    made["slow GAN"] = by_gan(content, style, zoom, runtime.budget(smoke=1, cpu=250), 0.002)
    shown |= {f"{content}, by {name}": x for name, x in made.items()}
    order = torch.randperm(target[0].numel())
    made["shuffled"] = target.flatten(1)[:, order].view_as(target)  # the style's own pixels
    made["mirrored"] = target.flip(2)  # the style itself
    before = style_distance(plain, target)
    for name, x in made.items():
        ratios[name].append(style_distance(x, target) / before)
for name, values in ratios.items():
    print(f"{name:<8} distance over that of the recolored content:", [round(v, 2) for v in values])
drawing.photographs(
    shown,
    alt="A cat in orange; in false colors by the GAN; of petals; in orange and green by the slow "
    "GAN. A gray cup; the same in violet; a cup of small stones; a bluish gray cup.",
)

# %% [markdown] tags=["studio"]
# In each of our five runs the patches come closer to the style than the recolored content and than the style's own pixels in
# random order, and only the mirrored style, which shows neither cat nor cup, beats them everywhere. The GAN moves away from
# the style. A tenth of the learning rate and 250 steps instead of 60 help on the dahlia: in each run the slow GAN beats the
# recolored content. Here it nearly matches the patches, though it shows no petals. On the gravel it never does. With a
# generator network and far more training a GAN of patches can do it reliably (Li & Wand 2016, *Precomputed Real-Time Texture
# Synthesis with Markovian Generative Adversarial Networks*). But where two distributions can be compared directly, there is no
# need to train a judge.
#
# **With a network, online.** Features of a trained VGG know eyes and windows, not only grain. Set `ONLINE` to `True` to download it
# once (about 550 MB, checked by its hash). The style loss compares your Gram matrices.

# %% tags=["studio"]
ONLINE = False


def neural_style(network, content, style, steps=200, weight=1e3):
    """Match Gram matrices of five layers, and the content of one. (1, 3, H, W) each"""
    with torch.no_grad():
        targets = [gram(f) for f in network(style)[0]]
        target = network(content)[1]
    x = content.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=0.02)
    for _ in range(steps):
        layers, deep = network(x)
        losses = [F.mse_loss(gram(f), g) / g.norm() for f, g in zip(layers, targets, strict=True)]
        loss = F.mse_loss(deep, target) / target.var() + weight * sum(losses)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return x.detach().clamp(0, 1)


if ONLINE:
    cat_160, gravel_160 = (data.photo(name, 160)[None] for name in ("cat", "gravel"))
    picture = neural_style(vgg.network(online=True), cat_160, gravel_160)
    plots.pictures(2 * picture - 1, size=4, columns=1, alt="The cat in gravel, by VGG features.")
else:
    print("VGG is not used. Set ONLINE = True to download it once; all else works without.")

# %% [markdown] tags=["studio"]
# ### Section C · Games: maps that can be played
#
# A picture that is slightly wrong is still a picture. A game map that is slightly wrong cannot be played. Training on maps that
# obey a rule does not make a generator keep it, so **generate, check, repair, and count how often each was needed**. In games, this
# is **procedural content generation (PCG)**.
#
# A level is a table of integers: 0 wall, 1 floor, 2 start, 3 exit, 4 chest. You can walk up, down, left and right, over everything
# but walls.

# %% tags=["studio"]
levels = dungeons.sample(1500, runtime.rng(30))  # (1500, 12, 12)
ways = [f"{len(dungeons.shortest_path(level)) - 1} steps" for level in levels[:6]]
dungeons.show(levels[:6], ways, alt="Six maps: rooms, corridors, a start, an exit, chests.")

# %% [markdown] tags=["studio"]
# ### Exercise 9.7 · `is_solvable`
# Is there a path from the start to an exit? A map without a start or without an exit cannot be solved. Maps may be large and
# winding, and need not be square. (`deque` is a list from whose front you can take quickly, with `popleft()`.)


# %% tags=["studio", "exercise:9.7", "points:5", "minutes:12"]
def is_solvable(level: Tensor) -> bool:
    """Whether one can walk from start (2) to an exit (3), not over walls (0). (H, W) -> bool"""
    # BEGIN SOLUTION
    tiles = level.tolist()
    H, W = len(tiles), len(tiles[0])
    queue = deque((r, c) for r in range(H) for c in range(W) if tiles[r][c] == 2)
    seen = set(queue)
    while queue:
        r, c = queue.popleft()
        if tiles[r][c] == 3:
            return True
        for i, j in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            if 0 <= i < H and 0 <= j < W and tiles[i][j] != 0 and (i, j) not in seen:
                seen.add((i, j))
                queue.append((i, j))
    return False
    # END SOLUTION


# %% tags=["studio", "check:9.7"]
is_solvable = check("9.7", is_solvable)

# %% [markdown] tags=["studio", "help:9.7"]
# Pour water in at the start. Which tiles does it reach in one second? In the next? How do you make sure that it never reaches
# the same tile twice?
# ---
# Start, wall and exit in a row, and a floor of three tiles below: water reaches the tile below the start, then the next, then
# the one below the exit, then the exit. That is solvable, in four steps. Without the middle floor tile it stops after one.
# ---
# A queue of tiles to visit and a set of tiles seen: a breadth-first search. It needs no recursion, which Python would stop after
# about a thousand steps. The borders are tested before the tile is read, because index $-1$ would be the opposite side.

# %% [markdown] tags=["studio"]
# The generator is the VAE of lesson 04, with five logits per tile instead of one per pixel. Two baselines only count. *Tile by
# tile* draws every tile independently, with the frequencies that it has at its position in training. A *Markov chain* draws row by
# row, with the frequencies of a tile after the six neighbors that are already there (Snodgrass & Ontañón 2013). A map is
# *playable* if it has one start and one exit, and a path between them.
#
# **Predict.** All training maps are playable. What share of the VAE's maps is?
#
# - A: almost all, because it has never seen an unplayable map
#   - Training only on maps that obey a rule does not teach the rule.
# - B: about half
#   - Most of its rooms look right. But one tile too many or too few is enough to break a map.
# - C: a few percent
#   - **Yes.** Each tile is drawn on its own, so there is rarely exactly one start and exactly one exit.

# %% tags=["studio"]
x_maps = F.one_hot(levels, 5).float().flatten(1)  # (1500, 720)


def map_vae():
    """Encoder (B, 720) -> mu, logvar, 24 each; decoder (B, 24) -> logits (B, 720)."""
    encoder = nn.Sequential(nn.Linear(720, 256), nn.SiLU(), nn.Linear(256, 2 * 24))
    decoder = nn.Sequential(nn.Linear(24, 256), nn.SiLU(), nn.Linear(256, 720))
    return nn.ModuleList([encoder, decoder])


def map_loss(model, x, tiles):
    """The negative ELBO of a minibatch of maps. x: (B, 720), tiles: (B, 12, 12)"""
    mu, logvar = model[0](x).chunk(2, dim=1)  # (B, 24) each
    logits = model[1](mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)).view(-1, 144, 5)
    # cross_entropy wants the classes second: (B, 5, 144)
    nll = F.cross_entropy(logits.transpose(1, 2), tiles.flatten(1), reduction="none")
    kl = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar)  # (B, 24)
    return (nll.sum(1) + kl.sum(1)).mean()


# %% tags=["studio"]
def playable(level):
    """Exactly one start, exactly one exit, and a path between them. (12, 12) -> bool"""
    one_each = (level == 2).sum() == 1 and (level == 3).sum() == 1
    return bool(one_each) and is_solvable(level)


def joined(level):
    """Whether a path joins two random open tiles. (12, 12) -> bool"""
    places = level.nonzero()  # (N, 2)
    if len(places) < 2:
        return False
    start, goal = map(tuple, places[torch.randperm(len(places))[:2]].tolist())
    return bool(dungeons.reachable(level, start)[goal])


def tile_probs(n):
    """Probabilities of the five tiles in n maps: of the VAE, and tile by tile. (n, 12, 12, 5)"""
    with torch.no_grad():
        by_vae = F.softmax(vae[1](torch.randn(n, 24)).view(-1, 12, 12, 5), dim=-1)
    return {"VAE": by_vae, "tile by tile": x_maps.mean(0).view(12, 12, 5).expand_as(by_vae)}


def drawn_maps(p):
    """Every tile drawn by itself. (N, 12, 12, 5) -> (N, 12, 12)"""
    return torch.multinomial(p.reshape(-1, 5), 1).view(-1, 12, 12)


map_epochs, n_maps = runtime.budget(smoke=2, cpu=70), runtime.budget(smoke=20, cpu=200)
vae = train(map_vae, [x_maps, levels], map_loss, map_epochs, seed=31, lr=2e-3, size=128)
probs = tile_probs(n_maps)
maps = {"training": levels[:n_maps]} | {name: drawn_maps(p) for name, p in probs.items()}
maps["Markov chain"] = dungeons.markov_chain(levels, n_maps, runtime.rng(34))
solved = {name: sum(map(playable, some)) / len(some) for name, some in maps.items()}
paths = {name: sum(map(joined, some)) / len(some) for name, some in maps.items()}
for title, shares in (("playable", solved), ("two open tiles are joined", paths)):
    print(f"{title:<26}", "  ".join(f"{name} {share:.1%}" for name, share in shares.items()))

# %% [markdown] tags=["studio"]
# Over five runs, a median of {{09.maps.vae:.0%}} of the VAE's maps are playable, {{09.maps.tiles:.0%}} tile by tile, and
# {{09.maps.chain:.0%}} of the Markov chain's, which came first in every run. All shares are small, because most maps have too many or
# too few starts and exits. A path joins two random open tiles in {{09.maps.joined:.0%}}, {{09.maps.joined_tiles:.0%}}, and
# {{09.maps.joined_chain:.0%}} of the maps. So the VAE has learned paths, but for that it is enough to count neighbors.
#
# We repair every map that needs it. First, one start and one exit: the start where the model finds it likeliest; for the exit,
# of the five likeliest tiles the one farthest away, because a game that is over in three steps is no game. Then dig a path
# through as few walls as possible, with a search in which floor costs nothing and a wall costs one: floor goes to the front of
# the queue, walls to its end. Then dig to every chest. Finally, fill what still cannot be reached.


# %% tags=["studio"]
def dig(level, start, goal):
    """Open a path from start to goal through as few walls as possible. (12, 12) -> (12, 12)"""
    tiles, cost, came_from, queue = level.tolist(), {start: 0}, {}, deque([start])
    while queue:
        here = queue.popleft()
        for r, c in dungeons.neighbors(here, level.shape):
            through = cost[here] + (tiles[r][c] == 0)
            if through < cost.get((r, c), math.inf):
                cost[r, c], came_from[r, c] = through, here
                (queue.append if tiles[r][c] == 0 else queue.appendleft)((r, c))
    level, here = level.clone(), goal
    while here != start:
        here = came_from[here]
        level[here] = tiles[here[0]][here[1]] or 1
    return level


def repair(level, probs):
    """One start, one exit, and a path to the exit and to every chest. (12, 12), (12, 12, 5)"""
    report = dungeons.report(level[None])
    if playable(level) and report["chests"] == report["regions"] == 1:
        return level
    level = torch.where((level == 2) | (level == 3), 1, level)
    start = divmod(probs[..., 2].argmax().item(), 12)
    likely = probs[..., 3].clone()
    likely[start] = -1  # not where the start is
    likeliest = [divmod(i, 12) for i in likely.flatten().topk(5).indices.tolist()]
    goal = max(likeliest, key=lambda place: math.dist(place, start))
    level[start], level[goal] = 2, 3
    for place in [goal, *map(tuple, (level == 4).nonzero().tolist())]:
        level = dig(level, start, place)
    return torch.where(dungeons.reachable(level, start), level, 0)


# %% [markdown] tags=["studio"]
# Is it the VAE that makes good maps, or the repair? A skeptic repairs the baselines, too. A designer asks more: can every chest be
# reached? Are there regions that nobody can reach? How long is the shortest solution? And how *different* are the maps? For that,
# the field plots the **expressive range** of a generator (Smith & Whitehead 2010), here the length of the shortest solution against
# the share of tiles that are open.

# %% tags=["studio"]
raw = maps["VAE"]
for name in ("VAE", "tile by tile"):
    pairs = zip(maps[name], probs[name], strict=True)
    maps[f"{name}, repaired"] = torch.stack([repair(*pair) for pair in pairs])
for name in ("tile by tile", "VAE", "Markov chain"):  # start and exit on random open tiles
    likely = [torch.rand(12, 12, 5) * (level != 0)[..., None] for level in maps[name]]
    pairs = zip(maps[name], likely, strict=True)
    maps[f"{name}, anywhere"] = torch.stack([repair(*pair) for pair in pairs])
known = {tuple(level) for level in levels.flatten(1).tolist()}
reports = {}
for name, some in maps.items():
    reports[name] = dungeons.report(some) | {"playable": sum(map(playable, some)) / len(some)}
    changed = (some != maps[name.split(",")[0]]).flatten(1).sum(1).float()  # (200,) tiles
    reports[name]["repaired"] = (changed > 0).float().mean().item()
    reports[name]["changed"] = changed.sum().item() / max((changed > 0).sum().item(), 1)
    reports[name]["copies"] = sum(
        tuple(level) in known for level in some.flatten(1).tolist()
    ) / len(some)
dungeons.show_reports(reports)
ranged = ("training", "VAE, anywhere", "tile by tile, anywhere", "Markov chain, anywhere")
shown = {
    name: dungeons.lengths_and_openness(maps[name]) for name in (*ranged, "tile by tile, repaired")
}
spread = {name: np.std(pair, axis=1) for name, pair in shown.items()}  # of steps and openness
for name, (steps, share) in spread.items():
    print(f"{name:<24} standard deviation: {steps:.1f} steps, {share:.3f} of the tiles open")
drawing.expressive_range(shown)

# %% tags=["studio"]
fixed = maps["VAE, repaired"]
verdicts = ["playable" if playable(level) else "not playable" for level in raw[:6]]
steps_of = [f"{len(dungeons.shortest_path(level)) - 1} steps" for level in fixed[:6]]
marks = [
    [tuple(place) for place in (a != b).nonzero().tolist()]
    for a, b in zip(raw[:6], fixed[:6], strict=True)
]
dungeons.show(
    [*raw[:6], *fixed[:6]],
    verdicts + steps_of,
    marked=6 * [[]] + marks,
    alt="Above: six generated maps, most not playable. Below: the same maps repaired; "
    "frames mark the tiles that were changed.",
)

# %% [markdown] tags=["studio"]
# Repair makes *every* map playable, even the baselines'. So playability after repair says nothing about the model. The lengths of
# the solutions depend on the repair, too: tile by tile, they vary about twice as much with start and exit on random open tiles
# (*anywhere*) as where the model finds them likeliest (*repaired*). So compare only maps that were repaired in the same way.
#
# How much had to be changed says more: with start and exit anywhere, {{09.maps.changed:.0f}} tiles per repaired map for the VAE,
# {{09.maps.changed_tiles:.0f}} tile by tile, and {{09.maps.changed_chain:.0f}} for the chain. For rooms and paths, neighbors are
# enough. The chain does not see the whole map: some of its maps have fewer open tiles than any training map, and its solutions vary
# most in length. The share of open tiles has a standard deviation of {{09.maps.open_chain:.2f}}, against {{09.maps.open:.2f}} for
# the VAE and {{09.maps.open_training:.2f}} in training.
#
# Why repair at all? One may also keep what passes (*generate-and-test*), or build part of the rule in, as in lesson 07: draw start
# and exit as *positions*.


# %% tags=["studio"]
def with_positions(p):
    """One start, one exit, and wall, floor and chests. (N, 12, 12, 5) -> (N, 12, 12)"""
    p = p.flatten(1, 2)  # (N, 144, 5)
    level = torch.multinomial((p * torch.tensor([1, 1, 0, 0, 1])).flatten(0, 1), 1).view(-1, 144)
    start = torch.multinomial(p[..., 2], 1)  # (N, 1)
    goal = torch.multinomial(p[..., 3].scatter(1, start, 0), 1)  # (N, 1), not where the start is
    return level.scatter(1, start, 2).scatter(1, goal, 3).view(-1, 12, 12)


many = tile_probs(runtime.budget(smoke=100, cpu=1000))
passed = [level for level in drawn_maps(many["VAE"]) if playable(level)]
lengths = np.array([len(dungeons.shortest_path(level)) - 1 for level in passed] or [0])
short = (lengths <= 3).mean()
print(
    f"{len(passed)} maps of the VAE pass: median {np.median(lengths):.0f} steps, {short:.0%} <= 3"
)
built_in = {name: sum(map(playable, with_positions(p))) / len(p) for name, p in many.items()}
print("playable with positions:", {name: f"{share:.0%}" for name, share in built_in.items()})

# %% [markdown] tags=["studio"]
# Maps that pass are short: those of the VAE take a median of {{09.maps.raw_steps:.0f}} steps, and
# {{09.maps.raw_short:.0%}} of them at most three; training maps take 10, and hardly any as few as three. With positions,
# {{09.maps.positions:.0%}} of the VAE's maps are playable, and {{09.maps.positions_tiles:.0%}} tile by tile. The others lack a path.
#
# **Walk.** Pick a map, and walk its shortest path.

# %% tags=["studio"]
explorables.walk(fixed[:20])

# %% [markdown] tags=["studio"]
# ### Section D · Digits: the same two losses
#
# Nothing in `noise_loss` and `flow_loss` knows that a moon has two coordinates. Hand them the small digits of lesson 04 instead,
# 64 numbers from $-1$ (paper) to 1 (ink), and a network that gets the time.


# %% tags=["studio"]
class DigitField(nn.Module):
    """A vector for every noisy digit and time: (B, 64), (B,) -> (B, 64)."""

    def __init__(self, hidden=256):
        super().__init__()
        sizes = [64 + 16, hidden, hidden, hidden]  # 64 pixels, 16 features of the time
        layers = [nn.Sequential(nn.Linear(*pair), nn.SiLU()) for pair in itertools.pairwise(sizes)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, 64))

    def forward(self, x, t):
        return self.layers(torch.cat([x, time_features(t)], dim=1))


x_digits = 2 * data.digits8().x_train.flatten(1) - 1  # (1000, 64) in [-1, 1]
digit_epochs = runtime.budget(smoke=3, cpu=200)
networks = {
    name: train(DigitField, [x_digits], loss_fn, digit_epochs, seed=32, lr=4e-3)
    for name, loss_fn in (("ε", noise_loss), ("v", flow_loss))
}

# %% [markdown] tags=["studio"]
# **Predict.** For one digit DDPM calls the network a hundred times, and DDIM calls the same network twenty times. Whose digits have
# the smaller Fréchet distance (FD; lesson 05: between two Gaussians, fitted to features of the digits) from real ones, on average
# over seeds?
#
# - A: DDPM's, by far
#   - It takes five times as many steps. But with as many, DDIM hardly gets better.
# - B: neither's
#   - **Yes.** Which one is ahead changes from seed to seed.
# - C: DDIM's, by far, because it adds no noise
#   - The noise is part of DDPM's sampler and does no harm there: each later step removes it again.

# %% tags=["studio"]
runtime.seed_all(33)
n_drawn = runtime.budget(smoke=200, cpu=2000)
digit_noise = torch.randn(n_drawn, 64)
drawn = {
    "real": x_digits,
    "DDPM, 100 steps": ddpm(networks["ε"], digit_noise)[-1],
    "DDIM, 20 steps": follow(networks["ε"], digit_noise, noise_levels(20))[-1],
    "flow, 20 steps": follow(networks["v"], digit_noise, straight(20), "v")[-1],
}  # (N, 64) each
y_digits = data.digits8().y_train
_, by_ddpm, by_ddim, by_flow = (
    y_digits[torch.cdist(x, x_digits).argmin(1)] for x in drawn.values()
)
for name, other in (("DDPM, the same network", by_ddpm), ("flow, another network", by_flow)):
    share = (by_ddim == other).float().mean().item()
    print(f"the same noise becomes the same digit by DDIM and {name}: {share:.0%}")
digit_fd = {name: metrics.frechet_digits8((x > 0).float()) for name, x in drawn.items()}
longer = follow(networks["ε"], digit_noise, noise_levels(100))[-1]  # (N, 64)
digit_fd["DDIM, 100 steps"] = metrics.frechet_digits8((longer > 0).float())
print(f"FD of DDIM with 100 steps: {digit_fd['DDIM, 100 steps']:.2f}")
twenty = {name: ((x[:20] + 1) / 2).clamp(0, 1) for name, x in drawn.items()}  # (20, 64) each
plots.rows(
    {f"{name}, FD {digit_fd[name]:.2f}": x for name, x in twenty.items()},
    alt="Four rows of twenty small digits: real ones, those of DDPM, of DDIM, of the flow. "
    "Most of the generated ones can be read.",
)

# %% [markdown] tags=["studio"]
# Over five runs, the median FD was {{09.digits.ddpm:.2f}} for DDPM, {{09.digits.ddim:.2f}} for DDIM, and
# {{09.digits.flow:.2f}} for the flow, another network, in twenty steps. Seed by seed, DDPM minus DDIM lies between $-0.1$ and
# $0.4$: neither sampler is reliably better. With a hundred steps DDIM reached {{09.digits.ddim100:.2f}}: more steps hardly
# help it. (FD looks at black and white here: pixels are cut at the middle gray.)
#
# Look down the columns. All three samplers started from the same noise. Over five seeds, DDIM and the flow, two networks, drew
# the same digit in 66 to 69% of the cases (as read by the nearest training digit), DDIM and DDPM, one network, in 15 to 17%.
# Chance is about 10%.

# %% [markdown] tags=["studio"]
# ### Section E · A decoder without noise
#
# The core's last section quotes a claim that makes DALL·E a VAE or a GAN. One reading of it can be run: a *decoder* that gets a
# caption and no noise, and is trained by the squared difference from the real pictures. The best that it can learn can be computed,
# so we need not train it.
#
# **Predict.** What do six answers of this decoder to "a blue square, bottom left" look like?
#
# - A: six different squares
#   - Different from what? Nothing in its input differs from one call to the next.
# - B: the same sharp square, six times
#   - The same, yes. But their places and sizes differ, so the mean has softer edges than any of them.
# - C: the same square with soft edges, six times
#   - **Yes.** A caption does not determine a picture, so the answer is the mean of all pictures that fit: softer edges, and no
#     variety.


# %% tags=["studio"]
def decoder(c):
    """The best answer without noise: the mean of a caption's pictures. (3,) -> (3, 16, 16)"""
    return x_seen[(c_seen == c.to(device)).all(1)].mean(0).cpu()


six = shapes.parse("a blue square, bottom left").repeat(6, 1)  # (6, 3)
runtime.seed_all(19)
sharp = ask(painter, six)[-1].cpu()
mean = torch.stack([decoder(c) for c in six])  # (6, 3, 16, 16)
drawing.decoder_and_painter(mean, sharp)
misfits = [shapes.read(x)[1].median().item() for x in (mean, sharp)]
print("misfit: decoder {:.3f}, painter {:.3f}".format(*misfits), f"(clean: below {shapes.CLEAN})")
unseen = decoder(shapes.parse("a green triangle, top left"))
print("the mean pixel for a caption that training withheld:", unseen.mean().item())

# %% [markdown] tags=["studio"]
# Our classifier even calls the mean *clean*: shapes move by less than a pixel, so their mean is nearly a drawing. What the
# decoder lacks is not cleanness but variety. For a caption it has never seen, this optimum is undefined: the mean of no pictures is
# *nan*. The noise at the start is what makes the painter a generator: a model of text and pictures is a *conditional distribution*,
# $p(x \mid c)$, and has to be judged by its variety, too.

# %% [markdown] tags=["studio"]
# ### Section F · Build: a painter from an empty page
#
# Write a function that gets captioned pictures and a number of seconds, and returns a function `paint(captions)`. The bar: seven of
# ten pictures are *clean and* show shape, color and place as asked, after at most sixty seconds of computing
# (`time.process_time`; you keep to `seconds` yourself, and ten can be enough). Any network and any family will do: flow, diffusion,
# even a GAN. You may use what is above.
#
# ### Exercise 9.8 · `train_painter`
# The check trains it on 4,000 pictures and asks for every caption three times. Its pictures are rotated and recolored, and
# its captions use other numbers for the words, so only the data that you are given can teach what they mean. Pictures must be as
# far from the training pictures as from held-out ones: no copies, whether noisy, moved, mirrored, recolored or averaged. They must
# differ from call to call, and by more than noise over the same picture.


# %% tags=["studio", "exercise:9.8", "points:8", "minutes:30"]
def train_painter(pictures, captions, seconds):
    """Learn to draw captions. (N, 3, 16, 16) in [-1, 1], (N, 3), seconds allowed

    -> paint: captions (B, 3) -> pictures (B, 3, 16, 16) in about [-1, 1], on the CPU
    """
    # BEGIN SOLUTION
    painter, begin = Painter(), time.process_time()
    optimizer = torch.optim.AdamW(painter.parameters(), lr=2e-3, fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=400, pct_start=0.1)
    for _ in range(400):
        if time.process_time() - begin > seconds:
            break
        rows = torch.randint(len(pictures), (128,))
        loss = flow_loss(partial(velocity, painter, c=captions[rows]), pictures[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()

    def paint(c):
        x = torch.randn(len(c), 3, 16, 16)
        return follow(partial(velocity, painter, c=c), x, straight(10), "v")[-1]

    return paint
    # END SOLUTION


# %% tags=["studio", "check:9.8"]
train_painter = check("9.8", train_painter)

# %% [markdown] tags=["studio", "help:9.8"]
# Which three things does a flow need: a network with which three inputs, a loss, and a sampler? Should the network output the
# picture or the velocity?
# ---
# 256 hidden units, three blocks, minibatches of 128, AdamW with a learning rate of $0.002$ that rises and falls, 400 steps: about
# four seconds. After 100 steps color and place are right, and the shapes are blobs.
# ---
# It is the painter of the core without guidance. Every caption is in the training set, so $w = 1$ is enough. The time is checked
# in every step, so that a slow machine stops in time.

# %% [markdown] tags=["studio"]
# Now look at what it draws: train it on `pictures` and `labels`, ask for `asked[:24]`, and hand the result to `plots.pictures`.

# %% tags=["studio", "folded"]
maps_inside = runtime.reached(
    {
        "09.maps.vae": solved["VAE"],
        "09.maps.tiles": solved["tile by tile"],
        "09.maps.steps": reports["VAE, repaired"]["steps"],
        "09.maps.joined": paths["VAE"],
        "09.maps.joined_tiles": paths["tile by tile"],
        "09.maps.chain": solved["Markov chain"],
        "09.maps.joined_chain": paths["Markov chain"],
        "09.maps.raw_steps": np.median(lengths).item(),
        "09.maps.raw_short": short.item(),
        "09.maps.positions": built_in["VAE"],
        "09.maps.positions_tiles": built_in["tile by tile"],
        "09.maps.dull": spread["tile by tile, repaired"][0],
        "09.maps.anywhere": spread["tile by tile, anywhere"][0],
        "09.maps.open": spread["VAE, anywhere"][1],
        "09.maps.open_chain": spread["Markov chain, anywhere"][1],
        "09.maps.open_training": spread["training"][1],
        "09.maps.repaired": reports["VAE, repaired"]["repaired"],
        "09.maps.changed": reports["VAE, anywhere"]["changed"],
        "09.maps.changed_tiles": reports["tile by tile, anywhere"]["changed"],
        "09.maps.changed_chain": reports["Markov chain, anywhere"]["changed"],
    }
)

# %% tags=["studio", "folded"]
also_inside = runtime.reached(
    {
        "09.circle.none": fits["no caption"][0],
        "09.circle.negative": fits["circle, weight −0.5"][0],
        "09.style.gan": min(ratios["GAN"]),
        "09.style.slow.flower": ratios["slow GAN"][0],
        "09.style.slow.gravel": ratios["slow GAN"][1],
        "09.style.patches": max(ratios["patches"]),
        "09.style.shuffled": min(ratios["shuffled"]),
        "09.style.mirrored": max(ratios["mirrored"]),
        "09.decoder.misfit": misfits[0],
        "09.painter.misfit": misfits[1],
        "09.digits.ddpm": digit_fd["DDPM, 100 steps"],
        "09.digits.ddim": digit_fd["DDIM, 20 steps"],
        "09.digits.ddim100": digit_fd["DDIM, 100 steps"],
        "09.digits.gap": digit_fd["DDPM, 100 steps"] - digit_fd["DDIM, 20 steps"],
        "09.digits.flow": digit_fd["flow, 20 steps"],
    }
)

# %% tags=["studio", "solved"]
assert maps_inside and also_inside
assert max(ratios["patches"]) < min(1, *ratios["shuffled"]) and min(ratios["GAN"]) > 1
assert reports["VAE, repaired"]["playable"] == reports["VAE, repaired"]["chests"] == 1
assert reports["VAE, repaired"]["changed"] < reports["tile by tile, repaired"]["changed"]
assert paths["VAE"] > 1.5 * paths["tile by tile"] and paths["training"] == 1
assert paths["Markov chain"] > 1.5 * paths["tile by tile"]
assert spread["tile by tile, repaired"][0] < 0.7 * spread["tile by tile, anywhere"][0]
assert spread["VAE, anywhere"][1] < 0.9 * spread["Markov chain, anywhere"][1]
assert built_in["VAE"] > 3 * solved["VAE"]
assert fits["circle, weight −0.5"][0] > fits["no caption"][0]
assert max(digit_fd.values()) < 2.5

# %% [markdown]
# ## Where we are now
#
# You can
# - noise data in one jump, and convert between noise, data and velocity;
# - write the loss of a flow, sample by DDPM, DDIM and flow, and say why the last two agree;
# - generate pictures from captions, and say in numbers what guidance buys and what it costs.
#
# **Read on.** Song, Sohl-Dickstein et al. 2021, *Score-Based Generative Modeling through Stochastic Differential Equations*. Lipman et
# al. 2023, *Flow Matching for Generative Modeling*. Kadkhodaie et al. 2024, *Generalization in Diffusion Models Arises from
# Geometry-Adaptive Harmonic Representations*. Ho & Salimans 2022, *Classifier-Free Diffusion Guidance*. Rombach et al. 2022,
# *High-Resolution Image Synthesis with Latent Diffusion Models*.
#
# **Next.** A picture that is slightly wrong is a nuisance. Lesson 10 asks what happens where more is at stake: patients,
# molecules, and samples that you publish.
