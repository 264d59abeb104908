"""Train the classifier that course_utils.metrics measures 28x28 digits with, on the 4,000 training
digits alone.

Twelve epochs on digits that are turned, scaled, moved and slanted a little; twenty seconds on one
core. Called by `python -m tools data --weights`.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import metrics
from course_utils.data import Split

EPOCHS, BATCH, RATE = 12, 64, 4e-3


class Judge(nn.Module):
    """A classifier with 64 features, to measure by: pictures (B, 1, 28, 28) -> logits (B, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 49, 64),
            nn.ReLU(),
        )
        self.output = nn.Linear(64, 10)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.output(self.features(pictures))


def warp(pictures: Tensor, degrees: float, zoom: float, pixels: float, shear: float) -> Tensor:
    """Each picture turned, scaled, moved and slanted a little, by random amounts up to the given
    ones.
    """
    n = len(pictures)
    turn, size, slant, right, down = (torch.rand(5, n) * 2 - 1) * torch.tensor(
        [math.radians(degrees), zoom, shear, pixels / 14, pixels / 14]
    )[:, None]
    cosine, sine = torch.cos(turn) * (1 + size), torch.sin(turn) * (1 + size)
    rows = [
        torch.stack([cosine, slant - sine, right], dim=1),
        torch.stack([sine, cosine, down], dim=1),
    ]
    grid = F.affine_grid(torch.stack(rows, dim=1), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, align_corners=False)


def train_judge(data: Split, epochs: int = EPOCHS, batch: int = BATCH) -> Judge:
    """A classifier trained on warped training digits."""
    judge = Judge()
    optimizer = torch.optim.AdamW(judge.parameters(), RATE)
    steps = epochs * -(-len(data.x_train) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(epochs):
        for chosen in torch.randperm(len(data.x_train)).split(batch):
            optimizer.zero_grad()
            F.cross_entropy(
                judge(warp(data.x_train[chosen], 12, 0.1, 1.5, 0.15)), data.y_train[chosen]
            ).backward()
            optimizer.step()
            schedule.step()
    return judge.eval()


def train(data: Split, seed: int) -> dict[str, np.ndarray]:
    """The weights under the names that course_utils.metrics reads, float16."""
    torch.manual_seed(seed)
    judge = train_judge(data)
    return {
        name: value.numpy().astype(np.float16)
        for name, value in nn.Sequential(judge.features, judge.output).state_dict().items()
    }


def report(weights: dict[str, np.ndarray], data: Split, seed: int) -> dict[str, float]:
    """What its yardstick gives for crowds that need no model: real digits, the average digit, and
    noise.
    """
    rng = np.random.default_rng(seed)
    reader = metrics.digit_classifier(weights)
    real = metrics.features_of(reader, data.x_test)
    crowds = {
        "real": data.x_train,
        "mean": data.x_train.mean(0, keepdim=True).expand(1000, -1, -1, -1),
        "noise": rng.random((1000, 1, 28, 28), dtype=np.float32),
    }
    found = {
        f"frechet_{name}": metrics.frechet(metrics.features_of(reader, crowd), real)
        for name, crowd in crowds.items()
    }
    with torch.no_grad():
        read = reader(data.x_test).argmax(1)
    return {"accuracy": (read == data.y_test).float().mean().item()} | found
