"""What lesson 09 built. Generated from lessons/09_images_and_maps.py; do not edit."""
from __future__ import annotations

from collections import deque
from functools import partial
from torch import Tensor
from torch import nn
from torch.nn import functional as F
import itertools
import math
import time
import torch


def q_sample(x0: Tensor, t: Tensor, ab: Tensor, eps: Tensor) -> Tensor:
    """x_t from x_0 in one jump. x0, eps: (B, ...), t: int (B,), ab: (T,) -> (B, ...)"""
    a = ab[t].reshape(-1, *[1] * (x0.dim() - 1))  # (B, 1, ...)
    return a.sqrt() * x0 + (1 - a).sqrt() * eps  # (B, ...)


def time_features(t: Tensor) -> Tensor:
    """A time from 0 to 1 as sixteen waves, its sinusoidal embedding. (B,) -> (B, 16)"""
    angles = t[:, None] * (math.pi / 2) * 2.0 ** torch.arange(8, device=t.device)  # (B, 8)
    return torch.cat([angles.sin(), angles.cos()], dim=1)  # (B, 16)


class Field(nn.Module):
    """A vector at every point and time: (B, 2), (B,) -> (B, 2)."""

    def __init__(self, hidden=128):
        super().__init__()
        # 30 inputs: 2 coordinates, 6 + 6 waves of them, 16 of the time
        sizes = [30, hidden, hidden, hidden]
        layers = [nn.Sequential(nn.Linear(*pair), nn.SiLU()) for pair in itertools.pairwise(sizes)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, 2))

    def forward(self, x, t):
        waves = (x[:, :, None] * torch.tensor([1.0, 2.0, 4.0])).flatten(1)  # (B, 6)
        return self.layers(torch.cat([x, waves.sin(), waves.cos(), time_features(t)], dim=1))


def ddpm_step(x: Tensor, t: int, eps: Tensor, noise: Tensor, beta: Tensor, ab: Tensor) -> Tensor:
    """x_t to x_{t-1}; eps is what the network predicts at x_t.

    x, eps, noise: (B, ...), t: index into beta and ab, (T,) each -> (B, ...)
    """
    added = beta[t] / (1 - ab[t]) * (1 - ab[t]).sqrt() * eps  # (B, ...)
    mean = (x - added) / (1 - beta[t]).sqrt()
    return mean + beta[t].sqrt() * noise if t > 0 else mean


def x0_and_eps(kind: str, output: Tensor, x_t: Tensor, a, b) -> tuple[Tensor, Tensor]:
    """Solve x_t = a x0 + b eps for both, given eps, x0 or v = x0 - eps.

    output, x_t: (B, ...), a, b: numbers, or tensors that broadcast -> (B, ...), (B, ...)
    """
    if kind == "eps":
        return (x_t - b * output) / a, output
    if kind == "x0":
        return output, (x_t - a * output) / b
    x0 = (x_t + b * output) / (a + b)  # from eps = x0 - v
    return x0, x0 - output


@torch.no_grad()
def follow(model, x, path, kind="eps"):
    """From noise x to data along path, [(t, a, b), ...], no noise added. -> [x, ..., x_0]"""
    trajectory = [x]
    for (t, a, b), (_, a_next, b_next) in itertools.pairwise(path):
        output = model(x, torch.full((len(x),), float(t), device=x.device))  # (B, ...)
        x0, eps = x0_and_eps(kind, output, x, a, b)
        x = a_next * x0 + b_next * eps
        trajectory.append(x)
    return trajectory


def flow_loss(model, x0: Tensor) -> Tensor:
    """A flow's loss on data x0 (B, ...), a scalar. model: x_t (B, ...), t (B,) -> v (B, ...)"""
    eps, t = torch.randn_like(x0), torch.rand(len(x0), device=x0.device)
    s = t.reshape(-1, *[1] * (x0.dim() - 1))  # (B, 1, ...)
    x_t = (1 - s) * eps + s * x0  # (B, ...)
    return F.mse_loss(model(x_t, t), x0 - eps)


def straight(n):
    """n equal steps from noise to data. -> [(t, a, b), ...]"""
    return [(k / n, k / n, 1 - k / n) for k in range(n + 1)]


def withheld(labels):
    """Whether a caption has a pair of words that training leaves out. (N, 3) -> bool (N,)"""
    shape, color = labels[:, 0], labels[:, 1]
    return ((shape == 2) & (color == 1)) | ((shape == 0) & (color == 2))


class Block(nn.Module):
    """h plus what two layers make of it, given time and words. (B, H), (B, 64) -> (B, H)"""

    def __init__(self, hidden):
        super().__init__()
        self.norm, self.cond = nn.LayerNorm(hidden), nn.Linear(64, hidden)
        self.first, self.second = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)

    def forward(self, h, cond):
        return h + self.second(F.silu(self.first(self.norm(h)) + self.cond(cond)))


class Painter(nn.Module):
    """Noisy picture (B, 3, 16, 16), time (B,), caption (B, 3) -> (B, 3, 16, 16) numbers."""

    def __init__(self, hidden=256):
        super().__init__()
        self.words = nn.ModuleList(nn.Embedding(k + 1, 64) for k in (3, 3, 4))  # + 1: no word
        self.time = nn.Linear(16, 64)
        self.enter, self.leave = nn.Linear(768, hidden), nn.Linear(hidden, 768)
        self.blocks = nn.ModuleList(Block(hidden) for _ in range(3))

    def forward(self, x, t, c):
        cond = self.time(time_features(t)) + sum(w(c[:, i]) for i, w in enumerate(self.words))
        h = self.enter(x.flatten(1))  # (B, H)
        for block in self.blocks:
            h = block(h, F.silu(cond))
        return self.leave(h).view_as(x)  # (B, 3, 16, 16)


NO_WORDS = (3, 3, 4)  # the caption without words


def velocity(painter, x, t, c, kind="x0"):
    """Velocity at x; kind is what the network outputs. (B, 3, 16, 16), (B,), (B, 3) -> like x"""
    output = painter(x, t, c)
    remaining = (1 - t).clamp_min(0.1)[:, None, None, None]  # (B, 1, 1, 1)
    return (output - x) / remaining if kind == "x0" else output


def painting_loss(painter, x0, c, kind="x0"):
    """`flow_loss` on pictures with captions; every seventh caption is dropped."""
    dropped = torch.rand(len(c), 1, device=c.device) < 1 / 7  # (B, 1)
    c = torch.where(dropped, torch.tensor(NO_WORDS, device=c.device), c)  # (B, 3)
    return flow_loss(partial(velocity, painter, c=c, kind=kind), x0)


def ask(painter, c, w=1.0, n=10, x=None, limit=1.0):
    """Pictures of captions (B, 3), guidance scale w. -> [noise, ..., x_0], (B, 3, 16, 16) each"""
    c = c.to(next(painter.parameters()).device)
    no_words = torch.tensor(NO_WORDS, device=c.device).expand_as(c)  # (B, 3)

    def guided(x, t):
        without = velocity(painter, x, t, no_words)
        return without + w * (velocity(painter, x, t, c) - without)

    x = torch.randn(len(c), 3, 16, 16) if x is None else x
    trajectory = follow(guided, x.to(c.device), straight(n), "v")
    trajectory[-1] = trajectory[-1].clamp(-limit, limit)  # no color is outside the data's range
    return trajectory


def composed(v_uncond: Tensor, v_conds: Tensor, weights: Tensor) -> Tensor:
    """The velocity for K captions at once. (B, ...), (K, B, ...), (K,) -> (B, ...)"""
    w = weights.reshape(-1, *[1] * v_uncond.dim())  # (K, 1, ...)
    return v_uncond + (w * (v_conds - v_uncond)).sum(dim=0)  # (B, ...)


def gram(f: Tensor) -> Tensor:
    """How strongly channels respond together, divided by C·H·W. (B, C, H, W) -> (B, C, C)"""
    _, C, H, W = f.shape
    flat = f.flatten(2)  # (B, C, H·W)
    return flat @ flat.transpose(1, 2) / (C * H * W)  # (B, C, C)


def is_solvable(level: Tensor) -> bool:
    """Whether one can walk from start (2) to an exit (3), not over walls (0). (H, W) -> bool"""
    tiles = level.tolist()
    H, W = len(tiles), len(tiles[0])
    queue = deque((r, c) for r in range(H) for c in range(W) if tiles[r][c] == 2)
    seen = set(queue)
    while queue:
        r, c = queue.popleft()
        if tiles[r][c] == 3:
            return True
        for i, j in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            if 0 <= i < H and 0 <= j < W and tiles[i][j] != 0 and (i, j) not in seen:
                seen.add((i, j))
                queue.append((i, j))
    return False


def train_painter(pictures, captions, seconds):
    """Learn to draw captions. (N, 3, 16, 16) in [-1, 1], (N, 3), seconds allowed

    -> paint: captions (B, 3) -> pictures (B, 3, 16, 16) in about [-1, 1], on the CPU
    """
    painter, begin = Painter(), time.process_time()
    optimizer = torch.optim.AdamW(painter.parameters(), lr=2e-3, fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=400, pct_start=0.1)
    for _ in range(400):
        if time.process_time() - begin > seconds:
            break
        rows = torch.randint(len(pictures), (128,))
        loss = flow_loss(partial(velocity, painter, c=captions[rows]), pictures[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()

    def paint(c):
        x = torch.randn(len(c), 3, 16, 16)
        return follow(partial(velocity, painter, c=c), x, straight(10), "v")[-1]

    return paint
