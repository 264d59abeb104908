"""Controls for lesson 06, five seeds each, fifteen on the ring: more rounds in place of more moves,
the saturating loss near the data and far away, reversed objectives, and no momentum.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils import metrics
from course_utils.lesson06 import toys
from course_utils.lesson06.taught import Player, d_loss, g_loss, mlp
from tools.measure.studies.gan_ring import SEEDS as RING_SEEDS
from tools.measure.studies.gan_ring import game

SEEDS, ROUNDS, LONGER = range(5), 1000, 2500  # LONGER: the work of four moves of D per round


def run() -> dict[str, np.ndarray]:
    """On the line JS (over the last quarter of a game) and W1 (at its end), (5 seeds) each; for
    reversed objectives and for games from afar W1, (4 games, 5 seeds); on the ring with beta1 = 0
    modes and coverage, (15 seeds).
    """
    sides = ((claimed_d, claimed_g), (claimed_d, g_loss), (d_loss, claimed_g), (d_loss, g_loss))
    starts = ((saturating, True), (g_loss, True), (saturating, False), (g_loss, False))
    longer = [play(d_loss, g_loss, seed, LONGER)[0] for seed in SEEDS]
    minimax = [play(d_loss, saturating, seed)[0] for seed in SEEDS]
    print(np.round(longer, 3), np.round(minimax, 3), flush=True)
    reversed_w1 = [[play(*pair, seed)[1] for seed in SEEDS] for pair in sides]
    print(np.round(reversed_w1, 2), flush=True)
    afar_w1 = [[from_afar(*start, seed) for seed in SEEDS] for start in starts]
    print(np.round(afar_w1, 2), flush=True)
    games = [game(0.0, seed) for seed in RING_SEEDS]
    results = {
        "js_longer": longer,
        "js_minimax": minimax,
        "reversed_w1": reversed_w1,
        "afar_w1": afar_w1,
        "coverage": [metrics.coverage(real, samples) for samples, real in games],
    }
    modes = [toys.modes(samples)[0] for samples, _ in games]
    print(modes, np.round(results["coverage"], 2), flush=True)  # type: ignore[call-overload]
    return {name: np.array(v, dtype=np.float32) for name, v in results.items()} | {
        "modes": np.array(modes),
        "longer": np.array(LONGER),
    }


def saturating(fake: Tensor) -> Tensor:
    return -F.softplus(fake).mean()


def claimed_g(fake: Tensor) -> Tensor:
    return F.softplus(fake).mean()


def claimed_d(real: Tensor, fake: Tensor) -> Tensor:
    return -F.softplus(fake).clamp(max=10).mean()


def players(seed: int) -> tuple[Player, Player]:
    torch.manual_seed(seed)
    return Player(toys.LineGenerator(mlp(1, 32, 1))), Player(mlp(1, 32, 1))


def play(
    of_d: Callable[[Tensor, Tensor], Tensor],
    of_g: Callable[[Tensor], Tensor],
    seed: int,
    rounds: int = ROUNDS,
) -> tuple[float, float]:
    """One game on the line with one move each. -> JS over the last quarter, W1 at the end"""
    G, D = players(seed)
    p, last = toys.density_on_line(), []
    for t in range(rounds + 1):
        if t > 0.75 * rounds and t % (rounds // 40) == 0:
            last.append(toys.js(p, toys.look(G, D)[0][:, None]))
        D.move(of_d(D(toys.data_on_line(128)), D(G(toys.noise(128)).detach())))
        G.move(of_g(D(G(toys.noise(128)))))
    return float(np.mean(last)), distance(G)


def from_afar(of_g: Callable[[Tensor], Tensor], adam: bool, seed: int) -> float:
    """G starts near 8, D is 500 moves ahead. -> W1 at the end"""
    G, D = players(seed)
    if not adam:
        G.optimizer = torch.optim.SGD(G.parameters(), lr=0.01)
    with torch.no_grad():
        G.net.bend[-1].bias += 8  # type: ignore[index, operator, union-attr]
    for t in range(ROUNDS):
        D.move(d_loss(D(toys.data_on_line(128)), D(G(toys.noise(128)).detach())))
        if t >= ROUNDS // 2:
            G.move(of_g(D(G(toys.noise(128)))))
    return distance(G)


@torch.no_grad()
def distance(G: Player) -> float:
    return toys.w1(G(toys.noise(4000)), toys.data_on_line(4000))
