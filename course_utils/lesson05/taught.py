"""What lesson 05 built. Generated from lessons/05_digit_project.py; do not edit."""
from __future__ import annotations

from course_utils.lesson03 import Minibatches
from course_utils.lesson03 import fit
from course_utils.lesson04 import kl_normal
from course_utils.lesson04 import reparameterize
from dataclasses import dataclass
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


def vae_loss(model, batch, beta=1.0):
    """The loss of a minibatch, for `fit`: BCE + beta * KL. -> scalar"""
    (x,) = batch  # (B, 784)
    bce, kl = bce_and_kl(model, x)
    return (bce + beta * kl).mean()


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


def compare(loss: Tensor, baseline: Tensor) -> tuple[float, float, str]:
    """Mean of loss minus baseline, its standard error, a verdict. (N,), (N,) -> number, number, str

    The verdict on the model of `loss` is "better", "worse" or, say against itself, "cannot tell".
    """
    difference = loss - baseline  # (N,)
    mean, error = difference.mean().item(), difference.std().item() / math.sqrt(len(difference))
    if abs(mean) <= 2 * error:
        return mean, error, "cannot tell"
    return mean, error, "better" if mean < 0 else "worse"


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


def active_units(mu: Tensor, logvar: Tensor, tol: float) -> Tensor:
    """Which latent dimensions carry signal of variance above tol. (N, Z), (N, Z) -> bool (Z,)"""
    return mu.var(dim=0) > tol  # (Z,)


def train_digits(x):
    """Train a VAE on gray digits x, (N, 784). -> the pair encode, decode

    encode: (B, 784) -> mu, logvar, (B, Z) each; decode: (B, Z) -> logits, (B, 784)
    """
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
