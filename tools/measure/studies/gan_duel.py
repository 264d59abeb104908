"""Lesson 06's duel on a line for five ratios of moves and five seeds: how far the generator stays
from the data.
"""

from __future__ import annotations

import numpy as np
import torch

from course_utils.lesson06 import toys
from course_utils.lesson06.taught import Player, d_loss, g_loss, mlp

RATIOS, SEEDS, ROUNDS = ((1, 4), (1, 2), (1, 1), (2, 1), (4, 1)), range(5), 1000


def run() -> dict[str, np.ndarray]:
    """JS in nats, the average over the last quarter of each game, (5 seeds, 5 ratios)."""
    js = np.zeros((len(SEEDS), len(RATIOS)), dtype=np.float32)
    for i, seed in enumerate(SEEDS):
        for j, ratio in enumerate(RATIOS):
            js[i, j] = _duel(*ratio, seed)
        print(seed, js[i].round(3).tolist(), flush=True)
    return {"js": js, "ratios": np.array(RATIOS)}


def _duel(d_moves: int, g_moves: int, seed: int) -> float:
    torch.manual_seed(seed)
    G, D = Player(toys.LineGenerator(mlp(1, 32, 1))), Player(mlp(1, 32, 1))
    p, last = toys.density_on_line(), []
    for t in range(ROUNDS + 1):
        if t > 0.75 * ROUNDS and t % (ROUNDS // 40) == 0:
            last.append(toys.js(p, toys.look(G, D)[0][:, None]))
        for _ in range(d_moves):
            D.move(d_loss(D(toys.data_on_line(128)), D(G(toys.noise(128)).detach())))
        for _ in range(g_moves):
            G.move(g_loss(D(G(toys.noise(128)))))
    return float(np.mean(last))
