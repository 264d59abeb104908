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
# - add noise to data *in one jump*, and train a network to *predict* it;
# - *sample* by walking back, step by step, with DDPM;
# - *match a flow*: straight paths from noise to data, and few steps;
# - *ask* for a picture in words, *guide* it, and *measure* whether it shows what was asked for.
#
# The studio adds two workshops, *art*, where you write a style loss, and *games*, where you check and mend generated maps, then the same two losses on
# handwritten *digits*, and a room to build in.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import math
import time
from collections import deque
from functools import cache

import numpy as np
import torch
from sklearn.datasets import make_moons
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import check, data, metrics, plots, progress, runtime, widgets
from course_utils.lesson09 import dungeons, explorables, shapes, vgg

device = runtime.setup(seed=0)

# %% [markdown]
# ## Noise, in one jump
#
# A VAE's decoder and a GAN's generator turn noise into a picture in a single leap. The leap is hard to learn. The other way
# round is easy: anybody can turn a picture into noise, a little at a time. So make a film of a picture that drowns, and teach a
# network to play it backwards. That is **diffusion** (Sohl-Dickstein et al. 2015; Ho, Jain & Abbeel 2020).
#
# One step of the drowning shrinks what is there by a hair, and adds a hair of fresh noise, $\varepsilon_t \sim \mathcal N(0, I)$:
#
# $$ x_t = \sqrt{1 - \beta_t}\; x_{t-1} + \sqrt{\beta_t}\; \varepsilon_t $$
#
# Two moons, points in the plane, are today's toy. The table of $\beta_t$ is the **noise schedule**.
#
# **Predict.** The moons start with variance 1. After a hundred such steps, each of which adds noise, is the variance about
# 1, about 6 (the sum of all $\beta_t$ is about 5), or near 0?

# %%
T = 100
beta = torch.linspace(0.001, 0.1, T)  # (T,)


def moons(n, seed):
    """n points on two moons, moved and scaled to mean 0 and variance 1. -> (n, 2)"""
    x, _ = make_moons(n, noise=0.07, random_state=int(runtime.rng(seed).integers(10**6)))
    return torch.tensor((x - [0.5, 0.25]) / [0.87, 0.5], dtype=torch.float32)


x_train, x_test = moons(4000, seed=1), moons(1000, seed=2)
runtime.seed_all(3)
x_walked, seen = x_train, {0: x_train}
for t in range(T):
    x_walked = (1 - beta[t]).sqrt() * x_walked + beta[t].sqrt() * torch.randn_like(x_walked)
    seen[t + 1] = x_walked
print(f"variance before {x_train.var():.2f}, after {T} steps {x_walked.var():.2f}")


# %%
def clouds(groups, color, alt):
    """Clouds of points side by side: title -> (N, 2)."""
    fig, axes = plots.figure(1, len(groups), size=(11, 2.5), alt=alt)
    for ax, (title, points) in zip(axes, groups.items(), strict=True):
        ax.scatter(*points[:1000].T, s=3, color=color)
        ax.set(title=title, xlim=(-3.4, 3.4), ylim=(-3.4, 3.4), xticks=(-3, 0, 3), yticks=())


clouds(
    {f"after {t} steps": seen[t] for t in (0, 10, 20, 40, 100)},
    plots.DATA,
    alt="Five clouds of points: two clear moons after no step, fuzzy ones after 10, hardly a "
    "trace after 40, a round bell at 100.",
)

# %% [markdown]
# <details><summary>What happened</summary>
#
# The variance stays 1: $(1 - \beta_t) \cdot 1 + \beta_t = 1$. That is what the shrinking is for. The moons do not fly apart, they
# dissolve into $\mathcal N(0, I)$, which is the one distribution we can always draw from.
#
# </details>
#
# A hundred steps to make one training example would be slow. But a sum of Gaussians is a Gaussian, so all steps up to $t$ are
# *one* jump. What is left of the data is multiplied by every $\sqrt{1 - \beta_s}$ on the way. The noises are independent, so
# their variances add; the total stays 1, and so the noise's share is what the data's leaves. Call the product of the
# $1 - \beta_s$ up to $t$ alpha bar:
#
# $$ \bar\alpha_t = \prod_{s \le t} (1 - \beta_s), \qquad x_t = \sqrt{\bar\alpha_t}\; x_0 + \sqrt{1 - \bar\alpha_t}\; \varepsilon $$
#
# ### Exercise 9.2 · `q_sample`
# Make the jump for a batch in which every example has its own $t$. `ab` is the table of $\bar\alpha$; `ab[0]` belongs to the first step. It must work for points, (B, 2), and
# for pictures, (B, 3, 16, 16), alike. (Exercise 9.1 waits in the studio.)


# %% tags=["exercise:9.2", "points:4", "minutes:6"]
def q_sample(x0: Tensor, t: Tensor, ab: Tensor, eps: Tensor) -> Tensor:
    """x_t from x_0 in one jump. x0, eps: (B, ...), t: int (B,), ab: (T,) -> (B, ...)"""
    # BEGIN SOLUTION
    a = ab[t].reshape(-1, *[1] * (x0.dim() - 1))  # (B, 1, ...)
    return a.sqrt() * x0 + (1 - a).sqrt() * eps  # (B, ...)
    # END SOLUTION


# %% tags=["check:9.2"]
q_sample = check("9.2", q_sample)

# %% [markdown] tags=["help:9.2"]
# `ab[t]` is one number per example. What shape must it have, so that it multiplies every pixel of *its* picture and no other?
# ---
# One point $x_0 = (2, -1)$, $\varepsilon = (1, 1)$, $\bar\alpha_t = 0.64$: the data keep $\sqrt{0.64} = 0.8$, the noise gets
# $\sqrt{0.36} = 0.6$. So $x_t = (1.6 + 0.6,\; -0.8 + 0.6) = (2.2, -0.2)$.
# ---
# The roots make the *variances* add to one: $\bar\alpha + (1 - \bar\alpha) = 1$. The table is looked up once per example, and the
# lengths of 1 in its shape let it spread over whatever follows.

# %% tags=["nbval-check-output"]
ab = torch.cumprod(1 - beta, dim=0)  # (T,)
jumped = q_sample(x_train, torch.full((4000,), 39), ab, torch.randn(4000, 2))  # index 39: 40 steps
walked, jump = (x.prod(dim=1).mean() for x in (seen[40], jumped))  # how both coordinates go along
print("40 steps and one jump agree:", bool(abs(walked - jump) < 0.06))
for t in (10, 40, 100):
    print(f"share of the data's variance left after {t:>3} steps: {ab[t - 1]:.3f}")

# %% [markdown]
# **Scrub through the film.** Drag along the curve, or press play. The linear schedule is that of $\beta_t$ above; the
# cosine schedule (Nichol & Dhariwal 2021) spends more of the film on what can still be seen. The curve shows which share
# $\bar\alpha_t$ of the variance is still data.
# Find the last $t$ at which *you* still see a cat. The network will have to do better than you.

# %%
cat = 2 * data.photo("cat", (64, 96)) - 1  # (3, 64, 96) in [-1, 1]
eps = torch.randn(cat.shape, generator=torch.Generator().manual_seed(4))
angle = (torch.arange(T) / T + 0.008) / 1.008 * math.pi / 2
schedules = [ab, torch.cos(angle) ** 2]  # (T,) each
explorables.noise(cat, eps, schedules)

# %% [markdown]
# ## Predict the noise
#
# To play the film backwards we would have to know, for a drowned point, where it came from. Nobody can know. But a network can
# know what is *likely*. Give it $x_t$ and $t$, and ask for the noise that was added:
#
# $$ L = \mathbb E\, \big\| \varepsilon - \varepsilon_\theta(x_t, t) \big\|^2 $$
#
# A squared error, and you know from lesson 02 what that learns: the *mean* of all noises that could have led here. There it
# was a curse. Here it is a compass: from the mean noise you can tell in which direction the data lie.
#
# **Predict.** Guessing 0 costs 1 per number. At which end of the film will the network do better than that: at the start, when
# there is hardly any noise to be seen, or at the end, when there is nothing but noise?


# %% tags=["export"]
def clock(t: Tensor) -> Tensor:
    """A time from 0 to 1 as sixteen waves, so that a network can read it. (B,) -> (B, 16)"""
    angles = t[:, None] * (math.pi / 2) * 2.0 ** torch.arange(8, device=t.device)  # (B, 8)
    return torch.cat([angles.sin(), angles.cos()], dim=1)  # (B, 16)


class Field(nn.Module):
    """An arrow at every place and time: (B, 2), (B,) -> (B, 2)."""

    def __init__(self, hidden=128):
        super().__init__()
        # 30 numbers come in: 2 of the place, 6 + 6 of its waves, 16 of the clock
        self.layers = nn.Sequential(
            nn.Linear(30, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 2),
        )

    def forward(self, x, t):
        waves = (x[:, :, None] * torch.tensor([1.0, 2.0, 4.0])).flatten(1)  # (B, 6): finer waves
        return self.layers(torch.cat([x, waves.sin(), waves.cos(), clock(t)], dim=1))


# %%
def train(model, loss_of, steps, seed, lr=2e-3):
    """Make loss_of(model) small, a fresh batch every step. -> the model"""
    runtime.seed_all(seed)
    for layer in model.modules():  # so that the seed also decides how the model starts
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    for _ in progress.bar(range(steps), "steps"):
        loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pace.step()
    return model


# %%
def noise_loss(model, x=x_train):
    """The formula above, on a fresh batch of data, times and noises. x: (N, D)"""
    x0 = x[torch.randint(len(x), (256,))]  # (B, D)
    t = torch.randint(T, (256,))  # (B,)
    eps = torch.randn_like(x0)
    return F.mse_loss(model(q_sample(x0, t, ab, eps), t / T), eps)


steps = runtime.budget(smoke=30, cpu=2000)
denoiser = train(Field(), noise_loss, steps, seed=5, lr=8e-3)
with torch.no_grad():
    error = []
    for t in range(0, T, 3):
        eps = torch.randn_like(x_test)
        x_t = q_sample(x_test, torch.full((1000,), t), ab, eps)
        error.append(F.mse_loss(denoiser(x_t, torch.full((1000,), t / T)), eps).item())
ax = plots.panel(
    size=(7, 3), alt="The error falls from near 1 at the first steps to under a tenth at the end."
)
plots.line(np.arange(0, T, 3), error, ax, color=plots.MODEL, name="the network", at=0.3)
plots.line([0, T], [1, 1], ax, color=plots.MUTED, linestyle="--", name="guessing 0", at=0)
ax.set_ylim(0, 1.2)
plots.label(ax, "how well is the noise guessed?", "t", "squared error")

# %% [markdown]
# <details><summary>What happened</summary>
#
# At the *end*: when everything is noise, $x_t$ *is* the noise, and saying so is easy. At the start, the noise is a hair's
# breadth on top of the data, and the data themselves scatter by more than that. Each part of the film is a problem of its own; one network, which is
# told the time, solves them all.
#
# </details>

# %% [markdown]
# ## Walk back
#
# Now backwards. Start with pure noise. At each step take off the share of predicted noise that *one* step had put
# on, stretch what is left, and, except at the very last step, put on a little fresh noise:
#
# $$ x_{t-1} = \frac{1}{\sqrt{1 - \beta_t}} \Big( x_t - \frac{\beta_t}{\sqrt{1 - \bar\alpha_t}}\, \varepsilon_\theta(x_t, t) \Big) + \sqrt{\beta_t}\; \varepsilon' $$
#
# ($x_t$ holds $\sqrt{1 - \bar\alpha_t}\, \varepsilon$. Of its variance $1 - \bar\alpha_t$ one step put on $\beta_t$, so the share to take off is $\beta_t / (1 - \bar\alpha_t)$. Index 0 in code is the formula's $t = 1$.)
#
# That is the whole sampler of **DDPM**, *Denoising Diffusion Probabilistic Models* (Ho, Jain & Abbeel 2020, algorithm 2).
#
# **Predict.** Why put noise *on* while taking noise off? What will the points do if you leave it out: the same, or gather
# somewhere?


# %%
@torch.no_grad()
def ddpm(model, n, fresh=1.0, D=2):
    """Walk from noise to data; fresh scales the noise put on. -> [x_T, ..., x_0], (n, D) each"""
    x = torch.randn(n, D)
    film = [x]
    for t in reversed(range(T)):
        eps = model(x, torch.full((n,), t / T))  # (n, D)
        x = (x - beta[t] / (1 - ab[t]).sqrt() * eps) / (1 - beta[t]).sqrt()
        if t > 0:
            x = x + fresh * beta[t].sqrt() * torch.randn_like(x)
        film.append(x)
    return film


runtime.seed_all(6)
film, still = ddpm(denoiser, 1000), ddpm(denoiser, 1000, fresh=0.0)
clouds(
    {
        "noise": film[0],
        "after 60 steps": film[60],
        "after 85": film[85],
        "after 100": film[-1],
        "no fresh noise": still[-1],
    },
    plots.MODEL,
    alt="A round cloud, then a cloud with a dent, then two moons; last, without fresh noise, "
    "a small heap in the middle.",
)

# %% [markdown]
# <details><summary>What happened</summary>
#
# They gather in a small heap in the middle. Each step goes to the *mean* of the places a point may have come from, and these means lie
# closer together than the places themselves. The fresh noise puts back what is lost: it keeps the walk as wide as the film was at that moment.
#
# </details>
#
# How good is it? In two dimensions a distance between crowds fits in one line. The **energy distance** compares how far points of
# one crowd are from the other with how far they are from their own kind; it is 0 only for equal distributions
# (Székely & Rizzo 2013):
#
# $$ D(X, Y) = 2\, \mathbb E \|X - Y\| - \mathbb E \|X - X'\| - \mathbb E \|Y - Y'\| $$
#
# with $X'$ a second, independent draw from the crowd of $X$, and $Y'$ from that of $Y$.


# %%
def energy_distance(x, y):
    """(N, 2), (M, 2) -> 0 for equal crowds; a float"""
    between, own_x, own_y = (torch.cdist(a, b).mean() for a, b in ((x, y), (x, x), (y, y)))
    return (2 * between - own_x - own_y).item()


real = moons(20_000, seed=7)[runtime.rng(7).integers(20_000, size=1000)]  # (1000, 2): one by one
distance = {
    "fresh moons": energy_distance(real, x_test),
    "DDPM, 100 steps": energy_distance(film[-1], x_test),
    "no fresh noise": energy_distance(still[-1], x_test),
    "noise": energy_distance(film[0], x_test),
}
for name, value in distance.items():
    print(f"{name:<16} {value:7.4f}")

# %% [markdown]
# ## Straight paths, few steps
#
# A hundred calls of the network for one sample. Could we do with fewer? The film is only one way to connect noise and data, and not the
# shortest. **Flow matching** (Lipman et al. 2023; Liu, Gong & Liu 2023) draws a noise $x_0$ and a data point $x_1$, independently, and connects them by a
# straight line, traveled at constant speed while $t$ goes from 0 to 1. (Mind the letters: in this family $x_0$ is the *noise*.)
#
# $$ x_t = (1 - t)\, x_0 + t\, x_1, \qquad v = \frac{dx_t}{dt} = x_1 - x_0 $$
#
# The network sees a place and a time and learns the velocity there: $L = \mathbb E\, \| v_\theta(x_t, t) - v \|^2$. No schedule, no
# $\bar\alpha$.
#
# ### Exercise 9.3 · `flow_target`
# For a batch of pairs and times, return both: where the pair is at its time, and its velocity. Again for points and pictures alike.


# %% tags=["exercise:9.3", "points:4", "minutes:5"]
def flow_target(x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Place at time t and velocity on the straight path from noise x0 to data x1.

    (B, ...), (B, ...), (B,) -> (B, ...), (B, ...)
    """
    # BEGIN SOLUTION
    s = t.reshape(-1, *[1] * (x0.dim() - 1))  # (B, 1, ...)
    return (1 - s) * x0 + s * x1, x1 - x0
    # END SOLUTION


# %% tags=["check:9.3"]
flow_target = check("9.3", flow_target)

# %% [markdown] tags=["help:9.3"]
# You walk from $x_0$ to $x_1$ in one unit of time, at constant speed. Where are you at time 0? At time 1? Does your speed depend on $t$?
# ---
# $x_0 = (0, 4)$, $x_1 = (2, 0)$, $t = 0.25$: a quarter of the way, $x_t = (0.5, 3)$; $v = (2, -4)$, at any time.
# ---
# $v$ is the derivative of $x_t$ with respect to $t$, and $x_t$ is linear in $t$, so $v$ is constant along the path. One time per example again needs
# lengths of 1 in its shape.

# %% [markdown]
# A sampler is now a walk along arrows, the simplest there is (Euler's): in $n$ steps, $x \leftarrow x + v_\theta(x, t)/n$. No
# noise is added on the way.
#
# **Predict.** If all paths are straight, is *one* step enough? Write down the number of steps from which on you expect moons.


# %%
def flow_loss(model, x=x_train):
    """The squared error of the velocity on a fresh batch. x: (N, D)"""
    x1 = x[torch.randint(len(x), (256,))]  # (B, D)
    x0, t = torch.randn_like(x1), torch.rand(256)
    x_t, v = flow_target(x0, x1, t)
    return F.mse_loss(model(x_t, t), v)


@torch.no_grad()
def euler(model, x, n):
    """Follow the arrows from t = 0 to 1 in n steps. (B, D) -> (B, D)"""
    for k in range(n):
        x = x + model(x, torch.full((len(x),), k / n)) / n
    return x


flow = train(Field(), flow_loss, steps, seed=8, lr=8e-3)
runtime.seed_all(9)
start = torch.randn(1000, 2)
by_steps = {n: euler(flow, start, n) for n in (1, 2, 4, 10, 30)}
reached = {n: energy_distance(points, x_test) for n, points in by_steps.items()}
clouds(
    {f"steps: {n}, D = {reached[n]:.3f}": points for n, points in by_steps.items()},
    plots.MODEL,
    alt="One step: a small blob in the middle. Two: a bent blob. Four: rough moons. Ten and "
    "thirty: two clear moons. The energy distance stands above each.",
)

# %% [markdown]
# <details><summary>What happened</summary>
#
# One step is not enough. Each *pair* has a straight path, but at a place where many paths cross the network learns the mean of their velocities,
# as squared error always does. At $t = 0$ every noise can become any point, so the first arrow points at the mean of the data. Along the
# way the choice narrows, and the arrows turn: the paths one really walks are bent. Ten steps already make moons (distance
# {{09.moons.flow10:.3f}}); thirty come near DDPM's hundred ({{09.moons.flow30:.3f}} and {{09.moons.ddpm:.3f}}).
#
# Why is there no heap in the middle this time, though no noise is added? DDPM's step went to the mean of *places*. Here the arrow is the mean
# *velocity* of all that pass, and a crowd that follows it has the film's density at every $t$ (Lipman et al. 2023, theorem 1).
#
# </details>
#
# **Both engines on data of your own.** Two small networks train in the page on the same points: one predicts the noise and is sampled
# by DDPM and by **DDIM** (Song, Meng & Ermon 2021), which adds no fresh noise and can skip steps; the other predicts the velocity.
# Press *train*, or draw on the first panel and watch them learn what you drew. The slider *sampled so far* runs from noise to
# data; all three samplers start from the same noise, and eight paths are traced.
#
# **Your goal.** Whose paths are straight? With how many steps do DDIM and the flow come as near to the data as DDPM does with a
# hundred? (The third panel shows the energy distance over the steps; DDPM's is the dashed horizontal line.)

# %%
explorables.paths()

# %% [markdown]
# <details><summary>What to find</summary>
#
# DDPM's paths are random walks. DDIM's and the flow's are smooth, and both bend: straight lines were drawn between *pairs*, but
# nothing travels along them. With one step both are far off, as above. From about ten steps on both are close to DDPM's hundred. What
# is left is the error of the networks, and the chance in two hundred points.
#
# </details>
#
# > **A good place to stop.** You have the two engines of most picture generators that start from noise. When you come back, run all cells above once
# > (*Run → Run All Above Selected Cell*).

# %% [markdown]
# ## Pictures with captions, and a reader
#
# Now pictures, and words. Our world is small enough to see everything: one shape of three, in one color of three, at one place of four. Thirty-six
# sentences, and every picture 16×16 pixels with three channels.
#
# Whoever makes pictures from text needs somebody who *reads* them: without a reader, "it shows what was asked for" is an opinion. In the
# big world the reader is a network, with faults of its own. In ours it is honest: it compares with 1,728 drawings, every caption at three
# sizes and sixteen small shifts, and names the nearest. How far off that one is tells us whether the picture is *clean*: less than a tenth, as the
# root of the mean square on a scale from 0 to 1 (`shapes.CLEAN`).

# %%
pictures, labels = shapes.sample(4000, runtime.rng(10))  # (4000, 3, 16, 16), (4000, 3)
read, misfit = shapes.read(pictures)
print(f"reader right on all three attributes: {(read == labels).all(1).float().mean():.3f}")
print(f"clean: {(misfit < shapes.CLEAN).float().mean():.3f} of the pictures")
plots.pictures(
    pictures[:8], columns=8, size=1.2, alt="Eight small pictures, each with one colored shape."
)
for label in labels[:4]:
    print("  ", shapes.caption(label))

# %% [markdown]
# **Two pairs of words are kept from the painter.** It will never see a *green triangle* or a *blue circle*, wherever they are. It will see other
# triangles and other green things. If it learns what the words mean, and not pictures by heart, it can paint these too.


# %%
def kept_away(labels):
    """Whether a caption asks for what training leaves out. (N, 3) -> bool (N,)"""
    shape, color = labels[:, 0], labels[:, 1]
    return ((shape == 2) & (color == 1)) | ((shape == 0) & (color == 2))


shown = ~kept_away(labels)
x_seen, c_seen = pictures[shown].to(device), labels[shown].to(device)
asked = shapes.all_captions().repeat(6, 1)  # (216, 3): every caption six times
new = kept_away(asked)
print(f"{len(x_seen)} pictures to learn from; {new.sum().item()} of {len(asked)} requests are new")

# %% [markdown]
# ## Text to image, in miniature
#
# The painter is a flow like the one for the moons, with 768 numbers in place of two, and it is told the caption: every word has a vector of 64 numbers,
# which is learned, and their sum goes into each layer together with the time. For each kind of word there is one more vector, for "no word". One time in seven the whole caption is
# replaced by these, so that the painter also learns to paint *anything*. You will see in a moment what for.


# %% tags=["export"]
class Block(nn.Module):
    """h + what two layers make of it, told the note (time and words). (B, H), (B, 64) -> (B, H)"""

    def __init__(self, hidden):
        super().__init__()
        self.norm, self.note = nn.LayerNorm(hidden), nn.Linear(64, hidden)
        self.first, self.second = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)

    def forward(self, h, note):
        return h + self.second(F.silu(self.first(self.norm(h)) + self.note(note)))


class Painter(nn.Module):
    """Noisy picture (B, 3, 16, 16), time (B,), caption (B, 3) -> (B, 3, 16, 16) numbers."""

    def __init__(self, hidden=256):
        super().__init__()
        self.words = nn.ModuleList(nn.Embedding(k + 1, 64) for k in (3, 3, 4))  # + 1: no word
        self.time = nn.Linear(16, 64)
        self.enter, self.leave = nn.Linear(768, hidden), nn.Linear(hidden, 768)
        self.blocks = nn.ModuleList(Block(hidden) for _ in range(3))

    def forward(self, x, t, c):
        note = self.time(clock(t)) + sum(word(c[:, i]) for i, word in enumerate(self.words))
        h = self.enter(x.flatten(1))  # (B, H)
        for block in self.blocks:
            h = block(h, F.silu(note))
        return self.leave(h).view_as(x)  # (B, 3, 16, 16)


# %% [markdown]
# What should those 768 numbers *be*? The velocity $v$, as before? Or the clean picture, from which the velocity follows? Both say the same:
# the time left to reach $x_1$ is $1 - t$, so
#
# $$ v = x_1 - x_0 = \frac{x_1 - x_t}{1 - t}, \qquad\text{so}\qquad v_\theta = \frac{\hat x_1(x_t, t, c) - x_t}{1 - t} $$
#
# (Near $t = 1$ we divide by $0.1$, never by less.) Same network, same loss, same number of steps; only the meaning of the output changes.
#
# **Predict.** Velocity or picture: does it matter? If you say yes: which is easier to say through a corridor of 256 numbers?

# %% tags=["export"]
NOTHING = (3, 3, 4)  # the caption without words


def velocity(painter, x, t, c, says="picture"):
    """Where x is heading. (B, 3, 16, 16), (B,), (B, 3) -> (B, 3, 16, 16)"""
    said = painter(x, t, c)
    left = (1 - t).clamp_min(0.1)[:, None, None, None]  # (B, 1, 1, 1)
    return (said - x) / left if says == "picture" else said


# %%
def painting_loss(painter, says="picture"):
    """Squared error of the velocity on 128 pictures; every seventh caption is forgotten."""
    rows = torch.randint(len(x_seen), (128,), device=device)
    x1, c = x_seen[rows], c_seen[rows].clone()  # (B, 3, 16, 16), (B, 3)
    c[torch.rand(128, device=device) < 1 / 7] = torch.tensor(NOTHING, device=device)
    x0, t = torch.randn_like(x1), torch.rand(128, device=device)
    x_t, v = flow_target(x0, x1, t)
    return F.mse_loss(velocity(painter, x_t, t, c, says), v)


@torch.no_grad()
def paint(painter, c, n=10, says="picture"):
    """One picture for each caption, in n Euler steps. (B, 3) -> (B, 3, 16, 16)"""
    c = c.to(device)
    x = torch.randn(len(c), 3, 16, 16, device=device)
    for k in range(n):
        x = x + velocity(painter, x, torch.full((len(c),), k / n, device=device), c, says) / n
    return x


# %%
def painter_that(says):
    """A painter trained to say the velocity, or to say the picture."""
    steps = runtime.budget(smoke=20, cpu=1800)
    return train(Painter().to(device), lambda model: painting_loss(model, says), steps, seed=11)


painters, sheets, told = {}, {}, {}
for says in ("velocity", "picture"):
    painters[says] = painter_that(says)
    runtime.seed_all(12)
    sheets[says] = paint(painters[says], asked, says=says)
    seen_words, misfit = shapes.read(sheets[says])
    right = (seen_words.cpu() == asked).all(1)
    told[says] = {
        "right": right[~new].float().mean().item(),
        "clean": (misfit < shapes.CLEAN).float().mean().item(),
    }
    print(f"says the {says:<9}", {key: round(value, 2) for key, value in told[says].items()})
alt = "Above: shapes under heavy colored noise. Below: the same requests as clean shapes on white."
fig, axes = plots.figure(2, 1, size=(10, 2.5), alt=alt)
for ax, says in zip(axes, sheets, strict=True):
    plots.pictures(sheets[says][:24:2].cpu(), ax, columns=12, title=f"the network says the {says}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# It decides everything. A velocity contains the noise $x_0$: 768 independent numbers, and a corridor of 256
# cannot carry them. A clean picture is a few facts (where, how large, which shape), and few facts pass through any door: lesson
# 04's lesson again. The arithmetic outside the network, which has $x_t$ in hand, puts the noise back (Li & He 2025). DDPM's network for the moons said the noise; in two dimensions that does no harm.
#
# </details>

# %% [markdown]
# ## Guidance: say it louder
#
# The painter can paint with and without words. At every step the two velocities differ, and the difference is *what the words
# do*. **Classifier-free guidance** (Ho & Salimans 2022) goes further in that direction than the painter would by itself:
#
# $$ v = v_\varnothing + w\, (v_c - v_\varnothing) $$
#
# (The paper counts from one lower: its $w = 0$ is our $w = 1$.)
#
# ### Exercise 9.4 · `guided`
# $w = 0$ does not listen, $w = 1$ is the painter as trained, larger $w$ exaggerates.


# %% tags=["exercise:9.4", "points:3", "minutes:4"]
def guided(v_uncond: Tensor, v_cond: Tensor, w: float) -> Tensor:
    """The velocity, the caption's effect times w. (B, ...), (B, ...), float -> (B, ...)"""
    # BEGIN SOLUTION
    return v_uncond + w * (v_cond - v_uncond)
    # END SOLUTION


# %% tags=["check:9.4"]
guided = check("9.4", guided)

# %% [markdown] tags=["help:9.4"]
# Which of the two velocities should come back for $w = 0$? Which for $w = 1$?
# ---
# Without words $v_\varnothing = 1$, with words $v_c = 3$. The words do $+2$. At $w = 2$ they do twice that: $1 + 2 \cdot 2 = 5$, beyond $v_c$.
# ---
# Start where the painter goes without words, and add the effect of the words $w$ times. It is a straight line through both velocities, and $w$ says where on it.

# %% [markdown]
# **Predict.** The share of requests obeyed: once for those the painter knows, once for the two pairs of words it never saw. What will each do as $w$ goes from 0 to 5? And can a picture be *too* obedient?


# %% tags=["export"]
@torch.no_grad()
def ask(painter, c, w, n=10, x=None):
    """Paint captions with guidance w. (B, 3) -> [noise, ..., picture], each (B, 3, 16, 16)"""
    c = c.to(next(painter.parameters()).device)
    silent = torch.tensor(NOTHING, device=c.device).expand_as(c)  # (B, 3)
    x = torch.randn(len(c), 3, 16, 16, device=c.device) if x is None else x.to(c.device)
    film = [x]
    for k in range(n):
        t = torch.full((len(c),), k / n, device=c.device)
        x = x + guided(velocity(painter, x, t, silent), velocity(painter, x, t, c), w) / n
        film.append(x)
    return film


# %%
painter, scores = painters["picture"], {}
for w in (0.0, 1.0, 2.0, 3.0, 4.0, 5.0):
    runtime.seed_all(13)
    x = ask(painter, asked, w)[-1].cpu()
    seen_words, misfit = shapes.read(x)
    right = (seen_words == asked).all(1).float()
    scores[w] = {
        "known": right[~new].mean().item(),
        "new": right[new].mean().item(),
        "clean": (misfit < shapes.CLEAN).float().mean().item(),
    }
    if w == 2.0:  # the same pictures, read against other people's requests
        others = asked[torch.randperm(len(asked))]
        shuffled_score = (seen_words == others).all(1).float().mean().item()

# %%
ax = plots.panel(
    size=(7, 3.4),
    alt="Against guidance: known requests rise from near 0 to 1 at "
    "w = 1. New ones rise more slowly. Clean pictures fall from 2 on, to few at 5.",
)
for name, color, style, at in (
    ("known", plots.DATA, "-", 0.35),
    ("new", plots.MODEL, "--", 0.3),
    ("clean", plots.OTHER, ":", 0.75),
):
    values = [score[name] for score in scores.values()]
    plots.line(list(scores), values, ax, name=name, at=at, color=color, linestyle=style, marker="o")
plots.label(ax, "what guidance buys, and what it costs", "guidance w", "share of pictures")
ax.set_ylim(-0.03, 1.1)
print(f"read against shuffled requests: {shuffled_score:.3f} (chance: 1/36 = {1 / 36:.3f})")

# %% [markdown]
# <details><summary>What happened</summary>
#
# At $w = 0$ nobody listens, and one request in 36 is met by accident. At 1 the painter obeys {{09.known.w1:.0%}} of the known requests and {{09.new.w1:.0%}} of the
# new ones (the middle of five runs; this number depends on luck, from run to run): in doubt it leans towards pictures it has seen. Louder words overrule that
# habit: {{09.new.w3:.0%}} at 3. It has learned what *green* and *triangle* mean, and not pictures by heart.
# The price: the picture leaves the region of pictures, colors overshoot, edges fray, and at 5 only {{09.clean.w5:.0%}} are clean.
# A reader that tells shape, color and place alone would not have noticed.
#
# </details>
#
# **Ask for something.** Write your own captions into the list: one shape, one color, one place; other words are ignored.

# %%
wishes = [
    "a green triangle, top left",
    "a blue circle at the bottom right",
    "an orange square, top right",
    "please: bottom left, blue, a square",
]
runtime.seed_all(14)
answer = ask(painter, torch.stack([shapes.parse(wish) for wish in wishes]), w=2.0)[-1].cpu()
for wish, label, m in zip(wishes, *shapes.read(answer), strict=True):
    verdict = "clean" if m < shapes.CLEAN else "not clean"
    print(f"{wish:<36} -> {shapes.caption(label):<30} {verdict}")
plots.pictures(answer, columns=4, size=1.5, alt="Four pictures, one for each caption.")
# %% [markdown]
# **Now turn the words yourself.** Compose a caption, and set the guidance. First row: the way of one picture from noise, $x_t$. Second row:
# where the arrow leads at each of these moments, $x_t + (1 - t)\, v$, the picture the walk *believes* in. Third row: six pictures for the same caption. The title says how many of the six obey and are clean.
# Watch the second row. With `guidance` 0, what does the walk believe at first, and when does it make up its mind? With 1, what is left to decide? Then ask for a green triangle, and find the guidance at which most of the six obey *and* are clean. It is a compromise.

# %%
noises = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(15))
MOMENTS = (0, 2, 4, 5, 6, 7, 8, 10)


@cache  # computed once for each setting
def answers(shape, color, place, guidance):
    """Six films for one caption, and how many of the pictures obey."""
    c = torch.tensor([[shape, color, place]]).repeat(6, 1)  # (6, 3)
    film = ask(painter, c, guidance, x=noises)
    return c, film, int(shapes.obeyed(film[-1].cpu(), c).sum())


# %%
def show_caption(ax, shape, color, place, guidance):
    """The way of one picture, what the network believes on the way, and six results."""
    c, film, obey = answers(shape, color, place, guidance)
    times = torch.tensor([k / 10 for k in MOMENTS], device=device)
    x = torch.cat([film[k][:1] for k in MOMENTS])  # (8, 3, 16, 16)
    words, silent = c[:1].to(device).expand(8, 3), torch.tensor(NOTHING, device=device).expand(8, 3)
    with torch.no_grad():
        v_silent = velocity(painter, x, times, silent)
        v = guided(v_silent, velocity(painter, x, times, words), guidance)
    belief = x + (1 - times)[:, None, None, None] * v  # where the arrow leads
    title = f"{shapes.caption(c[0])}; w = {guidance:g}: {obey} of 6 obey and are clean"
    plots.pictures(torch.cat([x, belief, film[-1]]).cpu(), ax, columns=8, title=title)


def describe_caption(shape, color, place, guidance):
    """The picture in words."""
    c, _, obey = answers(shape, color, place, guidance)
    return f"{shapes.caption(c[0])}, guidance {guidance:g}: {obey} of 6 obey and are clean."


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
# <details><summary>What to find with the sliders</summary>
#
# With guidance 0 the first belief is a ghost: the mean of all pictures, something in every corner. The walk makes up its mind on the way, and now and then it does not quite: two half pictures
# are left. With words, place and color are settled before the walk has begun; what chance still decides is where exactly, and how large. Edges come last, here as in large models: under much
# noise one sees only what many pixels agree on. A green triangle may begin as a blue one, which the painter knows, and turn green as the guidance insists.
#
# </details>

# %% [markdown]
# ## What DALL·E and latent diffusion add
#
# **Debug a claim.** The article explains VAEs and GANs, and then names DALL·E as an example of them; it expects that models "will" one
# day join text, pictures and sound, for worlds one can step into and for assistants that turn a sentence into a film. What it expects existed when it was written. The
# first DALL·E (Ramesh et al. 2021, *Zero-Shot Text-to-Image Generation*) *is* text to image, and its generator is neither VAE nor GAN: a discrete VAE only
# shortens the picture to 32×32 tokens, and an autoregressive Transformer with 12 billion parameters, the kind of lesson 08, writes these after the tokens of the
# caption. Its successor (Ramesh et al. 2022) and **latent diffusion** (Rombach et al. 2022) paint as you did, from noise. They add to your painter:
# in latent diffusion an autoencoder, so that the noise lives in a small latent picture (the successor starts from small pictures and enlarges them); a text encoder trained on whole sentences; attention between words and places;
# hundreds of millions of captioned pictures, with questions of consent that lesson 10 takes up; and readers that are networks, and err. (A diffusion paper that the article lists among the latest could not be found; the three named here can.)
#
# The recipe this suggests can be run: a *decoder*, with a caption as its input and no chance on the way, trained by the difference between what it makes and the real
# pictures. We need not train it: squared error learns the mean, and the mean of the pictures with a caption can be taken. **Predict.** What do six answers of this decoder to one caption look like, and what does it say to a caption nobody showed it? Then mend it: which line above makes six different pictures?


# %%
def decoder(c):
    """The best answer without chance: the mean of a caption's pictures. (3,) -> (3, 16, 16)"""
    return x_seen[(c_seen == c.to(device)).all(1)].mean(0).cpu()


def spread(x):
    """How much the six answers to each caption differ. (216, 3, 16, 16) -> float"""
    return x.view(6, 36, -1)[:, ~new[:36]].var(dim=0).mean().sqrt().item()


runtime.seed_all(19)
moves = runtime.rng(16).uniform(-0.75, 0.75, (216, 2))
sizes = runtime.rng(17).uniform(2.8, 3.6, 216)
answers_of = {
    "real": shapes.draw(asked, moves, sizes)[0],
    "decoder": torch.stack([decoder(c) for c in asked]),
    "painter": ask(painter, asked, w=1.0)[-1].cpu(),
}
differ = {name: spread(x) for name, x in answers_of.items()}
for name, value in differ.items():
    print(f"{name:<8} six answers to one caption differ by {value:.3f}")
print("to a green triangle the decoder says", decoder(shapes.parse(wishes[0]))[0, 0, 0].item())
plots.pictures(
    torch.cat([answers_of[name][3::36] for name in ("decoder", "painter")]),
    columns=12,
    alt="Left, the decoder: six times the same soft circle. Right, the painter: six "
    "circles that differ in place and size.",
)
# %% [markdown]
# <details><summary>What happened</summary>
#
# A caption does not determine a picture, so an answer without chance can only be the mean of all that fit: a soft blur, six times the same. To a caption nobody showed it, the mean of no pictures is *nan*.
# Chance, and the steps in which it is spent, make a generator of it: the mending is the noise that `ask` begins with. A model that joins words and pictures is a *conditional distribution*, $p(x \mid c)$, and must be judged on its variety too.
#
# </details>

# %% [markdown]
# ## What this run reached

# %%
inside = runtime.reached(
    {
        "09.moons.floor": distance["fresh moons"],
        "09.moons.ddpm": distance["DDPM, 100 steps"],
        "09.moons.still": distance["no fresh noise"],
        "09.moons.flow10": reached[10],
        "09.moons.flow30": reached[30],
        "09.moons.flow1": reached[1],
        "09.picture.clean": told["picture"]["clean"],
        "09.known.w1": scores[1.0]["known"],
        "09.known.w2": scores[2.0]["known"],
        "09.new.w1": scores[1.0]["new"],
        "09.new.w3": scores[3.0]["new"],
        "09.clean.w5": scores[5.0]["clean"],
        "09.shuffled": shuffled_score,
        "09.spread.real": differ["real"],
        "09.spread.painter": differ["painter"],
    }
)

# %% tags=["solved"]
assert inside
assert distance["DDPM, 100 steps"] < 0.03 and reached[10] < 0.03
assert reached[1] > 3 * reached[10]
assert told["velocity"]["clean"] < 0.1 and told["picture"]["clean"] > 0.9
assert scores[2.0]["known"] > 0.8 and shuffled_score < 0.15
assert scores[3.0]["new"] > scores[1.0]["new"] and scores[5.0]["clean"] < scores[1.0]["clean"]
assert differ["decoder"] < 1e-3 < 0.5 * differ["real"] < differ["painter"]

# %% [markdown]
# That was the core. The studio has four rooms; nothing later needs them. In a hurry?
# [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Room A · Art: a style is a crowd
#
# A photograph in the manner of another: what *is* a manner? Not what is where. The strokes, grains and colors, wherever they are. Gatys, Ecker & Bethge
# (2015, *A Neural Algorithm of Artistic Style*, Tübingen) made that a formula. They show both pictures to a classifier, take the features $f$ of a layer,
# $C$ channels at $H \cdot W$ places, and keep how strongly two channels respond *together*:
#
# $$ G_{cd} = \frac{1}{C\, H\, W} \sum_{h, w} f_{chw}\, f_{dhw} $$
#
# ### Exercise 9.1 · `gram`
# The **Gram matrix** of every picture in a batch. Do not subtract the mean first.


# %% tags=["studio", "exercise:9.1", "points:4", "minutes:6"]
def gram(f: Tensor) -> Tensor:
    """How strongly channels respond together, divided by C·H·W. (B, C, H, W) -> (B, C, C)"""
    # BEGIN SOLUTION
    _, C, H, W = f.shape
    flat = f.flatten(2)  # (B, C, H·W)
    return flat @ flat.transpose(1, 2) / (C * H * W)  # (B, C, C)
    # END SOLUTION


# %% tags=["studio", "check:9.1"]
gram = check("9.1", gram)

# %% [markdown] tags=["studio", "help:9.1"]
# Places are summed over, channels stay. Which axes does a matrix product sum over, and how must the features be laid out for it?
# ---
# Two channels, two places: $(1, 2)$ and $(3, -1)$. The products: $1 + 4 = 5$, $3 - 2 = 1$, $9 + 1 = 10$. Divided by $C \cdot H \cdot W = 2 \cdot 1 \cdot 2 = 4$:
# $G = \begin{pmatrix} 1.25 & 0.25 \\ 0.25 & 2.5 \end{pmatrix}$.
# ---
# `flatten(2)` lays all places in one row per channel; the product of this table with its own transpose sums over the places, picture by picture.

# %% [markdown] tags=["studio"]
# **Predict.** Two tests. First we shuffle the places of a feature map. Then we replace every value of a bell of
# variance 1 by its sign, which makes coins of $\pm 1$. Which of the two changes does a Gram loss notice? Which does *sorting* the values and comparing them rank by rank notice?

# %% tags=["studio", "nbval-check-output"]
runtime.seed_all(20)
f = torch.randn(1, 8, 32, 32)
shuffled = f.flatten(2)[:, :, torch.randperm(1024)].view_as(f)
coins = torch.sign(f)
for name, g in (("shuffled places", shuffled), ("coins for bells", coins)):
    by_gram = (gram(g) - gram(f)).abs().max().item() * 8  # without the 1/C
    by_rank = (g.flatten(2).sort(2).values - f.flatten(2).sort(2).values).abs().mean().item()
    print(f"{name}: noticed by Gram: {by_gram > 0.2}, by ranks: {by_rank > 0.2}")

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# Neither notices the places: that is what makes both a description of *style*. A Gram matrix only knows averages of products, so it takes coins for bells. Sorting compares whole distributions.
#
# </details>
#
# Gatys' features come from a trained network, VGG, half a gigabyte. Can we do without one? Describe a picture by the crowd of its **patches**, 7×7 pixels, and make
# two crowds equal. In one dimension the distance between two crowds of equal size is found by sorting: the average distance between equal ranks. Patches have $3 \cdot 49$ dimensions; so look at
# them through a random filter (one number per patch), sort, compare, and take another filter at each step. That is the **sliced Wasserstein distance**, on patches (Elnekave & Weiss 2022).
# We take it twice, at full size and at half, where a patch of seven pixels covers fourteen: fine grain, and larger strokes.


# %% tags=["studio"]
def sliced(x, y, n=32):
    """Distance of two crowds of 7x7 patches through n random filters. (1, 3, H, W) twice -> ()"""
    total = 0.0
    for _ in range(2):  # as they are, and at half the size: small strokes and large ones
        filters = torch.randn(n, 3, 7, 7)
        filters = filters / filters.flatten(1).norm(dim=1)[:, None, None, None]
        i, j = torch.randint(2, (2,)).tolist()  # every second patch, beginning here or there
        seen = [F.conv2d(p[:, :, i:, j:], filters, stride=2) for p in (x, y)]  # (1, n, H', W')
        ranked_x, ranked_y = (s.flatten(2).sort(dim=2).values for s in seen)  # (1, n, H' W')
        total = total + (ranked_x - ranked_y).abs().mean()
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return total


def repaint(content, style):
    """Every pixel gets the style's color of the same rank in brightness. (3, H, W) twice"""
    order, ranks = (p.mean(0).flatten().argsort() for p in (content, style))
    painted = torch.empty_like(content.flatten(1))
    painted[:, order] = style.flatten(1)[:, ranks]
    return painted.view_as(content)


# %% [markdown] tags=["studio"]
# The *pixels* are what is trained; there is no network. We begin with the content in the style's colors (`repaint` is a sorting, too),
# on a small picture, and go on with larger ones, so that large strokes come first. A second term keeps a blurred view of the picture near the
# content: it may do what it likes with detail, and must keep the plan.


# %% tags=["studio"]
def closer(name, size, zoom):
    """The middle of a photograph, `zoom` times as near. -> (3, size, size)"""
    photo = data.photo(name, round(size * zoom))
    edge = (photo.shape[1] - size) // 2
    return photo[:, edge : edge + size, edge : edge + size]


def blur(x):
    """The rough view. (1, 3, H, W) -> (1, 3, H, W)"""
    for _ in range(2):
        x = F.avg_pool2d(x, 5, stride=1, padding=2, count_include_pad=False)
    return x


def restyle(content, style, zoom, weight, steps, sizes=(64, 128)):
    """The photograph `content` in the manner of `style`. -> (1, 3, size, size) in [0, 1]"""
    x = None
    for size in sizes:
        y = closer(style, size, zoom)[None]  # (1, 3, size, size)
        plan = blur(repaint(data.photo(content, size), y[0])[None])
        x = plan if x is None else F.interpolate(x, size=(size, size), mode="bicubic")
        x = x.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([x], lr=0.02)
        fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=steps)
        for _ in range(steps):
            loss = sliced(x, y, 48) + weight * (blur(x) - plan).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            fade.step()
    return x.detach().clamp(0, 1)


# %% [markdown] tags=["studio"]
# **Predict.** A cat in petals, a temple in stained tissue, a cup in gravel. What will be left of the cat: its outline, its eyes, its fur?

# %% tags=["studio"]
PAIRS = [
    ("cat", "flower", 2.2, 0.7),
    ("china", "immunohistochemistry", 1.5, 0.7),
    ("coffee", "gravel", 1.3, 1.0),
]  # content, style, zoom into the style, weight
runtime.seed_all(21)
gallery, style_loss = {}, {}
for content, style, zoom, weight in progress.bar(PAIRS, "pictures"):
    x = restyle(content, style, zoom, weight, steps=runtime.budget(smoke=2, cpu=120))
    before, y = data.photo(content, 128)[None], closer(style, 128, zoom)[None]
    gallery[content] = torch.cat([before, y, x])  # (3, 3, 128, 128)
    style_loss[content] = [sliced(p, y, 256).item() for p in (before, x)]
    print(
        f"{content} in {style}: style loss {style_loss[content][0]:.3f} -> "
        f"{style_loss[content][1]:.3f}"
    )
falls = min(before / after for before, after in style_loss.values())
plots.pictures(
    2 * torch.cat(list(gallery.values())) - 1,
    columns=3,
    size=2.2,
    alt="Three rows: content, style, result. A cat in the oranges of a dahlia, a "
    "temple in brown tissue under a pale sky, a cup made of gravel.",
)
# %% [markdown] tags=["studio"]
# (Photographs: see `card("photographs")` in `course_utils.data`; *temple* by danielbuechele, *dahlia* by vultilion, both CC BY, version 2.0.) The eyes stay: they
# are in the plan. The fur is gone: it was texture, and texture is what was replaced. And no petal has become an ear: patches of seven pixels know
# how a petal's edge looks, not what a petal is.
#
# **How much of each?** The weight of the content, from nothing to a lot. Find the one at which a friend would recognize *both* pictures.

# %% tags=["studio"]
WEIGHTS = (0, 0.3, 1, 2, 5)
runtime.seed_all(22)
n = runtime.budget(smoke=2, cpu=80)
mixtures = [restyle("coffee", "brick", 1.3, weight, n) for weight in WEIGHTS]
titles = ", ".join(f"{weight:g}" for weight in WEIGHTS)
plots.pictures(
    2 * torch.cat(mixtures) - 1,
    columns=5,
    size=2.1,
    title=f"content weight {titles}, from left to right",
    alt="A cup drawn in bricks, five times, with more and more of the cup.",
)

# %% [markdown] tags=["studio"]
# **Debug a claim.** The article's list of papers says of the style transfer paper that it comes from DeepMind and that it works with GANs; in another place it names a third author who did not write it. Read what you wrote in Exercise 9.1
# and above, and *find the GAN*. There is no second player: nothing is trained to tell real from fake, and no generator is left over
# when the picture is done. DeepArt, a service the article names beside DALL·E, did the same, as secondary pages say, until about 2022: one optimization per picture. To see that the difference matters, here is style transfer as
# claimed: the pixels against a patch critic, trained in turns, as many steps as ours.
#
# **Predict.** Better, equal or worse? The mend is in the same cell, behind `mended`: `sliced` in place of the critic's judgment. Mark the lines it no longer needs, take them out, and the first entry of the loop with them: the second number stays.


# %% tags=["studio"]
def claimed(content, style, steps, mended=False):
    """The claim rebuilt: the pixels are the generator, a small network judges 7x7 patches."""
    y = data.photo(style, 64)[None]
    x = repaint(data.photo(content, 64), y[0])[None].clone().requires_grad_()
    critic = nn.Sequential(nn.Conv2d(3, 32, 7), nn.LeakyReLU(0.2), nn.Conv2d(32, 1, 1))
    painter = torch.optim.Adam([x], lr=0.02)
    judge = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.99))
    for _ in range(steps):
        if not mended:
            lies = F.softplus(-critic(y)).mean() + F.softplus(critic(x.detach())).mean()
            judge.zero_grad()
            lies.backward()
            judge.step()
        loss = sliced(x, y) if mended else F.softplus(-critic(x)).mean()
        painter.zero_grad()
        loss.backward()
        painter.step()
    return x.detach().clamp(0, 1)


duel = {}
for name, mended in (("as claimed, a GAN", False), ("mended, sorting", True)):
    runtime.seed_all(23)
    x = claimed("cat", "gravel", runtime.budget(smoke=3, cpu=150), mended)
    duel[name] = sliced(x, data.photo("gravel", 64)[None], 256).item()
    print(f"{name:<18} style loss {duel[name]:.4f}")

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# The duel leaves many times the style loss: the critic runs after a picture that runs away from it. Where two crowds can be compared *directly*, there is no need to train a judge.
#
# </details>
#
# **With a network, online.** With a trained VGG the features know eyes and windows, not only grain. Set `ONLINE` to `True` to download it once (about 550 MB, checked by its hash). The style loss compares your Gram matrices.

# %% tags=["studio"]
ONLINE = False


def neural_style(network, content, style, steps=200, weight=1e3):
    """Match Gram matrices of five layers, and the content of one. (1, 3, H, W) each"""
    with torch.no_grad():
        wanted = [gram(f) for f in network(style)[0]]
        plan = network(content)[1]
    x = content.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=0.02)
    for _ in range(steps):
        layers, view = network(x)
        manner = sum(F.mse_loss(gram(f), g) / g.norm() for f, g in zip(layers, wanted, strict=True))
        loss = F.mse_loss(view, plan) / plan.var() + weight * manner
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
# ### Room B · Games: maps one can walk
#
# A picture that is a little off is still a picture. A game map that is a little off cannot be played. "Generated under constraints" is a
# promise that no generator of this course keeps by itself, so: **generate, check, repair, and count how often each was needed.**
#
# A level is a table of whole numbers: 0 wall, 1 floor, 2 start, 3 exit, 4 chest. One walks up, down, left and right, over everything but walls.

# %% tags=["studio"]
levels = dungeons.sample(1500, runtime.rng(30))  # (1500, 12, 12)
ways = [f"{len(dungeons.shortest_path(level)) - 1} steps" for level in levels[:6]]
dungeons.show(levels[:6], ways, alt="Six maps: rooms, corridors, a start, an exit, chests.")

# %% [markdown] tags=["studio"]
# ### Exercise 9.5 · `is_solvable`
# Is there a way from the start to an exit? A map without a start or without an exit cannot be solved. Maps may be large and winding, and need not be square.
# (`deque` is a list from whose front you can take quickly, with `popleft()`.)


# %% tags=["studio", "exercise:9.5", "points:5", "minutes:12"]
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


# %% tags=["studio", "check:9.5"]
is_solvable = check("9.5", is_solvable)

# %% [markdown] tags=["studio", "help:9.5"]
# Pour water in at the start. Where does it go in one second? And in the next? How do you make sure that it does not flow to the same tile for ever?
# ---
# Start, wall, exit in a row, and a floor of three tiles below: water reaches the tile below the start, then the next, then the one below the exit, then the exit. Solvable, in four steps. Without the middle
# floor tile it stops after one.
# ---
# A queue of places to visit and a set of places seen: a breadth-first search. It needs no recursion, which Python would break off after some thousand steps. The test of the rims comes before the look at the tile, for index $-1$ would be the other side.

# %% [markdown] tags=["studio"]
# The generator is the VAE of lesson 04, with five logits per tile in place of one per pixel. Beside it, as a baseline, every tile drawn by itself with the frequency it has in training at its place.
#
# A map is *playable* if it has one start and one exit, and a way between them.
#
# **Predict.** All training maps are playable. What share of the VAE's maps? And of the baseline's?

# %% tags=["studio"]
map_encoder = nn.Sequential(nn.Linear(720, 256), nn.SiLU(), nn.Linear(256, 2 * 24))
map_decoder = nn.Sequential(nn.Linear(24, 256), nn.SiLU(), nn.Linear(256, 720))
x_maps = F.one_hot(levels, 5).float().flatten(1)  # (1500, 720)


def map_loss(pair):
    """Minus the ELBO of a batch of maps: surprise at every tile, plus the price of the code."""
    rows = torch.randint(len(levels), (128,))
    mu, logvar = pair[0](x_maps[rows]).chunk(2, dim=1)  # (B, 24) each
    logits = pair[1](mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)).view(-1, 144, 5)
    # cross_entropy wants the kinds second: (B, 5, 144)
    surprise = F.cross_entropy(logits.transpose(1, 2), levels[rows].flatten(1), reduction="none")
    price = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar)  # (B, 24)
    return (surprise.sum(1) + price.sum(1)).mean()


train(nn.ModuleList([map_encoder, map_decoder]), map_loss, runtime.budget(smoke=20, cpu=1000), 31)
with torch.no_grad():
    chances = F.softmax(map_decoder(torch.randn(500, 24)).view(500, 12, 12, 5), dim=-1)
frequency = x_maps.mean(0).view(144, 5).expand(500, -1, -1)  # (500, 144, 5)
made = {
    "each tile by itself": torch.multinomial(frequency.reshape(-1, 5), 1).view(500, 12, 12),
    "VAE, tiles drawn": torch.multinomial(chances.reshape(-1, 5), 1).view(500, 12, 12),
    "VAE, likeliest tile": chances.argmax(-1),
}


def playable(level):
    """Exactly one start, exactly one exit, and a way between them. (12, 12) -> bool"""
    one_each = (level == 2).sum() == 1 and (level == 3).sum() == 1
    return bool(one_each) and is_solvable(level)


solved = {name: sum(map(playable, maps)) / 500 for name, maps in made.items()}
for name, share in solved.items():
    print(f"{name:<20} playable {100 * share:5.1f} %")

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# The VAE's {{09.maps.drawn:.1%}} are above the baseline's {{09.maps.alone:.1%}}, and far below the promise. It learned what rooms look like; that there is *one* start, and that *all tiles together* allow a way,
# are facts about the whole map, and no tile is to blame when they fail. The likeliest tiles make nice rooms, and next to no start: hardly anywhere is a start likelier than a floor.
# Training only on maps that keep a rule does not teach the rule.
#
# </details>
#
# So repair. First, exactly one start and one exit, where the model itself finds them likeliest. Then the way that digs through the fewest walls: a search in which floor costs nothing and a wall costs one. Floor goes to the front of the queue, walls to its end.


# %% tags=["studio"]
def settle(level, chance):
    """Exactly one start and one exit, at the likeliest places. (12, 12), (12, 12, 5) -> (12, 12)"""
    level = torch.where((level == 2) | (level == 3), 1, level)
    start = chance[..., 2].argmax()
    exits = chance[..., 3].flatten().clone()
    exits[start] = -1  # not where the start is
    level.view(-1)[start], level.view(-1)[exits.argmax()] = 2, 3
    return level


def dig(level):
    """Free a way from start to exit through as few walls as possible. (12, 12) -> (12, 12)"""
    tiles, goal = level.tolist(), tuple((level == 3).nonzero()[0].tolist())
    start = tuple((level == 2).nonzero()[0].tolist())
    cost, came_from, queue = {start: 0}, {}, deque([start])
    while queue:
        here = queue.popleft()
        for r, c in dungeons.neighbors(here, level.shape):
            wall = tiles[r][c] == 0
            if cost[here] + wall < cost.get((r, c), math.inf):
                cost[r, c], came_from[r, c] = cost[here] + wall, here
                if wall:
                    queue.append((r, c))
                else:  # free: goes to the front
                    queue.appendleft((r, c))
    level, here = level.clone(), goal
    while here != start:
        here = came_from[here]
        level[here] = 1 if level[here] == 0 else level[here]
    return level


# %% tags=["studio"]
raw = made["VAE, tiles drawn"]
settled = [settle(level, chance) for level, chance in zip(raw, chances, strict=True)]
mended = torch.stack([dig(level) for level in settled])
changed = (mended != raw).flatten(1).sum(1).float()
known = {tuple(level) for level in levels.flatten(1).tolist()}
copies = sum(tuple(level) in known for level in mended.flatten(1).tolist()) / 500
solved["repaired"] = sum(map(playable, mended)) / 500
print(
    f"repaired: playable {100 * solved['repaired']:.0f} %, {changed.mean():.1f} tiles changed "
    f"on average, copies of training maps {100 * copies:.1f} %"
)
verdicts = ["playable" if playable(level) else "not playable" for level in raw[:6]]
differs = (raw[:6] != mended[:6]).cpu()  # (6, H, W)
marks = [[tuple(place) for place in level.nonzero().tolist()] for level in differs]
dungeons.show(
    [*raw[:6], *mended[:6]],
    verdicts + 6 * ["repaired"],
    marked=6 * [[]] + marks,
    alt="Above: six generated maps, most not playable. Below: the same maps repaired; "
    "frames mark the tiles that were changed.",
)

# %% [markdown] tags=["studio"]
# **Walk.** Pick a map, and walk its shortest way.

# %% tags=["studio"]
explorables.walk(mended[:20])

# %% [markdown] tags=["studio"]
# ### Room C · Digits: the same two losses
#
# Nothing in `noise_loss` and `flow_loss` knows that a moon has two coordinates. Hand them the small digits of lesson 04 instead, 64 numbers from $-1$ (paper)
# to 1 (ink), and a network with the time in it.


# %% tags=["studio"]
class DigitField(nn.Module):
    """An arrow for every drowned digit and time: (B, 64), (B,) -> (B, 64)."""

    def __init__(self, hidden=256):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64 + 16, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 64),
        )

    def forward(self, x, t):
        return self.layers(torch.cat([x, clock(t)], dim=1))  # 64 pixels and 16 of the clock


x_digits = 2 * data.digits8().x_train.flatten(1) - 1  # (1000, 64) in [-1, 1]


def engine(loss):
    """A field for small digits, trained by this loss."""
    steps = runtime.budget(smoke=20, cpu=1000)
    return train(DigitField(), lambda model: loss(model, x_digits), steps, seed=32, lr=4e-3)


engines = {"DDPM": engine(noise_loss), "flow": engine(flow_loss)}

# %% [markdown] tags=["studio"]
# **Predict.** For one digit DDPM calls its network a hundred times, the flow ten times, the VAE of lesson 04 once. Its Fréchet
# distance (FD) from real digits was {{04.vae.fd:.2f}} over 1,000 samples; here we take 2,000, which lowers an FD a little. Who
# comes nearer, DDPM or the flow, and does either beat the VAE?

# %% tags=["studio"]
runtime.seed_all(33)
drawn = {
    "real": x_digits,
    "DDPM, 100 steps": ddpm(engines["DDPM"], 2000, D=64)[-1],
    "flow, 10 steps": euler(engines["flow"], torch.randn(2000, 64), 10),
}  # (N, 64) each
digit_fd = {name: metrics.frechet_digits8((x > 0).float()) for name, x in drawn.items()}
twenty = {name: ((x[:20] + 1) / 2).clamp(0, 1) for name, x in drawn.items()}  # (20, 64) each
plots.rows(
    {f"{name}, FD {digit_fd[name]:.2f}": x for name, x in twenty.items()},
    alt="Three rows of twenty small digits: real ones, those of DDPM, those of the flow. "
    "Most of the generated ones can be read.",
)

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# DDPM comes a little nearer than the flow, {{09.digits.ddpm:.2f}} and {{09.digits.flow:.2f}}, at ten times the price; neither leaves the VAE behind, which calls its network once.
# (FD looks at black and white: lesson 04 tossed a coin for each pixel, here we cut at the middle gray.) The leap that is hard to learn for large pictures is not hard
# with 64 pixels. In the figure: most digits can be read, now and then one is two digits at once, and where real paper is blank theirs has a light haze, for a guessed
# $-1$ is never quite $-1$.
#
# </details>

# %% [markdown] tags=["studio"]
# ### Room D · Build: a painter from an empty page
#
# Write a function that gets captioned pictures and an allowance in seconds of computing, and returns a function `paint(captions)`. The bar: seven of ten pictures are *clean and* show shape, color and place as asked, after at most
# sixty seconds of computing (`time.process_time`; keeping to `seconds` is up to you). Any network, any family: flow, diffusion, even a GAN. (Ten seconds can be enough.) What is above may be used.
#
# ### Exercise 9.6 · `train_painter`
# The check trains it on 4,000 pictures and asks for every caption three times. Its pictures are turned, with other colors, and its
# captions use other numbers for the words, so only what you are given can teach what they mean. What is painted must be as near to
# pictures that were held out as to those of the training: no copies, whether noisy, moved, mirrored, colored anew or averaged. It must
# differ from call to call, and by more than noise over the same picture.


# %% tags=["studio", "exercise:9.6", "points:8", "minutes:30"]
def train_painter(pictures, captions, seconds):
    """Learn to paint from captions. (N, 3, 16, 16) in [-1, 1], (N, 3), seconds allowed

    -> paint: captions (B, 3) -> pictures (B, 3, 16, 16) in about [-1, 1], on the CPU
    """
    # BEGIN SOLUTION
    painter, begin = Painter(), time.process_time()
    optimizer = torch.optim.AdamW(painter.parameters(), lr=2e-3)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=500, pct_start=0.1)
    for _ in range(500):
        if time.process_time() - begin > seconds:
            break
        rows = torch.randint(len(pictures), (128,))
        x1, t = pictures[rows], torch.rand(128)
        x_t, v = flow_target(torch.randn_like(x1), x1, t)
        loss = F.mse_loss(velocity(painter, x_t, t, captions[rows]), v)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pace.step()

    @torch.no_grad()
    def paint(c):
        x = torch.randn(len(c), 3, 16, 16)
        for k in range(10):
            x = x + velocity(painter, x, torch.full((len(c),), k / 10), c) / 10
        return x

    return paint
    # END SOLUTION


# %% tags=["studio", "check:9.6"]
train_painter = check("9.6", train_painter)

# %% [markdown] tags=["studio", "help:9.6"]
# Which four things does a flow painter need: a network that takes which three inputs, a target, a loss, and a walk? What does it say, the picture or the velocity?
# ---
# 256 hidden units, three blocks, minibatches of 128, AdamW with a step size of $0.002$ that rises and falls, 500 steps: some four seconds. After 100 steps color and place are right, and the shapes are blobs.
# ---
# It is the painter of the core without guidance: as every caption is in the training set, plain $w = 1$ is enough. The allowance is looked at in every step, so a slow machine stops in time.

# %% tags=["studio"]
runtime.seed_all(40)
paint_it = train_painter(pictures, labels, seconds=runtime.budget(smoke=1, cpu=30))
built = shapes.obeyed(paint_it(asked), asked).float().mean().item()
print(f"captions obeyed by what you built: {built:.2f}")
also_inside = runtime.reached(
    {
        "09.style.falls": falls,
        "09.style.gan": duel["as claimed, a GAN"],
        "09.style.mended": duel["mended, sorting"],
        "09.maps.alone": solved["each tile by itself"],
        "09.maps.drawn": solved["VAE, tiles drawn"],
        "09.maps.repaired": solved["repaired"],
        "09.maps.changed": changed.mean().item(),
        "09.digits.ddpm": digit_fd["DDPM, 100 steps"],
        "09.digits.flow": digit_fd["flow, 10 steps"],
        "09.build": built,
    }
)

# %% tags=["studio", "solved"]
assert also_inside
assert falls >= 4 and duel["as claimed, a GAN"] > 2 * duel["mended, sorting"]
assert solved["repaired"] == 1 and solved["each tile by itself"] < solved["VAE, tiles drawn"] < 1
assert max(digit_fd.values()) < 2.5
assert built >= 0.7

# %% [markdown]
# ## Where we are now
#
# You can
# - drown data in one jump, and train a network to guess the noise;
# - sample by walking back, and say what the fresh noise on the way is for;
# - match a flow, and say why paths that are straight in pairs still need a few steps;
# - paint from a caption, turn up the guidance, and say what it buys and costs, in numbers that a reader gives.
#
# **Read on.**
# Ho, Jain & Abbeel 2020, *Denoising Diffusion Probabilistic Models*: the sampler you ran, at full size.
# Lipman et al. 2023, *Flow Matching for Generative Modeling*: straight paths.
# Rombach et al. 2022, *High-Resolution Image Synthesis with Latent Diffusion Models*: the same, in a code.
#
# **Next.** A picture that is off is a nuisance. Lesson 10 asks what happens where it is more: patients, molecules, and samples that must not leave your hands.
