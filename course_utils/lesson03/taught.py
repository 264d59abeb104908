"""What lesson 03 built. Generated from lessons/03_optimizers.py; do not edit."""
from __future__ import annotations

from torch import nn
from torch.nn import functional as F
import numpy as np
import torch


def fit(model, loss_fn, optimizer, x, y, steps):
    """Train for `steps` steps on all of x and y. -> the loss before each step, a list of numbers"""
    losses = []
    for _ in range(steps):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def sgd_step(theta, x, y, lr):
    """One step downhill on one example with loss (theta · x - y)².

    theta, x: (d,), y: number -> (d,)
    """
    return theta - lr * 2 * (theta @ x - y) * x


def adam_step(theta, g, state, lr, b1, b2, eps):
    """One step of Adam.

    theta, g: (d,); state (m, v, t), first (0.0, 0.0, 0) -> new theta (d,), new state
    """
    m, v, t = state
    m, v, t = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2, t + 1
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)  # (d,), (d,)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), (m, v, t)


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


def max_stable_lr(X):
    """Step size below which gradient descent on mean((Xθ - y)²) converges.

    X: (n,) or (n, d) -> float
    """
    X = X.reshape(len(X), -1)  # (n, d)
    hessian = 2 / len(X) * X.T @ X  # (d, d)
    return float(2 / np.linalg.eigvalsh(hessian).max())
