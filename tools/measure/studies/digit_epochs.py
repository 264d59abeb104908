"""A thousand epochs on a thousand digits, as the article's workflow asks for, measured on the way.

Lesson 05's baseline with Adam at a fixed 1e-3, minibatches of 64, three seeds. At every checkpoint:
-ELBO in nats per digit on the digits it trains on and on the 400 of the validation set; on the
first hundred of these with the encoder's Gaussians and with the best Gaussian for each; Fréchet
distance of 1,000 samples, and their median distance to the nearest training digit.
"""

import numpy as np
import torch

from course_utils import data, metrics
from course_utils.lesson03.taught import Minibatches, fit
from course_utils.lesson05.taught import DigitVAE, bce_and_kl, best_gaussians, make_splits, vae_loss

CHECKPOINTS = (1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 700, 1000)
NAMES = ("train", "val", "encoder", "best", "fd", "nearest")


def fit_and_val():
    """The digits to train on and to validate on, as in the lesson: (3600, 784), (400, 784)."""
    x = data.mnist().x_train.flatten(1)
    rows, val_rows = make_splits(len(x), 0)
    return x[rows], x[val_rows]


@torch.no_grad()
def nats(model, x, draws=1):
    """-ELBO per digit, the mean of several z for each."""
    return np.mean([sum(part.mean().item() for part in bce_and_kl(model, x)) for _ in range(draws)])


def look(model, x, x_val):
    """One number for each of NAMES. The trained model's random numbers stay as they are."""
    some = x_val[:100]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        best = best_gaussians(model, some).mean().item()
        with torch.no_grad():
            samples = torch.sigmoid(model.decode(torch.randn(1000, 20)))
        nearest = torch.cdist(samples, x).min(dim=1).values.median().item()
        in_nats = nats(model, x), nats(model, x_val), nats(model, some, draws=20), best
        return [*in_nats, metrics.frechet_digits(samples), nearest]


def train(seed):
    """One run. -> (len(CHECKPOINTS), len(NAMES))"""
    x, x_val = fit_and_val()
    x = x[:1000]
    torch.manual_seed(seed)
    model = DigitVAE(x.mean(dim=0))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    seen, done = [], 0
    for epoch in CHECKPOINTS:
        fit(model, Minibatches(x, size=64), vae_loss, optimizer, epoch - done)
        seen.append(look(model, x, x_val))
        done = epoch
    return seen


def run():
    values = np.array([train(seed) for seed in range(3)])  # (3, checkpoints, names)
    return {"epoch": np.array(CHECKPOINTS)} | {
        name: values[:, :, i].astype(np.float32) for i, name in enumerate(NAMES)
    }
