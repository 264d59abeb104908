"""Lesson 05's VAE with the price weighted by powers of two from 1/16 to 16: two seeds, twelve
epochs each.

For each weight: BCE and KL in nats per test digit, Fréchet distance of 1,000 samples, how many of
the twenty numbers of the code work (variance of mu above 0.1), and forty samples of the first seed.
"""

import numpy as np
import torch

from course_utils import data, metrics
from course_utils.lesson05.taught import DigitVAE, active_units, bce_and_kl, train_epochs

POWERS = range(-4, 5)


def train(power, seed):
    """One run. -> four numbers, forty samples (40, 784)"""
    digits = data.mnist()
    x, x_test = digits.x_train.flatten(1), digits.x_test.flatten(1)
    torch.manual_seed(seed)
    model = DigitVAE(x.mean(dim=0))
    for _ in train_epochs(model, x, 12, beta=2.0**power):
        pass
    with torch.no_grad():
        bce, kl = (part.mean().item() for part in bce_and_kl(model, x_test))
        working = int(active_units(model.encode(x_test)[0], 0.1).sum())
        samples = torch.sigmoid(model.decode(torch.randn(1000, 20)))
    return [bce, kl, metrics.frechet_digits(samples), working], (255 * samples[:40]).byte().numpy()


def run():
    runs = [[train(power, seed) for seed in range(2)] for power in POWERS]
    values = np.array([[run[0] for run in row] for row in runs], dtype=np.float32)  # (powers, 2, 4)
    found = {name: values[:, :, i] for i, name in enumerate(("bce", "kl", "fd", "active"))}
    return found | {"power": np.array(POWERS), "samples": np.array([row[0][1] for row in runs])}
