"""A thousand epochs on a thousand digits, as the article's workflow asks for, with an eye on what
it does.

Lesson 05's VAE with Adam at a fixed 1e-3, minibatches of 64, three seeds. At every checkpoint:
-ELBO in nats per digit on the digits it trains on and on the 1,000 test digits, Fréchet distance of
1,000 samples, and the median distance of samples to the nearest training digit.
"""

import numpy as np
import torch

from course_utils import data, metrics
from course_utils.lesson05.taught import DigitVAE, bce_and_kl

CHECKPOINTS = (1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 700, 1000)


@torch.no_grad()
def look(model, x, x_test):
    """-ELBO on x and on x_test, Fréchet distance, median distance to the nearest of x."""
    nats = [sum(part.mean().item() for part in bce_and_kl(model, some)) for some in (x, x_test)]
    samples = torch.sigmoid(model.decode(torch.randn(1000, 20)))
    return [
        *nats,
        metrics.frechet_digits(samples),
        torch.cdist(samples, x).min(dim=1).values.median().item(),
    ]


def train(seed):
    """One run. -> (len(CHECKPOINTS), 4)"""
    digits = data.mnist()
    x, x_test = digits.x_train[:1000].flatten(1), digits.x_test.flatten(1)
    torch.manual_seed(seed)
    model = DigitVAE(x.mean(dim=0))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    seen = []
    for epoch in range(1, CHECKPOINTS[-1] + 1):
        for rows in torch.randperm(1000).split(64):
            bce, kl = bce_and_kl(model, x[rows])
            optimizer.zero_grad()
            (bce + kl).mean().backward()
            optimizer.step()
        if epoch in CHECKPOINTS:
            seen.append(look(model, x, x_test))
    return seen


def run():
    values = np.array([train(seed) for seed in range(3)])  # (3, checkpoints, 4)
    names = ("train_nats", "test_nats", "fd", "nearest")
    return {"epoch": np.array(CHECKPOINTS)} | {
        name: values[:, :, i].astype(np.float32) for i, name in enumerate(names)
    }
