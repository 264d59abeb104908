"""What augmentation does to lesson 05's baseline: half of every epoch's digits rotated, moved,
scaled and slanted a little.

Three seeds, twenty epochs, with and without. For each: -ELBO in nats per digit on training and
validation digits as they are, Fréchet distance of 1,000 samples, and forty samples of the first
seed.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F

from course_utils import data, metrics
from course_utils.lesson03.taught import Minibatches
from course_utils.lesson05.taught import Config, bce_and_kl, make_splits, train_vae

EPOCHS, SEEDS = 20, 3


def fit_and_val():
    """The digits to train on and to validate on, as in the lesson: (3600, 784), (400, 784)."""
    x = data.mnist().x_train.flatten(1)
    rows, val_rows = make_splits(len(x), 0)
    return x[rows], x[val_rows]


def bent(x):
    """Every digit rotated by up to 12 degrees, scaled by up to a tenth, slanted and moved a little.
    (N, 784) -> (N, 784)
    """
    n = len(x)
    turn, slant = math.radians(12) * (2 * torch.rand(n) - 1), 0.3 * (torch.rand(n) - 0.5)
    scale, shift = 0.9 + 0.2 * torch.rand(n), 1.5 / 14 * (2 * torch.rand(n, 2) - 1)
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    rows = [
        torch.stack([cos, slant - sin, shift[:, 0]], 1),
        torch.stack([sin, cos, shift[:, 1]], 1),
    ]
    # (N, 28, 28, 2)
    grid = F.affine_grid(torch.stack(rows, 1), [n, 1, 28, 28], align_corners=False)
    moved = F.grid_sample(x.view(n, 1, 28, 28), grid, align_corners=False)
    return moved.clamp(0, 1).flatten(1)


def half_bent(x):
    """Each digit as it is, or bent, with even odds."""
    return torch.where(torch.rand(len(x), 1) < 0.5, bent(x), x)


class Augmented:
    """Minibatches of digits that are distorted anew in every epoch."""

    def __init__(self, x, augment):
        self.x, self.augment = x, augment

    def __iter__(self):
        return iter(Minibatches(self.augment(self.x), size=64))

    def __len__(self):
        return len(Minibatches(self.x, size=64))


def train(augment, seed):
    """One run. -> three numbers, forty samples (40, 784)"""
    x, x_val = fit_and_val()
    torch.manual_seed(seed)
    loader = Augmented(x, augment) if augment else None
    model, _ = train_vae(x, Config(epochs=EPOCHS), loader)
    with torch.no_grad():
        nats = [sum(part.mean().item() for part in bce_and_kl(model, some)) for some in (x, x_val)]
        samples = torch.sigmoid(model.decode(torch.randn(1000, 20)))
    return [*nats, metrics.frechet_digits(samples)], (255 * samples[:40]).byte().numpy()


def run():
    runs = [[train(augment, seed) for seed in range(SEEDS)] for augment in (None, half_bent)]
    values = np.array([[run[0] for run in row] for row in runs], dtype=np.float32)  # (2, SEEDS, 3)
    found = {name: values[:, :, i] for i, name in enumerate(("train_nats", "val_nats", "fd"))}
    return found | {"samples": np.array([row[0][1] for row in runs])}
