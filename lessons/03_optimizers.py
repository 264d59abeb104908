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
# - *differentiate* a loss through a computation graph, by hand and by autograd;
# - write *the training loop* that later lessons use;
# - build *momentum* and *Adam* so that they match PyTorch's;
# - *derive* how large a network's first weights must be;
# - say how large a learning rate may be, and tame a network that explodes.

# %% tags=["setup"]
# filled in by the builder, the same in every lesson

# %%
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from course_utils import check, data, plots, progress, runtime
from course_utils.lesson03 import drawing, explorables
from course_utils.lesson03.curvature import Curvature

device = runtime.setup(seed=0)

# %% [markdown]
# ## Downhill, and a step too large
#
# So far we found parameters by counting, by a formula, or from a list of candidates. None of this works for a network, in which a
# million parameters act together. So start somewhere, find out which way the loss falls, and take a step. Here are five points
# and a line through the origin:
#
# $$ J(\theta) = \frac1n \sum_{i=1}^{n} (\theta x_i - y_i)^2, \qquad
#    \frac{dJ}{d\theta} = \frac2n \sum_{i=1}^{n} (\theta x_i - y_i)\, x_i $$
#
# The derivative says how fast $J$ rises as $\theta$ grows. With several parameters there is one **partial derivative**
# $\partial J/\partial\theta_j$ for each: the derivative when only $\theta_j$ changes. Together they form the **gradient**
# $\nabla J$. It points in the direction in which $J$ rises fastest, so **gradient descent** steps the opposite way. The
# **learning rate** $\alpha$ sets how far:
#
# $$ \theta \leftarrow \theta - \alpha \, \nabla J(\theta) $$
#
# **Predict.** The best $\theta$ is about $1.03$. Four runs start at 0, with $\alpha = 0.02$, $0.05$, $0.09$ and $0.092$. Which
# of them have reached it, to within a hundredth, after fifty steps?
#
# - A: All four, and the larger the learning rate, the sooner.
#   - Larger is faster only up to $1/22$. Beyond that, steps jump across the minimum.
# - B: All but the largest.
#   - At $0.09$, more than a third of the distance is left after fifty steps.
# - C: The two smallest.
#   - **Yes.** $0.09$ swings from side to side and comes two percent closer per step. $0.092$ moves away.
# - D: Only the smallest.
#   - Too careful: $0.05$ jumps across, too, but each step leaves only a tenth of the distance. It arrives first.

# %% tags=["nbval-check-output"]
x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
y = np.array([1.2, 2.1, 3.0, 4.2, 5.1])


def J(theta):
    return ((theta * x - y) ** 2).mean()


def gradient(theta):
    return 2 * ((theta * x - y) * x).mean()


def descend(theta, lr, steps):
    """Every point that gradient descent visits. -> (steps + 1,)"""
    visited = [theta]
    for _ in range(steps):
        visited.append(visited[-1] - lr * gradient(visited[-1]))
    return np.array(visited)


by_formula, by_differences = gradient(0.3), (J(0.3 + 1e-6) - J(0.3 - 1e-6)) / 2e-6
print(f"gradient at 0.3: {by_formula:.5f} by the formula, {by_differences:.5f} by differences")
walks = {lr: descend(0.0, lr, 100) for lr in (0.02, 0.05, 0.09, 0.092)}
for lr, visited in walks.items():
    at = "  ".join(f"{visited[k]:8.4f}" for k in (1, 2, 3, 50, 100))
    print(f"learning rate {lr:<6g} after 1, 2, 3, 50, 100 steps: {at}")

# %%
drawing.descents(J, walks)

# %% [markdown]
# Why? The gradient is $h\,(\theta - \theta^*)$, where $\theta^*$ is the minimum and the constant
# $h = \frac2n\sum x_i^2 = 22$, the second derivative, is the **curvature**. So each step multiplies the distance to the minimum
# by $1 - \alpha h$: by $-0.98$ at $0.09$, and by $-1.024$ at $0.092$, where the run **diverges**. It converges as long as this
# factor lies between $-1$ and $1$:
#
# $$ \alpha < \frac{2}{h} = \frac{2}{22} = \frac1{11} \approx 0.0909 $$
#
# The more sharply a loss curves, the smaller the learning rate it allows. (The first printed line shows how to check any
# gradient: by **finite differences**, from two nearby values of the loss.)

# %% [markdown]
# ## Backpropagation, by hand and by autograd
#
# Nobody writes down the derivative of a whole network. Draw a **computation graph** instead, in which each node is one operation
# whose derivative you know. Here is the smallest network, with one hidden unit $h$ (not the curvature):
#
# $$ a = wx + b, \qquad h = \max(0, a), \qquad p = v h, \qquad L = (p - y)^2 $$
#
# The **chain rule** says that derivatives multiply along a path:
# $\frac{\partial L}{\partial w} = \frac{\partial L}{\partial p}\cdot\frac{\partial p}{\partial h}\cdot\frac{\partial h}{\partial a}\cdot\frac{\partial a}{\partial w}$.
# (Where several paths lead to $L$, their products add up.) So start at $L$, go backward, and at each node multiply what has
# arrived by the node's own derivative. That is **backpropagation**, made popular by Rumelhart, Hinton & Williams (1986). One
# backward pass finds the derivatives for *all* parameters, at about twice the cost of the forward pass.


# %% tags=["nbval-check-output"]
def forward_and_backward(w, b, v, x, y):
    """Values and derivatives of the loss, by hand. -> two dictionaries"""
    a = w * x + b  # forward
    h = max(0.0, a)
    p = v * h
    L = (p - y) ** 2
    dp = 2 * (p - y)  # backward: dp stands for the derivative of L with respect to p
    dv, dh = dp * h, dp * v
    da = dh if a > 0 else 0.0  # max(0, a) has derivative 1 where a > 0, and 0 elsewhere
    dw, db = da * x, da
    values = {"x": x, "w": w, "b": b, "a": a, "h": h, "v": v, "p": p, "y": y, "L": L}
    return values, {"w": dw, "b": db, "a": da, "h": dh, "v": dv, "p": dp}


values, gradients = forward_and_backward(w=1.0, b=-0.5, v=2.0, x=2.0, y=1.0)
print("dL/dw, dL/db, dL/dv:", [gradients[name] for name in "wbv"])

# %%
drawing.computation_graph(values, gradients)

# %% [markdown]
# Follow the orange numbers back to $w$: $4$, times $v = 2$, times 1, times $x = 2$.
#
# **Predict.** Now set $b = -2.5$. What is $\partial L/\partial w$?
#
# - A: Still 16
#   - The path from the loss to $w$ is the same, but its derivatives depend on the forward pass.
# - B: 0
#   - **Yes.** Now $a < 0$, so $\partial h/\partial a = 0$: the unit learns nothing here, although the prediction is wrong.
# - C: -8
#   - That uses 1 for $\partial h/\partial a$, but $a$ is negative now.

# %% tags=["nbval-check-output"]
_, silent = forward_and_backward(w=1.0, b=-2.5, v=2.0, x=2.0, y=1.0)
print("dL/dw, dL/db:", [silent[name] for name in "wb"])

# %% [markdown]
# (A unit that is off for *every* example gets no gradient at all: it is dead.)
#
# PyTorch does this calculation with its arrays, called **tensors**. What is computed from a tensor with `requires_grad=True` is
# recorded, and `backward()` walks the recorded graph and leaves each partial derivative in `.grad`. This is **autograd**.

# %% tags=["nbval-check-output"]
w, b, v = (torch.tensor(number, requires_grad=True) for number in (1.0, -0.5, 2.0))
loss = (v * torch.relu(w * 2.0 + b) - 1.0) ** 2  # the same graph, recorded
loss.backward()
print("in .grad:", [tensor.grad.item() for tensor in (w, b, v)])

# %% [markdown]
# **Predict.** We compute the same loss again and call `backward()` a second time. What is in `w.grad` now?
#
# - A: 16, the gradient of the new loss.
#   - Then you will one day forget to clear the old one, and nothing will complain.
# - B: 32, the sum of both.
#   - **Yes.** `backward()` *adds* to `.grad`, so that a gradient can be accumulated in parts.
# - C: Nothing new, because PyTorch raises an error.
#   - It would for the old loss: its graph is gone after the first `backward()`.

# %% tags=["nbval-check-output"]
loss = (v * torch.relu(w * 2.0 + b) - 1.0) ** 2
loss.backward()
print("w.grad after a second backward:", w.grad.item())

# %% [markdown]
# ## One example at a time
#
# $J$ is a mean over all examples, and so is its gradient. A mean can be estimated from a few examples, even from one: take one at
# random, step against the gradient of its own loss, take the next. This is **stochastic gradient descent** (SGD), after Robbins &
# Monro (1951).
#
# ### Exercise 3.1 · `sgd_step`
# Now `theta` and `x` are arrays of equal length, the prediction is $p = \theta\cdot x$, and the
# loss is $(p - y)^2$. (With $x = (1, \text{input})$ this is a line with an intercept.) Draw the graph, backpropagate to each
# $\theta_j$, and take the step.


# %% tags=["exercise:3.1", "points:3", "minutes:5"]
def sgd_step(theta, x, y, lr):
    """One step downhill on one example with loss (theta · x - y)².

    theta, x: (d,), y: number -> (d,)
    """
    # BEGIN SOLUTION
    return theta - lr * 2 * (theta @ x - y) * x
    # END SOLUTION


# %% tags=["check:3.1"]
sgd_step = check("3.1", sgd_step)

# %% [markdown] tags=["help:3.1"]
# How does $p = \theta\cdot x$ change if the entry $\theta_j$ grows a little? And how does the loss change with $p$?
# ---
# $\theta = (0, 1)$, $x = (1, 2)$, $y = 5$: the prediction is $2$, so $\partial L/\partial p = 2\cdot(2 - 5) = -6$, and the
# gradient is $-6\cdot(1, 2) = (-6, -12)$. With learning rate $0.1$ the new $\theta$ is $(0.6, 2.2)$: larger, as it should be,
# because the prediction was too low.
# ---
# Two nodes, two factors: $\partial L/\partial p = 2(p - y)$ and $\partial p/\partial\theta_j = x_j$. There is no $1/n$: drawing
# the examples at random already averages.

# %% [markdown]
# A thousand noisy points lie around the line $2 + 3x$, and we start $3.6$ away from its parameters. One *full step* against the
# full gradient, of nearly the best length, looks at a thousand examples. So do a thousand *single steps*, on one example each.
#
# **Predict.** Which gets closer to the minimum, one full step or a thousand single steps?
#
# - A: The single steps get closer, but they never come to rest.
#   - **Yes.** Near the minimum every example still pulls its own way.
# - B: The single steps get closer, and in the long run they reach the minimum.
#   - At the minimum only the *mean* gradient is 0.
# - C: The full step gets closer, because a thousand random steps mostly cancel.
#   - They cancel near the minimum. Far away, nearly all pull the same way.

# %% tags=["folded"]
rng = runtime.rng(1)
inputs = 3 + rng.normal(size=1000)
X = np.stack([np.ones(1000), inputs], axis=1)  # (1000, 2)
Y = 2 + 3 * inputs + rng.normal(size=1000)  # (1000,)
best = np.linalg.lstsq(X, Y, rcond=None)[0]  # (2,) the minimum


# %%
def sgd_path(lr, examples):
    """Every point that single steps visit; lr: step -> learning rate. -> (steps + 1, 2)"""
    visited = [np.zeros(2)]
    for t, i in enumerate(examples):
        visited.append(sgd_step(visited[-1], X[i], Y[i], lr(t)))
    return np.array(visited)


one_full = 0.046 * 2 * (X * Y[:, None]).mean(axis=0)  # (2,) one full step from (0, 0)
drawn = rng.integers(0, 1000, 20_000)
steady = sgd_path(lambda t: 0.02, drawn)  # (20001, 2)
fading = sgd_path(lambda t: 0.02 / (1 + t / 1000), drawn)  # (20001, 2)

# %% tags=["folded"]
away = {  # from the minimum: one step, the last 100 of 1,000, the last 2,000 of 20,000
    "03.sgd.full": np.linalg.norm(one_full - best),
    "03.sgd.single": np.linalg.norm(steady[901:1001] - best, axis=1).mean(),
    "03.sgd.steady": np.linalg.norm(steady[-2000:] - best, axis=1).mean(),
    "03.sgd.fading": np.linalg.norm(fading[-2000:] - best, axis=1).mean(),
}
drawing.walks_and_distances(steady[:6000], fading[:6000], best, away)

# %% [markdown]
# At a constant learning rate, nineteen thousand more steps brought us no closer. So use large steps to arrive and small ones to
# settle. A rule for this is a **learning-rate schedule**. Our $0.02$ is safe for each example on its own: the curvature of one is
# $2\lVert x\rVert^2$, and the steepest allows $0.0215$. (The mean loss allows $0.09$.)
#
# In practice each step uses a **minibatch** of 32 to 512 examples: less noise, and a GPU computes them all at once. One pass over
# all the data is an **epoch**.

# %% [markdown]
# ## The training loop
#
# An **`nn.Module`** is a function that carries its own parameters. An **optimizer** moves them. A **data loader** deals out
# minibatches. The **training loop** brings the three together. Here is a classifier of 8×8 digits:


# %%
class Classifier(nn.Module):
    """Images of digits, one per row -> logits of the ten classes. (B, 64) -> (B, 10)"""

    def __init__(self, hidden=64):
        super().__init__()  # PyTorch's own bookkeeping, always first
        self.inner = nn.Linear(64, hidden)  # weights and biases, found by .parameters()
        self.outer = nn.Linear(hidden, 10)

    def forward(self, x):  # model(x) calls this
        return self.outer(torch.relu(self.inner(x)))  # (B, 64) -> (B, H) -> (B, 10)


def cross_entropy(model, batch):
    """The loss of a minibatch of images and labels. -> scalar"""
    x, y = batch  # (B, 64), (B,)
    return F.cross_entropy(model(x), y)


# %% [markdown]
# Two linear layers in a row would still be linear. The **activation function** between them, here ReLU, $\max(0, a)$, makes this
# a **neural network**. The loss function takes *the model and the minibatch* because, from lesson 04 on, it needs more than
# `model(x)`.
#
# PyTorch's loader is a **`DataLoader`** around a **`Dataset`**, anything with a length and numbered examples. It can read files
# in parallel, but collects a minibatch example by example. Our data are in memory, where indexing is faster:


# %% tags=["export"]
class Minibatches:
    """Shuffled minibatches of tensors in memory, in a new order in every epoch."""

    def __init__(self, *tensors, size=64):
        self.tensors, self.size = tensors, size

    def __iter__(self):
        for rows in torch.randperm(len(self.tensors[0])).split(self.size):
            yield tuple(tensor[rows] for tensor in self.tensors)  # (B, ...) each

    def __len__(self):  # minibatches per epoch
        return math.ceil(len(self.tensors[0]) / self.size)


# %% tags=["folded"]
pictures = torch.zeros(4000, 784)
dataset = TensorDataset(pictures)
for loader in (DataLoader(dataset, batch_size=50, shuffle=True), Minibatches(pictures, size=50)):
    start = time.perf_counter()
    count = sum(1 for _ in loader)
    milliseconds = 1000 * (time.perf_counter() - start)
    print(f"{type(loader).__name__:<12} {count} minibatches in {milliseconds:5.1f} ms")

# %% [markdown]
# ### Exercise 3.2 · `fit`
# Write the loop that trains models here and in later lessons. A minibatch may be one tensor or several: pass it on as it comes.
# The loop needs up to six calls, listed here in alphabetical order:
#
# - `loss.backward()` adds the gradient to every `.grad`;
# - `loss = loss_fn(model, batch)` computes the loss and records a new graph;
# - `nn.utils.clip_grad_norm_(model.parameters(), max_norm)` shortens a gradient longer than `max_norm` (only if one is given);
# - `optimizer.step()` updates every parameter from its `.grad`;
# - `optimizer.zero_grad()` clears every `.grad`;
# - `scheduler.step()` sets the learning rate of the *next* step (only if there is a scheduler).
#
# If there is a `validate`, record what `validate(model)` returns after each epoch. Call it inside `with torch.no_grad():`,
# because measuring needs no graph. Record training losses as plain numbers, `loss.item()`: a tensor keeps its graph in memory.


# %% tags=["exercise:3.2", "points:6", "minutes:12", "export"]
def fit(model, loader, loss_fn, optimizer, epochs, scheduler=None, max_norm=None, validate=None):
    """Train: one step per minibatch, `epochs` passes over the loader.

    loss_fn(model, batch) -> scalar; validate(model) -> number
    -> {"train": the loss of every minibatch, "val": what validate returned after every epoch}
    """
    # BEGIN SOLUTION
    history = {"train": [], "val": []}
    for _ in progress.bar(range(epochs), "epochs", leave=False):  # range(epochs), with a bar
        for batch in loader:
            loss = loss_fn(model, batch)
            optimizer.zero_grad()
            loss.backward()
            if max_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            history["train"].append(loss.item())
        if validate is not None:
            with torch.no_grad():
                history["val"].append(validate(model))
    return history
    # END SOLUTION


# %% tags=["check:3.2"]
fit = check("3.2", fit)

# %% [markdown] tags=["help:3.2"]
# Which calls need what another one leaves behind? And which of them could trade places?
# ---
# One parameter at 0, loss $(\theta - 1)^2$, learning rate $0.25$, two identical minibatches. First: loss 1, gradient $-2$, move
# to $0.5$. Second: loss $0.25$, gradient $-1$, move to $0.75$. "train" is $(1, 0.25)$. Without clearing, the gradient of the
# second step would be $-3$.
# ---
# `backward` needs a loss, clipping needs the gradient that `backward` left, `step` needs the clipped one, and the next learning
# rate comes after the step. `zero_grad` may be anywhere after `step` and before the next `backward`.

# %% [markdown]
# Now train on fifty digits and validate on 500 others. `KeepBest` saves the model's **`state_dict`**, a dictionary of its
# parameters by name, whenever the validation loss is the lowest so far. Keep `weights_only=True`, now the default: with
# `False`, a file can run code when it is opened. (A model that acts differently in training also needs `model.train()` and
# `model.eval()`.)


# %% tags=["export"]
class KeepBest:
    """A `validate` for `fit`: measures a model, and saves its parameters if it is the best yet."""

    def __init__(self, measure, path):
        self.measure, self.path, self.lowest = measure, path, math.inf

    def __call__(self, model):
        value = self.measure(model)
        if value < self.lowest:
            self.lowest = value
            torch.save(model.state_dict(), self.path)
        return value


# %%
runtime.seed_all(1)
small = data.digits8()
pixels, labels = small.x_train.flatten(1).to(device), small.y_train.to(device)  # (1000, 64)
held_out = pixels[100:600], labels[100:600]
classifier = Classifier().to(device)
loader = Minibatches(pixels[:50], labels[:50], size=10)
optimizer = torch.optim.SGD(classifier.parameters(), lr=0.5)
validate = KeepBest(
    lambda model: cross_entropy(model, held_out).item(), Path(tempfile.mkdtemp()) / "best.pt"
)
epochs = runtime.budget(smoke=20, cpu=150)
history = fit(classifier, loader, cross_entropy, optimizer, epochs, validate=validate)
classifier.load_state_dict(torch.load(validate.path, weights_only=True))
drawing.training(history["train"], history["val"])

# %% [markdown]
# Past its minimum the validation loss rises while the training loss still falls: the network memorizes, as counting did in lesson
# 02. (Its accuracy hardly changes, but it grows surer of its mistakes.) So keep the best epoch.
#
# > **A good place to stop.** When you come back, run all cells above once (*Run → Run All Above Selected Cell*).

# %% [markdown]
# ## Momentum: a ball instead of a walker
#
# Most losses have valleys, steep across and flat along. A small learning rate creeps along the floor, and a large one bounces off
# the walls. A *ball* does better: pushes across the valley alternate and cancel, while pushes along it add up. This is
# **momentum** (Polyak 1964), which steps against a **velocity** $v$ instead of the gradient:
#
# $$ \theta \leftarrow \theta - \alpha\, v, \qquad v_t = g_t + \beta\, g_{t-1} + \beta^2 g_{t-2} + \beta^3 g_{t-3} + \dots $$
#
# where $g_t$ is the gradient of step $t$, and $\beta$, between 0 and 1, says how long old gradients are remembered.
#
# ### Exercise 3.3 · `momentum_step`
# Nobody stores all old gradients. Work out how the new $v$ follows from the old one and the new gradient, and take the step.
# Before the first step, `v` is `0.0`.


# %% tags=["exercise:3.3", "points:3", "minutes:4"]
def momentum_step(theta, g, v, lr, beta):
    """One step with momentum. theta, g: (d,), v: (d,) or 0.0 -> new theta (d,), new v (d,)"""
    # BEGIN SOLUTION
    v = beta * v + g
    return theta - lr * v, v
    # END SOLUTION


# %% tags=["check:3.3"]
momentum_step = check("3.3", momentum_step)

# %% [markdown] tags=["help:3.3"]
# Write $v_t$ and, below it, $v_{t-1}$. What must you do to the lower line so that it appears in the upper one?
# ---
# $\beta = 0.5$ and gradients $4, 2, 1$: the velocities are $4$, then $2 + 0.5\cdot4 = 4$, then $1 + 0.5\cdot2 + 0.25\cdot4 = 3$,
# which is also $1 + 0.5\cdot4$.
# ---
# All terms of $v_t$ but the first are $\beta$ times those of $v_{t-1}$. With a constant gradient, $v$ grows to
# $g\,(1 + \beta + \beta^2 + \dots) = g/(1 - \beta)$: with $\beta = 0.9$, ten times the gradient.

# %% [markdown]
# In a valley with curvature 20 across and 1 along, gradient descent needs $\alpha < 2/20$. Does momentum need that, too?


# %%
curvature = np.array([1.0, 20.0])
for lr, beta in ((0.09, 0), (0.09, 0.7), (0.11, 0), (0.11, 0.5)):
    theta, v = np.array([-9.0, 1.5]), 0.0
    for _ in range(60):
        theta, v = momentum_step(theta, curvature * theta, v, lr, beta)
    loss = (curvature * theta**2).sum() / 2
    print(f"learning rate {lr}, beta {beta}: loss {loss:.1e} after 60 steps")

# %%
explorables.valley()

# %% [markdown]
# At $0.09$, nearly the best rate without momentum, momentum makes the final loss twenty thousand times smaller. At $0.11$, only
# momentum arrives: because pushes across the valley cancel, its bound is $1 + \beta$ times as large. Pushes along it add up to
# steps that are up to $1/(1 - \beta)$ times as long. Can you find a pair that beats all four?

# %% [markdown]
# ## From momentum to Adam: a learning rate for every parameter
#
# Momentum still has one learning rate for all parameters, but some have gradients a thousand times larger than others.
# **RMSProp** (Hinton's lecture notes, 2012) divides each gradient by its own usual size, the square root of a running mean of its
# square:
#
# $$ s \leftarrow \beta s + (1 - \beta)\, g^2, \qquad \theta \leftarrow \theta - \alpha \, \frac{g}{\sqrt{s} + \varepsilon} $$
#
# **Predict.** The loss is $(\theta_1^2 + 1000\,\theta_2^2)/2$, and both parameters start at 1. Gradient descent has to use
# $\alpha < 0.002$, so $\theta_2$ arrives long before $\theta_1$. Which arrives first with RMSProp?
#
# - A: Both at the same time.
#   - **Yes.** The second gradient is a thousand times the first, and divided by a thousand times as much.
# - B: The second parameter, though by less.
#   - Each gradient is divided by its *own* size: nothing of its scale is left.
# - C: The first parameter, because the larger gradient is divided by more.
#   - It is divided by more, but only in proportion to its size.

# %%
theta = torch.ones(2, requires_grad=True)
optimizer = torch.optim.RMSprop([theta], lr=0.01)
for step in range(1, 101):
    loss = (theta**2 @ torch.tensor([1.0, 1000.0])) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step in (1, 10, 50, 100):
        print(f"theta after {step:3d} steps: {theta[0].item():.4f}, {theta[1].item():.4f}")

# %% [markdown]
# **Adam** (Kingma & Ba 2015) combines the two ideas. It keeps a running mean $m$ of the gradient, where momentum keeps a sum, and
# one of its square, as RMSProp does:
#
# $$ m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2 $$
#
# (Papers use $v$ for the velocity and for this mean.) Both means start at 0 and are too small at first: with
# $\beta_1 = 0.9$, after one step $m$ is a tenth of the gradient. (For the same reason RMSProp's first step above was ten learning
# rates long.) So Adam corrects them to $\hat m$ and $\hat v$, which is called **bias correction**:
#
# $$ \theta \leftarrow \theta - \alpha\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon} $$
#
# ### Exercise 3.4 · `adam_step`
# Choose the correction so that *a constant gradient $g$ gives exactly $\hat m = g$ and $\hat v = g^2$ after any number $t$ of
# steps*: work out $m$ after 1, 2 and $t$ steps. The state is $(m, v, t)$ and starts as `(0.0, 0.0, 0)`.


# %% tags=["exercise:3.4", "points:5", "minutes:8"]
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


# %% tags=["check:3.4"]
adam_step = check("3.4", adam_step)

# %% [markdown] tags=["help:3.4"]
# With a constant gradient, $m$ is $g$ times a number. What is this number after one step, and after two? How far is it from 1?
# ---
# With $\beta_1 = 0.9$ and $g = 2$: $m$ is $0.2$, then $0.38$, then $0.542$. As shares of $g$ that is $0.1$, $0.19$, $0.271$, and
# what is missing from 1 is $0.9$, $0.81$, $0.729$.
# ---
# What is missing is $\beta_1^t$, so $m$ holds the share $1 - \beta_1^t$, and $\hat m = m/(1 - \beta_1^t)$; in the same way
# $\hat v = v/(1 - \beta_2^t)$. Increase $t$ first, because $1 - \beta^0 = 0$. Do not store the corrected values: the next step
# would correct them again.

# %%
drawing.bias_correction(1 + 0.3 * runtime.rng(4).normal(size=60), b1=0.9, b2=0.999)

# %% [markdown]
# Uncorrected, $v$ stays too small for much longer than $m$, so the steps are too *long*: the first is $0.1/\sqrt{0.001} = 3.16$
# times $\alpha$, and it gets worse before it gets better. Corrected, each parameter's first step is as long as the learning rate,
# whatever its gradient. Later, where the gradient is steady, Adam walks at full speed; where its sign flips, hardly at all.
#
# **AdamW** (Loshchilov & Hutter 2019), which we use from lesson 05 on, adds **weight decay**: before each step it shrinks all
# parameters a little, $\theta \leftarrow (1 - \alpha\lambda)\,\theta$, which keeps weights small. With plain SGD a penalty
# $\frac\lambda2\lVert\theta\rVert^2$ in the loss does the same; with Adam the gradient of that penalty would be divided by
# $\sqrt{\hat v}$ like the rest.

# %% [markdown]
# ## Why a network explodes
#
# Take ten ReLU layers. Forward, each multiplies what it gets by its weights; backward, the chain rule multiplies by the same
# weights. If each layer doubles the size of what passes through it, ten layers multiply it by $2^{10} = 1024$. So
# **initialization**, the random draw of the first weights, must keep that size the same.
#
# ### Exercise 3.5 · `weight_std`
# A unit has $n$ inputs $x_j$. Its weights $w_j$ are drawn independently from a Gaussian with mean 0 and standard deviation $s$, and
# its **activation** $h$ depends on the sign of $a$:
#
# $$ a = \sum_{j=1}^{n} w_j x_j, \qquad h = a \;\text{ where } a > 0, \qquad h = k\,a \;\text{ elsewhere} $$
#
# The slope $k$ is 0 in a ReLU. In a **leaky ReLU** it is small, such as $0.1$, so that no unit can die. Which $s$ gives $h$ the same
# mean square as the inputs? (Multiply out $a^2$: products of two different weights have mean 0.)


# %% tags=["exercise:3.5", "points:4", "minutes:5"]
def weight_std(shape, slope=0.0):
    """Standard deviation of a layer's first weights that keeps the mean square of its inputs.

    shape: (outputs, inputs), as in `nn.Linear(inputs, outputs).weight.shape` -> float
    """
    # BEGIN SOLUTION
    _, inputs = shape
    return math.sqrt(2 / (inputs * (1 + slope**2)))
    # END SOLUTION


# %% tags=["check:3.5"]
weight_std = check("3.5", weight_std)

# %% [markdown] tags=["help:3.5"]
# What is the mean of $a^2$, if the inputs have mean square 1? How often is $a$ negative, and what does the activation then do to
# $a^2$?
# ---
# 50 inputs, each 1 or −1, and $s = 0.2$: each product $w_j x_j$ has mean square $0.04$, and $a$ has $50\cdot 0.04 = 2$. Half of the
# time, $a$ is negative. ReLU then outputs 0, so $h$ has mean square 1: $0.2$ is right. With slope 1, nothing is lost, $h$ has mean
# square 2, and $0.2$ is too large by the factor $\sqrt2$.
# ---
# The mean square of $a$ is $n s^2$ times that of the inputs. By symmetry, half of it comes from negative $a$, where the activation
# multiplies it by $k^2$. So $n s^2\,(1 + k^2)/2 = 1$. Here $n$ counts *inputs*, because a unit adds up one product for each.

# %% [markdown]
# For ReLU, this is $s = \sqrt{2/n}$ (He et al. 2015; PyTorch has it as `nn.init.kaiming_normal_`). Now build ten layers whose
# weights are `scale` times as large:


# %%
def deep(scale=1, depth=10, width=32):
    """Ten ReLU layers, their weights `scale` times yours. -> a model, (B, 1) -> (B, 1)"""
    sizes = [1] + depth * [width]
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        linear = nn.Linear(inputs, outputs)
        nn.init.normal_(linear.weight, std=scale * weight_std(linear.weight.shape))
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 1)).to(device)


# %% tags=["folded"]
x_wave = torch.linspace(-3, 3, 200, device=device)[:, None]  # (200, 1)
wave = x_wave, torch.sin(2 * x_wave)


def squared_error(model, batch):
    x, y = batch  # (B, 1), (B, 1)
    return F.mse_loss(model(x), y)


sizes = {}
for scale in (2, 1, 0.41):
    sizes[scale] = np.zeros((5, 10))  # five draws, ten layers
    for seed in range(5):
        runtime.seed_all(seed)
        h, model = x_wave, deep(scale)
        for i in range(10):
            h = model[2 * i : 2 * i + 2](h)  # linear, ReLU: (200, 1) -> (200, 32) -> ...
            sizes[scale][seed, i] = h.square().mean().sqrt().item()
drawing.growth(sizes)

# %% [markdown]
# At your value, the mean square is kept, but only *on average over draws*: in layers this narrow, one draw may shrink the
# activations to a fifth. (Wide layers vary less.) Weights that are too small are no better: at $0.41$ times your value, PyTorch's
# default for `nn.Linear`, the activations shrink toward 0. (With its default biases they shrink toward one value for all inputs.)
#
# Good initialization is no guarantee: when this network learns a sine wave at $\alpha = 0.05$, it explodes for two of the first
# five seeds, and for 34 of sixty. One fix is **gradient clipping** (Pascanu, Mikolov & Bengio 2013), which caps the length of the
# gradient. Another is **warm-up** (Goyal et al. 2017), a schedule that raises the learning rate from a tiny value to $0.05$, here
# over 100 steps.
#
# **Predict.** What happens to the two seeds with warm-up?
#
# - A: They explode later, when the learning rate has become too large.
#   - They would on the parabola, where the curvature is the same everywhere.
# - B: They train, because the weights have moved to a place that allows $0.05$.
#   - **Yes.** The bound is $2/h$, and here $h$ falls.
# - C: They train, because the gradients have become small by then.
#   - Beyond the bound, even small gradients grow again.


# %%
def train_deep(seed, lr=0.05, max_norm=None, warm_up=1, validate=None):
    """Train ten layers on the sine wave. -> the history, the loss afterward"""
    runtime.seed_all(seed)
    model, loader = deep(scale=1), Minibatches(*wave, size=50)
    optimizer = torch.optim.SGD(model.parameters(), lr)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / warm_up, 1, warm_up)
    epochs = runtime.budget(smoke=5, cpu=50)
    history = fit(model, loader, squared_error, optimizer, epochs, scheduler, max_norm, validate)
    return history, squared_error(model, wave).item()


ways = {"as it is": {}, "clipped": {"max_norm": 1.0}, "warm-up": {"warm_up": 100}}
runs = {name: [train_deep(seed, **how) for seed in range(5)] for name, how in ways.items()}
for name, ended in runs.items():
    print(f"{name:<9} final loss of five seeds:", ", ".join(f"{loss:.2f}" for _, loss in ended))

# %% tags=["folded"]
slower = [train_deep(seed, lr=0.01)[1] for seed in range(5)]
print("learning rate 0.01, as it is: final loss", ", ".join(f"{loss:.2f}" for loss in slower))
starts = []
for seed in range(5):
    runtime.seed_all(seed)
    model, curvature = deep(scale=1), Curvature(squared_error, wave)
    starts.append(curvature(model))  # largest eigenvalue of the matrix of second derivatives
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    fit(model, Minibatches(*wave, size=50), squared_error, optimizer, epochs=1)
    print(f"seed {seed}: curvature {starts[-1]:.0f}, after one epoch {curvature(model):.0f}")
curvature = Curvature(squared_error, wave)
curvatures = starts[:1] + train_deep(0, warm_up=100, validate=curvature)[0]["val"]  # each epoch
losses = {name: ended[0][0]["train"] for name, ended in runs.items()}
drawing.explosion(losses, curvatures, lr=0.05, warm_up=100)

# %% [markdown]
# A network's $h$ is the curvature in the direction in which its loss curves most. On the parabola, a run with $h > 2/\alpha = 40$
# explodes. Here *all five* seeds start beyond this bound, and only the two farthest beyond it explode. In the other three, $h$
# falls to the bound or below within an epoch. With seed 1 the loss first jumps and throws the weights to a flatter place (the
# *catapult* of Lewkowycz et al. 2020). How far is too far differs: at half this rate, one run explodes at four times its bound,
# and another survives at fifteen times.
#
# Warm-up gives $h$ time to fall. In the right panel (seed 0), $h$ does not fall until the bound $2/\alpha$ has dropped below it.
# Then the loss jumps (dotted line), but at so small a learning rate the network survives, with less than a fifth of its former
# $h$. With the other seeds $h$ already falls in the first ten steps. All five end up hovering around the bound, at the **edge of
# stability** (Cohen et al. 2021, who found it with full gradients).
#
# Of sixty seeds, a few explode even with warm-up, at any stage. Clipping and a constant $0.01$ lose none. (Always answering 0
# has a loss of $0.52$.)
#
# So a network explodes for the reason given in the first section, a learning rate beyond $2/h$, unless its $h$ gives way. Its
# loss also has many **local minima** and **saddle points** (gradient 0, but some directions lead down), so where a run ends
# depends on where it starts.

# %% [markdown]
# ## The race on real digits
#
# Lesson 02 found, by counting, a probability for every pattern of a pixel's neighbors. Here a small network looks at 24
# neighbors, with the same weights everywhere in the image: a **convolution**. A mask hides what has not been drawn yet, as in
# PixelCNN (van den Oord, Kalchbrenner & Kavukcuoglu 2016).


# %% tags=["export"]
class Window(nn.Module):
    """Logit of each pixel from the 24 drawn before it in a 7x7 window.

    (B, 1, 28, 28) -> (B, 1, 28, 28)
    """

    def __init__(self, hidden=32):
        super().__init__()
        self.look = nn.Conv2d(1, hidden, 7, padding=3)  # the same weights at all places
        self.place = nn.Parameter(torch.zeros(hidden, 28, 28))  # a bias of its own for each place
        self.decide = nn.Sequential(  # a small network, the same at every pixel
            nn.ReLU(), nn.Conv2d(hidden, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, 1, 1)
        )
        mask = torch.ones(7, 7)
        mask[3, 3:], mask[4:] = 0, 0  # the pixel itself, and all that follow
        self.register_buffer("mask", mask)  # part of the model, but not learned

    def forward(self, x):
        masked = self.look.weight * self.mask  # (H, 1, 7, 7)
        seen = F.conv2d(x, masked, self.look.bias, padding=3)  # (B, H, 28, 28)
        return self.decide(seen + self.place)  # (B, 1, 28, 28)


# %%
drawing.window()

# %% [markdown]
# Is the mask right? Flip a pixel. Its own logit and all earlier ones must not change:

# %% tags=["folded"]
digits = data.mnist()  # torch tensors
x_train = (digits.x_train > 0.5).float().to(device)[: runtime.budget(smoke=500, cpu=4000)]
halves = (digits.x_test > 0.5).float().to(device).split(500)  # as in lesson 02
x_val, x_test = (half[: runtime.budget(smoke=50, cpu=500)] for half in halves)
model = Window().to(device)
flipped = x_test[:1].clone()
flipped[..., 10, 10] = 1 - flipped[..., 10, 10]
moved = (model(flipped) != model(x_test[:1])).flatten()  # (784,) in reading order
until, after = moved[: 10 * 28 + 11].sum(), moved[10 * 28 + 11 :].sum()
print(f"logits that changed: {until} up to and including the pixel, {after} after it")


# %%
def nats(model, batch):
    """Mean negative log-likelihood in nats per digit, of a minibatch (x,). -> scalar"""
    (x,) = batch  # (B, 1, 28, 28)
    return F.binary_cross_entropy_with_logits(model(x), x, reduction="sum") / len(x)


def race(make, lr, seed):
    """Train a `Window` for one epoch. -> the model, its validation loss, its training losses"""
    runtime.seed_all(seed)
    model = Window().to(device)
    loader = Minibatches(x_train[: runtime.budget(smoke=200, cpu=2000)], size=50)
    history = fit(model, loader, nats, make(model.parameters(), lr), epochs=1)
    with torch.no_grad():
        return model, nats(model, [x_val]).item(), history["train"]


# %% [markdown]
# A weight in `look` gets a gradient from every pixel, and a bias in `place` from only one: its gradient starts out thirty to
# fifty times smaller (root mean square). Each optimizer trains for one epoch on 2,000 digits, at two or three learning rates,
# with two seeds. The rate that is best on validation digits gets a third.
#
# **Predict.** How does the race end?
#
# - A: All three are about level: what counts is a good learning rate.
#   - No single rate suits gradients that differ so much in size.
# - B: Momentum and Adam are about level, both ahead of SGD.
#   - Often, but not here: a rate that the largest gradients can bear is far too small for the smallest.
# - C: Adam is ahead of both, with every seed.
#   - **Yes.** It gives each parameter a learning rate of its own, large where gradients are small.

# %%
runners = {
    "SGD": (lambda p, lr: torch.optim.SGD(p, lr), (0.002, 0.004, 0.008)),
    "momentum": (lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9), (0.001, 0.002, 0.004)),
    "Adam": (lambda p, lr: torch.optim.Adam(p, lr), (0.08, 0.16)),
}
winners = {}
for name, (make, rates) in progress.bar(runners.items(), "optimizers"):
    raced = {}
    for lr in rates:
        raced[lr] = [race(make, lr, seed) for seed in (3, 4)]
        print(f"{name:<9}{lr:<6g} validation:", *(f"{val:.0f}" for _, val, _ in raced[lr]))
    best_lr = min(rates, key=lambda lr: np.mean([val for _, val, _ in raced[lr]]))
    winners[name] = best_lr, raced[best_lr] + [race(make, best_lr, seed=5)]

# %% tags=["folded"]
tests = {}
with torch.no_grad():
    for name, (_, runs_of) in winners.items():
        tests[name] = [nats(model, [x_test]).item() for model, _, _ in runs_of]
drawing.race(winners, tests)

# %% [markdown]
# Adam wins: its worst seed beats the best of the others. (The small gradients in `place` are one reason: with forty times the
# rate there, momentum closes more than half of the gap.) Where parameters are more alike, or training is long,
# well-tuned momentum is often as good.
#
# At their largest rates the losers get worse, some seeds much worse; Adam at its largest still beats their best. So Adam trains
# the final model, longer and on all 4,000 digits, while `LinearLR` lowers its rate to a fiftieth.

# %% tags=["folded"]
runtime.seed_all(4)
model, epochs = Window().to(device), runtime.budget(smoke=1, cpu=4)
loader = Minibatches(x_train, size=50)
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, epochs * len(loader))
history = fit(
    model, loader, nats, optimizer, epochs, scheduler, validate=lambda m: nats(m, [x_val]).item()
)
with torch.no_grad():
    window_nats = nats(model, [x_test]).item()
print("validation, after each epoch:", ", ".join(f"{value:.1f}" for value in history["val"]))
print(f"test: {window_nats:.1f} nats per digit")


# %% tags=["folded"]
@torch.no_grad()
def draw(model, n):
    """n digits, pixel by pixel in reading order. -> (n, 1, 28, 28)"""
    x = torch.zeros(n, 1, 28, 28, device=device)
    for r in range(28):
        for c in range(28):
            probs = torch.sigmoid(model(x)[:, 0, r, c])  # (n,): what comes later is masked
            x[:, 0, r, c] = torch.bernoulli(probs)
    return x


runtime.seed_all(6)
n = runtime.budget(smoke=2, cpu=20)
plots.rows(
    {"samples": draw(model, n)[:, 0].cpu(), "real": x_test[:n, 0].cpu()},
    alt="Above: smooth pen strokes; several could be digits. Below: real digits.",
)
# %% [markdown]
# Lesson 02's best model needed {{02.nats.borrow:.0f}} nats. These are pen strokes, but a whole digit is still luck: no pixel sees
# more than three pixels away.

# %% [markdown]
# ## What this run reached
#
# Every row involves chance. The expected range is that of five seeds, widened by its own width on both sides.

# %% tags=["folded"]
inside = runtime.reached(
    away
    | {
        "03.explode.curvature": np.median(curvatures[-20:]),
        "03.race.sgd": np.mean(tests["SGD"]),
        "03.race.momentum": np.mean(tests["momentum"]),
        "03.race.adam": np.mean(tests["Adam"]),
        "03.nats.window": window_nats,
    }
)

# %% tags=["solved"]
assert inside
assert (values["L"], silent["w"]) == (4.0, 0.0)
assert abs(walks[0.05][100] - 1.030909) < 1e-5 and walks[0.092][100] < -9
assert away["03.sgd.fading"] < away["03.sgd.steady"] < away["03.sgd.full"]
assert max(loss for _, loss in runs["clipped"]) < 1
assert max(tests["Adam"]) < min(tests["momentum"] + tests["SGD"])
assert until == 0 and after == 24

# %% [markdown]
# That was the core. The studio has three sections, in any order; no later lesson needs them. [Where we are
# now](#Where-we-are-now) closes the lesson.

# %% [markdown] tags=["studio"]
# ## Studio
#
# ### Section A · How large may a learning rate be?
#
# (This section uses eigenvectors.) In one dimension the bound was $2/h$, with $h$ the second derivative of $J$. With $d$
# parameters there are many second derivatives, one for each pair of parameters, collected in the **Hessian** $H$. Along each
# **eigenvector** of $H$ the valley behaves like a one-dimensional one, and its curvature there is the eigenvalue. One learning rate
# must suit them all.
#
# ### Exercise 3.6 · `max_stable_lr`
# Find the bound for $J(\theta) = \frac1n\lVert X\theta - y\rVert^2$ and any $X$ of shape $(n,)$ or $(n, d)$: derive $H$, decide
# which of its eigenvalues matters, and remember that $X$ may be a single column. `np.linalg.eigvalsh` gives the eigenvalues of a
# symmetric matrix.


# %% tags=["studio", "exercise:3.6", "points:4", "minutes:9"]
def max_stable_lr(X):
    """The learning rate below which gradient descent on mean((Xθ - y)²) converges.

    X: (n,) or (n, d) -> float
    """
    # BEGIN SOLUTION
    X = X.reshape(len(X), -1)  # (n, d)
    hessian = 2 / len(X) * X.T @ X  # (d, d)
    return float(2 / np.linalg.eigvalsh(hessian).max())
    # END SOLUTION


# %% tags=["studio", "check:3.6"]
max_stable_lr = check("3.6", max_stable_lr)

# %% [markdown] tags=["studio", "help:3.6"]
# Which direction explodes first as the learning rate grows: the steepest, the flattest, or the average one?
# ---
# $X = (1, 2, 3, 4, 5)$: $H = \frac25 (1 + 4 + 9 + 16 + 25) = 22$, the bound is $2/22 = 1/11$. With columns $(1, 1)$ and
# $(1, -1)$: $X^\top X$ is twice the identity, $n = 2$, so $H = 2 I$ and the bound is 1.
# ---
# Row $i$ contributes $\frac1n(x_i\cdot\theta - y_i)^2$, whose second derivatives are $\frac2n x_{ij}x_{ik}$, so
# $H = \frac2n X^\top X$. Along an eigenvector with curvature $h$ each step multiplies the distance by $1 - \alpha h$, and the largest
# $h$ is the first to leave $(-1, 1)$.

# %% tags=["studio", "nbval-check-output"]
line_X = np.stack([np.ones(5), x], axis=1)  # (5, 2): intercept and slope
centered = np.stack([np.ones(5), (x - x.mean()) / x.std()], axis=1)  # (5, 2)
for name, table in [
    ("through the origin", x),
    ("with an intercept", line_X),
    ("the same, input standardized", centered),
]:
    h = np.linalg.eigvalsh(2 / 5 * table.reshape(5, -1).T @ table.reshape(5, -1))
    print(
        f"{name:<29} bound {max_stable_lr(table):.4f}, "
        f"steepest over flattest {h.max() / h.min():.1f}"
    )

# %% [markdown] tags=["studio"]
# The ratio of the largest to the smallest curvature is the **condition number**. With an intercept it is large: the loss is a
# valley. The third line is the cheapest optimizer there is: shift and scale the input, and the valley becomes a round bowl in
# which plain gradient descent with $\alpha = 0.5$ arrives in a single step. (With several inputs, their correlations remain.) The
# number of steps that gradient descent needs grows with the condition number; with well-tuned momentum it grows with the *square
# root* (Goh 2017 derives and draws it).

# %% [markdown] tags=["studio"]
# ### Section B · A stray 1/n
#
# In the article that this course grew out of, the update for one random example keeps the factor $1/n$ of the full sum. It looks
# harmless: it is only a constant.
#
# **Predict.** With $n = 1000$ examples, what happens?
#
# - A: It crawls, while the loss keeps falling.
#   - **Yes.** Each step is a thousandth as long, so it needs about a thousand times as many.
# - B: It diverges.
#   - That would take steps that are too long. These are too short.
# - C: It stops at a wrong point, and the loss stays high.
#   - That would take a wrong direction. Here only the length is wrong.


# %% tags=["studio"]
def sgd_with(factor, steps, seed=7):
    """Distance to the minimum along the walk, each single step times `factor`. -> (steps,)"""
    examples = runtime.rng(seed).integers(0, 1000, steps)
    visited, theta = np.empty(steps), np.zeros(2)
    for t, i in enumerate(examples):
        theta = sgd_step(theta, X[i], Y[i], 0.02 * factor)
        visited[t] = np.linalg.norm(theta - best)
    return visited


right, stray = sgd_with(1, 3000), sgd_with(1 / 1000, runtime.budget(smoke=2000, cpu=100_000))
drawing.stray(right, stray)

# %% [markdown] tags=["studio"]
# The expected gradient of one random example *is* the full gradient, because every example is equally likely. Dividing once more
# by $n$ averages twice. Nothing crashes, and the loss falls. So this mistake survives in real programs as "the learning rate
# needs to be larger here."

# %% [markdown] tags=["studio"]
# ### Section C · The wrong Adam
#
# **Debug a claim.** The article that this course grew out of gives Adam as
#
# $$ \theta \leftarrow \theta - \frac{\alpha \beta_1 \nabla J}{1 - \beta_2^{\,t}} \qquad \text{(the claim)} $$
#
# and calls $\beta_1, \beta_2$ bias corrections. It contains no mean, no square and no square root.
#
# **Predict.** Adam with $\alpha = 0.01$ starts with steps of $0.01$. What factor does the claim put in front of the first
# gradient, when $1 - \beta_2^t = 0.001$?
#
# - A: `9`
#   - **Yes.** It is $0.01 \cdot 0.9 / 0.001$: nine hundred times the learning rate.
# - B: `0.9`
#   - You left out a factor of ten: $0.009 / 0.001$ is 9.
# - C: `0.009`
#   - You left out the division by $1 - \beta_2^t$.
# - D: `0.000009`
#   - You multiplied by $1 - \beta_2^t$ instead of dividing.


# %% tags=["studio", "nbval-check-output"]
usual = dict(lr=0.01, b1=0.9, b2=0.999, eps=1e-8)


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


factors = [0.01 * 0.9 / (1 - 0.999**t) for t in (1, 10, 100)]
print("factor at t = 1, 10, 100:", ", ".join(f"{factor:.3f}" for factor in factors))
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
    shown = f"{claimed:.1e}" if np.isfinite(claimed) else "overflow"
    print(f"{name:<22} furthest away: claimed {shown:>9}, Adam {right_one:.2f}")

# %% [markdown] tags=["studio"]
# The first learning rate is 9, far beyond the bound of any of these valleys. On the five points the claim is thrown nearly sixty
# orders of magnitude away before the factor has fallen far enough to turn it around. In the steep valley it leaves the range of a
# float and never returns. Adam, which divides by $\sqrt{\hat v}$, never strays farther than its start or its goal. $\beta_1$ and
# $\beta_2$ are not corrections: they say how long the two means remember.
#
# Now fix it. First, does your Adam match PyTorch's, also with weight decay?


# %% tags=["studio", "nbval-check-output"]
def my_adam(gradients, decay=0.0):
    """Where adam_step goes from 1, with weight decay. (T, d) -> (d,)"""
    theta, state = np.ones(gradients.shape[1]), (0.0, 0.0, 0)
    for g in gradients:
        theta = (1 - usual["lr"] * decay) * theta  # the W in AdamW
        theta, state = adam_step(theta, g, state, **usual)
    return theta


def torch_adam(gradients, kind, **settings):
    """Where PyTorch's optimizer goes when it is given these gradients. (T, d) -> (d,)"""
    theta = torch.ones(gradients.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = kind([theta], lr=usual["lr"], **settings)
    for g in gradients:
        theta.grad = torch.tensor(g)
        optimizer.step()
    return theta.detach().numpy()


noise = runtime.rng(2).normal(size=(200, 3)) * [1, 100, 0.01]  # (200, 3)
gap = abs(my_adam(noise) - torch_adam(noise, torch.optim.Adam)).max()
decayed = torch_adam(noise, torch.optim.AdamW, weight_decay=0.1)
gap_w = abs(my_adam(noise, decay=0.1) - decayed).max()
print("equal to PyTorch's within 1e-12 after 200 steps: Adam", gap < 1e-12, "AdamW", gap_w < 1e-12)

# %% [markdown] tags=["studio"]
# Next, the digits. Below, three optimizers train the model from the race: the claim, your `adam_step` and, as a reference,
# PyTorch's Adam.


# %% tags=["studio"]
class Stepper(torch.optim.Optimizer):
    """Trains a model with a NumPy step function such as adam_step."""

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
optimizers = {
    "as claimed": lambda p, lr: Stepper(p, claimed_step, lr),
    "your adam_step": lambda p, lr: Stepper(p, adam_step, lr),
    "PyTorch's Adam": lambda p, lr: torch.optim.Adam(p, lr),
}
fixed = {}
for name, make in optimizers.items():
    with np.errstate(over="ignore", invalid="ignore"):
        trained, val, losses = race(make, 0.01, seed=3)
    fixed[name] = val, max(losses)
    learning = [key for key, p in trained.named_parameters() if p.grad.any()]  # at the last step
    print(f"{name:<15} worst minibatch {max(losses):9.3g} nats, validation {val:7.1f} in the end")
    print(f"{'':<15} get a gradient: {', '.join(learning)}")

# %% [markdown] tags=["studio"]
# Knowing nothing costs $784 \log 2 = 543$ nats per digit. The claim's first steps throw the weights so far out that a digit costs
# trillions of nats. In these forty steps its factor falls from 9 to $0.23$, still far beyond what SGD could bear in the race, and
# the model does not recover: the units of its second layer are dead, so that only the last bias still learns. Your version and
# PyTorch's agree. A formula with all the right letters can look like Adam; the way to find out is to run it beside the real one.

# %% tags=["studio", "solved"]
assert gap < 1e-12 and gap_w < 1e-12
assert 1e59 < peaks["the five points"][0] < 1e60
assert not np.isfinite(peaks["curvatures 1 and 1000"][0])
assert abs(fixed["your adam_step"][0] - fixed["PyTorch's Adam"][0]) < 0.5
assert not fixed["as claimed"][1] < 5000
assert abs(max_stable_lr(x) - 1 / 11) < 1e-12 and stray[1999] > 3 * right[-100:].mean()

# %% [markdown]
# ## Where we are now
#
# You can
# - differentiate a loss through its graph, by hand and by autograd;
# - write PyTorch's training loop, with a schedule, clipping and validation;
# - build momentum and Adam, and say what RMSProp and AdamW add;
# - derive how large a network's first weights must be;
# - say why a run explodes: its learning rate is beyond $2/h$, and the curvature $h$ does not give way in time.
#
# **Read on.** Goh 2017, *Why Momentum Really Works*. Cohen et al. 2021, *Gradient Descent on Neural
# Networks Typically Occurs at the Edge of Stability*. Lewkowycz et al. 2020, *The Large Learning Rate Phase of Deep Learning: the
# Catapult Mechanism*.
#
# **Next.** You can train any model whose loss you can compute. Lesson 04 puts a latent variable behind every image, and then the
# likelihood cannot be computed.
