"""The two toy worlds of lesson 06: data with two modes on a line, and with eight on a ring."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor, nn

from course_utils import runtime

WIDTH = 0.05  # of a cell of the grid
GRID = torch.arange(-4, 4 + WIDTH / 2, WIDTH)[:, None]  # (161, 1)
Z = torch.special.ndtri((torch.arange(400) + 0.5) / 400)[:, None]  # (400, 1) equally likely
NOISE = 0.15  # standard deviation of the noise that the generator on a line adds
STD = 0.05  # standard deviation of each mode of the ring


@cache
def _device() -> torch.device:
    return torch.device(runtime.choose_device())


def noise(n: int, size: int = 2) -> Tensor:
    """Independent standard normal numbers. -> (n, size)"""
    return torch.randn(n, size).to(_device())


def normal(x: Tensor, mean: Tensor | float, std: float) -> Tensor:
    """The density of a normal distribution at x."""
    return torch.exp(-0.5 * ((x - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))


def data_on_line(n: int) -> Tensor:
    """Samples with two modes, at -2 and 2. -> (n, 1)"""
    return (4 * torch.randint(2, (n, 1)) - 2 + 0.3 * torch.randn(n, 1)).to(_device())


def density_on_line() -> Tensor:
    """The density of `data_on_line` on GRID. -> (161, 1)"""
    return (normal(GRID, -2, 0.3) + normal(GRID, 2, 0.3)) / 2


def js(p: Tensor, q: Tensor) -> float:
    """Jensen-Shannon divergence of two densities on GRID, in nats, at most log 2."""
    middle = ((p + q) / 2).clamp(min=1e-30)
    halves = [torch.xlogy(a, a / middle).sum() * WIDTH for a in (p, q)]  # KL to the middle
    return (sum(halves) / 2).item()  # type: ignore[union-attr]


def w1(a: Tensor, b: Tensor) -> float:
    """Wasserstein distance of two samples on a line: sort, pair up, average. (n, 1), (n, 1)"""
    return (a.sort(dim=0).values - b.sort(dim=0).values).abs().mean().item()


class LineGenerator(nn.Module):
    """A place g(z1) on the line, and a little noise, NOISE z2. z (B, 2) -> (B, 1)"""

    def __init__(self, bend: nn.Module) -> None:
        super().__init__()
        self.bend = bend

    def g(self, z1: Tensor) -> Tensor:
        """Where a latent variable lands: on a wide normal distribution at first. (B, 1)"""
        return 1.5 * z1 + self.bend(z1)

    def forward(self, z: Tensor) -> Tensor:
        return self.g(z[:, :1]) + NOISE * z[:, 1:]  # (B, 1)


@torch.no_grad()
def look(G: nn.Module, D: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
    """Density q and D(x) on GRID, and the places of Z. -> (161,), (161,), (400,)"""
    places = G.net.g(Z.to(_device())).cpu()  # type: ignore[operator, union-attr]  # (400, 1)
    q = normal(GRID, places.T, NOISE).mean(dim=1)  # (161,)
    return q, torch.sigmoid(D(GRID.to(_device()))).cpu()[:, 0], places[:, 0]


@cache
def ring_centers() -> Tensor:
    """The eight modes, on a circle of radius 2. -> (8, 2)"""
    angles = torch.arange(8) * math.pi / 4
    return 2 * torch.stack([angles.cos(), angles.sin()], dim=1).to(_device())


def ring(n: int) -> Tensor:
    """Samples from the ring. -> (n, 2)"""
    return ring_centers()[torch.randint(8, (n,))] + STD * noise(n)


def modes(points: Tensor) -> tuple[int, float]:
    """How many modes hold at least one sample in a hundred within four standard deviations, and the
    share of samples that are so near to any. (n, 2)
    """
    distance, nearest = torch.cdist(points, ring_centers()).min(dim=1)  # (n,), (n,)
    on = distance < 4 * STD  # (n,)
    found = torch.bincount(nearest[on], minlength=8) >= len(points) / 100  # (8,)
    return int(found.sum()), on.float().mean().item()
