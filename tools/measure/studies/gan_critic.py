"""Lesson 06's ring with beta1 = 0.9: a GAN and a WGAN-GP, with one and with two moves of D."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from course_utils import metrics
from course_utils.lesson06 import toys
from course_utils.lesson06.taught import Player, d_loss, g_loss, gradient_penalty, mlp

BETA1, ROUNDS, EVERY, SEEDS, MOVES = 0.9, 700, 50, range(8), (1, 2)


def run() -> dict[str, np.ndarray]:
    """For each kind, by moves and seed, (2, 8): modes, precision and coverage at the end; and
    every 50 rounds D's loss without the penalty and W1 to the data, (2, 8, 14).
    """
    results = {"moves": np.array(MOVES), "seeds": np.array(SEEDS)}
    for kind in ("gan", "critic"):
        games = [[game(kind, moves, seed) for seed in SEEDS] for moves in MOVES]
        for name in games[0][0]:
            results[f"{kind}_{name}"] = np.array([[one[name] for one in row] for row in games])
    return results


def game(kind: str, moves: int, seed: int) -> dict[str, object]:
    """One game; what is measured has a generator of its own and moves no draw of the game."""
    torch.manual_seed(seed)
    G, D = (Player(mlp(2, 128, n), lr=2e-3, beta1=BETA1) for n in (2, 1))
    losses, distances = [], []
    for t in range(1, ROUNDS + 1):
        for _ in range(moves):
            real, fake = toys.ring(128), G(toys.noise(128)).detach()
            loss = _loss(kind, D, real, fake)
            if kind == "critic":
                loss = loss + gradient_penalty(D, real, fake, torch.rand(128, 1))
            D.move(loss)
        answers = D(G(toys.noise(128)))
        G.move(g_loss(answers) if kind == "gan" else -answers.mean())
        if t % EVERY == 0:
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                torch.manual_seed(t)
                real, fake = toys.ring(1000), G(toys.noise(1000))
                losses.append(_loss(kind, D, real, fake).item())
                distances.append(wasserstein(real[:500], fake[:500]))
    row = {
        "modes": toys.modes(fake)[0],
        "precision": metrics.precision_recall(real, fake, 5)[0],
        "coverage": metrics.coverage(real, fake, 5),
    }
    print(kind, moves, seed, row, round(distances[-1], 2), flush=True)
    return {**row, "loss": losses, "w1": distances}


def _loss(kind: str, D: Player, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return d_loss(D(real), D(fake)) if kind == "gan" else D(fake).mean() - D(real).mean()


def wasserstein(a: torch.Tensor, b: torch.Tensor) -> float:
    """W1 of two samples of one size: the cheapest way to pair them up. (n, 2), (n, 2)"""
    cost = torch.cdist(a, b).numpy()  # (n, n)
    return float(cost[linear_sum_assignment(cost)].mean())
