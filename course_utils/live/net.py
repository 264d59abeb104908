"""What net.js does, in NumPy and PyTorch: tests compare the two, and so can a reader."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

ALL = 0xFFFFFFFF
HEART = [  # what a drawing is before the reader draws
    [
        round(1.9 * math.sin(a) ** 3, 3),
        round(
            (13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)) / 8, 3
        ),
    ]
    for a in np.arange(0, 6.2, 0.1).tolist()
]
KINDS = ("two modes", "ring of eight", "two moons", "spiral", "your drawing")


class RandomNumbers:
    """The random numbers of net.js: mulberry32, and Box and Muller's normals."""

    def __init__(self, seed: int):
        self.state = seed & ALL

    def uniform(self) -> float:
        self.state = (self.state + 0x6D2B79F5) & ALL
        t = (self.state ^ self.state >> 15) * (self.state | 1) & ALL
        t ^= (t + ((t ^ t >> 7) * (t | 61) & ALL)) & ALL
        return (t ^ t >> 14) / 2**32

    def normal(self) -> float:
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())

    def normals(self, count: int) -> np.ndarray:
        return np.array([self.normal() for _ in range(count)])


def network(sizes: Sequence[int], activation: str, random: RandomNumbers) -> Any:
    """The same layers with the same initial weights as `network` of net.js, in double precision."""
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    for inputs, out in zip(sizes[:-1], sizes[1:], strict=True):
        layer, bound = nn.Linear(inputs, out, dtype=torch.float64), 1 / math.sqrt(inputs)
        for parameter in (layer.weight, layer.bias):
            drawn = [bound * (2 * random.uniform() - 1) for _ in range(parameter.numel())]
            parameter.data = torch.tensor(drawn, dtype=torch.float64).reshape(parameter.shape)
        layers += [layer, {"relu": nn.ReLU, "silu": nn.SiLU}[activation]()]
    return nn.Sequential(*layers[:-1])


def energy_distance(a: Any, b: Any) -> float:
    """Twice the mean distance between two crowds (n, 2), less those within each."""
    import torch

    between, own_a, own_b = (torch.cdist(p, q).mean() for p, q in ((a, b), (a, a), (b, b)))
    return float(2 * between - own_a - own_b)


def toy_data(
    kind: int, drawing: Sequence[Sequence[float]], n: int, random: RandomNumbers
) -> np.ndarray:
    """n points of a distribution of KINDS. -> (n, 2)"""
    points = []
    for _ in range(n):
        x, y, width = _place(kind, drawing, random)
        points.append([x + width * random.normal(), y + width * random.normal()])
    return np.array(points)


def _place(
    kind: int, drawing: Sequence[Sequence[float]], random: RandomNumbers
) -> tuple[float, float, float]:
    """A point before its noise, and how wide that is."""
    if kind == 0:
        return (-1.5 if random.uniform() < 0.5 else 1.5), 0, 0.2
    if kind == 1:
        angle = math.pi / 4 * math.floor(8 * random.uniform())
        return 2 * math.cos(angle), 2 * math.sin(angle), 0.1
    if kind == 2:
        angle, side = math.pi * random.uniform(), -1 if random.uniform() < 0.5 else 1
        x, y = 1.2 * math.cos(angle) - 0.6, 1.4 * math.sin(angle) - 0.35
        return side * x, side * y, 0.1
    if kind == 3:
        r = 0.3 + 1.9 * random.uniform()
        return r * math.cos(4 * r), r * math.sin(4 * r), 0.06
    x, y = drawing[math.floor(len(drawing) * random.uniform())]
    return x, y, 0.06
