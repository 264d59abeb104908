"""What lesson 03 built. Generated from lessons/03_optimizers.py; do not edit."""
from __future__ import annotations

from course_utils import progress
from torch import nn
from torch.nn import functional as F
import math
import numpy as np
import torch


def sgd_step(theta, x, y, lr):
    """One step downhill on one example with loss (theta · x - y)².

    theta, x: (d,), y: number -> (d,)
    """
    return theta - lr * 2 * (theta @ x - y) * x


class Minibatches:
    """Shuffled minibatches of tensors in memory, in a new order in every epoch."""

    def __init__(self, *tensors, size=64):
        self.tensors, self.size = tensors, size

    def __iter__(self):
        for rows in torch.randperm(len(self.tensors[0])).split(self.size):
            yield tuple(tensor[rows] for tensor in self.tensors)  # (B, ...) each

    def __len__(self):  # minibatches per epoch
        return math.ceil(len(self.tensors[0]) / self.size)


def fit(model, loader, loss_fn, optimizer, epochs, scheduler=None, max_norm=None, validate=None):
    """Train: one step per minibatch, `epochs` passes over the loader.

    loss_fn(model, batch) -> scalar; validate(model) -> number
    -> {"train": the loss of every minibatch, "val": what validate returned after every epoch}
    """
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


def momentum_step(theta, g, v, lr, beta):
    """One step with momentum. theta, g: (d,), v: (d,) or 0.0 -> new theta (d,), new v (d,)"""
    v = beta * v + g
    return theta - lr * v, v


def adam_step(theta, g, state, lr, b1, b2, eps):
    """One step of Adam.

    theta, g: (d,); state (m, v, t), first (0.0, 0.0, 0) -> new theta (d,), new state
    """
    m, v, t = state
    m, v, t = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2, t + 1
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)  # (d,), (d,)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), (m, v, t)


def weight_std(shape, slope=0.0):
    """Standard deviation of a layer's first weights that keeps the mean square of its inputs.

    shape: (outputs, inputs), as in `nn.Linear(inputs, outputs).weight.shape` -> float
    """
    _, inputs = shape
    return math.sqrt(2 / (inputs * (1 + slope**2)))


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


def max_stable_lr(X):
    """The learning rate below which gradient descent on mean((Xθ - y)²) converges.

    X: (n,) or (n, d) -> float
    """
    X = X.reshape(len(X), -1)  # (n, d)
    hessian = 2 / len(X) * X.T @ X  # (d, d)
    return float(2 / np.linalg.eigvalsh(hessian).max())
