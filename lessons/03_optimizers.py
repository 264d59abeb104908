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
# - *differentiate* a loss, by hand and with PyTorch, and check either with two nearby values;
# - say how long a step may be, and what happens beyond;
# - write the *training loop* of PyTorch, and say what each of its lines is for;
# - walk on *noisy* gradients, one example or one handful at a time;
# - say what *momentum* evens out, and build *Adam* by hand, equal to PyTorch's within $10^{-12}$.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import check, data, plots, progress, runtime, widgets
from course_utils.lesson03 import drawing, explorables

device = runtime.setup(seed=0)

# %% [markdown]
# ## Downhill: a slope and a step
#
# Lessons 01 and 02 fitted by counting, by a formula, or by trying out a list of candidates. None of that works for a
# network, where a million numbers act together on every prediction. What works is to stand somewhere, feel which way the loss falls, and take a step. Five points, and a line through the origin:
#
# $$ J(\theta) = \frac1n \sum_{i=1}^{n} (\theta x_i - y_i)^2, \qquad
#    \frac{dJ}{d\theta} = \frac2n \sum_{i=1}^{n} (\theta x_i - y_i)\, x_i $$
#
# The derivative is the **slope**: how fast $J$ rises when $\theta$ grows. **Gradient descent** goes against it, with a
# **step size** $\alpha$ (also called learning rate):
#
# $$ \theta \leftarrow \theta - \alpha \, \frac{dJ}{d\theta} $$
#
# **Predict.** All points lie close to $y = x$. We start at $\theta = 0$ with $\alpha = 0.01$, and the first step is $0.227$
# long. Will the second be longer, shorter, or the same?

# %% tags=["nbval-check-output"]
x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
y = np.array([1.2, 2.1, 3.0, 4.2, 5.1])


def J(theta):
    return ((theta * x - y) ** 2).mean()


def slope(theta):
    return 2 * ((theta * x - y) * x).mean()


def descend(theta, alpha, steps):
    """Every point that gradient descent visits. -> (steps + 1,)"""
    visited = [theta]
    for _ in range(steps):
        visited.append(visited[-1] - alpha * slope(visited[-1]))
    return np.array(visited)


by_hand, two_values = slope(0.3), (J(0.3 + 1e-6) - J(0.3 - 1e-6)) / 2e-6
print(f"slope at 0.3: {by_hand:.5f} by the formula, {two_values:.5f} from two nearby values")
path = descend(0.0, 0.01, 100)
print("theta:", ", ".join(f"{t:.4f}" for t in path[:6]), f"... {path[100]:.4f}")
print(f"the bottom, where the slope is zero: {(x * y).sum() / (x * x).sum():.4f}")

# %%
grid = np.linspace(-0.1, 2.1, 200)
ax = plots.panel(
    alt="A parabola; dots walk down its left side, far apart at first, then closer.", size=(7, 3)
)
plots.line(grid, [J(t) for t in grid], ax, color=plots.MUTED)
ax.plot(path[:16], [J(t) for t in path[:16]], "o-", color=plots.MODEL, linewidth=1)
plots.label(ax, "Fifteen steps from 0", "theta", "mean squared error")
# %% [markdown]
# <details><summary>What happened</summary>
#
# The first step is the longest, and each is $0.78$ times the one before: the step is $\alpha$ times the slope, and the slope
# shrinks on the way down. So nobody has to say when to slow down.
#
# </details>
#
# Keep the comparison with two nearby values in your pocket. It checks any derivative that anyone hands you, a library's
# included.

# %% [markdown]
# ## A step too large
#
# A hundred steps is a lot for five points. A longer step would be quicker.
#
# **Predict.** Four walkers start at 0, with $\alpha = 0.02$, $0.05$, $0.09$ and $0.092$. Which of them are at the bottom
# after fifty steps? What do the others do?

# %% tags=["nbval-check-output"]
walks = {alpha: descend(0.0, alpha, 100) for alpha in (0.02, 0.05, 0.09, 0.092)}
for alpha, visited in walks.items():
    told = "  ".join(f"{visited[k]:8.4f}" for k in (1, 2, 3, 50, 100))
    print(f"alpha {alpha:<6g} after 1, 2, 3, 50, 100 steps: {told}")

# %%
alt = (
    "Step 0.02 slides down, 0.05 jumps across and settles, "
    "0.09 swings from side to side, 0.092 swings wider each time."
)
fig, axes = plots.figure(1, 4, size=(11, 2.7), alt=alt)
wide = np.linspace(-0.4, 2.6, 200)
for ax, (alpha, visited) in zip(axes, walks.items(), strict=True):
    ax.plot(wide, [J(t) for t in wide], color=plots.MUTED)
    ax.plot(
        visited[:9], [J(t) for t in visited[:9]], "o-", color=plots.MODEL, linewidth=1, markersize=4
    )
    ax.set(xlim=(-0.4, 2.6), ylim=(0, 22))
    plots.label(ax, f"alpha = {alpha:g}", "theta", "loss" if alpha == 0.02 else "")

# %% [markdown]
# <details><summary>What happened</summary>
#
# $0.02$ and $0.05$ are there, $0.09$ swings from side to side and comes closer by two per cent a step, so that after
# fifty a third of the way is left, and $0.092$ swings wider and wider: it **diverges**. A change of two per cent in one
# number decides between slow arrival and explosion.
#
# </details>
#
# The reason fits in a line. The slope is $h\,(\theta - \theta^*)$, where $\theta^*$ is the bottom and the constant $h$, the
# **curvature**, is $\frac2n\sum x_i^2 = 22$. So each step multiplies the distance to the bottom by $1 - \alpha h$. It shrinks
# as long as this lies between $-1$ and $1$:
#
# $$ \alpha < \frac{2}{h} = \frac{2}{22} = \frac1{11} \approx 0.0909 $$
#
# The steeper the valley's walls, the shorter the step it allows. Remember this bound. Much of what follows is about valleys
# that are steep in one direction and flat in another.

# %% [markdown]
# ## PyTorch in five lines
#
# For a model with a million numbers nobody derives slopes by hand. PyTorch does, if you compute the loss with its arrays.
# They are called **tensors** and behave like NumPy's. One that is told `requires_grad=True` remembers what was computed from
# it, and `backward()` goes back through that record and leaves the slope in `.grad`. This is **autograd**.

# %% tags=["nbval-check-output"]
theta = torch.tensor(0.3, requires_grad=True)  # a number to learn
x_t, y_t = torch.tensor(x), torch.tensor(y)  # (5,), (5,) data
loss = ((theta * x_t - y_t) ** 2).mean()  # the loss, written as before
loss.backward()  # the slope of loss with respect to theta ...
print(f"autograd {theta.grad.item():.5f}   by hand {slope(0.3):.5f}")  # ... is now in theta.grad

# %% [markdown]
# **Predict.** We compute the same loss again (anew, since `backward()` uses up its record) and call `backward()` a second
# time. What stands in `theta.grad` now: the same
# number, zero, or twice the number?

# %% tags=["nbval-check-output"]
loss = ((theta * x_t - y_t) ** 2).mean()
loss.backward()
print(f"after a second backward: {theta.grad.item():.5f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Twice the number. `backward()` *adds* to `.grad`, so that a gradient can be collected in parts. The price: before every
# step somebody has to set it back to zero. Forgetting this is a common mistake, and nothing complains.
#
# </details>
#
# Three more names and you can read any training script. An **`nn.Module`** is a function that carries its own parameters.
# An **optimizer** holds these parameters and knows how to step. The **training loop** brings them together. Here are the
# first two, for a line with a constant:

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
model = nn.Linear(1, 1)  # prediction = weight * x + bias, both random to begin with
optimizer = torch.optim.SGD(model.parameters(), lr=0.03)  # will step against .grad
column, target = x_t.float()[:, None], y_t.float()[:, None]  # (5, 1), (5, 1): one row per example
print("parameters:", {name: tuple(p.shape) for name, p in model.named_parameters()})
print("predictions:", tuple(model(column).shape))

# %% [markdown]
# A layer wants a table with one row per example, and the target must have the same shape: with $(5, 1)$ against $(5,)$
# PyTorch would compare every prediction with every target. `.float()` is there because NumPy counts in 64 bits and layers
# in 32. A few more such habits, to look up when you meet them:
#
# | you write | because |
# |---|---|
# | `torch.tensor(a)`, `t.numpy()` | there and back between NumPy and PyTorch |
# | `loss.item()` | a Python number, without the record that hangs on the tensor |
# | `with torch.no_grad():` | nothing inside is recorded: for measuring and sampling |
# | `t.detach()` | the same values without the record |
# | `t.to(device)`, `t.cpu()` | model and data must be on the same device, figures want the CPU |
# | `t.sum(dim=1)` | NumPy's `axis=1` |
#
# ### Exercise 3.4 · `fit`
# Write the training loop. Each round needs four calls, here in no particular order:
#
# - `optimizer.step()` moves every parameter against the slope in its `.grad`;
# - `loss = loss_fn(model(x), y)` predicts, compares, and makes a new record;
# - `optimizer.zero_grad()` empties every `.grad`;
# - `loss.backward()` uses up the record and *adds* the slopes to `.grad`.
#
# Return the loss *before* each step as a list of plain numbers. (Exercises are named, not ordered: Exercise 3.1 comes with Adam.)


# %% tags=["exercise:3.4", "points:4", "minutes:9", "export"]
def fit(model, loss_fn, optimizer, x, y, steps):
    """Train for `steps` steps on all of x and y. -> the loss before each step, a list of numbers"""
    # BEGIN SOLUTION
    losses = []
    for _ in range(steps):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
    # END SOLUTION


# %% tags=["check:3.4"]
fit = check("3.4", fit)

# %% [markdown] tags=["help:3.4"]
# Put the four lines in an order in which each finds what it needs. Which of them needs what another one leaves behind, and
# which two may change places?
# ---
# One parameter at 0, loss $(\theta - 1)^2$, $\alpha = 0.25$. Step 1: loss 1, slope $-2$, move to $0.5$. Step 2: loss $0.25$, slope
# $-1$, move to $0.75$. The list is $(1, 0.25)$. With forgotten zeroing, the slope of step 2 would be $-3$.
# ---
# Predict and compare, then forget, find, step. The loss must be computed anew in every round, since `backward()` uses up
# the record it goes back through. `zero_grad()` may stand anywhere before `backward()` and after the last `step()`.

# %%
torch.manual_seed(0)
model = nn.Linear(1, 1)
losses = fit(model, F.mse_loss, torch.optim.SGD(model.parameters(), lr=0.03), column, target, 300)
ax = plots.panel(alt="The loss falls by a factor of a hundred at once, then slowly.", size=(7, 2.8))
plots.line(range(300), losses, ax, color=plots.MODEL)
ax.set_yscale("log")
found = ", ".join(f"{name} {p.item():.2f}" for name, p in model.named_parameters())
plots.label(ax, f"Found {found}", "step", "mean squared error")

# %% [markdown]
# Two parameters, two speeds: a quick fall, then a long slow one. A change of the bias can nearly be made up by the weight:
# that is a flat direction in a steep valley. It comes back with momentum.
#
# **A model that bends.** A line cannot bend, and two `nn.Linear` in a row are still a line. So put something bent between
# them: `nn.ReLU()`, which is $\max(0, \text{value})$ for each number. Linear, bend, linear: that is a **neural network**, and
# the numbers in the middle are its **hidden** units. Your `fit` trains it as it stands.


# %%
class Curve(nn.Module):
    """A network with one hidden layer. (B, 1) -> (B, 1)"""

    def __init__(self, hidden=32):
        super().__init__()  # PyTorch's own bookkeeping, always first
        self.inner = nn.Linear(1, hidden)  # whatever hangs on self is found by .parameters()
        self.outer = nn.Linear(hidden, 1)

    def forward(self, x):  # model(x) calls this
        return self.outer(torch.relu(self.inner(x)))  # (B, 1) -> (B, H) -> (B, 1)


torch.manual_seed(0)
wave_x = torch.linspace(-3, 3, 100)[:, None]  # (100, 1)
wave_y = torch.sin(2 * wave_x)  # (100, 1)
model = Curve()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
steps = runtime.budget(smoke=100, cpu=4000)
losses = fit(model, F.mse_loss, optimizer, wave_x, wave_y, steps)
ax = plots.panel(alt="A wave, and a chain of straight pieces that follows it.", size=(7, 2.8))
plots.line(wave_x[:, 0], wave_y[:, 0], ax, color=plots.DATA, label="to be learned")
plots.line(wave_x[:, 0], model(wave_x).detach()[:, 0], ax, color=plots.MODEL, label="the network")
ax.legend()
plots.label(ax, f"mean squared error {losses[0]:.2f} before, {losses[-1]:.3f} after", "x", "y")

# %% [markdown]
# `nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1))` says the same in one line. `nn.Parameter(t)` makes any
# tensor a thing to learn; `self.register_buffer("name", t)` keeps one that is not learned but travels with the model.
#
# > **A good place to stop.** You can differentiate, step, and train a PyTorch model. When you come back, run all cells above
# > once (*Run → Run All Above Selected Cell*).

# %% [markdown]
# ## One example at a time
#
# Every step so far looked at all the data. With a million pictures that is a long look for a single step. The slope is a
# *mean* over examples, and a mean can be estimated from a few of them, even from one. Take one example $(x, y)$ at random,
# use the slope of its own loss $(\theta \cdot x - y)^2$, and step. This is **stochastic gradient descent**, SGD (Robbins &
# Monro 1951).
#
# ### Exercise 3.2 · `sgd_step`
# `theta` and `x` are arrays of equal length, so that $\theta \cdot x$ can be a line with a constant: $x = (1, \text{input})$.
# Differentiate the loss of this single example; there is nothing to average. (Exercise 3.3 waits in the studio.)


# %% tags=["exercise:3.2", "points:3", "minutes:7"]
def sgd_step(theta, x, y, lr):
    """One step downhill on one example with loss (theta · x - y)².

    theta, x: (d,), y: number -> (d,)
    """
    # BEGIN SOLUTION
    return theta - lr * 2 * (theta @ x - y) * x
    # END SOLUTION


# %% tags=["check:3.2"]
sgd_step = check("3.2", sgd_step)

# %% [markdown] tags=["help:3.2"]
# How does $(\theta\cdot x - y)^2$ change if the component $\theta_j$ grows a little? What factor does the chain rule put in
# front?
# ---
# $\theta = (0, 1)$, $x = (1, 2)$, $y = 5$: the error is $0 + 2 - 5 = -3$, the slopes are $2\cdot(-3)\cdot(1, 2) = (-6, -12)$.
# With $\alpha = 0.1$ the new $\theta$ is $(0.6, 2.2)$: larger, as it should be, for the prediction was too small.
# ---
# The outer derivative is $2(\theta\cdot x - y)$, the inner one $x_j$. Against the slope means minus. No $1/n$: the average
# over examples comes about by itself, from drawing them at random.

# %% [markdown]
# A thousand noisy points around the line $2 + 3x$. One full step and a thousand single ones look at the same number of
# examples. The full step has half the length of its bound, about the best that a single step can do here.
#
# **Predict.** We start at $(0, 0)$, $3.6$ away from $(2, 3)$. How far away are we after the one full step, and how far after
# the thousand single ones? And where do single steps end up after a long time?

# %%
rng = runtime.rng(1)
inputs = 3 + rng.normal(size=1000)
X = np.stack([np.ones(1000), inputs], axis=1)  # (1000, 2)
Y = 2 + 3 * inputs + rng.normal(size=1000)  # (1000,)
best = np.linalg.lstsq(X, Y, rcond=None)[0]  # (2,) the bottom


def sgd_path(lr, examples):
    """Every point that single-example steps visit; lr: step -> step size. -> (steps + 1, 2)"""
    visited = [np.zeros(2)]
    for t, i in enumerate(examples):
        visited.append(sgd_step(visited[-1], X[i], Y[i], lr(t)))
    return np.array(visited)


one_full = 0.046 * 2 * (X * Y[:, None]).mean(axis=0)  # (2,) after one full step of 0.046
drawn = rng.integers(0, 1000, 20_000)
steady = sgd_path(lambda t: 0.02, drawn)  # (20001, 2)
fading = sgd_path(lambda t: 0.02 / (1 + t / 1000), drawn)  # (20001, 2)
away = {
    "one full step": np.linalg.norm(one_full - best),
    "1,000 single steps": np.linalg.norm(steady[901:1001] - best, axis=1).mean(),
    "20,000, steady": np.linalg.norm(steady[-2000:] - best, axis=1).mean(),
    "20,000, fading": np.linalg.norm(fading[-2000:] - best, axis=1).mean(),
}

# %%
alt = (
    "Left: steady steps rush to the bottom and then dance around "
    "it; fading steps settle. Right: distances, largest for one full step."
)
fig, axes = plots.figure(1, 2, size=(11, 3.6), alt=alt)
axes[0].plot(*steady[:6000].T, color=plots.WRONG, linewidth=0.8)
axes[0].plot(*fading[:6000].T, color=plots.MODEL, linewidth=1.2)
axes[0].plot(*best, "k*", markersize=14)
axes[0].text(0.7, 0.2, "steady", color=plots.WRONG, transform=axes[0].transAxes)
axes[0].text(0.7, 0.1, "fading", color=plots.MODEL, transform=axes[0].transAxes)
plots.label(axes[0], "The first 6,000 single steps", "constant", "slope of the line")
colors = [plots.MUTED, plots.WRONG, plots.WRONG, plots.MODEL]
plots.bars(list(away), list(away.values()), axes[1], form=".2f", color=colors)
plots.label(axes[1], "How far from the bottom?", "distance")

# %% [markdown]
# <details><summary>What happened</summary>
#
# The single steps win: {{03.sgd.single:.1f}} away, against {{03.sgd.full:.1f}}. A single example points only roughly downhill, but a thousand rough steps go a long
# way. Then they stop making progress and dance around the bottom, for there every example still pulls its own way. A smaller
# step size means a smaller dance. So let it fade: large steps to arrive, small ones to settle.
#
# </details>
#
# In practice one takes neither one example nor all, but a handful, a **minibatch** of 50 to 500: less noise than one, and a
# computer handles a hundred at once nearly as fast as one. One pass over all data is an **epoch**.

# %% [markdown]
# ## Momentum: a ball instead of a walker
#
# Back to the valley with two speeds. A walker with short steps creeps along its floor, one with long steps bounces off its
# walls. A *ball* does better: pushes across the valley alternate and cancel, pushes along it add up. Keep a **velocity** $v$
# that remembers past slopes $g$ (Polyak 1964):
#
# $$ v \leftarrow \beta v + g, \qquad \theta \leftarrow \theta - \alpha v $$
#
# With $\beta = 0$ this is gradient descent; with $\beta = 0.9$ a steady slope builds up to ten times the push.
#
# **Predict.** In a valley of curvature 20 across and 1 along, the bound of *A step too large* allows $\alpha < 2/20$.
# Does momentum help *below* the bound, or does it let you go *beyond* it?


# %%
def roll(step, momentum, curvature, steps=60):
    """Path of a ball in the valley (a² + curvature · b²)/2, from (-9, 1.5). -> (steps + 1, 2)"""
    scale, theta, v = np.array([1.0, curvature]), np.array([-9.0, 1.5]), np.zeros(2)
    visited = [theta]
    for _ in range(steps):
        v = momentum * v + scale * theta
        theta = theta - step * v
        visited.append(theta)
    return np.array(visited)


# %%
explorables.valley()

# %% [markdown]
# <details><summary>What to find with the sliders</summary>
#
# Both. Below the bound, at a step of $0.09$, momentum $0.7$ makes the loss twenty thousand times smaller after the same 60 steps.
# And beyond it, at $0.11$, where the walker leaves the map, a ball with momentum $0.5$ arrives: the bound grows by the factor
# $1 + \beta$. With $0.95$ it overshoots and circles for a long time. Now set the curvature to 1, a round bowl. Momentum
# still helps a short step, but no more than a longer step would. In a steep valley the longer step is forbidden. That is
# where momentum earns its keep.
#
# </details>

# %%
for lr, momentum in ((0.09, 0), (0.09, 0.7), (0.11, 0), (0.11, 0.5)):
    end = roll(lr, momentum, curvature=20)[-1]  # (2,)
    print(f"lr {lr}, momentum {momentum}: loss {(end**2 @ [1, 20]) / 2:.1e} after 60 steps")

# %% [markdown]
# ## Adam: a step size for every parameter
#
# Momentum still has one step size for all parameters. But parameters differ: some have slopes a hundred times larger than
# others. **Adam** (Kingma & Ba 2015) gives each parameter a step by how *steadily* its slope points one way, not by how
# large it is. It keeps two running averages, of the slope and of its square,
#
# $$ m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2 $$
#
# and both start from 0. (This $v$ is no velocity; papers use the letter for both.) So after $t$ steps they are too small: they
# hold only $1 - \beta^t$ of their weight. Adam divides by that, the **bias correction**,
#
# $$ \hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat v = \frac{v}{1 - \beta_2^t}, \qquad
#    \theta \leftarrow \theta - \alpha\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon} $$
#
# The usual constants are $\beta_1 = 0.9$, $\beta_2 = 0.999$, $\varepsilon = 10^{-8}$.
#
# ### Exercise 3.1 · `adam_step`
# One step. The state is $(m, v, t)$ and starts as `(0.0, 0.0, 0)`; return the new parameters and the new state.


# %% tags=["exercise:3.1", "points:5", "minutes:14"]
def adam_step(theta, g, state, lr, b1, b2, eps):
    """One step of Adam.

    theta, g: (d,); state (m, v, t), first (0.0, 0.0, 0) -> new theta (d,), new state
    """
    # BEGIN SOLUTION
    m, v, t = state
    m, v, t = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2, t + 1
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)  # (d,), (d,)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), (m, v, t)
    # END SOLUTION


# %% tags=["check:3.1"]
adam_step = check("3.1", adam_step)

# %% [markdown] tags=["help:3.1"]
# Which of the quantities must be remembered until the next step, and which are computed from them and thrown away? What is $t$
# at the first step?
# ---
# After a first $g = 2$ with the usual constants, $m = 0.2$ and $v = 0.004$. Now comes $g = -1$ with $\alpha = 0.1$: $m = 0.18 - 0.1 = 0.08$,
# $v = 0.003996 + 0.001 = 0.004996$, $\hat m = 0.08/0.19 = 0.4211$, $\hat v = 0.004996/0.001999 = 2.499$, step
# $0.1 \cdot 0.4211/1.581 = 0.0266$.
# ---
# Averages first, then the count, then the corrections, then the step. The corrected averages are not stored: correcting twice
# would spoil the next step. $\varepsilon$ stands outside the root and only prevents a division by zero.

# %% [markdown]
# **Predict.** At the very first step $m$ and $v$ hold nothing but the first slope $g$. How long is Adam's first step if
# $g = 2$? And if $g = 2000$?


# %% tags=["nbval-check-output"]
def torch_adam(gradients, **settings):
    """Where PyTorch's Adam goes from 0 when it is given these slopes. (T, d) -> (d,)"""
    theta = torch.zeros(gradients.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([theta], **settings)
    for g in gradients:
        theta.grad = torch.tensor(g)
        optimizer.step()
    return theta.detach().numpy()


usual = dict(lr=0.01, b1=0.9, b2=0.999, eps=1e-8)
for g in (2.0, 2000.0):
    theta, _ = adam_step(np.zeros(1), np.array([g]), (0.0, 0.0, 0), **usual)
    print(f"first slope {g:6g}: first step {abs(theta[0]) / 0.01:.6f} times alpha")
gradients = runtime.rng(2).normal(size=(200, 3)) * [1, 100, 0.01]  # (200, 3)
theta, state = np.zeros(3), (0.0, 0.0, 0)
for g in gradients:
    theta, state = adam_step(theta, g, state, **usual)
gap = abs(theta - torch_adam(gradients, lr=0.01)).max()
print("200 steps: differs from PyTorch's by less than 1e-12:", gap < 1e-12)

# %% [markdown]
# <details><summary>What happened</summary>
#
# Both first steps are as long as $\alpha$, no more and no less: $\hat m/\sqrt{\hat v} = g/|g|$ is the *sign* of the slope. Adam does not care
# about the unit of the loss. A slope that keeps its sign is walked at full speed; one that flips is
# walked hardly at all, however large it is.
#
# </details>
#
# **What the correction is for.** Below, every slope is 1 plus noise. The first picture shows the running average with and
# without correction, the second the length of each step in units of $\alpha$.


# %%
def average_paths(b1, b2):
    """m, corrected m, steps without and with correction, for 60 noisy slopes. -> four (60,)"""
    g = 1 + 0.3 * runtime.rng(4).normal(size=60)  # (60,)
    t, m, v = np.arange(1, 61), np.zeros(61), np.zeros(61)
    for i in range(60):
        m[i + 1], v[i + 1] = b1 * m[i] + (1 - b1) * g[i], b2 * v[i] + (1 - b2) * g[i] ** 2
    m_hat, v_hat = m[1:] / (1 - b1**t), v[1:] / (1 - b2**t)
    return m[1:], m_hat, m[1:] / np.sqrt(v[1:]), m_hat / np.sqrt(v_hat)


def show_correction(axes, b1, b2):
    m, m_hat, raw_step, step = average_paths(b1, b2)
    drawing.with_and_without_correction(axes[0], m, m_hat, "running average of the slope")
    drawing.with_and_without_correction(axes[1], raw_step, step, "step, in units of alpha")


def describe_correction(b1, b2):
    """The picture in words."""
    raw_step = average_paths(b1, b2)[2]
    return (
        f"beta1 {b1:g}, beta2 {b2:g}: uncorrected, the first step is {raw_step[0]:.2f} alpha "
        f"and the longest {raw_step.max():.1f} alpha; corrected, the first step is 1 alpha."
    )


settings = [{"b1": 0.9, "b2": 0.999}, {"b1": 0.9, "b2": 0.9}, {"b1": 0, "b2": 0.999}]
correction_sliders = widgets.explore(
    show_correction,
    alt=describe_correction,
    panels=2,
    grid=settings,
    b1=widgets.Slider(0, 0.99, 0.01, 0.9),
    b2=widgets.Slider(0.9, 0.999, 0.001, 0.999),
)

# %% [markdown]
# Without correction *both* averages start too small, and since $\sqrt v$ is much too small for much longer, the
# uncorrected steps are too *long*: the first is $0.1/\sqrt{0.001} = 3.16$ times $\alpha$, and it gets worse before it gets
# better. With correction they stay at about $\alpha$ from the start.

# %% [markdown]
# ## The race on real digits
#
# Now a model that no counting can fit. Lesson 02 gave each pixel a coin for every pattern of its neighbors. Here a small
# network *learns* what to make of the 24 pixels read before it, in a window that reaches three steps far. The same few weights slide over
# the whole page: a **convolution**. For each pixel it takes 32 weighted sums of the window (`padding=3` puts paper around the
# page); `place` adds what is special about this spot; then the same little network decides at every pixel, which is what a
# `Conv2d` of width 1 is. A mask hides what has not been read yet. The loss is lesson 02's, binary cross-entropy from logits.


# %% tags=["export"]
class Window(nn.Module):
    """Logit of each pixel from the 24 read before it in a 7x7 window.

    (B, 1, 28, 28) -> (B, 1, 28, 28)
    """

    def __init__(self, hidden=32):
        super().__init__()
        self.look = nn.Conv2d(1, hidden, 7, padding=3)  # one set of weights for all places
        self.place = nn.Parameter(torch.zeros(hidden, 28, 28))  # what is special about each place
        self.decide = nn.Sequential(  # a small network, the same at every pixel
            nn.ReLU(), nn.Conv2d(hidden, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, 1, 1)
        )
        mask = torch.ones(7, 7)
        mask[3, 3:], mask[4:] = 0, 0  # the pixel itself, and all that follow
        self.register_buffer("mask", mask)

    def forward(self, x):
        masked = self.look.weight * self.mask  # (H, 1, 7, 7)
        seen = F.conv2d(x, masked, self.look.bias, padding=3)  # (B, H, 28, 28)
        return self.decide(seen + self.place)  # (B, 1, 28, 28)


# %% [markdown]
# A model that could see the pixel it predicts would reach zero nats and be worthless. So before training, test the mask:
# flip the pixel in row 10, column 10. No logit up to and including that pixel may change; some later ones must.

# %%
digits = data.mnist()  # torch tensors
x_train = (digits.x_train > 0.5).float().to(device)[: runtime.budget(smoke=500, cpu=4000)]
x_choose, x_test = (digits.x_test > 0.5).float().to(device).split(500)  # as in lesson 02
print("to learn from:", tuple(x_train.shape))  # (4000, 1, 28, 28)

model = Window().to(device)
flipped = x_test[:1].clone()
flipped[0, 0, 10, 10] = 1 - flipped[0, 0, 10, 10]
moved = (model(flipped) != model(x_test[:1])).flatten()  # (784,) in reading order
here = 10 * 28 + 10
before, after = moved[: here + 1].sum().item(), moved[here + 1 :].sum().item()
print(f"logits that changed: {before} up to the pixel, {after} after it")


# %%
def nats(model, x):
    """Average surprise at digits. (B, 1, 28, 28) -> nats per digit"""
    return F.binary_cross_entropy_with_logits(model(x), x, reduction="sum") / len(x)


def train(model, optimizer, epochs, seed, batch=50, scheduler=None):
    """Minibatch training. -> nats per digit to choose by, each epoch; nats of each minibatch"""
    shuffle, history, losses = runtime.rng(seed), [], []
    for _ in range(epochs):
        for rows in np.array_split(shuffle.permutation(len(x_train)), len(x_train) // batch):
            loss = nats(model, x_train[rows])  # one handful of digits
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if scheduler:
                scheduler.step()  # lets the step size fade
            losses.append(loss.item())
        with torch.no_grad():  # measuring needs no record for backward
            history.append(nats(model, x_choose).item())
    return history, losses


# %% [markdown]
# The loop is your `fit`, with handfuls. The loud weights of `look` hear from every pixel of every picture; each quiet number
# of `place` hears from one, and at the start its slope is typically twenty to sixty times smaller.
#
# **Predict.** SGD, SGD with momentum, and Adam each try three step sizes and keep their best. All start from the same
# weights and see the same minibatches. Who is ahead, and by how many nats?

# %%
runners = {
    "SGD": (lambda p, lr: torch.optim.SGD(p, lr), (0.001, 0.003, 0.01)),
    "momentum 0.9": (lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9), (0.0003, 0.001, 0.003)),
    "Adam": (lambda p, lr: torch.optim.Adam(p, lr), (0.003, 0.01, 0.03)),
}
entries = [(name, lr) for name, (_, rates) in runners.items() for lr in rates]
race, epochs = {}, runtime.budget(smoke=1, cpu=2)
for name, lr in progress.bar(entries, "runs"):
    runtime.seed_all(3)
    model = Window().to(device)
    race[name, lr] = *train(model, runners[name][0](model.parameters(), lr), epochs, seed=3), model

# %%
winner = {
    name: min((entry for entry in entries if entry[0] == name), key=lambda e: race[e][0][-1])
    for name in runners
}  # each with the step size that was best on the digits to choose by
with torch.no_grad():
    final = {name: nats(race[entry][2], x_test).item() for name, entry in winner.items()}
ax = plots.panel(
    alt="Adam falls fastest and lowest, momentum second, plain SGD last.", size=(8, 3.6)
)
looks = ((plots.MUTED, ":"), (plots.DATA, "--"), (plots.MODEL, "-"))
for (name, entry), (color, style) in zip(winner.items(), looks, strict=True):
    smooth = np.convolve(race[entry][1], np.ones(8) / 8, "valid")  # mean of eight minibatches
    label = f"{name}, step {entry[1]:g}: {final[name]:.0f} nats on new digits"
    ax.plot(smooth, color=color, linestyle=style, label=label)
ax.legend()
ax.set_ylim(60, 240)
plots.label(ax, "Each with its best step size", "minibatch", "nats per training digit")
# %% [markdown]
# <details><summary>What happened</summary>
#
# On new digits Adam reaches {{03.race.adam:.0f}} nats, momentum {{03.race.momentum:.0f}}, SGD {{03.race.sgd:.0f}}. A step
# that suits the loud weights is far too short for the quiet ones, and one that suits the quiet ones throws the loud ones off.
# Adam gives each its own. It is not always ahead: where directions are more alike, or training runs long, well-tuned momentum
# is often as good.
#
# </details>
#
# So Adam trains the generator, with a step size that fades, for the reason you saw on the line: `LinearLR` below brings it
# down to a fiftieth, evenly over all steps.

# %%
runtime.seed_all(4)
model, epochs = Window().to(device), runtime.budget(smoke=1, cpu=5)
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=epochs * 80)
history, _ = train(model, optimizer, epochs, seed=5, scheduler=fade)
with torch.no_grad():
    window_nats = nats(model, x_test).item()
print("digits to choose by, after each epoch:", ", ".join(f"{h:.1f}" for h in history))
print(f"digits to report on: {window_nats:.1f} nats per digit")


# %%
@torch.no_grad()
def draw(model, n):
    """n digits, pixel by pixel in reading order. -> (n, 1, 28, 28)"""
    x = torch.zeros(n, 1, 28, 28, device=device)
    for r in range(28):
        for c in range(28):
            theta = torch.sigmoid(model(x)[:, 0, r, c])  # (n,): what comes later is masked
            x[:, 0, r, c] = torch.bernoulli(theta)
    return x


runtime.seed_all(6)
plots.rows(
    {"learned window": draw(model, 20)[:, 0].cpu(), "real": x_test[:20, 0].cpu()},
    alt="Above: smooth pen strokes; several could be digits. Below: real digits.",
)
# %% [markdown]
# {{03.nats.window:.0f}} nats, against {{02.nats.borrow:.0f}} for the best of lesson 02: the best number so far, with weights
# that no counting could find. You have trained a neural network, and it generates. The strokes are pen strokes. Whole digits still happen by
# chance, because no pixel sees further than three steps. Lesson 04 gives the picture a plan before the first pixel is drawn.

# %% [markdown]
# ## What this run reached

# %%
inside = runtime.reached(
    {
        "03.sgd.full": away["one full step"],
        "03.sgd.single": away["1,000 single steps"],
        "03.sgd.steady": away["20,000, steady"],
        "03.sgd.fading": away["20,000, fading"],
        "03.race.sgd": final["SGD"],
        "03.race.momentum": final["momentum 0.9"],
        "03.race.adam": final["Adam"],
        "03.nats.window": window_nats,
    }
)

# %% tags=["solved"]
assert inside
assert abs(path[1] - 0.2268) < 1e-9 and abs(path[100] - 1.030909) < 1e-5
assert abs(walks[0.05][100] - 1.030909) < 1e-5 and walks[0.092][100] < -9 and gap < 1e-12
assert away["20,000, fading"] < away["20,000, steady"] < away["one full step"]
assert final["Adam"] < final["momentum 0.9"] < final["SGD"]
assert not moved[: here + 1].any() and moved[here + 1 :].any()

# %% [markdown]
# That was the core. The studio has three rooms, in any order; nothing later needs them. In a hurry?
# [Where we are now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Room A · How long may a step be?
#
# (This room uses eigenvectors.) In one dimension the bound was $2/h$. With $d$ parameters the loss $J(\theta) = \frac1n\lVert X\theta - y\rVert^2$ has a
# whole table of curvatures, the **Hessian** $H = \frac2n X^\top X$. Along its **eigenvectors** the valley falls apart into
# independent one-dimensional ones, whose curvatures are the eigenvalues. One step size must suit them all.
#
# ### Exercise 3.3 · `max_stable_lr`
# The bound for any $X$, of shape $(n,)$ or $(n, d)$. `np.linalg.eigvalsh` gives the eigenvalues of a symmetric matrix.


# %% tags=["studio", "exercise:3.3", "points:4", "minutes:9"]
def max_stable_lr(X):
    """Step size below which gradient descent on mean((Xθ - y)²) converges.

    X: (n,) or (n, d) -> float
    """
    # BEGIN SOLUTION
    X = X.reshape(len(X), -1)  # (n, d)
    hessian = 2 / len(X) * X.T @ X  # (d, d)
    return float(2 / np.linalg.eigvalsh(hessian).max())
    # END SOLUTION


# %% tags=["studio", "check:3.3"]
max_stable_lr = check("3.3", max_stable_lr)

# %% [markdown] tags=["studio", "help:3.3"]
# Which direction explodes first when the step grows: the steepest, the flattest, or the average one?
# ---
# $X = (1, 2, 3, 4, 5)$: $H = \frac25 (1 + 4 + 9 + 16 + 25) = 22$, the bound is $2/22 = 1/11$. With columns $(1, 1)$ and $(1, -1)$: $X^\top X$ is
# twice the identity, $n = 2$, so $H = 2 I$ and the bound is 1.
# ---
# Along an eigenvector with curvature $h$ each step multiplies the distance by $1 - \alpha h$. The largest $h$ is the first
# to leave $(-1, 1)$, at $\alpha = 2/h$.

# %% tags=["studio", "nbval-check-output"]
line_X = np.stack([np.ones(5), x], axis=1)  # (5, 2): constant and slope
centered = np.stack([np.ones(5), (x - x.mean()) / x.std()], axis=1)  # (5, 2)
for name, table in [
    ("through the origin", x),
    ("with a constant", line_X),
    ("the same, input standardized", centered),
]:
    h = np.linalg.eigvalsh(2 / 5 * table.reshape(5, -1).T @ table.reshape(5, -1))
    print(
        f"{name:<29} bound {max_stable_lr(table):.4f}, "
        f"steepest over flattest {h.max() / h.min():.1f}"
    )

# %% [markdown] tags=["studio"]
# The second line is the valley with two speeds of the core. The third is the cheapest optimizer there is: shift and scale
# the inputs, and the valley becomes a round bowl in which plain gradient descent with $\alpha = 0.5$ arrives in a single step.

# %% [markdown] tags=["studio"]
# ### Room B · A stray 1/n
#
# In the article the update for one random example keeps the factor $1/n$ of the full sum. It looks harmless: a constant.
#
# **Predict.** With $n = 1000$ examples: does the walk crash, diverge, stall or crawl? Would you notice from the loss?


# %% tags=["studio"]
def sgd_with(factor, steps, seed=7):
    """Distance to the bottom along the walk, each single step times `factor`. -> (steps,)"""
    examples = runtime.rng(seed).integers(0, 1000, steps)
    visited, theta = np.empty(steps), np.zeros(2)
    for t, i in enumerate(examples):
        theta = sgd_step(theta, X[i], Y[i], 0.02 * factor)
        visited[t] = np.linalg.norm(theta - best)
    return visited


right, stray = sgd_with(1, 3000), sgd_with(1 / 1000, runtime.budget(smoke=2000, cpu=100_000))
ax = plots.panel(
    alt="The right step arrives within a few hundred steps; with the stray factor "
    "a hundred thousand are not enough.",
    size=(7, 3),
)
plots.line(np.arange(1, 3001), right, ax, color=plots.MODEL)
plots.line(np.arange(1, len(stray) + 1), stray, ax, color=plots.WRONG)
ax.text(12, 0.5, "right", color=plots.MODEL)
ax.text(1500, 3, "with the stray 1/n", color=plots.WRONG)
ax.set(xscale="log", yscale="log")
plots.label(ax, "One example a step, step size 0.02", "steps", "distance to the bottom")

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# It crawls: the steps are $n$ times smaller, so it needs about $n$ times as many. The mean of the single-example slopes *is* the full slope, since
# the examples are drawn at random; dividing once more by $n$ counts the averaging twice. Nothing crashes and the loss falls, so this
# mistake survives in real programs as "the learning rate needs to be larger here".
#
# </details>

# %% [markdown] tags=["studio"]
# ### Room C · The wrong Adam
#
# **Debug a claim.** The article gives Adam as
#
# $$ \theta \leftarrow \theta - \frac{\alpha \beta_1 \nabla J}{1 - \beta_2^{\,t}} \qquad \text{(the claim)} $$
#
# and calls $\beta_1, \beta_2$ bias corrections. There is no average in it, no square, no root.
#
# **Predict.** With $\alpha = 0.01$ and the usual constants, what is the claim's step size at $t = 1$, when $1 - \beta_2^t = 0.001$?


# %% tags=["studio", "nbval-check-output"]
def claimed_step(theta, g, state, lr, b1, b2, eps):
    """The claim, with the same signature as adam_step."""
    t = state[2] + 1
    return theta - lr * b1 * g / (1 - b2**t), (0.0, 0.0, t)


def follow(step, gradient, start, steps):
    """Every point visited. gradient: function of theta (d,) -> (steps + 1, d)"""
    visited, state = [np.array(start, dtype=float)], (0.0, 0.0, 0)
    for _ in range(steps):
        theta, state = step(visited[-1], gradient(visited[-1]), state, **usual)
        visited.append(np.asarray(theta))
    return np.array(visited)


sizes = [0.01 * 0.9 / (1 - 0.999**t) for t in (1, 10, 100)]
print("step size at t = 1, 10, 100:", ", ".join(f"{size:.3f}" for size in sizes))
valleys = {
    "x²/2": (lambda q: q, [1.0]),
    "curvatures 1 and 1000": (lambda q: q * [1, 1000], [1.0, 1.0]),
    "the five points": (lambda q: 2 * ((q * x - y) * x).mean(keepdims=True), [0.0]),
}
with np.errstate(over="ignore", invalid="ignore"):
    peaks = {
        name: [abs(follow(step, *valley, 1000)).max() for step in (claimed_step, adam_step)]
        for name, valley in valleys.items()
    }
for name, (claimed, right_one) in peaks.items():
    told = f"{claimed:.1e}" if np.isfinite(claimed) else "overflow"
    print(f"{name:<22} furthest away: claimed {told:>9}, Adam {right_one:.2f}")

# %% [markdown] tags=["studio"]
# <details><summary>What happened</summary>
#
# Its first step size is 9, far beyond the bound of any of these valleys. On the five points it is thrown sixty powers of ten
# away before the step size has fallen far enough to turn round. In the steep valley it leaves the range of a float and
# never returns. Adam, which divides by $\sqrt{\hat v}$, never goes further out than where it started or needs to go.
# $\beta_1$ and $\beta_2$ are not corrections: they say how long the two averages remember.
#
# </details>
#
# Mend it on the digits. Below, three optimizers drive the model of the race: the claim, your `adam_step`, and PyTorch's
# Adam as the judge.


# %% tags=["studio"]
class Stepper(torch.optim.Optimizer):
    """Drives a model with a NumPy step function such as adam_step."""

    def __init__(self, parameters, step, lr):
        super().__init__(parameters, {"lr": lr})
        self.rule, self.states = step, {}

    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.param_groups[0]["params"]):
            new, self.states[i] = self.rule(
                p.cpu().numpy().astype(float).ravel(),
                p.grad.cpu().numpy().astype(float).ravel(),
                self.states.get(i, (0.0, 0.0, 0)),
                **usual,
            )
            p.copy_(torch.as_tensor(new).reshape(p.shape))


# %% tags=["studio"]
epochs, mended = runtime.budget(smoke=1, cpu=1), {}
optimizers = {
    "as claimed": lambda p: Stepper(p, claimed_step, 0.01),
    "your adam_step": lambda p: Stepper(p, adam_step, 0.01),
    "PyTorch's Adam": lambda p: torch.optim.Adam(p, 0.01),
}
for name, make in optimizers.items():
    runtime.seed_all(3)
    model = Window().to(device)
    with np.errstate(over="ignore", invalid="ignore"):
        history, losses = train(model, make(model.parameters()), epochs, seed=3)
    mended[name] = history[-1], max(losses)
    print(
        f"{name:<15} worst minibatch {max(losses):9.3g} nats, "
        f"new digits in the end {history[-1]:7.1f}"
    )

# %% [markdown] tags=["studio"]
# Knowing nothing costs $784 \log 2 = 543$ nats a digit. The claim's first steps hurl the weights so far out that a digit
# "costs" more than $10^{26}$ nats, and although its step size becomes reasonable later, the model does not recover: what the
# first steps broke stays broken. Your version and PyTorch's agree. A formula with all the right letters can look like
# Adam; the way to find out is to run it beside the real one.

# %% tags=["studio", "solved"]
assert 1e59 < peaks["the five points"][0] < 1e60
assert not np.isfinite(peaks["curvatures 1 and 1000"][0])
assert abs(mended["your adam_step"][0] - mended["PyTorch's Adam"][0]) < 0.5
assert not mended["as claimed"][1] < 5000
assert abs(max_stable_lr(x) - 1 / 11) < 1e-12 and stray[1999] > 3 * right[-100:].mean()

# %% [markdown]
# ## Where we are now
#
# You can
# - differentiate a loss by hand and with autograd, and check either with two nearby values;
# - bound a step by the curvature, and recognize a walk that went beyond;
# - write PyTorch's training loop, and know why the slopes must be set to zero;
# - train on handfuls, and let the step size fade;
# - say where momentum earns its keep, and build Adam, which gives every parameter a step of its own.
#
# **Read on.**
# Robbins & Monro 1951, *A Stochastic Approximation Method*: the first noisy steps, and why they must fade.
# Polyak 1964, *Some Methods of Speeding up the Convergence of Iteration Methods*: the ball.
# Kingma & Ba 2015, *Adam: A Method for Stochastic Optimization*: two averages and their correction.
# Nocedal & Wright 2006, *Numerical Optimization*: the textbook.
#
# **Next.** You can train any model whose loss you can write down. Lesson 04 asks for one with a plan behind every
# picture, and finds that its likelihood cannot be computed. It will do something clever instead.
