"""Lesson 05's baseline with the KL term weighted by six powers of two from 1/16 to 16: three
seeds, twelve epochs each.

For each weight: BCE and KL in nats per validation digit, Fréchet distance of 1,000 samples, how
many of the twenty latent dimensions are active (variance of mu above 0.1), and forty samples of the
first seed.
"""

from functools import partial

import numpy as np
import torch

from course_utils import data, metrics
from course_utils.lesson05.taught import (
    Config,
    active_units,
    bce_and_kl,
    make_splits,
    train_vae,
    vae_loss,
)

POWERS = (-4, -2, 0, 1, 2, 4)


def fit_and_val():
    """The digits to train on and to validate on, as in the lesson: (3600, 784), (400, 784)."""
    x = data.mnist().x_train.flatten(1)
    rows, val_rows = make_splits(len(x), 0)
    return x[rows], x[val_rows]


def train(power, seed):
    """One run. -> four numbers, forty samples (40, 784)"""
    x, x_val = fit_and_val()
    torch.manual_seed(seed)
    model, _ = train_vae(x, Config(), loss_fn=partial(vae_loss, beta=2.0**power))
    with torch.no_grad():
        bce, kl = (part.mean().item() for part in bce_and_kl(model, x_val))
        active = int(sum(active_units(*model.encode(x_val), 0.1)))
        samples = torch.sigmoid(model.decode(torch.randn(1000, 20)))
    return [bce, kl, metrics.frechet_digits(samples), active], (255 * samples[:40]).byte().numpy()


def run():
    runs = [[train(power, seed) for seed in range(3)] for power in POWERS]
    values = np.array([[run[0] for run in row] for row in runs], dtype=np.float32)  # (powers, 3, 4)
    found = {name: values[:, :, i] for i, name in enumerate(("bce", "kl", "fd", "active"))}
    return found | {"power": np.array(POWERS), "samples": np.array([row[0][1] for row in runs])}
