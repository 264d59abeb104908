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
# - *derive* the best discriminator, and say what is left for the generator to make small;
# - write the *losses* of both players, and tell the one that goes deaf from the one that does not;
# - *detach*: let each player's gradient reach nobody but that player;
# - *notice* a collapse, by counting modes and by precision and recall;
# - train a GAN on digits, and set it honestly beside a VAE at equal cost.
#
# The studio adds the theory line by line, two objectives the wrong way round, a loss that goes deaf, a critic that may not be steep, and a room to build in.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import copy
import itertools
import math
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import check, data, metrics, plots, progress, runtime
from course_utils.lesson06 import drawing, explorables

device = runtime.setup(seed=0)

# %% [markdown]
# ## A forger and an inspector
#
# To train a VAE we needed $p(x \mid z)$, a probability for every picture. The coins on its pixels made that possible, and they
# are also why its digits are soft. Suppose we give up on probabilities. We only want a network that turns noise into
# pictures. Which number should it make small? Not a distance to a partner: a new picture has none, and lesson 02 showed
# that it then learns the mean.
#
# The idea of Goodfellow et al. (2014) is to *train* the loss. A **generator** $G$, the forger, turns noise $z$ into $G(z)$.
# A **discriminator** $D$, the inspector, looks at one thing at a time and says how probable it is that it is real. Two
# networks, one game: a **generative adversarial network**, GAN.

# %%
ax = plots.panel(
    size=(9.5, 2.5),
    alt="Noise z goes into G, which makes G(z). Real data x and G(z) "
    "go into D, which says real or forged. Dashed: both learn from D's answer.",
)
drawing.two_players(ax)

# %% [markdown]
# What the inspector wants is one number, the **value** of the game:
#
# $$ V(D, G) = \mathbb E_{x \sim \text{data}} \log D(x) + \mathbb E_{z} \log\big(1 - D(G(z))\big),
#    \qquad \min_G \max_D V(D, G) $$
#
# It is the log-likelihood of a classifier of two kinds, real and forged: lesson 02's surprise with the sign turned. $D$
# makes it large. $G$, who appears only in the second half, makes it small.
#
# ### Exercise 6.1 · `d_loss`
# Optimizers make things small, so the discriminator's loss is $-V$. In formulas $D(x)$ is a probability. In code a network
# returns its logit, as in Exercise 2.5: `real` are the logits of a batch of real things, `fake` those of a batch of forged ones. Each half is an average over
# *its own* batch.


# %% tags=["exercise:6.1", "points:3", "minutes:7", "export"]
def d_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss, minus the value of the game.

    Logits, (B, ...) and (M, ...) -> one number, in nats
    """
    # BEGIN SOLUTION
    return F.softplus(-real).mean() + F.softplus(fake).mean()
    # END SOLUTION


# %% tags=["check:6.1"]
d_loss = check("6.1", d_loss)

# %% [markdown] tags=["help:6.1"]
# What is the surprise of "real" for a logit $d$, if the probability is $\sigma(d)$? And of "forged"? Lesson 02 has both in one
# function.
# ---
# One real thing with logit $0$ ($D = \tfrac12$) and one forged with logit $\log 3 = 1.0986$ ($D = \tfrac34$): the surprises are
# $\log 2 = 0.693$ and $-\log\tfrac14 = 1.386$. The loss is $2.079$.
# ---
# $-\log\sigma(d) = \log(1 + e^{-d})$ is `softplus(-d)`, and $-\log(1 - \sigma(d))$ is `softplus(d)`. Written so, nothing
# overflows and no gradient is lost. `binary_cross_entropy_with_logits` against ones and against zeros gives the same.

# %% [markdown]
# **The best inspector.** Let the forger stand still for a moment, and let $p(x)$ be the density of the data, $q(x)$ that of
# the forgeries. At each $x$ by itself, $D$ wants to make $p \log D + q \log(1 - D)$ large. The derivative $p/D - q/(1 - D)$
# is zero at
#
# $$ D^*(x) = \frac{p(x)}{p(x) + q(x)} $$
#
# That is Bayes' rule, with real and forged equally frequent. A toy where both are known: data in two humps, a forger with
# one broad bell. A trained inspector should find $D^*$ without ever seeing $p$ or $q$, from samples alone.
#
# **Predict.** What will the inspector say where both are equally dense? What in the gap between the humps? And what at both
# ends, $x = \pm 4$, where it has hardly seen anything?


# %% tags=["export"]
def mlp(inputs, hidden, outputs):
    """A network with two hidden layers. (B, inputs) -> (B, outputs)"""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )


class Player(nn.Module):
    """A network, and the optimizer that moves it and nobody else."""

    def __init__(self, net, lr=1e-3, beta1=0.5):
        super().__init__()
        self.net = net
        self.optimizer = torch.optim.Adam(net.parameters(), lr, betas=(beta1, 0.99), fused=True)

    def forward(self, x):
        return self.net(x)

    def move(self, loss):
        """One step of this player alone, against `loss`: forget, find, step."""
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


# %%
width = 0.05
grid = torch.arange(-4, 4 + width / 2, width)[:, None]  # (161, 1) boxes


def bell(x, mu, sigma):
    """Density of N(mu, sigma²)."""
    return torch.exp(-0.5 * ((x - mu) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))


def draw_data(n):
    """Points from two humps, at -2 and 2. -> (n, 1)"""
    return (4 * torch.randint(2, (n, 1)) - 2 + 0.3 * torch.randn(n, 1)).to(device)


def js(p, q):
    """Jensen-Shannon divergence of two densities on the grid, in nats, up to log 2."""
    middle = ((p + q) / 2).clamp(min=1e-30)
    halves = [torch.xlogy(a, a / middle).sum() * width for a in (p, q)]  # KL to the middle
    return (sum(halves) / 2).item()


p = (bell(grid, -2, 0.3) + bell(grid, 2, 0.3)) / 2  # (161, 1)
q = bell(grid, 0, 1)  # (161, 1) a forger who stands still

runtime.seed_all(1)
D = Player(mlp(1, 64, 1), lr=3e-3).to(device)
for _ in progress.bar(range(runtime.budget(smoke=50, cpu=1000)), "moves"):
    D.move(d_loss(D(draw_data(256)), D(torch.randn(256, 1).to(device))))
with torch.no_grad():
    said, best = torch.sigmoid(D(grid.to(device))).cpu(), p / (p + q)  # (161, 1) each

# %%
alt = (
    "Left: two humps of data, a broad bell. Right: D near 1 on "
    "the humps, near 0 between, like the best one; not so far out."
)
fig, axes = plots.figure(1, 2, size=(11, 3), alt=alt)
plots.line(grid, p, axes[0], color=plots.DATA, name="data p", at=0.28)
plots.line(grid, q, axes[0], color=plots.MODEL, linestyle="--", name="forger q", at=0.46)
plots.label(axes[0], "Two densities", "x", "density")
axes[1].plot(grid, said, color=plots.MUTED, label="D, trained")
axes[1].plot(grid, best, "--", color=plots.OTHER, label="best, p/(p + q)")
axes[1].legend(loc="center")
plots.label(axes[1], "What the inspector says", "x", "probability of real")
# %% [markdown]
# <details><summary>What happened</summary>
#
# Where the curves on the left cross it says one half: no evidence either way. In the gap it says 0, on the humps nearly
# 1. At the ends the best one says 0, as the broad bell reaches further. The trained one says whatever its bends happen to
# say: hardly a point lands there to correct it. Keep that in mind.
#
# </details>
#
# What does the forger gain by moving? Put $D^*$ back into $V$ and sort the logarithms:
#
# $$ V(D^*, G) = -\log 4 + 2\, \mathrm{JS}(p, q), \qquad
#    \mathrm{JS}(p, q) = \tfrac12 D_{\mathrm{KL}}\big(p \,\|\, \tfrac{p+q}{2}\big) + \tfrac12 D_{\mathrm{KL}}\big(q \,\|\, \tfrac{p+q}{2}\big) $$
#
# The **Jensen-Shannon divergence** is zero for equal densities and never above $\log 2$. So against a perfect inspector, the
# forger's way to win is to *become the data*. (Studio room A goes line by line.) A check with boxes:

# %% tags=["nbval-check-output"]
value = ((p * torch.log(best) + q * torch.log1p(-best)).nan_to_num().sum() * width).item()
print(f"V with the best D, by boxes: {value:.4f}   -log 4 + 2 JS: {2 * js(p, q) - math.log(4):.4f}")
print(f"if q were p: {-math.log(4):.4f}, and D would say one half everywhere")

# %% [markdown]
# ## A loss that goes deaf
#
# The game tells the generator to make $\log(1 - D(G(z)))$ small. Early on its forgeries are poor, and the inspector is sure
# of itself: a logit of $-5$, that is $D = 0.0067$. One could also ask for $-\log D(G(z))$ to be small. Both want the same,
# a larger $D$.
#
# **Predict.** How hard does each of the two losses pull on the logit $-5$? (The slope, between 0 and 1.)

# %% tags=["nbval-check-output"]
for name, loss_of in [
    ("log(1 - D)", lambda d: -F.softplus(d)),
    ("-log D", lambda d: F.softplus(-d)),
]:
    logit = torch.tensor([-5.0, 0.0, 5.0], requires_grad=True)
    (slopes,) = torch.autograd.grad(loss_of(logit).sum(), logit)
    told = ", ".join(f"{s:.4f}" for s in slopes.abs())
    print(f"{name:<11} pull at D = .0067, .5, .9933: {told}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# The pull of the first is $D$ itself, that of the second is $1 - D$. Where the forger is worst, and has most to learn, the
# first is nearly silent: it **saturates**. The second is loud there, and falls silent only once the inspector is fooled.
#
# </details>
#
# So the players play slightly different games, and the JS above belongs to the first. The second is called
# **non-saturating** (Goodfellow et al. 2014, section 3), and it is what nearly everybody means by a GAN's generator loss.
#
# ### Exercise 6.2 · `g_loss`
# The non-saturating one, averaged over the batch of forged logits.


# %% tags=["exercise:6.2", "points:2", "minutes:4", "export"]
def g_loss(fake: Tensor) -> Tensor:
    """The generator's non-saturating loss, the mean of -log D(G(z)).

    Logits (B, ...) -> one number, in nats
    """
    # BEGIN SOLUTION
    return F.softplus(-fake).mean()
    # END SOLUTION


# %% tags=["check:6.2"]
g_loss = check("6.2", g_loss)

# %% [markdown] tags=["help:6.2"]
# Which answer of the inspector would be the best news for the forger? What is the surprise of that answer?
# ---
# Logits $0$ and $-\log 3$, so $D = \tfrac12$ and $\tfrac14$: $\log 2 = 0.693$ and $\log 4 = 1.386$, on average $1.040$. The
# slopes, before averaging, are $-\tfrac12$ and $-\tfrac34$: the worse forgery pulls harder.
# ---
# $-\log\sigma(d) = $ `softplus(-d)`: the surprise of "real" at a forgery. It is the discriminator's loss with the label
# turned, and not its negative.

# %% [markdown]
# ## Whose gradient is it?
#
# The players take turns. $D$ moves on a batch of data and a batch of forgeries, then $G$ moves on fresh noise. But $D$'s
# loss contains $G(z)$, and `backward()` does not know whose turn it is.
#
# **Predict.** We call `backward()` on the *discriminator's* loss and look into the *generator's* `.grad`. Is there nothing,
# something unrelated, or something you know? (The second row compares it with what the generator itself wants.)

# %%
runtime.seed_all(2)
G, D = Player(mlp(2, 64, 2)).to(device), Player(mlp(2, 64, 1)).to(device)
x, z = torch.randn(256, 2).to(device) + 1, torch.randn(256, 2).to(device)


def slopes_of_G(loss):
    """What backward() leaves with the generator. -> one long vector, or None"""
    G.zero_grad()
    loss.backward()
    left = [w.grad.flatten() for w in G.parameters() if w.grad is not None]
    return torch.cat(left) if left else None


leaked, wanted = slopes_of_G(d_loss(D(x), D(G(z)))), slopes_of_G(g_loss(D(G(z))))
cosine = F.cosine_similarity(leaked, wanted, dim=0).item()
print(f"left in G by D's loss: a vector of length {leaked.norm():.4f}")
print(f"its cosine with what G wants: {cosine:.4f}")
kept_out = slopes_of_G(d_loss(D(x), D(G(z).detach())))
print("with detach:", "nothing" if kept_out is None else "something")

# %% [markdown]
# <details><summary>What happened</summary>
#
# It is the exact opposite of what the generator wants. Were it left there and added to, or the two losses summed, the two
# pulls would cancel and the generator stand still. (At the start, that is, when $D$ says one half to everything; later they
# no longer match exactly, which is no better.) And the way back through $G$ was computed for nothing.
#
# </details>
#
# `G(z).detach()` has the same values and no record: for the inspector's move, a forgery is a thing and not a process. Keras
# programs say it otherwise: they compile $D$, *freeze* it, and put it behind $G$ in a "combined model" for the generator's
# step. The article's project does that, with binary cross-entropy and Adam, and then never trains $D$ at all: its forger
# fools an inspector who has seen nothing. Here each player has its own optimizer, and `detach` does the rest.
#
# ### Exercise 6.3 · `train_step`
# One round of the game. First $D$ moves, on `x` and on forgeries made from `z1`, and nothing of $G$ changes, not even its
# `.grad`. Then $G$ moves, on *new* forgeries made from `z2`, judged by the inspector that has moved. Both are `Player`s: use
# `.move(loss)`, or write its three lines out. Return the two losses, each as it was right before its own move.


# %% tags=["exercise:6.3", "points:5", "minutes:10", "export"]
def train_step(G, D, x: Tensor, z1: Tensor, z2: Tensor) -> tuple[float, float]:
    """One round: D moves on x (B, ...) and G(z1), then G moves on z2 (B, Z). -> D's, G's loss"""
    # BEGIN SOLUTION
    loss_d = d_loss(D(x), D(G(z1).detach()))
    D.move(loss_d)
    loss_g = g_loss(D(G(z2)))
    G.move(loss_g)
    return loss_d.item(), loss_g.item()
    # END SOLUTION


# %% tags=["check:6.3"]
train_step = check("6.3", train_step)

# %% [markdown] tags=["help:6.3"]
# Which values does each loss need, and from which weights? Where would a gradient take a wrong turn, and what stops it there?
# ---
# Say the record of $G(z_1)$ were used twice, for both losses. The first `backward()` uses it up, and the second complains.
# Were it kept, $D$'s weights have changed in between, and PyTorch complains again: a record knows which values it was made
# with. So $G$ forges anew.
# ---
# $D$'s loss sees forgeries without a history. $G$'s loss is computed after $D$ has moved, from fresh noise, with its
# history. It passes through $D$ and leaves slopes there too, which $D$'s next `zero_grad` sweeps away.

# %% [markdown]
# ## A duel on a line
#
# Now let them play, where everything can be seen. The forger bends noise: its first number, the *plan*
# $z_1 \sim \mathcal N(0, 1)$, becomes a place $g(z_1)$ on the line. We add a little noise of width $0.15$, so that its
# density can be written down: a bell around every place, averaged, $q(x) = \mathbb E_{z_1} \mathcal N(x;\, g(z_1),\, 0.15^2)$.


# %%
class Bender(nn.Module):
    """The forger on a line: a place from a plan, and a little noise. z (B, 2) -> (B, 1)"""

    def __init__(self, hidden=32):
        super().__init__()
        self.bend = mlp(1, hidden, 1)

    def g(self, plan):
        """Where a plan lands: on a broad bell at first, then bent. (B, 1) -> (B, 1)"""
        return 1.5 * plan + self.bend(plan)

    def forward(self, z):
        return self.g(z[:, :1]) + 0.15 * z[:, 1:]  # (B, 1)


plans = torch.special.ndtri((torch.arange(400) + 0.5) / 400)[:, None]  # (400, 1) evenly likely


@torch.no_grad()
def look(G, D):
    """Density q and D(x) on the grid, and where the plans land. -> (161,), (161,), (400,)"""
    places = G.net.g(plans.to(device)).cpu()  # (400, 1)
    q = bell(grid, places.T, 0.15).mean(dim=1)  # (161,)
    return q, torch.sigmoid(D(grid.to(device))).cpu()[:, 0], places[:, 0]


def noise(n, Z=2):
    return torch.randn(n, Z).to(device)  # (n, Z)


# %% [markdown]
# **Predict.** The theory above speaks of a perfect inspector. So will the forger learn better if $D$ may move four times
# for each move of $G$? Or if it is the other way round? Five games, all else equal.


# %%
def duel(d_moves, g_moves, rounds, seed):
    """Play on the line; 41 moments, each as `look` gives it, stacked. -> G, [q, D, places]"""
    runtime.seed_all(seed)
    G, D = (Player(net).to(device) for net in (Bender(), mlp(1, 32, 1)))
    film = []
    for t in range(rounds + 1):
        if t % (rounds // 40) == 0:
            film.append(look(G, D))
        for _ in range(d_moves):
            D.move(d_loss(D(draw_data(128)), D(G(noise(128)).detach())))
        for _ in range(g_moves):
            G.move(g_loss(D(G(noise(128)))))
    return G, [torch.stack(parts) for parts in zip(*film, strict=True)]


rounds = runtime.budget(smoke=40, cpu=1000)
games = {
    ratio: duel(max(1, 2**ratio), max(1, 2**-ratio), rounds, seed=3)
    for ratio in progress.bar((-2, -1, 0, 1, 2), "games")
}

# %% [markdown]
# **Three moments.** First row: the data in blue, the generator's density in orange. Second: what the discriminator says, and in
# green dashes what the optimal one would say, $p/(p+q)$, computed from the two densities. Third: how $G$ bends its noise; the
# horizontal bands are the modes. Fourth: the value of the game, with the actual discriminator and with the optimal one; below,
# $-\log 4$, where generator and data are one.
#
# **Your goal.** Where does the broad density tear, and which row tells you first? Then compare the black curve with the green
# one in the last column. Whom is this generator fooling?

# %%
early, late, lagging = (0, 2), (0, 40), (-2, 40)  # log2 of the ratio, and the moment
moments = {(r, t): [part[: t + 1] for part in games[r][1]] for r, t in (early, late, lagging)}
drawing.duels(grid[:, 0], p[:, 0], plans[:, 0], moments, rounds)


# %%
def w1(a, b):
    """Wasserstein distance of two samples on a line: sort, pair up, average. (n, 1), (n, 1)"""
    return (a.sort(dim=0).values - b.sort(dim=0).values).abs().mean().item()


runtime.seed_all(4)
reached_w1, reached_js = {}, {}
with torch.no_grad():
    for ratio, (G, film) in games.items():
        reached_w1[ratio] = w1(G(noise(4000)), draw_data(4000))
        reached_js[ratio] = np.mean([js(p, q[:, None]) for q in film[0][-10:]])  # last quarter
        print(
            f"D : G = {max(1, 2**ratio)} : {max(1, 2**-ratio)}   W1 {reached_w1[ratio]:.2f}   "
            f"JS {reached_js[ratio]:.3f} nats"
        )
two_humps = reached_w1[0]

# %% [markdown]
# <details><summary>What happened</summary>
#
# A lagging inspector is bad for the forger. With four moves of $G$ for one of $D$, JS stays at {{06.js.weak:.2f}} nats, on
# average over the last quarter; one for one it is {{06.js.even:.2f}}. Such an inspector judges yesterday's forgeries, and
# the forger runs after yesterday's verdict: the green curve has left the black one. Four moves of $D$ for one of $G$ come
# to {{06.js.strong:.2f}}, no better, for more than twice the work. Theory wants $D$ near $D^*$, and here it is nearly that one for one.
#
# Watch the tear, too. The inspector says 0 in the gap, so the plans that land there are driven outward, left and right of
# one point, and $g$ becomes a cliff. A few always fall from it: a bent line cannot jump. And the forger's humps stay too
# narrow, since nobody is punished much for that.
#
# </details>
#
# $W_1$ is how far, on average, points must be carried to turn one crowd into the other. On a line the optimal plan is to
# sort both.
#
# > **A good place to stop.** You have both losses, the round, and a game that works. When you come back, run all cells above once
# > (*Run → Run All Above Selected Cell*).

# %% [markdown]
# ## Eight humps on a ring
#
# On a line there is nowhere to hide. In the plane, put eight small humps on a circle and let $G$ make points from two
# numbers of noise. A count of what came out is the first detector: a **mode** is *found* if at least one in a hundred
# samples lies within four widths of it.

# %%
centers = torch.stack(
    [torch.tensor([math.cos(a), math.sin(a)]) * 2 for a in torch.arange(8) * math.pi / 4]
).to(device)  # (8, 2)


def ring(n):
    """Points from eight narrow humps on a circle of radius 2. -> (n, 2)"""
    return centers[torch.randint(8, (n,))] + 0.05 * noise(n)


def modes(points):
    """How many humps are found, and the share of points that lie on any. (n, 2) -> int, float"""
    distance, nearest = torch.cdist(points, centers).min(dim=1)  # (n,), (n,)
    on = distance < 4 * 0.05  # (n,)
    found = torch.bincount(nearest[on], minlength=8) >= len(points) / 100  # (8,)
    return int(found.sum()), on.float().mean().item()


def train_ring(beta1, rounds, seed):
    """Play on the ring. -> 1,000 samples after every 50 rounds, a list of (1000, 2)"""
    runtime.seed_all(seed)
    G, D = (Player(mlp(2, 128, n), lr=2e-3, beta1=beta1).to(device) for n in (2, 1))
    film = []
    for t in progress.bar(range(1, rounds + 1), "rounds"):
        train_step(G, D, ring(128), noise(128), noise(128))
        if t % 50 == 0:
            with torch.no_grad():
                film.append(G(noise(1000)))  # (1000, 2)
    return film


# %% [markdown]
# **Predict.** In which order will the humps be found: one after the other, in pairs, or all at once?

# %%
ring_rounds = runtime.budget(smoke=100, cpu=700)
real_ring = ring(500).cpu()  # (500, 2)
lab = {(0.5, 5): train_ring(0.5, ring_rounds, seed=5)}


def show_ring(ax, samples, title):
    """Samples over the real ring."""
    ax.scatter(*real_ring.T, s=4, color=plots.DATA)
    ax.scatter(*samples.cpu().T, s=4, marker="x", color=plots.MODEL)
    ax.set(xlim=(-3, 3), ylim=(-3, 3), xticks=(-2, 0, 2), yticks=(-2, 0, 2), aspect="equal")
    plots.label(ax, f"{title}: {modes(samples)[0]} modes", "x1", "x2")


alt = (
    "Samples over eight blue humps: a smear, a cloud over the disc, a "
    "circle, then an octagon with its corners on the humps."
)
fig, axes = plots.figure(1, 4, size=(11, 2.9), alt=alt)
last = ring_rounds // 50 - 1
for ax, frame in zip(axes, (0, 1, 5, last), strict=True):
    frame = min(frame, last)
    show_ring(ax, lab[0.5, 5][frame], f"round {50 * (frame + 1)}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Nearly all at once. The cloud spreads over the whole disc, contracts to a circle, and the circle is pulled to the humps
# like a rubber band. As on the line, a few points remain between them: $G$ is continuous, and its noise has no holes.
#
# </details>

# %% [markdown]
# ## The collapse lab
#
# Now the failure that GANs are known for. We change a single number: Adam's $\beta_1$, the memory of its momentum (lesson
# 03). Its usual value is $0.9$; above we used $0.5$, which Radford et al. (2015) recommend for GANs. Everything else, seeds
# included, is the same.
#
# **Predict.** Momentum helped in every valley of lesson 03. Here the valley moves: each player's loss changes with every
# move of the other. What will a long memory do?

# %%
games_to_play = list(itertools.product((0.5, 0.9), (5, 6, 7)))
for beta1, seed in games_to_play[1:]:  # the first was played above
    lab[beta1, seed] = train_ring(beta1, ring_rounds, seed)
found_modes = {key: [modes(samples)[0] for samples in film] for key, film in lab.items()}

alt = (
    "Above, beta1 0.5: three rings, seven or eight modes. Below, 0.9: "
    "a loose cloud, a single hump, a band; one or two modes throughout."
)
fig, axes = plots.figure(2, 4, size=(11, 5.4), alt=alt)
for row, beta1 in zip(axes, (0.5, 0.9), strict=True):
    for ax, seed, style in zip(row[:3], (5, 6, 7), ("-", "--", ":"), strict=True):
        show_ring(ax, lab[beta1, seed][-1], f"beta1 {beta1}")
        row[3].plot(range(50, ring_rounds + 1, 50), found_modes[beta1, seed], style, linewidth=1.4)
    row[3].set(ylim=(-0.3, 8.3))
    plots.label(row[3], f"beta1 {beta1}, three seeds", "round", "modes found")

# %% [markdown]
# <details><summary>What happened</summary>
#
# It collapses. Over the second half of the three games the middle count is {{06.ring.collapsed:.0f}} of eight modes, where
# $\beta_1 = 0.5$ has {{06.ring.modes:.0f}}. Follow a curve in the lower right panel. A hump is found and lost again: the forger rushes to where
# the inspector was fooled, overshoots, the inspector follows, late for the same reason, and the two circle each other. In a
# valley that stands still, old slopes are good advice. In a game they are advice about an opponent who has moved on.
#
# This is **mode collapse**: a good imitation of a part of the data, or of nothing in particular, and losses that do not
# give it away. (Where a panel shows no orange, all points lie on one spot.) It is no law. Of fifteen such games,
# in five runs, thirteen end with two modes at most, one with five and one with seven; and with $\beta_1 = 0.5$ one of fifteen collapses, too.
#
# </details>
#
# **Train one yourself.** This GAN trains in the page; press *train*. First panel: what the discriminator says everywhere, with
# data in blue, samples in orange, and arrows that show where the gradient of $G$'s loss moves a sample. Second: where $G$ puts a
# square grid of noise; cells are darker where samples are denser. Third: both losses, with $\log 4$ and $\log 2$, their values at the
# equilibrium, dashed. Drag the point in the noise to see where it lands. Draw on either of the first two panels to make data of
# your own.
#
# **Your goal.** Train on the ring with $\beta_1 = 0.5$, start again, and train with $0.9$. Do the losses tell you which of the two
# has collapsed? Then find a ratio of moves that fails on the two modes.

# %%
explorables.gan()

# %% [markdown]
# ## Good, and of every kind?
#
# Modes can be counted on a ring, where somebody told us the centers. For pictures nobody does. Two questions remain that
# need no centers. **Precision**: how many of the forgeries lie *where real things are*? **Recall**: how many of the real
# things lie *where forgeries are*? Where a crowd "is", its members say: around each, a ball that reaches to its $k$-th
# nearest fellow (Kynkäänniemi et al. 2019). Dense regions get small balls, sparse ones large balls.
#
# **Predict.** A generator that draws one hump perfectly and never another: what are its precision and its recall? And one
# that sprays points over the whole disc?
#
# ### Exercise 6.5 · `precision_recall`
# A point is *in* a crowd if it lies in at least one of the crowd's balls, its rim included. A point is not its own fellow. (Exercise 6.4 waits in the studio.)


# %% tags=["exercise:6.5", "points:5", "minutes:12"]
def precision_recall(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    """Shares of fake among real, and of real among fake. (N, d), (M, d), k < N, M -> two numbers"""

    # BEGIN SOLUTION
    def share(points, crowd):
        """The share of points that lie in some ball of the crowd."""
        fellows = torch.cdist(crowd, crowd).sort(dim=1).values  # (C, C), first column: itself
        inside = torch.cdist(points, crowd) <= fellows[:, k]  # (P, C)
        return inside.any(dim=1).float().mean().item()

    return share(fake, real), share(real, fake)
    # END SOLUTION


# %% tags=["check:6.5"]
precision_recall = check("6.5", precision_recall)

# %% [markdown] tags=["help:6.5"]
# Both numbers ask the same question with the roles exchanged. What does a helper need that says which points lie in a
# crowd, and what stands first in a row of sorted distances from a point to its own crowd?
# ---
# On a line, $k = 1$. Real: $0, 1, 5$; the nearest fellows are at distance $1, 1, 4$. Fake: $1.5, 1.6, 9$ with radii $0.1,
# 0.1, 7.4$. $1.5$ and $1.6$ lie in the ball of $1$, and $9$ in that of $5$ (the rim counts): precision $1$. Of the real
# ones, $5$ lies in the large ball of $9$, and the others in none: recall $\tfrac13$.
# ---
# Distances within the crowd, sorted: column 0 is the point itself, column $k$ its $k$-th fellow. Then every point is
# compared with every ball of the crowd, and one ball is enough. A single radius for all would let the sparse decide for the
# dense.

# %%
runtime.seed_all(6)
real_points, angle = ring(1000), torch.rand(1000, 1) * 2 * math.pi
candidates = {
    "more real data": ring(1000),
    "one hump, perfect": centers[0] + 0.05 * noise(1000),
}
radius = 2.2 * torch.rand(1000, 1).sqrt()
spray = (radius * torch.cat([angle.cos(), angle.sin()], dim=1)).to(device)  # (1000, 2)
candidates |= {"sprayed over the disc": spray, "GAN, beta1 0.5": lab[0.5, 5][-1]}
for i, seed in enumerate((5, 6, 7), 1):
    candidates[f"GAN, beta1 0.9, game {i}"] = lab[0.9, seed][-1]
real = real_points.cpu().double()  # float64, which not every GPU has
measured = {
    name: precision_recall(real, points.cpu().double(), 5)  # small balls
    for name, points in candidates.items()
}
for name, (precision, recall) in measured.items():
    hit = modes(candidates[name])[0]
    print(f"{name:<23} precision {precision:.2f}   recall {recall:.2f}   modes {hit}")
finals = [lab[0.5, seed][-1].cpu().double() for seed in (5, 6, 7)]  # (1000, 2) each
three_games = [precision_recall(real, points, 5) for points in finals]
middle_pr = np.median(three_games, axis=0)
print(f"of three games with beta1 0.5 the middle values: {middle_pr.round(2)}")
same = metrics.precision_recall(real_points.cpu(), lab[0.5, 5][-1].cpu(), k=5)
print("the course's own agrees:", np.allclose(same, measured["GAN, beta1 0.5"]))

# %% [markdown]
# <details><summary>What happened</summary>
#
# One perfect hump: precision near 1, recall near an eighth. The spray: precision near 0, and recall 1, since with a
# thousand points everywhere some ball reaches every hump. So neither number is worth anything without the other. The
# collapsed games lack one or the other or both; $\beta_1 = 0.5$ has {{06.pr.precision:.2f}} and {{06.pr.recall:.2f}}, the middle of
# three games. Its points *between* the humps cost it precision.
#
# A warning that holds for both: a far-off stray has a huge ball, and a huge ball "covers" much.
#
# </details>

# %% [markdown]
# ## Digits, beside a VAE
#
# The same losses and the same round now draw 28×28 digits. Both networks are plain ones: convolutions cost too much a round
# on a laptop's processor. (Three layers are new. `BatchNorm1d` gives each number mean 0 and variance 1 over the batch, then a
# learned scale and shift; `LeakyReLU` lets a fifth of the negative side through; `Dropout` silences three numbers in ten at
# random, against learning by heart.)
#
# What such a game may do you know from the ring, and there is a remedy: both players get a **tag**. Beforehand, a clustering
# cuts the training pictures into forty heaps of similar ones (no label is looked at), and every picture, real or forged,
# comes with the number of its heap. The inspector asks "is this a real one *of this heap*?", and forty small games replace
# one large one (Liu et al. 2020). Forgetting a heap is now impossible; within each, the old dangers remain.


# %% tags=["export"]
class DigitForger(nn.Module):
    """Noise and a tag to a picture in [0, 1] and the same tag. z (B, 32 + K) -> (B, 784 + K)"""

    def __init__(self, K):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(32 + K, 256),
            nn.BatchNorm1d(256),
            nn.ReLU(),
            nn.Linear(256, 512),
            nn.BatchNorm1d(512),
            nn.ReLU(),
            nn.Linear(512, 784),
            nn.Sigmoid(),
        )

    def forward(self, z):
        return torch.cat([self.net(z), z[:, 32:]], dim=1)  # (B, 784 + K)


# %% tags=["export"]
class DigitInspector(nn.Module):
    """A logit for a picture with its tag. x (B, 784 + K) -> (B,)"""

    def __init__(self, K):
        super().__init__()
        self.features = nn.Sequential(
            nn.Linear(784, 512),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2),
        )
        self.real = nn.Linear(256, 1)
        self.of_its_heap = nn.Linear(K, 256, bias=False)
        nn.init.normal_(self.of_its_heap.weight)  # far apart from the start

    def forward(self, x):
        seen = self.features(x[:, :784])  # (B, 256)
        fits = (seen * self.of_its_heap(x[:, 784:])).sum(dim=1)  # (B,)
        return self.real(seen)[:, 0] + fits / 16  # (B,)


# %% [markdown]
# The inspector's last line is a *projection* (Miyato & Koyama 2018): what it saw is compared with a direction that belongs
# to the heap. The sum of $256$ products is divided by $\sqrt{256} = 16$, so that its size does not grow with the width. With
# $K = 1$ there is one heap, the tag says nothing, and it is a GAN as on the ring.
#
# One more trick: the generator circles around its goal rather than settling, so we also keep a running average of its
# weights, and draw with that.


# %% tags=["export"]
def tagged(x, K, seed):
    """Pictures with the one-hot number of their heap of similar ones. (N, 784) -> (N, 784 + K)"""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    seen = PCA(50, random_state=seed).fit_transform(x.cpu().numpy())  # (N, 50)
    heap = torch.tensor(KMeans(K, n_init=1, random_state=seed).fit_predict(seen)).long()  # (N,)
    return torch.cat([x, F.one_hot(heap, K).float().to(x.device)], dim=1)


def noise_with_tags(n, x):
    """z for n forgeries, with tags as frequent as in x (N, 784 + K). -> (n, 32 + K)"""
    rows = torch.randint(len(x), (n,))
    return torch.cat([torch.randn(n, 32).to(x.device), x[rows, 784:]], dim=1)


def play(G, D, x, batch=64, every=50):
    """Train on tagged pictures x (N, 784 + K), for ever; yields the averaged generator."""
    average = copy.deepcopy(G.net).eval()
    for t in itertools.count(1):
        z1, z2 = noise_with_tags(batch, x), noise_with_tags(batch, x)  # (B, 32 + K) each
        train_step(G, D, x[torch.randint(len(x), (batch,))], z1, z2)
        with torch.no_grad():
            for kept, now in zip(
                average.state_dict().values(), G.net.state_dict().values(), strict=True
            ):
                kept.lerp_(now, 0.02) if kept.is_floating_point() else kept.copy_(now)
        if t % every == 0:
            yield average


@torch.no_grad()
def forge(generator, x, n):
    """n pictures (n, 784) by a generator that was trained on x."""
    return generator(noise_with_tags(n, x))[:, :784]


# %% [markdown]
# **Predict.** Ten seconds of play. No heap can be forgotten, so all ten digits should be there (lesson 05's classifier reads
# them). But which will be higher, precision or recall?

# %%
digits = data.mnist()
x_train = digits.x_train.flatten(1).to(device)  # (4000, 784)
real_features = metrics.digit_features(digits.x_test)  # (1000, 64)


def report(pictures):
    """FD, precision, recall and the number of digits read among pictures (N, 784)."""
    features = metrics.digit_features(pictures.cpu())  # (N, 64)
    precision, recall = metrics.precision_recall(real_features, features)
    return {
        "FD": metrics.frechet_digits(pictures.cpu()),
        "precision": precision,
        "recall": recall,
        "digits read": len(set(metrics.read_digits(pictures.cpu()))),
    }


runtime.seed_all(7)
x = tagged(x_train, K=40, seed=7)  # (4000, 784 + 40)
G, D = (Player(net(40), lr=8e-4).to(device) for net in (DigitForger, DigitInspector))
start, game = time.process_time(), play(G, D, x)
for _ in progress.bar(range(runtime.budget(smoke=1, cpu=20)), "50 rounds"):
    average = next(game)
seconds = time.process_time() - start
forged = forge(average, x, 1000)  # (1000, 784)
found = report(forged)
print(f"{seconds:.0f} CPU seconds: ", "  ".join(f"{key} {v:.3g}" for key, v in found.items()))

# %%
race = data.study("gan_race")
late = f"after {race['seconds'][-1]} s"
plots.rows(
    {
        "real": digits.x_test[:20].flatten(1),
        "GAN, 40 heaps, this run": forged[:20].cpu(),
        f"GAN, 40 heaps, {late}": race["samples_heaps"][:20] / 255,
        f"GAN without tags, {late}": race["samples_plain"][:20] / 255,
        f"VAE, {late}": race["samples_vae"][:20] / 255,
    },
    alt="Real digits. GANs: hard-edged digits, some of them broken, more without tags. VAE: "
    "soft digits, some of them smears.",
)
# %% [markdown]
# <details><summary>What happened</summary>
#
# All ten, and with harder edges than the VAE's: FD {{06.digits.fd:.0f}}, precision {{06.digits.precision:.2f}}. But recall
# is {{06.digits.recall:.2f}}: there are ten digits, and few ways to write each. Variety comes last. Look at the
# VAE's row and its soft strokes: where it is in doubt it averages, since its coins are judged one by one. An inspector who
# looks at the whole sees at once that no real stroke is so soft.
#
# </details>
#
# **The race.** A VAE as in lesson 05 and both GANs, two seeds each since every run is half a minute of computing, at *equal CPU seconds* on one
# thread. This takes minutes, so a script of the course ran it (`tools/measure/studies/gan_race.py`) and shipped the numbers.

# %%
alt = (
    "FD, precision and recall of VAE, GAN, GAN with heaps at both times: "
    "the VAE leads early, the GAN with heaps has the lowest FD at the end."
)
fig, axes = plots.figure(1, 3, size=(11, 3), alt=alt)
styles = {
    "vae": (plots.DATA, "-", "VAE"),
    "plain": (plots.WRONG, ":", "GAN"),
    "heaps": (plots.MODEL, "--", "GAN, 40 heaps"),
}
for name, (color, style, label) in styles.items():
    for ax, what in zip(axes, ("fd", "precision", "recall"), strict=True):
        runs, t = race[f"{name}_{what}"], race["seconds"]  # (seeds, times), (times,)
        ax.plot(t, np.median(runs, axis=0), style, marker="o", color=color, label=label)
        ax.fill_between(t, runs.min(axis=0), runs.max(axis=0), color=color, alpha=0.2)
    at_last = [np.median(race[f"{name}_{what}"][:, -1]) for what in ("fd", "precision", "recall")]
    print(f"{label:<14} FD {at_last[0]:.0f}, P {at_last[1]:.2f}, R {at_last[2]:.2f} {late}")
axes[0].set(yscale="log")
axes[0].legend(fontsize=9)
for ax, title in zip(axes, ("FD: lower is better", "precision", "recall"), strict=True):
    plots.label(ax, title, "CPU seconds")

# %% [markdown]
# Ten seconds in, the VAE is ahead in everything but precision: it knows from the first step which picture to aim at, and
# the GANs are still finding out what a digit is. At the end the GAN *with heaps* has by far the lowest FD and the highest
# precision, and the VAE still the highest recall: its blur reaches into every corner. The GAN without tags gets about as
# far as the VAE. So which is better? The one that is better at what you need, measured: fine single pictures, or all kinds
# of them. And two things FD does not say. The VAE had no heaps (they would help it, too: lesson 07 tells its VAE the
# digit). And only the VAE puts a number on a *given* picture, its −ELBO.

# %% [markdown]
# ## What this run reached

# %%
half = ring_rounds // 100  # of a game's film
kept_modes, collapsed_modes = (
    np.median([found_modes[beta1, seed][half:] for seed in (5, 6, 7)]) for beta1 in (0.5, 0.9)
)
inside = runtime.reached(
    {
        "06.w1.even": two_humps,
        "06.js.even": reached_js[0],
        "06.js.weak": reached_js[-2],
        "06.js.strong": reached_js[2],
        "06.ring.modes": kept_modes,
        "06.ring.collapsed": collapsed_modes,
        "06.pr.precision": middle_pr[0],
        "06.pr.recall": middle_pr[1],
        "06.digits.fd": found["FD"],
        "06.digits.precision": found["precision"],
        "06.digits.recall": found["recall"],
        "06.gan.classes": found["digits read"],
    }
)

# %% tags=["solved"]
assert inside
assert two_humps <= 0.35 and kept_modes >= 7 and collapsed_modes <= kept_modes - 3
assert abs(cosine + 1) < 0.01 and kept_out is None
assert abs(value - 2 * js(p, q) + math.log(4)) < 1e-3
assert measured["one hump, perfect"][0] > 0.8 and measured["one hump, perfect"][1] < 0.2
assert np.allclose(same, measured["GAN, beta1 0.5"])
assert found["digits read"] == 10

# %% [markdown]
# That was the core. The studio has six rooms; nothing later needs them. In a hurry?
# [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Room A · The best inspector, line by line
#
# With densities $p$ of the data and $q$ of the forgeries, and $m = (p + q)/2$ (Goodfellow et al. 2014, section 4):
#
# $$ \begin{aligned}
# V(D, G) &= \int p \log D + q \log(1 - D)\; dx && (1)\ \text{both averages as integrals} \\
# D^* &= \frac{p}{p + q} && (2)\ \text{the slope } \tfrac pD - \tfrac{q}{1-D} \text{ is zero; the second derivative negative} \\
# V(D^*, G) &= \int p \log\frac{p}{2m} + q \log\frac{q}{2m}\; dx && (3)\ p + q = 2m \\
# &= -2\log 2 + D_{\mathrm{KL}}(p\,\|\,m) + D_{\mathrm{KL}}(q\,\|\,m) && (4)\ \text{both densities add up to one} \\
# &= -\log 4 + 2\,\mathrm{JS}(p, q) \;\ge\; -\log 4 && (5)\ \text{equal only if } p = q
# \end{aligned} $$
#
# Line (5) can be read in two ways. The forger's best is $p = q$. And $\mathrm{JS}$ can *be estimated*, by training a
# classifier: the better it does, the further apart the two crowds are.
#
# **Predict.** Line (1) for a $D$ that is a little off everywhere, by $0.05$: is the value above or below line (5)?


# %% tags=["studio", "nbval-check-output"]
def V(D):
    """Line (1) by boxes, for probabilities D on the grid. (161, 1) -> number"""
    D = D.clamp(1e-9, 1 - 1e-9)
    return ((p * torch.log(D) + q * torch.log1p(-D)).sum() * width).item()


m = (p + q) / 2
kl_p, kl_q = ((torch.xlogy(a, a) - torch.xlogy(a, m)).sum().item() * width for a in (p, q))
line_3 = (torch.xlogy(p, p / (2 * m)) + torch.xlogy(q, q / (2 * m))).sum().item() * width
print(f"(1) with the best D   {V(p / (p + q)):.4f}")
print(
    f"(3) {line_3:.4f}   (4) {-2 * math.log(2) + kl_p + kl_q:.4f}   "
    f"(5) {-math.log(4) + 2 * js(p, q):.4f}"
)
off = [V(p / (p + q) + shift) for shift in (-0.05, 0.05)]
print(f"(1) with D too small or too large by 0.05: {off[0]:.4f}, {off[1]:.4f}")
at = torch.linspace(0.01, 0.99, 99)  # one point, p = 0.3 and q = 0.1
tried = 0.3 * at.log() + 0.1 * (1 - at).log()  # (99,)
print(f"(2) p = .3, q = .1: best D by trying {at[tried.argmax()]:.2f}")

# %% [markdown] tags=["studio"]
# Below, always: any other inspector tells a smaller value. So a real, imperfect $D$ makes the forger believe that it is
# closer than it is.
#
# **The inspector's map.** In the plane $D^*$ is a landscape: bright where it says real, dark where forged, white where
# nothing ever is. Data: the ring. Generator: one Gaussian, which you drag. The arrow shows where the gradient of
# $-\log D^*$ at its center would move it.
#
# **Your goal.** Put the blob on a hump, narrow. Which way does the arrow point, and how strong is it? Then make the blob wide.

# %% tags=["studio"]
explorables.pull()

# %% [markdown] tags=["studio"]
# A narrow blob on a hump: the best inspector calls it forged, since the blob is denser there than the data, and calls
# everything else real. But the pull at the blob's center is zero. No direction is better than another, and the neighbors,
# however bright, are out of its sight. That is why a collapsed forger hardly leaves: it cannot see what it misses. Make
# the blob wide, and it covers several humps at once, so that its parts are told different things. Width is what keeps the
# game informative.

# %% [markdown] tags=["studio"]
# ### Room B · Everybody wants the wrong thing
#
# **Debug a claim.** The article states the two objectives so: the *generator* makes the discriminator's error on forgeries
# *small*; the *discriminator* makes that error *large*. The error of an inspector on a forgery is its surprise that it is
# forged, $-\log(1 - D(G(z)))$. Real data do not occur. Built as it is said (with a lid on the inspector's loss, which would
# run to minus infinity):


# %% tags=["studio"]
def claimed_g(fake):
    """The claim: the forger makes the inspector's error small."""
    return F.softplus(fake).mean()


def claimed_d(real, fake):
    """The claim: the inspector makes its own error large. The real ones are not looked at."""
    return -F.softplus(fake).clamp(max=10).mean()


def play_line(d_objective, g_objective, seed):
    """Play on the line with any two objectives. -> W1, what D says of real and of forged"""
    runtime.seed_all(seed)
    G, D = (Player(net).to(device) for net in (Bender(), mlp(1, 32, 1)))
    for _ in range(rounds):
        D.move(d_objective(D(draw_data(128)), D(G(noise(128)).detach())))
        G.move(g_objective(D(G(noise(128)))))
    with torch.no_grad():
        says = torch.sigmoid(torch.cat([D(draw_data(4000)), D(G(noise(4000)))])).view(2, -1)
        return w1(G(noise(4000)), draw_data(4000)), *says.mean(dim=1).tolist()


# %% [markdown] tags=["studio"]
# **Predict.** What does this inspector learn to say, of real things and of forgeries? What can a forger learn from it? Then
# mend it: the two losses are yours already.

# %% tags=["studio"]
reversed_w1 = {}
sides = {
    "as claimed": (claimed_d, claimed_g),
    "only G mended": (claimed_d, g_loss),
    "only D mended": (d_loss, claimed_g),
    "mended": (d_loss, g_loss),
}
for name, objectives in progress.bar(sides.items(), "games"):
    reversed_w1[name], of_real, of_forged = play_line(*objectives, seed=8)
    print(
        f"{name:<14} W1 {reversed_w1[name]:5.2f}   D says of real {of_real:.2f}, "
        f"of forged {of_forged:.2f}"
    )

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# Claimed, they agree only too well. The inspector says "real" to whatever it meets, so its error on forgeries is as large
# as it can be, and the forger, who would like it to be small, has nothing to hold on to: it drifts, $W_1$
# {{06.claimed.w1:.1f}}, about as far off as a single point in the middle. Data play no part, so nothing about the data can
# be learned. With only one side mended, either the judge is worthless or the forger runs *away* from what looks real.
# Mended, both want the opposite of each other, and $W_1$ is {{06.mended.w1:.2f}}. The conflict is not a flaw of the method:
# it is the signal.
#
# </details>
#
# **The loop has faults of its own.** In the article's pseudocode the data loader yields $z$, one forward pass serves both
# losses, nothing is detached, and $G$ moves before $D$'s gradient is computed. In PyTorch:


# %% tags=["studio"]
def claimed_round(G, D, x, z, retain=False):
    """One forward pass, two losses, G first."""
    fake = G(z)
    real_logits, fake_logits = D(x), D(fake)
    loss_g, loss_d = g_loss(fake_logits), d_loss(real_logits, fake_logits)
    G.optimizer.zero_grad()
    loss_g.backward(retain_graph=retain)
    G.optimizer.step()
    D.optimizer.zero_grad()
    loss_d.backward()
    D.optimizer.step()


complaints = {}
for name, retain, fused in [
    ("as claimed", False, False),
    ("record kept", True, False),
    ("record kept, fused Adam", True, True),
]:
    runtime.seed_all(11)
    G, D = Player(mlp(2, 64, 2)).to(device), Player(mlp(2, 64, 1)).to(device)
    G.optimizer = torch.optim.Adam(G.parameters(), fused=fused)
    try:
        claimed_round(G, D, ring(64), noise(64), retain)
        complaints[name] = "no complaint"
    except RuntimeError as error:
        complaints[name] = str(error)
    print(f"{name:<24} {complaints[name][:70]}")

# %% [markdown] tags=["studio"]
# A record can be walked once, and it must not be walked when the weights it was made with have changed: twice PyTorch
# refuses, and is right. The third line is a warning. The fused optimizer, which is quick and which our `Player` uses,
# changes weights behind the record's back, so the wrong slopes come without a word. `train_step` needs neither trick: every
# player gets a record of its own. (And noise is drawn anew each time. Nothing has to *load* it.)

# %% [markdown] tags=["studio"]
# ### Room C · How deaf is deaf?
#
# Back to the saturating loss. Near the data it does no harm. So put the forger far off, at 8, give the inspector a thousand
# moves ahead, and compare both losses, once with Adam and once with plain gradient descent.
#
# **Predict.** Which of the four arrive? (What did lesson 03 say about Adam and the *size* of a slope?)


# %% tags=["studio"]
def from_afar(g_objective, adam, seed=12):
    """A forger that starts near 8, an inspector far ahead. -> means, slopes, lists of 500"""
    runtime.seed_all(seed)
    G, D = (Player(net).to(device) for net in (Bender(), mlp(1, 32, 1)))
    if not adam:
        G.optimizer = torch.optim.SGD(G.parameters(), lr=0.01)
    with torch.no_grad():
        G.net.bend[-1].bias += 8
    path, pull = [], []
    for t in range(rounds + rounds // 2):
        D.move(d_loss(D(draw_data(128)), D(G(noise(128)).detach())))
        if t >= rounds:
            fake = G(noise(128))
            G.move(g_objective(D(fake)))
            path.append(fake.mean().item())
            pull.append(torch.cat([w.grad.flatten() for w in G.parameters()]).norm().item())
    return path, pull


def saturating(fake):
    return -F.softplus(fake).mean()


# %% tags=["studio"]
afar = {}
for adam in progress.bar((True, False), "with Adam, and plain"):
    afar["saturating", adam] = from_afar(saturating, adam)
    afar["non-saturating", adam] = from_afar(g_loss, adam)
alt = (
    "With Adam both losses arrive. With plain gradient descent the "
    "non-saturating one arrives, the saturating one hardly moves."
)
fig, axes = plots.figure(1, 2, size=(11, 3), alt=alt)
for (name, adam), (path, pull) in afar.items():
    color = plots.WRONG if name == "saturating" else plots.MODEL
    axes[0].plot(path, "-" if adam else "--", color=color, linewidth=1.4)
    if not adam:
        axes[1].plot(pull, "--", color=color, linewidth=1.2, label=name)
axes[0].axhspan(-2.6, 2.6, color=plots.DATA, alpha=0.15)
axes[1].set(yscale="log")
axes[1].legend()
plots.label(axes[0], "Mean of the forgeries; solid Adam, dashed plain", "round", "x")
plots.label(axes[1], "Slope of G, plain gradient descent", "round", "length")
# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# With Adam both arrive, the saturating one later: Adam divides by the size of the slopes, so a whisper moves it nearly as
# far as a shout. With plain gradient descent nothing hides the fault. The non-saturating forger comes home, to
# {{06.heard.end:.1f}}; the saturating one still sits at {{06.deaf.end:.1f}} when the game ends. Its slopes are so small
# that the axis has to be logarithmic.
#
# </details>

# %% [markdown] tags=["studio"]
# ### Room D · A distance that never goes deaf
#
# Against a perfect inspector, $\mathrm{JS}$ has a fault of its own: two crowds that do not overlap are $\log 2$ apart,
# *however far* they are. The Wasserstein distance $W_1$ goes on telling. Move the forger's bell towards a single hump of
# data, and compare.

# %% tags=["studio"]
explorables.distances()

# %% [markdown] tags=["studio"]
# Far off JS is flat, and a flat thing has no slope to walk along. $W_1$ falls with every step taken. It, too, can be had
# from a game: with a **critic** $D$ that gives *scores*, not logits, and that must not be steeper than 1 anywhere,
#
# $$ W_1 = \max_{\|\nabla D\| \le 1}\; \mathbb E_{\text{data}} D(x) - \mathbb E_z D(G(z)) $$
#
# (Arjovsky et al. 2017). How does one forbid a network to be steep? Gulrajani et al. (2017) fine it. At points $\hat x =
# \varepsilon\, x + (1 - \varepsilon)\, G(z)$ between a real and a forged one, with $\varepsilon$ uniform on $[0, 1]$, one for each pair, the slope should have length 1:
#
# $$ \text{penalty} = \mathbb E\, \big( \|\nabla_{\hat x} D(\hat x)\|_2 - 1 \big)^2 $$
#
# ### Exercise 6.4 · `gradient_penalty`
# The fine, without its weight $\lambda$. `eps` is handed in. The critic must be able to *learn* from it, so the slope needs a record of its own: `torch.autograd.grad` with
# `create_graph=True`.


# %% tags=["studio", "exercise:6.4", "points:5", "minutes:12", "export"]
def gradient_penalty(D, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    """The fine of WGAN-GP, without its weight, differentiable in D's weights.

    D: (B, d) -> (B,) or (B, 1); real, fake (B, d), eps (B, 1) in [0, 1] -> one number
    """
    # BEGIN SOLUTION
    between = (eps * real + (1 - eps) * fake).detach().requires_grad_()  # (B, d)
    (slopes,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)  # (B, d)
    return ((slopes.norm(dim=1) - 1) ** 2).mean()
    # END SOLUTION


# %% tags=["studio", "check:6.4"]
gradient_penalty = check("6.4", gradient_penalty)

# %% [markdown] tags=["studio", "help:6.4"]
# Each $\hat x$ has its own slope, a vector of $d$ numbers. Which axis does its length run over? And why does the slope of
# the *sum* of all scores give every point its own?
# ---
# $D(x) = 3x_1 + 4x_2$ has slope $(3, 4)$ everywhere, of length 5: the penalty is $16$, whatever the points. With $D(x) =
# \tfrac12\|x\|^2$ the slope at $\hat x$ is $\hat x$ itself: for $x = (2, 0)$, $G(z) = (0, 0)$ and $\varepsilon = \tfrac14$
# the length is $\tfrac12$, the penalty $\tfrac14$.
# ---
# Score number $i$ depends on point number $i$ alone, so the slope of the sum with respect to all points has each one's
# slope in its row. The length is taken row by row, then compared with 1, squared, and averaged. Without `create_graph` the
# number is right and teaches the critic nothing.


# %% tags=["studio"]
def train_critic(beta1, rounds, seed, critic_moves=2, weight=1.0):
    """WGAN-GP on the ring. -> 1,000 samples after every 50 rounds, a list of (1000, 2)"""
    runtime.seed_all(seed)
    G, D = (Player(mlp(2, 128, n), lr=2e-3, beta1=beta1).to(device) for n in (2, 1))
    film = []
    for t in progress.bar(range(1, rounds + 1), "rounds"):
        for _ in range(critic_moves):
            real, fake = ring(128), G(noise(128)).detach()
            fine = gradient_penalty(D, real, fake, torch.rand(128, 1).to(device))
            D.move(D(fake).mean() - D(real).mean() + weight * fine)
        G.move(-D(G(noise(128))).mean())
        if t % 50 == 0:
            with torch.no_grad():
                film.append(G(noise(1000)))  # (1000, 2)
    return film


# %% [markdown] tags=["studio"]
# **Predict.** In the collapse lab $\beta_1 = 0.9$ lost the ring. Will the critic, with the same long memory and the same
# seed, keep it?

# %% tags=["studio"]
critic_film = train_critic(0.9, ring_rounds, seed=5)
critic_modes = [modes(samples)[0] for samples in critic_film]
alt = (
    "Left: the collapsed game, a loose cloud. Middle: the critic's, a "
    "circle through the humps. Right: its count of modes rises to eight."
)
fig, axes = plots.figure(1, 3, size=(11, 3), alt=alt)
show_ring(axes[0], lab[0.9, 5][-1], "inspector, beta1 0.9")
show_ring(axes[1], critic_film[-1], "critic, beta1 0.9")
axes[2].plot(range(50, ring_rounds + 1, 50), found_modes[0.9, 5], "--", label="inspector")
axes[2].plot(range(50, ring_rounds + 1, 50), critic_modes, label="critic")
axes[2].legend()
plots.label(axes[2], "modes found", "round")
# %% [markdown] tags=["studio"]
# It finds the ring, also with a long memory, where the inspector had lost it: {{06.critic.gain:.0f}} modes more on average over the second half
# of the game, in the middle one of five runs. No guarantee here either: two of the five never had all eight. A critic that may
# not be steep has a slope everywhere, so a forger who overshoots is called back at once. The price is time, more than twice
# as much a round, for a slope of a slope; and points between the humps go on existing.

# %% [markdown] tags=["studio"]
# ### Room E · A flowchart, redrawn
#
# The article explains generative AI with one chart. Its boxes: data, encoder, probability distribution, decoder, generated
# data, discriminator, loss, optimizer, "update the parameters", and from there an arrow back to the encoder. Below, redrawn
# as it is.

# %% tags=["studio"]
ax = plots.panel(
    size=(11, 2.4),
    alt="The article's chart: data, encoder, distribution, decoder, generated, "
    "discriminator, loss, optimizer, update in a chain; one arrow back to encoder.",
)
drawing.chart_of_the_article(ax)

# %% [markdown] tags=["studio"]
# **Predict.** Which arrows would have to be added for a VAE? Which for a GAN? Which boxes must go, in each case?

# %% tags=["studio"]
alt = (
    "Above, a VAE: x, encoder, mu and logvar, with noise to z, decoder, "
    "minus ELBO with x again. Below, a GAN: noise, G, D, data, two losses."
)
fig, axes = plots.figure(2, 1, size=(11, 5.4), alt=alt)
drawing.chart_of_a_vae(axes[0])
axes[0].set_title("VAE: one loss, two networks that work together")
drawing.chart_of_a_gan(axes[1])
axes[1].set_title("GAN: two losses, two networks that do not")

# %% [markdown] tags=["studio"]
# <details><summary>What is missing, and what is too much</summary>
#
# The chart is neither. A VAE has no discriminator. It needs noise between distribution and decoder, the data *again* at the
# loss, a KL term, and an arrow back to the decoder too. A GAN has no encoder. It needs noise as its source, real data at
# the discriminator, and *two* losses, each with an arrow back to one network and not to the other. The nearest relative is
# the VAE-GAN of Larsen et al. (2016), which has all three networks and needs all those arrows.
#
# </details>

# %% [markdown] tags=["studio"]
# ### Room F · Build: the ring from an empty page
#
# Write a function that gets points and returns a sampler. No skeleton. The points lie on *some* ring of eight humps: its
# radius, its turn and the humps' width differ from above, so look at what you get. The bar: all eight modes, each with at
# least one in a hundred of the samples, and seven of ten samples within four widths of a hump. A GAN with your own losses will do, or a critic, or anything else that *generates*. Handing back the points you
# were given does not, even if each is moved by a fraction of the gap to its neighbor. Nor does a pool of points drawn once: `sample` draws new ones at every call.
#
# ### Exercise 6.6 · `train_ring_sampler`
# The check hands you 4,000 points, asks your sampler for 2,000 and then for more, and names the first thing that is not as it should be. A game
# may be unlucky, so it trains a second time before it says no. It
# stops you after 90 seconds, in case your computer is busy.


# %% tags=["studio", "exercise:6.6", "points:8", "minutes:25"]
def train_ring_sampler(x):
    """Learn to draw such points. x: (N, 2) -> sample, a function of n that returns (n, 2)"""
    # BEGIN SOLUTION
    scale, rounds, B = x.std(), 3000, 128
    G, D = (Player(mlp(2, 128, n), lr=2e-3) for n in (2, 1))

    def in_fog(points):
        return points + fog * torch.randn(B, 2)

    for t in range(rounds):
        fog = 0.5 * max(0, 1 - 1.5 * t / rounds)  # over real and forged alike; it lifts
        for player in (G, D):
            player.optimizer.param_groups[0]["lr"] = 2e-3 * min(1, 2 - 2 * t / rounds)
        real = x[torch.randint(len(x), (B,))] / scale  # (B, 2)
        fake = G(torch.randn(B, 2)).detach()
        D.move(d_loss(D(in_fog(real)), D(in_fog(fake))))
        G.move(g_loss(D(in_fog(G(torch.randn(B, 2))))))
    return lambda n: G(torch.randn(n, 2)).detach() * scale
    # END SOLUTION


# %% tags=["studio", "check:6.6"]
train_ring_sampler = check("6.6", train_ring_sampler)

# %% [markdown] tags=["studio", "help:6.6"]
# Which four things does the loop of this lesson need: two networks, two losses, two optimizers, and what else? Which single
# number ruined it above?
# ---
# Two hidden layers of 128, Adam with a step size of $0.002$ and $\beta_1 = 0.5$, batches of 128, 3,000 rounds: about five
# seconds. Most games find all humps; some find six or seven and stay there. Noise added to *all* points, real and forged,
# makes narrow humps wide at first, so that none is out of reach; let it shrink to nothing.
# ---
# The players and the losses are those of the ring. Dividing by the spread makes the same settings fit any radius. The noise on both
# sides is called *instance noise* (Sønderby et al. 2017): crowds that overlap leave no inspector perfectly sure. Step sizes that fade let it settle.

# %% tags=["studio"]
runtime.seed_all(13)
built_points = train_ring_sampler(ring(4000).cpu())(2000)
built_points = torch.as_tensor(built_points, dtype=torch.float32, device=device)
built_modes, built_share = modes(built_points)
print(f"what you built: {built_modes} modes, {100 * built_share:.0f} per cent of points on a hump")
critic_gain = np.mean(critic_modes[half:]) - np.mean(found_modes[0.9, 5][half:])
also_inside = runtime.reached(
    {
        "06.claimed.w1": reversed_w1["as claimed"],
        "06.mended.w1": reversed_w1["mended"],
        "06.deaf.end": afar["saturating", False][0][-1],
        "06.heard.end": afar["non-saturating", False][0][-1],
        "06.critic.gain": critic_gain,
        "06.build.share": built_share,
    }
)

# %% tags=["studio", "solved"]
assert also_inside
assert reversed_w1["as claimed"] >= 1.5 and reversed_w1["mended"] <= 0.35
assert abs(line_3 - 2 * js(p, q) + math.log(4)) < 1e-3 and max(off) < line_3
assert "second time" in complaints["as claimed"] and "inplace" in complaints["record kept"]
assert afar["saturating", False][0][-1] > 6 > 2.6 > afar["non-saturating", False][0][-1]

# %% [markdown]
# ## Where we are now
#
# You can
# - derive the best inspector $p/(p+q)$, and say that it leaves the Jensen-Shannon divergence to the forger;
# - write both losses, and say which one goes deaf where the forger is worst;
# - keep each player's gradient out of the other, with `detach` and an optimizer each;
# - notice a collapse: modes where centers are known, precision and recall where they are not;
# - train a GAN on digits, and say what it does better than a VAE, and what worse.
#
# **Read on.** Goodfellow et al. 2014, *Generative Adversarial Nets*: the game, the best inspector, the non-saturating loss.
# Radford, Metz & Chintala 2015, *Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
# Networks*: DCGAN, and $\beta_1 = 0.5$. Gulrajani et al. 2017, *Improved Training of Wasserstein GANs*: the penalty of room
# D. Kynkäänniemi et al. 2019, *Improved Precision and Recall Metric for Assessing Generative Models*.
#
# **Next.** Both our generators draw what *they* like. Lesson 07 asks for a 7, and checks whether it got one.
