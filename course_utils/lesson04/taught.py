"""What lesson 04 built. Generated from lessons/04_autoencoder_to_vae.py; do not edit."""
from __future__ import annotations

from course_utils.lesson03 import Minibatches
from course_utils.lesson03 import fit
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
    """One-sample ELBO in nats per image. logits, x: (B, D), mu, logvar: (B, Z) -> (B,)"""
    log_px_z = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)  # (B,)
    return log_px_z - kl_normal(mu, logvar)  # (B,)


def collapsed_units(mu: Tensor, logvar: Tensor, tol: float) -> Tensor:
    """Which latent dimensions carry less than tol nats on average.

    (N, Z), (N, Z), float -> bool (Z,)
    """
    kl = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar)  # (N, Z)
    return kl.mean(dim=0) < tol  # (Z,)


def train_vae(x):
    """Train a VAE on binary digits.

    x: (N, 64) -> encode: (B, 64) -> mu, logvar (B, Z); decode: (B, Z) -> logits (B, 64)
    """

    def network(inputs, outputs, dropout, hidden=200):
        layers = []
        for n in (inputs, hidden):
            layers += [nn.Linear(n, hidden), nn.SiLU(), nn.Dropout(dropout)]
            nn.init.kaiming_normal_(layers[-3].weight)
        return nn.Sequential(*layers, nn.Linear(hidden, outputs))

    def loss_fn(model, batch):
        (x,) = batch
        encoder, decoder = model
        mu, logvar = encoder(x).chunk(2, dim=1)  # (B, 8) each
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)  # (B, 8)
        nll = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="none").sum(dim=1)
        kl = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(dim=1)  # (B,)
        return (nll + kl).mean()

    epochs, loader = 60, Minibatches(x, size=50)
    model = nn.ModuleList([network(64, 16, 0.2), network(8, 64, 0.1)])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    steps = epochs * len(loader)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=steps)
    fit(model, loader, loss_fn, optimizer, epochs, scheduler)
    model.eval()  # no dropout from here on
    encoder, decoder = model
    return lambda x: encoder(x).chunk(2, dim=1), decoder
