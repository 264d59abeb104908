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
# - *derive* the optimal discriminator, and say which distance between distributions it measures;
# - write the *losses* of both players, with a generator loss whose gradient does not vanish;
# - *detach*, so that each player's gradient reaches that player alone;
# - *explain* why the players circle an equilibrium, and *detect* mode collapse by measuring samples;
# - train a GAN on digits, with averaged weights, and measure both its fidelity and its variety.
#
# The studio has precision and recall, the theory line by line, reversed objectives, a critic with a Lipschitz constraint,
# convolutions, and a model to build.

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
from course_utils.lesson06 import drawing, explorables, toys
from course_utils.lesson06.toys import js, modes, noise, w1

device = runtime.setup(seed=0)

# %% [markdown]
# ## Two networks, one game
#
# A VAE needs $p(x \mid z)$, a probability for every picture. Ours gave each pixel a probability of its own, which made the
# likelihood easy and the digits soft. Suppose we give up on likelihoods and only want a network that turns noise into
# pictures. What could its loss be? It cannot be the distance to a target picture: a new picture has no target, and lesson 02
# showed that a model trained that way learns the mean. A distance between two *samples* works for points (lesson 09); for
# pictures, it must know which differences matter.
#
# The idea of Goodfellow et al. (2014) is to *train* the loss. Think of a forger and an inspector. The **generator** $G$ turns
# noise $z$ into a sample $G(z)$. The **discriminator** $D$ looks at one example at a time, real or generated, and returns the
# probability that it is real. Together they are a **generative adversarial network**, or GAN.

# %%
ax = plots.panel(
    size=(9.5, 2.5),
    alt="Noise z goes into G, which makes G(z). Real data x and G(z) "
    "go into D, which says how likely each is real. Dashed: both learn from D's answer.",
)
drawing.two_players(ax)

# %% [markdown]
# One number scores both of them, the **value function**
#
# $$ V(D, G) = \mathbb E_{x \sim \text{data}} \log D(x) + \mathbb E_{z} \log\big(1 - D(G(z))\big),
#    \qquad \min_G \max_D V(D, G) $$
#
# It is the log-likelihood of a two-class classifier, real against generated. $D$ maximizes it. $G$, which enters only the
# second term, minimizes it. That makes the game a **minimax** game. A **Nash equilibrium** is a pair $(D, G)$ in which
# neither player can do better by changing alone.
#
# ### Exercise 6.1 · `d_loss`
# Optimizers minimize, so the discriminator's loss is $-V$. In the formula $D(x)$ is a probability, but in code a network
# returns its logit. `real` holds the logits of a batch of real examples, `fake` those of generated ones. Each term is an
# average over *its own* batch.


# %% tags=["exercise:6.1", "points:3", "minutes:6", "export"]
def d_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss, -V.

    Logits, (B, ...) and (M, ...) -> one number, in nats
    """
    # BEGIN SOLUTION
    return F.softplus(-real).mean() + F.softplus(fake).mean()
    # END SOLUTION


# %% tags=["check:6.1"]
d_loss = check("6.1", d_loss)

# %% [markdown] tags=["help:6.1"]
# What is the negative log-likelihood of "real" for a logit $d$, if the probability is $\sigma(d)$? And of "fake"? Lesson 02
# has both in one function.
# ---
# Take one real example with logit $0$ ($D = \tfrac12$) and one fake with logit $\log 3 = 1.0986$ ($D = \tfrac34$). The negative
# log-likelihoods are $\log 2 = 0.693$ and $-\log\tfrac14 = 1.386$. The loss is $2.079$.
# ---
# $-\log\sigma(d) = \log(1 + e^{-d})$ is `softplus(-d)`, and $-\log(1 - \sigma(d))$ is `softplus(d)`. In this form nothing
# overflows and no gradient is lost. `binary_cross_entropy_with_logits` against ones and against zeros gives the same.

# %% [markdown]
# ### The optimal discriminator
#
# Hold the generator fixed. Let $p(x)$ be the density of the data and $q(x)$ that of the samples. At each $x$ separately, $D$
# maximizes $p \log D + q \log(1 - D)$. The derivative $p/D - q/(1 - D)$ is zero at
#
# $$ D^*(x) = \frac{p(x)}{p(x) + q(x)} $$
#
# This is Bayes' rule, with real and generated equally frequent. Here is a toy in which both densities are known: data with two
# modes, and a generator that is fixed at a standard normal distribution. $D$ never sees a density, only samples.
#
# **Predict.** Where will the trained discriminator differ most from $D^*$?
#
# - A: where the two densities cross near $\pm 1.5$, because there is no evidence either way
#   - No evidence either way has a right answer, one half, and thousands of samples teach it.
# - B: in the gap between the modes, where there are no data
#   - There are no data, but plenty of generated samples, so $D$ learns to say 0.
# - C: beyond $\pm 3$, where both densities are almost 0
#   - **Yes.** $D^*$ has a value there too, but hardly any samples fall there to teach it. What a network says where it
#     has seen nothing is extrapolation.


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
    """A network with an optimizer of its own."""

    def __init__(self, net, lr=1e-3, beta1=0.5):
        super().__init__()
        self.net = net
        self.optimizer = torch.optim.Adam(net.parameters(), lr, betas=(beta1, 0.99), fused=True)

    def forward(self, x):
        return self.net(x)

    def move(self, loss):
        """One optimizer step of this player on `loss`."""
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


# %%
grid, width = toys.GRID, toys.WIDTH  # (161, 1) from -4 to 4
p, q = toys.density_on_line(), toys.normal(grid, 0, 1)  # (161, 1) each

runtime.seed_all(1)
D = Player(mlp(1, 64, 1), lr=3e-3).to(device)
for _ in progress.bar(range(runtime.budget(smoke=50, cpu=1000)), "steps"):
    D.move(d_loss(D(toys.data_on_line(256)), D(noise(256, 1))))
with torch.no_grad():
    trained, optimal = torch.sigmoid(D(grid.to(device))).cpu(), p / (p + q)  # (161, 1) each
drawing.optimal_discriminator(grid, p, q, trained, optimal)

# %% [markdown]
# What does the generator gain by moving? Substitute $D^*$ into $V$ and collect the logarithms:
#
# $$ V(D^*, G) = -\log 4 + 2\, \mathrm{JS}(p, q), \qquad
#    \mathrm{JS}(p, q) = \tfrac12 D_{\mathrm{KL}}\big(p \,\|\, \tfrac{p+q}{2}\big) + \tfrac12 D_{\mathrm{KL}}\big(q \,\|\, \tfrac{p+q}{2}\big) $$
#
# The **Jensen-Shannon divergence** is zero only for equal distributions, and never above $\log 2$. So against an optimal
# discriminator $G$ can win in one way only, by matching the data. At the equilibrium $q = p$ and $D = \tfrac12$ everywhere.
# (Studio section B goes line by line.) A numerical check, by a Riemann sum over the grid:

# %% tags=["nbval-check-output"]
integrand = (p * torch.log(optimal) + q * torch.log1p(-optimal)).nan_to_num()  # (161, 1)
value = (integrand.sum() * width).item()
print(f"V with the optimal D: {value:.4f}   -log 4 + 2 JS: {2 * js(p, q) - math.log(4):.4f}")
print(f"at the equilibrium, where D is one half: {-math.log(4):.4f}")

# %% [markdown]
# ## The generator's loss
#
# The minimax game tells $G$ to minimize $\log(1 - D(G(z)))$. Take three generated samples. $D$ rejects the first: logit $-5$,
# that is $D = 0.0067$. It is undecided about the second, logit $0$. It accepts the third as real: logit $5$, $D = 0.9933$.
#
# **Predict.** For which of the three is the derivative of the loss with respect to the logit largest in absolute value?
#
# - A: for the first, because it is farthest from what $G$ wants
#   - That would be ideal. But $\log(1 - D)$ is close to $\log 1$ there, and flat.
# - B: for the second, because a sigmoid is steepest in the middle
#   - $D$ itself is steepest there. The logarithm changes that: the derivative of the loss is $-D$, here one half.
# - C: for the third, which needs it least
#   - **Yes.** The derivative is $-D$. The better a sample already is, the more it is pushed; the worst ones receive next to
#     nothing.


# %% tags=["nbval-check-output"]
def derivatives(loss):
    """|derivative| of a loss at logits -5, 0 and 5. loss: (3,) -> one number"""
    logit = torch.tensor([-5.0, 0.0, 5.0], requires_grad=True)
    (grad,) = torch.autograd.grad(loss(logit), logit)
    return "   ".join(f"{value:.4f}" for value in grad.abs())


print("at D =                .0067    .5       .9933")
print("minimax: log(1 - D)  ", derivatives(lambda d: -F.softplus(d).sum()))

# %% [markdown]
# When $D$ is far ahead, as it can be early in training, it rejects every sample. There the loss is flat: it **saturates**, and
# $G$ is left with a **vanishing gradient** exactly when it has most to learn. (With plain gradient descent, this is why three
# of five games hardly move in studio section D. Adam, which our players use, rescales small gradients, and every game comes
# back.)
#
# ### Exercise 6.2 · `g_loss`
# Design a better one. Let $\ell(d)$ be the loss of a generated sample with logit $d$, and let $D = \sigma(d)$. Ask for the
# derivative $-(1 - D)$: close to $-1$ where the sample is rejected, close to $0$ where $D$ is fooled. Ask also that
# $\ell \to 0$ as $D \to 1$. One function does both. Find it, and return its average over the batch.


# %% tags=["exercise:6.2", "points:2", "minutes:5", "export"]
def g_loss(fake: Tensor) -> Tensor:
    """A generator loss with derivative -(1 - D) for each logit, before averaging.

    Logits (B, ...) -> one number, in nats
    """
    # BEGIN SOLUTION
    return F.softplus(-fake).mean()
    # END SOLUTION


# %% tags=["check:6.2"]
g_loss = check("6.2", g_loss)

# %% [markdown] tags=["help:6.2"]
# Integrate: which function of $d$ has the derivative $-(1 - \sigma(d)) = -\sigma(-d)$? You have used its relatives in
# Exercise 6.1.
# ---
# At $d = 0$ the derivative is $-\tfrac12$ and the loss is $\log 2 = 0.693$. At $d = -\log 3$ ($D = \tfrac14$) they are
# $-\tfrac34$ and $\log 4 = 1.386$. The average of the two losses is $1.040$.
# ---
# The derivative of `softplus(d)` is $\sigma(d)$, so that of `softplus(-d)` is $-\sigma(-d)$. And `softplus(-d)` is the negative
# log-likelihood of one of $D$'s two answers, given to a generated sample. Which one?

# %% tags=["nbval-check-output"]
print("at D =                .0067    .5       .9933")
print("yours                ", derivatives(lambda d: 3 * g_loss(d)))  # 3 times the mean: the sum

# %% [markdown]
# You have found $-\log D(G(z))$, the **non-saturating loss**: $D$'s own loss with the label flipped. It is in section 3 of
# Goodfellow et al. (2014), got its name in Goodfellow's tutorial (2016), and is what most people mean by a GAN's generator
# loss. It changes the game: $G$ no longer minimizes what $D$ maximizes, and the JS above belongs to the minimax loss alone
# (studio sections B and D say more).
#
# **Support.** The **support** of a distribution is the set on which it puts its mass. From 32 latent variables, $G$ reaches a
# set of at most 32 dimensions among the 784 of a picture, and the digits are thin, too. Two such sets hardly overlap, so some
# $D$ separates them *perfectly*. Then JS is $\log 2$ however near or far $G$ is, and its gradient is zero (Arjovsky & Bottou
# 2017). The non-saturating loss does not repair this: against such a $D$ its gradient is large but erratic (same paper). What
# helps is noise on data and samples alike, and a limit on how steep $D$ may be (studio section E).

# %% [markdown]
# ## Whose gradient is it?
#
# The players take turns. $D$ moves on a batch of data and a batch of samples, then $G$ moves on fresh noise. Each player has
# an optimizer of its own.
#
# **Predict.** We call `backward()` on the *discriminator's* loss and look into the *generator's* `.grad`. What is in it?
#
# - A: nothing, because $D$'s optimizer does not hold $G$'s parameters
#   - Optimizers play no part in `backward()`. It fills `.grad` for every parameter in the computation graph.
# - B: a gradient with no clear relation to what $G$ wants
#   - There is a relation: the same samples, the same $D$, and opposite interests.
# - C: the opposite of the gradient that $G$ needs
#   - **Yes.** At the start, when $D$ says about one half to everything, it is almost exactly the opposite. Later the two lengths
#     differ from sample to sample, which is no better.

# %%
runtime.seed_all(2)
G, D = Player(mlp(2, 64, 2)).to(device), Player(mlp(2, 64, 1)).to(device)
x, z = noise(256) + 1, noise(256)  # (256, 2) each


def grad_of_G(loss):
    """What backward() leaves in G's parameters. -> one long vector, or None"""
    G.zero_grad()
    loss.backward()
    grads = [w.grad.flatten() for w in G.parameters() if w.grad is not None]
    return torch.cat(grads) if grads else None


leaked, wanted = grad_of_G(d_loss(D(x), D(G(z)))), grad_of_G(g_loss(D(G(z))))
cosine = F.cosine_similarity(leaked, wanted, dim=0).item()
print(f"left in G by D's loss: a vector of length {leaked.norm():.4f}")
print(f"its cosine with the gradient of G's own loss: {cosine:.4f}")
detached = grad_of_G(d_loss(D(x), D(G(z).detach())))
print("with detach:", "nothing" if detached is None else "something")

# %% [markdown]
# If it were left there and $G$'s own gradient added, or if the two losses were summed, the two would cancel at first and
# oppose each other from then on. (Our `move` clears first, so here the leak would only waste time.) `G(z).detach()` has the
# same values and no computation graph: for $D$'s move, a sample is data.
#
# Older Keras code *freezes* $D$ instead, inside a "combined model" for $G$'s step. If $D$ is compiled after it was frozen, it
# never trains, and $G$ fools a discriminator that has learned nothing.
#
# ### Exercise 6.3 · `train_step`
# One round of the game. First $D$ moves, on `x` and on samples made from `z1`, and no weight of $G$ changes, nor its `.grad`.
# Then $G$ moves on *new* samples made from `z2`, judged by the $D$ that has moved. Both are `Player`s: use `.move(loss)`, or
# write out its three lines. Return the two losses as plain numbers, each as it was right before its own move.


# %% tags=["exercise:6.3", "points:5", "minutes:8", "export"]
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
# Which values does each loss need, and with which weights of $D$? Where would a gradient go that it should not, and what
# stops it there?
# ---
# Suppose $D(G(z_1))$ is computed once and serves both losses. The first `backward()` frees its graph, and the second raises an
# error. With `retain_graph=True` the check's players raise another one, because $D$'s step has changed weights that the graph
# still needs. Our `Player`, with its fused optimizer, raises none, and $G$'s gradient is wrong (studio section C). So $G$'s
# loss needs a new forward pass through $D$.
# ---
# $D$'s loss gets detached samples. $G$'s loss is computed after $D$ has moved, from `z2`, without a detach. Its gradient passes
# through $D$ and is left in $D$'s `.grad`, too, where $D$'s next `zero_grad` clears it.

# %% [markdown]
# New noise for $G$'s move follows Algorithm 1 of the paper. The DCGAN example of PyTorch keeps the first samples instead: it
# passes `fake.detach()` through $D$ for $D$'s step, and `fake` through $D$ *again* for $G$'s. Both are right.

# %% [markdown]
# ## A duel on a line
#
# Now let them play where we can see everything. The generator bends noise: its latent variable $z_1 \sim \mathcal N(0, 1)$
# becomes a place $g(z_1)$ on the line, where $g$ is an `mlp` plus $1.5\, z_1$. We add normal noise with standard deviation
# $0.15$, so that the density is known: $q(x) = \mathbb E_{z_1} \mathcal N(x;\, g(z_1),\, 0.15^2)$.
#
# **Predict.** Three games: 4 moves of $D$ for one of $G$, one move each, and 4 moves of $G$ for one of $D$. How close to the
# data do they end?
#
# - A: the more often $D$ moves, the closer, step by step
#   - The theory suggests it, but the theory assumes an optimal $D$. From one move each to four, the gain is small and
#     depends on the seed.
# - B: farther with 4 moves of $G$; about equally close in the other two
#   - **Yes.** A $D$ that lags judges the samples of an earlier $G$. See the table below, over five seeds.
# - C: closest of all with one move each, because the players must be balanced
#   - Balance is what folklore asks for. But in this game $G$ is not hurt by a $D$ that is ahead.


# %%
def duel(d_moves, g_moves, rounds, seed):
    """Play on the line. -> G, and at 41 moments q (41, 161), D (41, 161), places (41, 400)"""
    runtime.seed_all(seed)
    G = Player(toys.LineGenerator(mlp(1, 32, 1))).to(device)
    D = Player(mlp(1, 32, 1)).to(device)
    film = []
    for t in range(rounds + 1):
        if t % (rounds // 40) == 0:
            film.append(toys.look(G, D))
        for _ in range(d_moves):
            D.move(d_loss(D(toys.data_on_line(128)), D(G(noise(128)).detach())))
        for _ in range(g_moves):
            G.move(g_loss(D(G(noise(128)))))
    return G, [torch.stack(parts) for parts in zip(*film, strict=True)]


rounds = runtime.budget(smoke=40, cpu=1000)  # 4 : 1 is in the table below
games = {ratio: duel(*ratio, rounds, seed=3) for ratio in progress.bar([(1, 4), (1, 1)], "games")}

# %% [markdown]
# **Three moments**, one per row. First panel: the density of the data in blue, of the samples in orange. Second: what the
# discriminator says, and in green dashes the optimal $p/(p+q)$. Third: how $G$ bends its noise; the bands are the modes. Fourth:
# the value function, with the actual discriminator and with the optimal one, and at the bottom its value at the equilibrium, $-\log 4$.
#
# **Your goal.** Where does the wide density tear, and which panel tells you first? Then compare $D$ with the optimal $D$ in
# the second panel. What has $D$ noticed, and what has it missed?

# %%
early, late, lagging = ((1, 1), 2), ((1, 1), 40), ((1, 4), 40)  # ratio D : G, and moment
film = {(r, t): [part[: t + 1] for part in games[r][1]] for r, t in (early, late, lagging)}
drawing.duels(grid[:, 0], p[:, 0], toys.Z, film, rounds)

# %% tags=["folded"]
reached_js = {  # average over the last quarter
    ratio: np.mean([js(p, q[:, None]) for q in film[0][-10:]]) for ratio, (_, film) in games.items()
}
study = data.study("gan_duel")  # tools/measure/studies/gan_duel.py, the same game
print("D : G, and JS in nats over the last quarter of the game, seeds 0 to 4")
for (d, g), js_of_seeds in zip(study["ratios"], study["js"].T, strict=True):
    each = " ".join(f"{value:.3f}" for value in js_of_seeds)
    better = (js_of_seeds < study["js"][:, 2]).sum()
    against = f", better than 1 : 1 in {better}" if d != g else ""
    print(f"{d} : {g}   {each}   median {np.median(js_of_seeds):.3f}{against}")
controls = data.study("gan_controls")  # five seeds each, or fifteen, of what a skeptic would ask
each = " ".join(f"{value:.3f}" for value in controls["js_longer"])
worse = (controls["js_longer"] > study["js"][:, 4]).sum()
print(f"1 : 1   {each}   {controls['longer']:,} rounds, worse than 4 : 1 in {worse}")

# %% [markdown]
# At 1 : 4 the discriminator lags, and the game ends farther from the data with every seed. Beyond one move each, the gain is
# small: 2 : 1 is better than 1 : 1 in four of five seeds, 4 : 1 in three. With one seed alone we could have told any story about
# these rows. $D$ must keep up; how far ahead it may be depends on the game. Try several ratios, of moves or of learning rates
# (the two time-scale update rule, **TTUR**, Heusel et al. 2017).
#
# <details><summary>What to find in the figure</summary>
#
# The second panel tells you first. $D$ says 0 in the gap, so latent codes that land there are driven outward, to the left and to
# the right of one point, and $g$ becomes a cliff. A few samples always fall in between, because a continuous $g$ cannot jump.
#
# At the end $D$ has noticed the gap and little else. On the modes it says one half, where the optimal $D$ would still object
# to their shape and place. So $V$ is nearly $-\log 4$, as at the equilibrium, while JS is not zero: an imperfect $D$ makes
# $G$ look closer than it is. At 1 : 4 the green line in the last panel, and JS with it, swings to the end.
#
# </details>
#
# > **A good place to stop.** You have both losses, the round, and a game that works. When you come back, run all cells above once
# > (*Run → Run All Above Selected Cell*).

# %% [markdown]
# ## The ring lab
#
# Now we move to the plane. The data are eight narrow modes on a circle, and $G$ makes points from two numbers of noise. Our
# first detector counts: a **mode** is *found* if at least one in a hundred samples lies within four standard deviations of its
# center.


# %%
def train_ring(beta1, rounds, seed):
    """Play on the ring. -> samples (1000, 2) after every 50 rounds, losses (rounds, 2)"""
    runtime.seed_all(seed)
    G, D = (Player(mlp(2, 128, n), lr=2e-3, beta1=beta1).to(device) for n in (2, 1))
    film, losses = [], []
    for t in progress.bar(range(1, rounds + 1), "rounds"):
        losses.append(train_step(G, D, toys.ring(128), noise(128), noise(128)))
        if t % 50 == 0:
            with torch.no_grad():
                film.append(G(noise(1000)))
    return film, np.array(losses)


ring_rounds = runtime.budget(smoke=50, cpu=700)
lab = {(0.5, 5): train_ring(0.5, ring_rounds, seed=5)}
drawing.ring_film(toys.ring(500), lab[0.5, 5][0])

# %% [markdown]
# By round 100 a cloud covers the disc. It shrinks to a circle and is pulled to the modes. As on the line, some points stay
# between the modes, because $G$ is continuous.
#
# Now change a single number and nothing else: Adam's $\beta_1$, which sets how long its running mean of gradients remembers
# (lesson 03). Above it was $0.5$. PyTorch's default is $0.9$.
#
# **Predict.** In lesson 03, momentum sped up the descent. What will $0.9$ do to the game on the ring?
#
# - A: it finds the modes sooner, then settles
#   - That needs a loss that stays put. Here each player's loss changes whenever the other moves.
# - B: it loses most of the modes, or never finds them
#   - **Yes.** It seldom keeps even half of them, as the games below show. The next section has one mechanism.
# - C: it finds them sooner, and overshoots a little before it settles
#   - Overshooting alone would be mild. But the opponent answers, late for the same reason.

# %%
for beta1, seed in ((0.5, 7), (0.9, 5), (0.9, 7)):
    lab[beta1, seed] = train_ring(beta1, ring_rounds, seed)
found_modes = {key: [modes(samples)[0] for samples in film] for key, (film, _) in lab.items()}
drawing.ring_lab(toys.ring(500), lab, found_modes)
fifteen = data.study("gan_ring")  # the same game with other seeds
for beta1, counts in zip(fifteen["beta1"], fifteen["modes"], strict=True):
    print(f"beta1 {beta1}: modes at the end of fifteen games", *sorted(counts))

# %% [markdown]
# Two failures look alike in such counts. **Mode collapse**: $G$ draws a part of the distribution, sometimes a single point.
# **Non-convergence**: the game does not settle; modes are found and lost. With $0.9$ it is mostly the second: in nearly every
# game most samples lie on *no* mode, and points spread evenly over the disc would "find" two or three on average. Nor is
# it one unlucky seed. With $0.5$, which Radford et al. (2015) recommend for GANs, fourteen of the fifteen games end with seven
# or eight modes; with $0.9$, none comes near that.
#
# <details><summary>What the losses show</summary>
#
# The last column has the losses of seed 7; dotted lines mark $\log 4$ and $\log 2$, the values for $D$ and $G$ at the equilibrium.
# Below, both swing widely: the game has not settled, and the losses show it. But above, $G$'s loss *rises* for 400 rounds
# while it keeps all eight modes. $G$'s loss says how well $G$ fools *this* $D$, not how near it is to the data.
#
# </details>
#
# **Train one yourself.** This GAN trains in the page; press *train*. First panel: what the discriminator says everywhere, with
# data in blue, samples in brown, and arrows that show where the gradient of $G$'s loss moves a sample. Second: where $G$ puts
# a square grid of noise; cells are darker where samples are denser. Third: both losses; dashed, $\log 4$ and $\log 2$, their
# values at the equilibrium with the default loss. (*Energy distance*: 0 only for equal distributions; lesson 09.) Drag the
# point in the noise to see where it lands. Draw on either of the first two panels to make data of your own.
#
# **Your goal.** Train on the ring for 700 rounds with $\beta_1 = 0.5$, start again, and train as long with $0.9$. Do the losses
# tell you which has failed? Then go back to $0.5$, and find ratios of moves that fail on the two modes.

# %%
explorables.gan()

# %% [markdown]
# <details><summary>What to find</summary>
#
# The losses hint at it: with $0.9$ they swing. Where they end says little: after 2,000 rounds they are as near the dashed lines as
# with $0.5$. The energy distance says it: $1.38$ against $0.03$ after 700 rounds. (Most modes come back by 2,000, and it is still
# three times as large.) On the two modes, 1 : 2 and 1 : 4 lose a mode, but so does 4 : 1, where $D$ is far ahead. The page has one
# seed: with others, even 1 : 1 may fail.
#
# </details>

# %% [markdown]
# ## Why the players circle
#
# The smallest GAN has one number per player. The data are all at $0$. $G$ makes the single point $\theta$, and $D$'s logit is
# $\varphi x$. Then $V = -\log 2 - \log(1 + e^{\varphi\theta})$, and near $0$
#
# $$ V(\varphi, \theta) \approx -\log 4 - \tfrac12\, \varphi\, \theta $$
#
# a **bilinear game** (Mescheder, Geiger & Nowozin 2018 call the full one the Dirac-GAN). The equilibrium is
# $\varphi = \theta = 0$: $G$ is at the data, and $D$ says one half everywhere. $D$ climbs $V$, $G$ descends it, in turns.
#
# **Predict.** They start at $\theta = 1$, $\varphi = 0$, with small steps and no momentum. Where do they end?
#
# - A: at the equilibrium, because both follow their gradients
#   - Following a gradient leads downhill on a fixed loss. Here, each step of one player turns the other's gradient.
# - B: nowhere: they circle the equilibrium at about the same distance
#   - **Yes.** $G$ answers the $D$ that has moved, and that keeps $\theta^2 + \varphi^2 - \tfrac12 \alpha\,\theta\varphi$
#     constant, with learning rate $\alpha$: a closed curve, almost a circle.
# - C: far away, in a widening spiral
#   - That happens with momentum. It happens, too, if both step at the same time: then each step is at right angles to the
#     direction of the equilibrium, and ends a little farther out.


# %%
def bilinear(beta1=0.0, penalty=0.0, lr=0.1, rounds=400):
    """Gradient steps in turn, D first. -> theta and phi after every round, (rounds + 1, 2)"""
    theta, phi, mean_theta, mean_phi = 1.0, 0.0, 0.0, 0.0
    path = [(theta, phi)]
    for _ in range(rounds):
        mean_phi = beta1 * mean_phi + (1 - beta1) * (theta / 2 + penalty * phi)
        phi -= lr * mean_phi
        mean_theta = beta1 * mean_theta + (1 - beta1) * (-phi / 2)
        theta -= lr * mean_theta
        path.append((theta, phi))
    return np.array(path)


paths = {
    "no momentum": bilinear(),
    "beta1 = 0.5": bilinear(beta1=0.5),
    "beta1 = 0.9": bilinear(beta1=0.9, rounds=100),
    "penalty on D": bilinear(penalty=0.3),
}
drawing.circles(paths)
print("ring, beta1 0.0: modes at the end of fifteen games", *sorted(controls["modes"]))

# %% [markdown]
# The gradient field *rotates* around the equilibrium. Without momentum the players follow it round and round. Momentum mixes in
# old gradients, from an earlier point of the circle. Seen from the present point they lean *outward*, as a car drifts out of a
# bend when the wheel is turned too late. On a fixed loss old gradients are good advice. In a game they are advice about an
# opponent that has moved on; here even a *negative* $\beta_1$ helps (Gidel et al. 2019).
#
# In the last panel, a penalty on $D$'s slope at the data, $0.15\,\varphi^2$ in its loss (the *R1 penalty* of Mescheder et al.),
# pulls both players in. (With $\beta_1 = 0.9$ it takes a larger one, `penalty=1`.) A real GAN rotates in many planes at once, and
# Adam is not plain gradient descent, so take this as one mechanism, not as a forecast: on the ring, $\beta_1 = 0$ finds all eight
# modes no more often than $0.5$.

# %% [markdown]
# ## Good, and varied?
#
# On the ring we can count modes, because we know the centers. For pictures there are none; a classifier can count classes,
# but not what varies within them. Two questions need only a sample of real examples and one of generated ones. **Precision**:
# what share of the generated ones lie *where real ones are*? **Recall**: what share of the real ones lie *where generated
# ones are*? A sample's region is the union of balls, one around each member, that reach to its $k$-th **nearest neighbor**
# (Kynkäänniemi et al. 2019).
#
# **Predict.** One generator draws a single mode of the eight, perfectly. What are its precision and recall?
#
# - A: both are about one eighth
#   - Precision asks nothing of the seven modes that are missing.
# - B: precision about 1, recall about one eighth
#   - **Yes.** All its samples are among real ones, and seven eighths of the real ones have none near.
# - C: precision about one eighth, recall about 1
#   - That is the opposite failure: some samples near everything real, most near nothing.


# %% tags=["folded"]
def density(real, fake, k=5):
    """Real balls around a generated point, on average, over k. (N, d), (M, d) -> number"""
    radius = torch.cdist(real, real).sort(dim=1).values[:, k]  # (N,); column 0 is the point itself
    return (torch.cdist(fake, real) <= radius).sum(dim=1).float().mean().item() / k


def measures(real, fake, k=5):
    """Precision and recall, density and coverage. (N, d), (M, d) -> four numbers"""
    pr = metrics.precision_recall(real, fake, k)
    return np.array([*pr, density(real, fake, k), metrics.coverage(real, fake, k)])


# %% tags=["folded"]
runtime.seed_all(6)
real_points, angle = toys.ring(1000).cpu(), torch.rand(1000, 1) * 2 * math.pi
centers, radius = toys.ring_centers(), 2.2 * torch.rand(1000, 1).sqrt()
candidates = {
    "more real data": toys.ring(1000),
    "one mode, perfect": centers[0] + 0.05 * noise(1000),
    "all over the disc": radius * torch.cat([angle.cos(), angle.sin()], dim=1),  # (1000, 2)
}
candidates |= {f"beta1 {b}, seed {s}": film[-1] for (b, s), (film, _) in lab.items()}
measured = {name: measures(real_points, points.cpu()) for name, points in candidates.items()}
print(f"{'':<19} precision  recall  density  coverage  modes  share on a mode")
for name, (precision, recall, dense, covered) in measured.items():
    count, share = modes(candidates[name].to(device))
    print(f"{name:<19} {precision:9.2f}{recall:8.2f}{dense:9.2f}{covered:10.2f}", end="")
    print(f"{count:7d}{share:17.2f}")
for beta1, covered in zip(fifteen["beta1"], np.sort(fifteen["coverage"]), strict=True):
    print(f"beta1 {beta1}: coverage in fifteen games", *(f"{value:.2f}" for value in covered))
eight = np.sort(data.study("gan_critic")["gan_precision"][0])
print("beta1 0.9: precision in eight games", *(f"{value:.2f}" for value in eight))

# %% [markdown]
# Neither number means much alone: one perfect mode has full precision, and samples all over the disc have full recall. Both are
# fragile, too: one outlier gets a huge ball, and a huge ball "covers" much. Naeem et al. (2020) therefore use *real* balls
# only, and count them. **Density** is the number of these balls that hold a generated sample, on average, over $k$; it can
# exceed 1. **Coverage**, which lesson 01 used, is the share of them that hold at least one. A thousand points all over the disc
# do not fool it, because few land on a mode. Ten thousand would cover more than half of the data, so compare coverages at equal
# sample sizes only.
#
# Coverage tells the two values of $\beta_1$ apart: in all but one of the fifteen games with $0.5$ it is higher than in any with
# $0.9$. Precision does so only while $G$ scatters: one game of eight with $0.9$ is a true mode collapse, with full precision.
# And even a GAN that found all eight modes leaves much of the data uncovered: its points lie between the modes, or in part of
# one.

# %% [markdown]
# ## Digits, beside a VAE
#
# The same losses and the same round now draw 28×28 digits. Both networks are `mlp`s here; GANs for pictures use convolutions,
# and so does studio section F. (`BatchNorm1d` normalizes each unit over the batch, then scales and shifts it. `LeakyReLU`
# lets a fifth of the negative side through. `Dropout` sets three units in ten to zero at random, against memorization.)
#
# One trick, proposed against mode collapse, needs no labels. k-means puts each training picture, reduced to 50 principal components,
# with the nearest of forty centers, and moves each center to the mean of its pictures, again and again. Every picture, real or
# generated, carries the one-hot number of its cluster, and $D$ asks "is this a real one *of this cluster*?". A forgotten
# cluster costs $G$ at once; within each, the old dangers remain. (Liu et al. 2020 recluster the discriminator's features during
# training; we cluster once.)


# %% tags=["export", "folded"]
class DigitGenerator(nn.Module):
    """Noise and a cluster to a picture in [0, 1] and the cluster. z (B, 32 + K) -> (B, 784 + K)"""

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
class DigitDiscriminator(nn.Module):
    """A logit for a picture with its cluster. x (B, 784 + K) -> (B,)"""

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
        self.of_its_cluster = nn.Linear(K, 256, bias=False)
        nn.init.normal_(self.of_its_cluster.weight)  # far apart from the start

    def forward(self, x):
        h = self.features(x[:, :784])  # (B, 256)
        match = (h * self.of_its_cluster(x[:, 784:])).sum(dim=1)  # (B,)
        return self.real(h)[:, 0] + match / 16  # (B,)


# %% [markdown]
# The last line is a **projection discriminator** (Miyato & Koyama 2018): features of the picture, times a direction that is
# learned for the cluster. A sum of $256$ products is divided by $\sqrt{256} = 16$.
#
# ### Exercise 6.4 · `update_average`
# The generator circles its goal instead of settling. So let a second copy, `average`, follow it, and draw with the copy. Its
# weights are an **exponential moving average (EMA)** of the generator's (Yazıcı et al. 2019): in each round the share `keep` of
# the old average remains, and the rest is new. `average` is always in `eval` mode, and everything that the network uses in that
# mode must follow, all in the same way. `net` must not change, and no computation graph may remain.


# %% tags=["exercise:6.4", "points:4", "minutes:8", "export"]
@torch.no_grad()
def update_average(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Change `average` in place: the share `keep` of it remains, the rest comes from `net`.

    Both are networks of the same layers.
    """
    # BEGIN SOLUTION
    latest = net.state_dict()
    for name, old in average.state_dict().items():
        if old.is_floating_point():  # BatchNorm also counts batches, in an integer
            old.lerp_(latest[name], 1 - keep)
    # END SOLUTION


# %% tags=["check:6.4"]
update_average = check("6.4", update_average)

# %% [markdown] tags=["help:6.4"]
# Which numbers does `BatchNorm1d` use in `eval` mode that are not parameters? Print `net.state_dict().keys()` for a small
# network. And what is the difference between giving a name to a new tensor and writing into an old one?
# ---
# Take `keep = 0.9`, an average that holds only ones, and a network that holds only twos. The average becomes
# $0.9 \cdot 1 + 0.1 \cdot 2 = 1.1$, in the weights, in the biases, and in BatchNorm's running mean and variance. If the network
# then holds threes, it becomes $0.9 \cdot 1.1 + 0.1 \cdot 3 = 1.29$.
# ---
# `state_dict()` has parameters *and* buffers, and its tensors share memory with the network's, so `old.copy_(...)` or
# `old.lerp_(new, weight)` change the network. BatchNorm's counter is an integer and plays no part here: leave it out with
# `is_floating_point()`.


# %% tags=["export", "folded"]
def tagged(x, K, seed):
    """Pictures with the one-hot number of their cluster. (N, 784) -> (N, 784 + K)"""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    reduced = PCA(50, random_state=seed).fit_transform(x.cpu().numpy())  # (N, 50)
    cluster = torch.tensor(KMeans(K, n_init=1, random_state=seed).fit_predict(reduced)).long()
    return torch.cat([x, F.one_hot(cluster, K).float().to(x.device)], dim=1)


def noise_with_tags(n, x):
    """z for n samples, with clusters as frequent as in x (N, 784 + K). -> (n, 32 + K)"""
    rows = torch.randint(len(x), (n,))
    return torch.cat([torch.randn(n, 32).to(x.device), x[rows, 784:]], dim=1)


@torch.no_grad()
def generate(generator, x, n):
    """n pictures (n, 784) by a generator that was trained on x (N, 784 + K)."""
    return generator(noise_with_tags(n, x))[:, :784]


# %% tags=["export", "folded"]
def gaussian_per_cluster(x, n):
    """A baseline without training: each cluster's mean and covariance. (N, 784 + K) -> (n, 784)"""
    label, drawn = x[:, 784:].argmax(dim=1), []
    for k in label[torch.randint(len(x), (n,))]:
        members = x[label == k, :784]
        mean = members.mean(dim=0)
        deviations = (members - mean) / max(1, len(members) - 1) ** 0.5  # (members, 784)
        drawn.append(mean + torch.randn(len(members)).to(x.device) @ deviations)
    return torch.stack(drawn).clamp(0, 1)


# %% tags=["export"]
def play(G, D, x, batch=64, every=50):
    """Train on tagged pictures x (N, 784 + K) forever; yields the averaged generator."""
    average = copy.deepcopy(G.net).eval().requires_grad_(False)
    for t in itertools.count(1):
        z1, z2 = noise_with_tags(batch, x), noise_with_tags(batch, x)  # (B, 32 + K) each
        train_step(G, D, x[torch.randint(len(x), (batch,))], z1, z2)
        update_average(average, G.net, keep=0.98)
        if t % every == 0:
            yield average


# %% tags=["folded"]
digits = data.mnist()
x_train = digits.x_train.flatten(1).to(device)  # (4000, 784)
real_features = metrics.digit_features(digits.x_test)  # (1000, 64)


def report(pictures):
    """FD (lesson 05), precision, recall, density, coverage, and the digits read in (N, 784)."""
    features = metrics.digit_features(pictures.cpu())  # (N, 64)
    names = ("precision", "recall", "density", "coverage")
    scores = measures(torch.as_tensor(real_features), torch.as_tensor(features), k=3)
    scores = dict(zip(names, scores, strict=True))
    read = len(set(metrics.read_digits(pictures.cpu())))
    return {"FD": metrics.frechet_digits(pictures.cpu())} | scores | {"digits read": read}


# %%
runtime.seed_all(7)
x = tagged(x_train, K=40, seed=7)  # (4000, 784 + 40)
digit_G = Player(DigitGenerator(40), lr=8e-4).to(device)
digit_D = Player(DigitDiscriminator(40), lr=8e-4).to(device)
game = play(digit_G, digit_D, x, every=runtime.budget(smoke=10, cpu=50))
for _ in progress.bar(range(runtime.budget(smoke=1, cpu=20)), "50 rounds"):
    average = next(game)

# %% [markdown]
# **Predict.** That was a thousand rounds, and nobody has looked at a label. Which will be higher, precision or recall?
#
# - A: recall, because the clusters guarantee variety
#   - They ask for variety between clusters. Within each, $G$ may draw one picture over and over.
# - B: precision
#   - **Yes.** Ten digits, and few ways to write each. Variety comes last.
# - C: both are about the same, and low after so few rounds
#   - The edges are sharp, and most digits are readable; precision is what $D$ teaches first.

# %%
samples = generate(average, x, 1000)  # (1000, 784)
scores = report(samples)
latest = report(generate(copy.deepcopy(digit_G.net).eval(), x, 1000))

# %% tags=["folded"]
gaussians = gaussian_per_cluster(x, 1000)  # (1000, 784)
table = {
    "averaged": scores,
    "latest": latest,
    "Gaussian per cluster": report(gaussians),
    "without its haze": report(gaussians * (gaussians > 0.3)),
    "other real digits": report(x_train[:1000]),
}
for name, row in table.items():
    print(f"{name:<21}", "  ".join(f"{key} {v:.3g}" for key, v in row.items()))
race = data.study("gan_race")
plots.rows(
    {
        "real": digits.x_test[:20].flatten(1),
        "Gaussian per cluster": gaussians[:20].cpu(),
        "GAN, this run": samples[:20].cpu(),
        f"GAN, after {race['seconds'][-1]} s": race["samples_clusters"][:20] / 255,
        f"VAE, after {race['seconds'][-1]} s": race["samples_vae"][:20] / 255,
    },
    alt="Rows of twenty digits: real ones; by a Gaussian per cluster, hazy, with doubled strokes; "
    "a GAN's after this run; the same GAN's after a longer one; a VAE's.",
)

# %% [markdown]
# <details><summary>What to see in the rows</summary>
#
# In this run the averaged weights draw better than the latest ones, at almost no cost; diffusion models (lesson 09) use the
# same trick. The GAN's strokes have sharp edges where the VAE's are soft. A VAE whose decoder treats the pixels as independent
# averages what it is unsure about; a discriminator that sees the whole picture notices at once that no real stroke is so soft.
# The last line of the table is the yardstick: other real digits. The GAN's precision is near theirs, its recall far below.
#
# But look at the baseline, which needs no training: it draws from the mean and covariance of each cluster's pixels. After a
# thousand rounds the GAN is no better in FD or precision, and far behind in recall and coverage, although the baseline has haze
# and doubled strokes. Removing the haze (all gray below $0.3$) improves FD and hardly changes precision, so high precision is
# no proof of sharp strokes. Given thirty seconds, the GAN leads in FD alone, barely (studio section F).
#
# Which model is better depends on what you need: measure that, and look. And of a *given* picture, the GAN says nothing; the
# VAE has its −ELBO.
#
# </details>
#
# **Where GANs live today.** Diffusion models have taken their place in generating pictures from scratch: they are easier to
# train and cover more of the data. The adversarial loss is still at work where one fast step must be sharp: in the decoder that
# turns latent codes into pixels (VQGAN, Esser et al. 2021; the first stage of latent diffusion, Rombach et al. 2022), in
# super-resolution (ESRGAN, Wang et al. 2018), in turning spectrograms into sound (HiFi-GAN, Kong et al. 2020), and in diffusion
# models distilled to one to four steps (Sauer et al. 2023). Huang et al. (2024) report a simple GAN, with today's layers and a
# regularized loss, that keeps up with diffusion models on several sets of small pictures.

# %% [markdown]
# ## What this run reached
#
# Every row involves chance. The expected range is that of five runs with different seeds, widened by its own width on
# both sides.

# %% tags=["folded"]
half = ring_rounds // 100  # of a game's film
lost = np.median([found_modes[0.9, seed][half:] for seed in (5, 7)])
coverage_with = {
    beta1: np.mean([measured[f"beta1 {beta1}, seed {seed}"][3] for seed in (5, 7)])
    for beta1 in (0.5, 0.9)
}
inside = runtime.reached(
    {
        "06.js.even": reached_js[1, 1],
        "06.js.lagging": reached_js[1, 4],
        "06.ring.lost": lost,
        "06.ring.coverage": coverage_with[0.5],
        "06.ring.coverage_lost": coverage_with[0.9],
        "06.digits.fd": scores["FD"],
        "06.digits.precision": scores["precision"],
        "06.digits.recall": scores["recall"],
    }
)

# %% tags=["solved"]
assert inside
assert lost <= 4 and coverage_with[0.5] > coverage_with[0.9] + 0.1
assert max(found_modes[0.5, seed][-1] for seed in (5, 7)) >= 7  # one game in fifteen fails
assert abs(cosine + 1) < 0.01 and detached is None
assert abs(value - 2 * js(p, q) + math.log(4)) < 1e-3
assert measured["one mode, perfect"][0] > 0.8 and measured["one mode, perfect"][1] < 0.2
ends = [np.linalg.norm(path[-1]) for path in paths.values()]
assert 0.9 < ends[0] < 1.1 < ends[1] < ends[2] and ends[3] < 0.1
assert scores["digits read"] == 10 and scores["FD"] < latest["FD"]

# %% [markdown]
# That was the core. The studio has eight sections, in any order; nothing later needs them.
# [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Section A · Precision and recall from neighbors
#
# The core used the course's own precision and recall. Write them.
#
# ### Exercise 6.5 · `precision_recall`
# A point is *in* a sample's region if it lies in at least one of the balls around its members, the rim included. Each ball
# reaches to its center's $k$-th nearest neighbor in the same sample; a point is not its own neighbor.


# %% tags=["studio", "exercise:6.5", "points:5", "minutes:12"]
def precision_recall(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    """Shares of fake among real, and of real among fake. (N, d), (M, d), k < N, M -> two numbers"""

    # BEGIN SOLUTION
    def share(points, sample):
        """The share of points that lie in some ball of the sample."""
        neighbors = torch.cdist(sample, sample).sort(dim=1).values  # (C, C), first column: itself
        inside = torch.cdist(points, sample) <= neighbors[:, k]  # (P, C)
        return inside.any(dim=1).float().mean().item()

    return share(fake, real), share(real, fake)
    # END SOLUTION


# %% tags=["studio", "check:6.5"]
precision_recall = check("6.5", precision_recall)

# %% [markdown] tags=["studio", "help:6.5"]
# Both numbers ask the same question with the roles exchanged. What does a helper need that says which points lie in a
# sample's region, and what comes first in a row of sorted distances from a point to its own sample?
# ---
# On a line, $k = 1$. Real: $0, 1, 5$; the nearest neighbors are at distance $1, 1, 4$. Fake: $1.5, 1.6, 9$ with radii $0.1,
# 0.1, 7.4$. $1.5$ and $1.6$ lie in the ball of $1$, and $9$ in that of $5$ (the rim counts): precision $1$. Of the real
# ones, $5$ lies in the large ball of $9$, and the others in none: recall $\tfrac13$.
# ---
# Distances within the sample, sorted: column 0 is the point itself, column $k$ its $k$-th neighbor. Then every point is
# compared with every ball of the sample, and one ball is enough. A single radius for all would let the sparse parts decide for
# the dense ones.

# %% tags=["studio"]
ring_gan = lab[0.5, 5][0][-1].cpu().double()  # float64, which not every GPU has
own = precision_recall(real_points.double(), ring_gan, 5)
print("yours and the course's agree:", np.allclose(own, measured["beta1 0.5, seed 5"][:2]))

# %% [markdown] tags=["studio"]
# ### Section B · The optimal discriminator, line by line
#
# With densities $p$ of the data and $q$ of the samples, and $m = (p + q)/2$ (Goodfellow et al. 2014, section 4):
#
# $$ \begin{aligned}
# V(D, G) &= \int p \log D + q \log(1 - D)\; dx && (1)\ \text{both averages as integrals} \\
# D^* &= \frac{p}{p + q} && (2)\ \text{the derivative } \tfrac pD - \tfrac{q}{1-D} \text{ is zero; the second is negative} \\
# V(D^*, G) &= \int p \log\frac{p}{2m} + q \log\frac{q}{2m}\; dx && (3)\ p + q = 2m \\
# &= -2\log 2 + D_{\mathrm{KL}}(p\,\|\,m) + D_{\mathrm{KL}}(q\,\|\,m) && (4)\ \text{both densities integrate to one} \\
# &= -\log 4 + 2\,\mathrm{JS}(p, q) \;\ge\; -\log 4 && (5)\ \text{equal only if } p = q
# \end{aligned} $$
#
# Line (5) can be read in two ways. The generator's best is $q = p$. And a lower bound on $\mathrm{JS}$ can be *estimated*, by
# training a classifier: on fresh samples, any $D$ but the optimal one gives a smaller value in expectation. (A real,
# imperfect $D$ makes $G$ look closer than it is.)
#
# And the non-saturating loss? With $D^*$ held fixed, the gradient of $-\log D^*$ in $G$'s weights is that of
# $D_{\mathrm{KL}}(q\,\|\,p) - 2\,\mathrm{JS}(p, q)$ (Arjovsky & Bottou 2017): a reverse KL, which lesson 02 found mode-seeking,
# and a JS with the wrong sign.


# %% tags=["studio", "nbval-check-output"]
def V(D):
    """Line (1) on the grid, for probabilities D. (161, 1) -> number"""
    D = D.clamp(1e-9, 1 - 1e-9)
    return ((p * torch.log(D) + q * torch.log1p(-D)).sum() * width).item()


m = (p + q) / 2
kl_p, kl_q = ((torch.xlogy(a, a) - torch.xlogy(a, m)).sum().item() * width for a in (p, q))
line_3 = (torch.xlogy(p, p / (2 * m)) + torch.xlogy(q, q / (2 * m))).sum().item() * width
print(f"(1) with the optimal D   {V(p / (p + q)):.4f}")
print(
    f"(3) {line_3:.4f}   (4) {-2 * math.log(2) + kl_p + kl_q:.4f}   "
    f"(5) {-math.log(4) + 2 * js(p, q):.4f}"
)
off = [V(p / (p + q) + shift) for shift in (-0.05, 0.05)]
print(f"(1) with D too small or too large by 0.05: {off[0]:.4f}, {off[1]:.4f}")

# %% [markdown] tags=["studio"]
# **A map of $D^*$.** In the plane, bright where $D^*$ says real, dark where it says fake, white where there is nothing. The
# data are the ring, with modes five times as wide. The generator is one Gaussian, which you drag. The arrow shows where the
# gradient of $-\log D^*$ at its center would move it.
#
# **Your goal.** Put the Gaussian on a mode, and make it narrow. Which way does the arrow point, and how strong is it? Then make
# it wide.

# %% tags=["studio"]
explorables.pull()

# %% [markdown] tags=["studio"]
# <details><summary>What to find on the map</summary>
#
# On a mode, the gradient at the center is zero. Away from the center it is not: with standard deviations $\sigma_q < \sigma_p$,
# $\nabla(\log p - \log q) = x/\sigma_q^2 - x/\sigma_p^2$ points outward, so a Gaussian that is too narrow widens until it fits
# the mode. But it fits *this* mode. Toward the seven others $D^*$ is close to 1 and flat: between the modes the generator has
# no samples, so nothing there is told where to go. That is why a collapse can last. A wide generator covers several modes at
# once, and its samples receive different gradients.
#
# </details>


# %% [markdown] tags=["studio"]
# ### Section C · Both objectives reversed
#
# **Debug a claim.** A description of GANs that is often copied says: the *generator* makes the discriminator's error on generated
# samples *small*; the *discriminator* makes that error *large*. The error of a discriminator on a sample is the negative
# log-likelihood of "fake", $-\log(1 - D(G(z)))$. Real data appear nowhere. Implemented as stated (with a bound on
# $D$'s loss, which would run to minus infinity), and judged by $W_1$, the **earth mover's distance**: how far samples must be
# moved, on average, to become data:


# %% tags=["studio"]
def claimed_g(fake):
    """The claim: G minimizes D's error."""
    return F.softplus(fake).mean()


def claimed_d(real, fake):
    """The claim: D maximizes its own error. Real data are not looked at."""
    return -F.softplus(fake).clamp(max=10).mean()


def play_line(d_objective, g_objective, seed):
    """Play on the line with any two objectives. -> W1, mean D of real and of generated"""
    runtime.seed_all(seed)
    G = Player(toys.LineGenerator(mlp(1, 32, 1))).to(device)
    D = Player(mlp(1, 32, 1)).to(device)
    for _ in range(rounds):
        D.move(d_objective(D(toys.data_on_line(128)), D(G(noise(128)).detach())))
        G.move(g_objective(D(G(noise(128)))))
    with torch.no_grad():
        logits = torch.cat([D(toys.data_on_line(4000)), D(G(noise(4000)))]).view(2, -1)
        distance = w1(G(noise(4000)), toys.data_on_line(4000))
        return distance, *torch.sigmoid(logits).mean(dim=1).tolist()


# %% [markdown] tags=["studio"]
# **Predict.** What will this discriminator say about real and about generated examples?
#
# - A: "fake" for both
#   - Its error on generated samples would be small then, and it makes that error large.
# - B: "real" for both
#   - **Yes.** To be wrong about generated samples it calls them real, and nothing ever shows it real ones.
# - C: "fake" for real ones, "real" for generated ones
#   - Real ones do not enter its loss, so it learns nothing about them in particular.

# %% tags=["studio"]
reversed_w1 = {}
sides = {
    "as claimed": (claimed_d, claimed_g),
    "only G corrected": (claimed_d, g_loss),
    "only D corrected": (d_loss, claimed_g),
    "both corrected": (d_loss, g_loss),
}
for (name, objectives), others in zip(sides.items(), controls["reversed_w1"], strict=True):
    reversed_w1[name], of_real, of_fake = play_line(*objectives, seed=8)
    print(f"{name:<17} D: real {of_real:.2f}, generated {of_fake:.2f}", end="   ")
    print(f"W1 {reversed_w1[name]:.2f}, seeds 0 to 4", *(f"{value:.2f}" for value in others))

# %% [markdown] tags=["studio"]
# As claimed, the players oppose each other, but over generated samples alone. $D$ ends saying "real" to everything, and $W_1$
# rises to nearly that of a single point in the middle, 2; an untrained $G$ has half of that. With only $G$ corrected, nothing
# ties $D$ to the data, and where $G$ goes is chance. With only $D$ corrected, $G$ moves *away* from the data, to the middle
# again, hence the same $W_1$. With both, $W_1$ falls to a fraction of where it began. Conflict alone is not enough: $D$ must see
# real examples, and $G$ must aim to pass for one.
#
# **The loop has faults of its own.** In a common pseudocode one forward pass serves both losses, nothing is detached, and $G$
# moves before $D$'s gradient is computed. In PyTorch:


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


errors = {}
for name, retain, fused in [
    ("as claimed", False, False),
    ("retain_graph", True, False),
    ("retain_graph, fused Adam", True, True),
]:
    runtime.seed_all(11)
    G, D = Player(mlp(2, 64, 2)).to(device), Player(mlp(2, 64, 1)).to(device)
    G.optimizer = torch.optim.Adam(G.parameters(), fused=fused)
    try:
        claimed_round(G, D, toys.ring(64), noise(64), retain)
        errors[name] = "no error"
    except RuntimeError as error:
        errors[name] = str(error)
    print(f"{name:<24} {errors[name][:70]}")

# %% [markdown] tags=["studio"]
# A computation graph can be walked once, unless it is retained, and it must not be walked after the weights it needs have
# changed. PyTorch refuses twice, and rightly. The third line is a warning: in this version of PyTorch the fused optimizer of
# our `Player` changes weights without telling the graph. Here that spoils only what leaks into $G$. If $D$ moved first, it
# would spoil the gradient that $G$ uses, without an error. `train_step` needs neither trick, because each loss has a graph of
# its own.

# %% [markdown] tags=["studio"]
# ### Section D · What saturation costs
#
# In the duel of the core, where $G$ begins near the data, the saturating loss does no harm. So start the generator far away,
# near 8, give the discriminator a head start of 500 steps, and compare both losses, with Adam and with plain gradient descent
# for $G$.
#
# **Predict.** Which of the four bring $G$ back from far away with every seed?
#
# - A: both non-saturating ones, neither saturating one
#   - What does Adam do with the *size* of a gradient?
# - B: both with Adam, and the non-saturating one without
#   - **Yes.** Adam divides by the size of the gradients, so a tiny one moves the weights nearly as far as a large one.
# - C: all four, the saturating ones later
#   - With plain gradient descent a vanishing gradient means vanishing steps: most of these games hardly move.


# %% tags=["studio"]
def from_afar(g_objective, adam, seed=12):
    """G starts near 8, D is far ahead. -> W1 to the data, length of G's gradient, lists"""
    runtime.seed_all(seed)
    G = Player(toys.LineGenerator(mlp(1, 32, 1))).to(device)
    D = Player(mlp(1, 32, 1)).to(device)
    if not adam:
        G.optimizer = torch.optim.SGD(G.parameters(), lr=0.01)
    with torch.no_grad():
        G.net.bend[-1].bias += 8
    path, size = [], []
    for t in range(rounds):
        D.move(d_loss(D(toys.data_on_line(128)), D(G(noise(128)).detach())))
        if t >= rounds // 2:
            fake = G(noise(128))
            G.move(g_objective(D(fake)))
            path.append(w1(fake, toys.data_on_line(128)))
            size.append(torch.cat([w.grad.flatten() for w in G.parameters()]).norm().item())
    return path, size


def saturating(fake):
    return -F.softplus(fake).mean()


# %% tags=["studio"]
afar = {}
for adam in progress.bar((True, False), "with Adam, with SGD"):
    afar["saturating", adam] = from_afar(saturating, adam)
    afar["non-saturating", adam] = from_afar(g_loss, adam)
drawing.far_away(afar)

# %% tags=["studio", "folded"]
for (name, adam), ends in zip(afar, controls["afar_w1"], strict=True):
    each = " ".join(f"{value:.2f}" for value in ends)
    print(f"{name:<14} {'Adam' if adam else 'SGD':<4}  W1 at the end, seeds 0 to 4: {each}")
for name, near in (("saturating", controls["js_minimax"]), ("non-saturating", study["js"][:, 2])):
    print(f"{name:<14} duel  JS, seeds 0 to 4:", *(f"{value:.3f}" for value in near))

# %% [markdown] tags=["studio"]
# With plain gradient descent the non-saturating loss brings $G$ back with all five seeds. The saturating one leaves it farther
# away with each, and with three $G$ hardly moves. With Adam every game comes back, and the saturating loss ends no farther away
# than the other with any seed: here saturation costs nothing.

# %% [markdown] tags=["studio"]
# ### Section E · A distance that does not saturate
#
# Even with an optimal discriminator, one problem remains: two distributions with disjoint supports have a JS of $\log 2$,
# *however far apart* they are. The **Wasserstein distance** $W_1$ still tells near from far. Move the generator toward the
# data, and compare.

# %% tags=["studio"]
explorables.distances()

# %% [markdown] tags=["studio"]
# Far away JS is flat, while $W_1$ falls with every step. By **Kantorovich-Rubinstein duality**, $W_1$ is also the value of a
# game, with a **critic** $D$ that returns *scores*, not logits, and that obeys a **Lipschitz constraint**: nowhere may it be
# steeper than 1 (Arjovsky et al. 2017).
#
# $$ W_1 = \max_{\|\nabla D\| \le 1}\; \mathbb E_{\text{data}} D(x) - \mathbb E_z D(G(z)) $$
#
# How does one keep a network from being steep? **Spectral normalization** divides each layer's weights by their largest singular
# value (Miyato et al. 2018; in PyTorch, `torch.nn.utils.parametrizations.spectral_norm`). Gulrajani et al. (2017) add a
# **gradient penalty** to the critic's loss. Take points $\hat x = \varepsilon\, x + (1 - \varepsilon)\, G(z)$ between real and
# generated pairs, with $\varepsilon$ uniform on $[0, 1]$, one for each pair. There the gradient should have norm 1:
#
# $$ \text{penalty} = \mathbb E\, \big( \|\nabla_{\hat x} D(\hat x)\|_2 - 1 \big)^2 $$
#
# (The theorem behind it says norm 1 on the lines between points that an optimal transport pairs up. Random pairs are an
# approximation that works.)
#
# ### Exercise 6.6 · `gradient_penalty`
# The penalty, without its weight $\lambda$. `eps` is handed in. The critic must be able to *learn* from it, so the gradient
# needs a computation graph of its own: `torch.autograd.grad` with `create_graph=True`.


# %% tags=["studio", "exercise:6.6", "points:5", "minutes:12", "export"]
def gradient_penalty(D, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    """The penalty of WGAN-GP, without its weight, differentiable in D's weights.

    D: (B, d) -> (B,) or (B, 1); real, fake (B, d), eps (B, 1) in [0, 1] -> one number
    """
    # BEGIN SOLUTION
    between = (eps * real + (1 - eps) * fake).detach().requires_grad_()  # (B, d)
    (grads,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)  # (B, d)
    return ((grads.norm(dim=1) - 1) ** 2).mean()
    # END SOLUTION


# %% tags=["studio", "check:6.6"]
gradient_penalty = check("6.6", gradient_penalty)

# %% [markdown] tags=["studio", "help:6.6"]
# Each $\hat x$ has a gradient of its own, a vector of $d$ numbers. Which dimension does its norm run over? And why does the
# gradient of the *sum* of all scores give every point its own?
# ---
# $D(x) = 3x_1 + 4x_2$ has gradient $(3, 4)$ everywhere, of norm 5: the penalty is $16$, whatever the points. With $D(x) =
# \tfrac12\|x\|^2$ the gradient at $\hat x$ is $\hat x$ itself: for $x = (2, 0)$, $G(z) = (0, 0)$ and $\varepsilon = \tfrac14$
# the norm is $\tfrac12$, the penalty $\tfrac14$.
# ---
# Score number $i$ depends on point number $i$ alone, so the gradient of the sum with respect to all points has each one's
# gradient in its row. Take the norm row by row, subtract 1, square, and average. Without `create_graph` the number is right, but
# no gradient reaches the critic's weights.


# %% tags=["studio"]
def train_critic(beta1, rounds, seed, critic_moves=2, weight=1.0):
    """WGAN-GP on the ring. -> samples (1000, 2) after every 50 rounds"""
    runtime.seed_all(seed)
    G, D = (Player(mlp(2, 128, n), lr=2e-3, beta1=beta1).to(device) for n in (2, 1))
    film = []
    for t in progress.bar(range(1, rounds + 1), "rounds"):
        for _ in range(critic_moves):
            real, fake = toys.ring(128), G(noise(128)).detach()
            penalty = gradient_penalty(D, real, fake, torch.rand(128, 1).to(device))
            D.move(D(fake).mean() - D(real).mean() + weight * penalty)
        G.move(-D(G(noise(128))).mean())
        if t % 50 == 0:
            with torch.no_grad():
                film.append(G(noise(1000)))
    return film


# %% [markdown] tags=["studio"]
# **Predict.** With $\beta_1 = 0.9$ the GAN lost the ring. Let both losses play eight games with this $\beta_1$ and two moves of
# $D$ per round. What does the critic change?
#
# - A: it keeps all eight modes, because $W_1$ does not saturate
#   - None of these games ends with all eight, with either loss.
# - B: its samples are cleaner, because the penalty keeps $D$ from being steep
#   - Their precision is lower in five of the eight games, and in 15 of 16 games most points lie off the data.
# - C: its loss tells how far the samples are from the data
#   - **Yes.** Near the data, minus the critic's loss follows $W_1$ (last panel). The GAN's loss carries no such information.

# %% tags=["studio"]
critic_film = train_critic(0.9, ring_rounds, seed=5)
both = data.study("gan_critic")  # tools/measure/studies/gan_critic.py
drawing.critic_and_its_loss(toys.ring(500), critic_film, both)


# %% tags=["studio", "folded"]
def rank_correlation(a, b):
    """1 if b rises whenever a does. (T,), (T,) -> number"""
    return np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1]


def w1_in_plane(a, b):
    """W1 of two samples, by the cheapest way to pair them up. (n, 2), (n, 2) -> number"""
    from scipy.optimize import linear_sum_assignment

    cost = torch.cdist(a, b).cpu().numpy()  # (n, n)
    return cost[linear_sum_assignment(cost)].mean()


for kind, row in itertools.product(("gan", "critic"), (0, 1)):
    games_of_kind = zip(both[f"{kind}_loss"][row], both[f"{kind}_w1"][row], strict=True)
    follows = [
        [rank_correlation(-loss, distance), rank_correlation(-np.diff(loss), np.diff(distance))]
        for loss, distance in games_of_kind
    ]
    ends = {key: both[f"{kind}_{key}"][row] for key in ("precision", "coverage")}
    ends["W1"] = both[f"{kind}_w1"][row, :, -1]
    print(f"{kind:<7}moves of D {both['moves'][row]}   modes", *sorted(both[f"{kind}_modes"][row]))
    print("  medians: ", "  ".join(f"{key} {np.median(v):.2f}" for key, v in ends.items()), end="")
    levels, changes = np.median(follows, axis=0)
    print(f"  rank correlation of minus D's loss and W1: {levels:.2f}, of changes {changes:.2f}")
near = both["critic_w1"][1] < 1  # looks (8, 14)
low, high = np.percentile(-both["critic_loss"][1][near] / both["critic_w1"][1][near], (10, 90))
print(f"critic, W1 below 1: minus D's loss is {low:.2f} to {high:.2f} of W1 in 8 of 10 looks")
print(f"W1 of two samples of the data: {w1_in_plane(toys.ring(500), toys.ring(500)):.2f}")
baselines = data.study("gan_baselines")  # R1 with weight 0.1, and Gaussians for section F
for row, beta1 in enumerate(baselines["beta1"]):
    without, precise = fifteen["modes"][row, :5], baselines["precision"][row]
    print(f"GAN with R1, beta1 {beta1}, seeds 0 to 4: modes", *baselines["modes"][row], end="")
    print(f", precision {precise.min():.2f} to {precise.max():.2f}; without R1: modes", *without)

# %% [markdown] tags=["studio"]
# With two moves, the critic's samples end nearer to the data than the GAN's in all eight games; with one, in five, and on
# almost no mode. So compare losses at equal moves, or you credit $W_1$ with what a second move did. What only the critic has is
# a loss that means something: with two moves, and near the data, minus that loss follows $W_1$, within about a fifth at most
# looks. (The high rank correlation is weaker evidence: in these games both fall with time, and their changes from look to look
# agree much less.) $W_1$ here pairs 500 samples with 500 data points, so it is not 0 even for two samples of the data.
#
# The R1 penalty of the core helps the GAN, too: with $0.9$, four of five games end with six modes or more, though most points
# still lie where no data are.
#
# The cost is time: about 40 to 80% more per round, at equal moves. Points between the modes remain. (The paper
# uses $\lambda = 10$, five critic steps per round, and Adam with $\beta_1 = 0$, $\beta_2 = 0.9$. Here $\lambda = 1$, and
# $\beta_1 = 0.9$ as in the ring lab.)

# %% [markdown] tags=["studio"]
# ### Section F · Convolutions, and a race at equal seconds
#
# The lesson's generators are `mlp`s because those are fast on a laptop. For pictures, **convolutions** are the standard since
# Radford et al. (2015, DCGAN): $D$ sees small patches with strided convolutions, $G$ grows a picture from 7×7 to 28×28 with
# transposed ones. The losses, the round and the clusters stay the same; `Dropout` goes.


# %% tags=["studio", "export"]
def convolutional(K, width=16):
    """G and D of the digit game, with convolutions. -> two networks"""
    G, D = DigitGenerator(K), DigitDiscriminator(K)
    G.net = nn.Sequential(
        nn.Linear(32 + K, 2 * width * 49, bias=False),
        nn.Unflatten(1, (2 * width, 7, 7)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),  # 14×14
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),  # 28×28
        nn.Sigmoid(),
        nn.Flatten(),
    )
    D.features = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, width, 4, stride=2, padding=1),  # 14×14
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),  # 7×7
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * width * 49, 256),
        nn.LeakyReLU(0.2),
    )
    return G, D


# %% tags=["studio"]
runtime.seed_all(9)
conv_G, conv_D = (Player(net, lr=8e-4).to(device) for net in convolutional(40))
for name, players in (("mlp", (digit_G, digit_D)), ("convolutional", (conv_G, conv_D))):
    start = time.process_time()
    next(play(*players, x, every=20))
    each = (time.process_time() - start) / 20
    size = sum(w.numel() for w in players[0].parameters())
    print(f"{name:<14}{size:8,d} weights in G, {1000 * each:3.0f} ms of CPU per round")

conv = data.study("gan_conv")  # tools/measure/studies/gan_conv.py, the same game
print(f"\nafter {conv['rounds']:,} rounds, seeds 0 and 1:")
for name in ("mlp", "convolutional"):
    pairs = zip(conv["scores"], conv[name].T, strict=True)
    print(f"{name:<14}" + ", ".join(f"{score} {a:.3g} and {b:.3g}" for score, (a, b) in pairs))
plots.rows(
    {f"{name}, seed 1": conv[f"samples_{name}"][:20] / 255 for name in ("mlp", "convolutional")},
    alt="Twenty digits by each generator, after the game with seed 1.",
)

# %% [markdown] tags=["studio"]
# The convolutional $G$ has a fifth of the weights, both players together half, and a round costs about twice the computing: a
# convolution uses each weight at many places. In both games its recall is far higher than the `mlp`'s and its precision lower.
# In FD it wins one game by a wide margin and loses the other by a wider one. One seed would have misled us again, whichever it
# was.
#
# **The race.** A VAE and two GANs, with and without clusters, at *equal CPU seconds* on one thread; two seeds each, because
# every run takes half a minute (`tools/measure/studies/gan_race.py`). It is fair in seconds, not in method: the GAN has
# clusters and averaged weights, and the VAE is a shallow one, 784-400-20. Lesson 05's chosen VAE reaches an FD of about 90.

# %% tags=["studio"]
drawing.race(race, {"vae": "VAE", "plain": "GAN", "clusters": "GAN, 40 clusters"})
for name in ("vae", "plain", "clusters"):
    last = [race[f"{name}_{what}"][:, -1].mean() for what in ("fd", "precision", "recall")]
    print(f"{name:<21} FD {last[0]:.0f}, precision {last[1]:.2f}, recall {last[2]:.2f}")
for name, rows in zip(list(table)[2:4], baselines["gaussians"], strict=True):
    last = np.median(rows, axis=0)  # of five seeds
    print(f"{name:<21} FD {last[0]:.0f}, precision {last[1]:.2f}, recall {last[2]:.2f}")

# %% [markdown] tags=["studio"]
# Ten seconds in, the VAE has the lowest FD; its learning-rate schedule ends there, while the GANs are only measured on the way.
# At the end the GAN with clusters leads the three in FD and precision, and the VAE in recall. The clusters improve fidelity,
# not variety: without them the GAN has nearly the same recall. The Gaussians, which need no training, are behind the GAN with
# clusters in FD alone, and without their haze only a little. Two seeds and two moments support no more than that.

# %% [markdown] tags=["studio"]
# ### Section G · A flowchart, redrawn
#
# A widely read introduction explains all generative AI with one chart. Here it is.

# %% tags=["studio"]
ax = plots.panel(
    size=(11, 2.4),
    alt="A chain of boxes: data, encoder, distribution, decoder, generated, "
    "discriminator, loss, optimizer, update; one arrow back to the encoder.",
)
drawing.chart_of_the_article(ax)

# %% [markdown] tags=["studio"]
# **Predict.** Which of these is missing from it for a GAN?
#
# - A: an arrow from real data to the discriminator
#   - **Yes.** And a second loss: each network needs one of its own, with an arrow back. The encoder must go.
# - B: an arrow from the encoder to the discriminator
#   - A GAN has no encoder.
# - C: nothing, it is a GAN with an encoder in front
#   - Its discriminator never sees real data, and neither decoder nor discriminator receives a gradient.

# %% tags=["studio"]
alt = (
    "Above, a VAE: x, encoder, mu and logvar, with noise to z, decoder, "
    "minus ELBO with x again. Below, a GAN: noise, G, D, data, two losses."
)
fig, axes = plots.figure(2, 1, size=(11, 5.4), alt=alt)
axes[0].set_title("VAE: one loss, two networks that work together")
drawing.chart_of_a_vae(axes[0])
axes[1].set_title("GAN: two losses, two networks that do not")
drawing.chart_of_a_gan(axes[1])

# %% [markdown] tags=["studio"]
# The chart is neither. A VAE has no discriminator; it needs noise between distribution and decoder, the data *again* at the
# loss, and an arrow back to the decoder. Its nearest relative is the VAE-GAN of Larsen et al. (2016), which has all three
# networks and needs all those arrows.

# %% [markdown] tags=["studio"]
# ### Section H · Build: the ring from an empty page
#
# Write a function that gets points and returns a sampler. No skeleton. The points lie on *some* ring of eight modes: its
# radius, its rotation and the modes' width differ from those above, so look at what you get. The goal: all eight modes, each
# with at least one in a hundred of the samples, and seven of ten samples within four standard deviations of a mode. A GAN with
# your own losses will do, or a critic, or any other model that generates. Copies of the given points do not count, even if each
# is moved by a small fraction of the gap to its neighbor. Nor does a pool of points drawn once: `sample` draws new ones at
# every call.
#
# ### Exercise 6.7 · `train_ring_sampler`
# The check hands you 4,000 points, asks your sampler for 2,000 and then for more, and names the first thing that is wrong. A game
# may be unlucky, so it trains a second time before it says no. It stops after 90 seconds, in case your computer is busy.


# %% tags=["studio", "exercise:6.7", "points:8", "minutes:25"]
def train_ring_sampler(x):
    """Learn to draw such points. x: (N, 2) -> sample, a function of n that returns (n, 2)"""
    # BEGIN SOLUTION
    scale, rounds, B = x.std(), min(3000, len(x)), 128
    G, D = (Player(mlp(2, 128, n), lr=2e-3) for n in (2, 1))

    def blurred(points):
        return points + std * torch.randn(B, 2)

    for t in range(rounds):
        std = 0.5 * max(0, 1 - 1.5 * t / rounds)  # instance noise, on real and fake alike
        for player in (G, D):
            player.optimizer.param_groups[0]["lr"] = 2e-3 * min(1, 2 - 2 * t / rounds)
        real = x[torch.randint(len(x), (B,))] / scale  # (B, 2)
        fake = G(torch.randn(B, 2)).detach()
        D.move(d_loss(D(blurred(real)), D(blurred(fake))))
        G.move(g_loss(D(blurred(G(torch.randn(B, 2))))))
    return lambda n: G(torch.randn(n, 2)).detach() * scale
    # END SOLUTION


# %% tags=["studio", "check:6.7"]
train_ring_sampler = check("6.7", train_ring_sampler)

# %% [markdown] tags=["studio", "help:6.7"]
# Which four things does the loop of this lesson need: two networks, two losses, two optimizers, and what else? Which single
# number ruined it above?
# ---
# Two hidden layers of 128, Adam with a learning rate of $0.002$ and $\beta_1 = 0.5$, batches of 128, 3,000 rounds: under ten
# seconds. Most games find all modes; some find six or seven and stay there. Noise added to *all* points, real and generated,
# makes the supports overlap at first, so that no mode is out of reach; let it shrink to nothing.
# ---
# The players and the losses are those of the ring. Dividing by the standard deviation makes the same settings fit any radius. The
# noise on both sides is called *instance noise* (Sønderby et al. 2017): where supports overlap, no discriminator is perfect. A
# decaying learning rate lets the game settle.

# %% tags=["studio"]
runtime.seed_all(13)
built_points = train_ring_sampler(toys.ring(runtime.budget(smoke=100, cpu=1500)).cpu())(2000)
built_points = torch.as_tensor(built_points, dtype=torch.float32, device=device)
built_modes, built_share = modes(built_points)
print(f"what you built: {built_modes} modes, {100 * built_share:.0f} percent of samples on a mode")
also_inside = runtime.reached(
    {
        "06.claimed.w1": reversed_w1["as claimed"],
        "06.corrected.w1": reversed_w1["both corrected"],
    }
)

# %% tags=["studio", "solved"]
assert also_inside and built_modes == 8 and built_share > 0.7
assert reversed_w1["as claimed"] >= 1.5 and reversed_w1["both corrected"] <= 0.35
assert abs(line_3 - 2 * js(p, q) + math.log(4)) < 1e-3 and max(off) < line_3
assert "second time" in errors["as claimed"] and "inplace" in errors["retain_graph"]
assert errors["retain_graph, fused Adam"] == "no error"
assert np.median(controls["afar_w1"][2]) > 6 > 2 > controls["afar_w1"][[0, 1, 3]].max()
assert np.allclose(own, measured["beta1 0.5, seed 5"][:2])

# %% [markdown]
# ## Where we are now
#
# You can
# - derive the optimal discriminator $p/(p+q)$, and say that it measures the Jensen-Shannon divergence;
# - write both losses, and say which gradient vanishes where the generator is worst;
# - keep each player's gradient out of the other, with `detach` and an optimizer each;
# - explain why the players circle, and detect mode collapse by modes, precision and recall, density and coverage;
# - train a GAN on digits with averaged weights, and say what it does better than a VAE, and what worse.
#
# **Read on.** Goodfellow et al. 2014, *Generative Adversarial Nets*. Radford, Metz & Chintala 2015, *Unsupervised Representation
# Learning with Deep Convolutional Generative Adversarial Networks*: DCGAN, and $\beta_1 = 0.5$. Mescheder, Geiger & Nowozin
# 2018, *Which Training Methods for GANs do actually Converge?* Gulrajani et al. 2017, *Improved Training of Wasserstein GANs*.
# Naeem et al. 2020, *Reliable Fidelity and Diversity Metrics for Generative Models*. Odena 2019, *Open Questions about Generative
# Adversarial Networks*.
#
# **Next.** Both our generators draw what *they* like. Lesson 07 asks for a 7, and checks whether it got one.
