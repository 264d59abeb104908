"""Lesson 06's game on the ring for two values of Adam's beta1 and fifteen seeds: how it ends."""

from __future__ import annotations

import numpy as np
import torch

from course_utils import metrics
from course_utils.lesson06 import toys
from course_utils.lesson06.taught import Player, mlp, train_step

BETAS, SEEDS, ROUNDS = (0.5, 0.9), range(15), 700


def run() -> dict[str, np.ndarray]:
    """Modes found, and coverage, at the end of each game, (2 betas, 15 seeds)."""
    found = np.zeros((len(BETAS), len(SEEDS)), dtype=np.int64)
    coverage = np.zeros((len(BETAS), len(SEEDS)), dtype=np.float32)
    for i, beta1 in enumerate(BETAS):
        for j, seed in enumerate(SEEDS):
            samples, real = game(beta1, seed)
            found[i, j] = toys.modes(samples)[0]
            coverage[i, j] = metrics.coverage(real, samples)
        print(beta1, found[i].tolist(), coverage[i].round(2).tolist(), flush=True)
    return {"beta1": np.array(BETAS), "modes": found, "coverage": coverage}


def game(beta1: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A thousand samples at the end, and a thousand real points."""
    torch.manual_seed(seed)
    G, D = (Player(mlp(2, 128, n), lr=2e-3, beta1=beta1) for n in (2, 1))
    for _ in range(ROUNDS):
        train_step(G, D, toys.ring(128), toys.noise(128), toys.noise(128))
    with torch.no_grad():
        return G(toys.noise(1000)), toys.ring(1000)
