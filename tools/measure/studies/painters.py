"""Lesson 09's text to image with five seeds: what guidance buys and what it costs."""

from __future__ import annotations

import math

import numpy as np
import torch

from course_utils import runtime
from course_utils.lesson03 import Minibatches, fit
from course_utils.lesson09 import shapes
from course_utils.lesson09.taught import Painter, ask, painting_loss, withheld

SCALES, SEEDS, EPOCHS = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0), range(5), 40
PAIRS = {"green triangle": 2, "blue circle": 0}  # what is withheld, and its shape


def run() -> dict[str, np.ndarray]:
    """Per measure (5 seeds, 7 scales): captions obeyed, known and new, and each new pair; new ones
    obeyed by clean pictures; clean pictures, also before their colors are clipped; and the standard
    deviation of the shape's center. `real` is that of real pictures.
    """
    pictures, labels = shapes.sample(4000, runtime.rng(10))
    seen, asked = ~withheld(labels), shapes.all_captions().repeat(20, 1)  # (720, 3)
    new = withheld(asked)
    pairs = {name: new & (asked[:, 0] == shape) for name, shape in PAIRS.items()}
    names = ("known", "new", *PAIRS, "new, clean", "clean", "clean, unclipped", "variety")
    found = {name: np.zeros((len(SEEDS), len(SCALES)), dtype=np.float32) for name in names}
    for i, seed in enumerate(SEEDS):
        painter = _painter(pictures[seen], labels[seen], seed)
        for j, w in enumerate(SCALES):
            torch.manual_seed(100 + seed)
            unclipped = ask(painter, asked, w, limit=math.inf)[-1]
            found["clean, unclipped"][i, j] = _clean(unclipped)
            x = unclipped.clamp(-1, 1)
            caption, _ = shapes.read(x)
            right = (caption == asked).all(dim=1).float()
            found["known"][i, j], found["new"][i, j] = right[~new].mean(), right[new].mean()
            for name, rows in pairs.items():
                found[name][i, j] = right[rows].mean()
            found["new, clean"][i, j] = shapes.obeyed(x, asked)[new].float().mean()
            found["clean"][i, j] = _clean(x)
            found["variety"][i, j] = shapes.variety(x[~new], asked[~new])
        print(
            seed, {name: values[i].round(2).tolist() for name, values in found.items()}, flush=True
        )
    return found | {"w": np.array(SCALES), "real": np.array(_real(asked[~new]))}


def _clean(x: torch.Tensor) -> torch.Tensor:
    """The share of pictures that are clean."""
    return (shapes.read(x)[1] < shapes.CLEAN).float().mean()


def _painter(x: torch.Tensor, c: torch.Tensor, seed: int) -> Painter:
    """Trained as in the lesson."""
    torch.manual_seed(seed)
    painter, loader = Painter(), Minibatches(x, c, size=128)
    optimizer = torch.optim.AdamW(painter.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2e-3, total_steps=EPOCHS * len(loader), pct_start=0.1
    )
    fit(painter, loader, lambda p, batch: painting_loss(p, *batch), optimizer, EPOCHS, scheduler)
    return painter


def _real(asked: torch.Tensor) -> float:
    """The variety of real pictures of the same captions."""
    rng = np.random.default_rng(0)
    shift = rng.uniform(-0.75, 0.75, (len(asked), 2))
    pictures, _ = shapes.draw(asked, shift, rng.uniform(2.8, 3.6, len(asked)))
    return shapes.variety(pictures, asked)
