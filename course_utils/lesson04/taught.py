"""What lesson 04 built. Generated from lessons/04_autoencoder_to_vae.py; do not edit."""
from __future__ import annotations

from torch import Tensor
from torch import nn
from torch.nn import functional as F
import torch


def reparameterize(mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    """z ~ N(mu, exp(logvar)), differentiable in mu and logvar. (B, Z), (B, Z), (B, Z) -> (B, Z)"""
    return mu + torch.exp(0.5 * logvar) * eps  # (B, Z)


def kl_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL from N(mu, exp(logvar)) to N(0, I), in nats. (B, Z), (B, Z) -> (B,)"""
    return 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(dim=1)  # (B,)


def elbo(logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """One-sample ELBO in nats: log p(x|z) - KL. logits, x: (B, D), mu, logvar: (B, Z) -> (B,)"""
    log_px_z = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)  # (B,)
    return log_px_z - kl_normal(mu, logvar)  # (B,)


def collapsed_units(mu: Tensor, logvar: Tensor, tol: float) -> Tensor:
    """Which numbers of the code carry less than tol nats on average.

    (N, Z), (N, Z), float -> bool (Z,)
    """
    price = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar)  # (N, Z)
    return price.mean(dim=0) < tol  # (Z,)


def train_vae(x):
    """Train a VAE on binary digits. x: (N, 64) -> encode: (B, 64) -> mu, logvar; decode:

    (B, Z) -> logits (B, 64)
    """
    # 8 means, 8 log-variances
    encoder = nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 16))
    decoder = nn.Sequential(nn.Linear(8, 128), nn.SiLU(), nn.Linear(128, 64))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=3e-3)
    for _ in range(80):
        for rows in torch.randperm(len(x)).split(50):
            mu, logvar = encoder(x[rows]).chunk(2, dim=1)  # (B, 8) each
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)  # (B, 8)
            surprise = F.binary_cross_entropy_with_logits(
                decoder(z), x[rows], reduction="none"
            ).sum(dim=1)  # (B,)
            price = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(dim=1)  # (B,)
            optimizer.zero_grad()
            (surprise + price).mean().backward()
            optimizer.step()
    return lambda x: encoder(x).chunk(2, dim=1), decoder
