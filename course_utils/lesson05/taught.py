"""What lesson 05 built. Generated from lessons/05_digit_project.py; do not edit."""
from __future__ import annotations

from course_utils.lesson04 import kl_normal
from course_utils.lesson04 import reparameterize
from torch import Tensor
from torch import nn
from torch.nn import functional as F
import math
import numpy as np
import torch


def make_splits(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Row numbers to train on, (n - n // 10,), and to validate on, drawn at random, (n // 10,)."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))  # (n,)
    return order[n // 10 :], order[: n // 10]


class Detour(nn.Module):
    """A layer that adds to what it was given. (B, width) -> (B, width)"""

    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, h):
        return h + F.silu(self.linear(h))


def layers(*sizes):
    """Linear layers with a SiLU between each two; between equal sizes a detour."""
    made = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        made += [Detour(inputs)] if inputs == outputs else [nn.Linear(inputs, outputs), nn.SiLU()]
    return nn.Sequential(*made[:-1])


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


def bce_and_kl(model, x):
    """The two parts of -ELBO with one sampled z, in nats per digit. (B, 784) -> (B,), (B,)"""
    mu, logvar = model.encode(x)  # (B, Z) each
    z = reparameterize(mu, logvar, torch.randn_like(mu))  # (B, Z)
    bce = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none").sum(1)  # (B,)
    return bce, kl_normal(mu, logvar)


def train_epochs(model, x, epochs, lr=4e-3, batch=64, beta=1.0, augment=None):
    """Train in place on x (N, 784), from the current seed; yields each epoch's number at its end.

    The loss is BCE + beta * KL. augment(x) -> (N, 784) makes the digits of an epoch.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr, fused=True)
    steps = epochs * math.ceil(len(x) / batch)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.15)
    for epoch in range(epochs):
        seen = augment(x) if augment else x  # (N, 784)
        for rows in torch.randperm(len(x), device=x.device).split(batch):
            bce, kl = bce_and_kl(model, seen[rows])  # (B,), (B,)
            loss = (bce + beta * kl).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            cycle.step()
        yield epoch + 1


def frechet(a: Tensor, b: Tensor) -> float:
    """Fréchet distance of two clouds, by mean and covariance of each. (n, d), (m, d) -> number"""
    a, b = a.double(), b.double()
    A, B = torch.cov(a.T), torch.cov(b.T)  # (d, d) each
    roots = np.sqrt(np.linalg.eigvals(A @ B).real.clip(min=0))  # (d,)
    shift = ((a.mean(dim=0) - b.mean(dim=0)) ** 2).sum()
    return (shift + A.trace() + B.trace()).item() - 2 * roots.sum().item()


def iwae(logw: Tensor) -> Tensor:
    """Importance-weighted bound: log of the mean of K weights given as logs. (B, K) -> (B,)"""
    return torch.logsumexp(logw, dim=1) - math.log(logw.shape[1])  # (B,)


def active_units(mu: Tensor, tol: float) -> Tensor:
    """Which numbers of the code have a variance above tol over the pictures. (N, Z) -> bool (Z,)"""
    return mu.var(dim=0) > tol  # (Z,)


def train_digits(x):
    """Train a VAE on gray digits x, (N, 784). -> the pair encode, decode

    encode: (B, 784) -> mu, logvar, (B, Z) each; decode: (B, Z) -> logits, (B, 784)
    """
    encoder = nn.Sequential(nn.Linear(784, 400), nn.SiLU(), nn.Linear(400, 40))  # 20 mu, 20 logvar
    decoder = nn.Sequential(nn.Linear(20, 400), nn.SiLU(), nn.Linear(400, 784))
    with torch.no_grad():
        decoder[-1].bias.copy_(torch.logit(x.mean(dim=0).clamp(0.002, 0.998)))
    weights, steps = [*encoder.parameters(), *decoder.parameters()], 16 * math.ceil(len(x) / 64)
    optimizer = torch.optim.AdamW(weights, 4e-3, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.15)
    for _ in range(16):
        for rows in torch.randperm(len(x)).split(64):
            mu, logvar = encoder(x[rows]).chunk(2, dim=1)  # (B, 20) each
            z = reparameterize(mu, logvar, torch.randn_like(mu))
            bce = F.binary_cross_entropy_with_logits(decoder(z), x[rows], reduction="none").sum(1)
            optimizer.zero_grad()
            (bce + kl_normal(mu, logvar)).mean().backward()
            optimizer.step()
            cycle.step()
    return lambda pictures: encoder(pictures).chunk(2, dim=1), decoder
