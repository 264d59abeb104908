"""What paths.js does in the page, by PyTorch: the same data, weights, training and samplers, which
tests compare.
"""

from __future__ import annotations

import copy
import functools
import math
from typing import Any

import torch
from torch import Tensor

from course_utils.live import net

STEPS = (1, 2, 4, 10, 30)
SETTINGS: dict[str, Any] = {
    "T": 100,
    "lr": 8e-3,
    "batch": 96,
    "hidden": 32,
    "high": 1000,
    "shown": 200,
    "steps": STEPS,
    "average": 0.02,
}
T = SETTINGS["T"]
beta = torch.linspace(0.001, 0.1, T, dtype=torch.float64)
ab = torch.cumprod(1 - beta, dim=0)


def inputs(x: Tensor, t: Tensor) -> Tensor:
    """A place and its time as a network reads them. (B, 2), (B,) -> (B, 16)"""
    waves = [f(w * x) for w in (1, 2) for f in (torch.sin, torch.cos)]  # (B, 2) each
    clock = [f(w * math.pi * t[:, None]) for w in (0.5, 1, 2) for f in (torch.sin, torch.cos)]
    return torch.cat([x, *waves, *clock], dim=1)


def normals(n: int, random: net.RandomNumbers) -> Tensor:
    return torch.tensor(random.normals(2 * n).reshape(n, 2))


def losses(nets: list[Any], kind: int, n: int, random: net.RandomNumbers) -> list[Tensor]:
    """The squared errors of the predicted noise and of the predicted velocity, on n examples."""
    x = torch.tensor(net.toy_data(kind, net.HEART, n, random))
    eps = normals(n, random)
    u = torch.tensor([random.uniform() for _ in range(n)], dtype=torch.float64)
    t = (T * u).long()
    share = ab[t][:, None]
    says_eps = nets[0](inputs(share.sqrt() * x + (1 - share).sqrt() * eps, t / T))
    says_v = nets[1](inputs(u[:, None] * x + (1 - u[:, None]) * eps, u))
    return [((says_eps - eps) ** 2).mean(), ((says_v - (x - eps)) ** 2).mean()]


def trained(kind: int, rounds: int) -> list[Any]:
    """Both networks after so many steps, their weights averaged over the last of them."""
    weights, random = net.RandomNumbers(1), net.RandomNumbers(2)
    sizes = [16, *3 * [SETTINGS["hidden"]], 2]
    learners = [net.network(sizes, "silu", weights) for _ in range(2)]
    smooth = [copy.deepcopy(learner) for learner in learners]
    optimizers = [torch.optim.Adam(learner.parameters()) for learner in learners]
    for count in range(rounds):
        warm, left = min(1, (count + 1) / 50), 1 - count / SETTINGS["high"]
        found = losses(learners, kind, SETTINGS["batch"], random)
        for loss, optimizer in zip(found, optimizers, strict=True):
            optimizer.param_groups[0]["lr"] = SETTINGS["lr"] * warm * (0.05 + 0.95 * left)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        share = max(SETTINGS["average"], 1 / (count + 1))
        with torch.no_grad():
            for average, learner in zip(smooth, learners, strict=True):
                for a, b in zip(average.parameters(), learner.parameters(), strict=True):
                    a += share * (b - a)
    return smooth


@functools.cache
def fresh_noise(n: int) -> list[Tensor]:
    """What DDPM adds after each of its steps but the last. (n, 2) each"""
    random = net.RandomNumbers(5)
    return [normals(n, random) for _ in range(T - 1)]


def ddpm(model: Any, x: Tensor) -> Tensor:
    fresh = iter(fresh_noise(len(x)))
    for t in reversed(range(T)):
        eps = model(inputs(x, torch.full((len(x),), t / T)))
        x = (x - beta[t] / (1 - ab[t]).sqrt() * eps) / (1 - beta[t]).sqrt()
        if t > 0:
            x = x + beta[t].sqrt() * next(fresh)
    return x


def ddim(model: Any, x: Tensor, n: int) -> Tensor:
    for k in range(n, 0, -1):
        t, then = (math.floor(T * at / n + 0.5) - 1 for at in (k, k - 1))
        a, b = ab[t], ab[then] if then >= 0 else torch.tensor(1.0)
        eps = model(inputs(x, torch.full((len(x),), t / T)))
        x = (b / a).sqrt() * (x - (1 - a).sqrt() * eps) + (1 - b).sqrt() * eps
    return x


def flow(model: Any, x: Tensor, n: int) -> Tensor:
    for k in range(n):
        x = x + model(inputs(x, torch.full((len(x),), k / n))) / n
    return x


def numbers(rounds: int, kind: int, steps: int, time: float) -> dict[str, float]:
    """What the page says after so many training steps from the start; `time` does not matter."""
    shown, n = SETTINGS["shown"], STEPS[steps]
    smooth = trained(kind, int(rounds))
    start = normals(shown, net.RandomNumbers(3))
    real = torch.tensor(net.toy_data(kind, net.HEART, shown, net.RandomNumbers(4)))
    with torch.no_grad():
        eps_loss, v_loss = losses(smooth, kind, shown, net.RandomNumbers(6))
        samples = {
            "ddpm": ddpm(smooth[0], start),
            "ddim": ddim(smooth[0], start, n),
            "flow": flow(smooth[1], start, n),
        }
    return {
        "rounds": rounds,
        "n": n,
        "eps_loss": eps_loss.item(),
        "v_loss": v_loss.item(),
        **{name: net.energy_distance(x, real) for name, x in samples.items()},
    }
