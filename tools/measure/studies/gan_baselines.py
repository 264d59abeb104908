"""What a skeptic tries beside lesson 06's games: one Gaussian per cluster in place of a GAN on
digits, and the R1 penalty on the ring; five seeds each.
"""

from __future__ import annotations

import numpy as np
import torch

from course_utils import data, metrics
from course_utils.lesson06 import toys
from course_utils.lesson06.taught import Player, d_loss, g_loss, gaussian_per_cluster, mlp, tagged

SEEDS, BETAS, ROUNDS, WEIGHT = range(5), (0.5, 0.9), 700, 0.1


def run() -> dict[str, np.ndarray]:
    """Of the Gaussians' digits, as drawn and with gray below 0.3 removed, FD, precision, recall
    and coverage, (2, 5 seeds, 4); of games with R1 modes found, and precision and coverage,
    (2 betas, 5 seeds) each.
    """
    x = data.mnist().x_train.flatten(1)
    rows: list[list[list[float]]] = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        pictures = gaussian_per_cluster(tagged(x, 40, seed), 1000)
        rows.append([scores(pictures), scores(pictures * (pictures > 0.3))])
        print(seed, np.round(rows[-1], 3).tolist(), flush=True)
    games = np.array([[with_r1(beta1, seed) for seed in SEEDS] for beta1 in BETAS])  # (2, 5, 3)
    return {
        "gaussians": np.array(rows, dtype=np.float32).swapaxes(0, 1),
        "beta1": np.array(BETAS),
        "weight": np.array(WEIGHT),
        "modes": games[..., 0].astype(np.int64),
        "precision": games[..., 1].astype(np.float32),
        "coverage": games[..., 2].astype(np.float32),
    }


def scores(pictures: torch.Tensor) -> list[float]:
    """FD, precision, recall and coverage, as the lesson measures them."""
    real = metrics.digit_features(data.mnist().x_test)
    features = metrics.digit_features(pictures)
    share = metrics.precision_recall(real, features)
    return [metrics.frechet_digits(pictures), *share, metrics.coverage(real, features, 3)]


def with_r1(beta1: float, seed: int) -> tuple[int, float, float]:
    """The game of `gan_ring`, with WEIGHT times the squared slope of D at the data in D's loss."""
    torch.manual_seed(seed)
    G, D = (Player(mlp(2, 128, n), lr=2e-3, beta1=beta1) for n in (2, 1))
    for _ in range(ROUNDS):
        x = toys.ring(128).requires_grad_()
        logits = D(x)
        (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)  # (128, 2)
        fooled = d_loss(logits, D(G(toys.noise(128)).detach()))
        D.move(fooled + WEIGHT * (slope**2).sum(dim=1).mean())
        G.move(g_loss(D(G(toys.noise(128)))))
    with torch.no_grad():
        samples, real = G(toys.noise(1000)), toys.ring(1000)
    precision, _ = metrics.precision_recall(real, samples, 5)
    row = toys.modes(samples)[0], precision, metrics.coverage(real, samples)
    print(beta1, seed, np.round(row, 2).tolist(), flush=True)
    return row
