"""What lesson 07 built. Generated from lessons/07_conditional_and_design.py; do not edit."""
from __future__ import annotations

from course_utils.lesson04 import kl_normal
from course_utils.lesson04 import reparameterize
from course_utils.lesson07.floorplans import BEDROOM
from course_utils.lesson07.floorplans import CELL
from course_utils.lesson07.floorplans import DOOR
from course_utils.lesson07.floorplans import KINDS
from course_utils.lesson07.floorplans import LIVING
from course_utils.lesson07.floorplans import MIN_AREA
from course_utils.lesson07.floorplans import OUTSIDE
from scipy.ndimage import label
from torch import Tensor
from torch import nn
from torch.nn import functional as F
import copy
import numpy as np
import torch


class CVAE(nn.Module):
    """Two networks. encoder: (B, D + C) -> (B, 2 Z); decoder: (B, Z + C) -> logits (B, D)."""

    def __init__(self, D, C, Z=10, hidden=400):
        super().__init__()
        self.Z = Z
        self.encoder = nn.Sequential(nn.Linear(D + C, hidden), nn.SiLU(), nn.Linear(hidden, 2 * Z))
        layers = [nn.Linear(Z + C, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU()]
        self.decoder = nn.Sequential(*layers, nn.Linear(hidden, D))

    def decode(self, z, c):
        """Logits of images with latent codes z and conditions c. (B, Z), (B, C) -> (B, D)"""
        return self.decoder(torch.cat([z, c], dim=1))  # from (B, Z + C)


def cvae_loss(model, x: Tensor, c: Tensor, beta: float) -> Tensor:
    """NLL plus beta times the KL term, averaged over images. (B, D) in [0, 1], (B, C) -> ()"""
    mu, logvar = model.encoder(torch.cat([x, c], dim=1)).chunk(2, dim=1)  # (B, Z) each
    z = reparameterize(mu, logvar, torch.randn_like(mu))  # (B, Z)
    logits = model.decode(z, c)  # (B, D)
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)  # (B,)
    return (nll + beta * kl_normal(mu, logvar)).mean()


def sample_given(model, c: Tensor, n: int) -> Tensor:
    """n images for one condition, as grays in [0, 1]. c (C,) -> (n, D)"""
    z = torch.randn(n, model.Z, device=c.device)  # (n, Z), from the prior
    with torch.no_grad():
        logits = model.decode(z, c.expand(n, -1))  # (n, D)
    return torch.sigmoid(logits)


def layout_report(plan: Tensor) -> dict:
    """Which of the five constraints hold. plan (H, W) of kinds -> {"rooms": bool, ...}"""
    plan = np.pad(np.asarray(plan), 1)  # OUTSIDE is 0
    room, outside, door = plan >= LIVING, plan == OUTSIDE, plan == DOOR
    pieces = {kind: label(plan == kind)[1] for kind in range(LIVING, KINDS)}
    there = [kind for kind in pieces if pieces[kind]]

    def beside(mask):  # above, below, left, right
        return [np.roll(mask, s, axis) for s, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1))]

    above, below, left, right = beside(room | outside)
    return {
        "rooms": {*range(LIVING, BEDROOM + 1)} <= {*there} and max(pieces.values()) == 1,
        "areas": all((plan == k).sum() * CELL**2 >= MIN_AREA[k] for k in there),
        "closed": not (room & np.any(beside(outside), axis=0)).any(),
        "doors": bool(((above & below) | (left & right))[door].all()),
        "reachable": label(room | outside | door)[1] == 1,
    }


def safe_augment(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Other images of the same digits. (B, 1, 28, 28) in [0, 1] -> (B, 1, 28, 28) in [0, 1]"""
    B = len(x)
    tilt, size = rng.uniform(-0.15, 0.15, B), rng.uniform(0.92, 1.08, B)  # (B,) radians, factors
    move = rng.uniform(-0.1, 0.1, (B, 2))  # (B, 2): 1 is half the image's width
    cos, sin = np.cos(tilt) / size, np.sin(tilt) / size
    rows = np.stack([cos, -sin, move[:, 0], sin, cos, move[:, 1]], axis=1)  # (B, 6)
    where = torch.as_tensor(rows, dtype=x.dtype, device=x.device).view(B, 2, 3)
    grid = F.affine_grid(where, list(x.shape), align_corners=False)  # (B, 28, 28, 2)
    return F.grid_sample(x, grid, align_corners=False).clamp(0, 1)  # (B, 1, 28, 28)


class ConditionalGenerator(nn.Module):
    """Noise (B, Z) and condition (B, C) -> grays (B, D)."""

    def __init__(self, D=784, C=10, Z=32):
        super().__init__()
        self.Z = Z
        self.decoder = nn.Sequential(
            nn.Linear(Z + C, 256),
            nn.BatchNorm1d(256),
            nn.ReLU(),
            nn.Linear(256, 512),
            nn.BatchNorm1d(512),
            nn.ReLU(),
            nn.Linear(512, D),
        )

    def decode(self, z, c):
        """Logits, as those of a CVAE, so that sample_given can draw from it. -> (B, D)"""
        return self.decoder(torch.cat([z, c], dim=1))  # from (B, Z + C)

    def forward(self, z, c):
        return torch.sigmoid(self.decode(z, c))  # (B, D)


class ConditionalDiscriminator(nn.Module):
    """Images (B, D) and conditions (B, C) -> logits (B,): is this a real one of its kind?"""

    def __init__(self, D=784, C=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Linear(D, 512),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2),
        )
        self.real, self.direction = nn.Linear(256, 1), nn.Linear(C, 256, bias=False)
        nn.init.normal_(self.direction.weight)  # far apart from the start: control comes sooner

    def forward(self, x, c):
        f = self.features(x)  # (B, 256)
        return self.real(f).squeeze(1) + (f * self.direction(c)).sum(dim=1) / 16  # (B,)


def train_cgan(x, c, batch=128, lr=4e-4):
    """Train on x (N, D) in [0, 1] and c (N, C); yields the averaged generator after each step."""
    G = ConditionalGenerator(x.shape[1], c.shape[1]).to(x.device)
    D = ConditionalDiscriminator(x.shape[1], c.shape[1]).to(x.device)
    average = copy.deepcopy(G).eval().requires_grad_(False)
    of_G, of_D = (
        torch.optim.Adam(net.parameters(), lr, betas=(0.5, 0.99), fused=True) for net in (G, D)
    )
    while True:
        rows = torch.randint(len(x), (batch,), device=x.device)
        fake = G(torch.randn(batch, G.Z, device=x.device), c[rows])  # (batch, D)
        pairs = torch.cat([x[rows], fake.detach()]), torch.cat([c[rows], c[rows]])
        real, generated = D(*pairs).chunk(2)  # (batch,) each
        of_D.zero_grad()
        (F.softplus(-real).mean() + F.softplus(generated).mean()).backward()
        of_D.step()
        of_G.zero_grad()
        F.softplus(-D(fake, c[rows])).mean().backward()
        of_G.step()
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), G.parameters(), strict=True):
                slow.lerp_(fast, 0.01)
            for slow, fast in zip(average.buffers(), G.buffers(), strict=True):
                slow.copy_(fast)
        yield average


def train_planner(plans, c):
    """Learn to draw plans (N, 26, 30) for conditions c (N, 13).

    Returns draw: (M, 13) -> integers (M, 26, 30), one plan per row.
    """
    N, H, W = plans.shape
    seen = F.one_hot(plans[:, ::2, ::2], 10).float().flatten(1)  # (N, D): a quarter of the cells
    x = torch.cat([seen, c], dim=1)  # (N, D + 13)
    encoder = nn.Sequential(nn.Linear(x.shape[1], 128), nn.SiLU(), nn.Linear(128, 24))
    decoder = nn.Sequential(nn.Linear(12 + 13, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU())
    decoder.append(nn.Linear(128, 10 * H * W))
    weights, rounds = [*encoder.parameters(), *decoder.parameters()], 16
    optimizer = torch.optim.AdamW(weights, 0.012, fused=True)
    steps = rounds * -(-N // 64)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.012, total_steps=steps)
    for _ in range(rounds):
        for rows in torch.randperm(N).split(64):
            mu, logvar = encoder(x[rows]).chunk(2, dim=1)  # (B, 12) each
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)  # (B, 12)
            logits = decoder(torch.cat([z, c[rows]], dim=1)).view(-1, 10, H, W)
            nll = F.cross_entropy(logits, plans[rows], reduction="none").sum(dim=(1, 2))  # (B,)
            kl = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(dim=1)  # (B,)
            optimizer.zero_grad()
            (nll + 4 * kl).mean().backward()
            optimizer.step()
            scheduler.step()

    def draw_plans(c):
        z = 0.6 * torch.randn(len(c), 12)  # a lower temperature
        logits = decoder(torch.cat([z, c], dim=1)).view(-1, 10, H, W)
        return logits.argmax(dim=1)  # (M, H, W)

    return draw_plans
