"""Captioned shapes: 16 x 16 pictures of one shape, and a classifier that says what a picture shows.

A caption is three numbers, (shape, color, place), or a sentence such as "a green triangle, top
left". Pictures are (N, 3, 16, 16) tensors in [-1, 1]; the paper is white, 1 in all three channels.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

SHAPES = ("circle", "square", "triangle")
COLORS = ("orange", "green", "blue")
PLACES = ("top left", "top right", "bottom left", "bottom right")
WORDS = (SHAPES, COLORS, PLACES)
SIZE = 16
# red, green, blue of each color
INK = np.array([[0.90, 0.45, 0.0], [0.0, 0.62, 0.45], [0.0, 0.40, 0.75]])
# a picture is clean if the best drawing explains it to this root mean square, on a scale from 0 to
# 1
CLEAN = 0.10


def sample(n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """n random pictures with their captions: (n, 3, 16, 16) in [-1, 1], (n, 3) int64. Place and
    size vary a little.
    """
    labels = np.stack([rng.integers(len(words), size=n) for words in WORDS], axis=1)  # (n, 3)
    return draw(
        labels, shift=rng.uniform(-0.75, 0.75, size=(n, 2)), radius=rng.uniform(2.8, 3.6, size=n)
    )


def draw(labels: Any, shift: Any = 0.0, radius: Any = 3.2) -> tuple[Tensor, Tensor]:
    """The pictures of captions (N, 3), each moved by `shift` (N, 2) pixels right and down:
    pictures, captions.
    """
    import torch

    labels = np.asarray(labels)
    shape, color, place = labels.T
    ink = masks(
        shape, place, np.broadcast_to(shift, (len(labels), 2)), np.broadcast_to(radius, len(labels))
    )
    pictures = 1 - ink[:, None] * (1 - INK[color])[:, :, None, None]  # (N, 3, 16, 16) in [0, 1]
    return torch.tensor(2 * pictures - 1, dtype=torch.float32), torch.tensor(
        labels, dtype=torch.int64
    )


def masks(
    shape: np.ndarray, place: np.ndarray, shift: np.ndarray, radius: np.ndarray
) -> np.ndarray:
    """Where the ink is, with soft edges: (N,), (N,), (N, 2), (N,) -> (N, 16, 16) in [0, 1]."""
    pixel = np.arange(SIZE) + 0.5
    dx = pixel - (4.5 + 7 * (place % 2) + shift[:, 0])[:, None, None]  # (N, 1, 16)
    dy = pixel[:, None] - (4.5 + 7 * (place // 2) + shift[:, 1])[:, None, None]  # (N, 16, 1)
    r = radius[:, None, None]
    outside = np.stack(
        np.broadcast_arrays(  # how far a pixel is outside each shape, in pixels
            np.hypot(dx, dy) - r,
            np.maximum(abs(dx), abs(dy)) - 0.88 * r,
            np.maximum(dy - 0.8 * r, 0.5 * (1.8 * abs(dx) - dy - r)),
        )
    )  # (3, N, 16, 16)
    return np.clip(0.5 - outside[shape, np.arange(len(shape))], 0, 1)


def all_captions() -> Tensor:
    """Every caption once: (36, 3)."""
    import torch

    return torch.tensor(list(product(*(range(len(words)) for words in WORDS))))


def caption(label: Any) -> str:
    """The sentence of a caption (3,): "a green triangle, top left"."""
    shape, color, place = (words[int(i)] for words, i in zip(WORDS, label, strict=True))
    return f"a{'n' if color == 'orange' else ''} {color} {shape}, {place}"


def parse(text: str) -> Tensor:
    """The caption (3,) that a sentence asks for. Raises ValueError, with the words that are known,
    for any other.
    """
    import torch

    found = [
        [i for i, word in enumerate(words) if re.search(rf"\b{word}\b", text.lower())]
        for words in WORDS
    ]
    if any(len(hits) != 1 for hits in found):
        known = "; ".join(" or ".join(words) for words in WORDS)
        raise ValueError(f"{text!r} should name one shape, one color and one place: {known}.")
    return torch.tensor([hits[0] for hits in found])


def read(pictures: Any) -> tuple[Tensor, Tensor]:
    """What pictures show: captions (N, 3), and the misfit (N,) of the best of 1,728 drawings, 0 for
    a perfect match.

    Every shape, color, place, size and small shift is tried, and the nearest in least squares is
    what the picture shows; nothing is trained. The misfit is a root mean square over pixels on a
    scale from 0 to 1; see `CLEAN`.
    """
    import torch

    labels, drawings = _drawings()
    flat = torch.as_tensor(pictures).detach().cpu().float().flatten(1)  # (N, 768)
    found = [
        torch.cdist(part, drawings, compute_mode="use_mm_for_euclid_dist").min(dim=1)
        for part in flat.split(500)
    ]
    distance, best = (torch.cat(parts) for parts in zip(*found, strict=True))
    return labels[best], distance / (2 * drawings.shape[1] ** 0.5)


def obeyed(pictures: Any, asked: Any) -> Tensor:
    """Whether each picture is clean and shows all three things asked for: (N, 3, 16, 16),
    (N, 3) -> bool (N,)
    """
    import torch

    seen, misfit = read(pictures)
    return (seen == torch.as_tensor(asked).cpu()).all(dim=1) & (misfit < CLEAN)


def centers(pictures: Any) -> tuple[Tensor, Tensor]:
    """Where the ink of each picture is, and how much: mean pixel (N, 2), right and down, and number
    of inked pixels (N,).
    """
    import torch

    ink = (1 - torch.as_tensor(pictures).detach().cpu().float()).sum(dim=1) > 1.0  # (N, 16, 16)
    area = ink.sum(dim=(1, 2)).clamp_min(1).float()  # (N,)
    pixel = torch.arange(SIZE) + 0.5
    across = (ink.sum(dim=1) * pixel).sum(dim=1) / area
    down = (ink.sum(dim=2) * pixel).sum(dim=1) / area
    return torch.stack([across, down], dim=1), area


def variety(pictures: Any, asked: Any) -> float:
    """The standard deviation of the shape's center among pictures of one caption, in pixels: the
    mean over captions and both directions, of pictures that are clean and show what was asked for.
    nan where there are too few.
    """
    import torch

    asked = torch.as_tensor(asked).cpu()
    where, good = centers(pictures)[0], obeyed(pictures, asked)
    groups = [where[(asked == caption).all(dim=1) & good] for caption in all_captions()]
    stds = [group.std(dim=0).mean() for group in groups if len(group) >= 5]
    return torch.stack(stds).mean().item() if stds else float("nan")


@cache
def _drawings() -> tuple[Tensor, Tensor]:
    """Everything the classifier compares with: captions (1728, 3) and pictures (1728, 768)."""
    steps = (-0.75, -0.25, 0.25, 0.75)
    every = list(product(all_captions().tolist(), product(steps, steps), (2.8, 3.2, 3.6)))
    pictures, labels = draw(
        [e[0] for e in every], np.array([e[1] for e in every]), np.array([e[2] for e in every])
    )
    return labels, pictures.flatten(1)
