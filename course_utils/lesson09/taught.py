"""What lesson 09 built. Generated from lessons/09_images_and_maps.py; do not edit."""
from __future__ import annotations

from collections import deque
from torch import Tensor
from torch import nn
from torch.nn import functional as F
import math
import time
import torch


def q_sample(x0: Tensor, t: Tensor, ab: Tensor, eps: Tensor) -> Tensor:
    """x_t from x_0 in one jump. x0, eps: (B, ...), t: int (B,), ab: (T,) -> (B, ...)"""
    a = ab[t].reshape(-1, *[1] * (x0.dim() - 1))  # (B, 1, ...)
    return a.sqrt() * x0 + (1 - a).sqrt() * eps  # (B, ...)


def clock(t: Tensor) -> Tensor:
    """A time from 0 to 1 as sixteen waves, so that a network can read it. (B,) -> (B, 16)"""
    angles = t[:, None] * (math.pi / 2) * 2.0 ** torch.arange(8, device=t.device)  # (B, 8)
    return torch.cat([angles.sin(), angles.cos()], dim=1)  # (B, 16)


class Field(nn.Module):
    """An arrow at every place and time: (B, 2), (B,) -> (B, 2)."""

    def __init__(self, hidden=128):
        super().__init__()
        # 30 numbers come in: 2 of the place, 6 + 6 of its waves, 16 of the clock
        self.layers = nn.Sequential(
            nn.Linear(30, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 2),
        )

    def forward(self, x, t):
        waves = (x[:, :, None] * torch.tensor([1.0, 2.0, 4.0])).flatten(1)  # (B, 6): finer waves
        return self.layers(torch.cat([x, waves.sin(), waves.cos(), clock(t)], dim=1))


def flow_target(x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Place at time t and velocity on the straight path from noise x0 to data x1.

    (B, ...), (B, ...), (B,) -> (B, ...), (B, ...)
    """
    s = t.reshape(-1, *[1] * (x0.dim() - 1))  # (B, 1, ...)
    return (1 - s) * x0 + s * x1, x1 - x0


class Block(nn.Module):
    """h + what two layers make of it, told the note (time and words). (B, H), (B, 64) -> (B, H)"""

    def __init__(self, hidden):
        super().__init__()
        self.norm, self.note = nn.LayerNorm(hidden), nn.Linear(64, hidden)
        self.first, self.second = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)

    def forward(self, h, note):
        return h + self.second(F.silu(self.first(self.norm(h)) + self.note(note)))


class Painter(nn.Module):
    """Noisy picture (B, 3, 16, 16), time (B,), caption (B, 3) -> (B, 3, 16, 16) numbers."""

    def __init__(self, hidden=256):
        super().__init__()
        self.words = nn.ModuleList(nn.Embedding(k + 1, 64) for k in (3, 3, 4))  # + 1: no word
        self.time = nn.Linear(16, 64)
        self.enter, self.leave = nn.Linear(768, hidden), nn.Linear(hidden, 768)
        self.blocks = nn.ModuleList(Block(hidden) for _ in range(3))

    def forward(self, x, t, c):
        note = self.time(clock(t)) + sum(word(c[:, i]) for i, word in enumerate(self.words))
        h = self.enter(x.flatten(1))  # (B, H)
        for block in self.blocks:
            h = block(h, F.silu(note))
        return self.leave(h).view_as(x)  # (B, 3, 16, 16)


NOTHING = (3, 3, 4)  # the caption without words


def velocity(painter, x, t, c, says="picture"):
    """Where x is heading. (B, 3, 16, 16), (B,), (B, 3) -> (B, 3, 16, 16)"""
    said = painter(x, t, c)
    left = (1 - t).clamp_min(0.1)[:, None, None, None]  # (B, 1, 1, 1)
    return (said - x) / left if says == "picture" else said


def guided(v_uncond: Tensor, v_cond: Tensor, w: float) -> Tensor:
    """The velocity, the caption's effect times w. (B, ...), (B, ...), float -> (B, ...)"""
    return v_uncond + w * (v_cond - v_uncond)


@torch.no_grad()
def ask(painter, c, w, n=10, x=None):
    """Paint captions with guidance w. (B, 3) -> [noise, ..., picture], each (B, 3, 16, 16)"""
    c = c.to(next(painter.parameters()).device)
    silent = torch.tensor(NOTHING, device=c.device).expand_as(c)  # (B, 3)
    x = torch.randn(len(c), 3, 16, 16, device=c.device) if x is None else x.to(c.device)
    film = [x]
    for k in range(n):
        t = torch.full((len(c),), k / n, device=c.device)
        x = x + guided(velocity(painter, x, t, silent), velocity(painter, x, t, c), w) / n
        film.append(x)
    return film


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
    """Learn to paint from captions. (N, 3, 16, 16) in [-1, 1], (N, 3), seconds allowed

    -> paint: captions (B, 3) -> pictures (B, 3, 16, 16) in about [-1, 1], on the CPU
    """
    painter, begin = Painter(), time.process_time()
    optimizer = torch.optim.AdamW(painter.parameters(), lr=2e-3)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=500, pct_start=0.1)
    for _ in range(500):
        if time.process_time() - begin > seconds:
            break
        rows = torch.randint(len(pictures), (128,))
        x1, t = pictures[rows], torch.rand(128)
        x_t, v = flow_target(torch.randn_like(x1), x1, t)
        loss = F.mse_loss(velocity(painter, x_t, t, captions[rows]), v)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pace.step()

    @torch.no_grad()
    def paint(c):
        x = torch.randn(len(c), 3, 16, 16)
        for k in range(10):
            x = x + velocity(painter, x, torch.full((len(c),), k / 10), c) / 10
        return x

    return paint
