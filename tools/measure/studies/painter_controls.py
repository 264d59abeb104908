"""Controls for lesson 09's text to image, five seeds: guidance in the second half only, real
pictures that the network finishes, and a network that outputs v with a way around its bottleneck.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils import runtime
from course_utils.lesson03 import Minibatches, fit
from course_utils.lesson09 import shapes
from course_utils.lesson09.taught import (
    NO_WORDS,
    Painter,
    follow,
    painting_loss,
    straight,
    time_features,
    velocity,
    withheld,
)

SEEDS, EPOCHS = range(5), 40


class Around(Painter):
    """A painter whose output has a multiple of x added, learned for each time."""

    def __init__(self) -> None:
        super().__init__()
        self.around = nn.Linear(16, 1)

    def forward(self, x: Tensor, t: Tensor, c: Tensor) -> Tensor:
        return super().forward(x, t, c) + self.around(time_features(t))[:, :, None, None] * x


def run() -> dict[str, np.ndarray]:
    """Per measure, of five seeds: new captions obeyed by clean pictures and the standard deviation
    of the shape's center with w = 1, w = 2, and w = 2 from t = 0.5 on; the latter of real pictures
    noised to t = 0.9 and finished; clean pictures of the network that outputs v.
    """
    pictures, labels = shapes.sample(4000, runtime.rng(10))
    seen, asked = ~withheld(labels), shapes.all_captions().repeat(20, 1)  # (720, 3)
    new, real = withheld(asked), _real(asked)
    found: dict[str, list[float]] = {"real": [shapes.variety(real[~new], asked[~new])]}

    def note(name: str, value: Any) -> None:
        found.setdefault(name, []).append(float(value))

    for seed in SEEDS:
        painter = _trained(Painter, pictures[seen], labels[seen], seed, "x0")
        for name, w, since in (("w = 1", 1.0, 0.0), ("w = 2", 2.0, 0.0), ("late", 2.0, 0.5)):
            x = _asked(painter, asked, w, since, 100 + seed)
            note(f"new, clean, {name}", shapes.obeyed(x, asked)[new].float().mean())
            note(f"variety, {name}", shapes.variety(x[~new], asked[~new]))
        noisy = 0.9 * real + 0.1 * torch.randn_like(real)
        x = _path(partial(velocity, painter, c=asked), noisy, 9)
        note("variety, finished", shapes.variety(x[~new], asked[~new]))
        around = _trained(Around, pictures[seen], labels[seen], seed, "v")
        x = _path(partial(velocity, around, c=asked, kind="v"), torch.randn_like(real), 0)
        note("clean, around", (shapes.read(x)[1] < shapes.CLEAN).float().mean())
        print(seed, {name: round(values[-1], 3) for name, values in found.items()}, flush=True)
    return {name: np.array(values, dtype=np.float32) for name, values in found.items()}


def _path(model: Any, x: Tensor, first: int) -> Tensor:
    """The last picture of a path in ten steps, from step `first` on."""
    return follow(model, x, straight(10)[first:], "v")[-1].clamp(-1, 1)


def _asked(painter: Painter, c: Tensor, w: float, since: float, seed: int) -> Tensor:
    """Pictures of captions c, guided with scale w from the time `since` on."""
    torch.manual_seed(seed)

    def guided(x: Tensor, t: Tensor) -> Tensor:
        with_words = velocity(painter, x, t, c)
        if t[0] < since - 1e-6:
            return with_words
        without = velocity(painter, x, t, torch.tensor(NO_WORDS).expand_as(c))
        return without + w * (with_words - without)

    return _path(guided, torch.randn(len(c), 3, 16, 16), 0)


def _trained(make: Any, x: Tensor, c: Tensor, seed: int, kind: str) -> Any:
    """Trained as in the lesson."""
    torch.manual_seed(seed)
    painter, loader = make(), Minibatches(x, c, size=128)
    optimizer = torch.optim.AdamW(painter.parameters(), lr=2e-3, fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2e-3, total_steps=EPOCHS * len(loader), pct_start=0.1
    )
    loss_fn = partial(painting_loss, kind=kind)
    fit(painter, loader, lambda p, batch: loss_fn(p, *batch), optimizer, EPOCHS, scheduler)
    return painter


def _real(asked: Tensor) -> Tensor:
    """Real pictures of the captions."""
    rng = np.random.default_rng(0)
    shift = rng.uniform(-0.75, 0.75, (len(asked), 2))
    return shapes.draw(asked, shift, rng.uniform(2.8, 3.6, len(asked)))[0]
